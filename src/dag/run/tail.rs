//! The end of a run's log.
//!
//! Takes the run's `log.txt`, which may be a gigabyte of foreign prints; reads no more than its end and gives the lines that a terminal would
//! show of it ([`crate::base::printed`]).

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use super::{LOG, RunView};
use crate::base::files::FileError;
use crate::base::printed::{Limits, Printed};

/// Bytes of the end that are read, at most.
pub const READ: u64 = 256 * 1024;
/// Lines that are kept of them.
const LIMITS: Limits = Limits { rows: 2000, columns: 1000 };

/// The end of a log.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tail {
    /// Plain lines, the oldest first.
    pub lines: Vec<String>,
    /// Size of the whole file.
    pub bytes: u64,
    /// Whether there is more before the first line.
    pub is_cut: bool,
}

impl Tail {
    /// The end of a file; empty where there is none.
    ///
    /// # Errors
    /// When it is there and cannot be read.
    pub fn of(path: &Path) -> Result<Tail, FileError> {
        let mut file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Tail::default()),
            Err(error) => return Err(FileError::at("cannot read", path)(error)),
        };
        let mut read = || -> std::io::Result<(u64, Vec<u8>)> {
            let bytes = file.metadata()?.len();
            file.seek(SeekFrom::Start(bytes.saturating_sub(READ)))?;
            let mut end = Vec::new();
            // It may grow meanwhile.
            file.by_ref().take(READ).read_to_end(&mut end)?;
            Ok((bytes, end))
        };
        let (bytes, end) = read().map_err(FileError::at("cannot read", path))?;
        let is_cut = bytes > READ;
        let whole = match is_cut {
            // What stands before the first line end is half a line.
            true => end.iter().position(|byte| matches!(byte, b'\n' | b'\r')).map_or(0, |at| at + 1),
            false => 0,
        };
        let mut printed = Printed::new(LIMITS);
        printed.feed(&end[whole..]);
        let lines = printed.lines();
        Ok(Tail { is_cut: is_cut || lines.len() >= LIMITS.rows, lines, bytes })
    }
}

impl RunView {
    /// The file of the run's log.
    pub fn log(&self) -> PathBuf {
        self.folder().join(LOG)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn of_a_long_log_only_the_end_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log.txt");
        assert_eq!(Tail::of(&path).unwrap(), Tail::default());
        let mut file = File::create(&path).unwrap();
        // A sparse gigabyte: reading it would take a second and the memory of it.
        file.seek(SeekFrom::Start(1 << 30)).unwrap();
        file.write_all(b"\n").unwrap();
        for i in 0..9000 {
            write!(file, "\r{i:>3}% of it\x1b[K").unwrap();
        }
        file.write_all("\n終わり\n".as_bytes()).unwrap();
        let tail = Tail::of(&path).unwrap();
        assert!(tail.is_cut && tail.bytes > 1 << 30);
        assert_eq!(tail.lines[tail.lines.len() - 2..], ["8999% of it", "終わり"]);
        assert!(tail.lines.len() <= LIMITS.rows);
        assert!(tail.lines.iter().map(String::len).sum::<usize>() as u64 <= READ);
    }
}
