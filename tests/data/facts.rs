//! `toji.toml` through the reader that everybody uses.

use toji::book::technique::Schema;
use toji::data::competition::{Layout, ProtocolKind, Tables};
use toji::data::{Competition, FACTS};

use super::ground::Ground;

#[test]
fn a_full_file_becomes_types() {
    let ground = Ground::new();
    let c = ground
        .competition(
            r#"
            [competition]
            name = "棚"
            k = 10
            [data]
            layout = "query-gallery"
            folder = "in"
            table = "all.parquet"
            images = { train = "a", gallery = "b" }
            splits = { train = ["train", "extra"] }
            columns.label = "product"
            unreadable = "skip"
            max_megapixels = 1
            [protocol]
            kind = "leave-one-out"
            seed = 5
            [submission]
            sample = "sample.csv"
            separator = ","
            [workbench]
            pin = "01-baseline.md"
            auto_seconds = 3
            "#,
        )
        .unwrap();
    assert_eq!((c.name.as_str(), c.k, c.submission.count), ("棚", 10, 10));
    assert_eq!((c.data.layout, &c.data.tables), (Layout::QueryGallery, &Tables::One("all.parquet".into())));
    assert_eq!((c.data.images.train.clone(), c.data.images.query.clone()), (Some("a".into()), None));
    assert_eq!((c.data.splits.train.join(" "), c.data.splits.query.join(" ")), ("train extra".into(), "query".into()));
    assert_eq!((c.data.limits.pixels, c.data.skip_unreadable), (1_000_000, true));
    assert_eq!((c.protocol.kind, c.protocol.seed), (ProtocolKind::LeaveOneOut, 5));
    assert_eq!(c.submission.sample, Some(ground.at("in/sample.csv")));
    assert_eq!(c.submission.columns, None);
    assert_eq!((c.workbench.pin.as_deref(), c.workbench.auto_seconds), (Some("01-baseline.md"), 3.0));
    assert_eq!(c.workbench.recipes, ground.at("recipes"));
}

#[test]
fn mistakes_are_found_by_the_same_reader() {
    let ground = Ground::with(&[("toji.toml", "[data]\nlayout = \"nishiki\"\nimage = \"x\"\n")]);
    let schema = Schema { sections: FACTS.to_vec(), ..Schema::default() };
    let (_, _, diagnostics) = toji::book::read_facts(&ground.at("toji.toml"), &schema);
    let told: Vec<String> = diagnostics.iter().map(|d| format!("{}:{} {}", d.line, d.column, d.message)).collect();
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[0].starts_with("2:") && told[0].contains("nishiki"), "{told:?}");
    assert!(told[1].starts_with("3:") && told[1].contains("image"), "{told:?}");
}

#[test]
fn the_shortest_file_is_one_line() {
    let c: Competition = Ground::new().competition("[data]\nlayout = \"nishika\"\n").unwrap();
    assert_eq!(c.protocol.kind, ProtocolKind::OnePerLabel);
    assert_eq!(c.data.folder.file_name(), c.root.file_name());
}

#[test]
fn a_leaderboard_has_limits_and_an_end() {
    let ground = Ground::new();
    let of = |lines: &str| {
        ground.competition(&format!("[data]\nlayout = \"nishika\"\n[leaderboard]\n{lines}")).map(|c| c.leaderboard)
    };
    let plain = of("").unwrap();
    assert_eq!((plain.finals, plain.max_daily_submissions, plain.public_share, plain.deadline), (2, None, None, None));
    let all = of(
        "finals = 3\nmax_daily_submissions = 5\nmax_submissions = 90\npublic_share = 0.3\ndeadline = \"2026-11-27\"\nutc_offset = 9",
    );
    let all = all.unwrap();
    assert_eq!((all.finals, all.max_daily_submissions, all.max_submissions), (3, Some(5), Some(90)));
    // The last second of the day in Japan.
    assert_eq!(all.deadline.map(|end| end.0), Some(1_795_737_600.0 + 15.0 * 3600.0 - 1.0));
    let end = |lines: &str| of(lines).map(|all| all.deadline.map(|end| end.0)).map_err(|error| error.to_string());
    let tokyo = end("deadline = \"2026-12-01T23:59:00+09:00\"").unwrap();
    assert_eq!(tokyo, end("deadline = \"2026-12-01T14:59:00Z\"").unwrap());
    assert_eq!(tokyo, end("deadline = \"2026-12-01 23:59\"\nutc_offset = 9").unwrap());
    assert_eq!(tokyo, end("deadline = \"2026-12-01T09:59:00-05:00\"\nutc_offset = 9").unwrap());
    for without in ["2026-12-01", "2026-12-01 23:59", "2026-12-01T23:59:00"] {
        let error = end(&format!("deadline = \"{without}\"")).unwrap_err();
        assert!(error.contains("leaderboard.deadline") && error.contains("2026-12-01T23:59:00+09:00"), "{error}");
    }
    assert!(of("deadline = \"soon\"").unwrap_err().to_string().contains("leaderboard.deadline"));
}
