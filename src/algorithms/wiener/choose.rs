//! Choosing λ, from the table of modes alone.
//!
//! With `b = 1/(1 + t/λ)`, sums over the usable modes, `M` of them (ALGORITHMS 6.7):
//!
//! | rule | minimised |
//! |---|---|
//! | `ml` | `log((1/M) Σ w b p) − (1/M) Σ w log b` |
//! | `ml-sigma` | `(1/M) (Σ w b p / σ² − Σ w log b)` |
//! | `gcv` | `(1/M Σ w b² p) / (1/M Σ w b)²` |
//! | `sure` | `(1/M) (Σ w b² p / σ² + 2 Σ w (1 − b)) − 1`: the predicted misfit (Stein 1981) |
//! | `discrepancy` | `abs log(Σ w b² p / (σ² Σ w b))`: the residual is as loud as the noise (Morozov 1966) |

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::NoiseModel;
use super::curves::Curves;
use super::gibbs::Chains;
use super::marginal::Posterior;
use super::note::Note;
use super::survey::Usable;
use super::table::{Modes, SpectrumTable};

/// Decades searched, about the geometric mean of `t`.
const DECADES: (f64, f64) = (-12.0, 8.0);

/// Points of the first search.
const GRID: usize = 41;

/// Width of the last bracket \[decades\].
const TOLERANCE: f64 = 1e-3;

/// `log2` of the parts of an octave whose modes the first search takes together: the criteria of two modes for each quarter of an
/// octave are those of all to some 1e-6.
const WIDE: u32 = 2;

/// Points of the first search whose criterion is so little above the least, of all that it changes by, are looked at with all modes.
const NEAR: f64 = 1e-3;

/// A noise this many times off the given one is worth a note.
const DISAGREES: f64 = 3.0;

/// How λ is chosen.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum LambdaRule {
    /// This value, above 0.
    Given(f64),
    /// Marginal likelihood, the noise found with it: for optical images. Wrong priors turn into noise.
    Ml,
    /// Marginal likelihood, the noise known: for radio images.
    MlSigma,
    /// Generalised cross-validation: needs no noise, robust to a wrong prior.
    Gcv,
    /// Stein's unbiased estimate of the predicted error, the noise known.
    Sure,
    /// The residual is as loud as the noise, which is known: smoother than the others.
    Discrepancy,
}

/// Why λ cannot be chosen.
#[derive(Debug, Clone, Copy, PartialEq, Error)]
pub enum ChooseError {
    /// No mode is above the threshold.
    #[error("no Fourier mode is usable with tau = {tau:e}; expected a tau well below 1")]
    NoUsableModes {
        /// Least usable `|H| / max|H|`.
        tau: f64,
    },
    /// The data are zero in every usable mode.
    #[error("the dirty image has no power in the usable Fourier modes: is it blank?")]
    NoPower,
    /// The rule needs the noise.
    #[error("the rule for lambda needs the noise of the dirty image, which is not known")]
    SigmaMissing,
    /// The noise given is no noise.
    #[error("noise of {sigma} Jy/beam; expected a positive, finite value")]
    Sigma {
        /// The noise given.
        sigma: f64,
    },
    /// The λ given is no λ.
    #[error("lambda of {lambda}; expected a finite value above 0")]
    Lambda {
        /// The λ given.
        lambda: f64,
    },
}

/// λ, and what comes with it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Choice {
    /// Weight of the prior, `γx/γn`.
    pub lambda: f64,
    /// Precision of the noise, `S/γn` being its power.
    pub gamma_n: f64,
    /// Precision of the prior, `1/(γx Q)` being the power of the sky.
    pub gamma_x: f64,
    /// Noise of the dirty image that goes with `γn` \[Jy/beam\].
    pub sigma: f64,
    /// Standard deviation of `log10 λ` by the curvature of the likelihood; only for the two likelihood rules.
    pub log_lambda_sd: Option<f64>,
    /// What the data tell of λ and the precisions; only for the two likelihood rules, where λ is determined.
    pub posterior: Option<Posterior>,
    /// `(λ, criterion)` in order of λ; empty for a given λ.
    pub curve: Vec<(f64, f64)>,
    /// What the user should know.
    pub notes: Vec<Note>,
    /// Several λ that stand for its posterior, with weights that add up to 1; one where it is taken as known.
    pub nodes: Vec<Node>,
    /// Every criterion over λ, where asked.
    pub curves: Option<Curves>,
    /// How the chains of the Gibbs sampler went, where asked.
    pub chains: Option<Chains>,
}

/// A weight of the prior that stands for a part of its posterior.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Node {
    /// The weight of the prior.
    pub lambda: f64,
    /// Precision of the noise that goes with it.
    pub gamma_n: f64,
    /// Share of the posterior.
    pub weight: f64,
}

impl Node {
    /// Precision of the prior.
    pub fn gamma_x(&self) -> f64 {
        self.lambda * self.gamma_n
    }
}

impl Choice {
    /// What goes with a λ that is given; `sigma` is the noise of the dirty image \[Jy/beam\].
    pub fn given(lambda: f64, usable: &Usable, sigma: f64) -> Self {
        let gamma_n = usable.noise_mean / (sigma * sigma);
        Self {
            lambda,
            gamma_n,
            gamma_x: lambda * gamma_n,
            sigma,
            log_lambda_sd: None,
            posterior: None,
            curve: Vec::new(),
            notes: Vec::new(),
            nodes: vec![Node { lambda, gamma_n, weight: 1.0 }],
            curves: None,
            chains: None,
        }
    }
}

/// Chooses λ by `rule`; `sigma` is the noise of the dirty image \[Jy/beam\], if it is known.
///
/// # Errors
/// [`ChooseError`]: no usable mode, no power in them, or a noise or λ that is missing or out of range.
///
/// # Source
/// Grid of 41 points over 20 decades, then golden section to 1e-3 decades (ALGORITHMS 6.7).
pub fn choose(table: &SpectrumTable, rule: LambdaRule, sigma: Option<f64>) -> Result<Choice, ChooseError> {
    check(rule, sigma)?;
    let criterion = Criterion::new(table.modes(), rule, sigma.map(|s| s * s / table.usable().noise_mean))
        .ok_or(ChooseError::NoUsableModes { tau: table.usable().tau })?;
    let is_power_needed = matches!(rule, LambdaRule::Ml | LambdaRule::Gcv) || sigma.is_none();
    if is_power_needed && criterion.modes.powers.is_empty() {
        return Err(ChooseError::NoPower);
    }
    let (lambda, curve) = match rule {
        LambdaRule::Given(lambda) => (lambda, Vec::new()),
        _ => criterion.minimise(),
    };
    let plane = table.problem().plane();
    let independent = plane.data_pixels as f64 / plane.modes() as f64;
    let variance = criterion.variance(lambda);
    let found = (variance * table.usable().noise_mean).sqrt();
    let mut notes = Vec::new();
    let log_lambda_sd = criterion.log_sd(lambda, independent);
    let mut posterior = None;
    if !curve.is_empty() {
        if criterion.is_at_edge(lambda) {
            notes.push(Note::AtEdge { lambda });
        } else if !criterion.is_determined(lambda, independent) {
            notes.push(Note::Undetermined);
        } else {
            posterior = log_lambda_sd.and_then(|sd| criterion.posterior(lambda, sd, independent));
        }
    }
    match (rule, sigma) {
        (LambdaRule::Ml, Some(given)) if !(1.0 / DISAGREES..DISAGREES).contains(&(found / given)) => {
            notes.push(Note::SigmaDisagrees { found, given });
        }
        (LambdaRule::Ml, None) if table.problem().noise() == NoiseModel::Psf => notes.push(Note::SigmaFree),
        _ => {}
    }
    Ok(Choice {
        lambda,
        gamma_n: 1.0 / variance,
        gamma_x: lambda / variance,
        sigma: found,
        log_lambda_sd,
        posterior,
        curve,
        notes,
        nodes: vec![Node { lambda, gamma_n: 1.0 / variance, weight: 1.0 }],
        curves: None,
        chains: None,
    })
}

/// The criterion of generalised cross-validation at a λ, which `gcv` minimises.
///
/// # Errors
/// [`ChooseError`]: no usable mode, no power in them, or a λ that is out of range.
pub fn gcv(table: &SpectrumTable, lambda: f64) -> Result<f64, ChooseError> {
    check(LambdaRule::Given(lambda), None)?;
    let criterion = Criterion::new(table.modes(), LambdaRule::Gcv, None)
        .ok_or(ChooseError::NoUsableModes { tau: table.usable().tau })?;
    if criterion.modes.powers.is_empty() { Err(ChooseError::NoPower) } else { Ok(criterion.value(lambda)) }
}

pub(super) fn check(rule: LambdaRule, sigma: Option<f64>) -> Result<(), ChooseError> {
    match (rule, sigma) {
        (_, Some(sigma)) if !(sigma > 0.0 && sigma.is_finite()) => Err(ChooseError::Sigma { sigma }),
        (LambdaRule::Given(lambda), _) if !(lambda > 0.0 && lambda.is_finite()) => Err(ChooseError::Lambda { lambda }),
        (LambdaRule::MlSigma | LambdaRule::Sure | LambdaRule::Discrepancy, None) => Err(ChooseError::SigmaMissing),
        _ => Ok(()),
    }
}

impl LambdaRule {
    /// Its name in the configuration.
    pub fn name(self) -> &'static str {
        match self {
            Self::Given(_) => "given",
            Self::Ml => "ml",
            Self::MlSigma => "ml-sigma",
            Self::Gcv => "gcv",
            Self::Sure => "sure",
            Self::Discrepancy => "discrepancy",
        }
    }

    /// λ, if it is given.
    pub fn given(self) -> Option<f64> {
        if let Self::Given(lambda) = self { Some(lambda) } else { None }
    }

    /// Whether it takes the noise as known.
    pub fn needs_sigma(self) -> bool {
        matches!(self, Self::MlSigma | Self::Sure | Self::Discrepancy)
    }
}

/// A rule's function of λ.
pub(super) struct Criterion {
    modes: Modes,
    /// The same in wider bins, for the first search.
    wide: Modes,
    rule: LambdaRule,
    /// Variance of the noise in the formulas, if known.
    known: Option<f64>,
    /// `M`.
    count: f64,
    /// Centre of the range of λ.
    scale: f64,
}

impl Criterion {
    /// `None` if there is no mode.
    pub(super) fn new(modes: Modes, rule: LambdaRule, known: Option<f64>) -> Option<Self> {
        let count: f64 = modes.counts.iter().map(|(_, w)| w).sum();
        let logs: f64 = modes.counts.iter().map(|(t, w)| w * t.ln()).sum();
        let wide = modes.merged(WIDE);
        (count > 0.0).then(|| Self { modes, wide, rule, known, count, scale: (logs / count).exp() })
    }

    /// `M`.
    pub(super) fn count(&self) -> f64 {
        self.count
    }

    /// Whether the level of the noise is found with λ.
    pub(super) fn is_noise_free(&self) -> bool {
        !self.rule.needs_sigma()
    }

    /// The range of λ that is searched.
    pub(super) fn range(&self) -> (f64, f64) {
        (self.scale * 10.0_f64.powf(DECADES.0), self.scale * 10.0_f64.powf(DECADES.1))
    }

    /// Whether λ is at an end of the range that is searched.
    fn is_at_edge(&self, lambda: f64) -> bool {
        let decades = (lambda / self.scale).log10();
        decades - DECADES.0 < 2.0 * TOLERANCE || DECADES.1 - decades < 2.0 * TOLERANCE
    }

    fn known(&self) -> f64 {
        self.known.expect("a rule that needs the noise was checked to have it")
    }

    pub(super) fn value(&self, lambda: f64) -> f64 {
        self.value_of(&self.modes, lambda)
    }

    /// The value in wide bins: near enough for a picture.
    pub(super) fn sketch(&self, lambda: f64) -> f64 {
        self.value_of(&self.wide, lambda)
    }

    fn value_of(&self, modes: &Modes, lambda: f64) -> f64 {
        match self.rule {
            LambdaRule::Given(_) | LambdaRule::Ml => {
                (modes.power(lambda) / self.count).ln() - self.mean_log(modes, lambda)
            }
            LambdaRule::MlSigma => modes.power(lambda) / (self.count * self.known()) - self.mean_log(modes, lambda),
            LambdaRule::Sure => {
                let fitted = self.count - modes.freedom(lambda);
                (modes.misfit(lambda) / self.known() + 2.0 * fitted) / self.count - 1.0
            }
            LambdaRule::Discrepancy => (modes.misfit(lambda) / (self.known() * modes.freedom(lambda))).ln().abs(),
            LambdaRule::Gcv => modes.misfit(lambda) * self.count / modes.freedom(lambda).powi(2),
        }
    }

    /// The minimum, and the points evaluated in order of λ.
    ///
    /// The grid is looked at in wide bins, and what comes near the least of it, and the golden section, with all modes.
    pub(super) fn minimise(&self) -> (f64, Vec<(f64, f64)>) {
        let step = (DECADES.1 - DECADES.0) / (GRID - 1) as f64;
        let lambda = |u: f64| self.scale * 10.0_f64.powf(u);
        let at = |u: f64| (u, self.value(lambda(u)));
        let grid = (0..GRID).map(|i| DECADES.0 + step * i as f64);
        let mut curve: Vec<_> = grid.map(|u| (u, self.value_of(&self.wide, lambda(u)))).collect();
        let (least, most) = curve.iter().fold((f64::MAX, f64::MIN), |(l, m), (_, v)| (v.min(l), v.max(m)));
        let near = least + NEAR * (most - least).min(1.0 + least.abs());
        curve.iter_mut().filter(|(_, value)| *value <= near).for_each(|point| *point = at(point.0));
        let best = (0..GRID).min_by(|&i, &j| curve[i].1.total_cmp(&curve[j].1)).unwrap_or(0);
        let bracket = (curve[best.saturating_sub(1)].0, curve[(best + 1).min(GRID - 1)].0);
        let (low, high) = golden(bracket, TOLERANCE, |u| {
            let point = at(u);
            curve.push(point);
            point
        });
        curve.sort_by(|a, b| a.0.total_cmp(&b.0));
        curve.dedup_by(|a, b| a.0.to_bits() == b.0.to_bits());
        (lambda(f64::midpoint(low, high)), curve.into_iter().map(|(u, value)| (lambda(u), value)).collect())
    }

    /// Variance of the noise: as given, or what goes with λ.
    pub(super) fn variance(&self, lambda: f64) -> f64 {
        match (self.rule, self.known) {
            (LambdaRule::Gcv, None) => self.modes.misfit(lambda) / self.freedom(lambda),
            (LambdaRule::Ml, _) | (_, None) => self.modes.power(lambda) / self.count,
            (_, Some(known)) => known,
        }
    }

    /// The likelihood is `exp(−M criterion / 2)`; its curvature in `log10 λ` by differences of a twentieth of a decade.
    fn log_sd(&self, lambda: f64, independent: f64) -> Option<f64> {
        if !matches!(self.rule, LambdaRule::Ml | LambdaRule::MlSigma) {
            return None;
        }
        let h = 0.05;
        let at = |u: f64| self.value(lambda * 10.0_f64.powf(u));
        let curvature = (at(h) - 2.0 * at(0.0) + at(-h)) / (h * h);
        let information = 0.5 * self.count * independent * curvature;
        (information > 0.0).then(|| 1.0 / information.sqrt())
    }

    /// Whether a λ ten times smaller or larger is less likely by `e^(1/2)` at least; `independent` is the fraction of the
    /// modes that is (fewer than 1 where the data were padded). For cross-validation `M log(criterion)` stands in.
    pub(super) fn is_determined(&self, lambda: f64, independent: f64) -> bool {
        let log = |value: f64| if self.rule == LambdaRule::Gcv { value.ln() } else { value };
        let least = log(self.value(lambda));
        [0.1, 10.0].iter().all(|f| self.count * independent * (log(self.value(lambda * f)) - least) > 1.0)
    }

    /// Misfit `Σ w b² p` and roughness of the estimate, `Σ w Q |X̂|²`.
    pub(super) fn trade_off(&self, lambda: f64) -> (f64, f64) {
        let roughness = self.modes.powers.iter().map(|(t, p)| p * t / ((lambda + t) * (lambda + t))).sum();
        (self.modes.misfit(lambda), roughness)
    }

    /// `Σ w b`.
    pub(super) fn freedom(&self, lambda: f64) -> f64 {
        self.modes.freedom(lambda)
    }

    /// `(1/M) Σ w log b`.
    fn mean_log(&self, modes: &Modes, lambda: f64) -> f64 {
        let inverse = 1.0 / lambda;
        -modes.counts.iter().map(|(t, w)| w * (1.0 + t * inverse).ln()).sum::<f64>() / self.count
    }
}

/// Narrows a bracket of a minimum by golden sections until it is no wider than `tolerance`; `at` gives each place with its value.
pub(super) fn golden(
    (mut low, mut high): (f64, f64),
    tolerance: f64,
    mut at: impl FnMut(f64) -> (f64, f64),
) -> (f64, f64) {
    let ratio = 0.5 * (5.0_f64.sqrt() - 1.0);
    let (mut left, mut right) = (at(high - ratio * (high - low)), at(low + ratio * (high - low)));
    while high - low > tolerance {
        if left.1 <= right.1 {
            high = right.0;
            (right, left) = (left, at(high - ratio * (high - low)));
        } else {
            low = left.0;
            (left, right) = (right, at(low + ratio * (high - low)));
        }
    }
    (low, high)
}

impl Modes {
    /// `Σ w b p`.
    fn power(&self, lambda: f64) -> f64 {
        lambda * self.powers.iter().map(|(t, p)| p / (lambda + t)).sum::<f64>()
    }

    /// `Σ w b² p`.
    fn misfit(&self, lambda: f64) -> f64 {
        lambda * lambda * self.powers.iter().map(|(t, p)| p / ((lambda + t) * (lambda + t))).sum::<f64>()
    }

    /// `Σ w b`.
    fn freedom(&self, lambda: f64) -> f64 {
        lambda * self.counts.iter().map(|(t, w)| w / (lambda + t)).sum::<f64>()
    }
}
