//! Futures: tasks that start at once, feed each other, and come back as they end, errors too.
//!
//! `cargo run --example futures`
#![allow(clippy::print_stdout)]

use std::error::Error;
use std::thread::sleep;
use std::time::Duration;

use deconv::collections::futures::Client;

/// Runs the example.
pub fn main() -> Result<(), Box<dyn Error>> {
    let client = Client::new(2);
    let squares = client.map("square", [3_u64, 1, 2], |x| {
        sleep(Duration::from_millis(20 * x));
        x * x
    });
    let sum = client.submit_on("add", (&squares[0], &squares[1]), |x: &u64, y: &u64| x + y);
    for (number, future) in client.as_completed(&squares) {
        println!("future {number} has ended: {}", future.result()?);
    }
    assert_eq!(client.gather(&squares)?, [9, 1, 4]);
    assert_eq!(*sum.result()?, 10);

    let wrong = client.try_submit("parse", || "three".parse::<f64>());
    let user = client.submit_on("use it", (&wrong,), |x: &f64| 2.0 * x);
    let error = user.result().expect_err("its input has no value");
    println!("an error comes back: {error}: {}", error.source().map(ToString::to_string).unwrap_or_default());
    Ok(())
}
