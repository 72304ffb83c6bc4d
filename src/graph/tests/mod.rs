//! Tests of the graph: an operation whose memory is really counted, and shapes of graphs.

mod errors;
mod faults;
mod house;
mod keeper;
mod memory;
mod names;
mod order;
mod random;
mod run;
mod schedule;
mod scratch;
mod spill;

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, Read, Write};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use super::task_graph::Node;
use super::*;

/// Bytes that tasks and values hold, as they come and go.
#[derive(Default)]
pub(super) struct Gauge {
    held: AtomicI64,
    most: AtomicI64,
    /// Milliseconds that it takes to free a value.
    lag: AtomicU64,
    /// Milliseconds that an operation with inputs takes.
    slow: AtomicU64,
    /// If not 0, operations take one of so many parts of inputs that stand in files.
    parts: AtomicU64,
}

impl Gauge {
    fn take(&self, bytes: u64) {
        let held = self.held.fetch_add(bytes as i64, Ordering::SeqCst) + bytes as i64;
        self.most.fetch_max(held, Ordering::SeqCst);
    }

    fn give(&self, bytes: u64) {
        self.held.fetch_sub(bytes as i64, Ordering::SeqCst);
    }

    pub(super) fn held(&self) -> u64 {
        self.held.load(Ordering::SeqCst) as u64
    }

    pub(super) fn most(&self) -> u64 {
        self.most.load(Ordering::SeqCst) as u64
    }
}

/// A value whose bytes leave the gauge when it is dropped.
pub(super) struct Block {
    pub(super) number: f64,
    bytes: u64,
    /// What it holds itself: nothing where operations take parts of it from its file.
    held: u64,
    gauge: Arc<Gauge>,
}

/// The gauges of blocks in files, found by their addresses.
static GAUGES: Mutex<BTreeMap<u64, Weak<Gauge>>> = Mutex::new(BTreeMap::new());

impl Block {
    pub(super) fn new(number: f64, bytes: u64, gauge: &Arc<Gauge>) -> Arc<Self> {
        gauge.take(bytes);
        Arc::new(Self { number, bytes, held: bytes, gauge: Arc::clone(gauge) })
    }

    fn write(&self, to: &mut dyn Write) -> io::Result<()> {
        let address = Arc::as_ptr(&self.gauge) as u64;
        GAUGES.lock().unwrap().insert(address, Arc::downgrade(&self.gauge));
        [address, self.number.to_bits(), self.bytes].iter().try_for_each(|word| to.write_all(&word.to_le_bytes()))
    }

    fn read(stored: &Stored) -> io::Result<Self> {
        let mut reader = stored.reader();
        let mut word = || {
            let mut bytes = [0; 8];
            reader.read_exact(&mut bytes).map(|()| u64::from_le_bytes(bytes))
        };
        let (address, number, bytes) = (word()?, f64::from_bits(word()?), word()?);
        let gauge = GAUGES.lock().unwrap()[&address].upgrade().unwrap();
        let held = if gauge.parts.load(Ordering::SeqCst) == 0 { bytes } else { 0 };
        gauge.take(held);
        Ok(Self { number, bytes, held, gauge })
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        std::thread::sleep(Duration::from_millis(self.gauge.lag.load(Ordering::SeqCst)));
        self.gauge.give(self.held);
    }
}

/// What a [`Step`] does.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Act {
    /// Mixes its inputs so that neither their order nor rounding is lost.
    Mix,
    Fail,
    Panic,
}

#[derive(Debug, PartialEq, thiserror::Error)]
#[error("no luck with {0}")]
pub(super) struct NoLuck(pub(super) f64);

/// An operation with any cost.
pub(super) struct Step {
    pub(super) kind: &'static str,
    pub(super) seed: f64,
    pub(super) cost: Cost,
    pub(super) act: Act,
    pub(super) gauge: Arc<Gauge>,
}

impl Op for Step {
    type Value = Block;
    type Error = NoLuck;

    fn kind(&self) -> &'static str {
        self.kind
    }

    fn cost(&self, _inputs: &[Meta]) -> Cost {
        self.cost
    }

    fn run(&self, inputs: &[Arc<Block>], _context: &TaskContext) -> Result<Block, NoLuck> {
        assert!(self.act != Act::Panic, "seed {} is bad", self.seed);
        if self.act == Act::Fail {
            return Err(NoLuck(self.seed));
        }
        self.gauge.take(self.cost.output_bytes + self.cost.scratch_bytes);
        let is_first = |place: usize| inputs[..place].iter().all(|earlier| !Arc::ptr_eq(earlier, &inputs[place]));
        let lazy = (0..inputs.len()).filter(|&place| is_first(place) && inputs[place].held < inputs[place].bytes);
        let parts: u64 = lazy.map(|place| self.load_bytes(place, Meta { bytes: inputs[place].bytes })).sum();
        self.gauge.take(parts);
        let number = inputs.iter().fold(self.seed, |sum, input| sum * 0.999 + input.number.sin());
        match self.gauge.slow.load(Ordering::SeqCst) {
            milliseconds if milliseconds > 0 && !inputs.is_empty() => {
                std::thread::sleep(Duration::from_millis(milliseconds));
            }
            _ => std::thread::yield_now(),
        }
        self.gauge.give(self.cost.scratch_bytes + parts);
        let bytes = self.cost.output_bytes;
        Ok(Block { number, bytes, held: bytes, gauge: Arc::clone(&self.gauge) })
    }

    fn shape(value: &Block) -> Option<String> {
        Some(format!("({})", value.bytes))
    }

    fn load_bytes(&self, _input: usize, meta: Meta) -> u64 {
        meta.bytes / self.gauge.parts.load(Ordering::SeqCst).max(1)
    }

    fn codec() -> Option<Codec<Block>> {
        Some(Codec { write: Block::write, read: Block::read })
    }
}

/// A graph in the making, with the targets and the gauge of its values.
#[derive(Default)]
pub(super) struct Shape {
    pub(super) graph: TaskGraph<Step>,
    pub(super) targets: Vec<Key>,
    pub(super) gauge: Arc<Gauge>,
    /// Whether key order is turned round against the order of insertion.
    pub(super) backwards: bool,
}

impl fmt::Debug for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (key, node) in self.graph.nodes() {
            match node {
                Node::Task { op, dependencies } => writeln!(f, "{key}: {:?} of {dependencies:?}", op.cost)?,
                Node::Value(held) => writeln!(f, "{key}: {} bytes", held.bytes)?,
            }
        }
        write!(f, "targets {:?}", self.targets)
    }
}

impl Shape {
    pub(super) fn key(&self, layer: &str, index: usize) -> Key {
        let index = index as u32;
        Key::new(layer, [if self.backwards { u32::MAX - index } else { index }])
    }

    /// Adds a task whose result has so many bytes.
    pub(super) fn task(&mut self, key: &Key, bytes: u64, dependencies: &[Key]) {
        self.costly(key, Cost { flops: 1.0, output_bytes: bytes, scratch_bytes: 0 }, dependencies);
    }

    pub(super) fn costly(&mut self, key: &Key, cost: Cost, dependencies: &[Key]) {
        let kind = if dependencies.is_empty() { "read" } else { "mix" };
        let seed = self.graph.len() as f64;
        let op = Step { kind, seed, cost, act: Act::Mix, gauge: Arc::clone(&self.gauge) };
        self.graph.insert(key.clone(), op, dependencies.to_vec()).unwrap();
    }

    /// Adds a task that does something else than mixing.
    pub(super) fn act(&mut self, key: &Key, act: Act, dependencies: &[Key]) {
        let seed = self.graph.len() as f64;
        let op = Step { kind: "act", seed, cost: Cost::default(), act, gauge: Arc::clone(&self.gauge) };
        self.graph.insert(key.clone(), op, dependencies.to_vec()).unwrap();
    }

    pub(super) fn value(&mut self, key: &Key, bytes: u64) {
        let block = Block::new(0.5, bytes, &self.gauge);
        self.graph.insert_value(key.clone(), Held::new(block, bytes)).unwrap();
    }
}

/// Sizes of the results of three stages \[bytes\].
pub(super) type Sizes = [u64; 3];

/// `read i -> mix i -> write i`, `count` times.
pub(super) fn map(count: usize, sizes: Sizes, backwards: bool) -> Shape {
    let mut shape = Shape { backwards, ..Shape::default() };
    for index in 0..count {
        let [read, mix, write] = ["read", "mix", "write"].map(|layer| shape.key(layer, index));
        shape.task(&read, sizes[0], &[]);
        shape.task(&mix, sizes[1], std::slice::from_ref(&read));
        shape.task(&write, sizes[2], &[mix]);
        shape.targets.push(write);
    }
    shape
}

/// `count` reads, added up two by two to one result.
pub(super) fn map_reduce(count: usize, sizes: Sizes, backwards: bool) -> Shape {
    let mut shape = Shape { backwards, ..Shape::default() };
    let mut level: Vec<Key> = (0..count).map(|index| shape.key("read", index)).collect();
    for key in &level {
        shape.task(key, sizes[0], &[]);
    }
    for depth in 0.. {
        if level.len() == 1 {
            break;
        }
        let pairs = level.chunks(2).enumerate().map(|(index, pair)| {
            let sum = shape.key(&format!("sum-{depth}"), index);
            shape.task(&sum, sizes[1], pair);
            sum
        });
        level = pairs.collect();
    }
    shape.targets = level;
    shape
}

/// `count` slabs, from which each of `count + 1` blocks takes a part, from which each of `count` slabs takes a part.
pub(super) fn transpose(count: usize, sizes: Sizes, backwards: bool) -> Shape {
    let mut shape = Shape { backwards, ..Shape::default() };
    let slabs: Vec<Key> = (0..count).map(|index| shape.key("slab", index)).collect();
    let blocks: Vec<Key> = (0..=count).map(|index| shape.key("block", index)).collect();
    let ends: Vec<Key> = (0..count).map(|index| shape.key("end", index)).collect();
    for (stage, bytes, dependencies) in
        [(&slabs, sizes[0], &[][..]), (&blocks, sizes[1], &slabs[..]), (&ends, sizes[2], &blocks[..])]
    {
        for key in stage {
            shape.task(key, bytes, dependencies);
        }
    }
    shape.targets = ends;
    shape
}

/// One task after the other, from a given value.
pub(super) fn chain(count: usize, sizes: Sizes, backwards: bool) -> Shape {
    let mut shape = Shape { backwards, ..Shape::default() };
    let mut last = shape.key("given", 0);
    shape.value(&last, sizes[0]);
    for index in 0..count {
        let next = shape.key("link", index);
        shape.task(&next, sizes[1 + index % 2], &[last]);
        last = next;
    }
    shape.targets = vec![last];
    shape
}

/// A chain of diamonds: each tip feeds three sides, which meet in the next tip.
pub(super) fn diamonds(count: usize, sizes: Sizes, backwards: bool) -> Shape {
    let mut shape = Shape { backwards, ..Shape::default() };
    let mut tip = shape.key("tip", 0);
    shape.task(&tip, sizes[0], &[]);
    for index in 0..count {
        let sides = [0, 1, 2].map(|side| shape.key("side", 3 * index + side));
        for (side, bytes) in sides.iter().zip(sizes) {
            shape.task(side, bytes, std::slice::from_ref(&tip));
        }
        tip = shape.key("tip", index + 1);
        shape.task(&tip, sizes[0], &sides);
    }
    shape.targets = vec![tip];
    shape
}

/// Makes a shape of so many parts, with results of these sizes, in this key order or against it.
pub(super) type Make = fn(usize, Sizes, bool) -> Shape;

/// Every shape, by name.
pub(super) const SHAPES: [(&str, Make); 9] = [
    ("map", map),
    ("map_reduce", map_reduce),
    ("transpose", transpose),
    ("chain", chain),
    ("diamonds", diamonds),
    ("rechunk", house::rechunk),
    ("overlap", house::overlap),
    ("clean_cycle", house::clean_cycle),
    ("wiener_plane", house::wiener_plane),
];
