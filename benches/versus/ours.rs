//! Our side of each pair: what `peers/` does in Python, with Toji.

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use candle_core::{CpuStorage, Device, InplaceOp2, Layout, Tensor, Var};
use rayon::prelude::*;
use toji::base::Seed;
use toji::learn::backbone::{Pool, Settings, build};
use toji::learn::ops::Tape;

/// Measured steps, after [`WARM`] that are not.
const STEPS: usize = 7;
const WARM: usize = 2;

/// Images per second of one training step (forward, cross entropy, backward, AdamW): the median.
pub fn train_step(name: &str, size: usize, batch: usize) -> anyhow::Result<f64> {
    let (network, mut params) = build(&Settings::new(name, Pool::Avg {}, 100), Seed::new(1))?;
    let mut draws = Seed::new(2).draws();
    let pixels: Vec<f32> = (0..batch * 3 * size * size).map(|_| draws.normal() as f32).collect();
    let x = Tensor::from_vec(pixels, (batch, 3, size, size), &Device::Cpu)?;
    let labels: Vec<u32> = (0..batch as u32).map(|i| i % 100).collect();
    let labels = Tensor::from_vec(labels, batch, &Device::Cpu)?;
    let zeros = |id| vec![0.0; params.get(id).elem_count()];
    let moments: Vec<_> = params.weights().map(|id| Mutex::new([zeros(id), zeros(id)])).collect();
    let mut tape = Tape::train();
    let mut seconds = Vec::new();
    for step in 1..=WARM + STEPS {
        let start = Instant::now();
        let embedding = network.forward(&params, &mut tape, &x)?;
        let logits = Var::from_tensor(&embedding.tensor())?;
        let loss = candle_nn::loss::cross_entropy(&logits, &labels)?;
        let dy = loss.backward()?.remove(&logits).ok_or_else(|| anyhow::anyhow!("no gradient"))?;
        let grads = tape.backward(&embedding, &dy)?;
        for (id, moments) in params.weights().zip(&moments) {
            let grad = grads.get(id).ok_or_else(|| anyhow::anyhow!("no gradient for {}", params.name(id)))?;
            params.get(id).inplace_op2(grad, &AdamW { moments, step: step as i32 })?;
        }
        tape.apply_updates(&mut params)?;
        anyhow::ensure!(loss.to_scalar::<f32>()?.is_finite(), "the loss is not finite");
        seconds.push(start.elapsed().as_secs_f64());
    }
    let mut measured = seconds.split_off(WARM);
    measured.sort_by(f64::total_cmp);
    Ok(batch as f64 / measured[STEPS / 2])
}

/// One parameter's step of AdamW (Loshchilov and Hutter 2017), with its two moments.
struct AdamW<'a> {
    moments: &'a Mutex<[Vec<f32>; 2]>,
    step: i32,
}

impl InplaceOp2 for AdamW<'_> {
    fn name(&self) -> &'static str {
        "AdamW"
    }

    fn cpu_fwd(&self, w: &mut CpuStorage, _: &Layout, g: &CpuStorage, _: &Layout) -> candle_core::Result<()> {
        const BLOCK: usize = 1 << 14;
        let (lr, decay, eps) = (1e-3f32, 1e-2f32, 1e-8f32);
        let first = 1.0 - 0.9f32.powi(self.step);
        let second = 1.0 - 0.999f32.powi(self.step);
        let mut moments = self.moments.lock().unwrap_or_else(PoisonError::into_inner);
        let [m, v] = &mut *moments;
        let (CpuStorage::F32(w), CpuStorage::F32(g)) = (w, g) else { return Ok(()) };
        let moments = m.par_chunks_mut(BLOCK).zip(v.par_chunks_mut(BLOCK));
        w.par_chunks_mut(BLOCK).zip(g.par_chunks(BLOCK)).zip(moments).for_each(|((w, g), (m, v))| {
            w.iter_mut().zip(g).zip(m.iter_mut().zip(v)).for_each(|((w, g), (m, v))| {
                *m += 0.1 * (g - *m);
                *v += 0.001 * (g * g - *v);
                *w -= lr * (decay * *w + *m / first / ((*v / second).sqrt() + eps));
            });
        });
        Ok(())
    }
}

/// The most memory this process has held, in MiB, where the system tells.
pub fn peak_mib() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse::<f64>().ok().map(|kib| kib / 1024.0)
}
