//! Which results of a run a cache is given, and at what cost they count.

use std::sync::{Mutex, PoisonError};

use rustc_hash::FxHashMap;

use super::super::net::Net;
use super::super::{Digest, Keeper, Key, Made};
use super::{Cache, WORTH};

/// Time to compute a value again \[s\].
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Effort {
    /// From what the cache holds now.
    pub(super) since: f64,
    /// From nothing.
    pub(super) path: f64,
}

/// A run's results on their way to a cache.
///
/// The time of a value is that of its task and the longest of what it depends on, as in Dask's `cache`: it grows along a
/// run, so that of results that follow from each other the last stay.
pub(super) struct Offering<'a, V> {
    pub(super) cache: &'a Cache<V>,
    pub(super) net: &'a Net,
    pub(super) digests: &'a [Option<Digest>],
    pub(super) numbers: FxHashMap<Key, u32>,
    /// What is kept whatever it took, by node.
    pub(super) is_wanted: Vec<bool>,
    /// Of every node of the net, as far as it is known.
    pub(super) efforts: Mutex<Vec<Effort>>,
    /// Who else wants to see the results.
    pub(super) next: Option<&'a dyn Keeper<V>>,
}

impl<V: Send + Sync> Keeper<V> for Offering<'_, V> {
    fn made(&self, made: &Made<'_, V>) {
        if let Some(&node) = self.numbers.get(made.key) {
            let effort = self.effort(node, made.seconds);
            let is_worth_it = self.is_wanted[node as usize] || effort.since > WORTH * made.bytes as f64;
            let digest = self.digests[node as usize].filter(|_| is_worth_it);
            let is_kept = digest.is_some_and(|digest| self.cache.put(digest, made.value, (made.bytes, effort.path)));
            let since = if is_kept { 0.0 } else { effort.since };
            self.efforts()[node as usize] = Effort { since, ..effort };
        }
        if let Some(next) = self.next {
            next.made(made);
        }
    }
}

impl<V> Offering<'_, V> {
    fn effort(&self, node: u32, seconds: f64) -> Effort {
        let efforts = self.efforts();
        let inputs = self.net.deps.of(node).iter().map(|&dep| efforts[dep as usize]);
        let longest = inputs.fold(Effort::default(), |longest, input| Effort {
            since: longest.since.max(input.since),
            path: longest.path.max(input.path),
        });
        Effort { since: longest.since + seconds, path: longest.path + seconds }
    }

    fn efforts(&self) -> std::sync::MutexGuard<'_, Vec<Effort>> {
        self.efforts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
