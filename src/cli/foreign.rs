//! Flags of other tools: those that mean the same here, and for the others what does their work.

/// What others call a flag that has another name here and the same meaning and unit (`WSClean`, CASA, `DDFacet`,
/// `katsdpimager`): understood, and not in the help.
pub(super) fn elsewhere(flag: &str) -> &'static [&'static str] {
    match flag {
        "mask" => &["fits-mask", "Mask-External"],
        "continue" => &["startmodel"],
        "threshold" => &["abs-threshold", "Deconv-FluxThreshold"],
        "auto-threshold" => &["nsigma"],
        "tile" => &["parallel-deconvolution"],
        "gain" => &["loop-gain", "Deconv-Gain"],
        "mgain" => &["major-gain"],
        "niter" => &["Deconv-MaxMinorIter"],
        "nmiter" => &["nmajor", "Deconv-MaxMajorIter"],
        _ => &[],
    }
}

/// Flags of others that have no namesake here, and what does their work.
const OTHERS: &[(&[&str], &str)] = &[
    (&["multiscale"], "--algorithm multiscale, the default"),
    (&["scales"], "--multiscale-scales, full widths in pixels as in WSClean (CASA's are diameters, some 0.45 of them)"),
    (&["smallscalebias"], "--multiscale-scale-bias, which runs the other way: lower favours wide scales"),
    (&["multiscale-convolution-padding"], "nothing: convolutions are padded as far as they reach"),
    (&["largestscale"], "--multiscale-max-scales, or --asp-largest-scale"),
    (&["Deconv-Mode"], "--algorithm"),
    (&["iuwt", "moresane-ext", "python-deconvolution"], "--algorithm; deconv list tells which there are"),
    (
        &["casa-mask", "usemask"],
        "--mask with a FITS image, DS9 or CASA regions (.crtf); CASA images are exported with exportfits",
    ),
    (&["horizon-mask", "pbmask"], "--mask with a FITS image or regions"),
    (&["Mask-Auto", "Mask-SigTh"], "--auto-mask, in units of the noise"),
    (
        &[
            "sidelobethreshold",
            "noisethreshold",
            "lownoisethreshold",
            "negativethreshold",
            "smoothfactor",
            "minbeamfrac",
        ],
        "--auto-mask, in units of the noise",
    ),
    (&["cutthreshold", "growiterations", "dogrowprune"], "--auto-mask and --mask-dilate"),
    (&["border"], "--clean-border, in per cent of the width per side"),
    (&["negative"], "nothing: components may be negative unless --no-negative is given"),
    (
        &["cyclefactor", "minpsffraction", "maxpsffraction", "cycleniter"],
        "--mgain, the share of the peak that a major cycle takes",
    ),
    (
        &["Deconv-CycleFactor", "Deconv-PeakFactor", "peak-factor", "sub-peak-factor"],
        "--mgain, the share of the peak that a major cycle takes",
    ),
    (&["Deconv-RMSFactor", "rmsfactor", "fractional_threshold"], "--auto-threshold, in units of the noise"),
    (&["minor", "minor-maxit", "subminor-maxit"], "--niter, components of each plane"),
    (&["major"], "--nmiter, major cycles of each plane"),
    (&["gamma"], "--gain"),
    (&["Deconv-AllowResidIncrease", "detectdivergence"], "nothing: what makes things worse by a tenth is taken back"),
    (&["restoringbeam"], "--beam-shape or --beam-size"),
    (&["fit-beam", "beam-fitting-size"], "nothing: the beam is fitted to the main lobe unless --beam-shape is given"),
    (&["no-fit-beam"], "--beam-shape or --beam-size"),
    (&["restore"], "the job deconv restore --model M --residual R"),
    (&["restore-list"], "the job deconv restore --components LIST"),
    (&["reuse-psf"], "--psf"),
    (&["reuse-dirty", "imagename", "image", "map"], "--dirty"),
    (&["name", "out"], "--output PREFIX (-o)"),
    (&["save-source-list"], "--save-components wsclean"),
    (&["save-first-residual"], "deconv residual, for any model"),
    (&["dd-psf-grid"], "--psf-grid with the files of the PSFs"),
    (&["mem", "abs-mem"], "--memory, as in --memory 8GiB"),
    (&["log-time"], "--profile DIR, which tells the time of every task"),
    (
        &["psfwidth", "psf-patch", "psfcutoff", "psf-cutoff", "Deconv-PSFBox"],
        "nothing: the whole PSF is used (clark chooses its patch)",
    ),
    (&["cutoff"], "--threshold"),
    (&["niters"], "--niter"),
    (&["region"], "--mask"),
    (&["mode", "solutiontype", "findpeak"], "--algorithm"),
    (
        &[
            "join-channels",
            "join-polarizations",
            "link-polarizations",
            "squared-channel-joining",
            "deconvolution-channels",
        ],
        "nothing yet: each plane of a cube is deconvolved by itself",
    ),
    (
        &["fit-spectral-pol", "fit-spectral-log-pol", "force-spectrum", "spectral-correction", "nterms", "decoupled"],
        "nothing yet: each plane of a cube is deconvolved by itself",
    ),
];

/// What does here what a flag of another tool does there.
pub(super) fn here(flag: &str) -> Option<&'static str> {
    OTHERS.iter().find(|(names, _)| names.iter().any(|name| name.eq_ignore_ascii_case(flag))).map(|(_, does)| *does)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The flags of section 2 of the survey of other tools: `WSClean` 3.5, CASA's deconvolve and tclean, `DDFacet`, pfb, ASKAP,
    /// `katsdpimager`, MIRIAD.
    const SURVEYED: &str = "niter nmiter abs-threshold threshold auto-threshold auto-mask abs-auto-mask gain mgain local-rms \
        local-rms-window local-rms-method local-rms-image multiscale multiscale-scales multiscale-max-scales \
        multiscale-scale-bias multiscale-gain multiscale-shape multiscale-convolution-padding fits-mask casa-mask horizon-mask \
        clean-border no-negative negative stop-negative join-channels join-polarizations link-polarizations \
        squared-channel-joining fit-spectral-pol fit-spectral-log-pol force-spectrum deconvolution-channels \
        spectral-correction parallel-deconvolution deconvolution-threads dd-psf-grid mem abs-mem beam-size beam-shape \
        circular-beam fit-beam no-fit-beam beam-fitting-size restore restore-list reuse-psf reuse-dirty continue name \
        save-source-list save-first-residual iuwt moresane-ext python-deconvolution quiet log-time imagename startmodel \
        deconvolver scales smallscalebias nterms restoringbeam nsigma usemask mask pbmask sidelobethreshold noisethreshold \
        lownoisethreshold negativethreshold smoothfactor minbeamfrac cutthreshold growiterations dogrowprune cycleniter \
        cyclefactor minpsffraction maxpsffraction nmajor psfcutoff largestscale Deconv-Mode Deconv-MaxMajorIter \
        Deconv-MaxMinorIter Deconv-Gain Deconv-FluxThreshold Deconv-CycleFactor Deconv-RMSFactor Deconv-PeakFactor \
        Deconv-PSFBox Mask-External Mask-Auto Mask-SigTh rmsfactor gamma peak-factor sub-peak-factor minor-maxit \
        subminor-maxit psfwidth detectdivergence solutiontype decoupled fractional_threshold findpeak loop-gain major-gain \
        minor major border psf-cutoff cutoff niters region mode";

    #[test]
    fn every_flag_of_the_survey_is_understood_or_told_what_does_its_work() {
        let command = super::super::command();
        let aliases = command.get_arguments().filter_map(clap::Arg::get_all_aliases).flatten();
        let longs: Vec<&str> = command.get_arguments().filter_map(clap::Arg::get_long).chain(aliases).collect();
        let lost: Vec<&str> =
            SURVEYED.split_whitespace().filter(|flag| !longs.contains(flag) && here(flag).is_none()).collect();
        assert!(lost.is_empty(), "{lost:?}");
        let both: Vec<&str> = longs.iter().copied().filter(|flag| here(flag).is_some()).collect();
        assert!(both.is_empty(), "understood, and told as if they were not: {both:?}");
    }
}
