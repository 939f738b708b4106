//! `toji ensemble`: what each member of an ensemble is worth.
//!
//! Prints the weights, a line a member (alone, the others without it, what it brings with its 95 % interval), who dilutes, and how alike
//! members err. With `--json` one object.

use std::sync::Mutex;

use toji::base::text::{pad, plain, width};
use toji::score::ensemble::Report;
use toji::session::errands::lab::ensemble;

use super::failure::Failure;
use super::run::Teller;
use super::say::short;
use super::{Context, shell, surroundings};

/// Arguments.
#[derive(clap::Args)]
pub struct Args {
    /// The ensemble's recipe: a name, or the path of its file.
    #[arg(value_name = "RECIPE", add = shell::recipes())]
    recipe: String,
    /// How far up the ladder: the queries of these folds are asked.
    #[arg(long, value_name = "RUNG")]
    rung: Option<String>,
}

/// Weighs the members.
pub fn run(context: &Context, args: &Args) -> Result<(), Failure> {
    let cancel = surroundings::stop_on_signals();
    let (project, recipe, photos) = context.opened(&args.recipe, &cancel)?;
    let rung = recipe.rung(args.rung.as_deref())?;
    let teller = Teller { say: &context.say, recipe: &recipe.name, last: Mutex::new(f64::NAN) };
    let found = ensemble::report(&project, &recipe, &photos, &rung, &|event| teller.tell(event), &cancel)?;
    context.say.wipe();
    if context.say.is_json() {
        context.say.json(&found);
        return Ok(());
    }
    table(&found).iter().for_each(|line| context.say.line(line));
    Ok(())
}

/// A line a member, then what the report says besides.
fn table(found: &Report) -> Vec<String> {
    let wide = found.members.iter().map(|member| width(&plain(&member.name))).max().unwrap_or(0).max(6);
    let head = format!("{}  weight  alone   without  {:<28}", pad("member", wide), "brings");
    let lines = found.members.iter().map(|member| {
        let name = pad(&plain(&member.name), wide);
        let brings = short(member.left_out.as_ref());
        format!("{name}  {:<6.2}  {:.4}  {:.4}   {brings}", member.weight, member.alone, member.without)
    });
    let told = found.lines();
    // What a member is worth stands in the table already.
    let rest = told.into_iter().filter(|line| !line.contains(" alone ") || !line.contains("without it"));
    [head].into_iter().chain(lines).chain(rest).map(|line| line.trim_end().to_owned()).collect()
}
