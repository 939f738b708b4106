//! Our side of each pair: what `peers/step.py` does in Python, with Toji.

use std::time::Instant;

use candle_core::{Device, Tensor, Var};
use serde_json::{Value, json};
use toji::base::Seed;
use toji::learn::backbone::{Pool, Settings, build};
use toji::learn::ops::{Network, Params, Processor, Tape};
use toji::learn::train::optimizer::{AdamW, Group, Optimizer};
use toji::learn::train::technique::OptimizerSettings;

use super::pairs::{Mode, Pair};

/// Steps before the measured ones.
const WARM: usize = 2;
/// Measured steps: as many as fit in [`SECONDS`], within these bounds.
const STEPS: std::ops::RangeInclusive<usize> = 3..=9;
const SECONDS: f64 = 3.0;
/// Classes, which is the embedding's length here.
const CLASSES: usize = 100;

/// One measurement: images per second by wall time (the median step) and by processor time, the process's peak
/// memory and what of it the steps needed, both in MiB.
pub fn measure(pair: &Pair) -> anyhow::Result<Value> {
    // As timm pools: a ViT by its class token.
    let pool = if pair.network.starts_with("vit") { Pool::Token {} } else { Pool::Avg {} };
    let processor = Processor::choose(&std::env::var("TOJI_DEVICE").unwrap_or_else(|_| "cpu".to_owned()))?;
    let (network, mut params) = build(&Settings::new(pair.network, pool, CLASSES), Seed::new(1))?;
    let mut draws = Seed::new(2).draws();
    let (batch, size) = (pair.batch, pair.size);
    let pixels: Vec<f32> = (0..batch * 3 * size * size).map(|_| draws.normal() as f32).collect();
    let x = Tensor::from_vec(pixels, (batch, 3, size, size), &Device::Cpu)?;
    let before = Memory::mark();
    let mut step: Box<dyn FnMut() -> anyhow::Result<[f64; 3]>> = match pair.mode {
        Mode::Train => Box::new(training(network.as_ref(), &mut params, &x, &processor)?),
        Mode::Input | Mode::Search | Mode::Rerank => anyhow::bail!("{} is no network", pair.name()),
        Mode::Eval => {
            let mut tape = Tape::eval().at(&processor);
            let (network, params, x) = (&network, &params, &x);
            Box::new(move || {
                let start = Instant::now();
                network.forward(params, &mut tape, x)?.tensor().to_vec2::<f32>()?;
                Ok([start.elapsed().as_secs_f64(), 0.0, 0.0])
            })
        }
    };
    let (mut seconds, mut spent, mut parts) = (Vec::new(), 0.0, [0.0; 3]);
    for at in 0..WARM + STEPS.end() {
        if at == WARM {
            spent = processor_seconds();
        }
        let start = Instant::now();
        parts = step()?;
        seconds.push(start.elapsed().as_secs_f64());
        let measured = seconds.len().saturating_sub(WARM);
        if measured >= *STEPS.start() && seconds[WARM..].iter().sum::<f64>() > SECONDS {
            break;
        }
    }
    let spent = processor_seconds() - spent;
    let mut measured = seconds.split_off(WARM);
    measured.sort_by(f64::total_cmp);
    let (peak, growth) = before.since();
    Ok(json!({
        "value": batch as f64 / measured[measured.len() / 2],
        "by_processor": (batch * measured.len()) as f64 / spent,
        "peak_mib": peak,
        "step_mib": growth,
        // Seconds of the last step: forward, backward, the optimiser.
        "parts": parts,
    }))
}

/// A step of training: forward, cross entropy, backward, AdamW.
fn training<'a>(
    network: &'a dyn Network,
    params: &'a mut Params,
    x: &'a Tensor,
    processor: &Processor,
) -> anyhow::Result<impl FnMut() -> anyhow::Result<[f64; 3]> + use<'a>> {
    let batch = x.dim(0)?;
    let labels: Vec<u32> = (0..batch).map(|i| (i % CLASSES) as u32).collect();
    let labels = Tensor::from_vec(labels, batch, &Device::Cpu)?;
    let lr = 1e-3;
    // PyTorch's defaults, for all weights alike.
    let settings = OptimizerSettings::AdamW(AdamW { lr, weight_decay: 1e-2, betas: [0.9, 0.999], eps: 1e-8 });
    let group = Group { lr: 1.0, decay: true, since: 0, weights: params.weights().collect() };
    let mut optimizer = Optimizer::new(&settings, vec![group], params);
    let mut tape = Tape::train().at(processor);
    Ok(move || {
        let start = Instant::now();
        let embedding = network.forward(params, &mut tape, x)?;
        let forward = start.elapsed().as_secs_f64();
        let logits = Var::from_tensor(&embedding.tensor())?;
        let loss = candle_nn::loss::cross_entropy(&logits, &labels)?;
        let dy = loss.backward()?.remove(&logits).ok_or_else(|| anyhow::anyhow!("no gradient"))?;
        let grads = tape.backward(&embedding, &dy)?;
        let backward = start.elapsed().as_secs_f64();
        optimizer.step(params, &grads, lr, 1.0)?;
        tape.apply_updates(params)?;
        anyhow::ensure!(loss.to_scalar::<f32>()?.is_finite(), "the loss is not finite");
        Ok([forward, backward - forward, start.elapsed().as_secs_f64() - backward])
    })
}

/// Memory of this process at one moment.
pub struct Memory {
    now: Option<f64>,
    peak: Option<f64>,
}

impl Memory {
    /// Notes what the process holds, and lets the system's record of the peak begin anew.
    pub fn mark() -> Memory {
        let marked = Memory { now: status_mib("VmRSS:"), peak: status_mib("VmHWM:") };
        // Refused on some systems; the record then holds the making of the network too.
        let _ = std::fs::write("/proc/self/clear_refs", "5");
        marked
    }

    /// The highest since the process began, and above what it held at the mark.
    pub fn since(&self) -> (Option<f64>, Option<f64>) {
        let peak = status_mib("VmHWM:");
        let highest = peak.into_iter().chain(self.peak).reduce(f64::max);
        (highest, peak.zip(self.now).map(|(peak, now)| peak - now))
    }
}

/// A line of the process's status in MiB, where the system tells.
fn status_mib(field: &str) -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with(field))?;
    line.split_whitespace().nth(1)?.parse::<f64>().ok().map(|kib| kib / 1024.0)
}

/// Processor seconds of all threads so far, to a hundredth; not a number where the system does not tell.
pub fn processor_seconds() -> f64 {
    let read = || {
        let text = std::fs::read_to_string("/proc/self/stat").ok()?;
        let (_, fields) = text.rsplit_once(')')?;
        let mut fields = fields.split_whitespace().skip(11);
        let ticks = fields.next()?.parse::<f64>().ok()? + fields.next()?.parse::<f64>().ok()?;
        Some(ticks / 100.0)
    };
    read().unwrap_or(f64::NAN)
}
