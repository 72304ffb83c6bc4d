//! How far the run is: a bar on a terminal, lines in a log.

use std::io::{IsTerminal, Write, stderr};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::graph::{Callback, KindForecast, RunStart, TaskRecord};

use super::ticks::seconds;

/// Steps of a bar.
const STEPS: u64 = 10_000;
/// A graph that ends sooner gets no line, and no two lines come sooner after each other.
const FIRST_LINE: Duration = Duration::from_secs(1);
/// Lines of a long run come ever more seldom, up to this.
const LAST_LINE: Duration = Duration::from_secs(60);

/// Where progress goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProgressMode {
    /// A bar where stderr is a terminal, else lines.
    Auto,
    /// Plain lines on stderr.
    Lines,
    /// Nothing.
    Quiet,
}

/// Shows how far the present graph is, on stderr; one value serves all the graphs of a run.
///
/// The time left follows from what the tasks of the present graph declare: from the seconds that are forecast of
/// them ([`Progress::weighed_by`]), else from their floating-point operations.
pub struct Progress {
    form: Form,
    weight: Option<Box<Weight>>,
    run: Mutex<Run>,
}

/// Tells the seconds of tasks of a kind by what they declare.
type Weight = dyn Fn(&str, KindForecast) -> f64 + Send + Sync;

enum Form {
    Bar(ProgressBar),
    Lines(Mutex<Box<dyn Write + Send>>),
    Quiet,
}

/// The present graph.
#[derive(Debug, Clone)]
struct Run {
    stage: String,
    /// Work in all, and done: seconds or floating-point operations, or tasks where none are declared.
    total: f64,
    done: f64,
    counts_tasks: bool,
    began: Instant,
    /// What the graph before took.
    last: Option<Duration>,
    last_line: Instant,
    next_after: Duration,
}

impl Progress {
    /// Progress on stderr.
    pub fn new(mode: ProgressMode) -> Self {
        let form = match mode {
            ProgressMode::Quiet => Form::Quiet,
            ProgressMode::Auto if stderr().is_terminal() => Form::Bar(bar()),
            ProgressMode::Auto | ProgressMode::Lines => Form::Lines(Mutex::new(Box::new(stderr()))),
        };
        Self { form, weight: None, run: Mutex::new(Run::new(Instant::now())) }
    }

    /// Weighs tasks by the seconds that are forecast of them, given their kind and what they declare together.
    pub fn weighed_by(mut self, seconds: impl Fn(&str, KindForecast) -> f64 + Send + Sync + 'static) -> Self {
        self.weight = Some(Box::new(seconds));
        self
    }

    fn weight(&self, kind: &str, declared: KindForecast) -> f64 {
        self.weight.as_ref().map_or(declared.flops, |weight| weight(kind, declared))
    }

    /// Names what comes next (`plane 2, cycle 3`): written before the bar, or in the next line.
    pub fn stage(&self, name: impl Into<String>) {
        let name = name.into();
        if let Form::Bar(bar) = &self.form {
            bar.set_message(name.clone());
        }
        self.lock().stage = name;
    }

    /// Writes a line of its own, above the bar.
    pub fn note(&self, text: &str) {
        match &self.form {
            Form::Quiet => {}
            Form::Bar(bar) => bar.suspend(|| write_line(&mut stderr(), text)),
            Form::Lines(sink) => write_line(&mut *sink.lock().unwrap_or_else(PoisonError::into_inner), text),
        }
    }

    /// How long the last graph took that has ended; none before.
    pub fn last_duration(&self) -> Option<Duration> {
        self.lock().last
    }

    fn lock(&self) -> MutexGuard<'_, Run> {
        self.run.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn show(&self, now: Instant, weight: f64) {
        let mut run = self.lock();
        run.done += if run.counts_tasks { 1.0 } else { weight };
        match &self.form {
            Form::Quiet => {}
            Form::Bar(bar) => {
                bar.set_position((run.fraction() * STEPS as f64) as u64);
                bar.set_prefix(run.left(now).map_or_else(String::new, |left| format!(", {} left", seconds(left))));
            }
            Form::Lines(_) => {
                let line = run.line(now);
                drop(run);
                if let Some(line) = line {
                    self.note(&line);
                }
            }
        }
    }
}

/// Progress that cannot be written is no reason to end a run.
fn write_line(sink: &mut dyn Write, text: &str) {
    let _ = writeln!(sink, "{text}").and_then(|()| sink.flush());
}

fn bar() -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(STEPS), ProgressDrawTarget::stderr_with_hz(8));
    let style = ProgressStyle::with_template("{spinner} {msg} [{bar:32}] {percent:>3} %{prefix}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("=> "));
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

impl Callback for Progress {
    fn start(&self, run: &RunStart) {
        let mut state = self.lock();
        let work: f64 = run.by_kind.iter().map(|(kind, declared)| self.weight(kind, *declared)).sum();
        let counts_tasks = work <= 0.0;
        let total = if counts_tasks { run.tasks as f64 } else { work };
        *state = Run { total, done: 0.0, counts_tasks, began: Instant::now(), ..state.clone() };
        if let Form::Bar(bar) = &self.form {
            bar.reset();
            bar.set_prefix("");
        }
    }

    fn posttask(&self, task: &TaskRecord) {
        let TaskRecord { kind, flops, output_bytes, end, .. } = *task;
        self.show(end, self.weight(kind, KindForecast { tasks: 1, flops, output_bytes }));
    }

    fn finish(&self, _ok: bool) {
        let mut run = self.lock();
        run.last = Some(run.began.elapsed());
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Form::Bar(bar) = &self.form {
            bar.finish_and_clear();
        }
    }
}

impl Run {
    fn new(now: Instant) -> Self {
        let (began, last_line, next_after) = (now, now, FIRST_LINE);
        Self {
            stage: String::new(),
            total: 1.0,
            done: 0.0,
            counts_tasks: false,
            began,
            last: None,
            last_line,
            next_after,
        }
    }

    /// Done of all, from 0 to 1.
    fn fraction(&self) -> f64 {
        if self.total > 0.0 { (self.done / self.total).clamp(0.0, 1.0) } else { 1.0 }
    }

    /// Seconds that are left of the graph, once there is something to go by and until it is done.
    fn left(&self, now: Instant) -> Option<f64> {
        let (taken, fraction) = (now.saturating_duration_since(self.began).as_secs_f64(), self.fraction());
        (fraction > 0.0 && fraction < 1.0 - 1e-9).then(|| taken * (1.0 - fraction) / fraction)
    }

    /// A line, if one is due.
    fn line(&mut self, now: Instant) -> Option<String> {
        let taken = now.saturating_duration_since(self.began);
        let fraction = self.fraction();
        let is_due = now.saturating_duration_since(self.last_line) >= self.next_after;
        // whoever is done has no time left to tell
        let left = self.left(now)?;
        if taken < FIRST_LINE || !is_due {
            return None;
        }
        self.last_line = now;
        self.next_after = (self.next_after * 3 / 2).min(LAST_LINE);
        let stage = if self.stage.is_empty() { "running" } else { &self.stage };
        Some(format!("{stage}: {:.0} %, {} left", 100.0 * fraction, seconds(left)))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use super::*;
    use crate::graph::Key;

    #[derive(Clone, Default)]
    struct Sink(Arc<Mutex<Vec<u8>>>);

    impl Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().expect("a sink").extend(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn task(end: Instant, flops: f64) -> TaskRecord {
        let key = Key::new("fft-1", [0]);
        TaskRecord {
            key,
            kind: "fft",
            worker: 0,
            ready: end,
            start: end,
            end,
            read: Duration::ZERO,
            write: Duration::ZERO,
            output_bytes: 0,
            live_bytes: 0,
            spilled_bytes: 0,
            loaded_bytes: 0,
            flops,
            attempt: 1,
        }
    }

    fn fft(tasks: usize) -> BTreeMap<&'static str, KindForecast> {
        BTreeMap::from([("fft", KindForecast { tasks, flops: tasks as f64, output_bytes: 0 })])
    }

    /// Ends a task of 1 of 100 operations at each time \[ms\] after the start, and returns what was written.
    fn written(times: impl Iterator<Item = u64>) -> Vec<String> {
        let sink = Sink::default();
        let form = Form::Lines(Mutex::new(Box::new(sink.clone())));
        let progress = Progress { form, weight: None, run: Mutex::new(Run::new(Instant::now())) };
        progress.stage("cycle 2");
        progress.start(&RunStart { tasks: 100, by_kind: fft(100), workers: 1, ..RunStart::default() });
        let began = progress.lock().began;
        times.for_each(|time| progress.posttask(&task(began + Duration::from_millis(time), 1.0)));
        let bytes = sink.0.lock().expect("a sink").clone();
        String::from_utf8(bytes).expect("text").lines().map(String::from).collect()
    }

    #[test]
    fn a_quick_graph_writes_no_line() {
        assert!(written((1..=100).map(|number| number * 9)).is_empty());
    }

    #[test]
    fn lines_tell_the_part_done_and_the_time_left_ever_more_seldom() {
        let lines = written((1..=100).map(|number| number * 1000));
        assert_eq!(lines[0], "cycle 2: 1 %, 99.0 s left".to_owned());
        assert!(lines.len() > 4 && lines.len() < 12, "{lines:?}");
    }

    #[test]
    fn the_duration_of_a_graph_is_told_once_it_has_ended() {
        let progress = Progress::new(ProgressMode::Quiet);
        progress.start(&RunStart::default());
        assert_eq!(progress.last_duration(), None);
        std::thread::sleep(Duration::from_millis(3));
        progress.finish(true);
        let took = progress.last_duration();
        progress.start(&RunStart::default());
        assert!(took >= Some(Duration::from_millis(3)) && progress.last_duration() == took, "{took:?}");
    }

    #[test]
    fn a_task_that_is_forecast_to_take_long_weighs_more_than_its_operations_say() {
        let sink = Sink::default();
        let form = Form::Lines(Mutex::new(Box::new(sink.clone())));
        let progress = Progress { form, weight: None, run: Mutex::new(Run::new(Instant::now())) };
        // a read declares as many operations as a transform, and takes nine times as long
        let progress =
            progress.weighed_by(|kind, declared| declared.tasks as f64 * if kind == "read" { 9.0 } else { 1.0 });
        let one = KindForecast { tasks: 1, flops: 1.0, output_bytes: 0 };
        let by_kind = BTreeMap::from([("read", one), ("fft", one)]);
        progress.start(&RunStart { tasks: 2, flops: 2.0, by_kind, workers: 1, ..RunStart::default() });
        let end = progress.lock().began + Duration::from_secs(9);
        progress.posttask(&TaskRecord { kind: "read", ..task(end, 1.0) });
        let bytes = sink.0.lock().expect("a sink").clone();
        assert_eq!(String::from_utf8(bytes).expect("text"), "running: 90 %, 1.000 s left\n");
    }

    #[test]
    fn a_quiet_one_writes_nothing_and_does_not_fail() {
        let progress = Progress::new(ProgressMode::Quiet);
        progress.note("not seen");
        progress.start(&RunStart { workers: 1, ..RunStart::default() });
        progress.posttask(&task(Instant::now(), 0.0));
        assert!((progress.lock().fraction() - 1.0).abs() < 1e-15);
    }
}
