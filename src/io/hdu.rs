//! The HDUs of a file that is not packed: where each begins, what it is, whether it is complete.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::card::{Card, RECORD};
use super::error::{FitsError, Place};
use super::header::{BLOCK, Header, is_end, to_blocks};

/// Blocks after which a header without END is taken for garbage (100 000 cards).
const MAX_HEADER_BLOCKS: u64 = 2778;

/// What an HDU holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Content {
    /// An image, maybe without axes.
    Image,
    /// An image compressed in tiles, kept in a binary table.
    CompressedImage,
    /// Random groups: visibilities.
    Groups,
    /// A table, or an extension we do not know.
    Other,
}

/// One HDU: its header as it stands in the file, and the extent of its data.
#[derive(Debug, Clone)]
pub(super) struct Hdu {
    /// Position in the file; 0 is the primary HDU.
    pub(super) index: usize,
    pub(super) content: Content,
    pub(super) header: Header,
    /// First byte of the data.
    pub(super) data_start: u64,
    /// Bytes of the data, without padding.
    pub(super) data_len: u64,
}

impl Hdu {
    /// EXTNAME, if any.
    pub(super) fn name(&self) -> Option<String> {
        self.header.get_str("EXTNAME").filter(|name| !name.is_empty())
    }

    /// The HDU as errors name it: `HDU 2 [SCI]`, the primary HDU being 1.
    pub(super) fn label(&self) -> String {
        label(self.index, self.name().as_deref())
    }

    /// The HDU as it is listed where another was expected: `[1] SCI (image 512 x 512)`.
    pub(super) fn summary(&self) -> String {
        let name = self.name().map_or_else(String::new, |name| format!(" {name}"));
        let header = self.image_header();
        let axes = header.get_i64("NAXIS").unwrap_or(0);
        let sizes: Vec<String> =
            (1..=axes).map(|i| header.get_i64(&format!("NAXIS{i}")).unwrap_or(0).to_string()).collect();
        let content = match self.content {
            Content::Image if axes == 0 => "no data".to_owned(),
            Content::Image => format!("image {}", sizes.join(" x ")),
            Content::CompressedImage => format!("compressed image {}", sizes.join(" x ")),
            Content::Groups => "random groups: visibilities".to_owned(),
            Content::Other => self.header.get_str("XTENSION").unwrap_or_else(|| "unknown".to_owned()).to_lowercase(),
        };
        format!("[{}]{name} ({content})", self.index)
    }

    /// Whether this is an image of at least two axes.
    pub(super) fn is_image(&self) -> bool {
        let naxis = match self.content {
            Content::Image => "NAXIS",
            Content::CompressedImage => "ZNAXIS",
            Content::Groups | Content::Other => return false,
        };
        self.header.get_i64(naxis).is_some_and(|axes| axes >= 2)
    }

    /// The header of the image: that of the file, or what it was before it was compressed.
    pub(super) fn image_header(&self) -> Header {
        if self.content != Content::CompressedImage {
            return self.header.clone();
        }
        let cards = self.header.cards().filter_map(|card| match card.key() {
            key if is_image_structure(key) => Some(card.renamed(&key[1..])),
            "XTENSION" => Some(Card::new("SIMPLE", true, "")),
            "EXTNAME" if self.name().as_deref() == Some("COMPRESSED_IMAGE") => None,
            key if is_table_structure(key) => None,
            _ => Some(card.clone()),
        });
        cards.collect()
    }

    /// # Errors
    /// [`FitsError::Truncated`] if a file of `file_len` bytes ends before the data do.
    pub(super) fn check_complete(&self, path: &Path, file_len: u64) -> Result<(), FitsError> {
        let expected = self.data_start.saturating_add(self.data_len);
        if expected <= file_len {
            return Ok(());
        }
        Err(FitsError::Truncated { path: path.to_owned(), hdu: self.label(), expected, found: file_len })
    }
}

fn label(index: usize, name: Option<&str>) -> String {
    name.map_or_else(|| format!("HDU {}", index + 1), |name| format!("HDU {} [{name}]", index + 1))
}

/// ZBITPIX, ZNAXIS, `ZNAXISn`: what BITPIX, NAXIS, `NAXISn` of the compressed image were.
fn is_image_structure(key: &str) -> bool {
    key == "ZBITPIX" || is_numbered(key, "ZNAXIS")
}

/// Keys that describe the compressed table, not the image in it (FITS standard 4.0, section 10.1).
fn is_table_structure(key: &str) -> bool {
    const WHOLE: [&str; 21] = [
        "BITPIX", "PCOUNT", "GCOUNT", "THEAP", "TFIELDS", "ZIMAGE", "ZCMPTYPE", "ZMASKCMP", "ZQUANTIZ", "ZDITHER0",
        "ZSIMPLE", "ZEXTEND", "ZBLOCKED", "ZTENSION", "ZPCOUNT", "ZGCOUNT", "ZHECKSUM", "ZDATASUM", "ZBLANK", "ZSCALE",
        "ZZERO",
    ];
    const NUMBERED: [&str; 12] =
        ["NAXIS", "TTYPE", "TFORM", "TUNIT", "TNULL", "TSCAL", "TZERO", "TDISP", "TDIM", "ZTILE", "ZNAME", "ZVAL"];
    WHOLE.contains(&key) || NUMBERED.iter().any(|stem| is_numbered(key, stem))
}

/// Whether `key` is `stem` followed by digits, or by nothing.
pub(super) fn is_numbered(key: &str, stem: &str) -> bool {
    key.strip_prefix(stem).is_some_and(|rest| rest.bytes().all(|b| b.is_ascii_digit()))
}

/// Reads the headers of all HDUs of `file`, whose name is `path` in errors.
///
/// # Errors
/// [`FitsError::NotFits`], [`FitsError::Truncated`] for a header without end, [`FitsError::Key`] for one
/// that does not tell the size of its data, [`FitsError::Open`] if the file cannot be read.
pub(super) fn scan(file: &File, path: &Path) -> Result<Vec<Hdu>, FitsError> {
    let open = |source| FitsError::Open { path: path.to_owned(), source };
    let file_len = file.metadata().map_err(open)?.len();
    let mut hdus = Vec::new();
    let mut start = 0;
    while start < file_len {
        let mut first = [0; 9];
        let known = (file_len - start).min(first.len() as u64) as usize;
        file.read_exact_at(&mut first[..known], start).map_err(open)?;
        if hdus.is_empty() && &first != b"SIMPLE  =" {
            return Err(FitsError::NotFits { path: path.to_owned(), found: format!("{:?}", latin1(&first[..known])) });
        }
        if !hdus.is_empty() && !first.starts_with(b"XTENSION") {
            break; // padding or special records after the last HDU
        }
        let bytes = header_bytes(file, path, (hdus.len(), start)).map_err(|error| match error {
            HeaderError::Io(source) => open(source),
            HeaderError::Fits(error) => error,
        })?;
        let hdu = describe(hdus.len(), start + bytes.len() as u64, Header::from_bytes(&bytes), path)?;
        start = hdu.data_start.saturating_add(to_blocks(hdu.data_len.min(u64::MAX / 2)));
        hdus.push(hdu);
    }
    if hdus.is_empty() {
        return Err(FitsError::NotFits { path: path.to_owned(), found: "an empty file".to_owned() });
    }
    Ok(hdus)
}

fn latin1(bytes: &[u8]) -> String {
    bytes.iter().map(|&b| char::from(b)).collect()
}

enum HeaderError {
    Io(std::io::Error),
    Fits(FitsError),
}

/// The blocks of the header of HDU `at.0`, which begins at byte `at.1`, up to the one with END.
fn header_bytes(file: &File, path: &Path, at: (usize, u64)) -> Result<Vec<u8>, HeaderError> {
    let file_len = file.metadata().map_err(HeaderError::Io)?.len();
    let (index, start) = at;
    let mut bytes = Vec::new();
    let mut block = [0; BLOCK];
    for i in 0..MAX_HEADER_BLOCKS {
        let from = start + i * BLOCK as u64;
        if from + BLOCK as u64 > file_len {
            return Err(HeaderError::Fits(FitsError::Truncated {
                path: path.to_owned(),
                hdu: format!("{}, header", label(index, None)),
                expected: from + BLOCK as u64,
                found: file_len,
            }));
        }
        file.read_exact_at(&mut block, from).map_err(HeaderError::Io)?;
        bytes.extend_from_slice(&block);
        if block.chunks_exact(RECORD).any(is_end) {
            return Ok(bytes);
        }
    }
    let place = Place::new(path, &label(index, None));
    let found = format!("none in {MAX_HEADER_BLOCKS} blocks");
    Err(HeaderError::Fits(place.wrong(FitsError::Key, "END", "the end of the header", found)))
}

/// Finds what an HDU holds and how long its data are.
fn describe(index: usize, data_start: u64, header: Header, path: &Path) -> Result<Hdu, FitsError> {
    let extension = header.get_str("XTENSION");
    let content = match extension.as_deref() {
        None if header.is_true("GROUPS") && header.get_i64("NAXIS1") == Some(0) => Content::Groups,
        None | Some("IMAGE" | "IUEIMAGE") => Content::Image,
        Some("BINTABLE" | "A3DTABLE") if header.is_true("ZIMAGE") => Content::CompressedImage,
        Some(_) => Content::Other,
    };
    let mut hdu = Hdu { index, content, header, data_start, data_len: 0 };
    hdu.data_len = data_len(&hdu, &Place::new(path, &hdu.label()))?;
    Ok(hdu)
}

/// Bytes of data that the header announces; saturates for absurd sizes.
fn data_len(hdu: &Hdu, place: &Place) -> Result<u64, FitsError> {
    let header = &hdu.header;
    let bits = header.get_i64("BITPIX").unwrap_or(0);
    if ![8, 16, 32, 64, -32, -64].contains(&bits) {
        let found = header.get("BITPIX").and_then(Card::value_text).unwrap_or_else(|| "no value".to_owned());
        return Err(place.wrong(FitsError::Key, "BITPIX", "8, 16, 32, 64, -32 or -64", found));
    }
    let axes = header.count("NAXIS", place)?;
    if axes > 999 {
        return Err(place.wrong(FitsError::Key, "NAXIS", "0 to 999", axes.to_string()));
    }
    let first = if hdu.content == Content::Groups { 2 } else { 1 };
    let mut pixels = u64::from(axes > 0);
    for i in first..=axes {
        pixels = pixels.saturating_mul(header.count(&format!("NAXIS{i}"), place)?);
    }
    if hdu.content == Content::Image && header.get("XTENSION").is_none() {
        return Ok(pixels.saturating_mul(bits.unsigned_abs() / 8)); // a primary image has no groups, whatever is there
    }
    let count = |key, default| header.get_i64(key).and_then(|n| u64::try_from(n).ok()).unwrap_or(default);
    let pixels = count("PCOUNT", 0).saturating_add(pixels).saturating_mul(count("GCOUNT", 1));
    Ok(pixels.saturating_mul(bits.unsigned_abs() / 8))
}
