//! Edits of texts with comments, quotations, lists, CRLF, a byte-order mark and Japanese.

use super::*;
use crate::base::Time;

const PAGE: &str = "# 純米\n\nWords.\n\n```toml\n[augment] # 酒\ntrain = [\n  # the shop's light\n  { op = \"Affine\", rotate = [-10, 10], p = 0.5 }, # 銘柄\n  \
    { op = \"ToGray\",p=0.1 },\n]\n```\n\n> - in a list\n>\n>   ```toml\n>   [loss]\n>   margin  =  17.2   # degrees\n>   name = 'ArcFaceLoss'\n>   ```\n\n\
    ```toml\n[train]\noptimizer = { name = \"AdamW\", lr = 1e-3 }\nschedule.name = \"cosine\"\n\n[train.ema]\n```\n";

/// The text as other editors write it.
fn dressed(text: &str, crlf: bool, mark: bool) -> String {
    let text = if crlf { text.replace('\n', "\r\n") } else { text.to_owned() };
    if mark { format!("\u{feff}{text}") } else { text }
}

fn refused(text: &str, key: &str, value: &str) -> String {
    replace(text, key, value).unwrap_err().to_string()
}

#[test]
fn a_value_is_replaced_and_nothing_else() {
    let changes = [
        ("loss.margin", "17.2", "22.9"),
        ("loss.name", "'ArcFaceLoss'", "\"CosFaceLoss\""),
        ("augment.train[0].p", "0.5", "0.75"),
        ("augment.train[0].rotate", "[-10, 10]", "[-5, 5]"),
        ("augment.train[0].rotate[1]", "10", "12"),
        ("augment.train[1].op", "\"ToGray\"", "\"獺祭\""),
        ("augment.train[1]", "{ op = \"ToGray\",p=0.1 }", "{ op = \"ToGray\" }"),
        ("train.optimizer.lr", "1e-3", "3e-4"),
        ("train.optimizer", "{ name = \"AdamW\", lr = 1e-3 }", "{ name = \"SGD\" }"),
        ("train.schedule.name", "\"cosine\"", "\"constant\""),
    ];
    for (crlf, mark) in [(false, false), (true, false), (false, true), (true, true)] {
        let text = dressed(PAGE, crlf, mark);
        for (key, old, new) in changes {
            let found = find(&text, key).unwrap();
            assert_eq!(&text[found.clone()], old, "{key}");
            let after = replace(&text, key, new).unwrap();
            assert_eq!(after, [&text[..found.start], new, &text[found.end..]].concat(), "{key}");
        }
    }
}

#[test]
fn a_word_gets_its_quotes_and_what_is_no_value_is_refused() {
    assert!(replace(PAGE, "loss.name", "CosFaceLoss").unwrap().contains("name = \"CosFaceLoss\"\n"));
    assert!(replace(PAGE, "loss.name", "01-baseline.md").unwrap().contains("\"01-baseline.md\""));
    assert!(replace(PAGE, "loss.margin", " true ").unwrap().contains("=  true   # degrees"));
    for (value, why) in [
        ("22 # more", "more than a value"),
        ("22, b = 3", "not TOML"),
        ("[1, 2", "not TOML"),
        ("1\ny = 2", "a line end"),
        ("", "a value is missing"),
        ("22 }", "not TOML"),
        ("two words", "not TOML"),
        ("\"\u{1b}\"", "a control character"),
        ("nan", "nan"),
    ] {
        let said = refused(PAGE, "loss.margin", value);
        assert!(said.contains(why), "{value:?}: {said}");
    }
    assert_eq!(refused(PAGE, "loss.margin", ""), "a value is missing");
    assert_eq!(
        refused(PAGE, "augment.train", "[]"),
        "`augment.train` stands on the lines 7 to 11; change one of the values in it, or all of it in your editor"
    );
    assert_eq!(refused(PAGE, "loss", "1"), "`loss` is a table; change one of its keys");
    assert_eq!(refused(PAGE, "loss.scale", "1"), "`loss.scale` is not written in this recipe");
    assert_eq!(refused(PAGE, "augment.train[7].p", "1"), "`augment.train[7].p` is not written in this recipe");
    for key in ["", "loss.", ".margin", "loss..margin", "a[", "a[x]", "a]b", "a[1]b", "a b", "[0]"] {
        assert!(matches!(replace(PAGE, key, "1"), Err(EditError::BadKey(_))), "{key:?}");
    }
    assert!(matches!(replace("```toml\n[loss]\nmargin = = 2\n```\n", "loss.margin", "1"), Err(EditError::Spoilt(_))));
}

#[test]
fn a_key_is_added_where_its_table_is() {
    for (crlf, mark) in [(false, false), (true, true)] {
        let text = dressed(PAGE, crlf, mark);
        let added = |key: &str, value: &str| {
            let after = add(&text, key, value).unwrap();
            let new = after.lines().find(|line| !text.lines().any(|old| old == *line)).unwrap().to_owned();
            let ends = |text: &str| text.matches("\r\n").count() == text.matches('\n').count();
            assert_eq!(ends(&after), crlf, "{key}");
            new
        };
        assert_eq!(added("loss.scale", "30"), ">   scale = 30");
        assert_eq!(added("train.epochs", "12"), "epochs = 12");
        assert_eq!(
            added("train.optimizer.weight_decay", "0.1"),
            "optimizer = { name = \"AdamW\", lr = 1e-3, weight_decay = 0.1 }"
        );
        assert_eq!(added("train.schedule.warmup_epochs", "1"), "schedule.warmup_epochs = 1");
        assert_eq!(added("train.ema.decay", "0.9"), "decay = 0.9");
        assert_eq!(added("augment.train[1].always", "true"), "  { op = \"ToGray\",p=0.1, always = true },");
        assert_eq!(added("augment.eval", "[]"), "eval = []");
        let cell = add(&text, "folds.k", "4").unwrap();
        let end = if crlf { "\r\n" } else { "\n" };
        assert_eq!(cell, format!("{text}{end}```toml{end}[folds]{end}k = 4{end}```{end}"));
        assert!(
            add(&text, "backbone.pool.p", "3.0")
                .unwrap()
                .ends_with(&format!("[backbone]{end}pool.p = 3.0{end}```{end}"))
        );
    }
    assert_eq!(add(PAGE, "loss.margin", "5").unwrap(), replace(PAGE, "loss.margin", "5").unwrap());
    assert_eq!(add("```toml\n[a]\nb = {}\n```", "a.b.c", "1").unwrap(), "```toml\n[a]\nb = { c = 1 }\n```");
    assert_eq!(add("text", "a.b", "1").unwrap(), "text\n\n```toml\n[a]\nb = 1\n```\n");
}

#[test]
fn what_would_mean_something_else_is_refused() {
    let said = |text: &str, key: &str| add(text, key, "1").unwrap_err();
    assert!(matches!(said(PAGE, "augment.train[2].p"), EditError::InAList { list, .. } if list == "augment.train"));
    assert!(matches!(said(PAGE, "post.steps[0].k"), EditError::InAList { list, .. } if list == "post.steps"));
    assert!(matches!(said(PAGE, "loss.margin.x"), EditError::InAList { .. }));
    assert_eq!(said(PAGE, "loss"), EditError::IsTable("loss".to_owned()));
    // Under this header it would be another table's key.
    assert_eq!(
        said("```toml\n[train.ema]\ndecay = 1\n```\n", "train.epochs"),
        EditError::NoPlace("train.epochs".to_owned())
    );
    // A cell at the end of an open comment is none.
    assert_eq!(said("```toml\n[a]\n```\n\n<!-- open\n", "b.c"), EditError::NoPlace("b.c".to_owned()));
}

#[test]
fn notes_stand_at_the_end_and_are_words() {
    let time = Time::read("2026-11-28 14:05", 0.0).unwrap().0;
    let with = |text: &str, words: &str| note(text, time, words).unwrap();
    assert_eq!(with("# x\n", " 22.9 lost. "), "# x\n\n> **2026-11-28 14:05 UTC** 22.9 lost.\n");
    assert_eq!(with("", "獺祭"), "> **2026-11-28 14:05 UTC** 獺祭\n");
    let twice = with(&with("# x\n", "one"), "two\n\nthree\nfour\\");
    let end = "> **2026-11-28 14:05 UTC** two\n>\n> three\\\n> four\\\\\n";
    assert_eq!(twice, format!("# x\n\n> **2026-11-28 14:05 UTC** one\n\n{end}"));
    assert_eq!(with("# x\r\n\r\nw", "a\nb"), "# x\r\n\r\nw\r\n\r\n> **2026-11-28 14:05 UTC** a\\\r\n> b\r\n");
    let blocks = "```toml\n[loss]\nmargin = 1\n```\n# head\n- item\n1. one\n> quote\n<!-- open\n| a |\n|---|\n---\n===\n[a]: b\n\tcode\n~~~toml";
    let after = with(PAGE, &format!("*so* `it` [is](x.md):\n{blocks}"));
    assert!(after.starts_with(PAGE) && after.contains("> \\# head\\\n> \\- item\\\n> 1\\. one\\\n"), "{after}");
    for open in ["```\ncode\n", "<!-- open", "<script>\n"] {
        assert_eq!(note(open, time, "x"), Err(EditError::Open), "{open:?}");
    }
    assert_eq!(note("x", time, " \n "), Err(EditError::Empty));
    assert_eq!(stamp(Time(-1.0)), "1969-12-31 23:59 UTC");
}

mod properties {
    use proptest::prelude::*;

    use super::*;
    use crate::book::source::tree::Shape;

    /// Every value of a text with its name.
    fn all(table: &Table, path: &str, found: &mut Vec<String>) {
        for (name, entry) in &table.entries {
            let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
            each(&entry.node, &path, found);
        }
    }

    fn each(node: &Node, path: &str, found: &mut Vec<String>) {
        found.push(path.to_owned());
        match &node.shape {
            Shape::Table(table) => all(table, path, found),
            Shape::List(items) => {
                items.iter().enumerate().for_each(|(i, item)| each(item, &format!("{path}[{i}]"), found))
            }
            _ => {}
        }
    }

    fn value() -> impl Strategy<Value = String> {
        prop_oneof![
            any::<i32>().prop_map(|i| i.to_string()),
            (-1e6..1e6).prop_map(|x: f64| format!("{x:?}")),
            any::<bool>().prop_map(|b| b.to_string()),
            "[a-zé獺祭 ]{0,6}".prop_map(|text| format!("\"{text}\"")),
            Just("[1, 2.5, \"x\"]".to_owned()),
            Just("{ name = \"x\", p = { a = 1 } }".to_owned()),
            "\\PC{0,12}",
        ]
    }

    /// A cell within a list, a quotation or none of them.
    fn page() -> impl Strategy<Value = String> {
        let line = prop_oneof![
            (value(), "[ ]{0,2}(# [a-z酒`\"]{0,5})?").prop_map(|(v, end)| (format!("= {v}"), end)),
            (value(), value()).prop_map(|(a, b)| (format!("=[\n  {a}, # x\n{b} ,]"), String::new())),
            (value(), value()).prop_map(|(a, b)| (format!(" = {{ a={a},  b = {b} }}"), String::new())),
        ];
        let cell = proptest::collection::vec(line, 1..5).prop_map(|lines| {
            let key = |(i, (line, end)): (usize, (String, String))| format!("k{i} {line}{end}\n");
            format!("[t]\n{}", lines.into_iter().enumerate().map(key).collect::<String>())
        });
        (proptest::collection::vec(cell, 1..3), 0..4usize, any::<bool>(), any::<bool>()).prop_map(
            |(cells, dress, crlf, mark)| {
                let prefix = ["", "> ", "  ", "> > "][dress];
                let mut text = String::from("# 見出し\n\n");
                for (i, cell) in cells.iter().enumerate() {
                    let cell = cell.replacen("[t]", &format!("[t{i}]"), 1);
                    let body = format!("```toml\n{cell}```\n");
                    text.extend(body.lines().map(|line| format!("{prefix}{line}\n")));
                    text.push_str("\nwords\n\n");
                }
                dressed(&text, crlf, mark)
            },
        )
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(400))]

        #[test]
        fn only_the_value_changes(text in page(), value in value(), which: usize) {
            let mut names = Vec::new();
            all(&leaf(&text).tables, "", &mut names);
            if names.is_empty() {
                return Ok(());
            }
            let key = &names[which % names.len()];
            let (Ok(found), Ok(after)) = (find(&text, key), replace(&text, key, &value)) else { return Ok(()) };
            prop_assert!(after.starts_with(&text[..found.start]) && after.ends_with(&text[found.end..]));
            let new = &after[found.start..after.len() - (text.len() - found.end)];
            prop_assert!(new.trim_matches('"') == value.trim().trim_matches('"'), "{new:?}");
            match replace(&after, key, &text[found]) {
                Ok(back) => prop_assert_eq!(back, text, "what is taken back is what was there"),
                // What stood there was no value at all.
                Err(error) => prop_assert!(matches!(error, EditError::BadValue { .. }), "{error}"),
            }
        }

        #[test]
        fn whole_values_of_sound_texts_can_always_be_changed(number in -1000..1000i32, crlf: bool, mark: bool, which in 0..6usize) {
            let text = dressed(PAGE, crlf, mark);
            let key = ["loss.margin", "augment.train[0].p", "augment.train[1].p", "augment.train[0].rotate[0]", "train.optimizer.lr", "loss.name"][which];
            let after = replace(&text, key, &number.to_string()).unwrap();
            let found = find(&after, key).unwrap();
            prop_assert_eq!(&after[found], number.to_string());
        }

        #[test]
        fn any_text_and_key_are_survived(text in "\\PC{0,60}", lines in page(), key in "[a-z.\\[\\]0-9]{0,12}", value in "\\PC{0,20}") {
            for text in [&text, &lines] {
                let _ = (replace(text, &key, &value), add(text, &key, &value));
            }
        }

        #[test]
        fn a_note_changes_no_cell(text in page(), words in "[\\PC\n]{0,80}", signs in "[-#`~>*_+=|<\\[\\]:0-9.) \\\\\na]{0,40}") {
            let time = Time::read("2026-11-28 14:05", 0.0).unwrap().0;
            for words in [&words, &signs] {
                match note(&text, time, words) {
                    Ok(after) => {
                        prop_assert!(after.starts_with(&text));
                        let tables = |text: &str| value::plain_table(&leaf(text).tables);
                        prop_assert_eq!(tables(&after), tables(&text));
                    }
                    Err(error) => prop_assert_eq!(error, EditError::Empty, "{:?}", words),
                }
            }
        }
    }
}
