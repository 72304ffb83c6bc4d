//! Sweeps: one run after the other, or beside each other, over the values of some parameters.
//!
//! Where results are swept, all points run in one process and share what they have in common: a task whose operation
//! and inputs are the same is computed once (`graph::Cache`). Where times are swept the points must not help each other:
//! each is a process of its own, which the command line starts.

mod axis;
mod curves;
mod results;
mod select;

use thiserror::Error;

pub use axis::{Axis, AxisError, Target, combinations};
pub use curves::{Curves, Mark, Panel, Places, Series};
pub use results::{Numbers, Shared, explore_points};
pub use select::{Criterion, Selection, select};

use super::{ConfigError, PlanError, RunConfig, RunError};

/// A point of a sweep.
#[derive(Debug, Clone, PartialEq)]
pub struct Point {
    /// Values of the swept parameters, in the order of the axes.
    pub values: Vec<String>,
    /// The whole configuration.
    pub config: RunConfig,
}

/// Which parameters are swept, and every combination of their values.
#[derive(Debug, Clone, PartialEq)]
pub struct Sweep {
    /// The parameters.
    pub axes: Vec<Axis>,
    /// The combinations, the last axis changing first.
    pub points: Vec<Point>,
}

/// Why there is no sweep.
#[derive(Debug, Error)]
pub enum SweepError {
    /// What is swept.
    #[error(transparent)]
    Axis(#[from] AxisError),
    /// A combination that is no configuration.
    #[error("cannot sweep through {point}")]
    Config {
        /// The combination.
        point: String,
        /// What does not fit.
        source: ConfigError,
    },
    /// A parameter that changes nothing.
    #[error("cannot sweep {name} with --algorithm {algorithm}\n  the algorithm does not read it; {readers} would")]
    Useless {
        /// The parameter.
        name: &'static str,
        /// The algorithm.
        algorithm: String,
        /// Algorithms that read it.
        readers: String,
    },
    /// A criterion that does not fit the algorithm.
    #[error(
        "cannot select by gcv with --algorithm {algorithm}\n  expected wiener: cross-validation needs a linear filter"
    )]
    Criterion {
        /// The algorithm.
        algorithm: String,
    },
    /// A combination that cannot be planned.
    #[error("cannot sweep through {point}")]
    Plan {
        /// The combination.
        point: String,
        /// Why.
        source: PlanError,
    },
    /// A run that failed.
    #[error("the sweep ended at {point}")]
    Run {
        /// The combination.
        point: String,
        /// Why.
        source: RunError,
    },
    /// Nothing has a score.
    #[error("no point of the sweep has a score\n  every plane is blank, or has no PSF")]
    NoScore,
}

impl SweepError {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Axis(_) => Some("deconv sweep --help tells what can be swept and how values are written".to_owned()),
            Self::Config { source, .. } => source.hint(),
            Self::Useless { .. } | Self::Criterion { .. } => Some("choose another --algorithm".to_owned()),
            Self::Plan { source, .. } => source.hint(),
            Self::Run { source, .. } => source.hint(),
            Self::NoScore => Some("look at the dirty image and its PSF".to_owned()),
        }
    }
}

impl Sweep {
    /// Every combination of the axes' values over a configuration; checks each of them.
    ///
    /// # Errors
    /// [`SweepError::Axis`], [`SweepError::Config`], [`SweepError::Useless`].
    ///
    /// # Panics
    /// Never: a configuration is TOML.
    pub fn new(axes: Vec<Axis>, base: &RunConfig) -> Result<Self, SweepError> {
        let combined = combinations(&axes)?;
        let base: toml::Table = base.to_toml().parse().expect("a configuration is written as TOML");
        let mut points = Vec::with_capacity(combined.len());
        for values in combined {
            let mut table = base.clone();
            axes.iter().zip(&values).for_each(|(axis, value)| axis.target.set(&mut table, value));
            let config = RunConfig::load(None, table)
                .map_err(|source| SweepError::Config { point: describe(&axes, &values), source })?;
            let useless = axes.iter().find(|axis| !axis.target.is_read_by(config.algorithm()));
            if let Some(axis) = useless {
                return Err(useless_error(axis.target, &config));
            }
            points.push(Point { values, config });
        }
        Ok(Self { axes, points })
    }

    /// Whether a swept parameter decides how fast a run is.
    pub fn is_of_timing(&self) -> bool {
        self.axes.iter().any(|axis| axis.target.is_of_timing())
    }

    /// The sweep with those points alone that are kept, by their places.
    pub fn keeping(&self, is_kept: impl Fn(usize) -> bool) -> Self {
        let points = self.points.iter().enumerate().filter(|(place, _)| is_kept(*place));
        Self { axes: self.axes.clone(), points: points.map(|(_, point)| point.clone()).collect() }
    }

    /// A point in words: `lambda = 0.1, reg = identity`.
    pub fn label(&self, point: &Point) -> String {
        describe(&self.axes, &point.values)
    }
}

fn describe(axes: &[Axis], values: &[String]) -> String {
    let pairs = axes.iter().zip(values).map(|(axis, value)| format!("{} = {value}", axis.target));
    pairs.collect::<Vec<_>>().join(", ")
}

fn useless_error(target: Target, config: &RunConfig) -> SweepError {
    let readers = crate::algorithms::ALGORITHMS.iter().filter(|algorithm| target.is_read_by(algorithm));
    SweepError::Useless {
        name: target.key,
        algorithm: config.algorithm.clone(),
        readers: readers.map(|algorithm| algorithm.name).collect::<Vec<_>>().join(", "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn base() -> RunConfig {
        RunConfig::load(None, "algorithm = 'wiener'".parse().expect("TOML")).expect("a configuration")
    }

    fn axes(texts: &[&str]) -> Vec<Axis> {
        texts.iter().map(|text| Axis::parse(text).expect("an axis")).collect()
    }

    #[test]
    fn every_point_is_the_base_with_its_values_set() {
        let sweep = Sweep::new(axes(&["chunk=64,full", "lambda=0.1,1"]), &base()).expect("a sweep");
        assert_eq!(sweep.points.len(), 4);
        assert!(sweep.is_of_timing() && !Sweep::new(axes(&["lambda=1,2"]), &base()).expect("a sweep").is_of_timing());
        let last = &sweep.points[3];
        assert_eq!(sweep.label(last), "chunk = full, lambda = 1");
        let text = last.config.to_toml();
        assert!(text.contains("chunk = \"full\"") && text.contains("lambda = \"1\""), "{text}");
        assert_eq!(last.config.machine, base().machine);
        let part = sweep.keeping(|place| place % 2 == 1);
        assert_eq!((part.axes, part.points), (sweep.axes, vec![sweep.points[1].clone(), sweep.points[3].clone()]));
    }

    #[test]
    fn values_and_parameters_that_do_not_fit_are_refused_before_any_work() {
        let error = Sweep::new(axes(&["gain=0.1,0.2"]), &base()).expect_err("wiener has no gain");
        assert!(
            error.to_string().contains("gain") && error.to_string().contains("multiscale, clean, asp, clark, hogbom"),
            "{error}"
        );
        let error = Sweep::new(axes(&["chunk=64,most"]), &base()).expect_err("no chunk");
        assert!(error.to_string().contains("chunk = most"), "{error}");
        let error = Sweep::new(axes(&["algorithm=wiener,magic"]), &base()).expect_err("no algorithm");
        assert!(error.to_string().contains("algorithm = magic"), "{error}");
        assert!(matches!(Sweep::new(vec![], &base()), Err(SweepError::Axis(AxisError::Nothing))));
    }
}
