//! The program and the library as a user and a sceptic meet them: one binary, synthetic skies, temporary folders.

mod algorithms;
mod asp;
mod batch;
mod beams;
mod blanks;
mod borders;
mod cache;
mod circular;
mod cli_errors;
mod cli_usage;
mod components;
mod configs;
mod convex;
mod determinism;
mod examples;
mod faults;
mod fields;
mod fits;
mod full_disk;
mod given;
mod graph_command;
mod interrupt;
mod layering;
mod local_rms;
mod masks;
mod memory;
mod metrics;
mod multiscale;
mod multiscale_fields;
mod multiscale_seams;
mod multiscale_tiles;
mod plan;
mod products;
mod psf_geometry;
mod psf_grid;
mod resume;
mod schedulers;
mod signs;
mod sweep;
mod tile_retries;
mod tiles;
mod tune;
mod wiener;

#[path = "../support/mod.rs"]
mod support;
