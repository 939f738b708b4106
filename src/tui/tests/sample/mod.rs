//! A drawn project: every state, Japanese names, text that tries to steer the terminal.

mod board;
mod looks;
mod work;

use std::path::PathBuf;
use std::sync::Arc;

use toji::base::{Key, Time};
use toji::dag::Axis;
use toji::score::decide::projection::Projection;
use toji::score::ledger::agree::Agreement;
use toji::score::ledger::shake::{Outlook, Split};
use toji::score::metric::lab::Found;
use toji::session::errands::lab::metric::{Report, Verdict};
use toji::session::errands::ledger::{Finals, Flip, Kept, Made, Probes, Seen, Standing, Submission};
use toji::session::snapshot::{
    Advice, Block, Counting, Curve, Delta, Name, Output, OutputState, Picture, Problem, Recipe, Score, Snapshot, State,
    Step, Worker,
};

pub use board::settled;
pub use looks::{compared, photo, side_by_side, why};
pub use work::{busy, paused};

/// A project in the midst of work.
pub fn snapshot() -> Snapshot {
    Snapshot {
        project: "sake-labels".to_owned(),
        at: Time(1.0),
        problems: Vec::new(),
        recipes: [first_pour(), baseline(), arcface(), sake(), broken(), failed(), new()].map(Into::into).into(),
        pin: Some("01-baseline".to_owned()),
        notes: Vec::new(),
        ledger: Arc::new(ledger()),
        lab: None,
        queries: Arc::new(looks::queries("02-arcface")),
        compared: Arc::default(),
        reviews: Arc::new(vec![Arc::new(looks::review())]),
        answer: None,
        worker: Worker::Busy { recipes: vec!["02-arcface".to_owned()], queued: 1 },
        planning: None,
        notice: Some("02-arcface: saved, only [post] changed".to_owned()),
        ..Snapshot::default()
    }
}

/// Seven submissions: one off the line, one without a public score, one that tries to steer the terminal, one marked.
fn ledger() -> Standing {
    let one = |recipe: &str, date: &str, cv: f64, public: Option<f64>, forecast: f64| {
        let seen = |score: f64| Seen { score, text: format!("{score:.4}"), date: date.to_owned() };
        Submission {
            hash: Key::of_bytes(recipe.as_bytes()),
            made: Made {
                file: format!("submissions/{recipe}.csv"),
                recipe: recipe.to_owned(),
                rung: "holdout".to_owned(),
                date: date.to_owned(),
                cv: Some(cv),
                interval: Some([cv - 0.031, cv + 0.028]),
                folds: vec![cv - 0.01, cv + 0.01],
                post: vec!["pca dim = 128, whiten = true".to_owned(), "alpha-qe k = 5, alpha = 3".to_owned()],
            },
            public: public.map(seen),
            private: None,
            gap: public.map(|public| public - cv),
            outlier: recipe.starts_with("00"),
            is_final: recipe.starts_with("02"),
            forecast: Some(Outlook { mean: forecast, deviation: 0.02, interval: [forecast - 0.039, forecast + 0.04] }),
            unforeseen: None,
            flip: None,
        }
    };
    let mut submissions = vec![
        one("07-dba", "2026-11-26", 0.7402, None, 0.546),
        one("02-arcface", "2026-11-25", 0.7321, Some(0.5402), 0.5391),
        one("03-純米大吟醸-小さな文字", "2026-11-24", 0.7044, Some(0.4981), 0.5002),
        one("05-evil\u{1b}]0;owned\u{7}\u{202e}", "2026-11-22", 0.711, Some(0.505), 0.506),
        one("06-swin", "2026-11-20", 0.65, Some(0.47), 0.4723),
        one("01-baseline", "2026-11-18", 0.691, Some(0.501), 0.5006),
        one("00-first-pour", "2026-11-17", 0.6, Some(0.52), 0.5101),
    ];
    submissions[6].forecast = None;
    submissions[6].unforeseen = Some("its score is no longer in the store; toji submit makes it again".to_owned());
    let below = &submissions[2];
    let flip = Flip { hash: below.hash, recipe: below.made.recipe.clone(), chance: 0.07 };
    submissions[1].flip = Some(flip);
    let names = [submissions[0].made.recipe.clone(), submissions[1].made.recipe.clone()];
    let hashes = vec![submissions[0].hash, submissions[1].hash];
    Standing {
        metric: "MRR@20".to_owned(),
        agreement: Agreement {
            pairs: 6,
            spearman: Some(0.54),
            kendall: Some(0.47),
            line: Some([0.76, -0.027]),
            scale: Some(0.0119),
            gap: Some(-0.195),
            changes_sign: false,
            outliers: vec![6],
        },
        probes: Probes {
            today: 1,
            left_today: Some(4),
            used: 6,
            left: Some(24),
            deadline: Some("2026-12-01".to_owned()),
            days_left: Some(4),
        },
        finals: Finals {
            limit: 2,
            marked: vec![submissions[1].hash],
            expected: Some(0.5391),
            best: Some(Kept {
                hashes,
                recipes: names.to_vec(),
                expected: 0.5533,
                why: "the highest expected private scores; the first two go together with r = 0.71".to_owned(),
            }),
        },
        split: Split::of(1_000, 0.3),
        notes: vec!["ledger.jsonl, line 4: cannot be read (cut short, or edited) and passed over".to_owned()],
        submissions,
    }
}

/// What the laboratory says of the second submission.
pub fn looked_at() -> Snapshot {
    let verdict = |variant: &'static str, about: &'static str, value: f64, explains: bool| Verdict {
        found: Found { variant, about, value, error: 0.01 },
        within: 0.021,
        explains,
    };
    let report = Report {
        hash: Key::of_bytes(b"02-arcface"),
        recipe: "02-arcface".to_owned(),
        lb: "0.5402".to_owned(),
        what: "1412 held-out queries of 02-arcface up to holdout".to_owned(),
        score: 0.5402,
        verdicts: vec![
            verdict("hit-queries-only", "mean over the queries with a hit", 0.5391, true),
            verdict("cutoff-half", "only the first half of the places counts", 0.6812, false),
            verdict("correct", "as the rules say", 0.7321, false),
        ],
    };
    Snapshot { lab: Some(Arc::new(report)), ..snapshot() }
}

/// Nothing but mistakes in toji.toml.
pub fn empty() -> Snapshot {
    let problem = |line, column, message: &str, help: Option<&str>| Problem {
        file: PathBuf::from("toji.toml"),
        line,
        column,
        message: message.to_owned(),
        help: help.map(str::to_owned),
    };
    Snapshot {
        project: "fresh".to_owned(),
        problems: vec![
            problem(3, 1, "unknown key `imges`", Some("did you mean `images`?")),
            problem(9, 12, "no file data/train.csv", None),
        ],
        ..Snapshot::default()
    }
}

/// The same project with an older pin's folds and something to note.
pub fn unpaired() -> Snapshot {
    let mut all = snapshot();
    for recipe in all.recipes.iter_mut().filter(|recipe| recipe.name == "00-first-pour") {
        (recipe.delta, recipe.unpaired) = (None, Some("its queries are other ones: [folds] differ".to_owned()));
    }
    all.notes = vec!["train.csv: read as Shift_JIS".to_owned()];
    all
}

/// The same project while it reads pictures for the first time.
pub fn planning() -> Snapshot {
    let planning = Counting { what: "hashing pictures".into(), done: 41_250, total: 100_000, unit: "images".into() };
    Snapshot { planning: Some(planning), worker: Worker::Idle, ..snapshot() }
}

fn score(value: f64, stale: bool) -> Option<Score> {
    Some(Score { metric: "MRR@20".into(), value, interval: [value - 0.031, value + 0.028], queries: 1_412, stale })
}

fn curve(series: &str, fold: u32, n: usize, value: impl Fn(f64) -> f64) -> Curve {
    let points = (1..=n).map(|i| [i as f64, value(i as f64)]).collect();
    Curve { series: series.to_owned(), fold, points, axis: axis(n), ..Curve::default() }
}

/// Forty steps and thirteen seconds an epoch, from noon on; after the third one an hour's pause.
fn axis(epochs: usize) -> Arc<Axis> {
    let knot = |i: usize| {
        let pause = if i > 3 { 3600.0 } else { 0.0 };
        [i as f64, 1_795_521_600.0 + 13.0 * i as f64 + pause, 13.0 * i as f64]
    };
    Arc::new(Axis::of(vec![[0.0, 40.0]], (0..=epochs).map(knot).collect()))
}

/// What is told ten times an epoch.
fn fine(series: &str, epochs: usize, value: impl Fn(f64) -> f64) -> Curve {
    let points = (1..=10 * epochs).map(|i| i as f64 / 10.0).map(|x| [x, value(x)]).collect();
    Curve { series: series.to_owned(), points, axis: axis(epochs), ..Curve::default() }
}

fn curves(epochs: usize, low_loss: f64, high_score: f64) -> Vec<Curve> {
    let wave = |e: f64| ((e * 7.3).sin() + (e * 3.1).cos()) * 0.02;
    vec![
        curve("loss", 0, epochs, move |e| low_loss + 3.2 * (-e / 3.5).exp() + wave(e)),
        curve("MRR@20", 0, epochs, move |e| high_score * (1.0 - (-e / 2.8).exp()) + wave(e) * 0.4),
        fine("lr", epochs, move |e| 1e-3 * (0.5 + 0.5 * (std::f64::consts::PI * e / epochs as f64).cos())),
        fine("gradient norm", epochs, move |e| 0.4 + 3.0 * (-e / 2.0).exp() + 0.3 * (e * 29.0).sin().powi(2)),
        fine("images per second", epochs, move |e| 170.0 + 4.0 * (e * 17.0).sin()),
        fine("CPU", epochs, move |e| 93.0 + 3.0 * (e * 13.0).cos()),
        fine("memory", epochs, move |e| 1.2e9 + 4e8 * (1.0 - (-e).exp())),
    ]
}

fn step(stage: &str, action: &str, reason: &str, seconds: Option<f64>, cheap: bool) -> Step {
    let bytes = (action == "run").then_some(43_000_000);
    Step { stage: stage.into(), action: action.into(), reason: reason.into(), seconds, bytes, cheap }
}

fn first_pour() -> Recipe {
    Recipe {
        name: "00-first-pour".into(),
        title: "00 · First pour".into(),
        state: State::Fresh,
        rung: "smoke".into(),
        epoch: Some((3.0, 3.0)),
        score: score(0.4123, false),
        delta: Some(Delta { value: -0.2787, interval: [-0.31, -0.246], queries: 1_412 }),
        curves: curves(3, 1.4, 0.52),
        plan: vec![step("fit fold 1", "reuse", "", Some(41.0), false), step("score", "reuse", "", Some(0.2), true)],
        page: vec![Block::Prose { text: "# 00 · First pour\n\nUnder one minute.".into(), line: 1 }],
        ..Recipe::default()
    }
}

fn baseline() -> Recipe {
    Recipe {
        name: "01-baseline".into(),
        title: "01 · Softmax baseline".into(),
        state: State::Fresh,
        rung: "holdout".into(),
        fold: Some((1, 1)),
        epoch: Some((12.0, 12.0)),
        score: score(0.691, false),
        curves: curves(12, 0.55, 0.7),
        plan: vec![step("fit fold 1", "reuse", "", Some(210.0), false)],
        page: vec![Block::Prose { text: "# 01 · Softmax baseline\n\nThe plain thing first.".into(), line: 1 }],
        ..Recipe::default()
    }
}

fn picture(seed: u32) -> Picture {
    let (width, height) = (32, 32);
    let pixel = |i: u32| {
        let (x, y) = (i % width, i / width);
        let bottle = x.abs_diff(16) < if y < 10 { 3 } else { 9 };
        let label = bottle && (14..26).contains(&y);
        match (label, bottle) {
            (true, _) => [220, 200 - seed as u8 * 30, 90 + (x * y % 60) as u8],
            (_, true) => [30 + seed as u8 * 40, 110, 60],
            _ => [(x * 4) as u8, (y * 5) as u8, 120],
        }
    };
    Picture { width, height, rgb: (0..width * height).flat_map(pixel).collect() }
}

fn output(stage: &str, state: OutputState, lines: &[&str], pictures: u32) -> Output {
    let lines = lines.iter().map(|l| (*l).to_owned()).collect();
    let pictures = vec![(0..pictures).map(picture).collect()];
    Output { stage: stage.into(), state, lines, tables: Vec::new(), pictures }
}

/// The first place of each word in a cell, with what it is about and what stands there.
fn names(cell: &str, words: &[(&str, &str)]) -> Vec<Name> {
    let page = format!("```toml\n{cell}\n```\n");
    let read = toji::book::read_as("x.md".as_ref(), &page, &toji::session::schema::recipes()).0.names;
    let name = |(word, topic): &(&str, &str)| {
        let (line, text) = cell.lines().enumerate().find(|(_, text)| text.contains(word)).unwrap();
        let start = text[..text.find(word).unwrap()].chars().count();
        let read = read.iter().find(|name| name.topic == *topic && name.line == line + 2).unwrap();
        let value = read.value.map(|bytes| page[bytes.start..bytes.end].to_owned());
        let (topic, key) = ((*topic).to_owned(), read.key.clone());
        Name { line, characters: start..start + word.chars().count(), topic, key, value }
    };
    words.iter().map(name).collect()
}

fn arcface() -> Recipe {
    let prose = "# 02 · ArcFace on small print\n\nLabels differ in *small print*, so crops stay **large** and nothing is mirrored. 銘柄は小さな文字だけで違うことがある。だから大きく切り取る。\n\n- `RandomResizedCrop` keeps 60 % of the area\n- no mirror: text would be wrong\n\n> Measured on the shelf of May.\n";
    let augment = "[augment]\ntrain = [\n  { op = \"RandomResizedCrop\", size = [128, 128], scale = [0.6, 1.0] },\n  { op = \"ColorJitter\", brightness = 0.2, p = 0.8 }, # light of the shop\n]";
    let loss = "[loss]\nname = \"ArcFaceLoss\"\nmargin = 22.9 # degrees\nscale = 30";
    Recipe {
        advice: Some(Advice {
            advice: "go-on".into(),
            reason:
                "may still win: 0.009 behind 01-baseline at epoch 7 of 12 (95 % -0.012 to 0.030, noise not measured)"
                    .into(),
            decider: "PairedBootstrap".into(),
            epoch: 7,
            delta: Some(Delta { value: -0.009, interval: [-0.03, 0.012], queries: 1_200 }),
            noise: None,
            measuring: Some(760.0),
            acted: false,
        }),
        projection: Some(Projection { value: 0.771, band: [0.752, 0.79] }),
        ladder: ["smoke", "holdout", "full", "seeds"].map(str::to_owned).to_vec(),
        name: "02-arcface".into(),
        file: "recipes/02-arcface.md".into(),
        title: "02 · ArcFace on small print".into(),
        state: State::Running,
        rung: "holdout".into(),
        fold: Some((1, 1)),
        epoch: Some((7.4, 12.0)),
        score: score(0.7321, true),
        delta: Some(Delta { value: 0.0411, interval: [0.0122, 0.0704], queries: 1_412 }),
        unpaired: None,
        seconds_left: Some(92.0),
        message: Some("training fold 1, 212 images/s".into()),
        page: vec![
            Block::Prose { text: prose.into(), line: 1 },
            Block::Cell {
                text: augment.into(),
                line: 14,
                names: names(
                    augment,
                    &[
                        ("augment", "augment"),
                        ("train", "augment.train"),
                        ("\"RandomResizedCrop\"", "augment.RandomResizedCrop"),
                        ("scale", "RandomResizedCrop.scale"),
                        ("\"ColorJitter\"", "augment.ColorJitter"),
                        ("brightness", "ColorJitter.brightness"),
                    ],
                ),
                problems: Vec::new(),
                outputs: vec![output("data", OutputState::Fresh, &["1,412 photos of 24 brands; four augmented:"], 4)],
            },
            Block::Prose { text: "A margin in degrees.".into(), line: 20 },
            Block::Cell {
                text: loss.into(),
                line: 22,
                names: names(
                    loss,
                    &[
                        ("loss", "loss"),
                        ("\"ArcFaceLoss\"", "loss.ArcFaceLoss"),
                        ("margin", "ArcFaceLoss.margin"),
                        ("scale", "ArcFaceLoss.scale"),
                    ],
                ),
                problems: Vec::new(),
                outputs: vec![
                    output("fit fold 1", OutputState::Running, &["epoch 7 of 12, 212 images/s"], 0),
                    output(
                        "score",
                        OutputState::Stale { why: "[loss] margin 17.2 → 22.9".into() },
                        &["MRR@20 0.7321 [0.7011, 0.7601]", "獺祭 0.91   久保田 0.88   \u{1b}[31mred\u{1b}[0m 0.12"],
                        0,
                    ),
                    output("rank", OutputState::Missing, &[], 0),
                ],
            },
        ],
        curves: curves(7, 0.3, 0.79),
        plan: vec![
            step("data", "reuse", "", Some(1.2), true),
            step("fit fold 1", "run", "[loss] margin 17.2 → 22.9", Some(200.0), false),
            step("embed fold 1", "run", "its input fit fold 1 runs", Some(8.4), false),
            step("post", "run", "its input embed fold 1 runs", Some(0.3), true),
            step("score", "run", "its input post runs", None, true),
        ],
        plan_seconds: None,
        ..Recipe::default()
    }
}

fn sake() -> Recipe {
    Recipe {
        name: "03-純米大吟醸-小さな文字".into(),
        title: "03 · 小さな文字を大きく".into(),
        state: State::Stale,
        rung: "full".into(),
        epoch: Some((12.0, 12.0)),
        score: score(0.7044, true),
        delta: Some(Delta { value: 0.0134, interval: [-0.0102, 0.0371], queries: 1_380 }),
        message: Some("[post] alpha-qe k 3 → 5".into()),
        curves: curves(12, 0.4, 0.74),
        plan: vec![step("post", "run", "[post] alpha-qe k 3 → 5", Some(0.4), true)],
        plan_seconds: Some(0.4),
        page: vec![Block::Prose { text: "# 03 · 小さな文字を大きく\n\n純米。".into(), line: 1 }],
        ..Recipe::default()
    }
}

fn broken() -> Recipe {
    let problem = Problem {
        file: "recipes/04-broken.md".into(),
        line: 6,
        column: 1,
        message: "unknown key `margn` in [loss]".into(),
        help: Some("did you mean `margin`?".into()),
    };
    Recipe {
        name: "04-broken".into(),
        title: "04 · Broken".into(),
        state: State::Broken,
        page: vec![
            Block::Prose { text: "# 04 · Broken\n".into(), line: 1 },
            Block::Cell {
                text: "[loss]\nname = \"ArcFaceLoss\"\nmargn = 17.2".into(),
                line: 4,
                names: Vec::new(),
                problems: vec![problem],
                outputs: Vec::new(),
            },
        ],
        ..Recipe::default()
    }
}

fn failed() -> Recipe {
    Recipe {
        name: "05-evil\u{1b}]0;owned\u{7}\u{202e}".into(),
        title: "\u{1b}[2J\u{9b}31mclears the screen".into(),
        state: State::Failed,
        rung: "holdout".into(),
        epoch: Some((1.2, 12.0)),
        message: Some("loss is NaN at step 311: images \u{1b}[5m 000812.jpg, 獺祭.jpg".into()),
        curves: vec![Curve {
            series: "loss".into(),
            points: vec![[0.5, 3.0], [1.0, f64::NAN], [1.2, f64::INFINITY], [1.3, 1e300]].into(),
            ..Curve::default()
        }],
        ..Recipe::default()
    }
}

fn new() -> Recipe {
    Recipe {
        name: "06-swin".into(),
        title: "06 · Swin".into(),
        plan: vec![step("fit fold 1", "run", "never run", None, false)],
        page: vec![Block::Prose { text: "# 06 · Swin\n\nTo be written.".into(), line: 1 }],
        ..Recipe::default()
    }
}
