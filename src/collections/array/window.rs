//! Parts of an axis, with steps.

use std::ops::{Range, RangeFrom, RangeFull, RangeInclusive, RangeTo};

use serde::{Deserialize, Serialize};

/// Elements `start`, `start + step`, ...: `count` of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cut {
    /// The first.
    pub start: usize,
    /// From one to the next, at least 1.
    pub step: usize,
    /// How many.
    pub count: usize,
}

impl Cut {
    /// A run without steps.
    pub(super) fn run(range: Range<usize>) -> Self {
        Self { start: range.start, step: 1, count: range.len() }
    }

    /// The elements themselves.
    pub(super) fn elements(self) -> impl Iterator<Item = usize> + Clone {
        (0..self.count).map(move |i| self.start + i * self.step)
    }

    /// The part `of_this` of these elements.
    pub(super) fn then(self, of_this: Self) -> Self {
        let Self { start, step, count } = of_this;
        Self { start: self.start + start * self.step, step: self.step * step, count }
    }
}

/// What to take of an axis: a range, every so many elements of it, or one element (the axis is gone then).
///
/// ```
/// use deconv::collections::array::cut;
///
/// let _ = [cut(..), cut(10..20), cut(..).step(100), cut(3)];
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Select {
    pub(super) start: usize,
    pub(super) end: Option<usize>,
    pub(super) step: usize,
    pub(super) is_one: bool,
}

/// What to take of an axis, from a range or a number.
pub fn cut(what: impl Into<Select>) -> Select {
    what.into()
}

impl Select {
    /// Only every `step`-th element.
    pub fn step(self, step: usize) -> Self {
        Self { step, ..self }
    }

    /// The elements of an axis of this length; `None` if it does not have them, or for a step of 0.
    pub(super) fn of(self, length: usize) -> Option<Cut> {
        let end = self.end.unwrap_or(length);
        let fits = self.step > 0 && self.start <= end && end <= length;
        fits.then(|| Cut { start: self.start, step: self.step, count: (end - self.start).div_ceil(self.step) })
    }
}

macro_rules! select_from {
    ($($from:ty, $x:ident => ($start:expr, $end:expr);)*) => {$(
        impl From<$from> for Select {
            fn from($x: $from) -> Self {
                Self { start: $start, end: $end, step: 1, is_one: false }
            }
        }
    )*};
}

select_from! {
    RangeFull, _x => (0, None);
    RangeFrom<usize>, x => (x.start, None);
    RangeTo<usize>, x => (0, Some(x.end));
    Range<usize>, x => (x.start, Some(x.end));
    RangeInclusive<usize>, x => (*x.start(), Some(x.end() + 1));
}

impl From<usize> for Select {
    fn from(one: usize) -> Self {
        Self { start: one, end: Some(one + 1), step: 1, is_one: true }
    }
}
