//! The kinds of image, and the unit each is in.
//!
//! A kind is a type, so that a model in Jy/pixel cannot be added to a residual in Jy/beam without
//! going through the clean beam; the type also writes BUNIT and the product's file name.

/// What an image is: decides its unit and the name of its product.
pub trait Kind: Copy + Send + Sync + 'static {
    /// Value of BUNIT in a FITS header.
    const BUNIT: &'static str;
    /// Name of the product: `PREFIX-NAME.fits`.
    const NAME: &'static str;
}

/// The image as observed \[Jy/beam\].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dirty;

/// The dirty image less the model seen through the PSF \[Jy/beam\].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Residual;

/// The sky as found \[Jy/pixel\].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Model;

/// The model at the resolution of the clean beam, with the residual added \[Jy/beam\].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Restored;

/// Where components may stand: 1 there, 0 elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Selection;

/// Posterior standard deviation of the model \[Jy/pixel\].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Uncertainty;

impl Kind for Uncertainty {
    const BUNIT: &'static str = "Jy/pixel";
    const NAME: &'static str = "sd";
}

/// What a filter makes of a point source of 1 Jy \[Jy/pixel\].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resolution;

impl Kind for Resolution {
    const BUNIT: &'static str = "Jy/pixel";
    const NAME: &'static str = "resolution";
}

impl Kind for Selection {
    const BUNIT: &'static str = "";
    const NAME: &'static str = "mask";
}

impl Kind for Dirty {
    const BUNIT: &'static str = "Jy/beam";
    const NAME: &'static str = "dirty";
}

impl Kind for Residual {
    const BUNIT: &'static str = "Jy/beam";
    const NAME: &'static str = "residual";
}

impl Kind for Model {
    const BUNIT: &'static str = "Jy/pixel";
    const NAME: &'static str = "model";
}

impl Kind for Restored {
    const BUNIT: &'static str = "Jy/beam";
    const NAME: &'static str = "image";
}

/// A flux density \[Jy\] (or brightness \[Jy/beam\]) as a person types it: `0.005`, `5mJy`, `20 uJy`.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Default)]
pub struct Flux(pub f64);

/// A flux density that cannot be read.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("'{text}' is not a flux density; expected a number with Jy, mJy, uJy or nJy (Jy when left out), as in 5mJy")]
pub struct FluxError {
    text: String,
}

impl std::str::FromStr for Flux {
    type Err = FluxError;

    fn from_str(text: &str) -> Result<Self, FluxError> {
        let lower = text.trim().to_ascii_lowercase();
        let lower = lower.strip_suffix("/beam").unwrap_or(&lower);
        let units = [("mjy", 1e-3), ("ujy", 1e-6), ("µjy", 1e-6), ("njy", 1e-9), ("kjy", 1e3), ("jy", 1.0)];
        let (number, scale) = units
            .iter()
            .find_map(|(unit, scale)| lower.strip_suffix(unit).map(|number| (number, *scale)))
            .unwrap_or((lower, 1.0));
        let error = || FluxError { text: text.to_owned() };
        let value: f64 = number.trim().parse().map_err(|_| error())?;
        if value.is_finite() { Ok(Self(value * scale)) } else { Err(error()) }
    }
}

impl std::fmt::Display for Flux {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} Jy", self.0)
    }
}

impl serde::Serialize for Flux {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Flux {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flux_is_read_with_its_unit_and_jy_is_the_default() {
        for (text, jy) in [("0.005", 0.005), ("5mJy", 0.005), ("20 uJy", 2e-5), ("1e-3 Jy/beam", 1e-3), ("3nJy", 3e-9)]
        {
            let flux: Flux = text.parse().expect(text);
            assert!((flux.0 - jy).abs() < 1e-15, "{text}");
        }
        for text in ["", "mJy", "5 apples", "5 sigma", "inf", "NaN"] {
            assert!(text.parse::<Flux>().is_err(), "{text}");
        }
    }
}
