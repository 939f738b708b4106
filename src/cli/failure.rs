//! Why a command ended otherwise than done.
//!
//! One type for all commands: a text, what to do about it, and the exit code. Told on stderr, or as
//! one JSON object.

use toji::base::text::plain;
use toji::book::{self, Diagnostic};
use toji::session::{SessionError, brew};
use toji::show::ShowError;

use super::say::Say;

/// A command's failure.
#[derive(Debug)]
pub struct Failure {
    /// 1: failed; 2: wrong use; a command may have more of its own.
    pub code: u8,
    text: String,
    hints: Vec<String>,
    diagnostics: Vec<Diagnostic>,
}

impl Failure {
    /// It was tried and failed.
    pub fn failed(text: impl Into<String>) -> Failure {
        Failure { code: 1, text: text.into(), hints: Vec::new(), diagnostics: Vec::new() }
    }

    /// It was asked for in a way that cannot be done.
    pub fn usage(text: impl Into<String>) -> Failure {
        Failure { code: 2, ..Failure::failed(text) }
    }

    /// The same failure with a command's own exit code.
    pub fn with_code(self, code: u8) -> Failure {
        Failure { code, ..self }
    }

    /// The same failure with advice.
    pub fn hint(mut self, hint: impl Into<String>) -> Failure {
        self.hints.push(hint.into());
        self
    }

    /// The mistakes of a recipe or of `toji.toml`.
    pub fn diagnostics(found: &[Diagnostic], say: &Say) -> Failure {
        let text = book::report(found, say.look());
        Failure { diagnostics: found.to_vec(), ..Failure::usage(text) }
    }

    /// Says it on stderr, or as JSON on stdout.
    pub fn tell(&self, say: &Say) {
        if say.is_json() {
            say.json(&serde_json::json!({
                "error": self.text, "hints": self.hints, "code": self.code, "problems": self.diagnostics,
            }));
            return;
        }
        if self.diagnostics.is_empty() {
            say.error(&format!("toji: {}", self.text.lines().map(plain).collect::<Vec<_>>().join("\n")));
        } else {
            // Made plain where it was drawn; it may hold colours on purpose.
            say.error(self.text.trim_end());
        }
        for hint in &self.hints {
            say.error(&format!("  {}", plain(hint)));
        }
    }
}

impl From<SessionError> for Failure {
    fn from(error: SessionError) -> Failure {
        match &error {
            SessionError::NoSuchRecipe { .. }
            | SessionError::Misuse(_)
            | SessionError::Mistakes(_)
            | SessionError::Score(toji::score::ScoreError::Unfound(_)) => Failure::usage(error.to_string()),
            error if error.is_cancelled() => Failure::failed("stopped; running it again goes on from the checkpoint"),
            error => Failure::failed(brew::chain(error)),
        }
    }
}

impl From<ShowError> for Failure {
    fn from(error: ShowError) -> Failure {
        match &error {
            // The ending of a file's name is a word of the command line.
            ShowError::UnknownForm { .. } | ShowError::NotPng { .. } | ShowError::NotAPage { .. } => {
                Failure::usage(error.to_string())
            }
            error => Failure::failed(error.to_string()),
        }
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Failure {
        Failure::failed(error.to_string())
    }
}
