//! `toji run`: recipes in the foreground.
//!
//! On a terminal a bar shows how far it is; into a file or a pipe the same run prints plain lines;
//! with `--json` each event is an object, and the last one of each recipe is its result.

use std::sync::Mutex;

use toji::base::text::{duration, plain};
use toji::dag::Event;
use toji::score::Metric;
use toji::session::brew::happened::{Ear, Happened};
use toji::session::brew::{self, Brewed, Manner};
use toji::session::{Photos, SessionError};

use super::failure::Failure;
use super::say::{Say, gauge};
use super::{Context, shell, surroundings};

/// Arguments.
#[derive(clap::Args)]
pub struct Args {
    /// Recipes: names, or paths of their files. Results that are in the store are not made again, and
    /// a run that was stopped or killed goes on from its checkpoint.
    #[arg(required = true, value_name = "RECIPE", add = shell::recipes())]
    recipes: Vec<String>,
    /// How far up the ladder: smoke (first fold, 2 epochs), holdout (first fold, all epochs; the usual one), full (all folds),
    /// seeds (all folds by three seeds), or a rung of `[folds] ladder`.
    #[arg(long, value_name = "RUNG")]
    rung: Option<String>,
    /// Only the steps that are cheap (under auto_seconds) and wait for nothing dear.
    #[arg(long)]
    cheap: bool,
}

/// Runs the recipes one after the other.
pub fn run(context: &Context, args: &Args) -> Result<(), Failure> {
    let project = context.project()?;
    let recipes = args.recipes.iter().map(|name| project.recipe(name)).collect::<Result<Vec<_>, _>>()?;
    // All mistakes of all recipes before anything runs.
    let found: Vec<_> = recipes.iter().flat_map(|recipe| recipe.diagnostics.clone()).collect();
    if recipes.iter().any(toji::session::Recipe::is_broken) {
        return Err(Failure::diagnostics(&found, &context.say));
    }
    let alerts = context.alerts_here()?;
    let cancel = surroundings::stop_on_signals();
    let photos = Photos::read(&project, &context.say, &cancel)?;
    context.say.wipe();
    let tell = |happened: &Happened| alerts.iter().for_each(|alerts| alerts.tell(happened));
    for recipe in &recipes {
        let teller = Teller { say: &context.say, recipe: &recipe.name, last: Mutex::new(0.0) };
        let manner = Manner { part: args.cheap, ..Manner::default() };
        let rung = recipe.rung(args.rung.as_deref())?;
        let ear = alerts.as_ref().map(|_| Ear::new(&project, recipe, &photos, &tell));
        let listen = |event: &Event| {
            teller.tell(event);
            ear.iter().for_each(|ear| ear.hear(event));
        };
        match brew::brew(&project, recipe, &photos, &rung, manner, &listen, &cancel) {
            Ok(done) => tell_result(&context.say, &done),
            // So it was asked for, and was told.
            Err(SessionError::Part { .. }) => {}
            // What the recipe asked for is no failure, and was told.
            Err(SessionError::Decided { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// The last line of a recipe.
fn tell_result(say: &Say, done: &Brewed) {
    if say.is_json() {
        say.json(done);
        return;
    }
    let Brewed { recipe, metric, score, interval: [low, high], seconds, reused } = done;
    say.line(&format!(
        "{}: {metric} {score:.4} [{low:.4}, {high:.4}] in {}; reused: {}",
        plain(recipe),
        duration(*seconds),
        if reused.is_empty() { "nothing".to_owned() } else { reused.join(", ") }
    ));
}

/// Turns events into lines, a bar, or JSON.
pub struct Teller<'a> {
    /// Where to.
    pub say: &'a Say,
    /// Whose events.
    pub recipe: &'a str,
    /// The newest loss, shown beside the score.
    pub last: Mutex<f64>,
}

impl Teller<'_> {
    /// Says one event.
    pub fn tell(&self, event: &Event) {
        if self.say.is_json() {
            self.say.json(&serde_json::json!({ "recipe": self.recipe, "event": event }));
            return;
        }
        let line = |text: String| self.say.line(&format!("{}  {}", plain(self.recipe), plain(&text)));
        match event {
            Event::StageStarted { stage, part, reason, .. } => line(format!("{} {reason}", label(stage, part))),
            Event::StageReused { stage, part, .. } => line(format!("{} in the store", label(stage, part))),
            Event::StageFinished { stage, part, seconds, bytes, .. } => {
                let size = *bytes as f64 / 1e6;
                line(format!("{} done in {}, {size:.1} MB", label(stage, part), duration(*seconds)));
            }
            Event::StageFailed { stage, part, error } => line(format!("{} failed: {error}", label(stage, part))),
            Event::Progress { stage, part, what, done, total, unit } => {
                let what = if stage == what { label(stage, part) } else { format!("{} {what}", label(stage, part)) };
                self.say.bar(&gauge(&what, *done, *total, unit));
            }
            Event::Point { series, value, .. } if series == "loss" => {
                if let Ok(mut last) = self.last.lock() {
                    *last = *value;
                }
            }
            Event::Point { series, part, x, value } if series.parse::<Metric>().is_ok() => {
                let loss = self.last.lock().map_or(f64::NAN, |last| *last);
                line(match *x {
                    0.0 => format!("{part} untrained: {series} {value:.4}"),
                    _ => format!("{part} epoch {x:.0}: loss {loss:.3}, {series} {value:.4}"),
                });
            }
            Event::Decision { part, epoch, advice, reason, .. } => {
                line(format!("{part} epoch {epoch}: {advice}: {reason}"))
            }
            Event::Note { text } => line(format!("note: {text}")),
            Event::Warning { text } => line(format!("warning: {text}")),
            Event::RunStopped { reason } => line(format!("stopped: {reason}")),
            _ => {}
        }
    }
}

fn label(stage: &str, part: &str) -> String {
    if part.is_empty() { stage.to_owned() } else { format!("{stage} {part}") }
}
