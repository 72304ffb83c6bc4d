//! `PREFIX-convergence.png`: how peak, noise, threshold and model flux went with the iterations.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::pipeline::record::{Convergence, CyclePoint, PlaneCurve, RunRecord};

use super::chart::{Axis, Chart, INK, LARGE, MEDIUM, PALE, SMALL, shortened};
use super::colour::{Rgb, category, viridis};
use super::plot::{PlotError, save_png};
use super::scene::{Across, Along, Area, Cells, Label, Mark, Pen, Scene};
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

pub(crate) fn scene(convergence: &Convergence) -> Scene {
    let planes = &convergence.planes;
    let points = || planes.iter().flat_map(|plane| &plane.points);
    let mut scene = Scene::new(WIDTH, HEIGHT);
    draw_heading(&mut scene, planes);

    let last = points().map(|point| point.iterations).max().unwrap_or(0) as f64;
    let x = Axis::linear(0.0, last.max(1.0) * 1.02);
    let levels = points().flat_map(|p| [Some(p.peak), p.sigma, p.threshold]).flatten();
    let largest = levels.clone().filter(|level| level.is_finite()).fold(0.0, f64::max);
    let (letter, factor) = prefix(largest, "Jy/beam");
    let levels = Axis::logarithmic(levels.map(|level| level / factor)).unwrap_or(Axis::linear(0.0, 1.0));
    let upper = Chart { area: Area::new(LEFT, 150.0, RIGHT - LEFT, 450.0), x, y: levels };
    upper.draw_x(&mut scene, None);
    upper.draw_y(&mut scene, &format!("|residual| [{letter}Jy/beam]"));

    let flux = || points().map(|point| point.flux).filter(|flux| flux.is_finite());
    let (low, high) = flux().fold((0.0f64, 0.0f64), |(low, high), flux| (low.min(flux), high.max(flux)));
    let (letter, flux_factor) = prefix(high.max(-low), "Jy");
    let room = 0.06 * (high - low) / flux_factor;
    let y = Axis::linear(low / flux_factor - if low < 0.0 { room } else { 0.0 }, high / flux_factor + room);
    let lower = Chart { area: Area::new(LEFT, 630.0, RIGHT - LEFT, 230.0), x, y };
    lower.draw_x(&mut scene, Some("minor iterations"));
    lower.draw_y(&mut scene, &format!("model flux [{letter}Jy]"));

    for (place, plane) in planes.iter().enumerate() {
        let colour = plane_colour(place, planes.len());
        let look = Look { colour, alone: planes.len() == 1, thin: planes.len() > FEW };
        draw_levels(&mut scene, &upper, (plane, factor), look);
        draw_curve(&mut scene, &lower, (plane, &|point| Some(point.flux / flux_factor)), look.peak());
    }
    draw_legend(&mut scene, planes);
    scene
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
    fn peak(self) -> Line {
        let pen = if self.thin { Pen { alpha: 0.8, ..Pen::new(self.colour, 1.5) } } else { Pen::new(self.colour, 2.5) };
        Line { pen, is_dashed: false, has_points: !self.thin }
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
    let noise = Line { pen: look.other(NOISE, 0.45), is_dashed: false, has_points: false };
    let threshold = Line { pen: look.other(THRESHOLD, 0.7), is_dashed: true, has_points: false };
    draw_curve(scene, chart, (plane, &|point| point.sigma.map(|sigma| sigma / factor)), noise);
    draw_curve(scene, chart, (plane, &|point| point.threshold.map(|level| level / factor)), threshold);
    draw_curve(scene, chart, (plane, &|point| Some(point.peak / factor)), look.peak());
}

/// What is drawn of a point.
type Value<'a> = &'a dyn Fn(&CyclePoint) -> Option<f64>;

/// A value of each point; the line is broken where there is none, or none that the axis can show.
fn draw_curve(scene: &mut Scene, chart: &Chart, (plane, value): (&PlaneCurve, Value), line: Line) {
    let places: Vec<_> = plane
        .points
        .iter()
        .map(|point| {
            let value = value(point).filter(|value| chart.y.holds(*value))?;
            Some(chart.at(point.iterations as f64, value))
        })
        .collect();
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
fn draw_heading(scene: &mut Scene, planes: &[PlaneCurve]) {
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

/// What the lines mean, and which colour is which plane.
fn draw_legend(scene: &mut Scene, planes: &[PlaneCurve]) {
    let y = 122.0;
    let look = Look { colour: INK, alone: planes.len() == 1, thin: false };
    let peak = Pen::new(if look.alone { category(0) } else { INK }, 2.5);
    let kinds = [("peak", peak), ("noise", look.other(NOISE, 0.45)), ("threshold", look.other(THRESHOLD, 0.7))];
    let mut x = LEFT;
    for (name, pen) in kinds {
        let ends = [(x, y), (x + 40.0, y)];
        if name == "threshold" {
            scene.dashes(&ends, pen);
        } else {
            scene.line(ends.to_vec(), pen);
        }
        scene.text(Label::new(name, (x + 48.0, y), SMALL));
        x += 80.0 + super::scene::text_width(name, SMALL);
    }
    if planes.len() > FEW {
        let bar = Area::new(RIGHT - 330.0, y - 8.0, 160.0, 16.0);
        let colours = (0..planes.len()).map(|place| plane_colour(place, planes.len())).collect();
        let cells = Cells { shape: (1, planes.len()), shown: (1.0, planes.len() as f64), colours };
        scene.marks.push(Mark::Cells { area: bar, cells });
        let (first, last) = (&planes[0].label, &planes[planes.len() - 1].label);
        let first = Label::new(shortened(first, SMALL, 160.0), (bar.x - 8.0, y), SMALL);
        scene.text(first.anchored(Along::End, Across::Middle));
        scene.text(Label::new(shortened(last, SMALL, 160.0), (bar.right() + 8.0, y), SMALL));
        return;
    }
    let room = (RIGHT - x) / planes.len() as f64;
    for (place, plane) in planes.iter().enumerate().filter(|_| planes.len() > 1) {
        scene.fill(Area::new(x, y - 7.0, 14.0, 14.0), plane_colour(place, planes.len()), 1.0);
        scene.text(Label::new(shortened(&plane.label, SMALL, room - 36.0), (x + 20.0, y), SMALL));
        x += room;
    }
}

#[cfg(test)]
mod tests;
