//! `toji new`: a project around a person's own tables.
//!
//! Looks at the folder, says what it takes each table and column for and why, and writes `toji.toml`
//! and a first recipe. It changes nothing that is there.

use std::path::PathBuf;

use toji::base::files;
use toji::base::text::plain;
use toji::data::guess;
use toji::session::project::FACTS;

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
    if !recipe.exists() {
        files::publish(&recipe, FIRST.as_bytes()).map_err(|error| Failure::failed(error.to_string()))?;
    }
    if context.say.is_json() {
        let facts: Vec<_> = guessed
            .facts
            .iter()
            .map(|fact| serde_json::json!({ "key": fact.key, "value": fact.value, "why": fact.why }))
            .collect();
        context.say.json(&serde_json::json!({ "folder": folder, "facts": facts, "notes": guessed.notes }));
        return Ok(());
    }
    guessed.text().lines().for_each(|line| context.say.line(&plain(line)));
    context.say.line(&plain(&format!("wrote {} and {}", facts.display(), recipe.display())));
    context.say.line("look the guess over in toji.toml, then: toji plan");
    Ok(())
}
