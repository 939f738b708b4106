//! Any text is read without a panic, every place lies in its text, and settings survive being printed.

use std::path::Path;

use proptest::prelude::*;
use toji::base::files::read_text as load;
use toji::book::read::{facts_from, read_with};
use toji::book::{Look, print, report};

use super::reading::read_text;
use super::schema::schema;

/// Reads a text as a recipe beside the real ones and holds everything that must hold for any text.
fn hold(text: &str) {
    let file = Path::new("recipes/under-test.md");
    let (book, diagnostics) =
        read_with(file, &schema(), &|asked| if asked == file { Ok(text.to_owned()) } else { load(asked) });
    let lines = text.split('\n').count();
    for d in diagnostics.iter().filter(|d| d.file == file && d.line > 0) {
        assert!(d.line <= lines && d.column >= 1, "{d:?}");
        assert!(d.span.start <= d.span.end && d.span.end <= text.len(), "{d:?}");
        assert_eq!(text[..d.span.start].matches('\n').count() + 1, d.line, "{d:?}");
    }
    report(&diagnostics, Look::LINES);
    report(&diagnostics, Look { width: 80, colour: true, pictures: true });
    let (again, _, found) = facts_from(Path::new("lock.toml"), print(&book.settings), &schema());
    if !diagnostics.iter().any(|d| d.is_error()) {
        assert_eq!((again, found), (book.settings, vec![]));
    }
}

fn recipes() -> Vec<String> {
    let mut files: Vec<_> = ["recipes", "tests/book/broken"]
        .iter()
        .flat_map(|folder| std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()))
        .filter(|f| f.extension().is_some_and(|e| e == "md"))
        .collect();
    files.sort();
    files.iter().map(|f| load(f).unwrap()).collect()
}

/// Pieces that are likely to upset a reader.
const PIECES: &[&str] = &[
    "```toml\n",
    "```\n",
    "~~~toml\n",
    "[",
    "]",
    "[[",
    "]]",
    "{",
    "}",
    "=",
    "\"",
    "'''",
    "\"\"\"",
    "#",
    ",",
    ".",
    "\n",
    "\r\n",
    "\r",
    "\t",
    "> ",
    "- ",
    "    ",
    "獺祭",
    "🍶",
    "\u{feff}",
    "\u{0}",
    "\u{1b}[31m",
    "nan",
    "1e999",
    "1979-05-27",
    "0x",
    "\\",
    "\\u12",
    "[loss]\n",
    "name = \"ArcFaceLoss\"\n",
    "a.b.c = 1\n",
    "[a.b]\n",
    "[[a]]\n",
    "<!--",
    "-->",
    "extends = \"under-test.md\"\n",
    "[recipe]\n",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text(text in "\\PC{0,200}") {
        hold(&text);
    }

    #[test]
    fn any_pieces(pieces in prop::collection::vec(prop::sample::select(PIECES), 0..60)) {
        hold(&pieces.concat());
        hold(&format!("```toml\n{}", pieces.concat()));
        hold(&format!("```toml\n[train]\n{}\n```\n", pieces.concat()));
    }

    #[test]
    fn mutated_recipes(
        which in any::<prop::sample::Index>(),
        edits in prop::collection::vec((any::<prop::sample::Index>(), 0usize..12, prop::sample::select(PIECES)), 1..6),
    ) {
        let recipes = recipes();
        let mut text: Vec<char> = which.get(&recipes).chars().collect();
        for (place, gone, piece) in edits {
            let at = place.index(text.len() + 1);
            let to = (at + gone).min(text.len());
            text.splice(at..to, piece.chars());
        }
        hold(&text.into_iter().collect::<String>());
    }

    /// Whatever text, number or list a setting has: printed and read again it is the same.
    #[test]
    fn print_and_read(
        weights in "\\PC{0,30}|[\\x00-\\x7f]{0,30}",
        lr in 0.0f64..10.0,
        margin in prop_oneof![0.0f64..180.0, Just(0.0), Just(1e-300), Just(f64::MIN_POSITIVE)],
        scale in 0.0f64..f64::MAX,
        seed in 0i64..=i64::MAX,
        steps in prop::collection::vec((1i64..1000, any::<bool>()), 0..5),
    ) {
        let quoted = serde_json::to_string(&weights).unwrap().replace('\u{7f}', "\\u007f");
        let steps: Vec<String> = steps.iter().map(|(dim, whiten)| format!("{{ op = \"pca\", dim = {dim}, whiten = {whiten} }}")).collect();
        let text = format!(
            "```toml\n[recipe]\nseed = {seed}\n[backbone]\nweights = {quoted}\n[loss]\nname = \"ArcFaceLoss\"\nmargin = {margin:?}\nscale = {scale:?}\n\
             [train]\nepochs = 3\noptimizer = {{ name = \"AdamW\", lr = {lr:?} }}\n[post]\nsteps = [{}]\n```\n",
            steps.join(", ")
        );
        let (book, diagnostics) = read_text("r.md", &text);
        prop_assert!(diagnostics.is_empty(), "{}", report(&diagnostics, Look::LINES));
        prop_assert_eq!(book.settings.get("backbone.weights").and_then(|v| v.as_text()), Some(weights.as_str()));
        prop_assert_eq!(book.settings.get("loss.margin").and_then(|v| v.as_f64()), Some(margin));
        let printed = print(&book.settings);
        let (again, _, found) = facts_from(Path::new("lock.toml"), printed.clone(), &schema());
        prop_assert!(found.is_empty(), "{}", report(&found, Look::LINES));
        prop_assert_eq!(print(&again), printed);
        prop_assert_eq!(again, book.settings);
    }
}

#[test]
fn deep_and_long_texts() {
    for text in [
        format!("```toml\n[a]\nx = {}\n```\n", "[".repeat(20_000)),
        format!("```toml\n[a]\nx = {}1{}\n```\n", "{a=".repeat(5_000), "}".repeat(5_000)),
        format!("```toml\n[{}]\n```\n", vec!["a"; 5_000].join(".")),
        format!("{}```toml\n[a]\n", "> ".repeat(2_000)),
        "```toml\n[a]\n```\n".repeat(2_000),
        format!("```toml\n[train]\n{}\n```\n", "x".repeat(200_000)),
        format!("```toml\n[train]\n{} = 1\n```\n", "x".repeat(200_000)),
    ] {
        let (_, diagnostics) = read_text("r.md", &text);
        assert!(!diagnostics.is_empty());
    }
}
