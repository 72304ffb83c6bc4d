//! Which rows to keep, as data.

use std::ops::{BitAnd, BitOr, Not};
use std::sync::Arc;

use arrow_arith::boolean::{and_kleene, is_null, not, or_kleene};
use arrow_array::{ArrayRef, BooleanArray, Datum, Float64Array, Int64Array, StringArray};
use arrow_cast::cast;
use arrow_ord::cmp;
use arrow_schema::{ArrowError, DataType};

use super::column::is_number;
use super::{Table, TableError};

/// A value to compare with.
#[derive(Debug, Clone, PartialEq)]
pub enum Scalar {
    /// Yes or no.
    Bool(bool),
    /// A whole number.
    Integer(i64),
    /// A number.
    Real(f64),
    /// A text.
    Text(String),
}

macro_rules! scalar_from {
    ($($from:ty => $variant:ident;)*) => {$(
        impl From<$from> for Scalar {
            fn from(value: $from) -> Self {
                Self::$variant(value.into())
            }
        }
    )*};
}

scalar_from! { bool => Bool; i64 => Integer; i32 => Integer; f64 => Real; &str => Text; String => Text; }

/// How to compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Test {
    Equal,
    Less,
    Greater,
}

/// Which rows to keep; joined by `&`, `|` and `!`. A comparison with a missing value is neither true nor false.
#[derive(Debug, Clone, PartialEq)]
pub struct Predicate(Node);

#[derive(Debug, Clone, PartialEq)]
enum Node {
    Compare(String, Test, Scalar),
    Missing(String),
    And(Box<Node>, Box<Node>),
    Or(Box<Node>, Box<Node>),
    Not(Box<Node>),
}

/// The name of a column, to compare.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name(String);

/// Names a column of a predicate.
pub fn column(name: &str) -> Name {
    Name(name.to_owned())
}

impl Name {
    /// Where the column has this value.
    pub fn equals(self, value: impl Into<Scalar>) -> Predicate {
        Predicate(Node::Compare(self.0, Test::Equal, value.into()))
    }

    /// Where the column has less than this value.
    pub fn less(self, value: impl Into<Scalar>) -> Predicate {
        Predicate(Node::Compare(self.0, Test::Less, value.into()))
    }

    /// Where the column has more than this value.
    pub fn greater(self, value: impl Into<Scalar>) -> Predicate {
        Predicate(Node::Compare(self.0, Test::Greater, value.into()))
    }

    /// Where the column's value is missing.
    pub fn is_missing(self) -> Predicate {
        Predicate(Node::Missing(self.0))
    }
}

impl BitAnd for Predicate {
    type Output = Self;

    fn bitand(self, other: Self) -> Self {
        Self(Node::And(Box::new(self.0), Box::new(other.0)))
    }
}

impl BitOr for Predicate {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(Node::Or(Box::new(self.0), Box::new(other.0)))
    }
}

impl Not for Predicate {
    type Output = Self;

    fn not(self) -> Self {
        Self(Node::Not(Box::new(self.0)))
    }
}

impl Predicate {
    /// For each row whether it holds.
    pub(super) fn mask(&self, table: &Table) -> Result<BooleanArray, TableError> {
        self.0.mask(table)
    }
}

impl Node {
    fn mask(&self, table: &Table) -> Result<BooleanArray, TableError> {
        let done = |mask: Result<_, ArrowError>| mask.map_err(TableError::columns("compare"));
        match self {
            Self::Compare(name, test, value) => compare(table, name, *test, value),
            Self::Missing(name) => done(is_null(&table.column(name)?.0)),
            Self::And(one, two) => done(and_kleene(&one.mask(table)?, &two.mask(table)?)),
            Self::Or(one, two) => done(or_kleene(&one.mask(table)?, &two.mask(table)?)),
            Self::Not(one) => done(not(&one.mask(table)?)),
        }
    }
}

fn compare(table: &Table, name: &str, test: Test, value: &Scalar) -> Result<BooleanArray, TableError> {
    let column = table.column(name)?;
    let kind = column.0.data_type().clone();
    let (expected, fits): (_, bool) = match value {
        Scalar::Bool(_) => ("booleans", kind == DataType::Boolean),
        Scalar::Integer(_) | Scalar::Real(_) => ("numbers", is_number(&kind)),
        Scalar::Text(_) => ("texts", kind == DataType::Utf8),
    };
    if !fits {
        return Err(column.wrong(name, expected));
    }
    let wrapped = TableError::columns("compare");
    let (values, one): (ArrayRef, ArrayRef) = match value {
        Scalar::Bool(value) => (column.0, Arc::new(BooleanArray::from(vec![*value]))),
        Scalar::Integer(value) if kind == DataType::Int64 => (column.0, Arc::new(Int64Array::from(vec![*value]))),
        Scalar::Integer(value) => (column.0, Arc::new(Float64Array::from(vec![*value as f64]))),
        Scalar::Real(value) => {
            (cast(&column.0, &DataType::Float64).map_err(&wrapped)?, Arc::new(Float64Array::from(vec![*value])))
        }
        Scalar::Text(value) => (column.0, Arc::new(StringArray::from(vec![value.as_str()]))),
    };
    let one = arrow_array::Scalar::new(one);
    let (values, one): (&dyn Datum, &dyn Datum) = (&values, &one);
    match test {
        Test::Equal => cmp::eq(values, one),
        Test::Less => cmp::lt(values, one),
        Test::Greater => cmp::gt(values, one),
    }
    .map_err(wrapped)
}
