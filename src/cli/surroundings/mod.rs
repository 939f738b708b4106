//! The clock, the machine, the environment: read here, passed on as values.
//!
//! - [`load`]: what this process takes of the machine;
//! - [`system`]: what the system around the program may do to long work.

#![expect(clippy::disallowed_methods, reason = "this is the one place that asks the surroundings")]

mod load;
pub mod system;

use std::fs::File;
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, OnceLock};
use std::time::{SystemTime, UNIX_EPOCH};

use toji::base::{Cancel, Clock, Key, Time, Value};
use toji::learn::backbone::hub::Hub;
use toji::learn::ops::Processor;
use toji::session::Surroundings;

use super::failure::Failure;
use crate::tui::{Charset, Colour, Editor, Options, Theme, Tmux, Wanted, Way, has_placeholders};

/// The system's clock.
#[derive(Default)]
struct System {
    hours: OnceLock<f64>,
}

impl Clock for System {
    fn now(&self) -> Time {
        Time(SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64()))
    }

    /// As the system's own command says; UTC where there is none. Asked once, and only by who shows a time.
    fn hours(&self) -> f64 {
        *self.hours.get_or_init(|| {
            let said = Command::new("date").arg("+%z").output().ok().filter(|out| out.status.success());
            said.and_then(|out| offset(String::from_utf8_lossy(&out.stdout).trim())).unwrap_or(0.0)
        })
    }
}

/// Hours of "+0900".
fn offset(text: &str) -> Option<f64> {
    let (sign, digits) = text.split_at_checked(1)?;
    let sign = match sign {
        "+" => 1.0,
        "-" => -1.0,
        _ => return None,
    };
    let (hours, minutes) = digits.split_at_checked(2)?;
    Some(sign * (hours.parse::<f64>().ok()? + minutes.parse::<f64>().ok()? / 60.0))
}

/// The user's own settings: the file that is meant, whether it is there or not; `None` where nobody has a home.
pub fn config_file() -> Option<PathBuf> {
    config_in(&|name| std::env::var_os(name).map(PathBuf::from))
}

fn config_in(var: &dyn Fn(&str) -> Option<PathBuf>) -> Option<PathBuf> {
    // A relative path in these means a mistake of whoever set them (XDG's own rule).
    let folder = |name: &str| var(name).filter(|path| path.is_absolute());
    let own = folder("TOJI_CONFIG_HOME");
    let shared = || folder("XDG_CONFIG_HOME").map(|path| path.join("toji"));
    let usual = || folder("HOME").map(|path| path.join(".config").join("toji"));
    own.or_else(shared).or_else(usual).map(|path| path.join("config.toml"))
}

/// At most so much of a dirty diff is kept in a lock file.
const LONGEST_DIFF: usize = 256 * 1024;

/// What the library may not ask for, and the folder in which the program was started.
pub fn here() -> Result<(Surroundings, PathBuf), Failure> {
    let here = std::env::current_dir()?;
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let cpu = cpu();
    let command: Vec<String> = std::env::args().collect();
    let wish = std::env::var("TOJI_DEVICE").unwrap_or_else(|_| "auto".to_owned());
    let processor = Processor::choose(&wish).map_err(|error| Failure::usage(format!("TOJI_DEVICE: {error}")))?;
    let machine = format!("{cpu}, {threads} threads");
    let card = processor.clone();
    let facts =
        Arc::new(move |root: &Path| facts(root, &cpu, threads, if card.is_cpu() { "none used" } else { card.name() }));
    let hub = Hub::from_environment(&|name| std::env::var_os(name));
    let (clock, pid, load) = (Arc::new(System::default()), std::process::id(), load::reader(&processor));
    // In the foreground, prints belong to whoever looks at the terminal.
    let prints = Arc::new(|_: &Path, _: bool| ());
    Ok((Surroundings { clock, machine, processor, threads, pid, command, hub, facts, load, prints }, here))
}

/// The crates that the program is made of.
const CRATES: &str = include_str!("../../../Cargo.lock");

/// What `recipe.lock.toml` keeps of this machine and of the project's repository.
fn facts(root: &Path, cpu: &str, threads: usize, gpu: &str) -> Value {
    let mut facts = Value::table();
    let mut set = |name: &str, text: String| facts.set(name, Value::Text(text));
    set("toji", env!("CARGO_PKG_VERSION").to_owned());
    // Told by whoever builds it for others; a build script cannot tell a commit without building again after each.
    option_env!("TOJI_COMMIT").into_iter().for_each(|commit| set("toji_commit", commit.to_owned()));
    built().iter().for_each(|key| set("program", key.to_string()));
    set("rustc", env!("TOJI_RUSTC").to_owned());
    set("crates", Key::of_bytes(CRATES.as_bytes()).to_string());
    set("cpu", cpu.to_owned());
    set("gpu", gpu.to_owned());
    set("os", format!("{} {}", std::env::consts::OS, std::env::consts::ARCH));
    system::release().into_iter().for_each(|release| set("os_release", release));
    facts.set("threads", Value::Int(threads as i64));
    facts.set("packages", Value::List(packages().map(Value::Text).collect()));
    system::installed_memory().into_iter().for_each(|bytes| facts.set("memory", Value::Int(bytes as i64)));
    git(root, &mut facts);
    facts
}

/// BLAKE3 of the program's file, read once.
fn built() -> &'static Option<Key> {
    static BUILT: OnceLock<Option<Key>> = OnceLock::new();
    BUILT.get_or_init(|| Key::of_reader(File::open(program().ok()?).ok()?).ok())
}

/// The crates with their versions, as they stand in Cargo.lock: "blake3 1.8.7".
fn packages() -> impl Iterator<Item = String> {
    let of = |part: &str| {
        let field = |name: &str| {
            part.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(" = \"")?.strip_suffix('"'))
        };
        Some(format!("{} {}", field("name")?, field("version")?))
    };
    CRATES.split("[[package]]").skip(1).filter_map(of)
}

/// The processor's name.
fn cpu() -> String {
    let text = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name =
        text.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':').map(|(_, name)| name.trim()));
    name.map_or_else(|| std::env::consts::ARCH.to_owned(), str::to_owned)
}

/// Commit and dirty diff, where git is there and the folder is in a repository.
fn git(here: &Path, facts: &mut Value) {
    let ask = |args: &[&str]| -> Option<String> {
        let out = Command::new("git").arg("-C").arg(here).args(args).output().ok()?;
        out.status.success().then(|| String::from_utf8_lossy(&out.stdout).trim_end().to_owned())
    };
    if let Some(commit) = ask(&["rev-parse", "HEAD"]) {
        facts.set("commit", Value::Text(commit));
        let mut diff = ask(&["diff", "HEAD"]).unwrap_or_default();
        if diff.len() > LONGEST_DIFF {
            let end = (0..=LONGEST_DIFF).rev().find(|&i| diff.is_char_boundary(i)).unwrap_or(0);
            diff.truncate(end);
            diff.push_str("\n… cut off");
        }
        facts.set("dirty_diff", Value::Text(diff));
    }
}

/// What this process holds.
#[derive(Clone, Copy)]
pub struct Memory {
    /// Bytes now.
    pub now: u64,
    /// The most bytes since the last call.
    pub peak: u64,
}

/// The process's memory, where the system tells; the record of the peak begins anew.
pub fn memory() -> Option<Memory> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let bytes = |field: &str| -> Option<u64> {
        let line = status.lines().find(|line| line.starts_with(field))?;
        Some(line.split_whitespace().nth(1)?.parse::<u64>().ok()? * 1024)
    };
    let told = Memory { now: bytes("VmRSS:")?, peak: bytes("VmHWM:")? };
    // Where this is refused the peak is the process's.
    let _ = File::options().write(true).open("/proc/self/clear_refs").and_then(|mut refs| refs.write_all(b"5"));
    Some(told)
}

/// Whether output may have colours: the terminal has them and nobody said no.
pub fn wants_colour() -> bool {
    let said_no = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    !said_no && std::env::var("TERM").is_ok_and(|term| term != "dumb")
}

/// Whether only ASCII may be drawn: the locale is none of UTF-8, or Linux's own console has a font of few characters.
pub fn is_ascii() -> bool {
    let var = |name: &str| std::env::var(name).unwrap_or_default();
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].iter().map(|name| var(name)).find(|value| !value.is_empty());
    let utf8 = locale.is_none_or(|value| value.to_ascii_lowercase().replace('-', "").contains("utf8"));
    !utf8 || var("TERM") == "linux"
}

/// What the workbench must know of the terminal.
///
/// # Errors
/// Where `TOJI_PICTURES` or `TOJI_THEME` has a word that is not known.
pub fn terminal() -> Result<Options, Failure> {
    let var = |name: &str| std::env::var(name).unwrap_or_default();
    let term = var("TERM");
    let colour = match (wants_colour(), var("COLORTERM").as_str()) {
        (false, _) => Colour::None,
        (true, "truecolor" | "24bit") => Colour::True,
        (true, _) if term.contains("256") => Colour::Indexed,
        (true, _) => Colour::Sixteen,
    };
    let charset = if is_ascii() { Charset::Ascii } else { Charset::Unicode };
    let remote = ["SSH_CONNECTION", "SSH_CLIENT", "SSH_TTY"].iter().any(|name| !var(name).is_empty());
    let pictures = match var("TOJI_PICTURES").as_str() {
        "" => Wanted::Auto,
        word => Wanted::of(word).ok_or_else(|| {
            let words: Vec<&str> = Wanted::WORDS.iter().map(|(word, _)| *word).collect();
            Failure::usage(format!("TOJI_PICTURES: no {word:?}; there are {}", words.join(", ")))
        })?,
    };
    let theme = match var("TOJI_THEME").as_str() {
        "" => Theme::Usual,
        word => Theme::of(word).ok_or_else(|| {
            let words: Vec<&str> = Theme::ALL.iter().map(|(_, word)| *word).collect();
            Failure::usage(format!("TOJI_THEME: no {word:?}; there are {}", words.join(", ")))
        })?,
    };
    let answers = !matches!(term.as_str(), "" | "dumb" | "linux");
    let tmux = (!var("TMUX").is_empty()).then(|| tmux(&var("TMUX_PANE")));
    let seat = (std::process::id() % 31 + 1) as u8;
    let (suspend, way) = (Some(suspend as fn() -> std::io::Result<()>), Way::default());
    let edit = Some(super::editor::open as Editor);
    Ok(Options { colour, theme, charset, remote, suspend, edit, answers, pictures, tmux, seat, way })
}

/// What tmux says of itself and of the terminal around it; the least where it does not answer.
fn tmux(pane: &str) -> Tmux {
    let format = "#{allow-passthrough} #{client_termtype}";
    let mut command = Command::new("tmux");
    command.args(["display-message", "-p"]);
    if !pane.is_empty() {
        command.args(["-t", pane]);
    }
    let out = command.arg(format).stdin(std::process::Stdio::null()).output();
    let said = out.map(|out| String::from_utf8_lossy(&out.stdout).trim().to_owned()).unwrap_or_default();
    let (passthrough, around) = said.split_once(' ').unwrap_or((&said, ""));
    Tmux { passthrough: matches!(passthrough, "on" | "all" | "1" | "2"), placeholders: has_placeholders(around) }
}

/// The command of the user's editor, and what says so.
pub fn editor() -> (String, &'static str) {
    for name in ["VISUAL", "EDITOR"] {
        if let Some(command) = std::env::var(name).ok().filter(|command| !command.trim().is_empty()) {
            return (command, name);
        }
    }
    ("vi".to_owned(), "neither VISUAL nor EDITOR is set")
}

/// Stops this process until it is continued, as ctrl+z does.
fn suspend() -> std::io::Result<()> {
    let own = rustix::process::getpid();
    Ok(rustix::process::kill_process(own, rustix::process::Signal::TSTP)?)
}

/// Whether both ends are a terminal, so that a person can be asked.
pub fn is_interactive() -> bool {
    std::io::stdin().is_terminal() && std::io::stdout().is_terminal()
}

/// Whether the terminal takes nothing but lines: a dumb one shows escape sequences as they are.
pub fn is_dumb() -> bool {
    std::env::var("TERM").is_ok_and(|term| term == "dumb")
}

/// A wish to stop that ctrl+c and a polite kill set. A second ctrl+c ends the process at once.
pub fn stop_on_signals() -> Cancel {
    let cancel = Cancel::new();
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        // The first signal arms this one; where it cannot be registered the signal simply kills.
        let _ = signal_hook::flag::register_conditional_shutdown(signal, 1, cancel.flag());
        let _ = signal_hook::flag::register(signal, cancel.flag());
    }
    cancel
}

/// A wish to stop that a polite kill sets, for the workbench: there ctrl+c is a key, and while an editor has the terminal it is the editor's, which
/// the same signal reaches. So it ends nothing here.
pub fn stop_on_termination() -> Cancel {
    let cancel = Cancel::new();
    let _ = signal_hook::flag::register_conditional_shutdown(signal_hook::consts::SIGTERM, 1, cancel.flag());
    let _ = signal_hook::flag::register(signal_hook::consts::SIGTERM, cancel.flag());
    let _ = signal_hook::flag::register(signal_hook::consts::SIGINT, Arc::default());
    cancel
}

/// Bytes that may still be written where a folder is; `None` where the system does not say.
pub fn free(folder: &Path) -> Option<u64> {
    let found = rustix::fs::statvfs(folder).ok()?;
    found.f_bavail.checked_mul(found.f_frsize)
}

/// Where systems keep fonts with Japanese glyphs: Debian's and Fedora's Noto, IPA and Takao, macOS's Hiragino, Windows' Yu Gothic and Meiryo.
const FONTS: [&str; 17] = [
    "/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc",
    "/usr/share/fonts/noto-cjk/NotoSansCJK-Regular.ttc",
    "/usr/share/fonts/google-noto-cjk/NotoSansCJK-Regular.ttc",
    "/usr/share/fonts/google-noto-sans-cjk-fonts/NotoSansCJK-Regular.ttc",
    "/usr/share/fonts/google-noto-sans-cjk-vf-fonts/NotoSansCJK-VF.ttc",
    "/usr/share/fonts/truetype/fonts-japanese-gothic.ttf",
    "/usr/share/fonts/opentype/ipafont-gothic/ipag.ttf",
    "/usr/share/fonts/opentype/ipaexfont-gothic/ipaexg.ttf",
    "/usr/share/fonts/truetype/takao-gothic/TakaoGothic.ttf",
    "/usr/share/fonts/truetype/vlgothic/VL-Gothic-Regular.ttf",
    "/usr/share/fonts/TTF/ipag.ttf",
    "/opt/homebrew/share/fonts/NotoSansCJK-Regular.ttc",
    "/System/Library/Fonts/ヒラギノ角ゴシック W3.ttc",
    "/System/Library/Fonts/Hiragino Sans GB.ttc",
    "C:/Windows/Fonts/YuGothM.ttc",
    "C:/Windows/Fonts/meiryo.ttc",
    "C:/Windows/Fonts/msgothic.ttc",
];

/// Fonts for pictures with Japanese in them that are there: the user's own before the system's.
pub fn fonts() -> Vec<PathBuf> {
    let folder = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let home = || folder("HOME");
    let own = [
        folder("XDG_DATA_HOME").map(|data| data.join("fonts")),
        home().map(|home| home.join(".local/share/fonts")),
        home().map(|home| home.join(".fonts")),
        home().map(|home| home.join("Library/Fonts")),
    ];
    let files = |folder: PathBuf| std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let is_font = |path: &PathBuf| {
        let ending = path.extension().map(|ending| ending.to_string_lossy().to_ascii_lowercase());
        matches!(ending.as_deref(), Some("ttf" | "otf" | "ttc"))
    };
    let mut found: Vec<PathBuf> = own.into_iter().flatten().flat_map(files).filter(is_font).collect();
    found.sort();
    found.extend(FONTS.iter().map(PathBuf::from).filter(|path| path.is_file()));
    found
}

/// The program itself, to start the worker with.
pub fn program() -> std::io::Result<PathBuf> {
    std::env::current_exe()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_of_the_config_follows_its_own_then_xdgs_then_the_usual_one() {
        let found = |set: &[(&str, &str)]| {
            let var = |name: &str| set.iter().find(|(n, _)| *n == name).map(|(_, value)| PathBuf::from(value));
            config_in(&var).map(|path| path.display().to_string())
        };
        let (own, xdg, home) = (("TOJI_CONFIG_HOME", "/t"), ("XDG_CONFIG_HOME", "/x"), ("HOME", "/h"));
        assert_eq!(found(&[own, xdg, home]).as_deref(), Some("/t/config.toml"));
        assert_eq!(found(&[xdg, home]).as_deref(), Some("/x/toji/config.toml"));
        assert_eq!(
            found(&[("TOJI_CONFIG_HOME", ""), ("XDG_CONFIG_HOME", "x"), home]).as_deref(),
            Some("/h/.config/toji/config.toml")
        );
        assert_eq!(found(&[]), None);
    }

    #[test]
    fn offsets_are_hours() {
        assert_eq!(
            ["+0900", "-0330", "+0545", "", "UTC", "+é"].map(offset),
            [Some(9.0), Some(-3.5), Some(5.75), None, None, None]
        );
    }
}
