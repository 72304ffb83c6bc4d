//! The circular benchmark of a 40-dish array (ALGORITHMS 12.1): how near multiscale CLEAN with an auto-mask comes, and the convex solver.
//!
//! For CLEAN the PSF file holds one period in each direction from its peak, 1023 pixels across: on 512 pixels the linear convolution
//! with it is the circular one. For the circular boundary it holds one period.

use std::f64::consts::{LN_2, PI, TAU};
use std::sync::OnceLock;

use ndarray::{Array2, Zip};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use rustfft::FftDirection;
use rustfft::num_complex::Complex64;

use crate::support::program::Folder;
use crate::support::sky;

const N: usize = 512;
/// Noise of the dirty image \[Jy/beam\].
const NOISE: f64 = 1e-3;

type Plane = Array2<f64>;

/// Visibilities in each cell of the uv plane, the origin at `(0, 0)`, which holds none.
fn coverage(random: &mut ChaCha8Rng) -> Plane {
    let normal = |random: &mut ChaCha8Rng| -> f64 { StandardNormal.sample(random) };
    let dishes: Vec<(f64, f64)> = (0..40)
        .map(|dish| {
            let radius = if dish < 24 { (0.1225 * normal(random)).abs() } else { random.random_range(0.15..1.0) };
            let (sin, cos) = random.random_range(0.0..TAU).sin_cos();
            (radius * cos, radius * sin)
        })
        .collect();
    let ((sin_lat, cos_lat), (sin_dec, cos_dec)) =
        ((-30.7_f64).to_radians().sin_cos(), (-40_f64).to_radians().sin_cos());
    let mut tracks = Vec::new();
    for (i, a) in dishes.iter().enumerate() {
        for b in &dishes[..i] {
            let (east, north) = (a.0 - b.0, a.1 - b.1);
            let (x, y, z) = (-sin_lat * north, east, cos_lat * north);
            for step in 0..1500 {
                let (sin, cos) = (-60.0 + 120.0 * f64::from(step) / 1499.0).to_radians().sin_cos();
                tracks.push((sin * x + cos * y, -sin_dec * cos * x + sin_dec * sin * y + cos_dec * z));
            }
        }
    }
    let mut lengths: Vec<f64> = tracks.iter().map(|(u, v)| u.hypot(*v)).collect();
    lengths.sort_by(f64::total_cmp);
    let scale = 0.42 * N as f64 / lengths[lengths.len() * 999 / 1000];
    let mut cells = Array2::zeros((N, N));
    let place = |at: f64| at.rem_euclid(N as f64) as usize % N;
    for (u, v) in tracks.iter().map(|(u, v)| ((u * scale).round(), (v * scale).round())) {
        if u.abs().max(v.abs()) < 256.0 {
            cells[(place(v), place(u))] += 1.0;
            cells[(place(-v), place(-u))] += 1.0;
        }
    }
    cells[(0, 0)] = 0.0;
    cells
}

/// The real part of the inverse transform.
fn back(spectrum: &Array2<Complex64>) -> Plane {
    let plane = sky::transform(&sky::transform(spectrum, FftDirection::Inverse), FftDirection::Inverse);
    plane.mapv(|value| value.re / (N * N) as f64)
}

/// A plane with each of its modes multiplied.
fn filtered(plane: &Plane, gain: &Plane) -> Plane {
    let complex = plane.mapv(|value| Complex64::new(value, 0.0));
    let mut spectrum = sky::transform(&sky::transform(&complex, FftDirection::Forward), FftDirection::Forward);
    Zip::from(&mut spectrum).and(gain).for_each(|mode, gain| *mode *= *gain);
    back(&spectrum)
}

fn white(random: &mut ChaCha8Rng) -> Plane {
    Array2::from_shape_simple_fn((N, N), || StandardNormal.sample(random))
}

/// Modes by their distance from the origin \[cycles per pixel\].
fn radial(gain: impl Fn(f64) -> f64) -> Plane {
    let cycles = |at: usize| at.min(N - at) as f64 / N as f64;
    Array2::from_shape_fn((N, N), |(y, x)| gain(cycles(y).hypot(cycles(x))))
}

/// Ring and core: a cloud with an envelope, of 0.02 Jy/pixel at most.
fn extended(random: &mut ChaCha8Rng) -> Plane {
    let cloud = filtered(&white(random), &radial(|k| if k > 0.0 { k.powf(-1.4) } else { 0.0 }));
    let cloud = &cloud / sky::rms(&cloud);
    let sky = Array2::from_shape_fn((N, N), |(y, x)| {
        let (dy, dx) = (y as f64 - 256.0, x as f64 - 256.0);
        let core = (-0.5 * ((dx / 40.0).powi(2) + (dy / 28.0).powi(2))).exp();
        let ring = (-0.5 * ((dy.hypot(dx) - 75.0) / 8.0).powi(2)).exp();
        (0.6 * cloud[(y, x)]).exp() * (core + 0.5 * ring)
    });
    let sky = filtered(&sky, &radial(|k| (-2.0 * PI * PI * k * k).exp()));
    let most = sky::max_abs(&sky);
    sky.mapv(|value| if value < 1e-4 * most { 0.0 } else { 0.02 * value / most })
}

/// Sixty points of 0.02 to 2 Jy.
fn points(random: &mut ChaCha8Rng) -> Plane {
    let mut sky = Array2::zeros((N, N));
    for _ in 0..60 {
        let flux = 0.02 / (1.0 - 0.99 * random.random_range(0.0..1.0));
        sky[(random.random_range(20..N - 20), random.random_range(20..N - 20))] += flux;
    }
    sky
}

/// Array and skies.
struct Benchmark {
    cells: Plane,
    ext: Plane,
    mixed: Plane,
}

/// A sky and its weights, and the beam that it is looked at with \[pixels\].
#[derive(Debug, Clone, Copy, PartialEq)]
enum Case {
    MixedBriggs,
    ExtendedBriggs,
    MixedNatural,
}

impl Benchmark {
    fn new() -> &'static Self {
        static BENCHMARK: OnceLock<Benchmark> = OnceLock::new();
        BENCHMARK.get_or_init(|| {
            // of 90 draws the nearest to that of 12.1, 99.7 Jy with a peak of 2.00 Jy/beam: 96.6 Jy and 1.73
            let mut random = ChaCha8Rng::seed_from_u64(49);
            let cells = coverage(&mut random);
            let (ext, points) = (extended(&mut random), points(&mut random));
            let mixed = &ext + &points;
            Self { cells, ext, mixed }
        })
    }

    fn sky(&self, case: Case) -> &Plane {
        if case == Case::ExtendedBriggs { &self.ext } else { &self.mixed }
    }

    /// Writes the pair of a case, the PSF with one period, or one in each direction.
    fn observe(&self, case: Case, is_one_period: bool) -> Folder {
        let mut random = ChaCha8Rng::seed_from_u64(100 + case as u64);
        let cells = &self.cells;
        let factor = 25.0 / (cells.mapv(|c| c * c).sum() / cells.sum());
        let weights = if case == Case::MixedNatural { cells.clone() } else { cells.mapv(|c| c / (1.0 + c * factor)) };
        let transfer = &weights * ((N * N) as f64 / weights.sum());
        let response = back(&transfer.mapv(|value| Complex64::new(value, 0.0)));
        let spectrum = Zip::from(&weights).and(cells).map_collect(|w, c| if *c > 0.0 { w / c.sqrt() } else { 0.0 });
        let noise = filtered(&white(&mut random), &spectrum);
        let dirty = filtered(self.sky(case), &transfer) + &noise * (NOISE / sky::rms(&noise));
        let (size, peak) = if is_one_period { (N, N / 2) } else { (2 * N - 1, N - 1) };
        let lag = |at: usize| (at + 2 * N - peak) % N;
        let psf = Array2::from_shape_fn((size, size), |(y, x)| response[(lag(y), lag(x))]);
        let folder = Folder::new();
        folder.pair(&dirty, &psf);
        folder
    }

    /// `(model, restored)` against the sky at the resolution of a round beam \[dB\], and the share of the flux that the model has.
    fn score(&self, case: Case, folder: &Folder, words: &str) -> (f64, f64, f64) {
        let width = if case == Case::MixedNatural { 5.5 } else { 2.8 };
        let products = folder.run("out", &format!("--plots none --beam-shape {width}asec {words}"));
        let half = (6.0 * width) as usize;
        let gaussian = Array2::from_shape_fn((2 * half + 1, 2 * half + 1), |(y, x)| {
            let r = (y as f64 - half as f64).hypot(x as f64 - half as f64);
            (-4.0 * LN_2 * (r / width).powi(2)).exp()
        });
        let blurred = |plane: &Plane| sky::convolve_fast(plane, &gaussian, (half, half));
        let (sky, model) = (self.sky(case), products.model().plane(0));
        let truth = blurred(sky);
        let db = |image: Plane| 20.0 * (sky::rms(&truth) / sky::rms(&(image - &truth))).log10();
        (db(blurred(&model)), db(products.restored().plane(0)), model.sum() / sky.sum())
    }
}

#[test]
fn multiscale_with_an_auto_mask_comes_as_near_as_the_reference_on_the_circular_benchmark() {
    let benchmark = Benchmark::new();
    // ALGORITHMS 12.5, item 6, of the model; the restored image is as good as its residual, whose beam is not the model's
    for (case, least) in [(Case::MixedBriggs, 29.5), (Case::ExtendedBriggs, 24.0), (Case::MixedNatural, 27.5)] {
        let folder = benchmark.observe(case, false);
        let (model, restored, _) = benchmark.score(case, &folder, "--auto-mask 4");
        assert!(model >= least, "{case:?}: {model:.1} dB, restored {restored:.1} dB; at least {least} dB");
    }
}

#[test]
fn convex_solver_comes_as_near_as_the_reference_on_the_circular_benchmark_with_any_prior() {
    let benchmark = Benchmark::new();
    // the same item: 29 and 23.5 dB of huber, 31 dB of starlet under natural weights
    let cases = [
        (Case::MixedBriggs, [("atoms", 31.0), ("starlet", 29.0), ("huber", 29.0), ("tv", 29.0), ("mixed", 31.0)]),
        (Case::ExtendedBriggs, [("atoms", 30.0), ("starlet", 28.0), ("huber", 27.0), ("tv", 27.0), ("mixed", 29.0)]),
        (Case::MixedNatural, [("atoms", 33.0), ("starlet", 34.0), ("huber", 31.0), ("tv", 31.0), ("mixed", 33.0)]),
    ];
    for (case, priors) in cases {
        let folder = benchmark.observe(case, true);
        for (prior, least) in priors {
            let words = format!("--algorithm convex --boundary circular --prior {prior} --overwrite");
            let (model, restored, flux) = benchmark.score(case, &folder, &words);
            let what = format!("{case:?}, {prior}: model {model:.1} dB, restored {restored:.1} dB, flux {flux:.3}");
            assert!(model >= least, "{what}; at least {least} dB");
            let most = if prior == "atoms" { 0.01 } else { 0.04 };
            assert!((flux - 1.0).abs() < most, "{what}");
        }
    }
}

#[test]
fn convex_solver_comes_as_near_with_the_linear_boundary_and_a_psf_that_ends() {
    let benchmark = Benchmark::new();
    // with the transfer function of the PSF itself in the inner problem, 27.6 dB of the benchmark's natural weights
    let case = Case::MixedNatural;
    let folder = benchmark.observe(case, false);
    let (model, restored, flux) = benchmark.score(case, &folder, "--algorithm convex");
    let what = format!("{case:?}: model {model:.1} dB, restored {restored:.1} dB, flux {flux:.3}");
    assert!(model >= 31.0, "{what}");
    assert!((flux - 1.0).abs() < 0.01, "{what}");
}

#[test]
fn plane_that_repeats_meets_all_of_a_psf_of_twice_its_size() {
    let (ny, nx) = (12, 14);
    let mut psf = sky::wide_psf((ny, nx));
    // farther than any pixel from another: a plane that repeats has it at the peak
    (psf[(0, nx)], psf[(0, 0)], psf[(3, 0)]) = (0.2, -0.1, 0.3);
    let truth = Array2::from_shape_fn((ny, nx), |(y, x)| f64::from((5 * y + 3 * x * x) as u32 % 7));
    let seen = |sky: &Plane| {
        Array2::from_shape_fn((ny, nx), |(y, x)| {
            let of = |((j, i), h): ((usize, usize), &f64)| h * sky[((y + 2 * ny - j) % ny, (x + 2 * nx - i) % nx)];
            psf.indexed_iter().map(of).sum::<f64>()
        })
    };
    let dirty = seen(&truth);
    let folder = Folder::new();
    folder.pair(&dirty, &psf);
    for algorithm in ["wiener --noise-model white --lambda 1", "convex --iterations 5"] {
        let words = format!("--plots none --overwrite --boundary circular --algorithm {algorithm}");
        let products = folder.run("out", &words);
        let left = &dirty - &seen(&products.model().plane(0)) - &products.residual().plane(0);
        assert!(sky::max_abs(&left) < 1e-6 * sky::max_abs(&dirty), "{algorithm}: {:e}", sky::max_abs(&left));
    }
}
