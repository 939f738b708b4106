//! The segments before the scan: what the picture is and which tables it uses (ITU T.81, annex B).
//!
//! Takes a file's bytes; gives a [`Frame`], or `None` where the file is not of the common kind: 8 bits, sequential Huffman
//! coding, grey or YCbCr in one scan. Nothing is judged here: what is `None` goes to the general decoder, which has the words.

use super::huffman::{Ac, Dc};

/// One plane of the picture as the header declares it.
#[derive(Clone, Debug)]
pub struct Component {
    id: u8,
    /// Blocks across in one MCU.
    pub across: usize,
    /// Blocks down in one MCU.
    pub down: usize,
    quantisation: usize,
    /// Place of its DC table.
    pub dc: usize,
    /// Place of its AC table.
    pub ac: usize,
    /// Quantisation steps in zigzag order.
    pub steps: [u16; 64],
}

/// A picture before its first coefficient.
pub struct Frame<'a> {
    /// Pixels a row.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// One (grey) or three (YCbCr).
    pub components: Vec<Component>,
    /// MCUs between restart markers; 0 for none.
    pub restart: usize,
    /// The DC tables by place.
    pub dc: [Option<Box<Dc>>; 4],
    /// The AC tables by place.
    pub ac: [Option<Box<Ac>>; 4],
    /// What follows the scan's header.
    pub scan: &'a [u8],
    /// The TIFF structure of an EXIF segment.
    pub exif: Option<&'a [u8]>,
}

/// A reader of numbers that ends in `None`.
struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn byte(&mut self) -> Option<u8> {
        let (&first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(first)
    }

    fn two(&mut self) -> Option<usize> {
        Some(usize::from(self.byte()?) << 8 | usize::from(self.byte()?))
    }

    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (head, tail) = self.0.split_at_checked(count)?;
        self.0 = tail;
        Some(head)
    }

    /// The next marker, filling bytes passed over.
    fn marker(&mut self) -> Option<u8> {
        if self.byte()? != 0xFF {
            return None;
        }
        loop {
            match self.byte()? {
                0xFF => {}
                marker => return Some(marker),
            }
        }
    }
}

/// Reads up to the first scan.
pub fn read(bytes: &[u8]) -> Option<Frame<'_>> {
    let mut rest = Bytes(bytes);
    // Built when a scan names them: a file may tell any number of tables.
    let (mut dc_told, mut ac_told) = ([None::<Told<'_>>; 4], [None::<Told<'_>>; 4]);
    let mut steps = [const { None::<[u16; 64]> }; 4];
    let (mut jfif, mut adobe, mut exif, mut restart) = (false, None, None, 0);
    let mut frame: Option<(usize, usize, Vec<Component>)> = None;
    if rest.marker()? != 0xD8 {
        return None;
    }
    loop {
        let marker = rest.marker()?;
        if matches!(marker, 0x01 | 0xD0..=0xD7) {
            continue;
        }
        let length = rest.two()?.checked_sub(2)?;
        let mut segment = Bytes(rest.take(length)?);
        match marker {
            0xC0 | 0xC1 if frame.is_none() => frame = Some(start(&mut segment)?),
            0xC4 => huffman_tables(&mut segment, &mut dc_told, &mut ac_told)?,
            0xDB => quantisation_tables(&mut segment, &mut steps)?,
            0xDD => restart = segment.two()?,
            0xE0 => jfif |= segment.0.starts_with(b"JFIF\0"),
            0xE1 if exif.is_none() => exif = segment.0.strip_prefix(b"Exif\0\0"),
            0xEE if segment.0.starts_with(b"Adobe") => adobe = segment.0.get(11).copied(),
            0xDA => {
                let (width, height, mut components) = frame?;
                scan(&mut segment, &mut components)?;
                for component in &mut components {
                    component.steps = steps.get(component.quantisation).copied().flatten()?;
                }
                let (mut dc, mut ac) = ([const { None }; 4], [const { None }; 4]);
                for component in &components {
                    let (lengths, values) = dc_told.get(component.dc).copied().flatten()?;
                    *dc.get_mut(component.dc)? = Some(Box::new(Dc::new(lengths, values)?));
                    let (lengths, values) = ac_told.get(component.ac).copied().flatten()?;
                    *ac.get_mut(component.ac)? = Some(Box::new(Ac::new(lengths, values)?));
                }
                // Three planes of red, green and blue are rare, and told as libjpeg tells them.
                let ids: Vec<u8> = components.iter().map(|component| component.id).collect();
                if components.len() == 3 && !jfif && (adobe == Some(0) || adobe.is_none() && ids == *b"RGB") {
                    return None;
                }
                return Some(Frame { width, height, components, restart, dc, ac, scan: rest.0, exif });
            }
            // Another process (progressive, lossless, arithmetic), a second frame, a number of lines that comes later.
            0xC0..=0xCF | 0xD8..=0xD9 | 0xDC | 0xDE | 0xDF => return None,
            _ => {}
        }
    }
}

fn start(segment: &mut Bytes<'_>) -> Option<(usize, usize, Vec<Component>)> {
    let (bits, height, width, count) = (segment.byte()?, segment.two()?, segment.two()?, segment.byte()?);
    if bits != 8 || width == 0 || height == 0 || !matches!(count, 1 | 3) {
        return None;
    }
    let mut components = Vec::with_capacity(3);
    for _ in 0..count {
        let (id, sampling, quantisation) = (segment.byte()?, segment.byte()?, usize::from(segment.byte()?));
        let (across, down) = (usize::from(sampling >> 4), usize::from(sampling & 15));
        if !(1..=4).contains(&across) || !(1..=4).contains(&down) {
            return None;
        }
        // A lone plane is coded block by block, whatever it declares.
        let (across, down) = if count == 1 { (1, 1) } else { (across, down) };
        components.push(Component { id, across, down, quantisation, dc: 0, ac: 0, steps: [0; 64] });
    }
    Some((width, height, components))
}

/// All planes in one scan, in their order, with the whole spectrum at once.
fn scan(segment: &mut Bytes<'_>, components: &mut [Component]) -> Option<()> {
    if usize::from(segment.byte()?) != components.len() {
        return None;
    }
    for component in components {
        let (id, tables) = (segment.byte()?, segment.byte()?);
        if id != component.id {
            return None;
        }
        (component.dc, component.ac) = (usize::from(tables >> 4), usize::from(tables & 15));
    }
    (segment.take(3)? == [0, 63, 0]).then_some(())
}

fn quantisation_tables(segment: &mut Bytes<'_>, steps: &mut [Option<[u16; 64]>; 4]) -> Option<()> {
    while !segment.0.is_empty() {
        let head = segment.byte()?;
        let mut table = [0; 64];
        for step in &mut table {
            *step = if head >> 4 == 0 { u16::from(segment.byte()?) } else { segment.two()? as u16 };
        }
        *steps.get_mut(usize::from(head & 15))? = Some(table);
    }
    Some(())
}

/// A Huffman table as a file tells it: how many codes of each length, and their values.
type Told<'a> = (&'a [u8; 16], &'a [u8]);

fn huffman_tables<'a>(
    segment: &mut Bytes<'a>,
    dc: &mut [Option<Told<'a>>; 4],
    ac: &mut [Option<Told<'a>>; 4],
) -> Option<()> {
    while !segment.0.is_empty() {
        let head = segment.byte()?;
        let lengths: &[u8; 16] = segment.take(16)?.try_into().ok()?;
        let values = segment.take(lengths.iter().map(|&count| usize::from(count)).sum())?;
        let place = usize::from(head & 15);
        match head >> 4 {
            0 => *dc.get_mut(place)? = Some((lengths, values)),
            1 => *ac.get_mut(place)? = Some((lengths, values)),
            _ => return None,
        }
    }
    Some(())
}
