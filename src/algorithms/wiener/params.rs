//! What Wiener-Hunt can be told, and its entry in the registry.
//!
//! The radio defaults are the noise of the PSF, a Laplacian, `ml-sigma` and the linear boundary. For an optical image take
//! white noise and the circular boundary: λ then comes from `ml`, or from `gcv` where the prior may not fit.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::LambdaRule;
use super::model::{NoiseModel, Regularisation};
use crate::algorithms::{Algorithm, Direct, Kind};
use crate::units::Flux;

/// Entry of the registry.
pub(in crate::algorithms) const WIENER: Algorithm = Algorithm {
    name: "wiener",
    summary: "the optimal linear estimate: for filled transfer functions, or a fast first look (Hunt 1973)",
    kind: Kind::Direct(Direct::Wiener),
    tables: &["wiener"],
    ignores: &[],
};

/// The `[wiener]` table of the configuration; its flags have the same names.
///
/// None of them can do what the data do not hold: see [the ceiling](super::Ceiling).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WienerParams {
    /// Spectrum of the noise. White noise on a radio image takes the holes of the uv plane for noiseless zeros and is
    /// kept from harm only by leaving those modes out; white noise taken for that of the PSF is amplified where `H` is small.
    pub noise_model: NoiseModel,
    /// Operator of the prior: what of the sky is kept small. A Laplacian and a gradient suit diffuse
    /// emission, the identity points.
    pub reg: Regularisation,
    /// Weight of the prior, or the rule that chooses it. Too small is noise, too large is blur.
    pub lambda: LambdaChoice,
    /// Noise of the dirty image \[Jy/beam\], for `ml-sigma`, `sure` and `discrepancy` (others report how far they are from it). The robust
    /// noise of an image full of sidelobes is many times the thermal noise, and λ then too large.
    pub sigma: SigmaChoice,
    /// What lies beyond the edges. The circular boundary takes one pass and is right for fields that are empty near their
    /// edges; residual = dirty - psf * model then holds for the convolution that wraps around.
    pub boundary: Boundary,
}

/// What lies beyond the edges of the image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Boundary {
    /// Nothing: solved by conjugate gradients, to a relative residual of 1e-4 within 60 iterations.
    Linear,
    /// The image again: a filter.
    Circular,
}

/// The rule for λ, or λ.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum LambdaChoice {
    /// `ml-sigma` for the noise of the PSF, `ml` for white noise (ALGORITHMS 6.7).
    Auto,
    /// This rule.
    Rule(LambdaRule),
}

/// The noise, or where to take it from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum SigmaChoice {
    /// The robust noise of the dirty image.
    Auto,
    /// Given.
    Given(Flux),
}

impl WienerParams {
    /// Whether the image is taken to repeat beyond its edges.
    pub fn is_circular(&self) -> bool {
        self.boundary == Boundary::Circular
    }

    /// The rule in force.
    pub fn rule(&self) -> LambdaRule {
        match (self.lambda, self.noise_model) {
            (LambdaChoice::Rule(rule), _) => rule,
            (LambdaChoice::Auto, NoiseModel::Psf) => LambdaRule::MlSigma,
            (LambdaChoice::Auto, NoiseModel::White) => LambdaRule::Ml,
        }
    }
}

impl FromStr for LambdaChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.trim() {
            "auto" => Ok(Self::Auto),
            "ml" => Ok(Self::Rule(LambdaRule::Ml)),
            "ml-sigma" => Ok(Self::Rule(LambdaRule::MlSigma)),
            "gcv" => Ok(Self::Rule(LambdaRule::Gcv)),
            "sure" => Ok(Self::Rule(LambdaRule::Sure)),
            "discrepancy" => Ok(Self::Rule(LambdaRule::Discrepancy)),
            number => match number.parse::<f64>() {
                Ok(lambda) if lambda > 0.0 && lambda.is_finite() => Ok(Self::Rule(LambdaRule::Given(lambda))),
                _ => Err(format!(
                    "lambda = '{text}': expected auto, ml, ml-sigma, gcv, sure, discrepancy or a positive number"
                )),
            },
        }
    }
}

impl fmt::Display for LambdaChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Rule(LambdaRule::Given(lambda)) => write!(f, "{lambda}"),
            Self::Rule(rule) => f.write_str(rule.name()),
        }
    }
}

crate::algorithms::param::text_form!(LambdaChoice);

impl Serialize for SigmaChoice {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Auto => serializer.serialize_str("auto"),
            Self::Given(flux) => flux.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for SigmaChoice {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match String::deserialize(deserializer)?.trim() {
            "auto" => Ok(Self::Auto),
            text => text.parse().map(Self::Given).map_err(de::Error::custom),
        }
    }
}
