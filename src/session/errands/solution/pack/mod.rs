//! The zip that a host asks for, which is also all that `toji reproduce` needs.
//!
//! Takes a line of the ledger and a host; lays the line's lock out beside the store, checks that the data is still that of then, packs the networks' weights and the submission,
//! and writes the host's documents from one table of fields ([`hosts`]): what was recorded by itself, what only the author knows from `solution.md` ([`questions`]). What
//! is missing is listed, in the pack too. The same line, answers and data give the same bytes. No file of it names a folder of this machine.

pub mod documents;
pub mod hosts;
pub mod material;
pub mod questions;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde::Serialize;

use self::documents::Missing;
use self::hosts::Host;
use self::material::Material;
use super::laid::{self, Laid, Places, lay_out};
use super::lock::{InputKind, Packed, PhotoLists, file_name, is_elsewhere};
use super::reproduce::{Source, Until, check};
use super::{LOCK, Solution, photos};
use crate::base::files::archive::{Content, publish_archive};
use crate::base::files::unpack::inside;
use crate::base::{Cancel, Key, Progress, Value, files};
use crate::book;
use crate::dag::Event;
use crate::score::ledger::{self, Entry};
use crate::session::errands::submit::{self, LEDGER};
use crate::session::project::FACTS;
use crate::session::{Photos, Project, SessionError};

/// Where the data of a pack lies when its own place is outside of the project.
const DATA: &str = "data";

/// Makes a Word file of Markdown.
pub type Word<'a> = &'a dyn Fn(&str) -> Result<Vec<u8>, String>;

/// What is asked.
pub struct Asked<'a> {
    /// For whom.
    pub host: Host,
    /// The competition's tables and pictures too.
    pub with_data: bool,
    /// Makes a Word file of the document that people read, where one is wanted.
    pub word: Option<Word<'a>>,
    /// More files, by their names in the pack.
    pub extra: Vec<(String, Content)>,
}

/// A pack that was written.
#[derive(Clone, Debug, Serialize)]
pub struct Written {
    /// The recipe.
    pub recipe: String,
    /// The submission's hash.
    pub submission: Key,
    /// The zip.
    pub file: PathBuf,
    /// BLAKE3 of its bytes.
    pub file_hash: Key,
    /// Its size.
    pub bytes: u64,
    /// Its files.
    pub files: Vec<String>,
    /// What the host asks for and nobody has said.
    pub missing: Vec<Missing>,
    /// What is worth saying.
    pub notes: Vec<String>,
}

/// Writes the pack of a line of the ledger to `file`.
///
/// # Errors
/// When nothing is kept of the line, the data is another one than then, what is missing cannot be made again with the same bytes, or the file cannot be written; on a stop.
pub fn pack(
    project: &Project,
    entry: &Entry,
    asked: Asked<'_>,
    file: &Path,
    listen: &(dyn Fn(&Event) + Sync),
    progress: &dyn Progress,
    cancel: &Cancel,
) -> Result<Written, SessionError> {
    refuse_to_overwrite(file)?;
    let source = Source::of_line(project, entry, None)?;
    let places = Places { data: &source.data, store: source.store.as_deref(), from: source.files.as_deref() };
    let laid = lay_out(&source.solution, &source.work, places, &project.around)?;
    let photos = unchanged(&laid, &source, progress, cancel)?;
    let submission = submission(&laid, &source, &photos, listen, cancel)?;
    let mut notes = Vec::new();
    if !source.whole {
        notes.push("the submission is from before submissions kept a lock; what its run kept is packed".to_owned());
    }
    let weights = weights(&laid, &source, &photos, listen, cancel)?;
    if let Err(why) = &weights {
        notes.push(format!("no trained weights are in it: {why}"));
    }
    let (solution, list) = for_others(&source.solution, &laid, &photos, weights.as_ref().ok())?;
    let (data, data_files) = data_files(&laid, &photos, &solution, asked.with_data)?;
    let ledger = ledger::load(&project.root.join(LEDGER))?;
    let answers = answers(&project.root)?;
    let unknown = answers.unknown.iter().map(|heading| {
        format!(
            "{}: no question is called {heading:?}; toji pack --questions adds those that there are",
            questions::FILE
        )
    });
    notes.extend(unknown);
    let material = Material {
        solution: &solution,
        ledger: &ledger,
        data: &data,
        with_data: asked.with_data,
        rung: &laid.rung,
        out: if asked.host == Host::Kaggle { "" } else { " --out submission.csv" },
        weights: solution
            .packed
            .as_ref()
            .map(|packed| packed.file.as_str())
            .ok_or(weights.as_ref().err().map_or("", String::as_str)),
    };
    let (documents, missing) = documents::written(asked.host, &material, &answers);
    let mut entries: Vec<(String, Content)> = Vec::new();
    let mut add = |name: &str, text: &str| entries.push((name.to_owned(), Content::Bytes(text.as_bytes().to_vec())));
    for (name, text) in documents.iter().chain(&documents::others(asked.host, &material)) {
        add(name, text);
    }
    add("missing.md", &missing_page(asked.host, &missing));
    add(LOCK, &solution.text());
    add(FACTS, &solution.competition.text);
    add(&list.file, &list.text);
    add(&format!("submissions/{}", file_name(&solution.expected.file)), &submission);
    for text in &solution.run.texts {
        add(&text.file, &text.text);
    }
    for input in &solution.inputs {
        if let Some(text) = &input.text {
            add(&input.file, text);
        }
    }
    if let (Some(word), Some(name)) = (asked.word, asked.host.document())
        && let Some((_, text)) = documents.iter().find(|(known, _)| known == name)
    {
        let bytes = word(text).map_err(SessionError::Unfit)?;
        entries.push((name.replace(".md", ".docx"), Content::Bytes(bytes)));
    }
    let large = large(&solution, &laid)?;
    let packed = weights.as_ref().ok().map(|(file, packed)| (packed.file.clone(), Content::File(file.clone())));
    entries.extend(large.into_iter().chain(packed).chain(data_files).chain(asked.extra));
    notes.extend(own_folders(&entries, &project.root));
    let entries = in_order(entries, asked.host, &data)?;
    publish_archive(file, &entries)?;
    // They are in the pack, and the store has what they were made of.
    weights.iter().try_for_each(|(file, _)| files::remove_file(file).map(drop))?;
    let source = std::fs::File::open(file).and_then(|zip| Ok((zip.metadata()?.len(), Key::of_reader(zip)?)));
    let (bytes, file_hash) = source.map_err(files::FileError::at("cannot read", file))?;
    Ok(Written {
        recipe: solution.run.head.recipe.clone(),
        submission: entry.file_hash,
        file: file.to_owned(),
        file_hash,
        bytes,
        files: entries.into_iter().map(|(name, _)| name).collect(),
        missing,
        notes,
    })
}

/// Adds the questions of a host to the author's file; gives its path, and whether it was changed.
///
/// # Errors
/// When the file cannot be read or written.
pub fn ask(root: &Path, host: Host) -> Result<(PathBuf, bool), SessionError> {
    let file = root.join(questions::FILE);
    let text = if file.exists() { Some(files::read_text(&file)?) } else { None };
    let more = questions::with_questions(text.as_deref(), &host.questions());
    if let Some(text) = &more {
        files::publish(&file, text.as_bytes())?;
    }
    Ok((file, more.is_some()))
}

fn answers(root: &Path) -> Result<questions::Answers, SessionError> {
    let file = root.join(questions::FILE);
    Ok(if file.is_file() { questions::read(&files::read_text(&file)?) } else { questions::Answers::default() })
}

/// What is there already gives way only when it is a pack.
fn refuse_to_overwrite(file: &Path) -> Result<(), SessionError> {
    let is_pack = || matches!(files::unpack::entry(file, LOCK, super::lock::MOST), Ok(Some(_)));
    if file.exists() && !is_pack() {
        let text =
            format!("{} is there and is no pack; nothing was written, name another file with --out", file.display());
        return Err(SessionError::Unfit(text));
    }
    Ok(())
}

/// The photos, which must be those of then.
fn unchanged(laid: &Laid, source: &Source, progress: &dyn Progress, cancel: &Cancel) -> Result<Photos, SessionError> {
    let (checked, photos) = check::all(laid, source, Until::Check, progress, cancel)?;
    if let (false, Some(photos)) = (checked.is_blocked(), photos) {
        return Ok(photos);
    }
    let photos = checked.photos.iter().take(3).map(|photo| format!("{} {} {}", photo.role, photo.id, photo.what));
    let told: Vec<String> = photos.chain(checked.data).chain(checked.weights).collect();
    let hash = source.solution.expected.file_hash.short();
    let text = format!(
        "data or weights are others than when submission {hash} was made ({}); bring them back, or submit again. toji reproduce {hash} --check names everything",
        told.join("; ")
    );
    Err(SessionError::Unfit(text))
}

/// The submission's text: the file of then, or the same bytes made again.
fn submission(
    laid: &Laid,
    source: &Source,
    photos: &Photos,
    listen: &(dyn Fn(&Event) + Sync),
    cancel: &Cancel,
) -> Result<String, SessionError> {
    if let Some(text) = &source.submission {
        return Ok(text.clone());
    }
    let expected = &source.solution.expected;
    let file = source.answers.join(file_name(&expected.file));
    let made = submit::answer(&laid.project, &laid.recipe, photos, &laid.rung, &file, listen, cancel)?;
    if made.file_hash != expected.file_hash {
        let text = format!(
            "the file of submission {} is gone or changed, and what is made again has other bytes ({}): toji reproduce {} says how they compare",
            expected.file_hash.short(),
            made.file_hash.short(),
            expected.file_hash.short()
        );
        return Err(SessionError::Unfit(text));
    }
    Ok(files::read_text(&file)?)
}

/// The packed weights' file with its name in the pack, or why they cannot be packed.
fn weights(
    laid: &Laid,
    source: &Source,
    photos: &Photos,
    listen: &(dyn Fn(&Event) + Sync),
    cancel: &Cancel,
) -> Result<Result<(PathBuf, Packed), String>, SessionError> {
    let name = format!("{}.safetensors", laid.recipe.name);
    let file = source.work.join("models").join(&name);
    // What a kill left of it would not be overwritten.
    files::remove_file(&file)?;
    match submit::export(&laid.project, &laid.recipe, photos, &laid.rung, &file, listen, cancel) {
        Ok(done) => Ok(Ok((file, Packed { file: format!("models/{name}"), blake3: done.file_hash }))),
        // Photos seen through a table of boxes, or a member from outside.
        Err(SessionError::Unfit(why)) => Ok(Err(why)),
        Err(error) => Err(error),
    }
}

/// The lock as others get it, with the list of photos: no folder of this machine in it, and the packed weights.
fn for_others(
    solution: &Solution,
    laid: &Laid,
    photos: &Photos,
    weights: Option<&(PathBuf, Packed)>,
) -> Result<(Solution, photos::List), SessionError> {
    let mut own = solution.clone();
    let list = photos::list(&laid.project, photos);
    own.photos = PhotoLists {
        list: Some(list.file.clone()),
        list_hash: Some(Key::of_bytes(list.text.as_bytes())),
        columns: Some(photos.columns),
        dealt: Some(photos.dealt),
        roles: list.roles.clone(),
    };
    let name = |path: &str| file_name(path).to_owned();
    if inside(&own.expected.file).is_none() {
        own.expected.file = name(&own.expected.file);
    }
    for input in own.inputs.iter_mut().filter(|input| input.kind == InputKind::Table && inside(&input.file).is_none()) {
        input.file = name(&input.file);
    }
    let folder = own.run.facts.get("data.folder").and_then(Value::as_text).unwrap_or(".").to_owned();
    if is_elsewhere(&folder) {
        own.run.facts.set("data.folder", Value::Text(DATA.to_owned()));
        own.competition.text = book::print(&own.run.facts);
    }
    own.packed = weights.map(|(_, packed)| packed.clone());
    Ok((own, list))
}

/// Where the data lies in the pack, and its files if they are wanted.
fn data_files(
    laid: &Laid,
    photos: &Photos,
    solution: &Solution,
    wanted: bool,
) -> Result<(String, Vec<(String, Content)>), SessionError> {
    let written = solution.run.facts.get("data.folder").and_then(Value::as_text).unwrap_or(".");
    let place = written.trim_start_matches("./").trim_end_matches('/').to_owned();
    let data = if matches!(place.as_str(), "" | ".") { ".".to_owned() } else { place };
    let mut found = Vec::new();
    if !wanted {
        return Ok((data, found));
    }
    let folder = &laid.project.competition.data.folder;
    let named = |file: &Path| -> Result<String, SessionError> {
        let name = file.components().map(|part| part.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/");
        let whole = if data == "." { name.clone() } else { format!("{data}/{name}") };
        match inside(&whole) {
            Some(_) => Ok(whole),
            None => Err(SessionError::Unfit(format!(
                "{} lies outside of the data's folder, so it cannot be packed with it: leave out --with-data",
                file.display()
            ))),
        }
    };
    for input in solution.inputs.iter().filter(|input| input.kind == InputKind::Table) {
        found.push((named(Path::new(&input.file))?, Content::File(folder.join(&input.file))));
    }
    let mut met = BTreeSet::new();
    for photo in &photos.manifest.tables().photos {
        let path = laid.project.root.join(&photo.path);
        if met.insert(path.clone()) {
            let inner = path.strip_prefix(folder).unwrap_or(&path).to_owned();
            found.push((named(&inner)?, Content::File(path)));
        }
    }
    Ok((data, found))
}

/// Files that the lock only knows the hash of.
fn large(solution: &Solution, laid: &Laid) -> Result<Vec<(String, Content)>, SessionError> {
    let inputs = solution.inputs.iter().filter(|input| input.text.is_none() && input.kind != InputKind::Table);
    let inputs = inputs.map(|input| (input.file.clone(), input.hash));
    let weights = solution.run.weights.iter().filter(|weights| weights.commit.is_none());
    let weights = weights.filter_map(|weights| Some((weights.file.clone(), weights.blake3?)));
    let mut found = Vec::new();
    for (name, hash) in inputs.chain(weights) {
        let file = laid.project.root.join(&name);
        if !laid::is_it(&file, hash) {
            return Err(SessionError::Unfit(format!("{name} is missing, or has other bytes than then: bring it back")));
        }
        if found.iter().all(|(known, _)| *known != name) {
            found.push((name, Content::File(file)));
        }
    }
    Ok(found)
}

/// Texts that name the project's folder: recipes and answers are the author's own words, so it is only said.
fn own_folders(entries: &[(String, Content)], root: &Path) -> Vec<String> {
    let own = root.display().to_string();
    let names = |content: &Content| match content {
        Content::Bytes(bytes) => std::str::from_utf8(bytes).is_ok_and(|text| text.contains(&own)),
        Content::File(_) => false,
    };
    let told = |(name, _): &(String, Content)| {
        format!("{name} names the folder {own} of this machine; change it where it was written, and pack again")
    };
    entries.iter().filter(|(_, content)| own.len() > 1 && names(content)).map(told).collect()
}

/// All entries sorted by name, each once, with the lists of folders and hashes that a host wants.
fn in_order(
    mut entries: Vec<(String, Content)>,
    host: Host,
    data: &str,
) -> Result<Vec<(String, Content)>, SessionError> {
    entries.sort_by(|a, b| a.0.cmp(&b.0));
    if let Some(pair) = entries.windows(2).find(|pair| pair[0].0 == pair[1].0) {
        return Err(SessionError::Unfit(format!(
            "two files of the pack would be called {}: rename that of the project",
            pair[0].0
        )));
    }
    if let Some((name, _)) = entries.iter().find(|(name, _)| inside(name).is_none()) {
        return Err(SessionError::Unfit(format!(
            "{name} lies outside of the project and cannot be packed: move it in, or copy what it says into the recipe"
        )));
    }
    let mut last = Vec::new();
    if host == Host::Kaggle {
        let above = |name: &String| {
            Path::new(name).ancestors().skip(1).map(|folder| folder.display().to_string()).collect::<Vec<_>>()
        };
        // Also where the data belongs, whether it is in the pack or not.
        let below_data = (data != ".").then(|| format!("{data}/photo"));
        let names = entries.iter().map(|(name, _)| name.clone()).chain(below_data);
        let folders: BTreeSet<String> = names.flat_map(|name| above(&name)).collect();
        let lines: Vec<String> = folders
            .iter()
            .map(|folder| if folder.is_empty() { ".".to_owned() } else { format!("./{folder}") })
            .collect();
        last.push(("directory_structure.txt".to_owned(), Content::Bytes((lines.join("\n") + "\n").into_bytes())));
    }
    if host == Host::Signate {
        let mut text = String::new();
        for (name, content) in &entries {
            let hash = match content {
                Content::Bytes(bytes) => Key::of_bytes(bytes),
                Content::File(file) => std::fs::File::open(file)
                    .and_then(Key::of_reader)
                    .map_err(files::FileError::at("cannot read", file))?,
            };
            text.push_str(&format!("{hash}  {name}\n"));
        }
        last.push(("hashes.txt".to_owned(), Content::Bytes(text.into_bytes())));
    }
    entries.extend(last);
    entries.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(entries)
}

/// What the host asks for and nobody has said, as a page of the pack.
fn missing_page(host: Host, missing: &[Missing]) -> String {
    if missing.is_empty() {
        return format!("# Nothing is missing\n\nAll that {} asks for is in this pack.\n", host.title());
    }
    let line = |missing: &Missing| format!("| {} | {} | {} |\n", missing.number, missing.asks, missing.help);
    let lines: String = missing.iter().map(line).collect();
    format!(
        "# Missing\n\n{} asks for these, and nobody has said them. Remove this page when all are there.\n\n| | asked for | what to do |\n|---|---|---|\n{lines}",
        host.title()
    )
}
