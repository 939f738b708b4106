//! `toji completions` and `toji man`: what a shell and a manual know of the commands.
//!
//! Both are made from the same declaration that reads the arguments. A completed word may also be the name of a recipe of the project in the
//! folder where the tab key was pressed.

use std::path::PathBuf;

use clap::CommandFactory;
use clap_complete::engine::{ArgValueCandidates, CompletionCandidate};
use clap_complete::env::Shells;
use toji::base::text::plain;
use toji::session::recipe::{files_in, name_of};

use super::failure::Failure;
use super::{Context, surroundings};

/// Set by a shell that asks what a word may become.
pub const ASKED: &str = "TOJI_COMPLETE";

/// Arguments of `toji completions`.
#[derive(clap::Args)]
pub struct Completions {
    /// The shell: bash, zsh, fish, elvish or powershell.
    #[arg(value_name = "SHELL", value_parser = ["bash", "zsh", "fish", "elvish", "powershell"])]
    shell: String,
}

/// Arguments of `toji man`.
#[derive(clap::Args)]
pub struct Man {
    /// A folder for the pages; it is made where it is missing.
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

/// Prints what the shell shall read at its start.
pub fn completions(context: &Context, args: &Completions) -> Result<(), Failure> {
    let shells = Shells::builtins();
    let Some(shell) = shells.completer(&args.shell) else {
        return Err(Failure::usage(format!("there are {}", shells.names().collect::<Vec<_>>().join(", "))));
    };
    let mut script = Vec::new();
    // By name, so that a newer program is asked once it is installed.
    shell.write_registration(ASKED, "toji", "toji", "toji", &mut script)?;
    context.say.line(String::from_utf8_lossy(&script).trim_end());
    Ok(())
}

/// Writes a page for each command.
pub fn man(context: &Context, args: &Man) -> Result<(), Failure> {
    let folder = context.here.join(&args.folder);
    toji::base::files::make_folder(&folder).map_err(|error| Failure::failed(error.to_string()))?;
    let command = super::Args::command();
    let pages = pages(&command);
    clap_mangen::generate_to(command, &folder)?;
    if context.say.is_json() {
        context.say.json(&serde_json::json!({ "folder": folder, "pages": pages }));
    } else {
        let folder = plain(&folder.display().to_string());
        context.say.line(&format!("{folder}: {pages} pages; read one with: man -l {folder}/toji.1"));
    }
    Ok(())
}

/// How many pages are written: one for the command and for each below it that is not hidden.
fn pages(command: &clap::Command) -> usize {
    1 + command.get_subcommands().filter(|below| !below.is_hide_set()).map(pages).sum::<usize>()
}

/// For an argument that names a recipe.
pub fn recipes() -> ArgValueCandidates {
    ArgValueCandidates::new(|| {
        let Ok((_, here)) = surroundings::here() else { return Vec::new() };
        let root = here.ancestors().find(|folder| folder.join(toji::session::project::FACTS).is_file());
        let files = root.map(|root| files_in(&root.join("recipes"))).unwrap_or_default();
        // What could steer a terminal is offered to nobody.
        let names = files.iter().map(|file| name_of(file)).filter(|name| plain(name) == *name);
        names.map(CompletionCandidate::new).collect()
    })
}
