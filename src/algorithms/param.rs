//! What an algorithm can be told, as plain data: flags, help and checks follow from it.

mod kind;
mod wiener;

pub use kind::{Limits, ParamKind};

/// The form of a choice in files: its text, which `Display` writes and `FromStr` reads; a number may stand there too.
macro_rules! text_form {
    ($type:ty) => {
        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let value = <toml::Value as serde::Deserialize>::deserialize(deserializer)?;
                let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}
pub(super) use text_form;

/// One parameter: its flag, and where the configuration keeps it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Param {
    /// Table of the configuration.
    pub table: &'static str,
    /// Key in the table; the flag is the key with `-` for `_`.
    pub key: &'static str,
    /// The flag without its dashes.
    pub flag: &'static str,
    /// What the value looks like.
    pub kind: ParamKind,
    /// Placeholder in the help.
    pub value_name: &'static str,
    /// What it does, with its unit and what a wrong value does.
    pub help: &'static str,
}

/// A share of 0 would go on for ever.
const SHARE: ParamKind = ParamKind::Number { min: 1e-6, max: 1.0 };

/// Parameters of the CLEAN family and of the convex solver.
const OTHERS: &[Param] = &[
    Param {
        table: "clean",
        key: "gain",
        flag: "gain",
        kind: SHARE,
        value_name: "SHARE",
        help: "Share of a peak that one component takes; above 0.3 extended emission breaks up",
    },
    Param {
        table: "clean",
        key: "mgain",
        flag: "mgain",
        kind: SHARE,
        value_name: "SHARE",
        help: "Share of the peak that one major cycle takes; smaller is safer and slower",
    },
    Param {
        table: "clean",
        key: "niter",
        flag: "niter",
        kind: ParamKind::Count { min: 0 },
        value_name: "N",
        help: "Components per plane at the most; 0 cleans nothing",
    },
    Param {
        table: "clean",
        key: "nmiter",
        flag: "nmiter",
        kind: ParamKind::Count { min: 1 },
        value_name: "N",
        help: "Major cycles per plane at the most",
    },
    Param {
        table: "clean",
        key: "threshold",
        flag: "threshold",
        kind: ParamKind::Flux,
        value_name: "FLUX",
        help: "Stop when the highest absolute residual is at or below this brightness per beam, as in 5mJy (not in \
               sigma: that is --auto-threshold)",
    },
    Param {
        table: "clean",
        key: "auto_threshold",
        flag: "auto-threshold",
        kind: ParamKind::ChoiceOrNumber(&["auto"], Limits::NotNegative),
        value_name: "SIGMA",
        help: "Stop at this many times the robust noise of the residual, measured anew each cycle; 0 turns it off; auto \
               is 1 inside an auto-mask, 3 without one, and 30 in a hybrid, where it leaves the rest to the other method",
    },
    Param {
        table: "clean",
        key: "auto_mask",
        flag: "auto-mask",
        kind: ParamKind::Number { min: 0.0, max: 1e6 },
        value_name: "SIGMA",
        help: "Clean everywhere down to this many times the noise, then only where components are; 0 turns it off",
    },
    Param {
        table: "clean",
        key: "abs_auto_mask",
        flag: "abs-auto-mask",
        kind: ParamKind::Flux,
        value_name: "FLUX",
        help: "The same as a brightness per beam, as in 5mJy; the higher of both levels counts (this alone: --auto-mask 0)",
    },
    Param {
        table: "clean",
        key: "mask_dilate",
        flag: "mask-dilate",
        kind: ParamKind::Count { min: 0 },
        value_name: "PIXELS",
        help: "Pixels by which the auto-mask grows round each component",
    },
    Param {
        table: "clean",
        key: "clean_border",
        flag: "clean-border",
        kind: ParamKind::Number { min: 0.0, max: 49.9 },
        value_name: "PERCENT",
        help: "Place no component within this share of the width, and of the height, from a side (whole pixels, rounded)",
    },
    Param {
        table: "clean",
        key: "mask",
        flag: "mask",
        kind: ParamKind::Files,
        value_name: "FILE,..",
        help: "Place components only where this selects pixels: a FITS image that is not 0 there, of any size and WCS, one plane \
               for all or one per plane; regions of DS9 (.reg) or CASA (.crtf); a catalogue with radii (.csv). Of several \
               the union, less those with a ! before their name, as in 'a.fits,!b.reg'; with those alone all but them. \
               What is used is written to PREFIX-mask.fits. The auto-mask stays inside",
    },
    Param {
        table: "clean",
        key: "window",
        flag: "window",
        kind: ParamKind::Choice(&["full", "inner-quarter"]),
        value_name: "PART",
        help: "Part of the image where components may stand: full, or inner-quarter, the middle half of rows and columns, as \
               older tools had it whose PSF is no larger than the image",
    },
    Param {
        table: "clean",
        key: "continue",
        flag: "continue",
        kind: ParamKind::File,
        value_name: "MODEL",
        help: "Model of an earlier run to go on from (PREFIX-model.fits): the run begins with its exact residual; with convex, of a CLEAN \
               of the bright sources for instance",
    },
    Param {
        table: "clean",
        key: "tile",
        flag: "tile",
        kind: ParamKind::Tiles,
        value_name: "PX|GXxGY",
        help: "Clean tiles of the plane side by side down to one common floor, between exact residuals of the whole: the \
               most pixels of a tile's side (WSClean's -parallel-deconvolution), tiles across and down as in 4x4, or off; \
               auto chooses by the size of the plane",
    },
    Param {
        table: "clean",
        key: "local_rms",
        flag: "local-rms",
        kind: ParamKind::Switch,
        value_name: "",
        help: "Weigh the search for the peak by the rms of the residual round each place, measured anew each cycle: round bright \
               sources with calibration errors less is cleaned. Thresholds then refer to where it is quietest",
    },
    Param {
        table: "clean",
        key: "local_rms_window",
        flag: "local-rms-window",
        kind: ParamKind::Number { min: 1.0, max: 1e4 },
        value_name: "BEAMS",
        help: "Full width at half maximum of the Gaussian window of --local-rms, in beams",
    },
    Param {
        table: "clean",
        key: "local_rms_method",
        flag: "local-rms-method",
        kind: ParamKind::Choice(&["rms", "rms-with-min"]),
        value_name: "METHOD",
        help: "What --local-rms takes: the rms, or (rms-with-min) 0.3 times the depth of the lowest negative in the window where \
               that is more",
    },
    Param {
        table: "clean",
        key: "local_rms_image",
        flag: "local-rms-image",
        kind: ParamKind::File,
        value_name: "FITS",
        help: "Map of the noise on the grid and in the unit of the dirty image, which weighs the search instead of that of the \
               residual; the sigma of thresholds is its least value",
    },
    Param {
        table: "clean",
        key: "local_rms_strength",
        flag: "local-rms-strength",
        kind: ParamKind::Number { min: 0.01, max: 4.0 },
        value_name: "POWER",
        help: "Power of the weights of --local-rms: below 1 they are gentler",
    },
    Param {
        table: "clean",
        key: "no_negative",
        flag: "no-negative",
        kind: ParamKind::Switch,
        value_name: "",
        help: "Place positive components only, and look for positive peaks only: negative ones stay in the residual. Where \
               short spacings are missing, sources stand in a bowl, which takes negative ones",
    },
    Param {
        table: "clean",
        key: "stop_negative",
        flag: "stop-negative",
        kind: ParamKind::Switch,
        value_name: "",
        help: "End the run where the highest peak is negative, with the reason negative",
    },
    Param {
        table: "multiscale",
        key: "scales",
        flag: "multiscale-scales",
        kind: ParamKind::Widths,
        value_name: "PIXELS",
        help: "Full widths of the scales, as in 0,8,16,32; 0 is a point; auto is 0 and 4, 8, 16, ... beams up to half the \
               image. A width is that of the whole kernel, as in WSClean, about twice its width at half maximum; \
               CASA and DDFacet mean other widths by the same number (DDFacet that at half maximum)",
    },
    Param {
        table: "multiscale",
        key: "max_scales",
        flag: "multiscale-max-scales",
        kind: ParamKind::Count { min: 0 },
        value_name: "N",
        help: "Scales at the most, the narrowest first; 0 is no limit. Scales wider than what the shortest baselines \
               measure fit pedestals",
    },
    Param {
        table: "multiscale",
        key: "scale_bias",
        flag: "multiscale-scale-bias",
        kind: ParamKind::Number { min: 0.05, max: 2.0 },
        value_name: "BIAS",
        help: "Preference among scales: lower favours wide ones, as in WSClean (CASA's smallscalebias runs the other way: \
               higher favours narrow ones)",
    },
    Param {
        table: "multiscale",
        key: "gain",
        flag: "multiscale-gain",
        kind: SHARE,
        value_name: "SHARE",
        help: "Share of its peak that is taken of one scale before another has its turn; smaller separates scales better, \
               and is slower",
    },
    Param {
        table: "multiscale",
        key: "shape",
        flag: "multiscale-shape",
        kind: ParamKind::Choice(&["tapered-quadratic", "gaussian"]),
        value_name: "SHAPE",
        help: "Profile of extended components; gaussian has wings, and its full width at half maximum is 0.44 of the width",
    },
    Param {
        table: "multiscale",
        key: "trim",
        flag: "multiscale-trim",
        kind: ParamKind::Number { min: 0.0, max: 100.0 },
        value_name: "SIGMA",
        help: "Level in units of the noise below which the final model, at the resolution of the beam, is no emission and is \
               taken away, as are points beside brighter ones that only make up for their errors; needs an auto-mask; \
               0 leaves the model as the cycles made it",
    },
    Param {
        table: "asp",
        key: "gain",
        flag: "asp-gain",
        kind: SHARE,
        value_name: "SHARE",
        help: "Share of a fitted Gaussian that is taken away; 1 leaves traces where sources overlap",
    },
    Param {
        table: "asp",
        key: "largest_scale",
        flag: "asp-largest-scale",
        kind: ParamKind::Number { min: 0.0, max: 100.0 },
        value_name: "BEAMS",
        help: "Full width at half maximum of the widest Gaussian, in beams; 0 takes points only",
    },
    Param {
        table: "convex",
        key: "prior",
        flag: "prior",
        kind: ParamKind::Choice(&["atoms", "huber", "tv", "starlet", "mixed"]),
        value_name: "PRIOR",
        help: "What the sky has little of: atoms, points and Gaussians of several widths; huber and tv, differences between \
               neighbours (tv keeps edges); starlet, wavelets: with these three no pixel is negative; mixed, positive points \
               on a smooth map",
    },
    Param {
        table: "convex",
        key: "kappa",
        flag: "kappa",
        kind: ParamKind::ChoiceOrNumber(&["auto"], Limits::NotNegative),
        value_name: "SIGMA",
        help: "What must stand out of the noise of the residual by this many times to be fitted; lower fits what the PSF does not \
               explain, higher leaves faint emission in the residual; auto is 4 for atoms and mixed, 2 for the other priors",
    },
    Param {
        table: "convex",
        key: "iterations",
        flag: "iterations",
        kind: ParamKind::Count { min: 1 },
        value_name: "N",
        help: "Iterations at the most, rounded up to the next exact residual",
    },
    Param {
        table: "convex",
        key: "reweights",
        flag: "reweights",
        kind: ParamKind::Count { min: 0 },
        value_name: "N",
        help: "How often what was found has its thresholds lowered: fluxes are less biased, and isolated noise is kept out",
    },
    Param {
        table: "convex",
        key: "debias",
        flag: "debias",
        kind: ParamKind::Switch,
        value_name: "",
        help: "In the end fit fluxes once more where something was found, without thresholds",
    },
    Param {
        table: "convex",
        key: "positive",
        flag: "positive",
        kind: ParamKind::Switch,
        value_name: "",
        help: "A sky of positive points and Gaussians only, or a positive map: where sidelobes fill the image it makes up for what \
               was not measured; points between pixels are fitted worse",
    },
];

/// Every parameter of every algorithm.
pub static PARAMS: &[Param] = &{
    const ALL: usize = OTHERS.len() + wiener::WIENER.len();
    let mut all = [OTHERS[0]; ALL];
    let mut at = 0;
    while at < ALL {
        all[at] = if at < OTHERS.len() { OTHERS[at] } else { wiener::WIENER[at - OTHERS.len()] };
        at += 1;
    }
    all
};

impl Param {
    /// Checks a value as it was typed or read.
    ///
    /// # Errors
    /// What was expected, in words.
    pub fn check(&self, text: &str) -> Result<(), String> {
        self.kind.check(text)
    }
}
