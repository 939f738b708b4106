//! The queue through the real program: its pause, its log, the user's command, the deadline.
//!
//! Nothing here sleeps for a fixed time: each step waits for a file.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::Value as Json;
use toji::base::Time;
use toji::dag::{Board, RunState, RunView, Runs, StageState};

use crate::project::{Project, QUICK};

/// The longest that any step may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(240);

fn until<T>(what: &str, look: impl Fn() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(begun.elapsed() < PATIENCE, "{what} never came");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn told(out: &Output) -> (i32, String) {
    let text = [out.stdout.as_slice(), out.stderr.as_slice()].concat();
    (out.status.code().unwrap(), String::from_utf8_lossy(&text).into_owned())
}

fn said(project: &Project, args: &[&str]) -> String {
    let (code, text) = told(&project.toji(args));
    assert_eq!(code, 0, "{args:?}: {text}");
    text
}

fn run_of(project: &Project, recipe: &str) -> Option<RunView> {
    let mut board = Board::new();
    board.refresh(&Runs::open(&project.path(".toji")));
    board.latest(recipe).cloned()
}

/// A recipe that trains for a while.
fn long(epochs: usize) -> String {
    QUICK.replace("epochs = 3", &format!("epochs = {epochs}"))
}

/// A moment so many seconds from now, with its offset.
fn moment(seconds: f64) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64();
    let (hour, minute, second) = Time(now + seconds).of_day(9.0);
    format!("{}T{hour:02}:{minute:02}:{second:02}+09:00", Time(now + seconds).date(9.0))
}

fn with_deadline(project: &Project, moment: &str) {
    let facts = fs::read_to_string(project.path("toji.toml")).unwrap();
    let facts = facts.split("\n[leaderboard]").next().unwrap().to_owned();
    project
        .write("toji.toml", &format!("{facts}\n[leaderboard]\ndeadline = \"{moment}\"\nmax_daily_submissions = 3\n"));
}

#[test]
fn a_paused_queue_holds_at_a_clean_place_and_goes_on_to_the_same_bits() {
    let (straight, project) = (Project::new(), Project::new());
    for each in [&straight, &project] {
        each.write("recipes/quick.md", &long(24));
    }
    assert_eq!(said(&project, &["queue", "add", "quick"]).trim(), "quick: asked for, up to holdout");
    let trains = |run: &RunView| run.told.curves.keys().any(|(series, _)| series == "loss");
    let run = until("a training", || run_of(&project, "quick").filter(trains));
    // What the detached worker prints goes into the run's log.
    #[cfg(target_os = "linux")]
    {
        let prints = |name: &str| fs::read_link(format!("/proc/{}/fd/{name}", run.told.pid)).unwrap();
        assert_eq!([prints("1"), prints("2")], [run.log().canonicalize().unwrap(), run.log().canonicalize().unwrap()]);
    }
    let list = project.json(&["queue"]);
    assert_eq!(
        (&list[0]["recipe"], &list[0]["state"], &list[0]["lane"]),
        (&"quick".into(), &"running".into(), &"dear".into())
    );
    assert!(said(&project, &["queue", "pause"]).starts_with("paused"));
    let stopped = until("the clean place", || {
        run_of(&project, "quick").filter(|run| run.state() == RunState::Stopped("the queue is paused".to_owned()))
    });
    assert_eq!(stopped.id(), run.id());
    let fit = |run: &RunView| run.told.stages.iter().find(|s| s.stage == "fit").unwrap().state.clone();
    assert_eq!(fit(&stopped), StageState::Started, "it was in the midst of the training");
    let list = until("its place in the queue", || {
        let list = project.json(&["queue", "list"]);
        (list[0]["state"] == "waiting").then_some(list)
    });
    assert_eq!(list[0]["recipe"], "quick");
    assert!(list.last().unwrap()["paused"].is_number());
    // The worker is killed; another worker, and another wish, change nothing: nothing starts.
    Command::new("kill").args(["-9", &run.told.pid.to_string()]).status().unwrap();
    until("the end of another worker", || {
        let out = project.command(&["worker", "--idle", "0.1"]).output().unwrap();
        out.status.success().then_some(())
    });
    said(&project, &["queue", "add", "00-first-pour"]);
    said(&project, &["queue", "first", "00-first-pour"]);
    said(&project, &["queue", "down", "00-first-pour"]);
    let names =
        |list: &[Json]| list.iter().filter_map(|job| job["recipe"].as_str().map(str::to_owned)).collect::<Vec<_>>();
    assert_eq!(names(&project.json(&["queue"])), ["quick", "00-first-pour"]);
    assert!(said(&project, &["queue", "stop", "00-first-pour"]).contains("taken out"));
    let (code, text) = told(&project.toji(&["queue", "up", "00-first-pour"]));
    assert!(code == 1 && text.contains("does not wait"), "{text}");
    assert_eq!(run_of(&project, "quick").unwrap().told.attempts, 1);
    assert_eq!(said(&project, &["queue", "resume"]).trim(), "the queue goes on");
    let done = until("the end", || run_of(&project, "quick").filter(|run| run.state() == RunState::Finished));
    assert_eq!((done.id(), done.told.attempts), (run.id(), 2), "the same run goes on");
    straight.json(&["run", "quick"]);
    assert!(straight.artefact("fit", "checkpoint.safetensors") == project.artefact("fit", "checkpoint.safetensors"));
    let log = fs::read_to_string(done.log()).unwrap();
    assert!(log.contains("stopped: the queue is paused") && log.contains("begins up to holdout"), "{log}");
    // What it took is judged by what was thought.
    let history = project.json(&["plan", "--history"]);
    assert!(history.last().unwrap()["words"].is_string());
}

/// A project with a command for what happens, and the file that it writes lines into.
fn listening() -> (Project, PathBuf) {
    let project = Project::new();
    project.write("home/toji/config.toml", "on_event = [\"sh\", \"tell.sh\"]\n");
    project.write("tell.sh", "cat >> heard\n");
    let heard = project.path("heard");
    (project, heard)
}

fn heard(file: &PathBuf) -> Vec<Json> {
    let text = fs::read_to_string(file).unwrap_or_default();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn the_users_command_hears_of_the_end_and_of_the_deadline() {
    let (project, file) = listening();
    let toji = |args: &[&str]| {
        let home = project.path("home");
        project.command(args).env("XDG_CONFIG_HOME", home).env_remove("TOJI_CONFIG_HOME").output().unwrap()
    };
    assert_eq!(told(&toji(&["run", "quick"])).0, 0);
    // What was decided on the way is told as well.
    let all: Vec<Json> = heard(&file).into_iter().filter(|one| one["event"] != "decided").collect();
    assert_eq!((all.len(), &all[0]["event"], &all[0]["recipe"]), (1, &"finished".into(), &"quick".into()));
    assert!(all[0]["score"].is_number() && all[0]["text"].as_str().unwrap().contains("MRR@20"), "{}", all[0]);
    assert!(told(&toji(&["doctor"])).1.contains("on_event runs sh tell.sh"));
    // From here on there is history, and the next training cannot end before its deadline.
    project.write("recipes/slow.md", &long(400));
    with_deadline(&project, &moment(3.0));
    let plan = told(&toji(&["plan", "slow"])).1;
    assert!(plan.contains("would end") && plan.contains("after the deadline"), "{plan}");
    let mut command = project.command(&["run", "slow"]);
    command.env("XDG_CONFIG_HOME", project.path("home")).env_remove("TOJI_CONFIG_HOME");
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let risk = until("the alert", || heard(&file).into_iter().find(|one| one["event"] == "deadline-at-risk"));
    assert!(risk["ends"].is_number() && risk["text"].as_str().unwrap().contains("after the deadline"), "{risk}");
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn a_command_comes_from_the_users_own_file_and_from_nowhere_else() {
    let (project, file) = listening();
    let facts = fs::read_to_string(project.path("toji.toml")).unwrap();
    project.write("toji.toml", &facts.replace("[workbench]", "[workbench]\non_event = [\"sh\", \"tell.sh\"]"));
    let (code, text) = told(&project.toji(&["run", "quick"]));
    assert!(code == 2 && text.contains("unknown key `on_event`"), "{text}");
    project.write("toji.toml", &facts);
    project.write("recipes/quick.md", &QUICK.replace("[recipe]", "[recipe]\non_event = [\"sh\", \"tell.sh\"]"));
    let (code, text) = told(&project.toji(&["run", "quick"]));
    assert!(code == 2 && text.contains("unknown key `on_event`"), "{text}");
    assert!(heard(&file).is_empty());
    // Mistakes in the user's file: the line and the nearest name.
    project.write("home/toji/config.toml", "# mine\non_evnt = [\"sh\"]\n");
    project.write("recipes/quick.md", QUICK);
    let out = project.command(&["run", "quick"]).env("TOJI_CONFIG_HOME", project.path("home/toji")).output().unwrap();
    let (code, text) = told(&out);
    assert!(code == 2 && text.contains("config.toml:2:1") && text.contains("did you mean `on_event`?"), "{text}");
}

#[test]
fn the_cheap_part_runs_without_the_dear_one() {
    let project = Project::new();
    project.json(&["run", "quick"]);
    // Everything but the training is cheap; with nothing cheap allowed there is no such part.
    project.write("recipes/quick.md", &long(6));
    let facts = fs::read_to_string(project.path("toji.toml")).unwrap();
    project.write("toji.toml", &facts.replace("auto_seconds = 10", "auto_seconds = 0.0"));
    let (code, text) = told(&project.toji(&["run", "quick", "--cheap"]));
    assert!(code == 1 && text.contains("no step of it is cheap"), "{text}");
    project.write("toji.toml", &facts.replace("auto_seconds = 10", "auto_seconds = 86400"));
    // All of it is cheap now: it is the whole.
    project.json(&["run", "quick", "--cheap"]);
    assert!(project.would_run("quick").is_empty());
}
