//! Building, culling and checking a graph, and what its errors say.

use std::sync::Arc;

use super::super::{GraphError, Held, Key, RunContext, Scheduler, Serial, TaskGraph};
use super::{NoLuck, Shape, chain, map};

fn keys(names: &[&str]) -> Vec<Key> {
    names.iter().map(|&name| Key::new(name, [])).collect()
}

#[test]
fn a_cycle_is_named_by_the_keys_around_it_without_the_way_there() {
    // end -> a -> b -> c -> a
    let [a, b, c, end] = keys(&["a", "b", "c", "end"]).try_into().unwrap();
    let mut shape = Shape::default();
    shape.task(&a, 1, std::slice::from_ref(&b));
    shape.task(&b, 1, std::slice::from_ref(&c));
    shape.task(&c, 1, std::slice::from_ref(&a));
    shape.task(&end, 1, std::slice::from_ref(&a));
    let error = shape.graph.check(&[end]).unwrap_err();
    assert_eq!(error.to_string(), "tasks need each other in a circle: a needs b needs c needs a");
    assert!(matches!(error, GraphError::Cycle { keys } if keys == [a, b, c]));
}

#[test]
fn a_task_that_needs_itself_is_a_cycle() {
    let own = Key::new("own", [3]);
    let mut shape = Shape::default();
    shape.task(&own, 1, std::slice::from_ref(&own));
    let error = shape.graph.check(std::slice::from_ref(&own)).unwrap_err();
    assert_eq!(error.to_string(), "tasks need each other in a circle: own(3) needs own(3)");
}

#[test]
fn a_missing_dependency_is_named_with_the_task_that_asked_for_it() {
    let [there, gone] = keys(&["there", "gone"]).try_into().unwrap();
    let mut shape = Shape::default();
    shape.task(&there, 1, std::slice::from_ref(&gone));
    let error = shape.graph.check(std::slice::from_ref(&there)).unwrap_err();
    assert_eq!(error.to_string(), "no task or value named gone in the graph, but there depends on it");
    assert!(matches!(error, GraphError::Missing { key, wanted_by } if key == gone && wanted_by == Some(there)));
}

#[test]
fn a_missing_target_is_named_and_nothing_runs() {
    let shape = map(3, [1; 3], false);
    let error = Serial.execute(shape.graph, &keys(&["nowhere"]), &RunContext::default()).err().unwrap();
    assert_eq!(error.to_string(), "no task or value named nowhere in the graph, but the run asks for it");
    assert_eq!(shape.gauge.most(), 0);
}

#[test]
fn what_no_target_needs_is_not_checked() {
    let mut shape = map(2, [1; 3], false);
    shape.task(&Key::new("broken", []), 1, &keys(&["gone"]));
    assert!(shape.graph.check(&shape.targets).is_ok());
}

#[test]
fn a_key_cannot_be_inserted_twice() {
    let mut shape = map(1, [1; 3], false);
    let key = shape.targets[0].clone();
    let value = super::Block::new(0.0, 1, &shape.gauge);
    let error = shape.graph.insert_value(key.clone(), Held::new(value, 0)).unwrap_err();
    assert_eq!(error.to_string(), "write(0) is already in the graph: a key names one task or value");
    assert_eq!(shape.graph.tasks().last().unwrap().0, &key);
}

#[test]
fn merging_joins_graphs_and_refuses_a_shared_key_without_a_change() {
    let mut shape = map(2, [1; 3], false);
    shape.graph.merge(chain(2, [1; 3], false).graph).unwrap();
    assert_eq!(shape.graph.len(), 9);
    let error = shape.graph.merge(map(1, [1; 3], false).graph).unwrap_err();
    assert!(matches!(error, GraphError::Duplicate { key } if key == Key::new("mix", [0])));
    assert_eq!(shape.graph.len(), 9);
}

#[test]
fn culling_keeps_what_the_target_needs_and_drops_the_rest() {
    let mut shape = map(5, [1; 3], false);
    shape.value(&Key::new("unused", []), 100);
    let graph = shape.graph.cull(&shape.targets[2..3]);
    let left: Vec<String> = graph.keys().map(ToString::to_string).collect();
    assert_eq!(left, ["mix(2)", "read(2)", "write(2)"]);
    assert_eq!(shape.gauge.held(), 0);
}

#[test]
fn the_typed_error_of_a_task_comes_back_with_its_key() {
    let mut shape = Shape::default();
    let key = Key::new("bad", [7, 8]);
    shape.act(&key, super::Act::Fail, &[]);
    let error = Serial.execute(shape.graph, std::slice::from_ref(&key), &RunContext::default()).err().unwrap();
    assert_eq!(error.to_string(), "task bad(7, 8) (act) failed");
    assert_eq!(std::error::Error::source(&error).unwrap().to_string(), "no luck with 0");
    let other = error.into_task_error::<std::io::Error>().unwrap_err();
    let (task, own) = other.into_task_error::<NoLuck>().unwrap();
    assert_eq!((task.key, own), (key, NoLuck(0.0)));
}

#[test]
fn a_graph_without_targets_computes_nothing() {
    let shape = map(3, [1; 3], false);
    assert!(Serial.execute(shape.graph, &[], &RunContext::default()).unwrap().is_empty());
    assert!(TaskGraph::<super::Step>::default().is_empty());
    assert_eq!(Arc::strong_count(&shape.gauge), 1);
}
