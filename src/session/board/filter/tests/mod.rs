//! Reading, printing, holding, mistakes and completion.

use proptest::prelude::*;

use super::{Candidate, Expr, Op, Operand, complete, parse};
use crate::session::board::Table;
use crate::session::board::tests::snapshot;

/// The names of the recipes that pass, without what comes behind their number.
fn passing(filter: &str) -> String {
    let snapshot = snapshot();
    let table = Table::of(&snapshot, Some(6.0));
    let filter = parse(filter).unwrap_or_else(|mistake| panic!("{filter}: {mistake}"));
    let passes = snapshot.recipes.iter().filter(|recipe| filter.matches(&table, recipe));
    passes.map(|recipe| recipe.name[1..2].to_owned()).collect()
}

#[test]
fn filters_hold_where_they_should() {
    for (filter, expected) in [
        ("", "12345"),
        ("loss.margin > 20", "3"),
        ("loss.margin > 20.5 or loss.margin < 18", "123"),
        ("loss.margin = 17.20", "12"),
        ("loss.margin != 17.2", "345"),
        ("not loss.margin = 17.2", "345"),
        ("backbone.name = ResNet18", "12"),
        ("backbone.name ~ swin", "3"),
        ("backbone.name ~ res*18", "12"),
        ("backbone.name ~ res*", "12"),
        ("backbone.name ~ *net", ""),
        ("backbone.name ~ s?in_*y", "3"),
        ("backbone.name !~ swin", "1245"),
        ("backbone.name:swin", "3"),
        ("train.optimizer = adamw", "123"),
        ("post.steps = pca", "3"),
        ("post.steps.op = pca", "3"),
        ("post.steps.dim >= 128", "3"),
        ("post.steps[0].op = pca", ""),
        ("train.epochs = 12", "123"),
        ("train.epochs = \"12\"", "123"),
        ("has:pseudo_labels", "3"),
        ("has:pseudo_labels.rounds", "3"),
        ("not has:backbone", "45"),
        ("has:score", "12"),
        ("MRR@20 >= 0.62", "2"),
        ("score < 0.62", "1"),
        ("last > 0.6", "1"),
        ("loss < 1", "1"),
        ("loss = arcfaceloss", "123"),
        ("delta > 0", "2"),
        ("delta.low > 0", ""),
        ("state = running", "3"),
        ("state = RUNNING state != new", "3"),
        ("left < 10m", "3"),
        ("left < 4m", ""),
        ("cost > 0.1h", "1"),
        ("pin", "1"),
        ("not pin", "2345"),
        ("pin = no", "2345"),
        ("parent = 01-base", "3"),
        ("change ~ margin", "3"),
        ("純米", "3"),
        ("\"small print\"", "5"),
        ("plain", "1"),
        ("name ~ 0?-[bs]*", ""),
        ("state = fresh and (score > 0.62 or pin)", "12"),
        ("state = fresh & !pin", "2"),
        ("state=fresh|state=new", "125"),
        ("state = new or state = fresh cost < 100", "25"),
        ("not (state = fresh or state = new)", "34"),
        ("not not pin", "1"),
        ("NOT pin AND state = fresh", "2"),
    ] {
        assert_eq!(passing(filter), expected, "{filter}");
    }
}

/// The mistake as it is drawn.
fn wrong(filter: &str) -> String {
    let snapshot = snapshot();
    let table = Table::of(&snapshot, None);
    let mistake = match parse(filter) {
        Err(mistake) => mistake,
        Ok(read) => read.check(&table).unwrap_or_else(|| panic!("{filter} is right")),
    };
    mistake.lines(filter).join("\n") + if mistake.is_unfinished { "\n(unfinished)" } else { "" }
}

#[test]
fn mistakes_have_a_caret_and_the_nearest_name() {
    insta::assert_snapshot!(wrong("獺祭 and los.margin > 20"), @"
    獺祭 and los.margin > 20
             ^^^^^^^^^^
    nothing is called `los.margin`; did you mean loss.margin?
    ");
    insta::assert_snapshot!(wrong("backbone.nam = x"), @"
    backbone.nam = x
    ^^^^^^^^^^^^
    nothing is called `backbone.nam`; did you mean backbone.name?
    ");
    insta::assert_snapshot!(wrong("state = runing"), @"
    state = runing
            ^^^^^^
    state is never `runing`; did you mean running?
    ");
    insta::assert_snapshot!(wrong("loss.margin > wide"), @"
    loss.margin > wide
                  ^^^^
    `wide` is no number; < and > compare numbers
    ");
    insta::assert_snapshot!(wrong("left < soon"), @"
    left < soon
           ^^^^
    `soon` is no number; seconds, or 90s, 5m, 2h, 1d
    ");
    insta::assert_snapshot!(wrong("stale = 3"), @"
    stale = 3
            ^
    stale is never `3`; it is true or false
    ");
    insta::assert_snapshot!(wrong("has:banana"), @"
    has:banana
        ^^^^^^
    nothing is called `banana`; toji explain lists the keys, toji board --help the columns; text to look for stands in quotes
    ");
    insta::assert_snapshot!(wrong("(state = new"), @"
    (state = new
    ^
    this bracket is not closed; close it with )
    (unfinished)
    ");
    insta::assert_snapshot!(wrong("state = new)"), @"
    state = new)
               ^
    this bracket closes none
    ");
    insta::assert_snapshot!(wrong("name = \"x"), @r#"
    name = "x
           ^
    this quote is not closed; close it with "
    (unfinished)
    "#);
    insta::assert_snapshot!(wrong("loss.margin >"), @"
    loss.margin >
                ^
    `loss.margin` is compared with nothing; a value comes behind it; words with spaces stand in quotes
    (unfinished)
    ");
    insta::assert_snapshot!(wrong("loss.margin > and pin"), @"
    loss.margin > and pin
                ^
    `loss.margin` is compared with nothing; a value comes behind it; words with spaces stand in quotes
    ");
    insta::assert_snapshot!(wrong("> 3"), @"
    > 3
    ^
    a comparison stands between a key and a value
    ");
    insta::assert_snapshot!(wrong("pin and"), @"
    pin and
           ^
    a text, or a key with a comparison, is missing here
    (unfinished)
    ");
    insta::assert_snapshot!(wrong("pin or or stale"), @"
    pin or or stale
           ^^
    `or` stands between two terms
    ");
    insta::assert_snapshot!(wrong("loss.margin"), @"
    loss.margin
    ^^^^^^^^^^^
    `loss.margin` needs a comparison; as in loss.margin > …; as text to look for it stands in quotes
    (unfinished)
    ");
    insta::assert_snapshot!(wrong("loss.mar"), @"
    loss.mar
    ^^^^^^^^
    `loss.mar` begins loss.margin; tab completes it
    (unfinished)
    ");
    insta::assert_snapshot!(wrong("MRR@20"), @"
    MRR@20
    ^^^^^^
    `MRR@20` needs a comparison; as in MRR@20 > …; as text to look for it stands in quotes
    (unfinished)
    ");
    insta::assert_snapshot!(wrong("state"), @"
    state
    ^^^^^
    `state` needs a comparison; as in state = …; as text to look for it stands in quotes
    (unfinished)
    ");
    assert!(wrong(&"(".repeat(300)).contains("nested deeper than 50"));
}

#[test]
fn what_is_right_has_no_mistake() {
    let snapshot = snapshot();
    let table = Table::of(&snapshot, None);
    for filter in [
        "",
        "print",
        "arcface",
        "\"state\"",
        "pin",
        "stale = no",
        "train.ema = 3",
        "has:ensemble",
        "has:augment",
        "loss.miner ~ x",
        "augment.train = MixUp",
        "post.steps.k1 > 3",
        "state = \"new\"",
        "left <= 90",
        "cost > 1e3",
        "rung = mine",
        "recipe.seed = 7",
        "train.optimizer.lr < 1e-3",
    ] {
        let read = parse(filter).unwrap();
        assert_eq!(read.check(&table), None, "{filter}");
    }
}

/// What is offered at `|`, and the piece that it replaces.
fn offered(filter: &str) -> (String, Vec<String>) {
    let snapshot = snapshot();
    let table = Table::of(&snapshot, None);
    let cursor = filter.find('|').unwrap();
    let text = filter.replacen('|', "", 1);
    let found = complete(&text, cursor, &table);
    assert_eq!(found.replaces.end, cursor);
    (text[found.replaces].to_owned(), found.candidates.into_iter().map(|one| one.text).collect())
}

#[test]
fn completion_offers_keys_values_and_words() {
    let first = |filter: &str, n: usize| {
        let (piece, all) = offered(filter);
        format!("{piece}: {}", all.into_iter().take(n).collect::<Vec<_>>().join(" "))
    };
    assert_eq!(first("|", 3), ": MRR@20 name state");
    assert_eq!(first("loss.m|", 1), "loss.m: loss.margin");
    assert_eq!(first("los|", 3), "los: loss loss.margin loss.name");
    assert_eq!(first("pin and marg|", 1), "marg: loss.margin", "also in the midst");
    assert_eq!(first("(not st|", 2), "st: state stale");
    assert_eq!(first("pse|", 1), "pse: pseudo_labels.rounds");
    assert_eq!(first("train.sch|", 2), "train.sch: train.schedule train.schedule.T_0", "no recipe of these has it");
    assert_eq!(first("loss.margin |", 3), ": = != >");
    assert_eq!(first("loss.margin > |", 2), ": 17.2 22.9");
    assert_eq!(first("loss.margin > 2|", 2), "2: 22.9 17.2");
    assert_eq!(first("backbone.name = |", 3), ": resnet18 swin_tiny resnet10t");
    assert_eq!(first("state = r|", 1), "r: running");
    assert_eq!(first("pin = |", 2), ": false true");
    assert_eq!(first("pin |", 2), ": = !=");
    assert_eq!(first("state = new |", 2), ": and or");
    assert_eq!(first("(pin) |", 2), ": and or");
    assert_eq!(first("has:pse|", 1), "pse: pseudo_labels.rounds");
    assert_eq!(first("name = 03|", 1), "03: 03-純米");
    assert_eq!(first("\"some te|", 3), ": ");
    assert_eq!(first("change ~ \"[lo|", 1), "\"[lo: \"[loss] margin 17.2 → 22.9\"");
    assert_eq!(first("los| > 3", 1), "los: loss", "only what is before the cursor counts");
    let Candidate { text, about } = complete("cos", 3, &Table::of(&snapshot(), None)).candidates[0].clone();
    assert_eq!((text.as_str(), about.as_str()), ("cost", "seconds that all that it has took to make"));
}

fn operand() -> impl Strategy<Value = Operand> {
    prop_oneof![
        "[a-zA-Z0-9_.@*?:/+-]{1,8}"
            .prop_filter("joints are no values", |word| !super::scan::is_joint(word))
            .prop_map(|text| Operand { text, quoted: false }),
        "[^\\p{Cc}]{0,8}".prop_map(|text| Operand { text, quoted: true }),
    ]
}

fn expr() -> impl Strategy<Value = Expr> {
    let op = prop::sample::select(&Op::ALL[..]).prop_map(|(op, _)| op);
    let key = prop_oneof!["[a-z][a-z_.]{0,6}", "[^\\p{Cc}]{1,6}"];
    let leaf = prop_oneof![
        "[a-zA-Z0-9_.@-]{1,8}"
            .prop_filter("joints are no words", |word| !super::scan::is_joint(word))
            .prop_map(Expr::Word),
        "[^\\p{Cc}]{0,8}".prop_map(Expr::Text),
        operand().prop_map(Expr::Has),
        (key, op, operand()).prop_map(|(key, op, value)| Expr::Compare { key, op, value }),
    ];
    leaf.prop_recursive(4, 24, 3, |inner| {
        prop_oneof![
            inner.clone().prop_map(|inner| Expr::Not(Box::new(inner))),
            prop::collection::vec(inner.clone(), 2..4).prop_map(Expr::And),
            prop::collection::vec(inner, 2..4).prop_map(Expr::Or),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_printed_reads_the_same(expr in expr()) {
        let printed = expr.to_string();
        let read = parse(&printed).map_err(|mistake| TestCaseError::fail(format!("{printed}: {mistake}")))?;
        prop_assert_eq!(read.expr.as_ref(), Some(&expr), "{}", printed);
        prop_assert_eq!(read.to_string(), printed);
    }

    #[test]
    fn any_text_is_read_or_refused(text in ".{0,60}", cursor in 0_usize..80) {
        let snapshot = snapshot();
        let table = Table::of(&snapshot, None);
        match parse(&text) {
            Ok(filter) => {
                let _ = filter.check(&table);
                for recipe in &snapshot.recipes {
                    let _ = filter.matches(&table, recipe);
                }
            }
            Err(mistake) => {
                prop_assert!(text.get(mistake.at.clone()).is_some(), "{:?} in {:?}", mistake.at, text);
                let _ = mistake.lines(&text);
            }
        }
        let found = complete(&text, cursor, &table);
        prop_assert!(text.get(found.replaces).is_some());
    }

    #[test]
    fn signs_in_any_order_are_read_or_refused(
        pieces in prop::collection::vec(
            prop::sample::select(vec!["(", ")", "!", "=", "!=", "<", "~", ":", "\"", "\\", "and", "or", "not", " ", "a", "has", "loss.margin", "3", "獺"]),
            0..14,
        ),
    ) {
        let text = pieces.concat();
        let snapshot = snapshot();
        let table = Table::of(&snapshot, None);
        if let Ok(filter) = parse(&text) {
            prop_assert_eq!(parse(&filter.to_string()).map(|read| read.expr), Ok(filter.expr.clone()), "{}", text);
            let _ = filter.check(&table);
        }
        for cursor in 0..=text.len() {
            let _ = complete(&text, cursor, &table);
        }
    }
}
