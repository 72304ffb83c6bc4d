//! `PREFIX-beam.png`: the PSF's main lobe with its contours and those of the beam, and cuts along the beam's axes.

use std::path::{Path, PathBuf};

use crate::images::BeamShape;
use crate::pipeline::record::{BeamRecord, RunRecord};

use super::chart::{Axis, Chart, INK, LARGE, MEDIUM, PALE, SMALL, shortened, wrapped};
use super::colour::{Rgb, blue_red};
use super::plot::{PlotError, save_png};
use super::scene::{Area, Cells, Label, Mark, Pen, Point, Scene};

const WIDTH: f64 = 1380.0;
const LEFT: f64 = 120.0;
const TOP: f64 = 100.0;
/// Side of the map.
const MAP: f64 = 560.0;
/// Where the cuts begin.
const CUTS: f64 = 830.0;
/// Height of a cut.
const CUT: f64 = 250.0;
/// Height of a line of text.
const LINE: f64 = 26.0;
/// Free at the right.
const MARGIN: f64 = 40.0;
/// Heights at which contours are drawn.
const LEVELS: [f64; 3] = [0.5, 0.1, -0.1];
/// Steps of a contour of the beam, and of a cut.
const STEPS: usize = 240;

const PSF: Rgb = [30, 30, 30];
const FIT: Rgb = [213, 94, 0];
const CLEAN: Rgb = [0, 114, 178];
const REST: Rgb = [120, 120, 120];

/// Draws the beam, where the record has one.
///
/// # Errors
/// When the picture cannot be drawn or written.
pub(crate) fn draw(record: &RunRecord, prefix: &Path) -> Result<Vec<PathBuf>, PlotError> {
    match &record.beam {
        Some(beam) => Ok(vec![save_png(&scene(beam), prefix, "beam.png")?]),
        None => Ok(Vec::new()),
    }
}

/// The map on the left, the cuts on the right, facts and doubts below.
pub(crate) fn scene(beam: &BeamRecord) -> Scene {
    let lines = words(beam);
    let top = TOP + MAP + 120.0;
    let mut scene = Scene::new(WIDTH, top + LINE * lines.len() as f64);
    let title = shortened(&format!("PSF and clean beam of {}", beam.label), LARGE, WIDTH - 2.0 * LEFT);
    scene.text(Label::new(title, (LEFT, 40.0), LARGE));
    draw_map(&mut scene, beam);
    let (major, minor) = axes_of(main_beam(beam));
    let cut = |top: f64| Area::new(CUTS, top, WIDTH - CUTS - MARGIN, CUT);
    draw_cut(&mut scene, beam, (major, "major axis"), cut(TOP));
    draw_cut(&mut scene, beam, (minor, "minor axis"), cut(TOP + MAP - CUT));
    draw_legend(&mut scene, beam);
    for (line, (text, colour)) in lines.into_iter().enumerate() {
        scene.text(Label::new(text, (LEFT, top + LINE * line as f64), SMALL).coloured(colour));
    }
    scene
}

/// The lines below: facts, and what is doubtful.
fn words(beam: &BeamRecord) -> Vec<(String, Rgb)> {
    let facts: Vec<String> = beam.facts.iter().map(|(name, value)| format!("{name} {value}")).collect();
    let doubts = beam.doubts.iter().map(|doubt| (format!("warning: {doubt}"), FIT));
    let texts = std::iter::once((facts.join(";  "), INK)).chain(doubts);
    let lines = |(text, colour): (String, Rgb)| {
        wrapped(&text, SMALL, WIDTH - LEFT - MARGIN).into_iter().map(move |line| (line, colour)).collect::<Vec<_>>()
    };
    texts.flat_map(lines).collect()
}

/// The beam whose axes are cut along, from which the PSF is subtracted: the fit, as a clean beam that is round has none.
fn main_beam(beam: &BeamRecord) -> &BeamShape {
    beam.fit.as_ref().unwrap_or(&beam.clean)
}

/// Directions `(dx, dy)` of the major and the minor axis of a beam.
fn axes_of(shape: &BeamShape) -> (Point, Point) {
    // the form grows most slowly along the major axis
    let angle = 0.5 * (-2.0 * shape.b).atan2(shape.c - shape.a);
    let (sin, cos) = angle.sin_cos();
    ((cos, sin), (-sin, cos))
}

/// The pixels, blue below 0 and red above, with contours.
fn draw_map(scene: &mut Scene, beam: &BeamRecord) {
    let side = 2 * beam.half + 1;
    let area = Area::new(LEFT, TOP, MAP, MAP);
    let edge = beam.half as f64 + 0.5;
    // pale, so that lines are seen
    let colour = |value: &f32| blue_red(0.5 + 0.35 * f64::from(*value));
    let colours = beam.pixels.iter().map(colour).collect();
    let cells = Cells { shape: (side, side), shown: (side as f64, side as f64), colours };
    let chart = Chart { area, x: Axis::linear(-edge, edge), y: Axis::linear(-edge, edge) };
    chart.draw_x(scene, Some("x [pixels]"));
    scene.marks.push(Mark::Cells { area, cells });
    chart.draw_y(scene, "y [pixels]");
    for level in LEVELS {
        let pen = Pen::new(if level < 0.0 { REST } else { PSF }, 1.8);
        for (from, to) in contour(beam, level) {
            scene.line(vec![chart.at(from.0, from.1), chart.at(to.0, to.1)], pen);
        }
        for (shape, colour) in shapes(beam).into_iter().filter(|_| level > 0.0) {
            let points: Vec<Point> = ellipse(&shape, level).map(|(x, y)| chart.at(x, y)).collect();
            let is_inside = |(x, y): &Point| *x >= area.x && *x <= area.right() && *y >= area.y && *y <= area.bottom();
            for run in points.split(|point| !is_inside(point)).filter(|run| run.len() > 1) {
                scene.dashes(run, Pen::new(colour, 2.5));
            }
        }
    }
}

/// The beams to draw: the fit, and the clean beam where it is another one.
fn shapes(beam: &BeamRecord) -> Vec<(BeamShape, Rgb)> {
    let fit = beam.fit.map(|fit| (fit, FIT));
    let clean = (beam.fit != Some(beam.clean)).then_some((beam.clean, CLEAN));
    fit.into_iter().chain(clean).collect()
}

/// Where a beam has the height `level`.
fn ellipse(shape: &BeamShape, level: f64) -> impl Iterator<Item = Point> {
    let (shape, height) = (*shape, -level.ln());
    (0..=STEPS).map(move |step| {
        let (sin, cos) = (step as f64 / STEPS as f64 * std::f64::consts::TAU).sin_cos();
        let form = shape.a * cos * cos + 2.0 * shape.b * cos * sin + shape.c * sin * sin;
        let radius = (height / form).sqrt();
        (radius * cos, radius * sin)
    })
}

/// Pieces of the lines on which the PSF has the height `level`, each within a square of four pixels.
///
/// # Source
/// Lorensen & Cline (1987), in two dimensions; the two ways through a saddle are told apart by the mean of its corners.
fn contour(beam: &BeamRecord, level: f64) -> Vec<(Point, Point)> {
    let side = 2 * beam.half + 1;
    let value = |y: usize, x: usize| f64::from(beam.pixels[y * side + x]) - level;
    let offset = |at: usize| at as f64 - beam.half as f64;
    let mut pieces = Vec::new();
    for y in 0..side - 1 {
        for x in 0..side - 1 {
            let corners =
                [(y, x), (y, x + 1), (y + 1, x + 1), (y + 1, x)].map(|(y, x)| (offset(x), offset(y), value(y, x)));
            let mut crossings: Vec<Point> = Vec::new();
            for n in 0..4 {
                let ((x0, y0, from), (x1, y1, to)) = (corners[n], corners[(n + 1) % 4]);
                if (from > 0.0) != (to > 0.0) {
                    let share = from / (from - to);
                    crossings.push((x0 + share * (x1 - x0), y0 + share * (y1 - y0)));
                }
            }
            match crossings[..] {
                [from, to] => pieces.push((from, to)),
                [a, b, c, d] => {
                    let mean = corners.iter().map(|corner| corner.2).sum::<f64>();
                    let is_joined = (mean > 0.0) == (corners[0].2 > 0.0);
                    pieces.extend(if is_joined { [(a, b), (c, d)] } else { [(d, a), (b, c)] });
                }
                _ => {}
            }
        }
    }
    pieces
}

/// PSF, beams and what is left, along a direction through the peak.
fn draw_cut(scene: &mut Scene, beam: &BeamRecord, ((dx, dy), name): (Point, &str), area: Area) {
    let half = beam.half as f64;
    // to the side of the map, not to its corner
    let reach = half / dx.abs().max(dy.abs());
    let at = |step: usize| reach * (2.0 * step as f64 / STEPS as f64 - 1.0);
    let psf = |r: f64| beam.value(r * dy, r * dx);
    let fit = main_beam(beam);
    let rest = |r: f64| psf(r) - fit.value(r * dy, r * dx);
    let lowest = (0..=STEPS).map(at).map(|r| psf(r).min(rest(r))).fold(-0.1, f64::min);
    let chart = Chart { area, x: Axis::linear(-reach, reach), y: Axis::linear(lowest - 0.05, 1.08) };
    chart.draw_x(scene, Some(&format!("along the {name} [pixels]")));
    chart.draw_y(scene, "height");
    let curve =
        |height: &dyn Fn(f64) -> f64| -> Vec<Point> { (0..=STEPS).map(at).map(|r| chart.at(r, height(r))).collect() };
    scene.line(curve(&|_| 0.0), Pen::new(PALE, 1.0));
    scene.line(curve(&rest), Pen::new(REST, 1.8));
    scene.line(curve(&psf), Pen::new(PSF, 2.5));
    for (shape, colour) in shapes(beam) {
        scene.dashes(&curve(&|r| shape.value(r * dy, r * dx)), Pen::new(colour, 2.5));
    }
}

fn draw_legend(scene: &mut Scene, beam: &BeamRecord) {
    let mut names = vec![("PSF", PSF)];
    names
        .extend(shapes(beam).into_iter().map(|(_, colour)| (if colour == FIT { "fit" } else { "clean beam" }, colour)));
    // a beam that was given is no fit
    let has_fit = names.iter().any(|(name, _)| *name == "fit");
    names.push((if has_fit { "PSF - fit" } else { "PSF - clean beam" }, REST));
    let mut x = CUTS;
    for (name, colour) in names {
        scene.line(vec![(x, 74.0), (x + 26.0, 74.0)], Pen::new(colour, 4.0));
        scene.text(Label::new(name, (x + 34.0, 74.0), MEDIUM));
        x += 60.0 + super::scene::text_width(name, MEDIUM);
    }
    let contours = "contours at 0.5 and 0.1, grey at -0.1";
    scene.text(Label::new(contours, (LEFT, 74.0), SMALL).coloured(PALE));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::images::{CleanBeam, UNIT_CELL};

    fn shape(major: f64, minor: f64, angle: f64) -> BeamShape {
        CleanBeam::new(major, minor, angle).unwrap().shape_in_pixels(UNIT_CELL).unwrap()
    }

    fn record(psf: &BeamShape, fit: Option<BeamShape>, clean: BeamShape) -> BeamRecord {
        let half = 15;
        let offset = |at: usize| at as f64 - half as f64;
        let side = 2 * half + 1;
        let pixels = (0..side * side).map(|n| psf.value(offset(n / side), offset(n % side)) as f32).collect();
        let fact = ("clean beam".to_owned(), "6.00 x 4.00 pixels".to_owned());
        let facts = vec![fact; 6];
        let doubts = vec!["a doubt ".repeat(30)];
        BeamRecord { label: "I 1.4 GHz".to_owned(), half, pixels, fit, clean, facts, doubts }
    }

    #[test]
    fn contours_of_a_gaussian_are_its_ellipses() {
        let beam = shape(8.0, 5.0, 30.0);
        let record = record(&beam, Some(beam), beam);
        for level in [0.5, 0.1] {
            let pieces = contour(&record, level);
            assert!(pieces.len() > 20);
            for ((x, y), _) in pieces {
                // between pixels the height is taken as linear
                assert!((beam.value(y, x) - level).abs() < 0.03, "{level} at ({x}, {y})");
            }
        }
        assert!(contour(&record, -0.1).is_empty());
    }

    #[test]
    fn axes_are_where_the_beam_is_widest_and_narrowest() {
        for angle in [0.0, 30.0, 90.0, 135.0] {
            let beam = shape(8.0, 5.0, angle);
            let ((dx, dy), (ex, ey)) = axes_of(&beam);
            assert!((beam.value(4.0 * dy, 4.0 * dx) - 0.5).abs() < 1e-9, "{angle}");
            assert!((beam.value(2.5 * ey, 2.5 * ex) - 0.5).abs() < 1e-9, "{angle}");
        }
    }

    #[test]
    fn a_round_clean_beam_is_shown_along_the_axes_of_the_fit_and_every_fact_is_there_in_full() {
        let (fit, clean) = (shape(8.0, 5.0, 30.0), shape(8.0, 8.0, 0.0));
        let record = record(&fit, Some(fit), clean);
        assert_eq!(axes_of(main_beam(&record)), axes_of(&fit));
        let lines = words(&record);
        let facts: Vec<&str> = lines.iter().filter(|line| line.1 == INK).map(|line| line.0.as_str()).collect();
        assert!(facts.len() > 1, "more than a line: {facts:?}");
        assert_eq!(facts.join(" ").matches("clean beam 6.00 x 4.00 pixels").count(), 6);
        assert!(lines.iter().all(|line| !line.0.contains('…')), "{lines:?}");
    }

    #[test]
    fn no_text_stands_on_another_and_the_picture_is_written() {
        let (psf, clean) = (shape(8.0, 5.0, 30.0), shape(9.0, 9.0, 0.0));
        for record in [record(&psf, Some(psf), psf), record(&psf, Some(psf), clean), record(&psf, None, clean)] {
            let scene = scene(&record);
            let boxes: Vec<Area> = scene
                .marks
                .iter()
                .filter_map(|mark| if let Mark::Text(label) = mark { Some(label.extent()) } else { None })
                .collect();
            for (n, first) in boxes.iter().enumerate() {
                assert!(first.x >= 0.0 && first.right() <= WIDTH, "{first:?}");
                assert!(boxes[n + 1..].iter().all(|other| !first.overlaps(other)), "{first:?}");
            }
            let folder = tempfile::tempdir().unwrap();
            let run = RunRecord { beam: Some(record), ..RunRecord::default() };
            let files = draw(&run, &folder.path().join("run")).unwrap();
            assert_eq!(files, [folder.path().join("run-beam.png")]);
            assert!(image::open(&files[0]).unwrap().width() >= 1000);
        }
    }
}
