//! The static order: every dependency first, and a low peak.

use std::collections::HashSet;

use proptest::prelude::*;

use super::super::ledger::serial_peak as peak;
use super::super::net::Net;
use super::super::order::{Family, best, breadth_first, by_key, depth_first, order};
use super::house::{clean_cycle, overlap, rechunk, wiener_plane};
use super::random::any_shape;
use super::{SHAPES, Shape, Sizes, chain, diamonds, map, map_reduce, transpose};

fn by_release(net: &Net) -> Vec<u32> {
    depth_first(net, &Family::by_release(net))
}

fn net(shape: &Shape) -> Net {
    Net::new(&shape.graph, &shape.targets).unwrap()
}

fn assert_order_is_sound(shape: &Shape) {
    let net = net(shape);
    let candidates = [by_release(&net), by_key(&net), breadth_first(&net), best(&net)];
    for order in candidates {
        let mut seen = HashSet::new();
        for &task in &order {
            assert!(net.deps.of(task).iter().all(|&dep| !net.is_task(dep) || seen.contains(&dep)));
            assert!(seen.insert(task), "task {task} stands twice");
        }
        assert_eq!(seen.len(), net.tasks().count());
    }
}

proptest! {
    #[test]
    fn every_task_stands_once_and_after_its_dependencies(shape in any_shape()) {
        assert_order_is_sound(&shape);
    }

    #[test]
    fn peak_is_never_above_breadth_first_on_random_graphs(shape in any_shape()) {
        let net = net(&shape);
        prop_assert!(peak(&net, &best(&net)) <= peak(&net, &breadth_first(&net)));
    }

    #[test]
    fn peak_is_never_above_breadth_first_on_any_shape(
        which in 0..SHAPES.len(),
        count in 1..30_usize,
        sizes in any::<[u8; 3]>(),
        backwards in any::<bool>(),
    ) {
        let sizes: Sizes = sizes.map(u64::from);
        let shape = SHAPES[which].1(count, sizes, backwards);
        assert_order_is_sound(&shape);
        let net = net(&shape);
        prop_assert!(peak(&net, &best(&net)) <= peak(&net, &breadth_first(&net)), "{}", SHAPES[which].0);
    }

    // Not so for overlapping tiles: there breadth first replaces one round by the next, tile by tile.
    #[test]
    fn depth_first_needs_no_help_from_breadth_first_when_results_are_alike(
        which in 0..SHAPES.len(),
        count in 1..30_usize,
        backwards in any::<bool>(),
    ) {
        prop_assume!(SHAPES[which].0 != "overlap");
        let net = net(&SHAPES[which].1(count, [8; 3], backwards));
        let breadth_first = peak(&net, &breadth_first(&net));
        prop_assert!(peak(&net, &by_release(&net)) <= breadth_first);
        prop_assert!(peak(&net, &by_key(&net)) <= breadth_first);
    }
}

#[test]
fn a_map_finishes_one_line_before_it_begins_the_next() {
    // read 0 -> mix 0 -> write 0   (100 times; written results are small and stay)
    for backwards in [false, true] {
        let net = net(&map(100, [1000, 1000, 1], backwards));
        assert!(peak(&net, &best(&net)) <= 2 * 1000 + 100);
        assert!(peak(&net, &breadth_first(&net)) >= 100 * 1000);
    }
}

#[test]
fn a_map_reduce_holds_one_sum_per_level() {
    // r0 r1 r2 r3 ...      64 reads
    //  \ /   \ /           6 levels of sums
    //  s0    s1  ...
    for backwards in [false, true] {
        let net = net(&map_reduce(64, [10, 10, 0], backwards));
        assert!(peak(&net, &best(&net)) <= (6 + 2) * 10);
        assert!(peak(&net, &breadth_first(&net)) >= 64 * 10);
    }
}

#[test]
fn a_transpose_holds_its_slabs_and_blocks_once() {
    let net = net(&transpose(20, [100, 90, 80], false));
    assert!(peak(&net, &best(&net)) <= 20 * 100 + 21 * 90);
}

#[test]
fn chains_and_diamonds_hold_what_one_link_needs() {
    let net_of_chain = net(&chain(50, [7, 5, 6], false));
    assert_eq!(peak(&net_of_chain, &best(&net_of_chain)), 7 + 5);
    let net_of_diamonds = net(&diamonds(50, [7, 5, 6], false));
    assert_eq!(peak(&net_of_diamonds, &best(&net_of_diamonds)), 7 + 7 + 5 + 6);
}

#[test]
fn users_that_shrink_a_large_value_all_run_before_the_next_large_value_is_made() {
    //  big i -> piece (i, j), j = 0..10;   end j gathers piece (i, j) of all i
    for backwards in [false, true] {
        let mut shape = Shape { backwards, ..Shape::default() };
        let mut gathered = vec![Vec::new(); 10];
        for index in 0..8 {
            let big = shape.key("big", index);
            shape.task(&big, 1000, &[]);
            for (end, pieces) in gathered.iter_mut().enumerate() {
                let piece = shape.key("piece", 10 * index + end);
                shape.task(&piece, 10, std::slice::from_ref(&big));
                pieces.push(piece);
            }
        }
        for (end, pieces) in gathered.iter().enumerate() {
            let end = shape.key("end", end);
            shape.task(&end, 80, pieces);
            shape.targets.push(end);
        }
        let net = net(&shape);
        assert!(peak(&net, &best(&net)) <= 1000 + 2 * 800);
        assert!(peak(&net, &breadth_first(&net)) >= 8 * 1000);
    }
}

#[test]
fn a_task_that_frees_its_inputs_does_not_wait_for_its_goal() {
    // x (10), y (10) -> g (1);  x, y -> s (15);  g, big (100) -> h (1): s replaces x and y before big is made
    let mut shape = Shape::default();
    let [x, y, g, s, big, h] = ["x", "y", "g", "s", "big", "h"].map(|name| shape.key(name, 0));
    shape.task(&x, 10, &[]);
    shape.task(&y, 10, &[]);
    shape.task(&g, 1, &[x.clone(), y.clone()]);
    shape.task(&s, 15, &[x, y]);
    shape.task(&big, 100, &[]);
    shape.task(&h, 1, &[g, big]);
    shape.targets = vec![h, s];
    let net = net(&shape);
    assert_eq!(peak(&net, &best(&net)), 15 + 1 + 100 + 1);
}

#[test]
fn the_dependency_with_the_highest_passing_need_goes_first() {
    // heavy read (100) -> small (1) ─┐
    // light read (10)  -> large (9) ─┴─> end       heavy first: 100 + 1; light first: 9 + 100 + 1
    for names in [["a", "b"], ["b", "a"]] {
        let mut shape = Shape::default();
        let [heavy, light] = names.map(|name| shape.key(name, 0));
        let [small, large] = names.map(|name| shape.key(name, 1));
        shape.task(&heavy, 100, &[]);
        shape.task(&small, 1, std::slice::from_ref(&heavy));
        shape.task(&light, 10, &[]);
        shape.task(&large, 9, std::slice::from_ref(&light));
        let end = shape.key("end", 0);
        shape.task(&end, 1, &[small, large]);
        shape.targets.push(end);
        let first = order(&shape.graph, &shape.targets).unwrap()[0].clone();
        assert_eq!(first, heavy);
        let net = net(&shape);
        assert_eq!(peak(&net, &best(&net)), 101);
    }
}

#[test]
fn the_order_does_not_depend_on_the_order_of_insertion() {
    let shape = transpose(6, [3, 2, 1], false);
    let expected = order(&shape.graph, &shape.targets).unwrap();
    let mut again = Shape::default();
    let tasks: Vec<_> = shape.graph.tasks().map(|(key, _, deps)| (key.clone(), deps.to_vec())).collect();
    let bytes = |key: &super::Key| match key.layer() {
        "slab" => 3,
        "block" => 2,
        _ => 1,
    };
    for (key, dependencies) in tasks.iter().rev() {
        again.task(key, bytes(key), dependencies);
    }
    assert_eq!(order(&again.graph, &shape.targets).unwrap(), expected);
}

#[test]
fn a_rechunk_and_overlapping_tiles_hold_far_less_than_breadth_first() {
    for backwards in [false, true] {
        let rechunked = net(&rechunk(30, [100, 90, 80], backwards));
        assert!(6 * peak(&rechunked, &best(&rechunked)) <= peak(&rechunked, &breadth_first(&rechunked)));
        let tiles = net(&overlap(30, [100, 200, 1], backwards));
        assert!(3 * peak(&tiles, &best(&tiles)) <= 2 * peak(&tiles, &breadth_first(&tiles)));
    }
}

#[test]
fn a_wiener_plane_holds_both_spectra_once_and_a_clean_cycle_no_more_than_it_was_given_and_makes() {
    let (image, spectrum) = (100, 200);
    let plane = net(&wiener_plane(30, [image, spectrum, 1], false));
    assert!(peak(&plane, &best(&plane)) <= 60 * spectrum + 16 * spectrum);
    // given are the old residual, the dirty image and the PSF's blocks; the model stays, and one spectrum comes and goes
    let cycle = net(&clean_cycle(30, [image, spectrum, 1], false));
    assert!(peak(&cycle, &best(&cycle)) <= 2 * 30 * image + 31 * spectrum + 30 * image + (30 + 31) * spectrum);
}
