//! The page: prose, cells, and what the stages gave.

use super::{LARGE, NARROW, USUAL, model, screen};
use crate::tui::tests::sample;

#[test]
fn page_narrow() {
    insta::assert_snapshot!(screen(&model(sample::snapshot(), NARROW, "j j enter ctrl+d")), @r#"
    1 2 Page 3 4 5 6 7 8 9  1 busy, 1 queued
    02-arcface  3/7  ▸ running  hold…   43 %

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
    K explain i change ? help q quit
    "#);
}

#[test]
fn page_usual() {
    insta::assert_snapshot!(screen(&model(sample::snapshot(), USUAL, "j j enter")), @r#"
    Board Page Curves Plan Ledger Queries Review Compare Queue      1 busy, 1 queued
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
    K explain  i change  e editor  z fold  n next name  r run  ? help  q quit
    "#);
}

#[test]
fn page_large() {
    insta::assert_snapshot!(screen(&model(sample::snapshot(), LARGE, "j j enter")), @r#"
     Board   Page   Curves   Plan   Ledger   Queries   Review   Compare   Queue   sake-labels                                           worker: 02-arcface +1 queued
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
    K explain  i change  e editor  z fold  n next name  r run  R rung  s stop  p pin  c curves  P plan  a advice  j down  k up  ] next  b board  ? help  q quit
    "#);
}

#[test]
fn page_with_a_mistake() {
    insta::assert_snapshot!(screen(&model(sample::snapshot(), USUAL, "j j j j enter")), @r#"
    Board Page Curves Plan Ledger Queries Review Compare Queue      1 busy, 1 queued
     04-broken  5/7  ✗ broken
     04 · Broken

     4 │ [loss]
     5 │ name = "ArcFaceLoss"
     6 │ margn = 17.2
       │ ^ unknown key `margn` in [loss]
       │   did you mean `margin`?













    02-arcface: saved, only [post] changed
    K explain  i change  e editor  z fold  n next name  r run  ? help  q quit
    "#);
}
