//! One photo.
//!
//! Takes a brand's look with its printed sheet, perhaps a second bottle, and the photo's own seed;
//! gives pixels: a scene at twice the resolution, halved, then lit, blurred and made noisy as by a
//! phone in a shop.

use super::bottle::{self, Pose};
use super::label::Sheet;
use super::look::Look;
use super::raster::{Canvas, blend, cos, sin};
use super::scene::{self, Neighbours};
use crate::base::Seed;
use crate::base::seed::Draws;

/// A bottle to be photographed.
pub type Subject<'a> = (&'a Look, &'a Sheet);

/// The photo of a subject; `size` is the side of a square with about as many pixels.
/// With a second subject both stand side by side.
pub fn take(
    subject: Subject<'_>,
    second: Option<Subject<'_>>,
    neighbours: &Neighbours,
    size: i32,
    seed: Seed,
) -> Canvas {
    let draws = &mut seed.named("scene").draws();
    let (width, height) = frame(size, second.is_some(), draws);
    // The background is out of focus and needs no more than the picture's own resolution.
    let mut back = Canvas::new(width, height, [128; 3]);
    let pose = stand(&back, second.is_some(), draws);
    scene::behind(&mut back, &pose, neighbours, draws);
    let mut canvas = back.doubled();
    let pose = Pose { x: 2 * pose.x, y: 2 * pose.y, width: 2 * pose.width, ..pose };
    if draws.below(2) == 0 {
        scene::shadow(&mut canvas, &pose, draws);
    }
    if let Some((look, sheet)) = second {
        let side = if pose.x < canvas.width * 128 { 1 } else { -1 };
        let beside = Pose {
            x: pose.x + side * pose.width * draws.between(104, 118) as i32 / 100,
            y: pose.y + pose.width * draws.between(-8, 8) as i32 / 100,
            width: pose.width * draws.between(94, 104) as i32 / 100,
            yaw: lean(260, draws),
            ..pose
        };
        bottle::draw(&mut canvas, look, sheet, &beside);
    }
    bottle::draw(&mut canvas, subject.0, subject.1, &pose);
    scene::before(&mut canvas, &pose, neighbours, draws);
    let canvas = expose(canvas.halved(), &mut seed.named("light").draws());
    develop(canvas, &mut seed.named("lens").draws())
}

/// Most photos are upright, 3 : 4, as phones take them.
fn frame(size: i32, two: bool, draws: &mut Draws) -> (i32, i32) {
    let (narrow, wide) = (size * 7 / 8, size * 7 / 6);
    match draws.below(12) {
        0 => (size, size),
        _ if two => (size, size),
        1 => (narrow * 9 / 10, wide * 10 / 9),
        _ => (narrow, wide),
    }
}

/// Small values more often than large ones: a triangle over −`most` to `most`.
fn lean(most: i64, draws: &mut Draws) -> i32 {
    (draws.between(-most, most) + draws.between(-most, most)) as i32 / 2
}

fn stand(canvas: &Canvas, two: bool, draws: &mut Draws) -> Pose {
    let (width, height) = (canvas.width * 256, canvas.height * 256);
    let share = if two { draws.between(38, 46) } else { draws.between(54, 86) } as i32;
    let aside = if two { if draws.below(2) == 0 { -26 } else { 26 } } else { lean(14, draws) };
    let roll = if draws.below(16) == 0 { lean(420, draws) } else { lean(90, draws) };
    Pose {
        x: width / 2 + width / 100 * aside,
        y: height / 2 + height / 100 * lean(14, draws),
        width: width / 100 * share,
        roll,
        yaw: lean(280, draws),
        pitch: lean(240, draws),
        lean: [lean(110, draws), lean(110, draws)],
        light: lean(900, draws),
        gain: 256,
    }
}

/// Light: brightness, colour, fall-off, a reflection, contrast.
fn expose(mut canvas: Canvas, draws: &mut Draws) -> Canvas {
    let gain = if draws.below(10) == 0 { draws.between(120, 180) } else { draws.between(190, 330) } as i32;
    let warm = lean(40, draws);
    let tint = [256 + warm, 256 + lean(14, draws), 256 - warm];
    let (angle, fall) = (draws.between(0, 4095) as i32, draws.between(0, 110) as i32);
    let (ax, ay) = (cos(angle), sin(angle));
    let (width, height) = (canvas.width, canvas.height);
    let haze = draws.between(0, 36) as i32;
    canvas.change_all(|x, y, colour| {
        let along = ((2 * x - width) * ax / width + (2 * y - height) * ay / height) >> 6; // ±256 or so
        let here = gain * (256 + along * fall / 256) / 256;
        std::array::from_fn(|c| {
            let lit = i32::from(colour[c]) * here / 256 * tint[c] / 256;
            // Bright parts are pressed together instead of cut off.
            let pressed = if lit > 200 { 200 + (lit - 200) * 55 / (lit - 200 + 55) } else { lit };
            (haze + pressed * (256 - haze) / 256).clamp(0, 255) as u8
        })
    });
    if draws.below(4) == 0 {
        let (cx, cy) = (width * draws.between(15, 85) as i32 / 100, height * draws.between(15, 85) as i32 / 100);
        let (rx, ry) = (width * draws.between(8, 22) as i32 / 100 + 1, height * draws.between(6, 26) as i32 / 100 + 1);
        let strength = draws.between(90, 210) as i32;
        canvas.change_all(|x, y, colour| {
            let (dx, dy) = ((x - cx) * 256 / rx, (y - cy) * 256 / ry);
            let away = (dx * dx + dy * dy) / 256;
            blend(colour, [255, 255, 250], (256 - away).max(0) * strength / 256)
        });
    }
    canvas
}

/// Lens and sensor: out of focus, shaken, noisy.
fn develop(mut canvas: Canvas, draws: &mut Draws) -> Canvas {
    let soft = [0, 0, 0, 0, 0, 1, 1, 2][draws.below(8) as usize];
    canvas = canvas.blurred(soft);
    if draws.below(10) == 0 {
        canvas = canvas.smeared(draws.below(2) == 0);
    }
    let noise = draws.between(1, 9) as i32;
    canvas.change_all(|_, _, colour| {
        // Twelve draws a pixel would be slow: one holds bits enough.
        let bits = draws.bits();
        std::array::from_fn(|c| {
            let two = ((bits >> (16 * c)) & 0xFF) as i32 + ((bits >> (16 * c + 8)) & 0xFF) as i32 - 255;
            (i32::from(colour[c]) + two * noise / 255).clamp(0, 255) as u8
        })
    });
    canvas
}
