//! The file that is handed in.
//!
//! Takes a recipe; embeds the host's queries and gallery by each fold's network (or finds that in the
//! store), runs the recipe's post steps on them, ranks, writes the file in the competition's form and
//! notes it in the ledger. Several networks answer together, as `[final]` says: their embeddings, each divided
//! by its length, stand side by side, or their mean does where one space is common to all. An ensemble's members answer so one by one, and are then joined as on the held-out queries. A query whose picture was left out as unreadable is answered by a filler, and named.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::base::{Cancel, Key, files};
use crate::dag::Event;
use crate::data::Role;
use crate::data::layout::Listing;
use crate::retrieve::post::Step;
use crate::retrieve::{ABSENT, Embeddings, Labelled, NONE, Ranking, Sides, index, post, rerank};
use crate::score::ledger::{self, Entry};
use crate::score::submission::{self, Answer, Combine, Layout};
use crate::session::brew::graph::host;
use crate::session::brew::{self, Brewed, Manner};
use crate::session::stages::ensemble::fuse::{self, Fused, Voice};
use crate::session::stages::ensemble::members::{Kind, Member};
use crate::session::stages::{self, Bench, Task, Whose, embed, ensemble};
use crate::session::{Graph, Photos, Project, Recipe, Rung, SessionError};

/// The ledger's file, beside `toji.toml`.
pub const LEDGER: &str = "ledger.jsonl";

/// A submission that was written.
#[derive(Clone, Debug, Serialize)]
pub struct Submitted {
    /// Name of the recipe.
    pub recipe: String,
    /// The file.
    pub file: PathBuf,
    /// BLAKE3 of its bytes.
    pub file_hash: Key,
    /// Queries answered.
    pub rows: usize,
    /// "MRR@20".
    pub metric: String,
    /// The recipe's own score.
    pub cv: f64,
    /// Its 95 % interval.
    pub interval: [f64; 2],
    /// The rung whose networks answer.
    pub rung: String,
    /// The score of each training.
    pub folds: Vec<f64>,
    /// The post steps in words.
    pub post: Vec<String>,
    /// The trainings whose networks answer: "fold 0", "all data"; none for an ensemble, whose members have theirs.
    pub networks: Vec<String>,
    /// Queries whose pictures cannot be used, answered by what the other queries found most often.
    pub filled: Vec<Filled>,
}

/// A query that was answered without being looked up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Filled {
    /// The query's id.
    pub query: String,
    /// Its picture.
    pub file: PathBuf,
    /// Why it cannot be used.
    pub why: String,
}

/// Writes the submission of a recipe to `file` and notes it in the ledger.
///
/// # Errors
/// When the sample spells ids as other numbers than the tables do (before anything is brewed), when brewing fails,
/// the tables name no queries, or the file would not be valid.
pub fn submit(
    project: &Project,
    recipe: &Recipe,
    photos: &Photos,
    rung: &Rung,
    file: &Path,
    listen: &(dyn Fn(&Event) + Sync),
    cancel: &Cancel,
) -> Result<Submitted, SessionError> {
    refuse_to_overwrite(project, file)?;
    // Whether the sample is a table at all is judged when the file is written.
    if let Ok(Some(spelling)) = Listing::read(&project.competition)?.spelling(&project.competition) {
        return Err(spelling.into());
    }
    let graph = Graph::of(project, recipe, photos, rung)?;
    let by_head = |recipe: &Recipe| stages::post::steps(recipe).iter().any(Step::needs_logits);
    let member = |member: &Member| matches!(&member.kind, Kind::Recipe(own) if by_head(&own.0));
    let own = host::settings(recipe)?;
    let networks = if own.has_folds() { graph.slots.len() } else { 0 } + usize::from(own.has_all_data());
    if networks.max(graph.slots.len() * usize::from(!graph.members.is_empty())) > 1
        && (by_head(recipe) || graph.members.iter().any(member))
    {
        let text = "class-logits goes by the head of one network, and here several answer together: take --rung holdout, or [final] fit = \"all-data\"";
        return Err(SessionError::Unfit(text.to_owned()));
    }
    let manner = Manner { host: true, ..Manner::default() };
    let Brewed { metric, score, interval, .. } = brew::brew(project, recipe, photos, rung, manner, listen, cancel)?;
    let mut graph = Graph::of(project, recipe, photos, rung)?;
    graph.add_host(project, recipe, photos)?;
    let tell = |event: Event| listen(&event);
    let bench = Bench::new(project, recipe, photos, &graph, &tell, cancel);
    let mut answers = answers(&bench)?;
    let filled = fill(photos, &mut answers, project.competition.submission.count);

    let facts = &project.competition.submission;
    // A sample that the facts name must be there; the one that a layout assumes may be missing.
    let named = project.facts.get("submission.sample").is_some();
    let sample = facts.sample.as_ref().filter(|sample| named || sample.is_file());
    let sample_text = sample.map(|sample| files::read_text(sample)).transpose()?;
    let header = sample_text.as_deref().and_then(submission::header_of);
    let default = Layout::default();
    let [id_column, list_column] = facts.columns.clone().or(header).unwrap_or([default.id_column, default.list_column]);
    let layout = Layout { id_column, list_column, separator: facts.separator.clone(), k: facts.count };
    let (_, gallery) = embed::host_places(photos);
    let mut ids: HashSet<&str> = gallery.iter().map(|&i| photos.manifest.photos[i as usize].id.as_str()).collect();
    ids.extend(facts.not_in_gallery.as_deref());
    let written = submission::write(file, &layout, &answers, sample.map(PathBuf::as_path), &ids)?;
    let key = graph.stage(Task::Score)?.artefact();
    let meta = project.store.meta("score", &key)?;
    let folds: Vec<f64> = meta.and_then(|meta| meta.facts.get("folds")?.decode().ok()).unwrap_or_default();
    let entry = Entry {
        file: file.strip_prefix(&project.root).unwrap_or(file).to_owned(),
        file_hash: written.hash,
        recipe: recipe.name.clone(),
        recipe_hash: recipe.key(),
        metric: metric.clone(),
        cv: Some(score),
        interval: Some(interval),
        date: project.around.clock.now(),
        filled: filled.len(),
        rung: rung.to_string(),
        folds: folds.clone(),
        post: stages::post::steps(recipe).iter().map(in_words).collect(),
        networks: graph.answering.iter().map(ToString::to_string).collect(),
        stages: graph.nodes.iter().map(|node| (node.stage.label(), node.stage.artefact())).collect(),
    };
    let (post, networks) = (entry.post.clone(), entry.networks.clone());
    ledger::append(&project.root.join(LEDGER), entry)?;
    let (rows, file_hash, rung) = (written.rows, written.hash, rung.to_string());
    let (recipe, file) = (recipe.name.clone(), file.to_owned());
    Ok(Submitted { recipe, file, file_hash, rows, metric, cv: score, interval, rung, folds, post, networks, filled })
}

/// A post step as people write about it: `alpha-qe k = 5, alpha = 3`.
fn in_words(step: &Step) -> String {
    let parameters: Vec<String> =
        step.parameters().into_iter().map(|(key, value)| format!("{key} = {value}")).collect();
    [step.name().to_owned(), parameters.join(", ")].join(" ").trim_end().to_owned()
}

/// A file that is there already gives way only when the ledger knows its bytes: it is a submission then.
fn refuse_to_overwrite(project: &Project, file: &Path) -> Result<(), SessionError> {
    if !file.exists() {
        return Ok(());
    }
    let known = file.is_file() && {
        let hash = Key::of_bytes(&files::read(file)?);
        ledger::load(&project.root.join(LEDGER))?.entries.iter().any(|entry| entry.file_hash == hash)
    };
    if known {
        return Ok(());
    }
    let text = format!(
        "{} is there and is no submission of the ledger; nothing was written, name another file",
        file.display()
    );
    Err(SessionError::Unfit(text))
}

/// The ranked lists of the host's queries, as ids.
fn answers(bench: &Bench<'_>) -> Result<Vec<Answer>, SessionError> {
    let k = bench.project.competition.submission.count;
    let ranking = if bench.graph.members.is_empty() {
        let (sides, shared) = joined(bench)?;
        ranked(bench, &shared, sides, k)?
    } else {
        together(bench, k)?
    };
    let absent = bench.project.competition.submission.not_in_gallery.clone().unwrap_or_default();
    let id = |photo: &u32| match *photo {
        ABSENT => absent.clone(),
        photo => bench.photos.manifest.photos[photo as usize].id.clone(),
    };
    let answer = |(i, query): (usize, &u32)| {
        let items = ranking.list(i).iter().filter(|&&item| item != NONE).map(id).collect();
        Answer { query: id(query), items }
    };
    Ok(ranking.queries.iter().enumerate().map(answer).collect())
}

/// All networks of a recipe on the host's photos as one, and the steps that are left. Side by side, steps that change embeddings have run
/// on each network's own, and those that rank run on all of them; a mean comes before all steps.
fn joined(bench: &Bench<'_>) -> Result<(Sides, Vec<Step>), SessionError> {
    let (queries, gallery) = embed::host_places(bench.photos);
    let steps = stages::post::read_steps(bench.recipe)?;
    let combine = host::settings(bench.recipe)?.combine;
    let parted = match combine {
        Combine::Concat => steps.iter().position(Step::ranks).unwrap_or(steps.len()),
        // A step that turns each network's space another way would part what the mean needs alike.
        Combine::Mean => steps.iter().take_while(|step| matches!(step, Step::Tta { .. })).count(),
    };
    let (own, shared) = steps.split_at(parted);
    let mut found = Vec::new();
    for &slot in &bench.graph.answering {
        let stage = bench.graph.stage(Task::EmbedHost { slot })?;
        let folder = bench.project.store.folder(stage.name, &stage.artefact())?;
        let all = Embeddings::load(&folder.join(embed::FILE))?;
        let mut sides = Sides::new(all.subset(&queries)?, all.subset(&gallery)?);
        if let Some(mean) = embed::views::mean(bench, slot, Whose::Host)? {
            sides.views = Some([mean.subset(&queries)?, mean.subset(&gallery)?]);
        }
        sides.labelled = stages::post::labelled(bench, Task::EmbedLabelled { slot })?;
        sides.non_targets = stages::post::non_targets(bench, &steps, sides.labelled.as_ref())?;
        if shared.iter().any(Step::needs_logits) {
            sides.logits = stages::post::head(bench, slot, &sides)?;
        }
        found.push(stages::post::apply(bench, own, sides, &stage.part)?.sides);
    }
    Ok((as_one(combine, found)?, shared.to_vec()))
}

/// The lists after the steps that are left, `k` long.
fn ranked(bench: &Bench<'_>, steps: &[Step], sides: Sides, k: usize) -> Result<Ranking, SessionError> {
    let silent = &crate::base::progress::Silent;
    Ok(match rerank::apply(steps, sides, k, silent, bench.cancel)? {
        done if done.lists.is_some() => done.ranking(k).unwrap_or_default(),
        done => index::search(&done.sides.queries, &done.sides.gallery, k, silent, bench.cancel)?,
    })
}

/// The lists of an ensemble: each member answers with all its networks, then they are joined as on the held-out queries, by the weights of
/// all folds.
fn together(bench: &Bench<'_>, k: usize) -> Result<Ranking, SessionError> {
    let Some(own) = ensemble::settings(bench.recipe)? else { return Ok(Ranking::default()) };
    let (queries, gallery) = embed::host_places(bench.photos);
    let depth = ensemble::depth(bench).max(k);
    let mut folds: Vec<usize> = bench.graph.slots.iter().map(|slot| slot.fold).collect();
    folds.sort_unstable();
    folds.dedup();
    let (mut voices, mut labelled) = (Vec::new(), Vec::new());
    let own_steps = stages::post::read_steps(bench.recipe)?;
    let by_labels = own_steps.iter().any(Step::needs_labelled);
    let known = embed::labelled_places(bench.photos);
    for (i, member) in bench.graph.members.iter().enumerate() {
        voices.push(match &member.kind {
            Kind::Outside(outside) => {
                if by_labels && let Voice::Embeddings(rows, _) = outside.voice(bench, &folds, (&known, &[]))? {
                    labelled.push(stages::post::with_labels(bench, rows)?);
                }
                outside.voice(bench, &folds, (&queries, &gallery))?
            }
            Kind::Recipe(_) => {
                let theirs = bench.member(i)?;
                let (sides, shared) = joined(theirs)?;
                match own.fusion.reads_lists() {
                    true => Voice::of_ranking(&ranked(theirs, &shared, sides, depth)?, &gallery),
                    false => {
                        labelled.push(sides.labelled);
                        Voice::Embeddings(sides.queries, sides.gallery)
                    }
                }
            }
        });
    }
    let weights = ensemble::read(bench.project, bench.graph)?.weights;
    let silent = &crate::base::progress::Silent;
    Ok(match fuse::fuse(own.fusion, &weights, voices, (&queries, &gallery), depth, silent, bench.cancel)? {
        Fused::Lists(ranking) => ranking.cut(k),
        Fused::Embeddings { queries, gallery, .. } => {
            let mut sides = Sides::new(queries, gallery);
            if by_labels {
                sides.labelled = fuse::labelled(own.fusion, &weights, labelled)?;
                sides.non_targets = stages::post::non_targets(bench, &own_steps, sides.labelled.as_ref())?;
            }
            ranked(bench, &own_steps, sides, k)?
        }
    })
}

/// Answers the queries whose pictures were left out: a host wants a row for each. They get the photos that stand in
/// most of the other lists, which are the likeliest where nothing is known, then the gallery in its order.
fn fill(photos: &Photos, answers: &mut Vec<Answer>, count: usize) -> Vec<Filled> {
    let left_out = photos.manifest.skipped.iter().filter(|photo| matches!(photo.role, Role::Query | Role::Both));
    let filled: Vec<Filled> = left_out
        .map(|photo| Filled { query: photo.id.clone(), file: photo.path.clone(), why: photo.why.clone() })
        .collect();
    if filled.is_empty() {
        return filled;
    }
    let (_, gallery) = embed::host_places(photos);
    let mut likely: Vec<(&str, usize)> =
        gallery.iter().map(|&i| (photos.manifest.photos[i as usize].id.as_str(), 0)).collect();
    let places: HashMap<&str, usize> = likely.iter().enumerate().map(|(place, (id, _))| (*id, place)).collect();
    for item in answers.iter().flat_map(|answer| &answer.items) {
        if let Some(&place) = places.get(item.as_str()) {
            likely[place].1 += 1;
        }
    }
    // Stable: of equally frequent ones the first in the gallery.
    likely.sort_by_key(|(_, times)| std::cmp::Reverse(*times));
    let items: Vec<String> = likely.iter().take(count).map(|(id, _)| (*id).to_owned()).collect();
    answers.extend(filled.iter().map(|filled| Answer { query: filled.query.clone(), items: items.clone() }));
    filled
}

/// The embeddings of several networks, each divided by its length, as one.
fn as_one(combine: Combine, mut found: Vec<Sides>) -> Result<Sides, SessionError> {
    if found.len() == 1
        && let Some(only) = found.pop()
    {
        return Ok(only);
    }
    for sides in &mut found {
        post::l2(&mut sides.queries);
        post::l2(&mut sides.gallery);
        if let Some(labelled) = &mut sides.labelled {
            post::l2(&mut labelled.embeddings);
        }
        if let Some(photos) = &mut sides.non_targets {
            post::l2(photos);
        }
    }
    let join = |parts: Vec<&Embeddings>| -> Result<Embeddings, SessionError> {
        let photos = parts.first().map(|part| part.photos.clone()).unwrap_or_default();
        match combine {
            Combine::Concat => {
                let dim = parts.iter().map(|part| part.dim).sum();
                let row = |i: usize| parts.iter().flat_map(move |part| part.row(i).iter().copied());
                Ok(Embeddings::new(dim, photos.clone(), (0..photos.len()).flat_map(row).collect())?)
            }
            Combine::Mean => {
                let dim = parts.first().map_or(0, |part| part.dim);
                let sum = |at: usize| parts.iter().map(|part| part.data[at]).sum::<f32>();
                let mut mean = Embeddings::new(dim, photos.clone(), (0..dim * photos.len()).map(sum).collect())?;
                post::l2(&mut mean);
                Ok(mean)
            }
        }
    };
    let of = |side: fn(&Sides) -> &Embeddings| join(found.iter().map(side).collect());
    let mut all = Sides::new(of(|sides| &sides.queries)?, of(|sides| &sides.gallery)?);
    let non_targets: Vec<&Embeddings> = found.iter().filter_map(|sides| sides.non_targets.as_ref()).collect();
    if non_targets.len() == found.len() {
        all.non_targets = Some(join(non_targets)?);
    }
    let labelled: Vec<&Labelled> = found.iter().filter_map(|sides| sides.labelled.as_ref()).collect();
    if let Some(first) = labelled.first().filter(|_| labelled.len() == found.len()) {
        let embeddings = join(labelled.iter().map(|labelled| &labelled.embeddings).collect())?;
        all.labelled = Some(Labelled { embeddings, ..(*first).clone() });
    }
    Ok(all)
}
