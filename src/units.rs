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
