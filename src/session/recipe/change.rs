//! A recipe changed without an editor: one value, a note, and back.
//!
//! Takes a recipe as it was read and a wish; gives a [`Proposal`]: the new text, read and checked as a save would be, with what it changes in words.
//! Nothing is written before [`Proposal::write`], and nothing at all where the new text has a mistake that the old one had not, or where the file is no
//! longer the text that was read: somebody else's save is never overwritten.

use std::path::{Path, PathBuf};

use super::{Recipe, fitting};
use crate::base::files;
use crate::base::{Time, Value};
use crate::book::check::names;
use crate::book::edit::{self, EditError};
use crate::book::{Block, Diagnostic, OriginKind, Schema};
use crate::session::stages::ensemble;
use crate::session::{Project, SessionError};

/// What shall be set.
#[derive(Clone, Copy, Debug)]
pub struct Wish<'a> {
    /// The setting's dotted name: `loss.margin`, `post.steps[0].dim`.
    pub key: &'a str,
    /// Its new value as it is typed.
    pub value: &'a str,
    /// What stood there when it was asked for, where somebody saw that.
    pub seen: Option<&'a str>,
    /// Whether a setting that this recipe does not write itself (from a parent, or a default) is written into it.
    pub add: bool,
}

/// A change that can be written.
#[derive(Clone, Debug)]
pub struct Proposal {
    /// The recipe's name.
    pub recipe: String,
    /// The file, links followed.
    pub file: PathBuf,
    /// What it holds.
    pub before: String,
    /// What it shall hold.
    pub after: String,
    /// The recipe as it will be.
    pub new: Recipe,
    /// What changes, in words: `loss.margin 17.2 → 22.9`.
    pub said: String,
}

/// Why a wish is not carried out.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// The recipe would have these mistakes, and has none of them now.
    #[error("{}", told(.0))]
    Wrong(Vec<Diagnostic>),
    /// The text cannot be changed so.
    #[error(transparent)]
    Edit(#[from] EditError),
    /// This is not the file to say it in; where it is from, and what to do.
    #[error("{0}")]
    Elsewhere(String),
    /// The file holds something else than what was read.
    #[error("{} was changed on disk since it was read, and is left alone; look at it again", .0.display())]
    Changed(PathBuf),
    /// Reading, writing, and what the project says.
    #[error(transparent)]
    Session(#[from] SessionError),
}

impl From<files::FileError> for ChangeError {
    fn from(error: files::FileError) -> ChangeError {
        ChangeError::Session(error.into())
    }
}

fn told(mistakes: &[Diagnostic]) -> String {
    let all: Vec<&str> = mistakes.iter().map(|mistake| mistake.message.as_str()).collect();
    all.join("; ")
}

impl Recipe {
    /// A recipe as it would be if its file held this text.
    pub fn read_as(file: &Path, text: &str, schema: &Schema) -> Recipe {
        let (book, mut diagnostics) = crate::book::read_as(file, text, schema);
        if !diagnostics.iter().any(Diagnostic::is_error) {
            diagnostics.extend(super::guard::findings(&book));
        }
        Recipe { name: super::name_of(file), book, diagnostics }
    }

    /// The text that was read.
    fn text(&self) -> Result<&str, ChangeError> {
        let text = self.book.texts.first().map(|(_, text)| text.as_str());
        text.ok_or_else(|| SessionError::Unfit(format!("{} could not be read", self.name)).into())
    }

    /// The text, where the file still holds it, and the file itself behind a link.
    fn untouched(&self) -> Result<(PathBuf, String), ChangeError> {
        let file = std::fs::canonicalize(&self.book.file).unwrap_or_else(|_| self.book.file.clone());
        let text = files::read_text(&file)?;
        if text != self.text()? {
            return Err(ChangeError::Changed(self.book.file.clone()));
        }
        Ok((file, text))
    }
}

/// Sets a value. `project` is where what the tables mean together is checked too; without one (its facts have mistakes) the recipe's own text is.
///
/// # Errors
/// Why it is not done, with what to do.
pub fn set(
    recipe: &Recipe,
    schema: &Schema,
    project: Option<&Project>,
    wish: Wish<'_>,
) -> Result<Proposal, ChangeError> {
    let (file, before) = recipe.untouched()?;
    let after = match edit::find(&before, wish.key) {
        Ok(place) => {
            let there = &before[place];
            if let Some(seen) = wish.seen.filter(|seen| *seen != there) {
                let text = format!("`{}` is {there} by now, no longer {seen}; look at it again", wish.key);
                return Err(ChangeError::Elsewhere(text));
            }
            edit::replace(&before, wish.key, wish.value)?
        }
        Err(EditError::NotWritten(_)) if wish.add && wish.seen.is_none() => edit::add(&before, wish.key, wish.value)?,
        Err(EditError::NotWritten(_)) => return Err(ChangeError::Elsewhere(elsewhere(recipe, schema, wish))),
        Err(error) => return Err(error.into()),
    };
    let new = Recipe::read_as(&recipe.book.file, &after, schema);
    let known = |mistake: &&Diagnostic| recipe.diagnostics.iter().any(|old| old.message == mistake.message);
    let wrong: Vec<Diagnostic> =
        new.diagnostics.iter().filter(|found| found.is_error() && !known(found)).cloned().collect();
    if !wrong.is_empty() {
        return Err(ChangeError::Wrong(wrong));
    }
    if let Some(project) = project
        && !new.is_broken()
        && !ensemble::is_one(&new)
        && (recipe.is_broken() || fitting::check(project, recipe).is_ok())
    {
        fitting::check(project, &new)?;
    }
    let written = |text: &str| edit::find(text, wish.key).ok().map(|place| text[place].to_owned());
    let said = match (written(&before), written(&after)) {
        // A table with a mistake gives no settings: then the texts are compared.
        (Some(old), Some(now)) if old != now && at(new.settings(), wish.key).is_none() => {
            format!("{} {old} → {now}", wish.key)
        }
        _ => in_words(recipe, &new, wish.key),
    };
    Ok(Proposal { recipe: recipe.name.clone(), file, before, after, new, said })
}

/// What a change of settings does, in words.
fn in_words(old: &Recipe, new: &Recipe, key: &str) -> String {
    let changes = new.settings().changes_from(old.settings());
    let from = |name: &str| match old.book.origins.get(name).filter(|origin| origin.kind == OriginKind::Inherited) {
        Some(origin) => format!(" (was from {}:{})", short(&origin.file), origin.line),
        None => String::new(),
    };
    let mut all: Vec<String> = changes.iter().map(|change| format!("{change}{}", from(&change.name))).collect();
    let more = all.len().saturating_sub(3);
    all.truncate(3);
    match (all.is_empty(), more) {
        (true, _) => format!("{key}: the same as before"),
        (false, 0) => all.join("; "),
        (false, more) => format!("{}; and {more} more", all.join("; ")),
    }
}

fn short(file: &Path) -> String {
    file.file_name().map_or_else(|| file.display().to_string(), |name| name.to_string_lossy().into_owned())
}

/// Where a setting is from that the recipe does not write itself, and what to do.
fn elsewhere(recipe: &Recipe, schema: &Schema, wish: Wish<'_>) -> String {
    let Wish { key, value, .. } = wish;
    let origin = recipe.book.origins.get(key);
    let now = at(recipe.settings(), key).map_or_else(String::new, |value| format!(" is {value}"));
    match origin.map(|origin| origin.kind) {
        Some(OriginKind::Inherited) => {
            let place = origin.map_or_else(String::new, |origin| format!("{}:{}", short(&origin.file), origin.line));
            format!(
                "`{key}`{now} by {place}, which {} extends; to write `{value}` into this recipe's own table, add it (--add), or change it there",
                recipe.name
            )
        }
        Some(OriginKind::Default) => {
            format!("`{key}`{now} by default and not written in {}; to write it there, add it (--add)", recipe.name)
        }
        Some(OriginKind::Own) | None => {
            let near = names::nearest(key, recipe.book.origins.keys().map(String::as_str).filter(|name| *name != key));
            let near = near.map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
            let table = key.split(['.', '[']).next().unwrap_or_default();
            let known = schema.sections.iter().any(|section| section.name == table);
            let add = if known { "; to write it there, add it (--add)" } else { "" };
            format!("`{key}` is not written in {}{add}{near}", recipe.name)
        }
    }
}

/// A setting by its dotted name with places of lists.
fn at<'a>(settings: &'a Value, key: &str) -> Option<&'a Value> {
    key.split('.').try_fold(settings, |value, step| {
        let (name, mut rest) = step.split_at(step.find('[').unwrap_or(step.len()));
        let mut value = value.get(name)?;
        while let Some((number, after)) = rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            let Value::List(items) = value else { return None };
            value = items.get(number.parse::<usize>().ok()?)?;
            rest = after;
        }
        Some(value)
    })
}

/// Appends a dated note to the prose.
///
/// # Errors
/// Why it is not done.
pub fn note(recipe: &Recipe, schema: &Schema, time: Time, words: &str) -> Result<Proposal, ChangeError> {
    let (file, before) = recipe.untouched()?;
    if !recipe.book.blocks.iter().any(|block| matches!(block, Block::Cell { .. })) {
        let text = format!("{} has no cell, so it is no recipe; nothing was written", recipe.book.file.display());
        return Err(ChangeError::Elsewhere(text));
    }
    let after = edit::note(&before, time, words)?;
    let new = Recipe::read_as(&recipe.book.file, &after, schema);
    if new.key() != recipe.key() {
        // The text has been compared already; this is the promise itself.
        return Err(EditError::Open.into());
    }
    let said = format!("a note of {}", edit::stamp(time));
    Ok(Proposal { recipe: recipe.name.clone(), file, before, after, new, said })
}

impl Proposal {
    /// The mistakes that the recipe had before and still has, in words; nothing where it has none.
    pub fn still(&self) -> Option<String> {
        let mut left = self.new.diagnostics.iter().filter(|mistake| mistake.is_error());
        let first = left.next()?;
        let more = match left.count() {
            0 => String::new(),
            more => format!(" (and {more} more)"),
        };
        Some(format!("the recipe still has a mistake: {}{more}", first.message))
    }

    /// Writes it, if the file is still what was read.
    ///
    /// # Errors
    /// When it is not, or cannot be written.
    pub fn write(&self) -> Result<(), ChangeError> {
        exchange(&self.file, &self.before, &self.after)
    }

    /// Takes it back, if the file is still as it was written.
    ///
    /// # Errors
    /// When it is not, or cannot be written.
    pub fn take_back(&self) -> Result<(), ChangeError> {
        exchange(&self.file, &self.after, &self.before)
    }
}

fn exchange(file: &Path, old: &str, new: &str) -> Result<(), ChangeError> {
    if files::read_text(file)? != old {
        return Err(ChangeError::Changed(file.to_owned()));
    }
    Ok(files::publish(file, new.as_bytes())?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::clock::Time;
    use crate::session::schema;

    const PARENT: &str = "# P\r\n\r\n```toml\r\n[loss]\r\nname = \"ArcFaceLoss\"\r\nmargin = 17.2 # 度\r\n\
        [augment]\r\ntrain = [{ op = \"Resize\", size = [32, 32] }]\r\n[backbone]\r\nname = \"resnet10t\"\r\n```\r\n";
    const CHILD: &str = "# 子\n\n```toml\n[recipe]\nextends = \"a.md\"\n\n[train]\nepochs = 3   # few\n```\n";

    fn folder() -> (tempfile::TempDir, PathBuf, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let (parent, child) = (folder.path().join("a.md"), folder.path().join("b.md"));
        files::publish(&parent, format!("\u{feff}{PARENT}").as_bytes()).unwrap();
        files::publish(&child, CHILD.as_bytes()).unwrap();
        (folder, parent, child)
    }

    fn wish<'a>(key: &'a str, value: &'a str) -> Wish<'a> {
        Wish { key, value, seen: None, add: false }
    }

    #[test]
    fn a_value_is_set_written_and_taken_back() {
        let (_folder, parent, _) = folder();
        let schema = schema::recipes();
        let recipe = Recipe::read(&parent, &schema);
        let proposal = set(&recipe, &schema, None, wish("loss.margin", "22.9")).unwrap();
        assert_eq!(proposal.said, "loss.margin 17.2 → 22.9");
        assert_eq!(proposal.after, format!("\u{feff}{PARENT}").replace("17.2", "22.9"));
        proposal.write().unwrap();
        assert_eq!(files::read_text(&parent).unwrap(), proposal.after);
        assert_ne!(Recipe::read(&parent, &schema).key(), recipe.key());
        assert!(matches!(set(&recipe, &schema, None, wish("loss.margin", "9")), Err(ChangeError::Changed(_))));
        proposal.take_back().unwrap();
        assert_eq!(files::read_text(&parent).unwrap(), proposal.before);
        files::publish(&parent, b"other").unwrap();
        assert!(matches!(proposal.take_back(), Err(ChangeError::Changed(_))));
        assert_eq!(files::read_text(&parent).unwrap(), "other");
    }

    #[test]
    fn what_is_wrong_is_told_as_a_save_would_and_not_written() {
        let (_folder, parent, _) = folder();
        let schema = schema::recipes();
        let recipe = Recipe::read(&parent, &schema);
        let Err(ChangeError::Wrong(found)) = set(&recipe, &schema, None, wish("loss.margin", "900")) else { panic!() };
        assert_eq!((found.len(), found[0].line, found[0].column), (1, 6, 10));
        assert!(found[0].message.contains("900"), "{}", found[0].message);
        let Err(ChangeError::Wrong(found)) = set(&recipe, &schema, None, wish("loss.name", "ArcFaceLos")) else {
            panic!()
        };
        assert!(found.iter().any(|d| d.help.as_deref() == Some("did you mean `ArcFaceLoss`?")), "{found:?}");
        let seen = Wish { seen: Some("17.5"), ..wish("loss.margin", "9") };
        let said = set(&recipe, &schema, None, seen).unwrap_err().to_string();
        assert_eq!(said, "`loss.margin` is 17.2 by now, no longer 17.5; look at it again");
        assert_eq!(files::read_text(&parent).unwrap(), format!("\u{feff}{PARENT}"));
    }

    #[test]
    fn one_of_two_mistakes_can_be_mended() {
        let (_folder, parent, _) = folder();
        let schema = schema::recipes();
        let text = PARENT.replace("17.2", "900").replace("[32, 32]", "[0, 32]");
        files::publish(&parent, text.as_bytes()).unwrap();
        let recipe = Recipe::read(&parent, &schema);
        assert!(recipe.is_broken());
        set(&recipe, &schema, None, wish("loss.margin", "20")).unwrap();
    }

    #[test]
    fn a_recipe_that_stays_broken_says_what_changes_and_what_is_left() {
        let (_folder, parent, _) = folder();
        let schema = schema::recipes();
        files::publish(&parent, b"```toml\n[loss]\nmargin = 0.5\n```\n").unwrap();
        let recipe = Recipe::read(&parent, &schema);
        let proposal = set(&recipe, &schema, None, wish("loss.margin", "99")).unwrap();
        assert_eq!(proposal.said, "loss.margin 0.5 → 99");
        assert_eq!(proposal.still().unwrap(), "the recipe still has a mistake: `loss.name` is missing");
        // No loss has a margin that is text, whichever may be meant.
        let Err(ChangeError::Wrong(found)) = set(&recipe, &schema, None, wish("loss.margin", "\"x\"")) else {
            panic!()
        };
        assert_eq!(found.len(), 1);
        assert!(found[0].message.contains("`loss.margin`"), "{}", found[0].message);
    }

    #[test]
    fn what_a_parent_says_is_added_when_that_is_asked_for() {
        let (_folder, parent, child) = folder();
        let schema = schema::recipes();
        let recipe = Recipe::read(&child, &schema);
        let said = |key: &str| set(&recipe, &schema, None, wish(key, "20")).unwrap_err().to_string();
        assert_eq!(
            said("loss.margin"),
            "`loss.margin` is 17.2 by a.md:6, which b extends; to write `20` into this recipe's own table, add it (--add), or change it there"
        );
        assert!(
            said("train.batch").starts_with("`train.batch` is 64 by default and not written in b"),
            "{}",
            said("train.batch")
        );
        assert_eq!(
            said("loss.margn"),
            "`loss.margn` is not written in b; to write it there, add it (--add); did you mean `loss.margin`?"
        );
        let add = |key, value| set(&recipe, &schema, None, Wish { add: true, ..wish(key, value) });
        let proposal = add("loss.margin", "20").unwrap();
        assert_eq!(proposal.after, format!("{CHILD}\n```toml\n[loss]\nmargin = 20\n```\n"));
        assert_eq!(proposal.said, "loss.margin 17.2 → 20.0 (was from a.md:6)");
        assert_eq!(add("train.batch", "32").unwrap().after, CHILD.replace("# few\n", "# few\nbatch = 32\n"));
        assert!(matches!(add("loss.margn", "2"), Err(ChangeError::Wrong(_))));
        assert_eq!(files::read_text(&parent).unwrap(), format!("\u{feff}{PARENT}"));
    }

    #[test]
    fn a_note_changes_no_key() {
        let (_folder, parent, child) = folder();
        let schema = schema::recipes();
        for file in [&parent, &child] {
            let recipe = Recipe::read(file, &schema);
            let note = note(&recipe, &schema, Time(1_795_737_600.0), "```toml\n[loss]\nmargin = 1\n```\n獺祭").unwrap();
            note.write().unwrap();
            let after = Recipe::read(file, &schema);
            assert_eq!((after.key(), after.diagnostics.len()), (recipe.key(), recipe.diagnostics.len()));
            let text = files::read_text(file).unwrap();
            assert!(text.starts_with(&note.before) && text.contains("> **2026-11-27 00:00 UTC** ```toml\\"), "{text}");
        }
    }
}
