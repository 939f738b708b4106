//! `toji export`: what other machines and tools read.

use std::path::PathBuf;
use std::sync::Mutex;

use toji::base::text::{self, plain};
use toji::session::errands::submit::export;

use super::failure::Failure;
use super::run::Teller;
use super::{Context, shell, surroundings};

/// Arguments.
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(clap::Subcommand)]
enum What {
    /// Pack all that a recipe answers by into one safetensors file, for `toji predict`.
    ///
    /// The file has the weights of every network that answers by [final], how pictures come to them, the post steps with the labelled photos that they
    /// go by, and, of an ensemble, the weights of its members. It needs no project and no photo. Networks that are not trained yet are trained first.
    Weights(Weights),
}

#[derive(clap::Args)]
struct Weights {
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

/// Writes what is asked for.
pub fn run(context: &Context, args: &Args) -> Result<(), Failure> {
    let What::Weights(args) = &args.what;
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
