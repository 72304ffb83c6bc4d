//! Graphs as SVG, without a layout program.

use std::fmt::Write;

use super::colour::{GREY, Palette, category, hex, is_dark, scale};
use super::layout::{FONT, Layout, text_width};
use super::sketch::Node;
use super::{ColourBy, Direction, Look, Picture};

const MARGIN: f64 = 24.0;
/// Room for a picture's title.
const TITLE: f64 = 34.0;
/// Height of a line of the legend.
const LINE: f64 = 24.0;
const NARROWEST: f64 = 640.0;
/// A wide graph is scrolled, and its legend should be seen at once.
const WIDEST_LEGEND: f64 = 1300.0;

/// Draws the pictures one below the other, with one legend; boxes tell more when the mouse rests on them.
pub fn svg(pictures: &[Picture], look: &Look<'_>) -> String {
    let palette = Palette::new(pictures, look);
    let layouts: Vec<Layout> = pictures.iter().map(|picture| Layout::new(&picture.sketch, look)).collect();
    let width = layouts.iter().map(|layout| layout.extent.0).fold(NARROWEST, f64::max);
    let (legend, mut y) = legend(pictures, &palette, (look, width.min(WIDEST_LEGEND)));
    let mut body = String::new();
    for (picture, layout) in pictures.iter().zip(&layouts) {
        let counts = counts(picture);
        let _ = write!(
            body,
            "<g transform=\"translate({MARGIN:.0} {y:.0})\"><text y=\"10\" class=\"title\">{}<tspan class=\"pale\"> · {counts}</tspan></text>\n\
             <g transform=\"translate(0 {TITLE})\">\n",
            escaped(&picture.title)
        );
        draw(&mut body, picture, layout, (&palette, look.direction));
        body.push_str("</g></g>\n");
        y += TITLE + layout.extent.1 + MARGIN;
    }
    let (width, height) = (width + 2.0 * MARGIN, y);
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width:.0}\" height=\"{height:.0}\" viewBox=\"0 0 {width:.0} {height:.0}\" \
         font-family=\"'DejaVu Sans',Verdana,sans-serif\" font-size=\"{FONT}\">\n\
         <style>.title{{font-size:16px;fill:#222}}.pale{{fill:#6e6e6e}}.line{{fill:none;stroke:#8a8a8a;stroke-opacity:.55}}\
         .box{{stroke:#555;stroke-width:1}}.target{{stroke:#000;stroke-width:2.5}}.given{{stroke-dasharray:4 3}}\
         .node:hover .box{{stroke:#000;stroke-width:2.5}}</style>\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n{legend}{body}</svg>\n"
    )
}

fn counts(picture: &Picture) -> String {
    let (tasks, boxes) = (picture.tasks(), picture.boxes());
    let given: usize = picture.sketch.nodes.iter().filter(|node| node.kind.is_none()).map(|node| node.count).sum();
    let plural = |count: usize, word: &str| format!("{count} {word}{}", if count == 1 { "" } else { "s" });
    let mut words = vec![plural(tasks, "task")];
    if given > 0 {
        words.push(plural(given, "given value"));
    }
    if boxes < tasks + given {
        words.push(format!("drawn by layers in {}", plural(boxes, "box").replace("boxs", "boxes")));
    }
    words.join(" · ")
}

fn draw(body: &mut String, picture: &Picture, layout: &Layout, (palette, direction): (&Palette, Direction)) {
    let (w, h) = layout.size;
    let nodes = &picture.sketch.nodes;
    for &(from, to, count) in &picture.sketch.edges {
        let ((fx, fy), (tx, ty)) = (layout.corners[from as usize], layout.corners[to as usize]);
        let thickness = 1.0 + 0.7 * (count as f64).ln();
        let path = match direction {
            Direction::LeftRight => {
                let (x1, y1, x2, y2) = (fx + w, fy + h / 2.0, tx, ty + h / 2.0);
                let bend = ((x2 - x1) / 2.0).max(20.0);
                format!("M{x1:.1} {y1:.1}C{:.1} {y1:.1} {:.1} {y2:.1} {x2:.1} {y2:.1}", x1 + bend, x2 - bend)
            }
            Direction::TopDown => {
                let (x1, y1, x2, y2) = (fx + w / 2.0, fy + h, tx + w / 2.0, ty);
                let bend = ((y2 - y1) / 2.0).max(20.0);
                format!("M{x1:.1} {y1:.1}C{x1:.1} {:.1} {x2:.1} {:.1} {x2:.1} {y2:.1}", y1 + bend, y2 - bend)
            }
        };
        let _ = writeln!(body, "<path class=\"line\" stroke-width=\"{thickness:.1}\" d=\"{path}\"/>");
    }
    for (node, &(x, y)) in nodes.iter().zip(&layout.corners) {
        let fill = palette.of(node);
        let (radius, mut class) = if node.kind.is_some() { (7, "box".to_owned()) } else { (0, "box given".to_owned()) };
        class.push_str(if node.is_target { " target" } else { "" });
        let _ = write!(
            body,
            "<g class=\"node\"><title>{}</title>\
             <rect class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{w:.1}\" height=\"{h:.1}\" rx=\"{radius}\" fill=\"{}\"/>",
            escaped(&told(node)),
            hex(fill)
        );
        let ink = if is_dark(fill) { "#fff" } else { "#1e1e1e" };
        let (middle, name, place) = (x + w / 2.0, fitted(&node.layer, w), fitted(&node.place, w));
        if layout.has_two_lines && !place.is_empty() {
            text(body, (middle, y + 15.0), ink, &name);
            text(body, (middle, y + 29.0), ink, &place);
        } else {
            text(body, (middle, y + h / 2.0 + 4.0), ink, format!("{name} {place}").trim_end());
        }
        body.push_str("</g>\n");
    }
}

fn text(body: &mut String, (x, y): (f64, f64), ink: &str, words: &str) {
    let words = escaped(words);
    let _ = write!(body, "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"middle\" fill=\"{ink}\">{words}</text>");
}

/// A name cut to the width of its box.
fn fitted(name: &str, width: f64) -> String {
    let most = ((width - 8.0) / text_width("m", FONT)) as usize;
    if name.chars().count() <= most { name.to_owned() } else { name.chars().take(most - 1).chain(['…']).collect() }
}

/// The legend, and the height below it.
fn legend(pictures: &[Picture], palette: &Palette, (look, width): (&Look<'_>, f64)) -> (String, f64) {
    let mut text = String::new();
    let (mut x, mut y) = (MARGIN, MARGIN);
    let mut item = |swatch: &str, name: &str| {
        let length = 22.0 + text_width(name, FONT) + 22.0;
        if x > MARGIN && x + length > width + MARGIN {
            (x, y) = (MARGIN, y + LINE);
        }
        let name = escaped(name);
        let _ = writeln!(
            text,
            "<g transform=\"translate({x:.1} {y:.1})\">{swatch}<text x=\"22\" y=\"12\" fill=\"#333\">{name}</text></g>"
        );
        x += length;
    };
    let swatch = |colour| format!("<rect width=\"15\" height=\"15\" rx=\"3\" fill=\"{}\"/>", hex(colour));
    match palette {
        Palette::Kinds(kinds) => {
            for (place, kind) in kinds.iter().enumerate() {
                let is_it = |node: &&Node| node.kind.is_some_and(|name| name == kind);
                let nodes = pictures.iter().flat_map(|picture| &picture.sketch.nodes);
                let count: usize = nodes.filter(is_it).map(|node| node.count).sum();
                if count > 0 {
                    item(&swatch(category(place)), &format!("{kind} {count}"));
                }
            }
        }
        Palette::Scale { low, high, .. } => {
            let (name, write): (_, fn(f64) -> String) = match look.colour {
                ColourBy::Age => ("tasks while the result stays", |value| format!("{value:.0}")),
                ColourBy::Bytes => ("size of the result", bytes),
                ColourBy::Time => ("time", seconds),
                ColourBy::Order | ColourBy::Kind => ("place in the order", |value| format!("{value:.0}")),
            };
            if low <= high {
                for step in 0..=4 {
                    let part = f64::from(step) / 4.0;
                    let is_log = matches!(palette, Palette::Scale { is_log: true, .. });
                    let value = if is_log { low * (high / low).powf(part) } else { low + (high - low) * part };
                    let name = if step == 0 { format!("{} {name}", write(value)) } else { write(value) };
                    item(&swatch(scale(part)), &name);
                }
            }
            item(&swatch(GREY), "no number");
        }
    }
    item("<rect width=\"15\" height=\"15\" class=\"box given\" fill=\"#f4f4f4\"/>", "given");
    item("<rect width=\"15\" height=\"15\" rx=\"3\" class=\"box target\" fill=\"#fff\"/>", "asked for");
    (text, y + LINE + 20.0)
}

/// What a box tells when the mouse rests on it.
pub(super) fn told(node: &Node) -> String {
    let mut lines = vec![format!("{}{}{}", node.layer, if node.count > 1 { " " } else { "" }, node.place)];
    lines.push(node.kind.map_or("given".to_owned(), |kind| format!("kind {kind}")));
    if !node.about.is_empty() {
        lines.push(node.about.clone());
    }
    if node.kind.is_some() {
        lines.push(format!("order {:.0}", node.rank));
    }
    lines.push(format!("stays for {:.0} tasks", node.age));
    lines.push(bytes(node.bytes as f64));
    lines.extend(node.seconds.map(seconds));
    lines.join("\n")
}

fn bytes(count: f64) -> String {
    let units = [("GiB", 30), ("MiB", 20), ("KiB", 10)];
    let fitting =
        units.into_iter().map(|(name, bits)| (name, f64::from(1u32 << bits))).find(|(_, size)| count >= *size);
    fitting.map_or(format!("{count:.0} B"), |(name, size)| format!("{:.1} {name}", count / size))
}

fn seconds(time: f64) -> String {
    match time {
        time if time >= 1.0 => format!("{time:.2} s"),
        time if time >= 1e-3 => format!("{:.1} ms", time * 1e3),
        time => format!("{:.1} us", time * 1e6),
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
