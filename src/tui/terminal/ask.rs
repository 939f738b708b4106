//! What is asked of the terminal, and what its answers mean.
//!
//! Takes answers in any order, at any time, and what the surroundings said; gives the way for pictures and the reason
//! in words. The question is one write that ends with DA1, which every terminal answers: when that answer is there,
//! the others are or never come. A terminal that answers nothing keeps half blocks.

use std::time::Duration;

use ratatui::layout::Size;

use super::graphics::kitty;
use super::way::{Protocol, Wanted, Way};
use crate::tui::{Charset, Colour, Options};

/// A line is slow when an answer takes longer: from here on pictures of tens of kilobytes would be felt.
pub const SLOW: Duration = Duration::from_millis(100);

/// One answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Kitty's graphics are understood, or refused.
    Kitty(bool),
    /// XTVERSION: the terminal's name and version.
    Name(String),
    /// DA1: what it can do; 4 is Sixel.
    Attributes(Vec<u32>),
    /// A cell in pixels.
    Cell(u32, u32),
    /// The whole text area in pixels.
    Area(u32, u32),
    /// Colours of a Sixel picture.
    Registers(u32),
    /// The largest Sixel picture.
    Geometry(u32, u32),
    /// iTerm2's own question is understood.
    Iterm2,
}

/// The question, as bytes: pictures last but DA1, so that what is not understood is drawn over by the first frame.
pub fn question(options: &Options) -> Vec<u8> {
    let mut bytes = Vec::new();
    // XTVERSION; a cell in pixels, the area in pixels; Sixel's colours and largest picture; iTerm2's cell.
    bytes.extend_from_slice(b"\x1b[>q\x1b[16t\x1b[14t\x1b[?1;1;0S\x1b[?2;1;0S");
    match options.tmux {
        Some(tmux) if tmux.passthrough => bytes.extend(kitty::through_tmux(kitty::QUERY)),
        // tmux would swallow the questions about pictures, and answers for itself.
        Some(_) => {}
        None => {
            bytes.extend_from_slice(b"\x1b]1337;ReportCellSize\x1b\\");
            bytes.extend_from_slice(kitty::QUERY);
        }
    }
    bytes.extend_from_slice(b"\x1b[c");
    bytes
}

/// The question about a cell alone, after a change of size: a font may have changed.
pub const CELL_QUESTION: &[u8] = b"\x1b[16t";

/// All answers so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answers {
    kitty: Option<bool>,
    iterm2: bool,
    name: Option<String>,
    attributes: Option<Vec<u32>>,
    cell: Option<(u32, u32)>,
    area: Option<(u32, u32)>,
    registers: Option<u32>,
    geometry: Option<(u32, u32)>,
    round_trip: Option<Duration>,
}

impl Answers {
    /// Takes one that came so long after the question.
    pub fn take(&mut self, answer: Answer, after: Duration) {
        let is_kitty = matches!(answer, Answer::Kitty(_));
        let counts = match answer {
            Answer::Kitty(understood) => self.kitty.replace(understood).is_none(),
            Answer::Name(name) => self.name.replace(name).is_none(),
            Answer::Attributes(attributes) => self.attributes.replace(attributes).is_none(),
            Answer::Iterm2 => !std::mem::replace(&mut self.iterm2, true),
            Answer::Cell(width, height) => self.cell.replace((width, height)).is_none(),
            Answer::Area(width, height) => self.area.replace((width, height)).is_none(),
            Answer::Registers(count) => self.registers.replace(count).is_none(),
            Answer::Geometry(width, height) => self.geometry.replace((width, height)).is_none(),
        };
        // The first answer counts; in tmux the first ones are its own, and the one about Kitty's graphics is the terminal's.
        if counts && (is_kitty || self.round_trip.is_none()) {
            self.round_trip = Some(after);
        }
    }

    /// The text area has another size now; a cell may have the same.
    pub fn resized(&mut self) {
        self.area = None;
    }

    /// The time from the question to the terminal's answer.
    pub fn round_trip(&self) -> Option<Duration> {
        self.round_trip
    }

    /// The terminal's name and version, made plain.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Whether no more answers are to come: DA1 is here and, in tmux, the one that comes from outside.
    pub fn is_complete(&self, options: &Options) -> bool {
        let outside = options.tmux.is_some_and(|tmux| tmux.passthrough);
        self.attributes.is_some() && (!outside || self.kitty.is_some())
    }

    /// Width and height of a cell, by the terminal's word or else by the system's (`pixels` of the whole area, 0 where
    /// it does not know). Whole pixels: a picture that is a little too small is better than one that hangs over.
    pub fn cell(&self, cells: Size, pixels: Size) -> Option<(u16, u16)> {
        let (columns, rows) = (u32::from(cells.width.max(1)), u32::from(cells.height.max(1)));
        let system = (u32::from(pixels.width) / columns, u32::from(pixels.height) / rows);
        let area = self.area.map(|(width, height)| (width / columns, height / rows));
        let plausible = |&(width, height): &(u32, u32)| (2..=128).contains(&width) && (2..=256).contains(&height);
        let found = [self.cell, area, Some(system)].into_iter().flatten().find(plausible)?;
        Some((found.0 as u16, found.1 as u16))
    }
}

/// What was decided, and why in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// The way.
    pub way: Way,
    /// Why this one.
    pub why: String,
}

/// Decides. A user's word wins over everything but a lack of colours under Kitty's placeholders, which are colours.
pub fn choose(options: &Options, answers: &Answers, cells: Size, pixels: Size) -> Decision {
    let cell = answers.cell(cells, pixels);
    let passthrough = options.tmux.is_some_and(|tmux| tmux.passthrough);
    let decided = |protocol: Protocol, why: &str| {
        let colours = answers.registers.unwrap_or(256).clamp(2, 256) as u16;
        let widest = answers.geometry.map_or(1_000, |(width, _)| width.clamp(100, 8_000));
        let assumed = if protocol.is_graphic() { (10, 20) } else { (1, 2) };
        let cell = if protocol.is_graphic() { cell.unwrap_or(assumed) } else { assumed };
        let passthrough = passthrough && protocol == Protocol::Kitty;
        Decision { way: Way { protocol, cell, passthrough, colours, widest }, why: why.to_owned() }
    };
    let half = |why: &str| decided(Protocol::Half, why);
    match options.pictures {
        Wanted::This(Protocol::Kitty) if options.colour == Colour::None => {
            return half("NO_COLOR: Kitty's placeholders are told apart by colour");
        }
        Wanted::This(protocol) => return decided(protocol, "TOJI_PICTURES says so"),
        Wanted::Auto => {}
    }
    if options.colour == Colour::None {
        return half("no colours are wanted");
    }
    if options.charset == Charset::Ascii {
        return half("the character set is ASCII");
    }
    if options.remote {
        return half("the line is SSH; TOJI_PICTURES=kitty, iterm2 or sixel wins over that");
    }
    if !options.answers {
        return half("this kind of terminal is not asked");
    }
    let Some(attributes) = &answers.attributes else { return half("the terminal has not answered") };
    if let Some(after) = answers.round_trip.filter(|after| *after > SLOW) {
        let (after, slow) = (after.as_millis(), SLOW.as_millis());
        return half(&format!("the line is slow: {after} ms to an answer, more than {slow}"));
    }
    let answers_kitty = answers.kitty == Some(true);
    if let Some(tmux) = options.tmux {
        return match (tmux.passthrough, tmux.placeholders) {
            (false, _) => half("tmux keeps pictures back; its option allow-passthrough would let Kitty's through"),
            (true, true) if answers_kitty => decided(Protocol::Kitty, "the terminal around tmux answers for it"),
            (true, _) => half("the terminal around tmux does not answer for Kitty's graphics with placeholders"),
        };
    }
    let name = answers.name.as_deref().unwrap_or_default();
    let placeholders = answers_kitty && has_placeholders(name);
    // These have iTerm2's inline images without its question.
    let iterm2 = answers.iterm2 || begins(name, &["iterm2", "wezterm", "konsole", "mintty"]);
    let sixel = attributes.contains(&4);
    match (placeholders, iterm2, sixel) {
        (true, _, _) => decided(Protocol::Kitty, "the terminal answers for it"),
        (_, true, _) => decided(Protocol::Iterm2, "the terminal answers for it"),
        (_, _, true) if cell.is_some() => decided(Protocol::Sixel, "the terminal answers for it"),
        (_, _, true) => half("the terminal has Sixel but does not say how large a cell is"),
        _ if answers_kitty => {
            half("the terminal has Kitty's graphics, but maybe no placeholders; TOJI_PICTURES=kitty tries")
        }
        _ => half("the terminal answers for no graphics"),
    }
}

/// Whether a terminal of this name and version knows Kitty's placeholders: others answer for the graphics and lack these,
/// as Kitty itself before 0.28.
pub fn has_placeholders(name: &str) -> bool {
    let version = |text: &str| {
        let mut numbers = text.split('.').map(|n| n.parse::<u32>().unwrap_or(0));
        (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
    };
    match name.strip_prefix("kitty(").and_then(|rest| rest.strip_suffix(')')) {
        Some(number) => version(number) >= (0, 28),
        None => begins(name, &["kitty", "xterm-kitty", "ghostty", "xterm-ghostty"]),
    }
}

fn begins(name: &str, known: &[&str]) -> bool {
    let name = name.to_lowercase();
    known.iter().any(|known| name.starts_with(known))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::Tmux;

    const CELLS: Size = Size::new(100, 40);

    fn open() -> Options {
        let (colour, charset) = (Colour::True, Charset::Unicode);
        Options { colour, charset, answers: true, ..Options::default() }
    }

    fn answered(all: &[Answer]) -> Answers {
        let mut answers = Answers::default();
        all.iter().for_each(|answer| answers.take(answer.clone(), Duration::from_millis(3)));
        answers
    }

    fn chosen(options: &Options, all: &[Answer]) -> (Protocol, (u16, u16)) {
        let way = choose(options, &answered(all), CELLS, Size::ZERO).way;
        (way.protocol, way.cell)
    }

    fn attributes(all: &[u32]) -> Answer {
        Answer::Attributes(all.to_vec())
    }

    fn name(text: &str) -> Answer {
        Answer::Name(text.to_owned())
    }

    #[test]
    fn the_best_that_is_answered_for_is_chosen() {
        let (cell, ok, da1) = (Answer::Cell(9, 18), Answer::Kitty(true), attributes(&[62, 4]));
        let cases = [
            (vec![name("kitty(0.35.2)"), cell.clone(), ok.clone(), attributes(&[62])], Protocol::Kitty),
            (vec![name("ghostty 1.1.0"), cell.clone(), ok.clone(), attributes(&[62])], Protocol::Kitty),
            // Kitty before its placeholders, and one that never had them: no squares in the place of pictures.
            (vec![name("kitty(0.26.5)"), cell.clone(), ok.clone(), attributes(&[62])], Protocol::Half),
            (vec![name("Contour 0.4"), cell.clone(), ok.clone(), attributes(&[62])], Protocol::Half),
            (vec![name("WezTerm 2024"), cell.clone(), ok.clone(), da1.clone()], Protocol::Iterm2),
            (vec![Answer::Iterm2, da1.clone()], Protocol::Iterm2),
            (vec![name("XTerm(390)"), cell.clone(), da1.clone()], Protocol::Sixel),
            (vec![cell.clone(), attributes(&[62])], Protocol::Half),
            // Not yet, and not at all.
            (vec![name("kitty(0.35.2)"), cell.clone(), ok.clone()], Protocol::Half),
            (vec![], Protocol::Half),
        ];
        for (all, expected) in cases {
            assert_eq!(chosen(&open(), &all).0, expected, "{all:?}");
        }
        assert_eq!(chosen(&open(), &[cell, da1.clone()]), (Protocol::Sixel, (9, 18)));
        // Sixel's pictures are made to measure: without a cell's size there are none.
        assert_eq!(chosen(&open(), std::slice::from_ref(&da1)), (Protocol::Half, (1, 2)));
        assert_eq!(chosen(&open(), &[Answer::Area(1000, 800), da1]), (Protocol::Sixel, (10, 20)));
    }

    #[test]
    fn slow_lines_and_plain_terminals_keep_half_blocks_but_for_a_users_word() {
        let all = [name("XTerm(390)"), Answer::Cell(9, 18), attributes(&[4])];
        let plain = [
            Options { remote: true, ..open() },
            Options { colour: Colour::None, ..open() },
            Options { charset: Charset::Ascii, ..open() },
            Options { answers: false, ..open() },
            Options { pictures: Wanted::This(Protocol::Half), ..open() },
        ];
        for options in plain {
            assert_eq!(chosen(&options, &all).0, Protocol::Half, "{options:?}");
        }
        let mut slow = Answers::default();
        all.iter().for_each(|answer| slow.take(answer.clone(), 2 * SLOW));
        let decision = choose(&open(), &slow, CELLS, Size::ZERO);
        assert!(decision.way.protocol == Protocol::Half && decision.why.contains("200 ms"), "{}", decision.why);
        for protocol in [Protocol::Kitty, Protocol::Iterm2, Protocol::Sixel, Protocol::Off] {
            let options = Options { remote: true, pictures: Wanted::This(protocol), ..open() };
            assert_eq!(chosen(&options, &[]).0, protocol);
        }
        let uncoloured = Options { colour: Colour::None, pictures: Wanted::This(Protocol::Kitty), ..open() };
        assert_eq!(chosen(&uncoloured, &all).0, Protocol::Half);
    }

    #[test]
    fn tmux_lets_kittys_pictures_through_where_it_may() {
        let inside = |passthrough, placeholders| Options { tmux: Some(Tmux { passthrough, placeholders }), ..open() };
        // tmux answers for itself, even that it has Sixel; what counts comes from outside, and later.
        let own = [name("tmux 3.5a"), Answer::Cell(9, 18), attributes(&[1, 2, 4])];
        let all = [&own[..], &[Answer::Kitty(true)]].concat();
        assert_eq!(chosen(&inside(true, true), &all).0, Protocol::Kitty);
        assert_eq!(chosen(&inside(true, true), &own).0, Protocol::Half);
        assert_eq!(chosen(&inside(true, false), &all).0, Protocol::Half);
        assert_eq!(chosen(&inside(false, true), &all).0, Protocol::Half);
        assert!(choose(&inside(true, true), &answered(&all), CELLS, Size::ZERO).way.passthrough);
        let mut late = answered(&own);
        late.take(Answer::Kitty(true), 2 * SLOW);
        assert_eq!(choose(&inside(true, true), &late, CELLS, Size::ZERO).way.protocol, Protocol::Half);
        let question = question(&inside(true, true));
        assert!(question.starts_with(b"\x1b[>q") && question.ends_with(b"\x1b[c"));
        assert!(String::from_utf8(question).unwrap().contains("\x1bPtmux;\x1b\x1b_Gi=31"));
    }

    #[test]
    fn every_word_is_a_way() {
        for (word, wanted) in Wanted::WORDS {
            assert_eq!(Wanted::of(&word.to_uppercase()), Some(*wanted));
            assert!(*wanted == Wanted::Auto || *wanted == Wanted::This(choose_word(*wanted)));
        }
        assert_eq!(Wanted::of("kity"), None);
    }

    fn choose_word(pictures: Wanted) -> Protocol {
        chosen(&Options { pictures, ..open() }, &[]).0
    }
}
