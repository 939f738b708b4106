//! Links from one folder to another.
//!
//! Takes Markdown whose relative links begin in one folder; gives the same text with links that begin in another. Addresses of the web, places within the
//! page and absolute paths stay.

use std::path::{Component, Path, PathBuf};

use crate::book::source::markdown;

/// The text for another folder.
pub fn moved(text: &str, from: &Path, to: &Path) -> String {
    let mut out = text.to_owned();
    for place in markdown::links(text).into_iter().rev() {
        let target = &text[place.clone()];
        if is_relative(target) {
            let (path, rest) = target.split_at(target.find(['#', '?']).unwrap_or(target.len()));
            // It is encoded as the author wrote it.
            out.replace_range(place, &format!("{}{rest}", relative(to, &from.join(path))));
        }
    }
    out
}

fn is_relative(target: &str) -> bool {
    let scheme = target.split(['/', '#', '?']).next().is_some_and(|first| first.contains(':'));
    !target.is_empty() && !scheme && !target.starts_with(['#', '/', '?'])
}

/// The way from a folder to a file as the target of a link.
pub fn link(folder: &Path, file: &Path) -> String {
    encoded(&relative(folder, file))
}

/// A path as the target of a link.
pub fn encoded(path: &str) -> String {
    let mut out = String::new();
    for c in path.chars() {
        match c {
            ' ' | '(' | ')' | '<' | '>' | '"' | '\\' | '%' | '#' | '?' | '[' | ']' | '`' | '*' => {
                out.push_str(&format!("%{:02X}", u32::from(c)));
            }
            c if c.is_control() => out.push_str(&format!("%{:02X}", u32::from(c) & 0xff)),
            c => out.push(c),
        }
    }
    out
}

/// The way from a folder to a file, with `/` between steps.
fn relative(folder: &Path, file: &Path) -> String {
    let (folder, file) = (lexical(folder), lexical(file));
    let shared = folder.iter().zip(&file).take_while(|(a, b)| a == b).count();
    let up = std::iter::repeat_n("..".to_owned(), folder.len() - shared);
    up.chain(file[shared..].iter().cloned()).collect::<Vec<_>>().join("/")
}

/// A path in steps, without `.` and `..`.
fn lexical(path: &Path) -> Vec<String> {
    let mut steps: Vec<String> = Vec::new();
    for component in PathBuf::from(path).components() {
        match component {
            Component::Normal(step) => steps.push(step.to_string_lossy().into_owned()),
            Component::ParentDir if steps.last().is_some_and(|last| last != "..") => drop(steps.pop()),
            Component::ParentDir => steps.push("..".to_owned()),
            Component::CurDir | Component::RootDir | Component::Prefix(_) => {}
        }
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> String {
        moved(text, Path::new("/p/recipes"), Path::new("/p/docs/woven"))
    }

    #[test]
    fn relative_links_lead_to_the_same_files() {
        assert_eq!(of("[a](01-baseline.md#x)"), "[a](../../recipes/01-baseline.md#x)");
        assert_eq!(
            of("![獺](../img/獺%201.png \"t\") and [b](<c.md>)"),
            "![獺](../../img/獺%201.png \"t\") and [b](<../../recipes/c.md>)"
        );
        assert_eq!(of("[![a](b.png)](c.md)"), "[![a](../../recipes/b.png)](../../recipes/c.md)");
        assert_eq!(of("[a][r]\n\n[r]: ../docs/x.md \"t\"\n"), "[a][r]\n\n[r]: ../x.md \"t\"\n");
        for stays in [
            "[a](https://x.org/a.md)",
            "[a](#b)",
            "[a](/abs)",
            "[a](mailto:x@y)",
            "`[a](b.md)`",
            "<https://x.org>",
            "a](b",
        ] {
            assert_eq!(of(stays), stays);
        }
    }

    #[test]
    fn paths_are_encoded_once() {
        assert_eq!(link(Path::new("/p/a"), Path::new("/p/b/獺 (1).md")), "../b/獺%20%281%29.md");
        assert_eq!(link(Path::new("/p"), Path::new("/p/x.md")), "x.md");
    }
}
