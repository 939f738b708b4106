//! A dated note at the end of a recipe's prose.
//!
//! Takes a text, a time and words; gives the text with a quotation at its end that holds them. A quotation stands apart on a page, and what
//! follows it is not drawn into it:
//!
//! ```text
//! > **2026-11-28 14:05 UTC** The margin of 22.9 lost on small print.\
//! > Next: larger crops.
//! ```
//!
//! Emphasis, code and links in the words are Markdown as anybody writes it. What at the beginning of a line would make a block (a fence, which could
//! even be a cell, a heading, a list, a table, HTML) is escaped, so that words stay words. The text is read again before it is given: it has one more
//! quotation, and its cells are what they were.

use super::{EditError, confirmed_note, gap, line_end};
use crate::base::Time;
use crate::base::clock::DAY;
use crate::base::text::plain;

/// Longer notes are a page of their own: characters.
const LONGEST: usize = 20_000;

/// `2026-11-28 14:05 UTC`.
pub fn stamp(time: Time) -> String {
    let minutes = (time.0.rem_euclid(DAY) / 60.0).floor() as i64;
    format!("{} {:02}:{:02} UTC", time.date(0.0), minutes / 60, minutes % 60)
}

/// The text with a note at its end.
///
/// # Errors
/// When the note has no words or far too many, or the text ends within something that would swallow it.
pub fn note(text: &str, time: Time, words: &str) -> Result<String, EditError> {
    let end = line_end(text);
    let said = words.replace("\r\n", "\n").replace(['\r', '\u{2028}', '\u{2029}'], "\n");
    let lines: Vec<String> = said.trim().split('\n').map(|line| plain(line).trim().to_owned()).collect();
    if lines.iter().all(String::is_empty) {
        return Err(EditError::Empty);
    }
    if said.chars().count() > LONGEST {
        let why = format!("a note has at most {LONGEST} characters");
        return Err(EditError::BadValue { value: format!("{} characters", said.chars().count()), why });
    }
    let mut quoted = String::new();
    for (i, line) in lines.iter().enumerate() {
        let next = lines.get(i + 1).is_some_and(|next| !next.is_empty());
        let line = match i {
            0 => format!("**{}** {}", stamp(time), line),
            _ => harmless(line),
        };
        match (line.is_empty(), next) {
            (true, _) => quoted.push('>'),
            // The line's end stays one where it is drawn.
            (false, true) => quoted.extend(["> ", &whole(&line), "\\"]),
            (false, false) => quoted.extend(["> ", &whole(&line)]),
        }
        quoted.push_str(end);
    }
    let start = text.len() + gap(text).len();
    confirmed_note(text, format!("{text}{}{quoted}", gap(text)), start)
}

/// The line without a backslash at its end that would escape what is written behind it.
fn whole(line: &str) -> String {
    let slashes = line.len() - line.trim_end_matches('\\').len();
    if slashes % 2 == 1 { format!("{line}\\") } else { line.to_owned() }
}

/// The line with an escape before what would begin a block.
fn harmless(line: &str) -> String {
    let Some(first) = line.chars().next() else { return String::new() };
    let rule = |sign: char| line.chars().all(|c| c == sign || c == ' ');
    let before_space = |count: usize| line.chars().nth(count).is_none_or(|c| c == ' ');
    let makes_a_block = match first {
        '#' | '>' | '~' | '|' | '=' | '<' => true,
        '-' | '+' => before_space(1) || rule(first) || line.starts_with("-|") || line.starts_with("--"),
        '*' | '_' => before_space(1) || rule(first),
        '`' => line.starts_with("```"),
        // A table's second row, which makes one of the row above.
        ':' => line.starts_with(":-"),
        // The target of links elsewhere, which is not shown at all.
        '[' => line.contains("]:"),
        _ => false,
    };
    if makes_a_block {
        return format!("\\{line}");
    }
    let digits = line.chars().take_while(char::is_ascii_digit).count();
    if (1..=9).contains(&digits) && line[digits..].starts_with(['.', ')']) && before_space(digits + 1) {
        return format!("{}\\{}", &line[..digits], &line[digits..]);
    }
    line.to_owned()
}
