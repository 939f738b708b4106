//! Planes → rows of red, green and blue (JFIF 1.02), colour enlarged as libjpeg does.
//!
//! Takes rows of samples; a plane of half the width or height is enlarged by a triangle filter, three parts of the nearer and
//! one of the farther sample ("fancy upsampling", libjpeg-turbo's jdsample.c), so that no step is seen between blocks of
//! colour. Whole numbers only, rounded where libjpeg rounds.

/// A row of twice the width. `row` may hold a sample more on each side than `out` asks for: `before` and `after` say so.
#[inline(always)]
pub fn twice_as_wide(row: &[u8], out: &mut [u8]) {
    let count = row.len();
    let last = usize::from(row[count - 1]) as u8;
    let first = row[0];
    if count == 1 {
        out.fill(first);
        return;
    }
    out[0] = first;
    let inner = &mut out[1..2 * count - 1];
    for (pair, near) in inner.chunks_exact_mut(2).zip(row.windows(2)) {
        let (left, right) = (u16::from(near[0]), u16::from(near[1]));
        pair[0] = ((3 * left + right + 2) >> 2) as u8;
        pair[1] = ((left + 3 * right + 1) >> 2) as u8;
    }
    out[2 * count - 1] = last;
}

/// One of two rows between: three parts `near`, one part `far`; `bias` is 1 above and 2 below.
#[inline(always)]
pub fn between(near: &[u8], far: &[u8], bias: u16, out: &mut [u8]) {
    for ((out, &near), &far) in out.iter_mut().zip(near).zip(far) {
        *out = ((3 * u16::from(near) + u16::from(far) + bias) >> 2) as u8;
    }
}

/// Both at once, which rounds once: `sums` is room for a row.
#[inline(always)]
pub fn twice_both(near: &[u8], far: &[u8], sums: &mut [u16], out: &mut [u8]) {
    let count = near.len();
    for ((sum, &near), &far) in sums.iter_mut().zip(near).zip(far) {
        *sum = 3 * u16::from(near) + u16::from(far);
    }
    let sums = &sums[..count];
    out[0] = ((4 * sums[0] + 8) >> 4) as u8;
    for (pair, near) in out[1..2 * count - 1].chunks_exact_mut(2).zip(sums.windows(2)) {
        pair[0] = ((3 * near[0] + near[1] + 7) >> 4) as u8;
        pair[1] = ((near[0] + 3 * near[1] + 8) >> 4) as u8;
    }
    out[2 * count - 1] = ((4 * sums[count - 1] + 7) >> 4) as u8;
}

/// Brightness, blue and red difference → red, green, blue; libjpeg's constants times 2¹⁶.
#[inline(always)]
pub fn rgb(y: &[u8], cb: &[u8], cr: &[u8], out: &mut [u8]) {
    for (((out, &y), &cb), &cr) in out.chunks_exact_mut(3).zip(y).zip(cb).zip(cr) {
        let (y, cb, cr) = (i32::from(y), i32::from(cb) - 128, i32::from(cr) - 128);
        out[0] = (y + ((91_881 * cr + 32_768) >> 16)).clamp(0, 255) as u8;
        out[1] = (y + ((-22_554 * cb - 46_802 * cr + 32_768) >> 16)).clamp(0, 255) as u8;
        out[2] = (y + ((116_130 * cb + 32_768) >> 16)).clamp(0, 255) as u8;
    }
}
