//! `toji board`: the recipes as a table, filtered, sorted, with the columns that one asks for.

use serde_json::{Value as Json, json};
use toji::base::Value;
use toji::base::text::plain;
use toji::session::board::choice::{COLUMNS, Choice};
use toji::session::board::facts::FACTS;
use toji::session::board::filter::{Mistake, known, parse};
use toji::session::board::{Table, folds, series};
use toji::session::snapshot::{Recipe, Snapshot};
use toji::session::survey::Survey;
use toji::show::table;

use super::failure::Failure;
use super::{Context, worker};

/// Arguments.
#[derive(clap::Args)]
#[command(after_long_help = names())]
pub struct Args {
    /// Only recipes for which this holds: a key or a column with =, !=, <, <=, >, >= and a value, or with ~ and a pattern; has:KEY;
    /// "text" that stands in name, title, message or page; joined by and, or, not and brackets. Terms beside each other: and.
    ///
    /// Examples: 'loss.margin > 20', 'backbone.name = resnet18 and score >= 0.5', 'state = running', 'has:pseudo_labels', 'not post.steps
    /// = pca', '"small print"'. Keys are those of `toji explain`, with defaults and parents filled in; a list holds when one of its items
    /// does. Seconds may be written 90s, 5m, 2h, 1d.
    #[arg(long = "where", value_name = "FILTER", default_value = "", hide_default_value = true)]
    filter: String,
    /// By what they are sorted: a column or a key; scores the greatest first, all else the least. Default: by name.
    #[arg(long, value_name = "COLUMN", default_value = "name", hide_default_value = true)]
    sort: String,
    /// The other way round.
    #[arg(long)]
    reverse: bool,
    /// Which columns, with commas between: names of the list below, or any key of a recipe.
    #[arg(long, value_name = "COLUMNS", value_delimiter = ',')]
    columns: Vec<String>,
    /// Folds and seeds one by one below each recipe, with mean and standard deviation.
    #[arg(long)]
    folds: bool,
    /// The epoch at which the column `same` compares. Default: the last that the pin has come to.
    #[arg(long, value_name = "EPOCH")]
    epoch: Option<f64>,
}

/// The names of columns, for the help.
fn names() -> String {
    let mut text = "Columns:\n".to_owned();
    for fact in FACTS {
        text.push_str(&format!("  {:<12} {}\n", fact.name, fact.about));
    }
    text.push_str(
        "  and the metric's own name, any series of the curves, and any key of a recipe, such as loss.margin",
    );
    text
}

/// Prints the board.
pub fn board(context: &Context, args: &Args) -> Result<(), Failure> {
    let root = context.root()?;
    let filter = parse(&args.filter).map_err(|mistake| wrong("--where", &mistake, &args.filter))?;
    let snapshot = Survey::new(&root, &context.around, worker::launch(&root)).look_only(&context.say);
    context.say.wipe();
    let table = Table::of(&snapshot, args.epoch);
    let pin = snapshot.recipes.iter().find(|recipe| snapshot.pin.as_ref() == Some(&recipe.name));
    let reached = || series::reached(&pin?.curves, table.metric);
    let table = Table { at: args.epoch.or_else(reached), ..table };
    if let Some(mistake) = filter.check(&table) {
        return Err(wrong("--where", &mistake, &args.filter));
    }
    known(&args.sort, &table).map_err(|mistake| wrong("--sort", &mistake, &args.sort))?;
    for column in &args.columns {
        known(column, &table).map_err(|mistake| wrong("--columns", &mistake, column))?;
    }
    let choice = Choice { sort: args.sort.clone(), reverse: args.reverse, ..Choice::default() };
    let listed = table.listed(&choice, &filter);
    let usual = args.columns.is_empty();
    let columns = if usual { COLUMNS.map(str::to_owned).to_vec() } else { args.columns.clone() };
    if context.say.is_json() {
        for recipe in listed.iter().map(|place| &snapshot.recipes[*place]) {
            context.say.json(&object(&table, recipe, &columns, args.folds));
        }
        return sound(context, &snapshot);
    }
    let wide = context.say.columns(100);
    let lines = if usual && !args.folds {
        table::board_of(&snapshot, &listed, wide)
    } else {
        table::listing(&table, &listed, &columns, args.folds, wide)
    };
    lines.iter().for_each(|line| context.say.line(line));
    if !args.filter.trim().is_empty() {
        context.say.line(&format!("{} of {} recipes", listed.len(), snapshot.recipes.len()));
    }
    sound(context, &snapshot)
}

/// Says what stops every recipe. With mistakes in `toji.toml` the rows are those of the last time it could be read, which no script should take for
/// an answer.
fn sound(context: &Context, snapshot: &Snapshot) -> Result<(), Failure> {
    for problem in &snapshot.problems {
        let place = Some(problem.file.display().to_string()).filter(|file| !file.is_empty());
        let place = place.map(|file| format!("{file}:{}: ", problem.line)).unwrap_or_default();
        context.say.error(&plain(&format!("{place}{}", problem.message)));
    }
    if snapshot.problems.iter().all(|problem| problem.file.as_os_str().is_empty()) {
        return Ok(());
    }
    Err(Failure::failed(format!("{} has mistakes: nothing above was planned", toji::session::project::FACTS)))
}

/// A mistake in an argument.
fn wrong(argument: &str, mistake: &Mistake, text: &str) -> Failure {
    let lines: Vec<String> = mistake.lines(text).into_iter().map(|line| format!("  {line}")).collect();
    Failure::usage(format!("{argument} cannot be read\n{}", lines.join("\n")))
}

/// A recipe with its columns; a column with several values is a list, one without any null.
fn object(table: &Table<'_>, recipe: &Recipe, columns: &[String], with_folds: bool) -> Json {
    let value = |name: &str| match table.column(recipe, name).as_slice() {
        [] => Json::Null,
        [one] => json!(one),
        many => json!(many),
    };
    let values: serde_json::Map<String, Json> = columns.iter().map(|name| (name.clone(), value(name))).collect();
    let mut object = json!({
        "recipe": recipe.name, "parent": recipe.parent, "changes": recipe.changes, "values": values,
    });
    if with_folds {
        let training = |own: &Recipe| {
            let own_value = |name: &str| table.column(own, name).into_iter().find_map(|value: Value| value.as_f64());
            json!({ "training": own.name, "score": own_value("score"), "last": own_value("last"), "best": own_value("best") })
        };
        object["trainings"] = folds::trainings(recipe).iter().map(training).collect();
        let summary = folds::summary(recipe, table.metric);
        object["mean"] = json!(summary.as_ref().map(|summary| summary.score.mean));
        object["sd"] = json!(summary.as_ref().and_then(|summary| summary.score.deviation));
    }
    object
}
