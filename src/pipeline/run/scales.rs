//! The scales of multiscale CLEAN: their PSFs and kernels, and what a plane looks like at each.

use super::state::{PlaneState, PsfState, ScaleKit, ScaleState};
use super::{RunError, Session};
use crate::algorithms::{Levels, Phase, PlaneStats, Scale, Shortfall, Sight};
use crate::fft::Layout;
use crate::graph::Key;
use crate::pipeline::config::BeamChoice;
use crate::pipeline::graphs::{Kept, PlaneKeys, Slabs, Wiring};
use crate::pipeline::ops::{Value, constant};

impl Session<'_> {
    /// Computes the PSFs and kernels of the scales where they are missing.
    pub(super) fn load_scales(&mut self) -> Result<(), RunError> {
        let mut wiring = self.wiring();
        let (mut targets, mut wired) = (Vec::new(), Vec::new());
        for (plane, state) in &self.psfs {
            let (Some(facts), Some(whole)) = (state.facts(), &state.whole) else { continue };
            if !state.scales.is_empty() {
                continue;
            }
            let scales = self.plan.config.multiscale.list(self.beam_pixels(state), self.plan.cut.shape);
            let layout = wiring.scale_layout(&scales);
            let psf = wiring.give("held-psf", *plane, 0, whole);
            for at in scales.iter().copied().enumerate().filter(|(_, scale)| !scale.is_point()) {
                let smooth = wiring.smooth_psf((*plane, at), &psf, facts.peak);
                targets.extend([smooth.clone(), wiring.edge_level((*plane, at.0), &smooth)]);
                targets.extend(wiring.scale_transfer((*plane, at), &layout));
            }
            wired.push((*plane, scales, layout));
        }
        let mut values = self.execute(wiring, &targets)?.into_iter();
        for (plane, scales, layout) in wired {
            let mut kits = Vec::new();
            for scale in scales {
                kits.extend(self.kit(scale, &layout, (plane, &mut values))?);
            }
            self.psfs.get_mut(&plane).expect("it was found in the map").scales = kits;
        }
        Ok(())
    }

    /// What a scale is cleaned with; `None` for one that the PSF does not measure.
    fn kit(
        &self,
        scale: Scale,
        layout: &Layout,
        from: (usize, &mut impl Iterator<Item = Kept>),
    ) -> Result<Option<ScaleKit>, RunError> {
        let (plane, values) = from;
        let state = &self.psfs[&plane];
        if scale.is_point() {
            let psf = state.whole.clone().expect("a PSF with scales is whole");
            return Ok(Some(ScaleKit { scale, psf, layout: *layout, transfer: Vec::new(), shortfall: None }));
        }
        let psf = values.next().expect("each scale has a PSF");
        let level = values.next().expect("each scale has a level").small().noise().rms;
        let transfer: Slabs = values.by_ref().take(layout.blocks()).collect();
        let response = match &*self.read(&psf)? {
            Value::Psf(smooth) => smooth.scale(),
            _ => 0.0,
        };
        let share = f64::from(response) / scale.response(self.beam_pixels(state));
        if share < LEAST_RESPONSE {
            let note = format!("scale of {:.1} pixels left out: the PSF measures {share:.1e} of it", scale.width);
            self.tools.watch.note(&note);
            return Ok(None);
        }
        let beam = self.beam_pixels(state);
        let shortfall = self.shortfall(plane).map(|shortfall| Shortfall {
            level: f64::from(scale.bias) * level,
            // flux within two widths of a component adds up
            cell: (2.0 * beam + scale.width).ceil() as usize,
            ..shortfall
        });
        Ok(Some(ScaleKit { scale, psf, layout: *layout, transfer, shortfall }))
    }

    /// Mean full width of the clean beam at half maximum \[pixels\].
    pub(super) fn beam_pixels(&self, psf: &PsfState) -> f64 {
        let given = match self.plan.config.restore.beam {
            BeamChoice::Given(beam) => {
                self.plan.cell().map(|cell| (beam.bmaj * beam.bmin / (cell.dx * cell.dy).abs()).sqrt())
            }
            BeamChoice::Fit => None,
        };
        let fitted = || psf.fit().map(|fit| (fit.pixels.0 * fit.pixels.1).sqrt());
        given.or_else(fitted).filter(|width| width.is_finite() && *width > 0.0).unwrap_or(USUAL_BEAM)
    }

    /// The kits of a plane's PSF; none where components are points only.
    pub(super) fn kits(&self, state: &PlaneState) -> &[ScaleKit] {
        &self.psfs[&state.plan.psf].scales
    }

    /// Begins a plane, which has been looked at at no scale yet.
    pub(super) fn begin_scales(&self, state: &mut PlaneState) {
        state.scales = self.kits(state).iter().map(|_| ScaleState::over(&state.allowed)).collect();
        for (kit, scale) in self.kits(state).iter().zip(&mut state.scales) {
            if kit.scale.is_point() {
                (scale.stats, scale.levels, scale.is_fresh) = (state.stats, state.levels.clone(), true);
            } else {
                // to be looked at first
                scale.stats.peak = f32::INFINITY;
            }
        }
    }

    /// The scales to look at after a cycle of the chosen one down to `floor`: that one, to see what the cycle did, and the one
    /// that will stand out most then.
    pub(super) fn foresee(&self, state: &mut PlaneState, floor: f32) -> Vec<usize> {
        let kits = self.kits(state);
        state.scales[state.chosen].stats.peak = floor / kits[state.chosen].scale.bias;
        let (next, ..) = choose(kits, &state.scales, (&state.stats, &state.levels), 1.0);
        let mut wanted = vec![state.chosen.min(next), state.chosen.max(next)];
        wanted.dedup();
        wanted.retain(|number| !kits[*number].scale.is_point());
        wanted
    }

    /// Looks at the wanted scales of the residual that stands.
    pub(super) fn wire_look(&self, wiring: &mut Wiring, state: &mut PlaneState) -> Vec<Key> {
        let weights = wiring.give_all("held-weights", state.plan.plane, &state.weights);
        let keys = state.give(wiring, false);
        self.wire_scales(wiring, state, (&keys, &weights), None)
    }

    /// The residual at the wanted scales and its statistics: images and statistics, scale after scale. `masks` are those of
    /// all scales where they are not the ones that the plane holds.
    pub(super) fn wire_scales(
        &self,
        wiring: &mut Wiring,
        state: &PlaneState,
        given: (&PlaneKeys, &[Key]),
        masks: Option<&[Vec<Key>]>,
    ) -> Vec<Key> {
        let ((keys, weights), plane) = (given, state.plan.plane);
        let kits = self.kits(state);
        let Some(first) = state.wanted.first() else { return Vec::new() };
        let rows = wiring.field_rows("rows-residual", plane, &keys.residual, &kits[*first].layout);
        let mut targets = Vec::new();
        for number in state.wanted.iter().copied() {
            let kit = &kits[number];
            let transfer = wiring.give_all(&format!("held-scale{number}"), state.plan.psf, &kit.transfer);
            let image = wiring.smooth((plane, number), &kit.layout, &rows, &transfer);
            let mask = match masks {
                Some(masks) => masks[number].clone(),
                None => wiring.give_all(&format!("held-mask{number}"), plane, &state.scales[number].mask),
            };
            let at = PlaneKeys { residual: image, mask, allowed: keys.allowed.clone(), ..PlaneKeys::default() };
            let floor = kit
                .shortfall
                .map(|shortfall| wiring.scale_floor((plane, number), shortfall, (&weights[1], &keys.model)));
            // the local rms is that of the points
            let local = &weights[1 + usize::from(self.shortfall(state.plan.psf).is_some())..];
            let own: Vec<Key> = weights[..1].iter().chain(&floor).chain(local).cloned().collect();
            let statistics = wiring.scale_statistics((plane, number), kit.scale.grid(), &at, &own);
            targets.extend(at.residual.into_iter().chain(floor).chain([statistics]));
        }
        targets
    }

    /// Takes what [`Self::wire_look`] asked for.
    pub(super) fn take_look(&self, state: &mut PlaneState, values: &mut impl Iterator<Item = Kept>) {
        self.take_scales(state, values);
        let (_, stats, _) = choose(self.kits(state), &state.scales, (&state.stats, &state.levels), 1.0);
        if stats.peak.is_finite() {
            state.control.as_mut().expect("a plane that is cleaned has a control").learned(stats.peak);
        }
    }

    /// Takes note of a scale that was out of date before the last cycle: if it stands higher than known, it did before.
    pub(super) fn learn(&self, state: &mut PlaneState, foreseen: Option<usize>) {
        let Some(number) = foreseen else { return };
        let peak = self.kits(state)[number].scale.bias * state.scales[number].stats.peak;
        state.control.as_mut().expect("a plane that is cleaned has a control").learned(peak);
    }

    /// Leaves out the wide scale whose cycle was taken back, unless it is the last one: where the PSF falls short, some
    /// scales fit what it does not explain. Inside the auto-mask the next cycles are more careful instead.
    pub(super) fn leave_out(&self, state: &mut PlaneState) {
        let is_open = state.control.as_ref().is_some_and(|control| control.state().phase == Phase::Open);
        let others = state.scales.iter().filter(|scale| !scale.is_out).count() > 1;
        let Some(kit) = self.kits(state).get(state.cleaned) else { return };
        if is_open && others && !kit.scale.is_point() {
            state.scales[state.cleaned].is_out = true;
            let (label, width) = (&state.plan.label, kit.scale.width);
            self.tools.watch.note(&format!("{label}: going on without the scale of {width:.1} pixels"));
        }
    }

    /// Takes what [`Self::wire_scales`] asked for, after the statistics of the residual itself.
    pub(super) fn take_scales(&self, state: &mut PlaneState, values: &mut impl Iterator<Item = Kept>) {
        let slabs = self.plan.cut.slabs().len();
        for number in std::mem::take(&mut state.wanted) {
            let scale = &mut state.scales[number];
            scale.image = values.by_ref().take(slabs).collect();
            let floors = usize::from(self.psfs[&state.plan.psf].scales[number].shortfall.is_some());
            scale.floor = values.by_ref().take(floors).collect();
            let statistics = values.next().expect("each scale has its statistics").small();
            let Value::Statistics(stats, levels) = &*statistics else { unreachable!("statistics were asked for") };
            (scale.stats, scale.levels, scale.is_fresh) = (*stats, levels.clone(), true);
        }
        for (kit, scale) in self.kits(state).iter().zip(&mut state.scales) {
            if kit.scale.is_point() {
                (scale.stats, scale.levels, scale.is_fresh) = (state.stats, state.levels.clone(), true);
            }
        }
    }

    /// The masks of the scales from what was found at each, or the user's for all, and the statistics inside them: masks
    /// scale after scale, weights and statistics of the residual, then all scales.
    pub(super) fn wire_scale_masks(&self, wiring: &mut Wiring, state: &mut PlaneState, is_open: bool) -> Vec<Key> {
        let plane = state.plan.plane;
        state.discard_looks(self.kits(state));
        let keys = state.give(wiring, false);
        let nothing = Kept::new(constant(Value::Step(<_>::default()), &"step-none"));
        let growth = (self.plan.config.clean.mask_dilate, self.bright(state));
        let kits = self.kits(state);
        let masks: Vec<Vec<Key>> = (kits.iter().enumerate())
            .map(|(number, kit)| {
                if is_open {
                    return keys.allowed.clone();
                }
                let found = state.scales[number].found.as_ref().unwrap_or(&nothing);
                let found = wiring.give("held-found", plane, number, found);
                wiring.mask_found((plane, (number, kit.scale)), &keys, &found, growth)
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
        (self.plan.config.clean.auto_mask * state.stats.scale / area) as f32
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

/// The scales that must be looked at before a plane's control can decide: the chosen one if it is out of date; all
/// that are where the end of a phase is near, or where nothing is known of one.
pub(super) fn out_of_date(state: &PlaneState, stats: &PlaneStats) -> Vec<usize> {
    let Some(chosen) = state.scales.get(state.chosen) else { return Vec::new() };
    let control = state.control.as_ref().expect("a plane that is cleaned has a control");
    let stale =
        (0..state.scales.len()).filter(|number| !state.scales[*number].is_fresh && !state.scales[*number].is_out);
    if control.nears_the_end(stats) || !stats.peak.is_finite() {
        stale.collect()
    } else if chosen.is_fresh {
        Vec::new()
    } else {
        vec![state.chosen]
    }
}

/// The scale that stands out most of those that are not out, the statistics of all as one, and the sight of it; without scales the
/// residual itself. A cycle leaves the share `leaves` of a scale.
pub(super) fn choose<'a>(
    kits: &[ScaleKit],
    scales: &'a [ScaleState],
    own: (&PlaneStats, &'a Levels),
    leaves: f32,
) -> (usize, PlaneStats, Sight<'a>) {
    let (mut stats, levels) = (*own.0, own.1);
    if kits.is_empty() {
        return (0, stats, Sight::alone(levels));
    }
    (stats.peak, stats.outside, stats.allowed) = (0.0, 0.0, 0);
    let (mut chosen, mut rival) = (0, 0.0_f32);
    for (number, (kit, state)) in kits.iter().zip(scales).enumerate().filter(|(_, (_, state))| !state.is_out) {
        let peak = kit.scale.bias * state.stats.peak;
        if peak > stats.peak {
            (rival, stats.peak, chosen) = (stats.peak, peak, number);
        } else {
            rival = rival.max(peak);
        }
        stats.outside = stats.outside.max(kit.scale.bias * state.stats.outside);
        stats.allowed += state.stats.allowed;
    }
    let is_alone = scales.iter().filter(|scale| !scale.is_out).count() == 1;
    let number = if is_alone { 1 } else { kits.len() };
    let sight = Sight { levels: &scales[chosen].levels, bias: kits[chosen].scale.bias, scales: number, rival, leaves };
    (chosen, stats, sight)
}
