//! The posterior of λ, and how the chains went.

use crate::pipeline::record::PlaneInference;
use crate::pipeline::record::inference::{ChainConvergence, Chains, Posterior};

use super::super::chart::{Axis, Chart};
use super::super::colour::category;
use super::super::scene::{Area, Pen, Scene};
use super::{LEFT, RIGHT, Table, WIDTH, curve, heading, legend};

/// One of the precisions `(γn, γx)`.
type Precision = fn(&(f64, f64)) -> f64;

/// The density of `log10 λ`.
const DENSITY: [u8; 3] = [60, 60, 60];

/// None where there is nothing to draw.
pub(super) fn scene(plane: &PlaneInference, planes: usize) -> Option<Scene> {
    let height = match &plane.chains {
        Some(Chains { gamma_noise: Some(_), .. }) => 1420.0,
        Some(_) => 1090.0,
        None => 700.0,
    };
    let mut scene = Scene::new(WIDTH, height);
    heading(&mut scene, "Posterior of the hyper-parameters", (plane, planes), &facts(plane));
    let posterior = plane.posterior.as_ref()?;
    let is_histogram = plane.chains.as_ref().is_some_and(|chains| chains.is_converged);
    draw_density(&mut scene, posterior, is_histogram);
    if let Some(chains) = &plane.chains {
        let names: Vec<String> = (1..=chains.traces.len()).map(|number| format!("chain {number}")).collect();
        legend(
            &mut scene,
            (LEFT, 670.0),
            names.iter().enumerate().map(|(index, name)| (name.as_str(), category(index))),
        );
        let mut precisions: Vec<(&str, Precision)> = vec![("precision of the prior", |at| at.1)];
        if chains.gamma_noise.is_some() {
            precisions.push(("precision of the noise", |at| at.0));
        }
        let last = precisions.len() - 1;
        for (index, (name, of)) in precisions.into_iter().enumerate() {
            let top = 700.0 + 330.0 * index as f64;
            draw_traces(&mut scene, chains, Area::new(LEFT, top, RIGHT - LEFT, 290.0), (name, of, index == last));
        }
    }
    Some(scene)
}

fn facts(plane: &PlaneInference) -> String {
    let told = |name: &str, found: &ChainConvergence| {
        format!("{name} R-hat {:.3}, {:.0} draws", found.r_hat, found.effective_samples)
    };
    match &plane.chains {
        Some(chains) => {
            let noise = chains.gamma_noise.as_ref().map(|found| format!("; {}", told("noise", found)));
            let end = if chains.is_converged { "converged" } else { "not converged: the density is the marginal one" };
            format!(
                "{} iterations, {end}; {}{}",
                chains.iterations,
                told("prior", &chains.gamma_prior),
                noise.unwrap_or_default()
            )
        }
        None => "sky integrated out, and the noise unless it is given".to_owned(),
    }
}

/// The density over `log10 λ`: bars where it is a histogram.
fn draw_density(scene: &mut Scene, posterior: &Posterior, is_histogram: bool) {
    let points: Vec<(f64, f64)> =
        posterior.density.iter().map(|(lambda, density)| (lambda.log10(), *density)).collect();
    let (low, high) = points.iter().fold((f64::MAX, f64::MIN), |(low, high), (x, _)| (low.min(*x), high.max(*x)));
    let most = points.iter().map(|(_, density)| *density).fold(0.0, f64::max);
    let half = 0.5 * (high - low) / (points.len().max(2) - 1) as f64;
    let area = Area::new(LEFT, 150.0, RIGHT - LEFT, 430.0);
    let chart = Chart { area, x: Axis::linear(low - half, high + half), y: Axis::linear(0.0, 1.1 * most) };
    chart.draw_x(scene, Some("log10 lambda"));
    chart.draw_y(scene, "density");
    let [first, last] = posterior.lambda_68.map(|lambda| chart.at(lambda.log10(), 0.0).0.clamp(area.x, area.right()));
    scene.fill(Area::new(first, area.y, last - first, area.h), category(0), 0.15);
    if is_histogram {
        for (x, density) in points {
            let ((left, top), (right, bottom)) = (chart.at(x - half, density), chart.at(x + half, 0.0));
            scene.fill(Area::new(left + 1.0, top, right - left - 2.0, bottom - top), DENSITY, 0.75);
        }
    } else {
        curve(scene, &chart, points.into_iter(), Pen::new(DENSITY, 2.5));
    }
}

fn draw_traces(scene: &mut Scene, chains: &Chains, area: Area, (name, of, is_last): (&str, Precision, bool)) {
    let values = || chains.traces.iter().flatten().map(of);
    let (low, high) = values().fold((f64::MAX, f64::MIN), |(low, high), value| (low.min(value), high.max(value)));
    let room = 0.05 * (high - low);
    let x = Axis::linear(0.0, f64::from(chains.iterations));
    let chart = Chart { area, x, y: Axis::linear(low - room, high + room) };
    chart.draw_x(scene, is_last.then_some("iteration"));
    chart.draw_y(scene, name);
    for (index, trace) in chains.traces.iter().enumerate() {
        let places = trace.iter().enumerate().map(|(at, value)| (f64::from(chains.step) * at as f64, of(value)));
        curve(scene, &chart, places, Pen { alpha: 0.7, ..Pen::new(category(index), 1.2) });
    }
    let (burnt, _) = chart.at(f64::from(chains.burn_in), low);
    scene.dashes(&[(burnt, area.y), (burnt, area.bottom())], Pen::new(DENSITY, 1.5));
}

pub(super) fn table(planes: &[PlaneInference]) -> String {
    let mut table = Table::new("chain,iteration,gamma_noise,gamma_prior,lambda,density");
    for plane in planes {
        for (number, trace) in plane.chains.iter().flat_map(|chains| &chains.traces).enumerate() {
            let step = plane.chains.as_ref().map_or(1, |chains| chains.step);
            for (at, (noise, prior)) in trace.iter().enumerate() {
                let place = [(number + 1) as f64, (at * step as usize) as f64];
                let cells = place.into_iter().chain([*noise, *prior, prior / noise]).map(Some).chain([None]);
                table.row(&plane.label, &cells.collect::<Vec<_>>());
            }
        }
        for (lambda, density) in plane.posterior.iter().flat_map(|posterior| &posterior.density) {
            table.row(&plane.label, &[None, None, None, None, Some(*lambda), Some(*density)]);
        }
    }
    table.0
}
