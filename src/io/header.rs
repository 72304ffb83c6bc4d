//! The header of an HDU: its cards, in order.

use super::card::{Card, RECORD, Value};
use super::error::{FitsError, Place};

/// Bytes of a FITS block.
pub(super) const BLOCK: usize = 2880;

/// The cards of an HDU in the order they have in the file, without END.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Header {
    cards: Vec<Card>,
}

impl Header {
    /// Takes over the records of a header, up to END.
    pub(super) fn from_bytes(bytes: &[u8]) -> Self {
        let mut header = Self::default();
        for record in bytes.chunks_exact(RECORD).take_while(|record| !is_end(record)) {
            match header.cards.last_mut() {
                Some(card) if record.starts_with(b"CONTINUE  ") => card.continue_with(record),
                _ => header.cards.push(Card::from_record(record)),
            }
        }
        header
    }

    /// The cards in order.
    pub fn cards(&self) -> impl Iterator<Item = &Card> {
        self.cards.iter()
    }

    /// The first card with this key.
    pub fn get(&self, key: &str) -> Option<&Card> {
        self.cards.iter().find(|card| card.key() == key)
    }

    /// The number under `key`; `None` if there is none or if it is something else.
    pub fn get_f64(&self, key: &str) -> Option<f64> {
        match self.get(key)?.value()? {
            Value::Integer(value) => Some(value as f64),
            Value::Real(value) => Some(value),
            Value::Logical(_) | Value::Text(_) => None,
        }
    }

    /// The whole number under `key`, which may be written `7.`; `None` if there is none or if it is something else.
    pub fn get_i64(&self, key: &str) -> Option<i64> {
        match self.get(key)?.value()? {
            Value::Integer(value) => Some(value),
            Value::Real(value) if value.fract() == 0.0 && value.abs() < 9e15 => Some(value as i64),
            _ => None,
        }
    }

    /// The text under `key`, without trailing blanks; `None` if there is none or if it is something else.
    pub fn get_str(&self, key: &str) -> Option<String> {
        match self.get(key)?.value()? {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Whether `key` is there and true.
    pub fn is_true(&self, key: &str) -> bool {
        self.get(key).and_then(Card::value) == Some(Value::Logical(true))
    }

    /// The number under `key`, or `default` if the key is absent or has no value.
    pub(super) fn number(&self, key: &str, default: f64, place: &Place) -> Result<f64, FitsError> {
        let Some(text) = self.get(key).and_then(Card::value_text) else { return Ok(default) };
        self.get_f64(key).ok_or_else(|| place.wrong(FitsError::Key, key, "a number", text))
    }

    /// The count under `key`, which must be there.
    pub(super) fn count(&self, key: &str, place: &Place) -> Result<u64, FitsError> {
        self.get_i64(key).and_then(|value| u64::try_from(value).ok()).ok_or_else(|| {
            let found = self.get(key).and_then(Card::value_text).unwrap_or_else(|| "no value".to_owned());
            place.wrong(FitsError::Key, key, "a whole number, not negative", found)
        })
    }

    pub(super) fn push(&mut self, card: Card) {
        self.cards.push(card);
    }

    /// Puts `card` in the place of the first card of its key, or at the end.
    pub(super) fn set(&mut self, card: Card) {
        match self.cards.iter_mut().find(|old| old.key() == card.key()) {
            Some(old) => *old = card,
            None => self.cards.push(card),
        }
    }

    /// Puts `card` right after the first card of `key`, unless there is a card of its key already.
    pub(super) fn insert_after(&mut self, key: &str, card: Card) {
        if self.get(card.key()).is_none() {
            let at = self.cards.iter().position(|old| old.key() == key).map_or(self.cards.len(), |i| i + 1);
            self.cards.insert(at, card);
        }
    }

    /// Bytes of the records, END included.
    pub(super) fn byte_len(&self) -> usize {
        self.cards.iter().map(|card| card.as_bytes().len()).sum::<usize>() + RECORD
    }

    /// The header as it stands in a file: the records, blanks up to the last record of `len` bytes, END.
    ///
    /// `len` is a multiple of [`BLOCK`], at least [`Header::byte_len`]. Blank records before END are what
    /// the FITS standard offers to keep room in a header (section 4.4.2.4, blank keyword); the blocks
    /// after END would be taken for data.
    pub(super) fn to_bytes(&self, len: usize) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(len);
        self.cards.iter().for_each(|card| bytes.extend_from_slice(card.as_bytes()));
        bytes.resize(len, b' ');
        let end = len - tail(len, self.byte_len());
        bytes[end..end + 3].copy_from_slice(b"END");
        bytes
    }
}

/// Bytes from the END record to the end of a header of `len` bytes that needs `used` of them: END stands
/// right after the cards if that is in the last block, else it opens the last block.
fn tail(len: usize, used: usize) -> usize {
    (len + RECORD - used).min(BLOCK)
}

impl FromIterator<Card> for Header {
    fn from_iter<I: IntoIterator<Item = Card>>(cards: I) -> Self {
        Self { cards: cards.into_iter().collect() }
    }
}

/// Whether this record ends a header.
pub(super) fn is_end(record: &[u8]) -> bool {
    record.starts_with(b"END") && record[3..].iter().all(|&b| b == b' ')
}

/// `len` rounded up to whole blocks.
pub(super) fn to_blocks(len: u64) -> u64 {
    len.div_ceil(BLOCK as u64) * BLOCK as u64
}
