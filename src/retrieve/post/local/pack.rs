//! From a network's maps to codes: which places of a photo are kept, and in how few numbers.
//!
//! Takes maps `[places, channels]`, one a photo; gives [`Patches`]. Each place's vector is divided by its length, projected on the directions
//! of greatest variance of such vectors and stored as bytes, as DELF does with 40 directions (Noh, Araujo, Sim, Weyand and Han,
//! ICCV 2017), whose rows are divided by their length again when they are compared. Where a map has more places than are kept, those with the
//! longest vectors stay: a place's length as its attention is HOW's (Tolias, Jenicek and Chum, ECCV 2020).

use rayon::prelude::*;

use super::Patches;
use crate::base::Cancel;
use crate::retrieve::index::exact::inverse_norm;
use crate::retrieve::post::{Fit, Pca};
use crate::retrieve::{Embeddings, RetrieveError};

/// Which descriptors are kept, as a recipe says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Local {
    /// Which of the backbone's maps, from the end: -1 is the last.
    pub out_index: i64,
    /// Numbers a patch, at most.
    pub dim: usize,
    /// Patches a photo, at most.
    pub patches: usize,
}

/// How the maps of one network become codes.
#[derive(Clone, Debug)]
pub struct Pack {
    /// Rows and columns of the map.
    map: [usize; 2],
    /// Patches a photo.
    each: usize,
    pca: Pca,
}

impl Pack {
    /// Learns the projection from the maps of some photos: `maps` are `[photos, places, channels]`, `map` has rows and columns.
    ///
    /// # Errors
    /// When a number is not finite (its photo is named), lengths do not fit, there are too few vectors for a direction; on a stop.
    pub fn fit(
        map: [usize; 2],
        local: Local,
        photos: &[u32],
        maps: &[f32],
        cancel: &Cancel,
    ) -> Result<Pack, RetrieveError> {
        let places = map[0] * map[1];
        let each = local.patches.clamp(1, places.max(1));
        let channels = channels(photos, maps, places)?;
        let (_, rows) = units(photos, maps, (places, channels, each))?;
        let dim = local.dim.min(channels).min(rows.len().saturating_sub(1));
        let pca = Pca::fit(Fit::Gallery, &rows, &rows, dim, false, cancel)?;
        Ok(Pack { map, each, pca })
    }

    /// Patches of no photo yet, as [`Pack::patches`] gives them.
    pub fn empty(&self) -> Patches {
        Patches { map: self.map, each: self.each, dim: self.pca.dim, ..Patches::default() }
    }

    /// The patches of photos with these maps, `[photos, places, channels]`.
    ///
    /// # Errors
    /// When a number is not finite (its photo is named), or lengths do not fit.
    pub fn patches(&self, photos: &[u32], maps: &[f32]) -> Result<Patches, RetrieveError> {
        let places = self.map[0] * self.map[1];
        let channels = channels(photos, maps, places)?;
        let (cells, rows) = units(photos, maps, (places, channels, self.each))?;
        let codes = self.pca.project(&rows)?.rows().flat_map(code).collect();
        Ok(Patches { photos: photos.to_vec(), cells, codes, ..self.empty() })
    }
}

/// Channels of maps, given photos and places.
fn channels(photos: &[u32], maps: &[f32], places: usize) -> Result<usize, RetrieveError> {
    let rows = photos.len() * places;
    match maps.len().checked_div(rows) {
        Some(channels) if channels > 0 && channels * rows == maps.len() => Ok(channels),
        _ => Err(RetrieveError::Shape {
            what: "numbers in maps [photos, places, channels]",
            expected: rows,
            found: maps.len(),
        }),
    }
}

/// The kept places of each photo, ascending, and their vectors divided by their length, named by their places in this list.
fn units(
    photos: &[u32],
    maps: &[f32],
    (places, channels, each): (usize, usize, usize),
) -> Result<(Vec<u16>, Embeddings), RetrieveError> {
    let found = photos.par_iter().zip(maps.par_chunks_exact(places * channels)).map(|(&photo, map)| {
        if let Some(at) = map.iter().position(|x| !x.is_finite()) {
            return Err(RetrieveError::NotFinite { photo, dimension: at % channels, value: map[at] });
        }
        let scales: Vec<f64> = map.chunks_exact(channels).map(inverse_norm).collect();
        let cells = longest(&scales, each);
        let unit = |&cell: &u16| {
            let (at, scale) = (usize::from(cell), scales[usize::from(cell)]);
            map[at * channels..][..channels].iter().map(move |&x| (f64::from(x) * scale) as f32)
        };
        let rows: Vec<f32> = cells.iter().flat_map(unit).collect();
        Ok((cells, rows))
    });
    let found: Vec<(Vec<u16>, Vec<f32>)> = found.collect::<Result<_, RetrieveError>>()?;
    let (mut cells, mut data) = (Vec::new(), Vec::with_capacity(photos.len() * each * channels));
    for (own, rows) in found {
        cells.extend(own);
        data.extend(rows);
    }
    let names = (0..cells.len() as u32).collect();
    Ok((cells, Embeddings { dim: channels, photos: names, data }))
}

/// The `each` places whose vectors are longest, of equal ones the first, ascending; `scales` are the lengths' inverses, 0 for no length.
fn longest(scales: &[f64], each: usize) -> Vec<u16> {
    let mut cells: Vec<u16> = (0..scales.len().min(usize::from(u16::MAX)) as u16).collect();
    if cells.len() > each {
        let key = |cell: &u16| match scales[usize::from(*cell)] {
            0.0 => f64::INFINITY,
            scale => scale,
        };
        cells.sort_by(|a, b| key(a).total_cmp(&key(b)));
        cells.truncate(each);
        cells.sort_unstable();
    }
    cells
}

/// A vector's direction in bytes.
pub(super) fn code(row: &[f32]) -> impl Iterator<Item = i8> {
    let most = row.iter().fold(0.0f64, |most, &x| most.max(f64::from(x).abs()));
    let scale = if most > 0.0 { 127.0 / most } else { 0.0 };
    row.iter().map(move |&x| (f64::from(x) * scale).round() as i8)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Seed;

    const LOCAL: Local = Local { out_index: -1, dim: 8, patches: 5 };

    #[test]
    fn the_longest_places_stay_in_the_order_of_the_map() {
        // Lengths 1, 2, 0, 4, 2: the zero goes last, of two equal ones the first stays.
        let scales = [1.0, 0.5, 0.0, 0.25, 0.5];
        assert_eq!(longest(&scales, 3), [1, 3, 4]);
        assert_eq!(longest(&scales, 2), [1, 3]);
        assert_eq!(longest(&scales, 9), [0, 1, 2, 3, 4]);
        assert_eq!(code(&[0.5, -2.0, 1.0]).collect::<Vec<_>>(), [32, -127, 64]);
        assert_eq!(code(&[0.0, 0.0]).collect::<Vec<_>>(), [0, 0]);
    }

    #[test]
    fn codes_keep_cosines() {
        // Vectors of 24 numbers that really have 8 directions: nothing is lost but what a byte loses.
        let mut draws = Seed::new(3).draws();
        let base: Vec<f64> = (0..8 * 24).map(|_| draws.normal()).collect();
        let photos: Vec<u32> = vec![7, 3, 12];
        let maps: Vec<f32> = (0..3 * 6)
            .flat_map(|_| {
                let weights: Vec<f64> = (0..8).map(|_| draws.normal()).collect();
                let row = (0..24).map(|c| (0..8).map(|w| weights[w] * base[w * 24 + c]).sum::<f64>() as f32);
                row.collect::<Vec<f32>>()
            })
            .collect();
        let pack = Pack::fit([2, 3], Local { patches: 6, ..LOCAL }, &photos, &maps, &Cancel::new()).unwrap();
        let found = pack.patches(&photos, &maps).unwrap();
        found.check().unwrap();
        assert_eq!((found.each, found.dim, found.len()), (6, 8, 3));
        // In parts as at once.
        let mut parts = pack.patches(&photos[..1], &maps[..6 * 24]).unwrap();
        parts.append(pack.patches(&photos[1..], &maps[6 * 24..]).unwrap()).unwrap();
        assert_eq!(parts, found);
        let (_, units) = units(&photos, &maps, (6, 24, 6)).unwrap();
        let centred = pack.pca.project(&units).unwrap();
        let cosine = |a: &[f64], b: &[f64]| {
            let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
            dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
        };
        let row = |i: usize| centred.row(i).iter().map(|&x| f64::from(x)).collect::<Vec<_>>();
        let codes = |i: usize| found.codes[i * 8..][..8].iter().map(|&x| f64::from(x)).collect::<Vec<_>>();
        for (a, b) in (0..18).flat_map(|a| (0..a).map(move |b| (a, b))) {
            let lost = cosine(&row(a), &row(b)) - cosine(&codes(a), &codes(b));
            assert!(lost.abs() < 0.01, "{a} {b}: {lost}");
        }
    }

    #[test]
    fn few_and_broken_maps() {
        let fit = |maps: &[f32]| Pack::fit([1, 3], LOCAL, &[5, 6], maps, &Cancel::new());
        // Six vectors of two numbers: two directions.
        let maps = [1.0, 0.0, 0.0, 1.0, 0.0, 0.0, 1.0, 1.0, 2.0, 1.0, 1.0, 3.0];
        let pack = fit(&maps).unwrap();
        assert_eq!((pack.empty().each, pack.empty().dim), (3, 2));
        let mut broken = maps;
        broken[9] = f32::NAN;
        assert!(fit(&broken).unwrap_err().to_string().starts_with("photo 6 has NaN in dimension 1"));
        assert!(fit(&maps[..11]).is_err() && Pack::fit([0, 3], LOCAL, &[5], &[], &Cancel::new()).is_err());
        // All alike: no direction has a variance, and codes are what rounding leaves, but there are codes.
        fit(&[1.0; 12]).unwrap().patches(&[5, 6], &[1.0; 12]).unwrap().check().unwrap();
    }
}
