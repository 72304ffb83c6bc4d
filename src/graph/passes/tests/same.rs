//! With and without passes: the same bytes.

use std::sync::Arc;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

use super::super::super::{Digest, Held, Key, Place, RunContext, Scheduler, Serial, TaskGraph, Threads};
use super::super::optimise;
use super::calc::{Calc, Expr};
use super::told;

const LONGEST: usize = 16;

/// One node: what it is, two nodes before it, a slice, and whether it has an effect.
type Draft = (u8, [Index; 2], [Index; 2], bool);

/// Random sheets; short lists of constants make equal tasks likely.
fn any_sheet() -> impl Strategy<Value = (Vec<Draft>, Vec<Index>)> {
    let draft = (0..10_u8, any::<[Index; 2]>(), any::<[Index; 2]>(), prop::bool::weighted(0.1));
    (vec(draft, 1..30), vec(any::<Index>(), 1..5))
}

/// What stands behind a key.
enum Entry {
    Task(Calc, Vec<Key>),
    Value(f64, Option<Digest>),
    Alias(Key),
}

/// What one node is, and the length of its value, given the keys and lengths of those before it.
fn entry(draft: &Draft, before: &[(Key, usize)]) -> (Entry, usize) {
    let (what, of, cut, is_effect) = draft;
    let [a, b] = of.map(|index| if before.is_empty() { 0 } else { index.index(before.len()) });
    let len = |at: usize| before[at].1;
    let input = |number| Box::new(Expr::Input(number));
    let (expr, inputs, len) = match what {
        _ if before.is_empty() => (Expr::Read { file: 0, start: 0, len: LONGEST }, vec![], LONGEST),
        0 => (Expr::Read { file: a as u32 % 2, start: 0, len: LONGEST }, vec![], LONGEST),
        1 => return (Entry::Value((b % 2) as f64, (a % 2 == 0).then(|| Digest::of(&[b as u8 % 2]))), LONGEST),
        2 => return (Entry::Alias(before[a].0.clone()), len(a)),
        3..=5 => {
            let start = cut[0].index(len(a));
            let part = 1 + cut[1].index(len(a) - start);
            (Expr::Slice(input(0), start, part), vec![a], part)
        }
        6 => (Expr::Sum(input(0)), vec![a], 1),
        7 if len(a) == len(b) => (Expr::Add(input(0), input(1)), vec![a, b], len(a)),
        _ => (Expr::Scale(input(0), 1.0 + (b % 3) as f64 / 3.0), vec![a], len(a)),
    };
    let inputs: Vec<Key> = inputs.into_iter().map(|input| before[input].0.clone()).collect();
    (Entry::Task(Calc { expr, inputs: inputs.len(), is_effect: *is_effect }, inputs), len)
}

/// The graph of a sheet, put together forwards or backwards, and its keys.
fn build(drafts: &[Draft], backwards: bool) -> (TaskGraph<Calc>, Vec<Key>) {
    let (mut before, mut entries) = (Vec::new(), Vec::new());
    for (place, draft) in (0_u32..).zip(drafts) {
        let (entry, len) = entry(draft, &before);
        before.push((Key::new("node", [place ^ 5]), len));
        entries.push((before[before.len() - 1].0.clone(), entry));
    }
    if backwards {
        entries.reverse();
    }
    let mut graph = TaskGraph::new();
    for (key, entry) in entries {
        let inserted = match entry {
            Entry::Task(op, inputs) => graph.insert(key, op, inputs),
            Entry::Alias(of) => graph.alias(key, of),
            Entry::Value(number, digest) => {
                let place = Place::Memory(Arc::new(vec![number; LONGEST]));
                graph.insert_value(key, Held::at(place, 8 * LONGEST as u64, digest))
            }
        };
        inserted.unwrap();
    }
    (graph, before.into_iter().map(|(key, _)| key).collect())
}

fn bits(values: Vec<Held<Vec<f64>>>) -> Vec<Vec<u64>> {
    values.iter().map(|held| held.small().iter().map(|number| number.to_bits()).collect()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn values_of_the_targets_are_the_same_with_and_without_passes((drafts, wanted) in any_sheet()) {
        let (graph, keys) = build(&drafts, false);
        let targets: Vec<Key> = wanted.iter().map(|index| keys[index.index(keys.len())].clone()).collect();
        let plain = bits(Serial.execute(graph, &targets, &RunContext::default()).unwrap());
        let optimised = optimise(build(&drafts, false).0, &targets).unwrap();
        prop_assert!(optimised.passes.iter().all(|pass| pass.after <= pass.before));
        prop_assert!(targets.iter().all(|key| optimised.graph.contains(key)));
        let left = optimised.graph.tasks().count();
        let again = optimise(optimised.graph, &targets).unwrap();
        prop_assert_eq!(again.graph.tasks().count(), left, "nothing is left to do");
        let threads = Threads::new(2);
        let values = threads.execute(again.graph, &targets, &RunContext::default()).unwrap();
        prop_assert_eq!(bits(values), plain);
    }

    #[test]
    fn passes_do_the_same_whatever_the_order_of_insertion((drafts, wanted) in any_sheet()) {
        let (graph, keys) = build(&drafts, false);
        let targets: Vec<Key> = wanted.iter().map(|index| keys[index.index(keys.len())].clone()).collect();
        let backwards = optimise(build(&drafts, true).0, &targets).unwrap();
        let forwards = optimise(graph, &targets).unwrap();
        prop_assert_eq!(backwards.passes, forwards.passes);
        prop_assert_eq!(told(&backwards.graph), told(&forwards.graph));
    }
}
