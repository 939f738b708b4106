//! A small CSV table as text (RFC 4180), read strictly.
//!
//! Takes text with or without byte-order mark, with any line ends, quoted where needed; gives cells
//! as the text that they are. A row of another length than the header, or a quote that never ends,
//! is an error with its line, since mending it in silence is how ids get lost.

/// Header and rows.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Table {
    pub header: Vec<String>,
    pub rows: Vec<Row>,
}

/// One row with the line on which it begins.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Row {
    pub line: usize,
    cells: Vec<String>,
}

impl Row {
    /// The cell of a column.
    pub(super) fn cell(&self, column: usize) -> &str {
        &self.cells[column]
    }
}

impl Table {
    /// Reads a table; the error is a sentence with the line.
    pub(super) fn read(text: &str) -> Result<Table, String> {
        let mut rows = records(text.strip_prefix('\u{feff}').unwrap_or(text))?.into_iter();
        let header = rows.next().ok_or("it is empty; a header was expected")?.cells;
        let rows: Vec<Row> = rows.collect();
        if let Some(row) = rows.iter().find(|row| row.cells.len() != header.len()) {
            let (line, found, expected) = (row.line, row.cells.len(), header.len());
            let cells = if found == 1 { "cell" } else { "cells" };
            return Err(format!("line {line} has {found} {cells}, the header has {expected}"));
        }
        Ok(Table { header, rows })
    }

    /// The place of a column.
    pub(super) fn column(&self, name: &str) -> Option<usize> {
        self.header.iter().position(|header| header == name)
    }
}

/// All records; empty lines are passed over.
fn records(text: &str) -> Result<Vec<Row>, String> {
    let mut rows = Vec::new();
    let (mut cells, mut cell) = (Vec::new(), String::new());
    let (mut line, mut begun) = (1, 1);
    let mut quoted_from = None;
    let mut was_quoted = false;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        line += usize::from(c == '\n');
        match (quoted_from, c) {
            (Some(_), '"') if chars.peek() == Some(&'"') => {
                chars.next();
                cell.push('"');
            }
            (Some(_), '"') => quoted_from = None,
            (Some(_), c) => cell.push(c),
            (None, '"') if cell.is_empty() && !was_quoted => (quoted_from, was_quoted) = (Some(line), true),
            (None, ',') => {
                cells.push(std::mem::take(&mut cell));
                was_quoted = false;
            }
            (None, '\r') if matches!(chars.peek(), Some('\n') | None) => {}
            (None, '\n') => {
                if !(cells.is_empty() && cell.is_empty() && !was_quoted) {
                    cells.push(std::mem::take(&mut cell));
                    rows.push(Row { line: begun, cells: std::mem::take(&mut cells) });
                }
                was_quoted = false;
                begun = line;
            }
            (None, c) => cell.push(c),
        }
    }
    if let Some(line) = quoted_from {
        return Err(format!("a quote that opens on line {line} never ends"));
    }
    if !(cells.is_empty() && cell.is_empty() && !was_quoted) {
        cells.push(cell);
        rows.push(Row { line: begun, cells });
    }
    Ok(rows)
}

/// The cell as it must be written: in quotes when it holds a comma, a quote or a line end.
pub(super) fn quoted(cell: &str) -> String {
    if cell.contains([',', '"', '\n', '\r']) { format!("\"{}\"", cell.replace('"', "\"\"")) } else { cell.to_owned() }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_written_is_read_back(rows in prop::collection::vec(("[a-c,\"\n\r ]{0,6}x", "[a-c,\"\n ]{0,6}"), 1..8)) {
            let text: String = rows.iter().map(|(a, b)| format!("{},{}\n", quoted(a), quoted(b))).collect();
            let table = Table::read(&format!("p,q\n{text}")).unwrap();
            prop_assert_eq!(table.rows.len(), rows.len());
            for (row, (a, b)) in table.rows.iter().zip(&rows) {
                prop_assert_eq!((row.cell(0), row.cell(1)), (a.as_str(), b.as_str()));
            }
        }
    }

    #[test]
    fn lines_are_those_of_the_file() {
        let table = Table::read("a,b\r\n\"1\n2\",x\r\n\r\n3,\"\"").unwrap();
        assert_eq!(table.rows.iter().map(|row| row.line).collect::<Vec<_>>(), [2, 5]);
        assert_eq!((table.rows[0].cell(0), table.rows[1].cell(1)), ("1\n2", ""));
        assert_eq!(Table::read("a,b\n1\n").unwrap_err(), "line 2 has 1 cell, the header has 2");
    }
}
