//! The table of plots, and how a picture becomes a file.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::pipeline::record::RunRecord;

use super::scene::{DrawError, Scene};
use super::{beam, convergence, inference, preview, profile};

/// Why a plot was not written.
#[derive(Debug, Error)]
pub enum PlotError {
    /// The picture could not be drawn.
    #[error("cannot draw {}", path.display())]
    Draw {
        /// The file that it was for.
        path: PathBuf,
        /// What the drawing library met.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The file could not be written, or not be given its name.
    #[error("cannot write {}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        #[source]
        source: io::Error,
    },
}

/// A kind of plot.
#[derive(Debug, Clone, Copy)]
pub struct Plot {
    /// What it is called on the command line.
    pub name: &'static str,
    /// What it draws, in a line.
    pub about: &'static str,
    /// Its files: `PREFIX-SUFFIX` each.
    pub suffixes: &'static [&'static str],
    /// Writes the files for a prefix and returns their paths; none where the record lacks what it draws.
    ///
    /// # Errors
    /// When a picture cannot be drawn or written.
    pub draw: fn(&RunRecord, &Path) -> Result<Vec<PathBuf>, PlotError>,
}

/// Every plot; a new one is its own file and one line here.
pub const PLOTS: &[Plot] = &[
    Plot {
        name: "preview",
        about: "the images side by side, with colour bars, sky coordinates and the beam",
        suffixes: &["preview.png"],
        draw: preview::draw,
    },
    Plot {
        name: "convergence",
        about: "peak, noise, threshold and model flux against iterations",
        suffixes: &["convergence.png"],
        draw: convergence::draw,
    },
    Plot {
        name: "beam",
        about: "the PSF's main lobe against the clean beam: contours, and cuts along its axes",
        suffixes: &["beam.png"],
        draw: beam::draw,
    },
    Plot {
        name: "lambda",
        about: "Wiener-Hunt: every criterion over lambda with its choice, the L-curve, and a table of both",
        suffixes: &["lambda.png", "lambda.csv"],
        draw: inference::draw_lambda,
    },
    Plot {
        name: "uncertainty",
        about: "Wiener-Hunt: posterior standard deviation by spatial frequency (--uncertainty), and a table of it",
        suffixes: &["uncertainty.png", "uncertainty.csv"],
        draw: inference::draw_uncertainty,
    },
    Plot {
        name: "hyper",
        about: "Wiener-Hunt: posterior of lambda (--hyper), traces of the chains, and a table of them",
        suffixes: &["hyper.png", "hyper.csv"],
        draw: inference::draw_hyper,
    },
    Plot {
        name: "profile",
        about: "tasks of each worker, queue, CPU, memory, files and held values over time",
        suffixes: &["profile.svg", "profile.png"],
        draw: profile::draw,
    },
];

/// Writes `PREFIX-SUFFIX` as a PNG.
pub(crate) fn save_png(scene: &Scene, prefix: &Path, suffix: &str) -> Result<PathBuf, PlotError> {
    save(scene.png(), prefix, suffix)
}

/// Writes `PREFIX-SUFFIX` as an SVG.
pub(crate) fn save_svg(scene: &Scene, prefix: &Path, suffix: &str) -> Result<PathBuf, PlotError> {
    save(scene.svg(), prefix, suffix)
}

fn save(drawn: Result<Vec<u8>, DrawError>, prefix: &Path, suffix: &str) -> Result<PathBuf, PlotError> {
    let stem = prefix.file_name().unwrap_or_default().to_string_lossy();
    let path = prefix.with_file_name(format!("{stem}-{suffix}"));
    let bytes = drawn.map_err(|source| PlotError::Draw { path: path.clone(), source })?;
    write_whole(&path, &bytes)?;
    Ok(path)
}

/// Writes under a temporary name in the same folder, then renames, so that nobody ever sees half a file.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), PlotError> {
    write_through(path, |file| file.write_all(bytes))
}

/// The same for a file that is never whole in memory.
pub(crate) fn write_through(path: &Path, fill: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), PlotError> {
    crate::io::write_through(path, fill).map_err(|source| PlotError::Write { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn names_and_files_of_plots_are_unique() {
        let mut files: Vec<_> = PLOTS.iter().flat_map(|plot| plot.suffixes).collect();
        let mut names: Vec<_> = PLOTS.iter().map(|plot| plot.name).collect();
        files.sort_unstable();
        names.sort_unstable();
        assert!(files.windows(2).all(|pair| pair[0] != pair[1]) && names.windows(2).all(|pair| pair[0] != pair[1]));
    }

    #[test]
    fn an_empty_record_draws_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        for plot in PLOTS {
            let files = (plot.draw)(&RunRecord::default(), &folder.path().join("run")).expect("nothing to draw");
            assert!(files.is_empty());
        }
        assert_eq!(fs::read_dir(folder.path()).expect("readable").count(), 0);
    }

    #[test]
    fn a_folder_that_does_not_exist_is_named_and_nothing_is_left() {
        let folder = tempfile::tempdir().expect("a folder");
        let error = save(Ok(vec![1]), &folder.path().join("missing/run"), "x.png").expect_err("no such folder");
        assert!(matches!(&error, PlotError::Write { path, .. } if path.ends_with("missing/run-x.png")));
        fs::create_dir(folder.path().join("run-x.png")).expect("a folder in the way");
        save(Ok(vec![1]), &folder.path().join("run"), "x.png").expect_err("a folder has the name");
        assert_eq!(fs::read_dir(folder.path()).expect("readable").count(), 1, "the temporary file is gone");
    }
}
