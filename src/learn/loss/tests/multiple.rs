//! Several losses at once: against pytorch-metric-learning, finite differences, and as a recipe writes them.

use super::proxy::read;
use super::*;

#[derive(Deserialize)]
struct Sums {
    embeddings: Vec<Vec<f64>>,
    classes: Vec<u32>,
    coarse: Vec<u32>,
    counts: Vec<u32>,
    coarse_counts: Vec<u32>,
    cases: Vec<Sum>,
}

#[derive(Deserialize)]
struct Sum {
    settings: Value,
    head: Vec<Vec<Vec<f64>>>,
    value: f64,
    d_embeddings: Vec<Vec<f64>>,
    d_head: Vec<Vec<Vec<f64>>>,
}

impl Sums {
    fn read() -> Sums {
        serde_json::from_str(include_str!("../../../../tests/golden/loss/multiple.json")).unwrap()
    }

    fn targets(&self) -> Targets<'_> {
        Targets { classes: &self.classes, coarse: &self.coarse }
    }

    fn built(&self, settings: &Value) -> Box<dyn Loss> {
        build(settings, 6, Counts { classes: &self.counts, coarse: &self.coarse_counts }).unwrap()
    }
}

#[test]
fn sums_equal_pytorch_metric_learning() {
    // tests/golden/loss/multiple.py: pytorch-metric-learning 2.9 on torch 2.15, f64.
    let golden = Sums::read();
    assert_eq!(golden.cases.len(), 8);
    for (dtype, tolerance) in [(DType::F64, 1e-12), (DType::F32, 2e-5)] {
        let mut worst = 0f64;
        for case in &golden.cases {
            let loss = golden.built(&case.settings);
            let head = weights(case.head.iter().map(|rows| matrix(rows, dtype)).collect());
            assert_eq!((loss.name(), loss.head_len()), ("MultipleLosses", head.len()));
            let embeddings = matrix(&golden.embeddings, dtype);
            let ours = gradients(loss.as_ref(), &head, &embeddings, &golden.targets(), start()).unwrap();
            let heads = ours.head.iter().zip(&case.d_head).map(|((_, ours), theirs)| (flat(ours), theirs.concat()));
            let rest = [(vec![ours.value], vec![case.value]), (flat(&ours.embeddings), case.d_embeddings.concat())];
            assert_eq!(ours.head.len(), case.d_head.len());
            for (ours, theirs) in heads.chain(rest) {
                let found = distance(&ours, &theirs);
                worst = worst.max(found);
                assert!(found <= tolerance, "{} {dtype:?}: {found:e}, {ours:?}, {theirs:?}", case.settings);
            }
        }
        println!("MultipleLosses {dtype:?}: {worst:e}");
    }
}

#[test]
fn gradients_of_sums_equal_finite_differences() {
    let golden = Sums::read();
    for case in &golden.cases {
        let loss = golden.built(&case.settings);
        let mut inputs: Vec<Tensor> = case.head.iter().map(|rows| matrix(rows, DType::F64)).collect();
        inputs.push(matrix(&golden.embeddings, DType::F64));
        let run = |inputs: &[Tensor]| {
            let (embeddings, head) = inputs.split_last().unwrap();
            gradients(loss.as_ref(), &weights(head.to_vec()), embeddings, &golden.targets(), start()).unwrap()
        };
        let found = run(&inputs);
        let slopes: Vec<&Tensor> = found.head.iter().map(|(_, slope)| slope).chain([&found.embeddings]).collect();
        slopes_equal_differences(&case.settings.to_string(), &inputs, &slopes, |inputs| run(inputs).value);
    }
}

fn value(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

const MEMORY: &str = r#"{"name": "SupConLoss", "temperature": 0.1, "miner": {"name": "none"}, "memory": 9}"#;

#[test]
fn one_loss_of_weight_one_has_the_bits_of_the_loss_alone() {
    let golden = Sums::read();
    let embeddings = matrix(&golden.embeddings, DType::F32);
    for inner in [ARCFACE, MEMORY, r#"{"name": "AdaCos", "dynamic": true, "init_std": 0.01}"#] {
        let alone = golden.built(&value(inner));
        let sum = golden.built(&value(&format!(r#"{{"name": "MultipleLosses", "losses": [{inner}]}}"#)));
        let head = alone.head(Seed::new(1)).unwrap();
        let of = |loss: &dyn Loss| {
            let found = gradients(loss, &head, &embeddings, &golden.targets(), start()).unwrap();
            let head: Vec<Vec<f64>> = found.head.iter().map(|(_, slope)| flat(slope)).collect();
            let buffers: Vec<(usize, Vec<f64>)> = found.buffers.iter().map(|(at, new)| (*at, flat(new))).collect();
            (found.value.to_bits(), flat(&found.embeddings), head, buffers)
        };
        assert_eq!(of(alone.as_ref()), of(sum.as_ref()));
        assert_eq!(alone.sampler(), sum.sampler());
    }
}

#[test]
fn heads_stand_one_after_the_other_with_names_of_their_own() {
    let golden = Sums::read();
    let adaface = r#"{"name": "AdaFace", "margin": 0.4, "h": 0.333, "scale": 8.0, "t_alpha": 0.5, "init_std": 0.01}"#;
    let coarse = ARCFACE.replace("ArcFaceLoss\"", "ArcFaceLoss\", \"label\": \"coarse\"");
    let text = format!(r#"{{"name": "MultipleLosses", "losses": [{adaface}, {MEMORY}, {ARCFACE}, {coarse}]}}"#);
    let loss = golden.built(&value(&text));
    assert_eq!(loss.sampler(), Wants::Pairs);
    let mut params = Params::new();
    let head = Head::add(loss.as_ref(), &mut params, Seed::new(0)).unwrap();
    let names: Vec<&str> = params.iter().map(|(_, name, ..)| name).collect();
    insta::assert_snapshot!(names.join(" "), @"loss.0.weight loss.0.batch_mean loss.0.batch_std loss.1.embedding_memory loss.1.label_memory loss.1.queue_idx loss.1.has_been_filled loss.2.weight loss.3.weight");
    let of = |name: &str| flat(params.get(params.by_name(name).unwrap()));
    assert_eq!((of("loss.2.weight").len(), of("loss.3.weight").len()), (4 * 6, 3 * 6));
    assert_ne!(of("loss.0.weight"), of("loss.2.weight"), "each head has draws of its own");

    // Buffers of inner losses find their places among all.
    let embeddings = matrix(&golden.embeddings, DType::F32);
    let tensors = head.tensors(&params, &[]);
    let found = gradients(loss.as_ref(), &tensors, &embeddings, &golden.targets(), start()).unwrap();
    assert_eq!(found.buffers.iter().map(|(place, _)| *place).collect::<Vec<_>>(), [1, 2, 3, 4, 5, 6]);
    head.set_buffers(&mut params, found.buffers).unwrap();
    let of = |name: &str| flat(params.get(params.by_name(name).unwrap()));
    assert_eq!(of("loss.1.queue_idx"), [8.0]);
    assert_eq!(of("loss.1.label_memory")[..8], [0.0, 1.0, 2.0, 3.0, 1.0, 0.0, 3.0, 2.0]);
}

#[test]
fn two_losses_of_one_kind_draw_apart() {
    // Two elastic losses with one head get different margins: their sum is not twice the first.
    let golden = Sums::read();
    let elastic =
        r#"{"name": "ElasticCosFaceLoss", "margin": 0.35, "std": 0.2, "scale": 30.0, "plus": false, "init_std": 0.01}"#;
    let of = |losses: &str, heads: usize| {
        let loss = golden.built(&value(&format!(r#"{{"name": "MultipleLosses", "losses": [{losses}]}}"#)));
        let head = weights(vec![matrix(&golden.cases[0].head[0], DType::F64); heads]);
        let embeddings = matrix(&golden.embeddings, DType::F64);
        gradients(loss.as_ref(), &head, &embeddings, &golden.targets(), start()).unwrap().value
    };
    let twice = 2.0 * of(elastic, 1);
    assert!((of(&format!("{elastic}, {elastic}"), 2) - twice).abs() > 1e-3);
}

#[test]
fn mistakes_in_a_list_are_placed() {
    let said = |text: &str, batch: usize| {
        let table = value(&format!(r#"{{"name": "MultipleLosses", {text}}}"#));
        let counts = Counts { classes: &[4; 4], coarse: &[] };
        let error = check(&table, batch).err().or_else(|| build(&table, 6, counts).err()).unwrap();
        format!("{}: {error}", error.place())
    };
    let nested = format!(r#""losses": [{ARCFACE}, {{"name": "MultipleLosses", "losses": [{ARCFACE}]}}]"#);
    insta::assert_snapshot!(said(&nested, 8), @"loss.losses[1]: losses[1]: MultipleLosses: stands in the list of another: write its losses there themselves");
    insta::assert_snapshot!(said(&format!(r#""losses": [{ARCFACE}, {ARCFACE}], "weights": [1.0]"#), 8), @"loss.weights: weights: MultipleLosses: 2 losses and 1 weights: write one weight for each");
    insta::assert_snapshot!(said(&format!(r#""losses": [{ARCFACE}, {MEMORY}]"#), 32), @"loss.losses[1]: losses[1]: SupConLoss: a batch of 32 does not fit into memory = 9: make the memory at least as large as a batch");
    let coarse = ARCFACE.replace("ArcFaceLoss\"", "ArcFaceLoss\", \"label\": \"coarse\"");
    insta::assert_snapshot!(said(&format!(r#""losses": [{coarse}]"#), 8), @"loss.losses[0]: losses[0]: ArcFaceLoss needs at least 2 classes to tell apart, the training photos have 0; add labels or photos");
    // Classes that do not fit are told with the loss they came to.
    let golden = Sums::read();
    let loss = golden.built(&value(&format!(r#"{{"name": "MultipleLosses", "losses": [{ARCFACE}, {coarse}]}}"#)));
    let embeddings = matrix(&golden.embeddings, DType::F32);
    let head = loss.head(Seed::new(0)).unwrap();
    let fine = Targets::new(&golden.classes);
    let error = gradients(loss.as_ref(), &head, &embeddings, &fine, start()).unwrap_err();
    insta::assert_snapshot!(error, @"losses[1]: ArcFaceLoss takes embeddings [b, 6] with one label each, got [8, 6] with 0 labels");
    let error = gradients(loss.as_ref(), &head[1..], &embeddings, &fine, start()).unwrap_err();
    insta::assert_snapshot!(error, @"MultipleLosses: its heads have 2 tensors, got 1");
}

#[test]
fn a_recipe_writes_losses_as_a_list() {
    let (settings, said) = read(
        "name = \"MultipleLosses\"\nweights = [1, 0.5]\nlosses = [{ name = \"ArcFaceLoss\", margin = 17 },\n{ name = \"ArcFaceLoss\", label = \"coarse\" }]",
    );
    assert_eq!(said, "");
    insta::assert_snapshot!(settings, @r#"{ losses = [{ init_std = 0.01, margin = 17.0, name = "ArcFaceLoss", scale = 64.0 }, { init_std = 0.01, label = "coarse", margin = 28.6, name = "ArcFaceLoss", scale = 64.0 }], name = "MultipleLosses", weights = [1.0, 0.5] }"#);
    assert_eq!(asks_for_coarse(&settings).unwrap().as_deref(), Some("loss.losses[1].label"));
    assert_eq!(asks_for_pairs(&settings).unwrap(), None);
    build(&settings, 4, Counts { classes: &[1, 5], coarse: &[3, 3] }).unwrap();
    let (alone, said) = read("name = \"ContrastiveLoss\"\nlabel = \"coarse\"");
    assert_eq!(said, "");
    assert_eq!(asks_for_coarse(&alone).unwrap().as_deref(), Some("loss.label"));
    assert_eq!(asks_for_pairs(&alone).unwrap(), Some(("loss.name".to_owned(), "ContrastiveLoss")));

    let said = |losses: &str| read(&format!("name = \"MultipleLosses\"\nlosses = [{losses}]")).1;
    insta::assert_snapshot!(said("{ name = \"ArcFaceLoss\" }, { name = \"CosFaceLoss\", margin = 3 }"), @"`loss.losses[1].margin` is 3, but must be 0.0 to 2.0");
    insta::assert_snapshot!(said("{ name = \"ArcFaceLoss\", label = \"fine\" }"), @"`loss.losses[0].label` cannot be `fine`");
    insta::assert_snapshot!(said("{ name = \"ArcFace\" }"), @"unknown technique `ArcFace` (loss)");
    insta::assert_snapshot!(said(""), @"`loss.losses` has 0 values, expected 1 to 8");
}
