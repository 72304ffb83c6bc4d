//! Lists of components: what they hold, and that reading one back gives the model.

use std::fs;

use ndarray::{Array2, s};

use crate::cli_errors::refused;
use crate::support::fits::Image;
use crate::support::program::{Folder, Products};
use crate::support::sky;

const SHAPE: (usize, usize) = (96, 108);
/// A model is a sum of components in 32 bits, a list is added up in another order: part of the highest pixel of the model.
const ROUNDING: f64 = 2e-6;

/// A smooth blob, two points and noise.
fn extended() -> Folder {
    let folder = Folder::new();
    let blob = Array2::from_shape_fn(SHAPE, |(y, x)| {
        (-((y as f64 - 50.0).powi(2) + (x as f64 - 48.0).powi(2)) / (2.0 * 7.0 * 7.0)).exp()
    });
    let mut model = &blob / blob.sum();
    model[(20, 80)] += 0.05;
    model[(64, 40)] -= 0.01;
    let psf = sky::wide_psf(SHAPE);
    folder.pair(&(sky::convolve_fast(&model, &psf, SHAPE) + sky::noise(SHAPE, 1e-4, 5)), &psf);
    folder
}

fn done(folder: &Folder, words: &str) -> String {
    let ran = folder.deconv(words);
    assert_eq!(ran.code, Some(0), "{words}\n{}", ran.err);
    ran.err
}

/// Reads a list back into a model and an image of their own.
fn back(folder: &Folder, list: &str, name: &str) -> Products {
    let text =
        done(folder, &format!("restore --components {list} --residual out-residual.fits --psf psf.fits -o {name}"));
    assert!(!text.contains("warning"), "{text}");
    folder.products(name)
}

/// Largest difference of two models, in parts of the highest pixel.
fn misfit(a: &Image, b: &Image) -> f64 {
    let highest = a.pixels.iter().fold(0.0_f64, |highest, value| highest.max(value.abs()));
    a.pixels.iter().zip(&b.pixels).fold(0.0_f64, |most, (a, b)| most.max((a - b).abs())) / highest
}

/// A component of the text: name, type, (ra, dec) in degrees, flux, axes in arcsec.
struct Line {
    name: String,
    kind: String,
    place: (f64, f64),
    flux: f64,
    major: Option<f64>,
}

/// Reads a source list by the rules of its manual alone.
fn read_sources(text: &str) -> Vec<Line> {
    let mut lines = text.lines();
    assert_eq!(
        lines.next().map(|line| line.split("ReferenceFrequency").next().unwrap()),
        Some("Format = Name, Type, Ra, Dec, I, SpectralIndex, LogarithmicSI, ")
    );
    let number = |text: &str| text.parse::<f64>().unwrap();
    lines
        .filter(|line| !line.is_empty())
        .map(|line| {
            let cells: Vec<&str> = line.split(',').collect();
            assert_eq!(cells.len(), 11, "{line}");
            let hms: Vec<f64> = cells[2].split(':').map(number).collect();
            let dms: Vec<&str> = cells[3].splitn(3, '.').collect();
            let sign = if cells[3].starts_with('-') { -1.0 } else { 1.0 };
            let dec = number(dms[0]).abs() + number(dms[1]) / 60.0 + number(dms[2]) / 3600.0;
            assert_eq!(cells[5..7], ["[]", "false"], "{line}");
            Line {
                name: cells[0].to_owned(),
                kind: cells[1].to_owned(),
                place: (15.0 * (hms[0] + hms[1] / 60.0 + hms[2] / 3600.0), sign * dec),
                flux: number(cells[4]),
                major: Some(cells[8]).filter(|cell| !cell.is_empty()).map(number),
            }
        })
        .collect()
}

#[test]
fn lists_of_points_give_the_model_to_the_bit() {
    let folder = extended();
    let run = folder.run("out", "--algorithm clean --save-components csv,fits,wsclean --plots none");
    for (list, name) in [("out-components.csv", "a"), ("out-components.fits", "b"), ("out-sources.txt", "c")] {
        let products = back(&folder, list, name);
        assert_eq!(products.model().pixels, run.model().pixels, "{list}");
        assert_eq!(products.restored().pixels, run.restored().pixels, "{list}");
        assert_eq!(products.model().text("BUNIT").as_deref(), Some("Jy/pixel"));
    }
    let lines = read_sources(&fs::read_to_string(run.file("sources.txt")).unwrap());
    let model = run.model();
    assert_eq!(lines.len(), model.pixels.iter().filter(|value| **value != 0.0).count());
    for line in &lines {
        // one arcsec a pixel, the reference pixel 9, 11 of FITS at 187.25, -12.5
        let (y, x) = (
            10.0 + (line.place.1 + 12.5) * 3600.0,
            8.0 - (line.place.0 - 187.25) * 3600.0 * (-12.5f64).to_radians().cos(),
        );
        let pixel = model.plane(0)[(y.round() as usize, x.round() as usize)];
        assert!((pixel - line.flux).abs() < 1e-9 && line.kind == "POINT" && line.major.is_none(), "{}", line.name);
        assert!(line.name.starts_with("s0c"));
    }
}

#[test]
fn lists_of_scales_tell_them_and_give_the_model_within_rounding() {
    let folder = extended();
    for shape in ["tapered-quadratic", "gaussian"] {
        let words = format!("--algorithm multiscale --multiscale-shape {shape} --multiscale-scales 0,10,21.5");
        let run = folder.run("out", &format!("{words} --save-components csv,fits,wsclean --plots none --overwrite"));
        let text = fs::read_to_string(run.file("components.csv")).unwrap();
        for scale in ["0.0,point", &format!("21.5,{shape}")] {
            assert!(text.lines().any(|line| line.ends_with(scale)), "no component {scale}");
        }
        let pixels = run.model().pixels.iter().filter(|value| **value != 0.0).count();
        assert!(text.lines().count() < pixels / 2, "a list of scales is shorter than one of pixels");
        for (list, name) in [("out-components.csv", "a"), ("out-components.fits", "b"), ("out-sources.txt", "c")] {
            let products = back(&folder, list, &format!("{shape}-{name}"));
            let misfit = misfit(&run.model(), &products.model());
            assert!(misfit < ROUNDING, "{shape} {list}: {misfit:e}");
        }
        let lines = read_sources(&fs::read_to_string(run.file("sources.txt")).unwrap());
        let flux: f64 = lines.iter().map(|line| line.flux).sum();
        let expected: f64 = run.model().pixels.iter().sum();
        assert!((flux / expected - 1.0).abs() < 1e-5, "{shape}: {flux} of {expected} Jy");
        let wide: Vec<&Line> = lines.iter().filter(|line| line.kind == "GAUSSIAN").collect();
        if shape == "gaussian" {
            let fwhm = 21.5 * 3.0 / 16.0 * (8.0 * 2.0_f64.ln()).sqrt();
            assert!(wide.iter().any(|line| line.name.starts_with("s2c") && (line.major.unwrap() - fwhm).abs() < 1e-6));
        } else {
            assert!(wide.is_empty() && lines.len() == pixels, "a tapered kernel is listed pixel by pixel");
        }
    }
}

#[test]
fn planes_of_a_cube_have_components_of_their_own() {
    let folder = Folder::new();
    let plane = |seed: u64| {
        sky::dirty((40, 44), &[(10.0 + seed as f64, 14.0, 1.0), (30.0, 29.0, 0.5)]) + sky::noise((40, 44), 2e-3, seed)
    };
    folder.save("dirty.fits", &Image::cube(&[plane(0), plane(1)], &[("STOKES", 1), ("FREQ", 2)]));
    folder.save("psf.fits", &Image::new(&sky::wide_psf((40, 44))));
    let run = folder.run("out", "--save-components csv,fits,wsclean --plots none");
    for (list, name) in [("out-components.csv", "a"), ("out-components.fits", "b"), ("out-sources.txt", "c")] {
        let products = back(&folder, list, name);
        assert_eq!(products.model().pixels, run.model().pixels, "{list}");
    }
    let text = fs::read_to_string(run.file("sources.txt")).unwrap();
    assert!(text.contains("\np0s0c0,") && text.contains("\np1s0c0,"), "{text}");
    assert!(text.lines().any(|line| line.starts_with("p1") && line.contains(",1401000000,")), "{text}");
}

#[test]
fn lists_of_other_programs_are_taken_with_their_spectra_and_ellipses() {
    let folder = Folder::new();
    let blank = Array2::<f64>::zeros((61, 61));
    let image = Image::cube(&[blank.clone(), blank], &[("FREQ", 2)]).with("CRPIX1", "31.0").with("CRPIX2", "31.0");
    let image = image.with("CDELT3", "1.4E9").with("BMAJ", "1.0E-3").with("BMIN", "1.0E-3").with("BPA", "0.0");
    folder.save("residual.fits", &image);
    let text = "# (Name, Type, Ra, Dec, I, SpectralIndex, LogarithmicSI, ReferenceFrequency='1.4e9', MajorAxis, \
                MinorAxis, Orientation) = format\n\n, , patch, 12:29:00, -12.30.00\n\
                a,POINT,12:29:00,-12.30.00,2,[-1.0],true,,,,\n\
                b,GAUSSIAN,12:29:00.4097,-12:30:08.0,1,[0.5],false,1.4e9,9,5,90\n\
                far,POINT,13:00:00,-12.30.00,3,[],false,,,,\n";
    fs::write(folder.path("list.txt"), text).unwrap();
    let told = done(&folder, "restore --components list.txt --residual residual.fits -o x");
    assert!(told.contains("1 components of 3") && told.contains("outside the image"), "{told}");
    let model = folder.products("x").model();
    let (first, second) = (model.plane(0), model.plane(1));
    assert!((first[(30, 30)] - 2.0).abs() < 1e-3, "the ellipse adds next to nothing there");
    assert!((second[(30, 30)] - 1.0).abs() < 1e-3, "half of it at twice the frequency");
    let ellipse = |plane: &Array2<f64>| plane.slice(s![..27, ..]).sum();
    assert!((ellipse(&first) / ellipse(&second) - 1.0 / 1.5).abs() < 1e-4);
    // 6 pixels to the west, 8 to the south; 9 arcsec along east, 5 along north
    assert_eq!(sky::highest(&first.slice(s![..28, ..]).to_owned()), (22, 24));
    let half = |dy: usize, dx: usize| first[(22 + dy, 24 + dx)] / first[(22, 24)];
    let gauss = |at: f64, fwhm: f64| (-4.0 * 2.0_f64.ln() * (at / fwhm).powi(2)).exp();
    assert!((half(0, 4) - gauss(4.0, 9.0)).abs() < 1e-4 && (half(2, 0) - gauss(2.0, 5.0)).abs() < 1e-4);
}

#[test]
fn what_is_wrong_with_a_list_is_told_with_its_line() {
    let folder = extended();
    folder.run("out", "--plots none");
    let format = "Format = Name, Type, Ra, Dec, I, SpectralIndex, LogarithmicSI, ReferenceFrequency, MajorAxis, MinorAxis, Orientation";
    let restore = |list: &str| format!("restore --components {list} --residual out-residual.fits -o x");
    for (line, needles) in [
        ("a,POINT,12:61:00,-12.30.00,1,[],false,,,,", ["line 3", "Ra", "12:61:00"]),
        ("a,POINT,12:29:00,-12.30.00,one,[],false,,,,", ["line 3", "I", "'one'"]),
        ("a,DISC,12:29:00,-12.30.00,1,[],false,,,,", ["line 3", "Type", "DISC"]),
        ("a,GAUSSIAN,12:29:00,-12.30.00,1,[],false,,3,5,0", ["line 3", "MajorAxis", "ellipse"]),
    ] {
        fs::write(folder.path("list.txt"), format!("{format}\n\n{line}\n")).unwrap();
        refused(&folder, &restore("list.txt"), 1, &[&needles[..], &["list.txt", "hint: "]].concat());
    }
    for (content, needles) in [
        ("x,y\n1,2\n", ["columns", "no flux"]),
        ("flux,x\n1,2\n", ["columns", "x and y"]),
        ("flux,x,y,scale,shape\n1,2,3,4,point\n", ["row 1", "scale 4"]),
        ("flux,x,y,plane\n1,2,3,7\n", ["row 1", "plane 7"]),
    ] {
        fs::write(folder.path("list.csv"), content).unwrap();
        refused(&folder, &restore("list.csv"), 1, &[&needles[..], &["list.csv"]].concat());
    }
    refused(&folder, &restore("none.txt"), 1, &["none.txt"]);
    refused(&folder, &restore("dirty.fits"), 1, &["dirty.fits", "binary table"]);
}

#[test]
fn pairs_of_a_batch_have_the_lists_of_runs_of_their_own() {
    let folder = extended();
    fs::copy(folder.path("dirty.fits"), folder.path("n1-dirty.fits")).unwrap();
    let single = folder.run("out", "--save-components csv --plots none");
    done(&folder, "--dirty n*-dirty.fits --psf psf.fits -o many --save-components csv --plots none");
    let list = |path| fs::read_to_string(path).unwrap();
    let own = list(single.file("components.csv"));
    assert!(own.lines().count() > 3);
    assert_eq!(list(folder.path("many/n1-dirty-components.csv")), own);
}

#[test]
fn clean_goes_on_from_a_list() {
    let folder = extended();
    let run = folder.run("out", "--save-components wsclean,fits --plots none --auto-mask 0 --auto-threshold 10");
    for start in ["out-model.fits", "out-sources.txt", "out-components.fits"] {
        let name = &start[4..7];
        let again = folder.run(name, &format!("--plots none --niter 0 --continue {start}"));
        for (one, other) in [(again.model(), run.model()), (again.residual(), run.residual())] {
            let most = crate::support::sky::max_abs(&(one.plane(0) - other.plane(0)));
            // the table holds every component, and what is at a pixel is summed in another order
            assert!(most <= if start.contains("components") { 1e-5 } else { 0.0 }, "{start}: {most:e}");
        }
    }
}
