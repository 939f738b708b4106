//! Records one behind the other, each with its length and checksums: the two framings that TensorBoard's and wandb's files have.
//!
//! Takes a record's bytes; gives them framed. TFRecord (tensorflow.org, "TFRecord and tf.train.Example") has a length of 64 bits, its masked CRC-32C,
//! the bytes, and their masked CRC-32C. LevelDB's log (its doc/log_format.md) cuts records to blocks of 32 KiB; wandb's begins with seven bytes of
//! its own, and sums by the plain CRC-32.

use super::crc::{ieee, masked};

/// A record as TFRecord has it, behind `out`.
pub(super) fn tfrecord(out: &mut Vec<u8>, record: &[u8]) {
    let length = (record.len() as u64).to_le_bytes();
    out.extend(length);
    out.extend(masked(&length).to_le_bytes());
    out.extend(record);
    out.extend(masked(record).to_le_bytes());
}

/// Bytes of a block.
const BLOCK: usize = 1 << 15;

/// What every piece of a record begins with: the sum, the length, the kind.
const HEAD: usize = 7;

/// Which piece of a record it is.
#[derive(Clone, Copy)]
enum Kind {
    Full = 1,
    First = 2,
    Middle = 3,
    Last = 4,
}

/// A log in wandb's form.
#[derive(Clone, Debug)]
pub(super) struct Log(Vec<u8>);

impl Log {
    /// Without records: the name, a number, the version 0.
    pub(super) fn new() -> Log {
        Log(b":W&B\xE1\xBE\x00".to_vec())
    }

    /// Adds a record.
    pub(super) fn add(&mut self, mut record: &[u8]) {
        let mut is_first = true;
        loop {
            let room = BLOCK - self.0.len() % BLOCK;
            if room < HEAD {
                // Too little for a piece: zeros to the end of the block.
                self.0.extend(&[0; HEAD][..room]);
                continue;
            }
            let (piece, rest) = record.split_at(record.len().min(room - HEAD));
            let kind = match (is_first, rest.is_empty()) {
                (true, true) => Kind::Full,
                (true, false) => Kind::First,
                (false, false) => Kind::Middle,
                (false, true) => Kind::Last,
            };
            self.0.extend(ieee(&[&[kind as u8], piece]).to_le_bytes());
            self.0.extend((piece.len() as u16).to_le_bytes());
            self.0.push(kind as u8);
            self.0.extend(piece);
            if rest.is_empty() {
                return;
            }
            (record, is_first) = (rest, false);
        }
    }

    /// The file's bytes.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    fn number(bytes: &[u8]) -> u32 {
        u32::from_le_bytes(bytes.try_into().unwrap())
    }

    /// Reads TFRecords, and checks both sums of each.
    pub(in crate::show::export) fn read_tfrecords(mut bytes: &[u8]) -> Vec<&[u8]> {
        let mut found = Vec::new();
        while !bytes.is_empty() {
            let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
            assert_eq!(number(&bytes[8..12]), masked(&bytes[..8]));
            let (record, rest) = bytes[12..].split_at(length);
            assert_eq!(number(&rest[..4]), masked(record));
            found.push(record);
            bytes = &rest[4..];
        }
        found
    }

    /// Reads a log block by block as its format says, and checks each sum.
    pub(in crate::show::export) fn read_log(bytes: &[u8]) -> Vec<Vec<u8>> {
        assert_eq!(&bytes[..7], b":W&B\xE1\xBE\x00");
        let (mut at, mut found, mut open): (usize, Vec<Vec<u8>>, Option<Vec<u8>>) = (7, Vec::new(), None);
        while at < bytes.len() {
            let left = BLOCK - at % BLOCK;
            if left < HEAD {
                assert!(bytes[at..at + left].iter().all(|byte| *byte == 0));
                at += left;
                continue;
            }
            let length = usize::from(u16::from_le_bytes(bytes[at + 4..at + 6].try_into().unwrap()));
            assert!(length + HEAD <= left, "a piece crosses a block");
            let (kind, piece) = (bytes[at + 6], &bytes[at + HEAD..at + HEAD + length]);
            assert_eq!(number(&bytes[at..at + 4]), ieee(&[&[kind], piece]));
            match kind {
                1 => found.push(piece.to_vec()),
                2 => open = Some(piece.to_vec()),
                3 => open.as_mut().unwrap().extend(piece),
                4 => {
                    let mut whole = open.take().unwrap();
                    whole.extend(piece);
                    found.push(whole);
                }
                other => panic!("kind {other}"),
            }
            at += HEAD + length;
        }
        assert!(open.is_none());
        found
    }

    #[test]
    fn tfrecords_are_read_back() {
        let records: [&[u8]; 3] = [b"", b"one", &[7; 70_000]];
        let mut out = Vec::new();
        records.iter().for_each(|record| tfrecord(&mut out, record));
        assert_eq!(read_tfrecords(&out), records);
        assert_eq!(out.len(), 3 * 16 + 3 + 70_000);
    }

    #[test]
    fn records_of_every_length_go_through_blocks() {
        // Lengths around what is left of a block, so that every way to end one is met.
        let mut records: Vec<Vec<u8>> = Vec::new();
        for less in 0..20 {
            let used = 7 + records.iter().map(|record| record.len() + HEAD).sum::<usize>();
            records.push(vec![less as u8; (BLOCK - used % BLOCK).saturating_sub(HEAD + less)]);
            records.push(vec![1; 5]);
        }
        records.extend([vec![], vec![9; BLOCK], vec![8; 3 * BLOCK], vec![3; BLOCK - HEAD]]);
        let mut log = Log::new();
        records.iter().for_each(|record| log.add(record));
        assert_eq!(read_log(log.bytes()), records);
    }
}
