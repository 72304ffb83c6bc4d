//! The work: beams, then a graph for each plane.

use super::RestorePlan;
use crate::graph::{self, Key, RunContext, TaskContext};
use crate::images::{BeamShape, CleanBeam, UNIT_CELL};
use crate::io::{Finish, FitsTarget};
use crate::pipeline::graphs::{Kept, Shelf, Wiring};
use crate::pipeline::ops::{Product, PsfAsks, PsfPlane, Value};
use crate::pipeline::plan::restoring_layout;
use crate::pipeline::run::failed;
use crate::pipeline::{RunError, Tools};
use crate::units::Restored;

/// What came of a plane.
#[derive(Debug, Clone, PartialEq)]
pub struct RestoredPlane {
    /// The beam; none for a plane that is written blank.
    pub beam: Option<CleanBeam>,
    /// Sum of the model \[Jy\].
    pub flux_jy: f64,
}

/// Restores every plane and writes the image; `command` goes into the HISTORY.
///
/// # Errors
/// See [`RunError`]; nothing is left of the product then.
pub fn restore(
    plan: &RestorePlan,
    product: FitsTarget<Restored>,
    command: &str,
    tools: &Tools<'_>,
) -> Result<Vec<RestoredPlane>, RunError> {
    let desk = Desk { tools, shelf: Shelf::default() };
    let mut done = Vec::new();
    for plane in 0..plan.residual.0.planes() {
        tools.watch.stage(&format!("plane {plane}"));
        done.push(desk.plane(plan, plane, &product)?);
        if tools.cancel.is_requested() {
            return Err(RunError::Aborted);
        }
    }
    let has_cell = plan.residual.0.geometry().cell.is_some();
    let beams: Vec<_> = done.iter().map(|plane| plane.beam.filter(|_| has_cell)).collect();
    let history = [format!("deconv {}: {command}", env!("CARGO_PKG_VERSION"))];
    product.finish(Finish { beams: &beams, history: &history, cards: &[] })?;
    Ok(done)
}

/// What computes graphs.
struct Desk<'a> {
    tools: &'a Tools<'a>,
    shelf: Shelf,
}

impl Desk<'_> {
    fn context(&self) -> RunContext<'_, Value> {
        let context = TaskContext { cancel: self.tools.cancel.clone() };
        RunContext { callbacks: self.tools.callbacks, context, keeper: None }
    }

    fn execute(&self, wiring: Wiring, targets: &[Key]) -> Result<Vec<Kept>, RunError> {
        let (graph, targets, borrowed) = wiring.lend(targets, &self.shelf).split();
        let values = self.tools.scheduler.execute(graph, &targets, &self.context()).map_err(failed)?;
        Ok(borrowed.settle(values, &self.shelf))
    }

    fn plane(
        &self,
        plan: &RestorePlan,
        plane: usize,
        product: &FitsTarget<Restored>,
    ) -> Result<RestoredPlane, RunError> {
        let beam = self.beam(plan, plane)?;
        let mut wiring = Wiring::new(plan.cut);
        let keys = plan.wire(&mut wiring, plane);
        let restored = match beam {
            Some((shape, _)) => {
                let reach = RestorePlan::reach(&shape);
                let layout = restoring_layout(plan.cut.shape, reach, plan.cut.block);
                wiring.restored(plane, &keys, &layout, (shape, reach))
            }
            // of which nothing but the shape is written
            None => keys.residual.clone(),
        };
        let product = Product::Restored(product.writer());
        let mut targets = vec![wiring.tally(plane, &keys.model)];
        targets.extend(wiring.deliver(&product, plane, (&keys.dirty, &restored), beam.is_none()));
        let values = self.execute(wiring, &targets)?;
        let flux_jy = values[0].small().tally().flux;
        if beam.is_none() {
            self.tools.watch.warn(&format!("plane {plane} has no beam: it is written blank"));
        }
        Ok(RestoredPlane { beam: beam.map(|(_, beam)| beam), flux_jy })
    }

    /// The beam of a plane, on the pixel grid and on the sky.
    fn beam(&self, plan: &RestorePlan, plane: usize) -> Result<Option<(BeamShape, CleanBeam)>, RunError> {
        let Some(psf) = plan.psf.as_ref().filter(|_| plan.known_beam(plane).is_none()) else {
            let known = plan.known_beam(plane);
            return known.map(|beam| Ok((plan.shape_of(beam)?, beam))).transpose();
        };
        let one = psf.source.0.planes() == 1;
        let psf = PsfPlane {
            source: psf.source.clone(),
            plane: psf.planes[plane],
            number: psf.planes[plane],
            tolerant: !one,
        };
        let mut wiring = Wiring::new(plan.cut);
        let peak = wiring.locate_psf(&psf);
        let found = self.execute(wiring, &[peak])?;
        let Value::PsfPeak(peak) = &*found[0].small() else { return Ok(None) };
        let cell = plan.residual.0.geometry().cell.unwrap_or(UNIT_CELL);
        let asks = PsfAsks { shape: plan.cut.shape, shortfall: false, patch: false, cell: Some(cell) };
        let mut wiring = Wiring::new(plan.cut);
        let keys = wiring.examine_psf(&psf, *peak, asks, None);
        let found = self.execute(wiring, &keys)?;
        let facts = graph::fetch(self.tools.scheduler, &found[0].held(), &self.context()).map_err(failed)?;
        let Value::PsfFacts(facts) = &*facts else { return Ok(None) };
        Ok(facts.fit.map(|fit| (fit.shape, fit.beam)))
    }
}
