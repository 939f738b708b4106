//! Everything that a key can mean.
//!
//! Given by the key table, taken by `update`. An action names an intention, never a key.

use super::model::View;

/// An intention of the user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// Leave the workbench.
    Quit,
    /// Stop the process until the shell continues it.
    Suspend,
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
    /// Logarithmic or linear loss axis.
    LogScale,
    /// Both measures, only the loss, only the score.
    Measure,
    /// Run up to the rung that it had last.
    Run,
    /// Ask which rung to run.
    ChooseRung,
    /// Run up to this rung.
    RunRung(Rung),
    /// Run up to the rung in this place of the recipe's ladder, from 1.
    RunPlace(u8),
    /// Put the waiting job before all others.
    First,
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
