use super::*;
use crate::images::Mask;

const SHAPE: (usize, usize) = (40, 50);

fn place(cards: &[(&str, &str)], frame: Celestial) -> Place {
    Place { sky: Sky::from_cards(cards.iter().copied()).unwrap(), frame }
}

/// One arcsec a pixel at declination 60, centred on pixel (24, 19).
fn image() -> Place {
    let cards = [
        ("CTYPE1", "RA---SIN"),
        ("CRPIX1", "25"),
        ("CRVAL1", "120"),
        ("CDELT1", "-2.7777777777777778e-4"),
        ("CTYPE2", "DEC--SIN"),
        ("CRPIX2", "20"),
        ("CRVAL2", "60"),
        ("CDELT2", "2.7777777777777778e-4"),
    ];
    place(&cards, Celestial::Equatorial)
}

fn region(outline: Outline) -> Region {
    Region { outline, frame: Celestial::Equatorial, is_excluded: false, line: 1 }
}

fn selected(region: &Region) -> Mask {
    let stamp = region.on(Some(&image())).unwrap().expect("the region is on the image");
    select(&[stamp], 0..SHAPE.0, SHAPE.1)
}

/// The pixels for which `is_in` holds.
fn expected(is_in: impl Fn(f64, f64) -> bool) -> Vec<bool> {
    (0..SHAPE.0).flat_map(|y| (0..SHAPE.1).map(move |x| (x as f64, y as f64))).map(|(x, y)| is_in(x, y)).collect()
}

const ASEC: f64 = 1.0 / 3600.0;

fn circle(centre: Point, radius: Length) -> Outline {
    Outline::Ellipse { centre, half: [radius; 2], hole: None, angle: 0.0 }
}

#[test]
fn circle_on_the_sky_is_a_circle_of_as_many_pixels() {
    let found = selected(&region(circle(Point::Sky(120.0, 60.0), Length::Degrees(7.3 * ASEC))));
    assert_eq!(found.flags(), expected(|x, y| (x - 24.0).hypot(y - 19.0) <= 7.3));
    let pixels = selected(&region(circle(Point::Pixel(24.0, 19.0), Length::Pixels(7.3))));
    assert_eq!(found, pixels);
    let mixed = selected(&region(circle(Point::Pixel(24.0, 19.0), Length::Degrees(7.3 * ASEC))));
    assert_eq!(found, mixed);
}

#[test]
fn angles_turn_from_the_x_axis_to_the_y_axis_which_is_from_west_to_north() {
    let half = [Length::Degrees(10.2 * ASEC), Length::Degrees(2.2 * ASEC)];
    let (sin, cos) = 30.0_f64.to_radians().sin_cos();
    let along = |x: f64, y: f64| (cos * (x - 24.0) + sin * (y - 19.0), cos * (y - 19.0) - sin * (x - 24.0));
    let ellipse = Outline::Ellipse { centre: Point::Sky(120.0, 60.0), half, hole: None, angle: 30.0 };
    let is_in = |x: f64, y: f64| (along(x, y).0 / 10.2).powi(2) + (along(x, y).1 / 2.2).powi(2) <= 1.0;
    assert_eq!(selected(&region(ellipse)).flags(), expected(is_in));
    let rectangle = Outline::Rectangle { centre: Point::Sky(120.0, 60.0), half, hole: None, angle: 30.0 };
    let is_in = |x: f64, y: f64| along(x, y).0.abs() <= 10.2 && along(x, y).1.abs() <= 2.2;
    assert_eq!(selected(&region(rectangle)).flags(), expected(is_in));
}

#[test]
fn annulus_keeps_what_is_between() {
    let centre = Point::Pixel(20.5, 18.0);
    let (half, hole) = ([Length::Pixels(9.1); 2], Some([Length::Pixels(4.1); 2]));
    let found = selected(&region(Outline::Ellipse { centre, half, hole, angle: 0.0 }));
    let far = |x: f64, y: f64| (x - 20.5).hypot(y - 18.0);
    assert_eq!(found.flags(), expected(|x, y| far(x, y) <= 9.1 && far(x, y) > 4.1));
}

#[test]
fn polygon_holds_the_centres_inside_and_may_hang_over_the_edge() {
    let corners = [(-5.0, -5.0), (20.2, -5.0), (20.2, 12.7), (-5.0, 12.7)].map(|(x, y)| Point::Pixel(x, y));
    let found = selected(&region(Outline::Polygon(corners.to_vec())));
    assert_eq!(found.flags(), expected(|x, y| x <= 20.2 && y <= 12.7));
    let triangle = [(10.0, 10.0), (30.0, 10.0), (10.0, 30.0)].map(|(x, y)| Point::Pixel(x - 0.1, y - 0.1));
    let found = selected(&region(Outline::Polygon(triangle.to_vec())));
    assert_eq!(found.flags(), expected(|x, y| x >= 9.9 && y >= 9.9 && x + y <= 39.8));
    let corners = Outline::Corners([Point::Pixel(3.5, 4.5), Point::Pixel(9.5, 7.5)]);
    assert_eq!(selected(&region(corners)).count(), 6 * 3);
}

#[test]
fn later_regions_act_on_earlier_ones_and_a_first_that_excludes_begins_with_all() {
    let stamp = |radius: f64, is_excluded| {
        let mut region = region(circle(Point::Pixel(20.0, 20.0), Length::Pixels(radius)));
        region.is_excluded = is_excluded;
        region.on(None).unwrap().unwrap()
    };
    let all = SHAPE.0 * SHAPE.1;
    let count = |stamps: &[Stamp]| select(stamps, 0..SHAPE.0, SHAPE.1).count();
    assert_eq!(count(&[stamp(1.0, false), stamp(0.5, true)]), 4);
    assert_eq!(count(&[stamp(1.0, false), stamp(1.0, true), stamp(0.5, false)]), 1);
    assert_eq!(count(&[stamp(1.0, true)]), all - 5);
    assert_eq!(count(&[]), 0);
}

#[test]
fn rows_of_a_selection_do_not_depend_on_the_cut() {
    let stamp = region(circle(Point::Pixel(20.3, 18.2), Length::Pixels(11.7))).on(None).unwrap().unwrap();
    let whole = select(std::slice::from_ref(&stamp), 0..SHAPE.0, SHAPE.1);
    let parts = [0..7, 7..8, 8..33, 33..40].map(|rows| select(std::slice::from_ref(&stamp), rows, SHAPE.1));
    assert_eq!(Mask::stack(parts), whole);
    assert!(stamp.touches(SHAPE) && !stamp.touches((5, 5)));
}

#[test]
fn galactic_region_stands_where_its_equatorial_twin_does() {
    let (lon, lat) = Celestial::Equatorial.turn(&Celestial::Galactic, (120.0, 60.0)).unwrap();
    let mut galactic = region(circle(Point::Sky(lon, lat), Length::Degrees(7.3 * ASEC)));
    galactic.frame = Celestial::Galactic;
    let twin = region(circle(Point::Sky(120.0, 60.0), Length::Degrees(7.3 * ASEC)));
    assert_eq!(selected(&galactic), selected(&twin));
}

#[test]
fn region_without_a_place_on_the_image_says_why() {
    let mut on_sky = region(circle(Point::Sky(120.0, 60.0), Length::Degrees(ASEC)));
    assert_eq!(on_sky.on(None), Err(Misplaced::NoSky));
    on_sky.outline = circle(Point::Sky(300.0, -60.0), Length::Degrees(ASEC));
    assert_eq!(on_sky.on(Some(&image())), Ok(None));
    on_sky.outline = Outline::Polygon(vec![Point::Sky(120.0, 60.0), Point::Sky(300.0, -60.0), Point::Sky(120.0, 61.0)]);
    assert_eq!(on_sky.on(Some(&image())), Err(Misplaced::Beyond));
    on_sky.frame = Celestial::Named("FK4".to_owned());
    assert!(matches!(on_sky.on(Some(&image())), Err(Misplaced::Frame { .. })));
}
