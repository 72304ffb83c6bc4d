//! Signs that a cycle did harm.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What a cycle made worse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Worse {
    /// The peak where components may stand.
    Peak,
    /// The rms of the residual.
    Rms,
    /// The noise.
    Noise,
    /// The peak outside the auto-mask.
    Outside,
}

impl fmt::Display for Worse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Peak => "the peak",
            Self::Rms => "the rms of the residual",
            Self::Noise => "the noise",
            Self::Outside => "the peak outside it",
        })
    }
}
