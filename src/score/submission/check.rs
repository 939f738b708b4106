//! What a host would refuse, found before the host does.
//!
//! Takes the submission's text, the layout, the sample and the gallery's ids; gives every fault with
//! its line. The text is parsed anew, so that what is checked is what would be uploaded. Samples
//! differ in what their lists show (true ids, one id twenty times, nothing), so of the sample's
//! lists only the count and the separator are believed.

use std::collections::{HashMap, HashSet};

use super::table::{Row, Table};
use super::{Answer, Layout, Violation};

/// Checks a finished file, also one that another program wrote. `sample` is the sample's text.
///
/// # Errors
/// None: a sample that is no table is itself a [`Violation`].
pub fn check(layout: &Layout, submission: &str, sample: Option<&str>, gallery: &HashSet<&str>) -> Vec<Violation> {
    match sample.map(Table::read) {
        Some(Err(why)) => vec![Violation { line: None, message: format!("the sample is no table: {why}") }],
        Some(Ok(sample)) => tables(layout, submission, Some(&sample), gallery),
        None => tables(layout, submission, None, gallery),
    }
}

/// Faults that the text no longer shows: ids that would fall apart at the separator.
pub(super) fn answers(layout: &Layout, answers: &[Answer]) -> Vec<Violation> {
    let mut found = Vec::new();
    for answer in answers {
        for item in answer.items.iter().filter(|item| item.contains(&layout.separator)) {
            let message = format!(
                "query {:?}: gallery id {item:?} contains the separator {:?}; give another separator",
                answer.query, layout.separator
            );
            found.push(Violation { line: None, message });
        }
    }
    found
}

/// All faults of the text.
pub(super) fn tables(
    layout: &Layout,
    submission: &str,
    sample: Option<&Table>,
    gallery: &HashSet<&str>,
) -> Vec<Violation> {
    let table = match Table::read(submission) {
        Ok(table) => table,
        Err(why) => return vec![Violation { line: None, message: format!("the submission is no table: {why}") }],
    };
    let mut faults = Faults { layout, found: Vec::new() };
    let wanted = [layout.id_column.as_str(), layout.list_column.as_str()];
    if table.header != wanted {
        faults.whole(format!("the header is {}, it should be {}", table.header.join(","), wanted.join(",")));
        return faults.found;
    }
    if let Some(sample) = sample {
        if sample.header != wanted {
            faults.whole(format!(
                "the sample's header is {}, toji.toml speaks of {}; mend the submission's columns there",
                sample.header.join(","),
                wanted.join(",")
            ));
            return faults.found;
        }
        faults.sample_lists(sample, gallery.len());
        faults.queries(&table, sample);
    }
    faults.repeated(&table);
    let spelled: HashMap<String, &str> = gallery.iter().map(|&id| (as_number(id), id)).collect();
    for row in &table.rows {
        faults.list(row, gallery, &spelled);
    }
    faults.found.sort_by_key(|violation| violation.line);
    faults.found
}

struct Faults<'a> {
    layout: &'a Layout,
    found: Vec<Violation>,
}

impl Faults<'_> {
    fn whole(&mut self, message: String) {
        self.found.push(Violation { line: None, message });
    }

    fn at(&mut self, row: &Row, message: String) {
        self.found.push(Violation { line: Some(row.line), message });
    }

    /// The sample's own lists against the layout.
    fn sample_lists(&mut self, sample: &Table, gallery: usize) {
        let k = self.layout.k;
        let Some(row) = sample.rows.iter().find(|row| !row.cell(1).is_empty()) else { return };
        let list = row.cell(1);
        let count = list.split(&self.layout.separator).count();
        if count != k && count != gallery.min(k) {
            let hint = [" ", ",", ";", "|", "\t"]
                .iter()
                .find(|&&other| other != self.layout.separator && list.split(other).count() == k);
            self.whole(match hint {
                Some(other) => {
                    format!("the sample joins its ids by {other:?}, toji.toml says {:?}", self.layout.separator)
                }
                None => {
                    format!("the sample's line {} has {count} ids in its list, the submission's k is {k}", row.line)
                }
            });
        }
    }

    /// The same queries in the same order as the sample.
    fn queries(&mut self, table: &Table, sample: &Table) {
        let wanted: HashSet<&str> = sample.rows.iter().map(|row| row.cell(0)).collect();
        let spelled: HashMap<String, &str> = wanted.iter().map(|&id| (as_number(id), id)).collect();
        let given: HashSet<&str> = table.rows.iter().map(|row| row.cell(0)).collect();
        let mut told: HashSet<&str> = HashSet::new();
        for row in table.rows.iter().filter(|row| !wanted.contains(row.cell(0))) {
            let id = row.cell(0);
            let near = spelled.get(&as_number(id)).filter(|near| !given.contains(*near));
            told.extend(near);
            self.at(
                row,
                match near {
                    Some(near) => format!("query {id:?} is {near:?} in the sample: ids are text, not numbers"),
                    None => format!("query {id:?} is not in the sample"),
                },
            );
        }
        for row in sample.rows.iter().filter(|row| !given.contains(row.cell(0)) && !told.contains(row.cell(0))) {
            self.whole(format!("query {:?} of the sample (line {}) has no answer", row.cell(0), row.line));
        }
        let order = |table: &'_ Table, also: &HashSet<&str>| -> Vec<String> {
            table.rows.iter().map(|row| row.cell(0)).filter(|id| also.contains(id)).map(str::to_owned).collect()
        };
        let (ours, theirs) = (order(table, &wanted), order(sample, &given));
        if ours.len() == theirs.len()
            && let Some((ours, theirs)) = ours.iter().zip(&theirs).find(|(ours, theirs)| ours != theirs)
        {
            self.whole(format!("the rows are not in the sample's order: {ours:?} stands where {theirs:?} should"));
        }
    }

    fn repeated(&mut self, table: &Table) {
        let mut first: HashMap<&str, usize> = HashMap::new();
        for row in &table.rows {
            match first.get(row.cell(0)) {
                Some(line) => self.at(row, format!("query {:?} was answered on line {line} already", row.cell(0))),
                None => drop(first.insert(row.cell(0), row.line)),
            }
        }
    }

    /// One list: count, duplicates, empty and unknown ids.
    fn list(&mut self, row: &Row, gallery: &HashSet<&str>, spelled: &HashMap<String, &str>) {
        let items: Vec<&str> = match row.cell(1) {
            "" => Vec::new(),
            list => list.split(&self.layout.separator).collect(),
        };
        let possible = gallery.len() - usize::from(gallery.contains(row.cell(0)));
        let wanted = self.layout.k.min(possible);
        if items.len() != wanted {
            let ids = if items.len() == 1 { "id" } else { "ids" };
            self.at(row, format!("the list has {} {ids}, {wanted} are wanted", items.len()));
        }
        let mut seen = HashSet::new();
        for item in items {
            if item.is_empty() {
                self.at(row, "an empty id in the list, or two separators in a row".into());
            } else if !seen.insert(item) {
                self.at(row, format!("{item:?} stands twice in the list"));
            } else if !gallery.contains(item) {
                self.at(
                    row,
                    match spelled.get(&as_number(item)) {
                        Some(near) => format!("{item:?} is {near:?} in the gallery: ids are text, not numbers"),
                        None => format!("{item:?} is not in the gallery"),
                    },
                );
            }
        }
    }
}

/// What is left of an id when it went through a number: no leading zeros, no ".0", no spaces around.
fn as_number(id: &str) -> String {
    let id = id.trim();
    let id = id.strip_suffix(".0").unwrap_or(id);
    let short = id.trim_start_matches('0');
    if short.is_empty() && !id.is_empty() { "0".to_owned() } else { short.to_owned() }
}
