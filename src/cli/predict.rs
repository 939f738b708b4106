//! `toji predict`: answers for pictures never seen, from packed weights alone.

use std::path::PathBuf;

use clap::ValueEnum;
use toji::base::text::plain;
use toji::session::errands::submit::{self, Asked, Packed};

use super::failure::Failure;
use super::{Context, surroundings};

/// Pictures that cannot be used and are named one by one.
const LISTED: usize = 10;

/// Arguments.
#[derive(clap::Args)]
pub struct Args {
    /// The file that `toji export weights` wrote.
    #[arg(long, value_name = "FILE")]
    weights: PathBuf,
    /// The folder of the pictures to be looked up.
    #[arg(long, value_name = "DIR")]
    images: PathBuf,
    /// The folder of the pictures among whom. The same folder: each among the others.
    #[arg(long, value_name = "DIR")]
    gallery: PathBuf,
    /// The file to write.
    #[arg(long, value_name = "FILE", default_value = "predictions.csv")]
    out: PathBuf,
    /// Answers for each picture. Default: as many as the host wanted.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    count: Option<u32>,
    /// What pictures are called in the answers.
    #[arg(long, value_enum, default_value = "stem")]
    ids: Ids,
}

/// What pictures are called.
#[derive(Clone, Copy, ValueEnum)]
enum Ids {
    /// Without folders and ending: a/b.jpg is b.
    Stem,
    /// With the ending: b.jpg.
    Name,
    /// By the path in the folder: a/b.jpg.
    Path,
}

/// Writes the answers.
pub fn run(context: &Context, args: &Args) -> Result<(), Failure> {
    let cancel = surroundings::stop_on_signals();
    let at = |path: &PathBuf| context.here.join(path);
    let packed = Packed::open(&at(&args.weights))?;
    let ids = match args.ids {
        Ids::Stem => submit::Ids::Stem,
        Ids::Name => submit::Ids::Name,
        Ids::Path => submit::Ids::Path,
    };
    let (images, gallery) = (at(&args.images), at(&args.gallery));
    let count = args.count.map(|count| count as usize);
    let asked = Asked { images: &images, gallery: &gallery, ids, count };
    let done = submit::predict(&context.around, &packed, asked, &at(&args.out), &context.say, &cancel)?;
    context.say.wipe();
    if context.say.is_json() {
        context.say.json(&done);
        return Ok(());
    }
    let (rows, hash) = (done.rows, done.file_hash.short());
    context.say.line(&plain(&format!(
        "{}: {rows} pictures among {}, by {}; hash {hash}",
        done.file.display(),
        done.gallery,
        done.recipe
    )));
    if !done.unusable.is_empty() {
        context.say.line(&format!("{} pictures cannot be used and are left out:", done.unusable.len()));
        for (file, why) in done.unusable.iter().take(LISTED) {
            context.say.line(&plain(&format!("  {}: {why}", file.display())));
        }
        if done.unusable.len() > LISTED {
            context.say.line(&format!("  and {} more; --json names all", done.unusable.len() - LISTED));
        }
    }
    Ok(())
}
