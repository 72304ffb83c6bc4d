//! Sources found in a restored image against the true ones: completeness, reliability, places and fluxes (ALGORITHMS 10).

use ndarray::Array2;
use serde::Serialize;

use super::catalogue::{TrueSource, seen};
use super::number::Number;
use super::planes::centre_and_spread;
use crate::images::BeamShape;

/// What stands out by so much of the noise is a detection.
const DETECTED: f64 = 5.0;
/// True sources brighter than so many times the noise must be found.
const LEVELS: [f64; 3] = [5.0, 10.0, 50.0];
/// A detection is real where a true source has more than this share of its flux.
const REAL: f64 = 0.3;
/// Places and fluxes are compared for sources of at least so many times the noise.
const MEASURED: f64 = 10.0;
/// Full width of an aperture in beams.
const APERTURE: f64 = 3.0;

/// A place with a peak.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Peak {
    x: f64,
    y: f64,
    height: f64,
}

/// What came of a true source.
#[derive(Debug, Clone, Serialize)]
pub struct SourceReport {
    /// True column, from 0.
    pub x: f64,
    /// True row, from 0.
    pub y: f64,
    /// True peak at the beam \[Jy/beam\]; for a point its flux.
    pub peak_true: f64,
    /// Peak of the detection within one beam \[Jy/beam\].
    pub peak_found: Option<f64>,
    /// Offsets of the detection from the true place \[pixels\].
    pub offset: Option<(f64, f64)>,
    /// Sum of the true sky in an aperture of three beams, over the beam's area \[Jy\].
    pub aperture_true: f64,
    /// The same of the restored image \[Jy\].
    pub aperture_found: f64,
}

/// Compares the peaks of a restored image with the true sources, or without a catalogue with the peaks of the true sky.
pub(super) fn compare(
    (truth, image): (&Array2<f32>, &Array2<f32>),
    catalogue: Option<&[TrueSource]>,
    beam: BeamShape,
    noise: f64,
) -> (Vec<Number>, Vec<SourceReport>) {
    let found = peaks(image, DETECTED * noise);
    let mut known: Vec<Peak> = match catalogue {
        Some(sources) => {
            sources.iter().map(|source| Peak { x: source.x, y: source.y, height: seen(source, beam).1 }).collect()
        }
        None => peaks(truth, noise),
    };
    known.sort_by(|one, other| other.height.total_cmp(&one.height));
    let area = super::planes::area(beam);
    let reports: Vec<SourceReport> = known
        .iter()
        .map(|source| {
            let match_ = nearest(&found, source, beam);
            SourceReport {
                x: source.x,
                y: source.y,
                peak_true: source.height,
                peak_found: match_.map(|peak| peak.height),
                offset: match_.map(|peak| (peak.x - source.x, peak.y - source.y)),
                aperture_true: aperture(truth, source, beam) / area,
                aperture_found: aperture(image, source, beam) / area,
            }
        })
        .collect();
    let mut numbers = shares(&found, &known, &reports, (beam, noise));
    numbers.extend(offsets(&reports, noise));
    (numbers, reports)
}

fn shares(found: &[Peak], known: &[Peak], reports: &[SourceReport], at: (BeamShape, f64)) -> Vec<Number> {
    let (beam, noise) = at;
    let mut numbers =
        vec![Number::plain("sources_true", known.len() as f64), Number::plain("sources_found", found.len() as f64)];
    for level in LEVELS {
        let bright = reports.iter().filter(|source| source.peak_true >= level * noise);
        let (count, seen) =
            bright.fold((0, 0), |(count, seen), source| (count + 1, seen + i32::from(source.peak_found.is_some())));
        numbers.push(Number::plain(&format!("completeness_{level}"), f64::from(seen) / f64::from(count)));
    }
    let is_real = |peak: &&Peak| {
        let near = |source: &&Peak| distance(source, peak, beam) <= 1.0;
        let mut candidates = known.iter().filter(near);
        candidates.any(|source| source.height > REAL * peak.height)
    };
    let real = found.iter().filter(is_real).count();
    numbers.push(Number::plain("reliability", real as f64 / found.len() as f64));
    numbers
}

/// A number of a source, where it was found.
type Of = fn(&SourceReport) -> Option<f64>;

fn offsets(reports: &[SourceReport], noise: f64) -> Vec<Number> {
    let bright = || reports.iter().filter(|source| source.peak_true >= MEASURED * noise);
    let of = |value: Of| centre_and_spread(bright().filter_map(value).collect());
    let columns: [(&str, Of, &'static str); 4] = [
        ("offset_x", |source| Some(source.offset?.0), "pixel"),
        ("offset_y", |source| Some(source.offset?.1), "pixel"),
        ("peak_ratio", |source| Some(source.peak_found? / source.peak_true), ""),
        ("aperture_ratio", |source| Some(source.aperture_found / source.aperture_true), ""),
    ];
    let both = columns.iter().flat_map(|(name, value, unit)| {
        let (centre, spread) = of(*value);
        [Number::new(format!("{name}_median"), centre, unit), Number::new(format!("{name}_mad"), spread, unit)]
    });
    both.collect()
}

/// Distance in full widths of the beam, along the line between both.
fn distance(one: &Peak, other: &Peak, beam: BeamShape) -> f64 {
    let (dx, dy) = (one.x - other.x, one.y - other.y);
    let exponent = beam.a * dx * dx + 2.0 * beam.b * dx * dy + beam.c * dy * dy;
    (exponent / (4.0 * std::f64::consts::LN_2)).sqrt()
}

/// The nearest of some peaks, in row order, within one beam.
fn nearest<'a>(peaks: &'a [Peak], to: &Peak, beam: BeamShape) -> Option<&'a Peak> {
    let reach = beam.widths().0 + 2.0;
    let first = peaks.partition_point(|peak| peak.y < to.y - reach);
    let near = peaks[first..].iter().take_while(|peak| peak.y <= to.y + reach);
    let near = near.map(|peak| (distance(peak, to, beam), peak)).filter(|(distance, _)| *distance <= 1.0);
    near.min_by(|(one, _), (other, _)| one.total_cmp(other)).map(|(_, peak)| peak)
}

/// Sum of a plane in an elliptic aperture; blanks count as 0.
fn aperture(plane: &Array2<f32>, at: &Peak, beam: BeamShape) -> f64 {
    let reach = 0.5 * APERTURE * beam.widths().0;
    let (ny, nx) = plane.dim();
    let range = |at: f64, n: usize| {
        (at - reach).ceil().clamp(0.0, n as f64) as usize..((at + reach).floor() + 1.0).clamp(0.0, n as f64) as usize
    };
    let mut sum = 0.0;
    for y in range(at.y, ny) {
        for x in range(at.x, nx) {
            let pixel = Peak { x: x as f64, y: y as f64, height: 0.0 };
            let value = f64::from(plane[(y, x)]);
            if distance(&pixel, at, beam) <= 0.5 * APERTURE && value.is_finite() {
                sum += value;
            }
        }
    }
    sum
}

/// Local maxima above a level, the first of equal neighbours, at the summits of parabolas; in row order of their pixels.
fn peaks(plane: &Array2<f32>, level: f64) -> Vec<Peak> {
    let (ny, nx) = plane.dim();
    let mut found = Vec::new();
    for ((y, x), value) in plane.indexed_iter().filter(|(_, value)| f64::from(**value) > level) {
        let is_highest = (y.saturating_sub(1)..(y + 2).min(ny)).all(|v| {
            (x.saturating_sub(1)..(x + 2).min(nx)).all(|u| {
                let other = plane[(v, u)];
                other.is_nan() || if (v, u) < (y, x) { other < *value } else { other <= *value }
            })
        });
        if is_highest {
            let (dx, up) = summit(*value, x.checked_sub(1).map(|u| plane[(y, u)]), plane.get((y, x + 1)).copied());
            let (dy, more) = summit(*value, y.checked_sub(1).map(|v| plane[(v, x)]), plane.get((y + 1, x)).copied());
            found.push(Peak { x: x as f64 + dx, y: y as f64 + dy, height: f64::from(*value) + up + more });
        }
    }
    found.sort_by(|one, other| one.y.total_cmp(&other.y));
    found
}

/// Offset and rise of the summit of the parabola through three values; none without both neighbours.
fn summit(middle: f32, before: Option<f32>, after: Option<f32>) -> (f64, f64) {
    let Some((before, after)) = before.zip(after) else { return (0.0, 0.0) };
    let (before, middle, after) = (f64::from(before), f64::from(middle), f64::from(after));
    let (slope, bend) = (0.5 * (after - before), before - 2.0 * middle + after);
    if bend >= 0.0 || !slope.is_finite() { (0.0, 0.0) } else { (-slope / bend, -0.5 * slope * slope / bend) }
}

#[cfg(test)]
mod tests {
    use super::super::catalogue::drawn;
    use super::super::number::find;
    use super::*;

    const BEAM: BeamShape = BeamShape { a: 0.12, b: 0.02, c: 0.09 };

    fn sources() -> Vec<TrueSource> {
        let places = [(12.3, 10.8, 1.0), (40.0, 30.0, 0.5), (25.6, 50.2, 0.2), (50.0, 52.0, 0.06)];
        places.map(|(x, y, flux)| TrueSource { x, y, flux, shape: None }).to_vec()
    }

    #[test]
    fn image_that_is_the_truth_is_complete_reliable_and_in_place() {
        let truth = drawn(&sources(), (64, 64), BEAM);
        for catalogue in [Some(&sources()[..]), None] {
            let (numbers, reports) = compare((&truth, &truth), catalogue, BEAM, 0.01);
            let get = |name: &str| find(&numbers, name).unwrap();
            assert_eq!((get("completeness_5"), get("completeness_10"), get("reliability")), (1.0, 1.0, 1.0));
            assert_eq!((get("sources_true"), get("sources_found")), (4.0, 4.0));
            // the parabola through a Gaussian is off by a few hundredths of a pixel
            assert!(get("offset_x_median").abs() < 0.05 && get("peak_ratio_median") > 0.97);
            assert!((get("aperture_ratio_median") - 1.0).abs() < 1e-12 && reports.len() == 4);
            // 3 beams hold 0.998 of a Gaussian's flux
            assert!((reports[0].aperture_true - 1.0).abs() < 0.02, "{}", reports[0].aperture_true);
        }
    }

    #[test]
    fn missed_and_false_sources_are_counted_and_a_shift_is_seen() {
        let truth = drawn(&sources(), (64, 64), BEAM);
        let mut wrong: Vec<TrueSource> = sources().into_iter().filter(|source| source.flux != 0.5).collect();
        wrong.iter_mut().for_each(|source| (source.x, source.flux) = (source.x + 1.0, 0.8 * source.flux));
        wrong.push(TrueSource { x: 8.0, y: 45.0, flux: 0.3, shape: None });
        let image = drawn(&wrong, (64, 64), BEAM);
        let (numbers, _) = compare((&truth, &image), Some(&sources()), BEAM, 0.005);
        let get = |name: &str| find(&numbers, name).unwrap();
        assert_eq!((get("completeness_10"), get("reliability")), (0.75, 0.75));
        assert!((get("offset_x_median") - 1.0).abs() < 0.05 && get("offset_y_median").abs() < 0.05);
        assert!((get("peak_ratio_median") - 0.8).abs() < 0.03);
    }
}
