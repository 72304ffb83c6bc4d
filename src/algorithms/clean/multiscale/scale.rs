//! Shapes of components: what a scale looks like, how much it counts, and where it may stand.

use std::fmt;
use std::str::FromStr;
use std::sync::{Mutex, PoisonError};

use ndarray::Array2;
use serde::{Deserialize, Serialize};

use crate::algorithms::TILE_MARGIN;
use crate::fft::Layout;

/// The profile of extended components.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ScaleShape {
    /// A Hann window times `1 - (r/width)^2`: compact, its full width at half maximum about half the width.
    TaperedQuadratic,
    /// A Gaussian of `sigma = 3/16 width`, full width at half maximum 0.44 of the width.
    Gaussian,
}

/// A shape that components can have: a point (width 0), or a kernel of unit sum.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Scale {
    /// Full width \[pixels\]; 0 is a point.
    pub width: f64,
    /// Profile.
    pub shape: ScaleShape,
    /// What the kernel's response counts for in the choice of the scale; 1 for a point.
    pub bias: f32,
    /// Pixels from one centre to the next, along either axis: a power of two.
    pub step: usize,
}

/// Standard deviation of the Gaussian shape over its width.
const SIGMAS: f64 = 3.0 / 16.0;
/// The Gaussian shape ends at so many standard deviations.
const REACH: f64 = 6.0;
/// Steps of the grid of centres in a width, about: a source half a step off in both axes loses 2 to 4 % of its response.
const STEPS: f64 = 16.0;

impl Scale {
    /// A point.
    pub const POINT: Self = Self { width: 0.0, shape: ScaleShape::TaperedQuadratic, bias: 1.0, step: 1 };

    /// The scale of a width, where the beam is `beam` pixels wide: `bias^-log2(width / (2 beam))`.
    ///
    /// # Source
    /// Offringa & Smirnov (2017), MNRAS 471, 301, section 2.2; constants as in Radler (ALGORITHMS 3.2).
    pub fn new(width: f64, shape: ScaleShape, bias: f64, beam: f64) -> Self {
        let counts = if width > 0.0 { bias.powf(-(width / (2.0 * beam)).log2()) } else { 1.0 };
        Self { width, shape, bias: counts as f32, step: 1 }
    }

    /// The scale with its centres on a grid as coarse as its width allows and the layout of a transform has it.
    pub fn on(self, layout: &Layout) -> Self {
        let wish = (self.width / STEPS).max(1.0).log2().round() as u32;
        let fits = layout.ly.trailing_zeros().min(layout.lx.trailing_zeros());
        Self { step: 1 << wish.min(fits), ..self }
    }

    /// Whether it is a point.
    pub fn is_point(&self) -> bool {
        self.width <= 0.0
    }

    /// Distance from the centre to the sides of the box that holds the kernel \[pixels\].
    pub fn reach(&self) -> usize {
        match self.shape {
            _ if self.is_point() => 0,
            ScaleShape::TaperedQuadratic => (self.width / 2.0).ceil() as usize,
            ScaleShape::Gaussian => (REACH * SIGMAS * self.width).ceil() as usize,
        }
    }

    /// Pixels round a tile that are cleaned with it at this scale: a component just outside reaches into it that far.
    pub fn tile_margin(&self) -> usize {
        TILE_MARGIN.max(self.width.ceil() as usize)
    }

    /// Full width at half maximum of the Gaussian shape of this width \[pixels\].
    pub fn gaussian_fwhm(&self) -> f64 {
        SIGMAS * self.width * (8.0 * std::f64::consts::LN_2).sqrt()
    }

    /// The Gaussian scale of a full width at half maximum \[pixels\].
    pub fn gaussian(fwhm: f64) -> Self {
        let width = fwhm / (SIGMAS * (8.0 * std::f64::consts::LN_2).sqrt());
        // widths are given with few digits, and lists have rounded them
        let short = (1e6 * width).round() / 1e6;
        let width = if (width - short).abs() < 1e-9 { short } else { width };
        Self { width, shape: ScaleShape::Gaussian, bias: 1.0, step: 1 }
    }

    /// Where its centres may stand.
    pub fn grid(&self) -> Grid {
        let edge = (self.width / 2.0).ceil() as usize;
        Grid { step: self.step, edge }
    }

    /// About what the kernel, smoothed with itself, keeps of the peak of a beam of `beam` pixels that measures everything.
    pub fn response(&self, beam: f64) -> f64 {
        // rms width of the kernel along an axis, ALGORITHMS 3.2, and that of the beam
        let (kernel, beam) = (0.19 * self.width, beam / (8.0 * std::f64::consts::LN_2).sqrt());
        beam * beam / (2.0 * kernel * kernel + beam * beam)
    }

    /// The kernel, shape `(2 reach + 1, 2 reach + 1)`, unit sum: Jy/pixel for a component of 1 Jy.
    pub fn kernel(&self) -> Array2<f32> {
        let plane = self.profiles();
        let sum = plane.sum();
        plane.mapv(|value| (value / sum) as f32)
    }

    /// Half of a row of the kernel, the one at so many pixels from the middle row: its pixels from the middle column on. `sum` is
    /// what the profile adds up to ([`Self::profile_sum`]).
    pub fn half_row(&self, offset: usize, sum: f64) -> Vec<f32> {
        let side = 2 * self.reach() + 1;
        let pixel = |x: usize| (self.profile((offset as f64).hypot(x as f64), side) / sum) as f32;
        (0..=self.reach()).map(pixel).collect()
    }

    /// What the profile adds up to over the box that holds the kernel; it is kept, as wide ones take long.
    pub fn profile_sum(&self) -> f64 {
        static KEPT: Mutex<Vec<(Scale, f64)>> = Mutex::new(Vec::new());
        let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
        let is_same = |other: &Scale| other.width.to_bits() == self.width.to_bits() && other.shape == self.shape;
        if let Some((_, sum)) = kept.iter().find(|(scale, _)| is_same(scale)) {
            return *sum;
        }
        let sum = self.profiles().sum();
        kept.push((*self, sum));
        sum
    }

    /// The kernel before it is normalised.
    fn profiles(&self) -> Array2<f64> {
        let reach = self.reach();
        let side = 2 * reach + 1;
        let offset = |at: usize| at as f64 - reach as f64;
        Array2::from_shape_fn((side, side), |(y, x)| self.profile(offset(y).hypot(offset(x)), side))
    }

    /// The profile at a distance from the centre, in a box of so many pixels; not normalised.
    fn profile(&self, distance: f64, side: usize) -> f64 {
        if self.is_point() {
            return 1.0;
        }
        match self.shape {
            ScaleShape::TaperedQuadratic => {
                let turn = 2.0 * distance / (side as f64 + 1.0);
                let taper = if turn <= 1.0 { 0.5 * (1.0 + (std::f64::consts::PI * turn).cos()) } else { 0.0 };
                taper * (1.0 - (distance / self.width).powi(2)).max(0.0)
            }
            ScaleShape::Gaussian => (-0.5 * (distance / (SIGMAS * self.width)).powi(2)).exp(),
        }
    }
}

/// Where the centres of a scale may stand: on every `step`-th pixel, at least `edge` pixels from the sides.
///
/// The response to a wide kernel is smooth, so that a coarse grid loses nothing, and lists and PSFs shrink by `step^2`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grid {
    /// Pixels from one centre to the next, along either axis.
    pub step: usize,
    /// Pixels that stay free at each side of the image.
    pub edge: usize,
}

impl Grid {
    /// Every pixel.
    pub const ALL: Self = Self { step: 1, edge: 0 };

    /// Whether a centre may stand in row or column `at` of `length`.
    pub fn holds(&self, at: usize, length: usize) -> bool {
        at.is_multiple_of(self.step) && at >= self.edge && at + self.edge < length
    }

    /// The rows or columns, of `length`, in which centres may stand.
    pub fn along(&self, length: usize) -> std::iter::StepBy<std::ops::Range<usize>> {
        (self.edge.next_multiple_of(self.step)..length.saturating_sub(self.edge)).step_by(self.step)
    }
}

/// The widths to clean with.
#[derive(Debug, Clone, PartialEq)]
pub enum Widths {
    /// Multiples of the beam: 0, then 4, 8, 16, ... times its width.
    Auto,
    /// Given \[pixels\], ascending.
    Given(Vec<f64>),
}

impl Widths {
    /// The scales for a beam of `beam` pixels (mean full width at half maximum) and an image of shape `(ny, nx)`, no more
    /// than `most`; 0 sets no limit.
    pub fn scales(&self, beam: f64, shape: (usize, usize), most: usize, kind: (ScaleShape, f64)) -> Vec<Scale> {
        let widths = match self {
            Self::Given(widths) => widths.clone(),
            Self::Auto => {
                let limit = 0.5 * shape.0.min(shape.1) as f64;
                let steps = std::iter::successors(Some(FIRST * beam), |width| Some(2.0 * width));
                std::iter::once(0.0).chain(steps.take_while(|width| *width < limit)).collect()
            }
        };
        let most = if most == 0 { usize::MAX } else { most };
        widths.into_iter().take(most).map(|width| Scale::new(width, kind.0, kind.1, beam)).collect()
    }
}

/// The first width that is not 0, in beams (ALGORITHMS 3.2).
const FIRST: f64 = 4.0;

impl FromStr for Widths {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.trim() == "auto" {
            return Ok(Self::Auto);
        }
        let read = |word: &str| word.trim().parse::<f64>().ok().filter(|width| width.is_finite() && *width >= 0.0);
        let mut widths = text.split(',').map(read).collect::<Option<Vec<_>>>().ok_or_else(|| {
            format!("'{text}': expected auto, or full widths in pixels with commas between them, as in 0,8,16")
        })?;
        widths.sort_by(f64::total_cmp);
        widths.dedup();
        Ok(Self::Given(widths))
    }
}

impl fmt::Display for Widths {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Given(widths) => {
                let words: Vec<_> = widths.iter().map(f64::to_string).collect();
                f.write_str(&words.join(","))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPES: [ScaleShape; 2] = [ScaleShape::TaperedQuadratic, ScaleShape::Gaussian];

    /// Full width at half maximum along the middle row \[pixels\].
    fn half_width(kernel: &Array2<f32>) -> f64 {
        let middle = kernel.nrows() / 2;
        let row = kernel.row(middle);
        let half = row[middle] / 2.0;
        let out = (middle..row.len()).find(|x| row[*x] < half).unwrap();
        let share = f64::from((row[out - 1] - half) / (row[out - 1] - row[out]));
        2.0 * ((out - 1 - middle) as f64 + share)
    }

    #[test]
    fn kernels_have_unit_sum_and_are_symmetric() {
        for shape in SHAPES {
            for width in [0.0, 3.0, 8.0, 31.5, 64.0] {
                let kernel = Scale::new(width, shape, 0.6, 3.0).kernel();
                assert!((kernel.mapv(f64::from).sum() - 1.0).abs() < 1e-6, "{shape:?} {width}");
                let mirrored = Array2::from_shape_fn(kernel.dim(), |(y, x)| {
                    kernel[(kernel.nrows() - 1 - x, kernel.ncols() - 1 - y)]
                });
                assert_eq!(kernel, mirrored, "{shape:?} {width}");
                let (scale, middle) = (Scale::new(width, shape, 0.6, 3.0), kernel.nrows() / 2);
                for (offset, row) in kernel.rows().into_iter().skip(middle).enumerate() {
                    let half = scale.half_row(offset, scale.profile_sum());
                    assert_eq!(row.iter().skip(middle).copied().collect::<Vec<_>>(), half, "{shape:?} {width}");
                }
            }
        }
    }

    #[test]
    fn half_maxima_are_where_the_shapes_have_them() {
        let tapered = |width: f64| half_width(&Scale::new(width, SHAPES[0], 0.6, 3.0).kernel()) / width;
        for (width, expected) in [(8.0, 0.59), (16.0, 0.54), (32.0, 0.51), (64.0, 0.494)] {
            assert!((tapered(width) - expected).abs() < 0.02, "{width}: {}", tapered(width));
        }
        let gaussian = half_width(&Scale::new(64.0, SHAPES[1], 0.6, 3.0).kernel()) / 64.0;
        assert!((gaussian - 2.3548 * 3.0 / 16.0).abs() < 0.005, "{gaussian}");
    }

    #[test]
    fn a_kernel_of_width_0_is_a_point() {
        assert_eq!(Scale::POINT.kernel(), Array2::<f32>::ones((1, 1)));
        assert_eq!(Scale::POINT.grid(), Grid::ALL);
    }

    #[test]
    fn widths_double_from_four_beams_and_stay_below_half_the_image() {
        let widths = |auto: &Widths, most: usize| -> Vec<f64> {
            let scales = auto.scales(3.0, (200, 300), most, (SHAPES[0], 0.6));
            scales.iter().map(|scale| scale.width).collect()
        };
        assert_eq!(widths(&Widths::Auto, 0), [0.0, 12.0, 24.0, 48.0, 96.0]);
        assert_eq!(widths(&Widths::Auto, 2), [0.0, 12.0]);
        assert_eq!(widths(&"20,0,5.5,20".parse().unwrap(), 0), [0.0, 5.5, 20.0]);
        assert!("5,x".parse::<Widths>().is_err() && "-1".parse::<Widths>().is_err() && "".parse::<Widths>().is_err());
    }

    #[test]
    fn wider_scales_count_for_more_the_lower_the_bias() {
        let bias = |width: f64, bias: f64| Scale::new(width, SHAPES[0], bias, 3.0).bias;
        assert!((bias(6.0, 0.6) - 1.0).abs() < 1e-6 && (bias(12.0, 0.6) - 1.0 / 0.6).abs() < 1e-6);
        assert!(bias(48.0, 0.5) > bias(48.0, 0.6) && bias(0.0, 0.5).to_bits() == 1.0_f32.to_bits());
    }

    #[test]
    fn centres_keep_off_the_sides_and_on_the_grid() {
        let scale = Scale::new(50.0, SHAPES[0], 0.6, 3.0);
        let step = |ly: usize, lx: usize| scale.on(&Layout { ly, lx, block: 16 }).step;
        assert_eq!([step(256, 384), step(250, 256), step(125, 256)], [4, 2, 1], "as coarse as the layout has it");
        let grid = Grid { step: 3, ..scale.grid() };
        assert_eq!(grid.edge, 25);
        assert!(grid.holds(27, 100) && !grid.holds(24, 100) && !grid.holds(26, 100));
        assert!(grid.holds(72, 100) && !grid.holds(75, 100));
        let held: Vec<_> = (0..100).filter(|at| grid.holds(*at, 100)).collect();
        assert_eq!(grid.along(100).collect::<Vec<_>>(), held);
        assert_eq!(grid.along(40).count(), 0);
    }
}
