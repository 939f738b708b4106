//! Our side of `search` and `rerank`: what `peers/retrieval.py` does with faiss and NumPy, with Toji, on rows of the same kind.

use std::time::Instant;

use serde_json::{Value, json};
use toji::base::progress::Silent;
use toji::base::{Cancel, Seed};
use toji::retrieve::post::Step;
use toji::retrieve::{Embeddings, Sides, index, rerank};

use super::ours::{Memory, processor_seconds};
use super::pairs::{Mode, Pair};

/// Length of the lists.
const K: usize = 100;

/// Queries per second by wall and processor time, and memory as for networks.
pub fn measure(pair: &Pair) -> anyhow::Result<Value> {
    let queries = drawn(pair.batch, pair.gallery as u32, pair.size, 1)?;
    let one_set = pair.mode == Mode::Rerank;
    let gallery = if one_set { queries.clone() } else { drawn(pair.gallery, 0, pair.size, 0)? };
    let before = Memory::mark();
    let (start, processor) = (Instant::now(), processor_seconds());
    match pair.mode {
        Mode::Search => {
            std::hint::black_box(index::search(&queries, &gallery, K, &Silent, &Cancel::new())?);
        }
        Mode::Rerank => {
            // The paper's values, which the peer has too.
            let steps = [Step::KReciprocal { k1: 20, k2: 6, lambda: 0.3 }];
            let sides = Sides::new(queries, gallery);
            std::hint::black_box(rerank::apply(&steps, sides, K, &Silent, &Cancel::new())?);
        }
        _ => anyhow::bail!("{} is no search", pair.name()),
    }
    let (seconds, processor) = (start.elapsed().as_secs_f64(), processor_seconds() - processor);
    let (peak, growth) = before.since();
    let count = pair.batch as f64;
    Ok(json!({ "value": count / seconds, "by_processor": count / processor, "peak_mib": peak, "step_mib": growth }))
}

/// Rows of normal numbers.
fn drawn(n: usize, first: u32, dim: usize, seed: u64) -> anyhow::Result<Embeddings> {
    let mut draws = Seed::new(seed).draws();
    let data = (0..n * dim).map(|_| draws.normal() as f32).collect();
    Ok(Embeddings::new(dim, (first..first + n as u32).collect(), data)?)
}
