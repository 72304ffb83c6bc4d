//! Results over a sweep: all points in one process, beside each other, with what they share computed once.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use super::{Criterion, Point, Sweep, SweepError};
use crate::algorithms::{Direct, Kind};
use crate::graph::{Cache, CacheUse, Cached, Callback, Cancel, Threads};
use crate::pipeline::ops::Value;
use crate::pipeline::{Outcome, Plan, RunError, Tools, Watch, explore};

/// What is measured of a run, over all its planes.
#[derive(Debug, Clone, PartialEq)]
pub struct Numbers {
    /// Sum of the models \[Jy\].
    pub flux_jy: f64,
    /// Sum of their negative pixels \[Jy\].
    pub negative_flux_jy: f64,
    /// Pixels of the models that are not 0.
    pub components: u64,
    /// Components taken.
    pub iterations: u64,
    /// Major cycles.
    pub cycles: u64,
    /// Root of the mean square of the residuals \[Jy/beam\].
    pub residual_rms: f64,
    /// Largest absolute residual \[Jy/beam\].
    pub residual_peak: f64,
    /// Why the planes stopped, every reason once.
    pub stop: String,
    /// The score that was asked for: smaller is better.
    pub score: Option<f64>,
    /// Time \[s\], other points running beside it.
    pub wall_s: f64,
}

/// What all points have in common.
pub struct Shared<'a> {
    /// The dirty image.
    pub dirty: &'a str,
    /// The PSF.
    pub psf: &'a str,
    /// The score.
    pub criterion: Option<&'a Criterion>,
    /// Called for every task.
    pub callbacks: &'a [&'a dyn Callback],
    /// Asks for an early end: points that have not begun are left out.
    pub cancel: Cancel,
}

/// Of the memory, the share that keeps what points have in common.
const KEPT: u64 = 2;

struct Silent;

impl Watch for Silent {}

/// Runs every point; `done` is told of each as it ends. Also tells what of the tasks was taken from another point.
///
/// The first point runs alone, so that the others find what they share with it.
///
/// # Errors
/// [`SweepError::Plan`] for any point before the first runs, [`SweepError::Criterion`], [`SweepError::Run`].
pub fn explore_points(
    sweep: &Sweep,
    shared: &Shared<'_>,
    done: &(dyn Fn(&Point, &Numbers) + Sync),
) -> Result<(Vec<Option<Numbers>>, CacheUse), SweepError> {
    let plans = plans(sweep, shared)?;
    let first = &plans[0];
    let workers = first.workers;
    let side_by_side = beside(first, plans.len());
    let cache = Cache::in_memory(first.values() / KEPT);
    let usage = Mutex::new(CacheUse::default());
    let results: Vec<Mutex<Option<Numbers>>> = plans.iter().map(|_| Mutex::new(None)).collect();
    let next = AtomicUsize::new(1);
    let failure = Mutex::new(None);
    let run_one = |place: usize, threads: usize| {
        let (plan, point) = (&plans[place], &sweep.points[place]);
        match run_point(plan, shared, &cache, threads) {
            Ok(_) if shared.cancel.is_requested() => {}
            Ok((numbers, used)) => {
                let mut usage = usage.lock().unwrap_or_else(PoisonError::into_inner);
                usage.tasks += used.tasks;
                usage.taken += used.taken;
                usage.run += used.run;
                done(point, &numbers);
                *results[place].lock().unwrap_or_else(PoisonError::into_inner) = Some(numbers);
            }
            Err(source) => {
                let error = SweepError::Run { point: sweep.label(point), source };
                failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert((place, error));
            }
        }
    };
    let has_failed = || failure.lock().unwrap_or_else(PoisonError::into_inner).is_some();
    run_one(0, workers);
    let threads = (workers / side_by_side).max(1);
    std::thread::scope(|scope| {
        for _ in 0..side_by_side {
            scope.spawn(|| {
                loop {
                    let place = next.fetch_add(1, Ordering::Relaxed);
                    if place >= plans.len() || shared.cancel.is_requested() || has_failed() {
                        break;
                    }
                    run_one(place, threads);
                }
            });
        }
    });
    if let Some((_, error)) = failure.into_inner().unwrap_or_else(PoisonError::into_inner) {
        return Err(error);
    }
    let results = results.into_iter().map(|one| one.into_inner().unwrap_or_else(PoisonError::into_inner)).collect();
    Ok((results, usage.into_inner().unwrap_or_else(PoisonError::into_inner)))
}

/// A plan for every point, with the score that is asked for.
fn plans(sweep: &Sweep, shared: &Shared<'_>) -> Result<Vec<Plan>, SweepError> {
    let plan = |point: &Point| {
        let wrong = |source| SweepError::Plan { point: sweep.label(point), source };
        let plan = Plan::new(point.config.clone(), shared.dirty, shared.psf).map_err(wrong)?;
        match shared.criterion {
            None => Ok(plan),
            Some(Criterion::HeldOut(spec)) => plan.held_against(spec).map_err(wrong),
            Some(Criterion::Gcv) if matches!(plan.algorithm().kind, Kind::Direct(Direct::Wiener)) => {
                Ok(plan.cross_validated())
            }
            Some(Criterion::Gcv) => Err(SweepError::Criterion { algorithm: plan.config.algorithm.clone() }),
        }
    };
    sweep.points.iter().map(plan).collect()
}

/// How many points fit beside each other: no more than workers, and what the memory holds beside what is kept.
fn beside(plan: &Plan, points: usize) -> usize {
    let held = plan.forecast.peak_bytes.max(1);
    let fitting = (plan.memory - plan.memory / KEPT) / held;
    plan.workers.min(points).min(fitting as usize).max(1)
}

fn run_point(
    plan: &Plan,
    shared: &Shared<'_>,
    cache: &Cache<Value>,
    threads: usize,
) -> Result<(Numbers, CacheUse), RunError> {
    let scheduler = Threads::new(threads).with_memory(plan.forecast.peak_bytes);
    let cached = Cached::new(&scheduler, cache);
    let tools =
        Tools { scheduler: &cached, callbacks: shared.callbacks, cancel: shared.cancel.clone(), watch: &Silent };
    let begin = std::time::Instant::now();
    let outcome = explore(plan, &tools)?;
    let wall_s = begin.elapsed().as_secs_f64();
    Ok((Numbers { wall_s, ..Numbers::of(&outcome, shared.criterion) }, cached.usage()))
}

impl Numbers {
    /// The numbers of a run.
    pub fn of(outcome: &Outcome, criterion: Option<&Criterion>) -> Self {
        let planes = &outcome.planes;
        let pixels: f64 = planes.iter().map(|plane| plane.residual.pixels as f64).sum();
        let squares: f64 = planes.iter().map(|plane| plane.residual.rms.powi(2) * plane.residual.pixels as f64).sum();
        let peaks = planes.iter().map(|plane| f64::from(plane.residual.min.abs().max(plane.residual.max.abs())));
        let mut stops: Vec<&str> = planes.iter().map(|plane| plane.stop.name()).collect();
        stops.sort_unstable();
        stops.dedup();
        Self {
            flux_jy: planes.iter().map(|plane| plane.flux_jy).sum(),
            negative_flux_jy: planes.iter().map(|plane| plane.negative_flux_jy).sum(),
            components: planes.iter().map(|plane| plane.components).sum(),
            iterations: planes.iter().map(|plane| plane.iterations).sum(),
            cycles: planes.iter().map(|plane| plane.cycles).sum(),
            residual_rms: if pixels > 0.0 { (squares / pixels).sqrt() } else { 0.0 },
            residual_peak: peaks.fold(0.0, f64::max),
            stop: stops.join(" "),
            score: criterion.and_then(|criterion| criterion.score(planes)),
            wall_s: 0.0,
        }
    }
}
