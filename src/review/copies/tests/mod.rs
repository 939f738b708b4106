//! Planted copies are found, clusters are told with their reasons.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::*;
use crate::base::progress::Silent;
use crate::data::folds::Fold;
use crate::data::manifest::{Manifest, Role};
use crate::data::picture::decode::Limits;
use crate::data::synth::{self, SynthSpec};
use crate::review::measures::{SMALL, measured};
use crate::review::{Kind, Proposal};

/// Mean over the wanted of the share of wanted among the first to each of them; those that are not listed count 0.
fn average_precision(hits: &[bool], wanted: usize) -> f64 {
    let mut found = 0;
    let mut sum = 0.0;
    for (place, _) in hits.iter().enumerate().filter(|(_, hit)| **hit) {
        found += 1;
        sum += f64::from(found) / (place + 1) as f64;
    }
    sum / wanted.max(1) as f64
}

/// A drawn set as the review sees it, and which pairs are copies, through whatever steps.
struct Drawn {
    manifest: Manifest,
    measures: Vec<Option<Measures>>,
    copies: Vec<(u32, u32)>,
}

fn read(folder: &Path) -> Drawn {
    let text = fs::read_to_string(folder.join("truth.csv")).unwrap();
    let rows: Vec<Vec<&str>> = text.lines().skip(1).map(|line| line.split(',').collect()).collect();
    let mut labels: Vec<String> = rows.iter().map(|row| row[3].to_owned()).collect();
    labels.sort();
    labels.dedup();
    let photo = |row: &Vec<&str>| Photo {
        id: row[0].to_owned(),
        path: PathBuf::from("images").join(row[1]),
        content: Key::of_bytes(&fs::read(folder.join("images").join(row[1])).unwrap()),
        label: labels.binary_search(&row[3].to_owned()).ok().map(|at| at as u32),
        coarse: None,
        role: match row[2] {
            "train" => Role::Train,
            "cite" => Role::Gallery,
            _ => Role::Query,
        },
        width: 96,
        height: 96,
        crop: None,
    };
    let photos: Vec<Photo> = rows.iter().map(photo).collect();
    let pictures: Vec<(Key, &Path)> = photos.iter().map(|photo| (photo.content, photo.path.as_path())).collect();
    let cache = tempfile::tempdir().unwrap();
    let cache = cache.path().join("measures.cache");
    let measures = measured(folder, &pictures, &Limits::default(), &cache, &Cancel::new(), &Silent).unwrap();
    let at: HashMap<&str, u32> = rows.iter().zip(0..).map(|(row, place)| (row[0], place)).collect();
    let mut above = Above((0..photos.len() as u32).collect());
    for row in rows.iter().filter(|row| row[5] == "near-duplicate") {
        let (a, b) = (above.root(at[row[0]]), above.root(at[row[6]]));
        above.0[a.max(b) as usize] = a.min(b);
    }
    let n = photos.len() as u32;
    let copies = (0..n).flat_map(|b| (0..b).map(move |a| (a, b))).filter(|&(a, b)| above.root(a) == above.root(b));
    let copies = copies.collect();
    Drawn { manifest: Manifest { photos, labels, ..Manifest::default() }, measures, copies }
}

/// (Average precision, precision and recall of what is over) of the pairs that clusters are made of.
fn judged(drawn: &Drawn, clusters: &[Cluster]) -> (f64, f64, f64) {
    // Pairs of a cluster are judged in the order of the clusters.
    let mut hits = Vec::new();
    let (mut right, mut told) = (0, 0);
    for cluster in clusters {
        for (n, &a) in cluster.photos.iter().enumerate() {
            for &b in &cluster.photos[n + 1..] {
                let hit = drawn.copies.contains(&(a, b));
                hits.push(hit);
                right += usize::from(hit && cluster.is_over);
                told += usize::from(cluster.is_over);
            }
        }
    }
    let wanted = drawn.copies.len();
    (average_precision(&hits, wanted), right as f64 / told.max(1) as f64, right as f64 / wanted as f64)
}

fn found(drawn: &Drawn) -> Vec<Cluster> {
    let settings = Settings::default();
    clusters(&drawn.manifest.photos, &drawn.measures, None, &settings, &Silent, &Cancel::new()).unwrap()
}

#[test]
fn average_precision_is_worked_out() {
    // 1/1 and 2/3 of three wanted.
    assert!((average_precision(&[true, false, true], 3) - (1.0 + 2.0 / 3.0) / 3.0).abs() < 1e-12);
    assert_eq!(average_precision(&[], 0), 0.0);
}

#[test]
fn planted_copies_are_found_untrained() {
    let sample = read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("data/sample"));
    let folder = tempfile::tempdir().unwrap();
    let other = folder.path().join("other");
    let spec = SynthSpec { seed: 4711, brands: 40, photos: 600, size: 96 };
    synth::draw_set(&other, &spec, &Silent, &Cancel::new()).unwrap();
    for drawn in [sample, read(&other)] {
        let clusters = found(&drawn);
        let (average, precision, recall) = judged(&drawn, &clusters);
        eprintln!("copies: average precision {average:.4}, precision {precision:.3}, recall {recall:.3}");
        assert!(average >= 0.95 && precision >= 0.9 && recall >= 0.9, "{average} {precision} {recall}");
        assert!(clusters.windows(2).all(|two| two[0].is_over >= two[1].is_over));
    }
}

/// Sets by `toji synth` in a folder that is given by TOJI_SETS, for the figures of the page.
#[test]
#[ignore = "needs drawn sets"]
#[expect(clippy::disallowed_methods, reason = "a person names the folder")]
fn copies_of_larger_sets() {
    let root = PathBuf::from(std::env::var("TOJI_SETS").unwrap());
    let mut sets: Vec<PathBuf> = fs::read_dir(root).unwrap().flatten().map(|entry| entry.path()).collect();
    sets.sort();
    for set in sets.iter().filter(|set| set.join("truth.csv").is_file()) {
        let drawn = read(set);
        let start = std::time::Instant::now();
        let clusters = found(&drawn);
        let took = start.elapsed().as_secs_f64();
        let (average, precision, recall) = judged(&drawn, &clusters);
        let right = |cluster: &&Cluster| drawn.copies.contains(&(cluster.photos[0], cluster.photos[1]));
        let links = || clusters.iter().flat_map(|cluster| cluster.links.iter().map(move |link| (cluster, link)));
        let score = |link: &Pair| link.score;
        let least = links().filter(|(c, _)| right(c)).map(|(_, l)| score(l)).fold(1.0, f64::min);
        let most = links().filter(|(c, _)| !right(c)).map(|(_, l)| score(l)).fold(0.0, f64::max);
        println!(
            "{}: {took:.1} s, AP {average:.4}, precision {precision:.3}, recall {recall:.3}, least copy {least:.4}, most other {most:.4}",
            set.display()
        );
        assert!(average >= 0.9);
    }
}

/// A manifest of photos by (role, label, content), whose measures have the given small picture.
fn made(rows: &[(Role, Option<u32>, u8, u8)]) -> (Manifest, Vec<Option<Measures>>) {
    let photo = |(place, &(role, label, content, _)): (usize, &(Role, Option<u32>, u8, u8))| Photo {
        id: format!("p{place}"),
        path: PathBuf::new(),
        content: Key::of_bytes(&[content]),
        label,
        coarse: None,
        role,
        width: 10,
        height: 10,
        crop: None,
    };
    let measure = |&(_, _, _, picture): &(Role, Option<u32>, u8, u8)| {
        let mut small = [0; SMALL * SMALL];
        let draw = |at: usize| Key::of_bytes(&[picture, (at / SMALL / 4) as u8, (at % SMALL / 4) as u8]).as_bytes()[0];
        small.iter_mut().enumerate().for_each(|(at, area)| *area = draw(at));
        Measures {
            width: 10,
            height: 10,
            orientation: 1,
            brightness_perc_5: 0.1,
            brightness_perc_99: 0.9,
            blurriness: 30.0,
            blurriness_grayscale_std: 10.0,
            entropy: 7.0,
            pixels: Key::of_bytes(&[1, picture]),
            hash: u64::from_le_bytes(Key::of_bytes(&[picture]).as_bytes()[..8].try_into().unwrap()),
            small,
        }
    };
    let photos = rows.iter().enumerate().map(photo).collect();
    let labels = vec!["left".to_owned(), "right\u{1b}[0m".to_owned()];
    (Manifest { photos, labels, ..Manifest::default() }, rows.iter().map(|row| Some(measure(row))).collect())
}

#[test]
fn equal_bytes_and_pixels_come_first_and_say_so() {
    let train = Role::Train;
    let (manifest, measures) = made(&[
        (train, Some(0), 1, 1),
        (train, Some(0), 2, 2),
        (train, Some(0), 1, 1),
        (Role::Gallery, None, 3, 2),
        (train, Some(1), 2, 2),
        (train, Some(1), 9, 9),
    ]);
    let settings = Settings::default();
    let found = clusters(&manifest.photos, &measures, None, &settings, &Silent, &Cancel::new()).unwrap();
    let told: Vec<(&[u32], f64, bool)> = found.iter().map(|c| (c.photos.as_slice(), c.score, c.is_over)).collect();
    assert_eq!(told, [(&[0, 2][..], 1.0, true), (&[1, 3, 4][..], 0.999, true)]);

    let suspects = duplicates(&found, &manifest, &measures);
    let told: Vec<(u32, &str, &Proposal)> =
        suspects.iter().map(|s| (s.photo, s.reason.as_str(), &s.proposal)).collect();
    assert_eq!(told[0], (2, "the same bytes as p0", &Proposal::Drop));
    assert_eq!(told[1].1, "the same pixels as p1, in other bytes; their labels differ: left, right·[0m");
    assert_eq!((told[2].0, told[2].2), (4, &Proposal::Look));
    assert_eq!(suspects.len(), 3);

    // Fold 1 learns photo 0 and asks for photo 2.
    let folds = [
        Fold { train: vec![0, 2], query: vec![5], ..Fold::default() },
        Fold { train: vec![0, 5], query: vec![2], ..Fold::default() },
    ];
    let leaks = leaks(&found, &manifest, &folds);
    let told: Vec<(u32, &[u32], &str, &Proposal)> =
        leaks.iter().map(|s| (s.photo, s.with.as_slice(), s.reason.as_str(), &s.proposal)).collect();
    assert_eq!(
        told,
        [
            (0, &[2][..], "fold 1 learns one copy and is examined by another; the same bytes as p2", &Proposal::Group),
            (
                1,
                &[3, 4][..],
                "a copy of this training photo is in the gallery: p3; the same bytes as p4",
                &Proposal::Look
            ),
        ]
    );
    assert!(leaks.iter().all(|leak| leak.kind == Kind::Leak));
}

#[test]
fn the_majority_of_a_cluster_proposes_its_label() {
    let train = Role::Train;
    let (manifest, measures) = made(&[(train, Some(1), 1, 1), (train, Some(0), 1, 1), (train, Some(0), 1, 1)]);
    let found = clusters(&manifest.photos, &measures, None, &Settings::default(), &Silent, &Cancel::new()).unwrap();
    let suspects = duplicates(&found, &manifest, &measures);
    let told: Vec<(u32, &Proposal)> = suspects.iter().map(|s| (s.photo, &s.proposal)).collect();
    // The odd one out keeps its place (it stands first), but under the others' label.
    assert_eq!(told, [(0, &Proposal::Relabel(0)), (1, &Proposal::Drop), (2, &Proposal::Drop)]);
}

#[test]
fn nothing_comes_of_nothing() {
    let settings = Settings::default();
    let look = |photos: &[Photo], measures: &[Option<Measures>], embeddings: Option<&Embeddings>| {
        clusters(photos, measures, embeddings, &settings, &Silent, &Cancel::new())
    };
    assert_eq!(look(&[], &[], None).unwrap(), []);
    let (manifest, measures) = made(&[(Role::Train, None, 1, 1), (Role::Train, None, 2, 2)]);
    assert_eq!(look(&manifest.photos, &measures, None).unwrap(), []);
    assert_eq!(look(&manifest.photos, &[None, None], None).unwrap(), []);
    assert!(look(&manifest.photos, &[], None).is_err());
    // Two photos that a network finds the same are listed, and are not over.
    let alike = Embeddings::new(2, vec![0, 1, 7], vec![1.0, 0.0, 1.0, 0.01, 0.0, 1.0]).unwrap();
    let found = look(&manifest.photos, &measures, Some(&alike)).unwrap();
    assert!(found.len() == 1 && !found[0].is_over && found[0].score < 0.5, "{found:?}");
    let broken = Embeddings { dim: 2, photos: vec![0, 1], data: vec![f32::NAN; 4] };
    assert!(look(&manifest.photos, &measures, Some(&broken)).is_err());
}
