//! One integration binary.

mod fields;
mod wiener;
