//! The tables of a sweep.

use super::time::Timing;
use crate::collections::table::{Column, Table, TableError};
use crate::pipeline::sweep::{Criterion, Numbers, Sweep};

/// Columns in the making: name, unit, values.
type Columns = Vec<(String, &'static str, Column)>;

fn assemble(columns: Columns) -> Result<Table, TableError> {
    columns.into_iter().try_fold(Table::new(), |table, (name, unit, values)| {
        let table = table.with_column(&name, values)?;
        if unit.is_empty() { Ok(table) } else { table.with_unit(&name, unit) }
    })
}

/// The swept parameters, numbers where all values are numbers.
fn parameters(sweep: &Sweep) -> Columns {
    let column = |place: usize| {
        let texts: Vec<String> = sweep.points.iter().map(|point| point.values[place].clone()).collect();
        let whole: Option<Vec<i64>> = texts.iter().map(|text| text.parse().ok()).collect();
        let numbers: Option<Vec<f64>> = texts.iter().map(|text| text.parse().ok()).collect();
        match (whole, numbers) {
            (Some(whole), _) => Column::from(whole),
            (_, Some(numbers)) => Column::from(numbers),
            _ => Column::from(texts),
        }
    };
    sweep.axes.iter().enumerate().map(|(place, axis)| (axis.target.to_string(), "", column(place))).collect()
}

/// What came of every point.
fn numbers(results: &[Option<&Numbers>]) -> Columns {
    let float = |value: fn(&Numbers) -> f64| -> Column {
        results.iter().map(|one| one.map(value).map(four)).collect::<Vec<_>>().into()
    };
    let count = |value: fn(&Numbers) -> u64| -> Column {
        results.iter().map(|one| one.map(|one| value(one) as i64)).collect::<Vec<_>>().into()
    };
    let stops: Vec<Option<String>> = results.iter().map(|one| one.map(|one| one.stop.clone())).collect();
    vec![
        ("flux_jy".to_owned(), "Jy", float(|one| one.flux_jy)),
        ("components".to_owned(), "", count(|one| one.components)),
        ("iterations".to_owned(), "", count(|one| one.iterations)),
        ("cycles".to_owned(), "", count(|one| one.cycles)),
        ("residual_rms".to_owned(), "Jy/beam", float(|one| one.residual_rms)),
        ("residual_peak".to_owned(), "Jy/beam", float(|one| one.residual_peak)),
        ("stop".to_owned(), "", stops.into()),
    ]
}

/// The table of a sweep of results.
pub(super) fn results(
    sweep: &Sweep,
    results: &[Option<Numbers>],
    criterion: Option<&Criterion>,
) -> Result<Table, TableError> {
    let all: Vec<Option<&Numbers>> = results.iter().map(Option::as_ref).collect();
    let mut columns = parameters(sweep);
    if let Some(criterion) = criterion {
        let scores: Vec<Option<f64>> = all.iter().map(|one| one.and_then(|one| one.score)).collect();
        columns.push((criterion.column().to_owned(), "", scores.into()));
    }
    columns.extend(numbers(&all));
    let walls: Vec<Option<f64>> = all.iter().map(|one| one.map(|one| four(one.wall_s))).collect();
    columns.push(("wall_s".to_owned(), "s", walls.into()));
    assemble(columns)
}

/// The table of a sweep of times.
pub(super) fn timings(sweep: &Sweep, timings: &[Timing]) -> Result<Table, TableError> {
    let column =
        |value: fn(&Timing) -> f64| -> Column { timings.iter().map(|one| four(value(one))).collect::<Vec<_>>().into() };
    let count = |value: fn(&Timing) -> u64| -> Column { timings.iter().map(value).collect::<Vec<_>>().into() };
    let mut columns = parameters(sweep);
    columns.extend([
        ("rows".to_owned(), "", count(|one| one.rows)),
        ("columns".to_owned(), "", count(|one| one.columns)),
        ("wall_s".to_owned(), "s", column(|one| Timing::least(&one.wall_s))),
        ("wall_spread_percent".to_owned(), "", column(|one| Timing::spread(&one.wall_s))),
        ("cpu_s".to_owned(), "s", column(|one| Timing::least(&one.cpu_s))),
        ("cpu_spread_percent".to_owned(), "", column(|one| Timing::spread(&one.cpu_s))),
        ("peak_mib".to_owned(), "MiB", column(|one| one.peak_bytes as f64 / f64::from(1 << 20))),
        ("tasks".to_owned(), "", count(|one| one.tasks)),
        ("overhead_percent".to_owned(), "", column(|one| one.overhead_percent)),
    ]);
    columns.extend(numbers(&timings.iter().map(|one| Some(&one.numbers)).collect::<Vec<_>>()));
    assemble(columns)
}

/// Four digits: more are noise.
fn four(value: f64) -> f64 {
    format!("{value:.3e}").parse().unwrap_or(value)
}
