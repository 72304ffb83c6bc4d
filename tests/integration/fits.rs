//! Every form of file that the program takes.

use std::fs;
use std::io::Write;

use fitsio::FitsFile;
use fitsio::images::{ImageDescription, ImageType};
use ndarray::{Array2, s};

use crate::support::fits::{FLOATS, Image, Stored};
use crate::support::program::{Folder, Products};
use crate::support::sky;

pub(crate) const SHAPE: (usize, usize) = (32, 40);
const ROUNDING: f64 = 2e-6;

pub(crate) fn plane(seed: u64) -> Array2<f64> {
    let points = [(10.0 + seed as f64, 14.0, 1.0), (22.0, 29.0 - seed as f64, 0.5)];
    let exact = sky::dirty(SHAPE, &points) + sky::noise(SHAPE, 2e-3, seed);
    // values that 32 bits hold, so that every way of storing them gives the same
    exact.mapv(|value| f64::from(value as f32))
}

pub(crate) fn folder() -> Folder {
    let folder = Folder::new();
    folder.pair(&plane(0), &sky::wide_psf(SHAPE));
    folder
}

/// Pixels of two images, equal to the bit; NaN equals NaN.
fn same(a: &Image, b: &Image) -> bool {
    a.pixels.len() == b.pixels.len()
        && a.pixels.iter().zip(&b.pixels).all(|(a, b)| a == b || (a.is_nan() && b.is_nan()))
}

/// Every FITS product of a run, pixels only.
pub(crate) fn planes_of(products: &Products, index: usize) -> [Array2<f64>; 3] {
    [products.model(), products.residual(), products.restored()].map(|image| image.plane(index))
}

/// Asserts that plane `index` of the products is what a run on that plane alone gives.
pub(crate) fn is_the_single_run(products: &Products, index: usize, single: &Products) {
    assert_eq!(planes_of(products, index), planes_of(single, 0), "plane {index}");
}

#[test]
fn axes_two_three_and_four_in_either_order_give_the_same_pixels() {
    let folder = folder();
    let plain = folder.run("plain", "");
    for (name, further) in [
        ("f", &[("FREQ", 1)][..]),
        ("s", &[("STOKES", 1)]),
        ("fs", &[("FREQ", 1), ("STOKES", 1)]),
        ("sf", &[("STOKES", 1), ("FREQ", 1)]),
    ] {
        folder.save("d.fits", &Image::cube(&[plane(0)], further));
        let products = folder.run_pair(("d.fits", "psf.fits"), name, "");
        is_the_single_run(&products, 0, &plain);
        let axes = [&[40, 32][..], &vec![1; further.len()]].concat();
        for image in [products.model(), products.residual(), products.restored()] {
            assert_eq!(image.axes, axes, "{name}");
        }
        // the PSF may have other degenerate axes than the dirty image
        folder.save("p.fits", &Image::cube(&[sky::wide_psf(SHAPE)], further));
        is_the_single_run(&folder.run_pair(("dirty.fits", "p.fits"), &format!("p{name}"), ""), 0, &plain);
    }
}

#[test]
fn every_plane_of_a_cube_is_what_it_is_alone() {
    let folder = folder();
    let planes = [plane(0), plane(1), plane(2), plane(3)];
    let singles: Vec<Products> = (0..4)
        .map(|index| {
            folder.save("d.fits", &Image::new(&planes[index]));
            folder.run_pair(("d.fits", "psf.fits"), &format!("single{index}"), "")
        })
        .collect();
    for (name, further) in [
        ("f", &[("FREQ", 4)][..]),
        ("fs", &[("FREQ", 2), ("STOKES", 2)]),
        ("sf", &[("STOKES", 2), ("FREQ", 2)]),
        ("f1", &[("FREQ", 4), ("STOKES", 1)]),
        ("1f", &[("STOKES", 1), ("FREQ", 4)]),
    ] {
        folder.save("d.fits", &Image::cube(&planes, further));
        let products = folder.run_pair(("d.fits", "psf.fits"), name, "");
        (0..4).for_each(|index| is_the_single_run(&products, index, &singles[index]));
        assert_eq!(products.reasons().len(), 4, "each plane has its own verdict");
        // one beam for all planes is told in keys
        let restored = products.restored();
        assert!(restored.number("BMAJ").is_some() && restored.raw("CASAMBM").is_none());
    }
}

#[test]
fn every_plane_of_a_cube_has_its_own_psf_found_by_frequency_and_stokes() {
    let folder = Folder::new();
    // the planes of STOKES 1, 2 at FREQ 1, 2 in the order of STOKES first
    let stretched = |k: usize| {
        let width = 1.0 + 0.15 * k as f64;
        Array2::from_shape_fn((64, 80), |(y, x)| sky::beam((y as f64 - 32.0) / width, (x as f64 - 40.0) / width))
    };
    let psfs: Vec<_> = (0..4).map(stretched).collect();
    let planes: Vec<_> = (0..4).map(plane).collect();
    let singles: Vec<Products> = (0..4)
        .map(|k| {
            folder.pair(&planes[k], &psfs[k]);
            folder.run(&format!("single{k}"), "")
        })
        .collect();
    let (sf, fs) = ([("STOKES", 2), ("FREQ", 2)], [("FREQ", 2), ("STOKES", 2)]);
    folder.save("dirty.fits", &Image::cube(&planes, &sf));
    let swapped = [0, 2, 1, 3].map(|k| psfs[k].clone());
    for (name, psf) in [("sf", Image::cube(&psfs, &sf)), ("fs", Image::cube(&swapped, &fs))] {
        folder.save("psf.fits", &psf);
        let products = folder.run(name, "");
        (0..4).for_each(|index| is_the_single_run(&products, index, &singles[index]));
    }
}

#[test]
fn beams_of_a_cube_are_written_as_the_table_of_casa() {
    let folder = Folder::new();
    let widths = [1.0, 1.2, 1.4];
    let psfs = widths.map(|width| {
        Array2::from_shape_fn((64, 80), |(y, x)| sky::beam((y as f64 - 32.0) / width, (x as f64 - 40.0) / width))
    });
    folder.save("dirty.fits", &Image::cube(&[plane(0), plane(1), plane(2)], &[("STOKES", 1), ("FREQ", 3)]));
    folder.save("psf.fits", &Image::cube(&psfs, &[("STOKES", 1), ("FREQ", 3)]));
    let products = folder.run("out", "");
    let restored = products.restored();
    assert_eq!(restored.raw("CASAMBM").as_deref(), Some("T"));
    assert_eq!(restored.number("BMAJ"), None, "no beam stands for all planes");
    let hdus = Image::read_all(&products.file("image.fits"));
    assert_eq!(hdus.len(), 2);
    assert_eq!(hdus[1].text("EXTNAME").as_deref(), Some("BEAMS"));
    assert_eq!(hdus[1].number("NAXIS2"), Some(3.0));
    let mut file = FitsFile::open(products.file("image.fits")).unwrap();
    let table = file.hdu("BEAMS").unwrap();
    let major: Vec<f32> = table.read_col(&mut file, "BMAJ").unwrap();
    let channels: Vec<i32> = table.read_col(&mut file, "CHAN").unwrap();
    assert_eq!(channels, [0, 1, 2]);
    let summary = products.summary();
    for (k, width) in widths.iter().enumerate() {
        let told = summary["planes"][k]["beam"]["bmaj"].as_f64().unwrap() * 3600.0;
        assert!((f64::from(major[k]) - told).abs() < 1e-4 * told, "plane {k}: {} and {told}", major[k]);
        assert!((told / width / f64::from(major[0]) - 1.0).abs() < 0.05, "plane {k}: {told}");
    }
    assert_eq!(products.residual().raw("CASAMBM").as_deref(), Some("T"));
    let model = products.model();
    assert!(model.raw("CASAMBM").is_none() && model.raw("BMAJ").is_none());
}

#[test]
fn every_way_of_storing_numbers_gives_the_same_products() {
    // multiples of 1/64 in the reach of a byte
    let dirty = plane(0).mapv(|value| (value * 64.0).round() / 64.0);
    let folder = Folder::new();
    folder.pair(&dirty, &sky::wide_psf(SHAPE));
    let expected = folder.run("floats", "");
    for (bitpix, bscale, bzero) in [
        (8, 1.0 / 64.0, -1.0),
        (16, 1.0 / 64.0, 0.0),
        (16, 1.0 / 128.0, -2.0),
        (32, 1.0 / 1024.0, 1.0),
        (64, 1.0 / 1024.0, -3.0),
        (-32, 2.0, 0.5),
        (-64, 1.0, 0.0),
        (-64, 0.25, -4.0),
    ] {
        let stored = Stored { bitpix, bscale, bzero, blank: None };
        fs::write(folder.path("d.fits"), Image::new(&dirty).bytes(stored, None)).unwrap();
        let products = folder.run_pair(("d.fits", "psf.fits"), "out", "--overwrite");
        is_the_single_run(&products, 0, &expected);
        let restored = products.restored();
        assert_eq!((restored.number("BITPIX"), restored.number("BSCALE")), (Some(-32.0), None), "{bitpix}");
    }
}

#[test]
fn blank_integers_are_blank_pixels() {
    let mut dirty = plane(0).mapv(|value| (value * 64.0).round() / 64.0);
    dirty[(3, 5)] = f64::NAN;
    let folder = Folder::new();
    folder.pair(&dirty, &sky::wide_psf(SHAPE));
    let expected = folder.run("floats", "");
    for bitpix in [8, 16, 32, 64] {
        let blank = if bitpix == 8 { 255 } else { -99 };
        let stored = Stored { bitpix, bscale: 1.0 / 64.0, bzero: -1.0, blank: Some(blank) };
        fs::write(folder.path("d.fits"), Image::new(&dirty).bytes(stored, None)).unwrap();
        let products = folder.run_pair(("d.fits", "psf.fits"), "out", "--overwrite");
        assert!(same(&products.model(), &expected.model()) && same(&products.residual(), &expected.residual()));
        assert!(products.residual().plane(0)[(3, 5)].is_nan());
        assert_eq!(products.residual().raw("BLANK"), None);
    }
}

#[test]
fn gzip_and_tile_compressed_files_give_the_same_products() {
    let folder = folder();
    let expected = folder.run("plain", "");
    for name in ["dirty.fits", "psf.fits"] {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(&fs::read(folder.path(name)).unwrap()).unwrap();
        fs::write(folder.path(&format!("{name}.gz")), encoder.finish().unwrap()).unwrap();
    }
    is_the_single_run(&folder.run_pair(("dirty.fits.gz", "psf.fits.gz"), "gz", ""), 0, &expected);
    for (name, image) in [("d.fits.fz", plane(0)), ("p.fits.fz", sky::wide_psf(SHAPE))] {
        compress(&folder, name, &image);
    }
    let products = folder.run_pair(("d.fits.fz", "p.fits.fz"), "fz", "");
    is_the_single_run(&products, 0, &expected);
    let restored = products.restored();
    assert_eq!(restored.axes, [40, 32]);
    assert!(restored.cards.iter().all(|card| !card.starts_with('Z')), "no key of the compression is left");
    assert_eq!(restored.text("CTYPE1"), Image::new(&plane(0)).text("CTYPE1"));
    for key in ["CRPIX1", "CRVAL1", "CDELT1", "CRPIX2", "CRVAL2", "CDELT2"] {
        assert_eq!(restored.number(key), Image::new(&plane(0)).number(key), "{key}");
    }
}

/// Writes an image compressed without loss in tiles, by cfitsio.
fn compress(folder: &Folder, name: &str, plane: &Array2<f64>) {
    let (ny, nx) = plane.dim();
    let path = format!("{}[compress GZIP; q 0]", folder.path(name).display());
    let description = ImageDescription { data_type: ImageType::Float, dimensions: &[ny, nx] };
    let mut file = FitsFile::create(path).with_custom_primary(&description).open().unwrap();
    let hdu = file.hdu(1).unwrap();
    let pixels: Vec<f32> = plane.iter().map(|value| *value as f32).collect();
    hdu.write_region(&mut file, &[&(0..nx), &(0..ny)], &pixels).unwrap();
    for (key, value) in [("CTYPE1", "RA---SIN"), ("CUNIT1", "deg"), ("CTYPE2", "DEC--SIN"), ("CUNIT2", "deg")] {
        hdu.write_key(&mut file, key, value).unwrap();
    }
    for key in ["CRPIX1", "CRVAL1", "CDELT1", "CRPIX2", "CRVAL2", "CDELT2"] {
        hdu.write_key(&mut file, key, Image::new(plane).number(key).unwrap()).unwrap();
    }
}

#[test]
fn image_is_found_by_the_name_and_the_number_of_its_hdu() {
    let folder = folder();
    let expected = folder.run("plain", "");
    let image = |seed| Image::new(&plane(seed));
    let bytes = [
        image(1).bytes(FLOATS, None),
        image(2).bytes(FLOATS, Some("WHT")),
        image(0).bytes(FLOATS, Some("SCI")).clone(),
    ];
    fs::write(folder.path("many.fits"), bytes.concat()).unwrap();
    for (brackets, name) in [("[SCI]", "name"), ("[sci]", "lower"), ("[2]", "number")] {
        let products = folder.run_pair((&format!("many.fits{brackets}"), "psf.fits"), name, "");
        is_the_single_run(&products, 0, &expected);
        assert_eq!(Image::read_all(&products.file("image.fits")).len(), 1);
    }
    let first = folder.run_pair(("many.fits", "psf.fits"), "first", "");
    assert_ne!(planes_of(&first, 0), planes_of(&expected, 0), "without brackets the first image is taken");
}

#[test]
fn region_is_what_the_cut_image_would_be_and_keeps_its_coordinates() {
    let folder = folder();
    folder.save("cut.fits", &Image::new(&plane(0).slice(s![4..25, 7..36]).to_owned()));
    let cut = folder.run_pair(("cut.fits", "psf.fits"), "cut", "");
    let region = folder.run_pair(("dirty.fits[8:36,5:25]", "psf.fits"), "region", "");
    is_the_single_run(&region, 0, &cut);
    let (restored, dirty) = (region.restored(), Image::new(&plane(0)));
    assert_eq!(restored.axes, [29, 21]);
    assert_eq!(restored.number("CRPIX1").unwrap(), dirty.number("CRPIX1").unwrap() - 7.0);
    assert_eq!(restored.number("CRPIX2").unwrap(), dirty.number("CRPIX2").unwrap() - 4.0);
    // of the PSF too: the middle of it
    let inner = folder.run_pair(("dirty.fits", "psf.fits[21:60,17:48]"), "inner", "");
    folder.save("p.fits", &Image::new(&sky::wide_psf(SHAPE).slice(s![16..48, 20..60]).to_owned()));
    is_the_single_run(&inner, 0, &folder.run_pair(("dirty.fits", "p.fits"), "given", ""));
}

#[test]
fn shapes_that_are_flat_odd_or_prime_work() {
    for (ny, nx) in [(31, 53), (17, 101), (1, 64), (64, 1), (2, 3), (97, 97), (128, 40)] {
        let folder = Folder::new();
        let shape = (ny, nx);
        let dirty = sky::dirty(shape, &[(ny as f64 * 0.4, nx as f64 * 0.6, 1.0)]) + sky::noise(shape, 1e-3, 1);
        folder.pair(&dirty, &sky::wide_psf(shape));
        let products = folder.run("out", "--niter 100 --beam-shape 4asec");
        let kernel = sky::wide_psf(shape).mapv(|value| f64::from(value as f32));
        let model = products.model().plane(0);
        let expected = dirty.mapv(|v| f64::from(v as f32)) - sky::convolve(&model, &kernel, (ny, nx));
        let misfit = sky::max_abs(&(expected - products.residual().plane(0))) / sky::max_abs(&dirty);
        assert!(misfit < ROUNDING, "{ny} x {nx}: {misfit:e}");
        assert!(products.file("preview.png").exists());
    }
}

#[test]
fn mask_keeps_components_inside_and_may_be_a_cube() {
    let folder = folder();
    let mask = |allowed: fn(usize) -> bool| Array2::from_shape_fn(SHAPE, |(y, _)| f64::from(u8::from(allowed(y))));
    let (low, high) = (mask(|y| y < 16), mask(|y| y >= 16));
    let outside = |products: &Products, index: usize, mask: &Array2<f64>| {
        let model = products.model().plane(index);
        assert!(sky::max_abs(&model) > 0.1, "there is a model");
        sky::max_abs(&(model * mask.mapv(|allowed| 1.0 - allowed)))
    };
    folder.save("mask.fits", &Image::new(&low));
    for algorithm in ["clean", "clark", "hogbom"] {
        let products = folder.run(algorithm, &format!("--algorithm {algorithm} --niter 400 --mask mask.fits"));
        assert_eq!(outside(&products, 0, &low), 0.0, "{algorithm}");
    }
    folder.save("dirty.fits", &Image::cube(&[plane(0), plane(1)], &[("FREQ", 2)]));
    folder.save("mask.fits", &Image::cube(&[low.clone(), high.clone()], &[("FREQ", 2)]));
    let cube = folder.run("cube", "--mask mask.fits");
    assert_eq!((outside(&cube, 0, &low), outside(&cube, 1, &high)), (0.0, 0.0));
}
