//! What a run leaves behind for pictures: plain values that can be saved, and drawn again later.
//!
//! Nothing here knows how it is drawn; `diagnostics` holds the plots.

mod beam;
pub mod inference;
mod pool;
mod profile;

use serde::{Deserialize, Deserializer, Serialize};

use crate::images::{CleanBeam, Sky};
pub use beam::BeamRecord;
pub use inference::PlaneInference;
pub use pool::{Pooled, PooledRows, Pooling, Shrink, pool, preview_factor};
pub use profile::{CachePoint, GraphSpan, ResourceSample, RunProfile, TaskSpan};

/// Everything that the plots draw; a part that is absent is not drawn.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct RunRecord {
    /// Who worked when, and what it took.
    pub profile: Option<RunProfile>,
    /// How peak and flux went.
    pub convergence: Option<Convergence>,
    /// The images, made small.
    pub preview: Option<Preview>,
    /// A PSF's main lobe and its beam.
    #[serde(default)]
    pub beam: Option<BeamRecord>,
    /// What Wiener-Hunt inferred, plane by plane.
    #[serde(default)]
    pub inference: Vec<PlaneInference>,
}

/// How the deconvolution of every plane went.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Convergence {
    /// One curve for each plane.
    pub planes: Vec<PlaneCurve>,
}

impl Convergence {
    /// Whether any plane has a point.
    pub fn has_points(&self) -> bool {
        self.planes.iter().any(|plane| !plane.points.is_empty() || !plane.solver.is_empty())
    }
}

/// How the deconvolution of one plane went.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlaneCurve {
    /// What the plane is called (`I 1.42 GHz`, `plane 3`).
    pub label: String,
    /// One point per major cycle of CLEAN; the first is the dirty image.
    pub points: Vec<CyclePoint>,
    /// One point per iteration of Wiener-Hunt's solver.
    pub solver: Vec<SolverPoint>,
    /// Why it stopped, in a few words.
    pub stop: String,
}

/// A plane after a major cycle.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct CyclePoint {
    /// Major cycles done.
    pub cycle: u32,
    /// Minor iterations done since the beginning.
    pub iterations: u64,
    /// Largest absolute residual \[Jy/beam\].
    pub peak: f64,
    /// Robust noise of the residual \[Jy/beam\].
    pub sigma: Option<f64>,
    /// Down to where the plane is cleaned \[Jy/beam\].
    pub threshold: Option<f64>,
    /// Flux of the model \[Jy\].
    pub flux: f64,
}

/// A solver after an iteration.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct SolverPoint {
    /// Iterations done.
    pub iteration: u32,
    /// Norm of what is left of the equation, over that at the begin.
    pub relative: f64,
    /// The relative residual that counts as solved.
    pub tolerance: f64,
}

/// The images of one plane, made small, side by side.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Preview {
    /// One line above the facts.
    pub title: String,
    /// Name and value of whatever should stand beside the images: stop reason, noise, cycles.
    pub facts: Vec<(String, String)>,
    /// The images in order; at most five are drawn.
    pub panels: Vec<Panel>,
    /// The restoring beam, drawn into the restored image.
    pub beam: Option<CleanBeam>,
    /// Coordinates of the unpooled image.
    pub sky: Option<Sky>,
    /// Boundaries of the tiles of the last cycle, lines of places `(y, x)` in pixels, drawn into the residual.
    pub seams: Vec<Vec<(f64, f64)>>,
}

/// What an image shows: decides its colours, its stretch and its axes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PanelKind {
    /// The image as observed.
    Dirty,
    /// The point spread function; its axes are offsets from its centre.
    Psf,
    /// The sky as found; to be pooled by [`Pooling::MaxAbs`].
    Model,
    /// What is left.
    Residual,
    /// Model at the resolution of the beam, with the residual.
    Restored,
    /// Posterior standard deviation of the model.
    Sd,
}

impl PanelKind {
    /// How an image of this kind is made small: a model by its extremes, so that point sources stay, and a PSF too, so that
    /// its peak and sidelobes keep their heights.
    pub fn pooling(self) -> Pooling {
        match self {
            Self::Model | Self::Psf => Pooling::MaxAbs,
            Self::Dirty | Self::Residual | Self::Restored | Self::Sd => Pooling::Mean,
        }
    }
}

/// One image of a preview.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Panel {
    /// What it shows.
    pub kind: PanelKind,
    /// Its heading.
    pub name: String,
    /// Unit of its pixels as BUNIT has it; empty for pure numbers.
    pub unit: String,
    /// The pixels.
    pub image: Pooled,
}

impl Panel {
    /// A panel of the given kind, under its usual name and unit.
    pub fn new(kind: PanelKind, image: Pooled) -> Self {
        let (name, unit) = match kind {
            PanelKind::Dirty => ("dirty", "Jy/beam"),
            PanelKind::Psf => ("PSF", ""),
            PanelKind::Model => ("model", "Jy/pixel"),
            PanelKind::Residual => ("residual", "Jy/beam"),
            PanelKind::Restored => ("restored", "Jy/beam"),
            PanelKind::Sd => ("standard deviation of the model", "Jy/pixel"),
        };
        Self { kind, name: name.to_owned(), unit: unit.to_owned(), image }
    }
}

/// Reads NaN back from the `null` that JSON has for it.
fn blanks<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<f32>, D::Error> {
    let pixels = Vec::<Option<f32>>::deserialize(deserializer)?;
    Ok(pixels.into_iter().map(|pixel| pixel.unwrap_or(f32::NAN)).collect())
}
