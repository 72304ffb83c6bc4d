//! Functions called later: two that sleep side by side, and a loop of inc, double and add that ends in a sum, drawn.
//!
//! `cargo run --example delayed`
#![allow(clippy::print_stdout)]

use std::error::Error;
use std::thread::sleep;
use std::time::{Duration, Instant};

use deconv::collections::Compute;
use deconv::collections::delayed::{delayed, delayed_many, value};
use deconv::graph::picture::Look;

/// Runs the example.
pub fn main() -> Result<(), Box<dyn Error>> {
    let inc = delayed("inc", |x: &i64| {
        sleep(Duration::from_millis(100));
        x + 1
    });
    let double = delayed("double", |x: &i64| 2 * x);
    let add = delayed("add", |x: &i64, y: &i64| x + y);
    let sum = delayed_many("sum", |all: &[&i64]| all.iter().copied().sum::<i64>());

    let began = Instant::now();
    let three = add.call(&inc.call(&value(1)), &inc.call(&value(2)));
    let result = three.compute_with(&Compute::new().workers(2))?;
    println!("{result} after two sleeps of 0.1 s side by side: {:.2} s", began.elapsed().as_secs_f64());
    assert_eq!(result, 5);

    let mut outputs = Vec::new();
    for x in 1..=5 {
        let x = value(x);
        outputs.push(add.call(&inc.call(&x), &double.call(&x)));
    }
    let total = sum.call(&outputs);
    total.visualize("outputs/delayed.svg", &Look::default())?;
    let result = total.compute_with(&Compute::new().workers(5))?;
    println!("total {result}; drawn in outputs/delayed.svg");
    assert_eq!(result, 50);
    Ok(())
}
