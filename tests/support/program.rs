//! The program as a user runs it, in a folder of its own.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use assert_cmd::Command;
use ndarray::Array2;
use serde_json::Value;
use tempfile::TempDir;

use super::fits::Image;

/// Longer than any test may take: what hangs fails.
const PATIENCE: Duration = Duration::from_secs(300);

/// A folder, removed with everything in it.
pub(crate) struct Folder(TempDir);

/// What came of a run of the program.
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Folder {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn root(&self) -> &Path {
        self.0.path()
    }

    /// Writes an image of 32-bit floats.
    pub(crate) fn save(&self, name: &str, image: &Image) {
        image.save(&self.path(name));
    }

    /// Writes `dirty.fits` and `psf.fits`.
    pub(crate) fn pair(&self, dirty: &Array2<f64>, psf: &Array2<f64>) {
        self.save("dirty.fits", &Image::new(dirty));
        self.save("psf.fits", &Image::new(psf));
    }

    /// Runs the program in the folder; `words` are split at blanks.
    pub(crate) fn deconv(&self, words: &str) -> Ran {
        self.deconv_with(words, &[])
    }

    /// The same with variables of the environment; the user's own configuration takes no part unless they name one.
    pub(crate) fn deconv_with(&self, words: &str, variables: &[(&str, &Path)]) -> Ran {
        let mut command = Command::new(env!("CARGO_BIN_EXE_deconv"));
        command.env("XDG_CONFIG_HOME", self.path("no-configuration")).envs(variables.iter().copied());
        self.finish(command.args(words.split_whitespace()))
    }

    /// Runs the program where no file can grow beyond so many KiB, as on a disk that is full.
    pub(crate) fn deconv_within(&self, words: &str, kib: u64) -> Ran {
        let shell = format!("ulimit -f {kib}; exec \"$0\" \"$@\"");
        let program = env!("CARGO_BIN_EXE_deconv");
        let mut command = Command::new("bash");
        command.env("XDG_CONFIG_HOME", self.path("no-configuration"));
        self.finish(command.args(["-c", &shell, program]).args(words.split_whitespace()))
    }

    fn finish(&self, command: &mut Command) -> Ran {
        let output = command.current_dir(self.root()).timeout(PATIENCE).output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Ran { code: output.status.code(), out: text(&output.stdout), err: text(&output.stderr) }
    }

    /// Deconvolves `dirty.fits` with `psf.fits` into `name`, which must succeed.
    pub(crate) fn run(&self, name: &str, words: &str) -> Products {
        self.run_pair(("dirty.fits", "psf.fits"), name, words)
    }

    /// Deconvolves a pair into `name`, which must succeed.
    pub(crate) fn run_pair(&self, (dirty, psf): (&str, &str), name: &str, words: &str) -> Products {
        let ran = self.deconv(&format!("--dirty {dirty} --psf {psf} -o {name} {words}"));
        assert_eq!(ran.code, Some(0), "{dirty} {psf} {words}\n{}", ran.err);
        self.products(name)
    }

    /// The products of a prefix.
    pub(crate) fn products(&self, name: &str) -> Products {
        Products { prefix: self.path(name) }
    }

    /// Every file and folder with its content, hidden ones too.
    pub(crate) fn listing(&self) -> BTreeMap<PathBuf, Option<Vec<u8>>> {
        let mut found = BTreeMap::new();
        let mut folders = vec![self.root().to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    found.insert(path.clone(), None);
                    folders.push(path);
                } else {
                    let content = fs::read(&path).unwrap();
                    found.insert(path, Some(content));
                }
            }
        }
        found
    }
}

/// The products of a run.
pub(crate) struct Products {
    pub(crate) prefix: PathBuf,
}

impl Products {
    pub(crate) fn file(&self, suffix: &str) -> PathBuf {
        PathBuf::from(format!("{}-{suffix}", self.prefix.display()))
    }

    pub(crate) fn model(&self) -> Image {
        Image::read(&self.file("model.fits"))
    }

    pub(crate) fn residual(&self) -> Image {
        Image::read(&self.file("residual.fits"))
    }

    pub(crate) fn restored(&self) -> Image {
        Image::read(&self.file("image.fits"))
    }

    pub(crate) fn summary(&self) -> Value {
        serde_json::from_slice(&fs::read(self.file("summary.json")).unwrap()).unwrap()
    }

    /// The stop reasons of the planes, by name.
    pub(crate) fn reasons(&self) -> Vec<String> {
        let summary = self.summary();
        let planes = summary["planes"].as_array().unwrap();
        planes.iter().map(|plane| plane["stop"]["reason"].as_str().unwrap().to_owned()).collect()
    }
}
