//! `toji post`: what each post step of a recipe is worth.
//!
//! Prints a line a step: alone, where it stands in the chain, and what is lost without it, each with its 95 % interval, and the queries
//! that the chain moves most. With `--json` one object.

use std::sync::Mutex;

use toji::base::text::{pad, plain, width};
use toji::retrieve::post::Step;
use toji::session::errands::lab::gains;
use toji::session::stages::post::gain::{Gains, Moved};

use super::failure::Failure;
use super::run::Teller;
use super::say::short;
use super::{Context, shell, surroundings};

/// Arguments.
#[derive(clap::Args)]
pub struct Args {
    /// The recipe: a name, or the path of its file.
    #[arg(value_name = "RECIPE", add = shell::recipes())]
    recipe: String,
    /// How far up the ladder: the queries of these folds are asked.
    #[arg(long, value_name = "RUNG")]
    rung: Option<String>,
    /// Name so many queries that the chain answers better, and as many that it answers worse.
    #[arg(long, value_name = "N", default_value_t = 5)]
    moved: usize,
}

/// Weighs the steps.
pub fn run(context: &Context, args: &Args) -> Result<(), Failure> {
    let cancel = surroundings::stop_on_signals();
    let (project, recipe, photos) = context.opened(&args.recipe, &cancel)?;
    let rung = recipe.rung(args.rung.as_deref())?;
    let teller = Teller { say: &context.say, recipe: &recipe.name, last: Mutex::new(0.0) };
    let found = gains::gains(&project, &recipe, &photos, &rung, &|event| teller.tell(event), &cancel)?;
    context.say.wipe();
    if context.say.is_json() {
        context.say.json(&found);
        return Ok(());
    }
    table(&found).iter().for_each(|line| context.say.line(line));
    let id = |moved: &Moved| {
        let photo = photos.manifest.photos.get(moved.query as usize).map_or("?", |photo| photo.id.as_str());
        format!("  {}  {:.3} to {:.3}", plain(photo), moved.before, moved.after)
    };
    for (word, moved) in [("better", &found.better), ("worse", &found.worse)] {
        if !moved.is_empty() && args.moved > 0 {
            context.say.line(&format!("answered {word} by the chain:"));
            moved.iter().take(args.moved).for_each(|moved| context.say.line(&id(moved)));
        }
    }
    Ok(())
}

/// A line a step, and one for the whole.
fn table(found: &Gains) -> Vec<String> {
    let names: Vec<String> = found.steps.iter().map(|gain| written(&gain.step)).collect();
    let wide = names.iter().map(|name| width(name)).max().unwrap_or(0).max(9);
    let head = format!("{}  {:<26} {:<26} {:<26}", pad("step", wide), "alone", "here", "lost without it");
    let lines = found.steps.iter().zip(&names).map(|(gain, name)| {
        let [alone, here, left_out] = [&gain.alone, &gain.here, &gain.left_out].map(|delta| short(delta.as_ref()));
        format!("{}  {alone:<26} {here:<26} {left_out:<26}", pad(name, wide))
    });
    let whole = format!(
        "{} {:.4} without steps, {:.4} with all: {}",
        plain(&found.metric),
        found.plain,
        found.chain,
        short(found.gain.as_ref())
    );
    [head].into_iter().chain(lines).chain([whole]).map(|line| line.trim_end().to_owned()).collect()
}

/// A step as a recipe has it: `alpha-qe k 3, alpha 3`.
fn written(step: &Step) -> String {
    let parameters: Vec<String> = step.parameters().into_iter().map(|(key, value)| format!("{key} {value}")).collect();
    plain(&format!("{} {}", step.name(), parameters.join(", ")).replace('"', "")).trim_end().to_owned()
}
