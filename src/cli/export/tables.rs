//! `toji export runs`, `curves`, `ranks`, `embeddings`: tables as Parquet or CSV.

use std::path::{Path, PathBuf};

use toji::base::text::{self, plain};
use toji::base::{Cancel, Progress};
use toji::session::errands::export::embeddings::{self, Whose};
use toji::session::errands::export::told::{self, History};
use toji::session::errands::export::{Asked, Table, curves, ranks, runs};
use toji::session::{Photos, Project, SessionError};
use toji::show::export::table::{Form, write};

use super::{counted, refused};
use crate::cli::failure::Failure;
use crate::cli::spare::spare;
use crate::cli::{Context, shell, surroundings};

/// Arguments of what comes from runs.
#[derive(clap::Args)]
pub struct Told {
    /// Recipes: names, or paths of their files. Default: all that ever ran.
    #[arg(value_name = "RECIPE", add = shell::recipes())]
    recipes: Vec<String>,
    /// The file; its ending says which kind: .parquet or .csv. One that is there is replaced.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Of each recipe the newest run alone.
    #[arg(long)]
    latest: bool,
}

/// Arguments of `ranks`.
#[derive(clap::Args)]
pub struct Ranks {
    #[command(flatten)]
    lists: Lists,
}

/// Arguments of `embeddings`.
#[derive(clap::Args)]
pub struct Embeddings {
    #[command(flatten)]
    lists: Lists,
    /// One fold alone, from 0, as the plan counts.
    #[arg(long, value_name = "N")]
    fold: Option<usize>,
    /// The host's queries and gallery instead of the folds' own; `toji submit` makes them.
    #[arg(long)]
    host: bool,
}

/// Arguments of what lies in the store.
#[derive(clap::Args)]
struct Lists {
    /// Recipes: names, or paths of their files. Default: all that ever ran and have what is asked for.
    #[arg(value_name = "RECIPE", add = shell::recipes())]
    recipes: Vec<String>,
    /// The file; its ending says which kind: .parquet or .csv. One that is there is replaced.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// How far up the ladder. Default: as far as the newest run of each recipe went.
    #[arg(long, value_name = "RUNG")]
    rung: Option<String>,
}

/// Writes runs.
pub fn runs(context: &Context, args: &Told) -> Result<(), Failure> {
    let (out, form) = target(context, &args.out)?;
    let history = History::read(&context.project()?, &args.recipes, args.latest)?;
    let table: Result<Table, SessionError> = Ok(runs::table(&history));
    let rows = write(&out, form, std::iter::once(table))?;
    tell(context, "runs", &out, rows, history.recipes(), &[])
}

/// Writes curves.
pub fn curves(context: &Context, args: &Told) -> Result<(), Failure> {
    let (out, form) = target(context, &args.out)?;
    let cancel = surroundings::stop_on_signals();
    let history = History::read(&context.project()?, &args.recipes, args.latest)?;
    let rows = written(context, &out, form, curves::tables(&history), &cancel)?;
    tell(context, "curves", &out, rows, history.recipes(), &[])
}

/// Writes each query with its answers.
pub fn ranks(context: &Context, args: &Ranks) -> Result<(), Failure> {
    let (out, form) = target(context, &args.lists.out)?;
    let cancel = surroundings::stop_on_signals();
    let (project, photos, all) = asked(context, &args.lists, &cancel)?;
    // Nothing is written before all that was asked for is there.
    let given = |asked: &Asked| ranks::is_there(&project, asked);
    let (all, passed) = there(&args.lists, all, given)?;
    let names = names(&all);
    let pieces = all.iter().flat_map(|asked| pieces(ranks::tables(&project, &photos, asked)));
    let rows = written(context, &out, form, pieces, &cancel)?;
    tell(context, "ranks", &out, rows, &names, &passed)
}

/// Writes embeddings.
pub fn embeddings(context: &Context, args: &Embeddings) -> Result<(), Failure> {
    let (out, form) = target(context, &args.lists.out)?;
    let cancel = surroundings::stop_on_signals();
    let (project, photos, mut all) = asked(context, &args.lists, &cancel)?;
    let whose = if args.host { Whose::Host } else { Whose::Folds };
    let (mut found, mut passed, mut of) = (Vec::new(), Vec::new(), Vec::new());
    for asked in &mut all {
        match embeddings::find(&project, &photos, asked, args.fold, whose) {
            Ok(files) => {
                of.push(asked.recipe.name.clone());
                found.extend(files);
            }
            Err(error) if args.lists.recipes.is_empty() => passed.push(error.to_string()),
            Err(error) => return Err(error.into()),
        }
    }
    nothing(&of, &passed)?;
    embeddings::check(&found)?;
    let pieces = found.iter().flat_map(|one| pieces(one.tables(&photos.manifest)));
    let rows = written(context, &out, form, pieces, &cancel)?;
    tell(context, "embeddings", &out, rows, &of, &passed)
}

/// Writes pieces with a bar; gives their rows.
fn written(
    context: &Context,
    out: &Path,
    form: Form,
    pieces: impl Iterator<Item = Result<Table, SessionError>>,
    cancel: &Cancel,
) -> Result<usize, Failure> {
    let mut rows = 0;
    let checked = pieces.map(|piece| {
        cancel.check()?;
        let piece = piece?;
        rows += piece.rows();
        context.say.at("write", rows as u64, 0, "rows");
        Ok(piece)
    });
    let done = write(out, form, checked);
    context.say.wipe();
    match done {
        Err(SessionError::Cancelled(_)) => {
            Err(Failure::failed(format!("stopped: {} is as it was before", out.display())))
        }
        done => Ok(done?),
    }
}

/// A table's pieces, or why there are none.
fn pieces<'a>(
    read: Result<impl Iterator<Item = Table> + 'a, SessionError>,
) -> Box<dyn Iterator<Item = Result<Table, SessionError>> + 'a> {
    match read {
        Ok(tables) => Box::new(tables.map(Ok)),
        Err(error) => Box::new(std::iter::once(Err(error))),
    }
}

/// The file that is meant, and its form.
fn target(context: &Context, out: &Path) -> Result<(PathBuf, Form), Failure> {
    let form = Form::of(out).map_err(refused)?;
    let out = context.here.join(out);
    // Every table begins with the column `recipe`; of a Parquet file the kind is known.
    spare(context, &out, &|bytes| bytes.starts_with(b"recipe,") || bytes.starts_with(b"PAR1"))?;
    Ok((out, form))
}

/// The recipes that are meant, each up to its rung.
fn asked(context: &Context, args: &Lists, cancel: &Cancel) -> Result<(Project, Photos, Vec<Asked>), Failure> {
    let project = context.project()?;
    let board = told::board(&project);
    let named = !args.recipes.is_empty();
    // What is in the store may have been made by a twin: who is named need not have run.
    let words = if named { args.recipes.clone() } else { History::read(&project, &[], true)?.recipes().to_vec() };
    let mut recipes = Vec::new();
    for word in words {
        match project.recipe(&word) {
            Ok(recipe) if recipe.is_broken() && named => {
                return Err(Failure::diagnostics(&recipe.diagnostics, &context.say));
            }
            Ok(recipe) if recipe.is_broken() => {}
            Ok(recipe) => recipes.push(recipe),
            Err(error) if named => return Err(error.into()),
            // It ran once and is gone.
            Err(_) => {}
        }
    }
    let photos = Photos::read(&project, &context.say, cancel)?;
    context.say.wipe();
    let rung = args.rung.as_deref();
    let of = |recipe| Asked::of(&project, &board, &photos, recipe, rung);
    let all = recipes.into_iter().map(of).collect::<Result<Vec<_>, _>>()?;
    Ok((project, photos, all))
}

/// Those that have what is asked for. Where they were named all must; otherwise the others are told.
fn there(
    args: &Lists,
    all: Vec<Asked>,
    given: impl Fn(&Asked) -> Result<(), SessionError>,
) -> Result<(Vec<Asked>, Vec<String>), Failure> {
    let (mut found, mut passed) = (Vec::new(), Vec::new());
    for asked in all {
        match given(&asked) {
            Ok(()) => found.push(asked),
            Err(error) if args.recipes.is_empty() => passed.push(error.to_string()),
            Err(error) => return Err(error.into()),
        }
    }
    nothing(&names(&found), &passed)?;
    Ok((found, passed))
}

/// Refuses to write an empty table.
fn nothing(found: &[String], passed: &[String]) -> Result<(), Failure> {
    if !found.is_empty() {
        return Ok(());
    }
    let failure = Failure::failed("no recipe has what is asked for in the store");
    Err(passed.iter().take(3).fold(failure, |failure, why| failure.hint(why.clone())))
}

fn names(all: &[Asked]) -> Vec<String> {
    all.iter().map(|asked| asked.recipe.name.clone()).collect()
}

/// Says what was written.
fn tell(
    context: &Context,
    what: &str,
    out: &Path,
    rows: usize,
    recipes: &[String],
    passed: &[String],
) -> Result<(), Failure> {
    let bytes = std::fs::metadata(out)?.len();
    if context.say.is_json() {
        context.say.json(&serde_json::json!({
            "export": what, "file": out, "rows": rows, "bytes": bytes, "recipes": recipes, "passed_over": passed,
        }));
        return Ok(());
    }
    let (rows, bytes, recipes) = (counted(rows, "row"), text::bytes(bytes), recipes.join(", "));
    context.say.line(&plain(&format!("{}: {what}, {rows}, {bytes}; of {recipes}", out.display())));
    passed.iter().for_each(|why| context.say.line(&plain(&format!("passed over: {why}"))));
    Ok(())
}
