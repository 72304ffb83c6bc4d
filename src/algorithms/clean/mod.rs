//! The CLEAN family: minor cycles on a view of the residual, between exact residuals of the whole plane.

mod asp;
mod contrast;
mod control;
mod floor;
mod hogbom;
mod levels;
mod list;
mod local;
mod multiscale;
mod params;
mod signs;
mod tile;

use ndarray::Array2;
use serde::{Deserialize, Serialize};

use super::{Algorithm, Kind};
use crate::graph::Cancel;
use crate::images::{Mask, Psf, PsfGrid};
use crate::kernels::list::ActiveList;

pub(super) use asp::ASP;
pub use asp::AspParams;
pub use contrast::Contrast;
pub use control::{AutoThreshold, CleanParams, Control, Next, PEAK_RISE, Retry};
pub use floor::{FloorBuilder, FloorMap, FloorRows, Shortfall};
pub use levels::{Levels, SCALES_DEPTH, Sight};
pub use local::{CellRows, LocalRms, RmsMap, RmsMethod};
pub(super) use multiscale::MULTISCALE;
pub use multiscale::{
    Grid, Member, MultiscaleParams, Refitting, Scale, ScaleShape, Steps, TABLE_ROWS, Table, Widths, clean_together,
    normal_table, refit, table_blocks, table_columns, table_reach, table_rows,
};
pub use params::Window;
pub use signs::Signs;
pub use tile::{TILE_DEPTH, TILE_MARGIN, TileChoice, TileRank, TileRules};

/// What a minor cycle looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum View {
    /// The pixels at or above the floor.
    List,
    /// Every pixel.
    Plane,
}

/// The residual as a minor cycle sees it; the cycle may change it as it likes.
pub enum MinorView {
    /// The pixels at or above the floor, in row order.
    List(ActiveList),
    /// The plane \[Jy/beam\], shape `(ny, nx)`, and where components may stand (everywhere without a mask).
    Plane {
        /// Exact residual at the start of the cycle.
        residual: Array2<f32>,
        /// Where components may stand.
        allowed: Option<Mask>,
        /// Where a wide component may reach: the same without the auto-mask; for loops that ask for it.
        bounds: Option<Mask>,
    },
}

/// How far one minor cycle goes.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct MinorRules {
    /// Share of a peak that one component takes.
    pub gain: f32,
    /// Level at which the cycle ends \[Jy/beam\].
    pub floor: f32,
    /// Components that may still be taken.
    pub niter: u64,
    /// The patch of the PSF, for loops that subtract no more than that.
    pub patch: Patch,
    /// Which signs components may have.
    pub signs: Signs,
    /// What the loop that fits Gaussians is told.
    pub asp: AspParams,
}

/// The smallest box round the PSF's peak outside which it stays below a tenth of the peak.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Patch {
    /// Pixels from the peak to the box's side.
    pub half: usize,
    /// Highest absolute value outside the box.
    pub outside: f32,
}

impl Patch {
    /// Level of the PSF that the patch leaves outside at the most (ALGORITHMS 2.2).
    const LEVEL: f32 = 0.1;

    /// The patch of a PSF of these highest values outside the boxes of half-sizes 0, 1, ...
    /// ([`crate::images::PsfPart::outside_boxes`]).
    pub fn of(outside: &[f32]) -> Self {
        let half = outside.iter().position(|max| *max <= Self::LEVEL).unwrap_or(outside.len().saturating_sub(1));
        Self { half, outside: outside.get(half).copied().unwrap_or(0.0) }
    }
}

/// Flux found in one pixel \[Jy\].
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Component {
    /// Row.
    pub y: usize,
    /// Column.
    pub x: usize,
    /// Flux \[Jy\].
    pub flux: f32,
}

/// A Gaussian component; its kernel is that of [`Scale`], its centre a pixel.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Blob {
    /// Centre and flux.
    pub at: Component,
    /// Its width.
    pub scale: Scale,
}

/// What a minor cycle found.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// One entry per pixel that holds flux, in row order.
    pub components: Vec<Component>,
    /// Gaussians, in the order in which they were found; none in loops over points.
    pub blobs: Vec<Blob>,
    /// Components taken (a pixel may be taken many times).
    pub iterations: u64,
    /// Whether it ended at a negative peak that must not be cleaned.
    pub is_negative: bool,
    /// How often each of these pixels was taken; empty where nobody tells them apart.
    pub times: Vec<u32>,
}

impl Step {
    /// Keeps some of the components, and counts what was taken of them.
    pub fn keep(&mut self, is_kept: impl Fn(&Component) -> bool) {
        let mut times = std::mem::take(&mut self.times).into_iter();
        self.components.retain(|component| {
            let stays = is_kept(component);
            self.iterations -= times.next().filter(|_| !stays).map_or(0, u64::from);
            stays
        });
    }
}

/// The PSFs of a minor cycle: one for all components, or for each the one whose place is nearest to it.
///
/// Several are on one scale: a peak below 1 is the smaller response of its place.
pub struct Psfs<'a> {
    all: Vec<&'a Psf>,
    grid: Option<&'a PsfGrid>,
}

impl<'a> Psfs<'a> {
    /// One PSF for all.
    pub fn one(psf: &'a Psf) -> Self {
        Self { all: vec![psf], grid: None }
    }

    /// Several, in the order of their grid.
    pub fn several(all: Vec<&'a Psf>, grid: &'a PsfGrid) -> Self {
        Self { all, grid: Some(grid) }
    }

    /// All of them.
    pub fn all(&self) -> &[&'a Psf] {
        &self.all
    }

    /// Number of the PSF of a component at row `y`, column `x`.
    pub fn of(&self, y: usize, x: usize) -> usize {
        self.grid.map_or(0, |grid| grid.nearest(y as f64, x as f64))
    }

    /// Heights of their peaks.
    fn peaks(&self) -> Vec<f32> {
        self.all.iter().map(|psf| psf.pixels()[psf.centre()]).collect()
    }
}

impl Step {
    /// What several loops found, their fluxes added up where they found the same pixel.
    pub fn merged<'a>(steps: impl Iterator<Item = &'a Self> + Clone) -> Self {
        let mut components: Vec<Component> = steps.clone().flat_map(|step| step.components.iter().copied()).collect();
        // a stable order: equal places keep that of the steps
        components.sort_by_key(|component| (component.y, component.x));
        components.dedup_by(|later, first| {
            let is_same = (later.y, later.x) == (first.y, first.x);
            first.flux += if is_same { later.flux } else { 0.0 };
            is_same
        });
        let blobs = steps.clone().flat_map(|step| step.blobs.iter().copied()).collect();
        let is_negative = steps.clone().any(|step| step.is_negative);
        let iterations = steps.map(|step| step.iterations).sum();
        Self { components, blobs, iterations, is_negative, times: Vec::new() }
    }
}

/// An inner loop of the CLEAN family; stateless, so that it runs anywhere.
pub trait MinorCycle: Sync {
    /// What the loop looks at.
    fn view(&self) -> View;

    /// Share of the peak below which the loop must not go in one cycle: what its patch leaves out.
    fn least_floor(&self, patch: Patch) -> f32;

    /// Whether a cycle goes straight down to the threshold, as it costs the same wherever it stops.
    fn goes_all_the_way(&self) -> bool {
        false
    }

    /// Cycles that count as one major cycle: a loop that takes few components at a time needs many.
    fn passes(&self) -> u64 {
        1
    }

    /// Copies of the residual that the loop works on.
    fn copies(&self) -> u64;

    /// Takes components until the floor, the iteration limit, or the cancellation.
    fn run(&self, view: MinorView, psfs: &Psfs<'_>, rules: &MinorRules, cancel: &Cancel) -> Step;
}

/// Which loop an operation of the graph runs; plain data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Minor {
    /// The active list with the whole PSF.
    Clean,
    /// The active list of one scale at a time with the PSF smoothed by it.
    Multiscale,
    /// Gaussians that adapt to the sky.
    Asp,
    /// The active list with a patch of the PSF.
    Clark,
    /// The whole plane with the whole PSF.
    Hogbom,
}

impl Minor {
    /// The loop itself.
    pub fn cycle(self) -> &'static dyn MinorCycle {
        match self {
            Self::Clean | Self::Multiscale => &list::Clean,
            Self::Asp => &asp::Asp,
            Self::Clark => &list::Clark,
            Self::Hogbom => &hogbom::Hogbom,
        }
    }
}

/// Entry of the registry.
pub(super) const CLEAN: Algorithm = Algorithm {
    name: "clean",
    summary: "sub-minor lists with the whole PSF, exact residual between them (Offringa & Smirnov 2017)",
    kind: Kind::Clean(Minor::Clean),
    first: None,
    tables: &["clean"],
    ignores: &[],
    also: &[],
};

/// Entry of the registry.
pub(super) const CLARK: Algorithm = Algorithm {
    name: "clark",
    summary: "minor cycles with a patch of the PSF, exact residual between them (Clark 1980)",
    kind: Kind::Clean(Minor::Clark),
    first: None,
    tables: &["clean"],
    ignores: &[],
    also: &[],
};

/// Entry of the registry.
pub(super) const HOGBOM: Algorithm = Algorithm {
    name: "hogbom",
    summary: "the textbook loop over every pixel with the whole PSF, the reference of the others (Hogbom 1974)",
    kind: Kind::Clean(Minor::Hogbom),
    first: None,
    tables: &["clean"],
    // the loop goes straight down to the threshold in one piece, and does not weigh its search
    ignores: &[
        "mgain",
        "tile",
        "local_rms",
        "local_rms_window",
        "local_rms_method",
        "local_rms_strength",
        "local_rms_image",
    ],
    also: &[],
};
