//! `toji set`: one value of a recipe, everything else as it is.

use serde_json::json;
use toji::base::text::{duration, pad, plain};
use toji::dag::{Action, Board, History, Runs, Step};
use toji::session::recipe::change::{self, ChangeError, Wish};
use toji::session::{Photos, Project, Recipe, brew};

use super::Context;
use super::failure::Failure;

/// Arguments.
#[derive(clap::Args)]
pub struct Args {
    /// The recipe: its name, or the path of its file.
    #[arg(value_name = "RECIPE")]
    recipe: String,
    /// The setting by its dotted name: loss.margin, post.steps[0].dim, loss.name.
    #[arg(value_name = "KEY")]
    key: String,
    /// Its new value as a cell has it: 22.9, true, [0.6, 1.0], '{ name = "AdamW" }'. A bare word needs no quotes.
    #[arg(value_name = "VALUE", allow_hyphen_values = true)]
    value: String,
    /// Write it into this recipe's own table also where a parent or a default says it so far.
    #[arg(long)]
    add: bool,
    /// Write nothing: show what would change and what would run for it.
    #[arg(long)]
    dry_run: bool,
    /// For --dry-run, how far up the ladder: smoke, holdout, full, seeds, or a rung of `[folds] ladder`.
    #[arg(long, value_name = "RUNG", requires = "dry_run")]
    rung: Option<String>,
}

/// Why a text was not changed, as a command's failure.
pub fn failure(error: ChangeError, context: &Context) -> Failure {
    match error {
        ChangeError::Wrong(found) => Failure::diagnostics(&found, &context.say).hint("nothing was written"),
        ChangeError::Edit(_) | ChangeError::Elsewhere(_) => Failure::usage(error.to_string()),
        ChangeError::Session(error) => error.into(),
        ChangeError::Changed(_) => Failure::failed(error.to_string()),
    }
}

/// Sets the value, or says what it would do.
pub fn set(context: &Context, args: &Args) -> Result<(), Failure> {
    let project = context.project()?;
    let recipe = project.recipe(&args.recipe)?;
    let wish = Wish { key: &args.key, value: &args.value, seen: None, add: args.add };
    let proposal =
        change::set(&recipe, &project.schema, Some(&project), wish).map_err(|error| failure(error, context))?;
    let (name, said) = (plain(&proposal.recipe), plain(&proposal.said));
    let still = proposal.still();
    if !args.dry_run {
        proposal.write().map_err(|error| failure(error, context))?;
        if context.say.is_json() {
            context.say.json(
                &json!({ "recipe": proposal.recipe, "change": proposal.said, "file": proposal.file, "written": true, "still": still }),
            );
        } else {
            context.say.line(&format!("{name}: {said}; written to {}", plain(&proposal.file.display().to_string())));
            still.iter().for_each(|still| context.say.error(&format!("note: {}", plain(still))));
        }
        return Ok(());
    }
    let cancel = super::surroundings::stop_on_signals();
    let photos = Photos::read(&project, &context.say, &cancel)?;
    context.say.wipe();
    let steps = |recipe: &Recipe| would_run(&project, &photos, recipe, args.rung.as_deref());
    // What is broken runs nothing.
    let after = if proposal.new.is_broken() { Vec::new() } else { steps(&proposal.new)? };
    let before = if recipe.is_broken() { Vec::new() } else { steps(&recipe)? };
    if context.say.is_json() {
        let told = |steps: &[Step]| -> Vec<_> {
            let one = |step: &Step| json!({ "stage": step.label(), "reason": step.reason, "seconds": step.seconds });
            steps.iter().map(one).collect()
        };
        context.say.json(&json!({
            "recipe": proposal.recipe, "change": proposal.said, "file": proposal.file, "written": false, "still": still,
            "would_run": told(&after), "runs_anyway": told(&before),
        }));
        return Ok(());
    }
    context.say.line(&format!("{name}: {said} (nothing is written)"));
    still.iter().for_each(|still| context.say.error(&format!("note: {}", plain(still))));
    let anyway = |step: &Step| before.iter().any(|old| old.key == step.key);
    let new: Vec<&Step> = after.iter().filter(|step| !anyway(step)).collect();
    if new.is_empty() {
        context.say.line("  it runs nothing that would not run anyway");
    }
    for step in new {
        let time = step.seconds.map(duration).unwrap_or_default();
        context.say.line(&format!("  {} {} {}", pad(&step.label(), 24), pad(&time, 12), plain(&step.reason)));
    }
    let waits = after.iter().filter(|step| anyway(step)).count();
    if waits > 0 {
        context.say.line(&format!("  and {waits} that would run as it stands"));
    }
    Ok(())
}

/// The steps that would run of a recipe.
fn would_run(project: &Project, photos: &Photos, recipe: &Recipe, rung: Option<&str>) -> Result<Vec<Step>, Failure> {
    let rung = recipe.rung(rung)?;
    let mut board = Board::new();
    board.refresh(&Runs::open(&project.toji));
    let history = History::load(&project.store, &project.around.bench());
    let planned = brew::plan(project, recipe, photos, &rung, &board, &history)?;
    Ok(planned.plan.steps.into_iter().filter(|step| step.action != Action::Reuse).collect())
}
