//! How long a changed `[post]` takes from the save to the new number on the board, in the workbench itself.
//!
//! `latency FOLDER [QUERIES GALLERY]` makes a project of drawn pictures in FOLDER (2,942 queries and 109,481 gallery photos, the sake
//! competition's size, unless other numbers are given; it is kept), embeds them once by an untrained network, opens the workbench in
//! a terminal of tmux's, saves one change of the recipe after the other, and reads the screen until the number has changed and the
//! recipe is fresh again. A change that is dear waits to be asked there; `toji run` is timed for it instead.
//! `latency sample FOLDER` does so with the photos and the first recipe of this repository, copied to the new FOLDER: many changes of
//! each kind, from the save to the number.

use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use toji::base::Seed;

/// Photos of a label.
const OF_LABEL: usize = 36;
/// Sides of a picture.
const SIDE: u32 = 32;
/// How long a number is waited for.
const PATIENCE: Duration = Duration::from_secs(600);
/// How often the screen is read.
const LOOK: Duration = Duration::from_millis(20);

/// What is changed, one after the other: its name, the steps, whether the workbench runs it by itself.
const CHANGES: &[(&str, &str)] = &[
    (
        "first chain",
        r#"{ op = "l2" }, { op = "k-reciprocal", k1 = 20, k2 = 6, lambda = 0.3 }, { op = "not-in-gallery", ratio = 0.1 }"#,
    ),
    (
        "a step on stored lists: not-in-gallery ratio",
        r#"{ op = "l2" }, { op = "k-reciprocal", k1 = 20, k2 = 6, lambda = 0.3 }, { op = "not-in-gallery", ratio = 0.3 }"#,
    ),
    (
        "re-ranking on the stored graph: lambda",
        r#"{ op = "l2" }, { op = "k-reciprocal", k1 = 20, k2 = 6, lambda = 0.5 }, { op = "not-in-gallery", ratio = 0.3 }"#,
    ),
    ("embeddings: pca to 128, one search", r#"{ op = "pca", dim = 128 }"#),
    ("embeddings: pca to 64, one search", r#"{ op = "pca", dim = 64 }"#),
    ("embeddings: alpha-qe behind pca, two searches", r#"{ op = "pca", dim = 64 }, { op = "alpha-qe", k = 3 }"#),
    (
        "embeddings: alpha-qe's alpha, two searches",
        r#"{ op = "pca", dim = 64 }, { op = "alpha-qe", k = 3, alpha = 1.0 }"#,
    ),
    ("back to what was", r#"{ op = "pca", dim = 128 }"#),
];

fn recipe(steps: &str) -> String {
    format!(
        "# Drawn\n\n```toml\n[augment]\ntrain = [{{ op = \"Resize\", size = [{SIDE}, {SIDE}] }}]\n\n[backbone]\nname = \"resnet18\"\nneck = {{ kind = \"none\" }}\n\n\
         [loss]\nname = \"ArcFaceLoss\"\n\n[train]\nepochs = 0\nbatch = 32\n\n[folds]\nscheme = \"given\"\n```\n\n```toml\n[post]\nsteps = [{steps}]\n```\n"
    )
}

/// Draws the pictures and the tables.
fn make(folder: &Path, queries: usize, gallery: usize) -> anyhow::Result<()> {
    let images = folder.join("images");
    fs::create_dir_all(&images)?;
    fs::create_dir_all(folder.join("recipes"))?;
    let train = 2 * OF_LABEL;
    let mut table = String::from("path,label,split,is_query,is_gallery\n");
    for i in 0..queries + gallery + train {
        let (is_query, is_train) = (i < queries, i >= queries + gallery);
        let split = if is_train { "train" } else { "validation" };
        let label = i % (gallery / OF_LABEL).max(2);
        writeln!(table, "{i}.png,{label},{split},{},{}", is_query, !is_query && !is_train)?;
        // A few rectangles of the label, and noise of the photo.
        let (mut own, mut noise) = (Seed::new(label as u64).draws(), Seed::new(i as u64).named("photo").draws());
        let mut picture = image::RgbImage::new(SIDE, SIDE);
        for _ in 0..6 {
            let [x, y, w, h] = std::array::from_fn(|_| (own.unit() * f64::from(SIDE)) as u32);
            let colour = std::array::from_fn(|_| (own.unit() * 255.0) as u8);
            for (px, py) in (y..(y + h).min(SIDE)).flat_map(|py| (x..(x + w).min(SIDE)).map(move |px| (px, py))) {
                picture.put_pixel(px, py, image::Rgb(colour));
            }
        }
        for pixel in picture.pixels_mut() {
            pixel.0 = pixel.0.map(|value| (f64::from(value) + 60.0 * (noise.unit() - 0.5)).clamp(0.0, 255.0) as u8);
        }
        picture.save(images.join(format!("{i}.png")))?;
    }
    fs::write(folder.join("table.csv"), table)?;
    fs::write(
        folder.join("toji.toml"),
        "[competition]\nmetric = \"MRR\"\nk = 20\n\n[data]\nlayout = \"query-gallery\"\ntable = \"table.csv\"\nimages = \"images\"\n\n\
         [submission]\nnot_in_gallery = \"none\"\n",
    )?;
    Ok(())
}

fn toji(folder: &Path, args: &[&str]) -> anyhow::Result<f64> {
    let began = Instant::now();
    let mut command = Command::new(env!("CARGO_BIN_EXE_toji"));
    let out = command.args(args).current_dir(folder).stdin(Stdio::null()).output()?;
    ensure!(out.status.success(), "toji {args:?}: {}", String::from_utf8_lossy(&out.stderr));
    Ok(began.elapsed().as_secs_f64())
}

/// The workbench in a terminal of its own, ended when dropped.
struct Workbench {
    session: String,
    recipe: &'static str,
}

impl Workbench {
    fn open(folder: &Path, recipe: &'static str) -> anyhow::Result<Workbench> {
        let session = format!("toji-latency-{}", std::process::id());
        let program = env!("CARGO_BIN_EXE_toji");
        let mut tmux = Command::new("tmux");
        tmux.args(["new-session", "-d", "-s", &session, "-x", "160", "-y", "50", program]).current_dir(folder);
        ensure!(tmux.status().context("tmux is needed")?.success(), "tmux opened no session");
        Ok(Workbench { session, recipe })
    }

    fn screen(&self) -> anyhow::Result<String> {
        let out = Command::new("tmux").args(["capture-pane", "-p", "-t", &self.session]).output()?;
        Ok(String::from_utf8_lossy(&out.stdout).into_owned())
    }

    /// The recipe's line on the board.
    fn line(&self) -> anyhow::Result<String> {
        let screen = self.screen()?;
        Ok(screen.lines().find(|line| line.contains(self.recipe)).unwrap_or_default().to_owned())
    }

    /// Waits for a line with these words; `None` when the patience ends or it waits to be asked.
    fn until(&self, is_it: impl Fn(&str) -> bool, gives_up: impl Fn(&str) -> bool) -> anyhow::Result<Option<String>> {
        let began = Instant::now();
        let mut stale = None::<Instant>;
        while began.elapsed() < PATIENCE {
            let line = self.line()?;
            if is_it(&line) {
                return Ok(Some(line));
            }
            // Stale for a while: nobody runs it.
            match (gives_up(&line), stale) {
                (true, None) => stale = Some(Instant::now()),
                (true, Some(since)) if since.elapsed() > Duration::from_secs(8) => return Ok(None),
                (true, Some(_)) => {}
                (false, _) => stale = None,
            }
            std::thread::sleep(LOOK);
        }
        Ok(None)
    }
}

impl Drop for Workbench {
    fn drop(&mut self) {
        // A session that is gone already needs no end.
        let _ = Command::new("tmux").args(["kill-session", "-t", &self.session]).status();
    }
}

/// The sample's recipe.
const SAMPLE: &str = "00-first-pour";
/// How often the screen is read at the sample's size; tmux takes some milliseconds for it besides.
const GLIMPSE: Duration = Duration::from_millis(2);
/// What a chain's step takes, one value after the other.
const SAMPLE_CHANGES: [(&str, &[&str]); 3] = [
    ("pca, dim", &["6", "12", "24", "48", "10", "20", "40", "5", "14", "30", "8", "16", "4"]),
    ("alpha-qe, k", &["2", "5", "3", "8", "4", "12", "6"]),
    ("k-reciprocal, k1", &["5", "8", "11", "6", "14", "9", "4", "12", "7", "16"]),
];

/// Copies a folder.
pub fn copy(from: &Path, to: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let to = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &to)?;
        } else {
            fs::copy(entry.path(), to)?;
        }
    }
    Ok(())
}

/// Measures at the sample's size, and prints a line a kind of change.
pub fn sample(folder: &Path) -> anyhow::Result<()> {
    ensure!(!folder.exists(), "{} is there; give a folder that is not", folder.display());
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    copy(&own.join("data/sample"), &folder.join("data/sample"))?;
    fs::copy(own.join("toji.toml"), folder.join("toji.toml"))?;
    let file = folder.join("recipes").join(SAMPLE).with_extension("md");
    fs::create_dir_all(folder.join("recipes"))?;
    let text = fs::read_to_string(own.join("recipes").join(SAMPLE).with_extension("md"))?;
    let steps = text.lines().find(|line| line.starts_with("steps = ")).context("the recipe has no [post] steps")?;
    let save = |step: &str, value: &str| -> anyhow::Result<()> {
        let (op, key) = step.split_once(", ").context("a step and its key")?;
        let new = format!("steps = [{{ op = \"l2\" }}, {{ op = \"{op}\", {key} = {value} }}]");
        let beside = folder.join("recipes/.new");
        fs::write(&beside, text.replace(steps, &new))?;
        Ok(fs::rename(&beside, &file)?)
    };
    // What has never run here would wait to be asked.
    for (step, _) in SAMPLE_CHANGES {
        save(step, "15")?;
        toji(folder, &["run", SAMPLE])?;
    }
    let workbench = Workbench::open(folder, SAMPLE)?;
    workbench.until(|line| line.contains("fresh"), |_| false)?.context("the recipe never was fresh")?;
    for (step, values) in SAMPLE_CHANGES {
        let (mut times, mut same) = (Vec::new(), 0);
        for value in values {
            // Quiet before each, as between two thoughts.
            std::thread::sleep(Duration::from_secs(1));
            let last = workbench.line()?;
            save(step, value)?;
            let began = Instant::now();
            let changed = loop {
                let line = workbench.line()?;
                if line.contains("fresh") && number(&line).is_some() && number(&line) != number(&last) {
                    break true;
                }
                if began.elapsed() > Duration::from_secs(5) {
                    break false;
                }
                std::thread::sleep(GLIMPSE);
            };
            if changed {
                times.push(began.elapsed().as_millis());
            } else {
                // Another value, the same number: nothing to see.
                same += 1;
            }
        }
        times.sort_unstable();
        let at = |at: usize| times.get(at).map_or("-".to_owned(), u128::to_string);
        let (least, median, most) = (at(0), at(times.len() / 2), at(times.len().saturating_sub(1)));
        println!("{step}: {} changes, ms {least}, {median}, {most}; {same} without another number", times.len());
    }
    Ok(())
}

/// The first number with four decimals of a line.
fn number(line: &str) -> Option<&str> {
    line.split_whitespace().find(|word| word.starts_with("0.") && word.len() >= 5)
}

/// Measures, and prints a line a change.
pub fn latency(folder: &Path, queries: usize, gallery: usize) -> anyhow::Result<()> {
    if !folder.join("toji.toml").is_file() {
        make(folder, queries, gallery)?;
    }
    let file = folder.join("recipes/drawn.md");
    let save = |steps: &str| -> anyhow::Result<()> {
        let beside = folder.join("recipes/.drawn.new");
        fs::write(&beside, recipe(steps))?;
        Ok(fs::rename(&beside, &file)?)
    };
    save("")?;
    println!("embedding and the plain search: {:.1} s", toji(folder, &["run", "drawn"])?);
    let workbench = Workbench::open(folder, "drawn")?;
    let fresh = |line: &str| line.contains("fresh");
    let mut last = workbench.until(fresh, |_| false)?.context("the workbench never showed the recipe as fresh")?;
    for (name, steps) in CHANGES {
        save(steps)?;
        let began = Instant::now();
        let changed = |line: &str| fresh(line) && number(line).is_some() && number(line) != number(&last);
        match workbench.until(changed, |line| line.contains("stale"))? {
            Some(line) => {
                println!(
                    "{name}: {:.2} s, {} to {}",
                    began.elapsed().as_secs_f64(),
                    number(&last).unwrap_or("-"),
                    number(&line).unwrap_or("-")
                );
                last = line;
            }
            None => {
                let seconds = toji(folder, &["run", "drawn"])?;
                println!("{name}: waits to be asked; toji run took {seconds:.1} s");
                last = workbench.until(fresh, |_| false)?.context("the workbench never showed the run's result")?;
            }
        }
    }
    Ok(())
}
