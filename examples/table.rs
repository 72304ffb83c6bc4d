//! A table from CSV: head, mean, filter, value counts, groups; written as CSV, FITS and Parquet.
//!
//! `cargo run --example table`, or `cargo run --features parquet --example table`
#![allow(clippy::print_stdout)]

use std::error::Error;

use deconv::collections::table::{Aggregate, Direction, Table, column};

/// Runs the example.
pub fn main() -> Result<(), Box<dyn Error>> {
    let sources = Table::read_csv("data/sample-truth.csv")?.with_unit("flux", "Jy")?;
    println!("{} sources; the first:\n{}", sources.rows(), sources.head(3));
    let mean = sources.aggregate("flux", Aggregate::Mean)?;

    let bright = sources.filter(&(column("flux").greater(mean) & !column("major").greater(0.0)))?;
    let brightest = bright.sort(&["flux"], Direction::Down)?.select(&["ra", "dec", "flux"])?.head(3);
    println!("mean flux {mean:.4} Jy; the brightest points:\n{brightest}");
    assert!(bright.rows() < sources.rows());
    assert!(bright.numbers("flux")?.iter().all(|flux| *flux > mean));

    let sizes = sources.value_counts("major")?;
    let counted: f64 = sizes.numbers("count")?.iter().sum();
    assert_eq!(counted, sources.rows() as f64);

    let kinds: Vec<&str> =
        sources.numbers("major")?.iter().map(|major| if *major > 0.0 { "Gaussian" } else { "point" }).collect();
    let by_kind = sources
        .with_column("kind", kinds)?
        .group(&["kind"], &[("flux", Aggregate::Count), ("flux", Aggregate::Sum), ("flux", Aggregate::Max)])?;
    print!("{by_kind}");
    by_kind.write_csv("outputs/table.csv")?;
    by_kind.write_fits("outputs/table.fits", "KINDS", true)?;
    #[cfg(feature = "parquet")]
    by_kind.write_parquet("outputs/table.parquet")?;
    let again = Table::read_csv("outputs/table.csv")?;
    assert_eq!(again.numbers("flux_sum")?, by_kind.numbers("flux_sum")?);
    Ok(())
}
