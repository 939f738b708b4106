//! `toji reproduce`: a submission made again, and how it compares.
//!
//! The exit code is the verdict: 0 the same bytes, 3 within tolerance, 4 different, 5 data or weights are others than they were, so that nothing was run; 1 and 2 as
//! everywhere.

use std::path::PathBuf;
use std::sync::Mutex;

use toji::base::text::plain;
use toji::session::errands::ledger::note;
use toji::session::errands::solution::reproduce::{
    self as again, Asked, Checked, Judged, Reproduced, Source, Until, Verdict, judge,
};

use super::failure::Failure;
use super::run::Teller;
use super::say::Say;
use super::{Context, shell, surroundings};

/// Photos that are named one by one.
const LISTED: usize = 10;

/// Arguments.
#[derive(clap::Args)]
#[command(
    after_help = "Exit codes: 0 the same bytes, 3 within tolerance, 4 different, 5 data or weights are others than they were and nothing was run, \
1 failed, 2 wrong use. docs/reproduce.md says what is compared and how."
)]
pub struct Args {
    /// A pack that toji pack wrote (the zip, or the folder that it was unpacked to), a solution.lock, or, in a project, a line of its ledger: the first digits of
    /// a submission's hash, a recipe (its newest), or the file of a submission.
    #[arg(value_name = "SOLUTION", add = shell::recipes())]
    what: String,
    /// The folder of the competition's tables and pictures. Default: as SETTINGS.json of the pack says, else where its toji.toml does.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Only predict, by the packed weights: nothing is trained.
    #[arg(long)]
    predict_only: bool,
    /// Only look whether toolchain, data and weights are those of then: nothing is run.
    #[arg(long, conflicts_with = "predict_only")]
    check: bool,
    /// The file of answers to write. Default: in the folder where the solution is laid out.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// By how much the score in cross-validation may differ where CPU type, toolchain or the like do.
    #[arg(long, value_name = "SCORE", default_value_t = judge::TOLERANCE, value_parser = tolerance)]
    tolerance: f64,
}

fn tolerance(text: &str) -> Result<f64, String> {
    let read = text.parse::<f64>().ok().filter(|x| (0.0..=1.0).contains(x));
    read.ok_or_else(|| "expected a score from 0 to 1, such as 0.005".to_owned())
}

/// Makes it again.
pub fn run(context: &Context, args: &Args) -> Result<(), Failure> {
    let cancel = surroundings::stop_on_signals();
    let data = args.data.as_ref().map(|data| context.here.join(data));
    if let Some(data) = data.as_ref().filter(|data| !data.is_dir()) {
        return Err(Failure::usage(format!("there is no folder {}", data.display())));
    }
    let path = context.here.join(&args.what);
    let ending = path.extension().map(|ending| ending.to_ascii_lowercase());
    let is_file = ending.is_some_and(|ending| ending == "zip" || ending == "lock");
    let source = match is_file || path.is_dir() {
        true if !path.exists() => return Err(Failure::usage(format!("there is no file {}", path.display()))),
        true => Source::open(&path, data.as_deref())?,
        false => {
            let project = context.project().map_err(|failure| {
                failure.hint(format!(
                    "there is no folder {} either: name a pack, its folder, or a solution.lock",
                    plain(&args.what)
                ))
            })?;
            let entry = note::find(&project, &context.here, &args.what)?;
            Source::of_line(&project, &entry, data.as_deref())?
        }
    };
    let until = match (args.check, args.predict_only) {
        (true, _) => Until::Check,
        (_, true) => Until::Predict,
        _ => Until::Train,
    };
    let out = args.out.as_ref().map(|out| context.here.join(out));
    if let Some(page) =
        out.as_ref().filter(|out| out.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("md")))
    {
        let text = format!("{}: answers are a table, and among the recipes a .md is taken for one", page.display());
        return Err(Failure::usage(text).hint("name a .csv with --out"));
    }
    let name = source.solution.run.head.recipe.clone();
    let teller = Teller { say: &context.say, recipe: &name, last: Mutex::new(f64::NAN) };
    let asked = Asked { until, out: out.as_deref(), tolerance: args.tolerance };
    let done = again::reproduce(&context.around, &source, asked, &|event| teller.tell(event), &context.say, &cancel)?;
    context.say.wipe();
    if context.say.is_json() {
        context.say.json(&done);
    } else {
        tell(&context.say, &done);
    }
    verdict(&done)
}

fn verdict(done: &Reproduced) -> Result<(), Failure> {
    if done.checked.is_blocked() {
        let text = "data or weights are others than they were, so nothing was run; what differs is named above";
        return Err(Failure::failed(text)
            .with_code(5)
            .hint("bring back those of then, or name another folder with --data"));
    }
    match done.judged.as_ref().map(|judged| (judged.verdict, &judged.why)) {
        None | Some((Verdict::Same, _)) => Ok(()),
        Some((Verdict::Within, why)) => Err(Failure::failed(format!("within tolerance: {why}")).with_code(3)),
        Some((Verdict::Different, why)) => Err(Failure::failed(format!("different: {why}")).with_code(4)),
    }
}

fn tell(say: &Say, done: &Reproduced) {
    say.line(&plain(&format!(
        "{} (submission {}), laid out in {}",
        done.recipe,
        done.submission.short(),
        done.folder.display()
    )));
    checked(say, &done.checked);
    if let Some(found) = &done.judged {
        judged(say, found);
    }
}

fn checked(say: &Say, found: &Checked) {
    if !found.same.is_empty() {
        say.line(&plain(&format!("as it was: {}", found.same.join(", "))));
    }
    for one in &found.surroundings {
        let aside = if one.matters { "" } else { " (changes no bits)" };
        say.line(&plain(&format!("another {}: {} then, {} now{aside}", one.what, one.then, one.now)));
    }
    found.recipe.iter().for_each(|change| say.line(&plain(&format!("the recipe reads otherwise: {change}"))));
    found.notes.iter().for_each(|note| say.line(&plain(&format!("note: {note}"))));
    match found.photos.len() {
        0 => {}
        1 => say.line("1 photo is not as it was:"),
        count => say.line(&format!("{count} photos are not as they were:")),
    }
    for photo in found.photos.iter().take(LISTED) {
        say.line(&plain(&format!("  {} {} ({}) {}", photo.role, photo.id, photo.file, photo.what)));
    }
    if found.photos.len() > LISTED {
        say.line(&format!("  and {} more; --json names all", found.photos.len() - LISTED));
    }
    found.data.iter().chain(&found.weights).for_each(|what| say.line(&plain(&format!("differs: {what}"))));
}

fn judged(say: &Say, found: &Judged) {
    say.line(&plain(&format!(
        "{}: hash {}, expected {}",
        found.file.display(),
        found.file_hash.short(),
        found.expected_hash.short()
    )));
    if let Some(rows) = found.rows {
        say.line(&format!("rows: {} of {} differ, {} in their first answer", rows.differ, rows.of, rows.other_first));
    }
    if let Some(score) = found.score {
        let expected = found.expected_score.map_or_else(|| "not known".to_owned(), |score| format!("{score:.6}"));
        say.line(&format!("local score: {score:.6}, expected {expected}"));
    }
    if let Some([same, of]) = found.checkpoints {
        say.line(&format!("trained networks with the bytes of then: {same} of {of}"));
    }
    if let Some(same) = found.weights_same {
        say.line(if same {
            "packed weights, made again: the same bytes"
        } else {
            "packed weights, made again: other bytes"
        });
    }
    if !found.reused.is_empty() {
        say.line(&plain(&format!("found in the store and not made: {}", found.reused.join(", "))));
    }
    if !found.stages_differ.is_empty() {
        say.line(&plain(&format!("stages that are others than they were: {}", found.stages_differ.join(", "))));
    }
    found.reasons.iter().for_each(|reason| say.line(&plain(&format!("why bits may differ: {reason}"))));
    if found.verdict == Verdict::Same {
        say.line("same: the submission's bytes are those of then");
    }
}
