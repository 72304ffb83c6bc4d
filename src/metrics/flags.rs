//! The fidelity report: which signs say that an image is not to be trusted as it is, and what to do about it.

use serde::Serialize;

use super::number::{Number, find};

/// A bowl is deeper than so many times the noise at five beams, and than this share of the highest place there: it is what short
/// spacings that were not measured took of extended emission, so it goes with its brightness (17 % of it in the dirty image of
/// extended-m31-vla, 2.5 % after the own run of `WSClean` on the visibilities).
const BOWL: (f64, f64) = (5.0, 0.05);
/// The median step over a line of pixels is so many times those beside it.
const SEAM: f64 = 2.5;
/// The residual's peak is so many times its robust noise.
const PEAK: f64 = 7.0;
/// So much of what was taken out is left, and so many times what far lags have.
const LEFTOVER: (f64, f64) = (0.01, 5.0);
/// The noise of the residual is so many times that which was given.
const EXCESS: f64 = 1.5;
/// What lies beyond the PSF may leave so many times the noise.
const BEYOND: f64 = 3.0;
/// Model at the beam plus residual is off by so many times the noise, and by this share of the model's peak.
const RESTORING: (f64, f64) = (5.0, 0.01);
/// The beam of the image is off from that of the PSF by this share.
const BEAM: f64 = 0.1;
/// The main lobe is off from a Gaussian by so much of the peak.
const LOBE: f64 = 0.05;
/// The peak of the PSF is off from 1 by so much.
const PSF_PEAK: f64 = 0.01;
/// A beam of less than so many pixels is under-sampled.
const SAMPLES: f64 = 2.5;

/// Something to look at.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Flag {
    /// `negative-bowl`, `seam`, `uncleaned-sidelobes`, `over-cleaned`, `sidelobes-beyond-psf`, `wrong-beam`, `poor-beam`, `psf-peak`,
    /// `under-sampled`.
    pub name: &'static str,
    /// What was found, with its numbers.
    pub found: String,
    /// The criterion.
    pub criterion: String,
    /// What to do next.
    pub next: &'static str,
}

/// The flags that the numbers of a plane raise.
pub fn flags(numbers: &[Number]) -> Vec<Flag> {
    let get = |name: &str| find(numbers, name);
    let rules = [bowl, seam, sidelobes, over_cleaned, beyond, wrong_beam, poor_beam, psf_peak, under_sampled];
    rules.iter().filter_map(|rule| rule(&get)).collect()
}

type Get<'a> = dyn Fn(&str) -> Option<f64> + 'a;

fn bowl(get: &Get<'_>) -> Option<Flag> {
    let (depth, noise, peak) = (get("bowl_depth")?, get("bowl_noise")?, get("bowl_peak")?);
    (depth > BOWL.0 * noise && depth > BOWL.1 * peak).then(|| Flag {
        name: "negative-bowl",
        found: format!(
            "the image seen with five beams goes down to -{depth:.3e} Jy/beam, {:.1} times the noise there and {:.1} % of its \
             highest place",
            depth / noise,
            100.0 * depth / peak
        ),
        criterion: format!("deeper than {} times the noise there and {} % of the highest place", BOWL.0, 100.0 * BOWL.1),
        next: "--algorithm multiscale, or larger --multiscale-scales; short spacings that were not measured cannot be \
               brought back",
    })
}

/// Where the plane is known to have been cleaned in one piece there is no seam, and a PSF that ends inside the image makes steps of
/// its own, which `sidelobes-beyond-psf` tells.
fn seam(get: &Get<'_>) -> Option<Flag> {
    let is_whole = get("tiles").is_some_and(|tiles| tiles <= 1.0);
    let is_short = get("psf_rim").is_some_and(|rim| rim > 0.0);
    let ratio = get("seam_ratio").filter(|_| !is_whole && !is_short)?;
    let place = match (get("seam_row"), get("seam_column")) {
        (Some(row), _) => format!("between rows {row} and {}", row + 1.0),
        (None, column) => format!("between columns {0} and {1}", column?, column? + 1.0),
    };
    (ratio > SEAM).then(|| Flag {
        name: "seam",
        found: format!("the residual steps by {ratio:.1} times what is usual beside it, {place} (from 1)"),
        criterion: format!("more than {SEAM} times along a quarter of the image"),
        next: "a smaller --mgain, so that tiles meet more often; without tiles it is in the dirty image (mend the mosaic), or \
               where a PSF ends beside a bright source (take one of twice the image's size)",
    })
}

/// How much of what was taken out is still in the residual, at how many times chance; negative where more was taken than was there.
fn leftover(get: &Get<'_>) -> Option<(f64, f64)> {
    get("leftover_share").zip(get("leftover_significance"))
}

fn sidelobes(get: &Get<'_>) -> Option<Flag> {
    let (peak, sigma) = (get("res_max")?, get("res_mad")?);
    let (share, excess) = (leftover(get), get("noise_excess"));
    let is_left = share.is_some_and(|(share, times)| share > LEFTOVER.0 && times > LEFTOVER.1);
    let left = share.map_or_else(String::new, |(share, times)| {
        format!("; {:.2} % of what was cleaned is in it ({times:.1} times chance)", 100.0 * share)
    });
    let above = excess.map_or_else(String::new, |excess| format!("; its noise is {excess:.1} times that given"));
    let is_loud = excess.is_some_and(|excess| excess > EXCESS);
    (peak > PEAK * sigma || is_left || is_loud).then(|| Flag {
        name: "uncleaned-sidelobes",
        found: format!("the residual peaks at {:.1} times its noise{left}{above}", peak / sigma),
        criterion: format!(
            "a peak above {PEAK} times the noise, more than {} % at {} times chance, or {EXCESS} times the noise given with --sigma",
            100.0 * LEFTOVER.0,
            LEFTOVER.1
        ),
        next: "a greater --niter or --nmiter, a lower --threshold; check with --mask whether the place was allowed, that the PSF \
               belongs to the image, and on a wide field whether it does so away from the centre (--psf-grid)",
    })
}

fn over_cleaned(get: &Get<'_>) -> Option<Flag> {
    let (share, times) = leftover(get)?;
    (share < -LEFTOVER.0 && times < -LEFTOVER.1).then(|| Flag {
        name: "over-cleaned",
        found: format!(
            "more was taken than was there: the residual has {:.2} % of it with the opposite sign ({:.1} times chance)",
            -100.0 * share,
            -times
        ),
        criterion: format!("more than {} % at {} times chance", 100.0 * LEFTOVER.0, LEFTOVER.1),
        next: "a higher --auto-threshold, a lower --gain or --mgain; check that the PSF belongs to the image",
    })
}

fn beyond(get: &Get<'_>) -> Option<Flag> {
    let (rim, peak, sigma) = (get("psf_rim")?, get("image_max")?, get("res_mad")?);
    let left = rim * peak / sigma;
    (left > BEYOND).then(|| Flag {
        name: "sidelobes-beyond-psf",
        found: format!(
            "the PSF ends where it still is {rim:.1e}: the brightest source may leave {left:.1} times the noise"
        ),
        criterion: format!("more than {BEYOND} times the noise"),
        next: "a --psf of twice the image's size",
    })
}

fn wrong_beam(get: &Get<'_>) -> Option<Flag> {
    let sigma = get("res_mad")?;
    let misfit = get("restoring_misfit").zip(get("model_peak"));
    let is_apart =
        misfit.is_some_and(|(misfit, peak)| misfit > RESTORING.0 * sigma && misfit > RESTORING.1 * peak.abs());
    let difference = get("beam_difference");
    let is_other = difference.is_some_and(|difference| difference > BEAM);
    let mut found = Vec::new();
    if let Some((misfit, peak)) = misfit {
        found.push(format!(
            "model at the beam plus residual misses the image by {:.2} % of the peak",
            100.0 * misfit / peak
        ));
    }
    found.extend(
        difference
            .map(|difference| format!("the beam differs from the PSF's main lobe by {:.1} %", 100.0 * difference)),
    );
    (is_apart || is_other).then(|| Flag {
        name: "wrong-beam",
        found: found.join("; "),
        criterion: format!(
            "a misfit above {} times the noise and {} % of the peak, or a beam off by more than {} %",
            RESTORING.0,
            100.0 * RESTORING.1,
            100.0 * BEAM
        ),
        next: "leave out --beam-shape, so that the beam is fitted; check BMAJ, BMIN and BPA of the image",
    })
}

fn poor_beam(get: &Get<'_>) -> Option<Flag> {
    let misfit = get("psf_misfit")?;
    (misfit > LOBE).then(|| Flag {
        name: "poor-beam",
        found: format!("the PSF's main lobe is off from a Gaussian by {:.1} % of its peak", 100.0 * misfit),
        criterion: format!("more than {} %", 100.0 * LOBE),
        next: "--beam-shape with a beam of your choice; fluxes of what is not cleaned are in units of the dirty beam",
    })
}

fn psf_peak(get: &Get<'_>) -> Option<Flag> {
    let peak = get("psf_peak")?;
    ((peak - 1.0).abs() > PSF_PEAK).then(|| Flag {
        name: "psf-peak",
        found: format!("the PSF's peak is {peak:.4}: fluxes depend on whether the dirty image has the same factor"),
        criterion: format!("off from 1 by more than {PSF_PEAK}"),
        next: "--psf-scale psf-only if the dirty image is in Jy/beam already, and compare the fluxes of known sources",
    })
}

fn under_sampled(get: &Get<'_>) -> Option<Flag> {
    let minor = get("beam_minor")?;
    (minor < SAMPLES).then(|| Flag {
        name: "under-sampled",
        found: format!("the beam's minor axis is {minor:.2} pixels"),
        criterion: format!("less than {SAMPLES} pixels"),
        next: "smaller pixels in the imager; sources between pixels leave sidelobes otherwise",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers of an image that nothing is wrong with.
    fn good() -> Vec<Number> {
        let values = [
            ("res_mad", 1.0),
            ("res_max", 5.0),
            ("bowl_depth", 0.6),
            ("bowl_noise", 0.1),
            ("bowl_peak", 20.0),
            ("seam_ratio", 1.9),
            ("seam_row", 7.0),
            ("leftover_share", 0.001),
            ("leftover_significance", 20.0),
            ("psf_rim", 0.001),
            ("noise_excess", 1.2),
            ("image_max", 500.0),
            ("restoring_misfit", 1e-3),
            ("model_peak", 480.0),
            ("beam_difference", 0.03),
            ("psf_misfit", 0.01),
            ("psf_peak", 0.9986),
            ("beam_minor", 3.0),
        ];
        values.iter().map(|(name, value)| Number::new(*name, *value, "")).collect()
    }

    #[test]
    fn every_sign_raises_its_own_flag_and_none_is_raised_without() {
        assert_eq!(flags(&good()), []);
        let faults: [(&str, &[(&str, f64)]); 11] = [
            ("negative-bowl", &[("bowl_depth", 1.1)]),
            ("seam", &[("seam_ratio", 2.6), ("psf_rim", 0.0)]),
            ("over-cleaned", &[("leftover_share", -0.05), ("leftover_significance", -20.0)]),
            ("uncleaned-sidelobes", &[("noise_excess", 2.0)]),
            ("uncleaned-sidelobes", &[("res_max", 7.5)]),
            ("uncleaned-sidelobes", &[("leftover_share", 0.05)]),
            ("sidelobes-beyond-psf", &[("psf_rim", 0.01)]),
            ("wrong-beam", &[("restoring_misfit", 6.0)]),
            ("wrong-beam", &[("beam_difference", 0.2)]),
            ("psf-peak", &[("psf_peak", 1.3)]),
            ("under-sampled", &[("beam_minor", 2.0)]),
        ];
        for (name, changes) in faults {
            let mut numbers = good();
            for (changed, value) in changes {
                numbers.iter_mut().find(|number| number.name == *changed).unwrap().value = *value;
            }
            let raised = flags(&numbers);
            assert_eq!(raised.iter().map(|flag| flag.name).collect::<Vec<_>>(), [name]);
            assert!(!raised[0].criterion.is_empty() && raised[0].next.len() > 10 && raised[0].found.len() > 10);
        }
    }

    #[test]
    fn step_is_no_seam_where_there_were_no_tiles_or_the_psf_ends() {
        let with = |changes: &[(&str, f64)]| {
            let mut numbers = good();
            numbers.retain(|number| !changes.iter().any(|(name, _)| number.name == *name));
            numbers.extend(changes.iter().map(|(name, value)| Number::new(*name, *value, "")));
            flags(&numbers).iter().map(|flag| flag.name).collect::<Vec<_>>()
        };
        assert_eq!(with(&[("seam_ratio", 9.0), ("psf_rim", 0.0)]), ["seam"]);
        assert_eq!(with(&[("seam_ratio", 9.0), ("psf_rim", 0.0), ("tiles", 16.0)]), ["seam"]);
        assert_eq!(with(&[("seam_ratio", 9.0), ("psf_rim", 0.0), ("tiles", 0.0)]), [""; 0]);
        assert_eq!(with(&[("seam_ratio", 9.0), ("psf_rim", 0.001)]), [""; 0]);
    }

    #[test]
    fn what_was_not_measured_raises_nothing() {
        assert_eq!(flags(&[]), []);
        assert_eq!(flags(&[Number::new("bowl_depth", f64::NAN, "")]), []);
    }
}
