//! Inner loops: CLEAN's shifted subtraction fused with the peak search, and normal random numbers.
//!
//! Each loop stands once as plain Rust, the reference, and is compiled again for wider vectors; which one runs is
//! chosen at run time. Multiplications and subtractions are rounded apart (no fused multiply-add), so that every
//! version gives the same bits. This is the only module with `unsafe`.

pub mod clock;
pub mod dense;
pub mod list;
pub mod normal;
pub mod sources;
