//! In place of the AVX-512 loops where the machine cannot have them: no plan is ever made.

use rustfft::num_complex::Complex32;

use super::{Cells, Row, Step};

const NONE: &str = "a plan is only made where there is AVX-512";

pub(super) fn is_wide() -> bool {
    false
}

pub(super) fn transform<'a>(_: &[Step], _: &'a mut [Row], _: &'a mut [Row]) -> &'a [Row] {
    unreachable!("{NONE}")
}

pub(super) fn load(_: &Cells<&[Complex32]>, _: &mut [Row], _: bool) {
    unreachable!("{NONE}")
}

pub(super) fn store(_: &[Row], _: usize, _: &mut Cells<&mut [Complex32]>) {
    unreachable!("{NONE}")
}

pub(super) fn stand<const SWAPS: bool>(_: &[Row], _: &mut [Complex32], _: (usize, u16)) {
    unreachable!("{NONE}")
}

pub(super) fn lay<const SWAPS: bool>(_: &[Complex32], _: (usize, usize), _: &mut [Row]) {
    unreachable!("{NONE}")
}

pub(super) fn unravel(_: &[Row], _: &[[f32; 2]], _: &mut [Row]) {
    unreachable!("{NONE}")
}

pub(super) fn ravel(_: &[Row], _: &[[f32; 2]], _: f32, _: &mut [Row]) {
    unreachable!("{NONE}")
}
