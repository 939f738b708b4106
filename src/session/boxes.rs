//! Tables of boxes that a recipe's augmentations read, beside the photos that they are about.
//!
//! Takes a pipeline; gives it with its boxes, and the key of the boxes of some photos, which a stage takes among its inputs. A table
//! is read when something is planned, and again only when the file changed.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use super::watch::{Stamp, stamp};
use super::{Photos, Project, SessionError};
use crate::base::{Key, KeyWriter, Value};
use crate::data::augment::{At, Pipeline};
use crate::data::manifest::boxes::{BoxTable, Boxes};

/// Tables that were read, by file and least score.
#[derive(Default)]
pub struct Known(Mutex<HashMap<(PathBuf, Option<u64>), (Stamp, Arc<Boxes>)>>);

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
        let boxes = self.all(project, &pipeline)?;
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
        let boxes = self.all(project, pipeline)?;
        let mut key = KeyWriter::new("tables of boxes");
        for boxes in &boxes {
            key.key(&boxes.key_of(photos));
        }
        Ok((!boxes.is_empty()).then(|| key.finish()))
    }

    fn all(&self, project: &Project, pipeline: &Pipeline) -> Result<Vec<Arc<Boxes>>, SessionError> {
        pipeline.tables().iter().map(|table| self.boxes(project, table)).collect()
    }
}

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
