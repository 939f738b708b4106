//! Names that are made from content.
//!
//! Takes bytes with their lengths, gives a BLAKE3 hash. The byte encoding is written down here and
//! nowhere else (as in jj's content_hash): a tag, a number as eight little-endian bytes, bytes with
//! their length before them. No two different inputs give the same bytes, so keys never collide by
//! concatenation.

use std::fmt;
use std::io;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A content hash, shown as hexadecimal.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key([u8; 32]);

/// Collects what a key depends on.
pub struct KeyWriter(blake3::Hasher);

impl KeyWriter {
    /// Starts a key of the given kind; the kind separates what has equal content and another meaning.
    pub fn new(kind: &str) -> Self {
        let mut writer = KeyWriter(blake3::Hasher::new());
        writer.bytes(kind.as_bytes());
        writer
    }

    /// One byte that tells alternatives apart.
    pub fn tag(&mut self, tag: u8) -> &mut Self {
        self.0.update(&[tag]);
        self
    }

    /// A number, as eight little-endian bytes.
    pub fn number(&mut self, number: u64) -> &mut Self {
        self.0.update(&number.to_le_bytes());
        self
    }

    /// Bytes, their length first.
    pub fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.number(bytes.len() as u64);
        self.0.update(bytes);
        self
    }

    /// Another key.
    pub fn key(&mut self, key: &Key) -> &mut Self {
        self.0.update(&key.0);
        self
    }

    /// The finished key.
    pub fn finish(&self) -> Key {
        Key(*self.0.finalize().as_bytes())
    }
}

impl Key {
    /// The characters of [`Key::short`].
    pub const SHORT: usize = 12;

    /// The hash of bytes as they are.
    pub fn of_bytes(bytes: &[u8]) -> Key {
        Key(*blake3::hash(bytes).as_bytes())
    }

    /// The hash of everything a reader gives (a large file), equal to [`Key::of_bytes`] of it.
    ///
    /// # Errors
    /// When reading fails.
    pub fn of_reader(reader: impl io::Read) -> io::Result<Key> {
        let mut hasher = blake3::Hasher::new();
        hasher.update_reader(reader)?;
        Ok(Key(*hasher.finalize().as_bytes()))
    }

    /// The hash's bytes, for binary tables.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// A key from its bytes, as read back from a binary table.
    pub fn from_bytes(bytes: [u8; 32]) -> Key {
        Key(bytes)
    }

    /// The first twelve hexadecimal digits: enough for people, not for names of files.
    pub fn short(&self) -> String {
        self.to_string()[..Key::SHORT].to_owned()
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({})", self.short())
    }
}

/// The text was not 64 hexadecimal digits.
#[derive(Clone, Debug, thiserror::Error)]
#[error("not a key of 64 hexadecimal digits: {0:?}")]
pub struct NotAKey(String);

impl FromStr for Key {
    type Err = NotAKey;

    fn from_str(text: &str) -> Result<Key, NotAKey> {
        blake3::Hash::from_hex(text).map(|h| Key(*h.as_bytes())).map_err(|_| NotAKey(text.chars().take(80).collect()))
    }
}

impl Serialize for Key {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Key, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_back() {
        let key = Key::of_bytes("杜氏".as_bytes());
        assert_eq!(key.to_string().parse::<Key>().unwrap(), key);
        assert!("abc".parse::<Key>().is_err());
    }

    #[test]
    fn a_reader_is_its_bytes() {
        let bytes: Vec<u8> = (0..300_000u32).map(|i| i as u8).collect();
        assert_eq!(Key::of_reader(bytes.as_slice()).unwrap(), Key::of_bytes(&bytes));
    }

    #[test]
    fn borders_between_parts_count() {
        let ab_c = KeyWriter::new("t").bytes(b"ab").bytes(b"c").finish();
        let a_bc = KeyWriter::new("t").bytes(b"a").bytes(b"bc").finish();
        assert_ne!(ab_c, a_bc);
    }
}
