//! Recipes side by side on three sizes.

use super::{LARGE, NARROW, USUAL, model, screen};
use crate::tui::tests::sample;

#[test]
fn compare_narrow() {
    let snapshot = sample::side_by_side(&["01-baseline", "02-arcface"]);
    insta::assert_snapshot!(screen(&model(snapshot, NARROW, "j j 8")), @"");
}

#[test]
fn compare_narrow_further_down() {
    let snapshot = sample::side_by_side(&["01-baseline", "02-arcface"]);
    insta::assert_snapshot!(screen(&model(snapshot, NARROW, "j j 8 G")), @"");
}

#[test]
fn compare_usual() {
    let snapshot = sample::side_by_side(&["01-baseline", "02-arcface"]);
    insta::assert_snapshot!(screen(&model(snapshot, USUAL, "j j 8")), @"");
}

#[test]
fn compare_large_with_three() {
    let snapshot = sample::side_by_side(&["01-baseline", "00-first-pour", "04-broken"]);
    insta::assert_snapshot!(screen(&model(snapshot, LARGE, "space j space j j j space 8")), @"");
}

#[test]
fn nothing_to_compare() {
    insta::assert_snapshot!(screen(&model(sample::snapshot(), NARROW, "j 8")), @"");
}
