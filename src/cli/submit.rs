//! `toji submit`: the file that is handed in.

use std::path::PathBuf;
use std::sync::Mutex;

use toji::base::text::plain;
use toji::session::errands::submit as handing_in;
use toji::session::project::photos::UNUSABLE;

use super::failure::Failure;
use super::run::Teller;
use super::{Context, shell, surroundings};

/// Fillers that are named one by one.
const LISTED: usize = 10;

/// Arguments.
#[derive(clap::Args)]
pub struct Args {
    /// The recipe: a name, or the path of its file.
    #[arg(value_name = "RECIPE", add = shell::recipes())]
    recipe: String,
    /// The file to write. Default: submissions/RECIPE.csv in the project.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// How far up the ladder: with full, the networks of all folds answer together.
    #[arg(long, value_name = "RUNG")]
    rung: Option<String>,
}

/// Writes the file.
pub fn submit(context: &Context, args: &Args) -> Result<(), Failure> {
    let cancel = surroundings::stop_on_signals();
    let (project, recipe, photos) = context.opened(&args.recipe, &cancel)?;
    let file = match &args.out {
        Some(file) => context.here.join(file),
        None => project.root.join("submissions").join(format!("{}.csv", recipe.name)),
    };
    let teller = Teller { say: &context.say, recipe: &recipe.name, last: Mutex::new(f64::NAN) };
    let done = handing_in::submit(
        &project,
        &recipe,
        &photos,
        &recipe.rung(args.rung.as_deref())?,
        &file,
        &|event| teller.tell(event),
        &cancel,
    )?;
    if context.say.is_json() {
        context.say.json(&done);
    } else {
        let [low, high] = done.interval;
        context.say.line(&plain(&format!(
            "{}: {} queries, hash {}",
            done.file.display(),
            done.rows,
            done.file_hash.short()
        )));
        if let [first, rest @ ..] = done.filled.as_slice() {
            let rows = if rest.is_empty() {
                "1 row is a filler, since its query's picture".to_owned()
            } else {
                format!("{} rows are fillers, since their queries' pictures", rest.len() + 1)
            };
            context.say.line(&format!(
                "{rows} cannot be used (the gallery photos that the others found most often stand there):"
            ));
            for filled in std::iter::once(first).chain(rest).take(LISTED) {
                context.say.line(&plain(&format!("  {} ({}): {}", filled.query, filled.file.display(), filled.why)));
            }
            if done.filled.len() > LISTED {
                context.say.line(&format!("  and {} more; all are in .toji/{UNUSABLE}", done.filled.len() - LISTED));
            }
        }
        context.say.line(&format!("local {} {:.4} [{low:.4}, {high:.4}]; noted in ledger.jsonl", done.metric, done.cv));
        let hash = &done.file_hash.to_string()[..8];
        context.say.line(&format!("when the leaderboard has shown its number: toji lb add {hash} NUMBER"));
    }
    Ok(())
}
