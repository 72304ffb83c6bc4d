//! Planes that begin with a model that is given, and the residual of such a model.

use super::state::PlaneState;
use super::{RunError, Session, Tools, check_any, finish};
use crate::images::CleanBeam;
use crate::io::{Finish, FitsTarget};
use crate::pipeline::graphs::PlaneKeys;
use crate::pipeline::ops::Product;
use crate::pipeline::plan::Plan;
use crate::units::Residual;

/// The residual of a plane.
#[derive(Debug, Clone)]
pub struct ResidualOutcome {
    /// What the plane is called.
    pub label: String,
    /// Sum of the model \[Jy\].
    pub flux_jy: f64,
    /// Root of the mean square \[Jy/beam\].
    pub rms: f64,
    /// Robust noise \[Jy/beam\].
    pub sigma: f64,
    /// Highest absolute value \[Jy/beam\].
    pub peak: f32,
    /// Whether the plane is blank, or has no usable PSF: it is written blank.
    pub is_blank: bool,
}

impl Session<'_> {
    /// Lets planes begin with the model that was given: its exact residual, and what is measured of both.
    pub(super) fn begin_with_model(&mut self, states: &mut [PlaneState]) -> Result<(), RunError> {
        let Some(given) = &self.plan.inputs.model else { return Ok(()) };
        let mut wiring = self.wiring();
        let mut targets = Vec::new();
        for state in states.iter_mut().filter(|state| state.stop.is_none()) {
            let plane = state.plan.plane;
            let keys = state.give(&mut wiring, true);
            let model = wiring.model_of(plane, given, &keys.dirty);
            targets.extend(self.wire_residual(&mut wiring, state, PlaneKeys { model, ..keys }));
        }
        let mut values = self.execute(wiring, &targets)?.into_iter();
        for state in states.iter_mut().filter(|state| state.stop.is_none()) {
            self.take_residual(state, &mut values);
        }
        Ok(())
    }

    /// Writes the residuals of a batch.
    fn write_residuals(&mut self, states: &mut [PlaneState], product: &FitsTarget<Residual>) -> Result<(), RunError> {
        let mut wiring = self.wiring();
        let mut written = Vec::new();
        let product = Product::Residual(product.writer());
        for state in states {
            let (plane, blank) = (state.plan.plane, finish::is_passed_through(state));
            let keys = state.give_up(&mut wiring);
            written.extend(wiring.deliver(&product, plane, (&keys.dirty, &keys.residual), blank));
        }
        self.execute(wiring, &written).map(drop)
    }
}

/// Computes the exact residual of the plan's model and writes it; `command` goes into the HISTORY.
///
/// # Errors
/// See [`RunError`]; nothing is left of the product then.
pub fn residual(
    plan: &Plan,
    product: FitsTarget<Residual>,
    command: &str,
    tools: &Tools<'_>,
) -> Result<Vec<ResidualOutcome>, RunError> {
    let mut session = Session::new(plan, tools, None);
    let mut outcomes = Vec::new();
    let mut beams: Vec<Option<CleanBeam>> = Vec::new();
    for batch in plan.planes.chunks(plan.batch) {
        let mut states = session.timed(0, |session| session.load(batch))?;
        session.timed(1, |session| {
            session.load_transfers(false)?;
            session.begin_with_model(&mut states)
        })?;
        for state in &states {
            state.notes.iter().for_each(|note| tools.watch.warn(&format!("{}: {note}", state.plan.label)));
            let is_blank = finish::is_passed_through(state);
            beams.push(session.beam(state)?.map(|(_, beam)| beam).filter(|_| !is_blank && plan.cell().is_some()));
            outcomes.push(ResidualOutcome {
                label: state.plan.label.clone(),
                flux_jy: state.tally.flux,
                rms: state.stats.rms,
                sigma: state.stats.sigma,
                peak: state.stats.min.abs().max(state.stats.max.abs()),
                is_blank,
            });
        }
        session.timed(2, |session| session.write_residuals(&mut states, &product))?;
        if tools.cancel.is_requested() {
            return Err(RunError::Aborted);
        }
    }
    if outcomes.iter().all(|plane| plane.is_blank) {
        check_any(plan, &session.outcomes, tools.watch)?;
    }
    let history = [format!("deconv {}: {command}", env!("CARGO_PKG_VERSION"))];
    product.finish(Finish { beams: &beams, history: &history, cards: &[] })?;
    Ok(outcomes)
}
