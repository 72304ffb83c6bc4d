//! Images that are given beside the dirty image and must lie on its grid: a model, a residual.

use std::path::Path;
use std::sync::Arc;

use thiserror::Error;

use super::{CELL_TOLERANCE, PlanError, pairing, shape_of};
use crate::images::Sky;
use crate::io::{FitsError, FitsSource};
use crate::pipeline::components::Listing;
use crate::pipeline::ops::{NoiseCounts, Source};
use crate::units::{Kind, Model};

/// An image that was given, and its plane for each plane of the image that it goes with.
#[derive(Debug, Clone)]
pub struct Given {
    /// The file.
    pub source: Source,
    /// Its planes, in the order of the other image's.
    pub planes: Vec<usize>,
}

/// A model that was given.
#[derive(Debug, Clone)]
pub enum GivenModel {
    /// As an image.
    Image(Given),
    /// As a list of components.
    List(Arc<Listing>),
}

impl GivenModel {
    /// Opens a model of `other`: an image, or by its ending (`.txt`, `.csv`), or as it holds tables only, a list.
    ///
    /// # Errors
    /// As those of [`Given::open`] and [`Listing::open`].
    pub fn open(spec: &str, other: &FitsSource) -> Result<Self, PlanError> {
        let is_list = Path::new(spec).extension().is_some_and(|ending| ending == "txt" || ending == "csv");
        if is_list {
            return Self::list(spec, other);
        }
        match Given::open::<Model>("model", spec, other) {
            // a FITS file of nothing but tables: components, or the error tells that they are none
            Err(PlanError::Fits(FitsError::NoImage { .. })) => Self::list(spec, other),
            opened => opened.map(Self::Image),
        }
    }

    /// Opens a list of components as a model of `other`.
    ///
    /// # Errors
    /// As those of [`Listing::open`].
    pub fn list(spec: &str, other: &FitsSource) -> Result<Self, PlanError> {
        Ok(Self::List(Arc::new(Listing::open(spec.as_ref(), other)?)))
    }

    /// The file.
    pub fn path(&self) -> &Path {
        match self {
            Self::Image(given) => given.source.0.path(),
            Self::List(listing) => &listing.path,
        }
    }

    /// What the user should know of it.
    pub fn notes(&self) -> &[String] {
        match self {
            Self::Image(_) => &[],
            Self::List(listing) => &listing.notes,
        }
    }
}

/// An image that does not lie on the grid, or is in another unit.
#[derive(Debug, Error)]
#[error("cannot use {file} as the {role} of {other}\n  {hdu}, {key}: {found}, expected {expected}")]
pub struct GivenError {
    /// What it was to be.
    role: &'static str,
    /// The file.
    file: String,
    /// The image that it should go with.
    other: String,
    /// Its HDU.
    hdu: String,
    /// The key.
    key: &'static str,
    /// What the file says.
    found: String,
    /// What it should say.
    expected: String,
    /// What to do.
    hint: &'static str,
}

impl GivenError {
    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        self.hint
    }
}

/// Pixels by which a grid may be off: the digits of headers.
const PLACE_TOLERANCE: f64 = 0.01;

impl Given {
    /// Opens the PSF of `other`: of the same cell, one plane for all or one for each.
    ///
    /// # Errors
    /// A file that cannot be read; another cell, another number of planes.
    pub fn psf(spec: &str, other: &FitsSource) -> Result<Self, PlanError> {
        let source = Source(Arc::new(FitsSource::open(spec)?));
        check_cell("PSF", &source, other, "use the PSF written by the same imaging run")?;
        let planes = pairing("PSF", &source, other)?;
        Ok(Self { source, planes })
    }

    /// Opens a file as `role` of `other`, which must be an image of kind `K` on the same grid.
    ///
    /// # Errors
    /// A file that cannot be read; other shape, cell, place on the sky, unit or planes.
    pub fn open<K: Kind>(role: &'static str, spec: &str, other: &FitsSource) -> Result<Self, PlanError> {
        let source = Source(Arc::new(FitsSource::open(spec)?));
        check_unit::<K>(role, &source, other)?;
        check_grid(role, &source, other)?;
        let planes = pairing(role, &source, other)?;
        if source.0.planes() == 1 && other.planes() > 1 {
            let values = ("1 plane".to_owned(), format!("{} planes", other.planes()));
            return Err(wrong((role, &source), other, ("NAXIS3 and NAXIS4", values), "give a plane for each").into());
        }
        Ok(Self { source, planes })
    }
}

/// A map of the noise that tells none in a plane of `other`.
pub fn no_noise(map: &Given, plane: usize, other: &FitsSource, counts: &NoiseCounts) -> GivenError {
    let found =
        format!("none of {} pixels in plane {} is above 0 ({})", counts.pixels, map.planes[plane], counts.gaps());
    let expected = "the rms of the noise of each pixel in Jy/beam, above 0".to_owned();
    let hint = "give a map of the noise, or take it from the residual with --local-rms";
    wrong(("map of the noise", &map.source), other, ("pixels", (found, expected)), hint)
}

/// Refuses an image that is not of kind `K` by its BUNIT; one without a unit is taken at its word.
///
/// # Errors
/// [`GivenError`] that tells both units.
pub fn check_unit<K: Kind>(role: &'static str, source: &Source, other: &FitsSource) -> Result<(), GivenError> {
    let plain = |unit: &str| unit.to_ascii_lowercase().replace([' ', '.'], "");
    match source.0.unit() {
        Some(unit) if plain(unit) != plain(K::BUNIT) && plain(unit) != plain(K::BUNIT).replace('/', "") => {
            let hint = if K::BUNIT == "Jy/pixel" {
                "give the model as PREFIX-model.fits holds it: flux in each pixel, not seen through a beam"
            } else {
                "give an image as seen through the beam"
            };
            let values = (format!("'{unit}'"), format!("'{}'", K::BUNIT));
            Err(wrong((role, source), other, ("BUNIT", values), hint))
        }
        _ => Ok(()),
    }
}

/// Refuses an image whose pixels do not stand where those of `other` do.
///
/// # Errors
/// [`GivenError`] that tells both.
pub fn check_grid(role: &'static str, source: &Source, other: &FitsSource) -> Result<(), GivenError> {
    let (found, expected) = (source.0.geometry(), other.geometry());
    let fail =
        |key, found: String, expected: String| Err(wrong((role, source), other, (key, (found, expected)), GRID_HINT));
    let (own, its) = (shape_of(found), shape_of(expected));
    for (key, found, expected) in [("NAXIS1", own.1, its.1), ("NAXIS2", own.0, its.0)] {
        if found != expected {
            return fail(key, found.to_string(), expected.to_string());
        }
    }
    check_cell(role, source, other, GRID_HINT)?;
    let (Some(own), Some(its)) = (sky(&source.0), sky(other)) else { return Ok(()) };
    let (ny, nx) = shape_of(expected);
    for (x, y) in [((nx / 2) as f64, (ny / 2) as f64), (0.0, 0.0), (nx as f64 - 1.0, ny as f64 - 1.0)] {
        let Some((lon, lat)) = own.lonlat(x, y) else { continue };
        let off = its.pixel(lon, lat).map_or(f64::INFINITY, |(u, v)| (u - x).hypot(v - y));
        if off > PLACE_TOLERANCE {
            let found = format!("pixel ({x}, {y}) lies {off:.3} pixels off");
            return fail("CRVAL, CRPIX", found, format!("at most {PLACE_TOLERANCE}"));
        }
    }
    Ok(())
}

/// What to do about an image on another grid.
const GRID_HINT: &str = "give an image on the same grid: the same pixels, cell and centre";

pub(super) fn check_cell(
    role: &'static str,
    file: &Source,
    other: &FitsSource,
    hint: &'static str,
) -> Result<(), GivenError> {
    let (Some(found), Some(expected)) = (file.0.geometry().cell, other.geometry().cell) else { return Ok(()) };
    for (key, found, expected) in [("CDELT1", found.dx, expected.dx), ("CDELT2", found.dy, expected.dy)] {
        if (found - expected).abs() > CELL_TOLERANCE * expected.abs() {
            let values = (format!("{found:e} deg"), format!("{expected:e} deg"));
            return Err(wrong((role, file), other, (key, values), hint));
        }
    }
    Ok(())
}

/// Coordinates on the sky, where the header tells them.
pub fn sky(source: &FitsSource) -> Option<Sky> {
    let cards = source.header().cards().filter_map(|card| Some((card.key(), card.value()?.to_string())));
    Sky::from_cards(cards).filter(Sky::is_absolute)
}

pub(super) fn wrong(
    (role, file): (&'static str, &Source),
    other: &FitsSource,
    (key, (found, expected)): (&'static str, (String, String)),
    hint: &'static str,
) -> GivenError {
    GivenError {
        role,
        file: file.0.spec().to_owned(),
        other: other.spec().to_owned(),
        hdu: file.0.hdu_label().to_owned(),
        key,
        found,
        expected,
        hint,
    }
}
