//! Axes beyond the first two, and the beams of planes.

use fitsio::FitsFile;
use fitsio::tables::{ColumnDataType, ColumnDescription};

use super::super::AxisKind;
use super::{Card, Folder, axis, open, open_part, sky, write_cards};
use crate::images::CleanBeam;

#[test]
fn planes_are_labelled_in_either_order_of_stokes_and_freq() {
    let folder = Folder::new();
    let stokes = |n| axis(n, "STOKES", 1.0, 1.0, 1.0);
    let freq = |n| axis(n, "FREQ", 1.0, 1e9, 5e8);
    let a = open(&folder.ramp("a.fits", &[3, 2, 4, 4], &[sky(), stokes(3), freq(4)].concat()));
    let b = open(&folder.ramp("b.fits", &[2, 3, 4, 4], &[sky(), freq(3), stokes(4)].concat()));
    let labels = |source: &super::FitsSource| -> Vec<(String, f64)> {
        source.plane_labels().iter().map(|l| (l.stokes.clone().unwrap(), l.freq_hz.unwrap())).collect()
    };
    let pair = |stokes: &str, freq| (stokes.to_owned(), freq);
    let (i, q) = ("I", "Q");
    assert_eq!(labels(&a), [pair(i, 1e9), pair(q, 1e9), pair(i, 1.5e9), pair(q, 1.5e9), pair(i, 2e9), pair(q, 2e9)]);
    assert_eq!(labels(&b), [pair(i, 1e9), pair(i, 1.5e9), pair(i, 2e9), pair(q, 1e9), pair(q, 1.5e9), pair(q, 2e9)]);
    let kinds: Vec<(AxisKind, usize)> = a.plane_shape().iter().map(|axis| (axis.kind, axis.len)).collect();
    assert_eq!(kinds, [(AxisKind::Stokes, 2), (AxisKind::Spectral, 3)]);
    assert!(b.plane_labels().iter().enumerate().all(|(i, label)| label.index == i));
}

#[test]
fn images_of_two_and_three_axes_and_degenerate_ones_have_planes_too() {
    let folder = Folder::new();
    let two = open(&folder.ramp("2.fits", &[4, 4], &sky()));
    assert_eq!((two.planes(), two.plane_labels()[0].freq_hz), (1, None));
    let three = open(&folder.ramp("3.fits", &[2, 4, 4], &[sky(), axis(3, "STOKES", 1.0, -5.0, -1.0)].concat()));
    let names: Vec<_> = three.plane_labels().iter().filter_map(|label| label.stokes.clone()).collect();
    assert_eq!(names, ["XX", "YY"]);
    let unknown = open(&folder.ramp("4.fits", &[1, 1, 4, 4], &sky()));
    assert_eq!((unknown.planes(), unknown.plane_shape()[0].kind), (1, AxisKind::Other));
}

#[test]
fn radio_velocities_are_frequencies() {
    let folder = Folder::new();
    let mut cards = [sky(), axis(3, "VRAD", 1.0, 0.0, 299_792.458)].concat();
    cards.extend([Card::new("RESTFRQ", 1.42e9, ""), Card::new("CUNIT3", "m/s", "")]);
    let labels = open(&folder.ramp("a.fits", &[2, 4, 4], &cards)).plane_labels().to_vec();
    assert_eq!(labels[0].freq_hz, Some(1.42e9));
    assert!((labels[1].freq_hz.unwrap() / 1.42e9 - 0.999).abs() < 1e-12);
}

#[test]
fn beam_is_read_in_degrees_and_one_of_size_zero_is_none() {
    let folder = Folder::new();
    let beam = |bmaj: f64| [Card::new("BMAJ", bmaj, ""), Card::new("BMIN", 0.001, ""), Card::new("BPA", 30.0, "")];
    let with = open(&folder.ramp("a.fits", &[4, 4], &beam(0.002)));
    assert_eq!(with.beam(0), Some(CleanBeam { bmaj: 0.002, bmin: 0.001, bpa: 30.0 }));
    assert_eq!(with.beam(1), None);
    assert_eq!(open(&folder.ramp("b.fits", &[4, 4], &beam(0.0))).beam(0), None);
    assert_eq!(open(&folder.ramp("c.fits", &[4, 4], &[])).beam(0), None);
}

#[test]
fn keys_of_a_plane_go_before_the_common_beam_and_count_from_one_or_zero() {
    let folder = Folder::new();
    for first in [0, 1] {
        let mut cards = [sky(), axis(3, "FREQ", 1.0, 1e9, 1e6)].concat();
        cards.extend([Card::new("BMAJ", 9.0, ""), Card::new("BMIN", 9.0, ""), Card::new("BPA", 0.0, "")]);
        for i in 0..2 {
            let n = i + first;
            cards.push(Card::new(&format!("BMAJ{n}"), 2.0 + f64::from(i), ""));
            cards.push(Card::new(&format!("BMIN{n}"), 1.0, ""));
        }
        let source = open(&folder.ramp(&format!("{first}.fits"), &[3, 4, 4], &cards));
        let sizes: Vec<f64> = (0..3).map(|plane| source.beam(plane).unwrap().bmaj).collect();
        assert_eq!(sizes, [2.0, 3.0, 9.0]);
    }
}

/// A cube of 2 polarisations and 3 channels with a BEAMS table whose rows are in another order than the planes.
fn cube_with_table(folder: &Folder, unit: &str) -> std::path::PathBuf {
    let cards =
        [sky(), axis(3, "STOKES", 1.0, 1.0, 1.0), axis(4, "FREQ", 1.0, 1e9, 1e6), vec![Card::new("CASAMBM", true, "")]];
    let path = folder.ramp(&format!("{}.fits", unit.len()), &[3, 2, 4, 4], &cards.concat());
    let mut file = FitsFile::edit(&path).unwrap();
    let column = |name: &str, kind| ColumnDescription::new(name).with_type(kind).create().unwrap();
    let columns = [
        column("BMAJ", ColumnDataType::Float),
        column("BMIN", ColumnDataType::Float),
        column("BPA", ColumnDataType::Float),
        column("CHAN", ColumnDataType::Int),
        column("POL", ColumnDataType::Int),
    ];
    let hdu = file.create_table("BEAMS".to_owned(), &columns).unwrap();
    let rows: Vec<(i32, i32)> = (0..2).flat_map(|pol| (0..3).map(move |chan| (chan, pol))).collect();
    let bmaj: Vec<f32> = rows
        .iter()
        .map(|&(chan, pol)| if (chan, pol) == (2, 1) { 0.0 } else { (10 * pol + chan + 1) as f32 })
        .collect();
    hdu.write_col(&mut file, "BMAJ", &bmaj).unwrap();
    hdu.write_col(&mut file, "BMIN", &[0.5_f32; 6]).unwrap();
    hdu.write_col(&mut file, "BPA", &[45.0_f32; 6]).unwrap();
    hdu.write_col(&mut file, "CHAN", &rows.iter().map(|row| row.0).collect::<Vec<_>>()).unwrap();
    hdu.write_col(&mut file, "POL", &rows.iter().map(|row| row.1).collect::<Vec<_>>()).unwrap();
    if !unit.is_empty() {
        write_cards(&mut file, 1, &[Card::new("TUNIT1", unit, ""), Card::new("TUNIT2", unit, "")]);
    }
    path
}

#[test]
fn table_of_beams_goes_by_channel_and_polarisation_and_by_its_unit() {
    let folder = Folder::new();
    for (unit, degrees) in [("", 1.0 / 3600.0), ("arcsec", 1.0 / 3600.0), ("deg", 1.0)] {
        let source = open(&cube_with_table(&folder, unit));
        let sizes: Vec<Option<f64>> = (0..6).map(|plane| source.beam(plane).map(|beam| beam.bmaj / degrees)).collect();
        let near = |found: f64, expected: f64| (found - expected).abs() < 1e-6;
        for (plane, expected) in [(0, 1.0), (1, 11.0), (2, 2.0), (3, 12.0), (4, 3.0)] {
            assert!(near(sizes[plane].unwrap(), expected), "{unit}: {sizes:?}");
        }
        assert_eq!(sizes[5], None);
        assert!(near(source.beam(0).unwrap().bpa, 45.0));
    }
}

#[test]
fn region_of_channels_takes_their_beams() {
    let folder = Folder::new();
    let path = cube_with_table(&folder, "arcsec");
    let part = open_part(&path, "[*,*,2,2:2]").unwrap();
    assert!((part.beam(0).unwrap().bmaj * 3600.0 - 12.0).abs() < 1e-6);
}
