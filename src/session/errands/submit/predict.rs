//! Answers for pictures never seen, from packed weights alone.
//!
//! Takes packed weights and two folders of pictures; gives a file in the host's form: for each picture of the one the most alike of the
//! other. Nothing is read but these: no project, no table, no photo of the training. The lists are those that the recipe's submission has
//! for the same pictures.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Serialize;

use super::answers::{self, Joint, Said};
use super::packed::Packed;
use crate::base::progress::Silent;
use crate::base::{Cancel, Key, Progress, files, text};
use crate::data::Photo;
use crate::data::batch::Pictures;
use crate::data::content::{self, Content};
use crate::data::view::Area;
use crate::retrieve::post::Step;
use crate::retrieve::post::local::Patches;
use crate::retrieve::post::views::Views;
use crate::retrieve::{Embeddings, Logits, Ranking, Sides};
use crate::score::ensemble::Ensemble;
use crate::score::submission::{self, Answer};
use crate::session::brew::graph::host;
use crate::session::stages::embed::views::View;
use crate::session::stages::embed::{self, Eyes};
use crate::session::stages::{self, reduce};
use crate::session::{Photos, Project, Recipe, SessionError, Surroundings};

/// Decoded pictures are kept up to so many bytes, for several networks and views.
const ROOM: u64 = 2 << 30;

/// What a picture is called in the answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ids {
    /// Its file's name without folders and ending: "a/b.jpg" is "b".
    #[default]
    Stem,
    /// Its file's name with its ending: "b.jpg".
    Name,
    /// Its path in its folder: "a/b.jpg".
    Path,
}

/// What is asked.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// The folder of the pictures to be looked up.
    pub images: &'a Path,
    /// The folder of those among whom; the same folder: each among the others.
    pub gallery: &'a Path,
    /// What they are called.
    pub ids: Ids,
    /// How many answers; as many as the host wants where absent.
    pub count: Option<usize>,
}

/// A file of answers that was written.
#[derive(Clone, Debug, Serialize)]
pub struct Predicted {
    /// Name of the recipe.
    pub recipe: String,
    /// BLAKE3 of the packed weights.
    pub weights: Key,
    /// The file.
    pub file: PathBuf,
    /// BLAKE3 of its bytes.
    pub file_hash: Key,
    /// Pictures that were looked up.
    pub rows: usize,
    /// Pictures among whom.
    pub gallery: usize,
    /// Pictures that cannot be used, with the reason; those to be looked up have no row.
    pub unusable: Vec<(PathBuf, String)>,
}

/// Looks up every picture of one folder among those of another and writes the answers to `file`.
///
/// # Errors
/// When a folder has no picture that can be used, two pictures of a folder have one name, or the file cannot be written; on a stop.
pub fn predict(
    around: &Surroundings,
    packed: &Packed,
    asked: Asked<'_>,
    file: &Path,
    progress: &dyn Progress,
    cancel: &Cancel,
) -> Result<Predicted, SessionError> {
    let layout = packed.layout(asked.count);
    refuse_to_overwrite(packed, file, &format!("{},{}", layout.id_column, layout.list_column))?;
    let mut unusable = Vec::new();
    let (images, gallery) = (listed(asked.images)?, listed(asked.gallery)?);
    // One folder twice is one set of photos, of which none is its own answer.
    let alone = asked.images.canonicalize().ok() == asked.gallery.canonicalize().ok();
    let mut read = |files: Vec<PathBuf>, of: &Path| usable(packed, files, of, &mut unusable, progress, cancel);
    let images = read(images, asked.images)?;
    let gallery = if alone { Vec::new() } else { read(gallery, asked.gallery)? };
    let queries: Vec<u32> = (gallery.len() as u32..).take(images.len()).collect();
    let found: Vec<u32> = if alone { queries.clone() } else { (0..gallery.len() as u32).collect() };
    let asked_ids = named(&images, asked.images, asked.ids)?;
    let others = if alone { asked_ids.clone() } else { named(&gallery, asked.gallery, asked.ids)? };
    let ids: Vec<&String> = others.iter().filter(|_| !alone).chain(&asked_ids).collect();
    if let Some(id) = others.iter().find(|id| id.contains(&layout.separator)) {
        let (text, between) = (format!("a picture of the gallery is called {id:?}"), &layout.separator);
        return Err(SessionError::Unfit(format!("{text}, and answers are parted by {between:?}: rename it")));
    }
    let files: Vec<PathBuf> = gallery.into_iter().chain(images).collect();
    let (k, whole) = (layout.k.min(others.len().max(1)), vec![None; files.len()]);
    let ranking = ranking(around, packed, (&files, &whole), (&queries, &found), k, progress, cancel)?;
    let absent = packed.not_in_gallery().unwrap_or_default();
    let answers: Vec<Answer> = answers::in_ids(&ranking, |photo| ids[photo as usize].clone(), absent);
    let mut known: HashSet<&str> = others.iter().map(String::as_str).collect();
    known.extend(packed.not_in_gallery());
    let written = submission::write(file, &layout, &answers, None, &known)?;
    Ok(Predicted {
        recipe: packed.name().to_owned(),
        weights: packed.hash,
        file: file.to_owned(),
        file_hash: written.hash,
        rows: written.rows,
        gallery: others.len(),
        unusable,
    })
}

/// Answers the host's queries of a project by packed weights and writes them in its form, as [`super::answer`] does by those of the store; gives BLAKE3 of
/// the file and how many queries it answers.
///
/// # Errors
/// When the tables name no query or gallery, a picture cannot be read, or the file would not be valid; on a stop.
pub(in crate::session) fn answer(
    project: &Project,
    photos: &Photos,
    packed: &Packed,
    file: &Path,
    progress: &dyn Progress,
    cancel: &Cancel,
) -> Result<(Key, usize), SessionError> {
    let (queries, gallery) = embed::host_places(photos);
    if queries.is_empty() || gallery.is_empty() {
        return Err(SessionError::Unfit(
            "the tables name no query or no gallery of the host: nothing to predict".to_owned(),
        ));
    }
    // Numbers of the photos among those of the host, in the manifest's order, as the store's embeddings have them.
    let mut places: Vec<u32> = queries.iter().chain(&gallery).copied().collect();
    places.sort_unstable();
    places.dedup();
    let number = |place: &u32| places.binary_search(place).unwrap_or_default() as u32;
    let own = |side: &[u32]| side.iter().map(number).collect::<Vec<u32>>();
    let photo = |number: u32| &photos.manifest.photos[places[number as usize] as usize];
    let all: Vec<&Photo> = (0..places.len() as u32).map(photo).collect();
    let files: Vec<PathBuf> = all.iter().map(|photo| project.root.join(&photo.path)).collect();
    let parts: Vec<Option<Area>> = all.iter().map(|photo| photo.part()).collect();
    let (queries, gallery) = (own(&queries), own(&gallery));
    let k = project.competition.submission.count;
    let seen = (&files[..], &parts[..]);
    let ranking = ranking(&project.around, packed, seen, (&queries, &gallery), k, progress, cancel)?;
    let absent = project.competition.submission.not_in_gallery.as_deref().unwrap_or_default();
    let answers: Vec<Answer> = answers::in_ids(&ranking, |number| photo(number).id.clone(), absent);
    let (written, _) = super::write(project, photos, answers, file)?;
    Ok((written.hash, written.rows))
}

/// What is there already gives way only when it begins like answers of the same form.
fn refuse_to_overwrite(packed: &Packed, file: &Path, header: &str) -> Result<(), SessionError> {
    let is_weights = file.canonicalize().is_ok_and(|file| packed.path().canonicalize().is_ok_and(|own| own == file));
    let answers = || files::read(file).is_ok_and(|bytes| bytes.starts_with(header.as_bytes()));
    if file.exists() && (is_weights || !answers()) {
        let text = format!(
            "{} is there and holds no answers; nothing was written, name another file with --out",
            file.display()
        );
        return Err(SessionError::Unfit(text));
    }
    Ok(())
}

/// The pictures of a folder and the folders in it, by their paths in it, sorted.
fn listed(folder: &Path) -> Result<Vec<PathBuf>, SessionError> {
    let found = content::pictures_in(folder)?;
    if found.is_empty() {
        let text = format!("{} holds no picture (.jpg, .jpeg, .png, .webp)", folder.display());
        return Err(SessionError::Unfit(text));
    }
    Ok(found)
}

/// Those that can be used; notes the others.
fn usable(
    packed: &Packed,
    files: Vec<PathBuf>,
    folder: &Path,
    unusable: &mut Vec<(PathBuf, String)>,
    progress: &dyn Progress,
    cancel: &Cancel,
) -> Result<Vec<PathBuf>, SessionError> {
    let paths: Vec<&Path> = files.iter().map(PathBuf::as_path).collect();
    let contents = content::look(&paths, &packed.limits(), cancel, progress)?;
    let mut whole = Vec::with_capacity(files.len());
    for (file, content) in files.iter().zip(contents) {
        match content {
            Content::Picture { .. } => whole.push(file.clone()),
            Content::Unusable(why) => unusable.push((file.clone(), why)),
        }
    }
    match (whole.is_empty(), unusable.last()) {
        (true, Some((file, why))) => Err(SessionError::Unfit(format!(
            "no picture in {} can be used; {}: {why}",
            folder.display(),
            file.display()
        ))),
        _ => Ok(whole),
    }
}

/// What the pictures of a folder are called.
fn named(files: &[PathBuf], folder: &Path, ids: Ids) -> Result<Vec<String>, SessionError> {
    let name = |file: &PathBuf| {
        let inside = file.strip_prefix(folder).unwrap_or(file);
        let name = match ids {
            Ids::Stem => inside.file_stem().unwrap_or_default().to_string_lossy().into_owned(),
            Ids::Name => inside.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            Ids::Path => {
                inside.components().map(|part| part.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/")
            }
        };
        // A name may hold anything but a slash; an answer is a line.
        text::plain(&name)
    };
    let names: Vec<String> = files.iter().map(name).collect();
    let mut seen: std::collections::HashMap<&str, usize> = std::collections::HashMap::new();
    for (i, name) in names.iter().enumerate() {
        if let Some(first) = seen.insert(name, i) {
            let text = format!(
                "{} and {} would both be called {name}; name pictures by their paths: --ids path",
                files[first].display(),
                files[i].display()
            );
            return Err(SessionError::Unfit(text));
        }
    }
    Ok(names)
}

/// The lists, `k` long; of each file only the part that counts, where one is given.
fn ranking(
    around: &Surroundings,
    packed: &Packed,
    files: (&[PathBuf], &[Option<Area>]),
    (queries, gallery): (&[u32], &[u32]),
    k: usize,
    progress: &dyn Progress,
    cancel: &Cancel,
) -> Result<Ranking, SessionError> {
    let view = |member| joined(around, packed, member, files, (queries, gallery), progress, cancel);
    let Some((recipe, weights, depth)) = packed.joint() else {
        let (sides, shared) = view(0)?;
        return answers::ranked(&shared, sides, k, cancel);
    };
    let Some(table) = recipe.settings().get("ensemble") else {
        return Err(SessionError::Unfit("a packed ensemble without [ensemble]; pack it again".to_owned()));
    };
    let (own, steps) = (Ensemble::of(table)?, stages::post::read_steps(recipe)?);
    let (photos, depth) = ((queries, gallery), depth.max(k));
    let joint = Joint { own: &own, steps: &steps, weights, labels: packed.labels(), photos, depth };
    let mut said = Said::default();
    for member in 0..packed.members().len() {
        said.add(&joint, view(member)?, cancel)?;
    }
    joint.lists(said, k, cancel)
}

/// A member's networks on the pictures as one, and the steps that are left.
fn joined(
    around: &Surroundings,
    packed: &Packed,
    member: usize,
    (files, parts): (&[PathBuf], &[Option<Area>]),
    (queries, gallery): (&[u32], &[u32]),
    progress: &dyn Progress,
    cancel: &Cancel,
) -> Result<(Sides, Vec<Step>), SessionError> {
    let recipe = &packed.members()[member];
    let steps = stages::post::read_steps(recipe)?;
    let reduction = reduce::reduction(recipe)?;
    let parts = if parts.iter().any(Option::is_some) { parts.to_vec() } else { Vec::new() };
    let pictures = Pictures::new(files.to_vec(), packed.limits(), ROOM).parts(parts);
    let pictures = Arc::new(pictures.reduced_by(reduction));
    let mut found = Vec::new();
    for (number, name) in packed.networks(member).iter().enumerate() {
        let what = |view: &str| format!("{} {name}{view}", recipe.name);
        let see =
            |view: Option<&View>| seen(around, packed, (member, number), &pictures, view, &what, progress, cancel);
        let all = see(None)?;
        let mut sides = Sides::new(all.subset(queries)?, all.subset(gallery)?);
        let views = View::of(recipe);
        if !views.is_empty() {
            let mut mean = Views::default();
            for view in &views {
                mean.add(if view.is_plain() { all.clone() } else { see(Some(view))? })?;
            }
            let mean = mean.mean().map(|mean| Ok::<_, SessionError>([mean.subset(queries)?, mean.subset(gallery)?]));
            sides.views = mean.transpose()?;
        }
        sides.patches = patches(around, packed, (member, number), &pictures, &what(" places"), progress, cancel)?;
        sides.labelled = packed.labelled(member, number, files.len() as u32)?;
        sides.non_targets = stages::post::non_targets(packed.labels(), &steps, sides.labelled.as_ref())?;
        sides.logits = by_head(packed, recipe, (member, number), &sides)?;
        found.push(sides);
    }
    answers::as_one(host::settings(recipe)?.combine, &steps, found, packed.k(), &Silent, cancel)
}

/// All pictures as one network sees them, in one view.
#[expect(clippy::too_many_arguments, reason = "one call of it, in a closure that holds them all")]
fn seen(
    around: &Surroundings,
    packed: &Packed,
    (member, number): (usize, usize),
    pictures: &Arc<Pictures>,
    view: Option<&View>,
    what: &dyn Fn(&str) -> String,
    progress: &dyn Progress,
    cancel: &Cancel,
) -> Result<Embeddings, SessionError> {
    let (network, params) = packed.network(member, number)?;
    let mut sight = packed.sight(member)?;
    let mut name = what("");
    if let Some(view) = view {
        sight.evaluation = view.pipeline(&sight.evaluation)?;
        name = what(&format!(" {}", view.words()));
    }
    let eyes = Eyes { network: network.as_ref(), params: &params, sight: &sight };
    let progress = |_: &str, done: u64, total: u64, unit: &str| progress.at(&name, done, total, unit);
    let places: Vec<u32> = (0..pictures.len() as u32).collect();
    embed::rows(around, pictures.clone(), (places, 0), &eyes, &mut |_, _| Ok(()), &progress, cancel)
}

/// What a step of local descriptors compares, where there is one.
fn patches(
    around: &Surroundings,
    packed: &Packed,
    (member, number): (usize, usize),
    pictures: &Arc<Pictures>,
    name: &str,
    progress: &dyn Progress,
    cancel: &Cancel,
) -> Result<Vec<Arc<Patches>>, SessionError> {
    let recipe = &packed.members()[member];
    if stages::post::steps(recipe).iter().all(|step| step.local().is_none()) {
        return Ok(Vec::new());
    }
    let ((network, params), sight) = (packed.network(member, number)?, packed.sight(member)?);
    let eyes = Eyes { network: network.as_ref(), params: &params, sight: &sight };
    let progress = |_: &str, done: u64, total: u64, unit: &str| progress.at(name, done, total, unit);
    embed::patches::seen(recipe, around, pictures.clone(), &eyes, &progress, cancel)
}

/// What a network's head says of both sides.
fn by_head(
    packed: &Packed,
    recipe: &Recipe,
    (member, number): (usize, usize),
    sides: &Sides,
) -> Result<Option<Logits>, SessionError> {
    let Some((weight, classes)) = packed.head(member, number)? else { return Ok(None) };
    stages::post::logits_of(&weight, classes, stages::post::mirrors(recipe), sides)
}
