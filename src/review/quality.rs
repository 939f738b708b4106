//! Photos that are too dark, too bright, blurred, of an odd size or shape, nearly empty, or lying on their side.
//!
//! Takes the [`Measures`] of all photos; gives ranked suspects by cleanvision's scores and default thresholds (cleanvision 0.3.7,
//! `ImagePropertyIssueManager`), turned round so that the larger score is the more suspect one. A turned photo is one whose EXIF
//! orientation is not 1: Toji shows and trains it upright, programs that ignore the tag do not.

use super::measures::Measures;
use super::{Kind, Proposal, Suspect};

/// Where a score is over its limit: cleanvision's numbers, on its scores, which are low for what is wrong.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Thresholds {
    /// Dark where the brightness of the 99th percentile is below.
    pub dark: f64,
    /// Light where one less the brightness of the 5th percentile is below.
    pub light: f64,
    /// Odd where the shorter side over the longer is below.
    pub odd_aspect_ratio: f64,
    /// Little information where a tenth of the entropy (bits) is below.
    pub low_information: f64,
    /// Blurry where the score of the edges is below.
    pub blurry: f64,
    /// A histogram counts as coloured from this score on, and then raises the score of the edges.
    pub color_threshold: f64,
    /// Odd in size where it is this many interquartile ranges beyond the quartiles.
    pub iqr_factor: f64,
    /// Nor odd in size within this factor of the median; cleanvision, which has 1 here, calls a pixel more odd in a set of one size.
    pub widely: f64,
}

impl Default for Thresholds {
    fn default() -> Self {
        Thresholds {
            dark: 0.32,
            light: 0.05,
            odd_aspect_ratio: 0.35,
            low_information: 0.3,
            blurry: 0.29,
            color_threshold: 0.18,
            iqr_factor: 3.0,
            widely: 1.25,
        }
    }
}

/// Scores of one kind for all photos, and below what they are over.
struct Judged {
    kind: Kind,
    scores: Vec<f64>,
    threshold: f64,
}

/// The suspects of all kinds of quality, each kind ranked by itself, the worst first; `measures` by place in the manifest, `None` for
/// photos that cannot be decoded. A photo is listed in a kind whose limit it is over, and where it is among the worst `listed`.
pub fn quality(measures: &[Option<Measures>], thresholds: &Thresholds, listed: usize) -> Vec<Suspect> {
    let (photos, found): (Vec<u32>, Vec<&Measures>) =
        (0u32..).zip(measures).filter_map(|(photo, m)| Some((photo, m.as_ref()?))).unzip();
    let mut sides: Vec<f64> = found.iter().map(|m| side(m)).collect();
    sides.sort_by(f64::total_cmp);
    let usual = quantile(&sides, 0.5);
    let mut suspects = Vec::new();
    for Judged { kind, scores, threshold } in judged(&found, thresholds) {
        let mut order: Vec<usize> = (0..found.len()).collect();
        order.sort_by(|&a, &b| scores[a].total_cmp(&scores[b]));
        // A set of which most have one size calls any other odd; a pixel more is nobody's trouble.
        let slightly = |i: usize| {
            kind == Kind::OddSize && (usual / thresholds.widely..=usual * thresholds.widely).contains(&side(found[i]))
        };
        let over = |i: &usize| scores[*i] < threshold && !slightly(*i);
        let shown = order.iter().enumerate().filter(|(rank, i)| *rank < listed || over(i));
        suspects.extend(shown.map(|(_, &i)| Suspect {
            kind,
            photo: photos[i],
            with: Vec::new(),
            score: (1.0 - scores[i]).clamp(0.0, 1.0),
            is_over: over(&i),
            reason: reason(kind, found[i], &found),
            proposal: Proposal::Look,
        }));
    }
    suspects.extend(photos.iter().zip(&found).filter(|(_, m)| m.orientation != 1).map(|(&photo, m)| Suspect {
        kind: Kind::Turned,
        photo,
        with: Vec::new(),
        score: 1.0,
        is_over: true,
        reason: format!("its EXIF orientation is {}: {}", m.orientation, held(m.orientation)),
        proposal: Proposal::Look,
    }));
    suspects
}

fn judged(found: &[&Measures], thresholds: &Thresholds) -> Vec<Judged> {
    let t = thresholds;
    let by = |kind, threshold, score: &dyn Fn(&Measures) -> f64| Judged {
        kind,
        scores: found.iter().map(|m| score(m)).collect(),
        threshold,
    };
    let blurry = |m: &Measures| {
        let grown = |x: f64| 1.0 - (-0.01 * x).exp();
        let colour = grown(m.blurriness_grayscale_std);
        (grown(m.blurriness) + if colour <= t.color_threshold { 0.0 } else { colour }).min(1.0)
    };
    let (sizes, threshold) = odd_size(&found.iter().map(|m| side(m)).collect::<Vec<_>>(), t.iqr_factor);
    vec![
        by(Kind::Dark, t.dark, &|m| m.brightness_perc_99),
        by(Kind::Light, t.light, &|m| 1.0 - m.brightness_perc_5),
        by(Kind::Blurry, t.blurry, &blurry),
        Judged { kind: Kind::OddSize, scores: sizes, threshold },
        by(Kind::OddAspectRatio, t.odd_aspect_ratio, &ratio),
        by(Kind::LowInformation, t.low_information, &|m| (0.1 * m.entropy).min(1.0)),
    ]
}

/// Side of the square with as many pixels.
fn side(m: &Measures) -> f64 {
    f64::from(m.width).sqrt() * f64::from(m.height).sqrt()
}

fn ratio(m: &Measures) -> f64 {
    let (width, height) = (f64::from(m.width), f64::from(m.height));
    (width / height).min(height / width)
}

/// Scores by the distance from the middle of what is usual, and the score below which one is over.
fn odd_size(sides: &[f64], factor: f64) -> (Vec<f64>, f64) {
    let mut sorted = sides.to_vec();
    sorted.sort_by(f64::total_cmp);
    let (q1, q3) = (quantile(&sorted, 0.25), quantile(&sorted, 0.75));
    let (least, most) = (q1 - factor * (q3 - q1), q3 + factor * (q3 - q1));
    let (middle, gap) = ((least + most) / 2.0, most - least);
    // All of one size but a few: then the distance counts in shares of that size, and any distance is over.
    let (unit, threshold) = if gap > 0.0 { (gap, 0.5) } else { (middle, 1.0) };
    (sides.iter().map(|side| 1.0 - ((side - middle).abs() / unit).clamp(0.0, 1.0)).collect(), threshold)
}

/// `np.quantile` of sorted numbers; 0 of none.
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else { return 0.0 };
    let at = share * last as f64;
    let (low, part) = (at.floor() as usize, at.fract());
    let (here, next) = (sorted[low], sorted[(low + 1).min(last)]);
    if part < 0.5 { here + (next - here) * part } else { next - (next - here) * (1.0 - part) }
}

fn reason(kind: Kind, m: &Measures, all: &[&Measures]) -> String {
    let percent = |share: f64| format!("{:.0} %", 100.0 * share);
    match kind {
        Kind::Dark => format!("99 of 100 pixels are darker than {} of white", percent(m.brightness_perc_99)),
        Kind::Light => format!("95 of 100 pixels are brighter than {} of white", percent(m.brightness_perc_5)),
        Kind::Blurry => format!("its edges deviate by {:.1} only, of 255", m.blurriness),
        Kind::OddSize => {
            let mut sides: Vec<f64> = all.iter().map(|m| side(m)).collect();
            sides.sort_by(f64::total_cmp);
            format!(
                "{} × {} pixels, as a square of {:.0}; half of all are below {:.0}",
                m.width,
                m.height,
                side(m),
                quantile(&sides, 0.5)
            )
        }
        Kind::OddAspectRatio => {
            format!("{} × {} pixels: the short side is {} of the long one", m.width, m.height, percent(ratio(m)))
        }
        _ => format!("{:.1} bits of information a value, of 8 to 9.6 possible", m.entropy),
    }
}

fn held(orientation: u8) -> &'static str {
    match orientation {
        2 => "mirrored",
        3 => "upside down",
        4 => "upside down and mirrored",
        5 | 7 => "on its side and mirrored",
        _ => "on its side",
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use serde_json::Value;

    use super::*;
    use crate::base::Key;
    use crate::review::measures::SMALL;

    fn measures(raw: &Value) -> Measures {
        let number = |key: &str| raw[key].as_f64().unwrap();
        Measures {
            width: number("width") as u32,
            height: number("height") as u32,
            orientation: 1,
            brightness_perc_5: number("brightness_perc_5"),
            brightness_perc_99: number("brightness_perc_99"),
            blurriness: number("blurriness"),
            blurriness_grayscale_std: number("blurriness_grayscale_std"),
            entropy: number("entropy"),
            pixels: Key::of_bytes(b"pixels"),
            hash: 0,
            small: [0; SMALL * SMALL],
        }
    }

    /// cleanvision's scores and verdicts on the rows of tests/golden/review/vision.json.
    #[test]
    fn cleanvision_judges_alike() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/review/vision.json");
        let golden: Value = serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap();
        let rows: Vec<Option<Measures>> =
            golden["rows"].as_array().unwrap().iter().map(|raw| Some(measures(raw))).collect();
        let suspects = quality(&rows, &Thresholds { widely: 1.0, ..Thresholds::default() }, rows.len());
        let mut overs = 0;
        for judged in golden["judged"].as_array().unwrap() {
            let kind = Kind::named(&judged["kind"].as_str().unwrap().replace('_', "-")).unwrap();
            let own: Vec<&Suspect> = suspects.iter().filter(|suspect| suspect.kind == kind).collect();
            assert_eq!(own.len(), rows.len());
            for suspect in own {
                let score = judged["scores"][suspect.photo as usize].as_f64().unwrap();
                assert!((1.0 - suspect.score - score).abs() < 1e-12, "{suspect:?} {score}");
                assert_eq!(Some(suspect.is_over), judged["over"][suspect.photo as usize].as_bool(), "{suspect:?}");
                overs += usize::from(suspect.is_over);
            }
        }
        assert!(overs >= 6 && overs < rows.len());
    }

    #[test]
    fn lists_are_ranked_and_say_why() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/review/vision.json");
        let golden: Value = serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap();
        let usual = measures(&golden["rows"][10]);
        let mut all = vec![Some(usual.clone()); 9];
        all[2] = None;
        all[4] = Some(Measures { brightness_perc_99: 0.1, orientation: 6, ..usual.clone() });
        all[5] = Some(Measures { width: 5000, height: 1000, ..usual });
        let found = quality(&all, &Thresholds::default(), 0);
        let told: Vec<(Kind, u32)> = found.iter().map(|s| (s.kind, s.photo)).collect();
        assert_eq!(
            told,
            [(Kind::Dark, 4), (Kind::OddSize, 5), (Kind::OddAspectRatio, 5), (Kind::Turned, 4)],
            "{found:?}"
        );
        assert_eq!(found[0].reason, "99 of 100 pixels are darker than 10 % of white");
        assert_eq!(found[2].reason, "5000 × 1000 pixels: the short side is 20 % of the long one");
        assert_eq!(found[3].reason, "its EXIF orientation is 6: on its side");
        assert!(quality(&[], &Thresholds::default(), 5).is_empty());
        assert!(quality(&[None], &Thresholds::default(), 5).is_empty());
    }
}
