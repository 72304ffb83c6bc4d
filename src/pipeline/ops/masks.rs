//! The user's mask: regions and images of other grids on the grid of the dirty image.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{OpError, Rows, Source, Value, Work};
use crate::graph::{Cost, Meta, TaskContext};
use crate::images::Mask;
use crate::images::region::{Place, Stamp, select};

/// Selects the pixels of rows that regions hold; no inputs.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct StampRows {
    /// The rows.
    pub rows: Rows,
    /// Columns of the image.
    pub nx: usize,
    /// The regions on the image's grid, in the order in which they act.
    pub stamps: Vec<Stamp>,
}

impl Work for StampRows {
    const KIND: &'static str = "mask-regions";

    fn cost(&self, _inputs: &[Meta]) -> Cost {
        let pixels = (self.rows.len() * self.nx) as u64;
        Cost { flops: 4.0 * pixels as f64, output_bytes: pixels, scratch_bytes: pixels }
    }

    fn run(&self, _inputs: &[Arc<Value>], _context: &TaskContext) -> Result<Value, OpError> {
        Ok(Value::Allowed(Some(select(&self.stamps, self.rows.range(), self.nx))))
    }
}

/// Selects the pixels of rows whose centres lie in pixels of another image that are not 0; no inputs.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RegridRows {
    /// The other image.
    pub source: Source,
    /// Its plane.
    pub plane: usize,
    /// Its sky.
    pub from: Box<Place>,
    /// The sky of the image.
    pub to: Box<Place>,
    /// The rows.
    pub rows: Rows,
    /// Columns of the image.
    pub nx: usize,
}

/// No pixel of the other image.
const OUTSIDE: (u32, u32) = (u32::MAX, u32::MAX);

impl RegridRows {
    /// The pixel `(y, x)` of the other image in which each pixel's centre lies.
    fn places(&self) -> Vec<(u32, u32)> {
        let geometry = self.source.0.geometry();
        let nearest = |at: f64, n: usize| {
            let pixel = (at + 0.5).floor();
            (pixel >= 0.0 && pixel < n as f64).then_some(pixel as u32)
        };
        let place = |x: usize, y: usize| {
            let (x, y) = self.to.pixel_of(&self.from, x as f64, y as f64)?;
            nearest(y, geometry.ny).zip(nearest(x, geometry.nx))
        };
        let rows = self.rows.range().flat_map(|y| (0..self.nx).map(move |x| (x, y)));
        rows.map(|(x, y)| place(x, y).unwrap_or(OUTSIDE)).collect()
    }
}

impl Work for RegridRows {
    const KIND: &'static str = "mask-image";

    fn cost(&self, _inputs: &[Meta]) -> Cost {
        let pixels = (self.rows.len() * self.nx) as u64;
        let geometry = self.source.0.geometry();
        // turned by a quarter, rows of the image lie across all of the other one
        let other = 8 * (geometry.ny * geometry.nx) as u64;
        Cost { flops: 200.0 * pixels as f64, output_bytes: pixels, scratch_bytes: 8 * pixels + other }
    }

    fn run(&self, _inputs: &[Arc<Value>], _context: &TaskContext) -> Result<Value, OpError> {
        let places = self.places();
        let met = places.iter().filter(|place| **place != OUTSIDE).map(|(y, _)| *y as usize);
        let (first, last) = met.fold((usize::MAX, 0), |(first, last), y| (first.min(y), last.max(y + 1)));
        let read = if last > first { Some(self.source.0.read_rows(self.plane, first..last)?) } else { None };
        let is_in = |(y, x): (u32, u32)| match &read {
            Some(pixels) if (y, x) != OUTSIDE => {
                let value = pixels[(y as usize - first, x as usize)];
                !value.is_nan() && value != 0.0
            }
            _ => false,
        };
        let flags = places.into_iter().map(is_in).collect();
        let mask = Mask::from_flags((self.rows.len(), self.nx), flags).expect("there is a flag for each pixel");
        Ok(Value::Allowed(Some(mask)))
    }
}

/// Which pixels a file of the mask selects, from its rows as read or as selected.
fn selected(value: &Value) -> Mask {
    match value {
        Value::Allowed(Some(mask)) => mask.clone(),
        other => Mask::from_pixels(other.pixels()),
    }
}

/// All files of a mask as one: their union, or everything where none adds, less what the others take out; `None` without
/// files.
pub(super) fn united(files: &[Arc<Value>], is_out: &[bool], shape: (usize, usize)) -> Option<Mask> {
    let of = |wanted: bool| {
        let chosen = files.iter().zip(is_out).filter(move |(_, is_out)| **is_out == wanted);
        chosen.map(|(file, _)| selected(file)).reduce(|all, mask| all.united(&mask))
    };
    match (of(false), of(true)) {
        (None, None) => None,
        (added, None) => added,
        (added, Some(out)) => {
            let mut all = added.unwrap_or_else(|| Mask::all(shape));
            all.intersect(&out.inverted()).expect("the files' masks have the slab's shape");
            Some(all)
        }
    }
}
