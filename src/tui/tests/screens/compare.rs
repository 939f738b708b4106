//! Recipes side by side on three sizes.

use super::{LARGE, NARROW, USUAL, model, screen};
use crate::tui::tests::sample;

#[test]
fn compare_narrow() {
    let snapshot = sample::side_by_side(&["01-baseline", "02-arcface"]);
    insta::assert_snapshot!(screen(&model(snapshot, NARROW, "j j 8")), @"
    1 2 3 4 5 6 7 8 Compare        1 busy +1
                   a 01-basel…❯ b 02-arcfa…

    scores
    rung           full         full
    MRR@20         0.5120       0.5430
      95 %         [0.4920, 0…  [0.5230, 0…
      queries      1412         1412
    ΔMRR@20        compared w…  +0.0310
      95 %                      [-0.0090, …
      that is                   undecided
      P(better)                 0.981
      wins / tie…               301 / 900 …
      fold 0       0.5120       0.5430
      fold 1       0.5220       0.5530
      fold 2       0.5320       0.5630

    cost
    02-arcface: saved, only [post] changed
    enter queries r run ? help q quit
    ");
}

#[test]
fn compare_narrow_further_down() {
    let snapshot = sample::side_by_side(&["01-baseline", "02-arcface"]);
    insta::assert_snapshot!(screen(&model(snapshot, NARROW, "j j 8 G")), @r#"
    1 2 3 4 5 6 7 8 Compare        1 busy +1

    cost
    time           32 min 10 s  1 h 04 min
      training     30 min 00 s  1 h 00 min
    disk           61.0 MB      61.0 MB
    parameters     11.3 M       11.3 M
    multiply-adds  0.60 G       0.60 G

    settings that differ
    [augment] tr…  []           [{ op = "H…
    [loss] margin  17.2         22.9

    queries that moved: the 3 that moved
    most of 512; rank of the first hit
    000100  獺祭…  1            miss
    000200  evil…  9            1
    xxxxxxxxxxxx…  miss         20
    02-arcface: saved, only [post] changed
    enter queries r run ? help q quit
    "#);
}

#[test]
fn compare_usual() {
    let snapshot = sample::side_by_side(&["01-baseline", "02-arcface"]);
    insta::assert_snapshot!(screen(&model(snapshot, USUAL, "j j 8")), @"
    Board Page Curves Plan Ledger Queries Review Compare  sake-lab… 1 busy, 1 queued
                                 a 01-baseline           ❯ b 02-arcface

     scores
     rung                        full                      full
     MRR@20                      0.5120                    0.5430
       95 %                      [0.4920, 0.5320]          [0.5230, 0.5630]
       queries                   1412                      1412
     ΔMRR@20                     compared with it          +0.0310
       95 %                                                [-0.0090, +0.0510]
       that is                                             undecided
       P(better)                                           0.981
       wins / ties / losses                                301 / 900 / 211
       fold 0                    0.5120                    0.5430
       fold 1                    0.5220                    0.5530
       fold 2                    0.5320                    0.5630

     cost
     time                        32 min 10 s               1 h 04 min
       training                  30 min 00 s               1 h 00 min
     disk                        61.0 MB                   61.0 MB
     parameters                  11.3 M                    11.3 M
    02-arcface: saved, only [post] changed
    enter queries  r run  R rung  s stop  p pin  c curves  ? help  q quit
    ");
}

#[test]
fn compare_large_with_three() {
    let snapshot = sample::side_by_side(&["01-baseline", "00-first-pour", "04-broken"]);
    insta::assert_snapshot!(screen(&model(snapshot, LARGE, "space j space j j j space 8")), @r#"
     Board   Page   Curves   Plan   Ledger   Queries   Review   Compare   sake-labels                                                   worker: 02-arcface +1 queued
                                     a 01-baseline        b 00-first-pour    ❯ c 04-broken            a ── 00-first-pour      loss 2.740  MRR@20 0.335  best 0.335…
     04-broken: no score up to full: toji run 04-broken --rung full                                   b ╌╌ 01-baseline   pin  loss 0.664  MRR@20 0.695  best 0.695…
                                                                                                     ❯e ── 04-broken          no curves yet
     scores                                                                                          loss
     rung                            full                 full                 full                   │     ⡀
     MRR@20                          0.5120               0.5430               -                      │     ⠈⢢
       95 %                          [0.4920, 0.5320]     [0.5230, 0.5630]     -                      │       ⠑⢄
       queries                       1412                 1412                 -                      │         ⠣⡀
     ΔMRR@20                         compared with it     +0.0310              -                      │          ⠈⢆
       95 %                                               [-0.0090, +0.0510]   -                     3┤     ⢄      ⠑⢄
       that is                                            undecided            -                      │      ⠁      ⠈⠢a
       P(better)                                          0.981                -                      │       ⠈⠢
       wins / ties / losses                               301 / 900 / 211      -                      │          ⢄
       fold 0                        0.5120               0.5430               0.5740                 │           ⠁
       fold 1                        0.5220               0.5530               0.5840                2┤            ⠈⠢
       fold 2                        0.5320               0.5630               0.5940                 │               ⠤⡀
                                                                                                      │                  ⢄⡀
     cost                                                                                             │                     ⠤⡀
     time                            32 min 10 s          1 h 04 min           1 h 36 min             │                        ⠢⠄
       training                      30 min 00 s          1 h 00 min           1 h 30 min            1┤                           ⠉⠁ ⠢⠄
     disk                            61.0 MB              61.0 MB              61.0 MB                │                                 ⠑⠂ ⠢⠄ ⠤⡀
     stages to run                   0                    0                    1                      │                                          ⠉⠁ ⠒⠂ ⠤⠄ ⣀⡀
     parameters                      11.3 M               11.3 M               11.3 M                 │                                                      ⠉⠁ ⠉⠁b
     multiply-adds                   0.60 G               0.60 G               0.60 G                 └┴─────────┴────────┴─────────┴─────────┴────────┴──────────
                                                                                                       0         2        4         6         8       10    epoch
     settings that differ                                                                            MRR@20
     [augment] train                 []                   [{ op = "Horizonta…  []                    0.7┤                                                        ⡀b
     [loss] margin                   17.2                 22.9                 -                        │                                     ⠔⠂ ⠤⠄ ⠤⠂ ⠉⠁ ⠒⠂ ⠤⠂ ⠉
                                                                                                        │                               ⣀⠄ ⠊⠁
     queries that moved: the 3 that moved most of 512; rank of the first hit                            │                          ⡀ ⠊⠁
     000100  獺祭 純米大吟醸 磨き…   1                    miss                 1                     0.6┤                       ⡀ ⠊
     000200  evil·]0;owned· ·<b>     9                    1                    2                        │                   ⣀⠄ ⠉
     xxxxxxxxxxxxxxxxxxxxxxxxxxxxx…  miss                 20                   miss                     │                 ⡀
                                                                                                     0.5┤                ⠘
                                                                                                        │             ⢀⠔
                                                                                                        │            ⡀
                                                                                                     0.4┤           ⠊
                                                                                                        │         ⡔
                                                                                                        │        ⡀   ⢀⡠⠂a
                                                                                                     0.3┤       ⠘  ⡠⠔⠁
                                                                                                        │      ⡔ ⢀⠎
                                                                                                        │     ⡀ ⢠⠊
                                                                                                     0.2┤    ⠘ ⡰⠁
                                                                                                        │     ⡔⠁
                                                                                                        │    ⠈
                                                                                                        └┴────────┴─────────┴────────┴────────┴─────────┴─────────
                                                                                                         0        2         4        6        8        10   epoch
    02-arcface: saved, only [post] changed
    enter queries  r run  R rung  s stop  p pin  c curves  a advice  j down  k up  ] next  b board  : actions  ? help  q quit
    "#);
}

#[test]
fn nothing_to_compare() {
    insta::assert_snapshot!(screen(&model(sample::snapshot(), NARROW, "j 8")), @"
    1 2 3 4 5 6 7 8 Compare        1 busy +1
    Nothing to compare yet.
    Mark two to six recipes on the board
    with space, or pin one with p and select
    another.













    02-arcface: saved, only [post] changed
    enter queries r run ? help q quit
    ");
}
