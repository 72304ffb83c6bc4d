//! What the convex solver can be told, and its entry in the registry.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::Dictionary;
use crate::algorithms::{Algorithm, Direct, Kind, MultiscaleParams, Scale, Widths};

/// Entry of the registry.
pub(in crate::algorithms) const CONVEX: Algorithm = Algorithm {
    name: "convex",
    summary: "the sky as few atoms of several widths, or as smooth, as the data allow, by alternating directions (Boyd et al. 2011)",
    kind: Kind::Direct(Direct::Convex),
    first: None,
    tables: &["convex", "multiscale"],
    ignores: &["scale_bias", "gain", "shape", "trim"],
    also: &[("wiener", "boundary"), ("clean", "continue")],
};

/// Atoms of so many widths at the most where the program chooses them: points, and 4 to 32 beams of full width.
const MOST: usize = 5;
/// Bands of the starlet transform at the most; an image takes no more than three octaves less than it has (ALGORITHMS 7.6).
const BANDS: usize = 5;

/// The `[convex]` table of the configuration.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConvexParams {
    /// What the sky is taken to have little of.
    pub prior: Prior,
    /// Thresholds in units of the noise that the exact residual shows at each width. Lower ones fit the misfit of the PSF, higher
    /// ones leave faint emission in the residual.
    pub kappa: Kappa,
    /// Iterations at the most.
    pub iterations: u32,
    /// How often what was found has its thresholds lowered, so that it is not biased by them.
    pub reweights: u32,
    /// Whether fluxes are fitted once more where something was found, without thresholds.
    pub debias: bool,
    /// Whether no atom may be negative, nor the map of a mixed sky. With other priors the pixels of the sky never are.
    pub positive: bool,
}

/// What the sky is taken to have little of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Prior {
    /// Points and Gaussians of several widths: the sky is their sum, and few are needed.
    Atoms,
    /// Flux, and differences between neighbours, small ones less than those beyond the noise; no pixel is negative.
    Huber,
    /// Flux, and differences between neighbours, both directions together (Rudin, Osher & Fatemi 1992); no pixel is negative.
    Tv,
    /// Flux, and bands of the starlet transform (Starck, Fadili & Murtagh 2007); no pixel is negative.
    Starlet,
    /// Points on a smooth map (Giovannelli & Coulais 2005): few points, none negative, and little flux and curvature in the map.
    Mixed,
}

/// Thresholds in units of the noise.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kappa {
    /// 4 for atoms and points, which a stray peak of the noise would fit as well, 2 for the others.
    Auto,
    /// Given.
    Given(f64),
}

impl FromStr for Kappa {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.trim() {
            "auto" => Ok(Self::Auto),
            number => match number.parse::<f64>() {
                Ok(kappa) if kappa >= 0.0 && kappa.is_finite() => Ok(Self::Given(kappa)),
                _ => Err(format!("kappa = '{text}': expected auto or a number of 0 or more")),
            },
        }
    }
}

impl fmt::Display for Kappa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Given(kappa) => write!(f, "{kappa}"),
        }
    }
}

crate::algorithms::param::text_form!(Kappa);

impl ConvexParams {
    /// `κ`.
    pub fn kappa(&self) -> f64 {
        match (self.kappa, self.prior) {
            (Kappa::Given(kappa), _) => kappa,
            (Kappa::Auto, Prior::Atoms | Prior::Mixed) => 4.0,
            (Kappa::Auto, Prior::Huber | Prior::Tv | Prior::Starlet) => 2.0,
        }
    }

    /// What the prior of an image of shape `(ny, nx)` is made of, for a beam of `beam` pixels.
    pub fn dictionary(&self, scales: &MultiscaleParams, beam: f64, shape: (usize, usize)) -> Dictionary {
        match self.prior {
            Prior::Atoms => Dictionary::Atoms { widths: Self::widths(scales, beam, shape), positive: self.positive },
            Prior::Huber => Dictionary::Differences { together: false },
            Prior::Tv => Dictionary::Differences { together: true },
            Prior::Mixed => Dictionary::Mixed { stiffness: (0.5 * beam).powi(4), positive: self.positive },
            Prior::Starlet => {
                let octaves = shape.0.min(shape.1).max(1).ilog2() as usize;
                Dictionary::Starlet(octaves.saturating_sub(3).clamp(1, BANDS))
            }
        }
    }

    /// Full widths at half maximum of the atoms \[pixels\], 0 for points, for a beam of `beam` pixels and an image of
    /// shape `(ny, nx)`: the Gaussians of the `scales`' widths, and none so wide that the image holds no more than two of them.
    fn widths(scales: &MultiscaleParams, beam: f64, shape: (usize, usize)) -> Vec<f64> {
        let MultiscaleParams { scales: widths, max_scales, scale_bias, shape: kind, .. } = scales;
        let most = if *widths == Widths::Auto && *max_scales == 0 { MOST } else { *max_scales };
        let scales = widths.scales(beam, shape, most, (*kind, *scale_bias));
        scales.iter().map(Scale::gaussian_fwhm).collect()
    }
}
