//! From files to what an algorithm works on: rows, blanks, masks.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::masks::united;
use super::{DirtySlab, OpError, Rows, Value, Work};
use crate::graph::{Cost, Meta, TaskContext};
use crate::images::{Image, Mask};
use crate::io::FitsSource;

/// An open file, written down as its name.
#[derive(Debug, Clone)]
pub struct Source(pub Arc<FitsSource>);

impl Serialize for Source {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.spec())
    }
}

thread_local! {
    /// Files that this thread opened by their names, each once and until the thread ends: opening reads headers, and
    /// unpacks what is packed by gzip. They must not change meanwhile, as the inputs of any run.
    static OPEN: RefCell<BTreeMap<String, Arc<FitsSource>>> = const { RefCell::new(BTreeMap::new()) };
}

impl<'de> Deserialize<'de> for Source {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spec = String::deserialize(deserializer)?;
        OPEN.with_borrow_mut(|open| {
            if let Some(source) = open.get(&spec) {
                return Ok(Self(Arc::clone(source)));
            }
            let source = Arc::new(FitsSource::open(&spec).map_err(de::Error::custom)?);
            open.insert(spec, Arc::clone(&source));
            Ok(Self(source))
        })
    }
}

/// Reads rows of a plane; no inputs.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ReadRows {
    /// The file.
    pub source: Source,
    /// The plane, in the order of the file.
    pub plane: usize,
    /// The rows.
    pub rows: Rows,
}

impl Work for ReadRows {
    const KIND: &'static str = "read";

    fn cost(&self, _inputs: &[Meta]) -> Cost {
        let bytes = 4 * (self.rows.len() * self.source.0.geometry().nx) as u64;
        Cost { flops: bytes as f64, output_bytes: bytes, scratch_bytes: bytes }
    }

    fn run(&self, _inputs: &[Arc<Value>], _context: &TaskContext) -> Result<Value, OpError> {
        Ok(Value::Pixels(self.source.0.read_rows(self.plane, self.rows.range())?))
    }
}

/// Divides dirty rows by the PSF's peak and notes the blanks; input: rows as read.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Prepare {
    /// The PSF's peak; 1 where the dirty image is in Jy/beam already.
    pub scale: f32,
}

impl Work for Prepare {
    const KIND: &'static str = "prepare";

    fn cost(&self, inputs: &[Meta]) -> Cost {
        let bytes = inputs[0].bytes;
        Cost { flops: bytes as f64 / 4.0, output_bytes: bytes, scratch_bytes: bytes / 4 }
    }

    fn run(&self, inputs: &[Arc<Value>], _context: &TaskContext) -> Result<Value, OpError> {
        let pixels = inputs[0].pixels();
        let finite = pixels.iter().any(|value| !value.is_finite()).then(|| Mask::from_blanks(pixels));
        let image = Image::new(pixels.mapv(|value| if value.is_finite() { value / self.scale } else { 0.0 }));
        Ok(Value::Dirty(DirtySlab { image, finite }))
    }
}

/// Tells where components may stand; inputs: dirty rows, then rows of each file of the mask, as read or as selected.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Allow {
    /// The rows.
    pub rows: Rows,
    /// Shape of the plane, `(ny, nx)`.
    pub shape: (usize, usize),
    /// Border without components \[percent per side\].
    pub border: f64,
    /// Of each file of the mask, whether its pixels are taken out.
    pub is_out: Vec<bool>,
}

impl Work for Allow {
    const KIND: &'static str = "allow";

    fn cost(&self, inputs: &[Meta]) -> Cost {
        let bytes = inputs[0].bytes;
        Cost { flops: bytes as f64 / 4.0, output_bytes: bytes / 4, scratch_bytes: 3 * bytes / 4 }
    }

    fn run(&self, inputs: &[Arc<Value>], _context: &TaskContext) -> Result<Value, OpError> {
        let border = (self.border > 0.0).then(|| Mask::inside_border_rows(self.shape, self.border, self.rows.range()));
        let user = united(&inputs[1..], &self.is_out, (self.rows.len(), self.shape.1));
        let masks = [inputs[0].dirty().finite.clone(), user, border.transpose().expect("the border was checked")];
        let all = masks.into_iter().flatten().reduce(|mut all, mask| {
            all.intersect(&mask).expect("the masks of a slab have its shape");
            all
        });
        Ok(Value::Allowed(all))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::{Key, RunContext, Scheduler, Serial, TaskGraph};
    use crate::pipeline::ops::DeconvOp;

    #[test]
    fn a_read_of_a_file_that_is_cut_off_in_mid_run_is_tried_again_and_then_tells_file_task_and_attempts() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("d.fits");
        let (ny, nx) = (1024, 512);
        let mut file = fitsio::FitsFile::create(&path)
            .with_custom_primary(&fitsio::images::ImageDescription {
                data_type: fitsio::images::ImageType::Float,
                dimensions: &[ny, nx],
            })
            .open()
            .unwrap();
        file.primary_hdu().unwrap().write_image(&mut file, &vec![1.0f32; ny * nx]).unwrap();
        drop(file);
        let source = Source(Arc::new(FitsSource::open(path.to_str().unwrap()).unwrap()));
        std::fs::File::options().write(true).open(&path).unwrap().set_len(2880 + 4 * 512 * 512).unwrap();
        let mut graph = TaskGraph::new();
        let key = Key::new("read-dirty", [0, 1]);
        let rows = Rows { first: 512, last: 1024 };
        graph.insert(key.clone(), DeconvOp::ReadRows(ReadRows { source, plane: 0, rows }), Vec::new()).unwrap();
        let error = Serial.execute(graph, &[key], &RunContext::default()).err().unwrap();
        let mut told = error.to_string();
        let mut cause = std::error::Error::source(&error);
        while let Some(error) = cause {
            told.push_str(&error.to_string());
            cause = error.source();
        }
        for part in ["read-dirty(0, 1)", "failed 3 times", "d.fits"] {
            assert!(told.contains(part), "{part} in {told}");
        }
    }
}
