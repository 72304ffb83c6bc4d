//! A pair of the reference data, deconvolved, and how far the result is from the truth (as `score.py` there has it).

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use ndarray::Array2;

use crate::support::fits::Image;
use crate::support::program::{Folder, Products};
use crate::support::sky;

/// One run at a time: each takes all cores by itself.
static TURN: Mutex<()> = Mutex::new(());

/// Standard deviations in a full width at half maximum.
const FWHM: f64 = 2.354_820_045_030_949_3;

/// The folder of the reference data.
pub(crate) fn data() -> PathBuf {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data");
    let folder = std::env::var_os("DECONV_SHARED_DATA").map_or_else(beside, PathBuf::from);
    assert!(
        folder.join("README.md").is_file(),
        "the reference data are not in {}: put them there, or name their folder in DECONV_SHARED_DATA",
        folder.display()
    );
    folder.canonicalize().unwrap()
}

/// A file of the reference data.
pub(crate) fn file(name: &str) -> PathBuf {
    let path = data().join(name);
    assert!(path.is_file(), "{} is missing from the reference data", path.display());
    path
}

/// A finished run on a pair of the reference data.
pub(crate) struct Case {
    /// Holds the products as long as they are looked at.
    _folder: Folder,
    pub(crate) products: Products,
    dirty: Image,
    psf: Image,
    what: String,
}

impl Case {
    /// Deconvolves `dirty` with `psf`, both named below the data folder.
    pub(crate) fn run(dirty: &str, psf: &str, words: &str) -> Self {
        let (dirty_path, psf_path) = (file(dirty), file(psf));
        let folder = Folder::new();
        let turn = TURN.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let text = |path: &Path| path.to_str().unwrap().to_owned();
        let products = folder.run_pair((&text(&dirty_path), &text(&psf_path)), "out", words);
        drop(turn);
        let (dirty, psf, what) = (Image::read(&dirty_path), Image::read(&psf_path), format!("{dirty} {psf} {words}"));
        Self { _folder: folder, products, dirty, psf, what }
    }

    /// `dirty.fits` of a case with one of its PSFs.
    pub(crate) fn of(case: &str, psf: &str, words: &str) -> Self {
        Self::run(&format!("{case}/dirty.fits"), &format!("{case}/{psf}"), words)
    }

    /// The PSF of a plane, peak 1, with its centre and the peak it had.
    pub(crate) fn psf(&self, plane: usize) -> (Array2<f64>, (usize, usize), f64) {
        let psf = self.psf.plane(plane.min(self.psf.planes() - 1));
        sky::normalised(&psf.mapv(|value| f64::from(value as f32)))
    }

    /// The dirty image of a plane in Jy per beam of peak 1.
    pub(crate) fn dirty(&self, plane: usize) -> Array2<f64> {
        self.dirty.plane(plane) / self.psf(plane).2
    }

    pub(crate) fn planes(&self) -> usize {
        self.dirty.planes()
    }

    /// Asserts that the residual of every plane is the dirty image less the PSF times the model, in units of its peak.
    pub(crate) fn assert_exact(&self, tolerance: f64) {
        for plane in 0..self.planes() {
            let (kernel, centre, _) = self.psf(plane);
            let dirty = self.dirty(plane);
            let expected = &dirty - &sky::convolve_fast(&self.products.model().plane(plane), &kernel, centre);
            let misfit = sky::max_abs(&(expected - self.products.residual().plane(plane))) / sky::max_abs(&dirty);
            assert!(misfit < tolerance, "{}, plane {plane}: {misfit:e}", self.what);
        }
    }

    /// Asserts that every plane ended by itself, by a rule that has a name, and says so in words.
    pub(crate) fn assert_ended_by_itself(&self) {
        let summary = self.products.summary();
        for plane in summary["planes"].as_array().unwrap() {
            let reason = plane["stop"]["reason"].as_str().unwrap();
            let limits = ["iterations", "major-cycles", "interrupted", "blank", "empty", "nothing-allowed"];
            assert!(!reason.is_empty() && !limits.contains(&reason), "{}: {reason}", self.what);
            assert!(plane["message"].as_str().unwrap().len() > 10, "{}", self.what);
        }
    }

    /// The clean beam of a plane.
    pub(crate) fn beam(&self, plane: usize) -> Beam {
        let told = &self.products.summary()["planes"][plane]["beam"];
        let key = |key: &str| told[key].as_f64().unwrap();
        let cell = self.dirty.number("CDELT2").unwrap().abs();
        Beam { major: key("bmaj") / cell, minor: key("bmin") / cell, pa: key("bpa").to_radians() }
    }

    /// Error of a plane against a sky at the beam's resolution: standard deviation of the difference, over the noise.
    pub(crate) fn error(&self, plane: usize, sky: &Array2<f64>, noise: f64) -> f64 {
        let difference = self.products.restored().plane(plane) - sky;
        let mean = difference.sum() / difference.len() as f64;
        sky::rms(&(difference - mean)) / noise
    }

    /// Prints a line that is not a verdict.
    #[expect(clippy::print_stderr, reason = "measurements are shown with --nocapture")]
    pub(crate) fn report(&self, text: &str) {
        eprintln!("{}: {text}; {:?}", self.what, self.products.reasons());
    }
}

/// A Gaussian beam of peak 1: full widths \[pixels\] and position angle from north to east, east being at lower x.
#[derive(Clone, Copy)]
pub(crate) struct Beam {
    major: f64,
    minor: f64,
    pa: f64,
}

impl Beam {
    pub(crate) fn at(&self, dy: f64, dx: f64) -> f64 {
        let (u, v) = (-dx * self.pa.sin() + dy * self.pa.cos(), -dx * self.pa.cos() - dy * self.pa.sin());
        (-0.5 * FWHM * FWHM * ((u / self.major).powi(2) + (v / self.minor).powi(2))).exp()
    }

    /// A beam so many times as wide.
    pub(crate) fn widened(self, times: f64) -> Self {
        Self { major: times * self.major, minor: times * self.minor, ..self }
    }

    /// Full width along the major axis \[pixels\].
    pub(crate) fn widest(&self) -> f64 {
        self.major
    }

    /// Its sum over all pixels.
    pub(crate) fn area(&self) -> f64 {
        std::f64::consts::PI / (4.0 * std::f64::consts::LN_2) * self.major * self.minor
    }

    /// An image at the resolution of the beam.
    pub(crate) fn blur(&self, image: &Array2<f64>) -> Array2<f64> {
        let half = (6.0 * self.major).ceil() as usize;
        let size = 2 * half + 1;
        let at = |(y, x): (usize, usize)| self.at(y as f64 - half as f64, x as f64 - half as f64);
        sky::convolve_fast(image, &Array2::from_shape_fn((size, size), at), (half, half))
    }

    /// Points at the resolution of the beam, drawn where they are.
    pub(crate) fn draw(&self, shape: (usize, usize), points: &[Point]) -> Array2<f64> {
        let mut image = Array2::zeros(shape);
        let reach = 6.0 * self.major;
        for Point { x, y, flux, .. } in points {
            let span =
                |at: f64, n: usize| (at - reach).max(0.0).ceil() as usize..((at + reach).floor() as usize + 1).min(n);
            for row in span(*y, shape.0) {
                for column in span(*x, shape.1) {
                    image[(row, column)] += flux * self.at(row as f64 - y, column as f64 - x);
                }
            }
        }
        image
    }
}

/// A line of `truth.csv`: pixels from 0, flux \[Jy\], spectral index where there is one.
pub(crate) struct Point {
    pub(crate) x: f64,
    pub(crate) y: f64,
    pub(crate) flux: f64,
    pub(crate) alpha: Option<f64>,
}

/// The point sources of a case.
pub(crate) fn points(case: &str) -> Vec<Point> {
    let text = fs::read_to_string(file(&format!("{case}/truth.csv"))).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with(['#', 'x']));
    lines
        .map(|line| {
            let numbers: Vec<f64> = line.split(',').map(|number| number.trim().parse().unwrap()).collect();
            Point { x: numbers[0], y: numbers[1], flux: numbers[4], alpha: numbers.get(5).copied() }
        })
        .collect()
}
