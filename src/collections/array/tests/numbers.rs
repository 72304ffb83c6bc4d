//! What arrays are made of, and arithmetic.

use rustfft::num_complex::Complex;

use super::*;

#[test]
fn random_numbers_do_not_depend_on_the_chunks_nor_on_the_workers() {
    let numbers = |chunks: [usize; 3], workers: usize| {
        let x = Array::<f64>::normal(3, (10.0, 0.1), [5, 30, 41], chunks).unwrap();
        x.compute_with(&Compute::new().workers(workers)).unwrap()
    };
    let whole = numbers([WHOLE, WHOLE, WHOLE], 1);
    assert_eq!(numbers([1, 7, 10], 1), whole);
    assert_eq!(numbers([5, 30, 1], 3), whole);
    let mean = whole.mean().unwrap();
    assert!((mean - 10.0).abs() < 4.0 * 0.1 / (whole.len() as f64).sqrt(), "{mean}");
    let single = Array::<f32>::normal(3, (10.0, 0.1), [5, 30, 41], 8).unwrap().compute().unwrap();
    assert_eq!(single, whole.mapv(|x| x as f32), "the same numbers, rounded");
}

#[test]
fn arithmetic_is_that_of_each_element() {
    let (x, whole) = (ramp([3, 4]), ramp_whole());
    let other = ramp([2, 10]);
    let y = (&(&(&x * 2.0) + 1.0) / 4.0).add(&other).unwrap().sub(&x).unwrap();
    assert_eq!(y.compute().unwrap(), whole.mapv(|v| (v * 2.0 + 1.0) * 0.25) + &whole - &whole);
    let y = (&-&x - 3.0).abs().sqrt().mul(&x.powi(2)).unwrap().div(&(&x + 1.0)).unwrap();
    let expected = whole.mapv(|v| (v + 3.0).sqrt() * (v * v) / (v + 1.0));
    assert_eq!(y.compute().unwrap(), expected);
    assert_eq!((&x + 1.0).ln().exp().compute().unwrap(), whole.mapv(|v: f64| (v + 1.0).ln().exp()));
    assert_eq!((&x + 1.0).recip().compute().unwrap(), whole.mapv(|v: f64| 1.0 / (v + 1.0)));
}

#[test]
fn complex_elements_have_parts_and_absolute_values() {
    let z = Array::<Complex<f64>>::full(Complex::new(3.0, -4.0), [4, 5], 2).unwrap();
    assert!(z.abs().compute().unwrap().iter().all(|v| *v == 5.0));
    assert!(z.abs_squared().compute().unwrap().iter().all(|v| *v == 25.0));
    assert!(z.conj().add(&z).unwrap().compute().unwrap().iter().all(|v| *v == Complex::new(6.0, 0.0)));
    assert!(z.real().cast::<f32>().compute().unwrap().iter().all(|v| *v == 3.0_f32));
    assert_eq!(z.sum(&[0, 1]).unwrap().compute().unwrap()[[]], Complex::new(60.0, -80.0));
}

#[test]
fn functions_of_the_user_see_elements_pairs_and_chunks() {
    let (x, whole) = (ramp([3, 4]), ramp_whole());
    assert_eq!(x.map("halve", |v| (v / 2.0) as f32).compute().unwrap(), whole.mapv(|v| (v / 2.0) as f32));
    let larger = x.zip(&ramp(5), "larger", |a, b| f64::max(a, 70.0 - b)).unwrap();
    assert_eq!(larger.compute().unwrap(), whole.mapv(|v| f64::max(v, 70.0 - v)));
    let sizes = x.map_blocks("size", |block| ndarray::ArrayD::from_elem(block.raw_dim(), block.len() as f64));
    assert_eq!(sizes.compute().unwrap()[[0, 0]], 12.0);
    assert_eq!(sizes.compute().unwrap()[[6, 9]], 2.0);
    let wrong = x.map_blocks("flat", |block| ndarray::ArrayD::from_elem(vec![block.len()], 0.0));
    let error = wrong.compute().unwrap_err().to_string();
    assert!(error.contains("flat"), "{error}");
}

#[test]
fn arrays_of_other_shapes_are_refused() {
    let x = ramp(3);
    let error = x.add(&x.t()).unwrap_err();
    assert_eq!(error.to_string(), "shapes [7, 10] and [10, 7] differ");
    assert!(matches!(x.sum(&[2]), Err(ArrayError::Axes { .. })));
    assert!(matches!(x.sum(&[0, 0]), Err(ArrayError::Axes { .. })));
    assert!(matches!(x.slice(&[cut(5..8)]), Err(ArrayError::Axes { .. })));
    assert!(matches!(x.slice(&[cut(..).step(0)]), Err(ArrayError::Axes { .. })));
    assert!(matches!(x.transpose(&[0, 0]), Err(ArrayError::Axes { .. })));
    assert!(matches!(Array::<f64>::ones([3], [1, 1]), Err(ArrayError::Chunks { .. })));
}
