//! The posterior standard deviation of modes by spatial frequency.

use crate::pipeline::record::PlaneInference;
use crate::pipeline::record::inference::SpreadPoint;

use super::super::chart::{Axis, Chart};
use super::super::colour::category;
use super::super::scene::{Area, Pen, Scene};
use super::{LEFT, RIGHT, Table, WIDTH, curve, heading, legend};

/// None where no ring holds a mode.
pub(super) fn scene(plane: &PlaneInference, planes: usize) -> Option<Scene> {
    let mut scene = Scene::new(WIDTH, 1150.0);
    heading(
        &mut scene,
        "Posterior uncertainty",
        (plane, planes),
        "of a Fourier mode in the unitary spectrum, rms over rings",
    );
    let names = [("measured modes", category(0)), ("modes without a datum: the prior", category(1))];
    legend(&mut scene, (LEFT, 112.0), names.into_iter());
    let x = Axis::linear(0.0, plane.spread.last()?.frequency * 1.02);
    let all = plane.spread.iter().flat_map(|point| [point.sd, point.sd_prior]).flatten();
    let chart = Chart { area: Area::new(LEFT, 150.0, RIGHT - LEFT, 560.0), x, y: Axis::logarithmic(all)? };
    chart.draw_x(&mut scene, None);
    chart.draw_y(&mut scene, "standard deviation [Jy/pixel]");
    let sds: [fn(&SpreadPoint) -> Option<f64>; 2] = [|point| point.sd, |point| point.sd_prior];
    for (index, sd) in sds.into_iter().enumerate() {
        let values = plane.spread.iter().map(|point| (point.frequency, sd(point).unwrap_or(f64::NAN)));
        curve(&mut scene, &chart, values, Pen::new(category(index), 2.5));
    }
    let chart = Chart { area: Area::new(LEFT, 750.0, RIGHT - LEFT, 300.0), x, y: Axis::linear(0.0, 1.0) };
    chart.draw_x(&mut scene, Some("spatial frequency [cycles/pixel]"));
    chart.draw_y(&mut scene, "share of modes measured");
    let share = |point: &SpreadPoint| (point.frequency, point.measured as f64 / point.modes as f64);
    curve(&mut scene, &chart, plane.spread.iter().map(share), Pen::new(category(0), 2.5));
    Some(scene)
}

pub(super) fn table(planes: &[PlaneInference]) -> String {
    let mut table = Table::new("cycles_per_pixel,modes,measured,sd_measured_jy_per_pixel,sd_unmeasured_jy_per_pixel");
    for plane in planes {
        for point in &plane.spread {
            let SpreadPoint { frequency, modes, measured, sd, sd_prior } = *point;
            table.row(&plane.label, &[Some(frequency), Some(modes as f64), Some(measured as f64), sd, sd_prior]);
        }
    }
    table.0
}
