//! Why answers stand where they do, as far as it has been found out.
//!
//! Takes what the screen asks about and what a process found; remembers the last few with their pictures drawn, so that a frame only shows them. A
//! question is asked once; other lists forget all answers, since the same rank may be another photo now.

use toji::session::errands::looking::why::{Why, Wish};
use toji::session::snapshot::Picture;
use toji::show::sheet::places::{Over, pictures};

use super::{Model, Popup, View};

/// So many are remembered.
const KEPT: usize = 6;
/// The longer side of their pictures has so many pixels or more.
const SIDE: u32 = 320;

/// What was found, drawn.
#[derive(Clone, Debug)]
pub struct Shown {
    /// What was found.
    pub why: Why,
    /// Both photos with boxes.
    pub boxes: [Picture; 2],
    /// Both by the light of what each place adds, with boxes.
    pub lit: [Picture; 2],
}

/// See the file's head.
#[derive(Clone, Debug, Default)]
pub struct Whys {
    kept: Vec<(Wish, Result<Shown, String>)>,
    asked: Option<Wish>,
}

impl Whys {
    /// What must be asked for so that the screen has this; `None` where it is known, or asked for already.
    pub fn want(&mut self, wish: Option<Wish>) -> Option<Wish> {
        let wish = wish?;
        if self.asked.as_ref() == Some(&wish) || self.kept.iter().any(|(known, _)| *known == wish) {
            return None;
        }
        self.asked = Some(wish.clone());
        Some(wish)
    }

    /// Takes what was found.
    pub fn take(&mut self, wish: Wish, found: Result<Why, String>) {
        if self.asked.as_ref() != Some(&wish) {
            // Of lists that have gone, or asked for before the last question.
            return;
        }
        self.asked = None;
        let drawn = found.and_then(|why| {
            let draw = |over| pictures(&why, over, SIDE);
            let (boxes, lit) =
                draw(Over::Boxes { numbered: false }).zip(draw(Over::Both)).ok_or("it came without pictures")?;
            Ok(Shown { why, boxes, lit })
        });
        self.kept.push((wish, drawn));
        if self.kept.len() > KEPT {
            drop(self.kept.remove(0));
        }
    }

    /// What is known; `None` until it comes.
    pub fn get(&self, wish: &Wish) -> Option<&Result<Shown, String>> {
        self.kept.iter().find(|(known, _)| known == wish).map(|(_, found)| found)
    }

    /// Forgets what failed, so that it is tried again.
    pub fn forget_failures(&mut self) {
        self.kept.retain(|(_, found)| found.is_ok());
    }
}

impl Model {
    /// The answer that is asked about; `None` where none is, or it is no photo.
    pub fn why_wish(&self) -> Option<Wish> {
        let Some(Popup::Why { at, .. }) = &self.popup else { return None };
        let queries = self.queries().filter(|_| self.view == View::Queries)?;
        let query = self.query_at(self.query_index())?;
        let answers = queries.answers(query);
        let rank = (*at).clamp(1, answers.len().max(1));
        answers.get(rank - 1)?.seen.as_ref()?;
        Some(Wish {
            recipe: queries.recipe.clone(),
            rung: queries.rung.clone(),
            training: queries.training(query).to_owned(),
            id: queries.seen(query.photo).id,
            rank,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wish(rank: usize) -> Wish {
        let text = str::to_owned;
        Wish { recipe: text("r"), rung: text("full"), training: text("fold 0"), id: text("7"), rank }
    }

    #[test]
    fn a_question_is_asked_once_and_the_newest_counts() {
        let mut whys = Whys::default();
        assert_eq!(whys.want(None), None);
        assert_eq!(whys.want(Some(wish(1))), Some(wish(1)));
        assert_eq!(whys.want(Some(wish(1))), None, "it is on its way");
        assert_eq!(whys.want(Some(wish(2))), Some(wish(2)));
        whys.take(wish(1), Err("too late".to_owned()));
        assert!(whys.get(&wish(1)).is_none());
        whys.take(wish(2), Err("no network".to_owned()));
        assert_eq!(whys.get(&wish(2)).unwrap().as_ref().unwrap_err(), "no network");
        assert_eq!(whys.want(Some(wish(2))), None);
        whys.forget_failures();
        assert_eq!(whys.want(Some(wish(2))), Some(wish(2)), "asked again once it is opened again");
        for rank in 1..=9 {
            whys.want(Some(wish(rank)));
            whys.take(wish(rank), Err(String::new()));
        }
        assert!(whys.get(&wish(3)).is_none() && whys.get(&wish(4)).is_some() && whys.get(&wish(9)).is_some());
    }
}
