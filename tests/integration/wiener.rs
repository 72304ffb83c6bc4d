//! Wiener-Hunt through the whole application, against plain formulas in double precision.

use std::f64::consts::PI;

use deconv::algorithms::StopReason;
use deconv::fft::{Real2d, linear_size};
use deconv::graph::Cancel;
use ndarray::{Array2, Zip, s};
use rustfft::num_complex::Complex;

use crate::fields::{Field, Result};

type Spectrum = Array2<Complex<f64>>;

/// Numbers in -0.5 .. 0.5.
fn noise(shape: (usize, usize), seed: u64) -> Array2<f64> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    Array2::from_shape_simple_fn(shape, || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 11) as f64 / (1_u64 << 53) as f64 - 0.5
    })
}

/// A Gaussian of standard deviation `width` pixels with a ring of sidelobes, peak 1 at `(ny/2, nx/2)`.
pub(crate) fn psf(shape: (usize, usize), width: f64) -> Array2<f32> {
    Array2::from_shape_fn(shape, |(y, x)| {
        let (dy, dx) = (y as f64 - (shape.0 / 2) as f64, x as f64 - (shape.1 / 2) as f64);
        let r = (dy * dy + 1.3 * dx * dx).sqrt();
        ((-r * r / (2.0 * width * width)).exp() + 0.05 * (1.0 - (-r * r / 8.0).exp()) * (0.9 * r).cos() / (1.0 + r))
            as f32
    })
}

/// A few sources.
fn sky(shape: (usize, usize)) -> Array2<f64> {
    let mut sky = Array2::zeros(shape);
    for i in 0..7 {
        sky[((5 + 13 * i) % shape.0, (9 + 29 * i) % shape.1)] += 1.0 + 0.3 * i as f64;
    }
    sky
}

/// The PSF's spectrum on a plane of shape `size`: its centre at pixel (0, 0), lags of an image of `shape` and more left out where it ends.
pub(crate) fn transfer(psf: &Array2<f32>, shape: (usize, usize), size: (usize, usize)) -> Spectrum {
    let mut kernel = Array2::zeros(size);
    let (cy, cx) = (psf.nrows() as isize / 2, psf.ncols() as isize / 2);
    for ((y, x), value) in psf.indexed_iter() {
        let (dy, dx) = (y as isize - cy, x as isize - cx);
        if shape == size || (dy.unsigned_abs() < shape.0 && dx.unsigned_abs() < shape.1) {
            let at = (dy.rem_euclid(size.0 as isize) as usize, dx.rem_euclid(size.1 as isize) as usize);
            kernel[at] += f64::from(*value);
        }
    }
    Real2d::new(size).forward(&kernel)
}

/// `Pᵀ F⁻¹ diag F P` of an image on planes of shape `size`.
pub(crate) fn apply(
    image: &Array2<f64>,
    size: (usize, usize),
    diagonal: impl Fn(usize, usize) -> Complex<f64>,
) -> Array2<f64> {
    let mut padded = Array2::zeros(size);
    padded.slice_mut(s![..image.nrows(), ..image.ncols()]).assign(image);
    let plans = Real2d::new(size);
    let mut spectrum = plans.forward(&padded);
    spectrum.indexed_iter_mut().for_each(|((ky, kx), value)| *value *= diagonal(ky, kx));
    plans.inverse(&mut spectrum).slice(s![..image.nrows(), ..image.ncols()]).to_owned()
}

fn convolve(image: &Array2<f64>, h: &Spectrum, size: (usize, usize)) -> Array2<f64> {
    apply(image, size, |ky, kx| h[(ky, kx)])
}

/// The squared Laplacian with its floor.
pub(crate) fn penalty((ky, kx): (usize, usize), size: (usize, usize)) -> f64 {
    let axis = |k: usize, n: usize| 2.0 - 2.0 * (2.0 * PI * k as f64 / n as f64).cos();
    let max = (axis(size.0 / 2, size.0) + axis(size.1 / 2, size.1)).powi(2);
    (axis(ky, size.0) + axis(kx, size.1)).powi(2) + 1e-8 * max
}

fn narrow(image: &Array2<f64>) -> Array2<f32> {
    image.mapv(|value| value as f32)
}

fn widen(image: &Array2<f32>) -> Array2<f64> {
    image.mapv(f64::from)
}

fn largest(image: &Array2<f64>) -> f64 {
    image.iter().fold(0.0, |largest, value| value.abs().max(largest))
}

fn distance(a: &Array2<f64>, b: &Array2<f64>) -> f64 {
    largest(&(a - b))
}

fn dot(a: &Array2<f64>, b: &Array2<f64>) -> f64 {
    Zip::from(a).and(b).fold(0.0, |sum, a, b| sum + a * b)
}

/// A dirty image, circular or not, and its field.
fn observed(shape: (usize, usize), psf: &Array2<f32>, circular: bool) -> (Array2<f64>, Field) {
    let size = size_of(shape, psf, circular);
    let dirty = convolve(&sky(shape), &transfer(psf, shape, size), size) + 0.02 * noise(shape, 3);
    let field = Field::new(&[narrow(&dirty)], psf);
    (widen(&narrow(&dirty)), field)
}

pub(crate) fn size_of(shape: (usize, usize), psf: &Array2<f32>, circular: bool) -> (usize, usize) {
    if circular { shape } else { (linear_size(shape.0, psf.nrows() / 2), linear_size(shape.1, psf.ncols() / 2)) }
}

fn config(boundary: &str, noise: &str, rest: &str) -> String {
    format!("algorithm = 'wiener'\n[wiener]\nboundary = '{boundary}'\nnoise_model = '{noise}'\n{rest}\n")
}

/// `|dirty - psf * model - residual|` over the dirty image's peak.
fn residual_error(result: &Result, dirty: &Array2<f64>, psf: &Array2<f32>, circular: bool) -> f64 {
    let size = size_of(dirty.dim(), psf, circular);
    let expected = dirty - convolve(&widen(&result.model[0]), &transfer(psf, dirty.dim(), size), size);
    distance(&widen(&result.residual[0]), &expected) / largest(dirty)
}

#[test]
fn circular_filter_is_the_formula_for_even_odd_and_prime_sizes() {
    for (shape, extent) in [((64, 48), (64, 48)), ((45, 63), (45, 63)), ((53, 61), (53, 61)), ((40, 54), (81, 108))] {
        let psf = psf(extent, 1.4);
        let (dirty, field) = observed(shape, &psf, true);
        let h = transfer(&psf, shape, shape);
        for noise in ["white", "psf"] {
            let result = field.run(&config("circular", noise, "lambda = 0.05"));
            let tau = result.outcome.planes[0].wiener.as_ref().expect("a record of the filter").tau;
            let floor = tau * h.iter().map(|h| h.norm()).fold(0.0, f64::max);
            let expected = apply(&dirty, shape, |ky, kx| {
                let h = h[(ky, kx)];
                let (power, usable) = if noise == "psf" { (h.re, h.re > floor) } else { (1.0, h.norm() > floor) };
                if usable { h.conj() / (h.norm_sqr() + 0.05 * power * penalty((ky, kx), shape)) } else { Complex::ZERO }
            });
            let error = distance(&widen(&result.model[0]), &expected) / largest(&expected);
            assert!(error < 1e-5, "{shape:?} {noise}: {error:e}");
            assert!(residual_error(&result, &dirty, &psf, true) < 1e-6, "{shape:?} {noise}");
            assert_eq!(result.outcome.planes[0].stop, StopReason::Solved { iterations: 0, tolerance: 0.0 });
        }
    }
}

#[test]
fn any_number_of_threads_and_any_chunk_give_the_same_bytes() {
    let shape = (61, 70);
    let (_, field) = observed(shape, &psf((61, 140), 1.4), false);
    for (boundary, noise) in [("circular", "white"), ("circular", "psf"), ("linear", "psf")] {
        let run = |threads: usize, chunk: &str| {
            let result =
                field.run(&format!("{}[compute]\nthreads = {threads}\nchunk = {chunk}", config(boundary, noise, "")));
            let lambda = result.outcome.planes[0].wiener.as_ref().map(|wiener| wiener.lambda.to_bits());
            (result.model, result.residual, result.restored, lambda)
        };
        let whole = run(1, "'auto'");
        for (threads, chunk) in [(2, "'auto'"), (8, "7"), (1, "16"), (2, "33")] {
            assert!(run(threads, chunk) == whole, "{boundary} {noise}: {threads} threads, chunk {chunk}");
        }
    }
}

/// Preconditioned conjugate gradients on whole planes, to `√(r . z)` of 2e-4 of the start; and their number.
fn solve(dirty: &Array2<f64>, h: &Spectrum, noise: &str, (lambda, tau): (f64, f64)) -> (Array2<f64>, usize) {
    // padded lengths are even
    let size = (h.nrows(), 2 * h.ncols() - 2);
    let highest = h.iter().map(|h| h.norm()).fold(0.0, f64::max);
    let is_normal = noise == "psf" && h.iter().all(|h| h.re >= -0.01 * highest);
    let prior = |ky: usize, kx: usize| lambda * penalty((ky, kx), size);
    let weight = |h: Complex<f64>| if noise == "psf" { 1.0 / h.re.max(0.01 * highest) } else { 1.0 };
    let correlate = |y: &Array2<f64>| {
        let weighed = apply(y, size, |ky, kx| weight(h[(ky, kx)]).into());
        apply(&weighed, size, |ky, kx| h[(ky, kx)].conj())
    };
    let matrix = |x: &Array2<f64>| {
        if is_normal {
            return apply(x, size, |ky, kx| (h[(ky, kx)].re.max(0.0) + prior(ky, kx)).into());
        }
        correlate(&convolve(x, h, size)) + apply(x, size, |ky, kx| prior(ky, kx).into())
    };
    let precondition = |r: &Array2<f64>| {
        apply(r, size, |ky, kx| {
            let h = h[(ky, kx)];
            let data = match noise {
                _ if is_normal => h.re.max(0.01 * highest),
                "psf" => (h.norm_sqr() * weight(h)).max(0.1 * highest),
                _ => h.norm_sqr().max((0.03 * highest).powi(2)),
            };
            (1.0 / (data + prior(ky, kx))).into()
        })
    };
    let mut r = if is_normal {
        apply(dirty, size, |ky, kx| if h[(ky, kx)].re > tau * highest { Complex::ONE } else { Complex::ZERO })
    } else {
        correlate(dirty)
    };
    let (mut x, mut p) = (Array2::zeros(r.dim()), precondition(&r));
    let mut rz = dot(&r, &p);
    let stop = 2e-4_f64.powi(2) * rz;
    for iteration in 1..=60 {
        let q = matrix(&p);
        let step = rz / dot(&p, &q);
        x.scaled_add(step, &p);
        r.scaled_add(-step, &q);
        let z = precondition(&r);
        let next = dot(&r, &z);
        if next <= stop {
            return (x, iteration);
        }
        p = z + p * (next / rz);
        rz = next;
    }
    (x, 60)
}

#[test]
fn linear_solver_follows_the_one_on_whole_planes() {
    for (shape, extent, noise) in
        [((48, 56), (96, 112), "psf"), ((48, 56), (96, 112), "white"), ((37, 45), (37, 45), "psf")]
    {
        let psf = psf(extent, 1.4);
        let (dirty, field) = observed(shape, &psf, false);
        let h = transfer(&psf, shape, size_of(shape, &psf, false));
        let result = field.run(&config("linear", noise, "lambda = 0.05"));
        let wiener = result.outcome.planes[0].wiener.clone().expect("a record of the solver");
        let (expected, iterations) = solve(&dirty, &h, noise, (0.05, wiener.tau));
        assert!(
            iterations < 60 && (wiener.iterations as usize).abs_diff(iterations) <= 1,
            "{wiener:?} for {iterations}"
        );
        assert!(wiener.relative_residual <= 2e-4, "{wiener:?}");
        let error = distance(&widen(&result.model[0]), &expected) / largest(&expected);
        // the last step moves the solution by as much, where rounding makes it one more or less
        let tolerance = if wiener.iterations as usize == iterations { 1e-4 } else { 1e-2 };
        assert!(error < tolerance, "{shape:?} {noise}: {error:e} after {iterations} iterations");
        assert!(residual_error(&result, &dirty, &psf, false) < 1e-6, "{shape:?} {noise}");
    }
}

#[test]
fn point_source_is_not_found_better_than_the_ceiling_says() {
    let shape = (96, 96);
    // every second ring of frequencies is a hole
    let holes = Array2::from_shape_fn((96, 49), |(ky, kx)| {
        let r = ((ky.min(96 - ky) as f64).powi(2) + (kx as f64).powi(2)).sqrt();
        Complex::from(if r < 28.0 && (r / 4.0) as usize % 2 == 1 { 1.0 - r / 40.0 } else { 0.0 })
    });
    let plans = Real2d::new(shape);
    let beam = plans.inverse(&mut holes.clone());
    let centred = Array2::from_shape_fn(shape, |(y, x)| beam[((y + 48) % 96, (x + 48) % 96)] / beam[(0, 0)]);
    let mut truth = Array2::zeros(shape);
    truth[(40, 51)] = 1.0;
    let h = transfer(&narrow(&centred), shape, shape);
    let dirty = convolve(&truth, &h, shape)
        + 1e-3 * convolve(&noise(shape, 5), &h.mapv(|h| h.re.max(0.0).sqrt().into()), shape);
    let field = Field::new(&[narrow(&dirty)], &narrow(&centred));
    for lambda in ["'ml-sigma'\nsigma = '3e-4'", "1e-6", "1e-2"] {
        let result = field.run(&config("circular", "psf", &format!("lambda = {lambda}")));
        let plane = &result.outcome.planes[0];
        let ceiling = plane.wiener.as_ref().and_then(|wiener| wiener.ceiling).expect("a clean beam was fitted");
        let widths = plane.beam.as_ref().expect("a beam").pixels;
        // the clean beam is round here but for rounding
        let scale = PI * PI * widths.0 * widths.1 / (4.0 * 2.0_f64.ln());
        let smooth = |image: &Array2<f64>| {
            apply(image, shape, |ky, kx| {
                let f2 = ((ky.min(96 - ky) as f64).powi(2) + (kx as f64).powi(2)) / 9216.0;
                (-scale * f2).exp().into()
            })
        };
        let (seen, found) = (smooth(&truth), smooth(&widen(&result.model[0])));
        let error = &seen - &found;
        let snr = 10.0 * (dot(&seen, &seen) / dot(&error, &error)).log10();
        assert!(snr < ceiling.decibels + 0.05, "lambda {lambda}: {snr} dB above {} dB", ceiling.decibels);
        assert!(ceiling.decibels < 25.0 && plane.notes.iter().any(|note| note.contains("CLEAN")), "{ceiling:?}");
        if lambda.starts_with("'ml") {
            assert!(snr > ceiling.decibels - 1.0, "lambda {lambda}: {snr} dB far below {} dB", ceiling.decibels);
        }
    }
}

#[test]
fn every_flag_of_wiener_changes_the_model() {
    let shape = (48, 40);
    let (_, field) = observed(shape, &psf((96, 80), 1.4), false);
    let model = |text: &str| field.run(&format!("algorithm = 'wiener'\n[wiener]\n{text}")).model;
    let default = model("");
    for text in [
        "noise_model = 'white'",
        "reg = 'gradient'",
        "reg = 'identity'",
        "reg = 'matern'",
        "noise_model = 'white'\nhyper = 'marginal'",
        "lambda = 3.0",
        "lambda = 'ml'",
        "lambda = 'gcv'",
        "sigma = '3mJy'",
        "boundary = 'circular'",
    ] {
        assert!(model(text) != default, "{text}");
    }
    for text in ["matern_nu = 0.5", "matern_length = 4.0"] {
        assert!(model(&format!("reg = 'matern'\n{text}")) != model("reg = 'matern'"), "{text}");
    }
    assert!(model("lambda = 'auto'\nnoise_model = 'psf'") == default);
    assert!(model("lambda = 'ml-sigma'") == default, "auto is ml-sigma for the noise of the PSF");
}

#[test]
fn blank_pixels_hold_no_model_and_leave_the_equation_exact() {
    let (shape, psf) = ((48, 40), psf((96, 80), 1.4));
    let (dirty, _) = observed(shape, &psf, false);
    let mut blanked = narrow(&dirty);
    blanked.slice_mut(s![..9, ..]).fill(f32::NAN);
    blanked[(30, 30)] = f32::NAN;
    let field = Field::new(&[blanked.clone()], &psf);
    let zeroed = |image: &Array2<f32>| image.mapv(|value| if value.is_nan() { 0.0 } else { f64::from(value) });
    for boundary in ["linear", "circular"] {
        let result = field.run(&config(boundary, "psf", "lambda = 0.05"));
        let size = size_of(shape, &psf, boundary == "circular");
        let seen = convolve(&zeroed(&result.model[0]), &transfer(&psf, shape, size), size);
        for ((at, model), dirty) in result.model[0].indexed_iter().zip(&blanked) {
            assert_eq!(model.is_nan(), dirty.is_nan(), "{boundary} {at:?}");
            let residual = result.residual[0][at];
            assert!(dirty.is_nan() || (f64::from(dirty - residual) - seen[at]).abs() < 1e-5, "{boundary} {at:?}");
        }
    }
}

#[test]
fn planes_of_a_cube_are_estimated_as_if_alone() {
    let (shape, psf) = ((48, 40), psf((96, 80), 1.4));
    let planes: Vec<_> =
        (0..3).map(|i| narrow(&(observed(shape, &psf, false).0 + 0.05 * noise(shape, 20 + i)))).collect();
    let cube = Field::new(&planes, &psf);
    for boundary in ["linear", "circular"] {
        let together = cube.run(&config(boundary, "psf", ""));
        for (index, plane) in planes.iter().enumerate() {
            let alone = Field::new(std::slice::from_ref(plane), &psf).run(&config(boundary, "psf", ""));
            assert!(alone.model[0] == together.model[index], "{boundary}: plane {index}");
            assert!(alone.restored[0] == together.restored[index], "{boundary}: plane {index}");
        }
    }
}

#[test]
fn interrupted_solver_leaves_what_it_has_and_products_that_agree() {
    let (shape, psf) = ((48, 40), psf((96, 80), 1.4));
    let (dirty, field) = observed(shape, &psf, false);
    let cancel = Cancel::default();
    cancel.request();
    let result = field.run_until(&config("linear", "psf", ""), &cancel);
    assert_eq!(result.outcome.planes[0].stop, StopReason::Interrupted);
    assert!(residual_error(&result, &dirty, &psf, false) < 1e-6);
}
