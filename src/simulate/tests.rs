//! The instrument against brute force, closed forms, and itself.
#![expect(clippy::float_cmp, reason = "a PSF peaks at exactly 1, and what was not computed is kept exactly")]

use std::f64::consts::{PI, TAU};

use ndarray::{Array2, s};
use rustfft::num_complex::Complex64;

use super::*;
use crate::fft::column_weight;

fn observation() -> Observation {
    Observation {
        declination_deg: -45.0,
        hour_angle_h: (-2.0, 2.0),
        integrations: 24,
        band_hz: (1.1e9, 1.5e9),
        channels: 3,
    }
}

fn sky(points: usize, is_off_grid: bool, gaussians: usize) -> SkyRecipe {
    SkyRecipe {
        points,
        flux_jy: (0.01, 1.0),
        slope: 1.7,
        is_off_grid,
        gaussians,
        gaussian_flux_jy: 2.0,
        gaussian_fwhm: (4.0, 12.0),
        seed: 5,
    }
}

fn recipe(size: usize, sky: SkyRecipe) -> Recipe {
    Recipe {
        size,
        cell_arcsec: Some(1.5),
        psf_size: PsfSize::Double,
        observation: observation(),
        is_cube: false,
        weighting: Weighting::Briggs(0.0),
        noise: 0.0,
        sky,
        wide: None,
    }
}

fn plan(recipe: Recipe) -> Plan {
    Plan::new(recipe, Array::named("meerkat").unwrap(), u64::MAX).unwrap()
}

fn observe(plan: &Plan) -> Instrument {
    plan.instrument(&plan.planes()[0]).unwrap()
}

fn dirty(plan: &Plan, sky: &Sky) -> Window {
    let Recipe { size, noise, .. } = *plan.recipe();
    observe(plan).dirty(sky, size, noise, &mut plan.noise_generator(0))
}

fn largest_difference(a: &Array2<f32>, b: &Array2<f32>) -> f32 {
    ndarray::Zip::from(a).and(b).fold(0.0, |largest, a, b| f32::max(largest, (a - b).abs()))
}

#[test]
fn the_psf_peaks_at_one_in_the_middle_and_is_even() {
    for size in [96, 97] {
        let plan = plan(recipe(size, sky(1, false, 0)));
        let psf = observe(&plan).psf(plan.psf_size());
        let pixels = psf.view();
        assert_eq!(pixels.dim(), (2 * size, 2 * size));
        assert_eq!(pixels[[size, size]], 1.0);
        assert!(pixels.iter().filter(|value| **value >= 1.0).count() == 1);
        for y in 1..2 * size {
            for x in 1..2 * size {
                assert!((pixels[[y, x]] - pixels[[2 * size - y, 2 * size - x]]).abs() < 2e-7);
            }
        }
        let same = observe(&plan).psf(size);
        let first = size - size / 2;
        assert_eq!(same.view(), pixels.slice(s![first..first + size, first..first + size]));
    }
}

#[test]
fn the_dirty_image_is_the_truth_convolved_with_the_double_psf() {
    let size = 60;
    let plan = plan(recipe(size, sky(12, false, 3)));
    let sky = plan.sky(None);
    let (truth, psf) = (sky.truth(), observe(&plan).psf(2 * size));
    let direct = Array2::from_shape_fn((size, size), |(y, x)| {
        let sum = truth
            .indexed_iter()
            .filter(|(_, flux)| **flux != 0.0)
            .map(|((v, u), flux)| f64::from(*flux) * f64::from(psf.view()[[size + y - v, size + x - u]]));
        sum.sum::<f64>() as f32
    });
    let peak = direct.iter().copied().fold(0.0, f32::max);
    let error = largest_difference(&direct, &dirty(&plan, &sky).view().to_owned());
    assert!(error < 1e-6 * peak, "{error:e} of {peak}");
}

#[test]
fn the_dirty_image_of_a_sky_that_repeats_is_its_circular_convolution_with_one_period() {
    let size = 60;
    let plan = plan(Recipe { psf_size: PsfSize::Period, ..recipe(size, sky(12, false, 3)) });
    let sky = plan.sky(None);
    let (truth, psf) = (sky.truth(), observe(&plan).psf(plan.psf_size()));
    assert_eq!(psf.view().dim(), (size, size));
    let lag = |to: usize, from: usize| (size / 2 + to + size - from) % size;
    let direct = Array2::from_shape_fn((size, size), |(y, x)| {
        let sources = truth.indexed_iter().filter(|(_, flux)| **flux != 0.0);
        let seen = sources.map(|((v, u), flux)| f64::from(*flux) * f64::from(psf.view()[[lag(y, v), lag(x, u)]]));
        seen.sum::<f64>() as f32
    });
    let peak = direct.iter().copied().fold(0.0, f32::max);
    let error = largest_difference(&direct, &dirty(&plan, &sky).view().to_owned());
    assert!(error < 1e-6 * peak, "{error:e} of {peak}");
    for recipe in [
        Recipe { size: 61, ..*plan.recipe() },
        Recipe { size: 22, ..*plan.recipe() },
        Recipe { wide: Some(Wide { psf_grid: None }), ..*plan.recipe() },
    ] {
        let error = Plan::new(recipe, Array::named("meerkat").unwrap(), u64::MAX).err().unwrap().to_string();
        assert!(error.contains("--psf-size"), "{error}");
    }
}

#[test]
fn a_source_between_pixels_is_its_direct_fourier_sum() {
    let size = 80;
    let plan = plan(recipe(size, sky(5, true, 0)));
    let (sky, instrument) = (plan.sky(None), observe(&plan));
    let image = instrument.dirty(&sky, size, 0.0, &mut plan.noise_generator(0));
    let uv = instrument.uv_plane();
    let total = uv.sum(|count| instrument.weight().of_cell(count));
    let side = uv.grid().side as f64;
    for (y, x) in [(0.0, 0.0), (41.0, 7.0), (79.0, 79.0), (33.0, 60.0)] {
        let mut value = 0.0;
        uv.for_each_cell(|row, kx, count| {
            let weight = instrument.weight().of_cell(count) * column_weight(kx, uv.grid().side);
            for point in &sky.points {
                let turns = (kx as f64 * (x - point.x) + uv.signed(row) as f64 * (y - point.y)) / side;
                value += point.flux * weight * (TAU * turns).cos() / total;
            }
        });
        let found = f64::from(image.view()[[y as usize, x as usize]]);
        assert!((found - value).abs() < 2e-6, "({y}, {x}): {found} against {value}");
    }
}

#[test]
fn one_east_west_baseline_draws_an_ellipse() {
    let length = 300.0;
    let array = Array::parse("pair", "# frame: enu\n# latitude: -30\n0 0 0\n300 0 0").unwrap();
    let observation = observation();
    let hour_angles: Vec<f64> = (0..12).map(|step| -PI + TAU * f64::from(step) / 12.0).collect();
    let sin_dec = observation.declination_deg.to_radians().sin();
    let mut index = 0;
    observation.for_each_baseline(&array, &hour_angles, |Projected { u, v, .. }| {
        let hour_angle = hour_angles[index];
        assert!((u - length * hour_angle.cos()).abs() < 1e-9);
        assert!((v - length * hour_angle.sin() * sin_dec).abs() < 1e-9);
        index += 1;
    });
    assert_eq!(index, 12);
}

#[test]
fn uniform_natural_and_the_ends_of_briggs_agree() {
    let plan = plan(recipe(128, sky(1, false, 0)));
    let psf = |weighting| {
        let uv =
            UvPlane::observe(plan.array(), &observation(), &plan.planes()[0], Grid { side: 256, pixel: 7e-6 }).unwrap();
        Instrument::new(uv, weighting).psf(128).view().to_owned()
    };
    let (natural, uniform) = (psf(Weighting::Natural), psf(Weighting::Uniform));
    assert!(largest_difference(&natural, &psf(Weighting::Briggs(5.0))) < 1e-5);
    assert!(largest_difference(&uniform, &psf(Weighting::Briggs(-5.0))) < 1e-5);
    assert!(largest_difference(&uniform, &natural) > 0.1);
}

/// Noise of an empty field on the whole padded plane, and the instrument that made it.
fn noise_plane(weighting: Weighting, size: usize, seed: u64) -> (Window, Instrument) {
    let sky = SkyRecipe { seed, ..sky(0, false, 0) };
    let plan = plan(Recipe { weighting, noise: 3e-4, ..recipe(size, sky) });
    (dirty(&plan, &plan.sky(None)), observe(&plan))
}

#[test]
fn noise_has_the_rms_asked_for() {
    // Natural noise has few independent modes (the core's): one image scatters by 2 percent, twelve by 0.6.
    for weighting in [Weighting::Natural, Weighting::Uniform, Weighting::Briggs(0.0)] {
        let power: f64 = (0..12)
            .map(|seed| noise_plane(weighting, 256, seed).0)
            .map(|image| image.view().iter().map(|value| f64::from(*value).powi(2)).sum::<f64>() / 256.0 / 256.0)
            .sum();
        let rms = (power / 12.0).sqrt();
        assert!((rms / 3e-4 - 1.0).abs() < 0.02, "{weighting:?}: {rms:e}");
    }
}

#[test]
fn noise_has_the_spectrum_of_the_weighted_visibilities() {
    for weighting in [Weighting::Natural, Weighting::Briggs(0.0)] {
        let (image, instrument) = noise_plane(weighting, 128, 5);
        let uv = instrument.uv_plane();
        let side = uv.grid().side;
        let spectrum = crate::fft::Real2d::new((side, side)).forward(&image.plane.mapv(f64::from));
        let expected = |count: f64| instrument.weight().of_cell(count).powi(2) / count;
        let scale = (side as f64).powi(4) * 9e-8 / uv.sum(expected);
        // Mean of power over expectation, in bins of weight: 1 with an error of 1/sqrt(cells).
        let mut bins = [(0.0, 0.0); 4];
        let mut sampled = 0.0;
        uv.for_each_cell(|row, kx, count| {
            let bin = &mut bins[(count.log2() / 2.0).min(3.0) as usize];
            let power = spectrum[[row, kx]].norm_sqr();
            sampled += power;
            *bin = (bin.0 + power / expected(count) / scale, bin.1 + 1.0);
        });
        for (sum, cells) in bins.into_iter().filter(|(_, cells)| *cells > 100.0) {
            assert!((sum / cells - 1.0).abs() < 4.0 / f64::sqrt(cells), "{weighting:?}: {sum} in {cells} cells");
        }
        // Where nothing was sampled there is no noise: what is left is rounding.
        let everything: f64 = spectrum.iter().map(|value: &Complex64| value.norm_sqr()).sum();
        assert!((everything - sampled).abs() < 1e-9 * everything);
    }
}

#[test]
fn a_seed_makes_the_same_bytes_and_another_seed_another_sky() {
    let run = |seed| {
        let plan = plan(Recipe { noise: 1e-3, ..recipe(64, SkyRecipe { seed, ..sky(9, true, 2) }) });
        let sky = plan.sky(None);
        (sky.truth(), dirty(&plan, &sky).view().to_owned())
    };
    assert_eq!(run(1), run(1));
    assert_ne!(run(1).0, run(2).0);
    assert_ne!(run(1).1, run(2).1);
    let points = |gaussians| Sky::draw(&sky(9, true, gaussians), 64, None).points;
    assert_eq!(points(0), points(7), "more Gaussians move no point");
}

#[test]
fn fluxes_follow_the_recipe() {
    let recipe = SkyRecipe { slope: 1.0, ..sky(2000, false, 6) };
    let sky = Sky::draw(&recipe, 512, None);
    assert_eq!(sky.points[0].flux, 1.0);
    assert!(sky.points.iter().all(|point| (0.01..=1.0).contains(&point.flux) && point.x.fract() == 0.0));
    // With a slope of 1 half of the sources lie below the geometric mean.
    let faint = sky.points.iter().filter(|point| point.flux < 0.1).count();
    assert!((900..1100).contains(&faint), "{faint}");
    let truth: f64 = sky.truth().iter().map(|pixel| f64::from(*pixel)).sum();
    assert!((truth / sky.flux() - 1.0).abs() < 1e-6, "{truth} against {}", sky.flux());
    assert!((sky.gaussians.iter().map(|source| source.at.flux).sum::<f64>() - 2.0).abs() < 1e-12);
}

#[test]
fn an_image_is_centred_padded_and_cut_by_whole_pixels() {
    let mut image = Array2::zeros((4, 6));
    image[[2, 3]] = 1.0;
    image[[0, 0]] = f32::NAN;
    image[[3, 5]] = 2.0;
    let padded = centred(&image, 9);
    assert_eq!((padded[[4, 4]], padded[[5, 6]], padded.sum()), (1.0, 2.0, 3.0));
    let cut = centred(&image, 3);
    assert_eq!((cut[[1, 1]], cut.sum()), (1.0, 1.0));
}

#[test]
fn arrays_are_as_large_as_their_observatories_say() {
    let expected = [
        ("meerkat", 64, 7.7),
        ("vla-a", 27, 36.4),
        ("vla-b", 27, 11.1),
        ("vla-c", 27, 3.4),
        ("vla-d", 27, 1.03),
        ("ska-mid", 197, 157.0),
    ];
    assert_eq!(ARRAYS.len(), expected.len());
    for (name, antennas, kilometres) in expected {
        let array = Array::named(name).unwrap();
        assert_eq!(array.antennas(), antennas);
        assert!(
            (array.longest_baseline() / 1e3 / kilometres - 1.0).abs() < 0.02,
            "{name}: {}",
            array.longest_baseline()
        );
        let latitude = if name.starts_with("vla") { 34.08 } else { -30.71 };
        assert!((array.latitude().to_degrees() - latitude).abs() < 0.05, "{name}: {}", array.latitude().to_degrees());
    }
}

#[test]
fn vla_stations_stand_in_the_same_place_in_every_configuration() {
    let mut stations = std::collections::HashMap::<&str, [f64; 3]>::new();
    let mut shared = 0;
    for (_, text) in ARRAYS.iter().filter(|(name, _)| name.starts_with("vla")) {
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let fields: Vec<&str> = line.split_whitespace().collect();
            let position = [0, 1, 2].map(|k| fields[k].parse::<f64>().unwrap());
            if let Some(known) = stations.insert(fields[3], position) {
                shared += 1;
                assert!(known.iter().zip(position).all(|(a, b)| (a - b).abs() < 0.01), "{}", fields[3]);
            }
        }
    }
    assert_eq!(shared, 36);
}

#[test]
fn an_array_keeps_its_baselines_at_another_latitude_and_in_another_frame() {
    let array = Array::named("meerkat").unwrap();
    let length = array.longest_baseline();
    let moved = array.clone().at_latitude(50.0);
    assert!((moved.longest_baseline() - length).abs() < 1e-6);
    let [a, b] = [array, moved].map(|array| array.equatorial());
    let distance = |p: &[[f64; 3]]| (0..3).map(|k| (p[0][k] - p[40][k]).powi(2)).sum::<f64>();
    assert!((distance(&a) - distance(&b)).abs() < 1e-6);
    assert!((a[0][1] - b[0][1]).abs() < 1e-12, "east is east at every latitude");
}

#[test]
fn the_measured_beam_is_the_half_maximum_of_the_psf() {
    // The PSF that WSClean 3.1 made for points-meerkat of ../shared/data (1024 pixels: same uv cells, array, hours, band,
    // Briggs 0) has its half-maximum 8.28 x 6.93 arcsec wide, position angle 169 deg: scale, orientation, handedness.
    let recipe = Recipe {
        observation: Observation { integrations: 120, channels: 8, ..observation() },
        ..recipe(512, sky(1, false, 0))
    };
    let instrument = observe(&plan(recipe));
    let lobe = MainLobe::measure(instrument.uv_plane(), instrument.weight()).unwrap();
    let beam = lobe.on_sky(instrument.uv_plane().grid().pixel);
    assert!((beam.bmaj * 3600.0 / 8.28 - 1.0).abs() < 0.02, "{beam:?}");
    assert!((beam.bmin * 3600.0 / 6.93 - 1.0).abs() < 0.02, "{beam:?}");
    assert!((beam.bpa - 169.0).abs() < 3.0, "{beam:?}");
    let psf = instrument.psf(512);
    let along = |angle: f64, radius: f64| {
        // Bilinear between pixels is good to a percent at the flank of a 4-pixel beam.
        let (y, x) = (256.0 + radius * angle.cos(), 256.0 - radius * angle.sin());
        let (j, i) = (y.floor() as usize, x.floor() as usize);
        let (fy, fx) = ((y - j as f64) as f32, (x - i as f64) as f32);
        let row = |j: usize| psf.view()[[j, i]] * (1.0 - fx) + psf.view()[[j, i + 1]] * fx;
        row(j) * (1.0 - fy) + row(j + 1) * fy
    };
    assert!((along(lobe.angle, lobe.major / 2.0) - 0.5).abs() < 0.03);
    assert!((along(lobe.angle + PI / 2.0, lobe.minor / 2.0) - 0.5).abs() < 0.03);
}

#[test]
fn the_chosen_cell_puts_four_pixels_across_the_beam() {
    for (name, weighting) in
        [("meerkat", Weighting::Briggs(0.0)), ("vla-b", Weighting::Natural), ("vla-d", Weighting::Uniform)]
    {
        let declination_deg = if name == "meerkat" { -45.0 } else { 50.0 };
        let observation = Observation { declination_deg, ..observation() };
        let recipe = Recipe { cell_arcsec: None, weighting, observation, ..recipe(256, sky(1, false, 0)) };
        let plan = Plan::new(recipe, Array::named(name).unwrap(), u64::MAX).unwrap();
        let instrument = observe(&plan);
        let lobe = MainLobe::measure(instrument.uv_plane(), instrument.weight()).unwrap();
        assert!((lobe.minor - 4.0).abs() < 0.4, "{name}: {lobe:?} at {} arcsec", plan.cell_arcsec());
    }
}

#[test]
fn what_is_left_out_is_counted() {
    let plan = plan(Recipe { cell_arcsec: Some(20.0), ..recipe(16, sky(1, false, 0)) });
    let tally = observe(&plan).uv_plane().tally();
    assert_eq!(tally.visibilities, 2016 * 24 * 3);
    assert!(tally.outside > 0 && tally.origin > 0, "{tally:?}");
    let inside = observe(&plan).uv_plane().sum(|count| count);
    assert_eq!(inside as u64, 2 * (tally.visibilities - tally.outside - tally.origin));
}

#[test]
fn refusals_say_what_was_expected() {
    let refuse = |recipe: Recipe| Plan::new(recipe, Array::named("vla-a").unwrap(), 1 << 30).err().unwrap().to_string();
    let good = recipe(64, sky(1, false, 0));
    let far_south = Observation { declination_deg: -80.0, ..observation() };
    for (recipe, part) in [
        (Recipe { size: 0, ..good }, "--size 0 is out of range"),
        (Recipe { noise: -1.0, ..good }, "--noise -1"),
        (Recipe { cell_arcsec: Some(0.0), ..good }, "--cell 0"),
        (Recipe { observation: far_south, ..good }, "highest elevation -24.1 deg"),
        (Recipe { size: 8192, ..good }, "needs 3.2 GB"),
        (Recipe { sky: SkyRecipe { flux_jy: (2.0, 1.0), ..good.sky }, ..good }, "--flux-max 1"),
    ] {
        assert!(refuse(recipe).contains(part), "{}", refuse(recipe));
    }
    assert!(Array::named("alma").err().unwrap().to_string().contains("meerkat, vla-a"));
    for (text, part) in [
        ("1 2 3", "1 antennas"),
        ("1 2 x", "line 1: '1 2 x'"),
        ("# frame: enu\n0 0 0\n1 0 0", "no latitude"),
        ("0 0 0\n100 0 0", "mean radius"),
        ("# frame: utm\n", "'itrf' or 'enu'"),
        ("# frame: enu\n# latitude: 9\n5 5 5\n5 5 5", "every antenna at one place"),
        ("# frame: enu\n# latitude: 91\n0 0 0\n5 5 5", "line 2: '91'"),
    ] {
        let message = Array::parse("mine", text).err().unwrap().to_string();
        assert!(message.contains(part), "{message}");
    }
}
