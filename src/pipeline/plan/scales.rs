//! What the scales of multiscale CLEAN add to the stages of a forecast.

use super::forecast::{Stage, psfs};
use super::{Inputs, Plan, shape_of};
use crate::algorithms::{FloorMap, Kind, Minor, MinorRules, Patch, Scale, Shortfall, Signs, Widths, table_reach};
use crate::graph::Key;
use crate::images::{Cell, PsfCore, PsfPeak, UNIT_CELL};
use crate::pipeline::config::{BeamChoice, RunConfig};
use crate::pipeline::graphs::{
    Family, FamilyCut, Kept, Numbered, PlaneKeys, ScalesCut, Slabs, Taking, Wiring, nearest, spacing,
};
use crate::pipeline::ops::{ScaleTable, Source};

/// Mean full width of the beam \[pixels\] as the run will find it: measured of the PSF if that peaks in its middle, or that to
/// restore with, or as the dirty image's header has it, or a narrow one.
pub(super) fn beam_pixels(config: &RunConfig, inputs: &Inputs) -> f64 {
    let (header, cell) = (inputs.dirty.0.header(), inputs.dirty.0.geometry().cell);
    let width = |widths: (f64, f64)| cell.map(|cell| (widths.0 * widths.1 / (cell.dx * cell.dy).abs()).sqrt());
    let told = || width((header.get_f64("BMAJ")?, header.get_f64("BMIN")?));
    let given = || match config.restore.beam {
        BeamChoice::Given(beam) => width((beam.bmaj, beam.bmin)),
        BeamChoice::Fit | BeamChoice::Circular => None,
    };
    measured(&inputs.psf, cell)
        .or_else(given)
        .or_else(told)
        .filter(|width| width.is_finite() && *width >= 1.0)
        .unwrap_or(NARROW_BEAM)
}

/// Mean full width of the beam that fits the main lobe of a PSF \[pixels\].
fn measured(psf: &Source, cell: Option<Cell>) -> Option<f64> {
    let peak = PsfPeak::usual(shape_of(psf.0.geometry()));
    let rows = PsfCore::rows(&peak, PsfCore::HALF);
    let pixels = psf.0.read_rows(0, rows.clone()).ok()?;
    let scale = pixels[(peak.centre.0 - rows.start, peak.centre.1)];
    let is_peak = scale > 0.0 && pixels.iter().all(|value| value.is_nan() || *value <= scale);
    let core = PsfCore::new(&PsfPeak { scale, ..peak }, PsfCore::HALF, pixels.view());
    let fit = core.measure(Some(cell.unwrap_or(UNIT_CELL))).filter(|_| is_peak)?.fit?.ok()?;
    Some((fit.pixels.0 * fit.pixels.1).sqrt())
}

/// Full width of a beam that is not known \[pixels\]: narrow ones make the most scales, and room must do for those.
const NARROW_BEAM: f64 = 2.0;

/// The scales that the plan would clean with; none where components are points.
pub(super) fn all(plan: &Plan) -> Vec<Scale> {
    if !matches!(plan.algorithm().kind, Kind::Clean(Minor::Multiscale)) {
        return Vec::new();
    }
    plan.config.multiscale.list(plan.beam_pixels, plan.cut.shape, &plan.kernel.layout)
}

fn wide(scales: &[Scale]) -> impl Iterator<Item = Numbered> {
    scales.iter().copied().enumerate().filter(|(_, scale)| !scale.is_point())
}

/// A scale's kernel, block by block.
fn kernel(plan: &Plan, scale: &Scale) -> Slabs {
    let small = plan.kernel.layout.shrunk(scale.step);
    (0..small.blocks()).map(|block| Kept::of_bytes(8 * (small.ly * small.columns(block).len()) as u64)).collect()
}

/// How the scales of a PSF are wired.
fn family_cut<'a>(plan: &'a Plan, scales: &'a [Scale], number: usize) -> FamilyCut<'a> {
    let psf = plan.usual_kernel(number).peak;
    FamilyCut { scales, layout: &plan.kernel.layout, psf, reach: None, tiles: plan.tiles }
}

/// The table between two scales, its entries that many lags apart.
fn table(cut: &FamilyCut<'_>, plan: &Plan, spacing: usize, scales: [&Scale; 2]) -> Kept {
    let reach = table_reach(cut.layout, spacing, cut.extent(plan.cut.shape, scales));
    Kept::of_bytes(ScaleTable::bytes(reach))
}

/// What the scales of a PSF are cleaned with; `psf` is for points.
fn family(plan: &Plan, wiring: &mut Wiring, number: usize, psf: &Key) -> Family {
    let scales = all(plan);
    let cut = family_cut(plan, &scales, number);
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
    let mut wiring = Wiring::new(plan.cut);
    let mut targets = Vec::new();
    for plane in 0..psfs(plan) {
        let transfer: Slabs = transfer(plan);
        let psf = wiring.give_all("held-transfer", plane, &transfer);
        let cut = family_cut(plan, &scales, plane);
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

impl Plan {
    /// How a PSF will fall short of the image, where the run asks that; its level plays no part in sizes.
    pub(super) fn usual_shortfall(&self, psf: usize) -> Option<Shortfall> {
        let peak = self.psf_asks().shortfall.then(|| self.usual_kernel(psf).peak)?;
        Shortfall::of(&peak, self.cut.shape, self.beam_pixels, 0.01)
    }
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
    let (mut images, mut held) = (Vec::new(), Vec::new());
    let falls_short = plan.usual_shortfall(psfs[0].0).is_some();
    for (number, scale) in scales.iter().enumerate() {
        let (mut image, mut weights) = (keys.clone(), weights.to_vec());
        let masks: Slabs = slabs.iter().map(|rows| Kept::of_bytes(plan.cut.bytes(*rows) / 4)).collect();
        image.mask = wiring.give_all(&format!("held-mask{number}"), plane, &masks);
        held.extend(image.mask.iter().cloned());
        if !scale.is_point() {
            if falls_short {
                let floor = Kept::of_bytes(FloorMap::most_bytes(plan.cut.shape));
                weights[1] = wiring.give(&format!("held-floor{number}"), plane, 0, &floor);
                held.push(weights[1].clone());
            }
            let pixels = (scale.step * scale.step) as u64;
            let held: Slabs = slabs.iter().map(|rows| Kept::of_bytes(plan.cut.bytes(*rows) / pixels)).collect();
            image.residual = wiring.give_all(&format!("held-smooth{number}"), plane, &held);
        }
        images.push(Taking { scale: (number, *scale), keys: image, weights, lowest: 1.0 });
    }
    let families: Vec<Family> = psfs.iter().map(|(number, psf)| family(plan, wiring, *number, psf)).collect();
    let all = families.iter().flat_map(|family| family.psfs.iter().chain(family.tables.iter().map(|(_, key)| key)));
    held.extend(all.cloned());
    if plan.config.multiscale.scales == Widths::Auto {
        // what points alone are held against
        let model: Slabs = slabs.iter().map(|rows| Kept::of_bytes(plan.cut.bytes(*rows))).collect();
        held.extend(wiring.give_all("held-rival", plane, &model));
    }
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

/// The residual of a plane at every scale, what its PSF misses there, and its statistics.
pub(super) fn look(plan: &Plan, wiring: &mut Wiring, at: (usize, usize), keys: (&PlaneKeys, &[Key])) -> Vec<Key> {
    let ((plane, psf), (keys, weights), layout) = (at, keys, &plan.kernel.layout);
    let falls_short = plan.usual_shortfall(psf);
    let scales = all(plan);
    if scales.is_empty() {
        return Vec::new();
    }
    let rows = wiring.field_rows("rows-residual", plane, &keys.residual, layout);
    let mut targets = Vec::new();
    for numbered in wide(&scales) {
        let (number, scale) = numbered;
        let kernel = wiring.give_all(&format!("held-scale{number}"), psf, &kernel(plan, &scale));
        let image = wiring.smooth((plane, numbered), layout, &rows, &kernel);
        let at =
            PlaneKeys { residual: image, mask: keys.mask.clone(), allowed: keys.allowed.clone(), ..<_>::default() };
        let mut weights = weights.to_vec();
        if let Some(points) = falls_short {
            weights[1] = wiring.scale_floor((plane, number), points, (&weights[1], &keys.model));
            targets.push(weights[1].clone());
        }
        targets.push(wiring.scale_statistics((plane, numbered), &at, &weights));
        targets.extend(at.residual.into_iter().chain(kernel));
    }
    targets
}
