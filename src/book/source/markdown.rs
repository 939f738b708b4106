//! Prose and cells of a Markdown file.
//!
//! Takes the text; gives the title, the blocks in order and, for each cell, the ranges of bytes
//! that belong to it. CommonMark decides what a fenced block is (pulldown-cmark), so lists, quotations,
//! `~~~`, indented fences and CRLF need no rules of our own. A cell in a quotation has one range a
//! line, without the marks before it.

use std::ops::Range;
use std::sync::Arc;

use pulldown_cmark::{CodeBlockKind, Event, LinkType, Options, Parser, Tag, TagEnd};

use crate::book::diagnostic::{Diagnostic, Place, Source};

/// A Markdown file taken apart.
#[derive(Debug, Default)]
pub struct Page {
    /// Text of the first heading, if there is one.
    pub title: Option<String>,
    /// Prose and cells in order.
    pub parts: Vec<Part>,
    /// Mistakes of the Markdown itself.
    pub diagnostics: Vec<Diagnostic>,
    /// Whether a cell could not be read, so that what is missing may stand there.
    pub incomplete: bool,
}

/// One part of the page.
#[derive(Debug)]
pub enum Part {
    /// Everything between cells.
    Prose(Range<usize>),
    /// A cell.
    Cell(RawCell),
}

/// A `toml` block.
#[derive(Debug)]
pub struct RawCell {
    /// Its text without fences, indentation and quotation marks; lines end in `\n`.
    pub text: String,
    /// Offset of its first byte.
    pub start: usize,
    /// The bytes of the file that are its text, in order.
    pub ranges: Vec<Range<usize>>,
}

/// Takes a Markdown file apart.
pub fn page(source: &Arc<Source>) -> Page {
    // CommonMark ignores a byte-order mark; the parser would read it as a letter.
    let base = if source.text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
    let text = &source.text[base..];
    let moved = |range: Range<usize>| range.start + base..range.end + base;
    let mut page = Page::default();
    let mut prose_from = base;
    let mut heading: Option<String> = None;
    let mut open: Option<(RawCell, Range<usize>)> = None;
    for (event, range) in Parser::new_ext(text, Options::empty()).into_offset_iter() {
        match event {
            Event::Start(Tag::Heading { .. }) if page.title.is_none() => heading = Some(String::new()),
            Event::End(TagEnd::Heading(_)) if heading.is_some() => page.title = heading.take(),
            Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(info))) => {
                let block = moved(range);
                let place = Place { source: source.clone(), span: first_line(&source.text, &block) };
                if info.trim() != "toml" {
                    if info.trim().eq_ignore_ascii_case("toml") {
                        let note = Diagnostic::at(
                            &place,
                            format!("this block is prose: its info string is `{}`", info.trim()),
                        );
                        page.diagnostics.push(note.warning().help("write `toml` to make it a cell"));
                    }
                } else if is_closed(&source.text[block.clone()]) {
                    let start = (place.span.end + 1).min(block.end);
                    open = Some((RawCell { text: String::new(), start, ranges: Vec::new() }, block));
                } else {
                    let mistake = Diagnostic::at(&place, "this cell is never closed");
                    page.diagnostics.push(mistake.help("end it with the same fence on a line of its own"));
                    page.incomplete = true;
                }
            }
            Event::End(TagEnd::CodeBlock) => {
                if let Some((cell, block)) = open.take() {
                    // The block's range starts at the fence; what stands before it on the line is a list's or quotation's mark.
                    page.parts.push(Part::Prose(prose_from..line_start(&source.text, block.start).max(prose_from)));
                    prose_from = block.end;
                    page.parts.push(Part::Cell(cell));
                }
            }
            Event::Text(words) => {
                if let Some((cell, _)) = &mut open {
                    let range = moved(range);
                    if cell.ranges.is_empty() {
                        cell.start = range.start;
                    }
                    cell.text.push_str(&words);
                    cell.ranges.push(range);
                } else if let Some(title) = &mut heading {
                    title.push_str(&words);
                }
            }
            Event::Code(words) => {
                if let Some(title) = &mut heading {
                    title.push_str(&words);
                }
            }
            Event::SoftBreak | Event::HardBreak => {
                if let Some(title) = &mut heading {
                    title.push(' ');
                }
            }
            _ => {}
        }
    }
    page.parts.push(Part::Prose(prose_from..source.text.len().max(prose_from)));
    page
}

/// The text of a range without the empty lines around it, and the offset of its first line.
pub fn prose(text: &str, range: Range<usize>) -> Option<(usize, String)> {
    let mut start = range.start;
    for line in text[range.clone()].split_inclusive('\n') {
        let words = line.trim_start_matches('\u{feff}').trim();
        if !words.is_empty() {
            let text = text[start..range.end].trim_start_matches('\u{feff}').trim_end();
            return Some((start, text.replace("\r\n", "\n")));
        }
        start += line.len();
    }
    None
}

/// Where the targets of links and pictures stand, in order: of inline ones and of definitions. What cannot be found exactly as it is written is left out.
pub fn links(text: &str) -> Vec<Range<usize>> {
    let extensions = Options::ENABLE_TABLES | Options::ENABLE_FOOTNOTES | Options::ENABLE_STRIKETHROUGH;
    let parser = Parser::new_ext(text, extensions);
    let mut found = Vec::new();
    let mut find = |whole: Range<usize>, before: &str, target: &str| {
        let Some(part) = text.get(whole.clone()) else { return };
        let places = part.rmatch_indices(before).map(|(at, _)| at + before.len());
        let place = places.filter_map(|at| {
            let rest = part[at..].trim_start().trim_start_matches('<');
            rest.starts_with(target).then(|| whole.start + part.len() - rest.len())
        });
        found.extend(place.take(1).map(|start| start..start + target.len()));
    };
    for (_, definition) in parser.reference_definitions().iter() {
        find(definition.span.clone(), "]:", &definition.dest);
    }
    for (event, range) in parser.into_offset_iter() {
        if let Event::Start(
            Tag::Link { link_type: LinkType::Inline, dest_url, .. }
            | Tag::Image { link_type: LinkType::Inline, dest_url, .. },
        ) = event
        {
            find(range, "](", &dest_url);
        }
    }
    found.sort_by_key(|place: &Range<usize>| place.start);
    found.dedup();
    found
}

/// Whether all of the text from `start` on is one quotation, part of nothing before it and without another block than paragraphs in it.
pub fn ends_in_quote(text: &str, start: usize) -> bool {
    let (mut depth, mut quotes, mut other) = (0, 0, false);
    let extensions = Options::ENABLE_TABLES | Options::ENABLE_FOOTNOTES;
    for (event, range) in Parser::new_ext(text, extensions).into_offset_iter() {
        let behind = range.end > start;
        match event {
            Event::Start(Tag::BlockQuote(_)) if depth == 0 && range.start == start => quotes += 1,
            Event::Start(
                Tag::Paragraph
                | Tag::Emphasis
                | Tag::Strong
                | Tag::Strikethrough
                | Tag::Link { .. }
                | Tag::Image { .. },
            ) if range.start > start => {}
            Event::Start(_) | Event::Rule | Event::Html(_) if behind => other = true,
            _ => {}
        }
        match event {
            Event::Start(_) => depth += 1,
            Event::End(_) => depth -= 1,
            _ => {}
        }
    }
    quotes == 1 && !other
}

fn first_line(text: &str, block: &Range<usize>) -> Range<usize> {
    let line = text[block.clone()].lines().next().unwrap_or_default();
    block.start..block.start + line.len()
}

fn line_start(text: &str, offset: usize) -> usize {
    text[..offset].rfind('\n').map_or(0, |at| at + 1)
}

/// Whether the block's last line is its fence again. CommonMark also ends a block with the file, or
/// with the list or quotation around it, and would then read the prose that follows as TOML.
fn is_closed(block: &str) -> bool {
    let fence = block.trim_start();
    let Some(mark) = fence.chars().next() else { return false };
    let length = fence.chars().take_while(|&c| c == mark).count();
    let mut lines = block.trim_end().lines();
    let (first, last) = (lines.next(), lines.next_back());
    first.is_some()
        && last.is_some_and(|line| {
            let line = line.trim_start_matches([' ', '\t', '>']).trim_end();
            line.chars().all(|c| c == mark) && line.chars().count() >= length
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn cells(text: &str) -> Vec<(usize, usize, String)> {
        let source = Source::new(Path::new("r.md"), text.to_owned());
        let page = page(&source);
        page.parts
            .iter()
            .filter_map(|part| match part {
                Part::Cell(cell) => {
                    let (line, column) = source.position(cell.start);
                    Some((line, column, cell.text.clone()))
                }
                Part::Prose(_) => None,
            })
            .collect()
    }

    #[test]
    fn fences_of_all_kinds() {
        assert_eq!(cells("# t\n\n```toml\n[a]\n```\n"), [(4, 1, "[a]\n".into())]);
        assert_eq!(cells("~~~ toml \n[a]\n~~~~\n"), [(2, 1, "[a]\n".into())]);
        assert_eq!(
            cells("  ```toml\n  [a]\n  ```"),
            [(2, 3, "[a]\n".into())],
            "an indented fence takes its indentation off"
        );
        assert_eq!(cells("\u{feff}```toml\r\n[a]\r\nb = 1\r\n```\r\n"), [(2, 1, "[a]\nb = 1\n".into())]);
        assert_eq!(cells("> 獺祭\n> ```toml\n> [a]\n> b = 1\n> ```\n"), [(3, 3, "[a]\nb = 1\n".into())]);
        assert_eq!(cells("- x\n\n  ```toml\n  [a]\n  ```\n"), [(4, 3, "[a]\n".into())]);
        assert_eq!(cells("````toml\n[a]\nx = '''\n```\n'''\n````\n"), [(2, 1, "[a]\nx = '''\n```\n'''\n".into())]);
        assert_eq!(cells("```toml\n```\n"), [(2, 1, String::new())]);
    }

    #[test]
    fn what_is_prose() {
        assert!(cells("```toml example\n[a]\n```\n").is_empty());
        assert!(cells("```\n[a]\n```\n").is_empty());
        assert!(cells("    [a]\n").is_empty());
        assert!(cells("<!--\n```toml\n[a]\n```\n-->\n").is_empty());
    }

    #[test]
    fn an_open_fence_is_said_once() {
        for text in [
            "```toml\n[a]\n\nprose",
            "```toml",
            "> ```toml\n> [a]\n\nprose ```\n",
            "~~~toml\n```\n",
            "````toml\n[a]\n```\n",
        ] {
            let source = Source::new(Path::new("r.md"), text.to_owned());
            let page = page(&source);
            assert_eq!(page.diagnostics.len(), 1, "{text:?}");
            assert!(page.incomplete && page.diagnostics[0].message.contains("never closed"));
        }
    }

    #[test]
    fn title_is_the_first_heading() {
        let title = |text: &str| page(&Source::new(Path::new("r.md"), text.to_owned())).title;
        assert_eq!(
            title("\u{feff}# 02 · *ArcFace* on `small` print\n# b\n").as_deref(),
            Some("02 · ArcFace on small print")
        );
        assert_eq!(title("x\n===\n").as_deref(), Some("x"));
        assert_eq!(title("prose"), None);
    }
}
