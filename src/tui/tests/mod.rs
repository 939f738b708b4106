//! The workbench as a whole, driven by key names over a drawn snapshot.

mod arranging;
mod bytes;
mod curves;
mod demo;
mod pages;
mod pictures;
mod pty;
mod sample;
mod screens;
mod sources;
mod storm;
mod triples;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// The key press that the table calls by this name.
pub fn press(name: &str) -> KeyEvent {
    if name == "shift+tab" {
        return KeyEvent::new(KeyCode::BackTab, KeyModifiers::SHIFT);
    }
    let (modifiers, base) = match (name.strip_prefix("ctrl+"), name.strip_prefix("alt+")) {
        (Some(base), _) => (KeyModifiers::CONTROL, base),
        (_, Some(base)) => (KeyModifiers::ALT, base),
        (None, None) => (KeyModifiers::NONE, name),
    };
    let code = match base {
        "enter" => KeyCode::Enter,
        "esc" => KeyCode::Esc,
        "backspace" => KeyCode::Backspace,
        "delete" => KeyCode::Delete,
        "tab" => KeyCode::Tab,
        "space" => KeyCode::Char(' '),
        "up" => KeyCode::Up,
        "down" => KeyCode::Down,
        "left" => KeyCode::Left,
        "right" => KeyCode::Right,
        "home" => KeyCode::Home,
        "end" => KeyCode::End,
        "pgup" => KeyCode::PageUp,
        "pgdn" => KeyCode::PageDown,
        _ => match base.strip_prefix('f').and_then(|n| n.parse().ok()) {
            Some(n) => KeyCode::F(n),
            None => {
                let mut chars = base.chars();
                let (Some(c), None) = (chars.next(), chars.next()) else { panic!("no key is called {name}") };
                KeyCode::Char(c)
            }
        },
    };
    KeyEvent::new(code, modifiers)
}
