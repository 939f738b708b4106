//! A network's end: pooling of whole pictures, PReLU, vectors side by side, and each pool and neck as part of a network.

use toji::base::{Seed, Value};
use toji::learn::backbone::{Each, Neck, Pool, Settings, build, length};
use toji::learn::ops::{Kind, ParamId, Params, Tape};

use super::naive::{self, close, differences, dot, floats, run, tensor};

fn numbers(count: usize, seed: u64, low: f64, high: f64) -> Vec<f64> {
    naive::numbers(count, &mut Seed::new(seed).draws(), low, high)
}

fn one(params: &mut Params, value: f64) -> ParamId {
    params.add("one", tensor(&[value], &[1]), Kind::Weight).expect("a new name")
}

/// Each channel of pictures `[b, n, c]` by `f`.
fn channels(x: &[f64], [b, n, c]: [usize; 3], f: impl Fn(&[f64]) -> f64) -> Vec<f64> {
    let channel = |image: usize, c_at: usize| (0..n).map(|i| x[(image * n + i) * c + c_at]).collect::<Vec<_>>();
    (0..b).flat_map(|image| (0..c).map(move |at| (image, at))).map(|(image, at)| f(&channel(image, at))).collect()
}

fn gem(p: f64) -> impl Fn(&[f64]) -> f64 {
    move |v| (v.iter().map(|x| x.max(1e-6).powf(p)).sum::<f64>() / v.len() as f64).powf(1.0 / p)
}

const SHAPE: [usize; 3] = [2, 12, 5];
const DIMS: [usize; 4] = [2, 4, 3, 5];

#[test]
fn a_power_that_learns() {
    let (x, dy) = (numbers(120, 1, -0.3, 1.5), numbers(10, 2, -1.0, 1.0));
    for p in [0.7, 3.0, 4.2] {
        let mut params = Params::new();
        let power = one(&mut params, p);
        let (y, grads, dx) = run(&tensor(&x, &DIMS), &dy, |tape, x| tape.gem_learned(&params, x, power));
        close("gem", &y, &channels(&x, SHAPE, gem(p)), 1e-5);
        close("dx", &dx, &differences(&x, |v| dot(&channels(v, SHAPE, gem(p)), &dy)), 1e-3);
        let by_power = differences(&[p], |p| dot(&channels(&x, SHAPE, gem(p[0])), &dy));
        close("dp", &floats(grads.get(power).expect("dp")), &by_power, 1e-4);
        let (fixed, _, _) = run(&tensor(&x, &DIMS), &dy, |tape, x| tape.gem(x, p as f32));
        assert_eq!(y, fixed, "the same bits as with a fixed power");
    }
    let mut params = Params::new();
    let power = one(&mut params, -0.5);
    let mut tape = Tape::train();
    let x = tape.watch(&tensor(&x, &DIMS));
    let error = tape.gem_learned(&params, &x, power).expect_err("below zero");
    insta::assert_snapshot!(error, @"gem: expected a power above 0, not -0.5, got a tensor of shape [2, 4, 3, 5]");
}

#[test]
fn the_maximum_of_each_channel() {
    let (x, dy) = (numbers(120, 3, -1.0, 1.0), numbers(10, 4, -1.0, 1.0));
    let most = |v: &[f64]| v.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let (y, _, dx) = run(&tensor(&x, &DIMS), &dy, Tape::global_max);
    close("max", &y, &channels(&x, SHAPE, most), 0.0);
    close("dx", &dx, &differences(&x, |v| dot(&channels(v, SHAPE, most), &dy)), 1e-3);
}

#[test]
fn a_slope_below_zero() {
    let (x, dy) = (numbers(21, 5, -1.0, 1.0), numbers(21, 6, -1.0, 1.0));
    let prelu = |x: &[f64], a: f64| x.iter().map(|x| if *x > 0.0 { *x } else { a * x }).collect::<Vec<_>>();
    let mut params = Params::new();
    let slope = one(&mut params, 0.25);
    let (y, grads, dx) = run(&tensor(&x, &[3, 7]), &dy, |tape, x| tape.prelu(&params, x, slope));
    close("prelu", &y, &prelu(&x, 0.25), 1e-6);
    close("dx", &dx, &differences(&x, |v| dot(&prelu(v, 0.25), &dy)), 1e-4);
    let by_slope = differences(&[0.25], |a| dot(&prelu(&x, a[0]), &dy));
    close("da", &floats(grads.get(slope).expect("da")), &by_slope, 1e-4);
}

#[test]
fn vectors_side_by_side() {
    let x = tensor(&[1.0, 2.0, 3.0, 4.0], &[2, 2]);
    let (y, _, dx) = run(&x, &(0..10).map(f64::from).collect::<Vec<_>>(), |tape, x| {
        let other = tape.constant(&tensor(&[7.0, 8.0, 9.0, 10.0, 11.0, 12.0], &[2, 3]));
        tape.beside(x, &other)
    });
    assert_eq!(y, [1.0, 2.0, 7.0, 8.0, 9.0, 3.0, 4.0, 10.0, 11.0, 12.0]);
    assert_eq!(dx, [0.0, 1.0, 5.0, 6.0]);
}

fn decoded(pool: &[(&str, Value)], neck: Option<&str>) -> Settings {
    let text = |text: &str| Value::Text(text.to_owned());
    let table =
        |entries: &[(&str, Value)]| Value::Table(entries.iter().map(|(k, v)| ((*k).to_owned(), v.clone())).collect());
    let mut entries = vec![
        ("name", text("resnet10t")),
        ("weights", text("none")),
        ("pool", table(pool)),
        ("embedding", Value::Int(8)),
    ];
    if let Some(neck) = neck {
        entries.push(("neck", table(&[("kind", text(neck))])));
    }
    table(&entries).decode().expect("settings")
}

#[test]
fn recipes_name_pools_and_necks() {
    let kind = |name: &str| ("kind", Value::Text(name.to_owned()));
    let gem = [kind("gem"), ("p", Value::Float(3.0)), ("learn", Value::Bool(true))];
    let settings = decoded(&gem, None);
    assert_eq!((settings.pool, settings.neck), (Pool::Gem { p: 3.0, learn: true }, Neck::Linear));
    let cat = [kind("cat"), ("of", Value::Text("gem".into())), ("p", Value::Float(3.0))];
    let settings = decoded(&cat, Some("linear-bn-prelu"));
    assert_eq!((settings.pool, settings.neck), (Pool::Cat { of: Each::Gem, p: 3.0 }, Neck::LinearBnPrelu));
    for (word, neck) in
        [("linear", Neck::Linear), ("linear-bn", Neck::LinearBn), ("bn", Neck::Bn), ("none", Neck::None)]
    {
        assert_eq!(decoded(&[kind("max")], Some(word)).neck, neck);
    }
}

/// Names beside the trunk's, the embedding's length, and that every tensor gets a gradient.
#[test]
fn every_pool_and_neck_trains() {
    let cat = Pool::Cat { of: Each::Gem, p: 3.0 };
    let learned = Pool::Gem { p: 3.0, learn: true };
    let bn = ["neck.bn.weight", "neck.bn.bias", "neck.bn.running_mean", "neck.bn.running_var"];
    let cases: [(Pool, Neck, usize, &[&str]); 6] = [
        (Pool::Max {}, Neck::Linear, 8, &["fc.weight", "fc.bias"]),
        (learned, Neck::LinearBn, 8, &["pool.p", "fc.weight", "fc.bias", bn[0], bn[1], bn[2], bn[3]]),
        (
            Pool::Avg {},
            Neck::LinearBnPrelu,
            8,
            &["fc.weight", "fc.bias", bn[0], bn[1], bn[2], bn[3], "neck.prelu.weight"],
        ),
        (cat, Neck::Bn, 768, &bn),
        (cat, Neck::Linear, 8, &["fc.weight", "fc.bias"]),
        (Pool::Avg {}, Neck::None, 512, &[]),
    ];
    let x = tensor(&numbers(2 * 3 * 40 * 40, 7, -1.0, 1.0), &[2, 3, 40, 40]);
    for (pool, neck, long, names) in cases {
        let settings = Settings { neck, ..Settings::new("resnet10t", pool, 8) };
        let (network, params) = build(&settings, Seed::new(1)).expect("a network");
        assert_eq!((network.embedding(), length(&settings).expect("a length")), (long, long));
        let own = |name: &str| ["pool.", "fc.", "neck."].iter().any(|start| name.starts_with(start));
        let ours: Vec<&str> = params.iter().map(|(_, name, ..)| name).filter(|name| own(name)).collect();
        assert_eq!(ours, names, "{pool:?} {neck:?}");
        let mut tape = Tape::train();
        let y = network.forward(&params, &mut tape, &x).expect("forward");
        assert_eq!(y.dims(), [2, long]);
        let dy = tensor(&numbers(2 * long, 8, -1.0, 1.0), y.dims());
        let grads = tape.backward(&y, &dy).expect("backward");
        let lacking: Vec<&str> =
            params.weights().filter(|id| grads.get(*id).is_none()).map(|id| params.name(id)).collect();
        assert!(lacking.is_empty(), "no gradient for {lacking:?}");
    }
    let settings = Settings::new("resnet10t", Pool::Token {}, 8);
    let error = build(&settings, Seed::new(1)).err().expect("no token");
    insta::assert_snapshot!(error, @r#"resnet10t has no class token; pool = { kind = "avg" } and "gem" take what it has"#);
}
