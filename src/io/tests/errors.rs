//! What is said when something is wrong.

use std::fs;
use std::path::Path;

use fitsio::FitsFile;
use fitsio::images::ImageType;

use super::super::FitsTarget;
use super::{Card, FitsError, FitsSource, Folder, axis, open, open_part, sky};
use crate::units::Model;

/// The error of opening a file, checked to say these things and to have a hint.
fn refused(path: &Path, brackets: &str, says: &[&str]) -> FitsError {
    let error = open_part(path, brackets).unwrap_err();
    let message = error.to_string();
    for part in says {
        assert!(message.contains(part), "{part:?} is not in: {message}");
    }
    assert!(message.contains(path.file_name().unwrap().to_str().unwrap()), "{message}");
    assert!(error.hint().is_some());
    error
}

#[test]
fn absent_file_is_not_found() {
    let folder = Folder::new();
    assert!(matches!(refused(&folder.path("no.fits"), "", &["there is no file"]), FitsError::NotFound { .. }));
    assert!(matches!(refused(&folder.path("no.fits"), "[SCI]", &["there is no file"]), FitsError::NotFound { .. }));
}

#[test]
fn text_empty_file_and_folder_are_not_fits() {
    let folder = Folder::new();
    fs::write(folder.path("a.fits"), "# a table\n1 2 3\n".repeat(1000)).unwrap();
    refused(&folder.path("a.fits"), "", &["not a FITS file", "# a table"]);
    fs::write(folder.path("b.fits"), "").unwrap();
    refused(&folder.path("b.fits"), "", &["not a FITS file", "an empty file"]);
    fs::create_dir(folder.path("c.fits")).unwrap();
    refused(&folder.path("c.fits"), "", &["not a FITS file", "a folder"]);
}

#[test]
fn brackets_that_mean_nothing_are_shown() {
    let folder = Folder::new();
    let path = folder.ramp("a.fits", &[4, 4], &[]);
    for brackets in ["[]", "[1:2]", "[3:1,1:2]", "[0:3,1:2]", "[a:b,1:2]", "[1:2,1:2,1,1,1]", "[SCI,x]"] {
        let error = open_part(&path, brackets).unwrap_err();
        assert!(matches!(error, FitsError::Spec { .. }), "{brackets}: {error}");
        assert!(error.to_string().contains(brackets), "{error}");
    }
}

#[test]
fn truncated_file_is_found_when_it_is_opened() {
    let folder = Folder::new();
    let path = folder.ramp("a.fits", &[100, 100], &sky());
    let whole = fs::read(&path).unwrap();
    fs::write(&path, &whole[..2880 + 39_999]).unwrap();
    refused(&path, "", &["truncated", "HDU 1", "42880", "42879"]);
    fs::write(&path, &whole[..2880 + 40_000]).unwrap();
    assert_eq!(open(&path).geometry().ny, 100, "the padding of the last block may be missing");
    fs::write(&path, &whole[..1000]).unwrap();
    refused(&path, "", &["truncated", "HDU 1, header"]);
}

#[test]
fn truncated_or_damaged_gzip_file_is_found_when_it_is_opened() {
    use std::io::Write;
    let folder = Folder::new();
    let plain = fs::read(folder.ramp("a.fits", &[100, 100], &sky())).unwrap();
    let packed = |bytes: &[u8]| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    };
    let path = folder.path("a.fits.gz");
    let whole = packed(&plain);
    fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    let error = refused(&path, "", &["cannot unpack"]);
    assert!(std::error::Error::source(&error).is_some());
    fs::write(&path, packed(&plain[..10_000])).unwrap();
    refused(&path, "", &["truncated", "42880", "10000"]);
}

#[test]
fn truncated_compressed_image_is_found_when_it_is_opened() {
    let folder = Folder::new();
    let path = folder.path("a.fits");
    let pixels: Vec<i32> = (0..100 * 100).map(|i| i * 7919 % 65_536).collect();
    let description = fitsio::images::ImageDescription { data_type: ImageType::Long, dimensions: &[100, 100] };
    let mut file = FitsFile::create(folder.path("a.fits[compress]").to_str().unwrap())
        .with_custom_primary(&description)
        .open()
        .unwrap();
    let hdu = file.hdu(1).unwrap();
    hdu.write_image(&mut file, &pixels).unwrap();
    drop(file);
    let whole = fs::read(&path).unwrap();
    fs::write(&path, &whole[..whole.len() - 5760]).unwrap();
    refused(&path, "", &["truncated", "HDU 2"]);
}

#[test]
fn file_without_an_image_lists_what_it_has() {
    let folder = Folder::new();
    let empty = folder.path("empty.fits");
    drop(FitsFile::create(&empty).open().unwrap());
    refused(&empty, "", &["no image", "[0] (no data)"]);
    let line = folder.ramp("line.fits", &[100], &[]);
    refused(&line, "", &["no image", "2 to 4 axes", "image 100"]);
    let groups = [
        Card::new("SIMPLE", true, ""),
        Card::new("BITPIX", -32, ""),
        Card::new("NAXIS", 2, ""),
        Card::new("NAXIS1", 0, ""),
        Card::new("NAXIS2", 3, ""),
        Card::new("GROUPS", true, ""),
        Card::new("PCOUNT", 6, ""),
        Card::new("GCOUNT", 10, ""),
    ];
    let header: super::super::Header = groups.into_iter().collect();
    let mut bytes = header.to_bytes(2880);
    bytes.resize(5760, 0);
    fs::write(folder.path("uv.fits"), bytes).unwrap();
    refused(&folder.path("uv.fits"), "", &["no image", "visibilities"]);
}

#[test]
fn absent_hdu_lists_those_there_are() {
    let folder = Folder::new();
    let path = folder.ramp("a.fits", &[4, 5], &[Card::new("EXTNAME", "SCI", "")]);
    refused(&path, "[ERR]", &["no HDU [ERR]", "[0] SCI (image 5 x 4)"]);
    refused(&path, "[3]", &["no HDU [3]", "[0] SCI (image 5 x 4)"]);
    refused(&path, "[SCI,2]", &["no HDU [SCI,2]"]);
}

#[test]
fn wrong_axes_are_named() {
    let folder = Folder::new();
    let five = folder.ramp("five.fits", &[1, 1, 1, 4, 4], &[]);
    refused(&five, "", &["HDU 1", "NAXIS: expected 2 to 4 axes, found 5"]);
    let time = folder.ramp("time.fits", &[3, 4, 4], &[sky(), axis(3, "TIME", 1.0, 0.0, 1.0)].concat());
    refused(&time, "", &["CTYPE3", "STOKES or FREQ", "'TIME' of 3 pixels"]);
    let swapped = folder.ramp("swapped.fits", &[4, 3], &axis(1, "FREQ", 1.0, 1e9, 1e6));
    refused(&swapped, "", &["CTYPE1: expected a sky axis", "found FREQ"]);
    let header: super::super::Header = [
        Card::new("SIMPLE", true, ""),
        Card::new("BITPIX", -32, ""),
        Card::new("NAXIS", 2, ""),
        Card::new("NAXIS1", 10, ""),
        Card::new("NAXIS2", 0, ""),
    ]
    .into_iter()
    .collect();
    fs::write(folder.path("zero.fits"), header.to_bytes(2880)).unwrap();
    refused(&folder.path("zero.fits"), "", &["NAXIS2: expected at least 1 pixel, found 0"]);
}

#[test]
fn unreadable_keys_are_named() {
    let folder = Folder::new();
    let path = folder.ramp("a.fits", &[4, 4], &[Card::new("CDELT1", "wide", ""), Card::new("CDELT2", 1.0, "")]);
    refused(&path, "", &["header", "HDU 1", "CDELT1: expected a number, found 'wide"]);
    let path = folder.ramp("b.fits", &[4, 4], &[]);
    let mut bytes = fs::read(&path).unwrap();
    let at = bytes.windows(6).position(|w| w == b"BITPIX").unwrap();
    bytes[at + 10..at + 30].copy_from_slice(b"                  12");
    fs::write(&path, bytes).unwrap();
    refused(&path, "", &["BITPIX: expected 8, 16, 32, 64, -32 or -64, found 12"]);
}

#[test]
fn region_outside_the_image_is_refused() {
    let folder = Folder::new();
    let path = folder.ramp("a.fits", &[4, 5], &[]);
    refused(&path, "[1:6,1:2]", &["region", "NAXIS1", "1:5", "1:6"]);
    refused(&path, "[1:5,1:2,2]", &["region", "NAXIS3"]);
}

#[test]
fn rows_and_planes_that_there_are_not_are_refused() {
    let folder = Folder::new();
    let source = open(&folder.ramp("a.fits", &[4, 5], &[]));
    let message = |result: Result<ndarray::Array2<f32>, FitsError>| result.unwrap_err().to_string();
    assert!(message(source.read_rows(1, 0..1)).contains("planes: expected 0 to 0, found plane 1"));
    assert!(message(source.read_rows(0, 3..5)).contains("rows: expected 0..4 or a part, found 3..5"));
}

#[test]
fn file_that_vanishes_after_opening_is_an_error_with_its_cause() {
    let folder = Folder::new();
    let float = folder.ramp("a.fits", &[4, 5], &[]);
    let double = folder.image("b.fits", (ImageType::Double, &[4, 5], &[0.0_f64; 20]), &[]);
    for path in [float, double] {
        let source = open(&path);
        fs::remove_file(&path).unwrap();
        let error = source.read_rows(0, 0..2).unwrap_err();
        assert!(matches!(error, FitsError::Read { .. }));
        assert!(error.to_string().contains("plane 0, rows 0..2"), "{error}");
        assert!(std::error::Error::source(&error).is_some());
    }
}

#[test]
fn outputs_that_cannot_be_written_are_refused_before_any_work() {
    let folder = Folder::new();
    let source = open(&folder.ramp("a.fits", &[4, 5], &[]));
    let create = |path: &Path, overwrite| FitsTarget::<Model>::create(path, &source, overwrite).unwrap_err();
    fs::write(folder.path("m.fits"), "").unwrap();
    let exists = create(&folder.path("m.fits"), false);
    assert!(matches!(exists, FitsError::Exists { .. }) && exists.hint().unwrap().contains("--overwrite"));
    assert!(matches!(create(&folder.path("./a.fits"), true), FitsError::IsInput { .. }));
    assert!(matches!(create(folder.0.path(), true), FitsError::Write { .. }));
    let missing = create(&folder.path("no/such/m.fits"), false);
    assert!(matches!(missing, FitsError::FolderMissing { .. }) && missing.to_string().contains("no/such"));
    let not_a_folder = create(&folder.path("a.fits/m.fits"), false);
    assert!(matches!(not_a_folder, FitsError::Folder { .. }), "{not_a_folder}");
    assert!(std::error::Error::source(&not_a_folder).is_some());
    assert_eq!(folder.names(), ["a.fits", "m.fits"]);
}

#[test]
fn error_types_are_small_and_shared() {
    fn is_shared<T: Send + Sync + 'static>() {}
    is_shared::<FitsError>();
    assert!(std::mem::size_of::<Result<FitsSource, FitsError>>() < 1024);
    assert!(std::mem::size_of::<FitsError>() < 128, "clippy's result_large_err");
}
