//! `toji queue`: what runs and waits, its order, its pause.
//!
//! Without a word it lists; the others ask for what the keys of the workbench's queue ask for, by the same files, so that either sees what the
//! other did.

use std::path::Path;

use clap::Subcommand;
use toji::base::text::{duration, plain};
use toji::dag::{Lane, Order};
use toji::session::brew::due;
use toji::session::command::Command;
use toji::session::snapshot::Snapshot;
use toji::session::survey::Survey;
use toji::session::survey::queue::{Entry, Standing};
use toji::show::table::{Align, Column, table};

use super::failure::Failure;
use super::{Context, worker};

/// Arguments.
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    wish: Option<Wish>,
}

#[derive(Subcommand)]
enum Wish {
    /// What runs, what waits in the order in which it is taken, what was lost; with what is left and when it ends. The usual one.
    List,
    /// Ask for a recipe, as `r` and `R` of the workbench do; the worker is started where none is.
    Add {
        /// The recipe: its name, or the path of its file.
        #[arg(value_name = "RECIPE")]
        recipe: String,
        /// How far up the ladder; the rung that it had last, at first holdout.
        #[arg(long, value_name = "RUNG")]
        rung: Option<String>,
    },
    /// What runs holds at its next clean place and goes back to the queue; nothing new starts, also after a restart.
    Pause,
    /// Let the queue go on.
    Resume,
    /// Stop a recipe's run at its next clean place, or take it out of the queue.
    Stop(Of),
    /// Put a recipe's waiting job before all others.
    First(Of),
    /// Move a recipe's waiting job up by one place.
    Up(Of),
    /// Move it down.
    Down(Of),
}

#[derive(clap::Args)]
struct Of {
    /// The recipe: its name, or the path of its file.
    #[arg(value_name = "RECIPE")]
    recipe: String,
}

/// Lists the queue, or changes it.
pub fn queue(context: &Context, args: &Args) -> Result<(), Failure> {
    let root = context.root()?;
    let mut survey = Survey::new(&root, &context.around, worker::launch(&root));
    let name = |recipe: &str| toji::session::recipe::name_of(Path::new(recipe));
    let recipe = |of: &Of| name(&of.recipe);
    if !matches!(args.wish, None | Some(Wish::List | Wish::Pause | Wish::Resume)) {
        // Which recipes there are.
        survey.read_texts();
    }
    let command = match &args.wish {
        None | Some(Wish::List) => return list(context, &mut survey),
        Some(Wish::Add { recipe, rung }) => Command::Run { recipe: name(recipe), rung: rung.clone() },
        Some(Wish::Pause) => Command::Pause,
        Some(Wish::Resume) => Command::Resume,
        Some(Wish::Stop(of)) => Command::Stop { recipe: recipe(of) },
        Some(Wish::First(of)) => Command::First { recipe: recipe(of) },
        Some(Wish::Up(of)) => Command::Shift { recipe: recipe(of), up: true },
        Some(Wish::Down(of)) => Command::Shift { recipe: recipe(of), up: false },
    };
    let said = survey.carry_out(&command)?.unwrap_or_default();
    if matches!(command, Command::Resume | Command::Run { .. }) {
        survey.keep_worker();
    }
    if context.say.is_json() {
        context.say.json(&serde_json::json!({ "said": said }));
    } else {
        context.say.line(&plain(&said));
    }
    Ok(())
}

fn list(context: &Context, survey: &mut Survey) -> Result<(), Failure> {
    let snapshot = survey.look_only(&context.say);
    context.say.wipe();
    let queue = &snapshot.queue;
    if context.say.is_json() {
        queue.jobs.iter().for_each(|job| context.say.json(job));
        context.say.json(&serde_json::json!({
            "paused": queue.paused, "deadline": queue.deadline, "jobs": queue.jobs.len(), "seconds": queue.rest().0,
        }));
        return Ok(());
    }
    if queue.jobs.is_empty() {
        context.say.line("nothing runs or waits");
    } else {
        let columns = [
            column("state", Align::Left, 0, 7),
            column("recipe", Align::Left, 0, 12),
            column("rung", Align::Left, 3, 7),
            column("lane", Align::Left, 4, 5),
            column("by", Align::Left, 5, 8),
            column("does", Align::Left, 2, 10),
            column("left", Align::Right, 0, 8),
            column("ends", Align::Left, 0, 16),
            column("", Align::Left, 1, 4),
        ];
        let rows: Vec<Vec<String>> = queue.jobs.iter().map(|job| cells(job, queue.hours)).collect();
        table(&columns, &rows, context.say.columns(120)).iter().for_each(|line| context.say.line(line));
    }
    notes(&snapshot).iter().for_each(|note| context.say.line(&plain(note)));
    Ok(())
}

fn column(title: &'static str, align: Align, spare: u8, least: usize) -> Column<'static> {
    Column { title, align, spare, least }
}

fn cells(job: &Entry, hours: f64) -> Vec<String> {
    let state = match job.state {
        Standing::Running => "running",
        Standing::Waiting => "waiting",
        Standing::Lost => "lost",
    };
    let rung = match job.order {
        Order::Run => job.rung.clone(),
        Order::Part => format!("{}, part", job.rung),
        Order::Review => "review".to_owned(),
    };
    let lane = match job.lane {
        Some(Lane::Cheap) => "cheap",
        Some(Lane::Dear) => "dear",
        None => "own",
    };
    let done = job.done.map(|done| format!(" {:.0} %", (100.0 * done).floor())).unwrap_or_default();
    let in_time = match job.in_time {
        Some(true) => "in time",
        Some(false) => "late",
        None => "",
    };
    let left = job.seconds.map_or_else(|| "?".to_owned(), duration);
    let ends = job.ends.map_or_else(|| "?".to_owned(), |end| end.clock(hours));
    let (recipe, by, doing) = (job.recipe.clone(), job.by.clone(), format!("{}{done}", job.doing));
    vec![state.to_owned(), recipe, rung, lane.to_owned(), by, doing, left, ends, in_time.to_owned()]
}

/// What else there is to say.
fn notes(snapshot: &Snapshot) -> Vec<String> {
    let queue = &snapshot.queue;
    let mut said = Vec::new();
    if let Some(since) = queue.paused {
        said.push(format!("paused since {}: toji queue resume lets it go on", since.clock(queue.hours)));
    }
    if queue.jobs.iter().any(|job| job.state == Standing::Lost) {
        said.push("lost: its worker died; toji run goes on from its checkpoint".to_owned());
    }
    if let Some(deadline) = queue.deadline {
        said.push(due::left(snapshot.at, deadline, queue.hours));
    }
    said
}
