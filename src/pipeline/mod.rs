//! From a configuration to products: the plan, the operations and graphs, the run, and what came of it.

pub mod components;
pub mod config;
pub mod graphs;
pub mod machine;
pub mod ops;
pub mod outcome;
pub mod plan;
pub mod record;
pub mod restore;
mod run;
pub mod sweep;

pub use config::{ConfigError, RunConfig};
pub use outcome::{Outcome, PlaneOutcome};
pub use plan::{Plan, PlanError, TaskSeconds};
pub use run::{Lists, Products, ResidualOutcome, RunError, Tools, Watch, explore, residual, run};
