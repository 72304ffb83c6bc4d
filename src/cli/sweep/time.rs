//! Times over a sweep: every point a process of its own, one after the other, the repetitions interleaved.

use std::path::Path;
use std::process::{Child, ExitStatus, Stdio};
use std::time::Duration;

use serde_json::Value;
use sysinfo::{Pid, ProcessRefreshKind, ProcessesToUpdate, Signal, System};

use super::super::failure::Failure;
use super::super::interrupt::cancel_on_signals;
use super::super::shown::{PROFILE, RECORD, check_room_for_profile};
use super::{Job, program, tell};
use crate::graph::Cancel;
use crate::pipeline::config::Auto;
use crate::pipeline::plan::Means;
use crate::pipeline::sweep::{Curves, Mark, Numbers, Places, Point};
use crate::pipeline::{Plan, RunError};

/// Runs of a point, unless the user says otherwise.
const REPEAT: u32 = 3;

/// What was measured of a point.
pub(super) struct Timing {
    /// Time of reading, deconvolving, restoring and writing, of every run \[s\].
    pub(super) wall_s: Vec<f64>,
    /// CPU time of the same \[s\].
    pub(super) cpu_s: Vec<f64>,
    /// Least peak of the process's memory \[bytes\].
    pub(super) peak_bytes: u64,
    /// Tasks that were run.
    pub(super) tasks: u64,
    /// Least share of the workers' time that was not spent in tasks: handing them out, waiting for others, between graphs.
    pub(super) overhead_percent: f64,
    /// Rows of a slab.
    pub(super) rows: u64,
    /// Columns of a block.
    pub(super) columns: u64,
    /// What came of it.
    pub(super) numbers: Numbers,
}

impl Timing {
    /// The least of the repetitions.
    pub(super) fn least(times: &[f64]) -> f64 {
        times.iter().copied().fold(f64::INFINITY, f64::min)
    }

    fn most(times: &[f64]) -> f64 {
        times.iter().copied().fold(0.0, f64::max)
    }

    /// How far the repetitions are apart \[percent of the least\].
    pub(super) fn spread(times: &[f64]) -> f64 {
        100.0 * (Self::most(times) / Self::least(times).max(1e-9) - 1.0)
    }

    /// Takes another run of the same point.
    fn join(&mut self, other: Self) {
        self.wall_s.extend(other.wall_s);
        self.cpu_s.extend(other.cpu_s);
        self.peak_bytes = self.peak_bytes.min(other.peak_bytes);
        self.overhead_percent = self.overhead_percent.min(other.overhead_percent);
    }

    /// Reads the summary of a run.
    fn read(path: &Path) -> Option<Self> {
        let summary: Value = serde_json::from_slice(&std::fs::read(path).ok()?).ok()?;
        let phases = summary["phases"].as_array()?;
        let sum = |key: &str| phases.iter().filter_map(|phase| phase[key].as_f64()).sum::<f64>();
        let parallel = &summary["parallel"];
        Some(Self {
            wall_s: vec![sum("wall_s")],
            cpu_s: vec![sum("cpu_s")],
            peak_bytes: summary["memory_peak_bytes"].as_u64()?,
            tasks: parallel["tasks"].as_u64()?,
            overhead_percent: 100.0 * (1.0 - parallel["efficiency"].as_f64()?),
            rows: summary["chunk_rows"].as_u64()?,
            columns: summary["chunk_columns"].as_u64()?,
            numbers: read_numbers(summary["planes"].as_array()?),
        })
    }
}

/// The same numbers as a run in this process would give.
fn read_numbers(planes: &[Value]) -> Numbers {
    let sum = |key: &str| planes.iter().filter_map(|plane| plane[key].as_f64()).sum::<f64>();
    let count = |key: &str| planes.iter().filter_map(|plane| plane[key].as_u64()).sum::<u64>();
    let residual = |plane: &Value, key: &str| plane["residual"][key].as_f64().unwrap_or(0.0);
    let pixels: f64 = planes.iter().map(|plane| residual(plane, "pixels")).sum();
    let squares: f64 = planes.iter().map(|plane| residual(plane, "rms").powi(2) * residual(plane, "pixels")).sum();
    let peaks = planes.iter().map(|plane| residual(plane, "min").abs().max(residual(plane, "max").abs()));
    let mut stops: Vec<&str> = planes.iter().filter_map(|plane| plane["stop"]["reason"].as_str()).collect();
    stops.sort_unstable();
    stops.dedup();
    Numbers {
        flux_jy: sum("flux_jy"),
        negative_flux_jy: sum("negative_flux_jy"),
        components: count("components"),
        iterations: count("iterations"),
        cycles: count("cycles"),
        residual_rms: if pixels > 0.0 { (squares / pixels).sqrt() } else { 0.0 },
        residual_peak: peaks.fold(0.0, f64::max),
        stop: stops.join(" "),
        score: None,
        wall_s: planes.iter().filter_map(|plane| plane["wall_s"].as_f64()).fold(0.0, f64::max),
    }
}

impl Job<'_> {
    /// Times: every point in a process of its own.
    pub(super) fn time(&self) -> Result<(), Failure> {
        for point in &self.sweep.points {
            check_room_for_profile(self.plan_of(point)?.memory, "sweep results: times need a profile")?;
        }
        let repeat = self.args.repeat.unwrap_or(REPEAT);
        let parent = Path::new(&self.prefix).parent().filter(|path| !path.as_os_str().is_empty());
        let parent = parent.unwrap_or(Path::new("."));
        let folder = tempfile::Builder::new().prefix(".sweep-").tempdir_in(parent);
        let folder = folder.map_err(|error| Failure::file(parent, &error))?;
        let cancel = cancel_on_signals();
        let mut timings: Vec<Option<Timing>> = self.sweep.points.iter().map(|_| None).collect();
        'rounds: for round in 1..=repeat {
            for (point, timing) in self.sweep.points.iter().zip(&mut timings) {
                let Some(one) = self.run(point, folder.path(), &cancel)? else { break 'rounds };
                let (wall, cpu) = (one.wall_s[0], one.cpu_s[0]);
                let label = self.sweep.label(point);
                self.note(&format!("[{round}/{repeat}] {label}: wall {wall:.2} s, CPU {cpu:.2} s"));
                match timing {
                    Some(timing) => timing.join(one),
                    None => *timing = Some(one),
                }
            }
        }
        if cancel.is_aborted() {
            return Err(RunError::Aborted.into());
        }
        let part = self.part(&timings);
        let timings: Vec<Timing> = timings.into_iter().flatten().collect();
        if !timings.is_empty() {
            part.finish(&tell::timings(&part.sweep, &timings)?, &part.timing_curves(&timings)?)?;
        }
        if cancel.is_requested() {
            return Err(Failure::sweep_interrupted(timings.len(), self.sweep.points.len()));
        }
        Ok(())
    }

    fn plan_of(&self, point: &Point) -> Result<Plan, Failure> {
        let means = Means { record: RECORD, ..Means::of(&point.config) };
        let plan = Plan::within(point.config.clone(), &self.args.plan.dirty, &self.args.plan.psf, means);
        let named = |source| crate::pipeline::sweep::SweepError::Plan { point: self.sweep.label(point), source };
        Ok(plan.map_err(named)?)
    }

    /// The plan of a point with the tuner's choice of chunks.
    fn tuned(&self, point: &Point) -> Result<Plan, Failure> {
        let mut config = point.config.clone();
        config.compute.chunk = Auto::Auto;
        self.plan_of(&Point { config, ..point.clone() })
    }

    /// Runs a point into a folder, and reads what its summary says; `None` where a signal ended it.
    fn run(&self, point: &Point, folder: &Path, cancel: &Cancel) -> Result<Option<Timing>, Failure> {
        if cancel.is_requested() {
            return Ok(None);
        }
        let (config, prefix) = (folder.join("point.toml"), folder.join("point"));
        std::fs::write(&config, point.config.to_toml()).map_err(|error| Failure::file(&config, &error))?;
        let said = folder.join("point.err");
        let errors = std::fs::File::create(&said).map_err(|error| Failure::file(&said, &error))?;
        let child = program()?
            .args(["--dirty", &self.args.plan.dirty, "--psf", &self.args.plan.psf])
            .args(["--quiet", "--overwrite", "--plots", PROFILE, "--config"])
            .arg(&config)
            .arg("--output")
            .arg(&prefix)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(errors)
            .spawn()
            .map_err(|error| Failure::program(&error))?;
        let status = ended(child, cancel).map_err(|error| Failure::program(&error))?;
        if cancel.is_requested() {
            return Ok(None);
        }
        let label = self.sweep.label(point);
        if !status.success() {
            let said = std::fs::read(&said).unwrap_or_default();
            return Err(Failure::child(&label, String::from_utf8_lossy(&said).trim()));
        }
        let summary = folder.join("point-summary.json");
        let timing = Timing::read(&summary);
        timing.map(Some).ok_or_else(|| Failure::child(&label, "its summary lacks what was to be measured"))
    }

    fn timing_curves(&self, timings: &[Timing]) -> Result<Curves, Failure> {
        let auto = self.tuned(&self.sweep.points[0])?.cut.slab;
        let places = Places::new(&self.sweep, |word| match word {
            "full" => Some(self.plan.cut.shape.0),
            "auto" => Some(auto),
            _ => None,
        });
        let range = |times: &[f64]| Some((Timing::least(times), Timing::most(times)));
        let single = |value: f64| Some((value, value));
        let mebibytes = |point: usize| timings[point].peak_bytes as f64 / f64::from(1 << 20);
        let panels = vec![
            places.panel("wall [s]", |point| range(&timings[point].wall_s)),
            places.panel("CPU [s]", |point| range(&timings[point].cpu_s)),
            places.panel("peak [MiB]", |point| single(mebibytes(point))),
            places.panel("tasks", |point| single(timings[point].tasks as f64)),
            places.panel("workers not in tasks [%]", |point| single(timings[point].overhead_percent)),
        ];
        let marks = if places.x_name == "chunk" { self.choices()? } else { Vec::new() };
        Ok(self.curves(&places, panels, marks))
    }

    /// What the tuner would choose, for every combination of the other parameters that makes a difference.
    fn choices(&self) -> Result<Vec<Mark>, Failure> {
        let mut found: Vec<(usize, Vec<usize>)> = Vec::new();
        for point in &self.sweep.points {
            let plan = self.tuned(point)?;
            match found.iter_mut().find(|(rows, _)| *rows == plan.cut.slab) {
                Some((_, workers)) if workers.contains(&plan.workers) => {}
                Some((_, workers)) => workers.push(plan.workers),
                None => found.push((plan.cut.slab, vec![plan.workers])),
            }
        }
        let words = |workers: &[usize]| workers.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let mark = |(rows, workers): (usize, Vec<usize>)| Mark {
            x: rows as f64,
            label: format!("auto: {rows} rows (threads {})", words(&workers)),
        };
        Ok(found.into_iter().map(mark).collect())
    }
}

/// Time between two looks at a process.
const LOOK: Duration = Duration::from_millis(10);

/// Waits for a process, and hands on every signal that this one gets.
///
/// Ctrl-C in a terminal reaches both, and the process then has two signals: it gives up, and nothing of it is wanted.
fn ended(mut child: Child, cancel: &Cancel) -> std::io::Result<ExitStatus> {
    let (mut is_asked, mut is_aborted) = (false, false);
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        let (asked, aborted) = (cancel.is_requested(), cancel.is_aborted());
        if (asked && !is_asked) || (aborted && !is_aborted) {
            terminate(&child);
        }
        (is_asked, is_aborted) = (asked, aborted);
        std::thread::sleep(LOOK);
    }
}

/// Sends SIGTERM.
fn terminate(child: &Child) {
    let pid = Pid::from_u32(child.id());
    let mut system = System::new();
    system.refresh_processes_specifics(ProcessesToUpdate::Some(&[pid]), true, ProcessRefreshKind::nothing());
    if let Some(process) = system.process(pid) {
        // one that has just ended gets no signal, and needs none
        let _ = process.kill_with(Signal::Term);
    }
}
