//! The residual as it stands in a restored image: as it is, multiplied, or convolved to the clean beam.

use super::{Kernel, Wiring, key};
use crate::graph::Key;
use crate::images::{BeamChange, BeamError, BeamFit, BeamShape};
use crate::pipeline::config::{ResidualBeam, ResidualScale, RestoreConfig};
use crate::pipeline::ops::{ChangeBeam, DeconvOp, ScaleResidual, SmoothRows};
use crate::pipeline::plan::restoring_layout;

/// What is done to a residual before it is added to a restored model.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum Treatment {
    /// Nothing.
    #[default]
    Keep,
    /// It is multiplied.
    Scale(f64),
    /// It is convolved from the PSF's beam to the clean beam.
    Convolve(BeamChange),
}

impl Treatment {
    /// What the configuration wants where the PSF's beam and the clean beam are these.
    ///
    /// # Errors
    /// [`BeamError::Narrower`].
    pub fn new(restore: &RestoreConfig, fit: &BeamFit, clean: &BeamShape) -> Result<Self, BeamError> {
        match (restore.residual_scale, restore.residual_beam) {
            (_, ResidualBeam::Convolve) => BeamChange::new(&fit.shape, clean)
                .map(Self::Convolve)
                .ok_or_else(|| BeamError::Narrower { from: fit.shape.widths(), to: clean.widths() }),
            (ResidualScale::Jvm, ResidualBeam::Keep) => Ok(Self::Scale(clean.area() / fit.lobe)),
            (ResidualScale::None, ResidualBeam::Keep) => Ok(Self::Keep),
        }
    }

    /// What it multiplies the residual by, or the sum of its kernel.
    pub fn factor(&self) -> f64 {
        match self {
            Self::Keep => 1.0,
            Self::Scale(factor) => *factor,
            Self::Convolve(change) => change.sum,
        }
    }
}

impl Wiring {
    /// Rows of a residual after its treatment.
    pub fn treated(&mut self, plane: usize, residual: &[Key], how: &Treatment) -> Vec<Key> {
        match how {
            Treatment::Keep => residual.to_vec(),
            Treatment::Scale(factor) => self.scaled(plane, residual, *factor),
            Treatment::Convolve(change) => self.convolved(plane, residual, *change),
        }
    }

    fn scaled(&mut self, plane: usize, residual: &[Key], factor: f64) -> Vec<Key> {
        let op = |slab: &Key| (DeconvOp::ScaleResidual(ScaleResidual { factor: factor as f32 }), vec![slab.clone()]);
        let slabs = residual.iter().enumerate();
        slabs
            .map(|(index, slab)| {
                let (op, inputs) = op(slab);
                self.task(key("scale-residual", plane, index), op, inputs)
            })
            .collect()
    }

    fn convolved(&mut self, plane: usize, residual: &[Key], change: BeamChange) -> Vec<Key> {
        let shape = self.cut.shape;
        let layout = restoring_layout(shape, change.reach(), self.cut.block);
        let transfer: Vec<Key> = (0..layout.blocks())
            .map(|block| {
                let op = DeconvOp::ChangeBeam(ChangeBeam { layout, block, change });
                self.task(key("change-beam", plane, block), op, vec![])
            })
            .collect();
        let rows = self.field_rows("rows-change", plane, residual, &layout);
        let blocks = self.columns(("columns-change", plane), &layout, &rows, (Kernel::Transfer, &transfer));
        let slabs = self.cut.slabs().into_iter().enumerate();
        slabs
            .map(|(index, rows)| {
                let op = DeconvOp::SmoothRows(SmoothRows { layout, rows, shape });
                self.task(key("smooth-residual", plane, index), op, blocks.clone())
            })
            .collect()
    }
}
