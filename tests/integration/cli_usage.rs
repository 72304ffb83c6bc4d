//! What is typed wrongly, and what is told of it; what is typed rightly, and where it is told.

use std::fs;
use std::process::{Command, Stdio};

use crate::cli_errors::{folder, refused};
use crate::support::program::Folder;

#[test]
fn usage_errors_exit_with_2_and_name_the_flag() {
    let folder = folder();
    let pair = "--dirty dirty.fits --psf psf.fits -o out";
    for (words, needles) in [
        ("--threshold 5parsec", &["--threshold", "5parsec", "5mJy"][..]),
        ("--threshold 3sigma", &["--threshold", "3sigma"]),
        ("--threshold -1mJy", &["--threshold", "-1mJy"]),
        ("--algorithm magic", &["--algorithm", "magic", "clean", "clark", "hogbom", "wiener"]),
        ("--lambda 0.1", &["--lambda", "multiscale", "wiener"]),
        ("--algorithm wiener --gain 0.1", &["--gain", "wiener", "clean"]),
        ("--gain 1.5", &["--gain", "1.5", "0.000001 to 1"]),
        ("--gain much", &["--gain", "much"]),
        ("--gain NaN", &["--gain", "NaN"]),
        ("--mgain -0.1", &["--mgain", "-0.1"]),
        ("--niter -5", &["--niter", "-5"]),
        ("--niter 1.5", &["--niter", "1.5"]),
        ("--nmiter 0", &["--nmiter", "0", "from 1"]),
        ("--auto-threshold -3", &["--auto-threshold", "-3"]),
        ("--clean-border 50", &["--clean-border", "50"]),
        ("--psf-scale none", &["--psf-scale", "none", "pair", "psf-only"]),
        ("--threads some", &["--threads", "some"]),
        ("--quiet --verbose", &["--quiet", "--verbose"]),
        ("--frobnicate", &["--frobnicate"]),
        ("stray", &["unexpected word 'stray'"]),
        ("--beam-shape 5asec 4asec 3deg", &["unexpected word '4asec'", "commas", "--beam-shape 8asec,6asec,30deg"]),
        ("-horizon-mask 10deg", &["--horizon-mask"]),
        ("-casa-mask m", &["--casa-mask", "of another tool", "--mask with a FITS image"]),
        ("-save-source-list", &["--save-source-list", "--save-components wsclean"]),
        ("--scales 0,5", &["--scales", "--multiscale-scales"]),
    ] {
        refused(&folder, &format!("{pair} {words}"), 2, needles);
    }
    refused(&folder, "--dirty dirty.fits", 2, &["--psf"]);
    refused(&folder, "--psf psf.fits", 2, &["--dirty"]);
    refused(&folder, "", 2, &["--dirty"]);
}

#[test]
fn values_of_work_flags_that_make_no_sense_are_usage_errors() {
    let folder = folder();
    for (flag, value) in [
        ("chunk", "0"),
        ("chunk", "-1"),
        ("chunk", "1.5"),
        ("chunk", "some"),
        ("memory", "much"),
        ("memory", "0"),
        ("memory", "-1GiB"),
        ("beam-shape", "8"),
        ("beam-shape", "8asec,6asec"),
        ("beam-shape", "6asec,8asec,30deg"),
        ("beam-shape", "wide"),
        ("beam-shape", "0asec"),
        ("beam-shape", "NaNasec"),
    ] {
        let words = format!("--dirty dirty.fits --psf psf.fits -o out --{flag}={value}");
        refused(&folder, &words, 2, &[&format!("--{flag}"), value]);
    }
}

#[test]
fn values_that_would_do_nothing_for_ever_are_refused_or_end_at_once() {
    let folder = folder();
    for words in ["--gain 0", "--mgain 0", "--gain 0 --algorithm hogbom", "--mgain 1"] {
        let ran = folder.deconv(&format!("--dirty dirty.fits --psf psf.fits -o out --overwrite {words}"));
        assert!(matches!(ran.code, Some(0..=2)), "{words}: {:?}\n{}", ran.code, ran.err);
        assert!(!ran.err.contains("panicked"), "{words}\n{}", ran.err);
    }
}

#[test]
fn configuration_file_with_an_unknown_key_or_value_is_named_with_the_key() {
    let folder = folder();
    for (text, needles) in [
        ("[clean]\ngian = 0.2\n", &["gian"][..]),
        ("[cleen]\ngain = 0.2\n", &["cleen"]),
        ("speed = 11\n", &["speed"]),
        ("[clean]\ngain = 2.0\n", &["gain", "0.000001 to 1"]),
        ("[clean]\ngain = \"fast\"\n", &["gain"]),
        ("[clean]\nniter = -1\n", &["niter"]),
        ("[clean]\nthreshold = \"3 apples\"\n", &["threshold", "apples"]),
        ("algorithm = \"magic\"\n", &["algorithm", "magic", "clean", "hogbom"]),
        ("algorithm = 3\n", &["algorithm"]),
        ("clean = 3\n", &["clean"]),
        ("[compute]\nchunk = 0\n", &["chunk"]),
        ("[compute]\nmemory = \"lots\"\n", &["memory", "lots"]),
        ("[restore]\nbeam = \"big\"\n", &["beam", "big"]),
        ("[input]\npsf_scale = \"both\"\n", &["psf_scale", "both"]),
        ("not toml at all", &[]),
    ] {
        fs::write(folder.path("c.toml"), text).unwrap();
        let words = "--dirty dirty.fits --psf psf.fits -o out --config c.toml";
        refused(&folder, words, 2, &[&["error: ", "hint: ", "c.toml"], needles].concat());
    }
}

#[test]
fn parameter_of_another_algorithm_in_a_file_does_not_hide_the_one_in_force() {
    let folder = folder();
    fs::write(folder.path("c.toml"), "algorithm = \"wiener\"\n").unwrap();
    let words = "--dirty dirty.fits --psf psf.fits -o out --config c.toml --gain 0.1";
    refused(&folder, words, 2, &["--gain", "wiener"]);
}

#[test]
fn empty_file_names_are_refused() {
    let folder = folder();
    for words in ["--dirty= --psf psf.fits -o out", "--dirty dirty.fits --psf= -o out"] {
        let before = folder.listing();
        let ran = folder.deconv(words);
        assert!(matches!(ran.code, Some(1 | 2)) && !ran.err.contains("panicked"), "{words}\n{}", ran.err);
        assert!(before == folder.listing(), "{words}");
    }
}

#[test]
fn list_and_help_succeed_on_stdout() {
    let folder = Folder::new();
    for (words, needle) in [("list", "hogbom"), ("--help", "--auto-threshold"), ("--version", "deconv")] {
        let ran = folder.deconv(words);
        assert_eq!(ran.code, Some(0), "{words}");
        assert!(ran.out.contains(needle), "{words}\n{}", ran.out);
        assert!(ran.err.is_empty(), "{words}\n{}", ran.err);
    }
}

#[test]
fn success_with_quiet_says_nothing() {
    let ran = folder().deconv("--dirty dirty.fits --psf psf.fits -o out --quiet");
    assert_eq!((ran.code, ran.out.as_str(), ran.err.as_str()), (Some(0), "", ""));
}

#[test]
fn messages_are_on_stderr_and_stdout_is_kept_for_data() {
    let ran = folder().deconv("--dirty dirty.fits --psf psf.fits -o out --verbose");
    assert_eq!((ran.code, ran.out.as_str()), (Some(0), ""));
    assert!(ran.err.contains("wrote out-image.fits") && ran.err.lines().count() > 5, "{}", ran.err);
}

#[test]
fn reader_that_goes_away_is_no_failure() {
    let folder = folder();
    for words in ["list", "--dirty dirty.fits --psf psf.fits --dry-run"] {
        let mut child = Command::new(env!("CARGO_BIN_EXE_deconv"))
            .args(words.split(' '))
            .current_dir(folder.root())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let ended = child.wait_with_output().unwrap();
        let told = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert!(ended.status.success() && told.is_empty(), "{words}: {:?}\n{told}", ended.status);
    }
}

#[test]
fn products_without_a_prefix_go_to_outputs_under_the_name_of_the_image() {
    let folder = folder();
    fs::copy(folder.path("dirty.fits"), folder.path("sky.v2.fits")).unwrap();
    let ran = folder.deconv("--dirty sky.v2.fits --psf psf.fits --quiet");
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    assert!(folder.path("outputs/sky.v2-image.fits").exists(), "{:?}", folder.listing().keys());
    let region = folder.deconv("--dirty dirty.fits[1:30,1:30] --psf psf.fits --quiet");
    assert_eq!(region.code, Some(0), "{}", region.err);
    assert!(folder.path("outputs/dirty-image.fits").exists(), "{:?}", folder.listing().keys());
}

#[test]
fn all_products_stand_together_whatever_the_prefix() {
    for prefix in ["out", "new/", "new/out", "./out", "out.fits"] {
        let folder = folder();
        fs::create_dir(folder.path("new")).unwrap();
        let ran = folder.deconv(&format!("--dirty dirty.fits --psf psf.fits -o {prefix}"));
        assert_eq!(ran.code, Some(0), "{prefix}\n{}", ran.err);
        let products: Vec<_> =
            folder.listing().into_keys().filter(|path| path.is_file()).filter(|path| !is_input(path)).collect();
        assert_eq!(products.len(), 9, "{prefix}: {products:?}");
        assert!(products.iter().all(|path| path.parent() == products[0].parent()), "{prefix}: {products:?}");
    }
}

fn is_input(path: &std::path::Path) -> bool {
    ["dirty.fits", "psf.fits"].iter().any(|name| path.ends_with(name))
}
