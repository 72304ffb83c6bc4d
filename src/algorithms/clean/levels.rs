//! How high the pixels of a plane are: what a list of a given length holds, and what the next cycle will look at.

use serde::{Deserialize, Serialize};

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

/// What the next cycle will look at: the image that stands out most, and how.
#[derive(Debug, Clone, Copy)]
pub struct Sight<'a> {
    /// Levels of its pixels where components may stand \[Jy/beam\].
    pub levels: &'a Levels,
    /// What its pixels count for; 1 for the residual itself.
    pub bias: f32,
    /// How many images there are to choose from.
    pub scales: usize,
    /// The highest peak of the others, weighed by their bias \[Jy/beam\]; 0 without others.
    pub rival: f32,
    /// Share of its peak that one cycle leaves of a scale while others wait for their turn.
    pub leaves: f32,
}

impl<'a> Sight<'a> {
    /// Nothing but the residual.
    pub fn alone(levels: &'a Levels) -> Self {
        Self { levels, bias: 1.0, scales: 1, rival: 0.0, leaves: 1.0 }
    }

    /// Where a cycle from `peak` waits for the others: a bit lower, or where the next one stands if that is lower.
    pub(super) fn wait(&self, peak: f32) -> f32 {
        (self.leaves * peak).min(self.rival)
    }

    /// Cycles over scales that make a major cycle (the reference's count of passes between two exact residuals).
    pub(super) fn passes(&self) -> u64 {
        if self.scales > 1 { (3 * self.scales as u64 / 2).max(8) } else { 1 }
    }
}
