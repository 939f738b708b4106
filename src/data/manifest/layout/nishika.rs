//! Nishika's image search competitions: train.csv, cite.csv (the gallery) and test.csv (the queries).
//!
//! train.csv holds `gid,filename,brand_id,meigara`, cite.csv `cite_gid,cite_filename`, test.csv `gid,filename`.
//! Labels in cite.csv or test.csv are read where a table has them. Ids are unique within a table: the host numbers
//! each by itself. Source: the sake brand competition (48), as in ryota0051/nishika-sake.

use std::path::Path;

use super::rows::{Found, Source};
use super::{Listing, images};
use crate::data::competition::Competition;
use crate::data::error::DataError;
use crate::data::manifest::Role;
use crate::data::table::Table;

pub(super) fn read(
    competition: &Competition,
    train: &Path,
    gallery: &Path,
    query: &Path,
) -> Result<Listing, DataError> {
    let data = &competition.data;
    let columns = &data.columns;
    let gid = columns.id.as_deref().unwrap_or("gid");
    let mut listing = Listing::default();
    for (file, role, id, image, id_key, image_key) in [
        (train, Role::Train, gid, columns.image.as_str(), "data.columns.id", "data.columns.image"),
        (
            gallery,
            Role::Gallery,
            columns.gallery_id.as_str(),
            columns.gallery_image.as_str(),
            "data.columns.gallery_id",
            "data.columns.gallery_image",
        ),
        (query, Role::Query, gid, columns.image.as_str(), "data.columns.id", "data.columns.image"),
    ] {
        let table = Table::read(&data.folder.join(file), data.encoding)?;
        let image = table.column(image, image_key)?;
        let is_train = role == Role::Train;
        let source = Source {
            table: &table,
            index: listing.tables.len(),
            id: table.column(id, id_key)?,
            image,
            label: if is_train {
                Some(table.column(&columns.label, "data.columns.label")?)
            } else {
                table.find(&columns.label)
            },
            coarse: match &columns.coarse {
                Some(coarse) if coarse.required && is_train => Some(table.column(&coarse.name, "data.columns.coarse")?),
                Some(coarse) => table.find(&coarse.name),
                None => None,
            },
            suffix: &data.suffix,
        };
        let folder = images::folder(competition, &table, image, role)?;
        let Found { rows, notes } = source.rows(data.mixed_ids, |_| Ok(Some(role)), |_| folder.clone())?;
        listing.rows.extend(rows);
        listing.notes.extend(notes);
        listing.tables.push(table);
    }
    Ok(listing)
}
