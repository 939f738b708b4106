//! `toji export`: what other machines and tools read.
//!
//! - [`weights`]: all that a recipe answers by, for `toji predict`;
//! - [`tables`]: runs, curves, ranks and embeddings as Parquet or CSV;
//! - [`folders`]: trainings as TensorBoard's event files and wandb's offline runs;
//! - [`backbone`]: a network as timm takes it.

mod backbone;
mod folders;
mod tables;
mod weights;

use toji::show::ShowError;

use super::Context;
use super::failure::Failure;

/// Arguments.
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(clap::Subcommand)]
enum What {
    /// Pack all that a recipe answers by into one safetensors file, for `toji predict`.
    ///
    /// The file has the weights of every network that answers by [final], how pictures come to them, the post steps with the labelled photos that they
    /// go by, and, of an ensemble, the weights of its members. It needs no project and no photo. Networks that are not trained yet are trained first.
    Weights(weights::Args),
    /// Write a row for each run: recipe, rung, state, score with its interval, times, settings, keys.
    ///
    /// Columns: recipe, run, rung, state, reason, metric, score, low, high, queries, started, ended, seconds, attempts, machine, seed, recipe_key,
    /// score_key, and as JSON folds, keys, settings. Times are seconds since 1970 (UTC); settings are those that the run set out with.
    Runs(tables::Told),
    /// Write a row for each point of each curve.
    ///
    /// Columns: recipe, run, fold, seed, series, step (of the optimiser), epoch, time (seconds since 1970, UTC), running (seconds of work), value. A
    /// training that was found in the store has the series of the run that made it.
    Curves(tables::Told),
    /// Write a row for each held-out query: the rank of its first right answer, what it is worth, its answers.
    ///
    /// Columns: recipe, rung, training, fold, seed, query, label, first, relevant, score, and as lists, best first, answers, hits, similarities. In a
    /// .csv lists are JSON.
    Ranks(tables::Ranks),
    /// Write a row for each photo that a network has embedded: id, role, label, vector.
    ///
    /// Columns: recipe, rung, training, id, role, label, vector. In .parquet the vector is a list of 32-bit numbers of a fixed length; in .csv it is a
    /// column for each number, e0, e1, and so on. It is what the network gives, before the post steps.
    Embeddings(tables::Embeddings),
    /// Write event files that TensorBoard reads: a folder for each training.
    ///
    /// DIR/RECIPE/RUN/TRAINING/events.out.tfevents.…: every series at its step and wall time, and the settings for the HPARAMS tab. Look at them with:
    /// tensorboard --logdir DIR
    Tensorboard(folders::Args),
    /// Write the folders that wandb leaves where it is offline: one for each training.
    ///
    /// DIR/wandb/offline-run-…/run-….wandb: the settings as config, history, summary, end. Nothing is sent. Look at them with: wandb leet DIR/wandb;
    /// send them, if you want to, with: cd DIR && wandb sync wandb/offline-run-*
    Wandb(folders::Args),
    /// Write a training's network as safetensors with timm's keys.
    ///
    /// timm.create_model(NAME, num_classes=0, checkpoint_path=FILE) takes it. Pooling with weights, neck and embedding layer, which timm does not have, are
    /// left out and named. The metadata has the picture that the network expects, the recipe, and the licence of the weights that it began with.
    Backbone(backbone::Args),
}

/// Writes what is asked for.
pub fn run(context: &Context, args: &Args) -> Result<(), Failure> {
    match &args.what {
        What::Weights(args) => weights::run(context, args),
        What::Runs(args) => tables::runs(context, args),
        What::Curves(args) => tables::curves(context, args),
        What::Ranks(args) => tables::ranks(context, args),
        What::Embeddings(args) => tables::embeddings(context, args),
        What::Tensorboard(args) => folders::tensorboard(context, args),
        What::Wandb(args) => folders::wandb(context, args),
        What::Backbone(args) => backbone::run(context, args),
    }
}

/// `1 row`, `3 rows`.
fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// What was asked for wrongly, and what failed.
fn refused(error: ShowError) -> Failure {
    match error {
        ShowError::NotATable { .. } | ShowError::Refused { .. } => Failure::usage(error.to_string()),
        error => Failure::failed(error.to_string()),
    }
}
