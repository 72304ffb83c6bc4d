//! Pixels of every kind of file.

use std::fs;
use std::io::Write;

use fitsio::FitsFile;
use fitsio::images::{ImageDescription, ImageType};

use super::{Card, FitsSource, Folder, open, open_part, plane, ramp, same, sky, write_cards};

fn scaling(bscale: f64, bzero: f64) -> [Card; 2] {
    [Card::new("BSCALE", bscale, ""), Card::new("BZERO", bzero, "")]
}

#[test]
fn integers_of_every_width_are_scaled_and_their_blanks_are_nan() {
    let folder = Folder::new();
    let blank = [Card::new("BLANK", 7, "")];
    let cards = [&scaling(0.5, -3.0)[..], &blank].concat();
    let expected: Vec<f32> = (0..12).map(|i| if i == 7 { f32::NAN } else { i as f32 * 0.5 - 3.0 }).collect();
    let files = [
        folder.image("8", (ImageType::UnsignedByte, &[3, 4], &(0..12).collect::<Vec<u8>>()), &cards),
        folder.image("16", (ImageType::Short, &[3, 4], &(0..12).collect::<Vec<i16>>()), &cards),
        folder.image("32", (ImageType::Long, &[3, 4], &(0..12).collect::<Vec<i32>>()), &cards),
        folder.image("64", (ImageType::LongLong, &[3, 4], &(0..12).collect::<Vec<i64>>()), &cards),
    ];
    for (file, bits) in files.iter().zip([8, 16, 32, 64]) {
        let source = open(file);
        assert_eq!(source.header().get_i64("BITPIX"), Some(bits));
        assert!(same(&plane(&source, 0), &expected), "BITPIX {bits}: {:?}", plane(&source, 0));
    }
}

#[test]
fn unscaled_integers_with_and_without_blank_are_read_as_they_are() {
    let folder = Folder::new();
    let pixels = [i16::MIN, -1, 0, 1, i16::MAX, 5];
    let without = folder.image("a", (ImageType::Short, &[2, 3], &pixels), &[]);
    assert_eq!(plane(&open(&without), 0), pixels.map(f32::from));
    let with = folder.image("b", (ImageType::Short, &[2, 3], &pixels), &[Card::new("BLANK", -32768, "")]);
    assert!(plane(&open(&with), 0)[0].is_nan());
    assert_eq!(plane(&open(&with), 0)[1..], pixels.map(f32::from)[1..]);
}

#[test]
fn floats_of_both_widths_are_scaled_and_their_nans_stay() {
    let folder = Folder::new();
    let pixels = [1.5, f64::NAN, -2.25, 1e-10, 0.0, 3e30];
    let floats = pixels.map(|p| p as f32);
    let plain = folder.image("a", (ImageType::Double, &[2, 3], &pixels), &[]);
    assert!(same(&plane(&open(&plain), 0), &floats));
    for (name, scaled) in [
        ("b", folder.image("b", (ImageType::Double, &[2, 3], &pixels), &scaling(4.0, 1.0))),
        ("c", folder.image("c", (ImageType::Float, &[2, 3], &floats), &scaling(4.0, 1.0))),
    ] {
        let read = plane(&open(&scaled), 0);
        assert_eq!((read[0], read[2], read[4]), (7.0, -8.0, 1.0), "{name}");
        assert!(read[1].is_nan());
    }
}

#[test]
fn doubles_that_no_float_can_hold_are_blank_or_zero() {
    let folder = Folder::new();
    let pixels = [1e300, -1e300, f64::INFINITY, 1e-40, 1e-310, 2.0];
    let read = plane(&open(&folder.image("a", (ImageType::Double, &[2, 3], &pixels), &[])), 0);
    assert!(same(&read, &[f32::NAN, f32::NAN, f32::NAN, 0.0, 0.0, 2.0]), "{read:?}");
}

#[test]
fn fast_path_and_cfitsio_read_the_same_bits_of_every_region() {
    let folder = Folder::new();
    let shape = [2, 3, 37, 41];
    let mut pixels: Vec<f32> = ramp(&shape).iter().map(|i| (i * 0.37).sin() * 1e-3).collect();
    let special = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, -0.0, 1e-40, -1e-40, f32::MIN_POSITIVE, f32::MAX];
    pixels.iter_mut().step_by(97).zip(special.iter().cycle()).for_each(|(pixel, &value)| *pixel = value);
    let path = folder.image("a.fits", (ImageType::Float, &shape, &pixels), &cube_cards());
    for region in ["", "[*,*]", "[5:41,2:30]", "[7:7,*,2:3]", "[1:41,37:37,2,2]"] {
        let source = open_part(&path, region).unwrap();
        assert!(source.floats_at().is_some());
        let ny = source.geometry().ny;
        for plane in 0..source.planes() {
            for rows in [0..ny, ny / 3..ny, ny - 1..ny, 0..1] {
                let fast = source.read_rows(plane, rows.clone()).unwrap().into_raw_vec_and_offset().0;
                assert!(same(&fast, &source.read_rows_by_cfitsio(plane, &rows)), "{region}, plane {plane}, {rows:?}");
            }
        }
    }
}

fn cube_cards() -> Vec<Card> {
    [sky(), super::axis(3, "STOKES", 1.0, 1.0, 1.0), super::axis(4, "FREQ", 1.0, 1e9, 1e6)].concat()
}

#[test]
fn rows_and_planes_are_those_of_the_file() {
    let folder = Folder::new();
    let source = open(&folder.ramp("a.fits", &[2, 3, 4, 5], &cube_cards()));
    assert_eq!(source.planes(), 6);
    let rows = source.read_rows(4, 1..3).unwrap();
    assert_eq!(rows.dim(), (2, 5));
    assert_eq!(rows[[0, 0]], (4 * 20 + 5) as f32);
    assert_eq!(rows[[1, 4]], (4 * 20 + 14) as f32);
    assert_eq!(source.read_rows(0, 2..2).unwrap().dim(), (0, 5));
}

#[test]
fn region_of_planes_and_pixels_is_cut_from_plain_and_packed_files() {
    let folder = Folder::new();
    let plain = folder.ramp("a.fits", &[4, 2, 6, 5], &cube_cards());
    let double: Vec<f64> = ramp(&[4, 2, 6, 5]).into_iter().map(f64::from).collect();
    let files = [
        plain.clone(),
        gzip(&plain, "a.fits.gz"),
        folder.image("b", (ImageType::Double, &[4, 2, 6, 5], &double), &cube_cards()),
    ];
    for file in files {
        let part = open_part(&file, "[2:3,5:6,2,2:4]").unwrap();
        assert_eq!((part.geometry().ny, part.geometry().nx, part.planes()), (2, 2, 3));
        let first = (((1.0 * 2.0 + 1.0) * 6.0 + 4.0) * 5.0) + 1.0;
        assert_eq!(plane(&part, 0), [first, first + 1.0, first + 5.0, first + 6.0]);
        assert_eq!(plane(&part, 1)[0], first + 60.0);
        assert_eq!(part.plane_labels()[0].freq_hz, Some(1.001e9));
        assert_eq!(part.plane_labels()[0].stokes.as_deref(), Some("Q"));
    }
}

/// Packs a file beside itself.
fn gzip(path: &std::path::Path, name: &str) -> std::path::PathBuf {
    let packed = path.with_file_name(name);
    let mut encoder = flate2::write::GzEncoder::new(fs::File::create(&packed).unwrap(), flate2::Compression::fast());
    encoder.write_all(&fs::read(path).unwrap()).unwrap();
    encoder.finish().unwrap();
    packed
}

#[test]
fn gzip_file_is_told_by_its_bytes_and_its_copy_goes_with_the_source() {
    let folder = Folder::new();
    let plain = folder.ramp("a.fits", &[20, 30], &sky());
    let packed = gzip(&plain, "named-like-any-other.fits");
    let source = open(&packed);
    assert_eq!(source.path(), packed);
    assert_eq!(plane(&source, 0), ramp(&[20, 30]));
    assert_eq!(source.header(), open(&plain).header());
    let copy = source.data_path().to_owned();
    assert!(copy.exists() && copy != packed);
    drop(source);
    assert!(!copy.exists());
}

#[test]
fn tile_compressed_image_reads_like_the_image_it_was() {
    let folder = Folder::new();
    let pixels: Vec<i32> = (0..40 * 50).map(|i| (i * i) % 1000 - 500).collect();
    let cards = [cube_cards(), scaling(0.25, 2.0).to_vec(), vec![Card::new("BLANK", -379, "")]].concat();
    let expected: Vec<f32> = pixels.iter().map(|&p| if p == -379 { f32::NAN } else { p as f32 * 0.25 + 2.0 }).collect();
    assert!(expected.iter().any(|p| p.is_nan()));
    let methods: [(&str, &[usize]); 3] = [
        ("compress RICE 16,16", &[1, 1, 40, 50]),
        ("compress GZIP", &[1, 1, 40, 50]),
        ("compress HCOMPRESS", &[40, 50]),
    ];
    for (method, shape) in methods {
        let name = format!("{}.fits", &method[9..11]);
        compressed(&folder, &format!("{name}[{method}]"), shape, &pixels, &cards);
        let source = open(&folder.path(&name));
        assert_eq!(source.header().get_i64("BITPIX"), Some(32), "{method}");
        assert_eq!((source.geometry().ny, source.geometry().nx), (40, 50));
        assert!(same(&plane(&source, 0), &expected), "{method}");
        let part = open_part(&folder.path(&name), "[11:20,5:40]").unwrap();
        assert!(same(
            &part.read_rows(0, 3..4).unwrap().into_raw_vec_and_offset().0,
            &expected[7 * 50 + 10..7 * 50 + 20]
        ));
        assert!(source.header().cards().all(|card| !card.key().starts_with('Z') && !card.key().starts_with("TFORM")));
    }
}

#[test]
fn compressed_floats_with_blanks_are_read_losslessly() {
    let folder = Folder::new();
    let mut pixels: Vec<f32> = ramp(&[30, 40]).iter().map(|i| (i * 0.1).sin()).collect();
    pixels[5] = f32::NAN;
    compressed(&folder, "f.fits[compress GZIP; q 0]", &[30, 40], &pixels, &sky());
    assert!(same(&plane(&open(&folder.path("f.fits")), 0), &pixels));
}

/// Writes an image compressed in tiles, as cfitsio's file name syntax tells it.
fn compressed<T: fitsio::images::WriteImage>(
    folder: &Folder,
    name: &str,
    shape: &[usize],
    pixels: &[T],
    cards: &[Card],
) {
    let data_type = if std::mem::size_of::<T>() == 4 && std::any::type_name::<T>() == "f32" {
        ImageType::Float
    } else {
        ImageType::Long
    };
    let mut file = FitsFile::create(folder.path(name).to_str().unwrap())
        .with_custom_primary(&ImageDescription { data_type, dimensions: shape })
        .open()
        .unwrap();
    let hdu = file.hdu(1).unwrap();
    let ranges: Vec<std::ops::Range<usize>> = shape.iter().rev().map(|&len| 0..len).collect();
    hdu.write_region(&mut file, &ranges.iter().collect::<Vec<_>>(), pixels)
        .unwrap_or_else(|error| panic!("{name}: {error}"));
    write_cards(&mut file, 1, cards);
}

#[test]
fn hdu_is_found_by_name_by_version_by_number_or_as_the_first_image() {
    let folder = Folder::new();
    let path = folder.path("many.fits");
    let mut file = FitsFile::create(&path).open().unwrap();
    for (name, value) in [("LIST", 0.0_f32), ("SCI", 1.0), ("SCI", 2.0), ("Q", 3.0)] {
        let dimensions: &[usize] = if name == "LIST" { &[6] } else { &[2, 3] };
        let description = ImageDescription { data_type: ImageType::Float, dimensions };
        let hdu = file.create_image(name.to_owned(), &description).unwrap();
        hdu.write_image(&mut file, &[value; 6]).unwrap();
    }
    write_cards(&mut file, 3, &[Card::new("EXTVER", 2, "")]);
    drop(file);
    for (brackets, value, label) in [
        ("", 1.0, "HDU 3 [SCI]"),
        ("[SCI]", 1.0, "HDU 3 [SCI]"),
        ("[sci, 2]", 2.0, "HDU 4 [SCI]"),
        ("[4]", 3.0, "HDU 5 [Q]"),
        ("[Q][2:3,1:1]", 3.0, "HDU 5 [Q]"),
    ] {
        let source = open_part(&path, brackets).unwrap();
        assert_eq!(plane(&source, 0)[0], value, "{brackets}");
        assert_eq!(source.hdu_label(), label);
        assert!(source.spec().ends_with(brackets));
        assert_eq!(source.path(), path);
    }
}

#[test]
fn file_whose_name_has_brackets_is_that_file() {
    let folder = Folder::new();
    let plain = folder.ramp("a.fits", &[2, 3], &[]);
    for name in ["a.fits[SCI]", "b[1:2,1:2].fits"] {
        fs::copy(&plain, folder.path(name)).unwrap();
        assert_eq!(plane(&open(&folder.path(name)), 0), ramp(&[2, 3]));
        let double = [0.5_f64; 6];
        let other = folder.image("d.fits", (ImageType::Double, &[2, 3], &double), &[]);
        fs::rename(other, folder.path(name)).unwrap();
        assert_eq!(plane(&open(&folder.path(name)), 0), [0.5; 6], "by cfitsio");
    }
}

#[test]
fn threads_share_a_source() {
    fn is_shared<T: Send + Sync>(_: &T) {}
    let folder = Folder::new();
    let pixels: Vec<f64> = (0..64 * 64).map(f64::from).collect();
    folder.image("double", (ImageType::Double, &[64, 64], &pixels), &[]);
    folder.ramp("float", &[64, 64], &[]);
    let noise: Vec<i32> = (0..64 * 64).map(|i| i * 7919 % 1000).collect();
    for method in ["RICE", "GZIP"] {
        compressed(&folder, &format!("{method}[compress {method}]"), &[64, 64], &noise, &[]);
    }
    for name in ["double", "float", "RICE", "GZIP"] {
        let source = open(&folder.path(name));
        is_shared::<FitsSource>(&source);
        let expected = plane(&source, 0);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| (0..20).for_each(|_| assert_eq!(plane(&source, 0), expected)));
            }
        });
    }
}
