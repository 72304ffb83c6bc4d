//! Where boxes stand.

use super::sketch::Sketch;
use super::{Direction, Look};

/// Width of a letter over its size, on the safe side for the usual sans-serif fonts.
const LETTER: f64 = 0.62;
/// Size of the letters in boxes.
pub(super) const FONT: f64 = 12.0;
/// More boxes than this in the longest column have one line of text.
const ROOMY: usize = 40;

/// Boxes on the page; `x` and `y` are their upper left corners.
pub(super) struct Layout {
    pub(super) corners: Vec<(f64, f64)>,
    /// Width and height of every box.
    pub(super) size: (f64, f64),
    /// Whether name and place have a line each.
    pub(super) has_two_lines: bool,
    /// Width and height of all.
    pub(super) extent: (f64, f64),
}

impl Layout {
    pub(super) fn new(sketch: &Sketch, look: &Look<'_>) -> Self {
        let levels = sketch.nodes.iter().map(|node| node.level as usize + 1).max().unwrap_or(0);
        let mut rows = vec![0usize; levels];
        let slots: Vec<usize> = sketch
            .nodes
            .iter()
            .map(|node| {
                rows[node.level as usize] += 1;
                rows[node.level as usize] - 1
            })
            .collect();
        let most = rows.iter().copied().max().unwrap_or(0);
        let has_two_lines = look.direction == Direction::TopDown || most <= ROOMY;
        let letters = sketch.nodes.iter().map(|node| {
            let (name, place) = (node.layer.chars().count(), node.place.chars().count());
            if has_two_lines { name.max(place) } else { name + place + 1 }
        });
        let width = 18.0 + LETTER * FONT * letters.max().unwrap_or(0) as f64;
        let size = (width.clamp(56.0, 260.0), if has_two_lines { 36.0 } else { 20.0 });
        // lines between tall columns need room to turn
        let between = 56.0 + 3.0 * (most as f64).min(40.0);
        let (along, across) = match look.direction {
            Direction::LeftRight => (size.0 + between, size.1 + if has_two_lines { 12.0 } else { 5.0 }),
            Direction::TopDown => (size.1 + between, size.0 + 12.0),
        };
        let corners = sketch.nodes.iter().zip(slots).map(|(node, slot)| {
            // columns are centred
            let row = slot as f64 + (most - rows[node.level as usize]) as f64 / 2.0;
            let (along, across) = (f64::from(node.level) * along, row * across);
            match look.direction {
                Direction::LeftRight => (along, across),
                Direction::TopDown => (across, along),
            }
        });
        let corners: Vec<_> = corners.collect();
        let extent = corners.iter().fold((0.0f64, 0.0f64), |(w, h), (x, y)| (w.max(x + size.0), h.max(y + size.1)));
        Self { corners, size, has_two_lines, extent }
    }
}

/// Width of a text \[pixels\], on the safe side.
pub(super) fn text_width(text: &str, size: f64) -> f64 {
    LETTER * size * text.chars().count() as f64
}
