//! An array as `numpy.save` writes it.
//!
//! Takes a file of format 1 to 3 with a matrix of `float16`, `float32` or `float64`, little-endian, in C or Fortran order; gives its rows as
//! f32. The header is a Python dictionary (numpy/lib/format.py), of which three keys are read.

use std::path::Path;

use super::{OutsideError, bad};
use crate::base::files;

/// Numbers a row, and all rows, row-major.
pub(super) fn read(file: &Path) -> Result<(usize, Vec<f32>), OutsideError> {
    let bytes = files::read(file)?;
    let (header, data) = parts(&bytes).ok_or_else(|| bad(file, "it is no file of numpy.save"))?;
    let kind = value(header, "descr").unwrap_or_default().trim_matches(['\'', '"']);
    let width = match kind {
        "<f2" => 2,
        "<f4" => 4,
        "<f8" => 8,
        other => {
            let other = crate::base::text::plain(other);
            return Err(bad(
                file,
                format!("it holds numbers of type {other}; save it as float32: a.astype('float32')"),
            ));
        }
    };
    let shape: Option<Vec<usize>> = value(header, "shape")
        .map(|shape| shape.trim_matches(['(', ')']).split(',').map(str::trim).filter(|n| !n.is_empty()))
        .and_then(|numbers| numbers.map(|n| n.parse().ok()).collect());
    let Some(&[rows, dim]) = shape.as_deref() else {
        return Err(bad(file, "it is no matrix [photos, numbers]"));
    };
    if dim == 0 || rows.checked_mul(dim).and_then(|n| n.checked_mul(width)) != Some(data.len()) {
        let text = format!("it says [{rows}, {dim}] numbers of {width} bytes, and has {} bytes", data.len());
        return Err(bad(file, text));
    }
    let numbers: Vec<f32> = match width {
        2 => data.chunks_exact(2).map(|b| half(u16::from_le_bytes([b[0], b[1]]))).collect(),
        4 => data.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect(),
        _ => data
            .chunks_exact(8)
            .map(|b| f64::from_le_bytes([b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7]]) as f32)
            .collect(),
    };
    if value(header, "fortran_order") == Some("True") {
        let row = |row: usize| (0..dim).map(move |column| column * rows + row);
        return Ok((dim, (0..rows).flat_map(row).map(|at| numbers[at]).collect()));
    }
    Ok((dim, numbers))
}

/// The header's text and the numbers' bytes.
fn parts(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let rest = bytes.strip_prefix(b"\x93NUMPY")?;
    let (length, start): (usize, usize) = match rest.first()? {
        1 => (usize::from(u16::from_le_bytes([*rest.get(2)?, *rest.get(3)?])), 4),
        2 | 3 => (u32::from_le_bytes([*rest.get(2)?, *rest.get(3)?, *rest.get(4)?, *rest.get(5)?]) as usize, 6),
        _ => return None,
    };
    let end = start.checked_add(length)?;
    Some((std::str::from_utf8(rest.get(start..end)?).ok()?, rest.get(end..)?))
}

/// What stands behind a key of the dictionary.
fn value<'a>(header: &'a str, key: &str) -> Option<&'a str> {
    let (_, rest) = header.split_once(&format!("'{key}':"))?;
    let rest = rest.trim_start();
    let end = match rest.starts_with('(') {
        true => rest.find(')')? + 1,
        false => rest.find([',', '}'])?,
    };
    Some(rest[..end].trim())
}

/// A number of IEEE 754's 16 bits.
fn half(bits: u16) -> f32 {
    let sign = if bits >> 15 == 1 { -1.0 } else { 1.0 };
    let (exponent, fraction) = (i32::from(bits >> 10 & 0x1f), f32::from(bits & 0x3ff));
    sign * match exponent {
        0 => fraction * 2f32.powi(-24),
        0x1f if fraction == 0.0 => f32::INFINITY,
        0x1f => f32::NAN,
        _ => (1.0 + fraction / 1024.0) * 2f32.powi(exponent - 15),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::files::publish;

    fn written(kind: &str, order: &str, shape: &str, data: &[u8]) -> Result<(usize, Vec<f32>), String> {
        let header = format!("{{'descr': '{kind}', 'fortran_order': {order}, 'shape': {shape}, }}");
        let header = format!("{header:<117}\n");
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        bytes.extend((header.len() as u16).to_le_bytes());
        bytes.extend(header.as_bytes());
        bytes.extend(data);
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("x.npy");
        publish(&file, &bytes).unwrap();
        read(&file).map_err(|error| error.to_string().split_once(": ").unwrap().1.to_owned())
    }

    #[test]
    fn arrays_of_every_kind() {
        let wide: Vec<u8> = [1.0f32, 2.0, 3.0, 4.0, 5.0, 6.0].iter().flat_map(|x| x.to_le_bytes()).collect();
        assert_eq!(written("<f4", "False", "(2, 3)", &wide), Ok((3, vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0])));
        assert_eq!(written("<f4", "True", "(2, 3)", &wide), Ok((3, vec![1.0, 3.0, 5.0, 2.0, 4.0, 6.0])));
        let double: Vec<u8> = [0.5f64, -2.0].iter().flat_map(|x| x.to_le_bytes()).collect();
        assert_eq!(written("<f8", "False", "(2, 1)", &double), Ok((1, vec![0.5, -2.0])));
        // np.array([1, -2, 65504, 2**-24, 0.333], 'float16').view('uint16')
        let halves: Vec<u8> =
            [0x3c00u16, 0xc000, 0x7bff, 0x0001, 0x3554].iter().flat_map(|x| x.to_le_bytes()).collect();
        let (_, found) = written("<f2", "False", "(1, 5)", &halves).unwrap();
        assert_eq!(found, [1.0, -2.0, 65504.0, 2f32.powi(-24), 0.333_007_8]);
        assert!(written("<i8", "False", "(1, 1)", &[0; 8]).unwrap_err().contains("type <i8; save it as float32"));
        assert!(written("<f4", "False", "(4,)", &[0; 16]).unwrap_err().contains("no matrix"));
        assert!(written("<f4", "False", "(2, 3)", &wide[..20]).unwrap_err().contains("and has 20 bytes"));
    }
}
