//! The clean beam of each plane, from the places where programs keep it.

use std::path::Path;

use super::axes::{Axes, AxisKind, Window, degrees};
use super::card::Card;
use super::cfitsio::Handle;
use super::error::{FitsError, Place};
use super::hdu::Hdu;
use super::header::{Header, to_blocks};
use crate::images::CleanBeam;

/// Reads the beam of every plane: the CASA `BEAMS` table if the header says CASAMBM or has no BMAJ, else
/// the keys of each plane (`BMAJ1`, or `BMAJ0` where that is the first), else BMAJ, BMIN and BPA \[deg\].
/// What is particular goes before what is common. A beam of size zero is none.
///
/// # Errors
/// [`FitsError::Read`] and [`FitsError::Key`] for a BEAMS table that cannot be read.
pub(super) fn read(
    file: &Path,
    hdus: &[Hdu],
    image: (&Header, &Axes, &Window),
    place: &Place,
) -> Result<Vec<Option<CleanBeam>>, FitsError> {
    let (header, axes, window) = image;
    let table = hdus.iter().find(|hdu| hdu.name().is_some_and(|name| name.eq_ignore_ascii_case("BEAMS")));
    if let Some(table) = table.filter(|_| header.is_true("CASAMBM") || header.get("BMAJ").is_none()) {
        return from_table(file, table, (axes, window), &Place::new(&place.path, &table.label()));
    }
    let common = from_keys(header, "");
    let first = usize::from(header.get("BMAJ0").is_none());
    let channel = |plane: usize| window_position(axes, window, plane, AxisKind::Spectral).unwrap_or(plane);
    let own = |plane| from_keys(header, &(channel(plane) + first).to_string());
    Ok((0..axes.planes()).map(|plane| own(plane).or(common)).collect())
}

/// Pixel of the whole file's axis of this `kind` that `plane` is at, from 0.
fn window_position(axes: &Axes, window: &Window, plane: usize, kind: AxisKind) -> Option<usize> {
    axes.find(kind).map(|i| axes.position(plane)[i] + window.first[i + 2])
}

fn from_keys(header: &Header, suffix: &str) -> Option<CleanBeam> {
    let key = |stem| header.get_f64(&format!("{stem}{suffix}"));
    beam(key("BMAJ")?, key("BMIN")?, key("BPA").unwrap_or(0.0))
}

/// A beam \[deg\], or none if it has no size.
fn beam(bmaj: f64, bmin: f64, bpa: f64) -> Option<CleanBeam> {
    let sized = bmaj.is_finite() && bmin.is_finite() && bpa.is_finite() && bmaj > 0.0 && bmin > 0.0;
    sized.then_some(CleanBeam { bmaj, bmin, bpa })
}

/// Reads the BEAMS table: one row per channel and polarisation, which CHAN and POL tell from 0 (without
/// them the rows are in the order of the planes). The units are those of TUNIT: without it arcsec, as CASA
/// writes, and degrees for BPA.
fn from_table(
    file: &Path,
    table: &Hdu,
    image: (&Axes, &Window),
    place: &Place,
) -> Result<Vec<Option<CleanBeam>>, FitsError> {
    let (axes, window) = image;
    let rows = table.header.count("NAXIS2", place)? as usize;
    let handle = Handle::open(file, table.index).map_err(|source| place.read("the table of beams", source))?;
    let column = |name: &str| handle.read_column(name, rows).map_err(|source| place.read(name, source));
    let angle = |name: &str, unit: &str| {
        let values = column(name)?.ok_or_else(|| {
            place.wrong(FitsError::Key, "TTYPEn", "columns BMAJ, BMIN and BPA", format!("no column {name}"))
        })?;
        let factor = unit_of(&table.header, name, unit, place)?;
        Ok(values.into_iter().map(|value| value * factor).collect::<Vec<_>>())
    };
    let (bmaj, bmin, bpa) = (angle("BMAJ", "arcsec")?, angle("BMIN", "arcsec")?, angle("BPA", "deg")?);
    let (channels, stokes) = (column("CHAN")?, column("POL")?);
    let row_of = |plane: usize| {
        let at = |kind| window_position(axes, window, plane, kind).unwrap_or(0) as f64;
        match (&channels, &stokes) {
            (Some(channels), Some(stokes)) => {
                (0..rows).find(|&row| (channels[row], stokes[row]) == (at(AxisKind::Spectral), at(AxisKind::Stokes)))
            }
            _ => (plane < rows).then_some(plane),
        }
    };
    Ok((0..axes.planes()).map(|plane| row_of(plane).and_then(|row| beam(bmaj[row], bmin[row], bpa[row]))).collect())
}

/// Degrees in the unit of the column `name`.
fn unit_of(header: &Header, name: &str, default: &str, place: &Place) -> Result<f64, FitsError> {
    let columns = header.get_i64("TFIELDS").unwrap_or(0);
    let is_column = |n: &i64| header.get_str(&format!("TTYPE{n}")).is_some_and(|t| t.eq_ignore_ascii_case(name));
    let key = (1..=columns).find(is_column).map(|n| format!("TUNIT{n}")).unwrap_or_default();
    let unit = header.get_str(&key).filter(|unit| !unit.is_empty()).unwrap_or_else(|| default.to_owned());
    degrees(&unit).ok_or_else(|| place.wrong(FitsError::Key, &key, "arcsec, deg, arcmin, mas, uas or rad", unit))
}

/// How the beams of a product are written.
pub(super) enum Written {
    /// BMAJ, BMIN and BPA, or nothing.
    Keys(Vec<Card>),
    /// The bytes of a BEAMS table, in whole blocks.
    Table(Vec<u8>),
}

/// Writes `beams` (one for each plane, one for all, or none) as keys if the planes that have one have the
/// same, else as a table.
pub(super) fn write(beams: &[Option<CleanBeam>], axes: &Axes) -> Written {
    let mut sized = beams.iter().flatten();
    match sized.next() {
        None => Written::Keys(Vec::new()),
        Some(first) if sized.all(|beam| beam == first) => Written::Keys(vec![
            Card::new("BMAJ", first.bmaj, "major axis, full width at half maximum [deg]"),
            Card::new("BMIN", first.bmin, "minor axis, full width at half maximum [deg]"),
            Card::new("BPA", first.bpa, "position angle, north through east [deg]"),
        ]),
        Some(_) => Written::Table(table(beams, axes)),
    }
}

/// The HDU that CASA writes for a cube with a beam for each plane.
fn table(beams: &[Option<CleanBeam>], axes: &Axes) -> Vec<u8> {
    const ROW: usize = 20;
    let len = |kind| axes.find(kind).map_or(1, |i| axes.beyond[i].len) as i64;
    let mut header: Header = [
        Card::new("XTENSION", "BINTABLE", "beam of each plane"),
        Card::new("BITPIX", 8, ""),
        Card::new("NAXIS", 2, ""),
        Card::new("NAXIS1", ROW as i64, "bytes of a row"),
        Card::new("NAXIS2", beams.len() as i64, "rows"),
        Card::new("PCOUNT", 0, ""),
        Card::new("GCOUNT", 1, ""),
        Card::new("TFIELDS", 5, ""),
    ]
    .into_iter()
    .collect();
    let columns = [
        ("BMAJ", "1E", "arcsec"),
        ("BMIN", "1E", "arcsec"),
        ("BPA", "1E", "deg"),
        ("CHAN", "1J", ""),
        ("POL", "1J", ""),
    ];
    for (n, (name, form, unit)) in (1..).zip(columns) {
        header.push(Card::new(&format!("TTYPE{n}"), name, ""));
        header.push(Card::new(&format!("TFORM{n}"), form, ""));
        if !unit.is_empty() {
            header.push(Card::new(&format!("TUNIT{n}"), unit, ""));
        }
    }
    header.push(Card::new("EXTNAME", "BEAMS", ""));
    header.push(Card::new("EXTVER", 1, ""));
    header.push(Card::new("NCHAN", len(AxisKind::Spectral), "number of channels"));
    header.push(Card::new("NPOL", len(AxisKind::Stokes), "number of polarisations"));
    let mut bytes = header.to_bytes(to_blocks(header.byte_len() as u64) as usize);
    for (plane, beam) in beams.iter().enumerate() {
        let beam = beam.unwrap_or(CleanBeam { bmaj: 0.0, bmin: 0.0, bpa: 0.0 });
        let position = axes.position(plane);
        let at = |kind| axes.find(kind).map_or(0, |i| position[i]) as i32;
        for angle in [beam.bmaj * 3600.0, beam.bmin * 3600.0, beam.bpa] {
            bytes.extend((angle as f32).to_be_bytes());
        }
        bytes.extend(at(AxisKind::Spectral).to_be_bytes());
        bytes.extend(at(AxisKind::Stokes).to_be_bytes());
    }
    bytes.resize(to_blocks(bytes.len() as u64) as usize, 0);
    bytes
}
