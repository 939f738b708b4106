//! The user's own editor, at a line of a file.
//!
//! Takes `$VISUAL`, else `$EDITOR`, else `vi`: a command with arguments, split into words as a shell splits simple ones; gives it the file and the
//! line in the form that the editor knows, and waits for its end. The command comes from the environment alone, never from a file of the project, which
//! is shared.

use std::ffi::OsString;
use std::path::Path;
use std::process::Command;

use super::surroundings;

/// How an editor is told the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// `+12 FILE`: vi and most others.
    Plus,
    /// `FILE:12`.
    Colon,
    /// `--goto FILE:12`.
    Goto,
    /// This option, the line, FILE.
    Option(&'static str),
}

/// Editors that know another form than `+12 FILE`, by the names of their programs.
const FORMS: &[(&[&str], Form)] = &[
    (&["hx", "helix", "zed", "zeditor", "subl", "sublime_text", "mcedit"], Form::Colon),
    (&["code", "code-insiders", "code-oss", "codium", "vscodium", "cursor", "windsurf"], Form::Goto),
    (&["kate", "kwrite", "mate"], Form::Option("-l")),
    (&["idea", "pycharm", "rustrover", "clion"], Form::Option("--line")),
];

/// Opens the editor and waits for its end.
///
/// # Errors
/// Why it did not run, or that it said it failed.
pub fn open(file: &Path, line: usize) -> Result<(), String> {
    let (command, from) = surroundings::editor();
    let words = words(&command).map_err(|why| format!("{from} is {command:?}: {why}"))?;
    let Some((program, arguments)) = words.split_first() else { return Err(format!("{from} names no program")) };
    let ended = Command::new(program).args(arguments).args(at_line(program, file, line)).status();
    match ended {
        Err(error) => Err(format!("the editor {program:?} ({from}) does not start: {error}; set VISUAL or EDITOR")),
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("the editor {program:?} ended with {status}")),
    }
}

/// The arguments that open a file at a line.
fn at_line(program: &str, file: &Path, line: usize) -> Vec<OsString> {
    let name = Path::new(program).file_stem().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let form = FORMS.iter().find(|(names, _)| names.contains(&name.as_str())).map_or(Form::Plus, |(_, form)| *form);
    let place = || {
        let mut place = file.as_os_str().to_owned();
        place.push(format!(":{line}"));
        place
    };
    match form {
        Form::Plus => vec![format!("+{line}").into(), file.into()],
        Form::Colon => vec![place()],
        Form::Goto => vec!["--goto".into(), place()],
        Form::Option(option) => vec![option.into(), line.to_string().into(), file.into()],
    }
}

/// A command's words: between spaces; quotes and backslashes keep spaces, as in a shell. Nothing is expanded.
fn words(command: &str) -> Result<Vec<String>, String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut signs = command.chars();
    while let Some(sign) = signs.next() {
        match sign {
            ' ' | '\t' | '\n' => words.extend(word.take()),
            '\'' | '"' => {
                let word = word.get_or_insert_default();
                loop {
                    match signs.next() {
                        None => return Err(format!("a quote {sign} is not closed")),
                        Some(end) if end == sign => break,
                        Some('\\') if sign == '"' => match signs.next() {
                            Some(escaped @ ('"' | '\\' | '$' | '`')) => word.push(escaped),
                            Some(other) => word.extend(['\\', other]),
                            None => return Err("it ends with a backslash".to_owned()),
                        },
                        Some(inner) => word.push(inner),
                    }
                }
            }
            '\\' => {
                let escaped = signs.next().ok_or("it ends with a backslash")?;
                word.get_or_insert_default().push(escaped);
            }
            sign => word.get_or_insert_default().push(sign),
        }
    }
    words.extend(word);
    Ok(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_split_as_a_shell_does() {
        let split = |text: &str| words(text).unwrap();
        assert_eq!(split("vim"), ["vim"]);
        assert_eq!(split("  code   -w "), ["code", "-w"]);
        assert_eq!(
            split(r#""/opt/my editor/bin" --flag='a b'"c\"d" e\ f "#),
            ["/opt/my editor/bin", "--flag=a bc\"d", "e f"]
        );
        assert_eq!(split(r#"'' "a\nb" 'c\d'"#), ["", r"a\nb", r"c\d"]);
        assert_eq!(split("獺祭 $HOME"), ["獺祭", "$HOME"], "nothing is expanded");
        assert_eq!(split(""), [""; 0]);
        for wrong in ["'vim", "\"vim", "vim\\", "\"vim\\"] {
            assert!(words(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn each_editor_is_told_the_line_in_its_own_form() {
        let told = |program: &str| {
            let arguments = at_line(program, Path::new("r/獺 1.md"), 12);
            arguments.iter().map(|a| a.to_string_lossy().into_owned()).collect::<Vec<_>>()
        };
        for program in ["vi", "/usr/bin/vim", "nvim", "nano", "emacs", "emacsclient", "kak", "micro", "unknown"] {
            assert_eq!(told(program), ["+12", "r/獺 1.md"], "{program}");
        }
        for program in ["hx", "/opt/helix", "zed", "subl"] {
            assert_eq!(told(program), ["r/獺 1.md:12"], "{program}");
        }
        for program in ["code", "codium", "/snap/bin/code-insiders"] {
            assert_eq!(told(program), ["--goto", "r/獺 1.md:12"], "{program}");
        }
        assert_eq!(told("kate"), ["-l", "12", "r/獺 1.md"]);
        assert_eq!(told("pycharm"), ["--line", "12", "r/獺 1.md"]);
    }
}
