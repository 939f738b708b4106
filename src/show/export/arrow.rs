//! The types of a table's columns as Arrow's readers want to hear them, beside Parquet's own.
//!
//! Takes names and types; gives the value of the key `ARROW:schema` that pyarrow, pandas and polars look for in a Parquet file: an IPC message (arrow.apache.org,
//! "Arrow Columnar Format") as a flatbuffer (flatbuffers.dev, "FlatBuffer Internals") in Base64. Parquet has lists and no vectors of a fixed length, so that a column of vectors is
//! one only by this. And polars' writer would say "views", which pandas cannot turn into lists of texts. Other readers pass over it.

use crate::show::base64;

/// A type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// UTF-8.
    Text,
    /// Whole numbers of 64 bits.
    Whole,
    /// Numbers of 64 bits.
    Real,
    /// Numbers of 32 bits.
    Single,
    /// Truths.
    Flag,
    /// Lists of any length.
    List(Box<Kind>),
    /// Lists of one length.
    Fixed(Box<Kind>, usize),
}

/// The schema of columns, all of which may have gaps.
pub(super) fn schema(columns: &[(String, Kind)]) -> String {
    let mut flat = Flat(vec![0; 4]);
    // Message: version 5, the header is a Schema.
    let (message, header) = flat.table(&[Slot::Short(4), Slot::Byte(1), Slot::Later]);
    flat.link(0, message);
    // Schema: little-endian by default, then its fields.
    let (schema, fields) = flat.table(&[Slot::Absent, Slot::Later]);
    flat.link(header[0], schema);
    flat.fields(fields[0], columns);
    flat.pad(8);
    let mut message = vec![0xFF; 4];
    message.extend((flat.0.len() as u32).to_le_bytes());
    message.extend(flat.0);
    String::from_utf8_lossy(&base64::encode(&message)).into_owned()
}

/// A flatbuffer that is written from its front: what is pointed at stands behind what points.
struct Flat(Vec<u8>);

/// A field of a table.
#[derive(Clone, Copy)]
enum Slot {
    /// Its default.
    Absent,
    /// One byte.
    Byte(u8),
    /// Two.
    Short(i16),
    /// Four.
    Int(i32),
    /// A place that is linked later.
    Later,
}

impl Flat {
    fn pad(&mut self, to: usize) {
        self.0.resize(self.0.len().next_multiple_of(to), 0);
    }

    /// Lets the four bytes at a place point to another place behind it.
    fn link(&mut self, at: usize, to: usize) {
        self.0[at..at + 4].copy_from_slice(&((to - at) as u32).to_le_bytes());
    }

    /// A table: its place, and the places that are to be linked, in order.
    fn table(&mut self, slots: &[Slot]) -> (usize, Vec<usize>) {
        let head = 4 + 2 * slots.len();
        // The list of offsets stands right before the table, which begins at a multiple of four.
        self.pad(4);
        self.0.resize(self.0.len() + head % 4, 0);
        let (list, table) = (self.0.len(), self.0.len() + head);
        // Wide fields first, so that each lies at a multiple of its size.
        let (mut offsets, mut end) = (vec![0u16; slots.len()], 4usize);
        for size in [4, 2, 1] {
            for (slot, offset) in slots.iter().zip(&mut offsets) {
                let own = match slot {
                    Slot::Absent => 0,
                    Slot::Byte(_) => 1,
                    Slot::Short(_) => 2,
                    Slot::Int(_) | Slot::Later => 4,
                };
                if own == size {
                    (*offset, end) = (end as u16, end + size);
                }
            }
        }
        self.0.extend((head as u16).to_le_bytes());
        self.0.extend((end as u16).to_le_bytes());
        offsets.iter().for_each(|offset| self.0.extend(offset.to_le_bytes()));
        self.0.extend(((table - list) as i32).to_le_bytes());
        self.0.resize(table + end, 0);
        let mut later = Vec::new();
        for (slot, offset) in slots.iter().zip(offsets) {
            let at = table + usize::from(offset);
            match slot {
                Slot::Absent => {}
                Slot::Byte(byte) => self.0[at] = *byte,
                Slot::Short(short) => self.0[at..at + 2].copy_from_slice(&short.to_le_bytes()),
                Slot::Int(int) => self.0[at..at + 4].copy_from_slice(&int.to_le_bytes()),
                Slot::Later => later.push(at),
            }
        }
        (table, later)
    }

    /// A vector of fields, to which the place `at` points.
    fn fields(&mut self, at: usize, columns: &[(String, Kind)]) {
        self.pad(4);
        let vector = self.0.len();
        self.link(at, vector);
        self.0.extend((columns.len() as u32).to_le_bytes());
        self.0.resize(vector + 4 + 4 * columns.len(), 0);
        for (i, (name, kind)) in columns.iter().enumerate() {
            self.field(vector + 4 + 4 * i, name, kind);
        }
    }

    /// A field, to which the place `at` points.
    fn field(&mut self, at: usize, name: &str, kind: &Kind) {
        let inner = |kind: &Kind| vec![("item".to_owned(), kind.clone())];
        // The type's number among Arrow's, its own fields, and what it is made of.
        let (number, own, children) = match kind {
            Kind::Whole => (2, vec![Slot::Int(64), Slot::Byte(1)], Vec::new()),
            Kind::Single => (3, vec![Slot::Short(1)], Vec::new()),
            Kind::Real => (3, vec![Slot::Short(2)], Vec::new()),
            Kind::Text => (5, Vec::new(), Vec::new()),
            Kind::Flag => (6, Vec::new(), Vec::new()),
            Kind::List(kind) => (12, Vec::new(), inner(kind)),
            Kind::Fixed(kind, length) => (16, vec![Slot::Int(*length as i32)], inner(kind)),
        };
        // Name, may have gaps, number of the type, the type, no dictionary, children.
        let slots = [Slot::Later, Slot::Byte(1), Slot::Byte(number), Slot::Later, Slot::Absent, Slot::Later];
        let (field, later) = self.table(&slots);
        self.link(at, field);
        self.pad(4);
        let text = self.0.len();
        self.link(later[0], text);
        self.0.extend((name.len() as u32).to_le_bytes());
        self.0.extend(name.as_bytes());
        self.0.push(0);
        let (own, _) = self.table(&own);
        self.link(later[1], own);
        self.fields(later[2], &children);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Walks a flatbuffer as its rules say.
    struct Walk<'a>(&'a [u8]);

    impl Walk<'_> {
        fn u16(&self, at: usize) -> usize {
            assert_eq!(at % 2, 0);
            usize::from(u16::from_le_bytes(self.0[at..at + 2].try_into().unwrap()))
        }

        fn u32(&self, at: usize) -> usize {
            assert_eq!(at % 4, 0);
            u32::from_le_bytes(self.0[at..at + 4].try_into().unwrap()) as usize
        }

        fn follow(&self, at: usize) -> usize {
            at + self.u32(at)
        }

        /// The place of a table's field.
        fn slot(&self, table: usize, slot: usize) -> Option<usize> {
            let list = table - self.u32(table);
            (4 + 2 * slot < self.u16(list))
                .then(|| self.u16(list + 4 + 2 * slot))
                .filter(|at| *at > 0)
                .map(|at| table + at)
        }

        fn fields(&self, vector: usize) -> Vec<String> {
            (0..self.u32(vector)).map(|i| self.field(self.follow(vector + 4 + 4 * i))).collect()
        }

        fn field(&self, table: usize) -> String {
            let text = self.follow(self.slot(table, 0).unwrap());
            let name = String::from_utf8(self.0[text + 4..text + 4 + self.u32(text)].to_vec()).unwrap();
            assert_eq!(self.0[text + 4 + self.u32(text)], 0);
            let number = self.0[self.slot(table, 2).unwrap()];
            let own = self.follow(self.slot(table, 3).unwrap());
            let first = self.slot(own, 0).map_or(0, |at| if number == 3 { self.u16(at) } else { self.u32(at) });
            let children = self.fields(self.follow(self.slot(table, 5).unwrap()));
            assert_eq!(self.0[self.slot(table, 1).unwrap()], 1);
            format!("{name}:{number}({first})[{}]", children.join(","))
        }
    }

    fn decoded(text: &str) -> Vec<u8> {
        let sign = |c: u8| match c {
            b'A'..=b'Z' => c - b'A',
            b'a'..=b'z' => c - b'a' + 26,
            b'0'..=b'9' => c - b'0' + 52,
            b'+' => 62,
            _ => 63,
        };
        let bits: Vec<u8> = text.bytes().filter(|c| *c != b'=').map(sign).collect();
        let byte = |four: &[u8], i: usize| four.get(i + 1).map(|next| four[i] << (2 + 2 * i) | next >> (4 - 2 * i));
        bits.chunks(4).flat_map(|four| (0..3).filter_map(move |i| byte(four, i))).collect()
    }

    #[test]
    fn a_schema_is_read_back_field_by_field() {
        let columns: Vec<(String, Kind)> = [
            ("id", Kind::Text),
            ("count", Kind::Whole),
            ("純米", Kind::Real),
            ("hits", Kind::List(Box::new(Kind::Flag))),
            ("vector", Kind::Fixed(Box::new(Kind::Single), 512)),
        ]
        .map(|(name, kind)| (name.to_owned(), kind))
        .to_vec();
        let message = decoded(&schema(&columns));
        assert_eq!((message[..4].to_vec(), message.len() % 8), (vec![0xFF; 4], 0));
        let walk = Walk(&message[8..]);
        assert_eq!(message.len() - 8, u32::from_le_bytes(message[4..8].try_into().unwrap()) as usize);
        let root = walk.follow(0);
        assert_eq!((walk.u16(walk.slot(root, 0).unwrap()), walk.0[walk.slot(root, 1).unwrap()]), (4, 1));
        let schema = walk.follow(walk.slot(root, 2).unwrap());
        assert_eq!(walk.slot(schema, 0), None);
        let fields = walk.fields(walk.follow(walk.slot(schema, 1).unwrap()));
        let wanted =
            ["id:5(0)[]", "count:2(64)[]", "純米:3(2)[]", "hits:12(0)[item:6(0)[]]", "vector:16(512)[item:3(1)[]]"];
        assert_eq!(fields, wanted);
    }
}
