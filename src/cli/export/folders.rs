//! `toji export tensorboard`, `wandb`: trainings in folders, as other tools leave them.

use std::path::PathBuf;

use toji::base::text::plain;
use toji::session::errands::export::told::History;
use toji::session::errands::export::trainings::{self, Told};
use toji::show::export::folder::Folder;
use toji::show::export::{tensorboard, wandb};

use super::{counted, refused};
use crate::cli::failure::Failure;
use crate::cli::{Context, shell, surroundings};

/// Arguments.
#[derive(clap::Args)]
pub struct Args {
    /// Recipes: names, or paths of their files. Default: all that ever ran.
    #[arg(value_name = "RECIPE", add = shell::recipes())]
    recipes: Vec<String>,
    /// The folder. The files of an earlier export of the same kind are replaced; a folder that holds anything else is refused.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Of each recipe the newest run alone.
    #[arg(long)]
    latest: bool,
    /// Write beside what else is in the folder.
    #[arg(long)]
    force: bool,
}

/// Writes TensorBoard's event files.
pub fn tensorboard(context: &Context, args: &Args) -> Result<(), Failure> {
    folder(context, args, "tensorboard", |told, _| tensorboard::files(told))
}

/// Writes wandb's offline runs.
pub fn wandb(context: &Context, args: &Args) -> Result<(), Failure> {
    folder(context, args, "wandb", wandb::files)
}

fn folder(
    context: &Context,
    args: &Args,
    kind: &'static str,
    files: fn(&Told, &str) -> Vec<(PathBuf, Vec<u8>)>,
) -> Result<(), Failure> {
    let cancel = surroundings::stop_on_signals();
    let project = context.project()?;
    let history = History::read(&project, &args.recipes, args.latest)?;
    let out = context.here.join(&args.out);
    let mut folder = Folder::open(&out, kind, args.force).map_err(refused)?;
    let (name, all) = (project.name(), trainings::of(&history));
    let mut trainings = 0;
    for told in &all {
        cancel.check().map_err(|_| Failure::failed("stopped; what was written stays and is replaced the next time"))?;
        for (place, bytes) in files(told, &name) {
            folder.write(&place, &bytes).map_err(refused)?;
            trainings += 1;
        }
    }
    let runs = all.iter().filter(|told| !told.trainings.is_empty()).count();
    if trainings == 0 {
        return Err(Failure::failed(format!(
            "no run of {} told a curve: nothing is written",
            history.recipes().join(", ")
        )));
    }
    folder.finish().map_err(refused)?;
    let by_epochs: Vec<&str> = all.iter().filter(|told| told.by_epochs).map(|told| told.run.as_str()).collect();
    if context.say.is_json() {
        context.say.json(&serde_json::json!({
            "export": kind, "folder": out, "runs": runs, "trainings": trainings, "recipes": history.recipes(), "by_epochs": by_epochs,
        }));
        return Ok(());
    }
    let recipes = history.recipes().join(", ");
    let (trainings, runs) = (counted(trainings, "training"), counted(runs, "run"));
    context.say.line(&plain(&format!("{}: {trainings} of {runs}; of {recipes}", out.display())));
    for run in by_epochs {
        context
            .say
            .line(&plain(&format!("{run}: an older log, which tells no steps; they are thousandths of an epoch")));
    }
    Ok(())
}
