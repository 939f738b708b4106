//! Photos with several objects, and photos whose object is small.
//!
//! Takes what a network shows of each photo: embeddings and labels of its halves, and its activation map (shares of places,
//! [`crate::learn::backbone`]); gives ranked suspects. Things are mostly alike on their left and right, so a photo whose halves are unlike to the
//! network has two of them, the more so where each half is sure of another label. Where halves were not looked at a map speaks
//! of several objects by a second summit with a deep valley before it (persistence of the upper level sets, Edelsbrunner, Letscher and
//! Zomorodian 2002). Of several objects the one of the photo's own label is proposed as the crop: the half whose neighbours have it, else the half
//! at which the network looks more, and in it the box around the map's largest part. An object is small where the box around the map's largest part (SCDA, arXiv 1604.04994) covers little, and
//! the box with a margin is proposed as the crop.
//!
//! Average precision for 38 photos with two bottles of 1,659 (a network right about 48 %): 0.63 by the rule, 0.55 by unlike halves alone, 0.08 by
//! labels that disagree, 0.02 by upper and lower halves, 0.07 by where the map is low; for 2 of 264: 1.0, 0.75, 0.22, 0.02, 0.05. Networks
//! before training find none of them. The rule was chosen on these two; benches/README.md has others.

use super::{Kind, Proposal, Suspect};
use crate::base::text::{fit, plain};
use crate::data::manifest::boxes::Region;
use crate::learn::backbone;

/// The crops that are looked at: two that share nothing.
pub const CROPS: [(&str, Region); 2] = [
    ("left half", Region { x_min: 0.0, y_min: 0.0, x_max: 0.5, y_max: 1.0 }),
    ("right half", Region { x_min: 0.5, y_min: 0.0, x_max: 1.0, y_max: 1.0 }),
];

/// What unlike halves say though their labels agree, beside 1 for labels that are sure to differ.
const ALONE: f64 = 0.3;
/// With fewer photos nobody knows how unlike halves usually are.
const ENOUGH: usize = 20;

/// When a photo is over.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// Depth of the valley before the second summit, as a share of the map's range, from which there are several objects: 0 to 1.
    pub valley: f64,
    /// Halves are unlike where their cosine is this many interquartile ranges below the lower quartile of all photos.
    pub iqr_factor: f64,
    /// The share of the photo below which the box of an object is small.
    pub small: f64,
    /// What a proposed crop adds to each side of the box, as a share of the box's own sides.
    pub margin: f64,
}

impl Default for Settings {
    fn default() -> Self {
        Settings { valley: 0.5, iqr_factor: 2.0, small: 0.2, margin: 0.15 }
    }
}

/// The label that the neighbours of a crop vote for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CropVote {
    /// Which of [`CROPS`].
    pub crop: usize,
    /// The label with most votes.
    pub label: u32,
    /// Its share of the votes, 0 to 1.
    pub share: f64,
}

/// What a network shows of one photo.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Seen<'a> {
    /// Its place in the manifest.
    pub photo: u32,
    /// Its label, where it is known.
    pub label: Option<u32>,
    /// Shares of the places of its last map, by rows; empty where there is none.
    pub shares: &'a [f32],
    /// Places a row of the map.
    pub columns: usize,
    /// What its crops look like; empty where they were not asked.
    pub crops: &'a [CropVote],
    /// The cosine between the embeddings of its two halves, where they were asked.
    pub halves: Option<f64>,
}

/// The suspects of both kinds, each ranked by itself. Photos with a score of 0 are not listed; maps with numbers that are not finite, or
/// whose rows do not fit, say nothing. `labels` are the manifest's, for the reasons.
pub fn objects(seen: &[Seen<'_>], labels: &[String], settings: &Settings) -> Vec<Suspect> {
    let least = least(seen, settings);
    let mut several: Vec<Suspect> = seen.iter().filter_map(|seen| several(seen, labels, settings, least)).collect();
    let mut small: Vec<Suspect> = seen.iter().filter_map(|seen| small(seen, settings)).collect();
    for list in [&mut several, &mut small] {
        list.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.photo.cmp(&b.photo)));
    }
    several.append(&mut small);
    several
}

/// The cosine below which halves are unlike; nothing where too few photos tell.
fn least(seen: &[Seen<'_>], settings: &Settings) -> Option<f64> {
    let mut known: Vec<f64> = seen.iter().filter_map(|seen| seen.halves).filter(|cosine| cosine.is_finite()).collect();
    known.sort_by(f64::total_cmp);
    let quantile = |share: f64| {
        let at = share * (known.len() - 1) as f64;
        let low = known[at as usize];
        low + at.fract() * (known[(at as usize + 1).min(known.len() - 1)] - low)
    };
    (known.len() >= ENOUGH).then(|| quantile(0.25) - settings.iqr_factor * (quantile(0.75) - quantile(0.25)))
}

fn several(seen: &Seen<'_>, labels: &[String], settings: &Settings, least: Option<f64>) -> Option<Suspect> {
    let (mut why, mut sure) = (Vec::new(), 0.0);
    if let Some((one, other)) = disagreement(seen.crops) {
        sure = one.share.min(other.share);
        let told = |vote: &CropVote| {
            let crop = CROPS.get(vote.crop).map_or("crop", |(name, _)| name);
            let label = labels.get(vote.label as usize).map_or("?".to_owned(), |name| fit(&plain(name), 40));
            format!("its {crop} looks like {label} ({:.0} % of the vote)", 100.0 * vote.share)
        };
        why.push(format!("{}, {}", told(one), told(other)));
    }
    let valley = valley(seen.shares, seen.columns);
    let (score, is_over) = match seen.halves.filter(|cosine| cosine.is_finite()) {
        Some(cosine) => {
            why.insert(0, format!("its halves are as alike as {cosine:.2}, of 1 at most"));
            let unlike = (1.0 - cosine).clamp(0.0, 2.0) / 2.0;
            (unlike * (ALONE + sure) / (ALONE + 1.0), least.is_some_and(|least| cosine < least))
        }
        None => (1.0 - (1.0 - sure) * (1.0 - valley), valley >= settings.valley),
    };
    if valley > 0.0 {
        why.push(format!("the network looks at two places, with a valley of {:.0} % between them", 100.0 * valley));
    }
    (score > 0.0).then(|| Suspect {
        kind: Kind::SeveralObjects,
        photo: seen.photo,
        with: Vec::new(),
        score: score.clamp(0.0, 1.0),
        is_over,
        reason: why.join("; "),
        // Where nothing speaks for two, nothing speaks for a part.
        proposal: match (is_over || sure > 0.0).then(|| one_of_two(seen, settings)).flatten() {
            Some(region) => Proposal::Crop(region),
            None => Proposal::Look,
        },
    })
}

/// Of two objects beside each other the region of the one that the photo's label means; nothing where neither neighbours nor the map tell which.
fn one_of_two(seen: &Seen<'_>, settings: &Settings) -> Option<Region> {
    let own = |crop: usize| {
        let votes = seen.crops.iter().filter(|vote| vote.crop == crop && Some(vote.label) == seen.label);
        votes.map(|vote| vote.share).fold(0.0, f64::max)
    };
    let looked = |crop: usize| {
        let columns = seen.columns.max(1);
        let in_half = |at: usize| (2 * (at % columns) + 1 >= columns) == (crop == 1);
        let shares = seen.shares.iter().enumerate().filter(|(at, _)| in_half(*at));
        shares.map(|(_, share)| f64::from(*share).max(0.0)).sum::<f64>()
    };
    let by = |of: &dyn Fn(usize) -> f64| match (of(0), of(1)) {
        (left, right) if left > right => Some(0),
        (left, right) if left < right => Some(1),
        _ => None,
    };
    let crop = by(&own).or_else(|| by(&looked))?;
    let (_, half) = *CROPS.get(crop)?;
    Some(within(seen, half, settings).unwrap_or(half))
}

/// The box around the map's largest part in one half of a photo, with a margin that does not reach into the other; nothing where the map tells
/// nothing of that half.
fn within(seen: &Seen<'_>, half: Region, settings: &Settings) -> Option<Region> {
    let rows = seen.shares.len().checked_div(seen.columns).filter(|rows| rows * seen.columns == seen.shares.len())?;
    // Columns whose middle lies in the half.
    let middle = |x: usize| (x as f64 + 0.5) / seen.columns as f64;
    let columns: Vec<usize> = (0..seen.columns).filter(|x| (half.x_min..half.x_max).contains(&middle(*x))).collect();
    let part: Vec<f32> = (0..rows)
        .flat_map(|y| columns.iter().map(move |x| (y, *x)))
        .map(|(y, x)| seen.shares[y * seen.columns + x])
        .collect();
    let found = backbone::region(&part, columns.len());
    let first = *columns.first()? as f64;
    let across = |share: f64| (first + share * columns.len() as f64) / seen.columns as f64;
    let (x_min, x_max) = (across(found.x_min), across(found.x_max));
    let (wide, high) = (settings.margin * (x_max - x_min), settings.margin * (found.y_max - found.y_min));
    let region = Region {
        x_min: (x_min - wide).max(half.x_min),
        y_min: (found.y_min - high).max(half.y_min),
        x_max: (x_max + wide).min(half.x_max),
        y_max: (found.y_max + high).min(half.y_max),
    };
    (region.x_min < region.x_max && region.y_min < region.y_max).then_some(region)
}

/// Of all pairs of crops that share nothing and differ in their label the one whose less sure side is surest.
fn disagreement(votes: &[CropVote]) -> Option<(&CropVote, &CropVote)> {
    let region = |vote: &CropVote| CROPS.get(vote.crop).map(|(_, region)| *region);
    let apart =
        |a: Region, b: Region| a.x_max <= b.x_min || b.x_max <= a.x_min || a.y_max <= b.y_min || b.y_max <= a.y_min;
    let mut best: Option<(&CropVote, &CropVote)> = None;
    for (n, a) in votes.iter().enumerate() {
        for b in &votes[n + 1..] {
            let (Some(one), Some(other)) = (region(a), region(b)) else { continue };
            let sure = a.share.min(b.share);
            let better = best.is_none_or(|(a, b)| sure > a.share.min(b.share));
            if a.label != b.label && sure.is_finite() && apart(one, other) && better {
                best = Some((a, b));
            }
        }
    }
    best
}

/// How deep one must go down from the second summit of a map before the first is reached, as a share of the map's range; 0 where there is
/// one summit, or no map. Places are neighbours across corners too.
pub fn valley(shares: &[f32], columns: usize) -> f64 {
    let rows = shares.len().checked_div(columns).unwrap_or(0);
    if rows == 0 || rows * columns != shares.len() || shares.iter().any(|share| !share.is_finite()) {
        return 0.0;
    }
    let mut order: Vec<usize> = (0..shares.len()).collect();
    order.sort_by(|&a, &b| shares[b].total_cmp(&shares[a]).then(a.cmp(&b)));
    let value = |at: usize| f64::from(shares[at]);
    let range = value(order[0]) - value(order[order.len() - 1]);
    // From the highest place down: a place joins the hills beside it, and of two that meet the lower ends here.
    let mut hill: Vec<Option<usize>> = vec![None; shares.len()]; // the summit of each place's hill
    let mut deepest: f64 = 0.0;
    for &at in &order {
        let (x, y) = (at % columns, at / columns);
        let near = (y.saturating_sub(1)..(y + 2).min(rows))
            .flat_map(|y| (x.saturating_sub(1)..(x + 2).min(columns)).map(move |x| y * columns + x));
        let mut summits: Vec<usize> = near.filter_map(|other| hill[other]).collect();
        // By height: `order` has the higher first, and equal ones by place.
        summits.sort_by(|&a, &b| shares[b].total_cmp(&shares[a]).then(a.cmp(&b)));
        summits.dedup();
        let summit = summits.first().copied().unwrap_or(at);
        hill[at] = Some(summit);
        for &lower in summits.iter().skip(1) {
            deepest = deepest.max(value(lower) - value(at));
            hill.iter_mut().filter(|hill| **hill == Some(lower)).for_each(|hill| *hill = Some(summit));
        }
    }
    if range > 0.0 { deepest / range } else { 0.0 }
}

fn small(seen: &Seen<'_>, settings: &Settings) -> Option<Suspect> {
    if seen.shares.is_empty() || seen.columns == 0 {
        return None;
    }
    let region = backbone::region(seen.shares, seen.columns);
    let (width, height) = (region.x_max - region.x_min, region.y_max - region.y_min);
    let area = width * height;
    let (across, down) = (settings.margin * width, settings.margin * height);
    let crop = Region {
        x_min: (region.x_min - across).max(0.0),
        y_min: (region.y_min - down).max(0.0),
        x_max: (region.x_max + across).min(1.0),
        y_max: (region.y_max + down).min(1.0),
    };
    (area < 1.0).then(|| Suspect {
        kind: Kind::SmallObject,
        photo: seen.photo,
        with: Vec::new(),
        score: (1.0 - area).clamp(0.0, 1.0),
        is_over: area < settings.small,
        reason: format!("the network looks at {:.0} % of the photo", 100.0 * area),
        proposal: Proposal::Crop(crop),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_summit_counts_by_the_valley_before_it() {
        // 9 and 7 with a way over 3 of a range of 0 to 9: (7 - 3) / 9.
        let map = [9.0, 3.0, 7.0, 1.0, 0.0, 2.0];
        assert!((valley(&map, 3) - 4.0 / 9.0).abs() < 1e-12);
        // Down a slope there is one summit only; nor has a plain map two.
        assert_eq!(valley(&[9.0, 7.0, 5.0, 3.0], 2), 0.0);
        assert_eq!(valley(&[1.0; 9], 3), 0.0);
        for (map, columns) in [(&[][..], 3), (&[1.0, 2.0][..], 0), (&[1.0; 5][..], 2), (&[1.0, f32::NAN][..], 2)] {
            assert_eq!(valley(map, columns), 0.0);
        }
        // Three summits: the second by depth, not by height. Range 10; from 8 down to 7, from 6 down to 0.
        assert!((valley(&[10.0, 7.0, 8.0, 0.0, 6.0], 5) - 0.6).abs() < 1e-12);
    }

    #[test]
    fn crops_that_disagree_are_sure_only_both() {
        let vote = |crop, label, share| CropVote { crop, label, share };
        let labels = ["a".to_owned(), "b\n".to_owned()];
        let seen = |photo, crops| Seen { photo, label: None, shares: &[], columns: 0, crops, halves: None };
        let (apart, same) = ([vote(0, 0, 0.9), vote(1, 1, 0.7)], [vote(0, 0, 0.9), vote(1, 0, 0.9), vote(99, 1, 1.0)]);
        let found = objects(&[seen(5, &apart), seen(6, &same)], &labels, &Settings::default());
        let told: Vec<(u32, f64)> = found.iter().map(|s| (s.photo, (s.score * 1e9).round() / 1e9)).collect();
        assert_eq!(told, [(5, 0.7)]);
        assert_eq!(
            found[0].reason,
            "its left half looks like a (90 % of the vote), its right half looks like b  (70 % of the vote)"
        );
        assert!(objects(&[], &labels, &Settings::default()).is_empty());
    }

    #[test]
    fn halves_are_unlike_beside_those_of_others() {
        let vote = |crop, label, share| CropVote { crop, label, share };
        let (apart, labels) = ([vote(0, 0, 0.8), vote(1, 1, 1.0)], ["a".to_owned(), "b".to_owned()]);
        // Quartiles 0.7 and 0.8: unlike below 0.5.
        let usual = (0..21).map(|i| Seen {
            photo: i,
            label: None,
            shares: &[],
            columns: 0,
            crops: &[],
            halves: Some(0.65 + 0.01 * f64::from(i)),
        });
        let mut seen: Vec<Seen<'_>> = usual.collect();
        let odd =
            |photo, cosine, crops| Seen { photo, label: None, shares: &[], columns: 0, crops, halves: Some(cosine) };
        seen.extend([odd(30, 0.1, &apart[..]), odd(31, 0.1, &[]), odd(32, f64::NAN, &[])]);
        let found = objects(&seen, &labels, &Settings::default());
        let told: Vec<(u32, bool)> = found.iter().take(3).map(|s| (s.photo, s.is_over)).collect();
        assert_eq!(told[..2], [(30, true), (31, true)]);
        assert!(!told[2].1 && found.iter().all(|s| s.photo != 32));
        // 0.45 · (0.3 + 0.8) / 1.3.
        assert!((found[0].score - 0.45 * 1.1 / 1.3).abs() < 1e-12);
        // Of a few photos nobody knows what is usual.
        assert!(objects(&seen[15..], &labels, &Settings::default()).iter().all(|s| !s.is_over));
    }

    #[test]
    fn of_two_objects_the_one_of_the_label_is_proposed() {
        let vote = |crop, label, share| CropVote { crop, label, share };
        let votes = [vote(0, 0, 0.8), vote(1, 1, 0.9)];
        let proposed = |seen: Seen<'_>| {
            let found = objects(&[seen], &["a".to_owned(), "b".to_owned()], &Settings::default());
            let one = found.into_iter().find(|one| one.kind == Kind::SeveralObjects).unwrap();
            match one.proposal {
                Proposal::Crop(region) => Some([region.x_min, region.y_min, region.x_max, region.y_max]),
                _ => None,
            }
        };
        let seen = |label, shares, columns| Seen { photo: 1, label, shares, columns, crops: &votes, halves: Some(0.1) };
        // Without a map the whole half.
        assert_eq!(proposed(seen(Some(0), &[], 0)), Some([0.0, 0.0, 0.5, 1.0]));
        assert_eq!(proposed(seen(Some(1), &[], 0)), Some([0.5, 0.0, 1.0, 1.0]));
        assert_eq!(proposed(seen(Some(7), &[], 0)), None, "neither half has its label, and there is no map");
        // One place of 4 × 4 stands out on the left, two on the right: its box, no further than the middle.
        let mut map = [0.0; 16];
        (map[5], map[6], map[10]) = (3.0, 2.0, 2.0);
        let close = |found: Option<[f64; 4]>, wanted: [f64; 4]| {
            found.is_some_and(|found| found.iter().zip(wanted).all(|(x, y)| (x - y).abs() < 1e-12))
        };
        let left = proposed(seen(Some(0), &map, 4));
        assert!(close(left, [0.25 - 0.0375, 0.25 - 0.0375, 0.5, 0.5 + 0.0375]), "{left:?}");
        let right = proposed(seen(Some(1), &map, 4));
        assert!(close(right, [0.5, 0.25 - 0.075, 0.75 + 0.0375, 0.75 + 0.075]), "{right:?}");
        assert_eq!(
            proposed(seen(None, &map, 4)),
            right,
            "of a label that neither has, the half at which more is looked"
        );
        // A map that is no map, or says nothing there, leaves the half.
        assert_eq!(proposed(seen(Some(0), &map[..15], 4)), Some([0.0, 0.0, 0.5, 1.0]));
        assert_eq!(proposed(seen(Some(0), &[1.0; 16], 4)), Some([0.0, 0.0, 0.5, 1.0]));
        // Three columns: the middle one is the right half's, whose crop stays in it all the same.
        let odd = proposed(seen(Some(1), &[0.0, 9.0, 0.0, 0.0, 0.0, 0.0], 3));
        assert!(close(odd, [0.5, 0.0, 2.0 / 3.0 + 0.05, 0.5 + 0.075]), "{odd:?}");
        // Of one object no part is proposed.
        let alike = Seen { crops: &[], halves: Some(0.95), ..seen(Some(0), &map, 4) };
        assert_eq!(proposed(alike), None);
    }

    #[test]
    fn a_small_object_proposes_its_box_with_a_margin() {
        // One place of 4 × 4 above the mean.
        let mut map = [0.0; 16];
        map[5] = 1.0;
        let seen = [Seen { photo: 3, label: None, shares: &map, columns: 4, crops: &[], halves: None }];
        let found = objects(&seen, &[], &Settings::default());
        let [one] = found.as_slice() else { panic!("{found:?}") };
        assert_eq!(
            (one.kind, one.is_over, one.reason.as_str()),
            (Kind::SmallObject, true, "the network looks at 6 % of the photo")
        );
        let Proposal::Crop(crop) = one.proposal else { panic!("{one:?}") };
        let wanted = [0.25 - 0.0375, 0.25 - 0.0375, 0.5 + 0.0375, 0.5 + 0.0375];
        let sides = [crop.x_min, crop.y_min, crop.x_max, crop.y_max];
        assert!(sides.iter().zip(wanted).all(|(x, y)| (x - y).abs() < 1e-12), "{crop:?}");
    }
}
