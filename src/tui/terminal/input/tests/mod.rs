//! What terminals send, in any pieces.

use super::*;
use crate::tui::keys;
use crate::tui::tests::press;

/// The names of the keys and the answers that these bytes are.
fn read(pieces: &[&[u8]]) -> (Vec<String>, Vec<Answer>) {
    let mut input = Input::default();
    let mut came: Vec<Came> = pieces.iter().flat_map(|piece| input.take(piece)).collect();
    came.extend(input.quiet());
    sorted(came)
}

fn sorted(came: Vec<Came>) -> (Vec<String>, Vec<Answer>) {
    let (mut names, mut answers) = (Vec::new(), Vec::new());
    for one in came {
        match one {
            Came::Key(pressed) => names.extend(keys::name(&pressed)),
            Came::Answer(answer) => answers.push(answer),
            Came::Paste(text) => names.push(format!("paste {text:?}")),
        }
    }
    (names, answers)
}

/// What terminals send for each key of the table.
fn sent(name: &str) -> Vec<u8> {
    let bytes: &[u8] = match name {
        "enter" => b"\r",
        "esc" => b"\x1b",
        "tab" => b"\t",
        "shift+tab" => b"\x1b[Z",
        "space" => b" ",
        "backspace" => b"\x7f",
        "up" => b"\x1b[A",
        "down" => b"\x1bOB",
        "right" => b"\x1b[C",
        "left" => b"\x1b[D",
        "home" => b"\x1b[H",
        "end" => b"\x1b[4~",
        "pgup" => b"\x1b[5~",
        "pgdn" => b"\x1b[6~",
        "delete" => b"\x1b[3~",
        "ctrl+left" => b"\x1b[1;5D",
        "ctrl+right" => b"\x1b[1;5C",
        "alt+backspace" => b"\x1b\x7f",
        "f1" => b"\x1bOP",
        "f5" => b"\x1b[15~",
        _ => {
            if let Some(letter) = name.strip_prefix("alt+") {
                return [b"\x1b", letter.as_bytes()].concat();
            }
            return match name.strip_prefix("ctrl+") {
                Some(letter) => vec![letter.as_bytes()[0] - b'a' + 1],
                None => name.as_bytes().to_vec(),
            };
        }
    };
    bytes.to_vec()
}

#[test]
fn every_key_of_the_table_is_read() {
    for name in keys::BINDINGS.iter().flat_map(|b| b.keys) {
        assert_eq!(read(&[&sent(name)]), (vec![(*name).to_owned()], vec![]), "{name}");
        let mut input = Input::default();
        let mut came = input.take(&sent(name));
        came.extend(input.quiet());
        assert_eq!(came, [Came::Key(press(name))], "{name}");
    }
}

const ANSWERS: &[u8] = b"\x1bP>|kitty(0.35.2)\x1b\\\x1b[6;20;10t\x1b[4;800;1200t\x1b[?1;0;1024S\
    \x1b[?2;0;1000;900S\x1b]1337;ReportCellSize=20.0;10.0;1.0\x07\x1b_Gi=31;OK\x1b\\\x1b[?62;4;22c";

fn expected() -> Vec<Answer> {
    vec![
        Answer::Name("kitty(0.35.2)".to_owned()),
        Answer::Cell(10, 20),
        Answer::Area(1200, 800),
        Answer::Registers(1024),
        Answer::Geometry(1000, 900),
        Answer::Iterm2,
        Answer::Kitty(true),
        Answer::Attributes(vec![62, 4, 22]),
    ]
}

#[test]
fn answers_are_read_in_any_pieces_and_keys_between_them() {
    assert_eq!(read(&[ANSWERS]), (vec![], expected()));
    for at in 0..ANSWERS.len() {
        let (before, after) = ANSWERS.split_at(at);
        assert_eq!(read(&[before, after]), (vec![], expected()), "cut at {at}");
    }
    let single: Vec<&[u8]> = ANSWERS.chunks(1).collect();
    assert_eq!(read(&single), (vec![], expected()));
    let typed: &[&[u8]] = &[b"j", b"\x1b[6;20;10t", b"k\x1b[B", b"\x1b_Gi=31;EN", b"OENT:no\x1b\\", "獺q".as_bytes()];
    let (names, answers) = read(typed);
    assert_eq!(names, ["j", "k", "down", "獺", "q"]);
    assert_eq!(answers, [Answer::Cell(10, 20), Answer::Kitty(false)]);
}

#[test]
fn what_is_not_known_is_dropped_whole() {
    // A colour, a mode, a cursor's place, another APC, focus, a mouse's click: none of it is a key.
    let strange = b"\x1b]11;rgb:0000/0000/0000\x1b\\\x1b[?2026;2$y\x1b[12;40R\x1b_Xq;r\x1b\\\x1b[I\x1b[<0;1;2M\x1b[?1u";
    assert_eq!(read(&[strange, b"j"]), (vec!["j".to_owned()], vec![]));
    // Pasted text is no row of keys.
    assert_eq!(read(&[b"\x1b[200~qqq\x1b[2", b"01~j"]).0, ["paste \"qqq\"", "j"]);
    assert_eq!(read(&["\x1b[200~獺".as_bytes(), "祭\r\n\x1b[201~".as_bytes()]).0, ["paste \"獺祭\\r\\n\""]);
    assert_eq!(read(&[b"\xff\xc3(\x1b[12\x1b[A"]), (vec!["(".to_owned(), "up".to_owned()], vec![]));
}

#[test]
fn an_escape_is_a_key_when_nothing_follows() {
    let mut input = Input::default();
    assert!(input.take(b"\x1b").is_empty() && input.waits());
    assert_eq!(sorted(input.quiet()).0, ["esc"]);
    assert!(!input.waits());
    assert_eq!(read(&[b"\x1b\x1b"]).0, ["esc", "esc"]);
    assert_eq!(read(&[b"\x1b[1;5C\x1bx"]).0, ["ctrl+right", "alt+x"]);
    assert_eq!(read(&[b"\x1bP"]).0, ["alt+P"]);
}

#[test]
fn half_an_answer_waits_but_not_for_ever() {
    let mut input = Input::default();
    assert!(input.take(b"\x1b_Gi=31;").is_empty());
    for _ in 1..PATIENCE {
        assert!(input.quiet().is_empty() && input.waits());
    }
    assert!(input.quiet().is_empty() && !input.waits());
    assert_eq!(sorted(input.take(b"j")).0, ["j"]);
    // What is too long is dropped up to its own end, as pasted text is.
    assert!(input.take(b"\x1b_").is_empty() && input.take(&[b'x'; 2 * LONGEST]).is_empty());
    assert_eq!(sorted(input.take(b"xj\x1b\\k")).0, ["k"]);
    assert!(input.take(b"\x1b[200~").is_empty() && input.take(&[b'q'; 2 * LONGEST]).is_empty());
    let (names, _) = sorted(input.take(b"q\x1b[201~k"));
    assert_eq!((names.len(), names[0].len(), names[1].as_str()), (2, "paste \"\"".len() + 2 * LONGEST + 1, "k"));
    let long = [b"\x1b[200~".as_slice(), &[b'q'; 2 * LONGEST_PASTE], b"\x1b[201~k"].concat();
    assert_eq!(sorted(input.take(&long)).0[0].len(), "paste \"\"".len() + LONGEST_PASTE);
}

proptest::proptest! {
    #[test]
    fn any_bytes_in_any_pieces_are_survived(bytes: Vec<u8>, cut: usize) {
        let mut input = Input::default();
        let at = cut % (bytes.len() + 1);
        let mut pieces = input.take(&bytes[..at]);
        pieces.extend(input.take(&bytes[at..]));
        let mut whole = Input::default();
        proptest::prop_assert_eq!(pieces, whole.take(&bytes));
    }
}
