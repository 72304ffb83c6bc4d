//! A small array language whose operations fuse: reads of stored numbers, slices, element-wise functions, sums.

use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;

use super::super::super::{Cost, Digest, Meta, Op, TaskContext};

/// What is computed, element for element.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Expr {
    /// The input of this number.
    Input(usize),
    /// So many numbers of a file, from a place on.
    Read {
        file: u32,
        start: usize,
        len: usize,
    },
    Slice(Box<Expr>, usize, usize),
    Scale(Box<Expr>, f64),
    Add(Box<Expr>, Box<Expr>),
    /// One number.
    Sum(Box<Expr>),
}

use Expr::{Add, Input, Read, Scale, Slice, Sum};

impl Expr {
    /// The same with something else for each input; a slice of a read is a shorter read.
    fn with(&self, input: &dyn Fn(usize) -> Self) -> Self {
        match self {
            Input(number) => input(*number),
            Read { .. } => self.clone(),
            Slice(inner, start, len) => match inner.with(input) {
                Read { file, start: first, .. } => Read { file, start: first + start, len: *len },
                Slice(inner, first, _) => Slice(inner, first + start, *len),
                inner => Slice(Box::new(inner), *start, *len),
            },
            Scale(inner, factor) => Scale(Box::new(inner.with(input)), *factor),
            Add(a, b) => Add(Box::new(a.with(input)), Box::new(b.with(input))),
            Sum(inner) => Sum(Box::new(inner.with(input))),
        }
    }

    fn value(&self, inputs: &[Arc<Vec<f64>>]) -> Vec<f64> {
        match self {
            Input(number) => inputs[*number].to_vec(),
            Read { file, start, len } => (*start..start + len).map(|at| (f64::from(*file) + at as f64).sin()).collect(),
            Slice(inner, start, len) => inner.value(inputs)[*start..start + len].to_vec(),
            Scale(inner, factor) => inner.value(inputs).into_iter().map(|number| number * factor).collect(),
            Add(a, b) => a.value(inputs).iter().zip(b.value(inputs)).map(|(a, b)| a + b).collect(),
            Sum(inner) => vec![inner.value(inputs).iter().sum()],
        }
    }

    /// Length of the result, of the longest part on the way, and operations.
    fn size(&self, inputs: &[Meta]) -> (usize, usize, f64) {
        match self {
            Input(number) => (inputs[*number].bytes as usize / 8, 0, 0.0),
            Read { len, .. } => (*len, 0, 0.0),
            Slice(inner, _, len) => {
                let (whole, longest, flops) = inner.size(inputs);
                (*len, if matches!(**inner, Input(_)) { longest } else { longest.max(whole) }, flops)
            }
            Scale(inner, _) => {
                let (len, longest, flops) = inner.size(inputs);
                (len, longest, flops + len as f64)
            }
            Add(a, b) => {
                let (a, b) = (a.size(inputs), b.size(inputs));
                (a.0, a.1.max(b.1), a.2 + b.2 + a.0 as f64)
            }
            Sum(inner) => {
                let (len, longest, flops) = inner.size(inputs);
                (1, if matches!(**inner, Input(_)) { longest } else { longest.max(len) }, flops + len as f64)
            }
        }
    }
}

/// Short names, as `read 0 [3..5]` or `sum(2 * a)`: inputs are letters.
impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Input(number) => write!(f, "{}", char::from(b'a' + *number as u8)),
            Read { file, start, len } => write!(f, "read {file} [{start}..{}]", start + len),
            Slice(inner, start, len) => write!(f, "{inner}[{start}..{}]", start + len),
            Scale(inner, factor) => write!(f, "{factor} * {inner}"),
            Add(a, b) => write!(f, "({a} + {b})"),
            Sum(inner) => write!(f, "sum({inner})"),
        }
    }
}

/// An expression of so many inputs.
#[derive(Debug, Clone)]
pub(super) struct Calc {
    pub(super) expr: Expr,
    pub(super) inputs: usize,
    /// It has no digest, as if it had an effect.
    pub(super) is_effect: bool,
}

impl Op for Calc {
    type Value = Vec<f64>;
    type Error = Infallible;

    fn kind(&self) -> &'static str {
        "calc"
    }

    fn cost(&self, inputs: &[Meta]) -> Cost {
        let (len, longest, flops) = self.expr.size(inputs);
        Cost { flops, output_bytes: 8 * len as u64, scratch_bytes: 8 * longest as u64 }
    }

    fn run(&self, inputs: &[Arc<Vec<f64>>], _context: &TaskContext) -> Result<Vec<f64>, Infallible> {
        assert_eq!(inputs.len(), self.inputs);
        Ok(self.expr.value(inputs))
    }

    fn describe(&self) -> String {
        self.expr.to_string()
    }

    fn digest(&self) -> Option<Digest> {
        (!self.is_effect).then(|| Digest::of(format!("{:?}", self.expr).as_bytes()))
    }

    fn fuse(&self, next: &Self, place: usize) -> Option<Self> {
        let inner = self.expr.with(&|number| Input(number + place));
        let expr = next.expr.with(&|number| match number {
            _ if number < place => Input(number),
            _ if number == place => inner.clone(),
            _ => Input(number + self.inputs - 1),
        });
        let inputs = next.inputs + self.inputs - 1;
        Some(Self { expr, inputs, is_effect: self.is_effect || next.is_effect })
    }
}
