//! Hours, minutes, seconds, and degrees, minutes, seconds of arc.

/// A sexagesimal step: so many seconds (of time or of arc).
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Angle {
    pub(crate) seconds: f64,
}

/// Steps above a second that are round in units of 60.
const ROUND: [f64; 11] = [1.0, 2.0, 5.0, 10.0, 15.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0];

/// The least round step of right ascension that puts at most `most` into `length` \[deg\].
pub(crate) fn hours_step(length: f64, most: f64) -> Angle {
    let larger = [900.0, 1200.0, 1800.0, 3600.0, 7200.0, 10800.0, 21600.0];
    step(length / 15.0 * 3600.0 / most, &larger)
}

/// The least round step of declination (or another angle) that puts at most `most` into `length` \[deg\].
pub(crate) fn degrees_step(length: f64, most: f64) -> Angle {
    let larger = [900.0, 1200.0, 1800.0, 3600.0, 7200.0, 18000.0, 36000.0, 54000.0, 108_000.0, 162_000.0];
    step(length * 3600.0 / most, &larger)
}

fn step(least: f64, larger: &[f64]) -> Angle {
    if least <= 0.5 {
        return Angle { seconds: super::round_step(least, 1.0) };
    }
    let steps = ROUND.iter().chain(larger);
    let seconds = steps.copied().find(|step| *step >= least * (1.0 - 1e-12));
    Angle { seconds: seconds.or(larger.last().copied()).unwrap_or(3600.0) }
}

/// A right ascension \[deg\] such as 04ʰ01ᵐ20ˢ, with the parts that the step needs.
pub(crate) fn hours(degrees: f64, step: Angle) -> String {
    let parts = Parts::of(degrees.rem_euclid(360.0) / 15.0, step, Some(24));
    parts.written("", ["ʰ", "ᵐ", "ˢ"])
}

/// A declination \[deg\] such as −45°12′00″, with the parts that the step needs.
pub(crate) fn degrees(degrees: f64, step: Angle) -> String {
    let sign = if degrees < 0.0 { "−" } else { "+" };
    Parts::of(degrees.abs(), step, None).written(sign, ["°", "′", "″"])
}

/// A sexagesimal number, rounded once, so that 59.99 never becomes 60.
struct Parts {
    whole: u64,
    minutes: u64,
    seconds: u64,
    fraction: u64,
    decimals: usize,
    step: Angle,
}

impl Parts {
    fn of(value: f64, step: Angle, turn: Option<u64>) -> Self {
        let decimals = (-step.seconds.log10() - 1e-9).ceil().clamp(0.0, 9.0) as usize;
        let per_second = 10u64.pow(decimals as u32);
        let total = (value * 3600.0 * per_second as f64).round() as u64;
        let (seconds, fraction) = (total / per_second, total % per_second);
        let whole = seconds / 3600;
        let whole = turn.map_or(whole, |turn| whole % turn);
        Self { whole, minutes: seconds / 60 % 60, seconds: seconds % 60, fraction, decimals, step }
    }

    fn written(&self, sign: &str, units: [&str; 3]) -> String {
        let whole = format!("{sign}{:02}{}", self.whole, units[0]);
        if self.step.seconds % 3600.0 == 0.0 {
            return whole;
        }
        let minutes = format!("{whole}{:02}{}", self.minutes, units[1]);
        if self.step.seconds % 60.0 == 0.0 {
            return minutes;
        }
        let fraction = match self.decimals {
            0 => String::new(),
            decimals => format!(".{:0decimals$}", self.fraction),
        };
        format!("{minutes}{:02}{fraction}{}", self.seconds, units[2])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Angle = Angle { seconds: 1.0 };

    #[test]
    fn steps_are_round_in_units_of_sixty() {
        let steps = [
            // 0.6 deg of right ascension are 144 s of time.
            (hours_step(0.6, 4.0), 60.0),
            (hours_step(3.6, 4.0), 300.0),
            (degrees_step(0.42, 4.0), 600.0),
            (degrees_step(0.14, 5.0), 120.0),
            (degrees_step(0.0003, 4.0), 0.5),
            (degrees_step(170.0, 5.0), 162_000.0),
        ];
        for (found, seconds) in steps {
            assert_eq!(found, Angle { seconds });
        }
    }

    #[test]
    fn angles_are_written_with_the_parts_of_their_step() {
        assert_eq!(hours(60.0, SECOND), "04ʰ00ᵐ00ˢ");
        assert_eq!(hours(60.0, Angle { seconds: 60.0 }), "04ʰ00ᵐ");
        assert_eq!(hours(-15.0, Angle { seconds: 3600.0 }), "23ʰ");
        assert_eq!(degrees(-45.2, Angle { seconds: 60.0 }), "−45°12′");
        assert_eq!(degrees(12.5, Angle { seconds: 0.2 }), "+12°30′00.0″");
    }

    #[test]
    fn rounding_carries_into_minutes_and_hours() {
        assert_eq!(hours(359.999_999, SECOND), "00ʰ00ᵐ00ˢ");
        assert_eq!(degrees(59.999_999_9, SECOND), "+60°00′00″");
        assert_eq!(degrees(-0.000_01, Angle { seconds: 60.0 }), "−00°00′");
    }
}
