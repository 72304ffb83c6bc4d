//! The kernels against plain sums, and the iteration built of them against the conditions of its optimum.

use ndarray::{Array2, s};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use rustfft::num_complex::Complex32;

use super::*;
use crate::fft::{Layout, Real2d};
use crate::images::BeamShape;

fn random(seed: u64, count: usize) -> Vec<f32> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    (0..count).map(|_| StandardNormal.sample(&mut rng)).collect()
}

fn spectrum(seed: u64, count: usize) -> Vec<Complex32> {
    random(seed, 2 * count).chunks(2).map(|pair| Complex32::new(pair[0], pair[1])).collect()
}

fn transfer(seed: u64, count: usize) -> Vec<f32> {
    random(seed, count).iter().map(|h| h.max(0.0)).collect()
}

fn columns(parts: &mut [Vec<Complex32>]) -> Vec<&mut [Complex32]> {
    parts.iter_mut().map(Vec::as_mut_slice).collect()
}

#[test]
fn step_solves_the_equations_of_every_mode() {
    let (layout, widths, rho) = (Layout { ly: 150, lx: 40, block: 21 }, [0.0, 2.0, 5.0], 0.7_f32);
    let atoms = Atoms::new(&widths, &layout);
    let (h, data) = (transfer(1, layout.ly), spectrum(2, layout.ly));
    for kx in [0, 3, 20] {
        let y: Vec<_> = (0..3).map(|j| spectrum(10 + j, layout.ly)).collect();
        let mut step = y.clone();
        atoms.correct(kx, &mut columns(&mut step), (&h, &data), f64::from(rho));
        let unit = |j: usize| {
            let mut one = vec![vec![Complex32::ONE; layout.ly]; 3];
            atoms.spread(kx, &mut columns(&mut one), None);
            one.swap_remove(j)
        };
        let b: Vec<_> = (0..3).map(unit).collect();
        for ky in 0..layout.ly {
            // (H₊ b bᵀ + ρ) c = b D + ρ y, solved by c = y + step
            let c: Vec<_> = (0..3).map(|j| y[j][ky] + step[j][ky]).collect();
            let seen: Complex32 = (0..3).map(|j| c[j] * b[j][ky].re).sum();
            for j in 0..3 {
                let left = seen * (h[ky] * b[j][ky].re) + c[j] * rho;
                let right = data[ky] * b[j][ky].re + y[j][ky] * rho;
                assert!((left - right).norm() < 1e-5 * (1.0 + right.norm()), "width {j}, mode ({ky}, {kx})");
            }
        }
    }
}

#[test]
fn model_and_data_are_plain_sums() {
    let layout = Layout { ly: 24, lx: 30, block: 16 };
    let atoms = Atoms::new(&[3.0, 0.0, 7.0], &layout);
    let z: Vec<_> = (0..3).map(|j| spectrum(j, layout.ly)).collect();
    let (mut each, mut sum) = (z.clone(), z.clone());
    atoms.spread(5, &mut columns(&mut each), None);
    atoms.model(5, &mut columns(&mut sum));
    let (h, residual) = (transfer(7, layout.ly), spectrum(8, layout.ly));
    let mut data = residual.clone();
    Frame::data(&mut data, (&h, &sum[0]));
    for ky in 0..layout.ly {
        let expected = each[0][ky] + each[1][ky] + each[2][ky];
        assert!((sum[0][ky] - expected).norm() < 1e-6 * (1.0 + expected.norm()));
        let expected = residual[ky] + sum[0][ky] * h[ky];
        assert!((data[ky] - expected).norm() < 1e-6 * (1.0 + expected.norm()));
    }
    assert_eq!(each[1], z[1], "a point changes nothing");
    let mut wide = z[1..].to_vec();
    atoms.model(5, &mut columns(&mut wide));
    assert!((wide[0][3] - each[1][3] - each[2][3]).norm() < 1e-6 * (1.0 + wide[0][3].norm()), "without the first");
}

#[test]
fn atoms_and_beams_are_the_transforms_of_what_they_are_drawn_as() {
    let (size, layout) = ((48, 60), Layout { ly: 48, lx: 60, block: 31 });
    let wrapped = |at: usize, n: usize| if 2 * at > n { at as f64 - n as f64 } else { at as f64 };
    let beam = BeamShape { a: 0.08, b: 0.02, c: 0.05 };
    let drawn = Array2::from_shape_fn(size, |(y, x)| beam.value(wrapped(y, size.0), wrapped(x, size.1)));
    let fwhm = 6.0_f64;
    let gauss = |r2: f64| (-4.0 * std::f64::consts::LN_2 * r2 / (fwhm * fwhm)).exp();
    let atom = Array2::from_shape_fn(size, |(y, x)| gauss(wrapped(y, size.0).powi(2) + wrapped(x, size.1).powi(2)));
    let sum = atom.sum();
    let atoms = Atoms::new(&[0.0, fwhm], &layout);
    for (image, number, seen) in [(drawn, 0, Some(beam)), (atom / sum, 1, None)] {
        let expected = Real2d::new(size).forward(&image);
        for kx in 0..layout.half() {
            let mut unit = vec![vec![Complex32::ONE; layout.ly]; 2];
            atoms.spread(kx, &mut columns(&mut unit), seen);
            for ky in 0..layout.ly {
                let found = unit[number][ky].re;
                assert!((f64::from(found) - expected[(ky, kx)].re).abs() < 2e-4, "({ky}, {kx}): {found}");
            }
        }
    }
}

#[test]
fn shrinking_is_the_least_of_its_objective_and_blanks_hold_nothing() {
    let v = [3.0, 0.4, -2.0, 1.5, -0.9];
    let (weights, finite) = ([1.0, 1.0, 0.5, 2.0, 1.0], [true, true, true, true, false]);
    let shrinkage = Shrinkage { level: 0.8, weights: Some(&weights), finite: Some(&finite), rule: Rule::Sparse };
    let (mut z, mut y, mut next) = ([9.0; 5], [9.0; 5], [0.25; 5]);
    shrinkage.estimate(&v, &mut z);
    shrinkage.reflect(&v, &mut y);
    shrinkage.advance(&v, 1.5, &mut next);
    for x in 0..4 {
        let cost = |z: f32| 0.5 * (z - v[x]).powi(2) + 0.8 * weights[x] * z.abs();
        let least = (-4000..4000).map(|i| i as f32 * 1e-3).min_by(|a, b| cost(*a).total_cmp(&cost(*b))).unwrap();
        assert!((z[x] - least).abs() < 1.1e-3, "{x}: {} against {least}", z[x]);
    }
    assert_eq!(z[4].to_bits(), 0);
    let mut positive = [9.0; 5];
    Shrinkage { rule: Rule::Positive, ..shrinkage }.estimate(&v, &mut positive);
    assert_eq!(positive, z.map(|z| z.max(0.0)));
    for x in 0..5 {
        assert!((y[x] - (2.0 * z[x] - v[x])).abs() < 1e-6);
        assert!((next[x] - (v[x] + 1.5 * (z[x] - v[x] + 0.25))).abs() < 1e-6);
    }
}

#[test]
fn coefficients_are_carried_to_other_thresholds_with_their_estimate() {
    let (v, before, now) = ([3.0_f32, 0.4, -2.0, 0.7, -0.1], [1.0, 1.0, 0.5, 2.0, 0.1], [0.1, 0.5, 0.5, 0.2, 1.0]);
    for rule in [Rule::Sparse, Rule::Positive] {
        let shrinkage = Shrinkage { level: 0.8, weights: Some(&before), finite: None, rule };
        let (mut z, mut carried, mut after) = ([9.0; 5], [9.0; 5], [9.0; 5]);
        shrinkage.estimate(&v, &mut z);
        shrinkage.carry(&v, (0.25, Some(&now)), &mut carried);
        // a quarter of the level is that of four times the ρ
        Shrinkage { level: 0.2, weights: Some(&now), ..shrinkage }.estimate(&carried, &mut after);
        for x in 0..5 {
            assert!((after[x] - z[x]).abs() < 1e-6, "{x}: {} after {}", after[x], z[x]);
        }
        assert!(carried[0] < v[0] && carried[0] > z[0], "the multiplier is smaller");
    }
}

#[test]
fn other_penalties_shrink_to_the_least_of_theirs() {
    let (v, partner, delta, t) = ([3.0_f32, 0.4, -2.0, 1.5, -0.9], [-1.0_f32, 0.1, 2.5, 0.0, 0.3], 0.6_f32, 0.8_f32);
    let shrinkage = |rule| Shrinkage { level: t, weights: None, finite: None, rule };
    let (mut huber, mut together) = ([9.0; 5], [9.0; 5]);
    shrinkage(Rule::Huber(delta)).estimate(&v, &mut huber);
    shrinkage(Rule::Together(&partner)).estimate(&v, &mut together);
    for x in 0..5 {
        let cost = |z: f32| {
            let slope = if z.abs() < delta { z * z / (2.0 * delta) } else { z.abs() - delta / 2.0 };
            0.5 * (z - v[x]).powi(2) + t * slope
        };
        let least = (-4000..4000).map(|i| i as f32 * 1e-3).min_by(|a, b| cost(*a).total_cmp(&cost(*b))).unwrap();
        assert!((huber[x] - least).abs() < 1.1e-3, "{x}: {} against {least}", huber[x]);
        // both coefficients shrink along their own direction by t, and to nothing within it
        let length = v[x].hypot(partner[x]);
        assert!((together[x] - v[x] * (1.0 - t / length).max(0.0)).abs() < 1e-6, "{x}");
    }
    assert!(together.contains(&0.0) && together.iter().filter(|z| **z != 0.0).count() == 4);
}

#[test]
fn noise_through_the_psf_tells_the_same_whitened_and_in_every_part() {
    let layout = Layout { ly: 64, lx: 64, block: 64 };
    let f = |k: usize, n: usize| k.min(n - k) as f64 / n as f64;
    let h = Array2::from_shape_fn((layout.ly, layout.half()), |(ky, kx)| {
        (9.0 * (-40.0 * (f(ky, layout.ly).powi(2) + f(kx, layout.lx).powi(2))).exp()) as f32
    });
    let plans = Real2d::new((layout.ly, layout.lx));
    let white = Array2::from_shape_vec((layout.ly, layout.lx), random(3, layout.ly * layout.lx)).unwrap();
    let mut noise_spectrum = plans.forward(&white);
    noise_spectrum.zip_mut_with(&h, |value, h| *value *= h.sqrt());
    for dictionary in [
        Dictionary::Atoms { widths: vec![0.0, 4.0], positive: false },
        Dictionary::Differences { together: true },
        Dictionary::Starlet(3),
        Dictionary::Mixed { stiffness: 10.0, positive: false },
    ] {
        let (frame, count) = (Frame::new(&dictionary, &layout), dictionary.count());
        let mut parts = vec![noise_spectrum.clone(); count + 1];
        let mut sums = vec![0.0; count + 1];
        for kx in 0..layout.half() {
            let h: Vec<Complex32> = h.column(kx).iter().map(|h| Complex32::new(*h, 0.0)).collect();
            let times = if kx == 0 || 2 * kx == layout.lx { 1.0 } else { 2.0 };
            let of_column = powers(&frame, (kx, count), &h, 9.0);
            sums.iter_mut().zip(of_column).for_each(|(sum, power)| *sum += times * power);
            let mut each: Vec<Vec<Complex32>> = parts.iter().map(|part| part.column(kx).to_vec()).collect();
            whiten(&mut each[count], &h, 9.0);
            frame.see(kx, &mut columns(&mut each[..count]));
            for (part, column) in parts.iter_mut().zip(each) {
                part.column_mut(kx).assign(&ndarray::Array1::from(column));
            }
        }
        let rms = |part: &Array2<f32>| (part.iter().map(|v| f64::from(v * v)).sum::<f64>() / part.len() as f64).sqrt();
        let seen: Vec<f64> = parts.iter_mut().map(|part| rms(&plans.inverse(part))).collect();
        for part in 0..count {
            // a residual of sidelobes a hundred times the noise
            let told = noise(part, (100.0 * seen[part], seen[count]), &sums) / 10.0;
            assert!((told / seen[part] - 1.0).abs() < 0.08, "{dictionary:?}, part {part}: {told} for {}", seen[part]);
            assert!(
                (noise(part, (1e-9, seen[count]), &sums) - 1e-9).abs() < 1e-15,
                "never more than the residual shows"
            );
        }
    }
}

#[test]
fn bright_coefficients_have_low_thresholds_but_never_none() {
    assert!((weight(0.0, 2.0) - 1.0).abs() < 1e-6 && (weight(-6.0, 2.0) - 0.5).abs() < 1e-6);
    assert!((weight(1e9, 2.0) - 0.1).abs() < 1e-6 && weight(0.0, 0.0).is_finite());
}

/// A problem on a plane that repeats, solved by the kernels.
struct Problem {
    size: (usize, usize),
    widths: Vec<f64>,
    h: Array2<f32>,
    dirty: Array2<f32>,
    /// Threshold of each width \[Jy/beam\].
    thresholds: Vec<f32>,
}

impl Problem {
    /// Points and a blob under a positive transfer function.
    fn new(widths: &[f64], thresholds: &[f32]) -> Self {
        let size = (32, 40);
        let f = |k: usize, n: usize| k.min(n - k) as f64 / n as f64;
        let h = Array2::from_shape_fn((size.0, size.1 / 2 + 1), |(ky, kx)| {
            (6.0 * (-20.0 * (f(ky, size.0).powi(2) + f(kx, size.1).powi(2))).exp()) as f32
        });
        let mut sky = Array2::<f32>::zeros(size);
        (sky[(9, 11)], sky[(22, 30)], sky[(9, 14)]) = (2.0, -1.0, 0.7);
        sky.slice_mut(s![14..20, 14..20]).fill(0.2);
        let problem = Self { size, widths: widths.to_vec(), h, dirty: sky, thresholds: thresholds.to_vec() };
        let noise = Array2::from_shape_vec(size, random(5, size.0 * size.1)).unwrap() * 0.05;
        Self { dirty: problem.filter(&problem.dirty, &[0.0]) + noise, ..problem }
    }

    /// `H` times atoms of these widths, all at once.
    fn filter(&self, image: &Array2<f32>, widths: &[f64]) -> Array2<f32> {
        self.each_column(vec![image.clone()], widths, |atoms, kx, parts, h| {
            atoms.spread(kx, parts, None);
            parts[0].iter_mut().zip(h).for_each(|(value, h)| *value *= *h);
        })
        .swap_remove(0)
    }

    fn each_column(
        &self,
        images: Vec<Array2<f32>>,
        widths: &[f64],
        work: impl Fn(&Atoms, usize, &mut [&mut [Complex32]], &[f32]),
    ) -> Vec<Array2<f32>> {
        let layout = Layout { ly: self.size.0, lx: self.size.1, block: 64 };
        let (atoms, plans) = (Atoms::new(widths, &layout), Real2d::new(self.size));
        let mut spectra: Vec<_> = images.iter().map(|image| plans.forward(image)).collect();
        for kx in 0..layout.half() {
            let mut parts: Vec<Vec<Complex32>> = spectra.iter().map(|plane| plane.column(kx).to_vec()).collect();
            let h = self.h.column(kx).to_vec();
            work(&atoms, kx, &mut columns(&mut parts), &h);
            for (plane, part) in spectra.iter_mut().zip(parts) {
                plane.column_mut(kx).assign(&ndarray::Array1::from(part));
            }
        }
        spectra.iter_mut().map(|plane| plans.inverse(plane)).collect()
    }

    /// Estimates of all widths after so many iterations.
    fn solve(&self, rho: f32, iterations: usize) -> Vec<Array2<f32>> {
        let count = self.widths.len();
        let mut v = vec![Array2::<f32>::zeros(self.size); count];
        let shrinkage =
            |j: usize| Shrinkage { level: self.thresholds[j] / rho, weights: None, finite: None, rule: Rule::Sparse };
        let rows = |j: usize, v: &Array2<f32>, reflect: bool| {
            let mut to = vec![0.0; v.len()];
            let v = v.as_slice().unwrap();
            if reflect {
                shrinkage(j).reflect(v, &mut to);
            } else {
                shrinkage(j).estimate(v, &mut to);
            }
            Array2::from_shape_vec(self.size, to).unwrap()
        };
        for _ in 0..iterations {
            let mut images: Vec<_> = v.iter().enumerate().map(|(j, v)| rows(j, v, true)).collect();
            images.push(self.dirty.clone());
            let steps = self.each_column(images, &self.widths, |atoms, kx, parts, h| {
                let (data, y) = parts.split_last_mut().unwrap();
                atoms.correct(kx, y, (h, data), f64::from(rho));
            });
            for ((j, v), mut step) in v.iter_mut().enumerate().zip(steps) {
                shrinkage(j).advance(v.as_slice().unwrap(), 1.7, step.as_slice_mut().unwrap());
                *v = step;
            }
        }
        v.iter().enumerate().map(|(j, v)| rows(j, v, false)).collect()
    }

    fn residual(&self, z: &[Array2<f32>]) -> Array2<f32> {
        let seen = z.iter().zip(&self.widths).map(|(z, width)| self.filter(z, &[*width]));
        seen.fold(self.dirty.clone(), |residual, seen| residual - seen)
    }

    /// `½ xᵀHx − dᵀx + Σ τ |z|`, in double precision.
    fn objective(&self, z: &[Array2<f32>]) -> f64 {
        let residual = self.residual(z);
        let bands = z.iter().zip(&self.widths).map(|(z, width)| {
            // B is its own transpose: xᵀ(d + r) = Σ zᵀB(d + r)
            let seen = self.atom(&(&self.dirty + &residual), *width);
            z.iter().zip(&seen).map(|(z, seen)| f64::from(*z) * f64::from(*seen)).sum::<f64>()
        });
        let sizes = z.iter().zip(&self.thresholds).map(|(z, t)| z.iter().map(|z| f64::from(t * z.abs())).sum::<f64>());
        sizes.sum::<f64>() - 0.5 * bands.sum::<f64>()
    }

    fn atom(&self, image: &Array2<f32>, width: f64) -> Array2<f32> {
        let one = |atoms: &Atoms, kx: usize, parts: &mut [&mut [Complex32]], _: &[f32]| {
            atoms.spread(kx, parts, None);
        };
        self.each_column(vec![image.clone()], &[width], one).swap_remove(0)
    }

    /// Proximal gradient steps, the plainest way to the same optimum.
    fn descend(&self, iterations: usize) -> Vec<Array2<f32>> {
        let mut z = vec![Array2::<f32>::zeros(self.size); self.widths.len()];
        // Σ B² H is 6 for each width at the most
        let step = 0.99 / (6.0 * self.widths.len() as f32);
        for _ in 0..iterations {
            let residual = self.residual(&z);
            for (j, z) in z.iter_mut().enumerate() {
                let gradient = self.atom(&residual, self.widths[j]);
                let t = step * self.thresholds[j];
                ndarray::Zip::from(z).and(&gradient).for_each(|z, g| {
                    let v = *z + step * g;
                    *z = v.signum() * (v.abs() - t).max(0.0);
                });
            }
        }
        z
    }
}

#[test]
fn optimum_holds_its_conditions_for_any_rho() {
    let problem = Problem::new(&[0.0, 4.0], &[0.2, 0.15]);
    for rho in [0.3, 1.0, 3.0] {
        let z = problem.solve(rho, 600);
        let residual = problem.residual(&z);
        for (j, z) in z.iter().enumerate() {
            let (seen, t) = (problem.atom(&residual, problem.widths[j]), problem.thresholds[j]);
            for (z, seen) in z.iter().zip(&seen) {
                assert!(seen.abs() < 1.02 * t, "rho {rho}, width {j}: {seen} beyond the threshold of {t}");
                if *z != 0.0 {
                    assert!((seen - t * z.signum()).abs() < 0.02 * t, "rho {rho}, width {j}: {seen} where {z} stands");
                }
            }
        }
        assert!(z.iter().all(|z| z.iter().any(|z| *z != 0.0)), "both widths have a part");
    }
}

#[test]
fn objective_falls_on_the_way_to_that_of_plain_descent() {
    let problem = Problem::new(&[0.0, 4.0], &[0.2, 0.15]);
    let plain = problem.objective(&problem.descend(3000));
    let on_the_way: Vec<f64> = [5, 20, 80, 400].map(|n| problem.objective(&problem.solve(0.6, n))).to_vec();
    assert!(on_the_way.windows(2).all(|pair| pair[1] < pair[0] + 1e-6 * plain.abs()), "{on_the_way:?}");
    let found = on_the_way[3];
    // the plain way is not quite there yet
    assert!(found < plain + 1e-6 * plain.abs() && found > plain - 1e-3 * plain.abs(), "{found} against {plain}");
}

#[test]
fn perfect_psf_leaves_the_soft_threshold_of_the_data() {
    let mut problem = Problem::new(&[0.0], &[0.3]);
    problem.h.fill(1.0);
    let z = problem.solve(0.5, 200);
    for (z, d) in z[0].iter().zip(&problem.dirty) {
        let expected = d.signum() * (d.abs() - 0.3).max(0.0);
        assert!((z - expected).abs() < 1e-5, "{z} for {d}");
    }
}

#[test]
fn thresholds_above_all_data_leave_a_model_of_nothing() {
    let problem = Problem::new(&[0.0, 4.0], &[1e4, 1e4]);
    assert!(problem.solve(0.6, 50).iter().flatten().all(|z| z.to_bits() == 0));
}

#[test]
fn widths_are_those_of_the_scales_and_five_at_the_most_unless_given() {
    let scales = |text: &str, most: usize| crate::algorithms::MultiscaleParams {
        scales: text.parse().unwrap(),
        max_scales: most,
        scale_bias: 0.5,
        trim: 1.0,
        gain: 0.2,
        shape: crate::algorithms::ScaleShape::Gaussian,
    };
    let widths = |text: &str, most: usize| {
        let params = ConvexParams {
            prior: Prior::Atoms,
            kappa: Kappa::Auto,
            iterations: 9,
            reweights: 0,
            debias: false,
            positive: true,
        };
        match params.dictionary(&scales(text, most), 5.0, (2000, 2000)) {
            Dictionary::Atoms { widths, positive: true } => widths,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(widths("auto", 0).len(), 5);
    assert_eq!(widths("auto", 2), [0.0, widths("auto", 0)[1]]);
    assert_eq!(widths("auto", 7).len(), 7);
    assert!((widths("0,20", 0)[1] - 20.0 * 3.0 / 16.0 * 2.354_82).abs() < 1e-3);
}

#[test]
fn of_other_tables_few_keys_are_read() {
    let read = |table: &str| -> Vec<&str> {
        let params =
            crate::algorithms::PARAMS.iter().filter(|param| param.table == table && params::CONVEX.reads(param));
        params.map(|param| param.key).collect()
    };
    assert_eq!(read("wiener"), ["boundary"]);
    assert_eq!(read("clean"), ["continue"]);
    assert_eq!(read("multiscale"), ["scales", "max_scales"]);
}
