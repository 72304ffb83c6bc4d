//! The graphs of a PSF: where it peaks, what it is like, and its transfer function; each a look over its slabs.

use super::{KernelCut, Wiring, key};
use crate::graph::Key;
use crate::images::PsfPeak;
use crate::pipeline::ops::{
    CutPsf, DeconvOp, ExamineCore, ExaminePsf, KernelTransfer, LocatePsf, MakePsf, MeasurePsf, Pool, PoolRows, PsfAsks,
    PsfPlane, PsfRows, Rows, SurveyPsf,
};
use crate::pipeline::record::{Pooling, Shrink};

impl Wiring {
    /// Reads all rows of a PSF.
    fn psf_slabs(&mut self, psf: &PsfPlane) -> Vec<(Rows, Key)> {
        let slabs = Rows::cut(psf.shape().0, self.cut.slab).into_iter().enumerate();
        let file = (&psf.source, psf.plane);
        slabs.map(|(index, rows)| (rows, self.read(key("read-psf", psf.number, index), file, rows))).collect()
    }

    /// Finds a PSF's peak.
    pub fn locate_psf(&mut self, psf: &PsfPlane) -> Key {
        let slabs = self.psf_slabs(psf).into_iter().enumerate();
        let surveys = slabs
            .map(|(index, (rows, slab))| {
                let op = DeconvOp::SurveyPsf(SurveyPsf { first: rows.first, shape: psf.shape() });
                self.task(key("psf-survey", psf.number, index), op, vec![slab])
            })
            .collect();
        self.task(key("psf-peak", psf.number, 0), DeconvOp::LocatePsf(LocatePsf { psf: psf.clone() }), surveys)
    }

    /// Checks a PSF whose peak is known, and measures it; also makes it small if asked.
    pub fn examine_psf(
        &mut self,
        psf: &PsfPlane,
        peak: PsfPeak,
        asks: PsfAsks,
        small: Option<(usize, Pooling)>,
    ) -> Vec<Key> {
        let (plane, number) = (psf.plane, psf.number);
        let op = DeconvOp::ExamineCore(ExamineCore { psf: psf.clone(), peak, cell: asks.cell });
        let core = self.task(key("psf-core", number, 0), op, vec![]);
        let shrink = small.map(|(factor, pooling)| Shrink { full: psf.shape(), factor, pooling });
        let (mut measured, mut pooled) = (vec![core.clone()], Vec::new());
        for (index, (rows, slab)) in self.psf_slabs(psf).into_iter().enumerate() {
            let opposite = peak.opposite(&rows.range());
            let mut inputs = vec![slab.clone(), core.clone()];
            if !opposite.is_empty() {
                let key = key("read-opposite", number, index);
                inputs.push(self.read(key, (&psf.source, plane), opposite.into()));
            }
            let op = DeconvOp::MeasurePsf(MeasurePsf { first: rows.first, peak, asks: asks.of_parts(&peak) });
            measured.push(self.task(key("psf-part", number, index), op, inputs));
            if let Some(shrink) = shrink {
                let op = DeconvOp::PoolRows(PoolRows { first: rows.first, shrink, peak: Some(peak) });
                pooled.push(self.task(key("pool-rows-psf", number, index), op, vec![slab]));
            }
        }
        let op = DeconvOp::ExaminePsf(ExaminePsf { psf: psf.clone(), peak, asks });
        let mut keys = vec![self.task(key("examine", number, 0), op, measured)];
        if let Some(shrink) = shrink {
            keys.push(self.task(key("pool-psf", number, 0), DeconvOp::Pool(Pool { shrink }), pooled));
        }
        keys
    }

    /// Cuts a square around its peak out of a PSF.
    pub fn cut_psf(&mut self, psf: &PsfPlane, peak: PsfPeak, half: usize) -> Key {
        let op = DeconvOp::CutPsf(CutPsf { psf: psf.clone(), peak, half });
        self.task(key("cut-psf", psf.plane, 0), op, vec![])
    }

    /// A whole PSF, for the loops that subtract it everywhere.
    pub fn whole_psf(&mut self, psf: &PsfPlane, peak: PsfPeak) -> Key {
        let slabs = self.psf_slabs(psf).into_iter().map(|(_, slab)| slab).collect();
        self.task(key("psf", psf.number, 0), DeconvOp::MakePsf(MakePsf { peak }), slabs)
    }

    /// Row transforms of the rows of a PSF that an image can meet.
    pub fn psf_rows(&mut self, psf: &PsfPlane, kernel: &KernelCut) -> Vec<Key> {
        self.psf_rows_seen(psf, kernel, None)
    }

    fn psf_rows_seen(&mut self, psf: &PsfPlane, kernel: &KernelCut, overlap: Option<(usize, usize)>) -> Vec<Key> {
        let KernelCut { layout, rows: kept, columns, peak } = *kernel;
        let cuts = Rows::cut(kept.len(), self.cut.slab).into_iter().enumerate();
        cuts.map(|(index, cut)| {
            let rows = Rows { first: kept.first + cut.first, last: kept.first + cut.last };
            let slab = self.read(key("read-kernel", psf.number, index), (&psf.source, psf.plane), rows);
            let op = DeconvOp::PsfRows(PsfRows { layout, rows, columns, peak, overlap });
            self.task(key("psf-rows", psf.number, index), op, vec![slab])
        })
        .collect()
    }

    /// A PSF's transfer function, block by block.
    pub fn transfer(&mut self, psf: &PsfPlane, kernel: &KernelCut) -> Vec<Key> {
        self.transfer_seen(psf, kernel, None)
    }

    /// The same of a PSF times the overlap of an image of a shape with itself: where that is the autocorrelation of noise, the spectrum
    /// that the noise has on the image, which is nowhere negative where that of the PSF is not.
    pub fn transfer_seen(&mut self, psf: &PsfPlane, kernel: &KernelCut, overlap: Option<(usize, usize)>) -> Vec<Key> {
        let slabs = self.psf_rows_seen(psf, kernel, overlap);
        (0..kernel.layout.blocks())
            .map(|block| {
                let op = DeconvOp::KernelTransfer(KernelTransfer { layout: kernel.layout, block });
                self.task(key("transfer", psf.number, block), op, slabs.clone())
            })
            .collect()
    }
}
