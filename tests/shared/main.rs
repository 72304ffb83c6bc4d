//! Checks on the reference data, `../shared/data` beside the checkout, or the folder that `DECONV_SHARED_DATA` names.
//!
//! Never part of a plain `cargo test`: `cargo test --release --test shared`. Absent data is a failure.

mod case;
mod convex;
mod cube;
mod kat7;
mod pairs;
mod real;

#[path = "../support/mod.rs"]
mod support;
