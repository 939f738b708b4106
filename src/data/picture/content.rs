//! What the bytes of every picture are: their hash, their size in pixels, whether they are whole.
//!
//! Takes paths; gives one [`Content`] each. A file is read only when its size, time or inode differ from what the
//! cache says, so that 100,000 unchanged pictures cost 100,000 `stat`s. The cache is one binary file with a hash at
//! its end, published whole; when it is torn or from another version it is made anew. As in git's index, a file
//! changed within two seconds of being read is not remembered: a second change in the same tick would go unseen.

use std::collections::HashMap;
use std::fs::{self, Metadata};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use rayon::prelude::*;

use crate::base::files::{self, FileError};
use crate::base::{Cancel, Key, Progress};

use super::decode::{self, Fault, Limits};
use crate::data::error::DataError;

/// What is known of one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// A whole picture.
    Picture {
        /// BLAKE3 of the file's bytes.
        key: Key,
        /// Pixels a row, after the EXIF rotation.
        width: u32,
        /// Rows, after the EXIF rotation.
        height: u32,
    },
    /// Missing, or no picture that can be used; with the reason.
    Unusable(String),
}

/// The contents of some files, and what it took.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contents {
    /// One for each path.
    pub of: Vec<Content>,
    /// What each file was when it was looked at; `None` where there was none.
    pub stamps: Vec<Option<Stamp>>,
    /// How many were known from the cache.
    pub cached: usize,
    /// How many files were read.
    pub read: usize,
}

/// A file that is not what the cache says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The file, as it was given.
    pub path: PathBuf,
    /// What the cache says, or why it said that the file is unusable.
    pub cached: Content,
    /// What it is.
    pub found: Content,
    /// Whether size, time and inode are the same as before, so that only reading could tell.
    pub silent: bool,
}

/// What `verify` found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// Files that were read.
    pub checked: usize,
    /// Files of which the cache knew nothing.
    pub new: usize,
    /// Files that differ.
    pub differ: Vec<Difference>,
    /// Pictures that cannot be decoded to their end, with what is wrong. Header and end marker are there, so nothing else tells them.
    pub damaged: Vec<(PathBuf, String)>,
}

/// What identifies an unchanged file without reading it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    bytes: u64,
    /// Nanoseconds since 1970.
    modified: i64,
    inode: u64,
}

/// What the cache knows of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    stamp: Stamp,
    key: Key,
    /// Width and height, or why it is no whole picture.
    seen: Result<(u32, u32), String>,
}

type Entries = HashMap<Box<str>, Entry>;

/// How many files are read before the cache is saved, so that a killed first pass goes on where it was.
const SAVE_EVERY: usize = 16_384;
/// Files younger than this when reading starts are not remembered, in nanoseconds: FAT counts in steps of 2 s.
const YOUNG: i64 = 2_000_000_000;
const MAGIC: &[u8; 16] = b"toji content 01\n";

/// The contents of files, given relative to `root` (or absolute), through the cache file at `cache`.
///
/// # Errors
/// When asked to stop (what was read until then is in the cache), or when the cache cannot be written. A missing or
/// broken picture is no error here but [`Content::Unusable`].
pub fn contents(
    root: &Path,
    paths: &[&Path],
    limits: &Limits,
    cache: &Path,
    cancel: &Cancel,
    progress: &dyn Progress,
) -> Result<Contents, DataError> {
    let mut entries = load(cache);
    let (mut of, mut stamps): (Vec<Option<Content>>, Vec<Option<Stamp>>) = paths
        .par_iter()
        .with_min_len(256)
        .map(|path| {
            let stamp = Stamp::at(&root.join(path));
            let known = entries.get(&*name(path)).filter(|entry| Some(entry.stamp) == stamp);
            (known.map(|entry| entry.content(limits)), stamp)
        })
        .unzip();
    cancel.check()?;
    let missing: Vec<usize> = (0..of.len()).filter(|&i| of[i].is_none()).collect();
    let reader = Reader {
        root,
        limits,
        cancel,
        progress,
        done: AtomicU64::new(0),
        total: missing.len() as u64,
        what: "hashing",
        deep: false,
    };
    let young = if missing.is_empty() { i64::MAX } else { young_from(cache)? };
    for chunk in missing.chunks(SAVE_EVERY) {
        let read: Vec<(usize, Option<Look>)> = chunk.par_iter().map(|&i| (i, reader.look(paths[i]))).collect();
        let mut stopped = false;
        let mut learnt = false;
        for (i, look) in read {
            let Some(look) = look else {
                stopped = true;
                continue;
            };
            of[i] = Some(look.content);
            stamps[i] = look.stamp;
            if let Some(entry) = look.entry.filter(|entry| entry.stamp.modified < young) {
                entries.insert(name(paths[i]).into(), entry);
                learnt = true;
            }
        }
        if learnt {
            save(cache, &entries)?;
        }
        if stopped {
            cancel.check()?;
        }
    }
    let cached = of.len() - missing.len();
    let unread = || Content::Unusable("it was not read".to_owned());
    let of = of.into_iter().map(|c| c.unwrap_or_else(unread)).collect();
    Ok(Contents { of, stamps, cached, read: missing.len() })
}

/// Whether a name ends like a picture's.
pub fn is_picture(name: &str) -> bool {
    let end = name.rsplit_once('.').map(|(_, end)| end.to_ascii_lowercase());
    matches!(end.as_deref(), Some("jpg" | "jpeg" | "png" | "webp"))
}

/// The files in a folder and the folders in it that are called like pictures, sorted by their paths. Hidden ones are passed over, and so
/// are folders that are only linked, which may lead in circles.
///
/// # Errors
/// When a folder cannot be listed.
pub fn pictures_in(folder: &Path) -> Result<Vec<PathBuf>, DataError> {
    let (mut found, mut folders) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(&folder).map_err(FileError::at("cannot list", &folder))?;
        for entry in entries {
            let entry = entry.map_err(FileError::at("cannot list", &folder))?;
            let name = entry.file_name().to_string_lossy().into_owned();
            match entry.file_type().map_err(FileError::at("cannot list", &folder))? {
                _ if name.starts_with('.') => {}
                kind if kind.is_dir() => folders.push(entry.path()),
                _ if is_picture(&name) => found.push(entry.path()),
                _ => {}
            }
        }
    }
    found.sort();
    Ok(found)
}

/// The contents of files, read here and now, without a cache.
///
/// # Errors
/// When asked to stop. A missing or broken picture is [`Content::Unusable`].
pub fn look(
    paths: &[&Path],
    limits: &Limits,
    cancel: &Cancel,
    progress: &dyn Progress,
) -> Result<Vec<Content>, DataError> {
    let (done, total) = (AtomicU64::new(0), paths.len() as u64);
    let reader = Reader { root: Path::new(""), limits, cancel, progress, done, total, what: "reading", deep: false };
    let found: Vec<Option<Look>> = paths.par_iter().map(|path| reader.look(path)).collect();
    cancel.check()?;
    Ok(found.into_iter().flatten().map(|look| look.content).collect())
}

/// Reads all files again, whatever the cache says, tells what differs and what is damaged, and corrects the cache.
///
/// # Errors
/// As [`contents`].
pub fn verify(
    root: &Path,
    paths: &[&Path],
    limits: &Limits,
    cache: &Path,
    cancel: &Cancel,
    progress: &dyn Progress,
) -> Result<Verified, DataError> {
    let mut entries = load(cache);
    let reader = Reader {
        root,
        limits,
        cancel,
        progress,
        done: AtomicU64::new(0),
        total: paths.len() as u64,
        what: "verifying",
        deep: true,
    };
    let young = young_from(cache)?;
    let looks: Vec<Option<Look>> = paths.par_iter().map(|path| reader.look(path)).collect();
    cancel.check()?;
    let mut verified = Verified { checked: paths.len(), new: 0, differ: Vec::new(), damaged: Vec::new() };
    for (path, look) in paths.iter().zip(looks) {
        let Some(look) = look else { continue };
        let key = name(path);
        verified.damaged.extend(look.damage.map(|what| (path.to_path_buf(), what)));
        match entries.get(&*key) {
            None => verified.new += 1,
            Some(known) if look.entry.as_ref().is_some_and(|e| e.key == known.key) => {}
            Some(known) => verified.differ.push(Difference {
                path: path.to_path_buf(),
                cached: known.content(limits),
                found: look.content,
                silent: look.entry.as_ref().is_some_and(|e| e.stamp == known.stamp),
            }),
        }
        match look.entry.filter(|entry| entry.stamp.modified < young) {
            Some(entry) => drop(entries.insert(key.into(), entry)),
            None => drop(entries.remove(&*key)),
        }
    }
    save(cache, &entries)?;
    Ok(verified)
}

/// The one who reads files.
struct Reader<'a> {
    root: &'a Path,
    limits: &'a Limits,
    cancel: &'a Cancel,
    progress: &'a dyn Progress,
    done: AtomicU64,
    total: u64,
    what: &'a str,
    /// Whether pixels are read too, which takes many times as long as a hash.
    deep: bool,
}

/// What reading a file gave; the entry is what may be remembered.
struct Look {
    content: Content,
    /// Taken before the bytes were read.
    stamp: Option<Stamp>,
    entry: Option<Entry>,
    /// What is wrong with the pixels, where they were read.
    damage: Option<String>,
}

impl Reader<'_> {
    /// Reads one file; `None` when asked to stop.
    fn look(&self, path: &Path) -> Option<Look> {
        if self.cancel.is_cancelled() {
            return None;
        }
        let file = self.root.join(path);
        let stamp = Stamp::at(&file);
        let look = match self.read(&file) {
            Ok((entry, damage)) => Look { content: entry.content(self.limits), stamp, entry: Some(entry), damage },
            Err(fault) => Look { content: Content::Unusable(told(&fault)), stamp, entry: None, damage: None },
        };
        let done = self.done.fetch_add(1, Ordering::Relaxed) + 1;
        if done.is_multiple_of(64) || done == self.total {
            self.progress.at(self.what, done, self.total, "images");
        }
        Some(look)
    }

    /// The file's entry, and what is wrong with its pixels; what is no picture by its header has no pixels.
    fn read(&self, file: &Path) -> Result<(Entry, Option<String>), Fault> {
        // The stamp is taken before the bytes: a change in between leaves an old stamp, which is read again.
        let metadata = fs::metadata(file)?;
        if metadata.is_dir() {
            return Err(Fault::Broken("it is a folder".to_owned()));
        }
        if !metadata.is_file() {
            // Reading a pipe would wait for its writer for ever.
            return Err(Fault::Broken("it is not a regular file".to_owned()));
        }
        let bytes = decode::read_limited(file, self.limits)?;
        let seen =
            decode::inspect(&bytes).map(|header| (header.width, header.height)).map_err(|fault| fault.to_string());
        let damage = (self.deep && seen.is_ok()).then(|| decode::damage(&bytes, self.limits)).flatten();
        Ok((Entry { stamp: Stamp::of(&metadata), key: Key::of_bytes(&bytes), seen }, damage))
    }
}

fn told(fault: &Fault) -> String {
    match fault {
        Fault::Read(e) if e.kind() == std::io::ErrorKind::NotFound => "the file is missing".to_owned(),
        fault => fault.to_string(),
    }
}

impl Entry {
    /// Judged by today's limits, which may differ from those when it was read.
    fn content(&self, limits: &Limits) -> Content {
        match &self.seen {
            Err(why) => Content::Unusable(why.clone()),
            Ok((width, height)) => match decode::judge(*width, *height, limits) {
                Ok(()) => Content::Picture { key: self.key, width: *width, height: *height },
                Err(fault) => Content::Unusable(fault.to_string()),
            },
        }
    }
}

impl Stamp {
    /// The stamp of a file; `None` when there is none.
    pub fn at(file: &Path) -> Option<Stamp> {
        fs::metadata(file).ok().map(|metadata| Stamp::of(&metadata))
    }

    #[cfg(unix)]
    fn of(metadata: &Metadata) -> Stamp {
        use std::os::unix::fs::MetadataExt;
        let modified = metadata.mtime().saturating_mul(1_000_000_000).saturating_add(metadata.mtime_nsec());
        Stamp { bytes: metadata.len(), modified, inode: metadata.ino() }
    }

    #[cfg(not(unix))]
    fn of(metadata: &Metadata) -> Stamp {
        let since = metadata.modified().ok().and_then(|t| t.duration_since(std::time::UNIX_EPOCH).ok());
        Stamp { bytes: metadata.len(), modified: since.map_or(0, |d| d.as_nanos() as i64), inode: 0 }
    }
}

/// The file system's own time now, less [`YOUNG`]: what was changed later may change again unseen.
fn young_from(cache: &Path) -> Result<i64, DataError> {
    let folder = cache.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    files::make_folder(folder)?;
    let cannot = "cannot make a temporary file in";
    let probe = tempfile::tempfile_in(folder).map_err(FileError::at(cannot, folder))?;
    let metadata = probe.metadata().map_err(FileError::at(cannot, folder))?;
    Ok(Stamp::of(&metadata).modified.saturating_sub(YOUNG))
}

/// The name under which a path is remembered.
fn name(path: &Path) -> std::borrow::Cow<'_, str> {
    path.to_string_lossy()
}

/// Reads the cache; empty when there is none that can be trusted.
fn load(cache: &Path) -> Entries {
    fs::read(cache).ok().and_then(|bytes| parse(&bytes)).unwrap_or_default()
}

fn save(cache: &Path, entries: &Entries) -> Result<(), DataError> {
    Ok(files::publish(cache, &print(entries))?)
}

/// Magic, number of entries, entries sorted by path, BLAKE3 of all of it. Numbers are little-endian; text has its
/// length before it; a picture without a fault has an empty one.
fn print(entries: &Entries) -> Vec<u8> {
    let mut sorted: Vec<(&Box<str>, &Entry)> = entries.iter().collect();
    sorted.sort_unstable_by_key(|(path, _)| *path);
    let mut out = Vec::with_capacity(64 + entries.len() * 128);
    let text = |out: &mut Vec<u8>, text: &str| {
        out.extend((text.len() as u32).to_le_bytes());
        out.extend(text.as_bytes());
    };
    out.extend(MAGIC);
    out.extend((entries.len() as u64).to_le_bytes());
    for (path, entry) in sorted {
        text(&mut out, path);
        out.extend(entry.stamp.bytes.to_le_bytes());
        out.extend(entry.stamp.modified.to_le_bytes());
        out.extend(entry.stamp.inode.to_le_bytes());
        out.extend(entry.key.as_bytes());
        let (width, height) = entry.seen.as_ref().copied().unwrap_or_default();
        out.extend(width.to_le_bytes());
        out.extend(height.to_le_bytes());
        text(&mut out, entry.seen.as_ref().err().map_or("", String::as_str));
    }
    let hash = Key::of_bytes(&out);
    out.extend(hash.as_bytes());
    out
}

fn parse(bytes: &[u8]) -> Option<Entries> {
    let (body, hash) = bytes.split_last_chunk::<32>()?;
    if Key::of_bytes(body).as_bytes() != hash {
        return None;
    }
    let mut rest = body.strip_prefix(MAGIC)?;
    let count = u64::from_le_bytes(take(&mut rest)?);
    let mut entries = Entries::with_capacity(usize::try_from(count).ok()?.min(body.len() / 64));
    for _ in 0..count {
        let path = take_text(&mut rest)?;
        let stamp = Stamp {
            bytes: u64::from_le_bytes(take(&mut rest)?),
            modified: i64::from_le_bytes(take(&mut rest)?),
            inode: u64::from_le_bytes(take(&mut rest)?),
        };
        let key = Key::from_bytes(take(&mut rest)?);
        let size = (u32::from_le_bytes(take(&mut rest)?), u32::from_le_bytes(take(&mut rest)?));
        let fault = take_text(&mut rest)?;
        let seen = if fault.is_empty() { Ok(size) } else { Err(fault.to_owned()) };
        entries.insert(path.into(), Entry { stamp, key, seen });
    }
    rest.is_empty().then_some(entries)
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (head, tail) = rest.split_first_chunk::<N>()?;
    *rest = tail;
    Some(*head)
}

fn take_text<'a>(rest: &mut &'a [u8]) -> Option<&'a str> {
    let length = u32::from_le_bytes(take(rest)?) as usize;
    let (head, tail) = rest.split_at_checked(length)?;
    *rest = tail;
    std::str::from_utf8(head).ok()
}
