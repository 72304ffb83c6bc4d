//! Whole-plane transforms, for planes that fit in memory.

use std::sync::Arc;

use ndarray::Array2;
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
        let mut input = self.rows_forward.make_input_vec();
        let mut output = self.rows_forward.make_output_vec();
        let mut scratch = self.rows_forward.make_scratch_vec();
        for (row, mut out) in plane.rows().into_iter().zip(spectrum.rows_mut()) {
            input.iter_mut().zip(row).for_each(|(to, from)| *to = *from);
            self.rows_forward
                .process_with_scratch(&mut input, &mut output, &mut scratch)
                .expect("buffers made by the plan have its lengths");
            out.iter_mut().zip(&output).for_each(|(to, from)| *to = *from);
        }
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
        let mut input = self.rows_inverse.make_input_vec();
        let mut output = self.rows_inverse.make_output_vec();
        let mut scratch = self.rows_inverse.make_scratch_vec();
        for (row, mut out) in spectrum.rows().into_iter().zip(plane.rows_mut()) {
            input.iter_mut().zip(row).for_each(|(to, from)| *to = *from);
            make_ends_real(&mut input, nx);
            self.rows_inverse
                .process_with_scratch(&mut input, &mut output, &mut scratch)
                .expect("buffers made by the plan have its lengths, and the ends are real");
            out.iter_mut().zip(&output).for_each(|(to, from)| *to = *from * scale);
        }
        plane
    }

    fn columns(spectrum: &mut Array2<Complex<T>>, plan: &dyn Fft<T>) {
        let (ny, columns) = spectrum.dim();
        let zero = Complex::new(T::zero(), T::zero());
        let mut strip = vec![zero; STRIP * ny];
        let mut scratch = vec![zero; plan.get_inplace_scratch_len()];
        let cells = spectrum.as_slice_mut().expect("the spectrum was made in row order");
        for first in (0..columns).step_by(STRIP) {
            let width = STRIP.min(columns - first);
            for (y, row) in cells.chunks_exact(columns).enumerate() {
                row[first..first + width].iter().enumerate().for_each(|(c, value)| strip[c * ny + y] = *value);
            }
            plan.process_with_scratch(&mut strip[..width * ny], &mut scratch);
            for (y, row) in cells.chunks_exact_mut(columns).enumerate() {
                row[first..first + width].iter_mut().enumerate().for_each(|(c, value)| *value = strip[c * ny + y]);
            }
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
