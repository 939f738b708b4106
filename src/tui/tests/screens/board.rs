//! The board, with every state and with mistakes.

use super::{LARGE, NARROW, USUAL, model, screen};
use crate::tui::tests::sample;

#[test]
fn board_narrow() {
    insta::assert_snapshot!(screen(&model(sample::snapshot(), NARROW, "j j")), @"
    1 Board 2 3 4 5 6 7 8 9        1 busy +1
      00-first-pour                  ✓ fresh
      0.412 -.279 [-.310,-.246]
      01-baseline                    ✓ fresh
      0.691 pin
    ❯ 02-arcface            7.4/12 ▸ running
      0.732~ -.009 [-.030,+.012] 1m 32s left
      03-純米大吟醸-小さな文字       ~ stale
      0.704~ +.013 [-.010,+.037] [post] alp…
      04-broken                     ✗ broken
      line 6: unknown key `margn` in [loss]
      05-evil·]0;owned··     1.2/12 ! failed
      loss is NaN at step 311: images ·[5m …
    ── 02-arcface ─────────────────── 3/7 ──
    02 · ArcFace on small print
    training fold 1, 212 images/s
    MRR@20 0.7321 [0.701, 0.760] over 1,412
      queries, of an older text
    02-arcface: saved, only [post] changed
    / filter o sort v columns ? help q quit
    ");
}

#[test]
fn board_usual() {
    insta::assert_snapshot!(screen(&model(sample::snapshot(), USUAL, "j j")), @"
    Board Page Curves Plan Ledger Queries Review Compare Queue      1 busy, 1 queued
      recipe            state     rung      epoch MRR@20 to the pin, 95 %       left
      00-first-pour     ✓ fresh   smoke       3/3 0.412  -.279 [-.310,-.246]
      01-baseline       ✓ fresh   holdout   12/12 0.691  pin
    ❯ 02-arcface        ▸ running holdout  7.4/12 0.732~ -.009 [-.030,+.012]  1m 32s
      03-純米大吟醸-小… ~ stale   full      12/12 0.704~ +.013 [-.010,+.037]
      04-broken         ✗ broken
      05-evil·]0;owned… ! failed  holdout  1.2/12
      06-swin           - new
    ── 02-arcface ─────────────────────────────────────────────────────────── 3/7 ──
    02 · ArcFace on small print
    training fold 1, 212 images/s
    MRR@20 0.7321 [0.701, 0.760] over 1,412 queries, of an older text
    +0.0411 [+0.0122, +0.0704] against 01-baseline over 1,412 queries
    advice at epoch 7: go on: may still win: 0.009 behind 01-baseline at epoch 7 of
      12 (95 % -0.012 to 0.030, noise not measured)
    noise not measured: two more seeds of the pin would, about 12m 40s (R on it,
      then n)
    heading for 0.771 (80 % 0.752 to 0.790)
    4 steps would run, time not known yet; 172 MB of disk, 1 in the store.
      run fit fold 1: [loss] margin 17.2 → 22.9
      run embed fold 1: its input fit fold 1 runs
    02-arcface: saved, only [post] changed
    / filter  o sort  v columns  f folds  d hide  enter page  ? help  q quit
    ");
}

#[test]
fn board_large() {
    insta::assert_snapshot!(screen(&model(sample::snapshot(), LARGE, "j j space")), @"
     Board   Page   Curves   Plan   Ledger   Queries   Review   Compare   Queue   sake-labels                                           worker: 02-arcface +1 queued
      recipe                           state     rung      epoch MRR@20  difference to the pin, 95 %    left  what
      00-first-pour                    ✓ fresh   smoke       3/3 0.4123  -0.2787 [-0.3100, -0.2460]
      01-baseline                      ✓ fresh   holdout   12/12 0.6910  pin
    ❯*02-arcface                       ▸ running holdout  7.4/12 0.7321~ -0.0090 [-0.0300, +0.0120]   1m 32s  go-on: may still win: 0.009 behind 01-baseline at epo…
      03-純米大吟醸-小さな文字         ~ stale   full      12/12 0.7044~ +0.0134 [-0.0102, +0.0371]           [post] alpha-qe k 3 → 5
      04-broken                        ✗ broken                                                               line 6: unknown key `margn` in [loss]
      05-evil·]0;owned··               ! failed  holdout  1.2/12                                              loss is NaN at step 311: images ·[5m 000812.jpg, 獺祭…
      06-swin                          - new                                                                  run fit fold 1: never run
    ── 02-arcface ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────── 3/7 ──
    02 · ArcFace on small print
    training fold 1, 212 images/s
    MRR@20 0.7321 [0.701, 0.760] over 1,412 queries, of an older text
    +0.0411 [+0.0122, +0.0704] against 01-baseline over 1,412 queries
    advice at epoch 7: go on: may still win: 0.009 behind 01-baseline at epoch 7 of 12 (95 % -0.012 to 0.030, noise not measured)
    noise not measured: two more seeds of the pin would, about 12m 40s (R on it, then n)
    heading for 0.771 (80 % 0.752 to 0.790)
    4 steps would run, time not known yet; 172 MB of disk, 1 in the store.
      run fit fold 1: [loss] margin 17.2 → 22.9
      run embed fold 1: its input fit fold 1 runs
      run post: its input embed fold 1 runs

    ❯c ── 02-arcface      loss 0.729  MRR@20 0.723  best 0.723 at epoch 7
    loss                                                                             MRR@20
       │      ⡀                                                                         │                                          ⣀⡀c
       │      ⠘⡄                                                                        │                                    ⢀⠤⠒⠒⠉⠉
       │       ⠘⢄                                                                    0.7┤                                  ⡠⠒⠁
    2.5┤        ⠈⢆                                                                      │                               ⢀⠤⠊
       │         ⠈⢆                                                                     │                            ⣀⠤⠒⠁
       │           ⢣                                                                    │                        ⢀⠤⠒⠉
       │            ⠣⡀                                                               0.6┤                       ⡰⠁
       │             ⠱⡀                                                                 │                     ⢠⠊
    2.0┤              ⠑⡄                                                                │                   ⢀⠔⠁
       │               ⠘⡄                                                               │                  ⡠⠊
       │                ⠈⢆                                                           0.5┤                ⢀⠔⠁
       │                 ⠈⢆                                                             │               ⡠⠊
       │                   ⠑⢄                                                           │             ⢀⠔⠁
    1.5┤                     ⠑⢄                                                         │            ⢠⠊
       │                       ⠑⢄                                                    0.4┤           ⢠⠃
       │                         ⠑⢄                                                     │          ⢀⠇
       │                           ⠱⡀                                                   │         ⢀⠎
       │                            ⠈⠢⡀                                                 │         ⡜
    1.0┤                              ⠈⠑⠢⠤⣀⡀                                         0.3┤        ⡜
       │                                   ⠈⠑⠢⢄⡀                                        │       ⡸
       │                                       ⠈⠒⠤⣀                                     │      ⡰⠁
       │                                           ⠁c                                   │      ⠁
       └┴───────────┴───────────┴────────────┴───────────┴───────────┴────────────      └┴───────────┴───────────┴────────────┴───────────┴───────────┴────────────
        0           2           4            6           8          10      epoch        0           2           4            6           8          10      epoch
    02-arcface: saved, only [post] changed
    / filter  o sort  v columns  f folds  d hide  enter page  r run  R rung  s stop  p pin  c curves  P plan  a advice  space mark  : actions  ? help  q quit
    ");
}

#[test]
fn board_without_recipes() {
    insta::assert_snapshot!(screen(&model(sample::empty(), USUAL, "")), @r#"
    Board Page Curves Plan Ledger Queries Review Compare Queue  fresh      no worker
    ! toji.toml:3:1: unknown key `imges`
      did you mean `images`?
    ! toji.toml:9:12: no file data/train.csv


    No recipe yet.

    A recipe is a Markdown file in recipes/, with prose and toml cells. Save this as
    recipes/01-first.md and it appears here:
      # 01 First try
      ```toml
      [loss]
      name = "ArcFaceLoss"
      ```

    toji explain lists what a recipe can hold.






    / filter  o sort  v columns  f folds  d hide  enter page  ? help  q quit
    "#);
}

#[test]
fn board_without_recipes_narrow() {
    insta::assert_snapshot!(screen(&model(sample::empty(), NARROW, "")), @r#"
    1 Board 2 3 4 5 6 7 8 9        no worker
    ! toji.toml:3:1: unknown key `imges`
      did you mean `images`?
    ! toji.toml:9:12: no file data/train.csv

    No recipe yet.

    A recipe is a Markdown file in recipes/,
    with prose and toml cells. Save this as
    recipes/01-first.md and it appears here:
      # 01 First try
      ```toml
      [loss]
      name = "ArcFaceLoss"
      ```

    toji explain lists what a recipe can
    hold.

    / filter o sort v columns ? help q quit
    "#);
}

#[test]
fn board_unpaired() {
    insta::assert_snapshot!(screen(&model(sample::unpaired(), USUAL, "")), @"
    Board Page Curves Plan Ledger Queries Review Compare Queue      1 busy, 1 queued
      recipe            state     rung      epoch MRR@20 to the pin, 95 %       left
    ❯ 00-first-pour     ✓ fresh   smoke       3/3 0.412  not paired
      01-baseline       ✓ fresh   holdout   12/12 0.691  pin
      02-arcface        ▸ running holdout  7.4/12 0.732~ -.009 [-.030,+.012]  1m 32s
      03-純米大吟醸-小… ~ stale   full      12/12 0.704~ +.013 [-.010,+.037]
      04-broken         ✗ broken
      05-evil·]0;owned… ! failed  holdout  1.2/12
      06-swin           - new
    ── 00-first-pour ──────────────────────────────────────────────────────── 1/7 ──
    00 · First pour
    MRR@20 0.4123 [0.381, 0.440] over 1,412 queries
    no difference to 01-baseline: its queries are other ones: [folds] differ
    Nothing would run, 2 in the store.
    note: train.csv: read as Shift_JIS







    02-arcface: saved, only [post] changed
    / filter  o sort  v columns  f folds  d hide  enter page  ? help  q quit
    ");
}

#[test]
fn board_while_planning() {
    insta::assert_snapshot!(screen(&model(sample::planning(), USUAL, "")), @"
    Board Page Curves Plan Ledger Queries Review Compare Queue           worker idle
      recipe            state     rung      epoch MRR@20 to the pin, 95 %       left
    ❯ 00-first-pour     ✓ fresh   smoke       3/3 0.412  -.279 [-.310,-.246]
      01-baseline       ✓ fresh   holdout   12/12 0.691  pin
      02-arcface        ▸ running holdout  7.4/12 0.732~ -.009 [-.030,+.012]  1m 32s
      03-純米大吟醸-小… ~ stale   full      12/12 0.704~ +.013 [-.010,+.037]
      04-broken         ✗ broken
      05-evil·]0;owned… ! failed  holdout  1.2/12
      06-swin           - new
    ── 00-first-pour ──────────────────────────────────────────────────────── 1/7 ──
    00 · First pour
    MRR@20 0.4123 [0.381, 0.440] over 1,412 queries
    -0.2787 [-0.3100, -0.2460] against 01-baseline over 1,412 queries
    Nothing would run, 2 in the store.








    hashing pictures [####------] 41,250/100,000 images
    / filter  o sort  v columns  f folds  d hide  enter page  ? help  q quit
    ");
}

#[test]
fn the_last_screen_of_the_board_is_full() {
    let mut snapshot = sample::settled();
    let first = snapshot.recipes[0].clone();
    snapshot.recipes = vec![first; 25];
    snapshot.recipes.iter_mut().enumerate().for_each(|(i, recipe)| recipe.name = format!("r{i:02}"));
    let listed = |keys: &str| -> Vec<String> {
        let screen = screen(&model(snapshot.clone(), USUAL, keys));
        let name = |row: &str| row.trim_start_matches(['❯', ' ']).split(' ').next().map(str::to_owned);
        screen.lines().filter_map(name).filter(|name| name.len() == 3 && name.starts_with('r')).collect()
    };
    let (begin, end) = (listed(""), listed("G"));
    assert_eq!(begin.len(), end.len());
    assert_eq!((begin[0].as_str(), end.last().unwrap().as_str()), ("r00", "r24"));
    assert!(listed("G k").contains(&"r23".to_owned()) && listed("G k").len() == end.len());
    assert_eq!(listed("j"), begin);
}
