//! The graphs of the convex solver: its start, and some iterations with the exact residual after them.
//!
//! ```text
//! v(part) ─> atom-rows ─> atom-columns(block) ─> atom-advance(part) = v   ┐ so many times
//!                              │  data(block), transfer(block)           ┘
//! v(part) ─> atom-rows ─┬─> atom-columns = model ─> residual ─> rows ─┬─> atom-columns ─> atom-band(part, white) ─> noise
//!                       └──────────────────────────────────────────────┴─> atom-data(block) = data
//! ```

use std::ops::Range;

use super::{PlaneKeys, Rows, Wiring, key};
use crate::algorithms::convex::{Penalty, Splitting};
use crate::algorithms::wiener::{Equation, NoiseModel, Regularisation};
use crate::graph::Key;
use crate::images::{BeamShape, PsfGrid, sample_step};
use crate::pipeline::ops::{
    AtomAdvance, AtomBand, AtomColumns, AtomData, AtomGap, AtomModel, AtomPart, AtomPowers, AtomRescale, AtomRows,
    AtomSetting, AtomStep, AtomView, AtomWeights, DeconvOp, Highest, HighestTransfer, Noise, PartNoise, Setting,
    Shrink, SteadyNoise, SumPowers, SupportWeights, Survey,
};

/// What is solved on a plane.
#[derive(Debug, Clone)]
pub struct SparseCut {
    /// The parts.
    pub setting: AtomSetting,
    /// Constants of the splitting.
    pub splitting: Splitting,
    /// Whether the noise may change by little only from one residual to the next.
    pub is_steady: bool,
    /// `ρ` over `max|H|` of the iterations before.
    pub share_before: f64,
}

/// Keys of the solver's state.
#[derive(Debug, Clone)]
pub struct SparseKeys {
    /// Coefficients, slab by slab, of each part.
    pub v: Vec<Vec<Key>>,
    /// What the thresholds of those that have weights are multiplied by; empty where that is 1.
    pub weights: Vec<Vec<Key>>,
    /// Noise of the residual as each part sees it.
    pub noise: Vec<Key>,
    /// Data of the inner problem, block by block.
    pub data: Vec<Key>,
}

/// Keys of what is known after some iterations.
#[derive(Debug, Clone)]
pub struct SparseMeasured {
    /// The model.
    pub model: Vec<Key>,
    /// Statistics of its exact residual.
    pub statistics: Key,
    /// Inner products of the model with itself and with the one before, and how far the last iteration moved.
    pub numbers: [Key; 3],
}

/// What new weights are made of.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Reweigh {
    /// What was found, as the clean beam sees it.
    Brightness(BeamShape),
    /// Where something was found.
    Support,
}

/// What of a plane does not change: what stands for its PSFs, which modes are usable, and the powers of noise.
#[derive(Debug, Clone)]
pub struct SparseFacts {
    /// Transfer function of the inner problem, block by block: what stands for the PSF, or the highest of all of a grid.
    pub transfer: Vec<Key>,
    /// Usable modes.
    pub usable: Key,
    /// Powers of noise.
    pub powers: Key,
}

/// Wires what is done to one plane.
pub struct Sparse<'w> {
    wiring: &'w mut Wiring,
    plane: usize,
    cut: SparseCut,
    planes: PlaneKeys,
    seen: SparseSeen<'w>,
    facts: SparseFacts,
}

/// Transfer functions of the PSFs that a plane is seen with, and where each holds if there are several.
pub type SparseSeen<'a> = (Vec<Vec<Key>>, Option<&'a PsfGrid>);

impl<'w> Sparse<'w> {
    /// A plane of which nothing is known but its `dirty` rows, or the model and the residual that it begins with, and what it is `seen` with:
    /// the state of coefficients of zeros, and what does not change. `stand_ins` are what stands for the transfer function of each PSF in
    /// the inner problem.
    pub fn begin(
        wiring: &'w mut Wiring,
        plane: usize,
        cut: SparseCut,
        (planes, seen): (&PlaneKeys, SparseSeen<'w>),
        stand_ins: Vec<Vec<Key>>,
    ) -> (SparseKeys, SparseFacts) {
        let facts =
            SparseFacts { transfer: Vec::new(), usable: key("usable", plane, 0), powers: key("powers", plane, 0) };
        let mut sparse = Self { wiring, plane, cut, planes: planes.clone(), seen, facts };
        sparse.survey(stand_ins);
        let zeros = sparse.wiring.empty_model(plane);
        let v = vec![zeros; sparse.cut.setting.dictionary.count()];
        let PlaneKeys { dirty, residual, .. } = &sparse.planes;
        let residual = if residual.is_empty() { dirty.clone() } else { residual.clone() };
        let (data, noise) = sparse.look(&[], &residual);
        (SparseKeys { v, weights: Vec::new(), noise, data }, sparse.facts)
    }

    /// A plane of which that is known.
    pub fn resume(
        wiring: &'w mut Wiring,
        plane: usize,
        cut: SparseCut,
        (planes, seen): (&PlaneKeys, SparseSeen<'w>),
        facts: SparseFacts,
    ) -> Self {
        Self { wiring, plane, cut, planes: planes.clone(), seen, facts }
    }

    /// So many iterations, and the exact residual after them; `before` is the model before, `reweigh` what new weights are made of, if
    /// they are.
    pub fn cycle(
        mut self,
        state: &SparseKeys,
        iterations: u32,
        before: &[Key],
        reweigh: Option<Reweigh>,
    ) -> (SparseKeys, SparseMeasured) {
        let mut state = state.clone();
        if self.cut.share_before.to_bits() != self.cut.splitting.share.to_bits() {
            state.v = self.rescale(&state);
        }
        let mut last = state.v.clone();
        for iteration in 0..iterations {
            let after = self.iterate(&state, iteration);
            last = std::mem::replace(&mut state.v, after);
        }
        let gap = self.gap(&SparseKeys { v: last, ..state.clone() }, &state.v);
        let sky = self.cut.setting.dictionary.of_sky();
        let mut estimates = self.rows(&state, (AtomView::Estimate, "estimate"), 0..sky);
        let model = self.model(&state, &estimates);
        let keys = PlaneKeys { model: model.clone(), ..self.planes.clone() };
        let layout = self.cut.setting.layout;
        let (transfers, grid) = &self.seen;
        let residual = self.wiring.seen_residual(self.plane, &keys, (&layout, (transfers, *grid)));
        let (data, mut noise) = self.look(&estimates, &residual);
        if self.cut.is_steady {
            noise = self.steady(noise, &state.noise);
        }
        let keys = PlaneKeys { residual, ..keys };
        let statistics = self.wiring.statistics(self.plane, &keys, None).statistics;
        let [own, before] =
            [("own", &model[..]), ("before", before)].map(|(name, of)| self.wiring.dot((name, self.plane), &model, of));
        match reweigh {
            Some(Reweigh::Brightness(beam)) => {
                let weighted = self.cut.setting.dictionary.of_weights();
                estimates.extend(self.rows(&state, (AtomView::Estimate, "estimate"), sky..weighted));
                let weights = self.weights(&estimates, beam, &noise[0]);
                let kept = state.v.split_off(weights.len());
                state.v = self.reweighed(&state, &weights).into_iter().chain(kept).collect();
                state.weights = weights;
            }
            Some(Reweigh::Support) => state.weights = self.support(&state),
            None => {}
        }
        (SparseKeys { noise, data, ..state }, SparseMeasured { model, statistics, numbers: [own, before, gap] })
    }

    fn survey(&mut self, stand_ins: Vec<Vec<Key>>) {
        let AtomSetting { layout, shape, .. } = self.cut.setting;
        let (noise, reg, equation) = (NoiseModel::Psf, Regularisation::Identity, Equation::Normal);
        let setting = Setting { layout, shape, noise, reg, equation };
        let transfer = self.surrogate(stand_ins);
        let usable = self.wiring.usable_modes(self.plane, setting, (&transfer, &[]));
        let setting = self.cut.setting.clone();
        let powers = self.each_block("atom-powers", |block| {
            let op = AtomPowers { setting: setting.clone(), block };
            (DeconvOp::AtomPowers(op), vec![transfer[block].clone(), usable.clone()])
        });
        let sum = DeconvOp::SumPowers(SumPowers);
        let powers = self.wiring.task(key("powers", self.plane, 0), sum, powers);
        self.facts = SparseFacts { transfer, usable, powers };
    }

    /// What the inner problem takes for the transfer function: what stands for the PSF, or of several the highest, mode by mode.
    fn surrogate(&mut self, stand_ins: Vec<Vec<Key>>) -> Vec<Key> {
        if self.seen.1.is_none() {
            return stand_ins.into_iter().next().expect("a plane that is solved has a PSF");
        }
        self.each_block("highest-transfer", |block| {
            let inputs = stand_ins.iter().map(|transfer| transfer[block].clone()).collect();
            (DeconvOp::HighestTransfer(HighestTransfer), inputs)
        })
    }

    fn each_block(&mut self, layer: &str, make: impl Fn(usize) -> (DeconvOp, Vec<Key>)) -> Vec<Key> {
        self.wiring.each_block((layer, self.plane), self.cut.setting.layout.blocks(), make)
    }

    fn each_slab(&mut self, layer: &str, make: impl Fn(usize, Rows) -> (DeconvOp, Vec<Key>)) -> Vec<Key> {
        self.wiring.each_slab((layer, self.plane), make)
    }

    /// The thresholds of a slab of a part's coefficients, and what they are taken from.
    fn shrink(&self, state: &SparseKeys, part: usize, (index, rows): (usize, Rows)) -> (Shrink, Vec<Key>) {
        let dictionary = &self.cut.setting.dictionary;
        let penalty = dictionary.penalty(part);
        let mut inputs = vec![
            state.v[part][index].clone(),
            state.noise[part].clone(),
            self.facts.usable.clone(),
            self.planes.dirty[index].clone(),
        ];
        let weights = state.weights.get(part);
        inputs.extend(weights.map(|weights| weights[index].clone()));
        inputs.extend((penalty == Penalty::Huber).then(|| state.noise[0].clone()));
        inputs.extend(dictionary.partner(part).map(|partner| state.v[partner][index].clone()));
        let is_on_pixels = part < dictionary.of_sky();
        let mut splitting = self.cut.splitting;
        splitting.kappa *= dictionary.strictness(part);
        (Shrink { rows, splitting, penalty, is_on_pixels, is_weighted: weights.is_some() }, inputs)
    }

    /// How far an iteration moved the coefficients, the most of all over their thresholds.
    fn gap(&mut self, before: &SparseKeys, after: &[Vec<Key>]) -> Key {
        let mut gaps = Vec::new();
        for (part, after) in after.iter().enumerate() {
            let ops = self.shrinks(before, part);
            gaps.extend(self.each_slab(&format!("atom-gap-{part}"), |index, _| {
                let (shrink, inputs) = ops[index].clone();
                (DeconvOp::AtomGap(AtomGap { shrink }), inputs.into_iter().chain([after[index].clone()]).collect())
            }));
        }
        self.wiring.task(key("highest-gap", self.plane, 0), DeconvOp::Highest(Highest), gaps)
    }

    /// Coefficients of another penalty before.
    fn rescale(&mut self, state: &SparseKeys) -> Vec<Vec<Key>> {
        let (before, splitting) = (self.cut.share_before, self.cut.splitting);
        let ratio = before / splitting.share;
        let of = |part: usize| {
            let ops = self.shrinks(state, part);
            self.each_slab(&format!("atom-rescale-{part}"), |index, _| {
                let (shrink, inputs) = ops[index].clone();
                let shrink = Shrink { splitting: Splitting { share: before, ..splitting }, ..shrink };
                (DeconvOp::AtomRescale(AtomRescale { shrink, ratio, is_reweighed: false }), inputs)
            })
        };
        (0..state.v.len()).map(of).collect()
    }

    /// Coefficients of the first parts, of other weights before.
    fn reweighed(&mut self, state: &SparseKeys, weights: &[Vec<Key>]) -> Vec<Vec<Key>> {
        let of = |(part, weights): (usize, &Vec<Key>)| {
            let ops = self.shrinks(state, part);
            self.each_slab(&format!("atom-reweigh-{part}"), |index, _| {
                let (shrink, inputs) = ops[index].clone();
                let inputs = inputs.into_iter().chain([weights[index].clone()]).collect();
                (DeconvOp::AtomRescale(AtomRescale { shrink, ratio: 1.0, is_reweighed: true }), inputs)
            })
        };
        weights.iter().enumerate().map(of).collect()
    }

    /// Weights that leave free what was found.
    fn support(&mut self, state: &SparseKeys) -> Vec<Vec<Key>> {
        let count = self.cut.setting.dictionary.of_weights();
        let of = |part: usize| {
            let ops = self.shrinks(state, part);
            self.each_slab(&format!("support-{part}"), |index, _| {
                let (shrink, inputs) = ops[index].clone();
                (DeconvOp::SupportWeights(SupportWeights { shrink }), inputs)
            })
        };
        (0..count).map(of).collect()
    }

    /// The thresholds of all slabs of a part's coefficients.
    fn shrinks(&self, state: &SparseKeys, part: usize) -> Vec<(Shrink, Vec<Key>)> {
        self.wiring.cut.slabs().into_iter().enumerate().map(|slab| self.shrink(state, part, slab)).collect()
    }

    /// Row transforms of the coefficients of these parts.
    fn rows(&mut self, state: &SparseKeys, (view, name): (AtomView, &str), parts: Range<usize>) -> Vec<Vec<Key>> {
        let layout = self.cut.setting.layout;
        let of = |part: usize| {
            let shrinks = self.shrinks(state, part);
            self.each_slab(&format!("atom-rows-{name}-{part}"), |index, _| {
                let (shrink, inputs) = shrinks[index].clone();
                (DeconvOp::AtomRows(AtomRows { layout, shrink, view }), inputs)
            })
        };
        parts.map(of).collect()
    }

    fn columns(&mut self, name: &str, images: &[Vec<Key>], step: AtomStep) -> Vec<Key> {
        let (setting, slabs) = (self.cut.setting.clone(), self.wiring.cut.slabs().len());
        let SparseFacts { transfer, usable, .. } = self.facts.clone();
        let rows: Vec<Key> = images.iter().flatten().cloned().collect();
        self.each_block(&format!("atom-columns-{name}"), |block| {
            let mut inputs = rows.clone();
            if step == AtomStep::Bands {
                inputs.extend([transfer[block].clone(), usable.clone()]);
            }
            (DeconvOp::AtomColumns(AtomColumns { setting: setting.clone(), block, slabs, step }), inputs)
        })
    }

    /// Rows of a part among so many.
    fn part(&self, part: (usize, usize), rows: Rows) -> AtomPart {
        let AtomSetting { layout, shape, .. } = self.cut.setting;
        AtomPart { layout, shape, rows, part }
    }

    fn iterate(&mut self, state: &SparseKeys, iteration: u32) -> Vec<Vec<Key>> {
        let reflected = self.rows(state, (AtomView::Reflected, &format!("reflected{iteration}")), 0..state.v.len());
        let (setting, slabs) = (self.cut.setting.clone(), self.wiring.cut.slabs().len());
        let rows: Vec<Key> = reflected.into_iter().flatten().collect();
        let SparseFacts { transfer, usable, .. } = self.facts.clone();
        let step = AtomStep::Correct(self.cut.splitting);
        let blocks = self.each_block(&format!("atom-columns-step{iteration}"), |block| {
            let known = [&transfer[block], &state.data[block], &usable].map(Key::clone);
            let inputs = rows.iter().cloned().chain(known).collect();
            (DeconvOp::AtomColumns(AtomColumns { setting: setting.clone(), block, slabs, step }), inputs)
        });
        let count = state.v.len();
        let of = |part: usize| {
            let all = self.wiring.cut.slabs().into_iter().enumerate();
            let ops: Vec<_> =
                all.map(|slab| (self.part((part, count), slab.1), self.shrink(state, part, slab))).collect();
            self.each_slab(&format!("atom-advance{iteration}-{part}"), |index, _| {
                let (part, (shrink, inputs)) = ops[index].clone();
                let inputs = inputs.into_iter().chain(blocks.iter().cloned()).collect();
                (DeconvOp::AtomAdvance(AtomAdvance { part, shrink }), inputs)
            })
        };
        (0..count).map(of).collect()
    }

    /// The model: that which was given, points as they are, and what wider atoms contribute.
    fn model(&mut self, state: &SparseKeys, estimates: &[Vec<Key>]) -> Vec<Key> {
        let has_points = self.cut.setting.dictionary.has_points();
        let wide = &estimates[usize::from(has_points)..];
        let blocks =
            if wide.is_empty() { Vec::new() } else { self.columns("model", wide, AtomStep::Model(wide.len())) };
        let slabs = self.wiring.cut.slabs().into_iter().enumerate();
        let ops: Vec<_> = slabs
            .map(|(index, rows)| {
                let part = self.part((0, 1), rows);
                let (points, inputs) = if has_points {
                    let (shrink, inputs) = self.shrink(state, 0, (index, rows));
                    (Some(shrink), inputs)
                } else {
                    (None, vec![self.planes.dirty[index].clone()])
                };
                let given = self.planes.model.get(index).cloned();
                let is_continued = given.is_some();
                (AtomModel { part, points, is_continued }, inputs.into_iter().chain(given).collect::<Vec<_>>())
            })
            .collect();
        self.each_slab("atom-model", |index, _| {
            let (op, inputs) = ops[index].clone();
            (DeconvOp::AtomModel(op), inputs.into_iter().chain(blocks.iter().cloned()).collect())
        })
    }

    /// Data of the inner problem, and the noise that each part sees, given row transforms of the estimates and the exact residual.
    fn look(&mut self, estimates: &[Vec<Key>], residual: &[Key]) -> (Vec<Key>, Vec<Key>) {
        let (setting, slabs) = (self.cut.setting.clone(), self.wiring.cut.slabs().len());
        let rows = self.wiring.field_rows("rows-residual", self.plane, residual, &setting.layout);
        let bands = self.columns("bands", std::slice::from_ref(&rows), AtomStep::Bands);
        let images: Vec<Key> = estimates.iter().flatten().chain(&rows).cloned().collect();
        let (transfer, usable, count) = (self.facts.transfer.clone(), self.facts.usable.clone(), estimates.len());
        let data = self.each_block("atom-data", |block| {
            let op = AtomData { setting: setting.clone(), block, slabs, estimates: count };
            (DeconvOp::AtomData(op), images.iter().chain([&transfer[block], &usable]).cloned().collect())
        });
        let count = setting.dictionary.count();
        let white = self.noise(count, &bands);
        let noise = (0..count)
            .map(|part| {
                let inputs = vec![self.noise(part, &bands), white.clone(), self.facts.powers.clone()];
                self.wiring.task(key("part-noise", self.plane, part), DeconvOp::PartNoise(PartNoise { part }), inputs)
            })
            .collect();
        (data, noise)
    }

    /// Robust noise of the residual as a part sees it, or whitened, which is the last.
    fn noise(&mut self, part: usize, bands: &[Key]) -> Key {
        let count = self.cut.setting.dictionary.count() + 1;
        let parts: Vec<_> = self.wiring.cut.slabs().into_iter().map(|rows| self.part((part, count), rows)).collect();
        let band = self.each_slab(&format!("atom-band-{part}"), |index, _| {
            (DeconvOp::AtomBand(AtomBand { part: parts[index].clone() }), bands.to_vec())
        });
        let (step, dirty) = (sample_step(self.cut.setting.shape), self.planes.dirty.clone());
        let surveys = self.each_slab(&format!("survey-band-{part}"), |index, rows| {
            (DeconvOp::Survey(Survey { rows, step }), vec![band[index].clone(), dirty[index].clone()])
        });
        self.wiring.task(key(&format!("noise-band-{part}"), self.plane, 0), DeconvOp::Noise(Noise), surveys)
    }

    fn steady(&mut self, now: Vec<Key>, before: &[Key]) -> Vec<Key> {
        let each = now.into_iter().zip(before).enumerate();
        each.map(|(part, (now, before))| {
            let inputs = vec![now, before.clone()];
            self.wiring.task(key("steady-noise", self.plane, part), DeconvOp::SteadyNoise(SteadyNoise), inputs)
        })
        .collect()
    }

    fn weights(&mut self, estimates: &[Vec<Key>], beam: BeamShape, noise: &Key) -> Vec<Vec<Key>> {
        let step = AtomStep::Amplitudes((beam.a, beam.b, beam.c));
        let blocks = self.columns("amplitudes", estimates, step);
        let count = estimates.len();
        let of = |part: usize| {
            let parts: Vec<_> =
                self.wiring.cut.slabs().into_iter().map(|rows| self.part((part, count), rows)).collect();
            self.each_slab(&format!("atom-weights-{part}"), |index, _| {
                let inputs = std::iter::once(noise).chain(&blocks).cloned().collect();
                (DeconvOp::AtomWeights(AtomWeights { part: parts[index].clone() }), inputs)
            })
        };
        (0..count).map(of).collect()
    }
}
