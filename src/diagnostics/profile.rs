//! `PREFIX-profile.svg` and `.png`: what each worker did, the CPU and the memory, on one time axis.

mod lanes;

use std::path::{Path, PathBuf};

use crate::pipeline::record::{ResourceSample, RunProfile, RunRecord};

use super::chart::{Axis, Chart, LARGE, MEDIUM, PALE, SMALL, shortened};
use super::colour::Rgb;
use super::plot::{PlotError, save_png, save_svg};
use super::scene::{Across, Along, Area, Label, Pen, Point, Scene};
use super::ticks::{byte_unit, bytes, seconds, significant_3};
use lanes::{Kinds, draw_lanes, draw_legend};

const WIDTH: f64 = 1600.0;
const LEFT: f64 = 140.0;
const RIGHT: f64 = 1210.0;
const TOP: f64 = 110.0;
const CPU: Rgb = [0, 158, 115];
const RSS: Rgb = [0, 114, 178];
const LIVE: Rgb = [110, 80, 150];
const FORECAST: Rgb = [230, 159, 0];
const LIMIT: Rgb = [200, 30, 30];

/// Draws the profile, where the record has a task or a sample.
///
/// # Errors
/// When the pictures cannot be drawn or written.
pub(crate) fn draw(record: &RunRecord, prefix: &Path) -> Result<Vec<PathBuf>, PlotError> {
    match &record.profile {
        Some(profile) if !profile.tasks.is_empty() || !profile.resources.is_empty() => {
            let scene = scene(profile);
            Ok(vec![save_svg(&scene, prefix, "profile.svg")?, save_png(&scene, prefix, "profile.png")?])
        }
        _ => Ok(Vec::new()),
    }
}

fn scene(profile: &RunProfile) -> Scene {
    let kinds = Kinds::of(&profile.tasks);
    let workers = profile.workers.max(profile.tasks.iter().map(|task| task.worker + 1).max().unwrap_or(1));
    // The legend stands beside lanes and CPU, the words on memory beside the memory.
    let lanes = (workers as f64 * 40.0).clamp(80.0, 480.0).max(kinds.height() - 170.0);
    let mut scene = Scene::new(WIDTH, TOP + lanes + 30.0 + 170.0 + 30.0 + 210.0 + 80.0);

    let ends = profile.tasks.iter().map(|task| task.end).chain(profile.resources.iter().map(|sample| sample.t));
    let end = ends.filter(|end| end.is_finite()).fold(0.0, f64::max);
    let time = Axis::linear(0.0, if end > 0.0 { end } else { 1.0 });
    draw_heading(&mut scene, profile, (workers, end));

    let chart = Chart { area: Area::new(LEFT, TOP, RIGHT - LEFT, lanes), x: time, y: Axis::linear(0.0, 1.0) };
    draw_lanes(&mut scene, &chart, (&profile.tasks, workers), &kinds);
    let area = Area::new(LEFT, chart.area.bottom() + 30.0, RIGHT - LEFT, 170.0);
    draw_cpu(&mut scene, (area, time), &profile.resources, workers);
    let area = Area::new(LEFT, area.bottom() + 30.0, RIGHT - LEFT, 210.0);
    draw_memory(&mut scene, (area, time), profile);
    draw_legend(&mut scene, &kinds, (RIGHT + 30.0, TOP));
    scene
}

/// How much was done by how many in how long.
fn draw_heading(scene: &mut Scene, profile: &RunProfile, (workers, end): (usize, f64)) {
    let title = Label::new("Tasks, CPU and memory", (LEFT, 36.0), LARGE);
    scene.text(title);
    let tasks: u64 = profile.tasks.iter().map(|task| task.count).sum();
    let busy: f64 = profile.tasks.iter().map(|task| task.busy).sum();
    let plural = |count: u64, word: &str| format!("{count} {word}{}", if count == 1 { "" } else { "s" });
    let mut facts = vec![plural(tasks, "task"), format!("{} on {}", seconds(end), plural(workers as u64, "worker"))];
    if end > 0.0 {
        facts.push(format!("busy {:.0} %", 100.0 * busy / (end * workers as f64)));
    }
    let waited = profile.tasks.iter().map(|task| (task.start - task.ready).max(0.0)).fold(0.0, f64::max);
    if waited > 0.0 {
        facts.push(format!("longest wait in the queue {}", seconds(waited)));
    }
    let spans = profile.tasks.len() as u64;
    if spans < tasks {
        facts.push(format!("short tasks merged into {spans} spans"));
    }
    let text = shortened(&facts.join("  ·  "), MEDIUM, WIDTH - LEFT - 20.0);
    scene.text(Label::new(text, (LEFT, 74.0), MEDIUM).coloured(PALE));
}

/// CPU time of the process; the dashed line is where every worker is busy.
fn draw_cpu(scene: &mut Scene, (area, time): (Area, Axis), samples: &[ResourceSample], workers: usize) {
    let highest = samples.iter().map(|sample| sample.cpu_percent).fold(100.0 * workers as f64, f64::max);
    let chart = Chart { area, x: time, y: Axis::linear(0.0, highest * 1.08) };
    chart.draw_x(scene, None);
    chart.draw_y(scene, "CPU [%]");
    draw_series(scene, &chart, samples.iter().map(|sample| (sample.t, sample.cpu_percent)).collect(), CPU);
    let y = 100.0 * workers as f64;
    let ends = [chart.at(0.0, y), (area.right(), chart.at(0.0, y).1)];
    scene.dashes(&ends, Pen::new(PALE, 1.0));
}

/// Resident and declared memory, with forecast and limit; a limit far above all is only told.
fn draw_memory(scene: &mut Scene, (area, time): (Area, Axis), profile: &RunProfile) {
    let rss: Vec<_> = profile.resources.iter().map(|sample| (sample.t, sample.rss_bytes as f64)).collect();
    let mut live: Vec<_> = profile.tasks.iter().map(|task| (task.end, task.live_bytes as f64)).collect();
    live.sort_by(|a, b| a.0.total_cmp(&b.0));
    let used = rss.iter().chain(&live).map(|point| point.1).fold(1.0, f64::max);
    let forecast = profile.memory_forecast.map(|count| count as f64);
    let known = forecast.filter(|forecast| *forecast < 5.0 * used).unwrap_or(0.0).max(used);
    let limit = profile.memory_limit.map(|count| count as f64);
    let highest = limit.filter(|limit| *limit < 2.0 * known).unwrap_or(0.0).max(known);
    let (unit, size) = byte_unit(highest);
    let chart = Chart { area, x: time, y: Axis::linear(0.0, highest / size * 1.1) };
    chart.draw_x(scene, Some("time [s]"));
    chart.draw_y(scene, &format!("memory [{unit}]"));
    draw_series(scene, &chart, rss.iter().map(|(t, count)| (*t, count / size)).collect(), RSS);
    let steps = live.iter().scan(0.0, |before, (t, count)| {
        let corners = [chart.at(*t, *before), chart.at(*t, count / size)];
        *before = count / size;
        Some(corners)
    });
    let steps = thinned(&steps.flatten().collect::<Vec<_>>());
    if steps.len() > 1 {
        scene.line(steps, Pen { alpha: 0.8, ..Pen::new(LIVE, 1.5) });
    }
    let mut notes = vec![("resident".to_owned(), RSS), ("declared live".to_owned(), LIVE)];
    for (name, value, colour) in [("forecast", forecast, FORECAST), ("limit", limit, LIMIT)] {
        let Some(value) = value else { continue };
        let is_inside = value <= highest * 1.1;
        if is_inside {
            let y = chart.at(0.0, value / size).1;
            scene.dashes(&[(area.x, y), (area.right(), y)], Pen::new(colour, 2.0));
        }
        notes.push((format!("{name} {}{}", bytes(value), if is_inside { "" } else { " (above)" }), colour));
    }
    for (place, (text, colour)) in notes.into_iter().enumerate() {
        let y = area.y + 14.0 + 30.0 * place as f64;
        scene.fill(Area::new(area.right() + 14.0, y - 2.0, 26.0, 4.0), colour, 1.0);
        scene.text(Label::new(text, (area.right() + 50.0, y), SMALL));
    }
    if let Some(peak) = profile.resources.iter().map(|sample| sample.rss_bytes).max() {
        let y = area.bottom() - 14.0;
        scene.text(Label::new(format!("peak {}", bytes(peak as f64)), (area.right() + 14.0, y), SMALL).coloured(PALE));
    }
}

/// A line with a pale filling down to the axis.
fn draw_series(scene: &mut Scene, chart: &Chart, values: Vec<(f64, f64)>, colour: Rgb) {
    let points = thinned(&values.into_iter().map(|(t, value)| chart.at(t, value)).collect::<Vec<_>>());
    if let (Some(first), Some(last)) = (points.first().copied(), points.last().copied())
        && points.len() > 1
    {
        let bottom = chart.area.bottom();
        let filled = points.iter().copied().chain([(last.0, bottom), (first.0, bottom)]).collect();
        scene.marks.push(super::scene::Mark::Shape { points: filled, colour, alpha: 0.18 });
        scene.line(points, Pen::new(colour, 2.0));
    }
}

/// Keeps, of the points in each column of a pixel, the first, the lowest, the highest and the last, in their order.
fn thinned(points: &[Point]) -> Vec<Point> {
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

/// Short text for a number of seconds in the legend.
fn legend_seconds(duration: f64) -> String {
    if duration >= 1000.0 { seconds(duration) } else { format!("{} s", significant_3(duration)) }
}

/// A column of right-aligned text.
fn right_aligned(scene: &mut Scene, text: String, at: Point) {
    scene.text(Label::new(text, at, SMALL).anchored(Along::End, Across::Middle));
}

#[cfg(test)]
mod tests;
