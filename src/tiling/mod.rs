//! Chunks: how a plane is cut into slabs and blocks, what that costs on a machine, and what to warn of; tiles: how it is
//! divided for minor cycles side by side, and where the seams run.

mod caution;
mod machine;
mod model;
mod seams;
mod tiles;
mod tune;
mod weights;

pub use caution::{Caution, Load, cautions, halo};
pub use machine::Machine;
pub use model::{Pass, pass};
pub use seams::{Seams, Strip};
pub use tiles::Tiles;
pub use tune::{Candidate, Choice, Chunks, Footprint, Task, Wish, tune};
pub use weights::{Sort, Weights};
