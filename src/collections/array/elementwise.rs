//! Operations on each element, as data.

use std::fmt;
use std::sync::Arc;

use ndarray::{ArrayD, Zip};
use rustfft::num_complex::Complex;
use serde::{Deserialize, Serialize};

use super::element::{Block, Dtype, Element, each, typed};

/// What is done with each element of one array.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum Unary {
    /// `-x`
    Neg,
    /// `|x|`, which is real.
    Abs,
    /// `x * conj(x)`, which is real.
    AbsSquared,
    /// The root; of a negative real number NaN.
    Sqrt,
    /// e to the power of x.
    Exp,
    /// Natural logarithm.
    Ln,
    /// `x + c`
    Plus(f64),
    /// `x * c`
    Times(f64),
    /// `c / x`
    Into(f64),
    /// A whole power.
    Power(i32),
    /// The real part.
    Real,
    /// The complex conjugate.
    Conj,
    /// Another type of element; of complex numbers the real part where it is real.
    To(Dtype),
}

/// What is done with the elements of two arrays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Binary {
    /// `x + y`
    Add,
    /// `x - y`
    Sub,
    /// `x * y`
    Mul,
    /// `x / y`
    Div,
}

/// Numbers that these operations know: the four element types.
trait Number: Element {
    fn neg(self) -> Self;
    fn sqrt(self) -> Self;
    fn exp(self) -> Self;
    fn ln(self) -> Self;
    fn plus(self, c: f64) -> Self;
    fn times(self, c: f64) -> Self;
    fn into_(self, c: f64) -> Self;
    fn power(self, n: i32) -> Self;
    fn conj(self) -> Self;
    fn abs(self) -> Self::Real;
    fn abs_squared(self) -> Self::Real;
    fn real(self) -> Self::Real;
    fn binary(self, other: Self, what: Binary) -> Self;
}

macro_rules! binary {
    () => {
        #[inline]
        fn binary(self, other: Self, what: Binary) -> Self {
            match what {
                Binary::Add => self + other,
                Binary::Sub => self - other,
                Binary::Mul => self * other,
                Binary::Div => self / other,
            }
        }
    };
}

macro_rules! numbers {
    ($($T:ty),*) => {$(
        impl Number for $T {
            fn neg(self) -> Self { -self }
            fn sqrt(self) -> Self { self.sqrt() }
            fn exp(self) -> Self { self.exp() }
            fn ln(self) -> Self { self.ln() }
            fn plus(self, c: f64) -> Self { self + c as $T }
            fn times(self, c: f64) -> Self { self * c as $T }
            fn into_(self, c: f64) -> Self { c as $T / self }
            fn power(self, n: i32) -> Self { self.powi(n) }
            fn conj(self) -> Self { self }
            fn abs(self) -> Self { self.abs() }
            fn abs_squared(self) -> Self { self * self }
            fn real(self) -> Self { self }
            binary!();
        }

        impl Number for Complex<$T> {
            fn neg(self) -> Self { -self }
            fn sqrt(self) -> Self { Complex::sqrt(self) }
            fn exp(self) -> Self { Complex::exp(self) }
            fn ln(self) -> Self { Complex::ln(self) }
            fn plus(self, c: f64) -> Self { self + c as $T }
            fn times(self, c: f64) -> Self { self * c as $T }
            fn into_(self, c: f64) -> Self { Self::new(c as $T, 0.0) / self }
            fn power(self, n: i32) -> Self { self.powi(n) }
            fn conj(self) -> Self { Complex::conj(&self) }
            fn abs(self) -> $T { self.norm() }
            fn abs_squared(self) -> $T { self.norm_sqr() }
            fn real(self) -> $T { self.re }
            binary!();
        }
    )*};
}

numbers!(f32, f64);

impl Unary {
    /// Name of the operation.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Neg => "neg",
            Self::Abs => "abs",
            Self::AbsSquared => "abs2",
            Self::Sqrt => "sqrt",
            Self::Exp => "exp",
            Self::Ln => "ln",
            Self::Plus(_) => "add",
            Self::Times(_) => "mul",
            Self::Into(_) => "div",
            Self::Power(_) => "power",
            Self::Real => "real",
            Self::Conj => "conj",
            Self::To(_) => "cast",
        }
    }

    /// Floating-point operations per element: one, or what a root or a power takes about.
    pub(super) fn flops(self) -> f64 {
        match self {
            Self::Sqrt | Self::Abs | Self::Into(_) => 5.0,
            Self::Exp | Self::Ln => 20.0,
            _ => 1.0,
        }
    }

    /// Whether the result takes the place of what it is made of: the type stays.
    pub(super) fn is_in_place(self) -> bool {
        !matches!(self, Self::Abs | Self::AbsSquared | Self::Real | Self::To(_))
    }

    /// The result, in the place of `block` where the type stays.
    pub(super) fn apply(self, block: Block) -> Block {
        match self {
            Self::Abs => each!(block, array => wrap(array.mapv(Number::abs))),
            Self::AbsSquared => each!(block, array => wrap(array.mapv(Number::abs_squared))),
            Self::Real => each!(block, array => wrap(array.mapv(Number::real))),
            Self::To(dtype) if dtype == block.dtype() => block,
            Self::To(dtype) => each!(block, array => typed!(dtype, U => {
                U::wrap(array.mapv(|x| {
                    let (re, im) = x.parts();
                    U::from_parts(re, im)
                }))
            })),
            _ => each!(block, array => wrap(self.in_place(array))),
        }
    }

    fn in_place<T: Number>(self, mut array: ArrayD<T>) -> ArrayD<T> {
        match self {
            Self::Neg => array.mapv_inplace(T::neg),
            Self::Sqrt => array.mapv_inplace(T::sqrt),
            Self::Exp => array.mapv_inplace(T::exp),
            Self::Ln => array.mapv_inplace(T::ln),
            Self::Plus(c) => array.mapv_inplace(|x| x.plus(c)),
            Self::Times(c) => array.mapv_inplace(|x| x.times(c)),
            Self::Into(c) => array.mapv_inplace(|x| x.into_(c)),
            Self::Power(n) => array.mapv_inplace(|x| x.power(n)),
            Self::Conj => array.mapv_inplace(T::conj),
            Self::Abs | Self::AbsSquared | Self::Real | Self::To(_) => {}
        }
        array
    }
}

impl Binary {
    /// Name of the operation.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Add => "add",
            Self::Sub => "sub",
            Self::Mul => "mul",
            Self::Div => "div",
        }
    }

    /// The result; `None` if the two are of different types or shapes.
    pub(super) fn apply(self, one: &Block, other: &Block) -> Option<Block> {
        each!(one, one => {
            let other = Element::peek(other)?;
            if one.shape() != other.shape() {
                return None;
            }
            Some(wrap(match self {
                Self::Add => pairs(one, other, |x, y| x.binary(y, Self::Add)),
                Self::Sub => pairs(one, other, |x, y| x.binary(y, Self::Sub)),
                Self::Mul => pairs(one, other, |x, y| x.binary(y, Self::Mul)),
                Self::Div => pairs(one, other, |x, y| x.binary(y, Self::Div)),
            }))
        })
    }
}

fn pairs<T: Number>(one: &ArrayD<T>, other: &ArrayD<T>, work: impl Fn(T, T) -> T) -> ArrayD<T> {
    Zip::from(one).and(other).map_collect(|x, y| work(*x, *y))
}

fn wrap<T: Element>(array: ArrayD<T>) -> Block {
    T::wrap(array)
}

/// What a function of the user does with the chunks of some arrays.
pub(super) type BlockFunction = dyn Fn(&[&Block]) -> Option<Block> + Send + Sync;

/// A function of the user: not data, so it has no digest and stays in this process.
#[derive(Clone)]
pub struct Custom {
    /// Its name, for pictures and profiles.
    pub(super) name: &'static str,
    pub(super) function: Arc<BlockFunction>,
    /// Number of arrays that it takes.
    pub(super) arity: usize,
    /// Whether each element of the result depends on the same element of the inputs alone.
    pub(super) is_elementwise: bool,
}

impl fmt::Debug for Custom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}
