//! What a network is to those who train and use it.

use candle_core::Tensor;

use super::{OpsError, Params, Tape, Var};

/// A network: pictures in, embeddings out.
pub trait Network: Send + Sync {
    /// Embeds pictures `x` `[b, 3, h, w]`, normalised with the backbone's mean and std; gives `[b, d]`.
    fn forward(&self, params: &Params, tape: &mut Tape, x: &Tensor) -> Result<Var, OpsError>;

    /// How much each place of the last feature map has to do with what the pictures `x` `[b, 3, h, w]` are: `[b, rows, columns]`.
    ///
    /// # Errors
    /// As [`Network::forward`]; and for a network without such a map.
    fn activation(&self, _params: &Params, _tape: &mut Tape, x: &Tensor) -> Result<Tensor, OpsError> {
        Err(OpsError::shape("activation", "a network with feature maps", x.dims()))
    }

    /// What stands at each place of a feature map of the pictures `x` `[b, 3, h, w]`, `[b, rows, columns, channels]`; `from_last` is 1 for the
    /// last map, 2 for the one before.
    ///
    /// # Errors
    /// As [`Network::forward`]; and for a network without such a map.
    fn map(&self, _params: &Params, _tape: &mut Tape, x: &Tensor, _from_last: usize) -> Result<Tensor, OpsError> {
        Err(OpsError::shape("map", "a network with feature maps", x.dims()))
    }

    /// The embeddings of pictures `x` `[b, 3, h, w]`, and what each place of the last feature map brings to them.
    ///
    /// # Errors
    /// As [`Network::forward`]; and for a network without such a map.
    fn places(&self, _params: &Params, _tape: &mut Tape, x: &Tensor) -> Result<Places, OpsError> {
        Err(OpsError::shape("places", "a network with feature maps", x.dims()))
    }

    /// `d`, the length of an embedding.
    fn embedding(&self) -> usize;

    /// Where the tensor of a name stands in the network.
    fn layer(&self, name: &str) -> Layer;
}

/// What each place of pictures' last feature map brings to their embeddings.
#[derive(Clone, Debug)]
pub struct Places {
    /// Rows and columns of the map.
    pub map: [usize; 2],
    /// What the network makes of the pictures, `[b, d]`.
    pub embeddings: Vec<f32>,
    /// Length of an embedding.
    pub dim: usize,
    /// `[b, rows · columns, width]`.
    pub parts: Vec<f32>,
    /// Numbers a part.
    pub width: usize,
    /// Whether a picture's parts add up to its embedding; elsewhere they add up to the mean of its map.
    pub is_exact: bool,
}

/// A place in a network; those nearer to the pictures are less. Layers are what timm's `group_matcher` calls groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Layer {
    /// The first layers, up to the first block: convolutions, embeddings of patches and places.
    Stem,
    /// A block by stage and place in it; without stages the first number counts.
    Block(u32, u32),
    /// Behind the last block, before the pooling.
    Tail,
    /// What the published network has between pooling and classifier.
    Pooled,
    /// What the recipe adds: learned pooling, and the layers that make the embedding.
    Neck,
}
