//! A map of the posterior standard deviation with the linear boundary, from samples: one run of the solver each.

use super::state::PlaneState;
use super::wiener::{Solving, order};
use super::{RunError, Session};
use crate::algorithms::StopReason;
use crate::algorithms::wiener::Draw;
use crate::pipeline::graphs::{Slabs, Solver};

/// Relative residual to which samples are solved: what is left is far below their scatter.
const TOLERANCE: f64 = 1e-3;

impl Session<'_> {
    /// Draws samples of every plane that has an estimate, and keeps their standard deviation.
    pub(super) fn sample(&self, states: &mut [PlaneState]) -> Result<(), RunError> {
        let count = self.plan.config.wiener.uncertainty_samples;
        let mut sums: Vec<Slabs> = states.iter().map(|_| Slabs::new()).collect();
        let (mut drawn, mut worst) = (0, 0.0_f64);
        while drawn < count && !self.tools.cancel.is_requested() {
            let draw = Draw { seed: self.plan.config.wiener.seed, sample: drawn };
            let mut open = self.perturbed(states, draw)?;
            let mut done = Vec::new();
            while !open.is_empty() && !self.tools.cancel.is_requested() {
                self.iteration(states, &mut open)?;
                done.extend(open.extract_if(.., |solving| solving.is_done_to(TOLERANCE)));
            }
            if !open.is_empty() {
                break;
            }
            worst = done.iter().map(|solving| solving.lowest).fold(worst, f64::max);
            self.add(states, done, &mut sums)?;
            drawn += 1;
            self.tools.watch.note(&format!("sample {drawn} of {count}"));
        }
        for (state, sums) in states.iter_mut().zip(sums) {
            if drawn < 2 || sums.is_empty() {
                continue;
            }
            if drawn < count {
                state.notes.push(format!("the map of the standard deviation is made of {drawn} samples of {count}"));
            }
            if worst > TOLERANCE {
                state.notes.push(format!(
                    "a sample of the map of the standard deviation was solved to a relative residual of {worst:.1e} only, \
                     expected {TOLERANCE:.0e}: the map is a lower bound"
                ));
            }
            let mut wiring = self.wiring();
            let plane = state.plan.plane;
            let given = wiring.give_all("held-squares", plane, &sums);
            drop(sums);
            let targets = wiring.standard_deviation(plane, &given, drawn);
            state.sd = self.execute(wiring, &targets)?;
        }
        Ok(())
    }

    /// The solver's states before the first iteration for a sample of each plane.
    fn perturbed(&self, states: &[PlaneState], draw: Draw) -> Result<Vec<Solving>, RunError> {
        let mut wiring = self.wiring();
        let mut targets = Vec::new();
        let is_sampled = |state: &&PlaneState| {
            matches!(state.stop, Some(StopReason::Solved { .. } | StopReason::Unsolved { .. }))
                && state.usable.is_some()
        };
        for state in states.iter().filter(is_sampled) {
            let mut solver = self.resumed(&mut wiring, state);
            let sigma = self.plan.config.wiener.given_sigma().unwrap_or(state.stats.sigma);
            let given = self.lambda().map(|lambda| (lambda, sigma));
            targets.extend(order(solver.draw(draw, given)));
        }
        let mut values = self.execute(wiring, &targets)?.into_iter();
        let sampled = states.iter().enumerate().filter(|(_, state)| is_sampled(state));
        let begun = |(index, state): (usize, &PlaneState)| {
            let usable = state.usable.clone().expect("planes without usable modes were left out");
            self.begun(index, (usable, state.choice.clone()), &mut values)
        };
        Ok(sampled.map(begun).collect())
    }

    /// Adds the squares of samples to the sums.
    fn add(&self, states: &[PlaneState], done: Vec<Solving>, sums: &mut [Slabs]) -> Result<(), RunError> {
        let mut wiring = self.wiring();
        let mut targets = Vec::new();
        let mut indices = Vec::new();
        for solving in done {
            let state = &states[solving.index];
            let plane = state.plan.plane;
            let deviation = wiring.give_all("held-deviation", plane, &solving.best);
            let before = wiring.give_all("held-squares", plane, &std::mem::take(&mut sums[solving.index]));
            targets.extend(self.resumed(&mut wiring, state).add_sample(&deviation, &before));
            indices.push(solving.index);
        }
        let mut values = self.execute(wiring, &targets)?.into_iter();
        let slabs = self.plan.cut.slabs().len();
        indices.into_iter().for_each(|index| sums[index] = values.by_ref().take(slabs).collect());
        Ok(())
    }

    /// A plane's solver, its λ being known.
    fn resumed<'w>(&self, wiring: &'w mut crate::pipeline::graphs::Wiring, state: &PlaneState) -> Solver<'w> {
        let plane = state.plan.plane;
        let (planes, transfer) = self.solver_keys(wiring, state);
        let usable = state.usable.as_ref().expect("planes without usable modes were left out");
        let usable = wiring.give("held-usable", plane, 0, usable);
        let choice = state.choice.as_ref().map(|held| wiring.give("held-lambda", plane, 0, held));
        Solver::resume(wiring, plane, self.setting(state), (&planes, transfer), (usable, choice, self.lambda()))
    }
}
