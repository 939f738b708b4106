//! `toji replay`: what other deciders would have saved or lost on the trainings as they went.
//!
//! Trains nothing: it reads the evaluations that trainings kept, and asks each decider at every one of them, knowing only what had been seen by
//! then. With `--json` one object a decider.

use toji::base::text::{pad, plain, width};
use toji::score::decide::Decider;
use toji::score::decide::replay::{Outcome, replay as gone_through};
use toji::session::Photos;
use toji::session::errands::replay::{self, Trainings};

use super::failure::Failure;
use super::{Context, shell, surroundings};

/// Arguments.
#[derive(clap::Args)]
pub struct Args {
    /// Recipes: names, or paths of their files. Default: all that were evaluated while they trained.
    #[arg(value_name = "RECIPE", add = shell::recipes())]
    recipes: Vec<String>,
    /// A decider as `[decide]` has it, as an inline table: 'name = "TopK", k = 2'. May be given several times. Default: each with its defaults.
    #[arg(long, value_name = "TABLE")]
    decide: Vec<String>,
    /// List every recipe with the epoch at which it would have been stopped, and why.
    #[arg(long)]
    each: bool,
}

/// Replays.
pub fn run(context: &Context, args: &Args) -> Result<(), Failure> {
    let project = context.project()?;
    let recipes = match args.recipes.as_slice() {
        [] => project.recipes().into_iter().filter(|recipe| !recipe.is_broken()).collect(),
        names => names.iter().map(|name| project.recipe(name)).collect::<Result<Vec<_>, _>>()?,
    };
    let deciders = match args.decide.as_slice() {
        [] => replay::every(),
        written => {
            written.iter().map(|text| replay::decider(text)).collect::<Result<Vec<_>, _>>().map_err(Failure::usage)?
        }
    };
    let cancel = surroundings::stop_on_signals();
    let photos = Photos::read(&project, &context.say, &cancel)?;
    context.say.wipe();
    let trainings = replay::trainings(&project, &recipes, &photos)?;
    if trainings.courses.is_empty() {
        return Err(Failure::failed("no recipe but the pin was evaluated while it trained".to_owned())
            .hint("run some: toji brew"));
    }
    let Trainings { courses, pin } = &trainings;
    let labels = &photos.manifest.photos;
    let group = |photo: u32| labels.get(photo as usize).and_then(|photo| photo.label).unwrap_or(u32::MAX);
    let outcomes: Vec<(&Decider, Outcome)> =
        deciders.iter().map(|decider| (decider, gone_through(decider, courses, pin, &group))).collect();
    if context.say.is_json() {
        for (decider, outcome) in &outcomes {
            context.say.json(&serde_json::json!({ "decide": decider, "outcome": outcome }));
        }
        return Ok(());
    }
    let wide = deciders.iter().map(|decider| decider.name().len()).max().unwrap_or(0);
    for (decider, outcome) in &outcomes {
        let stopped = outcome.fates.iter().filter(|fate| fate.stopped.is_some()).count();
        let kept =
            outcome.fates.iter().any(|fate| Some(&fate.recipe) == outcome.best.as_ref() && fate.stopped.is_none());
        let best = match (&outcome.best, kept) {
            (Some(best), false) if outcome.lost > 0.0 => {
                format!("; stops the best, {}: {:.4} lost", plain(best), outcome.lost)
            }
            (Some(best), false) => format!("; stops the best, {}, and loses nothing against the pin", plain(best)),
            _ => String::new(),
        };
        context.say.line(&format!(
            "{}  saves {} of {} epochs, stops {stopped} of {} recipes{best}",
            pad(decider.name(), wide),
            outcome.saved,
            outcome.epochs,
            outcome.fates.len()
        ));
        if args.each {
            let wide = outcome.fates.iter().map(|fate| width(&plain(&fate.recipe))).max().unwrap_or(0);
            for fate in &outcome.fates {
                let at = fate.stopped.map_or_else(|| "       ".to_owned(), |at| format!("at {at:>4}"));
                let name = pad(&plain(&fate.recipe), wide);
                context.say.line(&format!("  {name}  {:.4}  {at}  {}", fate.value, plain(&fate.reason)));
            }
        }
    }
    Ok(())
}
