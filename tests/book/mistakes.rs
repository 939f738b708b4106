//! Every recipe in `broken/` with everything that is said about it, as one snapshot; and the places of mistakes.

use std::path::Path;

use toji::book::{Look, Severity, read, report};

use super::reading::read_text;
use super::schema::schema;

/// One snapshot for the folder, so that all messages can be read beside each other.
#[test]
fn broken_recipes() {
    let mut files: Vec<_> = std::fs::read_dir("tests/book/broken").unwrap().map(|e| e.unwrap().path()).collect();
    files.sort();
    assert!(files.len() >= 15, "the folder is where it is expected");
    let mut told = String::new();
    for file in files {
        let (_, diagnostics) = read(&file, &schema());
        assert!(!diagnostics.is_empty(), "{} has mistakes", file.display());
        told += &format!("=== {}\n{}", file.display(), report(&diagnostics, Look::LINES));
    }
    insta::with_settings!({ snapshot_path => "snapshots", prepend_module_to_snapshot => false, omit_expression => true }, {
        insta::assert_snapshot!("broken", told);
    });
}

/// The same as pictures with carets, for one file.
#[test]
fn a_picture_has_a_caret() {
    let (_, diagnostics) = read(Path::new("tests/book/broken/unicode.md"), &schema());
    let picture = report(&diagnostics, Look { width: 80, colour: false, pictures: true });
    insta::with_settings!({ snapshot_path => "snapshots", prepend_module_to_snapshot => false, omit_expression => true }, {
        insta::assert_snapshot!("picture", picture);
    });
    let narrow = report(&diagnostics, Look { width: 40, colour: true, pictures: true });
    assert_eq!(narrow, report(&diagnostics, Look::LINES), "where a picture does not fit there are plain lines");
}

#[test]
fn nothing_steers_the_terminal() {
    let text = "# \u{1b}[2J\n\n```toml\n[train]\nepochs = 3\nx\u{202e}y = \"\u{1b}]0;title\u{7}\"\n\"\u{1b}[31m\" = 1\n[loss]\nname = \"\\u001b[2J\"\n```\n";
    let (_, diagnostics) = read_text("r\u{1b}.md", text);
    assert!(diagnostics.len() >= 2);
    for look in [Look::LINES, Look { width: 100, colour: false, pictures: true }] {
        let told = report(&diagnostics, look);
        assert!(!told.chars().any(|c| (c.is_control() && c != '\n') || c == '\u{202e}'), "{told:?}");
    }
}

#[test]
fn many_mistakes_are_counted() {
    let keys: String = (0..80).map(|i| format!("wrong{i} = 1\n")).collect();
    let (_, diagnostics) =
        read_text("r.md", &format!("```toml\n[train]\nepochs = 1\n{keys}[loss]\nname = \"ArcFaceLoss\"\n```\n"));
    assert_eq!(diagnostics.len(), 80);
    assert!(report(&diagnostics, Look::LINES).ends_with("and 30 more\n"));
}

#[test]
fn places_hold_with_crlf_marks_and_tabs() {
    let text = "\u{feff}# 酒\r\n\r\nプローズ\r\n\r\n> - ~~~toml\r\n>   [loss]\r\n>   name = \"ArcFaceLoss\"\r\n>   \tmargin = \"獺祭\"\r\n>   ~~~\r\n\r\n```toml\r\n[train]\r\nepochs = 1\r\nepoch = 1\r\n```";
    let (book, diagnostics) = read_text("r.md", text);
    let told: Vec<_> = diagnostics.iter().map(|d| (d.line, d.column, &text[d.span.clone()])).collect();
    assert_eq!(told, [(8, 15, "\"獺祭\""), (14, 1, "epoch")]);
    assert_eq!(book.title, "酒");
    let (unix, _) = read_text("r.md", &text.replace("\r\n", "\n"));
    assert_eq!(book.settings, unix.settings);
    assert_eq!(book.blocks, unix.blocks);
}

#[test]
fn data_has_all_that_the_text_has() {
    let (_, diagnostics) =
        read_text("r.md", "```toml\n[loss]\nname = \"ArcFaceLoss\"\nname = \"x\"\n[train]\nepochs = 1\n```\n");
    assert_eq!(diagnostics[0].severity, Severity::Error);
    insta::assert_snapshot!(serde_json::to_string_pretty(&diagnostics).unwrap(), @r#"
[
  {
    "severity": "error",
    "file": "r.md",
    "line": 4,
    "column": 1,
    "span": {
      "start": 36,
      "end": 40
    },
    "message": "`loss.name` is written twice: here and at 3:1",
    "help": "keep one of the two",
    "also": {
      "file": "r.md",
      "line": 3,
      "column": 1,
      "span": {
        "start": 15,
        "end": 19
      },
      "what": "first written here"
    }
  }
]
"#);
}
