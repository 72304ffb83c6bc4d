//! What is swept: a parameter and its values, as they are written.

use std::fmt;

use thiserror::Error;

use crate::algorithms::{Algorithm, PARAMS, Param, ParamKind};

/// A parameter that can be swept, and where the configuration keeps it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Target {
    /// Table of the configuration; empty for a key outside tables.
    pub table: &'static str,
    /// Key in the table.
    pub key: &'static str,
    /// The algorithm's parameter, if it is one.
    pub param: Option<&'static Param>,
}

/// A parameter and the values that it takes, as texts.
#[derive(Debug, Clone, PartialEq)]
pub struct Axis {
    /// The parameter.
    pub target: Target,
    /// Its values, in the order given.
    pub values: Vec<String>,
}

/// A sweep that makes no sense.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum AxisError {
    /// Not `name=values`.
    #[error("cannot sweep '{text}'\n  expected NAME=VALUES, as in lambda=0.1,1,10 or lambda=1e-3..1e3:13")]
    Form {
        /// What was written.
        text: String,
    },
    /// No such parameter.
    #[error("cannot sweep '{name}'\n  expected one of {}", names())]
    Name {
        /// What was written.
        name: String,
    },
    /// A range that is none.
    #[error(
        "cannot sweep {name} over '{text}'\n  expected FROM..TO:COUNT, both ends positive and different, COUNT from 2, as in 1e-3..1e3:13"
    )]
    Range {
        /// The parameter.
        name: String,
        /// What was written.
        text: String,
    },
    /// A value that the parameter cannot have.
    #[error("cannot sweep {name} over '{value}'\n  {expected}")]
    Value {
        /// The parameter.
        name: String,
        /// What was written.
        value: String,
        /// What was expected.
        expected: String,
    },
    /// The same value, or the same parameter, twice.
    #[error("cannot sweep {name}\n  {what} stands there twice")]
    Twice {
        /// The parameter.
        name: String,
        /// The value, or the parameter.
        what: String,
    },
    /// Too many points.
    #[error("a sweep of {points} points\n  expected at most {most}")]
    TooMany {
        /// All combinations.
        points: usize,
        /// As many as there may be.
        most: usize,
    },
    /// Nothing is swept.
    #[error("nothing to sweep\n  expected --chunk or --threads with several values, or --sweep NAME=VALUES")]
    Nothing,
}

/// What is swept besides the parameters of algorithms.
const OTHERS: [Target; 6] = [
    Target { table: "compute", key: "chunk", param: None },
    Target { table: "compute", key: "threads", param: None },
    Target { table: "compute", key: "memory", param: None },
    Target { table: "input", key: "psf_scale", param: None },
    Target { table: "restore", key: "beam", param: None },
    Target { table: "", key: "algorithm", param: None },
];

/// Every name that can be swept.
fn names() -> String {
    let params = PARAMS.iter().map(|param| param.flag);
    let others = OTHERS.iter().map(|target| target.key.replace('_', "-"));
    params.map(str::to_owned).chain(others).collect::<Vec<_>>().join(", ")
}

impl Target {
    fn of(param: &'static Param) -> Self {
        Self { table: param.table, key: param.key, param: Some(param) }
    }

    fn kind(&self) -> Option<ParamKind> {
        self.param.map(|param| param.kind)
    }

    /// Whether its flag is called so.
    fn is_called(&self, name: &str) -> bool {
        self.param.is_some_and(|param| param.flag == name)
    }

    /// The parameter of this name: a flag, a key, or a key with its table, as in `wiener.lambda`.
    fn find(name: &str) -> Option<Self> {
        let key = name.replace('-', "_");
        let all = PARAMS.iter().map(Self::of).chain(OTHERS);
        all.into_iter().find(|target| {
            target.is_called(name) || key == target.key || key == format!("{}.{}", target.table, target.key)
        })
    }

    /// Whether it decides how fast a run is, and not what comes of it.
    pub fn is_of_timing(&self) -> bool {
        self.table == "compute"
    }

    /// Whether the algorithm's results can depend on it.
    pub(super) fn is_read_by(&self, algorithm: &Algorithm) -> bool {
        self.param.is_none_or(|param| algorithm.reads(param))
    }

    /// A value as TOML has it.
    fn literal(&self, text: &str) -> toml::Value {
        let integer = matches!(self.kind(), Some(ParamKind::Count { .. })) || self.key == "threads";
        let float = matches!(self.kind(), Some(ParamKind::Number { .. }));
        let read = match (integer, float) {
            (true, _) => text.parse::<i64>().ok().map(toml::Value::from),
            (_, true) => text.parse::<f64>().ok().map(toml::Value::from),
            _ if self.kind() == Some(ParamKind::Switch) => text.parse::<bool>().ok().map(toml::Value::from),
            _ => None,
        };
        read.unwrap_or_else(|| text.into())
    }

    /// Sets the parameter in a configuration.
    pub(super) fn set(&self, config: &mut toml::Table, text: &str) {
        let value = self.literal(text);
        if self.table.is_empty() {
            config.insert(self.key.to_owned(), value);
            return;
        }
        let table = config.entry(self.table).or_insert_with(|| toml::Table::new().into());
        if let Some(table) = table.as_table_mut() {
            table.insert(self.key.to_owned(), value);
        }
    }
}

impl Axis {
    /// Reads `NAME=VALUES`: values between commas, ranges `FROM..TO:COUNT` of equal ratios among them.
    ///
    /// # Errors
    /// [`AxisError`] for whatever cannot be read, is not what the parameter takes, or stands there twice.
    pub fn parse(text: &str) -> Result<Self, AxisError> {
        let (name, values) = text.split_once('=').ok_or_else(|| AxisError::Form { text: text.to_owned() })?;
        Self::of(name.trim(), values)
    }

    /// The parameter `name` over `values`, as [`Axis::parse`] reads them.
    ///
    /// # Errors
    /// See [`Axis::parse`].
    pub fn of(name: &str, values: &str) -> Result<Self, AxisError> {
        let target = Target::find(name).ok_or_else(|| AxisError::Name { name: name.to_owned() })?;
        let mut read: Vec<String> = Vec::new();
        for part in values.split(',').map(str::trim) {
            match part.split_once("..") {
                Some(_) => read.extend(range(&target, part)?),
                None => read.push(part.to_owned()),
            }
        }
        for (place, value) in read.iter().enumerate() {
            let checked = target.param.map_or(Ok(()), |param| param.check(value));
            checked.map_err(|expected| AxisError::Value { name: name.to_owned(), value: value.clone(), expected })?;
            if value.is_empty() {
                let expected = "expected values between commas".to_owned();
                return Err(AxisError::Value { name: name.to_owned(), value: value.clone(), expected });
            }
            if read[..place].contains(value) {
                return Err(AxisError::Twice { name: name.to_owned(), what: value.clone() });
            }
        }
        Ok(Self { target, values: read })
    }
}

/// Values of equal ratios from one end to the other, whole numbers where the parameter takes only those.
fn range(target: &Target, text: &str) -> Result<Vec<String>, AxisError> {
    let wrong = || AxisError::Range { name: target.key.to_owned(), text: text.to_owned() };
    let (ends, count) = text.split_once(':').ok_or_else(wrong)?;
    let (from, to) = ends.split_once("..").ok_or_else(wrong)?;
    let number = |text: &str| text.trim().parse::<f64>().ok().filter(|value| *value > 0.0 && value.is_finite());
    let (from, to) = number(from).zip(number(to)).filter(|(from, to)| from != to).ok_or_else(wrong)?;
    let count =
        count.trim().parse::<usize>().ok().filter(|count| (2..=MOST_POINTS).contains(count)).ok_or_else(wrong)?;
    let is_whole = matches!(target.kind(), Some(ParamKind::Count { .. })) || target.is_of_timing();
    let value = |place: usize| {
        let value = from * (to / from).powf(place as f64 / (count - 1) as f64);
        if is_whole { format!("{value:.0}") } else { short(value) }
    };
    let mut values: Vec<String> = (0..count).map(value).collect();
    values.dedup();
    Ok(values)
}

/// A number with six digits, and no more zeros than it needs.
fn short(value: f64) -> String {
    let rounded: f64 = format!("{value:.5e}").parse().unwrap_or(value);
    format!("{rounded}")
}

/// Combinations at the most: more is a mistake.
pub(super) const MOST_POINTS: usize = 10_000;

/// Every combination of the values, the last axis changing first: for each the values in the order of the axes.
///
/// # Errors
/// [`AxisError::Nothing`], [`AxisError::Twice`] for a parameter on two axes, [`AxisError::TooMany`].
pub fn combinations(axes: &[Axis]) -> Result<Vec<Vec<String>>, AxisError> {
    for (place, axis) in axes.iter().enumerate() {
        if axes[..place].iter().any(|other| other.target == axis.target) {
            let name = axis.target.to_string();
            return Err(AxisError::Twice { what: name.clone(), name });
        }
    }
    let points = axes.iter().try_fold(1_usize, |all, axis| all.checked_mul(axis.values.len())).unwrap_or(usize::MAX);
    match points {
        _ if axes.is_empty() => Err(AxisError::Nothing),
        0..=MOST_POINTS => Ok(axes.iter().fold(vec![Vec::new()], |points, axis| {
            let longer = |point: &Vec<String>| {
                let all = axis.values.iter().map(|value| [&point[..], std::slice::from_ref(value)].concat());
                all.collect::<Vec<_>>()
            };
            points.iter().flat_map(longer).collect()
        })),
        _ => Err(AxisError::TooMany { points, most: MOST_POINTS }),
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_between_commas_and_ranges_have_equal_ratios() {
        let axis = Axis::parse("lambda=0.1, 1,10").expect("an axis");
        assert_eq!((axis.target.table, axis.values), ("wiener", ["0.1", "1", "10"].map(String::from).to_vec()));
        let axis = Axis::parse("wiener.lambda=1e-3..1e3:7,gcv").expect("an axis");
        assert_eq!(axis.values, ["0.001", "0.01", "0.1", "1", "10", "100", "1000", "gcv"]);
        assert_eq!(Axis::parse("niter=10..1000:3").expect("an axis").values, ["10", "100", "1000"]);
        assert_eq!(Axis::parse("auto-mask=8..2:3").expect("an axis").values, ["8", "4", "2"]);
        assert_eq!(Axis::parse("niter=1..3:9").expect("an axis").values, ["1", "2", "3"], "whole numbers, once each");
    }

    #[test]
    fn what_cannot_be_swept_is_told_with_what_was_expected() {
        for (text, needle) in [
            ("lambda", "expected NAME=VALUES"),
            ("speed=1,2", "auto-mask"),
            ("lambda=1..0:5", "FROM..TO:COUNT"),
            ("lambda=-1..1:5", "FROM..TO:COUNT"),
            ("lambda=1..10", "FROM..TO:COUNT"),
            ("lambda=1..10:1", "FROM..TO:COUNT"),
            ("lambda=1,,2", "expected"),
            ("gain=0.1,2", "expected a number from"),
            ("niter=1.5", "expected a whole number"),
            ("gain=0.1,0.1", "stands there twice"),
        ] {
            let message = Axis::parse(text).expect_err(text).to_string();
            assert!(message.contains(needle), "{text}: {message}");
        }
    }

    #[test]
    fn every_combination_comes_once_and_the_last_axis_changes_first() {
        let axes = ["threads=1,2", "chunk=64,full"].map(|text| Axis::parse(text).expect("an axis"));
        let points = combinations(&axes).expect("points");
        assert_eq!(points, [["1", "64"], ["1", "full"], ["2", "64"], ["2", "full"]]);
        assert_eq!(combinations(&[]), Err(AxisError::Nothing));
        assert!(matches!(combinations(&[axes[0].clone(), axes[0].clone()]), Err(AxisError::Twice { .. })));
        let long = Axis::parse("lambda=1e-3..1e3:200").expect("an axis");
        let wide = Axis::parse("sigma=auto").map(|axis| Axis { values: vec!["auto".to_owned(); 100], ..axis });
        let error = combinations(&[long, wide.expect("an axis")]).expect_err("20 000 points");
        assert!(error.to_string().contains("20000"), "{error}");
    }

    #[test]
    fn numbers_go_into_the_configuration_as_numbers() {
        let mut config = toml::Table::new();
        for (text, value) in [("gain=0.2", "0.2"), ("niter=5", "5"), ("threads=3", "3"), ("chunk=64", "64")] {
            Axis::parse(text).expect("an axis").target.set(&mut config, value);
        }
        Axis::parse("algorithm=wiener").expect("an axis").target.set(&mut config, "wiener");
        let text = config.to_string();
        for needle in ["gain = 0.2", "niter = 5", "threads = 3", "chunk = \"64\"", "algorithm = \"wiener\""] {
            assert!(text.contains(needle), "{needle}\n{text}");
        }
    }
}
