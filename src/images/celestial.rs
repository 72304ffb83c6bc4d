//! Celestial frames, and steps on the sphere.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What a longitude and a latitude refer to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Celestial {
    /// Right ascension and declination in ICRS or FK5 of J2000, which are taken for the same: they differ by 0.02 arcsec.
    Equatorial,
    /// Galactic longitude and latitude (IAU 1958).
    Galactic,
    /// Another frame, by its name: it is turned into no other.
    Named(String),
}

impl fmt::Display for Celestial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Equatorial => f.write_str("equatorial (ICRS, FK5 J2000)"),
            Self::Galactic => f.write_str("galactic"),
            Self::Named(name) => f.write_str(name),
        }
    }
}

/// From ICRS to galactic coordinates.
///
/// # Source
/// The Hipparcos Catalogue, ESA SP-1200 (1997), volume 1, equation 1.5.11.
const TO_GALACTIC: [[f64; 3]; 3] = [
    [-0.054_875_560_416_2, -0.873_437_090_234_9, -0.483_835_015_548_7],
    [0.494_109_427_875_6, -0.444_829_629_960_0, 0.746_982_244_497_2],
    [-0.867_666_149_019_0, -0.198_076_373_431_2, 0.455_983_776_175_1],
];

impl Celestial {
    /// Whether a place in this frame can be told in the other.
    pub fn turns_into(&self, other: &Self) -> bool {
        self == other || !matches!((self, other), (Self::Named(_), _) | (_, Self::Named(_)))
    }

    /// A longitude and a latitude \[deg\] of this frame in another; `None` for frames that are not turned.
    pub fn turn(&self, other: &Self, (lon, lat): (f64, f64)) -> Option<(f64, f64)> {
        if self == other {
            return Some((lon, lat));
        }
        let place = unit(lon, lat);
        let row = |row: usize| (0..3).map(|column| TO_GALACTIC[row][column] * place[column]).sum();
        let column = |column: usize| (0..3).map(|row| TO_GALACTIC[row][column] * place[row]).sum();
        match (self, other) {
            (Self::Equatorial, Self::Galactic) => Some(angles([row(0), row(1), row(2)])),
            (Self::Galactic, Self::Equatorial) => Some(angles([column(0), column(1), column(2)])),
            _ => None,
        }
    }
}

fn unit(lon: f64, lat: f64) -> [f64; 3] {
    let ((sin, cos), (high, wide)) = (lon.to_radians().sin_cos(), lat.to_radians().sin_cos());
    [wide * cos, wide * sin, high]
}

fn angles([x, y, z]: [f64; 3]) -> (f64, f64) {
    (y.atan2(x).to_degrees().rem_euclid(360.0), z.atan2(x.hypot(y)).to_degrees())
}

/// The place that is `distance` \[deg\] away in the direction `angle` \[deg\], from north through east.
pub(super) fn step((lon, lat): (f64, f64), distance: f64, angle: f64) -> (f64, f64) {
    let (lon, lat, distance, angle) = (lon.to_radians(), lat.to_radians(), distance.to_radians(), angle.to_radians());
    let high = lat.sin() * distance.cos() + lat.cos() * distance.sin() * angle.cos();
    let east = distance.sin() * angle.sin();
    let along = lat.cos() * distance.cos() - lat.sin() * distance.sin() * angle.cos();
    ((lon + east.atan2(along)).to_degrees(), high.atan2(east.hypot(along)).to_degrees())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By so much does ICRS, of which the matrix is, differ from FK5, over which astropy goes \[deg\].
    const FRAMES: f64 = 1e-5;

    fn close((a, b): (f64, f64), (c, d): (f64, f64)) -> bool {
        (a - c).abs() < FRAMES && (b - d).abs() < FRAMES
    }

    #[test]
    fn galactic_centre_and_pole_are_where_astropy_has_them() {
        // astropy 8.0: SkyCoord(lon, lat, unit="deg", frame="icrs").galactic
        let turn = |place| Celestial::Equatorial.turn(&Celestial::Galactic, place).unwrap();
        let back = |place| Celestial::Galactic.turn(&Celestial::Equatorial, place).unwrap();
        for (icrs, galactic) in [
            ((266.404_988, -28.936_178), (359.999_999_67, 8.99e-8)),
            ((83.633_083, 22.0145), (184.557_457_71, -5.784_356_96)),
            ((10.684_71, 41.268_75), (121.174_330_41, -21.573_308_84)),
        ] {
            let (lon, lat) = turn(icrs);
            let turns = ((lon - galactic.0 + 180.0).rem_euclid(360.0) - 180.0, lat - galactic.1);
            assert!(close(turns, (0.0, 0.0)), "{lon} {lat}");
            assert!(close(back((lon, lat)), icrs));
        }
        assert_eq!(Celestial::Named("FK4".into()).turn(&Celestial::Galactic, (1.0, 2.0)), None);
        assert!(!Celestial::Equatorial.turns_into(&Celestial::Named("FK4".into())));
    }

    #[test]
    fn steps_go_north_and_east_also_at_the_pole() {
        assert!(close(step((10.0, 20.0), 3.0, 0.0), (10.0, 23.0)));
        let (lon, lat) = step((10.0, 60.0), 1e-3, 90.0);
        assert!(((lon - 10.0) * 60.0_f64.to_radians().cos() - 1e-3).abs() < 1e-9 && (lat - 60.0).abs() < 1e-6);
        let (_, lat) = step((10.0, 90.0), 2.0, 90.0);
        assert!((lat - 88.0).abs() < 1e-9);
    }
}
