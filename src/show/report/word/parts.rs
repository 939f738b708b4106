//! The parts of a Word file that hold no text of the document: types, relations, styles, numbering.

use crate::show::sheet::html::escaped;

const XML: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n";
const WORD: &str = "http://schemas.openxmlformats.org/wordprocessingml/2006/main";
const OFFICE: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
const PACKAGE: &str = "http://schemas.openxmlformats.org/package/2006";

/// The relation of the styles, which stands before those of pictures and links.
const FIXED: [(&str, &str); 2] = [("styles", "styles.xml"), ("numbering", "numbering.xml")];

/// The relation's id of the n-th picture, from 0.
pub(super) fn picture_id(place: usize) -> String {
    format!("rId{}", FIXED.len() + 1 + place)
}

/// The relation's id of the n-th link, from 0.
pub(super) fn link_id(place: usize) -> String {
    format!("link{place}")
}

pub(super) fn content_types() -> String {
    let types = "application/vnd.openxmlformats-officedocument.wordprocessingml";
    format!(
        "{XML}<Types xmlns=\"{PACKAGE}/content-types\"><Default Extension=\"rels\" ContentType=\"application/vnd.openxmlformats-package.relationships+xml\"/>\
         <Default Extension=\"xml\" ContentType=\"application/xml\"/><Default Extension=\"png\" ContentType=\"image/png\"/>\
         <Override PartName=\"/word/document.xml\" ContentType=\"{types}.document.main+xml\"/>\
         <Override PartName=\"/word/styles.xml\" ContentType=\"{types}.styles+xml\"/>\
         <Override PartName=\"/word/numbering.xml\" ContentType=\"{types}.numbering+xml\"/>\
         <Override PartName=\"/docProps/core.xml\" ContentType=\"application/vnd.openxmlformats-package.core-properties+xml\"/></Types>"
    )
}

pub(super) fn top() -> String {
    format!(
        "{XML}<Relationships xmlns=\"{PACKAGE}/relationships\"><Relationship Id=\"rId1\" Type=\"{OFFICE}/officeDocument\" Target=\"word/document.xml\"/>\
         <Relationship Id=\"rId2\" Type=\"{PACKAGE}/relationships/metadata/core-properties\" Target=\"docProps/core.xml\"/></Relationships>"
    )
}

pub(super) fn core(title: &str, language: &str) -> String {
    format!(
        "{XML}<cp:coreProperties xmlns:cp=\"{PACKAGE}/metadata/core-properties\" xmlns:dc=\"http://purl.org/dc/elements/1.1/\">\
         <dc:title>{}</dc:title><dc:language>{language}</dc:language></cp:coreProperties>",
        escaped(title)
    )
}

pub(super) fn relations(pictures: usize, links: &[String]) -> String {
    let mut out = format!("{XML}<Relationships xmlns=\"{PACKAGE}/relationships\">");
    for (place, (kind, target)) in FIXED.iter().enumerate() {
        out.push_str(&format!("<Relationship Id=\"rId{}\" Type=\"{OFFICE}/{kind}\" Target=\"{target}\"/>", place + 1));
    }
    for place in 0..pictures {
        let id = picture_id(place);
        out.push_str(&format!(
            "<Relationship Id=\"{id}\" Type=\"{OFFICE}/image\" Target=\"media/image{}.png\"/>",
            place + 1
        ));
    }
    for (place, link) in links.iter().enumerate() {
        let id = link_id(place);
        out.push_str(&format!(
            "<Relationship Id=\"{id}\" Type=\"{OFFICE}/hyperlink\" Target=\"{}\" TargetMode=\"External\"/>",
            escaped(link)
        ));
    }
    out.push_str("</Relationships>");
    out
}

/// A style of paragraphs: id, name, what it is based on, paragraph properties, run properties.
fn paragraph(id: &str, name: &str, p: &str, r: &str) -> String {
    format!(
        "<w:style w:type=\"paragraph\" w:styleId=\"{id}\"><w:name w:val=\"{name}\"/><w:basedOn w:val=\"Normal\"/><w:qFormat/>\
         <w:pPr>{p}</w:pPr><w:rPr>{r}</w:rPr></w:style>"
    )
}

pub(super) fn styles() -> String {
    let size = |half_points: u32| format!("<w:sz w:val=\"{half_points}\"/><w:szCs w:val=\"{half_points}\"/>");
    let spaced = |before: u32, after: u32| format!("<w:spacing w:before=\"{before}\" w:after=\"{after}\"/>");
    let mut out = format!(
        "{XML}<w:styles xmlns:w=\"{WORD}\"><w:docDefaults><w:rPrDefault><w:rPr>\
         <w:rFonts w:ascii=\"Calibri\" w:hAnsi=\"Calibri\" w:eastAsia=\"Yu Gothic\" w:cs=\"Calibri\"/>{}\
         <w:lang w:val=\"en-US\" w:eastAsia=\"ja-JP\"/></w:rPr></w:rPrDefault><w:pPrDefault><w:pPr>{}</w:pPr></w:pPrDefault></w:docDefaults>\
         <w:style w:type=\"paragraph\" w:default=\"1\" w:styleId=\"Normal\"><w:name w:val=\"Normal\"/><w:qFormat/></w:style>\
         <w:style w:type=\"table\" w:default=\"1\" w:styleId=\"TableNormal\"><w:name w:val=\"Normal Table\"/></w:style>",
        size(21),
        spaced(0, 100),
    );
    out.push_str(&paragraph("Title", "Title", &spaced(0, 160), &format!("<w:b/>{}", size(40))));
    out.push_str(&paragraph("Lead", "Lead", &spaced(0, 40), &format!("<w:color w:val=\"595959\"/>{}", size(19))));
    for (level, half_points) in (1..=6).zip([34, 30, 26, 23, 21, 21]) {
        let p = format!(
            "<w:keepNext/>{}<w:outlineLvl w:val=\"{}\"/>",
            spaced(if level <= 2 { 320 } else { 200 }, 80),
            level - 1
        );
        let r = format!("<w:b/><w:color w:val=\"1F3864\"/>{}", size(half_points));
        out.push_str(&paragraph(&format!("Heading{level}"), &format!("heading {level}"), &p, &r));
    }
    let code = "<w:shd w:val=\"clear\" w:color=\"auto\" w:fill=\"F4F4F4\"/><w:spacing w:before=\"0\" w:after=\"0\"/>";
    let mono = "<w:rFonts w:ascii=\"Consolas\" w:hAnsi=\"Consolas\" w:eastAsia=\"MS Gothic\" w:cs=\"Consolas\"/>";
    out.push_str(&paragraph("Code", "Code", code, &format!("{mono}{}", size(16))));
    let quote = "<w:pBdr><w:left w:val=\"single\" w:sz=\"12\" w:space=\"8\" w:color=\"BFBFBF\"/></w:pBdr><w:ind w:left=\"300\"/>";
    out.push_str(&paragraph("Quote", "Quote", quote, "<w:color w:val=\"595959\"/>"));
    let note = "<w:shd w:val=\"clear\" w:color=\"auto\" w:fill=\"FFF5E0\"/>";
    out.push_str(&paragraph("Note", "Note", note, ""));
    out.push_str(&paragraph(
        "Caption",
        "caption",
        &spaced(0, 200),
        &format!("<w:color w:val=\"595959\"/>{}", size(18)),
    ));
    out.push_str(&paragraph("Cell", "Cell", &spaced(20, 20), &size(16)));
    out.push_str(&paragraph("SmallCell", "Small cell", &spaced(10, 10), &size(13)));
    out.push_str(&format!(
        "<w:style w:type=\"character\" w:styleId=\"CodeText\"><w:name w:val=\"Code text\"/><w:rPr>{mono}\
         <w:shd w:val=\"clear\" w:color=\"auto\" w:fill=\"F4F4F4\"/></w:rPr></w:style>\
         <w:style w:type=\"character\" w:styleId=\"Hyperlink\"><w:name w:val=\"Hyperlink\"/><w:rPr><w:color w:val=\"0563C1\"/>\
         <w:u w:val=\"single\"/></w:rPr></w:style></w:styles>"
    ));
    out
}

/// Dashes are number 1; each list of numbers has its own, from 2 on, with its first number.
pub(super) fn numbering(firsts: &[u64]) -> String {
    let level = |level: usize, format: &str, text: &str| {
        let left = 360 * (level + 1);
        format!(
            "<w:lvl w:ilvl=\"{level}\"><w:start w:val=\"1\"/><w:numFmt w:val=\"{format}\"/><w:lvlText w:val=\"{text}\"/><w:lvlJc w:val=\"left\"/>\
             <w:pPr><w:ind w:left=\"{left}\" w:hanging=\"360\"/></w:pPr></w:lvl>"
        )
    };
    let dashes: String = (0..9).map(|at| level(at, "bullet", "–")).collect();
    let numbers: String = (0..9).map(|at| level(at, "decimal", &format!("%{}.", at + 1))).collect();
    let mut out = format!(
        "{XML}<w:numbering xmlns:w=\"{WORD}\"><w:abstractNum w:abstractNumId=\"0\">{dashes}</w:abstractNum>\
         <w:abstractNum w:abstractNumId=\"1\">{numbers}</w:abstractNum><w:num w:numId=\"1\"><w:abstractNumId w:val=\"0\"/></w:num>"
    );
    for (place, first) in firsts.iter().enumerate() {
        let starts: String = (0..9)
            .map(|at| format!("<w:lvlOverride w:ilvl=\"{at}\"><w:startOverride w:val=\"{first}\"/></w:lvlOverride>"))
            .collect();
        out.push_str(&format!("<w:num w:numId=\"{}\"><w:abstractNumId w:val=\"1\"/>{starts}</w:num>", place + 2));
    }
    out.push_str("</w:numbering>");
    out
}
