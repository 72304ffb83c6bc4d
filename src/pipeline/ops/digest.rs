//! Digests of the operations: what their results depend on besides their inputs.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use serde::Serialize;

use super::{DeconvOp, Source, Value};
use crate::graph::{Digest, Held, Place};

/// A file as it is now: another content has another size, or was written at another time.
#[derive(Serialize)]
struct Identity {
    path: PathBuf,
    bytes: u64,
    modified: (i64, i64),
}

impl Identity {
    fn of(path: &Path) -> Option<Self> {
        let facts = fs::metadata(path).ok()?;
        let modified = (facts.mtime(), facts.mtime_nsec());
        Some(Self { path: fs::canonicalize(path).ok()?, bytes: facts.len(), modified })
    }
}

/// Digest of an operation; none of one whose effect is not its result.
pub(super) fn digest(op: &DeconvOp) -> Option<Digest> {
    match file(op) {
        File::None => Digest::of_value(program(), op),
        File::Read(source) => Digest::of_value(program(), &(Identity::of(source.0.path())?, op)),
        File::Written => None,
    }
}

/// What an operation does with files.
enum File<'a> {
    None,
    Read(&'a Source),
    Written,
}

/// Every operation is named here, so that none that reads a file is forgotten.
#[allow(clippy::too_many_lines)] // a list
fn file(op: &DeconvOp) -> File<'_> {
    match op {
        DeconvOp::ReadRows(op) => File::Read(&op.source),
        DeconvOp::RegridRows(op) => File::Read(&op.source),
        DeconvOp::LocatePsf(op) => File::Read(&op.psf.source),
        DeconvOp::ExamineCore(op) => File::Read(&op.psf.source),
        DeconvOp::CutPsf(op) => File::Read(&op.psf.source),
        DeconvOp::ExaminePsf(op) => File::Read(&op.psf.source),
        DeconvOp::PlacePsf(op) => File::Read(&op.psf.source),
        DeconvOp::Deliver(_) => File::Written,
        DeconvOp::SurveyPsf(_)
        | DeconvOp::MeasurePsf(_)
        | DeconvOp::Prepare(_)
        | DeconvOp::Allow(_)
        | DeconvOp::TakeModel(_)
        | DeconvOp::StampRows(_)
        | DeconvOp::AddListed(_)
        | DeconvOp::Remainder(_)
        | DeconvOp::Sum(_)
        | DeconvOp::ScaleResidual(_)
        | DeconvOp::ChangeBeam(_)
        | DeconvOp::MakePsf(_)
        | DeconvOp::FieldRows(_)
        | DeconvOp::PsfRows(_)
        | DeconvOp::GaussianRows(_)
        | DeconvOp::KernelTransfer(_)
        | DeconvOp::Convolve(_)
        | DeconvOp::WeightedRows(_)
        | DeconvOp::ConvolveSum(_)
        | DeconvOp::Correlate(_)
        | DeconvOp::WeightedSum(_)
        | DeconvOp::Residual(_)
        | DeconvOp::Restore(_)
        | DeconvOp::Survey(_)
        | DeconvOp::Noise(_)
        | DeconvOp::MapFloor(_)
        | DeconvOp::CompareFloor(_)
        | DeconvOp::HoldFloor(_)
        | DeconvOp::Rank(_)
        | DeconvOp::SumCells(_)
        | DeconvOp::MapRms(_)
        | DeconvOp::SurveyNoise(_)
        | DeconvOp::Statistics(_)
        | DeconvOp::Select(_)
        | DeconvOp::MinorPass(_)
        | DeconvOp::AutoMask(_)
        | DeconvOp::AddComponents(_)
        | DeconvOp::ListComponents(_)
        | DeconvOp::ScaleTransfer(_)
        | DeconvOp::TableColumns(_)
        | DeconvOp::ScaleTable(_)
        | DeconvOp::EdgeLevel(_)
        | DeconvOp::SmoothColumns(_)
        | DeconvOp::CleanScales(_)
        | DeconvOp::ScalesTile(_)
        | DeconvOp::SmoothRows(_)
        | DeconvOp::AddShapes(_)
        | DeconvOp::MergeSteps(_)
        | DeconvOp::MaskFound(_)
        | DeconvOp::Standing(_)
        | DeconvOp::TakeOut(_)
        | DeconvOp::AtPoints(_)
        | DeconvOp::Refit(_)
        | DeconvOp::Trim(_)
        | DeconvOp::Trimmed(_)
        | DeconvOp::TallyRows(_)
        | DeconvOp::Tally(_)
        | DeconvOp::PoolRows(_)
        | DeconvOp::Pool(_)
        | DeconvOp::ModeSurvey(_)
        | DeconvOp::UsableModes(_)
        | DeconvOp::ModeTable(_)
        | DeconvOp::BinSteps(_)
        | DeconvOp::FitMatern(_)
        | DeconvOp::ChooseLambda(_)
        | DeconvOp::SpreadBlock(_)
        | DeconvOp::MergeSpread(_)
        | DeconvOp::ResponseBlock(_)
        | DeconvOp::FitResponse(_)
        | DeconvOp::LucyRows(_)
        | DeconvOp::DrawBlock(_)
        | DeconvOp::AddSquares(_)
        | DeconvOp::SdRows(_)
        | DeconvOp::NoiseSpectrum(_)
        | DeconvOp::NaturalTally(_)
        | DeconvOp::NaturalBlock(_)
        | DeconvOp::MatchData(_)
        | DeconvOp::ApplyFilter(_)
        | DeconvOp::TaperRows(_)
        | DeconvOp::MergeTables(_)
        | DeconvOp::CrossValidate(_)
        | DeconvOp::Misfit(_)
        | DeconvOp::MisfitRms(_)
        | DeconvOp::SeamRows(_)
        | DeconvOp::SeamColumns(_)
        | DeconvOp::DrawSeams(_)
        | DeconvOp::CropColumns(_)
        | DeconvOp::RankTiles(_)
        | DeconvOp::TileFloor(_)
        | DeconvOp::SelectAbove(_)
        | DeconvOp::MinorTile(_)
        | DeconvOp::LeaveTiles(_)
        | DeconvOp::FilteredRows(_)
        | DeconvOp::CeilingBlock(_)
        | DeconvOp::ZeroModel(_)
        | DeconvOp::AtomRows(_)
        | DeconvOp::AtomColumns(_)
        | DeconvOp::AtomData(_)
        | DeconvOp::AtomAdvance(_)
        | DeconvOp::AtomModel(_)
        | DeconvOp::AtomBand(_)
        | DeconvOp::AtomWeights(_)
        | DeconvOp::HighestTransfer(_)
        | DeconvOp::AtomGap(_)
        | DeconvOp::AtomRescale(_)
        | DeconvOp::Highest(_)
        | DeconvOp::SupportWeights(_)
        | DeconvOp::AtomPowers(_)
        | DeconvOp::SumPowers(_)
        | DeconvOp::PartNoise(_)
        | DeconvOp::SteadyNoise(_)
        | DeconvOp::RowDots(_)
        | DeconvOp::Total(_)
        | DeconvOp::Combine(_) => File::None,
    }
}

/// A value that no operation makes, and that is the same in every run for these parameters.
pub fn constant<P: Serialize>(value: Value, parameters: &P) -> Held<Value> {
    let bytes = value.bytes();
    Held::at(Place::Memory(value.into()), bytes, Digest::of_value(program(), parameters))
}

/// The program that computes: its version, and its file, since a version under development has many.
fn program() -> &'static str {
    static PROGRAM: OnceLock<String> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let file = std::env::current_exe().ok().and_then(|path| Identity::of(&path));
        let build = file.map_or_else(String::new, |Identity { bytes, modified, .. }| format!("{bytes} {modified:?}"));
        format!("deconv {} {build}", env!("CARGO_PKG_VERSION"))
    })
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::Arc;

    use super::super::{Combine, Deliver, Product, ReadRows, Rows, Source, Tally};
    use super::*;
    use crate::io::{FitsSource, FitsTarget};

    /// A FITS image of 3 x 2 pixels.
    fn file(folder: &Path, name: &str) -> PathBuf {
        let cards = ["SIMPLE  = T", "BITPIX  = -32", "NAXIS   = 2", "NAXIS1  = 3", "NAXIS2  = 2", "END"];
        let cards = cards.map(|card| match card.split_once('=') {
            Some((key, value)) => format!("{:<80}", format!("{key}= {:>20}", value.trim())),
            None => format!("{card:<80}"),
        });
        let mut bytes = format!("{:<2880}", cards.concat()).into_bytes();
        bytes.resize(2 * 2880, 0);
        let path = folder.join(name);
        fs::write(&path, bytes).unwrap();
        path
    }

    fn read(path: &Path, rows: (usize, usize)) -> DeconvOp {
        let source = Source(Arc::new(FitsSource::open(path.to_str().unwrap()).unwrap()));
        DeconvOp::ReadRows(ReadRows { source, plane: 0, rows: Rows { first: rows.0, last: rows.1 } })
    }

    #[test]
    fn parameters_and_kind_of_an_operation_are_in_its_digest() {
        let of = |op: DeconvOp| digest(&op).unwrap();
        assert_eq!(of(DeconvOp::Combine(Combine { sign: 1.0 })), of(DeconvOp::Combine(Combine { sign: 1.0 })));
        assert_ne!(of(DeconvOp::Combine(Combine { sign: 1.0 })), of(DeconvOp::Combine(Combine { sign: -1.0 })));
        assert_ne!(of(DeconvOp::Tally(Tally)), of(DeconvOp::Total(super::super::Total)));
    }

    #[test]
    fn rows_are_known_by_file_region_size_and_time_of_writing() {
        let folder = tempfile::tempdir().unwrap();
        let path = file(folder.path(), "a.fits");
        let first = digest(&read(&path, (0, 2))).unwrap();
        assert_eq!(digest(&read(&path, (0, 2))), Some(first));
        assert_ne!(digest(&read(&path, (0, 1))), Some(first), "other rows");
        assert_ne!(digest(&read(&file(folder.path(), "b.fits"), (0, 2))), Some(first), "another file");
        std::thread::sleep(std::time::Duration::from_millis(20));
        file(folder.path(), "a.fits");
        let second = digest(&read(&path, (0, 2)));
        assert_ne!(second, Some(first), "written again");
        fs::OpenOptions::new().append(true).open(&path).unwrap().write_all(&[0; 2880]).unwrap();
        assert_ne!(digest(&read(&path, (0, 2))), second, "longer");
        let op = read(&path, (0, 2));
        fs::remove_file(&path).unwrap();
        assert_eq!(digest(&op), None, "a file that is gone");
    }

    #[test]
    fn writing_is_never_taken_for_done() {
        let folder = tempfile::tempdir().unwrap();
        let path = file(folder.path(), "a.fits");
        let source = FitsSource::open(path.to_str().unwrap()).unwrap();
        let target = FitsTarget::<crate::units::Model>::create(&folder.path().join("m.fits"), &source, false).unwrap();
        let product = Product::Model(target.writer());
        let rows = Rows { first: 0, last: 2 };
        assert_eq!(digest(&DeconvOp::Deliver(Deliver { product, plane: 0, rows, blank: false })), None);
    }

    #[test]
    fn constants_are_the_same_for_the_same_parameters() {
        let of = |parameter: u32| constant(Value::Done, &parameter).digest.unwrap();
        assert_eq!(of(1), of(1));
        assert_ne!(of(1), of(2));
    }
}
