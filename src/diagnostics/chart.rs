//! A frame with two axes, shared by the plots that are made of lines.

use super::colour::Rgb;
use super::scene::{Across, Along, Area, Label, Pen, Point, Scene};
use super::ticks::{Tick, bent, linear, logarithmic};

/// Size of the numbers on an axis.
pub(crate) const SMALL: f64 = 18.0;
/// Size of the name of an axis.
pub(crate) const MEDIUM: f64 = 20.0;
/// Size of a heading.
pub(crate) const LARGE: f64 = 26.0;
/// Frames and ticks.
pub(crate) const INK: Rgb = [60, 60, 60];
/// Less important text.
pub(crate) const PALE: Rgb = [110, 110, 110];
const GRID: Rgb = [228, 228, 228];
/// Room that a tick takes beside its frame.
pub(crate) const TICK: f64 = 6.0;

/// How values lie along an axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scale {
    Linear,
    Logarithmic,
    /// By the square root of the distance from the low end: room for what happens early.
    Root,
}

/// A range of values along one side of a frame.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Axis {
    low: f64,
    high: f64,
    scale: Scale,
}

impl Axis {
    /// A linear axis; an empty range is widened, so that it can be drawn.
    pub(crate) fn linear(low: f64, high: f64) -> Self {
        let high = if high > low { high } else { low + low.abs().max(1.0) };
        Self { low, high, scale: Scale::Linear }
    }

    /// An axis from 0 that gives more room to low values.
    pub(crate) fn root(high: f64) -> Self {
        Self { scale: Scale::Root, ..Self::linear(0.0, high) }
    }

    /// A logarithmic axis through all positive values, with a little room; none where none is positive.
    pub(crate) fn logarithmic(values: impl Iterator<Item = f64>) -> Option<Self> {
        let positive = values.filter(|value| *value > 0.0 && value.is_finite());
        let (low, high) = positive.fold((f64::INFINITY, 0.0f64), |(low, high), v| (low.min(v), high.max(v)));
        let room = (high / low).powf(0.06).max(1.15);
        (high > 0.0).then_some(Self { low: low / room, high: high * room, scale: Scale::Logarithmic })
    }

    /// Place of a value from 0 (low) to 1 (high); outside for values outside.
    pub(crate) fn place(&self, value: f64) -> f64 {
        match self.scale {
            Scale::Linear => (value - self.low) / (self.high - self.low),
            Scale::Logarithmic => (value / self.low).ln() / (self.high / self.low).ln(),
            Scale::Root => ((value - self.low) / (self.high - self.low)).max(0.0).sqrt(),
        }
    }

    /// Round values inside, at most about `most`.
    pub(crate) fn ticks(&self, most: f64) -> Vec<Tick> {
        match self.scale {
            Scale::Linear => linear(self.low, self.high, most),
            Scale::Logarithmic => logarithmic(self.low, self.high, most),
            Scale::Root => bent((self.low, self.high), 1.0 / most, |value| self.place(value)),
        }
    }

    /// Whether the axis can show the value.
    pub(crate) fn holds(&self, value: f64) -> bool {
        (-1e-9..=1.0 + 1e-9).contains(&self.place(value))
    }
}

/// A frame with an axis along x and one along y.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Chart {
    pub(crate) area: Area,
    pub(crate) x: Axis,
    pub(crate) y: Axis,
}

impl Chart {
    /// Where a pair of values is drawn.
    pub(crate) fn at(&self, x: f64, y: f64) -> Point {
        let area = self.area;
        (area.x + self.x.place(x) * area.w, area.bottom() - self.y.place(y).clamp(-0.01, 1.01) * area.h)
    }

    /// Frame, grid and numbers along y, with its name.
    pub(crate) fn draw_y(&self, scene: &mut Scene, name: &str) {
        let area = self.area;
        for tick in self.y.ticks((area.h / 45.0).max(2.0)) {
            let y = area.bottom() - self.y.place(tick.value) * area.h;
            scene.line(vec![(area.x, y), (area.right(), y)], Pen::new(GRID, 1.0));
            scene.line(vec![(area.x - TICK, y), (area.x, y)], Pen::new(INK, 1.5));
            let label = Label::new(tick.label, (area.x - TICK - 4.0, y), SMALL);
            scene.text(label.anchored(Along::End, Across::Middle));
        }
        let name = Label::new(name, (area.x - 92.0, area.y + area.h / 2.0), MEDIUM);
        scene.text(name.anchored(Along::Middle, Across::Middle).upright());
        scene.frame(area, Pen::new(INK, 1.5));
    }

    /// Grid lines at the ticks along x, with numbers and the name below where `name` is given.
    pub(crate) fn draw_x(&self, scene: &mut Scene, name: Option<&str>) {
        let area = self.area;
        for tick in self.x.ticks((area.w / 110.0).max(2.0)) {
            let x = area.x + self.x.place(tick.value) * area.w;
            scene.line(vec![(x, area.y), (x, area.bottom())], Pen::new(GRID, 1.0));
            if name.is_some() {
                scene.line(vec![(x, area.bottom()), (x, area.bottom() + TICK)], Pen::new(INK, 1.5));
                let label = Label::new(tick.label, (x, area.bottom() + TICK + 5.0), SMALL);
                scene.text(label.anchored(Along::Middle, Across::Top));
            }
        }
        if let Some(name) = name {
            let name = Label::new(name, (area.x + area.w / 2.0, area.bottom() + 36.0), MEDIUM);
            scene.text(name.anchored(Along::Middle, Across::Top));
        }
    }
}

/// Cuts a text so that it is no wider than `width` at the size.
pub(crate) fn shortened(text: &str, size: f64, width: f64) -> String {
    if super::scene::text_width(text, size) <= width {
        return text.into();
    }
    let mut kept: String = text.into();
    while kept.pop().is_some() {
        let cut = format!("{}…", kept.trim_end());
        if super::scene::text_width(&cut, size) <= width {
            return cut;
        }
    }
    String::new()
}

/// Breaks a text between words into lines no wider than `width` at the size; a longer word is cut.
pub(crate) fn wrapped(text: &str, size: f64, width: f64) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        let longer = lines.last().map(|line| format!("{line} {word}"));
        match longer.filter(|line| super::scene::text_width(line, size) <= width) {
            Some(longer) => *lines.last_mut().expect("a line to lengthen") = longer,
            None => lines.push(shortened(word, size, width)),
        }
    }
    lines
}
