//! The run: batches of planes, each loaded, deconvolved, restored and written through task graphs.

mod beam;
mod clean;
mod contest;
mod convex;
mod error;
mod fallback;
mod finish;
mod given;
mod grid;
mod hybrid;
mod inference;
mod load;
mod lucy;
mod natural;
mod noise_map;
mod psf;
mod retry;
mod runaways;
mod sampling;
mod scales;
mod score;
mod state;
mod tidy;
mod tiles;
mod usage;
mod wiener;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use super::config::RunConfig;
use super::graphs::{Kept, Shelf, Wiring};
use super::ops::{DeconvOp, OpError, Value};
use super::outcome::{Outcome, Phase, PlaneComponents, PlaneOutcome};
use super::plan::Plan;
use super::record::{BeamRecord, Convergence, PlaneInference, Preview};
use crate::algorithms::{Direct, Kind, StopReason};
use crate::graph::{self, Callback, Cancel, GraphError, Key, RemoteError, RunContext, Scheduler, TaskContext};
use crate::images::CleanBeam;
use crate::io::{Finish, FitsError, FitsTarget};
use crate::units::{Kind as _, Model, Residual, Resolution, Restored, Selection, Uncertainty};
pub use error::RunError;
pub use given::{ResidualOutcome, residual};
use natural::NaturalState;
use state::PsfState;
use usage::{cpu_seconds, peak_memory};

/// What a run is given besides the plan.
pub struct Tools<'a> {
    /// Computes the graphs.
    pub scheduler: &'a dyn Scheduler<DeconvOp>,
    /// Called for every task.
    pub callbacks: &'a [&'a dyn Callback],
    /// Asks for an early end.
    pub cancel: Cancel,
    /// Told how the run goes.
    pub watch: &'a dyn Watch,
}

/// Told how a run goes.
pub trait Watch: Sync {
    /// A stage begins.
    fn stage(&self, _name: &str) {}
    /// Something worth a line.
    fn note(&self, _text: &str) {}
    /// Something the user should know.
    fn warn(&self, _text: &str) {}
}

/// The products, open.
pub struct Products {
    model: FitsTarget<Model>,
    residual: FitsTarget<Residual>,
    restored: FitsTarget<Restored>,
    mask: Option<FitsTarget<Selection>>,
    sd: Option<FitsTarget<Uncertainty>>,
    resolution: Option<FitsTarget<Resolution>>,
    lists: Option<Lists>,
    /// Whether all criteria over λ are wanted where it is given.
    criteria: bool,
}

/// What is listed of the components.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Lists {
    /// The pixels of models made of scales as well.
    pub pixels: bool,
}

impl Products {
    /// Begins the products of `prefix`: fails before any work when one exists or cannot be written.
    ///
    /// # Errors
    /// See [`FitsTarget::create`].
    pub fn create(plan: &Plan, prefix: &str, overwrite: bool) -> Result<Self, FitsError> {
        let template = &plan.inputs.dirty.0;
        let paths = Self::paths(prefix, &plan.config);
        if let Some(path) = paths.iter().find(|path| plan.inputs.contains(path)) {
            return Err(FitsError::IsInput { path: path.clone() });
        }
        let is_of = |name: &str| {
            let path = PathBuf::from(format!("{prefix}-{name}.fits"));
            paths[3..].contains(&path).then_some(path)
        };
        let mask = is_of(Selection::NAME).map(|path| FitsTarget::create(&path, template, overwrite)).transpose()?;
        let resolution = is_of(Resolution::NAME);
        let resolution = resolution.map(|path| FitsTarget::create(&path, template, overwrite)).transpose()?;
        let sd = is_of(Uncertainty::NAME).map(|path| FitsTarget::create(&path, template, overwrite)).transpose()?;
        Ok(Self {
            model: FitsTarget::create(&paths[0], template, overwrite)?,
            residual: FitsTarget::create(&paths[1], template, overwrite)?,
            restored: FitsTarget::create(&paths[2], template, overwrite)?,
            mask,
            sd,
            resolution,
            lists: None,
            criteria: false,
        })
    }

    /// Also lists the components of the models of CLEAN, for [`Outcome::components`].
    pub fn listing_components(self, lists: Lists) -> Self {
        Self { lists: Some(lists), ..self }
    }

    /// Also computes, for their plot, what every rule makes of the weight of the prior where it is given.
    pub fn comparing_criteria(self, criteria: bool) -> Self {
        Self { criteria, ..self }
    }

    /// Where the products of `prefix` stand: model, residual, restored image, and mask, standard deviation and effective
    /// resolution where there is one.
    pub fn paths(prefix: &str, config: &RunConfig) -> Vec<PathBuf> {
        let mask = config.restricts_components().then_some(Selection::NAME);
        let sd = config.maps_uncertainty().then_some(Uncertainty::NAME);
        let names = [Model::NAME, Residual::NAME, Restored::NAME].into_iter().chain(mask).chain(sd);
        let resolution = config.writes_resolution().then_some(Resolution::NAME);
        let names = names.chain(resolution);
        names.map(|name| PathBuf::from(format!("{prefix}-{name}.fits"))).collect()
    }

    /// Completes the headers and gives the files their names.
    fn finish(
        self,
        (beams, responses): (&[Option<CleanBeam>], &[Option<CleanBeam>]),
        history: &[String],
    ) -> Result<Vec<PathBuf>, FitsError> {
        let plain = Finish { beams: &[], history, cards: &[] };
        // the residual is seen with the dirty beam, whose main lobe the clean beam is: WSClean writes it there too
        let with_beam = Finish { beams, ..plain };
        let Self { model, residual, restored, mask, sd, resolution, lists: _, criteria: _ } = self;
        let mut paths = vec![model.finish(plain)?, residual.finish(with_beam)?, restored.finish(with_beam)?];
        paths.extend(mask.map(|mask| mask.finish(plain)).transpose()?);
        paths.extend(sd.map(|sd| sd.finish(plain)).transpose()?);
        let own = Finish { beams: responses, ..plain };
        paths.extend(resolution.map(|resolution| resolution.finish(own)).transpose()?);
        Ok(paths)
    }
}

/// A run under way.
struct Session<'a> {
    plan: &'a Plan,
    tools: &'a Tools<'a>,
    /// What is written; nothing where only the numbers count.
    products: Option<&'a Products>,
    shelf: Shelf,
    /// PSFs by their plane; kept from batch to batch when one serves all.
    psfs: BTreeMap<usize, PsfState>,
    /// What natural weights would have made of them, where a file tells the noise.
    natural: BTreeMap<usize, NaturalState>,
    /// What a file tells of the noise in the planes of the batch.
    noise_maps: BTreeMap<usize, Kept>,
    phases: Vec<Phase>,
    outcomes: Vec<PlaneOutcome>,
    components: Vec<PlaneComponents>,
    convergence: Convergence,
    inference: Vec<PlaneInference>,
    preview: Option<Preview>,
    beam_shown: Option<BeamRecord>,
    /// The plane that the preview shows.
    shown: Option<usize>,
}

/// Runs a plan and writes its products; `command` goes into the HISTORY.
///
/// # Errors
/// See [`RunError`]; nothing is left of the products then.
pub fn run(plan: &Plan, products: Products, command: &str, tools: &Tools<'_>) -> Result<Outcome, RunError> {
    let mut outcome = work(plan, Some(&products), tools)?;
    let beams: Vec<_> = outcome.planes.iter().map(|plane| plane.beam.as_ref().map(|beam| beam.beam)).collect();
    let history = history(plan, &outcome.planes, command, outcome.interrupted);
    let responses: Vec<_> = outcome.planes.iter().map(PlaneOutcome::response).collect();
    outcome.products = products.finish((&beams, &responses), &history)?;
    Ok(outcome)
}

/// Runs a plan for its numbers: nothing is restored and written, and the scores that the plan asks for are measured.
///
/// # Errors
/// See [`RunError`].
pub fn explore(plan: &Plan, tools: &Tools<'_>) -> Result<Outcome, RunError> {
    work(plan, None, tools)
}

fn work(plan: &Plan, products: Option<&Products>, tools: &Tools<'_>) -> Result<Outcome, RunError> {
    let mut session = Session::new(plan, tools, products);
    session.check_noise_map()?;
    for batch in plan.planes.chunks(plan.batch) {
        session.batch(batch)?;
    }
    let psf_grid = session.grid_outcome();
    let Session { phases, outcomes, components, convergence, inference, preview, beam_shown, .. } = session;
    check_any(plan, &outcomes, tools.watch)?;
    if tools.cancel.is_aborted() {
        return Err(RunError::Aborted);
    }
    let interrupted = tools.cancel.is_requested();
    Ok(Outcome {
        planes: outcomes,
        products: Vec::new(),
        interrupted,
        phases,
        peak_memory: peak_memory(),
        components,
        convergence,
        inference,
        preview,
        psf_grid,
        beam: beam_shown,
    })
}

/// Warns of a run in which all planes were passed through, and refuses it where that is for want of a PSF.
fn check_any(plan: &Plan, outcomes: &[PlaneOutcome], watch: &dyn Watch) -> Result<(), RunError> {
    let is = |reason: &StopReason| outcomes.iter().any(|plane| plane.stop == *reason);
    if !outcomes.iter().all(|plane| plane.stop.is_passed_through()) {
        return Ok(());
    }
    if is(&StopReason::NoPsf) {
        let source = &plan.inputs.psf.0;
        return Err(RunError::NoPsf { file: source.spec().to_owned(), hdu: source.hdu_label().to_owned() });
    }
    let (file, hdu) = (plan.inputs.dirty.0.spec(), plan.inputs.dirty.0.hdu_label());
    let found = match (is(&StopReason::Blank), is(&StopReason::Empty)) {
        (true, true) => "blank or zero",
        (true, false) => "blank",
        _ => "zero",
    };
    watch.warn(&format!(
        "nothing to deconvolve in {file}: in {hdu} every pixel is {found}; check that imaging had data, and that the right \
         HDU was named"
    ));
    Ok(())
}

impl<'a> Session<'a> {
    fn new(plan: &'a Plan, tools: &'a Tools<'a>, products: Option<&'a Products>) -> Self {
        Self {
            plan,
            tools,
            products,
            shelf: Shelf::default(),
            psfs: BTreeMap::new(),
            natural: BTreeMap::new(),
            noise_maps: BTreeMap::new(),
            phases: ["read", "deconvolve", "restore-and-write"]
                .map(|name| Phase { name, wall_s: 0.0, cpu_s: 0.0 })
                .to_vec(),
            outcomes: Vec::new(),
            components: Vec::new(),
            convergence: Convergence::default(),
            inference: Vec::new(),
            preview: None,
            beam_shown: None,
            shown: None,
        }
    }
}

impl Session<'_> {
    fn batch(&mut self, batch: &[super::plan::PlanePlan]) -> Result<(), RunError> {
        let begin = Instant::now();
        let mut states = self.timed(0, |session| session.load(batch))?;
        // a beam that the residual cannot be convolved to is told before the work
        states.iter().try_for_each(|state| self.treatment(state).map(drop))?;
        self.timed(1, |session| {
            let algorithm = session.plan.algorithm();
            if let Some(minor) = algorithm.first {
                session.clean_bright(&mut states, minor)?;
            }
            match algorithm.kind {
                Kind::Clean(minor) => session.clean(&mut states, minor),
                Kind::Direct(Direct::Wiener) => session.solve(&mut states),
                Kind::Direct(Direct::Convex) => session.sparse(&mut states),
                Kind::Direct(Direct::RichardsonLucy) => session.multiply(&mut states),
            }
        })?;
        // the filter of the circular boundary runs in the graph that writes its estimate: nothing is kept in between
        let phase = if self.plan.is_filter() { 1 } else { 2 };
        self.timed(phase, |session| session.finish(states, begin))
    }

    fn timed<R>(&mut self, phase: usize, work: impl FnOnce(&mut Self) -> R) -> R {
        let (wall, cpu) = (Instant::now(), cpu_seconds());
        self.tools.watch.stage(self.phases[phase].name);
        let result = work(self);
        self.phases[phase].wall_s += wall.elapsed().as_secs_f64();
        self.phases[phase].cpu_s += cpu_seconds() - cpu;
        result
    }

    /// Whether the algorithm finds its model, or what it adds to one, in one go.
    fn is_direct(&self) -> bool {
        matches!(self.plan.algorithm().kind, Kind::Direct(_))
    }

    /// Whether a plane begins with a model and a residual, that of zeros first of all.
    fn has_start(&self) -> bool {
        self.plan.algorithm().minor().is_some()
    }

    fn wiring(&self) -> Wiring {
        let wiring = Wiring::new(self.plan.cut).for_signs(self.plan.config.clean.signs());
        wiring.weighed_by(self.local_rms())
    }

    fn context(&self) -> RunContext<'_, Value> {
        let context = TaskContext { cancel: self.tools.cancel.clone() };
        RunContext { callbacks: self.tools.callbacks, context, keeper: None }
    }

    /// Computes the targets of a graph, which holds all that the run remembers meanwhile.
    fn execute(&self, wiring: Wiring, targets: &[Key]) -> Result<Vec<Kept>, RunError> {
        let (graph, targets, borrowed) = wiring.lend(targets, &self.shelf).split();
        let values = self.tools.scheduler.execute(graph, &targets, &self.context()).map_err(failed)?;
        Ok(borrowed.settle(values, &self.shelf))
    }

    /// Looks into a value that a graph gave back, however large and wherever it stands.
    fn read(&self, kept: &Kept) -> Result<Arc<Value>, RunError> {
        graph::fetch(self.tools.scheduler, &kept.held(), &self.context()).map_err(failed)
    }
}

/// What a graph met, as an error of the run.
pub(super) fn failed(error: GraphError) -> RunError {
    match error.into_task_error::<OpError>() {
        Ok((task, source)) => RunError::Op { task, source },
        Err(GraphError::Cancelled { .. }) => RunError::Aborted,
        Err(error) => match error.into_task_error::<RemoteError>() {
            Ok((task, source)) => RunError::Worker { task, source },
            Err(error) => RunError::Graph(error),
        },
    }
}

fn history(plan: &Plan, outcomes: &[PlaneOutcome], command: &str, interrupted: bool) -> Vec<String> {
    let mut lines = vec![format!("deconv {}: {command}", env!("CARGO_PKG_VERSION"))];
    let mut section = String::new();
    for line in plan.config.to_toml().lines().filter(|line| !line.is_empty()) {
        match line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            Some(name) => section = format!("{name}."),
            // the machine decides how fast it went, not what came of it
            None if section == "machine." => {}
            None => lines.push(format!("deconv parameter {section}{line}")),
        }
    }
    lines.extend(plan.grid_lines().iter().map(|line| format!("deconv PSF {line}")));
    lines.extend(outcomes.iter().map(|plane| format!("deconv {}: {}", plane.label, plane.message)));
    if plan.is_circular() {
        lines.push(
            "deconv CIRCULAR: residual = dirty - psf * model with a convolution that wraps around the edges".to_owned(),
        );
    }
    if interrupted {
        lines.push("deconv INTERRUPTED: the products are consistent, but the deconvolution is not complete".to_owned());
    }
    lines
}
