//! `toji verify`: every picture read again, to its last pixel.

use toji::base::text::plain;
use toji::data::{content, layout::Listing};
use toji::session::project::photos::CACHE;

use super::failure::Failure;
use super::{Context, surroundings};

/// Reads every picture and says which differ from what is remembered, and which are damaged.
pub fn verify(context: &Context) -> Result<(), Failure> {
    let project = context.project()?;
    let cancel = surroundings::stop_on_signals();
    let listing = Listing::read(&project.competition).map_err(toji::session::SessionError::from)?;
    let paths: Vec<&std::path::Path> = listing.rows.iter().map(|row| row.path.as_path()).collect();
    let cache = project.toji.join(CACHE);
    let limits = &project.competition.data.limits;
    let found = content::verify(&project.root, &paths, limits, &cache, &cancel, &context.say)
        .map_err(toji::session::SessionError::from)?;
    context.say.wipe();
    if context.say.is_json() {
        let differ: Vec<_> = found.differ.iter().map(|d| d.path.display().to_string()).collect();
        let damaged = found.damaged.iter().map(|(path, what)| serde_json::json!({ "file": path, "what": what }));
        let damaged: Vec<_> = damaged.collect();
        let object =
            serde_json::json!({ "checked": found.checked, "new": found.new, "differ": differ, "damaged": damaged });
        context.say.json(&object);
    } else {
        for difference in &found.differ {
            context.say.line(&plain(&format!("{} is not what is remembered of it", difference.path.display())));
        }
        for (path, what) in &found.damaged {
            context.say.line(&plain(&format!("{} is damaged: {what}", path.display())));
        }
        context.say.line(&format!(
            "{} pictures read, {} not seen before, {} changed, {} damaged",
            found.checked,
            found.new,
            found.differ.len(),
            found.damaged.len()
        ));
    }
    if found.differ.is_empty() {
        Ok(())
    } else {
        Err(Failure::failed("some pictures changed; the next plan uses what was read now"))
    }
}
