//! Which scheme imitates a competition, by one question: do the labels of its test photos occur in training?
//!
//! Takes the answer; gives the lines of a recipe's `[folds]`. All of them: every label is learnt, and held-out photos of
//! learnt labels examine. None: whole labels are held out. Some: a stated share of the labels in the examination was never
//! learnt. An examination that is easier than the host's chooses the wrong model; this is where most is lost.

use std::fmt;
use std::str::FromStr;

/// Whether test labels occur in training.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Labels {
    /// All of them do.
    Closed,
    /// Some do not; the share of the test's labels that are new, 0 to 1.
    HalfOpen(f64),
    /// None does.
    Open,
}

/// The share of new labels where nobody said another.
pub const SHARE: f64 = 0.3;

impl Labels {
    /// The keys of a recipe's `[folds]` table, one a line.
    pub fn toml(self) -> String {
        match self {
            Labels::Closed => "scheme = \"stratified\"\nk = 5".to_owned(),
            Labels::HalfOpen(share) => format!("scheme = \"mixed\"\nk = 5\nopen = {share:?}"),
            Labels::Open => "scheme = \"group\"\nk = 5".to_owned(),
        }
    }

    /// The scheme with its reason, for a person.
    pub fn reason(self) -> String {
        match self {
            Labels::Closed => {
                "the test's labels occur in training: folds are stratified, each label in every fold".to_owned()
            }
            Labels::HalfOpen(share) => format!(
                "some of the test's labels are new: folds are mixed, and {:.0} % of the labels in each examination were never learnt",
                100.0 * share
            ),
            Labels::Open => "the test's labels are all new: folds never share a label".to_owned(),
        }
    }
}

impl fmt::Display for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Labels::Closed => "closed",
            Labels::HalfOpen(_) => "half-open",
            Labels::Open => "open",
        })
    }
}

impl FromStr for Labels {
    type Err = String;

    /// `closed`, `half-open`, `open`, or a share such as `half-open:0.4`.
    fn from_str(text: &str) -> Result<Labels, String> {
        match text.trim().to_lowercase().as_str() {
            "closed" => Ok(Labels::Closed),
            "open" => Ok(Labels::Open),
            "half-open" => Ok(Labels::HalfOpen(SHARE)),
            other => {
                let share = other.strip_prefix("half-open:").and_then(|share| share.trim().parse().ok());
                match share.filter(|share: &f64| (0.01..=0.99).contains(share)) {
                    Some(share) => Ok(Labels::HalfOpen(share)),
                    None => Err("write closed, half-open, open, or half-open:0.4 with the share of the test's labels that are new (0.01 to 0.99)".to_owned()),
                }
            }
        }
    }
}
