//! Files of other programs: embeddings and lists are matched by id, and what is missing is counted.

use super::super::outside::{Lists, OutsideError, Rows};
use crate::base::files::publish;
use crate::retrieve::Embeddings;

#[test]
fn embeddings_from_outside_are_matched_by_id() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name);
    let own = Embeddings::new(2, vec![0, 1, 2], vec![1.0, 0.0, 0.5, 0.5, 0.0, 2.0]).unwrap();
    own.save(&file("x.safetensors")).unwrap();
    publish(&file("ids.txt"), "a1\n007\n\nb\n".as_bytes()).unwrap();
    let rows = Rows::read(&file("x.safetensors"), Some(&file("ids.txt"))).unwrap();
    let found = rows.of(&[(5, "b"), (9, "a1")]).unwrap();
    assert_eq!((found.photos, found.data), (vec![5, 9], vec![0.0, 2.0, 1.0, 0.0]));
    let told = |error: OutsideError| error.to_string().split_once("x.safetensors: ").unwrap().1.to_owned();
    let missing = rows.of(&[(5, "7"), (6, "a1"), (7, "c"), (8, "d"), (9, "e")]).unwrap_err();
    assert_eq!(told(missing), "4 of 5 ids have not an embedding: 7, c, d, …");
    assert!(told(Rows::read(&file("x.safetensors"), None).unwrap_err()).contains("write ids"));
    publish(&file("ids.txt"), "a1\na1\nb\n".as_bytes()).unwrap();
    assert_eq!(
        told(Rows::read(&file("x.safetensors"), Some(&file("ids.txt"))).unwrap_err()),
        "the id a1 stands at rows 1 and 2"
    );
    publish(&file("ids.txt"), "a1\n".as_bytes()).unwrap();
    assert_eq!(
        told(Rows::read(&file("x.safetensors"), Some(&file("ids.txt"))).unwrap_err()),
        "it has 3 rows, and there are 1 ids"
    );
}

#[test]
fn parquet_has_lists_or_columns() {
    use polars::prelude::*;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("x.parquet");
    let write = |columns: Vec<Column>| {
        let mut frame = DataFrame::new_infer_height(columns).unwrap();
        ParquetWriter::new(std::fs::File::create(&file).unwrap()).finish(&mut frame).unwrap();
        Rows::read(&file, None)
    };
    let ids = || Column::new("id".into(), ["007", "8"]);
    let flat =
        write(vec![Column::new("f0".into(), [0.5f64, 1.0]), ids(), Column::new("f1".into(), [2.0f64, 3.0])]).unwrap();
    assert_eq!(
        (flat.dim, flat.ids.clone(), flat.data.clone()),
        (2, vec!["007".to_owned(), "8".to_owned()], vec![0.5, 2.0, 1.0, 3.0])
    );
    let rows = [Series::new("".into(), [0.5f32, 2.0]), Series::new("".into(), [1.0f32, 3.0])];
    let listed = write(vec![ids(), Column::new("embedding".into(), rows)]).unwrap();
    assert_eq!((listed.dim, listed.ids, listed.data), (flat.dim, flat.ids, flat.data));
    let ragged = [Series::new("".into(), [0.5f32, 2.0]), Series::new("".into(), [1.0f32])];
    let told = write(vec![ids(), Column::new("embedding".into(), ragged)]).unwrap_err().to_string();
    assert!(told.ends_with("row 2 has 1 numbers, the first has 2"), "{told}");
}

#[test]
fn lists_from_outside_are_matched_by_id() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("l.csv");
    let read = |text: &str| {
        publish(&file, text.as_bytes()).unwrap();
        Lists::read(&file, " ").map_err(|error| error.to_string().split_once("l.csv").unwrap().1.to_owned())
    };
    let (queries, gallery) = ([(9, "q1"), (2, "q2")], [(1, "a"), (2, "q2"), (3, "c")]);
    let known = |id: &str| id != "zzz";
    let wide = read("gid,cite_gid\nq2,c q2 a\nq1,q2 elsewhere c\n").unwrap();
    let (found, passed) = wide.of(&queries, &gallery, &known).unwrap();
    // Places with what they count: places in the file, from −1 down; the query itself and photos of other galleries are passed over.
    assert_eq!((found, passed), (vec![vec![(1, -1.0), (2, -3.0)], vec![(2, -1.0), (0, -3.0)]], 2));
    let long = read("q,id,score\nq1,a,0.2\nq2,a,1\nq1,c,0.9\n").unwrap();
    assert_eq!(long.of(&queries, &gallery, &known).unwrap().0, [vec![(2, 0.9), (0, 0.2)], vec![(0, 1.0)]]);
    let told = |lists: &Lists, queries: &[(u32, &str)]| lists.of(queries, &gallery, &known).unwrap_err().to_string();
    assert!(told(&long, &[(9, "q1"), (4, "q4")]).ends_with("1 of 2 ids have not a list: q4"));
    assert!(
        told(&read("q,ids\nq1,a zzz\n").unwrap(), &[(9, "q1")])
            .ends_with("1 of 2 ids have not a photo of the tables: zzz")
    );
    assert_eq!(read("q,id,score\nq1,a,high\n").unwrap_err(), ": the score \"high\" in line 2 is no number");
    assert!(read("q,ids\nq1,a a\n").unwrap_err().contains("names a twice"));
    assert!(read("q,ids\nq1,a\nq1,c\n").unwrap_err().contains("has a second list"));
}
