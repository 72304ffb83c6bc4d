//! What a run remembers of a plane and of a PSF between graphs.

use super::contest::Contest;
use super::runaways::Runaways;
use super::tidy::Tidying;
use crate::algorithms::wiener::{Curves, Equation, MaternFit, SpreadReport};
use crate::algorithms::{Control, Levels, PlaneStats, Retry, Scale, Shortfall, StopReason};
use crate::images::{BeamFit, PsfError};
use crate::pipeline::graphs::{Kept, KernelCut, PlaneKeys, Slabs, Wiring};
use crate::pipeline::ops::{ModelTally, PsfFacts};
use crate::pipeline::outcome::{ConvexOutcome, WienerOutcome};
use crate::pipeline::plan::PlanePlan;
use crate::pipeline::record::{CyclePoint, PlaneInference, Pooled, SolverPoint};

/// A PSF and what was measured of it.
pub(super) struct PsfState {
    /// What was measured of it, or why there is none.
    pub facts: Result<PsfFacts, PsfError>,
    /// The PSF made small, if the preview shows it.
    pub pooled: Option<Pooled>,
    /// Its transform.
    pub kernel: KernelCut,
    /// Its transfer function, block by block; empty until needed.
    pub transfer: Slabs,
    /// What of it an image that ends sees, where the convex solver needs that: the transfer function of the PSF times the overlap.
    pub seen: Slabs,
    /// All of it, or as far as the tiles reach, where a loop needs it.
    pub whole: Option<Kept>,
    /// What each scale is cleaned with; empty where components are points only.
    pub scales: Vec<ScaleKit>,
}

/// What a scale is cleaned with.
pub(super) struct ScaleKit {
    /// The scale.
    pub scale: Scale,
    /// The PSF smoothed twice; for points the PSF.
    pub psf: Kept,
    /// The scale's transfer function, block by block; none for points.
    pub transfer: Slabs,
    /// What components of earlier scales leave at this one, and the lags from one entry to the next.
    pub tables: Vec<(Kept, u32)>,
    /// How the PSF falls short of the image at this scale, in units of the scale's bias; none for points.
    pub shortfall: Option<Shortfall>,
}

/// What a plane looks like at a scale.
pub(super) struct ScaleState {
    /// The smoothed residual; empty for points, and where it is out of date.
    pub image: Slabs,
    /// What weighs its pixels besides the noise; empty for points, where the PSF falls short of nothing, and where it is out
    /// of date.
    pub floor: Slabs,
    /// Whether image and statistics are of the present residual.
    pub is_fresh: bool,
    /// Whether a cycle of it was taken back: it is cleaned no more.
    pub is_out: bool,
    /// Where components may stand now.
    pub mask: Slabs,
    /// Statistics of the image.
    pub stats: PlaneStats,
    /// Levels of its pixels.
    pub levels: Levels,
    /// Absolute flux of the components of the last cycle \[Jy\].
    pub moved: f64,
    /// Whether a cycle found components of it.
    pub has_found: bool,
}

impl ScaleState {
    /// Nothing seen or found yet.
    pub(super) fn over(allowed: &Slabs) -> Self {
        Self {
            image: Vec::new(),
            floor: Vec::new(),
            is_fresh: false,
            is_out: false,
            mask: allowed.clone(),
            stats: PlaneStats::default(),
            levels: Levels::default(),
            moved: 0.0,
            has_found: false,
        }
    }
}

impl PsfState {
    /// What was measured of it, if it is one.
    pub(super) fn facts(&self) -> Option<&PsfFacts> {
        self.facts.as_ref().ok()
    }

    /// The fitted beam, unless one was given.
    pub(super) fn fit(&self) -> Option<BeamFit> {
        self.facts().and_then(|facts| facts.fit)
    }
}

/// A plane under way.
pub(super) struct PlaneState {
    pub plan: PlanePlan,
    pub dirty: Slabs,
    pub allowed: Slabs,
    /// Where components may stand now: `allowed`, or the auto-mask.
    pub mask: Slabs,
    /// What weighs the search for the peak: the noise, and the map of floors where the PSF falls short.
    pub weights: Slabs,
    pub model: Slabs,
    pub residual: Slabs,
    /// The model that the estimate is added to, which is that of the residual; empty where there is none.
    pub given: Slabs,
    pub stats: PlaneStats,
    pub levels: Levels,
    pub tally: ModelTally,
    /// Highest absolute value of the dirty image \[Jy/beam\].
    pub dirty_peak: f32,
    pub control: Option<Control>,
    /// The last good model.
    pub good: Slabs,
    /// What it looks like at each scale; empty where components are points only.
    pub scales: Vec<ScaleState>,
    /// Points alone against several scales.
    pub contest: Contest,
    /// The last steps.
    pub tidying: Tidying,
    /// Components found at each scale.
    pub found: Option<Kept>,
    /// Those of the last good model.
    pub good_found: Option<Kept>,
    /// Boundaries of the tiles of the last cycle.
    pub seams: Option<Kept>,
    /// Tiles that ran away.
    pub runaways: Runaways,
    pub points: Vec<CyclePoint>,
    /// How the residual of Wiener-Hunt's solver went.
    pub solver: Vec<SolverPoint>,
    pub stop: Option<StopReason>,
    /// How its residual stood before the first cycle.
    pub begun: Option<PlaneStats>,
    /// How it was cleaned once more after it had diverged.
    pub retry: Option<Retry>,
    /// How Wiener-Hunt went.
    pub wiener: Option<WienerOutcome>,
    /// How the convex solver went.
    pub convex: Option<ConvexOutcome>,
    /// What Wiener-Hunt inferred.
    pub inference: Option<PlaneInference>,
    /// The criterion of cross-validation, where it was asked for.
    pub gcv: Option<f64>,
    /// The criteria over λ, where it is given and they were asked for.
    pub curves: Option<Curves>,
    /// The posterior standard deviation, where it was asked for.
    pub spread: Option<SpreadReport>,
    /// Root of the mean square of the misfit with another dirty image \[Jy/beam\].
    pub held_out_rms: Option<f64>,
    /// The posterior standard deviation of its pixels, where asked.
    pub sd: Slabs,
    /// The modes that it used.
    pub usable: Option<Kept>,
    /// The Matérn prior that was found, where it was asked for.
    pub matern: Option<MaternFit>,
    /// The equation of Wiener-Hunt's linear boundary.
    pub equation: Equation,
    /// The choice of the weight of the prior, where samples are drawn with it.
    pub choice: Option<Kept>,
    /// Pixels where the user lets components stand.
    pub selected: u64,
    pub notes: Vec<String>,
}

impl PlaneState {
    /// Gives the plane's values to a graph; with `release` the plane lets go of model and residual.
    pub(super) fn give(&mut self, wiring: &mut Wiring, release: bool) -> PlaneKeys {
        let plane = self.plan.plane;
        let keys = PlaneKeys {
            dirty: wiring.give_all("held-dirty", plane, &self.dirty),
            allowed: wiring.give_all("held-allow", plane, &self.allowed),
            mask: wiring.give_all("held-mask", plane, &self.mask),
            model: wiring.give_all("held-model", plane, &self.model),
            residual: wiring.give_all("held-residual", plane, &self.residual),
            restored: Vec::new(),
            sd: wiring.give_all("held-sd", plane, &self.sd),
            response: Vec::new(),
        };
        if release {
            self.model.clear();
            self.residual.clear();
            self.sd.clear();
        }
        keys
    }

    /// Lets go of images that are of an earlier residual.
    pub(super) fn outdate(&mut self) {
        for scale in &mut self.scales {
            scale.image.clear();
            scale.floor.clear();
            scale.is_fresh = false;
        }
    }

    /// Gives all that it has to its last graph.
    pub(super) fn give_up(&mut self, wiring: &mut Wiring) -> PlaneKeys {
        let keys = self.give(wiring, true);
        for slabs in [&mut self.dirty, &mut self.allowed, &mut self.mask, &mut self.good] {
            slabs.clear();
        }
        self.scales.clear();
        self.contest = Contest::default();
        self.found = None;
        self.good_found = None;
        keys
    }

    /// Takes note of the present state for the convergence plot.
    pub(super) fn note_point(&mut self) {
        let state = self.control.as_ref().map(Control::state);
        self.points.push(CyclePoint {
            cycle: state.map_or(0, |state| state.major as u32),
            iterations: state.map_or(0, |state| state.iterations),
            peak: f64::from(self.stats.peak),
            sigma: Some(self.stats.sigma),
            threshold: state.map(|state| f64::from(state.threshold)),
            flux: self.tally.flux,
        });
    }
}
