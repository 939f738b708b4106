//! The rule that all text goes through `view/ink.rs`, held by reading the sources.

use std::path::Path;

/// What makes spans or cells out of text without making it safe.
const BYPASSES: &[&str] = &[
    "Span::raw",
    "Span::styled",
    "Span::from",
    "Line::raw",
    "Line::styled",
    "Line::from",
    ".set_string(",
    ".set_stringn(",
    ".set_line(",
    ".set_span(",
    "Paragraph::new",
    "Text::",
];

fn rust_files(folder: &Path, found: &mut Vec<std::path::PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
}

#[test]
fn all_text_goes_through_ink() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/tui/view");
    let mut files = Vec::new();
    rust_files(&folder, &mut files);
    assert!(files.len() > 10);
    for file in files.iter().filter(|f| !f.ends_with("ink.rs")) {
        let source = std::fs::read_to_string(file).unwrap();
        for (number, line) in source.lines().enumerate() {
            if let Some(bypass) = BYPASSES.iter().find(|b| line.contains(**b)) {
                panic!("{}:{}: {bypass} goes around ink", file.display(), number + 1);
            }
        }
    }
}
