//! Which photos a set has, before one is drawn.
//!
//! Takes a spec; gives brands grouped into meigara, photos with their roles, ids and planted faults.
//! A brand's photos are spread over train (half), cite (the gallery, a third) and test (the
//! queries, a sixth), as in the contest, where a query's relatives stand in the gallery and in
//! train. Brands with one photo go to train, test and cite in turn: a class that cannot be folded, a
//! query without an answer, and one that only distracts.

use std::collections::BTreeSet;

use super::{SynthError, SynthSpec, names};
use crate::base::Seed;
use crate::base::seed::Draws;

/// A set of photos, planned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Set {
    /// What was asked for.
    pub spec: SynthSpec,
    /// All brands; the ones with one photo come last.
    pub brands: Vec<Brand>,
    /// All photos, by brand and number.
    pub photos: Vec<Photo>,
}

/// What is to be found: the finer label.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Brand {
    /// Number of its meigara.
    pub meigara: usize,
    /// Number within the meigara.
    pub variant: usize,
    /// `brand_id` in the tables.
    pub name: String,
}

/// One photo.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Photo {
    /// Seven digits; the first is 1 for train, 2 for test, 3 for cite.
    pub id: String,
    /// The true brand.
    pub brand: usize,
    /// Number within the brand.
    pub number: u64,
    /// Which table it stands in.
    pub role: Role,
    /// What was planted.
    pub fault: Fault,
}

/// Which table a photo stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// train.csv.
    Train,
    /// test.csv, scored on the public leaderboard.
    Public,
    /// test.csv, scored at the end.
    Private,
    /// cite.csv: the gallery.
    Cite,
}

/// A planted fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// None.
    None,
    /// train.csv says another brand.
    WrongLabel {
        /// The brand that it says.
        written: usize,
    },
    /// It shows another photo again, trimmed and encoded anew.
    NearDuplicate {
        /// Place of the other photo in [`Set::photos`].
        of: usize,
    },
    /// Another brand's bottle stands beside it.
    TwoBottles {
        /// The other brand.
        second: usize,
    },
    /// It is the only photo of its brand.
    Single,
}

impl Photo {
    /// Name of its file.
    pub fn filename(&self) -> String {
        format!("{}.jpg", self.id)
    }
}

impl Set {
    /// Plans a set.
    ///
    /// # Errors
    /// When the spec is too small or too large.
    pub fn of(spec: &SynthSpec) -> Result<Set, SynthError> {
        check(spec)?;
        let seed = Seed::new(spec.seed).named("plan");
        let singles = (spec.brands / 40).max(3);
        let brands = brands(spec.brands, singles, seed);
        let counts = counts(spec.brands - singles, spec.photos - singles, &mut seed.named("counts").draws());
        let mut set = Set { spec: *spec, brands, photos: Vec::with_capacity(spec.photos) };
        for (brand, &count) in counts.iter().enumerate() {
            set.add_brand(brand, count, &mut seed.named("roles").at(brand as u64).draws());
        }
        for (i, brand) in (counts.len()..spec.brands).enumerate() {
            // A query that has no answer shows itself on the public board.
            let role = [Role::Train, Role::Public, Role::Cite][i % 3];
            set.photos.push(Photo { id: String::new(), brand, number: 0, role, fault: Fault::Single });
        }
        set.plant(counts.len(), &mut seed.named("faults").draws());
        set.number(&mut seed.named("ids").draws());
        Ok(set)
    }

    /// The photos of each brand.
    pub fn of_brands(&self) -> Vec<&[Photo]> {
        self.photos.chunk_by(|a, b| a.brand == b.brand).collect()
    }

    fn add_brand(&mut self, brand: usize, count: usize, draws: &mut Draws) {
        let (test, cite) = ((count * 3 + 10) / 20, (count * 6 + 10) / 20);
        let mut roles: Vec<Role> = (0..count)
            .map(|i| match i {
                // About two queries of five are public.
                i if i < test => {
                    if draws.below(5) < 2 {
                        Role::Public
                    } else {
                        Role::Private
                    }
                }
                i if i < test + cite => Role::Cite,
                _ => Role::Train,
            })
            .collect();
        draws.shuffle(&mut roles);
        self.photos.extend((0..).zip(roles).map(|(number, role)| Photo {
            id: String::new(),
            brand,
            number,
            role,
            fault: Fault::None,
        }));
    }

    /// 3 % of train get wrong labels, 3 % of all show two bottles, 2 % of all are near-duplicates; at least one each.
    fn plant(&mut self, usual: usize, draws: &mut Draws) {
        let mut order: Vec<usize> = (0..self.photos.len()).filter(|&i| self.photos[i].brand < usual).collect();
        draws.shuffle(&mut order);
        let share = |n: usize, percent: usize| ((n * percent + 50) / 100).max(1);
        let train: Vec<usize> = order.iter().copied().filter(|&i| self.photos[i].role == Role::Train).collect();
        for &i in train.iter().take(share(train.len(), 3)) {
            let written = self.mistaken_for(self.photos[i].brand, usual, draws);
            self.photos[i].fault = Fault::WrongLabel { written };
        }
        let sound: Vec<usize> = order.iter().copied().filter(|&i| self.photos[i].fault == Fault::None).collect();
        for &i in sound.iter().take(share(self.photos.len(), 3)) {
            let second = another(self.photos[i].brand, usual, draws);
            self.photos[i].fault = Fault::TwoBottles { second };
        }
        // Never a query, neither as the copy nor as the original: its answer would be given away.
        let stored = |photo: &Photo| photo.fault == Fault::None && matches!(photo.role, Role::Train | Role::Cite);
        let mut left = share(self.photos.len(), 2);
        let mut originals = BTreeSet::new();
        for i in order {
            if left == 0 {
                break;
            }
            let brand = self.photos[i].brand;
            let siblings =
                self.photos.partition_point(|p| p.brand < brand)..self.photos.partition_point(|p| p.brand <= brand);
            let choices: Vec<usize> = siblings.filter(|&j| j != i && stored(&self.photos[j])).collect();
            if !stored(&self.photos[i]) || originals.contains(&i) || choices.is_empty() {
                continue;
            }
            let of = choices[draws.below(choices.len() as u64) as usize];
            originals.insert(of);
            self.photos[i].fault = Fault::NearDuplicate { of };
            left -= 1;
        }
    }

    /// People take a brand for its sibling more often than for a stranger.
    fn mistaken_for(&self, brand: usize, usual: usize, draws: &mut Draws) -> usize {
        let siblings: Vec<usize> =
            (0..usual).filter(|&b| b != brand && self.brands[b].meigara == self.brands[brand].meigara).collect();
        match siblings.len() as u64 {
            n if n > 0 && draws.below(2) == 0 => siblings[draws.below(n) as usize],
            _ => another(brand, usual, draws),
        }
    }

    /// Ids in an order that gives no brand away.
    fn number(&mut self, draws: &mut Draws) {
        for (digit, roles) in [(1, &[Role::Train][..]), (2, &[Role::Public, Role::Private]), (3, &[Role::Cite])] {
            let mut places: Vec<usize> =
                (0..self.photos.len()).filter(|&i| roles.contains(&self.photos[i].role)).collect();
            draws.shuffle(&mut places);
            for (rank, place) in places.into_iter().enumerate() {
                self.photos[place].id = (digit * 1_000_000 + rank + 1).to_string();
            }
        }
    }
}

fn check(spec: &SynthSpec) -> Result<(), SynthError> {
    let wrong = |what, found: usize, must: String| Err(SynthError::Spec { what, found: found as u64, must });
    if !(6..=100_000).contains(&spec.brands) {
        return wrong("the number of brands", spec.brands, "6 to 100000".to_owned());
    }
    // Twenty gallery photos are needed for one list of a submission.
    let least = (spec.brands * 6).max(80);
    if !(least..=900_000).contains(&spec.photos) {
        return wrong("the number of photos", spec.photos, format!("{least} to 900000 (6 or more a brand)"));
    }
    if !(32..=512).contains(&spec.size) {
        return wrong("the size", spec.size as usize, "32 to 512 pixels".to_owned());
    }
    Ok(())
}

/// Meigara of one, two or three brands; then the brands with one photo, each a meigara of its own.
fn brands(count: usize, singles: usize, seed: Seed) -> Vec<Brand> {
    let draws = &mut seed.named("meigara").draws();
    let mut brands = Vec::with_capacity(count);
    let mut meigara = 0;
    while brands.len() < count {
        let usual = count - singles;
        let size =
            if brands.len() >= usual { 1 } else { [1, 2, 2, 3][draws.below(4) as usize].min(usual - brands.len()) };
        brands.extend((0..size).map(|variant| Brand { meigara, variant, name: names::brand(meigara, variant) }));
        meigara += 1;
    }
    brands
}

/// How many photos each brand has: within a quarter of the mean, `total` in all.
fn counts(brands: usize, total: usize, draws: &mut Draws) -> Vec<usize> {
    let (low, high) = ((total * 4).div_ceil(brands * 5), total * 5 / (brands * 4));
    let mut counts: Vec<usize> = (0..brands).map(|_| draws.between(low as i64, high as i64) as usize).collect();
    let mut sum: usize = counts.iter().sum();
    while sum != total {
        let count = &mut counts[draws.below(brands as u64) as usize];
        if sum < total && *count < high {
            *count += 1;
            sum += 1;
        } else if sum > total && *count > low {
            *count -= 1;
            sum -= 1;
        }
    }
    counts
}

fn another(brand: usize, usual: usize, draws: &mut Draws) -> usize {
    (brand + 1 + draws.below(usual as u64 - 1) as usize) % usual
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Set {
        Set::of(&SynthSpec::SAMPLE).unwrap()
    }

    #[test]
    fn the_sample_is_as_it_is_described() {
        let set = sample();
        assert_eq!(set.photos.len(), 483);
        let sizes: Vec<usize> = set.of_brands().iter().map(|photos| photos.len()).collect();
        assert!(sizes[..24].iter().all(|n| (15..=25).contains(n)), "{sizes:?}");
        assert_eq!(&sizes[24..], [1, 1, 1]);
        let count = |what: fn(&Photo) -> bool| set.photos.iter().filter(|p| what(p)).count();
        let train = count(|p| p.role == Role::Train);
        assert_eq!(count(|p| matches!(p.fault, Fault::WrongLabel { .. })), (train * 3 + 50) / 100);
        assert_eq!(count(|p| matches!(p.fault, Fault::TwoBottles { .. })), 14);
        assert_eq!(count(|p| matches!(p.fault, Fault::NearDuplicate { .. })), 10);
        assert!(count(|p| p.role == Role::Public) > 15 && count(|p| p.role == Role::Private) > 30);
    }

    #[test]
    fn every_usual_query_has_its_relatives_in_gallery_and_train() {
        for photos in sample().of_brands().iter().filter(|photos| photos.len() > 1) {
            let count = |role| photos.iter().filter(|p| p.role == role).count();
            assert!(count(Role::Train) >= 5 && count(Role::Cite) >= 4, "{:?}", photos[0]);
            assert!(count(Role::Public) + count(Role::Private) >= 2);
        }
    }

    #[test]
    fn ids_are_unique_and_begin_with_their_table() {
        let set = sample();
        let ids: BTreeSet<&str> = set.photos.iter().map(|p| p.id.as_str()).collect();
        assert_eq!(ids.len(), set.photos.len());
        for photo in &set.photos {
            let digit = match photo.role {
                Role::Train => '1',
                Role::Public | Role::Private => '2',
                Role::Cite => '3',
            };
            assert!(photo.id.starts_with(digit));
        }
    }

    proptest::proptest! {
        #![proptest_config(proptest::test_runner::Config::with_cases(40))]
        #[test]
        fn any_spec_makes_a_whole_set(seed: u64, brands in 6usize..90, each in 7usize..30) {
            let spec = SynthSpec { seed, brands, photos: (brands * each).max(80), size: 32 };
            let set = Set::of(&spec).unwrap();
            proptest::prop_assert_eq!(set.photos.len(), spec.photos);
            proptest::prop_assert_eq!(set.of_brands().len(), brands);
            proptest::prop_assert_eq!(&set, &Set::of(&spec).unwrap());
            for photo in &set.photos {
                match photo.fault {
                    Fault::WrongLabel { written } => proptest::prop_assert!(written != photo.brand),
                    Fault::TwoBottles { second } => proptest::prop_assert!(second != photo.brand),
                    Fault::NearDuplicate { of } => {
                        let original = &set.photos[of];
                        proptest::prop_assert!(original.brand == photo.brand && original.fault == Fault::None);
                    }
                    Fault::None | Fault::Single => {}
                }
            }
        }
    }
}
