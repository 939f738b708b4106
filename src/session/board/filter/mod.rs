//! The filter: a small language over a recipe's keys and what it came to.
//!
//! ```text
//!   filter  = term, or terms beside each other (and), with and, or, not, ( )
//!   term    = key OP value      loss.margin > 20, backbone.name = resnet18, left < 10m
//!           | key ~ pattern     name ~ arc*; without * and ? a part of it; key:pattern is the same
//!           | has:key           has:pseudo_labels
//!           | flag              stale, pin
//!           | "text" or word    anywhere in name, title, message or page
//!   OP      = = != < <= > >= ~ !~
//! ```
//!
//! Text compares without regard to capitals. A list holds when one of its items does; a table that names a technique
//! answers by that name (`train.optimizer = AdamW`). `a != b` is exactly `not a = b`, so it holds where there is no a.
//!
//! Takes text; gives a [`Filter`] or a [`Mistake`] with its place; a filter that was read can be printed again and reads
//! the same. Reading knows no names: [`Filter::check`] sets it beside a snapshot and finds what nothing is called.

mod check;
pub mod complete;
mod evaluate;
mod parse;
mod scan;

use std::fmt;
use std::ops::Range;

pub use check::known;
pub use complete::{Candidate, Completion, complete};
pub use parse::parse;

/// What is wrong with a filter.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Mistake {
    /// Where, in bytes of the text.
    pub at: Range<usize>,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub help: Option<String>,
    /// Whether more text would mend it: somebody may be typing.
    pub is_unfinished: bool,
}

impl Mistake {
    fn new(at: Range<usize>, message: impl Into<String>) -> Mistake {
        Mistake { at, message: message.into(), help: None, is_unfinished: false }
    }

    fn help(self, help: impl Into<String>) -> Mistake {
        Mistake { help: Some(help.into()), ..self }
    }

    fn unfinished(self) -> Mistake {
        Mistake { is_unfinished: true, ..self }
    }

    /// The mistake under the text that has it: the text, a row with carets, the message. All rows are made plain.
    pub fn lines(&self, text: &str) -> Vec<String> {
        use crate::base::text::{plain, width};
        let part = |range: Range<usize>| plain(text.get(range).unwrap_or_default());
        let before = " ".repeat(width(&part(0..self.at.start)));
        let carets = "^".repeat(width(&part(self.at.clone())).max(1));
        let help = self.help.as_ref().map(|help| format!("; {help}")).unwrap_or_default();
        vec![plain(text), format!("{before}{carets}"), plain(&format!("{}{help}", self.message))]
    }
}

/// A filter that was read. The default one lets every recipe pass.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Filter {
    /// What is asked for; `None`: nothing.
    pub expr: Option<Expr>,
    /// The names and values in it, with their places.
    mentions: Vec<Mention>,
}

/// What a filter asks.
#[derive(Clone, Debug, PartialEq)]
pub enum Expr {
    /// A bare word: a flag where one has this name, else text.
    Word(String),
    /// Text that stands somewhere.
    Text(String),
    /// A key that is there.
    Has(Operand),
    /// A key against a value.
    Compare {
        /// The key.
        key: String,
        /// How.
        op: Op,
        /// With what.
        value: Operand,
    },
    /// The opposite.
    Not(Box<Expr>),
    /// All of these; at least two.
    And(Vec<Expr>),
    /// One of these; at least two.
    Or(Vec<Expr>),
}

/// A value as it was typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operand {
    /// Its text, without quotes.
    pub text: String,
    /// Whether it stood in quotes, and so is no number.
    pub quoted: bool,
}

/// A comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// Equal.
    Is,
    /// Not equal.
    IsNot,
    /// Less.
    Less,
    /// Less or equal.
    AtMost,
    /// Greater.
    Greater,
    /// Greater or equal.
    AtLeast,
    /// Fits a pattern.
    Like,
    /// Does not.
    Unlike,
}

impl Op {
    /// All, with their signs; the longer ones first, as they are read.
    pub const ALL: [(Op, &'static str); 10] = [
        (Op::IsNot, "!="),
        (Op::AtMost, "<="),
        (Op::AtLeast, ">="),
        (Op::Unlike, "!~"),
        (Op::Is, "=="),
        (Op::Is, "="),
        (Op::Less, "<"),
        (Op::Greater, ">"),
        (Op::Like, "~"),
        (Op::Like, ":"),
    ];

    /// Its sign, as filters are printed.
    pub fn sign(self) -> &'static str {
        match self {
            Op::Is => "=",
            Op::IsNot => "!=",
            Op::Less => "<",
            Op::AtMost => "<=",
            Op::Greater => ">",
            Op::AtLeast => ">=",
            Op::Like => "~",
            Op::Unlike => "!~",
        }
    }

    /// Whether it compares numbers.
    pub fn is_of_numbers(self) -> bool {
        matches!(self, Op::Less | Op::AtMost | Op::Greater | Op::AtLeast)
    }
}

/// A name or a value with its place.
#[derive(Clone, Debug, PartialEq)]
struct Mention {
    what: What,
    text: String,
    at: Range<usize>,
}

#[derive(Clone, Debug, PartialEq)]
enum What {
    Word,
    Has,
    Key,
    Value { key: String, op: Op, quoted: bool },
}

fn quote(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    write!(f, "\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

impl fmt::Display for Operand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.quoted { quote(f, &self.text) } else { f.write_str(&self.text) }
    }
}

impl fmt::Display for Expr {
    /// As it can be read again.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let joined = |f: &mut fmt::Formatter<'_>, items: &[Expr], word: &str, enclosed: fn(&Expr) -> bool| {
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    write!(f, " {word} ")?;
                }
                if enclosed(item) { write!(f, "({item})")? } else { write!(f, "{item}")? }
            }
            Ok(())
        };
        match self {
            Expr::Word(word) => f.write_str(word),
            Expr::Text(text) => quote(f, text),
            Expr::Has(key) => write!(f, "has:{key}"),
            Expr::Compare { key, op, value } => {
                if scan::is_bare(key) {
                    f.write_str(key)?
                } else {
                    quote(f, key)?
                }
                write!(f, " {} {value}", op.sign())
            }
            Expr::Not(inner) if matches!(**inner, Expr::And(_) | Expr::Or(_)) => write!(f, "not ({inner})"),
            Expr::Not(inner) => write!(f, "not {inner}"),
            Expr::And(items) => joined(f, items, "and", |item| matches!(item, Expr::And(_) | Expr::Or(_))),
            Expr::Or(items) => joined(f, items, "or", |item| matches!(item, Expr::Or(_))),
        }
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.expr.as_ref().map_or(Ok(()), |expr| write!(f, "{expr}"))
    }
}

#[cfg(test)]
mod tests;
