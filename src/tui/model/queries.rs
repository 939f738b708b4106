//! Where the user looks among a recipe's queries.
//!
//! Holds the order, the other recipe and the chosen query by name (its training and photo), so that new lists do not move the selection; the sorted
//! places are made once for each new list, not for each frame.

use std::sync::Arc;

use toji::session::command::Command;
use toji::session::errands::looking::queries::{Order, Queries, Query};

use super::{Model, View};

/// See the file's head.
#[derive(Clone, Debug, Default)]
pub struct Asking {
    /// In which order.
    pub order: Order,
    /// Beside which recipe.
    pub against: Option<String>,
    /// The chosen query: its training and its photo.
    pub chosen: Option<(String, u32)>,
    /// What the session was asked for last: a recipe and another.
    asked: Option<(String, Option<String>)>,
    /// Places of the snapshot's queries in that order.
    places: Arc<Vec<u32>>,
}

impl Model {
    /// The selected recipe's queries, where they have been read.
    pub fn queries(&self) -> Option<&Queries> {
        let found = &self.snapshot.queries;
        let beside = found.beside.as_ref().map(|beside| &beside.recipe);
        let is_it =
            found.recipe == self.selected && (found.missing.is_some() || beside == self.asking.against.as_ref());
        (is_it && !found.recipe.is_empty()).then_some(found)
    }

    /// The queries in the order that is shown.
    pub fn placed(&self) -> &[u32] {
        self.queries().map_or(&[], |_| &self.asking.places)
    }

    /// The chosen query's place in that order; the first where none was chosen, or it is gone.
    pub fn query_index(&self) -> usize {
        let (Some(queries), Some((training, photo))) = (self.queries(), &self.asking.chosen) else { return 0 };
        let is_it = |place: &u32| {
            let query = queries.queries.get(*place as usize);
            query.is_some_and(|query| query.photo == *photo && queries.training(query) == training)
        };
        self.placed().iter().position(is_it).unwrap_or(0)
    }

    /// The query at a place of the order.
    pub fn query_at(&self, index: usize) -> Option<&Query> {
        self.queries()?.queries.get(*self.placed().get(index)? as usize)
    }

    /// Chooses by place in the order.
    pub fn choose_query(&mut self, index: usize) {
        let found = self.query_at(index).zip(self.queries());
        self.asking.chosen = found.map(|(query, queries)| (queries.training(query).to_owned(), query.photo));
    }

    /// Sorts anew; the chosen query stays chosen.
    pub fn sort_queries(&mut self) {
        let order = if self.snapshot.queries.beside.is_none() && self.asking.order.compares() {
            Order::Worst
        } else {
            self.asking.order
        };
        self.asking.places = Arc::new(self.snapshot.queries.order(order));
    }

    /// With whom the queries can stand beside: the pin, then marked recipes.
    pub fn others(&self) -> Vec<String> {
        let pin = self.snapshot.pin.iter().filter(|name| self.named(name).is_some());
        let mut all: Vec<String> = pin.chain(&self.marked).filter(|name| **name != self.selected).cloned().collect();
        let mut met = Vec::new();
        all.retain(|name| {
            let new = !met.contains(name);
            met.push(name.clone());
            new
        });
        all
    }

    /// What the session must be asked for so that this screen has its queries; `None` where it was.
    pub fn ask_queries(&mut self) -> Option<Command> {
        if self.view != View::Queries || self.selected.is_empty() {
            return None;
        }
        if self.asking.against.as_ref() == Some(&self.selected) {
            self.asking.against = None;
        }
        let wish = (self.selected.clone(), self.asking.against.clone());
        if self.asking.asked.as_ref() == Some(&wish) {
            return None;
        }
        self.asking.asked = Some(wish.clone());
        let (recipe, against) = wish;
        Some(Command::Queries { recipe, against })
    }
}
