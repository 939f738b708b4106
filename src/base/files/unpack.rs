//! Zip archives that came from elsewhere, laid out in a folder or refused.
//!
//! Takes an archive and a folder that is not there yet; gives the names of its files. What an archive says of itself is not believed: a
//! name that would leave the folder, a link, two entries of one name and sizes that the archive cannot hold are refused before anything is
//! written. Only entries as they are (uncompressed) are read, which is what [`super::archive`] writes: so nothing grows beyond the archive's own size.

use std::collections::HashSet;
use std::fs::File as Source;
use std::io::{self, BufReader, Read};
use std::path::{Component, Path, PathBuf};

use zip::{CompressionMethod, ZipArchive};

use super::publish::publish_folder;
use super::{FileError, publish_with};

/// Most entries of an archive.
pub const MOST_ENTRIES: usize = 1_000_000;

/// A relative path of plain steps: what a foreign name may be, with `/` between folders. `None` for one that would leave a folder it is joined to,
/// is absolute, has a drive or a backslash, or something that could steer a terminal.
pub fn inside(name: &str) -> Option<PathBuf> {
    let steps = Path::new(name);
    let odd = |c: char| c.is_control() || matches!(c, '\\' | ':');
    let is_plain =
        !name.is_empty() && !name.chars().any(odd) && !name.split('/').any(|step| matches!(step, "" | "." | ".."));
    let stays = steps.components().all(|step| matches!(step, Component::Normal(_)));
    (is_plain && stays).then(|| steps.to_owned())
}

/// Lays out all files of an archive in `folder`, which appears whole or not at all. The files' names, in the archive's order.
///
/// # Errors
/// When the archive is damaged or cut short, an entry may not be laid out, or a file cannot be written; the error says which and why.
pub fn unpack(archive: &Path, folder: &Path) -> Result<Vec<String>, FileError> {
    let (mut zip, names) = open(archive)?;
    publish_folder(folder, |to| {
        for (number, name) in &names {
            let mut entry = zip.by_index(*number).map_err(bad(archive))?;
            // Also reads the checksum; a damaged byte ends here.
            publish_with(&to.join(name), |file| io::copy(&mut entry, file).map(drop))?;
        }
        Ok::<(), FileError>(())
    })?;
    Ok(names.into_iter().map(|(_, name)| name).collect())
}

/// The bytes of one entry; `None` where the archive has none of this name.
///
/// # Errors
/// When the archive is damaged or may not be laid out, as [`unpack`] says, or the entry has more than `most` bytes.
pub fn entry(archive: &Path, name: &str, most: u64) -> Result<Option<Vec<u8>>, FileError> {
    let (mut zip, names) = open(archive)?;
    let Some((number, _)) = names.into_iter().find(|(_, known)| known == name) else { return Ok(None) };
    let mut entry = zip.by_index(number).map_err(bad(archive))?;
    if entry.size() > most {
        return Err(refused(archive, format!("{name} has {} bytes, and at most {most} are read", entry.size())));
    }
    let mut bytes = Vec::new();
    entry.read_to_end(&mut bytes).map_err(FileError::at("cannot read", archive))?;
    Ok(Some(bytes))
}

type Opened = (ZipArchive<BufReader<Source>>, Vec<(usize, String)>);

/// The archive with the files that it holds, each with its place; all of them may be laid out.
fn open(archive: &Path) -> Result<Opened, FileError> {
    let source = Source::open(archive).map_err(FileError::at("cannot read", archive))?;
    let length = source.metadata().map_err(FileError::at("cannot read", archive))?.len();
    let mut zip = ZipArchive::new(BufReader::with_capacity(1 << 20, source)).map_err(bad(archive))?;
    if zip.len() > MOST_ENTRIES {
        return Err(refused(archive, format!("it has {} entries, and at most {MOST_ENTRIES} are read", zip.len())));
    }
    if zip.has_duplicate_names() || zip.has_overlapping_files().map_err(bad(archive))? {
        return Err(refused(archive, "two of its entries share a name or their bytes".to_owned()));
    }
    let (mut names, mut met, mut total) = (Vec::new(), HashSet::new(), 0u64);
    for number in 0..zip.len() {
        let entry = zip.by_index_data(number).map_err(bad(archive))?;
        let raw = String::from_utf8_lossy(entry.name_raw()).into_owned();
        let refuse = |why: &str| refused(archive, format!("its entry {raw:?} {why}"));
        let (name, is_folder) = raw.strip_suffix('/').map_or((raw.as_str(), entry.is_dir()), |name| (name, true));
        if std::str::from_utf8(entry.name_raw()).is_err() || inside(name).is_none() {
            return Err(refuse("has a name that would leave the folder, or that no file should have"));
        }
        // The kind of a file in its Unix rights: none said, a plain file, a folder; everything else is a link or a device.
        let kind = entry.unix_mode().map_or(0, |mode| mode & 0o170_000);
        if entry.is_symlink() || !matches!(kind, 0 | 0o100_000 | 0o040_000) {
            return Err(refuse("is a link or a device, and only plain files are laid out"));
        }
        if is_folder {
            continue;
        }
        if entry.encrypted() || entry.compression() != CompressionMethod::Stored {
            return Err(refuse(
                "is compressed or locked, so another program packed it; unpack it with that one and name the folder",
            ));
        }
        total = total.saturating_add(entry.size());
        if entry.size() != entry.compressed_size() || total > length {
            return Err(refuse("says that it is larger than the archive that holds it"));
        }
        // Where a file system knows no capitals they would be one file.
        if !met.insert(name.to_lowercase()) {
            return Err(refuse("has the name of another but for its capitals"));
        }
        names.push((number, name.to_owned()));
    }
    if let Some((_, name)) = names.iter().find(|(_, name)| {
        Path::new(&name.to_lowercase()).ancestors().skip(1).any(|above| met.contains(above.to_string_lossy().as_ref()))
    }) {
        return Err(refused(archive, format!("its entry {name:?} stands below what is a file")));
    }
    Ok((zip, names))
}

fn refused(archive: &Path, why: String) -> FileError {
    FileError {
        doing: "cannot unpack",
        path: archive.to_owned(),
        source: io::Error::new(io::ErrorKind::InvalidData, why),
    }
}

fn bad<E: std::fmt::Display>(archive: &Path) -> impl FnOnce(E) -> FileError {
    let archive = archive.to_owned();
    move |error| refused(&archive, format!("it is no whole zip archive: {error}; copy it again"))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use zip::write::{SimpleFileOptions, ZipWriter};

    use super::super::archive::{Content, publish_archive};
    use super::*;

    fn written(file: &Path, fill: impl FnOnce(&mut ZipWriter<Source>)) {
        let mut zip = ZipWriter::new(Source::create(file).unwrap());
        fill(&mut zip);
        zip.finish().unwrap();
    }

    fn plain() -> SimpleFileOptions {
        SimpleFileOptions::default().compression_method(CompressionMethod::Stored)
    }

    #[test]
    fn what_was_packed_comes_back() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("a.zip");
        let entries = [
            ("読.md".to_owned(), Content::Bytes("読んで".into())),
            ("a/b/c.bin".to_owned(), Content::Bytes(vec![9; 70_000])),
            ("empty".to_owned(), Content::Bytes(Vec::new())),
        ];
        publish_archive(&file, &entries).unwrap();
        let to = dir.path().join("out");
        assert_eq!(unpack(&file, &to).unwrap(), ["読.md", "a/b/c.bin", "empty"]);
        assert_eq!(super::super::read(&to.join("a/b/c.bin")).unwrap(), vec![9; 70_000]);
        assert_eq!(super::super::read_text(&to.join("読.md")).unwrap(), "読んで");
        assert_eq!(entry(&file, "読.md", 100).unwrap().unwrap(), "読んで".as_bytes());
        assert!(entry(&file, "other", 100).unwrap().is_none());
        assert!(entry(&file, "a/b/c.bin", 100).unwrap_err().to_string().contains("at most 100"));
    }

    #[test]
    fn names_stay_inside() {
        assert_eq!(inside("a/b.txt"), Some(PathBuf::from("a/b.txt")));
        for name in ["", "..", "../x", "a/../../x", "a/..", "/etc/x", "a//b", "./a", "C:/x", "a\\b", "a\u{1b}b", "a/"] {
            assert_eq!(inside(name), None, "{name:?}");
        }
    }

    #[test]
    fn what_would_do_harm_is_refused_before_anything_is_written() {
        let dir = tempfile::tempdir().unwrap();
        let (file, to) = (dir.path().join("a.zip"), dir.path().join("out"));
        let refused = |words: &str| {
            let error = unpack(&file, &to).unwrap_err().to_string();
            assert!(error.contains("a.zip") && error.contains(words), "{error}");
            assert!(!to.exists() && !dir.path().join("x").exists());
        };
        for name in ["../x", "/x", "a/../../x", "a\\..\\x"] {
            written(&file, |zip| {
                zip.start_file("good.txt", plain()).unwrap();
                zip.write_all(b"1").unwrap();
                zip.start_file(name, plain()).unwrap();
                zip.write_all(b"2").unwrap();
            });
            // The writer may have made the name harmless by itself.
            let raw = super::super::read(&file).unwrap();
            if raw.windows(name.len()).any(|part| part == name.as_bytes()) {
                refused("would leave the folder");
            }
        }
        written(&file, |zip| zip.add_symlink("link", "/etc/passwd", plain()).unwrap());
        refused("is a link");
        written(&file, |zip| {
            zip.start_file("A", plain()).unwrap();
            zip.start_file("a", plain()).unwrap();
        });
        refused("but for its capitals");
        written(&file, |zip| {
            zip.start_file("a", plain()).unwrap();
            zip.start_file("a/b", plain()).unwrap();
        });
        refused("stands below what is a file");
        super::super::publish(&file, b"PK\x03\x04 and no more").unwrap();
        refused("no whole zip archive");
    }

    #[test]
    fn sizes_that_the_archive_cannot_hold_and_damaged_bytes_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let (file, to) = (dir.path().join("a.zip"), dir.path().join("out"));
        publish_archive(&file, &[("a".to_owned(), Content::Bytes(b"twelve bytes".to_vec()))]).unwrap();
        let whole = super::super::read(&file).unwrap();
        let at = whole.windows(12).position(|part| part == b"twelve bytes").unwrap();
        let mut damaged = whole.clone();
        damaged[at] ^= 1;
        super::super::publish(&file, &damaged).unwrap();
        assert!(unpack(&file, &to).is_err() && !to.exists());
        // Both sizes in the directory at the end: 24 and 20 bytes behind its mark.
        let mut swollen = whole;
        let directory = swollen.windows(4).position(|part| part == b"PK\x01\x02").unwrap();
        for place in [20, 24] {
            swollen[directory + place..directory + place + 4].copy_from_slice(&0x7fff_fff0u32.to_le_bytes());
        }
        super::super::publish(&file, &swollen).unwrap();
        assert!(unpack(&file, &to).is_err() && !to.exists());
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..400), at in 0usize..200) {
            let dir = tempfile::tempdir().unwrap();
            let file = dir.path().join("a.zip");
            publish_archive(&file, &[("a/b".to_owned(), Content::Bytes(vec![1; 40])), ("c".to_owned(), Content::Bytes(vec![2; 9]))]).unwrap();
            let mut whole = super::super::read(&file).unwrap();
            for (i, byte) in bytes.iter().enumerate().take(8) {
                let place = (at + i * 3) % whole.len();
                whole[place] = *byte;
            }
            super::super::publish(&file, &whole).unwrap();
            let _ = unpack(&file, &dir.path().join("out"));
            super::super::publish(&file, &bytes).unwrap();
            let _ = unpack(&file, &dir.path().join("out2"));
        }
    }
}
