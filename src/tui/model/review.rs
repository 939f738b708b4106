//! Where the user looks among suspects.
//!
//! Holds the kind, a filter, and the chosen suspect by its place and id, so that neither a review that is made anew nor a photo that was dropped,
//! which moves all behind it in the manifest, moves the selection. Gives
//! the suspects that show, and the edits that a decision about them means.

use toji::base::text::fit;
use toji::review::Kind;
use toji::session::errands::review::{Entry, Listed, Review};

use super::Model;
use crate::tui::action::Decision;

/// See the file's head.
#[derive(Clone, Debug, Default)]
pub struct Looking {
    /// The kind; the first that has suspects where none was chosen.
    pub kind: Option<Kind>,
    /// Text that a suspect's label or id has; all where empty.
    pub filter: String,
    /// Also those below the threshold.
    pub all: bool,
    /// The chosen suspect: its place among those that show, its id, and whether it is the host's.
    chosen: (usize, String, bool),
}

/// One line of `edits.csv`: id, action, value.
pub type Edit = (String, String, String);

impl Model {
    /// The review that shows: of the selected recipe, else of pictures alone.
    pub fn review(&self) -> Option<&Review> {
        let all = &self.snapshot.reviews;
        let of = |name: &str| all.iter().find(|review| review.recipe == name).map(AsRef::as_ref);
        of(&self.selected).or_else(|| of(""))
    }

    /// Its lists.
    pub fn lists(&self) -> &[Listed] {
        self.review().map_or(&[], |review| &review.lists)
    }

    /// The list that shows, and its place among all.
    pub fn listed(&self) -> Option<(usize, &Listed)> {
        let lists = self.lists();
        let chosen = self.looking.kind.and_then(|kind| lists.iter().position(|list| list.kind == kind));
        let at = chosen.or_else(|| lists.iter().position(|list| list.suspects.iter().any(|one| one.is_over)));
        let at = at.unwrap_or(0);
        lists.get(at).map(|list| (at, list))
    }

    /// The suspects that show.
    pub fn suspects(&self) -> Vec<&Entry> {
        let Some((_, list)) = self.listed() else { return Vec::new() };
        let wanted = self.looking.filter.to_lowercase();
        let has = |text: &str| text.to_lowercase().contains(&wanted);
        let shows = |one: &&Entry| {
            let labels = one.label.iter().chain(one.with.iter().filter_map(|seen| seen.label.as_ref()));
            (one.is_over || self.looking.all)
                && (wanted.is_empty() || has(&one.id) || has(&one.value) || labels.into_iter().any(|label| has(label)))
        };
        list.suspects.iter().filter(shows).collect()
    }

    /// The chosen suspect's place among those that show.
    pub fn suspect_index(&self) -> usize {
        let shown = self.suspects();
        let (at, id, of_host) = &self.looking.chosen;
        let is_it = |one: &&Entry| one.id == *id && one.is_of_host == *of_host;
        if shown.get(*at).is_some_and(is_it) {
            return *at;
        }
        let found = shown.iter().position(is_it);
        found.unwrap_or_else(|| (*at).min(shown.len().saturating_sub(1)))
    }

    /// The chosen suspect.
    pub fn suspect(&self) -> Option<&Entry> {
        self.suspects().get(self.suspect_index()).copied()
    }

    /// Chooses by place among those that show, the last one where there are fewer.
    pub fn choose_suspect(&mut self, index: usize) {
        let shown = self.suspects();
        let at = index.min(shown.len().saturating_sub(1));
        let chosen = shown.get(at).map(|one| (at, one.id.clone(), one.is_of_host));
        self.looking.chosen = chosen.unwrap_or_default();
    }

    /// Another kind.
    pub fn choose_kind(&mut self, by: isize) {
        let lists = self.lists();
        let Some((at, _)) = self.listed() else { return };
        let to = at.saturating_add_signed(by).min(lists.len().saturating_sub(1));
        self.looking.kind = lists.get(to).map(|list| list.kind);
        self.choose_suspect(0);
    }
}

/// What a decision about a suspect writes; why it cannot be decided so.
pub fn edits(one: &Entry, decision: Decision) -> Result<Vec<Edit>, String> {
    let edit = |id: &str, value: &str| (id.to_owned(), decision.name().to_owned(), value.to_owned());
    match decision {
        Decision::Drop | Decision::Relabel | Decision::Group if one.is_of_host => {
            Err(format!("{} is the host's: it can be kept and cropped", fit(&one.id, 30)))
        }
        Decision::Keep | Decision::Drop => Ok(vec![edit(&one.id, "")]),
        _ if one.proposal != decision.name() || one.value.is_empty() => {
            Err(format!("no {} is proposed for {}", decision.value(), fit(&one.id, 30)))
        }
        Decision::Relabel | Decision::Crop => Ok(vec![edit(&one.id, &one.value)]),
        Decision::Group => {
            // Copies among the host's photos lie in no fold.
            let others = one.with.iter().filter(|seen| !seen.is_of_host);
            let ids = std::iter::once(&one.id).chain(others.map(|seen| &seen.id));
            Ok(ids.map(|id| edit(id, &one.value)).collect())
        }
    }
}

#[cfg(test)]
mod tests {
    use toji::session::errands::looking::Seen;

    use super::*;

    #[test]
    fn the_hosts_photos_are_kept_and_cropped_and_nothing_else() {
        let seen = |id: &str, is_of_host: bool| Seen { id: id.to_owned(), is_of_host, ..Seen::default() };
        let entry = |proposal: &str, is_of_host: bool| Entry {
            id: "a".to_owned(),
            is_of_host,
            proposal: proposal.to_owned(),
            value: "x".to_owned(),
            with: vec![seen("b", false), seen("h", true)],
            ..Entry::default()
        };
        for (decision, is_possible) in [(Decision::Keep, true), (Decision::Crop, true), (Decision::Drop, false)] {
            assert_eq!(edits(&entry("crop", true), decision).is_ok(), is_possible);
        }
        assert!(edits(&entry("group", true), Decision::Group).unwrap_err().contains("is the host's"));
        let group: Vec<String> =
            edits(&entry("group", false), Decision::Group).unwrap().into_iter().map(|(id, ..)| id).collect();
        assert_eq!(group, ["a", "b"]);
    }
}
