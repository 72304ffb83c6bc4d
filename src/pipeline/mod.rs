//! (to come)

pub mod record;
