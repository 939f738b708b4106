//! The curves of loss and score.

use super::{LARGE, NARROW, USUAL, model, screen};
use crate::tui::tests::sample;

#[test]
fn curves_narrow() {
    insta::assert_snapshot!(screen(&model(sample::snapshot(), NARROW, "j j c")), @"
    1 2 3 Curves 4 5 6 7 8  1 busy, 1 queued
    02-arcface  3/7  ▸ running  holdout epo…
     b ╌╌ 01-baseline pin 0.66 0.695
    ❯c ── 02-arcface  0.73 0.723
    loss
    3┤   ⢦⡄
    2┤    ⠈⠑⠳⢆⡀⣀
    1┤        ⠈⠉⠓⠢⠶⣄⡀⣀⡀ ⣀⡀
     │              ⠈⠉⠉⠒⠒⠒⠤⠭c ⠒⠂ ⠤⠄ ⠤⠄ ⠤⠄ ⠤b
     └┴──────────────┴─────────────────────
      0              5               epoch
    MRR@20
       │             ⣀⣀⡠⠤⠒⣒⡒⠂c⠄ ⠤⠄ ⠤⠄ ⠤⠄ ⠒⠂b
    0.6┤       ⢀⡠⢔⡒⠉⠭⠂ ⠊⠁
    0.4┤    ⢀⡠⠮⠃ ⠁
    0.2┤   ⠔⠃
       └┴─────────────┴────────────────────
        0             5              epoch
    02-arcface: saved, only [post] changed
    enter page r run R rung ? help q quit
    ");
}

#[test]
fn curves_usual() {
    insta::assert_snapshot!(screen(&model(sample::snapshot(), USUAL, "j j c")), @"
    Board Page Curves Plan Ledger Queries Review Compare  sake-lab… 1 busy, 1 queued
     02-arcface  3/7  ▸ running  holdout epoch 7.4/12  1m 32s left  MRR@20 0.7321~
      b ╌╌ 01-baseline pin  loss 0.664  MRR@20 0.695  best 0.695 at epoch 12
     ❯c ── 02-arcface       loss 0.729  MRR@20 0.723  best 0.723 at epoch 7
     loss
     3┤      ⣒⠄ ⡀
      │       ⠉⠒⠪⠥⣀⠤⠄
     2┤            ⠉⠑⠢⢕⣂ ⣀⡀
      │                 ⠉⠒⠒⠤⠭⣂⣀⠤⠄ ⣀⡀
     1┤                        ⠉⠉⠒⠒⠤⠤⣉⣁⣀⣒⡂ ⠤⠄ ⠤⠄ ⣀⡀ ⣀⡀
      │                                  ⠈⠉⠉⠉⠉⠉⠑⠒⠒⠒c   ⠉⠁ ⠉⠁ ⠒⠂ ⠒⠂ ⠒⠂ ⠒⠂ ⠤⠄ ⠤⠄ ⠤⠄ b
      └┴───────────┴────────────┴───────────┴───────────┴────────────┴────────────
       0           2            4           6           8           10      epoch
     MRR@20
        │                                ⣀⣀⣀⠤⠤⠤⠤⠔⠒⠒⠒c ⢀⡀ ⣀⡀ ⣀⡀ ⣀⡀ ⣀⡀ ⣀⡀ ⣀⡀ ⣀⡀ ⡠⠄ ⠤b
     0.6┤                      ⣀⡠⠤⠔⠒⠒⠊⠉⣉⡉ ⠤⠄ ⠒⠂ ⠊⠁ ⠉⠁ ⠁
        │               ⣀⣀⠤⠤⡒⠊⠭⠄ ⠒⠂ ⠉⠁
     0.4┤          ⢀⠤⣒⠍⠉⠒⠂ ⠉
        │       ⢀⠤⠮⠃
     0.2┤      ⠞⠃
        └┴───────────┴───────────┴───────────┴───────────┴───────────┴────────────
         0           2           4           6           8          10      epoch
    02-arcface: saved, only [post] changed
    enter page  r run  R rung  s stop  p pin  P plan  a advice  ? help  q quit
    ");
}

#[test]
fn curves_large() {
    insta::assert_snapshot!(screen(&model(sample::snapshot(), LARGE, "j j c y")), @"
     Board   Page   Curves   Plan   Ledger   Queries   Review   Compare   sake-labels                                                   worker: 02-arcface +1 queued
     02-arcface  3/7  ▸ running  holdout epoch 7.4/12  1m 32s left  MRR@20 0.7321~
      b ╌╌ 01-baseline pin  loss 0.664  MRR@20 0.695  best 0.695 at epoch 12
     ❯c ── 02-arcface       loss 0.729  MRR@20 0.723  best 0.723 at epoch 7
     loss (log)                                                                      MRR@20
      │                                                                                 │
      │      ⢢                                                                          │                                         ⣀⠤c
      │        ⡀                                                                        │                                     ⣀⠤⠒⠉
      │      ⢄ ⠑                                                                     0.7┤                                   ⢀⠎                                    b
      │      ⠈⢆ ⠐⢄                                                                      │                                  ⡰⠁                       ⣀ ⢀⣀     ⣀ ⠐⠉
      │       ⠈⢢  ⢀                                                                     │                                ⢀⠜            ⢀⠤ ⠐⠒ ⠠⢄ ⠠⠔ ⠈     ⠈⠑ ⠈
      │         ⢣  ⠃                                                                    │                               ⡠⠃           ⣀
      │          ⠣⡀ ⠰⡀                                                                  │                             ⢀⠜          ⣀ ⠈
      │           ⠱⡀  ⡀                                                                 │                           ⢀⠔⠁       ⠠⠔ ⠈
      │            ⠱⡀ ⠑                                                                 │                         ⢀⠔⠁       ⡰
      │             ⠱⡀ ⠰⡀                                                            0.6┤                        ⡔⠁       ⢀
     2┤              ⢱   ⡀                                                              │                       ⡜        ⠐⠁
      │               ⢣  ⠑                                                              │                      ⡜       ⢀⠆
      │                ⢣  ⠐⡄                                                            │                     ⡜      ⡠
      │                ⠈⢆   ⢀                                                           │                    ⡰⠁   ⢀ ⠈
      │                 ⠈⢆   ⠑                                                          │                   ⡰⠁   ⠐⠁
      │                  ⠈⢆   ⠐⢄                                                        │                  ⡰⠁  ⢀⠆
      │                   ⠈⢢    ⢀                                                       │                 ⢠⠃  ⢀
      │                     ⠣⡀   ⠃                                                   0.5┤                ⢠⠃   ⠊
      │                      ⠱⡀   ⠰⡀                                                    │               ⢀⠎  ⢀⠆
      │                       ⠑⡄    ⡀                                                   │               ⡎  ⢀
      │                        ⠘⡄   ⠘                                                   │              ⡜   ⠊
      │                         ⠘⡄   ⠐⢄                                                 │             ⡸  ⢀⠆
      │                          ⠘⡄     ⠠⡀                                              │            ⡰⠁ ⢀
      │                           ⠘⡄     ⠈ ⢀                                            │           ⢀⠇  ⠊
      │                            ⠱⡀       ⠑                                        0.4┤           ⡸ ⢀⠆
      │                             ⠱⡀        ⠢⡀                                        │           ⡇⢀
      │                              ⠱⡀         ⢀                                       │          ⢸ ⠊
     1┤                               ⠑⢄        ⠈⠂                                      │          ⡇⢰
      │                                 ⠑⢄        ⠐⠤                                    │         ⢸ ⡀
      │                                  ⠈⠢⡀         ⠐⠢                                 │         ⡎⠘
      │                                    ⠈⠢⡀          ⠈⠢                              │        ⢰⠁⡆
      │                                      ⠱⡀            ⢄                         0.3┤        ⡜⢀
      │                                       ⠑⡄            ⠁                           │       ⢠⠃⠃
      │                                        ⠘⡄            ⠈⠆                         │       ⡜⢰
      │                                         ⠈⢆              ⠒⠄ ⡀                    │      ⢀⠇⡀
      │                                          ⠈⢆c               ⠈⠁ ⡀                 │      ⡸⠘
      │                                                               ⠈⠂                │      ⠃⡆
      │                                                                  ⠢⡀             │      ⢀
      │                                                                     ⠤⠂ ⠒⠁ b  0.2┤      ⠃
      │                                                                                 │
      └┴───────────┴────────────┴───────────┴───────────┴────────────┴────────────      └┴───────────┴───────────┴───────────┴───────────┴───────────┴────────────
       0           2            4           6           8           10      epoch        0           2           4           6           8          10      epoch
    logarithmic loss
    enter page  r run  R rung  s stop  p pin  P plan  a advice  space mark  y log  m measure  ] next  b board  : actions  ? help  q quit
    ");
}
