//! A project with many runs, as trainings leave them: recipes, logs, and scores in the store.
//!
//! Takes a folder that is not there, how many recipes, runs and points a run; makes the sample's photos, a recipe that really ran (so that
//! this machine has a history of every stage), recipes that differ from it by a number, and for each run a folder with its `events.jsonl`.
//! Nothing was trained for them: their curves are drawn. Every log is written by the library's own [`Line`].

use crate::latency::copy;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, ensure};
use toji::base::progress::Silent;
use toji::base::{Cancel, Clock, Key, Seed, Time, Value};
use toji::dag::{Board, Event, History, Line, Making, Recorded, Run, Runs, Stage, Start};
use toji::learn::backbone::hub::Hub;
use toji::learn::ops::Processor;
use toji::score::metric::Score;
use toji::session::stages::{Task, score as scores};
use toji::session::{Photos, Project, SessionError, Surroundings, brew};

/// The recipe that really runs.
const BASE: &str = "00-base";
/// Epochs of a drawn training.
const EPOCHS: usize = 100;
/// When the first of them began, in seconds since 1970.
const BEGAN: f64 = 1_790_000_000.0;

struct System;

impl Clock for System {
    fn now(&self) -> Time {
        Time(SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64()))
    }
}

fn around() -> Surroundings {
    Surroundings {
        clock: Arc::new(System),
        machine: "drawn".to_owned(),
        processor: Processor::cpu(),
        threads: 1,
        pid: std::process::id(),
        command: vec!["toji".to_owned()],
        hub: Hub::from_environment(&|_| None),
        facts: Arc::new(|_| Value::table()),
        load: Arc::new(Default::default),
        prints: Arc::new(|_, _| ()),
    }
}

/// How many there are of each.
#[derive(Clone, Copy, Debug)]
pub struct Sizes {
    /// Recipes.
    pub recipes: usize,
    /// Runs, dealt out among the recipes.
    pub runs: usize,
    /// Points of a run's curves.
    pub points: usize,
}

/// The name of a recipe, from 1.
pub fn name(number: usize) -> String {
    format!("r-{number:04}")
}

/// Makes the project.
pub fn make(folder: &Path, sizes: Sizes) -> anyhow::Result<()> {
    ensure!(!folder.exists(), "{} is there; give a folder that is not", folder.display());
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    copy(&own.join("data/sample"), &folder.join("data/sample"))?;
    let facts = fs::read_to_string(own.join("toji.toml"))?;
    let facts = facts.replace("first = \"00-first-pour.md\"", "").replace("01-baseline.md", &format!("{}.md", name(1)));
    fs::write(folder.join("toji.toml"), facts)?;
    fs::create_dir_all(folder.join("recipes"))?;
    let text = fs::read_to_string(own.join("recipes/00-first-pour.md"))?.replace("epochs = 8", "epochs = 1");
    fs::write(folder.join(format!("recipes/{BASE}.md")), text)?;
    for number in 1..=sizes.recipes {
        fs::write(folder.join(format!("recipes/{}.md", name(number))), recipe(number))?;
    }
    let mut toji = Command::new(env!("CARGO_BIN_EXE_toji"));
    let ran = toji.args(["run", BASE]).current_dir(folder).stdin(Stdio::null()).stdout(Stdio::null()).status()?;
    ensure!(ran.success(), "toji run {BASE} failed");
    let around = around();
    let project = Project::open(folder, &around).map_err(|found| anyhow::anyhow!("{found:?}"))?;
    let photos = Photos::read(&project, &Silent, &Cancel::new())?;
    let recipes: Vec<(String, Vec<Stage>, Key)> =
        (1..=sizes.recipes).map(|number| planned(&project, &photos, &name(number))).collect::<anyhow::Result<_>>()?;
    for (number, (recipe, stages, folds)) in recipes.iter().enumerate() {
        scored(&project, &photos, recipe, stages, *folds, number as u64)?;
    }
    for run in 0..sizes.runs {
        let (recipe, stages, _) = &recipes[run % recipes.len()];
        write_run(folder, run, recipe, stages, sizes.points)?;
    }
    Ok(())
}

/// A recipe that differs from the first by its seed and its learning rate, with some prose.
fn recipe(number: usize) -> String {
    let lr = 1e-4 * (1 + number % 50) as f64;
    format!(
        "# Try {number}\n\nAs {BASE}, with another learning rate. What was thought of it, and what came of it, stands here\nin a few \
         lines, as people write them.\n\n```toml\n[recipe]\nextends = \"{BASE}.md\"\nseed = {number}\n```\n\nThe rate is low enough for the \
         first epoch and too low for the last.\n\n```toml\n[train]\nepochs = {EPOCHS}\noptimizer = {{ name = \"AdamW\", lr = {lr}, weight_decay = 5e-4 }}\n```\n"
    )
}

/// A recipe's stages as its plan has them, in order, and the key of its folds.
fn planned(project: &Project, photos: &Photos, name: &str) -> anyhow::Result<(String, Vec<Stage>, Key)> {
    let recipe = project.recipe(name)?;
    ensure!(!recipe.is_broken(), "{name}: {:?}", recipe.diagnostics);
    let planned = brew::plan(project, &recipe, photos, &recipe.rung(None)?, &Board::new(), &History::new())?;
    let folds = planned.graph.stage(Task::Fold)?.artefact();
    Ok((name.to_owned(), planned.graph.nodes.iter().map(|node| node.stage.clone()).collect(), folds))
}

/// Puts a drawn score of the recipe into the store.
fn scored(
    project: &Project,
    photos: &Photos,
    recipe: &str,
    stages: &[Stage],
    folds: Key,
    seed: u64,
) -> anyhow::Result<()> {
    let stage = stages.iter().find(|stage| stage.name == "score").context("a recipe without a score")?;
    let mut draws = Seed::new(seed).named("queries").draws();
    let labelled = photos
        .labels()
        .iter()
        .enumerate()
        .filter(|(_, label)| label.is_some())
        .map(|(i, _)| i as u32)
        .collect::<Vec<_>>();
    let queries: Vec<u32> = labelled.into_iter().step_by(4).collect();
    let per_query: Vec<f32> = queries.iter().map(|_| 1.0 / (1.0 + (draws.unit() * 4.0).floor() as f32)).collect();
    let value = per_query.iter().map(|v| f64::from(*v)).sum::<f64>() / per_query.len() as f64;
    let score = Score { metric: project.metric(), value, interval: [value - 0.05, value + 0.05], queries, per_query };
    let mut facts = Value::table();
    facts.set("fold", Value::Text(folds.to_string()));
    let making = Making {
        recipe,
        run: "drawn",
        machine: "drawn",
        started: Time(BEGAN),
        before: 0.0,
        work: 0.0,
        facts: &facts,
        replace: false,
    };
    let clock = System;
    let fill = |folder: &Path| -> Result<(), SessionError> { Ok(score.save(&folder.join(scores::FILE))?) };
    project.store.publish(stage, &making, &clock, fill)?;
    Ok(())
}

/// Writes the folder of one run.
fn write_run(root: &Path, number: usize, recipe: &str, stages: &[Stage], points: usize) -> anyhow::Result<()> {
    let began = BEGAN + number as f64 * 600.0;
    let folder = run_folder(root, number, recipe);
    fs::create_dir_all(&folder)?;
    for empty in ["lock", "log.txt"] {
        fs::write(folder.join(empty), "")?;
    }
    fs::write(folder.join("recipe.lock.toml"), format!("recipe = \"{recipe}\"\n"))?;
    let recorded: Vec<Recorded> = stages.iter().map(Recorded::from).collect();
    fs::write(folder.join("stages.json"), serde_json::to_vec_pretty(&recorded)?)?;
    let mut log = Log { at: began, text: Vec::new() };
    log.say(Event::RunStarted {
        recipe: recipe.to_owned(),
        rung: "holdout".into(),
        pid: 4000 + number as u32,
        command: vec!["toji".into(), "run".into(), recipe.to_owned()],
        machine: "drawn, 8 threads".into(),
        attempt: 1,
    })?;
    for stage in stages {
        log.stage(stage, recipe, number, points)?;
    }
    // One in fifty failed, one in fifty was stopped.
    log.say(match number % 50 {
        20 => Event::RunFailed { error: "No space left on device".into() },
        40 => Event::RunStopped { reason: "asked to in the workbench".into() },
        _ => Event::RunFinished { seconds: log.at - began },
    })?;
    Ok(fs::write(folder.join("events.jsonl"), log.text)?)
}

/// Where a run lies: its name sorts by its time.
fn run_folder(root: &Path, number: usize, recipe: &str) -> PathBuf {
    let minutes = number * 10;
    let (day, hour, minute) = (1 + minutes / 1440, minutes / 60 % 24, minutes % 60);
    root.join(format!(".toji/runs/202609{day:02}-{hour:02}{minute:02}00-000-beef-{recipe}"))
}

/// A log that grows.
pub struct Log {
    /// The time of its last line.
    pub at: f64,
    /// Its lines.
    pub text: Vec<u8>,
}

impl Log {
    /// Adds a line, some milliseconds later.
    pub fn say(&mut self, event: Event) -> anyhow::Result<()> {
        self.at += 0.037;
        self.text.extend(Line { at: Time((self.at * 1000.0).round() / 1000.0), event }.to_json()?);
        Ok(())
    }

    /// What a stage says from its beginning to its end.
    fn stage(&mut self, stage: &Stage, recipe: &str, number: usize, points: usize) -> anyhow::Result<()> {
        let (name, part, key) = (stage.name.to_owned(), stage.part.clone(), stage.artefact());
        if ["data", "fold"].contains(&stage.name) {
            return self.say(Event::StageReused { stage: name, part, key });
        }
        let reason = "[train] optimizer.lr 0.002 → 0.0005".to_owned();
        self.say(Event::StageStarted { stage: name.clone(), part: part.clone(), key, reason, seconds: Some(370.0) })?;
        let began = self.at;
        match stage.name {
            "fit" => self.training(number, &part, points)?,
            "score" => {
                let mut draws = Seed::new(number as u64).named("score").draws();
                let value = 0.5 + 0.3 * draws.unit();
                self.say(Event::Metric {
                    name: "MRR@20".into(),
                    part: String::new(),
                    value,
                    interval: Some([value - 0.05, value + 0.05]),
                    count: 98,
                    key: Some(key),
                })?;
                for size in [1, 2, 4] {
                    let mut text = format!("growth: {recipe}: ");
                    let _ = write!(text, "MRR@20 {:.4} in a gallery {size} times as large", value / f64::from(size));
                    self.say(Event::Note { text })?;
                }
            }
            _ => {}
        }
        self.say(Event::StageFinished { stage: name, part, key, seconds: self.at - began, bytes: 21_000_000 })
    }

    /// A training's points: of each epoch many of the loss, and one of each other series.
    fn training(&mut self, number: usize, part: &str, points: usize) -> anyhow::Result<()> {
        let mut curve = Drawn::new(number as u64);
        let each = (points / EPOCHS).saturating_sub(4).max(1);
        self.say(Event::Rewind { part: part.to_owned(), x: -1.0 })?;
        for epoch in 0..EPOCHS {
            for step in 1..=each {
                let x = epoch as f64 + step as f64 / each as f64;
                self.point("loss", part, x, curve.loss(x))?;
                if step % 16 == 0 {
                    self.say(Event::Progress {
                        stage: "fit".into(),
                        part: part.to_owned(),
                        what: "train".into(),
                        done: (epoch * each + step) as u64,
                        total: (EPOCHS * each) as u64,
                        unit: "steps".into(),
                    })?;
                }
            }
            let x = (epoch + 1) as f64;
            self.point("lr", part, x, 1e-3 * (1.0 - epoch as f64 / EPOCHS as f64))?;
            self.point("images per second", part, x, curve.near(240.0, 9.0))?;
            self.point("gradient norm", part, x, curve.near(1.3, 0.4))?;
            let score = curve.near(0.8 - 0.6 / (1.0 + x / 8.0), 0.01);
            self.point("MRR@20", part, x, score)?;
        }
        Ok(())
    }

    /// One point.
    pub fn point(&mut self, series: &str, part: &str, x: f64, value: f64) -> anyhow::Result<()> {
        self.say(Event::Point { series: series.to_owned(), part: part.to_owned(), x, value })
    }
}

/// Numbers that look like a training's.
pub struct Drawn(toji::base::seed::Draws, f64);

impl Drawn {
    /// Those of one run.
    pub fn new(run: u64) -> Drawn {
        let mut draws = Seed::new(run).named("curve").draws();
        let rate = 3.0 + 6.0 * draws.unit();
        Drawn(draws, rate)
    }

    /// The loss at an epoch.
    pub fn loss(&mut self, x: f64) -> f64 {
        let level = 0.2 + 3.5 / (1.0 + x / self.1);
        self.near(level, 0.15 * level)
    }

    /// A number near another one.
    pub fn near(&mut self, value: f64, spread: f64) -> f64 {
        value + spread * (self.0.unit() + self.0.unit() - 1.0)
    }
}

/// A run that says something some times a second, until it is ended.
pub struct Training {
    stop: Arc<AtomicBool>,
    work: std::thread::JoinHandle<anyhow::Result<()>>,
}

impl Training {
    /// Begins a run of the last recipe, with a life of its own in this process.
    pub fn begin(root: &Path) -> anyhow::Result<Training> {
        let project = Project::open(root, &around()).map_err(|found| anyhow::anyhow!("{found:?}"))?;
        let recipes = project.recipes();
        let last = recipes.last().context("no recipe")?;
        let photos = Photos::read(&project, &Silent, &Cancel::new())?;
        let (name, stages, _) = planned(&project, &photos, &last.name)?;
        let recorded: Vec<Recorded> = stages.iter().map(Recorded::from).collect();
        let start = Start {
            recipe: &name,
            rung: "holdout",
            pid: std::process::id(),
            command: &[],
            machine: "drawn",
            lock: "",
            stages: &recorded,
        };
        let run = Runs::open(&project.toji).start(&start, Arc::new(System))?;
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let fit = stages.into_iter().find(|stage| stage.name == "fit").context("no training")?;
        let work = std::thread::spawn(move || Ok(trained(run, &fit, &stopped)?));
        Ok(Training { stop, work })
    }

    /// Ends it.
    pub fn end(self) -> anyhow::Result<()> {
        self.stop.store(true, Ordering::Relaxed);
        self.work.join().map_err(|_| anyhow::anyhow!("the drawn training panicked"))?
    }
}

/// Four steps a second, each with its progress and a point; an epoch's own points every ten seconds.
fn trained(run: Run, fit: &Stage, stopped: &AtomicBool) -> Result<(), toji::dag::DagError> {
    let (stage, part) = ("fit".to_owned(), fit.part.clone());
    let (mut curve, mut step) = (Drawn::new(7), 0u64);
    run.emit(Event::StageStarted {
        stage: stage.clone(),
        part: part.clone(),
        key: fit.artefact(),
        reason: "never ran".into(),
        seconds: Some(1000.0),
    })?;
    let point = |series: &str, x: f64, value: f64| {
        run.emit(Event::Point { series: series.to_owned(), part: part.clone(), x, value })
    };
    while !stopped.load(Ordering::Relaxed) {
        std::thread::sleep(Duration::from_millis(250));
        step += 1;
        let x = step as f64 / 40.0;
        point("loss", x, curve.loss(x))?;
        if step.is_multiple_of(40) {
            point("lr", x, 1e-3)?;
            point("images per second", x, curve.near(240.0, 9.0))?;
            point("MRR@20", x, curve.near(0.5, 0.01))?;
        }
        let (what, unit) = ("train".to_owned(), "steps".to_owned());
        run.emit(Event::Progress { stage: stage.clone(), part: part.clone(), what, done: step, total: 4000, unit })?;
    }
    run.stop("measured")
}
