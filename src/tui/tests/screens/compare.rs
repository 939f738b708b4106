//! Recipes side by side on three sizes.

use super::{LARGE, NARROW, USUAL, model, screen};
use crate::tui::tests::sample;

#[test]
fn compare_narrow() {
    let snapshot = sample::side_by_side(&["01-baseline", "02-arcface"]);
    insta::assert_snapshot!(screen(&model(snapshot, NARROW, "j j 8")), @"
    1 2 3 4 5 6 7 8 Compare 9      1 busy +1
                b 01-baseline ❯c 02-arcface

    scores
    rung        full           full
    MRR@20      0.512          0.543
      95 %      [.492,.532]    [.523,.563]
      queries   1412           1412
    ΔMRR@20     the first      +0.031
      95 %                     [-.009,+.051]
      that is                  undecided
      P better                 0.981
      w/t/l                    301/900/211
      fold 0    0.5120         0.5430
      fold 1    0.5220         0.5530
      fold 2    0.5320         0.5630

    cost
    02-arcface: saved, only [post] changed
    enter queries r run ? help q quit
    ");
}

#[test]
fn compare_narrow_further_down() {
    let snapshot = sample::side_by_side(&["01-baseline", "02-arcface"]);
    insta::assert_snapshot!(screen(&model(snapshot, NARROW, "j j 8 G")), @r#"
    1 2 3 4 5 6 7 8 Compare 9      1 busy +1
    settings that differ
    [augment] train
                []             [{ op =
                               "HorizontalFl
                               ip", p = 0.5
                               }]
    [loss] margin
                17.2           22.9

    queries that moved: the 3 that moved
    most of 512; rank of the first hit
    000100  獺祭 純米大吟醸 磨き三割九分
                1              miss
    000200  evil·]0;owned· ·<b>
                9              1
    xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…
                miss           20
    02-arcface: saved, only [post] changed
    enter queries r run ? help q quit
    "#);
}

#[test]
fn compare_usual() {
    let snapshot = sample::side_by_side(&["01-baseline", "02-arcface"]);
    insta::assert_snapshot!(screen(&model(snapshot, USUAL, "j j 8")), @"
    Board Page Curves Plan Ledger Queries Review Compare Queue      1 busy, 1 queued
                             b 01-baseline              ❯c 02-arcface

     scores
     rung                    full                        full
     MRR@20                  0.5120                      0.5430
       95 %                  [0.4920, 0.5320]            [0.5230, 0.5630]
       queries               1412                        1412
     ΔMRR@20                 compared with it            +0.0310
       95 %                                              [-0.0090, +0.0510]
       that is                                           undecided
       P better                                          0.981
       wins / ties / losses                              301 / 900 / 211
       fold 0                0.5120                      0.5430
       fold 1                0.5220                      0.5530
       fold 2                0.5320                      0.5630

     cost
     time                    32 min 10 s                 1 h 04 min
       training              30 min 00 s                 1 h 00 min
     disk                    61.0 MB                     61.0 MB
     parameters              11.3 M                      11.3 M
    02-arcface: saved, only [post] changed
    enter queries  r run  R rung  s stop  p pin  c curves  ? help  q quit
    ");
}

#[test]
fn compare_large_with_three() {
    let snapshot = sample::side_by_side(&["01-baseline", "00-first-pour", "04-broken"]);
    insta::assert_snapshot!(screen(&model(snapshot, LARGE, "space j space j j j space 8")), @r#"
     Board   Page   Curves   Plan   Ledger   Queries   Review   Compare   Queue   sake-labels                                           worker: 02-arcface +1 queued
                             b 01-baseline           a 00-first-pour        ❯e 04-broken              a ── 00-first-pour      loss 2.740  MRR@20 0.335  best 0.335…
     04-broken: no score up to full: toji run 04-broken --rung full                                   b ╌╌ 01-baseline   pin  loss 0.664  MRR@20 0.695  best 0.695…
                                                                                                     ❯e ── 04-broken          no curves yet
     scores                                                                                          loss
     rung                    full                    full                    full                     │     ⡀
     MRR@20                  0.5120                  0.5430                  -                        │     ⠈⢢
       95 %                  [0.4920, 0.5320]        [0.5230, 0.5630]        -                        │       ⠑⢄
       queries               1412                    1412                    -                        │         ⠣⡀
     ΔMRR@20                 compared with it        +0.0310                 -                        │          ⠈⢆
       95 %                                          [-0.0090, +0.0510]      -                       3┤     ⢄      ⠑⢄
       that is                                       undecided               -                        │      ⠁      ⠈⠢a
       P better                                      0.981                   -                        │       ⠈⠢
       wins / ties / losses                          301 / 900 / 211         -                        │          ⢄
       fold 0                0.5120                  0.5430                  0.5740                   │           ⠁
       fold 1                0.5220                  0.5530                  0.5840                  2┤            ⠈⠢
       fold 2                0.5320                  0.5630                  0.5940                   │               ⠤⡀
                                                                                                      │                  ⢄⡀
     cost                                                                                             │                     ⠤⡀
     time                    32 min 10 s             1 h 04 min              1 h 36 min               │                        ⠢⠄
       training              30 min 00 s             1 h 00 min              1 h 30 min              1┤                           ⠉⠁ ⠢⠄
     disk                    61.0 MB                 61.0 MB                 61.0 MB                  │                                 ⠑⠂ ⠢⠄ ⠤⡀
     stages to run           0                       0                       1                        │                                          ⠉⠁ ⠒⠂ ⠤⠄ ⣀⡀
     parameters              11.3 M                  11.3 M                  11.3 M                   │                                                      ⠉⠁ ⠉⠁b
     multiply-adds           0.60 G                  0.60 G                  0.60 G                   └┴─────────┴────────┴─────────┴─────────┴────────┴──────────
                                                                                                       0         2        4         6         8       10    epoch
     settings that differ                                                                            MRR@20
     [augment] train         []                      [{ op =                 []                      0.7┤                                                        ⡀b
                                                     "HorizontalFlip", p =                              │                                     ⠔⠂ ⠤⠄ ⠤⠂ ⠉⠁ ⠒⠂ ⠤⠂ ⠉
                                                     0.5 }]                                             │                               ⣀⠄ ⠊⠁
     [loss] margin           17.2                    22.9                    -                          │                          ⡀ ⠊⠁
                                                                                                     0.6┤                       ⡀ ⠊
     queries that moved: the 3 that moved most of 512; rank of the first hit                            │                   ⣀⠄ ⠉
     000100  獺祭 純米大吟醸 磨き三割九分                                                               │                 ⡀
                             1                       miss                    1                       0.5┤                ⠘
     000200  evil·]0;owned· ·<b>                                                                        │             ⢀⠔
                             9                       1                       2                          │            ⡀
     xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…  0.4┤           ⠊
                             miss                    20                      miss                       │         ⡔
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
    1 2 3 4 5 6 7 8 Compare 9      1 busy +1
    Nothing to compare yet.
    Mark two to six recipes on the board
    with space, or pin one with p and select
    another.













    02-arcface: saved, only [post] changed
    enter queries r run ? help q quit
    ");
}
