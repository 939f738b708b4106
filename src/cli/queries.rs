//! `toji queries`: each held-out query of a recipe with its answers, alone or beside another recipe's; or why one answer stands where it does.

use std::path::PathBuf;

use serde_json::json;
use toji::base::Cancel;
use toji::base::text::{fit, pad, plain};
use toji::session::errands::looking::Seen;
use toji::session::errands::looking::loader::load;
use toji::session::errands::looking::queries::{Answer, Order, Queries, Query};
use toji::session::{Graph, Photos, Project, Recipe};
use toji::show::sheet::Drawn;
use toji::show::sheet::page::{self, Card, Group, Mark, Page};

use super::failure::Failure;
use super::spare::spare_picture;
use super::{Context, shell, why};

/// Arguments.
#[derive(clap::Args)]
pub struct Args {
    /// The recipe: its name, or the path of its file. Nothing is trained: its lists must be in the store.
    #[arg(value_name = "RECIPE", add = shell::recipes())]
    recipe: String,
    /// How far up the ladder; with full, the queries of all folds.
    #[arg(long, value_name = "RUNG")]
    rung: Option<String>,
    /// Another recipe beside which each query is shown, paired by photo on the same folds.
    #[arg(long, value_name = "RECIPE", add = shell::recipes())]
    against: Option<String>,
    /// worst: worth the least first. changed: most different from the other recipe. lost: lost the most against it. label, order: as the
    /// tables have them. Default: worst; with --against changed.
    #[arg(long, value_name = "ORDER", value_parser = order)]
    sort: Option<Order>,
    /// How many queries.
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
    /// How many answers of each. Default: 3 in the list, all in a file and in JSON.
    #[arg(long, value_name = "N")]
    answers: Option<usize>,
    /// Draw them: .png, or .html for a browser (one file, pictures inside, nothing is fetched).
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// The longer side of the pictures in that file, in pixels.
    #[arg(long, visible_alias = "zoom", value_name = "PIXELS", default_value_t = 160, value_parser = clap::value_parser!(u32).range(32..=2048))]
    size: u32,
    /// Pictures beside each other in that file.
    #[arg(long, value_name = "N", default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..=100))]
    columns: u32,
    /// Which places make an answer like its query: the query's id, and with a colon the answer's rank (1 where left out). Both photos go through the
    /// network that answered, once. --out draws them, with boxes and by light.
    #[arg(long, value_name = "ID[:RANK]", conflicts_with_all = ["against", "sort", "limit", "answers"])]
    why: Option<String>,
    /// With --why: whose answer, where several trainings answered the query: "fold 0". Default: the first that did.
    #[arg(long, value_name = "TRAINING", requires = "why")]
    training: Option<String>,
    /// With --why: how many pairs of places, those first that add most to the similarity.
    #[arg(long, value_name = "N", requires = "why", default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=99))]
    pairs: u32,
    /// With --why: everything in one line, pixels too, as the workbench reads it.
    #[arg(long, requires = "why", hide = true)]
    pixels: bool,
    /// A font file (.ttf, .otf) for a .png with names that need glyphs which the built-in Latin font lacks.
    #[arg(long, value_name = "FILE")]
    font: Option<PathBuf>,
}

/// Lists or draws them.
pub fn queries(context: &Context, args: &Args) -> Result<(), Failure> {
    if let Some(out) = &args.out {
        spare_picture(context, &context.here.join(out))?;
    }
    let (project, recipe, photos) = context.opened(&args.recipe, &Cancel::new())?;
    if let Some(asked) = &args.why {
        let told = why::Told {
            asked,
            training: args.training.as_deref(),
            pairs: args.pairs as usize,
            line: args.pixels,
            out: args.out.as_ref().map(|out| (context.here.join(out), args.size)),
            font: args.font.as_ref().map(|font| context.here.join(font)),
        };
        return why::why(context, (&project, &recipe, &photos), args.rung.as_deref(), &told);
    }
    let mut found = of(&project, &recipe, &photos, args.rung.as_deref())?;
    if let Some(name) = &args.against {
        let other = project.recipe(name)?;
        if other.is_broken() {
            return Err(Failure::diagnostics(&other.diagnostics, &context.say));
        }
        let other = of(&project, &other, &photos, args.rung.as_deref())?;
        found.set_beside(&other);
        if let Some(why) = found.beside.as_ref().and_then(|beside| beside.why.as_ref()) {
            return Err(Failure::failed(plain(why)));
        }
    }
    let order = args.sort.unwrap_or(if args.against.is_some() { Order::Changed } else { Order::Worst });
    if order.compares() && args.against.is_none() {
        return Err(Failure::usage(format!("--sort {} needs --against RECIPE", order.name())));
    }
    let places = found.order(order);
    let shown: Vec<&Query> =
        places.iter().take(args.limit as usize).map(|place| &found.queries[*place as usize]).collect();
    let drawn = args.out.as_ref().map(|out| draw(context, &project, &found, &shown, order, (args, out))).transpose()?;
    if context.say.is_json() {
        for query in &shown {
            let mut object = json!(found.seen(query.photo));
            object["training"] = json!(found.training(query));
            object["first"] = json!(query.first);
            object["relevant"] = json!(query.relevant);
            object["value"] = json!(query.value);
            if found.beside.is_some() {
                object["other"] = json!(query.other.map(|(first, value)| json!({ "first": first, "value": value })));
            }
            let answers = found.answers(query);
            object["answers"] = json!(&answers[..args.answers.unwrap_or(usize::MAX).min(answers.len())]);
            context.say.json(&object);
        }
        context.say.json(&json!({
            "recipe": found.recipe, "rung": found.rung, "metric": found.metric, "value": found.value,
            "queries": found.queries.len(), "shown": shown.len(), "sort": order.name(), "beside": found.beside,
            "file": args.out.as_ref().map(|out| context.here.join(out)),
        }));
        return Ok(());
    }
    if let (Some(drawn), Some(out)) = (&drawn, &args.out) {
        said(context, drawn, &context.here.join(out));
        summary(&found).iter().for_each(|line| context.say.line(line));
        return Ok(());
    }
    let columns = context.say.columns(100);
    for query in &shown {
        context.say.line(&fit(&line(&found, query), columns));
        for answer in found.answers(query).iter().take(args.answers.unwrap_or(3)) {
            let word = if answer.hit { "hit " } else { "miss" };
            let said = format!("    {:>2} {word} {:.4}  {}", answer.rank, answer.similarity, named(answer));
            context.say.line(&fit(&said, columns));
        }
    }
    summary(&found).iter().for_each(|line| context.say.line(line));
    if shown.len() < found.queries.len() {
        context.say.line(&format!("{} of {} are shown (--limit)", shown.len(), found.queries.len()));
    }
    Ok(())
}

/// The queries of a recipe up to a rung.
pub(super) fn of(project: &Project, recipe: &Recipe, photos: &Photos, rung: Option<&str>) -> Result<Queries, Failure> {
    let graph = Graph::of(project, recipe, photos, &recipe.rung(rung)?)?;
    Ok(Queries::of(project, photos, &graph, &recipe.name)?)
}

/// A query with its answers, for a page of photos.
pub(super) fn group(project: &Project, found: &Queries, query: &Query, (answers, size): (Option<usize>, u32)) -> Group {
    let limits = &project.competition.data.limits;
    let picture = |seen: &Seen| load(&project.root.join(&seen.file), seen.part, size, limits);
    let own = found.seen(query.photo);
    let mut cards = vec![Card {
        picture: picture(&own),
        mark: Mark::Query,
        lines: vec![own.label.clone().unwrap_or_else(|| "no label".to_owned()), own.id.clone()],
    }];
    for answer in found.answers(query).into_iter().take(answers.unwrap_or(usize::MAX)) {
        let mark = if answer.hit { Mark::Hit } else { Mark::Miss };
        let mut lines = vec![format!("{}  {:.3}", answer.rank, answer.similarity)];
        let picture = match &answer.seen {
            Some(seen) => {
                lines.extend([seen.label.clone().unwrap_or_else(|| "no label".to_owned()), seen.id.clone()]);
                picture(seen)
            }
            None => Err("the answer is: not in the gallery".to_owned()),
        };
        cards.push(Card { picture, mark, lines });
    }
    Group { name: vec![line(found, query), own.file.display().to_string()], cards }
}

fn draw(
    context: &Context,
    project: &Project,
    found: &Queries,
    shown: &[&Query],
    order: Order,
    (args, out): (&Args, &PathBuf),
) -> Result<Drawn, Failure> {
    let mut title = vec![format!("{}: {} queries, {} first", found.recipe, shown.len(), order.name())];
    title.extend(summary(found));
    let groups = shown.iter().map(|query| group(project, found, query, (args.answers, args.size))).collect();
    let page = Page { title, groups, columns: args.columns as usize, size: args.size };
    let font = args.font.as_ref().map(|font| context.here.join(font));
    Ok(page::write(&page, &context.here.join(out), font.as_deref())?)
}

/// What was written.
pub(super) fn said(context: &Context, drawn: &Drawn, out: &std::path::Path) {
    let size = if drawn.width > 0 { format!(": {} × {} pixels", drawn.width, drawn.height) } else { String::new() };
    context.say.line(&plain(&format!("{}{size}", out.display())));
    if !drawn.missing.is_empty() {
        let missing: String = drawn.missing.iter().collect();
        context
            .say
            .line(&plain(&format!("the font has no glyphs for: {missing}; give one with --font, or write an .html")));
    }
}

/// "first hit 3 (was 1)  0.3333 (was 1.0000)  p17  獺祭".
fn line(found: &Queries, query: &Query) -> String {
    let rank = |first: Option<usize>| first.map_or_else(|| "none".to_owned(), |rank| rank.to_string());
    let own = found.seen(query.photo);
    let was = |text: &dyn Fn(Option<usize>, f32) -> String| {
        query.other.map(|(first, value)| format!(" (was {})", text(first, value))).unwrap_or_default()
    };
    let place = format!("first hit {}{}", rank(query.first), was(&|first, _| rank(first)));
    let value = format!("{:.4}{}", query.value, was(&|_, value| format!("{value:.4}")));
    let unanswerable = if query.relevant == 0 { "  (no right answer in the gallery)" } else { "" };
    let label = own.label.unwrap_or_else(|| "no label".to_owned());
    let wide = if found.beside.is_some() { 25 } else { 14 };
    plain(&format!("{}  {value}  {}  {label}{unanswerable}", pad(&place, wide), own.id))
}

/// "p17  獺祭".
fn named(answer: &Answer) -> String {
    match &answer.seen {
        Some(seen) => format!("{}  {}", seen.id, seen.label.as_deref().unwrap_or("no label")),
        None => "not in the gallery".to_owned(),
    }
}

/// The mean, and what changed against the other recipe.
fn summary(found: &Queries) -> Vec<String> {
    let mut lines = vec![format!(
        "{} {:.4} over {} queries of {} up to {}",
        found.metric,
        found.value,
        found.queries.len(),
        found.recipe,
        found.rung
    )];
    if let Some(beside) = &found.beside {
        lines.push(format!(
            "against {}: {:+.4} over {} queries that both answered; {} lost, {} won, {} equal",
            beside.recipe,
            beside.own - beside.other,
            beside.queries,
            beside.lost,
            beside.won,
            beside.queries - beside.lost - beside.won
        ));
    }
    lines.iter().map(|line| plain(line)).collect()
}

fn order(text: &str) -> Result<Order, String> {
    let known = Order::ALL.iter().find(|(_, name)| *name == text).map(|(order, _)| *order);
    known.ok_or_else(|| format!("there are {}", Order::ALL.map(|(_, name)| name).join(", ")))
}
