use ndarray::Array2;

use super::axes::{centre, image_axes, offset_axes};
use super::*;
use crate::diagnostics::scene::tests::{assert_readable, texts};
use crate::images::{CleanBeam, Sky};
use crate::pipeline::record::{Panel, PanelKind, pool, preview_factor};

const KINDS: [PanelKind; 5] =
    [PanelKind::Dirty, PanelKind::Psf, PanelKind::Model, PanelKind::Residual, PanelKind::Restored];

/// A SIN projection with square cells \[deg\] about the middle of an image of `n` by `n`.
fn sky(n: usize, place: (f64, f64), cell: f64) -> Sky {
    let cards = [
        ("CTYPE1", "RA---SIN".into()),
        ("CTYPE2", "DEC--SIN".into()),
        ("CRPIX1", (n / 2 + 1).to_string()),
        ("CRPIX2", (n / 2 + 1).to_string()),
        ("CRVAL1", place.0.to_string()),
        ("CRVAL2", place.1.to_string()),
        ("CDELT1", format!("{:e}", -cell)),
        ("CDELT2", format!("{cell:e}")),
    ];
    Sky::from_cards(cards).expect("celestial axes")
}

/// Five panels of a made-up field with blanks in a corner.
fn preview(shape: (usize, usize), sky: Option<Sky>) -> Preview {
    let (ny, nx) = shape;
    let image = Array2::from_shape_fn(shape, |(y, x)| {
        let (u, v) = (x as f32 - nx as f32 / 2.0, y as f32 - ny as f32 / 2.0);
        let noise = ((x * 7919 + y * 104_729) % 1009) as f32 / 1009.0 - 0.5;
        if x + y < ny / 5 { f32::NAN } else { 3.0 * (-(u * u + v * v) / 40.0).exp() + 0.002 * noise }
    });
    let panels = KINDS.map(|kind| Panel {
        kind,
        name: format!("{kind:?}").to_lowercase(),
        unit: if kind == PanelKind::Model { "Jy/pixel" } else { "Jy/beam" }.into(),
        image: pool(&image.view(), preview_factor(shape), kind.pooling()),
    });
    let cell = sky.as_ref().map_or(1e-3, |sky| sky.pixel_lengths().0);
    Preview {
        title: "a made-up field with a title so long that it does not fit into one line of the text".into(),
        facts: vec![("stop".into(), "peak below 3 sigma after 12 major cycles and 3456 iterations".into())],
        panels: panels.into(),
        beam: Some(CleanBeam { bmaj: 12.0 * cell, bmin: 7.0 * cell, bpa: 30.0 }),
        sky,
        seams: Vec::new(),
    }
}

#[test]
fn preview_is_a_png_of_the_stated_size_and_nothing_else_is_left() {
    let folder = tempfile::tempdir().expect("a folder");
    let record =
        RunRecord { preview: Some(preview((64, 96), Some(sky(96, (60.0, -45.0), 4e-4)))), ..RunRecord::default() };
    let files = draw(&record, &folder.path().join("run")).expect("drawn");
    assert_eq!(files, [folder.path().join("run-preview.png")]);
    let image = image::open(&files[0]).expect("a PNG").into_rgb8();
    let expected = scene(record.preview.as_ref().expect("set above")).size;
    assert_eq!(image.dimensions(), expected);
    assert_eq!(std::fs::read_dir(folder.path()).expect("readable").count(), 1);
}

#[test]
fn no_text_stands_on_another_for_any_kind_of_axes() {
    let fields = [
        Some(sky(300, (60.0, -45.0), 4e-4)),
        Some(sky(300, (0.0, 88.9), 0.006)),
        Some(sky(300, (330.68, 42.28), 1.1e-8)),
        Some(sky(300, (187.7, 12.4), 5.6e-10)),
        Some(sky(300, (10.0, -5.0), 0.2)),
        Some(sky(300, (359.99, 70.0), 3e-5)),
        None,
    ];
    for field in fields {
        assert_readable(&scene(&preview((300, 300), field.clone())));
        assert_readable(&scene(&preview((100, 700), field)));
    }
}

#[test]
fn ticks_stand_where_the_wcs_has_their_round_values() {
    let field = sky(1024, (60.0, -45.0), 1.5 / 3600.0);
    let axes = image_axes(Some(&field), (1024, 1024));
    let texts: Vec<_> = axes.bottom.ticks.iter().map(|tick| tick.1.as_str()).collect();
    assert_eq!(texts, ["03ʰ59ᵐ", "04ʰ00ᵐ", "04ʰ01ᵐ"]);
    assert!(axes.bottom.ticks[0].0 > axes.bottom.ticks[2].0, "right ascension grows to the left");
    for ((place, _), minutes) in axes.bottom.ticks.iter().zip([239.0, 240.0, 241.0]) {
        let (lon, _) = field.lonlat(place * 1024.0 - 0.5, -0.5).expect("inside");
        assert!((lon - minutes / 4.0).abs() < 1e-3 * 1.5 / 3600.0, "{lon}");
    }
    let left: Vec<_> = axes.left.ticks.iter().map(|tick| tick.1.as_str()).collect();
    assert_eq!(left, ["−45°10′", "−45°05′", "−45°00′", "−44°55′", "−44°50′"]);
}

#[test]
fn tiny_fields_and_unknown_places_have_offsets() {
    let eht = image_axes(Some(&sky(255, (187.7, 12.4), 2e-6 / 3600.0)), (255, 255));
    assert_eq!((eht.bottom.name.as_str(), eht.left.name.as_str()), ("offset east [µas]", "offset north [µas]"));
    let zero = eht.bottom.ticks.iter().find(|tick| tick.1 == "0").expect("the centre");
    assert!((zero.0 - 127.5 / 255.0).abs() < 1e-12, "0 stands on the middle of pixel 127");
    let east = eht.bottom.ticks.iter().find(|tick| tick.1 == "100").expect("100 µas east");
    assert!((east.0 - (127.5 - 50.0) / 255.0).abs() < 1e-12, "east is left, 2 µas to the pixel");
    assert_eq!(image_axes(None, (10, 10)).bottom.name, "x [pixels]");
    assert_eq!(offset_axes(None, (10, 10)).left.name, "offset [pixels]");
    // A pole in the field: no longitude runs one way along the bottom there.
    let pole = image_axes(Some(&sky(512, (0.0, 90.0), 0.01)), (512, 512));
    assert_eq!(pole.bottom.name, "offset east [deg]");
}

#[test]
fn centre_is_written_as_finely_as_the_cell() {
    let field = sky(512, (60.0, -45.0), 1.5 / 3600.0);
    assert_eq!(centre(&field, (512, 512)), Some(["04ʰ00ᵐ00.0ˢ".into(), "−45°00′00″".into()]));
}

#[test]
fn beam_points_from_north_to_east_and_is_to_scale() {
    let field = sky(100, (60.0, -45.0), 1e-3);
    let beam = CleanBeam { bmaj: 20e-3, bmin: 4e-3, bpa: 45.0 };
    let outline = panel::outline(&beam, &field, ((100, 100), Area::new(0.0, 0.0, 200.0, 200.0))).expect("a beam");
    // The first corner is the end of the major axis: 10 pixels of 2 scene pixels, to the upper left.
    let (dx, dy) = outline[0];
    assert!((dx.hypot(dy) - 20.0).abs() < 1e-9 && (dx - dy).abs() < 1e-9 && dx < 0.0, "({dx}, {dy})");
    let smallest = outline.iter().map(|(dx, dy)| dx.hypot(*dy)).fold(f64::INFINITY, f64::min);
    assert!((smallest - 4.0).abs() < 1e-9);
}

#[test]
fn small_beams_are_magnified_and_it_is_said() {
    let field = sky(300, (60.0, -45.0), 4e-4);
    let mut small = preview((300, 300), Some(field));
    small.beam = Some(CleanBeam { bmaj: 4e-4, bmin: 4e-4, bpa: 0.0 });
    assert!(texts(&scene(&small)).contains(&"×8"), "one pixel of 1.7 scene pixels");
    small.beam = Some(CleanBeam { bmaj: 40e-4, bmin: 40e-4, bpa: 0.0 });
    assert!(!texts(&scene(&small)).iter().any(|text| text.starts_with('×')));
}

#[test]
fn oblong_pixels_are_drawn_as_they_are_on_the_sky() {
    let mut cards = vec![("CTYPE1", "RA---SIN"), ("CTYPE2", "DEC--SIN")];
    cards.extend([("CDELT1", "-1e-3"), ("CDELT2", "2e-3")]);
    let tall = preview((40, 40), Sky::from_cards(cards));
    assert_eq!(drawn_size(&tall, (40, 40)), (IMAGE / 2.0, IMAGE));
    assert_eq!(drawn_size(&preview((40, 80), None), (40, 80)), (IMAGE, IMAGE / 2.0));
}
