//! By which way pictures reach the screen, as decided.
//!
//! A plain value: the views ask it for the shape of a cell, the screen for the protocol.

/// What the user asked for (`TOJI_PICTURES`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Wanted {
    /// The best that the terminal answers for, half blocks over a slow line.
    #[default]
    Auto,
    /// This one, whatever was answered.
    This(Protocol),
}

impl Wanted {
    /// The words of `TOJI_PICTURES`.
    pub const WORDS: &[(&str, Wanted)] = &[
        ("auto", Wanted::Auto),
        ("kitty", Wanted::This(Protocol::Kitty)),
        ("iterm2", Wanted::This(Protocol::Iterm2)),
        ("sixel", Wanted::This(Protocol::Sixel)),
        ("half", Wanted::This(Protocol::Half)),
        ("off", Wanted::This(Protocol::Off)),
    ];

    /// Whether it is worth asking the terminal anything.
    pub fn is_open(self) -> bool {
        !matches!(self, Wanted::This(Protocol::Half | Protocol::Off))
    }

    /// The meaning of a word; `None` for one that is not known.
    pub fn of(word: &str) -> Option<Wanted> {
        let word = word.trim().to_ascii_lowercase();
        Wanted::WORDS.iter().find(|(known, _)| *known == word).map(|(_, wanted)| *wanted)
    }
}

/// A way to show pictures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Protocol {
    /// Kitty's graphics with Unicode placeholders.
    Kitty,
    /// iTerm2's inline images.
    Iterm2,
    /// DEC's Sixel.
    Sixel,
    /// Two pixels a cell, in the cells' own colours.
    #[default]
    Half,
    /// None.
    Off,
}

impl Protocol {
    /// Its name for people and in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Protocol::Kitty => "kitty",
            Protocol::Iterm2 => "iterm2",
            Protocol::Sixel => "sixel",
            Protocol::Half => "half",
            Protocol::Off => "off",
        }
    }

    /// Whether the terminal draws the pixels, so that cells are only marked for it.
    pub fn is_graphic(self) -> bool {
        matches!(self, Protocol::Kitty | Protocol::Iterm2 | Protocol::Sixel)
    }
}

/// A protocol and all that it needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Way {
    /// Which.
    pub protocol: Protocol,
    /// Width and height of a cell in pixels; (1, 2) where only the shape is assumed.
    pub cell: (u16, u16),
    /// Whether sequences are wrapped for tmux to hand them on.
    pub passthrough: bool,
    /// How many colours one Sixel picture may have.
    pub colours: u16,
    /// How many pixels one Sixel picture may be wide.
    pub widest: u32,
}

impl Default for Way {
    fn default() -> Way {
        Way { protocol: Protocol::Half, cell: (1, 2), passthrough: false, colours: 256, widest: 1_000 }
    }
}
