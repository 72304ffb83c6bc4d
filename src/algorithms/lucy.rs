//! Richardson-Lucy (Richardson 1972; Lucy 1974): for optical images, whose PSF and data are not negative.
//!
//! ```text
//! x <- x . [h correlated with (d / (h * x))] / [h correlated with 1]
//! ```
//! Each iteration makes the model more likely for photon counts, keeps it positive and its flux that of the data. It fits the noise
//! in the end: few iterations are smooth, many are sharp. On a dirty image of an interferometer neither PSF nor noise fits: the PSF
//! adds up to nearly nothing, and sources turn into rings (ALGORITHMS 7.7).

use serde::{Deserialize, Serialize};

use super::{Algorithm, Direct, Kind};

/// Entry of the registry.
pub(super) const RICHARDSON_LUCY: Algorithm = Algorithm {
    name: "richardson-lucy",
    summary: "positive by multiplication, for optical images; refused for PSFs with negative sidelobes (Lucy 1974)",
    kind: Kind::Direct(Direct::RichardsonLucy),
    first: None,
    tables: &["rl"],
    ignores: &[],
    also: &[],
};

/// Lowest pixel of a PSF that is taken for one without negative sidelobes: rounding and noise of a measured star lie above.
pub const LEAST_LOBE: f32 = -0.01;

/// The `[rl]` table of the configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RlParams {
    /// Iterations: the fewer, the smoother.
    pub iterations: u32,
}
