//! The loss of mixed rows: λ of one plus the rest of the other, in value, slope and buffers.

use super::*;

const OWN: f64 = 0.3;

/// Each row's partner: the batch turned by one.
fn partners(rows: usize) -> Vec<u32> {
    (0..rows as u32).map(|row| (row + 1) % rows as u32).collect()
}

#[test]
fn a_mixture_is_the_sum_of_two_losses_for_every_loss_with_a_head() {
    let golden = golden();
    let others: Vec<u32> = partners(golden.classes.len()).iter().map(|&row| golden.classes[row as usize]).collect();
    for case in &golden.cases {
        let loss = build(&case.settings, 5, &golden.counts).unwrap();
        let (embeddings, head) = (matrix(&golden.embeddings, DType::F64), head(&golden, case, DType::F64));
        let targets = Targets::new(&golden.classes);
        let run =
            |loss: &dyn Loss, targets: &Targets<'_>| gradients(loss, &head, &embeddings, targets, start()).unwrap();
        let mixture = Mixture::new(loss.as_ref(), &targets, &partners(golden.classes.len()), OWN);
        let both = run(&mixture, &targets);
        let [own, partner] = [&golden.classes, &others].map(|classes| run(loss.as_ref(), &Targets::new(classes)));
        let sum = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| OWN * a + (1.0 - OWN) * b).collect::<Vec<_>>();
        close(&case.settings.to_string(), &[both.value], &sum(&[own.value], &[partner.value]), 1e-12);
        let slopes = |found: &Gradients| {
            found.head.iter().map(|(_, g)| flat(g)).chain([flat(&found.embeddings)]).collect::<Vec<_>>().concat()
        };
        close(&case.settings.to_string(), &slopes(&both), &sum(&slopes(&own), &slopes(&partner)), 1e-12);
        let buffers = |found: &Gradients| found.buffers.iter().flat_map(|(_, tensor)| flat(tensor)).collect::<Vec<_>>();
        assert_eq!(buffers(&both), buffers(&own), "{}: buffers move on once, by the own classes", case.settings);
    }
}

#[test]
fn slopes_of_a_mixture_equal_finite_differences() {
    let golden = golden();
    let mut worst = 0f64;
    for case in golden.cases.iter().filter(|case| case.free) {
        let loss = build(&case.settings, 5, &golden.counts).unwrap();
        let (values, head) = (golden.embeddings.concat(), head(&golden, case, DType::F64));
        let targets = Targets::new(&golden.classes);
        let mixture = Mixture::new(loss.as_ref(), &targets, &partners(golden.classes.len()), OWN);
        let run = |values: &[f64]| {
            let embeddings = Tensor::from_slice(values, (values.len() / 5, 5), &Device::Cpu).unwrap();
            gradients(&mixture, &head, &embeddings, &targets, start()).unwrap()
        };
        let h = 1e-6;
        let slope = |j: usize| {
            let at = |step: f64| {
                let mut moved = values.clone();
                moved[j] += step;
                run(&moved).value
            };
            (at(h) - at(-h)) / (2.0 * h)
        };
        let numeric: Vec<f64> = (0..values.len()).map(slope).collect();
        let found = distance(&flat(&run(&values).embeddings), &numeric);
        assert!(found <= 1e-7, "{}: {found:e}", case.settings);
        worst = worst.max(found);
    }
    println!("worst: {worst:e}");
}

#[test]
fn a_mixed_cross_entropy_is_that_of_the_mixed_labels_by_hand() {
    // Logits (ln 2, 0): the probabilities are 2/3 and 1/3. −0.25 ln(2/3) − 0.75 ln(1/3) = 0.9253…
    let head = weights(vec![
        Tensor::new(&[[2f64.ln()], [0.0]], &Device::Cpu).unwrap(),
        Tensor::new(&[0f64, 0.0], &Device::Cpu).unwrap(),
    ]);
    let loss = built(LINEAR, 1, &[1, 1]);
    let (targets, x) = (Targets::new(&[0, 1]), Tensor::new(&[[1f64], [1.0]], &Device::Cpu).unwrap());
    let mixture = Mixture::new(loss.as_ref(), &targets, &[1, 0], 0.25);
    let value = gradients(&mixture, &head, &x, &targets, start()).unwrap().value;
    let rows = [0.25, 0.75].map(|own: f64| -own * (2f64 / 3.0).ln() - (1.0 - own) * (1f64 / 3.0).ln());
    assert!((value - (rows[0] + rows[1]) / 2.0).abs() < 1e-12, "{value}");
    assert!((rows[0] - 0.925_325_7).abs() < 1e-6);
}

#[test]
fn a_partner_outside_the_batch_is_a_wrong_shape() {
    let loss = built(LINEAR, 1, &[1, 1]);
    let head = weights(vec![
        Tensor::zeros((2, 1), DType::F64, &Device::Cpu).unwrap(),
        Tensor::zeros(2, DType::F64, &Device::Cpu).unwrap(),
    ]);
    let (targets, x) = (Targets::new(&[0, 1]), Tensor::zeros((2, 1), DType::F64, &Device::Cpu).unwrap());
    let mixture = Mixture::new(loss.as_ref(), &targets, &[1, 2], 0.5);
    assert!(matches!(gradients(&mixture, &head, &x, &targets, start()), Err(LossError::Shape { .. })));
}
