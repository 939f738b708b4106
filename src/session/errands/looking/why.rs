//! Why an answer stands in a query's list: which places make the two photos alike.
//!
//! Takes a query and the rank of one of its answers; shows both photos to the network that answered, the fold's own, as evaluation shows them, and gives
//! what each place of its last map adds to their cosine, and the pairs of places that add most ([`crate::retrieve::post::local::alike()`]). Post steps
//! may have ranked by more than this cosine; what the list says is told beside it. One pass for two photos, by whoever has the memory for a
//! network: a viewer has a process of its own do it, which answers by [`Why::line`].

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Seen;
use super::queries::{Queries, Query};
use crate::base::Cancel;
use crate::dag::Event;
use crate::retrieve::post::local::alike;
use crate::session::snapshot::Picture;
use crate::session::stages::embed::places;
use crate::session::stages::{Bench, ensemble};
use crate::session::{Graph, Photos, Project, Recipe, SessionError};

/// What makes an answer like its query.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Why {
    /// The recipe.
    pub recipe: String,
    /// Whose network: "fold 0".
    pub training: String,
    /// The query.
    pub query: Seen,
    /// The answer.
    pub answer: Seen,
    /// Its rank, from 1.
    pub rank: usize,
    /// Whether it is right.
    pub hit: bool,
    /// What the list says of it: a cosine, or the score of the step that ranked.
    pub similarity: f64,
    /// The cosine of the two photos by this network alone.
    pub cosine: f64,
    /// Whether places are weighed by what they add to the embeddings; otherwise the map itself is compared, since what stands between the map and the
    /// embedding is no sum over its places.
    pub exact: bool,
    /// Rows and columns of the map.
    pub map: [usize; 2],
    /// Pairs of places, those first that add most.
    pub pairs: Vec<Pair>,
    /// What each place adds to the cosine, by rows: of the query's photo and of the answer's.
    pub shares: [Vec<f64>; 2],
    /// The two photos as the network saw them.
    #[serde(skip)]
    pub pictures: Option<[Picture; 2]>,
}

/// Two places that are each other's nearest, as [row, column] of the map from 0.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pair {
    /// In the query's photo.
    pub query: [usize; 2],
    /// In the answer's photo.
    pub answer: [usize; 2],
    /// The cosine of what stands there.
    pub cosine: f64,
    /// What the pair adds to the photos' cosine.
    pub share: f64,
}

/// An answer: its query, whose list where several trainings answered it, and its rank from 1.
#[derive(Clone, Debug, PartialEq)]
pub struct Asked<'a> {
    /// The query's id.
    pub id: &'a str,
    /// "fold 0"; the first that answered where absent.
    pub training: Option<&'a str>,
    /// From 1.
    pub rank: usize,
}

/// What a viewer asks: an answer by its query and rank.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wish {
    /// The recipe.
    pub recipe: String,
    /// Up to which rung its lists are meant.
    pub rung: String,
    /// Whose list: "fold 0".
    pub training: String,
    /// The query's id.
    pub id: String,
    /// From 1.
    pub rank: usize,
}

/// Why an answer stands where it does; with the pairs that add most, at most `most`.
///
/// # Errors
/// When there is no such query or answer, the answer is no photo, the recipe is an ensemble, or the network is not in the store any more (the error says
/// what to do); when a photo cannot be read; on a stop.
pub fn why(
    project: &Project,
    (recipe, photos, graph): (&Recipe, &Photos, &Graph),
    queries: &Queries,
    asked: &Asked<'_>,
    most: usize,
    cancel: &Cancel,
) -> Result<Why, SessionError> {
    let unfit = |text: String| Err(SessionError::Unfit(text));
    if ensemble::is_one(recipe) {
        return unfit(format!(
            "{} is an ensemble, and one network's map is looked at: ask about a member",
            recipe.name
        ));
    }
    let Some(query) = find(queries, asked) else {
        let of = asked.training.map(|name| format!(" of {name}")).unwrap_or_default();
        return unfit(format!("no query{of} has the id {:?}", crate::base::text::fit(asked.id, 60)));
    };
    let answers = queries.answers(query);
    let Some(answer) = asked.rank.checked_sub(1).and_then(|at| answers.get(at)) else {
        return unfit(format!("the query has {} answers, ranks 1 to {}", answers.len(), answers.len()));
    };
    let Some(seen) = answer.seen.clone() else {
        return unfit(format!("answer {} is: not in the gallery, which no photo makes likely", asked.rank));
    };
    let training = queries.training(query).to_owned();
    let slot = graph.slots.iter().copied().find(|slot| slot.to_string() == training);
    let Some(slot) = slot else { return unfit(format!("{training} is no training of {}", recipe.name)) };
    if let Some(fit) = graph.fit(slot) {
        let stage = graph.stage(fit)?;
        if !project.store.has(stage.name, &stage.artefact()) {
            let (name, rung) = (&recipe.name, &graph.rung);
            return unfit(format!(
                "the network of {training} is not in the store any more, only its lists; toji export {name} --rung {rung} trains it again, or copy \
                 .toji/store from where it was trained"
            ));
        }
    }
    let tell = |_: Event| {};
    // A pack of reduced photos that is gone need not be made for two of them.
    let bench = Bench { trial: true, ..Bench::new(project, recipe, photos, graph, &tell, cancel) };
    let (found, pictures) = places::two(&bench, slot, [query.photo, seen.photo])?;
    let [rows, columns] = found.map;
    let half = rows * columns * found.width;
    let (a, b) = (found.parts.get(..half).unwrap_or(&[]), found.parts.get(half..).unwrap_or(&[]));
    let alike = alike(a, b, found.width, most);
    let place = |at: usize| [at / columns.max(1), at % columns.max(1)];
    let pair = |near: &crate::retrieve::post::local::Near| Pair {
        query: place(near.a),
        answer: place(near.b),
        cosine: near.cosine,
        share: near.share,
    };
    let shown = |picture: crate::data::decode::Picture| Picture {
        width: picture.width,
        height: picture.height,
        rgb: picture.rgb.into(),
    };
    Ok(Why {
        recipe: recipe.name.clone(),
        training,
        query: queries.seen(query.photo),
        answer: seen,
        rank: asked.rank,
        hit: answer.hit,
        similarity: f64::from(answer.similarity),
        cosine: cosine(&found.embeddings, found.dim),
        exact: found.is_exact,
        map: found.map,
        pairs: alike.pairs.iter().map(pair).collect(),
        shares: alike.shares,
        pictures: Some(pictures.map(shown)),
    })
}

fn find<'a>(queries: &'a Queries, asked: &Asked<'_>) -> Option<&'a Query> {
    let is_it = |query: &&Query| {
        asked.training.is_none_or(|name| queries.training(query) == name) && queries.seen(query.photo).id == asked.id
    };
    queries.queries.iter().find(is_it)
}

/// Of two embeddings, one behind the other.
fn cosine(embeddings: &[f32], dim: usize) -> f64 {
    let (a, b) = embeddings.split_at(dim.min(embeddings.len()));
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(x, y)| f64::from(*x) * f64::from(*y)).sum::<f64>();
    let length = (dot(a, a) * dot(b, b)).sqrt();
    if length > 0.0 { dot(a, b) / length } else { 0.0 }
}

/// Pixels as a process hands them to another: both pictures' sides, and their bytes in hexadecimal.
#[derive(Serialize, Deserialize)]
struct Line {
    why: Why,
    sides: [u32; 2],
    pixels: [String; 2],
}

impl Why {
    /// Everything in one line of JSON, pixels too.
    ///
    /// # Errors
    /// When there are no pictures.
    pub fn line(&self) -> Result<String, SessionError> {
        let unfit = |text: &str| SessionError::Unfit(text.to_owned());
        let [a, b] = self.pictures.as_ref().ok_or_else(|| unfit("no pictures"))?;
        let hex = |picture: &Picture| picture.rgb.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        let line = Line { why: self.clone(), sides: [a.width, a.height], pixels: [hex(a), hex(b)] };
        serde_json::to_string(&line).map_err(|e| SessionError::Unfit(e.to_string()))
    }

    /// Reads what [`Why::line`] gave.
    ///
    /// # Errors
    /// When it is cut short, or its parts do not fit each other.
    pub fn of_line(line: &str) -> Result<Why, String> {
        let Line { why, sides: [width, height], pixels } = serde_json::from_str(line).map_err(|e| e.to_string())?;
        let bytes = |text: &String| -> Option<Arc<[u8]>> {
            let digit = |sign: u8| (sign as char).to_digit(16);
            let byte = |two: &[u8]| Some((digit(*two.first()?)? * 16 + digit(*two.get(1)?)?) as u8);
            let all = text.as_bytes().chunks(2).map(byte).collect::<Option<Vec<u8>>>()?;
            (all.len() as u64 == 3 * u64::from(width) * u64::from(height)).then(|| all.into())
        };
        let [Some(a), Some(b)] = pixels.each_ref().map(bytes) else { return Err("its pixels do not fit".to_owned()) };
        let [rows, columns] = why.map;
        let places = rows.checked_mul(columns).filter(|places| *places > 0);
        let on_map = |[row, column]: [usize; 2]| row < rows && column < columns;
        let fits = why.shares.iter().all(|shares| Some(shares.len()) == places)
            && why.pairs.iter().all(|pair| on_map(pair.query) && on_map(pair.answer));
        if !fits {
            return Err("its places do not fit".to_owned());
        }
        let picture = |rgb| Picture { width, height, rgb };
        Ok(Why { pictures: Some([picture(a), picture(b)]), ..why })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Why {
        let picture = |seed: u8| Picture { width: 2, height: 1, rgb: vec![seed, 0, 255, 16, 9, 200].into() };
        Why {
            recipe: "r\u{1b}[2J".to_owned(),
            training: "fold 0".to_owned(),
            query: Seen { photo: 4, id: "獺祭\n".to_owned(), label: Some("a".to_owned()), ..Seen::default() },
            answer: Seen { photo: 9, ..Seen::default() },
            rank: 2,
            hit: true,
            similarity: 0.5,
            cosine: 0.25,
            exact: true,
            map: [1, 2],
            pairs: vec![Pair { query: [0, 1], answer: [0, 0], cosine: 0.5, share: 0.125 }],
            shares: [vec![0.125, 0.125], vec![0.25, 0.0]],
            pictures: Some([picture(1), picture(2)]),
        }
    }

    #[test]
    fn a_line_holds_everything_and_nothing_else_is_taken_for_one() {
        let line = sample().line().unwrap();
        assert!(!line.contains('\n') && !line.contains('\u{1b}'), "{line}");
        assert_eq!(Why::of_line(&line).unwrap(), sample());
        assert!(Why::of_line(&line[..line.len() - 9]).is_err());
        assert_eq!(
            Why::of_line(&line.replace("\"sides\":[2,1]", "\"sides\":[2,2]")).unwrap_err(),
            "its pixels do not fit"
        );
        assert_eq!(Why::of_line(&line.replace("0100ff", "01zzff")).unwrap_err(), "its pixels do not fit");
        for (from, to) in [("\"map\":[1,2]", "\"map\":[1,3]"), ("\"query\":[0,1]", "\"query\":[1,1]")] {
            assert!(line.contains(from), "{line}");
            assert_eq!(Why::of_line(&line.replace(from, to)).unwrap_err(), "its places do not fit");
        }
        assert!(Why::of_line(&line.replace("\"map\":[1,2]", "\"map\":[18446744073709551615,2]")).is_err());
    }

    #[test]
    fn cosines_of_two() {
        assert!((cosine(&[3.0, 0.0, 3.0, 4.0], 2) - 0.6).abs() < 1e-12);
        assert_eq!((cosine(&[0.0, 0.0, 1.0, 0.0], 2), cosine(&[], 3)), (0.0, 0.0));
    }
}
