//! Multiscale CLEAN in tiles leaves no seams: the statistic of ALGORITHMS 9.3, over wide sources on corners and seams.

use ndarray::{Array2, Zip, s};

use crate::fields::{Field, Result};
use crate::support::sky;
use crate::tiles::{NOISE, SEAM, SHAPE, differences, noise, tiles};

/// A Gaussian source of `flux` Jy.
fn blob((y0, x0): (f64, f64), sigma: f64, flux: f64) -> Array2<f64> {
    let square = |y: usize, x: usize| (y as f64 - y0).powi(2) + (x as f64 - x0).powi(2);
    let plane = Array2::from_shape_fn(SHAPE, |(y, x)| (-0.5 * square(y, x) / (sigma * sigma)).exp());
    &plane * (flux / plane.sum())
}

/// Wide sources as `(place, standard deviation, flux)`, where they come to lie.
const SPREAD: [((f64, f64), f64, f64); 4] =
    [((50.0, 70.0), 6.0, 4.0), ((100.0, 150.0), 9.0, 6.0), ((180.0, 210.0), 5.0, 2.0), ((215.0, 52.0), 4.0, 1.0)];
/// The same on corners of 4 x 4 tiles, and one across a seam.
const ON_CORNERS: [((f64, f64), f64, f64); 4] =
    [((64.0, 192.0), 6.0, 4.0), ((192.0, 64.0), 9.0, 6.0), ((96.0, 128.0), 5.0, 2.0), ((30.0, 40.0), 4.0, 1.0)];

/// Sixty points, a bright one where four tiles meet, and wide sources.
fn truth(wide: [((f64, f64), f64, f64); 4]) -> Array2<f64> {
    let mut sky = Array2::zeros(SHAPE);
    wide.into_iter().for_each(|(at, sigma, flux)| sky += &blob(at, sigma, flux));
    for k in (0..60_u8).map(f64::from) {
        let at = |step: f64| (6.0 + (k * step) % 243.0) as usize;
        sky[(at(61.803), at(37.139))] += 0.05 + 0.5 / (k + 1.0);
    }
    sky[(128, 128)] += 4.0;
    sky
}

fn field(truth: &Array2<f64>) -> Field {
    let single = |plane: Array2<f64>| plane.mapv(|value| value as f32);
    let psf = sky::wide_psf(SHAPE);
    Field::new(&[single(sky::convolve_fast(truth, &psf, SHAPE) + noise(5))], &single(psf))
}

fn clean(field: &Field, tile: &str, words: &str) -> Result {
    let scales = "[multiscale]\nscales = \"0,8,16,32\"\n";
    field.run(&format!("algorithm = \"multiscale\"\n[clean]\ntile = \"{tile}\"\n{words}\n{scales}"))
}

fn reason(result: &Result) -> &'static str {
    result.outcome.planes[0].stop.name()
}

/// Residual rms and reason are those of one piece, and restored images differ by less than the noise.
fn assert_same(whole: &Result, tiled: &Result, what: &str) {
    let rms = |result: &Result| result.outcome.planes[0].residual.rms;
    let ratio = rms(tiled) / rms(whole);
    assert!((ratio - 1.0).abs() < 0.02, "{what}: residual rms times {ratio}");
    let larger = |most: f32, one: &f32, other: &f32| most.max((one - other).abs());
    let most = Zip::from(&whole.restored[0]).and(&tiled.restored[0]).fold(0.0_f32, larger);
    assert!(f64::from(most) < NOISE, "{what}: restored images differ by {most:.2e} at the most");
    assert_eq!(reason(tiled), reason(whole), "{what}");
}

#[test]
fn wide_sources_in_tiles_leave_no_seams_and_the_noise_of_one_piece() {
    let field = field(&truth(SPREAD));
    let whole = clean(&field, "off", "");
    assert!(whole.outcome.planes[0].tiles.is_none());
    for (tile, side) in [("4x4", 4), ("8x8", 8)] {
        let tiled = clean(&field, tile, "");
        let outcome = tiles(&tiled);
        assert_eq!((outcome.across, outcome.down), (side, side));
        let (near, far) = differences(&whole.restored[0], &tiled.restored[0], outcome);
        assert!(far > 0.0 && near < SEAM * far, "{tile}: {near:.2e} near the seams, {far:.2e} elsewhere");
        assert_same(&whole, &tiled, tile);
    }
}

#[test]
fn bright_sources_on_the_corners_of_four_tiles_are_found_whole_at_every_scale() {
    let truth = truth(ON_CORNERS);
    let field = field(&truth);
    let near = |model: &Array2<f64>, (y, x): (usize, usize), half: usize| {
        model.slice(s![y - half..=y + half, x - half..=x + half]).sum()
    };
    let model = |result: &Result| result.model[0].mapv(f64::from);
    let whole = clean(&field, "off", "");
    for tile in ["4x4", "8x8"] {
        let tiled = clean(&field, tile, "");
        assert_same(&whole, &tiled, tile);
        for (at, half, tolerance) in [((128, 128), 3, 0.01), ((64, 192), 20, 0.05), ((192, 64), 30, 0.05)] {
            let (found, expected) = (near(&model(&tiled), at, half), near(&truth, at, half));
            assert!((found / expected - 1.0).abs() < tolerance, "{tile} {at:?}: {found} of {expected} Jy");
            let single = near(&model(&whole), at, half);
            assert!((found / single - 1.0).abs() < 0.01, "{tile} {at:?}: {found}, in one piece {single} Jy");
        }
    }
    // seams of the first cycle go round what is bright: after one cycle no tile but one has a part of it
    let one = clean(&field, "4x4", "nmiter = 1");
    let seams = &tiles(&one).seams;
    for (at, half) in [((128, 128), 2), ((64, 192), 3)] {
        let pixels = (at.0 - half..=at.0 + half).flat_map(|y| (at.1 - half..=at.1 + half).map(move |x| (y, x)));
        let mut owners: Vec<usize> = pixels.map(|(y, x)| seams.tile_of(y, x)).collect();
        owners.sort_unstable();
        owners.dedup();
        assert_eq!(owners.len(), 1, "the middle of {at:?} lies in tiles {owners:?}");
    }
}
