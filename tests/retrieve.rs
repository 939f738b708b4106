//! Tests of retrieve through the public interface: post steps against scikit-learn, faiss and NumPy
//! (golden files, made by tests/golden/retrieve/make.py), and the road from embeddings to a score.
#![expect(clippy::unwrap_used, reason = "a test's helpers may fail loudly")]

#[path = "retrieve/chains.rs"]
mod chains;
#[path = "retrieve/spatial.rs"]
mod spatial;

use serde::Deserialize;
use toji::base::progress::Silent;
use toji::base::{Cancel, Seed};
use toji::retrieve::post::{self, Fit, Pca, Step};
use toji::retrieve::{Embeddings, index};
use toji::score::{Metric, paired};

#[derive(Deserialize)]
struct Golden {
    d: usize,
    queries: Vec<f32>,
    gallery: Vec<f32>,
    pca: Vec<PcaCase>,
    alpha_qe: Vec<AlphaQeCase>,
}

#[derive(Deserialize)]
struct PcaCase {
    dim: usize,
    whiten: bool,
    fit: Fit,
    queries: Vec<f32>,
    gallery: Vec<f32>,
    variance: Vec<f64>,
}

#[derive(Deserialize)]
struct AlphaQeCase {
    k: usize,
    alpha: f64,
    queries: Vec<f32>,
}

impl Golden {
    fn read() -> (Golden, Embeddings, Embeddings) {
        let golden: Golden = serde_json::from_str(include_str!("golden/retrieve/golden.json")).unwrap();
        let set = |data: &[f32], first: u32| {
            let n = (data.len() / golden.d) as u32;
            Embeddings::new(golden.d, (first..first + n).collect(), data.to_vec()).unwrap()
        };
        let (queries, gallery) = (set(&golden.queries, 0), set(&golden.gallery, 1000));
        (golden, queries, gallery)
    }
}

fn apply(step: Step, queries: &Embeddings, gallery: &Embeddings) -> post::Processed {
    post::apply(&[step], queries.clone(), gallery.clone(), &Silent, &Cancel::new()).unwrap()
}

/// The greatest difference, which a wrong length cannot hide.
fn worst(ours: &[f32], theirs: &[f32]) -> f32 {
    assert_eq!(ours.len(), theirs.len());
    ours.iter().zip(theirs).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

#[test]
fn pca_equals_scikit_learn() {
    let (golden, queries, gallery) = Golden::read();
    assert_eq!(golden.pca.len(), 4);
    for case in &golden.pca {
        let step = Step::Pca { dim: case.dim, whiten: case.whiten, fit: case.fit };
        let done = apply(step, &queries, &gallery);
        assert!(worst(&done.queries.data, &case.queries) < 2e-5, "dim {}", case.dim);
        assert!(worst(&done.gallery.data, &case.gallery) < 2e-5, "dim {}", case.dim);
        let pca = Pca::fit(case.fit, &queries, &gallery, case.dim, case.whiten, &Cancel::new()).unwrap();
        for (ours, theirs) in pca.variance.iter().zip(&case.variance) {
            assert!((ours / theirs - 1.0).abs() < 1e-10, "{ours} {theirs}");
        }
    }
}

#[test]
fn alpha_qe_equals_its_definition_in_numpy() {
    let (golden, queries, gallery) = Golden::read();
    assert_eq!(golden.alpha_qe.len(), 3);
    for case in &golden.alpha_qe {
        let done = apply(Step::AlphaQe { k: case.k, alpha: case.alpha }, &queries, &gallery);
        assert!(worst(&done.queries.data, &case.queries) < 1e-6, "k {}", case.k);
        assert_eq!(done.gallery, gallery, "the gallery stays");
    }
}

/// `labels` clusters of `each` photos around drawn centres.
fn clusters(labels: u32, each: u32, noise: f64) -> (Embeddings, Vec<Option<u32>>) {
    let (dim, mut draws) = (16, Seed::new(5).draws());
    let mut data = Vec::new();
    for _ in 0..labels {
        let centre: Vec<f64> = (0..dim).map(|_| draws.normal()).collect();
        for _ in 0..each {
            data.extend(centre.iter().map(|c| (c + noise * draws.normal()) as f32));
        }
    }
    let n = labels * each;
    (Embeddings::new(dim, (0..n).collect(), data).unwrap(), (0..n).map(|photo| Some(photo / each)).collect())
}

#[test]
fn leave_one_out_from_embeddings_to_a_paired_difference() {
    let (all, labels) = clusters(40, 5, 1.1);
    let score = |steps: &[Step]| {
        let done = post::apply(steps, all.clone(), all.clone(), &Silent, &Cancel::new()).unwrap();
        let ranking = index::search(&done.queries, &done.gallery, 20, &Silent, &Cancel::new()).unwrap();
        ranking.check().unwrap();
        Metric::Mrr { k: 20 }.score(&ranking, &labels, &[], Some(&groups(&labels)), Seed::new(1)).unwrap()
    };
    let plain = score(&[]);
    assert!(plain.value > 0.4 && plain.value < 0.95, "{}", plain.value);
    assert!(plain.interval[0] < plain.value && plain.value < plain.interval[1]);
    // Nothing finds itself: with k = 1 and one photo a label the score is 0 though each query is in the gallery.
    let (lonely, labels_of_one) = clusters(30, 1, 0.0);
    let ranking = index::search(&lonely, &lonely, 20, &Silent, &Cancel::new()).unwrap();
    assert_eq!(Metric::Mrr { k: 20 }.score(&ranking, &labels_of_one, &[], None, Seed::new(1)).unwrap().value, 0.0);
    // Two directions of sixteen hold too little to tell forty labels apart.
    let group = |photo: u32| labels[photo as usize].unwrap();
    let cut = score(&[Step::Pca { dim: 2, whiten: false, fit: Fit::Gallery }]);
    let delta = paired(&cut, &plain, group, Seed::new(1)).unwrap();
    assert!(delta.interval[1] < 0.0 && delta.queries == 200, "{delta:?}");
    let same = paired(&score(&[Step::L2 {}]), &plain, group, Seed::new(1)).unwrap();
    assert_eq!((same.value, same.interval), (0.0, [0.0, 0.0]));
}

fn groups(labels: &[Option<u32>]) -> Vec<u32> {
    labels.iter().map(|label| label.unwrap_or(u32::MAX)).collect()
}

#[test]
fn broken_files_are_errors_that_name_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("e.safetensors");
    let (all, _) = clusters(3, 2, 1.0);
    all.save(&path).unwrap();
    let whole = std::fs::read(&path).unwrap();
    let mut longer = whole.clone();
    longer.push(0);
    let mut huge = whole.clone();
    huge[..8].copy_from_slice(&u64::MAX.to_le_bytes());
    let mut shape = whole.clone();
    // [6] becomes [7] in the header: shape and bytes no longer fit.
    let at = shape.windows(3).position(|bytes| bytes == b"[6]").unwrap();
    shape[at + 1] = b'7';
    let mut nan = whole.clone();
    let n = nan.len();
    nan[n - 4..].copy_from_slice(&f32::NAN.to_le_bytes());
    let broken = [&whole[..0], &whole[..7], &whole[..40], &whole[..n - 1], &longer, &huge, &shape, &nan];
    for bytes in broken {
        toji::base::files::publish(&path, bytes).unwrap();
        let error = Embeddings::load(&path).unwrap_err().to_string();
        assert!(error.contains("e.safetensors is no embeddings file: "), "{error}");
    }
    assert!(Embeddings::load(&path).unwrap_err().to_string().contains("photo 5 has NaN in dimension 15"));
    all.save(&path).unwrap();
    let error = toji::retrieve::Ranking::load(&path).unwrap_err().to_string();
    assert!(error.contains("is no ranking file: it has no tensor queries"), "{error}");
}

/// Lists, scores and a projection as one number; printed for the test below.
#[test]
#[ignore = "is run by `any_number_of_threads_gives_the_same_bits` in processes of its own"]
fn print_bits() {
    let (all, _) = clusters(500, 5, 1.0);
    let pca = Pca::fit(Fit::Gallery, &all, &all, 9, true, &Cancel::new()).unwrap();
    let ranking = index::search(&all, &all, 7, &Silent, &Cancel::new()).unwrap();
    let done = apply(Step::AlphaQe { k: 4, alpha: 3.0 }, &all, &all);
    let numbers = [&ranking.scores, &pca.project(&all).unwrap().data, &done.queries.data];
    let mut bytes: Vec<u8> = numbers.iter().flat_map(|part| part.iter()).flat_map(|x| x.to_le_bytes()).collect();
    bytes.extend(ranking.items.iter().flat_map(|item| item.to_le_bytes()));
    println!("bits {}", toji::base::Key::of_bytes(&bytes));
}

/// The bits that an ignored test prints, in a process with so many threads: candle reads their number once a process.
fn bits_of(test: &str, threads: &str) -> String {
    let output = std::process::Command::new(std::env::current_exe().unwrap())
        .args([test, "--exact", "--ignored", "--nocapture"])
        .env("RAYON_NUM_THREADS", threads)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let at = text.find("bits ").unwrap_or_else(|| panic!("no bits in {text}"));
    text[at..at + 69].to_owned()
}

#[test]
fn any_number_of_threads_gives_the_same_bits() {
    let one = bits_of("retrieve::print_bits", "1");
    assert_eq!(one, bits_of("retrieve::print_bits", "2"));
    assert_eq!(one, bits_of("retrieve::print_bits", "7"));
}

/// Rows as large as those of the sake competition. Sums of few bits are near enough to normal, and quick.
fn large(n: u32, first: u32, seed: u64) -> Embeddings {
    let mut draws = Seed::new(seed).draws();
    let data = (0..n as usize * 512).map(|_| (draws.bits().count_ones() as f32) - 32.0).collect();
    Embeddings::new(512, (first..first + n).collect(), data).unwrap()
}

/// `cargo test --release --test all retrieve::measure -- --ignored --nocapture --test-threads 1`
#[test]
#[ignore = "a measurement of seconds and memory, not a check"]
fn measure_search() {
    let (gallery, queries) = (large(109_481, 0, 1), large(2_942, 200_000, 2));
    let start = std::time::Instant::now();
    let ranking = index::search(&queries, &gallery, 100, &Silent, &Cancel::new()).unwrap();
    println!("search 2,942 × 109,481 × 512, top 100: {:.2} s", start.elapsed().as_secs_f64());
    assert_eq!(ranking.items.len(), 294_200);
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    println!("{}", status.lines().find(|line| line.starts_with("VmHWM")).unwrap_or("peak memory unknown"));
}

#[test]
#[ignore = "a measurement of seconds, not a check"]
fn measure_pca() {
    let gallery = large(109_481, 0, 1);
    let start = std::time::Instant::now();
    let pca = Pca::fit(Fit::Gallery, &gallery, &gallery, 128, true, &Cancel::new()).unwrap();
    println!("pca fit 109,481 × 512: {:.2} s", start.elapsed().as_secs_f64());
    let start = std::time::Instant::now();
    assert_eq!(pca.project(&gallery).unwrap().dim, 128);
    println!("pca project: {:.2} s", start.elapsed().as_secs_f64());
    for n in [512, 1024, 2048] {
        let mut draws = Seed::new(3).draws();
        let mut matrix = vec![0.0; n * n];
        for i in 0..n {
            for j in 0..=i {
                matrix[i * n + j] = draws.unit() + if i == j { 2.0 } else { 0.0 };
                matrix[j * n + i] = matrix[i * n + j];
            }
        }
        let start = std::time::Instant::now();
        post::eigen::symmetric(matrix, n, &Cancel::new()).unwrap();
        println!("eigen {n}: {:.2} s", start.elapsed().as_secs_f64());
    }
}
