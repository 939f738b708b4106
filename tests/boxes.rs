//! `toji boxes` by the real program: a trained network's boxes, and a recipe that crops by them.

use std::fs;

use crate::project::{Project, QUICK};

#[test]
fn a_network_says_where_it_looks_and_another_recipe_crops_by_it() {
    let project = Project::new();
    let coarse = project.toji(&["boxes", "quick", "--out", "boxes.csv"]);
    assert!(String::from_utf8_lossy(&coarse.stderr).contains("has 2 × 2 places for a picture of 64 × 64"));
    assert!(!project.path(".toji/store/fit").exists(), "said before anything was trained");
    let out = project.json(&["boxes", "quick", "--size", "160", "--out", "boxes.csv", "--sheet", "boxes.png"]);
    let done = out.last().unwrap();
    let text = fs::read_to_string(project.path("boxes.csv")).unwrap();
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some("id,x_min,y_min,x_max,y_max"));
    assert_eq!(done["rows"], lines.clone().count());
    let area = done["area"].as_f64().unwrap();
    assert!(area > 0.05 && area < 0.95, "boxes are parts of photos: {area}");
    assert!(done["held_out"].as_u64().unwrap() > 0);
    for line in lines {
        let numbers: Vec<f64> = line.split(',').skip(1).map(|n| n.parse().unwrap()).collect();
        assert!(numbers[0] < numbers[2] && numbers[1] < numbers[3], "{line}");
    }
    assert!(image::open(project.path("boxes.png")).unwrap().width() > 480);

    // The same networks give the same boxes; a table that was mended stays.
    project.json(&["boxes", "quick", "--size", "160", "--out", "boxes.csv"]);
    assert_eq!(fs::read_to_string(project.path("boxes.csv")).unwrap(), text);
    let mended = format!("{}\n", text.lines().next().unwrap());
    project.write("boxes.csv", &mended);
    let refused = project.toji(&["boxes", "quick", "--size", "160", "--out", "boxes.csv"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("is there with other boxes"));
    assert_eq!(fs::read_to_string(project.path("boxes.csv")).unwrap(), mended);

    project.write("boxes.csv", &text);
    let crop = "{ op = \"RandomCropNearBBox\", table = \"boxes.csv\", pad = 0.1 }";
    let lists = format!(
        "train = [{crop}, {{ op = \"Resize\", size = [32, 32] }}]\neval = [{crop}, {{ op = \"Resize\", size = [32, 32] }}]"
    );
    let plain = "train = [{ op = \"RandomResizedCrop\", size = [32, 32], scale = [0.6, 1.0] }]";
    assert!(QUICK.contains(plain));
    project.write("recipes/boxed.md", &QUICK.replace(plain, &lists));
    let out = project.json(&["run", "boxed", "--rung", "smoke"]);
    assert!(out.last().unwrap()["score"].as_f64().unwrap() > 0.0);
}
