//! Arrays from and to files, and through scratch files.

use ndarray::s;

use super::*;
use crate::graph::{Op, Scratch};
use crate::io::{Card, FitsError};

fn sample() -> String {
    concat!(env!("CARGO_MANIFEST_DIR"), "/data/sample-dirty.fits").to_owned()
}

#[test]
fn a_fits_image_is_read_by_region() {
    let image = Array::from_fits(&sample(), 0, [100, 70]).unwrap();
    let source = FitsSource::open(&sample()).unwrap();
    let whole = source.read_rows(0, 0..source.geometry().ny).unwrap();
    assert_eq!(image.compute().unwrap(), whole.clone().into_dyn());
    let part = image.slice(&[cut(3..200).step(5), cut(17..90).step(2)]).unwrap();
    assert_eq!(part.compute().unwrap(), whole.slice(s![3..200;5, 17..90;2]).into_dyn());
    let cube = Array::from_fits_cube(&sample(), [1, 64, WHOLE]).unwrap();
    assert_eq!(cube.slice(&[cut(0)]).unwrap().compute().unwrap(), whole.into_dyn());
    assert!(matches!(Array::from_fits(&sample(), 9, 100), Err(ArrayError::Fits(FitsError::Shape(_)))));
    assert!(matches!(Array::from_fits("absent.fits", 0, 100), Err(ArrayError::Fits(FitsError::NotFound { .. }))));
}

#[test]
fn an_array_is_stored_as_fits_chunk_by_chunk_and_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.fits");
    let image = Array::from_fits(&sample(), 0, [50, 64]).unwrap();
    let store = Store::fits(&path).card(Card::new("BUNIT", "K", ""));
    (&image * 2.0).store(&store, &Compute::new()).unwrap();
    let again = Array::from_fits(path.to_str().unwrap(), 0, 1000).unwrap();
    assert_eq!(again.compute().unwrap(), image.compute().unwrap() * 2.0);
    assert_eq!(FitsSource::open(path.to_str().unwrap()).unwrap().unit(), Some("K"));
    assert!(matches!(image.store(&store, &Compute::new()), Err(ArrayError::Fits(FitsError::Exists { .. }))));
    image.store(&store.overwrite(), &Compute::new()).unwrap();
    assert_eq!(folder.path().read_dir().unwrap().count(), 1, "nothing else is left there");
}

#[test]
fn a_failing_task_leaves_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let bad = ramp(3).map("bad", |v| if v > 50.0 { panic!("fifty is enough") } else { v });
    let error = bad.store(&Store::npy(folder.path().join("x.npy")), &Compute::new()).unwrap_err();
    assert!(error.to_string().contains("bad"), "{error}");
    assert_eq!(folder.path().read_dir().unwrap().count(), 0);
}

#[test]
fn a_numpy_file_holds_the_elements_in_row_order() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.npy");
    ramp([3, 4]).store(&Store::npy(&path), &Compute::new()).unwrap();
    let bytes = std::fs::read(&path).unwrap();
    let head = 10 + usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
    let text = String::from_utf8_lossy(&bytes[10..head]);
    assert!(bytes.starts_with(b"\x93NUMPY\x01\x00") && head % 64 == 0 && text.ends_with('\n'), "{text}");
    assert!(text.starts_with("{'descr': '<f8', 'fortran_order': False, 'shape': (7, 10,), }"), "{text}");
    let numbers: Vec<f64> = bytes[head..].chunks_exact(8).map(|b| f64::from_le_bytes(b.try_into().unwrap())).collect();
    assert_eq!(numbers, ramp_whole().iter().copied().collect::<Vec<_>>());
}

#[test]
fn every_value_comes_back_from_a_scratch_file() {
    let folder = tempfile::tempdir().unwrap();
    let scratch = Scratch::new(folder.path()).unwrap();
    let codec = ArrayOp::codec().unwrap();
    let x = Array::<f64>::normal(2, (0.0, 1.0), [6, 10], WHOLE).unwrap().compute().unwrap();
    let partial = Partial::of(Reduction::Sum.fold(), 0, 3, &Block::F64(x.clone()));
    for value in [
        ArrayValue::Block(Block::F64(x.clone())),
        ArrayValue::Block(Block::F32(x.t().mapv(|v| v as f32))),
        ArrayValue::Block(Block::C64(x.mapv(|v| rustfft::num_complex::Complex::new(v, 1.0)))),
        ArrayValue::Partial(partial),
        ArrayValue::Written,
    ] {
        let stored = scratch.store(&value, &codec).unwrap();
        let back = (codec.read)(&stored).unwrap();
        let again = scratch.store(&back, &codec).unwrap();
        let same = match (&value, &back, (codec.read)(&again).unwrap()) {
            (ArrayValue::Partial(one), ArrayValue::Partial(two), ArrayValue::Partial(three)) => {
                *one == *two && *two == three
            }
            (ArrayValue::Written, ArrayValue::Written, ArrayValue::Written) => true,
            (one, two, three) => {
                let block = one.block().unwrap().unwrap();
                *two.block().unwrap().unwrap() == *block && *three.block().unwrap().unwrap() == *block
            }
        };
        assert!(same, "{}", value.what());
    }
}

#[test]
fn a_chunk_in_a_scratch_file_is_gathered_by_region() {
    let folder = tempfile::tempdir().unwrap();
    let scratch = Scratch::new(folder.path()).unwrap();
    let codec = ArrayOp::codec().unwrap();
    let whole = ramp_whole();
    let stored = scratch.store(&ArrayValue::Block(Block::F64(whole.clone())), &codec).unwrap();
    let gather = Gather {
        from: Chunking::from(WHOLE).grid(&[7, 10]).unwrap(),
        start: vec![2, -1],
        shape: vec![3, 4],
        boundary: Boundary::Periodic,
        dtype: Dtype::F64,
    };
    let value = (codec.read)(&stored).unwrap();
    let block = gather.run(&[&value]).unwrap();
    let expected = gather.run(&[&ArrayValue::Block(Block::F64(whole))]).unwrap();
    assert_eq!(block, expected);
    assert_eq!(gather.elements_of(0), 12);
}
