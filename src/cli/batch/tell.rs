//! What is told of a batch: its plans, a line for each pair, a summary over all.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use serde::Serialize;

use super::Batch;
use super::pair::{Done, End};
use crate::cli::failure::Failure;
use crate::cli::keep::KeptSummary;
use crate::cli::run::write_json;
use crate::diagnostics::Parallelism;
use crate::pipeline::RunConfig;
use crate::pipeline::config::Bytes;

/// The plans in words.
pub(super) fn plans(batch: &Batch) -> String {
    let Batch { jobs, means, at_once, .. } = batch;
    let mut text = format!(
        "{} pairs, {at_once} at a time at the most, with {} workers and {} in all\n",
        jobs.len(),
        means.workers,
        Bytes(means.memory)
    );
    for job in jobs {
        // a text takes whatever is written to it
        let _ = writeln!(text, "\n{} -> {}-image.fits", job.pair.name, job.prefix);
        let _ = match &job.plan {
            Ok(plan) => writeln!(text, "{plan}"),
            Err(error) => writeln!(text, "cannot be run: {error}"),
        };
    }
    text
}

/// A line for each pair, under a line of titles.
pub(super) fn table(done: &[Done]) -> Vec<String> {
    let number = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |value| format!("{value:.3e}"));
    let titles = ["pair", "verdict", "peak [Jy/beam]", "noise [Jy/beam]", "model [Jy]", "time [s]"].map(str::to_owned);
    let row = |pair: &Done| {
        [
            pair.name.clone(),
            pair.verdict.clone(),
            number(pair.residual_peak.map(f64::from)),
            number(pair.noise),
            pair.flux_jy.map_or_else(|| "-".to_owned(), |flux| format!("{flux:.4}")),
            format!("{:.2}", pair.wall_s),
        ]
    };
    let rows: Vec<[String; 6]> = std::iter::once(titles).chain(done.iter().map(row)).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: [usize; 6] = std::array::from_fn(width);
    let line = |row: &[String; 6]| {
        let cells = row.iter().zip(widths).enumerate();
        let cells = cells.map(
            |(place, (cell, width))| {
                if place < 2 { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
            },
        );
        cells.collect::<Vec<_>>().join("  ")
    };
    rows.iter().map(line).collect()
}

/// How a batch went, apart from what came of its pairs.
pub(super) struct Told<'a> {
    pub(super) command: &'a str,
    pub(super) config: &'a RunConfig,
    pub(super) wall_s: f64,
    pub(super) tasks: &'a BTreeMap<&'static str, u64>,
    pub(super) kept: Option<&'a KeptSummary>,
    pub(super) parallel: Option<Parallelism>,
}

/// `DIR/batch-summary.json`.
#[derive(Serialize)]
struct Summary<'a> {
    version: &'static str,
    command: &'a str,
    interrupted: bool,
    failed: usize,
    algorithm: &'a str,
    workers: usize,
    pairs_at_once: usize,
    memory_allowed_bytes: u64,
    memory_peak_bytes: u64,
    wall_s: f64,
    tasks: &'a BTreeMap<&'static str, u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kept: Option<&'a KeptSummary>,
    parallel: Option<Parallelism>,
    pairs: &'a [Done],
    config: &'a RunConfig,
}

/// Writes the summary over all pairs.
pub(super) fn write(path: &Path, batch: &Batch, done: &[Done], told: Told<'_>) -> Result<(), Failure> {
    let Told { command, config, wall_s, tasks, kept, parallel } = told;
    let summary = Summary {
        version: env!("CARGO_PKG_VERSION"),
        command,
        interrupted: count(done, &[End::Interrupted, End::NotDone]) > 0,
        failed: count(done, &[End::Failed]),
        algorithm: &config.algorithm,
        workers: batch.means.workers,
        pairs_at_once: batch.at_once,
        memory_allowed_bytes: batch.means.memory,
        memory_peak_bytes: done.iter().map(|pair| pair.peak_memory).max().unwrap_or(0),
        wall_s,
        tasks,
        kept,
        parallel,
        pairs: done,
        config,
    };
    write_json(path, &summary)
}

fn count(done: &[Done], ends: &[End]) -> usize {
    done.iter().filter(|pair| ends.contains(&pair.end)).count()
}

/// The exit of the program: an early end before failures, failures before success.
pub(super) fn verdict(done: &[Done], is_aborted: bool) -> Result<(), Failure> {
    let (early, not_done) = (count(done, &[End::Interrupted]), count(done, &[End::NotDone]));
    let failed: Vec<String> = done
        .iter()
        .filter_map(|pair| Some(format!("{}: {}", pair.name, pair.error.as_ref()?.replace('\n', "\n    "))))
        .collect();
    if early + not_done > 0 {
        return Err(Failure::batch_interrupted((early, not_done, done.len()), &failed, is_aborted));
    }
    if !failed.is_empty() {
        return Err(Failure::batch_failed(&failed, done.len()));
    }
    let diverged: Vec<&str> = done.iter().filter(|pair| pair.diverged > 0).map(|pair| pair.name.as_str()).collect();
    if diverged.is_empty() { Ok(()) } else { Err(Failure::diverged(&diverged, done.len(), "pairs")) }
}
