//! Folds that the tables say themselves: a column names the parts, or every value of it is one.

use std::collections::BTreeMap;

use super::{Division, OneOrMore};
use crate::data::error::{listed, quoted};
use crate::data::folds::{FoldError, labelled, together};
use crate::data::manifest::{Manifest, Role};

pub(super) fn by_column(
    manifest: &Manifest,
    name: &str,
    train: Option<&OneOrMore>,
    eval: Option<&OneOrMore>,
) -> Result<Vec<Division>, FoldError> {
    let column = together::column(manifest, "column", name)?;
    let mut with_value: BTreeMap<&str, Vec<u32>> = BTreeMap::new();
    for photo in labelled(manifest, &[Role::Train, Role::Query, Role::Gallery, Role::Both]) {
        if let Some(value) = column.of_photo[photo as usize] {
            with_value.entry(column.values[value as usize].as_str()).or_default().push(photo);
        }
    }
    let pick = |key: &'static str, wanted: &OneOrMore| -> Result<Vec<u32>, FoldError> {
        let mut photos = Vec::new();
        for value in wanted.values() {
            let found = with_value.get(value.as_str()).ok_or_else(|| FoldError::NoValue {
                key,
                column: name.to_owned(),
                value: value.clone(),
                there: listed(with_value.keys()),
            })?;
            photos.extend(found);
        }
        Ok(photos)
    };
    match (train, eval) {
        (Some(train), Some(eval)) => {
            if let Some(both) = train.values().iter().find(|value| eval.values().contains(value)) {
                return Err(FoldError::Settings(format!("{} is in train and in eval", quoted(both))));
            }
            Ok(vec![(pick("train", train)?, pick("eval", eval)?)])
        }
        (None, None) => {
            let mut values: Vec<&str> = with_value.keys().copied().filter(|value| !value.is_empty()).collect();
            if values.len() < 2 || values.len() > 100 {
                let count = values.len();
                let message =
                    format!("column {} has {count} values; folds need 2 to 100, or name train and eval", quoted(name));
                return Err(FoldError::Settings(message));
            }
            if values.iter().all(|value| value.parse::<u64>().is_ok()) {
                values.sort_by_key(|value| value.parse::<u64>().unwrap_or(0));
            }
            Ok(values
                .iter()
                .map(|held| {
                    let others = values.iter().filter(|value| *value != held);
                    (others.flat_map(|value| with_value[value].iter().copied()).collect(), with_value[held].clone())
                })
                .collect())
        }
        _ => Err(FoldError::Settings("write both train and eval, or neither".to_owned())),
    }
}
