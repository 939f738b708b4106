//! The recipe that all others are compared with.
//!
//! `workbench.pin` of `toji.toml` names it, for everybody; who presses the pin's key chooses another one here, in
//! `.toji/pin`, and that choice is stronger. Wherever the two differ it is said, with what brings the other back.

use std::path::{Path, PathBuf};

use super::super::project::{PIN, TOJI};
use super::super::{SessionError, recipe};
use super::Survey;
use crate::base::files;

impl Survey {
    fn pin_file(&self) -> PathBuf {
        self.root.join(TOJI).join(PIN)
    }

    /// What `toji.toml` pins.
    fn written_pin(&self) -> Option<String> {
        let pin = self.project.as_ref().ok()?.competition.workbench.pin.clone()?;
        Some(recipe::name_of(Path::new(&pin)))
    }

    /// Whether there is a recipe of this name.
    pub(super) fn is_known(&self, name: &str) -> bool {
        self.recipes.iter().any(|(_, recipe)| recipe.name == name)
    }

    /// The pinned recipe, and what a person should know about where it comes from.
    pub(super) fn pin(&self) -> (Option<String>, Option<String>) {
        let here = files::read_text(&self.pin_file()).ok().map(|name| name.trim().to_owned());
        let written = self.written_pin();
        let other = written.as_deref().filter(|name| here.as_deref().is_some_and(|here| here != *name));
        let mut note = other.map(|written| match here.as_deref() {
            Some("") | None => format!("the pin was taken off here; toji.toml pins {written}: p on it brings it back"),
            Some(here) => format!("{here} was pinned here; toji.toml pins {written}: p on it brings it back"),
        });
        let pin = here.or(written).filter(|name| !name.is_empty());
        if let Some(name) = pin.as_ref().filter(|name| !self.recipes.is_empty() && !self.is_known(name)) {
            note = Some(format!("{name} is pinned, but no recipe has this name"));
        }
        (pin, note)
    }

    /// Pins a recipe, or takes the pin off it.
    pub(super) fn toggle_pin(&mut self, name: &str) -> Result<String, SessionError> {
        let taken_off = self.pin().0.as_deref() == Some(name);
        let written = self.written_pin();
        let file = self.pin_file();
        match &written {
            // As the facts have it: nothing need be said here.
            Some(written) if !taken_off && written == name => drop(files::remove_file(&file)?),
            None if taken_off => drop(files::remove_file(&file)?),
            _ => files::publish(&file, if taken_off { "" } else { name }.as_bytes())?,
        }
        let written = written.filter(|written| written != name).map(|w| format!("; toji.toml pins {w}"));
        let told = if taken_off { "is no longer pinned" } else { "is pinned" };
        Ok(format!("{name} {told}{}", written.unwrap_or_default()))
    }
}
