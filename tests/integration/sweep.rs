//! Sweeps: times in processes of their own, results beside each other, and the best by a criterion.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command as Process, Stdio};
use std::time::Duration;

use deconv::collections::table::Table;
use ndarray::Array2;

use crate::support::fits::Image;
use crate::support::program::{Folder, Ran};
use crate::support::sky;

const SHAPE: (usize, usize) = (64, 60);
const NOISE: f64 = 0.02;

/// A sky of points and a broad bump, its dirty image twice with independent noise, and the truth.
fn folder() -> (Folder, Array2<f64>) {
    let folder = Folder::new();
    let points = [(20.0, 15.0, 1.0), (40.0, 22.0, 0.5), (33.0, 44.0, 0.7)];
    let clean = sky::dirty(SHAPE, &points);
    folder.pair(&(&clean + &sky::noise(SHAPE, NOISE, 1)), &sky::wide_psf(SHAPE));
    folder.save("other.fits", &Image::new(&(&clean + &sky::noise(SHAPE, NOISE, 2))));
    (folder, clean)
}

fn sweep(folder: &Folder, words: &str) -> Ran {
    folder.deconv(&format!("sweep --dirty dirty.fits --psf psf.fits -o out --overwrite {words}"))
}

fn table(folder: &Folder) -> Table {
    Table::read_csv(folder.path("out-sweep.csv")).unwrap()
}

const WIENER: &str = "--algorithm wiener --boundary circular --noise-model white --reg identity";

#[test]
fn sweep_of_times_has_a_row_for_every_combination_and_marks_the_choice() {
    let (folder, _) = folder();
    let ran = sweep(&folder, &format!("--chunk 16,32,full --threads 1,2 --repeat 2 {WIENER} --lambda 0.1"));
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    let table = table(&folder);
    assert_eq!(table.texts("chunk").unwrap(), ["16", "32", "full", "16", "32", "full"]);
    assert_eq!(table.numbers("threads").unwrap(), [1.0, 1.0, 1.0, 2.0, 2.0, 2.0]);
    assert_eq!(table.numbers("rows").unwrap()[..3], [16.0, 32.0, 64.0]);
    let tasks = table.numbers("tasks").unwrap();
    assert!(tasks[0] > tasks[1] && tasks[1] > tasks[2] && tasks[2] > 0.0, "{tasks:?}");
    for name in ["wall_s", "cpu_s", "peak_mib", "residual_rms", "overhead_percent"] {
        assert!(table.numbers(name).unwrap().iter().all(|value| *value >= 0.0), "{name}");
    }
    let rms = table.numbers("residual_rms").unwrap();
    assert!(rms.iter().all(|value| *value == rms[0] && *value > 0.0), "chunks and threads change no result: {rms:?}");
    assert_eq!(ran.err.matches("wall ").count(), 12, "two rounds of six points\n{}", ran.err);
    let picture = fs::read_to_string(folder.path("out-sweep.svg")).unwrap();
    assert!(picture.contains("auto: 64 rows (threads 1, 2)"), "the tuner's choice is marked");
    assert!(folder.path("out-sweep.png").is_file());
    let left: Vec<_> = folder.listing().into_keys().filter(|path| path.to_string_lossy().contains(".sweep-")).collect();
    assert!(left.is_empty(), "the products of the points are gone: {left:?}");
}

#[test]
fn sweep_of_results_gives_what_single_runs_give() {
    let (folder, _) = folder();
    let ran = sweep(&folder, "--sweep gain=0.05,0.2 --sweep auto-mask=0,5 --threads 2 --niter 200");
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    let table = table(&folder);
    assert_eq!(table.rows(), 4);
    assert_eq!(table.numbers("gain").unwrap(), [0.05, 0.05, 0.2, 0.2]);
    let alone = folder.run("alone", "--gain 0.2 --auto-mask 5 --niter 200").summary();
    let plane = &alone["planes"][0];
    let close = |name: &str, expected: f64| {
        let found = table.numbers(name).unwrap()[3];
        assert!((found - expected).abs() <= 1e-3 * expected.abs(), "{name}: {found}, alone {expected}");
    };
    close("flux_jy", plane["flux_jy"].as_f64().unwrap());
    close("residual_rms", plane["residual"]["rms"].as_f64().unwrap());
    close("iterations", plane["iterations"].as_f64().unwrap());
    assert_eq!(table.texts("stop").unwrap()[3], plane["stop"]["reason"].as_str().unwrap());
}

#[test]
fn cross_validation_of_a_sweep_finds_the_lambda_of_the_rule() {
    let (folder, _) = folder();
    let ran = sweep(&folder, &format!("--sweep lambda=1e-4..1e4:33 --select gcv --save-best {WIENER}"));
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    let table = table(&folder);
    let (lambdas, scores) = (table.numbers("lambda").unwrap(), table.numbers("gcv").unwrap());
    let best = (0..lambdas.len()).min_by(|a, b| scores[*a].total_cmp(&scores[*b])).unwrap();
    let told = ran.out.split("best: lambda = ").nth(1).and_then(|rest| rest.split(' ').next()?.parse::<f64>().ok());
    assert_eq!(told, Some(lambdas[best]), "{}", ran.out);
    let rule = folder.run("rule", &format!("{WIENER} --lambda gcv")).summary();
    let expected = rule["planes"][0]["wiener"]["lambda"].as_f64().unwrap();
    let step = 8.0 / 32.0;
    let apart = (lambdas[best] / expected).log10().abs();
    assert!(apart <= step, "{} of the sweep, {expected} by the rule", lambdas[best]);
    let saved = folder.products("out-best").summary()["planes"][0]["wiener"]["lambda"].as_f64().unwrap();
    assert!((saved / lambdas[best] - 1.0).abs() < 1e-4, "the saved run has the best lambda: {saved}");
    let again = folder.run("again", "--config out-best.toml");
    assert!(again.model().pixels == folder.products("out-best").model().pixels);
    assert!(fs::read_to_string(folder.path("out-sweep.svg")).unwrap().contains("best: lambda"));
}

#[test]
fn held_out_image_finds_a_lambda_as_good_as_the_truth_would() {
    let (folder, clean) = folder();
    let ran = sweep(&folder, &format!("--sweep lambda=1e-4..1e4:17 --select held-out --held-out other.fits {WIENER}"));
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    let table = table(&folder);
    let scores = table.numbers("held_out_rms").unwrap();
    let best = (0..scores.len()).min_by(|a, b| scores[*a].total_cmp(&scores[*b])).unwrap();
    assert!(best > 0 && best + 1 < scores.len(), "a minimum inside: {scores:?}");
    // by the truth: the distance of psf * model = dirty - residual from the dirty image without noise
    let dirty = Image::read(&folder.path("dirty.fits")).pixels;
    let error = |lambda: &str| {
        let residual = folder.run("one", &format!("{WIENER} --lambda {lambda} --overwrite")).residual().pixels;
        let squares = clean.iter().zip(dirty.iter().zip(&residual)).map(|(clean, (d, r))| (d - r - clean).powi(2));
        (squares.sum::<f64>() / clean.len() as f64).sqrt()
    };
    let errors: Vec<f64> = table.texts("lambda").unwrap().iter().map(|lambda| error(lambda)).collect();
    let least = errors.iter().copied().fold(f64::INFINITY, f64::min);
    assert!(errors[best] <= 1.1 * least, "{} with the chosen lambda, {least} with the best: {errors:?}", errors[best]);
    // the score is that error and the other image's noise in quadrature
    let expected = (errors[best].powi(2) + NOISE.powi(2)).sqrt();
    assert!((scores[best] / expected - 1.0).abs() < 0.05, "{} {expected}", scores[best]);
}

#[test]
fn what_cannot_be_swept_is_told_before_any_work() {
    let (folder, _) = folder();
    let before = folder.listing();
    for (words, needle) in [
        ("", "nothing to sweep"),
        ("--sweep speed=1,2", "cannot sweep 'speed'"),
        ("--sweep lambda=0.1,1", "lambda"),
        ("--sweep gain=0.1,2", "expected a number from"),
        ("--sweep niter=1..:3", "FROM..TO:COUNT"),
        ("--chunk 16,16", "stands there twice"),
        ("--sweep gain=0.1,0.2 --select gcv", "cannot select by gcv"),
        ("--sweep gain=0.1,0.2 --select held-out", "--held-out"),
        ("--sweep gain=0.1,0.2 --select held-out --held-out psf.fits", "held-out image"),
        ("--chunk 16,32 --select held-out --held-out other.fits", "--select has no effect"),
    ] {
        let ran = sweep(&folder, words);
        let code = if needle == "held-out image" { 1 } else { 2 };
        assert_eq!(ran.code, Some(code), "{words}\n{}", ran.err);
        assert!(ran.err.contains(needle) && ran.err.contains("error:"), "{words}: {needle}\n{}", ran.err);
        assert!(before == folder.listing(), "{words}: something was written");
    }
}

#[test]
fn tables_and_pictures_that_exist_are_kept() {
    let (folder, _) = folder();
    fs::write(folder.path("out-sweep.csv"), "mine").unwrap();
    let ran = folder.deconv("sweep --dirty dirty.fits --psf psf.fits -o out --sweep gain=0.1,0.2");
    assert!(ran.code == Some(1) && ran.err.contains("exists already"), "{}", ran.err);
    assert_eq!(fs::read_to_string(folder.path("out-sweep.csv")).unwrap(), "mine");
}

#[test]
fn files_in_the_way_of_the_best_point_are_told_and_kept() {
    let (folder, _) = folder();
    let words =
        format!("sweep --dirty dirty.fits --psf psf.fits -o out --sweep lambda=1e-3..1e3:3 --select gcv {WIENER}");
    for name in ["summary.json", "preview.png", "convergence.png", "profile.svg", "image.fits"] {
        let path = folder.path(&format!("out-best-{name}"));
        fs::write(&path, "mine").unwrap();
        let before = folder.listing();
        let ran = folder.deconv(&format!("{words} --save-best"));
        assert!(ran.code == Some(1) && ran.err.contains("exists already"), "{name}\n{}", ran.err);
        assert!(folder.listing() == before, "{name}: nothing was written");
        fs::remove_file(path).unwrap();
    }
    let ran = folder.deconv(&format!("{words} --save-best --memory 44MiB"));
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    assert!(ran.err.contains("no plots of the best point"), "{}", ran.err);
    assert!(folder.path("out-best-summary.json").is_file() && !folder.path("out-best-preview.png").exists());
}

#[test]
fn sweep_of_times_needs_no_room_for_a_page_of_previews() {
    let (folder, _) = folder();
    let words = format!("--chunk 16,32 --repeat 1 --memory 40MiB --scratch spill {WIENER} --lambda 0.1");
    let ran = sweep(&folder, &words);
    assert!(ran.code == Some(1) && ran.err.contains("cannot make a scratch folder in spill"), "{}", ran.err);
    fs::create_dir(folder.path("spill")).unwrap();
    let ran = sweep(&folder, &words);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    let table = table(&folder);
    assert!(table.numbers("peak_mib").unwrap().iter().all(|peak| *peak > 0.0 && *peak <= 40.0));
    assert_eq!(fs::read_dir(folder.path("spill")).unwrap().count(), 0, "nothing temporary is left");
    let ran = sweep(&folder, "--chunk 16,32 --memory 30MiB");
    assert!(ran.code == Some(1) && ran.err.contains("times need a profile"), "{}", ran.err);
    let ran = sweep(&folder, &format!("--sweep lambda=1,10 --scratch spill {WIENER}"));
    assert!(ran.code == Some(2) && ran.err.contains("--scratch has no effect"), "{}", ran.err);
}

#[test]
fn heading_of_the_picture_tells_nothing_of_what_is_swept() {
    let (folder, _) = folder();
    let ran = sweep(&folder, "--sweep algorithm=clean,hogbom --niter 50");
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    let picture = fs::read_to_string(folder.path("out-sweep.svg")).unwrap();
    assert!(
        picture.contains("one plane of 64 x 60")
            && !picture.contains("clean, one plane")
            && !picture.contains("multiscale, one plane"),
        "{picture}"
    );
    assert_eq!(sweep(&folder, "--sweep gain=0.1,0.2 --niter 50").code, Some(0));
    assert!(fs::read_to_string(folder.path("out-sweep.svg")).unwrap().contains("multiscale, one plane of 64 x 60"));
}

/// Starts a sweep that would take hours, waits until `begun` points have ended, sends SIGINT to it (and to its points, as
/// a terminal does), and gives what came of it.
fn interrupted(folder: &Folder, words: &str, begun: &str) -> Ran {
    let mut child = Process::new(env!("CARGO_BIN_EXE_deconv"))
        .args("sweep --dirty dirty.fits --psf psf.fits -o out --auto-mask 0 --auto-threshold 0 --threads 1".split(' '))
        .args(words.split_whitespace())
        .env("XDG_CONFIG_HOME", folder.path("no-configuration"))
        .current_dir(folder.root())
        .process_group(0)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut told = BufReader::new(child.stderr.take().unwrap());
    let mut err = String::new();
    while !err.contains(begun) {
        assert!(told.read_line(&mut err).unwrap() > 0, "an end before '{begun}'\n{err}");
    }
    // the next point has begun
    std::thread::sleep(Duration::from_secs(1));
    let group = format!("-{}", child.id());
    assert!(Process::new("kill").args(["-INT", "--", &group]).status().unwrap().success());
    told.read_to_string(&mut err).unwrap();
    let output = child.wait_with_output().unwrap();
    Ran { code: output.status.code(), out: String::from_utf8_lossy(&output.stdout).into_owned(), err }
}

fn assert_nothing_hidden(folder: &Folder) {
    let hidden = |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
    let left: Vec<_> = folder.listing().into_keys().filter(hidden).collect();
    assert!(left.is_empty(), "something temporary is left: {left:?}");
}

#[test]
fn interrupted_sweep_of_results_tells_what_was_computed_and_chooses_no_best() {
    let (folder, _) = folder();
    let words = "--sweep niter=10,20,100000000,200000000 --gain 0.00001 --algorithm hogbom --select held-out \
                 --held-out other.fits --save-best";
    let ran = interrupted(&folder, words, "[2/4]");
    assert_eq!(ran.code, Some(3), "{}", ran.err);
    assert!(ran.err.contains("interrupted: 2 of 4 points were computed, and the table holds no other"), "{}", ran.err);
    assert!(!ran.out.contains("best"), "{}", ran.out);
    assert_eq!(table(&folder).numbers("niter").unwrap(), [10.0, 20.0]);
    assert!(!folder.path("out-best.toml").exists() && !folder.path("out-best-image.fits").exists());
    assert!(folder.path("out-sweep.svg").is_file());
    assert_nothing_hidden(&folder);
}

#[test]
fn interrupted_sweep_of_times_leaves_the_table_of_what_was_measured_and_nothing_hidden() {
    let (folder, _) = folder();
    let words = "--sweep niter=10,100000000 --repeat 1 --gain 0.00001 --algorithm hogbom";
    let ran = interrupted(&folder, words, "[1/1] niter = 10:");
    assert_eq!(ran.code, Some(3), "{}", ran.err);
    assert!(ran.err.contains("interrupted: 1 of 2 points were computed"), "{}", ran.err);
    assert_eq!(table(&folder).numbers("niter").unwrap(), [10.0]);
    assert_nothing_hidden(&folder);
}
