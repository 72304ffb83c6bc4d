//! Reductions along axes.

use ndarray::Axis;

use super::*;

fn bits(array: &ArrayD<f64>) -> Vec<u64> {
    array.iter().map(|value| value.to_bits()).collect()
}

#[test]
fn sums_and_means_along_axes_are_those_of_ndarray() {
    let (x, whole) = (ramp([3, 4]), ramp_whole());
    assert_eq!(x.sum(&[0]).unwrap().compute().unwrap(), whole.sum_axis(Axis(0)));
    assert_eq!(x.sum(&[1]).unwrap().compute().unwrap(), whole.sum_axis(Axis(1)));
    assert_eq!(x.mean(&[1, 0]).unwrap().compute().unwrap()[[]], 34.5);
    assert_eq!(x.min(&[0]).unwrap().compute().unwrap()[[3]], 3.0);
    assert_eq!(x.max(&[0, 1]).unwrap().compute().unwrap()[[]], 69.0);
}

#[test]
fn deviations_of_one_and_of_several_axes_are_those_of_ndarray() {
    let x = Array::<f64>::normal(1, (3.0, 2.0), [40, 50], [7, 11]).unwrap();
    let whole = x.compute().unwrap();
    let near = |a: &ArrayD<f64>, b: &ArrayD<f64>| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-12 * b.abs());
    assert!(near(&x.std(&[0]).unwrap().compute().unwrap(), &whole.std_axis(Axis(0), 0.0)));
    assert!(near(&x.std(&[1]).unwrap().compute().unwrap(), &whole.std_axis(Axis(1), 0.0)));
    let all = x.std(&[0, 1]).unwrap().compute().unwrap()[[]];
    assert!((all - whole.std(0.0)).abs() < 1e-12 * all, "{all}");
    let variance = x.reduce(Reduction::Variance, &[1, 0]).unwrap().compute().unwrap()[[]];
    assert!((variance - all * all).abs() < 1e-12 * variance, "{variance}");
}

#[test]
fn no_bit_of_a_reduction_depends_on_the_chunks() {
    let all = [Reduction::Sum, Reduction::Mean, Reduction::Min, Reduction::Max, Reduction::Variance, Reduction::Std];
    let of = |chunks: [usize; 3], reduction, axes: &[usize]| {
        let x = Array::<f64>::normal(5, (1.0, 1.0), [19, 5, 21], chunks).unwrap();
        let reduced = x.reduce(reduction, axes).unwrap();
        // as it stands, chunk by chunk, and with small chunks joined
        let (graph, keys) = reduced.graph().unwrap();
        let each = bits(&reduced.assemble(&Compute::new().run(graph, &keys).unwrap()).unwrap());
        assert_eq!(bits(&reduced.compute().unwrap()), each);
        each
    };
    for reduction in all {
        for axes in [&[0][..], &[1], &[2], &[0, 2], &[1, 2, 0]] {
            let whole = of([WHOLE, WHOLE, WHOLE], reduction, axes);
            for chunks in [[1, 1, 1], [10, 2, 16], [18, 5, 20], [2, 3, 21]] {
                assert_eq!(of(chunks, reduction, axes), whole, "{reduction:?} along {axes:?}, chunks {chunks:?}");
            }
        }
    }
}

#[test]
fn a_sum_of_many_numbers_of_like_size_keeps_its_digits() {
    // row by row in f32 the sum would stand still at 2^24
    let ones = Array::<f32>::ones([20_000_000], 1_000_003).unwrap();
    assert_eq!(ones.sum(&[0]).unwrap().compute().unwrap()[[]], 20_000_000.0);
}

#[test]
fn one_nan_makes_extremes_nan_and_an_empty_axis_sums_to_zero() {
    let x = ramp(3).map("spoil", |v| if v == 11.0 { f64::NAN } else { v });
    let (least, most) = (x.min(&[0]).unwrap().compute().unwrap(), x.max(&[0]).unwrap().compute().unwrap());
    assert!(least[[1]].is_nan() && most[[1]].is_nan() && least[[0]] == 0.0 && most[[9]] == 69.0);
    let none = ramp(3).slice(&[cut(2..2)]).unwrap();
    assert_eq!(none.shape(), [0, 10]);
    assert!(none.sum(&[0]).unwrap().compute().unwrap().iter().all(|sum| *sum == 0.0));
    assert!(none.mean(&[0]).unwrap().compute().unwrap().iter().all(|mean| mean.is_nan()));
}
