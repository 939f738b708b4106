//! `toji pack`: a solution as a host wants it.

use std::path::PathBuf;
use std::sync::Mutex;

use clap::ValueEnum;
use toji::base::files::archive::{Content, archive_bytes};
use toji::base::text::{self, plain};
use toji::session::errands::ledger::note;
use toji::session::errands::solution::pack::{self, Asked, hosts::Host};
use toji::show::report::{Language, of_markdown};

use super::failure::Failure;
use super::report::{self, Tongue};
use super::run::Teller;
use super::{Context, shell, surroundings};

/// Arguments.
#[derive(clap::Args)]
pub struct Args {
    /// A line of the ledger: a recipe (its newest submission), a file that toji submit wrote, or the first digits of a hash (4 or more).
    #[arg(value_name = "SUBMISSION", required_unless_present_any = ["questions", "fields"], add = shell::recipes())]
    what: Option<String>,
    /// For whom.
    #[arg(long = "for", value_enum, value_name = "HOST", required_unless_present_any = ["questions", "fields"])]
    host: Option<For>,
    /// The zip to write. Default: packs/RECIPE-HASH-HOST.zip in the project.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Put the competition's tables and pictures into it as well.
    #[arg(long)]
    with_data: bool,
    /// In which language its report is, and what stands around answers in the Word file.
    #[arg(long, value_name = "LANGUAGE", value_enum, default_value_t = Tongue::En)]
    lang: Tongue,
    /// Write the questions that only the author can answer to solution.md, where they are not there yet; nothing is packed.
    #[arg(long, value_enum, value_name = "HOST", conflicts_with_all = ["what", "host", "fields"])]
    questions: Option<For>,
    /// Print what a host asks for, where each answer is from and where it stands in the pack, as a Markdown table.
    #[arg(long, value_enum, value_name = "HOST", conflicts_with_all = ["what", "host"])]
    fields: Option<For>,
}

/// Hosts.
#[derive(Clone, Copy, ValueEnum)]
enum For {
    /// Winning Model Documentation: model_summary.md and the B files.
    Kaggle,
    /// The document (資料) and the zip with README.md at its top.
    Nishika,
    /// Code, model, procedure in three steps, environment, seeds, hashes.
    Signate,
}

impl From<For> for Host {
    fn from(host: For) -> Host {
        match host {
            For::Kaggle => Host::Kaggle,
            For::Nishika => Host::Nishika,
            For::Signate => Host::Signate,
        }
    }
}

/// Packs, or says what would be.
pub fn run(context: &Context, args: &Args) -> Result<(), Failure> {
    if let Some(host) = args.fields {
        return fields(context, host.into());
    }
    if let Some(host) = args.questions {
        return ask(context, host.into());
    }
    let (Some(what), Some(host)) = (&args.what, args.host) else {
        return Err(Failure::usage("name a submission, and a host with --for"));
    };
    let (cancel, host) = (surroundings::stop_on_signals(), Host::from(host));
    let project = context.project()?;
    let entry = note::find(&project, &context.here, what)?;
    let file = match &args.out {
        Some(file) => context.here.join(file),
        None => {
            project.root.join("packs").join(format!("{}-{}-{}.zip", entry.recipe, entry.file_hash.short(), host.name()))
        }
    };
    let teller = Teller { say: &context.say, recipe: &entry.recipe, last: Mutex::new(f64::NAN) };
    let language = Language::from(args.lang);
    let page = report::of_submission(context, &entry, language, &cancel)?;
    let word = |text: &str| {
        let entries = of_markdown(text, language).map_err(|error| error.to_string())?;
        archive_bytes(&entries).map_err(|error| error.to_string())
    };
    let extra = vec![("report.html".to_owned(), Content::Bytes(page.into_bytes()))];
    let asked = Asked { host, with_data: args.with_data, word: Some(&word), extra };
    let done = pack::pack(&project, &entry, asked, &file, &|event| teller.tell(event), &context.say, &cancel)?;
    context.say.wipe();
    if context.say.is_json() {
        context.say.json(&done);
        return Ok(());
    }
    let (size, hash, count) = (text::bytes(done.bytes), done.file_hash.short(), done.files.len());
    context.say.line(&plain(&format!("{}: {count} files, {size}, hash {hash}", done.file.display())));
    done.notes.iter().for_each(|note| context.say.line(&plain(&format!("note: {note}"))));
    if !done.missing.is_empty() {
        context.say.line(&format!("{} asks for {} things that nobody has said yet:", host.title(), done.missing.len()));
    }
    for missing in &done.missing {
        context.say.line(&plain(&format!("  {} {}: {}", missing.number, missing.asks, missing.help)));
    }
    if done.missing.iter().any(|missing| missing.help.contains(pack::questions::FILE)) {
        context
            .say
            .line(&format!("the questions are written to solution.md by: toji pack --questions {}", host.name()));
    }
    context.say.line("try it as a stranger would: unpack it elsewhere, then toji reproduce FOLDER --data DIR");
    Ok(())
}

fn fields(context: &Context, host: Host) -> Result<(), Failure> {
    if !context.say.is_json() {
        context.say.line(host.table().trim_end());
        return Ok(());
    }
    for field in host.fields() {
        let from = match field.from {
            pack::hosts::Origin::Record(by, _) => serde_json::json!({ "recorded": by }),
            pack::hosts::Origin::Author(id) => serde_json::json!({ "author": id }),
            pack::hosts::Origin::Both(by, _, id) => serde_json::json!({ "recorded": by, "author": id }),
            pack::hosts::Origin::File(holds) => serde_json::json!({ "made": holds }),
        };
        context
            .say
            .json(&serde_json::json!({ "number": field.number, "asks": field.asks, "from": from, "file": field.file }));
    }
    Ok(())
}

fn ask(context: &Context, host: Host) -> Result<(), Failure> {
    let root = context.root()?;
    let (file, changed) = pack::ask(&root, host)?;
    if context.say.is_json() {
        context.say.json(&serde_json::json!({ "file": file, "changed": changed }));
    } else if changed {
        context.say.line(&plain(&format!(
            "{}: answer below the headings, in any language; toji pack reads it",
            file.display()
        )));
    } else {
        context.say.line(&plain(&format!("{} has all questions of {} already", file.display(), host.title())));
    }
    Ok(())
}
