//! A look over the map of the noise before any work.

use super::{RunError, Session};
use crate::pipeline::ops::NoiseCounts;
use crate::pipeline::plan::{PlanError, no_noise};

impl Session<'_> {
    /// Refuses a map of the noise that tells none in a plane; says where it has gaps.
    ///
    /// # Errors
    /// [`PlanError::Given`]; a file that cannot be read.
    pub(super) fn check_noise_map(&self) -> Result<(), RunError> {
        let inputs = &self.plan.inputs;
        let Some(map) = &inputs.noise else { return Ok(()) };
        let mut wiring = self.wiring();
        let mut survey = |plane| wiring.noise_survey(plane, (&map.source, map.planes[plane]), (&inputs.dirty, plane));
        let targets: Vec<_> = self.plan.planes.iter().flat_map(|plan| survey(plan.plane)).collect();
        let values = self.execute(wiring, &targets)?;
        let slabs = self.plan.cut.slabs().len();
        for (plan, values) in self.plan.planes.iter().zip(values.chunks(slabs)) {
            let values: Vec<_> = values.iter().map(|value| self.read(value)).collect::<Result<_, _>>()?;
            let counts = NoiseCounts::of(values.iter().map(|value| &value.row_sums()[..]));
            if counts.pixels > 0.0 && counts.usable == 0.0 {
                return Err(PlanError::from(no_noise(map, plan.plane, &inputs.dirty.0, &counts)).into());
            }
            if counts.usable < counts.pixels {
                self.tools.watch.warn(&format!(
                    "{}: {} tells no noise for {} of {} pixels ({}): more than two pixels into such a gap that of the loudest \
                     place counts",
                    plan.label,
                    map.source.0.spec(),
                    counts.pixels - counts.usable,
                    counts.pixels,
                    counts.gaps()
                ));
            }
        }
        Ok(())
    }
}
