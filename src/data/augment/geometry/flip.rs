//! HorizontalFlip, VerticalFlip, RandomGridShuffle: pixels move and none changes.
//!
//! Takes a picture; gives it mirrored, or cut into tiles that changed places. albumentations' 2.0.8 names and draws:
//! where a side cannot be cut evenly some tiles are one pixel longer, which ones is drawn, and only tiles
//! of one shape change places with each other.

use std::borrow::Cow;
use std::sync::Arc;

use serde::Deserialize;

use crate::base::Value;
use crate::base::seed::Draws;
use crate::book::technique::{Default, Kind, Literal, Param, Status, Technique};
use crate::data::augment::operation::{Built, Operation, Row, Settings};
use crate::data::augment::pipeline::sight::Detail;
use crate::data::augment::settings::{LAST_EPOCHS_OFF, P_HALF, Size};
use crate::data::decode::Picture;

/// The row of HorizontalFlip.
pub const HORIZONTAL_FLIP: Row = Row::of::<HorizontalFlip>(Technique {
    name: "HorizontalFlip",
    slot: "augment",
    about: "Mirror left and right.",
    details: "Text turns into mirror writing, so labels that are told apart by their characters are better without it. \
        Where mirrored objects are other classes (whale flukes), it must not be used: flip_as_new_class in [train] is for these.",
    params: &[P_HALF, LAST_EPOCHS_OFF],
    source: "albumentations 2.0.8 HorizontalFlip",
    status: Status::Built,
});

/// The row of VerticalFlip.
pub const VERTICAL_FLIP: Row = Row::of::<VerticalFlip>(Technique {
    name: "VerticalFlip",
    slot: "augment",
    about: "Mirror top and bottom.",
    details: "For pictures without an up and down: microscopy, satellites, fabrics. It fails on almost everything else: \
        nobody photographs a bottle upside down, and the network spends its capacity on pictures that never come. \
        The trademark 2nd place tried it and it did not work. Cost: none worth naming.",
    params: &[P_HALF, LAST_EPOCHS_OFF],
    source: "albumentations 2.0.8 VerticalFlip; anyai-28/nishika_jpo_2nd_solution",
    status: Status::Built,
});

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct HorizontalFlip {}

impl Settings for HorizontalFlip {
    fn operation(self, _: &str) -> Built {
        Ok(Arc::new(self))
    }
}

impl Operation for HorizontalFlip {
    fn detail(&self, _: Size) -> Detail {
        Detail::Passed
    }

    fn is_random(&self) -> bool {
        false
    }

    fn run<'a>(&self, picture: Cow<'a, Picture>, _: &mut Draws) -> Cow<'a, Picture> {
        Cow::Owned(mirrored(&picture))
    }
}

/// The picture mirrored left and right, in one pass.
pub fn mirrored(picture: &Picture) -> Picture {
    let stride = (picture.width as usize).max(1) * 3;
    let mut flipped = picture.clone();
    let rows = flipped.rgb.chunks_exact_mut(stride).zip(picture.rgb.chunks_exact(stride));
    for (to, from) in rows {
        let (to, from) = (to.as_chunks_mut::<3>().0, from.as_chunks::<3>().0);
        to.iter_mut().zip(from.iter().rev()).for_each(|(to, from)| *to = *from);
    }
    flipped
}

/// The first operation of a list, or of a list in it, that mirrors pictures: its dotted name and its own. `name` is how the
/// list is called. A picture upside down is a mirror image that was turned.
pub fn mirroring(name: &str, list: &Value) -> Option<(String, &'static str)> {
    let Value::List(entries) = list else { return None };
    let rows = [&HORIZONTAL_FLIP, &VERTICAL_FLIP].map(|row| row.technique.name);
    entries.iter().enumerate().find_map(|(i, entry)| {
        let place = format!("{name}[{i}]");
        if entry.get("p").and_then(Value::as_f64) == Some(0.0) {
            return None;
        }
        let op = entry.get("op").and_then(Value::as_text);
        match rows.iter().find(|row| op == Some(**row)) {
            Some(row) => Some((place, *row)),
            None => mirroring(&format!("{place}.transforms"), entry.get("transforms")?),
        }
    })
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct VerticalFlip {}

impl Settings for VerticalFlip {
    fn operation(self, _: &str) -> Built {
        Ok(Arc::new(self))
    }
}

impl Operation for VerticalFlip {
    fn detail(&self, _: Size) -> Detail {
        Detail::Passed
    }

    fn is_random(&self) -> bool {
        false
    }

    fn run<'a>(&self, picture: Cow<'a, Picture>, _: &mut Draws) -> Cow<'a, Picture> {
        let mut flipped = picture.into_owned();
        let stride = flipped.width as usize * 3;
        let half = flipped.height as usize / 2 * stride;
        let lower_from = flipped.rgb.len() - half;
        let (upper, lower) = flipped.rgb.split_at_mut(lower_from);
        let rows = upper.chunks_exact_mut(stride.max(1)).zip(lower.chunks_exact_mut(stride.max(1)).rev());
        rows.for_each(|(a, b)| a.swap_with_slice(b));
        Cow::Owned(flipped)
    }
}

/// The row of RandomGridShuffle.
pub const RANDOM_GRID_SHUFFLE: Row = Row::of::<RandomGridShuffle>(Technique {
    name: "RandomGridShuffle",
    slot: "augment",
    about: "Cut the picture into a grid of tiles and let them change places.",
    details: "The network can no longer rely on where things stand and learns parts: nicks, spots, letters. The tiles of \
        one shape are shuffled uniformly, so with a grid of 2 × 2 one time in 24 nothing changes. Where a side cannot be \
        cut evenly, the longer tiles stand at drawn places.\n\n\
        The HappyWhale 1st place used a grid of [2, 2] with p = 0.3. It fails where the arrangement is what tells \
        labels apart (the order of characters), and fine grids leave texture only: stay at 2 or 3. Cost: a copy.",
    params: &[
        Param::new(
            "grid",
            Kind::List { of: &Kind::Int { min: 1, max: 64 }, min: 2, max: 2 },
            Default::Is(Literal::List(&[Literal::Int(3), Literal::Int(3)])),
            "Tiles as [rows, columns].",
        ),
        P_HALF,
        LAST_EPOCHS_OFF,
    ],
    source: "albumentations 2.0.8 RandomGridShuffle; knshnb/kaggle-happywhale-1st-place",
    status: Status::Built,
});

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RandomGridShuffle {
    grid: [usize; 2],
}

/// A tile's first row, first column, rows and columns.
type Tile = [usize; 4];

impl RandomGridShuffle {
    /// The tiles row by row, and for each the tile whose place it takes.
    fn draw(&self, height: usize, width: usize, draws: &mut Draws) -> (Vec<Tile>, Vec<usize>) {
        let rows = splits(height, self.grid[0], draws);
        let columns = splits(width, self.grid[1], draws);
        let tiles: Vec<Tile> =
            rows.iter().flat_map(|&(y, h)| columns.iter().map(move |&(x, w)| [y, x, h, w])).collect();
        let mut place: Vec<usize> = (0..tiles.len()).collect();
        let shape = |i: usize| [tiles[i][2], tiles[i][3]];
        for first in 0..tiles.len() {
            // Each shape once, at its first tile.
            if (0..first).any(|i| shape(i) == shape(first)) {
                continue;
            }
            let group: Vec<usize> = (first..tiles.len()).filter(|&i| shape(i) == shape(first)).collect();
            let mut shuffled = group.clone();
            draws.shuffle(&mut shuffled);
            group.iter().zip(shuffled).for_each(|(&from, to)| place[from] = to);
        }
        (tiles, place)
    }
}

/// `length` in `parts` pieces as (start, length); the lengths differ by one at most, and their order is drawn.
fn splits(length: usize, parts: usize, draws: &mut Draws) -> Vec<(usize, usize)> {
    let mut pieces: Vec<usize> = (0..parts).map(|i| length / parts + usize::from(i < length % parts)).collect();
    draws.shuffle(&mut pieces);
    let mut start = 0;
    pieces
        .into_iter()
        .map(|piece| {
            start += piece;
            (start - piece, piece)
        })
        .collect()
}

impl Settings for RandomGridShuffle {
    fn operation(self, _: &str) -> Built {
        Ok(Arc::new(self))
    }
}

impl Operation for RandomGridShuffle {
    fn is_random(&self) -> bool {
        self.grid != [1, 1]
    }

    fn run<'a>(&self, picture: Cow<'a, Picture>, draws: &mut Draws) -> Cow<'a, Picture> {
        let stride = picture.width as usize * 3;
        let (tiles, place) = self.draw(picture.height as usize, picture.width as usize, draws);
        let mut moved = picture.as_ref().clone();
        for (from, &to) in tiles.iter().zip(&place).map(|(from, to)| (from, &tiles[*to])) {
            let [rows, bytes] = [from[2], from[3] * 3];
            for row in 0..rows {
                let source = (from[0] + row) * stride + from[1] * 3;
                let target = (to[0] + row) * stride + to[1] * 3;
                moved.rgb[target..target + bytes].copy_from_slice(&picture.rgb[source..source + bytes]);
            }
        }
        Cow::Owned(moved)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Seed;
    use crate::data::augment::golden::{distribution, noise};

    #[test]
    fn mirrors_undo_themselves() {
        let picture = noise(7, 5);
        let draws = &mut Seed::new(0).draws();
        let pixel = |p: &Picture, y: usize, x: usize| p.rgb[(y * 7 + x) * 3..][..3].to_vec();
        let down = VerticalFlip {}.run(Cow::Borrowed(&picture), draws);
        assert_eq!(pixel(&down, 0, 2), pixel(&picture, 4, 2));
        assert_eq!(pixel(&down, 2, 6), pixel(&picture, 2, 6));
        let across = HorizontalFlip {}.run(Cow::Borrowed(&picture), draws);
        assert_eq!(pixel(&across, 3, 1), pixel(&picture, 3, 5));
        assert_eq!(*VerticalFlip {}.run(down, draws), picture);
        assert_eq!(*HorizontalFlip {}.run(across, draws), picture);
    }

    #[test]
    fn what_mirrors_is_found_in_lists_of_lists() {
        let found = |list: &str| mirroring("augment.train", &serde_json::from_str(list).unwrap());
        let flip = r#"{"op": "HorizontalFlip"}"#;
        let told = |place: &str, name| Some((place.to_owned(), name));
        assert_eq!(found(&format!(r#"[{{"op": "ToGray"}}, {flip}]"#)), told("augment.train[1]", "HorizontalFlip"));
        let nested = r#"[{"op": "OneOf", "transforms": [{"op": "ToGray"}, {"op": "SomeOf", "transforms": [{"op": "VerticalFlip", "p": 0.1}]}]}]"#;
        let place = "augment.train[0].transforms[1].transforms[0]";
        assert_eq!(found(nested), told(place, "VerticalFlip"));
        assert_eq!(found(r#"[{"op": "HorizontalFlip", "p": 0.0}, {"op": "RandAugment"}]"#), None);
    }

    #[test]
    fn a_shuffle_keeps_every_pixel() {
        let picture = noise(31, 40);
        let sorted = |p: &Picture| {
            let mut pixels: Vec<&[u8]> = p.rgb.chunks(3).collect();
            pixels.sort_unstable();
            pixels.concat()
        };
        for (seed, grid) in [[3, 3], [2, 5], [40, 31], [64, 64]].into_iter().enumerate() {
            let op = RandomGridShuffle { grid };
            let out = op.run(Cow::Borrowed(&picture), &mut Seed::new(seed as u64).draws());
            assert_ne!(*out, picture);
            assert_eq!(sorted(&out), sorted(&picture), "{grid:?}");
        }
    }

    #[test]
    fn tiles_are_cut_and_moved_as_albumentations_does() {
        let op = RandomGridShuffle { grid: [3, 3] };
        distribution("RandomGridShuffle", &["first_row", "first_column", "stay"], |draws| {
            let (tiles, place) = op.draw(40, 31, draws);
            let stay = place.iter().enumerate().filter(|(i, to)| i == *to).count();
            vec![tiles[0][2] as f64, tiles[0][3] as f64, stay as f64]
        });
    }
}
