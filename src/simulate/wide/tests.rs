use ndarray::Array2;

use super::*;
use crate::simulate::{Grid, SkyRecipe, UvPlane, Weighting};

const SIZE: usize = 32;
/// A field of 7 degrees at low frequency, where the w term matters.
const PIXEL: f64 = 4e-3;
/// Single precision over some two thousand terms.
const ROUNDING: f64 = 2e-6;

fn wide() -> WideField {
    let array = Array::named("vla-d").unwrap();
    let observation = Observation {
        declination_deg: 10.0,
        hour_angle_h: (-3.0, 4.0),
        integrations: 3,
        band_hz: (7.4e7, 7.6e7),
        channels: 2,
    };
    let grid = Grid { side: 2 * SIZE, pixel: PIXEL };
    let plane = UvPlane::observe(&array, &observation, &observation.frequencies(), grid).unwrap();
    let instrument = Instrument::new(plane, Weighting::Natural);
    WideField::new((&array, &observation), &observation.frequencies(), &instrument, SIZE).unwrap()
}

/// A point at pixel `(x0, y0)` on the pixels round another, cosine by cosine, in the direction cosines of the text books.
fn brute(wide: &WideField, (x0, y0): (f64, f64), (x1, y1): (f64, f64)) -> Array2<f64> {
    let cosines = |x: f64, y: f64| (-(x - 16.0) * PIXEL, (y - 16.0) * PIXEL);
    let (l0, m0) = cosines(x0, y0);
    let n0 = (1.0 - l0 * l0 - m0 * m0).sqrt();
    Array2::from_shape_fn((SIZE, SIZE), |(y, x)| {
        let (l, m) = cosines(x1 + x as f64 - 16.0, y1 + y as f64 - 16.0);
        let term = |sample: &Sample| {
            let (u, v) = (-sample.x / PIXEL, sample.y / PIXEL);
            sample.weight * (TAU * (u * (l - l0) + v * (m - m0) - sample.w * (n0 - 1.0))).cos()
        };
        wide.samples.iter().map(term).sum()
    })
}

fn off(image: &Window, expected: &Array2<f64>) -> f64 {
    image.view().iter().zip(expected).fold(0.0, |most: f64, (a, b)| most.max((f64::from(*a) - b).abs()))
}

fn sky(points: &[PointSource]) -> Sky {
    let recipe = SkyRecipe {
        points: 1,
        flux_jy: (1.0, 1.0),
        slope: 1.0,
        is_off_grid: false,
        gaussians: 0,
        gaussian_flux_jy: 0.0,
        gaussian_fwhm: (1.0, 1.0),
        seed: 1,
    };
    let mut sky = Sky::draw(&recipe, SIZE, None);
    sky.points = points.to_vec();
    sky
}

#[test]
fn dirty_image_is_the_sum_over_visibilities_of_every_point() {
    let wide = wide();
    let points = [PointSource { x: 29.0, y: 3.25, flux: 0.7 }, PointSource { x: 11.5, y: 17.0, flux: 0.4 }];
    let image = wide.dirty(&sky(&points), SIZE, 0.0, &mut crate::simulate::sky::generator(1, 1));
    let of = |point: &PointSource| brute(&wide, (point.x, point.y), (16.0, 16.0)) * point.flux;
    assert!(off(&image, &(of(&points[0]) + of(&points[1]))) < ROUNDING);
}

#[test]
fn psf_of_a_direction_is_a_point_there_moved_to_the_middle() {
    let wide = wide();
    for place in [(16.0, 16.0), (29.0, 3.0), (2.0, 30.0)] {
        assert!(off(&wide.psf(place, SIZE), &brute(&wide, place, place)) < ROUNDING, "{place:?}");
    }
    let (middle, corner) = (wide.psf((16.0, 16.0), SIZE), wide.psf((31.0, 1.0), SIZE));
    assert!((f64::from(middle.view()[[16, 16]]) - 1.0).abs() < ROUNDING, "nothing is lost in the middle");
    let highest = corner.view().iter().copied().fold(0.0, f32::max);
    assert!(highest < 0.9, "the w term spreads a point far from the middle: {highest}");
}

#[test]
fn noise_has_the_rms_that_was_asked_for() {
    let wide = wide();
    let mut random = crate::simulate::sky::generator(3, 1);
    let squares: f64 = (0..16)
        .map(|_| {
            wide.dirty(&sky(&[]), SIZE, 2e-3, &mut random).view().mapv(|value| f64::from(value).powi(2)).mean().unwrap()
        })
        .sum();
    // pixels of a beam hang together: 16 images of some 100 beams
    assert!(((squares / 16.0).sqrt() / 2e-3 - 1.0).abs() < 0.1, "{}", (squares / 16.0).sqrt());
}

#[test]
fn directions_are_the_middles_of_equal_parts() {
    assert_eq!(directions((2, 1), 64), [(16, 32), (48, 32)]);
    assert_eq!(directions((3, 3), 96)[5], (80, 48));
}
