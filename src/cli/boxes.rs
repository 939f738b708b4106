//! `toji boxes`: where a recipe's networks look in each photo, as a table that a recipe can crop by.

use std::path::{Path, PathBuf};
use std::sync::Mutex;

use toji::base::text::plain;
use toji::data::decode::Picture;
use toji::data::manifest::boxes::Region;
use toji::data::part::part_of_file;
use toji::data::view::View;
use toji::session::errands::gaze;
use toji::session::errands::looking::samples::shrunk;
use toji::session::{Photos, Project};
use toji::show::sheet::{self, Row, Tile};

use super::failure::Failure;
use super::run::Teller;
use super::spare::{spare, spare_picture};
use super::{Context, shell, surroundings};

/// Longer sides of pictures on the sheet are shrunk to so many pixels.
const LARGEST: u32 = 160;
/// Photos beside each other on the sheet, and all of them.
const ACROSS: usize = 6;
const SHOWN: usize = 24;

/// Arguments.
#[derive(clap::Args)]
pub struct Args {
    /// The recipe whose networks look: its name, or the path of its file. It is trained first where it is not.
    #[arg(value_name = "RECIPE", add = shell::recipes())]
    recipe: String,
    /// The table to write, for `RandomCropNearBBox` of another recipe. Default: RECIPE-boxes.csv in the project.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Show photos to the networks at so many pixels square. Default: twice the size of evaluation; larger gives finer boxes.
    #[arg(long, value_name = "PIXELS", value_parser = clap::value_parser!(u32).range(32..=4096))]
    size: Option<u32>,
    /// Draw the boxes over some photos, as a .png to look at.
    #[arg(long, value_name = "FILE")]
    sheet: Option<PathBuf>,
    /// How far up the ladder: with full, each training photo is looked at by the network that did not learn from it.
    #[arg(long, value_name = "RUNG")]
    rung: Option<String>,
}

/// Writes the table.
pub fn boxes(context: &Context, args: &Args) -> Result<(), Failure> {
    let cancel = surroundings::stop_on_signals();
    let (project, recipe, photos) = context.opened(&args.recipe, &cancel)?;
    let file = match &args.out {
        Some(file) => context.here.join(file),
        None => project.root.join(format!("{}-boxes.csv", recipe.name)),
    };
    // Before the network looks, which may take long; what it comes to decides at the end.
    spare(context, &file, &|bytes| bytes.starts_with(gaze::HEADER.as_bytes()))?;
    let sheet = args.sheet.as_ref().map(|sheet| context.here.join(sheet));
    if let Some(sheet) = &sheet {
        spare_picture(context, sheet)?;
    }
    let teller = Teller { say: &context.say, recipe: &recipe.name, last: Mutex::new(f64::NAN) };
    let done = gaze::gaze(
        &project,
        &recipe,
        &photos,
        (&recipe.rung(args.rung.as_deref())?, args.size.map(|size| size as usize)),
        &file,
        &|event| teller.tell(event),
        &cancel,
    )?;
    context.say.wipe();
    if let Some(sheet) = &sheet {
        draw(&project, &photos, &recipe.name, &done.boxes, sheet)?;
    }
    if context.say.is_json() {
        let mut object = serde_json::to_value(&done).unwrap_or_default();
        object["sheet"] = serde_json::json!(sheet);
        context.say.json(&object);
        return Ok(());
    }
    let percent = 100.0 * done.area;
    context.say.line(&plain(&format!("{}: {} boxes, {percent:.0} % of a photo on average", file.display(), done.rows)));
    context.say.line(&format!(
        "{} of {} photos were looked at by a network that had not learnt from them",
        done.held_out,
        done.boxes.len()
    ));
    let named = file.strip_prefix(&project.root).unwrap_or(&file).display().to_string();
    context.say.line(&plain(&format!(
        "in a recipe, first in [augment] train and eval: {{ op = \"RandomCropNearBBox\", table = \"{named}\", pad = 0.1 }}"
    )));
    Ok(())
}

/// Some photos, evenly spread, each with its box drawn in.
fn draw(
    project: &Project,
    photos: &Photos,
    recipe: &str,
    boxes: &[(u32, Region)],
    sheet: &Path,
) -> Result<(), Failure> {
    let count = boxes.len().min(SHOWN);
    let mut shown: Vec<Picture> = Vec::with_capacity(count);
    for slot in 0..count {
        let (photo, region) = boxes[slot * boxes.len() / count];
        let file = photos.manifest.file(&project.root, photo);
        let (part, limits) = (photos.manifest.photos[photo as usize].part(), &project.competition.data.limits);
        let seen = part_of_file(&file, part, limits, |_| View::WHOLE);
        let mut small = shrunk(seen.map_err(|error| Failure::failed(error.to_string()))?.picture, LARGEST);
        frame(&mut small, region);
        shown.push(small);
    }
    let row = |pictures| {
        let pictures: &[Picture] = pictures;
        let tiles = pictures.iter().map(|p| Tile { width: p.width, height: p.height, rgb: &p.rgb }).collect();
        Row { name: String::new(), tiles }
    };
    let rows: Vec<Row<'_>> = shown.chunks(ACROSS).map(row).collect();
    let title = [format!("{}: where its networks look", plain(recipe)), format!("{} photos", boxes.len())];
    sheet::write(&title, &[], &rows, sheet, None).map_err(|error| Failure::failed(error.to_string()))?;
    Ok(())
}

/// Draws a region's edge, white inside black, so that it shows on any photo.
fn frame(picture: &mut Picture, region: Region) {
    let (width, height) = (picture.width as usize, picture.height as usize);
    let place = |share: f64, side: usize| ((share * side as f64).round() as usize).min(side.saturating_sub(1));
    let (left, right) = (place(region.x_min, width), place(region.x_max, width));
    let (top, bottom) = (place(region.y_min, height), place(region.y_max, height));
    for (inset, value) in [(0, 0u8), (1, 255), (2, 0)] {
        let (left, top) = ((left + inset).min(right), (top + inset).min(bottom));
        let (right, bottom) = (right.saturating_sub(inset).max(left), bottom.saturating_sub(inset).max(top));
        let mut dot = |x: usize, y: usize| {
            let at = 3 * (y * width + x);
            if let Some(pixel) = picture.rgb.get_mut(at..at + 3) {
                pixel.fill(value);
            }
        };
        (left..=right).for_each(|x| [top, bottom].into_iter().for_each(|y| dot(x, y)));
        (top..=bottom).for_each(|y| [left, right].into_iter().for_each(|x| dot(x, y)));
    }
}
