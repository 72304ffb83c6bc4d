//! Against `astropy.wcs` 8.0 (`wcs_pix2world`, origin 0) on the headers of ../shared/data and on made-up ones.

use super::*;

type Card = (&'static str, &'static str);

const POINTS: [Card; 8] = [
    ("CTYPE1", "'RA---SIN'"),
    ("CTYPE2", "'DEC--SIN'"),
    ("CRPIX1", "513."),
    ("CRPIX2", "513."),
    ("CRVAL1", "60."),
    ("CRVAL2", "-45."),
    ("CDELT1", "-0.000416666666666667"),
    ("CDELT2", "4.16666666666667D-04"),
];

fn made(cards: &[Card]) -> Sky {
    Sky::from_cards(cards.iter().copied()).expect("celestial axes")
}

/// POINTS with some cards replaced or added.
fn changed(cards: &[Card]) -> Sky {
    made(&POINTS.iter().chain(cards).copied().collect::<Vec<_>>())
}

/// Compares in units of the cell, and goes back to the pixel.
fn assert_is_at(sky: &Sky, pixel: (f64, f64), lonlat: (f64, f64)) {
    let (lon, lat) = sky.lonlat(pixel.0, pixel.1).expect("inside the projection");
    let cell = sky.pixel_lengths().0;
    // One part in 1e9 of a cell, or the rounding of absolute coordinates in degrees (a few times 360 * 2^-53).
    let tolerance = (1e-9 * cell).max(2e-13);
    let turn = (lon - lonlat.0 + 180.0).rem_euclid(360.0) - 180.0;
    assert!(turn.abs() * lat.to_radians().cos() < tolerance, "{pixel:?}: longitude is off by {turn}");
    assert!((lat - lonlat.1).abs() < tolerance, "{pixel:?}: latitude is off by {}", lat - lonlat.1);
    let (x, y) = sky.pixel(lon, lat).expect("a pixel");
    assert!((x - pixel.0).abs() < 1e-9 + tolerance / cell, "{x} against {}", pixel.0);
    assert!((y - pixel.1).abs() < 1e-9 + tolerance / cell, "{y} against {}", pixel.1);
}

#[test]
fn points_meerkat_agrees_with_astropy() {
    let sky = made(&POINTS);
    assert_eq!(sky.frame(), Frame::Equatorial);
    assert_is_at(&sky, (0.0, 0.0), (60.302_827_822_019_026, -45.212_935_177_073_504));
    assert_is_at(&sky, (1023.0, 10.25), (59.697_786_330_265_316, -45.208_665_900_353_17));
    assert_is_at(&sky, (307.2, 1023.0), (60.120_233_544_212_26, -44.787_019_532_184_32));
}

#[test]
fn kat7_agrees_with_astropy_across_the_zero_of_right_ascension() {
    let place = [("CRPIX1", "257"), ("CRPIX2", "257"), ("CRVAL1", "0"), ("CRVAL2", "-30")];
    let cell = [("CDELT1", "-0.006"), ("CDELT2", "0.006")];
    let sky = changed(&[place.as_slice(), &cell].concat());
    assert_is_at(&sky, (0.0, 0.0), (1.802_225_139_361_977_3, -31.524_100_108_521_58));
    assert_is_at(&sky, (511.0, 10.25), (358.205_996_056_790_35, -31.462_681_327_257_05));
    assert_is_at(&sky, (153.6, 511.0), (0.698_926_701_135_685_9, -28.467_943_713_349_94));
}

#[test]
fn bllac_agrees_with_astropy_with_a_negative_crval() {
    let place = [("CRPIX1", "257"), ("CRPIX2", "257"), ("CRVAL1", "-29.319619288"), ("CRVAL2", "42.2777721861")];
    let cell = [("CDELT1", "-1.11111111111111E-08"), ("CDELT2", "1.11111111111111E-08")];
    let sky = changed(&[place.as_slice(), &cell].concat());
    assert_is_at(&sky, (0.0, 0.0), (360.0 - 29.319_615_443_595_94, 42.277_769_341_655_485));
    assert_is_at(&sky, (153.6, 511.0), (360.0 - 29.319_617_750_238_24, 42.277_775_019_433_32));
}

#[test]
fn rotation_by_crota2_with_oblong_pixels_agrees_with_astropy() {
    let place = [("CRPIX1", "100"), ("CRPIX2", "80"), ("CRVAL1", "350"), ("CRVAL2", "-60")];
    let cell = [("CDELT1", "-0.01"), ("CDELT2", "0.02"), ("CROTA2", "30")];
    let sky = changed(&[place.as_slice(), &cell].concat());
    assert_is_at(&sky, (10.0, 20.0), (352.768_612_549_007_3, -60.548_440_509_938_36));
    assert_is_at(&sky, (150.0, 33.0), (350.037_864_330_352, -61.051_797_200_453_76));
}

#[test]
fn tan_with_a_pc_matrix_and_lonpole_agrees_with_astropy() {
    let kind = [("CTYPE1", "RA---TAN"), ("CTYPE2", "DEC--TAN"), ("CRVAL1", "12"), ("CRVAL2", "80"), ("LONPOLE", "170")];
    let place = [("CRPIX1", "100.5"), ("CRPIX2", "80.5"), ("CDELT1", "-0.01"), ("CDELT2", "0.01")];
    let turn = [("PC1_1", "0.8"), ("PC1_2", "-0.3"), ("PC2_1", "0.2"), ("PC2_2", "0.9")];
    let sky = changed(&[kind.as_slice(), &place, &turn].concat());
    assert_is_at(&sky, (10.0, 20.0), (15.543_925_733_655_918, 79.369_847_813_362_44));
    assert_is_at(&sky, (150.0, 33.0), (9.344_146_520_217_24, 79.582_006_999_775_22));
}

#[test]
fn galactic_axes_stay_galactic() {
    let kind = [("CTYPE1", "GLON-CAR"), ("CTYPE2", "GLAT-CAR"), ("CRVAL1", "30"), ("CRVAL2", "0")];
    let place = [("CRPIX1", "50"), ("CRPIX2", "50"), ("CDELT1", "-0.1"), ("CDELT2", "0.1")];
    let sky = changed(&[kind.as_slice(), &place].concat());
    assert_eq!(sky.frame(), Frame::Galactic);
    assert_is_at(&sky, (10.0, 20.0), (33.9, -2.9));
    assert_is_at(&sky, (150.0, 33.0), (19.9, -1.6));
}

#[test]
fn offsets_in_a_field_of_micro_arcseconds_lose_no_digits() {
    let sky = changed(&[("CDELT1", "-5.5555555555569E-10"), ("CDELT2", "5.55555555555695E-10"), ("CRVAL1", "187.7")]);
    let (east, north) = sky.offsets((0.0, 254.0), (127.0, 127.0));
    assert!((east / (127.0 * 5.555_555_555_556_9e-10) - 1.0).abs() < 1e-15);
    assert!((north / (127.0 * 5.555_555_555_556_95e-10) - 1.0).abs() < 1e-15);
    let (dx, dy) = sky.step_of(east, north).expect("a matrix with an inverse");
    assert!((dx + 127.0).abs() < 1e-12 && (dy - 127.0).abs() < 1e-12);
}

#[test]
fn slant_sin_and_missing_crval_leave_offsets_only() {
    let slant = changed(&[("PV2_1", "0.0"), ("PV2_2", "0.84")]);
    assert!(!slant.is_absolute() && slant.lonlat(0.0, 0.0).is_none());
    assert!(changed(&[("PV2_1", "0.0"), ("PV2_2", "0.0")]).is_absolute());
    let bare = made(&[("CTYPE1", "RA---SIN"), ("CTYPE2", "DEC--SIN"), ("CDELT1", "-1"), ("CDELT2", "1")]);
    assert!(!bare.is_absolute());
    assert_eq!(bare.offsets((3.0, 4.0), (1.0, 1.0)), (-2.0, 3.0));
}

#[test]
fn axes_that_are_not_the_sky_give_none() {
    assert!(Sky::from_cards([("CTYPE1", "FREQ"), ("CTYPE2", "STOKES")]).is_none());
    assert!(Sky::from_cards([("CTYPE1", "DEC--SIN"), ("CTYPE2", "RA---SIN")]).is_none());
    assert!(Sky::from_cards([("NAXIS", "2")]).is_none());
    let odd = Sky::from_cards([("CTYPE1", "RA"), ("CTYPE2", "DEC"), ("CRVAL1", "1"), ("CRVAL2", "1")]);
    assert!(odd.is_some_and(|sky| !sky.is_absolute()), "a name without a projection must not panic");
}

#[test]
fn a_sky_survives_serialisation() {
    let sky = made(&POINTS);
    let text = serde_json::to_string(&sky).expect("serialisable");
    let back: Sky = serde_json::from_str(&text).expect("readable");
    assert_eq!(back.keys(), sky.keys());
    assert_eq!(back.lonlat(3.0, 4.0), sky.lonlat(3.0, 4.0));
}
