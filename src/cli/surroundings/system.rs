//! What the system around the program may do to long work: what `toji doctor` looks for.
//!
//! Each finding says what is there, whether that is well, and what to do where it is not. Files and programs that are missing are no findings.

use std::path::Path;
use std::process::{Command, Stdio};

use serde::Serialize;
use toji::base::text::bytes;

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What: "locale", "file system", …
    pub name: &'static str,
    /// What was found.
    pub found: String,
    /// What to do about it; `None` where all is well.
    pub advice: Option<String>,
}

impl Finding {
    fn well(name: &'static str, found: impl Into<String>) -> Finding {
        Finding { name, found: found.into(), advice: None }
    }

    fn care(name: &'static str, found: impl Into<String>, advice: impl Into<String>) -> Finding {
        Finding { name, found: found.into(), advice: Some(advice.into()) }
    }
}

/// Looks at everything. `folder` is the project's, `watched` how many folders the workbench watches, `free` the bytes left there.
pub fn findings(folder: &Path, watched: usize, free: Option<u64>) -> Vec<Finding> {
    let var = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let mut all = vec![locale(&var), font(&var)];
    all.extend(free.map(disk));
    all.push(file_system(folder));
    all.extend(inotify(watched, |name| number(&format!("/proc/sys/fs/inotify/{name}"))));
    all.extend(log_out(&var));
    all.push(card());
    all
}

/// Whether names in any script are shown and sorted as UTF-8.
fn locale(var: &dyn Fn(&str) -> Option<String>) -> Finding {
    let found = ["LC_ALL", "LC_CTYPE", "LANG"].iter().find_map(|name| Some(format!("{name}={}", var(name)?)));
    match found {
        Some(found) if found.to_ascii_lowercase().replace('-', "").contains("utf8") => Finding::well("locale", found),
        Some(found) => Finding::care(
            "locale",
            format!("{found}: only ASCII is drawn, and Japanese names may not be shown"),
            "export LC_ALL=C.UTF-8 (or ja_JP.UTF-8) before starting toji, also on the far side of ssh",
        ),
        None => Finding::well("locale", "none set; UTF-8 is taken for granted"),
    }
}

/// What the terminal's font must have, which no program can ask for.
fn font(var: &dyn Fn(&str) -> Option<String>) -> Finding {
    let sign = "Braille \u{28ff}, boxes \u{2500}\u{2502}, half blocks \u{2580}, Japanese \u{9152}";
    match var("TERM").as_deref() {
        Some("linux") => Finding::care(
            "font",
            "the console's, without Braille and Japanese",
            "use a terminal window or ssh from one; curves are drawn with letters here",
        ),
        _ => Finding::well("font", format!("these must not be boxes or question marks: {sign}")),
    }
}

/// The system's own name and version: "Debian GNU/Linux 12 (bookworm)".
pub fn release() -> Option<String> {
    let text = std::fs::read_to_string("/etc/os-release").ok()?;
    text.lines()
        .find_map(|line| line.strip_prefix("PRETTY_NAME="))
        .map(|name| name.trim_matches(['"', '\'']).to_owned())
}

/// Bytes of memory that the machine has.
pub fn installed_memory() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let kib = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?.split_whitespace().next()?;
    kib.parse::<u64>().ok().map(|kib| kib * 1024)
}

/// Less than this is soon full of checkpoints.
const LITTLE: u64 = 5_000_000_000;

fn disk(free: u64) -> Finding {
    let found = format!("{} free", bytes(free));
    match free < LITTLE {
        true => Finding::care("disk", found, "toji gc shows what nobody needs any more, toji gc --yes removes it"),
        false => Finding::well("disk", found),
    }
}

/// On what the project lies: the nearest mount above it.
fn file_system(folder: &Path) -> Finding {
    let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let folder = std::fs::canonicalize(folder).unwrap_or_else(|_| folder.to_owned());
    match kind_of(&mounts, &folder) {
        None => Finding::well("file system", "unknown"),
        Some(kind) if NETWORK.iter().any(|name| kind.starts_with(name)) => Finding::care(
            "file system",
            format!("{kind}, over a network: saves are seen by looking once a second"),
            "keep the project, or at least .toji, on a local disk: locks and speed depend on the server",
        ),
        Some(kind) => Finding::well("file system", kind),
    }
}

/// File systems that tell a watcher nothing of what other machines change, or whose locks are the server's.
const NETWORK: [&str; 10] = ["nfs", "cifs", "smb", "sshfs", "fuse.sshfs", "fuse.rclone", "9p", "afs", "ceph", "lustre"];

/// The type of the mount that holds a folder; of `/proc/self/mounts`, whose names have spaces written as `\040`.
fn kind_of(mounts: &str, folder: &Path) -> Option<String> {
    let mount = |line: &str| {
        let mut fields = line.split(' ').skip(1);
        let (place, kind) = (fields.next()?.replace("\\040", " "), fields.next()?.to_owned());
        folder.starts_with(&place).then_some((place.len(), kind))
    };
    // Of two at the same place the later one is seen.
    mounts.lines().filter_map(mount).max_by_key(|(long, _)| *long).map(|(_, kind)| kind)
}

fn number(file: &str) -> Option<u64> {
    std::fs::read_to_string(file).ok()?.trim().parse().ok()
}

/// Whether the system lets the workbench watch its folders.
fn inotify(watched: usize, limit: impl Fn(&str) -> Option<u64>) -> Option<Finding> {
    let (watches, instances) = (limit("max_user_watches")?, limit("max_user_instances")?);
    let found = format!("{watched} folders are watched, {watches} may be, by {instances} programs");
    if watches < 8_192 || instances < 64 {
        let advice = "sudo sysctl fs.inotify.max_user_watches=524288 fs.inotify.max_user_instances=512; without, saves are seen a second later";
        return Some(Finding::care("watches", found, advice));
    }
    Some(Finding::well("watches", found))
}

/// Whether the system ends what a user has left running when they log out.
fn log_out(var: &dyn Fn(&str) -> Option<String>) -> Option<Finding> {
    let read = |file: &Path| std::fs::read_to_string(file).unwrap_or_default();
    let mut text = read(Path::new("/etc/systemd/logind.conf"));
    for folder in ["/usr/lib/systemd/logind.conf.d", "/etc/systemd/logind.conf.d"] {
        let mut files: Vec<_> =
            std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
        files.sort();
        files.iter().for_each(|file| text = format!("{text}\n{}", read(file)));
    }
    if text.trim().is_empty() {
        return None;
    }
    let lingers = || {
        let user = var("USER").or_else(|| var("LOGNAME")).unwrap_or_default();
        !user.is_empty() && Path::new("/var/lib/systemd/linger").join(user).exists()
    };
    Some(match kills(&text) && !lingers() {
        true => Finding::care(
            "log-out",
            "KillUserProcesses=yes: the worker is killed when the last session ends",
            "loginctl enable-linger, and start it with: systemd-run --user --scope toji worker",
        ),
        false => Finding::well("log-out", "the worker goes on"),
    })
}

/// The last setting counts; systemd's own default is no.
fn kills(text: &str) -> bool {
    let last = text.lines().rev().find_map(|line| line.trim().strip_prefix("KillUserProcesses="));
    last.is_some_and(|value| matches!(value.trim().to_ascii_lowercase().as_str(), "yes" | "true" | "1" | "on"))
}

/// The card and its driver, as nvidia-smi tells them.
fn card() -> Finding {
    let mut command = Command::new("nvidia-smi");
    command.args(["--query-gpu=name,driver_version,memory.total", "--format=csv,noheader"]).stdin(Stdio::null());
    match command.stderr(Stdio::null()).output() {
        Ok(out) if out.status.success() => {
            let cards = String::from_utf8_lossy(&out.stdout).trim().lines().collect::<Vec<_>>().join("; ");
            match cfg!(feature = "cuda") {
                true => Finding::well("card", cards),
                false => Finding::care(
                    "card",
                    format!("{cards}; this program was built for the processor alone"),
                    "build it with --features cuda to train on the card",
                ),
            }
        }
        Ok(_) => Finding::care("card", "nvidia-smi fails: the driver does not answer", "nvidia-smi says why"),
        Err(_) => Finding::well("card", "no nvidia-smi: training runs on the processor"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_mount_counts_and_of_two_at_a_place_the_later() {
        let mounts = "/dev/vda / ext4 rw 0 0\nserver:/srv /srv nfs4 rw 0 0\ntmpfs /srv/my\\040data tmpfs rw 0 0\n/dev/b /mnt xfs rw 0 0\nx /mnt cifs rw 0 0\n";
        let kind = |folder: &str| kind_of(mounts, Path::new(folder));
        assert_eq!(kind("/work").as_deref(), Some("ext4"));
        assert_eq!(kind("/srv/me/sake").as_deref(), Some("nfs4"));
        assert_eq!(kind("/srvs").as_deref(), Some("ext4"), "by whole names");
        assert_eq!(kind("/srv/my data/sake").as_deref(), Some("tmpfs"));
        assert_eq!(kind("/mnt/x").as_deref(), Some("cifs"));
        assert_eq!(kind_of("", Path::new("/")), None);
        assert_eq!(kind_of("broken\n", Path::new("/")), None);
    }

    #[test]
    fn the_last_setting_of_logind_counts() {
        assert!(!kills("[Login]\n#KillUserProcesses=yes\n"));
        assert!(kills("[Login]\nKillUserProcesses=yes\n"));
        assert!(!kills("KillUserProcesses=yes\nKillUserProcesses=no\n"));
    }

    #[test]
    fn little_room_and_a_plain_locale_come_with_advice() {
        assert!(disk(1_000_000).advice.is_some() && disk(LITTLE).advice.is_none());
        let with = |value: &'static str| locale(&move |name: &str| (name == "LANG").then(|| value.to_owned()));
        assert!(with("C").advice.is_some());
        assert!(with("ja_JP.UTF-8").advice.is_none());
        assert!(locale(&|_| None).advice.is_none());
        let limits = |watches: u64| inotify(3, move |name| Some(if name.ends_with("watches") { watches } else { 128 }));
        assert!(limits(100).unwrap().advice.is_some() && limits(65_536).unwrap().advice.is_none());
        assert_eq!(inotify(3, |_| None), None);
    }
}
