//! The whole command, flags to files.
#![expect(clippy::float_cmp, reason = "a PSF peaks at exactly 1, and what was not computed is kept exactly")]

use std::path::Path;

use clap::Parser;

use super::*;

#[derive(Parser)]
#[command(name = "deconv")]
struct Program {
    #[command(subcommand)]
    job: Job,
}

#[derive(clap::Subcommand)]
enum Job {
    Simulate(SimulateArgs),
}

fn parse(command: &str) -> Result<SimulateArgs, clap::Error> {
    Program::try_parse_from(command.split_whitespace()).map(|Program { job: Job::Simulate(args) }| args)
}

fn run_in(folder: &Path, flags: &str) -> Result<Report, SimulateError> {
    let command = format!("deconv simulate {flags} -o {}/s", folder.display());
    parse(&command).unwrap().run(command, u64::MAX)
}

fn pixels(path: &Path, plane: usize) -> Array2<f32> {
    let source = FitsSource::open(path.to_str().unwrap()).unwrap();
    source.read_rows(plane, 0..source.geometry().ny).unwrap()
}

#[test]
fn the_sample_in_data_is_what_its_readme_says() {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("data");
    let readme = std::fs::read_to_string(data.join("README.md")).unwrap();
    let command = readme.lines().find(|line| line.starts_with("deconv simulate")).unwrap();
    let record: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(data.join("sample-simulate.json")).unwrap()).unwrap();
    assert_eq!(record["command"], command);

    let folder = tempfile::tempdir().unwrap();
    let flags = command.strip_prefix("deconv simulate ").unwrap().strip_suffix(" -o data/sample").unwrap();
    run_in(folder.path(), flags).unwrap();
    for name in ["dirty.fits", "psf.fits", "truth.fits"] {
        let kept = pixels(&data.join(format!("sample-{name}")), 0);
        let made = pixels(&folder.path().join(format!("s-{name}")), 0);
        let largest = kept.iter().zip(&made).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(kept.dim() == made.dim() && largest < 2e-6, "{name}: {largest:e}");
    }
    let catalogue = |path: &Path| std::fs::read_to_string(path).unwrap();
    assert_eq!(catalogue(&data.join("sample-truth.csv")), catalogue(&folder.path().join("s-truth.csv")));
}

#[test]
fn a_cube_has_a_psf_and_a_beam_for_each_channel() {
    let folder = tempfile::tempdir().unwrap();
    let flags = "--cube --channels 2 --size 64 --psf-size 1x --array vla-b --declination 20 --integrations 20";
    let report = run_in(folder.path(), flags).unwrap();
    let [low, high] = [0, 1].map(|plane| report.planes[plane].beam.unwrap());
    assert!((low.bmin / high.bmin - 1.4 / 1.2).abs() < 0.05, "{low:?} {high:?}");
    let psf = folder.path().join("s-psf.fits");
    assert_eq!(pixels(&psf, 0)[[32, 32]], 1.0);
    assert_ne!(pixels(&psf, 0), pixels(&psf, 1));
    let source = FitsSource::open(psf.to_str().unwrap()).unwrap();
    assert!((source.beam(1).unwrap().bmaj / high.bmaj - 1.0).abs() < 1e-6);
    assert_eq!(source.plane_labels()[1].freq_hz, Some(1.4e9));
}

#[test]
fn a_given_truth_comes_back_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    run_in(folder.path(), "--size 40 --points 3 --noise 0").unwrap();
    let first = folder.path().join("s-truth.fits");
    let second = folder.path().join("second");
    std::fs::create_dir(&second).unwrap();
    let report = run_in(&second, &format!("--truth {} --noise 0", first.display())).unwrap();
    assert_eq!(pixels(&first, 0), pixels(&second.join("s-truth.fits"), 0));
    assert_eq!(pixels(&folder.path().join("s-dirty.fits"), 0), pixels(&second.join("s-dirty.fits"), 0));
    assert!(report.warnings.iter().all(|warning| !warning.contains("not resampled")));
    let third = run_in(&second, &format!("--truth {} --size 50 --overwrite", first.display())).unwrap();
    assert!(third.warnings[0].contains("40 x 40 pixels: centred in 50 x 50"), "{:?}", third.warnings);
}

#[test]
fn flags_without_effect_and_existing_files_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    assert!(parse("deconv simulate --gaussian-flux 3").is_err());
    assert!(parse("deconv simulate --array vla-a --layout x.txt").is_err());
    assert!(parse("deconv simulate --freq 1.4GHz").is_err());
    for (flags, part) in [("--robust 1 --weight natural", "--robust"), ("--off-grid --points 0", "--off-grid")] {
        assert!(run_in(folder.path(), flags).unwrap_err().to_string().contains(part));
    }
    run_in(folder.path(), "--size 32").unwrap();
    let again = run_in(folder.path(), "--size 32").unwrap_err();
    assert!(again.to_string().contains("exists already"), "{again}");
    let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left.len(), 5, "no temporary file is left: {left:?}");
}

#[test]
fn the_psf_of_the_images_own_size_is_the_middle_of_the_double_one() {
    let folder = tempfile::tempdir().unwrap();
    run_in(folder.path(), "--size 64 --psf-size 1x").unwrap();
    let [same, dirty] = ["psf", "dirty"].map(|name| pixels(&folder.path().join(format!("s-{name}.fits")), 0));
    run_in(folder.path(), "--size 64 --psf-size 2x --overwrite").unwrap();
    let [double, again] = ["psf", "dirty"].map(|name| pixels(&folder.path().join(format!("s-{name}.fits")), 0));
    assert_eq!(same, double.slice(ndarray::s![32..96, 32..96]));
    assert_eq!(dirty, again, "the far sidelobes are in the dirty image either way");
}

#[test]
fn psfs_of_several_directions_tell_their_directions_and_the_w_term_takes_points_alone() {
    let folder = tempfile::tempdir().unwrap();
    let flags = "--w-term --psf-grid 2,1 --array vla-d --size 48 --cell 20 --integrations 2 --channels 1 --points 2";
    let report = run_in(folder.path(), flags).unwrap();
    assert_eq!(report.recipe.wide.unwrap().psf_grid, Some((2, 1)));
    let open = |name: &str| FitsSource::open(folder.path().join(name).to_str().unwrap()).unwrap();
    let crval = |source: &FitsSource| source.header().get_f64("CRVAL1").unwrap();
    let (west, east) = (open("s-psf-0-1.fits"), open("s-psf-0-0.fits"));
    let apart = (crval(&east) - crval(&west)) * report.recipe.observation.declination_deg.to_radians().cos();
    assert!((apart * 3600.0 / 20.0 - 24.0).abs() < 1e-3, "half the field of 48 pixels lies between them: {apart}");
    for (flags, part) in [
        ("--w-term --integrations 200 --channels 1 --size 32", "200000"),
        ("--w-term --size 2000 --cell 300 --integrations 1 --channels 1", "on the sky"),
    ] {
        let error = run_in(folder.path(), &format!("{flags} --overwrite")).unwrap_err();
        assert!(error.to_string().contains(part), "{error}");
    }
    assert!(parse("deconv simulate --psf-grid 3,3").is_err(), "it needs the w term");
    assert!(parse("deconv simulate --w-term --gaussians 3").is_err());
    assert!(parse("deconv simulate --w-term --psf-grid 3").is_err());
}
