use ndarray::Array2;

use super::*;

/// Weights are sums of a few terms in f64.
const ROUNDING: f64 = 1e-14;

fn regular() -> Vec<(f64, f64)> {
    let places = [3.0, 14.5, 30.0].into_iter().flat_map(|y| [2.0, 11.0].map(|x| (y, x)));
    // within a pixel of the grid, as from world coordinates
    places.enumerate().map(|(index, (y, x))| (y + 1e-3 * index as f64, x - 1e-3 * index as f64)).collect()
}

fn irregular() -> Vec<(f64, f64)> {
    vec![(3.0, 4.0), (20.2, 1.0), (9.0, 17.0), (31.0, 12.5), (17.0, 9.0)]
}

fn every(shape: (usize, usize)) -> impl Iterator<Item = (usize, usize)> {
    (0..shape.0).flat_map(move |y| (0..shape.1).map(move |x| (y, x)))
}

#[test]
fn weights_are_shares_that_sum_to_one_at_every_pixel() {
    let shape = (34, 20);
    for (places, weighting) in [
        (regular(), Weighting::Nearest),
        (regular(), Weighting::Bilinear),
        (regular(), Weighting::InverseDistance),
        (irregular(), Weighting::Nearest),
        (irregular(), Weighting::InverseDistance),
    ] {
        let grid = PsfGrid::new(shape, places, Some(weighting)).unwrap();
        for at in every(shape) {
            let weights: Vec<f64> = (0..grid.len()).map(|psf| grid.weight(psf, at)).collect();
            assert!(weights.iter().all(|weight| (0.0..=1.0).contains(weight)), "{weighting} {at:?} {weights:?}");
            assert!((weights.iter().sum::<f64>() - 1.0).abs() < ROUNDING, "{weighting} {at:?} {weights:?}");
        }
    }
}

#[test]
fn place_itself_has_its_own_psf_alone() {
    for (places, weighting) in [
        (vec![(2.0, 3.0), (2.0, 9.0), (12.0, 3.0), (12.0, 9.0)], Weighting::Bilinear),
        (irregular(), Weighting::InverseDistance),
        (irregular(), Weighting::Nearest),
    ] {
        let grid = PsfGrid::new((34, 20), places.clone(), Some(weighting)).unwrap();
        for (psf, (y, x)) in places.into_iter().enumerate().filter(|(_, (y, x))| y.fract() == 0.0 && x.fract() == 0.0) {
            assert_eq!(grid.weight(psf, (y as usize, x as usize)), 1.0, "{weighting} {psf}");
        }
    }
}

#[test]
fn bilinear_weights_reproduce_linear_functions_between_the_places() {
    let places = vec![(2.0, 3.0), (2.0, 9.0), (12.0, 3.0), (12.0, 9.0)];
    let grid = PsfGrid::new((16, 12), places.clone(), None).unwrap();
    assert_eq!(grid.weighting(), Weighting::Bilinear);
    let value = |(y, x): (f64, f64)| 1.0 + 0.3 * y - 0.2 * x;
    for y in 2..=12 {
        for x in 3..=9 {
            let sum: f64 = places.iter().enumerate().map(|(psf, place)| grid.weight(psf, (y, x)) * value(*place)).sum();
            assert!((sum - value((y as f64, x as f64))).abs() < 1e-12, "{y} {x}");
        }
    }
    assert_eq!(grid.weight(3, (15, 11)), 1.0, "level beyond the outermost place");
}

#[test]
fn rows_of_a_psf_are_those_where_its_weight_is_not_zero() {
    let shape = (34, 20);
    for (places, weighting) in
        [(regular(), Weighting::Nearest), (regular(), Weighting::Bilinear), (irregular(), Weighting::Nearest)]
    {
        let grid = PsfGrid::new(shape, places, Some(weighting)).unwrap();
        for psf in 0..grid.len() {
            let rows = grid.rows(psf);
            let used: Vec<usize> = every(shape).filter(|at| grid.weight(psf, *at) > 0.0).map(|(y, _)| y).collect();
            let (first, last) = (*used.iter().min().unwrap(), *used.iter().max().unwrap());
            assert!(rows.start <= first && last < rows.end, "{weighting} {psf}: {rows:?} {first} {last}");
            // a row or two of grace, no more: rows cost transforms
            assert!(rows.start + 2 >= first && last + 3 >= rows.end, "{weighting} {psf}: {rows:?} {first} {last}");
        }
    }
    let outside = PsfGrid::new((10, 10), vec![(4.0, 4.0), (40.0, 4.0)], Some(Weighting::Nearest)).unwrap();
    assert_eq!((outside.rows(0), outside.rows(1)), (0..10, 0..0), "a place that no pixel is near to");
}

#[test]
fn nearest_takes_the_first_of_equally_near_places() {
    let grid = PsfGrid::new((9, 9), vec![(4.0, 6.0), (4.0, 2.0)], Some(Weighting::Nearest)).unwrap();
    assert_eq!((grid.nearest(4.0, 4.0), grid.nearest(4.0, 3.9), grid.central()), (0, 1, 0));
}

#[test]
fn weighed_images_add_up_to_the_image() {
    let shape = (34, 20);
    let image = Array2::from_shape_fn(shape, |(y, x)| if (y + x) % 3 == 0 { 0.0 } else { (y * 20 + x) as f32 });
    for weighting in [Weighting::Nearest, Weighting::Bilinear, Weighting::InverseDistance] {
        let grid = PsfGrid::new(shape, regular(), Some(weighting)).unwrap();
        let mut sum = Array2::<f32>::zeros(shape);
        for psf in 0..grid.len() {
            sum += &grid.weigh(psf, 0, image.view());
        }
        let off = (&sum - &image).iter().zip(&image).fold(0.0_f32, |most, (off, v)| most.max(off.abs() / v.max(1.0)));
        assert!(off < 4.0 * f32::EPSILON, "{weighting}: {off}");
    }
}

#[test]
fn places_that_make_no_grid_are_refused_or_weighed_by_distance() {
    let of = |places, weighting| PsfGrid::new((34, 20), places, weighting);
    assert_eq!(of(vec![], None), Err(PsfGridError::Empty));
    let same = of(vec![(1.0, 2.0), (8.0, 9.0), (1.0, 2.5)], None);
    assert_eq!(same, Err(PsfGridError::Same { first: 0, second: 2, x: 2.5, y: 1.0 }));
    let irregular = PsfGridError::Irregular { count: 5, rows: 5, columns: 5 };
    assert_eq!(of(self::irregular(), Some(Weighting::Bilinear)), Err(irregular));
    assert_eq!(of(self::irregular(), None).unwrap().weighting(), Weighting::InverseDistance);
    assert_eq!(of(vec![(5.0, 5.0)], None).unwrap().weighting(), Weighting::Bilinear, "one place is a grid");
}

#[test]
fn names_of_weightings_read_back() {
    for (name, weighting) in Weighting::ALL {
        assert_eq!((name.parse(), weighting.to_string().as_str()), (Ok(weighting), name));
    }
    assert!("linear".parse::<Weighting>().is_err());
}
