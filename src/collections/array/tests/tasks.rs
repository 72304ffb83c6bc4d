//! The graphs of arrays: how many tasks, which of them become one, what they declare.

use super::*;
use crate::graph::{Op, forecast, optimise};

fn fused<T: Element>(array: &Array<T>) -> TaskGraph<ArrayOp> {
    let (graph, keys) = array.graph().unwrap();
    optimise(graph, &keys).unwrap().graph
}

fn kinds(graph: &TaskGraph<ArrayOp>) -> Vec<&'static str> {
    let mut kinds: Vec<_> = graph.tasks().map(|(_, kind, _)| kind).collect();
    kinds.sort_unstable();
    kinds.dedup();
    kinds
}

#[test]
fn random_numbers_arithmetic_and_their_sum_become_one_task_for_each_chunk() {
    let x = Array::<f64>::normal(1, (10.0, 0.1), [400, 300], 100).unwrap();
    let graph = fused(&(&(&x * 2.0) + 1.0).mean(&[0]).unwrap());
    assert_eq!(graph.tasks().count(), 12 + 3);
    assert_eq!(kinds(&graph), ["combine", "normal+mul+add+mean"]);
}

#[test]
fn a_slice_makes_only_the_random_numbers_that_it_takes() {
    let x = Array::<f64>::normal(1, (10.0, 0.1), [400, 300], 100).unwrap();
    let part = (&x * 2.0).slice(&[cut(..).step(10), cut(5)]).unwrap();
    let graph = fused(&part);
    assert_eq!(graph.tasks().count(), 4);
    let keys = part.graph().unwrap().1;
    assert_eq!(forecast(&graph, &keys, 1).unwrap().peak_bytes / 8, 40 + 10, "ten at a time, and what is made of them");
    assert_eq!(part.compute().unwrap(), x.compute().unwrap().slice(ndarray::s![..;10, 5]).mapv(|v| v * 2.0).into_dyn());
}

#[test]
fn what_is_made_twice_alike_is_computed_once() {
    let x = || Array::<f64>::ones([15, 15], 5).unwrap();
    let (graph, _) = x().add(&x().t()).unwrap().graph().unwrap();
    assert_eq!(graph.tasks().count(), 9 + 9 + 9, "ones, their transposes, the sums");
    let y = x().t().add(&x()).unwrap();
    assert!(y.compute().unwrap().iter().all(|two| *two == 2.0));
}

#[test]
fn a_fused_reduction_of_a_large_chunk_holds_only_a_band_of_it() {
    let x = Array::<f64>::normal(1, (10.0, 0.1), [5000, 5000], WHOLE).unwrap();
    for axis in [0, 1] {
        let mean = x.mean(&[axis]).unwrap();
        let keys = mean.graph().unwrap().1;
        let peak = forecast(&fused(&mean), &keys, 1).unwrap().peak_bytes;
        assert!(peak < x.bytes() / 50, "{peak} bytes along axis {axis}");
    }
    let small = Array::<f64>::normal(1, (10.0, 0.1), [3000, 700], 50).unwrap();
    let large = Array::<f64>::normal(1, (10.0, 0.1), [3000, 700], WHOLE).unwrap();
    for axis in [0, 1] {
        assert_eq!(small.mean(&[axis]).unwrap().compute().unwrap(), large.mean(&[axis]).unwrap().compute().unwrap());
    }
}

#[test]
fn declared_bytes_are_those_of_the_values() {
    let x = Array::<f32>::normal(1, (10.0, 0.1), [40, 30], [16, 30]).unwrap();
    let watched = [x.mean(&[0]).unwrap(), x.sum(&[1]).unwrap(), x.overlap(&[1, 2], Boundary::Nearest).unwrap()];
    for array in watched {
        let (graph, keys) = array.graph().unwrap();
        let held = Compute::new().run(graph, &keys).unwrap();
        for value in held {
            let bytes = value.value().unwrap().block().unwrap().unwrap().bytes();
            assert_eq!(value.bytes, bytes);
        }
    }
    let block = Block::F64(x.cast().compute().unwrap());
    let partial = Partial::of(Reduction::Sum.fold(), 0, 5, &block);
    assert_eq!(reduce::parts(5, 40) * 30, partial.cells());
}

#[test]
fn operations_are_data_except_those_of_the_user() {
    let plain = Array::<f64>::normal(1, (0.0, 1.0), [8, 8], 4).unwrap().rfft2().unwrap().abs().mean(&[0]).unwrap();
    let copied = layer::graph_through(&plain.layer, |op| {
        let bytes = postcard::to_stdvec(&op).unwrap();
        let again: ArrayOp = postcard::from_bytes(&bytes).unwrap();
        assert_eq!(again.digest(), op.digest());
        assert!(op.digest().is_some());
        again
    });
    let held = Compute::new().run(copied.unwrap(), &plain.layer.keys()).unwrap();
    assert_eq!(plain.assemble(&held).unwrap(), plain.compute().unwrap());
    let custom = ramp(4).map("twice", |v| 2.0 * v);
    let checked = layer::graph_through(&custom.layer, |op| {
        assert!(op.kind() != "twice" || (op.digest().is_none() && postcard::to_stdvec(&op).is_err()));
        op
    });
    assert!(checked.is_ok());
}

/// Tasks that are run where the array is computed.
fn run_tasks<T: Element>(array: &Array<T>) -> usize {
    optimise(layer::lean(&array.layer).unwrap(), &array.layer.keys()).unwrap().graph.tasks().count()
}

#[test]
fn chunks_too_small_for_a_task_are_joined_under_a_reduction() {
    let x = |chunk: usize| Array::<f64>::normal(1, (10.0, 0.1), [3000, 300], chunk).unwrap();
    let mean = |chunk: usize| (&x(chunk) * 2.0).mean(&[0]).unwrap();
    let (graph, keys) = mean(20).graph().unwrap();
    assert_eq!(optimise(graph, &keys).unwrap().graph.tasks().count(), 15 * (150 + 10 + 1), "as many as chunks");
    assert!(run_tasks(&mean(20)) < 15 * 20, "a task for each column of chunks, or a few");
    assert!(run_tasks(&mean(300)) <= 10 + 1, "large chunks are tasks of their own");
    assert_eq!(mean(20).compute().unwrap(), mean(WHOLE).compute().unwrap());
}

#[test]
fn small_chunks_that_others_need_too_are_made_once() {
    let x = Array::<f64>::normal(1, (10.0, 0.1), [300, 40], 20).unwrap();
    let apart = (&x - 10.0).powi(2).mean(&[0]).unwrap().add(&x.mean(&[0]).unwrap()).unwrap();
    let lean = layer::lean(&apart.layer).unwrap();
    assert_eq!(lean.tasks().filter(|(_, kind, _)| *kind == "normal").count(), 15 * 2);
    assert_eq!(lean.len(), apart.graph().unwrap().0.len());
}

#[test]
fn arrays_that_differ_in_their_chunks_alone_are_not_taken_for_each_other() {
    let sum = |length: usize, chunk: usize| Array::<f64>::ones([length], chunk).unwrap().sum(&[0]).unwrap();
    let both = sum(10, 5).add(&sum(8, 4)).unwrap();
    assert_eq!(both.compute().unwrap()[[]], 18.0);
}

#[test]
fn pictures_are_drawn_as_svg_and_as_dot() {
    let folder = tempfile::tempdir().unwrap();
    let x = Array::<f64>::ones([15, 15], 5).unwrap();
    let y = x.add(&x.t()).unwrap();
    for (name, start) in [("x.svg", "<svg"), ("x.dot", "digraph")] {
        let path = folder.path().join(name);
        y.visualize(&path, &Look::default()).unwrap();
        let text = std::fs::read_to_string(path).unwrap();
        assert!(text.starts_with(start) && text.contains("transpose"), "{text:.200}");
    }
}
