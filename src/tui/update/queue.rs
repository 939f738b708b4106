//! The order of jobs, the pause, and how a log is looked at.
//!
//! Takes actions of the queue's screen and of the plan's key for its cheap part; gives commands. A log is scrolled from its end: the last line is where
//! it is followed.

use toji::session::command::Command;
use toji::session::survey::queue::Standing;

use super::target;
use crate::tui::action::{Action, Motion};
use crate::tui::model::Model;

/// Does what the action means.
pub fn act(model: &mut Model, action: Action) -> Option<Command> {
    match action {
        Action::RunPart => {
            let recipe = model.selected.clone();
            model.reply = Some(format!("asked to run what is cheap of {recipe}"));
            Some(Command::Part { recipe })
        }
        Action::Shift(motion) => {
            let (recipe, up) = (model.job_recipe(), motion == Motion::Up);
            model.reply = Some(format!("asked to move {recipe} {}", if up { "up" } else { "down" }));
            Some(Command::Shift { recipe, up })
        }
        Action::TakeOut => {
            let recipe = model.job_recipe();
            model.reply = Some(format!("asked to take {recipe} out of the queue"));
            Some(Command::Stop { recipe })
        }
        Action::Pause => {
            let is_paused = model.snapshot.queue.paused.is_some();
            let (said, command) = match is_paused {
                true => ("asked the queue to go on", Command::Resume),
                false => ("asked to pause: what runs holds at its next clean place", Command::Pause),
            };
            model.reply = Some(said.to_owned());
            Some(command)
        }
        Action::LargeLog => {
            model.queueing.is_large = !model.queueing.is_large;
            None
        }
        _ => None,
    }
}

/// Why it cannot be done now.
pub fn refusal(model: &Model, action: Action) -> Option<String> {
    let job = model.job();
    match action {
        Action::RunPart => {
            let cheap = model.recipe()?.plan.iter().any(|step| step.action == "run" && step.cheap);
            (!cheap).then(|| format!("no step of {} is cheap and waits for nothing dear", model.selected))
        }
        Action::LargeLog => model.log().lines.is_empty().then(|| "there is no log to show".to_owned()),
        _ => match job {
            None => Some("nothing runs or waits".to_owned()),
            Some(job) => match job.state {
                Standing::Waiting => None,
                Standing::Running => Some(format!("{} runs already: s stops it", job.recipe)),
                Standing::Lost => Some(format!("{} does not wait: r goes on with it", job.recipe)),
            },
        },
    }
}

/// Moves among the jobs by one, and through the log by more.
pub fn moved(model: &mut Model, screen: usize, motion: Motion) {
    match motion {
        Motion::Down | Motion::Up if !model.queueing.is_large => {
            let last = model.jobs().len().saturating_sub(1);
            model.choose_job(target(model.job_index(), last, 1, motion));
        }
        motion => {
            // The place of the last line that shows.
            let last = model.log().lines.len().saturating_sub(1);
            let at = last.saturating_sub(model.queueing.back);
            let to = match motion {
                Motion::Top => screen.saturating_sub(1).min(last),
                motion => target(at, last, screen, motion),
            };
            model.scroll_log(last - to);
        }
    }
}
