//! Photos that lack data by the real program: named by `toji verify`, warned of where they are trained on.

use std::fs;

use serde_json::Value as Json;

use crate::project::{Project, QUICK};

/// Ends a photo's data in its middle, with the marker that every reader takes for a whole file's end.
fn cut(project: &Project, name: &str) {
    let path = project.path("data/sample/images").join(name);
    let mut bytes = fs::read(&path).unwrap();
    let scan = bytes.windows(2).rposition(|pair| pair == [0xFF, 0xDA]).unwrap() + 14;
    bytes.splice(scan + (bytes.len() - scan) / 2.., [0, 0xFF, 0xD9]);
    fs::write(&path, bytes).unwrap();
}

fn warned(events: &[Json]) -> Vec<String> {
    let texts = events.iter().filter_map(|told| told["event"]["text"].as_str());
    texts.filter(|text| text.contains("photos-are-damaged")).map(str::to_owned).collect()
}

#[test]
fn damaged_photos_are_named_and_warned_of() {
    let project = Project::new();
    let table = fs::read_to_string(project.path("data/sample/train.csv")).unwrap();
    let names: Vec<&str> = table.lines().skip(1).map(|line| line.split(',').nth(1).unwrap()).collect();
    assert_eq!(project.json(&["verify"])[0]["damaged"], serde_json::json!([]));
    let damaged: Vec<&str> = names.iter().step_by(9).copied().collect();
    damaged.iter().for_each(|name| cut(&project, name));

    let out = project.json(&["run", "quick", "--rung", "smoke"]);
    let [fit, embed] = &warned(&out)[..] else { panic!("{out:?}") };
    assert!(fit.starts_with("fold 0: photos-are-damaged: ") && fit.contains("toji verify names them all"), "{fit}");
    assert!(embed.starts_with("embed fold 0: photos-are-damaged: "), "{embed}");
    let count = |text: &str| text.split(": ").nth(2).unwrap().split(' ').next().unwrap().parse::<usize>().unwrap();
    assert_eq!(count(fit) + count(embed), damaged.len(), "each photo is learnt from or held out: {fit} {embed}");
    // What is found in the store warns as what was made.
    assert_eq!(warned(&project.json(&["run", "quick", "--rung", "smoke"])), [fit.clone(), embed.clone()]);

    // Reduced ones look whole, so it is told while they are made.
    project.write("recipes/quick.md", &QUICK.replace("[augment]\n", "[augment]\ncache = { max_resolution = 64 }\n"));
    let told = warned(&project.json(&["run", "quick", "--rung", "smoke"]));
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].starts_with(&format!("reduce: photos-are-damaged: {} of ", damaged.len())), "{told:?}");

    let verified = project.json(&["verify"]);
    let found = verified[0]["damaged"].as_array().unwrap();
    let mut named: Vec<&str> = found.iter().map(|photo| photo["file"].as_str().unwrap()).collect();
    named.sort_unstable();
    let mut wanted: Vec<String> = damaged.iter().map(|name| format!("data/sample/images/{name}")).collect();
    wanted.sort_unstable();
    assert_eq!(named, wanted);
    assert!(found[0]["what"].as_str().unwrap().ends_with("% of it cannot be read and is grey"), "{}", found[0]);
}
