//! Words into a filter, by recursive descent: or, and, not, term.
//!
//! Takes the text; gives the filter with the places of its names and values, or the first mistake. Any text gives one
//! of the two: what is nested deeper than [`DEEPEST`] is a mistake, too.

use std::ops::Range;

use super::scan::{Scanner, is_joint};
use super::{Expr, Filter, Mention, Mistake, Op, Operand, What};

/// How deep brackets and `not` may be nested.
const DEEPEST: usize = 50;

/// Reads a filter.
///
/// # Errors
/// The first mistake, with its place.
pub fn parse(text: &str) -> Result<Filter, Mistake> {
    let mut parser = Parser { scan: Scanner::new(text), mentions: Vec::new(), depth: 0 };
    parser.scan.skip();
    if parser.scan.peek().is_none() {
        return Ok(Filter::default());
    }
    let expr = parser.either()?;
    parser.scan.skip();
    match parser.scan.peek() {
        None => Ok(Filter { expr: Some(expr), mentions: parser.mentions }),
        Some(')') => Err(Mistake::new(parser.here(), "this bracket closes none")),
        Some(_) => Err(Mistake::new(parser.here(), "this cannot be read here")),
    }
}

struct Parser<'a> {
    scan: Scanner<'a>,
    mentions: Vec<Mention>,
    depth: usize,
}

impl Parser<'_> {
    /// The next character's place.
    fn here(&self) -> Range<usize> {
        self.scan.at..self.scan.at + self.scan.peek().map_or(0, char::len_utf8)
    }

    /// Takes a joint of this kind, if it comes next.
    fn joint(&mut self, word: &str, sign: char) -> bool {
        self.scan.skip();
        let before = self.scan.at;
        if self.scan.peek() == Some(sign) {
            self.scan.at += sign.len_utf8();
            // `&&` as well as `&`.
            if self.scan.peek() == Some(sign) {
                self.scan.at += sign.len_utf8();
            }
            return true;
        }
        if self.scan.word(false).eq_ignore_ascii_case(word) {
            return true;
        }
        self.scan.at = before;
        false
    }

    fn either(&mut self) -> Result<Expr, Mistake> {
        let mut items = vec![self.both()?];
        while self.joint("or", '|') {
            items.push(self.both()?);
        }
        Ok(one_or(items, Expr::Or))
    }

    fn both(&mut self) -> Result<Expr, Mistake> {
        let mut items = vec![self.unary()?];
        loop {
            if !self.joint("and", '&') {
                // Terms beside each other are joined, too.
                let before = self.scan.at;
                let ends = matches!(self.scan.peek(), None | Some(')' | '|'));
                let or = !ends && self.scan.word(false).eq_ignore_ascii_case("or");
                self.scan.at = before;
                if ends || or {
                    return Ok(one_or(items, Expr::And));
                }
            }
            items.push(self.unary()?);
        }
    }

    fn unary(&mut self) -> Result<Expr, Mistake> {
        self.scan.skip();
        let begun = self.here();
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(Mistake::new(begun, format!("this is nested deeper than {DEEPEST} times")));
        }
        let rest = self.scan.rest();
        let expr = if rest.starts_with('!') && !rest.starts_with("!=") && !rest.starts_with("!~") {
            self.scan.at += 1;
            Expr::Not(Box::new(self.unary()?))
        } else if self.takes_not() {
            Expr::Not(Box::new(self.unary()?))
        } else if self.scan.peek() == Some('(') {
            self.scan.at += 1;
            let inner = self.either()?;
            self.scan.skip();
            if self.scan.peek() != Some(')') {
                return Err(Mistake::new(begun, "this bracket is not closed").help("close it with )").unfinished());
            }
            self.scan.at += 1;
            inner
        } else {
            self.term()?
        };
        self.depth -= 1;
        Ok(expr)
    }

    fn takes_not(&mut self) -> bool {
        let before = self.scan.at;
        let taken = self.scan.word(false).eq_ignore_ascii_case("not");
        if !taken {
            self.scan.at = before;
        }
        taken
    }

    fn term(&mut self) -> Result<Expr, Mistake> {
        let begun = self.scan.at;
        let quoted = self.scan.peek() == Some('"');
        let key = if quoted { self.scan.quoted()? } else { self.scan.word(false).to_owned() };
        let at = begun..self.scan.at;
        if !quoted && (key.is_empty() || is_joint(&key)) {
            let missing = "a text, or a key with a comparison, is missing here";
            return Err(match self.scan.peek() {
                _ if !key.is_empty() => Mistake::new(at, format!("`{key}` stands between two terms")),
                None => Mistake::new(self.here(), missing).unfinished(),
                Some(')') => Mistake::new(self.here(), missing),
                Some(_) => Mistake::new(self.here(), "a comparison stands between a key and a value"),
            });
        }
        let behind = self.scan.at;
        self.scan.skip();
        let Some((op, sign)) = self.scan.operator() else {
            self.scan.at = behind;
            if quoted {
                return Ok(Expr::Text(key));
            }
            self.mentions.push(Mention { what: What::Word, text: key.clone(), at });
            return Ok(Expr::Word(key));
        };
        if op == Op::Like && key.eq_ignore_ascii_case("has") && !quoted {
            let (value, at) = self.operand(&key, sign)?;
            self.mentions.push(Mention { what: What::Has, text: value.text.clone(), at });
            return Ok(Expr::Has(value));
        }
        self.mentions.push(Mention { what: What::Key, text: key.clone(), at });
        let (value, at) = self.operand(&key, sign)?;
        let what = What::Value { key: key.clone(), op, quoted: value.quoted };
        self.mentions.push(Mention { what, text: value.text.clone(), at });
        Ok(Expr::Compare { key, op, value })
    }

    fn operand(&mut self, key: &str, sign: Range<usize>) -> Result<(Operand, Range<usize>), Mistake> {
        self.scan.skip();
        let begun = self.scan.at;
        if self.scan.peek() == Some('"') {
            let text = self.scan.quoted()?;
            return Ok((Operand { text, quoted: true }, begun..self.scan.at));
        }
        let text = self.scan.word(true).to_owned();
        if text.is_empty() || is_joint(&text) {
            let mistake = Mistake::new(sign, format!("`{key}` is compared with nothing"));
            let mistake = mistake.help("a value comes behind it; words with spaces stand in quotes");
            return Err(if self.scan.peek().is_none() && text.is_empty() { mistake.unfinished() } else { mistake });
        }
        Ok((Operand { text, quoted: false }, begun..self.scan.at))
    }
}

fn one_or(mut items: Vec<Expr>, many: fn(Vec<Expr>) -> Expr) -> Expr {
    match items.len() {
        1 => items.remove(0),
        _ => many(items),
    }
}
