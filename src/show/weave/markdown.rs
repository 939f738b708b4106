//! Text from files as Markdown that says what it says and nothing else.

use crate::base::text::plain;

/// The text on one line, with a backslash before whatever Markdown, HTML or GitHub's formulas would read.
pub fn escaped(text: &str) -> String {
    let mut out = String::new();
    for c in plain(text).chars() {
        if matches!(c, '\\' | '`' | '*' | '_' | '{' | '}' | '[' | ']' | '<' | '>' | '#' | '|' | '~' | '$' | '&') {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

/// A text as an item of a list.
pub fn item(text: &str) -> String {
    let said = escaped(text.trim());
    let digits = said.chars().take_while(char::is_ascii_digit).count();
    let behind = said[digits..].strip_prefix(['.', ')']);
    let is_numbered = digits > 0 && behind.is_some_and(|rest| rest.is_empty() || rest.starts_with(' '));
    if is_numbered {
        format!("- {}\\{}", &said[..digits], &said[digits..])
    } else if said.starts_with(['-', '+', '=', ':']) {
        format!("- \\{said}")
    } else {
        format!("- {said}")
    }
}

/// A table. Columns whose cells are all numbers or empty stand to the right.
pub fn rows(head: &[String], rows: &[Vec<String>]) -> String {
    let number = |cell: &str| cell.is_empty() || cell.starts_with(|c: char| c.is_ascii_digit() || "+-.?".contains(c));
    let cell = |row: &[String], i: usize| row.get(i).map(|cell| escaped(cell)).unwrap_or_default();
    let line = |cells: Vec<String>| format!("| {} |", cells.join(" | "));
    let columns = 0..head.len();
    let right = |i: usize| rows.iter().all(|row| number(row.get(i).map_or("", String::as_str)));
    let mut lines = vec![
        line(columns.clone().map(|i| cell(head, i)).collect()),
        line(columns.clone().map(|i| if right(i) { "---:" } else { "---" }.to_owned()).collect()),
    ];
    lines.extend(rows.iter().map(|row| line(columns.clone().map(|i| cell(row, i)).collect())));
    lines.join("\n")
}

/// A block of code, between fences longer than any in it.
pub fn code(language: &str, text: &str) -> String {
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(3.max(longest + 1));
    let text = text.trim_end_matches('\n');
    // What steers a terminal steers no page, and yet is nothing to hand on.
    let safe: Vec<String> =
        text.split('\n').map(|line| line.split('\t').map(plain).collect::<Vec<_>>().join("\t")).collect();
    format!("{fence}{language}\n{}\n{fence}", safe.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_a_file_is_markup() {
        assert_eq!(escaped("<b>*獺祭*|[x](y) $a$\u{1b}[2J"), "\\<b\\>\\*獺祭\\*\\|\\[x\\](y) \\$a\\$·\\[2J");
        assert_eq!(item("- one"), "- \\- one");
        assert_eq!(item("12. one"), "- 12\\. one");
        assert_eq!(item("12 photos"), "- 12 photos");
        assert_eq!(item("4.9 M"), "- 4.9 M");
        assert_eq!(item("+0.1 (a|b)"), "- \\+0.1 (a\\|b)");
    }

    #[test]
    fn tables_and_fences() {
        let cells = |row: &[&str]| row.iter().map(|cell| (*cell).to_owned()).collect::<Vec<_>>();
        let text = rows(&cells(&["step", "gain"]), &[cells(&["a|b", "+0.1"]), cells(&["c"])]);
        assert_eq!(text, "| step | gain |\n| --- | ---: |\n| a\\|b | +0.1 |\n| c |  |");
        assert_eq!(code("toml", "x = '''\n```\n'''\n"), "````toml\nx = '''\n```\n'''\n````");
    }
}
