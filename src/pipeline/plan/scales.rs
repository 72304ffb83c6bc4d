//! What the scales of multiscale CLEAN add to the stages of a forecast.

use super::Plan;
use super::forecast::{Stage, psfs};
use crate::algorithms::{Kind, Minor, MinorRules, Patch, Scale, Signs, table_reach};
use crate::graph::Key;
use crate::images::Cell;
use crate::pipeline::config::BeamChoice;
use crate::pipeline::graphs::{
    Family, FamilyCut, Kept, Numbered, PlaneKeys, ScalesCut, Slabs, Taking, Wiring, nearest, spacing,
};

/// Mean full width of the beam \[pixels\] as far as it is known before the PSF is read: given, or in the dirty image's header,
/// or a narrow one.
pub(super) fn beam_pixels(plan: &Plan) -> f64 {
    let header = plan.inputs.dirty.0.header();
    let (bmaj, bmin) = match plan.config.restore.beam {
        BeamChoice::Given(beam) => (Some(beam.bmaj), Some(beam.bmin)),
        BeamChoice::Fit | BeamChoice::Circular => (header.get_f64("BMAJ"), header.get_f64("BMIN")),
    };
    let width = |cell: Cell| Some((bmaj? * bmin? / (cell.dx * cell.dy).abs()).sqrt());
    plan.cell().and_then(width).filter(|width| width.is_finite() && *width >= 1.0).unwrap_or(NARROW_BEAM)
}

/// Full width of a beam that no header tells \[pixels\]: narrow ones make the most scales, and room must do for those.
const NARROW_BEAM: f64 = 2.0;

/// The scales that the plan would clean with, were its beam as the header has it; none where components are points.
pub(super) fn all(plan: &Plan) -> Vec<Scale> {
    if !matches!(plan.algorithm().kind, Kind::Clean(Minor::Multiscale)) {
        return Vec::new();
    }
    plan.config.multiscale.list(beam_pixels(plan), plan.cut.shape, &plan.kernel.layout)
}

fn wide(scales: &[Scale]) -> impl Iterator<Item = Numbered> {
    scales.iter().copied().enumerate().filter(|(_, scale)| !scale.is_point())
}

/// Bytes of a scale's kernel.
fn kernel_bytes(plan: &Plan, scale: &Scale) -> u64 {
    let small = plan.kernel.layout.shrunk(scale.step);
    8 * (small.ly * small.half()) as u64
}

/// The table between two scales, its entries that many lags apart.
fn table(cut: &FamilyCut<'_>, plan: &Plan, spacing: usize, scales: [&Scale; 2]) -> Kept {
    let (up, left) = table_reach(cut.layout, spacing, cut.extent(plan.cut.shape, scales));
    Kept::of_bytes(4 * ((2 * up + 1) * (2 * left + 1)) as u64)
}

/// What the scales of a PSF are cleaned with; `psf` is for points.
fn family(plan: &Plan, wiring: &mut Wiring, number: usize, psf: &Key) -> Family {
    let scales = all(plan);
    let cut = FamilyCut { scales: &scales, layout: &plan.kernel.layout, reach: None, tiles: plan.tiles };
    let mut family = Family::default();
    for (own, scale) in scales.iter().enumerate() {
        if scale.is_point() {
            family.psfs.push(psf.clone());
            continue;
        }
        let held = table(&cut, plan, scale.step, [scale; 2]);
        family.psfs.push(wiring.give("held-scale-psf", number, own, &held));
        for (from, other) in scales[..own].iter().enumerate() {
            let spacing = spacing(other, scale);
            let held = table(&cut, plan, spacing, [other, scale]);
            let key = wiring.give(&format!("held-table{from}"), number, own, &held);
            family.tables.push(((from, own, spacing as u32), key));
        }
    }
    family
}

/// Kernels, PSFs and tables of the scales, given the PSFs' transfer functions; nothing where components are points.
pub(super) fn load(plan: &Plan) -> Option<Stage> {
    let scales = all(plan);
    let layout = &plan.kernel.layout;
    let mut wiring = Wiring::new(plan.cut);
    let mut targets = Vec::new();
    for plane in 0..psfs(plan) {
        let transfer: Slabs = transfer(plan);
        let psf = wiring.give_all("held-transfer", plane, &transfer);
        let cut = FamilyCut { scales: &scales, layout, reach: None, tiles: plan.tiles };
        targets.extend(wiring.scale_family(plane, &cut, &psf));
        targets.extend(psf);
    }
    (!scales.is_empty()).then(|| Stage::new("scales", wiring, targets))
}

/// The transfer function of a PSF.
pub(super) fn transfer(plan: &Plan) -> Slabs {
    let layout = &plan.kernel.layout;
    (0..layout.blocks()).map(|block| Kept::of_bytes(8 * (layout.columns(block).len() * layout.ly) as u64)).collect()
}

/// A minor cycle over all scales, and the model with what it found, and what of the scales outlives the graph; `at` are the
/// plane and the numbers of its PSFs with what is held of each.
pub(super) fn cycle(
    plan: &Plan,
    wiring: &mut Wiring,
    at: (usize, &[(usize, Key)]),
    keys: (&PlaneKeys, &[Key]),
) -> (Vec<Key>, Vec<Key>) {
    let ((plane, psfs), (keys, weights), scales) = (at, keys, all(plan));
    let slabs = plan.cut.slabs();
    let mut images = Vec::new();
    for (number, scale) in scales.iter().enumerate() {
        let (mut image, weights) = (keys.clone(), weights.to_vec());
        if !scale.is_point() {
            let pixels = (scale.step * scale.step) as u64;
            let held: Slabs = slabs.iter().map(|rows| Kept::of_bytes(plan.cut.bytes(*rows) / pixels)).collect();
            image.residual = wiring.give_all(&format!("held-smooth{number}"), plane, &held);
        }
        images.push(Taking { scale: (number, *scale), keys: image, weights, lowest: 1.0 });
    }
    let families: Vec<Family> = psfs.iter().map(|(number, psf)| family(plan, wiring, *number, psf)).collect();
    let all = families.iter().flat_map(|family| family.psfs.iter().chain(family.tables.iter().map(|(_, key)| key)));
    let held = all.cloned().collect();
    let (patch, signs, asp) = (Patch::default(), Signs::Both, <_>::default());
    let rules = MinorRules { gain: 0.1, floor: 1.0, niter: 1, patch, signs, asp };
    let cut = ScalesCut { rules, leaves: 1.0, count: scales.len(), scales: &images };
    let steps = match plan.tiles {
        Some(tiles) => {
            let family = |tile: usize| &families[nearest(plan.grid(), tiles, tile)];
            wiring.tiled_scales((plane, &keys.residual), (tiles, cut, &[]), family).step
        }
        None => wiring.minor_scales(plane, cut, families[0].clone()),
    };
    (wiring.add_shapes(plane, &scales, &keys.model, &steps), held)
}

/// The residual of a plane at every scale and its statistics.
pub(super) fn look(plan: &Plan, wiring: &mut Wiring, at: (usize, usize), keys: (&PlaneKeys, &[Key])) -> Vec<Key> {
    let ((plane, psf), (keys, weights), layout) = (at, keys, &plan.kernel.layout);
    let scales = all(plan);
    if scales.is_empty() {
        return Vec::new();
    }
    let rows = wiring.field_rows("rows-residual", plane, &keys.residual, layout);
    let mut targets = Vec::new();
    for numbered in wide(&scales) {
        let (number, scale) = numbered;
        let kernel = wiring.give("held-scale", psf, number, &Kept::of_bytes(kernel_bytes(plan, &scale)));
        let image = wiring.smooth((plane, numbered), layout, &rows, &kernel);
        let at =
            PlaneKeys { residual: image, mask: keys.mask.clone(), allowed: keys.allowed.clone(), ..<_>::default() };
        targets.push(wiring.scale_statistics((plane, numbered), &at, weights));
        targets.extend(at.residual.into_iter().chain([kernel]));
    }
    targets
}
