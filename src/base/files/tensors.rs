//! Tensors as a safetensors file, streamed.
//!
//! Takes names, types and shapes, then whoever writes each tensor's numbers; publishes a file that any safetensors reader opens. Written
//! here and not through the crate's `serialize`, which wants the whole file in memory a second time: a gallery of 109,481 × 512 is
//! 224 MB. The header's types and its validation are the crate's own.

use std::collections::HashMap;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use safetensors::tensor::{Dtype, Metadata, TensorInfo};

use super::{FileError, publish_with};

/// Name, type and shape of a tensor.
pub type Laid = (String, Dtype, Vec<usize>);

/// Publishes `tensors` in the given order; `write` writes the numbers of one of them, little-endian. `entry` is one metadata entry: one
/// only, since the format keeps several in no fixed order.
///
/// # Errors
/// When names come twice, or the file cannot be written. A tensor with other bytes than its shape has is an error too.
pub fn publish_tensors(
    path: &Path,
    entry: Option<(&str, String)>,
    tensors: Vec<Laid>,
    mut write: impl FnMut(&mut dyn Write, usize) -> io::Result<()>,
) -> Result<(), FileError> {
    let (mut infos, mut end) = (Vec::with_capacity(tensors.len()), 0);
    for (name, dtype, shape) in tensors {
        let start = end;
        end += dtype.bitsize() / 8 * shape.iter().product::<usize>();
        infos.push((name, TensorInfo { dtype, shape, data_offsets: (start, end) }));
    }
    let sizes: Vec<u64> = infos.iter().map(|(_, info)| (info.data_offsets.1 - info.data_offsets.0) as u64).collect();
    let entry = entry.map(|(name, text)| HashMap::from([(name.to_owned(), text)]));
    let header = Metadata::new(entry, infos)
        .map_err(io::Error::other)
        .and_then(|metadata| serde_json::to_string(&metadata).map_err(io::Error::other))
        .map_err(FileError::at("cannot write", path))?;
    // The format wants the data aligned to eight bytes; spaces after the JSON are part of it.
    let padded = header.len().next_multiple_of(8);
    publish_with(path, |file| {
        let mut out = BufWriter::with_capacity(1 << 20, file);
        out.write_all(&(padded as u64).to_le_bytes())?;
        // By hand: a formatter's width ends at 65,535, and the header of a large network does not.
        out.write_all(header.as_bytes())?;
        out.write_all(&vec![b' '; padded - header.len()])?;
        for (i, size) in sizes.into_iter().enumerate() {
            let mut counted = Counted { out: &mut out, written: 0 };
            write(&mut counted, i)?;
            if counted.written != size {
                return Err(io::Error::other(format!("tensor {i} has {size} bytes, {} came", counted.written)));
            }
        }
        out.flush()
    })
}

/// Writes numbers in pieces, little-endian.
///
/// # Errors
/// When they cannot be written.
pub fn write_floats(out: &mut dyn Write, floats: &[f32]) -> io::Result<()> {
    let mut bytes = [0u8; 1 << 14];
    for piece in floats.chunks(bytes.len() / 4) {
        for (four, float) in bytes.chunks_exact_mut(4).zip(piece) {
            four.copy_from_slice(&float.to_le_bytes());
        }
        out.write_all(&bytes[..4 * piece.len()])?;
    }
    Ok(())
}

struct Counted<'a, W: Write> {
    out: &'a mut W,
    written: u64,
}

impl<W: Write> Write for Counted<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.written += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_crate_reads_what_was_streamed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.safetensors");
        let laid = || vec![("a".to_owned(), Dtype::F32, vec![2, 2]), ("純米".to_owned(), Dtype::U32, vec![3])];
        publish_tensors(&path, Some(("toji", "{\"x\": 1}".to_owned())), laid(), |out, i| match i {
            0 => write_floats(out, &[1.0, -2.0, 0.5, 4.0]),
            _ => [7u32, 8, 9].iter().try_for_each(|n| out.write_all(&n.to_le_bytes())),
        })
        .unwrap();
        let bytes = std::fs::read(&path).unwrap();
        let read = safetensors::SafeTensors::deserialize(&bytes).unwrap();
        assert_eq!(read.tensor("a").unwrap().shape(), [2, 2]);
        assert_eq!(read.tensor("a").unwrap().data()[4..8], (-2.0f32).to_le_bytes());
        assert_eq!(read.tensor("純米").unwrap().data()[8..], 9u32.to_le_bytes());
        // Too few numbers never become a file.
        let other = folder.path().join("y.safetensors");
        let error = publish_tensors(&other, None, laid(), |out, _| write_floats(out, &[1.0])).unwrap_err();
        assert!(error.to_string().contains("tensor 0 has 16 bytes, 4 came") && !other.exists(), "{error}");
    }
}
