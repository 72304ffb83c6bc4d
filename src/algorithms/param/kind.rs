//! What the value of a parameter looks like, and whether a text is one.

use std::fmt;

use super::super::{TileChoice, Widths};

/// What a parameter's value looks like.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ParamKind {
    /// A number in the closed range.
    Number {
        /// Least value.
        min: f64,
        /// Greatest value.
        max: f64,
    },
    /// A whole number of at least `min`.
    Count {
        /// Least value.
        min: u64,
    },
    /// A flux density with its unit.
    Flux,
    /// One of the words.
    Choice(&'static [&'static str]),
    /// One of the words, or a number in the range.
    ChoiceOrNumber(&'static [&'static str], Limits),
    /// One of the words, or a flux density with its unit.
    ChoiceOrFlux(&'static [&'static str]),
    /// `auto`, or full widths of scales in pixels with commas between them.
    Widths,
    /// Tiles of a plane.
    Tiles,
    /// A FITS file.
    File,
    /// Files with commas between them.
    Files,
    /// On where the flag is given; `true` or `false` in a file.
    Switch,
}

/// The numbers that are allowed beside words.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Limits {
    /// 0 or more.
    NotNegative,
    /// Above 0.
    Positive,
    /// The closed range.
    Range(f64, f64),
}

impl Limits {
    fn hold(self, value: f64) -> bool {
        match self {
            Self::NotNegative => value >= 0.0,
            Self::Positive => value > 0.0,
            Self::Range(min, max) => (min..=max).contains(&value),
        }
    }
}

impl fmt::Display for Limits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotNegative => f.write_str("of 0 or more"),
            Self::Positive => f.write_str("above 0"),
            Self::Range(min, max) => write!(f, "from {min} to {max}"),
        }
    }
}

impl ParamKind {
    /// Checks a value as it was typed or read.
    ///
    /// # Errors
    /// What was expected, in words.
    pub(super) fn check(&self, text: &str) -> Result<(), String> {
        let number = || text.trim().parse::<f64>().ok().filter(|value| value.is_finite());
        let flux = || text.parse::<crate::units::Flux>().is_ok_and(|flux| flux.0 >= 0.0);
        let (fine, expected) = match *self {
            ParamKind::Number { min, max } => {
                (number().is_some_and(|value| (min..=max).contains(&value)), format!("a number from {min} to {max}"))
            }
            ParamKind::Count { min } => {
                (text.trim().parse::<u64>().is_ok_and(|value| value >= min), format!("a whole number from {min}"))
            }
            ParamKind::Flux => (flux(), "a flux density of 0 or more with its unit, as in 5mJy".to_owned()),
            ParamKind::Choice(words) => (words.contains(&text), words.join(", ")),
            ParamKind::ChoiceOrNumber(words, limits) => (
                words.contains(&text) || number().is_some_and(|value| limits.hold(value)),
                format!("{} or a number {limits}", words.join(", ")),
            ),
            ParamKind::ChoiceOrFlux(words) => {
                (words.contains(&text) || flux(), format!("{} or a flux density, as in 5mJy", words.join(", ")))
            }
            ParamKind::Widths => {
                (text.parse::<Widths>().is_ok(), "auto, or full widths in pixels, as in 0,8,16".to_owned())
            }
            ParamKind::Tiles => (text.parse::<TileChoice>().is_ok(), TileChoice::EXPECTED.to_owned()),
            ParamKind::File => (!text.is_empty(), "a FITS file".to_owned()),
            ParamKind::Files => (!text.is_empty(), "files, with commas between them".to_owned()),
            ParamKind::Switch => (["true", "false"].contains(&text), "true or false".to_owned()),
        };
        if fine { Ok(()) } else { Err(format!("expected {expected}")) }
    }
}
