//! `toji outliers`: training photos that are mostly wrongly labelled.

use std::sync::Mutex;

use toji::base::text::{pad, plain, width};
use toji::dag::Event;
use toji::learn::loss::proxy::angular::sub_center_arcface::THRESHOLD;
use toji::session::errands::review::outliers as finding;

use super::failure::Failure;
use super::run::Teller;
use super::{Context, shell, surroundings};

/// Arguments.
#[derive(clap::Args)]
pub struct Args {
    /// The recipe: a name, or the path of its file. It must be trained, with SubCenterArcFaceLoss.
    #[arg(value_name = "RECIPE", add = shell::recipes())]
    recipe: String,
    /// Angle to the dominant sub-center of a photo's label above which the photo is listed, in degrees.
    #[arg(long, default_value_t = THRESHOLD, value_name = "DEGREES", value_parser = degrees)]
    threshold: f64,
    /// How far up the ladder: with full, the networks of all folds are asked, and each photo is listed by its mean angle.
    #[arg(long, value_name = "RUNG")]
    rung: Option<String>,
}

/// Lists them, the farthest first.
pub fn outliers(context: &Context, args: &Args) -> Result<(), Failure> {
    let cancel = surroundings::stop_on_signals();
    let (project, recipe, photos) = context.opened(&args.recipe, &cancel)?;
    let teller = Teller { say: &context.say, recipe: &recipe.name, last: Mutex::new(f64::NAN) };
    // The list is what was asked for; of the embedding only the bar is shown.
    let is_shown = |event: &Event| matches!(event, Event::Progress { .. }) && !context.say.is_json();
    let listen = |event: &Event| {
        if is_shown(event) {
            teller.tell(event)
        }
    };
    let found = finding::outliers(
        &project,
        &recipe,
        &photos,
        &recipe.rung(args.rung.as_deref())?,
        args.threshold,
        &listen,
        &cancel,
    )?;
    if context.say.is_json() {
        found.outliers.iter().for_each(|outlier| context.say.json(outlier));
        context.say.json(&serde_json::json!({
            "recipe": recipe.name, "threshold": args.threshold, "outliers": found.outliers.len(), "photos": found.photos,
        }));
        return Ok(());
    }
    context.say.wipe();
    let widest = found.outliers.iter().map(|outlier| width(&plain(&outlier.photo))).max().unwrap_or(0);
    for outlier in &found.outliers {
        let photo = pad(&plain(&outlier.photo), widest);
        context.say.line(&format!("{photo}  {:6.2}°  {}", outlier.angle, plain(&outlier.label)));
    }
    context.say.line(&format!(
        "{} of {} training photos lie more than {} degrees from the dominant sub-center of their label",
        found.outliers.len(),
        found.photos,
        args.threshold
    ));
    Ok(())
}

/// An angle between two directions.
fn degrees(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(angle) if (0.0..=180.0).contains(&angle) => Ok(angle),
        _ => Err("an angle is 0 to 180 degrees".to_owned()),
    }
}
