//! The parameters of Wiener-Hunt and of Richardson-Lucy.

use super::{Limits, Param, ParamKind};

/// Those of the tables `[wiener]` and `[rl]`.
pub(super) const WIENER: &[Param] = &[
    Param {
        table: "rl",
        key: "iterations",
        flag: "rl-iterations",
        kind: ParamKind::Count { min: 1 },
        value_name: "N",
        help: "Iterations of richardson-lucy: few are smooth, many sharpen the noise too",
    },
    Param {
        table: "wiener",
        key: "noise_model",
        flag: "noise-model",
        kind: ParamKind::Choice(&["psf", "white", "file"]),
        value_name: "MODEL",
        help: "Spectrum of the noise: shaped like the PSF (radio, natural weights), white (optical), or that of a file \
               (uniform or Briggs weights)",
    },
    Param {
        table: "wiener",
        key: "noise_psf",
        flag: "noise-psf",
        kind: ParamKind::File,
        value_name: "FITS",
        help: "PSF with natural weights of the same imaging run, which tells the noise of a dirty image that was weighted \
               otherwise, for --noise-model file: one plane for all PSFs, or one for each",
    },
    Param {
        table: "wiener",
        key: "noise_spectrum",
        flag: "noise-spectrum",
        kind: ParamKind::File,
        value_name: "FITS",
        help: "Power spectrum of the noise, up to a factor, for --noise-model file: an image of any size over all frequencies, \
               zero in its middle (ny/2, nx/2)",
    },
    Param {
        table: "wiener",
        key: "reg",
        flag: "reg",
        kind: ParamKind::Choice(&["laplacian", "identity", "gradient", "matern"]),
        value_name: "OPERATOR",
        help: "What is kept small: curvature, brightness or slope; matern is smooth below a length and brightness beyond it",
    },
    Param {
        table: "wiener",
        key: "matern_nu",
        flag: "matern-nu",
        kind: ParamKind::ChoiceOrNumber(&["auto"], Limits::Range(0.1, 10.0)),
        value_name: "NU",
        help: "Smoothness of --reg matern: 0.5 allows edges, above 2 it is as smooth as the laplacian; auto takes the most likely",
    },
    Param {
        table: "wiener",
        key: "matern_length",
        flag: "matern-length",
        kind: ParamKind::ChoiceOrNumber(&["auto"], Limits::Range(0.1, 1e5)),
        value_name: "PIXELS",
        help: "Length over which the sky of --reg matern is alike; larger structure is kept small as points are; auto takes the most likely",
    },
    Param {
        table: "wiener",
        key: "lambda",
        flag: "lambda",
        kind: ParamKind::ChoiceOrNumber(&["auto", "ml", "ml-sigma", "gcv", "sure", "discrepancy"], Limits::Positive),
        value_name: "RULE|NUMBER",
        help: "Weight of the regularisation, or the rule that chooses it: marginal likelihood with the noise free (ml) \
               or known (ml-sigma), generalised cross-validation (gcv), least predicted error (sure), a residual as loud as \
               the noise (discrepancy); auto is ml-sigma for psf noise, ml for white",
    },
    Param {
        table: "wiener",
        key: "sigma",
        flag: "sigma",
        kind: ParamKind::ChoiceOrFlux(&["auto"]),
        value_name: "FLUX",
        help: "Noise of the dirty image per beam, for ml-sigma, sure and discrepancy; auto takes the robust noise of the dirty image, which \
               is too high where sidelobes fill it",
    },
    Param {
        table: "wiener",
        key: "boundary",
        flag: "boundary",
        kind: ParamKind::Choice(&["linear", "circular"]),
        value_name: "KIND",
        help: "Solve for an image that ends at its edges, or one that repeats beyond them (wiener: in one pass)",
    },
    Param {
        table: "wiener",
        key: "hyper",
        flag: "hyper",
        kind: ParamKind::Choice(&["point", "marginal", "gibbs"]),
        value_name: "METHOD",
        help: "What is made of the uncertainty of lambda, with ml or ml-sigma: nothing (point), an estimate averaged over its \
               posterior by integration (marginal), or by Gibbs sampling (gibbs), with histogram and traces",
    },
    Param {
        table: "wiener",
        key: "gibbs_iterations",
        flag: "gibbs-iterations",
        kind: ParamKind::Count { min: 10 },
        value_name: "N",
        help: "Iterations of each of the four chains of --hyper gibbs at the most; chains that have not converged by then leave \
               the marginal posterior, and say so",
    },
    Param {
        table: "wiener",
        key: "uncertainty",
        flag: "uncertainty",
        kind: ParamKind::Choice(&["none", "sd", "map"]),
        value_name: "WHAT",
        help: "Posterior standard deviation of the model: that of a pixel and of spatial frequencies (sd), and besides a map \
               of it (map, PREFIX-sd.fits), for which the linear boundary solves once more for each sample",
    },
    Param {
        table: "wiener",
        key: "uncertainty_samples",
        flag: "uncertainty-samples",
        kind: ParamKind::Count { min: 2 },
        value_name: "N",
        help: "Samples of the sky that a map of the standard deviation is made of; N of them scatter by 1/sqrt(2N)",
    },
    Param {
        table: "wiener",
        key: "effective_resolution",
        flag: "effective-resolution",
        kind: ParamKind::Switch,
        value_name: "",
        help: "Write what the filter makes of a point source (PREFIX-resolution.fits), with the beam fitted to it in its header \
               and in the summary",
    },
    Param {
        table: "wiener",
        key: "seed",
        flag: "seed",
        kind: ParamKind::Count { min: 0 },
        value_name: "N",
        help: "Of the random numbers of chains and samples: the same number gives the same bytes",
    },
];
