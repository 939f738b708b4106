//! Mistakes on the page: each under the line that it belongs to.
//!
//! Takes a recipe's page and its diagnostics; puts each into its cell, with the column counted in the text that is shown (in a list or a quotation the
//! file's lines have more). What a parent does wrong stands under the line that takes it over; what belongs to no cell, such as a table that is missing,
//! stands at the end of the first one, so that nothing is left out.

use std::path::Path;

use crate::book::Diagnostic;
use crate::session::Recipe;
use crate::session::snapshot::{Block, Problem};

/// A mistake as it is shown.
pub(in crate::session::survey) fn problem(root: &Path, found: &Diagnostic) -> Problem {
    Problem {
        file: found.file.strip_prefix(root).unwrap_or(&found.file).to_owned(),
        line: found.line,
        column: found.column,
        message: found.message.clone(),
        help: found.help.clone(),
    }
}

/// The lines of a cell that begins at line `first` of the file as they are shown, each with how many characters the file's line has before it.
pub(super) fn lines<'a>(whole: &str, cell: &'a str, first: usize) -> Vec<(&'a str, usize)> {
    let characters = |line: &str| line.trim_end().trim_start_matches('\u{feff}').chars().count();
    let written = whole.lines().skip(first.saturating_sub(1));
    written.zip(cell.lines()).map(|(w, shown)| (shown, characters(w).saturating_sub(characters(shown)))).collect()
}

/// Puts all mistakes of a recipe on its page.
pub(super) fn place(blocks: &mut [Block], recipe: &Recipe, root: &Path) {
    let Some((_, whole)) = recipe.book.texts.first() else { return };
    let extends = recipe.book.names.iter().find(|name| name.key == "recipe.extends");
    let mut left = Vec::new();
    for found in &recipe.diagnostics {
        let mut problem = problem(root, found);
        if found.file != recipe.book.file {
            let parent = found.file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            problem.message = format!("{parent}, line {}: {}", found.line, found.message);
            problem.file = recipe.book.file.strip_prefix(root).unwrap_or(&recipe.book.file).to_owned();
            (problem.line, problem.column) = extends.map_or((0, 0), |name| (name.line, name.column));
        }
        let home = blocks.iter_mut().find_map(|block| match block {
            Block::Cell { text, line, problems, .. } => {
                let inside = (*line..=*line + text.lines().count()).contains(&problem.line);
                inside.then_some((text, *line, problems))
            }
            Block::Prose { .. } => None,
        });
        match home {
            Some((text, first, problems)) => {
                let before = lines(whole, text, first).get(problem.line - first).map_or(0, |(_, before)| *before);
                problem.column = problem.column.saturating_sub(before).max(1);
                problems.push(problem);
            }
            None => left.push(problem),
        }
    }
    if let Some(Block::Cell { problems, .. }) = blocks.iter_mut().find(|block| matches!(block, Block::Cell { .. })) {
        problems.extend(left);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::files::publish;
    use crate::session::schema;

    #[test]
    fn every_mistake_has_its_line() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("b.md");
        publish(&folder.path().join("a.md"), b"# a\n\n```toml\n[loss]\nname = \"ArcFaceLoss\"\nmargin = 900\n```\n")
            .unwrap();
        let text = "# b\n\n```toml\n[recipe]\nextends = \"a.md\"\n```\n\n> - \u{7363}\n>\n>   ```toml\n>   [train]\n>   epochs = -1\n>   ```\n";
        publish(&file, text.as_bytes()).unwrap();
        let recipe = Recipe::read(&file, &schema::recipes());
        let cell = |(text, line): (&str, usize)| Block::Cell {
            text: text.to_owned(),
            line,
            names: Vec::new(),
            problems: Vec::new(),
            outputs: Vec::new(),
        };
        let mut blocks = [("[recipe]\nextends = \"a.md\"\n", 4), ("[train]\nepochs = -1\n", 11)].map(cell);
        place(&mut blocks, &recipe, folder.path());
        let told: Vec<Vec<String>> = blocks
            .iter()
            .map(|block| match block {
                Block::Cell { problems, .. } => {
                    problems.iter().map(|p| format!("{}:{} {}", p.line, p.column, p.message)).collect()
                }
                Block::Prose { .. } => Vec::new(),
            })
            .collect();
        assert_eq!(told[1], ["12:10 `train.epochs` is -1, but must be 0 to 100000 epochs"]);
        assert_eq!(told[0][0], "5:1 a.md, line 6: `loss.margin` is 900, but must be 0.0 to 180.0 degrees");
        assert_eq!(told[0].len(), 1, "{told:?}");
    }
}
