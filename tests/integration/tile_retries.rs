//! Tiles that diverge: cleaned again with smaller steps, at whichever scale they ran away.

use ndarray::{Array2, s};
use serde_json::{Value, json};

use crate::support::fits::Image;
use crate::support::program::{Folder, Products};
use crate::support::sky;

const SHAPE: (usize, usize) = (64, 80);
const NOISE: f64 = 1e-3;
const WEST: [sky::Point; 3] = [(30.0, 20.0, 1.0), (14.0, 10.0, 0.5), (50.0, 26.0, 0.25)];
const EAST: sky::Point = (28.0, 62.0, 0.9);

/// The image of a PSF whose middle pixel is at column `x` of the middle row.
fn at(psf: &Array2<f64>, x: usize) -> Image {
    let place = |reference: f64, size: usize, at: usize| format!("{}", reference + (size / 2) as f64 - at as f64);
    Image::new(psf).with("CRPIX1", &place(9.0, psf.dim().1, x)).with("CRPIX2", &place(11.0, psf.dim().0, SHAPE.0 / 2))
}

/// A field in two tiles; the PSF of the second is that of the field with `share` of rings that are not in it.
fn folder(share: f64) -> Folder {
    let folder = Folder::new();
    let points: Vec<sky::Point> = WEST.into_iter().chain([EAST]).collect();
    folder.save("dirty.fits", &Image::new(&(sky::dirty(SHAPE, &points) + sky::noise(SHAPE, NOISE, 4))));
    let psf = sky::wide_psf(SHAPE);
    let rings = Array2::from_shape_fn(psf.dim(), |(y, x)| {
        let r = (y as f64 - 64.0).hypot(x as f64 - 80.0);
        (-r * r / 2.0).exp() - 0.9 * (-(r - 5.0).powi(2)).exp() + 0.9 * (-(r - 9.0).powi(2)).exp()
    });
    folder.save("p0.fits", &at(&psf, 20));
    folder.save("p1.fits", &at(&(psf * (1.0 - share) + rings * share), 60));
    folder
}

/// A run, its exit code, and what the summary tells of its tiles.
fn run(folder: &Folder, words: &str) -> (Products, Option<i32>, Value) {
    let grid = "--psf-grid p0.fits,p1.fits --psf-weighting nearest --tile 2x1";
    let ran = folder.deconv(&format!("--dirty dirty.fits {grid} -o out --overwrite --plots none {words}"));
    let products = folder.products("out");
    let plane = products.summary()["planes"][0].clone();
    (products, ran.code, plane["tiles"].clone())
}

/// Where components may be of several scales.
const SCALES: &str = "--algorithm multiscale --multiscale-scales 0,8,16";

#[test]
fn a_tile_that_diverged_recovers_with_smaller_steps_and_the_run_is_a_success() {
    let folder = folder(0.035);
    for algorithm in ["--algorithm clean", SCALES] {
        let words = format!("{algorithm} --gain 0.8");
        let (products, code, tiles) = run(&folder, &words);
        assert_eq!(code, Some(0), "{words}");
        assert_eq!((&tiles["cleaned_again"], &tiles["diverged"]), (&json!([1]), &Value::Null), "{words}");
        let notes = products.summary()["planes"][0]["notes"].to_string();
        assert!(notes.contains("tiles [1] diverged, and were cleaned on with smaller steps"), "{words}: {notes}");
        let model = products.model().plane(0);
        let (west, east) = (model.slice(s![.., ..40]).sum(), model.slice(s![.., 40..]).sum());
        assert!((west / 1.75 - 1.0).abs() < 0.02, "{words}: {west}");
        assert!((east / 0.9 - 1.0).abs() < 0.15, "{words}: {east}");
        for schedule in ["--threads 1", "--threads 3 --chunk 9"] {
            let (again, ..) = run(&folder, &format!("{words} {schedule}"));
            assert!(again.restored().pixels == products.restored().pixels, "{words} {schedule}");
        }
    }
}

#[test]
fn scales_left_out_before_a_tile_was_blamed_take_part_again() {
    // the graph that goes back went without them: taking its values as if they were in it was a panic
    for share in [0.2, 0.3] {
        let folder = folder(share);
        let (products, code, tiles) = run(&folder, SCALES);
        assert_eq!((code, products.reasons()), (Some(4), vec!["tiles-diverged".to_owned()]), "{share}");
        assert_eq!((&tiles["cleaned_again"], &tiles["diverged"]), (&json!([1]), &json!([1])), "{share}");
        let west = products.model().plane(0).slice(s![.., ..36]).sum();
        assert!((west / 1.75 - 1.0).abs() < 0.02, "{share}: {west}");
    }
}
