//! Scratch folders: files come and go with their values, folders with their runs.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::Path;

use super::super::{Codec, Scratch, Stored};

const BYTES: Codec<Vec<u8>> = Codec { write: |value, to| to.write_all(value), read: read_bytes };

fn read_bytes(stored: &Stored) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    stored.reader().read_to_end(&mut bytes).map(|_| bytes)
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_value_comes_back_whole_and_in_parts_and_its_file_goes_with_the_last_clone() {
    let parent = tempfile::tempdir().unwrap();
    let scratch = Scratch::new(parent.path()).unwrap();
    let value: Vec<u8> = (0..200_000_u32).map(|number| (number % 251) as u8).collect();
    let stored = scratch.store(&value, &BYTES).unwrap();
    assert_eq!((stored.len(), names(scratch.path()).len()), (200_000, 1));
    assert_eq!((BYTES.read)(&stored).unwrap(), value);
    let part = stored.part(1000, 500).unwrap();
    drop(stored);
    assert_eq!((BYTES.read)(&part).unwrap(), value[1000..1500]);
    let mut three = [0; 3];
    part.part(100, 400).unwrap().read_exact_at(&mut three, 7).unwrap();
    assert_eq!(three, value[1107..1110]);
    assert!(part.part(100, 401).is_err());
    drop(part);
    assert!(names(scratch.path()).is_empty());
}

#[test]
fn more_values_stand_in_files_than_a_process_can_have_open() {
    let parent = tempfile::tempdir().unwrap();
    let scratch = Scratch::new(parent.path()).unwrap();
    let stored: Vec<Stored> = (0..3000).map(|_| scratch.store(&vec![7; 10], &BYTES).unwrap()).collect();
    let open = fs::read_dir("/proc/self/fd").unwrap().count();
    assert!(open < 1000, "{open}");
    assert!(stored.iter().all(|stored| (BYTES.read)(stored).unwrap() == [7; 10]));
}

#[test]
fn a_folder_stays_for_its_last_value_and_goes_then() {
    let parent = tempfile::tempdir().unwrap();
    let scratch = Scratch::new(parent.path()).unwrap();
    let stored = scratch.store(&vec![1, 2, 3], &BYTES).unwrap();
    drop(scratch);
    assert_eq!((BYTES.read)(&stored).unwrap(), [1, 2, 3]);
    drop(stored);
    assert!(names(parent.path()).is_empty());
}

#[test]
fn nothing_is_left_of_a_value_that_cannot_be_written() {
    #[expect(clippy::ptr_arg, reason = "a codec takes values of one type")]
    fn fails(value: &Vec<u8>, to: &mut dyn Write) -> io::Result<()> {
        to.write_all(value)?;
        Err(io::Error::from(io::ErrorKind::StorageFull))
    }
    let parent = tempfile::tempdir().unwrap();
    let scratch = Scratch::new(parent.path()).unwrap();
    let error = scratch.store(&vec![0; 1 << 20], &Codec { write: fails, ..BYTES }).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    assert!(names(scratch.path()).is_empty());
}

#[test]
fn a_parent_that_is_no_folder_is_named() {
    let error = Scratch::new(Path::new("/nowhere/at/all")).unwrap_err();
    assert_eq!(error.to_string(), "cannot make a scratch folder in /nowhere/at/all");
    assert_eq!(error.source.kind(), io::ErrorKind::NotFound);
}

#[test]
fn folders_of_dead_runs_are_removed_and_those_of_live_runs_and_of_others_stay() {
    let parent = tempfile::tempdir().unwrap();
    let make = |name: &str| {
        fs::create_dir(parent.path().join(name)).unwrap();
        fs::write(parent.path().join(name).join("0"), "left").unwrap();
        name.to_owned()
    };
    make("deconv-scratch-12-abcdef");
    let others = ["deconv-scratch-12-abc", "deconv-scratch-x-abcdef", "deconv-scratch-notes", "scratch-12-abcdef"];
    let mut kept: Vec<String> = others.iter().map(|name| make(name)).collect();
    kept.push(make("deconv-scratch-13-abcdef"));
    let live = File::open(parent.path().join(kept.last().unwrap())).unwrap();
    live.try_lock().unwrap();
    let first = Scratch::new(parent.path()).unwrap();
    let second = Scratch::new(parent.path()).unwrap();
    kept.extend([&first, &second].map(|scratch| scratch.path().file_name().unwrap().to_str().unwrap().to_owned()));
    kept.sort();
    assert_eq!(names(parent.path()), kept);
    assert!(names(parent.path()).iter().any(|name| name.contains(&format!("-{}-", std::process::id()))));
}
