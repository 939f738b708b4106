//! The text of a Word file: `word/document.xml`.

use super::super::document::{Block, Cell, Document, Mark, Span, Style, Table};
use super::super::pictures::Pictures;
use super::parts::{link_id, picture_id};
use crate::base::text::width;
use crate::show::ShowError;
use crate::show::sheet::html::escaped;

/// What is written, and what its relations and numbers must know.
pub(super) struct Body {
    /// The part's text.
    pub text: String,
    /// Where its links lead.
    pub links: Vec<String>,
    /// The first number of each list of numbers.
    pub numbered: Vec<u64>,
}

/// Width of the text: A4 with margins of 2 cm, in twentieths of a point.
const ROOM: usize = 9638;
/// The same in English metric units, for pictures.
const ROOM_EMU: u64 = 6_120_000;
/// The highest picture, so that it stays on a page with its caption.
const TALLEST_EMU: u64 = 8_600_000;
/// English metric units of a pixel: two of them are a point.
const PIXEL_EMU: u64 = 6350;
/// From so many columns on, tables are set smaller.
const MANY: usize = 6;

const HEAD: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n\
<w:document xmlns:w=\"http://schemas.openxmlformats.org/wordprocessingml/2006/main\" \
xmlns:r=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships\" \
xmlns:wp=\"http://schemas.openxmlformats.org/drawingml/2006/wordprocessingDrawing\" \
xmlns:a=\"http://schemas.openxmlformats.org/drawingml/2006/main\" \
xmlns:pic=\"http://schemas.openxmlformats.org/drawingml/2006/picture\"><w:body>";
const FOOT: &str = "<w:sectPr><w:pgSz w:w=\"11906\" w:h=\"16838\"/>\
<w:pgMar w:top=\"1134\" w:right=\"1134\" w:bottom=\"1134\" w:left=\"1134\" w:header=\"567\" w:footer=\"567\" w:gutter=\"0\"/></w:sectPr>\
</w:body></w:document>";

/// Writes it; pictures are drawn on the way.
pub(super) fn body(document: &Document, pictures: &mut Pictures<'_>) -> Result<Body, ShowError> {
    let body = Body { text: HEAD.to_owned(), links: Vec::new(), numbered: Vec::new() };
    let mut writer = Writer { body, pictures, drawn: 0 };
    writer.paragraph("Title", "", &[Span::from(document.title.as_str())]);
    for line in &document.lead {
        writer.paragraph("Lead", "", &[Span::from(line.as_str())]);
    }
    writer.blocks(&document.blocks, Within::default())?;
    writer.body.text.push_str(FOOT);
    Ok(writer.body)
}

/// In what a block stands.
#[derive(Clone, Copy, Default)]
struct Within {
    /// The list's number and level.
    list: Option<(usize, usize)>,
    /// A quotation.
    quote: bool,
}

struct Writer<'a, 'p> {
    body: Body,
    pictures: &'a mut Pictures<'p>,
    drawn: usize,
}

impl Writer<'_, '_> {
    fn push(&mut self, text: &str) {
        self.body.text.push_str(text);
    }

    fn blocks(&mut self, blocks: &[Block], within: Within) -> Result<(), ShowError> {
        blocks.iter().try_for_each(|block| self.block(block, within))
    }

    fn block(&mut self, block: &Block, within: Within) -> Result<(), ShowError> {
        match block {
            Block::Heading(level, text) => {
                let style = format!("Heading{}", (*level).clamp(2, 6) - 1);
                self.paragraph(&style, "", &[Span::from(text.as_str())]);
            }
            Block::Paragraph(spans) => {
                let style = if within.quote { "Quote" } else { "Normal" };
                let numbered = within.list.map(|(number, level)| {
                    format!("<w:numPr><w:ilvl w:val=\"{level}\"/><w:numId w:val=\"{number}\"/></w:numPr>")
                });
                self.paragraph(style, &numbered.unwrap_or_default(), spans);
            }
            Block::Note(spans) => self.paragraph("Note", "", spans),
            Block::List(first, items) => {
                let number = match first {
                    Some(first) => {
                        self.body.numbered.push(*first);
                        self.body.numbered.len() + 1
                    }
                    None => 1,
                };
                let level = within.list.map_or(0, |(_, level)| (level + 1).min(8));
                for item in items {
                    // The item's first paragraph has the number; what follows stands below it.
                    let inner = Within { list: Some((number, level)), ..within };
                    for (place, block) in item.iter().enumerate() {
                        match (place, block) {
                            (0, _) | (_, Block::List(..)) => self.block(block, inner)?,
                            _ => self.block(block, Within { list: None, ..within })?,
                        }
                    }
                }
            }
            Block::Quote(blocks) => self.blocks(blocks, Within { quote: true, ..within })?,
            Block::Code(_, text) => {
                for line in text.trim_end_matches('\n').split('\n') {
                    let line = line.trim_end_matches('\r').replace('\t', "    ");
                    self.paragraph("Code", "", &[Span::from(line.as_str())]);
                }
                // Two blocks in a row are two.
                self.paragraph("Normal", "", &[]);
            }
            Block::Table(table) => self.table(table),
            Block::Figure(figure) => {
                self.pictures.figure(figure)?;
                self.picture(&figure.about);
            }
            Block::Photos(photos) => {
                self.pictures.photos(photos)?;
                self.picture(&photos.about);
            }
            Block::Details(title, blocks) => {
                self.paragraph("Heading4", "", &[Span::from(title.as_str())]);
                self.blocks(blocks, within)?;
            }
            Block::Rule => self.push(
                "<w:p><w:pPr><w:pBdr><w:bottom w:val=\"single\" w:sz=\"6\" w:space=\"1\" w:color=\"BFBFBF\"/></w:pBdr></w:pPr></w:p>",
            ),
        }
        Ok(())
    }

    fn paragraph(&mut self, style: &str, properties: &str, spans: &[Span]) {
        let runs: String = spans.iter().map(|span| self.run(span)).collect();
        self.push(&format!("<w:p><w:pPr><w:pStyle w:val=\"{style}\"/>{properties}</w:pPr>{runs}</w:p>"));
    }

    fn run(&mut self, span: &Span) -> String {
        let linked = span.link.is_some();
        let run = format!("<w:r><w:rPr>{}</w:rPr>{}</w:r>", properties(span.style, linked), text(&span.text));
        match &span.link {
            Some(link) => {
                self.body.links.push(link.clone());
                format!("<w:hyperlink r:id=\"{}\">{run}</w:hyperlink>", link_id(self.body.links.len() - 1))
            }
            None => run,
        }
    }

    fn table(&mut self, table: &Table) {
        let columns = table.head.len().max(1);
        let widths = widths(table);
        let style = if columns > MANY { "SmallCell" } else { "Cell" };
        let border = |side: &str| format!("<w:{side} w:val=\"single\" w:sz=\"4\" w:space=\"0\" w:color=\"BFBFBF\"/>");
        let borders: String = ["top", "left", "bottom", "right", "insideH", "insideV"].map(border).concat();
        let grid: String = widths.iter().map(|width| format!("<w:gridCol w:w=\"{width}\"/>")).collect();
        self.push(&format!(
            "<w:tbl><w:tblPr><w:tblW w:w=\"{ROOM}\" w:type=\"dxa\"/><w:tblBorders>{borders}</w:tblBorders><w:tblLayout w:type=\"fixed\"/>\
             <w:tblCellMar><w:left w:w=\"60\" w:type=\"dxa\"/><w:right w:w=\"60\" w:type=\"dxa\"/></w:tblCellMar></w:tblPr><w:tblGrid>{grid}</w:tblGrid>"
        ));
        let head: Vec<Cell> = table.head.iter().map(|head| Cell::from(head.as_str()).marked(Mark::Strong)).collect();
        let numbers: Vec<bool> = (0..columns).map(|column| table.is_number(column)).collect();
        self.row(&head, &widths, style, &vec![false; columns], true);
        for row in &table.rows {
            self.row(row, &widths, style, &numbers, false);
        }
        // A table must not be the last thing of a part, nor touch the next one.
        self.push("</w:tbl><w:p><w:pPr><w:spacing w:before=\"0\" w:after=\"60\"/></w:pPr></w:p>");
    }

    fn row(&mut self, cells: &[Cell], widths: &[usize], style: &str, numbers: &[bool], is_head: bool) {
        self.push(if is_head {
            "<w:tr><w:trPr><w:cantSplit/><w:tblHeader/></w:trPr>"
        } else {
            "<w:tr><w:trPr><w:cantSplit/></w:trPr>"
        });
        let empty = Cell::default();
        for (column, width) in widths.iter().enumerate() {
            let cell = cells.get(column).unwrap_or(&empty);
            let shade = if is_head { "<w:shd w:val=\"clear\" w:color=\"auto\" w:fill=\"F2F2F2\"/>" } else { "" };
            let right = if numbers.get(column) == Some(&true) { "<w:jc w:val=\"right\"/>" } else { "" };
            let colour = match cell.mark {
                Mark::None => "",
                Mark::Strong => "<w:b/>",
                Mark::Better => "<w:color w:val=\"00694C\"/>",
                Mark::Worse => "<w:color w:val=\"A44800\"/>",
                Mark::Quiet => "<w:color w:val=\"7F7F7F\"/>",
            };
            let said = text(&broken(&cell.indented()));
            self.push(&format!(
                "<w:tc><w:tcPr><w:tcW w:w=\"{width}\" w:type=\"dxa\"/>{shade}</w:tcPr><w:p><w:pPr><w:pStyle w:val=\"{style}\"/>{right}</w:pPr>\
                 <w:r><w:rPr>{colour}</w:rPr>{said}</w:r></w:p></w:tc>"
            ));
        }
        self.push("</w:tr>");
    }

    /// The picture that was drawn last, with its caption.
    fn picture(&mut self, about: &str) {
        let Some(drawn) = self.pictures.files.last() else { return };
        let (mut across, mut down) = (u64::from(drawn.size.0) * PIXEL_EMU, u64::from(drawn.size.1) * PIXEL_EMU);
        if across > ROOM_EMU {
            (across, down) = (ROOM_EMU, down * ROOM_EMU / across);
        }
        if down > TALLEST_EMU {
            (across, down) = (across * TALLEST_EMU / down, TALLEST_EMU);
        }
        let (id, place) = (self.drawn + 1, picture_id(self.drawn));
        self.drawn += 1;
        let said = escaped(about);
        self.push(&format!(
            "<w:p><w:pPr><w:keepNext/></w:pPr><w:r><w:drawing><wp:inline distT=\"0\" distB=\"0\" distL=\"0\" distR=\"0\">\
             <wp:extent cx=\"{across}\" cy=\"{down}\"/><wp:docPr id=\"{id}\" name=\"picture {id}\" descr=\"{said}\"/>\
             <a:graphic><a:graphicData uri=\"http://schemas.openxmlformats.org/drawingml/2006/picture\"><pic:pic><pic:nvPicPr>\
             <pic:cNvPr id=\"{id}\" name=\"picture {id}\"/><pic:cNvPicPr/></pic:nvPicPr><pic:blipFill><a:blip r:embed=\"{place}\"/>\
             <a:stretch><a:fillRect/></a:stretch></pic:blipFill><pic:spPr><a:xfrm><a:off x=\"0\" y=\"0\"/><a:ext cx=\"{across}\" cy=\"{down}\"/></a:xfrm>\
             <a:prstGeom prst=\"rect\"><a:avLst/></a:prstGeom></pic:spPr></pic:pic></a:graphicData></a:graphic></wp:inline></w:drawing></w:r></w:p>"
        ));
        self.paragraph("Caption", "", &[Span::from(about)]);
    }
}

/// Widths of the columns, by what stands in them, of the sum [`ROOM`].
fn widths(table: &Table) -> Vec<usize> {
    let columns = table.head.len().max(1);
    let longest = |column: usize| {
        let head = table.head.get(column).map_or(0, |head| width(head));
        let cells = table.rows.iter().filter_map(|row| row.get(column)).map(|cell| width(&cell.indented()));
        // Long text is broken into lines: it takes no more than its square deserves.
        let most = cells.max().unwrap_or(0).max(head);
        let room = if most > 20 { 20 + ((most - 20) as f64).sqrt() as usize * 2 } else { most.max(9) };
        // A list of hundreds takes what the others leave.
        room.min(if most > 600 { 90 } else { 44 })
    };
    let wanted: Vec<usize> = (0..columns).map(|column| longest(column) + 2).collect();
    let sum: usize = wanted.iter().sum();
    wanted.iter().map(|own| own * ROOM / sum.max(1)).collect()
}

/// Long words with places to break: Word breaks no hash by itself.
fn broken(text: &str) -> String {
    if text.split(' ').all(|word| word.len() <= 20 || !word.is_ascii()) {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len() * 2);
    for (i, word) in text.split(' ').enumerate() {
        if i > 0 {
            out.push(' ');
        }
        for (j, c) in word.chars().enumerate() {
            if word.len() > 20 && word.is_ascii() && j > 0 && j % 8 == 0 {
                out.push('\u{200b}');
            }
            out.push(c);
        }
    }
    out
}

fn properties(style: Style, linked: bool) -> String {
    let mut out = String::new();
    if linked {
        out.push_str("<w:rStyle w:val=\"Hyperlink\"/>");
    } else if style.code {
        out.push_str("<w:rStyle w:val=\"CodeText\"/>");
    }
    for (tag, wanted) in [("<w:b/>", style.strong), ("<w:i/>", style.emphasis), ("<w:strike/>", style.struck)] {
        if wanted {
            out.push_str(tag);
        }
    }
    out
}

/// Text with its spaces; a line end breaks the line.
fn text(text: &str) -> String {
    let lines = text.split('\n').map(|line| format!("<w:t xml:space=\"preserve\">{}</w:t>", escaped(line)));
    lines.collect::<Vec<_>>().join("<w:br/>")
}
