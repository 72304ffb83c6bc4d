//! Transforms against the whole-plane ones and themselves.

use ndarray::Array2;
use rustfft::num_complex::Complex;

use super::*;
use crate::fft::Real2d;

fn furthest<T: Element>(one: &ArrayD<T>, other: &ArrayD<T>) -> f64 {
    assert_eq!(one.shape(), other.shape());
    let apart = one.iter().zip(other).map(|(a, b)| {
        let ((a, b), (c, d)) = (a.parts(), b.parts());
        (a - c).hypot(b - d)
    });
    apart.fold(0.0, f64::max)
}

#[test]
fn a_real_transform_is_that_of_the_whole_plane_for_any_chunks() {
    let (ny, nx) = (36, 45);
    let x = Array::<f64>::normal(4, (0.0, 1.0), [ny, nx], [10, 7]).unwrap();
    let plane: Array2<f64> = x.compute().unwrap().into_dimensionality().unwrap();
    let expected = Real2d::new((ny, nx)).forward(&plane).into_dyn();
    let spectrum = x.rfft2().unwrap();
    let values = spectrum.compute().unwrap();
    // each element is a sum of 1620 normal numbers; a few ulps for each of the log2 levels
    assert!(furthest(&values, &expected) < 1e-15 * 11.0 * (36.0_f64 * 45.0).sqrt() * 4.0);
    let other = x.rechunk([36, 5]).unwrap().rfft2().unwrap().compute().unwrap();
    assert_eq!(other, values, "chunks change no bit");
    let back = spectrum.irfft2(nx).unwrap();
    assert!(furthest(&back.compute().unwrap(), &x.compute().unwrap()) < 1e-14);
    assert!(spectrum.irfft2(nx + 2).is_err());
}

#[test]
fn complex_transforms_of_every_plane_of_a_cube_come_back() {
    let re = Array::<f32>::normal(1, (0.0, 1.0), [3, 20, 24], [1, 8, 9]).unwrap();
    let z: Array<Complex<f32>> = re.to_complex();
    let there = z.fft2().unwrap();
    let whole = re.sum(&[1, 2]).unwrap().compute().unwrap();
    let zero = there.slice(&[cut(..), cut(0), cut(0)]).unwrap().real().compute().unwrap();
    assert!(furthest(&zero, &whole) < 1e-4, "the first element is the sum");
    assert!(furthest(&there.ifft2().unwrap().compute().unwrap(), &z.compute().unwrap()) < 1e-5);
    assert!(Array::<Complex<f32>>::ones([8], 4).unwrap().fft2().is_err());
}

#[test]
fn slabs_and_blocks_are_of_a_bounded_size() {
    let x = Array::<f64>::normal(4, (0.0, 1.0), [8192, 8192], [512, 512]).unwrap();
    let (graph, keys) = x.rfft2().unwrap().graph().unwrap();
    let forecast = crate::graph::forecast(&graph, &keys, 1).unwrap();
    // the chunks of the array, slabs of 16 MiB for the rows, blocks of 16 MiB for the columns
    assert!(forecast.by_kind["fft"].tasks < 100, "{} transforms", forecast.by_kind["fft"].tasks);
    let largest = graph.tasks().count();
    assert!(largest > 2 * 32, "{largest} tasks");
}
