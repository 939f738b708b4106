//! `toji note`: a dated note at the end of a recipe's prose.

use toji::base::text::plain;
use toji::session::recipe::change;

use super::Context;
use super::failure::Failure;
use super::set::failure;

/// Arguments.
#[derive(clap::Args)]
pub struct Args {
    /// The recipe: its name, or the path of its file.
    #[arg(value_name = "RECIPE")]
    recipe: String,
    /// What to note, in quotes: Markdown within lines (emphasis, code, links), several lines if you like. Several words are
    /// joined; `-` alone reads it from stdin.
    #[arg(value_name = "TEXT", required = true)]
    text: Vec<String>,
}

/// Appends the note.
pub fn note(context: &Context, args: &Args) -> Result<(), Failure> {
    let project = context.project()?;
    let recipe = project.recipe(&args.recipe)?;
    let words = match args.text.as_slice() {
        [dash] if dash == "-" => std::io::read_to_string(std::io::stdin())?,
        words => words.join(" "),
    };
    let now = context.around.clock.now();
    let proposal = change::note(&recipe, &project.schema, now, &words).map_err(|error| failure(error, context))?;
    proposal.write().map_err(|error| failure(error, context))?;
    if context.say.is_json() {
        let added = proposal.after[proposal.before.len()..].trim();
        context
            .say
            .json(&serde_json::json!({ "recipe": proposal.recipe, "file": proposal.file, "note": added, "at": now }));
    } else {
        context.say.line(&plain(&format!(
            "{}: {} at the end of {}",
            proposal.recipe,
            proposal.said,
            proposal.file.display()
        )));
    }
    Ok(())
}
