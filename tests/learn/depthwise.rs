//! The depthwise convolution equals its definition in f64: any kernel, stride, padding, dilation and number of channels.

use candle_core::{Device, Tensor};
use proptest::prelude::*;
use toji::base::Seed;
use toji::base::seed::Draws;
use toji::learn::ops::{Conv, Kind, Params, Tape};

use super::naive::{Geometry, Grid, close, conv, conv_back};

/// `[b, c, h, w]` → `[b, h, w, c]`.
fn last(values: &[f64], [b, c, h, w]: [usize; 4]) -> Tensor {
    let at = |i: usize| {
        let (pixel, channel, image) = (i / c % (h * w), i % c, i / (c * h * w));
        values[(image * c + channel) * h * w + pixel] as f32
    };
    Tensor::from_vec((0..b * c * h * w).map(at).collect::<Vec<_>>(), (b, h, w, c), &Device::Cpu).expect("a tensor")
}

/// `[b, h, w, c]` → `[b, c, h, w]`.
fn first(x: &Tensor) -> Vec<f32> {
    let turned = x.permute((0, 3, 1, 2)).expect("four axes").contiguous().expect("a copy");
    turned.flatten_all().expect("flat").to_vec1().expect("floats")
}

fn check([b, c, h, w]: [usize; 4], [kh, kw]: [usize; 2], g: Geometry, draws: &mut Draws) {
    let (x, weight) = (Grid::random([b, c, h, w], draws), Grid::random([c, 1, kh, kw], draws));
    let mut y = conv(&x, &weight, g);
    let dims = y.dims;
    let bias: Vec<f64> = (0..c).map(|_| f64::from(draws.uniform(-1.0, 1.0) as f32)).collect();
    let plane = dims[2] * dims[3];
    y.values.iter_mut().enumerate().for_each(|(i, y)| *y += bias[i / plane % c]);
    let dy = Grid::random(dims, draws).values;
    let (dx, dw) = conv_back(&x, &weight, g, &dy);
    let db: Vec<f64> = (0..c).map(|c| dy.chunks(plane).skip(c).step_by(dims[1]).flatten().sum::<f64>()).collect();

    let mut params = Params::new();
    let mut add = |name: &str, values: &[f64], dims: &[usize]| {
        let values: Vec<f32> = values.iter().map(|x| *x as f32).collect();
        let tensor = Tensor::from_vec(values, dims, &Device::Cpu).expect("a tensor");
        params.add(name, tensor, Kind::Weight).expect("a new name")
    };
    let layer = Conv {
        weight: add("w", &weight.values, &weight.dims),
        stride: g.stride,
        padding: g.padding,
        dilation: g.dilation,
        groups: c,
    };
    let bias = add("b", &bias, &[c]);
    let mut tape = Tape::train();
    let x = tape.watch(&last(&x.values, x.dims));
    let ours = tape.depthwise(&params, &x, &layer, Some(bias)).expect("forward");
    let what = format!("{:?} {kh}x{kw} {g:?}", [b, c, h, w]);
    close(&format!("y {what}"), &first(&ours.tensor()), &y.values, 1e-5);
    let grads = tape.backward(&ours, &last(&dy, dims)).expect("backward");
    let floats = |id| grads.get(id).expect("a gradient").flatten_all().expect("flat").to_vec1::<f32>().expect("floats");
    close(&format!("dx {what}"), &first(grads.of(&x).expect("dx")), &dx, 1e-5);
    close(&format!("dw {what}"), &floats(layer.weight), &dw, 1e-5);
    close(&format!("db {what}"), &floats(bias), &db, 1e-5);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn depthwise_of_any_geometry(
        (batch, channels) in (1usize..4, 1usize..36),
        (height, width, kh, kw) in (1usize..14, 1usize..14, 1usize..8, 1usize..8),
        (stride, padding, dilation) in (1usize..4, 0usize..4, 1usize..3),
        seed in any::<u64>(),
    ) {
        let reach = |k: usize| dilation * (k - 1) + 1;
        prop_assume!(height + 2 * padding >= reach(kh) && width + 2 * padding >= reach(kw));
        let g = Geometry { stride, padding, dilation, groups: channels };
        check([batch, channels, height, width], [kh, kw], g, &mut Seed::new(seed).draws());
    }
}

/// The sizes of EfficientNet and ConvNeXt, with more pictures than accumulators of weights.
#[test]
fn depthwise_across_the_cuts() {
    let mut draws = Seed::new(2).draws();
    let cases = [([19, 24, 7, 9], 3, 1), ([18, 40, 9, 8], 5, 2), ([2, 96, 33, 32], 7, 1), ([1, 17, 40, 21], 3, 2)];
    for (x, kernel, stride) in cases {
        let g = Geometry { stride, padding: kernel / 2, dilation: 1, groups: x[1] };
        check(x, [kernel; 2], g, &mut draws);
    }
}
