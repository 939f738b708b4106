//! `toji queries --why`: which places make an answer like its query; and the process that finds it out for the workbench.
//!
//! The workbench holds no network: for each answer that is asked about, this program is started once more with `--why` and gives its answer as one line
//! ([`Why::line`]). Only the newest question counts: a process that works on an older one is ended.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use toji::base::Cancel;
use toji::base::text::{fit, plain};
use toji::session::errands::looking::queries::Queries;
use toji::session::errands::looking::why::{self, Asked, Why, Wish};
use toji::session::{Graph, Photos, Project, Recipe};
use toji::show::sheet::page;
use toji::show::sheet::places;

use super::failure::Failure;
use super::{Context, surroundings};

/// How often it is looked whether a process has ended, or is no longer needed.
const LOOK: Duration = Duration::from_millis(20);
/// The longest answer of a process that is read: two pictures of 4096 × 4096 have less.
const MOST: u64 = 256 << 20;

/// What the command was told about it.
#[derive(Debug)]
pub struct Told<'a> {
    /// "ID" or "ID:RANK".
    pub asked: &'a str,
    /// The training whose list is meant.
    pub training: Option<&'a str>,
    /// Pairs of places, at most.
    pub pairs: usize,
    /// Whether one line with all pixels is wanted.
    pub line: bool,
    /// The file to draw into, and the longer side of its pictures.
    pub out: Option<(PathBuf, u32)>,
    /// A font for it.
    pub font: Option<PathBuf>,
}

/// Says or draws why an answer stands where it does.
pub fn why(
    context: &Context,
    (project, recipe, photos): (&Project, &Recipe, &Photos),
    rung: Option<&str>,
    told: &Told<'_>,
) -> Result<(), Failure> {
    let graph = Graph::of(project, recipe, photos, &recipe.rung(rung)?)?;
    let queries = Queries::of(project, photos, &graph, &recipe.name)?;
    // An id may end with a colon and a number, too.
    let split = told.asked.rsplit_once(':').and_then(|(id, rank)| Some((id, rank.parse().ok()?)));
    let (id, rank) = match split {
        Some((id, rank)) if queries.find(id).is_some() || queries.find(told.asked).is_none() => (id, rank),
        _ => (told.asked, 1),
    };
    let asked = Asked { id, training: told.training, rank };
    let found = why::why(project, (recipe, photos, &graph), &queries, &asked, told.pairs, &Cancel::new())?;
    if told.line {
        context.say.line(&found.line()?);
        return Ok(());
    }
    let mut drawn = None;
    if let Some((out, size)) = &told.out {
        let wrote = page::write(&places::page(&found, *size), out, told.font.as_deref());
        drawn = Some(wrote.map_err(|error| Failure::failed(error.to_string()))?);
    }
    if context.say.is_json() {
        let mut object = serde_json::json!(found);
        object["file"] = serde_json::json!(told.out.as_ref().map(|(out, _)| out));
        context.say.json(&object);
        return Ok(());
    }
    if let (Some(drawn), Some((out, _))) = (&drawn, &told.out) {
        super::queries::said(context, drawn, out);
    }
    let columns = context.say.columns(160);
    let named = |seen: &toji::session::errands::looking::Seen| {
        format!("{}  {}  {}", seen.id, seen.label.as_deref().unwrap_or("no label"), seen.file.display())
    };
    context.say.line(&fit(&format!("query   {}", named(&found.query)), columns));
    context.say.line(&fit(&format!("answer  {}", named(&found.answer)), columns));
    places::told(&found).iter().for_each(|line| context.say.line(&plain(line)));
    places::pairs(&found).iter().for_each(|line| context.say.line(&format!("  {line}")));
    Ok(())
}

/// Answers what is asked, the newest question only, until nobody asks any more, or nobody takes: `give` says whether somebody does.
pub fn serve(root: &Path, asks: &Receiver<Wish>, give: impl Fn(Wish, Result<Why, String>) -> bool) {
    let mut next: Option<Wish> = None;
    loop {
        let wish = match next.take() {
            Some(wish) => wish,
            None => match asks.recv() {
                Ok(wish) => wish,
                Err(_) => return,
            },
        };
        let wish = asks.try_iter().last().unwrap_or(wish);
        let found = match start(root, &wish) {
            Ok(child) => match until_done(child, asks) {
                Done::Answer(found) => *found,
                Done::Newer(newer) => {
                    next = Some(newer);
                    continue;
                }
                Done::Nobody => return,
            },
            Err(error) => Err(format!("cannot start a process that looks: {error}")),
        };
        if !give(wish, found) {
            return;
        }
    }
}

/// How waiting for a process ended.
enum Done {
    Answer(Box<Result<Why, String>>),
    /// Something else is asked.
    Newer(Wish),
    /// Nobody asks any more.
    Nobody,
}

fn start(root: &Path, wish: &Wish) -> std::io::Result<Child> {
    let mut command = Command::new(surroundings::program()?);
    command.arg("--project").arg(root).current_dir(root).arg("queries");
    command.arg(format!("--why={}:{}", wish.id, wish.rank)).arg(format!("--training={}", wish.training));
    command.arg(format!("--rung={}", wish.rung)).arg("--pixels").arg("--").arg(&wish.recipe);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()
}

/// Everything that a stream gives, on a thread of its own, so that a full pipe stops nobody.
fn read(stream: Option<impl Read + Send + 'static>) -> std::thread::JoinHandle<Vec<u8>> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        // What was cut is no whole line, and says so.
        stream.map(|stream| stream.take(MOST).read_to_end(&mut bytes));
        bytes
    })
}

fn until_done(mut child: Child, asks: &Receiver<Wish>) -> Done {
    let (said, trouble) = (read(child.stdout.take()), read(child.stderr.take()));
    let text = |handle: std::thread::JoinHandle<Vec<u8>>| {
        String::from_utf8_lossy(&handle.join().unwrap_or_default()).into_owned()
    };
    loop {
        match child.try_wait() {
            Ok(Some(status)) if status.success() => return Done::Answer(Box::new(Why::of_line(text(said).trim()))),
            Ok(Some(_)) => return Done::Answer(Box::new(Err(first_words(&text(trouble))))),
            Ok(None) => {}
            Err(error) => return Done::Answer(Box::new(Err(error.to_string()))),
        }
        let done = match asks.recv_timeout(LOOK) {
            Err(RecvTimeoutError::Timeout) => continue,
            Ok(newer) => Done::Newer(newer),
            Err(RecvTimeoutError::Disconnected) => Done::Nobody,
        };
        // It writes nothing that matters, so that it may end anywhere.
        let _ = child.kill();
        let _ = child.wait();
        return done;
    }
}

/// What an error said, on one line, without the word that begins it.
fn first_words(text: &str) -> String {
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    match lines.join(" ").strip_prefix("error: ").unwrap_or(&lines.join(" ")) {
        "" => "the process that looked ended without a word".to_owned(),
        words => fit(&plain(words), 400),
    }
}
