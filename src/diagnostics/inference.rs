//! What Wiener-Hunt inferred: λ by every criterion, its posterior and chains, and the uncertainty of the estimate.
//!
//! Pictures show the first plane; the tables beside them hold all.

mod hyper;
mod lambda;
mod uncertainty;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use crate::pipeline::record::{PlaneInference, RunRecord};

use super::chart::{Chart, LARGE, MEDIUM, PALE, SMALL, shortened};
use super::colour::Rgb;
use super::plot::{PlotError, save_png, write_whole};
use super::scene::{Label, Mark, Pen, Scene};

const WIDTH: f64 = 1300.0;
const LEFT: f64 = 140.0;
const RIGHT: f64 = 1250.0;
const TAKES: &str = "a string takes everything";

/// Every criterion over λ, and the L-curve.
///
/// # Errors
/// When the picture or the table cannot be drawn or written.
pub(crate) fn draw_lambda(record: &RunRecord, prefix: &Path) -> Result<Vec<PathBuf>, PlotError> {
    let Some(plane) = record.inference.iter().find(|plane| plane.curves.is_some()) else { return Ok(Vec::new()) };
    let Some(scene) = lambda::scene(plane, count(record)) else { return Ok(Vec::new()) };
    Ok(vec![
        save_png(&scene, prefix, "lambda.png")?,
        save_table(&lambda::table(&record.inference), prefix, "lambda.csv")?,
    ])
}

/// The posterior standard deviation by spatial frequency.
///
/// # Errors
/// When the picture or the table cannot be drawn or written.
pub(crate) fn draw_uncertainty(record: &RunRecord, prefix: &Path) -> Result<Vec<PathBuf>, PlotError> {
    let Some(plane) = record.inference.iter().find(|plane| !plane.spread.is_empty()) else { return Ok(Vec::new()) };
    let Some(scene) = uncertainty::scene(plane, count(record)) else { return Ok(Vec::new()) };
    let table = uncertainty::table(&record.inference);
    Ok(vec![save_png(&scene, prefix, "uncertainty.png")?, save_table(&table, prefix, "uncertainty.csv")?])
}

/// The posterior of λ, and the chains where there are any.
///
/// # Errors
/// When the picture or the table cannot be drawn or written.
pub(crate) fn draw_hyper(record: &RunRecord, prefix: &Path) -> Result<Vec<PathBuf>, PlotError> {
    let is_drawn = |plane: &&PlaneInference| plane.chains.is_some() || plane.posterior.is_some();
    let Some(plane) = record.inference.iter().find(is_drawn) else { return Ok(Vec::new()) };
    let Some(scene) = hyper::scene(plane, count(record)) else { return Ok(Vec::new()) };
    Ok(vec![save_png(&scene, prefix, "hyper.png")?, save_table(&hyper::table(&record.inference), prefix, "hyper.csv")?])
}

fn count(record: &RunRecord) -> usize {
    record.inference.len()
}

fn save_table(text: &str, prefix: &Path, suffix: &str) -> Result<PathBuf, PlotError> {
    let stem = prefix.file_name().unwrap_or_default().to_string_lossy();
    let path = prefix.with_file_name(format!("{stem}-{suffix}"));
    write_whole(&path, text.as_bytes())?;
    Ok(path)
}

/// A table with a heading; labels of planes are quoted.
struct Table(String);

impl Table {
    fn new(heading: &str) -> Self {
        Self(format!("plane,{heading}\n"))
    }

    /// A row of numbers; what is not known stays empty.
    fn row(&mut self, plane: &str, cells: &[Option<f64>]) {
        write!(self.0, "\"{}\"", plane.replace('"', "\"\"")).expect(TAKES);
        for cell in cells {
            self.0.push(',');
            if let Some(cell) = cell {
                write!(self.0, "{cell:e}").expect(TAKES);
            }
        }
        self.0.push('\n');
    }
}

/// The heading of a picture: what it shows, of which plane, and a line of facts.
fn heading(scene: &mut Scene, title: &str, (plane, planes): (&PlaneInference, usize), facts: &str) {
    let of = if plane.label.is_empty() { String::new() } else { format!(" of {}", plane.label) };
    let more = if planes > 1 { format!(" (first of {planes} planes; the table holds all)") } else { String::new() };
    let title = shortened(&format!("{title}{of}{more}"), LARGE, RIGHT - LEFT);
    scene.text(Label::new(title, (LEFT, 38.0), LARGE));
    scene.text(Label::new(shortened(facts, MEDIUM, RIGHT - LEFT), (LEFT, 74.0), MEDIUM).coloured(PALE));
}

/// A line through those values that the chart can show, broken where it cannot.
fn curve(scene: &mut Scene, chart: &Chart, values: impl Iterator<Item = (f64, f64)>, pen: Pen) {
    let place = |(x, y): (f64, f64)| (chart.x.holds(x) && chart.y.holds(y)).then(|| chart.at(x, y));
    let places: Vec<_> = values.map(place).collect();
    for run in places.split(Option::is_none) {
        let run: Vec<_> = run.iter().copied().flatten().collect();
        if run.len() > 1 {
            scene.line(run, pen);
        }
    }
}

/// A dot, where the chart can show it.
fn dot(scene: &mut Scene, chart: &Chart, (x, y): (f64, f64), colour: Rgb) {
    if chart.x.holds(x) && chart.y.holds(y) {
        let (cx, cy) = chart.at(x, y);
        let corners = (0..20).map(|n| (f64::from(n) / 20.0 * std::f64::consts::TAU).sin_cos());
        let points = corners.map(|(sin, cos)| (cx + 6.5 * cos, cy + 6.5 * sin)).collect();
        scene.marks.push(Mark::Shape { points, colour, alpha: 1.0 });
    }
}

/// Names of lines with their colours, one after the other from `at`; onto a new line where there is no room.
fn legend<'a>(scene: &mut Scene, at: (f64, f64), names: impl Iterator<Item = (&'a str, Rgb)>) {
    let (mut x, mut y) = at;
    for (name, colour) in names {
        let width = 78.0 + super::scene::text_width(name, SMALL);
        if x > at.0 && x + width > RIGHT {
            (x, y) = (at.0, y + 28.0);
        }
        scene.line(vec![(x, y), (x + 36.0, y)], Pen::new(colour, 3.0));
        scene.text(Label::new(name, (x + 44.0, y), SMALL));
        x += width;
    }
}

#[cfg(test)]
mod tests;
