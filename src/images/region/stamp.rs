//! Regions on a pixel grid, and the pixels whose centres they hold.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::images::Mask;

/// A 2 x 2 matrix, row by row.
type Matrix = [[f64; 2]; 2];

/// A shape on the grid; points are `(x, y)` in pixels, the centre of the first at 0.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Form {
    /// An ellipse.
    Ellipse {
        /// Its centre.
        centre: (f64, f64),
        /// From offsets `(dx, dy)` to the unit circle.
        outer: Matrix,
        /// The same of the inner ellipse, where there is a hole.
        hole: Option<Matrix>,
    },
    /// A rectangle.
    Rectangle {
        /// Its centre.
        centre: (f64, f64),
        /// From offsets `(dx, dy)` to the square from -1 to 1.
        outer: Matrix,
        /// The same of the inner rectangle, where there is a hole.
        hole: Option<Matrix>,
    },
    /// A polygon: inside is what an odd number of sides is to the right of.
    Polygon(Vec<(f64, f64)>),
}

/// A shape, and what it does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Stamp {
    /// The shape.
    pub form: Form,
    /// Whether it takes pixels out.
    pub is_excluded: bool,
}

impl Stamp {
    /// Takes nothing out: at the head of a list it tells that all pixels are in before the others.
    pub fn nothing_taken_out() -> Self {
        Self { form: Form::Polygon(Vec::new()), is_excluded: true }
    }

    /// Least and greatest `x`, then `y`, of what it can hold.
    fn bounds(&self) -> [(f64, f64); 2] {
        match &self.form {
            Form::Ellipse { centre, outer, .. } | Form::Rectangle { centre, outer, .. } => {
                // back from the square, whose corners reach farthest
                let [[a, b], [c, d]] = *outer;
                let determinant = (a * d - b * c).abs();
                let (x, y) = ((b.abs() + d.abs()) / determinant, (a.abs() + c.abs()) / determinant);
                [(centre.0 - x, centre.0 + x), (centre.1 - y, centre.1 + y)]
            }
            Form::Polygon(corners) => {
                let span = |of: fn(&(f64, f64)) -> f64| {
                    let values = corners.iter().map(of);
                    values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), at| (low.min(at), high.max(at)))
                };
                [span(|corner| corner.0), span(|corner| corner.1)]
            }
        }
    }

    /// Whether it can touch an image of shape `(ny, nx)`.
    pub fn touches(&self, (ny, nx): (usize, usize)) -> bool {
        let [x, y] = self.bounds();
        let within = |(low, high): (f64, f64), n: usize| high >= 0.0 && low <= n as f64 - 1.0;
        within(x, nx) && within(y, ny)
    }

    /// The runs of columns below `nx` that it holds in row `y`.
    fn runs(&self, y: usize, nx: usize) -> Vec<Range<usize>> {
        match &self.form {
            Form::Polygon(corners) => polygon_runs(corners, y as f64, nx),
            Form::Ellipse { centre, outer, hole } => {
                let is_in = |matrix: &Matrix, x: usize| {
                    let (u, v) = apply(matrix, (x as f64 - centre.0, y as f64 - centre.1));
                    u * u + v * v <= 1.0
                };
                self.scan(nx, |x| is_in(outer, x) && hole.as_ref().is_none_or(|hole| !is_in(hole, x)))
            }
            Form::Rectangle { centre, outer, hole } => {
                let is_in = |matrix: &Matrix, x: usize| {
                    let (u, v) = apply(matrix, (x as f64 - centre.0, y as f64 - centre.1));
                    u.abs() <= 1.0 && v.abs() <= 1.0
                };
                self.scan(nx, |x| is_in(outer, x) && hole.as_ref().is_none_or(|hole| !is_in(hole, x)))
            }
        }
    }

    fn scan(&self, nx: usize, is_in: impl Fn(usize) -> bool) -> Vec<Range<usize>> {
        let [(low, high), _] = self.bounds();
        let columns = pixels(low, high, nx);
        let mut runs: Vec<Range<usize>> = Vec::new();
        for x in columns.filter(|x| is_in(*x)) {
            match runs.last_mut().filter(|run| run.end == x) {
                Some(run) => run.end = x + 1,
                None => runs.push(x..x + 1),
            }
        }
        runs
    }
}

fn apply(matrix: &Matrix, (dx, dy): (f64, f64)) -> (f64, f64) {
    let [[a, b], [c, d]] = *matrix;
    (a * dx + b * dy, c * dx + d * dy)
}

/// The pixels of `0 .. n` with centres from `low` to `high`.
fn pixels(low: f64, high: f64, n: usize) -> Range<usize> {
    let end = if high < 0.0 { 0 } else { (high.floor() as usize).saturating_add(1).min(n) };
    (low.ceil().max(0.0) as usize).min(end)..end
}

/// A side holds its lower end, so that a corner counts once.
fn polygon_runs(corners: &[(f64, f64)], y: f64, nx: usize) -> Vec<Range<usize>> {
    let ends = corners.iter().zip(corners.iter().cycle().skip(1));
    let crossing = |(a, b): (&(f64, f64), &(f64, f64))| {
        ((a.1 <= y) != (b.1 <= y)).then(|| a.0 + (y - a.1) / (b.1 - a.1) * (b.0 - a.0))
    };
    let mut crossings: Vec<f64> = ends.filter_map(crossing).collect();
    crossings.sort_by(f64::total_cmp);
    crossings.chunks_exact(2).map(|pair| pixels(pair[0], pair[1], nx)).filter(|run| !run.is_empty()).collect()
}

/// The pixels of rows `rows` of an image `nx` wide that the stamps select, one after the other. Where the first takes
/// pixels out, all are in before it.
///
/// # Panics
/// Never: there is a flag for each pixel.
pub fn select(stamps: &[Stamp], rows: Range<usize>, nx: usize) -> Mask {
    let is_all = stamps.first().is_some_and(|stamp| stamp.is_excluded);
    let mut flags = vec![is_all; rows.len() * nx];
    for stamp in stamps {
        let [_, (low, high)] = stamp.bounds();
        let inside = pixels(low, high, rows.end);
        for y in inside.start.max(rows.start)..inside.end {
            let row = &mut flags[(y - rows.start) * nx..][..nx];
            stamp.runs(y, nx).into_iter().for_each(|run| row[run].fill(!stamp.is_excluded));
        }
    }
    Mask::from_flags((rows.len(), nx), flags).expect("there is a flag for each pixel")
}
