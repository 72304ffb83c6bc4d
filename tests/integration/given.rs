//! Jobs on given images: `deconv residual`, `deconv restore`, and CLEAN that goes on from a model.

use ndarray::Array2;

use crate::cli_errors::refused;
use crate::support::fits::Image;
use crate::support::program::Folder;
use crate::support::sky;

const SHAPE: (usize, usize) = (60, 52);

fn points(seed: u64) -> Array2<f64> {
    let points = [(20.0, 15.0, 1.0), (33.0, 30.5, 0.4), (44.0, 40.0 - seed as f64, 0.2)];
    sky::dirty(SHAPE, &points) + sky::noise(SHAPE, 2e-3, seed)
}

fn folder() -> Folder {
    let folder = Folder::new();
    folder.pair(&points(1), &sky::wide_psf(SHAPE));
    folder
}

/// Two channels, the second with a wider PSF, a blank corner in the first.
fn cube() -> Folder {
    let folder = Folder::new();
    let mut first = points(1);
    first.slice_mut(ndarray::s![..8, ..9]).fill(f64::NAN);
    folder.save("dirty.fits", &Image::cube(&[first, points(2)], &[("FREQ", 2)]));
    let psf = sky::wide_psf(SHAPE);
    let wide = psf.mapv(|value| value.signum() * value.abs().powf(0.8));
    folder.save("psf.fits", &Image::cube(&[psf, wide], &[("FREQ", 2)]));
    folder
}

/// Whether pixels are the same to the bit, blanks included.
fn same(a: &Image, b: &Image) -> bool {
    let bits = |image: &Image| image.pixels.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
    a.axes == b.axes && bits(a) == bits(b)
}

fn done(folder: &Folder, words: &str) -> String {
    let ran = folder.deconv(words);
    assert_eq!(ran.code, Some(0), "{words}\n{}", ran.err);
    ran.err
}

#[test]
fn residual_of_the_runs_own_model_is_the_runs_residual() {
    for (folder, algorithm) in [(folder(), "clean"), (folder(), "multiscale"), (folder(), "wiener"), (cube(), "clean")]
    {
        let run = folder.run("out", &format!("--algorithm {algorithm}"));
        for (name, words) in [("a", ""), ("b", "--chunk 7 -j 1"), ("c", "--scheduler processes -j 2 --chunk full")] {
            let text = done(
                &folder,
                &format!("residual --dirty dirty.fits --psf psf.fits --model out-model.fits -o {name} {words}"),
            );
            assert!(text.contains("residual rms"), "{text}");
            let residual = folder.products(name).residual();
            assert!(same(&residual, &run.residual()), "{algorithm} {words}");
            for key in ["BUNIT", "BMAJ", "BMIN", "BPA", "CASAMBM", "CRVAL1", "CDELT2"] {
                assert_eq!(residual.raw(key), run.residual().raw(key), "{key}");
            }
            assert!(residual.history().contains("deconv residual --dirty dirty.fits"), "{}", residual.history());
        }
    }
}

#[test]
fn restoring_the_runs_own_model_and_residual_gives_the_runs_image() {
    for (folder, name) in [(folder(), "plane"), (cube(), "cube")] {
        let run = folder.run("out", "");
        for (at, words) in [("a", ""), ("b", "--chunk 9 -j 1"), ("c", "--scheduler sync --chunk full")] {
            let files = "restore --model out-model.fits --residual out-residual.fits --psf psf.fits";
            done(&folder, &format!("{files} -o {at} {words}"));
            let restored = folder.products(at).restored();
            assert!(same(&restored, &run.restored()), "{name} {words}");
            assert_eq!(restored.text("BUNIT").as_deref(), Some("Jy/beam"));
            assert_eq!(restored.raw("BMAJ"), run.restored().raw("BMAJ"));
        }
        // the header tells the beam: to the last digit for one beam, as 32 bits in the table of a cube
        done(&folder, "restore --model out-model.fits --residual out-residual.fits -o header");
        let misfit = sky::max_abs(
            &(folder.products("header").restored().plane(1 % run.model().planes())
                - run.restored().plane(1 % run.model().planes())),
        );
        assert!(misfit < 2e-6, "{name}: {misfit:e}");
    }
}

#[test]
fn restoring_with_another_beam_is_the_direct_sum() {
    let folder = folder();
    let run = folder.run("out", "");
    done(&folder, "restore --model out-model.fits --residual out-residual.fits --beam-shape 6asec,4asec,25deg -o wide");
    let restored = folder.products("wide").restored();
    let pa = 25.0_f64.to_radians();
    let beam = Array2::from_shape_fn((81, 81), |(y, x)| {
        let (dy, dx) = (y as f64 - 40.0, x as f64 - 40.0);
        let (u, v) = (-dx * pa.sin() + dy * pa.cos(), -dx * pa.cos() - dy * pa.sin());
        (-4.0 * 2.0_f64.ln() * ((u / 6.0).powi(2) + (v / 4.0).powi(2))).exp()
    });
    let expected = sky::convolve(&run.model().plane(0), &beam, (40, 40)) + run.residual().plane(0);
    let misfit = sky::max_abs(&(restored.plane(0) - expected));
    assert!(misfit < 5e-6, "{misfit:e}");
    assert!((restored.number("BMAJ").unwrap() * 3600.0 - 6.0).abs() < 1e-9);
    assert!((restored.number("BPA").unwrap() - 25.0).abs() < 1e-9);
}

#[test]
fn products_that_are_there_are_kept_and_inputs_are_never_replaced() {
    let folder = folder();
    folder.run("out", "--plots none");
    let restore = "restore --model out-model.fits --residual out-residual.fits -o out";
    let residual = "residual --dirty dirty.fits --psf psf.fits --model out-model.fits -o out";
    for words in [restore, residual] {
        refused(&folder, words, 1, &["exists already", "--overwrite"]);
    }
    done(&folder, &format!("{restore} --overwrite"));
    std::fs::copy(folder.path("dirty.fits"), folder.path("mine-residual.fits")).unwrap();
    refused(
        &folder,
        "residual --dirty mine-residual.fits --psf psf.fits --model out-model.fits -o mine --overwrite",
        1,
        &["mine-residual.fits", "input"],
    );
}

#[test]
fn models_on_another_grid_or_in_another_unit_are_refused_with_both_values() {
    let folder = folder();
    folder.run("out", "--plots none");
    let model = folder.products("out").model();
    let small = Image::new(&Array2::zeros((30, 52))).with("BUNIT", "'Jy/pixel'");
    let cases = [
        ("small.fits", small, ["NAXIS2", "30", "60"]),
        ("cell.fits", model.clone().with("CDELT1", "-3.0E-4"), ["CDELT1", "-3e-4", "-2.77"]),
        ("place.fits", model.clone().with("CRVAL1", "187.26"), ["CRVAL", "pixels off", "0.01"]),
        ("shift.fits", model.clone().with("CRPIX2", "12.5"), ["CRPIX", "1.500 pixels off", "0.01"]),
        ("beam.fits", model.clone().with("BUNIT", "'Jy/beam '"), ["BUNIT", "Jy/beam", "Jy/pixel"]),
        ("kelvin.fits", model.with("BUNIT", "'K       '"), ["BUNIT", "'K'", "Jy/pixel"]),
    ];
    for (name, image, needles) in cases {
        folder.save(name, &Image { cards: own_cards(&image), ..image });
        let needles = [&needles[..], &[name, "hint: "]].concat();
        for words in [
            format!("residual --dirty dirty.fits --psf psf.fits --model {name} -o x"),
            format!("restore --model {name} --residual out-residual.fits -o x"),
            format!("--dirty dirty.fits --psf psf.fits --continue {name} -o x"),
        ] {
            refused(&folder, &words, 1, &needles);
        }
    }
    refused(
        &folder,
        "restore --model out-model.fits --residual out-model.fits -o x",
        1,
        &["out-model.fits", "residual", "BUNIT", "'Jy/pixel'", "'Jy/beam'"],
    );
}

/// Cards without those that [`Image::bytes`] writes itself.
fn own_cards(image: &Image) -> Vec<String> {
    let structural = ["SIMPLE", "BITPIX", "NAXIS", "EXTEND", "HISTORY"];
    image.cards.iter().filter(|card| !structural.iter().any(|key| card.starts_with(key))).cloned().collect()
}

#[test]
fn an_image_cannot_be_restored_without_a_beam() {
    let folder = folder();
    folder.run("out", "--plots none");
    let bare = folder.products("out").residual().without("BMAJ");
    folder.save("bare.fits", &Image { cards: own_cards(&bare), ..bare });
    let words = "restore --model out-model.fits --residual bare.fits -o x";
    refused(&folder, words, 1, &["bare.fits", "BMAJ", "BEAMS", "--beam-shape", "--psf"]);
    done(&folder, &format!("{words} --psf psf.fits"));
    let psf = format!("{words} --psf psf.fits --beam-shape 5asec --overwrite");
    refused(&folder, &psf, 2, &["--psf has no effect"]);
}

#[test]
fn clean_that_goes_on_ends_where_one_run_does() {
    let folder = folder();
    let words = |algorithm: &str, niter: u32| {
        format!(
            "--algorithm {algorithm} --niter {niter} --auto-mask 0 --auto-threshold 0 --threshold 1e-9 --plots none"
        )
    };
    for algorithm in ["hogbom", "clean"] {
        let whole = folder.run(&format!("{algorithm}-whole"), &words(algorithm, 300));
        let first = format!("{algorithm}-first");
        folder.run(&first, &words(algorithm, 120));
        let more = format!("{} --continue {first}-model.fits", words(algorithm, 180));
        let second = folder.run(&format!("{algorithm}-second"), &more);
        // the textbook loop takes the same components, apart from the rounding of 120 subtractions; a list is cut anew
        let bound = if algorithm == "hogbom" { 2e-6 } else { 0.05 };
        let misfit = sky::max_abs(&(whole.model().plane(0) - second.model().plane(0)));
        assert!(misfit < bound, "{algorithm}: {misfit:e}");
        let planes = &second.summary()["planes"][0];
        assert_eq!(planes["iterations"], 180, "components of this run are counted");
        let flux = sky::total(&second.model().plane(0));
        assert!((planes["flux_jy"].as_f64().unwrap() - flux).abs() < 1e-6, "the flux is that of the whole model");
        assert!(
            second.residual().history().contains("continue = \"hogbom-first-model.fits\"") || algorithm != "hogbom"
        );
    }
}

#[test]
fn going_on_from_a_finished_run_keeps_its_model_and_goes_deeper_where_that_is_asked() {
    let folder = folder();
    let first = folder.run("first", "--plots none");
    let again = folder.run("again", "--plots none --niter 0 --continue first-model.fits");
    assert!(same(&again.model(), &first.model()) && same(&again.residual(), &first.residual()));
    assert!(same(&again.restored(), &first.restored()));
    let shallow = folder.run("shallow", "--plots none --auto-mask 0 --auto-threshold 20");
    let deeper = folder.run("deeper", "--plots none --auto-mask 0 --auto-threshold 4 --continue shallow-model.fits");
    assert!(sky::rms(&deeper.residual().plane(0)) < 0.7 * sky::rms(&shallow.residual().plane(0)));
    assert_eq!(deeper.reasons(), ["threshold"]);
    // the auto-mask holds what the earlier run found
    let masked = folder.run("masked", "--plots none --continue shallow-model.fits");
    assert!(sky::rms(&masked.residual().plane(0)) < sky::rms(&shallow.residual().plane(0)));
    let lucy = "--dirty dirty.fits --psf psf.fits -o w --algorithm richardson-lucy --continue first-model.fits";
    refused(&folder, lucy, 2, &["--continue has no effect with --algorithm richardson-lucy"]);
}
