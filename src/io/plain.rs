//! Headers of images that are plain numbers: no sky, no planes.

use super::card::Card;
use super::header::{Header, to_blocks};

/// The header, in whole blocks, of a primary HDU with an array of this shape (slowest axis first) and BITPIX; `cards` go
/// after the axes. The numbers follow it, big-endian, filled up by zeros to whole blocks as [`block_len`] tells.
pub fn array_header(shape: &[usize], bitpix: i64, cards: &[Card]) -> Vec<u8> {
    let mut header: Header = [
        Card::new("SIMPLE", true, "conforms to FITS standard"),
        Card::new("BITPIX", bitpix, "array data type"),
        Card::new("NAXIS", shape.len() as i64, "number of array dimensions"),
    ]
    .into_iter()
    .collect();
    for (n, len) in (1..).zip(shape.iter().rev()) {
        header.push(Card::new(&format!("NAXIS{n}"), *len as i64, ""));
    }
    header.push(Card::new("EXTEND", true, ""));
    for card in cards {
        header.set(card.clone());
    }
    header.to_bytes(to_blocks(header.byte_len() as u64) as usize)
}

/// Bytes that data of `len` bytes take in a file: whole blocks.
pub fn block_len(len: u64) -> u64 {
    to_blocks(len)
}
