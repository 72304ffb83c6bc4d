//! The user's mask in every format: the same pixels, on whatever grid, written out and told.

use std::fs;

use ndarray::Array2;

use crate::fits::{SHAPE, folder, plane};
use crate::support::fits::Image;
use crate::support::program::{Folder, Products};
use crate::support::sky;

/// The sky of the test images: the pixel `(x, y)` that shows it, from 0, and its place \[deg\].
const REFERENCE: ((f64, f64), (f64, f64)) = ((8.0, 10.0), (187.25, -12.5));
const ASEC: f64 = 1.0 / 3600.0;

/// Right ascension and declination \[deg\] of a pixel, in the orthographic projection (Calabretta & Greisen 2002, 5.1.5).
fn place(x: f64, y: f64) -> (f64, f64) {
    let ((x0, y0), (lon, lat)) = REFERENCE;
    let (l, m) = ((-(x - x0) * ASEC).to_radians(), ((y - y0) * ASEC).to_radians());
    let (sin, cos) = lat.to_radians().sin_cos();
    let n = (1.0 - l * l - m * m).sqrt();
    let dec = (m * cos + n * sin).asin();
    (lon + l.atan2(n * cos - m * sin).to_degrees(), dec.to_degrees())
}

/// Two circles, as `(x, y, radius)` in pixels from 0.
const CIRCLES: [(f64, f64, f64); 2] = [(14.0, 10.0, 5.3), (29.4, 21.8, 3.7)];

fn image_of(is_in: impl Fn(f64, f64) -> bool) -> Array2<f64> {
    Array2::from_shape_fn(SHAPE, |(y, x)| f64::from(u8::from(is_in(x as f64, y as f64))))
}

fn circles() -> Array2<f64> {
    image_of(|x, y| CIRCLES.iter().any(|(a, b, radius)| (x - a).hypot(y - b) <= *radius))
}

/// The mask that a run wrote.
fn mask(products: &Products) -> Image {
    Image::read(&products.file("mask.fits"))
}

fn used(folder: &Folder, words: &str) -> Array2<f64> {
    mask(&folder.run("out", &format!("--overwrite --niter 50 {words}"))).plane(0)
}

fn lines(of: impl Fn(f64, f64, f64) -> String) -> String {
    CIRCLES.iter().map(|(x, y, radius)| of(*x, *y, *radius) + "\n").collect()
}

/// The circles in every format that there is.
fn formats() -> Vec<(&'static str, String)> {
    let degrees = |x: f64, y: f64| {
        let (ra, dec) = place(x, y);
        (format!("{ra:.12}"), format!("{dec:.12}"))
    };
    vec![
        ("sky.reg", {
            let circle = |x, y, r| format!("circle({},{},{r}\")", degrees(x, y).0, degrees(x, y).1);
            format!("# Region file format: DS9 version 4.1\nglobal color=green\nicrs\n{}", lines(circle))
        }),
        ("pixels.reg", format!("image\n{}", lines(|x, y, r| format!("circle {} {} {r}", x + 1.0, y + 1.0)))),
        ("sky.crtf", {
            let circle = |x, y, r| {
                let (ra, dec) = degrees(x, y);
                format!("circle[[{ra}deg, {dec}deg], {r}arcsec], coord=J2000")
            };
            format!("#CRTFv0\n{}", lines(circle))
        }),
        ("pixels.crtf", format!("#CRTFv0\n{}", lines(|x, y, r| format!("circle[[{x}pix, {y}pix], {r}pix]")))),
        ("sky.csv", {
            let row = |x, y, r| format!("{},{},{r}", degrees(x, y).0, degrees(x, y).1);
            format!("ra,dec,radius_arcsec\n{}", lines(row))
        }),
        ("pixels.csv", format!("x,y,radius_pix\n{}", lines(|x, y, r| format!("{x},{y},{r}")))),
    ]
}

#[test]
fn same_mask_in_every_format_selects_the_same_pixels_and_gives_the_same_model() {
    let folder = folder();
    folder.save("mask.fits", &Image::new(&circles()));
    let first = folder.run("fits", "--mask mask.fits");
    assert_eq!(mask(&first).plane(0), circles());
    assert!(sky::max_abs(&first.model().plane(0)) > 0.1);
    assert_eq!(sky::max_abs(&(first.model().plane(0) * circles().mapv(|inside| 1.0 - inside))), 0.0);
    for (name, text) in formats() {
        fs::write(folder.path(name), text).unwrap();
        let products = folder.run("out", &format!("--overwrite --mask {name}"));
        assert_eq!(mask(&products).plane(0), circles(), "{name}");
        assert!(products.model().pixels == first.model().pixels, "{name}");
    }
}

#[test]
fn number_of_selected_pixels_is_told_and_the_mask_carries_the_header() {
    let folder = folder();
    let mut blanked = plane(0);
    blanked[(10, 14)] = f64::NAN;
    folder.save("dirty.fits", &Image::new(&blanked).with("OBJECT", "'M87'"));
    folder.save("mask.fits", &Image::new(&circles()));
    let ran = folder.deconv("--dirty dirty.fits --psf psf.fits -o out --mask mask.fits --clean-border 20");
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    let products = folder.products("out");
    let inside = |x: f64, y: f64| (8.0..32.0).contains(&x) && (6.0..26.0).contains(&y) && (x, y) != (14.0, 10.0);
    let expected = circles() * image_of(inside);
    assert_eq!(mask(&products).plane(0), expected);
    let count = expected.sum() as u64;
    assert_eq!(products.summary()["planes"][0]["selected_pixels"].as_u64(), Some(count));
    assert!(ran.err.contains(&format!("mask of {count} pixels")), "{}", ran.err);
    assert!(ran.err.contains("out-mask.fits"), "{}", ran.err);
    let written = mask(&products);
    for key in ["CTYPE1", "CRVAL2", "CRPIX1", "OBJECT"] {
        assert_eq!(written.raw(key), products.restored().raw(key), "{key}");
    }
    let plain = folder.run("plain", "");
    assert!(!plain.file("mask.fits").exists(), "there is nothing to tell");
}

#[test]
fn files_are_united_and_those_with_a_mark_are_taken_out() {
    let folder = folder();
    let (low, left) = (image_of(|_, y| y < 16.0), image_of(|x, _| x < 14.5));
    folder.save("low.fits", &Image::new(&low));
    fs::write(folder.path("left.reg"), "image\npolygon(-3,-3,15.4,-3,15.4,99,-3,99)\n").unwrap();
    assert_eq!(used(&folder, "--mask left.reg"), left);
    let not = |mask: &Array2<f64>| mask.mapv(|inside| 1.0 - inside);
    let either = not(&(not(&low) * not(&left)));
    assert_eq!(used(&folder, "--mask low.fits,left.reg"), either);
    assert_eq!(used(&folder, "--mask low.fits --mask left.reg"), either);
    assert_eq!(used(&folder, "--mask low.fits,!left.reg"), &low * &not(&left));
    assert_eq!(used(&folder, "--mask !left.reg"), not(&left));
    assert_eq!(used(&folder, "--mask !low.fits,!left.reg"), not(&low) * not(&left));
}

#[test]
fn regions_take_out_of_each_other_as_their_programs_have_it() {
    let folder = folder();
    let ring = image_of(|x, y| (x - 20.0).hypot(y - 15.0) <= 9.2 && (x - 20.0).hypot(y - 15.0) > 4.2);
    for (name, text) in [
        // in DS9 what is excluded acts wherever it stands, in CASA on what stands before it
        ("a.reg", "image\n-circle(21,16,4.2)\ncircle(21,16,9.2)\n"),
        ("a.crtf", "#CRTF\ncircle[[20pix,15pix],9.2pix]\n-circle[[20pix,15pix],4.2pix]\n"),
        ("b.reg", "image\nannulus(21,16,4.2,9.2)\n"),
        ("b.crtf", "#CRTF\nannulus[[20pix,15pix],[4.2pix,9.2pix]]\n"),
    ] {
        fs::write(folder.path(name), text).unwrap();
        assert_eq!(used(&folder, &format!("--mask {name}")), ring, "{name}");
    }
    let (sin, cos) = 30.0_f64.to_radians().sin_cos();
    let along = |x: f64, y: f64| (cos * (x - 20.0) + sin * (y - 15.0), cos * (y - 15.0) - sin * (x - 20.0));
    let turned = image_of(|x, y| along(x, y).0.abs() <= 9.1 && along(x, y).1.abs() <= 3.1);
    let oval = image_of(|x, y| (along(x, y).0 / 9.1).powi(2) + (along(x, y).1 / 3.1).powi(2) <= 1.0);
    let (ra, dec) = place(20.0, 15.0);
    for (name, text, expected) in [
        ("c.reg", format!("fk5\nbox({ra:.12},{dec:.12},18.2\",6.2\",30)\n"), &turned),
        ("c.crtf", format!("#CRTF\nrotbox[[{ra:.12}deg,{dec:.12}deg],[18.2arcsec,6.2arcsec],30deg]\n"), &turned),
        ("d.reg", format!("fk5\nellipse({ra:.12},{dec:.12},9.1\",3.1\",30)\n"), &oval),
        // CASA counts from north
        ("d.crtf", format!("#CRTF\nellipse[[{ra:.12}deg,{dec:.12}deg],[9.1arcsec,3.1arcsec],-60deg]\n"), &oval),
    ] {
        fs::write(folder.path(name), text).unwrap();
        assert_eq!(used(&folder, &format!("--mask {name}")), *expected, "{name}");
    }
}

#[test]
fn mask_of_another_grid_is_taken_to_that_of_the_image() {
    let folder = folder();
    // pixels of two arcsec, more of them than the image has to the west and fewer to the east
    let coarse = Array2::from_shape_fn((30, 26), |(y, x)| f64::from(u8::from((x / 3 + y / 2) % 2 == 0)));
    let coarse_image = Image::new(&coarse).with("CDELT1", "-5.5555555555556E-4").with("CDELT2", "5.5555555555556E-4");
    folder.save("mask.fits", &coarse_image.with("CRPIX1", "4.2").with("CRPIX2", "9.2"));
    let at = |to: f64, reference: f64, n: usize| {
        let pixel = (to / 2.0 + reference + 0.5).floor();
        (pixel >= 0.0 && pixel < n as f64).then_some(pixel as usize)
    };
    let expected =
        image_of(|x, y| at(y - 10.0, 8.2, 30).zip(at(x - 8.0, 3.2, 26)).is_some_and(|place| coarse[place] > 0.0));
    for words in ["--chunk full", "--chunk 7 --threads 2"] {
        assert_eq!(used(&folder, &format!("--mask mask.fits {words}")), expected, "{words}");
    }
    let told = folder.deconv("--dirty dirty.fits --psf psf.fits --mask mask.fits --dry-run");
    assert!(told.out.contains("another grid") && told.out.contains("30 x 26"), "{}", told.out);
}

#[test]
fn galactic_mask_that_is_turned_selects_what_astropy_says() {
    let folder = folder();
    // the place of the image's pixel (20, 15), as astropy 8.0 gives it in galactic coordinates
    let cards = [
        ("CTYPE1", "'GLON-TAN'"),
        ("CTYPE2", "'GLAT-TAN'"),
        ("CRVAL1", "294.3887"),
        ("CRVAL2", "50.00034"),
        ("CRPIX1", "16.0"),
        ("CRPIX2", "12.0"),
        ("CDELT1", "-3.0E-4"),
        ("CDELT2", "3.0E-4"),
        ("PC1_1", "0.8"),
        ("PC1_2", "-0.6"),
        ("PC2_1", "0.6"),
        ("PC2_2", "0.8"),
    ];
    let pattern = Array2::from_shape_fn((24, 30), |(y, x)| f64::from(u8::from((x / 5 + y / 4) % 2 == 0)));
    let image = cards.iter().fold(Image::new(&pattern), |image, (key, value)| image.with(key, value));
    folder.save("mask.fits", &image);
    let found = used(&folder, "--mask mask.fits");
    let rows = found.rows().into_iter().map(|row| row.iter().fold(0, |bits, value| 2 * bits + *value as u64));
    let other: u32 = rows.zip(ASTROPY).map(|(found, expected)| (found ^ expected).count_ones()).sum();
    assert!(other <= FRAMES, "{other} pixels differ");
}

/// The rows, a bit for each pixel: `astropy.wcs` 8.0, nearest pixel, of the same two headers.
const ASTROPY: [u64; 32] = [
    0x0000_0060_0000,
    0x0000_1000_0000,
    0x0000_3860_0000,
    0x0000_7cf0_c000,
    0x0000_7ff9_e000,
    0x0000_3cff_f000,
    0x0000_1879_f800,
    0x0004_0030_f000,
    0x000e_1800_6000,
    0x001f_3c30_0000,
    0x003f_fe78_6080,
    0x001f_bffc_f1c0,
    0x000f_1e7f_fbe0,
    0x0006_0c3c_fbf0,
    0x0000_0018_71f0,
    0x0006_0c00_20e0,
    0x000f_1e18_2040,
    0x001f_bf3c_7040,
    0x000f_bffe_f8e0,
    0x0007_0f3e_fdf0,
    0x0002_061c_7df8,
    0x0000_0008_38f8,
    0x0000_0608_1070,
    0x0000_0f1c_1020,
    0x0000_1fbe_3800,
    0x0000_1fbf_7c00,
    0x0000_0f1f_7e00,
    0x0000_060e_3e00,
    0x0000_0004_1c00,
    0x0000_0004_0800,
    0x0000_000e_0000,
    0x0000_001f_0000,
];
/// Pixels at the edges of the pattern that the 0.02 arcsec between ICRS and FK5 may turn.
const FRAMES: u32 = 8;

#[test]
fn mask_that_selects_nothing_cleans_nothing_and_says_so_aloud() {
    let folder = folder();
    folder.save("none.fits", &Image::new(&Array2::zeros(SHAPE)));
    fs::write(folder.path("away.reg"), "fk5\ncircle(10,20,5\")\ncircle(187.25,-13,5\")\n").unwrap();
    fs::write(folder.path("empty.reg"), "# Region file format: DS9\nimage\n").unwrap();
    for (file, told) in [("none.fits", ""), ("away.reg", "lies outside"), ("empty.reg", "holds no region")] {
        for algorithm in ["clean", "multiscale", "hogbom"] {
            let words = format!("--dirty dirty.fits --psf psf.fits -o out --overwrite --algorithm {algorithm}");
            let ran = folder.deconv(&format!("{words} --mask {file}"));
            assert_eq!(ran.code, Some(0), "{}", ran.err);
            for needle in ["warning: ", "nothing is cleaned", "mask of 0 pixels", told] {
                assert!(ran.err.contains(needle), "'{needle}' {file} {algorithm}: {}", ran.err);
            }
            let products = folder.products("out");
            assert_eq!(products.reasons(), ["nothing-allowed"], "{file} {algorithm}");
            assert_eq!(sky::max_abs(&products.model().plane(0)), 0.0);
            assert!(products.restored().pixels == products.residual().pixels, "{file} {algorithm}");
            assert_eq!(products.summary()["planes"][0]["selected_pixels"].as_u64(), Some(0));
        }
    }
}

#[test]
fn planes_of_a_cube_have_masks_of_their_own_beside_regions_for_all() {
    let folder = folder();
    let (low, high) = (image_of(|_, y| y < 16.0), image_of(|_, y| y >= 16.0));
    folder.save("dirty.fits", &Image::cube(&[plane(0), plane(1)], &[("FREQ", 2)]));
    folder.save("mask.fits", &Image::cube(&[low.clone(), high.clone()], &[("FREQ", 2)]));
    fs::write(folder.path("left.reg"), "image\npolygon(-3,-3,15.4,-3,15.4,99,-3,99)\n").unwrap();
    let products = folder.run("out", "--mask mask.fits,!left.reg --niter 50");
    let right = image_of(|x, _| x > 14.5);
    for (index, own) in [low, high].iter().enumerate() {
        assert_eq!(mask(&products).plane(index), own * &right, "plane {index}");
    }
}

#[test]
fn window_is_the_middle_half_of_rows_and_columns() {
    let folder = folder();
    let expected = image_of(|x, y| (10.0..30.0).contains(&x) && (8.0..24.0).contains(&y));
    assert_eq!(used(&folder, "--window inner-quarter"), expected);
}

#[test]
fn planes_of_a_mask_whose_axis_has_no_name_go_by_their_order() {
    let folder = folder();
    folder.save("dirty.fits", &Image::cube(&[plane(0), plane(1)], &[("FREQ", 2)]));
    let masks = [image_of(|x, _| x < 20.0), image_of(|x, _| x >= 20.0)];
    let unnamed = |planes: &[Array2<f64>]| {
        let mut image = Image::cube(planes, &[("FREQ", planes.len())]);
        image.cards.retain(|card| !card.starts_with("CTYPE3"));
        image
    };
    folder.save("two.fits", &unnamed(&masks));
    folder.save("one.fits", &unnamed(&masks[..1]));
    folder.save("three.fits", &unnamed(&[masks[0].clone(), masks[0].clone(), masks[0].clone()]));
    let words = "--plots none --niter 20 --algorithm clean";
    let both = mask(&folder.run("two", &format!("{words} --mask two.fits")));
    assert_eq!((both.plane(0), both.plane(1)), (masks[0].clone(), masks[1].clone()));
    let same = mask(&folder.run("one", &format!("{words} --mask one.fits")));
    assert_eq!((same.plane(0), same.plane(1)), (masks[0].clone(), masks[0].clone()));
    let ran = folder.deconv(&format!("--dirty dirty.fits --psf psf.fits -o x {words} --mask three.fits"));
    assert!(ran.code == Some(1) && ran.err.contains("3 planes"), "{}", ran.err);
}
