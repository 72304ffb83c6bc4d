//! Cards, headers, geometry.

use super::super::{Header, Value};
use super::{Card, Folder, axis, open, open_part, sky};

fn text_of(card: &Card) -> String {
    String::from_utf8(card.as_bytes().to_vec()).unwrap()
}

#[test]
fn cards_have_the_fixed_format_of_the_standard() {
    let cases = [
        (Card::new("EXTEND", true, ""), "EXTEND  =                    T"),
        (Card::new("NAXIS", 4, "axes"), "NAXIS   =                    4 / axes"),
        (Card::new("CDELT1", -5.5e-10, ""), "CDELT1  =             -5.5E-10"),
        (Card::new("CDELT2", 1e-10, ""), "CDELT2  =              1.0E-10"),
        (Card::new("CRPIX1", 129.0, ""), "CRPIX1  =                129.0"),
        (Card::new("BUNIT", "Jy/beam", "unit"), "BUNIT   = 'Jy/beam '           / unit"),
        (Card::new("OBJECT", "Barnard's star", ""), "OBJECT  = 'Barnard''s star'"),
        (Card::new("OBJECT", "Ä\n", ""), "OBJECT  = '??      '"),
        (Card::new("RMS", f64::NAN, ""), "RMS     ="),
    ];
    for (card, expected) in cases {
        assert_eq!(text_of(&card).trim_end(), expected);
        assert_eq!(card.as_bytes().len(), 80);
    }
}

#[test]
fn every_value_reads_back_as_it_was_written() {
    let quotes = "it's ".repeat(40);
    let values = [
        Value::from(false),
        Value::from(i64::MIN),
        Value::from(-5.555_555_555_556_9e-10),
        Value::from(f64::MAX),
        Value::from(1.0 / 3.0),
        Value::from("Jy/beam"),
        Value::from(quotes.trim_end()),
        Value::from("x".repeat(68)),
        Value::from("y".repeat(69)),
        Value::from("a/b".repeat(60)),
    ];
    for value in values {
        let card = Card::new("KEY", value.clone(), "a comment / with a slash");
        assert_eq!(card.value(), Some(value));
        assert_eq!(card.as_bytes().len() % 80, 0);
    }
}

#[test]
fn values_of_other_programs_are_understood() {
    let parse = |text: &str| Card::from_record(format!("{text:<80}").as_bytes());
    assert_eq!(parse("CDELT1  =   -2.777777845D-04 /").value(), Some(Value::Real(-2.777_777_845e-4)));
    assert_eq!(parse("TELESCOP=  'MMA'").value(), Some(Value::from("MMA")));
    assert_eq!(
        parse("BUNIT   = 'JY/BEAM '           / Units are in Jansky per beam").value(),
        Some(Value::from("JY/BEAM"))
    );
    assert_eq!(parse("CUNIT3  = ''").value(), Some(Value::from("")));
    assert_eq!(parse("EXTEND  = T").value(), Some(Value::from(true)));
    for unreadable in
        ["INSTRUME", "CDELT1  =", "CDELT1  = / none", "CDELT1  = abc", "OBJECT  = 'no end", "RMS     = NaN"]
    {
        assert_eq!(parse(unreadable).value(), None, "{unreadable}");
    }
    let header: Header = [parse("WSCNITER=                  100.")].into_iter().collect();
    assert_eq!(header.get_i64("WSCNITER"), Some(100));
}

#[test]
fn long_history_goes_on_over_several_cards_without_losing_a_word() {
    let text = format!("deconv --dirty d.fits --psf {} --gain 0.1 -o out", "long/".repeat(40));
    let lines: Vec<String> = Card::history(&text).iter().map(Card::free_text).collect();
    assert!(lines.len() > 3 && lines.iter().all(|line| line.len() <= 72), "{lines:?}");
    let joined: String = lines.concat().split_whitespace().collect();
    assert_eq!(joined, text.split_whitespace().collect::<String>());
    assert_eq!(Card::history("").len(), 1);
    assert_eq!(Card::history(&" ".repeat(200)).len(), 1);
}

#[test]
fn a_header_keeps_end_in_its_last_block() {
    for cards in [1, 34, 35, 36, 71, 72] {
        let header: Header = (0..cards).map(|i| Card::new("KEY", i, "")).collect();
        let needed = header.byte_len().div_ceil(2880) * 2880;
        for len in [needed, needed + 2880, needed + 3 * 2880] {
            let bytes = header.to_bytes(len);
            assert_eq!(bytes.len(), len);
            assert!(!bytes[..len - 2880].chunks(80).any(|record| record.starts_with(b"END")));
            let read = Header::from_bytes(&bytes);
            assert_eq!(read.cards().filter(|card| card.key() == "KEY").count() as i64, cards);
        }
    }
}

#[test]
fn cell_keeps_all_digits_of_a_cell_of_two_microarcseconds() {
    let folder = Folder::new();
    let source = open(&folder.ramp("a.fits", &[4, 5], &sky()));
    let cell = source.geometry().cell.unwrap();
    assert_eq!((cell.dx, cell.dy), (-5.555_555_555_556_9e-10, 5.555_555_555_556_9e-10));
    assert_eq!((source.geometry().ny, source.geometry().nx), (4, 5));
}

#[test]
fn cell_comes_from_every_form_of_the_matrix() {
    let folder = Folder::new();
    let (sin, cos) = 30_f64.to_radians().sin_cos();
    let cd = |key, value| Card::new(key, value, "");
    let rotated_cd = [cd("CD1_1", -0.1 * cos), cd("CD1_2", 0.2 * sin), cd("CD2_1", 0.1 * sin), cd("CD2_2", 0.2 * cos)];
    let pc = [
        cd("PC1_1", cos),
        cd("PC1_2", -sin),
        cd("PC2_1", sin),
        cd("PC2_2", cos),
        cd("CDELT1", -0.1),
        cd("CDELT2", 0.1),
    ];
    let arcsec = [
        cd("CDELT1", -360.0),
        cd("CDELT2", 720.0),
        Card::new("CUNIT1", "arcsec", ""),
        Card::new("CUNIT2", "arcsec", ""),
    ];
    for (name, cards, expected) in
        [("cd", &rotated_cd[..], (-0.1, 0.2)), ("pc", &pc[..], (-0.1, 0.1)), ("unit", &arcsec[..], (-0.1, 0.2))]
    {
        let cell = open(&folder.ramp(name, &[3, 3], cards)).geometry().cell.unwrap();
        assert!((cell.dx - expected.0).abs() < 1e-12 && (cell.dy - expected.1).abs() < 1e-12, "{name}: {cell:?}");
    }
    assert_eq!(open(&folder.ramp("none", &[3, 3], &[])).geometry().cell, None);
}

#[test]
fn region_moves_the_reference_pixel_and_nothing_else() {
    let folder = Folder::new();
    let mut cards = sky();
    cards.push(Card::new("CRPIX1A", 7.5, ""));
    let path = folder.ramp("a.fits", &[20, 10], &cards);
    let whole = open(&path);
    let part = open_part(&path, "[3:6,11:20]").unwrap();
    assert_eq!((part.geometry().ny, part.geometry().nx), (10, 4));
    assert_eq!(part.header().get_f64("CRPIX1"), Some(1.0));
    assert_eq!(part.header().get_f64("CRPIX2"), Some(-8.0));
    assert_eq!(part.header().get_f64("CRPIX1A"), Some(5.5));
    let others = |source: &super::FitsSource| -> Vec<Card> {
        let moved = |card: &&Card| !card.key().starts_with("CRPIX") && !card.key().starts_with("NAXIS");
        source.header().cards().filter(moved).cloned().collect()
    };
    assert_eq!(others(&whole), others(&part));
}

#[test]
fn region_of_an_image_without_crpix_gets_one() {
    let folder = Folder::new();
    let cards: Vec<Card> = axis(1, "RA---SIN", 0.0, 1.0, -0.1).into_iter().filter(|c| c.key() != "CRPIX1").collect();
    let path = folder.ramp("a.fits", &[4, 10], &cards);
    let part = open_part(&path, "[3:6,*]").unwrap();
    assert_eq!(part.header().get_f64("CRPIX1"), Some(-2.0));
    assert_eq!(part.header().get("CRPIX2"), None);
}
