//! Blank pixels, blank planes, planes of zeros: reported, passed through, and without harm to what is good.

use ndarray::Array2;

use crate::fits::{SHAPE, folder, is_the_single_run, plane, planes_of};
use crate::support::fits::Image;
use crate::support::program::{Folder, Products};
use crate::support::sky;

#[test]
fn blank_pixels_come_back_blank_and_change_nothing_else() {
    let folder = folder();
    // blanks far from the sources, where noise stays below the threshold
    let blanks = [(0, 0), (31, 39), (5, 33), (28, 3), (28, 4)];
    let words = "--auto-threshold 0 --threshold 20mJy";
    let whole = folder.run("whole", words);
    let mut dirty = plane(0);
    for at in blanks {
        dirty[at] = f64::NAN;
    }
    folder.save("dirty.fits", &Image::new(&dirty));
    let blanked = folder.run("blanked", words);
    for (found, expected) in planes_of(&blanked, 0).iter().zip(planes_of(&whole, 0)) {
        for (at, expected) in expected.indexed_iter() {
            assert!(if blanks.contains(&at) { found[at].is_nan() } else { found[at] == *expected }, "{at:?}");
        }
    }
    let statistics = &blanked.summary()["planes"][0]["residual"];
    assert_eq!(statistics["pixels"].as_u64(), Some(32 * 40 - 5));
}

#[test]
fn infinite_pixels_are_taken_as_blank() {
    let folder = folder();
    let mut dirty = plane(0);
    (dirty[(2, 2)], dirty[(30, 30)]) = (f64::INFINITY, f64::NEG_INFINITY);
    folder.save("dirty.fits", &Image::new(&dirty));
    let residual = folder.run("out", "").residual().plane(0);
    assert_eq!(residual.iter().filter(|value| !value.is_finite()).count(), 2);
    assert!(residual[(2, 2)].is_nan() && residual[(30, 30)].is_nan());
}

#[test]
fn source_under_a_blank_pixel_leaves_no_component_there() {
    let folder = folder();
    let mut dirty = plane(0);
    dirty[(10, 14)] = f64::NAN;
    folder.save("dirty.fits", &Image::new(&dirty));
    for algorithm in ["clean", "clark", "hogbom"] {
        let products = folder.run(algorithm, &format!("--algorithm {algorithm} --niter 500"));
        let residual = products.residual().plane(0);
        assert!(products.model().plane(0)[(10, 14)].is_nan() && residual[(10, 14)].is_nan());
        assert_eq!(residual.iter().filter(|value| value.is_nan()).count(), 1, "{algorithm}");
        let total = products.summary()["planes"][0]["flux_jy"].as_f64().unwrap();
        assert!((total - sky::total(&products.model().plane(0))).abs() < 1e-5, "{algorithm}");
    }
}

#[test]
fn image_without_a_value_is_passed_through_with_a_warning_be_it_blank_or_zero() {
    let folder = folder();
    let [blank, zero] = [f64::NAN, 0.0].map(|value| Array2::from_elem(SHAPE, value));
    let cases = [
        (vec![blank.clone()], vec!["blank"], "blank"),
        (vec![zero.clone()], vec!["empty"], "zero"),
        (vec![zero, blank], vec!["empty", "blank"], "blank or zero"),
    ];
    for (planes, reasons, found) in cases {
        folder.save("dirty.fits", &Image::cube(&planes, &[("FREQ", planes.len())]));
        for algorithm in ["multiscale", "hogbom", "wiener", "wiener --boundary circular", "convex"] {
            let words = format!("-o out --overwrite --plots none --algorithm {algorithm}");
            let ran = folder.deconv(&format!("--dirty dirty.fits --psf psf.fits {words}"));
            let told =
                format!("nothing to deconvolve in dirty.fits: in HDU 1 every pixel is {found}; check that imaging");
            assert!(ran.code == Some(0) && ran.err.matches(&told).count() == 1, "{algorithm}: {}", ran.err);
            let products = folder.products("out");
            assert_eq!(products.reasons(), reasons, "{algorithm}");
            for index in 0..planes.len() {
                assert!(planes_of(&products, index).iter().flatten().all(|value| value.is_nan()), "{algorithm}");
            }
        }
    }
}

#[test]
fn all_blank_plane_is_reported_and_passed_through() {
    let folder = folder();
    let blank = Array2::from_elem(SHAPE, f64::NAN);
    folder.save("dirty.fits", &Image::cube(&[plane(0), blank, plane(2)], &[("FREQ", 3)]));
    let cube = folder.run("cube", "");
    assert_eq!(cube.reasons()[1], "blank");
    for (index, seed) in [(0, 0), (2, 2)] {
        folder.save("d.fits", &Image::new(&plane(seed)));
        is_the_single_run(&cube, index, &folder.run_pair(("d.fits", "psf.fits"), &format!("s{seed}"), ""));
    }
    for plane in planes_of(&cube, 1) {
        assert!(plane.iter().all(|value| value.is_nan()));
    }
}

#[test]
fn zero_plane_and_plane_without_psf_are_reported_and_harm_no_other() {
    let folder = folder();
    let planes = [plane(0), Array2::zeros(SHAPE), plane(2)];
    folder.save("dirty.fits", &Image::cube(&planes, &[("FREQ", 3)]));
    let cube = folder.run("zero", "");
    assert_eq!(cube.reasons()[1], "empty");
    let psf = sky::wide_psf(SHAPE);
    folder.save("dirty.fits", &Image::cube(&[plane(0), plane(1), plane(2)], &[("FREQ", 3)]));
    folder.save("psf.fits", &Image::cube(&[psf.clone(), Array2::zeros((64, 80)), psf], &[("FREQ", 3)]));
    let flagged = folder.run("flagged", "");
    assert_eq!(flagged.reasons()[1], "no-psf");
    for index in [0, 2] {
        is_the_single_run_of_cube(&flagged, &cube, index);
        assert!(planes_of(&cube, index).iter().all(|plane| plane.iter().all(|value| value.is_finite())));
    }
}

fn is_the_single_run_of_cube(a: &Products, b: &Products, index: usize) {
    assert_eq!(planes_of(a, index), planes_of(b, index), "plane {index}");
}

#[test]
fn every_plane_without_a_psf_is_an_error_that_blames_the_psf() {
    let folder = folder();
    folder.save("dirty.fits", &Image::cube(&[plane(0), plane(1)], &[("FREQ", 2)]));
    folder.save("psf.fits", &Image::cube(&[Array2::zeros((64, 80)), Array2::zeros((64, 80))], &[("FREQ", 2)]));
    let ran = folder.deconv("--dirty dirty.fits --psf psf.fits -o out");
    assert_eq!(ran.code, Some(1), "{}", ran.err);
    assert!(ran.err.contains("psf.fits"), "{}", ran.err);
}

#[test]
fn preview_shows_the_plane_nearest_to_the_middle_that_is_not_blank() {
    let folder = folder();
    let blank = || Array2::from_elem(SHAPE, f64::NAN);
    for (name, planes, memory) in [
        ("after", vec![plane(0), blank(), blank(), plane(1)], ""),
        ("before", vec![plane(0), plane(1), blank(), blank()], ""),
        // beside so many workers there is room for the plots, and for few planes at a time
        ("alone", vec![plane(0), blank(), blank(), blank()], "--memory 46MiB --threads 19"),
    ] {
        folder.save("dirty.fits", &Image::cube(&planes, &[("FREQ", planes.len())]));
        let products = folder.run(name, &format!("--plots preview {memory}"));
        assert!(products.file("preview.png").exists(), "{name}");
        assert!(!products.file("profile.svg").exists(), "{name}: only the plot that was asked for");
    }
    folder.save("dirty.fits", &Image::cube(&[blank(), plane(1), blank(), blank()], &[("FREQ", 4)]));
    let products = folder.run("none", "--plots none");
    assert!(!products.file("preview.png").exists());
}

#[test]
fn interval_of_the_profile_has_no_effect_without_one() {
    let folder = folder();
    let ran = folder.deconv("--dirty dirty.fits --psf psf.fits -o out --plots none --profile-dt 1s");
    assert_eq!(ran.code, Some(2), "{}", ran.err);
    assert!(ran.err.contains("--profile-dt has no effect"), "{}", ran.err);
}

#[test]
fn a_blank_plane_is_not_told_of_sidelobes_that_its_psf_misses() {
    let folder = Folder::new();
    folder.pair(&Array2::from_elem((40, 44), f64::NAN), &sky::psf((40, 44), (20, 22)));
    let notes = folder.run("out", "").summary()["planes"][0]["notes"].to_string();
    assert!(!notes.contains("inf") && !notes.contains("does not reach"), "{notes}");
}
