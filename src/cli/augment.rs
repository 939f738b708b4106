//! `toji augment`: training photos before and after augmentation, as a contact sheet.

use std::path::PathBuf;

use toji::base::Cancel;
use toji::base::text::plain;
use toji::data::augment::At;
use toji::data::decode::Picture;
use toji::session::SessionError;
use toji::session::errands::looking::samples::{samples, shrunk};
use toji::session::project::weights;
use toji::session::recipe::fitting;
use toji::show::sheet::{self, Row, Tile};

use super::failure::Failure;
use super::spare::spare_picture;
use super::{Context, shell};

/// Longer sides of pictures on the sheet are shrunk to so many pixels.
const LARGEST: u32 = 224;

/// Arguments.
#[derive(clap::Args)]
pub struct Args {
    /// The recipe: its name, or the path of its file.
    #[arg(value_name = "RECIPE", add = shell::recipes())]
    recipe: String,
    /// The picture, a .png.
    #[arg(long, value_name = "FILE", default_value = "augment.png")]
    out: PathBuf,
    /// How many training photos, spread evenly over the first fold.
    #[arg(long, value_name = "N", default_value_t = 6, value_parser = clap::value_parser!(u32).range(1..=200))]
    photos: u32,
    /// How often each is drawn.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=50))]
    draws: u32,
    /// The epoch, from 1: where numbers of operations go over the epochs, pictures differ.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    epoch: u32,
    /// A font file (.ttf, .otf) for names that need glyphs which the built-in Latin font lacks.
    #[arg(long, value_name = "FILE")]
    font: Option<PathBuf>,
}

/// Draws the sheet.
pub fn augment(context: &Context, args: &Args) -> Result<(), Failure> {
    spare_picture(context, &context.here.join(&args.out))?;
    let cancel = Cancel::new();
    let (project, recipe, photos) = context.opened(&args.recipe, &cancel)?;
    let parts = fitting::parts(&recipe)?;
    let (epoch, of) = (args.epoch as usize, parts.last().map_or(1, |part| part.end));
    if epoch > of {
        return Err(Failure::failed(format!("there is no epoch {epoch}: the training has {of}")));
    }
    let size = parts.iter().find(|part| part.end >= epoch).and_then(|part| part.size);
    let at = At { epoch: epoch - 1, of };
    let pipeline = weights::training(&recipe, size, at).map_err(SessionError::from)?;
    let folds = project.divided(&recipe, &photos)?.folds.clone();
    let fold = folds.first().ok_or_else(|| Failure::failed("there is no fold to take photos from".to_owned()))?;
    let wanted = (args.photos as usize, args.draws as usize);
    let found = samples(&project, &recipe, &photos, fold, &pipeline, wanted, &cancel)?;
    let pictures: Vec<(u32, Vec<Picture>)> = found
        .into_iter()
        .map(|sample| {
            let all = std::iter::once(sample.before).chain(sample.after);
            (sample.photo, all.map(|picture| shrunk(picture, LARGEST)).collect())
        })
        .collect();
    let tile = |picture| {
        let Picture { width, height, rgb }: &Picture = picture;
        Tile { width: *width, height: *height, rgb }
    };
    let rows: Vec<Row<'_>> = pictures
        .iter()
        .map(|(place, pictures)| {
            let photo = &photos.manifest.photos[*place as usize];
            let name = format!("{}  {}", photo.id, photo.path.display());
            Row { name: plain(&name), tiles: pictures.iter().map(tile).collect() }
        })
        .collect();
    let size = pipeline.size();
    let ops = pipeline.ops().iter().filter(|op| op.p > 0.0).map(|op| op.name).collect::<Vec<_>>().join(", ");
    let title = [
        format!("{}: training photos before and after augmentation", plain(&recipe.name)),
        format!("{} x {} pixels after {ops}; epoch {epoch} of {of}", size.width, size.height),
    ];
    let columns: Vec<String> =
        std::iter::once("photo".to_owned()).chain((1..=args.draws).map(|draw| format!("draw {draw}"))).collect();
    let out = context.here.join(&args.out);
    let font = args.font.as_ref().map(|font| context.here.join(font));
    let drawn = sheet::write(&title, &columns, &rows, &out, font.as_deref())?;
    let missing: String = drawn.missing.iter().collect();
    if context.say.is_json() {
        let (width, height, photos) = (drawn.width, drawn.height, rows.len());
        let object =
            serde_json::json!({ "file": out, "width": width, "height": height, "photos": photos, "missing": missing });
        context.say.json(&object);
        return Ok(());
    }
    context.say.line(&plain(&format!("{}: {} × {} pixels", out.display(), drawn.width, drawn.height)));
    if !missing.is_empty() {
        context.say.line(&plain(&format!("the font has no glyphs for: {missing}; give one with --font")));
    }
    Ok(())
}
