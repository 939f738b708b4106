//! What this process takes of the machine: processor time, memory, and the card that networks run on.
//!
//! Takes the system's own accounts (`/proc` on Linux, `nvidia-smi` beside an NVIDIA card); gives numbers, or nothing where the
//! system keeps none. Asked in the midst of a training, so it never waits: `nvidia-smi` takes a tenth of a second and more, so it is asked on
//! a thread of its own, at most every five seconds, and what it said last is told.

#![expect(clippy::disallowed_methods, reason = "what the environment says of the cards is read here")]

use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use toji::learn::ops::Processor;
use toji::session::Load;

/// How old what was said of a card may be before it is asked again.
const AGE: Duration = Duration::from_secs(5);

/// Linux counts processor time in hundredths of a second wherever a program sees it (`USER_HZ`).
const TICKS: f64 = 100.0;

/// Reads what the process takes, each time it is called.
pub fn reader(processor: &Processor) -> Arc<dyn Fn() -> Load + Send + Sync> {
    let processor = processor.clone();
    let visible = std::env::var("CUDA_VISIBLE_DEVICES").ok();
    let card = Arc::new(Mutex::new(Card::default()));
    Arc::new(move || {
        let own = processor.card().map(|number| ask(&card, &name(number, visible.as_deref()))).unwrap_or_default();
        Load { processor_seconds: processor_seconds(), memory: memory(), ..own }
    })
}

/// The last word about a card.
#[derive(Debug, Default)]
struct Card {
    said: Load,
    asked: Option<Instant>,
    /// The system has no `nvidia-smi`, or it failed.
    mute: bool,
}

/// What was last heard of a card; has it asked again when that is old.
fn ask(card: &Arc<Mutex<Card>>, name: &str) -> Load {
    let mut now = card.lock().unwrap_or_else(PoisonError::into_inner);
    if !now.mute && now.asked.is_none_or(|asked| asked.elapsed() > AGE) {
        now.asked = Some(Instant::now());
        let (card, name) = (Arc::clone(card), name.to_owned());
        // Without a thread to spare there is nothing to tell either.
        let _ = std::thread::Builder::new().name("card".to_owned()).spawn(move || {
            let said = nvidia(&name);
            let mut card = card.lock().unwrap_or_else(PoisonError::into_inner);
            card.mute = said.is_none();
            card.said = said.unwrap_or_default();
        });
    }
    now.said
}

/// A card as `nvidia-smi` calls it. A program that may see only some cards counts these.
fn name(number: usize, visible: Option<&str>) -> String {
    let listed = visible.and_then(|list| list.split(',').nth(number)).map(str::trim).filter(|name| !name.is_empty());
    listed.map_or_else(|| number.to_string(), str::to_owned)
}

fn nvidia(card: &str) -> Option<Load> {
    let mut command = Command::new("nvidia-smi");
    command.args(["--query-gpu=utilization.gpu,memory.used", "--format=csv,noheader,nounits", "--id"]).arg(card);
    let out = command.stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    out.status.success().then(|| card_line(&String::from_utf8_lossy(&out.stdout))).flatten()
}

/// `87, 10240`: per cent and MiB. What a card does not tell reads `[N/A]`.
fn card_line(text: &str) -> Option<Load> {
    let (busy, used) = text.lines().next()?.split_once(',')?;
    let used = used.trim().parse::<u64>().ok().map(|mib| mib << 20);
    let busy = busy.trim().parse::<f64>().ok().filter(|share| (0.0..=100.0).contains(share));
    Some(Load { gpu: busy, gpu_memory: used, ..Load::default() })
}

/// Seconds that all threads of this process have computed.
fn processor_seconds() -> Option<f64> {
    stat_seconds(&std::fs::read_to_string("/proc/self/stat").ok()?)
}

/// The fields 14 and 15 of `/proc/PID/stat`, in user and kernel mode. Field 2 is the program's name in parentheses and may hold anything.
fn stat_seconds(stat: &str) -> Option<f64> {
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let mut ticks = || fields.next()?.parse::<u64>().ok();
    Some((ticks()? + ticks()?) as f64 / TICKS)
}

/// Resident bytes of this process.
fn memory() -> Option<u64> {
    resident(&std::fs::read_to_string("/proc/self/status").ok()?)
}

fn resident(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(line.split_whitespace().next()?.parse::<u64>().ok()? << 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_are_read_as_the_system_writes_them() {
        let stat =
            "4242 (a) b) R 1 4242 4242 0 -1 4194560 2731 0 0 0 1234 66 0 0 20 0 9 0 88 123 45 18446744073709551615";
        assert_eq!(stat_seconds(stat), Some(13.0));
        assert_eq!((stat_seconds("1 (x) R 1"), stat_seconds("")), (None, None));
        assert_eq!(resident("Name:\ttoji\nVmRSS:\t  204800 kB\nThreads: 2\n"), Some(200 << 20));
        assert_eq!(resident("Name:\ttoji\n"), None);
    }

    #[test]
    fn cards_are_read_as_nvidia_smi_writes_them() {
        let card = |gpu, gpu_memory| Some(Load { gpu, gpu_memory, ..Load::default() });
        assert_eq!(card_line("87, 10240\n"), card(Some(87.0), Some(10 << 30)));
        assert_eq!(card_line("[N/A], 512\n"), card(None, Some(512 << 20)));
        assert_eq!((card_line(""), card_line("No devices were found")), (None, None));
        assert_eq!(name(1, None), "1");
        assert_eq!((name(1, Some("3, GPU-5ab")), name(0, Some(""))), ("GPU-5ab".to_owned(), "0".to_owned()));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_is_seen_to_work() {
        let read = reader(&Processor::cpu());
        let before = read();
        let mut sum = 0_u64;
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(5) && read().processor_seconds <= before.processor_seconds {
            sum = std::hint::black_box((0..1_000_000).fold(sum, |sum, i| sum.wrapping_mul(31).wrapping_add(i)));
        }
        let now = read();
        assert!(now.processor_seconds > before.processor_seconds, "{before:?} {now:?}");
        assert!(now.memory.is_some_and(|bytes| (1 << 20..1 << 40).contains(&bytes)), "{now:?}");
        assert_eq!((now.gpu, now.gpu_memory), (None, None), "no card is in use");
    }
}
