//! Markdown as rows of text.
//!
//! Takes the prose of a page; gives wrapped rows with headings, emphasis, lists, quotes, links, code
//! and simple tables, and where the headings are, by which it folds. What it does not know is shown as it was written.

use std::ops::Range;

use pulldown_cmark::{Event, HeadingLevel, Options, Parser, Tag, TagEnd};
use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Span};
use toji::base::text;

use crate::tui::view::ink::{Ink, Tone, line, styled, wrap};

/// Prose as rows, and its headings.
pub struct Laid {
    /// The rows.
    pub rows: Vec<Line<'static>>,
    /// The headings that stand in no list and no quotation, from the top.
    pub headings: Vec<Heading>,
}

/// A heading.
pub struct Heading {
    /// 1 to 6; the higher, the smaller.
    pub level: usize,
    /// Its text.
    pub title: String,
    /// Its rows.
    pub rows: Range<usize>,
    /// Its line in the text, from 0.
    pub line: usize,
}

/// The rows of the text at this width, and its headings.
pub fn laid(markdown: &str, ink: Ink, columns: usize) -> Laid {
    let mut writer = Writer { ink, columns, ..Writer::new(ink) };
    let (mut headings, mut depth) = (Vec::new(), 0usize);
    let all = Parser::new_ext(markdown, Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH);
    for (event, range) in all.into_offset_iter() {
        let (starts, ends) = match &event {
            Event::Start(Tag::Heading { level, .. }) if depth == 0 => (Some(*level as usize), false),
            Event::End(TagEnd::Heading(_)) => (None, depth == 1),
            _ => (None, false),
        };
        match &event {
            Event::Start(_) => depth += 1,
            Event::End(_) => depth = depth.saturating_sub(1),
            _ => {}
        }
        writer.take(event);
        if let Some(level) = starts {
            let line = markdown[..range.start].matches('\n').count();
            let title = markdown[range].trim().trim_start_matches('#').trim().to_owned();
            headings.push(Heading { level, title, rows: writer.rows.len()..writer.rows.len(), line });
        } else if let (true, Some(last)) = (ends, headings.last_mut()) {
            let written = writer.rows.iter().rposition(|row| !row.spans.is_empty());
            last.rows.end = written.map_or(last.rows.start, |at| at + 1).max(last.rows.start);
        }
    }
    writer.end_row();
    while writer.rows.last().is_some_and(|row| row.spans.is_empty()) {
        writer.rows.pop();
    }
    Laid { rows: writer.rows, headings }
}

struct Writer {
    ink: Ink,
    columns: usize,
    rows: Vec<Line<'static>>,
    /// The paragraph in the making.
    spans: Vec<Span<'static>>,
    /// Styles of the tags that are open.
    styles: Vec<Style>,
    /// What stands before each row: quote bars, list indents.
    margins: Vec<String>,
    /// What stands before the next row only: a list's dash or number.
    bullet: Option<String>,
    /// The next number of each open list; `None` for dashes.
    lists: Vec<Option<u64>>,
    links: Vec<String>,
    code: bool,
    /// The cells of the table in the making; the first row is its heading.
    table: Option<Vec<Vec<String>>>,
}

impl Writer {
    fn new(ink: Ink) -> Writer {
        Writer {
            ink,
            columns: 0,
            rows: Vec::new(),
            spans: Vec::new(),
            styles: Vec::new(),
            margins: Vec::new(),
            bullet: None,
            lists: Vec::new(),
            links: Vec::new(),
            code: false,
            table: None,
        }
    }

    fn take(&mut self, event: Event<'_>) {
        match event {
            Event::Start(tag) => self.start(tag),
            Event::End(tag) => self.end(tag),
            Event::Text(text) if self.code => self.code_rows(&text),
            Event::Text(text) | Event::Html(text) | Event::InlineHtml(text) => self.write(&text, Style::new()),
            Event::Code(text) => self.write(&text, self.ink.style(Tone::Name)),
            Event::SoftBreak => self.write(" ", Style::new()),
            Event::HardBreak => self.end_row(),
            Event::Rule => {
                let rule = self.ink.either("─", "-").repeat(self.columns.min(24));
                self.write(&rule, self.ink.style(Tone::Faint));
                self.end_row();
                self.blank();
            }
            Event::InlineMath(text) | Event::DisplayMath(text) | Event::FootnoteReference(text) => {
                self.write(&text, Style::new());
            }
            Event::TaskListMarker(done) => self.write(if done { "[x] " } else { "[ ] " }, Style::new()),
        }
    }

    fn start(&mut self, tag: Tag<'_>) {
        let emphasis = |modifier| Style::new().add_modifier(modifier);
        match tag {
            Tag::Heading { level, .. } => {
                self.end_row();
                let strong = self.ink.style(Tone::Strong);
                self.styles.push(match level {
                    HeadingLevel::H1 => strong.add_modifier(Modifier::UNDERLINED),
                    _ => strong,
                });
            }
            Tag::Emphasis => self.styles.push(emphasis(Modifier::ITALIC)),
            Tag::Strong => self.styles.push(emphasis(Modifier::BOLD)),
            Tag::Strikethrough => self.styles.push(emphasis(Modifier::CROSSED_OUT)),
            Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. } => {
                self.styles.push(emphasis(Modifier::UNDERLINED));
                self.links.push(dest_url.to_string());
            }
            Tag::BlockQuote(_) => {
                self.end_row();
                self.margins.push(format!("{} ", self.ink.either("│", "|")));
            }
            Tag::List(first) => {
                self.end_row();
                self.lists.push(first);
            }
            Tag::Item => {
                self.end_row();
                let bullet = match self.lists.last_mut() {
                    Some(Some(number)) => {
                        *number += 1;
                        format!("{}. ", *number - 1)
                    }
                    _ => "- ".to_owned(),
                };
                self.margins.push(" ".repeat(bullet.len()));
                self.bullet = Some(bullet);
            }
            Tag::CodeBlock(_) => {
                self.end_row();
                self.code = true;
            }
            Tag::Table(_) => {
                self.end_row();
                self.table = Some(Vec::new());
            }
            Tag::TableHead | Tag::TableRow => {
                if let Some(table) = &mut self.table {
                    table.push(Vec::new());
                }
            }
            _ => {}
        }
    }

    fn end(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::Paragraph | TagEnd::HtmlBlock => {
                self.end_row();
                self.blank();
            }
            TagEnd::Heading(_) => {
                self.end_row();
                self.styles.pop();
                self.blank();
            }
            TagEnd::Emphasis | TagEnd::Strong | TagEnd::Strikethrough => drop(self.styles.pop()),
            TagEnd::Link | TagEnd::Image => {
                self.styles.pop();
                let link = self.links.pop().unwrap_or_default();
                let said = self.spans.last().is_some_and(|s| s.content == text::plain(&link));
                if !link.is_empty() && !said && !link.starts_with('#') {
                    self.write(&format!(" ({link})"), self.ink.style(Tone::Faint));
                }
            }
            TagEnd::BlockQuote(_) => {
                self.end_row();
                self.margins.pop();
                self.blank();
            }
            TagEnd::List(_) => {
                self.lists.pop();
                if self.lists.is_empty() {
                    self.blank();
                }
            }
            TagEnd::Item => {
                self.end_row();
                // An empty item still shows its dash.
                if self.bullet.is_some() {
                    self.write("", Style::new());
                    self.end_row();
                }
                self.margins.pop();
            }
            TagEnd::CodeBlock => {
                self.code = false;
                self.blank();
            }
            TagEnd::TableCell => {
                let cell: String = self.spans.drain(..).map(|s| s.content.into_owned()).collect();
                if let Some(row) = self.table.as_mut().and_then(|t| t.last_mut()) {
                    row.push(cell);
                }
            }
            TagEnd::Table => {
                let table = self.table.take().unwrap_or_default();
                self.table_rows(&table);
                self.blank();
            }
            _ => {}
        }
    }

    fn write(&mut self, text: &str, own: Style) {
        let style = self.styles.iter().fold(Style::new(), |sum, s| sum.patch(*s)).patch(own);
        self.spans.push(styled(text, style));
    }

    /// What stands left of the next row, and left of those it wraps into.
    fn margin(&mut self) -> (String, String) {
        let rest = self.margins.concat();
        let first = match (self.bullet.take(), self.margins.split_last()) {
            (Some(bullet), Some((_, outer))) => format!("{}{bullet}", outer.concat()),
            _ => rest.clone(),
        };
        (first, rest)
    }

    fn end_row(&mut self) {
        if self.spans.is_empty() {
            return;
        }
        let (first, rest) = self.margin();
        let mut spans = vec![self.ink.span(&first, Tone::Faint)];
        spans.append(&mut self.spans);
        let indent = line(vec![self.ink.span(&rest, Tone::Faint)]);
        self.rows.extend(wrap(&line(spans), self.columns, &indent));
    }

    fn blank(&mut self) {
        if self.rows.last().is_some_and(|row| !row.spans.is_empty()) {
            self.rows.push(Line::default());
        }
    }

    fn code_rows(&mut self, text: &str) {
        for code in text.lines() {
            let (first, rest) = self.margin();
            let row = line(vec![self.ink.span(&format!("{first}  "), Tone::Faint), self.ink.span(code, Tone::Name)]);
            self.rows.extend(wrap(&row, self.columns, &line(vec![self.ink.span(&format!("{rest}    "), Tone::Faint)])));
        }
    }

    /// Columns as wide as their widest cell, cut where the table is too wide.
    fn table_rows(&mut self, table: &[Vec<String>]) {
        let columns = table.iter().map(Vec::len).max().unwrap_or(0);
        let widths: Vec<usize> = (0..columns)
            .map(|i| table.iter().filter_map(|row| row.get(i)).map(|cell| text::width(cell)).max().unwrap_or(0))
            .collect();
        for (i, row) in table.iter().enumerate() {
            let tone = if i == 0 { Tone::Strong } else { Tone::Plain };
            let cells: Vec<String> = row.iter().zip(&widths).map(|(cell, width)| text::pad(cell, *width)).collect();
            let row = line(vec![self.ink.span(cells.join("  ").trim_end(), tone)]);
            self.rows.extend(wrap(&row, self.columns, &line(vec![self.ink.span("  ", Tone::Plain)])));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::Colour;

    fn text(markdown: &str, columns: usize) -> String {
        let ink = Ink { colour: Colour::None, ..Ink::default() };
        laid(markdown, ink, columns).rows.iter().map(|r| format!("{r}\n")).collect()
    }

    #[test]
    fn headings_know_their_rows() {
        let text = "intro\n\n# A title that is long\n\nbody\n\n> # quoted\n\n## B `code`\n";
        let laid = laid(text, Ink { colour: Colour::None, ..Ink::default() }, 12);
        let found: Vec<_> = laid.headings.iter().map(|h| (h.level, h.title.as_str(), h.rows.clone(), h.line)).collect();
        assert_eq!(found, [(1, "A title that is long", 2..4, 2), (2, "B `code`", 9..10, 8)]);
    }

    #[test]
    fn markdown_is_readable() {
        let markdown = "# 純米 title\n\nLabels *differ* in small print, so `crops` stay\nlarge.\n\n- one item that is rather long\n  1. inner\n  2. second\n- two\n\n> quoted words here\n\n```\nlet a = 1;\n```\n\n| op | gain |\n|---|---|\n| pca | +0.01 |\n\n[paper](https://x.org)";
        insta::assert_snapshot!(text(markdown, 26), @r#"
    純米 title

    Labels differ in small
    print, so crops stay
    large.

    - one item that is rather
      long
      1. inner
      2. second
    - two

    │ quoted words here

      let a = 1;

    op   gain
    pca  +0.01

    paper (https://x.org)
    "#);
    }

    #[test]
    fn nothing_steers_the_terminal_and_nothing_is_an_endless_loop() {
        assert_eq!(text("a\x1b[2Jb", 20), "a·[2Jb\n");
        assert_eq!(text("", 20), "");
        assert_eq!(text("- \n-\n", 3), "- \n- \n");
    }
}
