//! Files that cannot grow: each run is whole, or tells which file, what for and what to do, and leaves nothing half-written.
//!
//! `ulimit -f` stands for the full disk: like it, it meets the program in the middle of a write, and it needs no rights.

use std::fs;
use std::path::PathBuf;

use crate::support::program::Folder;
use crate::support::sky;

const SHAPE: (usize, usize) = (150, 170);

fn folder() -> Folder {
    let folder = Folder::new();
    folder.pair(&(sky::dirty(SHAPE, &[(40.0, 50.0, 1.0)]) + sky::noise(SHAPE, 2e-3, 1)), &sky::wide_psf(SHAPE));
    folder
}

/// Length of a file, rounded up \[KiB\].
fn kib(path: PathBuf) -> u64 {
    fs::metadata(path).unwrap().len().div_ceil(1024)
}

#[test]
fn products_are_whole_or_told_to_be_too_long_and_gone_at_any_limit() {
    let folder = folder();
    let begin = folder.listing();
    let words = "--dirty dirty.fits --psf psf.fits -o out --plots none --niter 100";
    assert_eq!(folder.deconv(words).code, Some(0));
    let whole = ["model", "residual", "image"].map(|name| kib(folder.path(&format!("out-{name}.fits"))));
    let most = whole.into_iter().max().unwrap();
    let names = ["out-model.fits", "out-residual.fits", "out-image.fits", "out-summary.json"];
    names.iter().for_each(|name| fs::remove_file(folder.path(name)).unwrap());
    // the header grows at the end of the run: between the lengths of before and after it all is found out late
    let mut ends = Vec::new();
    for limit in [1, most / 2, most - 9, most - 6, most - 3, most - 1, most] {
        let ran = folder.deconv_within(words, limit);
        ends.push(ran.code);
        if ran.code == Some(0) {
            names.iter().for_each(|name| fs::remove_file(folder.path(name)).unwrap());
        } else {
            assert_eq!(ran.code, Some(1), "{limit} KiB of {most}\n{}", ran.err);
            for needle in ["cannot write out-", ".fits", "File too large", "hint: ", "ulimit -f"] {
                assert!(ran.err.contains(needle), "{limit} KiB of {most}: '{needle}' is not in\n{}", ran.err);
            }
        }
        assert_eq!(folder.listing(), begin, "{limit} KiB of {most}");
    }
    assert_eq!((ends[0], ends[ends.len() - 1]), (Some(1), Some(0)), "{ends:?}");
}

#[test]
fn scratch_file_that_cannot_grow_is_named_with_its_value_and_a_remedy() {
    let folder = folder();
    fs::create_dir(folder.path("scratch")).unwrap();
    let begin = folder.listing();
    let words = "--dirty dirty.fits --psf psf.fits -o out --plots none --scratch scratch";
    // in processes every value of 64 KiB goes through a file: the PSF has 400 KiB, a product a quarter of it
    for more in ["--niter 100", "--algorithm wiener --boundary circular --lambda 0.1"] {
        let ran = folder.deconv_within(&format!("{words} --scheduler processes --chunk full {more}"), 120);
        assert_eq!(ran.code, Some(1), "{more}\n{}", ran.err);
        for needle in ["cannot write the value of ", "(0, 0)", "scratch/", "File too large", "hint: free space around "]
        {
            assert!(ran.err.contains(needle), "{more}: '{needle}' is not in\n{}", ran.err);
        }
        assert_eq!(folder.listing(), begin, "{more}");
    }
}

#[test]
fn plot_that_cannot_be_written_leaves_the_products_and_no_part_of_itself() {
    let folder = folder();
    let words = "--dirty dirty.fits --psf psf.fits -o out --niter 100";
    let ran = folder.deconv_within(words, 130);
    assert_eq!(ran.code, Some(1), "{}", ran.err);
    assert!(ran.err.contains("out-preview.png") && ran.err.contains("File too large"), "{}", ran.err);
    assert!(ran.err.contains("hint: check that the disk has room; the FITS products are complete"), "{}", ran.err);
    let names: Vec<_> = folder.listing().into_keys().map(|path| path.display().to_string()).collect();
    assert!(!names.iter().any(|name| name.contains("preview") || name.ends_with("part")), "{names:?}");
    assert_eq!(folder.products("out").model().planes(), 1);
}

#[test]
fn picture_of_the_graph_that_has_no_room_leaves_nothing_and_says_so() {
    let folder = folder();
    let begin = folder.listing();
    let ran = folder.deconv_within("graph --dirty dirty.fits --psf psf.fits -o g.svg --chunk 16", 1);
    assert_eq!(ran.code, Some(1), "{}", ran.err);
    assert!(ran.err.contains("cannot write g.svg") && ran.err.contains("hint: make room on the disk"), "{}", ran.err);
    assert_eq!(folder.listing(), begin);
}

#[test]
fn table_that_cannot_be_written_leaves_no_part_of_itself() {
    let folder = Folder::new();
    fs::create_dir(folder.path("t.csv")).unwrap();
    let begin = folder.listing();
    let table = deconv::collections::table::Table::new().with_column("a", vec![1_i64]).unwrap();
    assert!(table.write_csv(folder.path("t.csv")).is_err());
    assert_eq!(folder.listing(), begin);
}
