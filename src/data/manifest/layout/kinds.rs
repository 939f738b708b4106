//! Whether a column of ids or labels mixes kinds of values.
//!
//! Takes one column of text; gives an error for what can only be a slip, a note for what may be meant.
//!
//! | in one column | ids | labels |
//! |---|---|---|
//! | `123` beside `123.0` or `1.2E+11` | error | error |
//! | numbers beside `nan`, `#N/A`, `null` … | error | error |
//! | numbers and hardly a text: `1`, `2`, `abc` | error, unless `data.mixed_ids` allows it | note |
//! | numbers for the most part | note | note |
//! | texts for the most part: `a1`, `b2`, `12` | nothing | nothing |
//!
//! A number that went through a spreadsheet (`123.0`) and a gap that was written out (`nan`) are other ids and other
//! labels than were meant, and nobody means them. One text among hundreds of numbers is as a rule a shifted row, but
//! it could be an id; so it can be allowed. A label such as `unknown` among numbers is common and harms nothing.
//! Part numbers of which one in eleven ends in `X` (ISBN) are no slip: hardly means one in twenty.

use crate::data::error::{DataError, quoted};
use crate::data::table::{Table, Texts};

/// At most one text in so many values is a stray one.
const RARE: usize = 20;
/// Where a table is too small for that, one text beside so many numbers is.
const ALONE: usize = 3;

/// What a column is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::data::manifest) enum Use {
    /// Names of photos; whether a stray text is allowed.
    Id { mixed: bool },
    /// The scored label, or the other level.
    Label,
}

enum Kind {
    Whole,
    Real,
    /// A table program's word for nothing.
    Gap,
    Text,
}

/// Looks over a column; gives what is worth saying.
///
/// # Errors
/// For mixtures that can only be slips; with all their rows.
pub(in crate::data::manifest) fn look(table: &Table, column: Texts<'_>, of: Use) -> Result<Option<String>, DataError> {
    let [mut whole, mut real, mut gap, mut text] = [const { Vec::new() }; 4];
    for row in 0..table.rows() {
        match kind(column.get(row)) {
            None => {}
            Some(Kind::Whole) => whole.push(row),
            Some(Kind::Real) => real.push(row),
            Some(Kind::Gap) => gap.push(row),
            Some(Kind::Text) => text.push(row),
        }
    }
    let name = || column.name.to_owned();
    if let (Some(&other), Some(&first)) = (whole.first(), real.first()) {
        return Err(DataError::MixedNumbers {
            place: table.places(&real),
            column: name(),
            value: column.get(first).to_owned(),
            other: column.get(other).to_owned(),
            first: table.place(other).at,
        });
    }
    let numbers = whole.len() + real.len();
    if let (Some(&first), true) = (gap.first(), numbers > gap.len() && text.is_empty()) {
        return Err(DataError::GapWord {
            place: table.places(&gap),
            column: name(),
            value: column.get(first).to_owned(),
        });
    }
    let mut others: Vec<usize> = gap.iter().chain(&text).copied().collect();
    others.sort_unstable();
    let Some(&first) = others.first() else { return Ok(None) };
    let total = numbers + others.len();
    let stray = others.len() * RARE <= total || (others.len() == 1 && numbers >= ALONE && total < RARE);
    if stray && of == (Use::Id { mixed: false }) {
        let value = column.get(first).to_owned();
        return Err(DataError::StrayText { place: table.places(&others), column: name(), value, numbers });
    }
    Ok((numbers > others.len()).then(|| {
        let place = table.places(&others);
        let (column, value) = (column.name, quoted(column.get(first)));
        format!("{place}: {column} is {value} beside {numbers} numbers; all are read as text, so 7 and 007 differ")
    }))
}

fn kind(value: &str) -> Option<Kind> {
    let digits = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
    let unsigned = value.strip_prefix('-').unwrap_or(value);
    let real = |s: &str| match s.split_once(['E', 'e']) {
        // The plus is what tells Excel's and pandas' powers from a hexadecimal id such as 12e5.
        Some((head, power)) => {
            power.strip_prefix('+').is_some_and(digits)
                && head.split_once('.').map_or(digits(head), |(a, b)| digits(a) && digits(b))
        }
        None => s
            .split_once('.')
            .is_some_and(|(whole, zeros)| digits(whole) && !zeros.is_empty() && zeros.bytes().all(|b| b == b'0')),
    };
    Some(match value {
        "" => return None,
        _ if digits(unsigned) => Kind::Whole,
        _ if real(unsigned) => Kind::Real,
        _ if is_gap(value) => Kind::Gap,
        _ => Kind::Text,
    })
}

fn is_gap(value: &str) -> bool {
    let plain = value.trim_matches(['<', '>', '#', '!', '?']).to_ascii_lowercase();
    ["nan", "na", "n/a", "null", "none", "nat", "nil", "div/0", "value"].contains(&plain.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::files;

    fn said(values: &[&str], of: Use) -> String {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("t.csv");
        files::publish(
            &file,
            format!("id,x\n{}", values.iter().map(|v| format!("{v},\n")).collect::<String>()).as_bytes(),
        )
        .unwrap();
        let table = Table::read(&file, Default::default()).unwrap();
        let found = match look(&table, table.find("id").unwrap(), of) {
            Ok(None) => "fine".to_owned(),
            Ok(Some(note)) => format!("note: {note}"),
            Err(error) => error.to_string(),
        };
        found.replace(&format!("{}/", dir.path().display()), "")
    }

    const ID: Use = Use::Id { mixed: false };

    #[test]
    fn texts_and_numbers() {
        let all = [
            said(&["a1", "b2", "12"], ID),
            said(&["1", "2", "abc"], ID),
            said(&["1", "2", "3", "abc"], ID),
            said(&["1", "2", "3", "abc"], Use::Id { mixed: true }),
            said(&["1", "2", "3", "unknown"], Use::Label),
            said(&["080442957X", "1", "2", "3", "4", "5", "6", "7", "8", "9", "085131041X", "10"], ID),
            said(&["12e5", "4711", "0815", "12ab"], ID),
            said(&["7", "8", "1.23457E+11"], ID),
            said(&["-1", "2", "3", "4"], Use::Label),
            said(&["1", "2", "3", "nan", "NaN"], Use::Label),
            said(&["none", "red", "blue", "None"], Use::Label),
            said(&["1.00", "2", "3.0", "4.0", "5.0", "6.0", "7.0"], ID),
        ];
        insta::assert_snapshot!(all.join("\n"), @r#"
        fine
        note: t.csv line 4: id is "abc" beside 2 numbers; all are read as text, so 7 and 007 differ
        t.csv line 5: id is "abc", while 3 other rows hold numbers; mend it, or write mixed_ids = "allow" in [data] of toji.toml if it is meant
        note: t.csv line 5: id is "abc" beside 3 numbers; all are read as text, so 7 and 007 differ
        note: t.csv line 5: id is "unknown" beside 3 numbers; all are read as text, so 7 and 007 differ
        note: t.csv line 2 (also in 12): id is "080442957X" beside 10 numbers; all are read as text, so 7 and 007 differ
        fine
        t.csv line 4: id holds "1.23457E+11" here and "7" in line 2; one of them went through a number, write all as text
        fine
        t.csv line 5 (also in 6): id is "nan" among numbers, a program's word for an empty cell; fill it in or leave it empty
        fine
        t.csv line 2 (also in 4, 5, 6, 7 and 1 more): id holds "1.00" here and "2" in line 3; one of them went through a number, write all as text
        "#);
    }

    #[test]
    fn one_in_twenty_is_a_stray() {
        let mut values: Vec<String> = (0..200).map(|i| i.to_string()).collect();
        values[56] = "x17".to_owned();
        values[120] = "total".to_owned();
        let of = |values: &[String]| said(&values.iter().map(String::as_str).collect::<Vec<_>>(), ID);
        let few = of(&values);
        for at in (0..200).step_by(10) {
            values[at] = format!("b{at}");
        }
        insta::assert_snapshot!(format!("{few}\n{}", of(&values)), @r#"
        t.csv line 58 (also in 122): id is "x17", while 198 other rows hold numbers; mend it, or write mixed_ids = "allow" in [data] of toji.toml if it is meant
        note: t.csv line 2 (also in 12, 22, 32, 42 and 16 more): id is "b0" beside 179 numbers; all are read as text, so 7 and 007 differ
        "#);
    }
}
