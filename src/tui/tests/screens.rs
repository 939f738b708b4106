//! Whole screens as snapshots at 40×20, 80×24 and 160×50: long, since the screens are.

use std::sync::Arc;

use ratatui::buffer::Buffer;
use ratatui::layout::{Rect, Size};
use toji::session::snapshot::Snapshot;

use super::sample;
use crate::tui::model::Model;
use crate::tui::{Charset, Colour, Feed, Options, keys, update, view};

/// A model after these keys (names with spaces between).
pub fn model(snapshot: Snapshot, (width, height): (u16, u16), typed: &str) -> Model {
    let options = Options { colour: Colour::True, charset: Charset::Unicode, remote: false, suspend: None };
    let mut model = Model::new(Size::new(width, height), options);
    model.take(Feed::Snapshot(Arc::new(snapshot)));
    for key in typed.split_whitespace() {
        if let Some(action) = keys::action(key, model.place()) {
            update::update(&mut model, action);
        }
    }
    model
}

/// What the model looks like, without colours.
pub fn screen(model: &Model) -> String {
    let mut buffer = Buffer::empty(Rect::new(0, 0, model.size.width, model.size.height));
    view::draw(model, &mut buffer);
    let mut text = String::new();
    for row in buffer.content.chunks(usize::from(model.size.width).max(1)) {
        let mut line = String::new();
        let mut skip = 0;
        for cell in row {
            if skip > 0 {
                skip -= 1;
                continue;
            }
            line.push_str(cell.symbol());
            skip = toji::base::text::width(cell.symbol()).saturating_sub(1);
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

const NARROW: (u16, u16) = (40, 20);
const USUAL: (u16, u16) = (80, 24);
const LARGE: (u16, u16) = (160, 50);

#[test]
fn board_narrow() {
    insta::assert_snapshot!(screen(&model(sample::snapshot(), NARROW, "j j")), @r#"
    Board Page Curves Plan  1 busy, 1 queued
      00-first-pour                  ✓ fresh
      0.412 -.279 [-.310,-.246]
      01-baseline                    ✓ fresh
      0.691 pin
    ❯ 02-arcface            7.4/12 ▸ running
      0.732~ +.041 [+.012,+.070] 1m 32s left
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
    enter page r run R rung ? help q quit
    "#);
}

#[test]
fn board_usual() {
    insta::assert_snapshot!(screen(&model(sample::snapshot(), USUAL, "j j")), @r#"
     Board   Page   Curves   Plan   sake-labels         worker: 02-arcface +1 queued
      recipe            state     rung      epoch MRR@20 to the pin, 95 %       left
      00-first-pour     ✓ fresh   smoke       3/3 0.412  -.279 [-.310,-.246]
      01-baseline       ✓ fresh   holdout   12/12 0.691  pin
    ❯ 02-arcface        ▸ running holdout  7.4/12 0.732~ +.041 [+.012,+.070]  1m 32s
      03-純米大吟醸-小… ~ stale   full      12/12 0.704~ +.013 [-.010,+.037]
      04-broken         ✗ broken
      05-evil·]0;owned… ! failed  holdout  1.2/12
      06-swin           - new
    ── 02-arcface ─────────────────────────────────────────────────────────── 3/7 ──
    02 · ArcFace on small print
    training fold 1, 212 images/s
    MRR@20 0.7321 [0.701, 0.760] over 1,412 queries, of an older text
    +0.0411 [+0.0122, +0.0704] against 01-baseline over 1,412 queries
    4 steps would run, time not known yet, 1 in the store.
      run fit fold 1: [loss] margin 17.2 → 22.9
      run embed fold 1: its input fit fold 1 runs
      run post: its input embed fold 1 runs




    02-arcface: saved, only [post] changed
    enter page  r run  R rung  s stop  p pin  c curves  P plan  ? help  q quit
    "#);
}

#[test]
fn board_large() {
    insta::assert_snapshot!(screen(&model(sample::snapshot(), LARGE, "j j space")), @r#"
     Board   Page   Curves   Plan   sake-labels                                                                                         worker: 02-arcface +1 queued
      recipe                           state     rung      epoch MRR@20  difference to the pin, 95 %    left  what
      00-first-pour                    ✓ fresh   smoke       3/3 0.4123  -0.2787 [-0.3100, -0.2460]
      01-baseline                      ✓ fresh   holdout   12/12 0.6910  pin
    ❯*02-arcface                       ▸ running holdout  7.4/12 0.7321~ +0.0411 [+0.0122, +0.0704]   1m 32s  training fold 1, 212 images/s
      03-純米大吟醸-小さな文字         ~ stale   full      12/12 0.7044~ +0.0134 [-0.0102, +0.0371]           [post] alpha-qe k 3 → 5
      04-broken                        ✗ broken                                                               line 6: unknown key `margn` in [loss]
      05-evil·]0;owned··               ! failed  holdout  1.2/12                                              loss is NaN at step 311: images ·[5m 000812.jpg, 獺祭…
      06-swin                          - new                                                                  run fit fold 1: never run
    ── 02-arcface ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────── 3/7 ──
    02 · ArcFace on small print
    training fold 1, 212 images/s
    MRR@20 0.7321 [0.701, 0.760] over 1,412 queries, of an older text
    +0.0411 [+0.0122, +0.0704] against 01-baseline over 1,412 queries
    4 steps would run, time not known yet, 1 in the store.
      run fit fold 1: [loss] margin 17.2 → 22.9
      run embed fold 1: its input fit fold 1 runs
      run post: its input embed fold 1 runs

    ❯c ── 02-arcface      loss 0.729  MRR@20 0.723  best 0.723 at epoch 7
    loss                                                                             MRR@20
       │                                                                                │
       │      ⠱⡀                                                                        │                                     ⣀⠤⠤⠒⠒⠉⠁c
       │       ⠱⡀                                                                    0.7┤                                   ⡠⠊
    2.5┤        ⠱⡀                                                                      │                                ⢀⠔⠊
       │         ⠱⡀                                                                     │                              ⢀⠔⠁
       │          ⠱⡀                                                                    │                           ⡠⠔⠊⠁
       │           ⠱⡀                                                                   │                        ⡠⠒⠉
       │            ⠱⡀                                                               0.6┤                      ⢀⠔⠁
       │             ⠱⡀                                                                 │                     ⢠⠊
    2.0┤              ⠱⡀                                                                │                    ⡰⠁
       │               ⠱⡀                                                               │                  ⢀⠎
       │                ⠱⡀                                                           0.5┤                 ⡠⠃
       │                 ⠱⡀                                                             │                ⡔⠁
       │                  ⠑⢄                                                            │              ⢀⠎
    1.5┤                   ⠈⠢⡀                                                          │             ⡠⠃
       │                     ⠘⢄                                                         │            ⡰⠁
       │                       ⠱⡀                                                    0.4┤           ⢰⠁
       │                        ⠈⠢⡀                                                     │          ⢀⠇
       │                          ⠈⢢                                                    │          ⡎
       │                            ⠑⢄                                                  │         ⡸
    1.0┤                              ⠑⠤⣀                                            0.3┤        ⢰⠁
       │                                 ⠉⠒⠤⣀                                           │       ⢠⠃
       │                                     ⠑⠢⢄                                        │       ⡎
       │                                        ⠉⠒⠤⡀c                                   │      ⡜
       │                                                                                │
       └┴───────────┴───────────┴────────────┴───────────┴───────────┴────────────      └┴───────────┴───────────┴────────────┴───────────┴───────────┴────────────
        0           2           4            6           8          10      epoch        0           2           4            6           8          10      epoch
    02-arcface: saved, only [post] changed
    enter page  r run  R rung  s stop  p pin  c curves  P plan  space mark  ? help  q quit
    "#);
}

#[test]
fn board_without_recipes() {
    insta::assert_snapshot!(screen(&model(sample::empty(), USUAL, "")), @r#"
     Board   Page   Curves   Plan   fresh                                  no worker
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






    enter page  r run  R rung  s stop  p pin  c curves  P plan  ? help  q quit
    "#);
}

#[test]
fn board_without_recipes_narrow() {
    insta::assert_snapshot!(screen(&model(sample::empty(), NARROW, "")), @r#"
    Board Page Curves Plan         no worker
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

    enter page r run R rung ? help q quit
    "#);
}

#[test]
fn board_while_planning() {
    insta::assert_snapshot!(screen(&model(sample::planning(), USUAL, "")), @r#"
     Board   Page   Curves   Plan   sake-labels                          worker idle
      recipe            state     rung      epoch MRR@20 to the pin, 95 %       left
    ❯ 00-first-pour     ✓ fresh   smoke       3/3 0.412  -.279 [-.310,-.246]
      01-baseline       ✓ fresh   holdout   12/12 0.691  pin
      02-arcface        ▸ running holdout  7.4/12 0.732~ +.041 [+.012,+.070]  1m 32s
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
    enter page  r run  R rung  s stop  p pin  c curves  P plan  ? help  q quit
    "#);
}

#[test]
fn page_narrow() {
    insta::assert_snapshot!(screen(&model(sample::snapshot(), NARROW, "j j enter ctrl+d")), @r#"
    Board Page Curves Plan  1 busy, 1 queued
    02-arcface  3/7  ▸ running  hold…   38 %

    - RandomResizedCrop keeps 60 % of the
      area
    - no mirror: text would be wrong

    │ Measured on the shelf of May.

    14 │ [augment]
    15 │ train = [
    16 │   { op = "RandomResizedCrop", size
       │   = [128, 128], scale = [0.6, 1.0]
       │   },
    17 │   { op = "ColorJitter", brightness
       │   = 0.2, p = 0.8 }, # light of the
       │   shop
    18 │ ]
    02-arcface: saved, only [post] changed
    r run R rung s stop p pin ? help q quit
    "#);
}

#[test]
fn page_usual() {
    insta::assert_snapshot!(screen(&model(sample::snapshot(), USUAL, "j j enter")), @r#"
     Board   Page   Curves   Plan   sake-labels         worker: 02-arcface +1 queued
     02-arcface  3/7  ▸ running  holdout epoch 7.4/12  1m 32s left  MRR@20 0…   45 %
     ▸ training fold 1, 212 images/s

     02 · ArcFace on small print

     Labels differ in small print, so crops stay large and nothing is mirrored. 銘
     柄は小さな文字だけで違うことがある。だから大きく切り取る。

     - RandomResizedCrop keeps 60 % of the area
     - no mirror: text would be wrong

     │ Measured on the shelf of May.

     14 │ [augment]
     15 │ train = [
     16 │   { op = "RandomResizedCrop", size = [128, 128], scale = [0.6, 1.0] },
     17 │   { op = "ColorJitter", brightness = 0.2, p = 0.8 }, # light of the shop
     18 │ ]
       ✓ data fresh
         1,412 photos of 24 brands; four augmented:
         ▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀ ▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀ ▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀ ▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀
    02-arcface: saved, only [post] changed
    r run  R rung  s stop  p pin  c curves  P plan  j down  k up  ? help  q quit
    "#);
}

#[test]
fn page_large() {
    insta::assert_snapshot!(screen(&model(sample::snapshot(), LARGE, "j j enter")), @r#"
     Board   Page   Curves   Plan   sake-labels                                                                                         worker: 02-arcface +1 queued
     02-arcface  3/7  ▸ running  holdout epoch 7.4/12  1m 32s left  MRR@20 0.7321~
     ▸ training fold 1, 212 images/s

     02 · ArcFace on small print

     Labels differ in small print, so crops stay large and nothing is mirrored. 銘柄は小さな文字だけ
     で違うことがある。だから大きく切り取る。

     - RandomResizedCrop keeps 60 % of the area
     - no mirror: text would be wrong

     │ Measured on the shelf of May.

     14 │ [augment]
     15 │ train = [
     16 │   { op = "RandomResizedCrop", size = [128, 128], scale = [0.6, 1.0] },
     17 │   { op = "ColorJitter", brightness = 0.2, p = 0.8 }, # light of the shop
     18 │ ]
       ✓ data fresh
         1,412 photos of 24 brands; four augmented:
         ▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀ ▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀ ▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀ ▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀
         ▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀ ▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀ ▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀ ▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀
         ▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀ ▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀ ▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀ ▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀
         ▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀ ▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀ ▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀ ▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀
         ▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀ ▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀ ▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀ ▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀
         ▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀ ▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀ ▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀ ▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀
         ▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀ ▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀ ▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀ ▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀
         ▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀ ▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀ ▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀ ▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀


     A margin in degrees.

     22 │ [loss]
     23 │ name = "ArcFaceLoss"
     24 │ margin = 22.9 # degrees
     25 │ scale = 30
       ▸ fit fold 1 running
         epoch 7 of 12, 212 images/s
         loss              2.702 █▆▄▃▂▂▁ 0.729
         MRR@20            0.236 ▁▄▅▆▇██ 0.723
       ~ score stale: [loss] margin 17.2 → 22.9
         MRR@20 0.7321 [0.7011, 0.7601]
         獺祭 0.91   久保田 0.88   ·[31mred·[0m 0.12
       - rank not made yet



    02-arcface: saved, only [post] changed
    r run  R rung  s stop  p pin  c curves  P plan  j down  k up  ] next  b board  ? help  q quit
    "#);
}

#[test]
fn page_with_a_mistake() {
    insta::assert_snapshot!(screen(&model(sample::snapshot(), USUAL, "j j j j enter")), @r#"
     Board   Page   Curves   Plan   sake-labels         worker: 02-arcface +1 queued
     04-broken  5/7  ✗ broken
     04 · Broken

     4 │ [loss]
     5 │ name = "ArcFaceLoss"
     6 │ margn = 17.2
       │ ^ unknown key `margn` in [loss]
       │   did you mean `margin`?













    02-arcface: saved, only [post] changed
    r run  R rung  s stop  p pin  c curves  P plan  j down  k up  ? help  q quit
    "#);
}

#[test]
fn curves_narrow() {
    insta::assert_snapshot!(screen(&model(sample::snapshot(), NARROW, "j j c")), @r#"
    Board Page Curves Plan  1 busy, 1 queued
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
    "#);
}

#[test]
fn curves_usual() {
    insta::assert_snapshot!(screen(&model(sample::snapshot(), USUAL, "j j c")), @r#"
     Board   Page   Curves   Plan   sake-labels         worker: 02-arcface +1 queued
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
    enter page  r run  R rung  s stop  p pin  P plan  space mark  ? help  q quit
    "#);
}

#[test]
fn curves_large() {
    insta::assert_snapshot!(screen(&model(sample::snapshot(), LARGE, "j j c y")), @r#"
     Board   Page   Curves   Plan   sake-labels                                                                                         worker: 02-arcface +1 queued
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
    enter page  r run  R rung  s stop  p pin  P plan  space mark  y log  m measure  ] next  b board  ? help  q quit
    "#);
}

#[test]
fn plan_narrow() {
    insta::assert_snapshot!(screen(&model(sample::snapshot(), NARROW, "j j P")), @r#"
    Board Page Curves Plan  1 busy, 1 queued
    02-arcface  3/7  ▸ running  holdout epo…
    4 steps would run, time not known yet, 1
    in the store.

    ✓ reuse   data                 1s
    ▸ run     fit fold 1       3m 20s
      [loss] margin 17.2 → 22.9
    ▸ run     embed fold 1         8s
      its input fit fold 1 runs
    ▸ run     post                <1s
      its input embed fold 1 runs (starts by
      itself)
    ▸ run     score                 ?
      its input post runs (starts by itself)

    02-arcface runs already: s stops it

    02-arcface: saved, only [post] changed
    enter page r run R rung ? help q quit
    "#);
}

#[test]
fn plan_usual() {
    insta::assert_snapshot!(screen(&model(sample::snapshot(), USUAL, "j j P")), @r#"
     Board   Page   Curves   Plan   sake-labels         worker: 02-arcface +1 queued
     02-arcface  3/7  ▸ running  holdout epoch 7.4/12  1m 32s left  MRR@20 0.7321~
     4 steps would run, time not known yet, 1 in the store.

     ✓ reuse   data                 1s
     ▸ run     fit fold 1       3m 20s  43.0 MB  [loss] margin 17.2 → 22.9
     ▸ run     embed fold 1         8s  43.0 MB  its input fit fold 1 runs
     ▸ run     post                <1s  43.0 MB  its input embed fold 1 runs
                                                 (starts by itself)
     ▸ run     score                 ?  43.0 MB  its input post runs (starts by
                                                 itself)

     02-arcface runs already: s stops it









    02-arcface: saved, only [post] changed
    enter page  r run  R rung  s stop  p pin  c curves  j down  ? help  q quit
    "#);
}

#[test]
fn help_usual() {
    insta::assert_snapshot!(screen(&model(sample::snapshot(), USUAL, "?")), @r#"
     Board   Page   Curves   Plan   sake-labels         worker: 02-arcface +1 queued
    ┌ Keys (j and k move) ─────────────────────────────────────────────────────────┐
    │ enter           read the recipe with its results                             │
    │ r               run it, or go on with it                                     │
    │ R               run it up to a rung of your choice                           │
    │ s               stop its run, or take it out of the queue (asks first)       │
    │ p               compare all recipes with this one; again: with none          │
    │ c               loss and score over epochs                                   │
    │ P               what would run, why, and for how long                        │
    │ space           draw its curves (*); marks take the place of pin + selected  │
    │                 + running                                                    │
    │ x               forget all marks                                             │
    │ j down          next recipe                                                  │
    │ k up            recipe before                                                │
    │ ctrl+d          half a screen down                                           │
    │ ctrl+u          half a screen up                                             │
    │ pgdn ctrl+f     a screen down                                                │
    │ pgup ctrl+b     a screen up                                                  │
    │ g home          to the first                                                 │
    │ G end           to the last                                                  │
    │ tab             next view                                                    │
    └──────────────────────────────────────────────────────────────────────────────┘
    02-arcface: saved, only [post] changed
    esc close  j down  k up
    "#);
}

#[test]
fn help_narrow() {
    insta::assert_snapshot!(screen(&model(sample::snapshot(), NARROW, "?")), @r#"
    Board Page Curves Plan  1 busy, 1 queued
    ┌ Keys (j and k move) ─────────────────┐
    │ enter       read the recipe with its │
    │             results                  │
    │ r           run it, or go on with it │
    │ R           run it up to a rung of   │
    │             your choice              │
    │ s           stop its run, or take it │
    │             out of the queue (asks   │
    │             first)                   │
    │ p           compare all recipes with │
    │             this one; again: with    │
    │             none                     │
    │ c           loss and score over      │
    │             epochs                   │
    │ P           what would run, why, and │
    │             for how long             │
    └──────────────────────────────────────┘
    02-arcface: saved, only [post] changed
    esc close j down k up
    "#);
}

#[test]
fn stop_usual() {
    insta::assert_snapshot!(screen(&model(sample::snapshot(), USUAL, "j j s")), @r#"
     Board   Page   Curves   Plan   sake-labels         worker: 02-arcface +1 queued
      recipe            state     rung      epoch MRR@20 to the pin, 95 %       left
      00-first-pour     ✓ fresh   smoke       3/3 0.412  -.279 [-.310,-.246]
      01-baseline       ✓ fresh   holdout   12/12 0.691  pin
    ❯ 02-arcface        ▸ running holdout  7.4/12 0.732~ +.041 [+.012,+.070]  1m 32s
      03-純米大吟醸-小… ~ stale   full      12/12 0.704~ +.013 [-.010,+.037]
      04-broken         ✗ broken
      05-evil·]0;owned… ! failed  holdout  1.2/12
      06-swin   ┌ Stop ────────────────────────────────────────────────┐
    ── 02-arcfac│ Stop 02-arcface at its next clean place?             │───── 3/7 ──
    02 · ArcFace│ It is at holdout epoch 7.4/12; r goes on from there. │
    training fol│                                                      │
    MRR@20 0.732│ y     stop it     at the next clean place            │
    +0.0411 [+0.│ n     let it run  close                              │
    4 steps woul└──────────────────────────────────────────────────────┘
      run fit fold 1: [loss] margin 17.2 → 22.9
      run embed fold 1: its input fit fold 1 runs
      run post: its input embed fold 1 runs




    02-arcface: saved, only [post] changed
    y stop it  n let it run
    "#);
}

#[test]
fn rung_narrow() {
    insta::assert_snapshot!(screen(&model(sample::snapshot(), NARROW, "G R")), @r#"
    Board Page Curves Plan  1 busy, 1 queued
    ❯ 06-swin                          - new
      run fit fold 1: never run


    ┌ Run ─────────────────────────────────┐
    │ Run 06-swin up to which rung?        │
    │                                      │
    │ s     smoke       a short try        │
    │ h     holdout     one fold, all epo… │
    │ f     full        all folds          │
    │ esc   not now     close              │
    └──────────────────────────────────────┘
    ── 06-swin ────────────────────── 7/7 ──
    06 · Swin
    1 step would run, time not known yet.
      run fit fold 1: never run

    02-arcface: saved, only [post] changed
    s smoke h holdout f full esc not now
    "#);
}

#[test]
fn tiny() {
    insta::assert_snapshot!(screen(&model(sample::snapshot(), (10, 3), "")), @r#"
    ❯ 00-f…  ✓
      0.412
    ? help q …
    "#);
}

#[test]
fn ascii_draws_nothing_else() {
    for keys in ["j j", "j j enter", "j j enter G", "j j c", "j j P", "?", "j j s"] {
        let mut model = model(sample::snapshot(), USUAL, keys);
        model.options.charset = Charset::Ascii;
        let text = screen(&model);
        // Names and prose of the files may be Japanese, and a cut is marked by base::text.
        let own: String = text
            .chars()
            .filter(|c| !c.is_ascii() && !"…·→".contains(*c) && toji::base::text::width(&c.to_string()) < 2)
            .collect();
        assert_eq!(own, "", "{keys}:\n{text}");
    }
}

#[test]
fn without_colours_no_cell_has_one() {
    for keys in ["j j", "j j enter G", "j j c", "j j P", "?"] {
        let mut model = model(sample::snapshot(), USUAL, keys);
        model.options.colour = Colour::None;
        let mut buffer = Buffer::empty(Rect::new(0, 0, 80, 24));
        view::draw(&model, &mut buffer);
        let reset = ratatui::style::Color::Reset;
        assert!(buffer.content.iter().all(|c| c.fg == reset && c.bg == reset), "{keys}");
    }
}
