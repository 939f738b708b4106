//! RandomCropNearBBox: the part of a photo in which the thing is, from a table of boxes.
//!
//! Takes a whole photo and its place in the manifest; gives the rectangle that a table has for it, widened and shifted as asked, or
//! the photo itself where the table has none. Name and draws are albumentations' 2.0.8, in which a box comes with each picture; here it comes
//! with the photo. A box is a share of the photo's sides, so that it holds for a photo that was decoded smaller.

use std::borrow::Cow;
use std::sync::Arc;

use serde::Deserialize;

use crate::base::seed::Draws;
use crate::book::technique::{Default, Kind, Literal, Param, Status, Technique};
use crate::data::augment::geometry::pad::cut;
use crate::data::augment::operation::{Built, Operation, Row, Settings};
use crate::data::augment::pipeline::Shown;
use crate::data::augment::pipeline::sizes::{Bounds, Sizes};
use crate::data::augment::settings::{Border, Fill, LAST_EPOCHS_OFF, P_ONE, Size, from_to, range};
use crate::data::decode::Picture;
use crate::data::manifest::boxes::{BoxTable, Boxes, Region};

/// The row of RandomCropNearBBox.
pub const RANDOM_CROP_NEAR_BBOX: Row = Row::of::<Written>(Technique {
    name: "RandomCropNearBBox",
    slot: "augment",
    about: "Cut each photo to its box in a table, as a detector gives it.",
    details: "`table` is a CSV or Parquet file, relative to the project, with a column for the photo's id (`id`, or as [data.columns] of \
        toji.toml calls it) and x_min, y_min, x_max, y_max in pixels of the photo as it is shown (pascal_voc, what most detectors write). With a column `score` \
        an id may stand several times and the best box counts; min_score = 0.5 leaves weak ones out. A photo without a box stays whole, and so does one \
        whose four numbers are empty. What lies outside of the photo is cut off; a box without a pixel is an error with its row.\n\n\
        `pad` widens the box by a share of its sides on each side: 0.1 makes a box of 100 × 200 pixels 120 × 240. max_part_shift = [height, \
        width] moves each edge by itself, by up to so much of the box's side in or out; with [0, 0], the default, nothing is drawn, and the operation may stand \
        in `eval`. (albumentations draws [0, 0.3] when nothing is written.)\n\n\
        It must stand first, since a box is a place in the whole photo; a Resize follows. Write it in `eval` as well, or the network learns \
        close-ups and is asked about whole photos.\n\n\
        Example: HappyWhale's 1st place had boxes of several detectors and mixed them, [{ op = \"OneOf\", p = 1.0, transforms = [{ op = \
        \"RandomCropNearBBox\", table = \"fullbody.csv\", p = 0.6 }, { op = \"RandomCropNearBBox\", table = \"backfin.csv\", p = 0.15 }, \
        …, { op = \"PadIfNeeded\", min_height = 1, min_width = 1, p = 0.05 }] }, { op = \"Resize\", size = [512, 512] }] (the last keeps the whole photo): \
        .60 / .15 / .15 / .05 / .05, so that no detector's habit is learnt.\n\n\
        Worth most where the thing is small in its photo: at the same input size it gets more pixels, and the background can no longer be \
        learnt. It fails where a detector does: a wrong box shows the network something else under the same label. The content of the table is a part of \
        the key: another box of a training photo trains again, one of the gallery only embeds again. Cost: a copy.",
    params: &[
        Param::new("table", Kind::Text, Default::Required, "The file of boxes, relative to the project's folder."),
        Param::new(
            "pad",
            Kind::OverEpochs(&Kind::Float { min: 0.0, max: 10.0 }),
            Default::Is(Literal::Float(0.0)),
            "Added on each side, as a share of the box's own height and width.",
        ),
        Param::new(
            "max_part_shift",
            range!(float 0.0, 1.0),
            from_to!(0.0, 0.0),
            "Furthest way of each edge, [height, width], as a share of the box's side.",
        ),
        Param::new(
            "min_score",
            Kind::Float { min: f64::MIN, max: f64::MAX },
            Default::Absent,
            "Rows of the table with a lower `score` are left out.",
        ),
        P_ONE,
        LAST_EPOCHS_OFF,
    ],
    source: "albumentations 2.0.8 RandomCropNearBBox; knshnb/kaggle-happywhale-1st-place",
    status: Status::Built,
});

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    table: String,
    pad: f64,
    /// Height and width.
    max_part_shift: [f64; 2],
    #[serde(default)]
    min_score: Option<f64>,
}

impl Settings for Written {
    fn operation(self, _: &str) -> Built {
        let Written { table: file, pad, max_part_shift, min_score } = self;
        if file.trim().is_empty() {
            return Err("table is empty; name the file of boxes".into());
        }
        Ok(Arc::new(CropNearBox { table: BoxTable { file, min_score }, boxes: None, pad, max_part_shift }))
    }
}

#[derive(Clone, Debug)]
struct CropNearBox {
    table: BoxTable,
    /// What the table says; nothing until it was read.
    boxes: Option<Arc<Boxes>>,
    pad: f64,
    max_part_shift: [f64; 2],
}

impl CropNearBox {
    /// The box in pixels of a picture, widened, before anything is drawn: left, upper, right, lower edge, at least one pixel each way.
    fn pixels(&self, region: Region, width: u32, height: u32) -> [i64; 4] {
        let side = |least: f64, greatest: f64, pixels: u32| {
            let extra = self.pad * (greatest - least);
            let n = f64::from(pixels);
            let [a, b] =
                [least - extra, greatest + extra].map(|edge| ((edge * n).round() as i64).clamp(0, pixels.into()));
            // Smaller than a pixel, as a picture that was decoded smaller may make it: the one that it lies in.
            let a = a.min(i64::from(pixels) - 1);
            [a, b.max(a + 1)]
        };
        let ([left, right], [top, bottom]) =
            (side(region.x_min, region.x_max, width), side(region.y_min, region.y_max, height));
        [left, top, right, bottom]
    }

    /// Each edge moved by itself, in the order left, right, upper, lower; where nothing would be left, the box as it was.
    fn draw(&self, bounds: [i64; 4], width: u32, height: u32, draws: &mut Draws) -> [i64; 4] {
        let [left, top, right, bottom] = bounds;
        let [down, across] = [(bottom - top, 0), (right - left, 1)]
            .map(|(side, axis)| (side as f64 * self.max_part_shift[axis]).round_ties_even() as i64);
        let mut moved = |edge: i64, most: i64, sign: i64, end: u32| {
            let way = if most > 0 { draws.between(-most, most) } else { 0 };
            (edge + sign * way).clamp(0, end.into())
        };
        let (x_min, x_max) = (moved(left, across, -1, width), moved(right, across, 1, width));
        let (y_min, y_max) = (moved(top, down, -1, height), moved(bottom, down, 1, height));
        if x_min < x_max && y_min < y_max { [x_min, y_min, x_max, y_max] } else { bounds }
    }
}

/// The same part of the photo's mirror image.
fn mirrored(region: Region) -> Region {
    Region { x_min: 1.0 - region.x_max, x_max: 1.0 - region.x_min, ..region }
}

impl Operation for CropNearBox {
    fn sizes(&self, before: Sizes) -> Result<Sizes, String> {
        let up_to = |bounds: Bounds| Bounds { least: 1, most: bounds.most };
        Ok(Sizes { height: up_to(before.height), width: up_to(before.width) })
    }

    fn is_random(&self) -> bool {
        self.max_part_shift != [0.0; 2]
    }

    fn run_photo<'a>(&self, picture: Cow<'a, Picture>, photo: Option<Shown>, draws: &mut Draws) -> Cow<'a, Picture> {
        let boxes = self.boxes.as_ref();
        let region = |shown: Shown| boxes?.get(shown.place).map(|r| if shown.mirrored { mirrored(r) } else { r });
        let Some(region) = photo.and_then(region) else { return picture };
        let (width, height) = (picture.width, picture.height);
        let bounds = self.pixels(region, width, height);
        let [left, top, right, bottom] = self.draw(bounds, width, height, draws);
        let size = Size { height: (bottom - top) as usize, width: (right - left) as usize };
        cut(picture, top, left, size, Border::Constant, Fill::Grey(0.0))
    }

    fn tables(&self) -> Vec<BoxTable> {
        vec![self.table.clone()]
    }

    fn with_boxes(&self, boxes: &mut dyn Iterator<Item = Arc<Boxes>>) -> Option<Arc<dyn Operation>> {
        Some(Arc::new(CropNearBox { boxes: boxes.next(), ..self.clone() }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Seed;
    use crate::data::augment::golden::{distribution, noise};
    use crate::data::augment::{Pipeline, Source};

    fn op(pad: f64, max_part_shift: [f64; 2]) -> CropNearBox {
        let table = BoxTable { file: "boxes.csv".to_owned(), min_score: None };
        CropNearBox { table, boxes: None, pad, max_part_shift }
    }

    const REGION: Region = Region { x_min: 0.25, y_min: 0.1, x_max: 0.5, y_max: 0.9 };

    #[test]
    fn edges_are_drawn_as_albumentations_draws_them() {
        let op = op(0.0, [0.2, 0.4]);
        distribution("RandomCropNearBBox", &["x_min", "y_min", "x_max", "y_max"], |draws| {
            op.draw([5, 8, 25, 30], 30, 40, draws).map(|edge| edge as f64).to_vec()
        });
    }

    #[test]
    fn a_box_is_the_same_place_in_a_smaller_picture() {
        let op = op(0.0, [0.0; 2]);
        assert_eq!(op.pixels(REGION, 400, 200), [100, 20, 200, 180]);
        assert_eq!(op.pixels(REGION, 100, 50), [25, 5, 50, 45]);
        assert_eq!(op.pixels(REGION, 1, 1), [0, 0, 1, 1]);
        assert_eq!(super::CropNearBox { pad: 0.1, ..op.clone() }.pixels(REGION, 400, 200), [90, 4, 210, 196]);
        assert_eq!(super::CropNearBox { pad: 5.0, ..op }.pixels(REGION, 400, 200), [0, 0, 400, 200]);
    }

    #[test]
    fn each_photo_gets_its_own_box_and_one_without_stays_whole() {
        let list = r#"[{"op": "OneOf", "p": 1.0, "transforms": [{"op": "RandomCropNearBBox", "table": "b.csv"}]}, {"op": "Resize", "size": [16, 12]}]"#;
        let pipeline = Pipeline::new("x", &serde_json::from_str(list).unwrap()).unwrap();
        assert!(!pipeline.is_random());
        assert_eq!(pipeline.tables().len(), 1);
        let boxes = Arc::new(Boxes::new(vec![None, Some(REGION)]));
        let bound = pipeline.clone().with_boxes([boxes]);
        assert_ne!(bound, pipeline);
        let picture = noise(40, 30);
        let seen = |place: Option<u32>| {
            bound.picture(Source { picture: &picture, photo: place.map(Shown::plain) }, Seed::new(1))
        };
        let whole = Pipeline::to_size(Size { height: 16, width: 12 }).picture(&picture, Seed::new(1));
        assert_eq!([seen(None), seen(Some(0)), seen(Some(7))], [whole.clone(), whole.clone(), whole.clone()]);
        let part =
            cut(Cow::Borrowed(&picture), 3, 10, Size { height: 24, width: 10 }, Border::Constant, Fill::Grey(0.0));
        let expected = Pipeline::to_size(Size { height: 16, width: 12 }).picture(&*part, Seed::new(1));
        assert_eq!(seen(Some(1)), expected);
        // In the mirror image the box is at the other side.
        let turned = crate::data::augment::geometry::flip::mirrored(&picture);
        let shown = Shown { place: 1, mirrored: true };
        let other = bound.picture(Source { picture: &turned, photo: Some(shown) }, Seed::new(1));
        let part =
            cut(Cow::Borrowed(&turned), 3, 20, Size { height: 24, width: 10 }, Border::Constant, Fill::Grey(0.0));
        assert_eq!(other, Pipeline::to_size(Size { height: 16, width: 12 }).picture(&*part, Seed::new(1)));
        assert_ne!(expected, whole);
    }
}
