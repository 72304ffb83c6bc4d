//! The beam of the plane that is shown, for its plot.

use super::state::PlaneState;
use super::{RunError, Session};
use crate::graph::Key;
use crate::images::BeamFit;
use crate::pipeline::graphs::{Kept, Wiring};
use crate::pipeline::record::BeamRecord;

/// Widths of the clean beam from the peak to the sides of the plot.
const SHOWN: f64 = 2.5;
/// Pixels from the peak to the sides of the plot, at the least and at the most.
const SIDES: (f64, f64) = (6.0, 64.0);

impl Session<'_> {
    /// Cuts out the main lobe of a plane's PSF.
    pub(super) fn wire_beam(&self, wiring: &mut Wiring, state: &PlaneState) -> Result<Option<Key>, RunError> {
        let facts = self.psfs[&state.plan.psf].facts();
        let (Some(facts), Some((shape, _))) = (facts, self.beam(state)?) else { return Ok(None) };
        let half = (SHOWN * shape.widths().0).ceil().clamp(SIDES.0, SIDES.1) as usize;
        Ok(Some(wiring.cut_psf(&self.psf_plane(state.plan.psf), facts.peak, half)))
    }

    /// The cut-out beside the beams.
    pub(super) fn beam_record(&self, state: &PlaneState, cut: &Kept) -> Result<Option<BeamRecord>, RunError> {
        let Some((clean, beam)) = self.beam(state)? else { return Ok(None) };
        let value = self.read(cut)?;
        let pixels = value.pixels();
        let fit = self.psfs[&state.plan.psf].fit();
        let (major, minor) = clean.widths();
        let mut facts = vec![("clean beam".to_owned(), format!("{major:.2} x {minor:.2} pixels"))];
        if self.plan.cell().is_some() {
            let [major, minor] = [beam.bmaj, beam.bmin].map(|width| 3600.0 * width);
            facts.push(("on the sky".to_owned(), format!("{major:.4} x {minor:.4} arcsec, {:.1} deg", beam.bpa)));
        }
        if let Some(fit) = &fit {
            facts.push(("rms of PSF - fit".to_owned(), format!("{:.2} % of the peak", 100.0 * fit.misfit)));
            facts.push(("lobe / beam area".to_owned(), format!("{:.3}", fit.lobe / fit.shape.area())));
            facts.push(("sidelobes".to_owned(), format!("{:.3} to {:.3}", fit.sidelobe_min, fit.sidelobe_max)));
        }
        Ok(Some(BeamRecord {
            label: state.plan.label.clone(),
            half: pixels.nrows() / 2,
            pixels: pixels.iter().copied().collect(),
            fit: fit.map(|fit| fit.shape),
            clean,
            facts,
            doubts: fit.iter().flat_map(BeamFit::doubts).collect(),
        }))
    }
}
