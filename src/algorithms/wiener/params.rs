//! What Wiener-Hunt can be told, and its entry in the registry.
//!
//! The radio defaults are the noise of the PSF, a Laplacian, `ml-sigma` and the linear boundary. For an optical image take
//! white noise and the circular boundary: λ then comes from `ml`, or from `gcv` where the prior may not fit.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::model::{NoiseModel, Regularisation};
use super::{Hyper, LambdaRule, MaternAsk, NoiseFile};
use crate::algorithms::{Algorithm, Direct, Kind};
use crate::units::Flux;

/// Entry of the registry.
pub(in crate::algorithms) const WIENER: Algorithm = Algorithm {
    name: "wiener",
    summary: "the optimal linear estimate: for filled transfer functions, or a fast first look (Hunt 1973)",
    kind: Kind::Direct(Direct::Wiener),
    first: None,
    tables: &["wiener"],
    ignores: &[],
    also: &[("clean", "continue")],
};

/// The `[wiener]` table of the configuration; its flags have the same names.
///
/// None of them can do what the data do not hold: see [the ceiling](super::Ceiling).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WienerParams {
    /// Spectrum of the noise. White noise on a radio image takes the holes of the uv plane for noiseless zeros and is
    /// kept from harm only by leaving those modes out; white noise taken for that of the PSF is amplified where `H` is small.
    pub noise_model: NoiseChoice,
    /// PSF of the same imaging run with natural weights, which tells the noise of a dirty image that was weighted otherwise; empty for
    /// none.
    pub noise_psf: String,
    /// Power spectrum of the noise, zero frequency at pixel `(ny/2, nx/2)`; empty for none.
    pub noise_spectrum: String,
    /// Operator of the prior: what of the sky is kept small. A Laplacian and a gradient suit diffuse
    /// emission, the identity points.
    pub reg: RegChoice,
    /// Smoothness of the Matérn prior, or that of the greatest likelihood.
    pub matern_nu: MaternChoice,
    /// Length of its correlation \[pixels\]: about the size of what is looked for. Beyond it, scales are kept small as they are. `auto` is
    /// that of the greatest likelihood.
    pub matern_length: MaternChoice,
    /// Weight of the prior, or the rule that chooses it. Too small is noise, too large is blur.
    pub lambda: LambdaChoice,
    /// Noise of the dirty image \[Jy/beam\], for `ml-sigma`, `sure` and `discrepancy` (others report how far they are from it). The robust
    /// noise of an image full of sidelobes is many times the thermal noise, and λ then too large.
    pub sigma: SigmaChoice,
    /// What lies beyond the edges. The circular boundary takes one pass and is right for fields that are empty near their
    /// edges; residual = dirty - psf * model then holds for the convolution that wraps around.
    pub boundary: Boundary,
    /// What is made of the uncertainty of λ. Averaging changes the estimate where the data hardly tell λ; else it costs nothing
    /// and changes nothing.
    pub hyper: HyperChoice,
    /// Iterations of a chain of the Gibbs sampler at the most.
    pub gibbs_iterations: u32,
    /// What is told of the uncertainty of the estimate.
    pub uncertainty: Uncertainty,
    /// Samples that a map of the uncertainty is made of.
    pub uncertainty_samples: u32,
    /// Whether what the filter makes of a point source is written, and the beam that it is like.
    pub effective_resolution: bool,
    /// Seed of chains and samples.
    pub seed: u64,
}

/// Where the spectrum of the noise comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NoiseChoice {
    /// The PSF.
    Psf,
    /// It is white.
    White,
    /// A file.
    File,
}

/// Operator of the prior.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RegChoice {
    /// Curvature.
    Laplacian,
    /// Slope.
    Gradient,
    /// Brightness.
    Identity,
    /// Brightness beyond a length, smoothness below it.
    Matern,
}

/// What is made of the uncertainty of λ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HyperChoice {
    /// Nothing: λ is taken as known.
    Point,
    /// Its marginal posterior, by integration.
    Marginal,
    /// The same by Gibbs sampling.
    Gibbs,
}

/// What is told of the uncertainty of the estimate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Uncertainty {
    /// Nothing.
    None,
    /// The standard deviation of a pixel, and of spatial frequencies.
    Sd,
    /// The same, and a map.
    Map,
}

/// What lies beyond the edges of the image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Boundary {
    /// Nothing: solved by preconditioned conjugate gradients, within 200 iterations.
    Linear,
    /// The image again: a filter.
    Circular,
}

/// The rule for λ, or λ.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum LambdaChoice {
    /// `ml-sigma` for the noise of the PSF or of a file, `ml` for white noise (ALGORITHMS 6.7).
    Auto,
    /// This rule.
    Rule(LambdaRule),
}

/// A number of the Matérn prior, or where to take it from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum MaternChoice {
    /// That of the greatest likelihood.
    Auto,
    /// This.
    Given(f64),
}

impl MaternChoice {
    /// The number, if it is given.
    fn given(self) -> Option<f64> {
        if let Self::Given(number) = self { Some(number) } else { None }
    }
}

impl FromStr for MaternChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.trim() {
            "auto" => Ok(Self::Auto),
            number => match number.parse::<f64>() {
                Ok(number) if number > 0.0 && number.is_finite() => Ok(Self::Given(number)),
                _ => Err(format!("'{text}': expected auto or a number above 0")),
            },
        }
    }
}

impl fmt::Display for MaternChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Given(number) => write!(f, "{number}"),
        }
    }
}

crate::algorithms::param::text_form!(MaternChoice);

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

    /// The spectrum of the noise; what a file tells is brought into the form of a PSF's noise ([`Natural`](super::Natural)).
    pub fn noise(&self) -> NoiseModel {
        match self.noise_model {
            NoiseChoice::Psf | NoiseChoice::File => NoiseModel::Psf,
            NoiseChoice::White => NoiseModel::White,
        }
    }

    /// The file that tells the noise, and what it tells.
    pub fn noise_file(&self) -> Option<(NoiseFile, &str)> {
        match (self.noise_model, &self.noise_psf[..], &self.noise_spectrum[..]) {
            (NoiseChoice::File, "", spectrum) => Some((NoiseFile::Spectrum, spectrum)),
            (NoiseChoice::File, psf, _) => Some((NoiseFile::NaturalPsf, psf)),
            _ => None,
        }
    }

    /// The operator of the prior with its numbers.
    pub fn regularisation(&self) -> Regularisation {
        match self.reg {
            RegChoice::Laplacian => Regularisation::Laplacian,
            RegChoice::Gradient => Regularisation::Gradient,
            RegChoice::Identity => Regularisation::Identity,
            RegChoice::Matern => {
                // what is to be found stands at a usual value until then
                let of = |choice: MaternChoice| choice.given().unwrap_or(1.0);
                Regularisation::Matern { nu: of(self.matern_nu), length: of(self.matern_length) }
            }
        }
    }

    /// What is to be found of the prior, if anything; `sigma` is the noise of the dirty image, if it is known \[Jy/beam\].
    pub fn matern_ask(&self, sigma: Option<f64>) -> Option<MaternAsk> {
        let (length, nu) = (self.matern_length.given(), self.matern_nu.given());
        let is_asked = self.reg == RegChoice::Matern && (length.is_none() || nu.is_none());
        is_asked.then(|| MaternAsk { length, nu, rule: self.rule(), sigma })
    }

    /// What is made of the posterior of λ.
    pub fn hyper(&self) -> Hyper {
        match self.hyper {
            HyperChoice::Point => Hyper::Point,
            HyperChoice::Marginal => Hyper::Marginal,
            HyperChoice::Gibbs => Hyper::Gibbs { iterations: self.gibbs_iterations, seed: self.seed },
        }
    }

    /// The noise of the dirty image, if it is given \[Jy/beam\].
    pub fn given_sigma(&self) -> Option<f64> {
        if let SigmaChoice::Given(sigma) = self.sigma { Some(sigma.0) } else { None }
    }

    /// Refuses what does not go together.
    ///
    /// # Errors
    /// What was found and expected, in words.
    pub fn check(&self) -> Result<(), String> {
        self.check_noise()?;
        if self.given_sigma().is_some_and(|sigma| sigma <= 0.0) {
            return Err("wiener.sigma = 0 is no noise: expected auto or a flux density above 0, as in 1mJy".to_owned());
        }
        let rule = self.rule();
        if self.hyper != HyperChoice::Point && !matches!(rule, LambdaRule::Ml | LambdaRule::MlSigma) {
            let (hyper, rule) = (if self.hyper == HyperChoice::Gibbs { "gibbs" } else { "marginal" }, rule.name());
            return Err(format!(
                "wiener.hyper = {hyper} needs a likelihood of lambda: expected wiener.lambda = ml, ml-sigma or auto, found {rule}"
            ));
        }
        self.check_matern(rule)
    }

    fn check_matern(&self, rule: LambdaRule) -> Result<(), String> {
        for (key, choice) in [("matern_length", self.matern_length), ("matern_nu", self.matern_nu)] {
            if choice == MaternChoice::Auto && self.reg != RegChoice::Matern {
                return Err(format!("wiener.{key} = auto has no effect without wiener.reg = matern (--reg matern)"));
            }
            if choice == MaternChoice::Auto && !matches!(rule, LambdaRule::Ml | LambdaRule::MlSigma) {
                return Err(format!(
                    "wiener.{key} = auto needs a likelihood: expected wiener.lambda = ml, ml-sigma or auto, found {}",
                    rule.name()
                ));
            }
        }
        Ok(())
    }

    fn check_noise(&self) -> Result<(), String> {
        let given = [&self.noise_psf, &self.noise_spectrum].map(|file| !file.is_empty());
        match (self.noise_model, given) {
            (NoiseChoice::File, [false, false]) => Err(
                "wiener.noise_model = file needs the file: expected wiener.noise_psf (--noise-psf), a PSF with natural weights, or \
                 wiener.noise_spectrum (--noise-spectrum)"
                    .to_owned(),
            ),
            (NoiseChoice::File, [true, true]) => {
                Err("wiener.noise_psf and wiener.noise_spectrum both tell the noise: expected one of them".to_owned())
            }
            (NoiseChoice::Psf | NoiseChoice::White, [true, _] | [_, true]) => {
                let key = if given[0] { "noise_psf" } else { "noise_spectrum" };
                Err(format!("wiener.{key} has no effect without wiener.noise_model = file (--noise-model file)"))
            }
            _ => Ok(()),
        }
    }

    /// The rule in force.
    pub fn rule(&self) -> LambdaRule {
        match (self.lambda, self.noise_model) {
            (LambdaChoice::Rule(rule), _) => rule,
            (LambdaChoice::Auto, NoiseChoice::Psf | NoiseChoice::File) => LambdaRule::MlSigma,
            (LambdaChoice::Auto, NoiseChoice::White) => LambdaRule::Ml,
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
                    "lambda = '{text}': expected auto, ml, ml-sigma, gcv, sure, discrepancy or a number above 0 (without a prior, \
                     noise would be divided by what is hardly measured)"
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
