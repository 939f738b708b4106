//! `toji plot`: curves as a picture, from the same series that the terminal shows.

use std::path::PathBuf;

use toji::base::text::plain;
use toji::session::survey::Survey;
use toji::show::curves;

use super::failure::Failure;
use super::{Context, shell, worker};

/// Arguments.
#[derive(clap::Args)]
pub struct Args {
    /// Recipes: names, or paths of their files. Default: all that have curves.
    #[arg(value_name = "RECIPE", add = shell::recipes())]
    recipes: Vec<String>,
    /// The picture; its ending says which kind: .svg or .png.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// A font file (.ttf, .otf) for PNG, where names need glyphs that the built-in Latin font lacks.
    #[arg(long, value_name = "FILE")]
    font: Option<PathBuf>,
}

/// Draws the curves.
pub fn plot(context: &Context, args: &Args) -> Result<(), Failure> {
    let root = context.root()?;
    let project = context.project()?;
    let names = args.recipes.iter().map(|name| Ok(project.recipe(name)?.name)).collect::<Result<Vec<_>, Failure>>()?;
    let mut survey = Survey::new(&root, &context.around, worker::launch(&root));
    let snapshot = survey.look_only(&context.say);
    context.say.wipe();
    let lines = curves::lines(&snapshot, &names).map_err(|e| Failure::failed(e.to_string()))?;
    let out = context.here.join(&args.out);
    let font = args.font.as_ref().map(|font| context.here.join(font));
    let drawn = curves::write(&lines, &out, font.as_deref()).map_err(|e| Failure::failed(e.to_string()))?;
    let missing: String = drawn.missing.iter().collect();
    if context.say.is_json() {
        let (width, height) = (drawn.width, drawn.height);
        context.say.json(&serde_json::json!({ "file": out, "width": width, "height": height, "missing": missing }));
        return Ok(());
    }
    context.say.line(&plain(&format!("{}: {} × {} pixels", out.display(), drawn.width, drawn.height)));
    if !missing.is_empty() {
        context
            .say
            .line(&plain(&format!("the font has no glyphs for: {missing}; give one with --font, or draw an .svg")));
    }
    Ok(())
}
