//! Toji beside its peers: both sides of each pair run in turn (A B A B …), each in a process of its own.
//!
//! usage: `benches/versus/run [NAME…] [--json] [--photos DIR]`. For each pair it gives the medians and
//! `ratio`, above 1 where Toji is ahead. A pair whose peer or photos are absent says `skipped: …`.
//! `versus ours NAME` is our side alone, which prints one measurement as JSON.
#![expect(clippy::disallowed_methods, reason = "a program of its own: TOJI_PEERS is its setting")]
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a measuring program's output is its purpose")]

mod ours;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use serde_json::{Value, json};

/// One comparison.
struct Pair {
    name: &'static str,
    unit: &'static str,
    /// Our side: a measurement.
    ours: fn() -> Result<f64, anyhow::Error>,
    /// The peer's script in `peers/` and its arguments.
    peer: &'static [&'static str],
    /// Whether both sides need the folder of photos.
    photos: bool,
}

const PAIRS: &[Pair] = &[Pair {
    name: "train-resnet18",
    unit: "images/s",
    ours: || ours::train_step("resnet18", 96, 64),
    peer: &["train_step.py", "resnet18", "96", "64"],
    photos: false,
}];

/// How often each side is measured, in turn.
const ROUNDS: usize = 3;

fn main() -> ExitCode {
    // `cargo bench` adds `--bench` for its own harness.
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    if let [first, name] = arguments.as_slice()
        && first == "ours"
    {
        return one_side(name);
    }
    match compare(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Fault::Usage(message)) => {
            eprintln!("{message}\nusage: benches/versus/run [NAME...] [--json] [--photos DIR]");
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

fn one_side(name: &str) -> ExitCode {
    let Some(pair) = PAIRS.iter().find(|pair| pair.name == name) else {
        eprintln!("no pair is named {name}");
        return ExitCode::from(2);
    };
    match (pair.ours)() {
        Ok(value) => {
            println!("{}", json!({ "value": value, "peak_mib": ours::peak_mib() }));
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn compare(arguments: &[String]) -> Result<(), Fault> {
    let (mut names, mut as_json, mut photos) = (Vec::new(), false, None);
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        match argument.as_str() {
            "--json" => as_json = true,
            "--photos" => match rest.next() {
                Some(folder) => photos = Some(PathBuf::from(folder)),
                None => return Err(Fault::Usage("--photos wants a folder".into())),
            },
            flag if flag.starts_with('-') => return Err(Fault::Usage(format!("unknown flag {flag}"))),
            name => names.push(name),
        }
    }
    let known = |name: &&str| PAIRS.iter().any(|pair| pair.name == *name);
    if let Some(name) = names.iter().find(|name| !known(name)) {
        let all: Vec<&str> = PAIRS.iter().map(|pair| pair.name).collect();
        return Err(Fault::Usage(format!("no pair is named {name}; there are {}", all.join(", "))));
    }
    for pair in PAIRS.iter().filter(|pair| names.is_empty() || names.contains(&pair.name)) {
        let python = peer_python();
        let lacking = match (&python, &photos) {
            (None, _) => Some("no peer: run benches/versus/peers/setup, or set TOJI_PEERS to a virtual environment"),
            (_, None) if pair.photos => Some("no photos: give --photos DIR"),
            _ => None,
        };
        match (lacking, python) {
            (None, Some(python)) => report(pair, &measure(pair, &python).map_err(Fault::Failed)?, as_json),
            (reason, _) => skip(pair, reason.unwrap_or("no peer"), as_json),
        }
    }
    Ok(())
}

fn skip(pair: &Pair, reason: &str, as_json: bool) {
    if as_json {
        println!("{}", json!({ "name": pair.name, "skipped": reason }));
    } else {
        println!("{}: skipped: {reason}", pair.name);
    }
}

fn report(pair: &Pair, sides: &Sides, as_json: bool) {
    let (ours, peer) = (median(&sides.ours, "value"), median(&sides.peer, "value"));
    let memory = [median(&sides.ours, "peak_mib"), median(&sides.peer, "peak_mib")];
    let ratio = ours / peer;
    if as_json {
        println!(
            "{}",
            json!({
                "name": pair.name, "unit": pair.unit, "ours": ours, "peer": peer, "ratio": ratio,
                "ours_peak_mib": memory[0], "peer_peak_mib": memory[1],
            })
        );
    } else {
        println!(
            "{}: ours {ours:.1}, peer {peer:.1} {}, ratio {ratio:.2} (peak memory {:.0} and {:.0} MiB)",
            pair.name, pair.unit, memory[0], memory[1]
        );
    }
}

fn median(side: &[Value], field: &str) -> f64 {
    let mut values: Vec<f64> = side.iter().filter_map(|v| v[field].as_f64()).collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

struct Sides {
    ours: Vec<Value>,
    peer: Vec<Value>,
}

fn measure(pair: &Pair, python: &Path) -> anyhow::Result<Sides> {
    let mut sides = Sides { ours: Vec::new(), peer: Vec::new() };
    let script = folder().join("peers").join(pair.peer[0]);
    for round in 0..ROUNDS {
        eprintln!("{}: round {} of {ROUNDS}", pair.name, round + 1);
        sides.ours.push(run(Command::new(std::env::current_exe()?).args(["ours", pair.name]))?);
        sides.peer.push(run(Command::new(python).arg(&script).args(&pair.peer[1..]))?);
    }
    Ok(sides)
}

/// Runs one side; its last line is the measurement.
fn run(command: &mut Command) -> anyhow::Result<Value> {
    // Two threads on both sides, whatever the machine has.
    let output = command.env("RAYON_NUM_THREADS", "2").env("OMP_NUM_THREADS", "2").output()?;
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
