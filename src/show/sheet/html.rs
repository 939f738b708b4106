//! Photos with what there is to say about each, as one HTML file.
//!
//! Takes a [`Page`]; gives a page that needs nothing else: pictures are JPEGs inside it, there is no script and no address (a policy in it forbids both),
//! so it opens from a disk, a mail or a phone. Text from files is made plain and escaped, Japanese stays text. A photo that is touched fills
//! the screen; touched again it goes back.

use std::fmt::Write;

use super::page::{Card, Mark, Page};
use crate::base::text::plain;
use crate::show::{ShowError, base64, raster};

/// Of the JPEGs, 1 to 100.
const QUALITY: u8 = 85;

/// What stands in every page of pictures and in no other.
pub const MARK: &str = ":root{color-scheme:light dark;--ink:#1c1c1c;--soft:#666;--back:#fff;--card:#f4f4f4}";

/// Colours for light and dark screens; cards as many as fit beside each other.
const STYLE: &str = "\
:root{color-scheme:light dark;--ink:#1c1c1c;--soft:#666;--back:#fff;--card:#f4f4f4}\
@media(prefers-color-scheme:dark){:root{--ink:#eee;--soft:#aaa;--back:#161616;--card:#242424}}\
*{box-sizing:border-box}\
body{margin:0 auto;padding:12px;font:14px/1.35 system-ui,sans-serif;color:var(--ink);background:var(--back)}\
h1{font-size:20px;margin:0 0 4px}h2{font-size:16px;margin:20px 0 2px}\
h1,h2,p{overflow-wrap:anywhere}header p,section>p{color:var(--soft);margin:0 0 6px}\
ul{list-style:none;margin:0;padding:0;display:grid;gap:8px;grid-template-columns:repeat(auto-fill,minmax(min(44vw,var(--w)),1fr))}\
li{background:var(--card);border:3px solid transparent;border-radius:6px;overflow:hidden}\
li p{margin:0;padding:1px 6px;display:-webkit-box;-webkit-box-orient:vertical;-webkit-line-clamp:3;overflow:hidden}\
li p:last-child{padding-bottom:5px}\
label{display:block;cursor:zoom-in;background:var(--back)}input{position:absolute;opacity:0}\
img{display:block;width:100%;height:auto;max-height:60vh;object-fit:contain}\
input:focus-visible+img{outline:3px solid #3b6fe0}\
input:checked+img{position:fixed;inset:0;width:100vw;height:100vh;max-height:none;background:#000d;z-index:9;cursor:zoom-out}\
.none{padding:24px 6px;color:var(--soft);text-align:center}";

/// The page's text.
///
/// # Errors
/// When there is no card, or a picture's bytes do not fit its size.
pub fn html(page: &Page) -> Result<String, ShowError> {
    if page.groups.iter().all(|group| group.cards.is_empty()) {
        return Err(ShowError::NoPicture);
    }
    let mut title = page.title.iter().map(|line| escaped(line));
    let name = title.next().unwrap_or_default();
    let size = page.size.clamp(32, 4096);
    let widest = page.columns.clamp(1, 1000) as u32 * (size + 8) + 24;
    let mut out = String::from("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");
    out.push_str("<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n");
    out.push_str(
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; img-src data:; style-src 'unsafe-inline'\">\n",
    );
    let mut push = |text: std::fmt::Arguments<'_>| out.write_fmt(text).map_err(|e| ShowError::Draw(e.to_string()));
    push(format_args!("<title>{name}</title>\n<style>{STYLE}"))?;
    for mark in [Mark::Query, Mark::Hit, Mark::Miss] {
        let ([r, g, b], class) = (mark.colour(), mark.word());
        push(format_args!(
            ".{class}{{border-color:#{r:02x}{g:02x}{b:02x}}}.{class} b{{color:#{r:02x}{g:02x}{b:02x}}}"
        ))?;
    }
    push(format_args!(
        "</style>\n</head>\n<body style=\"--w:{size}px;max-width:{widest}px\">\n<header><h1>{name}</h1>\n"
    ))?;
    for line in title {
        push(format_args!("<p>{line}</p>\n"))?;
    }
    push(format_args!("</header>\n<main>\n"))?;
    for group in &page.groups {
        push(format_args!("<section>"))?;
        for (i, line) in group.name.iter().enumerate() {
            let tag = if i == 0 { "h2" } else { "p" };
            push(format_args!("<{tag}>{}</{tag}>\n", escaped(line)))?;
        }
        push(format_args!("<ul>\n"))?;
        for card in &group.cards {
            push(format_args!("{}", item(card, card.mark.word())?))?;
        }
        push(format_args!("</ul></section>\n"))?;
    }
    push(format_args!("</main>\n</body>\n</html>\n"))?;
    Ok(out)
}

/// A card; `word` says what it is to the query, in the page's language.
pub(in crate::show) fn item(card: &Card, word: &str) -> Result<String, ShowError> {
    let said = escaped(word);
    let class = card.mark.word();
    let lines: Vec<String> = card.lines.iter().map(|line| escaped(line)).collect();
    let about = lines.join(" · ");
    let mut text = match class {
        "" => "<li>".to_owned(),
        class => format!("<li class=\"{class}\">"),
    };
    match &card.picture {
        Ok(picture) => {
            let jpeg = raster::jpeg(picture.width, picture.height, &picture.rgb, QUALITY)?;
            let data = String::from_utf8(base64::encode(&jpeg)).unwrap_or_default();
            let (width, height) = (picture.width, picture.height);
            text += &format!(
                "<label><input type=\"checkbox\" aria-label=\"larger\"><img loading=\"lazy\" decoding=\"async\" \
                 width=\"{width}\" height=\"{height}\" alt=\"{about}\" src=\"data:image/jpeg;base64,{data}\"></label>"
            );
        }
        Err(why) => text += &format!("<div class=\"none\">no picture: {}</div>", escaped(why)),
    }
    for (i, line) in lines.iter().enumerate() {
        let word = if i == 0 && !class.is_empty() { format!("<b>{said}</b> ") } else { String::new() };
        text += &format!("<p title=\"{line}\">{word}{line}</p>");
    }
    if lines.is_empty() && !class.is_empty() {
        text += &format!("<p><b>{said}</b></p>");
    }
    text.push_str("</li>\n");
    Ok(text)
}

/// Text from anywhere as text of HTML, inside an element and inside quotes.
pub(in crate::show) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in plain(text).chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::page::Group;
    use super::super::page::tests::{card, hostile};
    use super::*;

    fn page(cards: Vec<Card>) -> Page {
        Page { title: hostile(), groups: vec![Group { name: hostile(), cards }], columns: 3, size: 200 }
    }

    #[test]
    fn a_page_stands_by_itself() {
        let cards = vec![
            card(10, Mark::Query, &["獺祭".to_owned()]),
            card(20, Mark::Hit, &["1  0.912".to_owned()]),
            card(30, Mark::Miss, &[]),
            Card { picture: Err("is <not> there".to_owned()), mark: Mark::Plain, lines: vec!["p9".to_owned()] },
        ];
        let text = html(&page(cards)).unwrap();
        assert_eq!(text.matches("src=\"data:image/jpeg;base64,/9j/").count(), 3, "JPEGs begin so");
        assert_eq!(text.matches("src=").count(), 3, "nothing is fetched");
        for absent in ["http:", "https:", "<script", "url(", "href="] {
            assert!(!text.contains(absent), "{absent}");
        }
        assert!(text.contains("default-src 'none'") && text.contains("width=device-width"));
        assert!(text.contains("<b>hit</b> 1  0.912") && text.contains("<p><b>miss</b></p>"));
        assert!(text.contains("no picture: is &lt;not&gt; there") && text.contains("獺祭"));
    }

    #[test]
    fn names_stay_text() {
        let text = html(&page(vec![card(10, Mark::Hit, &hostile())])).unwrap();
        assert!(
            !text.contains("<script") && text.contains("&lt;script&gt;alert(1)&lt;/script&gt; &amp; &quot;quotes&#39;")
        );
        let own = |c: char| c == '\n';
        assert!(!text.chars().any(|c| (c.is_control() && !own(c)) || c == '\u{202e}'));
        assert!(text.contains("純米大吟醸 🍶 𠮷") && text.contains(&"x".repeat(300)));
        // Every quote that opens an attribute is closed by Toji's own hand.
        let body = text.split("<body").nth(1).unwrap();
        let body: String = body.split("base64,").map(|part| part.trim_start_matches(|c: char| c != '"')).collect();
        for tag in body.split('<').skip(1).filter_map(|tag| tag.split('>').next()) {
            assert_eq!(tag.matches('"').count() % 2, 0, "{tag}");
        }
        assert!(matches!(html(&page(Vec::new())), Err(ShowError::NoPicture)));
    }
}
