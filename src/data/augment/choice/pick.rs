//! OneOf and SomeOf: a list of operations of which some are chosen for each picture.
//!
//! Takes a list as `[augment] train` does; gives the picture after what was chosen. albumentations' 2.0.8 rules: OneOf
//! reads the operations' `p` as weights and applies the chosen one for certain, SomeOf applies each chosen one with
//! its own `p`, in the order of the list. Each operation draws from a stream of its own, so that what one draws does not
//! move another's numbers. Mistakes inside are told with their place, such as `augment.train[1].transforms[0]`.

use std::borrow::Cow;
use std::sync::Arc;

use serde::Deserialize;

use crate::base::seed::Draws;
use crate::base::{Seed, Value};
use crate::book::technique::{Default, Kind, Literal, Param, Status, Technique};
use crate::data::augment::mix::{Blend, Mix};
use crate::data::augment::operation::{Built, Op, Operation, Row, Settings, Unfit};
use crate::data::augment::pipeline::sight::Detail;
use crate::data::augment::pipeline::sizes::Sizes;
use crate::data::augment::pipeline::{OPERATIONS, Shown};
use crate::data::augment::settings::{LAST_EPOCHS_OFF, P_HALF, P_ONE, Scale, Size};
use crate::data::decode::Picture;
use crate::data::manifest::boxes::{BoxTable, Boxes};

/// The row of OneOf.
pub const ONE_OF: Row = Row::of::<WrittenOneOf>(Technique {
    name: "OneOf",
    slot: "augment",
    about: "Apply one of some operations, chosen at random.",
    details: "With probability `p` one operation of `transforms` is chosen and applied for certain. The operations' own p are \
        weights: with p = 0.5 and p = 0.1 the first is chosen five times as often. Lists may stand in lists.\n\n\
        Example: { op = \"OneOf\", p = 0.5, transforms = [{ op = \"GaussianBlur\" }, { op = \"MotionBlur\" }, \
        { op = \"ImageCompression\", quality_range = [40, 95] }] } spoils half of the pictures, each in one way.\n\n\
        Several operations that each spoil a picture a little spoil it too much together; OneOf keeps the sum in bounds. The \
        sake competition's 8th place drew SafeRotate to the left or to the right like this, and its study's colour \
        OneOf gained 0.0003 of MRR.\n\n\
        Where operations inside fix a size, all of them must fix the same one and p must be 1, or a later Resize must.",
    params: &[
        Param::new(
            "transforms",
            OPERATIONS,
            Default::Required,
            "The operations to choose from, each with its weight `p`.",
        ),
        P_HALF,
        LAST_EPOCHS_OFF,
    ],
    source: "albumentations 2.0.8 OneOf; ryota0051/nishika-sake notebooks 9-13 and 03-2",
    status: Status::Built,
});

/// The row of SomeOf.
pub const SOME_OF: Row = Row::of::<WrittenSomeOf>(Technique {
    name: "SomeOf",
    slot: "augment",
    about: "Apply some of the operations of a list, chosen at random.",
    details: "With probability `p`, n operations of `transforms` are chosen, all as likely, and applied in the order of the \
        list, each with its own p: an operation with p = 0.5 that is chosen is applied half of the time. With `replace` an \
        operation may be chosen more than once. An n above the number of operations means all of them.\n\n\
        Example: { op = \"SomeOf\", n = 2, transforms = [{ op = \"RGBShift\", p = 1.0 }, { op = \"CLAHE\", p = 1.0 }, \
        { op = \"GaussNoise\", p = 1.0 }] } applies two of the three to every picture. RandAugment is this with a \
        ready-made list.",
    params: &[
        Param::new("transforms", OPERATIONS, Default::Required, "The operations to choose from."),
        Param::new(
            "n",
            Kind::OverEpochs(&Kind::Int { min: 1, max: 32 }),
            Default::Is(Literal::Int(1)),
            "How many are chosen.",
        )
        .unit("operations"),
        Param::new("replace", Kind::Bool, Default::Is(Literal::Bool(false)), "An operation may be chosen again."),
        P_ONE,
        LAST_EPOCHS_OFF,
    ],
    source: "albumentations 2.0.8 SomeOf",
    status: Status::Built,
});

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenOneOf {
    transforms: Value,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenSomeOf {
    transforms: Value,
    n: usize,
    replace: bool,
}

fn inside(transforms: &Value, place: &str) -> Result<Vec<Op>, Unfit> {
    Op::read_all(&format!("{place}.transforms"), transforms).map_err(Unfit::Inside)
}

/// Whether the operations of a list work on whole batches; all do, or none does.
fn mixing(ops: &[Op]) -> Result<bool, String> {
    let mixing = |op: &&Op| op.operation.mix().is_some();
    match ops.iter().find(mixing) {
        Some(op) if ops.iter().any(|op| !mixing(&op)) => {
            Err(format!("{} mixes the pictures of a whole batch; what it is chosen among must do so, too", op.name))
        }
        found => Ok(found.is_some()),
    }
}

fn told(place: usize, op: &Op, reason: &str) -> String {
    format!("transforms[{place}] {}: {reason}", op.name)
}

#[derive(Debug)]
struct OneOf {
    ops: Vec<Op>,
    /// Whether they work on whole batches.
    mixes: bool,
}

impl Settings for WrittenOneOf {
    fn operation(self, place: &str) -> Built {
        let ops = inside(&self.transforms, place)?;
        if !ops.iter().any(|op| op.p > 0.0) {
            return Err(
                "the operations' p are weights, and all of them are 0; give OneOf itself p or last_epochs_off".into()
            );
        }
        let mixes = mixing(&ops)?;
        Ok(Arc::new(OneOf { ops, mixes }))
    }
}

impl OneOf {
    fn draw(&self, draws: &mut Draws) -> usize {
        let sum: f64 = self.ops.iter().map(|op| op.p).sum();
        let mut left = draws.unit() * sum;
        let last = self.ops.iter().rposition(|op| op.p > 0.0).unwrap_or(0);
        for (place, op) in self.ops.iter().enumerate().take(last) {
            if left < op.p {
                return place;
            }
            left -= op.p;
        }
        last
    }
}

impl Operation for OneOf {
    fn sizes(&self, before: Sizes) -> Result<Sizes, String> {
        let mut all: Option<Sizes> = None;
        for (place, op) in self.ops.iter().enumerate().filter(|(_, op)| op.p > 0.0) {
            // The chosen one is applied for certain, whatever its p.
            let certain = Op { p: 1.0, ..op.clone() };
            let after = certain.sizes(before).map_err(|reason| told(place, op, &reason))?;
            all = Some(all.map_or(after, |all| all.or(after)));
        }
        Ok(all.unwrap_or(before))
    }

    fn scaled(&self, scale: Scale) -> Option<Arc<dyn Operation>> {
        Some(Arc::new(OneOf { ops: self.ops.iter().map(|op| op.scaled(scale)).collect(), ..*self }))
    }

    fn detail(&self, picture: Size) -> Detail {
        let chosen = self.ops.iter().filter(|op| op.p > 0.0).map(|op| op.operation.detail(picture));
        chosen.reduce(Detail::or).unwrap_or(Detail::ALL)
    }

    fn is_random(&self) -> bool {
        let mut chosen = self.ops.iter().filter(|op| op.p > 0.0);
        chosen.next().is_some_and(|op| op.operation.is_random()) || chosen.next().is_some()
    }

    fn run<'a>(&self, picture: Cow<'a, Picture>, draws: &mut Draws) -> Cow<'a, Picture> {
        self.run_photo(picture, None, draws)
    }

    fn run_photo<'a>(&self, picture: Cow<'a, Picture>, photo: Option<Shown>, draws: &mut Draws) -> Cow<'a, Picture> {
        let place = OneOf::draw(self, draws);
        self.ops[place].force_photo(picture, photo, place, Seed::new(draws.bits()))
    }

    fn mix(&self) -> Option<&dyn Mix> {
        self.mixes.then_some(self)
    }

    fn tables(&self) -> Vec<BoxTable> {
        self.ops.iter().flat_map(|op| op.operation.tables()).collect()
    }

    fn with_boxes(&self, boxes: &mut dyn Iterator<Item = Arc<Boxes>>) -> Option<Arc<dyn Operation>> {
        Some(Arc::new(OneOf { ops: self.ops.iter().map(|op| op.with_boxes(boxes)).collect(), ..*self }))
    }
}

impl Mix for OneOf {
    fn draw(&self, size: Size, draws: &mut Draws) -> Blend {
        let place = OneOf::draw(self, draws);
        let seed = Seed::new(draws.bits());
        self.ops[place].force_blend(size, place, seed).unwrap_or_else(|| Blend::nothing(size))
    }
}

#[derive(Debug)]
struct SomeOf {
    ops: Vec<Op>,
    n: usize,
    replace: bool,
}

impl Settings for WrittenSomeOf {
    fn operation(self, place: &str) -> Built {
        let ops = inside(&self.transforms, place)?;
        if mixing(&ops)? {
            return Err("a batch is mixed once; choose among MixUp and CutMix by OneOf".into());
        }
        if ops.iter().any(|op| !op.operation.tables().is_empty()) {
            return Err(
                "a box is a place in the whole photo, which a second operation no longer sees; choose by OneOf".into(),
            );
        }
        let n = if self.replace { self.n } else { self.n.min(ops.len()) };
        Ok(Arc::new(SomeOf { ops, n, replace: self.replace }))
    }
}

impl SomeOf {
    /// The places of what was chosen, in the order of the list.
    fn draw(&self, draws: &mut Draws) -> Vec<usize> {
        let mut chosen: Vec<usize> = if self.replace {
            (0..self.n).map(|_| draws.below(self.ops.len() as u64) as usize).collect()
        } else {
            let mut all: Vec<usize> = (0..self.ops.len()).collect();
            draws.shuffle(&mut all);
            all.truncate(self.n);
            all
        };
        chosen.sort_unstable();
        chosen
    }
}

impl Operation for SomeOf {
    fn sizes(&self, before: Sizes) -> Result<Sizes, String> {
        let all = !self.replace && self.n == self.ops.len();
        let times = if self.replace { self.n } else { 1 };
        let mut sizes = before;
        for (place, op) in self.ops.iter().enumerate() {
            for _ in 0..times {
                let after = op.sizes(sizes).map_err(|reason| told(place, op, &reason))?;
                sizes = if all { after } else { sizes.or(after) };
            }
        }
        Ok(sizes)
    }

    fn scaled(&self, scale: Scale) -> Option<Arc<dyn Operation>> {
        Some(Arc::new(SomeOf { ops: self.ops.iter().map(|op| op.scaled(scale)).collect(), ..*self }))
    }

    fn is_random(&self) -> bool {
        let active = self.ops.iter().any(|op| op.p > 0.0);
        let choice = self.ops.len() > 1 && (self.replace || self.n < self.ops.len());
        active && (choice || self.ops.iter().any(Op::is_random))
    }

    fn run<'a>(&self, picture: Cow<'a, Picture>, draws: &mut Draws) -> Cow<'a, Picture> {
        let chosen = self.draw(draws);
        let seed = Seed::new(draws.bits());
        // The turn is part of the seed, for an operation that was chosen twice.
        let turns = chosen.into_iter().enumerate();
        turns.fold(picture, |picture, (turn, place)| self.ops[place].run(picture, place, seed.at(turn as u64)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::augment::golden::{distribution, noise};

    fn read(json: &str) -> Op {
        Op::read("x", 0, &serde_json::from_str(json).unwrap()).unwrap()
    }

    /// Four operations with weights 1, 1, 2, 0 that nobody runs.
    fn four() -> Vec<Op> {
        [0.25, 0.25, 0.5, 0.0].map(|p| Op { p, ..read(r#"{"op": "HorizontalFlip"}"#) }).to_vec()
    }

    #[test]
    fn choices_are_drawn_as_albumentations_draws_them() {
        let op = OneOf { ops: four(), mixes: false };
        distribution("OneOf", &["first", "second", "third", "fourth"], |draws| {
            let place = OneOf::draw(&op, draws);
            (0..4).map(|i| f64::from(u8::from(i == place))).collect()
        });
        for (name, replace) in [("SomeOf", false), ("SomeOf replace", true)] {
            let op = SomeOf { ops: four(), n: 2, replace };
            distribution(name, &["least", "greatest"], |draws| op.draw(draws).iter().map(|&i| i as f64).collect());
        }
    }

    #[test]
    fn one_is_applied_for_certain_and_some_by_their_chance() {
        let picture = noise(6, 4);
        let changed =
            |op: &Op| (0..1000).filter(|&i| *op.run(Cow::Borrowed(&picture), 0, Seed::new(i)) != picture).count();
        let list = r#"[{"op": "HorizontalFlip", "p": 0.5}]"#;
        assert_eq!(changed(&read(&format!(r#"{{"op": "OneOf", "p": 1.0, "transforms": {list}}}"#))), 1000);
        let half = changed(&read(&format!(r#"{{"op": "SomeOf", "transforms": {list}}}"#)));
        assert!((440..560).contains(&half), "{half}");
        assert!(!read(&format!(r#"{{"op": "OneOf", "p": 1.0, "transforms": {list}}}"#)).is_random());
        assert!(read(&format!(r#"{{"op": "SomeOf", "transforms": {list}}}"#)).is_random());
    }

    #[test]
    fn lists_may_stand_in_lists() {
        let op = read(
            r#"{"op": "OneOf", "p": 1.0, "transforms": [
                {"op": "SomeOf", "n": 2, "transforms": [{"op": "VerticalFlip", "p": 1}, {"op": "HorizontalFlip", "p": 1}]}]}"#,
        );
        let picture = noise(7, 5);
        let turned = op.run(Cow::Borrowed(&picture), 0, Seed::new(3));
        assert!(turned.rgb.chunks(3).eq(picture.rgb.chunks(3).rev()), "both mirrors are half a turn");
        assert!(!op.is_random());
        let weightless = r#"{"op": "OneOf", "transforms": [{"op": "HorizontalFlip", "p": 0}]}"#;
        assert!(Op::read("x", 0, &serde_json::from_str(weightless).unwrap()).is_err());
    }
}
