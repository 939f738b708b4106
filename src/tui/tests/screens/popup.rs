//! The plan, the help and the questions.

use super::{NARROW, USUAL, model, screen};
use crate::tui::tests::sample;

#[test]
fn plan_narrow() {
    insta::assert_snapshot!(screen(&model(sample::snapshot(), NARROW, "j j P")), @"
    1 2 3 4 Plan 5 6 7 8 9  1 busy, 1 queued
    02-arcface  3/7  ▸ running  holdout epo…
    4 steps would run, time not known yet;
    172 MB of disk, 1 in the store.

    ✓ reuse   data                 1s
    ▸ run     fit fold 1       3m 20s
      43.0 MB  [loss] margin 17.2 → 22.9
    ▸ run     embed fold 1         8s
      43.0 MB  its input fit fold 1 runs
    ▸ run     post                <1s
      43.0 MB  its input embed fold 1 runs
      (starts by itself)
    ▸ run     score                 ?
      43.0 MB  its input post runs (starts
      by itself)

    02-arcface runs already: s stops it
    02-arcface: saved, only [post] changed
    enter page r run ? help q quit
    ");
}

#[test]
fn plan_usual() {
    insta::assert_snapshot!(screen(&model(sample::snapshot(), USUAL, "j j P")), @"
    Board Page Curves Plan Ledger Queries Review Compare Queue      1 busy, 1 queued
     02-arcface  3/7  ▸ running  holdout epoch 7.4/12  1m 32s left  MRR@20 0.7321~
     4 steps would run, time not known yet; 172 MB of disk, 1 in the store.

     ✓ reuse   data                 1s
     ▸ run     fit fold 1       3m 20s  43.0 MB  [loss] margin 17.2 → 22.9
     ▸ run     embed fold 1         8s  43.0 MB  its input fit fold 1 runs
     ▸ run     post                <1s  43.0 MB  its input embed fold 1 runs
                                                 (starts by itself)
     ▸ run     score                 ?  43.0 MB  its input post runs (starts by
                                                 itself)

     02-arcface runs already: s stops it









    02-arcface: saved, only [post] changed
    enter page  r run  o cheap part  R rung  s stop  p pin  ? help  q quit
    ");
}

#[test]
fn help_usual() {
    insta::assert_snapshot!(screen(&model(sample::snapshot(), USUAL, "?")), @"
    Board Page Curves Plan Ledger Queries Review Compare Queue      1 busy, 1 queued
    ┌ Keys (j and k move) ─────────────────────────────────────────────────────────┐
    │ /               only recipes for which something holds: loss.margin > 20     │
    │ o               sort by the next column                                      │
    │ O               sort the other way round                                     │
    │ v               choose columns                                               │
    │ f               folds and seeds one by one, with mean and deviation; again:  │
    │                 a row a recipe                                               │
    │ d               do not list this recipe                                      │
    │ D               list all hidden recipes again                                │
    │ u               take back what was pinned or hidden last                     │
    │ enter           read the recipe with its results                             │
    │ r               run it, or go on with it                                     │
    │ R               run it up to a rung of your choice                           │
    │ s               stop its run, or take it out of the queue (asks first)       │
    │ p               compare all recipes with this one; again: with none          │
    │ c               loss, score and more while it trained                        │
    │ P               what would run, why, and for how long                        │
    │ t               take it next, before all others that wait                    │
    │ a               do what is advised: stop it, or take it to the next rung     │
    │ space           draw its curves (*); marks take the place of pin + selected  │
    └──────────────────────────────────────────────────────────────────────────────┘
    02-arcface: saved, only [post] changed
    esc close  j down  k up
    ");
}

#[test]
fn help_narrow() {
    insta::assert_snapshot!(screen(&model(sample::snapshot(), NARROW, "?")), @"
    1 Board 2 3 4 5 6 7 8 9        1 busy +1
    ┌ Keys (j and k move) ─────────────────┐
    │ /           only recipes for which   │
    │             something holds:         │
    │             loss.margin > 20         │
    │ o           sort by the next column  │
    │ O           sort the other way round │
    │ v           choose columns           │
    │ f           folds and seeds one by   │
    │             one, with mean and       │
    │             deviation; again: a row  │
    │             a recipe                 │
    │ d           do not list this recipe  │
    │ D           list all hidden recipes  │
    │             again                    │
    │ u           take back what was       │
    │             pinned or hidden last    │
    └──────────────────────────────────────┘
    02-arcface: saved, only [post] changed
    esc close j down k up
    ");
}

#[test]
fn stop_usual() {
    insta::assert_snapshot!(screen(&model(sample::snapshot(), USUAL, "j j s")), @"
    Board Page Curves Plan Ledger Queries Review Compare Queue      1 busy, 1 queued
      recipe            state     rung      epoch MRR@20 to the pin, 95 %       left
      00-first-pour     ✓ fresh   smoke       3/3 0.412  -.279 [-.310,-.246]
      01-baseline       ✓ fresh   holdout   12/12 0.691  pin
    ❯ 02-arcface        ▸ running holdout  7.4/12 0.732~ -.009 [-.030,+.012]  1m 32s
      03-純米大吟醸-小… ~ stale   full      12/12 0.704~ +.013 [-.010,+.037]
      04-broken         ✗ broken
      05-evil·]0;owned… ! failed  holdout  1.2/12
      06-swin   ┌ Stop ────────────────────────────────────────────────┐
    ── 02-arcfac│ Stop 02-arcface at its next clean place?             │───── 3/7 ──
    02 · ArcFace│ It is at holdout epoch 7.4/12; r goes on from there. │
    training fol│                                                      │
    MRR@20 0.732│ y     stop it     at the next clean place            │
    +0.0411 [+0.│ n     let it run  close                              │
    advice at ep└──────────────────────────────────────────────────────┘ epoch 7 of
      12 (95 % -0.012 to 0.030, noise not measured)
    noise not measured: two more seeds of the pin would, about 12m 40s (R on it,
      then n)
    heading for 0.771 (80 % 0.752 to 0.790)
    4 steps would run, time not known yet; 172 MB of disk, 1 in the store.
      run fit fold 1: [loss] margin 17.2 → 22.9
      run embed fold 1: its input fit fold 1 runs
    02-arcface: saved, only [post] changed
    y stop it  n let it run
    ");
}

#[test]
fn rung_narrow() {
    insta::assert_snapshot!(screen(&model(sample::snapshot(), NARROW, "G R")), @"
    1 Board 2 3 4 5 6 7 8 9        1 busy +1
      01-baseline                    ✓ fresh
      0.691 pin
      02-arcface            7.4/12 ▸ running
    ┌ Run ─────────────────────────────────┐
    │ Run 06-swin up to which rung?        │
    │                                      │
    │ s     smoke       a short try        │
    │ h     holdout     one fold, all epo… │
    │ f     full        all folds          │
    │ e     seeds       all folds by thre… │
    │ n     noise       one fold by three… │
    │ esc   not now     close              │
    └──────────────────────────────────────┘
    06 · Swin
    1 step would run, time not known yet;
      43.0 MB of disk.
      run fit fold 1: never run
    02-arcface: saved, only [post] changed
    s smoke h holdout n noise esc not now
    ");
}

#[test]
fn explained_narrow() {
    insta::assert_snapshot!(screen(&model(sample::snapshot(), NARROW, "j j enter n n n n n n n n n K")), @"
    1 2 Page 3 4 5 6 7 8 9  1 busy, 1 queued
    ┌ ArcFaceLoss.margin (j and k move) ───┐
    │ ArcFaceLoss.margin  Angle by which   │
    │ the right label must win; 17.2 is a  │
    │ good start                           │
    │   a real number, 0.0 to 180.0        │
    │     degrees; or a table that names a │
    │     technique (margin) by `kind`; or │
    │     a table with `from`, `to` and    │
    │     `epochs`; default 28.6           │
    │                                      │
    │ ArcFaceLoss (loss)  A classifier     │
    │ over angles in which the right label │
    │ must win by a margin; the field's    │
    │ first choice                         │
    │                                      │
    │ As NormalizedSoftmaxLoss, the        │
    └──────────────────────────────────────┘
    02-arcface: saved, only [post] changed
    esc close j down k up n next name
    ");
}

#[test]
fn explained_usual() {
    insta::assert_snapshot!(screen(&model(sample::snapshot(), USUAL, "j j enter n n n n n n n n n K j j")), @"
    Board Page Curves Plan Ledger Queries Review Compare Queue      1 busy, 1 queued
    ┌ ArcFaceLoss.margin (j and k move) ───────────────────────────────────────────┐
    │   a real number, 0.0 to 180.0 degrees; or a table that names a technique     │
    │     (margin) by `kind`; or a table with `from`, `to` and `epochs`; default   │
    │     28.6                                                                     │
    │                                                                              │
    │ ArcFaceLoss (loss)  A classifier over angles in which the right label must   │
    │ win by a margin; the field's first choice                                    │
    │                                                                              │
    │ As NormalizedSoftmaxLoss, the embedding and each label's vector are compared │
    │ by their angle t_j. Before the softmax, the angle to the photo's own label   │
    │ is made larger by the margin: its logit is scale·cos(t_y + margin), the      │
    │ others' are scale·cos(t_j). A photo therefore counts as right only when its  │
    │ own label is nearer than every other by at least the margin, and labels are  │
    │ pushed apart until there is room between them. New labels then fall into the │
    │ gaps, which is why it works for search among labels that training never saw. │
    │ (Where t_y + margin passes 180 degrees, cos(t_y) - margin·sin(margin) is     │
    │ used, so that the loss keeps falling with the angle.)                        │
    │                                                                              │
    │ margin, in degrees: how wide the gap should be. Too small and nothing is     │
    │ gained over the plain softmax, too large and the network cannot satisfy it:  │
    └──────────────────────────────────────────────────────────────────────────────┘
    02-arcface: saved, only [post] changed
    esc close  j down  k up  n next name
    ");
}
