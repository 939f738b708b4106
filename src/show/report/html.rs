//! A document as one HTML file that needs nothing else.
//!
//! There is no script and no address (a policy in it forbids both), pictures are inside: plots as SVG whose text stays text, photos as JPEG. Light and dark
//! follow the reader's screen; on paper it is black on white, and what was folded is open where the browser can. Text is made plain and escaped; a font for Japanese is the reader's
//! own.

use super::document::{Block, Cell, Document, Figure, Mark, Photos, Plot, Span, Table};
use super::phrases::{self as p, Language};
use crate::base::text::width;
use crate::show::sheet::html::{escaped, item};
use crate::show::sheet::page::Mark as Answer;
use crate::show::{ShowError, canvas, curves};

/// Colours for light and dark screens. plotters writes its few colours into attributes, which rules outrank.
const STYLE: &str = "\
:root{color-scheme:light dark;--ink:#1c1c1c;--soft:#666;--back:#fff;--card:#f4f4f4;--line:#ddd;--good:#00694c;--bad:#a44800;--note:#fff5e0;--link:#0b57d0}\
@media(prefers-color-scheme:dark){:root{--ink:#eaeaea;--soft:#aaa;--back:#161616;--card:#242424;--line:#3a3a3a;--good:#4cd6a8;--bad:#ff9d57;--note:#33290f;--link:#8ab4f8}\
.plot rect[fill=\"#FFFFFF\"]{fill:#161616}.plot text[fill=\"#222222\"]{fill:#eaeaea}.plot text[fill=\"#666666\"]{fill:#aaa}\
.plot [stroke=\"#E6E6E6\"]{stroke:#333}.plot [stroke=\"#999999\"]{stroke:#777}\
.plot circle[fill=\"#FFFFFF\"]{fill:#161616}.plot [stroke=\"#0072B2\"]{stroke:#56b4e9}.plot [fill=\"#0072B2\"]{fill:#56b4e9}\
.plot [stroke=\"#332288\"]{stroke:#8f86e0}.plot [fill=\"#332288\"]{fill:#8f86e0}.plot [stroke=\"#882255\"]{stroke:#d0679c}.plot [fill=\"#882255\"]{fill:#d0679c}}\
*{box-sizing:border-box}\
body{margin:0 auto;padding:16px;max-width:60rem;color:var(--ink);background:var(--back);line-height:1.55;\
font-family:system-ui,-apple-system,\"Segoe UI\",Roboto,\"Noto Sans\",\"Hiragino Sans\",\"Hiragino Kaku Gothic ProN\",\"Yu Gothic UI\",\"Yu Gothic\",\"Noto Sans CJK JP\",\"Noto Sans JP\",Meiryo,sans-serif}\
h1{font-size:1.7rem;line-height:1.25;margin:.2em 0 .4em}h2{font-size:1.3rem;margin:2.2em 0 .5em;padding-bottom:.2em;border-bottom:1px solid var(--line)}\
h3{font-size:1.1rem;margin:1.5em 0 .4em}h4,h5,h6{font-size:1rem;margin:1.2em 0 .3em}\
h1,h2,h3,h4,h5,h6,p,li{overflow-wrap:anywhere}p{margin:.5em 0}header p{color:var(--soft);margin:.2em 0}a{color:var(--link)}\
nav ol{columns:2;column-gap:2rem;padding-left:1.4em;margin:.4em 0}nav a{text-decoration:none}\
.table{overflow-x:auto;margin:.8em 0}table{border-collapse:collapse;font-size:.86rem;line-height:1.4}\
th,td{border:1px solid var(--line);padding:3px 8px;text-align:left;vertical-align:top;overflow-wrap:break-word;max-width:26rem}th{background:var(--card);font-weight:600}\
td.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}td.tree,td.s,th{white-space:nowrap}td.wide{min-width:15rem}td.vast{max-width:none}td.long{overflow-wrap:anywhere}\
td.good{color:var(--good)}td.bad{color:var(--bad)}td.quiet{color:var(--soft)}td.strong{font-weight:600}\
figure{margin:1em 0}figcaption{color:var(--soft);font-size:.86rem}.plot{overflow-x:auto}.plot svg{display:block;max-width:100%;height:auto}\
pre{background:var(--card);padding:10px 12px;overflow-x:auto;border-radius:6px;font-size:.82rem;line-height:1.45}\
code,pre{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,\"Noto Sans Mono CJK JP\",\"MS Gothic\",monospace}p code,li code,td code{background:var(--card);padding:0 3px;border-radius:3px}\
blockquote{margin:.6em 0;padding:0 1em;border-left:3px solid var(--line);color:var(--soft)}\
.note{background:var(--note);border-radius:6px;padding:6px 12px;margin:.8em 0}details{margin:.8em 0}summary{cursor:pointer;color:var(--link)}\
.photos h4{margin-bottom:.3em}.photos ul{list-style:none;margin:0;padding:0;display:grid;gap:8px;grid-template-columns:repeat(6,minmax(0,1fr))}\
.photos li{background:var(--card);border:3px solid transparent;border-radius:6px;overflow:hidden;font-size:.8rem}\
.photos li p{margin:0;padding:1px 6px;overflow-wrap:anywhere}.photos label{display:block;cursor:zoom-in}.photos input{position:absolute;opacity:0}\
.photos img{display:block;width:100%;height:auto}.photos input:focus-visible+img{outline:3px solid #3b6fe0}\
.photos input:checked+img{position:fixed;inset:0;width:100vw;height:100vh;object-fit:contain;background:#000d;z-index:9;cursor:zoom-out}\
.none{padding:24px 6px;color:var(--soft);text-align:center}\
@media(max-width:44rem){body{padding:10px}nav ol{columns:1}.photos ul{grid-template-columns:repeat(3,minmax(0,1fr))}.plot svg{max-width:none;width:38rem}.plot.curves svg{width:58rem}h1{font-size:1.4rem}}\
@media print{:root{color-scheme:light;--ink:#000;--soft:#444;--back:#fff;--card:#f4f4f4;--line:#bbb;--note:#f4f4f4;--good:#00694c;--bad:#a44800;--link:#000}\
body{max-width:none;padding:0;font-size:10pt}h2{break-after:avoid}h3,h4{break-after:avoid}figure,tr,.note,.photos li{break-inside:avoid}nav{display:none}\
details::details-content{content-visibility:visible;block-size:auto}.table,.plot{overflow:visible}table{font-size:7.5pt;width:100%}td.n:not(.s),th{white-space:normal}td.wide{min-width:6rem}tr:has(td.vast){break-inside:auto}pre{white-space:pre-wrap;overflow-wrap:anywhere}.plot svg{max-width:100%;width:auto}\
.photos ul{grid-template-columns:repeat(6,minmax(0,1fr))}@page{margin:15mm}}";

/// The text of the file.
///
/// # Errors
/// When a plot or a photo cannot be drawn.
pub(super) fn html(document: &Document) -> Result<String, ShowError> {
    let title = escaped(&document.title);
    let mut out =
        format!("<!doctype html>\n<html lang=\"{}\">\n<head>\n<meta charset=\"utf-8\">\n", document.language.code());
    out.push_str("<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n");
    out.push_str(
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; img-src data:; style-src 'unsafe-inline'\">\n",
    );
    out.push_str(&format!("<title>{title}</title>\n<style>{STYLE}"));
    for mark in [Answer::Query, Answer::Hit, Answer::Miss] {
        let ([r, g, b], class) = (mark.colour(), mark.word());
        out.push_str(&format!(".{class}{{border-color:#{r:02x}{g:02x}{b:02x}!important}}"));
    }
    out.push_str(&format!("</style>\n</head>\n<body>\n<header><h1>{title}</h1>\n"));
    for line in &document.lead {
        out.push_str(&format!("<p>{}</p>\n", escaped(line)));
    }
    out.push_str("</header>\n");
    contents(document, &mut out);
    out.push_str("<main>\n");
    let mut writer = Writer { out, sections: 0, language: document.language };
    writer.blocks(&document.blocks)?;
    writer.out.push_str("</main>\n</body>\n</html>\n");
    Ok(writer.out)
}

/// Links to the sections.
fn contents(document: &Document, out: &mut String) {
    let titles = document.blocks.iter().filter_map(|block| match block {
        Block::Heading(2, title) => Some(title),
        _ => None,
    });
    let items: Vec<String> = titles
        .enumerate()
        .map(|(i, title)| format!("<li><a href=\"#s{}\">{}</a></li>", i + 1, escaped(title)))
        .collect();
    if items.len() > 2 {
        let title = escaped(p::CONTENTS.get(document.language));
        out.push_str(&format!("<nav aria-label=\"{title}\"><ol>{}</ol></nav>\n", items.join("")));
    }
}

struct Writer {
    out: String,
    sections: usize,
    language: Language,
}

impl Writer {
    fn push(&mut self, text: &str) {
        self.out.push_str(text);
    }

    fn blocks(&mut self, blocks: &[Block]) -> Result<(), ShowError> {
        blocks.iter().try_for_each(|block| self.block(block))
    }

    fn block(&mut self, block: &Block) -> Result<(), ShowError> {
        match block {
            Block::Heading(2, text) => {
                self.sections += 1;
                let id = self.sections;
                self.push(&format!("<h2 id=\"s{id}\">{}</h2>\n", escaped(text)));
            }
            Block::Heading(level, text) => {
                let level = (*level).clamp(3, 6);
                self.push(&format!("<h{level}>{}</h{level}>\n", escaped(text)));
            }
            Block::Paragraph(spans) => {
                let text = spans.iter().map(span).collect::<String>();
                self.push(&format!("<p>{text}</p>\n"));
            }
            Block::Note(spans) => {
                let text = spans.iter().map(span).collect::<String>();
                self.push(&format!("<p class=\"note\">{text}</p>\n"));
            }
            Block::List(first, items) => {
                let (open, close) = match first {
                    Some(first) => (format!("<ol start=\"{first}\">"), "</ol>\n"),
                    None => ("<ul>".to_owned(), "</ul>\n"),
                };
                self.push(&open);
                for item in items {
                    self.push("<li>");
                    match item.as_slice() {
                        // A single line needs no paragraph of its own.
                        [Block::Paragraph(spans)] => self.push(&spans.iter().map(span).collect::<String>()),
                        blocks => self.blocks(blocks)?,
                    }
                    self.push("</li>\n");
                }
                self.push(close);
            }
            Block::Quote(blocks) => {
                self.push("<blockquote>");
                self.blocks(blocks)?;
                self.push("</blockquote>\n");
            }
            Block::Code(_, text) => {
                let text: Vec<String> = text.trim_end_matches('\n').split('\n').map(line).collect();
                self.push(&format!("<pre>{}</pre>\n", text.join("\n")));
            }
            Block::Table(table) => self.table(table),
            Block::Figure(figure) => {
                let svg = svg(figure)?;
                let about = escaped(&figure.about);
                let kind = if matches!(figure.plot, Plot::Curves(_)) { " curves" } else { "" };
                self.push(&format!(
                    "<figure><div class=\"plot{kind}\" role=\"img\" aria-label=\"{about}\">{svg}</div><figcaption>{about}</figcaption></figure>\n"
                ));
            }
            Block::Photos(photos) => self.photos(photos)?,
            Block::Details(title, blocks) => {
                self.push(&format!("<details><summary>{}</summary>\n", escaped(title)));
                self.blocks(blocks)?;
                self.push("</details>\n");
            }
            Block::Rule => self.push("<hr>\n"),
        }
        Ok(())
    }

    fn table(&mut self, table: &Table) {
        let numbers: Vec<bool> = (0..table.head.len()).map(|column| table.is_number(column)).collect();
        self.push("<div class=\"table\"><table><thead><tr>");
        for head in &table.head {
            self.push(&format!("<th>{}</th>", escaped(head)));
        }
        self.push("</tr></thead><tbody>\n");
        for row in &table.rows {
            self.push("<tr>");
            for (column, cell) in row.iter().enumerate() {
                let class = class(cell, numbers.get(column).copied().unwrap_or(false));
                self.push(&format!("<td{class}>{}</td>", escaped(&cell.indented())));
            }
            self.push("</tr>\n");
        }
        self.push("</tbody></table></div>\n");
    }

    fn photos(&mut self, photos: &Photos) -> Result<(), ShowError> {
        self.push(&format!("<div class=\"photos\" aria-label=\"{}\">", escaped(&photos.about)));
        for group in &photos.groups {
            for name in &group.name {
                self.push(&format!("<h4>{}</h4>", escaped(name)));
            }
            self.push("<ul>\n");
            for card in &group.cards {
                let word = super::mark_word(card.mark, self.language);
                self.out.push_str(&item(card, word)?);
            }
            self.push("</ul>\n");
        }
        self.push("</div>\n");
        Ok(())
    }
}

/// The plot as SVG, to stand in a page.
fn svg(figure: &Figure) -> Result<String, ShowError> {
    Ok(match &figure.plot {
        Plot::Curves(lines) => curves::svg(lines, &curves::Choice::default())?.0,
        Plot::Rows(rows) => canvas::svg(rows)?,
        Plot::Scatter(scatter) => canvas::svg(scatter)?,
    })
}

fn class(cell: &Cell, is_number: bool) -> String {
    let mut classes = Vec::new();
    if is_number {
        classes.push("n");
    }
    if cell.depth > 0 {
        classes.push("tree");
    }
    // Short words in a narrow column would stand letter by letter, Japanese above all; a key or a hash has no place to break.
    match width(&cell.text) {
        0..=22 => classes.push("s"),
        40.. => classes.push("wide"),
        _ => {}
    }
    // A list of hundreds takes what the others leave, and may go on on the next page.
    if width(&cell.text) > 600 {
        classes.push("vast");
    }
    if cell.text.split(' ').any(|word| word.len() > 40) {
        classes.push("long");
    }
    match cell.mark {
        Mark::None => {}
        Mark::Strong => classes.push("strong"),
        Mark::Better => classes.push("good"),
        Mark::Worse => classes.push("bad"),
        Mark::Quiet => classes.push("quiet"),
    }
    if classes.is_empty() { String::new() } else { format!(" class=\"{}\"", classes.join(" ")) }
}

/// A line of code: tabs stay.
fn line(text: &str) -> String {
    text.trim_end_matches('\r').split('\t').map(escaped).collect::<Vec<_>>().join("\t")
}

fn span(span: &Span) -> String {
    let mut text = span.text.split('\n').map(escaped).collect::<Vec<_>>().join("<br>");
    let style = span.style;
    for (tag, wanted) in [("code", style.code), ("em", style.emphasis), ("strong", style.strong), ("s", style.struck)] {
        if wanted {
            text = format!("<{tag}>{text}</{tag}>");
        }
    }
    match &span.link {
        Some(link) => format!("<a href=\"{}\" rel=\"noopener noreferrer\">{text}</a>", escaped(link)),
        None => text,
    }
}
