//! Groups of rows, and one number for each.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{Array, ArrayRef, Float64Array, Int64Array, UInt32Array};
use arrow_row::{RowConverter, SortField};
use arrow_schema::DataType;
use arrow_select::take::take;

use super::{Column, Direction, Table, TableError};

/// One number from many; missing values take no part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Aggregate {
    /// How many values there are.
    Count,
    /// Their sum.
    Sum,
    /// Their mean; missing if there are none.
    Mean,
    /// The smallest; missing if there are none.
    Min,
    /// The largest; missing if there are none.
    Max,
    /// Their standard deviation, with `n - 1`; missing if there are fewer than two.
    Std,
}

impl Aggregate {
    fn name(self) -> &'static str {
        match self {
            Self::Count => "count",
            Self::Sum => "sum",
            Self::Mean => "mean",
            Self::Min => "min",
            Self::Max => "max",
            Self::Std => "std",
        }
    }

    fn of(self, values: &[f64]) -> Option<f64> {
        let count = values.len() as f64;
        let sum: f64 = values.iter().sum();
        match self {
            Self::Count => Some(count),
            Self::Sum => Some(sum),
            Self::Mean => (!values.is_empty()).then(|| sum / count),
            Self::Min => values.iter().copied().reduce(f64::min),
            Self::Max => values.iter().copied().reduce(f64::max),
            Self::Std => {
                let mean = sum / count;
                let squares: f64 = values.iter().map(|value| (value - mean) * (value - mean)).sum();
                (values.len() > 1).then(|| (squares / (count - 1.0)).sqrt())
            }
        }
    }

    /// Whether whole numbers give a whole number.
    fn keeps_integers(self) -> bool {
        matches!(self, Self::Sum | Self::Min | Self::Max)
    }

    fn of_integers(self, values: &[i64]) -> Option<i64> {
        match self {
            Self::Min => values.iter().copied().min(),
            Self::Max => values.iter().copied().max(),
            _ => values.iter().try_fold(0_i64, |sum, value| sum.checked_add(*value)),
        }
    }
}

impl Table {
    /// One row for each different set of values in the columns `by` (none: one row for all), sorted by them, with a
    /// column `NAME_AGGREGATE` for each aggregate asked for.
    ///
    /// Sums of whole numbers are whole, and missing where they overflow.
    ///
    /// # Errors
    /// [`TableError::Absent`]; [`TableError::Type`] for an aggregate of texts or booleans other than their count.
    pub fn group(&self, by: &[&str], aggregates: &[(&str, Aggregate)]) -> Result<Self, TableError> {
        let groups = self.groups(by)?;
        let firsts: UInt32Array = groups.iter().map(|rows| rows.first().copied()).collect();
        let mut result = Self::new();
        for name in by {
            let first = take(&self.column(name)?.0, &firsts, None).map_err(TableError::columns("group"))?;
            result = result.with_column(name, Column(first))?;
            if let Some(unit) = self.unit(name) {
                result = result.with_unit(name, &unit)?;
            }
        }
        for (name, aggregate) in aggregates {
            let column = self.column(name)?;
            let values = aggregated(&column, *aggregate, &groups).ok_or_else(|| column.wrong(name, "numbers"))?;
            let column = format!("{name}_{}", aggregate.name());
            result = result.with_column(&column, Column(values))?;
            if let Some(unit) = self.unit(name).filter(|_| *aggregate != Aggregate::Count) {
                result = result.with_unit(&column, &unit)?;
            }
        }
        if by.is_empty() { Ok(result) } else { result.sort(by, Direction::Up) }
    }

    /// The different values of a column and how often each stands there (`count`), the most frequent first, among
    /// equals the smallest.
    ///
    /// # Errors
    /// [`TableError::Absent`]; [`TableError::Duplicate`] for a column named `count`.
    pub fn value_counts(&self, name: &str) -> Result<Self, TableError> {
        let groups = self.groups(&[name])?;
        let firsts: UInt32Array = groups.iter().map(|rows| rows.first().copied()).collect();
        let values = take(&self.column(name)?.0, &firsts, None).map_err(TableError::columns("group"))?;
        let counts: Vec<usize> = groups.iter().map(Vec::len).collect();
        let table = Self::new().with_column(name, Column(values))?.with_column("count", counts)?;
        table.sort(&[name], Direction::Up)?.sort(&["count"], Direction::Down)
    }

    /// One aggregate of one column; missing is NaN.
    ///
    /// # Errors
    /// As [`Table::group`].
    pub fn aggregate(&self, name: &str, aggregate: Aggregate) -> Result<f64, TableError> {
        let one = self.group(&[], &[(name, aggregate)])?;
        let values = one.numbers(&format!("{name}_{}", aggregate.name()))?;
        Ok(values.first().copied().unwrap_or(f64::NAN))
    }

    /// The rows of each group, the groups in the order in which they first appear.
    fn groups(&self, by: &[&str]) -> Result<Vec<Vec<u32>>, TableError> {
        let rows = self.rows() as u32;
        if by.is_empty() {
            return Ok(vec![(0..rows).collect()]);
        }
        let columns: Vec<ArrayRef> =
            by.iter().map(|name| self.column(name).map(|column| column.0)).collect::<Result<_, _>>()?;
        let fields = columns.iter().map(|column| SortField::new(column.data_type().clone())).collect();
        let wrapped = TableError::columns("group");
        let keys = RowConverter::new(fields).and_then(|converter| converter.convert_columns(&columns));
        let keys = keys.map_err(wrapped)?;
        let (mut groups, mut places) = (Vec::<Vec<u32>>::new(), HashMap::new());
        for (row, key) in (0..rows).zip(&keys) {
            let place = *places.entry(key).or_insert(groups.len());
            match groups.get_mut(place) {
                Some(group) => group.push(row),
                None => groups.push(vec![row]),
            }
        }
        Ok(groups)
    }
}

/// The aggregate of each group; `None` where the column is of the wrong type.
fn aggregated(column: &Column, aggregate: Aggregate, groups: &[Vec<u32>]) -> Option<ArrayRef> {
    let values = &column.0;
    let present = |rows: &Vec<u32>| rows.iter().map(|&row| row as usize).filter(|&row| values.is_valid(row)).collect();
    let present: Vec<Vec<usize>> = groups.iter().map(present).collect();
    if aggregate == Aggregate::Count {
        return Some(Arc::new(present.iter().map(|rows| Some(rows.len() as i64)).collect::<Int64Array>()));
    }
    if aggregate.keeps_integers() && *values.data_type() == DataType::Int64 {
        let integers = values.as_primitive::<Int64Type>();
        let of =
            |rows: &Vec<usize>| aggregate.of_integers(&rows.iter().map(|&row| integers.value(row)).collect::<Vec<_>>());
        return Some(Arc::new(present.iter().map(of).collect::<Int64Array>()));
    }
    let numbers = column.numbers()?;
    let of = |rows: &Vec<usize>| aggregate.of(&rows.iter().map(|&row| numbers[row]).collect::<Vec<_>>());
    Some(Arc::new(present.iter().map(of).collect::<Float64Array>()))
}
