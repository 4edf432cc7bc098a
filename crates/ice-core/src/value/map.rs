//! The entries of an object, in the order they were written.

use std::fmt;
use std::slice;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, OnceLock};

use hashbrown::HashTable;
use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Seen, Value, levels};

/// Maps of up to this many entries are searched from front to back: most have only a few.
const SMALL: usize = 12;

type Entry = (Arc<str>, Value);
type Pair<'m> = (&'m Arc<str>, &'m Value);

/// The entries of a [`Value::Map`], in the order they were written; each key stands once.
///
/// Look-ups take constant time. The hasher of larger maps draws its keys once per process: whoever writes the
/// entries cannot make them collide. Two maps are equal if they have the same entries in any order.
#[derive(Clone, Default)]
pub struct Map {
    entries: Vec<Entry>,
    /// Where each key stands, made with the first look-up among more than [`SMALL`].
    index: OnceLock<Box<Index>>,
    levels: Levels,
}

/// How deep a map nests, once somebody has asked: maps are shared and asked again and again. Zero for not known.
#[derive(Default)]
struct Levels(AtomicU8);

impl Clone for Levels {
    fn clone(&self) -> Self {
        Self(AtomicU8::new(self.0.load(Ordering::Relaxed)))
    }
}

#[derive(Clone, Default)]
struct Index {
    places: HashTable<usize>,
    hasher: ahash::RandomState,
}

impl Index {
    fn of(entries: &[Entry]) -> Box<Self> {
        let places = HashTable::with_capacity(entries.len());
        let mut index = Box::new(Self { places, ..Self::default() });
        (0..entries.len()).for_each(|place| index.add(entries, place));
        index
    }

    fn add(&mut self, entries: &[Entry], place: usize) {
        let hash = |place: &usize| entries.get(*place).map_or(0, |(key, _)| self.hasher.hash_one(&**key));
        self.places.insert_unique(hash(&place), place, hash);
    }

    fn find(&self, entries: &[Entry], key: &str) -> Option<usize> {
        let is = |place: &usize| entries.get(*place).is_some_and(|(known, _)| **known == *key);
        self.places.find(self.hasher.hash_one(key), is).copied()
    }
}

impl Map {
    /// An empty map with room for so many entries.
    #[must_use]
    pub fn with_capacity(entries: usize) -> Self {
        Self { entries: Vec::with_capacity(entries), ..Self::default() }
    }

    /// The map of entries with keys that are known to be different, as those of another map are.
    #[must_use]
    pub fn of_distinct(entries: Vec<(Arc<str>, Value)>) -> Self {
        let map = Self { entries, ..Self::default() };
        debug_assert!(
            map.keys().enumerate().all(|(at, key)| map.place(key) == Some(at)),
            "a key stands twice"
        );
        map
    }

    fn place(&self, key: &str) -> Option<usize> {
        if self.entries.len() <= SMALL {
            return self.entries.iter().position(|(known, _)| **known == *key);
        }
        self.index.get_or_init(|| Index::of(&self.entries)).find(&self.entries, key)
    }

    /// The number of entries.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The value of a key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.place(key).and_then(|place| self.get_index(place)).map(|(_, value)| value)
    }

    /// How deep lists and maps nest, this one included, or `most` if that is less.
    pub(super) fn levels(&self, most: u8, seen: &mut Seen) -> u8 {
        match self.levels.0.load(Ordering::Relaxed) {
            0 => {
                let levels = levels(self.values(), most, seen);
                if levels < most {
                    self.levels.0.store(levels, Ordering::Relaxed);
                }
                levels
            }
            known => known.min(most),
        }
    }

    fn change(&mut self) -> &mut Vec<Entry> {
        self.levels = Levels::default();
        &mut self.entries
    }

    /// The value of a key, to be changed.
    pub fn get_mut(&mut self, key: &str) -> Option<&mut Value> {
        let place = self.place(key)?;
        self.change().get_mut(place).map(|(_, value)| value)
    }

    /// The entry at a place, counted from 0.
    #[must_use]
    pub fn get_index(&self, place: usize) -> Option<Pair<'_>> {
        self.entries.get(place).map(pair)
    }

    /// Whether there is such a key.
    #[must_use]
    pub fn contains_key(&self, key: &str) -> bool {
        self.place(key).is_some()
    }

    /// Sets a key's value, at the end if the key is new; gives back what it was.
    pub fn insert(&mut self, key: Arc<str>, value: Value) -> Option<Value> {
        if let Some(known) = self.get_mut(&key) {
            return Some(std::mem::replace(known, value));
        }
        self.change().push((key, value));
        if let Some(index) = self.index.get_mut() {
            index.add(&self.entries, self.entries.len() - 1);
        }
        None
    }

    /// Sets a key's value, at the end, unless it has one.
    pub fn insert_new(&mut self, key: &str, value: impl FnOnce() -> Value) {
        if !self.contains_key(key) {
            self.insert(Arc::from(key), value());
        }
    }

    /// Removes a key, and moves those after it up: takes as long as there are entries.
    pub fn remove(&mut self, key: &str) -> Option<Value> {
        let place = self.place(key)?;
        let (_, value) = self.change().remove(place);
        self.index_anew();
        Some(value)
    }

    /// Keeps the entries for which `keep` says so.
    pub fn retain(&mut self, mut keep: impl FnMut(&Arc<str>, &mut Value) -> bool) {
        self.change().retain_mut(|(key, value)| keep(key, value));
        self.index_anew();
    }

    fn index_anew(&mut self) {
        self.index = OnceLock::new();
    }

    /// The entries.
    pub fn iter(&self) -> Iter<'_> {
        self.entries.iter().map(pair)
    }

    /// The keys.
    pub fn keys(&self) -> impl DoubleEndedIterator<Item = &Arc<str>> + ExactSizeIterator + Clone {
        self.entries.iter().map(|(key, _)| key)
    }

    /// The values.
    pub fn values(&self) -> impl DoubleEndedIterator<Item = &Value> + ExactSizeIterator + Clone {
        self.entries.iter().map(|(_, value)| value)
    }

    /// The values, to be changed.
    pub fn values_mut(&mut self) -> impl DoubleEndedIterator<Item = &mut Value> + ExactSizeIterator {
        self.change().iter_mut().map(|(_, value)| value)
    }
}

const fn pair((key, value): &Entry) -> Pair<'_> {
    (key, value)
}

/// Goes through the entries of a [`Map`].
pub type Iter<'m> = std::iter::Map<slice::Iter<'m, Entry>, fn(&'m Entry) -> Pair<'m>>;

impl<'m> IntoIterator for &'m Map {
    type Item = Pair<'m>;
    type IntoIter = Iter<'m>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl IntoIterator for Map {
    type Item = Entry;
    type IntoIter = std::vec::IntoIter<Entry>;

    fn into_iter(self) -> Self::IntoIter {
        self.entries.into_iter()
    }
}

impl Extend<Entry> for Map {
    fn extend<I: IntoIterator<Item = Entry>>(&mut self, entries: I) {
        for (key, value) in entries {
            self.insert(key, value);
        }
    }
}

impl FromIterator<Entry> for Map {
    fn from_iter<I: IntoIterator<Item = Entry>>(entries: I) -> Self {
        let entries = entries.into_iter();
        let mut map = Self::with_capacity(entries.size_hint().0);
        map.extend(entries);
        map
    }
}

impl Serialize for Map {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter().map(|(key, value)| (&**key, value)))
    }
}

impl<'de> Deserialize<'de> for Map {
    /// A key that stands twice is an error.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MapVisitor)
    }
}

pub(super) struct MapVisitor;

impl<'de> Visitor<'de> for MapVisitor {
    type Value = Map;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Map, A::Error> {
        let mut map = Map::default();
        while let Some((key, item)) = access.next_entry::<String, Value>()? {
            if map.insert(Arc::from(key.as_str()), item).is_some() {
                return Err(A::Error::custom(format_args!("the key `{key}` stands twice")));
            }
        }
        Ok(map)
    }
}

impl<const N: usize> From<[Entry; N]> for Map {
    fn from(entries: [Entry; N]) -> Self {
        entries.into_iter().collect()
    }
}

impl PartialEq for Map {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter().all(|(key, value)| other.get(key) == Some(value))
    }
}

impl fmt::Debug for Map {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self).finish()
    }
}

#[cfg(test)]
mod tests {
    use indexmap::IndexMap;
    use proptest::prelude::*;

    use super::*;

    #[derive(Clone, Debug)]
    enum Change {
        Insert(u8, i64),
        Remove(u8),
        Retain(u8),
    }

    fn change() -> impl Strategy<Value = Change> {
        prop_oneof![
            8 => (0_u8..40, any::<i64>()).prop_map(|(key, value)| Change::Insert(key, value)),
            2 => (0_u8..40).prop_map(Change::Remove),
            1 => (2_u8..6).prop_map(Change::Retain),
        ]
    }

    proptest! {
        #[test]
        fn it_does_what_an_index_map_does(changes in prop::collection::vec(change(), 0..80)) {
            let (mut map, mut model) = (Map::default(), IndexMap::<Arc<str>, Value>::new());
            for change in changes {
                match change {
                    Change::Insert(key, value) => {
                        let (key, value) = (Arc::<str>::from(key.to_string()), Value::from(value));
                        prop_assert_eq!(map.insert(Arc::clone(&key), value.clone()), model.insert(key, value));
                    }
                    Change::Remove(key) => {
                        let key = key.to_string();
                        prop_assert_eq!(map.remove(&key), model.shift_remove(&*key));
                    }
                    Change::Retain(part) => {
                        let keep = |key: &Arc<str>| !key.parse::<u8>().unwrap().is_multiple_of(part);
                        map.retain(|key, _| keep(key));
                        model.retain(|key, _| keep(key));
                    }
                }
                prop_assert!(map.iter().eq(&model));
                for key in 0..40 {
                    let key = key.to_string();
                    prop_assert_eq!(map.get(&key), model.get(&*key));
                    prop_assert_eq!(map.contains_key(&key), model.contains_key(&*key));
                }
                let backwards: Map = model.iter().rev().map(|(key, value)| (Arc::clone(key), value.clone())).collect();
                prop_assert_eq!(&backwards, &map);
            }
        }
    }

    #[test]
    fn how_deep_it_nests_is_known_anew_after_a_change() {
        let levels_of = |map: &Map, most| map.levels(most, &mut Seen::default());
        let nested = |levels: u8| (0..levels).fold(Value::Null, |inner, _| Value::map([("k", inner)]));
        let mut map = Map::from([(Arc::from("a"), nested(3))]);
        let deeper = |map: &Map| [3, 4, 5, 9].map(|levels| Value::from(map.clone()).is_deeper_than(levels));
        assert_eq!(
            (levels_of(&map, 9), levels_of(&map, 2), deeper(&map)),
            (4, 2, [true, false, false, false])
        );
        map.insert(Arc::from("b"), Value::list([nested(8)]));
        assert_eq!((levels_of(&map, 9), deeper(&map)), (9, [true; 4]));
        map.remove("b");
        assert_eq!(levels_of(&map, 9), 4);
        *map.get_mut("a").unwrap() = Value::Null;
        assert_eq!((levels_of(&map, 9), deeper(&map)), (1, [false; 4]));
    }

    #[test]
    fn maps_differ_by_a_value_and_by_a_key() {
        let map = |key: &str, value: i64| Map::from([(Arc::from(key), Value::from(value))]);
        assert_eq!(map("a", 1), map("a", 1));
        assert!(map("a", 1) != map("a", 2) && map("a", 1) != map("b", 1) && map("a", 1) != Map::default());
    }
}
