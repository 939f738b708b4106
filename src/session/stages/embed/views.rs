//! Test-time views of photos: what the post step `tta` averages, each embedded and kept by itself.
//!
//! Takes a recipe whose chain begins with `tta`; gives its views, how a photo is prepared for each, and the stages that embed them. The plain
//! view is the fold's own embedding. A view that is added embeds that one alone.

use crate::base::Value;
use crate::dag::Stage;
use crate::data::augment::settings::Size;
use crate::data::augment::{AugmentError, Pipeline};
use crate::retrieve::Embeddings;
use crate::retrieve::post::Step;
use crate::retrieve::post::views::Views;
use crate::session::project::weights;
use crate::session::stages::{Bench, Task};
use crate::session::{Recipe, SessionError, Slot};

/// Whose photos are embedded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// A fold's queries and gallery.
    Fold,
    /// The host's.
    Host,
}

/// One look at a photo.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct View {
    /// Sides of the picture over the plain one's.
    pub scale: f64,
    /// Degrees, counter-clockwise.
    pub angle: f64,
    /// Whether left and right are exchanged.
    pub hflip: bool,
    /// Whether top and bottom are.
    pub vflip: bool,
}

impl View {
    /// Every combination that a step asks for, the plain view among them where it is one; none of another step.
    pub fn all(step: Option<&Step>) -> Vec<View> {
        let Some(Step::Tta { hflip, vflip, scales, angles }) = step else { return Vec::new() };
        let both = |asked: bool| if asked { &[false, true][..] } else { &[false][..] };
        let mut views = Vec::new();
        for &scale in scales {
            for &angle in angles {
                for &vflip in both(*vflip) {
                    views.extend(both(*hflip).iter().map(|&hflip| View { scale, angle, hflip, vflip }));
                }
            }
        }
        views
    }

    /// The views of a recipe; none where its chain does not begin with `tta`.
    pub fn of(recipe: &Recipe) -> Vec<View> {
        View::all(crate::session::stages::post::steps(recipe).first())
    }

    /// Whether it is how photos are seen in any case.
    pub fn is_plain(&self) -> bool {
        self.scale == 1.0 && self.angle == 0.0 && !self.hflip && !self.vflip
    }

    /// "at 1.414, turned by 90, mirrored, upside down".
    pub fn words(&self) -> String {
        let mut words = Vec::new();
        if self.scale != 1.0 {
            words.push(format!("at {}", self.scale));
        }
        if self.angle != 0.0 {
            words.push(format!("turned by {}", self.angle));
        }
        words.extend(self.hflip.then(|| "mirrored".to_owned()));
        words.extend(self.vflip.then(|| "upside down".to_owned()));
        words.join(", ")
    }

    /// Height and width for a plain picture's, at least 1 each.
    pub fn size(&self, plain: Size) -> Size {
        let side = |side: usize| ((side as f64 * self.scale).round() as usize).max(1);
        Size { height: side(plain.height), width: side(plain.width) }
    }

    /// How a photo is prepared, given how it is for the plain view: larger pictures have more of the photo's own pixels.
    ///
    /// # Errors
    /// When the list of operations cannot have that size.
    pub fn pipeline(&self, plain: &Pipeline) -> Result<Pipeline, AugmentError> {
        let mut list = Vec::new();
        let mut op = |name: &str, more: &[(&str, Value)]| {
            let mut table = Value::table();
            table.set("op", Value::Text(name.to_owned()));
            table.set("p", Value::Float(1.0));
            more.iter().for_each(|(key, value)| table.set(key, value.clone()));
            list.push(table);
        };
        if self.angle != 0.0 {
            op("Affine", &[("rotate", Value::List(vec![Value::Float(self.angle); 2]))]);
        }
        if self.hflip {
            op("HorizontalFlip", &[]);
        }
        if self.vflip {
            op("VerticalFlip", &[]);
        }
        let plain = plain.clone();
        let size = self.size(plain.size());
        let sized = if size == plain.size() { plain } else { plain.at(size)? };
        sized.followed_by("post.steps[0]", &Value::List(list))
    }
}

/// The stage of a view, from that of the plain one.
pub(in crate::session) fn stage(plain: Stage, view: &View) -> Stage {
    let part = format!("{} {}", plain.part, view.words());
    let flip = |on: bool| Value::Bool(on);
    plain
        .part(part)
        .setting("view.scale", Value::Float(view.scale))
        .setting("view.angle", Value::Float(view.angle))
        .setting("view.hflip", flip(view.hflip))
        .setting("view.vflip", flip(view.vflip))
}

/// The mean of a training's views, as far as the graph has them; nothing where the recipe asks for none.
pub(in crate::session) fn mean(
    bench: &Bench<'_>,
    slot: Slot,
    whose: Whose,
) -> Result<Option<Embeddings>, SessionError> {
    let mut views = Views::default();
    for (number, view) in View::of(bench.recipe).iter().enumerate() {
        let task = match (view.is_plain(), whose) {
            (true, Whose::Fold) => Task::Embed { slot },
            (true, Whose::Host) => Task::EmbedHost { slot },
            (false, _) => Task::View { slot, whose, number },
        };
        bench.cancel.check()?;
        views.add(Embeddings::load(&bench.folder(task)?.join(super::FILE))?)?;
    }
    Ok(views.mean())
}

/// Checks that every view's pictures can be made and are large enough for the network.
///
/// # Errors
/// Names the view.
pub(in crate::session) fn check(recipe: &Recipe) -> Result<(), String> {
    let plain = weights::evaluation(recipe).map_err(|error| error.to_string())?;
    let settings = crate::session::brew::graph::decode(recipe, "backbone").map_err(|error| error.to_string())?;
    for view in View::of(recipe) {
        let Size { height, width } = view.size(plain.size());
        view.pipeline(&plain).map_err(|error| format!("a view {}: {error}", view.words()))?;
        crate::learn::backbone::last_map(&settings, height, width).map_err(|error| {
            format!("a view {} has pictures of {height} × {width}, too small for the network: {error}", view.words())
        })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn views_are_all_combinations() {
        let step = Step::Tta { hflip: true, vflip: false, scales: vec![0.707, 1.0], angles: vec![0.0, 90.0] };
        let views = View::all(Some(&step));
        assert_eq!(views.len(), 8);
        assert_eq!(views.iter().filter(|view| view.is_plain()).count(), 1);
        assert_eq!(views[3].words(), "at 0.707, turned by 90, mirrored");
        assert_eq!(views[3].size(Size { height: 100, width: 50 }), Size { height: 71, width: 35 });
        assert!(View::all(Some(&Step::L2 {})).is_empty() && View::all(None).is_empty());
    }

    #[test]
    fn a_view_is_the_picture_turned_over() {
        use crate::base::Seed;
        use crate::data::decode::Picture;
        let (height, width) = (6usize, 6usize);
        let pixels: Vec<u8> = (0..height * width * 3).map(|i| (i * 7 % 251) as u8).collect();
        let picture = Picture { width: width as u32, height: height as u32, rgb: pixels.clone() };
        let plain = Pipeline::to_size(Size { height, width });
        let seen = |view: View| view.pipeline(&plain).unwrap().picture(&picture, Seed::new(1)).rgb;
        let still = View { scale: 1.0, angle: 0.0, hflip: false, vflip: false };
        let at = |row: usize, column: usize| &pixels[(row * width + column) * 3..][..3];
        let mirrored = seen(View { hflip: true, ..still });
        let turned = seen(View { angle: 90.0, ..still });
        for row in 0..height {
            for column in 0..width {
                let of = |pixels: &[u8]| pixels[(row * width + column) * 3..][..3].to_vec();
                assert_eq!(of(&mirrored), at(row, width - 1 - column));
                // Counter-clockwise: the right edge comes to the top.
                assert_eq!(of(&turned), at(column, width - 1 - row), "{row} {column}");
            }
        }
        assert_eq!(seen(still), pixels);
        let large = View { scale: 1.5, ..still }.pipeline(&plain).unwrap();
        assert_eq!(large.size(), Size { height: 9, width: 9 });
    }
}
