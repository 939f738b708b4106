//! Two photos with the places that make them alike drawn in.
//!
//! Takes what [`why`](crate::session::errands::looking::why) gives; gives the photos as the network saw them, enlarged, with numbered boxes around the pairs of
//! places, the same number in both, or lit by what each place adds to the similarity: as bright as it is where a place adds most, dark where it adds nothing
//! or takes away. Brightness alone tells it, so it can be read without colours, too.

use super::page::{Card, Group, Mark, Page};
use crate::session::errands::looking::Seen;
use crate::session::errands::looking::why::Why;
use crate::session::snapshot::Picture;

/// How dark a place is that adds nothing, of 1.
const DARK: f64 = 0.2;

/// What is drawn over a photo.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Over {
    /// Boxes around pairs; with their numbers, or without where these are written by somebody else.
    Boxes {
        /// Whether numbers are drawn.
        numbered: bool,
    },
    /// What each place adds, as light.
    Light,
    /// Light, then boxes without numbers.
    Both,
}

/// Query and answer, so often enlarged that the longer side has `least` pixels or more; `None` where there are no pictures.
pub fn pictures(why: &Why, over: Over, least: u32) -> Option<[Picture; 2]> {
    let [query, answer] = why.pictures.as_ref()?;
    // Each is lit by its own most: which places count is asked, not in which photo they count more.
    let drawn = |seen: &Picture, shares: &[f64], place: &dyn Fn(usize) -> Option<[usize; 2]>| {
        let mut picture = enlarged(seen, least);
        if matches!(over, Over::Light | Over::Both) {
            light(&mut picture, shares, why.map);
        }
        if over != Over::Light {
            for at in (0..why.pairs.len()).rev() {
                let Some(place) = place(at) else { continue };
                let area = area(place, why.map, [picture.width, picture.height]);
                frame(&mut picture, area);
                if over == (Over::Boxes { numbered: true }) {
                    number(&mut picture, area, at + 1);
                }
            }
        }
        Picture { width: picture.width, height: picture.height, rgb: picture.rgb.into() }
    };
    let [first, second] = &why.shares;
    Some([
        drawn(query, first, &|at| why.pairs.get(at).map(|pair| pair.query)),
        drawn(answer, second, &|at| why.pairs.get(at).map(|pair| pair.answer)),
    ])
}

/// The same as a page to look at elsewhere: both photos with boxes, both by their light.
pub fn page(why: &Why, size: u32) -> Page {
    let drawn = |over| pictures(why, over, size.clamp(256, 2048));
    let mut cards = Vec::new();
    let mark = if why.hit { Mark::Hit } else { Mark::Miss };
    for (over, words) in [(Over::Boxes { numbered: true }, "nearest places"), (Over::Light, "what each place adds")] {
        let pair = drawn(over).map(|[a, b]| [Ok(a), Ok(b)]);
        let [a, b] = pair.unwrap_or_else(|| [Err("was not kept".to_owned()), Err("was not kept".to_owned())]);
        for (picture, mark, seen) in [(a, Mark::Query, &why.query), (b, mark, &why.answer)] {
            let label = seen.label.clone().unwrap_or_else(|| "no label".to_owned());
            cards.push(Card { picture, mark, lines: vec![words.to_owned(), label, seen.id.clone()] });
        }
    }
    let mut title = vec![format!("Why {} answers {}", named(&why.answer), named(&why.query))];
    title.extend(told(why));
    title.extend(pairs(why));
    let longer =
        cards.iter().filter_map(|card| card.picture.as_ref().ok()).map(|picture| picture.width.max(picture.height));
    let size = longer.max().unwrap_or(size);
    Page { title, groups: vec![Group { name: Vec::new(), cards }], columns: 4, size }
}

fn named(seen: &Seen) -> String {
    seen.label.as_ref().map_or_else(|| seen.id.clone(), |label| format!("{} ({label})", seen.id))
}

/// What is to be said about both: rank, cosine, what was compared.
pub fn told(why: &Why) -> Vec<String> {
    let word = if why.hit { "hit" } else { "miss" };
    let [rows, columns] = why.map;
    let mut lines = vec![format!(
        "answer {} {word}, {:.4} in the list; cosine {:.4} by the network of {} of {}",
        why.rank, why.similarity, why.cosine, why.training, why.recipe
    )];
    let adds: f64 = why.pairs.iter().map(|pair| pair.share).sum();
    let pairs = match why.pairs.len() {
        0 => "no two places are each other's nearest and add something".to_owned(),
        1 => format!("the nearest pair adds {adds:.3}"),
        count => format!("the {count} pairs that add most add {adds:.3}"),
    };
    lines.push(match why.exact {
        true => format!("{rows} × {columns} places; {pairs}; all pairs add up to the cosine"),
        false => {
            let sum: f64 = why.shares[0].iter().sum();
            format!(
                "{rows} × {columns} places; {pairs} of {sum:.3}, the cosine of the maps' means: what makes the embedding of the map is no sum over places"
            )
        }
    });
    lines
}

/// Each pair in words: "1  query row 2 column 3, answer row 4 column 1: cosine 0.87, adds 0.051".
pub fn pairs(why: &Why) -> Vec<String> {
    let place = |[row, column]: [usize; 2]| format!("row {} column {}", row + 1, column + 1);
    let line = |(pair, number): (&crate::session::errands::looking::why::Pair, usize)| {
        let (query, answer) = (place(pair.query), place(pair.answer));
        format!("{number}  query {query}, answer {answer}: cosine {:.2}, adds {:.3}", pair.cosine, pair.share)
    };
    why.pairs.iter().zip(1..).map(line).collect()
}

/// Left, top, right, bottom of a place in a picture, right and bottom not inside.
fn area([row, column]: [usize; 2], [rows, columns]: [usize; 2], [width, height]: [u32; 2]) -> [u32; 4] {
    let edge = |at: usize, of: usize, side: u32| (at as u64 * u64::from(side) / of.max(1) as u64) as u32;
    [
        edge(column, columns, width),
        edge(row, rows, height),
        edge(column + 1, columns, width),
        edge(row + 1, rows, height),
    ]
}

/// A picture that is drawn into.
struct Canvas {
    width: u32,
    height: u32,
    rgb: Vec<u8>,
}

impl Canvas {
    fn pixel(&mut self, x: u32, y: u32) -> Option<&mut [u8]> {
        if x >= self.width || y >= self.height {
            return None;
        }
        let at = (y as usize * self.width as usize + x as usize) * 3;
        self.rgb.get_mut(at..at + 3)
    }

    fn fill(&mut self, [left, top, right, bottom]: [u32; 4], value: [u8; 3]) {
        for y in top..bottom.min(self.height) {
            for x in left..right.min(self.width) {
                if let Some(pixel) = self.pixel(x, y) {
                    pixel.copy_from_slice(&value);
                }
            }
        }
    }
}

/// A whole number of times as large.
fn enlarged(picture: &Picture, least: u32) -> Canvas {
    let longer = picture.width.max(picture.height).max(1);
    let by = least.div_ceil(longer).clamp(1, 64);
    let (width, height) = (picture.width * by, picture.height * by);
    let mut rgb = Vec::with_capacity(width as usize * height as usize * 3);
    for row in picture.rgb.chunks_exact((picture.width as usize * 3).max(1)) {
        let wide: Vec<u8> =
            row.chunks_exact(3).flat_map(|pixel| std::iter::repeat_n(pixel, by as usize).flatten().copied()).collect();
        (0..by).for_each(|_| rgb.extend_from_slice(&wide));
    }
    rgb.resize(width as usize * height as usize * 3, 0);
    Canvas { width, height, rgb }
}

/// Darkens each place by how much less it adds than the one that adds most; between places evenly, so that no edge is taken for one of the photo.
fn light(picture: &mut Canvas, shares: &[f64], [rows, columns]: [usize; 2]) {
    let most = shares.iter().copied().fold(0.0, f64::max);
    if rows == 0 || columns == 0 || shares.len() != rows * columns {
        return;
    }
    let bright = |row: usize, column: usize| match most > 0.0 {
        true => (shares[row * columns + column] / most).max(0.0),
        false => 0.0,
    };
    // The place before, the one behind, and how far from the first: centres of places are half a place from their edges.
    let between = |at: u32, side: u32, count: usize| {
        let place = (f64::from(at) + 0.5) / f64::from(side.max(1)) * count as f64 - 0.5;
        let place = place.clamp(0.0, (count - 1) as f64);
        let first = place.floor() as usize;
        (first, (first + 1).min(count - 1), place - place.floor())
    };
    let across: Vec<(usize, usize, f64)> = (0..picture.width).map(|x| between(x, picture.width, columns)).collect();
    for y in 0..picture.height {
        let (above, below, down) = between(y, picture.height, rows);
        for (x, &(left, right, over)) in (0..).zip(&across) {
            let row = |row: usize| bright(row, left) * (1.0 - over) + bright(row, right) * over;
            let light = DARK + (1.0 - DARK) * (row(above) * (1.0 - down) + row(below) * down);
            if let Some(pixel) = picture.pixel(x, y) {
                pixel.iter_mut().for_each(|value| *value = (f64::from(*value) * light).round() as u8);
            }
        }
    }
}

/// The edge of an area, white inside black, so that it shows on any photo.
fn frame(picture: &mut Canvas, [left, top, right, bottom]: [u32; 4]) {
    let thick = (picture.width.max(picture.height) / 256).max(1);
    for (inset, value) in [(0, [0; 3]), (thick, [255; 3]), (2 * thick, [0; 3])] {
        let (l, t) = (left + inset, top + inset);
        let (r, b) = (right.saturating_sub(inset), bottom.saturating_sub(inset));
        if l + thick >= r || t + thick >= b {
            return;
        }
        for side in [[l, t, r, t + thick], [l, b - thick, r, b], [l, t, l + thick, b], [r - thick, t, r, b]] {
            picture.fill(side, value);
        }
    }
}

/// Digits of three columns and five rows, each row's columns as bits, the left one the highest.
const DIGITS: [[u8; 5]; 10] = [
    [7, 5, 5, 5, 7],
    [2, 6, 2, 2, 7],
    [7, 1, 7, 4, 7],
    [7, 1, 3, 1, 7],
    [5, 5, 7, 1, 1],
    [7, 4, 7, 1, 7],
    [7, 4, 7, 5, 7],
    [7, 1, 2, 2, 2],
    [7, 5, 7, 5, 7],
    [7, 5, 7, 1, 7],
];

/// A number in the upper left corner of an area, white on black.
fn number(picture: &mut Canvas, [left, top, _, _]: [u32; 4], number: usize) {
    let dot = (picture.width.max(picture.height) / 128).max(1);
    let digits: Vec<usize> = number.to_string().bytes().map(|digit| usize::from(digit - b'0')).collect();
    let wide = (digits.len() as u32 * 4 + 1) * dot;
    picture.fill([left, top, left + wide, top + 7 * dot], [0; 3]);
    for (digit, i) in digits.into_iter().zip(0u32..) {
        for (row, bits) in (0u32..).zip(DIGITS[digit % 10]) {
            for column in (0..3u32).filter(|column| bits & (4 >> column) != 0) {
                let (x, y) = (left + (4 * i + 1 + column) * dot, top + (1 + row) * dot);
                picture.fill([x, y, x + dot, y + dot], [255; 3]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::errands::looking::why::Pair;

    fn sample() -> Why {
        let grey = |value: u8| Picture { width: 40, height: 40, rgb: vec![value; 40 * 40 * 3].into() };
        Why {
            recipe: "02".to_owned(),
            training: "fold 0".to_owned(),
            query: Seen { id: "q".to_owned(), ..Seen::default() },
            answer: Seen { id: "a".to_owned(), label: Some("獺祭".to_owned()), ..Seen::default() },
            rank: 3,
            hit: false,
            similarity: 0.5,
            cosine: 0.4,
            exact: true,
            map: [2, 2],
            pairs: vec![Pair { query: [0, 0], answer: [1, 1], cosine: 0.9, share: 0.2 }],
            shares: [vec![0.4, 0.0, 0.0, 0.0], vec![0.0, 0.0, -0.1, 0.5]],
            pictures: Some([grey(200), grey(200)]),
        }
    }

    fn at(picture: &Picture, x: u32, y: u32) -> u8 {
        picture.rgb[((y * picture.width + x) * 3) as usize]
    }

    #[test]
    fn boxes_are_where_the_pairs_are() {
        let [query, answer] = pictures(&sample(), Over::Boxes { numbered: true }, 80).unwrap();
        assert_eq!((query.width, query.height), (80, 80), "twice as large");
        // The number in the corner, the frame's edge, and the photo elsewhere.
        assert_eq!((at(&query, 0, 0), at(&query, 20, 0), at(&query, 20, 1), at(&query, 20, 2)), (0, 0, 255, 0));
        assert_eq!((at(&query, 20, 20), at(&query, 60, 60), at(&query, 41, 1)), (200, 200, 200));
        assert_eq!((at(&answer, 60, 40), at(&answer, 20, 1), at(&answer, 79, 79)), (0, 200, 0));
        // A one: its middle column is white from top to bottom.
        assert!(
            (1..6).all(|row| at(&query, 2, row) == 255),
            "{:?}",
            (0..7).map(|y| at(&query, 2, y)).collect::<Vec<_>>()
        );
    }

    #[test]
    fn light_falls_on_what_adds_most() {
        let [query, answer] = pictures(&sample(), Over::Light, 1).unwrap();
        assert_eq!((query.width, at(&query, 0, 0), at(&query, 39, 39)), (40, 200, 40));
        assert_eq!(
            (at(&answer, 39, 39), at(&answer, 0, 39)),
            (200, 40),
            "what takes away is as dark as what adds nothing"
        );
        assert!((41..200).contains(&at(&query, 20, 0)), "no edge between places");
        // Where nothing adds anything, all is dark; where shares do not fit the map, nothing is done.
        let dark = Why { shares: [vec![-1.0; 4], vec![0.0; 3]], ..sample() };
        let [query, answer] = pictures(&dark, Over::Light, 1).unwrap();
        assert_eq!((at(&query, 3, 3), at(&answer, 3, 3)), (40, 200));
    }

    #[test]
    fn small_places_and_large_numbers_draw_nothing_outside() {
        let mut why = sample();
        why.map = [40, 40];
        why.shares = [vec![0.0; 1600], vec![0.0; 1600]];
        why.pairs = (0..40).map(|i| Pair { query: [i, i], answer: [39, i], cosine: 0.1, share: 0.1 }).collect();
        for over in [Over::Boxes { numbered: true }, Over::Both, Over::Light] {
            let [query, _] = pictures(&why, over, 40).unwrap();
            assert_eq!(query.rgb.len(), 40 * 40 * 3);
        }
        why.pictures = None;
        assert!(pictures(&why, Over::Light, 40).is_none());
        assert_eq!(page(&why, 100).groups[0].cards.len(), 4);
    }

    #[test]
    fn words() {
        assert_eq!(
            told(&sample()),
            [
                "answer 3 miss, 0.5000 in the list; cosine 0.4000 by the network of fold 0 of 02",
                "2 × 2 places; the nearest pair adds 0.200; all pairs add up to the cosine",
            ]
        );
        assert_eq!(pairs(&sample()), ["1  query row 1 column 1, answer row 2 column 2: cosine 0.90, adds 0.200"]);
        let other = Why { exact: false, pairs: Vec::new(), ..sample() };
        assert!(told(&other)[1].contains("0.400, the cosine of the maps' means"), "{:?}", told(&other));
        assert_eq!(page(&sample(), 100).title[0], "Why a (獺祭) answers q");
    }
}
