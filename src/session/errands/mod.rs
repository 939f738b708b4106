//! What single commands ask for, beside running a recipe.
//!
//! Each takes a project, a recipe and its photos, runs what is missing by [`super::brew`] where it needs trained networks, and
//! gives something for people: a file to hand in, a table, a list, pictures.
//!
//! - [`submit`]: the file that is handed in;
//! - [`export`]: runs, curves, answers, embeddings and networks for other tools;
//! - [`gaze`]: where its networks look, as a table of boxes;
//! - [`lab`]: what post steps, ensembles and metrics give on held-out lists;
//! - [`ledger`]: submissions beside the leaderboard: what it said, what is final, what is to come;
//! - [`looking`]: photos for people: each query with its answers, a chosen set, suspects, samples of augmentation;
//! - [`review`]: photos worth a look, and what a person decided about them;
//! - [`report`]: all that was recorded of a recipe, for whoever reads about it in the end;
//! - [`replay`]: trainings as they went, for other deciders;
//! - [`solution`]: what a submission keeps, packs for hosts, and doing it again elsewhere;
//! - [`tidy`]: what of the store nobody needs any more.

pub mod export;
pub mod gaze;
pub mod lab;
pub mod ledger;
pub mod looking;
pub mod replay;
pub mod report;
pub mod review;
pub mod solution;
pub mod submit;
pub mod tidy;
