//! Tables as FITS binary tables.

use std::io::Write;
use std::path::{Path, PathBuf};

use super::card::Card;
use super::error::{FitsError, Place};
use super::header::{Header, to_blocks};
use super::target::temporary_beside;

/// What a missing whole number is written as.
const MISSING: i64 = i64::MIN;
/// Columns that `TTYPEn` can number in the eight characters of a key.
const MOST_COLUMNS: usize = 999;

/// The cells of one column, a value for each row.
#[derive(Debug, Clone, PartialEq)]
pub enum Cells {
    /// Yes or no, or missing; written as `L`.
    Logical(Vec<Option<bool>>),
    /// Whole numbers, or missing; written as `K`, with TNULL where one is missing.
    Integer(Vec<Option<i64>>),
    /// Numbers, NaN where one is missing; written as `D`.
    Real(Vec<f64>),
    /// Text, empty where it is missing; written as `A` of the longest, what is not ASCII as `?`.
    Text(Vec<String>),
}

/// A column of a binary table.
#[derive(Debug, Clone, PartialEq)]
pub struct TableColumn {
    /// TTYPE.
    pub name: String,
    /// TUNIT.
    pub unit: Option<String>,
    /// Its values.
    pub cells: Cells,
}

/// Writes a FITS file whose first extension is a binary table of these columns, `cards` (as EXTNAME) in its header.
/// The file appears under its name when it is complete.
///
/// # Errors
/// [`FitsError::Shape`] for columns of different length or more than 999 of them, [`FitsError::Exists`] without
/// `overwrite`, [`FitsError::FolderMissing`], [`FitsError::Folder`], [`FitsError::Write`].
pub fn write_table(path: &Path, columns: &[TableColumn], cards: &[Card], overwrite: bool) -> Result<(), FitsError> {
    let place = Place::new(path, "HDU 2");
    let rows = columns.first().map_or(0, |column| column.cells.len());
    if let Some(other) = columns.iter().find(|column| column.cells.len() != rows) {
        let found = format!("{} rows", other.cells.len());
        return Err(place.wrong(FitsError::Shape, &other.name, format!("{rows} rows"), found));
    }
    if columns.len() > MOST_COLUMNS {
        let expected = format!("at most {MOST_COLUMNS}");
        return Err(place.wrong(FitsError::Shape, "columns", expected, columns.len().to_string()));
    }
    if path.exists() && !overwrite {
        return Err(FitsError::Exists { path: path.to_owned() });
    }
    let (mut file, temporary) = temporary_beside(path)?;
    let failed = |source| FitsError::Write { path: PathBuf::from(path), source };
    file.write_all(&primary()).map_err(failed)?;
    file.write_all(&extension(columns, rows, cards)).map_err(failed)?;
    let renamed = if overwrite { temporary.persist(path) } else { temporary.persist_noclobber(path) };
    renamed.map_err(|error| failed(error.error))
}

/// A primary HDU without data.
fn primary() -> Vec<u8> {
    let header: Header = [
        Card::new("SIMPLE", true, "conforms to FITS standard"),
        Card::new("BITPIX", 8, "array data type"),
        Card::new("NAXIS", 0, "number of array dimensions"),
        Card::new("EXTEND", true, ""),
    ]
    .into_iter()
    .collect();
    blocks(&header)
}

fn blocks(header: &Header) -> Vec<u8> {
    header.to_bytes(to_blocks(header.byte_len() as u64) as usize)
}

fn extension(columns: &[TableColumn], rows: usize, cards: &[Card]) -> Vec<u8> {
    let widths: Vec<usize> = columns.iter().map(|column| column.cells.width()).collect();
    let row: usize = widths.iter().sum();
    let mut header: Header = [
        Card::new("XTENSION", "BINTABLE", "binary table"),
        Card::new("BITPIX", 8, ""),
        Card::new("NAXIS", 2, ""),
        Card::new("NAXIS1", row as i64, "bytes of a row"),
        Card::new("NAXIS2", rows as i64, "rows"),
        Card::new("PCOUNT", 0, ""),
        Card::new("GCOUNT", 1, ""),
        Card::new("TFIELDS", columns.len() as i64, "columns"),
    ]
    .into_iter()
    .collect();
    for (n, column) in (1..).zip(columns) {
        header.push(Card::new(&format!("TTYPE{n}"), column.name.as_str(), ""));
        header.push(Card::new(&format!("TFORM{n}"), column.cells.form().as_str(), ""));
        if let Some(unit) = &column.unit {
            header.push(Card::new(&format!("TUNIT{n}"), unit.as_str(), ""));
        }
        if matches!(&column.cells, Cells::Integer(values) if values.contains(&None)) {
            header.push(Card::new(&format!("TNULL{n}"), MISSING, "missing"));
        }
    }
    for card in cards {
        header.set(card.clone());
    }
    let mut bytes = blocks(&header);
    for index in 0..rows {
        columns.iter().zip(&widths).for_each(|(column, width)| column.cells.push_cell(index, *width, &mut bytes));
    }
    bytes.resize(to_blocks(bytes.len() as u64) as usize, 0);
    bytes
}

impl Cells {
    /// Number of rows.
    pub fn len(&self) -> usize {
        match self {
            Self::Logical(values) => values.len(),
            Self::Integer(values) => values.len(),
            Self::Real(values) => values.len(),
            Self::Text(values) => values.len(),
        }
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes of a cell.
    fn width(&self) -> usize {
        match self {
            Self::Logical(_) => 1,
            Self::Integer(_) | Self::Real(_) => 8,
            Self::Text(values) => values.iter().map(|text| text.chars().count()).max().unwrap_or(0).max(1),
        }
    }

    fn form(&self) -> String {
        match self {
            Self::Logical(_) => "1L".to_owned(),
            Self::Integer(_) => "1K".to_owned(),
            Self::Real(_) => "1D".to_owned(),
            Self::Text(_) => format!("{}A", self.width()),
        }
    }

    fn push_cell(&self, row: usize, width: usize, bytes: &mut Vec<u8>) {
        match self {
            Self::Logical(values) => bytes.push(values[row].map_or(0, |value| if value { b'T' } else { b'F' })),
            Self::Integer(values) => bytes.extend(values[row].unwrap_or(MISSING).to_be_bytes()),
            Self::Real(values) => bytes.extend(values[row].to_be_bytes()),
            Self::Text(values) => {
                let end = bytes.len() + width;
                bytes.extend(values[row].chars().map(|c| if c.is_ascii() { c as u8 } else { b'?' }));
                bytes.resize(end, 0);
            }
        }
    }
}
