//! The ranked lists of the host's queries.
//!
//! Takes what each network sees of queries and gallery; gives their lists. Several networks of a recipe become one as `[final]` says; an
//! ensemble's members answer one by one and are then joined as on the held-out queries, by the weights of all folds. Whether the
//! networks stand in the store or in a packed file is not known here.

use crate::base::progress::Silent;
use crate::base::{Cancel, Progress};
use crate::retrieve::post::Step;
use crate::retrieve::{ABSENT, Embeddings, Labelled, NONE, Ranking, Sides, index, post, rerank};
use crate::score::ensemble::Ensemble;
use crate::score::submission::{Answer, Combine};
use crate::session::SessionError;
use crate::session::brew::graph::host;
use crate::session::stages::ensemble::fuse::{self, Fused, Voice};
use crate::session::stages::ensemble::members::Kind;
use crate::session::stages::{self, Bench, Task, Whose, embed, ensemble};

/// The answers of a recipe's stages, as ids.
pub(super) fn of(bench: &Bench<'_>) -> Result<Vec<Answer>, SessionError> {
    let k = bench.project.competition.submission.count;
    let ranking = if bench.graph.members.is_empty() {
        let (sides, shared) = joined(bench)?;
        ranked(&shared, sides, k, bench.cancel)?
    } else {
        together(bench, k)?
    };
    let absent = bench.project.competition.submission.not_in_gallery.clone().unwrap_or_default();
    Ok(in_ids(&ranking, |photo| bench.photos.manifest.photos[photo as usize].id.clone(), &absent))
}

/// Lists as ids; `absent` is the word for "not in the gallery".
pub(super) fn in_ids(ranking: &Ranking, id: impl Fn(u32) -> String, absent: &str) -> Vec<Answer> {
    let item = |photo: &u32| if *photo == ABSENT { absent.to_owned() } else { id(*photo) };
    let answer = |(i, query): (usize, &u32)| {
        let items = ranking.list(i).iter().filter(|&&photo| photo != NONE).map(item).collect();
        Answer { query: id(*query), items }
    };
    ranking.queries.iter().enumerate().map(answer).collect()
}

/// All networks of a recipe on the host's photos as one, and the steps that are left.
fn joined(bench: &Bench<'_>) -> Result<(Sides, Vec<Step>), SessionError> {
    let (queries, gallery) = embed::host_places(bench.photos);
    let steps = stages::post::read_steps(bench.recipe)?;
    let mut found = Vec::new();
    for &slot in &bench.graph.answering {
        let stage = bench.graph.stage(Task::EmbedHost { slot })?;
        let folder = bench.project.store.folder(stage.name, &stage.artefact())?;
        let all = Embeddings::load(&folder.join(embed::FILE))?;
        let mut sides = Sides::new(all.subset(&queries)?, all.subset(&gallery)?);
        if let Some(mean) = embed::views::mean(bench, slot, Whose::Host)? {
            sides.views = Some([mean.subset(&queries)?, mean.subset(&gallery)?]);
        }
        sides.patches = embed::patches::load(bench, slot, Whose::Host)?;
        sides.labelled = stages::post::labelled(bench, Task::EmbedLabelled { slot })?;
        sides.non_targets = stages::post::non_targets(&bench.photos.manifest.labels, &steps, sides.labelled.as_ref())?;
        if steps.iter().any(Step::needs_logits) {
            sides.logits = stages::post::head(bench, slot, &sides)?;
        }
        found.push(sides);
    }
    let (combine, k) = (host::settings(bench.recipe)?.combine, bench.project.competition.k);
    as_one(combine, &steps, found, k, &bench.progress("post", "host"), bench.cancel)
}

/// What several networks see as one, and the steps that are left. Side by side, steps that change embeddings run on each network's own,
/// and those that rank run on all of them; a mean comes before all steps but test-time views. Lists are `k` long at least.
pub(super) fn as_one(
    combine: Combine,
    steps: &[Step],
    found: Vec<Sides>,
    k: usize,
    progress: &dyn Progress,
    cancel: &Cancel,
) -> Result<(Sides, Vec<Step>), SessionError> {
    let parted = match combine {
        Combine::Concat => steps.iter().position(Step::ranks).unwrap_or(steps.len()),
        // A step that turns each network's space another way would part what the mean needs alike.
        Combine::Mean => steps.iter().take_while(|step| matches!(step, Step::Tta { .. })).count(),
    };
    let (own, shared) = steps.split_at(parted);
    let mut done = Vec::new();
    for sides in found {
        done.push(rerank::apply(own, sides, k, progress, cancel)?.sides);
    }
    Ok((combined(combine, done)?, shared.to_vec()))
}

/// The lists after the steps that are left, `k` long.
pub(super) fn ranked(steps: &[Step], sides: Sides, k: usize, cancel: &Cancel) -> Result<Ranking, SessionError> {
    Ok(match rerank::apply(steps, sides, k, &Silent, cancel)? {
        done if done.lists.is_some() => done.ranking(k).unwrap_or_default(),
        done => index::search(&done.sides.queries, &done.sides.gallery, k, &Silent, cancel)?,
    })
}

/// How an ensemble's members become one.
pub(super) struct Joint<'a> {
    /// `[ensemble]`.
    pub own: &'a Ensemble,
    /// Its own `[post]`.
    pub steps: &'a [Step],
    /// What each member counts.
    pub weights: &'a [f64],
    /// The labels' names, by their numbers.
    pub labels: &'a [String],
    /// Queries and gallery.
    pub photos: (&'a [u32], &'a [u32]),
    /// How long lists are that are joined.
    pub depth: usize,
}

/// What the members say, in their order.
#[derive(Default)]
pub(super) struct Said {
    voices: Vec<Voice>,
    labelled: Vec<Option<Labelled>>,
}

impl Said {
    /// A member that is a recipe: what its networks see, and the steps that are left.
    pub(super) fn add(
        &mut self,
        joint: &Joint<'_>,
        (mut sides, shared): (Sides, Vec<Step>),
        cancel: &Cancel,
    ) -> Result<(), SessionError> {
        self.voices.push(match joint.own.fusion.reads_lists() {
            true => Voice::of_ranking(&ranked(&shared, sides, joint.depth, cancel)?, joint.photos.1),
            false => {
                self.labelled.push(sides.labelled.take());
                Voice::Embeddings(sides.queries, sides.gallery)
            }
        });
        Ok(())
    }
}

impl Joint<'_> {
    /// Whether its own steps go by labels.
    fn goes_by_labels(&self) -> bool {
        self.steps.iter().any(Step::needs_labelled)
    }

    /// The lists, `k` long.
    pub(super) fn lists(&self, said: Said, k: usize, cancel: &Cancel) -> Result<Ranking, SessionError> {
        let (fusion, Said { voices, labelled }) = (self.own.fusion, said);
        Ok(match fuse::fuse(fusion, self.weights, voices, self.photos, self.depth, &Silent, cancel)? {
            Fused::Lists(ranking) => ranking.cut(k),
            Fused::Embeddings { queries, gallery, .. } => {
                let mut sides = Sides::new(queries, gallery);
                if self.goes_by_labels() {
                    sides.labelled = fuse::labelled(fusion, self.weights, labelled)?;
                    sides.non_targets = stages::post::non_targets(self.labels, self.steps, sides.labelled.as_ref())?;
                }
                ranked(self.steps, sides, k, cancel)?
            }
        })
    }
}

/// The lists of an ensemble.
fn together(bench: &Bench<'_>, k: usize) -> Result<Ranking, SessionError> {
    let Some(own) = ensemble::settings(bench.recipe)? else { return Ok(Ranking::default()) };
    let (queries, gallery) = embed::host_places(bench.photos);
    let mut folds: Vec<usize> = bench.graph.slots.iter().map(|slot| slot.fold).collect();
    folds.sort_unstable();
    folds.dedup();
    let (steps, weights) =
        (stages::post::read_steps(bench.recipe)?, ensemble::read(bench.project, bench.graph)?.weights);
    let joint = Joint {
        own: &own,
        steps: &steps,
        weights: &weights,
        labels: &bench.photos.manifest.labels,
        photos: (&queries, &gallery),
        depth: ensemble::depth(bench).max(k),
    };
    let known = embed::labelled_places(bench.photos);
    let mut said = Said::default();
    for (i, member) in bench.graph.members.iter().enumerate() {
        match &member.kind {
            Kind::Outside(outside) => {
                if joint.goes_by_labels()
                    && let Voice::Embeddings(rows, _) = outside.voice(bench, &folds, (known, &[]))?
                {
                    said.labelled.push(stages::post::with_labels(bench, rows)?);
                }
                said.voices.push(outside.voice(bench, &folds, (&queries, &gallery))?);
            }
            Kind::Recipe(_) => said.add(&joint, joined(bench.member(i)?)?, bench.cancel)?,
        }
    }
    joint.lists(said, k, bench.cancel)
}

/// The embeddings of several networks, each divided by its length, as one.
fn combined(combine: Combine, mut found: Vec<Sides>) -> Result<Sides, SessionError> {
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
    all.patches = found.iter().flat_map(|sides| sides.patches.clone()).collect();
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
