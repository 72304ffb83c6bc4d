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

/// What is kept of a plane that diverged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeptState {
    /// The state before the first of the cycles that made things worse.
    #[default]
    LastGood,
    /// No component: the residual of every state was worse than the dirty image.
    Empty,
    /// The model that was given: the residual of every state was worse than its own.
    Given,
}

impl fmt::Display for KeptState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::LastGood => "kept the last good state",
            Self::Empty => "no state was better than none, so the model is empty",
            Self::Given => "no state was better than the model given, which was kept",
        })
    }
}
