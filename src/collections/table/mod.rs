//! Tables: typed columns in memory, on the Arrow libraries.
//!
//! ```
//! use deconv::collections::table::{Aggregate, Table, column};
//!
//! let table = Table::new()
//!     .with_column("chunk", vec![128_i64, 128, 256, 256])?
//!     .with_column("wall_s", vec![2.0, 4.0, 1.0, 3.0])?
//!     .with_unit("wall_s", "s")?;
//! let quick = table.filter(&column("wall_s").less(4.0))?;
//! assert_eq!(quick.rows(), 3);
//! let mean = table.group(&["chunk"], &[("wall_s", Aggregate::Mean)])?;
//! assert_eq!(mean.numbers("wall_s_mean")?, [3.0, 2.0]);
//! assert_eq!(mean.to_csv()?, "chunk,wall_s_mean\n128,3.0\n256,2.0\n");
//! # Ok::<(), deconv::collections::table::TableError>(())
//! ```
//!
//! A table is written as CSV ([`Table::write_csv`]), as a FITS binary table ([`Table::write_fits`]) and, with the
//! feature `parquet`, as Parquet (`Table::write_parquet`). Rows keep their order unless [`Table::sort`] is asked.

mod column;
mod error;
mod files;
mod group;
mod predicate;
mod records;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use arrow_array::{ArrayRef, Int64Array, RecordBatch, RecordBatchOptions};
use arrow_ord::sort::{SortColumn, SortOptions, lexsort_to_indices};
use arrow_schema::{Field, Schema};
use arrow_select::concat::concat_batches;
use arrow_select::filter::filter_record_batch;
use arrow_select::take::take_record_batch;

pub use column::Column;
pub use error::TableError;
pub use group::Aggregate;
pub use predicate::{Name, Predicate, Scalar, column};

/// Where a field keeps its unit.
const UNIT: &str = "unit";

/// Which way [`Table::sort`] sorts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// The smallest first.
    Up,
    /// The largest first.
    Down,
}

/// Columns of equal length, each of one type; clones share them.
#[derive(Debug, Clone)]
pub struct Table {
    batch: RecordBatch,
}

impl Default for Table {
    fn default() -> Self {
        Self { batch: RecordBatch::new_empty(Arc::new(Schema::empty())) }
    }
}

impl Table {
    /// A table without columns.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a column; the first decides the number of rows.
    ///
    /// # Errors
    /// [`TableError::Duplicate`], [`TableError::Length`].
    pub fn with_column(self, name: &str, values: impl Into<Column>) -> Result<Self, TableError> {
        let Column(values) = values.into();
        if self.batch.column_by_name(name).is_some() {
            return Err(TableError::Duplicate { column: name.to_owned() });
        }
        if self.columns() > 0 && values.len() != self.rows() {
            let (expected, found) = (self.rows(), values.len());
            return Err(TableError::Length { column: name.to_owned(), expected, found });
        }
        let mut fields: Vec<_> = self.batch.schema().fields().iter().cloned().collect();
        let mut columns = self.batch.columns().to_vec();
        fields.push(Arc::new(Field::new(name, values.data_type().clone(), true)));
        columns.push(values);
        Self::assemble(Schema::new(fields), columns)
    }

    /// Gives a column a unit, for TUNIT of a FITS table.
    ///
    /// # Errors
    /// [`TableError::Absent`].
    pub fn with_unit(self, name: &str, unit: &str) -> Result<Self, TableError> {
        let place = self.place(name)?;
        let mut fields: Vec<Field> = self.batch.schema().fields().iter().map(|field| field.as_ref().clone()).collect();
        fields[place].set_metadata(HashMap::from([(UNIT.to_owned(), unit.to_owned())]));
        Self::assemble(Schema::new(fields), self.batch.columns().to_vec())
    }

    fn assemble(schema: Schema, columns: Vec<ArrayRef>) -> Result<Self, TableError> {
        let rows = columns.first().map_or(0, |values| values.len());
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        RecordBatch::try_new_with_options(Arc::new(schema), columns, &options)
            .map(|batch| Self { batch })
            .map_err(TableError::columns("put columns together"))
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.batch.num_rows()
    }

    /// Number of columns.
    pub fn columns(&self) -> usize {
        self.batch.num_columns()
    }

    /// The columns' names, in order.
    pub fn names(&self) -> Vec<String> {
        self.batch.schema().fields().iter().map(|field| field.name().clone()).collect()
    }

    /// The unit of a column, where it has one.
    pub fn unit(&self, name: &str) -> Option<String> {
        self.batch.schema().field_with_name(name).ok()?.metadata().get(UNIT).cloned()
    }

    /// A column.
    ///
    /// # Errors
    /// [`TableError::Absent`].
    pub fn column(&self, name: &str) -> Result<Column, TableError> {
        self.place(name).map(|place| Column(Arc::clone(self.batch.column(place))))
    }

    /// The values of a column of numbers, NaN where one is missing.
    ///
    /// # Errors
    /// [`TableError::Absent`]; [`TableError::Type`] for texts and booleans.
    pub fn numbers(&self, name: &str) -> Result<Vec<f64>, TableError> {
        let column = self.column(name)?;
        column.numbers().ok_or_else(|| column.wrong(name, "numbers"))
    }

    /// The values of a column in words, empty where one is missing.
    ///
    /// # Errors
    /// [`TableError::Absent`].
    pub fn texts(&self, name: &str) -> Result<Vec<String>, TableError> {
        self.column(name).map(|column| column.texts())
    }

    fn place(&self, name: &str) -> Result<usize, TableError> {
        let absent = |_| TableError::Absent { column: name.to_owned(), columns: self.names().join(", ") };
        self.batch.schema().index_of(name).map_err(absent)
    }

    /// Only these columns, in this order.
    ///
    /// # Errors
    /// [`TableError::Absent`].
    pub fn select(&self, names: &[&str]) -> Result<Self, TableError> {
        let places: Vec<usize> = names.iter().map(|name| self.place(name)).collect::<Result<_, _>>()?;
        let batch = self.batch.project(&places).map_err(TableError::columns("select columns"))?;
        Ok(Self { batch })
    }

    /// The first rows, at most `count`.
    pub fn head(&self, count: usize) -> Self {
        Self { batch: self.batch.slice(0, count.min(self.rows())) }
    }

    /// The rows for which `predicate` holds; where it cannot be told, because a value is missing, it does not.
    ///
    /// # Errors
    /// [`TableError::Absent`]; [`TableError::Type`] where a column cannot be compared with the value.
    pub fn filter(&self, predicate: &Predicate) -> Result<Self, TableError> {
        let mask = predicate.mask(self)?;
        let batch = filter_record_batch(&self.batch, &mask).map_err(TableError::columns("filter rows"))?;
        Ok(Self { batch })
    }

    /// Sorts by the first column named, then by the next; equal rows keep their order. Missing values come last.
    ///
    /// # Errors
    /// [`TableError::Absent`].
    pub fn sort(&self, names: &[&str], direction: Direction) -> Result<Self, TableError> {
        let options = Some(SortOptions { descending: direction == Direction::Down, nulls_first: false });
        let mut keys = Vec::with_capacity(names.len() + 1);
        for name in names {
            keys.push(SortColumn { values: self.column(name)?.0, options });
        }
        keys.push(SortColumn { values: Arc::new(Int64Array::from_iter_values(0..self.rows() as i64)), options: None });
        let order = lexsort_to_indices(&keys, None).map_err(TableError::columns("sort"))?;
        let batch = take_record_batch(&self.batch, &order).map_err(TableError::columns("sort"))?;
        Ok(Self { batch })
    }

    /// The rows of all tables, one after the other; they must have the columns of the first, in any order.
    ///
    /// # Errors
    /// [`TableError::Absent`] where a table lacks a column or has one more, [`TableError::Columns`] where one is of
    /// another type.
    pub fn concat(tables: &[Self]) -> Result<Self, TableError> {
        let Some(first) = tables.first() else { return Ok(Self::new()) };
        let names = first.names();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let mut alike = Vec::with_capacity(tables.len());
        for table in tables {
            alike.push(table.select(&names)?.batch);
            if let Some(column) = table.names().into_iter().find(|name| !names.contains(&name.as_str())) {
                return Err(TableError::Absent { column, columns: names.join(", ") });
            }
        }
        concat_batches(&first.batch.schema(), &alike)
            .map(|batch| Self { batch })
            .map_err(TableError::columns("put tables together"))
    }
}

impl PartialEq for Table {
    /// Whether names, types, units and values are the same.
    fn eq(&self, other: &Self) -> bool {
        self.batch == other.batch
    }
}

/// Columns side by side, as wide as they need be.
impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_text: Vec<bool> =
            self.batch.columns().iter().map(|values| !column::is_number(values.data_type())).collect();
        let columns: Vec<Vec<String>> = self.batch.columns().iter().map(|c| Column(Arc::clone(c)).texts()).collect();
        let names = self.names();
        let widths: Vec<usize> = (names.iter().zip(&columns))
            .map(|(name, texts)| texts.iter().chain([name]).map(|text| text.chars().count()).max().unwrap_or(0))
            .collect();
        let line = |cells: Vec<&str>| {
            let padded = cells.iter().zip(&widths).zip(&is_text).map(|((cell, width), is_text)| {
                if *is_text { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
            });
            padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
        };
        writeln!(f, "{}", line(names.iter().map(String::as_str).collect()))?;
        (0..self.rows())
            .try_for_each(|row| writeln!(f, "{}", line(columns.iter().map(|texts| texts[row].as_str()).collect())))
    }
}
