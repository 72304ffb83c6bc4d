//! What a user types for an image: a file, maybe with an HDU and a region in brackets.

use std::path::PathBuf;

use super::error::FitsError;

/// Pixels of one axis, from 1, first and last included; `None` is the whole axis.
pub(super) type Span = Option<(usize, usize)>;

/// Which HDU is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum HduChoice {
    /// The first that holds an image.
    FirstImage,
    /// By position, 0 being the primary HDU.
    Number(usize),
    /// By EXTNAME, and EXTVER if given.
    Name(String, Option<i64>),
}

/// A specification taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Spec {
    pub(super) path: PathBuf,
    pub(super) hdu: HduChoice,
    pub(super) region: Option<Vec<Span>>,
}

impl Spec {
    /// Reads `d.fits`, `d.fits[SCI]`, `d.fits[SCI,2]`, `d.fits[1]`, `d.fits[11:50,1:100]` or
    /// `d.fits[SCI][11:50,1:100]`. If a file has exactly this name, brackets included, it is that file.
    ///
    /// # Errors
    /// [`FitsError::Spec`] if a pair of brackets holds something else.
    pub(super) fn parse(spec: &str) -> Result<Self, FitsError> {
        let mut parsed = Self { path: PathBuf::from(spec), hdu: HduChoice::FirstImage, region: None };
        if parsed.path.exists() {
            return Ok(parsed);
        }
        let wrong = |found: &str| FitsError::Spec { spec: spec.to_owned(), found: found.to_owned() };
        let mut rest = spec;
        if let Some((file, inside)) = last_brackets(rest).filter(|(_, inside)| is_region(inside)) {
            parsed.region = Some(parse_region(inside).ok_or_else(|| wrong(inside))?);
            rest = file;
        }
        if let Some((file, inside)) = last_brackets(rest) {
            parsed.hdu = parse_hdu(inside).ok_or_else(|| wrong(inside))?;
            rest = file;
        }
        parsed.path = PathBuf::from(rest);
        Ok(parsed)
    }
}

/// Splits `a[b]` into `a` and `b`.
fn last_brackets(text: &str) -> Option<(&str, &str)> {
    let (file, inside) = text.strip_suffix(']')?.rsplit_once('[')?;
    Some((file, inside.trim()))
}

fn is_region(inside: &str) -> bool {
    inside.contains(':') || inside.contains('*')
}

fn parse_region(inside: &str) -> Option<Vec<Span>> {
    let spans: Vec<Span> = inside.split(',').map(|span| parse_span(span.trim())).collect::<Option<_>>()?;
    (2..=4).contains(&spans.len()).then_some(spans)
}

/// `*`, `7` or `3:9`; the outer `None` is nonsense.
fn parse_span(span: &str) -> Option<Span> {
    if span == "*" {
        return Some(None);
    }
    let (first, last) = span.split_once(':').unwrap_or((span, span));
    let (first, last) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
    (1 <= first && first <= last).then_some(Some((first, last)))
}

fn parse_hdu(inside: &str) -> Option<HduChoice> {
    if let Ok(number) = inside.parse() {
        return Some(HduChoice::Number(number));
    }
    let (name, version) = match inside.split_once(',') {
        Some((name, version)) => (name.trim(), Some(version.trim().parse().ok()?)),
        None => (inside, None),
    };
    (!name.is_empty()).then(|| HduChoice::Name(name.to_owned(), version))
}
