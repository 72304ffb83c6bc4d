//! A list of components on its way back to a model.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::{ListError, places_of, text};
use crate::algorithms::{Component, Scale, ScaleShape};
use crate::collections::table::Table;
use crate::images::Sky;
use crate::io::{Cells, FitsSource, read_table};
use crate::pipeline::ops::ListedShape;
use crate::pipeline::plan::given::sky;

/// Components of one shape.
pub type Group = (ListedShape, Vec<Component>);

/// The components of a list, on the pixels of an image.
#[derive(Debug, Clone)]
pub struct Listing {
    /// The file.
    pub path: PathBuf,
    /// For each plane of the image: its components, shape by shape.
    pub planes: Vec<Vec<Group>>,
    /// What the user should know.
    pub notes: Vec<String>,
}

/// An entry of a list.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Entry {
    /// Where it stands in its file, for errors.
    pub place: String,
    /// The plane; all of them where none is told.
    pub plane: Option<usize>,
    /// Where it is: `(x, y)` \[pixels from 0\], or longitude and latitude \[deg\].
    pub at: At,
    /// Its shape.
    pub shape: ListedShape,
    /// Flux in a plane \[Jy\].
    pub flux: Spectrum,
}

/// A place.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum At {
    /// Pixels from 0.
    Pixel(f64, f64),
    /// Longitude and latitude \[deg\].
    Sky(f64, f64),
}

/// Flux over frequency.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Spectrum {
    /// Flux at the reference \[Jy\].
    pub flux: f64,
    /// Reference \[Hz\].
    pub reference: Option<f64>,
    /// Further terms.
    pub terms: Vec<f64>,
    /// Whether the terms are those of a polynomial in logarithms.
    pub is_logarithmic: bool,
}

impl Spectrum {
    /// Flux at a frequency \[Hz\]; that of the reference where one of the two is not known.
    ///
    /// # Source
    /// Offringa et al., the manual of `WSClean`, "component list": `S (nu/nu0)^(c0 + c1 log10 ..)`, or
    /// `S + c0 (nu/nu0 - 1) + c1 (nu/nu0 - 1)^2 ..`.
    pub(super) fn at(&self, frequency: Option<f64>) -> f64 {
        let (Some(frequency), Some(reference)) = (frequency, self.reference.filter(|hz| *hz > 0.0)) else {
            return self.flux;
        };
        let ratio = frequency / reference;
        let horner = |x: f64| self.terms.iter().rev().fold(0.0, |sum, term| sum * x + term);
        match self.terms.is_empty() {
            true => self.flux,
            false if self.is_logarithmic => self.flux * ratio.powf(horner(ratio.log10())),
            false => self.flux + horner(ratio - 1.0) * (ratio - 1.0),
        }
    }
}

/// Pixels by which a place may miss the centre of one: the digits of lists.
const OFF: f64 = 0.01;

impl Listing {
    /// Reads a list as the components of an image of the pixels and planes of `image`: `.txt` as `WSClean` writes it, `.csv`
    /// and FITS as `--save-components` does.
    ///
    /// # Errors
    /// [`ListError`] that tells file, line and column.
    pub fn open(path: &Path, image: &FitsSource) -> Result<Self, ListError> {
        let ending = path.extension().map(|ending| ending.to_string_lossy().to_ascii_lowercase()).unwrap_or_default();
        let entries = match ending.as_str() {
            "txt" | "bbs" | "skymodel" => {
                let failed = |source| ListError::File { path: path.to_owned(), source };
                text::entries(path, &fs::read_to_string(path).map_err(failed)?, image)?
            }
            "csv" => of_csv(path, image)?,
            _ => of_fits(path, image)?,
        };
        let sky = sky(image);
        let mut placed = Placed { sky, shape: (image.geometry().ny, image.geometry().nx), ..Placed::default() };
        let labels = image.plane_labels();
        let mut planes = vec![BTreeMap::<usize, Group>::new(); labels.len()];
        let mut shapes: Vec<ListedShape> = Vec::new();
        for entry in entries {
            let wrong = |found: String, expected: String| {
                let (path, place) = (path.to_owned(), entry.place.clone());
                ListError::Content { path, place, found, expected }
            };
            if let Some(plane) = entry.plane.filter(|plane| *plane >= labels.len()) {
                return Err(wrong(format!("plane {plane}"), format!("a plane below {}", labels.len())));
            }
            let at = placed.pixel(&entry).map_err(|found| wrong(found.to_owned(), "a place on the sky".to_owned()))?;
            let Some((y, x)) = at else { continue };
            let number = shapes.iter().rposition(|shape| *shape == entry.shape).unwrap_or_else(|| {
                shapes.push(entry.shape);
                shapes.len() - 1
            });
            for plane in entry.plane.map_or(0..labels.len(), |plane| plane..plane + 1) {
                let flux = entry.flux.at(labels[plane].freq_hz) as f32;
                let group = planes[plane].entry(number).or_insert_with(|| (entry.shape, Vec::new()));
                group.1.push(Component { y, x, flux });
            }
        }
        let planes = planes.into_iter().map(|groups| groups.into_values().collect()).collect();
        Ok(Self { path: path.to_owned(), planes, notes: placed.notes() })
    }
}

/// Finds pixels, and counts what does not stand on one.
#[derive(Default)]
struct Placed {
    sky: Option<Sky>,
    shape: (usize, usize),
    off: (usize, f64),
    outside: (usize, f64),
}

impl Placed {
    /// The pixel `(y, x)` of an entry; none outside the image.
    fn pixel(&mut self, entry: &Entry) -> Result<Option<(usize, usize)>, &'static str> {
        let (x, y) = match (entry.at, &self.sky) {
            (At::Pixel(x, y), _) => (x, y),
            (At::Sky(lon, lat), Some(sky)) => sky.pixel(lon, lat).unwrap_or((f64::INFINITY, 0.0)),
            (At::Sky(..), None) => return Err("a place on the sky, while the image has no such coordinates"),
        };
        if x.is_nan() || y.is_nan() {
            return Err("no place");
        }
        let near = (y.round(), x.round());
        let is_inside = |at: f64, length: usize| at >= 0.0 && at < length as f64;
        if !is_inside(near.0, self.shape.0) || !is_inside(near.1, self.shape.1) {
            self.outside = (self.outside.0 + 1, self.outside.1 + entry.flux.flux);
            return Ok(None);
        }
        let off = (near.0 - y).hypot(near.1 - x);
        if off > OFF {
            self.off = (self.off.0 + 1, self.off.1.max(off));
        }
        Ok(Some((near.0 as usize, near.1 as usize)))
    }

    fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        if self.off.0 > 0 {
            let (count, most) = self.off;
            notes.push(format!(
                "{count} components stand up to {most:.2} pixels off the centre of a pixel, which they take"
            ));
        }
        if self.outside.0 > 0 {
            let (count, flux) = self.outside;
            notes.push(format!("{count} components of {flux:.4e} Jy stand outside the image and are left out"));
        }
        notes
    }
}

fn of_csv(path: &Path, image: &FitsSource) -> Result<Vec<Entry>, ListError> {
    let table = Table::read_csv(path)?;
    let names = table.names();
    let numbers = |name: &str| names.iter().any(|own| own == name).then(|| table.numbers(name)).transpose();
    let texts = |name: &str| names.iter().any(|own| own == name).then(|| table.texts(name)).transpose();
    entries(path, image, &|name| Ok(numbers(name)?), &|name| Ok(texts(name)?))
}

fn of_fits(path: &Path, image: &FitsSource) -> Result<Vec<Entry>, ListError> {
    let columns = read_table(path, None)?;
    let find = |name: &str| columns.iter().find(|column| column.name.eq_ignore_ascii_case(name)).map(|c| &c.cells);
    let numbers = |name: &str| match find(name) {
        Some(Cells::Real(values)) => Some(values.clone()),
        Some(Cells::Integer(values)) => Some(values.iter().map(|value| value.map_or(f64::NAN, |n| n as f64)).collect()),
        _ => None,
    };
    let texts = |name: &str| match find(name) {
        Some(Cells::Text(values)) => Some(values.clone()),
        _ => None,
    };
    entries(path, image, &|name| Ok(numbers(name)), &|name| Ok(texts(name)))
}

/// Gives the values of a column, where there is one.
type Values<'a, T> = &'a dyn Fn(&str) -> Result<Option<Vec<T>>, ListError>;

/// The rows of a table: `flux`, a place as `x` and `y` or on the sky, and maybe `plane`, `scale`, `shape`. Where both kinds
/// of place are told, that on the sky counts: the image may have another grid than the list was made on.
fn entries(
    path: &Path,
    image: &FitsSource,
    numbers: Values<'_, f64>,
    texts: Values<'_, String>,
) -> Result<Vec<Entry>, ListError> {
    let wrong = |place: String, found: String, expected: &str| {
        let (path, expected) = (path.to_owned(), expected.to_owned());
        ListError::Content { path, place, found, expected }
    };
    let absent = |what: &str| wrong("columns".to_owned(), format!("no {what}"), what);
    let flux = numbers("flux")?.ok_or_else(|| absent("flux"))?;
    let on_sky = match sky(image) {
        Some(sky) => {
            let [lon, lat] = places_of(sky.frame());
            numbers(lon)?.zip(numbers(lat)?)
        }
        None => None,
    };
    let is_on_sky = on_sky.is_some();
    let places = match on_sky {
        Some(places) => places,
        None => numbers("x")?.zip(numbers("y")?).ok_or_else(|| absent("x and y, or place on the sky"))?,
    };
    let plane = numbers("plane")?;
    if plane.is_none() && image.planes() > 1 {
        return Err(absent("plane"));
    }
    let (widths, shapes) = (numbers("scale")?, texts("shape")?);
    let mut all = Vec::with_capacity(flux.len());
    for (row, flux) in flux.into_iter().enumerate() {
        let place = format!("row {}", row + 1);
        if !flux.is_finite() {
            return Err(wrong(place, "no flux".to_owned(), "a flux"));
        }
        let width = widths.as_ref().map_or(0.0, |widths| widths[row]);
        let name = shapes.as_ref().map_or("", |shapes| shapes[row].trim());
        let shape = shape(width, name).ok_or_else(|| {
            let found = format!("scale {width}, shape '{name}'");
            wrong(place.clone(), found, "a width from 0 in pixels, and point, tapered-quadratic or gaussian")
        })?;
        let (first, second) = (places.0[row], places.1[row]);
        let at = if is_on_sky { At::Sky(first, second) } else { At::Pixel(first, second) };
        let plane = plane.as_ref().map(|planes| planes[row].max(0.0) as usize);
        all.push(Entry { place, plane, at, shape, flux: Spectrum { flux, ..Spectrum::default() } });
    }
    Ok(all)
}

fn shape(width: f64, name: &str) -> Option<ListedShape> {
    let kernel = |shape| ListedShape::Scale(Scale { width, shape, bias: 1.0, step: 1 });
    match name {
        "point" | "" if width == 0.0 => Some(ListedShape::Scale(Scale::POINT)),
        "tapered-quadratic" if width > 0.0 => Some(kernel(ScaleShape::TaperedQuadratic)),
        "gaussian" if width > 0.0 => Some(kernel(ScaleShape::Gaussian)),
        _ => None,
    }
    .filter(|_| width.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spectra_follow_both_forms_of_the_text() {
        let flat = Spectrum { flux: 2.0, reference: Some(1e9), ..Spectrum::default() };
        assert!((flat.at(Some(2e9)) - 2.0).abs() < 1e-12 && (flat.at(None) - 2.0).abs() < 1e-12);
        let power = Spectrum { terms: vec![-0.7, 0.1], is_logarithmic: true, ..flat.clone() };
        let expected = 2.0 * 2.0_f64.powf(-0.7 + 0.1 * 2.0_f64.log10());
        assert!((power.at(Some(2e9)) - expected).abs() < 1e-12);
        let ordinary = Spectrum { terms: vec![0.5, -0.25], ..flat };
        assert!((ordinary.at(Some(3e9)) - (2.0 + 0.5 * 2.0 - 0.25 * 4.0)).abs() < 1e-12);
    }
}
