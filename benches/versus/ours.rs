//! Our side of each pair: what `peers/` does in Python, with Toji.

use std::time::Instant;

use candle_core::{CpuStorage, Device, InplaceOp2, Layout, Tensor, Var};
use rayon::prelude::*;
use toji::base::Seed;
use toji::learn::backbone::{Pool, build};
use toji::learn::ops::Tape;

/// Measured steps, after [`WARM`] that are not.
const STEPS: usize = 7;
const WARM: usize = 2;

/// Images per second of one training step (forward, cross entropy, backward, AdamW): the median.
pub fn train_step(name: &str, size: usize, batch: usize) -> anyhow::Result<f64> {
    let (network, mut params) = build(name, Pool::Avg {}, 100, Seed::new(1))?;
    let mut draws = Seed::new(2).draws();
    let pixels: Vec<f32> = (0..batch * 3 * size * size).map(|_| draws.normal() as f32).collect();
    let x = Tensor::from_vec(pixels, (batch, 3, size, size), &Device::Cpu)?;
    let labels: Vec<u32> = (0..batch as u32).map(|i| i % 100).collect();
    let labels = Tensor::from_vec(labels, batch, &Device::Cpu)?;
    let zeros = |id| Ok::<_, anyhow::Error>(params.get(id).zeros_like()?);
    let states = params.weights().map(|id| Ok((zeros(id)?, zeros(id)?))).collect::<anyhow::Result<Vec<_>>>()?;
    let mut tape = Tape::train();
    let mut seconds = Vec::new();
    for step in 1..=WARM + STEPS {
        let start = Instant::now();
        let embedding = network.forward(&params, &mut tape, &x)?;
        let logits = Var::from_tensor(&embedding.tensor())?;
        let loss = candle_nn::loss::cross_entropy(&logits, &labels)?;
        let dy = loss.backward()?.remove(&logits).ok_or_else(|| anyhow::anyhow!("no gradient"))?;
        let grads = tape.backward(&embedding, &dy)?;
        for (id, (m, v)) in params.weights().collect::<Vec<_>>().into_iter().zip(&states) {
            let grad = grads.get(id).ok_or_else(|| anyhow::anyhow!("no gradient for {}", params.name(id)))?;
            adamw(params.get(id), grad, m, v, step as i32)?;
        }
        tape.apply_updates(&mut params)?;
        anyhow::ensure!(loss.to_scalar::<f32>()?.is_finite(), "the loss is not finite");
        seconds.push(start.elapsed().as_secs_f64());
    }
    let mut measured = seconds.split_off(WARM);
    measured.sort_by(f64::total_cmp);
    Ok(batch as f64 / measured[STEPS / 2])
}

/// Adds `scale · other^power` to `keep · self`: the two moments of AdamW.
struct Moment {
    keep: f32,
    square: bool,
}

impl InplaceOp2 for Moment {
    fn name(&self) -> &'static str {
        "moment"
    }

    fn cpu_fwd(&self, m: &mut CpuStorage, _: &Layout, g: &CpuStorage, _: &Layout) -> candle_core::Result<()> {
        let (keep, square) = (self.keep, self.square);
        if let (CpuStorage::F32(m), CpuStorage::F32(g)) = (m, g) {
            m.par_chunks_mut(1 << 14).zip(g.par_chunks(1 << 14)).for_each(|(m, g)| {
                m.iter_mut().zip(g).for_each(|(m, g)| {
                    *m = keep * *m + (1.0 - keep) * if square { g * g } else { *g };
                });
            });
        }
        Ok(())
    }
}

fn adamw(w: &Tensor, g: &Tensor, m: &Tensor, v: &Tensor, step: i32) -> candle_core::Result<()> {
    m.inplace_op2(g, &Moment { keep: 0.9, square: false })?;
    v.inplace_op2(g, &Moment { keep: 0.999, square: true })?;
    let (lr, decay) = (1e-3, 1e-2);
    let (first, second) = (1.0 - 0.9f64.powi(step), 1.0 - 0.999f64.powi(step));
    let move_by = (m / first)?.div(&((v / second)?.sqrt()? + 1e-8)?)?;
    let new = ((w * (1.0 - lr * decay))? - (move_by * lr)?)?;
    w.inplace_op2(&new, &Moment { keep: 0.0, square: false })
}

/// The most memory this process has held, in MiB, where the system tells.
pub fn peak_mib() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse::<f64>().ok().map(|kib| kib / 1024.0)
}
