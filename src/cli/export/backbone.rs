//! `toji export backbone`: a training's network as timm takes it.

use std::path::PathBuf;

use toji::base::text::{self, plain};
use toji::session::errands::export::told::board;
use toji::session::errands::export::{Asked, backbone};

use crate::cli::failure::Failure;
use crate::cli::spare::spare;
use crate::cli::{Context, shell, surroundings};

/// Arguments.
#[derive(clap::Args)]
pub struct Args {
    /// The recipe: a name, or the path of its file. Nothing is trained: its networks must be in the store.
    #[arg(value_name = "RECIPE", add = shell::recipes())]
    recipe: String,
    /// Whose training: a fold, from 0, as the plan counts. Default: the first.
    #[arg(long, value_name = "N")]
    fold: Option<usize>,
    /// How far up the ladder. Default: as far as the recipe's newest run went.
    #[arg(long, value_name = "RUNG")]
    rung: Option<String>,
    /// The file: .safetensors. An older export that is there is replaced, nothing else is.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

/// Writes it.
pub fn run(context: &Context, args: &Args) -> Result<(), Failure> {
    if args.out.extension().is_none_or(|ending| !ending.eq_ignore_ascii_case("safetensors")) {
        let out = args.out.display();
        return Err(Failure::usage(format!("{out}: a backbone is written as .safetensors; name the file so")));
    }
    // The metadata of one of its own says what of Toji made it, and stands in front.
    let is_ours = |bytes: &[u8]| bytes.windows(b"recipe_key".len()).any(|window| window == b"recipe_key");
    spare(context, &context.here.join(&args.out), &is_ours)?;
    let cancel = surroundings::stop_on_signals();
    let (project, recipe, photos) = context.opened(&args.recipe, &cancel)?;
    let asked = Asked::of(&project, &board(&project), &photos, recipe, args.rung.as_deref())?;
    let done = backbone::write(&project, &photos, &asked, args.fold, &context.here.join(&args.out))?;
    if context.say.is_json() {
        context.say.json(&done);
        return Ok(());
    }
    context.say.line(&plain(&format!(
        "{}: {} of {}, {}, up to {}; {} tensors, {} numbers, {}",
        done.file.display(),
        done.architecture,
        done.recipe,
        done.training,
        done.rung,
        done.tensors,
        done.parameters,
        text::bytes(done.bytes)
    )));
    if !done.left_out.is_empty() {
        context.say.line(&plain(&format!("left out, since timm has no such layers: {}", done.left_out.join(", "))));
    }
    context.say.line(&plain(&format!(
        "timm.create_model({:?}, num_classes=0, checkpoint_path={:?})",
        done.architecture,
        args.out.file_name().unwrap_or_default().to_string_lossy()
    )));
    Ok(())
}
