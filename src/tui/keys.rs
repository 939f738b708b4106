//! The one table of keys.
//!
//! Takes a key press and the place where it was pressed; gives an action. The same rows draw the
//! help (`?`) and the hint row, so a key that works is a key that is shown. Keys are written as
//! people read them: "j", "G", "ctrl+d", "enter".

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::action::{Action, Decision, Motion, Rung};
use super::model::View;
use super::model::curves::Chart;
use super::model::line::Edit;

/// Where a key is pressed: a view, or the popup above it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// A view with no popup.
    View(View),
    /// The help.
    Help,
    /// What a name means.
    Explain,
    /// "Stop it?"
    AskStop,
    /// "Up to which rung?"
    ChooseRung,
    /// What the metric laboratory says.
    Lab,
    /// One photo large.
    Zoom,
    /// Why an answer stands where it does.
    Why,
    /// "Decide so about all of these?"
    DecideAll,
    /// A filter is typed: other keys are its characters.
    Filter,
    /// A value is typed.
    Change,
    /// "Which series?"
    Series,
    /// The board's filter is typed.
    BoardFilter,
    /// Columns are chosen.
    Columns,
    /// An action is looked for: other keys are its characters.
    Palette,
}

impl Place {
    /// Whether text is typed there: keys that are in no row are its characters.
    pub fn takes_text(self) -> bool {
        matches!(self, Place::Filter | Place::Change | Place::BoardFilter | Place::Palette)
    }
}

/// One row of the table.
#[derive(Debug)]
pub struct Binding {
    /// The keys, the one to show first.
    pub keys: &'static [&'static str],
    /// What they mean.
    pub action: Action,
    /// Where they mean it.
    pub places: &'static [Place],
    /// For the help.
    pub help: &'static str,
    /// For the hint row; empty where the help is enough.
    pub hint: &'static str,
}

const BOARD: Place = Place::View(View::Board);
const PAGE: Place = Place::View(View::Page);
const CURVES: Place = Place::View(View::Curves);
const PLAN: Place = Place::View(View::Plan);

const LEDGER: Place = Place::View(View::Ledger);

const QUERIES: Place = Place::View(View::Queries);
const REVIEW: Place = Place::View(View::Review);
const COMPARE: Place = Place::View(View::Compare);
const QUEUE: Place = Place::View(View::Queue);

const EVERY_VIEW: &[Place] = &[BOARD, PAGE, CURVES, PLAN, LEDGER, QUERIES, REVIEW, COMPARE, QUEUE];
/// There `g` decides.
const BUT_REVIEW: &[Place] = &[BOARD, PAGE, CURVES, PLAN, LEDGER, QUERIES, COMPARE, QUEUE];
/// There `J` moves a job.
const BUT_QUEUE: &[Place] = &[BOARD, PAGE, CURVES, PLAN, LEDGER, QUERIES, REVIEW, COMPARE];
const RECIPES: &[Place] = &[BOARD, PAGE, CURVES, PLAN, QUERIES, COMPARE];
const PAGED: &[Place] = &[PAGE, PLAN, QUERIES, COMPARE];
const JOBS: &[Place] = &[BOARD, PAGE, CURVES, PLAN, QUERIES, COMPARE, QUEUE];
const LISTS: &[Place] = &[BOARD, CURVES];
const TEXTS: &[Place] = &[PAGE, PLAN, COMPARE];
/// Where a line is typed that is a `model::line::Line`.
const LINES: &[Place] = &[Place::Change, Place::BoardFilter, Place::Palette];
const LARGE: &[Place] = &[Place::Zoom, Place::Why];
const BOXED_TEXTS: &[Place] = &[Place::Help, Place::Explain, Place::Lab];

const fn row(
    keys: &'static [&'static str],
    action: Action,
    places: &'static [Place],
    hint: &'static str,
    help: &'static str,
) -> Binding {
    Binding { keys, action, places, help, hint }
}

/// All keys. The order is the order of the help and of the hints.
pub const BINDINGS: &[Binding] = &[
    // Popups first: their hints are all that counts while they are open.
    row(&["y", "enter"], Action::Stop, &[Place::AskStop], "stop it", "at the next clean place"),
    row(&["n", "esc", "q", "b"], Action::Back, &[Place::AskStop], "let it run", "close"),
    row(&["s"], Action::RunRung(Rung::Smoke), &[Place::ChooseRung], "smoke", "a short try"),
    row(&["h"], Action::RunRung(Rung::Holdout), &[Place::ChooseRung], "holdout", "one fold, all epochs"),
    row(&["f"], Action::RunRung(Rung::Full), &[Place::ChooseRung], "full", "all folds"),
    row(&["e"], Action::RunRung(Rung::Seeds), &[Place::ChooseRung], "seeds", "all folds by three seeds"),
    row(
        &["n"],
        Action::RunRung(Rung::Noise),
        &[Place::ChooseRung],
        "noise",
        "one fold by three seeds, which measure the noise",
    ),
    row(&["1"], Action::RunPlace(1), &[Place::ChooseRung], "", "the first rung of its ladder"),
    row(&["2"], Action::RunPlace(2), &[Place::ChooseRung], "", "the second"),
    row(&["3"], Action::RunPlace(3), &[Place::ChooseRung], "", "the third"),
    row(&["4"], Action::RunPlace(4), &[Place::ChooseRung], "", "the fourth"),
    row(&["5"], Action::RunPlace(5), &[Place::ChooseRung], "", "the fifth"),
    row(&["6"], Action::RunPlace(6), &[Place::ChooseRung], "", "the sixth"),
    row(&["esc", "q", "b"], Action::Back, &[Place::ChooseRung], "not now", "close"),
    row(&["esc", "q", "b", "?"], Action::Back, &[Place::Help], "close", "close the help"),
    row(&["esc", "q", "b", "enter", "K"], Action::Back, &[Place::Explain], "close", "close the explanation"),
    row(&["esc", "q", "b", "enter"], Action::Back, &[Place::Lab], "close", "close the metric lab"),
    row(&["n", "j", "l", "down", "right", "space"], Action::Turn(Motion::Down), LARGE, "next", "next photo"),
    row(&["p", "k", "h", "up", "left"], Action::Turn(Motion::Up), LARGE, "before", "photo before"),
    row(&["w"], Action::Why, &[Place::Zoom], "why", "which places make this answer like its query"),
    row(&["v"], Action::Light, &[Place::Why], "light", "by the light of what each place adds, or as it is"),
    row(&["g", "home"], Action::Turn(Motion::Top), LARGE, "", "the query, the suspect, the first answer"),
    row(&["G", "end"], Action::Turn(Motion::Bottom), LARGE, "", "the last"),
    row(&["]"], Action::Move(Motion::Down), LARGE, "", "next query or suspect"),
    row(&["["], Action::Move(Motion::Up), LARGE, "", "query or suspect before"),
    row(&["esc", "q", "b", "enter"], Action::Back, &[Place::Zoom], "close", "back to the list"),
    row(&["esc", "q", "b", "enter", "w"], Action::Back, &[Place::Why], "close", "back to the photo, or to the list"),
    row(&["enter", "y"], Action::DecideAll, &[Place::DecideAll], "write", "write it into edits.csv; u takes it back"),
    row(&["n", "esc", "q", "b"], Action::Back, &[Place::DecideAll], "leave it", "close"),
    row(&["1"], Action::Chart(Chart::Pick(1)), &[Place::Series], "", "show the series of this number, or no longer"),
    row(&["2"], Action::Chart(Chart::Pick(2)), &[Place::Series], "", "show the series of this number, or no longer"),
    row(&["3"], Action::Chart(Chart::Pick(3)), &[Place::Series], "", "show the series of this number, or no longer"),
    row(&["4"], Action::Chart(Chart::Pick(4)), &[Place::Series], "", "show the series of this number, or no longer"),
    row(&["5"], Action::Chart(Chart::Pick(5)), &[Place::Series], "", "show the series of this number, or no longer"),
    row(&["6"], Action::Chart(Chart::Pick(6)), &[Place::Series], "", "show the series of this number, or no longer"),
    row(&["7"], Action::Chart(Chart::Pick(7)), &[Place::Series], "", "show the series of this number, or no longer"),
    row(&["8"], Action::Chart(Chart::Pick(8)), &[Place::Series], "", "show the series of this number, or no longer"),
    row(&["9"], Action::Chart(Chart::Pick(9)), &[Place::Series], "", "show the series of this number, or no longer"),
    row(&["enter", "esc", "q", "b", "M"], Action::Back, &[Place::Series], "done", "close"),
    row(&["enter"], Action::Back, &[Place::Filter], "done", "keep the filter"),
    row(&["backspace"], Action::Erase, &[Place::Filter], "erase", "one character less"),
    row(&["esc"], Action::ClearFilter, &[Place::Filter], "all", "no filter"),
    row(
        &["enter"],
        Action::SetValue,
        &[Place::Change],
        "write",
        "check it and write it into the file; u takes it back",
    ),
    row(&["esc"], Action::Back, &[Place::Change], "leave it", "change nothing"),
    // A line that is typed, as in a shell.
    row(&["left", "ctrl+b"], Action::Line(Edit::Left), LINES, "", "one to the left"),
    row(&["right", "ctrl+f"], Action::Line(Edit::Right), LINES, "", "one to the right"),
    row(&["ctrl+left", "alt+b"], Action::Line(Edit::WordLeft), LINES, "", "a word to the left"),
    row(&["ctrl+right", "alt+f"], Action::Line(Edit::WordRight), LINES, "", "a word to the right"),
    row(&["home", "ctrl+a"], Action::Line(Edit::Home), LINES, "", "to the beginning"),
    row(&["end", "ctrl+e"], Action::Line(Edit::End), LINES, "", "to the end"),
    row(&["backspace", "ctrl+h"], Action::Line(Edit::Erase), LINES, "", "one character less before the cursor"),
    row(&["delete", "ctrl+d"], Action::Line(Edit::Delete), LINES, "", "one character less under the cursor"),
    row(&["ctrl+w", "alt+backspace"], Action::Line(Edit::EraseWord), LINES, "", "a word less before the cursor"),
    row(&["ctrl+u"], Action::Line(Edit::EraseToStart), LINES, "", "nothing before the cursor"),
    row(&["ctrl+k"], Action::Line(Edit::EraseToEnd), LINES, "", "nothing from the cursor on"),
    row(&["enter"], Action::AcceptFilter, &[Place::BoardFilter], "done", "keep the filter"),
    row(&["tab"], Action::Complete(true), &[Place::BoardFilter], "complete", "what may come here; again: the next"),
    row(&["shift+tab"], Action::Complete(false), &[Place::BoardFilter], "", "what may come here, backwards"),
    row(&["esc"], Action::ClearFilter, &[Place::BoardFilter], "all", "no filter"),
    row(&["enter"], Action::Do, &[Place::Palette], "do it", "as if its key were pressed"),
    row(&["down", "ctrl+n", "tab"], Action::Move(Motion::Down), &[Place::Palette], "next", "next action"),
    row(&["up", "ctrl+p", "shift+tab"], Action::Move(Motion::Up), &[Place::Palette], "", "action before"),
    row(&["pgdn"], Action::Move(Motion::PageDown), &[Place::Palette], "", "a screen down"),
    row(&["pgup"], Action::Move(Motion::PageUp), &[Place::Palette], "", "a screen up"),
    row(&["esc"], Action::Back, &[Place::Palette], "close", "do nothing"),
    row(&["space", "enter"], Action::ToggleColumn, &[Place::Columns], "show", "show this column, or no longer"),
    row(&["o"], Action::SortHere, &[Place::Columns], "sort", "sort by this column"),
    row(&["O"], Action::Reverse, &[Place::Columns], "", "the other way round"),
    row(&["u"], Action::UsualColumns, &[Place::Columns], "usual", "the columns of who chose none"),
    row(&["j", "down"], Action::Move(Motion::Down), &[Place::Columns], "", "next column"),
    row(&["k", "up"], Action::Move(Motion::Up), &[Place::Columns], "", "column before"),
    row(&["ctrl+d", "pgdn"], Action::Move(Motion::HalfDown), &[Place::Columns], "", "half a screen down"),
    row(&["ctrl+u", "pgup"], Action::Move(Motion::HalfUp), &[Place::Columns], "", "half a screen up"),
    row(&["g", "home"], Action::Move(Motion::Top), &[Place::Columns], "", "to the first"),
    row(&["G", "end"], Action::Move(Motion::Bottom), &[Place::Columns], "", "to the last"),
    row(&["esc", "q", "b", "v"], Action::Back, &[Place::Columns], "close", "back to the board"),
    row(&["j", "down"], Action::Move(Motion::Down), BOXED_TEXTS, "down", "a line down"),
    row(&["k", "up"], Action::Move(Motion::Up), BOXED_TEXTS, "up", "a line up"),
    row(&["ctrl+d", "pgdn"], Action::Move(Motion::HalfDown), BOXED_TEXTS, "", "half a screen down"),
    row(&["ctrl+u", "pgup"], Action::Move(Motion::HalfUp), BOXED_TEXTS, "", "half a screen up"),
    row(&["g", "home"], Action::Move(Motion::Top), BOXED_TEXTS, "", "to the top"),
    row(&["G", "end"], Action::Move(Motion::Bottom), BOXED_TEXTS, "", "to the end"),
    row(&["enter"], Action::Lost, &[COMPARE], "queries", "the queries that the selected recipe lost against the first"),
    // Queries and suspects.
    row(&["enter"], Action::Zoom, &[QUERIES, REVIEW], "photo", "one photo large; n and p turn"),
    row(
        &["o"],
        Action::NextOrder,
        &[QUERIES],
        "order",
        "worst first, most changed, lost most, by label, as in the tables",
    ),
    row(&["v"], Action::Against, &[QUERIES], "against", "beside the pin, beside each marked recipe, alone"),
    row(
        &["w"],
        Action::Why,
        &[QUERIES],
        "why",
        "which places make the first answer like the query; n: the next answer",
    ),
    row(&["k"], Action::Decide(Decision::Keep), &[REVIEW], "keep", "it is right as it is"),
    row(&["d"], Action::Decide(Decision::Drop), &[REVIEW], "drop", "leave the photo out"),
    row(&["r"], Action::Decide(Decision::Relabel), &[REVIEW], "relabel", "give it the proposed label"),
    row(&["c"], Action::Decide(Decision::Crop), &[REVIEW], "crop", "use only the proposed part"),
    row(&["g"], Action::Decide(Decision::Group), &[REVIEW], "group", "keep it and those with it in one fold"),
    row(&["u"], Action::Undo, &[REVIEW], "undo", "take the last decision back"),
    row(&["/", "f"], Action::AskFilter, &[REVIEW], "filter", "only suspects whose label or id has a text"),
    row(&["K"], Action::AskAll(Decision::Keep), &[REVIEW], "", "keep all that show (asks first)"),
    row(&["D"], Action::AskAll(Decision::Drop), &[REVIEW], "all", "drop all that show (asks first)"),
    row(&["R"], Action::AskAll(Decision::Relabel), &[REVIEW], "", "relabel all that show (asks first)"),
    row(&["C"], Action::AskAll(Decision::Crop), &[REVIEW], "", "crop all that show (asks first)"),
    row(&["G"], Action::AskAll(Decision::Group), &[REVIEW], "", "group all that show (asks first)"),
    row(&["]", "l", "right"], Action::NextKind, &[REVIEW], "kind", "next kind of suspects"),
    row(&["[", "h", "left"], Action::PreviousKind, &[REVIEW], "", "kind before"),
    row(&["n", "j", "down"], Action::Move(Motion::Down), &[REVIEW], "", "next suspect"),
    row(&["p", "up"], Action::Move(Motion::Up), &[REVIEW], "", "suspect before"),
    row(&["a"], Action::Below, &[REVIEW], "", "also those below the threshold, or no longer"),
    row(&["m"], Action::Review, &[REVIEW], "make", "have the review made by the selected recipe's networks"),
    row(&["j", "down"], Action::Move(Motion::Down), &[QUERIES], "", "next query"),
    row(&["k", "up"], Action::Move(Motion::Up), &[QUERIES], "", "query before"),
    // The board's list.
    row(&["/"], Action::AskFilter, &[BOARD], "filter", "only recipes for which something holds: loss.margin > 20"),
    row(&["o"], Action::Sort, &[BOARD], "sort", "sort by the next column"),
    row(&["O"], Action::Reverse, &[BOARD], "", "sort the other way round"),
    row(&["v"], Action::Columns, &[BOARD], "columns", "choose columns"),
    row(
        &["f"],
        Action::Folds,
        &[BOARD],
        "folds",
        "folds and seeds one by one, with mean and deviation; again: a row a recipe",
    ),
    row(&["d"], Action::Hide, &[BOARD], "hide", "do not list this recipe"),
    row(&["D"], Action::Unhide, &[BOARD], "", "list all hidden recipes again"),
    row(&["u"], Action::Undo, &[BOARD], "", "take back what was pinned or hidden last"),
    row(&["u"], Action::Undo, &[LEDGER], "", "take the last final mark's change back"),
    // A page's names.
    row(&["K", "enter"], Action::Explain, &[PAGE], "explain", "what the key or technique under the cursor means"),
    row(&["i"], Action::Change, &[PAGE], "change", "another value for it; on a table's name one more key"),
    row(&["u"], Action::UndoChange, &[PAGE], "", "take the last change of a value back"),
    row(
        &["e"],
        Action::OpenEditor,
        &[PAGE],
        "editor",
        "open it in your editor ($VISUAL, $EDITOR, vi) at the cursor's line",
    ),
    row(
        &["z"],
        Action::Fold,
        &[PAGE],
        "fold",
        "fold the cell's outputs, then the cell; the section where no name is chosen",
    ),
    row(&["Z"], Action::FoldAll, &[PAGE], "", "fold all outputs, then all cells, then nothing"),
    row(&["n"], Action::NextName, &[PAGE, Place::Explain], "next name", "the cursor to the next key or technique"),
    row(&["N"], Action::PreviousName, &[PAGE, Place::Explain], "", "the cursor to the one before"),
    // Charts.
    row(&["l", "right"], Action::Chart(Chart::Right(1)), &[CURVES], "cross", "crosshair: a column to the right"),
    row(&["h", "left"], Action::Chart(Chart::Right(-1)), &[CURVES], "", "crosshair: a column to the left"),
    row(&["}"], Action::Chart(Chart::Right(10)), &[CURVES], "", "crosshair: ten columns to the right"),
    row(&["{"], Action::Chart(Chart::Right(-10)), &[CURVES], "", "crosshair: ten columns to the left"),
    row(&["up"], Action::Chart(Chart::Up(1)), &[CURVES], "", "crosshair: a row up; without it, the recipe before"),
    row(&["down"], Action::Chart(Chart::Up(-1)), &[CURVES], "", "crosshair: a row down; without it, the next recipe"),
    row(
        &["n"],
        Action::Chart(Chart::Nearest),
        &[CURVES],
        "nearest",
        "select the recipe whose curve is nearest to the crosshair",
    ),
    row(
        &["+", "="],
        Action::Chart(Chart::Closer),
        &[CURVES],
        "zoom",
        "look closer, at the crosshair or else the middle",
    ),
    row(&["-"], Action::Chart(Chart::Farther), &[CURVES], "", "look from farther away"),
    row(&["0"], Action::Chart(Chart::All), &[CURVES], "", "show all; new points move only what shows all"),
    row(&[">"], Action::Chart(Chart::Pan(1)), &[CURVES], "", "half a chart to the right"),
    row(&["<"], Action::Chart(Chart::Pan(-1)), &[CURVES], "", "half a chart to the left"),
    row(
        &["m"],
        Action::Chart(Chart::NextSet),
        &[CURVES],
        "charts",
        "loss and score, each alone, how it trains, what the machine does",
    ),
    row(&["M"], Action::Chart(Chart::Ask), &[CURVES], "", "choose the series to show"),
    row(
        &["o"],
        Action::Chart(Chart::NextOne),
        &[CURVES],
        "",
        "the chart that y and the crosshair's height are about (its title is marked)",
    ),
    row(
        &["x"],
        Action::Chart(Chart::NextAxis),
        &[CURVES],
        "axis",
        "by epoch, step, running time without pauses, time of day",
    ),
    row(
        &["w"],
        Action::Chart(Chart::Smoother),
        &[CURVES],
        "smooth",
        "smoother: a moving average over all points, what was told behind it",
    ),
    row(&["W"], Action::Chart(Chart::Rougher), &[CURVES], "", "less smooth"),
    row(&["y"], Action::Chart(Chart::LogY), &[CURVES], "log", "logarithmic or linear upwards, in the marked chart"),
    row(&["X"], Action::Chart(Chart::LogX), &[CURVES], "", "logarithmic or linear to the right, in all charts"),
    row(&["esc"], Action::Chart(Chart::Leave), &[CURVES], "", "take the crosshair away; without it, back to the board"),
    // The queue.
    row(
        &["enter", "z"],
        Action::LargeLog,
        &[QUEUE],
        "log",
        "the log over the whole screen, or beneath the queue again",
    ),
    row(&["p"], Action::Pause, &[QUEUE], "pause", "pause: what runs holds at its next clean place; again: go on"),
    row(&["K"], Action::Shift(Motion::Up), &[QUEUE], "up", "the waiting job before the one above it"),
    row(&["J"], Action::Shift(Motion::Down), &[QUEUE], "down", "the waiting job behind the one below it"),
    row(&["x"], Action::TakeOut, &[QUEUE], "out", "take the waiting job out of the queue"),
    row(&["j", "down"], Action::Move(Motion::Down), &[QUEUE], "", "next job"),
    row(&["k", "up"], Action::Move(Motion::Up), &[QUEUE], "", "job before"),
    // What a recipe can do.
    row(&["enter"], Action::Show(View::Page), &[BOARD, CURVES, PLAN], "page", "read the recipe with its results"),
    row(&["r"], Action::Run, JOBS, "run", "run it, or go on with it"),
    row(&["o"], Action::RunPart, &[PLAN], "cheap part", "run only the steps that are cheap and wait for nothing dear"),
    row(&["R"], Action::ChooseRung, RECIPES, "rung", "run it up to a rung of your choice"),
    row(&["s"], Action::AskStop, JOBS, "stop", "stop its run, or take it out of the queue (asks first)"),
    row(&["p"], Action::Pin, RECIPES, "pin", "compare all recipes with this one; again: with none"),
    row(
        &["c"],
        Action::Show(View::Curves),
        &[BOARD, PAGE, PLAN, COMPARE],
        "curves",
        "loss, score and more while it trained",
    ),
    row(&["P"], Action::Show(View::Plan), &[BOARD, PAGE, CURVES], "plan", "what would run, why, and for how long"),
    row(&["t"], Action::First, JOBS, "", "take it next, before all others that wait"),
    row(&["a"], Action::Follow, RECIPES, "advice", "do what is advised: stop it, or take it to the next rung"),
    // Marks.
    row(
        &["space"],
        Action::Mark,
        LISTS,
        "mark",
        "draw its curves (*); marks take the place of pin + selected + running",
    ),
    row(&["x"], Action::ClearMarks, &[BOARD], "", "forget all marks"),
    row(&["u"], Action::ClearMarks, &[CURVES], "", "forget all marks"),
    // The ledger.
    row(&["enter"], Action::Lab, &[LEDGER], "metric lab", "which way of counting gives its public score"),
    row(&["m"], Action::MarkFinal, &[LEDGER], "final", "mark it as final (*), or take the mark off"),
    row(&["j", "down"], Action::Move(Motion::Down), &[LEDGER], "", "next submission, an older one"),
    row(&["k", "up"], Action::Move(Motion::Up), &[LEDGER], "", "submission before"),
    // Moving.
    row(&["j", "down"], Action::Move(Motion::Down), &[BOARD], "", "next recipe"),
    row(&["k", "up"], Action::Move(Motion::Up), &[BOARD], "", "recipe before"),
    row(&["j"], Action::Move(Motion::Down), &[CURVES], "", "next recipe"),
    row(&["k"], Action::Move(Motion::Up), &[CURVES], "", "recipe before"),
    row(&["j", "down"], Action::Move(Motion::Down), TEXTS, "down", "a line down"),
    row(&["k", "up"], Action::Move(Motion::Up), TEXTS, "up", "a line up"),
    row(&["]", "l", "right"], Action::NextRecipe, PAGED, "next", "next recipe, same view"),
    row(&["[", "h", "left"], Action::PreviousRecipe, PAGED, "", "recipe before, same view"),
    row(&["]"], Action::NextRecipe, &[CURVES], "", "next recipe, same view"),
    row(&["["], Action::PreviousRecipe, &[CURVES], "", "recipe before, same view"),
    row(&["ctrl+d"], Action::Move(Motion::HalfDown), EVERY_VIEW, "", "half a screen down"),
    row(&["ctrl+u"], Action::Move(Motion::HalfUp), EVERY_VIEW, "", "half a screen up"),
    row(&["pgdn", "ctrl+f"], Action::Move(Motion::PageDown), EVERY_VIEW, "", "a screen down"),
    row(&["pgup", "ctrl+b"], Action::Move(Motion::PageUp), EVERY_VIEW, "", "a screen up"),
    row(&["g", "home"], Action::Move(Motion::Top), BUT_REVIEW, "", "to the first"),
    row(&["G", "end"], Action::Move(Motion::Bottom), BUT_REVIEW, "", "to the last"),
    row(&["home"], Action::Move(Motion::Top), &[REVIEW], "", "to the first"),
    row(&["end"], Action::Move(Motion::Bottom), &[REVIEW], "", "to the last"),
    // Views.
    row(
        &["b", "esc"],
        Action::Back,
        &[PAGE, PLAN, LEDGER, QUERIES, REVIEW, COMPARE, QUEUE],
        "board",
        "back to the board",
    ),
    row(&["b"], Action::Back, &[CURVES], "board", "back to the board"),
    row(&["tab"], Action::NextView, EVERY_VIEW, "", "next view"),
    row(&["shift+tab"], Action::PreviousView, EVERY_VIEW, "", "view before"),
    row(&["1"], Action::Show(View::Board), EVERY_VIEW, "", "board"),
    row(&["2"], Action::Show(View::Page), EVERY_VIEW, "", "page"),
    row(&["3"], Action::Show(View::Curves), EVERY_VIEW, "", "curves"),
    row(&["4"], Action::Show(View::Plan), EVERY_VIEW, "", "plan"),
    row(&["5", "L"], Action::Show(View::Ledger), EVERY_VIEW, "", "ledger: submissions beside the leaderboard"),
    row(&["6", "Q"], Action::Show(View::Queries), EVERY_VIEW, "", "queries of the selected recipe with their answers"),
    row(
        &["7", "V"],
        Action::Show(View::Review),
        EVERY_VIEW,
        "",
        "review: suspects, to keep, drop, relabel, crop or group",
    ),
    row(
        &["8", "C"],
        Action::Show(View::Compare),
        BUT_REVIEW,
        "",
        "compare marked recipes, or the selected one with the pin",
    ),
    row(&["8"], Action::Show(View::Compare), &[REVIEW], "", "compare marked recipes, or the selected one with the pin"),
    row(&["9", "J"], Action::Show(View::Queue), BUT_QUEUE, "", "queue: what runs and waits, its order, its log"),
    row(&["9"], Action::Show(View::Queue), &[QUEUE], "", "queue"),
    // The workbench.
    row(&[":"], Action::Palette, EVERY_VIEW, "actions", "all actions, by what you type; why one cannot be done"),
    row(&["?", "f1"], Action::Help, EVERY_VIEW, "help", "these keys"),
    row(&["ctrl+r", "f5"], Action::Refresh, EVERY_VIEW, "", "look at the files again"),
    row(&["ctrl+g"], Action::Meter, EVERY_VIEW, "", "show what frames cost the line, in bytes and milliseconds"),
    row(&["ctrl+l"], Action::Redraw, EVERY_VIEW, "", "draw the screen anew"),
    row(&["ctrl+z"], Action::Suspend, EVERY_VIEW, "", "to the shell; fg comes back"),
    row(&["q"], Action::Quit, EVERY_VIEW, "quit", "leave; training goes on without the workbench"),
    row(
        &["ctrl+c"],
        Action::Quit,
        &[
            BOARD,
            PAGE,
            CURVES,
            PLAN,
            LEDGER,
            Place::Help,
            Place::Explain,
            Place::AskStop,
            Place::ChooseRung,
            Place::Lab,
            QUERIES,
            REVIEW,
            COMPARE,
            QUEUE,
            Place::Zoom,
            Place::Why,
            Place::DecideAll,
            Place::Filter,
            Place::Change,
            Place::Series,
            Place::BoardFilter,
            Place::Columns,
            Place::Palette,
        ],
        "",
        "leave at once; training goes on",
    ),
];

/// What the key means there.
pub fn action(key: &str, place: Place) -> Option<Action> {
    let row = BINDINGS.iter().find(|b| b.places.contains(&place) && b.keys.contains(&key));
    row.map(|b| b.action).or_else(|| {
        let mut signs = if key == "space" { " ".chars() } else { key.chars() };
        let sign = signs.next().filter(|_| place.takes_text() && signs.as_str().is_empty())?;
        Some(Action::Type(sign))
    })
}

/// The rows that apply there, in the table's order.
pub fn at(place: Place) -> impl Iterator<Item = &'static Binding> {
    BINDINGS.iter().filter(move |b| b.places.contains(&place))
}

/// The first key of an action there, for texts that name it.
#[cfg(test)]
pub fn key_of(action: Action, place: Place) -> Option<&'static str> {
    at(place).find(|b| b.action == action).and_then(|b| b.keys.first().copied())
}

/// The name of a pressed key as the table writes it; `None` for keys that have no name here.
pub fn name(key: &KeyEvent) -> Option<String> {
    let base = match key.code {
        KeyCode::Char(' ') => "space".to_owned(),
        KeyCode::Char(c) => c.to_string(),
        KeyCode::Enter => "enter".to_owned(),
        KeyCode::Esc => "esc".to_owned(),
        KeyCode::Backspace => "backspace".to_owned(),
        KeyCode::Delete => "delete".to_owned(),
        KeyCode::Tab => "tab".to_owned(),
        KeyCode::BackTab => return Some("shift+tab".to_owned()),
        KeyCode::Up => "up".to_owned(),
        KeyCode::Down => "down".to_owned(),
        KeyCode::Left => "left".to_owned(),
        KeyCode::Right => "right".to_owned(),
        KeyCode::Home => "home".to_owned(),
        KeyCode::End => "end".to_owned(),
        KeyCode::PageUp => "pgup".to_owned(),
        KeyCode::PageDown => "pgdn".to_owned(),
        KeyCode::F(n) => format!("f{n}"),
        _ => return None,
    };
    // Shift is already in the character; ctrl and alt make another key.
    let mut name = String::new();
    if key.modifiers.contains(KeyModifiers::CONTROL) {
        name.push_str("ctrl+");
    }
    if key.modifiers.contains(KeyModifiers::ALT) {
        name.push_str("alt+");
    }
    name.push_str(&base);
    Some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVERYWHERE: &[Place] = &[
        BOARD,
        PAGE,
        CURVES,
        PLAN,
        LEDGER,
        Place::Help,
        Place::Explain,
        Place::AskStop,
        Place::ChooseRung,
        Place::Lab,
        QUERIES,
        REVIEW,
        COMPARE,
        QUEUE,
        Place::Zoom,
        Place::DecideAll,
        Place::Filter,
        Place::Change,
        Place::Series,
        Place::BoardFilter,
        Place::Columns,
        Place::Palette,
    ];

    #[test]
    fn no_key_means_two_things_in_one_place() {
        for &place in EVERYWHERE {
            let mut seen = std::collections::BTreeSet::new();
            for key in at(place).flat_map(|b| b.keys) {
                assert!(seen.insert(key), "{key} has two meanings in {place:?}");
            }
        }
    }

    #[test]
    fn every_key_of_the_table_can_be_pressed() {
        for key in BINDINGS.iter().flat_map(|b| b.keys) {
            let event = crate::tui::tests::press(key);
            assert_eq!(name(&event).as_deref(), Some(*key));
        }
    }

    #[test]
    fn every_place_can_be_left_and_every_view_explains_itself() {
        for &place in EVERYWHERE {
            assert!(key_of(Action::Quit, place).is_some());
        }
        assert_eq!(action("q", Place::Filter), Some(Action::Type('q')), "a filter may have every letter");
        assert_eq!(action("space", Place::Filter), Some(Action::Type(' ')));
        assert_eq!(action("ctrl+x", Place::Filter), None);
        assert_eq!(action("獺", Place::Change), Some(Action::Type('獺')));
        for &place in EVERY_VIEW {
            assert_eq!(key_of(Action::Help, place), Some("?"));
            assert_ne!(action("h", place), Some(Action::Help), "h moves");
        }
    }

    #[test]
    fn every_row_has_help_and_a_place() {
        for b in BINDINGS {
            assert!(!b.help.is_empty() && !b.places.is_empty() && !b.keys.is_empty());
        }
    }

    #[test]
    fn unknown_keys_mean_nothing() {
        assert_eq!(action("ctrl+x", BOARD), None);
        assert_eq!(name(&KeyEvent::new(KeyCode::Insert, KeyModifiers::NONE)), None);
    }
}
