//! Model selection in parallel: the weight of a Wiener filter that best tells a second noise from the first.
//!
//! `cargo run --release --example model_selection`
//!
//! An image is blurred and gets noise twice. For each weight the filter makes an image of the first realisation; blurred
//! again, it is compared with the second. The scores share the spectra, which are computed once, and run side by side.
#![allow(clippy::print_stdout)]

use std::error::Error;

use deconv::collections::Compute;
use deconv::collections::array::Array;
use deconv::collections::delayed::{Delayed, delayed, delayed_many, value};
use deconv::collections::table::Table;
use deconv::fft::Real2d;
use ndarray::{Array2, Ix2};
use rustfft::num_complex::Complex64;

const SIZE: usize = 64;

/// What is seen, and what blurred it.
struct Data {
    transfer: Array2<Complex64>,
    first: Array2<Complex64>,
    second: Array2<f64>,
    truth: Array2<f64>,
}

fn data() -> Result<Data, Box<dyn Error>> {
    let plans = Real2d::new((SIZE, SIZE));
    let from_middle = |i: usize| if i < SIZE / 2 { i as f64 } else { i as f64 - SIZE as f64 };
    let psf = Array2::from_shape_fn((SIZE, SIZE), |(y, x)| {
        (-(from_middle(y).powi(2) + from_middle(x).powi(2)) / 8.0).exp() / (8.0 * std::f64::consts::PI)
    });
    let truth = Array2::from_shape_fn((SIZE, SIZE), |(y, x)| f64::from(u8::from(y / 8 % 3 == 1 && x / 8 % 3 == 1)));
    let transfer = plans.forward(&psf);
    let blurred = plans.inverse(&mut (&plans.forward(&truth) * &transfer));
    let noisy = |seed| -> Result<Array2<f64>, Box<dyn Error>> {
        let noise = Array::<f64>::normal(seed, (0.0, 0.05), [SIZE, SIZE], 32)?.compute()?;
        Ok(&blurred + &noise.into_dimensionality::<Ix2>()?)
    };
    Ok(Data { first: plans.forward(&noisy(1)?), second: noisy(2)?, transfer, truth })
}

fn estimate(data: &Data, weight: f64) -> Array2<Complex64> {
    let filter = data.transfer.mapv(|h| h.conj() / (h.norm_sqr() + weight));
    filter * &data.first
}

fn misfit(one: &Array2<f64>, other: &Array2<f64>) -> f64 {
    (one - other).mapv(|apart| apart * apart).mean().unwrap_or(f64::NAN).sqrt()
}

/// Runs the example.
pub fn main() -> Result<(), Box<dyn Error>> {
    let data = data()?;
    let shared = value(data);
    let score = delayed("score", |data: &Data, weight: &f64| {
        let mut predicted = &estimate(data, *weight) * &data.transfer;
        misfit(&Real2d::new((SIZE, SIZE)).inverse(&mut predicted), &data.second)
    });
    let weights: Vec<f64> = (-16..=4).map(|power| 10.0_f64.powf(f64::from(power) / 4.0)).collect();
    let scores: Vec<Delayed<f64>> = weights.iter().map(|weight| score.call(&shared, &value(*weight))).collect();
    let curve = delayed_many("curve", |scores: &[&f64]| scores.iter().map(|score| **score).collect::<Vec<f64>>());
    let curve = curve.call(&scores).compute_with(&Compute::new())?;

    let best = (0..curve.len()).min_by(|&a, &b| curve[a].total_cmp(&curve[b])).ok_or("a score for each weight")?;
    let table = Table::new().with_column("weight", weights.clone())?.with_column("misfit", curve.clone())?;
    table.write_csv("outputs/model-selection.csv")?;
    let error = delayed("error", |data: &Data, weight: &f64| {
        misfit(&Real2d::new((SIZE, SIZE)).inverse(&mut estimate(data, *weight)), &data.truth)
    });
    let ends = [0, best, weights.len() - 1].map(|place| error.call(&shared, &value(weights[place])));
    let errors = Delayed::compute_all(&ends, &Compute::new())?;
    println!(
        "best weight {:.4}, error {:.3}; at the ends {:.3} and {:.3}",
        weights[best], errors[1], errors[0], errors[2]
    );
    assert!(best > 0 && best + 1 < weights.len(), "the best is no end of the list");
    assert!(
        errors[1] < errors[0] && errors[1] < errors[2],
        "what predicts best is nearer to the truth than either end"
    );
    Ok(())
}
