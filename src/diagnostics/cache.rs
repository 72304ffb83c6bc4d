//! What the values of each kind of operation hold.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::graph::{Callback, RunStart, ValueRecord};
use crate::pipeline::record::CachePoint;

/// No record holds more points, whatever room it is given.
const MOST: usize = 200_000;

/// Records the declared bytes in memory by kind of operation, from births and frees, over all graphs that it is given to.
///
/// What a graph leaves stays counted until the next graph begins, which is given what it needs of it. The record is
/// bounded: where its points would outgrow their room, or 200 000, the highest and the last of a kind in ever longer
/// intervals are kept, until half as many are left.
#[derive(Debug)]
pub struct CacheProfiler {
    origin: Instant,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    held: HashMap<&'static str, u64>,
    /// Its room is taken at once, so that it never grows by a copy.
    points: Vec<Point>,
    /// More points than this are thinned.
    most: usize,
    /// Points of a kind closer than this are thinned \[s\].
    resolution: f64,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Point {
    t: f64,
    kind: &'static str,
    bytes: u64,
}

impl CacheProfiler {
    /// Times count from `origin`; the points may take so much room \[bytes\].
    pub fn new(origin: Instant, room: u64) -> Self {
        let most = (room / size_of::<Point>() as u64).clamp(1, MOST as u64) as usize;
        let state = State { held: HashMap::new(), points: Vec::with_capacity(most + 1), most, resolution: 0.0 };
        Self { origin, state: Mutex::new(state) }
    }

    /// Takes the points so far, in order of time.
    pub fn take_points(&self) -> Vec<CachePoint> {
        let mut points = std::mem::take(&mut self.lock().points);
        points.sort_by(|a, b| a.t.total_cmp(&b.t));
        points.into_iter().map(|Point { t, kind, bytes }| CachePoint { t, kind: Cow::Borrowed(kind), bytes }).collect()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn seconds(&self, at: Instant) -> f64 {
        at.saturating_duration_since(self.origin).as_secs_f64()
    }

    fn note(&self, value: &ValueRecord, change: impl FnOnce(u64, u64) -> u64) {
        let t = self.seconds(value.at);
        let mut state = self.lock();
        let held = state.held.entry(value.kind).or_default();
        *held = change(*held, value.bytes);
        let point = Point { t, kind: value.kind, bytes: *held };
        state.add(point);
    }
}

impl Callback for CacheProfiler {
    fn start(&self, _run: &RunStart) {
        let t = self.seconds(Instant::now());
        let mut state = self.lock();
        let left: Vec<_> = state.held.drain().filter(|(_, bytes)| *bytes > 0).map(|(kind, _)| kind).collect();
        left.into_iter().for_each(|kind| state.add(Point { t, kind, bytes: 0 }));
    }

    fn born(&self, value: &ValueRecord) {
        self.note(value, |held, bytes| held + bytes);
    }

    fn freed(&self, value: &ValueRecord) {
        self.note(value, u64::saturating_sub);
    }
}

impl State {
    fn add(&mut self, point: Point) {
        self.points.push(point);
        if self.points.len() > self.most {
            let end = self.points.iter().map(|point| point.t).fold(0.0, f64::max);
            self.resolution = self.resolution.max(end / 65_536.0).max(1e-9);
            thin(&mut self.points, self.resolution);
            while self.points.len() > self.most / 2 && self.resolution < end {
                self.resolution *= 2.0;
                thin(&mut self.points, self.resolution);
            }
        }
    }
}

/// Keeps of the points of a kind in a bin the highest and the last, as they stood.
fn thin(points: &mut Vec<Point>, resolution: f64) {
    let mut open: HashMap<&str, (u64, usize, usize)> = HashMap::new();
    let mut keeps = vec![true; points.len()];
    for (place, point) in points.iter().enumerate() {
        let bin = (point.t / resolution) as u64;
        let (opened, highest, last) = open.entry(point.kind).or_insert((bin, place, place));
        if *opened == bin {
            let above = if point.bytes > points[*highest].bytes { place } else { *highest };
            for before in [*highest, *last] {
                keeps[before] = before == above;
            }
            (*highest, *last) = (above, place);
            keeps[place] = true;
        } else {
            (*opened, *highest, *last) = (bin, place, place);
        }
    }
    let mut keeps = keeps.into_iter();
    points.retain(|_| keeps.next().unwrap_or(false));
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::graph::Key;

    fn value(profiler: &CacheProfiler, kind: &'static str, micros: u64, bytes: u64) -> ValueRecord {
        let at = profiler.origin + Duration::from_micros(micros);
        ValueRecord { key: Key::new(kind, [0]), kind, bytes, at }
    }

    #[test]
    fn births_and_frees_add_up_by_kind() {
        let profiler = CacheProfiler::new(Instant::now(), 1 << 30);
        profiler.born(&value(&profiler, "fft", 10, 100));
        profiler.born(&value(&profiler, "given", 20, 7));
        profiler.born(&value(&profiler, "fft", 30, 50));
        profiler.freed(&value(&profiler, "fft", 40, 100));
        let told: Vec<_> = profiler.take_points().into_iter().map(|point| (point.kind, point.bytes)).collect();
        let expected = [("fft", 100), ("given", 7), ("fft", 150), ("fft", 50)];
        assert_eq!(told, expected.map(|(kind, bytes)| (kind.into(), bytes)));
    }

    #[test]
    fn what_a_graph_leaves_is_counted_until_the_next_begins() {
        let profiler = CacheProfiler::new(Instant::now(), 1 << 30);
        profiler.born(&value(&profiler, "fft", 0, 100));
        profiler.start(&RunStart::default());
        profiler.born(&value(&profiler, "given", 1_000_000, 100));
        let told: Vec<_> = profiler.take_points().into_iter().map(|point| (point.kind, point.bytes)).collect();
        assert_eq!(told, [("fft".into(), 100), ("fft".into(), 0), ("given".into(), 100)]);
    }

    #[test]
    fn a_million_changes_are_thinned_into_their_room_and_the_peak_and_the_end_are_kept() {
        for (room, most) in [(1 << 30, MOST), (1 << 16, 1 << 11), (0, 2)] {
            let profiler = CacheProfiler::new(Instant::now(), room);
            for number in 0..500_000 {
                let bytes = if number == 123_456 { 1000 } else { 3 };
                profiler.born(&value(&profiler, "fft", 2 * number, bytes));
                profiler.freed(&value(&profiler, "fft", 2 * number + 1, bytes));
            }
            assert!(profiler.lock().points.capacity() <= most + 2, "it has grown");
            let points = profiler.take_points();
            assert!(points.len() <= most, "{} points", points.len());
            assert_eq!(points.iter().map(|point| point.bytes).max(), Some(1000));
            assert_eq!(points.last().map(|point| point.bytes), Some(0));
        }
    }
}
