//! The drawn project with settings, parents, folds and seeds: what the board's columns and filters are about.

use toji::base::{Key, Value};
use toji::session::snapshot::{Curve, Part, Recipe, Settings, Snapshot};

use super::{curve, score, snapshot};

/// See the file's head.
pub fn settled() -> Snapshot {
    let mut all = snapshot();
    let of = |margin: f64, backbone: &str, seed: i64| {
        let mut tables = Value::table();
        tables.set("recipe.seed", Value::Int(seed));
        tables.set("loss.name", Value::Text("ArcFaceLoss".to_owned()));
        tables.set("loss.margin", Value::Float(margin));
        tables.set("backbone.name", Value::Text(backbone.to_owned()));
        Settings::new(tables)
    };
    let set = [
        ("00", of(17.2, "resnet18", 0)),
        ("01", of(17.2, "resnet18", 7)),
        ("02", of(22.9, "resnet18", 0)),
        ("03", of(28.6, "swin_tiny", 0)),
        ("06", of(17.2, "swin_tiny", 0)),
    ];
    let part = |fold: u32, seed: u64, value: f64| Part { fold, seed, score: score(value, false).unwrap() };
    for recipe in &mut all.recipes {
        if let Some((_, settings)) = set.iter().find(|(start, _)| recipe.name.starts_with(start)) {
            recipe.settings = settings.clone();
        }
        match &recipe.name[..2] {
            "00" | "01" => recipe.family = Some(Key::of_bytes(b"family")),
            "02" => changed(recipe, &["[loss] margin 17.2 → 22.9", "+ [post] steps { op = \"l2\" }"]),
            "03" => {
                changed(recipe, &["[backbone] name \"resnet18\" → \"swin_tiny\"", "[loss] margin 17.2 → 28.6"]);
                recipe.parts = vec![part(0, 0, 0.71), part(1, 0, 0.69), part(0, 1, 0.72), part(1, 1, 0.70)];
                recipe.curves.push(Curve { seed: 1, ..curve("loss", 1, 12, |e| 0.5 + 2.0 / e) });
                recipe.cost = Some(4_830.0);
            }
            _ => {}
        }
    }
    all
}

fn changed(recipe: &mut Recipe, changes: &[&str]) {
    recipe.parent = Some("01-baseline".to_owned());
    recipe.changes = changes.iter().map(|change| (*change).to_owned()).collect();
}
