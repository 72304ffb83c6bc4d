//! Slices, transposes, rechunking and halos.

use ndarray::{Axis, Slice, s};

use super::*;
use crate::tiling::Caution;

#[test]
fn slices_with_steps_and_single_elements_are_those_of_ndarray() {
    let whole = ramp_whole();
    for chunks in [[3, 4], [1, 1], [7, 10], [2, 9]] {
        let x = ramp(chunks);
        let part = x.slice(&[cut(1..6).step(2), cut(2..)]).unwrap();
        assert_eq!(part.compute().unwrap(), whole.slice(s![1..6;2, 2..]).into_dyn(), "{chunks:?}");
        assert_eq!(x.slice(&[cut(4)]).unwrap().compute().unwrap(), whole.index_axis(Axis(0), 4), "{chunks:?}");
        let one = x.slice(&[cut(..), cut(9)]).unwrap().slice(&[cut(..).step(6)]).unwrap();
        assert_eq!(one.compute().unwrap().iter().copied().collect::<Vec<_>>(), [9.0, 69.0], "{chunks:?}");
        assert_eq!(x.slice(&[cut(6), cut(7)]).unwrap().compute().unwrap()[[]], 67.0);
    }
}

#[test]
fn transposes_turn_axes_and_chunks() {
    let x = Array::<f64>::normal(2, (0.0, 1.0), [70, 3, 45], [40, 2, 20]).unwrap();
    let whole = x.compute().unwrap();
    assert_eq!(x.t().compute().unwrap(), whole.t());
    let turned = x.transpose(&[2, 0, 1]).unwrap();
    assert_eq!(turned.chunks().all_lengths()[0], [20, 20, 5]);
    assert_eq!(turned.compute().unwrap(), whole.view().permuted_axes(vec![2, 0, 1]));
    let plane = Array::<f32>::normal(2, (0.0, 1.0), [70, 100], 33).unwrap();
    assert_eq!(plane.t().compute().unwrap(), plane.compute().unwrap().t());
}

#[test]
fn rechunking_changes_no_element() {
    let whole = ramp_whole();
    for (from, to) in [([3, 4], [7, 1]), ([1, 10], [7, 10]), ([7, 1], [1, 10]), ([2, 2], [5, 3])] {
        let y = ramp(from).rechunk(to).unwrap();
        assert_eq!(y.chunks().shape_of(&[0, 0]), to);
        assert_eq!(y.compute().unwrap(), whole, "{from:?} to {to:?}");
    }
    let lists = vec![vec![5, 2], vec![1, 0, 9]];
    assert_eq!(ramp(4).rechunk(lists).unwrap().compute().unwrap(), whole);
}

#[test]
fn rechunking_through_a_step_between_changes_no_element() {
    let x = Array::<f32>::normal(2, (0.0, 1.0), [600, 600], [1, 600]).unwrap();
    let y = x.rechunk([600, 1]).unwrap();
    let (graph, _) = y.graph().unwrap();
    assert!(graph.tasks().count() > 1200, "there is a step between");
    assert_eq!(y.compute().unwrap(), x.compute().unwrap());
}

/// Halos as the whole array extended at once would have them.
fn extended(whole: &ArrayD<f64>, depth: isize, boundary: Boundary) -> ArrayD<f64> {
    let at = |i: isize, n: isize| match boundary {
        Boundary::Reflect if i < 0 => Some(-1 - i),
        Boundary::Reflect if i >= n => Some(2 * n - 1 - i),
        Boundary::Periodic => Some(i.rem_euclid(n)),
        Boundary::Nearest => Some(i.clamp(0, n - 1)),
        Boundary::Constant(_) | Boundary::None => (0..n).contains(&i).then_some(i),
        Boundary::Reflect => Some(i),
    };
    let fill = if let Boundary::Constant(value) = boundary { value } else { 0.0 };
    Array2::from_shape_fn((7 + 2 * depth as usize, 10 + 2 * depth as usize), |(y, x)| {
        match (at(y as isize - depth, 7), at(x as isize - depth, 10)) {
            (Some(y), Some(x)) => whole[[y as usize, x as usize]],
            _ => fill,
        }
    })
    .into_dyn()
}

#[test]
fn halos_are_those_of_the_whole_array_and_are_trimmed_off_again() {
    let whole = ramp_whole();
    for boundary in [Boundary::Reflect, Boundary::Periodic, Boundary::Nearest, Boundary::Constant(-1.0)] {
        for chunks in [[3, 4], [7, 10], [1, 2]] {
            let x = ramp(chunks);
            let wide = x.overlap(&[2, 2], boundary).unwrap();
            let values = wide.compute().unwrap();
            let expected = extended(&whole, 2, boundary);
            let (mut at, shape) = (0, [chunks[0].min(7) + 4, chunks[1].min(10) + 4]);
            for start in (0..7).step_by(chunks[0]) {
                let rows = (chunks[0].min(7 - start)) + 4;
                let mut part = expected.view();
                part.slice_axis_inplace(Axis(0), Slice::from(start..start + rows));
                part.slice_axis_inplace(Axis(1), Slice::from(0..shape[1]));
                assert_eq!(values.slice(s![at..at + rows, 0..shape[1]]).into_dyn(), part, "{boundary:?} {chunks:?}");
                at += rows;
            }
            assert_eq!(wide.trim(&x, &[2, 2], boundary).unwrap().compute().unwrap(), whole, "{boundary:?} {chunks:?}");
        }
    }
}

#[test]
fn a_filter_with_halos_does_not_see_the_chunks() {
    let smooth = |view: ndarray::ArrayViewD<'_, f64>| {
        let view = view.into_dimensionality::<ndarray::Ix2>().unwrap();
        let (ny, nx) = view.dim();
        let at = |y: usize, x: usize| view.get((y, x)).copied().unwrap_or(0.0);
        let sum = |y: usize, x: usize| {
            at(y, x) + at(y.wrapping_sub(1), x) + at(y + 1, x) + at(y, x.wrapping_sub(1)) + at(y, x + 1)
        };
        Array2::from_shape_fn((ny, nx), |(y, x)| sum(y, x)).into_dyn()
    };
    for boundary in [Boundary::None, Boundary::Reflect, Boundary::Periodic] {
        let of = |chunks: [usize; 2]| {
            ramp(chunks).map_overlap((&[1, 1], boundary), "smooth", smooth).unwrap().compute().unwrap()
        };
        let whole = of([7, 10]);
        for chunks in [[3, 4], [1, 1], [2, 10]] {
            assert_eq!(of(chunks), whole, "{boundary:?} {chunks:?}");
        }
    }
    assert!(ramp(3).overlap(&[1], Boundary::None).is_err());
}

#[test]
fn halo_above_a_quarter_of_a_chunk_is_cautioned_of_where_there_are_neighbours() {
    let x = Array::<f32>::normal(2, (0.0, 1.0), [70, 40], [20, 40]).unwrap();
    let wide = Caution::WideHalo { halo: 6, tile: 20, enough: 24 };
    assert_eq!(x.halo_cautions(&[6, 0]), [wide]);
    assert_eq!(x.halo_cautions(&[5, 30]), [], "a quarter is not above a quarter, and one chunk has no neighbour");
    assert_eq!(x.rechunk([20, 10]).unwrap().halo_cautions(&[6, 3]).len(), 2, "each axis by itself");
}
