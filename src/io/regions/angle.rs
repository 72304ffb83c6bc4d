//! Angles as people write them.

use crate::images::region::Length;

/// Which coordinate an angle is, as hours are for right ascensions only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Axis {
    /// A right ascension: with colons it is in hours.
    RightAscension,
    /// Any other angle.
    Degrees,
}

/// `12:30:05.5` (hours for a right ascension), `12h30m05.5s`, `-03d27m47s`, `-03.27.47.1`, `1.5rad`, `140.03deg` or a bare
/// number \[deg\], in degrees.
pub(super) fn degrees(text: &str, axis: Axis) -> Option<f64> {
    let text = text.trim();
    let lower = text.to_ascii_lowercase();
    let hours = |parts: Option<f64>| parts.map(|hours| 15.0 * hours);
    if let Some((scale, number)) = unit(&lower).filter(|(_, number)| number.parse::<f64>().is_ok()) {
        return number.parse::<f64>().ok().map(|value| value * scale).filter(|value| value.is_finite());
    }
    if lower.contains('h') {
        return hours(parts(&lower, &['h', 'm', 's']));
    }
    if lower.contains('d') && !lower.ends_with("deg") {
        return parts(&lower, &['d', 'm', 's']);
    }
    if lower.contains(':') {
        let value = parts(&lower, &[':']);
        return if axis == Axis::RightAscension { hours(value) } else { value };
    }
    if lower.matches('.').count() >= 2 {
        return parts(&dotted(&lower)?, &[':']);
    }
    lower.parse().ok().filter(|value: &f64| value.is_finite())
}

/// `-03.27.47.1` as `-03:27:47.1`.
fn dotted(text: &str) -> Option<String> {
    let mut pieces = text.splitn(3, '.');
    Some(format!("{}:{}:{}", pieces.next()?, pieces.next()?, pieces.next()?))
}

/// Up to three parts, each a sixtieth of the one before.
fn parts(text: &str, separators: &[char]) -> Option<f64> {
    let is_negative = text.starts_with('-');
    let digits = text.trim_start_matches(['-', '+']);
    let pieces: Vec<&str> = digits.split(separators).map(str::trim).filter(|piece| !piece.is_empty()).collect();
    let numbers = pieces.iter().map(|piece| piece.parse::<f64>().ok()).collect::<Option<Vec<_>>>()?;
    let is_fine = (1..=3).contains(&numbers.len()) && numbers.iter().all(|number| number.is_finite() && *number >= 0.0);
    let value = numbers.iter().rev().fold(0.0, |rest, number| number + rest / 60.0);
    is_fine.then_some(if is_negative { -value } else { value })
}

/// A unit at the end of a text: its degrees, and what stands before it.
fn unit(text: &str) -> Option<(f64, &str)> {
    const UNITS: [(&str, f64); 12] = [
        ("degrees", 1.0),
        ("degree", 1.0),
        ("deg", 1.0),
        ("arcmin", 1.0 / 60.0),
        ("amin", 1.0 / 60.0),
        ("arcsec", 1.0 / 3600.0),
        ("asec", 1.0 / 3600.0),
        ("mas", 1.0 / 3.6e6),
        ("rad", 180.0 / std::f64::consts::PI),
        ("\"", 1.0 / 3600.0),
        ("'", 1.0 / 60.0),
        ("d", 1.0),
    ];
    UNITS.iter().find_map(|(name, scale)| text.strip_suffix(name).map(|number| (*scale, number.trim())))
}

/// Degrees of a unit by its name; `None` for one that is no angle.
pub(super) fn unit_named(name: &str) -> Option<f64> {
    unit(name).filter(|(_, rest)| rest.is_empty()).map(|(scale, _)| scale)
}

/// A length: pixels with `pix` (or `p`, `i` as DS9 has them), else an angle with its unit; `None` without a unit.
pub(super) fn length(text: &str) -> Option<Length> {
    let lower = text.trim().to_ascii_lowercase();
    let number = |text: &str| text.trim().parse::<f64>().ok().filter(|value| value.is_finite() && *value >= 0.0);
    if let Some(pixels) = ["pixels", "pixel", "pix", "p", "i"].iter().find_map(|name| lower.strip_suffix(name)) {
        return number(pixels).map(Length::Pixels);
    }
    let (scale, angle) = unit(&lower)?;
    number(angle).map(|value| Length::Degrees(value * scale))
}
