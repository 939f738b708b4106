//! The ledger, and the laboratory above it.

use super::{LARGE, NARROW, USUAL, model, screen};
use crate::tui::tests::sample;

#[test]
fn ledger_narrow() {
    insta::assert_snapshot!(screen(&model(sample::snapshot(), NARROW, "5 j")), @"
    1 2 3 4 5 Ledger 6 7 8 9       1 busy +1
      07-dba                               -
      11-26 CV 0.7402  → .507–.586
    ❯*02-arcface                      0.5402
      11-25 CV 0.7321 -.192 → .500–.579
      03-純米大吟醸-小さな文字        0.4981
      11-24 CV 0.7044 -.206 → .461–.540
      05-evil·]0;owned··              0.5050
      11-22 CV 0.7110 -.206 → .467–.546

    ── 02-arcface ─────────────────── 2/7 ──
    private: 0.5391 [0.5001, 0.5791]
    7 % that 03-純米大吟醸-小さな文字 ends
      above it
    rank correlation +0.54 (Spearman), +0.47
      (Kendall) over 6
    off the line (!): 00-first-pour
    today 1, 4 left; in all 6, 24 left; 4 d
    02-arcface: saved, only [post] changed
    enter metric lab m final ? help q quit
    ");
}

#[test]
fn ledger_usual() {
    insta::assert_snapshot!(screen(&model(sample::snapshot(), USUAL, "5 j")), @"
    Board Page Curves Plan Ledger Queries Review Compare Queue      1 busy, 1 queued
      date  recipe                    CV      95 %  public    gap forecast      95 %
      11-26 07-dba                0.7402 .709–.768                  0.5460 .507–.586
    ❯*11-25 02-arcface            0.7321 .701–.760  0.5402  -.192   0.5391 .500–.579
      11-24 03-純米大吟醸-小さな… 0.7044 .673–.732  0.4981  -.206   0.5002 .461–.540
      11-22 05-evil·]0;owned··    0.7110 .680–.739  0.5050  -.206   0.5060 .467–.546
      11-20 06-swin               0.6500 .619–.678  0.4700  -.180   0.4723 .433–.512
      11-18 01-baseline           0.6910 .660–.719  0.5010  -.190   0.5006 .462–.541
      11-17 00-first-pour         0.6000 .569–.628  0.5200 !-.080
    ── 02-arcface ─────────────────────────────────────────────────────────── 2/7 ──
    private: 0.5391 [0.5001, 0.5791]              public against CV
    7 % that 03-純米大吟醸-小さな文字 ends above  0.547│
      it                                               │                         ◆⠄
    rank correlation +0.54 (Spearman), +0.47           │                       ⣀ ⠁
      (Kendall) over 6                                 │  ×                   ⠈
    off the line (!): 00-first-pour                    │                  •⠠⠊•
    today 1, 4 left; in all 6, 24 left; 4 d            │                ⢀⠔  •
    final (*): 1 of 2: 02-arcface, 0.5391              │              ⢀⠄
    best kept: 07-dba + 02-arcface, 0.5533             │           •⡀ ⠁
    note: ledger.jsonl, line 4: cannot be read    0.463│           ⠊
      (cut short, or edited) and passed over           └────────────────────────────
    holdout by fold: 0.7221 0.7421                      0.587                  0.745
    02-arcface: saved, only [post] changed
    enter metric lab  m final  b board  : actions  ? help  q quit
    ");
}

#[test]
fn ledger_large() {
    insta::assert_snapshot!(screen(&model(sample::snapshot(), LARGE, "5 j j")), @"
     Board   Page   Curves   Plan   Ledger   Queries   Review   Compare   Queue   sake-labels                                           worker: 02-arcface +1 queued
      date       hash     recipe                                       rung     CV      95 %  public    gap forecast      95 % private
      2026-11-26 6774ae27 07-dba                                    holdout 0.7402 .709–.768                  0.5460 .507–.586
     *2026-11-25 3986c4ba 02-arcface                                holdout 0.7321 .701–.760  0.5402  -.192   0.5391 .500–.579
    ❯ 2026-11-24 9beb6596 03-純米大吟醸-小さな文字                  holdout 0.7044 .673–.732  0.4981  -.206   0.5002 .461–.540
      2026-11-22 9aefa18d 05-evil·]0;owned··                        holdout 0.7110 .680–.739  0.5050  -.206   0.5060 .467–.546
      2026-11-20 85e5ab7a 06-swin                                   holdout 0.6500 .619–.678  0.4700  -.180   0.4723 .433–.512
      2026-11-18 b43910d7 01-baseline                               holdout 0.6910 .660–.719  0.5010  -.190   0.5006 .462–.541
      2026-11-17 14188363 00-first-pour                             holdout 0.6000 .569–.628  0.5200 !-.080
    ── 03-純米大吟醸-小さな文字 ───────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────── 3/7 ──
    holdout by fold: 0.6944 0.7144                                                                      public against CV
    post: pca dim = 128, whiten = true; alpha-qe k = 5, alpha = 3                                       0.547│
    private: 0.5002 expected (95 % 0.4612 to 0.5402)                                                         │                                                 •
    CV and public: Spearman +0.54, Kendall +0.47 over 6 submissions; public is 0.1950 below CV               │                                                   ⠠⠊
      (median)                                                                                               │                                                ⢀⠔
    off the line: 00-first-pour (14188363) (more than 3 robust deviations of 0.0119 off the Theil-Sen        │                                              ⢀
      line)                                                                                                  │    ×                                        ⠐⠁
    1 handed in today, 4 left; 6 in all, 24 left until 2026-12-01 (4 days)                                   │                                          ⠠⠊
    final: 1 of 2: 02-arcface (3986c4ba), 0.5391 expected of the best                                        │                                       ⢀⠔
    best kept together: 07-dba (6774ae27) + 02-arcface (3986c4ba), 0.5533 expected; the highest              │                                     ⢀⠄   •
      expected private scores; the first two go together with r = 0.71                                       │                                   • ⠁ ◆
    note: ledger.jsonl, line 4: cannot be read (cut short, or edited) and passed over                        │                                  ⠐⠁
    submissions/03-純米大吟醸-小さな文字.csv  9beb659674d4                                                   │                               ⠠⠊
                                                                                                             │                            ⢀⠔
                                                                                                             │                          ⣀
                                                                                                             │                         ⠈
                                                                                                             │                     •⠐⠉
                                                                                                        0.463│                    ⠔⠂
                                                                                                             └──────────────────────────────────────────────────────
                                                                                                              0.587                                            0.745


















    02-arcface: saved, only [post] changed
    enter metric lab  m final  b board  : actions  ? help  q quit
    ");
}

#[test]
fn ledger_at_its_end() {
    insta::assert_snapshot!(screen(&model(sample::snapshot(), NARROW, "5 G")), @"
    1 2 3 4 5 Ledger 6 7 8 9       1 busy +1
      06-swin                         0.4700
      11-20 CV 0.6500 -.180 → .433–.512
      01-baseline                     0.5010
      11-18 CV 0.6910 -.190 → .462–.541
    ❯ 00-first-pour                   0.5200
      11-17 CV 0.6000 !-.080



    ── 00-first-pour ──────────────── 7/7 ──
    no forecast: its score is no longer in
      the store; toji submit makes it again
    rank correlation +0.54 (Spearman), +0.47
      (Kendall) over 6
    off the line (!): 00-first-pour
    today 1, 4 left; in all 6, 24 left; 4 d
    final (*): 1 of 2: 02-arcface, 0.5391
    02-arcface: saved, only [post] changed
    enter metric lab m final ? help q quit
    ");
}

#[test]
fn empty_narrow() {
    insta::assert_snapshot!(screen(&model(sample::empty(), NARROW, "5")), @"
    1 2 3 4 5 Ledger 6 7 8 9       no worker
    No submission yet.

    toji submit RECIPE       writes the
      file, checks it, notes it here
    toji lb add RECIPE 0.37  notes what the
      leaderboard showed
    toji final mark RECIPE   marks it as
      final









    ! toji.toml:3:1: unknown key `imges`
    enter metric lab m final ? help q quit
    ");
}

#[test]
fn empty_usual() {
    insta::assert_snapshot!(screen(&model(sample::empty(), USUAL, "5")), @"
    Board Page Curves Plan Ledger Queries Review Compare Queue  fresh      no worker
    No submission yet.

    toji submit RECIPE       writes the file, checks it, notes it here
    toji lb add RECIPE 0.37  notes what the leaderboard showed
    toji final mark RECIPE   marks it as final
















    ! toji.toml:3:1: unknown key `imges`
    enter metric lab  m final  b board  : actions  ? help  q quit
    ");
}

#[test]
fn lab_narrow() {
    insta::assert_snapshot!(screen(&model(sample::looked_at(), NARROW, "5 j enter")), @"
    1 2 3 4 5 Ledger 6 7 8 9       1 busy +1
    ┌ Metric lab (j and k move) ───────────┐
    │ 02-arcface, public 0.5402            │
    │ 1412 held-out queries of 02-arcface  │
    │   up to holdout                      │
    │ The rules do not give this number;   │
    │   hit-queries-only would.            │
    │                                      │
    │ ✓ hit-queries-only                   │
    │   0.5391 -0.0011                     │
    │   mean over the queries with a hit   │
    │   cutoff-half                        │
    │   0.6812 +0.1410                     │
    │   only the first half of the places  │
    │   counts                             │
    │   correct                            │
    │   0.7321 +0.1919                     │
    └──────────────────────────────────────┘
    02-arcface: saved, only [post] changed
    esc close j down k up
    ");
}

#[test]
fn lab_usual() {
    insta::assert_snapshot!(screen(&model(sample::looked_at(), USUAL, "5 j enter")), @"
    Board Page Curves Plan Ledger Queries Review Compare Queue      1 busy, 1 queued
    ┌ Metric lab ──────────────────────────────────────────────────────────────────┐
    │ 02-arcface, public 0.5402                                                    │
    │ 1412 held-out queries of 02-arcface up to holdout                            │
    │ The rules do not give this number; hit-queries-only would.                   │
    │                                                                              │
    │ ✓ hit-queries-only 0.5391 -0.0011  mean over the queries with a hit          │
    │   cutoff-half      0.6812 +0.1410  only the first half of the places counts  │
    │   correct          0.7321 +0.1919  as the rules say                          │
    │                                                                              │
    │                                                                              │
    │                                                                              │
    │                                                                              │
    │                                                                              │
    │                                                                              │
    │                                                                              │
    │                                                                              │
    │                                                                              │
    │                                                                              │
    │                                                                              │
    │                                                                              │
    └──────────────────────────────────────────────────────────────────────────────┘
    02-arcface: saved, only [post] changed
    esc close  j down  k up
    ");
}

#[test]
fn lab_before_its_answer() {
    let text = screen(&model(sample::snapshot(), USUAL, "5 j enter"));
    assert!(text.contains("looking at the held-out lists"), "{text}");
}

#[test]
fn no_size_panics() {
    for width in 1..90 {
        for height in 1..30 {
            for snapshot in [sample::looked_at(), sample::empty()] {
                screen(&model(snapshot.clone(), (width, height), "5 j"));
                screen(&model(snapshot, (width, height), "5 j enter"));
            }
        }
    }
}
