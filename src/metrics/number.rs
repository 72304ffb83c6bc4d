//! A number with its name and unit.

use serde::Serialize;

/// A number that was measured; what could not be is NaN, and `null` in JSON.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Number {
    /// Its name, as `res_rms`.
    pub name: String,
    /// Its value.
    pub value: f64,
    /// Its unit; empty for a plain number.
    pub unit: &'static str,
}

impl Number {
    /// A number with a unit.
    pub fn new(name: impl Into<String>, value: f64, unit: &'static str) -> Self {
        Self { name: name.into(), value, unit }
    }

    /// A brightness \[Jy/beam\].
    pub(super) fn brightness(name: &str, value: f64) -> Self {
        Self::new(name, value, "Jy/beam")
    }

    /// A number without a unit.
    pub(super) fn plain(name: &str, value: f64) -> Self {
        Self::new(name, value, "")
    }
}

/// The number of that name, if it was measured.
pub fn find(numbers: &[Number], name: &str) -> Option<f64> {
    numbers.iter().find(|number| number.name == name).map(|number| number.value).filter(|value| value.is_finite())
}
