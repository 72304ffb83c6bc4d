use std::collections::BTreeSet;
use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;

use ndarray::{Array2, Axis, concatenate, s};
use proptest::prelude::*;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::*;
use crate::algorithms::wiener::{
    DEFAULT_FLOOR, LambdaRule, MaternFit, Measured, NoiseModel, Note, Plane, Posterior, Problem, Regularisation,
    StepTable, TauRule, choose,
};
use crate::algorithms::{
    Blob, CellRows, Component, Contrast, FloorBuilder, LocalRms, Patch, RmsMap, RmsMethod, Scale, Shortfall,
};
use crate::fft::{Layout, column_transfer, forward_rows, inverse_rows, map_columns};
use crate::images::{BeamFit, BeamShape, CleanBeam, PartAsks, PsfCore, UNIT_CELL};
use crate::pipeline::record::Shrink;
use crate::tiling::Tiles;
use crate::units::Residual;

fn written(value: &Value) -> Vec<u8> {
    let mut bytes = Vec::new();
    (CODEC.write)(value, &mut bytes).unwrap();
    bytes
}

fn stored(bytes: &[u8]) -> Stored {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    Stored::new(Arc::<File>::new(file), Arc::new(PathBuf::from("value"))).unwrap()
}

fn read_back(value: &Value) -> Value {
    (CODEC.read)(&stored(&written(value))).unwrap()
}

/// Any bits at all, NaN of every kind included.
fn noise(rng: &mut ChaCha8Rng, shape: (usize, usize)) -> Array2<f32> {
    Array2::from_shape_fn(shape, |_| f32::from_bits(rng.random()))
}

fn finite(rng: &mut ChaCha8Rng, shape: (usize, usize)) -> Array2<f32> {
    Array2::from_shape_fn(shape, |_| rng.random_range(-1.0..1.0))
}

fn bits(pixels: &Array2<f32>) -> Vec<u32> {
    pixels.iter().map(|pixel| pixel.to_bits()).collect()
}

fn psf(rng: &mut ChaCha8Rng, (ny, nx): (usize, usize)) -> Psf {
    let mut pixels = finite(rng, (ny, nx)) * 0.5;
    pixels[(rng.random_range(0..ny), rng.random_range(0..nx))] = 3.0;
    Psf::new(pixels).unwrap()
}

fn layout((ny, nx): (usize, usize), block: usize) -> Layout {
    Layout { ly: 2 * ny, lx: 2 * nx, block }
}

/// Values that the filter's choice of λ goes through.
fn wiener(rng: &mut ChaCha8Rng, shape: (usize, usize)) -> Vec<Value> {
    let (whole, psf) = (layout(shape, 2 * shape.1), psf(rng, shape));
    let transfer = |pixels: &Array2<f32>| {
        column_transfer(&[&forward_rows(pixels.view(), &whole, Placement::default())], &whole, 0).unwrap()
    };
    let (h, y) = (transfer(psf.pixels()), transfer(&finite(rng, shape)));
    let plane = Plane { ly: whole.ly, lx: whole.lx, data_pixels: shape.0 * shape.1 };
    let problem = Problem::new(plane, NoiseModel::White, Regularisation::Gradient, DEFAULT_FLOOR);
    let mut survey = Survey::new(&problem);
    (0..whole.half()).for_each(|kx| survey.add_transfer(kx, h.column(kx)));
    (0..whole.half()).for_each(|kx| survey.add_data(y.column(kx)));
    let usable = survey.finish(TauRule::Auto).unwrap();
    let mut table = SpectrumTable::new(&problem, &usable);
    (0..whole.half()).for_each(|kx| table.add_column(kx, y.column(kx), h.column(kx)));
    let mut steps = StepTable::new(&problem, &usable);
    (0..whole.half()).for_each(|kx| steps.add_column(kx, y.column(kx), h.column(kx)));
    let mut choice = choose(&table, LambdaRule::Gcv, None).unwrap();
    let number = Measured { mean: 1.0, sd: 0.5 };
    choice.posterior = Some(Posterior {
        log_lambda: number,
        lambda_68: [0.1, 0.2],
        gamma_noise: number,
        gamma_prior: number,
        density: vec![(1.0, 0.5)],
    });
    choice.notes = vec![Note::Undetermined, Note::SigmaDisagrees { found: 1.0, given: 2.0 }, Note::SigmaFree];
    let mut ceiling = Ceiling::of_point(&problem, &usable, BeamShape { a: 0.1, b: 0.01, c: 0.2 });
    (0..whole.half()).for_each(|kx| ceiling.add_column(kx, h.column(kx)));
    let mut values = vec![Value::ModeSurvey(survey), Value::Usable(usable), Value::ModeTable(table)];
    let mut spread = Spread::new(&problem, &usable, &choice.nodes);
    (0..whole.half()).for_each(|kx| spread.add_column(kx, h.column(kx), Some(y.column(kx))));
    values.extend([Value::Choice(choice), Value::Ceiling(ceiling), Value::Spread(spread), Value::Transfer(h)]);
    values.extend([
        Value::StepTable(steps),
        Value::MaternFit(MaternFit { length: 3.0, nu: 0.5, at_edge: [true, false] }),
    ]);
    values.push(Value::Response(Response { peak: 0.25, fit: None }));
    values
}

/// The local rms, and the sums that it is made of.
fn local(shape: (usize, usize)) -> [Value; 2] {
    let local = LocalRms { window: 20.0, method: RmsMethod::RmsWithMin, strength: 0.5 };
    let mut cells = CellRows::default();
    (0..shape.0).for_each(|_| cells.push(&vec![-0.5; shape.1], local.cell(), |x| x > 0));
    let map = RmsMap::new(&local, shape, std::iter::once(&cells));
    [Value::CellRows(cells), Value::RmsMap(map)]
}

fn tile_rules(rng: &mut ChaCha8Rng) -> TileRules {
    TileRules { floor: rng.random(), niter: vec![u64::MAX, 0], peaks: vec![0.5, -0.0], safe: vec![1] }
}

const SHORTFALL: Shortfall = Shortfall { reach: [1, 2, 3, 0], level: 0.1, cell: 2 };

/// A map of missing sidelobes, and what a residual says to it.
fn floors(rng: &mut ChaCha8Rng, shape: (usize, usize)) -> [Value; 2] {
    let mut floor = FloorBuilder::new(SHORTFALL, shape);
    let row = |_| (0..shape.1).map(|x| x as f32 - 1.0);
    (0..shape.0).for_each(|y| floor.push(row(y)));
    let floor = floor.finish((0..shape.0).map(row));
    let mut contrast = Contrast::new(&floor, rng.random());
    contrast.add_row([(0.5, 1.0), (rng.random(), rng.random())].into_iter());
    [Value::Floor(floor), Value::Contrast(contrast)]
}

/// Values of the CLEAN cycles and of the measurements.
fn measured(rng: &mut ChaCha8Rng, shape: (usize, usize)) -> Vec<Value> {
    let (mut levels, mut list) = (Levels::default(), ActiveList::default());
    for y in 0..shape.0 {
        levels.add(rng.random());
        list.push((y, y % shape.1), f32::from_bits(rng.random()), rng.random());
    }
    let stats =
        PlaneStats { peak: rng.random(), sigma: f64::from_bits(rng.random()), pixels: 9, ..PlaneStats::default() };
    let tile_levels = levels.clone();
    let rank = SlabRank { peak: rng.random(), outside: -0.0, allowed: u64::MAX, levels: levels.clone() };
    let sample = noise(rng, shape).into_raw_vec_and_offset().0;
    let survey = SlabSurvey { min: f32::NEG_INFINITY, max: f32::NAN, pixels: 7, squares: vec![0.1; shape.0], sample };
    let beam = CleanBeam { bmaj: rng.random(), bmin: 0.1, bpa: -3.0 };
    let shape_of_beam = BeamShape { a: 1.0, b: rng.random(), c: 2.0 };
    let (pixels, sidelobe_max, sidelobe_min) = ((3.0, 2.0), 0.1, -0.1);
    let fit = BeamFit { beam, shape: shape_of_beam, pixels, sidelobe_max, sidelobe_min, misfit: 0.0, lobe: 9.5 };
    let peak = PsfPeak { scale: rng.random_range(1.0..2.0), ..PsfPeak::usual((200, 200)) };
    let mut pixels = Array2::from_elem((200, 200), 0.1);
    pixels[peak.centre] = 1.0;
    let half = PsfCore::HALF;
    let core = PsfCore::new(&peak, half, pixels.slice(s![PsfCore::rows(&peak, half), ..]));
    let core = core.measure(Some(UNIT_CELL)).expect("the lobe is one pixel");
    let part = PsfPart::of(&peak, &core, PartAsks { boxes: true, edge: true }, (0, pixels.view()), Some(pixels.view()));
    let facts = PsfFacts {
        peak,
        asymmetry: rng.random(),
        core_asymmetry: rng.random(),
        ring: 0.0,
        shortfall: Some(SHORTFALL),
        patch: Patch { half: 4, outside: rng.random() },
        fit: Some(fit),
    };
    let shrink = Shrink { full: shape, factor: 2, pooling: Pooling::Mean };
    vec![
        Value::Noise(stats),
        Value::Rank(rank),
        Value::Statistics(stats, levels),
        Value::Active(list),
        Value::Tally(ModelTally { flux: rng.random(), negative: -0.0, components: 3 }),
        Value::Survey(survey),
        Value::PsfFacts(facts),
        Value::PsfSurvey(PsfSurvey::of(pixels.view(), 0, (200, 200))),
        Value::PsfPeak(peak),
        Value::PsfCore(core),
        Value::PsfPart(part),
        Value::SlabTally(SlabTally { flux: vec![(rng.random(), -0.0); shape.0], components: 3 }),
        Value::PooledRows(shrink.rows(0, &finite(rng, shape).view())),
        Value::RowSums(vec![rng.random(); shape.0]),
        Value::Scalar(rng.random()),
        Value::Strips(vec![Strip::from_parts(vec![rng.random(); shape.0], vec![2; 3 * shape.0]); 2]),
        Value::Seams(Seams::new(Tiles::of_grid((40, 32), (2, 2)), vec![vec![3; 40]], vec![vec![1; 32]])),
        Value::TileRanks(vec![TileRank { tile: 7, peak: rng.random(), levels: tile_levels }; 2]),
        Value::TileRules(tile_rules(rng)),
        Value::NoPsf(PsfError::TwoPeaks { first: (1, 2), second: (3, 4), ratio: 0.99 }),
        Value::Done,
    ]
}

/// Values that are pixels or spectra.
fn planes(rng: &mut ChaCha8Rng, shape: (usize, usize)) -> Vec<Value> {
    let layout = layout(shape, 1 + shape.1 / 3);
    let spectrum = forward_rows(finite(rng, shape).view(), &layout, Placement { y: -2, x: 5 });
    let block = map_columns([&[&spectrum], &[]], &layout, 0, shape.0, |_| {}).unwrap();
    let mask = Mask::from_pixels(&Array2::from_shape_fn(shape, |_| if rng.random() { 1.0 } else { 0.0 }));
    let pooled = Pooled {
        full: shape,
        factor: 1,
        pooling: Pooling::MaxAbs,
        shape,
        pixels: noise(rng, shape).into_raw_vec_and_offset().0,
    };
    vec![
        Value::Pixels(noise(rng, shape)),
        Value::Vector(noise(rng, (shape.1, shape.0)).reversed_axes()),
        Value::Psf(psf(rng, shape)),
        Value::Dirty(DirtySlab { image: Image::new(noise(rng, shape)), finite: Some(mask.clone()) }),
        Value::Dirty(DirtySlab { image: Image::new(noise(rng, shape)), finite: None }),
        Value::Allowed(Some(mask)),
        Value::Allowed(None),
        Value::Residual(Image::new(noise(rng, shape))),
        Value::Model(Image::new(noise(rng, shape))),
        Value::Restored(Image::new(noise(rng, shape))),
        Value::Spectrum(spectrum),
        Value::Block(block),
        Value::Pooled(pooled),
    ]
}

/// What minor cycles find.
fn found(rng: &mut ChaCha8Rng, shape: (usize, usize)) -> [Value; 2] {
    let component = Component { y: 3, x: 1 << 40, flux: rng.random() };
    let blobs = vec![Blob { at: component, scale: Scale::gaussian(4.5) }; 2];
    let step =
        Step { components: vec![component; shape.0], blobs, iterations: 1 << 50, is_negative: true, times: vec![3] };
    [Value::Steps(Steps(vec![Step::default(), step.clone()])), Value::Step(step)]
}

fn every_kind(seed: u64, shape: (usize, usize)) -> Vec<Value> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut values = planes(&mut rng, shape);
    values.extend(measured(&mut rng, shape));
    values.extend(floors(&mut rng, shape));
    values.extend(local(shape));
    values.extend(found(&mut rng, shape));
    values.extend(wiener(&mut rng, shape));
    values
}

#[test]
fn every_variant_is_among_the_values_tested() {
    let kinds: BTreeSet<u8> = every_kind(1, (4, 6)).iter().map(|value| written(value)[0]).collect();
    assert_eq!(kinds.into_iter().collect::<Vec<_>>(), (0..=47).collect::<Vec<_>>());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn every_value_comes_back_to_the_last_bit(seed: u64, ny in 2_usize..20, nx in 2_usize..40) {
        for value in every_kind(seed, (ny, nx)) {
            let back = read_back(&value);
            prop_assert_eq!(written(&back), written(&value));
            prop_assert_eq!(back.bytes(), value.bytes());
        }
    }

    #[test]
    fn pixels_of_any_bits_are_those_written(seed: u64, ny in 0_usize..5, nx in 0_usize..70_000) {
        let pixels = noise(&mut ChaCha8Rng::seed_from_u64(seed), (ny, nx));
        let back = read_back(&Value::Pixels(pixels.clone()));
        prop_assert_eq!(back.pixels().dim(), (ny, nx));
        prop_assert_eq!(bits(back.pixels()), bits(&pixels));
    }
}

/// A plane there and back in slabs of 4 rows and blocks of 3 columns, each stage given what `pass` makes of the last one's.
fn there_and_back(image: &Array2<f32>, pass: impl Fn(Value) -> Value) -> Array2<f32> {
    let (shape, layout) = (image.dim(), layout(image.dim(), 3));
    let slab = |first: usize| {
        let rows = image.slice(s![first..(first + 4).min(shape.0), ..]);
        pass(Value::Spectrum(forward_rows(rows, &layout, Placement { y: first as isize, x: 0 })))
    };
    let slabs: Vec<Value> = (0..shape.0).step_by(4).map(slab).collect();
    let slabs: Vec<_> = slabs.iter().map(Value::spectrum).collect();
    let block = |block| pass(Value::Block(map_columns([&slabs, &[]], &layout, block, shape.0, |_| {}).unwrap()));
    let blocks: Vec<Value> = (0..layout.blocks()).map(block).collect();
    let blocks: Vec<_> = blocks.iter().map(Value::block).collect();
    let rows = [0..5, 5..shape.0].map(|rows| inverse_rows(&blocks, &layout, rows, shape.1).unwrap());
    concatenate![Axis(0), rows[0], rows[1]]
}

#[test]
fn stages_read_pieces_of_files_as_they_read_memory() {
    let image = finite(&mut ChaCha8Rng::seed_from_u64(7), (9, 13));
    let back = there_and_back(&image, |value| read_back(&value));
    assert_eq!(bits(&back), bits(&there_and_back(&image, |value| value)));
    assert!((&back - &image).iter().all(|difference| difference.abs() < 1e-6));
}

#[test]
fn spectrum_stays_in_its_file_until_a_piece_is_wanted() {
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let spectrum = forward_rows(finite(&mut rng, (6, 10)).view(), &layout((6, 10), 4), Placement::default());
    let back = read_back(&Value::Spectrum(spectrum.clone()));
    assert!(matches!(back.spectrum().values(), Numbers::There(_)));
    let twice = read_back(&back);
    for range in [0..0, 0..3, 5..40, 0..spectrum.values().len()] {
        assert_eq!(twice.spectrum().values().get(range.clone()).unwrap(), spectrum.values().get(range).unwrap());
    }
    let beyond = spectrum.values().len()..spectrum.values().len() + 1;
    assert!(back.spectrum().values().get(beyond).is_err(), "the file ends there");
}

#[test]
fn slab_that_is_not_in_row_order_comes_back_with_the_same_pixels() {
    let whole = finite(&mut ChaCha8Rng::seed_from_u64(5), (8, 12));
    let columns = whole.slice(s![1..7;2, ..;3]).to_owned().reversed_axes();
    let Value::Residual(back) = read_back(&Value::Residual(Image::<Residual>::new(columns.clone()))) else {
        panic!("a residual was written")
    };
    assert_eq!(back.pixels(), columns);
}

#[test]
fn damaged_file_is_an_error_that_names_it() {
    let bytes = written(&Value::Pixels(Array2::zeros((4, 4))));
    for damaged in [&bytes[..bytes.len() - 1], &[77][..], &[1, 255, 255, 255, 255, 255, 255, 255, 255][..], &[][..]] {
        let error = (CODEC.read)(&stored(damaged)).err().unwrap().to_string();
        assert!(error.starts_with("value is"), "{error}");
    }
}
