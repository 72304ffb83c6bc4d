//! `PREFIX-profile.svg` and `.png`: what each worker did and what the process took, panel below panel on one time axis.

mod held;
mod lanes;
mod series;

use std::path::{Path, PathBuf};

use crate::pipeline::record::{RunProfile, RunRecord};

use super::Parallelism;
use super::chart::{Axis, LARGE, MEDIUM, PALE, SMALL, shortened};
use super::plot::{PlotError, save_png, save_svg};
use super::scene::{Across, Along, Area, Label, Point, Scene};
use super::ticks::seconds;
pub(crate) use lanes::Kinds;

const WIDTH: f64 = 1780.0;
const LEFT: f64 = 140.0;
const RIGHT: f64 = 1190.0;
/// Where the kinds of operation are listed, beside the notes on each panel.
const KINDS: f64 = 1400.0;
const TOP: f64 = 110.0;
const GAP: f64 = 34.0;
const BOTTOM: f64 = 80.0;

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

/// What a panel is drawn from.
struct Panels<'p> {
    profile: &'p RunProfile,
    kinds: Kinds<'p>,
    workers: usize,
    time: Axis,
}

/// Draws a panel into its area; the last one names the time axis.
type Draw = fn(&mut Scene, &Panels<'_>, Area, Option<&str>);

/// All panels below the lanes, with their heights.
const PANELS: [(f64, Draw); 5] = [
    (90.0, series::draw_waiting),
    (130.0, series::draw_cpu),
    (200.0, series::draw_memory),
    (110.0, series::draw_traffic),
    (190.0, held::draw_held),
];

/// Lays out the panels.
pub(crate) fn scene(profile: &RunProfile) -> Scene {
    let kinds = Kinds::of(profile);
    let workers = profile.lanes();
    let end = profile.end();
    let time = Axis::linear(0.0, if end > 0.0 { end } else { 1.0 });
    let lanes = (workers as f64 * 40.0).clamp(80.0, 480.0);
    let below: f64 = PANELS.iter().map(|(height, _)| GAP + height).sum();
    let height = (TOP + lanes + below + BOTTOM).max(TOP + kinds.height() + 20.0);
    let mut scene = Scene::new(WIDTH, height);
    draw_heading(&mut scene, profile);
    let panels = Panels { profile, kinds, workers, time };
    let mut area = Area::new(LEFT, TOP, RIGHT - LEFT, lanes);
    lanes::draw_lanes(&mut scene, &panels, area);
    for (place, (height, draw)) in PANELS.into_iter().enumerate() {
        area = Area::new(LEFT, area.bottom() + GAP, RIGHT - LEFT, height);
        let name = (place + 1 == PANELS.len()).then_some("time [s]");
        draw(&mut scene, &panels, area, name);
    }
    lanes::draw_legend(&mut scene, &panels.kinds, (KINDS, TOP));
    scene
}

/// How much was done by how many in how long.
fn draw_heading(scene: &mut Scene, profile: &RunProfile) {
    scene.text(Label::new("Tasks and resources", (LEFT, 36.0), LARGE));
    let told = Parallelism::of(profile);
    let plural = |count: u64, word: &str| format!("{count} {word}{}", if count == 1 { "" } else { "s" });
    let mut facts = vec![
        plural(told.tasks, "task"),
        format!("{} on {}", seconds(told.wall_s), plural(told.workers as u64, "worker")),
    ];
    if told.wall_s > 0.0 {
        facts.push(format!("busy {:.0} %", 100.0 * told.efficiency));
    }
    let (one, none) = told.serial_s();
    if one > 0.0 {
        facts.push(format!("one worker alone {}, none {}", seconds(one), seconds(none)));
    }
    let waited = profile.tasks.iter().map(|task| (task.start - task.ready).max(0.0)).fold(0.0, f64::max);
    if waited > 0.0 {
        facts.push(format!("longest wait in the queue {}", seconds(waited)));
    }
    let spans = profile.tasks.len() as u64;
    if spans < told.tasks {
        facts.push(format!("short tasks merged into {spans} spans"));
    }
    let text = shortened(&facts.join("  ·  "), MEDIUM, WIDTH - LEFT - 20.0);
    scene.text(Label::new(text, (LEFT, 74.0), MEDIUM).coloured(PALE));
}

/// A column of right-aligned text.
fn right_aligned(scene: &mut Scene, text: String, at: Point) {
    scene.text(Label::new(text, at, SMALL).anchored(Along::End, Across::Middle));
}

#[cfg(test)]
mod tests;
