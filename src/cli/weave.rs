//! `toji weave`: a recipe's page with its outputs as Markdown, for whoever reads it elsewhere.

use std::fs::canonicalize;
use std::path::PathBuf;

use toji::base::text::plain;
use toji::session::survey::Survey;
use toji::show::weave;

use super::failure::Failure;
use super::spare::{spare, spare_picture};
use super::{Context, worker};

/// Arguments.
#[derive(clap::Args)]
pub struct Args {
    /// The recipe: its name, or the path of its file.
    #[arg(value_name = "RECIPE")]
    recipe: String,
    /// The page, a .md file; pictures are written beside it under its name. Default: woven/RECIPE.md in the project.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// By which rung of the ladder its outputs stand. Default: the one that it had last.
    #[arg(long, value_name = "RUNG")]
    rung: Option<String>,
}

/// Writes the page.
pub fn weave(context: &Context, args: &Args) -> Result<(), Failure> {
    let root = context.root()?;
    let project = context.project()?;
    let recipe = project.recipe(&args.recipe)?;
    let out = match &args.out {
        Some(out) => context.here.join(out),
        None => root.join("woven").join(format!("{}.md", recipe.name)),
    };
    if out.extension().is_none_or(|ending| !ending.eq_ignore_ascii_case("md")) {
        return Err(Failure::usage(format!("{}: a page is written as .md; name the file so", out.display())));
    }
    let folder = out.parent().and_then(|folder| canonicalize(folder).ok());
    if folder.is_some() && folder == canonicalize(&project.competition.workbench.recipes).ok() {
        return Err(Failure::usage(format!("{} would be taken for a recipe there", out.display()))
            .hint("name a file in another folder with --out, or leave it out"));
    }
    let mut survey = Survey::new(&root, &context.around, worker::launch(&root));
    if let Some(rung) = &args.rung {
        survey.prefer(&recipe.name, &recipe.rung(Some(rung))?.to_string());
    }
    let snapshot = survey.look_only(&context.say);
    context.say.wipe();
    let failed = |error: toji::show::ShowError| Failure::failed(error.to_string());
    let woven = weave::weave(&snapshot, &recipe.name, &out).map_err(failed)?;
    spare(context, &out, &|bytes| bytes.starts_with(weave::MARK.as_bytes()))?;
    for (name, _) in &woven.files {
        spare_picture(context, &out.with_file_name(name))?;
    }
    weave::write(&woven, &out).map_err(failed)?;
    let names: Vec<&str> = woven.files.iter().map(|(name, _)| name.as_str()).collect();
    if context.say.is_json() {
        context.say.json(&serde_json::json!({ "recipe": recipe.name, "file": out, "pictures": names }));
        return Ok(());
    }
    let beside = if names.is_empty() { String::new() } else { format!(", beside it {}", names.join(", ")) };
    context.say.line(&plain(&format!("{}: written{beside}", out.display())));
    Ok(())
}
