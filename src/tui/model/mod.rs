//! What the workbench remembers: the newest snapshot, and where the user looks.
//!
//! Takes snapshots and, through `update`, actions; gives the views all they need. It holds names,
//! not positions, so that a recipe that appears or goes does not move the selection.
//!
//! - [`board`]: order, columns and filter of the board; [`line`]: a line that is typed; [`page`]: folds, and a value that is changed;
//! - [`album`]: photos that have come; [`compare`]: which recipes are compared; [`curves`], [`queries`], [`review`] and [`queue`]: where the user
//!   looks among these; [`mod@why`]: why answers stand where they do.

pub mod album;
pub mod board;
pub mod compare;
pub mod curves;
pub mod line;
pub mod page;
pub mod queries;
pub mod queue;
pub mod review;
pub mod why;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ratatui::layout::Size;
use toji::base::Key;
use toji::session::errands::ledger::Submission;
use toji::session::snapshot::{Recipe, Snapshot, State};

use super::action::Decision;
use super::keys::Place;
use super::terminal::ask::Answers;
use super::terminal::meter::Reading;
use super::{Feed, Options, Start};
use album::Album;
use board::Listing;
use compare::Comparing;
use curves::Curves;
use line::Line;
use page::{Change, Paging};
use queries::Asking;
use queue::Queueing;
use review::{Edit, Looking};
use why::Whys;

/// One of the screens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum View {
    /// All recipes.
    #[default]
    Board,
    /// One recipe as a page.
    Page,
    /// Curves of several recipes.
    Curves,
    /// What would run of one recipe.
    Plan,
    /// Submissions beside the leaderboard.
    Ledger,
    /// Queries of one recipe with their answers.
    Queries,
    /// Suspects, to decide about.
    Review,
    /// Recipes side by side.
    Compare,
    /// What runs and waits, with a log.
    Queue,
}

impl View {
    /// In the order of the tabs.
    pub const ALL: [View; 9] = [
        View::Board,
        View::Page,
        View::Curves,
        View::Plan,
        View::Ledger,
        View::Queries,
        View::Review,
        View::Compare,
        View::Queue,
    ];

    /// The tab's text.
    pub fn title(self) -> &'static str {
        match self {
            View::Board => "Board",
            View::Page => "Page",
            View::Curves => "Curves",
            View::Plan => "Plan",
            View::Ledger => "Ledger",
            View::Queries => "Queries",
            View::Review => "Review",
            View::Compare => "Compare",
            View::Queue => "Queue",
        }
    }
}

/// What lies above the view.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Popup {
    /// The keys, scrolled by so many rows.
    Help {
        /// First row shown.
        scroll: usize,
    },
    /// What a name means, scrolled by so many rows.
    Explain {
        /// The name.
        topic: String,
        /// What is known about it.
        text: String,
        /// First row shown.
        scroll: usize,
    },
    /// "Stop it?"
    AskStop {
        /// Which recipe: the one that was selected when the question was asked.
        recipe: String,
    },
    /// "Up to which rung?"
    ChooseRung {
        /// Which recipe.
        recipe: String,
    },
    /// What the metric laboratory says, scrolled by so many rows.
    Lab {
        /// Of which submission.
        hash: Key,
        /// First row shown.
        scroll: usize,
    },
    /// One photo large: of the query with its answers, or of the suspect and those with it.
    Zoom {
        /// Which, from 0.
        at: usize,
    },
    /// Why an answer stands where it does.
    Why {
        /// The rank, from 1.
        at: usize,
        /// Whether photos are lit by what each place adds.
        lit: bool,
        /// Whether it was asked of the photo that shows large, to which it leads back.
        zoomed: bool,
    },
    /// "Decide so about all of these?"
    DecideAll {
        /// What is decided.
        decision: Decision,
        /// What is written, exactly.
        edits: Vec<Edit>,
        /// How many suspects are meant.
        suspects: usize,
        /// Suspects that show and for which it is not proposed.
        left_out: usize,
        /// Who suggests it, and a note.
        said: (String, String),
    },
    /// A filter is typed.
    Filter,
    /// A value is typed.
    Change(Box<Change>),
    /// "Which series?"
    Series,
    /// Columns are chosen.
    Columns {
        /// The one under the cursor.
        at: usize,
    },
    /// All actions.
    Palette {
        /// What is typed.
        line: Line,
        /// The chosen row.
        at: usize,
    },
}

/// What the event loop shall do after an action.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Wish {
    /// Go on.
    #[default]
    None,
    /// Leave.
    Quit,
    /// Stop the process.
    Suspend,
    /// Open the editor on what [`Paging::opens`] names.
    Edit,
    /// Forget what is on the terminal and write all of it.
    Redraw,
}

/// Everything that decides what the screen shows.
#[derive(Clone, Debug, Default)]
pub struct Model {
    /// The newest snapshot.
    pub snapshot: Arc<Snapshot>,
    /// Whether a snapshot has come at all.
    pub loaded: bool,
    /// Where to go once there are recipes.
    pub start: Option<Start>,
    /// The screen.
    pub view: View,
    /// Above it.
    pub popup: Option<Popup>,
    /// The recipe that actions are about; empty when there is none.
    pub selected: String,
    /// The submission that was selected; the newest where none was, or it is gone.
    pub chosen: Option<Key>,
    /// The selected recipe that vanished and whose neighbour is selected until it is back, or until the user selects.
    lost: Option<String>,
    /// Recipes whose curves the user chose.
    pub marked: BTreeSet<String>,
    /// The name on each recipe's page that the cursor is on, counted from the page's top.
    pub cursor: BTreeMap<String, usize>,
    /// First row shown, for each view and recipe that was scrolled.
    pub scroll: BTreeMap<(u8, String), usize>,
    /// Where the user looks among curves.
    pub curves: Curves,
    /// Order, columns and filter of the board.
    pub board: Listing,
    /// Where the user looks among queries.
    pub asking: Asking,
    /// Which recipes are compared.
    pub comparing: Comparing,
    /// Where the user looks among suspects.
    pub looking: Looking,
    /// Folds and changes of pages.
    pub page: Paging,
    /// Where the user looks in the queue and in a log.
    pub queueing: Queueing,
    /// Photos that have come.
    pub album: Album,
    /// Why answers stand where they do, as far as known.
    pub whys: Whys,
    /// The answer to the last key; gone with the next.
    pub reply: Option<String>,
    /// What frames cost, up to the one before; `None` where that is not shown.
    pub meter: Option<Reading>,
    /// For the event loop.
    pub wish: Wish,
    /// The terminal's size in cells.
    pub size: Size,
    /// Colours, characters and the way for pictures.
    pub options: Options,
    /// What the terminal has answered.
    pub answers: Answers,
}

impl Model {
    /// Nothing known yet.
    pub fn new(size: Size, options: Options) -> Model {
        Model { size, options, ..Model::default() }
    }

    /// Takes what the surroundings say; whether the screen may look different now.
    pub fn take(&mut self, feed: Feed) -> bool {
        match feed {
            Feed::Snapshot(snapshot) => self.take_snapshot(snapshot),
            Feed::Say(text) => {
                let changed = self.reply.as_deref() != Some(&text);
                self.reply = Some(text);
                changed
            }
            Feed::Photo(wish, loaded) => self.album.take(wish, loaded),
            Feed::Why(wish, found) => {
                self.whys.take(wish, *found);
                matches!(self.popup, Some(Popup::Why { .. }))
            }
            Feed::Quit => {
                self.wish = Wish::Quit;
                false
            }
        }
    }

    fn take_snapshot(&mut self, snapshot: Arc<Snapshot>) -> bool {
        if self.loaded && *self.snapshot == *snapshot {
            return false;
        }
        // Where the selected recipe is gone, its neighbour takes its place: for good, or for the moment in which an
        // editor has moved the old file away and not yet written the new one.
        if !self.snapshot.queries.shares_photos(&snapshot.queries) {
            // The tables were read again: a file may show another photo.
            self.album.clear();
        }
        let sorted = !Arc::ptr_eq(&self.snapshot.queries, &snapshot.queries);
        let old = std::mem::replace(&mut self.snapshot, snapshot);
        let was = std::mem::take(&mut self.board.listed);
        if !std::mem::replace(&mut self.loaded, true) {
            self.take_choice();
        }
        if sorted {
            self.whys = Whys::default();
            self.sort_queries();
        }
        self.relist();
        self.settle(&old, &was);
        if let Some(start) = self.start.take_if(|_| !self.snapshot.recipes.is_empty()) {
            self.go_to(&start);
        }
        let names: BTreeSet<&str> = self.snapshot.recipes.iter().map(|r| r.name.as_str()).collect();
        self.marked.retain(|name| names.contains(name.as_str()));
        let kept = |name: &String| names.contains(name.as_str()) || self.lost.as_ref() == Some(name);
        self.scroll.retain(|(_, name), _| kept(name));
        self.cursor.retain(|name, _| kept(name));
        if let (Some(Popup::Change(change)), Some(answer)) = (&mut self.popup, &self.snapshot.answer)
            && change.answered(answer)
        {
            (self.popup, self.reply) = (None, None);
        }
        let gone = match &self.popup {
            Some(Popup::AskStop { recipe }) => self.named(recipe).is_none_or(|r| !is_active(r.state)),
            Some(Popup::ChooseRung { recipe }) => self.named(recipe).is_none(),
            Some(Popup::Lab { hash, .. }) => self.snapshot.ledger.submissions.iter().all(|one| one.hash != *hash),
            Some(Popup::Zoom { .. } | Popup::Why { .. }) => match self.view {
                View::Review => self.suspect().is_none(),
                _ => self.query_at(self.query_index()).is_none(),
            },
            // A recipe that is away for a moment, as editors save, takes nothing that was typed away.
            Some(
                Popup::Help { .. }
                | Popup::Explain { .. }
                | Popup::DecideAll { .. }
                | Popup::Filter
                | Popup::Series
                | Popup::Columns { .. }
                | Popup::Palette { .. }
                | Popup::Change(_),
            )
            | None => false,
        };
        if gone {
            self.popup = None;
        }
        true
    }

    /// Opens the curves of a recipe, or of what runs; says why where that cannot be.
    fn go_to(&mut self, start: &Start) {
        let is_it = |recipe: &&Recipe| match &start.recipe {
            Some(name) => recipe.name == *name,
            None => recipe.state == State::Running,
        };
        match self.snapshot.recipes.iter().map(|recipe| &**recipe).find(is_it).map(|recipe| recipe.name.clone()) {
            Some(name) => (self.selected, self.view) = (name, View::Curves),
            None => {
                let named = start.recipe.as_ref().map(|name| format!("there is no recipe {name}"));
                self.reply = Some(named.unwrap_or_else(|| "nothing runs now".to_owned()));
            }
        }
    }

    /// Where keys are pressed.
    pub fn place(&self) -> Place {
        match &self.popup {
            None => Place::View(self.view),
            Some(Popup::Help { .. }) => Place::Help,
            Some(Popup::Explain { .. }) => Place::Explain,
            Some(Popup::AskStop { .. }) => Place::AskStop,
            Some(Popup::ChooseRung { .. }) => Place::ChooseRung,
            Some(Popup::Lab { .. }) => Place::Lab,
            Some(Popup::Zoom { .. }) => Place::Zoom,
            Some(Popup::Why { .. }) => Place::Why,
            Some(Popup::DecideAll { .. }) => Place::DecideAll,
            Some(Popup::Filter) if self.view == View::Board => Place::BoardFilter,
            Some(Popup::Filter) => Place::Filter,
            Some(Popup::Change(_)) => Place::Change,
            Some(Popup::Series) => Place::Series,
            Some(Popup::Columns { .. }) => Place::Columns,
            Some(Popup::Palette { .. }) => Place::Palette,
        }
    }

    /// The recipe of that name.
    pub fn named(&self, name: &str) -> Option<&Recipe> {
        self.snapshot.recipes.iter().find(|r| r.name == name).map(|recipe| &**recipe)
    }

    /// The selected recipe.
    pub fn recipe(&self) -> Option<&Recipe> {
        self.named(&self.selected)
    }

    /// The selected recipe's place in the list; where it is not listed, about where it would be.
    pub fn index(&self) -> usize {
        let listed = self.on_board().position(|r| r.name == self.selected);
        listed.unwrap_or_else(|| {
            let own = self.snapshot.recipes.iter().position(|r| r.name == self.selected).unwrap_or(0);
            self.board.listed.iter().filter(|place| **place < own).count()
        })
    }

    /// Selects by place in the list, the last one where there are fewer.
    pub fn select(&mut self, index: usize) {
        let last = self.board.listed.len().saturating_sub(1);
        self.lost = None;
        let name = self.on_board().nth(index.min(last)).map(|r| r.name.clone());
        self.selected = name.unwrap_or_default();
    }

    /// Selects by name, whether it is listed or not.
    pub fn select_named(&mut self, name: String) {
        self.lost = None;
        self.selected = name;
    }

    /// Where the selected recipe is gone, or the board does not list it any more, selects what is in its place; and itself again
    /// once it is back and the user has not selected meanwhile. Other screens keep a recipe that only the filter took away.
    /// `old` and `was` are the snapshot and the list before.
    fn settle(&mut self, old: &Snapshot, was: &[usize]) {
        if let Some(name) = self.lost.clone().filter(|name| self.is_listed(name)) {
            self.lost = None;
            self.selected = name;
        } else if self.recipe().is_none() || (self.view == View::Board && !self.is_listed(&self.selected)) {
            let lost = self.lost.take().unwrap_or_else(|| self.selected.clone());
            let named = |place: &usize| old.recipes.get(*place).map_or("", |recipe| recipe.name.as_str());
            let at = was.iter().position(|place| named(place) == self.selected).unwrap_or(0);
            let (before, after) = was.split_at(at.min(was.len()));
            let mut near = after.iter().chain(before.iter().rev()).map(named);
            match near.find(|name| self.is_listed(name)).map(str::to_owned) {
                Some(name) => self.selected = name,
                None => self.select(self.index()),
            }
            self.lost = Some(lost).filter(|name| !name.is_empty());
        }
    }

    /// The selected submission's place in the ledger, the newest first; 0 where there is none.
    pub fn submission_index(&self) -> usize {
        let chosen = |one: &Submission| Some(one.hash) == self.chosen;
        self.snapshot.ledger.submissions.iter().position(chosen).unwrap_or(0)
    }

    /// The selected submission.
    pub fn submission(&self) -> Option<&Submission> {
        self.snapshot.ledger.submissions.get(self.submission_index())
    }

    /// Whether all others are compared with this recipe.
    pub fn is_pin(&self, recipe: &Recipe) -> bool {
        self.snapshot.pin.as_deref() == Some(recipe.name.as_str())
    }

    /// First row of the selected recipe that this view shows.
    pub fn scrolled(&self) -> usize {
        self.scroll.get(&(self.view as u8, self.selected.clone())).copied().unwrap_or(0)
    }

    /// Scrolls this view of the selected recipe.
    pub fn scroll_to(&mut self, row: usize) {
        self.scroll.insert((self.view as u8, self.selected.clone()), row);
    }

    /// The recipes whose curves are drawn, with their places in the list: the marked ones, or else
    /// the pin, the selected and the running ones; beside a comparison those that are compared.
    pub fn drawn(&self) -> Vec<(usize, &Recipe)> {
        let compared = if self.view == View::Compare { self.compared() } else { Vec::new() };
        let chosen = |r: &Recipe| match self.marked.is_empty() {
            _ if self.view == View::Compare => compared.contains(&r.name),
            false => self.marked.contains(&r.name),
            true => self.is_pin(r) || r.name == self.selected || r.state == State::Running,
        };
        self.snapshot.recipes.iter().map(|recipe| &**recipe).enumerate().filter(|(_, r)| chosen(r)).collect()
    }
}

/// Whether a run of it can be stopped.
pub fn is_active(state: State) -> bool {
    matches!(state, State::Queued | State::Running)
}
