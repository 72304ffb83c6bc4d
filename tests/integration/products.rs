//! What is written: headers, units, beams, history, pictures.

use ndarray::Array2;

use crate::fits::{SHAPE, folder, plane};
use crate::support::fits::{Image, card};
use crate::support::sky;

#[test]
fn cards_are_carried_through_untouched() {
    let folder = folder();
    let mut dirty = Image::new(&plane(0))
        .with("OBJECT", "'O''Neill / 5'")
        .with("OBSRA", "1.8725000000000123E+02")
        .with("EQUINOX", "2000.")
        .with("PC1_2", "0.0")
        .with("LONPOLE", "180.0")
        .with("CRVAL1A", "-12.75");
    dirty.cards.push(format!("{:<80}", "HIERARCH ESO TEL ALT = 12.5 / a long key"));
    dirty.cards.push(format!("{:<80}", "COMMENT a remark that stays"));
    dirty.cards.push(format!("{:<80}", "HISTORY what was done before"));
    dirty.cards.push(format!("{:<80}", "ODDKEY  = 'text'                  / with a comment"));
    for stale in [("DATAMIN", "-1.0"), ("DATAMAX", "1.0"), ("CHECKSUM", "'abc'"), ("DATASUM", "'12'")] {
        dirty = dirty.with(stale.0, stale.1);
    }
    dirty = dirty.with("BMAJ", "0.25").with("BMIN", "0.25").with("BPA", "7.0");
    folder.save("dirty.fits", &dirty);
    let products = folder.run("out", "");
    let gone = ["DATAMIN", "DATAMAX", "CHECKSUM", "DATASUM", "BMAJ", "BMIN", "BPA", "BUNIT"];
    for image in [products.model(), products.residual(), products.restored()] {
        let kept = dirty.cards.iter().filter(|card| !gone.iter().any(|key| card.starts_with(&format!("{key:<8}="))));
        let mut at = 0;
        for expected in kept {
            let place = image.cards[at..].iter().position(|card| card == expected);
            at += place.unwrap_or_else(|| panic!("lost, changed or out of order: {expected}")) + 1;
        }
        for key in &gone[..4] {
            assert_eq!(image.raw(key), None, "{key} is no longer true");
        }
    }
}

#[test]
fn products_tell_their_units_beam_and_how_they_were_made() {
    let folder = folder();
    let products = folder.run("out", "--niter 77 --threshold 5mJy");
    let (model, residual, restored) = (products.model(), products.residual(), products.restored());
    assert_eq!(model.text("BUNIT").as_deref(), Some("Jy/pixel"));
    assert_eq!(residual.text("BUNIT").as_deref(), Some("Jy/beam"));
    assert_eq!(restored.text("BUNIT").as_deref(), Some("Jy/beam"));
    let told = &products.summary()["planes"][0]["beam"];
    for (key, name) in [("BMAJ", "bmaj"), ("BMIN", "bmin"), ("BPA", "bpa")] {
        assert_eq!((model.number(key), residual.number(key)), (None, restored.number(key)), "{key}");
        assert!((restored.number(key).unwrap() - told[name].as_f64().unwrap()).abs() < 1e-9, "{key}");
    }
    let asec = 1.0 / 3600.0;
    assert!((2.0..5.0).contains(&(restored.number("BMIN").unwrap() / asec)), "a beam of some pixels");
    for image in [model, residual, restored] {
        let history = image.history();
        for needle in [
            "--dirty dirty.fits --psf psf.fits -o out --niter 77 --threshold 5mJy",
            "niter = 77",
            "gain = 0.1",
            "algorithm = \"multiscale\"",
            env!("CARGO_PKG_VERSION"),
        ] {
            assert!(history.contains(needle), "{needle} is not in{history}");
        }
        assert!(history.contains(products.summary()["planes"][0]["message"].as_str().unwrap()), "{history}");
    }
}

#[test]
fn restored_image_is_the_model_at_the_beam_of_the_header_plus_the_residual() {
    let folder = folder();
    for (name, words) in [("fitted", ""), ("given", "--beam-shape 5asec,3asec,30deg")] {
        let products = folder.run(name, words);
        let restored = products.restored();
        let key = |key| restored.number(key).unwrap();
        let (major, minor, pa) = (key("BMAJ") * 3600.0, key("BMIN") * 3600.0, key("BPA").to_radians());
        if name == "given" {
            assert!((major - 5.0).abs() < 1e-6 && (minor - 3.0).abs() < 1e-6 && (key("BPA") - 30.0).abs() < 1e-6);
        }
        // one pixel is one arcsec, east is at lower x; the position angle runs from north to east
        let beam = Array2::from_shape_fn((65, 81), |(y, x)| {
            let (dy, dx) = (y as f64 - 32.0, x as f64 - 40.0);
            let (u, v) = (-dx * pa.sin() + dy * pa.cos(), -dx * pa.cos() - dy * pa.sin());
            (-4.0 * 2.0_f64.ln() * ((u / major).powi(2) + (v / minor).powi(2))).exp()
        });
        let expected = sky::convolve(&products.model().plane(0), &beam, (32, 40)) + products.residual().plane(0);
        let misfit = sky::max_abs(&(restored.plane(0) - expected));
        assert!(misfit < 5e-6, "{name}: {misfit:e}");
    }
}

#[test]
fn header_without_a_cell_is_taken_with_a_warning() {
    let folder = folder();
    let bare = |plane: &Array2<f64>| {
        let mut image = Image::new(plane);
        image.cards = vec![card("BUNIT", "'JY/BEAM '")];
        image
    };
    folder.save("dirty.fits", &bare(&plane(0)));
    folder.save("psf.fits", &bare(&sky::wide_psf(SHAPE)));
    let ran = folder.deconv("--dirty dirty.fits --psf psf.fits -o out");
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    assert!(ran.err.contains("warning") && ran.err.contains("cell"), "{}", ran.err);
    let restored = folder.products("out").restored();
    assert_eq!(restored.number("BMAJ"), None, "no beam on the sky without a cell");
    assert!(sky::max_abs(&restored.plane(0)) > 0.9);
}

#[test]
fn pictures_can_be_opened_and_are_not_empty() {
    let folder = folder();
    let products = folder.run("out", "");
    for (suffix, side) in [("preview.png", 400), ("convergence.png", 300), ("profile.png", 300)] {
        let picture = image::open(products.file(suffix)).unwrap().to_rgb8();
        assert!(picture.width() >= side && picture.height() >= side, "{suffix}: {:?}", picture.dimensions());
        let colours: std::collections::BTreeSet<_> = picture.pixels().map(|pixel| pixel.0).collect();
        assert!(colours.len() > 20, "{suffix}: {} colours", colours.len());
    }
    let svg = std::fs::read_to_string(products.file("profile.svg")).unwrap();
    assert!(svg.contains("<svg") && svg.trim_end().ends_with("</svg>"), "a whole picture");
    for kind in ["columns", "residual"] {
        assert!(svg.contains(kind), "no task of the kind '{kind}' in the profile");
    }
}

#[test]
fn summary_tells_all_that_the_issue_asks_for() {
    let folder = folder();
    folder.save("dirty.fits", &Image::cube(&[plane(0), plane(1)], &[("FREQ", 2)]));
    let summary = folder.run("out", "").summary();
    for key in ["version", "command", "interrupted", "algorithm", "memory_peak_bytes", "phases", "warnings", "config"] {
        assert!(!summary[key].is_null(), "{key}");
    }
    assert!(summary["memory_peak_bytes"].as_u64().unwrap() > 1 << 20);
    let planes = summary["planes"].as_array().unwrap();
    assert_eq!(planes.len(), 2);
    for plane in planes {
        for key in ["label", "stop", "message", "cycles", "iterations", "components", "flux_jy", "beam", "wall_s"] {
            assert!(!plane[key].is_null(), "{key}");
        }
        for key in ["rms", "max", "min", "sigma"] {
            assert!(plane["residual"][key].is_number(), "{key}");
        }
        assert!(plane["beam"]["bmaj"].is_number() && plane["beam"]["bpa"].is_number());
    }
    assert!(planes[1]["label"].as_str().unwrap().contains("1.4010 GHz"), "{}", planes[1]["label"]);
}

#[test]
fn component_list_holds_every_pixel_of_the_models_once_and_where_it_is_on_the_sky() {
    let folder = folder();
    folder.save("dirty.fits", &Image::cube(&[plane(0), plane(1)], &[("FREQ", 2)]));
    let products = folder.run("out", "--save-components csv,fits --chunk 5");
    let text = std::fs::read_to_string(products.file("components.csv")).unwrap();
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some("plane,frequency,x,y,ra,dec,flux,scale,shape"));
    let mut left = products.model().pixels;
    let mut last = (0.0, 0.0, -1.0);
    for line in lines {
        let line = line.strip_suffix(",0.0,point").expect("points have no width");
        let cells: Vec<f64> = line.split(',').map(|cell| cell.parse().unwrap()).collect();
        let [plane, frequency, x, y, ra, dec, flux] = cells[..] else { panic!("{line}") };
        let place = (plane as usize * SHAPE.0 + y as usize) * SHAPE.1 + x as usize;
        assert_eq!(std::mem::take(&mut left[place]), flux, "{line}");
        assert!(last < (plane, y, x), "in the order of planes, rows and columns: {line}");
        last = (plane, y, x);
        assert_eq!(frequency, 1.4e9 + 1e6 * plane, "{line}");
        // one arcsec a pixel, the reference pixel 9, 11 of FITS at 187.25, -12.5
        assert!((dec - (-12.5 + (y - 10.0) / 3600.0)).abs() < 1e-6, "{line}");
        assert!((ra - (187.25 - (x - 8.0) / 3600.0 / (-12.5f64).to_radians().cos())).abs() < 1e-6, "{line}");
    }
    assert!(last.0 == 1.0 && left.iter().all(|flux| *flux == 0.0), "components of both planes, and none left out");
    let whole = folder.run("whole", "--save-components csv,fits --chunk full --threads 1");
    for file in ["components.csv", "components.fits"] {
        assert_eq!(std::fs::read(products.file(file)).unwrap(), std::fs::read(whole.file(file)).unwrap(), "{file}");
    }
    let again = folder.deconv("--dirty dirty.fits --psf psf.fits -o other --save-components fits --algorithm wiener");
    assert!(again.code == Some(2) && again.err.contains("--save-components has no effect"), "{}", again.err);
    let there = folder.deconv("--dirty dirty.fits --psf psf.fits -o out --save-components csv --plots none");
    assert!(there.code == Some(1) && there.err.contains("exists"), "{}", there.err);
}
