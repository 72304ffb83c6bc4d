//! The stages of a batch as graphs, wired with declared sizes and no values: what forecasts and pictures are made of.

use std::collections::HashSet;
use std::sync::Arc;

use super::{Forecast, Plan, restoring_layout};
use crate::algorithms::{Kind, Minor, MinorRules, Patch};
use crate::graph::{Key, TaskGraph, forecast as forecast_graph};
use crate::images::BeamShape;
use crate::pipeline::graphs::{Asked, Held, PlaneFiles, PlaneKeys, Slabs, Solver, SolverKeys, Wiring};
use crate::pipeline::ops::{DeconvOp, Kernel, PsfPlane, Setting, Value};

/// Clean beam assumed for the forecast: four pixels across.
const TYPICAL_BEAM: f64 = 4.0;

/// One of the graphs that a batch of planes goes through; values of earlier stages are given by their sizes alone.
pub struct Stage {
    /// `psf` and `examine`, the looks at the PSF; `load`; `transfer`; `cycle` for CLEAN, `filter` or `start` and `iteration` for Wiener-Hunt; `restore`, after which each slab
    /// is written.
    pub name: &'static str,
    /// The graph.
    pub graph: TaskGraph<DeconvOp>,
    /// What is computed, and what of the given values outlives the graph.
    pub targets: Vec<Key>,
}

impl Stage {
    fn new(name: &'static str, wiring: Wiring, targets: Vec<Key>) -> Self {
        Self { name, graph: wiring.into_graph(), targets }
    }

    /// The targets that the graph computes.
    pub fn computed(&self) -> Vec<Key> {
        let tasks: HashSet<&Key> = self.graph.tasks().map(|(key, _, _)| key).collect();
        self.targets.iter().filter(|key| tasks.contains(key)).cloned().collect()
    }
}

/// All stages of a batch, in order; a cycle or an iteration stands once.
pub(super) fn stages(plan: &Plan) -> Vec<Stage> {
    let mut stages = Vec::from(load(plan));
    match plan.algorithm().kind {
        Kind::Clean(minor) => stages.push(clean(plan, minor)),
        Kind::Direct => stages.extend(direct(plan)),
    }
    stages.push(finish(plan));
    stages
}

/// Sizes of what the graphs of the plan's batch would hold.
pub(super) fn forecast(plan: &Plan) -> Forecast {
    let stages = stages(plan);
    let measured: Vec<_> = stages.iter().map(|stage| measure(plan, stage)).collect();
    let (load, rest) = measured.split_at(LOADING);
    let (finish, pass) = rest.split_last().expect("a batch ends with its restoring");
    Forecast {
        peak_bytes: measured.iter().map(|(bytes, _)| *bytes).max().unwrap_or(0),
        load: load.iter().map(|(_, tasks)| tasks).sum(),
        // of the solver's start and iteration the larger
        pass: pass.iter().map(|(_, tasks)| *tasks).max().unwrap_or(0),
        finish: finish.1 + 3 * plan.batch * plan.cut.slabs().len(),
    }
}

fn slabs(plan: &Plan, share: u64) -> Slabs {
    plan.cut.slabs().into_iter().map(|rows| Held::new(Arc::new(Value::Done), plan.cut.bytes(rows) / share)).collect()
}

fn psf_bytes(plan: &Plan) -> u64 {
    let geometry = plan.inputs.psf.0.geometry();
    4 * (geometry.ny * geometry.nx) as u64
}

/// Bytes and tasks of a stage.
fn measure(plan: &Plan, stage: &Stage) -> (u64, usize) {
    let forecast = forecast_graph(&stage.graph, &stage.targets, plan.workers).expect("the plan's graphs are complete");
    (forecast.peak_bytes, forecast.tasks)
}

/// PSF planes of a batch.
fn psfs(plan: &Plan) -> usize {
    if plan.one_psf() { 1 } else { plan.batch }
}

fn psf_plane(plan: &Plan, plane: usize) -> PsfPlane {
    PsfPlane { source: plan.inputs.psf.clone(), plane, tolerant: true }
}

/// Stages before the algorithm begins.
const LOADING: usize = 4;

/// The looks at the PSFs, their transfer functions, and the planes.
fn load(plan: &Plan) -> [Stage; LOADING] {
    let peak = plan.kernel.peak;
    let each_psf = |name, wire: &dyn Fn(&mut Wiring, &PsfPlane) -> Vec<Key>| {
        let mut wiring = Wiring::new(plan.cut);
        let targets = (0..psfs(plan)).flat_map(|plane| wire(&mut wiring, &psf_plane(plan, plane))).collect();
        Stage::new(name, wiring, targets)
    };
    [
        each_psf("psf", &|wiring, psf| vec![wiring.locate_psf(psf)]),
        each_psf("examine", &|wiring, psf| wiring.examine_psf(psf, peak, plan.psf_asks(), None)),
        planes(plan),
        each_psf("transfer", &|wiring, psf| {
            let whole = matches!(plan.algorithm().kind, Kind::Clean(_)).then(|| wiring.whole_psf(psf, peak));
            wiring.transfer(psf, &plan.kernel).into_iter().chain(whole).collect()
        }),
    ]
}

fn planes(plan: &Plan) -> Stage {
    let mut wiring = Wiring::new(plan.cut);
    let mut targets = Vec::new();
    for plane in 0..plan.batch {
        let files = PlaneFiles {
            dirty: (&plan.inputs.dirty, plane),
            mask: plan.inputs.mask.as_ref().map(|mask| (mask, 0)),
            border: plan.config.clean.clean_border,
            scale: 1.0,
        };
        let keys = wiring.plane(plane, &files);
        targets.push(wiring.statistics(plane, &keys, None).statistics);
        let PlaneKeys { dirty, allowed, model, residual, .. } = keys;
        targets.extend([dirty, allowed, model, residual].into_iter().flatten());
    }
    Stage::new("load", wiring, targets)
}

/// Gives what a batch holds between graphs: its planes, the PSFs and their transfer functions.
fn held(plan: &Plan, wiring: &mut Wiring) -> Vec<(PlaneKeys, Key, Vec<Key>)> {
    let layout = plan.kernel.layout;
    let transfer: Slabs = (0..layout.blocks())
        .map(|block| Held::new(Arc::new(Value::Done), 8 * (layout.columns(block).len() * layout.ly) as u64))
        .collect();
    (0..plan.batch)
        .map(|plane| {
            let psf_plane = plane.min(psfs(plan) - 1);
            let keys = PlaneKeys {
                dirty: wiring.give_all("held-dirty", plane, &slabs(plan, 1)),
                allowed: wiring.give_all("held-allow", plane, &slabs(plan, 4)),
                mask: wiring.give_all("held-mask", plane, &slabs(plan, 4)),
                model: wiring.give_all("held-model", plane, &slabs(plan, 1)),
                residual: wiring.give_all("held-residual", plane, &slabs(plan, 1)),
                restored: Vec::new(),
            };
            let psf = Held::new(Arc::new(Value::Done), psf_bytes(plan));
            let psf = wiring.give("held-psf", psf_plane, 0, &psf);
            (keys, psf, wiring.give_all("held-transfer", psf_plane, &transfer))
        })
        .collect()
}

fn clean(plan: &Plan, minor: Minor) -> Stage {
    let mut wiring = Wiring::new(plan.cut);
    let rules = MinorRules { gain: 0.1, floor: 0.0, niter: 0, patch: Patch::default() };
    let mut targets = Vec::new();
    for (plane, (keys, psf, transfer)) in held(plan, &mut wiring).into_iter().enumerate() {
        let weights = [wiring.give("held-noise", plane, 0, &Held::new(Arc::new(Value::Done), 0))];
        let step = wiring.minor(plane, &keys, (&weights, &psf), (minor, rules));
        let model = wiring.add_components(plane, &keys.model, &step);
        // what outlives the graph: the dirty image, the mask, the PSF and the best model so far
        targets.extend(keys.dirty.iter().chain(&keys.allowed).chain(&keys.model).chain(&transfer).cloned());
        targets.extend([psf, step]);
        let after = PlaneKeys { model, ..keys };
        let residual = wiring.residual(plane, &after, &plan.kernel.layout, (Kernel::Transfer, &transfer));
        let after = PlaneKeys { residual, ..after };
        targets.push(wiring.statistics(plane, &after, None).statistics);
        targets.push(wiring.tally(plane, &after.model));
        targets.extend(after.model.into_iter().chain(after.residual));
    }
    targets.sort();
    targets.dedup();
    Stage::new("cycle", wiring, targets)
}

/// Wires what is done to a plane, given its keys and those of the PSF's transfer function: what must be computed.
type Wire<'a> = &'a dyn Fn(&mut Wiring, usize, (&PlaneKeys, Vec<Key>)) -> Vec<Key>;

/// The filter, or start and iteration of the linear boundary's solver.
fn direct(plan: &Plan) -> Vec<Stage> {
    let params = &plan.config.wiener;
    let setting =
        Setting { layout: plan.kernel.layout, shape: plan.cut.shape, noise: params.noise_model, reg: params.reg };
    let asked = Asked { rule: params.rule(), sigma: None, is_scored: false };
    let stage = |name: &'static str, wire: Wire<'_>| {
        let mut wiring = Wiring::new(plan.cut);
        let mut targets = Vec::new();
        for (plane, (keys, _, transfer)) in held(plan, &mut wiring).into_iter().enumerate() {
            targets.extend(wire(&mut wiring, plane, (&keys, transfer.clone())));
            targets.extend(keys.dirty.into_iter().chain(keys.allowed).chain(transfer));
        }
        targets.sort();
        targets.dedup();
        Stage::new(name, wiring, targets)
    };
    if params.is_circular() {
        return vec![stage("filter", &|wiring, plane, keys| {
            let (mut solver, spectrum) = Solver::begin(wiring, plane, setting, keys, asked);
            solver.estimate(&spectrum)
        })];
    }
    let start = stage("start", &|wiring, plane, keys| {
        let (mut solver, spectrum) = Solver::begin(wiring, plane, setting, keys, asked);
        solver.start(&spectrum).vectors()
    });
    let iteration = stage("iteration", &|wiring, plane, keys| {
        let number = wiring.give("held-number", plane, 0, &Held::new(Arc::new(Value::Done), 0));
        let (x, r) = (keys.0.model.clone(), keys.0.residual.clone());
        let p = wiring.give_all("held-p", plane, &slabs(plan, 1));
        let before = SolverKeys { x, r, p, rz: number.clone(), rr: number.clone() };
        Solver::resume(wiring, plane, setting, keys, (number, None, Some(1.0))).iterate(&before).0.vectors()
    });
    vec![start, iteration]
}

fn finish(plan: &Plan) -> Stage {
    let mut wiring = Wiring::new(plan.cut);
    let shape = BeamShape { a: 1.0, b: 0.0, c: 1.0 };
    let reach = (5.0 * TYPICAL_BEAM) as usize;
    let layout = restoring_layout(plan.cut.shape, reach, plan.cut.block);
    let mut targets = Vec::new();
    for (plane, (keys, psf, transfer)) in held(plan, &mut wiring).into_iter().enumerate() {
        targets.extend(wiring.restored(plane, &keys, &layout, (shape, reach)));
        // still held when one PSF serves the next batch too
        targets.extend(keys.dirty.into_iter().chain(transfer).chain([psf]));
    }
    targets.sort();
    targets.dedup();
    Stage::new("restore", wiring, targets)
}
