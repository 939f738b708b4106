//! Zip archives, the same bytes for the same content.
//!
//! Takes names and contents in the order in which they shall stand; publishes one `.zip` (or `.docx`, which is one). Nothing is
//! compressed: what is packed here, weights and photos, does not get smaller, and a file of any size is read straight through. Entries have no date
//! (1980-01-01, the format's first) and the rights of a plain file, so an archive says nothing of when and where it was made.

use std::fs::File as Source;
use std::io::{self, BufReader, BufWriter, Cursor, Seek, Write};
use std::path::{Path, PathBuf};

use zip::write::{SimpleFileOptions, ZipWriter};
use zip::{CompressionMethod, DateTime};

use super::{FileError, publish_with};

/// What one entry holds.
#[derive(Clone, Debug)]
pub enum Content {
    /// These bytes.
    Bytes(Vec<u8>),
    /// What this file holds when the archive is written.
    File(PathBuf),
}

/// Publishes an archive of the entries: names with `/` between folders and the content, in this order.
///
/// # Errors
/// When a file cannot be read, two entries have one name, or the archive cannot be written; `path` then holds what it held before.
pub fn publish_archive(path: &Path, entries: &[(String, Content)]) -> Result<(), FileError> {
    let mut unread = None;
    let written =
        publish_with(path, |file| write(BufWriter::with_capacity(1 << 20, file), entries, &mut unread)?.flush());
    written.map_err(|error| match unread {
        Some(path) => FileError { doing: "cannot read", path, source: error.source },
        None => error,
    })
}

/// The bytes that [`publish_archive`] would publish: an archive that goes into another one.
///
/// # Errors
/// When a file cannot be read, or two entries have one name.
pub fn archive_bytes(entries: &[(String, Content)]) -> io::Result<Vec<u8>> {
    Ok(write(Cursor::new(Vec::new()), entries, &mut None)?.into_inner())
}

/// Writes the entries; a file that cannot be read is named in `unread`.
fn write<W: Write + Seek>(to: W, entries: &[(String, Content)], unread: &mut Option<PathBuf>) -> io::Result<W> {
    let mut zip = ZipWriter::new(to);
    for (name, content) in entries {
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Stored)
            .last_modified_time(DateTime::default())
            .unix_permissions(0o644)
            // Sizes in 64 bits, where 32 may not be enough.
            .large_file(length(content).is_none_or(|length| length >= u64::from(u32::MAX)));
        zip.start_file(name.as_str(), options).map_err(io::Error::other)?;
        match content {
            Content::Bytes(bytes) => zip.write_all(bytes)?,
            Content::File(source) => {
                let opened = Source::open(source).inspect_err(|_| *unread = Some(source.clone()))?;
                io::copy(&mut BufReader::with_capacity(1 << 20, opened), &mut zip)?;
            }
        }
    }
    zip.finish().map_err(io::Error::other)
}

/// Bytes of a content, where they can be told.
fn length(content: &Content) -> Option<u64> {
    match content {
        Content::Bytes(bytes) => Some(bytes.len() as u64),
        Content::File(file) => std::fs::metadata(file).ok().map(|known| known.len()),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn an_archive_has_its_entries_and_the_same_bytes_each_time() {
        let folder = tempfile::tempdir().unwrap();
        let weights = folder.path().join("weights");
        super::super::publish(&weights, &[7; 3000]).unwrap();
        let entries = [
            ("README.md".to_owned(), Content::Bytes("読んで".into())),
            ("models/重み.safetensors".to_owned(), Content::File(weights.clone())),
        ];
        let (one, two) = (folder.path().join("one.zip"), folder.path().join("two.zip"));
        publish_archive(&one, &entries).unwrap();
        publish_archive(&two, &entries).unwrap();
        assert_eq!(super::super::read(&one).unwrap(), super::super::read(&two).unwrap());
        assert_eq!(super::super::read(&one).unwrap(), archive_bytes(&entries).unwrap());
        let mut archive = zip::ZipArchive::new(Source::open(&one).unwrap()).unwrap();
        let mut back = String::new();
        archive.by_name("README.md").unwrap().read_to_string(&mut back).unwrap();
        assert_eq!(back, "読んで");
        assert_eq!(archive.by_name("models/重み.safetensors").unwrap().size(), 3000);
        std::fs::remove_file(&weights).unwrap();
        let error = publish_archive(&one, &entries).unwrap_err().to_string();
        assert!(error.starts_with("cannot read") && error.contains("weights"), "{error}");
        let twice = [entries[0].clone(), entries[0].clone()];
        assert!(publish_archive(&two, &twice).unwrap_err().to_string().contains("two.zip"));
        assert!(zip::ZipArchive::new(Source::open(&two).unwrap()).is_ok(), "what was there stays");
    }
}
