//! Tables to and from files.

use std::fs;
use std::io::Cursor;
use std::path::Path;
use std::sync::Arc;

use arrow_csv::reader::Format;
use arrow_csv::{ReaderBuilder, WriterBuilder};
use arrow_schema::{ArrowError, Field, Schema};
use arrow_select::concat::concat_batches;

use super::column::kept;
use super::{Column, Table, TableError, UNIT};
use crate::io::{Card, TableColumn, write_table, write_whole};

impl Table {
    /// Reads a CSV file whose first line names the columns; lines that begin with `#` are passed over. Types follow from
    /// all its rows; empty cells are missing.
    ///
    /// # Errors
    /// [`TableError::File`]; [`TableError::Parse`] for lines of different length, say.
    pub fn read_csv(path: impl AsRef<Path>) -> Result<Self, TableError> {
        let path = path.as_ref();
        let failed = |source| TableError::File { what: "read", path: path.to_owned(), source };
        let bytes = fs::read(path).map_err(failed)?;
        parse(&bytes).map_err(|source| TableError::Parse { path: path.to_owned(), source })
    }

    /// Reads CSV from text, as [`Table::read_csv`] does from a file.
    ///
    /// # Errors
    /// [`TableError::Columns`] for lines of different length, say.
    pub fn from_csv(text: &str) -> Result<Self, TableError> {
        parse(text.as_bytes()).map_err(TableError::columns("read CSV"))
    }

    /// The table as CSV, the first line naming the columns; missing values are empty.
    ///
    /// # Errors
    /// [`TableError::Columns`], which does not happen.
    pub fn to_csv(&self) -> Result<String, TableError> {
        let mut bytes = Vec::new();
        let mut writer = WriterBuilder::new().build(&mut bytes);
        writer.write(&self.batch).map_err(TableError::columns("write CSV"))?;
        drop(writer);
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Writes the table as CSV, under a hidden name until it is whole.
    ///
    /// # Errors
    /// [`TableError::File`].
    pub fn write_csv(&self, path: impl AsRef<Path>) -> Result<(), TableError> {
        let path = path.as_ref();
        let failed = |source| TableError::File { what: "write", path: path.to_owned(), source };
        write_whole(path, self.to_csv()?.as_bytes()).map_err(failed)
    }

    /// The columns as a binary table takes them.
    pub fn to_fits_columns(&self) -> Vec<TableColumn> {
        let schema = self.batch.schema();
        let columns = schema.fields().iter().zip(self.batch.columns());
        let column = |(field, values): (&Arc<Field>, &Arc<_>)| TableColumn {
            name: field.name().clone(),
            unit: field.metadata().get(UNIT).cloned(),
            cells: Column(Arc::clone(values)).cells(),
        };
        columns.map(column).collect()
    }

    /// Writes the table as the first extension of a FITS file, a binary table of this EXTNAME.
    ///
    /// # Errors
    /// [`TableError::Fits`]: the file is there and `overwrite` is not set, or it cannot be written.
    pub fn write_fits(&self, path: impl AsRef<Path>, extname: &str, overwrite: bool) -> Result<(), TableError> {
        let cards = [Card::new("EXTNAME", extname, "")];
        Ok(write_table(path.as_ref(), &self.to_fits_columns(), &cards, overwrite)?)
    }

    /// Writes the table as Parquet, compressed by Snappy, under a hidden name until it is whole.
    ///
    /// # Errors
    /// [`TableError::File`], [`TableError::Parquet`].
    #[cfg(feature = "parquet")]
    pub fn write_parquet(&self, path: impl AsRef<Path>) -> Result<(), TableError> {
        use parquet::arrow::ArrowWriter;
        use parquet::basic::Compression;
        use parquet::file::properties::WriterProperties;

        let path = path.as_ref();
        let failed = |source| TableError::Parquet { path: path.to_owned(), source };
        let mut bytes = Vec::new();
        let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
        let mut writer = ArrowWriter::try_new(&mut bytes, self.batch.schema(), Some(properties)).map_err(failed)?;
        writer.write(&self.batch).map_err(failed)?;
        writer.close().map_err(failed)?;
        write_whole(path, &bytes).map_err(|source| TableError::File { what: "write", path: path.to_owned(), source })
    }
}

fn parse(bytes: &[u8]) -> Result<Table, ArrowError> {
    let (inferred, _) =
        Format::default().with_header(true).with_comment(b'#').infer_schema(Cursor::new(bytes), None)?;
    let fields: Vec<Field> =
        inferred.fields().iter().map(|field| Field::new(field.name(), kept(field.data_type()), true)).collect();
    let schema = Arc::new(Schema::new(fields));
    let reader =
        ReaderBuilder::new(Arc::clone(&schema)).with_header(true).with_comment(b'#').build(Cursor::new(bytes))?;
    let batches = reader.collect::<Result<Vec<_>, _>>()?;
    Ok(Table { batch: concat_batches(&schema, &batches)? })
}
