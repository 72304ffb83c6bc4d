//! The files of the user's mask: opened, held against the dirty image, and put on its grid.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{PlanError, check_shape, shape_of};
use crate::images::region::{Misplaced, Place, Stamp};
use crate::io::{FitsSource, RegionFormat};
use crate::pipeline::ops::Source;

/// A file of the mask.
#[derive(Debug, Clone)]
pub struct MaskFile {
    /// As it was given, without the `!`.
    pub spec: String,
    /// Whether its pixels are taken out.
    pub is_out: bool,
    /// What it selects.
    pub content: MaskContent,
}

/// What a file of the mask selects.
#[derive(Debug, Clone)]
pub enum MaskContent {
    /// An image on the grid of the dirty image.
    Same(Source),
    /// An image on another grid.
    Other {
        /// The image.
        source: Source,
        /// Its sky.
        from: Box<Place>,
        /// The sky of the dirty image.
        to: Box<Place>,
    },
    /// Regions on the grid of the dirty image.
    Stamps(Vec<Stamp>),
}

impl MaskFile {
    /// The file itself.
    pub fn path(&self) -> PathBuf {
        match self.source() {
            Some(source) => source.0.path().to_owned(),
            None => PathBuf::from(&self.spec),
        }
    }

    /// The image, if it is one.
    pub fn source(&self) -> Option<&Source> {
        match &self.content {
            MaskContent::Same(source) | MaskContent::Other { source, .. } => Some(source),
            MaskContent::Stamps(_) => None,
        }
    }
}

/// Opens the files of a mask, `a.fits,!b.reg`, for a dirty image; returns also what the user should know.
pub(super) fn open(list: &str, dirty: &FitsSource) -> Result<(Vec<MaskFile>, Vec<String>), PlanError> {
    let (place, mut notes) = (dirty.place(), Vec::new());
    let files = split(list).into_iter().map(|spec| {
        let (is_out, spec) = spec.strip_prefix('!').map_or((false, spec), |rest| (true, rest));
        let content = match RegionFormat::of(Path::new(spec)) {
            Some(format) => stamps(spec, format, (dirty, place.as_ref()), &mut notes)?,
            None => image(spec, (dirty, place.as_ref()), &mut notes)?,
        };
        Ok(MaskFile { spec: spec.to_owned(), is_out, content })
    });
    let files = files.collect::<Result<_, PlanError>>()?;
    Ok((files, notes))
}

/// The parts of a list between commas, except those in brackets; a list that is the name of a file is that file.
fn split(list: &str) -> Vec<&str> {
    if Path::new(list).exists() {
        return vec![list];
    }
    let mut depth = 0_usize;
    let parts = list.split(|letter: char| {
        match letter {
            '[' => depth += 1,
            ']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        letter == ',' && depth == 0
    });
    parts.map(str::trim).filter(|part| !part.is_empty()).collect()
}

/// What is known of the dirty image.
type Dirty<'a> = (&'a FitsSource, Option<&'a Place>);

fn stamps(
    spec: &str,
    format: RegionFormat,
    (dirty, place): Dirty<'_>,
    notes: &mut Vec<String>,
) -> Result<MaskContent, PlanError> {
    let read = format.read(Path::new(spec))?;
    notes.extend(read.notes.iter().map(|note| format!("{spec}, {note}")));
    let shape = shape_of(dirty.geometry());
    let (mut stamps, mut outside) = (Vec::new(), 0);
    for region in &read.regions {
        let misplaced = |reason| PlanError::Misplaced {
            file: spec.to_owned(),
            line: region.line,
            dirty: dirty.spec().to_owned(),
            reason: in_words(&reason),
        };
        match region.on(place).map_err(misplaced)? {
            Some(stamp) => {
                outside += usize::from(!stamp.touches(shape));
                stamps.push(stamp);
            }
            None => outside += 1,
        }
    }
    match (outside, read.regions.len()) {
        (0, 0) => notes.push(format!("{spec} holds no region, so it selects nothing")),
        (0, _) => {}
        (outside, all) if outside == all => {
            notes.push(format!("{spec} lies outside of the image, all {all} regions of it; is it of another field?"));
        }
        (outside, all) => notes.push(format!("{outside} of {all} regions of {spec} lie outside of the image")),
    }
    // without any left, "all but" must not become "nothing"
    let is_all_but = read.regions.first().is_some_and(|region| region.is_excluded);
    if is_all_but && stamps.first().is_none_or(|stamp| !stamp.is_excluded) {
        stamps.insert(0, Stamp::nothing_taken_out());
    }
    Ok(MaskContent::Stamps(stamps))
}

fn in_words(reason: &Misplaced) -> String {
    match reason {
        Misplaced::NoSky => "the region is on the sky, and the header tells no WCS that is understood".to_owned(),
        Misplaced::Frame { expected, found } => {
            format!("the region is in {found}, and the image in {expected}; these are not turned into each other")
        }
        Misplaced::Beyond => "a corner of the region lies beyond the image's projection".to_owned(),
    }
}

/// Pixels may lie so far beside those of the same place, and grids count as the same.
const SAME: f64 = 0.01;

fn image(spec: &str, (dirty, place): Dirty<'_>, notes: &mut Vec<String>) -> Result<MaskContent, PlanError> {
    let source = Source(Arc::new(FitsSource::open(spec)?));
    let (own, shape) = (shape_of(source.0.geometry()), shape_of(dirty.geometry()));
    let from = source.0.place().filter(|place| place.sky.is_absolute());
    let to = place.filter(|place| place.sky.is_absolute());
    let (from, to) = match (from, to) {
        (Some(from), Some(to)) => (from, to),
        (from, _) => {
            let hint = "make the mask on the dirty image's own grid, or with a WCS";
            check_shape(("mask", &source), dirty, hint)?;
            if from.is_none() && to.is_some() {
                notes.push(format!("{spec} tells no WCS: taken pixel for pixel"));
            }
            return Ok(MaskContent::Same(source));
        }
    };
    if !to.frame.turns_into(&from.frame) {
        let reason = in_words(&Misplaced::Frame { expected: to.frame.clone(), found: from.frame });
        let (file, dirty) = (spec.to_owned(), dirty.spec().to_owned());
        return Err(PlanError::Misplaced { file, line: 0, dirty, reason });
    }
    let (far_y, far_x) = ((shape.0 - 1) as f64, (shape.1 - 1) as f64);
    let corners = [(0.0, 0.0), (far_x, 0.0), (0.0, far_y), (far_x, far_y), (far_x / 2.0, far_y / 2.0)];
    // beyond the projection both are nowhere
    let stays = |(x, y): (f64, f64)| match to.pixel_of(&from, x, y) {
        Some((u, v)) => (u - x).abs() < SAME && (v - y).abs() < SAME,
        None => to.sky.keys() == from.sky.keys(),
    };
    if own == shape && corners.into_iter().all(stays) {
        return Ok(MaskContent::Same(source));
    }
    let ((ny, nx), (my, mx)) = (shape, own);
    notes.push(format!("{spec} is on another grid: its {my} x {mx} pixels are taken to the {ny} x {nx} of the image"));
    Ok(MaskContent::Other { source, from: Box::new(from), to: Box::new(to.clone()) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn list_is_split_at_commas_outside_of_brackets() {
        assert_eq!(split("a.fits[1:5,2:6],!b.reg, c.fits[SCI,2]"), ["a.fits[1:5,2:6]", "!b.reg", "c.fits[SCI,2]"]);
        assert_eq!(split("a.fits"), ["a.fits"]);
    }
}
