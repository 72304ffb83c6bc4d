//! `deconv metrics`: the numbers of a run, and faults put into its products.

use std::fs;

use ndarray::Array2;
use serde_json::Value;

use crate::support::fits::Image;
use crate::support::program::Folder;
use crate::support::sky;

const SHAPE: (usize, usize) = (150, 160);
const NOISE: f64 = 1e-3;

fn points() -> Vec<sky::Point> {
    (0..12_u8).map(f64::from).map(|k| (14.0 + (k * 37.0) % 121.0, 12.0 + (k * 53.0) % 133.0, 1.0 / (k + 1.0))).collect()
}

/// A folder with a pair, its truth and a finished run of prefix `out`.
fn folder() -> Folder {
    let folder = Folder::new();
    folder.pair(&(sky::dirty(SHAPE, &points()) + sky::noise(SHAPE, NOISE, 11)), &sky::wide_psf(SHAPE));
    let mut truth = Array2::zeros(SHAPE);
    points().iter().for_each(|(y, x, flux)| truth[(*y as usize, *x as usize)] += flux);
    folder.save("truth.fits", &Image::new(&truth).with("BUNIT", "'JY/PIXEL'"));
    let rows: Vec<String> = points().iter().map(|(y, x, flux)| format!("{x},{y},{flux}")).collect();
    fs::write(folder.path("truth.csv"), format!("# a note\nx,y,flux\n{}\n", rows.join("\n"))).unwrap();
    folder.run("out", "--plots none --algorithm clean");
    folder
}

/// Measures a prefix, and returns the first plane of the JSON.
fn measure(folder: &Folder, words: &str) -> Value {
    let ran = folder.deconv(&format!("metrics {words} --json m.json --overwrite"));
    assert_eq!(ran.code, Some(0), "{words}\n{}", ran.err);
    let all: Value = serde_json::from_slice(&fs::read(folder.path("m.json")).unwrap()).unwrap();
    all["planes"][0].clone()
}

fn number(plane: &Value, name: &str) -> f64 {
    let all = plane["numbers"].as_array().unwrap();
    let found = all.iter().find(|number| number["name"] == name).unwrap_or_else(|| panic!("no {name} in {all:?}"));
    found["value"].as_f64().unwrap_or_else(|| panic!("{name} is null"))
}

fn raised(plane: &Value) -> Vec<String> {
    let flags = plane["flags"].as_array().unwrap();
    flags.iter().map(|flag| flag["name"].as_str().unwrap().to_owned()).collect()
}

/// Writes the products again under another prefix with a plane of one of them changed.
fn copy_with(folder: &Folder, to: &str, product: &str, change: impl Fn(&mut Array2<f64>)) {
    for name in ["image", "model", "residual"] {
        let mut image = Image::read(&folder.path(&format!("out-{name}.fits")));
        if product.split('+').any(|product| product == name) {
            let mut plane = image.plane(0);
            change(&mut plane);
            image.pixels = plane.into_iter().collect();
        }
        let structural = ["SIMPLE", "BITPIX", "NAXIS", "EXTEND"];
        image.cards.retain(|card| !structural.iter().any(|key| card.starts_with(key)));
        folder.save(&format!("{to}-{name}.fits"), &image);
    }
}

#[test]
fn clean_run_raises_no_flag_and_its_numbers_are_those_of_the_products() {
    let folder = folder();
    let ran = folder.deconv("metrics --image out-image.fits --truth truth.fits --csv m.csv");
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    for needle in ["told by the summary", "beside the image", "error_restored", "no flag was raised", "snr_model"] {
        assert!(ran.out.contains(needle), "'{needle}' is not in\n{}", ran.out);
    }
    let table = fs::read_to_string(folder.path("m.csv")).unwrap();
    assert!(table.starts_with("plane,name,value,unit\n") && table.contains(",res_mad,"), "{table}");

    for truth in ["truth.fits", "truth.csv"] {
        let plane = measure(&folder, &format!("--image out-image.fits --truth {truth}"));
        assert_eq!(raised(&plane), [""; 0], "{plane:#}");
        let residual = folder.products("out").residual().plane(0);
        assert!((number(&plane, "res_rms") / sky::rms(&residual) - 1.0).abs() < 1e-6);
        assert!((number(&plane, "res_max") / sky::max_abs(&residual) - 1.0).abs() < 1e-6);
        let flux = sky::total(&folder.products("out").model().plane(0));
        assert!((number(&plane, "flux_model") - flux).abs() < 1e-6);
        assert!((number(&plane, "flux_ratio") - 1.0).abs() < 0.02, "{truth}");
        assert_eq!((number(&plane, "completeness_10"), number(&plane, "reliability")), (1.0, 1.0), "{truth}");
        assert!(number(&plane, "offset_x_median").abs() < 0.05 && number(&plane, "snr_restored") > 25.0);
        assert!((number(&plane, "error_restored") / NOISE - 1.0).abs() < 0.3, "{truth}");
        assert_eq!(plane["sources"].as_array().unwrap().len(), 12, "{truth}");
    }
}

#[test]
fn image_alone_is_measured_without_a_truth() {
    let folder = folder();
    fs::copy(folder.path("out-image.fits"), folder.path("alone.fits")).unwrap();
    let plane = measure(&folder, "--image alone.fits");
    assert!(number(&plane, "dr_noise") > 100.0);
    let names: Vec<_> = plane["numbers"].as_array().unwrap().iter().map(|number| number["name"].clone()).collect();
    assert!(!names.iter().any(|name| name.as_str().unwrap().starts_with("error_")), "{names:?}");
}

#[test]
fn faults_put_into_the_products_raise_their_own_flags() {
    let folder = folder();
    // a wide hollow in the model, and in the image that is restored from it
    let hollow = |depth: f64| {
        move |plane: &mut Array2<f64>| {
            for ((y, x), value) in plane.indexed_iter_mut() {
                let radius = (y as f64 - 80.0).hypot(x as f64 - 70.0);
                *value -= depth * (-(radius / 15.0).powi(2)).exp();
            }
        }
    };
    copy_with(&folder, "bowl", "image", hollow(9.0 * NOISE));
    assert!(raised(&measure(&folder, "--image bowl-image.fits")).contains(&"negative-bowl".to_owned()));

    // a tenth of the dirty sky left in the residual
    let sky_left = sky::dirty(SHAPE, &points()) * 0.1;
    copy_with(&folder, "left", "image+residual", |plane| *plane += &sky_left);
    let plane = measure(&folder, "--image left-image.fits --dirty dirty.fits --psf psf.fits");
    assert_eq!(raised(&plane), ["uncleaned-sidelobes"], "{plane:#}");
    assert!((number(&plane, "leftover_share") - 0.11).abs() < 0.02);

    // more taken than there was
    copy_with(&folder, "over", "image+residual", |plane| *plane -= &(&sky_left * 0.5));
    let plane = measure(&folder, "--image over-image.fits --dirty dirty.fits --psf psf.fits");
    assert!(raised(&plane).contains(&"over-cleaned".to_owned()), "{plane:#}");
    assert!(number(&plane, "leftover_share") < -0.02);

    copy_with(&folder, "seam", "image+residual", |plane| {
        plane.slice_mut(ndarray::s![75.., ..]).mapv_inplace(|value| value + 4.0 * NOISE);
    });
    let plane = measure(&folder, "--image seam-image.fits");
    assert!(raised(&plane).contains(&"seam".to_owned()), "{plane:#}");
    assert_eq!(number(&plane, "seam_row"), 75.0);
    // the run tells that it had no tiles: what steps there was in the dirty image
    fs::copy(folder.path("out-summary.json"), folder.path("seam-summary.json")).unwrap();
    let plane = measure(&folder, "--image seam-image.fits");
    assert!(number(&plane, "seam_ratio") > 2.5 && !raised(&plane).contains(&"seam".to_owned()), "{plane:#}");

    // a beam that is not that of the image
    copy_with(&folder, "beam", "", |_| ());
    let image = Image::read(&folder.path("beam-image.fits"));
    let major = image.number("BMAJ").unwrap();
    let mut wider = image.with("BMAJ", &format!("{:E}", 1.3 * major));
    let structural = ["SIMPLE", "BITPIX", "NAXIS", "EXTEND"];
    wider.cards.retain(|card| !structural.iter().any(|key| card.starts_with(key)));
    folder.save("beam-image.fits", &wider);
    let plane = measure(&folder, "--image beam-image.fits");
    assert_eq!(raised(&plane), ["wrong-beam"], "{plane:#}");
    let plane = measure(&folder, "--image beam-image.fits --psf psf.fits");
    assert!(number(&plane, "beam_difference") > 0.1);
}

#[test]
fn what_cannot_be_measured_is_told_with_file_and_remedy() {
    let folder = folder();
    folder.save("small.fits", &Image::new(&Array2::ones((20, 20))));
    let seen = Image::new(&Array2::ones(SHAPE));
    folder.save("seen.fits", &seen);
    fs::write(folder.path("bad.csv"), "x,y\n1,2\n").unwrap();
    let cases = [
        ("--image nowhere.fits", "there is no file nowhere.fits"),
        ("--image out-image.fits --truth small.fits", "expected (150, 160) in 1 planes, found (20, 20)"),
        ("--image out-image.fits --truth seen.fits", "BUNIT: expected Jy/pixel, found JY/BEAM"),
        ("--image out-image.fits --truth bad.csv", "found x, y"),
        ("--image dirty.fits --truth truth.fits", "has no clean beam"),
        ("--image out-image.fits --csv out-model.fits --overwrite", "out-model.fits"),
        ("--image out-image.fits --csv truth.csv", "truth.csv exists already"),
    ];
    let before = folder.listing();
    for (words, needle) in cases {
        let ran = folder.deconv(&format!("metrics {words}"));
        assert_eq!(ran.code, Some(1), "{words}\n{}", ran.err);
        assert!(ran.err.contains(needle) && ran.err.contains("hint: "), "{words}: '{needle}' is not in\n{}", ran.err);
    }
    assert_eq!(folder.listing(), before);
}

#[test]
fn residual_louder_than_the_noise_given_has_sidelobes_left() {
    // the PSF changes over the field, and one for all leaves sidelobes that fill the residual as noise does
    let shape = (128, 128);
    let folder = Folder::new();
    let wrong = |y: f64, x: f64| 0.05 * (-(y * y + x * x) / 3000.0).exp() * (1.3 * y).cos() * (0.7 * x).sin();
    let mut dirty = sky::dirty(shape, &[(20.0, 100.0, 1.0), (100.0, 30.0, 0.8), (64.0, 64.0, 0.5)]);
    for ((y, x), value) in dirty.indexed_iter_mut() {
        *value += wrong(y as f64 - 20.0, x as f64 - 100.0) - 0.8 * wrong(y as f64 - 100.0, x as f64 - 30.0);
    }
    folder.pair(&(dirty + sky::noise(shape, NOISE, 2)), &sky::wide_psf(shape));
    folder.run("out", "--plots none --algorithm clean --auto-mask 0 --auto-threshold 4");
    let plane = measure(&folder, &format!("--image out-image.fits --sigma {NOISE}"));
    assert!(raised(&plane).contains(&"uncleaned-sidelobes".to_owned()), "{plane:#}");
    assert!(number(&plane, "noise_excess") > 1.5);
}
