//! Who leaves first when a cache is full: Greedy-Dual-Size.
//!
//! An entry is worth `L + (cost + LEAST) / bytes`, set when it comes and set again when it is used; the entry of least worth
//! leaves, and `L` becomes what it was worth. So dear and small entries stay longest, and entries that nobody used for
//! long sink against new ones.
//!
//! Small and large entries are ranked apart, and as long as the small ones take no more than half of the room, large ones
//! leave: by its small results a long run is followed again, and all of them weigh less than one image.
//!
//! # Source
//! Cao & Irani 1997, "Cost-Aware WWW Proxy Caching Algorithms", section 4, after Young 1994. There the cost is the latency
//! of a download; here it is the time that it took to compute the value, what it depends on included.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use rustc_hash::FxHashMap;

use super::super::{Digest, SMALL};

/// What a result costs that takes no time to compute: its graph must be built and ordered \[s\].
///
/// Without it the small results of a run's first steps, by which it is followed again, would leave too soon.
const LEAST: f64 = 1e-3;

/// Entries by what they are worth, within a limit of bytes.
#[derive(Debug)]
pub(super) struct Ranking {
    limit: u64,
    /// Number of the next use; of equal worth the earlier leaves.
    uses: u64,
    entries: FxHashMap<Digest, Entry>,
    small: Class,
    large: Class,
}

/// Entries that are ranked together.
#[derive(Debug, Default)]
struct Class {
    used: u64,
    /// `L`.
    floor: f64,
    order: BTreeSet<(Worth, u64, Digest)>,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    bytes: u64,
    seconds: f64,
    worth: Worth,
    used: u64,
}

/// A worth, ordered.
#[derive(Debug, Clone, Copy)]
struct Worth(f64);

impl Ord for Worth {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.total_cmp(&other.0)
    }
}

impl PartialOrd for Worth {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Worth {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Worth {}

impl Ranking {
    /// No entries yet.
    pub(super) fn new(limit: u64) -> Self {
        Self { limit, uses: 0, entries: FxHashMap::default(), small: Class::default(), large: Class::default() }
    }

    /// Bytes of all entries.
    pub(super) fn used(&self) -> u64 {
        self.small.used + self.large.used
    }

    fn class(&mut self, bytes: u64) -> &mut Class {
        if bytes < SMALL { &mut self.small } else { &mut self.large }
    }

    /// Number of entries.
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is such an entry.
    pub(super) fn contains(&self, digest: Digest) -> bool {
        self.entries.contains_key(&digest)
    }

    /// What the entry took to compute \[s\].
    pub(super) fn seconds(&self, digest: Digest) -> Option<f64> {
        self.entries.get(&digest).map(|entry| entry.seconds)
    }

    /// Takes an entry in, unless it is larger than the limit; returns those that had to leave.
    ///
    /// An entry that is there already counts as used.
    pub(super) fn insert(&mut self, digest: Digest, bytes: u64, seconds: f64) -> Option<Vec<Digest>> {
        if bytes > self.limit {
            return None;
        }
        if self.contains(digest) {
            self.touch(digest);
            return Some(Vec::new());
        }
        let gone = self.make_room(bytes);
        self.class(bytes).used += bytes;
        self.place(digest, bytes, seconds);
        Some(gone)
    }

    /// Sets another limit; returns the entries that had to leave.
    pub(super) fn limit(&mut self, limit: u64) -> Vec<Digest> {
        self.limit = limit;
        self.make_room(0)
    }

    fn make_room(&mut self, bytes: u64) -> Vec<Digest> {
        let mut gone = Vec::new();
        while self.used() + bytes > self.limit {
            let crowded = self.small.used > self.limit / 2 || self.large.order.is_empty();
            let class = if crowded { &mut self.small } else { &mut self.large };
            let (worth, _, least) = *class.order.first().expect("what is used is used by an entry");
            class.floor = class.floor.max(worth.0);
            self.remove(least);
            gone.push(least);
        }
        gone
    }

    /// Takes note of a use.
    pub(super) fn touch(&mut self, digest: Digest) {
        if let Some(entry) = self.entries.get(&digest).copied() {
            self.class(entry.bytes).order.remove(&(entry.worth, entry.used, digest));
            self.place(digest, entry.bytes, entry.seconds);
        }
    }

    /// Forgets an entry.
    pub(super) fn remove(&mut self, digest: Digest) {
        if let Some(entry) = self.entries.remove(&digest) {
            let class = self.class(entry.bytes);
            class.order.remove(&(entry.worth, entry.used, digest));
            class.used -= entry.bytes;
        }
    }

    fn place(&mut self, digest: Digest, bytes: u64, seconds: f64) {
        self.uses += 1;
        let used = self.uses;
        let class = self.class(bytes);
        let worth = Worth(class.floor + (LEAST + seconds.max(0.0)) / bytes.max(1) as f64);
        class.order.insert((worth, used, digest));
        self.entries.insert(digest, Entry { bytes, seconds, worth, used });
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn name(number: u32) -> Digest {
        Digest::of(&number.to_le_bytes())
    }

    fn insert(ranking: &mut Ranking, number: u32, bytes: u64, seconds: f64) -> Vec<Digest> {
        ranking.insert(name(number), bytes, seconds).unwrap()
    }

    #[test]
    fn least_cost_per_byte_leaves_first() {
        let mut ranking = Ranking::new(100);
        for (number, bytes, seconds) in [(0, 50, 5.0), (1, 25, 5.0), (2, 25, 0.5)] {
            assert!(insert(&mut ranking, number, bytes, seconds).is_empty());
        }
        // 0.1, 0.2 and 0.02 s a byte
        assert_eq!(insert(&mut ranking, 3, 70, 70.0), [name(2), name(0)]);
        assert_eq!((ranking.used(), ranking.len()), (95, 2));
    }

    #[test]
    fn of_equal_cost_the_least_recently_used_leaves() {
        let mut ranking = Ranking::new(3);
        (0..3).for_each(|number| drop(insert(&mut ranking, number, 1, 1.0)));
        ranking.touch(name(0));
        assert_eq!(insert(&mut ranking, 3, 1, 1.0), [name(1)]);
    }

    #[test]
    fn dear_entry_that_nobody_uses_leaves_at_last() {
        let mut ranking = Ranking::new(2);
        drop(insert(&mut ranking, 0, 1, 10.0));
        let steps = (1..100).find(|&number| insert(&mut ranking, number, 1, 1.0).contains(&name(0)));
        assert_eq!(steps, Some(11), "L grows by the cost of a cheap entry with each of them");
    }

    #[test]
    fn large_entries_never_drive_out_small_ones_that_take_little_room() {
        let mut ranking = Ranking::new(10 * SMALL);
        (0..50).for_each(|number| drop(insert(&mut ranking, number, 1000, 0.0)));
        (50..500).for_each(|number| drop(insert(&mut ranking, number, 4 * SMALL, f64::from(number))));
        assert!((0..50).all(|number| ranking.contains(name(number))));
        assert_eq!(ranking.len(), 52);
    }

    #[test]
    fn small_entries_take_no_more_than_half_of_the_room_from_large_ones() {
        let mut ranking = Ranking::new(10 * SMALL);
        drop(insert(&mut ranking, 0, 4 * SMALL, 1.0));
        (1..1000).for_each(|number| drop(insert(&mut ranking, number, 10_000, 1.0)));
        assert!(ranking.contains(name(0)));
    }

    #[test]
    fn what_is_larger_than_the_limit_is_refused_and_drives_nobody_out() {
        let mut ranking = Ranking::new(10);
        drop(insert(&mut ranking, 0, 10, 1.0));
        assert_eq!(ranking.insert(name(1), 11, 1e9), None);
        assert!(ranking.contains(name(0)));
    }

    proptest! {
        #[test]
        fn books_agree_and_the_limit_holds_whatever_happens(
            limit in 1_u64..200 * SMALL,
            steps in prop::collection::vec((0_u32..3, 0_u32..20, 0_u64..60, 0.0..5.0_f64, any::<bool>()), 1..200),
        ) {
            let mut ranking = Ranking::new(limit);
            let mut held = std::collections::BTreeMap::new();
            let mut floors = [0.0; 2];
            for (what, number, bytes, seconds, is_large) in steps {
                let bytes = if is_large { bytes * SMALL } else { bytes };
                match what {
                    0 => {
                        if let Some(gone) = ranking.insert(name(number), bytes, seconds) {
                            gone.iter().for_each(|digest| assert!(held.remove(digest).is_some()));
                            held.entry(name(number)).or_insert(bytes);
                        }
                    }
                    1 => ranking.touch(name(number)),
                    _ => {
                        ranking.remove(name(number));
                        held.remove(&name(number));
                    }
                }
                prop_assert!(ranking.used() <= limit);
                prop_assert_eq!(ranking.used(), held.values().sum::<u64>());
                let ranked = ranking.small.order.len() + ranking.large.order.len();
                prop_assert_eq!((ranking.len(), ranked), (held.len(), held.len()));
                prop_assert!(held.keys().all(|digest| ranking.contains(*digest)));
                for (class, floor) in [&ranking.small, &ranking.large].into_iter().zip(&mut floors) {
                    prop_assert!(class.floor >= *floor, "L never falls");
                    *floor = class.floor;
                    prop_assert!(class.order.iter().all(|(worth, ..)| worth.0 >= *floor));
                }
            }
        }
    }
}
