//! What the convex solver can be told, and its entry in the registry.

use serde::{Deserialize, Serialize};

use crate::algorithms::{Algorithm, Direct, Kind, MultiscaleParams, Scale, Widths};

/// Entry of the registry.
pub(in crate::algorithms) const CONVEX: Algorithm = Algorithm {
    name: "convex",
    summary: "the sky as few atoms of several widths as the data allow, by alternating directions (Boyd et al. 2011)",
    kind: Kind::Direct(Direct::Convex),
    tables: &["convex", "multiscale"],
    ignores: &["scale_bias", "gain", "shape"],
};

/// Atoms of so many widths at the most where the program chooses them: points, and 4 to 32 beams of full width.
const MOST: usize = 5;

/// The `[convex]` table of the configuration.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConvexParams {
    /// Thresholds in units of the noise that the exact residual shows at each width. Lower ones fit the misfit of the PSF, higher
    /// ones leave faint emission in the residual.
    pub kappa: f64,
    /// Iterations at the most.
    pub iterations: u32,
    /// How often what was found has its thresholds lowered, so that it is not biased by them.
    pub reweights: u32,
    /// Whether no coefficient may be negative: the sky is a sum of positive points and Gaussians.
    pub positive: bool,
}

impl ConvexParams {
    /// Full widths at half maximum of the atoms \[pixels\], 0 for points, for a beam of `beam` pixels and an image of
    /// shape `(ny, nx)`: the Gaussians of the `scales`' widths, and none so wide that the image holds no more than two of them.
    pub fn widths(scales: &MultiscaleParams, beam: f64, shape: (usize, usize)) -> Vec<f64> {
        let MultiscaleParams { scales: widths, max_scales, scale_bias, shape: kind, .. } = scales;
        let most = if *widths == Widths::Auto && *max_scales == 0 { MOST } else { *max_scales };
        let scales = widths.scales(beam, shape, most, (*kind, *scale_bias));
        scales.iter().map(Scale::gaussian_fwhm).collect()
    }
}
