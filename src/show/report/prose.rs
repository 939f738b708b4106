//! Markdown that a person wrote, as parts of a document.
//!
//! Takes a recipe's text or any other; gives headings, paragraphs, lists, quotations, code and tables. HTML in it stays text, pictures become their
//! description, and a link that leads nowhere outside (a file beside the recipe) becomes its text: a report is read elsewhere.

use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd};

use super::document::{Block, Cell, Span, Style, Table};

/// The parts of a text; its highest headings get the level `top`.
pub fn blocks(markdown: &str, top: u8) -> Vec<Block> {
    let options = Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH;
    let mut reader = Reader::new(top);
    for event in Parser::new_ext(markdown, options) {
        reader.take(event);
    }
    reader.finish()
}

/// What is open while events come.
enum Open {
    Quote,
    List(Option<u64>, Vec<Vec<Block>>),
    Item,
}

struct Reader {
    top: u8,
    /// Blocks of each open part, the document's own at the bottom.
    stack: Vec<Vec<Block>>,
    open: Vec<Open>,
    spans: Vec<Span>,
    styles: Vec<Style>,
    links: Vec<Option<String>>,
    code: Option<(String, String)>,
    heading: Option<u8>,
    table: Option<Table>,
    row: Vec<Cell>,
}

impl Reader {
    fn new(top: u8) -> Reader {
        Reader {
            top,
            stack: vec![Vec::new()],
            open: Vec::new(),
            spans: Vec::new(),
            styles: Vec::new(),
            links: Vec::new(),
            code: None,
            heading: None,
            table: None,
            row: Vec::new(),
        }
    }

    fn style(&self) -> Style {
        self.styles.last().copied().unwrap_or_default()
    }

    fn write(&mut self, text: &str, style: Style) {
        let link = self.links.last().cloned().flatten();
        match self.spans.last_mut() {
            Some(last) if last.style == style && last.link == link => last.text.push_str(text),
            _ => self.spans.push(Span { text: text.to_owned(), style, link }),
        }
    }

    fn push(&mut self, block: Block) {
        if let Some(blocks) = self.stack.last_mut() {
            blocks.push(block);
        }
    }

    /// Ends a paragraph whose end nobody says: of a tight list.
    fn end_paragraph(&mut self) {
        if !self.spans.is_empty() {
            let spans = std::mem::take(&mut self.spans);
            self.push(Block::Paragraph(spans));
        }
    }

    fn take(&mut self, event: Event<'_>) {
        match event {
            Event::Start(tag) => self.start(tag),
            Event::End(tag) => self.end(tag),
            Event::Text(text) => match &mut self.code {
                Some((_, code)) => code.push_str(&text),
                None => self.write(&text, self.style()),
            },
            Event::Html(text) | Event::InlineHtml(text) => self.write(&text, self.style()),
            Event::Code(text) => self.write(&text, Style { code: true, ..self.style() }),
            Event::SoftBreak => self.write(" ", self.style()),
            Event::HardBreak => self.write("\n", self.style()),
            Event::Rule => self.push(Block::Rule),
            Event::InlineMath(text) | Event::DisplayMath(text) | Event::FootnoteReference(text) => {
                self.write(&text, self.style());
            }
            Event::TaskListMarker(done) => self.write(if done { "[x] " } else { "[ ] " }, self.style()),
        }
    }

    fn start(&mut self, tag: Tag<'_>) {
        match tag {
            Tag::Heading { level, .. } => {
                self.end_paragraph();
                self.heading = Some((level as u8 + self.top - 1).min(6));
            }
            Tag::BlockQuote(_) => {
                self.end_paragraph();
                self.open.push(Open::Quote);
                self.stack.push(Vec::new());
            }
            Tag::CodeBlock(kind) => {
                self.end_paragraph();
                let language = match kind {
                    CodeBlockKind::Fenced(info) => info.split_whitespace().next().unwrap_or_default().to_owned(),
                    CodeBlockKind::Indented => String::new(),
                };
                self.code = Some((language, String::new()));
            }
            Tag::List(first) => {
                self.end_paragraph();
                self.open.push(Open::List(first, Vec::new()));
            }
            Tag::Item => {
                self.open.push(Open::Item);
                self.stack.push(Vec::new());
            }
            Tag::Table(_) => {
                self.end_paragraph();
                self.table = Some(Table::default());
            }
            Tag::Emphasis => self.styles.push(Style { emphasis: true, ..self.style() }),
            Tag::Strong => self.styles.push(Style { strong: true, ..self.style() }),
            Tag::Strikethrough => self.styles.push(Style { struck: true, ..self.style() }),
            Tag::Link { dest_url, .. } => {
                let leads = ["http://", "https://", "mailto:"].iter().any(|scheme| dest_url.starts_with(scheme));
                self.links.push(leads.then(|| dest_url.to_string()));
            }
            _ => {}
        }
    }

    fn end(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::Heading(_) => {
                let level = self.heading.take().unwrap_or(self.top);
                let text = std::mem::take(&mut self.spans).into_iter().map(|span| span.text).collect::<String>();
                self.push(Block::Heading(level, text));
            }
            TagEnd::Paragraph | TagEnd::HtmlBlock => self.end_paragraph(),
            TagEnd::BlockQuote(_) => {
                self.end_paragraph();
                self.open.pop();
                let blocks = self.stack.pop().unwrap_or_default();
                self.push(Block::Quote(blocks));
            }
            TagEnd::CodeBlock => {
                if let Some((language, text)) = self.code.take() {
                    self.push(Block::Code(language, text));
                }
            }
            TagEnd::Item => {
                self.end_paragraph();
                self.open.pop();
                let blocks = self.stack.pop().unwrap_or_default();
                if let Some(Open::List(_, items)) = self.open.last_mut() {
                    items.push(blocks);
                }
            }
            TagEnd::List(_) => {
                if let Some(Open::List(first, items)) = self.open.pop() {
                    self.push(Block::List(first, items));
                }
            }
            TagEnd::TableCell => {
                let text: String = std::mem::take(&mut self.spans).into_iter().map(|span| span.text).collect();
                self.row.push(Cell::from(text));
            }
            TagEnd::TableHead => {
                let head = std::mem::take(&mut self.row).into_iter().map(|cell| cell.text).collect();
                if let Some(table) = &mut self.table {
                    table.head = head;
                }
            }
            TagEnd::TableRow => {
                let row = std::mem::take(&mut self.row);
                if let Some(table) = &mut self.table {
                    table.rows.push(row);
                }
            }
            TagEnd::Table => {
                if let Some(table) = self.table.take() {
                    self.push(Block::Table(table));
                }
            }
            TagEnd::Emphasis | TagEnd::Strong | TagEnd::Strikethrough => drop(self.styles.pop()),
            TagEnd::Link => drop(self.links.pop()),
            _ => {}
        }
    }

    fn finish(mut self) -> Vec<Block> {
        self.end_paragraph();
        self.stack.pop().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_write_becomes_parts() {
        let text = "# 獺祭\n\nIt *is* **so** `x`, [here](https://e.org), [there](other.md).\n\n- a\n- b\n  1. c\n\n> q\n\n```toml\n[loss]\n```\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n<script>x</script>\n";
        let found = blocks(text, 3);
        assert!(matches!(&found[0], Block::Heading(3, title) if title == "獺祭"));
        let Block::Paragraph(spans) = &found[1] else { panic!("{found:?}") };
        let links: Vec<_> = spans.iter().filter_map(|span| span.link.as_deref()).collect();
        assert_eq!(links, ["https://e.org"], "a file beside the recipe is not beside the report");
        assert!(spans.iter().any(|span| span.text == "so" && span.style.strong));
        let Block::List(None, items) = &found[2] else { panic!("{found:?}") };
        assert!(items.len() == 2 && matches!(&items[1][1], Block::List(Some(1), inner) if inner.len() == 1));
        assert!(matches!(&found[3], Block::Quote(inner) if inner.len() == 1));
        assert!(matches!(&found[4], Block::Code(language, text) if language == "toml" && text == "[loss]\n"));
        assert!(matches!(&found[5], Block::Table(table) if table.head == ["a", "b"] && table.rows[0][1].text == "2"));
        assert!(matches!(&found[6], Block::Paragraph(spans) if spans[0].text.contains("<script>")));
        assert!(blocks("", 2).is_empty());
    }
}
