//! The page: everything in one file that opens without a network.

use std::collections::BTreeMap;

use base64::prelude::{BASE64_STANDARD, Engine};
use serde::Serialize;

use crate::pipeline::record::{GraphSpan, ResourceSample, RunProfile, TaskSpan};

use super::super::profile::Kinds;
use super::super::scene::DrawError;
use super::super::{Parallelism, convergence, preview};
use super::Report;

/// What the page's script draws: tables by columns, which are short as JSON.
#[derive(Serialize)]
struct Data<'p> {
    workers: usize,
    memory_limit: Option<u64>,
    memory_forecast: Option<u64>,
    kinds: Vec<Kind<'p>>,
    layers: Vec<&'p str>,
    graphs: &'p [GraphSpan],
    tasks: BTreeMap<&'static str, Column<'p>>,
    resources: BTreeMap<&'static str, Column<'p>>,
    cache: BTreeMap<&'static str, Column<'p>>,
    /// One worker alone, and none \[s\].
    serial: (f64, f64),
    busy_workers: Vec<f64>,
    between_graphs: f64,
    alone: BTreeMap<String, f64>,
}

#[derive(Serialize)]
struct Kind<'p> {
    name: &'p str,
    colour: String,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Column<'p> {
    Counts(Vec<u64>),
    Numbers(Vec<f64>),
    Texts(Vec<&'p str>),
}

/// The page as text.
pub(super) fn page(report: &Report<'_>, profile: &RunProfile) -> Result<String, DrawError> {
    let record = report.record;
    let curves = record.convergence.as_ref().filter(|found| found.has_points());
    let curves = curves.map(|found| convergence::scene(found).svg()).transpose()?;
    let curves = curves.map(|svg| String::from_utf8_lossy(&svg).into_owned()).unwrap_or_default();
    let images = record.preview.as_ref().filter(|preview| !preview.panels.is_empty());
    let images = images.map(|found| preview::scene(found).png()).transpose()?;
    let images = images
        .map(|png| format!("<img alt=\"the images\" src=\"data:image/png;base64,{}\">", BASE64_STANDARD.encode(&png)));
    let facts = report.facts.iter().map(|(name, value)| format!("{} <b>{}</b>", escaped(name), escaped(value)));
    let data = serde_json::to_string(&data(profile))?.replace('<', "\\u003c");
    Ok(filled(&[
        ("TITLE", &escaped(&report.title)),
        ("STYLE", include_str!("page.css")),
        ("FACTS", &facts.collect::<Vec<_>>().join(" &middot; ")),
        ("CONVERGENCE", &section("convergence", "Convergence", "picture", &curves)),
        ("PREVIEW", &section("preview", "Images", "picture", &images.unwrap_or_default())),
        ("GRAPH", &section("graph", "Task graphs of a batch of planes", "graph", &report.graph)),
        ("DATA", &data),
        ("SCRIPT", include_str!("page.js")),
    ]))
}

/// The template with its `@NAMES@` replaced, in one walk, so that nothing that was put in is replaced again.
fn filled(parts: &[(&str, &str)]) -> String {
    let template = include_str!("page.html");
    let mut text = String::with_capacity(template.len() + parts.iter().map(|part| part.1.len()).sum::<usize>());
    for (place, piece) in template.split('@').enumerate() {
        match parts.iter().find(|(name, _)| place % 2 == 1 && *name == piece) {
            Some((_, value)) => text.push_str(value),
            None => text.push_str(piece),
        }
    }
    text
}

fn section(id: &str, title: &str, class: &str, content: &str) -> String {
    if content.is_empty() {
        return String::new();
    }
    format!("<section id=\"{id}\">\n<h2>{title}</h2>\n<div class=\"{class}\">{content}</div>\n</section>")
}

fn data(profile: &RunProfile) -> Data<'_> {
    let kinds = Kinds::of(profile);
    let names = kinds.names();
    let place_of: BTreeMap<&str, u64> = names.iter().copied().zip(0..).collect();
    let given = names.len() as u64 - 1;
    let told = Parallelism::of(profile);
    let hex = |[r, g, b]: [u8; 3]| format!("#{r:02x}{g:02x}{b:02x}");
    let (layers, mut tasks) = keys(&profile.tasks);
    tasks.extend(times(&profile.tasks));
    tasks.insert("kind", counts(&profile.tasks, |task| place_of[&*task.kind]));
    let of_cache = |point: &crate::pipeline::record::CachePoint| place_of.get(&*point.kind).copied();
    Data {
        workers: profile.workers,
        memory_limit: profile.memory_limit,
        memory_forecast: profile.memory_forecast,
        kinds: names.iter().map(|name| Kind { name, colour: hex(kinds.colour(name)) }).collect(),
        layers,
        graphs: &profile.graphs,
        tasks,
        resources: [
            ("t", numbers(&profile.resources, |sample| sample.t)),
            ("rss", counts(&profile.resources, |sample: &ResourceSample| sample.rss_bytes)),
            ("cpu", numbers(&profile.resources, |sample| sample.cpu_percent)),
            ("read", numbers(&profile.resources, |sample| sample.read_rate)),
            ("write", numbers(&profile.resources, |sample| sample.write_rate)),
        ]
        .into(),
        cache: [
            ("t", numbers(&profile.cache, |point| point.t)),
            ("kind", counts(&profile.cache, |point| of_cache(point).unwrap_or(given))),
            ("bytes", counts(&profile.cache, |point| point.bytes)),
        ]
        .into(),
        serial: told.serial_s(),
        busy_workers: told.busy_workers_s,
        between_graphs: told.between_graphs_s,
        alone: told.alone_s,
    }
}

/// Layers, and for each task the place of its layer and the rest of its key.
fn keys(tasks: &[TaskSpan]) -> (Vec<&str>, BTreeMap<&'static str, Column<'_>>) {
    let cut = |task: &TaskSpan| task.key.find('(').unwrap_or(task.key.len());
    let mut layers: Vec<&str> = tasks.iter().map(|task| &task.key[..cut(task)]).collect();
    layers.sort_unstable();
    layers.dedup();
    let place = |task: &TaskSpan| layers.binary_search(&&task.key[..cut(task)]).unwrap_or(0) as u64;
    let places = Column::Counts(tasks.iter().map(place).collect());
    let index = Column::Texts(tasks.iter().map(|task| &task.key[cut(task)..]).collect());
    (layers, BTreeMap::from([("layer", places), ("index", index)]))
}

fn times(tasks: &[TaskSpan]) -> [(&'static str, Column<'_>); 13] {
    [
        ("worker", counts(tasks, |task| task.worker as u64)),
        ("ready", numbers(tasks, |task| task.ready)),
        ("start", numbers(tasks, |task| task.start)),
        ("end", numbers(tasks, |task| task.end)),
        ("busy", numbers(tasks, |task| task.busy)),
        ("read", numbers(tasks, |task| task.read)),
        ("write", numbers(tasks, |task| task.write)),
        ("bytes", counts(tasks, |task| task.bytes)),
        ("live", counts(tasks, |task| task.live_bytes)),
        ("loaded", counts(tasks, |task| task.loaded_bytes)),
        ("spilled", counts(tasks, |task| task.spilled_bytes)),
        ("retries", counts(tasks, |task| task.retries)),
        ("count", counts(tasks, |task| task.count)),
    ]
}

fn counts<'p, R>(rows: &[R], of: impl Fn(&R) -> u64) -> Column<'p> {
    Column::Counts(rows.iter().map(of).collect())
}

/// Numbers to a billionth: what a clock tells, so that sums over many short tasks are those of the records.
fn numbers<'p, R>(rows: &[R], of: impl Fn(&R) -> f64) -> Column<'p> {
    Column::Numbers(rows.iter().map(|row| (of(row) * 1e9).round() / 1e9).collect())
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_place_of_the_template_is_filled_and_what_is_put_in_stays_as_it_is() {
        let names = ["TITLE", "STYLE", "FACTS", "CONVERGENCE", "PREVIEW", "GRAPH", "DATA", "SCRIPT"];
        let parts: Vec<_> = names.iter().map(|name| (*name, "a@TITLE@b")).collect();
        let text = filled(&parts);
        assert_eq!(text.matches("a@TITLE@b").count(), names.len() + 1, "the title stands twice");
        assert_eq!(text.matches('@').count(), 2 * (names.len() + 1), "{text}");
    }
}
