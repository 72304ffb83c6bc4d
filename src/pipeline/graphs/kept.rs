//! Values between graphs.
//!
//! A run remembers some values from graph to graph, in several places: the last good model may be the present one. While
//! a graph runs, it alone holds them, so that the scheduler counts them against its budget and may send them to scratch
//! files; afterwards whoever remembers one finds it again, wherever it stands then.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::rc::{Rc, Weak};
use std::sync::Arc;

use super::Value;
use crate::graph::{self, Key, SMALL, TaskGraph};
use crate::pipeline::ops::DeconvOp;

/// A value that outlives the graph that made it; clones are the same value.
#[derive(Clone)]
pub struct Kept(Rc<RefCell<Option<Held>>>);

/// What the scheduler takes and gives.
pub(in crate::pipeline) type Held = graph::Held<Value>;

impl Kept {
    /// A value that a graph gave back.
    pub fn new(held: Held) -> Self {
        Self(Rc::new(RefCell::new(Some(held))))
    }

    /// A value of that size of which only the size matters.
    pub fn of_bytes(bytes: u64) -> Self {
        Self::new(Held::new(Arc::new(Value::Done), bytes))
    }

    /// A value of less than [`SMALL`] bytes.
    ///
    /// # Panics
    /// If it is a larger one, which may stand in a file: ask [`graph::fetch`] for those.
    pub fn small(&self) -> Arc<Value> {
        let held = self.held();
        held.small();
        held.value().expect("a small value is in memory")
    }

    /// The value, read from its file if it stands in one.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn read(&self) -> std::io::Result<Arc<Value>> {
        self.held().value()
    }

    /// The value, wherever it stands.
    ///
    /// # Panics
    /// While a graph runs: it alone has it then.
    pub fn held(&self) -> Held {
        self.0.borrow().clone().expect("no graph runs")
    }

    /// What tells one value from another.
    pub(super) fn place(&self) -> usize {
        Rc::as_ptr(&self.0).addr()
    }

    /// Whether somebody remembers it besides the graph.
    fn is_remembered(&self) -> bool {
        Rc::strong_count(&self.0) > 1
    }

    fn is_small(&self) -> bool {
        self.0.borrow().as_ref().is_some_and(|held| held.bytes < SMALL)
    }
}

/// Where a value is found, while somebody remembers it.
type Trace = Weak<RefCell<Option<Held>>>;

/// All that is remembered between graphs, each with the key that it was made under.
#[derive(Default)]
pub struct Shelf(RefCell<Vec<(Key, Trace)>>);

impl Shelf {
    /// Puts values that a graph gave back onto the shelf, until nobody remembers them.
    pub fn keep(&self, key: Key, held: Held) -> Kept {
        let kept = Kept::new(held);
        self.0.borrow_mut().push((key, Rc::downgrade(&kept.0)));
        kept
    }

    /// What is remembered and not among `given`.
    fn others(&self, given: &BTreeMap<Key, Kept>) -> Vec<(Key, Kept)> {
        let mut all = self.0.borrow_mut();
        all.retain(|(_, kept)| kept.strong_count() > 0);
        let given: HashSet<usize> = given.values().map(Kept::place).collect();
        let others = all.iter().filter_map(|(key, kept)| Some((key, Kept(kept.upgrade()?))));
        let others = others.filter(|(_, kept)| !kept.is_small() && !given.contains(&kept.place()));
        // graphs make values of one key again and again, so a number tells them apart
        let name = |(number, (key, kept)): (u32, (&Key, Kept))| {
            (Key::new(format!("remembered-{}", key.layer()), [number]), kept)
        };
        (0..).zip(others).map(name).collect()
    }
}

/// Whether a graph goes through its passes.
pub(super) enum Passes {
    /// All of them.
    All,
    /// There is nothing for them to find.
    None,
}

/// A graph that is given all that is remembered, and what of it must come back.
pub struct Lent {
    /// The graph.
    pub graph: TaskGraph<DeconvOp>,
    /// What was asked for, each once, then what must come back.
    pub targets: Vec<Key>,
    asked: Vec<Key>,
    /// Places of what must come back.
    places: Vec<(Key, Kept)>,
}

impl Lent {
    /// Lends the values `given` to a graph under their keys, and everything else on the shelf; then come its passes.
    pub(super) fn new(
        (mut graph, passes): (TaskGraph<DeconvOp>, Passes),
        given: BTreeMap<Key, Kept>,
        asked: &[Key],
        shelf: &Shelf,
    ) -> Self {
        let others = shelf.others(&given);
        let is_asked: HashSet<&Key> = asked.iter().collect();
        let mut places = Vec::new();
        for (key, kept) in given {
            let held = if kept.is_small() { kept.0.borrow().clone() } else { kept.0.take() };
            graph.insert_value(key.clone(), held.expect("no other graph runs")).expect("a key is given once");
            if kept.is_remembered() || is_asked.contains(&key) {
                places.push((key, kept));
            }
        }
        for (key, kept) in others {
            let held = kept.0.take().expect("no other graph runs");
            graph.insert_value(key.clone(), held).expect("a key is given once");
            places.push((key, kept));
        }
        let targets: BTreeSet<Key> = asked.iter().chain(places.iter().map(|(key, _)| key)).cloned().collect();
        let targets: Vec<Key> = targets.into_iter().collect();
        let graph = match passes {
            Passes::All => graph::optimise(graph, &targets).expect("graphs are wired complete").graph,
            Passes::None => graph,
        };
        Self { graph, targets, asked: asked.to_vec(), places }
    }

    /// Splits the graph off, to be run.
    pub fn split(self) -> (TaskGraph<DeconvOp>, Vec<Key>, Borrowed) {
        let borrowed = Borrowed { targets: self.targets.clone(), asked: self.asked, places: self.places };
        (self.graph, self.targets, borrowed)
    }
}

/// What a graph that runs must give back.
pub struct Borrowed {
    targets: Vec<Key>,
    asked: Vec<Key>,
    places: Vec<(Key, Kept)>,
}

impl Borrowed {
    /// Takes the targets' values: what was lent goes back to its place, and what was asked for is returned in that order.
    pub fn settle(self, values: Vec<Held>, shelf: &Shelf) -> Vec<Kept> {
        let mut places: BTreeMap<Key, Kept> = self.places.into_iter().collect();
        let mut all = BTreeMap::new();
        for (key, held) in self.targets.into_iter().zip(values) {
            let kept = match places.remove(&key) {
                Some(kept) => {
                    kept.0.replace(Some(held));
                    kept
                }
                None => shelf.keep(key.clone(), held),
            };
            all.insert(key, kept);
        }
        self.asked.iter().map(|key| all[key].clone()).collect()
    }
}
