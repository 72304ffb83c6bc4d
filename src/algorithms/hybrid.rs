//! CLEAN for the bright compact sources, on which it is fast and exact, and a direct method for what is faint and smooth: of the exact
//! residual of the first the second makes the rest of one model (ALGORITHMS 6.4). What CLEAN found is kept as it is.

use super::{Algorithm, Direct, Kind, Minor};

/// What has no say in a hybrid: bright sources are cleaned in one piece, everywhere, as points, and both methods take the linear boundary.
const IGNORED: &[&str] = &[
    "auto_mask",
    "abs_auto_mask",
    "mask_dilate",
    "clean_border",
    "mask",
    "window",
    "tile",
    "local_rms",
    "local_rms_window",
    "local_rms_method",
    "local_rms_image",
    "local_rms_strength",
    "no_negative",
    "stop_negative",
    "boundary",
];

/// Entry of the registry.
pub(super) const HYBRID: Algorithm = Algorithm {
    name: "hybrid",
    summary: "clean for the bright sources, then convex on its exact residual: one model of both",
    kind: Kind::Direct(Direct::Convex),
    first: Some(Minor::Clean),
    tables: &["clean", "convex"],
    ignores: IGNORED,
    also: &[("multiscale", "scales"), ("multiscale", "max_scales")],
};

/// Entry of the registry.
pub(super) const HYBRID_WIENER: Algorithm = Algorithm {
    name: "hybrid-wiener",
    summary: "clean for the bright sources, then wiener on its exact residual: one model of both",
    kind: Kind::Direct(Direct::Wiener),
    first: Some(Minor::Clean),
    tables: &["clean", "wiener"],
    ignores: IGNORED,
    also: &[],
};
