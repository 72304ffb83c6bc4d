//! Tables made, asked and written.

use std::fs;

use fitsio::FitsFile;
use serde::Serialize;

use super::*;

const FLOWERS: &str =
    "kind,length,petals,wild\nrose,4.5,5,true\nlily,9.25,6,false\nrose,,5,false\ndaisy,2,34,true\nlily,8.75,6,\n";

fn flowers() -> Table {
    Table::from_csv(FLOWERS).unwrap()
}

#[test]
fn csv_gives_each_column_its_type_and_comes_back_the_same() {
    let table = flowers();
    let holds: Vec<_> = table.names().iter().map(|name| table.column(name).unwrap().holds()).collect();
    assert_eq!(holds, ["texts", "numbers", "whole numbers", "booleans"]);
    assert!(table.numbers("length").unwrap()[2].is_nan(), "an empty cell is missing");
    let again = Table::from_csv(&table.to_csv().unwrap()).unwrap();
    assert_eq!(again, table);
}

#[test]
fn lines_of_comment_are_passed_over() {
    let table = Table::from_csv("# two flowers\nkind,petals\nrose,5\n# the other\nlily,6\n").unwrap();
    assert_eq!(table.to_csv().unwrap(), "kind,petals\nrose,5\nlily,6\n");
}

#[test]
fn a_broken_csv_line_is_told_by_its_number_and_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("broken.csv");
    fs::write(&path, "a,b\n1,2\n3\n").unwrap();
    let error = Table::read_csv(&path).unwrap_err();
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert!(error.to_string().contains("broken.csv") && cause.contains("line 3"), "{error}: {cause}");
}

#[test]
fn filters_join_and_a_missing_value_is_neither_true_nor_false() {
    let table = flowers();
    let count = |predicate: &Predicate| table.filter(predicate).unwrap().rows();
    assert_eq!(count(&(column("kind").equals("lily") & column("length").greater(9))), 1);
    assert_eq!(count(&(column("kind").equals("daisy") | column("petals").equals(5))), 3);
    assert_eq!(count(&!column("length").greater(4.0)), 1, "the missing length is not kept either");
    assert_eq!(count(&column("length").is_missing()), 1);
    assert_eq!(count(&column("wild").equals(true)), 2);
}

#[test]
fn a_comparison_of_unlike_things_names_the_column_and_what_it_holds() {
    let error = flowers().filter(&column("kind").less(3.0)).unwrap_err();
    assert_eq!(error.to_string(), "column kind: expected numbers, found texts");
    let error = flowers().filter(&column("colour").less(3.0)).unwrap_err();
    assert_eq!(error.to_string(), "no column colour: expected one of kind, length, petals, wild");
}

#[test]
fn groups_are_sorted_and_leave_missing_values_out() {
    let asked = [
        ("length", Aggregate::Mean),
        ("length", Aggregate::Count),
        ("petals", Aggregate::Sum),
        ("petals", Aggregate::Max),
        ("length", Aggregate::Std),
    ];
    let table = flowers().with_unit("length", "cm").unwrap().group(&["kind"], &asked).unwrap();
    let expected = "kind,length_mean,length_count,petals_sum,petals_max,length_std\n\
                    daisy,2.0,1,34,34,\nlily,9.0,2,12,6,0.3535533905932738\nrose,4.5,1,10,5,\n";
    assert_eq!(table.to_csv().unwrap(), expected);
    assert_eq!(table.unit("length_mean").as_deref(), Some("cm"));
    assert_eq!(table.unit("length_count"), None);
}

#[test]
fn value_counts_come_most_frequent_first_and_aggregates_of_a_column_are_numbers() {
    let table = flowers();
    assert_eq!(table.value_counts("kind").unwrap().to_csv().unwrap(), "kind,count\nlily,2\nrose,2\ndaisy,1\n");
    assert_eq!(table.aggregate("petals", Aggregate::Mean).unwrap(), 11.2);
    assert_eq!(table.aggregate("kind", Aggregate::Count).unwrap(), 5.0);
    assert!(table.aggregate("kind", Aggregate::Sum).is_err());
}

#[test]
fn sorting_keeps_equal_rows_in_their_order_and_head_takes_the_first() {
    let sorted = flowers().sort(&["petals"], Direction::Down).unwrap();
    assert_eq!(sorted.texts("kind").unwrap(), ["daisy", "lily", "lily", "rose", "rose"]);
    assert_eq!(sorted.texts("length").unwrap()[1..3], ["9.25", "8.75"]);
    assert_eq!(sorted.head(2).rows(), 2);
    assert_eq!(sorted.head(99).rows(), 5);
}

#[test]
fn columns_of_another_length_or_the_same_name_are_refused() {
    let table = Table::new().with_column("a", vec![1_i64, 2]).unwrap();
    let error = table.clone().with_column("b", vec![1.0]).unwrap_err();
    assert_eq!(error.to_string(), "column b: expected 2 rows, found 1");
    assert!(matches!(table.with_column("a", vec![1.0, 2.0]), Err(TableError::Duplicate { .. })));
}

#[test]
fn records_become_columns_in_the_order_of_their_fields() {
    #[derive(Serialize)]
    struct Point {
        wall_s: f64,
        chunk: u32,
        name: Option<&'static str>,
        is_best: bool,
    }
    let records = [
        Point { wall_s: 1.5, chunk: 64, name: None, is_best: false },
        Point { wall_s: f64::NAN, chunk: 128, name: Some("all, \"quoted\""), is_best: true },
    ];
    let table = Table::from_records(&records).unwrap();
    let csv = "wall_s,chunk,name,is_best\n1.5,64,,false\n,128,\"all, \"\"quoted\"\"\",true\n";
    assert_eq!(table.to_csv().unwrap(), csv);
    assert_eq!(Table::from_csv(csv).unwrap(), table);
    assert!(matches!(Table::from_records(&[3]), Err(TableError::Record { record: 0, .. })));
    assert!(matches!(Table::from_records(&[[3]]), Err(TableError::Record { record: 0, .. })));
}

#[test]
fn a_fits_table_is_read_back_by_cfitsio() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("flowers.fits");
    let table = flowers().with_unit("length", "cm").unwrap();
    table.write_fits(&path, "FLOWERS", false).unwrap();
    assert!(matches!(table.write_fits(&path, "FLOWERS", false), Err(TableError::Fits(_))), "it is there already");
    table.write_fits(&path, "FLOWERS", true).unwrap();
    let mut file = FitsFile::open(&path).unwrap();
    let hdu = file.hdu("FLOWERS").unwrap();
    let kinds: Vec<String> = hdu.read_col(&mut file, "kind").unwrap();
    let lengths: Vec<f64> = hdu.read_col(&mut file, "length").unwrap();
    let petals: Vec<i64> = hdu.read_col(&mut file, "petals").unwrap();
    let unit: String = hdu.read_key(&mut file, "TUNIT2").unwrap();
    assert_eq!(kinds, ["rose", "lily", "rose", "daisy", "lily"]);
    assert_eq!((lengths[0], lengths[1], lengths[3]), (4.5, 9.25, 2.0));
    assert!(lengths[2].is_nan());
    assert_eq!((petals, unit.as_str()), (vec![5, 6, 5, 34, 6], "cm"));
    assert_eq!(folder.path().read_dir().unwrap().count(), 1, "nothing else is left there");
}

#[test]
fn tables_of_the_same_columns_are_put_together() {
    let table = flowers();
    let twice = Table::concat(&[table.clone(), table.clone()]).unwrap();
    assert_eq!(twice.rows(), 10);
    assert!(Table::concat(&[table.clone(), table.select(&["kind"]).unwrap()]).is_err());
}

#[test]
fn a_table_is_shown_in_columns() {
    let shown = flowers().select(&["kind", "petals"]).unwrap().head(2).to_string();
    assert_eq!(shown, "kind  petals\nrose       5\nlily       6\n");
}
