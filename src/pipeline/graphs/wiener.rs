//! The graphs of Wiener-Hunt: the filter in one pass, and an iteration of the linear boundary's solver.
//!
//! ```text
//! dirty ─> rows ─┬──────────────────────────────> filter(block) ─> filtered(slab) = model
//!                └─> spectrum(block) ─┐                │
//! transfer(block) ─> mode-survey ─> usable ─> mode-table(block) ─> lambda ─┘
//! ```
//! With λ given nothing needs the spectrum twice: the filter transforms the columns itself and no table is made.

use super::{PlaneKeys, Transfers, Wiring, key};
use crate::algorithms::wiener::{Equation, Filter, Inference, MaternAsk};
use crate::graph::Key;
use crate::images::BeamShape;
use crate::pipeline::ops::{
    ApplyFilter, BinSteps, CeilingBlock, ChooseLambda, Combine, CrossValidate, DeconvOp, Field, FilterStep, Filtered,
    FilteredRows, FitMatern, KernelTransfer, MergeSpread, MergeTables, ModeTable, Setting, SpreadBlock, TaperRows,
};

/// Wires what is done to one plane.
pub struct Solver<'w> {
    pub(super) wiring: &'w mut Wiring,
    pub(super) plane: usize,
    pub(super) setting: Setting,
    pub(super) dirty: Vec<Key>,
    /// The transfer function that is solved with.
    pub(super) transfer: Vec<Key>,
    /// What else there is where that is the one with natural weights.
    pub(super) seen: Option<Seen>,
    /// The usable modes.
    pub usable: Key,
    /// The choice of λ.
    pub choice: Option<Key>,
    /// The criterion of cross-validation, and the table that it is computed from, where asked.
    pub score: Option<[Key; 2]>,
    /// The criteria over λ, where it is given and they are asked for.
    pub curves: Option<Key>,
    /// The posterior variance, where asked.
    pub spread: Option<Key>,
    pub(super) lambda: Option<f64>,
}

/// How λ is chosen, and what else is wanted of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Asked {
    /// How it is chosen.
    pub inference: Inference,
    /// Whether the criterion of cross-validation is wanted, whatever the rule.
    pub is_scored: bool,
    /// Noise of the dirty image that goes with a λ that is given, where the posterior variance is wanted \[Jy/beam\].
    pub spread: Option<f64>,
}

/// Keys of the solver's state: `x`, the residual `r` of the equation, the direction `p`, and the numbers with them.
#[derive(Debug, Clone)]
pub struct SolverKeys {
    /// The model so far.
    pub x: Vec<Key>,
    /// `rhs - A x`.
    pub r: Vec<Key>,
    /// Where the next step goes.
    pub p: Vec<Key>,
    /// `r . z`, `z` being the preconditioned residual.
    pub rz: Key,
}

impl<'w> Solver<'w> {
    /// A plane of which nothing is known but its `dirty` rows and the PSF's `transfer`; chooses λ as `asked`. Also returns the
    /// dirty image's spectrum.
    pub fn begin(
        wiring: &'w mut Wiring,
        plane: usize,
        setting: Setting,
        keys: (&PlaneKeys, impl Into<Transfers>),
        asked: Asked,
    ) -> (Self, Spectrum) {
        let ((planes, transfers), Asked { inference, is_scored, spread }) = (keys, asked);
        let rows = wiring.field_rows("rows-dirty", plane, &planes.dirty, &setting.layout);
        let lambda = inference.rule.given();
        let known = (key("usable", plane, 0), None, lambda);
        let mut solver = Self::resume(wiring, plane, setting, (planes, transfers), known);
        let is_linear = setting.equation != Equation::Normal;
        let is_compared = lambda.is_some() && inference.curves.is_some();
        let is_tabulated = lambda.is_none() || is_scored || is_compared;
        let (spectrum, raw) = match &solver.seen {
            None if !is_tabulated => (Spectrum::Rows(rows), None),
            Some(_) if !is_tabulated && is_linear => (Spectrum::Rows(rows), None),
            None => (Spectrum::Columns(solver.spectrum(&rows)), None),
            Some(_) => {
                let raw = solver.spectrum(&rows);
                (Spectrum::Columns(solver.matched(raw.clone())), is_linear.then_some(raw))
            }
        };
        solver.survey(&spectrum);
        if let Spectrum::Columns(columns) = &spectrum
            && is_tabulated
        {
            let tables = solver.tables(columns);
            match lambda {
                None => solver.choice = Some(solver.choose(&tables, inference)),
                Some(_) if is_compared => solver.curves = Some(solver.choose(&tables, inference)),
                Some(_) => {}
            }
            solver.score = is_scored.then(|| solver.cross_validate(tables));
        }
        solver.spread = spread.map(|sigma| solver.wire_spread(&spectrum, sigma));
        (solver, raw.map_or(spectrum, Spectrum::Columns))
    }

    /// Length and smoothness of the Matérn prior of a plane.
    pub fn fit_matern(
        wiring: &'w mut Wiring,
        plane: usize,
        setting: Setting,
        keys: (&PlaneKeys, impl Into<Transfers>),
        ask: MaternAsk,
    ) -> Key {
        let rows = wiring.field_rows("rows-dirty", plane, &keys.0.dirty, &setting.layout);
        let mut solver = Self::resume(wiring, plane, setting, keys, (key("usable", plane, 0), None, None));
        let raw = solver.spectrum(&rows);
        let spectrum = Spectrum::Columns(solver.matched(raw));
        solver.survey(&spectrum);
        let Spectrum::Columns(columns) = &spectrum else { unreachable!("it was made of columns") };
        let (transfer, usable) = (solver.transfer.clone(), solver.usable.clone());
        let tables = solver.each_block("step-table", |block| {
            let inputs = vec![transfer[block].clone(), columns[block].clone(), usable.clone()];
            (DeconvOp::BinSteps(BinSteps { setting, block }), inputs)
        });
        let inputs = std::iter::once(usable.clone()).chain(tables).collect();
        solver.wiring.task(key("matern", plane, 0), DeconvOp::FitMatern(FitMatern { setting, ask }), inputs)
    }

    /// The spectrum of the dirty image as natural weights would have made it, where the plane is solved with these.
    fn matched(&mut self, raw: Vec<Key>) -> Vec<Key> {
        let Some(seen) = &self.seen else { return raw };
        let (psf, natural) = (seen.psf.clone(), self.transfer.clone());
        self.wiring.matched((self.plane, self.setting), &raw, (&psf, &natural))
    }

    /// A plane whose usable modes and choice of λ (unless it is given) are known.
    pub fn resume(
        wiring: &'w mut Wiring,
        plane: usize,
        setting: Setting,
        keys: (&PlaneKeys, impl Into<Transfers>),
        known: (Key, Option<Key>, Option<f64>),
    ) -> Self {
        let (usable, choice, lambda) = known;
        let (dirty, (transfer, seen)) = (keys.0.dirty.clone(), solved_with(keys.1.into()));
        Self {
            wiring,
            plane,
            setting,
            dirty,
            transfer,
            seen,
            usable,
            choice,
            score: None,
            curves: None,
            spread: None,
            lambda,
        }
    }

    pub(super) fn each_block(&mut self, layer: &str, make: impl Fn(usize) -> (DeconvOp, Vec<Key>)) -> Vec<Key> {
        self.wiring.each_block((layer, self.plane), self.setting.layout.blocks(), make)
    }

    pub(super) fn each_slab(
        &mut self,
        layer: &str,
        make: impl Fn(usize, super::Rows) -> (DeconvOp, Vec<Key>),
    ) -> Vec<Key> {
        self.wiring.each_slab((layer, self.plane), make)
    }

    fn dot(&mut self, name: &str, a: &[Key], b: &[Key]) -> Key {
        self.wiring.dot((name, self.plane), a, b)
    }

    fn spectrum(&mut self, rows: &[Key]) -> Vec<Key> {
        let layout = self.setting.layout;
        self.each_block("transfer-dirty", |block| {
            (DeconvOp::KernelTransfer(KernelTransfer { layout, block }), rows.to_vec())
        })
    }

    fn survey(&mut self, spectrum: &Spectrum) {
        let dirty = if let Spectrum::Columns(columns) = spectrum { &columns[..] } else { &[] };
        self.usable = self.wiring.usable_modes(self.plane, self.setting, (&self.transfer, dirty));
    }

    fn tables(&mut self, columns: &[Key]) -> Vec<Key> {
        let (setting, transfer, usable) = (self.setting, self.transfer.clone(), self.usable.clone());
        self.each_block("mode-table", |block| {
            let inputs = vec![transfer[block].clone(), columns[block].clone(), usable.clone()];
            (DeconvOp::ModeTable(ModeTable { setting, block }), inputs)
        })
    }

    /// The score, and the table of all modes: the same for every λ, so worth keeping.
    fn cross_validate(&mut self, tables: Vec<Key>) -> [Key; 2] {
        let all = self.wiring.task(key("mode-table-all", self.plane, 0), DeconvOp::MergeTables(MergeTables), tables);
        let inputs = std::iter::once(&all).chain(&self.choice).cloned().collect();
        let op = DeconvOp::CrossValidate(CrossValidate { lambda: self.lambda });
        [self.wiring.task(key("gcv", self.plane, 0), op, inputs), all]
    }

    fn choose(&mut self, tables: &[Key], ask: Inference) -> Key {
        let setting = self.setting;
        let inputs = std::iter::once(&self.usable).chain(tables).cloned().collect();
        let op = DeconvOp::ChooseLambda(ChooseLambda { setting, ask });
        self.wiring.task(key("lambda", self.plane, 0), op, inputs)
    }

    /// The posterior variance; `sigma` is the noise that goes with a λ that is given.
    fn wire_spread(&mut self, spectrum: &Spectrum, sigma: f64) -> Key {
        let (setting, transfer, usable) = (self.setting, self.transfer.clone(), self.usable.clone());
        let (given, choice) = (self.lambda.map(|lambda| (lambda, sigma)), self.choice.clone());
        let columns = if let Spectrum::Columns(columns) = spectrum { &columns[..] } else { &[] };
        let parts = self.each_block("spread", |block| {
            let data = columns.get(block).filter(|_| choice.is_some());
            let first = [transfer[block].clone(), usable.clone()];
            let inputs = first.into_iter().chain(choice.clone()).chain(data.cloned()).collect();
            (DeconvOp::SpreadBlock(SpreadBlock { setting, block, given }), inputs)
        });
        self.wiring.task(key("spread-all", self.plane, 0), DeconvOp::MergeSpread(MergeSpread), parts)
    }

    /// Filters a spectrum and transforms it back; `layer` tells one use from another.
    pub(super) fn filter(&mut self, layer: &str, spectrum: &Spectrum, step: FilterStep, result: Filtered) -> Vec<Key> {
        let (setting, lambda) = (self.setting, self.lambda);
        let known = self.known();
        let (transfer, step) = self.transfer_of(step);
        let blocks = self.each_block(&format!("filter-{layer}"), |block| {
            let (field, mut inputs) = match spectrum {
                Spectrum::Rows(rows) => (Field::Rows(rows.len()), rows.clone()),
                Spectrum::Pair(rows) => (Field::Pair(rows.len()), rows.clone()),
                Spectrum::Columns(columns) => (Field::Columns, vec![columns[block].clone()]),
            };
            inputs.push(transfer[block].clone());
            inputs.extend_from_slice(&known);
            (DeconvOp::ApplyFilter(ApplyFilter { setting, block, field, step, lambda }), inputs)
        });
        let dirty = self.dirty.clone();
        self.each_slab(&format!("filtered-{layer}"), |index, rows| {
            let inputs = std::iter::once(&dirty[index]).chain(&blocks).cloned().collect();
            (DeconvOp::FilteredRows(FilteredRows { setting, rows, result }), inputs)
        })
    }

    /// The transfer function that a step takes. Weights of their own are multiplied by as a transfer function is.
    fn transfer_of(&self, step: FilterStep) -> (Vec<Key>, FilterStep) {
        match (step, &self.seen) {
            (FilterStep::Convolve | FilterStep::Correlate, Some(seen)) => (seen.psf.clone(), step),
            (FilterStep::Weigh, Some(seen)) => (seen.weights.clone(), FilterStep::Convolve),
            _ => (self.transfer.clone(), step),
        }
    }

    /// The model by the filter of the circular boundary.
    pub fn estimate(&mut self, spectrum: &Spectrum) -> Vec<Key> {
        self.filter("estimate", spectrum, FilterStep::Estimate, Filtered::Model)
    }

    /// The state of the linear boundary's solver before its first iteration.
    pub fn start(&mut self, spectrum: &Spectrum) -> SolverKeys {
        let x = self.wiring.empty_model(self.plane);
        let r = match self.setting.equation {
            Equation::Normal => self.filter("rhs", spectrum, FilterStep::RightHandSide, Filtered::Vector),
            Equation::Weighted | Equation::Natural if Filter::has_weights(self.setting.noise) => {
                let weighed = self.filter("weigh-data", spectrum, FilterStep::Weigh, Filtered::Vector);
                self.apply("rhs", &weighed, FilterStep::Correlate)
            }
            Equation::Weighted | Equation::Natural => {
                self.filter("rhs", spectrum, FilterStep::Correlate, Filtered::Vector)
            }
        };
        self.begin_from(x, r)
    }

    /// The usable modes, and the choice of λ unless it is given.
    pub(super) fn known(&self) -> Vec<Key> {
        std::iter::once(&self.usable).chain(&self.choice).cloned().collect()
    }

    /// The state before the first iteration, given a model of zeros and the right-hand side.
    pub(super) fn begin_from(&mut self, x: Vec<Key>, r: Vec<Key>) -> SolverKeys {
        let z = self.precondition("start", &r);
        let rz = self.dot("rz", &r, &z);
        SolverKeys { x, r, p: z, rz }
    }

    /// One iteration of preconditioned conjugate gradients: the state after it, and `p . A p`.
    pub fn iterate(&mut self, before: &SolverKeys) -> (SolverKeys, Key) {
        let SolverKeys { x, r, p, rz, .. } = before;
        let q = self.multiply(p);
        let pq = self.dot("pq", p, &q);
        let x = self.combine("combine-x", (x, p), 1.0, (rz, &pq));
        let r = self.combine("combine-r", (r, &q), -1.0, (rz, &pq));
        let z = self.precondition("precondition", &r);
        let next = self.dot("rz", &r, &z);
        let p = self.combine("combine-p", (&z, p), 1.0, (&next, rz));
        (SolverKeys { x, r, p, rz: next }, pq)
    }

    /// The preconditioner, tapered towards the edges.
    fn precondition(&mut self, layer: &str, r: &[Key]) -> Vec<Key> {
        let before = self.taper(&format!("taper-{layer}"), r);
        let z = self.apply(layer, &before, FilterStep::Precondition);
        self.taper(&format!("tapered-{layer}"), &z)
    }

    fn taper(&mut self, layer: &str, slabs: &[Key]) -> Vec<Key> {
        let (setting, lambda, known) = (self.setting, self.lambda, self.known());
        self.each_slab(layer, |index, rows| {
            let inputs = std::iter::once(&slabs[index]).chain(&known).cloned().collect();
            (DeconvOp::TaperRows(TaperRows { setting, rows, lambda }), inputs)
        })
    }

    /// The matrix of the equation times a vector.
    fn multiply(&mut self, p: &[Key]) -> Vec<Key> {
        if self.setting.equation == Equation::Normal {
            return self.apply("matrix", p, FilterStep::Matrix);
        }
        let layout = self.setting.layout;
        let rows = self.wiring.field_rows("rows-convolve", self.plane, p, &layout);
        let mut seen = self.filter("convolve", &Spectrum::Rows(rows.clone()), FilterStep::Convolve, Filtered::Vector);
        if Filter::has_weights(self.setting.noise) {
            seen = self.apply("weigh", &seen, FilterStep::Weigh);
        }
        let seen = self.wiring.field_rows("rows-correlate", self.plane, &seen, &layout);
        let both = seen.into_iter().chain(rows).collect();
        self.filter("matrix", &Spectrum::Pair(both), FilterStep::Correlate, Filtered::Vector)
    }

    fn apply(&mut self, layer: &str, vector: &[Key], step: FilterStep) -> Vec<Key> {
        let rows = self.wiring.field_rows(&format!("rows-{layer}"), self.plane, vector, &self.setting.layout);
        self.filter(layer, &Spectrum::Rows(rows), step, Filtered::Vector)
    }

    fn combine(&mut self, layer: &str, slabs: (&[Key], &[Key]), sign: f64, ratio: (&Key, &Key)) -> Vec<Key> {
        self.each_slab(layer, |index, _| {
            let inputs = vec![slabs.0[index].clone(), slabs.1[index].clone(), ratio.0.clone(), ratio.1.clone()];
            (DeconvOp::Combine(Combine { sign }), inputs)
        })
    }

    /// What the modes can tell of a point source at the clean beam's resolution, block by block.
    pub fn ceiling(&mut self, beam: BeamShape) -> Vec<Key> {
        let (setting, transfer, usable) = (self.setting, self.transfer.clone(), self.usable.clone());
        let beam = (beam.a, beam.b, beam.c);
        self.each_block("ceiling", |block| {
            let op = DeconvOp::CeilingBlock(CeilingBlock { setting, block, beam });
            (op, vec![transfer[block].clone(), usable.clone()])
        })
    }
}

impl SolverKeys {
    /// Model, residual and direction, one after the other.
    pub fn vectors(self) -> Vec<Key> {
        self.x.into_iter().chain(self.r).chain(self.p).collect()
    }
}

/// What a plane is seen through, where it is solved with the transfer function of natural weights.
pub(super) struct Seen {
    /// That of the PSF.
    pub(super) psf: Vec<Key>,
    /// The weights of the linear boundary.
    pub(super) weights: Vec<Key>,
}

/// The transfer function that is solved with, and what else there is where it is the one with natural weights.
fn solved_with(transfers: Transfers) -> (Vec<Key>, Option<Seen>) {
    let Transfers { psf, natural } = transfers;
    match natural {
        Some(natural) => (natural.transfer, Some(Seen { psf, weights: natural.weights })),
        None => (psf, None),
    }
}

/// A spectrum that is to be filtered: the row transforms of its slabs, or its blocks of whole columns.
pub enum Spectrum {
    /// Row transforms.
    Rows(Vec<Key>),
    /// Row transforms of two images, one after the other.
    Pair(Vec<Key>),
    /// Blocks.
    Columns(Vec<Key>),
}
