//! Why a run fails, and what to do about it.

use thiserror::Error;

use crate::graph::{GraphError, RemoteError, TaskSite};
use crate::images::BeamError;
use crate::io::FitsError;
use crate::pipeline::ops::{BEAM_HINT, OpError, SCRATCH_HINT};
use crate::pipeline::plan::PlanError;

/// Why a run failed.
#[derive(Debug, Error)]
pub enum RunError {
    /// The plan.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// A file.
    #[error(transparent)]
    Fits(#[from] FitsError),
    /// An operation on data.
    #[error("{source}\n  in task {} ({}){task}", task.key, task.kind)]
    Op {
        /// The task, and where it stands.
        task: Box<TaskSite>,
        /// What it met.
        source: OpError,
    },
    /// An operation on data in a worker process.
    #[error("{source}\n  in task {} ({}){task}", task.key, task.kind)]
    Worker {
        /// The task, and where it stands.
        task: Box<TaskSite>,
        /// What it met.
        source: RemoteError,
    },
    /// A graph: no room, no scratch file, an abort; a panic in a task is a defect of the program.
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// A value that stands in a scratch file.
    #[error("cannot read a scratch file: {0}")]
    Scratch(#[source] std::io::Error),
    /// The run was aborted.
    #[error("aborted: nothing was written")]
    Aborted,
    /// Nothing to deconvolve with.
    #[error("no PSF to deconvolve with in {file}\n  {hdu}: no plane has a positive, unique peak, expected a PSF")]
    NoPsf {
        /// The file of the PSF.
        file: String,
        /// Its HDU.
        hdu: String,
    },
    /// A dirty image whose robust noise is none, for a rule that needs it.
    #[error(
        "the noise of {file} is 0\n  {hdu}, {label}: more than half of the pixels have one value, so that the robust noise is 0 Jy/beam; --lambda {rule} expects one above 0"
    )]
    Noiseless {
        /// The file.
        file: String,
        /// Its HDU.
        hdu: String,
        /// The plane.
        label: String,
        /// The rule for λ.
        rule: &'static str,
    },
    /// A PSF that Richardson-Lucy cannot work with.
    #[error(
        "richardson-lucy cannot work with {file}\n  its lowest sidelobe is {lowest:.3} of the peak, expected {allowed} or more: products of negative numbers turn sources into rings"
    )]
    NegativePsf {
        /// The file of the PSF.
        file: String,
        /// Its lowest sidelobe.
        lowest: f32,
        /// The lowest that is taken for none.
        allowed: f32,
    },
    /// No beam to restore with.
    #[error(transparent)]
    Beam(#[from] BeamError),
}

impl RunError {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Plan(error) => error.hint(),
            Self::Fits(error) => error.hint(),
            Self::Op { source, .. } => source.hint(),
            Self::Worker { source, .. } => source.hint().map(str::to_owned),
            Self::NegativePsf { .. } => {
                Some("for an interferometer take multiscale, convex or wiener; wiener --noise-model white is its optical like".to_owned())
            }
            Self::Beam(_) => Some(BEAM_HINT.to_owned()),
            Self::Scratch(_) => Some(SCRATCH_HINT.to_owned()),
            Self::Aborted => None,
            // the budget is less than a part of --memory
            Self::Graph(GraphError::Budget { needs, memory, .. }) => {
                let percent = (100 * needs.saturating_sub(*memory)).div_ceil((*memory).max(1));
                Some(format!("raise --memory by {percent} %"))
            }
            Self::Graph(error) => Some(
                error
                    .hint()
                    .unwrap_or_else(|| "this is a defect of deconv: please report it with the command".to_owned()),
            ),
            Self::Noiseless { .. } => Some(
                "give the noise, as in --sigma 1mJy, or lambda, as in --lambda 0.1; --lambda gcv needs no noise".to_owned(),
            ),
            Self::NoPsf { .. } => Some("check that imaging had data, and that the right HDU was named".to_owned()),
        }
    }
}
