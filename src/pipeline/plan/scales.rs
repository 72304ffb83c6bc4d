//! What the scales of multiscale CLEAN add to the stages of a forecast.

use super::Plan;
use super::forecast::{Stage, TYPICAL_BEAM, psf_bytes, psfs};
use crate::algorithms::{Kind, Minor, Scale};
use crate::graph::Key;
use crate::images::Cell;
use crate::pipeline::config::BeamChoice;
use crate::pipeline::graphs::{Kept, Numbered, PlaneKeys, Slabs, Wiring};

/// Mean full width of the beam \[pixels\] as far as it is known before the PSF is read: given, or in the dirty image's header,
/// or the usual one.
fn beam_pixels(plan: &Plan) -> f64 {
    let header = plan.inputs.dirty.0.header();
    let (bmaj, bmin) = match plan.config.restore.beam {
        BeamChoice::Given(beam) => (Some(beam.bmaj), Some(beam.bmin)),
        BeamChoice::Fit => (header.get_f64("BMAJ"), header.get_f64("BMIN")),
    };
    let width = |cell: Cell| Some((bmaj? * bmin? / (cell.dx * cell.dy).abs()).sqrt());
    plan.cell().and_then(width).filter(|width| width.is_finite() && *width >= 1.0).unwrap_or(TYPICAL_BEAM)
}

/// The extended scales that the plan would clean with, were its beam as the header has it.
pub(super) fn extended(plan: &Plan) -> Vec<Numbered> {
    if !matches!(plan.algorithm().kind, Kind::Clean(Minor::Multiscale)) {
        return Vec::new();
    }
    let scales = plan.config.multiscale.list(beam_pixels(plan), plan.cut.shape);
    scales.into_iter().enumerate().filter(|(_, scale)| !scale.is_point()).collect()
}

fn all(numbered: &[Numbered]) -> Vec<Scale> {
    numbered.iter().map(|(_, scale)| *scale).collect()
}

/// PSFs and transfer functions of the scales; nothing where components are points.
pub(super) fn load(plan: &Plan) -> Option<Stage> {
    let scales = extended(plan);
    let mut wiring = Wiring::new(plan.cut);
    let mut targets = Vec::new();
    let layout = wiring.scale_layout(&all(&scales));
    for plane in 0..psfs(plan) {
        let psf = wiring.give("held-psf", plane, 0, &Kept::of_bytes(psf_bytes(plan, plane)));
        for at in &scales {
            targets.push(wiring.smooth_psf((plane, *at), &psf, plan.kernel.peak));
            targets.extend(wiring.scale_transfer((plane, *at), &layout));
        }
        targets.push(psf);
    }
    (!scales.is_empty()).then(|| Stage::new("scales", wiring, targets))
}

/// The residual of a plane at every scale and its statistics, and what of the scales outlives the graph; `psf` is the
/// plane's PSF.
pub(super) fn look(plan: &Plan, wiring: &mut Wiring, at: (usize, usize), keys: (&PlaneKeys, &[Key])) -> Vec<Key> {
    let ((plane, psf), (keys, weights)) = (at, keys);
    let scales = extended(plan);
    let layout = wiring.scale_layout(&all(&scales));
    if scales.is_empty() {
        return Vec::new();
    }
    let blocks = 0..layout.blocks();
    let transfer: Slabs =
        blocks.map(|block| Kept::of_bytes(8 * (layout.columns(block).len() * layout.ly) as u64)).collect();
    let rows = wiring.field_rows("rows-residual", plane, &keys.residual, &layout);
    let mut targets = Vec::new();
    for (number, scale) in scales {
        // each its own, though of the same size
        let transfer: Slabs = transfer.iter().map(|block| Kept::of_bytes(block.held().bytes)).collect();
        let transfer = wiring.give_all(&format!("held-scale{number}"), psf, &transfer);
        let steps = (scale.grid().step * scale.grid().step) as u64;
        let smooth = Kept::of_bytes(psf_bytes(plan, psf) / steps);
        targets.push(wiring.give("held-smooth-psf", psf, number, &smooth));
        let image = wiring.smooth((plane, number), &layout, &rows, &transfer);
        let at =
            PlaneKeys { residual: image, mask: keys.mask.clone(), allowed: keys.allowed.clone(), ..<_>::default() };
        targets.push(wiring.scale_statistics((plane, number), scale.grid(), &at, weights));
        targets.extend(at.residual.into_iter().chain(transfer));
    }
    targets
}
