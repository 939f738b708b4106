//! `toji plot`: curves as a picture, from the same series and along the same axes that the terminal shows.

use std::path::PathBuf;

use toji::base::text::plain;
use toji::session::survey::Survey;
use toji::show::curves::axis::By;
use toji::show::curves::series::{self, Series};
use toji::show::curves::{self, Choice, smooth};

use super::failure::Failure;
use super::spare::spare_picture;
use super::{Context, shell, worker};

/// Arguments.
#[derive(clap::Args)]
pub struct Args {
    /// Recipes: names, or paths of their files. Default: all that have curves.
    #[arg(value_name = "RECIPE", add = shell::recipes())]
    recipes: Vec<String>,
    /// The picture; its ending says which kind: .svg or .png.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Series: loss, score, lr, gradient-norm, images-per-second, cpu, memory, gpu, gpu-memory. Several with commas between
    /// them. Default: loss and score.
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    series: Vec<String>,
    /// By what curves run to the right: epochs, steps of the optimiser, running time (pauses left out) or time of day (UTC).
    #[arg(long, value_name = "AXIS", value_enum, default_value_t = Axis::Epoch)]
    x: Axis,
    /// The weight of an exponential moving average over all points, from 0 to 0.99, as TensorBoard draws it. What was told stays
    /// visible behind it.
    #[arg(long, value_name = "WEIGHT", default_value_t = 0.0)]
    smooth: f64,
    /// A logarithmic axis to the right.
    #[arg(long)]
    log_x: bool,
    /// Logarithmic axes upwards.
    #[arg(long)]
    log_y: bool,
    /// A font file (.ttf, .otf) for PNG, where names need glyphs that the built-in Latin font lacks.
    #[arg(long, value_name = "FILE")]
    font: Option<PathBuf>,
}

/// By what curves run to the right.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Axis {
    /// Epochs.
    Epoch,
    /// Steps of the optimiser.
    Step,
    /// Running time, pauses left out.
    Running,
    /// Time of day, UTC.
    Wall,
}

impl From<Axis> for By {
    fn from(axis: Axis) -> By {
        match axis {
            Axis::Epoch => By::Epoch,
            Axis::Step => By::Step,
            Axis::Running => By::Running,
            Axis::Wall => By::Wall,
        }
    }
}

/// What the arguments ask for.
fn choice(args: &Args, metric: &str) -> Result<Choice, Failure> {
    if !(0.0..=smooth::MOST).contains(&args.smooth) {
        return Err(Failure::usage(format!("--smooth {}: a weight from 0 to {}", args.smooth, smooth::MOST)));
    }
    if args.log_x && matches!(args.x, Axis::Wall) {
        return Err(Failure::usage("--log-x: the time of day has no logarithm; take --x running"));
    }
    let named = |word: &String| {
        let unknown = || {
            let there = series::words().join(", ");
            Failure::usage(format!("--series: no series {:?}; there are {there}", plain(word)))
        };
        Series::of_word(word.trim(), metric).ok_or_else(unknown)
    };
    let series = args.series.iter().map(named).collect::<Result<_, _>>()?;
    Ok(Choice { series, by: args.x.into(), log_x: args.log_x, log_y: args.log_y, weight: args.smooth })
}

/// Draws the curves.
pub fn plot(context: &Context, args: &Args) -> Result<(), Failure> {
    spare_picture(context, &context.here.join(&args.out))?;
    let root = context.root()?;
    let project = context.project()?;
    let choice = choice(args, &project.metric())?;
    let names = args.recipes.iter().map(|name| Ok(project.recipe(name)?.name)).collect::<Result<Vec<_>, Failure>>()?;
    let mut survey = Survey::new(&root, &context.around, worker::launch(&root));
    let snapshot = survey.look_only(&context.say);
    context.say.wipe();
    let lines = curves::lines(&snapshot, &names, &choice).map_err(|e| Failure::failed(e.to_string()))?;
    let out = context.here.join(&args.out);
    let font = args.font.as_ref().map(|font| context.here.join(font));
    let drawn = curves::write(&lines, &choice, &out, font.as_deref())?;
    let missing: String = drawn.missing.iter().collect();
    if context.say.is_json() {
        let (width, height) = (drawn.width, drawn.height);
        context.say.json(&serde_json::json!({ "file": out, "width": width, "height": height, "missing": missing }));
        return Ok(());
    }
    context.say.line(&plain(&format!("{}: {} × {} pixels", out.display(), drawn.width, drawn.height)));
    if !missing.is_empty() {
        context
            .say
            .line(&plain(&format!("the font has no glyphs for: {missing}; give one with --font, or draw an .svg")));
    }
    Ok(())
}
