//! Tables of another program: embeddings as Parquet, ranked lists as CSV or Parquet.
//!
//! Takes a Parquet file with one column of ids and either one column of lists or one column a number, as pandas and polars write them;
//! and tables of ranked lists. Ids are text from end to end.

use std::collections::{HashMap, HashSet};
use std::io::Cursor;
use std::path::Path;

use polars::prelude::*;

use super::{OutsideError, bad};
use crate::base::files::read;
use crate::base::text::plain;
use crate::data::table::{Encoding, Table};

/// Names of a column of ids; where there is none of them, the first column that is no number with a point and no list.
const IDS: [&str; 4] = ["id", "gid", "image_id", "photo"];

/// Numbers a row, all rows, and the ids.
pub(super) fn embeddings(file: &Path) -> Result<(usize, Vec<f32>, Vec<String>), OutsideError> {
    let failed = |error: PolarsError| bad(file, error.to_string());
    let frame = ParquetReader::new(Cursor::new(read(file)?)).finish().map_err(failed)?;
    let columns = frame.columns();
    let named = columns.iter().find(|column| IDS.contains(&column.name().as_str()));
    let whole = |column: &&Column| column.dtype() == &DataType::String || column.dtype().is_integer();
    let Some(ids) = named.or_else(|| columns.iter().find(whole)) else {
        return Err(bad(file, "it has no column of ids; call it id"));
    };
    let texts = ids.cast(&DataType::String).map_err(failed)?;
    let texts = texts.str().map_err(failed)?;
    let found: Option<Vec<String>> = texts.iter().map(|id| id.map(|id| id.trim().to_owned())).collect();
    let found = found.ok_or_else(|| bad(file, format!("its column {} has gaps", plain(ids.name()))))?;
    let others: Vec<&Column> = columns.iter().filter(|column| column.name() != ids.name()).collect();
    let lists: Vec<&&Column> = others.iter().filter(|column| matches!(column.dtype(), DataType::List(_))).collect();
    if let [list] = lists[..] {
        let (mut dim, mut data) = (0, Vec::new());
        for (row, numbers) in list.list().map_err(failed)?.series_iter().enumerate() {
            let numbers = numbers.ok_or_else(|| bad(file, format!("row {} has no embedding", row + 1)))?;
            let numbers = floats(&numbers).map_err(failed)?;
            if row > 0 && numbers.len() != dim {
                return Err(bad(file, format!("row {} has {} numbers, the first has {dim}", row + 1, numbers.len())));
            }
            dim = numbers.len();
            data.extend(numbers);
        }
        return if dim == 0 { Err(bad(file, "its embeddings are empty")) } else { Ok((dim, data, found)) };
    }
    if !lists.is_empty() {
        return Err(bad(file, "it has several columns of lists; leave the one with embeddings"));
    }
    let numbers: Vec<&Column> = others.into_iter().filter(|column| column.dtype().is_float()).collect();
    let columns =
        numbers.iter().map(|column| floats(column.as_materialized_series())).collect::<PolarsResult<Vec<_>>>();
    let columns = columns.map_err(failed)?;
    if columns.is_empty() {
        return Err(bad(file, "it has neither a column of lists nor columns of real numbers"));
    }
    let data = (0..found.len()).flat_map(|row| columns.iter().map(move |column| column[row])).collect();
    Ok((columns.len(), data, found))
}

/// Numbers as f32; a gap is not finite.
fn floats(series: &Series) -> PolarsResult<Vec<f32>> {
    let cast = series.cast(&DataType::Float32)?;
    Ok(cast.f32()?.iter().map(|x| x.unwrap_or(f32::NAN)).collect())
}

/// (Gallery id, score) of each query, best first.
pub(super) fn lists(file: &Path, separator: &str) -> Result<HashMap<String, Vec<(String, f64)>>, OutsideError> {
    let table = Table::read(file, Encoding::Auto)?;
    let column = |i: usize| table.names().get(i).and_then(|name| table.find(name));
    let (Some(query), Some(items)) = (column(0), column(1)) else {
        return Err(bad(file, "it has one column; a query and its gallery ids were expected"));
    };
    let scores = column(2);
    let place = |row: usize| {
        let place = table.place(row);
        format!("{} {}", if place.text { "line" } else { "row" }, place.at)
    };
    let mut found: HashMap<String, Vec<(String, f64)>> = HashMap::new();
    for row in 0..table.rows() {
        let list = found.entry(query.get(row).to_owned());
        match scores {
            Some(scores) => {
                let score: f64 =
                    scores.get(row).parse().ok().filter(|score: &f64| score.is_finite()).ok_or_else(|| {
                        bad(file, format!("the score {:?} in {} is no number", plain(scores.get(row)), place(row)))
                    })?;
                list.or_default().push((items.get(row).to_owned(), score));
            }
            None => {
                let ids = items.get(row).split(separator).map(str::trim).filter(|id| !id.is_empty());
                let ids: Vec<(String, f64)> =
                    ids.zip(1..).map(|(id, place)| (id.to_owned(), -f64::from(place))).collect();
                if matches!(list, std::collections::hash_map::Entry::Occupied(_)) {
                    let text = format!("the query {} has a second list in {}", plain(query.get(row)), place(row));
                    return Err(bad(file, text));
                }
                list.or_insert(ids);
            }
        }
    }
    for (query, list) in &mut found {
        // Stable: of equal scores the earlier row.
        list.sort_by(|a, b| b.1.total_cmp(&a.1));
        let mut seen = HashSet::new();
        if let Some((id, _)) = list.iter().find(|(id, _)| !seen.insert(id.as_str())) {
            return Err(bad(file, format!("the list of {} names {} twice", plain(query), plain(id))));
        }
    }
    Ok(found)
}
