//! What Wiener-Hunt is asked of a plane besides its estimate, and what is told of it.

use super::state::PlaneState;
use super::{Products, RunError, Session};
use crate::algorithms::StopReason;
use crate::algorithms::wiener::{
    Choice, Curves, HyperChoice, Inference, LambdaRule, MaternFit, SigmaChoice, SpreadReport, Uncertainty,
};
use crate::pipeline::graphs::{Asked, Kept, Solver};
use crate::pipeline::ops::Response;
use crate::pipeline::outcome::{ChainsOutcome, HyperOutcome, MaternOutcome, ResolutionOutcome, WienerOutcome};
use crate::pipeline::plan::Scores;
use crate::pipeline::record::PlaneInference;

impl Session<'_> {
    /// The rule for λ, the noise that it uses, and whether λ is scored.
    pub(super) fn rule(&self, state: &PlaneState) -> Asked {
        let params = &self.plan.config.wiener;
        let rule = params.rule();
        let sigma = match (params.sigma, rule) {
            (SigmaChoice::Given(sigma), _) => Some(sigma.0),
            (SigmaChoice::Auto, LambdaRule::Ml | LambdaRule::Gcv) => None,
            (SigmaChoice::Auto, _) => Some(state.stats.sigma),
        };
        // where lambda is given the plan does not count what comparing takes, and the noise that it takes may be that of a level image: none
        let can_compare = !self.plan.is_tight() && sigma.is_some_and(|sigma| sigma > 0.0);
        let compares = |products: &&Products| (products.criteria && can_compare) || rule.given().is_none();
        let curves = self.products.filter(compares).map(|_| state.stats.sigma);
        let spread = (params.uncertainty != Uncertainty::None).then(|| sigma.unwrap_or(state.stats.sigma));
        Asked {
            inference: Inference { rule, sigma, hyper: params.hyper(), curves },
            is_scored: matches!(self.plan.scores, Scores::CrossValidation),
            spread,
        }
    }

    /// Refuses planes without noise where the rule for λ needs it.
    pub(super) fn check_sigma(&self, states: &[PlaneState]) -> Result<(), RunError> {
        let dirty = &self.plan.inputs.dirty.0;
        for state in states.iter().filter(|state| state.stop.is_none()) {
            let Inference { rule, sigma, .. } = self.rule(state).inference;
            if rule.needs_sigma() && sigma.is_some_and(|sigma| sigma <= 0.0) {
                let (file, hdu) = (dirty.spec().to_owned(), dirty.hdu_label().to_owned());
                return Err(RunError::Noiseless { file, hdu, label: state.plan.label.clone(), rule: rule.name() });
            }
        }
        Ok(())
    }

    /// Finds the Matérn prior of every plane, where that was asked for.
    pub(super) fn fit_matern(&self, states: &mut [PlaneState]) -> Result<(), RunError> {
        let mut wiring = self.wiring();
        let mut targets = Vec::new();
        for state in states.iter().filter(|state| state.stop.is_none()) {
            let sigma = self.rule(state).inference.sigma;
            let Some(ask) = self.plan.config.wiener.matern_ask(sigma) else { return Ok(()) };
            let (keys, setting) = (self.solver_keys(&mut wiring, state), self.setting(state));
            targets.push(Solver::fit_matern(&mut wiring, state.plan.plane, setting, (&keys.0, keys.1), ask));
        }
        let mut values = self.execute(wiring, &targets)?.into_iter();
        for state in states.iter_mut().filter(|state| state.stop.is_none()) {
            let fit = *values.next().expect("the prior was asked for").small().matern_fit();
            let (label, MaternFit { length, nu, .. }) = (&state.plan.label, fit);
            self.tools.watch.note(&format!("{label}: Matern prior of length {length:.3} pixels, nu {nu:.3}"));
            state.notes.extend(fit.note());
            state.matern = Some(fit);
        }
        Ok(())
    }

    /// The posterior standard deviation, where it was asked for.
    pub(super) fn spread_of(&self, values: &mut impl Iterator<Item = Kept>) -> Option<SpreadReport> {
        let is_asked = self.plan.config.wiener.uncertainty != Uncertainty::None;
        is_asked.then(|| values.next().expect("the posterior variance was asked for").small().spread().report())
    }

    /// The criteria over λ, where it is given and they were asked for.
    pub(super) fn curves_of(&self, state: &PlaneState, values: &mut impl Iterator<Item = Kept>) -> Option<Curves> {
        let Inference { rule, curves, .. } = self.rule(state).inference;
        curves.filter(|_| rule.given().is_some())?;
        values.next().expect("criteria were asked for").small().choice().curves.clone()
    }

    /// Takes note of the effective resolution.
    pub(super) fn note_response(&self, state: &mut PlaneState, Response { peak, fit }: Response) {
        if fit.is_none() {
            let note = "the main lobe of the effective resolution is no Gaussian: no beam is told of it";
            state.notes.push(note.to_owned());
        }
        let beam = fit.filter(|_| self.plan.cell().is_some()).map(|fit| fit.beam);
        let resolution = ResolutionOutcome { peak, beam, pixels: fit.map(|fit| fit.pixels) };
        state.wiener.iter_mut().for_each(|wiener| wiener.resolution = Some(resolution.clone()));
    }

    /// Takes note of what was solved with which λ.
    ///
    /// # Errors
    /// When the choice, which holds chains that were asked for, stands in a file that cannot be read.
    pub(super) fn solved(
        &self,
        state: &mut PlaneState,
        known: (&Kept, Option<&Kept>),
        iterations: u32,
        tolerance: f64,
    ) -> Result<(), RunError> {
        let usable = known.0.small();
        let usable = usable.usable();
        let Inference { rule, sigma, .. } = self.rule(state).inference;
        let mut choice = match (known.1, rule) {
            (Some(choice), _) => choice.read().map_err(RunError::Scratch)?.choice().clone(),
            (None, LambdaRule::Given(lambda)) => Choice::given(lambda, usable, sigma.unwrap_or(state.stats.sigma)),
            (None, _) => unreachable!("every other rule makes a choice"),
        };
        choice.curves = choice.curves.or_else(|| state.curves.take());
        if rule.needs_sigma() && self.plan.config.wiener.sigma == SigmaChoice::Auto {
            state.notes.push(format!(
                "lambda was chosen for the robust noise of the dirty image, {:.3e} Jy/beam; where sidelobes fill the image \
                 give the thermal noise with --sigma",
                state.stats.sigma
            ));
        }
        if self.plan.is_circular() {
            state.notes.extend(usable.negative_note(self.plan.config.wiener.noise()));
        }
        state.notes.extend(choice.notes.iter().map(ToString::to_string));
        self.tools.watch.note(&format!("{}: lambda {:.4e} ({})", state.plan.label, choice.lambda, rule.name()));
        state.stop = Some(StopReason::Solved { iterations, tolerance });
        let chains = choice.chains.as_ref().map(ChainsOutcome::from);
        let hyper = match self.plan.config.wiener.hyper {
            _ if choice.nodes.len() < 2 => None,
            HyperChoice::Gibbs if choice.chains.as_ref().is_some_and(|chains| chains.is_converged) => Some("gibbs"),
            _ => Some("marginal"),
        };
        state.inference = Some(PlaneInference {
            label: state.plan.label.clone(),
            rule: rule.name().to_owned(),
            lambda: choice.lambda,
            curves: choice.curves,
            spread: state.spread.as_ref().map_or_else(Vec::new, |spread| spread.spectrum.clone()),
            posterior: choice.posterior.clone(),
            chains: choice.chains,
            matern: state.matern,
        });
        state.wiener = Some(WienerOutcome {
            rule: rule.name(),
            matern: state.matern.as_ref().map(MaternOutcome::from),
            lambda: choice.lambda,
            log_lambda_sd: choice.log_lambda_sd,
            posterior: choice.posterior,
            hyper: hyper.map(|method| HyperOutcome { method, chains }),
            uncertainty: state.spread.clone(),
            resolution: None,
            gamma_noise: choice.gamma_n,
            gamma_prior: choice.gamma_x,
            sigma: choice.sigma,
            tau: usable.tau,
            iterations,
            relative_residual: tolerance,
            gcv: state.gcv,
            ceiling: None,
        });
        state.usable = Some(known.0.clone());
        Ok(())
    }
}
