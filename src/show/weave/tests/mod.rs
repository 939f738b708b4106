//! A page of a drawn snapshot, as text.

use std::path::Path;
use std::sync::Arc;

use super::*;
use crate::base::Time;
use crate::session::snapshot::{Curve, Delta, Picture, Score, State, Step, Table};

fn output(stage: &str, state: OutputState, lines: &[&str]) -> Output {
    let lines = lines.iter().map(|line| (*line).to_owned()).collect();
    Output { stage: stage.to_owned(), state, lines, tables: Vec::new(), pictures: Vec::new() }
}

fn snapshot() -> Snapshot {
    let table = Table {
        head: vec!["part".to_owned(), "score".to_owned()],
        rows: vec![vec!["all".to_owned(), "0.7321".to_owned()]],
        says: 0..1,
    };
    let stale = OutputState::Stale { why: "[loss] margin 17.2 → 22.9".to_owned() };
    let mut score = output("score", stale, &["MRR@20 0.7321", "<img src=x> 獺祭 $1$\u{1b}[2J"]);
    score.tables = vec![table];
    let mut augment = output("augment", OutputState::Fresh, &["32 × 32 pixels"]);
    augment.pictures = vec![vec![Picture { width: 2, height: 2, rgb: vec![9; 12].into() }]];
    let curve = Curve {
        series: "loss".to_owned(),
        fold: 0,
        seed: 0,
        points: vec![[1.0, 3.0], [2.0, 1.5]].into(),
        axis: Arc::default(),
    };
    let problem = Problem {
        line: 12,
        column: 1,
        message: "unknown key `margn`".to_owned(),
        help: Some("did you mean `margin`?".to_owned()),
        ..Problem::default()
    };
    let cell = |text: &str, problems, outputs| Block::Cell {
        text: text.to_owned(),
        line: 4,
        names: Vec::new(),
        problems,
        outputs,
    };
    let recipe = Recipe {
        name: "02-arc face".to_owned(),
        file: "/p/recipes/02-arc face.md".into(),
        state: State::Stale,
        rung: "holdout".to_owned(),
        message: Some("fit fold 0: [loss] margin 17.2 → 22.9".to_owned()),
        score: Some(Score {
            metric: "MRR@20".to_owned(),
            value: 0.7321,
            interval: [0.7, 0.76],
            queries: 1412,
            stale: true,
        }),
        delta: Some(Delta { value: 0.0411, interval: [0.0122, 0.0704], queries: 1412 }),
        page: vec![
            Block::Prose { text: "# 銘柄\n\nFrom [the baseline](01.md).".to_owned(), line: 1 },
            cell("[augment] # 酒\ntrain = []\n", Vec::new(), vec![augment]),
            cell(
                "[loss]\nmargn = 1\n",
                vec![problem],
                vec![output("fit", OutputState::Running, &[]), score, output("rank", OutputState::Missing, &[])],
            ),
        ],
        curves: vec![curve],
        plan: vec![Step {
            stage: "fit fold 0".to_owned(),
            action: "run".to_owned(),
            reason: "a | b".to_owned(),
            seconds: Some(200.0),
            bytes: None,
            cheap: false,
        }],
        plan_seconds: Some(200.0),
        ..Recipe::default()
    };
    Snapshot {
        recipes: vec![recipe.into()],
        pin: Some("01".to_owned()),
        at: Time(1_795_737_600.0),
        ..Snapshot::default()
    }
}

#[test]
fn a_page_reads_on_its_own() {
    let woven = weave(&snapshot(), "02-arc face", Path::new("/p/docs/story.md")).unwrap();
    insta::assert_snapshot!(woven.text, @r#"
    <!-- Written by toji weave. Edit the recipe instead, and weave again. -->

    [02-arc face](../recipes/02-arc%20face.md) as it stood on 2026-11-27 00:00 UTC: **stale**, up to holdout.

    fit fold 0: \[loss\] margin 17.2 → 22.9

    | MRR@20 | 95 % | queries | to 01 | 95 % |
    | ---: | ---: | ---: | ---: | ---: |
    | 0.7321 (of an older text) | 0.7000 to 0.7600 | 1412 | +0.0411 | +0.0122 to +0.0704 |

    <details><summary>Plan: 1 of 1 to run, about 3m20s</summary>

    | stage | action | time | disk | why |
    | --- | --- | ---: | ---: | --- |
    | fit fold 0 | run | 3m20s | ? | a \| b |

    </details>

    ---

    # 銘柄

    From [the baseline](../recipes/01.md).

    ```toml
    [augment] # 酒
    train = []
    ```

    **augment**

    - 32 × 32 pixels

    ![pictures of augment](story-augment-1.png)

    ```toml
    [loss]
    margn = 1
    ```

    - **mistake** in line 12, column 1: unknown key \`margn\` (did you mean \`margin\`?)

    **fit**, being made

    ![curves over epochs](story-curves.svg)

    | series | fold | first | last | epoch |
    | --- | ---: | ---: | ---: | ---: |
    | loss | 0 | 3.0000 | 1.5000 | 2.0 |

    **score**, **stale**, of an older text: \[loss\] margin 17.2 → 22.9

    | part | score |
    | --- | ---: |
    | all | 0.7321 |

    - \<img src=x\> 獺祭 \$1\$·\[2J

    **rank**: not made yet
    "#);
    let names: Vec<&str> = woven.files.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["story-augment-1.png", "story-curves.svg"]);
    assert_eq!(woven, weave(&snapshot(), "02-arc face", Path::new("/p/docs/story.md")).unwrap());
}

#[test]
fn another_recipe_is_named() {
    let error = weave(&snapshot(), "x", Path::new("/p/x.md")).unwrap_err().to_string();
    assert!(error.contains("02-arc face"), "{error}");
}

#[test]
fn files_are_written() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("deep/page.md");
    write(&weave(&snapshot(), "02-arc face", &out).unwrap(), &out).unwrap();
    let names: Vec<_> =
        std::fs::read_dir(folder.path().join("deep")).unwrap().flatten().map(|e| e.file_name()).collect();
    assert_eq!(names.len(), 3, "{names:?}");
}
