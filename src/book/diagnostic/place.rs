//! Where something stands in a file.
//!
//! Takes a text and offsets of bytes in it; gives lines and columns as people count them: lines end at
//! `\n`, columns count characters, both from 1.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A file as it was read, with the starts of its lines.
#[derive(Debug, PartialEq)]
pub struct Source {
    /// The file, as people name it.
    pub file: PathBuf,
    /// Its text, with a byte-order mark if it has one.
    pub text: String,
    /// Offset of the first byte of each line.
    lines: Vec<usize>,
}

impl Source {
    /// A source text.
    pub fn new(file: &Path, text: String) -> Arc<Source> {
        let lines = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        Arc::new(Source { file: file.to_owned(), text, lines })
    }

    /// Line and column, from 1, of a byte offset; columns count characters, a byte-order mark is none.
    pub fn position(&self, offset: usize) -> (usize, usize) {
        let line = self.lines.partition_point(|&start| start <= offset).max(1);
        let start = self.lines.get(line - 1).copied().unwrap_or(0);
        let before = self.text.as_bytes().get(start..offset.min(self.text.len())).unwrap_or_default();
        // Every byte that does not continue a character begins one.
        let characters = before.iter().filter(|&&byte| byte & 0xc0 != 0x80).count();
        let mark = usize::from(start == 0 && before.starts_with("\u{feff}".as_bytes()));
        (line, characters - mark + 1)
    }
}

/// A range of bytes in a source text.
#[derive(Clone, Debug, PartialEq)]
pub struct Place {
    /// The text.
    pub source: Arc<Source>,
    /// The bytes.
    pub span: Range<usize>,
}

impl Place {
    /// Line and column, from 1.
    pub fn position(&self) -> (usize, usize) {
        self.source.position(self.span.start)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_characters() {
        let source = Source::new(Path::new("x.md"), "\u{feff}獺祭 = 1\r\n\tx".to_owned());
        assert_eq!(source.position(0), (1, 1));
        assert_eq!(source.position(3), (1, 1), "the byte-order mark is no column");
        assert_eq!(source.position(3 + 6), (1, 3));
        assert_eq!(source.position(source.text.len() - 1), (2, 2));
        assert_eq!(source.position(source.text.len()), (2, 3), "the end of the file has a place");
        assert_eq!(source.position(10_000), (2, 3));
    }
}
