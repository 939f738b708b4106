//! The same bits for any number of threads.

use candle_core::{Device, Tensor};
use toji::base::Seed;
use toji::learn::backbone::{Pool, Settings, build};
use toji::learn::ops::Tape;

/// Bits of everything a training step gives: embeddings, gradients, running statistics.
fn step(threads: usize, name: &str, size: usize, batch: usize) -> Vec<u32> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool");
    pool.install(|| {
        let (network, mut params) =
            build(&Settings::new(name, Pool::Gem { p: 3.0, learn: false }, 24), Seed::new(5)).expect("a network");
        let mut draws = Seed::new(6).draws();
        let mut tensor = |dims: &[usize]| {
            let values: Vec<f32> = (0..dims.iter().product()).map(|_| draws.normal() as f32).collect();
            Tensor::from_vec(values, dims, &Device::Cpu).expect("a tensor")
        };
        let (x, dy) = (tensor(&[batch, 3, size, size]), tensor(&[batch, 24]));
        let mut tape = Tape::train();
        let y = network.forward(&params, &mut tape, &x).expect("forward");
        let grads = tape.backward(&y, &dy).expect("backward");
        tape.apply_updates(&mut params).expect("updates");
        assert_eq!(grads.len(), params.weights().count(), "every weight has a gradient");
        let tensors = params.iter().map(|(_, _, t, _)| t).chain(grads.iter().map(|(_, t)| t));
        tensors
            .chain([&y.tensor()])
            .flat_map(|t| t.flatten_all().expect("flat").to_vec1::<f32>().expect("floats"))
            .map(f32::to_bits)
            .collect()
    })
}

#[test]
fn threads_do_not_change_a_bit() {
    let one = step(1, "resnet10t", 72, 13);
    for threads in [2, 8] {
        let more = step(threads, "resnet10t", 72, 13);
        assert_eq!(one.len(), more.len());
        let differing = one.iter().zip(&more).filter(|(a, b)| a != b).count();
        assert_eq!(differing, 0, "{threads} threads: {differing} of {} numbers differ", one.len());
    }
}
