//! All that answers a host in one file: packed weights.
//!
//! Takes a safetensors file that [`super::export()`] wrote: every network's tensors under timm's names behind `member.network.`, what
//! label-aware steps go by, and one metadata entry `toji` that says the rest: the recipes' texts, how photos come to the networks, the
//! weights of members, the form of the answer. It needs no project, no photo of the training and no other file. It is checked like any
//! text from elsewhere.

use std::path::{Path, PathBuf};

use safetensors::SafeTensors;
use safetensors::tensor::Dtype;
use serde::{Deserialize, Serialize};

use crate::base::{Key, files};
use crate::data::decode::Limits;
use crate::learn::backbone::{self, Settings, hub::Expected};
use crate::learn::loss::proxy::logits;
use crate::learn::ops::{Network, OpsError, Params};
use crate::learn::{Device, Tensor};
use crate::retrieve::{Embeddings, Labelled};
use crate::score::submission::Layout;
use crate::session::brew::graph::decode;
use crate::session::project::weights::Sight;
use crate::session::{Recipe, SessionError, schema};

/// The form of the file.
pub(super) const FORMAT: u32 = 1;
/// The metadata entry.
pub(super) const ENTRY: &str = "toji";
/// Tensors of labels, by photo of the labelled ones.
pub(super) const LABELS: &str = "labels";
pub(super) const COARSE: &str = "coarse";

/// Most answers to a picture.
const MOST: usize = 100_000;

/// What the metadata entry says.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Head {
    pub format: u32,
    /// The recipe's name.
    pub recipe: String,
    /// Its hash.
    pub key: Key,
    /// The recipe, or an ensemble's members.
    pub members: Vec<Member>,
    /// Of an ensemble.
    pub ensemble: Option<Joined>,
    /// The labels' names, by their numbers; none where no step goes by them.
    pub labels: Vec<String>,
    pub answer: Form,
    /// "MRR@20" and the score of cross-validation.
    pub metric: String,
    pub cv: f64,
}

/// Networks of one recipe.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Member {
    pub name: String,
    /// The recipe's text and its parents'.
    pub texts: Vec<(PathBuf, String)>,
    /// The picture that its first weights expected, and whether there were any.
    pub expected: Expected,
    pub pretrained: bool,
    /// The trainings: "fold 0", "all data".
    pub networks: Vec<String>,
    /// Classes of each network's head, where a step goes by it.
    pub classes: Vec<usize>,
    /// Whether labelled photos are there.
    pub labelled: bool,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Joined {
    pub texts: Vec<(PathBuf, String)>,
    pub weights: Vec<f64>,
    pub depth: usize,
}

/// How the host wants its answers, and what it calls none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Form {
    pub columns: [String; 2],
    pub separator: String,
    pub count: usize,
    /// How many answers the metric looks at: chains keep at least so many.
    pub k: usize,
    pub not_in_gallery: Option<String>,
    /// Most pixels and bytes of a picture.
    pub limits: [u64; 2],
}

/// Packed weights, read.
pub struct Packed {
    file: PathBuf,
    /// BLAKE3 of the file.
    pub hash: Key,
    bytes: Vec<u8>,
    head: Head,
    /// The recipe of each member.
    recipes: Vec<Recipe>,
    /// An ensemble's own.
    joint: Option<Recipe>,
}

impl Packed {
    /// Reads a file that [`super::export()`] wrote.
    ///
    /// # Errors
    /// When it is damaged, is another file, or was written by a Toji whose recipes this one does not read.
    pub fn open(file: &Path) -> Result<Packed, SessionError> {
        let bytes = files::read(file)?;
        let refuse = |why: String| SessionError::Unfit(format!("{}: {why}", file.display()));
        if bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(b"\x80\x02") {
            return Err(refuse("this is a pickle, which may run anything; only safetensors are read".to_owned()));
        }
        let (_, header) = SafeTensors::read_metadata(&bytes)
            .map_err(|error| refuse(format!("no whole safetensors file: {error}; copy it again")))?;
        SafeTensors::deserialize(&bytes)
            .map_err(|error| refuse(format!("no whole safetensors file: {error}; copy it again")))?;
        let text = header.metadata().as_ref().and_then(|entries| entries.get(ENTRY));
        let text = text.ok_or_else(|| {
            refuse("weights alone, without how photos come to them; toji export weights RECIPE packs both".to_owned())
        })?;
        let format = serde_json::from_str::<serde_json::Value>(text).ok();
        let format = format.and_then(|head| head.get("format")?.as_u64());
        match format {
            Some(format) if format == u64::from(FORMAT) => {}
            Some(_) => return Err(refuse("packed by a newer Toji; take that one".to_owned())),
            None => {
                return Err(refuse(
                    "a checkpoint or another file of Toji's, no packed weights; toji export weights RECIPE packs them"
                        .to_owned(),
                ));
            }
        }
        let head: Head = serde_json::from_str(text)
            .map_err(|error| refuse(format!("its entry {ENTRY:?} is damaged: {error}; pack it again")))?;
        let schema = schema::recipes();
        let read = |texts: &[(PathBuf, String)]| {
            Recipe::from_texts(texts, &schema)
                .map_err(|error| refuse(format!("its recipe cannot be read: {error}; was it packed by another Toji?")))
        };
        let recipes = head.members.iter().map(|member| read(&member.texts)).collect::<Result<Vec<_>, _>>()?;
        let joint = head.ensemble.as_ref().map(|joined| read(&joined.texts)).transpose()?;
        let weighed = head.ensemble.as_ref().is_none_or(|joined| joined.weights.len() == head.members.len());
        if recipes.is_empty() || head.members.iter().any(|member| member.networks.is_empty()) || !weighed {
            return Err(refuse("it holds no network, or a member without a weight; pack it again".to_owned()));
        }
        let counts = [head.answer.count, head.answer.k];
        if counts.iter().any(|count| !(1..=MOST).contains(count)) {
            return Err(refuse(format!("it wants {} answers of which {} count", head.answer.count, head.answer.k)));
        }
        let sound = |said: &Expected| {
            said.mean.iter().all(|x| x.is_finite()) && said.std.iter().all(|x| x.is_finite() && *x > 0.0)
        };
        if !head.members.iter().all(|member| sound(&member.expected)) {
            return Err(refuse("a mean or deviation of its pictures is no number above 0; pack it again".to_owned()));
        }
        Ok(Packed { file: file.to_owned(), hash: Key::of_bytes(&bytes), bytes, head, recipes, joint })
    }

    /// The file.
    pub(super) fn path(&self) -> &Path {
        &self.file
    }

    /// The recipe's name.
    pub fn name(&self) -> &str {
        &self.head.recipe
    }

    /// How the host wants its answers, `count` of them where that is said.
    pub fn layout(&self, count: Option<usize>) -> Layout {
        let Form { columns: [id_column, list_column], separator, count: usual, .. } = self.head.answer.clone();
        Layout { id_column, list_column, separator, k: count.unwrap_or(usual) }
    }

    /// How many answers chains keep at least.
    pub(super) fn k(&self) -> usize {
        self.head.answer.k
    }

    /// The word for "not in the gallery".
    pub(super) fn not_in_gallery(&self) -> Option<&str> {
        self.head.answer.not_in_gallery.as_deref()
    }

    /// What a picture may cost.
    pub(super) fn limits(&self) -> Limits {
        let [pixels, bytes] = self.head.answer.limits;
        Limits { pixels, bytes }
    }

    /// The labels' names, by their numbers.
    pub(super) fn labels(&self) -> &[String] {
        &self.head.labels
    }

    /// The recipes whose networks answer.
    pub(super) fn members(&self) -> &[Recipe] {
        &self.recipes
    }

    /// An ensemble's recipe, what its members count, and how long lists are that are joined.
    pub(super) fn joint(&self) -> Option<(&Recipe, &[f64], usize)> {
        self.joint.as_ref().zip(self.head.ensemble.as_ref()).map(|(own, said)| (own, &said.weights[..], said.depth))
    }

    /// The names of a member's networks.
    pub(super) fn networks(&self, member: usize) -> &[String] {
        &self.head.members[member].networks
    }

    /// How photos come to a member's networks.
    pub(super) fn sight(&self, member: usize) -> Result<Sight, SessionError> {
        let said = &self.head.members[member];
        Sight::of(&self.recipes[member], &said.expected, said.pretrained)
    }

    /// A network with its weights.
    pub(super) fn network(&self, member: usize, number: usize) -> Result<(Box<dyn Network>, Params), SessionError> {
        let settings: Settings = decode(&self.recipes[member], "backbone")?;
        let (network, mut params) = backbone::build(&settings, self.recipes[member].seed())?;
        let wanted: Vec<_> =
            params.iter().map(|(id, name, own, _)| (id, name.to_owned(), own.dims().to_vec())).collect();
        for (id, name, shape) in wanted {
            let name = format!("{member}.{number}.{name}");
            let (numbers, found) = self.floats(&name)?;
            if found != shape {
                return Err(self.refuse(format!("{name} is {found:?}, the network's {shape:?}")));
            }
            params.set(id, Tensor::from_vec(numbers, shape, &Device::Cpu).map_err(OpsError::from)?)?;
        }
        Ok((network, params))
    }

    /// A network's head with the number of its classes, where a step goes by it.
    pub(super) fn head(&self, member: usize, number: usize) -> Result<Option<(Tensor, usize)>, SessionError> {
        let Some(&classes) = self.head.members[member].classes.get(number) else { return Ok(None) };
        let (numbers, shape) = self.floats(&format!("{member}.{number}.{}", logits::HEAD))?;
        if shape.len() != 2 || classes == 0 || classes > shape[0] {
            return Err(
                self.refuse(format!("a head of shape {shape:?} has no direction for each of {classes} classes"))
            );
        }
        Ok(Some((Tensor::from_vec(numbers, shape, &Device::Cpu).map_err(OpsError::from)?, classes)))
    }

    /// The labelled photos as a network sees them, called by numbers from `first` on, where a step goes by them.
    pub(super) fn labelled(&self, member: usize, number: usize, first: u32) -> Result<Option<Labelled>, SessionError> {
        if !self.head.members[member].labelled {
            return Ok(None);
        }
        let (data, shape) = self.floats(&format!("{member}.{number}.{LABELS}"))?;
        let labels = self.whole(LABELS)?;
        let (rows, dim) = match shape[..] {
            [rows, dim]
                if dim > 0 && rows == labels.len() && u32::try_from(rows).is_ok_and(|n| n < u32::MAX - first) =>
            {
                (rows, dim)
            }
            _ => return Err(self.refuse(format!("{} labels for labelled photos of shape {shape:?}", labels.len()))),
        };
        let embeddings = Embeddings::new(dim, (first..).take(rows).collect(), data)?;
        let coarse = if self.tensors()?.names().contains(&COARSE) { Some(self.whole(COARSE)?) } else { None };
        let found = Labelled { embeddings, labels, coarse };
        found.check()?;
        Ok(Some(found))
    }

    fn tensors(&self) -> Result<SafeTensors<'_>, SessionError> {
        SafeTensors::deserialize(&self.bytes).map_err(|error| self.refuse(error.to_string()))
    }

    fn floats(&self, name: &str) -> Result<(Vec<f32>, Vec<usize>), SessionError> {
        let (four, shape) = self.numbers(name, Dtype::F32)?;
        let numbers: Vec<f32> = four.into_iter().map(f32::from_le_bytes).collect();
        if numbers.iter().any(|x| !x.is_finite()) {
            return Err(self.refuse(format!("{name} holds numbers that are not finite")));
        }
        Ok((numbers, shape))
    }

    fn whole(&self, name: &str) -> Result<Vec<u32>, SessionError> {
        Ok(self.numbers(name, Dtype::U32)?.0.into_iter().map(u32::from_le_bytes).collect())
    }

    fn numbers(&self, name: &str, dtype: Dtype) -> Result<(Vec<[u8; 4]>, Vec<usize>), SessionError> {
        let all = self.tensors()?;
        let tensor = all.tensor(name).map_err(|_| self.refuse(format!("it lacks {name}")))?;
        if tensor.dtype() != dtype {
            return Err(self.refuse(format!("{name} is {:?}, expected {dtype:?}", tensor.dtype())));
        }
        Ok((tensor.data().as_chunks::<4>().0.to_vec(), tensor.shape().to_vec()))
    }

    fn refuse(&self, why: String) -> SessionError {
        SessionError::Unfit(format!("{}: {why}; pack it again", self.file.display()))
    }
}
