//! Which of several PSFs holds where: the weights of their places over an image.
//!
//! A PSF belongs to the place of the source. With PSFs `h_i` of places `c_i` and weights `w_i(q) >= 0` that sum to 1 at
//! every pixel `q`, an image is seen as
//! ```text
//! H x = sum_i h_i (*) (w_i x)        H' y = sum_i w_i (h_i correlated with y)
//! ```
//!
//! # Source
//! Nagy & O'Leary (1998), SIAM J. Sci. Comput. 19, 1063.

use std::fmt;
use std::ops::Range;
use std::str::FromStr;

use ndarray::{Array2, ArrayView2};
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// How the PSF of a place follows from those of the places given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Weighting {
    /// That of the nearest place: sharp borders, each the bisector of two places.
    Nearest,
    /// Linear along both axes between places on a regular grid; beyond the outermost places as at them.
    Bilinear,
    /// Weights of one over the square of the distance, for places on no grid (Shepard 1968); every PSF holds everywhere.
    InverseDistance,
}

impl Weighting {
    /// All of them with their names.
    pub const ALL: [(&'static str, Self); 3] =
        [("nearest", Self::Nearest), ("bilinear", Self::Bilinear), ("inverse-distance", Self::InverseDistance)];
}

impl fmt::Display for Weighting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = Self::ALL.iter().find(|(_, weighting)| weighting == self).map_or("", |(name, _)| name);
        f.write_str(name)
    }
}

impl FromStr for Weighting {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.iter().find(|(name, _)| *name == text).map(|(_, weighting)| *weighting);
        found.ok_or_else(|| format!("'{text}': expected nearest, bilinear or inverse-distance"))
    }
}

/// Why places make no grid.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum PsfGridError {
    /// There is no place.
    #[error("no PSF is given")]
    Empty,
    /// Two PSFs of one place.
    #[error("PSFs {first} and {second} are of one place, pixel (x {x:.2}, y {y:.2}); expected a place for each")]
    Same {
        /// Number of the first, counted from 0.
        first: usize,
        /// Number of the second.
        second: usize,
        /// Column.
        x: f64,
        /// Row.
        y: f64,
    },
    /// Places that are on no grid.
    #[error(
        "the places of the {count} PSFs are on no regular grid ({rows} rows and {columns} columns of places within a pixel)"
    )]
    Irregular {
        /// How many there are.
        count: usize,
        /// Different rows.
        rows: usize,
        /// Different columns.
        columns: usize,
    },
}

/// Places on a regular grid.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Nodes {
    /// Rows of the grid \[pixels\].
    y: Vec<f64>,
    /// Columns of the grid \[pixels\].
    x: Vec<f64>,
    /// Of each place its row and column of the grid.
    at: Vec<(usize, usize)>,
}

/// Places of one row or column differ by this much at the most \[pixels\].
const SAME_ROW: f64 = 1.0;

/// The places of several PSFs in an image, and the weights that follow; plain data.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PsfGrid {
    shape: (usize, usize),
    centres: Vec<(f64, f64)>,
    weighting: Weighting,
    /// Where the weighting asks for them.
    nodes: Option<Nodes>,
    /// Of each PSF the rows where its weight is not 0 everywhere.
    rows: Vec<Range<usize>>,
}

impl PsfGrid {
    /// Weighs PSFs whose places are `centres`, `(y, x)` in pixels counted from 0, over an image of shape `(ny, nx)`;
    /// without a weighting it is bilinear where the places are on a regular grid, and inverse-distance elsewhere.
    ///
    /// # Errors
    /// [`PsfGridError`]: no place, the same place twice, or bilinear weights asked for places on no grid.
    pub fn new(
        shape: (usize, usize),
        centres: Vec<(f64, f64)>,
        weighting: Option<Weighting>,
    ) -> Result<Self, PsfGridError> {
        if centres.is_empty() {
            return Err(PsfGridError::Empty);
        }
        for (second, (y, x)) in centres.iter().copied().enumerate() {
            if let Some(first) = centres[..second].iter().position(|(v, u)| (v - y).hypot(u - x) < SAME_ROW) {
                return Err(PsfGridError::Same { first, second, x, y });
            }
        }
        let nodes = Nodes::of(&centres);
        let weighting = match (weighting, &nodes) {
            (Some(Weighting::Bilinear), Err((rows, columns))) => {
                return Err(PsfGridError::Irregular { count: centres.len(), rows: *rows, columns: *columns });
            }
            (Some(weighting), _) => weighting,
            (None, Ok(_)) => Weighting::Bilinear,
            (None, Err(_)) => Weighting::InverseDistance,
        };
        let nodes = nodes.ok().filter(|_| weighting == Weighting::Bilinear);
        let mut grid = Self { shape, centres, weighting, nodes, rows: Vec::new() };
        grid.rows = (0..grid.len()).map(|psf| grid.support(psf)).collect();
        Ok(grid)
    }

    /// How many PSFs there are.
    pub fn len(&self) -> usize {
        self.centres.len()
    }

    /// Never: a grid has a PSF.
    pub fn is_empty(&self) -> bool {
        self.centres.is_empty()
    }

    /// The places `(y, x)` in pixels.
    pub fn centres(&self) -> &[(f64, f64)] {
        &self.centres
    }

    /// How they are weighed.
    pub fn weighting(&self) -> Weighting {
        self.weighting
    }

    /// Rows of the image outside which the weight of a PSF is 0.
    pub fn rows(&self, psf: usize) -> Range<usize> {
        self.rows[psf].clone()
    }

    /// The PSF whose place is nearest to `(y, x)`, the first among equally near ones.
    pub fn nearest(&self, y: f64, x: f64) -> usize {
        let mut best = (0, f64::INFINITY);
        for (psf, (v, u)) in self.centres.iter().enumerate() {
            let square = (v - y).powi(2) + (u - x).powi(2);
            if square < best.1 {
                best = (psf, square);
            }
        }
        best.0
    }

    /// The PSF nearest to the middle of the image.
    pub fn central(&self) -> usize {
        let middle = |n: usize| (n / 2) as f64;
        self.nearest(middle(self.shape.0), middle(self.shape.1))
    }

    /// The weight of a PSF at pixel `(y, x)`; over all PSFs the weights sum to 1.
    pub fn weight(&self, psf: usize, (y, x): (usize, usize)) -> f64 {
        let (y, x) = (y as f64, x as f64);
        match (&self.nodes, self.weighting) {
            (Some(nodes), _) => {
                let (row, column) = nodes.at[psf];
                hat(&nodes.y, row, y) * hat(&nodes.x, column, x)
            }
            (None, Weighting::InverseDistance) => self.inverse_distance(psf, y, x),
            (None, _) => f64::from(u8::from(self.nearest(y, x) == psf)),
        }
    }

    /// `d_i^-2 / sum_j d_j^-2`, written so that a place itself divides by nothing.
    fn inverse_distance(&self, psf: usize, y: f64, x: f64) -> f64 {
        let square = |(v, u): &(f64, f64)| (v - y).powi(2) + (u - x).powi(2);
        let own = square(&self.centres[psf]);
        if own == 0.0 {
            return 1.0;
        }
        let others = self.centres.iter().enumerate().filter(|(other, _)| *other != psf);
        // at another place the ratio is infinite and the weight 0
        1.0 / (1.0 + others.map(|(_, other)| own / square(other)).sum::<f64>())
    }

    /// Rows of an image from row `first` on, times the weight of a PSF; pixels of 0 stay 0 without a look at the weight.
    pub fn weigh(&self, psf: usize, first: usize, rows: ArrayView2<'_, f32>) -> Array2<f32> {
        Array2::from_shape_fn(rows.dim(), |(y, x)| {
            let value = rows[(y, x)];
            // a single PSF is itself, to the last bit
            if value == 0.0 || self.len() == 1 {
                return value;
            }
            (self.weight(psf, (first + y, x)) * f64::from(value)) as f32
        })
    }

    /// Rows where the weight of a PSF is not 0 everywhere.
    fn support(&self, psf: usize) -> Range<usize> {
        let all = 0..self.shape.0;
        match (&self.nodes, self.weighting) {
            (Some(nodes), _) => {
                let row = nodes.at[psf].0;
                let above = row.checked_sub(1).map_or(f64::NEG_INFINITY, |above| nodes.y[above]);
                let below = nodes.y.get(row + 1).copied().unwrap_or(f64::INFINITY);
                clip((above, below), &all)
            }
            (None, Weighting::InverseDistance) => all,
            (None, _) => self.cell_rows(psf),
        }
    }

    /// Rows of the pixels that are nearest to a place: the rectangle of the image, cut by the bisectors to all others.
    fn cell_rows(&self, psf: usize) -> Range<usize> {
        let (ny, nx) = (self.shape.0 as f64, self.shape.1 as f64);
        let mut corners = vec![(-0.5, -0.5), (-0.5, nx - 0.5), (ny - 0.5, nx - 0.5), (ny - 0.5, -0.5)];
        let own = self.centres[psf];
        for other in self.centres.iter().enumerate().filter(|(other, _)| *other != psf).map(|(_, place)| place) {
            let (dy, dx) = (other.0 - own.0, other.1 - own.1);
            let beyond = |(y, x): (f64, f64)| {
                (y - f64::midpoint(own.0, other.0)) * dy + (x - f64::midpoint(own.1, other.1)) * dx
            };
            corners = cut(&corners, beyond);
        }
        let rows = corners.iter().map(|(y, _)| *y);
        let (top, bottom) = rows.fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), y| (a.min(y), b.max(y)));
        // a pixel more on either side for rounding; an empty cell has no rows
        if top > bottom { 0..0 } else { clip((top - 1.0, bottom + 1.0), &(0..self.shape.0)) }
    }
}

/// The rows strictly between two places.
fn clip((above, below): (f64, f64), rows: &Range<usize>) -> Range<usize> {
    let limit = rows.end as f64;
    let first = (above.floor() + 1.0).clamp(0.0, limit) as usize;
    let last = below.ceil().clamp(0.0, limit) as usize;
    first..last.max(first)
}

/// The part of a convex polygon where `beyond` is not positive (Sutherland & Hodgman 1974).
fn cut(corners: &[(f64, f64)], beyond: impl Fn((f64, f64)) -> f64) -> Vec<(f64, f64)> {
    let mut kept = Vec::new();
    for (index, &to) in corners.iter().enumerate() {
        let from = corners[(index + corners.len() - 1) % corners.len()];
        let (before, after) = (beyond(from), beyond(to));
        if (before > 0.0) != (after > 0.0) {
            let share = before / (before - after);
            kept.push((from.0 + share * (to.0 - from.0), from.1 + share * (to.1 - from.1)));
        }
        if after <= 0.0 {
            kept.push(to);
        }
    }
    kept
}

/// The hat function of node `index`: 1 there, 0 at its neighbours, level beyond the outermost nodes.
fn hat(nodes: &[f64], index: usize, at: f64) -> f64 {
    let own = nodes[index];
    let towards = |other: Option<&f64>| other.map_or(1.0, |other| 1.0 - (at - own) / (other - own));
    let weight = if at < own {
        // one minus the weight of the neighbour, as that one has it, so that both sum to 1
        index.checked_sub(1).map_or(1.0, |before| 1.0 - (1.0 - (at - nodes[before]) / (own - nodes[before])))
    } else {
        towards(nodes.get(index + 1))
    };
    weight.clamp(0.0, 1.0)
}

impl Nodes {
    /// The grid of these places, or how many different rows and columns there are.
    fn of(centres: &[(f64, f64)]) -> Result<Self, (usize, usize)> {
        let (y, x) = (levels(centres.iter().map(|(y, _)| *y)), levels(centres.iter().map(|(_, x)| *x)));
        let nearest = |levels: &[f64], value: f64| {
            let off = |level: &f64| (level - value).abs();
            (0..levels.len()).min_by(|a, b| off(&levels[*a]).total_cmp(&off(&levels[*b]))).unwrap_or(0)
        };
        let at: Vec<_> = centres.iter().map(|centre| (nearest(&y, centre.0), nearest(&x, centre.1))).collect();
        let mut cells = at.clone();
        cells.sort_unstable();
        cells.dedup();
        let is_full = cells.len() == centres.len() && y.len() * x.len() == centres.len();
        let levels = (y.len(), x.len());
        if is_full { Ok(Self { y, x, at }) } else { Err(levels) }
    }
}

/// The different values, each the mean of those within a pixel of the lowest of them, in ascending order.
fn levels(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_unstable_by(f64::total_cmp);
    let mut levels: Vec<Vec<f64>> = Vec::new();
    for value in values {
        match levels.last_mut() {
            Some(level) if value - level[0] <= SAME_ROW => level.push(value),
            _ => levels.push(vec![value]),
        }
    }
    levels.into_iter().map(|level| level.iter().sum::<f64>() / level.len() as f64).collect()
}

#[cfg(test)]
mod tests;
