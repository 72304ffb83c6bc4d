//! One column: values of one type, some of which may be missing.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type};
use arrow_array::{Array, ArrayRef, BooleanArray, Float64Array, Int64Array, StringArray};
use arrow_cast::cast;
use arrow_schema::DataType;

use super::TableError;
use crate::io::Cells;

/// A column of a table: booleans, whole numbers, numbers or texts.
///
/// Made from a `Vec` of `bool`, `i64`, `u64`, `usize`, `f64`, `f32`, `&str` or `String`, or of an `Option` of `bool`,
/// `i64`, `f64` or `String` where values are missing.
#[derive(Debug, Clone)]
pub struct Column(pub(super) ArrayRef);

macro_rules! column_from {
    ($($from:ty, $array:ty, $value:ident => $as:expr;)*) => {$(
        impl From<Vec<$from>> for Column {
            fn from(values: Vec<$from>) -> Self {
                Self(Arc::new(values.into_iter().map(|$value| $as).collect::<$array>()))
            }
        }
    )*};
}

column_from! {
    bool, BooleanArray, value => Some(value);
    Option<bool>, BooleanArray, value => value;
    i64, Int64Array, value => Some(value);
    u64, Int64Array, value => i64::try_from(value).ok();
    usize, Int64Array, value => i64::try_from(value).ok();
    Option<i64>, Int64Array, value => value;
    f64, Float64Array, value => Some(value);
    f32, Float64Array, value => Some(f64::from(value));
    Option<f64>, Float64Array, value => value;
    &str, StringArray, value => Some(value);
    String, StringArray, value => Some(value);
    Option<String>, StringArray, value => value;
}

impl Column {
    /// Number of rows.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What it holds, in words.
    pub fn holds(&self) -> &'static str {
        holds(self.0.data_type())
    }

    /// Its values as numbers, NaN where one is missing; `None` for texts and booleans.
    pub fn numbers(&self) -> Option<Vec<f64>> {
        if !is_number(self.0.data_type()) {
            return None;
        }
        let numbers = cast(&self.0, &DataType::Float64).ok()?;
        Some(numbers.as_primitive::<Float64Type>().iter().map(|value| value.unwrap_or(f64::NAN)).collect())
    }

    /// Its values in words, empty where one is missing.
    pub fn texts(&self) -> Vec<String> {
        let texts = cast(&self.0, &DataType::Utf8).unwrap_or_else(|_| Arc::new(StringArray::new_null(self.len())));
        texts.as_string::<i32>().iter().map(|value| value.unwrap_or_default().to_owned()).collect()
    }

    /// Its values as cells of a binary table.
    pub(super) fn cells(&self) -> Cells {
        match self.0.data_type() {
            DataType::Boolean => Cells::Logical(self.0.as_boolean().iter().collect()),
            DataType::Int64 => Cells::Integer(self.0.as_primitive::<Int64Type>().iter().collect()),
            DataType::Float64 => Cells::Real(self.numbers().unwrap_or_default()),
            _ => Cells::Text(self.texts()),
        }
    }

    /// The error that it is not what was needed.
    pub(super) fn wrong(&self, name: &str, expected: &str) -> TableError {
        TableError::Type { column: name.to_owned(), expected: expected.to_owned(), found: self.holds().to_owned() }
    }
}

/// The type in words.
pub(super) fn holds(kind: &DataType) -> &'static str {
    match kind {
        DataType::Boolean => "booleans",
        DataType::Int64 => "whole numbers",
        DataType::Float64 => "numbers",
        _ => "texts",
    }
}

/// Whether one can calculate with it.
pub(super) fn is_number(kind: &DataType) -> bool {
    matches!(kind, DataType::Int64 | DataType::Float64)
}

/// The type in which a table keeps what a file holds: one of the four, texts for everything else (dates, say).
pub(super) fn kept(kind: &DataType) -> DataType {
    match kind {
        DataType::Boolean | DataType::Int64 | DataType::Float64 => kind.clone(),
        _ => DataType::Utf8,
    }
}
