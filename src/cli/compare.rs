//! `toji compare`: two to six recipes side by side.

use std::path::PathBuf;

use serde_json::json;
use toji::base::Cancel;
use toji::base::files::publish;
use toji::base::text::plain;
use toji::session::errands::looking::compare::Asked;
use toji::session::{Photos, Recipe};
use toji::show::{compare, report};

use super::failure::Failure;
use super::report::Tongue;
use super::{Context, shell};

/// Arguments.
#[derive(clap::Args)]
pub struct Args {
    /// Two to six recipes: names, or paths of their files. The others are compared with the first.
    #[arg(value_name = "RECIPE", add = shell::recipes(), required = true, num_args = 2..=6)]
    recipes: Vec<String>,
    /// The rung on which they are compared. Default: the highest on which each has a score; where there is none, each on its own.
    #[arg(long, value_name = "RUNG")]
    rung: Option<String>,
    /// Queries that moved that are listed, the most moved first. Default: 10, with --json up to 500.
    #[arg(long, value_name = "N")]
    queries: Option<usize>,
    /// Write a page for a browser instead: one file, nothing is fetched. Default of --out: reports/FIRST-beside-OTHERS.html in the project.
    #[arg(long)]
    html: bool,
    /// The page of --html.
    #[arg(long, value_name = "FILE", requires = "html")]
    out: Option<PathBuf>,
    /// The language of that page.
    #[arg(long, value_name = "LANGUAGE", value_enum, default_value_t = Tongue::En, requires = "html")]
    lang: Tongue,
}

/// Compares them. Nothing is trained.
pub fn run(context: &Context, args: &Args) -> Result<(), Failure> {
    let project = context.project()?;
    let recipes = args.recipes.iter().map(|name| project.recipe(name)).collect::<Result<Vec<Recipe>, _>>()?;
    if let Some(broken) = recipes.iter().find(|recipe| recipe.is_broken()) {
        return Err(Failure::diagnostics(&broken.diagnostics, &context.say));
    }
    let photos = Photos::read(&project, &context.say, &Cancel::new())?;
    context.say.wipe();
    let asked = Asked::of(&project, &photos, &recipes.iter().collect::<Vec<_>>(), args.rung.as_deref())?;
    let found = asked.compare()?;
    if args.html {
        let names: Vec<&str> = found.sides.iter().map(|side| side.recipe.as_str()).collect();
        let (first, others) = names.split_first().map_or(("", String::new()), |(first, rest)| (*first, rest.join("-")));
        let usual = || project.root.join("reports").join(format!("{first}-beside-{others}.html"));
        let out = args.out.as_ref().map_or_else(usual, |out| context.here.join(out));
        let failed = |error: String| Failure::failed(error);
        let text = report::comparison(&found, args.lang.into()).map_err(|error| failed(error.to_string()))?;
        publish(&out, text.as_bytes()).map_err(|error| failed(error.to_string()))?;
        match context.say.is_json() {
            true => context.say.json(&json!({ "recipes": names, "file": out })),
            false => context.say.line(&plain(&format!("{}: written", out.display()))),
        }
        return Ok(());
    }
    if context.say.is_json() {
        found.sides.iter().for_each(|side| context.say.json(side));
        found.differences.iter().for_each(|difference| context.say.json(difference));
        found.moved.iter().take(args.queries.unwrap_or(usize::MAX)).for_each(|moved| context.say.json(moved));
        let names: Vec<&str> = found.sides.iter().map(|side| side.recipe.as_str()).collect();
        context
            .say
            .json(&json!({ "recipes": names, "differences": found.differences.len(), "moved": found.moved_in_all }));
        return Ok(());
    }
    let lines = compare::lines(&found, args.queries.unwrap_or(10), context.say.columns(120));
    lines.iter().for_each(|line| context.say.line(line));
    Ok(())
}
