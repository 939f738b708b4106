//! How gradients flow, what is recorded, and whose memory it is.

use super::*;
use candle_core::Device;

fn vector(values: &[f32]) -> Tensor {
    Tensor::new(values, &Device::Cpu).expect("tensor")
}

/// y = a · x for a fixed number: enough to see how gradients flow.
fn scale(tape: &mut Tape, x: &Var, by: f64) -> Var {
    let y = x.peek().affine(by, 0.0).expect("affine");
    let x = x.target();
    tape.record(y, |_| move |dy: Tensor, flow: &mut Flow| flow.add(x, dy.affine(by, 0.0)?))
}

fn add(tape: &mut Tape, a: &Var, b: &Var) -> Var {
    let y = a.peek().add(b.peek()).expect("add");
    let (a, b) = (a.target(), b.target());
    tape.record(y, |_| {
        move |dy: Tensor, flow: &mut Flow| {
            flow.add(a, dy.copy()?)?;
            flow.add(b, dy)
        }
    })
}

#[test]
fn gradients_of_two_paths_add() {
    let mut tape = Tape::train();
    let x = tape.watch(&vector(&[1.0, -2.0]));
    let (twice, thrice) = (scale(&mut tape, &x, 2.0), scale(&mut tape, &x, 3.0));
    let y = add(&mut tape, &twice, &thrice);
    let grads = tape.backward(&y, &vector(&[1.0, 10.0])).expect("backward");
    assert_eq!(grads.of(&x).expect("dx").to_vec1::<f32>().expect("floats"), [5.0, 50.0]);
    let again = tape.backward(&y, &vector(&[1.0, 10.0])).expect_err("twice");
    assert!(matches!(again, OpsError::NotRecorded { .. }), "{again}");
}

#[test]
fn evaluation_records_nothing() {
    let mut tape = Tape::eval();
    let x = tape.watch(&vector(&[1.0]));
    let y = scale(&mut tape, &x, 2.0);
    assert!(tape.nodes.is_empty());
    assert!(tape.backward(&y, &vector(&[1.0])).is_err());
}

#[test]
fn a_tensor_in_other_hands_is_never_reused() {
    let mut tape = Tape::eval();
    let big = Tensor::ones(1 << 15, candle_core::DType::F32, &Device::Cpu).expect("ones");
    let x = tape.constant(&big);
    let y = scale(&mut tape, &x, 2.0);
    let z = scale(&mut tape, &y, 2.0);
    let kept = y.tensor();
    drop((y, z, x));
    assert_eq!(tape.spare_bytes(), 4 << 15, "only z came back");
    assert_eq!(kept.sum_all().expect("sum").to_scalar::<f32>().expect("scalar"), 65536.0);
    assert_eq!(big.elem_count(), big.flatten_all().expect("flat").to_vec1::<f32>().expect("floats").len());
}

/// y = w · x, element by element, then noise from the tape's draws on top: what a part of a network may do.
fn weigh(params: &Params, tape: &mut Tape, x: &Var, id: ParamId) -> Var {
    tape.reach(id);
    let w = params.get(id).clone();
    let noise = if tape.is_training() { tape.place().draws().normal() } else { 0.0 };
    let y = (x.peek().mul(&w).expect("product") + noise).expect("noise");
    if tape.is_training() {
        // A running statistic that counts its steps.
        let seen = (tape.latest(params, ParamId(0)) + 1.0).expect("count");
        tape.update(ParamId(0), seen);
    }
    let x = x.clone();
    tape.record(y, |_| {
        move |dy: Tensor, flow: &mut Flow| {
            flow.add_param(id, dy.mul(x.peek())?)?;
            flow.add(x.target(), dy.mul(&w)?)
        }
    })
}

fn three_weights() -> (Params, Vec<ParamId>) {
    let mut params = Params::new();
    params.add("seen", vector(&[0.0]), Kind::Buffer).expect("buffer");
    let ids = (0..3u8).map(|i| {
        let values = vector(&[0.3 + f32::from(i), -0.7, 0.11]);
        params.add(format!("w{i}"), values, Kind::Weight).expect("weight")
    });
    let ids = ids.collect();
    (params, ids)
}

fn floats(x: &Tensor) -> Vec<u32> {
    x.to_vec1::<f32>().expect("floats").iter().map(|x| x.to_bits()).collect()
}

#[test]
fn what_is_computed_again_has_the_same_bits() {
    let (mut params, ids) = three_weights();
    let mut run = |again: bool| {
        let mut tape = Tape::train();
        tape.seed(Seed::new(5));
        tape.compute_again(again);
        let x = tape.watch(&vector(&[1.1, -2.3, 0.77]));
        let a = weigh(&params, &mut tape, &x, ids[0]);
        let (first, second) = (ids[1], ids[2]);
        // Two uses of one weight, a shortcut within, and a value that is used behind the part too.
        let b = tape.checkpoint(&params, &a, move |params, tape, x| {
            let b = weigh(params, tape, x, first);
            let b = weigh(params, tape, &b, second);
            Ok(add(tape, &b, x))
        });
        let b = b.expect("part");
        let c = tape.checkpoint(&params, &b, move |params, tape, x| Ok(weigh(params, tape, x, second))).expect("part");
        let c = add(&mut tape, &c, &a);
        let c = add(&mut tape, &c, &b);
        let kept = tape.nodes.len();
        let grads = tape.backward(&c, &vector(&[0.9, 1.7, -0.3])).expect("backward");
        let mut all: Vec<_> = grads.iter().map(|(_, dw)| floats(dw)).collect();
        all.extend([floats(grads.of(&x).expect("dx")), floats(&c.tensor())]);
        tape.apply_updates(&mut params).expect("updates");
        let seen = params.get(ParamId(0)).to_vec1::<f32>().expect("seen");
        params.set(ParamId(0), vector(&[0.0])).expect("reset");
        (all, seen, kept)
    };
    let (plain, again) = (run(false), run(true));
    assert_eq!(plain.0, again.0);
    assert_eq!((&plain.1, &again.1), (&vec![4.0], &vec![4.0]));
    assert!(again.2 < plain.2, "{} and {} nodes", again.2, plain.2);
}

#[test]
fn a_frozen_beginning_is_evaluated_and_costs_no_way_back() {
    let (params, ids) = three_weights();
    let mut tape = Tape::train();
    let mut run = |frozen: &[bool]| {
        tape.freeze(frozen.into());
        tape.seed(Seed::new(5));
        let mut x = tape.constant(&vector(&[1.1, -2.3, 0.77]));
        for id in &ids {
            x = weigh(&params, &mut tape, &x, *id);
        }
        let kept = tape.nodes.len();
        let grads = tape.backward(&x, &vector(&[1.0, 1.0, 1.0])).expect("backward");
        let learn: Vec<bool> = ids.iter().map(|id| grads.get(*id).is_some()).collect();
        let updates = std::mem::take(&mut tape.updates).len();
        (learn, kept, updates)
    };
    assert_eq!(run(&[]), (vec![true, true, true], 3, 3));
    assert_eq!(run(&[false, true, true]), (vec![false, false, true], 1, 1));
    assert_eq!(run(&[]), (vec![true, true, true], 3, 3));
    let mut eval = Tape::eval();
    eval.freeze(Arc::default());
    assert!(!eval.is_training());
}
