//! Everything that a key can mean.
//!
//! Given by the key table, taken by `update`. An action names an intention, never a key.

use super::model::View;
use super::model::curves::Chart;
use super::model::line::Edit;

/// An intention of the user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// Leave the workbench.
    Quit,
    /// Stop the process until the shell continues it.
    Suspend,
    /// Show what frames cost the line, or no longer.
    Meter,
    /// Write the whole screen anew.
    Redraw,
    /// Look at the files again.
    Refresh,
    /// Show or hide the keys.
    Help,
    /// Close the popup, or go back to the board.
    Back,
    /// Go to a view.
    Show(View),
    /// The view after this one.
    NextView,
    /// The view before this one.
    PreviousView,
    /// Move within the view.
    Move(Motion),
    /// The recipe after this one.
    NextRecipe,
    /// The recipe before this one.
    PreviousRecipe,
    /// Draw this recipe's curves, or no longer.
    Mark,
    /// Forget all marks.
    ClearMarks,
    /// About the charts of the curves.
    Chart(Chart),
    /// Run up to the rung that it had last.
    Run,
    /// Ask which rung to run.
    ChooseRung,
    /// Run up to this rung.
    RunRung(Rung),
    /// Run up to the rung in this place of the recipe's ladder, from 1.
    RunPlace(u8),
    /// Run what is cheap of it.
    RunPart,
    /// Put the waiting job before all others.
    First,
    /// Move the waiting job up by one place, or down.
    Shift(Motion),
    /// Take the waiting job out of the queue.
    TakeOut,
    /// Pause the queue, or let it go on.
    Pause,
    /// Show the log over the whole screen, or no longer.
    LargeLog,
    /// Do what the decider says: stop, or go on to the next rung.
    Follow,
    /// Ask whether to stop.
    AskStop,
    /// Stop.
    Stop,
    /// Compare with this recipe, or no longer.
    Pin,
    /// Mark the submission as final, or no longer.
    MarkFinal,
    /// Ask the metric laboratory about the submission.
    Lab,
    /// Put the cursor on the next name of the page that can be explained.
    NextName,
    /// Put it on the name before.
    PreviousName,
    /// Explain the name under the cursor.
    Explain,
    /// Open the user's editor at the cursor's line.
    OpenEditor,
    /// Fold the part of the page under the cursor, further or no longer.
    Fold,
    /// Fold all outputs, all cells, nothing.
    FoldAll,
    /// Type another value for the setting under the cursor.
    Change,
    /// Have what is typed checked and written.
    SetValue,
    /// Take the last change of the recipe's text back.
    UndoChange,
    /// Edit the line that is typed.
    Line(Edit),
    /// Show the selected photo large.
    Zoom,
    /// The photo after this one, or before it.
    Turn(Motion),
    /// The queries that the selected recipe lost against the first of those compared.
    Lost,
    /// Ask why the answer stands where it does.
    Why,
    /// By the light of what each place adds, or as it is.
    Light,
    /// Queries in the next order.
    NextOrder,
    /// Queries beside the next recipe: the pin, marked ones, none.
    Against,
    /// The kind of suspects after this one.
    NextKind,
    /// The kind before.
    PreviousKind,
    /// Also suspects below their list's threshold, or no longer.
    Below,
    /// Decide about the suspect.
    Decide(Decision),
    /// Ask whether to decide so about all suspects that show.
    AskAll(Decision),
    /// Decide so.
    DecideAll,
    /// Take the last decision back.
    Undo,
    /// Have the review of the selected recipe made.
    Review,
    /// Type a filter.
    AskFilter,
    /// One more character.
    Type(char),
    /// One character less.
    Erase,
    /// No filter.
    ClearFilter,
    /// Keep the filter that was typed.
    AcceptFilter,
    /// The next thing that may come in the filter, or the one before.
    Complete(bool),
    /// Sort the board by its next column.
    Sort,
    /// The other way round.
    Reverse,
    /// Choose columns.
    Columns,
    /// Show this column, or no longer.
    ToggleColumn,
    /// Sort by this column.
    SortHere,
    /// The columns of who chose none.
    UsualColumns,
    /// Folds and seeds one by one, or a row a recipe.
    Folds,
    /// Do not list this recipe.
    Hide,
    /// List all hidden recipes again.
    Unhide,
    /// Show all actions.
    Palette,
    /// Do the chosen one.
    Do,
}

/// What can be decided about a suspect; named as in `edits.csv`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Decision {
    /// It is right as it is.
    Keep,
    /// Leave the photo out.
    Drop,
    /// Give it the proposed label.
    Relabel,
    /// Only the proposed part of it.
    Crop,
    /// Keep it and those with it in one fold.
    Group,
}

impl Decision {
    /// Its name in `edits.csv`.
    pub fn name(self) -> &'static str {
        match self {
            Decision::Keep => "keep",
            Decision::Drop => "drop",
            Decision::Relabel => "relabel",
            Decision::Crop => "crop",
            Decision::Group => "group",
        }
    }

    /// What it needs beside the photo.
    pub fn value(self) -> &'static str {
        match self {
            Decision::Keep | Decision::Drop => "nothing",
            Decision::Relabel => "other label",
            Decision::Crop => "crop",
            Decision::Group => "group",
        }
    }
}

/// A movement: a selection on the board, a scroll elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Motion {
    /// One down.
    Down,
    /// One up.
    Up,
    /// Half a screen down.
    HalfDown,
    /// Half a screen up.
    HalfUp,
    /// A screen down.
    PageDown,
    /// A screen up.
    PageUp,
    /// To the first.
    Top,
    /// To the last.
    Bottom,
}

/// A step of the ladder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Rung {
    /// A short try.
    Smoke,
    /// One fold.
    Holdout,
    /// All folds.
    Full,
    /// More seeds.
    Seeds,
    /// The first fold by three seeds.
    Noise,
}

impl Rung {
    /// The name that recipes and commands use.
    pub fn name(self) -> &'static str {
        match self {
            Rung::Smoke => "smoke",
            Rung::Holdout => "holdout",
            Rung::Full => "full",
            Rung::Seeds => "seeds",
            Rung::Noise => "noise",
        }
    }
}
