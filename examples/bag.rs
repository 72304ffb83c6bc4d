//! Bags: squares that are even, a fold, groups, files found by a pattern and paired, and memory that is waited for.
//!
//! `cargo run --example bag`
#![allow(clippy::print_stdout)]

use std::error::Error;

use deconv::collections::Compute;
use deconv::collections::bag::{Bag, Pattern};
use deconv::graph::Cost;
use deconv::io::FitsSource;

/// Runs the example.
pub fn main() -> Result<(), Box<dyn Error>> {
    let even = Bag::from_items(1..=10, 3).map("squared", |x: &i64| x * x).filter("is even", |x| x % 2 == 0);
    println!("{:?}", even.compute()?);
    assert_eq!(even.compute()?, [4, 16, 36, 64, 100]);
    assert_eq!(even.fold("sum", 0, |sum, x| sum + x, |a, b| a + b).compute()?, 220);

    // grouping moves every item; where a fold does, fold
    let mut by_rest = even.group_by("rest", 2, |x| x % 3).compute()?;
    by_rest.sort();
    assert_eq!(by_rest, [(0, vec![36]), (1, vec![4, 16, 64, 100])]);

    let files = Bag::from_glob("data/sample-*.fits", 2)?;
    let shapes = files.map("open", |path| {
        let shape = FitsSource::open(&path.to_string_lossy()).map(|source| source.geometry());
        shape.map_or_else(|error| error.to_string(), |shape| format!("{} x {}", shape.ny, shape.nx))
    });
    // memory that a partition declares is waited for: here one image at a time
    let one = Cost { scratch_bytes: 1 << 20, ..Cost::default() };
    let alone = shapes.costing([one, one]).compute_with(&Compute::new().workers(2).memory(1 << 20))?;
    assert_eq!(alone, shapes.compute()?);

    // what the wildcards of one pattern stand for names the partners: so deconv pairs dirty images with PSFs
    let (dirty, psf) = (Pattern::new("data/*-dirty.fits"), Pattern::new("data/*-psf.fits"));
    for file in dirty.files()? {
        println!("{} goes with {:?}", file.path.display(), psf.fill(&file.texts));
    }

    let counts = shapes.frequencies().compute()?;
    println!("images by shape: {counts:?}");
    assert_eq!(counts.values().sum::<usize>(), files.count().compute()?);
    Ok(())
}
