//! A network that trains in a moment: two convolutions on pictures of 4 × 4, of which each class is a pattern under noise.

use super::*;

pub(super) const CLASSES: u32 = 6;
pub(super) const SIDE: usize = 4;
pub(super) const PIXELS: usize = 3 * SIDE * SIDE;

/// Two convolutions with batch norm that halve 4×4 pictures to one pixel, then a linear layer.
pub(super) struct Tiny {
    convolutions: Vec<(Conv, Norm)>,
    weight: ParamId,
    bias: ParamId,
    embedding: usize,
    pub(super) drop: f32,
}

impl Tiny {
    pub(super) fn new() -> (Tiny, Params) {
        Tiny::of([12, 24], 8)
    }

    pub(super) fn of([first, second]: [usize; 2], embedding: usize) -> (Tiny, Params) {
        let mut params = Params::new();
        let mut draws = Seed::new(3).draws();
        let mut weight = |params: &mut Params, name: &str, shape: &[usize]| {
            let deviation = (2.0 / shape[1..].iter().product::<usize>() as f64).sqrt();
            let values: Vec<f32> = (0..shape.iter().product()).map(|_| (draws.normal() * deviation) as f32).collect();
            params.add(name, Tensor::from_vec(values, shape, &Device::Cpu).unwrap(), Kind::Weight).unwrap()
        };
        let constant = |params: &mut Params, name: String, n: usize, value: f64, kind| {
            params.add(name, (Tensor::zeros(n, DType::F32, &Device::Cpu).unwrap() + value).unwrap(), kind).unwrap()
        };
        let convolutions = [(1, 3, first), (2, first, second)].map(|(i, inputs, outputs)| {
            let conv = Conv {
                weight: weight(&mut params, &format!("conv{i}.weight"), &[outputs, inputs, 3, 3]),
                stride: 2,
                padding: 1,
                dilation: 1,
                groups: 1,
            };
            let norm = Norm {
                weight: constant(&mut params, format!("bn{i}.weight"), outputs, 1.0, Kind::Weight),
                bias: constant(&mut params, format!("bn{i}.bias"), outputs, 0.0, Kind::Weight),
                running_mean: constant(&mut params, format!("bn{i}.running_mean"), outputs, 0.0, Kind::Buffer),
                running_var: constant(&mut params, format!("bn{i}.running_var"), outputs, 1.0, Kind::Buffer),
                momentum: 0.1,
                eps: 1e-5,
            };
            (conv, norm)
        });
        let last = weight(&mut params, "fc.weight", &[embedding, second]);
        let bias = constant(&mut params, "fc.bias".to_owned(), embedding, 0.0, Kind::Weight);
        (Tiny { convolutions: convolutions.into(), weight: last, bias, embedding, drop: 0.0 }, params)
    }
}

impl Network for Tiny {
    fn forward(&self, params: &Params, tape: &mut Tape, x: &Tensor) -> Result<Var, OpsError> {
        let mut x = tape.pictures(x)?; // [b, 4, 4, 3]
        for (conv, norm) in &self.convolutions {
            let (conv, norm, drop) = (conv.clone(), norm.clone(), self.drop);
            x = tape.checkpoint(params, &x, move |params, tape, x| {
                let x = tape.conv_norm(params, x, &conv, &norm, None, Act::Relu)?;
                tape.dropout(&x, drop)
            })?;
        }
        let x = tape.global_avg(&x)?; // [b, 24]
        tape.linear(params, &x, self.weight, Some(self.bias), Act::None)
    }

    fn embedding(&self) -> usize {
        self.embedding
    }

    fn layer(&self, name: &str) -> Layer {
        match name.split('.').next() {
            Some("conv1" | "bn1") => Layer::Stem,
            Some("conv2" | "bn2") => Layer::Block(0, 0),
            _ => Layer::Neck,
        }
    }
}

/// Each class is a fixed pattern under noise; 96 photos, batches of 16.
pub(super) struct Patterns {
    pub(super) poison: Option<(usize, usize)>,
    pub(super) cancel_at: Option<(usize, usize, Cancel)>,
}

impl Patterns {
    pub(super) fn plain() -> Patterns {
        Patterns { poison: None, cancel_at: None }
    }
}

pub(super) fn photo(index: u64, epoch: u64) -> Vec<f32> {
    let class = index % u64::from(CLASSES);
    let mut pattern = Seed::new(11).at(class).draws();
    let mut noise = Seed::new(12).at(epoch).at(index).draws();
    (0..PIXELS).map(|_| (pattern.normal() + 0.8 * noise.normal()) as f32).collect()
}

impl Batches for Patterns {
    fn steps(&self) -> usize {
        steps_per_epoch(100, 16)
    }

    fn epoch(&mut self, epoch: usize, first: usize) -> Result<Epoch<'_>, OtherError> {
        let mut order: Vec<u64> = (0..100).collect();
        Seed::new(13).at(epoch as u64).draws().shuffle(&mut order);
        Ok(Box::new((first..self.steps()).map(move |slot| {
            if let Some((e, s, cancel)) = &self.cancel_at
                && (*e, *s) == (epoch, slot)
            {
                cancel.cancel();
            }
            let photos: Vec<u32> = order[slot * 16..(slot + 1) * 16].iter().map(|i| *i as u32).collect();
            let mut pixels: Vec<f32> = photos.iter().flat_map(|i| photo(u64::from(*i), epoch as u64)).collect();
            if self.poison == Some((epoch, slot)) {
                pixels[5] = f32::NAN;
            }
            let images = Tensor::from_vec(pixels, (16, 3, SIDE, SIDE), &Device::Cpu)?;
            Ok(Batch {
                images,
                classes: photos.iter().map(|i| i % CLASSES).collect(),
                coarse: Vec::new(),
                photos,
                mixed: None,
            })
        })))
    }
}

pub(in crate::learn::train) fn settings(epochs: usize) -> TrainSettings {
    TrainSettings {
        epochs,
        batch: 16,
        sampler: Sampler::RandomSampler {},
        optimizer: OptimizerSettings::AdamW(AdamW { lr: 1e-2, weight_decay: 5e-4, betas: [0.9, 0.999], eps: 1e-8 }),
        schedule: ScheduleSettings::Cosine(Cosine { warmup_epochs: 0.5 }),
        load_best_model_at_end: false,
        eval: EvalSettings { every_epochs: 1, queries: None, gallery: None },
        head_lr: 2.0,
        layer_decay: None,
        weight_decay_exclude_1d: false,
        clip_grad_norm: Some(50.0),
        accumulate: None,
        ema: None,
        freeze: None,
        unfreeze_at: None,
        checkpoint: false,
        flip_as_new_class: false,
        stages: Vec::new(),
    }
}

pub(super) fn arcface() -> Box<dyn Loss> {
    let settings =
        serde_json::from_str::<Value>(r#"{"name": "ArcFaceLoss", "margin": 17.2, "scale": 30.0, "init_std": 0.01}"#);
    loss::build(&settings.unwrap(), 8, &[16; CLASSES as usize]).unwrap()
}

/// ArcFace made restless: each batch's loss has a drawn factor, and leans on the mean of all losses before it, a buffer.
pub(super) struct Restless(Box<dyn Loss>);

impl Loss for Restless {
    fn name(&self) -> &'static str {
        self.0.name()
    }

    fn head_len(&self) -> usize {
        1 + self.0.head_len()
    }

    fn head(&self, seed: Seed) -> Result<Vec<loss::HeadWeight>, loss::LossError> {
        let mean = Tensor::zeros(1, DType::F32, &Device::Cpu).unwrap();
        Ok([vec![loss::HeadWeight::buffer("mean", mean)], self.0.head(seed)?].concat())
    }

    fn forward(
        &self,
        head: &[Tensor],
        embeddings: &Tensor,
        targets: &loss::Targets<'_>,
        at: loss::Moment,
    ) -> Result<loss::Forward, loss::LossError> {
        let value = self.0.forward(&head[1..], embeddings, targets, at)?.value;
        let factor = 1.0 + 0.2 * at.seed.draws().normal();
        let lean = |value: &Tensor| {
            let mean = ((&head[0] * 0.9)? + (value.detach().reshape(1)? * 0.1)?)?;
            Ok((((value + mean.reshape(())?)? * factor)?.sqr()?, mean))
        };
        let (value, mean) = lean(&value).map_err(|source| loss::LossError::Candle { loss: self.name(), source })?;
        Ok(loss::Forward { value, buffers: vec![(0, mean)] })
    }
}

/// Share of fresh photos whose nearest other photo by cosine has the same class.
pub(super) fn precision(network: &dyn Network, params: &Params) -> Result<f64, OtherError> {
    let pixels: Vec<f32> = (0..60).flat_map(|i| photo(i, 1000)).collect();
    let images = Tensor::from_vec(pixels, (60, 3, SIDE, SIDE), &Device::Cpu)?;
    let embeddings = network.forward(params, &mut Tape::eval(), &images)?.tensor();
    let unit = embeddings.broadcast_div(&embeddings.sqr()?.sum_keepdim(1)?.sqrt()?)?;
    let cosines = (unit.matmul(&unit.t()?)? - (Tensor::eye(60, DType::F32, &Device::Cpu)? * 9.0)?)?;
    let nearest: Vec<u32> = cosines.argmax(D::Minus1)?.to_vec1()?;
    Ok(nearest.iter().enumerate().filter(|(i, n)| *i as u32 % CLASSES == **n % CLASSES).count() as f64 / 60.0)
}

pub(super) struct Trained {
    pub(super) result: Result<Fitted, TrainError>,
    pub(super) params: Params,
    pub(super) events: Vec<FitEvent>,
}

/// Trains the tiny network in a folder.
pub(super) fn train(folder: &Path, epochs: usize, until: usize, batches: Patterns, cancel: &Cancel) -> Trained {
    train_with(folder, &settings(epochs), until, batches, cancel)
}

pub(super) fn train_with(
    folder: &Path,
    settings: &TrainSettings,
    until: usize,
    batches: Patterns,
    cancel: &Cancel,
) -> Trained {
    train_part(folder, settings, (0, until), (Key::of_bytes(b"tiny"), None), batches, cancel)
}

/// The same with epochs before it, its key, and the part before it.
pub(super) fn train_part(
    folder: &Path,
    settings: &TrainSettings,
    (first, until): (usize, usize),
    (key, before): (Key, Option<Before>),
    mut batches: Patterns,
    cancel: &Cancel,
) -> Trained {
    let (mut network, mut params) = Tiny::new();
    // The trainings that freeze a part drop some values as well.
    network.drop = if settings.freeze.is_some() { 0.2 } else { 0.0 };
    // Those that take several batches a step have a loss that draws and remembers as well.
    let loss = if settings.accumulate.is_some() { Box::new(Restless(arcface())) } else { arcface() };
    let mut events = Vec::new();
    let task = Task {
        network: &network,
        loss: loss.as_ref(),
        settings,
        seed: Seed::new(7),
        first,
        until_epoch: until,
        key,
        before,
    };
    let mut around = Surroundings {
        processor: Processor::cpu(),
        folder,
        evaluate: &mut |now: &Evaluate<'_>| precision(now.network, now.params).map(Some),
        observe: &mut |event: &FitEvent| events.push(event.clone()),
        clock: &Fixed(Time(0.0)),
        cancel,
        save_seconds: 1e9,
    };
    let result = fit(&task, &mut params, &mut batches, &mut around);
    Trained { result, params, events }
}

pub(super) fn bytes(folder: &Path) -> Vec<u8> {
    crate::base::files::read(&folder.join(CHECKPOINT)).unwrap()
}

/// Every key that may stand beside others.
pub(super) fn every_key() -> TrainSettings {
    TrainSettings {
        optimizer: OptimizerSettings::Sgd(Sgd { lr: 1e-2, momentum: 0.9, weight_decay: 1e-3, nesterov: true }),
        layer_decay: Some(0.7),
        weight_decay_exclude_1d: true,
        accumulate: Some(2),
        ema: Some(EmaSettings { decay: 0.9, warmup: true }),
        freeze: Some("stem".to_owned()),
        unfreeze_at: Some(2),
        ..settings(4)
    }
}
