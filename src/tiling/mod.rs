//! Chunks: how a plane is cut into slabs and blocks, and why.

mod tune;

pub use tune::{Chunks, Task, tune};
