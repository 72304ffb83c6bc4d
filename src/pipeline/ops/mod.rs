//! The operations of the task graph: plain data, one `run` each, grouped by what they work on.

mod clean;
mod codec;
mod convex;
mod convolve;
mod deliver;
mod describe;
mod digest;
mod dispatch;
mod error;
mod floor;
mod given;
mod inference;
mod load;
mod local;
mod lucy;
mod masks;
mod measure;
mod natural;
mod psf;
mod response;
mod rows;
mod sampling;
mod scale_tiles;
mod scales;
mod score;
mod seams;
mod smooth;
mod tidy;
mod tiles;
mod treat;
mod value;
mod varying;
mod vectors;
mod wiener;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::graph::{Cost, Meta, TaskContext};

pub use clean::{AddComponents, AutoMask, ListComponents, MinorPass, Tally, TallyRows};
pub use convex::{
    AtomAdvance, AtomBand, AtomColumns, AtomData, AtomGap, AtomModel, AtomPart, AtomPowers, AtomRescale, AtomRows,
    AtomSetting, AtomStep, AtomView, AtomWeights, Highest, HighestTransfer, PartNoise, Shrink, SteadyNoise, SumPowers,
    SupportWeights,
};
pub use convolve::{Convolve, FieldRows, GaussianRows, Kernel, KernelTransfer, PsfRows, Residual, Restore};
pub use deliver::{Deliver, Pool, PoolRows, Product};
pub use digest::constant;
pub use error::OpError;
pub(crate) use error::{BEAM_HINT, SCRATCH_HINT};
pub use floor::{CompareFloor, HoldFloor, MapFloor};
pub use given::{AddListed, ListedShape, Remainder, Sum, TakeModel};
pub use inference::{BinSteps, ChooseLambda, FitMatern, MergeSpread, SpreadBlock};
pub use load::{Allow, Prepare, ReadRows, Source};
pub use local::{MapRms, NoiseCounts, SumCells, SurveyNoise};
pub use lucy::{LucyRows, LucyStep};
pub use masks::{RegridRows, StampRows};
pub use measure::{Noise, Rank, Select, Statistics, Survey};
pub use natural::{MatchData, NaturalBlock, NaturalTally, NoiseSpectrum};
pub use psf::{ExamineCore, ExaminePsf, LocatePsf, MakePsf, MeasurePsf, PsfAsks, PsfFacts, PsfPlane, SurveyPsf};
pub use response::{FitResponse, Response, ResponseBlock};
pub use rows::Rows;
pub use sampling::{AddSquares, DrawBlock, SdRows};
pub use scale_tiles::ScalesTile;
pub use scales::{AddShapes, CleanScales, MaskFound, MergeSteps};
pub use score::{CrossValidate, MergeTables, Misfit, MisfitRms};
pub use seams::{CropColumns, DrawSeams, SeamColumns, SeamRows};
pub use smooth::{EdgeLevel, ScaleTable, ScaleTransfer, SmoothColumns, SmoothRows, TableColumns};
pub use tidy::{AtPoints, Refit, Standing, TakeOut, Trim, Trimmed};
pub use tiles::{LeaveTiles, MinorTile, RankTiles, SelectAbove, TileFloor};
pub use treat::{ChangeBeam, CutPsf, ScaleResidual};
pub use value::{DirtySlab, ModelTally, SlabRank, SlabSurvey, SlabTally, Value};
pub use varying::{ConvolveSum, Correlate, PlacePsf, WeightedRows, WeightedSum};
pub use vectors::{Combine, RowDots, Total, ZeroModel};
pub use wiener::{
    ApplyFilter, CeilingBlock, Field, FilterStep, Filtered, FilteredRows, ModeSurvey, ModeTable, Setting, TaperRows,
    UsableModes,
};

/// An operation of every graph that the application builds.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum DeconvOp {
    /// Reads rows of a file.
    ReadRows(ReadRows),
    /// Looks for a PSF's peak in some of its rows.
    SurveyPsf(SurveyPsf),
    /// Finds a PSF's peak.
    LocatePsf(LocatePsf),
    /// Measures a PSF's main lobe.
    ExamineCore(ExamineCore),
    /// Measures rows of a PSF.
    MeasurePsf(MeasurePsf),
    /// Divides dirty rows by the PSF's scale and notes their blanks.
    Prepare(Prepare),
    /// Tells where components may stand.
    Allow(Allow),
    /// Pixels that regions hold.
    StampRows(StampRows),
    /// Pixels that an image of another grid selects.
    RegridRows(RegridRows),
    /// Puts together what was measured of a PSF.
    ExaminePsf(ExaminePsf),
    /// Puts a whole PSF together.
    MakePsf(MakePsf),
    /// Row transforms of an image's slab.
    FieldRows(FieldRows),
    /// Row transforms of the PSF.
    PsfRows(PsfRows),
    /// Row transforms of a Gaussian beam.
    GaussianRows(GaussianRows),
    /// Column transforms of the PSF, kept.
    KernelTransfer(KernelTransfer),
    /// Column transforms, product, and back.
    Convolve(Convolve),
    /// Decides which pixel of a PSF stands for its place.
    PlacePsf(PlacePsf),
    /// Row transforms of a PSF's part of the model.
    WeightedRows(WeightedRows),
    /// Sum of the convolutions with several PSFs.
    ConvolveSum(ConvolveSum),
    /// Correlates with a PSF.
    Correlate(Correlate),
    /// Sum of weighted correlations.
    WeightedSum(WeightedSum),
    /// Dirty rows less the convolved model.
    Residual(Residual),
    /// Model at the clean beam plus residual.
    Restore(Restore),
    /// Statistics of a residual's slab.
    Survey(Survey),
    /// Noise of a plane.
    Noise(Noise),
    /// Sidelobes that the PSF does not reach.
    MapFloor(MapFloor),
    /// A slab of residual against them.
    CompareFloor(CompareFloor),
    /// Them as far as the residual bears them out.
    HoldFloor(HoldFloor),
    /// Sums over the cells of a slab.
    SumCells(SumCells),
    /// What a map of the noise tells.
    SurveyNoise(SurveyNoise),
    /// Local rms of a plane.
    MapRms(MapRms),
    /// Peak of a slab.
    Rank(Rank),
    /// Statistics of a plane.
    Statistics(Statistics),
    /// Pixels at or above the floor.
    Select(Select),
    /// One minor cycle.
    MinorPass(MinorPass),
    /// Where components are.
    AutoMask(AutoMask),
    /// Adds components to a model's slab.
    AddComponents(AddComponents),
    /// Components of rows of a model.
    ListComponents(ListComponents),
    /// Low frequencies of a scale's kernel.
    ScaleTransfer(ScaleTransfer),
    /// A PSF smoothed with scales.
    TableColumns(TableColumns),
    /// The same, put together.
    ScaleTable(ScaleTable),
    /// How high a smooth PSF still is near its edges.
    EdgeLevel(EdgeLevel),
    /// Column transforms of the smoothed residual.
    SmoothColumns(SmoothColumns),
    /// Rows of the smoothed residual.
    SmoothRows(SmoothRows),
    /// One minor cycle over several scales.
    CleanScales(CleanScales),
    /// The same in one tile.
    ScalesTile(ScalesTile),
    /// Adds components of all scales to a model's slab.
    AddShapes(AddShapes),
    /// Components of several cycles put together.
    MergeSteps(MergeSteps),
    /// Where components of a scale are.
    MaskFound(MaskFound),
    /// Where the restored image stands out.
    Standing(Standing),
    /// Takes points out.
    TakeOut(TakeOut),
    /// The residual at points.
    AtPoints(AtPoints),
    /// Fits points anew.
    Refit(Refit),
    /// Takes away what a model holds below a level.
    Trim(Trim),
    /// What was taken away.
    Trimmed(Trimmed),
    /// Flux and components of rows of a model.
    TallyRows(TallyRows),
    /// Flux and components of a model.
    Tally(Tally),
    /// Writes rows of a product.
    Deliver(Deliver),
    /// Shrinks rows for the preview.
    PoolRows(PoolRows),
    /// Puts a preview together.
    Pool(Pool),
    /// Takes rows of a file for a model's.
    TakeModel(TakeModel),
    /// A residual in the place of the dirty image.
    Remainder(Remainder),
    /// Two models together.
    Sum(Sum),
    /// Adds listed components to a model's slab.
    AddListed(AddListed),
    /// Multiplies rows of a residual.
    ScaleResidual(ScaleResidual),
    /// Transfer function from one beam to another.
    ChangeBeam(ChangeBeam),
    /// Cuts the main lobe out of a PSF.
    CutPsf(CutPsf),
    /// Looks over a block of modes.
    ModeSurvey(ModeSurvey),
    /// Which modes carry a datum.
    UsableModes(UsableModes),
    /// Tabulates a block of modes.
    ModeTable(ModeTable),
    /// Modes binned for any Matérn prior.
    BinSteps(BinSteps),
    /// Length and smoothness of the Matérn prior.
    FitMatern(FitMatern),
    /// Chooses the weight of the prior.
    ChooseLambda(ChooseLambda),
    /// Adds up the posterior variance of a block of modes.
    SpreadBlock(SpreadBlock),
    /// The same of all blocks.
    MergeSpread(MergeSpread),
    /// What the filter makes of a point source.
    ResponseBlock(ResponseBlock),
    /// The beam that this is like.
    FitResponse(FitResponse),
    /// A step of Richardson-Lucy.
    LucyRows(LucyRows),
    /// Draws a block of a perturbation.
    DrawBlock(DrawBlock),
    /// Adds squares of samples.
    AddSquares(AddSquares),
    /// Standard deviation of a slab.
    SdRows(SdRows),
    /// The spectrum of noise from a file.
    NoiseSpectrum(NoiseSpectrum),
    /// What modes would be with natural weights, added up.
    NaturalTally(NaturalTally),
    /// What modes would be with natural weights.
    NaturalBlock(NaturalBlock),
    /// A dirty image with natural weights.
    MatchData(MatchData),
    /// Filters a block of modes.
    ApplyFilter(ApplyFilter),
    /// Tapers a slab towards the edges.
    TaperRows(TaperRows),
    /// Filtered rows transformed back.
    FilteredRows(FilteredRows),
    /// What a block of modes can tell.
    CeilingBlock(CeilingBlock),
    /// A model of zeros.
    ZeroModel(ZeroModel),
    /// Inner products of rows.
    RowDots(RowDots),
    /// Sum of row sums.
    Total(Total),
    /// A slab plus a multiple of another.
    Combine(Combine),
    /// Tables of modes put together.
    MergeTables(MergeTables),
    /// Generalised cross-validation of the weight of the prior.
    CrossValidate(CrossValidate),
    /// Misfit with another dirty image.
    Misfit(Misfit),
    /// Its root of the mean square.
    MisfitRms(MisfitRms),
    /// Seams of tiles from top to bottom.
    SeamRows(SeamRows),
    /// A seam of tiles from left to right.
    SeamColumns(SeamColumns),
    /// Boundaries of tiles.
    DrawSeams(DrawSeams),
    /// Keeps some columns.
    CropColumns(CropColumns),
    /// What stands out in each tile.
    RankTiles(RankTiles),
    /// The floor of all tiles.
    TileFloor(TileFloor),
    /// Pixels at or above that floor.
    SelectAbove(SelectAbove),
    /// The minor cycle of a tile.
    MinorTile(MinorTile),
    /// Where components may stand without some tiles.
    LeaveTiles(LeaveTiles),
    /// Row transforms of coefficients of atoms.
    AtomRows(AtomRows),
    /// Changes the modes of all widths of atoms.
    AtomColumns(AtomColumns),
    /// The data of the convex inner problem.
    AtomData(AtomData),
    /// Coefficients of atoms after a step.
    AtomAdvance(AtomAdvance),
    /// A model of atoms.
    AtomModel(AtomModel),
    /// The residual as a width of atoms sees it.
    AtomBand(AtomBand),
    /// Noise that changes by little at once.
    SteadyNoise(SteadyNoise),
    /// What thresholds of coefficients are multiplied by.
    AtomWeights(AtomWeights),
    /// What stands for several PSFs in the inner problem of the convex solver.
    HighestTransfer(HighestTransfer),
    /// How far coefficients of the convex solver are from rest.
    AtomGap(AtomGap),
    /// Coefficients of the convex solver for another penalty.
    AtomRescale(AtomRescale),
    /// The highest of them.
    Highest(Highest),
    /// Weights that leave free what was found.
    SupportWeights(SupportWeights),
    /// Powers of noise in a block of modes.
    AtomPowers(AtomPowers),
    /// Powers of noise.
    SumPowers(SumPowers),
    /// Noise of a part of the convex solver.
    PartNoise(PartNoise),
}

/// What each operation must say of itself.
trait Work {
    /// Name for pictures and profiles.
    const KIND: &'static str;
    /// What it takes, given the sizes of its inputs.
    fn cost(&self, inputs: &[Meta]) -> Cost;
    /// What it reads of an input that stands in a scratch file \[bytes\].
    fn load_bytes(&self, _input: usize, meta: Meta) -> u64 {
        meta.bytes
    }
    /// Computes the value.
    fn run(&self, inputs: &[Arc<Value>], context: &TaskContext) -> Result<Value, OpError>;
}
