//! Where the user is on pages: what is folded, and a value that is being changed.
//!
//! Folds are remembered for each recipe as long as the workbench runs, by what they fold (a heading's text, a cell's first line), so that they stay
//! where they are when lines are added above. A value is typed in a popup, which waits for the session's answer and shows what would be wrong.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use toji::session::command::Command;
use toji::session::snapshot::{Answer, Block, Name, Problem, Recipe};

use super::line::Line;
use super::{Model, View};

/// See the file's head.
#[derive(Clone, Debug, Default)]
pub struct Paging {
    /// What is folded, by recipe.
    pub folds: BTreeMap<String, Folds>,
    /// The file that an editor shall open, and the line in it.
    pub opens: Option<(PathBuf, usize)>,
    /// The number of the last change that was asked for.
    asked: u64,
    /// The recipe whose page was asked for last with what its stages gave.
    looked: Option<String>,
}

/// What of a page is folded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Folds {
    /// Sections, by their headings.
    pub sections: BTreeSet<String>,
    /// Cells, with their outputs.
    pub cells: BTreeSet<String>,
    /// Outputs of cells.
    pub outputs: BTreeSet<String>,
}

/// A part of a page that can be folded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// A heading with what stands under it.
    Section(String),
    /// A cell; whether it has outputs.
    Cell(String, bool),
    /// Prose before any heading.
    Loose,
}

/// Names for parts: their text, counted where it stands more than once.
#[derive(Debug, Default)]
pub struct Ids(BTreeMap<String, usize>);

impl Ids {
    /// The next part with this text.
    pub fn next(&mut self, text: &str) -> String {
        let count = self.0.entry(text.to_owned()).or_insert(0);
        *count += 1;
        if *count == 1 { text.to_owned() } else { format!("{text} {count}") }
    }
}

/// The text by which a cell is known: its first line that says something.
pub fn head(cell: &str) -> &str {
    let says = |line: &&str| !line.is_empty() && !line.starts_with('#');
    cell.lines().map(str::trim).find(says).unwrap_or("[]")
}

impl Folds {
    /// Folds the part further: a cell's outputs, then the cell, then nothing of it; a section, then nothing. Whether it could be.
    pub fn turn(&mut self, part: &Part) -> bool {
        match part {
            Part::Section(id) => {
                if !self.sections.remove(id) {
                    self.sections.insert(id.clone());
                }
            }
            Part::Cell(id, has_outputs) => match (self.cells.remove(id), self.outputs.remove(id)) {
                (true, _) => {}
                (false, false) if *has_outputs => drop(self.outputs.insert(id.clone())),
                (false, _) => drop(self.cells.insert(id.clone())),
            },
            Part::Loose => return false,
        }
        true
    }

    /// Folds all outputs of a page, then all cells too, then nothing. What is folded now, in words.
    pub fn turn_all(&mut self, recipe: &Recipe) -> &'static str {
        let mut ids = Ids::default();
        let (mut cells, mut outputs) = (BTreeSet::new(), BTreeSet::new());
        for block in &recipe.page {
            if let Block::Cell { text, outputs: given, .. } = block {
                let id = ids.next(head(text));
                if !given.is_empty() {
                    outputs.insert(id.clone());
                }
                cells.insert(id);
            }
        }
        if self.cells == cells {
            *self = Folds::default();
            "all is unfolded"
        } else if self.outputs == outputs || outputs.is_empty() {
            *self = Folds { cells, ..Folds::default() };
            "all cells are folded; again: nothing"
        } else {
            *self = Folds { outputs, ..Folds::default() };
            "all outputs are folded; again: all cells"
        }
    }
}

/// A value that is being changed, or a key that is added to a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Whose.
    pub recipe: String,
    /// The setting; the table where a key is added.
    pub key: String,
    /// Whether `key = value` is typed.
    pub adds: bool,
    /// What stands there.
    pub was: String,
    /// One line about it.
    pub about: String,
    /// What is typed.
    pub line: Line,
    /// Number of the answer that is waited for.
    pub waits: Option<u64>,
    /// Why it was not written.
    pub problems: Vec<Said>,
}

/// A mistake that a value would make, as it is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// Where and what.
    pub what: String,
    /// What to do.
    pub help: Option<String>,
}

impl Change {
    /// Of the setting that a name on the page names.
    pub fn of(recipe: &str, name: &Name, about: &str) -> Change {
        let was = name.value.clone().unwrap_or_default();
        Change {
            recipe: recipe.to_owned(),
            key: name.key.clone(),
            adds: name.value.is_none(),
            line: Line::new(&was),
            was,
            about: about.to_owned(),
            waits: None,
            problems: Vec::new(),
        }
    }

    /// Asks for what is typed; `None` where that says nothing, which then stands among the problems.
    pub fn ask(&mut self, paging: &mut Paging) -> Option<Command> {
        let typed = self.line.text().trim();
        let (key, value) = match (self.adds, typed.split_once('=')) {
            (false, _) => (self.key.clone(), typed),
            (true, Some((key, value))) => (format!("{}.{}", self.key, key.trim()), value.trim()),
            (true, None) => {
                let what = "write it as in the cell: key = value".to_owned();
                self.problems = vec![Said { what, help: None }];
                return None;
            }
        };
        paging.asked += 1;
        self.waits = Some(paging.asked);
        self.problems.clear();
        let seen = (!self.adds).then(|| self.was.clone());
        let (number, recipe, value) = (paging.asked, self.recipe.clone(), value.to_owned());
        Some(Command::Set { number, recipe, key, value, seen, add: self.adds })
    }

    /// Takes the session's answer; whether it was written.
    pub fn answered(&mut self, answer: &Answer) -> bool {
        if self.waits != Some(answer.number) {
            return false;
        }
        self.waits = None;
        let said = |problem: &Problem| Said {
            what: match problem.line {
                0 => problem.message.clone(),
                line => format!("line {line}, column {}: {}", problem.column, problem.message),
            },
            help: problem.help.clone(),
        };
        self.problems = answer.problems.iter().map(said).collect();
        answer.problems.is_empty()
    }
}
impl Model {
    /// Asks for what the stages of the page that is shown gave, where it is another page than was asked for last.
    pub fn ask_page(&mut self) -> Option<Command> {
        if self.view != View::Page || self.selected.is_empty() || self.page.looked.as_ref() == Some(&self.selected) {
            return None;
        }
        self.page.looked = Some(self.selected.clone());
        Some(Command::Look { recipes: vec![self.selected.clone()] })
    }
}
