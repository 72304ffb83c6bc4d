//! `PREFIX-preview.png`: the images of one plane side by side, with colour bars, coordinates and the beam.

mod axes;
mod panel;

use std::path::{Path, PathBuf};

use crate::images::Sky;
use crate::pipeline::record::{PanelKind, Preview, RunRecord};

use super::chart::{LARGE, MEDIUM, PALE, shortened, wrapped};
use super::plot::{PlotError, save_png};
use super::scene::{Across, Along, Area, Label, Scene};
use panel::draw_panel;

/// Longer side of an image \[scene pixels\].
const IMAGE: f64 = 512.0;
const COLUMNS: usize = 3;
const CELLS: usize = 7;
const MARGIN: Margin = Margin { left: 128.0, right: 156.0, top: 46.0, bottom: 78.0 };

/// Room round an image for its numbers.
struct Margin {
    left: f64,
    right: f64,
    top: f64,
    bottom: f64,
}

/// Draws the preview, where the record has one.
///
/// # Errors
/// When the picture cannot be drawn or written.
pub(crate) fn draw(record: &RunRecord, prefix: &Path) -> Result<Vec<PathBuf>, PlotError> {
    let Some(preview) = record.preview.as_ref().filter(|preview| !preview.panels.is_empty()) else {
        return Ok(Vec::new());
    };
    Ok(vec![save_png(&scene(preview), prefix, "preview.png")?])
}

/// Lays out the panels in three columns; the text follows the last.
pub(crate) fn scene(preview: &Preview) -> Scene {
    let panels = &preview.panels[..preview.panels.len().min(CELLS - 1)];
    let sizes: Vec<_> = panels.iter().map(|panel| drawn_size(preview, panel.image.full)).collect();
    let height = sizes.iter().map(|size| size.1).fold(200.0, f64::max);
    let cell = (MARGIN.left + IMAGE + MARGIN.right, MARGIN.top + height + MARGIN.bottom);
    let rows = (panels.len() + 1).div_ceil(COLUMNS);
    let mut scene = Scene::new(cell.0 * COLUMNS as f64, cell.1 * rows as f64 + 10.0);
    let corner = |place: usize| ((place % COLUMNS) as f64 * cell.0, (place / COLUMNS) as f64 * cell.1 + 10.0);
    for (place, (panel, size)) in panels.iter().zip(&sizes).enumerate() {
        let (x, y) = corner(place);
        let area = Area::new(x + MARGIN.left, y + MARGIN.top, size.0, size.1);
        draw_panel(&mut scene, preview, panel, area);
    }
    let (x, y) = corner(panels.len());
    draw_text(&mut scene, preview, Area::new(x + 60.0, y + MARGIN.top, cell.0 - 90.0, height + MARGIN.bottom));
    scene
}

/// Width and height on the page of an image of shape `(ny, nx)`, so that angles are equal along both sides.
fn drawn_size(preview: &Preview, (ny, nx): (usize, usize)) -> (f64, f64) {
    let (lx, ly) = preview.sky.as_ref().map_or((1.0, 1.0), Sky::pixel_lengths);
    let aspect = (ly * ny as f64) / (lx * nx as f64);
    let aspect = if aspect.is_finite() && aspect > 0.0 { aspect.clamp(0.1, 10.0) } else { 1.0 };
    if aspect > 1.0 { (IMAGE / aspect, IMAGE) } else { (IMAGE, IMAGE * aspect) }
}

/// Title and facts, with those that the preview itself knows: beam, centre, size.
fn draw_text(scene: &mut Scene, preview: &Preview, area: Area) {
    const LINE: f64 = 30.0;
    const NAMES: f64 = 150.0;
    let mut y = area.y;
    for line in wrapped(&preview.title, LARGE, area.w) {
        scene.text(Label::new(line, (area.x, y), LARGE).anchored(Along::Start, Across::Top));
        y += 36.0;
    }
    y += 12.0;
    let own = own_facts(preview);
    for (name, value) in preview.facts.iter().chain(&own) {
        let lines = wrapped(value, MEDIUM, area.w - NAMES);
        if y + LINE * lines.len() as f64 > area.bottom() {
            break;
        }
        let name = Label::new(shortened(name, MEDIUM, NAMES - 10.0), (area.x, y), MEDIUM).coloured(PALE);
        scene.text(name.anchored(Along::Start, Across::Top));
        for line in lines {
            scene.text(Label::new(line, (area.x + NAMES, y), MEDIUM).anchored(Along::Start, Across::Top));
            y += LINE;
        }
    }
}

fn own_facts(preview: &Preview) -> Vec<(String, String)> {
    let mut facts = Vec::new();
    if let Some(beam) = &preview.beam {
        facts.push(("beam".into(), panel::beam_text(beam)));
    }
    let image = preview.panels.iter().find(|panel| panel.kind != PanelKind::Psf);
    if let (Some(sky), Some(image)) = (&preview.sky, image)
        && let Some([lon, lat]) = axes::centre(sky, image.image.full)
    {
        facts.push(("centre".into(), format!("{lon} {lat}")));
    }
    if let Some(image) = image {
        let (ny, nx) = image.image.full;
        let (cell, _) = preview.sky.as_ref().map_or((0.0, 0.0), Sky::pixel_lengths);
        let cell = if cell > 0.0 { format!(" of {}", panel::angle(cell)) } else { String::new() };
        facts.push(("image".into(), format!("{nx} × {ny} pixels{cell}")));
    }
    facts
}

#[cfg(test)]
mod tests;
