//! What arrays are made of, and their chunks in memory.

use std::fmt::Debug;

use ndarray::{ArrayD, IxDyn};
use rustfft::num_complex::Complex;
use serde::{Deserialize, Serialize};

use crate::graph::Plain;

/// Type of an array's elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Dtype {
    /// `f32`.
    F32,
    /// `f64`.
    F64,
    /// `Complex<f32>`.
    C32,
    /// `Complex<f64>`.
    C64,
}

impl Dtype {
    /// Bytes of an element.
    pub fn bytes(self) -> u64 {
        match self {
            Self::F32 => 4,
            Self::F64 | Self::C32 => 8,
            Self::C64 => 16,
        }
    }

    /// Type of the absolute value.
    pub fn real(self) -> Self {
        match self {
            Self::F32 | Self::C32 => Self::F32,
            Self::F64 | Self::C64 => Self::F64,
        }
    }
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for f32 {}
    impl Sealed for f64 {}
    impl Sealed for super::Complex<f32> {}
    impl Sealed for super::Complex<f64> {}
}

/// An element of an array: `f32`, `f64`, or a complex number of these.
pub trait Element: sealed::Sealed + Copy + Send + Sync + Debug + PartialEq + Plain + 'static {
    /// Its type, as data.
    const DTYPE: Dtype;
    /// Type of its absolute value.
    type Real: Element;
    /// The number with this real part.
    fn from_real(real: f64) -> Self;
    /// Real and imaginary part.
    fn parts(self) -> (f64, f64);
    /// The number with these parts; the imaginary one of a real number is left out.
    fn from_parts(re: f64, im: f64) -> Self;
    /// A chunk of such elements.
    fn wrap(array: ArrayD<Self>) -> Block;
    /// The array inside a chunk of such elements.
    fn peek(block: &Block) -> Option<&ArrayD<Self>>;
    /// Takes the array out of a chunk of such elements.
    fn take(block: Block) -> Option<ArrayD<Self>>;
}

/// An element that can be told greater or less: `f32`, `f64`.
pub trait RealElement: Element<Real = Self> {}

impl RealElement for f32 {}
impl RealElement for f64 {}

/// A chunk in memory.
#[derive(Debug, Clone, PartialEq)]
pub enum Block {
    /// Of `f32`.
    F32(ArrayD<f32>),
    /// Of `f64`.
    F64(ArrayD<f64>),
    /// Of `Complex<f32>`.
    C32(ArrayD<Complex<f32>>),
    /// Of `Complex<f64>`.
    C64(ArrayD<Complex<f64>>),
}

/// Does the same with the array of a block, whatever it is made of.
macro_rules! each {
    ($block:expr, $array:ident => $then:expr) => {
        match $block {
            $crate::collections::array::element::Block::F32($array) => $then,
            $crate::collections::array::element::Block::F64($array) => $then,
            $crate::collections::array::element::Block::C32($array) => $then,
            $crate::collections::array::element::Block::C64($array) => $then,
        }
    };
}

/// Does the same with the type behind a [`Dtype`].
macro_rules! typed {
    ($dtype:expr, $T:ident => $then:expr) => {
        match $dtype {
            $crate::collections::array::element::Dtype::F32 => {
                type $T = f32;
                $then
            }
            $crate::collections::array::element::Dtype::F64 => {
                type $T = f64;
                $then
            }
            $crate::collections::array::element::Dtype::C32 => {
                type $T = rustfft::num_complex::Complex<f32>;
                $then
            }
            $crate::collections::array::element::Dtype::C64 => {
                type $T = rustfft::num_complex::Complex<f64>;
                $then
            }
        }
    };
}

pub(super) use {each, typed};

impl Block {
    /// Type of its elements.
    pub fn dtype(&self) -> Dtype {
        match self {
            Self::F32(_) => Dtype::F32,
            Self::F64(_) => Dtype::F64,
            Self::C32(_) => Dtype::C32,
            Self::C64(_) => Dtype::C64,
        }
    }

    /// Its shape.
    pub fn shape(&self) -> &[usize] {
        each!(self, array => array.shape())
    }

    /// Its size in memory \[bytes\].
    pub fn bytes(&self) -> u64 {
        self.dtype().bytes() * self.shape().iter().product::<usize>() as u64
    }
}

macro_rules! element {
    ($T:ty, $variant:ident, $real:ty, $x:ident => $parts:expr, ($re:ident, $im:ident) => $from:expr) => {
        impl Element for $T {
            const DTYPE: Dtype = Dtype::$variant;
            type Real = $real;

            #[inline]
            fn from_real(real: f64) -> Self {
                Self::from_parts(real, 0.0)
            }

            #[inline]
            fn parts(self) -> (f64, f64) {
                let $x = self;
                $parts
            }

            #[inline]
            fn from_parts($re: f64, $im: f64) -> Self {
                $from
            }

            fn wrap(array: ArrayD<Self>) -> Block {
                Block::$variant(array)
            }

            fn peek(block: &Block) -> Option<&ArrayD<Self>> {
                if let Block::$variant(array) = block { Some(array) } else { None }
            }

            fn take(block: Block) -> Option<ArrayD<Self>> {
                if let Block::$variant(array) = block { Some(array) } else { None }
            }
        }
    };
}

element!(f32, F32, f32, x => (f64::from(x), 0.0), (re, _im) => re as f32);
element!(f64, F64, f64, x => (x, 0.0), (re, _im) => re);
element!(Complex<f32>, C32, f32, x => (f64::from(x.re), f64::from(x.im)), (re, im) => Self::new(re as f32, im as f32));
element!(Complex<f64>, C64, f64, x => (x.re, x.im), (re, im) => Self::new(re, im));

macro_rules! plain_complex {
    ($T:ty) => {
        impl Plain for Complex<$T> {
            const BYTES: usize = 2 * <$T as Plain>::BYTES;

            #[inline]
            fn put(self, to: &mut [u8]) {
                let (re, im) = to.split_at_mut(<$T as Plain>::BYTES);
                self.re.put(re);
                self.im.put(im);
            }

            #[inline]
            fn get(from: &[u8]) -> Self {
                let (re, im) = from.split_at(<$T as Plain>::BYTES);
                Self::new(Plain::get(re), Plain::get(im))
            }
        }
    };
}

plain_complex!(f32);
plain_complex!(f64);

/// An array of this shape from its elements in row order.
///
/// # Panics
/// If there are not as many: shapes are made with their elements.
pub(super) fn shaped<T>(shape: &[usize], elements: Vec<T>) -> ArrayD<T> {
    ArrayD::from_shape_vec(IxDyn(shape), elements).expect("as many elements as the shape says")
}

/// The elements in row order, moved out where they stand so already.
pub(super) fn in_row_order<T: Copy>(array: ArrayD<T>) -> Vec<T> {
    if array.is_standard_layout() {
        let (elements, offset) = array.into_raw_vec_and_offset();
        if offset.unwrap_or(0) == 0 {
            return elements;
        }
        return elements[offset.unwrap_or(0)..].to_vec();
    }
    array.iter().copied().collect()
}
