//! Tables of boxes that a recipe's augmentations read, beside the photos that they are about.
//!
//! Takes a pipeline; gives it with its boxes, and the key of the boxes of some photos, which a stage takes among its inputs. A table
//! is read when something is planned, and again only when the file changed; a stage reads it once, and does not go on with another table
//! than the one that was planned.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use crate::base::{Key, KeyWriter, Value};
use crate::dag::Stage;
use crate::data::augment::{At, Pipeline};
use crate::data::manifest::boxes::{BoxTable, Boxes};
use crate::session::project::watch::{Stamp, stamp};
use crate::session::{Photos, Project, SessionError};

/// Tables that were read, with what the file was then, by file and least score.
#[derive(Default)]
pub struct Known(Mutex<HashMap<Asked, (Stamp, Arc<Boxes>)>>);

/// A file, and the bits of the least score.
type Asked = (PathBuf, Option<u64>);

impl Photos {
    /// The boxes of a table.
    ///
    /// # Errors
    /// The table's mistakes, with file and row.
    pub fn boxes(&self, project: &Project, table: &BoxTable) -> Result<Arc<Boxes>, SessionError> {
        let file = project.root.join(&table.file);
        let now = stamp([file.as_path()]);
        let key = (file, table.min_score.map(f64::to_bits));
        let mut known = self.tables.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((then, boxes)) = known.get(&key)
            && *then == now
        {
            return Ok(boxes.clone());
        }
        let boxes = Arc::new(Boxes::read(&key.0, table.min_score, &self.manifest, &project.competition)?);
        known.insert(key, (now, boxes.clone()));
        Ok(boxes)
    }

    /// The pipeline with the boxes of its tables.
    ///
    /// # Errors
    /// The tables' mistakes.
    pub fn with_boxes(&self, project: &Project, pipeline: Pipeline) -> Result<Pipeline, SessionError> {
        let boxes = self.all_boxes(project, &pipeline)?;
        Ok(pipeline.with_boxes(boxes))
    }

    /// The key of some photos' boxes in all tables of a pipeline; `None` where it has no table.
    ///
    /// # Errors
    /// The tables' mistakes.
    pub fn boxes_key(
        &self,
        project: &Project,
        pipeline: &Pipeline,
        photos: &[u32],
    ) -> Result<Option<Key>, SessionError> {
        let boxes = self.all_boxes(project, pipeline)?;
        let mut key = KeyWriter::new("tables of boxes");
        for boxes in &boxes {
            key.key(&boxes.key_of(photos));
        }
        Ok((!boxes.is_empty()).then(|| key.finish()))
    }

    /// The boxes of a pipeline's tables, in order.
    ///
    /// # Errors
    /// The tables' mistakes.
    pub fn all_boxes(&self, project: &Project, pipeline: &Pipeline) -> Result<Vec<Arc<Boxes>>, SessionError> {
        pipeline.tables().iter().map(|table| self.boxes(project, table)).collect()
    }
}

/// Whether a stage's boxes are those that it was planned with.
///
/// # Errors
/// When a table has changed since.
pub fn check(stage: &Stage, now: Option<Key>) -> Result<(), SessionError> {
    let planned = stage.inputs.iter().find(|input| input.name == INPUT).map(|input| input.key);
    if planned == now {
        return Ok(());
    }
    let text = format!("{}: a table of boxes has changed since the plan was made; run it again", stage.label());
    Err(SessionError::Unfit(text))
}

/// What a stage calls its boxes among its inputs.
pub const INPUT: &str = "boxes";

/// The tables of boxes that `[augment]` names, each once.
pub fn tables(augment: &Value) -> Vec<BoxTable> {
    let pipelines = [Pipeline::train(augment, At::FIRST), Pipeline::eval(augment)];
    let mut found: Vec<BoxTable> = Vec::new();
    for table in pipelines.iter().flatten().flat_map(Pipeline::tables) {
        if !found.contains(&table) {
            found.push(table);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stage_takes_no_other_table_than_it_was_planned_with() {
        let [planned, other] = [b"a", b"b"].map(|bytes| Key::of_bytes(bytes));
        let stage = Stage::new("fit", 1).part("fold 0").input("photos", other).input(INPUT, planned);
        assert!(check(&stage, Some(planned)).is_ok());
        insta::assert_snapshot!(check(&stage, Some(other)).unwrap_err(), @"fit fold 0: a table of boxes has changed since the plan was made; run it again");
        assert!(check(&stage, None).is_err() && check(&Stage::new("fit", 1), None).is_ok());
    }

    #[test]
    fn each_table_is_named_once() {
        let augment = serde_json::from_str::<Value>(
            r#"{"train": [{"op": "OneOf", "transforms": [{"op": "RandomCropNearBBox", "table": "a.csv"}, {"op": "RandomCropNearBBox", "table": "b.csv"}]}, {"op": "Resize", "size": [8, 8]}],
                "eval": [{"op": "RandomCropNearBBox", "table": "a.csv"}, {"op": "Resize", "size": [8, 8]}]}"#,
        );
        let files: Vec<String> = tables(&augment.unwrap()).into_iter().map(|table| table.file).collect();
        assert_eq!(files, ["a.csv", "b.csv"]);
    }
}
