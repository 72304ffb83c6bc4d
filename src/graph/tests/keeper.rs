//! What a keeper is shown.

use std::sync::Mutex;

use super::super::{Cancel, Keeper, Key, Made, RunContext, Scheduler, TaskContext, Threads};
use super::{Block, diamonds};

/// Remembers what it is shown.
#[derive(Default)]
struct Shown(Mutex<Vec<(Key, u64, u64)>>);

impl Keeper<Block> for Shown {
    fn made(&self, made: &Made<'_, Block>) {
        assert!(made.seconds >= 0.0);
        self.0.lock().unwrap().push((made.key.clone(), made.value.number.to_bits(), made.bytes));
    }
}

fn shown(cancel: &Cancel) -> (Vec<(Key, u64, u64)>, u64) {
    let (shape, keeper) = (diamonds(5, [3, 5, 7], false), Shown::default());
    let context = TaskContext { cancel: cancel.clone() };
    let run = RunContext { keeper: Some(&keeper), context, ..RunContext::default() };
    let values = Threads::new(3).execute(shape.graph, &shape.targets, &run).unwrap();
    (keeper.0.into_inner().unwrap(), values[0].small().number.to_bits())
}

#[test]
fn keeper_is_shown_every_result_once_with_its_size() {
    let (mut seen, result) = shown(&Cancel::default());
    assert_eq!(seen.last().unwrap().1, result);
    seen.sort();
    seen.dedup_by(|a, b| a.0 == b.0);
    let tips = seen.iter().filter(|(key, _, bytes)| key.layer() == "tip" && *bytes == 3).count();
    assert_eq!((seen.len(), tips), (21, 6));
}

#[test]
fn nothing_is_shown_of_a_run_that_was_asked_to_end() {
    let cancel = Cancel::default();
    cancel.request();
    assert!(shown(&cancel).0.is_empty());
}
