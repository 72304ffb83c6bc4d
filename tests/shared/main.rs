//! Checks on the reference data.
