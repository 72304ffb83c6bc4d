//! A Fourier transform in chunks: rows in slabs, a rechunk that inserts itself, columns in blocks, and back, in a budget.
//!
//! `cargo run --release --example chunked_fft`, or `... chunked_fft 8192`.
#![allow(clippy::print_stdout)]

use std::error::Error;

use deconv::collections::Compute;
use deconv::collections::array::{Array, Boundary};
use deconv::graph::Scratch;

/// Runs the example.
pub fn main() -> Result<(), Box<dyn Error>> {
    let asked = std::env::args().nth(1).and_then(|size| size.parse().ok());
    let size: usize = asked.unwrap_or(256);
    let image = Array::<f32>::normal(5, (0.0, 1.0), [size, size], size / 4)?;

    // smoothed where it stands, each chunk with a halo of its neighbours
    let smooth = image.map_overlap((&[1, 1], Boundary::Periodic), "smooth", |view| {
        let (ny, nx) = (view.shape()[0], view.shape()[1]);
        let mut out = view.to_owned();
        for y in 1..ny - 1 {
            for x in 1..nx - 1 {
                out[[y, x]] = (2.0 * view[[y, x]] + view[[y - 1, x]] + view[[y + 1, x]]) / 4.0;
            }
        }
        out
    })?;

    // a budget of what all the chunks of the spectrum take, the rest in scratch files
    let scratch = Scratch::new(&std::env::temp_dir())?;
    let compute = Compute::new().memory(6 * image.bytes()).scratch(scratch);
    let spectrum = smooth.rfft2()?;
    let back = spectrum.irfft2(size)?;
    let apart = back.sub(&smooth)?.abs().max(&[0, 1])?.compute_with(&compute)?[[]];
    println!("{spectrum:?}; there and back again: {apart:.1e} apart at most");
    assert!(apart < 1e-5);

    // Parseval: the power of the image is that of its spectrum, columns inside the half plane counted twice
    let power = smooth.powi(2).cast::<f64>().sum(&[0, 1])?.compute_with(&compute)?[[]];
    let columns = spectrum.abs_squared().cast::<f64>().sum(&[0])?.compute_with(&compute)?;
    let weight = |kx: usize| deconv::fft::column_weight(kx, size);
    let seen: f64 = columns.iter().enumerate().map(|(kx, column)| weight(kx) * column).sum();
    let ratio = seen / power / (size * size) as f64;
    println!("power of the spectrum over that of the image: {ratio:.6}");
    assert!((ratio - 1.0).abs() < 1e-4);
    Ok(())
}
