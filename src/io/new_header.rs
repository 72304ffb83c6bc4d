//! The header of an image that comes from no other file.

use super::card::Card;
use super::header::Header;
use crate::images::Cell;

/// The frequency axis of a new image; it brings a STOKES axis of one pixel, I, with it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FrequencyAxis {
    /// Frequency of the first plane \[Hz\].
    pub first_hz: f64,
    /// Step from plane to plane, or the width of a single one \[Hz\].
    pub step_hz: f64,
    /// Number of planes.
    pub planes: usize,
}

/// A sky image in the orthographic projection (SIN), J2000, axes RA, DEC and maybe FREQ, STOKES.
#[derive(Debug, Clone, PartialEq)]
pub struct NewHeader {
    /// Rows.
    pub ny: usize,
    /// Columns.
    pub nx: usize,
    /// Size of a pixel \[deg\]; `dx` is negative where east is left.
    pub cell: Cell,
    /// Right ascension and declination at the reference pixel \[deg\].
    pub crval: (f64, f64),
    /// The reference pixel `(x, y)`, from 1; without it the pixel `(1 + nx / 2, 1 + ny / 2)`, rounded down, as `WSClean` has it.
    pub crpix: Option<(f64, f64)>,
    /// The frequencies; without them the image has two axes.
    pub frequency: Option<FrequencyAxis>,
    /// Cards for the end of the header.
    pub cards: Vec<Card>,
}

impl NewHeader {
    pub(super) fn to_header(&self, bunit: &str) -> Header {
        let Self { ny, nx, cell, crval, crpix, frequency, cards } = self;
        let (x, y) = crpix.unwrap_or(((1 + nx / 2) as f64, (1 + ny / 2) as f64));
        let mut lens = vec![*nx, *ny];
        let mut world = vec![("RA---SIN", x, crval.0, cell.dx, "deg"), ("DEC--SIN", y, crval.1, cell.dy, "deg")];
        if let Some(FrequencyAxis { first_hz, step_hz, planes }) = *frequency {
            lens.extend([planes, 1]);
            world.push(("FREQ", 1.0, first_hz, step_hz, "Hz"));
            world.push(("STOKES", 1.0, 1.0, 1.0, ""));
        }
        let mut header: Header = [
            Card::new("SIMPLE", true, "conforms to FITS standard"),
            Card::new("BITPIX", -32, "array data type"),
            Card::new("NAXIS", lens.len() as i64, "number of array dimensions"),
        ]
        .into_iter()
        .collect();
        for (n, len) in (1..).zip(lens) {
            header.push(Card::new(&format!("NAXIS{n}"), len as i64, ""));
        }
        header.push(Card::new("EXTEND", true, ""));
        for (n, (ctype, crpix, crval, cdelt, cunit)) in (1..).zip(world) {
            header.push(Card::new(&format!("CTYPE{n}"), ctype, ""));
            header.push(Card::new(&format!("CRPIX{n}"), crpix, ""));
            header.push(Card::new(&format!("CRVAL{n}"), crval, ""));
            header.push(Card::new(&format!("CDELT{n}"), cdelt, ""));
            header.push(Card::new(&format!("CUNIT{n}"), cunit, ""));
        }
        header.push(Card::new("RADESYS", "FK5", ""));
        header.push(Card::new("EQUINOX", 2000.0, ""));
        header.push(Card::new("BUNIT", bunit, ""));
        header.push(Card::new("BTYPE", "Intensity", ""));
        header.push(Card::new("ORIGIN", "deconv", ""));
        for card in cards {
            header.set(card.clone());
        }
        header
    }
}
