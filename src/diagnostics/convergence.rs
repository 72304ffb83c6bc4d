//! `PREFIX-convergence.png`: how peak, noise, threshold and model flux went with the iterations, or a solver's residual.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::pipeline::record::{Convergence, CyclePoint, PlaneCurve, RunRecord, SolverPoint};

use super::chart::{Axis, Chart, INK, LARGE, MEDIUM, PALE, SMALL, shortened};
use super::colour::{Rgb, category, viridis};
use super::plot::{PlotError, save_png};
use super::scene::{Area, Cells, Label, Mark, Pen, Scene};
use super::ticks::prefix;

const WIDTH: f64 = 1300.0;
const HEIGHT: f64 = 960.0;
const LEFT: f64 = 140.0;
const RIGHT: f64 = 1250.0;
/// So many planes or fewer have a colour and a line in the legend each.
const FEW: usize = 6;

/// Draws the curves, where the record has a plane with a point.
///
/// # Errors
/// When the picture cannot be drawn or written.
pub(crate) fn draw(record: &RunRecord, prefix: &Path) -> Result<Vec<PathBuf>, PlotError> {
    match &record.convergence {
        Some(convergence) if convergence.has_points() => {
            Ok(vec![save_png(&scene(convergence), prefix, "convergence.png")?])
        }
        _ => Ok(Vec::new()),
    }
}

/// How CLEAN's peak and flux went, or how the solver's residual did.
pub(crate) fn scene(convergence: &Convergence) -> Scene {
    let planes: Vec<&PlaneCurve> = convergence.planes.iter().collect();
    let is_solver = planes.iter().any(|plane| !plane.solver.is_empty());
    let legend = Legend::of(&planes, is_solver);
    let mut scene = Scene::new(WIDTH, HEIGHT + legend.height);
    draw_heading(&mut scene, &planes);
    draw_legend(&mut scene, &planes, &legend);
    let top = 150.0 + legend.height;
    if is_solver {
        draw_solver(&mut scene, &planes, Area::new(LEFT, top, RIGHT - LEFT, 710.0));
    } else {
        draw_clean(&mut scene, &planes, top);
    }
    scene
}

/// Peak, noise and threshold above, flux below.
fn draw_clean(scene: &mut Scene, planes: &[&PlaneCurve], top: f64) {
    let points = || planes.iter().flat_map(|plane| &plane.points);
    let last = points().map(|point| point.iterations).max().unwrap_or(0) as f64;
    let x = Axis::root(last.max(1.0) * 1.02);
    let levels = points().flat_map(|p| [Some(p.peak), p.sigma, p.threshold]).flatten();
    let largest = levels.clone().filter(|level| level.is_finite()).fold(0.0, f64::max);
    let (letter, factor) = prefix(largest, "Jy/beam");
    let levels = Axis::logarithmic(levels.map(|level| level / factor)).unwrap_or(Axis::linear(0.0, 1.0));
    let upper = Chart { area: Area::new(LEFT, top, RIGHT - LEFT, 450.0), x, y: levels };
    upper.draw_x(scene, None);
    upper.draw_y(scene, &format!("|residual| [{letter}Jy/beam]"));

    let flux = || points().map(|point| point.flux).filter(|flux| flux.is_finite());
    let (low, high) = flux().fold((0.0f64, 0.0f64), |(low, high), flux| (low.min(flux), high.max(flux)));
    let (letter, flux_factor) = prefix(high.max(-low), "Jy");
    let room = 0.06 * (high - low) / flux_factor;
    let y = Axis::linear(low / flux_factor - if low < 0.0 { room } else { 0.0 }, high / flux_factor + room);
    let lower = Chart { area: Area::new(LEFT, top + 480.0, RIGHT - LEFT, 230.0), x, y };
    lower.draw_x(scene, Some("minor iterations"));
    lower.draw_y(scene, &format!("model flux [{letter}Jy]"));

    for (place, plane) in planes.iter().enumerate() {
        let look = Look::of(place, planes.len());
        draw_levels(scene, &upper, (plane, factor), look);
        let flux = |point: &CyclePoint| (point.iterations as f64, Some(point.flux / flux_factor));
        draw_curve(scene, &lower, plane.points.iter().map(flux), look.peak());
    }
}

/// What is left of the equation, iteration by iteration, down to what counts as solved.
fn draw_solver(scene: &mut Scene, planes: &[&PlaneCurve], area: Area) {
    let points = || planes.iter().flat_map(|plane| &plane.solver);
    let last = points().map(|point| point.iteration).max().unwrap_or(0);
    let values = points().flat_map(|point| [point.relative, point.tolerance]);
    let y = Axis::logarithmic(values).unwrap_or(Axis::linear(0.0, 1.0));
    let chart = Chart { area, x: Axis::linear(0.0, f64::from(last.max(1)) * 1.02), y };
    chart.draw_x(scene, Some("iterations of the solver"));
    chart.draw_y(scene, "relative residual");
    for (place, plane) in planes.iter().enumerate() {
        let look = Look::of(place, planes.len());
        let at = |point: &SolverPoint| f64::from(point.iteration);
        let tolerance = plane.solver.iter().map(|point| (at(point), Some(point.tolerance)));
        draw_curve(scene, &chart, tolerance, look.threshold());
        draw_curve(scene, &chart, plane.solver.iter().map(|point| (at(point), Some(point.relative))), look.peak());
    }
}

/// How the lines of one plane look.
#[derive(Clone, Copy)]
struct Look {
    colour: Rgb,
    /// A single plane: noise and threshold get colours of their own.
    alone: bool,
    /// Many planes: thinner, and without points.
    thin: bool,
}

impl Look {
    fn of(place: usize, planes: usize) -> Self {
        Self { colour: plane_colour(place, planes), alone: planes == 1, thin: planes > FEW }
    }

    fn peak(self) -> Line {
        let pen = if self.thin { Pen { alpha: 0.8, ..Pen::new(self.colour, 1.5) } } else { Pen::new(self.colour, 2.5) };
        Line { pen, is_dashed: false, has_points: !self.thin }
    }

    fn noise(self) -> Line {
        Line { pen: self.other(NOISE, 0.45), is_dashed: false, has_points: false }
    }

    fn threshold(self) -> Line {
        Line { pen: self.other(THRESHOLD, 0.7), is_dashed: true, has_points: false }
    }

    fn other(self, alone: Rgb, alpha: f64) -> Pen {
        let width = if self.thin { 1.0 } else { 2.0 };
        let pen = Pen::new(if self.alone { alone } else { self.colour }, width);
        Pen { alpha: if self.alone { 1.0 } else { alpha }, ..pen }
    }
}

#[derive(Clone, Copy)]
struct Line {
    pen: Pen,
    is_dashed: bool,
    has_points: bool,
}

const NOISE: Rgb = [120, 120, 120];
const THRESHOLD: Rgb = [213, 94, 0];

fn plane_colour(place: usize, planes: usize) -> Rgb {
    if planes <= FEW { category(place) } else { viridis(0.95 * place as f64 / (planes - 1) as f64) }
}

/// Peak, noise and threshold of a plane, divided by the factor.
fn draw_levels(scene: &mut Scene, chart: &Chart, (plane, factor): (&PlaneCurve, f64), look: Look) {
    let mut draw = |level: fn(&CyclePoint) -> Option<f64>, line: Line| {
        let points = plane.points.iter();
        let values = points.map(|point| (point.iterations as f64, level(point).map(|level| level / factor)));
        draw_curve(scene, chart, values, line);
    };
    draw(|point| point.sigma, look.noise());
    draw(|point| point.threshold, look.threshold());
    draw(|point| Some(point.peak), look.peak());
}

/// Values; the line is broken where there is none, or none that the axis can show.
fn draw_curve(scene: &mut Scene, chart: &Chart, values: impl Iterator<Item = (f64, Option<f64>)>, line: Line) {
    let places: Vec<_> =
        values.map(|(x, value)| value.filter(|value| chart.y.holds(*value)).map(|value| chart.at(x, value))).collect();
    for run in places.split(Option::is_none) {
        let run: Vec<_> = run.iter().copied().flatten().collect();
        if line.has_points {
            for (x, y) in &run {
                let corners = (0..16).map(|n| (f64::from(n) / 16.0 * std::f64::consts::TAU).sin_cos());
                let points = corners.map(|(sin, cos)| (x + 4.5 * cos, y + 4.5 * sin)).collect();
                scene.marks.push(Mark::Shape { points, colour: line.pen.colour, alpha: 1.0 });
            }
        }
        match run.len() {
            0 | 1 => {}
            _ if line.is_dashed => scene.dashes(&run, line.pen),
            _ => scene.line(run, line.pen),
        }
    }
}

/// What it is, and why the planes stopped: the words for one, the counts for many.
fn draw_heading(scene: &mut Scene, planes: &[&PlaneCurve]) {
    let title = match planes {
        [plane] if !plane.label.is_empty() => format!("Convergence of {}", plane.label),
        [_] => "Convergence".into(),
        _ => format!("Convergence of {} planes", planes.len()),
    };
    scene.text(Label::new(shortened(&title, LARGE, RIGHT - LEFT), (LEFT, 38.0), LARGE));
    let mut stops: BTreeMap<&str, usize> = BTreeMap::new();
    for plane in planes.iter().filter(|plane| !plane.stop.is_empty()) {
        *stops.entry(&plane.stop).or_default() += 1;
    }
    let mut stops: Vec<_> = stops.into_iter().collect();
    stops.sort_by_key(|(stop, count)| (std::cmp::Reverse(*count), *stop));
    let words: Vec<String> = match planes {
        [_] => stops.iter().map(|(stop, _)| format!("stopped: {stop}")).collect(),
        _ => stops.iter().map(|(stop, count)| format!("{count} × {stop}")).collect(),
    };
    let text = shortened(&words.join(";  "), MEDIUM, RIGHT - LEFT);
    scene.text(Label::new(text, (LEFT, 74.0), MEDIUM).coloured(PALE));
}

/// Where the planes are named: below each other, as many to a line as fit.
struct Legend {
    /// Names of the lines, with how they look.
    lines: Vec<(&'static str, Line)>,
    /// Place of each plane's name; none for many planes, which are a bar of colours.
    places: Vec<(f64, f64)>,
    /// Height beyond that of a plot of one plane.
    height: f64,
}

/// Height of a line of the legend.
const LINE: f64 = 28.0;
/// Where the legend begins.
const LEGEND: f64 = 122.0;

impl Legend {
    fn of(planes: &[&PlaneCurve], is_solver: bool) -> Self {
        let one = planes.len() == 1;
        let look = Look { colour: if one { category(0) } else { INK }, alone: one, thin: false };
        let peak = Line { has_points: false, ..look.peak() };
        let lines = if is_solver {
            vec![("relative residual", peak), ("solved", look.threshold())]
        } else {
            vec![("peak", peak), ("noise", look.noise()), ("threshold", look.threshold())]
        };
        if one {
            return Self { lines, places: Vec::new(), height: 0.0 };
        }
        if planes.len() > FEW {
            return Self { lines, places: Vec::new(), height: LINE };
        }
        let (mut x, mut y) = (LEFT, LEGEND + LINE);
        let places = planes.iter().map(|plane| {
            let width = 48.0 + super::scene::text_width(&plane.label, SMALL);
            if x > LEFT && x + width > RIGHT {
                (x, y) = (LEFT, y + LINE);
            }
            let place = (x, y);
            x += width;
            place
        });
        let places: Vec<_> = places.collect();
        Self { lines, height: places.last().map_or(0.0, |place| place.1 - LEGEND), places }
    }
}

/// What the lines mean, and which colour is which plane.
fn draw_legend(scene: &mut Scene, planes: &[&PlaneCurve], legend: &Legend) {
    let mut x = LEFT;
    for (name, line) in &legend.lines {
        let ends = [(x, LEGEND), (x + 40.0, LEGEND)];
        if line.is_dashed {
            scene.dashes(&ends, line.pen);
        } else {
            scene.line(ends.to_vec(), line.pen);
        }
        scene.text(Label::new(*name, (x + 48.0, LEGEND), SMALL));
        x += 80.0 + super::scene::text_width(name, SMALL);
    }
    for (place, (plane, (x, y))) in planes.iter().zip(&legend.places).enumerate() {
        scene.fill(Area::new(*x, y - 7.0, 14.0, 14.0), plane_colour(place, planes.len()), 1.0);
        scene.text(Label::new(shortened(&plane.label, SMALL, RIGHT - x - 22.0), (x + 22.0, *y), SMALL));
    }
    if planes.len() > FEW {
        draw_bar(scene, planes, LEGEND + LINE);
    }
}

/// First and last plane at the ends of a bar of colours.
fn draw_bar(scene: &mut Scene, planes: &[&PlaneCurve], y: f64) {
    const BAR: f64 = 220.0;
    let room = (RIGHT - LEFT - BAR) / 2.0 - 16.0;
    let names = [planes[0], planes[planes.len() - 1]].map(|plane| shortened(&plane.label, SMALL, room));
    scene.text(Label::new(names[0].as_str(), (LEFT, y), SMALL));
    let bar = Area::new(LEFT + super::scene::text_width(&names[0], SMALL) + 12.0, y - 8.0, BAR, 16.0);
    let colours = (0..planes.len()).map(|place| plane_colour(place, planes.len())).collect();
    let cells = Cells { shape: (1, planes.len()), shown: (1.0, planes.len() as f64), colours };
    scene.marks.push(Mark::Cells { area: bar, cells });
    scene.text(Label::new(names[1].as_str(), (bar.right() + 12.0, y), SMALL));
}

#[cfg(test)]
mod tests;
