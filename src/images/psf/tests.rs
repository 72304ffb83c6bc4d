//! Tests of [`Psf`] and of its measures by slabs, beside plain loops over the whole plane.

use ndarray::{Array2, s};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::{CoreFacts, PartAsks, Psf, PsfCore, PsfError, PsfPart, PsfPeak, PsfSurvey};
use crate::images::{BeamFit, UNIT_CELL, fit_beam};

fn gaussian(shape: (usize, usize), centre: (usize, usize), sigma: f32) -> Array2<f32> {
    Array2::from_shape_fn(shape, |(y, x)| {
        let (dy, dx) = (y as f32 - centre.0 as f32, x as f32 - centre.1 as f32);
        (-(dy * dy + dx * dx) / (2.0 * sigma * sigma)).exp()
    })
}

#[test]
fn peak_becomes_one_and_its_value_is_kept() {
    let psf = Psf::new(gaussian((8, 10), (4, 5), 1.5) * 0.25).unwrap();
    assert_eq!((psf.centre(), psf.scale()), ((4, 5), 0.25));
    assert_eq!(psf.value_at_lag(0, 0).to_bits(), 1.0_f32.to_bits());
    assert_eq!(psf.value_at_lag(-5, 0).to_bits(), 0.0_f32.to_bits());
}

#[test]
fn blank_pixels_become_zero_but_infinite_ones_are_refused() {
    let mut pixels = gaussian((7, 7), (3, 3), 1.0);
    pixels[(0, 0)] = f32::NAN;
    assert_eq!(Psf::new(pixels.clone()).unwrap().pixels()[(0, 0)].to_bits(), 0);
    pixels[(6, 1)] = f32::NEG_INFINITY;
    assert!(matches!(Psf::new(pixels), Err(PsfError::NotFinite { y: 6, x: 1, .. })));
}

#[test]
fn images_without_a_positive_peak_are_refused() {
    assert!(matches!(Psf::new(Array2::from_elem((3, 3), -1.0)), Err(PsfError::NoPeak { .. })));
    assert!(matches!(Psf::new(Array2::from_elem((3, 3), f32::NAN)), Err(PsfError::NoPeak { .. })));
    assert_eq!(Psf::new(Array2::zeros((0, 3))), Err(PsfError::Empty { ny: 0, nx: 3 }));
}

#[test]
fn second_lobe_within_two_percent_is_refused_and_a_broad_main_lobe_is_not() {
    let mut pixels = gaussian((64, 64), (32, 32), 12.0);
    assert!(pixels.iter().filter(|v| **v >= 0.98).count() > 9);
    assert!(Psf::new(pixels.clone()).is_ok());
    pixels[(2, 60)] = 0.97;
    assert!(Psf::new(pixels.clone()).is_ok());
    pixels[(2, 60)] = 0.99;
    let error = Psf::new(pixels).unwrap_err();
    assert!(matches!(error, PsfError::TwoPeaks { first: (32, 32), second: (2, 60), .. }), "{error}");
}

#[test]
fn flat_top_is_centred_on_the_usual_place() {
    let mut pixels = Array2::zeros((12, 12));
    pixels.slice_mut(ndarray::s![4..9, 4..9]).fill(1.0 / 25.0);
    assert_eq!(Psf::new(pixels).unwrap().centre(), (6, 6));
    assert_eq!(Psf::new(Array2::from_elem((5, 5), 2.0)).unwrap().centre(), (2, 2));
}

/// What is measured of a PSF by slabs of so many rows.
fn by_slabs(pixels: &Array2<f32>, height: usize) -> Result<(PsfPeak, CoreFacts, PsfPart), PsfError> {
    let shape = pixels.dim();
    let cuts = || (0..shape.0).step_by(height).map(|first| first..(first + height).min(shape.0));
    let surveys = cuts().map(|rows| PsfSurvey::of(pixels.slice(s![rows.clone(), ..]), rows.start, shape));
    let merged = surveys.reduce(|mut all, next| {
        all.merge(&next);
        all
    });
    let peak = merged.expect("a PSF has rows").peak(shape)?;
    let core = (0..)
        .find_map(|doubled| {
            let half = PsfCore::HALF << doubled;
            let rows = PsfCore::rows(&peak, half);
            PsfCore::new(&peak, half, pixels.slice(s![rows, ..])).measure(Some(UNIT_CELL))
        })
        .expect("the whole PSF is large enough");
    let mut all = PsfPart::default();
    for rows in cuts() {
        let opposite = peak.opposite(&rows);
        let mirror = (!opposite.is_empty()).then(|| pixels.slice(s![opposite.clone(), ..]));
        let asks = PartAsks { boxes: true, edge: true };
        let slab = (rows.start, pixels.slice(s![rows, ..]));
        all.merge(&PsfPart::of(&peak, &core, asks, slab, mirror));
    }
    all.check(&peak, &core)?;
    Ok((peak, core, all))
}

fn part(pixels: &Array2<f32>) -> PsfPart {
    by_slabs(pixels, 7).unwrap().2
}

/// A main lobe that widens with `sigma`, off the middle, in noise and with blanks.
fn noisy(shape: (usize, usize), centre: (usize, usize), sigma: f32, seed: u64) -> Array2<f32> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut pixels = gaussian(shape, centre, sigma) * 3.7;
    for value in &mut pixels {
        let noise: f32 = rng.random_range(-0.1..0.1);
        *value = if rng.random_bool(0.01) { f32::NAN } else { *value + noise };
    }
    pixels[centre] = 4.0;
    pixels
}

/// `(asymmetry, outer ring, edge rms, values outside boxes)` by plain loops.
fn plain_measures(psf: &Psf) -> (f64, f32, f64, Vec<f32>) {
    let ((ny, nx), (cy, cx)) = (psf.shape(), psf.centre());
    let (mut odd, mut all, mut ring, mut power, mut number) = (0.0, 0.0, 0.0_f32, 0.0, 0.0);
    let far = |c: usize, n: usize| c.max(n - 1 - c);
    let mut outside = vec![0.0_f32; far(cy, ny).max(far(cx, nx)) + 1];
    for ((y, x), value) in psf.pixels().indexed_iter() {
        let (dy, dx) = (y as isize - cy as isize, x as isize - cx as isize);
        let mirror = ((cy as isize - dy) as usize, (cx as isize - dx) as usize);
        if let Some(other) = psf.pixels().get(mirror) {
            odd += (f64::from(*value) - f64::from(*other)).powi(2);
            all += f64::from(*value).powi(2);
        }
        let is_near_side = |at: usize, n: usize| at < n.div_ceil(20) || at + n.div_ceil(20) >= n;
        if is_near_side(y, ny) || is_near_side(x, nx) {
            ring = ring.max(value.abs());
        }
        let is_far = |d: isize, c: usize, n: usize| d.abs() as f64 > 0.8 * if d < 0 { c } else { n - 1 - c } as f64;
        if is_far(dy, cy, ny) || is_far(dx, cx, nx) {
            power += f64::from(*value).powi(2);
            number += 1.0;
        }
        let distance = dy.abs().max(dx.abs()) as usize;
        outside[..distance].iter_mut().for_each(|max| *max = max.max(value.abs()));
    }
    (0.5 * (odd / all).sqrt(), ring, (power / number).sqrt(), outside)
}

fn bits_of_fit(fit: &BeamFit) -> Vec<u64> {
    let BeamFit { beam, shape, pixels, sidelobe_max, sidelobe_min, misfit, lobe } = *fit;
    let sizes = [beam.bmaj, beam.bmin, beam.bpa, shape.a, shape.b, shape.c, pixels.0, pixels.1, misfit, lobe];
    sizes.into_iter().chain([sidelobe_max, sidelobe_min].map(f64::from)).map(f64::to_bits).collect()
}

#[test]
fn measures_by_slabs_are_those_of_the_whole_plane() {
    let cases = [
        ((300, 217), (150, 108), 2.0),
        ((301, 216), (140, 109), 1.0),
        ((220, 333), (5, 331), 3.0),
        ((400, 400), (200, 190), 70.0),
        ((40, 31), (20, 15), 1.5),
        ((1, 50), (0, 20), 1.0),
    ];
    for (seed, (shape, centre, sigma)) in (1..).zip(cases) {
        let pixels = noisy(shape, centre, sigma, seed);
        let psf = Psf::new(pixels.clone()).unwrap();
        let (asymmetry, ring, edge, outside) = plain_measures(&psf);
        let mut first = None;
        for height in [1, 7, 64, shape.0] {
            let (peak, core, part) = by_slabs(&pixels, height).unwrap();
            assert_eq!((peak, peak.centre), (*psf.peak(), centre));
            let close = |a: f64, b: f64| (a - b).abs() <= 1e-12 * b.abs();
            assert!(close(part.asymmetry(), asymmetry) && close(part.edge_rms(), edge), "{shape:?}");
            assert_eq!((part.outer_ring(), part.outside_boxes()), (ring, outside.clone()), "{shape:?}");
            let fit = part.beam(&core).map(|fit| fit.expect("the fit was asked for"));
            match (&fit, &fit_beam(&psf, UNIT_CELL)) {
                (Ok(fit), Ok(whole)) => assert_eq!(bits_of_fit(fit), bits_of_fit(whole), "{shape:?}"),
                (fit, whole) => assert_eq!(fit, whole, "{shape:?}"),
            }
            assert!(close(core.width, 2.0 * (psf.main_lobe(0.5).len() as f64 / std::f64::consts::PI).sqrt()));
            let slabs = (0..shape.0).step_by(height).map(|y| pixels.slice(s![y..(y + height).min(shape.0), ..]));
            assert_eq!(Psf::from_slabs(peak, slabs), psf, "{shape:?}");
            assert_eq!(first.get_or_insert(part.clone()), &part, "{shape:?}: the cut does not matter");
        }
    }
}

#[test]
fn errors_by_slabs_are_those_of_the_whole_plane() {
    let good = noisy((200, 180), (100, 90), 2.0, 9);
    let with = |at: &[((usize, usize), f32)]| {
        let mut pixels = good.clone();
        at.iter().for_each(|(at, value)| pixels[*at] = *value);
        pixels
    };
    let bad = [
        with(&[((199, 3), f32::INFINITY), ((40, 7), f32::NEG_INFINITY), ((40, 9), f32::INFINITY)]),
        with(&[((10, 179), 3.95), ((103, 97), 3.99)]),
        with(&[((103, 97), 3.99), ((190, 0), 3.99)]),
        with(&[((3, 4), 4.0)]),
        -gaussian((70, 200), (35, 100), 2.0),
    ];
    for pixels in bad {
        let whole = Psf::new(pixels.clone()).unwrap_err();
        for height in [1, 33, 200] {
            assert_eq!(by_slabs(&pixels, height).unwrap_err(), whole);
        }
    }
}

#[test]
fn opposite_rows_mirror_at_the_peak() {
    let peak = PsfPeak { centre: (4, 0), ..PsfPeak::usual((12, 1)) };
    assert_eq!(peak.opposite(&(0..4)), 0..0, "rows above the peak are the opposite ones");
    assert_eq!(peak.opposite(&(3..6)), 3..5);
    assert_eq!(peak.opposite(&(7..9)), 0..2);
    assert!(peak.opposite(&(9..12)).is_empty(), "nothing is opposite to what lies farther than the upper edge");
}

#[test]
fn reach_of_an_off_centre_peak_takes_the_longer_side() {
    let peak = PsfPeak { centre: (4, 25), ..PsfPeak::usual((20, 31)) };
    assert_eq!(peak.reach(100, 100), (15, 25));
    assert_eq!(peak.kept(100, 100), (0..20, 0..31));
    assert_eq!(peak.reach(3, 6), (2, 5));
    assert_eq!(peak.kept(3, 6), (2..7, 20..31));
    assert_eq!(peak.reach(1, 1), (0, 0));
}

#[test]
fn kept_pixels_are_exactly_the_lags_between_two_pixels_of_the_image() {
    let peak = PsfPeak { centre: (3, 5), ..PsfPeak::usual((9, 8)) };
    for n in 1..12_usize {
        let (rows, columns) = peak.kept(n, n);
        let inside = |centre: usize, at: usize| at.abs_diff(centre) < n;
        assert!((0..9).all(|y| rows.contains(&y) == inside(3, y)), "rows, n = {n}");
        assert!((0..8).all(|x| columns.contains(&x) == inside(5, x)), "columns, n = {n}");
    }
}

#[test]
fn double_size_covers_the_image_and_same_size_does_not() {
    let even = PsfPeak::usual((32, 32));
    assert!(even.covers(16, 16) && !even.covers(17, 16) && !even.covers(32, 32));
    let odd = PsfPeak::usual((31, 31));
    assert!(odd.covers(16, 16) && !odd.covers(16, 17));
}

#[test]
fn even_psf_has_no_asymmetry_although_an_even_size_has_a_lone_edge() {
    assert!(part(&gaussian((16, 16), (8, 8), 3.0)).asymmetry() < 1e-7);
    let mut skew = gaussian((16, 16), (8, 8), 3.0);
    skew[(8, 10)] += 0.1;
    let all: f64 = skew.iter().map(|v| f64::from(*v).powi(2)).sum();
    // the odd part is half of what was added, on both sides
    let expected = (2.0 * 0.05_f64.powi(2) / all).sqrt();
    let (_, core, part) = by_slabs(&skew, 5).unwrap();
    for found in [part.asymmetry(), core.asymmetry] {
        assert!((found / expected - 1.0).abs() < 1e-2, "{found} {expected}");
    }
}

#[test]
fn odd_psf_is_told_from_one_that_is_odd_far_from_its_peak_only() {
    let mut far = gaussian((200, 200), (100, 100), 2.0);
    far[(20, 30)] = 0.5;
    let (_, core, part) = by_slabs(&far, 64).unwrap();
    assert!(part.asymmetry() > 0.05 && core.asymmetry < 1e-6, "{} {}", part.asymmetry(), core.asymmetry);
    let odd = Array2::from_shape_fn((200, 200), |(y, x)| {
        let (dy, dx) = (y as f32 - 100.0, x as f32 - 100.0);
        (-(dy * dy + dx * dx) / 8.0).exp() * (1.0 + 0.2 * dx / (1.0 + dx.abs()))
    });
    let (_, core, part) = by_slabs(&odd, 64).unwrap();
    assert!(part.asymmetry() > 0.05 && core.asymmetry > 0.05, "{} {}", part.asymmetry(), core.asymmetry);
}

#[test]
fn sidelobes_outside_a_box_fall_as_the_box_grows() {
    let mut pixels = Array2::zeros((15, 15));
    pixels[(7, 7)] = 1.0;
    pixels[(7, 10)] = -0.3;
    pixels[(1, 7)] = 0.1;
    let part = part(&pixels);
    let outside = part.outside_boxes();
    assert_eq!(outside.len(), 8);
    assert_eq!(&outside[2..], &[0.3, 0.1, 0.1, 0.1, 0.0, 0.0]);
    assert!((part.outer_ring() - 0.0).abs() < f32::EPSILON);
}

#[test]
fn outer_ring_sees_only_the_edge() {
    let mut pixels = gaussian((40, 40), (20, 20), 1.0);
    pixels[(2, 20)] = 0.5;
    pixels[(20, 38)] = -0.2;
    assert_eq!(part(&pixels).outer_ring().to_bits(), 0.2_f32.to_bits());
}
