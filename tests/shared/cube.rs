//! The cube: every channel with its own PSF and beam, and the spectra that come out.

use crate::case::{Case, file, points};
use crate::support::fits::Image;

const FREQUENCY: f64 = 1.5e9;
/// Sources brighter than this many times the noise have a spectrum worth a look (README there).
const BRIGHT: f64 = 50.0;
/// Above this, errors of some 4 noise per channel move the slope by less than 0.05; fainter ones are reported only.
const CERTAIN: f64 = 200.0;

fn channels() -> Vec<serde_json::Value> {
    let info: serde_json::Value = serde_json::from_slice(&std::fs::read(file("cube-vla/info.json")).unwrap()).unwrap();
    info["channels"].as_array().unwrap().clone()
}

#[test]
fn every_channel_is_at_or_below_the_image_plane_clean_of_wsclean() {
    let truth = Image::read(&file("cube-vla/truth.fits.gz"));
    for psf in ["psf.fits", "psf2x.fits.gz"] {
        let case = Case::of("cube-vla", psf, "");
        case.assert_ended_by_itself();
        case.assert_exact(5e-6);
        let mut errors = Vec::new();
        for (plane, channel) in channels().iter().enumerate() {
            let number = |key: &str| channel[key].as_f64().unwrap();
            let error = case.error(plane, &case.beam(plane).blur(&truth.plane(plane)), number("noise"));
            let bound = number("refip_residual_rms") / number("noise");
            assert!(error <= bound, "{psf}, channel {plane}: {error:.2}, at most {bound:.2}");
            errors.push(format!("{error:.1}/{bound:.1}"));
        }
        case.report(&format!("error/bound in noise: {}", errors.join(" ")));
    }
}

#[test]
fn beams_of_the_channels_are_those_of_the_imager() {
    let case = Case::of("cube-vla", "psf.fits", "--niter 10");
    for (plane, channel) in channels().iter().enumerate() {
        let told = &case.products.summary()["planes"][plane]["beam"];
        for (ours, theirs) in [("bmaj", "bmaj_asec"), ("bmin", "bmin_asec")] {
            let ratio = told[ours].as_f64().unwrap() * 3600.0 / channel[theirs].as_f64().unwrap();
            // WSClean fits a box that holds the first sidelobes too, which makes its beams up to 9 % narrower
            assert!((ratio - 1.0).abs() < 0.12, "channel {plane}, {ours}: {ratio}");
        }
    }
}

#[test]
fn bright_points_keep_their_spectral_index() {
    let case = Case::of("cube-vla", "psf2x.fits.gz", "");
    let channels = channels();
    let noise = channels[0]["noise"].as_f64().unwrap();
    let (restored, truth) = (case.products.restored(), Image::read(&file("cube-vla/truth.fits.gz")));
    let planes: Vec<_> =
        (0..channels.len()).map(|plane| (restored.plane(plane), case.beam(plane).blur(&truth.plane(plane)))).collect();
    let mut worst = 0.0_f64;
    let mut told = Vec::new();
    for point in points("cube-vla").iter().filter(|point| point.flux > BRIGHT * noise) {
        let at = (point.y as usize, point.x as usize);
        // a beam also holds the neighbours: what is compared is the slope of the true sky at the same resolution
        let slope = |values: &dyn Fn(usize) -> f64| {
            let samples: Vec<(f64, f64)> = channels
                .iter()
                .enumerate()
                .map(|(plane, channel)| ((channel["freq"].as_f64().unwrap() / FREQUENCY).ln(), values(plane).ln()))
                .collect();
            fit(&samples)
        };
        let found = slope(&|plane| planes[plane].0[at]);
        let expected = slope(&|plane| planes[plane].1[at]);
        if point.flux > CERTAIN * noise {
            worst = worst.max((found - expected).abs());
        }
        told.push(format!("{:.0}: {:.3}", point.flux / noise, found - expected));
        assert!(point.alpha.is_some() && found.is_finite(), "({}, {})", point.y, point.x);
    }
    case.report(&format!("spectral index, worst {worst:.3}; brightness in noise: difference: {}", told.join(", ")));
    assert!(worst < 0.05, "worst {worst}: {told:?}");
}

/// Slope of the straight line through the samples.
fn fit(samples: &[(f64, f64)]) -> f64 {
    let count = samples.len() as f64;
    let mean = |part: fn(&(f64, f64)) -> f64| samples.iter().map(part).sum::<f64>() / count;
    let (x, y) = (mean(|s| s.0), mean(|s| s.1));
    let above: f64 = samples.iter().map(|s| (s.0 - x) * (s.1 - y)).sum();
    above / samples.iter().map(|s| (s.0 - x).powi(2)).sum::<f64>()
}
