//! RandomResizedCrop, RandomCrop, CenterCrop: a part of the picture.
//!
//! Takes a picture; gives a rectangle of it, resized to one size (RandomResizedCrop: one resampling of the source) or
//! as it is. Where rectangles lie and how they are drawn is albumentations' 2.0.8. A crop without resizing needs a picture
//! that is large enough: what cannot be known before anything runs is an error that says what to put before it.

pub mod boxed;

use std::borrow::Cow;
use std::sync::Arc;

use serde::Deserialize;

use crate::base::seed::Draws;
use crate::book::technique::{Default, Kind, Literal, Param, Status, Technique};
use crate::data::augment::geometry::pad::{POSITION, Position, cut, missing};
use crate::data::augment::geometry::resample::resize;
use crate::data::augment::operation::{Built, Operation, Row, Settings};
use crate::data::augment::pipeline::sight::Detail;
use crate::data::augment::pipeline::sizes::Sizes;
use crate::data::augment::settings::{
    AREA_FOR_DOWNSCALE, AreaForDownscale, BORDER_MODE, Border, FILL, Fill, INTERPOLATION, Interpolation,
    LAST_EPOCHS_OFF, P_ONE, Range, SIDE, SIZE_PARAM, Scale, Size, from_to, range,
};
use crate::data::decode::Picture;
use crate::data::view::Area;

/// The row of RandomResizedCrop.
pub const RANDOM_RESIZED_CROP: Row = Row::of::<WrittenResized>(Technique {
    name: "RandomResizedCrop",
    slot: "augment",
    about: "Cut out a random rectangle and resize it.",
    details: "The area is uniform in `scale` times the picture's area, the aspect ratio (width / height) log-uniform in \
        `ratio`; after 10 rectangles that do not fit, the largest central one of an allowed ratio is taken. \
        Cutting and resizing are one resampling of the source. Where even the smallest rectangle of a photo is twice (four, eight times) as \
        large as `size`, the photo is decoded at half (a quarter, an eighth) of its sides, each pixel the mean of those it stands for, as \
        long as shrinking is averaged. \
        Labels that differ in small print want `scale` close to 1, such as [0.6, 1.0]; the default reaches down to 8 % of \
        the area, which suits ImageNet.",
    params: &[
        SIZE_PARAM,
        Param::new(
            "scale",
            range!(float 0.0, 1.0),
            from_to!(0.08, 1.0),
            "Least and greatest share of the picture's area.",
        ),
        Param::new(
            "ratio",
            range!(float 0.01, 100.0),
            from_to!(0.75, 1.333_333_333_333_333_3),
            "Least and greatest width / height of the rectangle.",
        ),
        INTERPOLATION,
        AREA_FOR_DOWNSCALE,
        P_ONE,
        LAST_EPOCHS_OFF,
    ],
    source: "albumentations 2.0.8 RandomResizedCrop; Szegedy et al. 2015, arXiv 1409.4842",
    status: Status::Built,
});

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenResized {
    size: [usize; 2],
    scale: Range,
    ratio: Range,
    interpolation: Interpolation,
    area_for_downscale: AreaForDownscale,
}

impl Settings for WrittenResized {
    fn operation(self, _: &str) -> Built {
        let (scale, ratio) = (self.scale.ordered("scale")?, self.ratio.ordered("ratio")?);
        let (size, area) = (Size::of(self.size)?, self.area_for_downscale.is_on());
        Ok(Arc::new(RandomResizedCrop { size, scale, ratio, interpolation: self.interpolation, area }))
    }
}

#[derive(Debug)]
struct RandomResizedCrop {
    size: Size,
    scale: Range,
    /// Width / height.
    ratio: Range,
    interpolation: Interpolation,
    area: bool,
}

impl RandomResizedCrop {
    /// Up to 10 tries, then the largest central rectangle whose ratio is allowed.
    fn draw(&self, width: u32, height: u32, draws: &mut Draws) -> Area {
        let (w, h) = (f64::from(width), f64::from(height));
        let log_ratio = Range { low: self.ratio.low.ln(), high: self.ratio.high.ln() };
        for _ in 0..10 {
            let area = self.scale.draw(draws) * w * h;
            let aspect = log_ratio.draw(draws).exp();
            let crop_w = (area * aspect).sqrt().round_ties_even() as usize;
            let crop_h = (area / aspect).sqrt().round_ties_even() as usize;
            if (1..=width as usize).contains(&crop_w) && (1..=height as usize).contains(&crop_h) {
                let y = draws.below((height as usize - crop_h + 1) as u64) as usize;
                let x = draws.below((width as usize - crop_w + 1) as u64) as usize;
                return Area { x, y, width: crop_w, height: crop_h };
            }
        }
        let (crop_w, crop_h) = if w / h < self.ratio.low {
            (w, (w / self.ratio.low).round())
        } else if w / h > self.ratio.high {
            ((h * self.ratio.high).round(), h)
        } else {
            (w, h)
        };
        let (crop_w, crop_h) = ((crop_w as usize).max(1), (crop_h as usize).max(1));
        Area { x: (width as usize - crop_w) / 2, y: (height as usize - crop_h) / 2, width: crop_w, height: crop_h }
    }
}

impl Operation for RandomResizedCrop {
    fn sizes(&self, _: Sizes) -> Result<Sizes, String> {
        Ok(Sizes::of(self.size))
    }

    fn scaled(&self, scale: Scale) -> Option<Arc<dyn Operation>> {
        Some(Arc::new(RandomResizedCrop { size: scale.size(self.size), ..*self }))
    }

    fn detail(&self, picture: Size) -> Detail {
        if !(self.area || self.interpolation == Interpolation::Area) {
            return Detail::ALL;
        }
        let (h, w) = (picture.height as f64, picture.width as f64);
        // The least that is drawn, and the rectangle that is taken when nothing drawn fits.
        let area = self.scale.low * h * w;
        let rows = (area / self.ratio.high).sqrt().min(w / self.ratio.low);
        let columns = (area * self.ratio.low).sqrt().min(h * self.ratio.high);
        Detail::of([rows.min(h), columns.min(w)], self.size, 1.0)
    }

    fn window(&self, picture: Size, draws: &mut Draws) -> Option<Area> {
        Some(self.draw(picture.width as u32, picture.height as u32, draws))
    }

    fn run_window(&self, part: &Picture) -> Picture {
        resize(part, Area::whole(part), self.size, self.interpolation, self.area)
    }

    fn is_random(&self) -> bool {
        true
    }

    fn run<'a>(&self, picture: Cow<'a, Picture>, draws: &mut Draws) -> Cow<'a, Picture> {
        let rect = self.draw(picture.width, picture.height, draws);
        Cow::Owned(resize(&picture, rect, self.size, self.interpolation, self.area))
    }
}

const HEIGHT: Param = Param::new("height", SIDE, Default::Required, "Rows that come out.").unit("pixels");
const WIDTH: Param = Param::new("width", SIDE, Default::Required, "Columns that come out.").unit("pixels");
const PAD_IF_NEEDED: Param = Param::new(
    "pad_if_needed",
    Kind::Bool,
    Default::Is(Literal::Bool(false)),
    "Pad a picture that is too small; without it, the list before must make sure that none is.",
);

/// The row of RandomCrop.
pub const RANDOM_CROP: Row = Row::of::<Anywhere>(Technique {
    name: "RandomCrop",
    slot: "augment",
    about: "Cut out a rectangle of a given size at a random place.",
    details: "Nothing is resized: the pixels are those of the picture before. Each place is as likely as any other: \
        row = floor((H - height + 1) · u) with u uniform in [0, 1), and likewise the column. The network learns that an \
        object need not be in the middle. \
        The Landmark 2020 recognition 1st place trained with SmallestMaxSize 512 and RandomCrop 448 × 448.\n\n\
        It fails where the object fills the picture: a crop may miss what tells two labels apart. Then RandomResizedCrop \
        with `scale` near 1 is milder. Cost: a copy.",
    params: &[HEIGHT, WIDTH, PAD_IF_NEEDED, POSITION_OF_PAD, BORDER_MODE, FILL, P_ONE, LAST_EPOCHS_OFF],
    source: "albumentations 2.0.8 RandomCrop; psinger/kaggle-landmark-recognition-2020-1st-place",
    status: Status::Built,
});

/// The row of CenterCrop.
pub const CENTER_CROP: Row = Row::of::<Center>(Technique {
    name: "CenterCrop",
    slot: "augment",
    about: "Cut out the middle, of a given size.",
    details: "Nothing is resized and nothing is drawn, so it may stand in `eval`: SmallestMaxSize 256 and CenterCrop \
        224 × 224 is how most ImageNet networks are evaluated. An odd rest goes below and to the right.\n\n\
        It fails where objects are not in the middle; a Resize of the whole picture loses nothing then. Cost: a copy.",
    params: &[HEIGHT, WIDTH, PAD_IF_NEEDED, POSITION_OF_PAD, BORDER_MODE, FILL, P_ONE, LAST_EPOCHS_OFF],
    source: "albumentations 2.0.8 CenterCrop",
    status: Status::Built,
});

const POSITION_OF_PAD: Param = Param { name: "pad_position", about: "Where a padded picture lies.", ..POSITION };

/// What both take.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Crop {
    height: usize,
    width: usize,
    pad_if_needed: bool,
    pad_position: Position,
    border_mode: Border,
    fill: Fill,
}

impl Crop {
    fn scaled(&self, scale: Scale) -> Crop {
        Crop { height: scale.rows(self.height), width: scale.columns(self.width), ..*self }
    }

    fn sizes(&self, before: Sizes) -> Result<Sizes, String> {
        let (rows, columns) = (before.height.least, before.width.least);
        if !self.pad_if_needed && (rows < self.height || columns < self.width) {
            return Err(format!(
                "a picture of {rows} × {columns} may come in, smaller than height = {}, width = {}; put {{ op = \
                 \"SmallestMaxSize\", max_size = {} }} before it or write pad_if_needed = true",
                self.height,
                self.width,
                self.height.max(self.width)
            ));
        }
        Ok(Sizes::of(Size { height: self.height, width: self.width }))
    }

    /// Where the rectangle begins in the picture; above or left of it where the picture is padded. `start` is the share of the
    /// way for (rows, columns), `None` the middle.
    fn corner(&self, picture: &Picture, draws: &mut Draws, start: impl Fn(&mut Draws, usize) -> usize) -> [i64; 2] {
        let (rows, columns) = (picture.height as usize, picture.width as usize);
        let gaps = [missing(rows, self.height), missing(columns, self.width)];
        let before = if gaps == [0, 0] { [0, 0] } else { self.pad_position.before(gaps, draws) };
        let rests = [(rows + gaps[0]) - self.height, (columns + gaps[1]) - self.width];
        let (y, x) = (start(draws, rests[0]), start(draws, rests[1]));
        [y as i64 - before[0] as i64, x as i64 - before[1] as i64]
    }

    fn run<'a>(&self, picture: Cow<'a, Picture>, [y, x]: [i64; 2]) -> Cow<'a, Picture> {
        let size = Size { height: self.height, width: self.width };
        cut(picture, y, x, size, self.border_mode, self.fill)
    }
}

#[derive(Debug, Deserialize)]
#[serde(transparent)]
struct Anywhere(Crop);

#[derive(Debug, Deserialize)]
#[serde(transparent)]
struct Center(Crop);

impl Anywhere {
    fn draw(&self, picture: &Picture, draws: &mut Draws) -> [i64; 2] {
        self.0.corner(picture, draws, |draws, rest| ((rest + 1) as f64 * draws.unit()) as usize)
    }
}

impl Settings for Anywhere {
    fn operation(self, _: &str) -> Built {
        Ok(Arc::new(self))
    }
}

impl Operation for Anywhere {
    fn sizes(&self, before: Sizes) -> Result<Sizes, String> {
        self.0.sizes(before)
    }

    fn scaled(&self, scale: Scale) -> Option<Arc<dyn Operation>> {
        Some(Arc::new(Anywhere(self.0.scaled(scale))))
    }

    fn is_random(&self) -> bool {
        true
    }

    fn run<'a>(&self, picture: Cow<'a, Picture>, draws: &mut Draws) -> Cow<'a, Picture> {
        let corner = self.draw(&picture, draws);
        self.0.run(picture, corner)
    }
}

impl Settings for Center {
    fn operation(self, _: &str) -> Built {
        Ok(Arc::new(self))
    }
}

impl Operation for Center {
    fn sizes(&self, before: Sizes) -> Result<Sizes, String> {
        self.0.sizes(before)
    }

    fn scaled(&self, scale: Scale) -> Option<Arc<dyn Operation>> {
        Some(Arc::new(Center(self.0.scaled(scale))))
    }

    fn is_random(&self) -> bool {
        self.0.pad_if_needed && self.0.pad_position == Position::Random
    }

    fn run<'a>(&self, picture: Cow<'a, Picture>, draws: &mut Draws) -> Cow<'a, Picture> {
        let corner = self.0.corner(&picture, draws, |_, rest| rest / 2);
        self.0.run(picture, corner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Seed;
    use crate::data::augment::golden::{distribution, noise, picture};

    fn resized(scale: [f64; 2], ratio: [f64; 2]) -> RandomResizedCrop {
        let size = Size { height: 8, width: 8 };
        let (scale, ratio) = (Range::from(scale), Range::from(ratio));
        RandomResizedCrop { size, scale, ratio, interpolation: Interpolation::Linear, area: true }
    }

    #[test]
    fn rectangles_cover_the_range_that_was_asked_for() {
        let ratio = [0.75, 4.0 / 3.0];
        let mut shares = Vec::new();
        for i in 0..2000 {
            let rect = resized([0.08, 1.0], ratio).draw(150, 200, &mut Seed::new(2).at(i).draws());
            assert!(rect.x + rect.width <= 150 && rect.y + rect.height <= 200);
            let aspect = rect.width as f64 / rect.height as f64;
            assert!((0.7..1.4).contains(&aspect), "{rect:?}");
            shares.push((rect.width * rect.height) as f64 / 30_000.0);
        }
        let mean = shares.iter().sum::<f64>() / shares.len() as f64;
        // albumentations 2.0.8, 20,000 draws on 200 × 150: mean 0.433 (large rectangles often do not fit).
        assert!((mean - 0.433).abs() < 0.02, "{mean}");
        let thin = resized([1.0, 1.0], ratio).draw(10, 1000, &mut Seed::new(2).draws());
        assert_eq!((thin.width, thin.height, thin.y), (10, 13, 493));
    }

    fn crop(height: usize, width: usize, pad_position: Position) -> Crop {
        let (border_mode, fill) = (Border::Constant, Fill::Grey(0.0));
        Crop { height, width, pad_if_needed: true, pad_position, border_mode, fill }
    }

    #[test]
    fn places_are_drawn_as_albumentations_draws_them() {
        let op = Anywhere(crop(20, 10, Position::Center));
        distribution("RandomCrop", &["y", "x"], |draws| op.draw(&picture(), draws).map(|v| v as f64).to_vec());
    }

    #[test]
    fn a_crop_of_a_small_picture_is_padded_around_it() {
        let small = noise(2, 3);
        let out = Center(crop(5, 4, Position::Center)).run(Cow::Borrowed(&small), &mut Seed::new(0).draws());
        assert_eq!((out.width, out.height), (4, 5));
        let row = |p: &Picture, y: usize, x: usize| p.rgb[(y * p.width as usize + x) * 3..][..6].to_vec();
        assert_eq!(row(&out, 1, 1), row(&small, 0, 0));
        assert_eq!(row(&out, 3, 1), row(&small, 2, 0));
        assert!(out.rgb[..12].iter().all(|&v| v == 0));
        let corner = Center(crop(5, 4, Position::BottomRight)).run(Cow::Borrowed(&small), &mut Seed::new(0).draws());
        assert_eq!(row(&corner, 4, 2), row(&small, 2, 0));
    }
}
