//! The sky of an image with the frame that its header names.

use super::header::Header;
use super::source::FitsSource;
use crate::images::region::Place;
use crate::images::{Celestial, Frame, Sky};

impl FitsSource {
    /// Where its pixels are on the sky; `None` where its first two axes are no longitude and latitude.
    pub fn place(&self) -> Option<Place> {
        let cards = self.header().cards().filter_map(|card| Some((card.key(), card.value()?.to_string())));
        let sky = Sky::from_cards(cards)?;
        let frame = match sky.frame() {
            Frame::Equatorial => equatorial(self.header()),
            Frame::Galactic => Celestial::Galactic,
            Frame::Other => Celestial::Named(sky.keys().ctype[0].chars().take(4).collect()),
        };
        Some(Place { sky, frame })
    }
}

/// The frame of right ascension and declination: RADESYS, or what the standard infers from EQUINOX without it.
///
/// # Source
/// Calabretta & Greisen 2002, A&A 395, 1077, section 3.1.
fn equatorial(header: &Header) -> Celestial {
    let system = header.get_str("RADESYS").or_else(|| header.get_str("RADECSYS"));
    let equinox = header.get_f64("EQUINOX").or_else(|| header.get_f64("EPOCH"));
    match (system.as_deref(), equinox) {
        (Some("ICRS"), _) | (Some("FK5") | None, None | Some(2000.0)) => Celestial::Equatorial,
        (Some("FK5"), Some(year)) => Celestial::Named(format!("FK5 of {year}")),
        // as the frames of regions are named
        (Some("FK4"), None | Some(1950.0)) | (None, Some(1950.0)) => Celestial::Named("FK4".to_owned()),
        (None, Some(year)) => Celestial::Named(format!("{} of {year}", if year < 1984.0 { "FK4" } else { "FK5" })),
        (Some(system), _) => Celestial::Named(system.to_owned()),
    }
}
