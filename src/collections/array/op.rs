//! The operations of an array's graph: plain data.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use ndarray::{Axis, IxDyn, Slice};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::element::{Block, Dtype, Element, each, shaped};
use super::elementwise::{Binary, Custom, Unary};
use super::error::TaskError;
use super::fourier::Transform;
use super::fused::{self, Stage};
use super::gather::Gather;
use super::reduce::{Fold, Partial, Reduction};
use super::source::Source;
use super::store::Write;
use super::value::{ArrayValue, CODEC};
use super::window::Cut;
use crate::graph::{Codec, Cost, Digest, Meta, Op, TaskContext};

/// How often a read or a write is tried again.
const RETRIES: u32 = 2;

/// An operation of an array's graph, with what it takes.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ArrayOp {
    pub(super) what: What,
    pub(super) kind: Kind,
    /// Size of the result \[bytes\].
    pub(super) bytes: u64,
    /// Memory beside inputs and result \[bytes\].
    pub(super) scratch: u64,
    pub(super) flops: f64,
}

/// What an operation does.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) enum What {
    /// Makes a part of something.
    Make {
        source: Source,
        dtype: Dtype,
        window: Vec<Cut>,
    },
    Unary(Unary),
    Binary(Binary),
    /// Takes a part of a chunk, and leaves out the axes that are not kept.
    Slice {
        cuts: Vec<Cut>,
        kept: Vec<bool>,
    },
    Transpose(Vec<usize>),
    Gather(Gather),
    Transform {
        transform: Transform,
        axis: usize,
    },
    /// A chunk's share of a reduction; its first element is number `first` of the axis.
    Reduce {
        fold: Fold,
        axis: usize,
        first: u64,
    },
    /// Shares of neighbours put together.
    Combine {
        count: usize,
        finish: Option<Finish>,
    },
    Write(Write),
    Fused(Vec<Stage>),
    /// What a function of the user does; it cannot leave this process. It must stand last, or those behind it would be
    /// read as others than they were written.
    #[serde(skip)]
    Custom(Custom),
}

/// The end of a reduction along an axis of this length.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct Finish {
    pub(super) reduction: Reduction,
    pub(super) dtype: Dtype,
    pub(super) length: u64,
}

/// Name of a kind of operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Kind(pub(super) &'static str);

impl Serialize for Kind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Kind {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <Cow<'de, str>>::deserialize(deserializer).map(|name| Self::named(&name))
    }
}

impl Kind {
    /// A kind of this name; a name stays for ever, and there are few of them.
    pub(super) fn named(name: &str) -> Self {
        static NAMES: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());
        let mut names = NAMES.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = names.get(name) {
            return Self(known);
        }
        let name: &'static str = Box::leak(name.to_owned().into_boxed_str());
        names.insert(name);
        Self(name)
    }
}

/// An input of a step: another task's value, or one made on the way, which may be used up.
pub(super) enum Operand<'a> {
    Shared(&'a ArrayValue),
    Owned(ArrayValue),
}

impl Operand<'_> {
    pub(super) fn value(&self) -> &ArrayValue {
        match self {
            Self::Shared(value) => value,
            Self::Owned(value) => value,
        }
    }

    fn into_block(self, input: usize) -> Result<Block, TaskError> {
        if let Self::Owned(ArrayValue::Block(block)) = self {
            return Ok(block);
        }
        borrow(self.value(), input).map(Cow::into_owned)
    }
}

/// The chunk of input number `input`.
pub(super) fn borrow(value: &ArrayValue, input: usize) -> Result<Cow<'_, Block>, TaskError> {
    value.block()?.ok_or_else(|| TaskError::Input { input, expected: "a chunk", found: value.what() })
}

impl What {
    /// Number of inputs.
    pub(super) fn arity(&self) -> usize {
        match self {
            Self::Make { .. } => 0,
            Self::Binary(_) => 2,
            Self::Custom(custom) => custom.arity,
            Self::Gather(gather) => gather.arity(),
            Self::Combine { count, .. } => *count,
            Self::Fused(stages) => fused::arity(stages),
            _ => 1,
        }
    }

    /// Name of the operation.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Make { source, .. } => source.kind(),
            Self::Unary(unary) => unary.name(),
            Self::Binary(binary) => binary.name(),
            Self::Custom(custom) => custom.name,
            Self::Slice { .. } => "slice",
            Self::Transpose(_) => "transpose",
            Self::Gather(_) => "rechunk",
            Self::Transform { .. } => "fft",
            Self::Reduce { .. } => "reduce",
            Self::Combine { .. } => "combine",
            Self::Write(_) => "write",
            Self::Fused(_) => "fused",
        }
    }

    pub(super) fn run(&self, mut inputs: Vec<Operand<'_>>) -> Result<ArrayValue, TaskError> {
        let wrong = |found: &Block| TaskError::Input {
            input: 0,
            expected: "chunks of one shape and of a type that the operation takes",
            found: format!("{:?} of {:?}", found.shape(), found.dtype()),
        };
        let mut first = || {
            let none = TaskError::Input { input: 0, expected: "a chunk", found: "nothing".to_owned() };
            if inputs.is_empty() { Err(none) } else { inputs.remove(0).into_block(0) }
        };
        let block = match self {
            Self::Make { source, dtype, window } => source.make(*dtype, window)?,
            Self::Unary(unary) => unary.apply(first()?),
            Self::Slice { cuts, kept } => sliced(&first()?, cuts, kept),
            Self::Transpose(axes) => transposed(first()?, axes),
            Self::Transform { transform, axis } => {
                let block = first()?;
                transform.run(*axis, &block).ok_or_else(|| wrong(&block))?
            }
            Self::Reduce { fold, axis, first: at } => {
                return Ok(ArrayValue::Partial(Partial::of(*fold, *axis, *at, &first()?)));
            }
            Self::Write(write) => {
                write.run(&first()?)?;
                return Ok(ArrayValue::Written);
            }
            Self::Binary(_) | Self::Custom(_) => {
                let blocks: Vec<Cow<'_, Block>> = (inputs.iter().enumerate())
                    .map(|(number, input)| borrow(input.value(), number))
                    .collect::<Result<_, _>>()?;
                let blocks: Vec<&Block> = blocks.iter().map(AsRef::as_ref).collect();
                let result = match self {
                    Self::Binary(binary) => binary.apply(blocks[0], blocks[1]),
                    Self::Custom(custom) => (custom.function)(&blocks),
                    _ => None,
                };
                result.ok_or_else(|| wrong(blocks[0]))?
            }
            Self::Gather(gather) => gather.run(&inputs.iter().map(Operand::value).collect::<Vec<_>>())?,
            Self::Combine { finish, .. } => return combined(inputs, *finish),
            Self::Fused(stages) => return fused::run(stages, &inputs),
        };
        Ok(ArrayValue::Block(block))
    }
}

fn combined(inputs: Vec<Operand<'_>>, finish: Option<Finish>) -> Result<ArrayValue, TaskError> {
    let mut whole: Option<Partial> = None;
    for (number, input) in inputs.into_iter().enumerate() {
        let ArrayValue::Partial(next) = input.value() else {
            let found = input.value().what();
            return Err(TaskError::Input { input: number, expected: "a partial result", found });
        };
        match &mut whole {
            Some(whole) => whole.push_partial(next),
            None => whole = Some(next.clone()),
        }
    }
    let none = || TaskError::Input { input: 0, expected: "a partial result", found: "nothing".to_owned() };
    let whole = whole.ok_or_else(none)?;
    Ok(match finish {
        Some(Finish { reduction, dtype, length }) => ArrayValue::Block(whole.finish(reduction, dtype, length)),
        None => ArrayValue::Partial(whole.done()),
    })
}

/// Cuts a block; axes that are not kept have one element.
fn sliced(block: &Block, cuts: &[Cut], kept: &[bool]) -> Block {
    each!(block, array => {
        let mut view = array.view();
        for (axis, cut) in cuts.iter().enumerate() {
            // the end lies behind the last element, not at a whole step, which may lie outside
            let end = if cut.count == 0 { cut.start } else { cut.start + (cut.count - 1) * cut.step + 1 };
            view.slice_axis_inplace(Axis(axis), Slice::new(cut.start as isize, Some(end as isize), cut.step as isize));
        }
        let shape: Vec<usize> = cuts.iter().zip(kept).filter(|(_, kept)| **kept).map(|(cut, _)| cut.count).collect();
        Element::wrap(shaped(&shape, view.iter().copied().collect()))
    })
}

fn transposed(block: Block, axes: &[usize]) -> Block {
    /// Rows and columns that are turned together: a tile of either stays in the cache.
    const TILE: usize = 32;
    each!(block, array => {
        let turned = array.permuted_axes(IxDyn(axes));
        if turned.ndim() != 2 {
            return Element::wrap(turned.as_standard_layout().into_owned());
        }
        let (ny, nx) = (turned.shape()[0], turned.shape()[1]);
        let mut out = ndarray::Array2::from_elem((ny, nx), Element::from_real(0.0));
        let turned = turned.into_dimensionality::<ndarray::Ix2>().expect("two axes");
        for y in (0..ny).step_by(TILE) {
            for x in (0..nx).step_by(TILE) {
                let part = ndarray::s![y..(y + TILE).min(ny), x..(x + TILE).min(nx)];
                out.slice_mut(part).assign(&turned.slice(part));
            }
        }
        Element::wrap(out.into_dyn())
    })
}

impl Op for ArrayOp {
    type Value = ArrayValue;
    type Error = TaskError;

    fn kind(&self) -> &'static str {
        self.kind.0
    }

    fn cost(&self, _inputs: &[Meta]) -> Cost {
        Cost { flops: self.flops, output_bytes: self.bytes, scratch_bytes: self.scratch }
    }

    fn run(&self, inputs: &[Arc<ArrayValue>], _context: &TaskContext) -> Result<ArrayValue, TaskError> {
        self.what.run(inputs.iter().map(|input| Operand::Shared(input)).collect())
    }

    fn describe(&self) -> String {
        self.what.to_string()
    }

    fn shape(value: &ArrayValue) -> Option<String> {
        Some(value.what())
    }

    fn digest(&self) -> Option<Digest> {
        if self.any(|what| matches!(what, What::Custom(_) | What::Write(_))) {
            return None;
        }
        Digest::of_value("array", &self.what)
    }

    fn retries(&self) -> u32 {
        let is_file = |what: &What| matches!(what, What::Write(_) | What::Make { source: Source::Fits { .. }, .. });
        if self.any(is_file) { RETRIES } else { 0 }
    }

    fn load_bytes(&self, input: usize, meta: Meta) -> u64 {
        match &self.what {
            What::Gather(gather) => gather.dtype.bytes() * gather.elements_of(input) as u64,
            _ => meta.bytes,
        }
    }

    fn fuse(&self, next: &Self, place: usize) -> Option<Self> {
        fused::fuse(self, next, place)
    }

    fn codec() -> Option<Codec<ArrayValue>> {
        Some(CODEC)
    }
}

impl ArrayOp {
    fn any(&self, is: impl Fn(&What) -> bool) -> bool {
        match &self.what {
            What::Fused(stages) => stages.iter().any(|stage| is(&stage.op.what)),
            what => is(what),
        }
    }
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Make { source, window, .. } => write!(f, "{source:?} at {}", Cuts(window)),
            Self::Unary(unary) => write!(f, "{unary:?}"),
            Self::Binary(binary) => write!(f, "{binary:?}"),
            Self::Custom(custom) => write!(f, "{custom:?}"),
            Self::Slice { cuts, .. } => write!(f, "{}", Cuts(cuts)),
            Self::Transpose(axes) => write!(f, "axes {axes:?}"),
            Self::Gather(Gather { start, shape, boundary, .. }) => {
                write!(f, "{shape:?} from {start:?}, boundary {boundary:?}")
            }
            Self::Transform { transform, axis } => write!(f, "{transform:?} along axis {axis}"),
            Self::Reduce { fold, axis, first } => write!(f, "{fold:?} along axis {axis} from {first}"),
            Self::Combine { count, finish } => match finish {
                Some(Finish { reduction, length, .. }) => write!(f, "{count} to the {} of {length}", reduction.name()),
                None => write!(f, "{count}"),
            },
            Self::Write(to) => write!(f, "{to}"),
            Self::Fused(stages) => {
                for (place, stage) in stages.iter().enumerate() {
                    write!(f, "{}{}: {}", if place == 0 { "" } else { "; " }, stage.op.what.name(), stage.op.what)?;
                }
                Ok(())
            }
        }
    }
}

/// Cuts as ranges are written.
struct Cuts<'a>(&'a [Cut]);

impl fmt::Display for Cuts<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let one = |cut: &Cut| match cut.step {
            1 => format!("{}..{}", cut.start, cut.start + cut.count),
            step => format!("{}..{} step {step}", cut.start, cut.start + cut.count * step),
        };
        write!(f, "[{}]", self.0.iter().map(one).collect::<Vec<_>>().join(", "))
    }
}
