//! Scenes through plotters' backends.
//!
//! The PNG is drawn at twice its size and averaged down, since plotters smooths only lines one pixel wide. It is drawn in
//! bands, one after the other: a page of previews at twice its size would take 37 MB, often more than the run itself.

use std::borrow::Borrow;
use std::error::Error;
use std::ops::Range;
use std::sync::Once;

use image::ImageEncoder;
use plotters::element::{Drawable, PointCollection};
use plotters::prelude::{
    BitMapBackend, BitMapElement, Color, DrawingBackend, FontFamily, FontStyle, FontTransform, IntoFont, PathElement,
    Polygon, RGBAColor, Rectangle, SVGBackend, ShapeStyle, Text, TextStyle,
};
use plotters::style::register_font;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::super::colour::Rgb;
use super::{Across, Along, Area, Cells, Label, Mark, Point, Scene};

/// Height of a capital in `DejaVu` Sans over the size that plotters is asked for:
/// 0.729 em, at 1.164 (ascent and descent together) to the em.
pub(super) const CAPITAL: f64 = 0.626;

/// Bytes of a band at twice its size.
const BAND_BYTES: usize = 1 << 20;

/// What drawing in memory may meet.
pub(crate) type DrawError = Box<dyn Error + Send + Sync>;

impl Scene {
    /// The picture as the bytes of a PNG of its size.
    pub(crate) fn png(&self) -> Result<Vec<u8>, DrawError> {
        let (width, height) = self.size;
        let pixels = self.pixels(BAND_BYTES)?;
        let mut bytes = Vec::new();
        let encoder = image::codecs::png::PngEncoder::new(&mut bytes);
        encoder.write_image(&pixels, width, height, image::ExtendedColorType::Rgb8)?;
        Ok(bytes)
    }

    /// RGB of all pixels, drawn in bands of about so many bytes.
    pub(super) fn pixels(&self, band_bytes: usize) -> Result<Vec<u8>, DrawError> {
        const FINER: u32 = 2;
        load_font();
        let fine = (self.size.0 * FINER, self.size.1 * FINER);
        let rows = (band_bytes / (3 * fine.0.max(1) as usize)).max(1).next_multiple_of(FINER as usize);
        let mut pixels = Vec::with_capacity(3 * self.size.0 as usize * self.size.1 as usize);
        let mut large = Vec::new();
        for top in (0..fine.1).step_by(rows) {
            let band = top..fine.1.min(top + rows as u32);
            let height = band.end - top;
            large.clear();
            large.resize(3 * fine.0 as usize * height as usize, 255);
            let device = Device { scale: f64::from(FINER), baseline: 0.5, joins: false, band: band.start..band.end };
            device.render(self, &mut BitMapBackend::with_buffer(&mut large, (fine.0, height)))?;
            halve(&large, fine.0 as usize, &mut pixels);
        }
        Ok(pixels)
    }

    /// The picture as the text of an SVG.
    pub(crate) fn svg(&self) -> Result<Vec<u8>, DrawError> {
        let mut text = String::new();
        // plotters-svg lowers the text by 0.76 em, and has 1.24 of our size to the em.
        let device = Device { scale: 1.0, baseline: 0.76 / 1.24, joins: true, band: 0..self.size.1 };
        device.render(self, &mut SVGBackend::with_string(&mut text, self.size))?;
        Ok(text.into_bytes())
    }
}

/// Appends means of blocks of 2 by 2 RGB pixels, in rows `width` long.
fn halve(large: &[u8], width: usize, small: &mut Vec<u8>) {
    for rows in large.chunks_exact(6 * width) {
        let (upper, lower) = rows.split_at(3 * width);
        let (upper, lower) = (upper.as_chunks::<6>().0, lower.as_chunks::<6>().0);
        for (upper, lower) in upper.iter().zip(lower) {
            let mean = |channel: usize| {
                let sum = |row: &[u8; 6]| u16::from(row[channel]) + u16::from(row[channel + 3]);
                ((sum(upper) + sum(lower) + 2) / 4) as u8
            };
            small.extend_from_slice(&[mean(0), mean(1), mean(2)]);
        }
    }
}

/// What differs between the backends.
struct Device {
    scale: f64,
    /// Where plotters puts the baseline of text, over the size.
    baseline: f64,
    /// Whether a line of many points may be drawn as one.
    joins: bool,
    /// The rows of the picture that are drawn.
    band: Range<u32>,
}

impl Device {
    fn render<B>(&self, scene: &Scene, canvas: &mut B) -> Result<(), DrawError>
    where
        B: DrawingBackend,
        B::ErrorType: 'static,
    {
        let white = Area::new(0.0, 0.0, f64::from(scene.size.0), f64::from(scene.size.1));
        put(canvas, &self.rectangle(white, [255; 3], 1.0))?;
        for mark in scene.marks.iter().filter(|mark| self.shows(mark)) {
            match mark {
                Mark::Fill { area, colour, alpha } => put(canvas, &self.rectangle(*area, *colour, *alpha))?,
                Mark::Line { points, pen } => {
                    let width = (pen.width * self.scale).round().max(1.0) as u32;
                    let style = ShapeStyle { color: rgba(pen.colour, pen.alpha), filled: false, stroke_width: width };
                    // plotters' bitmap joins thick segments in spikes: there each is drawn alone.
                    let path = self.path(points);
                    let piece = if self.joins { path.len().max(1) } else { 2 };
                    for part in path.windows(piece.min(path.len()).max(1)) {
                        put(canvas, &PathElement::new(part.to_vec(), style))?;
                    }
                }
                Mark::Shape { points, colour, alpha } => {
                    put(canvas, &Polygon::new(self.path(points), rgba(*colour, *alpha)))?;
                }
                Mark::Text(label) => put(canvas, &self.label(label))?,
                Mark::Cells { area, cells } => self.cells(canvas, *area, cells)?,
            }
        }
        Ok(canvas.present()?)
    }

    fn place(&self, (x, y): Point) -> (i32, i32) {
        ((x * self.scale).round() as i32, (y * self.scale).round() as i32 - self.band.start as i32)
    }

    /// Whether some of a mark may stand in the band; of text not more is known than that it is no taller than so many
    /// letters.
    fn shows(&self, mark: &Mark) -> bool {
        let span = |points: &[Point], margin: f64| {
            let ends =
                points.iter().fold((f64::MAX, f64::MIN), |(low, high), point| (low.min(point.1), high.max(point.1)));
            (ends.0 - margin, ends.1 + margin)
        };
        let (top, bottom) = match mark {
            Mark::Fill { area, .. } | Mark::Cells { area, .. } => (area.y, area.bottom()),
            Mark::Line { points, pen } => span(points, pen.width),
            Mark::Shape { points, .. } => span(points, 0.0),
            Mark::Text(label) => {
                let letters = if label.is_upright { label.text.chars().count() + 2 } else { 2 };
                span(&[label.at], letters as f64 * label.size)
            }
        };
        // a pixel beside for what is rounded
        let (first, last) = (f64::from(self.band.start) - 2.0, f64::from(self.band.end) + 2.0);
        bottom * self.scale >= first && top * self.scale <= last
    }

    fn path(&self, points: &[Point]) -> Vec<(i32, i32)> {
        points.iter().map(|&point| self.place(point)).collect()
    }

    /// At least one device pixel in size.
    fn rectangle(&self, area: Area, colour: Rgb, alpha: f64) -> Rectangle<(i32, i32)> {
        let (from, to) = (self.place((area.x, area.y)), self.place((area.right(), area.bottom())));
        let to = (to.0.max(from.0 + 1), to.1.max(from.1 + 1));
        Rectangle::new([from, to], ShapeStyle { color: rgba(colour, alpha), filled: true, stroke_width: 0 })
    }

    fn label<'a>(&self, label: &'a Label) -> Text<'a, (i32, i32), &'a str> {
        let along = match label.along {
            Along::Start => HPos::Left,
            Along::Middle => HPos::Center,
            Along::End => HPos::Right,
        };
        let baseline = match label.across {
            Across::Top => CAPITAL,
            Across::Middle => CAPITAL / 2.0,
            Across::Baseline => 0.0,
        };
        let shift = (baseline - self.baseline) * label.size;
        let (x, y) = label.at;
        let (at, turn) = if label.is_upright {
            ((x + shift, y), FontTransform::Rotate270)
        } else {
            ((x, y + shift), FontTransform::None)
        };
        let font = (FontFamily::SansSerif, label.size * self.scale).into_font().transform(turn);
        let mut style = TextStyle::from(font).pos(Pos::new(along, VPos::Top));
        style.color = rgba(label.colour, 1.0).to_backend_color();
        Text::new(label.text.as_str(), self.place(at), style)
    }

    fn cells<B>(&self, canvas: &mut B, area: Area, cells: &Cells) -> Result<(), DrawError>
    where
        B: DrawingBackend,
        B::ErrorType: 'static,
    {
        let (from, to) = (self.place((area.x, area.y)), self.place((area.right(), area.bottom())));
        let (w, h) = ((to.0 - from.0).max(1) as usize, (to.1 - from.1).max(1) as usize);
        let index = |pixel: usize, pixels: usize, shown: f64, last: usize| {
            (((pixel as f64 + 0.5) / pixels as f64 * shown) as usize).min(last)
        };
        let (ny, nx) = cells.shape;
        let columns: Vec<usize> = (0..w).map(|x| index(x, w, cells.shown.1, nx - 1)).collect();
        let above = usize::try_from(-from.1).unwrap_or(0).min(h);
        let rows = h.min(usize::try_from(self.band.len() as i32 - from.1).unwrap_or(0)).saturating_sub(above);
        if rows == 0 {
            return Ok(());
        }
        let mut bytes = Vec::with_capacity(3 * w * rows);
        for y in (0..h).rev().skip(above).take(rows) {
            let row = index(y, h, cells.shown.0, ny - 1) * nx;
            bytes.extend(columns.iter().flat_map(|column| cells.colours[row + column]));
        }
        let from = (from.0, from.1.max(0));
        let element = BitMapElement::<_>::with_owned_buffer(from, (w as u32, rows as u32), bytes);
        put(canvas, &element.ok_or("an image without pixels")?)
    }
}

/// Draws an element as it stands: a drawing area would move points from outside onto its edge.
fn put<'e, B, E>(canvas: &mut B, element: &'e E) -> Result<(), DrawError>
where
    B: DrawingBackend,
    B::ErrorType: 'static,
    &'e E: PointCollection<'e, (i32, i32)>,
    E: Drawable<B>,
{
    let size = canvas.get_size();
    let points: Vec<(i32, i32)> = element.point_iter().into_iter().map(|point| *point.borrow()).collect();
    Ok(element.draw(points.into_iter(), canvas, size)?)
}

fn rgba([r, g, b]: Rgb, alpha: f64) -> RGBAColor {
    RGBAColor(r, g, b, alpha)
}

/// Width of a text of the given size \[pixels\].
pub(crate) fn text_width(text: &str, size: f64) -> f64 {
    load_font();
    // Measured large, since plotters rounds to whole pixels.
    let font = (FontFamily::SansSerif, 100.0).into_font();
    font.box_size(text).map_or(0.0, |(width, _)| f64::from(width) * size / 100.0)
}

/// Gives plotters the shipped font, once.
fn load_font() {
    static LOADED: Once = Once::new();
    LOADED.call_once(|| {
        let bytes = include_bytes!("../fonts/DejaVuSans.ttf");
        let is_loaded = register_font(FontFamily::SansSerif.as_str(), FontStyle::Normal, bytes).is_ok();
        debug_assert!(is_loaded, "the shipped font is a valid TrueType file");
    });
}
