//! Values in files that only save time.
//!
//! Takes any serialisable value; gives MessagePack, which keeps each number to the bit, and reads it back. Such a file may be gone, cut
//! short or of another version at any moment: reading one gives nothing then, and whoever reads it makes the value anew. So publishing does not wait for the disk
//! as [`publish`](fn@super::publish) does; what is read must carry a hash of itself.

use std::io::{self, Write};
use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::disk::File;
use super::publish::hastily;
use super::{FileError, read};
use crate::base::Key;

/// A value as bytes; `None` for what has no form (never for plain data).
pub fn pack<T: Serialize>(value: &T) -> Option<Vec<u8>> {
    rmp_serde::to_vec(value).ok()
}

/// The value of such bytes; `None` when they are none of it.
pub fn unpack<T: DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    rmp_serde::from_slice(bytes).ok()
}

/// Publishes a file that may be lost by a power cut, then whole or not, without waiting for the disk.
///
/// # Errors
/// When any step fails; `path` then holds what it held before.
pub fn publish_lightly(path: &Path, write: impl FnOnce(&mut File) -> io::Result<()>) -> Result<(), FileError> {
    hastily(path, write)
}

/// Publishes a value lightly, with its hash before it and `magic`, the kind and version of file, in front.
///
/// # Errors
/// As [`publish_lightly`].
pub fn keep<T: Serialize>(path: &Path, magic: &[u8; 16], value: &T) -> Result<(), FileError> {
    let Some(bytes) = pack(value) else { return Ok(()) };
    publish_lightly(path, |file| {
        file.write_all(magic)?;
        file.write_all(Key::of_bytes(&bytes).as_bytes())?;
        file.write_all(&bytes)
    })
}

/// The value that [`keep`] wrote; `None` where there is none, or none that is whole and of this version.
pub fn kept<T: DeserializeOwned>(path: &Path, magic: &[u8; 16]) -> Option<T> {
    let bytes = read(path).ok()?;
    let rest = bytes.strip_prefix(magic)?;
    let (hash, value) = rest.split_at_checked(32)?;
    if Key::of_bytes(value).as_bytes() != hash {
        return None;
    }
    unpack(value)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::base::Value;

    #[test]
    fn what_was_kept_comes_back_to_the_bit_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.index");
        let value: BTreeMap<String, Vec<f64>> =
            [("酒".to_owned(), vec![0.1 + 0.2, -0.0, f64::NAN, f64::INFINITY])].into();
        keep(&path, b"a kind of   v1\r\n", &value).unwrap();
        let back: BTreeMap<String, Vec<f64>> = kept(&path, b"a kind of   v1\r\n").unwrap();
        let bits = |map: &BTreeMap<String, Vec<f64>>| map["酒"].iter().map(|x| x.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&back), bits(&value));
        assert!(kept::<BTreeMap<String, Vec<f64>>>(&path, b"a kind of   v2\r\n").is_none(), "another version");
        let whole = std::fs::read(&path).unwrap();
        for cut in 0..whole.len() {
            super::super::publish(&path, &whole[..cut]).unwrap();
            assert!(kept::<BTreeMap<String, Vec<f64>>>(&path, b"a kind of   v1\r\n").is_none(), "{cut} bytes");
        }
        for at in 16..whole.len() {
            let mut bytes = whole.clone();
            bytes[at] ^= 4;
            super::super::publish(&path, &bytes).unwrap();
            assert!(kept::<BTreeMap<String, Vec<f64>>>(&path, b"a kind of   v1\r\n").is_none(), "byte {at}");
        }
    }

    #[test]
    fn settings_come_back_with_their_kinds() {
        let mut value = Value::table();
        value.set("a.whole", Value::Int(3));
        value.set("a.real", Value::Float(3.0));
        value.set("a.list", Value::List(vec![Value::Bool(true), Value::Text("酒".to_owned())]));
        assert_eq!(unpack::<Value>(&pack(&value).unwrap()), Some(value));
    }
}
