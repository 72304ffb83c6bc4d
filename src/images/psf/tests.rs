//! Tests of [`Psf`].

use ndarray::Array2;

use super::{Psf, PsfError};

fn gaussian(shape: (usize, usize), centre: (usize, usize), sigma: f32) -> Array2<f32> {
    Array2::from_shape_fn(shape, |(y, x)| {
        let (dy, dx) = (y as f32 - centre.0 as f32, x as f32 - centre.1 as f32);
        (-(dy * dy + dx * dx) / (2.0 * sigma * sigma)).exp()
    })
}

#[test]
fn peak_becomes_one_and_its_value_is_kept() {
    let psf = Psf::new(gaussian((8, 10), (4, 5), 1.5) * 0.25).unwrap();
    assert_eq!((psf.centre(), psf.scale()), ((4, 5), 0.25));
    assert_eq!(psf.value_at_lag(0, 0).to_bits(), 1.0_f32.to_bits());
    assert_eq!(psf.value_at_lag(-5, 0).to_bits(), 0.0_f32.to_bits());
}

#[test]
fn blank_pixels_become_zero_but_infinite_ones_are_refused() {
    let mut pixels = gaussian((7, 7), (3, 3), 1.0);
    pixels[(0, 0)] = f32::NAN;
    assert_eq!(Psf::new(pixels.clone()).unwrap().pixels()[(0, 0)].to_bits(), 0);
    pixels[(6, 1)] = f32::NEG_INFINITY;
    assert!(matches!(Psf::new(pixels), Err(PsfError::NotFinite { y: 6, x: 1, .. })));
}

#[test]
fn images_without_a_positive_peak_are_refused() {
    assert!(matches!(Psf::new(Array2::from_elem((3, 3), -1.0)), Err(PsfError::NoPeak { .. })));
    assert!(matches!(Psf::new(Array2::from_elem((3, 3), f32::NAN)), Err(PsfError::NoPeak { .. })));
    assert_eq!(Psf::new(Array2::zeros((0, 3))), Err(PsfError::Empty { ny: 0, nx: 3 }));
}

#[test]
fn second_lobe_within_two_percent_is_refused_and_a_broad_main_lobe_is_not() {
    let mut pixels = gaussian((64, 64), (32, 32), 12.0);
    assert!(pixels.iter().filter(|v| **v >= 0.98).count() > 9);
    assert!(Psf::new(pixels.clone()).is_ok());
    pixels[(2, 60)] = 0.97;
    assert!(Psf::new(pixels.clone()).is_ok());
    pixels[(2, 60)] = 0.99;
    let error = Psf::new(pixels).unwrap_err();
    assert!(matches!(error, PsfError::TwoPeaks { first: (32, 32), second: (2, 60), .. }), "{error}");
}

#[test]
fn flat_top_is_centred_on_the_usual_place() {
    let mut pixels = Array2::zeros((12, 12));
    pixels.slice_mut(ndarray::s![4..9, 4..9]).fill(1.0 / 25.0);
    assert_eq!(Psf::new(pixels).unwrap().centre(), (6, 6));
    assert_eq!(Psf::new(Array2::from_elem((5, 5), 2.0)).unwrap().centre(), (2, 2));
}

#[test]
fn reach_of_an_off_centre_peak_takes_the_longer_side() {
    let psf = Psf::new(gaussian((20, 31), (4, 25), 1.0)).unwrap();
    assert_eq!(psf.reach(100, 100), (15, 25));
    assert_eq!(psf.kept(100, 100), (0..20, 0..31));
    assert_eq!(psf.reach(3, 6), (2, 5));
    assert_eq!(psf.kept(3, 6), (2..7, 20..31));
    assert_eq!(psf.reach(1, 1), (0, 0));
}

#[test]
fn kept_pixels_are_exactly_the_lags_between_two_pixels_of_the_image() {
    let psf = Psf::new(gaussian((9, 8), (3, 5), 1.0)).unwrap();
    for n in 1..12_usize {
        let (rows, columns) = psf.kept(n, n);
        let inside = |centre: usize, at: usize| at.abs_diff(centre) < n;
        assert!((0..9).all(|y| rows.contains(&y) == inside(3, y)), "rows, n = {n}");
        assert!((0..8).all(|x| columns.contains(&x) == inside(5, x)), "columns, n = {n}");
    }
}

#[test]
fn double_size_covers_the_image_and_same_size_does_not() {
    let even = Psf::new(gaussian((32, 32), (16, 16), 2.0)).unwrap();
    assert!(even.covers(16, 16) && !even.covers(17, 16) && !even.covers(32, 32));
    let odd = Psf::new(gaussian((31, 31), (15, 15), 2.0)).unwrap();
    assert!(odd.covers(16, 16) && !odd.covers(16, 17));
}

#[test]
fn even_psf_has_no_asymmetry_although_an_even_size_has_a_lone_edge() {
    assert!(Psf::new(gaussian((16, 16), (8, 8), 3.0)).unwrap().asymmetry() < 1e-7);
    let mut skew = gaussian((16, 16), (8, 8), 3.0);
    skew[(8, 10)] += 0.1;
    let all: f64 = skew.iter().map(|v| f64::from(*v).powi(2)).sum();
    let expected = (2.0 * 0.01 / all).sqrt();
    let found = Psf::new(skew).unwrap().asymmetry();
    assert!((found / expected - 1.0).abs() < 1e-2, "{found} {expected}");
}

#[test]
fn sidelobes_outside_a_box_fall_as_the_box_grows() {
    let mut pixels = Array2::zeros((15, 15));
    pixels[(7, 7)] = 1.0;
    pixels[(7, 10)] = -0.3;
    pixels[(1, 7)] = 0.1;
    let psf = Psf::new(pixels).unwrap();
    let outside = psf.sidelobe_outside();
    assert_eq!(outside.len(), 8);
    assert_eq!(&outside[2..], &[0.3, 0.1, 0.1, 0.1, 0.0, 0.0]);
    assert_eq!((psf.patch_half_size(0.2), psf.patch_half_size(0.3), psf.patch_half_size(0.05)), (3, 0, 6));
    assert!((psf.outer_ring() - 0.0).abs() < f32::EPSILON);
}

#[test]
fn outer_ring_sees_only_the_edge() {
    let mut pixels = gaussian((40, 40), (20, 20), 1.0);
    pixels[(2, 20)] = 0.5;
    pixels[(20, 38)] = -0.2;
    assert_eq!(Psf::new(pixels).unwrap().outer_ring().to_bits(), 0.2_f32.to_bits());
}
