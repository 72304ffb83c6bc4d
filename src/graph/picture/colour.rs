//! The colours of boxes.

use super::sketch::Node;
use super::{ColourBy, Look, Picture};

/// Red, green, blue.
pub type Rgb = [u8; 3];

/// Given values, and what has no number.
pub(super) const GREY: Rgb = [225, 225, 225];

/// Colours of categories: M. Okabe and K. Ito 2008, "Color Universal Design", without black, then others that keep apart
/// from them and from each other.
const CATEGORIES: [Rgb; 20] = [
    [0, 114, 178],
    [230, 159, 0],
    [0, 158, 115],
    [213, 94, 0],
    [86, 180, 233],
    [204, 121, 167],
    [110, 80, 150],
    [140, 90, 60],
    [160, 175, 90],
    [240, 228, 66],
    [0, 90, 95],
    [150, 20, 60],
    [130, 210, 180],
    [250, 160, 140],
    [45, 60, 120],
    [190, 165, 230],
    [100, 110, 35],
    [205, 190, 165],
    [170, 60, 170],
    [60, 130, 50],
];

/// The n-th category; beyond the list hues that are a golden angle apart, two of three pale or dark.
pub fn category(n: usize) -> Rgb {
    CATEGORIES.get(n).copied().unwrap_or_else(|| {
        let (turn, value) = ((n as f64 * 0.618_033_988_75).fract(), [0.75, 0.95, 0.55][n % 3]);
        // red, green and blue stand a third of a turn apart
        [0.0, 1.0 / 3.0, 2.0 / 3.0].map(|offset| {
            let wave = 0.5 + 0.5 * (2.0 * std::f64::consts::PI * (turn - offset)).cos();
            (255.0 * value * (0.35 + 0.65 * wave)) as u8
        })
    })
}

/// Viridis of S. van der Walt and N. Smith (matplotlib 1.5, CC0), at every eighth from a third up: light enough for dark text.
const SCALE: [Rgb; 6] = [[68, 58, 131], [49, 104, 142], [33, 145, 140], [53, 183, 121], [144, 215, 67], [253, 231, 37]];

/// How boxes get their colours, for all pictures of a page.
pub(super) enum Palette {
    /// Kinds in the order of their colours.
    Kinds(Vec<String>),
    /// A number of each box on a scale.
    Scale { value: fn(&Node) -> Option<f64>, low: f64, high: f64, is_log: bool },
}

impl Palette {
    pub(super) fn new(pictures: &[Picture], look: &Look<'_>) -> Self {
        let nodes = || pictures.iter().flat_map(|picture| &picture.sketch.nodes);
        let (value, is_log): (fn(&Node) -> Option<f64>, bool) = match look.colour {
            ColourBy::Kind => {
                let mut kinds = look.kinds.to_vec();
                for kind in nodes().filter_map(|node| node.kind) {
                    if !kinds.iter().any(|known| known == kind) {
                        kinds.push(kind.to_owned());
                    }
                }
                return Self::Kinds(kinds);
            }
            ColourBy::Order => (|node| node.kind.map(|_| node.rank), false),
            ColourBy::Age => (|node| Some(node.age), false),
            ColourBy::Bytes => (|node| Some(node.bytes as f64).filter(|bytes| *bytes > 0.0), true),
            ColourBy::Time => (|node| node.seconds.filter(|seconds| *seconds > 0.0), true),
        };
        let (low, high) = nodes()
            .filter_map(value)
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)));
        Self::Scale { value, low, high, is_log }
    }

    pub(super) fn of(&self, node: &Node) -> Rgb {
        match self {
            Self::Kinds(kinds) => {
                let place = node.kind.and_then(|kind| kinds.iter().position(|known| known == kind));
                place.map_or(GREY, category)
            }
            Self::Scale { value, low, high, is_log } => value(node).map_or(GREY, |value| {
                let (value, low, high) = if *is_log { (value.ln(), low.ln(), high.ln()) } else { (value, *low, *high) };
                scale(if high > low { (value - low) / (high - low) } else { 1.0 })
            }),
        }
    }
}

/// A colour for `t` in `[0, 1]`, dark to light.
pub(super) fn scale(t: f64) -> Rgb {
    let place = t.clamp(0.0, 1.0) * (SCALE.len() - 1) as f64;
    let first = (place as usize).min(SCALE.len() - 2);
    let part = place - first as f64;
    [0, 1, 2].map(|channel| {
        let (from, to) = (f64::from(SCALE[first][channel]), f64::from(SCALE[first + 1][channel]));
        (from + (to - from) * part).round() as u8
    })
}

/// Whether text on the colour should be white.
pub(super) fn is_dark([r, g, b]: Rgb) -> bool {
    0.299 * f64::from(r) + 0.587 * f64::from(g) + 0.114 * f64::from(b) < 140.0
}

/// The colour as CSS and DOT write it.
pub(super) fn hex([r, g, b]: Rgb) -> String {
    format!("#{r:02x}{g:02x}{b:02x}")
}
