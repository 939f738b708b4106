//! Silent mistakes that only show while a network trains.
//!
//! Takes the weights it starts from, what the training loop says and the embeddings of each evaluation; gives warnings, each under a name that can be
//! looked for, with what to change, once a training. They stand in the run's events, on the page under the training, and
//! with its artefact, so that they are told again where it is found in the store. Nothing is stopped; what makes
//! going on senseless (a loss that is no number, a weight that nothing moves) is an error of the training itself
//! ([`crate::learn::train::TrainError`]), and what the settings alone show is told before ([`crate::session::recipe::guard`]).

use std::path::Path;

use crate::base::text::plain;
use crate::learn::train::{FitEvent, TrainSettings};
use crate::retrieve::Embeddings;

/// The names, for whoever looks for warnings of this kind among others.
pub const NAMES: [&str; 7] = [
    GUESSED,
    DAMAGED,
    "embeddings-are-one",
    "worse-than-untrained",
    "loss-stands-still",
    "every-step-is-clipped",
    "training-waits-for-pictures",
];

/// Weights came without a word about the pictures they were trained on.
const GUESSED: &str = "mean-and-std-are-a-guess";

/// The warning about a file of weights without a description; `guess` is what is taken instead, in words.
pub fn guessed(file: &str, guess: &str) -> String {
    let what = format!("{file} does not say which pictures it was trained on; timm's defaults are taken: {guess}");
    text(GUESSED, &what, "put the hub's config.json beside it under the file's name (x.json for x.safetensors)")
}

/// Photos lack data, and what is missing is grey.
const DAMAGED: &str = "photos-are-damaged";
/// Files of damaged photos that are named.
const TOLD: usize = 3;

/// The warning about photos that were found to lack data, by their files; `of` were read. `None` where there is none.
pub fn damaged(files: &[&Path], of: usize) -> Option<String> {
    let named: Vec<String> = files.iter().take(TOLD).map(|file| plain(&file.display().to_string())).collect();
    let more = if files.len() > TOLD { format!(" and {} more", files.len() - TOLD) } else { String::new() };
    let what =
        format!("{} of {of} photos lack data, and what is missing is grey: {}{more}", files.len(), named.join(", "));
    let help = "toji verify names them all; take whole files, or leave their rows out of the tables";
    (!files.is_empty()).then(|| text(DAMAGED, &what, help))
}

/// Mean cosine of all pairs above which embeddings tell photos apart no more. EfficientNet-B0 and
/// Swin from random weights passed it in their first epoch on real photos; ResNet-18 did with none of five losses.
const ONE: f64 = 0.995;
/// Epochs after which loss and score must have moved.
const PATIENCE: usize = 3;
/// A loss has moved when it is below this share of its first epoch's.
const MOVED: f64 = 0.99;
/// Share of an epoch's steps that must be clipped before it is told.
const CLIPPED: f64 = 0.95;
/// Share of an epoch's time that must be spent waiting before it is told.
const WAITED: f64 = 0.5;
/// Epochs with less work than this many seconds say nothing about waiting.
const WORTH: f64 = 10.0;

/// What one training has shown so far.
#[derive(Debug)]
pub struct Symptoms {
    clip: Option<f64>,
    untrained: Option<f64>,
    first_loss: Option<f64>,
    /// Epochs heard from where the loss's margin grows no more.
    epochs: usize,
    /// Epochs, counted through all parts of the training, over which the margin grows: a wider one raises the loss, whatever is learnt.
    grows_until: f64,
    least_loss: f64,
    best: f64,
    steps: usize,
    clipped: usize,
    longest: f64,
    seconds: f64,
    waited: f64,
    /// Everything told, in order.
    told: Vec<String>,
}

impl Symptoms {
    /// Before the first event. `untrained`: the score of the network before its first step; `grows_until`: epochs over which the loss's
    /// margin grows, 0 where it does not.
    pub fn new(settings: &TrainSettings, grows_until: f64, untrained: Option<f64>) -> Symptoms {
        Symptoms {
            clip: settings.clip_grad_norm.filter(|norm| *norm > 0.0),
            untrained,
            first_loss: None,
            epochs: 0,
            grows_until,
            least_loss: f64::INFINITY,
            best: f64::NEG_INFINITY,
            steps: 0,
            clipped: 0,
            longest: 0.0,
            seconds: 0.0,
            waited: 0.0,
            told: Vec::new(),
        }
    }

    /// Everything that was told, in order, for the artefact.
    pub fn told(&self) -> &[String] {
        &self.told
    }

    /// Hears one event; gives what it shows for the first time.
    pub fn hear(&mut self, event: &FitEvent) -> Vec<String> {
        let mut found = Vec::new();
        match event {
            FitEvent::Step(step) => {
                self.steps += 1;
                self.seconds += step.seconds;
                // Nothing can be ready when training begins.
                self.waited += if step.step == 1 { 0.0 } else { step.waited };
                if self.clip.is_some_and(|clip| step.gradient_norm > clip) {
                    self.clipped += 1;
                    self.longest = self.longest.max(step.gradient_norm);
                }
            }
            FitEvent::Epoch { epoch, loss, .. } => {
                found.extend(self.of_epoch(*epoch, *loss));
                (self.steps, self.clipped, self.longest, self.seconds, self.waited) = (0, 0, 0.0, 0.0, 0.0);
            }
            FitEvent::Score { epoch, value, .. } => {
                self.best = self.best.max(*value);
                if let Some(before) = self.untrained.filter(|before| *epoch >= PATIENCE && self.best < *before) {
                    found.push(text(
                        "worse-than-untrained",
                        &format!(
                            "after epoch {epoch} the best score, {:.4}, is below the untrained network's {before:.4}",
                            self.best
                        ),
                        "lower [train] optimizer.lr, and look at labels and pictures under the data cell",
                    ));
                }
            }
            FitEvent::Resumed { .. } | FitEvent::Saved { .. } => {}
        }
        self.once(found)
    }

    /// Looks at the embeddings of one evaluation (of an untrained network nothing is expected).
    pub fn look(&mut self, epoch: usize, embeddings: &Embeddings) -> Vec<String> {
        let Some(mean) = (epoch > 0).then(|| mean_cosine(embeddings)).flatten().filter(|mean| *mean > ONE) else {
            return Vec::new();
        };
        self.once(vec![text(
            "embeddings-are-one",
            &format!(
                "after epoch {epoch} all photos point the same way (mean cosine {mean:.4}); ranks among them are chance"
            ),
            "lower [train] optimizer.lr or warm up longer; with a loss over pairs, sample and mine as its page says",
        )])
    }

    fn of_epoch(&mut self, epoch: usize, loss: f64) -> Vec<String> {
        let mut found = Vec::new();
        // Only epochs of one margin can be compared.
        let settled = epoch.saturating_sub(1) as f64 >= self.grows_until;
        if settled {
            self.epochs += 1;
            self.first_loss.get_or_insert(loss);
            self.least_loss = self.least_loss.min(loss);
        }
        if let Some(first) = self.first_loss.filter(|first| self.epochs > PATIENCE && self.least_loss > MOVED * first) {
            let since = if self.grows_until > 0.0 { "epoch in which its margin grew no more" } else { "epoch seen" };
            found.push(text(
                "loss-stands-still",
                &format!("after epoch {epoch} the loss is {loss:.3}, and was {first:.3} in the first {since}"),
                "raise or lower [train] optimizer.lr tenfold, lower the loss's margin, or warm up for longer",
            ));
        }
        if let (Some(clip), true) = (self.clip, self.steps > 0 && self.clipped as f64 >= CLIPPED * self.steps as f64) {
            found.push(text(
                "every-step-is-clipped",
                &format!(
                    "{} of {} steps of epoch {epoch} were longer than clip_grad_norm = {clip} (up to {:.1}): the \
                     gradient's length no longer counts, and lr means something else",
                    self.clipped, self.steps, self.longest
                ),
                "raise [train] clip_grad_norm so that only outliers are cut, or leave it out",
            ));
        }
        if self.seconds > WORTH && self.waited > WAITED * self.seconds {
            let share = 100.0 * self.waited / self.seconds;
            found.push(text(
                "training-waits-for-pictures",
                &format!("{share:.0} % of epoch {epoch} was spent waiting for decoded and augmented pictures"),
                "make the files smaller, or the list in [augment] train shorter",
            ));
        }
        found
    }

    /// Hears which photos lack data, and how many are trained on.
    pub fn see(&mut self, files: &[&Path], of: usize) -> Vec<String> {
        self.once(damaged(files, of).into_iter().collect())
    }

    fn once(&mut self, found: Vec<String>) -> Vec<String> {
        let new = |text: &String| self.told.iter().all(|old| name(old) != name(text));
        let found: Vec<String> = found.into_iter().filter(new).collect();
        self.told.extend(found.iter().cloned());
        found
    }
}

/// Whether a warning is one of these, whatever part it names before.
pub fn is_one(warning: &str) -> bool {
    warning.split(": ").take(2).any(|part| NAMES.contains(&part))
}

fn text(name: &str, what: &str, help: &str) -> String {
    format!("{name}: {what}; {help}")
}

fn name(text: &str) -> &str {
    text.split(':').next().unwrap_or(text)
}

/// Mean cosine over all pairs of rows, from the length of the mean direction; `None` for fewer than two rows.
fn mean_cosine(embeddings: &Embeddings) -> Option<f64> {
    let n = embeddings.len() as f64;
    let mut sum = vec![0.0f64; embeddings.dim];
    for row in embeddings.rows() {
        let length = row.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>().sqrt();
        if length > 0.0 {
            sum.iter_mut().zip(row).for_each(|(sum, &x)| *sum += f64::from(x) / length);
        }
    }
    let square = sum.iter().map(|s| s * s).sum::<f64>();
    (n >= 2.0).then(|| (square - n) / (n * (n - 1.0)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learn::train::Step;

    fn settings(more: &str) -> TrainSettings {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("x.md");
        let cells = format!(
            "[augment]\ntrain = [{{ op = \"Resize\", size = [32, 32] }}]\n[backbone]\nname = \"resnet10t\"\n[loss]\nname = \"ArcFaceLoss\"\n[train]\nepochs = 9\n{more}\n"
        );
        crate::base::files::publish(&file, format!("```toml\n{cells}```\n").as_bytes()).unwrap();
        let recipe = crate::session::Recipe::read(&file, &crate::session::schema::recipes());
        recipe.settings().get("train").unwrap().decode().unwrap()
    }

    fn step(step: usize, norm: f64, seconds: f64, waited: f64) -> FitEvent {
        let (epoch, loss, lr, images) = (0.0, 1.0, 0.1, 8);
        FitEvent::Step(Step { step, steps: 90, epoch, loss, lr, gradient_norm: norm, images, seconds, waited })
    }

    fn epoch(epoch: usize, loss: f64) -> FitEvent {
        FitEvent::Epoch { epoch, loss, images_per_second: 1.0 }
    }

    fn names(found: &[String]) -> Vec<&str> {
        assert!(found.iter().all(|text| is_one(text) && is_one(&format!("fold 0: {text}"))));
        found.iter().map(|text| name(text)).collect()
    }

    #[test]
    fn a_sound_training_shows_none() {
        let mut symptoms = Symptoms::new(&settings("clip_grad_norm = 5.0"), 0.0, Some(0.3));
        for e in 1..9 {
            for s in 0..10 {
                assert_eq!(symptoms.hear(&step(e * 10 + s, if s == 0 { 9.0 } else { 2.0 }, 3.0, 1.0)), [""; 0]);
            }
            assert_eq!(symptoms.hear(&epoch(e, 3.0 / e as f64)), [""; 0]);
            let score = FitEvent::Score { epoch: e, value: if e < 3 { 0.2 } else { 0.4 }, seconds: 1.0 };
            assert_eq!(symptoms.hear(&score), [""; 0]);
        }
        assert!(symptoms.told().is_empty());
    }

    #[test]
    fn each_symptom_is_told_once() {
        let mut symptoms = Symptoms::new(&settings("clip_grad_norm = 5.0"), 0.0, Some(0.3));
        let mut found = Vec::new();
        for e in 1..7 {
            for s in 0..10 {
                found.extend(symptoms.hear(&step(e * 10 + s, 60.0, 3.0, 2.0)));
            }
            found.extend(symptoms.hear(&epoch(e, 3.0)));
            found.extend(symptoms.hear(&FitEvent::Score { epoch: e, value: 0.1, seconds: 1.0 }));
        }
        let expected =
            ["every-step-is-clipped", "training-waits-for-pictures", "worse-than-untrained", "loss-stands-still"];
        assert_eq!(names(&found), expected);
        assert_eq!(symptoms.told(), found);
    }

    #[test]
    fn a_margin_that_grows_is_no_loss_that_stands_still() {
        // By hand: the margin grows over 4 epochs and lifts the loss; from then on 3.0 is a new beginning, of which 3 epochs are waited.
        let hear = |grows_until: f64, losses: &[f64]| {
            let mut symptoms = Symptoms::new(&settings(""), grows_until, None);
            losses.iter().enumerate().flat_map(|(i, loss)| symptoms.hear(&epoch(i + 1, *loss))).collect::<Vec<_>>()
        };
        let rising = [1.0, 1.5, 2.0, 2.6, 3.0, 2.9, 2.5, 2.2];
        assert_eq!(names(&hear(0.0, &rising)), ["loss-stands-still"], "what a fixed margin would mean");
        assert_eq!(hear(4.0, &rising), [""; 0]);
        let stuck = hear(4.0, &[1.0, 1.5, 2.0, 2.6, 3.0, 3.0, 3.0, 3.0]);
        assert_eq!(names(&stuck), ["loss-stands-still"]);
        assert!(
            stuck[0].contains(
                "after epoch 8 the loss is 3.000, and was 3.000 in the first epoch in which its margin grew no more"
            ),
            "{stuck:?}"
        );
        assert_eq!(hear(99.0, &[3.0; 12]), [""; 0]);
    }

    #[test]
    fn damaged_photos_are_named_once() {
        let mut symptoms = Symptoms::new(&settings(""), 0.0, None);
        assert_eq!(symptoms.see(&[], 40), [""; 0]);
        let files = ["a.jpg", "b.jpg", "c.jpg", "d.jpg", "e.jpg"].map(Path::new);
        let told = symptoms.see(&files, 40);
        assert_eq!(names(&told), [DAMAGED]);
        insta::assert_snapshot!(told[0], @"photos-are-damaged: 5 of 40 photos lack data, and what is missing is grey: a.jpg, b.jpg, c.jpg and 2 more; toji verify names them all; take whole files, or leave their rows out of the tables");
        assert_eq!(symptoms.see(&files, 40), [""; 0]);
    }

    #[test]
    fn embeddings_that_are_one_are_told_apart_from_good_ones() {
        let of = |rows: &[[f32; 2]]| Embeddings::new(2, (0..rows.len() as u32).collect(), rows.concat()).unwrap();
        let mut symptoms = Symptoms::new(&settings(""), 0.0, None);
        assert_eq!(mean_cosine(&of(&[[1.0, 0.0], [0.0, 2.0], [-3.0, 0.0]])).unwrap(), -1.0 / 3.0);
        assert_eq!(mean_cosine(&of(&[[1.0, 0.0]])), None);
        let one = of(&[[1.0, 0.01], [2.0, 0.0], [5.0, -0.01]]);
        assert_eq!(symptoms.look(0, &one), [""; 0], "nothing is expected of an untrained network");
        assert_eq!(symptoms.look(1, &of(&[[1.0, 0.0], [1.0, 1.0]])), [""; 0]);
        assert_eq!(names(&symptoms.look(1, &one)), ["embeddings-are-one"]);
        assert_eq!(symptoms.look(2, &one), [""; 0]);
    }
}
