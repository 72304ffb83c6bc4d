//! What both test binaries use: FITS files written and read by hand, skies, and the program itself.
//!
//! Nothing here goes through the library: a mistake in its FITS code or its convolution must not hide in the tests.
#![allow(dead_code, reason = "each of the two binaries uses its own part")]

pub(crate) mod fits;
pub(crate) mod program;
pub(crate) mod sky;
