//! Wiener-Hunt with noise that a file tells of: dirty images weighted otherwise than naturally (ALGORITHMS 6.2).

use deconv::fft::Real2d;
use ndarray::{Array2, s};
use rustfft::num_complex::Complex;
use serde_json::Value;

use crate::support::fits::Image;
use crate::support::program::{Folder, Products};
use crate::support::sky;

const SHAPE: (usize, usize) = (64, 60);

type Shape = (usize, usize);

type Spectrum = Array2<Complex<f64>>;

/// An observation on a plane that repeats: natural weights `C` of cells and weights `W = C^power`, 0 uniform and 1 natural.
pub(crate) struct Observed {
    h: Array2<f64>,
    natural: Array2<f64>,
    /// `S`, mean 1.
    noise: Array2<f64>,
}

/// Half the modes, in rings whose natural weights go from 1 to 500; in a third of the cells there is none.
fn natural_weight((ky, kx): Shape, shape: Shape) -> f64 {
    let axis = |k: usize, n: usize| if 2 * k > n { k as f64 - n as f64 } else { k as f64 };
    let (y, x) = (axis(ky, shape.0), axis(kx, shape.1));
    // the same for a mode and its mirror image
    let (y, x) = if x == 0.0 || 2 * kx == shape.1 { (y.abs(), x) } else { (y * x.signum(), x.abs()) };
    let mixed = ((y * 12.9898 + x * 78.233).sin() * 43758.5453).abs().fract();
    if mixed < 1.0 / 3.0 {
        0.0
    } else {
        1.0 + 500.0 * (-(y * y + x * x) / (0.04 * (shape.0 * shape.1) as f64)).exp() * mixed
    }
}

pub(crate) fn observe(power: f64, shape: Shape) -> Observed {
    let half = (shape.0, shape.1 / 2 + 1);
    let modes = (shape.0 * shape.1) as f64;
    let weight = |kx: usize| if kx == 0 || 2 * kx == shape.1 { 1.0 } else { 2.0 };
    let mean = |of: &Array2<f64>| of.indexed_iter().map(|((_, kx), value)| weight(kx) * value).sum::<f64>() / modes;
    let natural = Array2::from_shape_fn(half, |(ky, kx)| natural_weight((ky, kx), shape));
    let h = natural.mapv(|c| if c > 0.0 { c.powf(power) } else { 0.0 });
    let (h, natural) = (&h / mean(&h), &natural / mean(&natural));
    let noise = Array2::from_shape_fn(half, |at| if natural[at] > 0.0 { h[at].powi(2) / natural[at] } else { 0.0 });
    let noise = &noise / mean(&noise);
    Observed { h, natural, noise }
}

pub(crate) fn coloured(image: &Array2<f64>, power: impl Fn(usize, usize) -> f64) -> Array2<f64> {
    let plans = Real2d::new(image.dim());
    let mut spectrum: Spectrum = plans.forward(image);
    spectrum.indexed_iter_mut().for_each(|((ky, kx), value)| *value *= power(ky, kx));
    plans.inverse(&mut spectrum)
}

/// `h` with its peak in the middle.
fn psf(h: &Array2<f64>) -> Array2<f64> {
    let shape = (h.nrows(), 2 * (h.ncols() - 1));
    let mut point = Array2::zeros(shape);
    point[(shape.0 / 2, shape.1 / 2)] = 1.0;
    coloured(&point, |ky, kx| h[(ky, kx)])
}

/// The gradient's `Q`.
fn gradient(ky: usize, kx: usize) -> f64 {
    let axis = |k: usize, n: usize| 2.0 - 2.0 * (std::f64::consts::TAU * k as f64 / n as f64).cos();
    axis(ky, SHAPE.0) + axis(kx, SHAPE.1) + 1e-8 * 8.0
}

/// A sky of the gradient's prior with `γx = 1`, but for its mean.
fn drawn(seed: u64) -> Array2<f64> {
    coloured(&sky::noise(SHAPE, 1.0, seed), |ky, kx| if ky + kx == 0 { 0.0 } else { gradient(ky, kx).powf(-0.5) })
}

/// Writes dirty image, PSF, PSF with natural weights and spectrum of the noise.
pub(crate) fn folder(observed: &Observed, (sky, sigma, seed): (&Array2<f64>, f64, u64)) -> (Folder, Array2<f64>) {
    let folder = Folder::new();
    let noise = coloured(&sky::noise(sky.dim(), sigma, seed), |ky, kx| observed.noise[(ky, kx)].sqrt());
    let dirty = coloured(sky, |ky, kx| observed.h[(ky, kx)]) + noise;
    folder.pair(&dirty, &psf(&observed.h));
    folder.save("natural.fits", &Image::new(&psf(&observed.natural)));
    let shape = sky.dim();
    let spectrum = Array2::from_shape_fn(shape, |(y, x)| {
        let (ky, kx) = ((y + shape.0 / 2) % shape.0, (x + shape.1 / 2) % shape.1);
        let (ky, kx) = if 2 * kx > shape.1 { ((shape.0 - ky) % shape.0, shape.1 - kx) } else { (ky, kx) };
        observed.noise[(ky, kx)]
    });
    folder.save("spectrum.fits", &Image::new(&spectrum));
    (folder, dirty)
}

const NATURAL: &str = "--noise-model file --noise-psf natural.fits";
const CIRCULAR: &str = "--algorithm wiener --boundary circular --reg gradient --plots none";

fn told(products: &Products) -> Value {
    products.summary()["planes"][0]["wiener"].clone()
}

pub(crate) fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or(f64::NAN)
}

fn rms(image: &Array2<f64>) -> f64 {
    (image.mapv(|value| value * value).sum() / image.len() as f64).sqrt()
}

fn model(products: &Products) -> Array2<f64> {
    let model = products.model();
    Array2::from_shape_vec(SHAPE, model.pixels.clone()).unwrap()
}

#[test]
fn filter_is_the_plain_formula_with_the_noise_of_either_file() {
    for power in [0.0, 0.5] {
        let observed = observe(power, SHAPE);
        let (folder, dirty) = folder(&observed, (&drawn(1), 0.05, 2));
        // S times its factor has the mean of |H|²/S
        let weight = |kx: usize| if kx == 0 || 2 * kx == SHAPE.1 { 1.0 } else { 2.0 };
        let g = |at: (usize, usize)| observed.h[at].powi(2) / observed.noise[at];
        let usable = observed.noise.indexed_iter().filter(|(_, s)| **s > 0.0);
        let sum: f64 = usable.map(|(at, _)| weight(at.1) * g(at)).sum();
        let factor = (sum / (SHAPE.0 * SHAPE.1) as f64).sqrt();
        let lambda = 0.3;
        let expected = coloured(&dirty, |ky, kx| {
            let (h, s) = (observed.h[(ky, kx)], factor * observed.noise[(ky, kx)]);
            if s > 0.0 { h / (h * h + lambda * s * gradient(ky, kx)) } else { 0.0 }
        });
        for file in [NATURAL, "--noise-model file --noise-spectrum spectrum.fits"] {
            let found = folder.run("out", &format!("{CIRCULAR} {file} --lambda {lambda} --overwrite"));
            let off = rms(&(model(&found) - &expected)) / rms(&expected);
            assert!(off < 2e-6, "{power} {file}: {off}");
        }
        let other = folder.run("psf", &format!("{CIRCULAR} --lambda {lambda}"));
        assert!(rms(&(model(&other) - &expected)) > 0.01 * rms(&expected));
    }
}

#[test]
fn natural_weights_that_are_those_of_the_image_are_the_noise_of_its_psf_and_a_level_spectrum_is_white() {
    let (folder, _) = folder(&observe(1.0, SHAPE), (&drawn(1), 0.05, 2));
    folder.save("ones.fits", &Image::new(&Array2::from_elem((8, 12), 1.0)));
    let pairs = [
        (NATURAL, "--noise-model psf"),
        ("--noise-model file --noise-spectrum ones.fits", "--noise-model white --lambda ml-sigma"),
    ];
    for (file, plain) in pairs {
        let words = format!("{CIRCULAR} --sigma 0.05Jy --overwrite --uncertainty sd --hyper marginal");
        let [one, two] = [file, plain].map(|noise| folder.run("out", &format!("{words} {noise}"))).map(|products| {
            let numbers = told(&products);
            let sd = number(&numbers["uncertainty"]["sd"]);
            (model(&products), [number(&numbers["gamma_prior"]), number(&numbers["sigma"]), sd])
        });
        assert!(rms(&(&one.0 - &two.0)) < 1e-5 * rms(&two.0), "{file}");
        for (one, two) in one.1.iter().zip(two.1) {
            assert!((one / two - 1.0).abs() < 1e-4, "{file}: {one} {two}");
        }
    }
}

#[test]
fn numbers_of_the_prior_and_the_interval_are_right_with_the_noise_of_the_file_and_not_with_that_of_the_psf() {
    let observed = observe(0.0, SHAPE);
    let (mut covered, mut worst, mut wrong) = (0.0, 0.0_f64, Vec::new());
    let mut found = Vec::new();
    let count = 6;
    for seed in 0..count {
        let sky = drawn(10 + seed);
        let (folder, _) = folder(&observed, (&sky, 3.0, 50 + seed));
        let words = format!("{CIRCULAR} --lambda ml-sigma --sigma 3Jy --uncertainty sd");
        let file = folder.run("file", &format!("{words} {NATURAL}"));
        let numbers = told(&file);
        let off = |numbers: &Value| {
            let gamma = &numbers["posterior"]["gamma_prior"];
            (number(&gamma["mean"]) - 1.0).abs() / number(&gamma["sd"])
        };
        worst = worst.max(off(&numbers));
        let gamma = |numbers: &Value| number(&numbers["gamma_prior"]);
        found.push(gamma(&numbers));
        wrong.push(gamma(&told(&folder.run("psf", &words))));
        // what was measured of the truth
        let error = coloured(&(model(&file) - &sky), |ky, kx| f64::from(observed.natural[(ky, kx)] > 0.0));
        let sd = number(&numbers["uncertainty"]["sd"]);
        covered += error.iter().filter(|error| error.abs() < sd).count() as f64 / error.len() as f64;
    }
    covered /= count as f64;
    assert!(worst < 3.0, "{worst} standard deviations off");
    assert!((0.63..0.73).contains(&covered), "{covered} of the pixels");
    assert!(found.iter().all(|gamma| (0.4..2.5).contains(gamma)), "for a true 1: {found:?}");
    assert!(wrong.iter().all(|gamma| *gamma > 3.0), "the noise of the PSF finds {wrong:?}");
}

#[test]
fn linear_boundary_comes_nearer_to_the_truth_with_the_noise_of_the_file() {
    // what lies beyond the image's edges repeats at twice its size only
    let double = (2 * SHAPE.0, 2 * SHAPE.1);
    let wide = Array2::from_shape_fn(double, |(y, x)| {
        let (dy, dx) = (y as f64 - 30.0, x as f64 - 33.0);
        (-(dy * dy + dx * dx) / 90.0).exp()
    });
    let (folder, dirty) = folder(&observe(0.0, double), (&wide, 0.4, 7));
    let cut = |image: &Array2<f64>| image.slice(s![..SHAPE.0, ..SHAPE.1]).to_owned();
    folder.save("dirty.fits", &Image::new(&cut(&dirty)));
    let truth = cut(&wide);
    let words =
        "--algorithm wiener --plots none --lambda ml-sigma --sigma 0.4Jy --uncertainty map --uncertainty-samples 4";
    let error = |name: &str, noise: &str| rms(&(model(&folder.run(name, &format!("{words} {noise}"))) - &truth));
    let (file, psf) = (error("file", NATURAL), error("psf", "--noise-model psf"));
    assert!(file < 0.7 * psf, "{file} and {psf}");
    let sd = Image::read(&folder.products("file").file("sd.fits"));
    assert!(sd.plane(0).iter().all(|pixel| pixel.is_finite() && *pixel > 0.0));
    // no byte depends on threads, chunks or processes
    let cut = ["--threads 2 --chunk 9", "--scheduler processes --threads 2 --chunk 20", "--memory 40MiB --threads 1"];
    let whole = (folder.products("file").model().pixels, sd.plane(0).to_owned());
    for cut in cut {
        let other = folder.run("cut", &format!("{words} {NATURAL} {cut} --overwrite"));
        assert!(other.model().pixels == whole.0, "{cut}");
        assert!(Image::read(&other.file("sd.fits")).plane(0) == whole.1, "{cut}");
    }
}

#[test]
fn cube_has_one_noise_for_all_or_one_for_each_psf() {
    let (uniform, natural) = (observe(0.0, SHAPE), observe(1.0, SHAPE));
    let (folder, dirty) = folder(&uniform, (&drawn(1), 0.05, 2));
    let axis = [("FREQ", 2)];
    folder.save("dirty.fits", &Image::cube(&[dirty.clone(), dirty.clone()], &axis));
    folder.save("psf.fits", &Image::cube(&[psf(&uniform.h), psf(&natural.h)], &axis));
    let own = psf(&natural.natural);
    folder.save("both.fits", &Image::cube(&[own.clone(), own], &axis));
    let words = format!("{CIRCULAR} --lambda 0.3 --noise-model file --noise-psf");
    let [one, both] =
        ["natural.fits", "both.fits"].map(|file| folder.run("out", &format!("{words} {file} --overwrite")));
    assert!(one.model().pixels == both.model().pixels);
    let single = folder.run("single", &format!("{CIRCULAR} --lambda 0.3"));
    let (all, plain) = (one.model(), single.model());
    assert!(all.plane(0) != plain.plane(0));
}

#[test]
fn files_that_do_not_tell_the_noise_are_refused_with_what_to_do() {
    let observed = observe(0.0, SHAPE);
    let (folder, _) = folder(&observed, (&drawn(1), 0.05, 2));
    folder.save("small.fits", &Image::new(&Array2::from_elem((8, 8), 1.0)));
    folder.save("zeros.fits", &Image::new(&Array2::zeros(SHAPE)));
    folder
        .save("holes.fits", &Image::new(&Array2::from_shape_fn((8, 8), |(y, _)| if y == 2 { f64::NAN } else { 1.0 })));
    let mut shifted = Array2::zeros(SHAPE);
    shifted[(20, 20)] = 1.0;
    folder.save("shifted.fits", &Image::new(&shifted));
    let cases = [
        ("--noise-model file", "needs the file"),
        ("--noise-model file --noise-psf natural.fits --noise-spectrum spectrum.fits", "expected one of them"),
        ("--noise-psf natural.fits", "has no effect without"),
        ("--noise-model white --noise-spectrum spectrum.fits", "has no effect without"),
        ("--noise-model file --noise-psf missing.fits", "missing.fits"),
        ("--noise-model file --noise-psf small.fits", "NAXIS1: 8, expected 60 of the PSF"),
        ("--noise-model file --noise-psf shifted.fits", "peak at pixel: (20, 20) in plane 0, expected (30, 32)"),
        ("--noise-model file --noise-psf zeros.fits", "zeros.fits as a PSF"),
        ("--noise-model file --noise-spectrum zeros.fits", "not above 0, or not finite, at"),
        ("--noise-model file --noise-spectrum holes.fits", "a positive power at each of them"),
    ];
    for (words, expected) in cases {
        for boundary in ["linear", "circular"] {
            let ran = folder.deconv(&format!(
                "--dirty dirty.fits --psf psf.fits -o bad --algorithm wiener --plots none --boundary {boundary} {words}"
            ));
            assert!(matches!(ran.code, Some(1 | 2)), "{words}: {:?} {}", ran.code, ran.err);
            assert!(ran.err.contains(expected), "{words}: {}", ran.err);
        }
    }
    let cell = Image::new(&psf(&observed.natural)).with("CDELT1", "-1.0");
    folder.save("cell.fits", &cell);
    let ran = folder
        .deconv("--dirty dirty.fits --psf psf.fits -o bad --algorithm wiener --noise-model file --noise-psf cell.fits");
    assert!(ran.code == Some(1) && ran.err.contains("CDELT1"), "{}", ran.err);
}

#[test]
fn psfs_that_were_cut_from_larger_ones_are_refused_with_the_circular_boundary_and_sent_to_the_linear_one() {
    let folder = Folder::new();
    for weight in ["uniform", "natural"] {
        let words = format!("simulate -o {weight} --size 96 --psf-size 1x --cell 1.2 --points 20 --weight {weight}");
        assert_eq!(folder.deconv(&words).code, Some(0));
    }
    let words = "--dirty uniform-dirty.fits --psf uniform-psf.fits -o out --algorithm wiener --plots none \
                 --noise-model file --noise-psf natural-psf.fits --sigma 0.1mJy";
    let ran = folder.deconv(&format!("{words} --boundary circular"));
    let is_told = ran.err.contains("modes that the PSF measures") && ran.err.contains("take --boundary linear");
    assert!(ran.code == Some(1) && is_told, "{}", ran.err);
    let ran = folder.deconv(words);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
}

#[test]
fn advice_for_psfs_that_were_cut_helps_with_either_boundary() {
    let folder = Folder::new();
    for weight in ["uniform", "natural"] {
        let words = format!("simulate -o {weight} --size 96 --psf-size 2x --cell 1.2 --points 20 --weight {weight}");
        assert_eq!(folder.deconv(&words).code, Some(0));
    }
    let cut = |name: &str, size: usize| {
        let wide = Image::read(&folder.path(name)).plane(0);
        let [y, x] = [wide.nrows(), wide.ncols()].map(|length| length / 2 - size / 2);
        folder.save(&format!("{size}-{name}"), &Image::new(&wide.slice(s![y..y + size, x..x + size]).to_owned()));
    };
    cut("uniform-dirty.fits", 32);
    for size in [32, 64] {
        cut("uniform-psf.fits", size);
        cut("natural-psf.fits", size);
    }
    let run = |size: usize, words: &str| {
        folder.deconv(&format!(
            "--dirty 32-uniform-dirty.fits --psf {size}-uniform-psf.fits -o out --overwrite --algorithm wiener --plots none \
             --sigma 0.1mJy {words}"
        ))
    };
    let [file_32, file_64] = [32, 64].map(|size| format!("--noise-model file --noise-psf {size}-natural-psf.fits"));
    for (boundary, hint) in [
        ("circular", "take --boundary linear, with both PSFs of twice"),
        ("linear", "make both by the same imaging run, of twice"),
    ] {
        let ran = run(32, &format!("{file_32} --boundary {boundary}"));
        let is_told = ran.err.contains(hint) && ran.err.contains("--noise-model psf needs no file");
        assert!(ran.code == Some(1) && is_told, "{boundary}: {}", ran.err);
        let ran = run(32, &format!("--noise-model psf --boundary {boundary}"));
        assert_eq!(ran.code, Some(0), "{boundary}: {}", ran.err);
    }
    let ran = run(64, &file_64);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
}
