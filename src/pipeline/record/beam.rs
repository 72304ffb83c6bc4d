//! A PSF's main lobe beside its clean beam.

use serde::{Deserialize, Serialize};

use crate::images::BeamShape;

/// What the plot of the beam shows: the PSF of one plane around its peak, the fit and the clean beam.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BeamRecord {
    /// What the plane is called.
    pub label: String,
    /// Pixels from the peak to the sides of the cut-out.
    pub half: usize,
    /// The cut-out, peak 1, row after row, `2 half + 1` each way.
    pub pixels: Vec<f32>,
    /// The fit to the main lobe; none where a beam was given instead.
    pub fit: Option<BeamShape>,
    /// The clean beam.
    pub clean: BeamShape,
    /// Name and value of whatever should stand beside it.
    pub facts: Vec<(String, String)>,
    /// What is doubtful about the fit.
    pub doubts: Vec<String>,
}

impl BeamRecord {
    /// Value of the cut-out at `(dy, dx)` pixels from the peak, between pixels linear; 0 outside.
    pub fn value(&self, dy: f64, dx: f64) -> f64 {
        let side = 2 * self.half + 1;
        let (y, x) = (dy + self.half as f64, dx + self.half as f64);
        let (top, left) = (y.floor(), x.floor());
        let at = |y: f64, x: f64| {
            let is_inside = y >= 0.0 && x >= 0.0 && y < side as f64 && x < side as f64;
            if is_inside { f64::from(self.pixels[y as usize * side + x as usize]) } else { 0.0 }
        };
        let (down, right) = (y - top, x - left);
        let row = |y: f64| at(y, left) * (1.0 - right) + at(y, left + 1.0) * right;
        row(top) * (1.0 - down) + row(top + 1.0) * down
    }
}
