//! Tests of show through the public interface.

use std::sync::Arc;

use proptest::prelude::*;
use toji::base::text::width;
use toji::dag::Axis;
use toji::session::snapshot::{Curve, Delta, Recipe, Score, Snapshot, State, Step};
use toji::show::curves::axis::By;
use toji::show::curves::series::Series;
use toji::show::curves::{self, Choice, Line};
use toji::show::{ShowError, table};

fn curve(series: &str, fold: u32, value: impl Fn(f64) -> f64, epochs: u32) -> Curve {
    let points = (1..=epochs).map(|e| [f64::from(e), value(f64::from(e))]).collect();
    Curve { series: series.into(), fold, points, ..Curve::default() }
}

fn recipe(name: &str, gain: f64, folds: u32, epochs: u32) -> Recipe {
    let wave = |e: f64, fold: u32| 0.012 * (2.3 * e + f64::from(fold) + 10.0 * gain).sin();
    let curves = (0..folds)
        .flat_map(|fold| {
            let loss = curve("loss", fold, |e| 9.0 * (-0.3 * e).exp() + 1.5 - 2.0 * gain + 4.0 * wave(e, fold), epochs);
            let mrr = curve("MRR@20", fold, |e| (0.55 + gain) * (1.0 - (-0.5 * e).exp()) + wave(e, fold), epochs);
            [loss, mrr]
        })
        .collect();
    Recipe { name: name.into(), curves, ..Recipe::default() }
}

fn shelf() -> Snapshot {
    let recipes = vec![
        recipe("01-baseline", 0.0, 1, 12),
        recipe("02-arcface", 0.21, 3, 12),
        recipe("03-純米大吟醸の小さなラベル", 0.3, 1, 7),
    ];
    let recipes = recipes.into_iter().map(Into::into).collect();
    Snapshot { recipes, pin: Some("01-baseline".into()), ..Snapshot::default() }
}

#[test]
fn svg_keeps_every_name_as_text() {
    let (svg, drawn) =
        curves::svg(&curves::lines(&shelf(), &[], &Choice::default()).unwrap(), &Choice::default()).unwrap();
    for text in [
        "03-純米大吟醸の小さなラベル",
        "01-baseline  (pin)",
        "MRR@20",
        "higher is better",
        "lower is better",
        ">\nepoch\n<",
    ] {
        assert!(svg.contains(text), "{text}");
    }
    assert!(
        svg.starts_with(&format!("<svg width=\"{}\" height=\"{}\" viewBox=", drawn.width, drawn.height)),
        "{}",
        &svg[..90]
    );
    assert!(drawn.missing.is_empty());
    assert_eq!(
        svg,
        curves::svg(&curves::lines(&shelf(), &[], &Choice::default()).unwrap(), &Choice::default()).unwrap().0,
        "the same bytes each time"
    );
}

#[test]
fn png_says_what_it_cannot_draw() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("curves.png");
    let drawn =
        curves::write(&curves::lines(&shelf(), &[], &Choice::default()).unwrap(), &Choice::default(), &out, None)
            .unwrap();
    assert_eq!(drawn.missing.iter().take(3).collect::<String>(), "純米大");
    let picture = image::open(&out).unwrap().into_rgb8();
    assert_eq!((picture.width(), picture.height()), (drawn.width, drawn.height));
    // The first recipe's colour is on the page, a good deal of it, and the corner is white.
    let [red, green, blue] = toji::show::palette::COLOURS
        [toji::show::palette::places(&["01-baseline", "02-arcface", "03-純米大吟醸の小さなラベル"])[0]];
    let near = |p: &&image::Rgb<u8>| p.0.iter().zip([red, green, blue]).all(|(a, b)| a.abs_diff(b) < 8);
    assert!(picture.pixels().filter(near).count() > 2000);
    assert_eq!(picture.get_pixel(0, 0).0, [255; 3]);
    let latin = curves::write(
        &curves::lines(&shelf(), &["01-baseline".into()], &Choice::default()).unwrap(),
        &Choice::default(),
        &out,
        None,
    )
    .unwrap();
    assert!(latin.missing.is_empty());
}

#[test]
fn odd_series_still_make_a_picture() {
    let line = |points: &[[f64; 2]]| Line {
        recipe: "a<b>&\"c\u{1b}[2J".into(),
        pinned: false,
        curve: Curve { series: "loss".into(), fold: 0, points: points.to_vec().into(), ..Curve::default() },
    };
    let nan = f64::NAN;
    for points in [
        &[][..],
        &[[1.0, 2.0]],
        &[[0.0, 0.0], [0.0, 0.0]],
        &[[1.0, nan], [2.0, nan]],
        &[[1.0, 1e300], [2.0, -1e300]],
        &[[1e9, 1.0], [1e9, 1.0 + 1e-15]],
        &[[nan, 1.0], [1.0, f64::INFINITY], [2.0, 1e-300]],
    ] {
        let (svg, _) = curves::svg(&[line(points)], &Choice::default()).unwrap();
        assert!(svg.trim_end().ends_with("</svg>") && !svg.contains('\u{1b}'), "{points:?}");
        curves::png(&[line(points)], &Choice::default(), None).unwrap();
    }
    assert!(curves::svg(&[line(&[[1.0, nan]])], &Choice::default()).unwrap().0.contains("1 value is NaN or infinite"));
    assert!(curves::svg(&[line(&[])], &Choice::default()).unwrap().0.contains("no values yet"));
    assert!(matches!(curves::svg(&[], &Choice::default()), Err(ShowError::Nothing)));
}

#[test]
fn wrong_names_and_endings_are_told() {
    let lines = curves::lines(&shelf(), &[], &Choice::default()).unwrap();
    let error = curves::write(&lines, &Choice::default(), "curves.pdf".as_ref(), None).unwrap_err();
    assert_eq!(error.to_string(), "curves.pdf: pictures are written as .svg or .png; name the file so");
    let error = curves::lines(&shelf(), &["04".into()], &Choice::default()).unwrap_err();
    assert!(error.to_string().starts_with("no recipe \"04\"; there are 01-baseline, 02-arcface"), "{error}");
    assert!(matches!(curves::lines(&Snapshot::default(), &[], &Choice::default()), Err(ShowError::Nothing)));
}

/// A recipe with a series and an axis beside its epochs.
fn machine() -> Snapshot {
    let axis =
        Arc::new(Axis::of(vec![[0.0, 50.0]], vec![[0.0, 1_795_521_600.0, 0.0], [12.0, 1_795_528_800.0, 3600.0]]));
    let told = |series: &str, size: f64| {
        let wave = |i: u32| size * (1.0 + 0.2 * (0.7 * f64::from(i)).sin());
        let points = (1..=120).map(|i| [f64::from(i) / 10.0, wave(i)]).collect();
        Curve { series: series.into(), points, axis: Arc::clone(&axis), ..Curve::default() }
    };
    let curves = vec![told("loss", 2.0), told("MRR@20", 0.6), told("memory", 1.5e9), told("lr", 1e-3)];
    Snapshot { recipes: vec![Recipe { name: "a".into(), curves, ..Recipe::default() }.into()], ..Snapshot::default() }
}

#[test]
fn charts_along_other_axes() {
    let drawn = |choice: &Choice| curves::svg(&curves::lines(&machine(), &[], choice).unwrap(), choice).unwrap().0;
    let has = |svg: &str, texts: &[&str]| texts.iter().all(|text| svg.contains(&format!(">\n{text}\n<")));
    let plain = drawn(&Choice::default());
    assert!(has(&plain, &["loss", "MRR@20", "epoch"]) && !plain.contains("memory"), "only what says how good it is");
    let series = |words: &[&str]| words.iter().map(|word| Series::of_word(word, "MRR@20").unwrap()).collect();
    let by_step = drawn(&Choice { series: series(&["memory"]), by: By::Step, ..Choice::default() });
    assert!(has(&by_step, &["memory (GB)", "step", "last memory", "600"]), "{by_step}");
    let by_time = drawn(&Choice { series: series(&["lr", "loss"]), by: By::Running, log_y: true, ..Choice::default() });
    assert!(has(&by_time, &["loss", "learning rate", "running time", "1h", "30m"]), "{by_time}");
    let by_clock = drawn(&Choice { by: By::Wall, weight: 0.9, ..Choice::default() });
    assert!(has(&by_clock, &["time (UTC)", "13:00"]), "{by_clock}");
    assert!(by_clock.matches("<polyline").count() > plain.matches("<polyline").count(), "what was told lies behind");

    let refused = |snapshot: &Snapshot, choice: &Choice| curves::lines(snapshot, &[], choice).unwrap_err().to_string();
    let gpu = Choice { series: series(&["gpu"]), ..Choice::default() };
    assert_eq!(refused(&machine(), &gpu), "none of these recipes has told its GPU; there are MRR@20, loss, lr, memory");
    let step = Choice { by: By::Step, ..Choice::default() };
    assert_eq!(
        refused(&shelf(), &step),
        "the logs of these recipes tell of epochs, not of step: an older Toji wrote them; leave out --x"
    );
}

/// Writes the pictures that people look at; not a check. `cargo test --release --test all show::look -- --ignored`
#[test]
#[ignore = "writes pictures into the target folder for people to look at"]
fn look() {
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR"));
    let mut many = shelf();
    many.recipes.extend((4..14).map(|i| recipe(&format!("{i:02}-more"), 0.02 * f64::from(i), 1, 12).into()));
    let mut broken = recipe("05-nan", 0.1, 1, 9);
    for curve in &mut broken.curves {
        let points = curve.points.change();
        (points[4][1], points[5][1]) = (f64::NAN, f64::NAN);
    }
    let broken = Snapshot { recipes: vec![broken.into(), recipe("06-new", 0.2, 1, 1).into()], ..Snapshot::default() };
    for (name, snapshot) in [("shelf", &shelf()), ("many", &many), ("broken", &broken)] {
        let lines = curves::lines(snapshot, &[], &Choice::default()).unwrap();
        for ending in ["svg", "png"] {
            curves::write(&lines, &Choice::default(), &folder.join(format!("{name}.{ending}")), None).unwrap();
        }
    }
    let choices = [
        ("smooth", Choice { weight: 0.9, by: By::Running, ..Choice::default() }),
        ("log", Choice { log_x: true, log_y: true, by: By::Step, ..Choice::default() }),
        ("all", Choice { series: Series::all("MRR@20"), by: By::Wall, ..Choice::default() }),
    ];
    for (name, choice) in choices {
        let lines = curves::lines(&machine(), &[], &choice).unwrap();
        curves::write(&lines, &choice, &folder.join(format!("{name}.png")), None).unwrap();
    }
    let only: Vec<Line> = curves::lines(&shelf(), &[], &Choice::default())
        .unwrap()
        .into_iter()
        .filter(|l| l.curve.series == "loss")
        .collect();
    curves::write(&only, &Choice::default(), &folder.join("single.png"), None).unwrap();
}

fn board() -> Snapshot {
    let mut snapshot = shelf();
    let score = |value: f64, stale| {
        Some(Score { metric: "MRR@20".into(), value, interval: [value - 0.02, value + 0.02], queries: 64, stale })
    };
    let [a, b, c] = &mut snapshot.recipes[..] else { panic!("three recipes") };
    (a.state, a.rung, a.score) = (State::Fresh, "holdout".into(), score(0.5512, false));
    (b.state, b.rung, b.epoch, b.seconds_left) = (State::Running, "full".into(), Some((7.4, 12.0)), Some(125.0));
    b.score = score(0.7731, true);
    b.delta = Some(Delta { value: 0.2219, interval: [0.18, 0.26], queries: 64 });
    (c.state, c.message) = (State::Broken, Some("recipes/03.md:12:3 unknown key\nmargn".into()));
    snapshot
}

#[test]
fn the_board_at_three_widths() {
    let text = |columns| table::board(&board(), columns).join("\n");
    insta::assert_snapshot!(text(160), @r"
       recipe                       state    rung     epoch    score         95 %   to pin           95 %   left
    *  01-baseline                  fresh    holdout          0.5512  0.531–0.571
       02-arcface                   running  full      7/12  0.7731?  0.753–0.793  +0.2219  +0.180,+0.260  2m05s
       03-純米大吟醸の小さなラベル  broken                                                                        recipes/03.md:12:3 unknown key margn
    ");
    insta::assert_snapshot!(text(80), @r"
       recipe          state    rung     epoch    score         95 %   to pin   left
    *  01-baseline     fresh    holdout          0.5512  0.531–0.571
       02-arcface      running  full      7/12  0.7731?  0.753–0.793  +0.2219  2m05s
       03-純米大吟醸…  broken
    ");
    insta::assert_snapshot!(text(40), @r"
       recipe               state      score
    *  01-baseline          fresh     0.5512
       02-arcface           running  0.7731?
       03-純米大吟醸の小…   broken
    ");
}

#[test]
fn the_plan_in_words() {
    let step = |stage: &str, action: &str, reason: &str, seconds, bytes| Step {
        stage: stage.into(),
        action: action.into(),
        reason: reason.into(),
        seconds,
        bytes,
        cheap: false,
    };
    let plan = vec![
        step("data", "reuse", "nothing changed", Some(0.2), Some(900)),
        step("fit fold 0", "run", "[loss] margin 17.2 → 22.9", Some(754.0), Some(46_812_000)),
        step("embed fold 0", "run", "fit fold 0 will be new", None, None),
    ];
    let mut recipe = Recipe { plan, plan_seconds: None, ..Recipe::default() };
    let text = |recipe: &Recipe, columns| table::plan(recipe, columns).join("\n");
    insta::assert_snapshot!(text(&recipe, 80), @r"
    stage         action    time   disk  why
    data          reuse                  nothing changed
    fit fold 0    run     12m34s  47 MB  [loss] margin 17.2 → 22.9
    embed fold 0  run          ?      ?  fit fold 0 will be new
    2 of 3 to run, time not known yet
    ");
    recipe.plan_seconds = Some(800.0);
    insta::assert_snapshot!(text(&recipe, 36), @r"
    stage         action    time   disk
    data          reuse
    fit fold 0    run     12m34s  47 MB
    embed fold 0  run          ?      ?
    2 of 3 to run, about 13m20s
    ");
}

proptest! {
    #[test]
    fn no_line_is_wider_than_the_terminal(columns in 0usize..120, names in prop::collection::vec("\\PC{0,30}", 0..5)) {
        let mut snapshot = board();
        for (recipe, name) in snapshot.recipes.iter_mut().zip(&names) {
            recipe.name.clone_from(name);
        }
        for line in table::board(&snapshot, columns) {
            prop_assert!(width(&line) <= columns, "{line:?}");
        }
    }
}

#[test]
fn times_and_sizes_read_well() {
    let times = [0.04, 9.96, 59.4, 59.6, 425.0, 12_000.0, 190_000.0, f64::NAN].map(table::duration);
    assert_eq!(times, ["0.0s", "10s", "59s", "1m00s", "7m05s", "3h20m", "2d04h", "?"]);
    let sizes = [0, 999, 1000, 9_960, 999_600, 4_130_000, 224_217_088, u64::MAX].map(table::bytes);
    assert_eq!(sizes, ["0 B", "999 B", "1.0 kB", "10 kB", "1.0 MB", "4.1 MB", "224 MB", "18447 PB"]);
}
