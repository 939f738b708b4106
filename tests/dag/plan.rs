//! Plans on drawn graphs.

use std::collections::{BTreeMap, HashSet};

use proptest::prelude::*;
use toji::base::{Key, Time, Value};
use toji::dag::{Action, History, Node, Plan, Previous, Reached, Recorded, Sample, Stage, View, plan};

/// A store that is a set.
#[derive(Default, Clone)]
struct Drawn {
    keys: HashSet<Key>,
    unfinished: BTreeMap<Key, u32>,
    /// Of how many, where a stage counts something without a span.
    of: Option<u32>,
}

impl View for Drawn {
    fn has(&self, _: &str, key: &Key) -> bool {
        self.keys.contains(key)
    }

    fn unfinished(&self, key: &Key) -> Option<Reached> {
        self.unfinished.get(key).map(|&at| Reached { at, of: self.of })
    }
}

/// The whole recipe as the tests change it.
#[derive(Clone)]
struct Recipe {
    margin: f64,
    fit_version: u32,
    epochs: u32,
    dim: i64,
    photos: &'static str,
    folds: u32,
}

const RECIPE: Recipe = Recipe { margin: 17.2, fit_version: 3, epochs: 12, dim: 128, photos: "photos", folds: 1 };

impl Recipe {
    /// photos ─▶ data ─▶ fold n ─▶ fit n ─▶ embed n ─▶ post n ─▶ score
    fn nodes(&self) -> Vec<Node> {
        let mut settings = Value::table();
        settings.set("loss.name", Value::Text("ArcFaceLoss".into()));
        settings.set("loss.margin", Value::Float(self.margin));
        settings.set("train.epochs", Value::Int(12));
        let mut dim = Value::table();
        dim.set("op", Value::Text("pca".into()));
        dim.set("dim", Value::Int(self.dim));
        settings.set("post.steps", Value::List(vec![dim]));
        let data = Stage::new("data", 1).input("photos", Key::of_bytes(self.photos.as_bytes()));
        let mut score = Stage::new("score", 1);
        let mut nodes = vec![Node::from(data.clone())];
        for fold in 0..self.folds {
            let part = format!("fold {fold}");
            let split = Stage::new("fold", 1)
                .part(&part)
                .setting("fold", Value::Int(fold.into()))
                .input("data", data.artefact());
            let fit = Stage::new("fit", self.fit_version)
                .part(&part)
                .table(&settings, "loss")
                .table(&settings, "train")
                .input("fold", split.artefact())
                .cut("epoch", self.epochs, 12);
            let embed = Stage::new("embed", 1).part(&part).input("fit", fit.artefact());
            let post = Stage::new("post", 2).part(&part).table(&settings, "post").input("embed", embed.artefact());
            score = score.input(part, post.artefact());
            nodes.extend([split, fit, embed, post].map(|stage| Node { work: 1200.0, ..stage.into() }));
        }
        nodes.push(score.into());
        nodes
    }

    /// As if it had run to its end.
    fn ran(&self) -> (Drawn, Previous) {
        let stages: Vec<Recorded> = self.nodes().iter().map(|n| (&n.stage).into()).collect();
        let keys: HashSet<Key> = stages.iter().map(|s| s.key).collect();
        (Drawn { keys: keys.clone(), ..Drawn::default() }, Previous { stages, finished: keys.into_iter().collect() })
    }

    fn plan(&self, store: &Drawn, previous: &Previous) -> Plan {
        plan(&self.nodes(), store, Some(previous), &history(), 10.0)
    }
}

fn history() -> History {
    let mut history = History::new();
    for (stage, seconds, bytes) in
        [("fold", 0.5, 900), ("fit", 240.0, 45_000_000), ("embed", 12.0, 4_000_000), ("post", 2.0, 3_000_000)]
    {
        history.add(stage, Sample { date: Time(1.0), seconds, work: 1200.0, bytes });
    }
    history.add("score", Sample { date: Time(1.0), seconds: 1.5, work: 0.0, bytes: 50_000 });
    history
}

fn drawn(plan: &Plan) -> String {
    let mut text = String::new();
    for step in &plan.steps {
        let takes = match (step.action, step.seconds) {
            (Action::Run, Some(seconds)) => format!("{seconds:.1} s"),
            (Action::Run, None) => "? s".to_owned(),
            _ => String::new(),
        };
        let start = if step.action != Action::Run {
            ""
        } else if step.by_itself {
            "by itself"
        } else if step.cheap {
            "cheap"
        } else {
            "dear"
        };
        let line = format!("{:7} {:12} {takes:>8} {start:9} {}", step.action.word(), step.label(), step.reason);
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

#[test]
fn the_first_time_everything_runs() {
    let nodes = RECIPE.nodes();
    insta::assert_snapshot!(drawn(&plan(&nodes, &Drawn::default(), None, &History::new(), 10.0)), @"
    run     data              ? s dear      never ran
    run     fold 0            ? s dear      never ran
    run     fit fold 0        ? s dear      never ran
    run     embed fold 0      ? s dear      never ran
    run     post fold 0       ? s dear      never ran
    run     score             ? s dear      never ran
    ");
    let known = plan(&nodes, &Drawn::default(), None, &history(), 10.0);
    assert_eq!(
        (known.seconds(), known.bytes()),
        (None, 52_050_900),
        "data has no history: the sum of times is not known"
    );
}

#[test]
fn nothing_runs_twice() {
    let (store, previous) = RECIPE.ran();
    let again = RECIPE.plan(&store, &previous);
    assert!(again.is_fresh() && !again.starts_by_itself());
    insta::assert_snapshot!(drawn(&again), @"
    reuse   data                            in the store
    reuse   fold 0                          in the store
    reuse   fit fold 0                      in the store
    reuse   embed fold 0                    in the store
    reuse   post fold 0                     in the store
    reuse   score                           in the store
    ");
}

#[test]
fn a_changed_loss_trains_again() {
    let (store, previous) = RECIPE.ran();
    let plan = Recipe { margin: 22.9, ..RECIPE }.plan(&store, &previous);
    insta::assert_snapshot!(drawn(&plan), @"
    reuse   data                            in the store
    reuse   fold 0                          in the store
    run     fit fold 0    240.0 s dear      [loss] margin 17.2 → 22.9
    run     embed fold 0   12.0 s dear      input fit fold 0 runs again
    run     post fold 0     2.0 s cheap     input embed fold 0 runs again
    run     score           1.5 s cheap     input post fold 0 runs again
    ");
    assert_eq!(plan.seconds(), Some(240.0 + 12.0 + 2.0 + 1.5));
    assert_eq!(plan.bytes(), 52_050_000);
}

#[test]
fn a_changed_post_step_starts_by_itself_even_when_checkpoint_and_data_are_deleted() {
    let (mut store, previous) = RECIPE.ran();
    for node in RECIPE.nodes().iter().filter(|n| ["data", "fold", "fit"].contains(&n.stage.name)) {
        store.keys.remove(&node.stage.artefact());
    }
    let plan = Recipe { dim: 64, ..RECIPE }.plan(&store, &previous);
    insta::assert_snapshot!(drawn(&plan), @"
    reuse   data                            not needed: what follows from it is in the store
    reuse   fold 0                          not needed: what follows from it is in the store
    reuse   fit fold 0                      not needed: what follows from it is in the store
    reuse   embed fold 0                    in the store
    run     post fold 0     2.0 s by itself [post] steps[0].dim 128 → 64
    run     score           1.5 s by itself input post fold 0 runs again
    ");
    assert!(plan.starts_by_itself());
}

#[test]
fn a_new_version_and_other_photos_say_so() {
    let (store, previous) = RECIPE.ran();
    let changed = Recipe { fit_version: 4, photos: "other photos", margin: 20.0, ..RECIPE };
    let mut nodes = changed.nodes();
    nodes[0].described.insert("photos".into(), "12 photos relabelled, 3 added".into());
    insta::assert_snapshot!(drawn(&plan(&nodes, &store, Some(&previous), &history(), 10.0)), @"
    run     data              ? s dear      photos: 12 photos relabelled, 3 added
    run     fold 0          0.5 s cheap     input data runs again
    run     fit fold 0    240.0 s dear      stage fit v3 → v4; [loss] margin 17.2 → 20.0; input fold 0 runs again
    run     embed fold 0   12.0 s dear      input fit fold 0 runs again
    run     post fold 0     2.0 s cheap     input embed fold 0 runs again
    run     score           1.5 s cheap     input post fold 0 runs again
    ");
}

#[test]
fn the_next_rung_goes_on_from_the_one_before() {
    let smoke = Recipe { epochs: 2, ..RECIPE };
    let (store, previous) = smoke.ran();
    let plan = Recipe { folds: 2, ..RECIPE }.plan(&store, &previous);
    insta::assert_snapshot!(drawn(&plan), @"
    reuse   data                            in the store
    reuse   fold 0                          in the store
    run     fit fold 0    200.0 s dear      epoch 2 → 12; goes on from epoch 2 of 12
    run     embed fold 0   12.0 s dear      input fit fold 0 runs again
    run     post fold 0     2.0 s cheap     input embed fold 0 runs again
    run     fold 1          0.5 s by itself never ran
    run     fit fold 1    240.0 s dear      never ran
    run     embed fold 1   12.0 s dear      never ran
    run     post fold 1     2.0 s cheap     never ran
    run     score           1.5 s cheap     input post fold 0 runs again; input post fold 1 runs again
    ");
    // Ten of twelve epochs are left.
    assert_eq!(plan.steps[2].work, 1000.0);
    assert_eq!(plan.steps[2].resume.and_then(|r| r.key), Some(smoke.nodes()[2].stage.artefact()));
}

#[test]
fn unfinished_work_is_gone_on_with_where_it_is_further_than_any_artefact() {
    let (mut store, _) = Recipe { epochs: 2, ..RECIPE }.ran();
    let (_, mut previous) = RECIPE.ran();
    let fit = RECIPE.nodes()[2].stage.artefact();
    previous.finished.clear();
    store.unfinished.insert(fit, 7);
    insta::assert_snapshot!(drawn(&RECIPE.plan(&store, &previous)), @"
    reuse   data                            in the store
    reuse   fold 0                          in the store
    run     fit fold 0    100.0 s dear      did not finish in the last run; goes on from epoch 7 of 12
    run     embed fold 0   12.0 s dear      did not finish in the last run
    run     post fold 0     2.0 s cheap     did not finish in the last run
    run     score           1.5 s cheap     did not finish in the last run
    ");
    store.unfinished.insert(fit, 1);
    assert_eq!(RECIPE.plan(&store, &previous).steps[2].resume.map(|r| r.at), Some(2));
}

#[test]
fn an_embedding_of_which_a_part_is_there_takes_as_much_less() {
    let (mut store, mut previous) = RECIPE.ran();
    let nodes = RECIPE.nodes();
    for node in &nodes[3..] {
        store.keys.remove(&node.stage.artefact());
    }
    previous.finished.clear();
    store.of = Some(1000);
    store.unfinished.insert(nodes[3].stage.artefact(), 750);
    insta::assert_snapshot!(drawn(&RECIPE.plan(&store, &previous)), @"
    reuse   data                            in the store
    reuse   fold 0                          in the store
    reuse   fit fold 0                      in the store
    run     embed fold 0    3.0 s by itself did not finish in the last run; goes on from 750 of 1000
    run     post fold 0     2.0 s by itself did not finish in the last run
    run     score           1.5 s by itself did not finish in the last run
    ");
}

#[test]
fn what_was_deleted_and_what_was_cut_off_are_told_apart() {
    let (_, mut previous) = RECIPE.ran();
    previous.finished.remove(&RECIPE.nodes()[4].stage.artefact());
    insta::assert_snapshot!(drawn(&RECIPE.plan(&Drawn::default(), &previous)), @"
    run     data              ? s dear      no longer in the store
    run     fold 0          0.5 s cheap     no longer in the store
    run     fit fold 0    240.0 s dear      no longer in the store
    run     embed fold 0   12.0 s dear      no longer in the store
    run     post fold 0     2.0 s cheap     did not finish in the last run
    run     score           1.5 s cheap     no longer in the store
    ");
}

#[test]
fn a_blocked_stage_blocks_what_needs_it_and_nothing_else() {
    let (store, previous) = RECIPE.ran();
    let mut nodes = Recipe { margin: 1.0, folds: 2, ..RECIPE }.nodes();
    nodes[2].blocked = Some("02-arcface.md:14:10: margin must be at least 5".into());
    insta::assert_snapshot!(drawn(&plan(&nodes, &store, Some(&previous), &history(), 10.0)), @"
    reuse   data                            in the store
    reuse   fold 0                          in the store
    blocked fit fold 0                      02-arcface.md:14:10: margin must be at least 5
    blocked embed fold 0                    its input fit fold 0 is blocked
    blocked post fold 0                     its input embed fold 0 is blocked
    run     fold 1          0.5 s by itself never ran
    run     fit fold 1    240.0 s dear      never ran
    run     embed fold 1   12.0 s dear      never ran
    run     post fold 1     2.0 s cheap     never ran
    blocked score                           its input post fold 0 is blocked
    ");
}

#[test]
fn a_stage_that_may_not_be_reused_runs_each_time_with_all_that_read_it() {
    let look = Stage::new("look", 1).never_reused();
    let tell = Stage::new("tell", 1).input("look", look.artefact());
    let nodes = [Node::from(look), Node::from(tell)];
    let stages: Vec<Recorded> = nodes.iter().map(|n| (&n.stage).into()).collect();
    let store = Drawn { keys: stages.iter().map(|s| s.key).collect(), ..Drawn::default() };
    let previous = Previous { finished: stages.iter().map(|s| s.key).collect(), stages };
    let plan = plan(&nodes, &store, Some(&previous), &history(), 10.0);
    insta::assert_snapshot!(drawn(&plan), @"
    run     look              ? s dear      runs each time: what it reads is not all in its key
    run     tell              ? s dear      input look runs again
    ");
    assert!(plan.steps.iter().all(|s| s.replace));
}

#[test]
fn many_changes_are_counted_after_the_third() {
    let old = Stage::new("fit", 1).setting("loss.name", Value::Text("ArcFaceLoss".into()));
    let old = (0..6).fold(old, |s, i| s.setting(&format!("train.k{i}"), Value::Int(i)));
    let mut new = (0..6).fold(Stage::new("fit", 1), |s, i| s.setting(&format!("train.k{i}"), Value::Int(i + 1)));
    new = new.setting("loss.name", Value::Text("CosFaceLoss".into())).setting("seed", Value::Int(7));
    let tables = vec!["loss".to_owned(), "train".to_owned()];
    let previous =
        Previous { stages: vec![(&Stage { tables: tables.clone(), ..old }).into()], finished: Default::default() };
    let nodes = [Node::from(Stage { tables, ..new })];
    insta::assert_snapshot!(drawn(&plan(&nodes, &Drawn::default(), Some(&previous), &History::new(), 10.0)), @r#"run     fit               ? s dear      [loss] name "ArcFaceLoss" → "CosFaceLoss"; [train] k0 0 → 1; [train] k1 1 → 2; … and 5 more"#);
}

/// A drawn graph: for each node the earlier ones that it reads, whether it is stored, reusable and wanted.
fn graph() -> impl Strategy<Value = Vec<(Vec<usize>, bool, bool, bool)>> {
    let node = (prop::collection::vec(any::<prop::sample::Index>(), 0..3), any::<bool>(), 0..8u8, 0..8u8);
    prop::collection::vec(node, 1..9).prop_map(|nodes| {
        let draw = |(i, (reads, stored, reuse, wanted)): (usize, (Vec<prop::sample::Index>, bool, u8, u8))| {
            let reads = if i == 0 { Vec::new() } else { reads.iter().map(|r| r.index(i)).collect() };
            (reads, stored, reuse > 0, wanted == 0)
        };
        nodes.into_iter().enumerate().map(draw).collect()
    })
}

proptest! {
    // Failures are told with their smallest graph; no file of them is kept.
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_plan_can_be_executed_and_does_no_more_than_is_needed(graph in graph()) {
        let mut nodes: Vec<Node> = Vec::new();
        let mut store = Drawn::default();
        for (i, (reads, stored, may_reuse, wanted)) in graph.iter().enumerate() {
            let start = Stage { may_reuse: *may_reuse, ..Stage::new("node", 1) };
            let start = start.part(i.to_string()).setting("i", Value::Int(i as i64));
            let stage = reads.iter().fold(start, |s, &j| s.input(format!("n{j}"), nodes[j].stage.artefact()));
            if *stored {
                store.keys.insert(stage.artefact());
            }
            nodes.push(Node { wanted: *wanted, ..stage.into() });
        }
        let first = plan(&nodes, &store, None, &History::new(), 10.0);
        prop_assert_eq!(&first, &plan(&nodes, &store, None, &History::new(), 10.0));

        // Executed in order, each step finds what it reads.
        let mut after = store.clone();
        for step in first.running() {
            prop_assert!(step.stage.inputs.iter().all(|x| after.keys.contains(&x.key)), "{}", drawn(&first));
            after.keys.insert(step.key);
        }
        // Whatever ends a line or is wanted is then there.
        let read = |i: usize| graph.iter().any(|(reads, ..)| reads.contains(&i));
        for (i, node) in nodes.iter().enumerate() {
            prop_assert!(read(i) && !node.wanted || after.keys.contains(&node.stage.artefact()));
        }
        // A step runs only for itself or for one that runs.
        for (i, step) in first.steps.iter().enumerate().filter(|(_, s)| s.action == Action::Run) {
            let for_others = first.running().any(|s| s.after.contains(&i));
            prop_assert!(!read(i) || nodes[i].wanted || step.replace || for_others, "{}", drawn(&first));
            prop_assert!(!step.present || step.replace);
        }
        // Afterwards only what may not be reused runs.
        prop_assert!(plan(&nodes, &after, None, &History::new(), 10.0).running().all(|s| s.replace));
    }
}
