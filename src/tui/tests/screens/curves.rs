//! Charts of curves.

use super::{LARGE, NARROW, USUAL, model, screen};
use crate::tui::Charset;
use crate::tui::tests::sample;

#[test]
fn curves_narrow() {
    insta::assert_snapshot!(screen(&model(sample::snapshot(), NARROW, "j j c")), @"
    1 2 3 Curves 4 5 6 7 8 9       1 busy +1
    02-arcface  3/7  ▸ running  holdout epo…
     b ╌╌ 01-baseline pin 0.66 0.695
    ❯c ── 02-arcface  0.73 0.723
    ❯loss
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
    l cross n nearest + zoom ? help q quit
    ");
}

#[test]
fn curves_usual() {
    insta::assert_snapshot!(screen(&model(sample::snapshot(), USUAL, "j j c")), @"
    Board Page Curves Plan Ledger Queries Review Compare Queue      1 busy, 1 queued
     02-arcface  3/7  ▸ running  holdout epoch 7.4/12  1m 32s left  MRR@20 0.7321~
      b ╌╌ 01-baseline pin  loss 0.664  MRR@20 0.695  best 0.695 at epoch 12
     ❯c ── 02-arcface       loss 0.729  MRR@20 0.723  best 0.723 at epoch 7
     ❯loss
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
    l cross  n nearest  + zoom  m charts  x axis  w smooth  y log  ? help  q quit
    ");
}

#[test]
fn curves_large() {
    insta::assert_snapshot!(screen(&model(sample::snapshot(), LARGE, "j j c y")), @"
     Board   Page   Curves   Plan   Ledger   Queries   Review   Compare   Queue   sake-labels                                           worker: 02-arcface +1 queued
     02-arcface  3/7  ▸ running  holdout epoch 7.4/12  1m 32s left  MRR@20 0.7321~
      b ╌╌ 01-baseline pin  loss 0.664  MRR@20 0.695  best 0.695 at epoch 12
     ❯c ── 02-arcface       loss 0.729  MRR@20 0.723  best 0.723 at epoch 7
     ❯loss (log)                                                                     MRR@20
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
    l cross  n nearest  + zoom  m charts  x axis  w smooth  y log  enter page  r run  R rung  s stop  p pin  P plan  a advice  space mark  b board  ? help  q quit
    ");
}

#[test]
fn a_crosshair_reads_all_charts() {
    insta::assert_snapshot!(screen(&model(sample::snapshot(), USUAL, "j j c m m m h h up")), @"
    Board Page Curves Plan Ledger Queries Review Compare Queue      1 busy, 1 queued
     02-arcface  3/7  ▸ running  holdout epoch 7.4/12  1m 32s left  MRR@20 0.7321~
      b ╌╌ 01-baseline pin  loss 0.664  MRR@20 0.695  best 0.695 at epoch 12
     ❯c ── 02-arcface       loss 0.729  MRR@20 0.723  best 0.723 at epoch 7
     ❯loss 6.65 b 0.979 c 0.729              MRR@20 6.65 b 0.641 c 0.723
     3┤   ⡢⡀                                    │              ⢀⣀⠤⠤⠒⠂c⡀ ⣀⡀ ⣀⡀ ⣀⡀ ⠤b
      │   ⠈⠢⢄⢄                               0.6┤          ⣀⠤⠒⠉⡡⠄ ⠒⠁ ⠁
     2┤      ⠑⢅           ┼                     │       ⣀⢔⡊ ⠒⠁     ╎
      │        ⠑⠭⣂ ⢄⡀                        0.4┤     ⣔⠍ ⠁
     1┤           ⠉⠒⠤⣀⣑⠂ ⠤⡀ ⡀                   │   ⢠⠊⠁
      │                ⠉⠉⠉⠒⠂c⠁ ⠑⠂ ⠒⠂ ⠢⠄ ⠤⠄b  0.2┤  ⠰⠋              ╎
      └┴─────────────┴────▲───────────────      └┴────────────┴────▲──────────────
       0             5              epoch        0            5             epoch
     learning rate 6.65 b 4.22e-4 c 8.04e-6  gradient norm 6.65 b 0.527 c 0.527
     0.001┤⠐⠒⠦⢤⡤ ⢀                            │⠰⢄
          │    ⠉⠲⣄⠉ ⠢⠄                       3┤  ⠱⡀
          │      ⠈⠓⢄   ⠓ ⣄  ╎                2┤   ⢣⣀⣀             ╎
          │         ⠑⢄     ⠐⠤                 │      ⠱⡀
          │           ⠑⢤⡀    ⠈⠉⠠⠤            1┤       ⠉⠉⠉⠣⣀⡠⠤⡀ ⣀⣀
     0.000┤             ⠉⠒⠤⢄⣀⡀c  ⠈⠉ ⠠⠤ ⣀⡀ b   │              ⠈⠊⠁⠈⠓⠚⠁c⠂⠘⠁ ⠤⠂⠈⠢ ⠈⠑ ⠔b
          └┴────────────┴───▲─────────────    └┴─────────────┴────▲───────────────
           0            5           epoch      0             5              epoch
    02-arcface: saved, only [post] changed
    l cross  n nearest  + zoom  m charts  x axis  w smooth  y log  ? help  q quit
    ");
}

#[test]
fn a_crosshair_on_a_phone() {
    insta::assert_snapshot!(screen(&model(sample::snapshot(), NARROW, "j j c x x l { + w w")), @"
    1 2 3 Curves 4 5 6 7 8 9       1 busy +1
    02-arcface  3/7  ▸ running  holdout epo…
     b ╌╌ 01-baseline pin 0.66 0.695
    ❯c ── 02-arcface  0.73 0.723
    ❯loss 48s b 1.93 c 1.68
     │⢕⣒⠤⢭⣂⣀⠤⠄ ⣀⡀╎
    2┤  ⠉⠑⠒⠭⢝⣛⡳⠶⠶⢦⣭⣥⣄⣒⡂ ⢄⡀
    1┤        ⠈⠉⠉┼⠒⠒⠪⠭⢝⣛⡳⠶⠶⠭⢥⣤⣒⣂⣀⣒⡂ ⠤⠄b⠤⡀ ⣀
     │           ╎      ⠈⠉⠉⠉⠑⠒⠒⠒⠒⠒⠪⠭⠭⠭c⠉⠒⠒⠒
     └───┴───────▲─────┴───────────────────
        30s           1m      running time
    MRR@20 48s b 0.453 c 0.511
       │          ╎        ⣀⣀⠤⠤⠒⠒⠒⠒⣒⣒⣒c ⣀⣀⣀
    0.6┤         ⣀⡠⠤⠒⠒⠒⢊⣉⣉⣉⠤⠤⠒⠒⠉⣉⡉⠉⠭⠍⠉b⠍ ⠒⠂
       │   ⢀⡠⠤⣒⣪⣭⡴⠶⠞⣛⡛⠉⠭⠍ ⠒⠂ ⠉⠁
    0.4┤⢔⣶⠿⠷⡛⠛⠭⠅ ⠊⠁
       └───┴──────▲─────┴──────────────────
          30s          1m     running time
    smoothed 0.6
    l cross n nearest + zoom ? help q quit
    ");
}

#[test]
fn the_machine_smoothed_by_the_clock() {
    insta::assert_snapshot!(screen(&model(sample::snapshot(), LARGE, "j j c m m m m x x x w w w w")), @"
     Board   Page   Curves   Plan   Ledger   Queries   Review   Compare   Queue   sake-labels                                           worker: 02-arcface +1 queued
     02-arcface  3/7  ▸ running  holdout epoch 7.4/12  1m 32s left  MRR@20 0.7321~
      b ╌╌ 01-baseline pin  loss 0.664  MRR@20 0.695  best 0.695 at epoch 12
     ❯c ── 02-arcface       loss 0.729  MRR@20 0.723  best 0.723 at epoch 7
     ❯images per second (smoothed 0.9)                                               CPU (%, smoothed 0.9)
        │⣀                                                       ⢀             ⢀⣀⡀     │⢀                                                                       ⣀⢀
     174┤⣿                           ⡰⡄                         ⢀⠎⡆            ⢸⣿⣷   96┤⣿                           ⡔⢣                                 ⢀⣠      ⢠⣿⣿
        │⣿                          ⢀⠇⠘⡄                        ⡎ ⢸            ⢸⣿⣿     │⣿                         ⡠⠊  ⢣                             ⢀⠤⠒⠁ ⢣     ⢸⣿⣿
        │⣿⠤⠤⠤⣀⣀⣀⣀                   ⡜  ⠘⡄                      ⡜   ⢇           ⢸⣿⣿     │⣿                       ⢀⠜     ⢇                         ⢀⠤⠊⠁    ⠈⡆    ⢸⣿⣿
        │⣿      ⠈⡆                 ⢠⠃   ⠘⢄                    ⡜    ⠘⡄          ⢸⣿⣿     │⣿                      ⡔⠁      ⠈⢆                        ⡎        ⠘⡄   ⢸⣿⣿
     172┤⣿       ⢱                 ⡎     ⠈⢆                  ⡰⠁     ⢣          ⢸⣿⣿     │⣿                    ⢀⠎         ⠘⡄                      ⡸          ⢱   ⢸⣿⣿
        │⣿       ⠈⡆               ⢸       ⠈⢆                ⢰⠁      ⠈⡆         ⢸⣿⣿   94┤⣿                    ⡜           ⠘⡄                    ⢰⠁           ⢣  ⢸⣿⣿
        │⣿        ⢸              ⢀⠇        ⠈⢆              ⢠⠃        ⠸⡀        ⢸⣿⣿     │⣿⡄                  ⢰⠁            ⠸⡀                  ⢀⠇            ⠈⡆ ⢸⣿⣿
        │⣿     ⣀⣀⣀ ⡇             ⡸          ⠈⡆            ⢠⠃     ⣀⣀⡀  ⢇        ⢸⣿⣿     │⣿⣸⡀                ⢀⠇       ⢀⣀⣀⣀⣀⣀⣀⣱⣀                 ⡜        ⢀⣀⣀⣀⣀ ⠘⡄⢸⣿⣿
     170┤⣿⠒⠊⠉⠉⠉   ⠉⢹⠒⠒⠢⠤⠤⢄⣀⣀⣀  ⢀⣠⡣⠤⠒⠒⠉⠉⠉⠉⠉⠉⠉⠉⠹⡒⠒⠤⠤⢄⣀⣀⣀⣀⣀⣀⣀⣎⡠⠤⠔⠒⠉⠉  ⠈⠉⠉⠙⡖⠒⠒⠤⠤⣀⣀⡀⢸⣿⣿b    │⣿ ⢫⠉⠑⠒⠒⠤⠤⢄⣀⡀       ⡜⢀⣀⣀⠤⠤⠒⠊⠉⠁       ⢣⠉⠉⠒⠢⠤⢄⣀⣀        ⡰⣁⣀⡠⠤⠤⠒⠒⠉⠉⠁    ⠉⠉⢹⢹⣿cb
        │⣿          ⢇        ⠉⠉⠁⡜             ⢣          ⡜             ⢱      ⠈⢹⣿c     │⣿  ⢇       ⠈⠉⠉⠒⠒⠒⠉⢹⠉⠁                ⢇       ⠉⠉⠉⠑⠒⠒⠊⢩⠋                 ⢻⣿⣿
        │⣿          ⠸⡀         ⢰⠁             ⠈⡆        ⡰⠁             ⠈⡆      ⢸⣿⣿     │⣿  ⠈⡆            ⢀⠇                  ⠈⡆             ⡎                  ⢸⣿⣿
        │⣿           ⢇         ⡇               ⠸⡀      ⢠⠃               ⠘⡄     ⢸⣿⣿   92┤⣿   ⠸⡀           ⡜                    ⠘⡄           ⡸                   ⢸⣿⣿
     168┤⣿           ⠘⡄      ⢀⠜                 ⢱     ⢀⠎                 ⠈⢢    ⢸⣿⣿     │⣿    ⢱          ⢰⠁                     ⠱⡀         ⢰⠁                   ⢸⣿⣿
        │⣿            ⢣    ⢀⠔⠁                   ⢇    ⡜                    ⠱⡀  ⢸⣿⣿     │⣿     ⢣        ⢀⠇                       ⢣        ⡠⠃                    ⢸⣿⣿
        │⣿            ⠘⡄ ⢀⠔⠁                     ⠘⡄  ⡰⠁                     ⠘⢄ ⢸⣿⣿     │⣿     ⠈⡆      ⢀⡜                         ⢇     ⡠⠊                      ⢸⣿⣿
        │⣿             ⢣⠔⠁                        ⢱ ⢠⠃                        ⠣⣸⣿⡿     │⣿      ⠘⣄⠤⠤⠒⠊⠉⠁                          ⠈⡆  ⡠⠊                        ⢸⣿⣿
     166┤⣿                                         ⢇⠎                          ⢹⣿⡇   90┤⣿                                         ⠘⡤⠊                          ⢸⣿⡇
        │⠈                                         ⠈                            ⠉⠁     │⠈                                                                      ⠈⠉⠁
        └───────────┴───────────┴──────────┴───────────┴───────────┴──────────────     └────────────┴──────────┴───────────┴───────────┴──────────┴───────────────
                  12:10       12:20      12:30       12:40       12:50 time (UTC)                 12:10      12:20       12:30       12:40      12:50  time (UTC)
     memory (GB, smoothed 0.9)
        │                                                                      ⢀⣀cb
     1.6┤⢀⣀⣀⣀⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⢹⠃
        │⢸                        ⣀⣀⣀⣀⣀⣀⣀⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉
        │⢸⠤⠤⠤⠒⠒⠒⠒⠒⠒⠒⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉
        │⢸
     1.5┤⢸
        │⢸
        │⣼
        │⣿
        │⣿
     1.4┤⣿
        │⡏
        │⡇
        │⡇
     1.3┤⡇
        │⡇
        │⡇
        │⡇
        │⠁
        └───────────┴───────────┴──────────┴───────────┴───────────┴──────────────
                  12:10       12:20      12:30       12:40       12:50 time (UTC)
    smoothed 0.9
    l cross  n nearest  + zoom  m charts  x axis  w smooth  y log  enter page  r run  R rung  s stop  p pin  P plan  a advice  space mark  b board  ? help  q quit
    ");
}

#[test]
fn both_axes_logarithmic_in_ascii() {
    let mut model = model(sample::snapshot(), USUAL, "j j c m y x X l { w w w");
    model.options.charset = Charset::Ascii;
    insta::assert_snapshot!(screen(&model), @"
    Board Page Curves Plan Ledger Queries Review Compare Queue      1 busy, 1 queued
     02-arcface  3/7  > running  holdout epoch 7.4/12  1m 32s left  MRR@20 0.7321~
      b -  01-baseline pin  loss 0.664  MRR@20 0.695  best 0.695 at epoch 12
     >c -- 02-arcface       loss 0.729  MRR@20 0.723  best 0.723 at epoch 7
     loss (log, smoothed 0.8)  at 200  b 1.84  c 1.59
      |bbb...bbb
      |ccccccccccc.bbb.  bbb   bbb
      |      .....cccccccccccccccc   bbb   b           :
      |                ....... ...cccccccc  bb   b
     2+                       ....   .....cccc    bb
      |                           ....    ....cccccc   bbb   bb
      |                               ......  ....  cccccc     b
      |                                     .......... +  ccccc    bbb
      |                                           ..  ....     cccc      b
      |                                             ..    .....           bb
     1+                                               ....     ....            bbbb
      |                                                :  ....     ....
      |                                                       ..       ......
      |                                                         ..           .  ..
      |                                                :                      ..
      +-------+-------------------+--------------------^--------------------------
             50                  100                  200              step (log)
    smoothed 0.8
    l cross  n nearest  + zoom  m charts  x axis  w smooth  y log  ? help  q quit
    ");
}

#[test]
fn which_charts() {
    insta::assert_snapshot!(screen(&model(sample::snapshot(), USUAL, "j j c M 3")), @"
    Board Page Curves Plan Ledger Queries Review Compare Queue      1 busy, 1 queued
     02-arcface  3/7  ▸ running  holdout epoch 7.4/12  1m 32s left  MRR@20 0.7321~
      b ╌╌ 01-baseline pin  loss 0.664  MRR@20 0.695  best 0.695 at epoch 12
     ❯c ── 02-arcface       loss 0.729  MRR@20 0.723  best 0.723 at epoch 7
     ❯loss
     3┤      ⠭⠥⣀⣢⣄ ⣀⡀         ┌ Which charts? ──────────┐
     2┤           ⠉⠉⠉⠒⠛⠓⠤⠶⠦⢄⣤⣄│ 1 [x] loss              │
     1┤                       │ 2 [x] MRR@20            │ ⠒⠂ ⠤⠄ ⠤⠄ ⠤⠄ ⠤⠄ ⣀⡀ ⣀⡀ ⣀⡀ b
      └┴───────────┴──────────│ 3 [x] learning rate     │────────────┴────────────
       0           2          │ 4 [ ] gradient norm     │           10      epoch
     MRR@20                   │ 5 [ ] images per second │
        │                     │ 6 [ ] CPU               │⠒⠂ ⠢⠄ ⠤⠄ ⠔⠂ ⠒⠂ ⠒⠂ ⠒⠂ ⠒⠂ ⠒b
     0.6┤          ⣀⡠⣤⡤⠤⠶⠖⠒⠶⠎⠉│ 7 [ ] memory            │
     0.2┤      ⣤⠖⠊⠛⠁          │ 8 [ ] GPU               │
        └┴───────────┴────────│ 9 [ ] GPU memory        │┴───────────┴────────────
         0           2        │                         │8          10      epoch
     learning rate            │ enter done        close │
     0.001┤⠈⠉⠑⠚⠒⠒⠒⠒⠢⠴⠶⠤⢔⣒⣀⠠⠤ ⠠└─────────────────────────┘
          │               ⠉⠉⠑⠒⠒⠢⠤⠤⣀⣀  ⠈⠉ ⠐⠒ ⠐⠢ ⠠⠤ ⢀⣀ ⢀⡀
     0.000┤                         ⠉⠉⠉⠒⠒⠒⠤⠤⠤⠤⠤⣀⣀⣀⣀⣀⡀c⠈ ⠈⠉ ⠐⠒ ⠐⠒ ⠠⠤ ⠠⠤ ⠠⣀ ⢀⣀ ⢀⣀ ⢀⣀b
          └┴───────────┴──────────┴───────────┴───────────┴──────────┴────────────
           0           2          4           6           8         10      epoch
    02-arcface: saved, only [post] changed
    enter done
    ");
}
