//! The bands that the pixels of the sky are seen in, on the Fourier modes: themselves, and their differences or starlet bands.

use std::f32::consts::TAU;

use rustfft::num_complex::Complex32;

use crate::fft::Layout;

/// Transfer functions of the bands on the modes of a layout; the first is 1.
#[derive(Debug, Clone)]
pub struct Bands {
    kind: Kind,
    size: (usize, usize),
}

#[derive(Debug, Clone)]
enum Kind {
    /// `1 − exp(−2πi k/n)` along each axis.
    Differences { rows: Vec<Complex32>, columns: Vec<Complex32> },
    /// The smoothing of each octave along each axis, that of none first: a band is what one octave takes away.
    Starlet { rows: Vec<Vec<f32>>, columns: Vec<Vec<f32>> },
}

impl Bands {
    /// Pixels, and differences from the pixel before along x and along y.
    pub fn differences(layout: &Layout) -> Self {
        let axis = |length: usize, count: usize| {
            (0..count).map(|k| Complex32::ONE - Complex32::cis(-TAU * k as f32 / length as f32)).collect()
        };
        let kind = Kind::Differences { rows: axis(layout.ly, layout.ly), columns: axis(layout.lx, layout.half()) };
        Self { kind, size: (layout.ly, layout.lx) }
    }

    /// Pixels, and so many bands of the isotropic undecimated wavelet transform (Starck, Fadili & Murtagh 2007): the smoothing of octave
    /// `j` is by `[1 4 6 4 1] / 16` with steps of `2^j`, and a band is what it takes away.
    pub fn starlet(bands: usize, layout: &Layout) -> Self {
        let axis = |length: usize, count: usize| {
            let mut smooth = vec![vec![1.0_f32; count]];
            for octave in 0..bands {
                let step = |k: usize| {
                    let angle = TAU * ((k << octave) % length) as f32 / length as f32;
                    (6.0 + 8.0 * angle.cos() + 2.0 * (2.0 * angle).cos()) / 16.0
                };
                let last = &smooth[octave];
                smooth.push((0..count).map(|k| last[k] * step(k)).collect());
            }
            smooth
        };
        let kind = Kind::Starlet { rows: axis(layout.ly, layout.ly), columns: axis(layout.lx, layout.half()) };
        Self { kind, size: (layout.ly, layout.lx) }
    }

    /// Shape of the transform, `(ly, lx)`.
    pub fn size(&self) -> (usize, usize) {
        self.size
    }

    fn count(&self) -> usize {
        match &self.kind {
            Kind::Differences { .. } => 3,
            Kind::Starlet { rows, .. } => rows.len(),
        }
    }

    /// Transfer function of a band on column `kx`.
    fn column(&self, band: usize, kx: usize) -> Vec<Complex32> {
        match (&self.kind, band) {
            (_, 0) => vec![Complex32::ONE; self.size.0],
            (Kind::Differences { columns, .. }, 1) => vec![columns[kx]; self.size.0],
            (Kind::Differences { rows, .. }, _) => rows.clone(),
            (Kind::Starlet { rows, columns }, band) => {
                let (before, after) = (columns[band - 1][kx], columns[band][kx]);
                let both = rows[band - 1].iter().zip(&rows[band]);
                both.map(|(finer, coarser)| Complex32::new(finer * before - coarser * after, 0.0)).collect()
            }
        }
    }

    /// Replaces column `kx` of the spectra of `y_i` by those of `A_i X − y_i`, `X` being the least of
    /// `½ Xᴴ H₊ X − Dᴴ X + ρ/2 Σ |A_i X − y_i|²`.
    pub fn correct(&self, kx: usize, y: &mut [&mut [Complex32]], (h, data): (&[f32], &[Complex32]), rho: f64) {
        let (ly, rho) = (self.size.0, rho as f32);
        let gains: Vec<_> = (0..self.count()).map(|band| self.column(band, kx)).collect();
        let (mut sum, mut squares) = (vec![Complex32::ZERO; ly], vec![0.0_f32; ly]);
        for (gain, y) in gains.iter().zip(&*y) {
            for (((sum, square), y), a) in sum.iter_mut().zip(&mut squares).zip(&**y).zip(gain) {
                *sum += a.conj() * y;
                *square += a.norm_sqr();
            }
        }
        for (((sum, square), h), data) in sum.iter_mut().zip(&squares).zip(h).zip(data) {
            *sum = (data + *sum * rho) / (h + rho * square);
        }
        for (gain, y) in gains.iter().zip(y) {
            y.iter_mut().zip(gain).zip(&sum).for_each(|((y, a), x)| *y = a * x - *y);
        }
    }

    /// Turns copies of a spectrum in column `kx` into what each band shows of it.
    pub fn see(&self, kx: usize, spectra: &mut [&mut [Complex32]]) {
        for (band, spectrum) in spectra.iter_mut().enumerate().skip(1) {
            spectrum.iter_mut().zip(self.column(band, kx)).for_each(|(value, a)| *value *= a);
        }
    }
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;

    use super::*;
    use crate::fft::Real2d;

    const SIZE: (usize, usize) = (24, 30);

    fn layout() -> Layout {
        Layout { ly: SIZE.0, lx: SIZE.1, block: 16 }
    }

    /// What the bands show of an image.
    fn seen(bands: &Bands, image: &Array2<f32>) -> Vec<Array2<f32>> {
        let plans = Real2d::new(SIZE);
        let mut spectra = vec![plans.forward(image); bands.count()];
        for kx in 0..layout().half() {
            let mut columns: Vec<Vec<Complex32>> = spectra.iter().map(|plane| plane.column(kx).to_vec()).collect();
            bands.see(kx, &mut columns.iter_mut().map(Vec::as_mut_slice).collect::<Vec<_>>());
            for (plane, column) in spectra.iter_mut().zip(columns) {
                plane.column_mut(kx).assign(&ndarray::Array1::from(column));
            }
        }
        spectra.iter_mut().map(|plane| plans.inverse(plane)).collect()
    }

    fn image() -> Array2<f32> {
        Array2::from_shape_fn(SIZE, |(y, x)| ((7 * y + 3 * x * x) % 11) as f32 - 4.0)
    }

    #[test]
    fn differences_are_those_of_neighbours() {
        let image = image();
        let parts = seen(&Bands::differences(&layout()), &image);
        for ((y, x), here) in image.indexed_iter() {
            let left = here - image[(y, (x + SIZE.1 - 1) % SIZE.1)];
            let below = here - image[((y + SIZE.0 - 1) % SIZE.0, x)];
            for (part, expected) in parts.iter().zip([*here, left, below]) {
                assert!((part[(y, x)] - expected).abs() < 1e-4, "({y}, {x})");
            }
        }
    }

    #[test]
    fn starlet_bands_are_what_each_smoothing_takes_away() {
        let mut smooth = image();
        let parts = seen(&Bands::starlet(3, &layout()), &smooth);
        for (octave, part) in parts[1..].iter().enumerate() {
            let tap = |n: usize, at: usize, t: usize| (at + 2 * n + (t << octave) - (2 << octave)) % n;
            let kernel = [1.0, 4.0, 6.0, 4.0, 1.0];
            let mut next = Array2::<f32>::zeros(SIZE);
            for ((y, x), value) in next.indexed_iter_mut() {
                for (j, row) in kernel.iter().enumerate() {
                    for (i, column) in kernel.iter().enumerate() {
                        *value += row * column / 256.0 * smooth[(tap(SIZE.0, y, j), tap(SIZE.1, x, i))];
                    }
                }
            }
            let expected = &smooth - &next;
            assert!((part - &expected).iter().all(|error| error.abs() < 1e-4), "octave {octave}");
            smooth = next;
        }
    }

    #[test]
    fn step_is_the_least_of_its_objective() {
        let wave = |seed: usize| -> Vec<Complex32> {
            (0..SIZE.0)
                .map(|k| Complex32::new(((seed + 5 * k) % 7) as f32 - 3.0, ((seed + 3 * k) % 5) as f32))
                .collect()
        };
        for bands in [Bands::differences(&layout()), Bands::starlet(2, &layout())] {
            let (data, rho) = (wave(2), 0.7_f32);
            let h: Vec<f32> = wave(1).iter().map(|h| h.re.max(0.0)).collect();
            for kx in [0, 4, 15] {
                let y: Vec<_> = (0..bands.count()).map(|band| wave(10 + band)).collect();
                let mut step = y.clone();
                let mut parts: Vec<_> = step.iter_mut().map(Vec::as_mut_slice).collect();
                bands.correct(kx, &mut parts, (&h, &data), f64::from(rho));
                for ky in 0..SIZE.0 {
                    let x = step[0][ky] + y[0][ky];
                    let mut gradient = x * h[ky] - data[ky];
                    for (band, (step, y)) in step.iter().zip(&y).enumerate() {
                        let a = bands.column(band, kx)[ky];
                        assert!((step[ky] + y[ky] - a * x).norm() < 1e-4, "band {band}, mode ({ky}, {kx})");
                        gradient += a.conj() * (a * x - y[ky]) * rho;
                    }
                    assert!(gradient.norm() < 1e-4, "mode ({ky}, {kx}): gradient {gradient}");
                }
            }
        }
    }
}
