//! Tests of the cache: an operation that counts how often it is run, and whose values go to files.

mod cached;
mod store;

use std::convert::Infallible;
use std::io::Read;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::super::*;

/// A value: numbers, and what it says of its size.
pub(super) type Numbers = Vec<u64>;

pub(super) const CODEC: Codec<Numbers> = Codec {
    write: |numbers, to| numbers.iter().try_for_each(|number| to.write_all(&number.to_le_bytes())),
    read: |stored| {
        let mut bytes = Vec::new();
        stored.reader().read_to_end(&mut bytes)?;
        Ok(bytes.chunks_exact(8).map(|b| u64::from_le_bytes(b.try_into().unwrap())).collect())
    },
};

/// Runs by kind.
pub(super) type Runs = Arc<Mutex<Vec<&'static str>>>;

/// Mixes its inputs.
#[derive(Clone)]
pub(super) struct Mix {
    pub(super) kind: &'static str,
    pub(super) parameter: u64,
    /// Numbers in the value.
    pub(super) len: usize,
    /// Whether it has a digest.
    pub(super) is_pure: bool,
    pub(super) pause: Duration,
    pub(super) runs: Runs,
}

impl Op for Mix {
    type Value = Numbers;
    type Error = Infallible;

    fn kind(&self) -> &'static str {
        self.kind
    }

    fn cost(&self, _inputs: &[Meta]) -> Cost {
        Cost { flops: 1.0, output_bytes: 8 * self.len as u64, scratch_bytes: 0 }
    }

    fn run(&self, inputs: &[Arc<Numbers>], _context: &TaskContext) -> Result<Numbers, Infallible> {
        std::thread::sleep(self.pause);
        self.runs.lock().unwrap().push(self.kind);
        let start = inputs.iter().flat_map(|input| input.iter());
        let start = start.fold(self.parameter, |sum, number| sum.rotate_left(5).wrapping_mul(31).wrapping_add(*number));
        Ok((0..self.len as u64).map(|place| start.wrapping_mul(place + 1)).collect())
    }

    fn digest(&self) -> Option<Digest> {
        self.is_pure.then(|| Digest::of_value("mix", &(self.kind, self.parameter, self.len)).unwrap())
    }

    fn is_shared(&self) -> bool {
        self.kind == "shared"
    }

    fn codec() -> Option<Codec<Numbers>> {
        Some(CODEC)
    }
}

pub(super) fn name(number: u64) -> Digest {
    Digest::of(&number.to_le_bytes())
}

/// How often an operation of this kind was run.
pub(super) fn count(runs: &Runs, kind: &str) -> usize {
    runs.lock().unwrap().iter().filter(|run| **run == kind).count()
}
