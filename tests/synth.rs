//! The project's own photos through the public interface: the committed sample can be drawn again.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use toji::base::Cancel;
use toji::base::progress::Silent;
use toji::data::synth::host::{BUGS, Bug, score};
use toji::data::synth::{SynthError, SynthSpec, draw_set};

fn sample() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("data/sample")
}

/// Every file below a folder with its bytes.
fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.insert(path.strip_prefix(folder).unwrap().to_owned(), fs::read(&path).unwrap());
            }
        }
    }
    found
}

/// To renew it after a change of the drawing: empty data/sample and run `toji synth data/sample`.
#[test]
fn the_committed_sample_is_what_its_spec_draws() {
    let folder = tempfile::tempdir().unwrap();
    let drawn = folder.path().join("sample");
    draw_set(&drawn, &SynthSpec::SAMPLE, &Silent, &Cancel::new()).unwrap();
    let (ours, committed) = (files(&drawn), files(&sample()));
    assert_eq!(ours.keys().collect::<Vec<_>>(), committed.keys().collect::<Vec<_>>());
    for (name, bytes) in &ours {
        assert!(committed[name] == *bytes, "{} differs from the committed one", name.display());
    }
    let total: usize = ours.values().map(Vec::len).sum();
    assert!(total <= 2 << 20, "the sample has {total} bytes, the limit is 2 MB");
}

#[test]
fn threads_do_not_matter_and_a_full_folder_is_refused() {
    let spec = SynthSpec { seed: 5, brands: 6, photos: 80, size: 32 };
    let folder = tempfile::tempdir().unwrap();
    let draw = |name: &str, threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let path = folder.path().join(name);
        pool.install(|| draw_set(&path, &spec, &Silent, &Cancel::new())).unwrap();
        files(&path)
    };
    let one = draw("one", 1);
    assert_eq!(one.len(), 85);
    assert!(one == draw("three", 3));
    let again = draw_set(&folder.path().join("one"), &spec, &Silent, &Cancel::new());
    assert!(matches!(again, Err(SynthError::NotEmpty(_))));
    let cancel = Cancel::new();
    cancel.cancel();
    assert!(matches!(draw_set(&folder.path().join("new"), &spec, &Silent, &cancel), Err(SynthError::Cancelled(_))));
    let mut left: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, ["one", "three"], "nothing half drawn is left");
}

/// The best possible answer gets what the one query without an answer leaves, and each bug its own number.
#[test]
fn the_host_scores_the_sample_with_every_bug() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("best.csv");
    let truth = fs::read_to_string(sample().join("truth.csv")).unwrap();
    let rows: Vec<Vec<&str>> = truth.lines().skip(1).map(|line| line.split(',').collect()).collect();
    let of_role = |role: &str| rows.iter().filter(|r| r[2] == role).collect::<Vec<_>>();
    let cite = of_role("cite");
    let mut text = "gid,cite_gid\n".to_owned();
    for query in of_role("public").iter().chain(&of_role("private")) {
        type Rows<'a> = Vec<&'a Vec<&'a str>>;
        let (same, other): (Rows<'_>, Rows<'_>) = cite.iter().partition(|photo| photo[3] == query[3]);
        let list: Vec<&str> = same.iter().chain(&other).take(20).map(|photo| photo[0]).collect();
        text.push_str(&format!("{},{}\n", query[0], list.join(" ")));
    }
    toji::base::files::publish(&file, text.as_bytes()).unwrap();
    let truth = sample().join("truth.csv");
    let queries = of_role("public").len() + of_role("private").len();
    let right = score(&file, &truth, Bug::None).unwrap();
    assert!((right.all - (queries - 1) as f64 / queries as f64).abs() < 1e-12, "{right:?}");
    assert!((right.private - 1.0).abs() < 1e-12 && right.public < 1.0);
    for row in BUGS {
        let value = score(&file, &truth, row.bug).unwrap().public;
        assert!(value.is_finite() && value >= 0.0, "{}", row.name);
    }
    let half = score(&file, &truth, Bug::PlusOneTwice).unwrap();
    assert!((half.private - 0.5).abs() < 1e-12);
    // The sample submission is valid, and about as good as chance.
    let chance = score(&sample().join("sample_submission.csv"), &truth, Bug::None).unwrap();
    assert!((0.02..0.3).contains(&chance.all), "{chance:?}");
}
