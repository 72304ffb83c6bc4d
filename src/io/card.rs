//! One header card: an 80-byte record, with the records that continue it.

use std::fmt;

/// Bytes of a header record.
pub(super) const RECORD: usize = 80;
/// Bytes of free text in a HISTORY record.
const FREE_TEXT: usize = RECORD - 8;
/// Characters of a text value that fit between the quotes of one record.
const TEXT: usize = RECORD - 12;

/// The value of a card.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// `T` or `F`.
    Logical(bool),
    /// A whole number.
    Integer(i64),
    /// A floating-point number.
    Real(f64),
    /// A quoted text, without the quotes and without trailing blanks.
    Text(String),
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Logical(value) => f.write_str(if *value { "T" } else { "F" }),
            Self::Integer(value) => write!(f, "{value}"),
            Self::Real(value) => write!(f, "{value:e}"),
            Self::Text(text) => f.write_str(text),
        }
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Logical(value)
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Integer(value)
    }
}

impl From<f64> for Value {
    fn from(value: f64) -> Self {
        Self::Real(value)
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}

impl From<String> for Value {
    fn from(value: String) -> Self {
        Self::Text(value)
    }
}

/// A header card, kept as the bytes it has in the file: what we do not understand survives.
///
/// A text that goes on over `CONTINUE` records is one card.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Card {
    records: Vec<u8>,
}

impl Card {
    /// Makes the card `key = value / comment`. A text longer than one record goes on in `CONTINUE`
    /// records; a comment is cut at the end of the record; characters outside ASCII become `?`; a number
    /// that is not finite becomes an undefined value, as FITS has no other way to write it.
    ///
    /// # Panics
    /// If `key` is not 1 to 8 of `A-Z 0-9 - _`: keys are constants of the program.
    pub fn new(key: &str, value: impl Into<Value>, comment: &str) -> Self {
        let legal = |c: u8| c.is_ascii_uppercase() || c.is_ascii_digit() || c == b'-' || c == b'_';
        assert!((1..=8).contains(&key.len()) && key.bytes().all(legal), "not a FITS key: {key}");
        let value = match value.into() {
            Value::Logical(value) => format!("{:>20}", if value { "T" } else { "F" }),
            Value::Integer(value) => format!("{value:>20}"),
            Value::Real(value) => format!("{:>20}", real(value)),
            Value::Text(text) => return Self::text(key, &printable(&text), comment),
        };
        Self { records: record(&with_comment(format!("{key:<8}= {value}"), comment)) }
    }

    /// Makes the HISTORY cards of one line of `text`: its words one blank apart; a line too long for one
    /// card is broken between words, and goes on indented by two blanks.
    pub fn history(text: &str) -> Vec<Self> {
        let text = printable(text);
        let mut lines = vec![String::new()];
        let mut line = 0;
        for word in text.split_whitespace() {
            let mut rest = word;
            let blank = usize::from(!lines[line].trim().is_empty());
            if lines[line].len() + blank + rest.len() <= FREE_TEXT {
                lines[line].push_str(&" ".repeat(blank));
            } else if blank > 0 {
                lines.push("  ".to_owned());
                line += 1;
            }
            while lines[line].len() + rest.len() > FREE_TEXT {
                let (head, tail) = rest.split_at(FREE_TEXT - lines[line].len());
                lines[line].push_str(head);
                lines.push("  ".to_owned());
                line += 1;
                rest = tail;
            }
            lines[line].push_str(rest);
        }
        lines.iter().map(|line| Self { records: record(&format!("HISTORY {line}")) }).collect()
    }

    fn text(key: &str, text: &str, comment: &str) -> Self {
        let quoted: Vec<String> =
            text.chars().map(|c| if c == '\'' { "''".to_owned() } else { c.to_string() }).collect();
        let total: usize = quoted.iter().map(String::len).sum();
        if total <= TEXT {
            let value = format!("{key:<8}= {:<20}", format!("'{:<8}'", quoted.concat()));
            return Self { records: record(&with_comment(value, comment)) };
        }
        let mut pieces = vec![String::new()];
        for piece in quoted {
            if pieces[pieces.len() - 1].len() + piece.len() > TEXT - 1 {
                pieces.push(String::new());
            }
            pieces.last_mut().expect("there is always a piece").push_str(&piece);
        }
        let last = pieces.len() - 1;
        let mut records = Vec::new();
        for (i, piece) in pieces.iter().enumerate() {
            let head = if i == 0 { format!("{key:<8}= ") } else { "CONTINUE  ".to_owned() };
            records.extend(record(&format!("{head}'{piece}{}'", if i < last { "&" } else { "" })));
        }
        Self { records }
    }

    /// Takes over an 80-byte record of a file.
    pub(super) fn from_record(record: &[u8]) -> Self {
        Self { records: record.to_vec() }
    }

    /// Appends a `CONTINUE` record to this card.
    pub(super) fn continue_with(&mut self, record: &[u8]) {
        self.records.extend_from_slice(record);
    }

    /// The same card under another key.
    pub(super) fn renamed(&self, key: &str) -> Self {
        let mut records = self.records.clone();
        records[..8].copy_from_slice(format!("{key:<8}").as_bytes());
        Self { records }
    }

    /// The bytes as they stand in a file: 80 for each record.
    pub fn as_bytes(&self) -> &[u8] {
        &self.records
    }

    /// The key, without trailing blanks; empty for a blank card.
    pub fn key(&self) -> &str {
        std::str::from_utf8(&self.records[..8]).unwrap_or_default().trim_end()
    }

    /// The value, or `None` for a card without one or with one that cannot be understood.
    pub fn value(&self) -> Option<Value> {
        let text = self.value_text()?;
        if text.starts_with('\'') {
            return quoted_len(&text).map(|_| Value::Text(self.joined_text()));
        }
        match text.as_str() {
            "T" => Some(Value::Logical(true)),
            "F" => Some(Value::Logical(false)),
            number => number.parse().map(Value::Integer).ok().or_else(|| {
                let number = number.replace(['D', 'd'], "E");
                number.parse().ok().filter(|value: &f64| value.is_finite()).map(Value::Real)
            }),
        }
    }

    /// The value as it is written, quotes included, comment not; `None` for a card without a value.
    pub(super) fn value_text(&self) -> Option<String> {
        let text = (self.records.get(8..10)? == b"= ").then(|| latin1(&self.records[10..RECORD]))?;
        let text = text.trim();
        let end = if text.starts_with('\'') { quoted_len(text) } else { text.find('/') };
        let value = text[..end.unwrap_or(text.len())].trim();
        (!value.is_empty()).then(|| value.to_owned())
    }

    /// The text of all records of the card, joined where `&` says that it goes on.
    fn joined_text(&self) -> String {
        let mut text = String::new();
        for record in self.records.chunks(RECORD) {
            let part = latin1(&record[10..]);
            let part = part.trim();
            let Some(len) = quoted_len(part) else { break };
            text.push_str(part[1..len - 1].replace("''", "'").trim_end());
            if text.ends_with('&') && self.records.len() > RECORD {
                text.pop();
            }
        }
        text
    }

    /// The free text of a HISTORY, COMMENT or blank card.
    pub fn free_text(&self) -> String {
        latin1(&self.records[8..RECORD]).trim_end().to_owned()
    }
}

/// Bytes of the quoted text at the start of `text`, both quotes included; `None` if the last quote is missing.
fn quoted_len(text: &str) -> Option<usize> {
    let mut quotes = text.char_indices().filter(|&(_, c)| c == '\'').map(|(i, _)| i).skip(1).peekable();
    while let Some(i) = quotes.next() {
        if quotes.peek() == Some(&(i + 1)) {
            quotes.next();
        } else {
            return Some(i + 1);
        }
    }
    None
}

/// The shortest digits that read back as `value`, always with a point; empty if it is not finite.
fn real(value: f64) -> String {
    if !value.is_finite() {
        return String::new();
    }
    let plain = format!("{value:?}").replace('e', "E");
    match plain.split_once('E') {
        Some((digits, power)) if !digits.contains('.') => format!("{digits}.0E{power}"),
        _ => plain,
    }
}

fn with_comment(value: String, comment: &str) -> String {
    if comment.is_empty() { value } else { format!("{value} / {}", printable(comment)) }
}

fn printable(text: &str) -> String {
    text.chars().map(|c| if (' '..='~').contains(&c) { c } else { '?' }).collect()
}

fn record(text: &str) -> Vec<u8> {
    let mut bytes = text.as_bytes().to_vec();
    bytes.resize(RECORD, b' ');
    bytes
}

fn latin1(bytes: &[u8]) -> String {
    bytes.iter().map(|&b| char::from(b)).collect()
}
