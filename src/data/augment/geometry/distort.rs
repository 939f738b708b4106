//! Perspective and GridDistortion: straight lines that meet, and lines that bend.
//!
//! Takes a picture and drawn numbers; gives it as seen from another side, or through a sheet of rubber whose
//! cells are stretched. albumentations' 2.0.8 draws and its matrices, which we solve in closed form (Heckbert 1989,
//! "Fundamentals of texture mapping and image warping", section 2.2.3) instead of by an 8 × 8 system.

use std::borrow::Cow;
use std::sync::Arc;

use serde::Deserialize;

use super::warp::{Look, remap};
use crate::base::seed::Draws;
use crate::book::technique::{Default, Kind, Literal, Param, Status, Technique};
use crate::data::augment::operation::{Built, Operation, Row, Settings};
use crate::data::augment::pipeline::sizes::{Bounds, Sizes};
use crate::data::augment::settings::{
    BORDER_MODE, Border, FILL, Fill, Interpolation, LAST_EPOCHS_OFF, Numbers, P_HALF, Range, Size, WARP_INTERPOLATION,
    from_to, number_or_range,
};
use crate::data::decode::Picture;

/// The row of Perspective.
pub const PERSPECTIVE: Row = Row::of::<Perspective>(Technique {
    name: "Perspective",
    slot: "augment",
    about: "See the picture from a random other side.",
    details: "Each corner moves inwards by |N(0, s)| of the side, modulo 0.32, with s uniform in `scale`; the four points \
        are stretched to the whole frame. A number v means [0, v]. It is what a photo taken a little from the left or from \
        above looks like: signs, labels, flukes.\n\n\
        keep_size gives the old size again. The library, and so this operation, enlarges once more by size / longest side \
        between the points, so a part at the right and at the bottom is lost; with fit_output nothing is lost: the \
        whole picture is fitted in, with `fill` around it. Without keep_size the sizes that come out differ.\n\n\
        The default [0.05, 0.1] is visible and harmless; above 0.2 pictures fold. Cost: one bilinear resampling and a \
        division a pixel.",
    params: &[
        Param::new("scale", number_or_range!(0.0, 1.0), from_to!(0.05, 0.1), "Standard deviation of a corner's way.")
            .unit("sides"),
        Param::new("keep_size", Kind::Bool, Default::Is(Literal::Bool(true)), "Give the size of before."),
        Param::new("fit_output", Kind::Bool, Default::Is(Literal::Bool(false)), "Keep the whole picture in view."),
        WARP_INTERPOLATION,
        BORDER_MODE,
        FILL,
        P_HALF,
        LAST_EPOCHS_OFF,
    ],
    source: "albumentations 2.0.8 Perspective",
    status: Status::Built,
});

/// Top left, top right, bottom right, bottom left, in pixels.
type Quad = [[f64; 2]; 4];

/// A map of the plane: rows of a 3 × 3 matrix.
type Map = [[f64; 3]; 3];

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Perspective {
    scale: Numbers,
    keep_size: bool,
    fit_output: bool,
    interpolation: Interpolation,
    border_mode: Border,
    fill: Fill,
}

impl Settings for Perspective {
    fn operation(self, _: &str) -> Built {
        self.scale.from(0.0).ordered("scale")?;
        Ok(Arc::new(self))
    }
}

impl Perspective {
    /// Four points of a picture, in order.
    fn draw(&self, width: u32, height: u32, draws: &mut Draws) -> Quad {
        let scale = self.scale.from(0.0).draw(draws);
        let mut points: Quad = [[0.0; 2]; 4];
        points.iter_mut().flatten().for_each(|v| *v = (draws.normal() * scale).abs() % 0.32);
        points[1][0] = 1.0 - points[1][0];
        points[2] = points[2].map(|v| 1.0 - v);
        points[3][1] = 1.0 - points[3][1];
        points.iter_mut().for_each(|p| *p = [p[0] * f64::from(width), p[1] * f64::from(height)]);
        points
    }

    /// The picture whose points come to lie at the corners.
    fn see(&self, picture: &Picture, points: Quad) -> Picture {
        let (w, h) = (f64::from(picture.width), f64::from(picture.height));
        let way = |a: usize, b: usize| ((points[a][0] - points[b][0]).hypot(points[a][1] - points[b][1])).max(2.0);
        let mut size = [way(1, 0).max(way(2, 3)).trunc(), way(2, 1).max(way(3, 0)).trunc()];
        let mut back = from_rectangle(w, h, points);
        if self.fit_output {
            let forth = adjoint(&back);
            let mut corners = [[0.0, 0.0], [w, 0.0], [w, h], [0.0, h]].map(|p| through(&forth, p));
            let least = [0, 1].map(|i| corners.iter().map(|p| p[i]).fold(f64::INFINITY, f64::min));
            corners.iter_mut().for_each(|p| *p = [0, 1].map(|i| (p[i] - least[i]).round_ties_even()));
            size = [0, 1].map(|i| corners.iter().map(|p| p[i]).fold(1.0, f64::max));
            back = adjoint(&from_rectangle(w, h, corners));
        }
        // What a corner that went through infinity asks for is no picture.
        let side = |v: f64, now: f64| if v.is_finite() { v.clamp(1.0, 4.0 * now.max(2.0)) } else { now };
        let size = [side(size[0], w), side(size[1], h)];
        let factor = if self.keep_size { [size[0] / w, size[1] / h] } else { [1.0; 2] };
        let out = if self.keep_size { [w, h] } else { size };
        let look = Look { interpolation: self.interpolation, border: self.border_mode, fill: self.fill.rgb() };
        let out = Size { height: out[1] as usize, width: out[0] as usize };
        remap(picture, out, look, |x, y| {
            let [x, y] = through(&back, [x * factor[0], y * factor[1]]);
            (x, y)
        })
    }
}

fn through(m: &Map, [x, y]: [f64; 2]) -> [f64; 2] {
    let [a, b, c] = m.map(|row| row[0] * x + row[1] * y + row[2]);
    [a / c, b / c]
}

/// The map of the rectangle `w` × `h` onto four points.
fn from_rectangle(w: f64, h: f64, [p0, p1, p2, p3]: Quad) -> Map {
    let sum = [0, 1].map(|i| p0[i] - p1[i] + p2[i] - p3[i]);
    let [dx1, dy1] = [p1[0] - p2[0], p1[1] - p2[1]];
    let [dx2, dy2] = [p3[0] - p2[0], p3[1] - p2[1]];
    let area = dx1 * dy2 - dx2 * dy1;
    let (g, k) = if area.abs() < 1e-12 {
        (0.0, 0.0)
    } else {
        ((sum[0] * dy2 - dx2 * sum[1]) / area, (dx1 * sum[1] - sum[0] * dy1) / area)
    };
    let row = |i: usize| [(p1[i] - p0[i] + g * p1[i]) / w, (p3[i] - p0[i] + k * p3[i]) / h, p0[i]];
    [row(0), row(1), [g / w, k / h, 1.0]]
}

/// The way back of a map, up to a factor, which a map of the plane does not have.
fn adjoint(m: &Map) -> Map {
    let minor = |r: [usize; 2], c: [usize; 2]| m[r[0]][c[0]] * m[r[1]][c[1]] - m[r[0]][c[1]] * m[r[1]][c[0]];
    let rest = [[1, 2], [2, 0], [0, 1]];
    std::array::from_fn(|i| std::array::from_fn(|j| minor(rest[j], rest[i])))
}

impl Operation for Perspective {
    fn sizes(&self, before: Sizes) -> Result<Sizes, String> {
        let any = |bounds: Bounds| Bounds { least: 1, most: bounds.most.max(2).saturating_mul(4) };
        let open = Sizes { height: any(before.height), width: any(before.width) };
        Ok(if self.keep_size { before } else { open })
    }

    fn is_random(&self) -> bool {
        self.scale.from(0.0) != Range { low: 0.0, high: 0.0 }
    }

    fn run<'a>(&self, picture: Cow<'a, Picture>, draws: &mut Draws) -> Cow<'a, Picture> {
        let points = self.draw(picture.width, picture.height, draws);
        Cow::Owned(self.see(&picture, points))
    }
}

/// The row of GridDistortion.
pub const GRID_DISTORTION: Row = Row::of::<GridDistortion>(Technique {
    name: "GridDistortion",
    slot: "augment",
    about: "Stretch and squeeze the cells of a grid by random factors.",
    details: "The picture is cut into num_steps columns and as many rows; each is stretched by 1 + d, d uniform in \
        distort_limit (a number v means [-v, v]), and the picture is read along these steps. With `normalized` the factors are \
        scaled so that the whole picture is still seen; without it the far edge may run out of the picture.\n\n\
        Columns and rows are bent independently of each other, so straight upright lines stay straight and upright. It \
        imitates labels round bottles, folds and cheap lenses. Published solutions use the default 5 steps and 0.3.\n\n\
        It fails where proportions are what differs between labels, such as faces or letters' widths. A picture with fewer pixels \
        than steps stays as it is. Cost: one bilinear resampling.",
    params: &[
        Param::new(
            "num_steps",
            Kind::OverEpochs(&Kind::Int { min: 1, max: 256 }),
            Default::Is(Literal::Int(5)),
            "Cells along each axis.",
        ),
        Param::new(
            "distort_limit",
            number_or_range!(-1.0, 1.0),
            from_to!(-0.3, 0.3),
            "What is added to a cell's length.",
        )
        .unit("cells"),
        Param::new("normalized", Kind::Bool, Default::Is(Literal::Bool(true)), "Keep the whole picture in view."),
        WARP_INTERPOLATION,
        BORDER_MODE,
        FILL,
        P_HALF,
        LAST_EPOCHS_OFF,
    ],
    source: "albumentations 2.0.8 GridDistortion",
    status: Status::Built,
});

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct GridDistortion {
    num_steps: usize,
    distort_limit: Numbers,
    normalized: bool,
    interpolation: Interpolation,
    border_mode: Border,
    fill: Fill,
}

impl Settings for GridDistortion {
    fn operation(self, _: &str) -> Built {
        self.distort_limit.symmetric().ordered("distort_limit")?;
        Ok(Arc::new(self))
    }
}

impl GridDistortion {
    /// A factor for each cell, and one for the rest after the last whole cell.
    fn draw(&self, draws: &mut Draws) -> Vec<f64> {
        (0..=self.num_steps).map(|_| 1.0 + self.distort_limit.symmetric().draw(draws)).collect()
    }

    /// The place in the source of each of `length` pixels along an axis. `length` is at least `num_steps`.
    fn places(&self, mut factors: Vec<f64>, length: usize) -> Vec<f64> {
        let cell = length / self.num_steps;
        if self.normalized {
            let rest = length.min((self.num_steps + 1) * cell) - self.num_steps * cell;
            if let Some(last) = factors.last_mut() {
                *last *= rest as f64 / cell as f64;
            }
            let sum: f64 = factors.iter().sum();
            // All factors 0 would show one column only, which is what they say.
            let scale = if sum.abs() > 1e-9 { length as f64 / cell as f64 / sum } else { 0.0 };
            factors.iter_mut().for_each(|factor| *factor *= scale);
        }
        let mut places = Vec::with_capacity(length);
        let mut before = 0.0;
        for (i, factor) in factors.iter().enumerate() {
            let after = before + cell as f64 * factor;
            let count = cell.min(length.saturating_sub(i * cell));
            // Both ends belong to the cell, as in numpy's linspace.
            let step = if count > 1 { (after - before) / (count - 1) as f64 } else { 0.0 };
            places.extend((0..count).map(|k| before + step * k as f64));
            before = after;
        }
        // A short picture has more rest than one cell; albumentations shows its first column there, we its last ones.
        places.extend((places.len()..length).map(|i| i as f64));
        places
    }

    fn bend(&self, picture: &Picture, factors: [Vec<f64>; 2]) -> Picture {
        let size = Size { height: picture.height as usize, width: picture.width as usize };
        let [x, y] = factors;
        let (columns, rows) = (self.places(x, size.width), self.places(y, size.height));
        let look = Look { interpolation: self.interpolation, border: self.border_mode, fill: self.fill.rgb() };
        remap(picture, size, look, |column, row| (columns[column as usize], rows[row as usize]))
    }
}

impl Operation for GridDistortion {
    fn is_random(&self) -> bool {
        !self.distort_limit.symmetric().is_fixed()
    }

    fn run<'a>(&self, picture: Cow<'a, Picture>, draws: &mut Draws) -> Cow<'a, Picture> {
        let factors = [self.draw(draws), self.draw(draws)];
        if picture.width.min(picture.height) < self.num_steps as u32 {
            return picture;
        }
        Cow::Owned(self.bend(&picture, factors))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Value;
    use crate::data::augment::golden::{apart, calls, distribution, picture};

    fn numbers(call: &Value, key: &str) -> Vec<f64> {
        call.get(key).unwrap().decode().unwrap()
    }

    fn perspective(scale: [f64; 2], keep_size: bool, fit_output: bool) -> Perspective {
        let (interpolation, border_mode, fill) = (Interpolation::Linear, Border::Constant, Fill::Grey(77.0));
        Perspective { scale: Numbers::Range(scale.into()), keep_size, fit_output, interpolation, border_mode, fill }
    }

    fn grid(num_steps: usize, normalized: bool) -> GridDistortion {
        let (interpolation, border_mode, fill) = (Interpolation::Linear, Border::Reflect101, Fill::Grey(0.0));
        GridDistortion { num_steps, distort_limit: Numbers::One(0.3), normalized, interpolation, border_mode, fill }
    }

    #[test]
    fn four_points_go_to_the_corners_as_opencv_takes_them() {
        for case in calls("perspective") {
            let flag = |key| case.ops.get(key) == Some(&Value::Bool(true));
            let p = numbers(&case.ops, "points");
            let points = [[p[0], p[1]], [p[2], p[3]], [p[4], p[5]], [p[6], p[7]]];
            let seen = perspective([0.1, 0.1], flag("keep_size"), flag("fit_output")).see(&picture(), points);
            let mean = apart(&seen, &case.picture());
            assert!(mean < 1.0, "{}: {mean}", case.ops);
        }
    }

    #[test]
    fn cells_bend_as_opencv_remaps_them() {
        for case in calls("grid") {
            let normalized = case.ops.get("normalized") == Some(&Value::Bool(true));
            let (x, y) = (numbers(&case.ops, "x"), numbers(&case.ops, "y"));
            let seen = grid(x.len() - 1, normalized).bend(&picture(), [x, y]);
            let mean = apart(&seen, &case.picture());
            assert!(mean < 1.0, "{}: {mean}", case.ops);
        }
    }

    #[test]
    fn points_and_factors_are_drawn_as_albumentations_draws_them() {
        let op = perspective([0.05, 0.1], true, false);
        distribution("Perspective", &["x0", "y0", "x1", "y2", "x3", "y3"], |draws| {
            let [p0, p1, p2, p3] = op.draw(300, 400, draws);
            vec![p0[0], p0[1], p1[0], p2[1], p3[0], p3[1]]
        });
        let op = grid(5, true);
        distribution("GridDistortion", &["x0", "x4", "x5", "y2"], |draws| {
            // The places where cells begin, of a picture of 30 × 42 pixels.
            let (x, y) = (op.places(op.draw(draws), 42), op.places(op.draw(draws), 30));
            vec![x[8], x[32], x[40], y[12]]
        });
    }

    #[test]
    fn equal_factors_change_nothing_but_the_ends() {
        let places = grid(4, true).places(vec![1.0; 5], 16);
        assert!((0..4).all(|i| (places[4 * i] - 4.0 * i as f64).abs() < 1e-12), "{places:?}");
        assert_eq!(grid(5, false).places(vec![1.0; 6], 9).len(), 9);
    }
}
