//! A FITS image by region: only the rows that a chunk needs are read, and the result is written chunk by chunk.
//!
//! `cargo run --example fits_regions`
#![allow(clippy::print_stdout)]

use std::error::Error;

use deconv::collections::Compute;
use deconv::collections::array::{Array, Store, cut};
use deconv::io::{Card, FitsSource};

/// Runs the example.
pub fn main() -> Result<(), Box<dyn Error>> {
    let image = Array::from_fits("data/sample-dirty.fits", 0, [64, 256])?;
    println!("{image:?}, {} bytes in all, none read yet", image.bytes());

    let part = image.slice(&[cut(100..160), cut(80..200).step(2)])?;
    let (mean, std) = (part.mean(&[0, 1])?.compute()?[[]], part.std(&[0, 1])?.compute()?[[]]);
    println!("a part of {:?}: mean {mean:.2e}, standard deviation {std:.2e}", part.shape());

    let scaled = &(&image - f64::from(mean)) / f64::from(std);
    let to = Store::fits("outputs/fits-regions.fits").card(Card::new("BTYPE", "in deviations", "")).overwrite();
    let path = scaled.store(&to, &Compute::new())?;

    let written = FitsSource::open(&path.to_string_lossy())?;
    let row = written.read_rows(0, 120..121)?;
    let expected = scaled.slice(&[cut(120..121)])?.compute()?;
    assert_eq!(row.into_dyn(), expected, "what was written is what was computed");
    Ok(())
}
