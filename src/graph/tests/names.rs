//! Keys, and the table that finds them.

use std::sync::Arc;

use proptest::prelude::*;

use super::super::places::Places;
use super::super::{Held, Key};
use super::{Block, Shape, map};

#[test]
fn a_key_is_printed_as_its_layer_and_its_place() {
    let texts =
        [Key::new("end", []), Key::new("row", [7]), Key::new("clean-3f2a", [0, 3, 5])].map(|key| key.to_string());
    assert_eq!(texts, ["end", "row(7)", "clean-3f2a(0, 3, 5)"]);
}

#[test]
fn keys_of_one_layer_share_its_name() {
    let [a, b] = [0, 1].map(|index| Key::new("shared-name", [index]));
    assert!(std::ptr::eq(a.layer(), b.layer()));
    let elsewhere = std::thread::spawn(|| Key::new(String::from("shared-name"), vec![0])).join().unwrap();
    assert_eq!(a, elsewhere);
    assert_eq!(a.hashed(), elsewhere.hashed());
}

#[test]
fn a_table_finds_among_places_of_one_hash_the_right_one() {
    let mut places = Places::default();
    for place in 0..100 {
        assert_eq!(places.find(7, |found| found == place), None);
        places.add(7, place);
    }
    assert!((0..100).all(|place| places.find(7, |found| found == place) == Some(place)));
    assert_eq!(places.find(8, |_| true), None);
}

proptest! {
    #[test]
    fn keys_are_ordered_by_layer_then_place_whether_or_not_they_share_the_name(
        names in prop::collection::vec(("[a-c]{1,2}", prop::collection::vec(0..3_u32, 0..6)), 2..20),
    ) {
        let mut names = names;
        let mut keys: Vec<Key> = names.iter().map(|(layer, index)| Key::new(Arc::<str>::from(layer.as_str()), index)).collect();
        keys.sort();
        names.sort();
        prop_assert!(keys.iter().zip(&names).all(|(key, (layer, index))| (key.layer(), key.index()) == (layer, index)));
    }

    #[test]
    fn a_graph_finds_every_key_it_was_given_and_no_other(numbers in prop::collection::hash_set(any::<u32>(), 0..200)) {
        let mut shape = Shape::default();
        for &number in &numbers {
            let value = Held::new(Block::new(0.0, 0, &shape.gauge), 0);
            shape.graph.insert_value(Key::new("value", [number]), value).unwrap();
        }
        prop_assert_eq!(shape.graph.len(), numbers.len());
        for number in 0..400 {
            prop_assert_eq!(shape.graph.contains(&Key::new("value", [number])), numbers.contains(&number));
        }
        prop_assert!(numbers.iter().all(|&number| shape.graph.contains(&Key::new("value", [number]))));
        prop_assert!(shape.graph.keys().is_sorted());
    }
}

#[test]
fn a_culled_or_merged_graph_still_finds_its_keys() {
    let shape = map(40, [1; 3], false);
    let mut graph = shape.graph.cull(&shape.targets[10..20]);
    let other = map(40, [1; 3], false);
    graph.merge(other.graph.cull(&other.targets[20..30])).unwrap();
    assert_eq!(graph.len(), 60);
    assert!((0..40).all(|index| graph.contains(&Key::new("mix", [index])) == (10..30).contains(&index)));
}
