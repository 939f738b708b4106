//! What a recipe is beside its parent: the settings that it resolves to, and what it changes, in words.
//!
//! Takes a recipe and the one that it extends, both read; gives what boards and details show of it. Recipes with mistakes
//! change nothing that could be told: values that are wrong are absent from their settings.

use super::Recipe;
use crate::base::{Key, KeyWriter, Value};
use crate::dag::plan::in_words;
use crate::session::snapshot::Settings;

/// See the file's head.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Lineage {
    /// Defaults and parents filled in.
    pub settings: Settings,
    /// The parent's name.
    pub parent: Option<String>,
    /// `[loss] margin 17.2 → 22.9`, …
    pub changes: Vec<String>,
    /// The hash of its settings but the seed: equal for recipes that differ in their seed alone. `None` with mistakes.
    pub family: Option<Key>,
}

impl Lineage {
    /// Of a recipe; `parent` is the one that it extends.
    pub fn of(recipe: &Recipe, parent: Option<&Recipe>) -> Lineage {
        let sound = !recipe.is_broken();
        let told = parent.filter(|parent| sound && !parent.is_broken());
        let family = || {
            let mut settings = recipe.settings().clone();
            if let Value::Table(tables) = &mut settings
                && let Some(Value::Table(own)) = tables.get_mut("recipe")
            {
                own.remove("seed");
            }
            let mut out = KeyWriter::new("toji family 1");
            settings.write_key(&mut out);
            out.finish()
        };
        Lineage {
            settings: Settings::new(recipe.settings().clone()),
            parent: parent.map(|parent| parent.name.clone()),
            changes: told.map(|parent| in_words(recipe.settings(), parent.settings())).unwrap_or_default(),
            family: sound.then(family),
        }
    }
}
