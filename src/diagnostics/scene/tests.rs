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
fn a_box_one_pixel_wide_is_one_pixel_of_its_colour() {
    let mut scene = Scene::new(20.0, 20.0);
    scene.fill(Area::new(5.0, 3.0, 1.0, 10.0), [10, 120, 200], 1.0);
    let image = pixels(&scene);
    let row = [4, 5, 6].map(|x| image.get_pixel(x, 12).0);
    assert_eq!(row, [[255; 3], [10, 120, 200], [255; 3]]);
    assert_eq!(image.get_pixel(5, 13).0, [255; 3]);
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

#[test]
fn picture_drawn_in_bands_is_the_same() {
    let mut scene = Scene::new(157.0, 121.0);
    let colours = (0..35_u8).map(|k| [7 * k, 255 - 5 * k, k]).collect();
    let cells = Cells { shape: (5, 7), shown: (4.6, 6.3), colours };
    scene.marks.push(Mark::Cells { area: Area::new(10.0, 5.5, 61.0, 77.0), cells });
    scene.fill(Area::new(60.0, 30.0, 50.0, 70.0), [10, 120, 200], 0.4);
    scene.hatch(Area::new(60.0, 30.0, 50.0, 70.0), [0; 3]);
    scene.line(vec![(3.0, 110.0), (70.0, 20.0), (150.0, 119.0), (90.0, -9.0)], Pen::new([200, 0, 0], 3.0));
    scene.dashes(&[(2.0, 2.0), (155.0, 118.0)], Pen::new([0, 0, 90], 1.0));
    let points = vec![(100.0, 10.0), (140.0, 60.0), (90.0, 90.0)];
    scene.marks.push(Mark::Shape { points, colour: [0, 200, 0], alpha: 0.5 });
    scene.text(Label::new("a line of text", (20.0, 61.0), 17.0));
    scene.text(Label::new("upwards", (130.0, 60.0), 19.0).anchored(Along::Middle, Across::Baseline).upright());
    let whole = scene.pixels(usize::MAX / 2).expect("drawn");
    assert_eq!(whole.len(), 3 * 157 * 121);
    assert!(whole.chunks(3).filter(|pixel| *pixel != [255; 3]).count() > 5000, "there is a picture");
    for rows in [1, 8, 25, 120] {
        assert!(scene.pixels(3 * 2 * 157 * rows).expect("drawn") == whole, "bands of {rows}");
    }
}
