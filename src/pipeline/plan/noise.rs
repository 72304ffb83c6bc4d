//! The file that tells the spectrum of the noise.

use std::sync::Arc;

use super::given::{check_cell, wrong};
use super::{Inputs, Plan, PlanError, shape_of};
use crate::algorithms::wiener::NoiseFile;
use crate::io::FitsSource;
use crate::pipeline::graphs::NoisePlane;
use crate::pipeline::ops::{PsfPlane, Source};

/// The file that tells the noise.
#[derive(Debug, Clone)]
pub struct NoiseInput {
    /// The file.
    pub source: Source,
    /// What it tells.
    pub file: NoiseFile,
    /// Its plane for each plane of the PSF.
    pub planes: Vec<usize>,
}

/// What to do about a PSF with natural weights that is not one of this PSF.
const NATURAL_HINT: &str = "make it by the same imaging run with natural weights: same cell, size and centre";

/// What to do about one that tells too little: where PSFs are cut, weights are missing between the cells, the fewer the wider they are.
const CUT_HINT: &str = "make both by the same imaging run, of twice the image's size: narrower cuts of PSFs lack weights. \
                        --noise-model psf needs no file";

/// The same where the image repeats: PSFs that are cut off have no period there, however wide.
const PERIOD_HINT: &str = "take --boundary linear, with both PSFs of twice the image's size: those that were cut from larger ones, as \
                           imagers write them, do not repeat with the image. --noise-model psf needs no file";

impl NoiseInput {
    /// Opens the file: a PSF with natural weights on the grid of `psf`, or a spectrum of any size.
    pub(super) fn open(file: NoiseFile, spec: &str, psf: &Source) -> Result<Self, PlanError> {
        let source = Source(Arc::new(FitsSource::open(spec)?));
        let (count, own) = (psf.0.planes(), source.0.planes());
        let role = Self::role(file);
        if own != 1 && own != count {
            let values = (format!("{own} planes"), format!("1 or {count}"));
            let hint = "give one plane for all PSFs, or one for each";
            return Err(wrong((role, &source), &psf.0, ("NAXIS3 and NAXIS4", values), hint).into());
        }
        let (shape, expected) = (shape_of(source.0.geometry()), shape_of(psf.0.geometry()));
        if file == NoiseFile::NaturalPsf {
            check_cell(role, &source, &psf.0, NATURAL_HINT)?;
            for (key, found, expected) in [("NAXIS1", shape.1, expected.1), ("NAXIS2", shape.0, expected.0)] {
                if found != expected {
                    let values = (found.to_string(), format!("{expected} of the PSF"));
                    return Err(wrong((role, &source), &psf.0, (key, values), NATURAL_HINT).into());
                }
            }
        }
        let planes = (0..count).map(|plane| if own == 1 { 0 } else { plane }).collect();
        Ok(Self { source, file, planes })
    }

    fn role(file: NoiseFile) -> &'static str {
        match file {
            NoiseFile::NaturalPsf => "PSF with natural weights",
            NoiseFile::Spectrum => "spectrum of the noise",
        }
    }

    /// Its peak stands elsewhere than that of the PSF.
    pub fn misplaced(
        &self,
        inputs: &Inputs,
        plane: usize,
        found: (usize, usize),
        expected: (usize, usize),
    ) -> PlanError {
        let told = |(y, x): (usize, usize)| format!("({x}, {y})");
        let values = (format!("{} in plane {plane}", told(found)), format!("{} of the PSF", told(expected)));
        wrong((Self::role(self.file), &self.source), &inputs.psf.0, ("peak at pixel", values), NATURAL_HINT).into()
    }

    /// It does not tell the noise of so many modes that the PSF measures; of others it does.
    pub fn untold(&self, plan: &Plan, psf: usize, (untold, told): (f64, f64)) -> PlanError {
        let plane = self.planes[psf.min(self.planes.len() - 1)];
        let of = format!("{untold:.0} of {:.0} modes that the PSF measures", untold + told);
        let (found, expected, hint) = match self.file {
            NoiseFile::Spectrum => (
                format!("not above 0, or not finite, at {of} (plane {plane})"),
                "a positive power at each of them",
                "give the power spectrum over all frequencies, zero frequency at pixel (ny/2, nx/2) counted from 0",
            ),
            NoiseFile::NaturalPsf => {
                let hint = if plan.is_circular() { PERIOD_HINT } else { CUT_HINT };
                (format!("no weight at {of} (plane {plane})"), "weight at most of them", hint)
            }
        };
        let values = (found, expected.to_owned());
        wrong((Self::role(self.file), &self.source), &plan.inputs.psf.0, ("modes", values), hint).into()
    }
}

impl Plan {
    /// The plane of the noise that goes with a PSF; its number is none of a PSF.
    pub fn noise_plane(&self, input: &NoiseInput, psf: usize) -> PsfPlane {
        let plane = input.planes[psf.min(input.planes.len() - 1)];
        PsfPlane { source: input.source.clone(), plane, number: self.numbers() + psf, tolerant: false }
    }

    /// What the noise of a PSF is told by, all peaks standing where they usually do.
    pub fn noise_of<'a>(&self, plane: &'a PsfPlane, file: NoiseFile, psf: usize) -> NoisePlane<'a> {
        let number = 2 * self.numbers() + psf;
        let psf = PsfPlane { number, ..self.psf_plane(psf, false) };
        NoisePlane { plane, file, psf, kernels: (self.kernel, self.kernel), is_linear: !self.is_circular() }
    }

    /// More than any number of a PSF.
    fn numbers(&self) -> usize {
        self.planes.len().max(self.inputs.psf.0.planes()).max(self.inputs.psfs().count())
    }
}
