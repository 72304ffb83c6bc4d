//! What is told of an end.

use std::fmt;

use super::{StopReason, Worse};

impl fmt::Display for StopReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Threshold { peak, outside, threshold, sigma } => {
                write!(f, "{} (noise {sigma:.3e}){}", at_threshold(*peak, *threshold), elsewhere(*peak, *outside))
            }
            Self::PsfFloor { peak, outside, threshold, missing } => write!(
                f,
                "{}, set by sidelobes beyond the reach of the PSF (about {missing:.3e}); a PSF of twice the image's size \
                 would let it go deeper{}",
                at_threshold(*peak, *threshold),
                elsewhere(*peak, *outside)
            ),
            Self::MaskExhausted { sign } => {
                write!(f, "deeper cycles inside the auto-mask only raised {sign}; kept the last good state")
            }
            Self::Iterations { niter } => write!(f, "the limit of {niter} components was reached"),
            Self::MajorCycles { nmiter } => write!(f, "the limit of {nmiter} major cycles was reached"),
            Self::Diverged { sign: Worse::Peak, peak, lowest, kept } => {
                write!(f, "diverged: the peak rose to {peak:.3e} Jy/beam from {lowest:.3e}; {kept}")
            }
            Self::Diverged { sign, kept, .. } => write!(f, "diverged: cycles only raised {sign}; {kept}"),
            Self::TilesDiverged { tiles, rest } => {
                write!(f, "tiles {tiles:?} diverged; kept their last good state; the rest: {rest}")
            }
            Self::Stalled { cycles, peak } => {
                write!(f, "stalled: {cycles} cycles in a row took less than 1 % off the peak of {peak:.3e} Jy/beam")
            }
            Self::Negative { peak } => {
                write!(f, "the highest peak, {peak:.3e} Jy/beam, is negative, and --stop-negative ends the run there")
            }
            Self::NothingAllowed => write!(f, "mask and border leave no pixel to clean"),
            Self::Interrupted => write!(f, "interrupted by the user"),
            Self::Blank => write!(f, "every pixel is blank; passed through"),
            Self::Empty => write!(f, "every pixel is zero; passed through as blank"),
            Self::NoPsf => write!(f, "there is no PSF for it; passed through as blank"),
            Self::Solved { iterations: 0, .. } => write!(f, "filtered in one pass"),
            Self::Solved { iterations, tolerance } => {
                write!(f, "solved in {iterations} iterations to a relative residual of {tolerance:.1e}")
            }
            Self::Unsolved { iterations, tolerance, is_stuck, is_prior_strong } => {
                f.write_str(&unsolved((*iterations, *tolerance), *is_stuck, *is_prior_strong))
            }
            Self::Multiplied { iterations } => write!(f, "{iterations} iterations of Richardson-Lucy were done"),
            Self::Settled { iterations, change } => {
                write!(f, "settled after {iterations} iterations: the model changes by {change:.1e} in each")
            }
            Self::Unsettled { iterations, change } => {
                write!(
                    f,
                    "the limit of {iterations} iterations was reached; the model still changes by {change:.1e} in each"
                )
            }
            Self::Held { iterations } => {
                write!(
                    f,
                    "held after {iterations} iterations: more of them only raise the residual; kept the last good model"
                )
            }
        }
    }
}

/// How a peak stands to the threshold that it came down to; the exact one may be a little above it.
fn at_threshold(peak: f32, threshold: f32) -> String {
    let above = 100.0 * (peak / threshold - 1.0);
    let how = if above <= 0.0 { "at the threshold".into() } else { format!("{above:.1} % above the threshold") };
    format!("peak {peak:.3e} Jy/beam is {how} of {threshold:.3e}")
}

/// What is left where an auto-mask lets nothing be cleaned, if that is more.
fn elsewhere(peak: f32, outside: f32) -> String {
    if outside > peak { format!("; outside the auto-mask the peak is {outside:.3e}") } else { String::new() }
}

/// How a linear solver ended that did not come to its tolerance.
fn unsolved((iterations, tolerance): (u32, f64), is_stuck: bool, is_prior_strong: bool) -> String {
    let way = if is_prior_strong { "smaller" } else { "greater" };
    let more = if is_stuck { "and more would not" } else { "and no more are done" };
    format!(
        "not solved: {iterations} iterations came no closer than a relative residual of {tolerance:.1e}, {more}; kept the best estimate (a {way} \
         --lambda solves more easily)"
    )
}
