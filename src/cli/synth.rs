//! `toji synth`: a set of bottles with known truth, and its host.

use std::path::PathBuf;

use toji::base::text::plain;
use toji::data::synth::{self, SynthSpec, host};

use super::failure::Failure;
use super::{Context, surroundings};

/// Arguments.
#[derive(clap::Args)]
#[command(args_conflicts_with_subcommands = true, arg_required_else_help = true)]
pub struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    /// The folder to draw into: new, or empty.
    #[arg(value_name = "DIR")]
    folder: Option<PathBuf>,
    /// Everything follows from it: the same numbers give the same bytes on every machine.
    #[arg(long, default_value_t = SynthSpec::SAMPLE.seed)]
    seed: u64,
    /// Brands, those with one photo included.
    #[arg(long, default_value_t = SynthSpec::SAMPLE.brands)]
    brands: usize,
    /// Photos of all roles together.
    #[arg(long, default_value_t = SynthSpec::SAMPLE.photos)]
    photos: usize,
    /// Side of a square with about as many pixels as a photo has.
    #[arg(long, default_value_t = SynthSpec::SAMPLE.size)]
    size: u32,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Score a submission for a drawn set as its host would, rightly or with a bug.
    Score {
        /// The submission.
        file: PathBuf,
        /// The truth. Default: truth.csv of data/sample in the project.
        #[arg(long, value_name = "FILE")]
        truth: Option<PathBuf>,
        /// A way of computing the metric wrongly, by name; `--bug list` lists them.
        #[arg(long, value_name = "NAME")]
        bug: Option<String>,
    },
}

/// Draws a set, or scores.
pub fn synth(context: &Context, args: &Args) -> Result<(), Failure> {
    if let Some(Command::Score { file, truth, bug }) = &args.command {
        return score(context, file, truth.as_ref(), bug.as_deref());
    }
    let Some(folder) = &args.folder else { return Err(Failure::usage("name a folder to draw into")) };
    let folder = context.here.join(folder);
    let spec = SynthSpec { seed: args.seed, brands: args.brands, photos: args.photos, size: args.size };
    let cancel = surroundings::stop_on_signals();
    let drawn = synth::draw_set(&folder, &spec, &context.say, &cancel).map_err(|error| match error {
        synth::SynthError::Spec { .. } | synth::SynthError::NotEmpty(_) => Failure::usage(error.to_string()),
        error => Failure::failed(error.to_string()),
    })?;
    context.say.wipe();
    if context.say.is_json() {
        context.say.json(&serde_json::json!({ "folder": folder, "photos": drawn.photos, "bytes": drawn.bytes }));
    } else {
        let megabytes = drawn.bytes as f64 / 1e6;
        context.say.line(&plain(&format!("{}: {} photos, {megabytes:.1} MB", folder.display(), drawn.photos)));
        context.say.line("make a project of it with: toji new DIR");
    }
    Ok(())
}

fn score(context: &Context, file: &std::path::Path, truth: Option<&PathBuf>, bug: Option<&str>) -> Result<(), Failure> {
    if bug == Some("list") {
        for row in host::BUGS {
            if context.say.is_json() {
                context.say.json(&serde_json::json!({ "bug": row.name, "about": row.about, "seen": row.seen }));
            } else {
                context.say.line(&format!("{:<24} {}", row.name, row.about));
            }
        }
        return Ok(());
    }
    let name = bug.unwrap_or("none");
    let bug = host::Bug::named(name).ok_or_else(|| {
        let names: Vec<&str> = host::BUGS.iter().map(|row| row.name).collect();
        Failure::usage(format!("no bug is called {name}")).hint(format!("there are: {}", names.join(", ")))
    })?;
    let truth = match truth {
        Some(truth) => context.here.join(truth),
        None => context.project()?.competition.data.folder.join("truth.csv"),
    };
    let found = host::score(&context.here.join(file), &truth, bug).map_err(|e| Failure::failed(e.to_string()))?;
    if context.say.is_json() {
        let (public, private, all) = (found.public, found.private, found.all);
        context
            .say
            .json(&serde_json::json!({ "file": file, "bug": name, "public": public, "private": private, "all": all }));
    } else {
        context.say.line(&format!("public {:.4}, private {:.4}, all {:.4}", found.public, found.private, found.all));
    }
    Ok(())
}
