//! Messages of Protocol Buffers, written by hand.
//!
//! Takes fields by their numbers; gives the bytes of a message (protobuf.dev, "Encoding"). The formats that are written here have a dozen messages
//! of a few fields each, which would not pay for a compiler of schemas. As in proto3 a field that has its default is left out by whoever
//! calls; fields are written in the order of the calls, so equal calls give equal bytes.

/// A message in the making.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Message(Vec<u8>);

/// How a field's value is laid out.
#[derive(Clone, Copy)]
enum Wire {
    Varint = 0,
    Fixed64 = 1,
    Bytes = 2,
    Fixed32 = 5,
}

impl Message {
    /// Without fields.
    pub(super) fn new() -> Message {
        Message::default()
    }

    /// Its bytes.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// An `int32`, `int64`, `bool` or `enum`.
    pub(super) fn int(mut self, field: u32, value: i64) -> Message {
        self.tag(field, Wire::Varint);
        self.varint(value as u64);
        self
    }

    /// A `double`.
    pub(super) fn double(mut self, field: u32, value: f64) -> Message {
        self.tag(field, Wire::Fixed64);
        self.0.extend(value.to_le_bytes());
        self
    }

    /// A `float`.
    pub(super) fn float(mut self, field: u32, value: f32) -> Message {
        self.tag(field, Wire::Fixed32);
        self.0.extend(value.to_le_bytes());
        self
    }

    /// A `string`.
    pub(super) fn text(self, field: u32, text: &str) -> Message {
        self.raw(field, text.as_bytes())
    }

    /// `bytes`.
    pub(super) fn raw(mut self, field: u32, bytes: &[u8]) -> Message {
        self.tag(field, Wire::Bytes);
        self.varint(bytes.len() as u64);
        self.0.extend(bytes);
        self
    }

    /// A message within this one.
    pub(super) fn message(self, field: u32, inner: &Message) -> Message {
        self.raw(field, &inner.0)
    }

    /// One message for each of many.
    pub(super) fn messages(self, field: u32, inner: impl IntoIterator<Item = Message>) -> Message {
        inner.into_iter().fold(self, |message, inner| message.message(field, &inner))
    }

    fn tag(&mut self, field: u32, wire: Wire) {
        self.varint(u64::from(field) << 3 | wire as u64);
    }

    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A field of a message that was read.
    #[derive(Clone, Debug, PartialEq)]
    pub(in crate::show::export) enum Read<'a> {
        Int(u64),
        Double(f64),
        Bytes(&'a [u8]),
        Float(f32),
    }

    /// Reads a message, field by field.
    pub(in crate::show::export) fn read(mut bytes: &[u8]) -> Vec<(u64, Read<'_>)> {
        fn varint(bytes: &mut &[u8]) -> u64 {
            let mut value = 0;
            for shift in (0..).step_by(7) {
                let byte = bytes[0];
                *bytes = &bytes[1..];
                value |= u64::from(byte & 0x7F) << shift;
                if byte < 0x80 {
                    break;
                }
            }
            value
        }
        fn take<'a>(bytes: &mut &'a [u8], count: usize) -> &'a [u8] {
            let (first, rest) = bytes.split_at(count);
            *bytes = rest;
            first
        }
        let mut found = Vec::new();
        while !bytes.is_empty() {
            let tag = varint(&mut bytes);
            let value = match tag & 7 {
                0 => Read::Int(varint(&mut bytes)),
                1 => Read::Double(f64::from_le_bytes(take(&mut bytes, 8).try_into().unwrap())),
                2 => {
                    let count = varint(&mut bytes) as usize;
                    Read::Bytes(take(&mut bytes, count))
                }
                5 => Read::Float(f32::from_le_bytes(take(&mut bytes, 4).try_into().unwrap())),
                other => panic!("wire type {other}"),
            };
            found.push((tag >> 3, value));
        }
        found
    }

    /// The examples of protobuf.dev, "Encoding": field 1 is 150; field 2 is "testing"; field 3 is a message whose field 1 is 150.
    #[test]
    fn the_published_examples() {
        assert_eq!(Message::new().int(1, 150).bytes(), [0x08, 0x96, 0x01]);
        assert_eq!(Message::new().text(2, "testing").bytes(), b"\x12\x07testing");
        assert_eq!(Message::new().message(3, &Message::new().int(1, 150)).bytes(), [0x1A, 0x03, 0x08, 0x96, 0x01]);
    }

    #[test]
    fn numbers_keep_their_bits() {
        let message = Message::new().int(1, -1).double(2, -0.0).float(3, f32::NAN).int(100, i64::MAX).int(4, 0);
        let read = read(message.bytes());
        assert_eq!(read[0], (1, Read::Int(u64::MAX)));
        assert!(matches!(read[1], (2, Read::Double(zero)) if zero.to_bits() == (-0.0f64).to_bits()));
        assert!(matches!(read[2], (3, Read::Float(nan)) if nan.is_nan()));
        assert_eq!(read[3..], [(100, Read::Int(i64::MAX as u64)), (4, Read::Int(0))]);
        assert_eq!(message.bytes().len(), 11 + 9 + 5 + 2 + 9 + 2);
    }
}
