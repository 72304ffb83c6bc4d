//! Collections: what people compute with, over the task graph.
//!
//! | collection | what it is |
//! |---|---|
//! | [`table::Table`] | typed columns: from CSV or records; filter, group, aggregate; to CSV, FITS and Parquet |

pub mod table;
