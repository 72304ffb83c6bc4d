//! Tables from records: any type that serialises to named values.

use std::fmt;

use serde::Serialize;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;

use super::{Column, Table, TableError};

/// The fields of one record, in their order.
struct Record(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Record {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;
        impl<'de> Visitor<'de> for Fields {
            type Value = Record;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("named values")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Record, M::Error> {
                let mut fields = Vec::new();
                while let Some(field) = map.next_entry()? {
                    fields.push(field);
                }
                Ok(Record(fields))
            }
        }
        deserializer.deserialize_map(Fields)
    }
}

impl Table {
    /// A row for each record, a column for each field, in the order of the fields. A field that a record lacks, or that
    /// is `None`, is missing; so are NaN and infinities.
    ///
    /// # Errors
    /// [`TableError::Record`] for records that are not structs or maps of numbers, texts and booleans.
    pub fn from_records<R: Serialize>(records: &[R]) -> Result<Self, TableError> {
        let mut columns: Vec<(String, Vec<Value>)> = Vec::new();
        for (number, record) in records.iter().enumerate() {
            let serialise = |source| TableError::Serialise { record: number, source };
            let text = serde_json::to_string(record).map_err(serialise)?;
            let mut json = serde_json::Deserializer::from_str(&text);
            let Ok(Record(fields)) = Record::deserialize(&mut json) else {
                return Err(TableError::Record { record: number, found: text.chars().take(40).collect() });
            };
            for (name, value) in fields {
                if value.is_array() || value.is_object() {
                    return Err(TableError::Record { record: number, found: format!("{name}: {value:.40}") });
                }
                let place = columns.iter().position(|(known, _)| *known == name).unwrap_or_else(|| {
                    columns.push((name, Vec::new()));
                    columns.len() - 1
                });
                columns[place].1.resize(number, Value::Null);
                columns[place].1.push(value);
            }
        }
        columns.iter_mut().for_each(|(_, values)| values.resize(records.len(), Value::Null));
        columns.into_iter().try_fold(Self::new(), |table, (name, values)| table.with_column(&name, typed(&values)))
    }
}

/// The narrowest type that holds all values.
fn typed(values: &[Value]) -> Column {
    let all = |is: fn(&Value) -> bool| values.iter().all(|value| value.is_null() || is(value));
    if all(Value::is_boolean) && !all(|_| false) {
        values.iter().map(Value::as_bool).collect::<Vec<_>>().into()
    } else if all(Value::is_i64) && !all(|_| false) {
        values.iter().map(Value::as_i64).collect::<Vec<_>>().into()
    } else if all(Value::is_number) {
        values.iter().map(Value::as_f64).collect::<Vec<_>>().into()
    } else {
        let text = |value: &Value| match value {
            Value::Null => None,
            Value::String(text) => Some(text.clone()),
            other => Some(other.to_string()),
        };
        values.iter().map(text).collect::<Vec<_>>().into()
    }
}
