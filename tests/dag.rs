//! Tests of dag through the public interface: plans on drawn graphs, a store that is copied and killed,
//! runs that lose their writer, a queue that loses its worker.
#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "what tests prepare must succeed, and half-written files are what they are about"
)]

mod plan;
mod queue;
mod run;
mod store;
mod union;

use std::path::Path;
use std::sync::Mutex;

use toji::base::{Clock, Key, Time, Value};
use toji::dag::{Making, Stage};

/// A clock that goes on by a quarter of a second whenever it is asked.
pub struct Ticking(Mutex<f64>);

impl Ticking {
    pub fn from(start: f64) -> Ticking {
        Ticking(Mutex::new(start))
    }
}

impl Clock for Ticking {
    fn now(&self) -> Time {
        let mut at = self.0.lock().unwrap();
        *at += 0.25;
        Time(*at)
    }
}

pub fn making(facts: &Value) -> Making<'_> {
    Making {
        recipe: "02-arcface",
        run: "run-1",
        machine: "box, cpu",
        started: Time(1000.0),
        before: 0.0,
        work: 10.0,
        facts,
        replace: false,
    }
}

/// A stage whose artefact `fill` makes.
pub fn stage(number: u64) -> Stage {
    Stage::new("fit", 1).setting("number", Value::Int(number as i64)).input("data", Key::of_bytes(b"data"))
}

/// Two files and a folder, all depending on `number`.
pub fn fill(folder: &Path, number: u64) -> Result<(), toji::dag::DagError> {
    toji::base::files::publish(&folder.join("weights.safetensors"), &vec![number as u8; 10_000])?;
    toji::base::files::publish(&folder.join("best/curve.json"), format!("[{number}, 2, 3]").as_bytes())?;
    toji::base::files::publish(&folder.join("zz.txt"), b"last by name")?;
    Ok(())
}
