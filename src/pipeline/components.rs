//! The components of CLEAN as a table.

use super::outcome::PlaneComponents;
use super::plan::Plan;
use crate::algorithms::Component;
use crate::collections::table::{Column, Table, TableError};
use crate::images::{Frame, Sky};

/// A row for each pixel of a model that holds components, by plane, row and column:
///
/// | column | unit | |
/// |---|---|---|
/// | `plane` | | place in the dirty file, counted from 0 |
/// | `frequency` | Hz | where the header tells it |
/// | `x`, `y` | pixel | column and row, counted from 0: one less than the pixel of FITS |
/// | `ra`, `dec` | deg | in the frame of the header, where it has one; `glon`, `glat` or `lon`, `lat` in other systems |
/// | `flux` | Jy | sum of the components there, the pixel of the model |
///
/// # Errors
/// [`TableError`], which does not happen: every column has a row for each component.
pub fn table(plan: &Plan, planes: &[PlaneComponents]) -> Result<Table, TableError> {
    let source = &plan.inputs.dirty.0;
    let labels = source.plane_labels();
    let rows: Vec<(usize, &Component)> =
        planes.iter().flat_map(|plane| plane.found.iter().map(|component| (plane.plane, component))).collect();
    let mut table = Table::new().with_column("plane", rows.iter().map(|(plane, _)| *plane).collect::<Vec<_>>())?;
    if labels.iter().any(|label| label.freq_hz.is_some()) {
        let frequency: Vec<Option<f64>> = rows.iter().map(|(plane, _)| labels[*plane].freq_hz).collect();
        table = with(table, "frequency", "Hz", frequency)?;
    }
    table = with(table, "x", "pixel", rows.iter().map(|(_, component)| component.x).collect::<Vec<_>>())?;
    table = with(table, "y", "pixel", rows.iter().map(|(_, component)| component.y).collect::<Vec<_>>())?;
    let cards = source.header().cards().filter_map(|card| Some((card.key(), card.value()?.to_string())));
    if let Some(sky) = Sky::from_cards(cards).filter(Sky::is_absolute) {
        let names = match sky.frame() {
            Frame::Equatorial => ["ra", "dec"],
            Frame::Galactic => ["glon", "glat"],
            Frame::Other => ["lon", "lat"],
        };
        let place = |(_, component): &(usize, &Component)| sky.lonlat(component.x as f64, component.y as f64);
        let (lon, lat): (Vec<Option<f64>>, Vec<Option<f64>>) = rows.iter().map(place).map(Option::unzip).unzip();
        table = with(with(table, names[0], "deg", lon)?, names[1], "deg", lat)?;
    }
    with(table, "flux", "Jy", rows.iter().map(|(_, component)| component.flux).collect::<Vec<_>>())
}

fn with(table: Table, name: &str, unit: &str, values: impl Into<Column>) -> Result<Table, TableError> {
    table.with_column(name, values)?.with_unit(name, unit)
}
