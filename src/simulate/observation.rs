//! Earth rotation: which uv points an array visits.

use std::f64::consts::PI;

use serde::Serialize;

use super::array::Array;
use super::error::SimulateError;

/// Speed of light \[m/s\].
const LIGHT: f64 = 299_792_458.0;

/// When, where and in which band an array observes.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Observation {
    /// Declination of the field \[deg\].
    pub declination_deg: f64,
    /// First and last hour angle \[h\]; integrations lie at the middle of equal parts of this range.
    pub hour_angle_h: (f64, f64),
    /// Number of integrations.
    pub integrations: usize,
    /// Lower and upper edge of the band \[Hz\]; channels are equal parts of it, observed at their middle.
    pub band_hz: (f64, f64),
    /// Number of channels.
    pub channels: usize,
}

/// A baseline as the field sees it \[m\].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Projected {
    /// Towards the east.
    pub u: f64,
    /// Towards the north.
    pub v: f64,
    /// Towards the field.
    pub w: f64,
}

impl Observation {
    /// Checks every value against its range.
    ///
    /// # Errors
    /// [`SimulateError::Value`] for the first value out of range.
    pub fn check(&self) -> Result<(), SimulateError> {
        let Self { declination_deg, hour_angle_h: (from, to), integrations, band_hz: (low, high), channels } = *self;
        let checks = [
            (declination_deg.abs() <= 90.0, "--declination", declination_deg.to_string(), "-90 to 90 degrees"),
            (
                from.abs() <= 12.0 && to.abs() <= 12.0 && from <= to,
                "--hour-angle",
                format!("{from}:{to}"),
                "FROM:TO within -12 to 12 hours",
            ),
            (integrations >= 1, "--integrations", integrations.to_string(), "at least 1"),
            (
                low > 0.0 && low <= high && high.is_finite(),
                "--freq",
                format!("{low}:{high}"),
                "LOW:HIGH in Hz, both above 0",
            ),
            (channels >= 1, "--channels", channels.to_string(), "at least 1"),
        ];
        match checks.into_iter().find(|(is_good, ..)| !is_good) {
            Some((_, flag, found, expected)) => Err(SimulateError::Value { flag, found, expected }),
            None => Ok(()),
        }
    }

    /// Frequencies of the channels \[Hz\].
    pub fn frequencies(&self) -> Vec<f64> {
        let (low, high) = self.band_hz;
        let width = (high - low) / self.channels as f64;
        (0..self.channels).map(|index| low + (index as f64 + 0.5) * width).collect()
    }

    /// The hour angles \[rad\] at which the field is above the horizon of `array`.
    ///
    /// # Errors
    /// [`SimulateError::NeverUp`] if there are none.
    pub fn hour_angles(&self, array: &Array) -> Result<Vec<f64>, SimulateError> {
        let (from, to) = self.hour_angle_h;
        let step = (to - from) / self.integrations as f64;
        let all = (0..self.integrations).map(|index| (from + (index as f64 + 0.5) * step) * PI / 12.0);
        let (sin_lat, cos_lat) = array.latitude().sin_cos();
        let (sin_dec, cos_dec) = self.declination_deg.to_radians().sin_cos();
        let elevation = |hour_angle: &f64| sin_lat * sin_dec + cos_lat * cos_dec * hour_angle.cos();
        let up: Vec<f64> = all.clone().filter(|hour_angle| elevation(hour_angle) > 0.0).collect();
        if up.is_empty() {
            let highest = all.map(|hour_angle| elevation(&hour_angle)).fold(-1.0, f64::max);
            return Err(SimulateError::NeverUp {
                declination_deg: self.declination_deg,
                latitude_deg: array.latitude().to_degrees(),
                from_h: from,
                to_h: to,
                highest_deg: highest.asin().to_degrees(),
            });
        }
        Ok(up)
    }

    /// Calls `visit` for every pair of different antennas at every one of `hour_angles` \[rad\], in a fixed order.
    ///
    /// `u = sin H X + cos H Y`, `v = -sin d cos H X + sin d sin H Y + cos d Z`, `w = cos d cos H X - cos d sin H Y + sin d Z`
    /// (Thompson, Moran & Swenson 2017, eq. 4.1); `w` is used by a [`super::WideField`] alone.
    pub fn for_each_baseline(&self, array: &Array, hour_angles: &[f64], mut visit: impl FnMut(Projected)) {
        let positions = array.equatorial();
        let (sin_dec, cos_dec) = self.declination_deg.to_radians().sin_cos();
        for hour_angle in hour_angles {
            let (sin, cos) = hour_angle.sin_cos();
            let project = |[x, y, z]: &[f64; 3]| {
                let across = cos * x - sin * y;
                (sin * x + cos * y, cos_dec * z - sin_dec * across, cos_dec * across + sin_dec * z)
            };
            let antennas: Vec<(f64, f64, f64)> = positions.iter().map(project).collect();
            for (i, (ui, vi, wi)) in antennas.iter().enumerate() {
                let pair = |(uj, vj, wj): &(f64, f64, f64)| Projected { u: ui - uj, v: vi - vj, w: wi - wj };
                antennas[..i].iter().for_each(|other| visit(pair(other)));
            }
        }
    }
}

/// Wavelengths per metre at `frequency_hz`.
pub fn wavenumber(frequency_hz: f64) -> f64 {
    frequency_hz / LIGHT
}
