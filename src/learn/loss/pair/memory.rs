//! Cross-batch memory: the batch is compared with thousands of rows of the steps before.
//!
//! Takes a batch; gives the last `N` embeddings and labels, the batch's own among them, in the order in which
//! they lie in a ring. Embeddings change little from step to step, so rows that are some steps old still tell
//! where a label lies (Wang et al. 2020, arXiv 1912.06798). As pytorch-metric-learning's `CrossBatchMemory`:
//! the batch enters first, without its gradient, and its own rows are taken out of the pairs later.
//!
//! The ring lives in buffers, so that a checkpoint has it and a resumed training goes on with the same bits.

use candle_core::{DType, Device, Result, Tensor, bail};

/// Names of the buffers, the library's own: `[N, d]`, `[N]`, one number, and 0 or 1.
pub(super) const BUFFERS: [&str; 4] = ["embedding_memory", "label_memory", "queue_idx", "has_been_filled"];

/// Most classes whose numbers f32 holds exactly.
pub(super) const MOST_CLASSES: usize = 1 << 24;

/// What the batch is compared with.
#[derive(Debug)]
pub(super) struct Remembered {
    /// Rows `[m, d]`, as they were when they entered.
    pub(super) embeddings: Tensor,
    /// Their classes, `m`.
    pub(super) classes: Vec<u32>,
    /// Where the batch's own rows lie, `b`.
    pub(super) places: Vec<u32>,
    /// The buffers' new values, in the order of [`BUFFERS`].
    pub(super) buffers: Vec<Tensor>,
}

/// An empty memory of `size` rows of `dimensions` numbers: the buffers' first values, f32.
///
/// # Errors
/// When there is no memory for it.
pub(super) fn empty(size: usize, dimensions: usize) -> Result<Vec<Tensor>> {
    let shapes: [&[usize]; 4] = [&[size, dimensions], &[size], &[1], &[1]];
    shapes.iter().map(|shape| Tensor::zeros(*shape, DType::F32, &Device::Cpu)).collect()
}

/// Puts a batch into the memory, over the oldest rows.
///
/// `buffers` in the order of [`BUFFERS`], of any floating-point type; `embeddings` `[b, d]`;
/// `classes` below [`MOST_CLASSES`].
///
/// # Errors
/// When the batch is larger than the memory, or the buffers are not those of a memory.
pub(super) fn enqueue(buffers: &[Tensor], embeddings: &Tensor, classes: &[u32]) -> Result<Remembered> {
    let [rows, labels, queue, filled] = buffers else { bail!("a memory is 4 buffers, got {}", buffers.len()) };
    let (size, batch) = (rows.dim(0)?, classes.len());
    if batch > size {
        bail!("a batch of {batch} does not fit into a memory of {size}");
    }
    let number = |tensor: &Tensor| -> Result<Vec<f64>> { tensor.to_dtype(DType::F64)?.flatten_all()?.to_vec1() };
    let first = |tensor: &Tensor| -> Result<f64> { Ok(number(tensor)?.first().copied().unwrap_or(0.0)) };
    let start = first(queue)? as usize % size;
    let places: Vec<u32> = (start..start + batch).map(|place| (place % size) as u32).collect();

    let end = start + batch;
    let new = embeddings.detach().to_dtype(rows.dtype())?;
    let over = end.saturating_sub(size);
    // Round the end, the batch's last rows come to the front.
    let (tail, head) = (new.narrow(0, batch - over, over)?, new.narrow(0, 0, batch - over)?);
    let (before, after) = (rows.narrow(0, over, start - over)?, rows.narrow(0, end.min(size), size - end.min(size))?);
    let parts: Vec<&Tensor> =
        [&tail, &before, &head, &after].into_iter().filter(|part| part.elem_count() > 0).collect();
    let rows = Tensor::cat(&parts, 0)?;
    let mut all = number(labels)?;
    for (&place, &class) in places.iter().zip(classes) {
        all[place as usize] = f64::from(class);
    }
    let filled = first(filled)? != 0.0 || end >= size;
    let count = if filled { size } else { end };

    let buffer = |values: Vec<f64>| {
        let count = values.len();
        Tensor::from_vec(values, count, &Device::Cpu)?.to_dtype(labels.dtype())
    };
    Ok(Remembered {
        embeddings: rows.narrow(0, 0, count)?,
        classes: all[..count].iter().map(|&class| class as u32).collect(),
        places,
        buffers: vec![
            rows,
            buffer(all)?,
            buffer(vec![(end % size) as f64])?,
            buffer(vec![f64::from(u8::from(filled))])?,
        ],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(values: &[f32]) -> Tensor {
        Tensor::from_slice(values, (values.len(), 1), &Device::Cpu).unwrap()
    }

    #[test]
    fn a_ring_of_five_takes_batches_of_two() {
        let mut buffers = empty(5, 1).unwrap();
        let mut seen = Vec::new();
        for step in 0u32..4 {
            let batch = [2.0 * step as f32 + 1.0, 2.0 * step as f32 + 2.0];
            let found = enqueue(&buffers, &rows(&batch), &[step, step + 10]).unwrap();
            let kept: Vec<f32> = found.embeddings.flatten_all().unwrap().to_vec1().unwrap();
            seen.push((kept, found.classes, found.places));
            buffers = found.buffers;
        }
        assert_eq!(seen[0], (vec![1.0, 2.0], vec![0, 10], vec![0, 1]));
        assert_eq!(seen[1], (vec![1.0, 2.0, 3.0, 4.0], vec![0, 10, 1, 11], vec![2, 3]));
        assert_eq!(seen[2], (vec![6.0, 2.0, 3.0, 4.0, 5.0], vec![12, 10, 1, 11, 2], vec![4, 0]));
        assert_eq!(seen[3], (vec![6.0, 7.0, 8.0, 4.0, 5.0], vec![12, 3, 13, 11, 2], vec![1, 2]));
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let buffers = empty(2, 1).unwrap();
        let large = enqueue(&buffers, &rows(&[1.0, 2.0, 3.0]), &[0, 1, 2]).unwrap_err();
        assert!(large.to_string().contains("a batch of 3 does not fit into a memory of 2"), "{large}");
        // The largest class that fits comes back as itself.
        let most = MOST_CLASSES as u32 - 1;
        assert_eq!(enqueue(&buffers, &rows(&[1.0]), &[most]).unwrap().classes, [most]);
        assert!(enqueue(&buffers[1..], &rows(&[1.0]), &[0]).is_err());
    }
}
