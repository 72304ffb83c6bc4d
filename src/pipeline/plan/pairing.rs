//! Which planes of the other files go with each plane of the dirty image.

use super::{Inputs, MaskFile, PlanError, PlanePlan, mismatch};
use crate::io::{FitsSource, PlaneLabel};
use crate::pipeline::ops::Source;

/// Pairs the planes of the dirty image with those of PSF and mask.
pub(super) fn planes(inputs: &Inputs) -> Result<Vec<PlanePlan>, PlanError> {
    let labels = inputs.dirty.0.plane_labels();
    let psf = match &inputs.grid {
        Some(grid) => vec![grid.central; labels.len()],
        None => pairing("PSF", &inputs.psf, &inputs.dirty.0)?,
    };
    let of_mask = |file: &MaskFile| match file.source() {
        Some(source) => pairing("mask", source, &inputs.dirty.0),
        None => Ok(vec![0; labels.len()]),
    };
    let masks = inputs.masks.iter().map(of_mask).collect::<Result<Vec<_>, _>>()?;
    let one = labels.len() == 1;
    let plan = |(plane, label): (usize, &PlaneLabel)| PlanePlan {
        plane,
        label: describe(label, plane, one),
        psf: psf[plane],
        masks: masks.iter().map(|planes| planes[plane]).collect(),
    };
    Ok(labels.iter().enumerate().map(plan).collect())
}

fn describe(label: &PlaneLabel, plane: usize, one: bool) -> String {
    let stokes = label.stokes.as_deref().unwrap_or("");
    let frequency = label.freq_hz.map(|hz| format!("{:.4} GHz", hz / 1e9)).unwrap_or_default();
    let told =
        [stokes, frequency.as_str()].iter().filter(|part| !part.is_empty()).copied().collect::<Vec<_>>().join(" ");
    match (one, told.is_empty()) {
        (true, true) => "image".to_owned(),
        (false, true) => format!("plane {plane}"),
        (true, false) => told,
        (false, false) => format!("plane {plane} ({told})"),
    }
}

/// For each plane of the dirty image the plane of `file` that goes with it: its only one, or the one of the same
/// Stokes parameter and frequency (the axes may stand in another order).
pub(super) fn pairing(role: &'static str, file: &Source, dirty: &FitsSource) -> Result<Vec<usize>, PlanError> {
    let (labels, own) = (dirty.plane_labels(), file.0.plane_labels());
    if own.len() == 1 {
        return Ok(vec![0; labels.len()]);
    }
    if own.len() != labels.len() {
        let values = (format!("{} planes", own.len()), format!("{}", labels.len()));
        let hint = "give one plane for all, or as many planes as the dirty image has";
        return Err(mismatch((role, file), dirty, "NAXIS3 and NAXIS4", values, hint));
    }
    let is_same = |a: &PlaneLabel, b: &PlaneLabel| {
        let close = match (a.freq_hz, b.freq_hz) {
            (Some(a), Some(b)) => (a - b).abs() <= 1e-9 * a.abs(),
            (a, b) => a == b,
        };
        a.stokes == b.stokes && close
    };
    let matched: Option<Vec<usize>> =
        labels.iter().map(|label| own.iter().position(|candidate| is_same(label, candidate))).collect();
    Ok(matched.unwrap_or_else(|| (0..labels.len()).collect()))
}
