//! What stands behind the bottle and what comes before it.
//!
//! Takes a canvas and draws; gives a wall with a shelf, a table, a dark bar or a fridge, with other
//! bottles on it; and, before the bottle, now and then a hand, a price tag or a neighbour.

use super::bottle::{self, Pose};
use super::label::Sheet;
use super::look::{Look, near};
use super::raster::{Canvas, Rgb, blend, cloud, cos, shade, sin, speck};
use crate::base::Seed;
use crate::base::seed::Draws;

/// Bottles that stand about and belong to no brand of the set.
#[derive(Clone, Debug)]
pub struct Neighbours(Vec<(Look, Sheet)>);

impl Neighbours {
    /// The bottles of a set.
    pub fn of(seed: Seed) -> Neighbours {
        let look = |i| Look::of(seed.named("neighbours"), i, 0);
        Neighbours((0..24).map(look).map(|look| (look.clone(), Sheet::print(&look.label))).collect())
    }

    fn one(&self, draws: &mut Draws) -> &(Look, Sheet) {
        &self.0[draws.below(self.0.len() as u64) as usize]
    }
}

/// Walls and boards.
const WALLS: [Rgb; 8] = [
    [196, 186, 168],
    [120, 92, 66],
    [60, 52, 50],
    [206, 212, 216],
    [92, 108, 112],
    [170, 140, 104],
    [34, 34, 40],
    [150, 160, 140],
];

/// Paints the background, sharp or not, and bottles beside the place where the main one will stand.
pub fn behind(canvas: &mut Canvas, pose: &Pose, neighbours: &Neighbours, draws: &mut Draws) {
    let (wall, board) =
        (near(WALLS[draws.below(8) as usize], 20, draws), near(WALLS[draws.below(8) as usize], 20, draws));
    let (salt, kind) = (draws.bits() as u32, draws.below(4));
    let (width, height) = (canvas.width, canvas.height);
    let horizon = height * draws.between(45, 95) as i32 / 100;
    let slope = draws.between(-12, 12) as i32;
    let pitch = draws.between(24, 60) as i32;
    canvas.change_all(|x, y, _| {
        let grain = cloud(x, y, 17, salt) - 128;
        let edge = horizon + (x - width / 2) * slope / 100;
        match kind {
            // A shelf: its board, and the wall behind it.
            0 => {
                let colour = if y > edge && y < edge + height / 12 {
                    shade(board, 250 + speck(x / 9, y / 2, salt) / 12)
                } else {
                    shade(wall, 240 - (edge - y).abs() * 50 / height)
                };
                shade(colour, 256 + grain / 8)
            }
            // A table before a wall.
            1 if y > edge => shade(board, 226 + cloud(x / 6, y, 5, salt) / 5),
            1 => shade(wall, 256 + grain / 6),
            // A dark bar with lights far away.
            2 => {
                let light = speck(x / 12, y / 12, salt) > 236;
                let (dx, dy) = (x % 12 - 6, y % 12 - 6);
                let disc = dx * dx + dy * dy < 22;
                if light && disc { blend(wall, [255, 214, 150], 170) } else { shade(wall, 90 + grain / 6) }
            }
            // A fridge or a wall of boards.
            _ => {
                let gap = (x + salt as i32 % 50).rem_euclid(pitch) < 3;
                shade(wall, if gap { 150 } else { 236 } + grain / 7)
            }
        }
    });
    let crowd = draws.below(5).min(3);
    for _ in 0..crowd {
        let (look, sheet) = neighbours.one(draws);
        let side = if draws.below(2) == 0 { -1 } else { 1 };
        let size = draws.between(60, 105) as i32;
        let apart = draws.between(95, 175) as i32;
        let stand = Pose {
            x: pose.x + side * pose.width * apart / 100,
            y: pose.y + pose.width * draws.between(-25, 25) as i32 / 100,
            width: pose.width * size / 100,
            roll: pose.roll + draws.between(-25, 25) as i32,
            yaw: draws.between(-700, 700) as i32,
            gain: pose.gain * draws.between(50, 90) as i32 / 100,
            ..*pose
        };
        bottle::draw(canvas, look, sheet, &stand);
    }
    let soft = draws.below(3) as u32;
    let sharp = std::mem::replace(canvas, Canvas::new(1, 1, [0; 3]));
    *canvas = sharp.blurred(soft);
}

/// The shadow that the main bottle throws, to be painted before it.
pub fn shadow(canvas: &mut Canvas, pose: &Pose, draws: &mut Draws) {
    let aside = pose.width * draws.between(-30, 30) as i32 / 100;
    let (left, right) = ((pose.x - pose.width / 2 + aside) >> 8, (pose.x + pose.width / 2 + aside) >> 8);
    let top = (pose.y >> 8) - (pose.width >> 8);
    canvas.change(left..right, top..canvas.height, |_, _, colour| shade(colour, 150));
}

/// Puts something before the bottle, in about a third of the photos.
pub fn before(canvas: &mut Canvas, pose: &Pose, neighbours: &Neighbours, draws: &mut Draws) {
    let body = pose.width >> 8;
    let (x, y) = (pose.x >> 8, pose.y >> 8);
    match draws.below(12) {
        0 => hand(canvas, x, y, body, draws),
        1 => {
            // A price tag on the shelf's edge.
            let (w, h) = (body * draws.between(35, 70) as i32 / 100, body * draws.between(18, 30) as i32 / 100);
            let left = x - body / 2 + draws.between(-20, 60) as i32 * body / 100;
            let top = y + body * draws.between(38, 85) as i32 / 100;
            let (paper, salt) = (near([240, 234, 190], 14, draws), draws.bits() as u32);
            canvas.change(left..left + w, top..top + h, |px, py, _| {
                let (rx, ry) = ((px - left) * 100 / w, (py - top) * 100 / h);
                let digits = (20..80).contains(&ry) && (8..90).contains(&rx) && speck(rx / 6, ry / 15, salt) > 120;
                let line = (84..90).contains(&ry) && (8..90).contains(&rx);
                if digits || line { [150, 30, 30] } else { paper }
            });
        }
        2 => {
            // A neighbour that stands nearer.
            let (look, sheet) = neighbours.one(draws);
            let side = if draws.below(2) == 0 { -1 } else { 1 };
            let stand = Pose {
                x: pose.x + side * pose.width * draws.between(72, 100) as i32 / 100,
                y: pose.y + pose.width * draws.between(10, 60) as i32 / 100,
                width: pose.width * draws.between(80, 120) as i32 / 100,
                yaw: draws.between(-600, 600) as i32,
                ..*pose
            };
            bottle::draw(canvas, look, sheet, &stand);
        }
        3 => {
            // Something out of focus at the edge of the picture.
            let angle = draws.between(0, 4095) as i32;
            let far = canvas.width.max(canvas.height) * draws.between(52, 66) as i32 / 100;
            let (cx, cy) =
                (canvas.width / 2 + ((cos(angle) * far) >> 14), canvas.height / 2 + ((sin(angle) * far) >> 14));
            let radius = canvas.width * draws.between(18, 34) as i32 / 100;
            let colour = near(WALLS[draws.below(8) as usize], 30, draws);
            disc(canvas, cx, cy, radius, radius / 3, |_, _| colour);
        }
        _ => {}
    }
}

/// Fingers round the bottle from one side, or a thumb from below.
fn hand(canvas: &mut Canvas, x: i32, y: i32, body: i32, draws: &mut Draws) {
    let skin = shade(near([228, 178, 148], 8, draws), draws.between(150, 256) as i32);
    let side = if draws.below(2) == 0 { -1 } else { 1 };
    let (thick, start) = (body * draws.between(10, 14) as i32 / 100, y + body * draws.between(20, 60) as i32 / 100);
    for finger in 0..4 {
        let fy = start + finger * thick * 19 / 10;
        let reach = body * draws.between(14, 34) as i32 / 100;
        let from = x + side * body * 62 / 100;
        for step in 0..12 {
            let fx = from - side * reach * step / 11;
            let dim = 216 + step * 3;
            disc(canvas, fx, fy + step * thick / 40, thick, 2, |_, dy| shade(skin, dim - dy.abs() * 60 / thick.max(1)));
        }
    }
}

/// A disc whose edge is `soft` pixels wide; `colour(dx, dy)` from its centre.
fn disc(canvas: &mut Canvas, cx: i32, cy: i32, radius: i32, soft: i32, colour: impl Fn(i32, i32) -> Rgb) {
    canvas.change(cx - radius..cx + radius + 1, cy - radius..cy + radius + 1, |x, y, behind| {
        let (dx, dy) = (x - cx, y - cy);
        let inside = radius - ((dx * dx + dy * dy) as u32).isqrt() as i32;
        if inside <= 0 { behind } else { blend(behind, colour(dx, dy), inside * 256 / soft.max(1)) }
    });
}
