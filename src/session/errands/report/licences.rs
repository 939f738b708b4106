//! The licences of what the program is built of.
//!
//! Gives the rows of `licences.tsv` by licence. The table is made by `tools/licences.py` from what the crates themselves declare; a test holds it
//! against `Cargo.lock`.

use std::collections::BTreeMap;

use serde::Serialize;

/// Name, version, licence (SPDX), and whether the program itself is built of it ("program") or only its tests and build ("build"); tab-separated.
const TABLE: &str = include_str!("licences.tsv");

/// A licence with the crates that have it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Licence {
    /// As SPDX writes it.
    pub licence: String,
    /// `name version`, sorted.
    pub crates: Vec<String>,
}

/// The rows of the table: name, version, licence, for what.
fn rows() -> impl Iterator<Item = [&'static str; 4]> {
    TABLE.lines().skip(1).filter_map(|line| line.split('\t').collect::<Vec<_>>().try_into().ok())
}

/// Licences of the program's crates, the most frequent first.
pub fn all() -> Vec<Licence> {
    let mut found: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for [name, version, licence, _] in rows().filter(|row| row[3] == "program") {
        found.entry(licence).or_default().push(format!("{name} {version}"));
    }
    let mut all: Vec<Licence> =
        found.into_iter().map(|(licence, crates)| Licence { licence: licence.to_owned(), crates }).collect();
    all.sort_by(|a, b| b.crates.len().cmp(&a.crates.len()).then_with(|| a.licence.cmp(&b.licence)));
    all
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_crate_of_the_lock_has_its_licence() {
        let lock = include_str!("../../../../Cargo.lock");
        let value = |line: &str| line.split('"').nth(1).unwrap_or_default().to_owned();
        let packages = lock.split("[[package]]").skip(1).filter(|package| package.contains("\nsource = "));
        let named = |package: &str| {
            let line = |key: &str| package.lines().find(|line| line.starts_with(key)).map(value).unwrap_or_default();
            (line("name = "), line("version = "))
        };
        let locked: BTreeSet<(String, String)> = packages.map(named).collect();
        let told: BTreeSet<(String, String)> =
            rows().map(|[name, version, ..]| (name.into(), version.into())).collect();
        let (lacking, gone): (Vec<_>, Vec<_>) =
            (locked.difference(&told).collect(), told.difference(&locked).collect());
        assert!(
            lacking.is_empty() && gone.is_empty(),
            "python3 tools/licences.py renews licences.tsv; it lacks {lacking:?}, and has {gone:?} that are gone"
        );
        assert!(locked.len() > 100 && rows().all(|row| row.iter().all(|cell| !cell.is_empty())));
    }

    #[test]
    fn licences_have_their_crates() {
        let all = all();
        let of = |name: &str| all.iter().filter(|l| l.crates.iter().any(|c| c.split(' ').next() == Some(name))).count();
        assert_eq!((of("blake3"), of("plotters"), of("insta")), (1, 1, 0), "insta is for tests");
        assert!(all.windows(2).all(|pair| pair[0].crates.len() >= pair[1].crates.len()));
    }
}
