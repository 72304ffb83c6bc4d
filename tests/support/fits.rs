//! FITS images as bytes: written and read by hand, so that the tests do not lean on what they test.

use std::fs;
use std::io::Read;
use std::path::Path;

use ndarray::Array2;

const BLOCK: usize = 2880;

/// How pixels are stored.
#[derive(Clone, Copy)]
pub(crate) struct Stored {
    pub(crate) bitpix: i64,
    pub(crate) bscale: f64,
    pub(crate) bzero: f64,
    /// Integer that stands for a blank.
    pub(crate) blank: Option<i64>,
}

/// 32-bit floats as they are.
pub(crate) const FLOATS: Stored = Stored { bitpix: -32, bscale: 1.0, bzero: 0.0, blank: None };

/// An image HDU: axes with NAXIS1 first, cards of 80 characters without the structural ones, physical pixels.
#[derive(Clone)]
pub(crate) struct Image {
    pub(crate) axes: Vec<usize>,
    pub(crate) cards: Vec<String>,
    pub(crate) pixels: Vec<f64>,
}

/// A card with a value written as FITS has it: `card("OBJECT", "'M31'")`, `card("CDELT1", "-1e-4")`.
pub(crate) fn card(key: &str, value: &str) -> String {
    format!("{:<80}", format!("{key:<8}= {value:>20}"))
}

/// Two sky axes of one arcsec per pixel.
pub(crate) fn sky_cards() -> Vec<String> {
    [
        ("CTYPE1", "'RA---SIN'"),
        ("CRPIX1", "9.0"),
        ("CRVAL1", "187.25"),
        ("CDELT1", "-2.7777777777778E-4"),
        ("CUNIT1", "'deg     '"),
        ("CTYPE2", "'DEC--SIN'"),
        ("CRPIX2", "11.0"),
        ("CRVAL2", "-12.5"),
        ("CDELT2", "2.7777777777778E-4"),
        ("CUNIT2", "'deg     '"),
        ("BUNIT", "'JY/BEAM '"),
    ]
    .map(|(key, value)| card(key, value))
    .to_vec()
}

impl Image {
    /// A plane with two axes and a sky.
    pub(crate) fn new(plane: &Array2<f64>) -> Self {
        let (ny, nx) = plane.dim();
        Self { axes: vec![nx, ny], cards: sky_cards(), pixels: plane.iter().copied().collect() }
    }

    /// Planes with further axes, `("FREQ", 3)` being the third and so on; the first of them counts fastest.
    pub(crate) fn cube(planes: &[Array2<f64>], further: &[(&str, usize)]) -> Self {
        let (ny, nx) = planes[0].dim();
        assert_eq!(planes.len(), further.iter().map(|(_, len)| len).product::<usize>(), "planes fill the axes");
        let mut image = Self { pixels: planes.iter().flatten().copied().collect(), ..Self::new(&planes[0]) };
        image.axes = vec![nx, ny];
        for (n, (ctype, len)) in (3..).zip(further) {
            image.axes.push(*len);
            let (crval, cdelt) = if *ctype == "FREQ" { ("1.4E9", "1.0E6") } else { ("1.0", "1.0") };
            image.cards.push(card(&format!("CTYPE{n}"), &format!("'{ctype:<8}'")));
            image.cards.push(card(&format!("CRPIX{n}"), "1.0"));
            image.cards.push(card(&format!("CRVAL{n}"), crval));
            image.cards.push(card(&format!("CDELT{n}"), cdelt));
        }
        image
    }

    /// Puts a card in, in the place of that of the same key.
    pub(crate) fn with(mut self, key: &str, value: &str) -> Self {
        let start = format!("{key:<8}=");
        match self.cards.iter_mut().find(|card| card.starts_with(&start)) {
            Some(old) => *old = card(key, value),
            None => self.cards.push(card(key, value)),
        }
        self
    }

    /// Takes out the cards of a key.
    pub(crate) fn without(mut self, key: &str) -> Self {
        self.cards.retain(|card| !card.starts_with(&format!("{key:<8}=")));
        self
    }

    /// The bytes of an HDU, primary unless it has a `name`.
    pub(crate) fn bytes(&self, stored: Stored, name: Option<&str>) -> Vec<u8> {
        let mut records = match name {
            None => vec![card("SIMPLE", "T")],
            Some(_) => vec![card("XTENSION", "'IMAGE   '")],
        };
        records.push(card("BITPIX", &stored.bitpix.to_string()));
        records.push(card("NAXIS", &self.axes.len().to_string()));
        records.extend((1..).zip(&self.axes).map(|(n, len)| card(&format!("NAXIS{n}"), &len.to_string())));
        if let Some(name) = name {
            records.extend([card("PCOUNT", "0"), card("GCOUNT", "1"), card("EXTNAME", &format!("'{name:<8}'"))]);
        }
        if (stored.bscale, stored.bzero) != (1.0, 0.0) {
            records.push(card("BSCALE", &format!("{:E}", stored.bscale)));
            records.push(card("BZERO", &format!("{:E}", stored.bzero)));
        }
        records.extend(stored.blank.map(|blank| card("BLANK", &blank.to_string())));
        records.extend(self.cards.iter().cloned());
        records.push(format!("{:<80}", "END"));
        let mut bytes = records.concat().into_bytes();
        bytes.resize(bytes.len().next_multiple_of(BLOCK), b' ');
        for pixel in &self.pixels {
            bytes.extend(store(*pixel, stored));
        }
        bytes.resize(bytes.len().next_multiple_of(BLOCK), 0);
        bytes
    }

    /// Writes a file of 32-bit floats.
    pub(crate) fn save(&self, path: &Path) {
        fs::write(path, self.bytes(FLOATS, None)).unwrap();
    }

    /// Reads the first image of a file, packed by gzip or not.
    pub(crate) fn read(path: &Path) -> Self {
        let first = Self::read_all(path).into_iter().find(|hdu| hdu.axes.len() >= 2);
        first.unwrap_or_else(|| panic!("{} holds no image", path.display()))
    }

    /// Reads every HDU; those that are no images have their header only.
    pub(crate) fn read_all(path: &Path) -> Vec<Self> {
        let mut bytes = fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        if bytes.starts_with(&[0x1f, 0x8b]) {
            let mut plain = Vec::new();
            flate2::read::GzDecoder::new(&bytes[..]).read_to_end(&mut plain).unwrap();
            bytes = plain;
        }
        let (mut at, mut hdus) = (0, Vec::new());
        while at < bytes.len() {
            let (hdu, len) = Self::parse(&bytes[at..]);
            at += len;
            hdus.push(hdu);
        }
        hdus
    }

    fn parse(bytes: &[u8]) -> (Self, usize) {
        let mut cards = Vec::new();
        for record in bytes.chunks_exact(80) {
            let record = String::from_utf8(record.to_vec()).expect("headers are ASCII");
            if record.trim_end() == "END" {
                break;
            }
            cards.push(record);
        }
        let start = (80 * (cards.len() + 1)).next_multiple_of(BLOCK);
        let mut image = Self { axes: vec![], cards, pixels: vec![] };
        let count = |key: &str| image.number(key).unwrap_or(0.0);
        let bitpix = count("BITPIX") as i64;
        image.axes = (1..=count("NAXIS") as usize).map(|n| count(&format!("NAXIS{n}")) as usize).collect();
        let values = if image.axes.is_empty() { 0 } else { image.axes.iter().product() };
        let width = bitpix.unsigned_abs() as usize / 8;
        let data = &bytes[start..start + values * width];
        if !image.cards[0].starts_with("XTENSION= 'BINTABLE") {
            let stored = Stored {
                bitpix,
                bscale: image.number("BSCALE").unwrap_or(1.0),
                bzero: image.number("BZERO").unwrap_or(0.0),
                blank: image.number("BLANK").map(|blank| blank as i64),
            };
            image.pixels = data.chunks_exact(width).map(|bytes| restore(bytes, stored)).collect();
        }
        (image, start + data.len().next_multiple_of(BLOCK))
    }

    /// Number of planes.
    pub(crate) fn planes(&self) -> usize {
        self.axes[2..].iter().product()
    }

    /// A plane, shape `(ny, nx)`.
    pub(crate) fn plane(&self, index: usize) -> Array2<f64> {
        let (nx, ny) = (self.axes[0], self.axes[1]);
        let pixels = self.pixels[index * nx * ny..(index + 1) * nx * ny].to_vec();
        Array2::from_shape_vec((ny, nx), pixels).unwrap()
    }

    /// The value of a key as it is written, quotes and all, without its comment.
    pub(crate) fn raw(&self, key: &str) -> Option<String> {
        let start = format!("{key:<8}=");
        let card = self.cards.iter().find(|card| card.starts_with(&start))?;
        let value = card[9..].trim_start();
        let end = match value.strip_prefix('\'') {
            Some(text) => text.find('\'').map_or(value.len(), |end| end + 2),
            None => value.find('/').unwrap_or(value.len()),
        };
        Some(value[..end].trim().to_owned())
    }

    /// A text without its quotes and padding.
    pub(crate) fn text(&self, key: &str) -> Option<String> {
        Some(self.raw(key)?.trim_matches('\'').trim().to_owned())
    }

    /// A number.
    pub(crate) fn number(&self, key: &str) -> Option<f64> {
        self.raw(key)?.replace('D', "E").parse().ok()
    }

    /// The HISTORY, lines that were broken put together again.
    pub(crate) fn history(&self) -> String {
        let lines = self.cards.iter().filter_map(|card| card.strip_prefix("HISTORY "));
        lines.fold(String::new(), |text, line| match line.strip_prefix("  ") {
            Some(more) => format!("{text} {}", more.trim_end()),
            None => format!("{text}\n{}", line.trim_end()),
        })
    }
}

fn store(pixel: f64, stored: Stored) -> Vec<u8> {
    let value = (pixel - stored.bzero) / stored.bscale;
    let integer = match stored.blank {
        Some(blank) if value.is_nan() => blank,
        _ => value.round() as i64,
    };
    match stored.bitpix {
        8 => vec![integer as u8],
        16 => (integer as i16).to_be_bytes().to_vec(),
        32 => (integer as i32).to_be_bytes().to_vec(),
        64 => integer.to_be_bytes().to_vec(),
        -32 => (value as f32).to_be_bytes().to_vec(),
        -64 => value.to_be_bytes().to_vec(),
        other => panic!("BITPIX {other}"),
    }
}

fn restore(bytes: &[u8], stored: Stored) -> f64 {
    let mut wide = [0; 8];
    wide[..bytes.len()].copy_from_slice(bytes);
    let integer = i64::from_be_bytes(wide) >> (64 - 8 * bytes.len());
    let value = match stored.bitpix {
        8 => f64::from(bytes[0]),
        -32 => f64::from(f32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])),
        -64 => f64::from_be_bytes(wide),
        _ => integer as f64,
    };
    if stored.bitpix > 0 && stored.blank == Some(integer) { f64::NAN } else { value * stored.bscale + stored.bzero }
}
