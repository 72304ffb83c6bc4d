//! Whole-plane transforms, for planes that fit in memory; rows and strips of columns are spread over rayon's threads.
//!
//! The task graph has its own workers and does not use these: they serve the simulator, and tests as a reference. Each row
//! and each column is transformed by itself, so the result does not depend on the number of threads.

use std::sync::Arc;

use ndarray::Array2;
use rayon::prelude::*;
use realfft::{ComplexToReal, RealFftPlanner, RealToComplex};
use rustfft::num_complex::Complex;
use rustfft::{Fft, FftNum, FftPlanner};

/// Plans for real planes of shape `(ny, nx)`; the spectrum has shape `(ny, nx/2 + 1)`.
pub struct Real2d<T: FftNum> {
    shape: (usize, usize),
    rows_forward: Arc<dyn RealToComplex<T>>,
    rows_inverse: Arc<dyn ComplexToReal<T>>,
    columns_forward: Arc<dyn Fft<T>>,
    columns_inverse: Arc<dyn Fft<T>>,
}

/// Columns that are transformed together: sixteen share the cache lines of a row.
const STRIP: usize = 16;

impl<T: FftNum> Real2d<T> {
    /// Plans the transforms of planes of shape `(ny, nx)`, both at least 1.
    pub fn new(shape: (usize, usize)) -> Self {
        let (ny, nx) = shape;
        let mut real = RealFftPlanner::new();
        let mut complex = FftPlanner::new();
        Self {
            shape,
            rows_forward: real.plan_fft_forward(nx),
            rows_inverse: real.plan_fft_inverse(nx),
            columns_forward: complex.plan_fft_forward(ny),
            columns_inverse: complex.plan_fft_inverse(ny),
        }
    }

    /// Transforms a plane of shape `(ny, nx)`: the plain sum, not normalised.
    ///
    /// # Panics
    /// If the plane has another shape than was planned for.
    pub fn forward(&self, plane: &Array2<T>) -> Array2<Complex<T>> {
        assert_eq!(plane.dim(), self.shape, "the plane has the planned shape");
        let (ny, nx) = self.shape;
        let mut spectrum = Array2::from_elem((ny, nx / 2 + 1), Complex::new(T::zero(), T::zero()));
        let plan = &self.rows_forward;
        let buffers = || (plan.make_input_vec(), plan.make_scratch_vec());
        let rows: Vec<_> = plane.rows().into_iter().collect();
        let cells = spectrum.as_slice_mut().expect("the spectrum was made in row order");
        cells.par_chunks_exact_mut(nx / 2 + 1).zip(rows).for_each_init(buffers, |(input, scratch), (out, row)| {
            input.iter_mut().zip(row).for_each(|(to, from)| *to = *from);
            plan.process_with_scratch(input, out, scratch).expect("buffers made by the plan have its lengths");
        });
        Self::columns(&mut spectrum, self.columns_forward.as_ref());
        spectrum
    }

    /// Transforms a half plane of shape `(ny, nx/2 + 1)` back, dividing by `ny * nx`; the spectrum is overwritten.
    ///
    /// # Panics
    /// If the spectrum has another shape than was planned for.
    pub fn inverse(&self, spectrum: &mut Array2<Complex<T>>) -> Array2<T> {
        let (ny, nx) = self.shape;
        assert_eq!(spectrum.dim(), (ny, nx / 2 + 1), "the spectrum has the planned shape");
        Self::columns(spectrum, self.columns_inverse.as_ref());
        let mut plane = Array2::zeros(self.shape);
        let scale = T::one() / T::from_usize(ny * nx).expect("a pixel count is a float");
        let plan = &self.rows_inverse;
        let cells = plane.as_slice_mut().expect("the plane was made in row order");
        let spectra = spectrum.as_slice_mut().expect("a spectrum is stored in row order");
        let rows = cells.par_chunks_exact_mut(nx).zip(spectra.par_chunks_exact_mut(nx / 2 + 1));
        rows.for_each_init(
            || plan.make_scratch_vec(),
            |scratch, (out, row)| {
                make_ends_real(row, nx);
                plan.process_with_scratch(row, out, scratch)
                    .expect("buffers made by the plan have its lengths, and the ends are real");
                out.iter_mut().for_each(|value| *value = *value * scale);
            },
        );
        plane
    }

    /// Transforms the columns in place, a batch of strips at a time.
    fn columns(spectrum: &mut Array2<Complex<T>>, plan: &dyn Fft<T>) {
        let (ny, columns) = spectrum.dim();
        let zero = Complex::new(T::zero(), T::zero());
        let batch = (2 * rayon::current_num_threads() * STRIP).min(columns.next_multiple_of(STRIP));
        let mut strips = vec![zero; batch * ny];
        let cells = spectrum.as_slice_mut().expect("the spectrum was made in row order");
        for first in (0..columns).step_by(batch) {
            let last = (first + batch).min(columns);
            strips.par_chunks_mut(STRIP * ny).enumerate().for_each_init(
                || vec![zero; plan.get_inplace_scratch_len()],
                |scratch, (index, strip)| {
                    let from = first + index * STRIP;
                    let width = STRIP.min(last.saturating_sub(from));
                    for (y, row) in cells.chunks_exact(columns).enumerate() {
                        row[from.min(last)..][..width]
                            .iter()
                            .enumerate()
                            .for_each(|(c, value)| strip[c * ny + y] = *value);
                    }
                    plan.process_with_scratch(&mut strip[..width * ny], scratch);
                },
            );
            cells.par_chunks_exact_mut(columns).enumerate().for_each(|(y, row)| {
                row[first..last].iter_mut().enumerate().for_each(|(c, value)| *value = strips[c * ny + y]);
            });
        }
    }
}

/// Drops the imaginary parts that the transform of a real row cannot have (rounding leaves traces there).
pub(super) fn make_ends_real<T: FftNum>(row: &mut [Complex<T>], nx: usize) {
    row[0].im = T::zero();
    if nx.is_multiple_of(2) {
        row[nx / 2].im = T::zero();
    }
}
