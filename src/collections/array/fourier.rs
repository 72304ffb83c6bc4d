//! Transforms of a chunk along one axis that it holds whole.

use std::cell::RefCell;
use std::sync::Arc;

use ndarray::{ArrayD, Axis, IxDyn};
use realfft::{ComplexToReal, RealFftPlanner, RealToComplex};
use rustfft::num_complex::Complex;
use rustfft::num_traits::Zero;
use rustfft::{Fft, FftNum, FftPlanner};
use serde::{Deserialize, Serialize};

use super::element::Block;

/// Lines that are transformed together: sixteen share the cache lines of a row.
const STRIP: usize = 16;

/// A transform along one axis. Forward it is the plain sum; back it is divided by the length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Transform {
    /// Complex to complex.
    Forward,
    /// Back, complex to complex.
    Inverse,
    /// Real to the first half of the complex line: `n / 2 + 1` numbers.
    RealForward,
    /// Back from the half line to `n` real numbers.
    RealInverse(usize),
}

impl Transform {
    /// Length of a line after the transform.
    pub(super) fn length(self, length: usize) -> usize {
        match self {
            Self::Forward | Self::Inverse => length,
            Self::RealForward => length / 2 + 1,
            Self::RealInverse(n) => n,
        }
    }

    /// The transform of a block; `None` if it is of the wrong type.
    pub(super) fn run(self, axis: usize, block: &Block) -> Option<Block> {
        PLANS_32.with_borrow_mut(|single| {
            PLANS_64.with_borrow_mut(|double| {
                Some(match (self, block) {
                    (Self::Forward | Self::Inverse, Block::C32(array)) => Block::C32(single.complex(self, axis, array)),
                    (Self::Forward | Self::Inverse, Block::C64(array)) => Block::C64(double.complex(self, axis, array)),
                    (Self::RealForward, Block::F32(array)) => Block::C32(single.forward(axis, array)),
                    (Self::RealForward, Block::F64(array)) => Block::C64(double.forward(axis, array)),
                    (Self::RealInverse(n), Block::C32(array)) => Block::F32(single.inverse(axis, n, array)),
                    (Self::RealInverse(n), Block::C64(array)) => Block::F64(double.inverse(axis, n, array)),
                    _ => return None,
                })
            })
        })
    }
}

thread_local! {
    /// A worker's plans: making one costs more than a transform.
    static PLANS_32: RefCell<Plans<f32>> = RefCell::new(Plans::new());
    static PLANS_64: RefCell<Plans<f64>> = RefCell::new(Plans::new());
}

struct Plans<T: FftNum> {
    complex: FftPlanner<T>,
    real: RealFftPlanner<T>,
}

impl<T: FftNum> Plans<T> {
    fn new() -> Self {
        Self { complex: FftPlanner::new(), real: RealFftPlanner::new() }
    }

    fn complex(&mut self, what: Transform, axis: usize, array: &ArrayD<Complex<T>>) -> ArrayD<Complex<T>> {
        let length = array.shape()[axis];
        let is_forward = what == Transform::Forward;
        let plan: Arc<dyn Fft<T>> =
            if is_forward { self.complex.plan_fft_forward(length) } else { self.complex.plan_fft_inverse(length) };
        let scale = if is_forward { T::one() } else { T::one() / number(length) };
        let mut scratch = vec![Complex::zero(); plan.get_inplace_scratch_len()];
        lines(array, axis, length, |from, to| {
            to.copy_from_slice(from);
            plan.process_with_scratch(to, &mut scratch);
            if !is_forward {
                to.iter_mut().for_each(|value| *value = *value * scale);
            }
        })
    }

    fn forward(&mut self, axis: usize, array: &ArrayD<T>) -> ArrayD<Complex<T>> {
        let length = array.shape()[axis];
        let plan: Arc<dyn RealToComplex<T>> = self.real.plan_fft_forward(length);
        let mut scratch = plan.make_scratch_vec();
        lines(array, axis, length / 2 + 1, |from, to| {
            plan.process_with_scratch(from, to, &mut scratch).expect("lines of the planned lengths");
        })
    }

    fn inverse(&mut self, axis: usize, length: usize, array: &ArrayD<Complex<T>>) -> ArrayD<T> {
        let plan: Arc<dyn ComplexToReal<T>> = self.real.plan_fft_inverse(length);
        let scale = T::one() / number(length);
        let mut scratch = plan.make_scratch_vec();
        lines(array, axis, length, |from, to| {
            // the transform of a real line cannot have them; rounding leaves traces
            from[0].im = T::zero();
            if length.is_multiple_of(2) {
                from[length / 2].im = T::zero();
            }
            plan.process_with_scratch(from, to, &mut scratch).expect("lines of the planned lengths, their ends real");
            to.iter_mut().for_each(|value| *value = *value * scale);
        })
    }
}

fn number<T: FftNum>(length: usize) -> T {
    T::from_usize(length).expect("a length is a float")
}

/// Makes a line of `length` of every line along `axis`, strip by strip.
fn lines<A: Copy + Zero, B: Copy + Zero>(
    array: &ArrayD<A>,
    axis: usize,
    length: usize,
    mut work: impl FnMut(&mut [A], &mut [B]),
) -> ArrayD<B> {
    let mut shape = array.shape().to_vec();
    let before = std::mem::replace(&mut shape[axis], length);
    let mut out = ArrayD::from_elem(IxDyn(&shape), B::zero());
    let from: Vec<_> = array.lanes(Axis(axis)).into_iter().collect();
    let mut to: Vec<_> = out.lanes_mut(Axis(axis)).into_iter().collect();
    let mut read = vec![A::zero(); STRIP * before];
    let mut made = vec![B::zero(); STRIP * length];
    for (from, to) in from.chunks(STRIP).zip(to.chunks_mut(STRIP)) {
        // element by element over the strip: its lines stand side by side
        for y in 0..before {
            from.iter().enumerate().for_each(|(line, values)| read[line * before + y] = values[y]);
        }
        for line in 0..from.len() {
            work(&mut read[line * before..(line + 1) * before], &mut made[line * length..(line + 1) * length]);
        }
        for y in 0..length {
            to.iter_mut().enumerate().for_each(|(line, values)| values[y] = made[line * length + y]);
        }
    }
    out
}
