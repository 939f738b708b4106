//! What a folder seems to hold, for `toji new`.
//!
//! Takes a folder with tables and pictures; gives a guess of `toji.toml`, each fact with its reason, so that a person
//! can see what was guessed and correct it. Names are the first evidence (FIELD's competitions, open-metric-learning,
//! Kaggle), values the second: a column whose values end in .jpg holds files whatever it is called. Where several
//! tables could be meant, the reason says why this one was taken.

mod columns;
mod look;

use std::path::{Path, PathBuf};

use crate::base::Value;
use crate::base::text::plain;

use crate::data::competition::Competition;
use crate::data::error::{DataError, counted, listed, quoted};
use crate::data::layout::Listing;
use crate::data::manifest::Role;
use crate::data::table::Table;

use columns::{Found, repeated};
use look::Surroundings;

/// A guess of `toji.toml`.
#[derive(Clone, Debug, PartialEq)]
pub struct Guess {
    /// The facts in the order in which they are written.
    pub facts: Vec<Fact>,
    /// What else is worth saying: other tables, how recipes could use a column, what the tables hold.
    pub notes: Vec<String>,
    /// How recipes should divide the training photos, where the tables say.
    pub folds: Option<Division>,
}

/// A column that divides the photos to learn from: `[folds] scheme = "column"`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Division {
    /// The column.
    pub column: String,
    /// Its values for training.
    pub train: Vec<String>,
    /// Its values for photos that are held out.
    pub eval: Vec<String>,
}

impl Division {
    /// The keys of a recipe's `[folds]` table, one a line.
    pub fn toml(&self) -> String {
        let list = |values: &[String]| written(&Value::List(values.iter().map(|value| text(value)).collect()));
        let (column, train, eval) = (written(&text(&self.column)), list(&self.train), list(&self.eval));
        format!("scheme = \"column\"\ncolumn = {column}\ntrain = {train}\neval = {eval}")
    }
}

/// One guessed fact.
#[derive(Clone, Debug, PartialEq)]
pub struct Fact {
    /// Dotted key: `data.columns.label`.
    pub key: String,
    /// Its value.
    pub value: Value,
    /// Why.
    pub why: String,
}

/// Guesses what a folder holds.
///
/// # Errors
/// When it cannot be listed, or no table in it lists pictures; the error says what was looked at.
pub fn guess(folder: &Path) -> Result<Guess, DataError> {
    let surroundings = Surroundings::of(folder)?;
    let mut guess = Guess { facts: Vec::new(), notes: Vec::new(), folds: None };
    let (samples, tables): (Vec<&PathBuf>, Vec<&PathBuf>) =
        surroundings.tables.iter().partition(|path| look::is_sample(path));
    let mut read = Vec::new();
    for path in tables {
        match Table::read(&folder.join(path), Default::default()) {
            Ok(table) => read.push((path.as_path(), table)),
            Err(error) => guess.notes.push(format!("not used: {error}")),
        }
    }
    guess.say("competition.name", text(&look::name(folder)), "the folder's name");
    let home = if nishika(&mut guess, &read, &surroundings) {
        read.iter().find(|(path, _)| look::stem_is(path, &["train"])).map(|(path, _)| *path)
    } else {
        one_table(&mut guess, &read, &surroundings)
    };
    let Some(home) = home else {
        let there = listed(surroundings.tables.iter().map(|path| path.display().to_string()));
        return Err(DataError::Facts(format!(
            "no table in {} lists pictures (tables: {there}); Toji needs a CSV or Parquet table with a row for each \
             photo: its file and its label",
            folder.display()
        )));
    };
    let home = home.parent().unwrap_or(Path::new(""));
    if let Some(sample) = samples.iter().find(|sample| sample.parent().unwrap_or(Path::new("")) == home) {
        submission(&mut guess, folder, sample, home);
    }
    try_out(&mut guess, folder);
    Ok(guess)
}

impl Guess {
    /// The settings as `toji.toml` would give them.
    pub fn settings(&self) -> Value {
        let mut settings = Value::table();
        for fact in &self.facts {
            settings.set(&fact.key, fact.value.clone());
        }
        settings
    }

    /// The guess for a person: one line a fact, then the notes.
    pub fn text(&self) -> String {
        let width = self.facts.iter().map(|fact| fact.key.len()).max().unwrap_or(0);
        let facts = self
            .facts
            .iter()
            .map(|fact| format!("{:width$}  {}  ({})\n", fact.key, plain(&written(&fact.value)), plain(&fact.why)));
        let notes = self.notes.iter().map(|note| format!("note: {}\n", plain(note)));
        facts.chain(notes).collect()
    }

    /// A commented `toji.toml`.
    pub fn toml(&self) -> String {
        let mut out = "# The facts of the competition, guessed by `toji new`. Correct what is wrong;\n\
                       # `toji explain data` tells what else can be said.\n"
            .to_owned();
        let mut section = "";
        for fact in &self.facts {
            let (head, key) = fact.key.split_once('.').unwrap_or(("", &fact.key));
            if head != section {
                out += &format!("\n[{head}]\n");
                section = head;
            }
            out += &format!("{key} = {}  # {}\n", written(&fact.value), plain(&fact.why));
        }
        if !self.notes.is_empty() {
            out += "\n";
        }
        for note in &self.notes {
            out += &format!("# {}\n", plain(note));
        }
        out
    }

    fn say(&mut self, key: &str, value: Value, why: impl Into<String>) {
        self.facts.push(Fact { key: key.to_owned(), value, why: why.into() });
    }

    /// Says a column, also one whose name the layout assumes: a person should see what is taken for what.
    fn column(&mut self, key: &str, found: &Found) {
        self.say(&format!("data.columns.{key}"), text(&found.name), found.why.clone());
    }

    /// Says the tables' folder unless it is that of `toji.toml`.
    fn folder(&mut self, home: &Path) {
        if home != Path::new("") {
            self.say("data.folder", text(&home.to_string_lossy()), "the tables are there");
        }
    }
}

/// Three tables as Nishika hands them out; `false` when they are not there.
fn nishika(guess: &mut Guess, tables: &[(&Path, Table)], surroundings: &Surroundings) -> bool {
    let named = |names: &[&str]| tables.iter().find(|(path, _)| look::stem_is(path, names));
    let (Some(train), Some(gallery), Some(query)) = (
        named(&["train"]),
        named(&["cite", "gallery", "index", "database", "reference"]),
        named(&["test", "query", "queries"]),
    ) else {
        return false;
    };
    let [home, others @ ..] = [train, gallery, query].map(|(path, _)| path.parent().unwrap_or(Path::new("")));
    let read = |(path, table): &(&Path, Table)| columns::of(table, &surroundings.pictures(path, table));
    let (of_train, of_gallery, of_query) = (read(train), read(gallery), read(query));
    let (Some(label), Some(image), Some(gallery_image), Some(query_image)) =
        (&of_train.label, &of_train.image, &of_gallery.image, &of_query.image)
    else {
        return false;
    };
    if others.iter().any(|other| *other != home) || query_image.name != image.name {
        return false;
    }
    let file = |(path, _): &(&Path, Table)| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let files = [file(train), file(gallery), file(query)];
    guess.say(
        "data.layout",
        text("nishika"),
        format!("{}, {} and {} stand side by side", files[0], files[1], files[2]),
    );
    guess.folder(home);
    for (key, file, assumed) in [
        ("data.train", &files[0], "train.csv"),
        ("data.gallery", &files[1], "cite.csv"),
        ("data.query", &files[2], "test.csv"),
    ] {
        if file != assumed {
            guess.say(key, text(file), "by its name");
        }
    }
    let places = [train, gallery, query].map(|(path, table)| surroundings.pictures(path, table));
    if let [Some(a), Some(b), Some(c)] = &places {
        if a.folder == b.folder && b.folder == c.folder {
            guess.say("data.images", text(&a.folder), "the first pictures of all three tables are there");
        } else {
            for (role, place) in [("train", a), ("gallery", b), ("query", c)] {
                guess.say(&format!("data.images.{role}"), text(&place.folder), "the table's first pictures are there");
            }
        }
        suffix(guess, a);
    }
    if let Some(id) = &of_train.id {
        guess.column("id", id);
    }
    guess.column("image", image);
    // Both of Nishika's levels by their own names: the wider one is scored.
    match train.1.find("meigara") {
        Some(_) => guess.say("data.columns.label", text("meigara"), "the level that Nishika's sake competition scored"),
        None => {
            guess.column("label", label);
            if let Some(coarse) = &of_train.coarse {
                guess.column("coarse", coarse);
            }
        }
    }
    guess.column("gallery_id", of_gallery.id.as_ref().unwrap_or(gallery_image));
    guess.column("gallery_image", gallery_image);
    true
}

/// The table that lists pictures best; its path, or `None` when none does.
fn one_table<'a>(guess: &mut Guess, tables: &[(&'a Path, Table)], surroundings: &Surroundings) -> Option<&'a Path> {
    let mut fit: Vec<(usize, &'a Path, &Table, columns::Columns)> = tables
        .iter()
        .filter_map(|(path, table)| {
            let columns = columns::of(table, &surroundings.pictures(path, table));
            let score = columns.score()?;
            Some((score, *path, table, columns))
        })
        .collect();
    // Best score first; of equals the one with more rows, then by name.
    fit.sort_by_key(|(score, path, table, _)| (std::cmp::Reverse((*score, table.rows())), path.to_path_buf()));
    let others: Vec<String> = fit.iter().skip(1).map(|(_, path, ..)| path.display().to_string()).collect();
    let (_, path, table, columns) = fit.into_iter().next()?;
    let (image, label) = (columns.image.as_ref()?, columns.label.as_ref()?);
    let flags = columns.flags;
    guess.say(
        "data.layout",
        text(if flags { "query-gallery" } else { "table" }),
        if flags { "there are is_query and is_gallery columns" } else { "one table lists the photos" },
    );
    guess.folder(path.parent().unwrap_or(Path::new("")));
    let mut why = format!("it lists files and labels in {} rows", table.rows());
    if !others.is_empty() {
        why +=
            &format!("; {} would do too: this one has better columns, more rows or the earlier name", listed(&others));
    }
    guess.say("data.table", text(&path.file_name().unwrap_or_default().to_string_lossy()), why);
    if let Some(place) = surroundings.pictures(path, table) {
        guess.say("data.images", text(&place.folder), "the table's first pictures are there");
        suffix(guess, &place);
    }
    if let Some(id) = &columns.id {
        guess.column("id", id);
    }
    guess.column("image", image);
    guess.column("label", label);
    if let Some(coarse) = &columns.coarse {
        guess.column("coarse", coarse);
    }
    if !flags {
        splits(guess, table, &columns, label);
    }
    let roles = guess.facts.iter().any(|fact| fact.key == "data.columns.split") || flags;
    for (column, train, eval) in columns::divisions(table) {
        // A column that says roles already divides by itself.
        if roles && columns.split.as_ref().is_some_and(|split| split.name == column) {
            continue;
        }
        guess.notes.push(format!(
            "recipes can divide by {}: [folds] scheme = \"column\", column = {}, train = {}, eval = {}",
            quoted(&column),
            written(&text(&column)),
            written(&text(&train)),
            written(&text(&eval))
        ));
    }
    if let Some(folds) = &guess.folds {
        let folds = folds.toml().replace('\n', ", ");
        guess.notes.push(format!("the first recipe divides by the split column: [folds] {folds}"));
    }
    Some(path)
}

/// The roles of the split column, if its values say any.
///
/// Training, validation and test: the first two are learnt from and held out by a recipe's folds, the third is what
/// the host (or the last examination) looks up.
fn splits(guess: &mut Guess, table: &Table, columns: &columns::Columns, label: &Found) {
    let Some(split) = &columns.split else { return };
    let (Some(values), Some(labels)) = (table.find(&split.name), table.find(&label.name)) else { return };
    let parts = repeated(table, values).unwrap_or_default();
    let with = |words: &[&str]| -> Vec<String> {
        parts.iter().filter(|value| words.contains(&value.to_lowercase().as_str())).cloned().collect()
    };
    let (train, query, gallery) =
        (with(columns::TRAINING), with(&["query", "queries"]), with(&["gallery", "index", "database", "reference"]));
    let held = with(columns::VALIDATION);
    let secret = with(columns::TEST);
    let hidden = |value: &String| (0..table.rows()).all(|row| values.get(row) != value || labels.get(row).is_empty());
    let list = |values: &[String]| Value::List(values.iter().map(|value| text(value)).collect());
    if train.is_empty() {
        return;
    }
    if !query.is_empty() && !gallery.is_empty() {
        guess.say("data.columns.split", text(&split.name), split.why.clone());
        guess.say("data.splits.train", list(&train), "by the value's name");
        guess.say("data.splits.query", list(&query), "by the value's name");
        guess.say("data.splits.gallery", list(&gallery), "by the value's name");
    } else if !held.is_empty() && !held.iter().any(hidden) {
        guess.say("data.columns.split", text(&split.name), split.why.clone());
        let both = [&train[..], &held[..]].concat();
        guess.say("data.splits.train", list(&both), "by the values' names; recipes hold the second part out");
        let why = match secret.iter().all(hidden) {
            true => "these rows have no label: each is looked up among the others",
            false => "by the value's name: kept for the end, each is looked up among the others",
        };
        for key in ["data.splits.query", "data.splits.gallery"].into_iter().filter(|_| !secret.is_empty()) {
            guess.say(key, list(&secret), why);
        }
        guess.folds = Some(Division { column: split.name.clone(), train, eval: held });
    } else if !secret.is_empty() && secret.iter().all(hidden) {
        guess.say("data.columns.split", text(&split.name), split.why.clone());
        guess.say("data.splits.train", list(&train), "by the value's name");
        for key in ["data.splits.query", "data.splits.gallery"] {
            guess.say(key, list(&secret), "these rows have no label: each is looked up among the others");
        }
    } else if parts.len() > 2 {
        guess.notes.push(format!(
            "column {} holds {}: all rows count as training photos, since no value says what to look up; name the \
             values in [data.splits], or hold some out with [folds] scheme = \"column\"",
            split.name,
            parts.join(", ")
        ));
    }
}

fn submission(guess: &mut Guess, folder: &Path, sample: &Path, home: &Path) {
    let table = match Table::read(&folder.join(sample), Default::default()) {
        Ok(table) => table,
        Err(error) => return guess.notes.push(format!("not used: {error}")),
    };
    let [id, answers, ..] = table.names() else { return };
    let relative = sample.strip_prefix(home).unwrap_or(sample);
    guess.say("submission.sample", text(&relative.to_string_lossy()), "by its name");
    guess.say("submission.columns", Value::List(vec![text(id), text(answers)]), "the sample's header");
    let first = table.find(answers).map_or("", |column| column.get(0));
    let separator =
        [' ', ',', ';', '|'].into_iter().max_by_key(|c| (first.matches(*c).count(), *c == ' ')).unwrap_or(' ');
    let count = first.split(separator).filter(|part| !part.trim().is_empty()).count();
    if count > 1 {
        guess.say("submission.separator", text(&separator.to_string()), "as in the sample's first row");
        guess.say("submission.count", Value::Int(count as i64), "as in the sample's first row");
    }
}

/// Reads the tables as guessed and says what they hold, or what is still wrong.
fn try_out(guess: &mut Guess, folder: &Path) {
    let read = Competition::of(folder, &guess.settings()).and_then(|competition| Listing::read(&competition));
    match read {
        Err(error) => guess.notes.push(format!("with these facts the tables cannot be read yet: {error}")),
        Ok(listing) => {
            let count = |roles: &[Role]| listing.rows.iter().filter(|row| roles.contains(&row.role)).count();
            guess.notes.push(format!(
                "the tables list {} for training, {} to look up and {} to be found",
                counted(count(&[Role::Train]), "photo"),
                count(&[Role::Query, Role::Both]),
                count(&[Role::Gallery, Role::Both])
            ));
            guess.notes.extend(listing.notes);
        }
    }
}

fn suffix(guess: &mut Guess, place: &look::Place) {
    if !place.suffix.is_empty() {
        guess.say("data.suffix", text(place.suffix), "the table names files without it");
    }
}

fn text(value: &str) -> Value {
    Value::Text(value.to_owned())
}

/// A value as TOML, on one line.
fn written(value: &Value) -> String {
    match value {
        Value::Text(text) => {
            let mut out = "\"".to_owned();
            for c in text.chars() {
                match c {
                    '"' | '\\' => out.extend(['\\', c]),
                    c if c.is_control() => out += &format!("\\u{:04X}", c as u32),
                    c => out.push(c),
                }
            }
            out + "\""
        }
        Value::List(items) => format!("[{}]", items.iter().map(written).collect::<Vec<_>>().join(", ")),
        other => other.to_string(),
    }
}
