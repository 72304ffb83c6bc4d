//! What travels on the edges of the application's graphs.

use ndarray::Array2;
use serde::{Deserialize, Serialize};

use super::{PsfFacts, Response};
use crate::algorithms::wiener::{Ceiling, Choice, MaternFit, SpectrumTable, Spread, StepTable, Survey, Usable};
use crate::algorithms::{CellRows, Contrast, FloorMap, Levels, PlaneStats, RmsMap, Step, Steps, TileRank, TileRules};
use crate::fft::{BlockRows, SlabSpectrum, Transfer};
use crate::images::{CoreFacts, Image, Mask, Psf, PsfError, PsfPart, PsfPeak, PsfSurvey};
use crate::kernels::list::ActiveList;
use crate::pipeline::record::{Pooled, PooledRows};
use crate::tiling::{Seams, Strip};
use crate::units::{Dirty, Model, Residual, Restored};

/// Rows of a dirty image with their blanks.
#[derive(Debug, Clone)]
pub struct DirtySlab {
    /// The pixels, 0 where blank.
    pub image: Image<Dirty>,
    /// The pixels that are not blank; `None` where none is.
    pub finite: Option<Mask>,
}

/// What is measured of a slab of residual, to be combined in the order of the slabs.
#[derive(Debug, Clone, Default)]
pub struct SlabSurvey {
    /// Lowest value.
    pub min: f32,
    /// Highest value.
    pub max: f32,
    /// Pixels that are not blank.
    pub pixels: u64,
    /// Sum of squares of each row, in f64: rows are added in order, so the cut does not change the total.
    pub squares: Vec<f64>,
    /// A strided sample of the finite pixels, for the robust noise.
    pub sample: Vec<f32>,
}

/// The weighted peak of a slab.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct SlabRank {
    /// Where components may stand now.
    pub peak: f32,
    /// Where the user lets them stand.
    pub outside: f32,
    /// Pixels where they may stand now.
    pub allowed: u64,
    /// Levels of these pixels.
    pub levels: Levels,
}

/// Sums over a model.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct ModelTally {
    /// Sum of the pixels \[Jy\].
    pub flux: f64,
    /// Sum of the negative pixels \[Jy\].
    pub negative: f64,
    /// Pixels that are not 0.
    pub components: u64,
}

/// Sums over rows of a model, to be added up in their order.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct SlabTally {
    /// Of each row: the sum of its pixels, and of the negative ones \[Jy\].
    pub flux: Vec<(f64, f64)>,
    /// Pixels that are not 0.
    pub components: u64,
}

/// A value of the graph.
pub enum Value {
    /// Rows as read; NaN is blank.
    Pixels(Array2<f32>),
    /// A PSF.
    Psf(Psf),
    /// What a file gave for a PSF.
    NoPsf(PsfError),
    /// Rows of the dirty image.
    Dirty(DirtySlab),
    /// Where components may stand in a slab; everywhere without a mask.
    Allowed(Option<Mask>),
    /// What the run must know of a PSF.
    PsfFacts(PsfFacts),
    /// What a first look over rows of a PSF found.
    PsfSurvey(PsfSurvey),
    /// Where a PSF peaks.
    PsfPeak(PsfPeak),
    /// A PSF's main lobe.
    PsfCore(CoreFacts),
    /// What was measured of rows of a PSF.
    PsfPart(PsfPart),
    /// Rows of the residual.
    Residual(Image<Residual>),
    /// Rows of the model.
    Model(Image<Model>),
    /// Rows of the restored image.
    Restored(Image<Restored>),
    /// Row transforms of a slab.
    Spectrum(SlabSpectrum),
    /// The PSF's transform on a block of columns.
    Transfer(Transfer),
    /// Rows of a block of columns, transformed back.
    Block(BlockRows),
    /// Statistics of a slab.
    Survey(SlabSurvey),
    /// Noise of a plane; peaks are not known yet.
    Noise(PlaneStats),
    /// Sidelobes that the PSF does not reach.
    Floor(FloorMap),
    /// What the residual says to them.
    Contrast(Contrast),
    /// Sums over cells.
    CellRows(CellRows),
    /// Local rms.
    RmsMap(RmsMap),
    /// Peak of a slab.
    Rank(SlabRank),
    /// Statistics of a plane.
    Statistics(PlaneStats, Levels),
    /// Pixels to clean.
    Active(ActiveList),
    /// What a minor cycle found.
    Step(Step),
    /// What a minor cycle found at each scale.
    Steps(Steps),
    /// Sums over rows of a model.
    SlabTally(SlabTally),
    /// Sums over a model.
    Tally(ModelTally),
    /// Rows of a preview.
    PooledRows(PooledRows),
    /// A preview.
    Pooled(Pooled),
    /// What a look over a block of modes found.
    ModeSurvey(Survey),
    /// Which modes carry a datum.
    Usable(Usable),
    /// A block of modes in bins.
    ModeTable(SpectrumTable),
    /// A block of modes in bins for any Matérn prior.
    StepTable(StepTable),
    /// Length and smoothness of the Matérn prior.
    MaternFit(MaternFit),
    /// The weight of the prior.
    Choice(Choice),
    /// Sums of the posterior variance.
    Spread(Spread),
    /// The beam that the filter's response is like.
    Response(Response),
    /// What modes can tell.
    Ceiling(Ceiling),
    /// Rows of a vector of a solver.
    Vector(Array2<f32>),
    /// A sum for each row.
    RowSums(Vec<f64>),
    /// A number.
    Scalar(f64),
    /// Strips on the way to the seams in them.
    Strips(Vec<Strip>),
    /// Boundaries of tiles.
    Seams(Seams),
    /// What stands out in tiles.
    TileRanks(Vec<TileRank>),
    /// What all tiles keep to.
    TileRules(TileRules),
    /// Nothing but the fact that it was done.
    Done,
}

/// Makes `fn name(&self) -> &Type` for a variant; a graph that wires another value there is a defect of ours, and the
/// scheduler names its key.
macro_rules! access {
    ($($(#[$doc:meta])* $name:ident: $variant:ident($type:ty);)*) => {
        impl Value {
            $(
                $(#[$doc])*
                ///
                /// # Panics
                /// If the graph was wired wrongly.
                pub fn $name(&self) -> &$type {
                    match self {
                        Self::$variant(value) => value,
                        _ => panic!(concat!("the graph wires a ", stringify!($name), " here")),
                    }
                }
            )*
        }
    };
}

access! {
    /// Rows as read.
    pixels: Pixels(Array2<f32>);
    /// The PSF.
    psf: Psf(Psf);
    /// Rows of the dirty image.
    dirty: Dirty(DirtySlab);
    /// Where components may stand.
    allowed: Allowed(Option<Mask>);
    /// What a first look found.
    psf_survey: PsfSurvey(PsfSurvey);
    /// A PSF's main lobe.
    psf_core: PsfCore(CoreFacts);
    /// What was measured of rows of a PSF.
    psf_part: PsfPart(PsfPart);
    /// Rows of the residual.
    residual: Residual(Image<Residual>);
    /// Rows of the model.
    model: Model(Image<Model>);
    /// Rows of the restored image.
    restored: Restored(Image<Restored>);
    /// Row transforms.
    spectrum: Spectrum(SlabSpectrum);
    /// Transfer function.
    transfer: Transfer(Transfer);
    /// Rows of a block.
    block: Block(BlockRows);
    /// Statistics of a slab.
    survey: Survey(SlabSurvey);
    /// Noise of a plane.
    noise: Noise(PlaneStats);
    /// Sidelobes that the PSF does not reach.
    floor: Floor(FloorMap);
    /// What the residual says to them.
    contrast: Contrast(Contrast);
    /// Sums over cells.
    cell_rows: CellRows(CellRows);
    /// Local rms.
    rms_map: RmsMap(RmsMap);
    /// Peak of a slab.
    rank: Rank(SlabRank);
    /// Pixels to clean.
    active: Active(ActiveList);
    /// What a minor cycle found.
    step: Step(Step);
    /// What a minor cycle found at each scale.
    steps: Steps(Steps);
    /// Sums over rows of a model.
    slab_tally: SlabTally(SlabTally);
    /// Sums over a model.
    tally: Tally(ModelTally);
    /// Rows of a preview.
    pooled_rows: PooledRows(PooledRows);
    /// A preview.
    pooled: Pooled(Pooled);
    /// What a look over modes found.
    mode_survey: ModeSurvey(Survey);
    /// Usable modes.
    usable: Usable(Usable);
    /// Modes in bins.
    mode_table: ModeTable(SpectrumTable);
    /// Modes in bins for any Matérn prior.
    step_table: StepTable(StepTable);
    /// Length and smoothness of the Matérn prior.
    matern_fit: MaternFit(MaternFit);
    /// The weight of the prior.
    choice: Choice(Choice);
    /// Sums of the posterior variance.
    spread: Spread(Spread);
    /// The beam that the filter's response is like.
    response: Response(Response);
    /// What modes can tell.
    ceiling: Ceiling(Ceiling);
    /// Rows of a vector.
    vector: Vector(Array2<f32>);
    /// A sum for each row.
    row_sums: RowSums(Vec<f64>);
    /// A number.
    scalar: Scalar(f64);
    /// Strips on the way to their seams.
    strips: Strips(Vec<Strip>);
    /// Boundaries of tiles.
    seams: Seams(Seams);
    /// What stands out in tiles.
    tile_ranks: TileRanks(Vec<TileRank>);
    /// What all tiles keep to.
    tile_rules: TileRules(TileRules);
}

impl Value {
    /// `(ny, nx)` of values that are pixels.
    pub fn shape(&self) -> Option<(usize, usize)> {
        match self {
            Self::Pixels(slab) | Self::Vector(slab) => Some(slab.dim()),
            Self::Psf(psf) => Some(psf.shape()),
            Self::Dirty(slab) => Some(slab.image.shape()),
            Self::Allowed(mask) => mask.as_ref().map(Mask::shape),
            Self::Residual(slab) => Some(slab.shape()),
            Self::Model(slab) => Some(slab.shape()),
            Self::Restored(slab) => Some(slab.shape()),
            _ => None,
        }
    }

    /// Size in memory \[bytes\]; small values count as nothing.
    pub fn bytes(&self) -> u64 {
        let pixels = |(ny, nx): (usize, usize)| 4 * (ny * nx) as u64;
        match self {
            Self::Pixels(slab) | Self::Vector(slab) => pixels(slab.dim()),
            Self::Psf(psf) => pixels(psf.shape()),
            Self::Dirty(slab) => {
                let (ny, nx) = slab.image.shape();
                pixels((ny, nx)) + slab.finite.as_ref().map_or(0, |_| (ny * nx) as u64)
            }
            Self::Allowed(mask) => mask.as_ref().map_or(0, |mask| pixels(mask.shape()) / 4),
            Self::Residual(slab) => pixels(slab.shape()),
            Self::Model(slab) => pixels(slab.shape()),
            Self::Restored(slab) => pixels(slab.shape()),
            Self::Spectrum(spectrum) => spectrum.bytes(),
            Self::Transfer(transfer) => transfer.bytes(),
            Self::Block(block) => block.bytes(),
            Self::Survey(survey) => 4 * survey.sample.len() as u64,
            Self::CellRows(rows) => rows.bytes(),
            Self::RmsMap(map) => map.bytes(),
            Self::Active(list) => 12 * list.len() as u64,
            Self::Step(step) => 24 * step.components.len() as u64 + 64 * step.blobs.len() as u64,
            Self::Floor(map) => map.bytes(),
            Self::Contrast(contrast) => contrast.bytes(),
            Self::Steps(steps) => steps.0.iter().map(|step| 24 * step.components.len() as u64).sum(),
            Self::SlabTally(tally) => 16 * tally.flux.len() as u64,
            Self::PooledRows(rows) => rows.bytes(),
            Self::Pooled(pooled) => 4 * pooled.pixels.len() as u64,
            Self::ModeTable(table) => table.bytes(),
            Self::StepTable(table) => table.bytes(),
            Self::RowSums(sums) => 8 * sums.len() as u64,
            Self::PsfPart(part) => part.bytes(),
            Self::Strips(strips) => strips.iter().map(Strip::bytes).sum(),
            Self::Seams(seams) => seams.bytes(),
            Self::TileRanks(ranks) => 8300 * ranks.len() as u64,
            Self::TileRules(rules) => (12 * rules.niter.len() + 8 * rules.safe.len()) as u64,
            Self::Rank(_)
            | Self::PsfSurvey(_)
            | Self::PsfCore(_)
            | Self::Noise(_)
            | Self::NoPsf(_)
            | Self::PsfPeak(_)
            | Self::PsfFacts(_)
            | Self::Statistics(..)
            | Self::Tally(_)
            | Self::ModeSurvey(_)
            | Self::Usable(_)
            | Self::MaternFit(_)
            | Self::Choice(_)
            | Self::Spread(_)
            | Self::Response(_)
            | Self::Ceiling(_)
            | Self::Scalar(_)
            | Self::Done => 0,
        }
    }
}
