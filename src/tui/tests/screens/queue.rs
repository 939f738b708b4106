//! The queue with its log, and the plan's words about time.

use super::{LARGE, NARROW, USUAL, model, sample, screen};
use crate::tui::Charset;

#[test]
fn queue_narrow() {
    insta::assert_snapshot!(screen(&model(sample::busy(), NARROW, "j j 9")), @"
    1 2 3 4 5 6 7 8 9 Queue        1 busy +1
    2 running, 4 waiting, 1 lost, more than
    13h 15m  11 h 20 min to the deadline
    ▸ running 02-arcface             55m 00s
      holdout fit fold 0 62%   22:35 in time
    ▸ running 00-first-pour                ?
      smoke embed fold 0 10%               ?
    : waiting 03-純米大吟醸-小さな…      <1s
      full                     21:40 in time
    : waiting 06-swin                 8h 20m
      holdout              +1d 06:55 in time
    02-arcface  ends 10 h 25 min before the
      deadline; asked for, runs since
    ── log of 02-arcface: follows; its end,…
      田 share a label; 12 photos of 1,412
      are smaller than the crop
    decoding: 100%|##########| 1412/1412
      [00:09<00:00, 155.2it/s]
    02-arcface: saved, only [post] changed
    enter log p pause K up ? help q quit
    ");
}

#[test]
fn queue_usual() {
    insta::assert_snapshot!(screen(&model(sample::busy(), USUAL, "9 j j j j")), @"
    Board Page Curves Plan Ledger Queries Review Compare Queue      1 busy, 1 queued
    2 running, 4 waiting, 1 lost, more than 13h 15m  11 h 20 min to the deadline
    (2026-12-01 09:00 here)
    state      recipe            rung     does               left  ends
    ▸ running  02-arcface        holdout  fit fold 0 62%  55m 00s  22:35 in time
    ▸ running  00-first-pour     smoke    embed fold 0 …        ?  ?
    : waiting  03-純米大吟醸-…   full                         <1s  21:40 in time
    : waiting  06-swin           holdout                   8h 20m  +1d 06:55 in time
    : waiting  01-baseline       full                      4h 00m  +1d 10:55 late
    : waiting  02-arcface        review                         ?  ?
    ? lost     05-evil·]0;owne…  holdout  fit fold 0       1h 06m  ?
    02-arcface  ends 10 h 25 min before the deadline; asked for, waits since
      2026-11-30 21:36
    ── log of 02-arcface: follows; its end, 81.2 kB
    2026-11-30 20:56:07 fold 0 epoch 56: go-on: may still win
    2026-11-30 20:57:07 fold 0 epoch 57: go-on: may still win
    2026-11-30 20:58:07 fold 0 epoch 58: go-on: may still win
    2026-11-30 20:59:07 fold 0 epoch 59: go-on: may still win
    2026-11-30 20:00:07 fold 0 epoch 60: go-on: may still win
    2026-11-30 21:12:44 note: 獺祭 and 久保田 share a label; 12 photos of 1,412 are
      smaller than the crop
    decoding: 100%|##########| 1412/1412 [00:09<00:00, 155.2it/s]
    02-arcface: saved, only [post] changed
    enter log  p pause  K up  J down  x out  r run  s stop  ? help  q quit
    ");
}

#[test]
fn queue_large() {
    insta::assert_snapshot!(screen(&model(sample::busy(), LARGE, "j j 9")), @"
     Board   Page   Curves   Plan   Ledger   Queries   Review   Compare   Queue   sake-labels                                           worker: 02-arcface +1 queued
    2 running, 4 waiting, 1 lost, more than 13h 15m  11 h 20 min to the deadline (2026-12-01 09:00 here)
    state      recipe                                    rung          lane   by            does                            left  ends
    ▸ running  02-arcface                                holdout       dear   asked for     fit fold 0 62%               55m 00s  22:35 in time
    ▸ running  00-first-pour                             smoke         own    toji run      embed fold 0 10%                   ?  ?
    : waiting  03-純米大吟醸-小さな文字                  full          cheap  a save                                         <1s  21:40 in time
    : waiting  06-swin                                   holdout       dear   asked for                                   8h 20m  +1d 06:55 in time
    : waiting  01-baseline                               full          dear   asked for                                   4h 00m  +1d 10:55 late
    : waiting  02-arcface                                review        dear   asked for                                        ?  ?
    ? lost     05-evil·]0;owned··                        holdout       own    asked for     fit fold 0                    1h 06m  ?
    02-arcface  ends 10 h 25 min before the deadline; asked for, runs since 2026-11-30 20:10, fit fold 0 62%

    ── log of 02-arcface: follows; its end, 81.2 kB
    2026-11-30 20:28:07 fold 0 epoch 28: go-on: may still win
    2026-11-30 20:29:07 fold 0 epoch 29: go-on: may still win
    2026-11-30 20:30:07 fold 0 epoch 30: go-on: may still win
    2026-11-30 20:31:07 fold 0 epoch 31: go-on: may still win
    2026-11-30 20:32:07 fold 0 epoch 32: go-on: may still win
    2026-11-30 20:33:07 fold 0 epoch 33: go-on: may still win
    2026-11-30 20:34:07 fold 0 epoch 34: go-on: may still win
    2026-11-30 20:35:07 fold 0 epoch 35: go-on: may still win
    2026-11-30 20:36:07 fold 0 epoch 36: go-on: may still win
    2026-11-30 20:37:07 fold 0 epoch 37: go-on: may still win
    2026-11-30 20:38:07 fold 0 epoch 38: go-on: may still win
    2026-11-30 20:39:07 fold 0 epoch 39: go-on: may still win
    2026-11-30 20:40:07 fold 0 epoch 40: go-on: may still win
    2026-11-30 20:41:07 fold 0 epoch 41: go-on: may still win
    2026-11-30 20:42:07 fold 0 epoch 42: go-on: may still win
    2026-11-30 20:43:07 fold 0 epoch 43: go-on: may still win
    2026-11-30 20:44:07 fold 0 epoch 44: go-on: may still win
    2026-11-30 20:45:07 fold 0 epoch 45: go-on: may still win
    2026-11-30 20:46:07 fold 0 epoch 46: go-on: may still win
    2026-11-30 20:47:07 fold 0 epoch 47: go-on: may still win
    2026-11-30 20:48:07 fold 0 epoch 48: go-on: may still win
    2026-11-30 20:49:07 fold 0 epoch 49: go-on: may still win
    2026-11-30 20:50:07 fold 0 epoch 50: go-on: may still win
    2026-11-30 20:51:07 fold 0 epoch 51: go-on: may still win
    2026-11-30 20:52:07 fold 0 epoch 52: go-on: may still win
    2026-11-30 20:53:07 fold 0 epoch 53: go-on: may still win
    2026-11-30 20:54:07 fold 0 epoch 54: go-on: may still win
    2026-11-30 20:55:07 fold 0 epoch 55: go-on: may still win
    2026-11-30 20:56:07 fold 0 epoch 56: go-on: may still win
    2026-11-30 20:57:07 fold 0 epoch 57: go-on: may still win
    2026-11-30 20:58:07 fold 0 epoch 58: go-on: may still win
    2026-11-30 20:59:07 fold 0 epoch 59: go-on: may still win
    2026-11-30 20:00:07 fold 0 epoch 60: go-on: may still win
    2026-11-30 21:12:44 note: 獺祭 and 久保田 share a label; 12 photos of 1,412 are smaller than the crop
    decoding: 100%|##########| 1412/1412 [00:09<00:00, 155.2it/s]
    02-arcface: saved, only [post] changed
    enter log  p pause  K up  J down  x out  r run  s stop  b board  : actions  ? help  q quit
    ");
}

#[test]
fn queue_paused_in_ascii() {
    let mut model = model(sample::paused(), USUAL, "j j 9");
    model.options.charset = Charset::Ascii;
    insta::assert_snapshot!(screen(&model), @"
    Board Page Curves Plan Ledger Queries Review Compare Queue      1 busy, 1 queued
    4 waiting, more than 12h 20m  PAUSED since 21:20, p goes on
    state      recipe            rung     does               left  ends
    = held     03-純米大吟醸-.   full                         <1s  ?
    = held     06-swin           holdout                   8h 20m  ?
    = held     01-baseline       full                      4h 00m  ?
    = held     02-arcface        review                         ?  ?
    02-arcface  asked for, waits since 2026-11-30 21:36

    -- log of 02-arcface: follows; its end, 81.2 kB
    2026-11-30 20:52:07 fold 0 epoch 52: go-on: may still win
    2026-11-30 20:53:07 fold 0 epoch 53: go-on: may still win
    2026-11-30 20:54:07 fold 0 epoch 54: go-on: may still win
    2026-11-30 20:55:07 fold 0 epoch 55: go-on: may still win
    2026-11-30 20:56:07 fold 0 epoch 56: go-on: may still win
    2026-11-30 20:57:07 fold 0 epoch 57: go-on: may still win
    2026-11-30 20:58:07 fold 0 epoch 58: go-on: may still win
    2026-11-30 20:59:07 fold 0 epoch 59: go-on: may still win
    2026-11-30 20:00:07 fold 0 epoch 60: go-on: may still win
    2026-11-30 21:12:44 note: 獺祭 and 久保田 share a label; 12 photos of 1,412 are
      smaller than the crop
    decoding: 100%|##########| 1412/1412 [00:09<00:00, 155.2it/s]
    02-arcface: saved, only [post] changed
    enter log  p pause  K up  J down  x out  r run  s stop  ? help  q quit
    ");
}

#[test]
fn a_log_scrolled_back_over_the_whole_screen() {
    insta::assert_snapshot!(screen(&model(sample::busy(), NARROW, "j j 9 enter k k k ctrl+u")), @"
    1 2 3 4 5 6 7 8 9 Queue        1 busy +1
    ── log of 02-arcface: stands 11 lines b…
    2026-11-30 20:44:07 fold 0 epoch 44:
      go-on: may still win
    2026-11-30 20:45:07 fold 0 epoch 45:
      go-on: may still win
    2026-11-30 20:46:07 fold 0 epoch 46:
      go-on: may still win
    2026-11-30 20:47:07 fold 0 epoch 47:
      go-on: may still win
    2026-11-30 20:48:07 fold 0 epoch 48:
      go-on: may still win
    2026-11-30 20:49:07 fold 0 epoch 49:
      go-on: may still win
    2026-11-30 20:50:07 fold 0 epoch 50:
      go-on: may still win
    2026-11-30 20:51:07 fold 0 epoch 51:
      go-on: may still win
    02-arcface: saved, only [post] changed
    enter log p pause K up ? help q quit
    ");
}

#[test]
fn nothing_in_the_queue() {
    insta::assert_snapshot!(screen(&model(sample::snapshot(), NARROW, "9")), @"
    1 2 3 4 5 6 7 8 9 Queue        1 busy +1
    nothing to do
    Nothing runs or waits. r on a recipe
    runs it.


    ── log of 00-first-pour: being read











    02-arcface: saved, only [post] changed
    enter log p pause K up ? help q quit
    ");
}

#[test]
fn a_plan_says_whether_it_ends_in_time_and_how_good_estimates_were() {
    insta::assert_snapshot!(screen(&model(sample::busy(), USUAL, "j j P")), @"
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

     It ends 10 h 25 min before the deadline.
     02-arcface runs already: s stops it

     Over 3 stages, estimates were right: the median took 1.14 times its estimate.
     last stages                           estimate     took   ratio
     score  02-arcface                          <1s      <1s    0.40
     embed fold 0  02-arcface                    8s       9s    1.14
     fit fold 0  03-純米大吟醸-小さな文字    1h 23m   1h 43m    1.24
     fit fold 0  01-baseline                 1h 20m   1h 18m    0.98

    02-arcface: saved, only [post] changed
    enter page  r run  o cheap part  R rung  s stop  p pin  ? help  q quit
    ");
    insta::assert_snapshot!(screen(&model(sample::busy(), NARROW, "j j P G")), @"
    1 2 3 4 Plan 5 6 7 8 9  1 busy, 1 queued
    02-arcface  3/7  ▸ running  holdout epo…
      43.0 MB  its input embed fold 1 runs
      (starts by itself)
    ▸ run     score                 ?
      43.0 MB  its input post runs (starts
      by itself)

    It ends 10 h 25 min before the deadline.
    02-arcface runs already: s stops it

    Over 3 stages, estimates were right: the
    median took 1.14 times its estimate.
    last stages   estimate     took   ratio
    score              <1s      <1s    0.40
    embed fold 0        8s       9s    1.14
    fit fold 0      1h 23m   1h 43m    1.24
    fit fold 0      1h 20m   1h 18m    0.98
    02-arcface: saved, only [post] changed
    enter page r run ? help q quit
    ");
    insta::assert_snapshot!(screen(&model(sample::busy(), LARGE, "j j P")), @"
     Board   Page   Curves   Plan   Ledger   Queries   Review   Compare   Queue   sake-labels                                           worker: 02-arcface +1 queued
     02-arcface  3/7  ▸ running  holdout epoch 7.4/12  1m 32s left  MRR@20 0.7321~
     4 steps would run, time not known yet; 172 MB of disk, 1 in the store.

     ✓ reuse   data                         1s
     ▸ run     fit fold 1               3m 20s  43.0 MB  [loss] margin 17.2 → 22.9
     ▸ run     embed fold 1                 8s  43.0 MB  its input fit fold 1 runs
     ▸ run     post                        <1s  43.0 MB  its input embed fold 1 runs (starts by itself)
     ▸ run     score                         ?  43.0 MB  its input post runs (starts by itself)

     It ends 10 h 25 min before the deadline.
     02-arcface runs already: s stops it

     Over 3 stages, estimates were right: the median took 1.14 times its estimate.
     last stages                           estimate     took   ratio
     score  02-arcface                          <1s      <1s    0.40
     embed fold 0  02-arcface                    8s       9s    1.14
     fit fold 0  03-純米大吟醸-小さな文字    1h 23m   1h 43m    1.24
     fit fold 0  01-baseline                 1h 20m   1h 18m    0.98





























    02-arcface: saved, only [post] changed
    enter page  r run  o cheap part  R rung  s stop  p pin  c curves  a advice  j down  k up  ] next  b board  : actions  ? help  q quit
    ");
}

#[test]
fn tabs_fit_at_any_width() {
    let row = |width: u16| {
        let model = model(sample::snapshot(), (width, 20), "9");
        screen(&model).lines().next().unwrap_or_default().to_owned()
    };
    let rows: Vec<String> = [12, 16, 20, 30, 40, 60, 70, 80, 100, 160].map(row).to_vec();
    insta::assert_snapshot!(rows.join("\n"), @"
    7 8 9 Queue
    5 6 7 8 9 Queue
    3 4 5 6 7 8 9 Queue
    1 2 3 4 5 6 7 8 9 Queue  1 bu…
    1 2 3 4 5 6 7 8 9 Queue        1 busy +1
    1 2 3 4 5 6 7 8 9 Queue         worker: 02-arcface +1 queued
    1 2 3 4 5 6 7 8 9 Queue                   worker: 02-arcface +1 queued
    Board Page Curves Plan Ledger Queries Review Compare Queue      1 busy, 1 queued
    Board Page Curves Plan Ledger Queries Review Compare Queue              worker: 02-arcface +1 queued
     Board   Page   Curves   Plan   Ledger   Queries   Review   Compare   Queue   sake-labels                                           worker: 02-arcface +1 queued
    ");
}
