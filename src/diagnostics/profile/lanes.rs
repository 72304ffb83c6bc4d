//! The lanes of the workers: one coloured box per task, or per pixel column where tasks are narrower than that.

use std::collections::BTreeMap;

use crate::pipeline::record::{RunProfile, TaskSpan};

use super::super::chart::{Axis, Chart, INK, MEDIUM, PALE, SMALL, TICK, shortened};
use super::super::colour::{Rgb, category};
use super::super::scene::{Across, Along, Area, Label, Pen, Scene};
use super::super::ticks::seconds;
use super::{Panels, right_aligned};

const LINE: f64 = 28.0;
/// A box narrower than this \[pixels\] is summed with the others of its column.
const NARROWEST: f64 = 2.0;
/// Heights that a summed column may have: few, so that equal neighbours merge.
const LEVELS: f64 = 4.0;
/// What no task of a graph has made.
pub(super) const GIVEN: &str = "given";
const GIVEN_COLOUR: Rgb = [200, 200, 200];
/// Where a graph ends and the next begins.
const BORDER: Rgb = [150, 150, 150];

/// The kinds of operation, those that took longest first, and what each took.
pub(crate) struct Kinds<'a> {
    /// Name, seconds and tasks.
    totals: Vec<(&'a str, (f64, u64))>,
}

impl<'a> Kinds<'a> {
    pub(crate) fn of(profile: &'a RunProfile) -> Self {
        let mut totals: BTreeMap<&str, (f64, u64)> = BTreeMap::new();
        for task in profile.tasks.iter().filter(|task| task.kind != GIVEN) {
            let total = totals.entry(&task.kind).or_default();
            *total = (total.0 + task.busy, total.1 + task.count);
        }
        let mut totals: Vec<_> = totals.into_iter().collect();
        totals.sort_by(|a, b| b.1.0.total_cmp(&a.1.0).then(a.0.cmp(b.0)));
        Self { totals }
    }

    fn place(&self, kind: &str) -> usize {
        self.totals.iter().position(|(name, _)| *name == kind).unwrap_or(usize::MAX)
    }

    /// The names in order, and then [`GIVEN`].
    pub(crate) fn names(&self) -> Vec<&'a str> {
        self.totals.iter().map(|(name, _)| *name).chain([GIVEN]).collect()
    }

    /// The colour of a kind.
    pub(crate) fn colour(&self, kind: &str) -> Rgb {
        self.colour_at(self.place(kind))
    }

    /// The colour of a place among the kinds; those that have none there are given.
    fn colour_at(&self, place: usize) -> Rgb {
        if place < self.totals.len() { category(place) } else { GIVEN_COLOUR }
    }

    /// Height of the legend.
    pub(super) fn height(&self) -> f64 {
        LINE * (self.totals.len() as f64 + 4.0)
    }
}

/// Draws the lane of every worker, worker 0 on top, with a line where a graph begins.
pub(super) fn draw_lanes(scene: &mut Scene, panels: &Panels<'_>, area: Area) {
    let workers = panels.workers;
    let chart = Chart { area, x: panels.time, y: Axis::linear(0.0, 1.0) };
    let lane = area.h / workers as f64;
    chart.draw_x(scene, None);
    let gap = (lane * 0.12).min(4.0);
    let mut by_worker: Vec<Vec<&TaskSpan>> = vec![Vec::new(); workers];
    for task in &panels.profile.tasks {
        by_worker[task.worker].push(task);
    }
    for (worker, tasks) in by_worker.iter().enumerate() {
        let row = Area::new(area.x, area.y + lane * worker as f64 + gap / 2.0, area.w, lane - gap);
        let row = Chart { area: row, ..chart };
        for (area, kind) in boxes(tasks, &row, &panels.kinds) {
            scene.fill(area, panels.kinds.colour_at(kind), 1.0);
        }
        for area in transfers(tasks, &row) {
            scene.hatch(area, [255; 3]);
        }
    }
    draw_borders(scene, panels, &chart);
    let every = (22.0 / lane).ceil().max(1.0) as usize;
    for worker in (0..workers).step_by(every) {
        let y = area.y + lane * (worker as f64 + 0.5);
        let label = Label::new(worker.to_string(), (area.x - TICK - 4.0, y), SMALL);
        scene.text(label.anchored(Along::End, Across::Middle));
    }
    let name = Label::new("worker", (area.x - 92.0, area.y + area.h / 2.0), MEDIUM);
    scene.text(name.anchored(Along::Middle, Across::Middle).upright());
    scene.frame(area, Pen::new(INK, 1.5));
}

/// A tick above the lanes where each graph begins; none where they would stand closer than the eye tells apart.
fn draw_borders(scene: &mut Scene, panels: &Panels<'_>, chart: &Chart) {
    let area = chart.area;
    let begins: Vec<f64> = panels.profile.graphs.iter().map(|graph| chart.at(graph.start, 0.0).0).collect();
    let mut last = f64::NEG_INFINITY;
    for x in begins {
        if x - last >= 3.0 {
            scene.line(vec![(x, area.y - 9.0), (x, area.y - 2.0)], Pen::new(BORDER, 1.5));
            last = x;
        }
    }
}

/// Where wide tasks read their inputs from files, and write their results there.
fn transfers(tasks: &[&TaskSpan], row: &Chart) -> Vec<Area> {
    let area = row.area;
    let part = |from: f64, to: f64| {
        let (from, to) = (row.x.place(from) * area.w, row.x.place(to) * area.w);
        (to - from >= NARROWEST).then(|| Area::new(area.x + from, area.y, to - from, area.h))
    };
    let single = tasks.iter().filter(|task| task.count == 1);
    let parts =
        single.flat_map(|task| [part(task.start, task.start + task.read), part(task.end - task.write, task.end)]);
    parts.flatten().collect()
}

/// The boxes of one lane with the places of their kinds.
///
/// What is narrower than [`NARROWEST`] is summed by pixel column: the column gets the kind that took most of it, and a height by
/// how much of it was busy; equal neighbours become one box. So a lane has no more boxes than pixels, however many tasks.
fn boxes(tasks: &[&TaskSpan], row: &Chart, kinds: &Kinds) -> Vec<(Area, usize)> {
    let area = row.area;
    let columns = area.w.ceil() as usize;
    let mut sums: Vec<BTreeMap<usize, f64>> = vec![BTreeMap::new(); columns];
    let mut wide = Vec::new();
    for task in tasks {
        let (from, to) = (row.x.place(task.start) * area.w, row.x.place(task.end) * area.w);
        if !(from.is_finite() && to.is_finite()) {
            continue;
        }
        let kind = kinds.place(&task.kind);
        let density = if task.end > task.start { (task.busy / (task.end - task.start)).min(1.0) } else { 0.0 };
        if task.count == 1 && to - from >= NARROWEST {
            wide.push((Area::new(area.x + from, area.y, to - from - 0.5, area.h), kind));
            continue;
        }
        let last = (to as usize).min(columns - 1);
        for (column, sum) in sums.iter_mut().enumerate().take(last + 1).skip(from.max(0.0) as usize) {
            let inside = to.min(column as f64 + 1.0) - from.max(column as f64);
            *sum.entry(kind).or_default() += inside.max(0.0) * density;
        }
    }
    let mut found = merged(&sums, area);
    found.extend(wide);
    found
}

/// One box for every run of columns of the same kind and height.
fn merged(sums: &[BTreeMap<usize, f64>], area: Area) -> Vec<(Area, usize)> {
    let level = |sum: &BTreeMap<usize, f64>| {
        let busy: f64 = sum.values().sum();
        let main = sum.iter().max_by(|a, b| a.1.total_cmp(b.1)).map(|(kind, _)| *kind);
        // What is there at all is seen.
        main.filter(|_| busy > 0.0).map(|kind| (kind, (busy * LEVELS).ceil().min(LEVELS) as u32))
    };
    let levels: Vec<_> = sums.iter().map(level).collect();
    let mut from = 0;
    let mut found = Vec::new();
    for run in levels.chunk_by(|a, b| a == b) {
        if let Some((kind, height)) = run[0] {
            let h = area.h * f64::from(height) / LEVELS;
            found.push((Area::new(area.x + from as f64, area.bottom() - h, run.len() as f64, h), kind));
        }
        from += run.len();
    }
    found
}

/// Kind, seconds and tasks, the longest first.
pub(super) fn draw_legend(scene: &mut Scene, kinds: &Kinds, (x, y): (f64, f64)) {
    let head = |scene: &mut Scene, text: &str, x: f64| {
        let label = Label::new(text, (x, y + 6.0), SMALL).coloured(PALE);
        scene.text(label.anchored(Along::End, Across::Middle));
    };
    head(scene, "time", x + 270.0);
    head(scene, "tasks", x + 345.0);
    for (place, (name, (busy, count))) in kinds.totals.iter().enumerate() {
        let y = y + 6.0 + LINE * (place as f64 + 1.0);
        let colour: Rgb = category(place);
        scene.fill(Area::new(x, y - 8.0, 16.0, 16.0), colour, 1.0);
        scene.text(Label::new(shortened(name, SMALL, 150.0), (x + 26.0, y), SMALL));
        right_aligned(scene, seconds(*busy), (x + 270.0, y));
        right_aligned(scene, count.to_string(), (x + 345.0, y));
    }
    let below = y + 6.0 + LINE * (kinds.totals.len() as f64 + 1.0);
    let swatch = Area::new(x, below - 8.0, 16.0, 16.0);
    scene.fill(swatch, PALE, 1.0);
    scene.hatch(swatch, [255; 3]);
    scene.text(Label::new("reading inputs, spilling results", (x + 26.0, below), SMALL));
    scene.fill(Area::new(x, below + LINE - 8.0, 16.0, 16.0), GIVEN_COLOUR, 1.0);
    scene.text(Label::new("given with the graph: held, or written", (x + 26.0, below + LINE), SMALL));
}
