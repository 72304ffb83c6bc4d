//! Multiscale CLEAN: components are points and smooth blobs of several widths.
//!
//! The residual is smoothed with every scale, and the pixels that stand out are listed. The scale that stands out most,
//! weighed by its bias, is cleaned by the same loop over its list as points are, with the PSF smoothed twice; what it took is
//! taken from the lists of the other scales, and the next one has its turn. At the end of the cycle the exact residual is
//! taken of the whole model:
//! ```text
//! R_s = K_s * r        S_s = bias_s max |R_s|        lists of all s
//! s = argmax S_s       clean R_s with K_s * K_s * h: c       R_t -= (K_s * K_t * h) * c for all t       again
//! m += sum_s K_s * c_s        r = d - h * m
//! ```
//! A turn goes down by `gain`, or to where the next scale stands if that is lower, as other scales wait for their turn; a
//! cycle goes down by `mgain`. The images of wide scales are smooth, so that they are held at every `step`-th pixel only,
//! and so are the PSFs between scales; between their entries those are interpolated, which the exact residual mends.
//!
//! # Source
//! Offringa & Smirnov (2017), MNRAS 471, 301. We differ in the step: `gain V / (K*K*h)(0)`, which takes that share of a
//! blob's flux whatever its width, instead of `gain V / (K*h)(0)`, which takes some 0.7 of it.

mod cleaner;
mod joint;
mod psf;
mod refit;
mod scale;

use serde::{Deserialize, Serialize};

use super::{Algorithm, Kind, Minor};
use crate::fft::Layout;

pub use joint::{Member, Steps, Table, clean_together};
pub use psf::{TABLE_ROWS, normal_table, table_blocks, table_columns, table_reach, table_rows};
pub use refit::{Refitting, refit};
pub use scale::{Grid, Scale, ScaleShape, Widths};

/// The `[multiscale]` table of the configuration.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MultiscaleParams {
    /// Widths of the scales.
    pub scales: Widths,
    /// Scales at the most; 0 is no limit.
    pub max_scales: usize,
    /// Preference of wide scales over narrow ones: lower favours wide ones.
    pub scale_bias: f64,
    /// Share of its peak that one cycle takes of a scale while others wait.
    pub gain: f64,
    /// Profile of the scales.
    pub shape: ScaleShape,
    /// Level in units of the noise below which the final model is trimmed; 0 is off.
    pub trim: f64,
}

impl MultiscaleParams {
    /// The scales for a beam of `beam` pixels and an image of shape `(ny, nx)`, on the grids of a layout.
    pub fn list(&self, beam: f64, shape: (usize, usize), layout: &Layout) -> Vec<Scale> {
        let scales = self.scales.scales(beam, shape, self.max_scales, (self.shape, self.scale_bias));
        scales.into_iter().map(|scale| scale.on(layout)).collect()
    }
}

/// Entry of the registry.
pub(in crate::algorithms) const MULTISCALE: Algorithm = Algorithm {
    name: "multiscale",
    summary: "components of several widths, the residual exact after every cycle (Offringa & Smirnov 2017)",
    kind: Kind::Clean(Minor::Multiscale),
    first: None,
    tables: &["clean", "multiscale"],
    ignores: &[],
    also: &[],
};

crate::algorithms::param::text_form!(Widths);
