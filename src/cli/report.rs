//! `toji report`: all that was recorded of a recipe, as HTML, Markdown or Word.

use std::path::{Path, PathBuf};

use serde_json::json;
use toji::base::files::archive::publish_archive;
use toji::base::files::publish;
use toji::base::text::plain;
use toji::base::{Cancel, Time};
use toji::score::ledger::{self, Entry};
use toji::session::Recipe;
use toji::session::errands::report::{Asked, Report, Whose, gather};
use toji::session::errands::submit::LEDGER;
use toji::session::survey::Survey;
use toji::show::report::{self as page, FONTS, Language, Written};

use super::failure::Failure;
use super::spare::spare;
use super::{Context, shell, surroundings, worker};

/// How many of the best and of the worst queries are shown.
const QUERIES: u32 = 4;

/// Arguments.
#[derive(clap::Args)]
#[command(
    after_help = "Nothing is trained and nothing is asked: what was not recorded is marked as missing, with the command that would record it.\n\
                        The same state gives the same bytes when --date is given. docs/report.md says what stands in it and where it is from."
)]
pub struct Args {
    /// Recipes: names, or paths of their files. The first is what the report is about, up to five others are set beside it.
    #[arg(value_name = "RECIPE", add = shell::recipes(), num_args = 1..=6, required_unless_present = "submission")]
    recipes: Vec<String>,
    /// Report a file that was handed in, as it was made: the first digits of its hash (4 or more), or a recipe (its newest).
    #[arg(long, value_name = "HASH", conflicts_with = "recipes")]
    submission: Option<String>,
    /// In which form; may be given several times. Default: by the ending of --out, else html.
    #[arg(long, value_name = "FORM", value_enum)]
    format: Vec<Form>,
    /// In which language.
    #[arg(long, value_name = "LANGUAGE", value_enum, default_value_t = Tongue::En)]
    lang: Tongue,
    /// The file; with several forms its ending is replaced. Markdown's pictures are written beside it. Default: reports/RECIPE.html in the project.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Write each plot as .svg and .png into this folder, too.
    #[arg(long, value_name = "DIR")]
    pictures: Option<PathBuf>,
    /// The day that the report bears: 2026-11-28. Default: today on the host's clock.
    #[arg(long, value_name = "DATE")]
    date: Option<String>,
    /// How many of the best and of the worst queries are shown.
    #[arg(long, value_name = "N", default_value_t = QUERIES, value_parser = clap::value_parser!(u32).range(0..=50))]
    queries: u32,
    /// A font file (.ttf, .otf, .ttc) for pictures in PNG; before those that are found in the system.
    #[arg(long, value_name = "FILE")]
    font: Option<PathBuf>,
}

/// A form of the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Form {
    /// One file with everything inside.
    Html,
    /// Markdown with pictures beside it.
    Md,
    /// Word.
    Docx,
}

impl Form {
    fn ending(self) -> &'static str {
        match self {
            Form::Html => "html",
            Form::Md => "md",
            Form::Docx => "docx",
        }
    }

    /// Whether a file of this form begins as a report does; a Word file of ours is not compressed, as those of other programs are.
    fn is_ours(self, bytes: &[u8]) -> bool {
        let has = |text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
        match self {
            Form::Html => has("default-src 'none'; img-src data:"),
            Form::Md => Language::ALL.into_iter().any(|language| has(page::lead(language))),
            Form::Docx => bytes.starts_with(b"PK\x03\x04") && bytes.get(8..10) == Some(&[0, 0]) && has("word/"),
        }
    }
}

/// A language.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Tongue {
    /// English.
    En,
    /// Japanese.
    Ja,
}

impl From<Tongue> for Language {
    fn from(tongue: Tongue) -> Language {
        match tongue {
            Tongue::En => Language::English,
            Tongue::Ja => Language::Japanese,
        }
    }
}

/// Writes the report.
pub fn report(context: &Context, args: &Args) -> Result<(), Failure> {
    let forms = forms(args)?;
    let root = context.root()?;
    let cancel = surroundings::stop_on_signals();
    let mut survey = Survey::new(&root, &context.around, worker::launch(&root));
    let snapshot = survey.look_only(&context.say);
    context.say.wipe();
    // Once more where there are mistakes, for a report of them with their places.
    let Ok(project) = survey.opened() else { return context.project().map(drop) };
    let photos = survey.read()?;
    let recipe = |name: &String| -> Result<Recipe, Failure> {
        let recipe = project.recipe(name)?;
        match recipe.is_broken() {
            true => Err(Failure::diagnostics(&recipe.diagnostics, &context.say)),
            false => Ok(recipe),
        }
    };
    let mut recipes = args.recipes.iter().map(recipe).collect::<Result<Vec<_>, _>>()?;
    let whose = match &args.submission {
        Some(text) => {
            let ledger = ledger::load(&project.root.join(LEDGER)).map_err(|e| Failure::failed(e.to_string()))?;
            Whose::Submission(Box::new(ledger.find(text).map_err(|e| Failure::usage(e.to_string()))?.clone()))
        }
        None => Whose::Recipe(Box::new(recipes.remove(0))),
    };
    let written =
        written(args.date.as_deref(), context.around.clock.now(), project.competition.leaderboard.utc_offset)?;
    let asked = Asked { whose, beside: recipes, written, queries: args.queries as usize };
    let facts = gather(&project, &photos, &snapshot, &asked, &context.say, &cancel)?;
    context.say.wipe();
    let out = target(context, args, &root, &facts);
    refuse_recipes(&out, &project.competition.workbench.recipes)?;
    let writer = Writer {
        context,
        facts: &facts,
        language: args.lang.into(),
        fonts: args.font.iter().map(|font| context.here.join(font)).chain(surroundings::fonts()).collect(),
    };
    if context.say.is_json() {
        context.say.json(&json!({ "report": facts }));
    }
    for form in &forms {
        spare(context, &out.with_extension(form.ending()), &|bytes| form.is_ours(bytes))?;
    }
    for form in forms {
        cancel.check().map_err(|error| Failure::failed(error.to_string()))?;
        writer.write(form, &out.with_extension(form.ending()))?;
    }
    if let Some(folder) = &args.pictures {
        writer.plots(&context.here.join(folder), &stem(&out))?;
    }
    if !context.say.is_json() && !facts.gaps.is_empty() {
        context.say.line(&format!(
            "{} things were not recorded; the report's last part says which, and how:",
            facts.gaps.len()
        ));
        facts.gaps.iter().for_each(|gap| context.say.line(&format!("  {}", plain(&gap.command))));
    }
    Ok(())
}

/// The report of a file that was handed in, as one HTML file that bears the day on which that was made.
pub(super) fn of_submission(
    context: &Context,
    entry: &Entry,
    language: Language,
    cancel: &Cancel,
) -> Result<String, Failure> {
    let root = context.root()?;
    let mut survey = Survey::new(&root, &context.around, worker::launch(&root));
    let snapshot = survey.look_only(&context.say);
    let Ok(project) = survey.opened() else { return context.project().map(|_| String::new()) };
    let photos = survey.read()?;
    let written = entry.date.date(project.competition.leaderboard.utc_offset);
    let whose = Whose::Submission(Box::new(entry.clone()));
    let asked = Asked { whose, beside: Vec::new(), written, queries: QUERIES as usize };
    let facts = gather(&project, &photos, &snapshot, &asked, &context.say, cancel)?;
    context.say.wipe();
    page::page(&facts, language).map_err(failed)
}

/// The forms that are wanted, each once.
fn forms(args: &Args) -> Result<Vec<Form>, Failure> {
    let mut forms = args.format.clone();
    forms.dedup();
    let ending =
        args.out.as_ref().map(|out| out.extension().unwrap_or_default().to_string_lossy().to_ascii_lowercase());
    let named = |ending: &str| match ending {
        "html" | "htm" => Some(Form::Html),
        "md" | "markdown" => Some(Form::Md),
        "docx" => Some(Form::Docx),
        _ => None,
    };
    match (forms.is_empty(), ending) {
        (false, _) => Ok(forms),
        (true, None) => Ok(vec![Form::Html]),
        (true, Some(ending)) => named(&ending).map(|form| vec![form]).ok_or_else(|| {
            let out = args.out.clone().unwrap_or_default();
            Failure::usage(format!("{}: a report is written as .html, .md or .docx", plain(&out.display().to_string())))
                .hint("name the file so, or say which with --format")
        }),
    }
}

/// The day that the report bears.
fn written(date: Option<&str>, now: Time, hours: f64) -> Result<String, Failure> {
    let day = match date {
        Some(text) => Time::read(text, hours).map_err(|error| Failure::usage(format!("--date: {error}")))?.0,
        None => now,
    };
    Ok(day.date(hours))
}

/// Where it is written.
fn target(context: &Context, args: &Args, root: &Path, facts: &Report) -> PathBuf {
    let tongue = if args.lang == Tongue::Ja { "-ja" } else { "" };
    let file = facts.subject.submission.map_or_else(String::new, |hash| format!("-{}", hash.short()));
    let usual = || root.join("reports").join(format!("{}{file}{tongue}.html", facts.subject.recipe));
    args.out.as_ref().map_or_else(usual, |out| context.here.join(out))
}

fn stem(out: &Path) -> String {
    out.file_stem().map_or_else(|| "report".to_owned(), |stem| stem.to_string_lossy().into_owned())
}

/// A Markdown file among the recipes would be taken for one.
fn refuse_recipes(out: &Path, recipes: &Path) -> Result<(), Failure> {
    let real = |folder: Option<&Path>| folder.and_then(|folder| std::fs::canonicalize(folder).ok());
    let folder = real(out.parent());
    if folder.is_some() && folder == real(Some(recipes)) {
        return Err(Failure::usage(format!("{} would lie among the recipes", plain(&out.display().to_string())))
            .hint("name a file in another folder with --out, or leave it out"));
    }
    Ok(())
}

struct Writer<'a> {
    context: &'a Context,
    facts: &'a Report,
    language: Language,
    fonts: Vec<PathBuf>,
}

fn failed(error: impl std::fmt::Display) -> Failure {
    Failure::failed(error.to_string())
}

impl Writer<'_> {
    fn write(&self, form: Form, out: &Path) -> Result<(), Failure> {
        let (facts, language) = (self.facts, self.language);
        let (missing, beside) = match form {
            Form::Html => {
                publish(out, page::page(facts, language).map_err(failed)?.as_bytes()).map_err(failed)?;
                (Vec::new(), 0)
            }
            Form::Md => {
                let written = page::markdown(facts, language, &stem(out), &self.fonts).map_err(failed)?;
                page::write(&written, out).map_err(failed)?;
                (written.missing, written.files.len())
            }
            Form::Docx => {
                let word = page::word(facts, language, &self.fonts).map_err(failed)?;
                publish_archive(out, &word.entries).map_err(failed)?;
                (word.missing, 0)
            }
        };
        self.said(out, form.ending(), beside, &missing);
        Ok(())
    }

    fn plots(&self, folder: &Path, stem: &str) -> Result<(), Failure> {
        let Written { files, missing, .. } =
            page::plots(self.facts, self.language, stem, &self.fonts).map_err(failed)?;
        for (name, bytes) in &files {
            publish(&folder.join(name), bytes).map_err(failed)?;
        }
        self.said(folder, "pictures", files.len(), &missing);
        Ok(())
    }

    fn said(&self, out: &Path, form: &str, beside: usize, missing: &[char]) {
        let say = &self.context.say;
        let missing: String = missing.iter().collect();
        if say.is_json() {
            say.json(&json!({ "file": out, "format": form, "pictures": beside, "missing": missing }));
            return;
        }
        let more = if beside > 0 { format!(", {beside} pictures") } else { String::new() };
        say.line(&plain(&format!("{}: written{more}", out.display())));
        if !missing.is_empty() {
            say.line(&plain(&format!("no font here has glyphs for {missing}, which show as ? in PNGs; install {FONTS}, or name a font with --font")));
        }
    }
}
