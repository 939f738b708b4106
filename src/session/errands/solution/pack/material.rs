//! What is known, in words.
//!
//! Takes a solution's lock and the ledger; gives the text of each field that was recorded, as Markdown, or nothing where it is not known. Nothing is said that the lock, the ledger or Toji
//! itself does not know.

use std::collections::BTreeMap;

use crate::base::Value;
use crate::base::text::{self, duration};
use crate::book;
use crate::score::ledger::{Ledger, Part};
use crate::session::Rung;
use crate::session::errands::solution::Solution;

/// What the documents are made of.
pub struct Material<'a> {
    /// The lock, as it stands in the pack.
    pub solution: &'a Solution,
    /// The project's ledger.
    pub ledger: &'a Ledger,
    /// The folder of the competition's data, relative to the pack.
    pub data: &'a str,
    /// Whether the data is in the pack.
    pub with_data: bool,
    /// How far up the ladder it was taken.
    pub rung: &'a Rung,
    /// What a command says of its file of answers; nothing where the settings say it.
    pub out: &'a str,
    /// The packed weights' file, or why there are none.
    pub weights: Result<&'a str, &'a str>,
}

/// The licences that Toji's crates may have (deny.toml, which its build checks).
const DENY: &str = include_str!("../../../../../deny.toml");

/// A cell of a Markdown table, or a word within a sentence.
pub(super) fn cell(said: &str) -> String {
    text::plain(said).replace('\\', "\\\\").replace('|', "\\|").replace('<', "&lt;")
}

fn list(lines: Vec<String>) -> Option<String> {
    (!lines.is_empty()).then(|| lines.iter().map(|line| format!("- {line}")).collect::<Vec<_>>().join("\n"))
}

fn fact<'a>(of: &'a Material<'_>, name: &str) -> Option<&'a str> {
    of.solution.run.surrounding(name).filter(|text| !text.is_empty())
}

/// The competition's name.
pub fn competition(of: &Material<'_>) -> Option<String> {
    let name = &of.solution.competition.name;
    (!name.is_empty()).then(|| cell(name))
}

/// What the private leaderboard showed.
pub fn private(of: &Material<'_>) -> Option<String> {
    let placed = of.ledger.placed(&of.solution.expected.file_hash, Part::Private)?;
    let metric = cell(&of.solution.expected.metric);
    Some(format!("{} ({metric}, private leaderboard)", placed.shown()))
}

/// The method in a paragraph of facts.
pub fn in_short(of: &Material<'_>) -> Option<String> {
    let Solution { run, expected, .. } = of.solution;
    let setting = |name: &str| run.settings.get(name).map(|value| value.to_string().trim_matches('"').to_owned());
    let mut lines = Vec::new();
    if let Some(name) = setting("backbone.name") {
        let begin = match run.weights.first() {
            Some(weights) => format!("beginning with the weights {}", weights.file),
            None => "trained from random draws".to_owned(),
        };
        lines.push(format!("network: {}, {}", cell(&name), cell(&begin)));
    }
    lines.extend(setting("loss.name").map(|name| format!("loss: {}", cell(&name))));
    lines.push(how_far(of));
    lines.extend(setting("ensemble.fusion.name").map(|name| format!("ensemble, joined by {}", cell(&name))));
    if !expected.networks.is_empty() {
        lines.push(format!("networks that answer: {}", cell(&expected.networks.join(", "))));
    }
    if !expected.post.is_empty() {
        lines.push(format!("steps after the embedding: {}", cell(&expected.post.join("; "))));
    }
    if let Some(score) = expected.score {
        let interval =
            expected.interval.map_or_else(String::new, |[low, high]| format!(", 95 % interval {low:.4} to {high:.4}"));
        lines.push(format!("score in cross-validation: {} {score:.4}{interval}", cell(&expected.metric)));
    }
    lines.extend(
        of.ledger
            .placed(&expected.file_hash, Part::Public)
            .map(|placed| format!("public leaderboard: {}", placed.shown())),
    );
    lines.push(format!("tools: Toji {}, and no other program", fact(of, "toji").unwrap_or("(version not recorded)")));
    lines.extend(trained_in(of).map(|seconds| format!("training took {}", duration(seconds))));
    list(lines)
}

/// The rung in words: what of the whole it trained.
fn how_far(of: &Material<'_>) -> String {
    let Rung { name, folds, epochs, images, seeds, .. } = of.rung;
    let mut parts = vec![match folds {
        Some(1) => "the first fold".to_owned(),
        Some(count) => format!("the first {count} folds"),
        None => "all folds".to_owned(),
    }];
    parts.push(
        epochs.map_or("all epochs".to_owned(), |epochs| format!("stopped after {epochs} epochs of the schedule")),
    );
    parts.extend(images.map(|images| format!("{images} photos")));
    parts.extend(seeds.map(|seeds| format!("{seeds} seeds each")));
    format!("trained on the rung {}: {}", cell(name), parts.join(", "))
}

/// Some tables of the settings, as a block.
fn tables(of: &Material<'_>, names: &[&str]) -> Option<String> {
    let mut chosen = Value::table();
    for name in names {
        if let Some(table) = of.solution.run.settings.get(name) {
            chosen.set(name, table.clone());
        }
    }
    (chosen != Value::table()).then(|| format!("```toml\n{}```", book::print(&chosen)))
}

/// How a photo becomes numbers.
pub fn features(of: &Material<'_>) -> Option<String> {
    let block = tables(of, &["backbone", "augment"])?;
    Some(format!(
        "Photos are the only input. A network turns each into one vector (its embedding); two photos are alike when the angle between their vectors is small. \
         Nothing is chosen or engineered by hand. The network and what is done to pictures before it:\n\n{block}"
    ))
}

/// Weights that training began with.
pub fn weights(of: &Material<'_>) -> Option<String> {
    let of_weights = |weights: &crate::session::brew::lock::LockedWeights| {
        let hash = match (&weights.sha256, &weights.blake3) {
            (Some(hash), _) => format!("SHA-256 {hash}"),
            (_, Some(hash)) => format!("BLAKE3 {hash}"),
            _ => "hash not recorded".to_owned(),
        };
        let commit = weights.commit.as_ref().map(|commit| format!(", commit {commit}")).unwrap_or_default();
        format!("weights {}{}: licence {}, {hash}", cell(&weights.file), cell(&commit), cell(&weights.licence))
    };
    let found: Vec<String> = of.solution.run.weights.iter().map(of_weights).collect();
    Some(list(found).unwrap_or_else(|| "No pretrained weights: networks begin with random draws.".to_owned()))
}

/// How it was trained.
pub fn training(of: &Material<'_>) -> Option<String> {
    let block = tables(of, &["recipe", "loss", "train", "folds", "pseudo_labels"])?;
    let texts: Vec<String> = of.solution.run.texts.iter().map(|text| format!("`{}`", cell(&text.file))).collect();
    Some(format!(
        "The recipes {} say how and why, in prose and settings. It was {}. The settings with every default written out (what each means: docs/reference.md of Toji):\n\n{block}",
        texts.join(", "),
        how_far(of)
    ))
}

/// Who answers together.
pub fn ensemble(of: &Material<'_>) -> Option<String> {
    let expected = &of.solution.expected;
    let folds: Vec<String> = expected.folds.iter().map(|score| format!("{score:.4}")).collect();
    let mut out = match expected.networks.as_slice() {
        [] => "The members' networks answer; their lists or embeddings are joined as `[ensemble]` says.".to_owned(),
        [one] => format!("One network answers: {}.", cell(one)),
        several => format!("{} networks answer together: {}.", several.len(), cell(&several.join(", "))),
    };
    if !folds.is_empty() {
        out.push_str(&format!(" Scores of the trainings: {}.", folds.join(", ")));
    }
    let block = tables(of, &["ensemble", "final", "post"]);
    Some(block.map_or(out.clone(), |block| format!("{out}\n\n{block}")))
}

/// Submissions of the ledger with 90 to 95 % of this one's score.
pub fn simpler(of: &Material<'_>) -> Option<String> {
    let own = of.solution.expected.score.filter(|score| *score > 0.0)?;
    let is_near = |share: f64| (0.9..=0.95).contains(&share);
    let line = |entry: &&crate::score::ledger::Entry| {
        let share = entry.cv? / own;
        is_near(share).then(|| {
            format!(
                "{} ({}): {} {:.4}, {:.0} % of this one",
                cell(&entry.recipe),
                cell(&entry.rung),
                cell(&entry.metric),
                entry.cv.unwrap_or_default(),
                share * 100.0
            )
        })
    };
    list(of.ledger.files().iter().filter_map(line).collect())
        .map(|lines| format!("Handed in besides, with 90 to 95 % of the score in cross-validation:\n\n{lines}"))
}

fn is_training(stage: &str) -> bool {
    stage.split(' ').any(|word| word == "fit")
}

/// Seconds of all trainings; `None` where one is not known.
fn trained_in(of: &Material<'_>) -> Option<f64> {
    let times = of.solution.times.iter().filter(|time| is_training(&time.stage));
    let (count, sum) = times.fold((0, 0.0), |(count, sum), time| (count + 1, sum + time.seconds));
    (count > 0).then_some(sum)
}

/// What each stage took.
pub fn times(of: &Material<'_>) -> Option<String> {
    let times = &of.solution.times;
    let answers = |stage: &str| stage.split(' ').any(|word| word == "host");
    let sum = |wanted: &dyn Fn(&str) -> bool| {
        times.iter().filter(|time| wanted(&time.stage)).map(|time| time.seconds).sum::<f64>()
    };
    if times.is_empty() {
        return None;
    }
    let train = sum(&is_training);
    let predict = sum(&|stage| answers(stage) && !is_training(stage));
    let examine = sum(&|stage| !answers(stage) && !is_training(stage));
    let mut out = format!(
        "| | time |\n|---|---|\n| train | {} |\n| predict: embed the host's photos | {} |\n| examine by held-out photos, and tables | {} |\n",
        duration(train),
        duration(predict),
        duration(examine)
    );
    out.push_str("\n| stage | time |\n|---|---|\n");
    for time in times {
        out.push_str(&format!("| {} | {} |\n", cell(&time.stage), duration(time.seconds)));
    }
    let mut machines: Vec<&str> = times.iter().map(|time| time.machine.as_str()).collect();
    machines.sort_unstable();
    machines.dedup();
    Some(format!("{out}\nMeasured on: {}.", cell(&machines.join("; "))))
}

/// CPU, memory, card.
pub fn hardware(of: &Material<'_>) -> Option<String> {
    let mut lines: Vec<String> = fact(of, "cpu").map(|cpu| format!("CPU: {}", cell(cpu))).into_iter().collect();
    let number = |name: &str| of.solution.run.surroundings.get(name).and_then(Value::as_int);
    lines.extend(number("threads").map(|threads| format!("hardware threads: {threads}")));
    lines.extend(number("memory").map(|bytes| format!("memory: {:.1} GiB", bytes as f64 / f64::from(1 << 30))));
    lines.extend(fact(of, "gpu").map(|gpu| format!("GPU: {}", cell(gpu))));
    list(lines)
}

/// The operating system.
pub fn system(of: &Material<'_>) -> Option<String> {
    let parts: Vec<String> = ["os_release", "os"].iter().filter_map(|name| fact(of, name)).map(cell).collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

/// Toji, toolchain, crates.
pub fn software(of: &Material<'_>) -> Option<String> {
    let mut lines: Vec<String> =
        fact(of, "toji").map(|version| format!("Toji {}", cell(version))).into_iter().collect();
    lines.extend(fact(of, "toji_commit").map(|commit| format!("commit of Toji: {}", cell(commit))));
    lines.extend(fact(of, "program").map(|key| format!("BLAKE3 of the program: {}", cell(key))));
    lines.extend(fact(of, "rustc").map(|rustc| format!("toolchain: {}", cell(rustc))));
    let count = packages(of).len();
    if count > 0 {
        lines.push(format!("{count} crates at exact versions: requirements.txt"));
    }
    lines.extend(fact(of, "crates").map(|key| format!("BLAKE3 of their Cargo.lock: {}", cell(key))));
    list(lines)
}

/// Crates as "name version".
pub fn packages(of: &Material<'_>) -> Vec<String> {
    match of.solution.run.surroundings.get("packages") {
        Some(Value::List(items)) => items.iter().filter_map(Value::as_text).map(str::to_owned).collect(),
        _ => Vec::new(),
    }
}

/// All of the environment.
pub fn environment(of: &Material<'_>) -> Option<String> {
    let parts: Vec<String> = [hardware(of), system(of).map(|system| format!("- system: {system}")), software(of)]
        .into_iter()
        .flatten()
        .collect();
    (!parts.is_empty()).then(|| parts.join("\n"))
}

/// What licences the crates may have.
pub fn licences(_: &Material<'_>) -> Option<String> {
    let deny = book::values(DENY).ok()?;
    let Some(Value::List(allowed)) = deny.get("licenses.allow").cloned() else { return None };
    let names: Vec<&str> = allowed.iter().filter_map(Value::as_text).collect();
    Some(format!(
        "Toji: MIT or Apache-2.0. Its crates, listed with their versions in requirements.txt, may only have licences that allow commercial use: {}; webpki-roots: CDLA-Permissive-2.0 (checked by deny.toml).",
        names.join(", ")
    ))
}

/// How Toji is installed.
pub fn install(of: &Material<'_>) -> Option<String> {
    let version = fact(of, "toji").map(|version| format!(" {version}")).unwrap_or_default();
    let rustc = fact(of, "rustc").map(|rustc| format!(" ({})", cell(rustc))).unwrap_or_default();
    Some(format!(
        "A Rust toolchain{rustc} and a C compiler are needed, and nothing else: no Python, no GPU. In the source of Toji{version}:\n\n    cargo install --path . --locked\n\n\
         `toji doctor` then says what was found."
    ))
}

/// The data's folder, as a command names it.
fn data(of: &Material<'_>) -> String {
    match of.with_data {
        true => format!("The competition's data is in `{}` of the pack.", of.data),
        false => format!(
            "The competition's tables and pictures, as the host gives them, go into `{}` of the pack (or name another folder with `--data DIR`).",
            of.data
        ),
    }
}

/// How data is prepared.
pub fn prepare_data(of: &Material<'_>) -> Option<String> {
    Some(format!(
        "{} In the folder of the pack:\n\n    toji reproduce . --check\n\nreads every table and picture, compares them with the list in this pack one by one, and names what is missing or differs. \
         Nothing else is prepared: pictures are decoded and resized when they are read.",
        data(of)
    ))
}

/// How it is trained.
pub fn train(of: &Material<'_>) -> Option<String> {
    Some(format!(
        "{} In the folder of the pack:\n\n    toji reproduce .{}\n\ntrains all networks from the beginning, predicts{}, and compares scores and bytes with those of the submission. \
         It can be stopped (Ctrl-C) and goes on where it was. Exit codes: 0 the same bytes, 3 within tolerance (another type of CPU, say), 4 different, 5 other data or weights.",
        data(of),
        of.out,
        if of.out.is_empty() { " into SUBMISSION_DIR" } else { "" }
    ))
}

/// How it predicts.
pub fn predict(of: &Material<'_>) -> Option<String> {
    match of.weights {
        Ok(weights) => Some(format!(
            "By the trained weights in the pack, for the competition's own test photos:\n\n    toji reproduce . --predict-only{}\n\n\
             For new photos, without any table:\n\n    toji predict --weights {weights} --images NEW_PHOTOS --gallery GALLERY_PHOTOS --out answers.csv",
            of.out
        )),
        Err(why) => Some(format!(
            "The trained networks could not be packed ({}). `toji reproduce .` trains them and predicts.",
            cell(why)
        )),
    }
}

/// What is written where.
pub fn side_effects(_: &Material<'_>) -> Option<String> {
    Some(
        "Nothing of the data is changed. All that is made lies in CHECKPOINT_DIR (a project that is laid out there, with everything that was trained in its `.toji`) and in the file of answers; \
         CLEAN_DATA_DIR is the same folder, since no cleaned copy of the data is made. A second run finds what the first one made. Pretrained weights of a hub, where the recipe names some, \
         are fetched into the hub's own cache."
            .to_owned(),
    )
}

/// What is taken for granted.
pub fn assumptions(of: &Material<'_>) -> Option<String> {
    let roles = &of.solution.photos.roles;
    let counts: Vec<String> = roles.iter().map(|(role, list)| format!("{} of role {role}", list.count)).collect();
    let photos = if counts.is_empty() { String::new() } else { format!(" ({})", counts.join(", ")) };
    Some(format!(
        "The photos are those of the competition{photos}, JPEG, PNG or WebP. Equal bits are promised on one type of CPU, for any number of threads; another type rounds sums otherwise."
    ))
}

/// Every seed.
pub fn seeds(of: &Material<'_>) -> Option<String> {
    let Solution { run, .. } = of.solution;
    let mut lines = vec![format!(
        "recipe.seed = {}: every draw of training (weights, order, augmentation) is a function of it and of its place",
        run.head.seed
    )];
    let seed = |from: &Value, name: &str| from.get(name).and_then(Value::as_int);
    lines.extend(
        seed(&run.settings, "folds.seed").map(|seed| format!("folds.seed = {seed}: how photos are dealt to folds")),
    );
    lines.extend(
        seed(&run.facts, "protocol.seed")
            .map(|seed| format!("protocol.seed = {seed}: which held-out photos are queries")),
    );
    list(lines)
}

/// Hashes by which the model is known.
pub fn identity(of: &Material<'_>) -> Option<String> {
    let Solution { expected, packed, run, .. } = of.solution;
    let mut rows: BTreeMap<String, String> = BTreeMap::new();
    rows.insert("submission".to_owned(), expected.file_hash.to_string());
    rows.insert("data, all photos with ids and labels".to_owned(), run.head.manifest.to_string());
    rows.insert("recipe".to_owned(), run.head.recipe_key.to_string());
    if let Some(packed) = packed {
        rows.insert(format!("packed weights {}", cell(&packed.file)), packed.blake3.to_string());
    }
    for checkpoint in &expected.checkpoints {
        rows.insert(format!("trained network, {}", cell(&checkpoint.stage)), checkpoint.blake3.to_string());
    }
    let rows: String = rows.iter().map(|(what, hash)| format!("| {what} | `{hash}` |\n")).collect();
    Some(format!(
        "`toji reproduce .` trains again and compares all of them; `b3sum --check hashes.txt` compares the files of this pack.\n\n| what | BLAKE3 |\n|---|---|\n{rows}"
    ))
}
