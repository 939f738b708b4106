//! An embedding that is cut off goes on where it was, to the same bits; so do local descriptors.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::Value as Json;
use toji::base::progress::Silent;
use toji::base::{Cancel, Clock, Time, Value};
use toji::dag::Event;
use toji::learn::backbone::hub::Hub;
use toji::learn::ops::Processor;
use toji::session::brew::{Manner, brew};
use toji::session::{Load, Photos, Project, SessionError, Surroundings};

use crate::project;

/// A clock on which each glance takes a minute, so that what is kept every half a minute is kept always.
struct Minutes(AtomicU64);

impl Clock for Minutes {
    fn now(&self) -> Time {
        Time(1_795_521_600.0 + 60.0 * self.0.fetch_add(1, Ordering::Relaxed) as f64)
    }
}

/// An untrained network of large pictures, so that nothing is done but embedding.
const RECIPE: &str = r#"```toml
[augment]
train = [{ op = "RandomResizedCrop", size = [48, 48] }]

[backbone]
name = "resnet10t"
weights = "none"
embedding = 32

[loss]
name = "ArcFaceLoss"

[train]
epochs = 0

[folds]
scheme = "holdout"
fraction = 0.9
```
"#;

/// Its places compared besides.
const CHECKED: &str = r#"
```toml
[post]
steps = [{ op = "spatial-check", out_index = -3, dim = 8 }]
```
"#;

/// Runs the recipe in `root`; `hear` is told how many of how many photos `stage` has done, and may stop it.
fn run(root: &Path, stage: &str, hear: &(dyn Fn(u64, u64, &Cancel) + Sync)) -> Result<f64, SessionError> {
    let around = Surroundings {
        clock: Arc::new(Minutes(AtomicU64::new(0))),
        machine: "a machine".to_owned(),
        processor: Processor::choose("cpu").unwrap(),
        threads: 2,
        pid: 7,
        command: Vec::new(),
        hub: Hub::from_environment(&|_| None),
        facts: Arc::new(|_| Value::table()),
        load: Arc::new(Load::default),
        prints: Arc::new(|_, _| ()),
    };
    let opened = Project::open(root, &around).unwrap_or_else(|found| panic!("{found:?}"));
    let cancel = Cancel::new();
    let photos = Photos::read(&opened, &Silent, &cancel).unwrap();
    let recipe = opened.recipe("still").unwrap();
    let listen = |event: &Event| {
        if let Event::Progress { what, done, total, .. } = event
            && what == stage
        {
            hear(*done, *total, &cancel);
        }
    };
    brew(&opened, &recipe, &photos, &recipe.rung(None).unwrap(), Manner::default(), &listen, &cancel)
        .map(|done| done.score)
}

#[test]
fn killed_or_stopped_at_sixty_of_a_hundred_it_goes_on_from_there() {
    goes_on("embed", RECIPE, "embeddings.safetensors");
}

#[test]
fn places_go_on_from_there_too() {
    goes_on("patches", &format!("{RECIPE}{CHECKED}"), "patches.safetensors");
}

/// Stops and kills `stage` of a recipe, which makes the file `name`.
fn goes_on(stage: &str, recipe: &str, name: &str) {
    let straight = project::Project::new();
    straight.write("recipes/still.md", recipe);
    let (killed, stopped) = (project::Project::new(), project::Project::new());
    let left = Mutex::new(None);
    // What a kill at this moment leaves is what lies there now.
    let watch = |done: u64, total: u64, _: &Cancel| {
        let mut left = left.lock().unwrap();
        if 10 * done >= 6 * total && left.is_none() {
            project::copy(&straight.path(".toji"), &killed.path(".toji"));
            *left = Some((done, total));
        }
    };
    let score = run(&straight.path(""), stage, &watch).unwrap();
    let (done, total) = left.lock().unwrap().take().expect("it was told");
    assert!(done < total, "{done} of {total}");
    stopped.write("recipes/still.md", recipe);
    let stop = |done: u64, total: u64, cancel: &Cancel| {
        if 10 * done >= 6 * total {
            cancel.cancel();
        }
    };
    assert!(run(&stopped.path(""), stage, &stop).unwrap_err().is_cancelled());
    for other in [&killed, &stopped] {
        other.write("recipes/still.md", recipe);
        let plan: Vec<Json> = other.json(&["plan", "still"]);
        let step = plan.iter().find(|step| step["stage"] == format!("{stage} fold 0")).unwrap();
        let reason = step["reason"].as_str().unwrap();
        // The batch that was told of last may not have been written when the copy was made.
        let begun: u64 = reason.split("goes on from ").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap();
        assert!(begun + 64 >= done && begun < total, "{reason}");
        let first = Mutex::new(None);
        let hear = |done: u64, _: u64, _: &Cancel| {
            first.lock().unwrap().get_or_insert(done);
        };
        assert_eq!(run(&other.path(""), stage, &hear).unwrap().to_bits(), score.to_bits());
        assert_eq!(first.lock().unwrap().unwrap(), begun);
        assert_eq!(other.artefact(stage, name), straight.artefact(stage, name));
        assert_eq!(std::fs::read_dir(other.path(".toji/work")).unwrap().count(), 0, "nothing unfinished is left");
    }
    // A file of rows that was cut off is written again.
    let torn = project::Project::new();
    torn.write("recipes/still.md", recipe);
    assert!(run(&torn.path(""), stage, &stop).unwrap_err().is_cancelled());
    let work =
        std::fs::read_dir(torn.path(".toji/work")).unwrap().flatten().find(|entry| entry.path().is_dir()).unwrap();
    let mut rows: Vec<_> = std::fs::read_dir(work.path()).unwrap().flatten().map(|entry| entry.path()).collect();
    rows.retain(|file| file.file_name().unwrap().to_string_lossy().starts_with("rows-"));
    rows.sort();
    let last = std::fs::File::options().write(true).open(rows.last().unwrap()).unwrap();
    last.set_len(last.metadata().unwrap().len() / 2).unwrap();
    assert_eq!(run(&torn.path(""), stage, &|_, _, _| ()).unwrap().to_bits(), score.to_bits());
}
