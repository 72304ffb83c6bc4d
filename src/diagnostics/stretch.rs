//! From pixel values to places in a colour map.

use crate::pipeline::record::PanelKind;

use super::colour::{BLANK, Rgb, blue_red, inferno, teal};

/// Robust noise, and the extremes, of pixels.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Spread {
    pub(crate) low: f64,
    pub(crate) high: f64,
    /// 1.4826 times the median of |v - median|; where more than half the pixels are equal, the rms.
    pub(crate) sigma: f64,
    /// Median of |v| over the pixels that are not 0; 0 where all are.
    pub(crate) typical: f64,
}

impl Spread {
    /// Of the finite pixels; none where there is none.
    pub(crate) fn of(pixels: &[f32]) -> Option<Self> {
        let mut values: Vec<f32> = pixels.iter().copied().filter(|value| value.is_finite()).collect();
        let middle = median(&mut values)?;
        let bounds =
            values.iter().fold((f32::INFINITY, f32::NEG_INFINITY), |(low, high), &v| (low.min(v), high.max(v)));
        let squares: f64 = values.iter().map(|&v| f64::from(v).powi(2)).sum();
        let rms = (squares / values.len() as f64).sqrt();
        let mut sizes: Vec<f32> = values.iter().map(|value| value.abs()).filter(|size| *size > 0.0).collect();
        let typical = median(&mut sizes).map_or(0.0, f64::from);
        for value in &mut values {
            *value = (*value - middle).abs();
        }
        let deviation = 1.4826 * f64::from(median(&mut values)?);
        let sigma = if deviation > 0.0 { deviation } else { rms };
        Some(Self { low: f64::from(bounds.0), high: f64::from(bounds.1), sigma, typical })
    }

    fn largest(&self) -> f64 {
        self.low.abs().max(self.high.abs())
    }
}

fn median(values: &mut [f32]) -> Option<f32> {
    let middle = values.len() / 2;
    (!values.is_empty()).then(|| *values.select_nth_unstable_by(middle, f32::total_cmp).1)
}

/// Which colours stand for which values.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Palette {
    /// Inferno from the lowest to the highest.
    Dark,
    /// Inferno from zero up, teal from zero down.
    Signed,
    /// Blue, white, red; white is zero.
    Diverging,
}

/// A range of values, bent by asinh, with its colours.
///
/// `position = (asinh(v/a) - asinh(low/a)) / (asinh(high/a) - asinh(low/a))`, linear without `a`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Stretch {
    pub(crate) low: f64,
    pub(crate) high: f64,
    softening: Option<f64>,
    palette: Palette,
}

impl Stretch {
    /// The range for an image of a kind.
    ///
    /// - dirty, restored: from -3 sigma to the peak, nearly linear within 2 sigma;
    /// - residual: from -5 to 5 sigma, linear;
    /// - standard deviation: from its least value to its highest, linear;
    /// - model: from 0 (or its least value) to the peak, nearly linear below its typical pixel;
    /// - PSF: between minus and plus its peak, nearly linear within the noise of its sidelobes.
    pub(crate) fn of(kind: PanelKind, spread: &Spread) -> Self {
        let largest = if spread.largest() > 0.0 { spread.largest() } else { 1.0 };
        let sigma = if spread.sigma > 0.0 { spread.sigma } else { largest };
        match kind {
            PanelKind::Dirty | PanelKind::Restored => Self {
                low: -3.0 * sigma,
                high: spread.high.max(3.0 * sigma),
                softening: Some(2.0 * sigma),
                palette: Palette::Dark,
            },
            PanelKind::Residual => {
                Self { low: -5.0 * sigma, high: 5.0 * sigma, softening: None, palette: Palette::Diverging }
            }
            PanelKind::Sd => {
                let high = if spread.high > spread.low { spread.high } else { spread.low + largest };
                Self { low: spread.low, high, softening: None, palette: Palette::Dark }
            }
            PanelKind::Model => Self {
                low: spread.low.min(0.0),
                high: if spread.high > 0.0 { spread.high } else { largest },
                softening: Some(spread.typical.clamp(largest / 3000.0, largest / 30.0)),
                palette: Palette::Signed,
            },
            PanelKind::Psf => Self {
                low: -largest,
                high: largest,
                softening: Some((0.6 * sigma).clamp(largest / 3000.0, largest / 20.0)),
                palette: Palette::Diverging,
            },
        }
    }

    fn bend(&self, value: f64) -> f64 {
        self.softening.map_or(value, |softening| (value / softening).asinh())
    }

    /// Whether equal steps in value are equal steps in colour.
    pub(crate) fn is_linear(&self) -> bool {
        self.softening.is_none()
    }

    /// Place of a value between low (0) and high (1).
    pub(crate) fn position(&self, value: f64) -> f64 {
        (self.bend(value) - self.bend(self.low)) / (self.bend(self.high) - self.bend(self.low))
    }

    /// The value at a place: inverse of [`Self::position`].
    pub(crate) fn value(&self, position: f64) -> f64 {
        let (low, high) = (self.bend(self.low), self.bend(self.high));
        let bent = low + position * (high - low);
        self.softening.map_or(bent, |softening| softening * bent.sinh())
    }

    /// Colours of many values: those of [`Self::colour`] in steps too small to be seen, the one of zero exact.
    pub(crate) fn colours(&self, values: impl Iterator<Item = f32>) -> Vec<Rgb> {
        const STEPS: usize = 1024;
        let value = |place: f64| self.value(place / STEPS as f64);
        let edges: Vec<f32> = (1..STEPS).map(|step| value(step as f64) as f32).collect();
        let step_of = |value: f32| edges.partition_point(|edge| *edge <= value);
        let mut colours: Vec<Rgb> = (0..STEPS).map(|step| self.colour(value(step as f64 + 0.5))).collect();
        colours[step_of(0.0)] = self.colour(0.0);
        values.map(|value| if value.is_finite() { colours[step_of(value)] } else { BLANK }).collect()
    }

    /// Colour of a value; values outside the range have that of its end, NaN is grey.
    pub(crate) fn colour(&self, value: f64) -> Rgb {
        if !value.is_finite() {
            return BLANK;
        }
        match self.palette {
            Palette::Dark => inferno(self.position(value)),
            Palette::Diverging => blue_red(self.position(value)),
            Palette::Signed => {
                let largest = self.bend(self.high.max(-self.low));
                let map = if value < 0.0 { teal } else { inferno };
                map(self.bend(value.abs()) / largest)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPREAD: Spread = Spread { low: -0.4, high: 10.0, sigma: 0.1, typical: 0.02 };

    const KINDS: [PanelKind; 6] =
        [PanelKind::Dirty, PanelKind::Psf, PanelKind::Model, PanelKind::Residual, PanelKind::Restored, PanelKind::Sd];

    #[test]
    fn spread_ignores_blanks_and_outliers() {
        let mut pixels: Vec<f32> = (0..1001).map(|n| n as f32 / 1000.0).collect();
        pixels.extend([f32::NAN, f32::INFINITY, 50.0, 60.0]);
        let spread = Spread::of(&pixels).expect("finite pixels");
        assert_eq!((spread.low, spread.high), (0.0, 60.0));
        // The median of |v - 0.5| over [0, 1] is 0.25.
        assert!((spread.sigma - 1.4826 * 0.25).abs() < 2e-3, "{}", spread.sigma);
        assert_eq!(Spread::of(&[f32::NAN]), None);
    }

    #[test]
    fn position_runs_from_0_to_1_and_value_goes_back() {
        for kind in KINDS {
            let stretch = Stretch::of(kind, &SPREAD);
            assert_eq!((stretch.position(stretch.low), stretch.position(stretch.high)), (0.0, 1.0), "{kind:?}");
            for step in 0..=10 {
                let place = f64::from(step) / 10.0;
                assert!((stretch.position(stretch.value(place)) - place).abs() < 1e-12, "{kind:?}");
            }
        }
    }

    #[test]
    fn residual_is_symmetric_and_white_at_zero() {
        let stretch = Stretch::of(PanelKind::Residual, &SPREAD);
        assert_eq!((stretch.low, stretch.high), (-0.5, 0.5));
        assert_eq!(stretch.colour(0.0), [247, 247, 247]);
    }

    #[test]
    fn negative_components_of_a_model_are_seen_in_cold_colours() {
        let stretch = Stretch::of(PanelKind::Model, &SPREAD);
        assert_eq!(stretch.colour(0.0), inferno(0.0));
        let [r, g, b] = stretch.colour(-0.3);
        assert!(b > r && g > r && b > 50, "teal, and not dark: {:?}", stretch.colour(-0.3));
        assert_eq!(stretch.colour(f64::NAN), BLANK);
    }

    #[test]
    fn many_values_have_the_colours_of_each() {
        for kind in KINDS {
            for spread in [SPREAD, Spread { low: -3.0, ..SPREAD }] {
                let stretch = Stretch::of(kind, &spread);
                let span = stretch.high - stretch.low;
                let values: Vec<f32> = (0..=200).map(|n| (stretch.low + f64::from(n) / 200.0 * span) as f32).collect();
                for (value, found) in values.iter().zip(stretch.colours(values.iter().copied())) {
                    let exact = stretch.colour(f64::from(*value));
                    let worst = (0..3).map(|channel| found[channel].abs_diff(exact[channel])).max();
                    assert!(worst <= Some(4), "{kind:?} {value}: {found:?} for {exact:?}");
                }
                let odd = stretch.colours([0.0, f32::NAN, f32::INFINITY].into_iter());
                assert_eq!(odd, [stretch.colour(0.0), BLANK, BLANK], "{kind:?}");
            }
        }
    }

    #[test]
    fn an_image_of_zeros_has_a_range() {
        let spread = Spread::of(&[0.0; 9]).expect("finite pixels");
        for kind in KINDS {
            let stretch = Stretch::of(kind, &spread);
            assert!(stretch.high > stretch.low && stretch.position(0.0).is_finite(), "{kind:?}");
        }
    }
}
