//! CLEAN in tiles: no seams, one floor for all, and the limits that hold without tiles.

use deconv::pipeline::outcome::TilesOutcome;
use ndarray::{Array2, Zip};

use crate::fields::{Field, Result};
use crate::support::program::Folder;
use crate::support::sky;

pub(crate) const SHAPE: (usize, usize) = (256, 256);
pub(crate) const NOISE: f64 = 2e-3;
/// Mean difference within 3 pixels of a seam over that elsewhere, at the most (ALGORITHMS 9.3).
pub(crate) const SEAM: f64 = 1.2;

/// Ninety points, most of them faint; where the corners of 4 x 4 and 8 x 8 tiles would be, bright ones.
fn points() -> Vec<sky::Point> {
    let faint = (0..90_u8).map(f64::from).map(|k| {
        let at = |step: f64| 6.0 + (k * step) % 243.0;
        (at(61.803), at(37.139), 0.05 + 0.5 / (k + 1.0))
    });
    faint.chain([(128.0, 128.0, 4.0), (64.0, 192.0, 1.5), (96.0, 96.5, 1.0)]).collect()
}

/// Noise as the beam shows it, of [`NOISE`] in the image.
pub(crate) fn noise(seed: u64) -> Array2<f64> {
    let white = sky::noise(SHAPE, 1.0, seed);
    let seen = sky::convolve_fast(&white, &sky::psf((129, 129), (64, 64)), (64, 64));
    let level = sky::rms(&seen);
    seen * (NOISE / level)
}

fn field() -> Field {
    let single = |plane: Array2<f64>| plane.mapv(|value| value as f32);
    Field::new(&[single(sky::dirty(SHAPE, &points()) + noise(5))], &single(sky::wide_psf(SHAPE)))
}

fn clean(field: &Field, tile: &str) -> Result {
    field.run(&format!("algorithm = \"clean\"\n[clean]\ntile = \"{tile}\"\n"))
}

pub(crate) fn tiles(result: &Result) -> &TilesOutcome {
    result.outcome.planes[0].tiles.as_ref().expect("it was cleaned in tiles")
}

/// Mean difference of two images within 3 pixels of the seams, and elsewhere.
pub(crate) fn differences(one: &Array2<f32>, other: &Array2<f32>, tiles: &TilesOutcome) -> (f64, f64) {
    let mut sums = [(0.0, 0_u32); 2];
    Zip::indexed(one).and(other).for_each(|at, one, other| {
        let sum = &mut sums[usize::from(tiles.seams.passes(3, at))];
        *sum = (sum.0 + f64::from((one - other).abs()), sum.1 + 1);
    });
    let mean = |(sum, pixels): (f64, u32)| sum / f64::from(pixels);
    (mean(sums[1]), mean(sums[0]))
}

#[test]
fn tiles_leave_no_seams_and_the_noise_of_one_piece() {
    let field = field();
    let whole = clean(&field, "off");
    assert!(whole.outcome.planes[0].tiles.is_none());
    let rms = |result: &Result| result.outcome.planes[0].residual.rms;
    for (tile, side) in [("4x4", 4), ("8x8", 8)] {
        let tiled = clean(&field, tile);
        let outcome = tiles(&tiled);
        assert_eq!((outcome.across, outcome.down), (side, side));
        let (near, far) = differences(&whole.restored[0], &tiled.restored[0], outcome);
        assert!(far > 0.0 && near < SEAM * far, "{tile}: {near:.2e} near the seams, {far:.2e} elsewhere");
        let ratio = rms(&tiled) / rms(&whole);
        assert!((ratio - 1.0).abs() < 0.02, "{tile}: residual rms times {ratio}");
        let most =
            Zip::from(&whole.restored[0]).and(&tiled.restored[0]).fold(0.0_f32, |max, a, b| max.max((a - b).abs()));
        assert!(f64::from(most) < NOISE, "{tile}: restored images differ by {most:.2e} at the most");
        // the last per cent above the threshold may be out of reach with one order of components, and not with another
        for result in [&tiled, &whole] {
            let reason = result.outcome.planes[0].stop.name();
            assert!(["threshold", "stalled"].contains(&reason), "{tile}: {reason}");
        }
    }
}

#[test]
fn bright_source_on_the_corner_of_four_tiles_is_found_whole() {
    let field = field();
    let (whole, tiled) = (clean(&field, "off"), clean(&field, "4x4"));
    let flux = |result: &Result| -> f64 {
        let near = result.model[0].slice(ndarray::s![122..135, 122..135]);
        near.iter().map(|value| f64::from(*value)).sum()
    };
    assert!((flux(&tiled) / flux(&whole) - 1.0).abs() < 0.01, "{} and {}", flux(&tiled), flux(&whole));
    assert!((flux(&tiled) / 4.0 - 1.0).abs() < 0.02, "{}", flux(&tiled));
    // seams of the first cycle go round it: after one cycle no tile but one has a part of it
    let one = field.run("algorithm = \"clean\"\n[clean]\ntile = \"4x4\"\nnmiter = 1\n");
    let seams = &tiles(&one).seams;
    let mut owners: Vec<usize> =
        (125..132).flat_map(|y| (125..132).map(move |x| (y, x))).map(|(y, x)| seams.tile_of(y, x)).collect();
    owners.sort_unstable();
    owners.dedup();
    assert_eq!(owners.len(), 1, "the main lobe lies in tiles {owners:?}");
}

#[test]
fn quiet_tile_does_not_clean_its_neighbours_sidelobe() {
    // one source, whose sidelobes of 12 % fill the quiet tiles and stay below the floor of a fifth of its peak
    let dirty = sky::dirty(SHAPE, &[(32.0, 32.0, 1.0)]);
    let single = |plane: Array2<f64>| plane.mapv(|value| value as f32);
    let field = Field::new(&[single(dirty)], &single(sky::wide_psf(SHAPE)));
    let one = field.run("algorithm = \"clean\"\n[clean]\ntile = \"8x8\"\nnmiter = 1\n");
    for ((y, x), flux) in one.model[0].indexed_iter().filter(|(_, flux)| **flux != 0.0) {
        assert!(y.abs_diff(32) < 4 && x.abs_diff(32) < 4, "{flux} at ({y}, {x})");
    }
}

#[test]
fn limits_hold_over_all_tiles_together() {
    let field = field();
    for niter in [0, 1, 7, 300] {
        let run = field.run(&format!("algorithm = \"clean\"\n[clean]\ntile = \"4x4\"\nniter = {niter}\n"));
        let plane = &run.outcome.planes[0];
        assert_eq!((plane.iterations, plane.stop.name()), (niter, "iterations"));
    }
    let run = field.run(
        "algorithm = \"clean\"\n[clean]\ntile = \"4x4\"\nauto_mask = 0.0\nauto_threshold = 0.0\nthreshold = \"50mJy\"\n",
    );
    assert_eq!(run.outcome.planes[0].stop.name(), "threshold");
    let peak = run.residual[0].iter().fold(0.0_f32, |peak, value| peak.max(value.abs()));
    assert!(peak <= 1.1 * 0.05 && peak > 0.02, "{peak}");
}

#[test]
fn plan_and_graph_show_the_tiles_and_useless_ones_are_refused() {
    let folder = Folder::new();
    let shape = (96, 120);
    folder.pair(&sky::dirty(shape, &[(20.0, 15.0, 1.0)]), &sky::wide_psf(shape));
    let dry = |words: &str| {
        let ran = folder.deconv(&format!("--dirty dirty.fits --psf psf.fits --dry-run {words}"));
        (ran.code, ran.out + &ran.err)
    };
    let (code, told) = dry("--algorithm clean --tile 3x2");
    assert!(code == Some(0) && told.contains("tiles       3 across and 2 down"), "{told}");
    assert!(!dry("").1.contains("across") && !dry("--algorithm clean --tile 128").1.contains("across"));
    let (code, told) = dry("--algorithm clean --tile 40x1");
    assert!(code == Some(0) && told.contains("warning: tiles of less than 16 pixels"), "{told}");
    let (code, told) = dry("--tile 3x2 --algorithm hogbom");
    assert!(code == Some(2) && told.contains("--tile has no effect with --algorithm hogbom"), "{told}");
    assert!(told.contains("every pixel of the plane"), "the reason is told: {told}");
    for wrong in ["4x", "0", "few"] {
        let (code, told) = dry(&format!("--algorithm clean --tile {wrong}"));
        assert!(code == Some(2) && told.contains("as in 4x4"), "{wrong}: {told}");
    }
    let ran = folder
        .deconv("graph --dirty dirty.fits --psf psf.fits --algorithm clean --tile 3x2 --stage cycle -o cycle.svg");
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    let drawn = std::fs::read_to_string(folder.path("cycle.svg")).unwrap();
    assert_eq!(drawn.matches("<title>minor(").count(), 6);
    assert_eq!(drawn.matches("<title>tile-floor(").count(), 1);
}
