//! Products written by us and read back, by us and by cfitsio.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use fitsio::FitsFile;
use fitsio::images::ImageType;
use ndarray::Array2;

use super::super::{Finish, FitsTarget, FitsWriter, FrequencyAxis, NewHeader};
use super::{Card, FitsError, Folder, axis, open, open_part, plane, ramp, same, sky, write_cards};
use crate::images::{Cell, CleanBeam};
use crate::units::{Model, Restored};

fn cube_cards() -> Vec<Card> {
    [sky(), axis(3, "STOKES", 1.0, 1.0, 1.0), axis(4, "FREQ", 1.0, 1e9, 1e6)].concat()
}

fn beam(bmaj: f64) -> CleanBeam {
    CleanBeam { bmaj, bmin: bmaj / 2.0, bpa: -12.5 }
}

#[test]
fn product_has_the_pixels_and_the_cards_of_its_source() {
    let folder = Folder::new();
    let cards = [
        cube_cards(),
        vec![Card::new("OBJECT", "it's", ""), Card::new("WSCNITER", 100.0, ""), Card::new("BUNIT", "JY/BEAM", "")],
        vec![Card::new("LONGTEXT", "word ".repeat(50), "")],
    ]
    .concat();
    let source = open(&folder.ramp("a.fits", &[2, 2, 7, 5], &cards));
    let path = folder.path("b.fits");
    let target = FitsTarget::<Model>::create(&path, &source, false).unwrap();
    for plane in 0..4 {
        for rows in [3..7, 0..3] {
            let pixels = source.read_rows(plane, rows.clone()).unwrap();
            target.write_rows(plane, rows.start, pixels.view()).unwrap();
        }
    }
    assert_eq!(target.finish(Finish::default()).unwrap(), path);
    let product = open(&path);
    assert_eq!(product.unit(), Some("Jy/pixel"));
    assert_eq!(product.plane_labels(), source.plane_labels());
    for i in 0..4 {
        assert!(same(&plane(&product, i), &plane(&source, i)));
    }
    let others = |source: &super::FitsSource| -> Vec<Card> {
        source.header().cards().filter(|card| !["BUNIT", ""].contains(&card.key())).cloned().collect()
    };
    let bitpix = |cards: Vec<Card>| -> Vec<Card> { cards.into_iter().filter(|card| card.key() != "BITPIX").collect() };
    assert_eq!(bitpix(others(&product)), bitpix(others(&source)));
}

#[test]
fn cfitsio_reads_the_product_whole() {
    let folder = Folder::new();
    let source = open(&folder.ramp("a.fits", &[2, 2, 7, 5], &cube_cards()));
    let path = finished(&folder, &source, &[beam(1.0), beam(2.0), beam(3.0), beam(4.0)].map(Some));
    let mut file = FitsFile::open(&path).unwrap();
    let primary = file.primary_hdu().unwrap();
    let pixels: Vec<f32> = primary.read_image(&mut file).unwrap();
    assert_eq!(pixels, ramp(&[2, 2, 7, 5]));
    let beams = file.hdu("BEAMS").unwrap();
    assert_eq!(beams.read_col::<i32>(&mut file, "CHAN").unwrap(), [0, 0, 1, 1]);
    assert_eq!(beams.read_col::<i32>(&mut file, "POL").unwrap(), [0, 1, 0, 1]);
    assert_eq!(beams.read_col::<f32>(&mut file, "BMAJ").unwrap(), [3600.0, 7200.0, 10_800.0, 14_400.0]);
    assert_eq!(beams.read_key::<i64>(&mut file, "NCHAN").unwrap(), 2);
    assert_eq!(beams.read_key::<i64>(&mut file, "NPOL").unwrap(), 2);
    assert_eq!(fs::metadata(&path).unwrap().len() % 2880, 0);
}

/// Copies `source` into a restored image with these beams.
fn finished(folder: &Folder, source: &super::FitsSource, beams: &[Option<CleanBeam>]) -> std::path::PathBuf {
    let path = folder.path("product.fits");
    let target = FitsTarget::<Restored>::create(&path, source, true).unwrap();
    for plane in 0..source.planes() {
        target.write_rows(plane, 0, source.read_rows(plane, 0..source.geometry().ny).unwrap().view()).unwrap();
    }
    target.finish(Finish { beams, ..Finish::default() }).unwrap()
}

#[test]
fn beams_that_differ_come_back_from_the_table_and_equal_ones_from_the_keys() {
    let folder = Folder::new();
    let source = open(&folder.ramp("a.fits", &[2, 2, 7, 5], &cube_cards()));
    let differing = [Some(beam(1e-3)), None, Some(beam(2e-3)), Some(beam(3e-3))];
    let product = open(&finished(&folder, &source, &differing));
    assert!(product.header().is_true("CASAMBM") && product.header().get("BMAJ").is_none());
    assert_eq!(product.header().get("EXTEND").map(Card::key), Some("EXTEND"));
    for (i, expected) in differing.iter().enumerate() {
        let read = product.beam(i);
        assert_eq!(read.is_some(), expected.is_some());
        if let Some((read, expected)) = read.zip(*expected) {
            assert!((read.bmaj / expected.bmaj - 1.0).abs() < 1e-7 && (read.bpa - expected.bpa).abs() < 1e-6);
        }
    }
    let equal = [Some(beam(1e-3)), None, Some(beam(1e-3)), Some(beam(1e-3))];
    let product = open(&finished(&folder, &source, &equal));
    assert!(product.header().get("CASAMBM").is_none());
    assert!((0..4).all(|i| product.beam(i) == Some(beam(1e-3))));
    let none = open(&finished(&folder, &source, &[]));
    assert!((0..4).all(|i| none.beam(i).is_none()));
}

#[test]
fn number_of_beams_must_fit_the_planes() {
    let folder = Folder::new();
    let source = open(&folder.ramp("a.fits", &[2, 2, 7, 5], &cube_cards()));
    let target = FitsTarget::<Restored>::create(&folder.path("b.fits"), &source, false).unwrap();
    let error = target.finish(Finish { beams: &[Some(beam(1.0)); 3], ..Finish::default() }).unwrap_err();
    assert!(error.to_string().contains("none, 1 or 4 beams, found 3 beams"), "{error}");
    assert_eq!(folder.names(), ["a.fits"]);
}

#[test]
fn stale_keys_of_the_source_are_left_out() {
    let folder = Folder::new();
    let keys = ["BMAJ", "BMIN", "BPA", "BMAJ1", "BPA12", "DATAMIN", "DATAMAX"];
    let mut cards: Vec<Card> = keys.iter().map(|key| Card::new(key, 1.5, "")).collect();
    cards.extend([Card::new("BSCALE", 2.0, ""), Card::new("BZERO", 1.0, ""), Card::new("BLANK", 3, "")]);
    cards.extend([Card::new("CHECKSUM", "abc", ""), Card::new("DATASUM", "1", ""), Card::new("CASAMBM", true, "")]);
    cards.extend([Card::new("BMAJOR", "kept", ""), Card::new("BTYPE", "Intensity", "")]);
    let pixels: Vec<i16> = (0..6).collect();
    let source = open(&folder.image("a.fits", (ImageType::Short, &[2, 3], &pixels), &cards));
    let product = open(&finished(&folder, &source, &[Some(beam(0.25))]));
    let header = product.header();
    for key in ["BMAJ1", "BPA12", "DATAMIN", "DATAMAX", "BSCALE", "BZERO", "BLANK", "CHECKSUM", "DATASUM", "CASAMBM"] {
        assert!(header.get(key).is_none(), "{key}");
    }
    assert_eq!(header.get_str("BMAJOR").as_deref(), Some("kept"));
    assert_eq!(header.get_i64("BITPIX"), Some(-32));
    assert_eq!(product.beam(0), Some(beam(0.25)));
    let physical: Vec<f32> = (0..6).map(|i| if i == 3 { f32::NAN } else { i as f32 * 2.0 + 1.0 }).collect();
    assert!(same(&plane(&product, 0), &physical));
}

#[test]
fn product_of_an_extension_a_region_or_a_compressed_image_is_a_primary_image() {
    let folder = Folder::new();
    let description = fitsio::images::ImageDescription { data_type: ImageType::Float, dimensions: &[6, 8] };
    let mut file = FitsFile::create(folder.path("e.fits")).open().unwrap();
    let hdu = file.create_image("SCI".to_owned(), &description).unwrap();
    hdu.write_image(&mut file, &ramp(&[6, 8])).unwrap();
    write_cards(&mut file, 1, &sky());
    drop(file);
    let mut file = FitsFile::create(folder.path("z.fits[compress GZIP; q 0]").to_str().unwrap())
        .with_custom_primary(&description)
        .open()
        .unwrap();
    let hdu = file.hdu(1).unwrap();
    hdu.write_image(&mut file, &ramp(&[6, 8])).unwrap();
    write_cards(&mut file, 1, &sky());
    drop(file);
    for name in ["e.fits", "z.fits"] {
        for region in ["", "[2:5,3:6]"] {
            let source = open_part(&folder.path(name), region).unwrap();
            let product = open(&finished(&folder, &source, &[]));
            assert_eq!(product.hdu_label().split(' ').nth(1), Some("1"));
            assert!(same(&plane(&product, 0), &plane(&source, 0)));
            assert_eq!(product.geometry(), source.geometry());
            for key in ["CRPIX1", "CRPIX2", "CRVAL1", "CDELT1"] {
                assert_eq!(product.header().get_f64(key), source.header().get_f64(key));
            }
            let keys: Vec<&str> = product.header().cards().map(Card::key).take(5).collect();
            assert_eq!(keys, ["SIMPLE", "BITPIX", "NAXIS", "NAXIS1", "NAXIS2"]);
            assert!(product.header().get("XTENSION").is_none() && product.header().get("PCOUNT").is_none());
        }
    }
}

#[test]
fn history_and_cards_are_added_even_when_the_header_outgrows_its_room() {
    let folder = Folder::new();
    let path = folder.ramp("a.fits", &[300, 301], &sky());
    write_cards(&mut FitsFile::edit(&path).unwrap(), 0, &[Card::new("DCVNITER", 1, "")]);
    let source = open(&path);
    for lines in [0, 3, 100, 107, 108, 300, 5000] {
        let history: Vec<String> = (0..lines).map(|i| format!("parameter{i} = {i}")).collect();
        let target = FitsTarget::<Restored>::create(&folder.path("b.fits"), &source, true).unwrap();
        target.write_rows(0, 0, source.read_rows(0, 0..300).unwrap().view()).unwrap();
        let cards = [Card::new("DCVNITER", 7, "iterations")];
        let path = target.finish(Finish { beams: &[Some(beam(1.0))], history: &history, cards: &cards }).unwrap();
        let product = open(&path);
        assert!(same(&plane(&product, 0), &ramp(&[300, 301])), "{lines} lines");
        let read: Vec<String> =
            product.header().cards().filter(|c| c.key() == "HISTORY").map(Card::free_text).collect();
        assert_eq!(read, history);
        assert_eq!(product.header().get_i64("DCVNITER"), Some(7));
        assert_eq!(product.header().cards().filter(|card| card.key() == "DCVNITER").count(), 1);
        assert_eq!(fs::metadata(&path).unwrap().len() % 2880, 0);
    }
}

#[test]
fn threads_write_rows_at_once() {
    let folder = Folder::new();
    let source = open(&folder.ramp("a.fits", &[2, 200, 100], &[sky(), axis(3, "FREQ", 1.0, 1e9, 1e6)].concat()));
    let target = FitsTarget::<Model>::create(&folder.path("b.fits"), &source, false).unwrap();
    std::thread::scope(|scope| {
        for worker in 0..8 {
            let (source, target) = (&source, &target);
            scope.spawn(move || {
                for slab in (worker..40).step_by(8) {
                    let (plane, first) = (slab / 20, slab % 20 * 10);
                    target
                        .write_rows(plane, first, source.read_rows(plane, first..first + 10).unwrap().view())
                        .unwrap();
                }
            });
        }
    });
    let product = open(&target.finish(Finish::default()).unwrap());
    assert!((0..2).all(|i| same(&plane(&product, i), &plane(&source, i))));
}

#[test]
fn rows_that_do_not_fit_are_refused() {
    let folder = Folder::new();
    let source = open(&folder.ramp("a.fits", &[4, 5], &[]));
    let target = FitsTarget::<Model>::create(&folder.path("b.fits"), &source, false).unwrap();
    let write = |plane, first, shape| target.write_rows(plane, first, Array2::zeros(shape).view());
    assert!(write(0, 3, (2, 5)).unwrap_err().to_string().contains("rows"));
    assert!(write(0, 0, (2, 4)).unwrap_err().to_string().contains("columns: expected 5, found 4"));
    assert!(write(1, 0, (2, 5)).unwrap_err().to_string().contains("planes"));
    write(0, 2, (2, 5)).unwrap();
}

#[test]
fn unfinished_product_leaves_nothing_behind() {
    let folder = Folder::new();
    let source = open(&folder.ramp("a.fits", &[4, 5], &[]));
    let target = FitsTarget::<Model>::create(&folder.path("b.fits"), &source, false).unwrap();
    target.write_rows(0, 0, Array2::zeros((4, 5)).view()).unwrap();
    assert_eq!(folder.names().len(), 2);
    assert!(!target.path().exists());
    drop(target);
    assert_eq!(folder.names(), ["a.fits"]);
}

#[test]
fn only_overwrite_replaces_what_is_there_even_if_it_came_later() {
    let folder = Folder::new();
    let source = open(&folder.ramp("a.fits", &[4, 5], &[]));
    let path = folder.path("b.fits");
    let late = FitsTarget::<Model>::create(&path, &source, false).unwrap();
    fs::write(&path, "precious").unwrap();
    assert!(matches!(late.finish(Finish::default()), Err(FitsError::Exists { .. })));
    assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
    FitsTarget::<Model>::create(&path, &source, true).unwrap().finish(Finish::default()).unwrap();
    assert_eq!(plane(&open(&path), 0), [0.0; 20]);
    assert_eq!(folder.names(), ["a.fits", "b.fits"]);
    assert_eq!(mode(&path), mode(source.path()), "the permissions of any other new file");
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode()
}

#[test]
fn new_image_has_the_axes_it_was_given() {
    let folder = Folder::new();
    let mut header = NewHeader {
        ny: 6,
        nx: 9,
        cell: Cell { dx: -1e-10, dy: 2e-10 },
        crval: (187.5, -30.25),
        crpix: None,
        frequency: Some(FrequencyAxis { first_hz: 1e9, step_hz: 2.5e8, planes: 3 }),
        cards: vec![Card::new("TELESCOP", "VLA", ""), Card::new("ORIGIN", "deconv simulate", "")],
    };
    let create = |name: &str, header: &NewHeader| {
        let target = FitsTarget::<Model>::create_new(&folder.path(name), header, false).unwrap();
        open(&target.finish(Finish::default()).unwrap())
    };
    let cube = create("cube.fits", &header);
    assert_eq!(cube.geometry(), crate::images::Geometry { ny: 6, nx: 9, cell: Some(header.cell) });
    let freqs: Vec<f64> = cube.plane_labels().iter().filter_map(|label| label.freq_hz).collect();
    assert_eq!(freqs, [1e9, 1.25e9, 1.5e9]);
    assert_eq!(cube.plane_shape().len(), 2);
    assert_eq!((cube.header().get_f64("CRPIX1"), cube.header().get_f64("CRPIX2")), (Some(5.0), Some(4.0)));
    assert_eq!(cube.header().get_str("ORIGIN").as_deref(), Some("deconv simulate"));
    header.frequency = None;
    assert_eq!(create("plane.fits", &header).plane_shape().len(), 0);
    header.ny = 0;
    assert!(matches!(
        FitsTarget::<Model>::create_new(&folder.path("none.fits"), &header, false),
        Err(FitsError::Axes(_))
    ));
}

#[test]
fn writer_that_was_written_down_writes_to_the_same_product() {
    let folder = Folder::new();
    let source = open(&folder.ramp("a.fits", &[2, 2, 7, 5], &cube_cards()));
    let path = folder.path("b.fits");
    let target = FitsTarget::<Model>::create(&path, &source, false).unwrap();
    let text = postcard::to_stdvec(&target.writer()).unwrap();
    let elsewhere: FitsWriter = postcard::from_bytes(&text).unwrap();
    let rows = Array2::from_elem((2, 5), 4.5);
    elsewhere.write_rows(3, 1, rows.view()).unwrap();
    let error = elsewhere.write_rows(0, 6, rows.view()).unwrap_err();
    assert!(error.to_string().contains("rows: expected 0..7 or a part, found 6..8"), "{error}");
    target.finish(Finish::default()).unwrap();
    assert_eq!(open(&path).read_rows(3, 1..3).unwrap(), rows);
    assert!(open(&path).read_rows(3, 3..7).unwrap().iter().all(|pixel| *pixel == 0.0));
    let error = postcard::from_bytes::<FitsWriter>(&text).err();
    assert!(error.is_some(), "the temporary file has become the product");
}
