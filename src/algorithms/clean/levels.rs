//! How high the pixels of a plane are: what a list of a given length holds, and what the next cycle will look at.

use serde::{Deserialize, Serialize};

use super::control::MAX_ACTIVE;

/// How many pixels lie at or above each level of absolute residual: eight levels per octave.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Levels(Vec<u32>);

/// Bits of an absolute `f32` that number its level: the exponent and three bits of the mantissa.
const LEVEL_SHIFT: u32 = 20;

impl Default for Levels {
    fn default() -> Self {
        Self(vec![0; 1 << (31 - LEVEL_SHIFT)])
    }
}

impl Levels {
    /// Counts a value.
    pub fn add(&mut self, value: f32) {
        self.0[(value.abs().to_bits() >> LEVEL_SHIFT) as usize] += 1;
    }

    /// Counts the values of another slab.
    pub fn merge(&mut self, other: &Self) {
        self.0.iter_mut().zip(&other.0).for_each(|(sum, count)| *sum += count);
    }

    /// How many pixels lie at or above a level, those just below it in its own step included.
    pub(super) fn reaching(&self, level: f32) -> u64 {
        let first = (level.abs().to_bits() >> LEVEL_SHIFT) as usize;
        self.0[first..].iter().map(|count| u64::from(*count)).sum()
    }

    /// The lowest level at or above which no more than `pixels` lie.
    pub(super) fn holding(&self, pixels: u64) -> f32 {
        let mut count = 0;
        for (bin, inside) in self.0.iter().enumerate().rev() {
            count += u64::from(*inside);
            if count > pixels {
                return f32::from_bits((bin as u32 + 1) << LEVEL_SHIFT);
            }
        }
        0.0
    }
}

/// Share of its floor down to which a minor cycle over several scales lists pixels. What one scale takes is felt at the others
/// almost in full, and there as bowls round it: pixels just below the floor that are not on the list rise to twice the
/// floor unseen (M31: 8 and 10 cycles without it, 6 with it, at 0.25 as well in twice the time).
pub const SCALES_DEPTH: f32 = 0.5;

impl Levels {
    /// The level from which on pixels are listed for a cycle over several scales that goes down to `floor`: lower than that
    /// as long as the list stays short.
    pub fn beside(&self, floor: f32) -> f32 {
        (SCALES_DEPTH * floor).max(self.holding(MAX_ACTIVE)).min(floor)
    }
}

/// What the next cycle will look at: the residual, or what it looks like at several scales.
#[derive(Debug, Clone)]
pub struct Sight<'a> {
    /// Of each image what its pixels count for (1 for the residual itself), and the levels of those where components may
    /// stand \[Jy/beam\].
    pub images: Vec<(f32, &'a Levels)>,
    /// How many images there were in the beginning.
    pub scales: usize,
}

impl<'a> Sight<'a> {
    /// Nothing but the residual.
    pub fn alone(levels: &'a Levels) -> Self {
        Self { images: vec![(1.0, levels)], scales: 1 }
    }

    /// The lowest weighed level at or above which no image has more than `pixels` pixels.
    pub(super) fn holding(&self, pixels: u64) -> f32 {
        self.images.iter().map(|(bias, levels)| bias * levels.holding(pixels)).fold(0.0, f32::max)
    }
}
