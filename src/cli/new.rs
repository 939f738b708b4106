//! `toji new`: a project around a person's own tables.
//!
//! Looks at the folder, says what it takes each table and column for and why, and writes `toji.toml`
//! and a first recipe. It changes nothing that is there.

use std::path::{Path, PathBuf};

use toji::base::text::plain;
use toji::base::{Cancel, files};
use toji::book;
use toji::data::guess;
use toji::session::project::FACTS;
use toji::session::{Graph, Photos, Project, SessionError, brew};

use super::Context;
use super::failure::Failure;

/// Arguments.
#[derive(clap::Args)]
pub struct Args {
    /// The folder with the tables and pictures; it becomes the project.
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

/// The recipe that a new project begins with.
const FIRST: &str = include_str!("../../recipes/00-first-pour.md");

/// Makes the project.
pub fn new(context: &Context, args: &Args) -> Result<(), Failure> {
    let folder = context.here.join(&args.folder);
    if !folder.is_dir() {
        return Err(Failure::usage(format!("{} is not a folder", folder.display()))
            .hint("put the competition's tables and pictures into a folder and name it"));
    }
    let facts = folder.join(FACTS);
    if facts.exists() {
        return Err(Failure::usage(format!("{} is there already; nothing was changed", facts.display())));
    }
    let guessed = guess::guess(&folder).map_err(|error| Failure::failed(error.to_string()))?;
    files::publish(&facts, guessed.toml().as_bytes()).map_err(|error| Failure::failed(error.to_string()))?;
    let recipe = folder.join("recipes").join("00-first-pour.md");
    let fresh = !recipe.exists();
    let first = match &guessed.folds {
        Some(folds) => FIRST.replace("scheme = \"holdout\"", &folds.toml()),
        None => FIRST.to_owned(),
    };
    if fresh {
        files::publish(&recipe, first.as_bytes()).map_err(|error| Failure::failed(error.to_string()))?;
    }
    let fitted = fit_to_the_data(context, &folder, &recipe, fresh)?;
    if context.say.is_json() {
        let facts: Vec<_> = guessed
            .facts
            .iter()
            .map(|fact| serde_json::json!({ "key": fact.key, "value": fact.value, "why": fact.why }))
            .collect();
        context.say.json(&serde_json::json!({ "folder": folder, "facts": facts, "notes": guessed.notes.iter().chain(&fitted).collect::<Vec<_>>() }));
        return Ok(());
    }
    guessed.text().lines().for_each(|line| context.say.line(&plain(line)));
    fitted.iter().for_each(|line| context.say.line(&plain(line)));
    context.say.line(&plain(&format!("wrote {} and {}", facts.display(), recipe.display())));
    context.say.line("look the guess over in toji.toml, then: toji plan");
    Ok(())
}

/// Sees whether the first recipe can be examined on these photos, and tries other folds where it cannot: queries
/// that the tables give, or a part of the training photos. Says what it did.
fn fit_to_the_data(context: &Context, folder: &Path, recipe: &Path, fresh: bool) -> Result<Vec<String>, Failure> {
    let works = || -> Result<(), String> {
        let project =
            Project::open(folder, &context.around).map_err(|found| book::report(&found, book::Look::LINES))?;
        let told = |error: SessionError| brew::chain(&error);
        let photos = Photos::read(&project, &context.say, &Cancel::new()).map_err(told)?;
        context.say.wipe();
        let name = toji::session::recipe::name_of(recipe);
        let recipe = project.recipe(&name).map_err(told)?;
        let rung = recipe.rung(None).map_err(told)?;
        Graph::of(&project, &recipe, &photos, &rung).map(drop).map_err(told)
    };
    let Err(why) = works() else { return Ok(Vec::new()) };
    let unsaid = vec![format!("the first recipe does not fit these tables yet: {}", why.trim())];
    let failed = |error: files::FileError| Failure::failed(error.to_string());
    if fresh {
        files::publish(recipe, FIRST.replace("scheme = \"holdout\"", "scheme = \"given\"").as_bytes())
            .map_err(failed)?;
        if works().is_ok() {
            return Ok(vec!["the first recipe is examined on the queries that the tables give".to_owned()]);
        }
        files::publish(recipe, FIRST.as_bytes()).map_err(failed)?;
    }
    let facts = folder.join(FACTS);
    let text = files::read_text(&facts).map_err(failed)?;
    if !text.contains("[protocol]") {
        let examined = format!(
            "{}\n\n[protocol]\n# The host's queries have no labels here, so some training photos are held out.\nkind = \"one-per-label\"\n",
            text.trim_end()
        );
        files::publish(&facts, examined.as_bytes()).map_err(failed)?;
        if works().is_ok() {
            return Ok(vec![
                "the host's queries have no labels here: recipes are examined on training photos that are held out"
                    .to_owned(),
            ]);
        }
        files::publish(&facts, text.as_bytes()).map_err(failed)?;
    }
    Ok(unsaid)
}
