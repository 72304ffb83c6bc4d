//! A scheduler that runs only what a cache does not hold.

use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustc_hash::FxHashMap;

use super::super::net::Net;
use super::super::task_graph::Node;
use super::super::{Access, Digest, GraphError, Held, Key, Op, RunContext, SMALL, Scheduler, TaskGraph};
use super::Cache;
use super::digests::digests;
use super::offering::{Effort, Offering};

/// Promised values, and their keys in the graph that makes them.
type Wanted<'a, O> = Vec<(Key, &'a Held<<O as Op>::Value>)>;

/// Lets another scheduler run what a cache does not hold, and gives the cache what comes of it.
///
/// What stands below a result that is found is not run. Where a graph's small results are all found, its large ones are
/// not even read: they are promised, and fetched when a later graph needs them, from the cache, or by running this graph
/// if they have left it. So a long run is followed again by its small results alone, through graphs whose large ones
/// left the cache long ago, and goes on where it was. Small are values that declare less than [`SMALL`] bytes; a
/// caller that wants to look into a larger one asks [`super::super::fetch`].
pub struct Cached<'a, O: Op> {
    scheduler: &'a dyn Scheduler<O>,
    cache: &'a Cache<O::Value>,
    promises: Mutex<FxHashMap<Digest, Promise<O>>>,
    /// Time to compute, from nothing, what graphs gave back \[s\].
    paths: Mutex<FxHashMap<Digest, f64>>,
    counts: Counts,
}

/// What a cache did for the graphs of a scheduler.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CacheUse {
    /// Tasks that the targets needed.
    pub tasks: u64,
    /// Results that were found.
    pub taken: u64,
    /// Tasks that were run.
    pub run: u64,
}

#[derive(Default)]
struct Counts {
    tasks: AtomicU64,
    taken: AtomicU64,
    run: AtomicU64,
}

/// How to compute a value once it is needed.
struct Promise<O: Op> {
    graph: Arc<TaskGraph<O>>,
    key: Key,
}

/// The part of a graph that targets need, and what is known of it.
struct Asked<O: Op> {
    net: Net,
    digests: Vec<Option<Digest>>,
    /// What the caller gets of a target without running anything.
    answers: FxHashMap<u32, Held<O::Value>>,
    /// The other targets.
    missing: Vec<u32>,
}

/// Whether large results may be promised.
#[derive(Clone, Copy, PartialEq)]
enum Promises {
    Allowed,
    Never,
}

impl<'a, O: Op + Clone> Cached<'a, O> {
    /// Runs on `scheduler` what `cache` does not hold.
    pub fn new(scheduler: &'a dyn Scheduler<O>, cache: &'a Cache<O::Value>) -> Self {
        Self { scheduler, cache, promises: Mutex::default(), paths: Mutex::default(), counts: Counts::default() }
    }

    /// What the cache did so far.
    pub fn usage(&self) -> CacheUse {
        let get = |count: &AtomicU64| count.load(Ordering::Relaxed);
        CacheUse { tasks: get(&self.counts.tasks), taken: get(&self.counts.taken), run: get(&self.counts.run) }
    }

    /// Looks up the targets.
    fn ask(&self, graph: &TaskGraph<O>, targets: &[Key], promises: Promises) -> Result<Asked<O>, GraphError> {
        let net = Net::new(graph, targets)?;
        let digests = digests(graph, &net);
        let known = |node: u32| digests[node as usize].filter(|&digest| self.cache.contains(digest));
        let is_promising =
            |node: u32| known(node).is_some() || (net.bytes(node) >= SMALL && digests[node as usize].is_some());
        let asked: Vec<u32> = (0..net.len() as u32).filter(|&node| net.is_target[node as usize]).collect();
        let mut tasks = asked.iter().copied().filter(|&node| net.is_task(node));
        let goes_on = promises == Promises::Allowed && tasks.clone().any(|node| known(node).is_some());
        let goes_on = goes_on && tasks.all(is_promising);
        let (mut answers, mut missing) = (FxHashMap::default(), Vec::new());
        for &node in &asked {
            let digest = digests[node as usize];
            let answer = match graph.at(net.places[node as usize]).1 {
                Node::Value(held) => Some(Held::clone(held)),
                Node::Task { .. } if goes_on && net.bytes(node) >= SMALL => {
                    self.counts.taken.fetch_add(u64::from(known(node).is_some()), Ordering::Relaxed);
                    digest.map(|digest| Held::promised(net.bytes(node), digest))
                }
                Node::Task { .. } => digest.and_then(|digest| self.take(digest)),
            };
            match answer {
                Some(held) => drop(answers.insert(node, held)),
                None => missing.push(node),
            }
        }
        Ok(Asked { net, digests, answers, missing })
    }

    /// Values of the targets.
    fn compute(
        &self,
        graph: Arc<TaskGraph<O>>,
        mut asked: Asked<O>,
        run: &RunContext<'_, O::Value>,
    ) -> Result<Vec<Held<O::Value>>, GraphError> {
        self.promise(&graph, &asked);
        if !asked.missing.is_empty() {
            self.run(graph, &mut asked, run)?;
        }
        let given = asked.answers.iter().filter(|&(&node, _)| !asked.net.is_task(node));
        self.fetch(&given.map(|(_, held)| held).collect::<Vec<_>>(), run)?;
        Ok(asked.net.targets.iter().map(|target| asked.answers[target].clone()).collect())
    }

    /// Remembers how promised targets are computed.
    fn promise(&self, graph: &Arc<TaskGraph<O>>, asked: &Asked<O>) {
        for (&node, held) in asked.answers.iter().filter(|&(&node, _)| asked.net.is_task(node)) {
            if let (true, Some(digest)) = (held.is_promised(), held.digest) {
                let key = graph.at(asked.net.places[node as usize]).0.clone();
                lock(&self.promises).insert(digest, Promise { graph: Arc::clone(graph), key });
            }
        }
    }

    /// Runs what is missing, from what is there.
    fn run(
        &self,
        graph: Arc<TaskGraph<O>>,
        asked: &mut Asked<O>,
        run: &RunContext<'_, O::Value>,
    ) -> Result<(), GraphError> {
        let part = self.cut(&graph, asked);
        let key = |node: u32| graph.at(asked.net.places[node as usize]).0.clone();
        let is_shared = |node: u32| match graph.at(asked.net.places[node as usize]).1 {
            Node::Task { op, .. } => op.is_shared(),
            Node::Value(_) => false,
        };
        let nodes = 0..asked.net.len() as u32;
        let is_wanted = nodes.map(|node| asked.net.is_target[node as usize] || is_shared(node)).collect();
        let targets: Vec<Key> = asked.missing.iter().map(|&node| key(node)).collect();
        let numbers = (0..asked.net.len() as u32).map(|node| (key(node), node)).collect();
        // nothing but the part holds its values from now on, so that each is free after its last use
        drop(graph);
        let given: Vec<Held<O::Value>> = part.nodes().filter_map(|(_, node)| promised(node)).collect();
        self.fetch(&given.iter().collect::<Vec<_>>(), run)?;
        drop(given);
        self.counts.run.fetch_add(part.tasks().count() as u64, Ordering::Relaxed);
        let offering = Offering {
            cache: self.cache,
            net: &asked.net,
            digests: &asked.digests,
            numbers,
            is_wanted,
            efforts: Mutex::new(self.efforts(asked)),
            next: run.keeper,
        };
        let values = self.scheduler.execute(part, &targets, &RunContext { keeper: Some(&offering), ..run.clone() })?;
        let efforts = offering.efforts.into_inner().unwrap_or_else(PoisonError::into_inner);
        // what came of operations that ended early must never be taken for what the digest stands for
        let is_whole = !run.context.cancel.is_requested();
        for (&node, held) in asked.missing.iter().zip(values) {
            let digest = asked.digests[node as usize].filter(|_| is_whole);
            if let Some(digest) = digest {
                lock(&self.paths).insert(digest, efforts[node as usize].path);
            }
            asked.answers.insert(node, held.with_digest(digest));
        }
        Ok(())
    }

    /// The part of the graph that computes what is missing: results that are found stand in it as values.
    fn cut(&self, graph: &TaskGraph<O>, asked: &Asked<O>) -> TaskGraph<O> {
        let Asked { net, digests, answers, missing } = asked;
        let mut is_met = vec![false; net.len()];
        let (mut open, mut nodes) = (missing.clone(), Vec::new());
        missing.iter().for_each(|&node| is_met[node as usize] = true);
        while let Some(node) = open.pop() {
            let (key, content) = graph.at(net.places[node as usize]);
            let found = match (content, answers.get(&node)) {
                (Node::Value(held), _) => Some(Held::clone(held)),
                (_, Some(answer)) => self.redeem(answer),
                // a missing target was looked for already
                _ if net.is_target[node as usize] => None,
                _ => digests[node as usize].and_then(|digest| self.take(digest)),
            };
            match (found, content) {
                (Some(held), _) => nodes.push((key.clone(), Node::Value(Box::new(held)))),
                (None, Node::Task { op, .. }) => {
                    // by their own keys: what stood for them in the graph is not in the part
                    let inputs = net.inputs.of(node).iter();
                    let dependencies = inputs.map(|&input| graph.at(net.places[input as usize]).0.clone()).collect();
                    nodes.push((key.clone(), Node::Task { op: op.clone(), dependencies }));
                    let new =
                        net.deps.of(node).iter().filter(|&&dep| !std::mem::replace(&mut is_met[dep as usize], true));
                    open.extend(new);
                }
                (None, Node::Value(_)) => unreachable!("a given value is found"),
            }
        }
        nodes.into_iter().collect()
    }

    /// A target that another one needs, if it is still there.
    fn redeem(&self, answer: &Held<O::Value>) -> Option<Held<O::Value>> {
        if answer.is_promised() {
            let found = answer.digest.and_then(|digest| self.cache.get(digest))?;
            answer.keep(found.place().clone());
        }
        Some(answer.clone())
    }

    fn take(&self, digest: Digest) -> Option<Held<O::Value>> {
        let held = self.cache.get(digest)?;
        self.counts.taken.fetch_add(1, Ordering::Relaxed);
        Some(held)
    }

    /// What is known of the time that values took.
    fn efforts(&self, asked: &Asked<O>) -> Vec<Effort> {
        let paths = lock(&self.paths);
        let path = |digest: &Option<Digest>| {
            let known = digest.and_then(|digest| paths.get(&digest).copied().or_else(|| self.cache.seconds(digest)));
            Effort { since: 0.0, path: known.unwrap_or(0.0) }
        };
        asked.digests.iter().map(path).collect()
    }

    /// Fetches promised values: from the cache, or by running their graphs.
    fn fetch(&self, held: &[&Held<O::Value>], run: &RunContext<'_, O::Value>) -> Result<(), GraphError> {
        let mut graphs: Vec<(Arc<TaskGraph<O>>, Wanted<'_, O>)> = Vec::new();
        for &held in held.iter().filter(|held| held.is_promised()) {
            let digest = held.digest.expect("what is promised has a digest");
            if let Some(found) = self.cache.get(digest) {
                held.keep(found.place().clone());
                continue;
            }
            let promises = lock(&self.promises);
            let Some(Promise { graph, key }) = promises.get(&digest) else { return Err(lost(digest)) };
            match graphs.iter_mut().find(|(other, _)| Arc::ptr_eq(other, graph)) {
                Some((_, wanted)) => wanted.push((key.clone(), held)),
                None => graphs.push((Arc::clone(graph), vec![(key.clone(), held)])),
            }
        }
        for (graph, wanted) in graphs {
            let targets: Vec<Key> = wanted.iter().map(|(key, _)| key.clone()).collect();
            let asked = self.ask(&graph, &targets, Promises::Never)?;
            let values = self.compute(graph, asked, run)?;
            wanted.iter().zip(values).for_each(|((_, held), value)| held.keep(value.place().clone()));
        }
        Ok(())
    }
}

impl<O: Op + Clone> Scheduler<O> for Cached<'_, O> {
    fn execute(
        &self,
        graph: TaskGraph<O>,
        targets: &[Key],
        run: &RunContext<'_, O::Value>,
    ) -> Result<Vec<Held<O::Value>>, GraphError> {
        let asked = self.ask(&graph, targets, Promises::Allowed)?;
        self.counts.tasks.fetch_add(asked.net.tasks().count() as u64, Ordering::Relaxed);
        self.compute(Arc::new(graph), asked, run)
    }
}

fn promised<O: Op>(node: &Node<O>) -> Option<Held<O::Value>> {
    match node {
        Node::Value(held) if held.is_promised() => Some(Held::clone(held)),
        _ => None,
    }
}

fn lost(digest: Digest) -> GraphError {
    let source = io::Error::other("it was promised by another scheduler");
    let (key, path) = (Key::new(format!("promised-{digest}"), []), PathBuf::new());
    GraphError::Scratch { key, path, access: Access::Read, task: None, source }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
