//! The thread that decodes what a screen shows, while it shows it.
//!
//! Takes wishes (a photo's file and how large), a whole list at a time: a newer list takes the place of what is left of an older one, so that what
//! is no longer on the screen is not decoded. Gives each picture, or a word why there is none, in the order of the list. JPEGs are decoded
//! reduced. It holds one picture at a time and never asks anybody to wait: who shows a screen remembers what it got.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex, PoisonError};

use super::samples::shrunk;
use crate::data::decode::{Fault, Header, Limits};
use crate::data::part::part_of_file;
use crate::data::view::{Area, View};
use crate::session::snapshot::Picture;

/// How large a photo is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Size {
    /// Among others.
    Small,
    /// By itself.
    Large,
}

impl Size {
    /// The longer side at most, in pixels.
    pub fn pixels(self) -> u32 {
        match self {
            Size::Small => 192,
            Size::Large => 768,
        }
    }
}

/// A photo that a screen shows.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Wish {
    /// Its file: relative to the project's folder, or absolute.
    pub file: PathBuf,
    /// The part of it that counts, in pixels of the whole; `None` for all of it.
    pub part: Option<Area>,
    /// How large.
    pub size: Size,
}

/// A picture, or a word why there is none.
pub type Loaded = Result<Picture, String>;

/// What the facts allow a photo to cost; whoever reads the facts writes it.
pub type Allowed = Arc<Mutex<Limits>>;

/// Loads until nobody wishes any more, or nobody takes: `give` says whether somebody does.
pub fn serve(root: &Path, allowed: &Allowed, wishes: &Receiver<Vec<Wish>>, give: impl Fn(Wish, Loaded) -> bool) {
    let mut left: VecDeque<Wish> = VecDeque::new();
    loop {
        if left.is_empty() {
            match wishes.recv() {
                Ok(list) => left = list.into(),
                Err(_) => return,
            }
        }
        // Only the newest list counts.
        if let Some(list) = wishes.try_iter().last() {
            left = list.into();
        }
        let Some(wish) = left.pop_front() else { continue };
        let limits = *allowed.lock().unwrap_or_else(PoisonError::into_inner);
        let loaded = load(&root.join(&wish.file), wish.part, wish.size.pixels(), &limits);
        if !give(wish, loaded) {
            return;
        }
    }
}

/// A photo, or the part of it that counts, with its longer side at most so many pixels, or a word why there is none.
pub fn load(file: &Path, part: Option<Area>, longest: u32, limits: &Limits) -> Loaded {
    let view = |size: Header| {
        let longer = size.width.max(size.height);
        let denominator = [8, 4, 2].into_iter().find(|by| longer.div_ceil(*by) >= longest).unwrap_or(1);
        View { denominator, window: None }
    };
    let seen = part_of_file(file, part, limits, view).map_err(|error| match &error.fault {
        Fault::Read(error) if error.kind() == std::io::ErrorKind::NotFound => "is not there".to_owned(),
        fault => fault.to_string(),
    })?;
    let small = shrunk(seen.picture, longest);
    Ok(Picture { width: small.width, height: small.height, rgb: small.rgb.into() })
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    fn wish(file: &str) -> Wish {
        Wish { file: file.into(), part: None, size: Size::Small }
    }

    #[test]
    fn the_newest_list_takes_the_place_of_what_is_left() {
        let folder = tempfile::tempdir().unwrap();
        let (sender, wishes) = channel();
        sender.send(vec![wish("a"), wish("b"), wish("c")]).unwrap();
        let given = Mutex::new(Vec::new());
        let newer = Mutex::new(Some(sender));
        serve(folder.path(), &Allowed::default(), &wishes, |wish, loaded| {
            assert_eq!(loaded.unwrap_err(), "is not there");
            given.lock().unwrap().push(wish.file.display().to_string());
            // While the first is loaded the user goes on; the sender goes with them.
            if let Some(sender) = newer.lock().unwrap().take() {
                sender.send(vec![self::wish("never")]).unwrap();
                sender.send(vec![self::wish("x"), self::wish("y")]).unwrap();
            }
            true
        });
        assert_eq!(*given.lock().unwrap(), ["a", "x", "y"]);
    }

    #[test]
    fn photos_are_shrunk_and_what_is_none_says_why() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("photo.png");
        let (width, height) = (300_u32, 200_u32);
        let rgb: Vec<u8> = (0..width * height).flat_map(|_| [200, 10, 30]).collect();
        image::RgbImage::from_raw(width, height, rgb).unwrap().save(&file).unwrap();
        let loaded = load(&file, None, 100, &Limits::default()).unwrap();
        assert_eq!((loaded.width, loaded.height, &loaded.rgb[..3]), (100, 67, &[200, 10, 30][..]));
        assert_eq!(load(&file, None, 768, &Limits::default()).unwrap().width, 300, "nothing is enlarged");
        let part = Some(Area { x: 10, y: 20, width: 60, height: 90 });
        let part = load(&file, part, 45, &Limits::default()).unwrap();
        assert_eq!((part.width, part.height), (30, 45), "of a cropped photo the part that counts");
        let few = Limits { pixels: 1_000, ..Limits::default() };
        assert!(load(&file, None, 100, &few).unwrap_err().contains("the limit is 1000 pixels"));
        crate::base::files::publish(&file, b"no picture").unwrap();
        assert!(load(&file, None, 100, &Limits::default()).unwrap_err().starts_with("not a picture"));
    }

    #[test]
    fn nobody_who_takes_is_the_end() {
        let (sender, wishes) = channel();
        sender.send(vec![wish("a"), wish("b")]).unwrap();
        serve(Path::new("."), &Allowed::default(), &wishes, |wish, _| {
            assert_eq!(wish.file, Path::new("a"));
            false
        });
    }
}
