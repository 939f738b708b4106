//! The tables of a set, as the contest gives them, and the truth that it keeps.
//!
//! Takes a planned set; gives the text of each file (UTF-8, LF, sorted by id). What a competitor may
//! see is in four of them; `truth.csv` has one row a photo: its role ("public" and "private" are
//! test), its true labels, and what was planted.

use super::names;
use super::plan::{Fault, Photo, Role, Set};
use crate::base::Seed;

/// Ids in one list of a submission.
pub const LIST: usize = 20;

/// Name and text of each table.
pub fn all(set: &Set) -> Vec<(&'static str, String)> {
    let train = sorted(set, |role| role == Role::Train);
    let test = sorted(set, |role| matches!(role, Role::Public | Role::Private));
    let cite = sorted(set, |role| role == Role::Cite);
    let every = sorted(set, |_| true);
    vec![
        ("train.csv", table("gid,filename,brand_id,meigara", &train, |p| labelled(set, p))),
        ("test.csv", table("gid,filename", &test, listed)),
        ("cite.csv", table("cite_gid,cite_filename", &cite, listed)),
        ("sample_submission.csv", sample_submission(set, &test, &cite)),
        ("truth.csv", table("gid,filename,role,brand_id,meigara,fault,detail", &every, |p| truth(set, p))),
    ]
}

fn sorted(set: &Set, of: impl Fn(Role) -> bool) -> Vec<&Photo> {
    let mut photos: Vec<&Photo> = set.photos.iter().filter(|p| of(p.role)).collect();
    photos.sort_by(|a, b| a.id.cmp(&b.id));
    photos
}

fn table(header: &str, photos: &[&Photo], row: impl Fn(&Photo) -> String) -> String {
    let mut text = format!("{header}\n");
    for photo in photos {
        text.push_str(&row(photo));
        text.push('\n');
    }
    text
}

fn listed(photo: &Photo) -> String {
    format!("{},{}", photo.id, photo.filename())
}

fn labels(set: &Set, brand: usize) -> String {
    let brand = &set.brands[brand];
    format!("{},{}", brand.name, names::meigara(brand.meigara))
}

fn labelled(set: &Set, photo: &Photo) -> String {
    let written = match photo.fault {
        Fault::WrongLabel { written } => written,
        _ => photo.brand,
    };
    format!("{},{}", listed(photo), labels(set, written))
}

fn truth(set: &Set, photo: &Photo) -> String {
    let role = match photo.role {
        Role::Train => "train",
        Role::Public => "public",
        Role::Private => "private",
        Role::Cite => "cite",
    };
    let (fault, detail) = match photo.fault {
        Fault::None => ("", ""),
        Fault::WrongLabel { written } => ("wrong-label", set.brands[written].name.as_str()),
        Fault::NearDuplicate { of } => ("near-duplicate", set.photos[of].id.as_str()),
        Fault::TwoBottles { second } => ("two-bottles", set.brands[second].name.as_str()),
        Fault::Single => ("single", ""),
    };
    format!("{},{role},{},{fault},{detail}", listed(photo), labels(set, photo.brand))
}

/// Some 20 gallery ids for each query, all different: the form of an answer, not an answer.
fn sample_submission(set: &Set, test: &[&Photo], cite: &[&Photo]) -> String {
    let seed = Seed::new(set.spec.seed).named("sample submission");
    let row = |photo: &Photo| {
        let mut draws = seed.named(&photo.id).draws();
        let mut chosen: Vec<&str> = Vec::with_capacity(LIST);
        while chosen.len() < LIST.min(cite.len()) {
            let id = cite[draws.below(cite.len() as u64) as usize].id.as_str();
            if !chosen.contains(&id) {
                chosen.push(id);
            }
        }
        format!("{},{}", photo.id, chosen.join(" "))
    };
    table("gid,cite_gid", test, row)
}
