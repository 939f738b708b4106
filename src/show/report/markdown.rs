//! A document as Markdown, with its pictures beside it.
//!
//! For Zenn, Qiita and GitHub, which read the same of it: headings, tables, fences, pictures by their names. A plot is written as `.svg` and `.png`, and the
//! page shows the PNG, since not all of them take SVG; photos are one PNG a list of queries. Text is made plain, and what Markdown would read in it
//! has a backslash before it.

use super::document::{Block, Document, Figure, Mark, Photos, Span, Table};
use super::pictures::Pictures;
use crate::base::text::plain;
use crate::show::ShowError;
use crate::show::weave::links::encoded;
use crate::show::weave::markdown::{code, escaped};

/// The text of the page; its pictures go to `pictures`, whose names it gives.
pub(super) fn markdown(document: &Document, pictures: &mut Pictures<'_>) -> Result<String, ShowError> {
    let mut writer = Writer { out: String::new(), pictures };
    writer.paragraph(&format!("# {}", escaped(&document.title)));
    for line in &document.lead {
        writer.paragraph(&escaped(line));
    }
    writer.blocks(&document.blocks)?;
    Ok(writer.out)
}

struct Writer<'a, 'p> {
    out: String,
    pictures: &'a mut Pictures<'p>,
}

impl Writer<'_, '_> {
    /// A block with an empty line before it.
    fn paragraph(&mut self, text: &str) {
        let text = text.trim_end();
        if text.is_empty() {
            return;
        }
        if !self.out.is_empty() {
            self.out.push('\n');
        }
        self.out.push_str(text);
        self.out.push('\n');
    }

    fn blocks(&mut self, blocks: &[Block]) -> Result<(), ShowError> {
        blocks.iter().try_for_each(|block| self.block(block))
    }

    fn block(&mut self, block: &Block) -> Result<(), ShowError> {
        match block {
            Block::Heading(level, text) => {
                self.paragraph(&format!("{} {}", "#".repeat(usize::from((*level).clamp(2, 6))), escaped(text)));
            }
            Block::Paragraph(spans) => self.paragraph(&line(spans)),
            Block::Note(spans) => self.paragraph(&format!("> {}", line(spans).replace('\n', "\n> "))),
            Block::List(..) | Block::Quote(_) => {
                let text = self.nested(block)?;
                self.paragraph(&text);
            }
            Block::Code(language, text) => self.paragraph(&code(&word(language), text)),
            Block::Table(table) => self.paragraph(&rows(table)),
            Block::Figure(figure) => self.figure(figure)?,
            Block::Photos(photos) => self.photos(photos)?,
            Block::Details(title, blocks) => {
                self.paragraph(&format!("<details><summary>{}</summary>", escaped(title)));
                self.blocks(blocks)?;
                self.paragraph("</details>");
            }
            Block::Rule => self.paragraph("---"),
        }
        Ok(())
    }

    /// What stands in a list or a quotation, with what stands before each line.
    fn nested(&mut self, block: &Block) -> Result<String, ShowError> {
        let mut inner = |blocks: &[Block]| -> Result<String, ShowError> {
            let mut writer = Writer { out: String::new(), pictures: &mut *self.pictures };
            writer.blocks(blocks)?;
            Ok(writer.out.trim_end().to_owned())
        };
        Ok(match block {
            Block::Quote(blocks) => inner(blocks)?.lines().map(|line| format!("> {line}\n")).collect(),
            Block::List(first, items) => {
                let mut out = String::new();
                for (i, item) in items.iter().enumerate() {
                    let bullet = first.map_or_else(|| "- ".to_owned(), |first| format!("{}. ", first + i as u64));
                    let indent = " ".repeat(bullet.len());
                    for (j, line) in inner(item)?.lines().enumerate() {
                        let before = if j == 0 { &bullet } else { &indent };
                        out.push_str(format!("{before}{line}").trim_end());
                        out.push('\n');
                    }
                }
                out
            }
            _ => String::new(),
        })
    }

    fn figure(&mut self, figure: &Figure) -> Result<(), ShowError> {
        let name = self.pictures.figure(figure)?;
        self.picture(&name, &figure.about);
        Ok(())
    }

    fn photos(&mut self, photos: &Photos) -> Result<(), ShowError> {
        let name = self.pictures.photos(photos)?;
        self.picture(&name, &photos.about);
        Ok(())
    }

    fn picture(&mut self, name: &str, about: &str) {
        let about = escaped(about);
        self.paragraph(&format!("![{about}]({})", encoded(name)));
        self.paragraph(&format!("*{about}*"));
    }
}

/// A language's name: what is not a word says nothing to anybody.
fn word(language: &str) -> String {
    language.chars().filter(|c| c.is_ascii_alphanumeric() || "+-#".contains(*c)).collect()
}

fn line(spans: &[Span]) -> String {
    let text: String = spans.iter().map(span).collect();
    // What begins a line must not begin a list, a heading or a table.
    let begins = text.trim_start();
    let digits = begins.chars().take_while(char::is_ascii_digit).count();
    if begins.starts_with(['-', '+', '=', ':']) {
        format!("\\{begins}")
    } else if digits > 0 && begins[digits..].starts_with(['.', ')']) {
        format!("{}\\{}", &begins[..digits], &begins[digits..])
    } else {
        begins.to_owned()
    }
}

fn span(span: &Span) -> String {
    let style = span.style;
    let mut text = if style.code {
        let text = plain(&span.text);
        let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
        let (fence, room) = ("`".repeat(longest + 1), if longest > 0 { " " } else { "" });
        format!("{fence}{room}{text}{room}{fence}")
    } else {
        span.text.split('\n').map(escaped).collect::<Vec<_>>().join("  \n")
    };
    if text.trim().is_empty() {
        return text;
    }
    // Marks beside spaces are none.
    let (before, behind) = (text.len() - text.trim_start().len(), text.len() - text.trim_end().len());
    let (lead, trail) = (text[..before].to_owned(), text[text.len() - behind..].to_owned());
    text = text.trim().to_owned();
    for (mark, wanted) in [("*", style.emphasis), ("**", style.strong), ("~~", style.struck)] {
        if wanted {
            text = format!("{mark}{text}{mark}");
        }
    }
    if let Some(link) = &span.link {
        text = format!("[{text}](<{}>)", plain(link).replace(['<', '>', ' '], ""));
    }
    format!("{lead}{text}{trail}")
}

fn rows(table: &Table) -> String {
    let line = |cells: Vec<String>| format!("| {} |", cells.join(" | "));
    let columns = 0..table.head.len();
    let cell = |row: &[super::document::Cell], i: usize| {
        let Some(cell) = row.get(i) else { return String::new() };
        let text = escaped(&cell.indented());
        if cell.mark == Mark::Strong && !text.trim().is_empty() { format!("**{}**", text.trim()) } else { text }
    };
    let mut lines = vec![
        line(table.head.iter().map(|head| escaped(head)).collect()),
        line(columns.clone().map(|i| if table.is_number(i) { "---:" } else { "---" }.to_owned()).collect()),
    ];
    lines.extend(table.rows.iter().map(|row| line(columns.clone().map(|i| cell(row, i)).collect())));
    lines.join("\n")
}
