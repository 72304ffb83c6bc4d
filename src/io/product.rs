//! The header of a product: the source's, less what is no longer true.

use super::card::Card;
use super::hdu::is_numbered;
use super::header::Header;

/// Keys that the product's own structure and pixels make untrue.
const STALE: [&str; 14] = [
    "SIMPLE", "XTENSION", "BITPIX", "PCOUNT", "GCOUNT", "INHERIT", "BSCALE", "BZERO", "BLANK", "DATAMIN", "DATAMAX",
    "CHECKSUM", "DATASUM", "CASAMBM",
];

/// Copies a header card for card for an image of 32-bit floats in a primary HDU, in the same axes.
///
/// Left out are scaling and blanks (the pixels are physical values), extremes and checksums (of other
/// pixels), beams (the product has its own) and what only an extension has. `bunit` takes BUNIT's place.
pub(super) fn derive(source: &Header, bunit: &str) -> Header {
    let is_axis = |card: &&Card| is_numbered(card.key(), "NAXIS");
    let simple = Card::new("SIMPLE", true, "conforms to FITS standard");
    let bitpix = Card::new("BITPIX", -32, "array data type");
    let mut header: Header =
        [source.get("SIMPLE").cloned().unwrap_or(simple), bitpix].into_iter().chain(sorted_axes(source)).collect();
    for card in source.cards().filter(|card| !is_axis(card) && !is_stale(card.key())) {
        header.push(card.clone());
    }
    header.set(Card::new("BUNIT", bunit, ""));
    header
}

/// NAXIS, NAXIS1, NAXIS2, ..., which must follow BITPIX in this order.
fn sorted_axes(source: &Header) -> Vec<Card> {
    let count = source.get_i64("NAXIS").unwrap_or(0);
    let keys = std::iter::once("NAXIS".to_owned()).chain((1..=count).map(|n| format!("NAXIS{n}")));
    keys.filter_map(|key| source.get(&key).cloned()).collect()
}

fn is_stale(key: &str) -> bool {
    STALE.contains(&key) || ["BMAJ", "BMIN", "BPA"].iter().any(|stem| is_numbered(key, stem))
}
