//! Photos that screens show, as far as they have come.
//!
//! Takes what a screen wants and what the loader gives; remembers pictures up to [`ROOM`] bytes, those that were wanted last the longest. A view
//! asks for a photo and draws it, a word why there is none, or a blank until it comes.

use std::collections::BTreeMap;

use toji::session::errands::looking::loader::{Loaded, Wish};

/// So many bytes of pixels are kept: some three hundred small photos, or fourteen large ones.
const ROOM: usize = 24 << 20;

#[derive(Clone, Debug)]
struct Kept {
    loaded: Loaded,
    /// When it was last wanted.
    wanted: u64,
}

/// See the file's head.
#[derive(Clone, Debug, Default)]
pub struct Album {
    kept: BTreeMap<Wish, Kept>,
    wanted: Vec<Wish>,
    clock: u64,
    bytes: usize,
}

fn bytes(loaded: &Loaded) -> usize {
    loaded.as_ref().map_or(0, |picture| picture.rgb.len()) + 128
}

impl Album {
    /// The photo, or why there is none; `None` until it comes.
    pub fn get(&self, wish: &Wish) -> Option<&Loaded> {
        self.kept.get(wish).map(|kept| &kept.loaded)
    }

    /// Says what the screen shows now; gives what must be loaded for it, the most wanted first, where that is another list than before.
    pub fn want(&mut self, wanted: Vec<Wish>) -> Option<Vec<Wish>> {
        if wanted == self.wanted {
            return None;
        }
        self.clock += 1;
        for wish in &wanted {
            if let Some(kept) = self.kept.get_mut(wish) {
                kept.wanted = self.clock;
            }
        }
        let missing = wanted.iter().filter(|wish| !self.kept.contains_key(*wish)).cloned().collect();
        self.wanted = wanted;
        Some(missing)
    }

    /// Takes a photo that was loaded; whether the screen shows it.
    pub fn take(&mut self, wish: Wish, loaded: Loaded) -> bool {
        let shown = self.wanted.contains(&wish);
        self.bytes += bytes(&loaded);
        let kept = Kept { loaded, wanted: if shown { self.clock } else { 0 } };
        if let Some(old) = self.kept.insert(wish, kept) {
            self.bytes -= bytes(&old.loaded);
        }
        while self.bytes > ROOM {
            let oldest =
                self.kept.iter().filter(|(wish, _)| !self.wanted.contains(wish)).min_by_key(|(_, kept)| kept.wanted);
            let Some(wish) = oldest.map(|(wish, _)| wish.clone()) else { break };
            if let Some(old) = self.kept.remove(&wish) {
                self.bytes -= bytes(&old.loaded);
            }
        }
        shown
    }

    /// Forgets everything: the files may be other ones now.
    pub fn clear(&mut self) {
        *self = Album { clock: self.clock, ..Album::default() };
    }
}

#[cfg(test)]
mod tests {
    use toji::session::errands::looking::loader::Size;
    use toji::session::snapshot::Picture;

    use super::*;

    fn wish(i: usize) -> Wish {
        Wish { file: format!("{i}.jpg").into(), part: None, size: Size::Small }
    }

    fn picture(megabytes: usize) -> Loaded {
        Ok(Picture { width: 1, height: 1, rgb: vec![0; megabytes << 20].into() })
    }

    #[test]
    fn a_list_is_asked_for_once_and_without_what_is_there() {
        let mut album = Album::default();
        assert_eq!(album.want(vec![wish(1), wish(2)]), Some(vec![wish(1), wish(2)]));
        assert!(album.take(wish(1), picture(1)));
        assert_eq!(album.want(vec![wish(1), wish(2)]), None, "the loader goes on with its list");
        assert_eq!(album.want(vec![wish(3), wish(1)]), Some(vec![wish(3)]));
        assert!(!album.take(wish(2), Err("is not there".to_owned())), "it came too late");
        assert!(album.get(&wish(2)).unwrap().is_err());
        album.clear();
        assert!(album.get(&wish(1)).is_none());
        assert_eq!(album.want(vec![wish(1)]), Some(vec![wish(1)]));
    }

    #[test]
    fn what_was_wanted_longest_ago_goes_first_and_what_is_shown_stays() {
        let mut album = Album::default();
        for i in 0..3 {
            album.want(vec![wish(i)]);
            album.take(wish(i), picture(9));
        }
        let there = |album: &Album| (0..4).filter(|i| album.get(&wish(*i)).is_some()).collect::<Vec<_>>();
        assert_eq!(there(&album), [1, 2], "27 MiB are too many");
        album.want(vec![wish(1), wish(3)]);
        album.take(wish(3), picture(9));
        assert_eq!(there(&album), [1, 3]);
        album.want(vec![wish(1), wish(3), wish(0)]);
        album.take(wish(0), picture(9));
        assert_eq!(there(&album), [0, 1, 3], "a screen that needs more has it");
    }
}
