//! Whose turn it is: Gaussians, or points where the peak waits while wider components stand out more.

use super::AspParams;
use crate::algorithms::MinorRules;

/// Share of the peak that a cycle of Gaussians leaves at the most, or points have a turn.
const WAITS: f32 = 0.8;

/// Cycles taken back after which there are no more Gaussians: where something outside the mask is not explained, they
/// follow its sidelobes.
const FAILURES: u32 = 2;

/// The turns of a plane.
#[derive(Debug, Clone, Copy, Default)]
pub(in super::super) struct Turns {
    /// What the loop is told.
    params: AspParams,
    /// Peak at which the last cycle began, if it was one of Gaussians \[Jy/beam\].
    begun: Option<f32>,
    /// Cycles of Gaussians that were taken back.
    failures: u32,
}

impl Turns {
    /// The turns of a plane that is about to begin.
    pub(in super::super) fn new(params: AspParams) -> Self {
        Self { params, ..Self::default() }
    }

    /// The rules of the next cycle, which begins at `peak`: where the last one of Gaussians left it high, it is brought down
    /// a bit as points, which is exact.
    pub(in super::super) fn rules(&mut self, rules: MinorRules, peak: f32) -> MinorRules {
        if self.begun.take().is_some_and(|begun| peak > WAITS * begun) {
            let points = AspParams { largest_scale: 0.0, ..self.params };
            return MinorRules { floor: rules.floor.max(WAITS * peak), asp: points, ..rules };
        }
        self.begun = Some(peak);
        MinorRules { asp: self.params, ..rules }
    }

    /// The last cycle made things worse: points are next, and the second time they stay.
    pub(in super::super) fn failed(&mut self) {
        self.failures += 1;
        self.begun = Some(0.0);
        if self.failures >= FAILURES {
            self.give_up();
        }
    }

    /// Points only from now on.
    pub(in super::super) fn give_up(&mut self) {
        *self = Self::new(AspParams { largest_scale: 0.0, ..self.params });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::algorithms::{Patch, Signs};

    fn rules(floor: f32) -> MinorRules {
        let (patch, signs, asp) = (Patch::default(), Signs::Both, AspParams::default());
        MinorRules { gain: 0.1, floor, niter: 9, patch, signs, asp }
    }

    #[test]
    fn points_have_a_turn_where_the_peak_waits() {
        let params = AspParams { gain: 0.6, largest_scale: 8.0 };
        let mut turns = Turns::new(params);
        let mut next = |peak: f32| {
            let rules = turns.rules(rules(0.2), peak);
            (rules.asp.largest_scale, rules.floor)
        };
        assert_eq!(next(1.0), (8.0, 0.2));
        assert_eq!(next(0.7), (8.0, 0.2), "the peak fell");
        assert_eq!(next(0.65), (0.0, 0.8 * 0.65));
        assert_eq!(next(0.64), (8.0, 0.2), "what points left high is no matter of Gaussians");
        assert_eq!(next(0.21), (8.0, 0.2));
        assert_eq!(next(0.205), (0.0, 0.2), "never below the floor");
    }

    #[test]
    fn points_follow_what_went_wrong() {
        let mut turns = Turns::new(AspParams { gain: 0.6, largest_scale: 8.0 });
        turns.rules(rules(0.2), 1.0);
        turns.failed();
        assert_eq!(turns.rules(rules(0.2), 0.1).asp.largest_scale, 0.0);
        assert_eq!(turns.rules(rules(0.2), 0.1).asp.largest_scale, 8.0);
        turns.failed();
        assert_eq!([1.0, 1.0, 0.1].map(|peak| turns.rules(rules(0.2), peak).asp.largest_scale), [0.0; 3]);
    }
}
