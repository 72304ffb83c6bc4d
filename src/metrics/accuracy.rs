//! How far model and restored image are from the truth, at the resolution of the clean beam (ALGORITHMS 10).

use ndarray::Array2;

use super::number::Number;
use super::planes::{extremes, finite, median, rms, std};

/// Levels of the true sky, in percent of its peak, above which fidelity is told.
const LEVELS: [f64; 4] = [1.0, 3.0, 10.0, 30.0];
/// The error counts for at least this share of its rms where the fidelity is formed.
const LEAST_ERROR: f64 = 0.7;

/// Contrast of a restored image: over the noise of the residual, and over its own lowest value.
pub(super) fn contrast(image: &Array2<f32>, noise: f64) -> Vec<Number> {
    let (low, high) = extremes(image);
    vec![
        Number::brightness("image_max", high),
        Number::brightness("image_min", low),
        Number::plain("dr_noise", high / noise),
        Number::plain("dr_negative", high / low.abs()),
    ]
}

/// Errors of the model at the beam, if there is one, and of the restored image, both against the true sky at the beam.
pub(super) fn accuracy(
    truth: &Array2<f32>,
    image: &Array2<f32>,
    model: Option<&Array2<f32>>,
    noise: f64,
) -> Vec<Number> {
    let mut numbers = Vec::new();
    let compared = [("model", model), ("restored", Some(image))];
    for (name, plane) in compared.iter().filter_map(|(name, plane)| Some((name, (*plane)?))) {
        numbers.extend(errors(name, truth, plane, noise));
    }
    numbers.extend(fidelity(truth, image));
    numbers
}

/// `truth - plane`, and the truth where both are known.
fn pairs<'a>(truth: &'a Array2<f32>, plane: &'a Array2<f32>) -> impl Iterator<Item = (f64, f64)> + Clone + 'a {
    let pairs = truth.iter().zip(plane).filter(|(truth, value)| truth.is_finite() && value.is_finite());
    pairs.map(|(truth, value)| (f64::from(*truth), f64::from(*value) - f64::from(*truth)))
}

fn errors(name: &str, truth: &Array2<f32>, plane: &Array2<f32>, noise: f64) -> Vec<Number> {
    let pairs = pairs(truth, plane);
    let error = rms(pairs.clone().map(|(_, error)| error));
    let spread = std(pairs.clone().map(|(_, error)| error));
    let ratio = error / rms(pairs.clone().map(|(truth, _)| truth));
    let peak = pairs.map(|(truth, _)| truth).fold(f64::NAN, f64::max);
    vec![
        Number::brightness(&format!("error_{name}"), spread),
        Number::new(format!("error_{name}_noise"), spread / noise, "noise"),
        Number::new(format!("snr_{name}"), -20.0 * ratio.log10(), "dB"),
        Number::plain(&format!("nrmse_{name}"), ratio),
        Number::new(format!("psnr_{name}"), 20.0 * (peak / error).log10(), "dB"),
    ]
}

/// Medians of `|truth| / max(|truth - image|, 0.7 rms)` above levels of the truth's peak.
fn fidelity(truth: &Array2<f32>, image: &Array2<f32>) -> Vec<Number> {
    let pairs = pairs(truth, image);
    let least = LEAST_ERROR * rms(pairs.clone().map(|(_, error)| error));
    let peak = pairs.clone().map(|(truth, _)| truth).fold(f64::NAN, f64::max);
    let above = |percent: f64| {
        let bright = pairs.clone().filter(|(truth, _)| *truth > 0.01 * percent * peak);
        let mut values: Vec<f64> = bright.map(|(truth, error)| truth.abs() / error.abs().max(least)).collect();
        Number::plain(&format!("fidelity_{percent}"), median(&mut values))
    };
    LEVELS.map(above).to_vec()
}

/// Sum of a model against that of the truth \[Jy\].
pub(super) fn flux(model: &Array2<f32>, truth: Option<f64>) -> Vec<Number> {
    let sum = |values: &mut dyn Iterator<Item = f64>| finite(values).fold(0.0, |sum, value| sum + value);
    let values = || model.iter().map(|value| f64::from(*value));
    let total = sum(&mut values());
    let negative = sum(&mut values().filter(|value| *value < 0.0)).abs();
    let mut numbers = vec![
        Number::new("flux_model", total, "Jy"),
        Number::plain("negative_share", negative / sum(&mut values().map(f64::abs))),
    ];
    if let Some(truth) = truth {
        numbers.push(Number::new("flux_truth", truth, "Jy"));
        numbers.push(Number::plain("flux_ratio", total / truth));
    }
    numbers
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::super::number::find;
    use super::*;

    #[test]
    fn errors_are_those_of_the_definitions() {
        let truth = array![[3.0_f32, 4.0, 0.0, f32::NAN]];
        let image = array![[3.0_f32, 3.0, 1.0, 7.0]];
        let numbers = accuracy(&truth, &image, None, 0.5);
        let get = |name: &str| find(&numbers, name).unwrap();
        // errors 0, -1, 1: rms sqrt(2/3), of a truth of rms sqrt(25/3)
        let rms = (2.0_f64 / 3.0).sqrt();
        assert!((get("error_restored") - rms).abs() < 1e-12 && (get("error_restored_noise") - 2.0 * rms).abs() < 1e-12);
        assert!((get("nrmse_restored") - (2.0_f64 / 25.0).sqrt()).abs() < 1e-12);
        assert!((get("snr_restored") - 10.0 * 12.5_f64.log10()).abs() < 1e-9);
        assert!((get("psnr_restored") - 20.0 * (4.0 / rms).log10()).abs() < 1e-9);
        // above 30 % of 4: 3 / (0.7 rms) and 4 / 1
        assert!((get("fidelity_30") - f64::midpoint(3.0 / (0.7 * rms), 4.0)).abs() < 1e-9);
        assert_eq!(find(&numbers, "error_model"), None);
    }

    #[test]
    fn flux_and_contrast_leave_blanks_out() {
        let model = array![[2.0_f32, -0.5, f32::NAN]];
        let numbers = flux(&model, Some(3.0));
        assert_eq!(find(&numbers, "flux_ratio"), Some(0.5));
        assert_eq!(find(&numbers, "negative_share"), Some(0.2));
        let numbers = contrast(&model, 0.1);
        assert_eq!((find(&numbers, "dr_noise"), find(&numbers, "dr_negative")), (Some(20.0), Some(4.0)));
    }
}
