//! The user's own settings.
//!
//! Takes `config.toml` from the user's folder (`surroundings` says which); gives what it says, or all its mistakes with their lines. A project has
//! no part in it: what runs a command must not come with a recipe that somebody else wrote.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use toji::base::files;
use toji::book::{self, Diagnostic};
use toji::session::schema;

use super::surroundings;

/// What the user wants.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Config {
    /// The file; `None` where nobody has a home.
    pub file: Option<PathBuf>,
    /// Whether it is there.
    pub is_there: bool,
    /// The words of the command that is run when something happened.
    pub on_event: Option<Vec<String>>,
}

/// Reads the user's settings; without a file nothing is set.
///
/// # Errors
/// All mistakes of the file.
pub fn read() -> Result<Config, Vec<Diagnostic>> {
    let file = surroundings::config_file();
    match &file {
        Some(path) => read_from(path),
        None => Ok(Config::default()),
    }
}

fn read_from(path: &Path) -> Result<Config, Vec<Diagnostic>> {
    #[derive(Deserialize)]
    struct Written {
        on_event: Option<Vec<String>>,
    }
    let file = Some(path.to_owned());
    let text = match files::read_text(path) {
        Ok(text) => text,
        Err(error) if error.is_missing() => return Ok(Config { file, ..Config::default() }),
        Err(error) => return Err(vec![Diagnostic::of_file(path, error.to_string())]),
    };
    let (settings, found) = book::settings_from(path, text, &schema::CONFIG);
    if found.iter().any(Diagnostic::is_error) {
        return Err(found);
    }
    let written: Written = settings.decode().map_err(|error| vec![Diagnostic::of_file(path, error.to_string())])?;
    Ok(Config { file, is_there: true, on_event: written.on_event })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> Result<Option<Vec<String>>, Vec<String>> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.toml");
        files::publish(&path, text.as_bytes()).unwrap();
        let mistake = |d: Diagnostic| {
            let help = d.help.map(|help| format!(" ({help})")).unwrap_or_default();
            format!("{}:{} {}{help}", d.line, d.column, d.message)
        };
        read_from(&path).map(|config| config.on_event).map_err(|found| found.into_iter().map(mistake).collect())
    }

    #[test]
    fn a_command_is_a_list_of_words() {
        let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(told("on_event = [\"notify-send\", \"toji\"]\n"), Ok(Some(words("notify-send toji"))));
        assert_eq!(told(""), Ok(None));
    }

    #[test]
    fn mistakes_have_their_line_and_the_nearest_name() {
        let all = told("# mine\non_evnt = [\"a\"]\n\n[theme]\nname = \"x\"\n").unwrap_err();
        insta::assert_snapshot!(all.join("\n"), @"
        2:1 unknown key `on_evnt` in config.toml (did you mean `on_event`?)
        4:2 unknown key `theme` in config.toml (config.toml has `on_event`)
        ");
        let all = told("on_event = \"notify-send toji\"\n").unwrap_err();
        insta::assert_snapshot!(all.join("\n"), @"1:12 `on_event`: expected a list of 1 to 64, each text, found text (put it in brackets: `[…]`)");
        let all = told("on_event = []\non_event = [1]\n").unwrap_err();
        insta::assert_snapshot!(all.join("\n"), @"
        1:12 `on_event` has 0 values, expected 1 to 64
        2:1 `on_event` is written twice: here and at 1:1 (keep one of the two)
        ");
    }

    #[test]
    fn no_file_is_no_settings() {
        let folder = tempfile::tempdir().unwrap();
        let config = read_from(&folder.path().join("config.toml")).unwrap();
        assert!(!config.is_there && config.on_event.is_none());
    }
}
