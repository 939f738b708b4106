//! Which sizes can come out of a list, known before anything runs.
//!
//! Takes the sizes that come in and what an operation says of them; gives bounds of height and width. A list must end in one size, or
//! its pictures make no batch; [`Sizes::mend`] says which operation would fix it.

use crate::data::augment::settings::Size;

/// Which sizes pictures can have at some place of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// Rows.
    pub height: Bounds,
    /// Columns.
    pub width: Bounds,
}

/// A whole number that is known to lie in `least..=most`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Least, at least 1.
    pub least: usize,
    /// Greatest; `usize::MAX` where nothing bounds it.
    pub most: usize,
}

impl Bounds {
    /// One number.
    pub const fn of(n: usize) -> Bounds {
        Bounds { least: n, most: n }
    }

    /// Either of two.
    fn or(self, other: Bounds) -> Bounds {
        Bounds { least: self.least.min(other.least), most: self.most.max(other.most) }
    }
}

impl Sizes {
    /// Any picture.
    pub const ANY: Sizes =
        Sizes { height: Bounds { least: 1, most: usize::MAX }, width: Bounds { least: 1, most: usize::MAX } };

    /// One size.
    pub const fn of(size: Size) -> Sizes {
        Sizes { height: Bounds::of(size.height), width: Bounds::of(size.width) }
    }

    /// Either of two.
    pub fn or(self, other: Sizes) -> Sizes {
        Sizes { height: self.height.or(other.height), width: self.width.or(other.width) }
    }

    /// The size, where there is one only.
    pub fn fixed(self) -> Option<Size> {
        let one = |bounds: Bounds| (bounds.least == bounds.most).then_some(bounds.least);
        Some(Size { height: one(self.height)?, width: one(self.width)? })
    }

    /// The operation that would fix it, as a recipe writes it.
    pub fn mend(self) -> String {
        let (height, width) = (self.height, self.width);
        if height.most < usize::MAX && width.most < usize::MAX {
            format!("{{ op = \"PadIfNeeded\", min_height = {}, min_width = {} }}", height.most, width.most)
        } else if height.least >= 8 && width.least >= 8 {
            format!("{{ op = \"RandomCrop\", height = {}, width = {} }}", height.least, width.least)
        } else {
            "{ op = \"Resize\", size = [128, 128] }".to_owned()
        }
    }
}
