//! The table of comparisons.
//!
//! A pair is a network, a size, a batch and one of two modes; `peers/step.py` takes the same words. `input-pipeline` has no network:
//! it decodes and augments (`peers/pipeline.py`); `input-pipeline-later` reads what `[augment] cache` keeps.
//! `search` and `rerank` have embeddings for pictures (`peers/retrieval.py`).

use toji::learn::backbone;

/// What is timed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Forward, cross entropy, backward, AdamW.
    Train,
    /// Forward alone, without a recording.
    Eval,
    /// Decoding and augmenting pictures, one thread.
    Input,
    /// Exact top 100 of a gallery for each query.
    Search,
    /// k-reciprocal re-ranking of queries and gallery.
    Rerank,
}

impl Mode {
    /// As names and the peer's script have it.
    pub fn word(self) -> &'static str {
        match self {
            Mode::Train => "train",
            Mode::Eval => "eval",
            Mode::Input => "input",
            Mode::Search => "search",
            Mode::Rerank => "rerank",
        }
    }
}

/// One comparison.
#[derive(Clone, Copy, Debug)]
pub struct Pair {
    /// What is timed.
    pub mode: Mode,
    /// The pair's name behind `train-` or `eval-`.
    pub short: &'static str,
    /// timm's name of the network.
    pub network: &'static str,
    /// Side of the pictures, in pixels; numbers in an embedding.
    pub size: usize,
    /// Pictures in a batch; queries.
    pub batch: usize,
    /// Photos of a gallery; 0 where there is none.
    pub gallery: usize,
    /// Whether PyTorch may be faster with channels last, so that both layouts are tried.
    pub layouts: bool,
}

impl Pair {
    /// `train-resnet18`, `search`.
    pub fn name(&self) -> String {
        let dash = if self.short.is_empty() { "" } else { "-" };
        format!("{}{dash}{}", self.mode.word(), self.short)
    }

    /// Whether it is about ranked lists.
    pub fn is_retrieval(&self) -> bool {
        matches!(self.mode, Mode::Search | Mode::Rerank)
    }

    /// Whether Toji builds the network.
    pub fn is_built(&self) -> bool {
        self.mode == Mode::Input || self.is_retrieval() || backbone::preset(self.network).is_ok()
    }
}

/// The pair whose pictures were reduced before.
pub const LATER: &str = "pipeline-later";

/// All pairs, in the order in which they run.
pub fn all() -> Vec<Pair> {
    // Short name, timm's name, size, batch, whether both layouts are tried.
    const NETWORKS: [(&str, &str, usize, usize, bool); 9] = [
        ("resnet18", "resnet18", 96, 64, true),
        ("resnet18-64", "resnet18", 64, 64, true),
        ("resnet18-128", "resnet18", 128, 16, true),
        ("resnet50", "resnet50", 128, 16, true),
        ("efficientnet_b0", "efficientnet_b0", 128, 16, true),
        ("convnext_tiny", "convnext_tiny", 128, 16, true),
        ("caformer_s18", "caformer_s18", 128, 16, true),
        ("swin_tiny", "swin_tiny_patch4_window7_224", 224, 16, false),
        ("vit_small", "vit_small_patch16_224", 224, 16, false),
    ];
    let pairs = |mode| {
        NETWORKS.map(|(short, network, size, batch, layouts)| Pair {
            mode,
            short,
            network,
            size,
            batch,
            gallery: 0,
            layouts,
        })
    };
    let network = "JPEGs of 750 x 1000";
    let input = |short| Pair { mode: Mode::Input, short, network, size: 224, batch: 1, gallery: 0, layouts: false };
    let inputs = [input("pipeline"), input(LATER)];
    // The size of the sake competition's test set and gallery; of `rerank` one set, as large as the
    // peer's dense matrices have room for.
    let lists = |mode, batch, gallery| Pair { mode, short: "", network: "", size: 512, batch, gallery, layouts: false };
    let lists = [lists(Mode::Search, 2_942, 109_481), lists(Mode::Rerank, 20_000, 20_000)];
    pairs(Mode::Train).into_iter().chain(pairs(Mode::Eval)).chain(inputs).chain(lists).collect()
}
