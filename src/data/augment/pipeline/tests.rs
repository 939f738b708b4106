//! Lists as a whole: bits, sizes, mistakes with their place, albumentations' numbers.

use super::sizes::Bounds;
use super::*;
use crate::data::augment::golden::{self, noise};

fn list(json: &str) -> Value {
    serde_json::from_str(json).unwrap()
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
    let at = |from: &str, size: Size| Pipeline::new("augment.train", &list(from)).unwrap().at(size).unwrap();
    let crop = r#"[{"op": "Resize", "size": [64, 32]}, {"op": "RandomResizedCrop", "size": [24, 16]}]"#;
    let expected = crop.replace("[64, 32]", "[128, 96]").replace("[24, 16]", "[48, 48]");
    let larger = at(crop, Size { height: 48, width: 48 });
    assert_eq!(larger, Pipeline::new("augment.train", &list(&expected)).unwrap());
    assert_eq!(at(crop, Size { height: 24, width: 16 }), Pipeline::new("augment.train", &list(crop)).unwrap());
    for list in [
        r#"[{"op": "SmallestMaxSize", "max_size": 64}, {"op": "RandomCrop", "height": 56, "width": 56}]"#,
        r#"[{"op": "LongestMaxSize", "max_size": 40}, {"op": "PadIfNeeded", "min_height": 50, "min_width": 40}]"#,
        r#"[{"op": "OneOf", "p": 1, "transforms": [{"op": "Resize", "size": [32, 32]}, {"op": "RandomResizedCrop", "size": [32, 32]}]}]"#,
    ] {
        for (height, width) in [(100, 100), (8, 8), (96, 64)] {
            let pipeline = at(list, Size { height, width });
            let out = pipeline.picture(&noise(30, 41), Seed::new(0));
            assert_eq!((out.height as usize, out.width as usize), (height, width), "{list}");
        }
    }
}

#[test]
fn lists_stand_where_they_can() {
    let told = |json: &str| Pipeline::new("train", &list(json)).map(drop).unwrap_err().to_string();
    insta::assert_snapshot!(told(r#"[{"op": "MixUp"}, {"op": "Resize", "size": [8, 8]}]"#), @"train[0] MixUp: it mixes the pictures of a whole batch, which have one size then; put it last");
    insta::assert_snapshot!(told(r#"[{"op": "LongestMaxSize", "max_size": 9}, {"op": "CutMix"}]"#), @r#"train: no operation fixes the output size; add { op = "PadIfNeeded", min_height = 9, min_width = 9 }"#);
    insta::assert_snapshot!(told(r#"[{"op": "Resize", "size": [8, 8]}, {"op": "OneOf", "transforms": [{"op": "MixUp"}, {"op": "CLAHE"}]}]"#), @"train[1] OneOf: MixUp mixes the pictures of a whole batch; what it is chosen among must do so, too");
    insta::assert_snapshot!(told(r#"[{"op": "Resize", "size": [8, 8]}, {"op": "SomeOf", "transforms": [{"op": "MixUp"}]}]"#), @"train[1] SomeOf: a batch is mixed once; choose among MixUp and CutMix by OneOf");
    insta::assert_snapshot!(told(r#"[{"op": "Resize", "size": [8, 8]}, {"op": "RandomCropNearBBox", "table": "b.csv"}]"#), @"train[1] RandomCropNearBBox: a box is a place in the whole photo; put it first, before anything moves a pixel");
    insta::assert_snapshot!(told(r#"[{"op": "SomeOf", "transforms": [{"op": "RandomCropNearBBox", "table": "b.csv"}]}]"#), @"train[0] SomeOf: a box is a place in the whole photo, which a second operation no longer sees; choose by OneOf");
    let mixed = r#"[{"op": "Resize", "size": [8, 8]}, {"op": "OneOf", "p": 0.9, "transforms": [{"op": "MixUp", "p": 0.2}, {"op": "CutMix", "p": 0.8}]}]"#;
    let pipeline = Pipeline::new("train", &list(mixed)).unwrap();
    assert_eq!((pipeline.mixes(), pipeline.size()), (Some("OneOf"), Size { height: 8, width: 8 }));
    assert_eq!(
        pipeline.picture(&noise(9, 7), Seed::new(1)),
        Pipeline::to_size(pipeline.size()).picture(&noise(9, 7), Seed::new(1))
    );
    let (mut none, mut whole) = (0, 0);
    for seed in 0..2000 {
        match pipeline.mix(4, Seed::new(seed)) {
            None => none += 1,
            Some(mixed) => whole += usize::from(format!("{mixed:?}").contains("rows: 0..8, columns: 0..8")),
        }
    }
    // A tenth is not mixed; of the rest a fifth is MixUp, and CutMix covers everything now and then.
    assert!((150..250).contains(&none) && (300..480).contains(&whole), "{none} {whole}");
    assert_eq!(pipeline.mix(4, Seed::new(7)), pipeline.mix(4, Seed::new(7)));
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
fn chances_hold_on_average() {
    let pipeline =
        Pipeline::new("x", &list(r#"[{"op": "Resize", "size": [8, 8]}, {"op": "HorizontalFlip", "p": 0.3}]"#)).unwrap();
    let picture = noise(8, 8);
    let flipped = (0..2000).filter(|&i| pipeline.picture(&picture, Seed::new(i)) != picture).count();
    assert!((540..660).contains(&flipped), "{flipped}");
}

#[test]
fn the_bits_of_this_version_stay() {
    let picture = noise(50, 40);
    let mut sum = 0u64;
    let mut add = |picture: &Picture| {
        sum = picture.rgb.iter().fold(sum, |sum, &v| sum.wrapping_mul(0x0100_0000_01B3) ^ u64::from(v));
    };
    for ops in [
        ALL,
        r#"[{"op": "Resize", "size": [30, 20], "area_for_downscale": "none"},
            {"op": "Affine", "scale": [0.5, 1.5], "shear": {"x": [-10, 10], "y": 3}, "rotate": 30, "keep_ratio": true, "border_mode": "reflect", "p": 0.8},
            {"op": "Affine", "translate_percent": [-0.3, 0.3], "interpolation": "nearest", "fill": [9, 80, 200], "p": 1.0}]"#,
        r#"[{"op": "RandomResizedCrop", "size": [70, 60], "ratio": [0.3, 3.0], "interpolation": "nearest"},
            {"op": "ColorJitter", "p": 1.0}, {"op": "HorizontalFlip", "p": 1.0}]"#,
    ] {
        let pipeline = Pipeline::new("x", &list(ops)).unwrap();
        (0..8).for_each(|seed| add(&pipeline.picture(&picture, Seed::new(seed))));
    }
    let size = Size { height: 16, width: 24 };
    add(&Pipeline::of_weights(size, Interpolation::Bicubic, 0.875).picture(&picture, Seed::new(0)));
    add(&Pipeline::to_size(size).picture(&picture, Seed::new(0)));
    assert_eq!(sum, 0x34b9_164a_16e2_f177, "equal settings give other results than before; see VERSION");
}

#[test]
fn within_one_grey_level_of_albumentations() {
    let mut apart = Vec::new();
    let mut worst: std::collections::BTreeMap<String, (usize, f64)> = std::collections::BTreeMap::new();
    for case in golden::cases() {
        let ops = Op::read_all("golden", &case.ops).unwrap();
        let seen = golden::picture();
        let after = ops.iter().enumerate().fold(Cow::Borrowed(&seen), |p, (i, op)| op.run(p, i, Seed::new(0)));
        let mean = golden::apart(&after, &case.picture());
        let (count, most) = worst.entry(ops[0].name.to_owned()).or_default();
        (*count, *most) = (*count + 1, most.max(mean));
        if mean >= 1.0 {
            apart.push(format!("{}: {mean} grey levels apart", case.ops));
        }
    }
    // cargo test --release within_one_grey_level -- --nocapture
    println!("cases and worst mean distance in grey levels: {worst:#?}");
    assert!(apart.is_empty(), "{}", apart.join("\n"));
}

#[test]
fn no_operation_minds_a_size_and_none_changes_at_chance_zero() {
    for entry in golden::every_operation() {
        for (width, height) in [(1, 1), (2, 1), (1, 7), (3, 3), (17, 5), (70, 50)] {
            let picture = noise(width, height);
            for p in [1.0, 0.0] {
                let mut entry = entry.clone();
                entry.set("p", Value::Float(p));
                let op = Op::read("x", 0, &entry).unwrap();
                for seed in 0..6 {
                    let run = || op.run(Cow::Borrowed(&picture), 0, Seed::new(seed)).into_owned();
                    let after = run();
                    assert_eq!(after.rgb.len(), (after.width * after.height * 3) as usize, "{entry}");
                    assert_eq!(after, run(), "{entry}");
                    assert!(p > 0.0 || after == picture, "{entry}");
                    if let Ok(sizes) = op.sizes(Sizes::of(Size { height: height as usize, width: width as usize })) {
                        let within = |n: u32, b: Bounds| (b.least..=b.most).contains(&(n as usize));
                        assert!(within(after.height, sizes.height) && within(after.width, sizes.width), "{entry}");
                    }
                }
            }
        }
    }
}

#[test]
fn the_size_is_known_or_the_error_says_what_to_add() {
    let size = |json: &str| match Pipeline::new("train", &list(json)) {
        Ok(pipeline) => format!("{} x {}", pipeline.size().height, pipeline.size().width),
        Err(error) => error.to_string(),
    };
    insta::assert_snapshot!(size(r#"[{"op": "LongestMaxSize", "max_size": 64}]"#), @r#"train: no operation fixes the output size; add { op = "PadIfNeeded", min_height = 64, min_width = 64 }"#);
    insta::assert_snapshot!(size(r#"[{"op": "LongestMaxSize", "max_size": 64}, {"op": "PadIfNeeded", "min_height": 64, "min_width": 80}]"#), @"64 x 80");
    insta::assert_snapshot!(size(r#"[{"op": "LongestMaxSize", "max_size": 64}, {"op": "PadIfNeeded", "min_height": 60, "min_width": 80}]"#), @r#"train: no operation fixes the output size; add { op = "PadIfNeeded", min_height = 64, min_width = 80 }"#);
    insta::assert_snapshot!(size(r#"[{"op": "SmallestMaxSize", "max_size": 64}]"#), @r#"train: no operation fixes the output size; add { op = "RandomCrop", height = 64, width = 64 }"#);
    insta::assert_snapshot!(size(r#"[{"op": "SmallestMaxSize", "max_size": 64}, {"op": "RandomCrop", "height": 56, "width": 48}]"#), @"56 x 48");
    insta::assert_snapshot!(size(r#"[{"op": "RandomCrop", "height": 56, "width": 48}]"#), @r#"train[0] RandomCrop: a picture of 1 × 1 may come in, smaller than height = 56, width = 48; put { op = "SmallestMaxSize", max_size = 56 } before it or write pad_if_needed = true"#);
    insta::assert_snapshot!(size(r#"[{"op": "CenterCrop", "height": 56, "width": 48, "pad_if_needed": true}]"#), @"56 x 48");
    insta::assert_snapshot!(size(r#"[{"op": "Resize", "size": [32, 32]}, {"op": "PadIfNeeded", "pad_height_divisor": 20, "pad_width_divisor": 32}]"#), @"40 x 32");
    insta::assert_snapshot!(size(r#"[{"op": "OneOf", "p": 1, "transforms": [{"op": "Resize", "size": [32, 32]}, {"op": "RandomResizedCrop", "size": [32, 32]}]}]"#), @"32 x 32");
    insta::assert_snapshot!(size(r#"[{"op": "OneOf", "transforms": [{"op": "Resize", "size": [32, 32]}, {"op": "RandomResizedCrop", "size": [32, 32]}]}]"#), @r#"train: no operation fixes the output size; add { op = "Resize", size = [128, 128] }"#);
    insta::assert_snapshot!(size(r#"[{"op": "OneOf", "transforms": [{"op": "HorizontalFlip"}, {"op": "RandomCrop", "height": 9, "width": 9}]}]"#), @r#"train[0] OneOf: transforms[1] RandomCrop: a picture of 1 × 1 may come in, smaller than height = 9, width = 9; put { op = "SmallestMaxSize", max_size = 9 } before it or write pad_if_needed = true"#);
    insta::assert_snapshot!(size(r#"[{"op": "Resize", "size": [32, 32]}, {"op": "SomeOf", "n": 1, "transforms": [{"op": "HorizontalFlip"}, {"op": "Affine", "rotate": [9, 1]}]}]"#), @"train[1].transforms[1] Affine: rotate = [9, 1] should be [least, greatest]");
    insta::assert_snapshot!(size(r#"[{"op": "Resize", "size": [32, 32]}, {"op": "OneOf", "transforms": [{"op": "Flip"}]}]"#), @r#"train[1].transforms[0]: there is no operation "Flip""#);
}
