//! Every bad input is refused before any work: exit code, what is told, and that nothing is written.

use std::fs;
use std::io::Write;

use ndarray::Array2;

use crate::support::fits::{FLOATS, Image, card};
use crate::support::program::Folder;
use crate::support::sky;

const SHAPE: (usize, usize) = (48, 40);

/// A folder with a good pair, `dirty.fits` and `psf.fits`.
pub(crate) fn folder() -> Folder {
    let folder = Folder::new();
    folder.pair(&good_dirty(), &sky::wide_psf(SHAPE));
    folder
}

fn good_dirty() -> Array2<f64> {
    sky::dirty(SHAPE, &[(20.0, 15.0, 1.0)]) + sky::noise(SHAPE, 1e-3, 1)
}

/// Runs the words, which must be refused with this exit code, tell all of `needles`, and leave the folder as it was.
pub(crate) fn refused(folder: &Folder, words: &str, code: i32, needles: &[&str]) {
    let before = folder.listing();
    let ran = folder.deconv(words);
    assert!(!ran.err.contains("panicked") && !ran.out.contains("panicked"), "{words}\n{}", ran.err);
    assert_eq!(ran.code, Some(code), "{words}\n{}", ran.err);
    for needle in needles {
        assert!(ran.err.contains(needle), "'{needle}' is not told by {words}\n{}", ran.err);
    }
    let after = folder.listing();
    let names = |files: &std::collections::BTreeMap<_, _>| files.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&before), names(&after), "{words}");
    assert!(before == after, "{words} changed a file");
}

/// As [`refused`] with exit code 1 and a hint, for the pair of the folder.
pub(crate) fn fails(folder: &Folder, words: &str, needles: &[&str]) {
    let words = format!("--dirty dirty.fits --psf psf.fits -o out {words}");
    refused(folder, &words, 1, &[&["error: ", "hint: "], needles].concat());
}

#[test]
fn psf_of_another_cell_size_is_refused_with_both_cells() {
    let folder = folder();
    for (key, value, told) in [("CDELT1", "-3.0E-4", "-3e-4"), ("CDELT2", "3.0E-4", "3e-4")] {
        folder.save("psf.fits", &Image::new(&sky::wide_psf(SHAPE)).with(key, value));
        fails(&folder, "", &["psf.fits", "dirty.fits", "HDU 1", key, told, "2.7777777777778e-4"]);
    }
}

#[test]
fn psf_that_is_mirrored_is_refused() {
    let folder = folder();
    folder.save("psf.fits", &Image::new(&sky::wide_psf(SHAPE)).with("CDELT1", "2.7777777777778E-4"));
    fails(&folder, "", &["psf.fits", "CDELT1"]);
}

#[test]
fn psf_without_a_positive_peak_is_refused() {
    let folder = folder();
    for factor in [-1.0, 0.0] {
        let psf = sky::wide_psf(SHAPE).mapv(|value| factor * value.abs());
        folder.save("psf.fits", &Image::new(&psf));
        fails(&folder, "", &["psf.fits", "HDU 1", "positive"]);
    }
    folder.save("psf.fits", &Image::new(&Array2::from_elem(SHAPE, f64::NAN)));
    fails(&folder, "", &["psf.fits", "HDU 1", "positive"]);
}

#[test]
fn psf_with_two_peaks_is_refused_with_both_places() {
    let folder = folder();
    let mut psf = sky::wide_psf(SHAPE);
    psf[(7, 9)] = 0.999;
    folder.save("psf.fits", &Image::new(&psf));
    fails(&folder, "", &["psf.fits", "HDU 1", "(y 7, x 9)", "(y 48, x 40)"]);
}

#[test]
fn images_of_one_and_of_five_axes_are_refused() {
    let folder = folder();
    let mut line = Image::new(&good_dirty());
    line.axes = vec![SHAPE.0 * SHAPE.1];
    folder.save("dirty.fits", &line);
    fails(&folder, "", &["dirty.fits", "axes"]);
    let five = Image::cube(&[good_dirty()], &[("FREQ", 1), ("STOKES", 1), ("OTHER", 1)]);
    folder.save("dirty.fits", &five);
    fails(&folder, "", &["dirty.fits", "HDU 1", "NAXIS", "2 to 4", "5"]);
    folder.save("dirty.fits", &Image::new(&good_dirty()));
    folder.save("psf.fits", &five);
    fails(&folder, "", &["psf.fits", "HDU 1", "NAXIS", "2 to 4", "5"]);
}

#[test]
fn long_axis_that_is_neither_stokes_nor_freq_is_refused() {
    let folder = folder();
    folder.save("dirty.fits", &Image::cube(&[good_dirty(), good_dirty()], &[("TIME", 2)]));
    fails(&folder, "", &["dirty.fits", "HDU 1", "CTYPE3", "STOKES or FREQ", "TIME"]);
    folder.save("dirty.fits", &Image::new(&good_dirty()).with("CTYPE1", "'FREQ'"));
    fails(&folder, "", &["dirty.fits", "HDU 1", "CTYPE1", "FREQ"]);
}

#[test]
fn axis_without_pixels_is_refused() {
    let folder = folder();
    let mut empty = Image::new(&good_dirty());
    (empty.axes, empty.pixels) = (vec![40, 0], vec![]);
    folder.save("dirty.fits", &empty);
    fails(&folder, "", &["dirty.fits", "HDU 1", "NAXIS2", "0"]);
}

#[test]
fn file_that_is_absent_is_named_with_its_role() {
    let folder = folder();
    for words in ["--dirty none.fits --psf psf.fits -o out", "--dirty dirty.fits --psf none.fits -o out"] {
        refused(&folder, words, 1, &["error: ", "none.fits", "hint: "]);
    }
    fails(&folder, "--mask none.fits", &["none.fits"]);
    fails(&folder, "--config none.toml", &["none.toml"]);
}

#[test]
fn file_that_is_not_fits_is_refused() {
    let folder = folder();
    for content in [&b""[..], b"hello", b"\x89PNG\r\n\x1a\n and so on", &[0; 5760]] {
        fs::write(folder.path("dirty.fits"), content).unwrap();
        fails(&folder, "", &["dirty.fits", "FITS"]);
    }
    fs::remove_file(folder.path("dirty.fits")).unwrap();
    fs::create_dir(folder.path("dirty.fits")).unwrap();
    fails(&folder, "", &["dirty.fits"]);
}

#[test]
fn truncated_file_is_refused_with_expected_and_found_bytes() {
    let folder = folder();
    let whole = Image::new(&good_dirty()).bytes(FLOATS, None);
    for len in [100, 2880, 2881, 2880 + 4 * 40 * 47] {
        fs::write(folder.path("dirty.fits"), &whole[..len]).unwrap();
        fails(&folder, "", &["dirty.fits", "truncated", "HDU 1", &len.to_string()]);
    }
    fs::write(folder.path("dirty.fits"), &whole).unwrap();
    let psf = fs::read(folder.path("psf.fits")).unwrap();
    fs::write(folder.path("psf.fits"), &psf[..psf.len() / 2]).unwrap();
    fails(&folder, "", &["psf.fits", "truncated", "HDU 1"]);
}

#[test]
fn truncated_or_damaged_gzip_is_refused() {
    let folder = folder();
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(&Image::new(&good_dirty()).bytes(FLOATS, None)).unwrap();
    let packed = encoder.finish().unwrap();
    for len in [5, 20, packed.len() / 2, packed.len() - 4] {
        fs::write(folder.path("d.fits.gz"), &packed[..len]).unwrap();
        refused(&folder, "--dirty d.fits.gz --psf psf.fits -o out", 1, &["error: ", "d.fits.gz", "hint: "]);
    }
}

#[test]
fn hdu_or_region_that_is_not_there_is_refused() {
    let folder = folder();
    for (brackets, needles) in [
        ("[SCI]", &["SCI", "dirty.fits"][..]),
        ("[3]", &["3", "dirty.fits"]),
        ("[1:41,1:10]", &["dirty.fits", "HDU 1", "NAXIS1", "1:40", "1:41"]),
        ("[1:2,1:3,1:1]", &["dirty.fits", "HDU 1"]),
        ("[0:5,1:5]", &["0:5"]),
        ("[]", &["dirty.fits"]),
    ] {
        let words = format!("--dirty dirty.fits{brackets} --psf psf.fits -o out");
        refused(&folder, &words, 1, &[&["error: ", "hint: "], needles].concat());
    }
}

#[test]
fn header_with_unreadable_numbers_is_refused() {
    let folder = folder();
    folder.save("dirty.fits", &Image::new(&good_dirty()).with("CDELT1", "'minus one'"));
    fails(&folder, "", &["dirty.fits", "HDU 1", "CDELT1", "minus one"]);
}

#[test]
fn product_that_exists_is_kept_without_overwrite_and_replaced_with_it() {
    let suffixes = [
        "model.fits",
        "residual.fits",
        "image.fits",
        "summary.json",
        "preview.png",
        "convergence.png",
        "profile.png",
        "profile.svg",
    ];
    let folder = folder();
    for suffix in suffixes {
        let name = format!("out-{suffix}");
        fs::write(folder.path(&name), "precious").unwrap();
        fails(&folder, "", &[&name, "exists", "--overwrite"]);
        fs::remove_file(folder.path(&name)).unwrap();
    }
    for suffix in suffixes {
        fs::write(folder.path(&format!("out-{suffix}")), "precious").unwrap();
    }
    folder.run("out", "--overwrite");
    for suffix in suffixes {
        assert_ne!(fs::read(folder.path(&format!("out-{suffix}"))).unwrap(), b"precious", "{suffix}");
    }
}

#[test]
fn product_whose_name_is_a_folder_is_refused_before_the_work() {
    let folder = folder();
    for suffix in ["model.fits", "image.fits", "summary.json", "preview.png", "profile.svg"] {
        let name = format!("out-{suffix}");
        fs::create_dir(folder.path(&name)).unwrap();
        for overwrite in ["", "--overwrite"] {
            fails(&folder, overwrite, &[&name]);
        }
        fs::remove_dir(folder.path(&name)).unwrap();
    }
}

#[test]
fn output_folder_that_is_missing_or_a_file_is_refused() {
    let folder = folder();
    let pair = "--dirty dirty.fits --psf psf.fits";
    refused(&folder, &format!("{pair} -o none/out"), 1, &["error: ", "none", "hint: "]);
    fs::write(folder.path("file"), "a file").unwrap();
    refused(&folder, &format!("{pair} -o file/out"), 1, &["error: ", "file", "hint: "]);
    refused(&folder, &format!("{pair} -o /proc/out"), 1, &["error: ", "/proc", "hint: "]);
}

#[test]
fn input_is_never_the_output_even_with_overwrite() {
    let folder = folder();
    for (input, words) in [
        ("out-model.fits", "--dirty out-model.fits --psf psf.fits"),
        ("out-image.fits", "--dirty out-image.fits --psf psf.fits"),
        ("out-residual.fits", "--dirty dirty.fits --psf out-residual.fits"),
        ("out-image.fits", "--dirty dirty.fits --psf out-image.fits"),
        ("out-model.fits", "--dirty dirty.fits --psf psf.fits --mask out-model.fits"),
        ("out-mask.fits", "--dirty dirty.fits --psf psf.fits --mask out-mask.fits"),
    ] {
        let origin = if words.contains("--psf out") { "psf.fits" } else { "dirty.fits" };
        fs::copy(folder.path(origin), folder.path(input)).unwrap();
        let words = format!("{words} -o out --overwrite");
        refused(&folder, &words, 1, &["error: ", input, "input", "hint: "]);
        fs::remove_file(folder.path(input)).unwrap();
    }
}

#[test]
fn input_behind_a_link_is_never_the_output() {
    let folder = folder();
    for (link, input) in [("out-image.fits", "dirty.fits"), ("out-model.fits", "psf.fits")] {
        std::os::unix::fs::symlink(folder.path(input), folder.path(link)).unwrap();
        fails(&folder, "--overwrite", &[link, "input"]);
        fs::remove_file(folder.path(link)).unwrap();
    }
}

#[test]
fn configuration_is_not_saved_over_an_input() {
    let folder = folder();
    for input in ["dirty.fits", "psf.fits"] {
        fails(&folder, &format!("--save-config {input}"), &[input]);
    }
}

#[test]
fn configuration_is_not_saved_over_a_file_without_overwrite() {
    let folder = folder();
    fs::write(folder.path("mine.toml"), "# precious\n").unwrap();
    fails(&folder, "--save-config mine.toml", &["mine.toml", "exists", "--overwrite"]);
}

#[test]
fn configuration_is_not_saved_by_a_run_that_is_refused() {
    let folder = folder();
    refused(&folder, "--dirty none.fits --psf psf.fits -o out --save-config new.toml", 1, &["none.fits"]);
}

#[test]
fn too_little_memory_is_told_with_needed_and_allowed() {
    let folder = Folder::new();
    let shape = (400, 420);
    folder.pair(&sky::dirty(shape, &[(20.0, 15.0, 1.0)]), &sky::wide_psf(shape));
    fails(&folder, "--memory 1MiB", &["memory", "1.0MiB", "400 x 420", "--memory"]);
}

#[test]
fn mask_of_another_size_is_refused_with_both_sizes() {
    let folder = folder();
    // with a WCS it would be taken to the image's grid
    folder.save("mask.fits", &Image::new(&Array2::ones((48, 41))).without("CTYPE1"));
    fails(&folder, "--mask mask.fits", &["mask.fits", "dirty.fits", "HDU 1", "NAXIS1", "41", "40", "WCS"]);
}

#[test]
fn region_that_cannot_be_understood_or_placed_is_refused_with_its_line() {
    let folder = folder();
    for (name, text, needles) in [
        ("a.reg", "fk5\nbox(1,2,3)\n", ["a.reg", "line 2", "box(x,y,width,height,angle)"]),
        ("b.reg", "fk4\ncircle(1,2,3)\n", ["b.reg", "line 2", "FK4"]),
        ("c.crtf", "#CRTF\ncircle[[1, 2], 3]\n", ["c.crtf", "line 2", "units"]),
        ("d.csv", "ra,dec,flux\n1,2,3\n", ["d.csv", "line 1", "radius"]),
        ("e.csv", "ra,dec,radius\n1,2,3\n", ["e.csv", "line 2", "unit"]),
        ("f.reg", "fk5\npolygon(1,2,3,4,5,6)\n", ["f.reg", "line 2", "projection"]),
    ] {
        fs::write(folder.path(name), text).unwrap();
        fails(&folder, &format!("--mask {name}"), &needles);
    }
    folder.save("dirty.fits", &Image::new(&good_dirty()).without("CTYPE1"));
    fs::write(folder.path("g.reg"), "fk5\ncircle(1,2,3)\n").unwrap();
    fails(&folder, "--mask g.reg", &["g.reg", "dirty.fits", "line 2", "WCS"]);
}

#[test]
fn psf_and_mask_cubes_of_the_wrong_number_of_planes_are_refused() {
    let folder = folder();
    folder.save("dirty.fits", &Image::cube(&[good_dirty(), good_dirty(), good_dirty()], &[("FREQ", 3)]));
    let psf = sky::wide_psf(SHAPE);
    folder.save("psf.fits", &Image::cube(&[psf.clone(), psf.clone()], &[("FREQ", 2)]));
    fails(&folder, "", &["psf.fits", "dirty.fits", "HDU 1", "NAXIS", "2 planes", "3"]);
    folder.save("psf.fits", &Image::new(&psf));
    folder.save("mask.fits", &Image::cube(&[Array2::ones(SHAPE), Array2::ones(SHAPE)], &[("FREQ", 2)]));
    fails(&folder, "--mask mask.fits", &["mask.fits", "dirty.fits", "HDU 1", "NAXIS", "2 planes", "3"]);
}

#[test]
fn psf_cube_for_a_plain_image_is_refused() {
    let folder = folder();
    let psf = sky::wide_psf(SHAPE);
    folder.save("psf.fits", &Image::cube(&[psf.clone(), psf], &[("FREQ", 2)]));
    fails(&folder, "", &["psf.fits", "dirty.fits", "2 planes", "1"]);
}

#[test]
fn header_that_announces_more_than_any_machine_holds_is_refused() {
    let folder = folder();
    let huge = Image::new(&good_dirty());
    let bytes = String::from_utf8(huge.bytes(FLOATS, None)[..2880].to_vec()).unwrap();
    let bytes = bytes.replace(&card("NAXIS1", "40"), &card("NAXIS1", "9000000000"));
    fs::write(folder.path("dirty.fits"), bytes).unwrap();
    fails(&folder, "", &["dirty.fits", "HDU 1"]);
}
