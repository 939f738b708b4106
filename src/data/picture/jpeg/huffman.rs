//! Bits → coefficients (ITU T.81, F.2.2).
//!
//! Takes a scan without its stuffed bytes; gives blocks of dequantised coefficients. The next [`BITS`] bits index a table
//! whose entry holds run, value and length of a coefficient at once, where code and value fit in; longer ones are found
//! length by length. Bits past the end read as zeros, and [`Bits::is_past`] tells.

/// Bits that index a table.
const BITS: u32 = 11;

/// Where the k-th number of the zigzag stands in a block of rows.
const ZIGZAG: [u8; 64] = [
    0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7, 14, 21,
    28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54,
    47, 55, 62, 63,
];

/// Dequantised coefficients, row by row.
pub type Block = [i16; 64];

/// The bits of one restart interval, from the first.
pub struct Bits<'a> {
    /// The interval and at least eight zeros behind it.
    data: &'a [u8],
    next: usize,
    /// The next bits, from the highest on; below the `held` ones stand more that are read again.
    word: u64,
    held: u32,
    /// Bits of the interval.
    end: usize,
}

impl<'a> Bits<'a> {
    /// `data` is the interval's `length` bytes and at least eight zeros.
    pub fn new(data: &'a [u8], length: usize) -> Bits<'a> {
        Bits { data, next: 0, word: 0, held: 0, end: length * 8 }
    }

    /// Afterwards at least 56 bits are at hand.
    #[inline(always)]
    fn fill(&mut self) {
        if let Some(eight) = self.data.get(self.next..).and_then(|rest| rest.first_chunk::<8>()) {
            self.word |= u64::from_be_bytes(*eight) >> self.held;
            self.next += (63 - self.held as usize) >> 3;
        } else {
            // Zeros without end; the place goes on, so that the end is known to be behind.
            self.next += (63 - self.held as usize) >> 3;
        }
        self.held |= 56;
    }

    #[inline(always)]
    fn peek(&self, count: u32) -> usize {
        (self.word >> (64 - count)) as usize
    }

    #[inline(always)]
    fn skip(&mut self, count: u32) {
        self.word <<= count;
        self.held = self.held.wrapping_sub(count);
    }

    /// The value of `size` bits (1 to 15): below half its range it is negative.
    #[inline(always)]
    fn extended(&mut self, size: u32) -> i32 {
        let bits = self.peek(size) as i32;
        self.skip(size);
        extend(bits, size)
    }

    /// Whether more was read than there is.
    pub fn is_past(&self) -> bool {
        self.next * 8 > self.end + self.held as usize
    }
}

const fn extend(bits: i32, size: u32) -> i32 {
    if bits < 1 << (size - 1) { bits - (1 << size) + 1 } else { bits }
}

/// The codes of a table by their lengths.
struct Codes {
    /// For lengths 1 to 16: what to add to a code for its value's place, and the first code above those of the length,
    /// shifted to 16 bits.
    offset: [i32; 17],
    above: [u32; 17],
    values: [u8; 256],
}

impl Codes {
    /// `None` where there are more codes of a length than fit, or more than 256.
    fn new(lengths: &[u8; 16], given: &[u8]) -> Option<Codes> {
        let mut codes = Codes { offset: [0; 17], above: [0; 17], values: [0; 256] };
        codes.values.get_mut(..given.len())?.copy_from_slice(given);
        let (mut code, mut place) = (0u32, 0i32);
        for length in 1..=16 {
            codes.offset[length] = place - code as i32;
            code += u32::from(lengths[length - 1]);
            place += i32::from(lengths[length - 1]);
            if code > 1 << length {
                return None;
            }
            codes.above[length] = code << (16 - length);
            code <<= 1;
        }
        Some(codes)
    }

    /// The value whose code the 16 bits begin with, and the code's length.
    fn find(&self, sixteen: u32) -> Option<(u8, u32)> {
        let length = (1..=16).find(|&length| sixteen < self.above[length])?;
        let place = self.offset[length] + (sixteen >> (16 - length)) as i32;
        Some((*self.values.get(usize::try_from(place).ok()?)?, length as u32))
    }
}

/// A table for the first coefficient.
pub struct Dc {
    codes: Codes,
    /// Length of the code and size of the value; 0 where the code is longer.
    short: [(u8, u8); 1 << BITS],
}

impl Dc {
    /// From the counts of each length and the values in order; `None` where they make no code.
    pub fn new(lengths: &[u8; 16], values: &[u8]) -> Option<Dc> {
        let codes = Codes::new(lengths, values)?;
        if values.iter().any(|&size| size > 11) {
            return None;
        }
        let short = std::array::from_fn(|bits| match codes.find((bits << (16 - BITS)) as u32) {
            Some((size, length)) if length <= BITS => (length as u8, size),
            _ => (0, 0),
        });
        Some(Dc { codes, short })
    }

    #[inline(always)]
    fn difference(&self, bits: &mut Bits<'_>) -> Option<i32> {
        bits.fill();
        let (length, size) = match self.short[bits.peek(BITS)] {
            (0, _) => self.codes.find(bits.peek(16) as u32).map(|(size, length)| (length, u32::from(size)))?,
            (length, size) => (u32::from(length), u32::from(size)),
        };
        bits.skip(length);
        Some(if size == 0 { 0 } else { bits.extended(size) })
    }
}

/// What the next bits say, in 32 bits. The highest 16 are a coefficient's value; then the second lowest byte says how many zeros stand
/// before it and the lowest how long code and value are together. Without a value these are a symbol and its code's length, or 0
/// where the code is longer than the bits.
type Entry = u32;

/// A table for the other coefficients.
pub struct Ac {
    codes: Codes,
    whole: [Entry; 1 << BITS],
}

impl Ac {
    /// As [`Dc::new`].
    pub fn new(lengths: &[u8; 16], values: &[u8]) -> Option<Ac> {
        let codes = Codes::new(lengths, values)?;
        let whole = std::array::from_fn(|bits| {
            let Some((symbol, length)) = codes.find((bits << (16 - BITS)) as u32) else { return 0 };
            let (run, size) = (u32::from(symbol >> 4), u32::from(symbol & 15));
            if length > BITS {
                return 0;
            }
            if size == 0 || length + size > BITS {
                return u32::from(symbol) << 8 | length;
            }
            let tail = bits as i32 >> (BITS - length - size) & ((1 << size) - 1);
            (extend(tail, size) as u32) << 16 | run << 8 | (length + size)
        });
        Some(Ac { codes, whole })
    }
}

/// Reads one block. `last` is the plane's DC before it; `steps` are in zigzag order. Gives the place in the zigzag after
/// the last coefficient that is not 0 (1 when there is the DC at most), or `None` where the bits are no block. Without `STORE` they
/// are only passed over.
#[inline(always)]
pub fn block<const STORE: bool>(
    bits: &mut Bits<'_>,
    (dc, ac): (&Dc, &Ac),
    steps: &[u16; 64],
    last: &mut i32,
    out: &mut Block,
) -> Option<usize> {
    *last = last.wrapping_add(dc.difference(bits)?);
    if STORE {
        out[0] = (*last as i16).wrapping_mul(steps[0] as i16);
    }
    let (mut k, mut end) = (1, 1);
    'filled: while k < 64 {
        bits.fill();
        // Two short coefficients leave bits enough for a third of any kind.
        for _ in 0..3 {
            let entry = ac.whole[bits.peek(BITS)];
            let (mut value, mut run) = ((entry as i32) >> 16, (entry >> 8 & 0xFF) as usize);
            let length = entry & 0xFF;
            let short = value != 0;
            if short {
                bits.skip(length);
            } else {
                let (symbol, length) = match length {
                    0 => ac.codes.find(bits.peek(16) as u32)?,
                    _ => (run as u8, length),
                };
                bits.skip(length);
                let size = u32::from(symbol & 15);
                if size == 0 {
                    if symbol != 0xF0 {
                        break 'filled;
                    }
                    k += 16;
                    continue 'filled;
                }
                (value, run) = (bits.extended(size), usize::from(symbol >> 4));
            }
            k += run;
            if k > 63 {
                return None;
            }
            if STORE {
                out[usize::from(ZIGZAG[k]) & 63] = (value as i16).wrapping_mul(steps[k] as i16);
            }
            k += 1;
            end = k;
            if !short || k == 64 {
                continue 'filled;
            }
        }
    }
    Some(end)
}
