//! The real loop over the drawn project, to look at: in a terminal,
//! `cargo test --release --bin toji tui::tests::demo -- --ignored --nocapture`.

use std::sync::Arc;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use super::sample;
use crate::tui::{Charset, Colour, Feed, Options, Out};

#[test]
#[ignore = "takes the terminal over"]
fn demo() {
    let (feed, snapshots) = mpsc::channel();
    let (commands, asked) = mpsc::channel();
    let (wishes, wished) = mpsc::channel();
    thread::spawn(move || {
        for i in 0.. {
            let mut snapshot = sample::snapshot();
            let epoch = (7.4 + f64::from(i) * 0.05).min(12.0);
            snapshot.recipes[2].epoch = Some((epoch, 12.0));
            snapshot.recipes[2].seconds_left = Some((12.0 - epoch) * 20.0);
            if feed.send(Feed::Snapshot(Arc::new(snapshot))).is_err() {
                return;
            }
            for wish in wished.try_iter().last().into_iter().flatten() {
                let photo = sample::photo(&wish);
                let _ = feed.send(Feed::Photo(wish, photo));
            }
            while let Ok(command) = asked.try_recv() {
                let _ = feed.send(Feed::Say(format!("the session was asked: {command:?}")));
            }
            thread::sleep(Duration::from_secs(1));
        }
    });
    let options = Options { colour: Colour::True, charset: Charset::Unicode, ..Options::default() };
    crate::tui::run(snapshots, Out { commands, wishes }, options, None).unwrap();
}
