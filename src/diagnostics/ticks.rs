//! Round values for axes, and how they are written.

mod sexagesimal;

pub(crate) use sexagesimal::{Angle, degrees, degrees_step, hours, hours_step};

/// A place on an axis and what is written there.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Tick {
    pub(crate) value: f64,
    pub(crate) label: String,
}

/// The least step of 1, 2 or 5 times a power of ten that puts at most `most` steps into the length.
pub(crate) fn round_step(length: f64, most: f64) -> f64 {
    let least = length / most;
    let decade = 10f64.powi(least.log10().floor() as i32);
    let factor = [1.0, 2.0, 5.0, 10.0].into_iter().find(|factor| factor * decade >= least * (1.0 - 1e-12));
    factor.unwrap_or(10.0) * decade
}

/// The multiples of `step` in `[low, high]`.
pub(crate) fn multiples(low: f64, high: f64, step: f64) -> Vec<f64> {
    let slack = 1e-9;
    let (first, last) = ((low / step - slack).ceil() as i64, (high / step + slack).floor() as i64);
    // Nothing that is drawn has a thousand ticks: a wrong range must not fill the memory.
    (first..=last.min(first + 999)).map(|n| n as f64 * step).collect()
}

/// Ticks of a linear axis, at most about `most` of them.
pub(crate) fn linear(low: f64, high: f64, most: f64) -> Vec<Tick> {
    if !(high > low && (high - low).is_finite()) {
        return Vec::new();
    }
    let step = round_step(high - low, most);
    let largest = low.abs().max(high.abs());
    multiples(low, high, step).into_iter().map(|value| Tick { value, label: written(value, step, largest) }).collect()
}

/// Ticks of a logarithmic axis: decades, and 2 and 5 times them where there are few decades.
pub(crate) fn logarithmic(low: f64, high: f64, most: f64) -> Vec<Tick> {
    if !(low > 0.0 && high > low && high.is_finite()) {
        return Vec::new();
    }
    let (first, last) = (low.log10().floor() as i32, high.log10().ceil() as i32);
    let decades = (high / low).log10();
    let factors: &[f64] = if decades * 3.0 <= most { &[1.0, 2.0, 5.0] } else { &[1.0] };
    let every = (decades / most).ceil().max(1.0) as i32;
    let exponents = (first..=last).filter(|exponent| exponent.rem_euclid(every) == 0);
    let values = exponents.flat_map(|exponent| factors.iter().map(move |factor| factor * 10f64.powi(exponent)));
    let inside = values.filter(|value| (low * (1.0 - 1e-9)..=high * (1.0 + 1e-9)).contains(value));
    inside.map(|value| Tick { value, label: significant(value) }).collect()
}

/// Ticks of a bent colour bar: 0, then as many round values as keep `gap` (in positions) between each two.
///
/// Decades come first, then 5, 2 and 3 times them; where few fit (a narrow range), a linear choice is better and taken.
pub(crate) fn bent(range: (f64, f64), gap: f64, position: impl Fn(f64) -> f64) -> Vec<Tick> {
    let (low, high) = range;
    let largest = low.abs().max(high.abs());
    let top = largest.log10().floor() as i32;
    let mut chosen: Vec<f64> = Vec::new();
    for factor in [0.0, 1.0, 5.0, 2.0, 3.0] {
        for exponent in (top - 6..=top).rev() {
            for sign in [1.0, -1.0] {
                let value = sign * factor * 10f64.powi(exponent);
                let is_free = chosen.iter().all(|other| (position(*other) - position(value)).abs() >= gap);
                if (low..=high).contains(&value) && is_free {
                    chosen.push(value);
                }
            }
        }
    }
    chosen.sort_unstable_by(f64::total_cmp);
    chosen.into_iter().map(|value| Tick { value, label: significant(value) }).collect()
}

/// A number with the decimals that its step needs, or with an exponent where that would be long.
pub(crate) fn written(value: f64, step: f64, largest: f64) -> String {
    let decimals = (-step.log10() - 1e-9).ceil().max(0.0) as usize;
    let is_zero = value.abs() < step * 1e-6;
    if is_zero {
        return "0".into();
    }
    if decimals > 4 || largest >= 1e6 {
        return significant(value);
    }
    proper(format!("{value:.decimals$}"))
}

/// A number of few digits: plain between 0.001 and 99 999, else like 2×10⁻⁵.
pub(crate) fn significant(value: f64) -> String {
    if value == 0.0 {
        return "0".into();
    }
    let exponent = (value.abs().log10() + 1e-9).floor() as i32;
    if (-3..5).contains(&exponent) {
        let decimals = (3 - exponent).max(0) as usize;
        let text = format!("{value:.decimals$}");
        let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
        return proper(text.into());
    }
    let mantissa = value / 10f64.powi(exponent);
    let mantissa = if (mantissa - 1.0).abs() < 1e-6 { String::new() } else { format!("{}×", significant(mantissa)) };
    format!("{mantissa}10{}", raised(exponent))
}

/// An exponent in raised figures.
fn raised(exponent: i32) -> String {
    let figure = |letter| match letter {
        '-' => '⁻',
        '0' => '⁰',
        '1' => '¹',
        '2' => '²',
        '3' => '³',
        '4' => '⁴',
        '5' => '⁵',
        '6' => '⁶',
        '7' => '⁷',
        '8' => '⁸',
        _ => '⁹',
    };
    exponent.to_string().chars().map(figure).collect()
}

/// A minus sign as long as a plus, and none before zero.
fn proper(text: String) -> String {
    match text.strip_prefix('-') {
        Some(rest) if rest.bytes().all(|letter| matches!(letter, b'0' | b'.')) => rest.into(),
        Some(rest) => format!("−{rest}"),
        None => text,
    }
}

/// The prefix that writes `largest` as a number from 1 to 1000, and its factor; for units that take prefixes.
pub(crate) fn prefix(largest: f64, unit: &str) -> (&'static str, f64) {
    const PREFIXES: [(&str, f64); 6] = [("k", 1e3), ("", 1.0), ("m", 1e-3), ("µ", 1e-6), ("n", 1e-9), ("p", 1e-12)];
    let takes_prefix = unit.starts_with("Jy") || unit == "s";
    let fitting = PREFIXES.into_iter().find(|(_, factor)| largest >= factor * 0.999);
    fitting.filter(|_| takes_prefix).unwrap_or(("", 1.0))
}

/// Bytes in the largest binary unit that leaves at least 1.
pub(crate) fn bytes(count: f64) -> String {
    let (name, factor) = byte_unit(count);
    format!("{} {name}", significant_3(count / factor))
}

/// The binary unit for a count of bytes, and its size.
pub(crate) fn byte_unit(count: f64) -> (&'static str, f64) {
    let units = [("TiB", 40), ("GiB", 30), ("MiB", 20), ("KiB", 10)];
    let fitting = units.into_iter().map(|(name, bits)| (name, (1u64 << bits) as f64)).find(|(_, size)| count >= *size);
    fitting.unwrap_or(("B", 1.0))
}

/// A duration in the unit that suits it.
pub(crate) fn seconds(duration: f64) -> String {
    if duration >= 120.0 {
        let whole = duration.round() as u64;
        let (hours, minutes, seconds) = (whole / 3600, whole / 60 % 60, whole % 60);
        return if hours > 0 { format!("{hours} h {minutes:02} min") } else { format!("{minutes} min {seconds:02} s") };
    }
    let (name, factor) = prefix(duration, "s");
    format!("{} {name}s", significant_3(duration / factor))
}

/// Three significant digits, without an exponent.
pub(crate) fn significant_3(value: f64) -> String {
    let exponent = if value == 0.0 { 0 } else { value.abs().log10().floor() as i32 };
    let decimals = (2 - exponent).clamp(0, 12) as usize;
    proper(format!("{value:.decimals$}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(ticks: &[Tick]) -> Vec<&str> {
        ticks.iter().map(|tick| tick.label.as_str()).collect()
    }

    #[test]
    fn linear_ticks_stand_at_round_values() {
        assert_eq!(labels(&linear(-0.23, 1.07, 6.0)), ["0", "0.5", "1.0"]);
        assert_eq!(labels(&linear(-9.9, 9.9, 4.0)), ["−5", "0", "5"]);
        assert_eq!(labels(&linear(0.0, 12_345.0, 5.0)), ["0", "5000", "10000"]);
        assert!(linear(1.0, 1.0, 5.0).is_empty() && linear(f64::NAN, 1.0, 5.0).is_empty());
    }

    #[test]
    fn logarithmic_ticks_are_decades_with_2_and_5_where_there_is_room() {
        assert_eq!(labels(&logarithmic(0.9, 12.0, 8.0)), ["1", "2", "5", "10"]);
        assert_eq!(labels(&logarithmic(1e-5, 1.0, 8.0)), ["10⁻⁵", "10⁻⁴", "0.001", "0.01", "0.1", "1"]);
        assert!(logarithmic(0.0, 1.0, 5.0).is_empty());
    }

    #[test]
    fn bent_ticks_hold_zero_and_decades_apart() {
        let position = |v: f64| ((v / 0.01).asinh() + 1.0) / 6.5;
        let ticks = bent((-0.01, 1.0), 0.1, position);
        assert!(labels(&ticks).contains(&"0") && labels(&ticks).contains(&"1") && labels(&ticks).contains(&"0.1"));
        assert!(ticks.windows(2).all(|pair| position(pair[1].value) - position(pair[0].value) >= 0.1));
    }

    #[test]
    fn numbers_are_short() {
        let texts = [0.5, -20.0, 2e-5, 1e-6, 12_300.0, 5e6, 0.001].map(significant);
        assert_eq!(texts, ["0.5", "−20", "2×10⁻⁵", "10⁻⁶", "12300", "5×10⁶", "0.001"]);
        assert_eq!([0.001_234, 12.0, 1234.0].map(significant_3), ["0.00123", "12.0", "1234"]);
        assert_eq!(prefix(0.25, "Jy/beam"), ("m", 1e-3));
        assert_eq!(prefix(0.25, ""), ("", 1.0));
        assert_eq!(
            (bytes(1.5 * 1024.0 * 1024.0), seconds(0.25), seconds(4000.0)),
            ("1.50 MiB".into(), "250 ms".into(), "1 h 06 min".into())
        );
    }
}
