//! The panel of held values: bytes in memory by the kind of operation that made them, one on the other.

use std::collections::BTreeMap;

use crate::pipeline::record::CachePoint;

use super::super::chart::{Axis, Chart};
use super::super::scene::{Area, Label, Mark, Point, Scene};
use super::super::ticks::{byte_unit, bytes};
use super::Panels;
use super::lanes::GIVEN;

/// Draws the panel.
pub(super) fn draw_held(scene: &mut Scene, panels: &Panels<'_>, area: Area, name: Option<&str>) {
    let points = &panels.profile.cache;
    let kinds = panels.kinds.names();
    let columns = columns(points, &kinds, area.w.ceil() as usize, panels);
    let total = |column: &Vec<u64>| column.iter().sum::<u64>();
    let highest = columns.iter().map(total).max().unwrap_or(0) as f64;
    let (unit, size) = byte_unit(highest);
    let chart = Chart { area, x: panels.time, y: Axis::linear(0.0, highest / size * 1.1) };
    chart.draw_x(scene, name);
    chart.draw_y(scene, &format!("held [{unit}]"));
    let mut below = vec![0u64; columns.len()];
    for (place, kind) in kinds.iter().enumerate() {
        if columns.iter().all(|column| column[place] == 0) {
            continue;
        }
        let edge = |heights: &[u64]| steps(heights, &chart, size);
        let lower = edge(&below);
        columns.iter().zip(&mut below).for_each(|(column, below)| *below += column[place]);
        let points = edge(&below).into_iter().chain(lower.into_iter().rev()).collect();
        scene.marks.push(Mark::Shape { points, colour: panels.kinds.colour(kind), alpha: 0.85 });
    }
    let place = |line: f64| (area.right() + 14.0, area.y + 12.0 + 27.0 * line);
    let label = |text: &str, line: f64| Label::new(text, place(line), super::SMALL);
    scene.text(label("by kind, declared", 0.0));
    scene.text(label(&format!("peak {}", bytes(highest)), 1.0).coloured(super::PALE));
}

/// For each column of a pixel what each kind held when all together held most.
fn columns(points: &[CachePoint], kinds: &[&str], width: usize, panels: &Panels<'_>) -> Vec<Vec<u64>> {
    let place_of: BTreeMap<&str, usize> = kinds.iter().enumerate().map(|(place, kind)| (*kind, place)).collect();
    let mut held = vec![0u64; kinds.len()];
    let (mut total, mut columns) = (0u64, Vec::with_capacity(width));
    let mut points = points.iter().peekable();
    for column in 0..width {
        let mut most = (total, held.clone());
        let is_here = |point: &&CachePoint| panels.time.place(point.t) * width as f64 <= column as f64 + 1.0;
        while let Some(point) = points.next_if(is_here) {
            let Some(&place) = place_of.get(&*point.kind).or(place_of.get(GIVEN)) else { continue };
            total = total - held[place] + point.bytes;
            held[place] = point.bytes;
            if total > most.0 {
                most = (total, held.clone());
            }
        }
        columns.push(most.1);
    }
    columns
}

/// The upper edge of heights that stand for a pixel each; equal neighbours are one step.
fn steps(heights: &[u64], chart: &Chart, size: f64) -> Vec<Point> {
    let mut corners = Vec::new();
    let mut column = 0;
    for run in heights.chunk_by(|a, b| a == b) {
        let y = chart.at(0.0, run[0] as f64 / size).1;
        let x = |column: usize| (chart.area.x + column as f64).min(chart.area.right());
        corners.extend([(x(column), y), (x(column + run.len()), y)]);
        column += run.len();
    }
    corners
}
