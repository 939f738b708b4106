//! Tables as plain text: the board and the plan for a pipe, a log or a narrow terminal.
//!
//! Takes a snapshot and a width in columns; gives lines that never exceed it. Cells are measured as
//! the terminal shows them (a Japanese character takes two columns), text from files loses what could
//! steer a terminal, numbers stand to the right. When the width does not suffice, the columns that
//! matter least are left out first, then the widest text is cut with `…`.

use crate::base::text::{fit, plain, width};
use crate::session::board::facts::{Kind, word};
use crate::session::board::{Table, folds};
use crate::session::snapshot::{Recipe, Snapshot, Step};

/// Side of a cell on which its text stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Align {
    /// Text.
    Left,
    /// Numbers.
    Right,
}

/// A column of a table.
#[derive(Clone, Debug)]
pub struct Column<'a> {
    /// Its header.
    pub title: &'a str,
    /// Where its cells stand.
    pub align: Align,
    /// 0: always there; the greater, the sooner it is left out on a narrow terminal.
    pub spare: u8,
    /// The narrowest that it may be cut to.
    pub least: usize,
}

const GAP: usize = 2;

/// Sets a table: a header line, then one line a row. No line is wider than `columns` or ends in spaces.
/// A row shorter than the columns is filled with empty cells.
pub fn table(columns: &[Column<'_>], rows: &[Vec<String>], total: usize) -> Vec<String> {
    let cell = |row: &[String], i: usize| row.get(i).map(|cell| plain(cell)).unwrap_or_default();
    let natural = |i: usize| {
        rows.iter().map(|row| width(&cell(row, i))).chain([width(columns[i].title)]).max().unwrap_or_default()
    };
    let mut kept: Vec<usize> = (0..columns.len()).collect();
    let mut widths: Vec<usize> = (0..columns.len()).map(natural).collect();
    let sum = |kept: &[usize], widths: &[usize]| {
        kept.iter().map(|&i| widths[i]).sum::<usize>() + GAP * kept.len().saturating_sub(1)
    };
    let least = |kept: &[usize], widths: &[usize]| {
        kept.iter().map(|&i| widths[i].min(columns[i].least)).sum::<usize>() + GAP * kept.len().saturating_sub(1)
    };
    while least(&kept, &widths) > total {
        let Some(goes) = kept.iter().copied().filter(|&i| columns[i].spare > 0).max_by_key(|&i| (columns[i].spare, i))
        else {
            break;
        };
        kept.retain(|&i| i != goes);
    }
    // The widest column that may still shrink gives one column at a time.
    while sum(&kept, &widths) > total {
        let Some(&widest) = kept.iter().filter(|&&i| widths[i] > columns[i].least).max_by_key(|&&i| widths[i]) else {
            break;
        };
        widths[widest] -= 1;
    }
    let set = |cells: &dyn Fn(usize) -> String| {
        let mut line = String::new();
        for (n, &i) in kept.iter().enumerate() {
            let text = fit(&cells(i), widths[i]);
            let space = " ".repeat(widths[i].saturating_sub(width(&text)));
            line.push_str(if n > 0 { "  " } else { "" });
            match columns[i].align {
                Align::Left => line.extend([text, space]),
                Align::Right => line.extend([space, text]),
            }
        }
        fit(line.trim_end(), total)
    };
    let mut lines = vec![set(&|i| columns[i].title.to_owned())];
    lines.extend(rows.iter().map(|row| set(&|i| cell(row, i))));
    lines
}

const BOARD: &[Column<'static>] = &[
    Column { title: "", align: Align::Left, spare: 0, least: 1 },
    Column { title: "recipe", align: Align::Left, spare: 0, least: 12 },
    Column { title: "state", align: Align::Left, spare: 0, least: 7 },
    Column { title: "rung", align: Align::Left, spare: 4, least: 7 },
    Column { title: "epoch", align: Align::Right, spare: 3, least: 5 },
    Column { title: "score", align: Align::Right, spare: 0, least: 6 },
    Column { title: "95 %", align: Align::Right, spare: 5, least: 11 },
    Column { title: "to pin", align: Align::Right, spare: 1, least: 7 },
    Column { title: "95 %", align: Align::Right, spare: 6, least: 13 },
    Column { title: "left", align: Align::Right, spare: 2, least: 5 },
    Column { title: "", align: Align::Left, spare: 7, least: 12 },
];

/// The board: one line a recipe, `*` before the pinned one, then notes.
pub fn board(snapshot: &Snapshot, columns: usize) -> Vec<String> {
    let all: Vec<usize> = (0..snapshot.recipes.len()).collect();
    board_of(snapshot, &all, columns)
}

/// [`board`] of the recipes in these places, in this order.
pub fn board_of(snapshot: &Snapshot, listed: &[usize], columns: usize) -> Vec<String> {
    let recipes: Vec<&Recipe> =
        listed.iter().filter_map(|place| snapshot.recipes.get(*place)).map(|recipe| &**recipe).collect();
    let row = |recipe: &Recipe| {
        let pinned = snapshot.pin.as_ref() == Some(&recipe.name);
        let score = recipe.score.as_ref();
        let delta = recipe.delta.as_ref().filter(|_| !pinned);
        vec![
            if pinned { "*" } else { "" }.to_owned(),
            recipe.name.clone(),
            word(recipe.state).to_owned(),
            recipe.rung.clone(),
            recipe.epoch.map(|(done, all)| format!("{done:.0}/{all:.0}")).unwrap_or_default(),
            // An older text's score is marked, so that nobody hands it in by mistake.
            score.map(|s| format!("{:.4}{}", s.value, if s.stale { "?" } else { "" })).unwrap_or_default(),
            score.map(|s| format!("{:.3}–{:.3}", s.interval[0], s.interval[1])).unwrap_or_default(),
            match delta {
                Some(delta) => format!("{:+.4}", delta.value),
                None if recipe.unpaired.is_some() && !pinned => "not paired".to_owned(),
                None => String::new(),
            },
            delta.map(|d| format!("{:+.3},{:+.3}", d.interval[0], d.interval[1])).unwrap_or_default(),
            recipe.seconds_left.map(duration).unwrap_or_default(),
            recipe.message.clone().unwrap_or_default(),
        ]
    };
    let rows: Vec<Vec<String>> = recipes.iter().map(|recipe| row(recipe)).collect();
    if snapshot.recipes.is_empty() {
        return vec![fit("no recipe yet; write one in recipes/", columns)];
    }
    let mut lines = table(BOARD, &rows, columns);
    let pin = snapshot.pin.as_deref().unwrap_or_default();
    for recipe in recipes.iter().filter(|recipe| snapshot.pin.as_ref() != Some(&recipe.name)) {
        lines.extend(
            recipe.unpaired.as_ref().map(|why| format!("note: {}: no difference to {pin}: {why}", recipe.name)),
        );
    }
    lines.extend(snapshot.notes.iter().map(|note| format!("note: {note}")));
    for line in lines.iter_mut().skip(rows.len() + 1) {
        *line = fit(&plain(line), columns);
    }
    lines
}

/// The recipes in these places, in this order, with the named columns; with folds, each followed by a line a training and one with their
/// mean. The further to the right, the sooner a column is left out on a narrow terminal.
pub fn listing(table: &Table<'_>, listed: &[usize], names: &[String], with_folds: bool, columns: usize) -> Vec<String> {
    let recipes: Vec<&Recipe> =
        listed.iter().filter_map(|place| table.snapshot.recipes.get(*place)).map(|recipe| &**recipe).collect();
    let align = |name: &str| {
        let numbers = |kind| matches!(kind, Kind::Number(_) | Kind::Difference | Kind::Seconds);
        let all_numbers = || recipes.iter().flat_map(|recipe| table.column(recipe, name)).all(|v| v.as_f64().is_some());
        let right = numbers(table.kind(name)) || (table.kind(name) == Kind::Any && all_numbers());
        if right { Align::Right } else { Align::Left }
    };
    let mut set = vec![
        Column { title: "", align: Align::Left, spare: 0, least: 1 },
        Column { title: "recipe", align: Align::Left, spare: 0, least: 12 },
    ];
    for (spare, name) in (1..).zip(names) {
        set.push(Column { title: table.title(name), align: align(name), spare, least: 6 });
    }
    let (mut rows, mut told) = (Vec::new(), Vec::new());
    for recipe in &recipes {
        let mark = if table.snapshot.pin.as_ref() == Some(&recipe.name) { "*" } else { "" };
        let cells = |own: &Recipe| names.iter().map(|name| table.cell(own, name, duration)).collect::<Vec<_>>();
        rows.push([vec![mark.to_owned(), recipe.name.clone()], cells(recipe)].concat());
        if !with_folds {
            continue;
        }
        let own = folds::trainings(recipe);
        for training in &own {
            rows.push(
                [vec![String::new(), format!("  {}", training.name)], of_training(table, training, names)].concat(),
            );
        }
        if own.len() > 1 {
            let summary = folds::summary(recipe, table.metric).map(|summary| folds::in_words(&summary, "±"));
            // Not a row of the table: it has no columns.
            told.extend(summary.map(|words| (rows.len(), format!("    {words}"))));
        }
    }
    let mut lines = self::table(&set, &rows, columns);
    for (place, words) in told.into_iter().rev() {
        lines.insert(place + 1, fit(&words, columns));
    }
    if with_folds {
        let families = folds::families(table, listed);
        lines.extend(families.iter().filter_map(|members| {
            let names: Vec<&str> = members.iter().map(|place| table.snapshot.recipes[*place].name.as_str()).collect();
            let words = folds::family_in_words(table, members, "±")?;
            Some(fit(&format!("{words}: {}", names.join(", ")), columns))
        }));
    }
    lines
}

/// What a training has of the columns: what belongs to its recipe as a whole is left out.
fn of_training(table: &Table<'_>, training: &Recipe, names: &[String]) -> Vec<String> {
    let of_recipes = ["state", "stale", "pin", "trainings", "sd"];
    let cell = |name: &String| match of_recipes.contains(&name.as_str()) {
        true => String::new(),
        false => table.cell(training, name, duration),
    };
    names.iter().map(cell).collect()
}

const PLAN: &[Column<'static>] = &[
    Column { title: "stage", align: Align::Left, spare: 0, least: 8 },
    Column { title: "action", align: Align::Left, spare: 0, least: 7 },
    Column { title: "time", align: Align::Right, spare: 1, least: 5 },
    Column { title: "disk", align: Align::Right, spare: 2, least: 6 },
    Column { title: "why", align: Align::Left, spare: 3, least: 16 },
];

/// The plan of one recipe, step by step, and what it adds up to.
pub fn plan(recipe: &Recipe, columns: usize) -> Vec<String> {
    let row = |step: &Step| {
        let runs = step.action != "reuse";
        let unknown = |text: Option<String>| if runs { text.unwrap_or_else(|| "?".to_owned()) } else { String::new() };
        vec![
            step.stage.clone(),
            step.action.clone(),
            unknown(step.seconds.map(duration)),
            unknown(step.bytes.map(bytes)),
            step.reason.clone(),
        ]
    };
    let rows: Vec<Vec<String>> = recipe.plan.iter().map(row).collect();
    let mut lines = table(PLAN, &rows, columns);
    lines.push(fit(&sum(recipe), columns));
    lines
}

/// What the plan of a recipe adds up to.
pub(super) fn sum(recipe: &Recipe) -> String {
    let count = |action: &str| recipe.plan.iter().filter(|step| step.action == action).count();
    let (runs, blocked, all) = (count("run"), count("blocked"), recipe.plan.len());
    let mut sum = match (runs, blocked) {
        (0, 0) => "nothing to run".to_owned(),
        (runs, 0) => format!("{runs} of {all} to run"),
        (runs, blocked) => format!("{runs} of {all} to run, {blocked} blocked"),
    };
    if runs > 0 {
        match recipe.plan_seconds {
            Some(seconds) => sum.push_str(&format!(", about {}", duration(seconds))),
            None => sum.push_str(", time not known yet"),
        }
    }
    sum
}

/// Seconds in at most two units: `0.3s`, `42s`, `7m05s`, `3h20m`, `2d04h`.
pub fn duration(seconds: f64) -> String {
    if !seconds.is_finite() || seconds < 0.0 {
        return "?".to_owned();
    }
    if seconds < 9.95 {
        return format!("{seconds:.1}s");
    }
    let whole = seconds.round() as u64;
    match whole {
        0..60 => format!("{whole}s"),
        60..3600 => format!("{}m{:02}s", whole / 60, whole % 60),
        3600..86_400 => format!("{}h{:02}m", whole / 3600, whole % 3600 / 60),
        _ => format!("{}d{:02}h", whole / 86_400, whole % 86_400 / 3600),
    }
}

/// Bytes in powers of 1,000: `812 B`, `4.1 MB`, `224 MB`.
pub fn bytes(count: u64) -> String {
    const UNITS: [&str; 5] = ["kB", "MB", "GB", "TB", "PB"];
    if count < 1000 {
        return format!("{count} B");
    }
    let mut value = count as f64;
    let mut unit = "B";
    for next in UNITS {
        if value < 999.5 {
            break;
        }
        (value, unit) = (value / 1000.0, next);
    }
    if value < 9.95 { format!("{value:.1} {unit}") } else { format!("{value:.0} {unit}") }
}
