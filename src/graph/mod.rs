//! The lazy task graph: a node is a key, an operation that is plain data, and the keys it depends on.

mod callback;
mod key;
mod op;

pub use callback::{Callback, RunStart, TaskRecord, TaskStart};
pub use key::Key;
pub use op::{Cancel, Cost, Meta, Op, TaskContext};
