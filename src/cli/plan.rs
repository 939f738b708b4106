//! `toji plan`: what would run, and why.

use serde::Serialize;
use toji::base::text::{self, duration, pad, plain, width};
use toji::base::{Progress, Time};
use toji::book;
use toji::dag::{Action, Board, Event, History, Judged, Runs, estimates};
use toji::session::brew::{self, Planned, due, stopwatch};
use toji::session::{Photos, Project, Recipe};
use toji::show::table::{Align, Column, table};

use super::failure::Failure;
use super::{Context, shell, surroundings};

/// The widest that a stage's name may make its column.
const LONGEST: usize = 44;

/// Arguments.
#[derive(clap::Args)]
pub struct Args {
    /// Recipes: names, or paths of their files. Default: all.
    #[arg(value_name = "RECIPE", add = shell::recipes())]
    recipes: Vec<String>,
    /// How far up the ladder: smoke, holdout, full, seeds, or a rung of `[folds] ladder`.
    #[arg(long, value_name = "RUNG")]
    rung: Option<String>,
    /// Do not try a few batches of what this machine has no history of; its time then stays unknown.
    #[arg(long)]
    untimed: bool,
    /// What a submission needs too: the host's photos by each network that answers, and the training on all data of `[final]`.
    #[arg(long)]
    host: bool,
    /// Instead of a plan: what finished stages were thought to take on this machine, and what they took, the newest first.
    #[arg(long)]
    history: bool,
}

/// One step as JSON.
#[derive(Serialize)]
struct Line<'a> {
    recipe: &'a str,
    stage: String,
    action: Action,
    reason: &'a str,
    seconds: Option<f64>,
    bytes: Option<u64>,
    cheap: bool,
    key: String,
}

/// Plans the recipes.
pub fn plan(context: &Context, args: &Args) -> Result<(), Failure> {
    let project = context.project()?;
    if args.history {
        let recipes = args.recipes.iter().map(|name| project.recipe(name)).collect::<Result<Vec<_>, _>>()?;
        return tell_history(context, &project, &recipes);
    }
    let recipes = match args.recipes.as_slice() {
        [] => project.recipes(),
        names => names.iter().map(|name| project.recipe(name)).collect::<Result<Vec<_>, _>>()?,
    };
    let cancel = surroundings::stop_on_signals();
    let photos = Photos::read(&project, &context.say, &cancel)?;
    context.say.wipe();
    let notes = context.around.processor.displaced().into_iter().chain(photos.notes.iter().map(String::as_str));
    notes.for_each(|note| context.say.error(&format!("note: {}", plain(note))));
    let mut board = Board::new();
    board.refresh(&Runs::open(&project.toji));
    let mut history = History::load(&project.store, &context.around.bench());
    let mut broken = Vec::new();
    for recipe in &recipes {
        if recipe.is_broken() {
            broken.extend(recipe.diagnostics.clone());
            continue;
        }
        if !recipe.diagnostics.is_empty() {
            context.say.error(book::report(&recipe.diagnostics, context.say.look()).trim_end());
        }
        let rung = recipe.rung(args.rung.as_deref())?;
        let planned = |history: &History| -> Result<Planned, Failure> {
            let planned = brew::plan(&project, recipe, &photos, &rung, &board, history)?;
            Ok(if args.host { planned.with_host(&project, recipe, &photos, &board, history)? } else { planned })
        };
        let mut found = planned(&history)?;
        let unknown = stopwatch::unknown(&found.graph, &history);
        if !unknown.is_empty() && !args.untimed {
            // Nothing tells how long this takes here: a few batches are tried.
            let listen = |event: &Event| {
                if let Event::Progress { what, done, total, unit, .. } = event {
                    context.say.at(&format!("trying a few batches: {what}"), *done, *total, unit);
                }
            };
            stopwatch::time(&project, recipe, &photos, &found.graph, &unknown, &listen, &cancel)?;
            context.say.wipe();
            history = History::load(&project.store, &context.around.bench());
            found = planned(&history)?;
        }
        let plan = found.plan;
        if context.say.is_json() {
            for step in &plan.steps {
                let (stage, key) = (step.label(), step.key.to_string());
                let (recipe, reason) = (recipe.name.as_str(), step.reason.as_str());
                context.say.json(&Line {
                    recipe,
                    stage,
                    action: step.action,
                    reason,
                    seconds: step.seconds,
                    bytes: step.bytes,
                    cheap: step.cheap,
                    key,
                });
            }
            continue;
        }
        let total = match plan.seconds() {
            _ if plan.is_fresh() => "nothing to run".to_owned(),
            Some(seconds) => format!("about {}", duration(seconds)),
            None => "of unknown length".to_owned(),
        };
        // Less than this nobody has to make room for.
        let room = Some(plan.bytes()).filter(|&bytes| bytes >= 1 << 20);
        let room = room.map(|bytes| format!(", {} of disk", text::bytes(bytes))).unwrap_or_default();
        let unknown = match plan.unsized_steps() {
            0 => String::new(),
            1 => ", 1 step of unknown size".to_owned(),
            n => format!(", {n} steps of unknown size"),
        };
        let leaderboard = &project.competition.leaderboard;
        let now = context.around.clock.now();
        let ends = leaderboard.deadline.filter(|_| !plan.is_fresh()).zip(plan.seconds());
        let due = ends.map(|(deadline, seconds)| format!("; {}", due::in_words(Time(now.0 + seconds), deadline)));
        context.say.line(&format!("{}: {total}{room}{unknown}{}", plain(&recipe.name), due.unwrap_or_default()));
        let wide = plan.steps.iter().map(|step| width(&step.label())).max().unwrap_or(0).clamp(16, LONGEST);
        for step in &plan.steps {
            let time = step.seconds.map(duration).unwrap_or_default();
            let action = step.action.word();
            let size = match (step.bytes, step.action) {
                (Some(bytes), _) => text::bytes(bytes),
                (None, Action::Run) => "?".to_owned(),
                (None, _) => String::new(),
            };
            context.say.line(&format!(
                "  {} {} {} {} {}",
                pad(&step.label(), wide),
                pad(action, 7),
                pad(&time, 12),
                pad(&size, 8),
                plain(&step.reason)
            ));
        }
    }
    if broken.is_empty() { Ok(()) } else { Err(Failure::diagnostics(&broken, &context.say)) }
}

/// Estimates beside what they came to.
fn tell_history(context: &Context, project: &Project, recipes: &[Recipe]) -> Result<(), Failure> {
    let mut board = Board::new();
    board.refresh(&Runs::open(&project.toji));
    let mut judged = estimates::judged(&board, &context.around.machine);
    judged.retain(|one| recipes.is_empty() || recipes.iter().any(|recipe| recipe.name == one.recipe));
    if context.say.is_json() {
        for one in &judged {
            let Judged { recipe, stage, at, estimate, seconds } = one;
            context.say.json(&serde_json::json!({
                "recipe": recipe, "stage": stage, "at": at, "estimate": estimate, "seconds": seconds, "ratio": one.ratio(),
            }));
        }
        context.say.json(&serde_json::json!({
            "stages": judged.len(), "median_ratio": estimates::median_ratio(&judged), "words": estimates::in_words(&judged),
        }));
        return Ok(());
    }
    if !judged.is_empty() {
        let column = |title, align, spare, least| Column { title, align, spare, least };
        let columns = [
            column("stage", Align::Left, 0, 12),
            column("recipe", Align::Left, 0, 12),
            column("finished", Align::Left, 1, 16),
            column("estimate", Align::Right, 0, 8),
            column("took", Align::Right, 0, 8),
            column("ratio", Align::Right, 0, 5),
        ];
        let hours = context.around.clock.hours();
        let row = |one: &Judged| {
            let ratio = one.ratio().map_or_else(|| "-".to_owned(), |ratio| format!("{ratio:.2}"));
            let times = [duration(one.estimate), duration(one.seconds), ratio];
            [vec![one.stage.clone(), one.recipe.clone(), one.at.clock(hours)], times.to_vec()].concat()
        };
        let rows: Vec<Vec<String>> = judged.iter().map(row).collect();
        table(&columns, &rows, context.say.columns(120)).iter().for_each(|line| context.say.line(line));
    }
    context.say.line(&estimates::in_words(&judged));
    Ok(())
}
