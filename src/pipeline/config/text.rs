//! Values of the configuration as people write them.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::{Auto, BeamChoice, Bytes, ChunkRows, Interval};
use crate::images::CleanBeam;

impl FromStr for Bytes {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let lower = text.trim().to_ascii_lowercase();
        let units = [
            ("kib", 1_u64 << 10),
            ("mib", 1 << 20),
            ("gib", 1 << 30),
            ("tib", 1 << 40),
            ("kb", 1000),
            ("mb", 1_000_000),
            ("gb", 1_000_000_000),
            ("tb", 1_000_000_000_000),
            ("k", 1 << 10),
            ("m", 1 << 20),
            ("g", 1 << 30),
            ("t", 1 << 40),
            ("b", 1),
        ];
        let (number, scale) = units
            .iter()
            .find_map(|(unit, scale)| lower.strip_suffix(unit).map(|number| (number, *scale)))
            .unwrap_or((&lower, 1));
        match number.trim().parse::<f64>() {
            Ok(value) if value.is_finite() && value > 0.0 => Ok(Self((value * scale as f64) as u64)),
            _ => Err(format!("'{text}': expected a size such as 4GiB or 500MB")),
        }
    }
}

impl Bytes {
    /// At least as much, which is told without rounding.
    pub(in crate::pipeline) fn told_upwards(self) -> Self {
        // the unit and the parts of it that are told
        let (unit, parts) = match self.0 {
            0..=1023 => (1, 1),
            1024..=1_048_575 => (1 << 10, 10),
            1_048_576..=1_073_741_823 => (1 << 20, 10),
            _ => (1_u128 << 30, 100),
        };
        let told = (u128::from(self.0) * parts).div_ceil(unit);
        Self(u64::try_from((told * unit).div_ceil(parts)).unwrap_or(u64::MAX))
    }
}

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = self.0 as f64;
        match self.0 {
            0..=1023 => write!(f, "{}B", self.0),
            1024..=1_048_575 => write!(f, "{:.1}KiB", bytes / 1024.0),
            1_048_576..=1_073_741_823 => write!(f, "{:.1}MiB", bytes / 1_048_576.0),
            _ => write!(f, "{:.2}GiB", bytes / 1_073_741_824.0),
        }
    }
}

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{}B", self.0))
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        text_or_number(deserializer)?.parse().map_err(de::Error::custom)
    }
}

impl FromStr for Interval {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (number, scale) = match text.trim() {
            text if text.ends_with("ms") => (&text[..text.len() - 2], 1e-3),
            text => (text.strip_suffix('s').unwrap_or(text), 1.0),
        };
        match number.trim().parse::<f64>().map(|number| number * scale) {
            Ok(seconds) if (1e-3..=1e6).contains(&seconds) => Ok(Self(Duration::from_secs_f64(seconds))),
            _ => Err(format!("'{text}': expected seconds from 0.001, such as 0.05 or 50ms")),
        }
    }
}

impl Serialize for Interval {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.0.as_secs_f64())
    }
}

impl<'de> Deserialize<'de> for Interval {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        text_or_number(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// A string, or a number as its text.
fn text_or_number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let value = toml::Value::deserialize(deserializer)?;
    Ok(value.as_str().map_or_else(|| value.to_string(), str::to_owned))
}

impl<T: Serialize> Serialize for Auto<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Auto => serializer.serialize_str("auto"),
            Self::Given(value) => value.serialize(serializer),
        }
    }
}

impl<'de, T: FromStr> Deserialize<'de> for Auto<T>
where
    T::Err: fmt::Display,
{
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        text_or_number(deserializer)?.parse().map_err(de::Error::custom)
    }
}

impl<T: FromStr> FromStr for Auto<T>
where
    T::Err: fmt::Display,
{
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.trim() {
            "auto" => Ok(Self::Auto),
            given => given.parse().map(Self::Given).map_err(|error| format!("'{text}': {error}; or auto")),
        }
    }
}

impl FromStr for ChunkRows {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.trim() {
            "full" => Ok(Self::Full),
            rows => {
                rows.parse().map(Self::Rows).map_err(|_| format!("'{text}': expected a whole number from 1, or full"))
            }
        }
    }
}

impl Serialize for ChunkRows {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Full => serializer.serialize_str("full"),
            Self::Rows(rows) => rows.serialize(serializer),
        }
    }
}

/// Degrees in each unit of angle that is understood.
const ANGLES: [(&str, f64); 8] = [
    ("masec", 1.0 / 3.6e6),
    ("uasec", 1.0 / 3.6e9),
    ("asec", 1.0 / 3600.0),
    ("arcsec", 1.0 / 3600.0),
    ("amin", 1.0 / 60.0),
    ("arcmin", 1.0 / 60.0),
    ("deg", 1.0),
    ("\"", 1.0 / 3600.0),
];

/// An angle with its unit \[deg\].
fn angle(text: &str) -> Result<f64, String> {
    let text = text.trim();
    let expected = || format!("'{text}' is not an angle; expected a number with uasec, masec, asec, amin or deg");
    let (number, scale) = ANGLES
        .iter()
        .find_map(|(unit, scale)| text.strip_suffix(unit).map(|number| (number, *scale)))
        .ok_or_else(expected)?;
    number.trim().parse::<f64>().map(|value| value * scale).map_err(|_| expected())
}

impl FromStr for BeamChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.trim() {
            "fit" => return Ok(Self::Fit),
            "circular" => return Ok(Self::Circular),
            _ => {}
        }
        let parts = text.split(',').map(angle).collect::<Result<Vec<_>, _>>()?;
        let beam = match parts[..] {
            [width] => CleanBeam::circular(width),
            [bmaj, bmin, bpa] => CleanBeam::new(bmaj, bmin, bpa),
            _ => return Err(format!("'{text}': expected fit, circular, a width, or two widths and a position angle")),
        };
        beam.map(Self::Given).map_err(|error| error.to_string())
    }
}

impl Serialize for BeamChoice {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Fit => serializer.serialize_str("fit"),
            Self::Circular => serializer.serialize_str("circular"),
            Self::Given(CleanBeam { bmaj, bmin, bpa }) => {
                serializer.collect_str(&format_args!("{bmaj}deg,{bmin}deg,{bpa}deg"))
            }
        }
    }
}

impl<'de> Deserialize<'de> for BeamChoice {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_beams_are_read_with_their_units() {
        assert_eq!("4GiB".parse(), Ok(Bytes(4 << 30)));
        assert_eq!("1.5 kb".parse(), Ok(Bytes(1500)));
        assert!("much".parse::<Bytes>().is_err() && "0".parse::<Bytes>().is_err());
        let beam = CleanBeam { bmaj: 9.0 / 3600.0, bmin: 5.0 / 3600.0, bpa: 35.0 };
        assert_eq!("9asec,5asec,35deg".parse(), Ok(BeamChoice::Given(beam)));
        assert_eq!("fit".parse(), Ok(BeamChoice::Fit));
        assert_eq!("circular".parse(), Ok(BeamChoice::Circular));
        for text in ["9", "9asec,5asec", "5asec,9asec,0deg", "-1asec", "wide"] {
            assert!(text.parse::<BeamChoice>().is_err(), "{text}");
        }
    }

    #[test]
    fn size_told_upwards_is_enough_when_it_is_typed_again() {
        for bytes in (0..60).map(|power| (1_u64 << power) + 12_345 * power).chain([1_073_741_823, 27_472_692]) {
            let told = Bytes(bytes).told_upwards().to_string();
            let typed: Bytes = told.parse().unwrap_or(Bytes(0));
            assert!(typed.0 >= bytes && typed.0 <= bytes + bytes / 10 + 1, "{bytes}: {told} is {}", typed.0);
        }
    }

    #[test]
    fn auto_and_numbers_are_told_apart() {
        assert_eq!("auto".parse(), Ok(Auto::<usize>::Auto));
        assert_eq!("128".parse(), Ok(Auto::Given(128_usize)));
        assert!("some".parse::<Auto<usize>>().is_err());
        assert_eq!("full".parse(), Ok(Auto::Given(ChunkRows::Full)));
        assert!("128".parse::<Auto<ChunkRows>>().is_ok_and(|chunk| chunk != Auto::Given(ChunkRows::Full)));
        assert!("0".parse::<Auto<ChunkRows>>().is_err() && "half".parse::<Auto<ChunkRows>>().is_err());
    }
}
