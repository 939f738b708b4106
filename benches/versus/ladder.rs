//! The ladder beside every recipe in full, and the decider's errors between equal recipes.
//!
//! `ladder FOLDER SET [PHOTOS]` trains `benches/ladder`'s twelve recipes on all folds in FOLDER (which is kept, so that it can be gone on with),
//! then lets `toji brew` climb with the same recipes and prints what it would have trained. SET is `omniglot`, whose photos lie in PHOTOS, or
//! `sample`, the repository's own. `seeds FOLDER SET [PHOTOS]` trains twenty seeds of the first recipe on one fold, pairs them with each other as
//! recipe and pin, and counts how often the decider stops one of two that are equal. `TOJI_JOBS` processes train at once.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;

use anyhow::{Context, ensure};
use serde_json::Value;
use toji::base::Seed;
use toji::score::Score;
use toji::score::decide::replay::replay;
use toji::score::decide::{Course, Decider, Look};

/// Seeds that are paired with each other.
const SEEDS: usize = 20;
/// Draws of a recipe and three seeds of a pin among them.
const DRAWS: u64 = 2000;

/// A project with the benchmark's recipes.
struct Project {
    folder: PathBuf,
}

impl Project {
    fn make(folder: &Path, set: &str, photos: Option<&Path>) -> anyhow::Result<Project> {
        let from = Path::new(env!("CARGO_MANIFEST_DIR"));
        let facts = from.join("benches/ladder").join(format!("{set}.toml"));
        ensure!(facts.is_file(), "no set is called {set}; there are omniglot, sample");
        fs::create_dir_all(folder.join("recipes"))?;
        fs::copy(facts, folder.join("toji.toml"))?;
        for entry in fs::read_dir(from.join("benches/ladder/recipes"))? {
            let file = entry?.path();
            fs::copy(&file, folder.join("recipes").join(file.file_name().unwrap_or_default()))?;
        }
        match photos {
            Some(photos) if !folder.join("photos").exists() => {
                std::os::unix::fs::symlink(fs::canonicalize(photos)?, folder.join("photos"))?;
            }
            None if set == "sample" => copy(&from.join("data/sample"), &folder.join("data/sample"))?,
            None => ensure!(folder.join("photos").exists(), "{set} wants the folder of its photos"),
            Some(_) => {}
        }
        Ok(Project { folder: folder.to_owned() })
    }

    fn toji(&self, args: &[&str], threads: Option<usize>) -> anyhow::Result<Vec<Value>> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_toji"));
        command.args(args).arg("--json").current_dir(&self.folder).stdin(Stdio::null());
        if let Some(threads) = threads {
            command.env("RAYON_NUM_THREADS", threads.to_string());
        }
        let out = command.output()?;
        ensure!(out.status.success(), "toji {args:?}: {}", String::from_utf8_lossy(&out.stderr));
        let text = String::from_utf8(out.stdout)?;
        text.lines().map(|line| serde_json::from_str(line).with_context(|| line.to_owned())).collect()
    }

    /// Runs recipes up to a rung, several at once.
    fn train(&self, recipes: &[String], rung: &str) -> anyhow::Result<()> {
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        let jobs = std::env::var("TOJI_JOBS").ok().and_then(|jobs| jobs.parse().ok()).unwrap_or(1).max(1);
        let left = Mutex::new(recipes.iter().rev().collect::<Vec<_>>());
        let failed = Mutex::new(None);
        std::thread::scope(|scope| {
            for _ in 0..jobs {
                scope.spawn(|| {
                    while let Some(recipe) = left.lock().ok().and_then(|mut left| left.pop()) {
                        eprintln!("{recipe} up to {rung}");
                        if let Err(error) = self.toji(&["run", recipe, "--rung", rung], Some((cores / jobs).max(1)))
                            && let Ok(mut failed) = failed.lock()
                        {
                            *failed = Some(error);
                        }
                    }
                });
            }
        });
        failed.into_inner().ok().flatten().map_or(Ok(()), Err)
    }

    /// The folder of the artefact that a recipe's plan names.
    fn artefact(&self, recipe: &str, rung: &str, stage: &str) -> anyhow::Result<PathBuf> {
        let steps = self.toji(&["plan", recipe, "--rung", rung, "--untimed"], None)?;
        let step = steps.iter().find(|step| step["stage"] == stage);
        let key = step.and_then(|step| step["key"].as_str()).with_context(|| format!("{recipe} has no {stage}"))?;
        let name = stage.split(' ').next().unwrap_or(stage);
        Ok(self.folder.join(".toji/store").join(name).join(&key[..2]).join(key))
    }
}

fn copy(from: &Path, to: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let path = entry?.path();
        let target = to.join(path.file_name().unwrap_or_default());
        if path.is_dir() { copy(&path, &target)? } else { fs::copy(&path, &target).map(drop)? }
    }
    Ok(())
}

/// Prints the ladder beside all in full.
pub fn ladder(folder: &Path, set: &str, photos: Option<&Path>) -> anyhow::Result<()> {
    let project = Project::make(folder, set, photos)?;
    let mut recipes: Vec<String> = fs::read_dir(folder.join("recipes"))?
        .filter_map(|entry| Some(entry.ok()?.path().file_stem()?.to_string_lossy().into_owned()))
        .filter(|name| !name.starts_with("seed-"))
        .collect();
    recipes.sort();
    // The longest first, so that processes end together.
    project.train(&recipes, "full")?;
    let scores: BTreeMap<String, Score> = recipes
        .iter()
        .map(|recipe| {
            Ok((recipe.clone(), Score::load(&project.artefact(recipe, "full", "score")?.join("score.json"))?))
        })
        .collect::<anyhow::Result<_>>()?;
    let climbed = project.toji(&["brew"], None)?;
    let climbed: Vec<&Value> = climbed.iter().filter(|line| line.get("arrived").is_some()).collect();
    let of = |recipe: &str| climbed.iter().find(|line| line["recipe"] == recipe).copied();
    println!(
        "| recipe | in full | 95 % | ladder: rung | epochs | of | why it went no further |\n|---|---|---|---|---|---|---|"
    );
    let (mut had, mut whole) = (0, 0);
    for (recipe, score) in &scores {
        let line = of(recipe).with_context(|| format!("{recipe} did not climb"))?;
        let number = |name: &str| line[name].as_u64().unwrap_or(0);
        (had, whole) = (had + number("epochs"), whole + number("whole"));
        let [low, high] = score.interval;
        let (rung, why) = (line["rung"].as_str().unwrap_or(""), line["reason"].as_str().unwrap_or(""));
        println!(
            "| {recipe} | {:.4} | {low:.3} to {high:.3} | {rung} | {} | {} | {why} |",
            score.value,
            number("epochs"),
            number("whole")
        );
    }
    let best = scores.iter().max_by(|a, b| a.1.value.total_cmp(&b.1.value)).context("no recipe")?;
    let won = climbed.iter().find(|line| line["arrived"] == true).and_then(|line| line["recipe"].as_str());
    let won = won.context("nobody arrived")?;
    println!("\nEpochs: {had} by the ladder, {whole} in full, {:.1} times as many.", whole as f64 / had.max(1) as f64);
    if won == best.0 {
        println!("Winner: {won}, of the ladder as in full.");
    } else {
        let found = toji::score::paired(&scores[won], best.1, |photo| photo, Seed::new(0))?;
        let [low, high] = found.interval;
        println!(
            "Winner: {won} of the ladder, {} in full; the difference in full is {:.4} ({low:.4} to {high:.4} by the queries).",
            best.0, found.value
        );
    }
    Ok(())
}

/// Prints how often one of two equal recipes is stopped.
pub fn seeds(folder: &Path, set: &str, photos: Option<&Path>) -> anyhow::Result<()> {
    let project = Project::make(folder, set, photos)?;
    let mut names = Vec::new();
    for seed in 1..=SEEDS {
        let name = format!("seed-{seed:02}");
        let text = format!("# Seed {seed}\n\n```toml\n[recipe]\nextends = \"01-arcface.md\"\nseed = {seed}\n```\n");
        fs::write(folder.join("recipes").join(format!("{name}.md")), text)?;
        names.push(name);
    }
    project.train(&names, "holdout")?;
    let courses: Vec<Course> = names
        .iter()
        .map(|name| {
            let folder = project.artefact(name, "holdout", "fit fold 0")?;
            let mut files: Vec<PathBuf> = fs::read_dir(&folder)?.filter_map(|entry| Some(entry.ok()?.path())).collect();
            files.retain(|file| file.file_name().is_some_and(|name| name.to_string_lossy().starts_with("look-")));
            files.sort();
            let looks: Vec<Look> = files
                .iter()
                .zip(1..)
                .map(|(file, epoch)| Ok(Look { epoch, at: epoch as f64, score: Score::load(file)?.into() }))
                .collect::<anyhow::Result<_>>()?;
            let epochs = looks.len();
            Ok(Course {
                recipe: name.clone(),
                epochs,
                planned: (1..=epochs).collect(),
                ends: vec![1, epochs],
                looks,
                complete: true,
            })
        })
        .collect::<anyhow::Result<_>>()?;
    let ends: Vec<f64> = courses.iter().filter_map(|course| Some(course.last()?.score.value)).collect();
    let mean = ends.iter().sum::<f64>() / ends.len() as f64;
    let deviation = (ends.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (ends.len() as f64 - 1.0)).sqrt();
    println!("{} seeds: {mean:.4} at the end, standard deviation {deviation:.4}", ends.len());
    let epochs = courses.first().map_or(0, |course| course.epochs);
    // Queries of one label hang together; the photos of a label lie side by side in the tables of both sets.
    let labels = label_of_queries(&project, &courses)?;
    let group = move |photo: u32| labels.get(&photo).copied().unwrap_or(photo);
    for of_pin in [1, 3, 5] {
        let mut stops = vec![(0u64, 0u64); SEEDS];
        for draw in 0..DRAWS {
            let mut order: Vec<usize> = (0..courses.len()).collect();
            Seed::new(draw).named("pairs").draws().shuffle(&mut order);
            let (mine, pin) = (order[0], order[1..=of_pin].iter().map(|at| courses[*at].clone()).collect::<Vec<_>>());
            let outcome = replay(&Decider::usual(), &[courses[mine].clone()], &pin, &group);
            stops[mine].0 += u64::from(outcome.fates[0].stopped.is_some());
            stops[mine].1 += 1;
        }
        let shares: Vec<f64> = stops.iter().filter(|(_, of)| *of > 0).map(|(n, of)| *n as f64 / *of as f64).collect();
        let share = shares.iter().sum::<f64>() / shares.len() as f64;
        let error = (shares.iter().map(|s| (s - share).powi(2)).sum::<f64>()
            / (shares.len() as f64 - 1.0)
            / shares.len() as f64)
            .sqrt();
        println!(
            "pin of {of_pin} seed(s): {:.1} % of trainings as good as the pin are stopped, over all {epochs} looks (95 % {:.1} to {:.1})",
            100.0 * share,
            100.0 * (share - 2.0 * error).max(0.0),
            100.0 * (share + 2.0 * error)
        );
    }
    Ok(())
}

/// The label of each query's photo, as numbers: photos of one label stand together in the manifest of both sets, by their tables' labels.
fn label_of_queries(project: &Project, courses: &[Course]) -> anyhow::Result<BTreeMap<u32, u32>> {
    let file = ["photos/manifest.csv", "data/sample/train.csv"]
        .iter()
        .map(|name| project.folder.join(name))
        .find(|f| f.is_file());
    let text = fs::read_to_string(file.context("no table of photos")?)?;
    let mut rows: Vec<(String, String)> = text
        .lines()
        .skip(1)
        .filter_map(|line| {
            let cells: Vec<&str> = line.split(',').collect();
            let label = if cells.len() == 4 { cells.get(1) } else { cells.last() };
            Some((cells.first()?.to_string(), label?.to_string()))
        })
        .collect();
    // Photos are numbered in the order of the table.
    let mut names: Vec<String> = rows.iter().map(|(_, label)| label.clone()).collect();
    names.sort();
    names.dedup();
    let number = |label: &String| names.binary_search(label).unwrap_or(0) as u32;
    let all: BTreeMap<u32, u32> = rows.drain(..).zip(0..).map(|((_, label), photo)| (photo, number(&label))).collect();
    let queries = courses.first().and_then(|course| course.last()).map(|look| look.score.queries.clone());
    ensure!(
        queries.unwrap_or_default().iter().all(|query| all.contains_key(query)),
        "the table has fewer rows than there are photos"
    );
    Ok(all)
}
