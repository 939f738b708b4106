//! Named columns of numbers as a safetensors file, streamed.
//!
//! Takes slices, gives a file that any safetensors reader opens; reads one back with every length
//! checked before memory is taken.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use safetensors::tensor::{Dtype, Metadata};

use super::RetrieveError;
use crate::base::files::{FileError, publish_tensors, tensors};

/// The longest header that is believed, in bytes; ours have under 300.
const HEADER_LIMIT: u64 = 1 << 20;

/// Numbers of one to eight bytes; wider ones first in a file, so that they are aligned.
pub(super) enum Numbers<'a> {
    I8(&'a [i8]),
    U16(&'a [u16]),
    U32(&'a [u32]),
    F32(&'a [f32]),
    /// First in a file, so that they are aligned.
    F64(&'a [f64]),
}

/// One tensor to be written.
pub(super) struct Column<'a> {
    pub name: &'static str,
    pub shape: Vec<usize>,
    pub numbers: Numbers<'a>,
}

/// Publishes the columns in the given order.
pub(super) fn save(path: &Path, columns: &[Column]) -> Result<(), RetrieveError> {
    let laid = columns.iter().map(|column| {
        let dtype = match column.numbers {
            Numbers::I8(_) => Dtype::I8,
            Numbers::U16(_) => Dtype::U16,
            Numbers::U32(_) => Dtype::U32,
            Numbers::F32(_) => Dtype::F32,
            Numbers::F64(_) => Dtype::F64,
        };
        (column.name.to_owned(), dtype, column.shape.clone())
    });
    publish_tensors(path, None, laid.collect(), |out, i| match columns[i].numbers {
        Numbers::I8(numbers) => numbers.iter().try_for_each(|n| out.write_all(&n.to_le_bytes())),
        Numbers::U16(numbers) => numbers.iter().try_for_each(|n| out.write_all(&n.to_le_bytes())),
        Numbers::U32(numbers) => numbers.iter().try_for_each(|n| out.write_all(&n.to_le_bytes())),
        Numbers::F32(numbers) => tensors::write_floats(out, numbers),
        Numbers::F64(numbers) => numbers.iter().try_for_each(|n| out.write_all(&n.to_le_bytes())),
    })?;
    Ok(())
}

/// An open file whose header was read and fits its length.
pub(super) struct TensorFile {
    path: PathBuf,
    kind: &'static str,
    file: BufReader<File>,
    /// Where the data begin.
    start: u64,
    metadata: Metadata,
}

/// Opens a file and checks its header against its length. `kind` names it in errors.
pub(super) fn open(path: &Path, kind: &'static str) -> Result<TensorFile, RetrieveError> {
    let io_error = |e| RetrieveError::from(FileError::at("cannot read", path)(e));
    let bad = |why: String| RetrieveError::BadFile { path: path.to_owned(), kind, why };
    let file = File::open(path).map_err(io_error)?;
    let length = file.metadata().map_err(io_error)?.len();
    let mut file = BufReader::with_capacity(1 << 20, file);
    let mut size = [0; 8];
    if length < 8 {
        return Err(bad(format!("{length} bytes are too few for a safetensors header")));
    }
    file.read_exact(&mut size).map_err(io_error)?;
    let size = u64::from_le_bytes(size);
    if size > HEADER_LIMIT || 8 + size > length {
        return Err(bad(format!("it gives its header {size} bytes, but has {length} in all")));
    }
    let mut header = vec![0; size as usize];
    file.read_exact(&mut header).map_err(io_error)?;
    let metadata: Metadata = serde_json::from_slice(&header).map_err(|e| bad(format!("its header is broken: {e}")))?;
    let expected = 8 + size + metadata.data_len() as u64;
    if expected != length {
        return Err(bad(format!("its header speaks of {expected} bytes, it has {length}")));
    }
    Ok(TensorFile { path: path.to_owned(), kind, file, start: 8 + size, metadata })
}

impl TensorFile {
    /// The names of its tensors, sorted.
    pub(super) fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = self.metadata.tensors().into_keys().collect();
        names.sort();
        names
    }

    fn bytes<T, const N: usize>(
        &mut self,
        name: &str,
        dtype: Dtype,
        number: impl Fn([u8; N]) -> T,
    ) -> Result<(Vec<usize>, Vec<T>), RetrieveError> {
        let bad = |why: String| RetrieveError::BadFile { path: self.path.clone(), kind: self.kind, why };
        let info = self.metadata.info(name).ok_or_else(|| bad(format!("it has no tensor {name}")))?;
        if info.dtype != dtype {
            return Err(bad(format!("tensor {name} has type {:?}, not {dtype:?}", info.dtype)));
        }
        let (shape, (from, to)) = (info.shape.clone(), info.data_offsets);
        let mut numbers = Vec::with_capacity((to - from) / N);
        let file = &mut self.file;
        let read = || -> io::Result<()> {
            file.seek(SeekFrom::Start(self.start + from as u64))?;
            let mut buffer = vec![0; 1 << 18];
            let mut left = to - from;
            while left > 0 {
                let part = &mut buffer[..left.min(1 << 18)];
                file.read_exact(part)?;
                numbers.extend(part.as_chunks::<N>().0.iter().map(|bytes| number(*bytes)));
                left -= part.len();
            }
            Ok(())
        };
        let mut read = read;
        read().map_err(FileError::at("cannot read", &self.path))?;
        Ok((shape, numbers))
    }

    /// Shape and numbers of an i8 tensor.
    pub(super) fn i8s(&mut self, name: &str) -> Result<(Vec<usize>, Vec<i8>), RetrieveError> {
        self.bytes(name, Dtype::I8, i8::from_le_bytes)
    }

    /// Shape and numbers of a u16 tensor.
    pub(super) fn u16s(&mut self, name: &str) -> Result<(Vec<usize>, Vec<u16>), RetrieveError> {
        self.bytes(name, Dtype::U16, u16::from_le_bytes)
    }

    /// Shape and numbers of a u32 tensor.
    pub(super) fn u32s(&mut self, name: &str) -> Result<(Vec<usize>, Vec<u32>), RetrieveError> {
        self.bytes(name, Dtype::U32, u32::from_le_bytes)
    }

    /// Shape and numbers of an f64 tensor.
    pub(super) fn f64s(&mut self, name: &str) -> Result<(Vec<usize>, Vec<f64>), RetrieveError> {
        self.bytes(name, Dtype::F64, f64::from_le_bytes)
    }

    /// Shape and numbers of an f32 tensor.
    pub(super) fn f32s(&mut self, name: &str) -> Result<(Vec<usize>, Vec<f32>), RetrieveError> {
        self.bytes(name, Dtype::F32, f32::from_le_bytes)
    }
}
