//! Text into words, quoted text and signs, one at a time.
//!
//! Takes the text and a place in it; gives the next piece. A word ends at a space, a bracket, a quote or a sign; a
//! colon ends a key, but belongs to a value (`hf:timm/resnet18`).

use std::ops::Range;

use super::{Mistake, Op};

/// A reader of one text.
#[derive(Clone, Debug)]
pub(super) struct Scanner<'a> {
    text: &'a str,
    /// Bytes that were read.
    pub at: usize,
}

/// Whether a character cannot be in a word.
fn ends(c: char, in_value: bool) -> bool {
    c.is_whitespace() || c.is_control() || "\"()=<>~!&|".contains(c) || (c == ':' && !in_value)
}

/// Words that join terms.
pub(super) fn is_joint(word: &str) -> bool {
    ["and", "or", "not"].iter().any(|joint| word.eq_ignore_ascii_case(joint))
}

/// Whether a key can be written without quotes.
pub(super) fn is_bare(key: &str) -> bool {
    !key.is_empty() && !key.chars().any(|c| ends(c, false)) && !is_joint(key)
}

/// Whether a value can be written without quotes.
pub(super) fn is_bare_value(value: &str) -> bool {
    !value.is_empty() && !value.chars().any(|c| ends(c, true)) && !is_joint(value)
}

impl<'a> Scanner<'a> {
    /// From the beginning.
    pub fn new(text: &'a str) -> Scanner<'a> {
        Scanner { text, at: 0 }
    }

    /// What is left.
    pub fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    /// The next character.
    pub fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    /// Passes over what separates words.
    pub fn skip(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start_matches(|c: char| c.is_whitespace() || c.is_control()).len();
    }

    /// A word, which may be empty.
    pub fn word(&mut self, in_value: bool) -> &'a str {
        let rest = self.rest();
        let word = &rest[..rest.find(|c| ends(c, in_value)).unwrap_or(rest.len())];
        self.at += word.len();
        word
    }

    /// A comparison, if one stands here.
    pub fn operator(&mut self) -> Option<(Op, Range<usize>)> {
        let (op, sign) = Op::ALL.iter().find(|(_, sign)| self.rest().starts_with(sign))?;
        self.at += sign.len();
        Some((*op, self.at - sign.len()..self.at))
    }

    /// The text in the quotes that open here.
    pub fn quoted(&mut self) -> Result<String, Mistake> {
        let begun = self.at;
        let mut text = String::new();
        let mut escaped = false;
        for (place, c) in self.rest().char_indices().skip(1) {
            match c {
                '"' if !escaped => {
                    self.at = begun + place + 1;
                    return Ok(text);
                }
                '\\' if !escaped => escaped = true,
                c => {
                    // A backslash before anything else stands for itself.
                    if escaped && c != '"' && c != '\\' {
                        text.push('\\');
                    }
                    text.push(c);
                    escaped = false;
                }
            }
        }
        self.at = self.text.len();
        Err(Mistake::new(begun..begun + 1, "this quote is not closed").help("close it with \"").unfinished())
    }
}
