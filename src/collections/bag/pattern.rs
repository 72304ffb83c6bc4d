//! Files by pattern, and what the wildcards stood for: so that other files are found beside them.

use std::cmp::Ordering;
use std::path::PathBuf;

use glob::MatchOptions;

use super::GlobError;

/// A path with wildcards: `*` for any text without a slash, `?` for one character of it.
///
/// Everything else stands for itself, brackets included. A name that begins with a dot is met only by a dot.
///
/// ```
/// use deconv::collections::bag::Pattern;
///
/// let (dirty, psf) = (Pattern::new("night*/*-dirty.fits"), Pattern::new("night*/*-psf.fits"));
/// let texts = dirty.texts("night1/a-dirty.fits").unwrap();
/// assert_eq!(texts, ["1", "a"]);
/// assert_eq!(psf.fill(&texts).unwrap(), "night1/a-psf.fits");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    One,
    Any,
}

/// A file that a pattern names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Match {
    /// The file.
    pub path: PathBuf,
    /// What each wildcard stands for, in order.
    pub texts: Vec<String>,
}

impl Pattern {
    /// Reads a pattern; `**` is two wildcards, of which the first stands for nothing.
    pub fn new(pattern: &str) -> Self {
        let mut parts = Vec::new();
        for letter in plain(pattern).chars() {
            match (letter, parts.last_mut()) {
                ('*', _) => parts.push(Part::Any),
                ('?', _) => parts.push(Part::One),
                (letter, Some(Part::Text(text))) => text.push(letter),
                (letter, _) => parts.push(Part::Text(letter.into())),
            }
        }
        Self { parts }
    }

    /// Whether a text holds a wildcard.
    pub fn is_in(text: &str) -> bool {
        text.contains(['*', '?'])
    }

    /// The wildcards, in order.
    pub fn wildcards(&self) -> String {
        self.parts.iter().filter_map(Part::wildcard).collect()
    }

    /// The folder before the first wildcard, with its slash; empty where there is none.
    pub fn root(&self) -> &str {
        match self.parts.first() {
            Some(Part::Text(text)) => &text[..text.rfind('/').map_or(0, |slash| slash + 1)],
            _ => "",
        }
    }

    /// What each wildcard stands for in a path, each being as short as it can; `None` for a path that is not met.
    pub fn texts(&self, path: &str) -> Option<Vec<String>> {
        let mut texts = Vec::new();
        meet(&self.parts, path, &mut texts).then_some(texts)
    }

    /// The path in which the wildcards stand for these texts; `None` unless there are as many.
    pub fn fill(&self, texts: &[String]) -> Option<String> {
        let mut texts = texts.iter();
        let path: Option<String> = self
            .parts
            .iter()
            .map(|part| match part {
                Part::Text(text) => Some(text.as_str()),
                Part::One | Part::Any => texts.next().map(String::as_str),
            })
            .collect();
        path.filter(|_| texts.next().is_none())
    }

    /// The files that it names, no folders, in natural order: `night2` comes before `night10`.
    ///
    /// # Errors
    /// [`GlobError`] for a folder that cannot be read.
    pub fn files(&self) -> Result<Vec<Match>, GlobError> {
        let options =
            MatchOptions { require_literal_separator: true, require_literal_leading_dot: true, ..MatchOptions::new() };
        let pattern = self.to_glob();
        let paths = glob::glob_with(&pattern, options)
            .map_err(|source| GlobError::Pattern { pattern: pattern.clone(), source })?
            .collect::<Result<Vec<_>, _>>()
            .map_err(|source| GlobError::Folder { pattern, source })?;
        let files = paths.into_iter().filter(|path| path.is_file());
        let mut files: Vec<Match> =
            files.filter_map(|path| self.texts(&path.to_string_lossy()).map(|texts| Match { path, texts })).collect();
        files.sort_by(|a, b| natural(&a.path.to_string_lossy(), &b.path.to_string_lossy()));
        Ok(files)
    }

    /// The same for the crate that lists folders.
    fn to_glob(&self) -> String {
        let mut text = String::new();
        for part in &self.parts {
            match part {
                Part::Text(own) => text.push_str(&glob::Pattern::escape(own)),
                // that crate takes two for any number of folders
                Part::Any if text.ends_with('*') => {}
                Part::Any => text.push('*'),
                Part::One => text.push('?'),
            }
        }
        text
    }
}

impl Part {
    fn wildcard(&self) -> Option<char> {
        match self {
            Self::Text(_) => None,
            Self::One => Some('?'),
            Self::Any => Some('*'),
        }
    }
}

/// A path without the steps that go nowhere: `./a//b` is `a/b`, as folders are listed.
fn plain(path: &str) -> String {
    let begin = if path.starts_with('/') { "/" } else { "" };
    let steps: Vec<&str> = path.split('/').filter(|step| !step.is_empty() && *step != ".").collect();
    format!("{begin}{}", steps.join("/"))
}

fn meet(parts: &[Part], text: &str, texts: &mut Vec<String>) -> bool {
    let Some((part, rest)) = parts.split_first() else { return text.is_empty() };
    let longest = text.find('/').unwrap_or(text.len());
    let own = &text[..longest];
    let mut ends: Box<dyn Iterator<Item = usize>> = match part {
        Part::Text(fixed) => return text.strip_prefix(fixed.as_str()).is_some_and(|text| meet(rest, text, texts)),
        Part::One => Box::new(own.chars().next().map(char::len_utf8).into_iter()),
        Part::Any => Box::new(own.char_indices().map(|(at, _)| at).chain([longest])),
    };
    ends.any(|end| {
        texts.push(own[..end].to_owned());
        let is_met = meet(rest, &text[end..], texts);
        if !is_met {
            texts.pop();
        }
        is_met
    })
}

/// The order in which people count: numbers by their value, all else by its letters.
fn natural(a: &str, b: &str) -> Ordering {
    let (mut left, mut right) = (a, b);
    while let (Some(first), Some(second)) = (left.chars().next(), right.chars().next()) {
        let (one, other) = (number(left), number(right));
        let (order, steps) = if one.is_empty() || other.is_empty() {
            (first.cmp(&second), (first.len_utf8(), second.len_utf8()))
        } else {
            let values = [one, other].map(|digits| digits.trim_start_matches('0'));
            let order = values[0].len().cmp(&values[1].len()).then_with(|| values[0].cmp(values[1]));
            (order, (one.len(), other.len()))
        };
        if order.is_ne() {
            return order;
        }
        (left, right) = (&left[steps.0..], &right[steps.1..]);
    }
    // 007 and 7 count the same, and are two files
    left.len().cmp(&right.len()).then_with(|| a.cmp(b))
}

/// The digits at the begin of a text.
fn number(text: &str) -> &str {
    &text[..text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len())]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_tell_what_they_stand_for() {
        let texts = |pattern: &str, path: &str| Pattern::new(pattern).texts(path).map(|texts| texts.join(","));
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(texts("night*/*-dirty.fits", "night1/a-b-dirty.fits"), some("1,a-b"));
        assert_eq!(texts("*-*.fits", "a-b-c.fits"), some("a,b-c"), "as short as it can be");
        assert_eq!(texts("n?/d.fits", "nä/d.fits"), some("ä"));
        assert_eq!(texts("*.fits", ".fits"), some(""));
        assert_eq!(texts("**.fits", "a.fits"), some(",a"));
        assert_eq!(texts("a[1]/*.fits", "a[1]/d.fits"), some("d"), "brackets stand for themselves");
        for (pattern, path) in [("*.fits", "a/b.fits"), ("n?.fits", "n.fits"), ("n?.fits", "n12.fits"), ("*a", "b")] {
            assert_eq!(texts(pattern, path), None, "{pattern} {path}");
        }
    }

    #[test]
    fn what_wildcards_stood_for_fills_another_pattern() {
        let texts = ["1", "a"].map(str::to_owned);
        assert_eq!(Pattern::new("psf/n*/*.fits").fill(&texts).as_deref(), Some("psf/n1/a.fits"));
        assert_eq!(Pattern::new("psf/*.fits").fill(&texts), None);
        assert_eq!(Pattern::new("psf.fits").fill(&[]).as_deref(), Some("psf.fits"));
        assert_eq!(Pattern::new("*/n?/*").wildcards(), "*?*");
    }

    #[test]
    fn the_root_is_the_folder_before_the_first_wildcard() {
        for (pattern, root) in [("a/b/n*/x*", "a/b/"), ("n*/x", ""), ("./a//n*", "a/"), ("/n*", "/"), ("*", "")] {
            assert_eq!(Pattern::new(pattern).root(), root, "{pattern}");
        }
    }

    #[test]
    fn files_come_in_the_order_in_which_people_count() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["n10", "n9", "n[1]", ".n3"] {
            std::fs::create_dir(folder.path().join(name)).unwrap();
            std::fs::write(folder.path().join(name).join("d.fits"), name).unwrap();
        }
        std::fs::create_dir(folder.path().join("n10/e.fits")).unwrap();
        let listed = |pattern: &str| {
            let pattern = Pattern::new(folder.path().join(pattern).to_str().unwrap());
            pattern.files().unwrap().into_iter().map(|file| file.texts.join(",")).collect::<Vec<_>>()
        };
        assert_eq!(listed("n*/?.fits"), ["9,d", "10,d", "[1],d"]);
        assert_eq!(listed("*[1]/**.fits"), ["n,,d"]);
        assert!(listed("m*/d.fits").is_empty());
        for (less, more) in [("a2", "a10"), ("a02", "a3"), ("a", "a1"), ("a1b", "a1c"), ("007", "8"), ("a1", "b")] {
            assert_eq!(
                (natural(less, more), natural(more, less)),
                (Ordering::Less, Ordering::Greater),
                "{less} {more}"
            );
        }
        assert_eq!((natural("7", "7"), natural("07", "7")), (Ordering::Equal, Ordering::Less));
    }
}
