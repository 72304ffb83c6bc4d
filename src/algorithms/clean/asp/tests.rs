use super::*;

pub(super) const SHAPE: (usize, usize) = (90, 100);

/// A lobe of two pixels (standard deviation) in rings of a tenth.
pub(super) fn psf() -> Psf {
    let at = |(y, x): (usize, usize)| {
        let square = (y as f64 - 90.0).powi(2) + (x as f64 - 100.0).powi(2);
        ((-square / 8.0).exp() + 0.05 * (-square / 8000.0).exp() * (0.4 * square.sqrt()).cos()) as f32 / 1.05
    };
    Psf::new(Array2::from_shape_fn((181, 201), at)).unwrap()
}

/// The sky of some Gaussians.
pub(super) fn sky(sources: &[Aspen]) -> Array2<f64> {
    let mut sky = Array2::zeros(SHAPE);
    for source in sources {
        let height = source.flux / (2.0 * std::f64::consts::PI * source.sigma * source.sigma);
        for ((y, x), value) in sky.indexed_iter_mut() {
            let square = (y as f64 - source.y).powi(2) + (x as f64 - source.x).powi(2);
            *value += height * (-0.5 * square / (source.sigma * source.sigma)).exp();
        }
    }
    sky
}

/// `psf * model` by its definition.
pub(super) fn convolve(model: &Array2<f64>, psf: &Psf) -> Array2<f32> {
    let mut sum = Array2::<f64>::zeros(SHAPE);
    for ((sy, sx), flux) in model.indexed_iter().filter(|(_, flux)| **flux != 0.0) {
        for ((y, x), value) in sum.indexed_iter_mut() {
            *value += flux * f64::from(psf.value_at_lag(y as isize - sy as isize, x as isize - sx as isize));
        }
    }
    sum.mapv(|value| value as f32)
}

fn rules(gain: f32, floor: f32) -> MinorRules {
    let asp = AspParams { gain, largest_scale: 8.0 };
    MinorRules { gain: 0.1, floor, niter: 1_000_000, patch: Patch { half: 10, outside: 0.05 }, signs: Signs::Both, asp }
}

fn model(step: &Step) -> Array2<f64> {
    let mut model = Array2::zeros(SHAPE);
    step.components.iter().for_each(|c| model[(c.y, c.x)] += f64::from(c.flux));
    for Blob { at, scale } in &step.blobs {
        let (kernel, reach) = (scale.kernel(), scale.reach());
        for ((y, x), value) in model.indexed_iter_mut() {
            let share = kernel.get(((y + reach).wrapping_sub(at.y), (x + reach).wrapping_sub(at.x)));
            *value += share.map_or(0.0, |share| f64::from(at.flux * share));
        }
    }
    model
}

fn largest(image: &Array2<f32>) -> f32 {
    image.iter().fold(0.0, |largest, value| value.abs().max(largest))
}

/// Cycles with exact residuals between them.
fn clean(dirty: &Array2<f32>, psf: &Psf, cycles: usize) -> (Array2<f64>, Array2<f32>) {
    let (mut sum, mut residual) = (Array2::zeros(SHAPE), dirty.clone());
    for _ in 0..cycles {
        let rules = rules(0.8, 0.2 * largest(&residual));
        let view = MinorView::Plane { residual: residual.clone(), allowed: None, bounds: None };
        sum += &model(&Asp.run(view, &Psfs::one(psf), &rules, &Cancel::default()));
        residual = dirty - &convolve(&sum, psf);
    }
    (sum, residual)
}

#[test]
fn a_gaussian_is_one_component_where_points_take_hundreds() {
    let source = Aspen { flux: 2.0, y: 42.0, x: 50.0, sigma: 4.0 };
    let psf = psf();
    let dirty = convolve(&sky(&[source]), &psf);
    let view = MinorView::Plane { residual: dirty.clone(), allowed: None, bounds: None };
    let step = Asp.run(view, &Psfs::one(&psf), &rules(1.0, 0.3 * largest(&dirty)), &Cancel::default());
    assert_eq!(step.iterations, 1);
    let misfit = model(&step) - sky(&[source]);
    let peak = sky(&[source])[(42, 50)];
    let worst = misfit.iter().fold(0.0, |worst: f64, value| worst.max(value.abs()));
    assert!(worst < 0.15 * peak, "{worst} of {peak}: {:?}", step.blobs);
    let left = largest(&(&dirty - &convolve(&model(&step), &psf))) / largest(&dirty);
    assert!(left < 0.15, "{left}");
}

#[test]
fn cycles_with_exact_residuals_find_the_sky() {
    let sources = [
        Aspen { flux: 2.0, y: 30.0, x: 30.0, sigma: 4.0 },
        Aspen { flux: 1.0, y: 62.0, x: 70.0, sigma: 3.0 },
        Aspen { flux: 0.5, y: 25.0, x: 75.0, sigma: 1.5 },
    ];
    let psf = psf();
    let dirty = convolve(&sky(&sources), &psf);
    let (model, residual) = clean(&dirty, &psf, 12);
    assert!(largest(&residual) < 0.01 * largest(&dirty), "{} of {}", largest(&residual), largest(&dirty));
    assert!((model.sum() / 3.5 - 1.0).abs() < 0.02, "{}", model.sum());
}

#[test]
fn points_are_cleaned_by_the_loop_over_a_list() {
    let psf = psf();
    let mut points = Array2::zeros(SHAPE);
    for (number, (y, x)) in [(12, 12), (20, 80), (45, 50), (75, 20), (80, 88), (40, 25)].into_iter().enumerate() {
        points[(y, x)] = 1.0 + 0.1 * number as f64;
    }
    let residual = convolve(&points, &psf);
    let rules = rules(0.6, 0.3);
    let mut list = ActiveList::default();
    let high = residual.indexed_iter().filter(|(_, value)| value.abs() >= rules.floor);
    high.for_each(|(at, value)| list.push(at, *value, 1.0));
    let expected = list::Clean.run(MinorView::List(list), &Psfs::one(&psf), &rules, &Cancel::default());
    let view = MinorView::Plane { residual, allowed: None, bounds: None };
    assert_eq!(Asp.run(view, &Psfs::one(&psf), &rules, &Cancel::default()), expected);
}

#[test]
fn nothing_stands_where_nothing_may() {
    let psf = psf();
    let sources =
        [Aspen { flux: 2.0, y: 40.0, x: 40.0, sigma: 3.0 }, Aspen { flux: 2.0, y: 40.0, x: 70.0, sigma: 3.0 }];
    let residual = convolve(&sky(&sources), &psf);
    let allowed = Mask::from_pixels(&Array2::from_shape_fn(SHAPE, |(_, x)| f32::from(u8::from(x < 48))));
    let floor = 0.3 * largest(&residual);
    let step = Asp.run(
        MinorView::Plane { residual, allowed: Some(allowed.clone()), bounds: Some(allowed) },
        &Psfs::one(&psf),
        &rules(1.0, floor),
        &Cancel::default(),
    );
    // the Gaussian at column 40 ends at the mask, and is told pixel by pixel
    assert!(step.blobs.iter().all(|blob| blob.at.x + blob.scale.reach() < 48) && step.components.len() > 100);
    // the source at the border of the mask is found, in part with what sidelobes of the other make of it
    let flux = model(&step).sum();
    assert!(step.components.iter().all(|c| c.x < 48) && (1.5..2.5).contains(&flux), "{flux}");
}

#[test]
fn only_the_signs_that_may_be_are_taken() {
    let psf = psf();
    let sources =
        [Aspen { flux: 2.0, y: 25.0, x: 30.0, sigma: 3.0 }, Aspen { flux: -4.0, y: 65.0, x: 70.0, sigma: 3.0 }];
    let residual = convolve(&sky(&sources), &psf);
    let run = |signs: Signs| {
        let rules = MinorRules { signs, ..rules(1.0, 0.2 * largest(&residual)) };
        Asp.run(
            MinorView::Plane { residual: residual.clone(), allowed: None, bounds: None },
            &Psfs::one(&psf),
            &rules,
            &<_>::default(),
        )
    };
    let signs_of = |step: &Step| -> (bool, bool) {
        let fluxes: Vec<f32> =
            step.components.iter().chain(step.blobs.iter().map(|blob| &blob.at)).map(|c| c.flux).collect();
        (fluxes.iter().any(|flux| *flux > 0.0), fluxes.iter().any(|flux| *flux < 0.0))
    };
    assert!(signs_of(&run(Signs::Both)).1);
    let positive = run(Signs::Positive);
    assert_eq!((signs_of(&positive), positive.is_negative), ((true, false), false));
    let ended = run(Signs::UpToNegative);
    assert_eq!((ended.iterations, ended.is_negative), (0, true), "the highest peak is the negative one");
}

#[test]
fn what_is_found_does_not_depend_on_the_unit_of_flux() {
    let psf = psf();
    let sources =
        [Aspen { flux: 2.0, y: 25.0, x: 30.0, sigma: 3.0 }, Aspen { flux: 1.0, y: 31.0, x: 39.0, sigma: 5.0 }];
    let residual = convolve(&sky(&sources), &psf);
    let run = |unit: f32| {
        let view = MinorView::Plane { residual: &residual * unit, allowed: None, bounds: None };
        Asp.run(view, &Psfs::one(&psf), &rules(0.7, 0.1 * unit * largest(&residual)), &Cancel::default())
    };
    let jansky = run(1.0);
    assert!(jansky.iterations > 3);
    for unit in [1024.0, 1.0 / 1_048_576.0] {
        let mut other = run(unit);
        other.components.iter_mut().chain(other.blobs.iter_mut().map(|blob| &mut blob.at)).for_each(|c| c.flux /= unit);
        assert_eq!(other, jansky);
    }
}

#[test]
fn the_limit_of_components_is_kept() {
    let psf = psf();
    let residual = convolve(&sky(&[Aspen { flux: 2.0, y: 40.0, x: 45.0, sigma: 4.0 }]), &psf);
    let rules = MinorRules { niter: 2, ..rules(0.3, 0.0) };
    let step = Asp.run(
        MinorView::Plane { residual, allowed: None, bounds: None },
        &Psfs::one(&psf),
        &rules,
        &Cancel::default(),
    );
    assert_eq!(step.iterations, 2);
}
