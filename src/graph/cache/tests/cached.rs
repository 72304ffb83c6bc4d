//! The scheduler that runs only what a cache does not hold.

use std::collections::BTreeSet;

use proptest::prelude::*;
use tempfile::tempdir;

use super::super::super::task_graph::Node;

use super::*;

fn mix(kind: &'static str, parameter: u64, runs: &Runs) -> Mix {
    Mix { kind, parameter, len: 4, is_pure: true, pause: Duration::ZERO, runs: Arc::clone(runs) }
}

/// `read i -> sum -> scale(parameter) -> write`, and `other` beside it.
fn tree(scale: u64, runs: &Runs) -> (TaskGraph<Mix>, Vec<Key>) {
    let mut graph = TaskGraph::new();
    let reads: Vec<Key> = (0..3).map(|index| Key::new("read", [index])).collect();
    for (index, key) in (0..).zip(&reads) {
        graph.insert(key.clone(), mix("read", index, runs), vec![]).unwrap();
    }
    let [sum, scaled, write, other] = ["sum", "scale", "write", "other"].map(|layer| Key::new(layer, []));
    graph.insert(sum.clone(), mix("sum", 0, runs), reads).unwrap();
    graph.insert(scaled.clone(), mix("scale", scale, runs), vec![sum.clone()]).unwrap();
    let write_op = Mix { is_pure: false, ..mix("write", 0, runs) };
    graph.insert(write.clone(), write_op, vec![scaled.clone()]).unwrap();
    graph.insert(other.clone(), mix("other", 0, runs), vec![sum.clone()]).unwrap();
    (graph, vec![sum, scaled, write, other])
}

/// What was run since the last look.
fn ran(runs: &Runs) -> Vec<&'static str> {
    let mut ran = std::mem::take(&mut *runs.lock().unwrap());
    ran.sort_unstable();
    ran
}

fn values(scheduler: &dyn Scheduler<Mix>, (graph, targets): (TaskGraph<Mix>, Vec<Key>)) -> Vec<Arc<Numbers>> {
    let run = RunContext::default();
    let held = scheduler.execute(graph, &targets, &run).unwrap();
    held.iter().map(|held| fetch(scheduler, held, &run).unwrap()).collect()
}

#[test]
fn second_run_computes_only_what_has_no_digest() {
    let (runs, cache) = (Runs::default(), Cache::in_memory(1 << 20));
    let cached = Cached::new(&Serial, &cache);
    let first = values(&cached, tree(7, &runs));
    assert_eq!(ran(&runs), ["other", "read", "read", "read", "scale", "sum", "write"]);
    assert_eq!(values(&cached, tree(7, &runs)), first);
    assert_eq!(ran(&runs), ["write"]);
    assert_eq!(cached.usage(), CacheUse { tasks: 14, taken: 3, run: 8 });
}

#[test]
fn shared_result_is_kept_though_nobody_asked_for_it_and_it_took_no_time() {
    let (runs, cache) = (Runs::default(), Cache::in_memory(1 << 24));
    let cached = Cached::new(&Serial, &cache);
    let large = |kind, parameter| Mix { len: 1 << 15, ..mix(kind, parameter, &runs) };
    let chain = |parameter| {
        let mut graph = TaskGraph::new();
        let keys = ["read", "shared", "other", "end"].map(|layer| Key::new(layer, []));
        for (place, (key, parameter)) in keys.iter().zip([0, 0, parameter, parameter]).enumerate() {
            let kind = ["read", "shared", "other", "end"][place];
            let before = keys[..place].last().cloned().into_iter().collect();
            graph.insert(key.clone(), large(kind, parameter), before).unwrap();
        }
        (graph, keys[3..].to_vec())
    };
    values(&cached, chain(1));
    assert_eq!(ran(&runs), ["end", "other", "read", "shared"]);
    values(&cached, chain(2));
    assert_eq!(ran(&runs), ["end", "other"]);
}

#[test]
fn changed_parameter_recomputes_what_depends_on_it() {
    let (runs, cache) = (Runs::default(), Cache::in_memory(1 << 20));
    let cached = Cached::new(&Serial, &cache);
    values(&cached, tree(7, &runs));
    ran(&runs);
    let changed = values(&cached, tree(8, &runs));
    assert_eq!(ran(&runs), ["scale", "write"]);
    assert_eq!(changed, values(&Serial, tree(8, &runs)));
}

#[test]
fn another_scheduler_over_the_same_folder_finds_what_the_first_left() {
    let (runs, folder) = (Runs::default(), tempdir().unwrap());
    for expected in [7, 1, 1] {
        let cache = Cache::on_disk(folder.path(), 1 << 20, CODEC).unwrap();
        values(&Cached::new(&Threads::new(2), &cache), tree(7, &runs));
        assert_eq!(ran(&runs).len(), expected);
    }
}

#[test]
fn intermediate_result_is_kept_where_it_took_long_for_its_size() {
    for (pause, expected) in [(Duration::from_millis(20), true), (Duration::ZERO, false)] {
        let (runs, cache) = (Runs::default(), Cache::in_memory(1 << 20));
        let mut graph = TaskGraph::new();
        let (slow, end) = (Key::new("slow", []), Key::new("end", []));
        graph.insert(slow.clone(), Mix { pause, len: 10_000, ..mix("slow", 1, &runs) }, vec![]).unwrap();
        graph.insert(end.clone(), mix("end", 2, &runs), vec![slow]).unwrap();
        values(&Cached::new(&Serial, &cache), (graph, vec![end]));
        let digest = mix("slow", 1, &runs);
        let digest = Digest::join([Mix { len: 10_000, ..digest }.digest().unwrap()]);
        assert_eq!(cache.contains(digest), expected, "{pause:?}");
    }
}

#[test]
fn nothing_is_kept_of_a_run_that_was_asked_to_end() {
    let (runs, cache) = (Runs::default(), Cache::in_memory(1 << 20));
    let cached = Cached::new(&Serial, &cache);
    let context = TaskContext::default();
    context.cancel.request();
    let (graph, targets) = tree(7, &runs);
    let held = cached.execute(graph, &targets, &RunContext { context, ..RunContext::default() }).unwrap();
    assert!(held.iter().all(|held| held.digest.is_none()));
    assert_eq!(cache.stats().results, 0);
}

#[test]
fn errors_of_the_graph_are_told_as_ever() {
    let cache = Cache::in_memory(1 << 20);
    let (graph, _) = tree(7, &Runs::default());
    let error = Cached::new(&Serial, &cache).execute(graph, &[Key::new("nowhere", [])], &RunContext::default());
    assert!(matches!(error.err().unwrap(), GraphError::Missing { .. }));
}

/// One graph per step, each from the large value of the one before: `large -> long(step) -> large, small`.
fn walk(scheduler: &dyn Scheduler<Mix>, steps: u64, runs: &Runs) -> (Vec<u64>, Numbers) {
    let run = RunContext::default();
    let mut small = Vec::new();
    let mut state: Option<Held<Numbers>> = None;
    for step in 0..steps {
        let mut graph = TaskGraph::new();
        let [before, large, number] = ["before", "large", "number"].map(|layer| Key::new(layer, []));
        let given = match state.take() {
            Some(held) => graph.insert_value(before.clone(), held).map(|()| vec![before]).unwrap(),
            None => vec![],
        };
        graph.insert(large.clone(), Mix { len: 10_000, ..mix("large", step, runs) }, given).unwrap();
        graph.insert(number.clone(), mix("number", 0, runs), vec![large.clone()]).unwrap();
        let mut held = scheduler.execute(graph, &[number, large], &run).unwrap();
        state = held.pop();
        small.push(held[0].small()[0]);
    }
    let end = fetch(scheduler, &state.unwrap(), &run).unwrap();
    (small, (*end).clone())
}

#[test]
fn long_run_goes_on_where_it_was_although_its_early_states_left_the_cache() {
    let (runs, folder) = (Runs::default(), tempdir().unwrap());
    let expected = walk(&Serial, 50, &runs);
    ran(&runs);
    // room for the numbers of all steps, and two states of 80 kB
    let open = || Cache::on_disk(folder.path(), 200_000, CODEC).unwrap();
    walk(&Cached::new(&Serial, &open()), 30, &runs);
    assert_eq!(ran(&runs).len(), 60);
    let cache = open();
    assert_eq!(cache.stats().results, 32);
    let cached = Cached::new(&Serial, &cache);
    assert_eq!(walk(&cached, 50, &runs), expected);
    assert_eq!(ran(&runs).len(), 40, "the 20 new steps and nothing else");
}

#[test]
fn promised_state_that_is_lost_is_computed_again_from_the_last_one_that_is_there() {
    let (runs, folder) = (Runs::default(), tempdir().unwrap());
    let expected = walk(&Serial, 12, &runs);
    {
        let cache = Cache::on_disk(folder.path(), 1 << 30, CODEC).unwrap();
        walk(&Cached::new(&Serial, &cache), 10, &runs);
    }
    let mut large: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap()).collect();
    large.retain(|entry| entry.metadata().unwrap().len() > 80_000);
    // by the time that they took from the beginning of the run, which a file tells before its checksum
    large.sort_by_key(|entry| std::fs::read(entry.path()).unwrap()[24..32].iter().rev().copied().collect::<Vec<u8>>());
    assert_eq!(large.len(), 10);
    for entry in &large[6..] {
        std::fs::write(entry.path(), "damaged").unwrap();
    }
    let cache = Cache::on_disk(folder.path(), 1 << 30, CODEC).unwrap();
    ran(&runs);
    assert_eq!(walk(&Cached::new(&Serial, &cache), 12, &runs), expected);
    assert_eq!((count(&runs, "large"), count(&runs, "number")), (4 + 2, 2));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn values_are_those_of_a_run_without_a_cache_whatever_it_holds(
        links in prop::collection::vec((prop::collection::btree_set(0_usize..12, 0..4), any::<bool>(), 0_u8..4), 3..14),
        limit in 0_u64..400_000,
        changed in 0_usize..14,
    ) {
        let runs = Runs::default();
        let graph = |parameter: u64| {
            let mut graph = TaskGraph::new();
            for (index, (inputs, is_large, what)) in links.iter().enumerate() {
                let inputs: BTreeSet<usize> = inputs.iter().copied().filter(|&input| input < index).collect();
                let op = Mix {
                    len: if *is_large { 10_000 } else { 2 },
                    is_pure: *what != 0,
                    ..mix("node", index as u64 + if index == changed { parameter } else { 0 }, &runs)
                };
                let inputs = inputs.into_iter().map(|input| Key::new("node", [input as u32])).collect();
                graph.insert(Key::new("node", [index as u32]), op, inputs).unwrap();
            }
            let targets = (0..links.len()).filter(|index| links[*index].2 > 1).map(|index| Key::new("node", [index as u32]));
            let targets = targets.collect();
            (graph, targets)
        };
        let cache = Cache::in_memory(limit);
        let cached = Cached::new(&Serial, &cache);
        for parameter in [0, 0, 100, 0] {
            prop_assert_eq!(values(&cached, graph(parameter)), values(&Serial, graph(parameter)));
        }
    }
}

/// Looks at the values that a graph is given, and runs it.
struct Spy(Mutex<Vec<bool>>);

impl Scheduler<Mix> for Spy {
    fn execute(
        &self,
        graph: TaskGraph<Mix>,
        targets: &[Key],
        run: &RunContext<'_, Numbers>,
    ) -> Result<Vec<Held<Numbers>>, GraphError> {
        let given = graph.nodes().filter_map(|(_, node)| match node {
            Node::Value(held) => Some(held.is_alone_in_memory()),
            Node::Task { .. } => None,
        });
        self.0.lock().unwrap().extend(given);
        Serial.execute(graph, targets, run)
    }
}

#[test]
fn values_given_to_a_graph_are_held_by_nobody_else_while_it_runs() {
    let (runs, folder, spy) = (Runs::default(), tempdir().unwrap(), Spy(Mutex::default()));
    let cache = Cache::on_disk(folder.path(), 1 << 30, CODEC).unwrap();
    walk(&Cached::new(&spy, &cache), 5, &runs);
    assert_eq!(*spy.0.lock().unwrap(), [true; 4], "each step but the first is given the state before it");
}

#[test]
fn what_is_asked_for_by_another_name_is_found_too() {
    let (runs, cache) = (Runs::default(), Cache::in_memory(1 << 20));
    let cached = Cached::new(&Serial, &cache);
    let graph = |parameter: u64| {
        let mut graph = TaskGraph::new();
        let [real, name, end] = ["real", "name", "end"].map(|layer| Key::new(layer, []));
        graph.insert(real.clone(), mix("real", 0, &runs), vec![]).unwrap();
        graph.alias(name.clone(), real).unwrap();
        graph.insert(end.clone(), mix("end", parameter, &runs), vec![name.clone(), name.clone()]).unwrap();
        (graph, vec![end, name])
    };
    let first = values(&cached, graph(0));
    assert_eq!(values(&cached, graph(0)), first);
    assert_eq!(ran(&runs), ["end", "real"]);
    assert_eq!(values(&cached, graph(1)), values(&Serial, graph(1)));
    assert_eq!(ran(&runs), ["end", "end", "real"]);
}
