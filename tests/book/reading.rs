//! What a recipe becomes: settings, origins, blocks; and how it takes over its parents.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use toji::base::Value;
use toji::base::files::FileError;
use toji::book::read::{facts_from, read_with};
use toji::book::technique::{Default, Kind, Literal, Param, Status, Technique};
use toji::book::{Block, Book, Diagnostic, Look, OriginKind, Schema, explain, print, read, report};

use super::schema::schema;

/// Reads one text that no disk has.
pub fn read_text(file: &str, text: &str) -> (Book, Vec<Diagnostic>) {
    read_texts(&[(file, text)])
}

/// Reads the first of some texts, which may extend the others.
pub fn read_texts(texts: &[(&str, &str)]) -> (Book, Vec<Diagnostic>) {
    let files: BTreeMap<PathBuf, String> = texts.iter().map(|(f, t)| (PathBuf::from(f), (*t).to_owned())).collect();
    read_with(Path::new(texts[0].0), &schema(), &|file| {
        files.get(file).cloned().ok_or_else(|| FileError::at("cannot read", file)(io::ErrorKind::NotFound.into()))
    })
}

fn right(texts: &[(&str, &str)]) -> Book {
    let (book, diagnostics) = read_texts(texts);
    assert!(diagnostics.is_empty(), "{}", report(&diagnostics, Look::LINES));
    book
}

const PARENT: &str = "# Parent
```toml
[recipe]
seed = 3
[loss]
name = \"ArcFaceLoss\"
margin = 17.2
scale = 30
[train]
epochs = 12
optimizer = { name = \"AdamW\", lr = 1e-3, weight_decay = 5e-4 }
[backbone]
pool = { kind = \"gem\", p = 4.0 }
[post]
steps = [{ op = \"pca\", dim = 8 }, { op = \"l2\" }]
```
";

#[test]
fn settings_are_canonical() {
    let book = right(&[(
        "r.md",
        "# T\n```toml\n[loss]\nscale = 30\nname = \"ArcFaceLoss\"\n[train]\nepochs = 2\n```\n\n```toml\n[augment]\ntrain = [{ op = \"ColorJitter\", contrast = [0, 1] }]\n[train]\nschedule = { name = \"cosine\" }\n```\n",
    )]);
    insta::assert_snapshot!(print(&book.settings), @r#"
[augment]
train = [
  { brightness = 0.2, contrast = [0.0, 1.0], hue = 0.0, op = "ColorJitter", p = 0.5, saturation = 0.2 },
]

[backbone]
embedding = 256
freeze = false
name = "resnet18"
pool = { kind = "gem", p = 3.0 }
weights = "none"

[folds]
scheme = "holdout"

[loss]
margin = 28.6
name = "ArcFaceLoss"
scale = 30.0

[post]
steps = [
  { op = "l2" },
]

[recipe]
seed = 0

[train]
batch = 64
epochs = 2
eval = { every = 1 }
optimizer = { lr = 0.002, name = "AdamW", weight_decay = 0.01 }
schedule = { name = "cosine", warmup_epochs = 1.0 }
"#);
}

#[test]
fn prose_comments_and_order_change_nothing() {
    let one =
        right(&[("a.md", "# A\n```toml\n[loss]\nname = \"ArcFaceLoss\"\nscale = 30\n\n[train]\nepochs = 2\n```\n")]);
    let two = right(&[(
        "b.md",
        "# B\nOther words.\n\n~~~toml\n[train]   # how long\nepochs = 0x02\n~~~\n\n- and\n\n  ```toml\n  [loss]\n  'scale' = 30.0\n  name = \"ArcFace\\u004Coss\"\n  ```\n",
    )]);
    assert_eq!(one.settings, two.settings);
}

#[test]
fn a_page_is_prose_and_cells() {
    let book = right(&[(
        "r.md",
        "\n# Title `x`\n\nWords.\n\n```toml\n[train]\nepochs = 1\n[loss]\nname = \"ArcFaceLoss\"\n```\n  \n\n    indented\n\n```sh\nls\n```\n\n```toml\n# nothing\n```\n",
    )]);
    assert_eq!(book.title, "Title x");
    let prose = |text: &str, line| Block::Prose { text: text.to_owned(), line };
    let cell = |text: &str, line, tables: &[&str]| Block::Cell {
        text: text.to_owned(),
        line,
        tables: tables.iter().map(|t| (*t).to_owned()).collect(),
    };
    assert_eq!(
        book.blocks,
        [
            prose("# Title `x`\n\nWords.", 2),
            cell("[train]\nepochs = 1\n[loss]\nname = \"ArcFaceLoss\"\n", 7, &["train", "loss"]),
            prose("    indented\n\n```sh\nls\n```", 14),
            cell("# nothing\n", 21, &[]),
        ]
    );
}

#[test]
fn a_child_overrides_key_by_key() {
    let child = "```toml\n[recipe]\nextends = \"p/../parent.md\"\n[loss]\nmargin = 20\n[train]\noptimizer = { lr = 2e-3 }\n[post]\nsteps = []\n```\n";
    let book = right(&[("child.md", child), ("parent.md", PARENT)]);
    let is = |path: &str, value: Value| assert_eq!(book.settings.get(path), Some(&value), "{path}");
    is("recipe.seed", Value::Int(3));
    is("loss.margin", Value::Float(20.0));
    is("loss.scale", Value::Float(30.0));
    is("train.optimizer.lr", Value::Float(2e-3));
    is("train.optimizer.weight_decay", Value::Float(5e-4));
    is("post.steps", Value::List(vec![]));
    is("backbone.pool.p", Value::Float(4.0));
    assert_eq!(book.settings.get("recipe.extends"), None, "what it builds on is not what it says");
    assert_eq!(book.extends, [PathBuf::from("parent.md")]);
    assert_eq!(book.texts.len(), 2);
    // Written out, it is the same recipe.
    let (again, _, diagnostics) = facts_from(Path::new("lock.toml"), print(&book.settings), &schema());
    assert_eq!((again, diagnostics), (book.settings, vec![]));
}

#[test]
fn another_technique_takes_nothing_over() {
    let child = "```toml\n[recipe]\nextends = \"parent.md\"\n[loss]\nname = \"CrossEntropyLoss\"\n[backbone]\npool = { kind = \"avg\" }\n```\n";
    let book = right(&[("child.md", child), ("parent.md", PARENT)]);
    insta::assert_snapshot!(book.settings.get("loss").unwrap(), @r#"{ label_smoothing = 0.0, name = "CrossEntropyLoss" }"#);
    insta::assert_snapshot!(book.settings.get("backbone.pool").unwrap(), @r#"{ kind = "avg" }"#);
    // Naming the same one again keeps the parent's parameters.
    let child = "```toml\n[recipe]\nextends = \"parent.md\"\n[loss]\nname = \"ArcFaceLoss\"\n```\n";
    let book = right(&[("child.md", child), ("parent.md", PARENT)]);
    assert_eq!(book.settings.get("loss.margin"), Some(&Value::Float(17.2)));
    // Back to the first by way of another: the grandparent's parameters are gone for good.
    let back = "```toml\n[recipe]\nextends = \"mid.md\"\n[loss]\nname = \"ArcFaceLoss\"\n```\n";
    let mid = "```toml\n[recipe]\nextends = \"parent.md\"\n[loss]\nname = \"CrossEntropyLoss\"\n```\n";
    let book = right(&[("back.md", back), ("mid.md", mid), ("parent.md", PARENT)]);
    assert_eq!(book.settings.get("loss.margin"), Some(&Value::Float(28.6)));
    assert_eq!(book.extends, [PathBuf::from("mid.md"), PathBuf::from("parent.md")]);
}

#[test]
fn every_name_of_the_file_itself_can_be_explained() {
    let child = "# C\n\n- 獺\n\n  ```toml\n  [recipe]\n  extends = \"parent.md\"\n  [loss]\n  name = \"ArcFaceLoss\"\n  margin = 999\n  mrgin = 1\n  [train]\n  optimizer = { name = \"AdamW\", lr = 2e-3 }\n  eval.every = 2\n  [post]\n  steps = [{ op = \"pca\", dim = \"x\" }]\n  ```\n";
    let (book, diagnostics) = read_texts(&[("child.md", child), ("parent.md", PARENT)]);
    assert_eq!(diagnostics.len(), 3, "{diagnostics:?}");
    let told: String =
        book.names.iter().map(|n| format!("{}:{}+{} {}\n", n.line, n.column, n.width, n.topic)).collect();
    insta::assert_snapshot!(told, @r#"
    6:4+6 recipe
    7:3+7 recipe.extends
    8:4+4 loss
    9:10+13 loss.ArcFaceLoss
    10:3+6 ArcFaceLoss.margin
    12:4+5 train
    13:3+9 train.optimizer
    13:24+7 optimizer.AdamW
    13:33+2 AdamW.lr
    14:3+4 train.eval
    14:8+5 train.eval.every
    15:4+4 post
    16:3+5 post.steps
    16:19+5 post.pca
    16:26+3 pca.dim
    "#);
    for name in &book.names {
        assert!(explain(&schema(), &name.topic).is_ok(), "{}", name.topic);
    }
}

#[test]
fn every_setting_knows_where_it_is_from() {
    let child = "# C\n\n```toml\n[recipe]\nextends = \"parent.md\"\n\n[train]\n  batch = 8\n```\n";
    let book = right(&[("child.md", child), ("parent.md", PARENT)]);
    let told = |path: &str| {
        let o = &book.origins[path];
        format!("{:?} {}:{}:{}", o.kind, o.file.display(), o.line, o.column)
    };
    assert_eq!(told("train.batch"), "Own child.md:8:3");
    assert_eq!(told("train.epochs"), "Inherited parent.md:10:1");
    assert_eq!(told("train.optimizer.lr"), "Inherited parent.md:11:31");
    assert_eq!(told("post.steps[0].dim"), "Inherited parent.md:15:24");
    assert_eq!(told("train.eval.every"), "Default child.md:0:0");
    let mut paths = vec![];
    collect("", &book.settings, &mut paths);
    for path in &paths {
        assert!(book.origins.contains_key(path), "{path} has an origin");
    }
    assert_eq!(paths.len(), book.origins.len(), "and nothing else has");
}

fn collect(path: &str, value: &Value, paths: &mut Vec<String>) {
    if !path.is_empty() {
        paths.push(path.to_owned());
    }
    match value {
        Value::Table(map) => {
            map.iter()
                .for_each(|(k, v)| collect(&if path.is_empty() { k.clone() } else { format!("{path}.{k}") }, v, paths));
        }
        Value::List(items) => items.iter().enumerate().for_each(|(i, v)| collect(&format!("{path}[{i}]"), v, paths)),
        _ => {}
    }
}

#[test]
fn tables_that_need_not_be_written() {
    let plain = "```toml\n[loss]\nname = \"ArcFaceLoss\"\n[train]\nepochs = 1\n```\n";
    let book = right(&[("r.md", plain)]);
    assert_eq!(book.settings.get("export"), None);
    assert_eq!(book.settings.get("folds.scheme"), Some(&Value::Text("holdout".into())));
    assert_eq!(book.origins["folds.scheme"].kind, OriginKind::Default);
    assert_eq!(book.settings.get("ensemble"), None);
}

#[test]
fn facts_are_plain_toml() {
    let (settings, origins, diagnostics) = facts_from(
        Path::new("toji.toml"),
        "\u{feff}[train]\r\nepochs = 3\r\n[loss]\nname = \"ArcFaceLoss\"\n".into(),
        &schema(),
    );
    assert!(diagnostics.is_empty());
    assert_eq!(settings.get("train.epochs"), Some(&Value::Int(3)));
    assert_eq!((origins["train.epochs"].line, origins["train.epochs"].column), (2, 1));
    let (_, _, diagnostics) =
        facts_from(Path::new("toji.toml"), "x = 3\n[loss]\nname = \"ArcFaceLoss\"\n[train]\n".into(), &schema());
    insta::assert_snapshot!(report(&diagnostics, Look::LINES), @r#"
toji.toml:1:1: error: this key stands in no table
    help: begin with a table's header, as in `[train]`: each cell is read by itself
toji.toml:4:2: error: `train.epochs` is missing
    help: How often each photo is seen: a whole number, 1 to 1000 epochs
"#);
}

#[test]
fn files_that_are_none() {
    let (_, diagnostics) = read(Path::new("tests/book/no-such.md"), &schema());
    insta::assert_snapshot!(report(&diagnostics, Look::LINES), @"tests/book/no-such.md: error: there is no such file");
    let (_, diagnostics) = read(Path::new("tests/book"), &schema());
    insta::assert_snapshot!(report(&diagnostics, Look::LINES), @"tests/book: error: cannot be read: not a file");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("sjis.md");
    toji::base::files::publish(&file, b"# \x93\xfa\x96\x7b\n").unwrap();
    let (_, diagnostics) = read(&file, &schema());
    assert_eq!(diagnostics[0].message, "cannot be read: not UTF-8 at byte 2");
}

#[test]
fn a_circle_through_a_link_is_a_circle() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.md");
    toji::base::files::publish(&file, b"```toml\n[recipe]\nextends = \"b.md\"\n```\n").unwrap();
    std::os::unix::fs::symlink(&file, folder.path().join("b.md")).unwrap();
    let (_, diagnostics) = read(&file, &schema());
    assert_eq!(diagnostics.len(), 1);
    assert_eq!(diagnostics[0].message, "recipes extend each other in a circle: a.md → b.md");
}

/// The recipes of this repository, read with this test's schema: whatever differs there is said, but the
/// Markdown, the TOML and the way up to the parents hold.
#[test]
fn the_recipes_are_read() {
    for name in ["00-first-pour", "01-baseline", "02-arcface", "03-small-crops"] {
        let (book, diagnostics) = read(Path::new(&format!("recipes/{name}.md")), &schema());
        assert!(diagnostics.is_empty(), "{}", report(&diagnostics, Look::LINES));
        assert!(book.blocks.len() >= 4 && book.title.starts_with(&name[..2]), "{}", book.title);
    }
    let (arcface, _) = read(Path::new("recipes/02-arcface.md"), &schema());
    let (crops, _) = read(Path::new("recipes/03-small-crops.md"), &schema());
    let changed: Vec<String> = crops.settings.changes_from(&arcface.settings).into_iter().map(|c| c.name).collect();
    assert!(!changed.is_empty() && changed.iter().all(|c| c.starts_with("augment.")), "{changed:?}");
}

/// Marks, indentation and line ends around a cell are Markdown's and never part of a text of many lines.
#[test]
fn many_lines_are_the_same_everywhere() {
    let cell =
        "[backbone]\nweights = \"\"\"\none\n  two \\\\r\n\"\"\"\n[loss]\nname = \"ArcFaceLoss\"\n[train]\nepochs = 1\n";
    let plain = format!("```toml\n{cell}```\n");
    let quoted: String = plain
        .lines()
        .map(|line| format!("> - {line}\n").replacen("- ", if line == "```toml" { "- " } else { "  " }, 1))
        .collect();
    let expected = Value::Text("one\n  two \\r\n".into());
    for text in [plain.replace('\n', "\r\n"), quoted.replace('\n', "\r\n"), quoted, plain] {
        let book = right(&[("r.md", &text)]);
        assert_eq!(book.settings.get("backbone.weights"), Some(&expected), "{text}");
    }
}

#[test]
fn lists_in_lists_are_filled_in_and_keep_their_places() {
    let text = "```toml\n[loss]\nname = \"ArcFaceLoss\"\n[train]\nepochs = 1\n[augment]\ntrain = [\n  { op = \"OneOf\", transforms = [\n    \
                { op = \"HorizontalFlip\" },\n    { op = \"OneOf\", transforms = [{ op = \"Affine\", rotate = 10 }] },\n  ] },\n]\n```\n";
    let book = right(&[("r.md", text)]);
    let train = book.settings.get("augment.train").unwrap().to_string();
    assert_eq!(
        train,
        "[{ op = \"OneOf\", p = 0.5, transforms = [{ op = \"HorizontalFlip\", p = 0.5 }, { op = \"OneOf\", p = 0.5, \
         transforms = [{ op = \"Affine\", p = 0.5, rotate = 10.0 }] }] }]"
    );
    let place = |name: &str| (book.origins[name].line, book.origins[name].column);
    assert_eq!(place("augment.train[0].transforms[1].transforms[0].rotate"), (10, 52));
    assert_eq!(place("augment.train[0].transforms[0]"), (9, 5));
    assert_eq!(book.origins["augment.train[0].transforms[0].p"].kind, OriginKind::Default);
    // Printed and read again it is the same recipe.
    let printed = print(&book.settings);
    assert_eq!(right(&[("r.md", &format!("```toml\n{printed}```\n"))]).settings, book.settings);
}

const DEGREES: Kind = Kind::OverEpochs(&Kind::Float { min: -90.0, max: 90.0 });
const AXES: &[Param] = &[Param::new("x", DEGREES, Default::Absent, "Along the width")];

/// Numbers that may go over the epochs, alone, in a range, in a table of their own.
static TURN: Technique = Technique {
    name: "Turn",
    slot: "augment",
    about: "",
    details: "",
    params: &[
        Param::new(
            "angle",
            Kind::Either(&[DEGREES, Kind::List { of: &DEGREES, min: 2, max: 2 }, Kind::Table(AXES)]),
            Default::Required,
            "Angle",
        )
        .unit("degrees"),
        Param::new("times", Kind::OverEpochs(&Kind::Int { min: 1, max: 9 }), Default::Is(Literal::Int(1)), "How often"),
    ],
    source: "",
    status: Status::Built,
};

/// What a list of one operation is read as, and what is said about it, with line and column.
fn turned(entry: &str) -> (String, Vec<String>) {
    let mut schema = schema();
    schema.techniques.push(&TURN);
    let text =
        format!("```toml\n[loss]\nname = \"ArcFaceLoss\"\n[train]\nepochs = 1\n[augment]\ntrain = [{entry}]\n```\n");
    let (book, found) = read_with(Path::new("r.md"), &schema, &|_| Ok(text.clone()));
    let told = found.iter().map(|d| {
        let help = d.help.as_ref().map_or_else(String::new, |help| format!("; {help}"));
        format!("{}:{} {}{help}", d.line, d.column, d.message)
    });
    (book.settings.get("augment.train").map(ToString::to_string).unwrap_or_default(), told.collect())
}

#[test]
fn a_number_may_go_over_the_epochs() {
    for (entry, read) in [
        ("angle = 5", "angle = 5.0, op = \"Turn\", times = 1"),
        (
            "angle = { from = 5, to = -5, epochs = 2 }",
            "angle = { epochs = 2.0, from = 5.0, to = -5.0 }, op = \"Turn\", times = 1",
        ),
        (
            "angle = [{ from = -9, decay = 0.5 }, 4]",
            "angle = [{ decay = 0.5, from = -9.0 }, 4.0], op = \"Turn\", times = 1",
        ),
        (
            "angle = { x = { from = 1, decay = 1 } }, times = { from = 1, to = 3, epochs = 0.5 }",
            "angle = { x = { decay = 1.0, from = 1.0 } }, op = \"Turn\", times = { epochs = 0.5, from = 1, to = 3 }",
        ),
    ] {
        assert_eq!(turned(&format!("{{ op = \"Turn\", {entry} }}")), (format!("[{{ {read} }}]"), Vec::new()));
    }
    let told = |entry: &str| turned(&format!("{{ op = \"Turn\", {entry} }}")).1.join("\n");
    insta::assert_snapshot!(told("angle = { from = 5, to = 99, epochs = 2 }"), @"7:50 `augment.train[0].angle.to` is 99, but must be -90.0 to 90.0 degrees");
    insta::assert_snapshot!(told("angle = { from = 5, to = 9 }"), @"7:33 `augment.train[0].angle.epochs` is missing; a number that goes over the epochs is `{ from, to, epochs }` or `{ from, decay }`");
    insta::assert_snapshot!(told("angle = { from = 5, to = 9, epochs = 1, decay = 0.5 }"), @"7:65 unknown key `decay` in `augment.train[0].angle`; a number that goes over the epochs is `{ from, to, epochs }` or `{ from, decay }`");
    insta::assert_snapshot!(told("angle = 5, times = { from = 1.5, decay = 2 }"), @r"
    7:53 `augment.train[0].times.from`: expected a whole number, 1 to 9, found the real number 1.5
    7:66 `augment.train[0].times.decay` is 2, but must be 0.0 to 1.0
    ");
    insta::assert_snapshot!(told("angle = \"5\""), @"7:33 `augment.train[0].angle`: expected a real number, -90.0 to 90.0 degrees, or over epochs; or a list of 2, each a real number, -90.0 to 90.0 degrees, or over epochs; or a table with `x`, found text");
    let words = explain(&Schema { sections: Vec::new(), techniques: vec![&TURN] }, "Turn").unwrap();
    assert!(words.contains("a whole number, 1 to 9, or over epochs; default 1"), "{words}");
}
