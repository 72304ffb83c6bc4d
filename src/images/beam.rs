//! The clean beam: a Gaussian as wide as the PSF's main lobe.

use serde::{Deserialize, Serialize};

/// An elliptical Gaussian beam of peak 1.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct CleanBeam {
    /// Full width at half maximum along the major axis \[deg\].
    pub bmaj: f64,
    /// Full width at half maximum along the minor axis \[deg\].
    pub bmin: f64,
    /// Position angle of the major axis, from north through east \[deg\].
    pub bpa: f64,
}
