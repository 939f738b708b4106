//! `toji new`: a project around a person's own tables.
//!
//! Looks at the folder, says what it takes each table and column for and why, asks whether the test's labels occur in
//! training, and writes `toji.toml` and a first recipe whose folds imitate that. It changes nothing that is there.

use std::io::BufRead;
use std::path::{Path, PathBuf};

use toji::base::text::plain;
use toji::base::{Cancel, files};
use toji::book;
use toji::data::folds::Labels;
use toji::data::guess;
use toji::session::project::FACTS;
use toji::session::{Graph, Photos, Project, SessionError, brew};

use super::failure::Failure;
use super::{Context, surroundings};

/// Arguments.
#[derive(clap::Args)]
pub struct Args {
    /// The folder with the tables and pictures; it becomes the project.
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// Whether the labels of the test photos occur in training: closed (all of them), half-open (some; half-open:0.4 where
    /// 40 % are new), open (none). It chooses the first recipe's folds: stratified, mixed or group. Without it a person at a
    /// terminal is asked, and a Nishika layout counts as closed.
    #[arg(long, value_name = "HOW")]
    labels: Option<Labels>,
}

/// The recipe that a new project begins with.
const FIRST: &str = include_str!("../../recipes/00-first-pour.md");
/// Its folds.
const FOLDS: &str = "scheme = \"holdout\"";
/// What its prose says of them.
const PROSE: &str = "Every label gives photos to training and keeps some back.";

/// The first recipe with other folds.
fn first_recipe(folds: &str, labels: Option<Labels>) -> String {
    let prose = match labels {
        None | Some(Labels::Closed) => PROSE,
        Some(Labels::HalfOpen(_)) => {
            "Some labels are kept back whole, the others give photos to training and keep some back."
        }
        Some(Labels::Open) => "Some labels are kept back whole, and training never sees them.",
    };
    FIRST.replace(FOLDS, folds).replace(PROSE, prose)
}

/// Makes the project.
pub fn new(context: &Context, args: &Args) -> Result<(), Failure> {
    let folder = context.here.join(&args.folder);
    if !folder.is_dir() {
        return Err(Failure::usage(format!("{} is not a folder", folder.display()))
            .hint("put the competition's tables and pictures into a folder and name it"));
    }
    let facts = folder.join(FACTS);
    if facts.exists() {
        return Err(Failure::usage(format!("{} is there already; nothing was changed", facts.display())));
    }
    let guessed = guess::guess(&folder).map_err(|error| Failure::failed(error.to_string()))?;
    files::publish(&facts, guessed.toml().as_bytes()).map_err(|error| Failure::failed(error.to_string()))?;
    let recipe = folder.join("recipes").join("00-first-pour.md");
    let fresh = !recipe.exists();
    let nishika = guessed.facts.iter().any(|fact| fact.key == "data.layout" && fact.value.as_text() == Some("nishika"));
    let decided =
        guessed.folds.is_some() || guessed.facts.iter().any(|fact| fact.value.as_text() == Some("query-gallery"));
    let labels = match args.labels {
        Some(labels) => Some(labels),
        None if nishika => Some(Labels::Closed),
        // The tables divide by themselves.
        None if decided => None,
        None => ask(context),
    };
    let first = match (labels, &guessed.folds) {
        (Some(labels), _) => first_recipe(&labels.toml(), Some(labels)),
        (None, Some(folds)) => first_recipe(&folds.toml(), None),
        (None, None) => FIRST.to_owned(),
    };
    if fresh {
        files::publish(&recipe, first.as_bytes()).map_err(|error| Failure::failed(error.to_string()))?;
    }
    let mut fitted = fit_to_the_data(context, &folder, &recipe, fresh.then_some(&first))?;
    match labels {
        Some(labels) => fitted.insert(0, format!("{labels}: {}", labels.reason())),
        None if !decided => fitted.insert(0, UNASKED.to_owned()),
        None => {}
    }
    if context.say.is_json() {
        let facts: Vec<_> = guessed
            .facts
            .iter()
            .map(|fact| serde_json::json!({ "key": fact.key, "value": fact.value, "why": fact.why }))
            .collect();
        context.say.json(&serde_json::json!({ "folder": folder, "facts": facts, "notes": guessed.notes.iter().chain(&fitted).collect::<Vec<_>>() }));
        return Ok(());
    }
    guessed.text().lines().for_each(|line| context.say.line(&plain(line)));
    fitted.iter().for_each(|line| context.say.line(&plain(line)));
    context.say.line(&plain(&format!("wrote {} and {}", facts.display(), recipe.display())));
    context.say.line("look the guess over in toji.toml, then: toji plan");
    Ok(())
}

/// What is said where nobody could be asked.
const UNASKED: &str = "whether the test's labels occur in training is not known: the first recipe takes it that they do; where they do \
     not, [folds] scheme = \"group\" examines on labels that were never learnt, and \"mixed\" on some";

/// Asks a person at a terminal, until the answer is one; `None` without a terminal, or at the end of the input.
fn ask(context: &Context) -> Option<Labels> {
    if context.say.is_json() || !surroundings::is_interactive() {
        return None;
    }
    context.say.line("Do the labels of the test photos occur among the training photos?");
    context.say.line("  closed: all of them    half-open:0.4: all but 40 %    open: none of them");
    context.say.line("(enter: closed)");
    for line in std::io::stdin().lock().lines() {
        let line = line.ok()?;
        match line.trim() {
            "" => return Some(Labels::Closed),
            text => match text.parse() {
                Ok(labels) => return Some(labels),
                Err(error) => context.say.line(&plain(&error)),
            },
        }
    }
    None
}

/// Sees whether the first recipe can be examined on these photos, and tries other folds where it cannot: queries
/// that the tables give, or a part of the training photos. `first` is the recipe's text where it was written just now. Says
/// what it did.
fn fit_to_the_data(
    context: &Context,
    folder: &Path,
    recipe: &Path,
    first: Option<&String>,
) -> Result<Vec<String>, Failure> {
    let works = || -> Result<(), String> {
        let project =
            Project::open(folder, &context.around).map_err(|found| book::report(&found, book::Look::LINES))?;
        let told = |error: SessionError| brew::chain(&error);
        let photos = Photos::read(&project, &context.say, &Cancel::new()).map_err(told)?;
        context.say.wipe();
        let name = toji::session::recipe::name_of(recipe);
        let recipe = project.recipe(&name).map_err(told)?;
        let rung = recipe.rung(None).map_err(told)?;
        Graph::of(&project, &recipe, &photos, &rung).map(drop).map_err(told)
    };
    let Err(why) = works() else { return Ok(Vec::new()) };
    let unsaid = vec![format!("the first recipe does not fit these tables yet: {}", why.trim())];
    let failed = |error: files::FileError| Failure::failed(error.to_string());
    if let Some(first) = first {
        files::publish(recipe, first_recipe("scheme = \"given\"", None).as_bytes()).map_err(failed)?;
        if works().is_ok() {
            return Ok(vec!["the first recipe is examined on the queries that the tables give".to_owned()]);
        }
        files::publish(recipe, first.as_bytes()).map_err(failed)?;
    }
    let facts = folder.join(FACTS);
    let text = files::read_text(&facts).map_err(failed)?;
    if !text.contains("[protocol]") {
        let examined = format!(
            "{}\n\n[protocol]\n# The host's queries have no labels here, so some training photos are held out.\nkind = \"one-per-label\"\n",
            text.trim_end()
        );
        files::publish(&facts, examined.as_bytes()).map_err(failed)?;
        if works().is_ok() {
            return Ok(vec![
                "the host's queries have no labels here: recipes are examined on training photos that are held out"
                    .to_owned(),
            ]);
        }
        files::publish(&facts, text.as_bytes()).map_err(failed)?;
    }
    Ok(unsaid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_recipe_takes_any_folds() {
        assert_eq!(first_recipe(FOLDS, None), FIRST);
        for labels in ["closed", "half-open:0.4", "open"] {
            let labels: Labels = labels.parse().unwrap();
            let text = first_recipe(&labels.toml(), Some(labels));
            assert!(text.contains(&format!("[folds]\n{}\n", labels.toml())), "{text}");
            assert_eq!(text.contains(PROSE), labels == Labels::Closed);
        }
        assert!("half-open:2".parse::<Labels>().is_err());
    }
}
