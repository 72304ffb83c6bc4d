//! Every criterion over λ, scaled to one range, and the L-curve.

use crate::pipeline::record::PlaneInference;
use crate::pipeline::record::inference::{CRITERIA, CurvePoint, Curves, LambdaRule, MaternFit};

use super::super::chart::{Axis, Chart, INK};
use super::super::colour::{Rgb, category};
use super::super::scene::{Area, Pen, Scene};
use super::{LEFT, RIGHT, Table, WIDTH, curve, dot, heading, legend};

/// The λ of the run.
const CHOSEN: Rgb = INK;

/// None where the numbers have no range that could be drawn.
pub(super) fn scene(plane: &PlaneInference, planes: usize) -> Option<Scene> {
    let curves = plane.curves.as_ref()?;
    let mut scene = Scene::new(WIDTH, 1290.0);
    let prior = |MaternFit { length, nu, .. }| format!("; Matern prior of length {length:.3} pixels, nu {nu:.3}");
    let facts = format!(
        "lambda {:.4e} by {}; noise {:.3e} Jy/beam where one is needed{}",
        plane.lambda,
        plane.rule,
        curves.sigma,
        plane.matern.map(prior).unwrap_or_default()
    );
    heading(&mut scene, "Weight of the prior", (plane, planes), &facts);
    let named = curves.choices.iter().enumerate().map(|(index, (name, _))| (name.as_str(), category(index)));
    legend(&mut scene, (LEFT, 112.0), named.chain([("lambda of this run", CHOSEN)]));
    let x = Axis::logarithmic(curves.points.iter().map(|point| point.lambda))?;
    draw_criteria(
        &mut scene,
        Chart { area: Area::new(LEFT, 170.0, RIGHT - LEFT, 480.0), x, y: Axis::root(1.0) },
        (plane, curves),
    );
    let area = Area::new(LEFT, 740.0, RIGHT - LEFT, 460.0);
    let misfits = curves.points.iter().map(|point| point.misfit);
    let chart = Chart {
        area,
        x: Axis::logarithmic(misfits)?,
        y: Axis::logarithmic(curves.points.iter().map(|point| point.roughness))?,
    };
    draw_trade_off(&mut scene, chart, (plane, curves));
    Some(scene)
}

/// The criterion as it is compared: cross-validation by its logarithm, as a likelihood has it.
fn seen(rule: LambdaRule, value: f64) -> f64 {
    if rule == LambdaRule::Gcv { value.ln() } else { value }
}

fn draw_criteria(scene: &mut Scene, chart: Chart, (plane, curves): (&PlaneInference, &Curves)) {
    chart.draw_x(scene, Some("lambda"));
    chart.draw_y(scene, "criterion above its minimum, scaled");
    let ends = curves.points.first().zip(curves.points.last());
    let chosen = ends.map_or(plane.lambda, |(first, last)| plane.lambda.clamp(first.lambda, last.lambda));
    let at = chart.at(chosen, 0.0).0;
    scene.dashes(&[(at, chart.area.y), (at, chart.area.bottom())], Pen::new(CHOSEN, 2.0));
    for (index, rule) in CRITERIA.into_iter().enumerate() {
        let values = curves.points.iter().map(|point| seen(rule, point.criteria[index]));
        let (low, high) =
            values.clone().filter(|v| v.is_finite()).fold((f64::MAX, f64::MIN), |(l, h), v| (l.min(v), h.max(v)));
        let scaled = |value: f64| if high > low { (value - low) / (high - low) } else { 0.0 };
        let points = curves.points.iter().map(|point| point.lambda).zip(values.map(scaled));
        curve(scene, &chart, points.clone(), Pen::new(category(index), 2.5));
        if let Some((_, lambda)) = curves.choices.get(index) {
            dot(scene, &chart, (*lambda, between(points, *lambda)), category(index));
        }
    }
    if let Some((_, lambda)) = curves.choices.get(CRITERIA.len()) {
        let at = chart.at(*lambda, 0.0).0;
        scene.dashes(&[(at, chart.area.y), (at, chart.area.bottom())], Pen::new(category(CRITERIA.len()), 2.0));
    }
}

fn draw_trade_off(scene: &mut Scene, chart: Chart, (plane, curves): (&PlaneInference, &Curves)) {
    chart.draw_x(scene, Some("misfit of the usable modes [Jy²/beam²]"));
    chart.draw_y(scene, "roughness of the model");
    curve(
        scene,
        &chart,
        curves.points.iter().map(|point| (point.misfit, point.roughness)),
        Pen::new([120, 120, 120], 2.5),
    );
    let along = |of: fn(&CurvePoint) -> f64, lambda: f64| {
        between(curves.points.iter().map(|point| (point.lambda, of(point).ln())), lambda).exp()
    };
    let place = |lambda: f64| (along(|point| point.misfit, lambda), along(|point| point.roughness, lambda));
    for (index, (_, lambda)) in curves.choices.iter().enumerate() {
        dot(scene, &chart, place(*lambda), category(index));
    }
    let (x, y) = place(plane.lambda);
    let (x, y) = chart.at(x, y);
    scene.line(vec![(x - 12.0, y), (x + 12.0, y)], Pen::new(CHOSEN, 2.0));
    scene.line(vec![(x, y - 12.0), (x, y + 12.0)], Pen::new(CHOSEN, 2.0));
}

/// The value at `lambda`, between points by `log λ`.
fn between(points: impl Iterator<Item = (f64, f64)>, lambda: f64) -> f64 {
    let points: Vec<_> = points.collect();
    let after = points.iter().position(|(at, _)| *at >= lambda).unwrap_or(points.len() - 1).max(1);
    let ((low, first), (high, second)) = (points[after - 1], points[after.min(points.len() - 1)]);
    let share = if high > low { ((lambda / low).ln() / (high / low).ln()).clamp(0.0, 1.0) } else { 0.0 };
    first + share * (second - first)
}

pub(super) fn table(planes: &[PlaneInference]) -> String {
    let names: Vec<&str> = CRITERIA.iter().map(|rule| rule.name()).collect();
    let mut table = Table::new(&format!("lambda,{},misfit,roughness,chosen_by", names.join(",")));
    for plane in planes {
        let Some(curves) = &plane.curves else { continue };
        for point in &curves.points {
            let CurvePoint { lambda, criteria, misfit, roughness } = *point;
            let cells: Vec<_> = [lambda].into_iter().chain(criteria).chain([misfit, roughness]).map(Some).collect();
            table.row(&plane.label, &cells);
            let end = table.0.len() - 1;
            table.0.insert(end, ',');
        }
        let given = (plane.rule == "given").then_some((&plane.rule, &plane.lambda));
        for (name, lambda) in curves.choices.iter().map(|(name, lambda)| (name, lambda)).chain(given) {
            let empty = [None; CRITERIA.len() + 2];
            let cells: Vec<_> = [Some(*lambda)].into_iter().chain(empty).collect();
            table.row(&plane.label, &cells);
            let end = table.0.len() - 1;
            table.0.insert_str(end, &format!(",{name}"));
        }
    }
    table.0
}
