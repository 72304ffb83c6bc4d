//! A sky of points on a smooth map, on the Fourier modes: one 2 x 2 system for each (after Giovannelli & Coulais 2005, A&A 439, 401).

use std::f64::consts::TAU;

use rustfft::num_complex::Complex32;

use crate::fft::Layout;

/// What the map's curvature costs; what the points cost is not for Fourier modes.
#[derive(Debug, Clone)]
pub struct Mixed {
    /// `4 sin²(πk/n)` along each axis; the square of their sum is the transfer function of the squared Laplacian.
    rows: Vec<f32>,
    columns: Vec<f32>,
    /// `μ`.
    stiffness: f32,
    size: (usize, usize),
}

impl Mixed {
    /// A map whose Laplacian costs half its square times `stiffness`.
    pub fn new(stiffness: f64, layout: &Layout) -> Self {
        let axis = |length: usize, count: usize| -> Vec<f32> {
            (0..count).map(|k| (2.0 - 2.0 * (TAU * k as f64 / length as f64).cos()) as f32).collect()
        };
        Self {
            rows: axis(layout.ly, layout.ly),
            columns: axis(layout.lx, layout.half()),
            stiffness: stiffness as f32,
            size: (layout.ly, layout.lx),
        }
    }

    /// Shape of the transform, `(ly, lx)`.
    pub fn size(&self) -> (usize, usize) {
        self.size
    }

    /// Replaces column `kx` of the spectra of `y_p` and `y_s` by those of `C_j − Y_j`, `C` being the least of
    /// `½ H₊ |C_p + C_s|² − Dᴴ (C_p + C_s) + μ/2 Q |C_s|² + ρ/2 Σ |C_j − Y_j|²`.
    ///
    /// With the residual `R = D − H₊ (C_p + C_s)` both equations read `(ρ + m_j) C_j = ρ Y_j + R`, and their sum tells `R`.
    pub fn correct(&self, kx: usize, y: &mut [&mut [Complex32]], (h, data): (&[f32], &[Complex32]), rho: f64) {
        let rho = rho as f32;
        let [points, smooth] = y else { unreachable!("a mixed sky has two parts") };
        let parts = points.iter_mut().zip(smooth.iter_mut());
        for ((((points, smooth), h), data), row) in parts.zip(h).zip(data).zip(&self.rows) {
            let penalty = self.stiffness * (row + self.columns[kx]).powi(2);
            let share = rho / (rho + penalty);
            let residual = (data - (*points + *smooth * share) * *h) * rho / (rho + h * (1.0 + share));
            *points = residual / rho;
            *smooth = (residual - *smooth * penalty) / (rho + penalty);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn step_is_the_least_of_its_objective() {
        let layout = Layout { ly: 30, lx: 24, block: 13 };
        let wave = |seed: usize| -> Vec<Complex32> {
            (0..layout.ly)
                .map(|k| Complex32::new(((seed + 5 * k) % 7) as f32 - 3.0, ((seed + 3 * k) % 5) as f32))
                .collect()
        };
        let (mixed, data, rho) = (Mixed::new(1.7, &layout), wave(2), 0.7_f32);
        let h: Vec<f32> = wave(1).iter().map(|h| h.re.max(0.0)).collect();
        for kx in [0, 5, 12] {
            let y = [wave(3), wave(4)];
            let mut step = y.clone();
            let [points, map] = &mut step;
            mixed.correct(kx, &mut [points, map], (&h, &data), f64::from(rho));
            for ky in 0..layout.ly {
                let wave = |k: usize, n: usize| 4.0 * (std::f32::consts::PI * k as f32 / n as f32).sin().powi(2);
                let laplacian = wave(ky, layout.ly) + wave(kx, layout.lx);
                let c = [0, 1].map(|part: usize| y[part][ky] + step[part][ky]);
                let residual = data[ky] - (c[0] + c[1]) * h[ky];
                for (part, penalty) in [(0, 0.0), (1, 1.7 * laplacian * laplacian)] {
                    let gradient = c[part] * penalty + (c[part] - y[part][ky]) * rho - residual;
                    assert!(gradient.norm() < 1e-3, "part {part}, mode ({ky}, {kx}): gradient {gradient}");
                }
            }
        }
    }
}
