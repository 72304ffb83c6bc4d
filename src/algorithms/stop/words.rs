//! Parts of what is told of an end.

/// How a peak stands to the threshold that it came down to; the exact one may be a little above it.
pub(super) fn at_threshold(peak: f32, threshold: f32) -> String {
    let above = 100.0 * (peak / threshold - 1.0);
    let how = if above <= 0.0 { "at the threshold".into() } else { format!("{above:.1} % above the threshold") };
    format!("peak {peak:.3e} Jy/beam is {how} of {threshold:.3e}")
}

/// What is left where an auto-mask lets nothing be cleaned, if that is more.
pub(super) fn elsewhere(peak: f32, outside: f32) -> String {
    if outside > peak { format!("; outside the auto-mask the peak is {outside:.3e}") } else { String::new() }
}
