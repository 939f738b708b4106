//! Which recipes the user compares.
//!
//! Marked ones, or else the pin and the selected one; the pin comes first where it is among them, since the others are compared with the first.

use toji::session::command::Command;
use toji::session::errands::looking::compare::{Comparison, RECIPES};

use super::{Model, View};

/// See the file's head.
#[derive(Clone, Debug, Default)]
pub struct Comparing {
    /// What the session was asked for last.
    asked: Vec<String>,
}

impl Model {
    /// The recipes to compare, the first being the one that the others are compared with; fewer than two where there is nothing to compare.
    pub fn compared(&self) -> Vec<String> {
        let known = |name: &String| self.named(name).is_some();
        let pin = self.snapshot.pin.iter().filter(|name| known(name));
        let all: Vec<String> = match self.marked.len() {
            0 => pin.clone().chain([&self.selected].into_iter().filter(|name| known(name))).cloned().collect(),
            1 => self.marked.iter().chain([&self.selected].into_iter().filter(|name| known(name))).cloned().collect(),
            _ => self.marked.iter().cloned().collect(),
        };
        let first = pin.filter(|name| all.contains(name));
        let mut shown: Vec<String> = Vec::new();
        for name in first.chain(&all) {
            if !shown.contains(name) && shown.len() < *RECIPES.end() {
                shown.push(name.clone());
            }
        }
        shown
    }

    /// The comparison of these, where it has come.
    pub fn comparison(&self) -> Option<&Comparison> {
        Some(self.snapshot.compared.as_ref()).filter(|found| found.is_of(&self.compared()))
    }

    /// What the session must be asked for so that this screen has its comparison; `None` where it was.
    pub fn ask_compared(&mut self) -> Option<Command> {
        if self.view != View::Compare {
            return None;
        }
        let recipes = self.compared();
        if !RECIPES.contains(&recipes.len()) || self.comparing.asked == recipes {
            return None;
        }
        self.comparing.asked.clone_from(&recipes);
        Some(Command::Compare { recipes })
    }
}
