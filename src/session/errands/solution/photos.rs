//! Which photos there were, by role, id, file and bytes.
//!
//! Takes the manifest; gives a CSV of all photos, named by the manifest's key, so that submissions on the same data share it. Against it the photos of another machine
//! are compared one by one, and what is missing or differs is named.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use serde::Serialize;

use super::lock::RoleList;
use crate::base::{Cancel, Key, KeyWriter, Progress};
use crate::data::Role;
use crate::data::content::{self, Content};
use crate::data::layout::Listing;
use crate::session::project::photos::CACHE;
use crate::session::{Photos, Project, SessionError};

/// The header.
const HEADER: &str = "role,id,file,blake3";

/// All photos as text.
pub struct List {
    /// Its file's name.
    pub file: String,
    /// CSV: role, id, the file relative to the data's folder, BLAKE3 of its bytes.
    pub text: String,
    /// How many of each role, with the key of their ids and bytes.
    pub roles: BTreeMap<String, RoleList>,
}

/// The name of a role, as the list has it.
fn name(role: Role) -> &'static str {
    match role {
        Role::Train => "train",
        Role::Query => "query",
        Role::Gallery => "gallery",
        Role::Both => "both",
    }
}

/// The list of a project's photos, as the tables have them: what `edits.csv` leaves out is in it.
pub fn list(project: &Project, photos: &Photos) -> List {
    let mut text = format!("{HEADER}\n");
    let mut keys: BTreeMap<&'static str, (usize, KeyWriter)> = BTreeMap::new();
    let folder = &project.competition.data.folder;
    for photo in &photos.manifest.tables().photos {
        let (role, key) = (name(photo.role), photo.whole());
        let path = project.root.join(&photo.path);
        let file = path.strip_prefix(folder).unwrap_or(&path).display().to_string();
        text.push_str(&format!("{role},{},{},{key}\n", quoted(&photo.id), quoted(&file)));
        let (count, hash) = keys.entry(role).or_insert_with(|| (0, KeyWriter::new("photos of a role 1")));
        *count += 1;
        hash.bytes(photo.id.as_bytes()).key(&key);
    }
    let of =
        |(role, (count, hash)): (&str, (usize, KeyWriter))| (role.to_owned(), RoleList { count, hash: hash.finish() });
    List { file: format!("photos-{}.csv", photos.key.short()), text, roles: keys.into_iter().map(of).collect() }
}

/// A cell: between quotes where it has to be.
fn quoted(text: &str) -> String {
    match text.contains(['"', ',', '\n', '\r']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text.to_owned(),
    }
}

/// One row of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// What the host gives it for.
    pub role: String,
    /// Its id.
    pub id: String,
    /// Its file, relative to the data's folder.
    pub file: String,
    /// BLAKE3 of its bytes.
    pub blake3: Key,
}

/// Reads a list.
///
/// # Errors
/// What is wrong, with its row.
pub fn read(text: &str) -> Result<Vec<Listed>, String> {
    let mut rows = cells(text).into_iter();
    if rows.next().is_none_or(|header| header.join(",") != HEADER) {
        return Err(format!("its header is not {HEADER}"));
    }
    let row = |(number, cells): (usize, Vec<String>)| -> Result<Listed, String> {
        let wrong = || format!("row {number} is no photo");
        let [role, id, file, key]: [String; 4] = cells.try_into().map_err(|_| wrong())?;
        Ok(Listed { role, id, file, blake3: key.parse().map_err(|_| wrong())? })
    };
    (2..).zip(rows).map(row).collect()
}

/// The cells of a CSV, row by row.
fn cells(text: &str) -> Vec<Vec<String>> {
    let (mut rows, mut row, mut cell, mut open) = (Vec::new(), Vec::new(), String::new(), false);
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' if open && chars.peek() == Some(&'"') => cell.extend(chars.next()),
            '"' => open = !open,
            ',' if !open => row.push(std::mem::take(&mut cell)),
            '\r' if !open => {}
            '\n' if !open => {
                row.push(std::mem::take(&mut cell));
                rows.push(std::mem::take(&mut row));
            }
            c => cell.push(c),
        }
    }
    if !cell.is_empty() || !row.is_empty() {
        row.push(cell);
        rows.push(row);
    }
    rows
}

/// A photo that is not as it was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Differs {
    /// What the host gives it for.
    pub role: String,
    /// Its id.
    pub id: String,
    /// Its file, relative to the data's folder.
    pub file: String,
    /// What is wrong with it: "is missing", "has other bytes", …
    pub what: String,
}

/// The photos of a project that are not as a list has them: missing, changed, unreadable, or not in the list.
///
/// # Errors
/// When the tables cannot be read; on a stop.
pub fn compare(
    project: &Project,
    listed: &[Listed],
    progress: &dyn Progress,
    cancel: &Cancel,
) -> Result<Vec<Differs>, SessionError> {
    let listing = Listing::read(&project.competition)?;
    let paths: Vec<&Path> = listing.rows.iter().map(|row| row.path.as_path()).collect();
    let (cache, limits) = (project.toji.join(CACHE), &project.competition.data.limits);
    let contents = content::contents(&project.root, &paths, limits, &cache, cancel, progress)?;
    let here: HashMap<(&str, &str), &Content> =
        listing.rows.iter().map(|row| (name(row.role), row.id.as_str())).zip(&contents.of).collect();
    let mut found = Vec::new();
    for photo in listed {
        let what = match here.get(&(photo.role.as_str(), photo.id.as_str())) {
            None => "is in no table".to_owned(),
            Some(Content::Picture { key, .. }) if *key == photo.blake3 => continue,
            Some(Content::Picture { .. }) => "has other bytes".to_owned(),
            Some(Content::Unusable(why)) => format!("cannot be used: {why}"),
        };
        found.push(Differs { role: photo.role.clone(), id: photo.id.clone(), file: photo.file.clone(), what });
    }
    let known: std::collections::HashSet<(&str, &str)> =
        listed.iter().map(|photo| (photo.role.as_str(), photo.id.as_str())).collect();
    let readable = |content: &Content| matches!(content, Content::Picture { .. });
    for (row, content) in listing.rows.iter().zip(&contents.of) {
        if !known.contains(&(name(row.role), row.id.as_str())) && readable(content) {
            let (role, id, file) = (name(row.role).to_owned(), row.id.clone(), row.path.display().to_string());
            found.push(Differs { role, id, file, what: "was not there".to_owned() });
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_any_kind_come_back() {
        let key = Key::of_bytes(b"x");
        let names = ["a", "a,b", "a \"b\"", "a\nb", "日本 酒"];
        let rows: String = names.iter().map(|n| format!("train,{},{},{key}\n", quoted(n), quoted(n))).collect();
        let read_back = read(&format!("{HEADER}\n{rows}")).unwrap();
        assert_eq!(read_back.iter().map(|row| row.id.as_str()).collect::<Vec<_>>(), names);
        assert!(read_back.iter().all(|row| row.id == row.file && row.blake3 == key));
        assert!(read("a,b\n").unwrap_err().contains("header"));
        assert_eq!(read(&format!("{HEADER}\ntrain,1,1.jpg\n")).unwrap_err(), "row 2 is no photo");
    }
}
