//! A recipe from its files.
//!
//! Takes a path and the declared table; gives a [`Book`] and all mistakes at once, in the order of
//! their places: those of the file itself, then those of its parents. What is right is read even where
//! something else is wrong, so that the page can always be shown.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use serde::Serialize;

use super::check::{Checked, check};
use super::diagnostic::{Diagnostic, Place, Source};
use super::source::cell;
use super::source::markdown::{self, Part};
use super::source::tree::{Entry, Node, Shape, Table, inherit, join};
use super::technique::{Schema, Section};
use crate::base::Value;
use crate::base::files::{self, FileError};

/// A recipe as it was read.
#[derive(Clone, Debug, PartialEq)]
pub struct Book {
    /// The file.
    pub file: PathBuf,
    /// Its first heading, else the file's name.
    pub title: String,
    /// The page: prose and cells in order.
    pub blocks: Vec<Block>,
    /// Canonical settings: parents merged, defaults filled in, numbers of the declared kind. Wrong values are absent.
    pub settings: Value,
    /// Where each setting is from, by dotted name: `loss.margin`, `post.steps[0].dim`, and the tables too.
    pub origins: BTreeMap<String, Origin>,
    /// The names in the file's own cells that the declared table knows, in order of their places.
    pub names: Vec<Name>,
    /// The parents, the nearest first.
    pub extends: Vec<PathBuf>,
    /// The texts that made it: its own first, then the parents', as in `extends`.
    pub texts: Vec<(PathBuf, String)>,
}

/// One part of a recipe's page.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "lowercase", tag = "kind")]
pub enum Block {
    /// Markdown between cells, without the empty lines around it.
    Prose {
        /// As it is written.
        text: String,
        /// Its first line in the file, from 1.
        line: usize,
    },
    /// A cell.
    Cell {
        /// Its text without fences and without the marks of a list or quotation around it; lines end in `\n`.
        text: String,
        /// The line of its first line in the file, from 1.
        line: usize,
        /// The tables it writes in, in order of their first key.
        tables: Vec<String>,
    },
}

/// A name in a recipe that can be explained: a table's, a key's, or a technique's where it is chosen.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Name {
    /// Its line in the file, from 1.
    pub line: usize,
    /// Its column in characters, from 1.
    pub column: usize,
    /// Its characters, with quotes where it has any.
    pub width: usize,
    /// What to ask [`super::explain`] for: `loss`, `ArcFaceLoss.margin`, `loss.ArcFaceLoss`.
    pub topic: String,
    /// The setting that it names, as in [`Book::origins`]: `loss`, `loss.margin`, `post.steps[0].dim`; of a technique the key that chooses it.
    pub key: String,
    /// The bytes of the file in which the setting's value stands; none for a table, whose keys have values of their own.
    pub value: Option<Bytes>,
}

/// Bytes of a file, from the first to the one behind the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Bytes {
    /// The first.
    pub start: usize,
    /// The one behind the last.
    pub end: usize,
}

/// Where a setting is from.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Origin {
    /// Who said so.
    pub kind: OriginKind,
    /// The file that says it; for a default the file that was read.
    pub file: PathBuf,
    /// Line of the key, from 1; 0 for a default.
    pub line: usize,
    /// Column of the key in characters, from 1; 0 for a default.
    pub column: usize,
}

/// Who said what a setting is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum OriginKind {
    /// The recipe itself.
    Own,
    /// One of its parents.
    Inherited,
    /// Nobody: the declared default.
    Default,
}

/// Files above this size are no recipes: 4 MiB.
const LARGEST: u64 = 4 << 20;

/// Reads a recipe with its parents.
pub fn read(file: &Path, schema: &Schema) -> (Book, Vec<Diagnostic>) {
    read_with(file, schema, &load)
}

/// Reads a plain TOML file such as `toji.toml` with the same checks: settings, origins, mistakes.
pub fn read_facts(file: &Path, schema: &Schema) -> (Value, BTreeMap<String, Origin>, Vec<Diagnostic>) {
    let text = match load(file) {
        Ok(text) => text,
        Err(error) => return (Value::table(), BTreeMap::new(), vec![unreadable(file, &error)]),
    };
    facts_from(file, text, schema)
}

/// [`read_facts`] of a text that is at hand.
pub fn facts_from(file: &Path, text: String, schema: &Schema) -> (Value, BTreeMap<String, Origin>, Vec<Diagnostic>) {
    let source = Source::new(file, text);
    let start = if source.text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
    let whole = start..source.text.len();
    let read = cell::parse(&source, &[whole]);
    let mut found = read.diagnostics;
    let Checked { settings, origins, diagnostics, .. } = check(&read.tables, schema, file);
    found.extend(diagnostics);
    sort(&mut found, &[file.to_owned()]);
    (settings, origins, found)
}

/// [`read`] as if the file held this text; its parents are read from the disk.
pub fn read_as(file: &Path, text: &str, schema: &Schema) -> (Book, Vec<Diagnostic>) {
    read_with(file, schema, &|path| if path == file { Ok(text.to_owned()) } else { load(path) })
}

/// Reads a TOML file whose keys may stand in no table, such as a user's own settings: they are those of `section`, whatever it is called.
/// Gives its settings and all mistakes at once.
pub fn settings_from(file: &Path, text: String, section: &'static Section) -> (Value, Vec<Diagnostic>) {
    let source = Source::new(file, text);
    let start = if source.text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
    let read = cell::parse_whole(&source, start..source.text.len());
    let mut found = read.diagnostics;
    let whole = Node { shape: Shape::Table(read.tables), place: None };
    let entries = BTreeMap::from([(section.name.to_owned(), Entry { key: None, node: whole })]);
    let tree = Table { entries, ..Table::default() };
    let schema = Schema { sections: vec![section], techniques: Vec::new() };
    let Checked { settings, diagnostics, .. } = check(&tree, &schema, file);
    let (table, dotted) = (format!("[{}]", section.name), format!("`{}.", section.name));
    let of_file = |text: String| text.replace(&table, &short(file)).replace(&dotted, "`");
    for mut mistake in diagnostics {
        mistake.message = of_file(mistake.message);
        mistake.help = mistake.help.map(of_file);
        found.push(mistake);
    }
    sort(&mut found, &[file.to_owned()]);
    (settings.get(section.name).cloned().unwrap_or_else(Value::table), found)
}

/// [`read`], with a function that gives the text of a file: texts that are not saved yet, or come from a lock file.
pub fn read_with(
    file: &Path,
    schema: &Schema,
    load: &dyn Fn(&Path) -> Result<String, FileError>,
) -> (Book, Vec<Diagnostic>) {
    let mut book = Book {
        file: file.to_owned(),
        title: file.file_stem().map_or_else(String::new, |s| s.to_string_lossy().into_owned()),
        blocks: Vec::new(),
        settings: Value::table(),
        origins: BTreeMap::new(),
        names: Vec::new(),
        extends: Vec::new(),
        texts: Vec::new(),
    };
    let text = match load(file) {
        Ok(text) => text,
        Err(error) => return (book, vec![unreadable(file, &error)]),
    };
    let own = Leaf::read(file, text);
    book.texts.push((file.to_owned(), own.source.text.clone()));
    book.title = own.title.unwrap_or(book.title);
    book.blocks = own.blocks;
    let mut found = own.diagnostics;
    let (tables, parents) = with_parents(&own.source, own.tables, schema, load, &mut found);
    for parent in parents {
        book.extends.push(parent.file.clone());
        book.texts.push((parent.file.clone(), parent.text.clone()));
    }
    let Checked { settings, origins, names, diagnostics } = check(&tables, schema, file);
    book.settings = settings;
    book.names = names;
    book.origins = origins;
    // What a recipe builds on is how it is written, not what it says.
    if let Value::Table(sections) = &mut book.settings
        && let Some(Value::Table(recipe)) = sections.get_mut("recipe")
    {
        recipe.remove("extends");
        book.origins.remove("recipe.extends");
    }
    found.extend(diagnostics);
    let files: Vec<PathBuf> = book.texts.iter().map(|(file, _)| file.clone()).collect();
    sort(&mut found, &files);
    (book, found)
}

/// One file without its parents.
pub(super) struct Leaf {
    source: Arc<Source>,
    title: Option<String>,
    /// Prose and cells.
    pub blocks: Vec<Block>,
    /// What its cells say, merged.
    pub tables: Table,
    /// Mistakes of the Markdown and of TOML.
    pub diagnostics: Vec<Diagnostic>,
}

impl Leaf {
    /// Takes a text apart.
    pub fn read(file: &Path, text: String) -> Leaf {
        let source = Source::new(file, text);
        let page = markdown::page(&source);
        let mut tables = Table { incomplete: page.incomplete, ..Table::default() };
        let mut diagnostics = page.diagnostics;
        let mut blocks = Vec::new();
        for part in page.parts {
            match part {
                Part::Prose(range) => {
                    if let Some((start, text)) = markdown::prose(&source.text, range) {
                        let (line, _) = source.position(start);
                        blocks.push(Block::Prose { text, line });
                    }
                }
                Part::Cell(raw) => {
                    let cell = cell::parse(&source, &raw.ranges);
                    diagnostics.extend(cell.diagnostics);
                    join(&mut tables, cell.tables, "", &mut diagnostics);
                    let (line, _) = source.position(raw.start);
                    blocks.push(Block::Cell { text: raw.text, line, tables: cell.names });
                }
            }
        }
        Leaf { source, title: page.title, blocks, tables, diagnostics }
    }
}

/// Follows `extends` up and merges on the way down. Gives the merged tables and the parents, nearest first.
fn with_parents(
    own: &Arc<Source>,
    tables: Table,
    schema: &Schema,
    load: &dyn Fn(&Path) -> Result<String, FileError>,
    found: &mut Vec<Diagnostic>,
) -> (Table, Vec<Arc<Source>>) {
    let mut line = vec![tables];
    let mut sources = vec![own.clone()];
    let mut broken = false;
    while let Some((name, place)) = line.last().and_then(extends) {
        let here = place.source.file.clone();
        if Path::new(&name).is_absolute() {
            found.push(
                Diagnostic::at(&place, "`recipe.extends` is an absolute path")
                    .help("write it relative to this file, so that the project can move"),
            );
            broken = true;
            break;
        }
        let file = lexical(&here.parent().unwrap_or(Path::new("")).join(&name));
        let at = sources.iter().position(|s| same_file(&s.file, &file));
        if let Some(at) = at {
            let circle: Vec<String> =
                sources[at..].iter().map(|s| s.file.clone()).chain([file]).map(|f| short(&f)).collect();
            found.push(
                Diagnostic::at(&place, format!("recipes extend each other in a circle: {}", circle.join(" → ")))
                    .help("one of them must stand on its own"),
            );
            broken = true;
            break;
        }
        match load(&file) {
            Ok(text) => {
                let parent = Leaf::read(&file, text);
                found.extend(parent.diagnostics);
                sources.push(parent.source);
                line.push(parent.tables);
            }
            Err(error) => {
                let what = match error.is_missing() {
                    true => format!("there is no recipe `{name}` beside this one ({})", file.display()),
                    false => error.to_string(),
                };
                found.push(Diagnostic::at(&place, what).help("the path is relative to the folder of this file"));
                broken = true;
                break;
            }
        }
    }
    let mut merged = Table::default();
    for (i, mut tables) in line.into_iter().enumerate().rev() {
        if i > 0
            && let Some(Shape::Table(recipe)) = tables.entries.get_mut("recipe").map(|e| &mut e.node.shape)
        {
            recipe.entries.remove("extends");
        }
        merged = inherit(tables, merged, schema);
    }
    merged.incomplete |= broken;
    if broken {
        for entry in merged.entries.values_mut() {
            if let Shape::Table(table) = &mut entry.node.shape {
                loosen(table);
            }
        }
    }
    (merged, sources.split_off(1))
}

/// Marks a table and those in it: what is missing may stand in a parent that could not be read.
fn loosen(table: &mut Table) {
    table.incomplete = true;
    for entry in table.entries.values_mut() {
        if let Shape::Table(inner) = &mut entry.node.shape {
            loosen(inner);
        }
    }
}

fn extends(tables: &Table) -> Option<(String, Place)> {
    let Shape::Table(recipe) = &tables.entries.get("recipe")?.node.shape else { return None };
    let name = recipe.text("extends")?.to_owned();
    Some((name, recipe.entries.get("extends")?.node.place.clone()?))
}

fn load(file: &Path) -> Result<String, FileError> {
    let about = std::fs::metadata(file).map_err(FileError::at("cannot read", file))?;
    if !about.is_file() || about.len() > LARGEST {
        let why = if about.is_file() { "larger than 4 MiB" } else { "not a file" };
        return Err(FileError::at("cannot read", file)(std::io::Error::other(why)));
    }
    files::read_text(file)
}

fn unreadable(file: &Path, error: &FileError) -> Diagnostic {
    match error.is_missing() {
        true => Diagnostic::of_file(file, "there is no such file"),
        false => Diagnostic::of_file(file, format!("cannot be read: {}", error.source)),
    }
}

/// A path without `.` and `..`, where that can be told from its text.
fn lexical(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir if matches!(out.components().next_back(), Some(Component::Normal(_))) => {
                out.pop();
            }
            part => out.push(part),
        }
    }
    out
}

fn same_file(a: &Path, b: &Path) -> bool {
    lexical(a) == lexical(b) || matches!((std::fs::canonicalize(a), std::fs::canonicalize(b)), (Ok(a), Ok(b)) if a == b)
}

fn short(file: &Path) -> String {
    file.file_name().map_or_else(|| file.display().to_string(), |name| name.to_string_lossy().into_owned())
}

/// By file (the read one, then its parents), then by place.
fn sort(found: &mut Vec<Diagnostic>, files: &[PathBuf]) {
    let rank = |d: &Diagnostic| files.iter().position(|f| *f == d.file).unwrap_or(files.len());
    found.sort_by_key(|d| (rank(d), d.line, d.column, d.span.end));
    found.dedup();
}
