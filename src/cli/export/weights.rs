//! `toji export weights`: all that a recipe answers by, in one file.

use std::path::PathBuf;
use std::sync::Mutex;

use toji::base::text::{self, plain};
use toji::session::errands::submit::export;

use crate::cli::failure::Failure;
use crate::cli::run::Teller;
use crate::cli::{Context, shell, surroundings};

/// Arguments.
#[derive(clap::Args)]
pub struct Args {
    /// The recipe: a name, or the path of its file.
    #[arg(value_name = "RECIPE", add = shell::recipes())]
    recipe: String,
    /// The file to write. Default: RECIPE.safetensors in the project's folder.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// How far up the ladder: with full, the networks of all folds are packed.
    #[arg(long, value_name = "RUNG")]
    rung: Option<String>,
}

/// Packs it.
pub fn run(context: &Context, args: &Args) -> Result<(), Failure> {
    let cancel = surroundings::stop_on_signals();
    let (project, recipe, photos) = context.opened(&args.recipe, &cancel)?;
    let file = match &args.out {
        Some(file) => context.here.join(file),
        None => project.root.join(format!("{}.safetensors", recipe.name)),
    };
    let teller = Teller { say: &context.say, recipe: &recipe.name, last: Mutex::new(f64::NAN) };
    let rung = recipe.rung(args.rung.as_deref())?;
    let done = export(&project, &recipe, &photos, &rung, &file, &|event| teller.tell(event), &cancel)?;
    if context.say.is_json() {
        context.say.json(&done);
        return Ok(());
    }
    let (size, hash) = (text::bytes(done.bytes), done.file_hash.short());
    context.say.line(&plain(&format!("{}: {size}, hash {hash}", done.file.display())));
    context.say.line(&plain(&format!("networks: {}; local {} {:.4}", done.networks.join(", "), done.metric, done.cv)));
    context.say.line(&plain(&format!(
        "answers for other pictures: toji predict --weights {} --images DIR --gallery DIR",
        file.file_name().unwrap_or_default().to_string_lossy()
    )));
    Ok(())
}
