//! What came of a run: the summary, and what the plots draw.

use std::path::PathBuf;

use serde::Serialize;

use super::record::{BeamRecord, Convergence, PlaneInference, Preview};
use crate::algorithms::convex::Prior;
use crate::algorithms::wiener::{CeilingReport, Chains, MaternFit, Posterior, SpreadReport};
use crate::algorithms::{Component, PlaneStats, Retry, Scale, StopReason};
use crate::images::{CleanBeam, Weighting};
use crate::tiling::Seams;

/// What came of a run.
#[derive(Debug)]
pub struct Outcome {
    /// The planes in the order of the dirty file.
    pub planes: Vec<PlaneOutcome>,
    /// The FITS files written.
    pub products: Vec<PathBuf>,
    /// Whether the user ended it early.
    pub interrupted: bool,
    /// What each phase took, in order.
    pub phases: Vec<Phase>,
    /// Most memory that the process held, and each of its worker processes, together \[bytes\].
    pub peak_memory: u64,
    /// The components of each plane that was deconvolved, where they were asked for.
    pub components: Vec<PlaneComponents>,
    /// How peak and flux went.
    pub convergence: Convergence,
    /// One plane made small, unless none could be deconvolved.
    pub preview: Option<Preview>,
    /// What Wiener-Hunt inferred.
    pub inference: Vec<PlaneInference>,
    /// PSFs of several directions, where they were given.
    pub psf_grid: Option<GridOutcome>,
    /// The beam of that plane.
    pub beam: Option<BeamRecord>,
}

/// What the PSFs of several directions were.
#[derive(Debug, Clone, Serialize)]
pub struct GridOutcome {
    /// How they were weighed.
    pub weighting: Weighting,
    /// Number of the one by whose peak all were divided, and whose main lobe is the clean beam.
    pub central: usize,
    /// The PSFs, counted from 0.
    pub psfs: Vec<GridPsf>,
}

/// A PSF of a direction.
#[derive(Debug, Clone, Serialize)]
pub struct GridPsf {
    /// Its file.
    pub file: String,
    /// Column of its place in the image \[pixels, from 0\].
    pub x: f64,
    /// Row.
    pub y: f64,
    /// Its peak over that of the central one.
    pub response: f64,
    /// How far it peaks from its place, along x and y \[pixels\].
    pub shift: (i64, i64),
    /// The Gaussian fitted to its own main lobe, where one is fitted; the central one's restores.
    pub beam: Option<CleanBeam>,
}

impl Outcome {
    /// The planes that diverged, by their labels.
    pub fn diverged(&self) -> Vec<&str> {
        let diverged = self.planes.iter().filter(|plane| plane.stop.is_divergence());
        diverged.map(|plane| plane.label.as_str()).collect()
    }
}

/// The components of a plane.
#[derive(Debug, Clone)]
pub struct PlaneComponents {
    /// Its place in the dirty file.
    pub plane: usize,
    /// One entry for each pixel of its model that is not 0, in row order; the flux is that of all components there. Empty
    /// where the scales tell all and pixels were not asked for.
    pub pixels: Vec<Component>,
    /// What was found at each scale, in row order; empty where components are points only.
    pub scales: Vec<(Scale, Vec<Component>)>,
}

impl PlaneComponents {
    /// Each component with its plane and scale: those of the scales, or the pixels where there are none.
    pub fn each(&self) -> impl Iterator<Item = (usize, Scale, &Component)> {
        let scales = self.scales.iter().flat_map(|(scale, found)| found.iter().map(|component| (*scale, component)));
        let pixels = self.pixels.iter().filter(|_| self.scales.is_empty()).map(|component| (Scale::POINT, component));
        scales.chain(pixels).map(|(scale, component)| (self.plane, scale, component))
    }
}

/// Time spent in one phase of the run.
#[derive(Debug, Clone, Serialize)]
pub struct Phase {
    /// `read`, `deconvolve`, `restore-and-write`.
    pub name: &'static str,
    /// Wall time \[s\].
    pub wall_s: f64,
    /// CPU time of all threads \[s\].
    pub cpu_s: f64,
}

/// What came of one plane.
#[derive(Debug, Clone, Serialize)]
pub struct PlaneOutcome {
    /// Its place in the dirty file.
    pub plane: usize,
    /// What it is called.
    pub label: String,
    /// Why it ended, with the rule's numbers.
    pub stop: StopReason,
    /// The same in words.
    pub message: String,
    /// Major cycles, each ended by an exact residual.
    pub cycles: u64,
    /// Components taken (a pixel may be taken many times).
    pub iterations: u64,
    /// Pixels of the model that are not 0.
    pub components: u64,
    /// Sum of the model \[Jy\].
    pub flux_jy: f64,
    /// Sum of the model's negative pixels \[Jy\].
    pub negative_flux_jy: f64,
    /// The final residual.
    pub residual: PlaneStats,
    /// The clean beam, where the cell is known.
    pub beam: Option<BeamOutcome>,
    /// The peak by which the PSF was divided.
    pub psf_peak: f32,
    /// Estimate of what the missing sidelobes of the PSF may leave \[Jy/beam\]; 0 where it reaches every pixel.
    pub missing_sidelobes: f64,
    /// Pixels where mask, border and window let components stand, where there are any; those that are blank are not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub selected_pixels: Option<u64>,
    /// Time from the first read to the last write of its batch \[s\].
    pub wall_s: f64,
    /// The tiles that it was cleaned in, if there were any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tiles: Option<TilesOutcome>,
    /// How Wiener-Hunt went.
    pub wiener: Option<WienerOutcome>,
    /// How the convex solver went.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub convex: Option<ConvexOutcome>,
    /// Root of the mean square of the misfit with another dirty image, where one was given \[Jy/beam\].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub held_out_rms: Option<f64>,
    /// How it was cleaned once more, if it had diverged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry: Option<Retry>,
    /// What a reader should know.
    pub notes: Vec<String>,
}

/// The tiles that a plane was cleaned in.
#[derive(Debug, Clone, Serialize)]
pub struct TilesOutcome {
    /// Tiles side by side.
    pub across: usize,
    /// Tiles one below the other.
    pub down: usize,
    /// Those that ran away once and were cleaned on with smaller steps, row by row from 0.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub cleaned_again: Vec<usize>,
    /// Those of them that ran away again, and were left at their last good state.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub diverged: Vec<usize>,
    /// Where they met in the last cycle.
    #[serde(skip)]
    pub seams: Seams,
}

/// How Wiener-Hunt went.
#[derive(Debug, Clone, Serialize)]
pub struct WienerOutcome {
    /// How lambda was chosen.
    pub rule: &'static str,
    /// The Matérn prior that was found, where it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub matern: Option<MaternOutcome>,
    /// Weight of the prior: `gamma_prior / gamma_noise`.
    pub lambda: f64,
    /// Standard deviation of `log10 lambda`, where a likelihood chose it.
    pub log_lambda_sd: Option<f64>,
    /// What the data tell of lambda and of both precisions, where a likelihood chose it and the data determine it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub posterior: Option<Posterior>,
    /// How its posterior was found, if the estimate was averaged over it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hyper: Option<HyperOutcome>,
    /// The posterior standard deviation, where asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uncertainty: Option<SpreadReport>,
    /// What the filter makes of a point source, where asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resolution: Option<ResolutionOutcome>,
    /// Precision of the noise in the formulas.
    pub gamma_noise: f64,
    /// Precision of the prior.
    pub gamma_prior: f64,
    /// Noise of the dirty image that goes with these \[Jy/beam\].
    pub sigma: f64,
    /// Least usable `|H|` over its maximum.
    pub tau: f64,
    /// Iterations of the linear boundary's solver; 0 for the circular boundary's filter.
    pub iterations: u32,
    /// Relative residual of the solver.
    pub relative_residual: f64,
    /// The criterion of cross-validation at this lambda, where it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gcv: Option<f64>,
    /// What no Fourier filter can exceed; unknown without a clean beam.
    pub ceiling: Option<CeilingReport>,
}

/// The Matérn prior of the greatest likelihood.
#[derive(Debug, Clone, Serialize)]
pub struct MaternOutcome {
    /// Length of the correlation \[pixels\].
    pub length_pixels: f64,
    /// Smoothness.
    pub nu: f64,
    /// Whether each was searched and ended at an edge of its range: length, smoothness.
    pub at_edge: [bool; 2],
}

impl From<&MaternFit> for MaternOutcome {
    fn from(fit: &MaternFit) -> Self {
        let MaternFit { length, nu, at_edge } = *fit;
        Self { length_pixels: length, nu, at_edge }
    }
}

/// What Wiener-Hunt makes of a point source of 1 Jy.
#[derive(Debug, Clone, Serialize)]
pub struct ResolutionOutcome {
    /// Height of the response \[Jy/pixel\].
    pub peak: f64,
    /// The Gaussian that its main lobe is like, on the sky; none where it is like none.
    pub beam: Option<CleanBeam>,
    /// Full widths of it at half maximum \[pixels\].
    pub pixels: Option<(f64, f64)>,
}

impl PlaneOutcome {
    /// The beam of the effective resolution, where it is known.
    pub(super) fn response(&self) -> Option<CleanBeam> {
        self.wiener.as_ref()?.resolution.as_ref()?.beam
    }
}

/// How the posterior of lambda was found.
#[derive(Debug, Clone, Serialize)]
pub struct HyperOutcome {
    /// `marginal` or `gibbs`.
    pub method: &'static str,
    /// How the chains went.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chains: Option<ChainsOutcome>,
}

/// How the chains of the Gibbs sampler went.
#[derive(Debug, Clone, Serialize)]
pub struct ChainsOutcome {
    /// Whether they converged; if not, the posterior is the marginal one.
    pub converged: bool,
    /// Iterations of each.
    pub iterations: u32,
    /// Of these left out at the begin.
    pub burn_in: u32,
    /// Split R-hat of the precision of the prior.
    pub r_hat_prior: f64,
    /// Independent draws of it.
    pub effective_samples_prior: f64,
    /// Split R-hat of the precision of the noise, if that is free.
    pub r_hat_noise: Option<f64>,
    /// Independent draws of it.
    pub effective_samples_noise: Option<f64>,
}

impl From<&Chains> for ChainsOutcome {
    fn from(chains: &Chains) -> Self {
        Self {
            converged: chains.is_converged,
            iterations: chains.iterations,
            burn_in: chains.burn_in,
            r_hat_prior: chains.gamma_prior.r_hat,
            effective_samples_prior: chains.gamma_prior.effective_samples,
            r_hat_noise: chains.gamma_noise.map(|noise| noise.r_hat),
            effective_samples_noise: chains.gamma_noise.map(|noise| noise.effective_samples),
        }
    }
}

/// How the convex solver went.
#[derive(Debug, Clone, Serialize)]
pub struct ConvexOutcome {
    /// What the sky was taken to have little of.
    pub prior: Prior,
    /// Thresholds in units of the noise.
    pub kappa: f64,
    /// Full widths at half maximum of atoms \[pixels\], 0 for points; none for other priors.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub widths_pixels: Vec<f64>,
    /// Noise of the residual as each width sees it, or the pixels and then each band \[Jy/beam\].
    pub noise: Vec<f64>,
    /// Penalty of the splitting in the end.
    pub rho: f64,
    /// Its relaxation.
    pub relaxation: f64,
    /// Iterations, those that were taken back among them.
    pub iterations: u32,
    /// Relative change of the model in each of the last iterations.
    pub change: f64,
    /// By how much the last iteration missed the conditions of the optimum, the most of all coefficients, over their threshold.
    pub gap: f64,
    /// How often thresholds were lowered where something was found.
    pub reweights: u32,
    /// Whether fluxes were fitted once more where something was found, without thresholds.
    pub debiased: bool,
    /// How often iterations were taken back.
    pub taken_back: u32,
}

/// The clean beam of a plane.
#[derive(Debug, Clone, Serialize)]
pub struct BeamOutcome {
    /// The beam on the sky.
    #[serde(flatten)]
    pub beam: CleanBeam,
    /// Full widths at half maximum \[pixels\].
    pub pixels: (f64, f64),
    /// Whether it was fitted or given.
    pub fitted: bool,
    /// What the residual was multiplied by in the restored image: its scale, or the sum of the kernel that convolved it.
    pub residual_factor: f64,
    /// Highest sidelobe of the PSF.
    pub sidelobe_max: Option<f32>,
    /// Lowest sidelobe of the PSF.
    pub sidelobe_min: Option<f32>,
    /// Rms of PSF less beam over the fitted pixels.
    pub misfit: Option<f64>,
}
