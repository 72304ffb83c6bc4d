//! The inner loops of CLEAN: shifted subtraction fused with the peak search.
//!
//! Each loop stands once as plain Rust, the reference, and is compiled again for wider vectors; which one runs is
//! chosen at run time. Multiplications and subtractions are rounded apart (no fused multiply-add), so that every
//! version gives the same bits. This is the only module with `unsafe`.

pub mod dense;
pub mod list;
