use super::angle::{Axis, degrees, length};
use super::*;
use crate::images::Celestial;
use crate::images::region::{Length, Outline, Point};

fn read(format: RegionFormat, text: &str) -> Result<Regions, RegionError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("regions");
    fs::write(&path, text).unwrap();
    format.read(&path)
}

fn outlines(format: RegionFormat, text: &str) -> Vec<Outline> {
    read(format, text).unwrap().regions.into_iter().map(|region| region.outline).collect()
}

/// What is told of the first line that is wrong.
fn wrong(format: RegionFormat, text: &str) -> String {
    read(format, text).unwrap_err().to_string()
}

fn circle(centre: Point, radius: Length) -> Outline {
    Outline::Ellipse { centre, half: [radius; 2], hole: None, angle: 0.0 }
}

#[test]
fn angles_are_read_in_every_way_they_are_written() {
    for (text, axis, expected) in [
        ("12:30:00", Axis::RightAscension, 187.5),
        ("12:30:00", Axis::Degrees, 12.5),
        ("12h30m00s", Axis::RightAscension, 187.5),
        ("-00:30:00", Axis::Degrees, -0.5),
        ("-03.27.36.0", Axis::Degrees, -3.46),
        ("-3d27m36s", Axis::Degrees, -3.46),
        ("+41d16m", Axis::Degrees, 41.0 + 16.0 / 60.0),
        ("140.5deg", Axis::RightAscension, 140.5),
        ("140.5", Axis::RightAscension, 140.5),
        ("90arcmin", Axis::Degrees, 1.5),
        ("3.141592653589793rad", Axis::Degrees, 180.0),
    ] {
        let found = degrees(text, axis).unwrap_or_else(|| panic!("{text}"));
        assert!((found - expected).abs() < 1e-12, "{text}: {found}");
    }
    for text in ["", "abc", "12:xx:00", "1:2:3:4", "inf"] {
        assert_eq!(degrees(text, Axis::Degrees), None, "{text}");
    }
    assert_eq!(length("30pix"), Some(Length::Pixels(30.0)));
    assert_eq!(length("36\""), Some(Length::Degrees(0.01)));
    assert_eq!((length("30"), length("-1asec")), (None, None));
}

#[test]
fn shapes_of_ds9_are_read_in_their_systems() {
    let text = "# Region file format: DS9 version 4.1\nglobal color=green\nfk5\n\
                circle(12:30:00,-12:30:00,36\") # color=red text={a; b}\n\
                -circle(10,20,1.5)\n\
                image; box(11,21,6,4,30)\nellipse 5 6 3 2 10\n\
                annulus(5,6,1,2,3)\npolygon(1,1,2,1,2,2)\ngalactic;circle(10,20,30')\npoint(1,2)\n";
    let found = read(RegionFormat::Ds9, text).unwrap();
    let outlines: Vec<&Outline> = found.regions.iter().map(|region| &region.outline).collect();
    assert_eq!(*outlines[0], circle(Point::Sky(187.5, -12.5), Length::Degrees(0.01)));
    let half = [Length::Pixels(3.0), Length::Pixels(2.0)];
    let expected = Outline::Rectangle { centre: Point::Pixel(10.0, 20.0), half, hole: None, angle: 30.0 };
    assert_eq!(*outlines[1], expected);
    let expected = Outline::Ellipse { centre: Point::Pixel(4.0, 5.0), half, hole: None, angle: 10.0 };
    assert_eq!(*outlines[2], expected);
    let (half, hole) = ([Length::Pixels(3.0); 2], Some([Length::Pixels(1.0); 2]));
    assert_eq!(*outlines[3], Outline::Ellipse { centre: Point::Pixel(4.0, 5.0), half, hole, angle: 0.0 });
    let corners = [(0.0, 0.0), (1.0, 0.0), (1.0, 1.0)].map(|(x, y)| Point::Pixel(x, y));
    assert_eq!(*outlines[4], Outline::Polygon(corners.to_vec()));
    assert_eq!(*outlines[5], circle(Point::Sky(10.0, 20.0), Length::Degrees(0.5)));
    assert_eq!(found.regions[5].frame, Celestial::Galactic);
    // what is excluded acts on all, so it comes last
    assert!(found.regions[6].is_excluded && found.regions[6].line == 5);
    assert_eq!(found.regions.len(), 7);
    assert_eq!(found.notes, ["line 11: a point encloses no pixel and is left out"]);
}

#[test]
fn shapes_of_casa_are_read_in_their_order() {
    let text = "#CRTFv0\nglobal coord=GALACTIC, color=red\n\
                circle[[12h30m00s, -12.30.00.0], 36arcsec], coord=J2000\n\
                -ellipse[[10deg, 20deg], [30arcsec, 20arcsec], 40deg]\n\
                box[[3pix, 4pix], [9pix, 7pix]]\ncenterbox[[3pix, 4pix], [6pix, 4pix]], range=[1chan,2chan]\n\
                rotbox[[3pix, 4pix], [6pix, 4pix], 30deg]\npoly[[1pix,1pix],[2pix,1pix],[2pix,2pix]]\n\
                annulus[[3pix,4pix],[1pix,2pix]]\nann circle[[1pix,1pix],5pix]\nsymbol[[1pix,1pix], .]\n";
    let found = read(RegionFormat::Crtf, text).unwrap();
    let regions = &found.regions;
    assert_eq!(regions[0].outline, circle(Point::Sky(187.5, -12.5), Length::Degrees(0.01)));
    assert_eq!((&regions[0].frame, &regions[1].frame), (&Celestial::Equatorial, &Celestial::Galactic));
    let half = [Length::Degrees(30.0 / 3600.0), Length::Degrees(20.0 / 3600.0)];
    let expected = Outline::Ellipse { centre: Point::Sky(10.0, 20.0), half, hole: None, angle: 130.0 };
    assert_eq!(regions[1].outline, expected);
    assert!(regions[1].is_excluded);
    assert_eq!(regions[2].outline, Outline::Corners([Point::Pixel(3.0, 4.0), Point::Pixel(9.0, 7.0)]));
    let half = [Length::Pixels(3.0), Length::Pixels(2.0)];
    for (number, angle) in [(3, 0.0), (4, 30.0)] {
        let expected = Outline::Rectangle { centre: Point::Pixel(3.0, 4.0), half, hole: None, angle };
        assert_eq!(regions[number].outline, expected);
    }
    assert_eq!(regions.len(), 7);
    assert_eq!(found.notes.len(), 2, "{:?}", found.notes);
}

#[test]
fn catalogue_tells_its_units_in_names_or_cells() {
    let sky = circle(Point::Sky(187.5, -12.5), Length::Degrees(0.01));
    for text in [
        "name, ra, dec, radius_arcsec\na, 187.5, -12.5, 36\n",
        "# made by hand\nRA,Dec,Radius\n12:30:00,-12:30:00,36asec\n",
        "ra_deg,dec_deg,radius [arcmin]\n187.5,-12.5,0.6\n",
    ] {
        assert_eq!(outlines(RegionFormat::Catalogue, text), std::slice::from_ref(&sky), "{text}");
    }
    let pixels = outlines(RegionFormat::Catalogue, "x,y,radius_pix\n3.5,4,2\n");
    assert_eq!(pixels, [circle(Point::Pixel(3.5, 4.0), Length::Pixels(2.0))]);
}

#[test]
fn line_that_cannot_be_understood_is_named_with_what_was_expected() {
    for (format, text, needles) in [
        (RegionFormat::Ds9, "fk5\ncircle(10,20)\n", ["line 2", "circle(x,y,radius)"]),
        (RegionFormat::Ds9, "image\n\npanda(1,2,3)\n", ["line 3", "circle, ellipse"]),
        (RegionFormat::Ds9, "image\ncircle(1,2,3\n", ["line 2", "both of its brackets"]),
        (RegionFormat::Ds9, "image\ncircle 1,2,3)\n", ["line 2", "both of its brackets"]),
        (RegionFormat::Ds9, "fk5\ncircle(10,20,-3)\n", ["line 2", "'-3'"]),
        (RegionFormat::Crtf, "#CRTF\ncircle[[10, 20], 3deg]\n", ["line 2", "units"]),
        (RegionFormat::Crtf, "#CRTF\ncircle[[10deg, 20deg, 3deg]\n", ["line 2", "brackets"]),
        (RegionFormat::Crtf, "#CRTF\nnothing\n", ["line 2", "brackets"]),
        (RegionFormat::Catalogue, "ra,dec,flux\n1,2,3\n", ["line 1", "radius"]),
        (RegionFormat::Catalogue, "ra,dec,radius\n1,2,3\n", ["line 2", "unit"]),
        (RegionFormat::Catalogue, "ra,dec,radius_asec\nx,2,3\n", ["line 2", "place"]),
    ] {
        let told = wrong(format, text);
        for needle in needles {
            assert!(told.contains(needle), "'{needle}' is not told: {told}");
        }
    }
}

#[test]
fn format_follows_from_content_then_name() {
    let folder = tempfile::tempdir().unwrap();
    for (name, text, expected) in [
        ("a.txt", "#CRTFv0\n", Some(RegionFormat::Crtf)),
        ("b.txt", "# Region file format: DS9 version 4.1\n", Some(RegionFormat::Ds9)),
        ("c.reg", "circle 1 2 3\n", Some(RegionFormat::Ds9)),
        ("d.csv", "x,y,radius_pix\n", Some(RegionFormat::Catalogue)),
        ("e.fits", "SIMPLE  =", None),
    ] {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        assert_eq!(RegionFormat::of(&path), expected, "{name}");
    }
    assert_eq!(RegionFormat::of(&folder.path().join("absent.reg")), None);
}
