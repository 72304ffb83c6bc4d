//! Each pass by itself, and that the values stay the same with all of them.

mod calc;
mod same;

use std::sync::Arc;

use super::super::{Digest, GraphError, Held, Key, RunContext, Scheduler, Serial, TaskGraph};
use super::{Optimised, optimise};
use calc::{Calc, Expr};

/// A graph in the making.
#[derive(Default)]
struct Sheet {
    graph: TaskGraph<Calc>,
}

impl Sheet {
    fn put(&mut self, name: &str, (expr, is_effect): (Expr, bool), inputs: &[&Key]) -> Key {
        let key = Key::new(name, []);
        let op = Calc { expr, inputs: inputs.len(), is_effect };
        self.graph.insert(key.clone(), op, inputs.iter().map(|&input| input.clone()).collect()).unwrap();
        key
    }

    fn read(&mut self, name: &str, file: u32, len: usize) -> Key {
        self.put(name, (Expr::Read { file, start: 0, len }, false), &[])
    }

    fn slice(&mut self, name: &str, of: &Key, (start, len): (usize, usize)) -> Key {
        self.put(name, (Expr::Slice(Box::new(Expr::Input(0)), start, len), false), &[of])
    }

    fn scale(&mut self, name: &str, of: &Key, factor: f64) -> Key {
        self.put(name, (Expr::Scale(Box::new(Expr::Input(0)), factor), false), &[of])
    }

    fn add(&mut self, name: &str, a: &Key, b: &Key) -> Key {
        self.put(name, (Expr::Add(Box::new(Expr::Input(0)), Box::new(Expr::Input(1))), false), &[a, b])
    }

    fn sum(&mut self, name: &str, of: &Key) -> Key {
        self.put(name, (Expr::Sum(Box::new(Expr::Input(0))), false), &[of])
    }

    /// Optimises, and gives the tasks left as `key = expression of inputs`, and how many nodes went by pass.
    fn optimised(self, targets: &[&Key]) -> (Vec<String>, [usize; 5]) {
        let targets: Vec<Key> = targets.iter().map(|&key| key.clone()).collect();
        let Optimised { graph, passes } = optimise(self.graph, &targets).unwrap();
        let names: Vec<&str> = passes.iter().map(|pass| pass.pass).collect();
        assert_eq!(names, ["cull", "aliases", "deduplicate", "push down", "fuse"]);
        assert!(passes.windows(2).all(|pair| pair[0].after == pair[1].before));
        (told(&graph), [0, 1, 2, 3, 4].map(|pass| passes[pass].before - passes[pass].after))
    }
}

fn told(graph: &TaskGraph<Calc>) -> Vec<String> {
    use super::super::task_graph::Node;
    let tasks = graph.nodes().filter_map(|(key, node)| match node {
        Node::Task { op, dependencies } => {
            let inputs: Vec<String> = dependencies.iter().map(ToString::to_string).collect();
            Some(format!("{key} = {} of {}", op.expr, inputs.join(", ")).trim_end_matches(" of ").to_owned())
        }
        Node::Value(_) => None,
    });
    tasks.chain(graph.aliases().map(|(key, of)| format!("{key} is {of}"))).collect()
}

#[test]
fn a_chain_becomes_one_task_under_the_name_of_its_end() {
    let mut sheet = Sheet::default();
    let read = sheet.read("read", 0, 4);
    let twice = sheet.scale("twice", &read, 2.0);
    let sum = sheet.sum("sum", &twice);
    assert_eq!(sheet.optimised(&[&sum]), (vec!["sum = sum(2 * read 0 [0..4])".into()], [0, 0, 0, 0, 2]));
}

#[test]
fn an_element_wise_expression_takes_up_all_its_producers_and_keeps_the_order_of_inputs() {
    let mut sheet = Sheet::default();
    let given: Vec<Key> = (0..3).map(|index| Key::new("given", [index])).collect();
    for key in &given {
        sheet.graph.insert_value(key.clone(), Held::new(Arc::new(vec![1.0, 2.0]), 16)).unwrap();
    }
    let a = sheet.scale("a", &given[2], 2.0);
    let b = sheet.add("b", &given[0], &given[1]);
    let end = sheet.add("end", &a, &b);
    let (left, _) = sheet.optimised(&[&end]);
    assert_eq!(left, ["end = (2 * a + (b + c)) of given(2), given(0), given(1)"]);
}

#[test]
fn a_target_is_never_fused_away_and_a_result_with_two_users_stays() {
    let mut sheet = Sheet::default();
    let read = sheet.read("read", 0, 4);
    let twice = sheet.scale("twice", &read, 2.0);
    let thrice = sheet.scale("thrice", &twice, 3.0);
    let sum = sheet.sum("sum", &thrice);
    let other = sheet.sum("other", &thrice);
    let end = sheet.add("z", &sum, &other);
    // sum and other are the same: one task with one user twice, which therefore stays
    let (left, went) = sheet.optimised(&[&twice, &end]);
    assert_eq!(left, ["sum = sum(3 * a) of twice", "twice = 2 * read 0 [0..4]", "z = (a + b) of sum, sum"]);
    assert_eq!(went, [0, 0, 1, 0, 2]);
}

#[test]
fn what_is_made_small_does_not_wait_large_for_another_task() {
    // big (kept by two users) -> small is 1 number; end waits for two of them, which hold less than two bigs would
    let mut sheet = Sheet::default();
    let bigs = [0, 1].map(|file| sheet.read(&format!("big-{file}"), file, 1000));
    let smalls = [0, 1].map(|at| sheet.sum(&format!("small-{at}"), &bigs[at]));
    let others = [0, 1].map(|at| sheet.scale(&format!("other-{at}"), &bigs[at], 2.0));
    let end = sheet.add("end", &smalls[0], &smalls[1]);
    let (left, went) = sheet.optimised(&[&end, &others[0], &others[1]]);
    assert_eq!(went, [0; 5], "{left:?}");
}

#[test]
fn equal_tasks_become_one_and_a_target_keeps_its_name_as_an_alias() {
    let mut sheet = Sheet::default();
    let [read, again] = ["read", "read-again"].map(|name| sheet.read(name, 5, 4));
    let [a, b] = [("a", &read), ("b", &again)].map(|(name, of)| sheet.scale(name, of, 2.0));
    let (left, went) = sheet.optimised(&[&b, &a]);
    assert_eq!(left, ["b = 2 * read 5 [0..4]", "a is b"]);
    assert_eq!(went, [0, 0, 1, 0, 1], "one read fused, one task less and one alias more");
}

#[test]
fn given_values_with_one_digest_become_one_and_others_stay_apart() {
    let mut sheet = Sheet::default();
    let digests = [Some(Digest::of(b"x")), Some(Digest::of(b"x")), None, None];
    let sums: Vec<Key> = (0..)
        .zip(digests)
        .map(|(index, digest)| {
            let (key, mut held) = (Key::new("given", [index]), Held::new(Arc::new(vec![1.0; 9]), 72));
            held.digest = digest;
            sheet.graph.insert_value(key.clone(), held).unwrap();
            sheet.sum(&format!("sum-{index}"), &key)
        })
        .collect();
    let (left, went) = sheet.optimised(&sums.iter().collect::<Vec<_>>());
    assert_eq!(left[..3], ["sum-0 = sum(a) of given(0)", "sum-2 = sum(a) of given(2)", "sum-3 = sum(a) of given(3)"]);
    assert_eq!((left[3].as_str(), left.len(), went[2]), ("sum-1 is sum-0", 4, 1));
}

#[test]
fn tasks_without_a_digest_are_never_joined() {
    let mut sheet = Sheet::default();
    let read = (Expr::Read { file: 0, start: 0, len: 4 }, true);
    let targets = ["a", "b"].map(|name| sheet.put(name, read.clone(), &[]));
    assert_eq!(sheet.optimised(&[&targets[0], &targets[1]]).1, [0; 5]);
}

#[test]
fn slices_of_a_read_become_reads_of_their_own() {
    let mut sheet = Sheet::default();
    let read = sheet.read("read", 0, 100);
    let tiles: Vec<Key> =
        (0..4_u8).map(|tile| sheet.slice(&format!("tile-{tile}"), &read, (20 * usize::from(tile), 30))).collect();
    let (left, went) = sheet.optimised(&tiles.iter().collect::<Vec<_>>());
    assert_eq!(left[..2], ["tile-0 = read 0 [0..30]", "tile-1 = read 0 [20..50]"]);
    assert_eq!((left.len(), went), (4, [0, 0, 0, 1, 0]));
}

#[test]
fn slices_of_slices_of_a_read_reach_the_read() {
    let mut sheet = Sheet::default();
    let read = sheet.read("read", 0, 100);
    let mut tiles = Vec::new();
    for half in 0..2 {
        let rows = sheet.slice(&format!("half-{half}"), &read, (50 * half, 50));
        tiles.extend([0, 1].map(|tile| sheet.slice(&format!("tile-{half}-{tile}"), &rows, (25 * tile, 20))));
    }
    let (left, went) = sheet.optimised(&tiles.iter().collect::<Vec<_>>());
    assert_eq!(left[3], "tile-1-1 = read 0 [75..95]");
    assert_eq!((left.len(), went), (4, [0, 0, 0, 3, 0]));
}

#[test]
fn a_read_stays_whole_where_one_user_takes_all_of_it_or_many_take_most() {
    let mut sheet = Sheet::default();
    let read = sheet.read("read", 0, 100);
    let ends = [sheet.slice("part", &read, (0, 10)), sheet.scale("whole", &read, 2.0)];
    assert_eq!(sheet.optimised(&[&ends[0], &ends[1]]).1, [0; 5]);
    let mut sheet = Sheet::default();
    let read = sheet.read("read", 0, 100);
    let most = [0, 1, 2].map(|at| sheet.slice(&format!("most-{at}"), &read, (at, 90)));
    assert_eq!(sheet.optimised(&[&most[0], &most[1], &most[2]]).1, [0; 5]);
}

#[test]
fn a_read_that_is_a_target_or_has_an_effect_is_not_repeated() {
    for is_effect in [false, true] {
        let mut sheet = Sheet::default();
        let read = sheet.put("read", (Expr::Read { file: 0, start: 0, len: 100 }, is_effect), &[]);
        let [a, b] = [("a", 0), ("b", 50)].map(|(name, start)| sheet.slice(name, &read, (start, 10)));
        let targets = if is_effect { vec![&a, &b] } else { vec![&a, &b, &read] };
        assert_eq!(sheet.optimised(&targets).1, [0; 5]);
    }
}

#[test]
fn aliases_lead_to_the_node_and_only_those_that_are_targets_stay() {
    let mut sheet = Sheet::default();
    let [first, second, third] = ["first", "second", "third"].map(|name| Key::new(name, []));
    sheet.graph.alias(first.clone(), second.clone()).unwrap();
    let read = sheet.read("read", 0, 4);
    sheet.graph.alias(second.clone(), read.clone()).unwrap();
    sheet.graph.alias(third.clone(), read).unwrap();
    let sum = sheet.sum("sum", &first);
    let (left, went) = sheet.optimised(&[&sum, &third]);
    assert_eq!(left, ["read = read 0 [0..4]", "sum = sum(a) of read", "third is read"]);
    assert_eq!(went, [0, 2, 0, 0, 0]);
}

#[test]
fn schedulers_follow_aliases_without_any_pass() {
    let mut sheet = Sheet::default();
    let read = sheet.read("read", 0, 4);
    let name = Key::new("name", []);
    sheet.graph.alias(name.clone(), read.clone()).unwrap();
    let sum = sheet.sum("sum", &name);
    let graph = sheet.graph.cull(&[sum.clone(), name.clone()]);
    assert_eq!(
        (graph.len(), graph.keys().cloned().collect::<Vec<_>>()),
        (3, vec![name.clone(), read.clone(), sum.clone()])
    );
    let values = Serial.execute(graph, &[name, sum, read], &RunContext::default()).unwrap();
    assert_eq!(values[0].small(), values[2].small());
    assert_eq!(values[1].small(), &[values[0].small().iter().sum::<f64>()]);
}

#[test]
fn aliases_of_each_other_are_a_cycle_and_an_alias_of_nothing_says_who_asked() {
    let mut sheet = Sheet::default();
    let [start, a, b, c] = ["start", "a", "b", "c"].map(|name| Key::new(name, []));
    for (key, of) in [(&start, &a), (&a, &b), (&b, &c), (&c, &a)] {
        sheet.graph.alias(key.clone(), of.clone()).unwrap();
    }
    let sum = sheet.sum("sum", &start);
    let Err(GraphError::Cycle { mut keys }) = sheet.graph.check(std::slice::from_ref(&sum)) else { panic!("a circle") };
    keys.sort();
    assert_eq!(keys, [a.clone(), b, c]);
    let error = sheet.graph.alias(a.clone(), sum).unwrap_err();
    assert!(matches!(error, GraphError::Duplicate { key } if key == a));
    let mut lost = Sheet::default();
    lost.graph.alias(start.clone(), a).unwrap();
    let error = lost.graph.check(&[start]).unwrap_err();
    assert_eq!(error.to_string(), "no task or value named a in the graph, but start depends on it");
}
