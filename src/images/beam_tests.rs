//! Tests of [`CleanBeam`] and of [`fit_beam`].

use ndarray::Array2;

use super::{BeamError, CleanBeam, UNIT_CELL, fit_beam};
use crate::images::{Cell, Psf};

const ARCSEC: f64 = 1.0 / 3600.0;

fn drawn(beam: &CleanBeam, cell: Cell, size: usize) -> Psf {
    let shape = beam.shape_in_pixels(cell).unwrap();
    let centre = (size / 2) as f64;
    Psf::new(Array2::from_shape_fn((size, size), |(y, x)| shape.value(y as f64 - centre, x as f64 - centre) as f32))
        .unwrap()
}

fn assert_same(found: &CleanBeam, expected: &CleanBeam, tolerance: f64) {
    let turn = (found.bpa - expected.bpa + 270.0).rem_euclid(180.0) - 90.0;
    let is_near = (found.bmaj / expected.bmaj - 1.0).abs() < tolerance
        && (found.bmin / expected.bmin - 1.0).abs() < tolerance
        && turn.to_radians().abs() < tolerance;
    assert!(is_near, "{found:?} is not {expected:?}");
}

#[test]
fn gaussian_comes_back_from_the_fit_for_every_sign_and_ratio_of_the_cell() {
    let beam = CleanBeam::new(9.0 * ARCSEC, 5.0 * ARCSEC, 35.0).unwrap();
    for (dx, dy) in [(-1.0, 1.0), (1.0, 1.0), (-1.0, -1.0), (-0.5, 1.2), (-1.5, 0.8)] {
        let cell = Cell { dx: dx * ARCSEC, dy: dy * ARCSEC };
        let fitted = fit_beam(&drawn(&beam, cell, 65), cell).unwrap();
        assert_same(&fitted.beam, &beam, 1e-5);
        assert!(fitted.misfit < 1e-6 && fitted.sidelobe_max < 1e-4 && fitted.sidelobe_min >= 0.0, "{fitted:?}");
    }
}

#[test]
fn position_angle_runs_from_north_through_east() {
    // East is to the left (dx < 0): at 45 deg the major axis goes up and left, so x y < 0 along it.
    let shape = CleanBeam::new(6.0, 2.0, 45.0).unwrap().shape_in_pixels(UNIT_CELL).unwrap();
    assert!(shape.value(2.0, -2.0) > 10.0 * shape.value(2.0, 2.0));
    let north = CleanBeam::new(6.0, 2.0, 0.0).unwrap().shape_in_pixels(UNIT_CELL).unwrap();
    assert!((north.value(3.0, 0.0) - 0.5).abs() < 1e-12 && (north.value(0.0, 1.0) - 0.5).abs() < 1e-12);
}

#[test]
fn cells_of_micro_arcseconds_fit_as_well() {
    let cell = Cell { dx: -5.6e-10, dy: 5.6e-10 };
    let beam = CleanBeam::new(5.0e-9, 3.1e-9, 170.0).unwrap();
    assert_same(&fit_beam(&drawn(&beam, cell, 33), cell).unwrap().beam, &beam, 1e-5);
}

#[test]
fn beam_narrower_than_two_and_a_half_pixels_is_fitted_between_the_pixels() {
    let beam = CleanBeam::new(2.3, 1.9, 20.0).unwrap();
    let fitted = fit_beam(&drawn(&beam, UNIT_CELL, 32), UNIT_CELL).unwrap();
    // Aliasing of the sampled Gaussian limits the interpolation: exp(-(π 1.9)²/(16 ln 2)) is 4 % at Nyquist.
    assert_same(&fitted.beam, &beam, 0.03);
}

#[test]
fn lone_pixel_and_one_pixel_image_have_a_beam_near_one_pixel() {
    let mut pixels = Array2::zeros((16, 16));
    pixels[(8, 8)] = 3.0;
    for psf in [Psf::new(pixels).unwrap(), Psf::new(Array2::ones((1, 1))).unwrap()] {
        let fitted = fit_beam(&psf, UNIT_CELL).unwrap();
        assert!((1.0..1.5).contains(&fitted.pixels.0) && (1.0..1.5).contains(&fitted.pixels.1), "{fitted:?}");
    }
}

#[test]
fn sidelobes_are_measured_outside_the_main_lobe() {
    let mut pixels = drawn(&CleanBeam::circular(4.0).unwrap(), UNIT_CELL, 41).pixels().clone();
    pixels[(5, 5)] = -0.25;
    pixels[(20, 33)] = 0.125;
    let fitted = fit_beam(&Psf::new(pixels).unwrap(), UNIT_CELL).unwrap();
    assert_eq!((fitted.sidelobe_min, fitted.sidelobe_max), (-0.25, 0.125));
}

#[test]
fn area_is_the_sum_of_the_drawn_beam() {
    let beam = CleanBeam::new(7.0, 4.0, 60.0).unwrap();
    let cell = Cell { dx: -1.0, dy: 0.8 };
    let sum: f64 = drawn(&beam, cell, 65).pixels().iter().map(|v| f64::from(*v)).sum();
    assert!((beam.area_pixels(cell).unwrap() / sum - 1.0).abs() < 1e-6);
}

#[test]
fn transfer_is_the_fourier_transform_of_the_drawn_beam() {
    let beam = CleanBeam::new(6.0, 4.0, 25.0).unwrap();
    let shape = beam.shape_in_pixels(UNIT_CELL).unwrap();
    let (fy, fx) = (0.08, -0.05);
    let (mut wave, mut sum) = (0.0, 0.0);
    for (y, x) in (-30..=30).flat_map(|y| (-30..=30).map(move |x| (f64::from(y), f64::from(x)))) {
        wave += shape.value(y, x) * (2.0 * std::f64::consts::PI * (fy * y + fx * x)).cos();
        sum += shape.value(y, x);
    }
    assert!((shape.transfer(fy, fx) - wave / sum).abs() < 1e-6);
}

#[test]
fn beams_that_are_no_ellipse_and_cells_of_no_size_are_refused() {
    for (bmaj, bmin, bpa) in [(0.0, 90.0, 0.0), (1.0, 2.0, 0.0), (1.0, -1.0, 0.0), (f64::NAN, 1.0, 0.0)] {
        assert!(matches!(CleanBeam::new(bmaj, bmin, bpa), Err(BeamError::Ellipse { .. })));
    }
    let beam = CleanBeam::circular(1.0).unwrap();
    assert!(matches!(beam.area_pixels(Cell { dx: 0.0, dy: 1.0 }), Err(BeamError::Cell { .. })));
    assert!(beam.shape_in_pixels(Cell { dx: 1.0, dy: f64::NAN }).is_err());
}

#[test]
fn flat_top_that_no_gaussian_of_the_size_of_the_psf_fits_is_refused() {
    let mut pixels = Array2::<f32>::zeros((64, 64));
    pixels.slice_mut(ndarray::s![30..35, 30..35]).fill(1.0);
    let psf = Psf::new(pixels).unwrap();
    assert!(matches!(fit_beam(&psf, UNIT_CELL), Err(BeamError::NotAGaussian { .. })));
}
