//! What differs here from then, before anything runs.
//!
//! Takes a solution that was laid out; compares toolchain and machine, the recipe as this Toji reads it, the photos and tables, the weights. What of the
//! surroundings differs may change bits and is a reason for later; other data or weights would make another result, and end it.

use serde::Serialize;

use super::super::laid::Laid;
use super::super::lock::InputKind;
use super::super::photos::{self, Differs};
use super::{Source, Until};
use crate::base::{Cancel, Key, Progress, Value, files};
use crate::session::brew::lock;
use crate::session::stages::data;
use crate::session::stages::ensemble::members;
use crate::session::{Photos, SessionError};

/// What was found.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Checked {
    /// Of toolchain and machine what is not as it was.
    pub surroundings: Vec<Surrounding>,
    /// How the recipe reads otherwise than it did.
    pub recipe: Vec<String>,
    /// Photos that are not as they were.
    pub photos: Vec<Differs>,
    /// What else of the data is not as it was.
    pub data: Vec<String>,
    /// Weights that are not as they were.
    pub weights: Vec<String>,
    /// What could not be looked at, or is worth saying.
    pub notes: Vec<String>,
    /// What was found as it was: "3 tables", "480 photos", …
    pub same: Vec<String>,
}

/// A part of toolchain or machine that is not as it was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Surrounding {
    /// Which: "cpu", "rustc", …
    pub what: String,
    /// Then.
    pub then: String,
    /// Now.
    pub now: String,
    /// Whether it can change bits.
    pub matters: bool,
}

impl Checked {
    /// Whether data or weights are others, so that nothing is run.
    pub fn is_blocked(&self) -> bool {
        !(self.photos.is_empty() && self.data.is_empty() && self.weights.is_empty())
    }

    /// Why bits may differ, in words.
    pub fn reasons(&self) -> Vec<String> {
        let told = |s: &Surrounding| format!("another {}: {} then, {} now", s.what, s.then, s.now);
        let surroundings = self.surroundings.iter().filter(|s| s.matters).map(told);
        surroundings.chain(self.recipe.iter().map(|change| format!("the recipe reads otherwise: {change}"))).collect()
    }
}

/// Names of the surroundings' facts, what people call them, and whether they can change bits.
const FACTS: &[(&str, &str, bool)] = &[
    ("toji", "Toji", true),
    ("toji_commit", "commit of Toji", true),
    ("rustc", "toolchain", true),
    ("crates", "set of crates", true),
    ("cpu", "CPU type", true),
    ("gpu", "card", true),
    ("os", "system", true),
    ("os_release", "release of the system", false),
    ("threads", "number of threads", false),
    ("memory", "memory", false),
    ("program", "build of the program", false),
];

/// Looks at everything; gives the photos, where they can be read.
///
/// # Errors
/// On a stop; when the tables cannot be read at all.
pub fn all(
    laid: &Laid,
    source: &Source,
    until: Until,
    progress: &dyn Progress,
    cancel: &Cancel,
) -> Result<(Checked, Option<Photos>), SessionError> {
    let solution = &source.solution;
    let now = (laid.project.around.facts)(&laid.project.root);
    let recipe = laid.meant_otherwise(solution);
    let mut found =
        Checked { surroundings: surroundings(&solution.run.surroundings, &now), recipe, ..Checked::default() };
    if !source.whole {
        found.notes.push(
            "the submission is from before submissions kept a lock, so that of its run serves: decisions in edits.csv and tables of boxes of then are not known"
                .to_owned(),
        );
    }
    let photos = look_at_data(laid, source, &mut found, progress, cancel)?;
    look_at_tables(laid, source, &mut found);
    if until == Until::Train && !found.is_blocked() {
        fetch(laid, progress, cancel)?;
    }
    if until != Until::Predict {
        look_at_weights(laid, source, &mut found)?;
    }
    match source.weights_are_whole() {
        Some(true) => found.same.push("packed weights".to_owned()),
        Some(false) if until != Until::Predict => {
            found.notes.push("the packed weights are missing or have other bytes".to_owned())
        }
        Some(false) => {
            found.weights.push("the packed weights are missing or have other bytes: unpack the pack again".to_owned())
        }
        None => {}
    }
    Ok((found, photos))
}

/// The facts that are not as they were; those that are not known on one side are left out.
pub fn surroundings(then: &Value, now: &Value) -> Vec<Surrounding> {
    let told = |facts: &Value, name: &str| match facts.get(name)? {
        Value::Text(text) => Some(text.clone()),
        other => Some(other.to_string()),
    };
    let short = |text: String| if text.parse::<Key>().is_ok() { text[..12].to_owned() } else { text };
    let differs = |&(name, what, matters): &(&str, &str, bool)| {
        let (then, now) = (told(then, name)?, told(now, name)?);
        (then != now).then(|| Surrounding { what: what.to_owned(), then: short(then), now: short(now), matters })
    };
    FACTS.iter().filter_map(differs).collect()
}

fn look_at_data(
    laid: &Laid,
    source: &Source,
    found: &mut Checked,
    progress: &dyn Progress,
    cancel: &Cancel,
) -> Result<Option<Photos>, SessionError> {
    let (project, then) = (&laid.project, &source.solution);
    let compared = match &source.photos {
        None => None,
        Some(listed) => Some(photos::compare(project, listed, progress, cancel)?),
    };
    let read = match laid.photos(progress, cancel) {
        Ok(read) => read,
        Err(error) if error.is_cancelled() => return Err(error),
        // What is wrong with the photos is named one by one where they are listed.
        Err(error) => {
            found.photos = compared.unwrap_or_default();
            if found.photos.is_empty() {
                found.data.push(error.to_string());
            }
            return Ok(None);
        }
    };
    let lists = &then.photos;
    let same = |then: Option<Key>, now: Key| then.is_none_or(|then| then == now);
    if read.key == then.run.head.manifest && same(lists.columns, read.columns) && same(lists.dealt, read.dealt) {
        found.same.push(format!("{} photos with their labels", read.manifest.photos.len()));
        return Ok(Some(read));
    }
    match compared {
        Some(differing) if !differing.is_empty() => found.photos = differing,
        Some(_) => found.data.push(
            "every photo has its bytes, but labels, columns or decisions about photos are others than they were"
                .to_owned(),
        ),
        None => {
            let key = then.run.stages.iter().find(|stage| stage.stage == "data").map(|stage| stage.key);
            let changes = key.and_then(|key| data::changes(project, &read, &key));
            let words = changes.map(|changes| format!(": {changes}")).unwrap_or_default();
            found
                .data
                .push(format!("the photos, their labels or the decisions about them are others than they were{words}"));
        }
    }
    Ok(Some(read))
}

fn look_at_tables(laid: &Laid, source: &Source, found: &mut Checked) {
    let project = &laid.project;
    let (mut same, mut others) = (0, Vec::new());
    for input in &source.solution.inputs {
        let folder = if input.kind == InputKind::Table { &project.competition.data.folder } else { &project.root };
        match files::read(&folder.join(&input.file)) {
            Ok(bytes) if Key::of_bytes(&bytes) == input.hash => same += 1,
            // The photos that it names were compared already; a line end more changes nothing.
            Ok(_) if input.kind == InputKind::Table => others.push(input.file.clone()),
            Ok(_) => found.data.push(format!("{} has other bytes", input.file)),
            Err(_) => found.data.push(format!("{} is missing", input.file)),
        }
    }
    if same > 0 {
        found.same.push(format!("{same} tables"));
    }
    if !others.is_empty() {
        found.notes.push(format!(
            "written otherwise than it was, though the photos that it names are the same: {}",
            others.join(", ")
        ));
    }
    for name in &laid.missing {
        let told = format!("{name} is missing, or has other bytes");
        if !found.data.iter().any(|known| known.starts_with(name.as_str()))
            && !source.solution.run.weights.iter().any(|w| w.file == *name)
        {
            found.data.push(told);
        }
    }
}

/// Fetches the hub's weights that training begins with, so that they are compared before anything is trained.
fn fetch(laid: &Laid, progress: &dyn Progress, cancel: &Cancel) -> Result<(), SessionError> {
    let members = members::recipes(&laid.project, &laid.recipe)?;
    for recipe in std::iter::once(&laid.recipe).chain(members.iter().map(|(_, recipe)| recipe)) {
        if let Some(name) = laid.project.unfetched(recipe) {
            laid.project.fetch(&name, progress, cancel)?;
        }
    }
    Ok(())
}

fn look_at_weights(laid: &Laid, source: &Source, found: &mut Checked) -> Result<(), SessionError> {
    let then = &source.solution.run.weights;
    let recipes = members::recipes(&laid.project, &laid.recipe)?;
    let all = || std::iter::once(&laid.recipe).chain(recipes.iter().map(|(_, recipe)| recipe));
    let now: Vec<_> = all().filter_map(|recipe| lock::weights(&laid.project, recipe)).collect();
    let mut same = 0;
    for was in then {
        match now.iter().find(|is| is.file == was.file) {
            Some(is) if (&is.sha256, &is.blake3) == (&was.sha256, &was.blake3) && was.commit == is.commit => same += 1,
            Some(is) if is.commit.is_none() && is.blake3.is_none() => {
                let commit = was.commit.as_deref().map(|commit| format!(" at {}", commit.get(..12).unwrap_or(commit)));
                found.notes.push(format!(
                    "{}{} is not in the hub's cache here: it is fetched and compared before anything is trained",
                    was.file,
                    commit.unwrap_or_default()
                ));
            }
            // The same bytes under another commit: only the repository's text changed.
            Some(is) if was.sha256.is_some() && is.sha256 == was.sha256 => same += 1,
            Some(_) => found.weights.push(format!("{} are other weights than those of then", was.file)),
            None => found.weights.push(format!("{} is missing, or has other bytes", was.file)),
        }
    }
    if same > 0 {
        found.same.push(format!("{same} files of weights"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_both_sides_know_and_what_changes_bits_is_a_reason() {
        let facts = |cpu: &str, threads: i64, more: &[(&str, &str)]| {
            let mut facts = Value::table();
            facts.set("cpu", Value::Text(cpu.to_owned()));
            facts.set("threads", Value::Int(threads));
            more.iter().for_each(|(name, text)| facts.set(name, Value::Text((*text).to_owned())));
            facts
        };
        let surroundings = surroundings(&facts("EPYC", 2, &[("rustc", "1.95")]), &facts("Xeon", 4, &[]));
        let found = Checked { surroundings, recipe: vec!["loss.margin 1 → 2".to_owned()], ..Checked::default() };
        insta::assert_snapshot!(found.reasons().join("\n"), @"
        another CPU type: EPYC then, Xeon now
        the recipe reads otherwise: loss.margin 1 → 2
        ");
        assert_eq!(found.surroundings.len(), 2);
        assert!(!found.is_blocked());
    }
}
