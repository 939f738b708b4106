//! Tables as Parquet or CSV, piece by piece.
//!
//! Takes pieces of one table, each with the same columns; publishes a file that polars, pandas, DuckDB and spreadsheets read. Each piece is a row group of
//! its own, so memory is that of one piece, however many there are. In Parquet lists are lists, and vectors such of a fixed length (by Arrow's
//! types beside Parquet's own, see `arrow`); in CSV a vector is a column for each number (`e0`, `e1`, …), and any other list a JSON array. A gap is a null, and in CSV
//! nothing between two commas. Text stays as it is: commas, quotes and line ends are quoted as RFC 4180 says.

use std::io::{self, BufWriter, Write};
use std::path::Path;

use polars::io::{csv, parquet};
use polars::prelude::*;

use super::arrow::{self, Kind};
use crate::base::files::{FileError, publish_with};
use crate::session::errands::export::{Cells, Column as Given, Table};
use crate::show::ShowError;

/// A form of tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Columns with their types.
    Parquet,
    /// Text.
    Csv,
}

impl Form {
    /// The form that a file's ending asks for.
    ///
    /// # Errors
    /// When it is another one.
    pub fn of(file: &Path) -> Result<Form, ShowError> {
        let ending = file.extension().map(|ending| ending.to_string_lossy().to_lowercase());
        match ending.as_deref() {
            Some("parquet") => Ok(Form::Parquet),
            Some("csv") => Ok(Form::Csv),
            _ => Err(ShowError::NotATable { path: file.to_owned() }),
        }
    }
}

/// Publishes a table; gives its rows.
///
/// # Errors
/// When a piece cannot be had, or the file cannot be written; what stood there before stands there still.
pub fn write<E: From<FileError>>(
    file: &Path,
    form: Form,
    mut pieces: impl Iterator<Item = Result<Table, E>>,
) -> Result<usize, E> {
    let (mut own, mut rows) = (None, 0);
    let written = publish_with(file, |out| {
        let mut out = Faithful { out: BufWriter::with_capacity(1 << 20, out), failed: None };
        let done = write_all(&mut out, form, &mut pieces, &mut own, &mut rows);
        // What polars says of a full disk is "transport error".
        match (done, out.failed.take()) {
            (_, Some(error)) => Err(error),
            (Err(error), None) => Err(io::Error::other(error.to_string())),
            (Ok(()), None) => out.out.flush(),
        }
    });
    match own {
        Some(error) => Err(error),
        None => written.map(|()| rows).map_err(E::from),
    }
}

fn write_all<E>(
    out: &mut Faithful<impl Write>,
    form: Form,
    pieces: &mut dyn Iterator<Item = Result<Table, E>>,
    own: &mut Option<E>,
    rows: &mut usize,
) -> PolarsResult<()> {
    let mut writer = None;
    let mut out = Some(out);
    for piece in pieces {
        let piece = match piece {
            Ok(piece) => piece,
            Err(error) => {
                *own = Some(error);
                return Err(PolarsError::ComputeError("a piece cannot be had".into()));
            }
        };
        let kinds = kinds(&piece);
        let frame = frame(piece, form)?;
        *rows += frame.height();
        if let Some(out) = out.take() {
            writer = Some(Writer::new(out, form, frame.schema(), &kinds)?);
        }
        if let Some(writer) = &mut writer {
            writer.write(&frame)?;
        }
    }
    writer.map_or(Ok(()), Writer::finish)
}

/// One of polars' writers.
enum Writer<W: Write> {
    Parquet(parquet::write::BatchedWriter<W>),
    Csv(csv::write::BatchedWriter<W>),
}

impl<W: Write> Writer<W> {
    fn new(out: W, form: Form, schema: &Schema, kinds: &[(String, Kind)]) -> PolarsResult<Writer<W>> {
        Ok(match form {
            Form::Parquet => {
                // In the place of polars' own.
                let types = vec![("ARROW:schema".to_owned(), arrow::schema(kinds))];
                let types = KeyValueMetadata::from_static(types);
                Writer::Parquet(ParquetWriter::new(out).with_key_value_metadata(Some(types)).batched(schema)?)
            }
            Form::Csv => Writer::Csv(CsvWriter::new(out).include_header(true).batched(schema)?),
        })
    }

    fn write(&mut self, frame: &DataFrame) -> PolarsResult<()> {
        match self {
            Writer::Parquet(writer) => writer.write_batch(frame),
            Writer::Csv(writer) => writer.write_batch(frame),
        }
    }

    fn finish(self) -> PolarsResult<()> {
        match self {
            Writer::Parquet(writer) => writer.finish().map(drop),
            Writer::Csv(mut writer) => writer.finish(),
        }
    }
}

/// The columns of a Parquet file with their types.
fn kinds(piece: &Table) -> Vec<(String, Kind)> {
    let list = |kind| Kind::List(Box::new(kind));
    let kind = |cells: &Cells| match cells {
        Cells::Text(_) => Kind::Text,
        Cells::Whole(_) => Kind::Whole,
        Cells::Real(_) => Kind::Real,
        Cells::Single(_) => Kind::Single,
        Cells::Texts(_) => list(Kind::Text),
        Cells::Singles(_) => list(Kind::Single),
        Cells::Flags(_) => list(Kind::Flag),
        Cells::Vectors { dim, .. } => Kind::Fixed(Box::new(Kind::Single), *dim),
    };
    piece.columns.iter().map(|column| (column.name.to_owned(), kind(&column.cells))).collect()
}

/// A piece as polars has it.
fn frame(piece: Table, form: Form) -> PolarsResult<DataFrame> {
    let columns: Vec<Vec<Column>> = piece.columns.into_iter().map(|given| columns(given, form)).collect();
    DataFrame::new_infer_height(columns.into_iter().flatten().collect())
}

/// The columns of a file that a column of a table becomes.
fn columns(Given { name, cells }: Given, form: Form) -> Vec<Column> {
    let json = |texts: Vec<String>| Column::new(name.into(), texts);
    let one = match (cells, form) {
        (Cells::Text(values), _) => Column::new(name.into(), values),
        (Cells::Whole(values), _) => Column::new(name.into(), values),
        (Cells::Real(values), _) => Column::new(name.into(), values),
        (Cells::Single(values), _) => Column::new(name.into(), values),
        (Cells::Texts(lists), Form::Csv) => json(lists.iter().map(written).collect()),
        (Cells::Singles(lists), Form::Csv) => json(lists.iter().map(written).collect()),
        (Cells::Flags(lists), Form::Csv) => json(lists.iter().map(written).collect()),
        (Cells::Texts(lists), Form::Parquet) => {
            let mut builder = ListStringChunkedBuilder::new(name.into(), lists.len(), lists.iter().map(Vec::len).sum());
            lists.iter().for_each(|list| builder.append_trusted_len_iter(list.iter().map(Option::as_deref)));
            builder.finish().into_column()
        }
        (Cells::Singles(lists), Form::Parquet) => singles(name, lists.iter().map(Vec::as_slice)),
        (Cells::Flags(lists), Form::Parquet) => {
            let mut builder =
                ListBooleanChunkedBuilder::new(name.into(), lists.len(), lists.iter().map(Vec::len).sum());
            lists.iter().for_each(|list| builder.append_iter(list.iter().map(|flag| Some(*flag))));
            builder.finish().into_column()
        }
        (Cells::Vectors { dim, numbers }, Form::Parquet) => singles(name, numbers.chunks_exact(dim.max(1))),
        (Cells::Vectors { dim, numbers }, Form::Csv) => {
            let of = |place: usize| -> Vec<f32> { numbers.iter().skip(place).step_by(dim).copied().collect() };
            return (0..dim).map(|place| Column::new(format!("e{place}").into(), of(place))).collect();
        }
    };
    vec![one]
}

/// Lists of numbers.
fn singles<'a>(name: &str, lists: impl ExactSizeIterator<Item = &'a [f32]> + Clone) -> Column {
    let total = lists.clone().map(<[f32]>::len).sum();
    let mut builder =
        ListPrimitiveChunkedBuilder::<Float32Type>::new(name.into(), lists.len(), total, DataType::Float32);
    lists.for_each(|list| builder.append_slice(list));
    builder.finish().into_column()
}

/// A list as a JSON array.
fn written<T: serde::Serialize>(list: &Vec<T>) -> String {
    serde_json::to_string(list).unwrap_or_default()
}

/// Keeps what the disk said: writers in between give other words for it.
struct Faithful<W: Write> {
    out: BufWriter<W>,
    failed: Option<io::Error>,
}

impl<W: Write> Faithful<W> {
    fn keep<T>(&mut self, done: io::Result<T>) -> io::Result<T> {
        done.map_err(|error| {
            let again = io::Error::new(error.kind(), error.to_string());
            self.failed.get_or_insert(error);
            again
        })
    }
}

impl<W: Write> Write for Faithful<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let done = self.out.write(bytes);
        self.keep(done)
    }

    fn flush(&mut self) -> io::Result<()> {
        let done = self.out.flush();
        self.keep(done)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::sync::Mutex;

    use super::*;
    use crate::base::files::disk;
    use crate::data::table::{Encoding, Table as Read};

    fn piece(texts: &[Option<&str>], first: f32) -> Table {
        let count = texts.len();
        let vectors = (0..2 * count).map(|i| first + i as f32 / 4.0).collect();
        let column = |name, cells| Given { name, cells };
        Table {
            columns: vec![
                column("name", Cells::Text(texts.iter().map(|text| text.map(str::to_owned)).collect())),
                column("count", Cells::Whole((0..count).map(|i| (i > 0).then_some(i as i64 - 7)).collect())),
                column("value", Cells::Real((0..count).map(|i| (i != 1).then_some(0.1 + i as f64)).collect())),
                column("list", Cells::Texts((0..count).map(|i| vec![Some(format!("純米{i}")), None]).collect())),
                column("hits", Cells::Flags((0..count).map(|i| vec![true, i == 0]).collect())),
                column("vector", Cells::Vectors { dim: 2, numbers: vectors }),
            ],
        }
    }

    const TEXTS: [Option<&str>; 4] = [Some("獺祭, \"純米\"\n大吟醸"), None, Some(""), Some("plain")];

    fn pieces() -> impl Iterator<Item = Result<Table, FileError>> {
        [piece(&TEXTS[..2], 0.5), piece(&TEXTS[2..], 9.0)].into_iter().map(Ok)
    }

    /// Reads a file by Parquet's own types: polars as it is built here has none for vectors of a fixed length.
    fn plain(file: &Path) -> DataFrame {
        let mut bytes = fs::read(file).unwrap();
        let key = b"ARROW:schema";
        let places: Vec<usize> = (0..bytes.len() - key.len()).filter(|at| bytes[*at..].starts_with(key)).collect();
        assert_eq!(places.len(), 1);
        bytes[places[0]..places[0] + key.len()].copy_from_slice(b"other:schema");
        ParquetReader::new(io::Cursor::new(bytes)).finish().unwrap()
    }

    #[test]
    fn parquet_is_read_back_by_polars() {
        let folder = tempfile::tempdir().unwrap();
        let (one, two) = (folder.path().join("one.parquet"), folder.path().join("two.parquet"));
        assert_eq!(write(&one, Form::Parquet, pieces()).unwrap(), 4);
        write(&two, Form::Parquet, pieces()).unwrap();
        assert_eq!(fs::read(&one).unwrap(), fs::read(&two).unwrap());
        let frame = plain(&one);
        assert_eq!(frame.height(), 4);
        let names: Vec<Option<&str>> = frame.column("name").unwrap().str().unwrap().iter().collect();
        assert_eq!(names, TEXTS);
        let counts: Vec<Option<i64>> = frame.column("count").unwrap().i64().unwrap().iter().collect();
        assert_eq!(counts, [None, Some(-6), None, Some(-6)]);
        let values: Vec<Option<f64>> = frame.column("value").unwrap().f64().unwrap().iter().collect();
        assert_eq!(values, [Some(0.1), None, Some(0.1), None]);
        let vectors = frame.column("vector").unwrap().list().unwrap().get_as_series(2).unwrap();
        assert_eq!(vectors.f32().unwrap().iter().collect::<Vec<_>>(), [Some(9.0), Some(9.25)]);
        let list = frame.column("list").unwrap().list().unwrap().get_as_series(1).unwrap();
        assert_eq!(list.str().unwrap().iter().collect::<Vec<_>>(), [Some("純米1"), None]);
        let hits = frame.column("hits").unwrap().list().unwrap().get_as_series(1).unwrap();
        assert_eq!(hits.bool().unwrap().iter().collect::<Vec<_>>(), [Some(true), Some(false)]);
    }

    #[test]
    fn csv_keeps_commas_quotes_line_ends_and_other_scripts() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("t.csv");
        assert_eq!(write(&file, Form::Csv, pieces()).unwrap(), 4);
        insta::assert_snapshot!(fs::read_to_string(&file).unwrap(), @r#"
        name,count,value,list,hits,e0,e1
        "獺祭, ""純米""
        大吟醸",,0.1,"[""純米0"",null]","[true,true]",0.5,0.75
        ,-6,,"[""純米1"",null]","[true,false]",1.0,1.25
        "",,0.1,"[""純米0"",null]","[true,true]",9.0,9.25
        plain,-6,,"[""純米1"",null]","[true,false]",9.5,9.75
        "#);
        // Our own reader, which reads what hosts hand out, takes it too; of Parquet what it has types for.
        let parquet = folder.path().join("t.parquet");
        write(&parquet, Form::Parquet, pieces()).unwrap();
        let read = Read::read(&parquet, Encoding::Auto).unwrap();
        assert_eq!((read.rows(), read.find("count").unwrap().get(1)), (4, "-6"));
        assert!(read.notes.iter().any(|note| note.contains("\"vector\"")), "{:?}", read.notes);
        let read = Read::read(&file, Encoding::Auto).unwrap();
        assert_eq!((read.rows(), read.find("name").unwrap().get(0)), (4, TEXTS[0].unwrap()));
    }

    #[test]
    fn a_table_without_rows_has_its_columns() {
        let folder = tempfile::tempdir().unwrap();
        let none = || std::iter::once(Ok::<_, FileError>(piece(&[], 0.0)));
        let (parquet, csv) = (folder.path().join("t.parquet"), folder.path().join("t.csv"));
        assert_eq!(write(&parquet, Form::Parquet, none()).unwrap(), 0);
        assert_eq!(write(&csv, Form::Csv, none()).unwrap(), 0);
        let frame = plain(&parquet);
        assert_eq!((frame.height(), frame.width()), (0, 6));
        assert_eq!(fs::read_to_string(&csv).unwrap(), "name,count,value,list,hits,e0,e1\n");
    }

    #[test]
    fn a_piece_that_cannot_be_had_leaves_what_was_there() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("t.csv");
        write(&file, Form::Csv, pieces()).unwrap();
        let before = fs::read(&file).unwrap();
        let fails = || Err(FileError::at("cannot read", Path::new("store"))(io::Error::other("gone")));
        let error = write(&file, Form::Csv, pieces().chain(std::iter::once_with(fails))).unwrap_err();
        assert_eq!(error.to_string(), "cannot read store: gone");
        assert_eq!(fs::read(&file).unwrap(), before);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    /// A disk that is full from the start.
    struct Full;

    impl disk::Watch for Full {
        fn before(&mut self, operation: &disk::Operation<'_>) -> io::Result<()> {
            let writes = matches!(operation, disk::Operation::Write { .. });
            if writes { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
        }

        fn done(&mut self, _: &disk::Operation<'_>) {}
    }

    #[test]
    fn a_full_disk_is_told_as_one_and_leaves_what_was_there() {
        let folder = tempfile::tempdir().unwrap();
        for (name, form) in [("t.parquet", Form::Parquet), ("t.csv", Form::Csv)] {
            let file = folder.path().join(name);
            write(&file, form, pieces()).unwrap();
            let before = fs::read(&file).unwrap();
            let watched = disk::watch(folder.path(), Arc::new(Mutex::new(Full)));
            let error = write(&file, form, pieces()).unwrap_err().to_string();
            drop(watched);
            assert!(error.contains(name) && error.contains("make room"), "{error}");
            assert_eq!(fs::read(&file).unwrap(), before);
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    }

    /// 100,000 vectors of 512 numbers in pieces, as `toji export embeddings` hands them on: prints what the process held at most beyond the numbers.
    #[test]
    #[ignore = "prints figures; run it alone, with --ignored --nocapture"]
    fn what_large_tables_cost() {
        let folder = tempfile::tempdir().unwrap();
        let peak = || {
            let status = fs::read_to_string("/proc/self/status").unwrap();
            let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
            line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() / 1024
        };
        let numbers: Vec<f32> =
            (0..100_000 * 512_u32).map(|i| (i.wrapping_mul(2_654_435_761) as f32) / 4e9 - 0.5).collect();
        for (name, form) in [("t.parquet", Form::Parquet), ("t.csv", Form::Csv)] {
            let (file, before, began) = (folder.path().join(name), peak(), std::time::Instant::now());
            let pieces = numbers.chunks(4096 * 512).map(|chunk| {
                let ids = (0..chunk.len() / 512).map(|i| Some(i.to_string())).collect();
                let vectors = Cells::Vectors { dim: 512, numbers: chunk.to_vec() };
                let columns =
                    vec![Given { name: "id", cells: Cells::Text(ids) }, Given { name: "vector", cells: vectors }];
                Ok::<_, FileError>(Table { columns })
            });
            assert_eq!(write(&file, form, pieces).unwrap(), 100_000);
            let size = fs::metadata(&file).unwrap().len() >> 20;
            println!("{name}: {size} MiB, {} MiB held beyond {before}, {:.1?}", peak() - before, began.elapsed());
        }
    }

    #[test]
    fn the_ending_says_the_form() {
        assert_eq!(Form::of(Path::new("a.PARQUET")).unwrap(), Form::Parquet);
        let error = Form::of(Path::new("runs.xlsx")).unwrap_err().to_string();
        assert_eq!(error, "runs.xlsx: tables are written as .parquet or .csv; name the file so");
    }
}
