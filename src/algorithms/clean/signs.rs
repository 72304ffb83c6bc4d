//! Which signs components may have.

use serde::{Deserialize, Serialize};

use crate::kernels::list::ActiveList;

/// Which signs components may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Signs {
    /// Both.
    #[default]
    Both,
    /// Only positive peaks are looked for.
    Positive,
    /// The run ends where the highest peak is negative.
    UpToNegative,
}

impl Signs {
    /// What a residual counts for in the search for the peak; 0 for one that is not looked for.
    #[inline]
    pub fn height(self, value: f32) -> f32 {
        match self {
            Self::Positive => value.max(0.0),
            Self::Both | Self::UpToNegative => value.abs(),
        }
    }

    /// Whether a residual may be listed at all.
    #[inline]
    pub fn may_list(self, value: f32) -> bool {
        self != Self::Positive || value > 0.0
    }

    /// The next pixel to clean, where `peak` is the one of the highest absolute value; `None` where none is looked for.
    pub(super) fn next(self, list: &ActiveList, peak: usize) -> Option<usize> {
        if self != Self::Positive || list.value[peak] > 0.0 {
            return Some(peak);
        }
        // the kernel looks at absolute values; where a negative one leads, which is rare, it is passed over here
        let positive = (0..list.len()).filter(|index| list.value[*index] > 0.0);
        let higher = |best: usize, index: usize| if list.height(index) > list.height(best) { index } else { best };
        positive.reduce(higher)
    }

    /// Whether the run ends before this peak is cleaned.
    pub(super) fn ends_at(self, value: f32) -> bool {
        self == Self::UpToNegative && value < 0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(values: &[f32]) -> ActiveList {
        let mut list = ActiveList::default();
        values.iter().enumerate().for_each(|(x, value)| list.push((0, x), *value, 1.0));
        list
    }

    #[test]
    fn negative_peaks_are_passed_over_where_only_positive_ones_count() {
        let list = list(&[0.5, -3.0, 2.0, 2.0]);
        let peak = list.peak().unwrap();
        assert_eq!((peak, Signs::Both.next(&list, peak), Signs::Positive.next(&list, peak)), (1, Some(1), Some(2)));
        assert!(Signs::UpToNegative.ends_at(-3.0) && !Signs::Positive.ends_at(-3.0));
        assert_eq!((Signs::Positive.height(-3.0), Signs::Both.height(-3.0)), (0.0, 3.0));
    }

    #[test]
    fn list_without_a_positive_value_has_nothing_to_clean() {
        let list = list(&[-0.5, -3.0]);
        assert_eq!(Signs::Positive.next(&list, 1), None);
        assert!(!Signs::Positive.may_list(0.0) && Signs::Both.may_list(-1.0));
    }
}
