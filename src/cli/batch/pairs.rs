//! Which files make a batch: dirty images by pattern, the PSF of each, and where its products go.

use std::collections::HashMap;
use std::path::Path;

use thiserror::Error;

use crate::cli::run::stem;
use crate::collections::bag::{GlobError, Match, Pattern};

/// Files of a refusal that are told by name.
const TOLD: usize = 5;

/// A dirty image and its PSF.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pair {
    /// What it is called: its products are `DIR/NAME-image.fits` and so on.
    pub(super) name: String,
    /// The dirty image, as for a run of its own.
    pub(super) dirty: String,
    /// The PSF, likewise.
    pub(super) psf: String,
}

/// Why patterns do not make pairs.
#[derive(Debug, Error)]
pub(in crate::cli) enum PairError {
    /// A pattern for one file.
    #[error("cannot pair one dirty image with a pattern of PSFs\n  --dirty {dirty}\n  --psf {psf}")]
    One {
        /// The dirty image.
        dirty: String,
        /// The pattern.
        psf: String,
    },
    /// Files that cannot be listed.
    #[error(transparent)]
    List(#[from] GlobError),
    /// No file.
    #[error("no file matches --dirty '{pattern}'")]
    Nothing {
        /// The pattern.
        pattern: String,
    },
    /// Patterns that do not go together.
    #[error(
        "cannot pair the files of two patterns\n  --dirty '{dirty}' has the wildcards {expected}\n  --psf '{psf}' has {found}"
    )]
    Wildcards {
        /// The pattern of dirty images.
        dirty: String,
        /// Its wildcards.
        expected: String,
        /// The pattern of PSFs.
        psf: String,
        /// Its wildcards.
        found: String,
    },
    /// Dirty images without a PSF.
    #[error("{count} of {of} dirty images have no PSF{}", listed(files))]
    NoPsf {
        /// How many.
        count: usize,
        /// Of how many.
        of: usize,
        /// Each with the PSF that it should have.
        files: Vec<String>,
    },
    /// A PSF among the dirty images.
    #[error("{file} is matched as a dirty image and is a PSF")]
    Both {
        /// The file.
        file: String,
    },
    /// Two images with the same products.
    #[error("two dirty images have the same products {name}-image.fits and so on{}", listed(files))]
    Same {
        /// What both are called.
        name: String,
        /// The images.
        files: Vec<String>,
    },
}

/// Some files, a line for each.
fn listed(files: &[String]) -> String {
    let lines = files.iter().take(TOLD).map(|file| format!("\n  {file}"));
    let more = (files.len() > TOLD).then(|| format!("\n  and {} more", files.len() - TOLD));
    lines.chain(more).collect()
}

impl PairError {
    /// What to do about it.
    pub(in crate::cli) fn hint(&self) -> &'static str {
        match self {
            Self::Nothing { pattern } if split(pattern).0.contains('[') => {
                "* stands for any text without a slash, ? for one character, and a bracket for itself: a choice as in \
                 night[12] is written as a pattern for each, or as night?"
            }
            Self::One { .. } => "name one PSF, or give a pattern of dirty images as well",
            Self::List(_) => "check the folders and their permissions",
            Self::Nothing { .. } => {
                "check the pattern and the folder; * stands for any text without a slash, ? for one character"
            }
            Self::Wildcards { .. } => {
                "the text that the wildcards of --dirty stand for is put into those of --psf, so give both the same \
                 wildcards in the same order, or one PSF without any for all images"
            }
            Self::NoPsf { .. } => "make these PSFs, or narrow the pattern of --dirty to the images that have one",
            Self::Both { .. } => "narrow the pattern of --dirty so that it leaves out the PSFs, as in '*-dirty.fits'",
            Self::Same { .. } => "narrow the pattern of --dirty, or rename one of them",
        }
    }
}

/// Splits `d*.fits[SCI][1:9,1:9]` into the files and the part of each.
fn split(spec: &str) -> (&str, &str) {
    let mut file = spec;
    // an HDU and a region at the most
    for _ in 0..2 {
        file = file.strip_suffix(']').and_then(|rest| rest.rsplit_once('[')).map_or(file, |(file, _)| file);
    }
    (file, &spec[file.len()..])
}

/// Whether many files are meant: a name with `*` or `?` outside the brackets of HDU and region, and no file's own name.
pub(in crate::cli) fn is_pattern(spec: &str) -> bool {
    Pattern::is_in(split(spec).0) && !Path::new(spec).exists()
}

/// The pairs of two patterns, or of one and one PSF for all, in natural order of the dirty images.
///
/// # Errors
/// [`PairError`], naming the files; nothing but folders was looked at.
pub(super) fn pairs(dirty: &str, psf: &str) -> Result<Vec<Pair>, PairError> {
    if !is_pattern(dirty) {
        return Err(PairError::One { dirty: dirty.to_owned(), psf: psf.to_owned() });
    }
    let (files, part) = split(dirty);
    let pattern = Pattern::new(files);
    let partner = Partner::new((dirty, &pattern), psf)?;
    let found = pattern.files()?;
    if found.is_empty() {
        return Err(PairError::Nothing { pattern: dirty.to_owned() });
    }
    let pairs: Vec<Pair> = found.iter().map(|file| pair(file, (&pattern, part), &partner)).collect();
    check(&pairs)?;
    Ok(pairs)
}

/// How the PSF of an image is found.
enum Partner<'a> {
    /// One for all.
    One(&'a str),
    /// What the wildcards stand for in the image's name, put into this pattern, and the part of the file.
    Each(Pattern, &'a str),
}

impl<'a> Partner<'a> {
    fn new((dirty, pattern): (&str, &Pattern), psf: &'a str) -> Result<Self, PairError> {
        if !is_pattern(psf) {
            return Ok(Self::One(psf));
        }
        let (files, part) = split(psf);
        let own = Pattern::new(files);
        let (expected, found) = (pattern.wildcards(), own.wildcards());
        if expected != found {
            return Err(PairError::Wildcards { dirty: dirty.to_owned(), expected, psf: psf.to_owned(), found });
        }
        Ok(Self::Each(own, part))
    }

    fn of(&self, texts: &[String]) -> String {
        match self {
            Self::One(psf) => (*psf).to_owned(),
            Self::Each(pattern, part) => {
                let file = pattern.fill(texts).expect("both patterns have the same wildcards");
                format!("{file}{part}")
            }
        }
    }
}

fn pair(file: &Match, (pattern, part): (&Pattern, &str), partner: &Partner<'_>) -> Pair {
    let path = file.path.to_string_lossy();
    let below = path.strip_prefix(pattern.root()).unwrap_or(&path);
    let (folder, own) = below.rsplit_once('/').map_or(("", below), |(folder, own)| (folder, own));
    let slash = if folder.is_empty() { "" } else { "/" };
    Pair { name: format!("{folder}{slash}{}", stem(own)), dirty: format!("{path}{part}"), psf: partner.of(&file.texts) }
}

/// Refuses pairs that cannot be run side by side.
fn check(pairs: &[Pair]) -> Result<(), PairError> {
    let has_file = |spec: &str| Path::new(split(spec).0).is_file() || Path::new(spec).is_file();
    let alone: Vec<&Pair> = pairs.iter().filter(|pair| !pair.psf.is_empty() && !has_file(&pair.psf)).collect();
    if !alone.is_empty() {
        let files = alone.iter().map(|pair| format!("{} has no {}", pair.dirty, pair.psf)).collect();
        return Err(PairError::NoPsf { count: alone.len(), of: pairs.len(), files });
    }
    let psfs: HashMap<_, &str> = pairs.iter().map(|pair| (real(&pair.psf), pair.psf.as_str())).collect();
    if let Some(both) = pairs.iter().find(|pair| psfs.contains_key(&real(&pair.dirty))) {
        return Err(PairError::Both { file: split(&both.dirty).0.to_owned() });
    }
    let mut names: HashMap<&str, &Pair> = HashMap::new();
    for pair in pairs {
        if let Some(other) = names.insert(&pair.name, pair) {
            let files = vec![other.dirty.clone(), pair.dirty.clone()];
            return Err(PairError::Same { name: pair.name.clone(), files });
        }
    }
    Ok(())
}

/// A file under the one name that all its names lead to.
fn real(spec: &str) -> std::path::PathBuf {
    let file = Path::new(split(spec).0);
    file.canonicalize().unwrap_or_else(|_| file.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder with these files, empty.
    fn folder(files: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for file in files {
            let path = folder.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        }
        folder
    }

    /// The pairs of a folder as `name: dirty + psf`, the folder left out.
    fn paired(folder: &tempfile::TempDir, dirty: &str, psf: &str) -> Result<Vec<String>, PairError> {
        let root = format!("{}/", folder.path().display());
        let pairs = pairs(&format!("{root}{dirty}"), &format!("{root}{psf}"))?;
        let tell = |pair: &Pair| format!("{}: {} + {}", pair.name, pair.dirty, pair.psf).replace(&root, "");
        Ok(pairs.iter().map(tell).collect())
    }

    const NIGHTS: [&str; 4] =
        ["night10/a-dirty.fits", "night10/a-psf.fits", "night9/a-dirty.fits", "night9/a-psf.fits"];

    #[test]
    fn wildcards_of_the_dirty_image_are_put_into_the_psf() {
        let folder = folder(&[&NIGHTS[..], &["psf.fits"]].concat());
        let both = paired(&folder, "night*/*-dirty.fits", "night*/*-psf.fits").unwrap();
        let expected = [
            "night9/a-dirty: night9/a-dirty.fits + night9/a-psf.fits",
            "night10/a-dirty: night10/a-dirty.fits + night10/a-psf.fits",
        ];
        assert_eq!(both, expected, "in the order in which people count, in the folders that a wildcard stood for");
        let one = paired(&folder, "night9/*-dirty.fits[SCI][*,1:5]", "psf.fits[1]").unwrap();
        assert_eq!(one, ["a-dirty: night9/a-dirty.fits[SCI][*,1:5] + psf.fits[1]"]);
        let parts = paired(&folder, "night9/?-dirty.fits[SCI]", "night9/?-psf.fits[2][1:5,1:5]").unwrap();
        assert_eq!(parts, ["a-dirty: night9/a-dirty.fits[SCI] + night9/a-psf.fits[2][1:5,1:5]"]);
    }

    #[test]
    fn brackets_alone_and_names_of_files_are_no_pattern() {
        let folder = folder(&["what?.fits"]);
        let path = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
        for spec in ["d.fits", "d.fits[SCI]", "d[12].fits", "d.fits[*,1:5]", "d.fits[SCI,2][1:5,*]"] {
            assert!(!is_pattern(spec), "{spec}");
        }
        assert!(is_pattern("d*.fits") && is_pattern("d?.fits[SCI][*,1:5]") && is_pattern(&path("wha*.fits")));
        assert!(!is_pattern(&path("what?.fits")), "a file's own name");
    }

    #[test]
    fn files_that_make_no_pairs_are_refused_by_name() {
        let folder = folder(&[&NIGHTS[..], &["night8/b-dirty.fits", "c.fits", "c.fits.gz", "night8/p.fits"]].concat());
        let told = |dirty: &str, psf: &str| {
            let error = paired(&folder, dirty, psf).unwrap_err();
            assert!(error.hint().len() > 20);
            error.to_string()
        };
        let missing = told("night*/*-dirty.fits", "night*/*-psf.fits");
        assert!(missing.starts_with("1 of 3 dirty images have no PSF"), "{missing}");
        assert!(missing.contains("night8/b-dirty.fits has no ") && missing.contains("night8/b-psf.fits"), "{missing}");
        assert!(told("noon*/*.fits", "night8/p.fits").contains("no file matches --dirty"));
        assert!(told("night*/a-*.fits", "night*/p.fits").contains("has the wildcards **\n"));
        assert!(told("c.fits", "c*.fits").contains("one dirty image"));
        assert!(told("night8/*.fits", "night8/p.fits").contains("p.fits is matched as a dirty image"));
        let same = told("c.fits*", "night8/p.fits");
        assert!(same.contains("c-image.fits") && same.contains("c.fits.gz"), "{same}");
    }
}
