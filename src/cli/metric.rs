//! `toji metric lab`: which way of computing the metric gives the leaderboard's number.
//!
//! Takes a submission or a recipe and the number; prints every variant with its number and whether it explains the leaderboard. With
//! `--json` one object a variant. Trains nothing and writes nothing.

use std::path::PathBuf;

use toji::base::text::{pad, plain};
use toji::score::ledger::Shown;
use toji::session::Photos;
use toji::session::errands::lab::metric as lab;
use toji::session::errands::ledger::note;

use super::failure::Failure;
use super::{Context, surroundings};

/// Arguments.
#[derive(clap::Args)]
#[command(arg_required_else_help = true)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Score one set of lists under every way in which hosts have been seen to err, and say which gives the leaderboard's number.
    ///
    /// A leaderboard far below the local score is often a mistake in a metric, the host's or one's own: answers that all count, a rank from
    /// 0, a denominator, another label level. Without --truth the recipe's held-out queries stand for the host's, so a number explains the
    /// leaderboard when another draw of queries could move it there.
    Lab {
        /// A submission (its file, or the first digits of its hash; its recipe is found in the ledger), or a recipe.
        #[arg(value_name = "SUBMISSION|RECIPE")]
        what: String,
        /// The number on the leaderboard, with all its digits.
        #[arg(long, value_name = "NUMBER")]
        lb: String,
        /// The truth about queries and gallery, where it is known: a table with the id first, the label columns of toji.toml, and `role`
        /// (public or private) where only a part is on the leaderboard.
        #[arg(long, value_name = "FILE")]
        truth: Option<PathBuf>,
        /// How far up the ladder the recipe's lists are taken from. Default: its last run's.
        #[arg(long, value_name = "RUNG")]
        rung: Option<String>,
    },
}

/// Runs the laboratory.
pub fn run(context: &Context, args: &Args) -> Result<(), Failure> {
    let Command::Lab { what, lb, truth, rung } = &args.command;
    let shown = Shown::read(lb).map_err(|why| Failure::usage(format!("--lb {lb}: {why}")))?;
    let number = shown.score;
    let project = context.project()?;
    let cancel = surroundings::stop_on_signals();
    let photos = Photos::read(&project, &context.say, &cancel)?;
    context.say.wipe();
    let file = context.here.join(what);
    let evidence = match truth {
        Some(truth) => lab::against_truth(&project, &photos, &file, &context.here.join(truth))?,
        None => {
            let is_submission = file.is_file() && file.extension().is_none_or(|extension| extension != "md");
            let made = match is_submission {
                true => Some(lab::made_by(&project, &file)?),
                // No recipe: perhaps the first digits of a hash.
                false if project.recipe(what).is_err() => {
                    let entry = note::find(&project, &context.here, what).ok();
                    entry.map(|entry| (entry.recipe, entry.recipe_hash))
                }
                false => None,
            };
            let recipe = project.recipe(made.as_ref().map_or(what.as_str(), |(name, _)| name))?;
            if made.is_some_and(|(_, key)| key != recipe.key()) {
                context.say.error(&plain(&format!(
                    "note: {} has changed since it made {what}; its lists of now are judged",
                    recipe.name
                )));
            }
            if recipe.is_broken() {
                return Err(Failure::diagnostics(&recipe.diagnostics, &context.say));
            }
            let rung = rung.clone().or_else(|| lab::last_rung(&project, &recipe.name));
            lab::held_out(&project, &recipe, &photos, &recipe.rung(rung.as_deref())?)?
        }
    };
    let found = lab::compare(&evidence, project.competition.k, number, shown.half());
    if context.say.is_json() {
        found.iter().for_each(|line| context.say.json(line));
        return Ok(());
    }
    context.say.line(&plain(&format!("leaderboard {lb}; {}", evidence.what)));
    let wide = found.iter().map(|line| line.found.variant.len()).max().unwrap_or(0);
    for line in &found {
        let verdict = match (line.explains, evidence.host.is_some()) {
            (true, true) => format!("explains it (within {:.4})", line.within),
            (true, false) => "explains it".to_owned(),
            (false, _) => format!("{:+.4}", line.found.value - number),
        };
        let name = pad(line.found.variant, wide);
        context.say.line(&format!("{name}  {:.4}  {verdict:<27} {}", line.found.value, line.found.about));
    }
    let names: Vec<&str> = found.iter().filter(|line| line.explains).map(|line| line.found.variant).collect();
    context.say.line(&match names.as_slice() {
        [] => {
            "no variant gives this number: look at the lists themselves (ids, order, the file that was sent)".to_owned()
        }
        names if names.contains(&"correct") => "the rules as they are give this number".to_owned(),
        names => format!("the rules do not give this number; {} would", names.join(", ")),
    });
    Ok(())
}
