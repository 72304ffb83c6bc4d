//! The scales of multiscale CLEAN: their PSFs and kernels, and what a plane looks like at each.

use std::collections::BTreeMap;

use super::state::{PlaneState, PsfState, ScaleKit, ScaleState};
use super::{RunError, Session};
use crate::algorithms::{Levels, MinorRules, Phase, PlaneStats, Scale, Shortfall, Sight, Steps};
use crate::graph::Key;
use crate::pipeline::config::BeamChoice;
use crate::pipeline::graphs::{Family, FamilyCut, Kept, PlaneKeys, ScalesCut, Slabs, Taking, Wiring, nearest, spacing};
use crate::pipeline::ops::{Value, constant};
use crate::tiling::Tiles;

impl Session<'_> {
    /// Computes kernels, PSFs and tables of the scales where they are missing.
    pub(super) fn load_scales(&mut self) -> Result<(), RunError> {
        let central = self.plan.inputs.grid.as_ref().map(|grid| grid.central);
        let is_missing = |state: &PsfState| state.facts().is_some() && state.whole.is_some() && state.scales.is_empty();
        let missing = self.psfs.iter().filter(|(_, state)| is_missing(state)).map(|(number, _)| *number);
        let (first, others): (Vec<usize>, Vec<usize>) =
            missing.partition(|number| central.is_none_or(|central| central == *number));
        self.load_families(&first, None)?;
        let Some(central) = central else { return Ok(()) };
        // the PSFs of a grid have the scales of the central one
        let scales: Vec<Scale> = self.psfs[&central].scales.iter().map(|kit| kit.scale).collect();
        if scales.is_empty() { Ok(()) } else { self.load_families(&others, Some(&scales)) }
    }

    /// Computes what the scales of some PSFs are cleaned with; all are measured if they are given.
    fn load_families(&mut self, numbers: &[usize], given: Option<&[Scale]>) -> Result<(), RunError> {
        let mut wiring = self.wiring();
        let (mut targets, mut wired) = (Vec::new(), Vec::new());
        for number in numbers.iter().copied() {
            let state = &self.psfs[&number];
            let (layout, tiles) = (state.kernel.layout, self.plan.tiles);
            let list = || self.plan.config.multiscale.list(self.beam_pixels(state), self.plan.cut.shape, &layout);
            let scales = given.map_or_else(list, <[Scale]>::to_vec);
            let psf = self.give_transfer(&mut wiring, number);
            let reach = self.shortfall(number).map(|shortfall| shortfall.reach);
            let cut = FamilyCut { scales: &scales, layout: &layout, psf: state.kernel.peak, reach, tiles };
            targets.extend(wiring.scale_family(number, &cut, &psf));
            wired.push((number, scales));
        }
        let mut values = self.execute(wiring, &targets)?.into_iter();
        for (number, scales) in wired {
            let mut kits = self.kits_of(number, &scales, &mut values)?;
            if given.is_some_and(|scales| scales.len() != kits.len()) {
                // one that measures less is left to the central one and the exact residual
                kits.clear();
            }
            self.psfs.get_mut(&number).expect("it was found in the map").scales = kits;
        }
        Ok(())
    }

    /// What the scales of a PSF are cleaned with, those that it does not measure left out; `values` are those of
    /// [`Wiring::scale_family`].
    fn kits_of(
        &self,
        plane: usize,
        scales: &[Scale],
        values: &mut impl Iterator<Item = Kept>,
    ) -> Result<Vec<ScaleKit>, RunError> {
        let state = &self.psfs[&plane];
        let (mut kits, mut is_left) = (Vec::new(), Vec::new());
        for (number, scale) in scales.iter().copied().enumerate() {
            if scale.is_point() {
                let psf = state.whole.clone().expect("a PSF with scales is whole");
                kits.push(ScaleKit { scale, psf, transfer: Vec::new(), tables: Vec::new(), shortfall: None });
                is_left.push(true);
                continue;
            }
            let mut next = || values.next().expect("each scale has a kernel, a PSF, a level and its tables");
            let blocks = state.kernel.layout.shrunk(scale.step).blocks();
            let transfer: Slabs = (0..blocks).map(|_| next()).collect();
            let psf = next();
            let shortfall = self.shortfall(plane).map(|points| {
                let level = next().small().noise().rms;
                // flux within two widths of a component adds up
                let cell = (2.0 * self.beam_pixels(state) + scale.width).ceil() as usize;
                Shortfall { level: f64::from(scale.bias) * level, cell, ..points }
            });
            let tables: Vec<Kept> = (0..number).map(|_| next()).collect();
            is_left.push(self.is_measured(scale, state, &psf)?);
            if is_left[number] {
                let spacings = scales.iter().map(|other| spacing(other, &scale) as u32);
                let all = tables.into_iter().zip(spacings).zip(&is_left);
                let tables = all.filter(|(_, is_left)| **is_left).map(|(table, _)| table).collect();
                kits.push(ScaleKit { scale, psf, transfer, tables, shortfall });
            }
        }
        Ok(kits)
    }

    /// Whether the PSF measures a scale; tells if it does not.
    fn is_measured(&self, scale: Scale, state: &PsfState, psf: &Kept) -> Result<bool, RunError> {
        let response = match &*self.read(psf)? {
            Value::Psf(smooth) => smooth.scale(),
            _ => 0.0,
        };
        let share = f64::from(response) / scale.response(self.beam_pixels(state));
        if share < LEAST_RESPONSE {
            let note = format!("scale of {:.1} pixels left out: the PSF measures {share:.1e} of it", scale.width);
            self.tools.watch.note(&note);
        }
        Ok(share >= LEAST_RESPONSE)
    }

    /// Mean full width at half maximum of the Gaussian that was fitted to the PSF \[pixels\]; where none could be, that of the
    /// beam to restore with.
    pub(super) fn beam_pixels(&self, psf: &PsfState) -> f64 {
        let fitted = psf.fit().map(|fit| (fit.pixels.0 * fit.pixels.1).sqrt());
        let given = || match self.plan.config.restore.beam {
            BeamChoice::Given(beam) => {
                self.plan.cell().map(|cell| (beam.bmaj * beam.bmin / (cell.dx * cell.dy).abs()).sqrt())
            }
            BeamChoice::Fit | BeamChoice::Circular => None,
        };
        fitted.or_else(given).filter(|width| width.is_finite() && *width > 0.0).unwrap_or(USUAL_BEAM)
    }

    /// The kits of a plane's PSF; none where components are points only.
    pub(super) fn kits(&self, state: &PlaneState) -> &[ScaleKit] {
        &self.psfs[&state.plan.psf].scales
    }

    /// Begins a plane, which has been looked at at no scale yet.
    pub(super) fn begin_scales(&self, state: &mut PlaneState) {
        state.scales = self.kits(state).iter().map(|_| ScaleState::over(&state.allowed)).collect();
        self.take_points(state);
    }

    /// The scale of points is the residual itself.
    fn take_points(&self, state: &mut PlaneState) {
        for (kit, scale) in self.kits(state).iter().zip(&mut state.scales) {
            if kit.scale.is_point() {
                (scale.stats, scale.levels, scale.is_fresh) = (state.stats, state.levels.clone(), true);
            }
        }
    }

    /// Looks at all scales of the residual that stands.
    pub(super) fn wire_look(&self, wiring: &mut Wiring, state: &mut PlaneState) -> Vec<Key> {
        let weights = wiring.give_all("held-weights", state.plan.plane, &state.weights);
        let keys = state.give(wiring, false);
        self.wire_scales(wiring, state, (&keys, &weights), None)
    }

    /// The PSFs and tables of the scales that take part, of one PSF of several.
    fn give_family(&self, wiring: &mut Wiring, number: usize, taking: &[usize]) -> Family {
        let kits = &self.psfs[&number].scales;
        let psfs =
            taking.iter().map(|scale| wiring.give("held-scale-psf", number, *scale, &kits[*scale].psf)).collect();
        let mut tables = Vec::new();
        for (at, scale) in taking.iter().enumerate() {
            for (earlier, from) in taking[..at].iter().enumerate() {
                let (table, spacing) = &kits[*scale].tables[*from];
                let key = wiring.give(&format!("held-table{from}"), number, *scale, table);
                tables.push(((earlier, at, *spacing), key));
            }
        }
        Family { psfs, tables }
    }

    /// Number of the PSF that a tile is cleaned with.
    fn psf_of_tile(&self, psf: usize, tiles: Tiles, tile: usize) -> usize {
        let nearest = nearest(self.plan.grid(), tiles, tile);
        let number = self.plan.psf_numbers(psf).nth(nearest).unwrap_or(psf);
        if self.psfs.get(&number).is_some_and(|state| !state.scales.is_empty()) { number } else { psf }
    }

    /// A minor cycle over all scales: what it found, that with what was found before, in tiles their floor and seams, and the
    /// model with it.
    pub(super) fn wire_scales_cycle(
        &self,
        wiring: &mut Wiring,
        state: &mut PlaneState,
        given: (&PlaneKeys, &[Key]),
        rules: MinorRules,
    ) -> (Vec<Key>, Vec<Key>) {
        let ((keys, weights), plane, kits) = (given, state.plan.plane, self.kits(state));
        let taking: Vec<usize> = (0..kits.len()).filter(|number| !state.scales[*number].is_out).collect();
        let mut scales = Vec::new();
        for number in taking.iter().copied() {
            let mask = wiring.give_all(&format!("held-mask{number}"), plane, &state.scales[number].mask);
            let residual = if kits[number].scale.is_point() {
                keys.residual.clone()
            } else {
                wiring.give_all(&format!("held-smooth{number}"), plane, &state.scales[number].image)
            };
            let mut weights = weights.to_vec();
            if let Some(floor) = state.scales[number].floor.first() {
                weights[1] = wiring.give("held-floor", plane, number, floor);
            }
            let scale = kits[number].scale;
            let floor = rules.floor / scale.bias;
            // points alone are cleaned as `clean` does
            let lowest = if taking.len() > 1 { state.scales[number].levels.beside(floor) } else { floor };
            let keys = PlaneKeys { mask, residual, ..PlaneKeys::default() };
            scales.push(Taking { scale: (number, scale), keys, weights, lowest });
        }
        let leaves = 1.0 - self.plan.config.multiscale.gain as f32;
        let cut = ScalesCut { rules, leaves, count: kits.len(), scales: &scales };
        let psf = state.plan.psf;
        let (steps, told) = if let Some(tiles) = self.plan.tiles {
            let of = |tile: usize| self.psf_of_tile(psf, tiles, tile);
            let mut families = BTreeMap::new();
            for number in (0..tiles.count()).map(of) {
                families.entry(number).or_insert_with(|| self.give_family(wiring, number, &taking));
            }
            let step = wiring
                .tiled_scales((plane, &keys.residual), (tiles, cut, &state.runaways.safe), |tile| &families[&of(tile)]);
            (step.step, vec![step.rules, step.seams])
        } else {
            let family = self.give_family(wiring, psf, &taking);
            (wiring.minor_scales(plane, cut, family), Vec::new())
        };
        state.outdate();
        let before = state.found.take().map(|found| wiring.give("held-found", plane, 0, &found));
        let found = wiring.merge_steps(plane, before, &steps);
        let shapes: Vec<Scale> = kits.iter().map(|kit| kit.scale).collect();
        let model = wiring.add_shapes(plane, &shapes, &keys.model, &steps);
        ([steps, found].into_iter().chain(told).collect(), model)
    }

    /// Takes note of what a cycle found at each scale.
    pub(super) fn note_steps(state: &mut PlaneState, steps: &Steps) {
        for (scale, step) in state.scales.iter_mut().zip(&steps.0) {
            scale.moved = step.components.iter().map(|component| f64::from(component.flux.abs())).sum();
            scale.has_found |= !step.components.is_empty();
        }
    }

    /// The residual at the scales that are not out, and its statistics: images and statistics, scale after scale. `masks`
    /// are those of all scales where they are not the ones that the plane holds.
    pub(super) fn wire_scales(
        &self,
        wiring: &mut Wiring,
        state: &PlaneState,
        given: (&PlaneKeys, &[Key]),
        masks: Option<&[Vec<Key>]>,
    ) -> Vec<Key> {
        let ((keys, weights), plane) = (given, state.plan.plane);
        let looked = self.looked_at(state);
        if looked.is_empty() {
            return Vec::new();
        }
        let (kits, layout) = (self.kits(state), self.psfs[&state.plan.psf].kernel.layout);
        let rows = wiring.field_rows("rows-residual", plane, &keys.residual, &layout);
        let mut targets = Vec::new();
        for number in looked {
            let ScaleKit { scale, transfer, shortfall, .. } = &kits[number];
            let transfer = wiring.give_all(&format!("held-scale{number}"), state.plan.psf, transfer);
            let image = wiring.smooth((plane, (number, *scale)), &layout, &rows, &transfer);
            let mask = match masks {
                Some(masks) => masks[number].clone(),
                None => wiring.give_all(&format!("held-mask{number}"), plane, &state.scales[number].mask),
            };
            let at = PlaneKeys { residual: image, mask, allowed: keys.allowed.clone(), ..PlaneKeys::default() };
            let floor = shortfall.map(|short| wiring.scale_floor((plane, number), short, (&weights[1], &keys.model)));
            // the local rms is that of the points
            let local = &weights[1 + usize::from(self.shortfall(state.plan.psf).is_some())..];
            let own: Vec<Key> = weights[..1].iter().chain(&floor).chain(local).cloned().collect();
            let statistics = wiring.scale_statistics((plane, (number, *scale)), &at, &own);
            targets.extend(at.residual.into_iter().chain(floor).chain([statistics]));
        }
        targets
    }

    /// The scales whose images are made.
    fn looked_at(&self, state: &PlaneState) -> Vec<usize> {
        let all = self.kits(state).iter().zip(&state.scales).enumerate();
        all.filter(|(_, (kit, scale))| !kit.scale.is_point() && !scale.is_out).map(|(number, _)| number).collect()
    }

    /// Takes what [`Self::wire_scales`] asked for, after the statistics of the residual itself.
    pub(super) fn take_scales(&self, state: &mut PlaneState, values: &mut impl Iterator<Item = Kept>) {
        let slabs = self.plan.cut.slabs().len();
        for number in self.looked_at(state) {
            let scale = &mut state.scales[number];
            scale.image = values.by_ref().take(slabs).collect();
            let floors = usize::from(self.psfs[&state.plan.psf].scales[number].shortfall.is_some());
            scale.floor = values.by_ref().take(floors).collect();
            let statistics = values.next().expect("each scale has its statistics").small();
            let Value::Statistics(stats, levels) = &*statistics else { unreachable!("statistics were asked for") };
            (scale.stats, scale.levels, scale.is_fresh) = (*stats, levels.clone(), true);
        }
        self.take_points(state);
    }

    /// Leaves out the wide scale that moved most flux in the cycle that was taken back, unless it is the last one: where
    /// the PSF falls short, some scales fit what it does not explain. Inside the auto-mask the next cycles are more careful
    /// instead.
    pub(super) fn leave_out(&self, state: &mut PlaneState) {
        let is_open = state.control.as_ref().is_some_and(|control| control.state().phase == Phase::Open);
        let others = state.scales.iter().filter(|scale| !scale.is_out).count() > 1;
        let moved = |number: &usize| state.scales[*number].moved;
        let most = self.looked_at(state).into_iter().max_by(|one, other| moved(one).total_cmp(&moved(other)));
        let Some(number) = most.filter(|number| is_open && others && moved(number) > 0.0) else { return };
        state.scales[number].is_out = true;
        let (label, width) = (&state.plan.label, self.kits(state)[number].scale.width);
        self.tools.watch.note(&format!("{label}: going on without the scale of {width:.1} pixels"));
    }

    /// The masks of the scales from what was found at each, or the user's for all, and the statistics inside them: masks
    /// scale after scale, weights and statistics of the residual, then all scales.
    pub(super) fn wire_scale_masks(&self, wiring: &mut Wiring, state: &mut PlaneState, is_open: bool) -> Vec<Key> {
        let plane = state.plan.plane;
        state.outdate();
        let keys = state.give(wiring, false);
        let nothing = Kept::new(constant(Value::Steps(<_>::default()), &"steps-none"));
        let found = state.found.as_ref().unwrap_or(&nothing);
        let found = wiring.give("held-found", plane, 0, found);
        let growth = (self.plan.config.clean.mask_dilate, self.bright(state));
        let standing = wiring.give_all("held-standing", plane, &std::mem::take(&mut state.tidying.standing));
        let kits = self.kits(state);
        let masks: Vec<Vec<Key>> = (kits.iter().enumerate())
            .map(|(number, kit)| {
                if is_open {
                    return keys.allowed.clone();
                }
                wiring.mask_found((plane, (number, kit.scale)), &keys, (&found, &standing), growth)
            })
            .collect();
        let first = kits.iter().position(|kit| kit.scale.is_point());
        let mask = first.map_or(&keys.allowed, |point| &masks[point]).clone();
        let own = PlaneKeys { mask, ..keys.clone() };
        let measured = wiring.statistics(plane, &own, self.shortfall(state.plan.psf));
        let mut targets: Vec<Key> = masks.iter().flatten().cloned().collect();
        targets.extend(measured.weights.iter().cloned().chain([measured.statistics]));
        targets.extend(self.wire_scales(wiring, state, (&own, &measured.weights), Some(&masks)));
        targets
    }

    /// Brightness of the model that stands out of the residual at the resolution of the beam \[Jy/pixel\].
    fn bright(&self, state: &PlaneState) -> f32 {
        let width = self.beam_pixels(&self.psfs[&state.plan.psf]);
        let area = std::f64::consts::PI / (4.0 * std::f64::consts::LN_2) * width * width;
        (self.plan.config.clean.mask_level(state.stats.scale) / area) as f32
    }

    /// Takes the masks that [`Self::wire_scale_masks`] asked for; statistics follow.
    pub(super) fn take_scale_masks(&self, state: &mut PlaneState, values: &mut impl Iterator<Item = Kept>) {
        let slabs = state.allowed.len();
        for (number, kit) in self.kits(state).iter().enumerate() {
            state.scales[number].mask = values.by_ref().take(slabs).collect();
            if kit.scale.is_point() {
                state.mask.clone_from(&state.scales[number].mask);
            }
        }
    }
}

/// A scale of which the PSF measures less than this share is left out: its components would be noise, amplified.
const LEAST_RESPONSE: f64 = 0.01;
/// Width of a beam that is not known \[pixels\].
const USUAL_BEAM: f64 = 3.0;

/// The statistics of all scales that are not out as one, and the sight of them; without scales those of the residual
/// itself.
pub(super) fn sight<'a>(
    kits: &[ScaleKit],
    scales: &'a [ScaleState],
    own: (&PlaneStats, &'a Levels),
) -> (PlaneStats, Sight<'a>) {
    let (mut stats, levels) = (*own.0, own.1);
    if kits.is_empty() {
        return (stats, Sight::alone(levels));
    }
    (stats.peak, stats.outside, stats.allowed) = (0.0, 0.0, 0);
    let mut images = Vec::new();
    for (kit, state) in kits.iter().zip(scales).filter(|(_, state)| !state.is_out) {
        let bias = kit.scale.bias;
        stats.peak = stats.peak.max(bias * state.stats.peak);
        stats.outside = stats.outside.max(bias * state.stats.outside);
        stats.allowed += state.stats.allowed;
        images.push((bias, &state.levels));
    }
    let is_alone = scales.iter().filter(|scale| !scale.is_out).count() == 1;
    (stats, Sight { images, scales: if is_alone { 1 } else { kits.len() } })
}
