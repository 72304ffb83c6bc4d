//! How values leave memory and come back, to the last bit.
//!
//! A file holds the number of the variant, then its parts: sizes and small parts through serde, pixels and spectra as
//! raw little-endian numbers. The numbers of a [`SlabSpectrum`] stand block after block and those of a [`BlockRows`] row
//! after row, as in memory, and are read piece by piece when a stage wants them.

use std::io::{self, Write};
use std::ops::Range;
use std::sync::Arc;

use ndarray::Array2;
use rustfft::num_complex::Complex32;

use super::{DirtySlab, PsfFacts, Response, SlabRank, SlabSurvey, Value};
use crate::algorithms::wiener::{Ceiling, Choice, MaternFit, SpectrumTable, Spread, StepTable, Survey, Usable};
use crate::algorithms::{CellRows, Contrast, FloorMap, Levels, PlaneStats, RmsMap, Step, Steps, TileRank, TileRules};
use crate::fft::{BlockRows, Elsewhere, Numbers, Placement, SlabSpectrum, Transfer};
use crate::graph::{Codec, Packer, Plain, Stored, Unpacker, read_all};
use crate::images::{CoreFacts, Image, Mask, Psf, PsfError, PsfPart, PsfPeak, PsfSurvey};
use crate::kernels::list::ActiveList;
use crate::pipeline::ops::{ModelTally, SlabTally};
use crate::pipeline::record::{Pooled, PooledRows, Pooling};
use crate::tiling::{Seams, Strip};
use crate::units::Kind;

/// How values leave memory and come back.
pub(super) const CODEC: Codec<Value> = Codec { write, read };

/// A part of a value that knows how it is written.
trait Part: Sized {
    fn put(&self, to: &mut Packer<'_>) -> io::Result<()>;
    fn get(from: &mut Unpacker<'_>) -> io::Result<Self>;
}

/// Makes `write` and `read` from the variants and their numbers, which must not change within a file's life.
macro_rules! variants {
    ($($number:literal $variant:ident($($part:ident),*);)*) => {
        fn write(value: &Value, to: &mut dyn Write) -> io::Result<()> {
            let mut to = Packer::new(to);
            match value {
                $(Value::$variant($($part),*) => {
                    to.put_all(&[$number as u8])?;
                    $($part.put(&mut to)?;)*
                })*
                Value::Done => to.put_all(&[DONE])?,
            }
            Ok(())
        }

        fn read(stored: &Stored) -> io::Result<Value> {
            let mut from = Unpacker::new(stored);
            match from.get_all::<u8>(1)?[0] {
                $($number => {
                    $(let $part = Part::get(&mut from)?;)*
                    Ok(Value::$variant($($part),*))
                })*
                DONE => Ok(Value::Done),
                number => Err(from.damaged(&format!("a value of kind {number}"))),
            }
        }
    };
}

/// Number of the value that says nothing.
const DONE: u8 = 0;

variants! {
    1 Pixels(pixels);
    2 Psf(psf);
    3 NoPsf(error);
    4 Dirty(slab);
    5 Allowed(mask);
    6 PsfFacts(facts);
    7 PsfCore(core);
    8 Residual(image);
    9 Model(image);
    10 Restored(image);
    11 Spectrum(spectrum);
    12 Transfer(transfer);
    13 Block(block);
    14 Survey(survey);
    15 Noise(stats);
    16 Floor(map);
    17 Rank(rank);
    18 Statistics(stats, levels);
    19 Active(list);
    20 Step(step);
    21 Tally(tally);
    22 Pooled(pooled);
    23 PsfPeak(peak);
    24 ModeSurvey(survey);
    25 Usable(usable);
    26 ModeTable(table);
    27 Choice(choice);
    28 Ceiling(ceiling);
    29 Vector(pixels);
    30 RowSums(sums);
    31 Scalar(number);
    32 PsfSurvey(survey);
    33 PsfPart(part);
    34 SlabTally(tally);
    35 PooledRows(rows);
    36 Strips(strips);
    37 Seams(seams);
    38 TileRanks(ranks);
    39 TileRules(rules);
    40 CellRows(rows);
    41 RmsMap(map);
    42 Steps(steps);
    43 Contrast(contrast);
    44 Spread(spread);
    45 Response(response);
    46 StepTable(table);
    47 MaternFit(fit);
}

/// Parts that go through serde.
macro_rules! by_serde {
    ($($part:ty),*) => {
        $(impl Part for $part {
            fn put(&self, to: &mut Packer<'_>) -> io::Result<()> {
                to.put(self)
            }

            fn get(from: &mut Unpacker<'_>) -> io::Result<Self> {
                from.get()
            }
        })*
    };
}

by_serde!(
    PsfError,
    PsfFacts,
    CoreFacts,
    PsfPeak,
    PsfPart,
    PsfSurvey,
    PlaneStats,
    FloorMap,
    Contrast,
    CellRows,
    RmsMap,
    SlabRank,
    Levels,
    Step,
    Steps,
    ModelTally,
    SlabTally,
    PooledRows,
    Survey,
    Usable,
    SpectrumTable,
    StepTable,
    MaternFit,
    Choice,
    Spread,
    Response,
    Ceiling,
    Seams,
    Vec<TileRank>,
    TileRules,
    f64
);

impl<T: Plain> Part for Vec<T> {
    fn put(&self, to: &mut Packer<'_>) -> io::Result<()> {
        to.put(&self.len())?;
        to.put_all(self)
    }

    fn get(from: &mut Unpacker<'_>) -> io::Result<Self> {
        let len = from.get()?;
        from.get_all(len)
    }
}

impl Part for Array2<f32> {
    fn put(&self, to: &mut Packer<'_>) -> io::Result<()> {
        to.put(&self.dim())?;
        let rows = self.as_standard_layout();
        to.put_all(rows.as_slice().expect("rows in order are one slice"))
    }

    fn get(from: &mut Unpacker<'_>) -> io::Result<Self> {
        let shape: (usize, usize) = from.get()?;
        let pixels = from.get_all(pixels(shape, from)?)?;
        Self::from_shape_vec(shape, pixels).map_err(|error| from.damaged(&error.to_string()))
    }
}

/// Pixels of a shape that was read.
fn pixels((ny, nx): (usize, usize), from: &Unpacker<'_>) -> io::Result<usize> {
    ny.checked_mul(nx).ok_or_else(|| from.damaged("a shape beyond all memory"))
}

impl<K: Kind> Part for Image<K> {
    fn put(&self, to: &mut Packer<'_>) -> io::Result<()> {
        self.pixels().put(to)
    }

    fn get(from: &mut Unpacker<'_>) -> io::Result<Self> {
        Array2::get(from).map(Self::new)
    }
}

impl Part for Psf {
    fn put(&self, to: &mut Packer<'_>) -> io::Result<()> {
        to.put(self.peak())?;
        self.pixels().put(to)
    }

    fn get(from: &mut Unpacker<'_>) -> io::Result<Self> {
        let peak = from.get()?;
        let pixels = Array2::get(from)?;
        Self::from_parts(peak, pixels).ok_or_else(|| from.damaged("a PSF without its centre"))
    }
}

impl Part for Mask {
    fn put(&self, to: &mut Packer<'_>) -> io::Result<()> {
        to.put(&self.shape())?;
        to.put_all(self.flags())
    }

    fn get(from: &mut Unpacker<'_>) -> io::Result<Self> {
        let shape = from.get()?;
        let flags = from.get_all(pixels(shape, from)?)?;
        Self::from_flags(shape, flags).ok_or_else(|| from.damaged("a mask of another shape"))
    }
}

impl<P: Part> Part for Option<P> {
    fn put(&self, to: &mut Packer<'_>) -> io::Result<()> {
        to.put_all(&[self.is_some()])?;
        self.as_ref().map_or(Ok(()), |part| part.put(to))
    }

    fn get(from: &mut Unpacker<'_>) -> io::Result<Self> {
        if from.get_all(1)?[0] { P::get(from).map(Some) } else { Ok(None) }
    }
}

impl Part for DirtySlab {
    fn put(&self, to: &mut Packer<'_>) -> io::Result<()> {
        self.image.put(to)?;
        self.finite.put(to)
    }

    fn get(from: &mut Unpacker<'_>) -> io::Result<Self> {
        Ok(Self { image: Part::get(from)?, finite: Part::get(from)? })
    }
}

/// Numbers are left in the file: the next stage reads what it needs of them.
impl Part for Numbers {
    fn put(&self, to: &mut Packer<'_>) -> io::Result<()> {
        to.put(&self.len())?;
        for first in (0..self.len()).step_by(PIECE) {
            to.put_all(&self.get(first..self.len().min(first + PIECE))?)?;
        }
        Ok(())
    }

    fn get(from: &mut Unpacker<'_>) -> io::Result<Self> {
        let len = from.get()?;
        Ok(Self::There(Arc::new(Remote(from.skip::<Complex32>(len)?))))
    }
}

/// Numbers written at once.
const PIECE: usize = 1 << 16;

/// Complex numbers of a value in a file.
struct Remote(Stored);

impl Elsewhere for Remote {
    fn len(&self) -> usize {
        (self.0.len() / Complex32::BYTES as u64) as usize
    }

    fn read(&self, range: Range<usize>) -> io::Result<Vec<Complex32>> {
        let bytes = Complex32::BYTES as u64;
        read_all(&self.0.part(bytes * range.start as u64, bytes * range.len() as u64)?)
    }
}

impl Part for SlabSpectrum {
    fn put(&self, to: &mut Packer<'_>) -> io::Result<()> {
        to.put(&(self.placement(), self.rows()))?;
        self.values().put(to)
    }

    fn get(from: &mut Unpacker<'_>) -> io::Result<Self> {
        let (placement, rows): (Placement, usize) = from.get()?;
        Ok(Self::from_parts(placement, rows, Part::get(from)?))
    }
}

impl Part for Transfer {
    fn put(&self, to: &mut Packer<'_>) -> io::Result<()> {
        let (first, ly, values) = self.parts();
        to.put(&(first, ly, values.len()))?;
        to.put_all(values)
    }

    fn get(from: &mut Unpacker<'_>) -> io::Result<Self> {
        let (first, ly, len): (usize, usize, usize) = from.get()?;
        Ok(Self::from_parts(first, ly, from.get_all(len)?))
    }
}

impl Part for BlockRows {
    fn put(&self, to: &mut Packer<'_>) -> io::Result<()> {
        to.put(&self.width())?;
        self.values().put(to)
    }

    fn get(from: &mut Unpacker<'_>) -> io::Result<Self> {
        let width = from.get()?;
        Ok(Self::from_parts(width, Part::get(from)?))
    }
}

impl Part for SlabSurvey {
    fn put(&self, to: &mut Packer<'_>) -> io::Result<()> {
        let Self { min, max, pixels, squares, sample } = self;
        to.put(&(min, max, pixels))?;
        squares.put(to)?;
        sample.put(to)
    }

    fn get(from: &mut Unpacker<'_>) -> io::Result<Self> {
        let (min, max, pixels) = from.get()?;
        Ok(Self { min, max, pixels, squares: Part::get(from)?, sample: Part::get(from)? })
    }
}

impl Part for ActiveList {
    fn put(&self, to: &mut Packer<'_>) -> io::Result<()> {
        let Self { y, x, value, weight } = self;
        y.put(to)?;
        x.put(to)?;
        value.put(to)?;
        weight.put(to)
    }

    fn get(from: &mut Unpacker<'_>) -> io::Result<Self> {
        Ok(Self { y: Part::get(from)?, x: Part::get(from)?, value: Part::get(from)?, weight: Part::get(from)? })
    }
}

impl Part for Vec<Strip> {
    fn put(&self, to: &mut Packer<'_>) -> io::Result<()> {
        to.put(&self.len())?;
        self.iter().try_for_each(|strip| {
            to.put(&(strip.costs().len(), strip.steps().len()))?;
            to.put_all(strip.costs())?;
            to.put_all(strip.steps())
        })
    }

    fn get(from: &mut Unpacker<'_>) -> io::Result<Self> {
        let strips: usize = from.get()?;
        let mut strip = || {
            let (costs, steps): (usize, usize) = from.get()?;
            Ok(Strip::from_parts(from.get_all(costs)?, from.get_all(steps)?))
        };
        (0..strips).map(|_| strip()).collect()
    }
}

impl Part for Pooled {
    fn put(&self, to: &mut Packer<'_>) -> io::Result<()> {
        let Self { full, factor, pooling, shape, pixels } = self;
        to.put(&(full, factor, pooling, shape))?;
        pixels.put(to)
    }

    fn get(from: &mut Unpacker<'_>) -> io::Result<Self> {
        let (full, factor, pooling, shape): (_, _, Pooling, _) = from.get()?;
        Ok(Self { full, factor, pooling, shape, pixels: Part::get(from)? })
    }
}

#[cfg(test)]
#[path = "codec_tests.rs"]
mod tests;
