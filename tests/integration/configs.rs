//! Defaults, parameters and the typed configuration are one list; a saved configuration is the run.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use deconv::algorithms::{ALGORITHMS, PARAMS, ParamKind};
use deconv::pipeline::RunConfig;
use deconv::pipeline::config::DEFAULTS;
use ndarray::Array2;

use crate::support::fits::Image;
use crate::support::program::{Folder, Products};
use crate::support::sky;

const SHAPE: (usize, usize) = (48, 40);

/// Keys as `table.key`.
fn keys(table: &toml::Table) -> BTreeSet<String> {
    let mut keys = BTreeSet::new();
    for (name, value) in table {
        match value {
            toml::Value::Table(inner) => keys.extend(inner.keys().map(|key| format!("{name}.{key}"))),
            _ => _ = keys.insert(name.clone()),
        }
    }
    keys
}

fn defaults() -> toml::Table {
    DEFAULTS.parse().unwrap()
}

fn typed() -> RunConfig {
    RunConfig::load(None, toml::Table::new()).unwrap()
}

fn folder() -> Folder {
    let folder = Folder::new();
    let dirty = sky::dirty(SHAPE, &[(20.0, 15.0, 1.0), (33.0, 30.0, 0.4)]) + sky::noise(SHAPE, 2e-3, 1);
    folder.pair(&dirty, &sky::wide_psf(SHAPE));
    folder
}

fn pixels(products: &Products) -> [Vec<f64>; 3] {
    [products.model(), products.residual(), products.restored()].map(|image| image.pixels)
}

#[test]
fn defaults_and_typed_configuration_have_the_same_keys_and_values() {
    let saved: toml::Table = typed().to_toml().parse().unwrap();
    assert_eq!(keys(&saved), keys(&defaults()));
    assert_eq!(RunConfig::load(None, saved).unwrap(), typed());
}

#[test]
fn every_parameter_has_a_default_and_every_key_of_an_algorithm_a_parameter() {
    let of_params: BTreeSet<String> = PARAMS.iter().map(|param| format!("{}.{}", param.table, param.key)).collect();
    assert_eq!(of_params.len(), PARAMS.len(), "no key twice");
    let tables: BTreeSet<&str> = ALGORITHMS.iter().flat_map(|algorithm| algorithm.tables).copied().collect();
    let is_of_algorithm = |key: &String| key.split_once('.').is_some_and(|(table, _)| tables.contains(table));
    let of_defaults: BTreeSet<String> = keys(&defaults()).into_iter().filter(is_of_algorithm).collect();
    assert_eq!(of_params, of_defaults);
}

#[test]
fn every_flag_is_its_key_with_dashes_and_in_the_help_with_its_default() {
    let help = Folder::new().deconv("--help").out;
    for param in PARAMS {
        let key = param.key.replace('_', "-");
        assert!(param.flag == key || param.flag == format!("{}-{key}", param.table), "--{}", param.flag);
        let told = match param.kind {
            ParamKind::Switch => format!("--{}", param.flag),
            _ => format!("--{} <{}>", param.flag, param.value_name),
        };
        assert!(help.contains(&told), "{told}");
        assert!(!param.help.is_empty());
    }
    for flag in ["--dirty", "--psf", "--output", "--chunk", "--threads", "--memory", "--dry-run", "--save-config"] {
        assert!(help.contains(flag), "{flag}");
    }
}

#[test]
fn keys_of_the_work_are_flags_too() {
    let folder = folder();
    for (words, key) in [
        ("--chunk 24", "chunk = 24"),
        ("--threads 2", "threads = 2"),
        ("--memory 1GiB", "memory = \"1073741824B\""),
        ("--scheduler sync", "scheduler = \"sync\""),
        ("--scratch .", "scratch = \".\""),
        ("--psf-scale psf-only", "psf_scale = \"psf-only\""),
        ("--beam-shape 3.6asec", "beam = \"0.001deg,0.001deg,0deg\""),
        ("--algorithm hogbom", "algorithm = \"hogbom\""),
    ] {
        folder.run("out", &format!("{words} --niter 5 --overwrite --save-config c.toml"));
        let saved = fs::read_to_string(folder.path("c.toml")).unwrap();
        assert!(saved.contains(key), "{words}\n{saved}");
        fs::remove_file(folder.path("c.toml")).unwrap();
    }
}

#[test]
fn saved_configuration_gives_the_same_products() {
    let folder = folder();
    folder.save("mask.fits", &Image::new(&Array2::ones(SHAPE)));
    for (algorithm, words) in [
        ("clean", "--gain 0.15 --mgain 0.7 --niter 900 --threshold 7mJy --auto-threshold 0 --mask mask.fits"),
        ("clark", "--auto-threshold 4 --clean-border 5 --beam-shape 4asec,3asec,20deg --threads 2 --chunk 20"),
        ("hogbom", "--niter 40 --psf-scale psf-only --memory 1GiB"),
    ] {
        let save = format!("--algorithm {algorithm} {words} --save-config {algorithm}.toml");
        let first = folder.run(&format!("{algorithm}1"), &save);
        let second = folder.run(&format!("{algorithm}2"), &format!("--config {algorithm}.toml"));
        assert!(pixels(&first) == pixels(&second), "{algorithm}");
        let (mut one, mut two) = (first.summary(), second.summary());
        assert_eq!(one["config"].take(), two["config"].take(), "{algorithm}");
    }
}

#[test]
fn flags_go_over_the_file_and_the_file_over_the_defaults() {
    let folder = folder();
    fs::write(folder.path("c.toml"), "[clean]\nniter = 20\ngain = 0.3\n").unwrap();
    let config = |words: &str| folder.run("out", &format!("--overwrite {words}")).summary()["config"]["clean"].clone();
    let (defaults, file) = (config(""), config("--config c.toml"));
    let both = config("--config c.toml --gain 0.05");
    let gain = |value: &serde_json::Value| (value["gain"].as_f64().unwrap() * 100.0).round();
    assert_eq!([gain(&defaults), gain(&file), gain(&both)], [10.0, 30.0, 5.0]);
    assert_eq!(file["niter"], 20);
    assert_eq!(both["niter"], 20);
    assert_eq!(both["mgain"], defaults["mgain"]);
}

#[test]
fn older_tools_way_of_one_dash_is_understood() {
    let folder = folder();
    let one = folder.run("one", "-niter 20 -gain 0.2 -threads 1");
    let two = folder.run("two", "--niter 20 --gain 0.2 --threads 1");
    assert!(pixels(&one) == pixels(&two));
    folder.save("m.fits", &Image::new(&Array2::ones(SHAPE)));
    let ours = folder.run("ours", "--threshold 20mJy --mask m.fits");
    let theirs = folder.run("theirs", "-abs-threshold 20mJy -fits-mask m.fits");
    assert!(pixels(&ours) == pixels(&theirs));
    let ours = folder.run("ours", "--overwrite --algorithm clean --auto-threshold 4 --gain 0.2 --mgain 0.5 --tile 24");
    let theirs = "-overwrite -algorithm clean -nsigma 4 -loop-gain 0.2 -major-gain 0.5 -parallel-deconvolution 24";
    assert!(pixels(&ours) == pixels(&folder.run("theirs", theirs)));
    let ours = folder.run("ours", "--overwrite --continue two-model.fits --niter 20");
    let theirs = folder.run("theirs", "-overwrite -startmodel two-model.fits -niter 20");
    assert!(pixels(&ours) == pixels(&theirs));
    assert!(!folder.deconv("--help").out.contains("abs-threshold"), "one name for each thing");
}

#[test]
fn every_configuration_of_the_project_loads() {
    let configs = Path::new(env!("CARGO_MANIFEST_DIR")).join("configs");
    let files: Vec<_> = fs::read_dir(configs).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(files.iter().any(|path| path.ends_with("default.toml")));
    for path in files.iter().filter(|path| path.extension().is_some_and(|ending| ending == "toml")) {
        let config = RunConfig::load(Some(path), toml::Table::new());
        let config = config.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert_eq!(config == typed(), path.ends_with("default.toml"), "{} is the defaults, or differs", path.display());
    }
}
