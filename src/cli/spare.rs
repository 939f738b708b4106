//! What is there already is not written over, unless the same command wrote it.
//!
//! Takes the file that a command is about to write, and how one of its own begins; gives an error for all else: a table of the competition, a
//! person's page, weights that somebody brought.

use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

use toji::base::text::plain;
use toji::show::sheet::html;

use super::Context;
use super::failure::Failure;

/// So much of a file is looked at.
const BEGINNING: u64 = 64 << 10;

/// Refuses a file that is there and was not written by the command, and any below the project's own folders.
pub(super) fn spare(context: &Context, out: &Path, is_ours: &dyn Fn(&[u8]) -> bool) -> Result<(), Failure> {
    let Ok(real) = fs::canonicalize(out) else { return Ok(()) };
    let mut beginning = Vec::new();
    // What cannot be read is not known to be ours.
    let read = File::open(&real).and_then(|file| file.take(BEGINNING).read_to_end(&mut beginning));
    let is_own = context.project().is_ok_and(|project| {
        let folders = [project.competition.data.folder.clone(), project.competition.workbench.recipes.clone()];
        let folders =
            folders.into_iter().chain([".toji", "submissions", "solutions"].map(|name| project.root.join(name)));
        // A project whose data lies beside toji.toml keeps its exports there, too.
        let root = fs::canonicalize(&project.root).unwrap_or_default();
        let mut real_ones = folders.filter_map(|folder| fs::canonicalize(folder).ok()).filter(|folder| *folder != root);
        real_ones.any(|folder| real.starts_with(folder))
    });
    if !is_own && read.is_ok() && (beginning.is_empty() || is_ours(&beginning)) {
        return Ok(());
    }
    let told = plain(&out.display().to_string());
    Err(Failure::failed(format!("{told} is there and is not what this command writes; nothing was written"))
        .hint("name another file with --out, or move that one away"))
}

/// [`spare`] for a picture or a page of pictures: one gives way to another of its form, which its ending says.
pub(super) fn spare_picture(context: &Context, out: &Path) -> Result<(), Failure> {
    let ending = out.extension().map(|ending| ending.to_ascii_lowercase().to_string_lossy().into_owned());
    let has = |bytes: &[u8], text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
    spare(context, out, &|bytes| match ending.as_deref() {
        Some("png") => bytes.starts_with(b"\x89PNG\r\n\x1a\n"),
        Some("svg") => has(bytes, "<svg"),
        _ => has(bytes, html::MARK),
    })
}
