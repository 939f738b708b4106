//! Queries and suspects of the drawn project: Japanese names, names of 300 characters, names that try to steer the terminal.

use std::sync::Arc;

use toji::base::Key;
use toji::data::manifest::Photo;
use toji::data::{Manifest, Role};
use toji::retrieve::Ranking;
use toji::review::Kind;
use toji::score;
use toji::session::errands::looking::Seen;
use toji::session::errands::looking::compare::{Comparison, Cost, Difference, Moved, Side};
use toji::session::errands::looking::loader::{Loaded, Wish};
use toji::session::errands::looking::queries::Queries;
use toji::session::errands::looking::why::{self, Pair, Why};
use toji::session::errands::review::{Entry, Listed, Review};
use toji::session::snapshot::{Picture, Score, Snapshot};

/// A photo for a wish; of files whose names end in 7 none.
pub fn photo(wish: &Wish) -> Loaded {
    let name = wish.file.to_string_lossy();
    if name.contains('7') {
        return Err("is not there".to_owned());
    }
    let seed = name.bytes().map(u32::from).sum::<u32>();
    let (width, height) = (wish.size.pixels() * 3 / 4, wish.size.pixels());
    let pixel = |i: u32| [(i % width * 200 / width) as u8, (i / width * 200 / height) as u8, (seed * 7 % 256) as u8];
    Ok(Picture { width, height, rgb: (0..width * height).flat_map(pixel).collect() })
}

fn labels() -> Vec<String> {
    let evil = "evil\u{1b}]0;owned\u{7}\n\u{202e}<b>";
    ["久保田 千寿", "獺祭 純米大吟醸 磨き三割九分", evil]
        .map(str::to_owned)
        .into_iter()
        .chain(["𠮷".repeat(300)])
        .collect()
}

fn manifest() -> Arc<Manifest> {
    let of = |(i, label): (usize, u32)| Photo {
        id: match i {
            3 => "x".repeat(300),
            4 => "\u{1b}[31mred\r\n\u{9b}2J".to_owned(),
            i => format!("{:06}", 100 * i),
        },
        path: match i {
            4 => "images/\u{1b}]0;owned\u{7}.jpg".into(),
            5 => format!("images/{}.jpg", "長".repeat(300)).into(),
            i => format!("images/{i}.jpg").into(),
        },
        content: Key::of_bytes(&[i as u8]),
        label: Some(label),
        coarse: None,
        role: Role::Train,
        width: 750,
        height: 1_000,
        crop: None,
    };
    let photos = [0, 1, 2, 3, 0, 1, 0, 1, 1, 2, 3, 0].into_iter().enumerate().map(of).collect();
    Arc::new(Manifest { photos, labels: labels(), ..Manifest::default() })
}

/// The queries of a recipe; the pin's are other ones.
pub fn queries(recipe: &str) -> Queries {
    let pin = recipe.starts_with("01");
    let items = match pin {
        false => {
            [[6, 7, 8, 9, 10], [6, 8, 7, 9, 10], [6, 7, 8, 10, 9], [6, 7, 8, 9, 11], [11, 6, 7, 8, 9], [6, 9, 10, 7, 8]]
        }
        true => [
            [7, 6, 8, 9, 10],
            [8, 6, 7, 9, 10],
            [6, 7, 8, 10, 11],
            [10, 6, 7, 8, 9],
            [7, 8, 9, 11, 6],
            [6, 9, 10, 7, 8],
        ],
    };
    let scores = (0..30).map(|i| 0.93 - 0.05 * (i % 5) as f32 - 0.01 * (i / 5) as f32).collect();
    let ranking = Ranking { queries: (0..6).collect(), k: 5, items: items.concat(), scores };
    let lists = vec![("fold 0".to_owned(), ranking, &[6, 7, 8, 9, 10, 11][..])];
    let mut made = Queries::judged("MRR@5", manifest(), lists).unwrap();
    (made.recipe, made.rung) = (recipe.to_owned(), "holdout".to_owned());
    made
}

/// The same project with the queries beside the pin's.
pub fn compared() -> Snapshot {
    let mut own = queries("02-arcface");
    own.set_beside(&queries("01-baseline"));
    Snapshot { queries: Arc::new(own), ..super::snapshot() }
}

/// Why an answer stands where it does: an eye here, a bottle's neck there, names of 300 characters; of the fifth answer it is not known.
pub fn why(wish: &why::Wish) -> Result<Why, String> {
    if wish.rank == 5 {
        return Err("the network of fold 0 is not in the store any more".to_owned());
    }
    let queries = queries(&wish.recipe);
    let query = queries.find(&wish.id).copied().unwrap();
    let answer = queries.answers(&query).swap_remove(wish.rank - 1);
    let picture = |seed: u32| {
        let pixel = |i: u32| [(i % 64 * 4) as u8, (i / 64 * 4) as u8, (seed * 50 % 256) as u8];
        Picture { width: 64, height: 64, rgb: (0..64 * 64).flat_map(pixel).collect() }
    };
    let pair = |query, answer, share: f64| Pair { query, answer, cosine: 0.9 - share, share };
    let shares = |step: f64| (0..16).map(|i| f64::from(i) * step / 120.0).collect();
    Ok(Why {
        recipe: wish.recipe.clone(),
        training: wish.training.clone(),
        query: queries.seen(query.photo),
        answer: answer.seen.unwrap(),
        rank: wish.rank,
        hit: answer.hit,
        similarity: f64::from(answer.similarity),
        cosine: 0.75,
        exact: true,
        map: [4, 4],
        pairs: vec![pair([0, 1], [1, 2], 0.2), pair([3, 3], [0, 0], 0.1), pair([0, 2], [1, 2], 0.05)],
        shares: [shares(0.75), shares(0.75)],
        pictures: Some([picture(1), picture(3)]),
    })
}

/// Suspects of four kinds: wrong labels, some with hostile names; copies; small objects; and none that is dark.
pub fn review() -> Review {
    let manifest = manifest();
    let seen = |photo: u32| Seen::of(&manifest, photo).unwrap();
    let labels = labels();
    let entry = |photo: u32, score: f64, with: &[u32]| {
        let Seen { id, file, part, label, .. } = seen(photo);
        let with = with.iter().map(|photo| seen(*photo)).collect();
        Entry { photo, id, file, part, label, score, is_over: score > 0.5, with, ..Entry::default() }
    };
    let wrong = |photo: u32, score: f64, label: usize, with: &[u32]| Entry {
        reason: format!("{} of 5 neighbours say {}", with.len(), labels[label]),
        proposal: "relabel".to_owned(),
        value: labels[label].clone(),
        ..entry(photo, score, with)
    };
    let copy = |photo: u32, with: &[u32], group: &str| Entry {
        reason: "same pixels, another size".to_owned(),
        proposal: if group.is_empty() { "drop" } else { "group" }.to_owned(),
        value: group.to_owned(),
        ..entry(photo, 0.99, with)
    };
    let small = Entry {
        reason: "the object takes 9 % of the photo".to_owned(),
        proposal: "crop".to_owned(),
        value: "0.31 0.2 0.66 0.8".to_owned(),
        ..entry(8, 0.8, &[])
    };
    let mut suspects = vec![
        wrong(0, 0.97, 1, &[1, 5, 8]),
        wrong(3, 0.81, 2, &[2, 9]),
        wrong(4, 0.74, 3, &[10]),
        wrong(11, 0.31, 1, &[7]),
    ];
    suspects[2].decided = Some("drop".to_owned());
    let copies = vec![copy(6, &[11], ""), copy(1, &[5, 8], "copies-1")];
    let list = |kind: Kind, suspects: Vec<Entry>| {
        let over = suspects.iter().filter(|one| one.is_over).count();
        Listed { kind, over, suspects }
    };
    Review {
        recipe: "02-arcface".to_owned(),
        trained: true,
        stale: None,
        photos: 1_412,
        notes: Vec::new(),
        lists: vec![
            list(Kind::WrongLabel, suspects),
            list(Kind::Duplicate, copies),
            list(Kind::SmallObject, vec![small]),
            list(Kind::Dark, Vec::new()),
        ],
    }
}

/// The same project with recipes side by side: one that is surely better, one whose queries are other ones.
pub fn side_by_side(names: &[&str]) -> Snapshot {
    let evil = "evil\u{1b}]0;owned\u{7}";
    let side = |(i, name): (usize, &&str)| {
        let value = 0.512 + 0.031 * i as f64;
        let unpaired = *name == "04-broken";
        Side {
            recipe: (*name).to_owned(),
            title: format!("{} {evil}", ["土台", "ArcFace on small print", "純米"][i % 3]),
            rung: "full".to_owned(),
            score: (!unpaired).then(|| Score {
                metric: "MRR@20".to_owned(),
                value,
                interval: [value - 0.02, value + 0.02],
                queries: 1_412,
                stale: false,
            }),
            trainings: (0..3).map(|fold| (format!("fold {fold}"), value + 0.01 * f64::from(fold))).collect(),
            delta: (i > 0 && !unpaired).then(|| score::Delta {
                value: 0.031 * i as f64,
                interval: [0.031 * i as f64 - 0.04 / i as f64, 0.031 * i as f64 + 0.02],
                better: 0.981,
                queries: 1_412,
                wins_ties_losses: [301, 900, 211],
            }),
            why: unpaired.then(|| format!("no score up to full: toji run {name} --rung full")),
            cost: Cost {
                seconds: 1_930.0 * (i + 1) as f64,
                training: 1_800.0 * (i + 1) as f64,
                bytes: 61_000_000,
                missing: usize::from(unpaired),
                parameters: Some(11_300_000),
                multiply_adds: Some(596_000_000),
            },
        }
    };
    let of = |values: &[Option<&str>]| -> Vec<Option<String>> {
        (0..names.len()).map(|i| values[i % values.len()].map(str::to_owned)).collect()
    };
    let difference = |key: &str, values: &[Option<&str>]| Difference { key: key.to_owned(), values: of(values) };
    let moved = |photo: usize, first: &[Option<usize>]| Moved {
        id: if photo == 4 { "x".repeat(300) } else { format!("{:06}", 100 * photo) },
        label: labels().get(photo % 4).cloned(),
        training: "fold 0".to_owned(),
        first: (0..names.len()).map(|i| first[i % first.len()]).collect(),
        value: (0..names.len()).map(|i| Some(first[i % first.len()].map_or(0.0, |rank| 1.0 / rank as f32))).collect(),
    };
    let compared = Comparison {
        sides: names.iter().enumerate().map(side).collect(),
        differences: vec![
            difference("[augment] train", &[Some("[]"), Some("[{ op = \"HorizontalFlip\", p = 0.5 }]")]),
            difference("[loss] margin", &[Some("17.2"), Some("22.9"), None]),
        ],
        moved: vec![moved(1, &[Some(1), None]), moved(2, &[Some(9), Some(1), Some(2)]), moved(4, &[None, Some(20)])],
        moved_in_all: 512,
        missing: None,
    };
    Snapshot { compared: Arc::new(compared), ..super::snapshot() }
}
