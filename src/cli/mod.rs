//! Arguments → client → exit code.
//!
//! ```text
//!   args ─▶ Surroundings (clock, machine, environment: read here and nowhere else)
//!        ─▶ one file a command ─▶ Say (plain lines, or one JSON object a line)
//!        ─▶ 0 done, 1 failed, 2 wrong use
//! ```

mod alert;
mod augment;
mod backbone;
mod board;
mod boxes;
mod brew;
mod compare;
mod config;
mod doctor;
mod edit;
mod editor;
mod ensemble;
mod explain;
mod export;
mod failure;
mod gc;
mod lb;
mod metric;
mod new;
mod note;
mod outliers;
mod pack;
mod plan;
mod plot;
mod post;
mod predict;
mod queries;
mod queue;
mod replay;
mod report;
mod reproduce;
mod review;
mod run;
mod say;
mod set;
mod sheet;
mod shell;
mod spare;
mod submit;
mod surroundings;
mod synth;
mod tune;
mod verify;
mod weave;
mod why;
mod workbench;
mod worker;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};
use toji::base::Cancel;
use toji::session::{Photos, Project, Recipe, Surroundings};

use failure::Failure;
use say::Say;

/// A literate terminal workbench for image-retrieval competitions.
///
/// Without a command it opens the workbench on the project in this folder: the recipes in recipes/ and the
/// facts in toji.toml. Training runs in a worker of its own, which outlives the terminal.
#[derive(Parser)]
#[command(name = "toji", version, max_term_width = 100)]
#[command(
    after_help = "Exit codes: 0 done, 1 failed, 2 wrong use; reproduce has more of its own. docs/reference.md has every key, technique and JSON field."
)]
struct Args {
    /// The project's folder: the one that holds toji.toml. Default: this folder, or the nearest above it.
    #[arg(long, global = true, value_name = "DIR")]
    project: Option<PathBuf>,
    /// Print one JSON object a line instead of text.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Run recipes here and now, with a progress bar.
    Run(run::Args),
    /// Take many recipes up their ladders: all on the first rung, then only those that may still win.
    Brew(brew::Args),
    /// Ask other deciders about the trainings as they went: what would each have saved or lost?
    Replay(replay::Args),
    /// Show the recipes as a table: filtered, sorted, with the columns that you ask for.
    Board(board::Args),
    /// Show what would run, why, and what it would take. Runs nothing.
    Plan(plan::Args),
    /// Show what runs and waits, with what is left; `add`, `pause`, `resume`, `stop`, `first`, `up`, `down` change it.
    ///
    /// A deadline under [leaderboard] of toji.toml says of each job whether it ends in time. A pause lets what runs stop at its next clean place,
    /// from which it goes on; it holds until it is taken away, whatever is started again meanwhile.
    Queue(queue::Args),
    /// Do the queue's work, detached from the terminal. The workbench starts it by itself.
    Worker(worker::Args),
    /// Explain a table, a key or a technique.
    Explain(explain::Args),
    /// List the networks, or say what one costs and measure it here.
    Backbone(backbone::Args),
    /// Show training photos before and after a recipe's augmentation, as a PNG.
    Augment(augment::Args),
    /// Write a table of boxes: where a trained recipe's networks look in each photo.
    Boxes(boxes::Args),
    /// Show each held-out query of a recipe with its answers: worst first, or what another recipe lost and won.
    Queries(queries::Args),
    /// Compare two to six recipes: only what differs, scores with paired differences, cost, and the queries that moved.
    Compare(compare::Args),
    /// Show photos of a label, a fold, a role, by id, or a query with its answers, as a PNG or an HTML page.
    Sheet(sheet::Args),
    /// Draw the curves of recipes as SVG or PNG.
    Plot(plot::Args),
    /// Change one value of a recipe: comments, layout and all other bytes stay. Checked as a save is, before it is written.
    Set(set::Args),
    /// Append a dated note (UTC) to a recipe's prose. It changes no key, so nothing runs again.
    Note(note::Args),
    /// Write a recipe's page with its outputs as Markdown, pictures beside it: the whole story for GitHub.
    ///
    /// Prose and cells stand as written; under each cell what its stages last gave, as the workbench shows it. What belongs to an older text says so,
    /// with the reason. Nothing is run.
    Weave(weave::Args),
    /// Write all that was recorded of a recipe as a report: HTML, Markdown or Word, in English or Japanese.
    ///
    /// What it reaches, the recipe as written, what was tried and what came of it, curves, folds, post steps, members, the leaderboard, the data, queries with their
    /// photos, ablations, costs, environment and licences. Nothing is typed twice, and nothing is invented: what was not recorded is marked as missing.
    Report(report::Args),
    /// Weigh the steps of [post]: each alone, in its place, and left out.
    Post(post::Args),
    /// Weigh the members of an ensemble: each alone, and the others without it.
    Ensemble(ensemble::Args),
    /// Search for a chain of post steps that suits the held-out queries, with its honest gain.
    Tune(tune::Args),
    /// Find out how a leaderboard computes its number.
    Metric(metric::Args),
    /// Write a recipe's submission and note it in ledger.jsonl.
    Submit(submit::Args),
    /// Write what other machines read: a recipe's networks with all that they answer by.
    Export(export::Args),
    /// Answer for pictures never seen, from packed weights alone: no project is needed.
    Predict(predict::Args),
    /// Pack a solution as a host wants it: weights, recipes, documents and all that makes it again, in one zip.
    ///
    /// The host's fields are filled from what was recorded; what only the author knows is read from solution.md (--questions HOST writes its headings). Missing
    /// answers are listed, never invented. docs/pack.md has the fields of each host.
    Pack(pack::Args),
    /// Make a submission again, from its pack or its lock, on this machine or another, and say how it compares.
    ///
    /// Looks first whether toolchain, data and weights are those of then, and names what differs. Then it trains what is not there (or only predicts, by the packed
    /// weights) in a folder of its own, and compares scores and the submission's bytes: the same, within tolerance with the reason, or different.
    Reproduce(reproduce::Args),
    /// Show submissions beside the leaderboard, with what is to come; `add` notes what it showed.
    ///
    /// The table has each file with its score in cross-validation (CV), the public leaderboard's, their difference (gap), and the forecast of
    /// the private score with its 95 % interval. Below it: how the leaderboard agrees with CV, which submissions do not fit in, what may
    /// still be handed in, and which finals are best kept together. docs/ledger.md says how it is computed.
    Lb(lb::Args),
    /// Say which submissions shall be judged and which would be best; `mark` and `unmark` choose.
    Final(lb::FinalArgs),
    /// List training photos that are mostly wrongly labelled: far from their label's dominant sub-center.
    Outliers(outliers::Args),
    /// List photos that are worth a look: wrong labels, copies, leaks, several or small objects, poor pictures, odd labels.
    ///
    /// Works before any training, on pictures alone or with the network as it begins, and gets better with each rung that is trained. The newest
    /// review of each recipe is kept, and shown by the workbench.
    Review(review::Args),
    /// Decide about photos: keep, drop, relabel, crop, group; written to edits.csv.
    ///
    /// The tables are never touched: edits.csv lies beside toji.toml, is text for git, and is applied whenever the tables are read. A decision
    /// is part of the keys, so the plan says what runs again for it.
    Edit(edit::Args),
    /// Make a project around your own tables.
    New(new::Args),
    /// Draw a set of bottles with known truth, or score a submission for it as a host would.
    Synth(synth::Args),
    /// Show what of the store nobody needs any more, and remove it with --yes.
    Gc(gc::Args),
    /// Read every picture again to its last pixel: name those that changed behind what is remembered, and damaged ones.
    Verify,
    /// Open the workbench on what runs now, or on a recipe: several may look at once, and closing one stops nothing.
    Attach(workbench::Attach),
    /// Print what makes a shell complete commands, options and recipes.
    ///
    /// bash: source <(toji completions bash) in ~/.bashrc; zsh: source <(toji completions zsh) in ~/.zshrc; fish: toji completions fish | source in
    /// ~/.config/fish/config.fish.
    Completions(shell::Completions),
    /// Write manual pages, one for each command.
    Man(shell::Man),
    /// Say what is found here: the terminal and how it shows pictures, the machine, the project, the disk.
    Doctor,
}

/// What every command gets.
struct Context {
    /// Where to look for the project.
    root: Option<PathBuf>,
    /// The folder in which the program was started.
    here: PathBuf,
    around: Surroundings,
    say: Say,
}

impl Context {
    /// The project's folder: the one that was named, or the nearest one that holds `toji.toml`.
    fn root(&self) -> Result<PathBuf, Failure> {
        let facts = toji::session::project::FACTS;
        match &self.root {
            Some(root) if self.here.join(root).join(facts).is_file() => Ok(self.here.join(root)),
            Some(root) => Err(Failure::usage(format!("{} has no {facts}", root.display()))
                .hint("name the folder that holds it, or make one with: toji new DIR")),
            None => {
                let found = self.here.ancestors().find(|folder| folder.join(facts).is_file()).map(Path::to_path_buf);
                found.ok_or_else(|| {
                    Failure::usage(format!("no {facts} here or above"))
                        .hint("make a project around your tables with: toji new DIR")
                        .hint("or name a project's folder with: --project DIR")
                })
            }
        }
    }

    /// The project, opened.
    fn project(&self) -> Result<Project, Failure> {
        Project::open(&self.root()?, &self.around).map_err(|found| Failure::diagnostics(&found, &self.say))
    }

    /// The user's command for what happened, ready to hear; `None` where none is set.
    fn alerts(&self, complain: impl Fn(&str) + Send + 'static) -> Result<Option<alert::Alerts>, Failure> {
        let config = config::read().map_err(|found| Failure::diagnostics(&found, &self.say))?;
        Ok(config.on_event.map(|words| alert::Alerts::new(&words, complain)))
    }

    /// [`Context::alerts`] that complains on standard error.
    fn alerts_here(&self) -> Result<Option<alert::Alerts>, Failure> {
        let say = self.say.clone();
        self.alerts(move |text| say.error(&format!("note: {text}")))
    }

    /// The project with one recipe, which has no mistakes, and the photos.
    fn opened(&self, recipe: &str, cancel: &Cancel) -> Result<(Project, Recipe, Photos), Failure> {
        let project = self.project()?;
        let recipe = project.recipe(recipe)?;
        if recipe.is_broken() {
            return Err(Failure::diagnostics(&recipe.diagnostics, &self.say));
        }
        let photos = Photos::read(&project, &self.say, cancel)?;
        self.say.wipe();
        Ok((project, recipe, photos))
    }
}

/// Reads the arguments and does what they say.
pub fn run() -> ExitCode {
    // A shell that asks what a word may become is answered, and nothing else is done.
    clap_complete::CompleteEnv::with_factory(Args::command).var(shell::ASKED).complete();
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => {
            let wrong = error.use_stderr();
            // A closed pipe is no reason to complain about a help page.
            let lost = error.print().is_err_and(|error| error.kind() != std::io::ErrorKind::BrokenPipe);
            return ExitCode::from(if wrong { 2 } else { u8::from(lost) });
        }
    };
    if matches!(args.command, Some(Command::Worker(_))) {
        // First of all: from here on a closed terminal does not reach the worker. Started by hand in a shell
        // it leads its group already and stays in its session.
        let _ = rustix::process::setsid();
    }
    let say = Say::new(args.json, surroundings::is_ascii());
    let done = surroundings::here().and_then(|(around, here)| {
        let context = Context { root: args.project, here, around, say: say.clone() };
        match args.command {
            None => workbench::open(&context, None),
            Some(Command::Attach(args)) => workbench::attach(&context, &args),
            Some(Command::Completions(args)) => shell::completions(&context, &args),
            Some(Command::Man(args)) => shell::man(&context, &args),
            Some(Command::Run(args)) => run::run(&context, &args),
            Some(Command::Brew(args)) => brew::run(&context, &args),
            Some(Command::Replay(args)) => replay::run(&context, &args),
            Some(Command::Report(args)) => report::report(&context, &args),
            Some(Command::Board(args)) => board::board(&context, &args),
            Some(Command::Plan(args)) => plan::plan(&context, &args),
            Some(Command::Queue(args)) => queue::queue(&context, &args),
            Some(Command::Worker(args)) => worker::work(&context, &args),
            Some(Command::Explain(args)) => explain::explain(&context, &args),
            Some(Command::Backbone(args)) => backbone::backbone(&context, &args),
            Some(Command::Augment(args)) => augment::augment(&context, &args),
            Some(Command::Boxes(args)) => boxes::boxes(&context, &args),
            Some(Command::Queries(args)) => queries::queries(&context, &args),
            Some(Command::Compare(args)) => compare::run(&context, &args),
            Some(Command::Sheet(args)) => sheet::sheet(&context, &args),
            Some(Command::Plot(args)) => plot::plot(&context, &args),
            Some(Command::Set(args)) => set::set(&context, &args),
            Some(Command::Note(args)) => note::note(&context, &args),
            Some(Command::Weave(args)) => weave::weave(&context, &args),
            Some(Command::Post(args)) => post::run(&context, &args),
            Some(Command::Ensemble(args)) => ensemble::run(&context, &args),
            Some(Command::Tune(args)) => tune::run(&context, &args),
            Some(Command::Metric(args)) => metric::run(&context, &args),
            Some(Command::Submit(args)) => submit::submit(&context, &args),
            Some(Command::Export(args)) => export::run(&context, &args),
            Some(Command::Predict(args)) => predict::run(&context, &args),
            Some(Command::Pack(args)) => pack::run(&context, &args),
            Some(Command::Reproduce(args)) => reproduce::run(&context, &args),
            Some(Command::Lb(args)) => lb::lb(&context, &args),
            Some(Command::Final(args)) => lb::finals(&context, &args),
            Some(Command::Outliers(args)) => outliers::outliers(&context, &args),
            Some(Command::Review(args)) => review::review(&context, &args),
            Some(Command::Edit(args)) => edit::edit(&context, &args),
            Some(Command::Gc(args)) => gc::run(&context, &args),
            Some(Command::New(args)) => new::new(&context, &args),
            Some(Command::Synth(args)) => synth::synth(&context, &args),
            Some(Command::Verify) => verify::verify(&context),
            Some(Command::Doctor) => doctor::doctor(&context),
        }
    });
    let code = match done {
        Ok(()) => 0,
        Err(failure) => {
            failure.tell(&say);
            failure.code
        }
    };
    match say.lost() {
        Some(error) => {
            say.error(&format!("toji: the output could not be written: {error}"));
            ExitCode::from(code.max(1))
        }
        None => ExitCode::from(code),
    }
}
