//! Looks over a text table before it is parsed, and finds what a fast parser passes over.
//!
//! Takes UTF-8 bytes; gives the header, the number of rows, where blank lines are, and which rows reach over several
//! lines, so that every later message can name the true line. Parsers fill short rows and rename double columns in
//! silence, and a stray quote shifts everything after it; here each is a fault with its line. Quotes follow RFC 4180.

use std::ops::Range;

/// What was seen.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Scan {
    /// Names of the columns, trimmed and unquoted.
    pub header: Vec<String>,
    /// Rows after the header, without blank lines.
    pub rows: usize,
    /// Bytes of blank lines.
    pub blank: Vec<Range<usize>>,
    /// From this row on, its line is the row plus this number; sorted by row.
    pub lines: Vec<(usize, usize)>,
}

/// A fault and its line, from 1.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Fault {
    Nul,
    OpenQuote,
    StrayQuote,
    Ragged {
        expected: usize,
        found: usize,
        /// Lines of later rows that have another length than the header as well.
        again: Vec<usize>,
    },
    SecondHeader,
}

/// Where a record ends.
struct Record {
    /// First byte after its last field.
    end: usize,
    /// First byte of the next record.
    next: usize,
    fields: usize,
    /// Line ends inside quotes.
    inner_lines: usize,
}

/// Looks over the bytes. `Ok` with an empty header when there is nothing but blank lines. After a row of another
/// length the rest is looked over as well, for more of them; any other fault ends the look.
pub(super) fn scan(bytes: &[u8], separator: u8) -> Result<Scan, (usize, Fault)> {
    let mut seen = Scan::default();
    let (mut at, mut line) = (0, 1);
    let mut header: Option<&[u8]> = None;
    let mut offset = None;
    let mut ragged: Option<(usize, usize, Vec<usize>)> = None;
    while at < bytes.len() {
        let record = match record(bytes, at, separator) {
            Ok(record) => record,
            // What is wrong after a ragged row may come of it.
            Err(_) if ragged.is_some() => break,
            Err((inner, fault)) => return Err((line + inner, fault)),
        };
        let text = &bytes[at..record.end];
        match header {
            _ if text.trim_ascii().is_empty() => seen.blank.push(at..record.next),
            None => {
                seen.header = fields(text, separator);
                header = Some(text);
            }
            Some(header) if header == text && ragged.is_none() => return Err((line, Fault::SecondHeader)),
            Some(_) if record.fields != seen.header.len() => match &mut ragged {
                None => ragged = Some((line, record.fields, Vec::new())),
                Some((.., again)) => again.push(line),
            },
            Some(_) => {
                if offset != Some(line - seen.rows) {
                    offset = Some(line - seen.rows);
                    seen.lines.push((seen.rows, line - seen.rows));
                }
                seen.rows += 1;
            }
        }
        line += 1 + record.inner_lines;
        at = record.next;
    }
    match ragged {
        None => Ok(seen),
        Some((line, found, again)) => Err((line, Fault::Ragged { expected: seen.header.len(), found, again })),
    }
}

/// One record, from `start`.
fn record(bytes: &[u8], start: usize, separator: u8) -> Result<Record, (usize, Fault)> {
    let (mut at, mut fields, mut inner_lines) = (start, 1, 0);
    let mut field_start = true;
    loop {
        match bytes.get(at) {
            None => return Ok(Record { end: at, next: at, fields, inner_lines }),
            Some(b'\n') => return Ok(Record { end: at, next: at + 1, fields, inner_lines }),
            Some(b'\r') if bytes.get(at + 1) == Some(&b'\n') => {
                return Ok(Record { end: at, next: at + 2, fields, inner_lines });
            }
            Some(&b) if b == separator => {
                fields += 1;
                field_start = true;
            }
            Some(b'"') if field_start => {
                let opened = inner_lines;
                loop {
                    at += 1;
                    match bytes.get(at) {
                        None => return Err((opened, Fault::OpenQuote)),
                        Some(b'"') if bytes.get(at + 1) == Some(&b'"') => at += 1,
                        Some(b'"') => break,
                        Some(b'\n') => inner_lines += 1,
                        Some(0) => return Err((inner_lines, Fault::Nul)),
                        Some(_) => {}
                    }
                }
                let after = bytes.get(at + 1);
                let ends = match after {
                    None | Some(b'\n') => true,
                    Some(b'\r') => bytes.get(at + 2).is_none_or(|&b| b == b'\n'),
                    Some(&b) => b == separator,
                };
                if !ends {
                    return Err((opened, Fault::StrayQuote));
                }
                field_start = false;
            }
            Some(b'"') => return Err((inner_lines, Fault::StrayQuote)),
            Some(0) => return Err((inner_lines, Fault::Nul)),
            Some(_) => field_start = false,
        }
        at += 1;
    }
}

/// The fields of a record that [`record`] accepted, trimmed and unquoted.
fn fields(text: &[u8], separator: u8) -> Vec<String> {
    let mut found = vec![Vec::new()];
    let mut inside = false;
    let mut bytes = text.iter().copied().peekable();
    while let Some(b) = bytes.next() {
        match (b, found.last_mut()) {
            (b'"', Some(field)) if inside && bytes.peek() == Some(&b'"') => {
                bytes.next();
                field.push(b'"');
            }
            (b'"', _) => inside = !inside,
            (b, _) if b == separator && !inside => found.push(Vec::new()),
            (b, Some(field)) => field.push(b),
            (_, None) => {}
        }
    }
    found.iter().map(|field| String::from_utf8_lossy(field).trim().to_owned()).collect()
}

/// The separator of a table: whichever of comma, tab and semicolon is most frequent in its first line.
pub(super) fn separator(bytes: &[u8]) -> u8 {
    let first = bytes.split(|&b| b == b'\n').find(|line| !line.trim_ascii().is_empty()).unwrap_or_default();
    let count = |separator: u8| first.iter().filter(|&&b| b == separator).count();
    // max_by_key gives the last of equals, so the comma wins a tie.
    [b';', b'\t', b','].into_iter().max_by_key(|&s| count(s)).unwrap_or(b',')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn fault(text: &str) -> (usize, Fault) {
        scan(text.as_bytes(), b',').unwrap_err()
    }

    #[test]
    fn faults_have_their_lines() {
        assert_eq!(fault("a,b\n1,2\n3\n"), (3, Fault::Ragged { expected: 2, found: 1, again: vec![] }));
        assert_eq!(
            fault("a,b\n1,2\n3\n4,5\n6,7,8\na,b\n9\n1,\"two\n"),
            (3, Fault::Ragged { expected: 2, found: 1, again: vec![5, 7] })
        );
        assert_eq!(fault("a,b\n1,2,3\n"), (2, Fault::Ragged { expected: 2, found: 3, again: vec![] }));
        assert_eq!(fault("a,b\n\"x\ny\",2\n1,2\na,b\n"), (5, Fault::SecondHeader));
        assert_eq!(fault("a,b\n1,\"two\n3,4\n"), (2, Fault::OpenQuote));
        assert_eq!(fault("a,b\n\"1\n2\",\"three\n"), (3, Fault::OpenQuote));
        assert_eq!(fault("a,b\n1,5\" disc\n"), (2, Fault::StrayQuote));
        assert_eq!(fault("a,b\n1,\"x\"y\n"), (2, Fault::StrayQuote));
        assert_eq!(fault("a,b\n1,2\n3,\0\n"), (3, Fault::Nul));
    }

    #[test]
    fn quoted_line_ends_and_blank_lines_shift_the_lines() {
        let text = "\na,\"b \"\"x\"\"\"\r\n1,2\r\n\r\n\"3\n4\",5\n6,7";
        let seen = scan(text.as_bytes(), b',').unwrap();
        assert_eq!(seen.header, ["a", "b \"x\""]);
        assert_eq!(seen.rows, 3);
        // Row 0 is line 3; row 1 (after a blank line) is line 5; row 2 (after an inner line end) is line 7.
        assert_eq!(seen.lines, [(0, 3), (1, 4), (2, 5)]);
        assert_eq!(seen.blank, [0..1, 19..21]);
    }

    #[test]
    fn nothing_is_no_header() {
        assert_eq!(scan(b"", b',').unwrap(), Scan::default());
        assert!(scan(b"\n \n", b',').unwrap().header.is_empty());
    }

    #[test]
    fn separators() {
        assert_eq!(
            (separator(b"a\tb\tc,d\n"), separator(b"a,b;c\n"), separator(b"a"), separator(b"\na;b")),
            (b'\t', b',', b',', b';')
        );
    }

    proptest! {
        // What is written with every value quoted is seen as it was written, with the line of each row.
        #[test]
        fn rows_and_lines_of_any_values(values in proptest::collection::vec(("[a-z\",\n]{0,6}", "[^\0]{0,4}"), 1..20)) {
            let quote = |s: &str| format!("\"{}\"", s.replace('"', "\"\""));
            let mut text = "first,second\n".to_owned();
            let mut lines = Vec::new();
            for (a, b) in &values {
                lines.push(text.matches('\n').count() + 1);
                text += &format!("{},{}\n", quote(a), quote(b));
            }
            let seen = scan(text.as_bytes(), b',').unwrap();
            prop_assert_eq!(seen.rows, values.len());
            for (row, line) in lines.iter().enumerate() {
                let place = seen.lines.partition_point(|(from, _)| *from <= row) - 1;
                prop_assert_eq!(seen.lines[place].1 + row, *line);
            }
        }

        #[test]
        fn any_bytes_are_looked_over_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = scan(&bytes, b',');
        }
    }
}
