//! Mistakes as text.
//!
//! Takes diagnostics and how wide and colourful the reader's screen is; gives miette's picture of the
//! Markdown file with a caret under the place, or, where that would not fit, one line a mistake in the form
//! that editors and `grep` understand: `file:line:column: error: message`. Text from files is made
//! plain on the way, so it cannot steer a terminal.

use std::fmt::{self, Write};
use std::ops::Range;

use miette::{
    GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteError, MietteSpanContents, SourceCode, SourceSpan,
    SpanContents,
};

use super::{Diagnostic, Severity, Source};
use crate::base::text::plain;

/// How a report is drawn.
#[derive(Clone, Copy, Debug)]
pub struct Look {
    /// Columns of the screen. Below 60 the report is plain lines.
    pub width: usize,
    /// Whether colours are wanted.
    pub colour: bool,
    /// Whether pictures are wanted at all; without, plain lines.
    pub pictures: bool,
}

impl Look {
    /// Plain lines, for files and pipes.
    pub const LINES: Look = Look { width: 0, colour: false, pictures: false };
}

/// Most mistakes that are shown; the rest is counted.
const SHOWN: usize = 50;

/// All mistakes as text, in the given order, each ended by a line end.
pub fn report(diagnostics: &[Diagnostic], look: Look) -> String {
    let mut out = String::new();
    for diagnostic in diagnostics.iter().take(SHOWN) {
        let pictured = look.pictures && look.width >= 60 && picture(&mut out, diagnostic, look).is_ok();
        if !pictured {
            line(&mut out, diagnostic);
        }
    }
    if diagnostics.len() > SHOWN {
        let _ = writeln!(out, "and {} more", diagnostics.len() - SHOWN);
    }
    out
}

fn line(out: &mut String, d: &Diagnostic) {
    let file = plain(&d.file.display().to_string());
    let place = if d.line == 0 { file } else { format!("{file}:{}:{}", d.line, d.column) };
    let word = match d.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    let _ = writeln!(out, "{place}: {word}: {}", plain(&d.message));
    if let Some(also) = &d.also {
        let file = plain(&also.file.display().to_string());
        let _ = writeln!(out, "    {file}:{}:{}: {}", also.line, also.column, plain(&also.what));
    }
    if let Some(help) = &d.help {
        let _ = writeln!(out, "    help: {}", plain(help));
    }
}

fn picture(out: &mut String, d: &Diagnostic, look: Look) -> fmt::Result {
    let theme = if look.colour { GraphicalTheme::unicode() } else { GraphicalTheme::unicode_nocolor() };
    let handler =
        GraphicalReportHandler::new_themed(theme).with_width(look.width).with_links(false).with_context_lines(1);
    let mut drawn = String::new();
    handler.render_report(&mut drawn, &Picture::new(d))?;
    for row in drawn.lines() {
        let _ = writeln!(out, "{}", row.trim_end());
    }
    out.push('\n');
    Ok(())
}

/// A diagnostic in miette's terms, with a source text that is safe to show.
struct Picture {
    message: String,
    help: Option<String>,
    severity: Severity,
    text: Option<Shown>,
    labels: Vec<LabeledSpan>,
}

impl Picture {
    fn new(d: &Diagnostic) -> Picture {
        let mut help = d.help.as_deref().map(plain);
        let mut spans = Vec::new();
        if d.source.is_some() && d.line > 0 {
            spans.push((d.span.clone(), None));
        }
        if let Some(also) = &d.also {
            if also.file == d.file && d.source.is_some() {
                spans.push((also.span.clone(), Some(plain(&also.what))));
            } else {
                let other = format!("{}:{}:{}: {}", also.file.display(), also.line, also.column, also.what);
                help = Some(match help {
                    Some(help) => format!("{}\n{help}", plain(&other)),
                    None => plain(&other),
                });
            }
        }
        let shown = d.source.as_deref().map(|source| safe(source, &mut spans));
        let file = plain(&d.file.display().to_string());
        let message =
            if shown.is_some() && d.line > 0 { plain(&d.message) } else { format!("{file}: {}", plain(&d.message)) };
        let labels = spans
            .into_iter()
            .enumerate()
            .map(|(i, (span, label))| match i {
                0 => LabeledSpan::new_primary_with_span(Some(label.unwrap_or_else(|| "here".to_owned())), span),
                _ => LabeledSpan::new_with_span(label, span),
            })
            .collect();
        Picture { message, help, severity: d.severity, text: shown.map(|text| Shown { file, text }), labels }
    }
}

/// A text that counts columns in characters, as all of Toji does; miette's own texts count bytes.
struct Shown {
    file: String,
    text: String,
}

impl SourceCode for Shown {
    fn read_span<'a>(
        &'a self,
        span: &SourceSpan,
        before: usize,
        after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let read = self.text.read_span(span, before, after)?;
        // Without lines around it the place itself is meant, which becomes the title; else the start of the excerpt.
        let column = if before == 0 && after == 0 {
            let start = self.text.get(..span.offset()).unwrap_or_default();
            start.rsplit('\n').next().unwrap_or_default().chars().count()
        } else {
            read.column()
        };
        Ok(Box::new(MietteSpanContents::new_named(
            self.file.clone(),
            read.data(),
            *read.span(),
            read.line(),
            column,
            read.line_count(),
        )))
    }
}

/// The text with [`plain`]'s replacements, line ends and tabs kept, and the spans moved along. A span
/// that goes over a line end is cut there: the caret belongs to where the mistake begins.
fn safe(source: &Source, spans: &mut [(Range<usize>, Option<String>)]) -> String {
    let mut out = String::with_capacity(source.text.len());
    let mut moved: Vec<Range<usize>> = spans.iter().map(|_| usize::MAX..usize::MAX).collect();
    for (at, c) in source.text.char_indices() {
        for ((old, _), new) in spans.iter().zip(&mut moved) {
            if new.start == usize::MAX && at >= old.start {
                new.start = out.len();
            }
            if new.start != usize::MAX && new.end == usize::MAX && (at >= old.end || matches!(c, '\r' | '\n')) {
                new.end = out.len();
            }
        }
        match c {
            '\n' | '\t' => out.push(c),
            '\r' if source.text[at..].starts_with("\r\n") => {}
            '\u{feff}' if at == 0 => {}
            c => out.push_str(&plain(c.encode_utf8(&mut [0; 4]))),
        }
    }
    for ((old, _), new) in spans.iter_mut().zip(moved) {
        let start = new.start.min(out.len());
        *old = start..new.end.min(out.len()).max(start);
    }
    out
}

impl miette::Diagnostic for Picture {
    fn severity(&self) -> Option<miette::Severity> {
        Some(match self.severity {
            Severity::Error => miette::Severity::Error,
            Severity::Warning => miette::Severity::Warning,
        })
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.help.as_ref().map(|h| Box::new(h) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.text.as_ref().map(|t| t as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        Some(Box::new(self.labels.iter().cloned()))
    }
}

impl std::error::Error for Picture {}

impl fmt::Debug for Picture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl fmt::Display for Picture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}
