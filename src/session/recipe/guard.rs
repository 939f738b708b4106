//! Silent mistakes: settings that run, and do not do what their author thinks.
//!
//! Takes a recipe without errors; gives warnings with the place, each under a name that can be looked for, with
//! what to change. Nothing is forbidden: a warning stands on the page and in the run's log. What can only be
//! seen while training (a weight without gradient or outside the optimiser, a loss that is no number) stops the training
//! instead ([`crate::learn::train::TrainError`]).

use crate::base::Value;
use crate::book::{Book, Diagnostic};
use crate::data::augment::pipeline::epochs;
use crate::data::augment::{At, Pipeline};
use crate::data::batch::Sampler;
use crate::learn::backbone::{Neck, Settings};
use crate::learn::loss;
use crate::learn::train::{self, TrainSettings};
use crate::session::stages::ensemble::members::idle_tables;

/// What a rule found: its name, the keys it is about, what happens, what to do.
struct Finding {
    name: &'static str,
    /// The key to change, and the one that asks for it: where the first is a default, the second is shown.
    keys: [String; 2],
    what: String,
    help: &'static str,
}

/// The findings of a recipe, as warnings. Nothing for tables that do not decode, which others tell.
pub fn findings(book: &Book) -> Vec<Diagnostic> {
    if book.settings.get("ensemble").is_some() {
        return idle_tables(book).into_iter().map(|table| warning(book, &idle(table))).collect();
    }
    let table = |name: &str| book.settings.get(name).cloned().unwrap_or_else(Value::table);
    let decoded = (table("backbone").decode(), table("train").decode());
    let (Ok(backbone), Ok(train)): (Result<Settings, _>, Result<TrainSettings, _>) = decoded else { return Vec::new() };
    let mut found = match loss::asks_for_pairs(&table("loss")) {
        Ok(Some((key, name))) if train.epochs > 0 => in_pairs(&key, name, &train),
        _ => Vec::new(),
    };
    found.extend(in_learning(&backbone, &train));
    found.extend(in_seeing(&table("augment"), &train));
    found.extend(over_epochs(&table("augment"), &table("train")));
    found.into_iter().map(|finding| warning(book, &finding)).collect()
}

/// Of a table that an ensemble has no use for.
fn idle(table: &str) -> Finding {
    Finding {
        name: "ensemble-trains-nothing",
        keys: [table.to_owned(), "ensemble.of".to_owned()],
        what: format!("[{table}] does nothing beside [ensemble]: what its members do stands in their own recipes"),
        help: "take the table out",
    }
}

/// Of a loss over pairs, by its key and its name.
fn in_pairs(key: &str, name: &str, train: &TrainSettings) -> Vec<Finding> {
    let mut found = Vec::new();
    if !train.sampler.gives_pairs() {
        found.push(Finding {
            name: "pairs-are-rare",
            keys: ["train.sampler".to_owned(), key.to_owned()],
            what: format!("{name} compares photos of one label, and this sampler puts few of them into a batch"),
            help: "write sampler = { name = \"MPerClassSampler\", m = 4 } in [train]",
        });
    }
    if let (true, Sampler::MPerClassSampler { m: ..=3 }) = (train.flip_as_new_class, train.sampler) {
        found.push(Finding {
            name: "pairs-are-mirrored",
            keys: ["train.flip_as_new_class".to_owned(), key.to_owned()],
            what: format!(
                "half of a label's photos are mirrored and so of another class, and {name} finds few of one in a batch"
            ),
            help: "write m = 4 or more in the sampler, so that photos of either side meet",
        });
    }
    if train.accumulate.is_some_and(|batches| batches > 1) {
        found.push(Finding {
            name: "pairs-end-with-the-batch",
            keys: ["train.accumulate".to_owned(), key.to_owned()],
            what: format!("accumulate adds gradients, yet {name} sees the pairs of one batch at a time"),
            help: "a larger batch or the loss's memory = 1024 gives more pairs",
        });
    }
    found
}

fn in_seeing(augment: &Value, train: &TrainSettings) -> Vec<Finding> {
    let reads = |pipeline: Result<Pipeline, _>| pipeline.is_ok_and(|pipeline: Pipeline| !pipeline.tables().is_empty());
    if train.epochs == 0 || !reads(Pipeline::train(augment, At::FIRST)) || reads(Pipeline::eval(augment)) {
        return Vec::new();
    }
    vec![Finding {
        name: "boxes-in-training-alone",
        keys: ["augment.eval".to_owned(), "augment.train".to_owned()],
        what: "the network learns photos that are cut to their boxes, and is asked about whole ones".to_owned(),
        help: "write eval in [augment] with RandomCropNearBBox and a Resize, too",
    }]
}

/// Of what changes over the epochs, by how many the whole training has.
fn over_epochs(augment: &Value, train: &Value) -> Vec<Finding> {
    let of = train::parts(train).ok().and_then(|parts| parts.last().map(|part| part.end));
    let (Some(of), Some(list)) = (of, augment.get("train")) else { return Vec::new() };
    let finding =
        |name, what, help| Finding { name, keys: ["augment.train", "train.epochs"].map(str::to_owned), what, help };
    let late = epochs::longest(list).filter(|longest| *longest > of as f64).map(|longest| {
        let what = format!("a number goes over {longest} epochs, and the training has {of}");
        finding("number-never-arrives", what, "shorten its epochs, or train longer")
    });
    let never = epochs::longest_off(list).filter(|off| *off >= of as i64).map(|off| {
        let what = format!("an operation is off in the last {off} epochs, and the training has {of}");
        finding("operation-never-runs", what, "lower its last_epochs_off, or take it out")
    });
    late.into_iter().chain(never).collect()
}

fn in_learning(backbone: &Settings, train: &TrainSettings) -> Vec<Finding> {
    let mut found = Vec::new();
    let drawn = backbone.weights == "none";
    if train.epochs == 0 && backbone.neck != Neck::None {
        found.push(Finding {
            name: "neck-is-noise",
            keys: ["train.epochs", "backbone.neck"].map(str::to_owned),
            what: "with epochs = 0 nothing learns, and the neck is drawn at random".to_owned(),
            help: "write neck = { kind = \"none\" } in [backbone]",
        });
    }
    if drawn && train.epochs > 0 && train.freeze.is_some() && train.unfreeze_at.is_none() {
        found.push(Finding {
            name: "noise-is-frozen",
            keys: ["train.freeze", "backbone.weights"].map(str::to_owned),
            what: "weights = \"none\" is drawn at random, and what freeze names stays so".to_owned(),
            help: "leave freeze out, or name weights in [backbone]",
        });
    }
    if train.epochs > 0 && train.head_lr == 0.0 {
        found.push(Finding {
            name: "head-stands-still",
            keys: ["train.head_lr", "loss.name"].map(str::to_owned),
            what: "head_lr = 0 keeps the neck and the loss's head as they were drawn".to_owned(),
            help: "write head_lr = 1, or 10 for a pretrained network",
        });
    }
    found
}

/// A finding at the first of its keys that was written, or at the whole file.
fn warning(book: &Book, finding: &Finding) -> Diagnostic {
    let text = format!("{}: {}", finding.name, finding.what);
    let written = |key: &String| book.origins.get(key).filter(|origin| origin.line > 0);
    let mut warning = Diagnostic::of_file(&book.file, text).warning().help(finding.help);
    if let Some(origin) = finding.keys.iter().find_map(written) {
        (warning.file, warning.line, warning.column) = (origin.file.clone(), origin.line, origin.column);
    }
    warning
}

#[cfg(test)]
mod tests {
    use crate::session::{Recipe, schema};

    fn found(cells: &str) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("x.md");
        std::fs::File::create(&file)
            .and_then(|mut f| std::io::Write::write_all(&mut f, format!("# x\n\n```toml\n{cells}\n```\n").as_bytes()))
            .unwrap();
        let recipe = Recipe::read(&file, &schema::recipes());
        assert!(!recipe.is_broken(), "{:?}", recipe.diagnostics);
        recipe.diagnostics.iter().map(|d| format!("{}:{} {}", d.line, d.column, d.message)).collect()
    }

    const HEAD: &str = "[augment]\ntrain = [{ op = \"Resize\", size = [32, 32] }]\n[backbone]\nname = \"resnet10t\"\n";

    #[test]
    fn a_sound_recipe_has_none() {
        let cells = format!("{HEAD}[loss]\nname = \"ArcFaceLoss\"\n[train]\nepochs = 2");
        assert_eq!(found(&cells), [""; 0]);
        let sampled =
            "[loss]\nname = \"ContrastiveLoss\"\n[train]\nepochs = 2\nsampler = { name = \"MPerClassSampler\" }";
        assert_eq!(found(&format!("{HEAD}{sampled}")), [""; 0]);
        let zero = format!("{HEAD}neck = {{ kind = \"none\" }}\n[loss]\nname = \"ArcFaceLoss\"\n[train]\nepochs = 0");
        assert_eq!(found(&zero), [""; 0]);
    }

    #[test]
    fn an_ensemble_has_no_use_for_a_loss() {
        assert_eq!(found("[ensemble]\nof = [\"a.md\", \"b.md\"]"), [""; 0]);
        let told = found("[ensemble]\nof = [\"a.md\", \"b.md\"]\n[loss]\nname = \"ArcFaceLoss\"");
        insta::assert_snapshot!(told.join("\n"), @"6:2 ensemble-trains-nothing: [loss] does nothing beside [ensemble]: what its members do stands in their own recipes");
    }

    #[test]
    fn each_rule_finds_its_mistake() {
        let pairs = format!("{HEAD}[loss]\nname = \"ContrastiveLoss\"\n[train]\nepochs = 2\naccumulate = 4");
        insta::assert_snapshot!(found(&pairs).join("\n"), @r"
        9:1 pairs-are-rare: ContrastiveLoss compares photos of one label, and this sampler puts few of them into a batch
        12:1 pairs-end-with-the-batch: accumulate adds gradients, yet ContrastiveLoss sees the pairs of one batch at a time
        ");
        let mirrored = format!(
            "{HEAD}[loss]\nname = \"MultipleLosses\"\nlosses = [{{ name = \"ArcFaceLoss\" }}, {{ name = \"SupConLoss\" }}]\n[train]\n\
             epochs = 2\nsampler = {{ name = \"MPerClassSampler\", m = 2 }}\nflip_as_new_class = true"
        );
        insta::assert_snapshot!(found(&mirrored).join("\n"), @"14:1 pairs-are-mirrored: half of a label's photos are mirrored and so of another class, and SupConLoss finds few of one in a batch");
        let frozen = format!("{HEAD}[loss]\nname = \"ArcFaceLoss\"\n[train]\nfreeze = \"stem\"\nhead_lr = 0.0");
        insta::assert_snapshot!(found(&frozen).join("\n"), @r#"
        11:1 noise-is-frozen: weights = "none" is drawn at random, and what freeze names stays so
        12:1 head-stands-still: head_lr = 0 keeps the neck and the loss's head as they were drawn
        "#);
        let moving = HEAD.replace(
            "{ op",
            "{ op = \"RandomCropNearBBox\", table = \"b.csv\", pad = { from = 0.1, to = 0.0, epochs = 9 } }, { op",
        );
        insta::assert_snapshot!(found(&format!("{moving}[loss]\nname = \"ArcFaceLoss\"\n[train]\nepochs = 4")).join("\n"), @r"
        5:1 boxes-in-training-alone: the network learns photos that are cut to their boxes, and is asked about whole ones
        5:1 number-never-arrives: a number goes over 9 epochs, and the training has 4
        ");
        let off = HEAD.replace("{ op", "{ op = \"ToGray\", last_epochs_off = 4 }, { op");
        insta::assert_snapshot!(found(&format!("{off}[loss]\nname = \"ArcFaceLoss\"\n[train]\nepochs = 4")).join("\n"), @"5:1 operation-never-runs: an operation is off in the last 4 epochs, and the training has 4");
        let zero = format!("{HEAD}[loss]\nname = \"ArcFaceLoss\"\n[train]\nepochs = 0");
        insta::assert_snapshot!(found(&zero).join("\n"), @"11:1 neck-is-noise: with epochs = 0 nothing learns, and the neck is drawn at random");
    }
}
