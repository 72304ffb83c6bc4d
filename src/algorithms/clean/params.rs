//! How the threshold in units of the noise is written.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::AutoThreshold;

impl FromStr for AutoThreshold {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match (text.trim(), text.trim().parse::<f64>()) {
            ("auto", _) => Ok(Self::Auto),
            (_, Ok(sigmas)) if sigmas >= 0.0 && sigmas.is_finite() => Ok(Self::Given(sigmas)),
            _ => Err(format!("'{text}': expected auto or a number of 0 or more")),
        }
    }
}

impl fmt::Display for AutoThreshold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Given(sigmas) => write!(f, "{sigmas}"),
        }
    }
}

impl Serialize for AutoThreshold {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for AutoThreshold {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = toml::Value::deserialize(deserializer)?;
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        text.parse().map_err(de::Error::custom)
    }
}
