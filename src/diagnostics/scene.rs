//! A picture as a list of marks, and its two forms: PNG and SVG.
//!
//! Plots only lay out marks, which tests can look at; `render` turns them into pixels or text.

mod render;

use super::colour::Rgb;
#[cfg(test)]
use render::CAPITAL;
pub(crate) use render::{DrawError, text_width};

/// A point in scene pixels, y downwards.
pub(crate) type Point = (f64, f64);

/// An upright box in scene pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Area {
    pub(crate) x: f64,
    pub(crate) y: f64,
    pub(crate) w: f64,
    pub(crate) h: f64,
}

impl Area {
    pub(crate) fn new(x: f64, y: f64, w: f64, h: f64) -> Self {
        Self { x, y, w, h }
    }

    pub(crate) fn right(&self) -> f64 {
        self.x + self.w
    }

    pub(crate) fn bottom(&self) -> f64 {
        self.y + self.h
    }

    /// Whether two boxes share an area.
    #[cfg(test)]
    pub(crate) fn overlaps(&self, other: &Self) -> bool {
        self.x < other.right() && other.x < self.right() && self.y < other.bottom() && other.y < self.bottom()
    }
}

/// Which point of a text stands at its place, along the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Along {
    Start,
    Middle,
    End,
}

/// Which point of a text stands at its place, across the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Across {
    Top,
    Middle,
    Baseline,
}

/// One line of text.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Label {
    pub(crate) text: String,
    pub(crate) at: Point,
    pub(crate) size: f64,
    pub(crate) along: Along,
    pub(crate) across: Across,
    /// Reads upwards.
    pub(crate) is_upright: bool,
    pub(crate) colour: Rgb,
}

impl Label {
    /// Black text whose beginning stands at a point, centred across.
    pub(crate) fn new(text: impl Into<String>, at: Point, size: f64) -> Self {
        let (along, across) = (Along::Start, Across::Middle);
        Self { text: text.into(), at, size, along, across, is_upright: false, colour: [30, 30, 30] }
    }

    pub(crate) fn anchored(self, along: Along, across: Across) -> Self {
        Self { along, across, ..self }
    }

    pub(crate) fn coloured(self, colour: Rgb) -> Self {
        Self { colour, ..self }
    }

    pub(crate) fn upright(self) -> Self {
        Self { is_upright: true, ..self }
    }

    /// Box of the capitals: what must not touch another text.
    #[cfg(test)]
    pub(crate) fn extent(&self) -> Area {
        let (w, h) = (text_width(&self.text, self.size), CAPITAL * self.size);
        let along = match self.along {
            Along::Start => 0.0,
            Along::Middle => -w / 2.0,
            Along::End => -w,
        };
        let across = match self.across {
            Across::Top => 0.0,
            Across::Middle => -h / 2.0,
            Across::Baseline => -h,
        };
        let (x, y) = self.at;
        if self.is_upright {
            Area::new(x + across, y - along - w, h, w)
        } else {
            Area::new(x + along, y + across, w, h)
        }
    }
}

/// How a line looks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Pen {
    pub(crate) colour: Rgb,
    pub(crate) width: f64,
    pub(crate) alpha: f64,
}

impl Pen {
    pub(crate) fn new(colour: Rgb, width: f64) -> Self {
        Self { colour, width, alpha: 1.0 }
    }
}

/// One thing to draw.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Mark {
    Fill {
        area: Area,
        colour: Rgb,
        alpha: f64,
    },
    Line {
        points: Vec<Point>,
        pen: Pen,
    },
    Shape {
        points: Vec<Point>,
        colour: Rgb,
        alpha: f64,
    },
    Text(Label),
    /// Cells stretched over the area.
    Cells {
        area: Area,
        cells: Cells,
    },
}

/// Coloured cells in rows, the first at the bottom.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Cells {
    /// Rows and columns.
    pub(crate) shape: (usize, usize),
    /// How many of them are seen, from the bottom left: the last may be cut.
    pub(crate) shown: (f64, f64),
    pub(crate) colours: Vec<Rgb>,
}

/// A picture on white.
#[derive(Debug, Clone)]
pub(crate) struct Scene {
    /// Width and height \[pixels\].
    pub(crate) size: (u32, u32),
    pub(crate) marks: Vec<Mark>,
}

impl Scene {
    pub(crate) fn new(width: f64, height: f64) -> Self {
        Self { size: (width.ceil() as u32, height.ceil() as u32), marks: Vec::new() }
    }

    pub(crate) fn fill(&mut self, area: Area, colour: Rgb, alpha: f64) {
        self.marks.push(Mark::Fill { area, colour, alpha });
    }

    pub(crate) fn text(&mut self, label: Label) {
        self.marks.push(Mark::Text(label));
    }

    /// A line through the points; two points at one height or one above the other become a sharp box.
    pub(crate) fn line(&mut self, points: Vec<Point>, pen: Pen) {
        if let [from, to] = points[..]
            && ((from.0 - to.0).abs() < 1e-9 || (from.1 - to.1).abs() < 1e-9)
        {
            let (x, y) = (from.0.min(to.0) - pen.width / 2.0, from.1.min(to.1) - pen.width / 2.0);
            let (w, h) = ((from.0 - to.0).abs() + pen.width, (from.1 - to.1).abs() + pen.width);
            return self.fill(Area::new(x, y, w, h), pen.colour, pen.alpha);
        }
        self.marks.push(Mark::Line { points, pen });
    }

    /// A dashed line through the points.
    pub(crate) fn dashes(&mut self, points: &[Point], pen: Pen) {
        const PERIOD: f64 = 10.0;
        const DASH: f64 = 6.0;
        let mut phase = 0.0;
        for pair in points.windows(2) {
            let (from, to) = (pair[0], pair[1]);
            let length = (to.0 - from.0).hypot(to.1 - from.1);
            let at = |s: f64| (from.0 + (to.0 - from.0) * s / length, from.1 + (to.1 - from.1) * s / length);
            let mut begin = -phase;
            while begin < length {
                let (first, last) = (begin.max(0.0), (begin + DASH).min(length));
                if last > first {
                    self.line(vec![at(first), at(last)], pen);
                }
                begin += PERIOD;
            }
            phase = (phase + length) % PERIOD;
        }
    }

    /// Slanting lines over an area.
    pub(crate) fn hatch(&mut self, area: Area, colour: Rgb) {
        const STEP: f64 = 6.0;
        let lines = ((area.w + area.h) / STEP).ceil() as usize;
        for line in 1..lines {
            // from the left or the bottom edge up to the top or the right
            let s = line as f64 * STEP;
            let from = (area.x + (s - area.h).max(0.0), area.y + s.min(area.h));
            let to = (area.x + s.min(area.w), area.y + (s - area.w).max(0.0));
            self.line(vec![from, to], Pen { alpha: 0.75, ..Pen::new(colour, 2.0) });
        }
    }

    /// A box of lines just outside the area.
    pub(crate) fn frame(&mut self, area: Area, pen: Pen) {
        let half = pen.width / 2.0;
        let (left, top, right, bottom) = (area.x - half, area.y - half, area.right() + half, area.bottom() + half);
        self.line(vec![(left, top), (right, top)], pen);
        self.line(vec![(left, bottom), (right, bottom)], pen);
        self.line(vec![(left, top), (left, bottom)], pen);
        self.line(vec![(right, top), (right, bottom)], pen);
    }
}

#[cfg(test)]
pub(crate) mod tests;
