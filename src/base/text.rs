//! Foreign text made safe and measured.
//!
//! Takes text from files (labels, names, messages); gives text that may reach a terminal: control
//! and direction-changing characters are replaced, and widths are counted in columns by grapheme,
//! so that Japanese names and combined characters line up.

use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

/// The text with every character that could steer a terminal replaced by `·` (tabs and line ends by a space).
pub fn plain(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '\t' | '\n' | '\r' => ' ',
            c if c.is_control() => '·',
            // Bidirectional marks reorder what follows; line separators break rows.
            '\u{202a}'..='\u{202e}'
            | '\u{2066}'..='\u{2069}'
            | '\u{200e}'
            | '\u{200f}'
            | '\u{2028}'
            | '\u{2029}'
            | '\u{feff}' => '·',
            // Where Kitty's graphics are understood, this character stands for a part of a picture.
            '\u{10eeee}' => '·',
            c => c,
        })
        .collect()
}

/// A sign that Toji draws, for terminals that have only ASCII: one of the same width. Letters of names stay as they are.
pub fn ascii(sign: char) -> char {
    match sign {
        // Not `~`, which says of a score that it is of an older text.
        '…' => '.',
        '→' | '❯' | '▸' | '›' => '>',
        '←' | '❮' | '◂' | '‹' => '<',
        '↑' => '^',
        '↓' => 'v',
        '·' | '•' => '.',
        '–' | '—' | '−' | '─' | '╌' => '-',
        '━' => '=',
        '│' => '|',
        '×' => 'x',
        '‘' | '’' => '\'',
        '“' | '”' => '"',
        other => other,
    }
}

/// Width in terminal columns.
pub fn width(text: &str) -> usize {
    text.graphemes(true).map(UnicodeWidthStr::width).sum()
}

/// What a person takes for one character each, in order: a letter with its marks, a flag, a family of emoji.
pub fn graphemes(text: &str) -> impl DoubleEndedIterator<Item = &str> {
    text.graphemes(true)
}

/// The longest start of the text that fits `columns`, ending in `…` where something was cut.
/// The text is made [`plain`] first.
pub fn fit(text: &str, columns: usize) -> String {
    let text = plain(text);
    if width(&text) <= columns {
        return text;
    }
    let mut kept = String::new();
    let mut used = 0;
    for grapheme in text.graphemes(true) {
        let w = UnicodeWidthStr::width(grapheme);
        if used + w + 1 > columns {
            break;
        }
        kept.push_str(grapheme);
        used += w;
    }
    if columns > 0 {
        kept.push('…');
    }
    kept
}

/// [`fit`], then filled with spaces to exactly `columns`.
pub fn pad(text: &str, columns: usize) -> String {
    let mut fitted = fit(text, columns);
    fitted.extend(std::iter::repeat_n(' ', columns.saturating_sub(width(&fitted))));
    fitted
}

/// "812 B", "3.4 MB", "1.2 GB".
pub fn bytes(bytes: u64) -> String {
    let mut value = bytes as f64;
    let mut unit = "B";
    for next in ["kB", "MB", "GB", "TB", "PB"] {
        if value < 999.5 {
            break;
        }
        value /= 1_000.0;
        unit = next;
    }
    if unit == "B" || value >= 99.5 { format!("{value:.0} {unit}") } else { format!("{value:.1} {unit}") }
}

/// Seconds as people say them: `4.2 s`, `36 s`, `3 min 05 s`, `2 h 10 min`.
pub fn duration(seconds: f64) -> String {
    if !seconds.is_finite() || seconds < 0.0 {
        return "?".to_owned();
    }
    let whole = seconds.round() as u64;
    match whole {
        0..10 => format!("{seconds:.1} s"),
        10..60 => format!("{whole} s"),
        60..3600 => format!("{} min {:02} s", whole / 60, whole % 60),
        _ => format!("{} h {:02} min", whole / 3600, whole % 3600 / 60),
    }
}

/// A long time in two units, for what is far off: `4 d 7 h`, `2 h 10 min`, `9 min`.
pub fn span(seconds: f64) -> String {
    if !seconds.is_finite() || seconds < 0.0 {
        return "?".to_owned();
    }
    let minutes = (seconds / 60.0).floor().min(1e12) as u64;
    match minutes {
        0..60 => format!("{minutes} min"),
        60..1440 => format!("{} h {} min", minutes / 60, minutes % 60),
        _ => format!("{} d {} h", minutes / 1440, minutes % 1440 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_steers_the_terminal() {
        assert_eq!(plain("a\x1b[31mb\u{9b}2J\u{202e}c\nd"), "a·[31mb·2J·c d");
        assert_eq!(plain("\u{10eeee}\u{305}\u{305}"), "·\u{305}\u{305}", "no part of a picture");
    }

    #[test]
    fn signs_in_ascii_are_as_wide_and_letters_stay() {
        let told = "獺祭é 17.2 → 22.9 · 3–5 …";
        let drawn: String = told.chars().map(ascii).collect();
        assert_eq!(drawn, "獺祭é 17.2 > 22.9 . 3-5 .");
        assert_eq!(width(&drawn), width(told));
    }

    #[test]
    fn japanese_takes_two_columns_each() {
        assert_eq!(width("獺祭"), 4);
        assert_eq!(fit("獺祭純米大吟醸", 7), "獺祭純…");
        assert_eq!(pad("獺祭", 6), "獺祭  ");
        assert_eq!(fit("獺祭", 0), "");
        assert_eq!(graphemes("か\u{3099}獺").collect::<Vec<_>>(), ["か\u{3099}", "獺"]);
    }
}
