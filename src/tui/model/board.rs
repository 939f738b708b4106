//! Where the user looks on the board: columns, order, filter, what is hidden.
//!
//! Holds the choice that is kept between starts, the filter that was last read without a mistake (so that a slip while
//! typing never empties the list), and the recipes that are listed, by their places in the snapshot; these are found
//! anew with each snapshot and each choice, not for each frame. The selection stays on its recipe whatever the order.

use std::collections::BTreeSet;
use std::sync::Arc;

use toji::base::Key;
use toji::session::board::choice::Choice;
use toji::session::board::filter::{Completion, Filter, Mistake, complete, parse};
use toji::session::board::{Table, facts, series};
use toji::session::command::Command;
use toji::session::snapshot::Recipe;

use super::line::Line;
use super::{Model, Popup, View};

/// See the file's head.
#[derive(Clone, Debug, Default)]
pub struct Listing {
    /// What the user chose.
    pub choice: Choice,
    /// The recipes that are listed, by their places in the snapshot.
    pub listed: Vec<usize>,
    /// The filter as it is typed.
    pub line: Line,
    /// What is wrong with it.
    pub mistake: Option<Mistake>,
    /// What may come next in it.
    pub completion: Completion,
    /// The candidate that stands in the line by now, and the line before.
    pub cycle: Option<(usize, Line)>,
    /// The filter that holds: the last one without a mistake.
    filter: Filter,
    /// The choice that is kept by now.
    kept: Choice,
    /// The recipe at whose epoch all are compared while they are sorted by that.
    beside: Option<String>,
    /// What can be taken back, the newest last.
    pub done: Vec<Done>,
}

/// Something that can be taken back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Done {
    /// A recipe was hidden.
    Hid(String),
    /// These were brought back.
    Unhid(BTreeSet<String>),
    /// A recipe was pinned, or its pin taken off; which one was pinned before.
    Pinned {
        /// The recipe.
        recipe: String,
        /// The pin before.
        before: Option<String>,
    },
    /// A submission's final mark; whether it had it before.
    Final {
        /// The submission.
        hash: Key,
        /// Whether it was marked.
        was: bool,
    },
}

impl Done {
    /// Whether it is taken back on the ledger; else on the board.
    pub fn is_of_ledger(&self) -> bool {
        matches!(self, Done::Final { .. })
    }
}

/// So many steps can be taken back.
const DEPTH: usize = 50;

impl Model {
    /// The snapshot as a table.
    pub fn table(&self) -> Table<'_> {
        let table = Table::of(&self.snapshot, None);
        let sorted = self.board.choice.sort == "same";
        let beside = self.board.beside.as_ref().filter(|_| sorted).unwrap_or(&self.selected);
        let reached = |name: &str| series::reached(&self.named(name)?.curves, table.metric);
        let at = reached(beside).or_else(|| reached(self.snapshot.pin.as_deref()?));
        Table { at, ..table }
    }

    /// Takes the choice that was kept, with the first snapshot.
    pub fn take_choice(&mut self) {
        self.board.choice = (*self.snapshot.choice).clone();
        self.board.kept = self.board.choice.clone();
        let read = parse(&self.board.choice.filter);
        self.board.filter = read.unwrap_or_default();
    }

    /// Finds anew which recipes are listed, and in which order.
    pub fn relist(&mut self) {
        let snapshot = Arc::clone(&self.snapshot);
        let table = Table { at: self.table().at, ..Table::of(&snapshot, None) };
        self.board.listed = table.listed(&self.board.choice, &self.board.filter);
    }

    /// Lists anew after a choice; where the selected recipe is not listed any more, its neighbour is selected.
    pub fn rearrange(&mut self) {
        let was = std::mem::take(&mut self.board.listed);
        let snapshot = Arc::clone(&self.snapshot);
        self.relist();
        self.settle(&snapshot, &was);
    }

    /// The listed recipes, in order.
    pub fn on_board(&self) -> impl Iterator<Item = &Recipe> {
        self.board.listed.iter().filter_map(|place| self.snapshot.recipes.get(*place)).map(|recipe| &**recipe)
    }

    /// Whether a recipe is listed.
    pub fn is_listed(&self, name: &str) -> bool {
        self.on_board().any(|recipe| recipe.name == name)
    }

    /// "3/7", the place of the selected recipe among those that are listed.
    pub fn place_in_list(&self) -> String {
        match self.on_board().position(|recipe| recipe.name == self.selected) {
            Some(index) => format!("{}/{}", index + 1, self.board.listed.len()),
            None => "not listed".to_owned(),
        }
    }

    /// How many recipes of this project are hidden.
    pub fn hidden(&self) -> usize {
        self.snapshot.recipes.iter().filter(|recipe| self.board.choice.hidden.contains(&recipe.name)).count()
    }

    /// Reads the filter that is typed: where it has no mistake it holds from now on.
    pub fn read_filter(&mut self) {
        let text = self.board.line.text().to_owned();
        let read = parse(&text).and_then(|filter| match filter.check(&self.table()) {
            Some(mistake) => Err(mistake),
            None => Ok(filter),
        });
        self.board.completion = complete(&text, self.board.line.cursor(), &self.table());
        match read {
            Ok(filter) => {
                self.board.filter = filter;
                self.board.choice.filter = text.trim().to_owned();
                self.board.mistake = None;
                self.rearrange();
            }
            Err(mistake) => self.board.mistake = Some(mistake),
        }
    }

    /// What must be kept of the choice; `None` where it is kept, or still being made.
    pub fn keep_choice(&mut self) -> Option<Command> {
        let open = matches!(self.popup, Some(Popup::Filter | Popup::Columns { .. })) && self.view == View::Board;
        if open || !self.loaded || self.board.kept == self.board.choice {
            return None;
        }
        self.board.kept = self.board.choice.clone();
        Some(Command::Arrange { choice: self.board.choice.clone() })
    }

    /// Sorts by a column in its usual direction.
    pub fn sort_by(&mut self, name: &str) {
        self.board.beside = Some(self.selected.clone());
        self.board.choice.sort = name.to_owned();
        self.board.choice.reverse = false;
        self.rearrange();
    }

    /// What the board is sorted by, in words.
    pub fn order_in_words(&self) -> String {
        let choice = &self.board.choice;
        let greatest = self.table().greatest_first(&choice.sort) != choice.reverse;
        match (choice.sort.as_str(), greatest) {
            ("name", false) => "by name".to_owned(),
            ("name", true) => "by name, from the end".to_owned(),
            (name, true) => format!("by {name}, greatest first"),
            (name, false) => format!("by {name}, least first"),
        }
    }

    /// What columns can be chosen: facts, then the keys in which the listed recipes differ, then chosen ones that are neither.
    pub fn offered_columns(&self) -> Vec<(String, &'static str)> {
        let facts = facts::FACTS.iter().filter(|fact| fact.name != "name");
        let mut all: Vec<(String, &'static str)> = facts.map(|fact| (fact.name.to_owned(), fact.about)).collect();
        let mut more = self.table().differing(&self.board.listed);
        more.extend(self.board.choice.columns.iter().cloned());
        for name in more {
            if all.iter().all(|(known, _)| *known != name) {
                all.push((name, "a key of recipes"));
            }
        }
        all
    }

    /// Remembers what can be taken back.
    pub fn remember(&mut self, done: Done) {
        self.board.done.push(done);
        if self.board.done.len() > DEPTH {
            self.board.done.remove(0);
        }
    }

    /// The newest thing that can be taken back on the present screen.
    pub fn last_done(&self) -> Option<usize> {
        self.board.done.iter().rposition(|done| done.is_of_ledger() == (self.view == View::Ledger))
    }
}
