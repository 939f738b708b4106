//! Packs all that a recipe answers by into one file.
//!
//! Takes a recipe, or an ensemble; trains what is missing, and writes every network that answers by `[final]` with what its post steps go
//! by. What the file is made of stands in [`super::packed`].

use std::path::{Path, PathBuf};

use safetensors::tensor::Dtype;
use serde::Serialize;

use super::packed::{COARSE, ENTRY, FORMAT, Form, Head, Joined, LABELS, Member, Packed};
use crate::base::files::{self, tensors};
use crate::base::{Cancel, Key};
use crate::dag::Event;
use crate::learn::Tensor;
use crate::learn::backbone::{self, Settings, hub::Expected};
use crate::learn::loss::proxy::logits;
use crate::learn::ops::OpsError;
use crate::learn::train::Checkpoint;
use crate::retrieve::post::Step;
use crate::score::submission::Layout;
use crate::session::brew::graph::decode;
use crate::session::brew::{self, Brewed, Manner};
use crate::session::project::weights;
use crate::session::stages::ensemble::members::Kind;
use crate::session::stages::fit::best;
use crate::session::stages::{self, Bench, Task, ensemble};
use crate::session::{Graph, Photos, Project, Recipe, Rung, SessionError};

/// A file of weights that was written.
#[derive(Clone, Debug, Serialize)]
pub struct Exported {
    /// Name of the recipe.
    pub recipe: String,
    /// The file.
    pub file: PathBuf,
    /// BLAKE3 of its bytes.
    pub file_hash: Key,
    /// Its size.
    pub bytes: u64,
    /// The networks in it: "fold 0", "all data", behind the member's name in an ensemble.
    pub networks: Vec<String>,
    /// "MRR@20".
    pub metric: String,
    /// The recipe's own score.
    pub cv: f64,
}

/// One tensor to be written.
struct Column {
    name: String,
    shape: Vec<usize>,
    numbers: Numbers,
}

enum Numbers {
    F32(Vec<f32>),
    U32(Vec<u32>),
}

/// Packs all that a recipe answers by into `file`; trains what is missing first.
///
/// # Errors
/// When brewing fails, a member came from outside, photos are seen through a table of boxes (which new photos are not in), or the file
/// cannot be written.
pub fn export(
    project: &Project,
    recipe: &Recipe,
    photos: &Photos,
    rung: &Rung,
    file: &Path,
    listen: &(dyn Fn(&Event) + Sync),
    cancel: &Cancel,
) -> Result<Exported, SessionError> {
    if file.exists() && Packed::open(file).is_err() {
        let text =
            format!("{} is there and is no packed weights; nothing was written, name another file", file.display());
        return Err(SessionError::Unfit(text));
    }
    super::one_head(project, recipe, photos, rung)?;
    let graph = Graph::of(project, recipe, photos, rung)?;
    for member in members(&graph, recipe)? {
        let seeing = weights::evaluation(member)?;
        if let Some(table) = seeing.tables().first() {
            let text = format!(
                "{} sees photos through the table of boxes {}, and photos that are not in it could not be seen so: nothing to pack",
                member.name, table.file
            );
            return Err(SessionError::Unfit(text));
        }
    }
    let manner = Manner { networks: true, ..Manner::default() };
    let Brewed { metric, score: cv, .. } = brew::brew(project, recipe, photos, rung, manner, listen, cancel)?;
    let mut graph = Graph::of(project, recipe, photos, rung)?;
    graph.add_answering(project, recipe, photos)?;
    let tell = |event: Event| listen(&event);
    let bench = Bench::new(project, recipe, photos, &graph, &tell, cancel);
    let mut columns = Vec::new();
    let mut packed = Vec::new();
    let benches: Vec<&Bench<'_>> = match graph.members.len() {
        0 => vec![&bench],
        count => (0..count).map(|member| bench.member(member)).collect::<Result<_, _>>()?,
    };
    for (number, bench) in benches.iter().enumerate() {
        cancel.check()?;
        packed.push(pack(bench, number, &mut columns)?);
    }
    let joined = match graph.members.is_empty() {
        true => None,
        false => Some(Joined {
            texts: texts(project, recipe),
            weights: ensemble::read(project, &graph)?.weights,
            depth: ensemble::depth(&bench),
        }),
    };
    let Layout { id_column, list_column, separator, k: count } = super::form(project)?.0;
    let head = Head {
        format: FORMAT,
        recipe: recipe.name.clone(),
        key: recipe.key(),
        labels: if packed.iter().any(|member| member.labelled) { photos.manifest.labels.clone() } else { Vec::new() },
        members: packed,
        ensemble: joined,
        answer: Form {
            columns: [id_column, list_column],
            separator,
            count,
            k: project.competition.k,
            not_in_gallery: project.competition.submission.not_in_gallery.clone(),
            limits: [project.competition.data.limits.pixels, project.competition.data.limits.bytes],
        },
        metric: metric.clone(),
        cv,
    };
    let several = head.members.len() > 1;
    let name = |member: &Member, network: &String| match several {
        true => format!("{} {network}", member.name),
        false => network.clone(),
    };
    let networks =
        head.members.iter().flat_map(|member| member.networks.iter().map(move |network| name(member, network)));
    let networks = networks.collect();
    write(file, &head, &columns)?;
    let bytes = files::read(file)?;
    let (file_hash, bytes) = (Key::of_bytes(&bytes), bytes.len() as u64);
    Ok(Exported { recipe: recipe.name.clone(), file: file.to_owned(), file_hash, bytes, networks, metric, cv })
}

/// The recipes whose networks answer.
fn members<'a>(graph: &'a Graph, recipe: &'a Recipe) -> Result<Vec<&'a Recipe>, SessionError> {
    if graph.members.is_empty() {
        return Ok(vec![recipe]);
    }
    let of = |member: &'a ensemble::members::Member| match &member.kind {
        Kind::Recipe(own) => Ok(&own.0),
        Kind::Outside(_) => Err(SessionError::Unfit(format!(
            "{} came from outside and has no networks here, so {} cannot be packed; predict with what made it",
            member.name, recipe.name
        ))),
    };
    graph.members.iter().map(of).collect()
}

/// The texts of a recipe, under names relative to the project.
fn texts(project: &Project, recipe: &Recipe) -> Vec<(PathBuf, String)> {
    let name = |file: &Path| file.strip_prefix(&project.root).unwrap_or(file).to_owned();
    recipe.book.texts.iter().map(|(file, text)| (name(file), text.clone())).collect()
}

/// One recipe's networks.
fn pack(bench: &Bench<'_>, number: usize, columns: &mut Vec<Column>) -> Result<Member, SessionError> {
    let (project, recipe, graph) = (bench.project, bench.recipe, bench.graph);
    let settings: Settings = decode(recipe, "backbone")?;
    let found = project.weights(&settings)?;
    let pretrained = found.is_some();
    let expected = match found {
        Some(found) => found.expected,
        None => Expected::of(backbone::preset(&settings.name)?),
    };
    let steps = stages::post::read_steps(recipe)?;
    let by_head = steps.iter().any(Step::needs_logits);
    let (mut networks, mut classes, mut labelled) = (Vec::new(), Vec::new(), false);
    for (i, &slot) in graph.answering.iter().enumerate() {
        let start = format!("{number}.{i}.");
        let (_, params) = match graph.fit(slot) {
            Some(fit) => {
                let (network, mut params) = backbone::build(&settings, recipe.seed())?;
                let file = best::weights(project, recipe, graph, slot, &folder(project, graph, fit)?)?;
                let mut checkpoint = Checkpoint::open(&file)?;
                checkpoint.load(&mut params)?;
                if by_head {
                    classes.push(stages::post::classes(bench, slot));
                    columns.push(column(format!("{start}{}", logits::HEAD), &checkpoint.tensor(logits::HEAD)?)?);
                }
                (network, params)
            }
            // As it comes: its own draws, or the weights that it names.
            None => stages::untrained(bench, slot)?,
        };
        for (_, name, tensor, _) in params.iter() {
            columns.push(column(format!("{start}{name}"), tensor)?);
        }
        if let Some(known) = stages::post::labelled(bench, Task::EmbedLabelled { slot })? {
            let shape = vec![known.embeddings.len(), known.embeddings.dim];
            let numbers = Numbers::F32(known.embeddings.data);
            columns.push(Column { name: format!("{start}{LABELS}"), shape, numbers });
            if !columns.iter().any(|column| column.name == LABELS) {
                let of = |name: &str, numbers: Vec<u32>| {
                    let (name, shape) = (name.to_owned(), vec![numbers.len()]);
                    Column { name, shape, numbers: Numbers::U32(numbers) }
                };
                columns.push(of(LABELS, known.labels));
                columns.extend(known.coarse.map(|coarse| of(COARSE, coarse)));
            }
            labelled = true;
        }
        networks.push(slot.to_string());
    }
    let texts = texts(project, recipe);
    Ok(Member { name: recipe.name.clone(), texts, expected, pretrained, networks, classes, labelled })
}

fn folder(project: &Project, graph: &Graph, task: Task) -> Result<PathBuf, SessionError> {
    let stage = graph.stage(task)?;
    Ok(project.store.folder(stage.name, &stage.artefact())?)
}

fn column(name: String, tensor: &Tensor) -> Result<Column, SessionError> {
    let numbers = tensor.flatten_all().and_then(|flat| flat.to_vec1()).map_err(OpsError::from)?;
    Ok(Column { name, shape: tensor.dims().to_vec(), numbers: Numbers::F32(numbers) })
}

fn write(file: &Path, head: &Head, columns: &[Column]) -> Result<(), SessionError> {
    let text = serde_json::to_string(head).map_err(|error| SessionError::Unfit(error.to_string()))?;
    let laid = columns.iter().map(|column| {
        let dtype = if matches!(column.numbers, Numbers::F32(_)) { Dtype::F32 } else { Dtype::U32 };
        (column.name.clone(), dtype, column.shape.clone())
    });
    files::publish_tensors(file, Some((ENTRY, text)), laid.collect(), |out, i| match &columns[i].numbers {
        Numbers::F32(numbers) => tensors::write_floats(out, numbers),
        Numbers::U32(numbers) => numbers.iter().try_for_each(|n| out.write_all(&n.to_le_bytes())),
    })?;
    Ok(())
}
