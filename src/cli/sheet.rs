//! `toji sheet`: photos of a label, a fold, a role, by id, or a query with its answers, as a PNG or an HTML page.

use std::path::PathBuf;

use serde_json::json;
use toji::base::Cancel;
use toji::base::text::plain;
use toji::data::folds::Fold;
use toji::session::errands::looking::Seen;
use toji::session::errands::looking::choice::{Choice, Part};
use toji::session::errands::looking::loader::load;
use toji::session::{Photos, Project};
use toji::show::sheet::page::{self, Card, Group, Mark, Page};

use super::failure::Failure;
use super::spare::spare_picture;
use super::{Context, queries, shell};

/// Arguments.
#[derive(clap::Args)]
pub struct Args {
    /// Photos by their ids.
    #[arg(value_name = "ID")]
    ids: Vec<String>,
    /// Photos of this label; may be given several times.
    #[arg(long, value_name = "NAME")]
    label: Vec<String>,
    /// What they are for: to the host, or with --fold in that fold.
    #[arg(long, value_name = "ROLE", value_parser = part)]
    role: Option<Part>,
    /// What a fold of the recipe examines (or trains on, with --role train); from 0, as the plan counts.
    #[arg(long, value_name = "N", requires = "recipe")]
    fold: Option<usize>,
    /// A query of the recipe, by its id, with its answers.
    #[arg(long, value_name = "ID", requires = "recipe", conflicts_with_all = ["ids", "label", "role", "fold"])]
    query: Option<String>,
    /// The recipe of --fold and --query.
    #[arg(long, value_name = "RECIPE", add = shell::recipes())]
    recipe: Option<String>,
    /// How far up the ladder the lists of --query are.
    #[arg(long, value_name = "RUNG")]
    rung: Option<String>,
    /// The file: .png, or .html for a browser (one file, pictures inside, nothing is fetched).
    #[arg(long, value_name = "FILE", default_value = "sheet.png")]
    out: PathBuf,
    /// The longer side of the pictures, in pixels.
    #[arg(long, visible_alias = "zoom", value_name = "PIXELS", default_value_t = 160, value_parser = clap::value_parser!(u32).range(32..=2048))]
    size: u32,
    /// Pictures beside each other.
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=100))]
    columns: u32,
    /// How many photos, evenly spread where there are more.
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
    /// A font file (.ttf, .otf) for a .png with names that need glyphs which the built-in Latin font lacks.
    #[arg(long, value_name = "FILE")]
    font: Option<PathBuf>,
}

/// Draws them.
pub fn sheet(context: &Context, args: &Args) -> Result<(), Failure> {
    spare_picture(context, &context.here.join(&args.out))?;
    let project = context.project()?;
    let recipe = args.recipe.as_deref().map(|name| project.recipe(name)).transpose()?;
    if let Some(recipe) = recipe.as_ref().filter(|recipe| recipe.is_broken()) {
        return Err(Failure::diagnostics(&recipe.diagnostics, &context.say));
    }
    let photos = Photos::read(&project, &context.say, &Cancel::new())?;
    context.say.wipe();
    let (page, shown, of) = match (&recipe, &args.query) {
        (Some(recipe), Some(id)) => {
            let found = queries::of(&project, recipe, &photos, args.rung.as_deref())?;
            let query = found.find(id).ok_or_else(|| {
                Failure::failed(plain(&format!("{id:?} is no query of {} up to {}", recipe.name, found.rung)))
            })?;
            let group = queries::group(&project, &found, query, (Some(args.limit as usize), args.size));
            let title = vec![format!("{}: a query and its answers, up to {}", recipe.name, found.rung)];
            let shown = group.cards.len();
            (Page { title, groups: vec![group], columns: args.columns as usize, size: args.size }, shown, shown)
        }
        (Some(recipe), None) => {
            let divided = project.divided(recipe, &photos)?;
            let fold = args.fold.map(|fold| {
                let count = divided.folds.len();
                divided
                    .folds
                    .get(fold)
                    .ok_or_else(|| Failure::failed(format!("no fold {fold}; there are 0 to {}", count - 1)))
            });
            chosen(&project, &photos, fold.transpose()?, args)?
        }
        (None, _) => chosen(&project, &photos, None, args)?,
    };
    let out = context.here.join(&args.out);
    let font = args.font.as_ref().map(|font| context.here.join(font));
    let drawn = page::write(&page, &out, font.as_deref())?;
    if context.say.is_json() {
        let missing: String = drawn.missing.iter().collect();
        let (width, height) = (drawn.width, drawn.height);
        context.say.json(&json!({
            "file": out, "photos": of, "shown": shown, "width": width, "height": height, "missing": missing,
        }));
        return Ok(());
    }
    queries::said(context, &drawn, &out);
    if shown < of {
        context.say.line(&format!("{shown} of {of} photos are shown, evenly spread (--limit)"));
    }
    Ok(())
}

/// A page of the chosen photos, how many it shows, and of how many.
fn chosen(
    project: &Project,
    photos: &Photos,
    fold: Option<&Fold>,
    args: &Args,
) -> Result<(Page, usize, usize), Failure> {
    let choice = Choice { ids: args.ids.clone(), labels: args.label.clone(), part: args.role };
    let all = choice.photos(photos, fold)?;
    let shown = all.len().min(args.limit as usize);
    let card = |slot: usize| {
        let seen = Seen::of(&photos.manifest, all[slot * all.len() / shown]).unwrap_or_default();
        let picture = load(&project.root.join(&seen.file), seen.part, args.size, &project.competition.data.limits);
        let label = seen.label.unwrap_or_else(|| "no label".to_owned());
        Card { picture, mark: Mark::Plain, lines: vec![label, seen.id, seen.file.display().to_string()] }
    };
    let cards = (0..shown).map(card).collect();
    let mut what: Vec<String> = args.label.iter().map(|label| format!("label {label}")).collect();
    what.extend(args.role.map(|role| format!("role {}", name(role))));
    what.extend(args.fold.zip(args.recipe.as_ref()).map(|(fold, recipe)| format!("fold {fold} of {recipe}")));
    what.extend((!args.ids.is_empty()).then(|| format!("{} ids", args.ids.len())));
    let what = if what.is_empty() { "all photos".to_owned() } else { what.join(", ") };
    let count = if shown < all.len() {
        format!("{shown} of {} photos, evenly spread", all.len())
    } else {
        format!("{shown} photos")
    };
    let page = Page {
        title: vec![what, count],
        groups: vec![Group { name: Vec::new(), cards }],
        columns: args.columns as usize,
        size: args.size,
    };
    Ok((page, shown, all.len()))
}

fn name(part: Part) -> &'static str {
    match part {
        Part::Train => "train",
        Part::Query => "query",
        Part::Gallery => "gallery",
    }
}

fn part(text: &str) -> Result<Part, String> {
    let known = [Part::Train, Part::Query, Part::Gallery].into_iter().find(|part| name(*part) == text);
    known.ok_or_else(|| "there are train, query, gallery".to_owned())
}
