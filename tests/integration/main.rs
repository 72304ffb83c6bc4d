//! The program and the library as a user and a sceptic meet them: one binary, synthetic skies, temporary folders.

mod cli_errors;
mod fits;
mod psf_geometry;

#[path = "../support/mod.rs"]
mod support;
