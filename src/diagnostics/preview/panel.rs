//! One image with its title, colour bar, axes and beam.

use crate::images::{CleanBeam, Sky};
use crate::pipeline::record::{Panel, PanelKind, Pooled, Pooling, Preview, pool};

use super::super::chart::{INK, LARGE, MEDIUM, PALE, SMALL, TICK};
use super::super::scene::{Across, Along, Area, Cells, Label, Mark, Pen, Point, Scene, text_width};
use super::super::stretch::{Spread, Stretch};
use super::super::ticks::{bent, linear, prefix, significant_3};
use super::axes::{Axes, Edge, image_axes, offset_axes};

/// Cells of a model along its longer side: so large that one component is seen.
const MODEL_CELLS: usize = 256;

/// Draws an image into the area, and its numbers round it.
pub(super) fn draw_panel(scene: &mut Scene, preview: &Preview, panel: &Panel, area: Area) {
    let sky = preview.sky.as_ref();
    let axes = match panel.kind {
        PanelKind::Psf => offset_axes(sky, panel.image.full),
        PanelKind::Dirty | PanelKind::Model | PanelKind::Residual | PanelKind::Restored | PanelKind::Sd => {
            image_axes(sky, panel.image.full)
        }
    };
    let coarse = coarser(panel);
    draw_heading(scene, panel, coarse.as_ref().unwrap_or(&panel.image), area);
    draw_pixels(scene, panel, coarse.as_ref().unwrap_or(&panel.image), area);
    if panel.kind == PanelKind::Residual {
        draw_seams(scene, &preview.seams, (panel.image.full, area));
    }
    scene.frame(area, Pen::new(INK, 1.5));
    draw_axes(scene, &axes, area);
    if let (PanelKind::Restored, Some(beam), Some(sky)) = (panel.kind, &preview.beam, sky) {
        draw_beam(scene, beam, sky, (panel.image.full, area));
    }
}

/// Makes the cells of a model, and of an image larger than what is drawn, larger still.
fn coarser(Panel { kind, image, .. }: &Panel) -> Option<Pooled> {
    let most = if *kind == PanelKind::Model { MODEL_CELLS } else { 2 * super::IMAGE as usize };
    let again = image.shape.0.max(image.shape.1).div_ceil(most);
    let view = image.view().filter(|_| again > 1)?;
    let smaller = pool(&view, again, image.pooling);
    Some(Pooled { full: image.full, factor: image.factor * again, ..smaller })
}

fn draw_heading(scene: &mut Scene, panel: &Panel, image: &Pooled, area: Area) {
    let y = area.y - 14.0;
    scene.text(Label::new(panel.name.as_str(), (area.x, y), LARGE).anchored(Along::Start, Across::Baseline));
    let (factor, how) = (image.factor, image.pooling);
    let note = match (factor, how) {
        (0 | 1, _) => String::new(),
        (_, Pooling::Mean) => format!("mean of {factor}×{factor} pixels"),
        (_, Pooling::MaxAbs) => format!("largest of {factor}×{factor} pixels"),
    };
    if text_width(&note, SMALL) + text_width(&panel.name, LARGE) + 20.0 < area.w {
        let note = Label::new(note, (area.right(), y), SMALL).coloured(PALE);
        scene.text(note.anchored(Along::End, Across::Baseline));
    }
}

/// The image with the first FITS row at the bottom, and its colour bar.
fn draw_pixels(scene: &mut Scene, panel: &Panel, image: &Pooled, area: Area) {
    let spread = Spread::of(&image.pixels).unwrap_or_default();
    let stretch = Stretch::of(panel.kind, &spread);
    if let Some(view) = image.view().filter(|view| !view.is_empty()) {
        let colours = stretch.colours(view.iter().copied());
        // The last cells of a pooled image may reach over its edge: only what is inside is seen.
        let shown = |full: usize| full as f64 / image.factor as f64;
        let cells = Cells { shape: image.shape, shown: (shown(image.full.0), shown(image.full.1)), colours };
        scene.marks.push(Mark::Cells { area, cells });
    }
    draw_bar(scene, &stretch, &panel.unit, Area::new(area.right() + 14.0, area.y, 20.0, area.h));
}

fn draw_bar(scene: &mut Scene, stretch: &Stretch, unit: &str, bar: Area) {
    const STEPS: usize = 256;
    let colours = (0..STEPS).map(|step| stretch.colour(stretch.value((step as f64 + 0.5) / STEPS as f64))).collect();
    let cells = Cells { shape: (STEPS, 1), shown: (STEPS as f64, 1.0), colours };
    scene.marks.push(Mark::Cells { area: bar, cells });
    scene.frame(bar, Pen::new(INK, 1.0));
    let (letter, factor) = prefix(stretch.high.max(-stretch.low), unit);
    let range = (stretch.low / factor, stretch.high / factor);
    let ticks = if stretch.is_linear() {
        linear(range.0, range.1, bar.h / 36.0)
    } else {
        bent(range, 26.0 / bar.h, |value| stretch.position(value * factor))
    };
    let mut widest = 0.0f64;
    for tick in ticks {
        let y = bar.bottom() - stretch.position(tick.value * factor) * bar.h;
        scene.line(vec![(bar.right(), y), (bar.right() + 5.0, y)], Pen::new(INK, 1.5));
        widest = widest.max(text_width(&tick.label, SMALL));
        scene.text(Label::new(tick.label, (bar.right() + 8.0, y), SMALL));
    }
    let name =
        Label::new(format!("{letter}{unit}"), (bar.right() + 20.0 + widest, bar.y + bar.h / 2.0), SMALL).coloured(PALE);
    scene.text(name.anchored(Along::Middle, Across::Middle).upright());
}

fn draw_axes(scene: &mut Scene, axes: &Axes, area: Area) {
    let Axes { bottom, left } = axes;
    for (place, _) in &bottom.ticks {
        let x = area.x + place * area.w;
        scene.line(vec![(x, area.bottom()), (x, area.bottom() + TICK)], Pen::new(INK, 1.5));
    }
    for (x, text) in kept_apart(bottom, area) {
        let label = Label::new(text, (x, area.bottom() + TICK + 6.0), SMALL);
        scene.text(label.anchored(Along::Middle, Across::Top));
    }
    let mut widest = 0.0f64;
    for (place, text) in &left.ticks {
        widest = widest.max(text_width(text, SMALL));
        let y = area.bottom() - place * area.h;
        scene.line(vec![(area.x - TICK, y), (area.x, y)], Pen::new(INK, 1.5));
        let label = Label::new(text.as_str(), (area.x - TICK - 4.0, y), SMALL);
        scene.text(label.anchored(Along::End, Across::Middle));
    }
    let name = Label::new(bottom.name.as_str(), (area.x + area.w / 2.0, area.bottom() + 34.0), MEDIUM).coloured(PALE);
    scene.text(name.anchored(Along::Middle, Across::Top));
    let name =
        Label::new(left.name.as_str(), (area.x - TICK - 22.0 - widest, area.y + area.h / 2.0), MEDIUM).coloured(PALE);
    scene.text(name.anchored(Along::Middle, Across::Middle).upright());
}

/// Where the tiles of the last cycle met.
fn draw_seams(scene: &mut Scene, seams: &[Vec<Point>], image: ((usize, usize), Area)) {
    let ((ny, nx), area) = image;
    let (scale_y, scale_x) = (area.h / ny as f64, area.w / nx as f64);
    for line in seams {
        let points = line.iter().map(|(y, x)| (area.x + x * scale_x, area.bottom() - y * scale_y)).collect();
        scene.line(points, Pen { alpha: 0.5, ..Pen::new(INK, 1.0) });
    }
}

/// The labels of the bottom edge that do not touch the one before.
fn kept_apart(edge: &Edge, area: Area) -> Vec<(f64, &str)> {
    const GAP: f64 = 12.0;
    let mut ticks: Vec<_> = edge.ticks.iter().map(|(place, text)| (area.x + place * area.w, text.as_str())).collect();
    ticks.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut end = f64::NEG_INFINITY;
    ticks.retain(|(x, text)| {
        let half = text_width(text, SMALL) / 2.0;
        let is_free = x - half > end + GAP;
        end = if is_free { x + half } else { end };
        is_free
    });
    ticks
}

/// The half-maximum ellipse of the beam in the lower left corner, to scale; a beam too small to be seen is magnified, and
/// the magnification written beside it.
fn draw_beam(scene: &mut Scene, beam: &CleanBeam, sky: &Sky, image: ((usize, usize), Area)) {
    const SMALLEST: f64 = 9.0;
    const MARGIN: f64 = 8.0;
    let Some(outline) = outline(beam, sky, image) else {
        return;
    };
    let (mut half, area) =
        (outline.iter().fold((0.0f64, 0.0f64), |h, p| (h.0.max(p.0.abs()), h.1.max(p.1.abs()))), image.1);
    let mut zoom = 1.0;
    while 2.0 * half.0.max(half.1) * zoom < SMALLEST && zoom < 1000.0 {
        zoom *= 2.0;
    }
    half = (half.0 * zoom, half.1 * zoom);
    let note = if zoom > 1.0 { format!("×{zoom}") } else { String::new() };
    let room = if note.is_empty() { 0.0 } else { text_width(&note, SMALL) + 8.0 };
    let (w, h) = (2.0 * half.0 + 2.0 * MARGIN, (2.0 * half.1 + 2.0 * MARGIN).max(if room > 0.0 { 26.0 } else { 0.0 }));
    let card = Area::new(area.x + 10.0, area.bottom() - 10.0 - h, w + room, h);
    scene.fill(card, [255; 3], 0.88);
    scene.frame(card, Pen::new(INK, 1.0));
    let centre = (card.x + w / 2.0, card.y + h / 2.0);
    let points = outline.iter().map(|(dx, dy)| (centre.0 + dx * zoom, centre.1 + dy * zoom)).collect();
    scene.marks.push(Mark::Shape { points, colour: [40, 40, 40], alpha: 1.0 });
    scene.text(Label::new(note, (card.x + w, centre.1), SMALL));
}

/// The ellipse about its centre, in scene pixels.
pub(super) fn outline(beam: &CleanBeam, sky: &Sky, image: ((usize, usize), Area)) -> Option<Vec<Point>> {
    const CORNERS: u32 = 72;
    let ((ny, nx), area) = image;
    let (scale_x, scale_y) = (area.w / nx as f64, area.h / ny as f64);
    let (sin, cos) = beam.bpa.to_radians().sin_cos();
    let is_drawable = beam.bmaj > 0.0 && beam.bmin > 0.0 && scale_x.is_finite() && scale_y.is_finite();
    let corners = (0..CORNERS).filter(|_| is_drawable).map(|corner| {
        let angle = f64::from(corner) / f64::from(CORNERS) * std::f64::consts::TAU;
        let (major, minor) = (beam.bmaj / 2.0 * angle.cos(), beam.bmin / 2.0 * angle.sin());
        let (dx, dy) = sky.step_of(major * sin + minor * cos, major * cos - minor * sin)?;
        Some((dx * scale_x, -dy * scale_y))
    });
    corners.collect::<Option<Vec<_>>>().filter(|points| !points.is_empty())
}

/// An angle \[deg\] in the unit that suits it.
pub(super) fn angle(degrees: f64) -> String {
    let units = [("°", 1.0), ("′", 60.0), ("″", 3600.0), (" mas", 3.6e6)];
    let (unit, factor) = units.into_iter().find(|(_, factor)| degrees.abs() * factor >= 1.0).unwrap_or((" µas", 3.6e9));
    let number = significant_3(degrees * factor);
    let number = if number.contains('.') { number.trim_end_matches('0').trim_end_matches('.') } else { &number };
    format!("{number}{unit}")
}

/// The beam in words.
pub(super) fn beam_text(beam: &CleanBeam) -> String {
    format!("{} × {}, PA {:.1}°", angle(beam.bmaj), angle(beam.bmin), beam.bpa)
}
