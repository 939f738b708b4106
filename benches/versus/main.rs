//! Toji beside its peers: both sides of each pair run in turn (A B A B …), each in a process of its own.
//!
//! usage: `benches/versus/run [NAME…] [--rounds N] [--json | --markdown]`. For each pair it gives the medians and
//! `ratio`, above 1 where Toji is ahead. A pair that cannot run says `skipped: …`. `versus ours NAME` is
//! our side alone, which prints one measurement as JSON. `versus parity [NAME…]` prints how far networks' numbers are from PyTorch's;
//! `versus latency` how long a changed `[post]` takes to its number on the screen ([`latency`]); `versus ladder`, `seeds` and `decider` what deciding early saves, and how often it errs ([`ladder`], [`decider`]);
//! `versus tui` what the workbench costs beside a thousand runs ([`tui`]).
#![expect(clippy::disallowed_methods, reason = "a program of its own: TOJI_PEERS is its setting")]
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a measuring program's output is its purpose")]

mod decider;
mod input;
mod ladder;
mod latency;
mod ours;
mod pairs;
mod parity;
mod report;
mod retrieval;
mod tui;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use pairs::{Mode, Pair};
use report::{Form, Measured, Report};
use serde_json::Value;

/// How often each side is measured, in turn, unless `--rounds` says otherwise.
const ROUNDS: usize = 7;

const USAGE: &str = "usage: benches/versus/run [NAME...] [--rounds N] [--json | --markdown] | parity [NAME...]\n       | ladder FOLDER SET [PHOTOS] | seeds FOLDER SET [PHOTOS] | decider [RUNS]\n       | latency FOLDER [QUERIES GALLERY] | latency sample FOLDER | tui [RECIPES RUNS POINTS] | tui make FOLDER [RECIPES RUNS POINTS]";

fn main() -> ExitCode {
    // `cargo bench` adds `--bench` for its own harness.
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    let done = match arguments.as_slice() {
        [first, name] if first == "ours" => one_side(name, None),
        [first, name, folder] if first == "ours" => one_side(name, Some(Path::new(folder))),
        [first, folder, set, photos @ ..] if first == "ladder" || first == "seeds" => {
            let photos = photos.first().map(Path::new);
            let go = if first == "ladder" { ladder::ladder } else { ladder::seeds };
            go(Path::new(folder), set, photos).map_err(Fault::from)
        }
        [first, sample, folder] if first == "latency" && sample == "sample" => {
            latency::sample(Path::new(folder)).map_err(Fault::from)
        }
        [first, folder, sizes @ ..] if first == "latency" => {
            let sizes: Result<Vec<usize>, _> = sizes.iter().map(|size| size.parse()).collect();
            match sizes.as_deref() {
                Ok([]) => latency::latency(Path::new(folder), 2942, 109_481).map_err(Fault::from),
                Ok(&[queries, gallery]) => latency::latency(Path::new(folder), queries, gallery).map_err(Fault::from),
                _ => Err(Fault::Usage("latency wants a folder, and two numbers or none".into())),
            }
        }
        [first, rest @ ..] if first == "decider" => {
            let runs = rest.first().map_or(Ok(2000), |runs| runs.parse());
            runs.map(decider::table).map_err(|_| Fault::Usage("decider wants how many runs".into()))
        }
        [first, names @ ..] if first == "parity" => {
            parity::table(names);
            Ok(())
        }
        [first, rest @ ..] if first == "tui" => tui::tui(rest).map_err(Fault::from),
        _ => compare(&arguments),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(Fault::Usage(message)) => {
            eprintln!("{message}\n{USAGE}");
            ExitCode::from(2)
        }
        Err(Fault::Failed(error)) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

enum Fault {
    Usage(String),
    Failed(anyhow::Error),
}

impl From<anyhow::Error> for Fault {
    fn from(error: anyhow::Error) -> Fault {
        Fault::Failed(error)
    }
}

/// The pairs of these names; all without a name.
fn chosen(names: &[String]) -> Result<Vec<Pair>, Fault> {
    let all = pairs::all();
    if let Some(name) = names.iter().find(|name| all.iter().all(|pair| pair.name() != **name)) {
        let known: Vec<String> = all.iter().map(Pair::name).collect();
        return Err(Fault::Usage(format!("no pair is named {name}; there are {}", known.join(", "))));
    }
    Ok(all.into_iter().filter(|pair| names.is_empty() || names.contains(&pair.name())).collect())
}

fn one_side(name: &str, folder: Option<&Path>) -> Result<(), Fault> {
    for pair in chosen(&[name.to_owned()])? {
        let measured = match (pair.mode, folder) {
            (Mode::Input, Some(folder)) => input::measure(&pair, folder)?,
            (Mode::Input, None) => return Err(Fault::Usage(format!("ours {name} wants a folder of pictures"))),
            _ if pair.is_retrieval() => retrieval::measure(&pair)?,
            _ => ours::measure(&pair)?,
        };
        println!("{measured}");
    }
    Ok(())
}

fn compare(arguments: &[String]) -> Result<(), Fault> {
    let (mut names, mut form, mut rounds) = (Vec::new(), Form::Lines, ROUNDS);
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        match argument.as_str() {
            "--json" => form = Form::Json,
            "--markdown" => form = Form::Markdown,
            "--rounds" => {
                let number = rest.next().and_then(|n| n.parse().ok()).filter(|n| *n > 0);
                rounds = number.ok_or_else(|| Fault::Usage("--rounds wants a number above 0".into()))?;
            }
            flag if flag.starts_with('-') => return Err(Fault::Usage(format!("unknown flag {flag}"))),
            name => names.push(name.to_owned()),
        }
    }
    let pairs = chosen(&names)?;
    let mut report = Report::new(form, rounds);
    for pair in &pairs {
        match peer_python() {
            _ if !pair.is_built() => report.skip(pair, &format!("Toji does not build {} yet", pair.network)),
            None => {
                report.skip(pair, "no peer: run benches/versus/peers/setup, or set TOJI_PEERS to a virtual environment")
            }
            Some(python) => report.add(pair, measure(pair, &python, rounds)?),
        }
    }
    report.end();
    Ok(())
}

/// Both sides in turn. PyTorch has the layout that it is faster with, which is found first.
fn measure(pair: &Pair, python: &Path, rounds: usize) -> anyhow::Result<Measured> {
    if pair.mode == Mode::Input {
        return measure_input(pair, python, rounds);
    }
    if pair.is_retrieval() {
        return measure_lists(pair, python, rounds);
    }
    let layout = faster_layout(pair, python)?;
    let mut measured = Measured { ours: Vec::new(), peer: Vec::new(), layout };
    for round in 0..rounds {
        eprintln!("{}: round {} of {rounds}", pair.name(), round + 1);
        measured.ours.push(run(Command::new(std::env::current_exe()?).args(["ours", &pair.name()]))?);
        measured.peer.push(peer(pair, python, layout)?);
    }
    Ok(measured)
}

/// Both sides on the same files, which the peer makes.
fn measure_input(pair: &Pair, python: &Path, rounds: usize) -> anyhow::Result<Measured> {
    let (script, files) = (folder().join("peers/pipeline.py"), tempfile::tempdir()?);
    let made = Command::new(python).arg(&script).arg("make").arg(files.path()).status()?;
    anyhow::ensure!(made.success(), "{} cannot make pictures", script.display());
    let mut measured = Measured { ours: Vec::new(), peer: Vec::new(), layout: "" };
    for round in 0..rounds {
        eprintln!("{}: round {} of {rounds}", pair.name(), round + 1);
        let mut ours = Command::new(std::env::current_exe()?);
        measured.ours.push(run(ours.args(["ours", &pair.name()]).arg(files.path()))?);
        measured.peer.push(run(Command::new(python).arg(&script).arg(files.path()))?);
    }
    Ok(measured)
}

/// Both sides on rows that each draws for itself.
fn measure_lists(pair: &Pair, python: &Path, rounds: usize) -> anyhow::Result<Measured> {
    let script = folder().join("peers/retrieval.py");
    let sizes = [pair.batch, pair.gallery, pair.size].map(|n| n.to_string());
    let mut measured = Measured { ours: Vec::new(), peer: Vec::new(), layout: "" };
    for round in 0..rounds {
        eprintln!("{}: round {} of {rounds}", pair.name(), round + 1);
        measured.ours.push(run(Command::new(std::env::current_exe()?).args(["ours", &pair.name()]))?);
        measured.peer.push(run(Command::new(python).arg(&script).arg(pair.mode.word()).args(&sizes))?);
    }
    Ok(measured)
}

fn faster_layout(pair: &Pair, python: &Path) -> anyhow::Result<&'static str> {
    const LAYOUTS: [&str; 2] = ["contiguous", "channels_last"];
    if !pair.layouts {
        return Ok(LAYOUTS[0]);
    }
    let mut speeds = [0.0f64; 2];
    // Twice each, in turn: the better of two is hurt less by whatever else the machine does.
    for at in [0, 1, 0, 1] {
        let speed = peer(pair, python, LAYOUTS[at])?["value"].as_f64().unwrap_or(0.0);
        speeds[at] = speeds[at].max(speed);
    }
    Ok(LAYOUTS[usize::from(speeds[1] > speeds[0])])
}

fn peer(pair: &Pair, python: &Path, layout: &str) -> anyhow::Result<Value> {
    let (size, batch) = (pair.size.to_string(), pair.batch.to_string());
    let script = folder().join("peers/step.py");
    run(Command::new(python).arg(script).args([pair.mode.word(), pair.network, &size, &batch, layout]))
}

/// Runs one side; its last line is the measurement.
fn run(command: &mut Command) -> anyhow::Result<Value> {
    // Two threads on both sides, whatever the machine has; with a card, all that it has.
    if std::env::var_os("TOJI_DEVICE").is_none_or(|device| device == "cpu") {
        command.env("RAYON_NUM_THREADS", "2").env("OMP_NUM_THREADS", "2");
    }
    let output = command.output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    anyhow::ensure!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    let last = text.lines().last().unwrap_or_default();
    serde_json::from_str(last).map_err(|e| anyhow::anyhow!("{command:?} printed {last:?}: {e}"))
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/versus")
}

fn peer_python() -> Option<PathBuf> {
    let given = std::env::var_os("TOJI_PEERS").map(PathBuf::from);
    let environment = given.unwrap_or_else(|| folder().join("peers/.venv"));
    let python = environment.join("bin/python");
    python.exists().then_some(python)
}
