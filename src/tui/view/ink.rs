//! The one way to the screen: text made safe, styled, measured and wrapped.
//!
//! Takes text from anywhere; gives spans and lines that cannot steer the terminal (`base::text`),
//! cut or wrapped by grapheme, and the styles of the four colour depths. Nothing is told by colour
//! alone, and only the terminal's own background is used, so light and dark ones both work.
//! No other file of `view` makes spans or writes cells from text; a test reads the sources for that.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use toji::base::text;

use crate::tui::terminal::way::Way;
use crate::tui::{Charset, Colour, Options, Theme};

/// Styles and characters for what the terminal can do.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ink {
    /// How many colours.
    pub colour: Colour,
    /// What they stand for.
    pub theme: Theme,
    /// Which characters.
    pub charset: Charset,
    /// How pictures are shown.
    pub way: Way,
}

/// What a piece of text is; how that looks is decided in [`Ink::style`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// As the terminal writes.
    Plain,
    /// Headings, selected tabs.
    Strong,
    /// Less important.
    Faint,
    /// It is well.
    Good,
    /// Look here, nothing is lost.
    Care,
    /// It is wrong.
    Bad,
    /// It happens now.
    Live,
    /// A name in code.
    Name,
    /// A string in code.
    Text,
    /// A number in code.
    Number,
}

/// A colour of the terminal's sixteen, of xterm's 256, and in 24 bits.
type Shade = (Color, u8, (u8, u8, u8));

/// The colours of a theme.
struct Palette {
    good: Shade,
    care: Shade,
    bad: Shade,
    live: Shade,
    number: Shade,
    series: [Shade; 6],
}

const USUAL: Palette = Palette {
    good: (Color::Green, 35, (0x2e, 0x9e, 0x5b)),
    care: (Color::Yellow, 172, (0xc9, 0x7a, 0x10)),
    bad: (Color::Red, 167, (0xd6, 0x45, 0x45)),
    live: (Color::Cyan, 37, (0x0f, 0x9a, 0xa8)),
    number: (Color::Magenta, 170, (0xc0, 0x4f, 0xa8)),
    series: [
        (Color::Cyan, 37, (0x0f, 0x9a, 0xa8)),
        (Color::Magenta, 170, (0xc0, 0x4f, 0xa8)),
        (Color::Green, 35, (0x2e, 0x9e, 0x5b)),
        (Color::Yellow, 172, (0xd9, 0x77, 0x06)),
        (Color::Red, 167, (0xd6, 0x45, 0x45)),
        (Color::Blue, 69, (0x4f, 0x7f, 0xe0)),
    ],
};

/// Okabe and Ito (2008); their blue and their green are lighter here, to be read on black.
const COLOUR_BLIND: Palette = Palette {
    good: (Color::Blue, 32, (0x1f, 0x8d, 0xd6)),
    care: (Color::Yellow, 178, (0xe6, 0x9f, 0x00)),
    bad: (Color::Red, 166, (0xd5, 0x5e, 0x00)),
    live: (Color::Cyan, 74, (0x56, 0xb4, 0xe9)),
    number: (Color::Magenta, 175, (0xcc, 0x79, 0xa7)),
    series: [
        (Color::Cyan, 74, (0x56, 0xb4, 0xe9)),
        (Color::Red, 166, (0xd5, 0x5e, 0x00)),
        (Color::Green, 36, (0x1b, 0xae, 0x83)),
        (Color::Magenta, 175, (0xcc, 0x79, 0xa7)),
        (Color::Yellow, 178, (0xe6, 0x9f, 0x00)),
        (Color::Blue, 32, (0x1f, 0x8d, 0xd6)),
    ],
};

impl Ink {
    /// For these options.
    pub fn new(options: &Options) -> Ink {
        Ink { colour: options.colour, theme: options.theme, charset: options.charset, way: options.way }
    }

    /// Whether only ASCII may be drawn.
    pub fn ascii(self) -> bool {
        self.charset == Charset::Ascii
    }

    /// One of two texts, by character set.
    pub fn either<'a>(self, unicode: &'a str, ascii: &'a str) -> &'a str {
        if self.ascii() { ascii } else { unicode }
    }

    /// How a tone looks.
    pub fn style(self, tone: Tone) -> Style {
        let plain = Style::new();
        match tone {
            Tone::Plain => plain,
            Tone::Strong => plain.add_modifier(Modifier::BOLD),
            Tone::Faint => plain.add_modifier(Modifier::DIM),
            // Without colours a string still stands out from what is around it, as a table's header and a comment do.
            Tone::Text if self.colour == Colour::None => plain.add_modifier(Modifier::ITALIC),
            Tone::Good | Tone::Text => self.coloured(self.palette().good),
            Tone::Care => self.coloured(self.palette().care),
            Tone::Bad => self.coloured(self.palette().bad).add_modifier(Modifier::BOLD),
            Tone::Live => self.coloured(self.palette().live).add_modifier(Modifier::BOLD),
            Tone::Name => self.coloured(self.palette().live),
            Tone::Number => self.coloured(self.palette().number),
        }
    }

    /// The colour of the `index`-th curve. Mid-tones, legible on light and dark.
    pub fn series(self, index: usize) -> Style {
        let series = &self.palette().series;
        self.coloured(series[index % series.len()])
    }

    fn palette(self) -> &'static Palette {
        match self.theme {
            Theme::Usual => &USUAL,
            Theme::ColourBlind => &COLOUR_BLIND,
        }
    }

    fn coloured(self, (named, indexed, (r, g, b)): Shade) -> Style {
        match self.colour {
            Colour::None => Style::new(),
            Colour::Sixteen => Style::new().fg(named),
            Colour::Indexed => Style::new().fg(Color::Indexed(indexed)),
            Colour::True => Style::new().fg(Color::Rgb(r, g, b)),
        }
    }

    /// Safe text in a tone.
    pub fn span(self, text: &str, tone: Tone) -> Span<'static> {
        styled(text, self.style(tone))
    }
}

/// Safe text in a style.
pub fn styled(text: &str, style: Style) -> Span<'static> {
    Span::styled(text::plain(text), style)
}

/// Safe text on a line of its own.
pub fn line(spans: Vec<Span<'static>>) -> Line<'static> {
    Line::from(spans)
}

/// Columns that a line takes.
pub fn width(line: &Line<'_>) -> usize {
    line.spans.iter().map(|s| text::width(&s.content)).sum()
}

/// Writes a line into the row `y` of the area, counted from its top; cut with `…` where it is too long.
pub fn put(buffer: &mut Buffer, area: Rect, y: u16, line: &Line<'_>) {
    put_at(buffer, area, 0, y, line);
}

/// Signs that came with texts (what was cut, what changed) as ASCII of the same width; names stay as they are.
pub fn in_ascii(buffer: &mut Buffer) {
    for cell in &mut buffer.content {
        let mut signs = cell.symbol().chars();
        if let (Some(sign), None) = (signs.next(), signs.next())
            && text::ascii(sign) != sign
        {
            cell.set_char(text::ascii(sign));
        }
    }
}

/// [`put`] from column `x` of the area on.
pub fn put_at(buffer: &mut Buffer, area: Rect, x: u16, y: u16, line: &Line<'_>) {
    let area = area.intersection(buffer.area);
    if y >= area.height || x >= area.width {
        return;
    }
    let (mut at, row, end) = (area.x + x, area.y + y, area.right());
    let total = width(line);
    let mut left = total;
    for span in &line.spans {
        let room = usize::from(end - at);
        if room == 0 {
            return;
        }
        let wide = text::width(&span.content);
        left -= wide;
        // A last column that only just fits must be cut when more text follows.
        let fits = wide < room || (wide == room && left == 0);
        let piece = if fits { text::plain(&span.content) } else { text::fit(&format!("{} ", span.content), room) };
        let (next, _) = buffer.set_stringn(at, row, &piece, room, span.style);
        if !fits {
            return;
        }
        at = next;
    }
}

/// Breaks a line into rows of at most `columns`: at spaces, before and after wide characters (which
/// Japanese writes without spaces), and inside words that are too long. Rows after the first begin
/// with `indent`.
pub fn wrap(line: &Line<'static>, columns: usize, indent: &Line<'static>) -> Vec<Line<'static>> {
    let indented = width(indent);
    let indent = if indented * 3 > columns * 2 { Line::default() } else { indent.clone() };
    let indented = width(&indent);
    let columns = columns.max(2);
    let graphemes: Vec<(String, Style, usize)> = line
        .spans
        .iter()
        .flat_map(|span| span.styled_graphemes(Style::new()))
        .map(|g| (g.symbol.to_owned(), g.style, text::width(g.symbol)))
        .collect();
    let mut rows: Vec<Line<'static>> = Vec::new();
    let mut start = 0;
    while start < graphemes.len() {
        let room = if rows.is_empty() { columns } else { columns - indented };
        let (end, next) = row_end(&graphemes, start, room);
        let mut row = if rows.is_empty() { Vec::new() } else { indent.spans.clone() };
        for (symbol, style, _) in &graphemes[start..end] {
            match row.last_mut() {
                Some(last) if last.style == *style => last.content.to_mut().push_str(symbol),
                _ => row.push(Span::styled(symbol.clone(), *style)),
            }
        }
        rows.push(Line::from(row));
        start = next;
    }
    if rows.is_empty() {
        rows.push(Line::default());
    }
    rows
}

/// Where the row that begins at `start` ends, and where the next one begins.
fn row_end(graphemes: &[(String, Style, usize)], start: usize, room: usize) -> (usize, usize) {
    let mut used = 0;
    let mut end = start;
    while end < graphemes.len() && used + graphemes[end].2 <= room {
        used += graphemes[end].2;
        end += 1;
    }
    if end == graphemes.len() {
        return (end, end);
    }
    let is_space = |i: usize| graphemes[i].0 == " ";
    // Marks that Japanese never begins a row with.
    let hangs = |i: usize| {
        matches!(graphemes[i].0.as_str(), "、" | "。" | "，" | "．" | "」" | "』" | "）" | "！" | "？" | "ー")
    };
    let may_break =
        |i: usize| is_space(i) || is_space(i - 1) || ((graphemes[i].2 > 1 || graphemes[i - 1].2 > 1) && !hangs(i));
    let last = (start + 1..=end).rev().find(|&i| may_break(i));
    // A first word longer than the row is cut where the row ends.
    let last = last.unwrap_or_else(|| end.max(start + 1));
    let mut next = last;
    while next < graphemes.len() && is_space(next) {
        next += 1;
    }
    let mut shown = last;
    while shown > start && is_space(shown - 1) {
        shown -= 1;
    }
    if shown == start { (last, next.max(start + 1)) } else { (shown, next) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(text: &str, columns: usize) -> Vec<String> {
        let ink = Ink { colour: Colour::None, ..Ink::default() };
        let line = line(vec![ink.span(text, Tone::Plain)]);
        wrap(&line, columns, &Line::default()).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn words_wrap_at_spaces_and_japanese_anywhere_but_before_full_stops() {
        assert_eq!(rows("crops stay large", 11), ["crops stay", "large"]);
        assert_eq!(rows("純米大吟醸。旨い", 10), ["純米大吟", "醸。旨い"]);
        assert_eq!(rows("abcdefghij", 4), ["abcd", "efgh", "ij"]);
        assert_eq!(rows("", 4), [""]);
        assert_eq!(rows("純米", 1), ["純", "米"]);
    }

    #[test]
    fn a_cut_line_says_so() {
        let mut buffer = Buffer::empty(Rect::new(0, 0, 6, 1));
        let ink = Ink { colour: Colour::None, ..Ink::default() };
        put(
            &mut buffer,
            Rect::new(0, 0, 6, 1),
            0,
            &line(vec![ink.span("abcdef", Tone::Plain), ink.span("g", Tone::Good)]),
        );
        assert_eq!(buffer, Buffer::with_lines(["abcde…"]));
        let mut buffer = Buffer::empty(Rect::new(0, 0, 6, 1));
        put(&mut buffer, Rect::new(0, 0, 6, 1), 0, &line(vec![ink.span("獺\u{1b}[2J祭", Tone::Plain)]));
        assert_eq!(buffer, Buffer::with_lines(["獺·[2…"]));
    }

    proptest::proptest! {
        #[test]
        fn wrapping_loses_only_spaces(text in ".{0,80}", columns in 1_usize..30) {
            let rows = rows(&text, columns);
            let squeezed = |s: &str| s.chars().filter(|c| *c != ' ').collect::<String>();
            let safe = text::plain(&text);
            proptest::prop_assert_eq!(squeezed(&rows.concat()), squeezed(&safe));
            for row in &rows {
                proptest::prop_assert!(text::width(row) <= columns.max(2), "{:?}", row);
            }
        }
    }
}
