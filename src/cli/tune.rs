//! `toji tune`: a chain of post steps that suits the held-out queries, and the gain that it will really have.
//!
//! Prints the chain as a line for `[post]`, its gain on the queries that chose it and the nested one, and what each part's others chose.
//! Writes nothing into the recipe. With `--json` one object. Ctrl-C stops.

use std::sync::Mutex;

use toji::base::text::plain;
use toji::retrieve::post::Step;
use toji::session::errands::lab::tune::{self, Tuned};

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
    /// How far up the ladder: with full, the chain of each fold is chosen by the others.
    #[arg(long, value_name = "RUNG")]
    rung: Option<String>,
}

/// Tunes.
pub fn run(context: &Context, args: &Args) -> Result<(), Failure> {
    let cancel = surroundings::stop_on_signals();
    let (project, recipe, photos) = context.opened(&args.recipe, &cancel)?;
    let rung = recipe.rung(args.rung.as_deref())?;
    let teller = Teller { say: &context.say, recipe: &recipe.name, last: Mutex::new(0.0) };
    let found = tune::tune(&project, &recipe, &photos, &rung, &|event| teller.tell(event), &cancel)?;
    context.say.wipe();
    if context.say.is_json() {
        context.say.json(&found);
        return Ok(());
    }
    lines(&found).iter().for_each(|line| context.say.line(&plain(line)));
    Ok(())
}

fn lines(found: &Tuned) -> Vec<String> {
    let Tuned { metric, plain, own, value, tried, .. } = found;
    let mut lines = vec![
        format!("steps = {}", written(&found.steps)),
        format!(
            "{metric} {plain:.4} without steps, {own:.4} as the recipe has them, {value:.4} so; {tried} chains were tried"
        ),
        format!("gain on the queries that chose it  {}", short(Some(&found.chosen))),
        format!("gain on queries that did not       {}", short(Some(&found.nested))),
    ];
    lines.extend(
        found.parts.iter().map(|part| format!("  {}: {:+.4} by {}", part.name, part.gain, written(&part.steps))),
    );
    lines.push(match found.carries_over {
        true => "it carries over: where it did not choose, it helps too".to_owned(),
        false => "it does not carry over: where it did not choose, it may give nothing; leave it out".to_owned(),
    });
    lines
}

/// Steps as a recipe has them.
fn written(steps: &[Step]) -> String {
    let one = |step: &Step| {
        let rest = step.parameters().into_iter().map(|(key, value)| format!(", {key} = {value}"));
        format!("{{ op = \"{}\"{} }}", step.name(), rest.collect::<String>())
    };
    format!("[{}]", steps.iter().map(one).collect::<Vec<_>>().join(", "))
}
