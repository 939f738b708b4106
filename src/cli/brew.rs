//! `toji brew`: many recipes up their ladders, fewer on each rung.
//!
//! Prints what each run prints, and a table at the end; with `--json` one object an event and one for each recipe, last.

use std::collections::BTreeMap;
use std::sync::Mutex;

use toji::base::text::{plain, width};
use toji::session::Photos;
use toji::session::brew::climb::{Climbed, climb};
use toji::session::brew::happened::{Ear, Happened};

use super::failure::Failure;
use super::run::Teller;
use super::{Context, shell, surroundings};

/// Arguments.
#[derive(clap::Args)]
pub struct Args {
    /// Recipes: names, or paths of their files. Default: all.
    #[arg(value_name = "RECIPE", add = shell::recipes())]
    recipes: Vec<String>,
    /// The last rung: full (all folds), or another one of `[folds] ladder`.
    #[arg(long, value_name = "RUNG", default_value = "full")]
    until: String,
}

/// Takes the recipes up.
pub fn run(context: &Context, args: &Args) -> Result<(), Failure> {
    let project = context.project()?;
    let recipes = match args.recipes.as_slice() {
        [] => project.recipes(),
        names => names.iter().map(|name| project.recipe(name)).collect::<Result<Vec<_>, _>>()?,
    };
    let found: Vec<_> = recipes.iter().flat_map(|recipe| recipe.diagnostics.clone()).collect();
    if recipes.iter().any(toji::session::Recipe::is_broken) {
        return Err(Failure::diagnostics(&found, &context.say));
    }
    let cancel = surroundings::stop_on_signals();
    let photos = Photos::read(&project, &context.say, &cancel)?;
    context.say.wipe();
    if project.pinned().is_none() {
        context.say.error("note: no recipe is pinned, so none is compared: pin one with p in the workbench, or workbench.pin in toji.toml");
    }
    let alerts = context.alerts_here()?;
    let happened = |happened: &Happened| alerts.iter().for_each(|alerts| alerts.tell(happened));
    let ears: BTreeMap<String, Ear<'_>> = match alerts {
        Some(_) => recipes.iter().map(|r| (r.name.clone(), Ear::new(&project, r, &photos, &happened))).collect(),
        None => BTreeMap::new(),
    };
    let teller = |name| Teller { say: &context.say, recipe: name, last: Mutex::new(0.0) };
    let tellers: BTreeMap<String, Teller<'_>> =
        recipes.iter().map(|recipe| (recipe.name.clone(), teller(&recipe.name))).collect();
    let climbed = climb(
        &project,
        &recipes,
        &photos,
        &args.until,
        &|recipe, event| {
            if let Some(teller) = tellers.get(&recipe.name) {
                teller.tell(event);
            }
            if let Some(ear) = ears.get(&recipe.name) {
                ear.hear(event);
            }
        },
        &cancel,
    )?;
    context.say.wipe();
    if context.say.is_json() {
        climbed.iter().for_each(|line| context.say.json(line));
    } else {
        context.say.line("");
        table(&climbed).iter().for_each(|line| context.say.line(line));
    }
    match climbed.iter().filter(|c| c.failed).count() {
        0 => Ok(()),
        failed => Err(Failure::failed(format!("{failed} of {} recipes failed; their lines say why", climbed.len()))),
    }
}

/// The recipes with how far they came, and what that saved.
fn table(climbed: &[Climbed]) -> Vec<String> {
    let name = |c: &Climbed| format!("{}{}", plain(&c.recipe), if c.pin { " (pin)" } else { "" });
    let wide = climbed.iter().map(|c| width(&name(c))).max().unwrap_or(0);
    let line = |c: &Climbed| {
        let name = name(c);
        let pad = " ".repeat(wide.saturating_sub(width(&name)));
        let score = c.score.map_or_else(|| "-".to_owned(), |score| format!("{score:.4}"));
        let (rung, epochs, whole) = (plain(&c.rung), c.epochs, c.whole);
        format!("{name}{pad}  {score:<6}  {rung:<8} {epochs:>4} of {whole:>4} epochs  {}", plain(&c.reason))
    };
    let (had, whole) = climbed.iter().fold((0, 0), |sum, c| (sum.0 + c.epochs, sum.1 + c.whole));
    let less = whole as f64 / had.max(1) as f64;
    let saved = format!("{had} epochs trained; all to the end would be {whole}, {less:.1} times as many");
    climbed.iter().map(line).chain([saved]).collect()
}
