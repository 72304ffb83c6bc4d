//! The operations as the graph knows them: every call goes to the operation's own implementation.

use std::sync::Arc;

use super::{DeconvOp, OpError, Value, Work, codec, describe, digest};
use crate::graph::{Codec, Cost, Digest, Meta, Op, TaskContext};

/// Sends a call to the operation's own implementation.
macro_rules! each {
    ($self:expr, $op:ident => $call:expr) => {
        match $self {
            DeconvOp::ReadRows($op) => $call,
            DeconvOp::SurveyPsf($op) => $call,
            DeconvOp::LocatePsf($op) => $call,
            DeconvOp::ExamineCore($op) => $call,
            DeconvOp::MeasurePsf($op) => $call,
            DeconvOp::Prepare($op) => $call,
            DeconvOp::Allow($op) => $call,
            DeconvOp::StampRows($op) => $call,
            DeconvOp::RegridRows($op) => $call,
            DeconvOp::ExaminePsf($op) => $call,
            DeconvOp::MakePsf($op) => $call,
            DeconvOp::FieldRows($op) => $call,
            DeconvOp::PsfRows($op) => $call,
            DeconvOp::GaussianRows($op) => $call,
            DeconvOp::KernelTransfer($op) => $call,
            DeconvOp::Convolve($op) => $call,
            DeconvOp::PlacePsf($op) => $call,
            DeconvOp::WeightedRows($op) => $call,
            DeconvOp::ConvolveSum($op) => $call,
            DeconvOp::Correlate($op) => $call,
            DeconvOp::WeightedSum($op) => $call,
            DeconvOp::Residual($op) => $call,
            DeconvOp::Restore($op) => $call,
            DeconvOp::Survey($op) => $call,
            DeconvOp::Noise($op) => $call,
            DeconvOp::MapFloor($op) => $call,
            DeconvOp::CompareFloor($op) => $call,
            DeconvOp::HoldFloor($op) => $call,
            DeconvOp::SumCells($op) => $call,
            DeconvOp::MapRms($op) => $call,
            DeconvOp::SurveyNoise($op) => $call,
            DeconvOp::Rank($op) => $call,
            DeconvOp::AutoMask($op) => $call,
            DeconvOp::Statistics($op) => $call,
            DeconvOp::Select($op) => $call,
            DeconvOp::MinorPass($op) => $call,
            DeconvOp::AddComponents($op) => $call,
            DeconvOp::ListComponents($op) => $call,
            DeconvOp::ScaleTransfer($op) => $call,
            DeconvOp::TableColumns($op) => $call,
            DeconvOp::ScaleTable($op) => $call,
            DeconvOp::EdgeLevel($op) => $call,
            DeconvOp::SmoothColumns($op) => $call,
            DeconvOp::CleanScales($op) => $call,
            DeconvOp::ScalesTile($op) => $call,
            DeconvOp::SmoothRows($op) => $call,
            DeconvOp::AddShapes($op) => $call,
            DeconvOp::MergeSteps($op) => $call,
            DeconvOp::MaskFound($op) => $call,
            DeconvOp::Standing($op) => $call,
            DeconvOp::TakeOut($op) => $call,
            DeconvOp::AtPoints($op) => $call,
            DeconvOp::Refit($op) => $call,
            DeconvOp::Trim($op) => $call,
            DeconvOp::Trimmed($op) => $call,
            DeconvOp::TallyRows($op) => $call,
            DeconvOp::Tally($op) => $call,
            DeconvOp::Deliver($op) => $call,
            DeconvOp::PoolRows($op) => $call,
            DeconvOp::Pool($op) => $call,
            DeconvOp::TakeModel($op) => $call,
            DeconvOp::AddListed($op) => $call,
            DeconvOp::Remainder($op) => $call,
            DeconvOp::Sum($op) => $call,
            DeconvOp::ScaleResidual($op) => $call,
            DeconvOp::ChangeBeam($op) => $call,
            DeconvOp::CutPsf($op) => $call,
            DeconvOp::ModeSurvey($op) => $call,
            DeconvOp::UsableModes($op) => $call,
            DeconvOp::ModeTable($op) => $call,
            DeconvOp::BinSteps($op) => $call,
            DeconvOp::FitMatern($op) => $call,
            DeconvOp::ChooseLambda($op) => $call,
            DeconvOp::SpreadBlock($op) => $call,
            DeconvOp::MergeSpread($op) => $call,
            DeconvOp::ResponseBlock($op) => $call,
            DeconvOp::FitResponse($op) => $call,
            DeconvOp::LucyRows($op) => $call,
            DeconvOp::DrawBlock($op) => $call,
            DeconvOp::AddSquares($op) => $call,
            DeconvOp::SdRows($op) => $call,
            DeconvOp::NoiseSpectrum($op) => $call,
            DeconvOp::NaturalTally($op) => $call,
            DeconvOp::NaturalBlock($op) => $call,
            DeconvOp::MatchData($op) => $call,
            DeconvOp::ApplyFilter($op) => $call,
            DeconvOp::TaperRows($op) => $call,
            DeconvOp::FilteredRows($op) => $call,
            DeconvOp::CeilingBlock($op) => $call,
            DeconvOp::ZeroModel($op) => $call,
            DeconvOp::RowDots($op) => $call,
            DeconvOp::Total($op) => $call,
            DeconvOp::Combine($op) => $call,
            DeconvOp::MergeTables($op) => $call,
            DeconvOp::CrossValidate($op) => $call,
            DeconvOp::Misfit($op) => $call,
            DeconvOp::MisfitRms($op) => $call,
            DeconvOp::SeamRows($op) => $call,
            DeconvOp::SeamColumns($op) => $call,
            DeconvOp::DrawSeams($op) => $call,
            DeconvOp::CropColumns($op) => $call,
            DeconvOp::RankTiles($op) => $call,
            DeconvOp::TileFloor($op) => $call,
            DeconvOp::SelectAbove($op) => $call,
            DeconvOp::MinorTile($op) => $call,
            DeconvOp::LeaveTiles($op) => $call,
            DeconvOp::AtomRows($op) => $call,
            DeconvOp::AtomColumns($op) => $call,
            DeconvOp::AtomData($op) => $call,
            DeconvOp::AtomAdvance($op) => $call,
            DeconvOp::AtomModel($op) => $call,
            DeconvOp::AtomBand($op) => $call,
            DeconvOp::AtomWeights($op) => $call,
            DeconvOp::HighestTransfer($op) => $call,
            DeconvOp::AtomGap($op) => $call,
            DeconvOp::AtomRescale($op) => $call,
            DeconvOp::Highest($op) => $call,
            DeconvOp::SupportWeights($op) => $call,
            DeconvOp::AtomPowers($op) => $call,
            DeconvOp::SumPowers($op) => $call,
            DeconvOp::PartNoise($op) => $call,
            DeconvOp::SteadyNoise($op) => $call,
        }
    };
}

/// How often a read or a write of a FITS file is tried again.
const RETRIES: u32 = 2;

fn kind_of<W: Work>(_: &W) -> &'static str {
    W::KIND
}

impl Op for DeconvOp {
    type Value = Value;
    type Error = OpError;

    fn kind(&self) -> &'static str {
        each!(self, op => kind_of(op))
    }

    fn cost(&self, inputs: &[Meta]) -> Cost {
        each!(self, op => op.cost(inputs))
    }

    fn run(&self, inputs: &[Arc<Value>], context: &TaskContext) -> Result<Value, OpError> {
        each!(self, op => op.run(inputs, context))
    }

    fn describe(&self) -> String {
        describe::parameters(self)
    }

    fn shape(value: &Value) -> Option<String> {
        value.shape().map(|(ny, nx)| format!("({ny}, {nx})"))
    }

    fn digest(&self) -> Option<Digest> {
        digest::digest(self)
    }

    fn is_shared(&self) -> bool {
        // no parameter of an algorithm is in a spectrum of PSF or dirty image, and every block of it takes the whole image
        matches!(self, Self::KernelTransfer(_))
    }

    fn retries(&self) -> u32 {
        // what a network file system refuses now it may grant later; both do the same however often they are tried
        if matches!(self, Self::ReadRows(_) | Self::Deliver(_)) { RETRIES } else { 0 }
    }

    fn load_bytes(&self, input: usize, meta: Meta) -> u64 {
        each!(self, op => op.load_bytes(input, meta))
    }

    fn codec() -> Option<Codec<Value>> {
        Some(codec::CODEC)
    }
}
