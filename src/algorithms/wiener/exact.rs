//! Sums that do not depend on their order.

use serde::{Deserialize, Serialize};

/// Bits below the bound that a sum keeps; with up to 2⁴⁰ terms it stays below 2¹²⁶.
const BITS: i32 = 86;

/// A sum of terms no larger than a bound, in integer multiples of `bound · 2⁻⁸⁶`.
///
/// Integers add up to the same value in any order and any grouping, which floating-point numbers do not; a term is
/// rounded by at most that multiple.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ExactSum(i128);

/// Converts terms to integers and back, for one bound (positive and finite).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct Quantum {
    per_unit: f64,
    unit: f64,
}

impl Quantum {
    /// For terms of at most `bound`, which is rounded up to a power of two.
    pub(super) fn new(bound: f64) -> Self {
        let exponent = bound.max(f64::MIN_POSITIVE).log2().ceil() as i32;
        Self { per_unit: 2.0_f64.powi(BITS - exponent), unit: 2.0_f64.powi(exponent - BITS) }
    }
}

impl ExactSum {
    pub(super) fn add(&mut self, term: f64, quantum: Quantum) {
        self.0 += (term * quantum.per_unit) as i128;
    }

    pub(super) fn merge(&mut self, other: Self) {
        self.0 += other.0;
    }

    pub(super) fn value(self, quantum: Quantum) -> f64 {
        self.0 as f64 * quantum.unit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sum_is_the_same_in_any_order_and_keeps_small_terms() {
        let quantum = Quantum::new(3e5);
        let terms: Vec<f64> = (0..1000).map(|i| 3e5 * 0.93_f64.powi(i)).collect();
        let (mut up, mut down) = (ExactSum::default(), ExactSum::default());
        for &t in &terms {
            up.add(t, quantum);
        }
        for &t in terms.iter().rev() {
            down.add(t, quantum);
        }
        assert_eq!(up, down);
        assert!((up.value(quantum) / (3e5 / 0.07) - 1.0).abs() < 1e-14);
        let mut small = ExactSum::default();
        small.add(1e-15, quantum);
        assert!((small.value(quantum) / 1e-15 - 1.0).abs() < 1e-4);
    }
}
