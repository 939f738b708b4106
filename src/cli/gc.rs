//! `toji gc`: what of the store nobody needs any more.
//!
//! Shows what would go, and why; removes it with `--yes`. With `--json` one object a thing, and the sums last.

use toji::base::text::{bytes, plain};
use toji::session::Photos;
use toji::session::errands::tidy::{self, Item};

use super::failure::Failure;
use super::{Context, surroundings};

/// Arguments.
#[derive(clap::Args)]
pub struct Args {
    /// Remove what is listed as going.
    #[arg(long)]
    yes: bool,
    /// List what stays as well, and why.
    #[arg(long)]
    all: bool,
}

/// Lists, and removes.
pub fn run(context: &Context, args: &Args) -> Result<(), Failure> {
    let project = context.project()?;
    let cancel = surroundings::stop_on_signals();
    let photos = Photos::read(&project, &context.say, &cancel)?;
    context.say.wipe();
    let items = tidy::everything(&project, &photos)?;
    let sum = |stays: bool| items.iter().filter(|item| item.stays == stays).map(|item| item.bytes).sum::<u64>();
    let freed = if args.yes { Some(tidy::remove(&project, &photos, &items)?) } else { None };
    if context.say.is_json() {
        items.iter().filter(|item| args.all || !item.stays).for_each(|item| context.say.json(item));
        let going = items.iter().filter(|item| !item.stays).count();
        context
            .say
            .json(&serde_json::json!({ "going": going, "bytes": sum(false), "stays": sum(true), "freed": freed }));
        return Ok(());
    }
    for item in items.iter().filter(|item| args.all || !item.stays) {
        let Item { stage, key, why, stays, .. } = item;
        let word = if *stays { "stays" } else { "goes" };
        let size = bytes(item.bytes);
        context.say.line(&format!("{word:<5}  {size:>8}  {stage:<8} {}  {}", &key[..8.min(key.len())], plain(why)));
    }
    let (goes, stays) = (bytes(sum(false)), bytes(sum(true)));
    context.say.line(&match freed {
        Some(freed) => format!("removed {}; {stays} stay", bytes(freed)),
        None if sum(false) == 0 => format!("nothing to remove; {stays} stay"),
        None => format!("{goes} would go, {stays} stay; toji gc --yes removes them"),
    });
    Ok(())
}
