//! Bags: many items in partitions, worked on side by side.
//!
//! ```
//! use deconv::collections::bag::Bag;
//!
//! let squares = Bag::from_items(1..=10, 3).map("squared", |x: &i64| x * x).filter("is even", |x| x % 2 == 0);
//! assert_eq!(squares.compute()?, [4, 16, 36, 64, 100]);
//! let sum = squares.fold("sum", 0, |sum, x| sum + x, |one, other| one + other);
//! assert_eq!(sum.compute()?, 220);
//! # Ok::<(), deconv::graph::GraphError>(())
//! ```
//!
//! Items keep their order. Results do not depend on the partitions where the functions do not care
//! in which order items are put together.

mod pattern;

use std::any::Any;
use std::collections::BTreeMap;
use std::hash::{BuildHasher, Hash};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustc_hash::FxBuildHasher;

use super::call::{self, Node};
use super::delayed::{Delayed, Lazy, delayed, delayed_many};
use super::{Compute, draw};
use crate::graph::picture::{Look, Picture};
use crate::graph::{Cost, GraphError, Key};
pub use pattern::{Match, Pattern};

/// Partial results that one task puts together.
const FAN_IN: usize = 16;

/// Items of one type in partitions, each made by a task; clones share the recipe.
#[derive(Clone)]
pub struct Bag<T> {
    partitions: Vec<Delayed<Vec<T>>>,
}

/// An item of a bag.
pub trait Item: Any + Clone + Send + Sync {}

impl<T: Any + Clone + Send + Sync> Item for T {}

impl<T: Item> Bag<T> {
    /// A bag of these items in so many partitions of about the same size (0 counts as 1).
    pub fn from_items(items: impl IntoIterator<Item = T>, partitions: usize) -> Self {
        let items: Vec<T> = items.into_iter().collect();
        let (count, layer) = (partitions.max(1), call::layer("items"));
        let edge = |i: usize| i * items.len() / count;
        let partition = |i: usize| {
            let own: Vec<T> = items[edge(i)..edge(i + 1)].to_vec();
            Delayed::at(Node::value(Key::new(&layer, [i as u32]), Arc::new(own)))
        };
        Self { partitions: (0..count).map(partition).collect() }
    }

    /// Number of partitions.
    pub fn partitions(&self) -> usize {
        self.partitions.len()
    }

    /// A function of each partition.
    pub fn map_partitions<U: Item>(
        &self,
        name: &'static str,
        function: impl Fn(&[T]) -> Vec<U> + Send + Sync + 'static,
    ) -> Bag<U> {
        let lazy = delayed(name, move |items: &Vec<T>| function(items));
        Bag { partitions: self.each(name, &lazy) }
    }

    /// A task for each partition, under one layer.
    fn each<U: Any + Send + Sync>(&self, name: &str, lazy: &Lazy<(Vec<T>,), U>) -> Vec<Delayed<U>> {
        let layer = call::layer(name);
        let task = |(i, own): (u32, &Delayed<Vec<T>>)| lazy.task_at(Key::new(&layer, [i]), vec![Arc::clone(&own.node)]);
        (0..).zip(&self.partitions).map(task).collect()
    }

    /// A function of each item.
    pub fn map<U: Item>(&self, name: &'static str, function: impl Fn(&T) -> U + Send + Sync + 'static) -> Bag<U> {
        self.map_partitions(name, move |items| items.iter().map(&function).collect())
    }

    /// The items of which this is true.
    pub fn filter(&self, name: &'static str, is_kept: impl Fn(&T) -> bool + Send + Sync + 'static) -> Self {
        self.map_partitions(name, move |items| items.iter().filter(|item| is_kept(item)).cloned().collect())
    }

    /// Any number of items from each.
    pub fn flat_map<U: Item, I: IntoIterator<Item = U>>(
        &self,
        name: &'static str,
        function: impl Fn(&T) -> I + Send + Sync + 'static,
    ) -> Bag<U> {
        self.map_partitions(name, move |items| items.iter().flat_map(&function).collect())
    }

    /// One value from all items: each partition folds its own from `first` on, then `combine` puts the results together,
    /// along a fixed tree. `first` must change nothing: 0 for sums, 1 for products.
    ///
    /// # Panics
    /// Never: a bag has at least one partition.
    pub fn fold<A: Item>(
        &self,
        name: &'static str,
        first: A,
        fold: impl Fn(A, &T) -> A + Send + Sync + 'static,
        combine: impl Fn(A, &A) -> A + Send + Sync + 'static,
    ) -> Delayed<A> {
        let lazy = delayed(name, move |items: &Vec<T>| items.iter().fold(first.clone(), &fold));
        let together = delayed_many("combine", move |parts: &[&A]| {
            let mut parts = parts.iter();
            let first = parts.next().map(|part| (*part).clone()).expect("a group has a member");
            parts.fold(first, |sum, part| combine(sum, part))
        });
        let mut parts = self.each(name, &lazy);
        while parts.len() > 1 {
            parts = parts.chunks(FAN_IN).map(|group| together.call(group)).collect();
        }
        parts.remove(0)
    }

    /// Number of items.
    pub fn count(&self) -> Delayed<usize> {
        self.fold("count", 0, |count, _| count + 1, |one, other| one + other)
    }

    /// The first `count` items.
    pub fn take(&self, count: usize) -> Delayed<Vec<T>> {
        let firsts = self.map_partitions("take", move |items| items.iter().take(count).cloned().collect());
        delayed_many("first", move |parts: &[&Vec<T>]| parts.iter().copied().flatten().take(count).cloned().collect())
            .call(&firsts.partitions)
    }

    /// Items with the same key together: a bag of so many partitions (0 counts as 1) of keys and their items.
    ///
    /// A key's partition follows from its hash, which is the same in every run; inside a partition keys are sorted, and
    /// items are in the order of the bag. Every partition waits for every other: put off grouping as long as you can, and
    /// fold where you can do without.
    pub fn group_by<K: Item + Ord + Hash>(
        &self,
        name: &'static str,
        partitions: usize,
        key: impl Fn(&T) -> K + Send + Sync + 'static,
    ) -> Bag<(K, Vec<T>)> {
        let count = partitions.max(1);
        let split = delayed(name, move |items: &Vec<T>| {
            let mut parts = vec![BTreeMap::<K, Vec<T>>::new(); count];
            for item in items {
                let key = key(item);
                let part = (FxBuildHasher.hash_one(&key) % count as u64) as usize;
                parts[part].entry(key).or_default().push(item.clone());
            }
            parts
        });
        let (parts, layer) = (self.each(name, &split), call::layer("group"));
        let group = |i: u32| {
            let gather = delayed_many("group", move |parts: &[&Vec<BTreeMap<K, Vec<T>>>]| {
                let mut groups = BTreeMap::<K, Vec<T>>::new();
                for (key, items) in parts.iter().flat_map(|parts| &parts[i as usize]) {
                    groups.entry(key.clone()).or_default().extend_from_slice(items);
                }
                groups.into_iter().collect::<Vec<_>>()
            });
            gather.task_at(Key::new(&layer, [i]), parts.iter().map(|part| Arc::clone(&part.node)).collect())
        };
        Bag { partitions: (0..count as u32).map(group).collect() }
    }

    /// How often each item is there, sorted by item.
    pub fn frequencies(&self) -> Delayed<BTreeMap<T, usize>>
    where
        T: Ord,
    {
        let count = |mut counts: BTreeMap<T, usize>, item: &T| {
            *counts.entry(item.clone()).or_default() += 1;
            counts
        };
        let add = |mut counts: BTreeMap<T, usize>, more: &BTreeMap<T, usize>| {
            more.iter().for_each(|(item, count)| *counts.entry(item.clone()).or_default() += count);
            counts
        };
        self.fold("frequencies", BTreeMap::new(), count, add)
    }

    /// Declares what the last function takes for each partition, in their order: in a budget of memory
    /// ([`Compute::memory`]) a partition waits until there is room for it. Further costs than partitions are left out.
    #[must_use]
    pub fn costing(&self, costs: impl IntoIterator<Item = Cost>) -> Self {
        let mut costs = costs.into_iter().fuse();
        let cost = |own: &Delayed<Vec<T>>| {
            costs.next().map_or_else(|| own.clone(), |cost| Delayed::at(own.node.costing(cost)))
        };
        Self { partitions: self.partitions.iter().map(cost).collect() }
    }

    /// The partitions, to go on with as single values.
    pub fn to_delayed(&self) -> &[Delayed<Vec<T>>] {
        &self.partitions
    }

    /// All items, computed on all cores.
    ///
    /// # Errors
    /// [`GraphError::Task`] and [`GraphError::Panic`] when a function fails.
    pub fn compute(&self) -> Result<Vec<T>, GraphError> {
        self.compute_with(&Compute::new())
    }

    /// All items.
    ///
    /// # Errors
    /// As [`Bag::compute`].
    pub fn compute_with(&self, compute: &Compute<'_>) -> Result<Vec<T>, GraphError> {
        Delayed::compute_all(&self.partitions, compute).map(|partitions| partitions.into_iter().flatten().collect())
    }

    /// Draws the graph that makes it, as SVG or as DOT for Graphviz by the file's ending.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn visualize(&self, path: impl AsRef<Path>, look: &Look<'_>) -> io::Result<()> {
        let nodes: Vec<Arc<Node>> = self.partitions.iter().map(|own| Arc::clone(&own.node)).collect();
        let (graph, keys) = call::graph(&nodes).map_err(io::Error::other)?;
        let picture = Picture::new("bag", &graph, &keys, look).map_err(io::Error::other)?;
        draw(picture, path.as_ref(), look)
    }
}

/// Why files could not be listed.
#[derive(Debug, thiserror::Error)]
pub enum GlobError {
    /// The pattern is none.
    #[error("cannot understand the pattern {pattern}")]
    Pattern {
        /// As it was given.
        pattern: String,
        /// What is wrong with it.
        source: glob::PatternError,
    },
    /// A folder cannot be read.
    #[error("cannot list the files of {pattern}")]
    Folder {
        /// As it was given.
        pattern: String,
        /// The folder and the system's reason.
        source: glob::GlobError,
    },
}

impl Bag<PathBuf> {
    /// The files that a pattern names, as in `night*/*-dirty.fits`, in alphabetical order.
    ///
    /// # Errors
    /// [`GlobError`] for a pattern that is none, or a folder that cannot be read. No file at all is an empty bag.
    pub fn from_glob(pattern: &str, partitions: usize) -> Result<Self, GlobError> {
        let paths = glob::glob(pattern)
            .map_err(|source| GlobError::Pattern { pattern: pattern.to_owned(), source })?
            .collect::<Result<Vec<_>, _>>()
            .map_err(|source| GlobError::Folder { pattern: pattern.to_owned(), source })?;
        Ok(Self::from_items(paths, partitions))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn the_tutorial_s_squares_are_those_of_a_loop_for_any_partitions() {
        for partitions in [0, 1, 3, 10, 17] {
            let bag = Bag::from_items(1..=10_i64, partitions);
            let even = bag.map("squared", |x| x * x).filter("is even", |x| x % 2 == 0);
            assert_eq!(even.compute().unwrap(), [4, 16, 36, 64, 100], "{partitions} partitions");
            assert_eq!(even.count().compute().unwrap(), 5);
            assert_eq!(even.take(2).compute().unwrap(), [4, 16]);
            assert_eq!(even.fold("sum", 0, |sum, x| sum + x, |a, b| a + b).compute().unwrap(), 220);
            assert_eq!(bag.flat_map("twice", |x| [*x, *x]).count().compute().unwrap(), 20);
        }
    }

    #[test]
    fn groups_are_the_same_for_any_workers_and_hold_their_items_in_order() {
        let words = ["lily", "rose", "lotus", "rue", "lily", "daisy", "dill"].map(str::to_owned);
        let grouped = |partitions: usize, workers: usize| {
            let bag = Bag::from_items(words.clone(), partitions);
            let groups = bag.group_by("first letter", 2, |word| word.chars().next().unwrap());
            assert_eq!(groups.partitions(), 2);
            groups.compute_with(&Compute::new().workers(workers)).unwrap()
        };
        let groups = grouped(1, 1);
        assert_eq!(grouped(3, 2), groups);
        let of = |letter| groups.iter().find(|(key, _)| *key == letter).unwrap().1.clone();
        assert_eq!((of('l'), of('r')), (words_of(&["lily", "lotus", "lily"]), words_of(&["rose", "rue"])));
        assert_eq!(groups.len(), 3);
    }

    fn words_of(words: &[&str]) -> Vec<String> {
        words.iter().map(|&word| word.to_owned()).collect()
    }

    #[test]
    fn frequencies_count_over_all_partitions() {
        let counts = Bag::from_items("mississippi".chars(), 4).frequencies().compute().unwrap();
        assert_eq!(counts.into_iter().collect::<Vec<_>>(), [('i', 4), ('m', 1), ('p', 2), ('s', 4)]);
    }

    #[test]
    fn files_are_listed_in_order_by_pattern() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["night2", "night1", "day1"] {
            std::fs::create_dir(folder.path().join(name)).unwrap();
            std::fs::write(folder.path().join(name).join("a-dirty.fits"), name).unwrap();
        }
        let pattern = folder.path().join("night*/*-dirty.fits");
        let bag = Bag::from_glob(pattern.to_str().unwrap(), 2).unwrap();
        let texts = bag.map("read", |path| std::fs::read_to_string(path).unwrap());
        assert_eq!(texts.compute().unwrap(), ["night1", "night2"]);
        assert!(Bag::from_glob("***", 1).is_err());
        assert!(Bag::from_glob("no such thing*", 1).unwrap().compute().unwrap().is_empty());
    }

    #[test]
    fn partitions_that_declare_memory_wait_for_their_room() {
        let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (running, peak) = (Arc::clone(&now), Arc::clone(&most));
        let bag = Bag::from_items([1, 2, 3, 1, 1, 1], 6).map("work", move |weight| {
            peak.fetch_max(running.fetch_add(*weight, Ordering::SeqCst) + weight, Ordering::SeqCst);
            std::thread::sleep(std::time::Duration::from_millis(5));
            running.fetch_sub(*weight, Ordering::SeqCst);
            *weight
        });
        let costs = [1, 2, 3, 1, 1, 1].map(|scratch_bytes| Cost { scratch_bytes, ..Cost::default() });
        let items = bag.costing(costs).compute_with(&Compute::new().workers(6).memory(3)).unwrap();
        assert_eq!(items, [1, 2, 3, 1, 1, 1]);
        assert_eq!((now.load(Ordering::SeqCst), most.load(Ordering::SeqCst)), (0, 3));
    }

    #[test]
    fn a_bag_is_drawn() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bag.svg");
        Bag::from_items(0..9, 3).group_by("rest", 2, |x| x % 4).visualize(&path, &Look::default()).unwrap();
        assert!(std::fs::read_to_string(path).unwrap().contains("group"));
    }
}
