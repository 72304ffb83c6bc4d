//! Random graphs without circles, for properties.

use proptest::collection::vec;
use proptest::prelude::*;

use super::super::{Cost, Key};
use super::Shape;

/// One node: bytes, scratch, whether it is a given value, and what it depends on among the nodes before it.
type Draft = (u64, u64, bool, Vec<prop::sample::Index>);

/// Graphs of up to 40 nodes; what nothing depends on is a target, and a few others are too.
pub(super) fn any_shape() -> impl Strategy<Value = Shape> {
    any_shape_of(1)
}

/// The same with all sizes in so many bytes.
pub(super) fn any_shape_of(unit: u64) -> impl Strategy<Value = Shape> {
    let draft = (0..20_u64, 0..10_u64, prop::bool::weighted(0.15), vec(any::<prop::sample::Index>(), 0..4));
    let drafts = vec(draft, 1..40);
    (drafts, any::<bool>(), vec(any::<prop::sample::Index>(), 0..3)).prop_map(move |(mut drafts, backwards, also)| {
        drafts.iter_mut().for_each(|(bytes, scratch, ..)| (*bytes, *scratch) = (*bytes * unit, *scratch * unit));
        let mut shape = build(&drafts, backwards);
        for index in also {
            shape.targets.push(shape.key("node", index.index(drafts.len())));
        }
        shape
    })
}

fn build(drafts: &[Draft], backwards: bool) -> Shape {
    let mut shape = Shape { backwards, ..Shape::default() };
    let keys: Vec<Key> = (0..drafts.len()).map(|index| shape.key("node", index)).collect();
    let mut is_used = vec![false; keys.len()];
    for (place, (bytes, scratch, is_given, wanted)) in drafts.iter().enumerate() {
        if *is_given {
            shape.value(&keys[place], *bytes);
            continue;
        }
        let places: Vec<usize> = wanted.iter().filter(|_| place > 0).map(|index| index.index(place)).collect();
        for &used in &places {
            is_used[used] = true;
        }
        let dependencies: Vec<Key> = places.iter().map(|&used| keys[used].clone()).collect();
        let cost = Cost { flops: *bytes as f64, output_bytes: *bytes, scratch_bytes: *scratch };
        shape.costly(&keys[place], cost, &dependencies);
    }
    let ends = keys.iter().zip(is_used).filter(|&(_, is_used)| !is_used);
    shape.targets = ends.map(|(key, _)| key.clone()).collect();
    shape
}
