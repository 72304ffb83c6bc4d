//! Binary tables of FITS read back.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::bintable::{Cells, TableColumn};
use super::error::{FitsError, Place};
use super::hdu::{self, Hdu};
use super::header::Header;
use super::unpack::Plain;

/// How a cell is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Logical,
    Byte,
    Short,
    Int,
    Long,
    Float,
    Double,
    Text(usize),
}

/// A column that can be read: what it is called, where its cell begins in a row, how it is stored.
struct Field {
    name: String,
    unit: Option<String>,
    at: usize,
    form: Form,
    scale: (f64, f64),
    null: Option<i64>,
}

/// Reads the first binary table of a file, or the one of that EXTNAME: the columns that have one logical, number or text
/// in a cell; others are passed over.
///
/// # Errors
/// A file that cannot be read or is cut off, or holds no such table.
pub fn read_table(path: &Path, extname: Option<&str>) -> Result<Vec<TableColumn>, FitsError> {
    let plain = Plain::open(path)?;
    let open = |source| FitsError::Open { path: path.to_owned(), source };
    let file = File::open(plain.path()).map_err(open)?;
    let file_len = file.metadata().map_err(open)?.len();
    let hdus = hdu::scan(&file, path)?;
    let is_table = |hdu: &&Hdu| hdu.header.get_str("XTENSION").as_deref() == Some("BINTABLE");
    let is_wanted =
        |hdu: &&Hdu| extname.is_none_or(|name| hdu.name().is_some_and(|own| own.eq_ignore_ascii_case(name)));
    let table = hdus.iter().filter(is_table).find(is_wanted).ok_or_else(|| FitsError::HduAbsent {
        path: path.to_owned(),
        wanted: extname.map_or_else(|| "a binary table".to_owned(), |name| format!("a binary table {name}")),
        found: hdus.iter().map(Hdu::summary).collect::<Vec<_>>().join(", "),
    })?;
    table.check_complete(path, file_len)?;
    let place = Place::new(path, &table.label());
    let (width, rows) =
        (table.header.count("NAXIS1", &place)? as usize, table.header.count("NAXIS2", &place)? as usize);
    let fields = fields(&table.header, width, &place)?;
    let mut bytes = vec![0; width * rows];
    file.read_exact_at(&mut bytes, table.data_start).map_err(|source| place.read("the table", source))?;
    Ok(fields.into_iter().map(|field| field.column(&bytes, width.max(1))).collect())
}

fn fields(header: &Header, width: usize, place: &Place) -> Result<Vec<Field>, FitsError> {
    let (mut at, mut fields) = (0, Vec::new());
    for n in 1..=header.count("TFIELDS", place)? {
        let key = format!("TFORM{n}");
        let text = header.get_str(&key).unwrap_or_default();
        let expected = "a form of a binary table, as 1D";
        let (form, bytes) = form(text.trim()).ok_or_else(|| place.wrong(FitsError::Key, &key, expected, text))?;
        if let Some(form) = form {
            let number = |stem: &str, default| header.number(&format!("{stem}{n}"), default, place);
            fields.push(Field {
                name: header.get_str(&format!("TTYPE{n}")).unwrap_or_default().trim().to_owned(),
                unit: header.get_str(&format!("TUNIT{n}")),
                at,
                form,
                scale: (number("TSCAL", 1.0)?, number("TZERO", 0.0)?),
                null: header.get_i64(&format!("TNULL{n}")),
            });
        }
        at += bytes;
    }
    if at > width {
        return Err(place.wrong(FitsError::Key, "NAXIS1", format!("{at} bytes for all columns"), width.to_string()));
    }
    Ok(fields)
}

/// A form with the bytes of its cells; no form for cells that hold no single value.
fn form(text: &str) -> Option<(Option<Form>, usize)> {
    let digits = text.chars().take_while(char::is_ascii_digit).count();
    let repeat: usize = if digits == 0 { 1 } else { text[..digits].parse().ok()? };
    let (form, size) = match text[digits..].chars().next()? {
        'L' => (Some(Form::Logical), 1),
        'B' => (Some(Form::Byte), 1),
        'I' => (Some(Form::Short), 2),
        'J' => (Some(Form::Int), 4),
        'K' => (Some(Form::Long), 8),
        'E' => (Some(Form::Float), 4),
        'D' => (Some(Form::Double), 8),
        'A' => return Some((Some(Form::Text(repeat)), repeat)),
        'X' => return Some((None, repeat.div_ceil(8))),
        'C' | 'P' => (None, 8),
        'M' | 'Q' => (None, 16),
        _ => return None,
    };
    Some((form.filter(|_| repeat == 1), size * repeat))
}

impl Field {
    fn column(self, bytes: &[u8], width: usize) -> TableColumn {
        let cells = bytes.chunks_exact(width).map(|row| &row[self.at..]);
        let is_plain = self.scale == (1.0, 0.0);
        let cells = match self.form {
            Form::Logical => Cells::Logical(cells.map(|cell| (cell[0] != 0).then_some(cell[0] == b'T')).collect()),
            Form::Text(length) => {
                let text = |cell: &[u8]| {
                    cell[..length].iter().take_while(|byte| **byte != 0).map(|b| char::from(*b)).collect()
                };
                Cells::Text(cells.map(|cell| -> String { text(cell) }).map(|text| text.trim_end().to_owned()).collect())
            }
            Form::Float => {
                Cells::Real(cells.map(|cell| self.scaled(f64::from(f32::from_be_bytes(part(cell))))).collect())
            }
            Form::Double => Cells::Real(cells.map(|cell| self.scaled(f64::from_be_bytes(part(cell)))).collect()),
            _ => {
                let integers = cells.map(|cell| Some(self.integer(cell)).filter(|value| Some(*value) != self.null));
                if is_plain {
                    Cells::Integer(integers.collect())
                } else {
                    Cells::Real(
                        integers.map(|value| value.map_or(f64::NAN, |value| self.scaled(value as f64))).collect(),
                    )
                }
            }
        };
        TableColumn { name: self.name, unit: self.unit, cells }
    }

    fn scaled(&self, value: f64) -> f64 {
        value * self.scale.0 + self.scale.1
    }

    fn integer(&self, cell: &[u8]) -> i64 {
        match self.form {
            Form::Byte => i64::from(cell[0]),
            Form::Short => i64::from(i16::from_be_bytes(part(cell))),
            Form::Int => i64::from(i32::from_be_bytes(part(cell))),
            _ => i64::from_be_bytes(part(cell)),
        }
    }
}

/// The first bytes of a cell, which its form has counted.
fn part<const N: usize>(cell: &[u8]) -> [u8; N] {
    std::array::from_fn(|at| cell[at])
}

#[cfg(test)]
mod tests {
    use super::super::write_table;
    use super::*;

    #[test]
    fn a_table_comes_back_as_it_was_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.fits");
        let column = |name: &str, unit: Option<&str>, cells| TableColumn {
            name: name.to_owned(),
            unit: unit.map(str::to_owned),
            cells,
        };
        let columns = [
            column("yes", None, Cells::Logical(vec![Some(true), None, Some(false)])),
            column("n", None, Cells::Integer(vec![Some(-3), None, Some(i64::MAX)])),
            column("flux", Some("Jy"), Cells::Real(vec![0.1, -1e-300, 3.0])),
            column("shape", None, Cells::Text(vec!["a".to_owned(), "longer".to_owned(), String::new()])),
        ];
        write_table(&path, &columns, &[super::super::Card::new("EXTNAME", "MINE", "")], false).unwrap();
        assert_eq!(read_table(&path, None).unwrap(), columns);
        assert_eq!(read_table(&path, Some("mine")).unwrap(), columns);
        let error = read_table(&path, Some("OTHER")).unwrap_err().to_string();
        assert!(error.contains("OTHER") && error.contains("t.fits"), "{error}");
    }

    #[test]
    fn forms_tell_the_bytes_of_their_cells() {
        for (text, bytes) in [("1D", 8), ("E", 4), ("16A", 16), ("3J", 12), ("12X", 2), ("1PE(7)", 8), ("0D", 0)] {
            assert_eq!(form(text).unwrap().1, bytes, "{text}");
        }
        assert!(form("1Z").is_none() && form("").is_none());
    }
}
