//! `toji edit`: what is decided about photos.
//!
//! Takes ids and an action; says what that would run again, and appends it to `edits.csv`, which is text for git and is applied whenever the
//! tables are read. `list`, `undo` and `score` look at it, take the last decisions back, and say what they are worth.

use std::sync::Mutex;

use toji::base::text::{duration, pad, plain, width};
use toji::dag::Event;
use toji::data::manifest::edits::{Action, Edit};
use toji::session::errands::review::edits::{self, Preview};
use toji::session::{Photos, Project};

use super::failure::Failure;
use super::run::Teller;
use super::{Context, shell, surroundings};

/// Arguments of `toji edit`.
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// These photos were looked at and stay; takes a drop back.
    Keep(Photo),
    /// Leave these training photos out: nobody learns from them, nobody is examined on them.
    Drop(Photo),
    /// Give these training photos another scored label.
    Relabel {
        /// The label; "" takes an earlier one back.
        #[arg(long, value_name = "LABEL")]
        to: String,
        #[command(flatten)]
        photo: Photo,
    },
    /// Let only a part of these photos count, also of the host's.
    Crop {
        /// x_min y_min x_max y_max in pixels of the photo as it is shown; "" takes an earlier one back.
        #[arg(long, value_name = "BOX")]
        to: String,
        #[command(flatten)]
        photo: Photo,
    },
    /// Keep these training photos in one fold.
    Group {
        /// A name for the group; "" takes them out of theirs.
        #[arg(long, value_name = "NAME")]
        to: String,
        #[command(flatten)]
        photo: Photo,
    },
    /// Show the decisions, the newest last.
    List,
    /// Take back what was decided last: all that was decided together.
    Undo,
    /// Run a recipe on the tables as they are and as they were edited, and set the scores side by side.
    Score {
        /// The recipe: a name, or the path of its file.
        #[arg(value_name = "RECIPE", add = shell::recipes())]
        recipe: String,
        /// How far up the ladder.
        #[arg(long, value_name = "RUNG")]
        rung: Option<String>,
    },
}

#[derive(clap::Args)]
struct Photo {
    /// Ids of photos. Where a training photo and one of the host share an id, the training photo is meant.
    #[arg(value_name = "ID", required = true)]
    ids: Vec<String>,
    /// Who or what suggested it.
    #[arg(long, value_name = "TEXT", default_value = "")]
    by: String,
    /// Anything worth remembering.
    #[arg(long, value_name = "TEXT", default_value = "")]
    note: String,
    /// Only say what it would run again.
    #[arg(long)]
    dry_run: bool,
}

/// Decides, or shows what was decided.
pub fn edit(context: &Context, args: &Args) -> Result<(), Failure> {
    let project = context.project()?;
    match &args.command {
        Command::Keep(photo) => decide(context, &project, (Action::Keep, ""), photo),
        Command::Drop(photo) => decide(context, &project, (Action::Drop, ""), photo),
        Command::Relabel { to, photo } => decide(context, &project, (Action::Relabel, to), photo),
        Command::Crop { to, photo } => decide(context, &project, (Action::Crop, to), photo),
        Command::Group { to, photo } => decide(context, &project, (Action::Group, to), photo),
        Command::List => list(context, &project),
        Command::Undo => undo(context, &project),
        Command::Score { recipe, rung } => score(context, recipe, rung.as_deref()),
    }
}

fn decide(context: &Context, project: &Project, (action, value): (Action, &str), photo: &Photo) -> Result<(), Failure> {
    let edit = |id: &String| Edit {
        id: id.clone(),
        action,
        value: value.trim().to_owned(),
        by: photo.by.clone(),
        date: String::new(),
        note: photo.note.clone(),
    };
    written(context, project, photo.ids.iter().map(edit).collect(), photo.dry_run)
}

/// Says what decisions would do, and writes them down unless that is all that was asked for.
pub(super) fn written(context: &Context, project: &Project, more: Vec<Edit>, dry_run: bool) -> Result<(), Failure> {
    let cancel = surroundings::stop_on_signals();
    let photos = Photos::read(project, &context.say, &cancel)?;
    let more = edits::dated(project, more);
    let preview = edits::preview(project, &photos, &project.recipes(), &more, &context.say, &cancel)?;
    context.say.wipe();
    if !dry_run {
        edits::decide(project, &photos, &more)?;
    }
    if context.say.is_json() {
        context.say.json(&serde_json::json!({ "written": !dry_run, "edits": more, "preview": preview }));
        return Ok(());
    }
    let photos = format!("{} photo{}", more.len(), if more.len() == 1 { "" } else { "s" });
    context.say.line(&match dry_run {
        true => format!("{photos} would be edited; in all: {}", preview.counts),
        false => format!("{photos} edited; in all: {}", preview.counts),
    });
    tell(context, &preview);
    Ok(())
}

fn tell(context: &Context, preview: &Preview) {
    preview.notes.iter().for_each(|note| context.say.error(&format!("note: {}", plain(note))));
    let widest = preview.recipes.iter().map(|recipe| width(&plain(&recipe.recipe))).max().unwrap_or(0);
    for recipe in &preview.recipes {
        let time = recipe.seconds.map_or("time not known".to_owned(), |seconds| format!("about {}", duration(seconds)));
        let (name, count) = (pad(&plain(&recipe.recipe), widest), recipe.stages.len());
        let first: Vec<&str> = recipe.stages.iter().take(3).map(String::as_str).collect();
        let more = if count > first.len() { format!(" and {} more", count - first.len()) } else { String::new() };
        let stages = first.join(", ");
        context.say.line(&format!("  {name}  {} would run again: {stages}{more}; {time}", recipe.rung));
    }
}

fn list(context: &Context, project: &Project) -> Result<(), Failure> {
    let found = project.edits()?;
    if context.say.is_json() {
        found.rows.iter().for_each(|(edit, _)| context.say.json(edit));
        return Ok(());
    }
    for (edit, _) in &found.rows {
        let fields = [&edit.date, &edit.id, edit.action.name(), &edit.value, &edit.by, &edit.note];
        let fields: Vec<String> = fields.iter().map(|text| plain(text)).filter(|text| !text.is_empty()).collect();
        context.say.line(&fields.join("  "));
    }
    if found.rows.is_empty() {
        context.say.line(&format!("nothing was decided yet: there is no row in {}", edits::file(project).display()));
    }
    Ok(())
}

fn undo(context: &Context, project: &Project) -> Result<(), Failure> {
    let back = edits::undo(project)?;
    if context.say.is_json() {
        back.iter().for_each(|edit| context.say.json(edit));
        return Ok(());
    }
    for edit in &back {
        context.say.line(&plain(&format!("taken back: {} {} {}", edit.action.name(), edit.id, edit.value)));
    }
    if back.is_empty() {
        context.say.line("there is nothing to take back");
    }
    Ok(())
}

fn score(context: &Context, recipe: &str, rung: Option<&str>) -> Result<(), Failure> {
    let cancel = surroundings::stop_on_signals();
    let (project, recipe, photos) = context.opened(recipe, &cancel)?;
    let teller = Teller { say: &context.say, recipe: &recipe.name, last: Mutex::new(f64::NAN) };
    let listen = |event: &Event| {
        if matches!(event, Event::Progress { .. }) && !context.say.is_json() {
            teller.tell(event);
        }
    };
    let found = edits::weigh(&project, &recipe, &photos, &recipe.rung(rung)?, &listen, &cancel)?;
    context.say.wipe();
    if context.say.is_json() {
        context.say.json(&found);
        return Ok(());
    }
    let (metric, counts) = (&found.metric, &found.counts);
    context.say.line(&format!(
        "{}: {metric} {:.4} before, {:.4} after {counts}",
        plain(&found.recipe),
        found.before,
        found.after
    ));
    let [low, high] = found.interval;
    context.say.line(&format!(
        "over the {} queries that both have: {:+.4} ({low:+.4} to {high:+.4}), better with a chance of {:.0} %",
        found.queries,
        found.difference,
        100.0 * found.better
    ));
    Ok(())
}
