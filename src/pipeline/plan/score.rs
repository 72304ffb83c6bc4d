//! What is measured of a result by which one run can be held against another.

use std::sync::Arc;

use super::{Plan, PlanError, check_shape, pairing};
use crate::io::FitsSource;
use crate::pipeline::ops::Source;

/// A score of every plane; smaller is better.
#[derive(Debug, Clone, Default)]
pub enum Scores {
    /// None.
    #[default]
    None,
    /// The criterion of generalised cross-validation, of Wiener-Hunt.
    CrossValidation,
    /// The misfit of `psf * model` with another dirty image of the same sky, its noise independent.
    HeldOut {
        /// The other image.
        source: Source,
        /// Its plane for each of the dirty image's.
        planes: Vec<usize>,
    },
}

impl Plan {
    /// The same plan with the criterion of cross-validation measured; it needs a Wiener-Hunt filter.
    #[must_use]
    pub fn cross_validated(self) -> Self {
        Self { scores: Scores::CrossValidation, ..self }
    }

    /// The same plan with its models held against another dirty image.
    ///
    /// # Errors
    /// An image that cannot be read, or does not go with the dirty image.
    pub fn held_against(self, spec: &str) -> Result<Self, PlanError> {
        let source = Source(Arc::new(FitsSource::open(spec)?));
        let dirty = &self.inputs.dirty.0;
        check_shape(("held-out image", &source), dirty, "give another dirty image of the same field and grid")?;
        let planes = pairing("held-out image", &source, dirty)?;
        Ok(Self { scores: Scores::HeldOut { source, planes }, ..self })
    }
}
