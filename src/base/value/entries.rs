//! Named values, sorted by name, in one piece of memory.
//!
//! Settings are many small tables: a tree of nodes keeps room for eleven entries in each, which is most of what a thousand recipes take.
//! A sorted list of what is there takes a fifth, and searching ten names is as fast.

use std::fmt;

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::Value;

/// A table's entries, each name once, in order of their names.
#[derive(Clone, Default, PartialEq)]
pub struct Entries(Vec<(String, Value)>);

impl Entries {
    /// No entries.
    pub const fn new() -> Entries {
        Entries(Vec::new())
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The value of a name.
    pub fn get(&self, name: &str) -> Option<&Value> {
        Some(&self.0[self.place(name).ok()?].1)
    }

    /// The value of a name, to be changed.
    pub fn get_mut(&mut self, name: &str) -> Option<&mut Value> {
        let place = self.place(name).ok()?;
        Some(&mut self.0[place].1)
    }

    /// Whether the name is there.
    pub fn contains_key(&self, name: &str) -> bool {
        self.place(name).is_ok()
    }

    /// Gives a name its value; the one that it had before.
    pub fn insert(&mut self, name: String, value: Value) -> Option<Value> {
        match self.place(&name) {
            Ok(place) => Some(std::mem::replace(&mut self.0[place].1, value)),
            Err(place) => {
                self.0.reserve_exact(1);
                self.0.insert(place, (name, value));
                None
            }
        }
    }

    /// The value of a name, which is put there where it is absent.
    pub fn or_insert_with(&mut self, name: &str, value: impl FnOnce() -> Value) -> &mut Value {
        let place = self.place(name).unwrap_or_else(|place| {
            self.0.insert(place, (name.to_owned(), value()));
            place
        });
        &mut self.0[place].1
    }

    /// Takes a name away; the value that it had.
    pub fn remove(&mut self, name: &str) -> Option<Value> {
        let place = self.place(name).ok()?;
        Some(self.0.remove(place).1)
    }

    /// Keeps the entries that are wanted.
    pub fn retain(&mut self, mut wanted: impl FnMut(&str, &Value) -> bool) {
        self.0.retain(|(name, value)| wanted(name, value));
    }

    /// The names, in order.
    pub fn keys(&self) -> impl DoubleEndedIterator<Item = &String> + ExactSizeIterator {
        self.0.iter().map(|(name, _)| name)
    }

    /// The values, in order of their names.
    pub fn values(&self) -> impl DoubleEndedIterator<Item = &Value> + ExactSizeIterator {
        self.0.iter().map(|(_, value)| value)
    }

    /// Names and values, in order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&String, &Value)> + ExactSizeIterator {
        self.0.iter().map(|(name, value)| (name, value))
    }

    /// Names and values to be changed, in order.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (&String, &mut Value)> {
        self.0.iter_mut().map(|(name, value)| (&*name, value))
    }

    fn place(&self, name: &str) -> Result<usize, usize> {
        self.0.binary_search_by(|(own, _)| own.as_str().cmp(name))
    }
}

impl FromIterator<(String, Value)> for Entries {
    /// Of a name that comes more than once the last value stands.
    fn from_iter<I: IntoIterator<Item = (String, Value)>>(entries: I) -> Entries {
        let mut all: Vec<(String, Value)> = entries.into_iter().collect();
        // Keeps the order of equal names.
        all.sort_by(|(a, _), (b, _)| a.cmp(b));
        all.dedup_by(|later, earlier| {
            let same = later.0 == earlier.0;
            if same {
                std::mem::swap(later, earlier);
            }
            same
        });
        all.shrink_to_fit();
        Entries(all)
    }
}

impl IntoIterator for Entries {
    type Item = (String, Value);
    type IntoIter = std::vec::IntoIter<(String, Value)>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'a> IntoIterator for &'a Entries {
    type Item = (&'a String, &'a Value);
    type IntoIter = std::iter::Map<std::slice::Iter<'a, (String, Value)>, fn(&'a (String, Value)) -> Self::Item>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter().map(|(name, value)| (name, value))
    }
}

impl fmt::Debug for Entries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

impl Serialize for Entries {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

impl<'de> Deserialize<'de> for Entries {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Entries, D::Error> {
        struct Pairs;
        impl<'de> Visitor<'de> for Pairs {
            type Value = Entries;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Entries, A::Error> {
                std::iter::from_fn(|| map.next_entry().transpose()).collect()
            }
        }
        deserializer.deserialize_map(Pairs)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn they_are_what_a_tree_holds(given in prop::collection::vec(("[a-d]{0,2}", 0i64..9), 0..12), more in prop::collection::vec(("[a-d]{0,2}", 0i64..9, 0..4u8), 0..20)) {
            let pairs = || given.iter().map(|(name, value)| (name.clone(), Value::Int(*value)));
            let (mut own, mut tree): (Entries, BTreeMap<String, Value>) = (pairs().collect(), pairs().collect());
            for (name, value, what) in more {
                let value = Value::Int(value);
                match what {
                    0 => prop_assert_eq!(own.insert(name.clone(), value.clone()), tree.insert(name, value)),
                    1 => prop_assert_eq!(own.remove(&name), tree.remove(&name)),
                    2 => prop_assert_eq!(own.or_insert_with(&name, || value.clone()), tree.entry(name).or_insert(value)),
                    _ => prop_assert_eq!(own.get_mut(&name), tree.get_mut(&name)),
                }
                prop_assert_eq!(own.len(), tree.len());
            }
            prop_assert!(own.iter().eq(tree.iter()));
            prop_assert!((&own).into_iter().eq(&tree) && own.keys().eq(tree.keys()) && own.values().eq(tree.values()));
            prop_assert!(tree.keys().all(|name| own.contains_key(name) && own.get(name) == tree.get(name)));
            own.retain(|name, _| name.len() > 1);
            tree.retain(|name, _| name.len() > 1);
            prop_assert_eq!(serde_json::to_string(&own).unwrap(), serde_json::to_string(&tree).unwrap());
            prop_assert_eq!(serde_json::from_str::<Entries>(&serde_json::to_string(&own).unwrap()).unwrap(), own);
        }
    }
}
