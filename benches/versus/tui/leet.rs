//! wandb's terminal viewer (`wandb leet`) on the same curves, which `peers/leet.py` writes with wandb offline.
//!
//! It opens on the newest run and draws its charts; more runs are overlaid by selecting them. It is driven as the workbench is, in the same
//! terminal, but for one thing: a light of it pulses all the time, so a frame is over when the text of the screen is another one, and it rests when
//! that stays the same. What it has no word for (a score, a difference, what would run) is not asked of it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};

use super::project::Sizes;
use super::terminal::Terminal;
use super::{KEYS, PATIENCE, Row, SIZE, STARTS, ms, spread};
use crate::{folder as benches, peer_python};

/// Measures it; an error says why it cannot be.
pub fn measure(project: &Path, sizes: Sizes) -> anyhow::Result<Row> {
    let python =
        peer_python().context("no peer: run benches/versus/peers/setup, or set TOJI_PEERS to a virtual environment")?;
    let program = python.with_file_name("wandb");
    ensure!(program.is_file(), "wandb is not in {}; pip install wandb", python.display());
    let drawn = write(project, &python, sizes)?;
    let open = || {
        let mut command = Command::new(&program);
        command.arg("leet").arg(&drawn).env("WANDB_MODE", "offline").env("WANDB_ERROR_REPORTING", "false");
        Terminal::open(command, SIZE, false)
    };
    let mut cells = Vec::new();
    let mut starts = Vec::new();
    for _ in 0..STARTS {
        let mut terminal = open()?;
        let charts = terminal.until("the charts", PATIENCE, has_charts)?;
        starts.push(ms(charts - terminal.began));
        settle(&mut terminal)?;
    }
    cells.push(("first frame with the newest run's curves, ms", spread(starts)));
    let mut terminal = open()?;
    terminal.until("the charts", PATIENCE, has_charts)?;
    settle(&mut terminal)?;
    cells.push(("a key to another screen, in the list, ms", changes(&mut terminal)?));
    // Eight runs over each other: the newest is selected from the beginning.
    for _ in 0..7 {
        terminal.press("\x1b[B")?;
        settle(&mut terminal)?;
        terminal.press(" ")?;
        settle(&mut terminal)?;
    }
    cells.push(("eight runs of 10,000 points, a key to another screen, ms", changes(&mut terminal)?));
    cells.push(("most memory, MiB", format!("{:.0}", terminal.peak()?)));
    cells.push(("bytes in 10 s, idle", terminal.listen(Duration::from_secs(10)).to_string()));
    Ok(Row { name: "wandb leet".to_owned(), cells })
}

/// Waits until the text stays the same for a second.
fn settle(terminal: &mut Terminal) -> anyhow::Result<()> {
    let began = Instant::now();
    let mut before = String::new();
    while terminal.screen() != before {
        ensure!(began.elapsed() < PATIENCE, "it never rests:\n{before}");
        before = terminal.screen();
        terminal.listen(Duration::from_secs(1));
    }
    Ok(())
}

/// Times from an arrow key, down or up, to another text on the screen.
fn changes(terminal: &mut Terminal) -> anyhow::Result<String> {
    let mut times = Vec::new();
    for i in 0..KEYS {
        times.extend(terminal.change(["\x1b[B", "\x1b[A"][i % 2])?.map(ms));
        // What it draws after the first change is not the next key's.
        terminal.listen(Duration::from_millis(200));
    }
    Ok(format!("{} of {} keys", spread(times.clone()), times.len()))
}

fn has_charts(screen: &str) -> bool {
    screen.contains("loss")
        && screen.contains("MRR@20")
        && screen.chars().filter(|c| ('⠁'..='⣿').contains(c)).count() > 20
}

/// Writes the runs beside the project, where they are not there yet.
fn write(project: &Path, python: &Path, sizes: Sizes) -> anyhow::Result<PathBuf> {
    let folder = project.with_extension("wandb");
    let drawn = folder.join("wandb");
    let runs = || fs::read_dir(&drawn).map_or(0, |entries| entries.flatten().filter(|e| e.path().is_dir()).count());
    if runs() >= sizes.runs {
        return Ok(drawn);
    }
    let mut logs: Vec<PathBuf> =
        fs::read_dir(project.join(".toji/runs"))?.map(|entry| Ok(entry?.path())).collect::<std::io::Result<_>>()?;
    logs.sort();
    // The first is the run that really trained, of one epoch.
    let log = logs.iter().find(|run| run.to_string_lossy().contains("-r-")).context("no run")?.join("events.jsonl");
    let mut script = Command::new(python);
    script.arg(benches().join("peers/leet.py")).arg(log).arg(&folder).arg(sizes.runs.to_string());
    let made = script.output()?;
    ensure!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    Ok(drawn)
}
