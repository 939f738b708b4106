//! What single commands ask for, beside running a recipe.
//!
//! Each takes a project, a recipe and its photos, runs what is missing by [`super::brew`] where it needs trained networks, and
//! gives something for people: a file to hand in, a table, a list, pictures.
//!
//! - [`submit`]: the file that is handed in;
//! - [`ensemble`]: what an ensemble's members are worth;
//! - [`gaze`]: where its networks look, as a table of boxes;
//! - [`gains`]: what each post step is worth;
//! - [`lab`]: a score under every way in which hosts err;
//! - [`ledger`]: submissions beside the leaderboard: what it said, what is final, what is to come;
//! - [`outliers`]: training photos that are mostly wrongly labelled;
//! - [`samples`]: photos before and after augmentation;
//! - [`replay`]: trainings as they went, for other deciders;
//! - [`tune`]: a chain of post steps that suits the held-out queries, with its nested gain;
//! - [`tidy`]: what of the store nobody needs any more.

pub mod ensemble;
pub mod gains;
pub mod gaze;
pub mod lab;
pub mod ledger;
pub mod outliers;
pub mod replay;
pub mod samples;
pub mod submit;
pub mod tidy;
pub mod tune;
