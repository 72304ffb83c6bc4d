//! The text of `WSClean`: a source list in the form of the BBS sky model.
//!
//! ```text
//! Format = Name, Type, Ra, Dec, I, SpectralIndex, LogarithmicSI, ReferenceFrequency='1.4e9', MajorAxis, MinorAxis, Orientation
//! s0c0,POINT,08:28:05.152,39.35.08.511,0.00075,[],false,1.4e9,,,
//! ```
//! Names are `s` and the number of the scale, `c` and that of the component, after `p` and that of the plane in cubes. Axes
//! are full widths at half maximum \[arcsec\]. What has no form in it, a tapered kernel, is listed pixel by pixel.

use std::fmt::Write;

use super::ListError;
use super::places::{write_dec, write_ra};
use crate::algorithms::{Component, Kind, Minor, Scale, ScaleShape};
use crate::images::{Cell, Frame, Sky};
use crate::pipeline::outcome::PlaneComponents;
use crate::pipeline::plan::Plan;
use crate::pipeline::plan::given::sky;

const TAKES: &str = "a String takes every text";

/// Refuses a plan whose components the text cannot hold.
///
/// # Errors
/// [`ListError::Sources`] for an image without right ascension and declination, or of another Stokes parameter than I.
pub fn check_sources(plan: &Plan) -> Result<(), ListError> {
    let source = &plan.inputs.dirty.0;
    let expected = "an image of Stokes I in right ascension and declination";
    let wrong = |found: String| Err(ListError::Sources { found, expected });
    if !sky(source).is_some_and(|sky| sky.frame() == Frame::Equatorial) || source.geometry().cell.is_none() {
        return wrong(format!("the header of {} tells no such coordinates", source.spec()));
    }
    let others = source.plane_labels().iter().filter_map(|label| label.stokes.as_deref());
    match others.into_iter().find(|stokes| *stokes != "I") {
        Some(stokes) => wrong(format!("{} holds Stokes {stokes}", source.spec())),
        None => Ok(()),
    }
}

/// Whether the plan's components are listed pixel by pixel: their kernels have no form in the text.
pub fn lists_pixels(plan: &Plan) -> bool {
    let is_multiscale = matches!(plan.algorithm().kind, Kind::Clean(Minor::Multiscale));
    is_multiscale && plan.config.multiscale.shape == ScaleShape::TaperedQuadratic
}

/// The components as text, of a plan that [`check_sources`] has passed.
///
/// # Panics
/// If it has not.
pub fn sources(plan: &Plan, planes: &[PlaneComponents]) -> String {
    let source = &plan.inputs.dirty.0;
    let sky = sky(source).expect("the plan was checked");
    let cell = source.geometry().cell.expect("the plan was checked");
    let labels = source.plane_labels();
    let reference = labels.first().and_then(|label| label.freq_hz).unwrap_or(0.0);
    let mut text = format!(
        "Format = Name, Type, Ra, Dec, I, SpectralIndex, LogarithmicSI, ReferenceFrequency='{reference}', MajorAxis, \
         MinorAxis, Orientation\n\n"
    );
    for plane in planes {
        let prefix = if labels.len() > 1 { format!("p{}", plane.plane) } else { String::new() };
        let frequency = labels[plane.plane].freq_hz.unwrap_or(0.0);
        let point = [(Scale::POINT, &plane.pixels[..])];
        let scales: Vec<(Scale, &[Component])> = if lists_pixels(plan) || plane.scales.is_empty() {
            point.to_vec()
        } else {
            plane.scales.iter().map(|(scale, found)| (*scale, &found[..])).collect()
        };
        for (number, (scale, found)) in scales.into_iter().enumerate() {
            let shape = form(&scale, cell);
            for (count, component) in found.iter().enumerate() {
                let Some((ra, dec)) = place(&sky, component, cell) else { continue };
                let name = format!("{prefix}s{number}c{count}");
                let (kind, axes) = &shape;
                writeln!(text, "{name},{kind},{ra},{dec},{},[],false,{frequency},{axes}", component.flux).expect(TAKES);
            }
        }
    }
    text
}

fn place(sky: &Sky, component: &Component, cell: Cell) -> Option<(String, String)> {
    let (ra, dec) = sky.lonlat(component.x as f64, component.y as f64)?;
    let size = cell.dx.abs().min(cell.dy.abs());
    Some((write_ra(ra, size), write_dec(dec, size)))
}

/// Type and axes of a scale, which is round in pixels.
fn form(scale: &Scale, cell: Cell) -> (&'static str, String) {
    if scale.is_point() {
        return ("POINT", ",,".to_owned());
    }
    let fwhm = scale.gaussian_fwhm();
    let [x, y] = [cell.dx, cell.dy].map(|step| 3600.0 * fwhm * step.abs());
    // from north through east: along x is east
    let (major, minor, angle) = if x > y { (x, y, 90) } else { (y, x, 0) };
    ("GAUSSIAN", format!("{major},{minor},{angle}"))
}
