use super::*;
use crate::diagnostics::scene::tests::{assert_readable, texts};

fn convergence(planes: usize) -> Convergence {
    let point = |cycle: u32| CyclePoint {
        cycle,
        iterations: u64::from(cycle) * 1000,
        peak: 0.9 * 0.4f64.powi(cycle as i32),
        sigma: Some(2e-4),
        threshold: (cycle > 0).then_some(6e-4),
        flux: 14.0 - 10.0 * 0.5f64.powi(cycle as i32),
    };
    let curve = |plane: usize| PlaneCurve {
        label: format!("channel {plane} at 1.{plane:03} GHz"),
        points: (0..6).map(point).collect(),
        solver: Vec::new(),
        stop: if plane % 3 == 2 { "10000 iterations done".into() } else { "peak below 3 sigma".into() },
    };
    Convergence { planes: (0..planes).map(curve).collect() }
}

#[test]
fn convergence_is_a_png_of_the_stated_size() {
    let folder = tempfile::tempdir().expect("a folder");
    let record = RunRecord { convergence: Some(convergence(1)), ..RunRecord::default() };
    let files = draw(&record, &folder.path().join("run")).expect("drawn");
    let image = image::open(&files[0]).expect("a PNG").into_rgb8();
    assert_eq!(image.dimensions(), (WIDTH as u32, HEIGHT as u32));
}

#[test]
fn texts_are_readable_for_one_and_for_many_planes() {
    for planes in [1, 2, 6, 7, 1000] {
        assert_readable(&scene(&convergence(planes)));
    }
    let many = scene(&convergence(16));
    assert!(texts(&many).contains(&"11 × peak below 3 sigma;  5 × 10000 iterations done"));
    assert!(texts(&scene(&convergence(1))).contains(&"stopped: peak below 3 sigma"));
}

#[test]
fn values_that_a_logarithm_has_not_break_the_line_only() {
    let mut odd = convergence(1);
    odd.planes[0].points[2].peak = 0.0;
    odd.planes[0].points[3].sigma = Some(f64::NAN);
    odd.planes[0].points[4].flux = f64::INFINITY;
    let scene = scene(&odd);
    assert_readable(&scene);
    let lines = scene.marks.iter().filter(|mark| matches!(mark, Mark::Line { .. })).count();
    assert!(lines >= 3, "the peak before and after the gap, and the flux: {lines}");
    scene.png().expect("drawn");
}

#[test]
fn zeros_everywhere_are_drawn() {
    let mut zeros = convergence(2);
    for point in zeros.planes.iter_mut().flat_map(|plane| &mut plane.points) {
        *point = CyclePoint { cycle: 0, iterations: 0, peak: 0.0, sigma: None, threshold: None, flux: 0.0 };
    }
    assert_readable(&scene(&zeros));
}

#[test]
fn names_of_planes_are_whole_and_take_more_lines_where_they_are_long() {
    let names = |planes| {
        let mut long = convergence(planes);
        for plane in &mut long.planes {
            plane.label = format!("plane {} (I 1.4321 GHz)", plane.label);
        }
        let drawn = scene(&long);
        assert_readable(&drawn);
        assert!(!texts(&drawn).iter().any(|text| text.ends_with('…')), "{planes}: {:?}", texts(&drawn));
        drawn.size.1
    };
    assert!(names(6) > names(2), "names that do not fit stand in a further line");
    names(1);
    names(40);
}

#[test]
fn early_cycles_have_room_beside_one_that_took_ten_thousand_iterations() {
    let axis = Axis::root(10_000.0);
    assert!(axis.place(100.0) > 0.09 && axis.place(0.0) == 0.0 && axis.place(10_000.0) == 1.0);
    let ticks: Vec<_> = axis.ticks(9.0).into_iter().map(|tick| tick.value).collect();
    assert!(ticks.contains(&0.0) && ticks.contains(&1000.0) && ticks.contains(&10_000.0), "{ticks:?}");
}

#[test]
fn a_solver_shows_its_residual_at_every_iteration() {
    let solver = |iteration: u32| SolverPoint { iteration, relative: 0.7f64.powi(iteration as i32), tolerance: 1e-4 };
    let mut solved = convergence(1);
    solved.planes[0].points.clear();
    solved.planes[0].solver = (0..27).map(solver).collect();
    assert!(solved.has_points());
    let drawn = scene(&solved);
    assert_readable(&drawn);
    assert!(texts(&drawn).contains(&"relative residual") && texts(&drawn).contains(&"iterations of the solver"));
    let longest = drawn.marks.iter().filter_map(|mark| match mark {
        Mark::Line { points, .. } => Some(points.len()),
        _ => None,
    });
    assert_eq!(longest.max(), Some(27));
}
