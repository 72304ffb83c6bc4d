//! What parameters of CLEAN mean, and how they are written.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{AutoThreshold, CleanParams, LocalRms, RmsMethod, Signs};

impl FromStr for AutoThreshold {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match (text.trim(), text.trim().parse::<f64>()) {
            ("auto", _) => Ok(Self::Auto),
            (_, Ok(sigmas)) if sigmas >= 0.0 && sigmas.is_finite() => Ok(Self::Given(sigmas)),
            _ => Err(format!("'{text}': expected auto or a number of 0 or more")),
        }
    }
}

impl fmt::Display for AutoThreshold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Given(sigmas) => write!(f, "{sigmas}"),
        }
    }
}

crate::algorithms::param::text_form!(AutoThreshold);

/// Part of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Window {
    /// All of it.
    Full,
    /// The middle half of its rows and columns.
    InnerQuarter,
}

impl CleanParams {
    /// The local rms for a beam of `beam` pixels, where it is asked for.
    pub fn local(&self, beam: f64) -> Option<LocalRms> {
        let strength = self.local_rms_strength;
        if !self.local_rms_image.is_empty() {
            // the map tells each pixel: a window of one
            return Some(LocalRms { window: 1.0, method: RmsMethod::Rms, strength });
        }
        let window = (self.local_rms_window * beam).max(1.0);
        self.local_rms.then_some(LocalRms { window, method: self.local_rms_method, strength })
    }

    /// Which signs components may have.
    pub fn signs(&self) -> Signs {
        match (self.no_negative, self.stop_negative) {
            (true, _) => Signs::Positive,
            (false, true) => Signs::UpToNegative,
            (false, false) => Signs::Both,
        }
    }

    /// Border where no component may stand \[percent of the width per side\].
    pub fn border(&self) -> f64 {
        match self.window {
            Window::Full => self.clean_border,
            Window::InnerQuarter => self.clean_border.max(25.0),
        }
    }
}
