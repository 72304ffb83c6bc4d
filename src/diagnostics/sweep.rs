//! `PREFIX-sweep.svg` and `.png`: what was measured over a sweep, one panel for each quantity.

use std::path::{Path, PathBuf};

use crate::pipeline::sweep::{Curves, Panel, Series};

use super::chart::{Axis, Chart, INK, LARGE, MEDIUM, PALE, SMALL, TICK, shortened};
use super::colour::{Rgb, category};
use super::plot::{PlotError, save_png, save_svg};
use super::scene::{Across, Along, Area, Label, Mark, Pen, Scene, text_width};
use super::ticks::significant;

const WIDTH: f64 = 1300.0;
const LEFT: f64 = 140.0;
const RIGHT: f64 = 1250.0;
/// Room above the first panel.
const TOP: f64 = 190.0;
/// Heights of a panel and of the gap below it.
const PANEL: f64 = 170.0;
const GAP: f64 = 26.0;
/// Room below the last panel.
const BOTTOM: f64 = 80.0;
/// Colour of what is marked.
const MARKED: Rgb = [204, 60, 120];
/// Room of a curve's name in the legend beside the name itself.
const LEGEND: f64 = 56.0;
/// Names of values along x keep so far apart.
const APART: f64 = 12.0;

/// The files that [`draw_sweep`] writes: `PREFIX-SUFFIX` each.
pub const SWEEP_SUFFIXES: [&str; 2] = ["sweep.svg", "sweep.png"];

/// Draws a sweep.
///
/// # Errors
/// When the picture cannot be drawn or written.
pub fn draw_sweep(curves: &Curves, prefix: &Path) -> Result<Vec<PathBuf>, PlotError> {
    let scene = scene(curves);
    Ok(vec![save_svg(&scene, prefix, SWEEP_SUFFIXES[0])?, save_png(&scene, prefix, SWEEP_SUFFIXES[1])?])
}

fn scene(curves: &Curves) -> Scene {
    let panels = curves.panels.len().max(1) as f64;
    let mut scene = Scene::new(WIDTH, TOP + panels * (PANEL + GAP) - GAP + BOTTOM);
    scene.text(Label::new(shortened(&curves.title, LARGE, RIGHT - LEFT), (LEFT, 38.0), LARGE));
    let subtitle = shortened(&curves.subtitle, MEDIUM, RIGHT - LEFT);
    scene.text(Label::new(subtitle, (LEFT, 74.0), MEDIUM).coloured(PALE));
    draw_legend(&mut scene, curves);
    let x = x_axis(curves);
    for (place, panel) in curves.panels.iter().enumerate() {
        let area = Area::new(LEFT, TOP + place as f64 * (PANEL + GAP), RIGHT - LEFT, PANEL);
        let chart = Chart { area, x, y: y_axis(panel) };
        let is_last = place + 1 == curves.panels.len();
        draw_x(&mut scene, &chart, curves, is_last);
        chart.draw_y(&mut scene, &panel.name);
        for mark in curves.marks.iter().filter(|mark| x.holds(mark.x)) {
            let at = chart.at(mark.x, 0.0).0;
            scene.dashes(&[(at, area.y), (at, area.bottom())], Pen::new(MARKED, 2.0));
        }
        for (curve, series) in panel.series.iter().enumerate() {
            draw_series(&mut scene, &chart, (&curves.x, series), category(curve));
        }
    }
    draw_marks(&mut scene, &x, curves);
    scene
}

/// Values of equal ratios, or that span decades, lie along a logarithmic axis.
fn x_axis(curves: &Curves) -> Axis {
    let (low, high) = curves.x.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), x| (l.min(*x), h.max(*x)));
    let decades = (low > 0.0 && high > 4.0 * low).then(|| Axis::logarithmic(curves.x.iter().copied())).flatten();
    let room = 0.04 * (high - low).max(if high > low { 0.0 } else { 1.0 });
    decades.unwrap_or(Axis::linear(low - room, high + room))
}

fn y_axis(panel: &Panel) -> Axis {
    let values =
        || panel.series.iter().flat_map(|series| &series.values).flatten().flat_map(|(low, high)| [*low, *high]);
    let (low, high) =
        values().filter(|value| value.is_finite()).fold((0.0f64, 0.0f64), |(l, h), v| (l.min(v), h.max(v)));
    let linear = Axis::linear(1.08 * low, 1.08 * high);
    if panel.is_logarithmic { Axis::logarithmic(values()).unwrap_or(linear) } else { linear }
}

/// Ticks at the swept values themselves where they are few whole numbers or words, else at round values.
fn draw_x(scene: &mut Scene, chart: &Chart, curves: &Curves, is_named: bool) {
    let named = |x: f64| curves.x_labels.iter().find(|(at, _)| (at - x).abs() < 1e-9).map(|(_, label)| label.clone());
    let are_names = curves.x.len() <= 16 && curves.x.iter().all(|x| x.fract() == 0.0);
    if !are_names {
        chart.draw_x(scene, is_named.then_some(curves.x_name.as_str()));
        return;
    }
    let area = chart.area;
    let mut free = f64::NEG_INFINITY;
    let mut values = curves.x.clone();
    values.sort_by(f64::total_cmp);
    for x in values {
        let at = area.x + chart.x.place(x) * area.w;
        scene.line(vec![(at, area.y), (at, area.bottom())], Pen::new([228, 228, 228], 1.0));
        let label = named(x).unwrap_or_else(|| significant(x));
        let half = text_width(&label, SMALL) / 2.0;
        if is_named && at - half > free {
            scene.line(vec![(at, area.bottom()), (at, area.bottom() + TICK)], Pen::new(INK, 1.5));
            let label = Label::new(label, (at, area.bottom() + TICK + 5.0), SMALL);
            scene.text(label.anchored(Along::Middle, Across::Top));
            free = at + half + APART;
        }
    }
    if is_named {
        let name = Label::new(&*curves.x_name, (area.x + area.w / 2.0, area.bottom() + 36.0), MEDIUM);
        scene.text(name.anchored(Along::Middle, Across::Top));
    }
}

/// The least of each value as a curve, and up to the greatest a bar.
fn draw_series(scene: &mut Scene, chart: &Chart, (x, series): (&[f64], &Series), colour: Rgb) {
    let mut points: Vec<(f64, f64, f64)> =
        x.iter().zip(&series.values).filter_map(|(x, value)| value.map(|(low, high)| (*x, low, high))).collect();
    points.sort_by(|one, two| one.0.total_cmp(&two.0));
    points.retain(|(x, low, _)| chart.x.holds(*x) && chart.y.holds(*low));
    for (x, low, high) in points.iter().filter(|(_, low, high)| high > low) {
        let pen = Pen { alpha: 0.5, ..Pen::new(colour, 2.0) };
        scene.line(vec![chart.at(*x, *low), chart.at(*x, *high)], pen);
    }
    let line: Vec<_> = points.iter().map(|(x, low, _)| chart.at(*x, *low)).collect();
    for (x, y) in &line {
        let corners = (0..16).map(|n| (f64::from(n) / 16.0 * std::f64::consts::TAU).sin_cos());
        let points = corners.map(|(sin, cos)| (x + 4.5 * cos, y + 4.5 * sin)).collect();
        scene.marks.push(Mark::Shape { points, colour, alpha: 1.0 });
    }
    if line.len() > 1 {
        scene.line(line, Pen::new(colour, 2.5));
    }
}

/// Which colour is which curve; nothing where there is one only.
fn draw_legend(scene: &mut Scene, curves: &Curves) {
    let labels: Vec<&str> = curves
        .panels
        .first()
        .map_or(Vec::new(), |panel| panel.series.iter().map(|series| series.label.as_str()).collect());
    if labels.len() < 2 {
        return;
    }
    let fit = labels.iter().map(|label| LEGEND + text_width(label, SMALL)).sum::<f64>() <= RIGHT - LEFT;
    let room = if fit { f64::INFINITY } else { (RIGHT - LEFT) / labels.len() as f64 - LEGEND };
    let mut x = LEFT;
    for (place, label) in labels.iter().enumerate() {
        let text = shortened(label, SMALL, room);
        scene.fill(Area::new(x, 103.0, 14.0, 14.0), category(place), 1.0);
        scene.text(Label::new(&*text, (x + 20.0, 110.0), SMALL));
        x += LEGEND + text_width(&text, SMALL);
    }
}

/// What the dashed lines say, above the first panel, one below the other where they would touch.
fn draw_marks(scene: &mut Scene, x: &Axis, curves: &Curves) {
    let mut lines = [f64::NEG_INFINITY; 2];
    let mut marks: Vec<_> = curves.marks.iter().filter(|mark| x.holds(mark.x)).collect();
    marks.sort_by(|one, two| one.x.total_cmp(&two.x));
    for mark in marks {
        let text = shortened(&mark.label, SMALL, (RIGHT - LEFT) / 2.0);
        let width = text_width(&text, SMALL);
        let at = (LEFT + x.place(mark.x) * (RIGHT - LEFT)).clamp(LEFT + width / 2.0, RIGHT - width / 2.0);
        let line = usize::from(at - width / 2.0 <= lines[0]);
        if at - width / 2.0 > lines[line] {
            let y = TOP - 14.0 - 26.0 * line as f64;
            scene.text(Label::new(&*text, (at, y), SMALL).anchored(Along::Middle, Across::Middle).coloured(MARKED));
            lines[line] = at + width / 2.0 + APART;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::scene::tests as marks;
    use super::*;
    use crate::pipeline::sweep::Mark as XMark;

    fn curves() -> Curves {
        let series = |label: &str, factor: f64| Series {
            label: label.to_owned(),
            values: [3.0, 1.0, 2.0].map(|value| Some((factor * value, factor * value * 1.1))).to_vec(),
        };
        let panel = |name: &str, is_logarithmic| Panel {
            name: name.to_owned(),
            is_logarithmic,
            series: vec![series("threads 1", 2.0), series("threads 2", 1.0)],
        };
        Curves {
            title: "Chunk sweep of dirty.fits".to_owned(),
            subtitle: "wiener, 4096 x 4096".to_owned(),
            x_name: "chunk".to_owned(),
            x: vec![64.0, 512.0, 4096.0],
            x_labels: vec![(4096.0, "full".to_owned())],
            panels: vec![panel("wall [s]", false), panel("tasks", true)],
            marks: vec![
                XMark { x: 128.0, label: "auto, threads 1: 128 rows".to_owned() },
                XMark { x: 150.0, label: "auto, threads 2: 150 rows".to_owned() },
            ],
        }
    }

    #[test]
    fn values_curves_and_marks_are_named_and_no_text_touches_another() {
        let scene = scene(&curves());
        let texts = marks::texts(&scene);
        for text in ["64", "512", "full", "chunk", "wall [s]", "tasks", "threads 1", "threads 2"] {
            assert!(texts.contains(&text), "{text}: {texts:?}");
        }
        assert_eq!(texts.iter().filter(|label| label.starts_with("auto")).count(), 2, "{texts:?}");
        marks::assert_readable(&scene);
    }

    #[test]
    fn sweep_is_drawn_as_svg_and_png_and_a_missing_value_leaves_a_gap() {
        let mut curves = curves();
        curves.panels[0].series[0].values[1] = None;
        let folder = tempfile::tempdir().expect("a folder");
        let files = draw_sweep(&curves, &folder.path().join("run")).expect("two files");
        let names: Vec<_> = files.iter().map(|file| file.file_name().expect("a name").to_string_lossy()).collect();
        assert_eq!(names, ["run-sweep.svg", "run-sweep.png"]);
        assert!(std::fs::read_to_string(&files[0]).expect("text").contains("wall [s]"));
    }

    #[test]
    fn sweep_of_one_value_and_an_empty_one_can_be_drawn() {
        let one = Curves { x: vec![1.0], x_labels: vec![], ..curves() };
        scene(&one).svg().expect("a picture");
        scene(&Curves::default()).svg().expect("a picture");
    }
}
