//! The convex solver over a batch of planes: some iterations and the exact residual after them, one graph each time.

mod solving;

use solving::{Due, Pace, Point, Solving};

use super::state::PlaneState;
use super::{RunError, Session};
use crate::algorithms::StopReason;
use crate::algorithms::convex::{Dictionary, Splitting};
use crate::algorithms::wiener::Usable;
use crate::pipeline::graphs::{
    Kept, PlaneKeys, Reweigh, Slabs, Sparse, SparseCut, SparseKeys, SparseMeasured, SparseSeen, Wiring,
};
use crate::pipeline::ops::{AtomSetting, Value};
use crate::pipeline::outcome::ConvexOutcome;

impl Session<'_> {
    /// Solves every plane of the batch.
    pub(super) fn sparse(&mut self, states: &mut [PlaneState]) -> Result<(), RunError> {
        self.load_transfers(false)?;
        self.load_stand_ins()?;
        if !self.has_start() {
            self.begin_with_model(states)?;
        }
        for (state, usable) in self.usable_of_psfs(states)? {
            state.notes.extend(unmeasured_flux(usable.small().usable()));
        }
        let all: Vec<usize> = (0..states.len()).filter(|index| states[*index].stop.is_none()).collect();
        let mut open = self.begin_sparse(states, &all)?;
        loop {
            let interrupted = self.tools.cancel.is_requested();
            for solving in
                open.extract_if(.., |solving| interrupted || solving.stop(&self.plan.config.convex).is_some())
            {
                let stop = solving.stop(&self.plan.config.convex).unwrap_or(StopReason::Interrupted);
                self.end_sparse(&mut states[solving.index], solving, stop);
            }
            if open.is_empty() {
                return Ok(());
            }
            self.reset_sparse(states, &mut open)?;
            self.cycle_sparse(states, &mut open)?;
        }
    }

    fn atoms(&self, state: &PlaneState) -> AtomSetting {
        let (cut, scales) = (self.plan.cut, &self.plan.config.multiscale);
        let dictionary = self.plan.config.convex.dictionary(scales, self.plan.beam_pixels, cut.shape);
        let layout = self.psfs[&state.plan.psf].kernel.layout;
        AtomSetting { layout, shape: cut.shape, dictionary, mirrors: self.is_convex_by_mirrors() }
    }

    /// Whether every mode stands for itself, so that one of negative transfer may be mirrored.
    fn is_convex_by_mirrors(&self) -> bool {
        self.plan.is_circular() && self.plan.grid().is_none()
    }

    /// What is solved, with `ρ` now and before over that at the begin.
    fn sparse_cut(&self, state: &PlaneState, (pace, rho): (Pace, [f64; 2])) -> SparseCut {
        let Pace { relaxation, is_steady, .. } = pace;
        let setting = self.atoms(state);
        let kappa = self.plan.config.convex.kappa();
        let [share, share_before] = rho.map(|rho| rho * setting.dictionary.share(self.plan.is_circular()));
        SparseCut { setting, splitting: Splitting { kappa, share, relaxation }, is_steady, share_before }
    }

    /// The state of models of zeros, or of those that were given.
    fn begin_sparse(&self, states: &[PlaneState], planes: &[usize]) -> Result<Vec<Solving>, RunError> {
        let mut wiring = self.wiring();
        let mut targets = Vec::new();
        let active = || planes.iter().map(|index| (*index, &states[*index]));
        for (_, state) in active() {
            let (planes, seen) = self.sparse_keys(&mut wiring, state);
            let residual = wiring.give_all("held-residual", state.plan.plane, &state.residual);
            let planes = PlaneKeys { residual, ..planes };
            let stand_ins = self.give_stand_ins(&mut wiring, state.plan.psf);
            let (keys, facts) = Sparse::begin(
                &mut wiring,
                state.plan.plane,
                self.sparse_cut(state, (Pace::BOLD, [1.0; 2])),
                (&planes, seen),
                stand_ins,
            );
            targets.extend([facts.usable, facts.powers]);
            targets.extend(self.plan.grid().into_iter().flat_map(|_| facts.transfer.clone()));
            targets.extend(keys.v[0].iter().chain(&keys.noise).chain(&keys.data).cloned());
            targets.extend(
                (!planes.model.is_empty())
                    .then(|| wiring.dot(("given", state.plan.plane), &planes.model, &planes.model)),
            );
        }
        let mut values = self.execute(wiring, &targets)?.into_iter();
        let slabs = self.plan.cut.slabs().len();
        Ok(active()
            .map(|(index, state)| {
                let AtomSetting { layout, dictionary, .. } = self.atoms(state);
                let [usable, powers] = [(); 2].map(|()| values.next().expect("what does not change comes first"));
                let mut take = |count: usize| -> Slabs { values.by_ref().take(count).collect() };
                let surrogate = take(self.plan.grid().map_or(0, |_| layout.blocks()));
                let zeros = take(slabs);
                let now = Point {
                    // in the order of the targets
                    v: vec![zeros.clone(); dictionary.count()],
                    weights: Vec::new(),
                    noise: take(dictionary.count()),
                    data: take(layout.blocks()),
                    model: if state.model.is_empty() { zeros } else { state.model.clone() },
                    norm: take(state.model.len().min(1)).first().map_or(0.0, |norm| *norm.small().scalar()),
                    stats: state.stats,
                };
                Solving::begin(index, surrogate, [usable, powers], now, self.is_convex_by_mirrors())
            })
            .collect())
    }

    /// Begins with models of zeros again where that is to be.
    fn reset_sparse(&self, states: &[PlaneState], open: &mut [Solving]) -> Result<(), RunError> {
        let planes: Vec<usize> = open.iter().filter(|solving| solving.is_reset).map(|solving| solving.index).collect();
        if planes.is_empty() {
            return Ok(());
        }
        let fresh = self.begin_sparse(states, &planes)?;
        for (solving, fresh) in open.iter_mut().filter(|solving| solving.is_reset).zip(fresh) {
            (solving.now, solving.lowest, solving.is_reset) = (fresh.now, fresh.lowest, false);
            // there are no coefficients yet that another penalty was for
            (solving.lowest_gap, solving.rho) = (fresh.lowest_gap, [solving.rho[0]; 2]);
        }
        Ok(())
    }

    fn sparse_keys(&self, wiring: &mut Wiring, state: &PlaneState) -> (PlaneKeys, SparseSeen<'_>) {
        let plane = state.plan.plane;
        let planes = PlaneKeys {
            dirty: wiring.give_all("held-dirty", plane, &state.dirty),
            model: wiring.give_all("held-given", plane, &state.model),
            allowed: wiring.give_all("held-allow", plane, &state.allowed),
            mask: wiring.give_all("held-mask", plane, &state.mask),
            ..PlaneKeys::default()
        };
        (planes, (self.give_transfers(wiring, state.plan.psf), self.plan.grid()))
    }

    /// Some iterations of every open plane.
    fn cycle_sparse(&self, states: &[PlaneState], open: &mut [Solving]) -> Result<(), RunError> {
        let mut wiring = self.wiring();
        let mut targets = Vec::new();
        let mut asked = Vec::new();
        for solving in open.iter() {
            let state = &states[solving.index];
            let plane = state.plan.plane;
            let (planes, seen) = self.sparse_keys(&mut wiring, state);
            let stand_ins = self.give_stand_ins(&mut wiring, state.plan.psf);
            let facts = solving.facts(&mut wiring, plane, &stand_ins);
            let (keys, model) = solving.now.give(&mut wiring, plane);
            let (iterations, due) = solving.next(&self.plan.config.convex);
            let reweigh = match due {
                Some(Due::Brightness) => self.seen_beam(state).map(Reweigh::Brightness),
                Some(Due::Support) => Some(Reweigh::Support),
                None => None,
            };
            let cut = self.sparse_cut(state, (solving.pace, solving.rho));
            let sparse = Sparse::resume(&mut wiring, plane, cut, (&planes, seen), facts);
            let (after, measured) = sparse.cycle(&keys, iterations, &model, reweigh);
            targets.extend(all(&after, &measured));
            asked.push((iterations, due.filter(|_| reweigh.is_some())));
        }
        let mut values = self.execute(wiring, &targets)?.into_iter();
        for (solving, (iterations, made)) in open.iter_mut().zip(asked) {
            let has_weights = made.is_some() || !solving.now.weights.is_empty();
            let weights = if has_weights { self.atoms(&states[solving.index]).dictionary.of_weights() } else { 0 };
            let (after, numbers) = self.point(solving, weights, &mut values);
            solving.advance(after, numbers, (iterations, made));
            let state = &states[solving.index];
            let (label, rms, change) = (&state.plan.label, solving.now.stats.rms, solving.change);
            let (done, gap) = (solving.iterations, solving.gap);
            self.tools.watch.note(&format!(
                "{label}: iteration {done}, rms {rms:.3e} Jy/beam, change {change:.1e}, thresholds missed by {gap:.1e}"
            ));
        }
        Ok(())
    }

    /// Takes what [`all`] asked for; also the inner product of the models after and before, and the gap.
    fn point(&self, solving: &Solving, weighted: usize, values: &mut impl Iterator<Item = Kept>) -> (Point, [f64; 2]) {
        let (slabs, parts) = (self.plan.cut.slabs().len(), solving.now.noise.len());
        let mut take = |count: usize| -> Slabs { values.by_ref().take(count).collect() };
        let v = (0..parts).map(|_| take(slabs)).collect();
        let weights = (0..weighted).map(|_| take(slabs)).collect();
        let (noise, data, model) = (take(parts), take(solving.now.data.len()), take(slabs));
        let last = take(4);
        let statistics = last[0].small();
        let Value::Statistics(stats, _) = &*statistics else { unreachable!("statistics were asked for") };
        let [norm, before, gap] = [&last[1], &last[2], &last[3]].map(|number| *number.small().scalar());
        (Point { v, weights, noise, data, model, norm, stats: *stats }, [before, gap])
    }

    fn end_sparse(&self, state: &mut PlaneState, solving: Solving, stop: StopReason) {
        let Solving { usable, now, iterations, reweights, change, gap, rho, freed, pace, backs, curve, start, .. } =
            solving;
        if backs > 0 {
            state.notes.push(format!(
                "iterations were taken back {backs} times, since they raised the residual: the PSF is hard to invert"
            ));
        }
        let kappa = self.plan.config.convex.kappa();
        let notes = [worse_residual(now.stats.rms, start), empty_model(now.norm, kappa)];
        state.notes.extend(notes.into_iter().flatten());
        let sigma = |noise: &Kept| noise.small().noise().sigma;
        let dictionary = self.atoms(state).dictionary;
        state.convex = Some(ConvexOutcome {
            prior: self.plan.config.convex.prior,
            kappa,
            widths_pixels: if let Dictionary::Atoms { widths, .. } = &dictionary { widths.clone() } else { Vec::new() },
            noise: now.noise.iter().map(sigma).collect(),
            rho: rho[0] * dictionary.share(self.plan.is_circular()) * usable.small().usable().max_transfer,
            relaxation: pace.relaxation,
            iterations,
            change,
            gap,
            reweights,
            debiased: freed.is_some(),
            taken_back: backs,
        });
        (state.model, state.residual) = (now.model, Vec::new());
        state.usable = Some(usable);
        state.solver = curve;
        state.stop = Some(stop);
    }
}

/// What to tell of a model whose residual is above that which the plane began with.
fn worse_residual(rms: f64, start: f64) -> Option<String> {
    (rms > start).then(|| {
        format!(
            "the residual is worse than in the beginning: rms {rms:.3e} Jy/beam, {start:.3e} before; raise --kappa, or give a PSF of twice \
             the image's size with --boundary linear"
        )
    })
}

/// What to tell of a model without anything in it.
fn empty_model(norm: f64, kappa: f64) -> Option<String> {
    (norm <= 0.0).then(|| {
        format!("nothing is above the thresholds of {kappa} times the noise, so the model is empty: lower --kappa")
    })
}

/// What to tell where the PSF does not measure the total flux.
fn unmeasured_flux(usable: &Usable) -> Option<String> {
    (!usable.is_flux_measured()).then(|| {
        format!(
            "the total flux is not measured (H at zero spacing is {:.1e} of its maximum): that of the model is the least that the thresholds \
             leave, continued from the shortest spacings; where emission is wider than these show do not quote it",
            usable.zero_spacing_share()
        )
    })
}

/// All keys of a state and of what is known with it, in the order in which [`Session::point`] takes the values.
fn all(state: &SparseKeys, measured: &SparseMeasured) -> Vec<crate::graph::Key> {
    let SparseKeys { v, weights, noise, data } = state;
    let SparseMeasured { model, statistics, numbers } = measured;
    let slabs = v.iter().chain(weights).flatten().chain(noise).chain(data).chain(model);
    slabs.chain([statistics]).chain(numbers).cloned().collect()
}
