//! The workbench beside a thousand runs, and beside wandb's viewer on the same curves.
//!
//! `tui [RECIPES RUNS POINTS]` draws a project ([`project`]) unless TOJI_RUNS names one that is there, opens the workbench in a
//! pseudo-terminal ([`terminal`]) and prints a table: the time to the first board, cold and warm, to a frame after a key, the most memory,
//! the bytes of ten idle seconds and of a second while a run trains. Beside it stands `wandb leet` ([`leet`]) where it is installed.
//! `tui make FOLDER [RECIPES RUNS POINTS]` draws the project alone.

mod leet;
mod project;
mod terminal;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::Context;
use project::Sizes;
use terminal::Terminal;

/// How long a screen is waited for.
const PATIENCE: Duration = Duration::from_secs(600);
/// How often a warm start and a cold one are measured.
const STARTS: usize = 5;
/// Keys that are pressed for the time of a frame.
const KEYS: usize = 60;
/// The terminal for times.
const SIZE: (u16, u16) = (160, 50);

/// What was measured of one viewer.
#[derive(Debug, Default)]
pub struct Row {
    /// Its name.
    pub name: String,
    /// What was measured, and how much that was.
    pub cells: Vec<(&'static str, String)>,
}

/// Measures and prints.
pub fn tui(arguments: &[String]) -> anyhow::Result<()> {
    if let [make, folder, sizes @ ..] = arguments
        && make == "make"
    {
        return project::make(Path::new(folder), sizes_of(sizes)?);
    }
    let sizes = sizes_of(arguments)?;
    #[expect(clippy::disallowed_methods, reason = "a program of its own: TOJI_RUNS is its setting")]
    let given = std::env::var_os("TOJI_RUNS").map(PathBuf::from);
    let drawn = tempfile::tempdir()?;
    let folder = given.unwrap_or_else(|| drawn.path().join("runs"));
    if !folder.join("toji.toml").is_file() {
        eprintln!("drawing {sizes:?}");
        project::make(&folder, sizes)?;
    }
    print(&ours(&folder)?);
    match leet::measure(&folder, sizes) {
        Ok(row) => print(&row),
        Err(why) => println!("wandb leet: skipped: {why:#}"),
    }
    Ok(())
}

fn print(row: &Row) {
    println!("{}", row.name);
    for (what, much) in &row.cells {
        println!("  {what}: {much}");
    }
}

fn sizes_of(arguments: &[String]) -> anyhow::Result<Sizes> {
    let numbers: Vec<usize> =
        arguments.iter().map(|n| n.parse().with_context(|| format!("{n:?} is no number"))).collect::<Result<_, _>>()?;
    let at = |place: usize, otherwise: usize| numbers.get(place).copied().unwrap_or(otherwise).max(1);
    Ok(Sizes { recipes: at(0, 1000), runs: at(1, 1000), points: at(2, 10_000) })
}

fn workbench(folder: &Path, size: (u16, u16), remote: bool) -> anyhow::Result<Terminal> {
    #[expect(clippy::disallowed_methods, reason = "a program of its own: TOJI_PROGRAM is its setting")]
    let program = std::env::var_os("TOJI_PROGRAM").unwrap_or_else(|| env!("CARGO_BIN_EXE_toji").into());
    let mut command = Command::new(program);
    command.current_dir(folder);
    Terminal::open(command, size, remote)
}

/// Whether the board shows how recipes stand.
fn has_board(screen: &str) -> bool {
    let rows = screen.lines().filter(|line| line.contains("r-00"));
    let standing = ["fresh", "stale", "failed", "stopped", "running", "lost"];
    rows.filter(|line| standing.iter().any(|word| line.contains(word))).count() >= 5
}

/// Whether everything is read: scores and differences stand there, and nothing is counted any more.
fn is_complete(screen: &str) -> bool {
    has_board(screen)
        && screen.lines().any(|line| line.contains("r-0002") && line.contains("0.") && line.contains(['(', '[']))
        && !screen.contains("reading ")
        && !screen.contains("planning ")
}

fn ours(folder: &Path) -> anyhow::Result<Row> {
    let mut cells = Vec::new();
    let (mut cold, mut whole, mut warm) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..STARTS {
        forget(folder)?;
        let mut terminal = workbench(folder, SIZE, false)?;
        let board = terminal.until("the board", PATIENCE, has_board)?;
        let all = terminal.until("the whole board", PATIENCE, is_complete)?;
        cold.push(ms(board - terminal.began));
        whole.push(ms(all - terminal.began));
        settle(&mut terminal)?;
    }
    cells.push(("first board, cold, ms", spread(cold)));
    cells.push(("everything read, cold, ms", spread(whole)));
    let mut whole = Vec::new();
    for _ in 0..STARTS {
        let mut terminal = workbench(folder, SIZE, false)?;
        let board = terminal.until("the board", PATIENCE, has_board)?;
        warm.push(ms(board - terminal.began));
        let all = terminal.until("the whole board", PATIENCE, is_complete)?;
        whole.push(ms(all - terminal.began));
        settle(&mut terminal)?;
    }
    cells.push(("first board, warm, ms", spread(warm)));
    cells.push(("everything read, warm, ms", spread(whole)));
    let mut terminal = workbench(folder, SIZE, false)?;
    terminal.until("the whole board", PATIENCE, is_complete)?;
    settle(&mut terminal)?;
    cells.push(("a key to its frame on the board, ms", frames(&mut terminal, &["j", "k"])?));
    cells.push(("a screen of the board further, ms", frames(&mut terminal, &["\x1b[6~", "\x1b[5~"])?));
    // Eight recipes side by side.
    terminal.press("gj")?;
    for _ in 0..8 {
        terminal.press(" j")?;
    }
    terminal.press("3")?;
    terminal.until("the curves", PATIENCE, |screen| screen.contains("loss") && screen.contains('⠉'))?;
    settle(&mut terminal)?;
    cells.push(("eight curves of 10,000 points, a key to its frame, ms", frames(&mut terminal, &["y", "m"])?));
    terminal.press("2")?;
    settle(&mut terminal)?;
    terminal.press("1")?;
    settle(&mut terminal)?;
    cells.push(("most memory, MiB", format!("{:.0}", terminal.peak()?)));
    cells.push(("bytes in 10 s, idle", terminal.listen(Duration::from_secs(10)).to_string()));
    drop(terminal);
    for (what, key) in
        [("bytes a second beside a training, board", "1"), ("bytes a second beside a training, curves", "3")]
    {
        cells.push((what, training(folder, key)?));
    }
    Ok(Row { name: "toji".to_owned(), cells })
}

/// Waits until nothing was written for a second.
fn settle(terminal: &mut Terminal) -> anyhow::Result<()> {
    let began = Instant::now();
    while terminal.listen(Duration::from_secs(1)) > 0 {
        anyhow::ensure!(began.elapsed() < PATIENCE, "it never rests:\n{}", terminal.screen());
    }
    Ok(())
}

/// Times from a key to its frame.
fn frames(terminal: &mut Terminal, keys: &[&str]) -> anyhow::Result<String> {
    let mut times = Vec::new();
    for i in 0..KEYS {
        times.extend(terminal.frame(keys[i % keys.len()])?.map(ms));
    }
    Ok(spread(times))
}

/// Bytes a second while a run says something some times a second, over a slow line at 80 × 24.
fn training(folder: &Path, view: &str) -> anyhow::Result<String> {
    let mut terminal = workbench(folder, (80, 24), true)?;
    terminal.until("the whole board", PATIENCE, is_complete)?;
    terminal.press("G")?;
    terminal.press(view)?;
    settle(&mut terminal)?;
    let run = project::Training::begin(folder)?;
    let (seconds, began) = (20, Instant::now());
    let before = terminal.written;
    terminal.listen(Duration::from_secs(seconds));
    let bytes = (terminal.written - before) as f64 / began.elapsed().as_secs_f64();
    run.end()?;
    Ok(format!("{bytes:.0}"))
}

/// Removes every index, and asks the system to forget the logs' pages.
fn forget(folder: &Path) -> anyhow::Result<()> {
    let toji = folder.join(".toji");
    let remove = |file: PathBuf| if file.exists() { fs::remove_file(file) } else { Ok(()) };
    remove(toji.join("board.index"))?;
    for entry in fs::read_dir(toji.join("runs"))? {
        let run = entry?.path();
        remove(run.join("events.index"))?;
        let log = fs::File::open(run.join("events.jsonl"))?;
        rustix::fs::fadvise(&log, 0, None, rustix::fs::Advice::DontNeed)?;
    }
    Ok(())
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// The least, the median and the most.
pub fn spread(mut values: Vec<f64>) -> String {
    values.sort_by(f64::total_cmp);
    let at = |place: usize| values.get(place).map_or("-".to_owned(), |value| format!("{value:.1}"));
    format!("{}, {}, {}", at(0), at(values.len() / 2), at(values.len().saturating_sub(1)))
}
