//! Losses with a head: by hand, in hard places, and as a recipe writes them.

use std::path::Path;

use super::*;
use crate::book::technique::{Body, Schema, Section};
use crate::learn::loss::proxy::angular::sub_center_arcface::{THRESHOLD, dominant};

/// What pytorch-metric-learning's `get_outliers` gave on the golden centers.
#[derive(Deserialize)]
pub(super) struct Outliers {
    embeddings: Vec<Vec<f64>>,
    classes: Vec<u32>,
    centers: Vec<usize>,
    angles: Vec<f64>,
    /// By threshold in degrees.
    outliers: BTreeMap<String, Vec<usize>>,
}

/// All losses with a head, with their defaults.
fn with_heads(dimensions: usize, counts: &[u32]) -> Vec<Box<dyn Loss>> {
    let rows = TECHNIQUES.iter().filter(|t| t.slot == "loss" && t.status == Status::Built);
    let losses = rows.map(|row| build(&defaults(row), dimensions, counts).unwrap());
    losses.filter(|loss| !loss.head(Seed::new(0)).unwrap().is_empty()).collect()
}

#[test]
fn perfect_and_zero_embeddings_have_finite_gradients() {
    // On its own direction the slope of the angle is infinite; a zero row has no direction at all.
    let directions = [[2f32, 0.0, 0.0], [0.0, 3.0, 0.0], [0.0, 0.0, 0.5]];
    let embeddings = [[5f32, 0.0, 0.0], [0.0, -1.0, 0.0], [0.0, 0.0, 0.0]];
    let embeddings = Tensor::new(&embeddings, &Device::Cpu).unwrap();
    for loss in with_heads(3, &[1, 2, 1]) {
        let mut head = loss.head(Seed::new(0)).unwrap();
        let per_class = head[0].tensor.dim(0).unwrap() / 3;
        let rows: Vec<f32> = directions.iter().flat_map(|row| vec![*row; per_class]).flatten().collect();
        head[0].tensor = Tensor::from_vec(rows, (3 * per_class, 3), &Device::Cpu).unwrap();
        let found = gradients(loss.as_ref(), &head, &embeddings, &Targets::new(&[0, 1, 1]), start()).unwrap();
        let tensors = found.head.iter().chain(&found.buffers).map(|(_, tensor)| tensor).chain([&found.embeddings]);
        assert!(found.value.is_finite(), "{}", loss.name());
        assert!(tensors.flat_map(flat).all(f64::is_finite), "{}", loss.name());
    }
}

#[test]
fn every_loss_falls_and_brings_classes_together() {
    // Embeddings that move freely, four of each of three classes, under plain steps down the gradient.
    let classes: Vec<u32> = (0..12).map(|i| i % 3).collect();
    for loss in with_heads(4, &[4, 4, 4]) {
        let mut draws = Seed::new(2).draws();
        let values: Vec<f32> = (0..48).map(|_| draws.normal() as f32).collect();
        let mut x = Tensor::from_vec(values, (12, 4), &Device::Cpu).unwrap();
        let mut params = Params::new();
        let head = Head::add(loss.as_ref(), &mut params, Seed::new(4)).unwrap();
        let targets = Targets::new(&classes);
        let mut values = Vec::new();
        for step in 0..400u64 {
            let at = Moment { epoch: step as f64 / 100.0, seed: Seed::new(5).at(step) };
            let fall = gradients(loss.as_ref(), &head.tensors(&params, &[]), &x, &targets, at).unwrap();
            // Steps of one length, whatever the scale; a head that begins short turns faster.
            let down = |tensor: &Tensor, gradient: &Tensor, length: f64| {
                let norm = gradient.sqr().unwrap().sum_all().unwrap().to_scalar::<f32>().unwrap().sqrt();
                (tensor - (gradient * (length / f64::from(norm.max(1e-6)))).unwrap()).unwrap()
            };
            let length = 0.2 * (1.0 - step as f64 / 400.0);
            x = down(&x, &fall.embeddings, length);
            let mut grads = crate::learn::ops::Grads::default();
            head.insert(&mut grads, fall.head);
            let moved: Vec<_> =
                grads.iter().map(|(id, gradient)| (id, down(params.get(id), gradient, 0.01 * length))).collect();
            moved.into_iter().for_each(|(id, tensor)| params.set(id, tensor).unwrap());
            head.set_buffers(&mut params, fall.buffers).unwrap();
            values.push(fall.value);
        }
        let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
        let (first, last) = (mean(&values[..5]), mean(&values[395..]));
        assert!(last < 0.9 * first, "{}: {first} to {last}", loss.name());
        // With several directions per class the photos of one need not come together.
        if params.weights().next().is_none_or(|id| params.get(id).dims()[0] > 3) {
            continue;
        }
        let unit = x.broadcast_div(&x.sqr().unwrap().sum_keepdim(1).unwrap().sqrt().unwrap()).unwrap();
        let cosines = unit.matmul(&unit.t().unwrap()).unwrap().to_vec2::<f32>().unwrap();
        let mut sums = [(0.0, 0.0); 2];
        for (i, row) in cosines.iter().enumerate() {
            for (j, cosine) in row.iter().enumerate().filter(|(j, _)| *j != i) {
                let (sum, count) = &mut sums[usize::from(classes[i] == classes[j])];
                (*sum, *count) = (*sum + f64::from(*cosine), *count + 1.0);
            }
        }
        let [others, same] = sums.map(|(sum, count)| sum / count);
        assert!(same > others + 0.3, "{}: mean cosine {same} in a class, {others} between", loss.name());
    }
}

/// The value of a loss over the cosines of one row to the axes.
fn value(settings: &str, counts: &[u32], rows: &[[f64; 3]], classes: &[u32], buffers: &[f64], at: Moment) -> Gradients {
    let loss = built(settings, 3, counts);
    let mut head = weights(vec![Tensor::eye(3, DType::F64, &Device::Cpu).unwrap()]);
    head.extend(buffers.iter().map(|b| HeadWeight::buffer("buffer", Tensor::new(&[*b], &Device::Cpu).unwrap())));
    let flat: Vec<f64> = rows.iter().flatten().copied().collect();
    let rows = Tensor::from_vec(flat, (rows.len(), 3), &Device::Cpu).unwrap();
    gradients(loss.as_ref(), &head, &rows, &Targets::new(classes), at).unwrap()
}

#[test]
fn a_growing_margin_is_linear_and_then_constant() {
    let growing = |margin: &str, name: &str, epoch: f64| {
        let settings = format!(r#"{{"name": "{name}", "margin": {margin}, "scale": 5.0, "init_std": 0.01}}"#);
        let at = Moment { epoch, seed: Seed::new(0) };
        value(&settings, &[1, 1, 1], &[[3.0, 4.0, 0.0]], &[0], &[], at).value
    };
    for (name, from, to, middle) in [("ArcFaceLoss", 10.0, 50.0, 30.0), ("CosFaceLoss", 0.1, 0.3, 0.2)] {
        let table = format!(r#"{{"from": {from:?}, "to": {to:?}, "epochs": 10.0}}"#);
        for (epoch, margin) in [(0.0, from), (5.0, middle), (10.0, to), (19.9, to)] {
            let (ours, fixed) = (growing(&table, name, epoch), growing(&format!("{margin:?}"), name, epoch));
            assert!((ours - fixed).abs() < 1e-12, "{name} in epoch {epoch}: {ours} and {fixed}");
        }
        assert!(growing(&table, name, 9.0) > growing(&table, name, 1.0) + 0.1);
    }
}

#[test]
fn margins_by_count_by_hand() {
    // The own cosine is 0.8, the others 0.6 and 0, scale 1: the loss is ln(1 + e^(0.6 − 0.8 + m) + e^(0 − 0.8 + m)).
    let of = |rule: &str, counts: &[u32], class: u32| {
        let settings = format!(r#"{{"name": "CosFaceLoss", "margin": {rule}, "scale": 1.0, "init_std": 0.01}}"#);
        let mut row = [0.8, 0.0, 0.0];
        row.rotate_right(class as usize);
        row[(class as usize + 2) % 3] = 0.6;
        let value = value(&settings, counts, &[row], &[class], &[], start()).value;
        // Solved for m.
        let m = ((value.exp() - 1.0) / ((0.6f64 - 0.8).exp() + (0.0f64 - 0.8).exp())).ln();
        (m * 1e9).round() / 1e9
    };
    // 16^-0.25 = 1/2, 1^-0.25 = 1, 81^-0.25 = 1/3: places 1/4, 1 and 0.
    let minmax = r#"{"kind": "minmax", "power": -0.25, "least": 0.1, "span": 0.4}"#;
    assert_eq!([0, 1, 2].map(|class| of(minmax, &[16, 1, 81], class)), [0.2, 0.5, 0.1]);
    // Nothing tells these apart: the middle.
    assert_eq!([0, 1, 2].map(|class| of(minmax, &[5, 5, 5], class)), [0.3, 0.3, 0.3]);
    // 0.3·4^-0.5 + 0.05.
    let power = r#"{"kind": "power", "coefficient": 0.3, "power": -0.5, "offset": 0.05}"#;
    assert_eq!([0, 1, 2].map(|class| of(power, &[4, 1, 100], class)), [0.2, 0.35, 0.08]);
}

#[test]
fn the_elastic_draw_belongs_to_the_batch() {
    let of = |std: f64, seed: u64| {
        let settings = format!(
            r#"{{"name": "ElasticCosFaceLoss", "margin": 0.35, "std": {std:?}, "scale": 30.0, "plus": false, "init_std": 0.01}}"#
        );
        let at = Moment { seed: Seed::new(seed), ..start() };
        value(&settings, &[1, 1, 1], &[[3.0, 4.0, 0.0], [1.0, 2.0, 2.0]], &[0, 1], &[], at).value
    };
    assert_eq!(of(0.1, 1), of(0.1, 1));
    assert_ne!(of(0.1, 1), of(0.1, 2));
    let cosface = r#"{"name": "CosFaceLoss", "margin": 0.35, "scale": 30.0, "init_std": 0.01}"#;
    let plain = value(cosface, &[1, 1, 1], &[[3.0, 4.0, 0.0], [1.0, 2.0, 2.0]], &[0, 1], &[], start()).value;
    assert!((of(0.0, 1) - plain).abs() < 1e-12);
}

#[test]
fn adacos_by_hand() {
    // Own cosine 0.8 (36.87 degrees, less than 45), the others 0.6 and 0; scale 8 before: B = e^4.8 + 1.
    let adacos = r#"{"name": "AdaCos", "dynamic": true, "init_std": 0.01}"#;
    let found = value(adacos, &[1, 1, 1], &[[4.0, 3.0, 0.0]], &[0], &[8.0], start());
    let scale = (4.8f64.exp() + 1.0).ln() / 0.8;
    assert!((flat(&found.buffers[0].1)[0] - scale).abs() < 1e-12);
    assert!((found.value - (1.0 + (-0.2 * scale).exp() + (-0.8 * scale).exp()).ln()).abs() < 1e-12);
    // Where it would turn round it stays at 1: both others are opposite, B = 2e^(−8·0.6).
    let found = value(adacos, &[1, 1, 1], &[[0.529, -0.6, -0.6]], &[0], &[8.0], start());
    assert_eq!(flat(&found.buffers[0].1), [1.0]);
    let two = build(&serde_json::from_str(adacos).unwrap(), 3, &[4, 4]).err().unwrap();
    insta::assert_snapshot!(two, @"AdaCos needs at least 3 classes to tell apart, the training photos have 2; add labels or photos");
    // The first scale is the fixed one.
    let head = built(adacos, 3, &[1; 101]).head(Seed::new(0)).unwrap();
    assert!((flat(&head[1].tensor)[0] - 2f64.sqrt() * 100f64.ln()).abs() < 1e-6);
}

#[test]
fn photos_far_from_their_dominant_center_are_outliers() {
    // tests/golden/loss/make.py: pytorch-metric-learning's get_outliers; the last of four classes has no photo.
    let golden = golden();
    let theirs = &golden.dominant;
    let (centers, embeddings) = (matrix(&golden.centers, DType::F64), matrix(&theirs.embeddings, DType::F64));
    let found = dominant(&centers, 3, &embeddings, &theirs.classes).unwrap();
    let chosen: Vec<Option<usize>> = theirs.centers.iter().map(|k| Some(*k)).chain([None]).collect();
    assert_eq!(found.centers, chosen);
    close("angles", &found.angles, &theirs.angles, 1e-12);
    assert_eq!(theirs.outliers.len(), 3);
    for (threshold, rows) in &theirs.outliers {
        assert_eq!(&found.outliers(threshold.parse().unwrap()), rows, "{threshold} degrees");
    }
    assert_eq!(found.outliers(THRESHOLD), theirs.outliers["75"]);
    let wrong = dominant(&centers, 5, &embeddings, &theirs.classes).unwrap_err();
    insta::assert_snapshot!(wrong, @"SubCenterArcFaceLoss: a head of 12 directions is not 5 for each class");
    assert!(matches!(dominant(&centers, 6, &embeddings, &theirs.classes), Err(LossError::Class { classes: 2, .. })));
}

/// What a recipe's `[loss]` becomes, and what is said about it.
pub(super) fn read(text: &str) -> (Value, String) {
    const SECTION: &Section = &Section {
        name: "loss",
        about: "",
        body: Body::OneOf { tag: "name", slot: "loss", unless: "" },
        status: Status::Built,
    };
    let schema = Schema { sections: vec![SECTION], techniques: [TECHNIQUES, pair::miner::TECHNIQUES].concat() };
    let (settings, _, said) = crate::book::read::facts_from(Path::new("r"), format!("[loss]\n{text}"), &schema);
    let said: Vec<String> = said.iter().map(|d| d.message.clone()).collect();
    (settings.get("loss").cloned().unwrap_or_else(Value::table), said.join("\n"))
}

#[test]
fn a_recipe_writes_a_margin_as_a_number_or_a_table() {
    let (settings, said) = read("name = \"ArcFaceLoss\"\nmargin = 17");
    assert_eq!(said, "");
    // What stood in keys before there were tables and weights stands in them still.
    insta::assert_snapshot!(settings, @r#"{ init_std = 0.01, margin = 17.0, name = "ArcFaceLoss", scale = 64.0 }"#);
    for text in [
        "name = \"ArcFaceLoss\"\nmargin = { kind = \"minmax\" }\nclass_weights = \"log\"",
        "name = \"SubCenterArcFaceLoss\"\nmargin = { kind = \"power\", offset = 0.1 }\nclass_weights = -0.4",
        "name = \"CosFaceLoss\"\nmargin = { from = 0.1, to = 0.35, epochs = 5 }\nlabel_smoothing = 0.1",
        "name = \"ArcFaceLoss\"\nmargin = { from = 11.5, to = 45.8, epochs = 10 }\nclass_weights = \"none\"",
    ] {
        let (settings, said) = read(text);
        assert_eq!(said, "", "{text}");
        build(&settings, 4, &[7, 1, 2]).unwrap();
    }
    let (settings, _) = read("name = \"CosFaceLoss\"\nmargin = { kind = \"minmax\" }");
    insta::assert_snapshot!(settings, @r#"{ init_std = 0.01, margin = { kind = "minmax", least = 0.05, power = -0.25, span = 0.45 }, name = "CosFaceLoss", scale = 64.0 }"#);
}

#[test]
fn a_wrong_margin_is_told_by_what_was_meant() {
    let said = |margin: &str| read(&format!("name = \"ArcFaceLoss\"\nmargin = {margin}")).1;
    insta::assert_snapshot!(said("200"), @"`loss.margin` is 200, but must be 0.0 to 180.0 degrees");
    insta::assert_snapshot!(said("{ kind = \"minmax\", least = 9 }"), @"`loss.margin.least` is 9, but must be 0.0 to 3.0 radians, or cosine");
    insta::assert_snapshot!(said("{ from = 10, epochs = 5 }"), @"`loss.margin.to` is missing");
    insta::assert_snapshot!(said("{ kind = \"maxmin\" }"), @"unknown technique `maxmin` (margin)");
    insta::assert_snapshot!(said("{ width = 3 }"), @"`loss.margin`: expected a real number, 0.0 to 180.0 degrees; or a table that names a technique (margin) by `kind`; or a table with `from`, `to` and `epochs`, found a table");
    insta::assert_snapshot!(said("\"wide\""), @"`loss.margin`: expected a real number, 0.0 to 180.0 degrees; or a table that names a technique (margin) by `kind`; or a table with `from`, `to` and `epochs`, found text");
}

#[test]
fn rare_classes_count_more() {
    // Two rows with losses a and b; weights 1/n make the rare one's the larger part.
    let of = |weights: &str| {
        let settings = format!(r#"{{"name": "CosFaceLoss", "margin": 0.0, "scale": 2.0, "init_std": 0.01{weights}}}"#);
        value(&settings, &[9, 1, 5], &[[1.0, 0.0, 0.0], [1.0, 0.0, 0.0]], &[0, 1], &[], start()).value
    };
    let (easy, hard) = ((1.0 + 2.0 * (-2f64).exp()).ln(), (2.0 + 2f64.exp()).ln());
    assert!((of("") - (easy + hard) / 2.0).abs() < 1e-12);
    assert!((of(r#", "class_weights": "none""#) - (easy + hard) / 2.0).abs() < 1e-12);
    assert!((of(r#", "class_weights": "inverse""#) - (easy / 9.0 + hard) / (1.0 / 9.0 + 1.0)).abs() < 1e-12);
    assert!((of(r#", "class_weights": -0.5"#) - (easy / 3.0 + hard) / (1.0 / 3.0 + 1.0)).abs() < 1e-12);
    let (log, one) = (1.0 / 10f64.ln(), 1.0 / 2f64.ln());
    assert!((of(r#", "class_weights": "log""#) - (log * easy + one * hard) / (log + one)).abs() < 1e-12);
}
