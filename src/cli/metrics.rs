//! `deconv metrics`: how good an image is, and what calls for attention.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;

use super::failure::Failure;
use super::run::{write_json, write_whole};
use super::tell;
use crate::images::Sky;
use crate::io::{FitsError, FitsSource};
use crate::metrics::{Files, PlaneMetrics, Truth, measure, read_catalogue};
use crate::units::Flux;

// The about text stands on the command.
#[derive(Debug, Args)]
pub(super) struct MetricsArgs {
    /// Restored image [Jy/beam], with its beam in the header: PREFIX-image.fits
    #[arg(long, value_name = "FITS")]
    image: String,
    /// True sky: an image [Jy/pixel] on the same grid, or a catalogue (.csv) with columns x,y [pixels from 0] or ra,dec
    /// [deg], and flux [Jy]; Gaussians have major, minor [arcsec] and pa [deg] as well
    #[arg(long, value_name = "FITS|CSV")]
    truth: Option<String>,
    /// Residual [Jy/beam] [default: PREFIX-residual.fits, if it is there]
    #[arg(long, value_name = "FITS")]
    residual: Option<String>,
    /// Model [Jy/pixel] [default: PREFIX-model.fits, if it is there]
    #[arg(long, value_name = "FITS")]
    model: Option<String>,
    /// PSF [default: PREFIX-psf.fits, or that of the run that PREFIX-summary.json tells]
    #[arg(long, value_name = "FITS")]
    psf: Option<String>,
    /// Dirty image [Jy/beam] [default: PREFIX-dirty.fits, or that of the run that PREFIX-summary.json tells]
    #[arg(long, value_name = "FITS")]
    dirty: Option<String>,
    /// Noise in whose units errors are told and sources found [Jy/beam] [default: the robust noise of the residual]
    #[arg(long, value_name = "FLUX")]
    sigma: Option<Flux>,
    /// Write the numbers as a table of text: plane, name, value, unit
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
    /// Write all of it as JSON: numbers, flags, and what came of each true source
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Replace existing files
    #[arg(long)]
    overwrite: bool,
}

const TAKES: &str = "a String takes every text";

/// What ends the name of a restored image.
const ENDING: &str = "-image.fits";

/// A file that takes part.
#[derive(Debug, Serialize)]
struct Part {
    what: &'static str,
    file: Option<String>,
    how: &'static str,
}

#[derive(Serialize)]
struct Report<'a> {
    image: &'a str,
    files: &'a [Part],
    planes: &'a [PlaneMetrics],
}

/// Measures, prints, writes.
pub(super) fn metrics(args: &MetricsArgs) -> Result<(), Failure> {
    let parts = parts(args);
    let files = open(args, &parts)?;
    let outputs = [&args.csv, &args.json];
    for path in outputs.into_iter().flatten() {
        check_output(path, &files, args)?;
    }
    let planes = measure(&files)?;
    super::say(&table(&parts, &planes))?;
    if let Some(path) = &args.csv {
        write_whole(path, &csv(&planes))?;
    }
    if let Some(path) = &args.json {
        write_json(path, &Report { image: &args.image, files: &parts, planes: &planes })?;
    }
    outputs.into_iter().flatten().for_each(|path| tell(&format!("wrote {}", path.display())));
    Ok(())
}

/// Refuses an output that is an input, a folder, or there already.
fn check_output(path: &Path, files: &Files, args: &MetricsArgs) -> Result<(), Failure> {
    let truth = match &files.truth {
        Some(Truth::Image(source)) => Some(&**source),
        _ => None,
    };
    let sources = [Some(&files.image), files.residual.as_ref(), files.model.as_ref(), files.psf.as_ref()];
    let mut inputs: Vec<&Path> =
        sources.into_iter().chain([files.dirty.as_ref(), truth]).flatten().map(FitsSource::path).collect();
    inputs.extend(args.truth.as_deref().map(Path::new));
    let is_same = |one: &Path| one.canonicalize().is_ok_and(|one| path.canonicalize().is_ok_and(|other| one == other));
    if inputs.into_iter().any(is_same) {
        return Err(FitsError::IsInput { path: path.to_owned() }.into());
    }
    if path.is_dir() || (path.exists() && !args.overwrite) || (args.csv == args.json) {
        return Err(Failure::exists(path));
    }
    Ok(())
}

/// Which files take part: those named, and those found beside the image.
fn parts(args: &MetricsArgs) -> Vec<Part> {
    let prefix = args.image.strip_suffix(ENDING);
    let beside = |name: &str| {
        let path = format!("{}-{name}.fits", prefix?);
        Path::new(&path).is_file().then_some(path)
    };
    let told = prefix.map(|prefix| told(Path::new(&format!("{prefix}-summary.json")))).unwrap_or_default();
    let named: [(&'static str, &Option<String>, Option<&String>); 4] = [
        ("residual", &args.residual, None),
        ("model", &args.model, None),
        ("dirty", &args.dirty, told.0.as_ref()),
        ("psf", &args.psf, told.1.as_ref()),
    ];
    let part = |(what, given, told): (&'static str, &Option<String>, Option<&String>)| {
        let found = || beside(what).map(|file| (file, "beside the image"));
        let from_summary =
            || told.filter(|spec| FitsSource::open(spec).is_ok()).map(|spec| (spec.clone(), "told by the summary"));
        let choice = given.clone().map(|file| (file, "given")).or_else(found).or_else(from_summary);
        let (file, how) = choice.map_or((None, "not found"), |(file, how)| (Some(file), how));
        Part { what, file, how }
    };
    named.into_iter().map(part).collect()
}

/// The dirty image and the PSF of the command that a summary tells.
fn told(summary: &Path) -> (Option<String>, Option<String>) {
    let text = std::fs::read_to_string(summary).unwrap_or_default();
    let value: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
    let words: Vec<&str> = value["command"].as_str().unwrap_or_default().split(' ').collect();
    let of = |name: &str| {
        let at = words.iter().position(|word| super::flag(word).is_some_and(|(flag, _)| flag == name))?;
        let joined = words[at].split_once('=').map(|(_, value)| value);
        joined.or_else(|| words.get(at + 1).copied()).map(str::to_owned)
    };
    (of("dirty"), of("psf"))
}

/// Tiles of each plane as the summary of the run tells them; none where there is no summary.
fn tiles(prefix: &str) -> Vec<usize> {
    let text = std::fs::read_to_string(format!("{prefix}-summary.json")).unwrap_or_default();
    let value: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
    let count = |plane: &serde_json::Value| {
        let side = |name: &str| plane["tiles"][name].as_u64().unwrap_or(0) as usize;
        side("across") * side("down")
    };
    value["planes"].as_array().map(|planes| planes.iter().map(count).collect()).unwrap_or_default()
}

fn open(args: &MetricsArgs, parts: &[Part]) -> Result<Files, Failure> {
    let find = |what: &str| {
        let spec = parts.iter().find(|part| part.what == what).and_then(|part| part.file.as_deref());
        spec.map(FitsSource::open).transpose()
    };
    let image = FitsSource::open(&args.image)?;
    let truth = match args.truth.as_deref() {
        Some(spec) if Path::new(spec).extension().is_some_and(|ending| ending.eq_ignore_ascii_case("csv")) => {
            let header = image.header();
            let sky = Sky::from_cards(header.cards().filter_map(|card| Some((card.key(), card.value()?.to_string()))));
            Some(Truth::Catalogue(read_catalogue(Path::new(spec), sky.as_ref(), image.geometry().cell)?))
        }
        Some(spec) => Some(Truth::Image(Box::new(FitsSource::open(spec)?))),
        None => None,
    };
    Ok(Files {
        residual: find("residual")?,
        model: find("model")?,
        psf: find("psf")?,
        dirty: find("dirty")?,
        truth,
        sigma: args.sigma.map(|sigma| sigma.0),
        tiles: args.image.strip_suffix(ENDING).map(tiles).unwrap_or_default(),
        image,
    })
}

/// Six digits, or a dash for what could not be measured.
fn number(value: f64) -> String {
    if !value.is_finite() {
        return "-".to_owned();
    }
    let is_usual = value == 0.0 || (1e-2..1e6).contains(&value.abs());
    if is_usual { format!("{value:.4}") } else { format!("{value:.4e}") }
}

fn table(parts: &[Part], planes: &[PlaneMetrics]) -> String {
    let mut text = String::new();
    for Part { what, file, how } in parts {
        writeln!(text, "{what:<10} {} ({how})", file.as_deref().unwrap_or("-")).expect(TAKES);
    }
    for PlaneMetrics { label, numbers, flags, sources } in planes {
        writeln!(text, "\n{label}").expect(TAKES);
        for of in numbers.iter().filter(|of| !of.name.starts_with("white_ring_")) {
            writeln!(text, "  {:<26} {:>14} {}", of.name, number(of.value), of.unit).expect(TAKES);
        }
        if let Some(brightest) = sources.first() {
            let found = brightest.peak_found.map_or("not found".to_owned(), number);
            let line = format!(
                "{} Jy/beam at x {:.2}, y {:.2}: {found}",
                number(brightest.peak_true),
                brightest.x,
                brightest.y
            );
            writeln!(text, "  brightest true source      {line}").expect(TAKES);
        }
        if flags.is_empty() {
            writeln!(text, "  no flag was raised").expect(TAKES);
        }
        for flag in flags {
            writeln!(text, "  FLAG {}: {}", flag.name, flag.found).expect(TAKES);
            writeln!(text, "    criterion: {}\n    next: {}", flag.criterion, flag.next).expect(TAKES);
        }
    }
    text
}

fn csv(planes: &[PlaneMetrics]) -> String {
    let mut text = "plane,name,value,unit\n".to_owned();
    for PlaneMetrics { label, numbers, flags, .. } in planes {
        let label = label.replace(['"', ','], " ");
        for of in numbers {
            let value = if of.value.is_finite() { of.value.to_string() } else { String::new() };
            writeln!(text, "{label},{},{value},{}", of.name, of.unit).expect(TAKES);
        }
        flags.iter().for_each(|flag| writeln!(text, "{label},flag:{},1,", flag.name).expect(TAKES));
    }
    text
}
