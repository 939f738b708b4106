//! A list of operations that always gives pictures of one size.
//!
//! Takes the settings of `[augment]`; knows its output size before anything runs. Applied to a
//! picture with a [`Seed`], gives normalised numbers in PyTorch's order [3, height, width], or the
//! picture before normalisation for people to look at. The same seed gives the same bits.

use std::borrow::Cow;

use super::resize::{Rect, resize};
use super::settings::{Action, AugmentError, Interpolation, Op, Range, Size};
use super::{affine, color};
use crate::base::seed::Draws;
use crate::base::{Seed, Value};
use crate::data::decode::Picture;

/// Mean and standard deviation of each channel (red, green, blue) on the scale 0 to 1, which belong
/// to a backbone's weights: a pixel becomes `(value / 255 - mean) / std`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Normalization {
    /// Mean.
    pub mean: [f32; 3],
    /// Standard deviation, above 0.
    pub std: [f32; 3],
}

impl Normalization {
    /// ImageNet's, which most of timm's weights expect.
    pub const IMAGENET: Normalization = Normalization { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };

    /// A picture as numbers, channel after channel: `out` is [3, height, width].
    pub fn write(&self, picture: &Picture, out: &mut [f32]) {
        let pixels = picture.rgb.len() / 3;
        assert_eq!(out.len(), 3 * pixels, "one number for each channel of each pixel");
        for (channel, plane) in out.chunks_exact_mut(pixels.max(1)).enumerate() {
            let table: [f32; 256] =
                std::array::from_fn(|v| (v as f32 / 255.0 - self.mean[channel]) / self.std[channel]);
            for (number, pixel) in plane.iter_mut().zip(picture.rgb.chunks_exact(3)) {
                *number = table[usize::from(pixel[channel])];
            }
        }
    }
}

/// A list of operations with a known output size.
#[derive(Clone, Debug, PartialEq)]
pub struct Pipeline {
    ops: Vec<Op>,
    size: Size,
}

impl Pipeline {
    /// The pipeline of training: `train` in the settings of `[augment]`.
    ///
    /// # Errors
    /// When an operation is not right, or none fixes the size.
    pub fn train(augment: &Value) -> Result<Pipeline, AugmentError> {
        match augment.get("train") {
            Some(list) => Pipeline::new("augment.train", list),
            None => Err(AugmentError::NoSize { list: "augment.train".to_owned() }),
        }
    }

    /// The pipeline of evaluation: `eval` in the settings of `[augment]`, or, when that is not written, a resize
    /// to the size of training.
    ///
    /// # Errors
    /// When an operation is not right, none fixes the size, or one is random.
    pub fn eval(augment: &Value) -> Result<Pipeline, AugmentError> {
        match augment.get("eval") {
            Some(list) => Pipeline::new("augment.eval", list)?.without_chance("augment.eval"),
            None => Pipeline::train(augment).map(|train| Pipeline::to_size(train.size)),
        }
    }

    /// A pipeline from a list of operations; `name` is how errors call the list.
    ///
    /// # Errors
    /// When an operation is not right, or none fixes the size.
    pub fn new(name: &str, list: &Value) -> Result<Pipeline, AugmentError> {
        let Value::List(entries) = list else { return Err(AugmentError::Shape { list: name.to_owned() }) };
        let ops = entries
            .iter()
            .enumerate()
            .map(|(place, entry)| Op::read(name, place, entry))
            .collect::<Result<Vec<_>, _>>()?;
        let size = ops.iter().fold(None, |size, op| op.size_after(size));
        let size = size.ok_or_else(|| AugmentError::NoSize { list: name.to_owned() })?;
        Ok(Pipeline { ops, size })
    }

    /// The plain pipeline: resize, nothing drawn.
    pub fn to_size(size: Size) -> Pipeline {
        let action = Action::Resize { size, interpolation: Interpolation::Linear, area: true };
        Pipeline { ops: vec![Op { name: "Resize", p: 1.0, action }], size }
    }

    /// The evaluation of published weights, as timm does it: the shorter side becomes `size / crop`, and the middle is
    /// kept. `crop` is above 0 and at most 1.
    pub fn of_weights(size: Size, interpolation: Interpolation, crop: f64) -> Pipeline {
        let action = Action::Middle { size, part: crop, interpolation };
        Pipeline { ops: vec![Op { name: "CenterCrop", p: 1.0, action }], size }
    }

    /// The same pipeline for pictures of another size: what comes out has it, and earlier operations that have a size are
    /// scaled alike, so that a crop keeps its share.
    ///
    /// # Errors
    /// When another size would come out, which is a fault of Toji.
    pub fn at(mut self, size: Size) -> Result<Pipeline, AugmentError> {
        let was = self.size;
        let scaled = |from: Size| {
            let side = |of: usize, old: usize, new: usize| {
                ((of as f64 * new as f64 / old.max(1) as f64).round() as usize).max(1)
            };
            let (height, width) = (side(from.height, was.height, size.height), side(from.width, was.width, size.width));
            Size { height, width }
        };
        for op in &mut self.ops {
            match &mut op.action {
                Action::RandomResizedCrop { size, .. } | Action::Resize { size, .. } | Action::Middle { size, .. } => {
                    *size = scaled(*size);
                }
                Action::HorizontalFlip | Action::Affine(_) | Action::ColorJitter { .. } => {}
            }
        }
        self.size = size;
        match self.ops.iter().fold(None, |size, op| op.size_after(size)) == Some(size) {
            true => Ok(self),
            false => Err(AugmentError::NoSize { list: format!("the pipeline at {} × {}", size.height, size.width) }),
        }
    }

    /// Rows and columns of what comes out.
    pub fn size(&self) -> Size {
        self.size
    }

    /// How many numbers one picture becomes: 3 × height × width.
    pub fn numbers(&self) -> usize {
        3 * self.size.height * self.size.width
    }

    /// The operations in order.
    pub fn ops(&self) -> &[Op] {
        &self.ops
    }

    /// Whether two seeds can give two results.
    pub fn is_random(&self) -> bool {
        self.ops.iter().any(Op::is_random)
    }

    /// The picture as the network sees it: `out` is [3, height, width], normalised, of [`Pipeline::numbers`] numbers.
    pub fn apply(&self, picture: &Picture, seed: Seed, normalization: &Normalization, out: &mut [f32]) {
        normalization.write(&self.run(picture, seed), out);
    }

    /// The picture before normalisation, for people to look at.
    pub fn picture(&self, picture: &Picture, seed: Seed) -> Picture {
        self.run(picture, seed).into_owned()
    }

    fn run<'a>(&self, picture: &'a Picture, seed: Seed) -> Cow<'a, Picture> {
        let mut current = Cow::Borrowed(picture);
        for (place, op) in self.ops.iter().enumerate() {
            // Place and name, so that inserting an operation leaves the draws of those before it.
            let mut draws = seed.named(op.name).at(place as u64).draws();
            if op.p < 1.0 && !draws.chance(op.p) {
                continue;
            }
            current = op.action.run(current, &mut draws);
        }
        current
    }

    fn without_chance(self, name: &str) -> Result<Pipeline, AugmentError> {
        match self.ops.iter().enumerate().find(|(_, op)| op.is_random()) {
            None => Ok(self),
            Some((place, op)) => Err(AugmentError::Parameter {
                list: name.to_owned(),
                place,
                name: op.name.to_owned(),
                reason: "it draws random numbers; an embedding must be the same every time".to_owned(),
            }),
        }
    }
}

impl Op {
    /// The output size, when all that comes in has size `before` (`None`: any size).
    fn size_after(&self, before: Option<Size>) -> Option<Size> {
        match &self.action {
            Action::RandomResizedCrop { size, .. } | Action::Resize { size, .. } | Action::Middle { size, .. } => {
                // One that is skipped now and then fixes the size only if it changes nothing when it is skipped.
                if self.p >= 1.0 || before == Some(*size) { Some(*size) } else { None }
            }
            Action::HorizontalFlip | Action::Affine(_) | Action::ColorJitter { .. } => before,
        }
    }

    fn is_random(&self) -> bool {
        let fixed = |range: &Range| range.low == range.high;
        let by_chance = self.p > 0.0 && self.p < 1.0;
        by_chance
            || self.p > 0.0
                && match &self.action {
                    Action::RandomResizedCrop { .. } => true,
                    Action::HorizontalFlip | Action::Resize { .. } | Action::Middle { .. } => false,
                    Action::Affine(a) => {
                        !(a.scale.iter().chain(&a.translate).chain(&a.shear).all(fixed) && fixed(&a.rotate))
                    }
                    // Even fixed factors come in random order.
                    Action::ColorJitter { .. } => true,
                }
    }
}

impl Action {
    fn run<'a>(&self, picture: Cow<'a, Picture>, draws: &mut Draws) -> Cow<'a, Picture> {
        match self {
            Action::Resize { size, interpolation, area } => {
                if (picture.height as usize, picture.width as usize) == (size.height, size.width) {
                    return picture;
                }
                Cow::Owned(resize(&picture, Rect::whole(&picture), *size, *interpolation, *area))
            }
            Action::RandomResizedCrop { size, scale, ratio, interpolation, area } => {
                let rect = random_rect(picture.width, picture.height, *scale, *ratio, draws);
                Cow::Owned(resize(&picture, rect, *size, *interpolation, *area))
            }
            Action::Middle { size, part, interpolation } => {
                let rect = middle(picture.width, picture.height, *size, *part);
                Cow::Owned(resize(&picture, rect, *size, *interpolation, false))
            }
            Action::HorizontalFlip => {
                let mut flipped = picture.into_owned();
                mirror(&mut flipped);
                Cow::Owned(flipped)
            }
            Action::Affine(a) => {
                let inverse = affine::draw(a, picture.width, picture.height, draws);
                Cow::Owned(affine::warp(&picture, &inverse, a.interpolation, a.border, a.fill))
            }
            Action::ColorJitter { factors, hue } => {
                let mut changed = picture.into_owned();
                color::jitter(&mut changed.rgb, factors, *hue, draws);
                Cow::Owned(changed)
            }
        }
    }
}

fn mirror(picture: &mut Picture) {
    let width = picture.width as usize;
    for row in picture.rgb.chunks_exact_mut(width * 3) {
        for left in 0..width / 2 {
            let right = width - 1 - left;
            for c in 0..3 {
                row.swap(left * 3 + c, right * 3 + c);
            }
        }
    }
}

/// The central rectangle in the shape of `size` whose sides are `part` of the largest one's.
fn middle(width: u32, height: u32, size: Size, part: f64) -> Rect {
    let (w, h) = (f64::from(width), f64::from(height));
    let scale = (w / size.width as f64).min(h / size.height as f64) * part;
    let side = |of: usize, most: u32| ((of as f64 * scale).round() as usize).clamp(1, most as usize);
    let (crop_w, crop_h) = (side(size.width, width), side(size.height, height));
    Rect { x: (width as usize - crop_w) / 2, y: (height as usize - crop_h) / 2, width: crop_w, height: crop_h }
}

/// RandomResizedCrop's rectangle: up to 10 tries, then the largest central one whose ratio is allowed.
fn random_rect(width: u32, height: u32, scale: Range, ratio: Range, draws: &mut Draws) -> Rect {
    let (w, h) = (f64::from(width), f64::from(height));
    let log_ratio = Range { low: ratio.low.ln(), high: ratio.high.ln() };
    for _ in 0..10 {
        let area = scale.draw(draws) * w * h;
        let aspect = log_ratio.draw(draws).exp();
        let crop_w = (area * aspect).sqrt().round_ties_even() as usize;
        let crop_h = (area / aspect).sqrt().round_ties_even() as usize;
        if (1..=width as usize).contains(&crop_w) && (1..=height as usize).contains(&crop_h) {
            let y = draws.below((height as usize - crop_h + 1) as u64) as usize;
            let x = draws.below((width as usize - crop_w + 1) as u64) as usize;
            return Rect { x, y, width: crop_w, height: crop_h };
        }
    }
    let (crop_w, crop_h) = if w / h < ratio.low {
        (w, (w / ratio.low).round())
    } else if w / h > ratio.high {
        ((h * ratio.high).round(), h)
    } else {
        (w, h)
    };
    let (crop_w, crop_h) = ((crop_w as usize).max(1), (crop_h as usize).max(1));
    Rect { x: (width as usize - crop_w) / 2, y: (height as usize - crop_h) / 2, width: crop_w, height: crop_h }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(json: &str) -> Value {
        serde_json::from_str(json).unwrap()
    }

    fn noise(width: u32, height: u32) -> Picture {
        let mut draws = Seed::new(1).draws();
        Picture { width, height, rgb: (0..width * height * 3).map(|_| draws.below(256) as u8).collect() }
    }

    const ALL: &str = r#"[
        {"op": "RandomResizedCrop", "size": [24, 16], "scale": [0.3, 1.0]},
        {"op": "HorizontalFlip"},
        {"op": "Affine", "rotate": [-10, 10], "translate_percent": {"x": [-0.1, 0.1]}, "scale": 1},
        {"op": "ColorJitter", "brightness": 0.2, "contrast": [0.5, 1.5]}
    ]"#;

    #[test]
    fn the_same_seed_gives_the_same_bits() {
        let pipeline = Pipeline::new("augment.train", &list(ALL)).unwrap();
        assert_eq!(pipeline.size(), Size { height: 24, width: 16 });
        assert!(pipeline.is_random());
        let picture = noise(50, 40);
        let numbers = |seed| {
            let mut out = vec![0f32; pipeline.numbers()];
            pipeline.apply(&picture, Seed::new(seed), &Normalization::IMAGENET, &mut out);
            out.iter().map(|v| v.to_bits()).collect::<Vec<_>>()
        };
        assert_eq!(numbers(3), numbers(3));
        assert_ne!(numbers(3), numbers(4));
    }

    #[test]
    fn mistakes_are_named_with_their_place() {
        let error = |json: &str| Pipeline::new("augment.train", &list(json)).unwrap_err().to_string();
        insta::assert_snapshot!(error(r#"[{"op": "HorizontalFlip"}]"#), @"augment.train: no operation fixes the output size; add { op = \"Resize\", size = [128, 128] }");
        insta::assert_snapshot!(error(r#"[{"op": "Flip"}]"#), @"augment.train[0]: there is no operation \"Flip\"");
        insta::assert_snapshot!(error(r#"[{"op": "Resize", "size": [8, 8]}, {"op": "Affine", "rotate": [10, -10]}]"#), @"augment.train[1] Affine: rotate = [10, -10] should be [least, greatest]");
        assert!(error(r#"[{"op": "Resize"}]"#).contains("size"));
        assert!(error(r#"[{"op": "Resize", "size": [8, 8], "colour": 1}]"#).contains("colour"));
        assert!(error(r#"[{"op": "Resize", "size": [8, 8], "p": 0.5}]"#).contains("no operation fixes"));
    }

    #[test]
    fn evaluation_takes_the_size_of_training_and_draws_nothing() {
        let mut augment = Value::table();
        augment.set("train", list(ALL));
        assert_eq!(Pipeline::eval(&augment).unwrap(), Pipeline::to_size(Size { height: 24, width: 16 }));
        augment.set("eval", list(r#"[{"op": "Resize", "size": [8, 8]}, {"op": "HorizontalFlip"}]"#));
        assert!(Pipeline::eval(&augment).unwrap_err().to_string().contains("HorizontalFlip"));
    }

    #[test]
    fn another_size_scales_what_comes_before_it() {
        let crop = r#"[{"op": "Resize", "size": [64, 32]}, {"op": "RandomResizedCrop", "size": [24, 16]}]"#;
        let pipeline = Pipeline::new("augment.train", &list(crop)).unwrap();
        let larger = pipeline.clone().at(Size { height: 48, width: 48 }).unwrap();
        let expected = crop.replace("[64, 32]", "[128, 96]").replace("[24, 16]", "[48, 48]");
        assert_eq!(larger, Pipeline::new("augment.train", &list(&expected)).unwrap());
        assert_eq!(pipeline.clone().at(pipeline.size()).unwrap(), pipeline);
    }

    #[test]
    fn the_evaluation_of_weights_keeps_the_middle() {
        // timm, 224 pixels and crop 0.875 of a picture of 320 × 400: the shorter side becomes 256, and 224 are kept,
        // which are 280 of the 320.
        let size = Size { height: 224, width: 224 };
        assert_eq!(middle(320, 400, size, 0.875), Rect { x: 20, y: 60, width: 280, height: 280 });
        let wide = Size { height: 10, width: 30 };
        assert_eq!(middle(90, 90, wide, 1.0), Rect { x: 0, y: 30, width: 90, height: 30 });
        assert_eq!(middle(1, 1, wide, 0.1), Rect { x: 0, y: 0, width: 1, height: 1 });
        let pipeline = Pipeline::of_weights(size, Interpolation::Bicubic, 0.875);
        assert_eq!((pipeline.size(), pipeline.is_random()), (size, false));
        let out = pipeline.picture(&noise(320, 400), Seed::new(1));
        assert_eq!((out.width, out.height), (224, 224));
    }

    #[test]
    fn normalisation_is_channel_after_channel() {
        let picture = Picture { width: 2, height: 1, rgb: vec![0, 51, 255, 255, 102, 0] };
        let mut out = [0f32; 6];
        Normalization { mean: [0.0, 0.2, 0.5], std: [1.0, 0.5, 0.25] }.write(&picture, &mut out);
        for (got, want) in out.iter().zip([0.0, 1.0, 0.0, 0.4, 2.0, -2.0]) {
            assert!((got - want).abs() < 1e-6, "{out:?}");
        }
    }

    #[test]
    fn rectangles_cover_the_range_that_was_asked_for() {
        let (scale, ratio) = (Range { low: 0.08, high: 1.0 }, Range { low: 0.75, high: 4.0 / 3.0 });
        let mut shares = Vec::new();
        for i in 0..2000 {
            let rect = random_rect(150, 200, scale, ratio, &mut Seed::new(2).at(i).draws());
            assert!(rect.x + rect.width <= 150 && rect.y + rect.height <= 200);
            let aspect = rect.width as f64 / rect.height as f64;
            assert!((0.7..1.4).contains(&aspect), "{rect:?}");
            shares.push((rect.width * rect.height) as f64 / 30_000.0);
        }
        let mean = shares.iter().sum::<f64>() / shares.len() as f64;
        // albumentations 2.0.8, 20,000 draws on 200 × 150: mean 0.433 (large rectangles often do not fit).
        assert!((mean - 0.433).abs() < 0.02, "{mean}");
        let thin = random_rect(10, 1000, Range { low: 1.0, high: 1.0 }, ratio, &mut Seed::new(2).draws());
        assert_eq!((thin.width, thin.height, thin.y), (10, 13, 493));
    }

    #[test]
    fn chances_hold_on_average() {
        let pipeline =
            Pipeline::new("x", &list(r#"[{"op": "Resize", "size": [8, 8]}, {"op": "HorizontalFlip", "p": 0.3}]"#))
                .unwrap();
        let picture = noise(8, 8);
        let flipped = (0..2000).filter(|&i| pipeline.picture(&picture, Seed::new(i)) != picture).count();
        assert!((540..660).contains(&flipped), "{flipped}");
    }

    /// One row of golden.json.
    #[derive(serde::Deserialize)]
    struct Golden {
        ops: Value,
        rgb: Vec<u8>,
    }

    #[test]
    fn within_one_grey_level_of_albumentations() {
        // The picture of tests/golden/augment/make.py.
        let (height, width) = (40, 30);
        let pixel = |y: u32, x: u32| {
            let blue = 255 + (x * 7 + y * 3) % 11 - x * 5 - y * 2;
            [x * 8 + y, y * 6 + (x * y) % 23, blue].map(|v| (v % 256) as u8)
        };
        let rgb = (0..height).flat_map(|y| (0..width).flat_map(move |x| pixel(y, x))).collect();
        let picture = Picture { width, height, rgb };
        let cases: Vec<Golden> =
            serde_json::from_str(include_str!("../../../tests/golden/augment/golden.json")).unwrap();
        for case in cases {
            let Value::List(ops) = &case.ops else { panic!("a list of operations") };
            let mut current = Cow::Borrowed(&picture);
            for (place, entry) in ops.iter().enumerate() {
                let op = Op::read("golden", place, entry).unwrap();
                current = op.action.run(current, &mut Seed::new(0).draws());
            }
            assert_eq!(current.rgb.len(), case.rgb.len(), "{}", case.ops);
            let apart: u64 = current.rgb.iter().zip(&case.rgb).map(|(&a, &b)| u64::from(a.abs_diff(b))).sum();
            let mean = apart as f64 / case.rgb.len() as f64;

            assert!(mean < 1.0, "{}: {mean} grey levels apart", case.ops);
        }
    }
}
