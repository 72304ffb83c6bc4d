//! A picture as a list of marks, and its two forms: PNG and SVG.
//!
//! Plots only lay out marks, which tests can look at; plotters' backends turn them into pixels or text.
//! The PNG is drawn at twice its size and averaged down, since plotters smooths only lines one pixel wide.

use std::error::Error;
use std::sync::Once;

use image::ImageEncoder;
use plotters::coord::Shift;
use plotters::drawing::IntoDrawingArea;
use plotters::prelude::{
    BitMapBackend, BitMapElement, Color, DrawingArea, DrawingBackend, FontFamily, FontStyle, FontTransform, IntoFont,
    PathElement, Polygon, RGBAColor, Rectangle, SVGBackend, ShapeStyle, Text, TextStyle,
};
use plotters::style::register_font;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::colour::Rgb;

/// Height of a capital in DejaVu Sans over the size that plotters is asked for:
/// 0.729 em, at 1.164 (ascent and descent together) to the em.
const CAPITAL: f64 = 0.626;

/// What drawing in memory may meet.
pub(crate) type DrawError = Box<dyn Error + Send + Sync>;

/// A point in scene pixels, y downwards.
pub(crate) type Point = (f64, f64);

/// An upright box in scene pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Area {
    pub(crate) x: f64,
    pub(crate) y: f64,
    pub(crate) w: f64,
    pub(crate) h: f64,
}

impl Area {
    pub(crate) fn new(x: f64, y: f64, w: f64, h: f64) -> Self {
        Self { x, y, w, h }
    }

    pub(crate) fn right(&self) -> f64 {
        self.x + self.w
    }

    pub(crate) fn bottom(&self) -> f64 {
        self.y + self.h
    }

    /// Whether two boxes share an area.
    #[cfg(test)]
    pub(crate) fn overlaps(&self, other: &Self) -> bool {
        self.x < other.right() && other.x < self.right() && self.y < other.bottom() && other.y < self.bottom()
    }
}

/// Which point of a text stands at its place, along the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Along {
    Start,
    Middle,
    End,
}

/// Which point of a text stands at its place, across the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Across {
    Top,
    Middle,
    Baseline,
}

/// One line of text.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Label {
    pub(crate) text: String,
    pub(crate) at: Point,
    pub(crate) size: f64,
    pub(crate) along: Along,
    pub(crate) across: Across,
    /// Reads upwards.
    pub(crate) is_upright: bool,
    pub(crate) colour: Rgb,
}

impl Label {
    /// Black text whose beginning stands at a point, centred across.
    pub(crate) fn new(text: impl Into<String>, at: Point, size: f64) -> Self {
        let (along, across) = (Along::Start, Across::Middle);
        Self { text: text.into(), at, size, along, across, is_upright: false, colour: [30, 30, 30] }
    }

    pub(crate) fn anchored(self, along: Along, across: Across) -> Self {
        Self { along, across, ..self }
    }

    pub(crate) fn coloured(self, colour: Rgb) -> Self {
        Self { colour, ..self }
    }

    pub(crate) fn upright(self) -> Self {
        Self { is_upright: true, ..self }
    }

    /// Box of the capitals: what must not touch another text.
    #[cfg(test)]
    pub(crate) fn extent(&self) -> Area {
        let (w, h) = (text_width(&self.text, self.size), CAPITAL * self.size);
        let along = match self.along {
            Along::Start => 0.0,
            Along::Middle => -w / 2.0,
            Along::End => -w,
        };
        let across = match self.across {
            Across::Top => 0.0,
            Across::Middle => -h / 2.0,
            Across::Baseline => -h,
        };
        let (x, y) = self.at;
        match self.is_upright {
            false => Area::new(x + along, y + across, w, h),
            true => Area::new(x + across, y - along - w, h, w),
        }
    }
}

/// How a line looks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Pen {
    pub(crate) colour: Rgb,
    pub(crate) width: f64,
    pub(crate) alpha: f64,
}

impl Pen {
    pub(crate) fn new(colour: Rgb, width: f64) -> Self {
        Self { colour, width, alpha: 1.0 }
    }
}

/// One thing to draw.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Mark {
    Fill {
        area: Area,
        colour: Rgb,
        alpha: f64,
    },
    Line {
        points: Vec<Point>,
        pen: Pen,
    },
    Shape {
        points: Vec<Point>,
        colour: Rgb,
        alpha: f64,
    },
    Text(Label),
    /// Cells stretched over the area.
    Cells {
        area: Area,
        cells: Cells,
    },
}

/// Coloured cells in rows, the first at the bottom.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Cells {
    /// Rows and columns.
    pub(crate) shape: (usize, usize),
    /// How many of them are seen, from the bottom left: the last may be cut.
    pub(crate) shown: (f64, f64),
    pub(crate) colours: Vec<Rgb>,
}

/// A picture on white.
#[derive(Debug, Clone)]
pub(crate) struct Scene {
    /// Width and height \[pixels\].
    pub(crate) size: (u32, u32),
    pub(crate) marks: Vec<Mark>,
}

impl Scene {
    pub(crate) fn new(width: f64, height: f64) -> Self {
        Self { size: (width.ceil() as u32, height.ceil() as u32), marks: Vec::new() }
    }

    pub(crate) fn fill(&mut self, area: Area, colour: Rgb, alpha: f64) {
        self.marks.push(Mark::Fill { area, colour, alpha });
    }

    pub(crate) fn text(&mut self, label: Label) {
        self.marks.push(Mark::Text(label));
    }

    /// A line through the points; two points at one height or one above the other become a sharp box.
    pub(crate) fn line(&mut self, points: Vec<Point>, pen: Pen) {
        if let [from, to] = points[..]
            && (from.0 == to.0 || from.1 == to.1)
        {
            let (x, y) = (from.0.min(to.0) - pen.width / 2.0, from.1.min(to.1) - pen.width / 2.0);
            let (w, h) = ((from.0 - to.0).abs() + pen.width, (from.1 - to.1).abs() + pen.width);
            return self.fill(Area::new(x, y, w, h), pen.colour, pen.alpha);
        }
        self.marks.push(Mark::Line { points, pen });
    }

    /// A dashed line through the points.
    pub(crate) fn dashes(&mut self, points: &[Point], pen: Pen) {
        const PERIOD: f64 = 10.0;
        const DASH: f64 = 6.0;
        let mut phase = 0.0;
        for pair in points.windows(2) {
            let (from, to) = (pair[0], pair[1]);
            let length = (to.0 - from.0).hypot(to.1 - from.1);
            let at = |s: f64| (from.0 + (to.0 - from.0) * s / length, from.1 + (to.1 - from.1) * s / length);
            let mut begin = -phase;
            while begin < length {
                let (first, last) = (begin.max(0.0), (begin + DASH).min(length));
                if last > first {
                    self.line(vec![at(first), at(last)], pen);
                }
                begin += PERIOD;
            }
            phase = (phase + length) % PERIOD;
        }
    }

    /// A box of lines just outside the area.
    pub(crate) fn frame(&mut self, area: Area, pen: Pen) {
        let half = pen.width / 2.0;
        let (left, top, right, bottom) = (area.x - half, area.y - half, area.right() + half, area.bottom() + half);
        self.line(vec![(left, top), (right, top)], pen);
        self.line(vec![(left, bottom), (right, bottom)], pen);
        self.line(vec![(left, top), (left, bottom)], pen);
        self.line(vec![(right, top), (right, bottom)], pen);
    }

    /// The picture as the bytes of a PNG of its size.
    pub(crate) fn png(&self) -> Result<Vec<u8>, DrawError> {
        const FINER: u32 = 2;
        load_font();
        let (width, height) = self.size;
        let fine = (width * FINER, height * FINER);
        let mut large = vec![255; 3 * fine.0 as usize * fine.1 as usize];
        let device = Device { scale: f64::from(FINER), baseline: 0.5, last_pixel: 1, joins: false };
        device.render(self, &BitMapBackend::with_buffer(&mut large, fine).into_drawing_area())?;
        let pixels = halve(&large, fine.0 as usize);
        let mut bytes = Vec::new();
        let encoder = image::codecs::png::PngEncoder::new(&mut bytes);
        encoder.write_image(&pixels, width, height, image::ExtendedColorType::Rgb8)?;
        Ok(bytes)
    }

    /// The picture as the text of an SVG.
    pub(crate) fn svg(&self) -> Result<Vec<u8>, DrawError> {
        let mut text = String::new();
        // plotters-svg lowers the text by 0.76 em, and has 1.24 of our size to the em.
        let device = Device { scale: 1.0, baseline: 0.76 / 1.24, last_pixel: 0, joins: true };
        device.render(self, &SVGBackend::with_string(&mut text, self.size).into_drawing_area())?;
        Ok(text.into_bytes())
    }
}

/// Means of blocks of 2 by 2 RGB pixels, in rows `width` long.
fn halve(large: &[u8], width: usize) -> Vec<u8> {
    let mut small = Vec::with_capacity(large.len() / 4);
    for rows in large.chunks_exact(6 * width) {
        let (upper, lower) = rows.split_at(3 * width);
        for (upper, lower) in upper.chunks_exact(6).zip(lower.chunks_exact(6)) {
            for channel in 0..3 {
                let sum = [upper[channel], upper[channel + 3], lower[channel], lower[channel + 3]].map(u16::from);
                small.push(((sum.iter().sum::<u16>() + 2) / 4) as u8);
            }
        }
    }
    small
}

/// What differs between the backends.
struct Device {
    scale: f64,
    /// Where plotters puts the baseline of text, over the size.
    baseline: f64,
    /// 1 where the far corner of a rectangle is itself drawn.
    last_pixel: i32,
    /// Whether a line of many points may be drawn as one.
    joins: bool,
}

impl Device {
    fn render<B>(&self, scene: &Scene, canvas: &DrawingArea<B, Shift>) -> Result<(), DrawError>
    where
        B: DrawingBackend,
        B::ErrorType: 'static,
    {
        let white = Area::new(0.0, 0.0, f64::from(scene.size.0), f64::from(scene.size.1));
        canvas.draw(&self.rectangle(white, [255; 3], 1.0))?;
        for mark in &scene.marks {
            match mark {
                Mark::Fill { area, colour, alpha } => canvas.draw(&self.rectangle(*area, *colour, *alpha))?,
                Mark::Line { points, pen } => {
                    let width = (pen.width * self.scale).round().max(1.0) as u32;
                    let style = ShapeStyle { color: rgba(pen.colour, pen.alpha), filled: false, stroke_width: width };
                    // plotters' bitmap joins thick segments in spikes: there each is drawn alone.
                    let path = self.path(points);
                    let piece = if self.joins { path.len().max(1) } else { 2 };
                    for part in path.windows(piece.min(path.len()).max(1)) {
                        canvas.draw(&PathElement::new(part.to_vec(), style))?;
                    }
                }
                Mark::Shape { points, colour, alpha } => {
                    canvas.draw(&Polygon::new(self.path(points), rgba(*colour, *alpha)))?;
                }
                Mark::Text(label) => canvas.draw(&self.label(label))?,
                Mark::Cells { area, cells } => self.cells(canvas, *area, cells)?,
            }
        }
        Ok(canvas.present()?)
    }

    fn place(&self, (x, y): Point) -> (i32, i32) {
        ((x * self.scale).round() as i32, (y * self.scale).round() as i32)
    }

    fn path(&self, points: &[Point]) -> Vec<(i32, i32)> {
        points.iter().map(|&point| self.place(point)).collect()
    }

    /// At least one device pixel in size.
    fn rectangle(&self, area: Area, colour: Rgb, alpha: f64) -> Rectangle<(i32, i32)> {
        let (from, to) = (self.place((area.x, area.y)), self.place((area.right(), area.bottom())));
        let to = (to.0.max(from.0 + 1) - self.last_pixel, to.1.max(from.1 + 1) - self.last_pixel);
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
        let (at, turn) = match label.is_upright {
            false => ((x, y + shift), FontTransform::None),
            true => ((x + shift, y), FontTransform::Rotate270),
        };
        let font = (FontFamily::SansSerif, label.size * self.scale).into_font().transform(turn);
        let mut style = TextStyle::from(font).pos(Pos::new(along, VPos::Top));
        style.color = rgba(label.colour, 1.0).to_backend_color();
        Text::new(label.text.as_str(), self.place(at), style)
    }

    fn cells<B>(&self, canvas: &DrawingArea<B, Shift>, area: Area, cells: &Cells) -> Result<(), DrawError>
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
        let mut bytes = Vec::with_capacity(3 * w * h);
        for y in (0..h).rev() {
            let row = index(y, h, cells.shown.0, ny - 1) * nx;
            bytes.extend(columns.iter().flat_map(|column| cells.colours[row + column]));
        }
        let element = BitMapElement::<_>::with_owned_buffer(from, (w as u32, h as u32), bytes);
        Ok(canvas.draw(&element.ok_or("an image without pixels")?)?)
    }
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
        let bytes = include_bytes!("fonts/DejaVuSans.ttf");
        let is_loaded = register_font(FontFamily::SansSerif.as_str(), FontStyle::Normal, bytes).is_ok();
        debug_assert!(is_loaded, "the shipped font is a valid TrueType file");
    });
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Checks that every text stands inside the picture, and none on another.
    pub(crate) fn assert_readable(scene: &Scene) {
        let labels = scene.marks.iter().filter_map(|mark| match mark {
            Mark::Text(label) if !label.text.is_empty() => Some((label.extent(), &label.text)),
            _ => None,
        });
        let labels: Vec<_> = labels.collect();
        let (width, height) = (f64::from(scene.size.0), f64::from(scene.size.1));
        for (place, (area, text)) in labels.iter().enumerate() {
            let is_inside = area.x >= 0.0 && area.y >= 0.0 && area.right() <= width && area.bottom() <= height;
            assert!(is_inside, "{text:?} leaves the picture: {area:?}");
            for (other, overlapped) in &labels[..place] {
                assert!(!area.overlaps(other), "{text:?} stands on {overlapped:?}");
            }
        }
    }

    /// All texts of a scene.
    pub(crate) fn texts(scene: &Scene) -> Vec<&str> {
        let texts = scene.marks.iter().filter_map(|mark| match mark {
            Mark::Text(label) => Some(label.text.as_str()),
            _ => None,
        });
        texts.collect()
    }

    fn pixels(scene: &Scene) -> image::RgbImage {
        let bytes = scene.png().expect("drawn");
        image::load_from_memory_with_format(&bytes, image::ImageFormat::Png).expect("a PNG").into_rgb8()
    }

    #[test]
    fn png_has_the_size_of_the_scene_and_cells_stand_first_row_down() {
        let mut scene = Scene::new(40.0, 30.0);
        let colours = vec![[255, 0, 0], [0, 255, 0], [0, 0, 255], [9, 9, 9]];
        let cells = Cells { shape: (2, 2), shown: (2.0, 2.0), colours };
        scene.marks.push(Mark::Cells { area: Area::new(10.0, 5.0, 20.0, 20.0), cells });
        let image = pixels(&scene);
        assert_eq!(image.dimensions(), (40, 30));
        assert_eq!(image.get_pixel(11, 23).0, [255, 0, 0]);
        assert_eq!(image.get_pixel(28, 23).0, [0, 255, 0]);
        assert_eq!(image.get_pixel(11, 6).0, [0, 0, 255]);
        assert_eq!(image.get_pixel(5, 5).0, [255; 3]);
    }

    #[test]
    fn cut_cells_end_where_the_image_ends() {
        let mut scene = Scene::new(30.0, 10.0);
        let cells = Cells { shape: (1, 2), shown: (1.0, 1.5), colours: vec![[0; 3], [200; 3]] };
        scene.marks.push(Mark::Cells { area: Area::new(0.0, 0.0, 30.0, 10.0), cells });
        let image = pixels(&scene);
        assert_eq!((image.get_pixel(19, 5).0, image.get_pixel(20, 5).0), ([0; 3], [200; 3]));
    }

    #[test]
    fn text_stands_where_its_extent_says() {
        let mut scene = Scene::new(200.0, 120.0);
        let label = Label::new("H04ʰ", (100.0, 60.0), 24.0).anchored(Along::Middle, Across::Middle);
        scene.text(label.clone());
        let image = pixels(&scene);
        let dark: Vec<_> = image.enumerate_pixels().filter(|(_, _, pixel)| pixel.0[0] < 128).collect();
        let bounds = |place: fn(&(u32, u32, &image::Rgb<u8>)) -> u32| {
            (dark.iter().map(place).min().map_or(0.0, f64::from), dark.iter().map(place).max().map_or(0.0, f64::from))
        };
        let ((left, right), (top, bottom)) = (bounds(|dot| dot.0), bounds(|dot| dot.1));
        let area = label.extent();
        assert!((left - area.x).abs() < 4.0 && (right - area.right()).abs() < 4.0, "{left}..{right} against {area:?}");
        assert!((top - area.y).abs() < 2.5 && (bottom - area.bottom()).abs() < 2.5, "{top}..{bottom} against {area:?}");
    }

    #[test]
    fn dashes_cover_about_six_tenths_of_the_line() {
        let mut scene = Scene::new(10.0, 10.0);
        scene.dashes(&[(0.0, 0.0), (100.0, 0.0), (100.0, 50.0)], Pen::new([0; 3], 1.0));
        let drawn: f64 = scene
            .marks
            .iter()
            .map(|mark| match mark {
                Mark::Fill { area, .. } => area.w.max(area.h) - 1.0,
                _ => 0.0,
            })
            .sum();
        assert!((drawn - 90.0).abs() < 1e-9, "{drawn}");
    }
}
