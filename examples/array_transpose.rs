//! `x + x.T` of 15 x 15 ones in chunks of 5, drawn from left to right.
//!
//! `cargo run --example array_transpose`
#![allow(clippy::print_stdout)]

use std::error::Error;

use deconv::collections::Compute;
use deconv::collections::array::Array;
use deconv::graph::picture::{Direction, Look};

/// Runs the example.
pub fn main() -> Result<(), Box<dyn Error>> {
    let x = Array::<f64>::ones([15, 15], 5)?;
    let y = x.add(&x.t())?;
    let look = Look { direction: Direction::LeftRight, ..Look::default() };
    y.visualize("outputs/array-transpose.svg", &look)?;
    y.visualize("outputs/array-transpose.dot", &look)?;
    let values = y.compute_with(&Compute::new().workers(4))?;
    println!("{y:?}; drawn in outputs/array-transpose.svg");
    assert!(values.iter().all(|value| *value == 2.0));
    Ok(())
}
