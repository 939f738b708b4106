//! A bottle with its label wrapped round it, seen from somewhere.
//!
//! Takes a canvas, a look, its printed sheet and a pose; each pixel is traced back through
//! perspective and rotation to the bottle's own coordinates, where the profile says whether it is
//! glass, and the arc sine of its place says which part of the label it shows.

use super::label::Sheet;
use super::look::{Bottle, Look};
use super::raster::{Canvas, Rgb, asin, blend, cos, shade, sin, speck};

/// From where a bottle is seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pose {
    /// The label's centre on the canvas, in 256ths of a pixel.
    pub x: i32,
    /// As `x`, downwards.
    pub y: i32,
    /// Width of the body on the canvas, in 256ths of a pixel.
    pub width: i32,
    /// Turn in the picture, in 4096ths of a turn.
    pub roll: i32,
    /// Turn about the bottle's own axis, in 4096ths of a turn.
    pub yaw: i32,
    /// How far round lines bend down in the middle (seen from above) or up: 1024ths of the half width.
    pub pitch: i32,
    /// Perspective along x and y: 64 shrinks by a 16th for each half width.
    pub lean: [i32; 2],
    /// From which side the light falls, in 4096ths of a turn about the axis (0: from the front).
    pub light: i32,
    /// Brightness, 256 being plain.
    pub gain: i32,
}

impl Bottle {
    /// Half width at a height; `None` above and below.
    fn half_width(&self, v: i32) -> Option<i32> {
        const BODY: i32 = 1024;
        const CORNER: i32 = 130;
        if v < self.top || v > self.bottom {
            None
        } else if v < self.cap_bottom {
            // The upper edge of the cap is rounded a little.
            Some(self.cap_width - (60 - (v - self.top)).max(0))
        } else if v < self.shoulder_top {
            Some(self.neck)
        } else if v < self.shoulder_bottom {
            let part = (v - self.shoulder_top) * 256 / (self.shoulder_bottom - self.shoulder_top);
            let swollen = match self.swell {
                0 => part,
                // 3t² − 2t³
                1 => part * part * (768 - 2 * part) / 65536,
                _ => sin(part * 4) * 256 / 16384,
            };
            Some(self.neck + (BODY - self.neck) * swollen / 256)
        } else if v > self.bottom - CORNER {
            let below = v - (self.bottom - CORNER);
            Some(BODY - CORNER + ((CORNER * CORNER - below * below).max(0) as u32).isqrt() as i32)
        } else {
            Some(BODY)
        }
    }
}

/// Draws the bottle onto the canvas.
pub fn draw(canvas: &mut Canvas, look: &Look, sheet: &Sheet, pose: &Pose) {
    // 1024ths of the half width for each pixel, times 2²⁰, along the bottle's own axes.
    let unit = (2048 << 28) / i64::from(pose.width.max(256));
    let (sine, cosine) = ((i64::from(sin(pose.roll)) * unit) >> 14, (i64::from(cos(pose.roll)) * unit) >> 14);
    for y in 0..canvas.height {
        // Offset from the label's centre in 256ths of a pixel.
        let (dx, dy) = (i64::from(128 - pose.x), i64::from(y * 256 + 128 - pose.y));
        let (mut u, mut v) = ((dx * cosine + dy * sine) >> 8, (dy * cosine - dx * sine) >> 8);
        let row = (y * canvas.width) as usize;
        for pixel in &mut canvas.pixels[row..row + canvas.width as usize] {
            let (across, down) = ((u >> 20) as i32, (v >> 20) as i32);
            (u, v) = (u + cosine, v - sine);
            // Far outside whatever the perspective does.
            if across.abs() > 1500 || !(-6000..3600).contains(&down) {
                continue;
            }
            let depth = (1 << 20) + pose.lean[0] * across + pose.lean[1] * down;
            let closer = (1 << 30) / depth.max(1 << 18);
            if let Some(seen) = colour(look, sheet, pose, (across * closer) >> 10, (down * closer) >> 10) {
                *pixel = seen;
            }
        }
    }
}

/// The colour at a place in the bottle's coordinates; `None` beside it.
fn colour(look: &Look, sheet: &Sheet, pose: &Pose, u: i32, v: i32) -> Option<Rgb> {
    let bottle = &look.bottle;
    // Round lines bend: the middle is nearer to the eye than the sides.
    let bend = (pose.pitch * cos(asin(u.clamp(-1024, 1024)))) >> 14;
    let v = v - bend;
    let half = bottle.half_width(v)?;
    if u.abs() > half {
        return None;
    }
    let across = u * 1024 / half.max(1);
    let angle = asin(across);
    let facing = cos(angle - pose.light).max(0); // 2¹⁴ where the light falls straight on
    let label = &look.label;
    let on_paper = || {
        let place = angle + pose.yaw;
        if place.abs() >= label.half_angle || v.abs() >= label.half_height {
            return None;
        }
        let x = (place + label.half_angle) * 512 / label.half_angle;
        let y = (v + label.half_height) * 512 / label.half_height;
        sheet.at(x, y)
    };
    let matt = |colour: Rgb| shade(colour, ((116 + ((facing * 150) >> 14)) * pose.gain) >> 8);
    if v < bottle.cap_bottom {
        let ridge = if (angle + 1024) / 40 % 2 == 0 { 236 } else { 256 };
        let lit = shade(matt(bottle.cap), ridge);
        return Some(gloss(lit, across, 110));
    }
    if let Some(paper) = on_paper() {
        return Some(gloss(matt(paper), across, 26));
    }
    if let Some(band) = bottle.band {
        let neck = bottle.shoulder_top - bottle.cap_bottom;
        if (bottle.cap_bottom + neck / 3..bottle.shoulder_top).contains(&v) {
            let line = speck(angle / 24, v / 60, label.grain) > 170;
            return Some(matt(if line { blend(band, [40, 36, 36], 140) } else { band }));
        }
    }
    // Glass is darker towards its edges, where one looks through more of it.
    let through = 250 - ((across * across) >> 13);
    let lit = shade(bottle.glass, (((through * (150 + ((facing * 130) >> 14))) >> 8) * pose.gain) >> 8);
    Some(gloss(lit, across, bottle.gloss))
}

/// A bright stripe down the left and a fainter one down the right.
fn gloss(colour: Rgb, across: i32, strength: i32) -> Rgb {
    let stripe = |at: i32, width: i32| (width - (across - at).abs()).max(0) * 256 / width;
    blend(colour, [250, 250, 246], ((stripe(-560, 150) + stripe(720, 90) / 2) * strength) >> 8)
}
