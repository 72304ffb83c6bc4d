//! (to come)

pub mod wiener;
