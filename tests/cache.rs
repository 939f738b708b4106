//! Reduced pictures by the real program: made once, shared, asked for only by what has to run.

use std::fs;

use crate::project::{Project, QUICK};

/// The quick recipe with a cache.
fn cached(quality: u32) -> String {
    let cache = format!("[augment]\ncache = {{ max_resolution = 64, jpeg_quality = {quality} }}\n");
    QUICK.replace("[augment]\n", &cache)
}

fn names(steps: &[(String, String)]) -> Vec<&str> {
    steps.iter().map(|(stage, _)| stage.as_str()).collect()
}

#[test]
fn reduced_pictures_are_made_once_and_read_by_all_that_runs() {
    let project = Project::new();
    project.write("recipes/quick.md", &cached(95));
    assert_eq!(names(&project.would_run("quick"))[..4], ["data", "fold", "reduce", "fit fold 0"]);
    let estimated = project.json(&["plan", "quick"]);
    let reduce = estimated.iter().find(|step| step["stage"] == "reduce").unwrap();
    assert!(reduce["seconds"].as_f64().unwrap() > 0.0 && reduce["bytes"].as_u64().unwrap() > 10_000, "{reduce}");

    project.json(&["run", "quick"]);
    assert!(project.would_run("quick").is_empty());
    let pack = project.artefact("reduce", "pictures.pack");
    let photos: u64 = fs::read_dir(project.path("data/sample/images"))
        .unwrap()
        .map(|entry| entry.unwrap().metadata().unwrap().len())
        .sum();
    assert!((pack.len() as u64) < photos, "{} of {photos} bytes", pack.len());

    // Another recipe with the same two numbers finds it; what reads no pictures does not ask for it.
    project.write("recipes/other.md", &cached(95).replace("margin = 17.2", "margin = 20"));
    assert!(!names(&project.would_run("other")).contains(&"reduce"));
    fs::remove_dir_all(project.path(".toji/store/reduce")).unwrap();
    assert!(project.would_run("quick").is_empty(), "what follows from it is in the store");
    project.write("recipes/quick.md", &cached(95).replace("k = 2 }", "k = 3 }"));
    assert!(!names(&project.would_run("quick")).contains(&"reduce"));
    // A training reads it again, so it is made again, with the same bytes.
    assert_eq!(names(&project.would_run("other"))[0], "reduce");
    project.json(&["run", "other", "--rung", "smoke"]);
    assert_eq!(project.artefact("reduce", "pictures.pack"), pack);

    project.write("recipes/quick.md", &cached(80));
    let steps = project.would_run("quick");
    assert_eq!(steps[0], ("reduce".to_owned(), "[augment] cache.jpeg_quality 95 → 80".to_owned()));
    assert_eq!(steps[1], ("fit fold 0".to_owned(), "[augment] cache.jpeg_quality 95 → 80".to_owned()));
    // Without it, the photos themselves.
    project.write("recipes/quick.md", QUICK);
    assert!(!names(&project.would_run("quick")).contains(&"reduce"));
    project.write("recipes/quick.md", &cached(95).replace("max_resolution = 64, ", ""));
    let out = project.toji(&["plan", "quick"]);
    assert!(!out.status.success() && String::from_utf8_lossy(&out.stderr).contains("max_resolution"));
}
