//! The board as a user arranges it: filter, order, columns, folds and seeds; the palette.

use super::{LARGE, NARROW, USUAL, model, screen};
use crate::tui::tests::sample;
use crate::tui::{Charset, update};

fn spelt(text: &str) -> String {
    let key = |c: char| if c == ' ' { "space".to_owned() } else { c.to_string() };
    text.chars().map(key).collect::<Vec<_>>().join(" ")
}

#[test]
fn filter_narrow() {
    insta::assert_snapshot!(screen(&model(sample::settled(), NARROW, &format!("/ {}", spelt("loss.margin > ")))), @r#"
    1 Board 2 3 4 5 6 7 8 9        1 busy +1
    3 of 7: los
    ❯ 02-arcface            7.4/12 ▸ running
      0.732~ -.009 [-.030,+.012] 1m 32s left
      04-broken                     ✗ broken
      line 6: unknown key `margn` in [loss]
      05-evil·]0;owned··     1.2/12 ! failed
      loss is NaN at step 311: images ·[5m …
    ── 02-arcface ─────────────────── 1/3 ──
    02 · ArcFace on small print
    as 01-baseline, but [loss] margin 17.2 →
      22.9; + [post] steps { op = "l2" }
    training fold 1, 212 images/s
    ┌ Filter: 3 of 7 recipes, by the last …┐
    │ / loss.margin > _                    │
    │ `loss.margin` is compared with       │
    │ nothing; a value comes behind it;    │
    └──────────────────────────────────────┘
    02-arcface: saved, only [post] changed
    enter done tab complete esc all
    "#);
}

#[test]
fn filter_usual() {
    let keys = format!("j j / {}", spelt("backbone.name = resnet18 and loss.mrgin"));
    let text = screen(&model(sample::settled(), USUAL, &keys));
    let rows: Vec<&str> = text.lines().map(|row| row.trim_matches(['│', ' '])).collect();
    let at = rows.iter().position(|row| row.starts_with("/ backbone.name = resnet18 and loss.mrgin_")).unwrap();
    assert_eq!(rows[at + 1], "^^^^^^^^^^");
    assert_eq!(rows[at + 2], "nothing is called `loss.mrgin`; did you mean loss.margin?");
    assert!(text.contains("02-arcface"), "the list stays as it was:\n{text}");
}

#[test]
fn completion_usual() {
    let keys = format!("/ {} tab tab", spelt("loss.margin > 20 or backbone.name = "));
    insta::assert_snapshot!(screen(&model(sample::settled(), USUAL, &keys)), @r#"
    Board Page Curves Plan Ledger Queries Review Compare Queue      1 busy, 1 queued
    3 of 7: loss.margin > 20 or backbone.name = swin_tiny
      recipe            state     rung      epoch MRR@20 to the pin, 95 %       left
    ❯ 02-arcface        ▸ running holdout  7.4/12 0.732~ -.009 [-.030,+.012]  1m 32s
      03-純米大吟醸-小… ~ stale   full      12/12 0.704~ +.013 [-.010,+.037]
      06-swin           - new
    ── 02-arcface ─────────────────────────────────────────────────────────── 1/3 ──
    02 · ArcFace on small print
    as 01-baseline, but [loss] margin 17.2 → 22.9; + [post] steps { op = "l2" }
    training fold 1, 212 images/s
    MRR@20 0.7321 [0.701, 0.760] over 1,412 queries, of an older text
    +0.0411 [+0.0122, +0.0704] against 01-baseline over 1,412 queries
    advice at epoch 7: go on: may still win: 0.009 behind 01-baseline at epoch 7 of
      12 (95 % -0.012 to 0.030, noise not measured)
    noise not measured: two more seeds of the pin would, about 12m 40s (R on it,
      then n)
    heading for 0.771 (80 % 0.752 to 0.790)
    ┌ Filter: 3 of 7 recipes ──────────────────────────────────────────────────────┐
    │ / loss.margin > 20 or backbone.name = swin_tiny_                             │
    │ tab:  resnet18 [swin_tiny] resnet10t  resnet14t  resnet18d  resnet34  resne… │
    │      swin_tiny: 2 recipes                                                    │
    └──────────────────────────────────────────────────────────────────────────────┘
    02-arcface: saved, only [post] changed
    enter done  tab complete  esc all
    "#);
}

#[test]
fn sorted_and_filtered_usual() {
    let keys = format!("j j / {} enter o o o o G d", spelt("score > 0.5"));
    insta::assert_snapshot!(screen(&model(sample::settled(), USUAL, &keys)), @r#"
    Board Page Curves Plan Ledger Queries Review Compare Queue      1 busy, 1 queued
    2 of 7: score > 0.5  by score, greatest first  1 hidden (D lists them)
      recipe            state     rung      epoch MRR@20 to the pin, 95 %       left
      02-arcface        ▸ running holdout  7.4/12 0.732~ -.009 [-.030,+.012]  1m 32s
    ❯ 03-純米大吟醸-小… ~ stale   full      12/12 0.704~ +.013 [-.010,+.037]
    ── 03-純米大吟醸-小さな文字 ───────────────────────────────────────────── 2/2 ──
    03 · 小さな文字を大きく
    as 01-baseline, but [backbone] name "resnet18" → "swin_tiny"; [loss] margin 17.2
      → 28.6
    [post] alpha-qe k 3 → 5
    MRR@20 0.7044 [0.673, 0.732] over 1,412 queries, of an older text
    +0.0134 [-0.0102, +0.0371] against 01-baseline over 1,380 queries
    1 step would run in about <1s and 43.0 MB of disk.
      run post: [post] alpha-qe k 3 → 5








    01-baseline is hidden; D brings it back
    / filter  o sort  v columns  f folds  d hide  enter page  ? help  q quit
    "#);
}

#[test]
fn nothing_listed_usual() {
    let keys = format!("/ {} enter", spelt("獺祭-none"));
    insta::assert_snapshot!(screen(&model(sample::settled(), USUAL, &keys)), @"
    Board Page Curves Plan Ledger Queries Review Compare Queue      1 busy, 1 queued
    0 of 7: 獺祭-none

    No recipe is listed: / changes the filter, D brings hidden ones back.


















    0 of 7 recipes
    / filter  o sort  v columns  f folds  d hide  enter page  ? help  q quit
    ");
}

/// Columns of a user's own: the best point, the one at the same epoch, smoothed, a key.
fn chosen(size: (u16, u16), ascii: bool) -> String {
    let mut model = model(sample::settled(), size, "j j");
    let columns = ["state", "last", "best", "same", "smoothed", "loss", "loss.margin", "cost", "left", "what"];
    model.board.choice.columns = columns.map(str::to_owned).to_vec();
    update::update(&mut model, crate::tui::action::Action::Folds);
    if ascii {
        model.options.charset = Charset::Ascii;
    }
    screen(&model)
}

#[test]
fn columns_and_folds_narrow() {
    insta::assert_snapshot!(chosen(NARROW, false), @r#"
    1 Board 2 3 4 5 6 7 8 9        1 busy +1
      00-first-pour                  ✓ fresh
      last 0.3347 best 0.3347 smooth 0.2698
        fold 0  last 0.3347  loss 2.740
      01-baseline                    ✓ fresh
      last 0.6945 best 0.6945 at 7 0.6408
        fold 0  last 0.6945  loss 0.664
    ❯ 02-arcface                   ▸ running
      last 0.7234 best 0.7234 at 7 0.7234
        fold 0  last 0.7234  loss 0.729
      03-純米大吟醸-小さな文字       ~ stale
      last 0.7340 best 0.7340 at 7 0.6775
        fold 0  0.710  last 0.7340  loss 0.…
    ── 02-arcface ─────────────────── 3/7 ──
    02 · ArcFace on small print
    as 01-baseline, but [loss] margin 17.2 →
      22.9; + [post] steps { op = "l2" }
    training fold 1, 212 images/s
    folds and seeds one by one
    / filter o sort v columns ? help q quit
    "#);
}

#[test]
fn columns_and_folds_usual() {
    insta::assert_snapshot!(chosen(USUAL, true), @r#"
    Board Page Curves Plan Ledger Queries Review Compare Queue      1 busy, 1 queued
    +1recipe          state       last   best   at 7 smooth  loss loss.margin   cost
      00-first-pour   = fresh   0.3347 0.3347        0.2698 2.740        17.2
        fold 0                  0.3347 0.3347        0.2698 2.740
      01-baseline     = fresh   0.6945 0.6945 0.6408 0.6414 0.664        17.2
        fold 0                  0.6945 0.6945 0.6408 0.6414 0.664
    > 02-arcface      > running 0.7234 0.7234 0.7234 0.6110 0.729        22.9
        fold 0                  0.7234 0.7234 0.7234 0.6110 0.729
      03-純米大吟醸-. ~ stale   0.7340 0.7340 0.6775 0.6781 0.590        28.6 1h 20m
        fold 0                  0.7340 0.7340 0.6775 0.6781 0.514
        fold 1
        fold 0 seed .
        fold 1 seed .                                       0.667
        mean 0.7050 +- 0.0129 over 4 trainings; +- 0.0141 over 2 folds, +- 0.0071 o.
    -- 02-arcface ----------------------------------------------------------- 3/7 --
    02 . ArcFace on small print
    as 01-baseline, but [loss] margin 17.2 > 22.9; + [post] steps { op = "l2" }
    training fold 1, 212 images/s
    MRR@20 0.7321 [0.701, 0.760] over 1,412 queries, of an older text
    +0.0411 [+0.0122, +0.0704] against 01-baseline over 1,412 queries
    advice at epoch 7: go on: may still win: 0.009 behind 01-baseline at epoch 7 of
      12 (95 % -0.012 to 0.030, noise not measured)
    folds and seeds one by one
    / filter  o sort  v columns  f folds  d hide  enter page  ? help  q quit
    "#);
}

#[test]
fn columns_and_folds_large() {
    let text = chosen(LARGE, false);
    for row in [
        "    mean 0.7050 ± 0.0129 over 4 trainings; ± 0.0141 over 2 folds, ± 0.0071 over 2 seeds",
        "as 01-baseline, but [loss] margin 17.2 → 22.9; + [post] steps { op = \"l2\" }",
    ] {
        assert!(text.lines().any(|line| line == row), "{row}\n{text}");
    }
    let heading = text.lines().find(|line| line.starts_with("  recipe")).unwrap();
    let titles: Vec<&str> = heading.split_whitespace().collect();
    assert_eq!(
        titles,
        ["recipe", "state", "last", "best", "at", "7", "smooth", "loss", "loss.margin", "cost", "left", "what"]
    );
    assert!(text.contains("1.00e300"), "a number without end takes no room:\n{text}");
}

#[test]
fn picker_usual() {
    insta::assert_snapshot!(screen(&model(sample::settled(), USUAL, "v j j space")), @"
    Board Page Curves Plan Ledger Queries Review Compare Queue      1 busy, 1 queued
    ┌ Columns ─────────────────────────────────────────────────────────────────────┐
    │  [x] state          how it stands                                            │
    │  [x] rung           rung of the ladder that was asked for last               │
    │ ❯[ ] epoch          epochs finished                                          │
    │  [ ] epochs         epochs that there will be                                │
    │  [x] score          the last score, over all queries                         │
    │  [ ] low            lower end of the score's 95 % interval                   │
    │  [ ] high           upper end of the score's 95 % interval                   │
    │  [ ] queries        queries that were scored                                 │
    │  [x] delta          difference to the pin; while it trains, at the same sha… │
    │  [ ] delta.low      lower end of the difference's 95 % interval              │
    │  [ ] delta.high     upper end of the difference's 95 % interval              │
    │  [ ] last           the score's curve at its end                             │
    │  [ ] best           the best point of the score's curve                      │
    │  [ ] same           the score's curve at the epoch that another recipe has … │
    │  [ ] smoothed       the score's curve at its end, smoothed (exponential mea… │
    │  [ ] heading        where the score is heading, while it trains              │
    │  [ ] loss           the loss at its end                                      │
    │  [ ] trainings      trainings: folds times seeds                             │
    │ 3/32; * sorted: by name                                                      │
    └──────────────────────────────────────────────────────────────────────────────┘
    02-arcface: saved, only [post] changed
    space show  o sort  u usual  esc close
    ");
}

#[test]
fn palette_narrow() {
    insta::assert_snapshot!(screen(&model(sample::settled(), NARROW, &format!(": {}", spelt("run")))), @"
    1 Board 2 3 4 5 6 7 8 9        1 busy +1
    ┌ Actions, 48 ─────────────────────────┐
    │ : run_                               │
    │ ❯-r         run it, or go on with i… │
    │   R         run it up to a rung of … │
    │  -s         stop its run, or take i… │
    │   P         what would run, why, an… │
    │  -a         do what is advised: sto… │
    │   space     draw its curves (*); ma… │
    │   9         queue: what runs and wa… │
    │   O         sort the other way round │
    │  -x         by epoch, step, running… │
    │  -p         pause: what runs holds … │
    │  -o         run only the steps that… │
    │  -n         close (answers the ques… │
    │ not now: nothing to run: every stage │
    │ of 00-first-pour is in the store (R: │
    └──────────────────────────────────────┘
    02-arcface: saved, only [post] changed
    enter do it down next esc close
    ");
}

#[test]
fn palette_usual() {
    insta::assert_snapshot!(screen(&model(sample::settled(), USUAL, ": down down")), @"
    Board Page Curves Plan Ledger Queries Review Compare Queue      1 busy, 1 queued
    ┌ Actions, 210 ────────────────────────────────────────────────────────────────┐
    │ : _                                                                          │
    │   /         only recipes for which something holds: loss.margin > 20         │
    │   o         sort by the next column                                          │
    │ ❯ O         sort the other way round                                         │
    │   v         choose columns                                                   │
    │   f         folds and seeds one by one, with mean and deviation; again: a r… │
    │   d         do not list this recipe                                          │
    │  -D         list all hidden recipes again (nothing is hidden)                │
    │  -u         take back what was pinned or hidden last (nothing to take back:… │
    │   enter     read the recipe with its results                                 │
    │  -r         run it, or go on with it (nothing to run: every stage of 00-fir… │
    │   R         run it up to a rung of your choice                               │
    │  -s         stop its run, or take it out of the queue (asks first) (00-firs… │
    │   p         compare all recipes with this one; again: with none              │
    │   c         loss, score and more while it trained                            │
    │   P         what would run, why, and for how long                            │
    │  -t         take it next, before all others that wait (00-first-pour does n… │
    │ enter: sort the other way round                                              │
    │                                                                              │
    └──────────────────────────────────────────────────────────────────────────────┘
    02-arcface: saved, only [post] changed
    enter do it  down next  esc close
    ");
}

#[test]
fn the_new_boxes_draw_nothing_but_ascii_where_that_is_all() {
    for keys in [": r u n", "v j", "/ l o s s", "/ (", "f", "o o d"] {
        let mut model = model(sample::settled(), USUAL, keys);
        model.options.charset = Charset::Ascii;
        let text = screen(&model);
        let own: String =
            text.chars().filter(|c| !c.is_ascii() && toji::base::text::width(&c.to_string()) < 2).collect();
        assert_eq!(own, "", "{keys}:\n{text}");
    }
}
