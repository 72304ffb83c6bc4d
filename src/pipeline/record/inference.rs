//! What Wiener-Hunt inferred of a plane, for its plots.

use serde::{Deserialize, Serialize};

pub use crate::algorithms::wiener::{
    CRITERIA, Chains, Convergence as ChainConvergence, CurvePoint, Curves, LambdaRule, MaternFit, Measured, Posterior,
    SpreadPoint,
};

/// What Wiener-Hunt inferred of a plane.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlaneInference {
    /// What the plane is called.
    pub label: String,
    /// How λ was chosen.
    pub rule: String,
    /// λ.
    pub lambda: f64,
    /// Every criterion over λ.
    pub curves: Option<Curves>,
    /// The posterior standard deviation by spatial frequency; empty where it was not asked for.
    pub spread: Vec<SpreadPoint>,
    /// The posterior of λ.
    pub posterior: Option<Posterior>,
    /// The Matérn prior that was found, where it was asked for.
    pub matern: Option<MaternFit>,
    /// The chains of the Gibbs sampler.
    pub chains: Option<Chains>,
}
