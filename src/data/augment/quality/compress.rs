//! ImageCompression and Downscale: what a file or a thumbnail loses.
//!
//! ImageCompression writes a JPEG into memory (`data::synth::jpeg`, libjpeg's tables with chroma at half resolution, as
//! OpenCV writes) and reads it back. Downscale makes a picture small and large again. Names, draws and the
//! swapped red and blue are albumentations' 2.0.8: it hands RGB to an encoder that reads BGR, so that the eye's
//! weights fall on the wrong channels, and the numbers people have trained with are those.

use std::borrow::Cow;
use std::sync::Arc;

use serde::Deserialize;

use crate::base::seed::Draws;
use crate::book::technique::{Default, Kind, Literal, Param, Status, Technique};
use crate::data::augment::geometry::resample::{resize, resize_by};
use crate::data::augment::operation::{Built, Operation, Row, Settings};
use crate::data::augment::settings::{Interpolation, LAST_EPOCHS_OFF, P_HALF, Range, Size, from_to, range};
use crate::data::decode::{Limits, Picture, decode_bytes};
use crate::data::synth::jpeg::{self, Colour};
use crate::data::view::Area;

/// The row of ImageCompression.
pub const IMAGE_COMPRESSION: Row = Row::of::<ImageCompression>(Technique {
    name: "ImageCompression",
    slot: "augment",
    about: "Compress as a JPEG and decompress again.",
    details: "The quality is drawn from quality_range, 1 to 100 on libjpeg's scale: 95 is a camera's, 75 a web page's, below 30 \
        blocks of 8 × 8 pixels show. Colour is kept at half the resolution.\n\n\
        Where a gallery comes from one source and queries from phones and messengers, their compression differs, and the \
        network should not care. Landmark 2020 3rd place and 2021 1st place: [99, 100], albumentations' default, which \
        hardly changes anything; [40, 95] imitates forwarded photos.\n\n\
        It fails where labels differ by fine colour patterns. Cost: the dearest operation, some milliseconds for \
        each megapixel; put it after the Resize or crop.",
    params: &[
        Param::new("compression_type", Kind::Choice(&["jpeg"]), Default::Is(Literal::Text("jpeg")), "The format."),
        Param::new("quality_range", range!(int 1, 100), from_to!(int 99, 100), "Quality on libjpeg's scale."),
        P_HALF,
        LAST_EPOCHS_OFF,
    ],
    source: "albumentations 2.0.8 ImageCompression; haqishen/Google-Landmark-Recognition-2020-3rd-Place-Solution",
    status: Status::Built,
});

#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Format {
    Jpeg,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ImageCompression {
    #[expect(dead_code, reason = "there is one format so far")]
    compression_type: Format,
    quality_range: Range,
}

impl Settings for ImageCompression {
    fn operation(self, _: &str) -> Built {
        self.quality_range.ordered("quality_range")?;
        Ok(Arc::new(self))
    }
}

impl Operation for ImageCompression {
    fn is_random(&self) -> bool {
        !self.quality_range.is_fixed()
    }

    fn run<'a>(&self, picture: Cow<'a, Picture>, draws: &mut Draws) -> Cow<'a, Picture> {
        let quality = self.quality_range.draw_whole(draws) as u32;
        // The format has no larger sides.
        if picture.width.max(picture.height) > u32::from(u16::MAX) {
            return picture;
        }
        let mut swapped = picture.into_owned();
        swap(&mut swapped.rgb);
        let bytes =
            jpeg::encode_with(&swapped.rgb, swapped.width as usize, swapped.height as usize, quality, Colour::Libjpeg);
        let mut back = match decode_bytes(&bytes, &Limits { pixels: u64::MAX, bytes: u64::MAX }) {
            Ok(back) if (back.width, back.height) == (swapped.width, swapped.height) => back,
            // What we wrote ourselves is readable; if a decoder thinks otherwise the picture stays as it is.
            _ => swapped,
        };
        swap(&mut back.rgb);
        Cow::Owned(back)
    }
}

/// Red and blue change places.
fn swap(rgb: &mut [u8]) {
    rgb.chunks_exact_mut(3).for_each(|pixel| pixel.swap(0, 2));
}

/// The row of Downscale.
pub const DOWNSCALE: Row = Row::of::<Downscale>(Technique {
    name: "Downscale",
    slot: "augment",
    about: "Make the picture small and large again.",
    details: "Each side becomes round(side · s) with s drawn from scale_range, and then as long as before: at 0.25 a sixteenth of \
        the pixels remain. interpolation_pair says how pixels are made on both ways; \"nearest\", the default, leaves \
        squares, { downscale = \"area\", upscale = \"linear\" } is what a thumbnail enlarged by a browser looks like.\n\n\
        For galleries that mix thumbnails and photos. It fails where labels differ by small print: it removes exactly \
        that. Cost: two resamplings.",
    params: &[
        Param::new("scale_range", range!(float 0.01, 1.0), from_to!(0.25, 0.25), "Size in between, of each side."),
        Param::new(
            "interpolation_pair",
            Kind::Table(&[
                Param::new(
                    "downscale",
                    WAY,
                    Default::Is(Literal::Text("nearest")),
                    "How pixels are made on the way down.",
                ),
                Param::new("upscale", WAY, Default::Is(Literal::Text("nearest")), "How pixels are made on the way up."),
            ]),
            Default::Is(Literal::Table(&[
                ("downscale", Literal::Text("nearest")),
                ("upscale", Literal::Text("nearest")),
            ])),
            "How pixels are made.",
        ),
        P_HALF,
        LAST_EPOCHS_OFF,
    ],
    source: "albumentations 2.0.8 Downscale",
    status: Status::Built,
});

const WAY: Kind = Kind::Choice(&["nearest", "linear", "area"]);

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Pair {
    #[serde(default = "nearest")]
    downscale: Interpolation,
    #[serde(default = "nearest")]
    upscale: Interpolation,
}

fn nearest() -> Interpolation {
    Interpolation::Nearest
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Downscale {
    scale_range: Range,
    interpolation_pair: Pair,
}

impl Settings for Downscale {
    fn operation(self, _: &str) -> Built {
        self.scale_range.ordered("scale_range")?;
        Ok(Arc::new(self))
    }
}

impl Operation for Downscale {
    fn is_random(&self) -> bool {
        !self.scale_range.is_fixed()
    }

    fn run<'a>(&self, picture: Cow<'a, Picture>, draws: &mut Draws) -> Cow<'a, Picture> {
        let scale = self.scale_range.draw(draws);
        let side = |n: u32| ((f64::from(n) * scale).round_ties_even() as usize).max(1);
        let small = Size { height: side(picture.height), width: side(picture.width) };
        let whole = Area::whole(&picture);
        let size = Size { height: whole.height, width: whole.width };
        let down = self.interpolation_pair.downscale;
        let small = resize_by(&picture, whole, small, [1.0 / scale; 2], down, false);
        Cow::Owned(resize(&small, Area::whole(&small), size, self.interpolation_pair.upscale, false))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{Seed, Value};
    use crate::data::augment::golden::{distribution, noise};
    use crate::data::augment::operation::Op;

    #[test]
    fn numbers_are_drawn_as_albumentations_draws_them() {
        let op = ImageCompression { compression_type: Format::Jpeg, quality_range: [30.0, 90.0].into() };
        distribution("ImageCompression", &["quality"], |draws| vec![op.quality_range.draw_whole(draws) as f64]);
        let interpolation_pair = Pair { downscale: nearest(), upscale: nearest() };
        let op = Downscale { scale_range: [0.2, 0.7].into(), interpolation_pair };
        distribution("Downscale", &["scale"], |draws| vec![op.scale_range.draw(draws)]);
    }

    #[test]
    fn a_quarter_of_each_side_is_left() {
        let run = |json: &str| {
            let entry: Value = serde_json::from_str(json).unwrap();
            let op = Op::read("x", 0, &entry).unwrap();
            op.force(Cow::Owned(noise(32, 16)), 0, Seed::new(0)).into_owned()
        };
        let out = run(r#"{"op": "Downscale"}"#);
        let source = noise(32, 16);
        let pixel = |p: &Picture, y: usize, x: usize| p.rgb[(y * 32 + x) * 3..][..3].to_vec();
        assert!((0..16).all(|y| (0..32).all(|x| pixel(&out, y, x) == pixel(&source, y / 4 * 4, x / 4 * 4))));
        let soft = run(r#"{"op": "Downscale", "interpolation_pair": {"upscale": "linear"}}"#);
        assert_ne!(soft, out);
        assert_eq!((soft.width, soft.height), (32, 16));
    }
}
