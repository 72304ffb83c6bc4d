//! The panels of lines: tasks that wait, CPU, memory, traffic.

use super::super::chart::{Axis, Chart, PALE, SMALL};
use super::super::colour::Rgb;
use super::super::scene::{Area, Label, Mark, Pen, Point, Scene};
use super::super::ticks::{byte_unit, bytes};
use super::Panels;

const WAITING: Rgb = [150, 110, 60];
const CPU: Rgb = [0, 158, 115];
const RSS: Rgb = [0, 114, 178];
const LIVE: Rgb = [110, 80, 150];
const FORECAST: Rgb = [230, 159, 0];
const LIMIT: Rgb = [200, 30, 30];
const READ: Rgb = [86, 160, 220];
const WRITTEN: Rgb = [213, 94, 0];

/// Tasks whose inputs are there and that no worker has taken.
pub(super) fn draw_waiting(scene: &mut Scene, panels: &Panels<'_>, area: Area, name: Option<&str>) {
    let tasks = panels.profile.tasks.iter().filter(|task| task.start > task.ready);
    let mut changes: Vec<(f64, f64)> =
        tasks.flat_map(|task| [(task.ready, task.count as f64), (task.start, -(task.count as f64))]).collect();
    changes.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
    let mut waiting = 0.0;
    let steps: Vec<_> = changes
        .into_iter()
        .map(|(t, change)| {
            waiting += change;
            (t, waiting)
        })
        .collect();
    let most = steps.iter().map(|step| step.1).fold(1.0, f64::max);
    let chart = Chart { area, x: panels.time, y: Axis::linear(0.0, most * 1.1) };
    chart.draw_x(scene, name);
    chart.draw_y(scene, "queue");
    draw_steps(scene, &chart, &steps, WAITING);
    draw_notes(scene, area, &[("tasks that wait".to_owned(), WAITING)]);
}

/// CPU time of the process; the dashed line is where every worker is busy.
pub(super) fn draw_cpu(scene: &mut Scene, panels: &Panels<'_>, area: Area, name: Option<&str>) {
    let samples = &panels.profile.resources;
    let all = 100.0 * panels.workers as f64;
    let highest = samples.iter().map(|sample| sample.cpu_percent).fold(all, f64::max);
    let chart = Chart { area, x: panels.time, y: Axis::linear(0.0, highest * 1.08) };
    chart.draw_x(scene, name);
    chart.draw_y(scene, "CPU [%]");
    draw_series(scene, &chart, samples.iter().map(|sample| (sample.t, sample.cpu_percent)).collect(), CPU);
    let y = chart.at(0.0, all).1;
    scene.dashes(&[(area.x, y), (area.right(), y)], Pen::new(PALE, 1.0));
    draw_notes(scene, area, &[("used".to_owned(), CPU), ("all workers".to_owned(), PALE)]);
}

/// Resident and declared memory, with forecasts and limit; a limit far above all is only told.
pub(super) fn draw_memory(scene: &mut Scene, panels: &Panels<'_>, area: Area, name: Option<&str>) {
    let profile = panels.profile;
    let rss: Vec<_> = profile.resources.iter().map(|sample| (sample.t, sample.rss_bytes as f64)).collect();
    let mut live: Vec<_> = profile.tasks.iter().map(|task| (task.end, task.live_bytes as f64)).collect();
    live.sort_by(|a, b| a.0.total_cmp(&b.0));
    let planned = profile.graphs.iter().map(|graph| graph.forecast_bytes as f64).fold(0.0, f64::max);
    let used = rss.iter().chain(&live).map(|point| point.1).fold(1.0, f64::max);
    let forecast = profile.memory_forecast.map(|count| count as f64);
    let known = forecast.filter(|forecast| *forecast < 5.0 * used).unwrap_or(0.0).max(used).max(planned);
    let limit = profile.memory_limit.map(|count| count as f64);
    let highest = limit.filter(|limit| *limit < 2.0 * known).unwrap_or(0.0).max(known);
    let (unit, size) = byte_unit(highest);
    let chart = Chart { area, x: panels.time, y: Axis::linear(0.0, highest / size * 1.1) };
    chart.draw_x(scene, name);
    chart.draw_y(scene, &format!("memory [{unit}]"));
    let scaled = |values: Vec<(f64, f64)>| values.into_iter().map(|(t, count)| (t, count / size)).collect::<Vec<_>>();
    draw_series(scene, &chart, scaled(rss), RSS);
    draw_steps(scene, &chart, &scaled(live), LIVE);
    for graph in &profile.graphs {
        let value = graph.forecast_bytes as f64 / size;
        scene.dashes(&[chart.at(graph.start, value), chart.at(graph.end, value)], Pen::new(LIVE, 1.5));
    }
    let mut notes = vec![("resident".to_owned(), RSS), ("declared live".to_owned(), LIVE)];
    for (name, value, colour) in [("forecast", forecast, FORECAST), ("limit", limit, LIMIT)] {
        let Some(value) = value else { continue };
        let is_inside = value <= highest * 1.1;
        if is_inside {
            let y = chart.at(0.0, value / size).1;
            scene.dashes(&[(area.x, y), (area.right(), y)], Pen::new(colour, 2.0));
        }
        notes.push((format!("{name} {}", bytes(value)), colour));
        if !is_inside {
            notes.push(("(above)".to_owned(), colour));
        }
    }
    draw_notes(scene, area, &notes);
    if let Some(peak) = profile.resources.iter().map(|sample| sample.rss_bytes).max() {
        let y = area.bottom() - 8.0;
        scene.text(Label::new(format!("peak {}", bytes(peak as f64)), (area.right() + 14.0, y), SMALL).coloured(PALE));
    }
}

/// Bytes read and written per second.
pub(super) fn draw_traffic(scene: &mut Scene, panels: &Panels<'_>, area: Area, name: Option<&str>) {
    let samples = &panels.profile.resources;
    let highest = samples.iter().map(|sample| sample.read_rate.max(sample.write_rate)).fold(1.0, f64::max);
    let (unit, size) = byte_unit(highest);
    let chart = Chart { area, x: panels.time, y: Axis::linear(0.0, highest / size * 1.1) };
    chart.draw_x(scene, name);
    chart.draw_y(scene, &format!("I/O [{unit}/s]"));
    draw_series(scene, &chart, samples.iter().map(|sample| (sample.t, sample.read_rate / size)).collect(), READ);
    draw_series(scene, &chart, samples.iter().map(|sample| (sample.t, sample.write_rate / size)).collect(), WRITTEN);
    draw_notes(scene, area, &[("read".to_owned(), READ), ("written".to_owned(), WRITTEN)]);
}

/// What the lines beside a panel mean.
pub(super) fn draw_notes(scene: &mut Scene, area: Area, notes: &[(String, Rgb)]) {
    for (place, (text, colour)) in notes.iter().enumerate() {
        let y = area.y + 12.0 + 27.0 * place as f64;
        scene.fill(Area::new(area.right() + 14.0, y - 2.0, 18.0, 4.0), *colour, 1.0);
        scene.text(Label::new(text.as_str(), (area.right() + 40.0, y), SMALL));
    }
}

/// A line with a pale filling down to the axis.
fn draw_series(scene: &mut Scene, chart: &Chart, values: Vec<(f64, f64)>, colour: Rgb) {
    let points = thinned(&values.into_iter().map(|(t, value)| chart.at(t, value)).collect::<Vec<_>>());
    fill_below(scene, chart, &points, colour);
    if points.len() > 1 {
        scene.line(points, Pen::new(colour, 2.0));
    }
}

/// Values that hold until the next, from 0.
fn draw_steps(scene: &mut Scene, chart: &Chart, values: &[(f64, f64)], colour: Rgb) {
    let corners = values.iter().scan(0.0, |before, (t, value)| {
        let corners = [chart.at(*t, *before), chart.at(*t, *value)];
        *before = *value;
        Some(corners)
    });
    let steps = thinned(&corners.flatten().collect::<Vec<_>>());
    if steps.len() > 1 {
        scene.line(steps, Pen { alpha: 0.8, ..Pen::new(colour, 1.5) });
    }
}

fn fill_below(scene: &mut Scene, chart: &Chart, points: &[Point], colour: Rgb) {
    if let (Some(first), Some(last)) = (points.first(), points.last())
        && points.len() > 1
    {
        let bottom = chart.area.bottom();
        let filled = points.iter().copied().chain([(last.0, bottom), (first.0, bottom)]).collect();
        scene.marks.push(Mark::Shape { points: filled, colour, alpha: 0.18 });
    }
}

/// Keeps, of the points in each column of a pixel, the first, the lowest, the highest and the last, in their order.
pub(super) fn thinned(points: &[Point]) -> Vec<Point> {
    let mut kept = Vec::new();
    for column in points.chunk_by(|a, b| a.0 as i64 == b.0 as i64) {
        let by_height = |a: &&usize, b: &&usize| column[**a].1.total_cmp(&column[**b].1);
        let places: Vec<usize> = (0..column.len()).collect();
        let extremes = [places.iter().min_by(by_height), places.iter().max_by(by_height)];
        let mut chosen: Vec<usize> = extremes.into_iter().flatten().copied().chain([0, column.len() - 1]).collect();
        chosen.sort_unstable();
        chosen.dedup();
        kept.extend(chosen.into_iter().map(|place| column[place]));
    }
    kept
}
