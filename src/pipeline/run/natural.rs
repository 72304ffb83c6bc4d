//! Noise that a file tells of: what natural weights would have made of the PSFs of a batch.

use std::collections::BTreeMap;

use super::psf::blank_pixels;
use super::state::PlaneState;
use super::{RunError, Session};
use crate::algorithms::wiener::{Equation, NaturalColumn, NaturalSums, NoiseFile};
use crate::graph::Key;
use crate::images::PsfPeak;
use crate::pipeline::graphs::{Kept, KernelCut, NaturalKeys, NoiseKeys, NoisePlane, Slabs, Transfers, Wiring};
use crate::pipeline::ops::{Setting, Value};
use crate::pipeline::plan::NoiseInput;

/// Modes that the PSF measures and the file does not tell of, from which share on that is told, and refused.
const UNTOLD: (f64, f64) = (0.01, 0.5);

/// What natural weights would have made of a PSF, block by block.
#[derive(Default)]
pub(super) struct NaturalState {
    transfer: Slabs,
    weights: Slabs,
}

/// What is known of a PSF's noise between two graphs.
struct Looked {
    noise: Slabs,
    seen: Slabs,
    usable: Vec<Kept>,
    sums: NaturalSums,
}

impl Session<'_> {
    /// Computes what natural weights would have made of every PSF of the planes, where a file tells the noise and it is not known.
    ///
    /// # Errors
    /// A file that does not tell the noise of what the PSF measures.
    pub(super) fn load_natural(&mut self, states: &mut [PlaneState]) -> Result<(), RunError> {
        let Some(input) = self.plan.inputs.spectrum.clone() else { return Ok(()) };
        self.natural.retain(|psf, _| self.psfs.contains_key(psf));
        let open = || states.iter().filter(|state| state.stop.is_none());
        let mut missing: BTreeMap<usize, Setting> = open().map(|state| (state.plan.psf, self.setting(state))).collect();
        missing.retain(|psf, _| !self.natural.contains_key(psf));
        self.load_transfers(false)?;
        let peaks = self.natural_peaks(&input, &missing)?;
        let looked = self.look(&input, &missing, &peaks)?;
        for (psf, setting) in missing {
            let told = self.check_natural(&input, psf, &looked[&psf].sums)?;
            let blanks = blank_pixels(&self.plan.noise_plane(&input, psf), &peaks[&psf]);
            let notes: Vec<String> =
                blanks.filter(|_| input.file == NoiseFile::NaturalPsf).into_iter().chain(told).collect();
            let users = states.iter_mut().filter(|state| state.plan.psf == psf);
            users.for_each(|state| state.notes.extend_from_slice(&notes));
            let made = self.make_natural(&input, (psf, setting), &looked[&psf])?;
            self.natural.insert(psf, made);
        }
        Ok(())
    }

    /// Where PSFs with natural weights peak: where the PSF does.
    fn natural_peaks(
        &self,
        input: &NoiseInput,
        missing: &BTreeMap<usize, Setting>,
    ) -> Result<BTreeMap<usize, PsfPeak>, RunError> {
        if input.file == NoiseFile::Spectrum {
            return Ok(missing.keys().map(|psf| (*psf, self.psfs[psf].kernel.peak)).collect());
        }
        let mut wiring = self.wiring();
        let targets: Vec<Key> =
            missing.keys().map(|psf| wiring.locate_psf(&self.plan.noise_plane(input, *psf))).collect();
        let values = self.execute(wiring, &targets)?;
        let mut peaks = BTreeMap::new();
        for (psf, value) in missing.keys().zip(values) {
            let value = value.small();
            let Value::PsfPeak(peak) = *value else { unreachable!("a PSF that is none is an error") };
            let expected = self.psfs[psf].kernel.peak.centre;
            if peak.centre != expected {
                let plane = self.plan.noise_plane(input, *psf).plane;
                return Err(input.misplaced(&self.plan.inputs, plane, peak.centre, expected).into());
            }
            peaks.insert(*psf, peak);
        }
        Ok(peaks)
    }

    /// Looks over the noise of PSFs.
    fn look(
        &self,
        input: &NoiseInput,
        missing: &BTreeMap<usize, Setting>,
        peaks: &BTreeMap<usize, PsfPeak>,
    ) -> Result<BTreeMap<usize, Looked>, RunError> {
        let mut wiring = self.wiring();
        let mut targets = Vec::new();
        let mut counts = Vec::new();
        for (&psf, &setting) in missing {
            let transfer = self.give_transfer(&mut wiring, psf);
            let own = self.psfs[&psf].kernel;
            let kernels = (KernelCut { peak: peaks[&psf], ..own }, own);
            let noise = self.plan.noise_plane(input, psf);
            let noise = NoisePlane { kernels, ..self.plan.noise_of(&noise, input.file, psf) };
            let (NoiseKeys { noise, seen, usable, .. }, sums) = wiring.look_at_noise((psf, setting), &transfer, &noise);
            counts.push((psf, [noise.len(), seen.len(), usable.len()]));
            targets.extend(noise.into_iter().chain(seen).chain(usable).chain(sums));
        }
        let mut values = self.execute(wiring, &targets)?.into_iter();
        let mut of = |(psf, [blocks, seen, usable]): (usize, [usize; 3])| {
            let noise = values.by_ref().take(blocks).collect();
            let seen = values.by_ref().take(seen).collect();
            let usable = values.by_ref().take(usable).collect();
            let mut sums = NaturalSums::default();
            for part in values.by_ref().take(blocks) {
                let part = part.small();
                let (numbers, _) = part.row_sums().as_chunks::<{ NaturalSums::LEN }>();
                sums = numbers.iter().fold(sums, |sums, column| sums.plus((*column).into()));
            }
            (psf, Looked { noise, seen, usable, sums })
        };
        Ok(counts.into_iter().map(&mut of).collect())
    }

    /// Refuses a file that tells next to nothing; what to tell of one that has gaps.
    fn check_natural(&self, input: &NoiseInput, psf: usize, sums: &NaturalSums) -> Result<Option<String>, RunError> {
        let share = sums.untold / (sums.told + sums.untold);
        let limit = if input.file == NoiseFile::Spectrum { 0.0 } else { UNTOLD.1 };
        if !(share <= limit && sums.told > 0.0) {
            return Err(input.untold(self.plan, psf, (sums.untold, sums.told)).into());
        }
        Ok((share > UNTOLD.0).then(|| {
            format!(
                "{}: {:.1} % of the modes that the PSF measures have no natural weight there, and carry no datum: {}",
                input.source.0.spec(),
                100.0 * share,
                if self.plan.is_circular() {
                    "PSFs that were cut from larger ones need --boundary linear"
                } else {
                    "expected PSFs of the same imaging run, of twice the image's size"
                }
            )
        }))
    }

    fn make_natural(
        &self,
        input: &NoiseInput,
        at: (usize, Setting),
        looked: &Looked,
    ) -> Result<NaturalState, RunError> {
        let mut wiring = self.wiring();
        let keys = NoiseKeys {
            transfer: self.give_transfer(&mut wiring, at.0),
            noise: wiring.give_all("held-noise-spectrum", at.0, &looked.noise),
            seen: wiring.give_all("held-seen-psf", at.0, &looked.seen),
            usable: wiring.give_all("held-seen", at.0, &looked.usable),
        };
        let scale = looked.sums.scale();
        let mut targets = wiring.natural(at, &keys, (input.file, NaturalColumn::Transfer { scale }));
        let blocks = targets.len();
        if !self.plan.is_circular() {
            let what = NaturalColumn::Weights { scale, rest: looked.sums.mean_weight() };
            targets.extend(wiring.natural(at, &keys, (input.file, what)));
        }
        let mut values = self.execute(wiring, &targets)?.into_iter();
        Ok(NaturalState { transfer: values.by_ref().take(blocks).collect(), weights: values.collect() })
    }

    /// The transfer functions of a PSF for a graph, that of the PSF being wired.
    pub(super) fn transfers(&self, wiring: &mut Wiring, psf: usize, transfer: Vec<Key>) -> Transfers {
        let natural = self.natural.get(&psf).map(|natural| NaturalKeys {
            transfer: wiring.give_all("held-natural", psf, &natural.transfer),
            weights: wiring.give_all("held-weights", psf, &natural.weights),
        });
        Transfers { psf: transfer, natural }
    }

    /// The equation of the linear boundary, where a file tells the noise.
    pub(super) fn natural_equation(&self) -> Option<Equation> {
        self.plan.inputs.spectrum.as_ref().map(|_| Equation::Natural)
    }
}
