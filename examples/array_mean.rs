//! `normal(10, 0.1, size=(n, n)).mean(axis=0)[::100]` in chunks of several lengths: the same bytes, in about the same time.
//!
//! `cargo run --release --example array_mean`, or `... array_mean 20000` for the tutorial's size. The numbers are made by
//! place, the sums follow one tree, and numbers and sums of a chunk are one task: not even a single chunk
//! for the whole array takes its memory.
#![allow(clippy::print_stdout)]

use std::error::Error;
use std::time::Instant;

use deconv::collections::array::{Array, WHOLE, cut};

/// Runs the example.
pub fn main() -> Result<(), Box<dyn Error>> {
    let asked = std::env::args().nth(1).and_then(|size| size.parse().ok());
    let size: usize = asked.unwrap_or(1000);
    let mut first = None;
    for chunk in [WHOLE, size / 4, size / 20, size / 100] {
        let began = Instant::now();
        let x = Array::<f64>::normal(7, (10.0, 0.1), [size, size], chunk)?;
        let means = x.mean(&[0])?.slice(&[cut(..).step(100)])?.compute()?;
        let chunks = x.chunks().chunks();
        println!(
            "{chunks:>6} chunks: {:.3} s, the first of {} means {:.6}",
            began.elapsed().as_secs_f64(),
            means.len(),
            means[0]
        );
        // the error of a mean of n numbers is 0.1 / sqrt(n)
        assert!(means.iter().all(|mean| (mean - 10.0).abs() < 0.6 / (size as f64).sqrt()));
        assert_eq!(*first.get_or_insert_with(|| means.clone()), means, "chunks change no bit");
    }
    Ok(())
}
