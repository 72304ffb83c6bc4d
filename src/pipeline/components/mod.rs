//! The components of CLEAN as a list: tables, the text of `WSClean`, and back to a model.

mod error;
mod listing;
mod places;
mod sources;
mod text;

use super::outcome::PlaneComponents;
use super::plan::Plan;
use super::plan::given::sky;
use crate::algorithms::{Component, Scale, ScaleShape};
use crate::collections::table::{Column, Table, TableError};
use crate::images::Frame;

pub use error::ListError;
pub use listing::{Group, Listing};
pub use sources::{check_sources, lists_pixels, sources};

/// The name of a shape in a list.
fn name_of(scale: &Scale) -> &'static str {
    match scale.shape {
        _ if scale.is_point() => "point",
        ScaleShape::TaperedQuadratic => "tapered-quadratic",
        ScaleShape::Gaussian => "gaussian",
    }
}

/// A row for each component, by plane, scale, row and column:
///
/// | column | unit | |
/// |---|---|---|
/// | `plane` | | place in the dirty file, counted from 0 |
/// | `frequency` | Hz | where the header tells it |
/// | `x`, `y` | pixel | column and row, counted from 0: one less than the pixel of FITS |
/// | `ra`, `dec` | deg | in the frame of the header, where it has one; `glon`, `glat` or `lon`, `lat` in other systems |
/// | `flux` | Jy | sum of the components there; of points alone the pixel of the model |
/// | `scale` | pixel | full width of its kernel, 0 for a point |
/// | `shape` | | `point`, `tapered-quadratic` or `gaussian` |
///
/// # Errors
/// [`TableError`], which does not happen: every column has a row for each component.
pub fn table(plan: &Plan, planes: &[PlaneComponents]) -> Result<Table, TableError> {
    let source = &plan.inputs.dirty.0;
    let labels = source.plane_labels();
    let rows: Vec<(usize, Scale, &Component)> = planes.iter().flat_map(PlaneComponents::each).collect();
    let mut table = Table::new().with_column("plane", rows.iter().map(|(plane, ..)| *plane).collect::<Vec<_>>())?;
    if labels.iter().any(|label| label.freq_hz.is_some()) {
        let frequency: Vec<Option<f64>> = rows.iter().map(|(plane, ..)| labels[*plane].freq_hz).collect();
        table = with(table, "frequency", "Hz", frequency)?;
    }
    table = with(table, "x", "pixel", rows.iter().map(|(.., component)| component.x).collect::<Vec<_>>())?;
    table = with(table, "y", "pixel", rows.iter().map(|(.., component)| component.y).collect::<Vec<_>>())?;
    if let Some(sky) = sky(source) {
        let names = places_of(sky.frame());
        let place = |(.., component): &(usize, Scale, &Component)| sky.lonlat(component.x as f64, component.y as f64);
        let (lon, lat): (Vec<Option<f64>>, Vec<Option<f64>>) = rows.iter().map(place).map(Option::unzip).unzip();
        table = with(with(table, names[0], "deg", lon)?, names[1], "deg", lat)?;
    }
    table = with(table, "flux", "Jy", rows.iter().map(|(.., component)| component.flux).collect::<Vec<_>>())?;
    table = with(table, "scale", "pixel", rows.iter().map(|(_, scale, _)| scale.width).collect::<Vec<_>>())?;
    table.with_column("shape", rows.iter().map(|(_, scale, _)| name_of(scale)).collect::<Vec<_>>())
}

/// What longitude and latitude are called.
fn places_of(frame: Frame) -> [&'static str; 2] {
    match frame {
        Frame::Equatorial => ["ra", "dec"],
        Frame::Galactic => ["glon", "glat"],
        Frame::Other => ["lon", "lat"],
    }
}

fn with(table: Table, name: &str, unit: &str, values: impl Into<Column>) -> Result<Table, TableError> {
    table.with_column(name, values)?.with_unit(name, unit)
}
