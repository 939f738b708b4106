//! Distances and cosines beside plain sums, and the miner that weighs them.

use super::*;

#[test]
fn distances_of_near_rows_keep_their_digits() {
    // Directions 1e-9 apart: 1 − cos is 5e-19, far below f64's last digit.
    let embeddings = Tensor::new(&[[1.0f64, 0.0], [1.0, 1e-9], [3.0, 3e-9]], &Device::Cpu).unwrap();
    let anchors = normalize(&embeddings).unwrap();
    for memory in [None, Some(&embeddings)] {
        let compared = Compared::new(&anchors, memory, true).unwrap();
        let distances = compared.matrix(Distance::LpDistance).unwrap();
        assert!((distances.at(0, 1) - 1e-9).abs() < 1e-16, "{:e}", distances.at(0, 1));
        assert!(distances.at(1, 2) < 1e-24, "the same direction: {:e}", distances.at(1, 2));
        let mut slopes = Matrix::zeros(3, 3);
        slopes.add(0, 1, 2.0);
        let gradient = flat(&compared.gradient(Distance::LpDistance, &slopes).unwrap());
        let other = if memory.is_none() { 2.0 } else { 0.0 };
        assert!(error(&gradient, &[0.0, -2.0, 0.0, other, 0.0, 0.0]) < 1e-7, "{gradient:?}");
    }
}

#[test]
fn a_memory_longer_than_a_part_is_compared_whole() {
    let (rows, width) = (2500usize, 3usize);
    let mut draws = Seed::new(4).draws();
    let values: Vec<f64> = (0..rows * width).map(|_| draws.normal()).collect();
    let memory = Tensor::from_slice(&values, (rows, width), &Device::Cpu).unwrap();
    let anchors = normalize(&Tensor::new(&[[1.0f64, 2.0, -1.0], [0.5, 0.1, 3.0]], &Device::Cpu).unwrap()).unwrap();
    let compared = Compared::new(&anchors, Some(&memory), true).unwrap();
    let unit = flat(&anchors);
    let mut slopes = Matrix::zeros(2, rows);
    let mut expected = [[0.0; 6]; 2];
    for (row, anchor) in unit.chunks(width).enumerate() {
        for (column, other) in values.chunks(width).enumerate() {
            let length = other.iter().map(|x| x * x).sum::<f64>().sqrt();
            let cosine = anchor.iter().zip(other).map(|(x, y)| x * y).sum::<f64>() / length;
            let distance = anchor.iter().zip(other).map(|(x, y)| (x - y / length).powi(2)).sum::<f64>().sqrt();
            let at = |distance| compared.matrix(distance).unwrap().at(row as u32, column as u32);
            assert!((at(Distance::CosineSimilarity) - cosine).abs() < 1e-14);
            assert!((at(Distance::LpDistance) - distance).abs() < 1e-13);
            let slope = ((column % 7) as f64 - 3.0) * (row + 1) as f64;
            slopes.add(row as u32, column as u32, slope);
            for k in 0..width {
                expected[0][row * width + k] += slope * other[k] / length;
                expected[1][row * width + k] += slope * (anchor[k] - other[k] / length) / distance;
            }
        }
    }
    for (distance, expected) in [(Distance::CosineSimilarity, expected[0]), (Distance::LpDistance, expected[1])] {
        let gradient = flat(&compared.gradient(distance, &slopes).unwrap());
        assert!(error(&gradient, &expected) < 1e-11, "{distance:?}: {gradient:?} {expected:?}");
    }
}

#[test]
fn distance_weights_equal_the_library_and_draws_follow_them() {
    let golden = golden();
    let miner = miner::distance_weighted::Settings { cutoff: 0.5, nonzero_loss_cutoff: 1.4 };
    for case in &golden.weights {
        let Batch { embeddings, classes } = &golden.batches[&case.batch];
        let anchors = normalize(&matrix(embeddings, DType::F64)).unwrap();
        let (labels, width) = (Labels::within(classes), anchors.dims()[1]);
        let compared = Compared::new(&anchors, None, true).unwrap();
        let distances = compared.matrix(Distance::LpDistance).unwrap();
        let mut chances = BTreeMap::new();
        for anchor in labels.rows() {
            let negatives: Vec<u32> = labels.negatives(anchor).collect();
            let weights = miner.weights(negatives.iter().map(|&n| distances.at(anchor, n)), width);
            let total: f64 = weights.iter().sum();
            // A row without a weight is 0 / 0 in the library.
            let expected: Vec<f64> =
                negatives.iter().map(|&n| case.weights[anchor as usize][n as usize].unwrap_or(0.0)).collect();
            let ours: Vec<f64> = weights.iter().map(|w| if total > 0.0 { w / total } else { 0.0 }).collect();
            assert!(error(&ours, &expected) < 1e-11, "{} {anchor}: {ours:?} {expected:?}", case.batch);
            chances.extend(negatives.iter().zip(ours).map(|(&n, chance)| ((anchor, n), chance)));
        }
        let mut counts = BTreeMap::new();
        let mut anchors = BTreeMap::new();
        for seed in 0..2000 {
            let Selection::Triplets(triplets) = miner.mine(&labels, distances, width, Seed::new(seed)) else {
                panic!()
            };
            for [anchor, positive, negative] in triplets {
                assert!(positive != anchor && classes[positive as usize] == classes[anchor as usize]);
                *counts.entry((anchor, negative)).or_insert(0.0) += 1.0;
                *anchors.entry(anchor).or_insert(0.0) += 1.0;
            }
        }
        for (anchor, count) in &anchors {
            let label = classes.iter().filter(|&&class| class == classes[*anchor as usize]).count();
            assert_eq!(*count, 2000.0 * label as f64, "as many as there are photos of the label");
        }
        for ((anchor, negative), chance) in chances {
            let Some(all) = anchors.get(&anchor) else { continue };
            let share = counts.get(&(anchor, negative)).copied().unwrap_or(0.0) / all;
            let deviation = (chance * (1.0 - chance) / all).sqrt();
            assert!((share - chance).abs() <= 4.5 * deviation, "{anchor} {negative}: {share} {chance}");
        }
    }
}
