//! The work: beams, then a graph for each plane.

use super::RestorePlan;
use super::plan::round;
use crate::graph::{self, Key, RunContext, TaskContext};
use crate::images::{BeamFit, BeamShape, CleanBeam, UNIT_CELL};
use crate::io::{Finish, FitsTarget};
use crate::pipeline::config::BeamChoice;
use crate::pipeline::graphs::{Kept, PlaneKeys, Shelf, Wiring};
use crate::pipeline::ops::{Product, PsfAsks, PsfPlane, Value};
use crate::pipeline::plan::restoring_layout;
use crate::pipeline::run::failed;
use crate::pipeline::{RunError, Tools};
use crate::units;

/// What came of a plane.
#[derive(Debug, Clone, PartialEq)]
pub struct RestoredPlane {
    /// The beam; none for a plane that is written blank.
    pub beam: Option<CleanBeam>,
    /// Sum of the model \[Jy\].
    pub flux_jy: f64,
}

/// The products, open.
pub struct Restored {
    /// The image.
    pub image: FitsTarget<units::Restored>,
    /// The model, where it was given as a list.
    pub model: Option<FitsTarget<units::Model>>,
}

/// Restores every plane and writes the image; `command` goes into the HISTORY.
///
/// # Errors
/// See [`RunError`]; nothing is left of the product then.
pub fn restore(
    plan: &RestorePlan,
    products: Restored,
    command: &str,
    tools: &Tools<'_>,
) -> Result<Vec<RestoredPlane>, RunError> {
    let desk = Desk { tools, shelf: Shelf::default() };
    let mut done = Vec::new();
    for plane in 0..plan.residual.0.planes() {
        tools.watch.stage(&format!("plane {plane}"));
        done.push(desk.plane(plan, plane, &products)?);
        if tools.cancel.is_requested() {
            return Err(RunError::Aborted);
        }
    }
    let has_cell = plan.residual.0.geometry().cell.is_some();
    let beams: Vec<_> = done.iter().map(|plane| plane.beam.filter(|_| has_cell)).collect();
    let history = [format!("deconv {}: {command}", env!("CARGO_PKG_VERSION"))];
    let plain = Finish { beams: &[], history: &history, cards: &[] };
    if let Some(model) = products.model {
        model.finish(plain)?;
    }
    products.image.finish(Finish { beams: &beams, ..plain })?;
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

    fn plane(&self, plan: &RestorePlan, plane: usize, products: &Restored) -> Result<RestoredPlane, RunError> {
        let fit = self.fit(plan, plane)?;
        let beam = Self::beam(plan, plane, fit)?;
        let mut wiring = Wiring::new(plan.cut);
        let keys = plan.wire(&mut wiring, plane);
        let restored = match beam {
            Some((shape, _)) => {
                let reach = shape.reach();
                let layout = restoring_layout(plan.cut.shape, reach, plan.cut.block);
                let how = plan.treatment(plane, fit, &shape)?;
                let residual = wiring.treated(plane, &keys.residual, &how);
                let keys = PlaneKeys { residual, ..keys.clone() };
                wiring.restored(plane, &keys, &layout, (shape, reach))
            }
            // of which nothing but the shape is written
            None => keys.residual.clone(),
        };
        let mut targets = vec![wiring.tally(plane, &keys.model)];
        let product = Product::Restored(products.image.writer());
        targets.extend(wiring.deliver(&product, plane, (&keys.dirty, &restored), beam.is_none()));
        if let Some(model) = &products.model {
            let product = Product::Model(model.writer());
            targets.extend(wiring.deliver(&product, plane, (&keys.dirty, &keys.model), false));
        }
        let values = self.execute(wiring, &targets)?;
        let flux_jy = values[0].small().tally().flux;
        if beam.is_none() {
            self.tools.watch.warn(&format!("plane {plane} has no beam: it is written blank"));
        }
        Ok(RestoredPlane { beam: beam.map(|(_, beam)| beam), flux_jy })
    }

    /// The beam of a plane, on the pixel grid and on the sky.
    fn beam(
        plan: &RestorePlan,
        plane: usize,
        fit: Option<BeamFit>,
    ) -> Result<Option<(BeamShape, CleanBeam)>, RunError> {
        let is_round = plan.config.restore.beam == BeamChoice::Circular;
        match (plan.known_beam(plane), fit) {
            (Some(beam), _) => Ok(Some((plan.shape_of(beam)?, beam))),
            (None, Some(fit)) if is_round => Ok(Some((plan.shape_of(round(fit.beam))?, round(fit.beam)))),
            (None, fit) => Ok(fit.map(|fit| (fit.shape, fit.beam))),
        }
    }

    /// The fit to the PSF of a plane, where one was given.
    fn fit(&self, plan: &RestorePlan, plane: usize) -> Result<Option<BeamFit>, RunError> {
        let Some(psf) = &plan.psf else { return Ok(None) };
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
        let asks = PsfAsks { shape: plan.cut.shape, shortfall: false, patch: false, cell: Some(cell), must_fit: true };
        let mut wiring = Wiring::new(plan.cut);
        let keys = wiring.examine_psf(&psf, *peak, asks, None);
        let found = self.execute(wiring, &keys)?;
        let facts = graph::fetch(self.tools.scheduler, &found[0].held(), &self.context()).map_err(failed)?;
        let Value::PsfFacts(facts) = &*facts else { return Ok(None) };
        let doubts = facts.fit.iter().flat_map(BeamFit::doubts);
        doubts.for_each(|doubt| self.tools.watch.warn(&format!("plane {plane}: {doubt}")));
        Ok(facts.fit)
    }
}
