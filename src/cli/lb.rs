//! `toji lb`, `toji final`: submissions beside the leaderboard.
//!
//! Takes what the leaderboard showed and which submissions shall count; appends it to `ledger.jsonl`. Without more it prints how all stand. The
//! numbers come from the host's page by hand: nothing here uses the network.

use std::path::Path;

use toji::base::text::plain;
use toji::base::{Key, Time};
use toji::score::ledger::{Part, Shown};
use toji::session::errands::ledger::{look, note};
use toji::session::{Photos, Project};
use toji::show::ledger as page;

use super::failure::Failure;
use super::{Context, surroundings};

/// Arguments of `toji lb`.
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Note what the leaderboard showed of a submission.
    ///
    /// A later number of the same submission takes the earlier one's place; both stay in ledger.jsonl, which is never rewritten. A
    /// submission counts as handed in on --date.
    Add {
        /// A file that toji submit wrote, a recipe (its newest), or the first digits of a hash (4 or more).
        #[arg(value_name = "SUBMISSION")]
        what: String,
        /// The number on the leaderboard, with all its digits.
        #[arg(value_name = "SCORE", allow_hyphen_values = true)]
        score: String,
        /// It is the private leaderboard's.
        #[arg(long)]
        private: bool,
        /// When it was handed in: 2026-11-27, or 2026-11-27 18:30 on the host's clock (leaderboard.utc_offset). Default: now.
        #[arg(long, value_name = "DATE")]
        date: Option<String>,
    },
}

/// Arguments of `toji final`.
#[derive(clap::Args)]
pub struct FinalArgs {
    #[command(subcommand)]
    command: Option<FinalCommand>,
}

#[derive(clap::Subcommand)]
enum FinalCommand {
    /// Mark a submission as final; at most `finals` of toji.toml are.
    Mark {
        /// A file that toji submit wrote, a recipe (its newest), or the first digits of a hash (4 or more).
        #[arg(value_name = "SUBMISSION")]
        what: String,
    },
    /// Take the mark off.
    Unmark {
        /// As for mark.
        #[arg(value_name = "SUBMISSION")]
        what: String,
    },
}

/// Columns of a table that goes into a pipe.
const PIPE: usize = 140;

/// Lists, or adds a number.
pub fn lb(context: &Context, args: &Args) -> Result<(), Failure> {
    let project = context.project()?;
    match &args.command {
        None => list(context, &project),
        Some(Command::Add { what, score, private, date }) => {
            let part = if *private { Part::Private } else { Part::Public };
            add(context, &project, (what, score), part, date.as_deref())
        }
    }
}

fn list(context: &Context, project: &Project) -> Result<(), Failure> {
    let standing = looked_at(context, project)?;
    if context.say.is_json() {
        standing.submissions.iter().for_each(|one| context.say.json(one));
        context.say.json(&serde_json::json!({
            "metric": standing.metric, "agreement": standing.agreement, "probes": standing.probes, "finals": standing.finals,
            "split": standing.split, "notes": standing.notes,
        }));
        return Ok(());
    }
    page::page(&standing, context.say.columns(PIPE)).iter().for_each(|line| context.say.line(line));
    Ok(())
}

fn looked_at(context: &Context, project: &Project) -> Result<toji::session::errands::ledger::Standing, Failure> {
    let cancel = surroundings::stop_on_signals();
    // Without photos there is still a table.
    let photos = Photos::read(project, &context.say, &cancel);
    context.say.wipe();
    let mut standing = look(project, photos.as_ref().ok())?;
    if let Err(error) = &photos {
        if error.is_cancelled() {
            return Err(Failure::failed("stopped"));
        }
        standing.notes.push(format!("nothing is forecast, since the photos cannot be read: {error}"));
    }
    Ok(standing)
}

fn add(
    context: &Context,
    project: &Project,
    (what, score): (&str, &str),
    part: Part,
    date: Option<&str>,
) -> Result<(), Failure> {
    let shown = Shown::read(score).map_err(|why| Failure::usage(format!("{score}: {why}")))?;
    let (now, hours) = (project.around.clock.now(), project.competition.leaderboard.utc_offset);
    let date = match date {
        None => now,
        Some(text) => {
            // A day without a time: its noon, which is within it whatever the clocks.
            let (time, whole_day) = Time::read(text, hours).map_err(|why| Failure::usage(format!("--date {why}")))?;
            if time.day(hours) > now.day(hours) {
                return Err(Failure::usage(format!(
                    "--date {text} is still to come; on the host's clock it is {}",
                    now.date(hours)
                )));
            }
            if whole_day { Time(time.0 + 12.0 * 3600.0) } else { time }
        }
    };
    let entry = note::find(project, &context.here, what)?;
    let noted = note::place(project, &entry, shown, part, date)?;
    if context.say.is_json() {
        context.say.json(&serde_json::json!({
            "hash": noted.hash, "recipe": noted.recipe, "file": noted.file, "part": part, "score": shown.score, "date": date.date(hours),
            "before": noted.before,
        }));
        return Ok(());
    }
    let name = if part == Part::Private { "private" } else { "public" };
    let before = noted.before.as_ref().map(|before| format!(" (before: {before})")).unwrap_or_default();
    let gap =
        entry.cv.filter(|_| part == Part::Public).map(|cv| format!(", {:+.4} to its CV {cv:.4}", shown.score - cv));
    context.say.line(&plain(&format!(
        "{} {}: {name} {shown}{before}, handed in {}{}; noted in ledger.jsonl",
        noted.recipe,
        noted.hash.short(),
        date.date(hours),
        gap.unwrap_or_default(),
    )));
    if part == Part::Public {
        let standing = look(project, None)?;
        context.say.line(&plain(&page::agreement(&standing)));
        context.say.line(&plain(&page::probes(&standing)));
    }
    Ok(())
}

/// Says which are final, marks or unmarks.
pub fn finals(context: &Context, args: &FinalArgs) -> Result<(), Failure> {
    let project = context.project()?;
    let (what, on) = match &args.command {
        None => {
            let standing = looked_at(context, &project)?;
            if context.say.is_json() {
                context.say.json(&standing.finals);
                return Ok(());
            }
            page::finals(&standing).iter().for_each(|line| context.say.line(&plain(line)));
            standing.notes.iter().for_each(|note| context.say.line(&plain(&format!("note: {note}"))));
            return Ok(());
        }
        Some(FinalCommand::Mark { what }) => (what, true),
        Some(FinalCommand::Unmark { what }) => (what, false),
    };
    let noted = mark(&project, &context.here, what, on)?;
    if context.say.is_json() {
        context.say.json(&serde_json::json!({
            "hash": noted.hash, "recipe": noted.recipe, "file": noted.file, "final": on, "finals": noted.finals,
        }));
        return Ok(());
    }
    let limit = project.competition.leaderboard.finals;
    let count = noted.finals.len();
    let text = if on { "is final" } else { "is no longer final" };
    context.say.line(&plain(&format!("{} {} {text}; {count} of {limit} are marked", noted.recipe, noted.hash.short())));
    let others: Vec<String> = noted.finals.iter().map(Key::short).collect();
    if !others.is_empty() {
        context.say.line(&format!("final: {}", others.join(", ")));
    }
    Ok(())
}

fn mark(project: &Project, here: &Path, what: &str, on: bool) -> Result<note::Noted, Failure> {
    let entry = note::find(project, here, what)?;
    Ok(note::mark(project, &entry, on)?)
}
