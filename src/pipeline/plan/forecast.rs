//! The stages of a batch as graphs, wired with declared sizes and no values: what forecasts and pictures are made of.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::{Forecast, Plan, convex, natural, restoring_layout, scales};
use crate::algorithms::wiener::{Equation, Inference, Uncertainty};
use crate::algorithms::{AspParams, Direct, FloorMap, Kind, LocalRms, Minor, MinorRules, Patch, Signs, View};
use crate::graph::{self, GraphError, Key, Limits, TaskGraph};
use crate::images::{BeamShape, UNIT_CELL};
use crate::pipeline::graphs::{
    Asked, Kept, LocalWeights, MinorCut, PlaneFiles, PlaneKeys, Slabs, Solver, SolverKeys, Transfers, Wiring, nearest,
};
use crate::pipeline::ops::{DeconvOp, PsfPlane, Setting};
use crate::pipeline::record::{PanelKind, Pooling, preview_factor};

/// What a task of a graph takes, with its key, its operation and its links: 7.6 MB were measured for the 6300 tasks of a cycle of
/// multiscale CLEAN \[bytes\].
const TASK: u64 = 1200;
/// Clean beam assumed for the forecast: four pixels across.
const TYPICAL_BEAM: f64 = 4.0;

/// One of the graphs that a batch of planes goes through; values of earlier stages are given by their sizes alone.
pub struct Stage {
    /// `psf` and `examine`, the looks at the PSF; `load`; `filter` for the circular boundary of Wiener-Hunt, which writes
    /// too; else `transfer`, `scales` for multiscale CLEAN, `cycle` for CLEAN or `start` and `iteration`, and `restore`, after which each slab is written.
    pub name: &'static str,
    /// The graph.
    pub graph: TaskGraph<DeconvOp>,
    /// What is computed, and what of the given values outlives the graph.
    pub targets: Vec<Key>,
}

impl Stage {
    pub(super) fn new(name: &'static str, wiring: Wiring, targets: Vec<Key>) -> Self {
        Self { name, graph: wiring.into_graph(&targets).cull(&targets), targets }
    }

    /// The targets that the graph computes.
    pub fn computed(&self) -> Vec<Key> {
        let tasks: HashSet<&Key> = self.graph.tasks().map(|(key, _, _)| key).collect();
        let names: HashMap<&Key, &Key> = self.graph.aliases().collect();
        let computed = |key: &&Key| tasks.contains(names.get(key).unwrap_or(key));
        self.targets.iter().filter(computed).cloned().collect()
    }
}

/// All stages of a batch, in order; a cycle or an iteration stands once.
pub(super) fn stages(plan: &Plan) -> Vec<Stage> {
    let mut stages = looks(plan);
    stages.push(planes(plan));
    match plan.algorithm().kind {
        Kind::Clean(minor) => {
            stages.push(transfers(plan));
            stages.extend(scales::load(plan));
            stages.extend([clean(plan, minor), finish(plan)]);
        }
        Kind::Direct(_) if plan.is_filter() => {
            stages.extend(natural::looks(plan));
            stages.push(filter(plan));
        }
        Kind::Direct(direct) => {
            stages.push(transfers(plan));
            stages.extend(plan.algorithm().first.map(|minor| clean(plan, minor)));
            stages.extend(natural::looks(plan));
            stages.extend((direct == Direct::Convex).then(|| convex::stand_ins(plan)).flatten());
            stages.extend(match direct {
                Direct::Wiener => solver(plan),
                Direct::Convex => convex::solver(plan),
                Direct::RichardsonLucy => lucy(plan),
            });
            stages.push(finish(plan));
        }
    }
    stages
}

/// Sizes of what the graphs of the plan's batch would hold, and move to and from scratch files.
pub(super) fn forecast(plan: &Plan) -> Forecast {
    let stages = stages(plan);
    let most = stages.iter().map(|stage| stage.graph.len()).max().unwrap_or(0) as u64;
    let mut sum = Forecast { graph_bytes: TASK * most, ..Forecast::default() };
    for stage in stages {
        let graph::Forecast { tasks, peak_bytes, spilled_bytes, loaded_bytes, .. } =
            measure(plan, &stage, sum.graph_bytes);
        match stage.name {
            "psf" | "examine" | "load" | "transfer" | "seen" | "noise" | "natural" | "scales" => sum.load += tasks,
            "restore" => sum.finish += tasks,
            // of the solver's start and iteration the larger
            _ => sum.pass = sum.pass.max(tasks),
        }
        sum.peak_bytes = sum.peak_bytes.max(peak_bytes);
        sum.spilled_bytes += spilled_bytes;
        sum.loaded_bytes += loaded_bytes;
    }
    sum.peak_bytes += sum.graph_bytes;
    sum.finish += 3 * plan.batch * plan.cut.slabs().len();
    sum
}

pub(super) fn slabs(plan: &Plan, share: u64) -> Slabs {
    plan.cut.slabs().into_iter().map(|rows| Kept::of_bytes(plan.cut.bytes(rows) / share)).collect()
}

/// What the values of a stage take within the plan's memory beside the graph; where that is not enough for its largest task,
/// what this task needs.
fn measure(plan: &Plan, stage: &Stage, graph_bytes: u64) -> graph::Forecast {
    let memory = (plan.means().values() / (100 + plan.unforeseen_percent()) * 100).saturating_sub(graph_bytes);
    let limits = Limits { workers: plan.workers, memory: Some(memory), spills: true };
    let forecast = if plan.in_processes() { graph::forecast_elsewhere } else { graph::forecast_within };
    match forecast(&stage.graph, &stage.targets, limits) {
        Ok(forecast) => forecast,
        Err(GraphError::Budget { needs, .. }) => graph::Forecast { peak_bytes: needs, ..graph::Forecast::default() },
        Err(error) => unreachable!("the plan's graphs are complete: {error}"),
    }
}

/// PSF planes of a batch.
pub(super) fn psfs(plan: &Plan) -> usize {
    match plan.grid() {
        Some(grid) => grid.len(),
        None if plan.one_psf() => 1,
        None => plan.batch,
    }
}

/// PSFs of a plane of the batch.
pub(super) fn psfs_of(plan: &Plan, plane: usize) -> std::ops::Range<usize> {
    plan.psf_numbers(plane.min(psfs(plan) - 1))
}

fn psf_plane(plan: &Plan, number: usize) -> PsfPlane {
    plan.psf_plane(number, true)
}

pub(super) fn each_psf(plan: &Plan, name: &'static str, wire: impl Fn(&mut Wiring, &PsfPlane) -> Vec<Key>) -> Stage {
    let mut wiring = Wiring::new(plan.cut);
    let targets = (0..psfs(plan)).flat_map(|plane| wire(&mut wiring, &psf_plane(plan, plane))).collect();
    Stage::new(name, wiring, targets)
}

/// The looks at the PSFs.
fn looks(plan: &Plan) -> Vec<Stage> {
    vec![
        each_psf(plan, "psf", |wiring, psf| vec![wiring.locate_psf(psf)]),
        each_psf(plan, "examine", |wiring, psf| {
            // one PSF is made small for the preview
            let peak = plan.usual_kernel(psf.number).peak;
            let small = (psf.number == 0).then(|| (preview_factor(psf.shape()), PanelKind::Psf.pooling()));
            wiring.examine_psf(psf, peak, plan.psf_asks(), small)
        }),
    ]
}

/// The PSFs' transfer functions.
fn transfers(plan: &Plan) -> Stage {
    each_psf(plan, "transfer", |wiring, psf| {
        let kernel = plan.usual_kernel(psf.number);
        let whole = |wiring: &mut Wiring| match plan.psf_reach() {
            Some(reach) => wiring.psf_within(psf, kernel.peak, reach),
            None => wiring.whole_psf(psf, kernel.peak),
        };
        let whole = plan.algorithm().minor().map(|_| whole(wiring));
        wiring.transfer(psf, &kernel).into_iter().chain(whole).collect()
    })
}

/// The local rms of a batch, where the search is weighed by it; what a file tells of it is read in the first stage and held.
fn local(plan: &Plan, is_held: bool) -> BTreeMap<usize, LocalWeights> {
    let is_list = matches!(plan.algorithm().kind, Kind::Clean(minor) if minor.cycle().view() == View::List);
    let ask = plan.config.clean.local(plan.beam_pixels).filter(|_| is_list);
    let map = plan.inputs.noise.as_ref().map(|noise| (noise.source.clone(), noise.planes[0], 1.0));
    let of = |(plane, ask): (usize, LocalRms)| {
        let made = (is_held && map.is_some()).then(|| local_kept(plan, &ask));
        (plane, LocalWeights { ask, map: map.clone(), made })
    };
    (0..plan.batch).zip(ask.into_iter().cycle()).map(of).collect()
}

fn local_kept(plan: &Plan, ask: &LocalRms) -> Kept {
    let cells = plan.cut.shape.0.div_ceil(ask.cell()) * plan.cut.shape.1.div_ceil(ask.cell());
    Kept::of_bytes(4 * cells as u64)
}

fn planes(plan: &Plan) -> Stage {
    let mut wiring = Wiring::new(plan.cut).weighed_by(local(plan, false));
    let mut targets = Vec::new();
    for plane in 0..plan.batch {
        let files = PlaneFiles {
            dirty: (&plan.inputs.dirty, plane),
            masks: plan.inputs.masks.iter().map(|mask| (mask, 0)).collect(),
            border: plan.config.clean.border(),
            scale: 1.0,
        };
        let keys = wiring.plane(plane, &files);
        let shortfall = plan.usual_shortfall(psfs_of(plan, plane).start);
        targets.push(wiring.statistics(plane, &keys, shortfall).statistics);
        let PlaneKeys { dirty, allowed, model, residual, .. } = keys;
        targets.extend(dirty.into_iter().chain(allowed));
        if plan.algorithm().minor().is_some() {
            targets.extend(model.into_iter().chain(residual));
        }
    }
    Stage::new("load", wiring, targets)
}

/// What is held of a plane and of its PSFs, one or all of a grid, and their transfer functions.
pub(super) struct Held {
    pub(super) keys: PlaneKeys,
    pub(super) psfs: Vec<Key>,
    pub(super) transfers: Vec<Vec<Key>>,
}

/// Gives what a batch holds between graphs: its planes, the PSFs and their transfer functions.
pub(super) fn held(plan: &Plan, wiring: &mut Wiring) -> Vec<Held> {
    let given: Vec<(Kept, Slabs)> =
        (0..psfs(plan)).map(|number| (Kept::of_bytes(plan.held_psf_bytes(number)), scales::transfer(plan))).collect();
    (0..plan.batch)
        .map(|plane| {
            let own = psfs_of(plan, plane);
            let keys = PlaneKeys {
                dirty: wiring.give_all("held-dirty", plane, &slabs(plan, 1)),
                allowed: wiring.give_all("held-allow", plane, &slabs(plan, 4)),
                mask: wiring.give_all("held-mask", plane, &slabs(plan, 4)),
                model: wiring.give_all("held-model", plane, &slabs(plan, 1)),
                residual: wiring.give_all("held-residual", plane, &slabs(plan, 1)),
                restored: Vec::new(),
                sd: Vec::new(),
                response: Vec::new(),
            };
            let psfs = own.clone().map(|number| wiring.give("held-psf", number, 0, &given[number].0)).collect();
            let transfers = own.map(|number| wiring.give_all("held-transfer", number, &given[number].1)).collect();
            Held { keys, psfs, transfers }
        })
        .collect()
}

fn clean(plan: &Plan, minor: Minor) -> Stage {
    let weighed = local(plan, true);
    let mut wiring = Wiring::new(plan.cut).weighed_by(weighed.clone());
    let (patch, signs, asp) = (Patch::default(), Signs::Both, AspParams::default());
    let rules = MinorRules { gain: 0.1, floor: 0.0, niter: 0, patch, signs, asp };
    let mut targets = Vec::new();
    for (plane, Held { keys, psfs, transfers }) in held(plan, &mut wiring).into_iter().enumerate() {
        let psf_plane = psfs_of(plan, plane).start;
        let shortfall = plan.usual_shortfall(psf_plane);
        let mut weights = vec![wiring.give("held-noise", plane, 0, &Kept::of_bytes(0))];
        if shortfall.is_some() {
            let floor = Kept::of_bytes(FloorMap::most_bytes(plan.cut.shape));
            weights.push(wiring.give("held-floor", plane, 0, &floor));
        }
        if let Some(LocalWeights { ask, made, .. }) = weighed.get(&plane) {
            let kept = made.clone().unwrap_or_else(|| local_kept(plan, ask));
            weights.push(wiring.give("held-local-rms", plane, 0, &kept));
        }
        targets.extend(weights[1..].iter().cloned());
        let model = if minor == Minor::Multiscale {
            let own: Vec<(usize, Key)> = psfs_of(plan, plane).zip(psfs.iter().cloned()).collect();
            let (model, held) = scales::cycle(plan, &mut wiring, (plane, &own), (&keys, &weights));
            targets.extend(held);
            model
        } else {
            let cut = MinorCut { minor, rules };
            let step = match plan.tiles {
                Some(tiles) => {
                    let psf = |tile| &psfs[nearest(plan.grid(), tiles, tile)];
                    wiring.tiled_minor(plane, &keys, (&weights, psf), (tiles, cut, &[])).step
                }
                None => wiring.minor(plane, &keys, (&weights, (&psfs[..], plan.grid())), cut),
            };
            targets.push(step.clone());
            wiring.add_components(plane, &keys.model, &step)
        };
        // what outlives the graph: the dirty image, the mask, the PSF and the best model so far
        targets.extend(keys.dirty.iter().chain(&keys.allowed).chain(&keys.model).cloned());
        targets.extend(transfers.iter().flatten().chain(&psfs).cloned());
        let after = PlaneKeys { model, ..keys };
        let residual = wiring.seen_residual(plane, &after, (&plan.kernel.layout, (&transfers, plan.grid())));
        let after = PlaneKeys { residual, ..after };
        let measured = wiring.statistics(plane, &after, shortfall);
        targets.extend(scales::look(plan, &mut wiring, (plane, psf_plane), (&after, &measured.weights)));
        targets.push(measured.statistics);
        targets.push(wiring.tally(plane, &after.model));
        targets.extend(after.model.into_iter().chain(after.residual));
    }
    targets.sort();
    targets.dedup();
    Stage::new("cycle", wiring, targets)
}

pub(super) fn setting(plan: &Plan) -> Setting {
    let params = &plan.config.wiener;
    Setting {
        layout: plan.kernel.layout,
        shape: plan.cut.shape,
        noise: params.noise(),
        reg: params.regularisation(),
        // of two the one that holds more; which it is depends on the PSF
        equation: match plan.inputs.spectrum {
            Some(_) if plan.is_circular() => Equation::Normal,
            Some(_) => Equation::Natural,
            None => Equation::Weighted,
        },
    }
}

fn asked(plan: &Plan) -> Asked {
    let params = &plan.config.wiener;
    let inference = Inference { rule: params.rule(), sigma: None, hyper: params.hyper(), curves: None };
    Asked { inference, is_scored: false, spread: (params.uncertainty != Uncertainty::None).then_some(1.0) }
}

/// The filter of the circular boundary, and all that follows it in the same graph.
fn filter(plan: &Plan) -> Stage {
    let mut wiring = Wiring::new(plan.cut);
    let mut targets = Vec::new();
    let transfers: Vec<_> =
        (0..psfs(plan)).map(|plane| wiring.transfer(&psf_plane(plan, plane), &plan.kernel)).collect();
    for plane in 0..plan.batch {
        let transfer = &transfers[plane.min(transfers.len() - 1)];
        let mut keys = PlaneKeys {
            dirty: wiring.give_all("held-dirty", plane, &slabs(plan, 1)),
            allowed: wiring.give_all("held-allow", plane, &slabs(plan, 4)),
            ..PlaneKeys::default()
        };
        keys.mask.clone_from(&keys.allowed);
        let given = (&keys, natural::transfers(plan, &mut wiring, plane, transfer.clone()));
        let (mut solver, spectrum) = Solver::begin(&mut wiring, plane, setting(plan), given, asked(plan));
        keys.model = solver.estimate(&spectrum);
        targets.extend(solver.spread.clone());
        if plan.config.writes_resolution() {
            let (slabs, fit) = solver.response(UNIT_CELL);
            targets.extend(slabs.into_iter().chain([fit]));
        }
        targets.extend(measured(plan, &mut wiring, plane, (&mut keys, std::slice::from_ref(transfer))));
        targets.extend(restored(plan, &mut wiring, plane, &mut keys));
    }
    Stage::new("filter", wiring, targets)
}

/// Wires what is done to a plane, given its keys and those of the PSF's transfer function: what must be computed.
type Wire<'a> = &'a dyn Fn(&mut Wiring, usize, (&PlaneKeys, Transfers)) -> Vec<Key>;

/// Start and iteration of the linear boundary's solver.
fn solver(plan: &Plan) -> [Stage; 2] {
    let stage = |name: &'static str, wire: Wire<'_>| {
        let mut wiring = Wiring::new(plan.cut);
        let mut targets = Vec::new();
        for (plane, Held { keys, mut transfers, .. }) in held(plan, &mut wiring).into_iter().enumerate() {
            let transfer = natural::transfers(plan, &mut wiring, plane, transfers.remove(0));
            targets.extend(wire(&mut wiring, plane, (&keys, transfer.clone())));
            targets.extend(keys.dirty.into_iter().chain(keys.allowed).chain(transfer.all()));
        }
        targets.sort();
        targets.dedup();
        Stage::new(name, wiring, targets)
    };
    let start = stage("start", &|wiring, plane, keys| {
        let (mut solver, spectrum) = Solver::begin(wiring, plane, setting(plan), keys, asked(plan));
        solver.start(&spectrum).vectors().into_iter().chain(solver.spread).collect()
    });
    let iteration = stage("iteration", &|wiring, plane, keys| {
        let number = wiring.give("held-number", plane, 0, &Kept::of_bytes(0));
        let (x, r) = (keys.0.model.clone(), keys.0.residual.clone());
        let p = wiring.give_all("held-p", plane, &slabs(plan, 1));
        // while samples are solved for, the estimate and their squares are held
        let held = ["held-estimate", "held-squares"].iter().filter(|_| plan.config.maps_uncertainty());
        let held: Vec<Key> = held.flat_map(|name| wiring.give_all(name, plane, &slabs(plan, 1))).collect();
        let before = SolverKeys { x, r, p, rz: number.clone() };
        let known = (number, None, Some(1.0));
        let mut solver = Solver::resume(wiring, plane, setting(plan), keys, known);
        solver.iterate(&before).0.vectors().into_iter().chain(held).collect()
    });
    [start, iteration]
}

/// Begin and iteration of Richardson-Lucy.
fn lucy(plan: &Plan) -> [Stage; 2] {
    let stage = |name: &'static str, is_begin: bool| {
        let mut wiring = Wiring::new(plan.cut);
        let mut targets = Vec::new();
        for (plane, Held { keys, mut transfers, .. }) in held(plan, &mut wiring).into_iter().enumerate() {
            let (transfer, layout) = (transfers.remove(0), plan.kernel.layout);
            if is_begin {
                targets.extend(wiring.lucy_begin(plane, &keys, (&layout, &transfer)).concat());
            } else {
                targets.extend(wiring.lucy_iterate(plane, &keys, (&layout, &transfer), &keys.residual));
                targets.extend(keys.residual.clone());
            }
            targets.extend(keys.dirty.into_iter().chain(keys.allowed).chain(transfer));
        }
        targets.sort();
        targets.dedup();
        Stage::new(name, wiring, targets)
    };
    [stage("start", true), stage("iteration", false)]
}

/// The exact residual of an estimate, and what is measured of both.
fn measured(plan: &Plan, wiring: &mut Wiring, plane: usize, keys: (&mut PlaneKeys, &[Vec<Key>])) -> [Key; 2] {
    let (keys, transfers) = keys;
    keys.residual = wiring.seen_residual(plane, keys, (&plan.kernel.layout, (transfers, plan.grid())));
    [wiring.statistics(plane, keys, None).statistics, wiring.tally(plane, &keys.model)]
}

/// The restored image, and all images made small, which stand for their being written.
fn restored(plan: &Plan, wiring: &mut Wiring, plane: usize, keys: &mut PlaneKeys) -> Vec<Key> {
    // PSFs of their own have beams of their own, which tasks do not share
    let own = if plan.one_psf() { 0.0 } else { 1e-6 * plane as f64 };
    let shape = BeamShape { a: 1.0 + own, b: 0.0, c: 1.0 };
    let reach = (5.0 * TYPICAL_BEAM) as usize;
    let layout = restoring_layout(plan.cut.shape, reach, plan.cut.block);
    keys.restored = wiring.restored(plane, keys, &layout, (shape, reach));
    let how = (preview_factor(plan.cut.shape), Pooling::Mean);
    [("model", &keys.model), ("residual", &keys.residual), ("image", &keys.restored)]
        .map(|(layer, slabs)| wiring.pool((layer, plane), how, (&keys.dirty, slabs)))
        .into()
}

fn finish(plan: &Plan) -> Stage {
    let mut wiring = Wiring::new(plan.cut);
    let mut targets = Vec::new();
    for (plane, Held { mut keys, psfs, transfers }) in held(plan, &mut wiring).into_iter().enumerate() {
        if matches!(plan.algorithm().kind, Kind::Direct(_)) {
            targets.extend(measured(plan, &mut wiring, plane, (&mut keys, &transfers)));
        } else {
            targets.extend(psfs);
        }
        targets.extend(restored(plan, &mut wiring, plane, &mut keys));
        if plan.planes.len() > plan.batch {
            // still held when one PSF serves the next batch too
            targets.extend(transfers.into_iter().flatten());
        }
    }
    targets.sort();
    targets.dedup();
    Stage::new("restore", wiring, targets)
}
