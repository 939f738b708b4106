//! `toji review`: photos that are worth a look.
//!
//! Looks at every picture, and asks a recipe's networks about the labelled ones; prints lists of suspects, each with its reason and what could be
//! done. `--apply` writes the proposals of one list down as decisions, `--dry-run` says what that would run again.

use std::path::PathBuf;
use std::sync::Mutex;

use toji::base::text::{fit, pad, plain, width};
use toji::dag::Event;
use toji::data::manifest::edits::{Action, Edit};
use toji::review::Kind;
use toji::session::Photos;
use toji::session::errands::review::find::{self, Asked};
use toji::session::errands::review::{Entry, Listed, Review};

use super::edit;
use super::failure::Failure;
use super::run::Teller;
use super::{Context, shell, surroundings};

/// Suspects of a list that are shown where all lists are.
const FEW: usize = 5;
/// Suspects of a list that are shown where it alone is.
const MANY: usize = 50;
/// Columns of a line that goes into a pipe.
const PIPE: usize = 160;

/// Arguments.
#[derive(clap::Args)]
pub struct Args {
    /// The recipe whose networks are asked: a name, or the path of its file. Without one pictures alone are looked at: copies and quality.
    #[arg(value_name = "RECIPE", add = shell::recipes())]
    recipe: Option<String>,
    /// Ask the networks of this rung. Default: of the highest that is trained, before any training the network as it begins.
    #[arg(long, value_name = "RUNG", requires = "recipe")]
    rung: Option<String>,
    /// Ask the network as it begins, though trained ones are there.
    #[arg(long, requires = "recipe", conflicts_with = "rung")]
    untrained: bool,
    /// Do not look at parts of photos: several times as fast, without several-objects and small-object.
    #[arg(long, requires = "recipe")]
    whole: bool,
    /// Write the probabilities of labels by which wrong ones were looked for as a CSV: id, the given label's column, then a column a label.
    #[arg(long, value_name = "FILE", requires = "recipe")]
    probabilities: Option<PathBuf>,
    /// Only this list.
    #[arg(long, value_name = "KIND", value_parser = kind)]
    list: Option<Kind>,
    /// Only suspects over their list's threshold.
    #[arg(long)]
    over: bool,
    /// At most so many of each list. Default: 5, of one list 50, with --json all.
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// Write the proposals of the suspects shown down as decisions: needs --list. toji edit undo takes them back.
    #[arg(long, requires = "list")]
    apply: bool,
    /// Only say what --apply would run again.
    #[arg(long, requires = "apply")]
    dry_run: bool,
}

fn kind(text: &str) -> Result<Kind, String> {
    let names: Vec<&str> = Kind::ALL.iter().map(|kind| kind.name()).collect();
    Kind::named(text).ok_or_else(|| format!("there is {}", names.join(", ")))
}

/// Makes a review and prints it.
pub fn review(context: &Context, args: &Args) -> Result<(), Failure> {
    let cancel = surroundings::stop_on_signals();
    let project = context.project()?;
    let recipe = args.recipe.as_deref().map(|name| project.recipe(name)).transpose()?;
    if let Some(recipe) = recipe.as_ref().filter(|recipe| recipe.is_broken()) {
        return Err(Failure::diagnostics(&recipe.diagnostics, &context.say));
    }
    let photos = Photos::read(&project, &context.say, &cancel)?;
    let name = recipe.as_ref().map_or("", |recipe| recipe.name.as_str());
    let teller = Teller { say: &context.say, recipe: name, last: Mutex::new(f64::NAN) };
    let listen = |event: &Event| {
        if matches!(event, Event::Progress { .. }) && !context.say.is_json() {
            teller.tell(event);
        }
    };
    let probabilities = args.probabilities.as_ref().map(|file| context.here.join(file));
    let asked = Asked {
        recipe: recipe.as_ref(),
        rung: args.rung.as_deref(),
        untrained: args.untrained,
        parts: !args.whole,
        probabilities: probabilities.as_deref(),
    };
    let found = find::find(&project, &photos, &asked, &listen, &cancel)?;
    context.say.wipe();
    if args.apply {
        let edits = shown(args, &found).flat_map(|list| proposals(list, args)).collect::<Vec<Edit>>();
        if edits.is_empty() {
            return Err(Failure::failed("none of these suspects has a proposal; nothing was written".to_owned()));
        }
        return edit::written(context, &project, edits, args.dry_run);
    }
    if context.say.is_json() {
        for list in shown(args, &found) {
            for (rank, entry) in (1..).zip(entries(list, args)) {
                let mut object = serde_json::to_value(entry).unwrap_or_default();
                if let Some(object) = object.as_object_mut() {
                    object.insert("kind".into(), list.kind.name().into());
                    object.insert("rank".into(), rank.into());
                }
                context.say.json(&object);
            }
        }
        let over: serde_json::Map<String, serde_json::Value> =
            found.lists.iter().map(|list| (list.kind.name().to_owned(), list.over.into())).collect();
        let Review { recipe, trained, photos, notes, .. } = &found;
        context.say.json(&serde_json::json!({ "recipe": recipe, "trained": trained, "photos": photos, "notes": notes, "over": over }));
        return Ok(());
    }
    print(context, args, &found);
    Ok(())
}

fn shown<'a>(args: &Args, found: &'a Review) -> impl Iterator<Item = &'a Listed> {
    let wanted = args.list;
    found.lists.iter().filter(move |list| wanted.is_none_or(|kind| list.kind == kind))
}

/// The suspects of a list that are shown.
fn entries<'a>(list: &'a Listed, args: &Args) -> impl Iterator<Item = &'a Entry> {
    let over = args.over || args.apply;
    list.suspects.iter().filter(move |entry| entry.is_over || !over).take(args.limit.unwrap_or(usize::MAX))
}

/// The proposals of a list as decisions; nothing about a photo of which the same was decided.
fn proposals(list: &Listed, args: &Args) -> Vec<Edit> {
    let edit = |entry: &Entry| {
        let action = Action::named(&entry.proposal)?;
        let words = format!("{} {}", entry.proposal, entry.value);
        let known = entry.decided.as_deref().unwrap_or_default();
        (!known.split(", ").any(|one| one == words.trim() || one == "keep")).then(|| Edit {
            id: entry.id.clone(),
            action,
            value: entry.value.clone(),
            by: list.kind.name().to_owned(),
            date: String::new(),
            note: entry.reason.clone(),
        })
    };
    entries(list, args).filter_map(edit).collect()
}

fn print(context: &Context, args: &Args, found: &Review) {
    let columns = context.say.columns(PIPE);
    let few = args.limit.unwrap_or(if args.list.is_some() { MANY } else { FEW });
    for note in &found.notes {
        context.say.line(&plain(note));
    }
    let mut met = false;
    for list in shown(args, found) {
        let all: Vec<&Entry> = entries(list, args).collect();
        if all.is_empty() {
            continue;
        }
        if met || !found.notes.is_empty() {
            context.say.line("");
        }
        met = true;
        context.say.line(&format!("{}: {} over the threshold", list.kind.name(), list.over));
        let widest = |of: &dyn Fn(&Entry) -> usize| all.iter().take(few).map(|entry| of(entry)).max().unwrap_or(0);
        let ids = widest(&|entry| width(&plain(&entry.id))).min(24);
        let labels = widest(&|entry| width(&plain(entry.label.as_deref().unwrap_or("")))).min(24);
        for entry in all.iter().take(few) {
            let (id, label) = (pad(&entry.id, ids), pad(entry.label.as_deref().unwrap_or(""), labels));
            let mark = if entry.is_over { '*' } else { ' ' };
            let proposal = match entry.proposal.as_str() {
                "" => String::new(),
                word => format!("  {word} {}", entry.value).trim_end().to_owned(),
            };
            let decided = entry.decided.as_ref().map(|text| format!("  [{text}]")).unwrap_or_default();
            let text = format!("{mark} {:.3}  {id}  {label}  {}{proposal}{decided}", entry.score, entry.reason);
            context.say.line(&fit(&text, columns));
        }
        if all.len() > few {
            context.say.line(&format!("  … and {} more: --list {} --limit N", all.len() - few, list.kind.name()));
        }
    }
    if !met {
        context.say.line("no suspects");
    }
}
