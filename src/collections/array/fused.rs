//! Several operations in one task: what one makes, the next uses up, and it never leaves the worker.

use serde::{Deserialize, Serialize};

use super::element::{Block, Dtype, each};
use super::error::TaskError;
use super::op::{ArrayOp, Kind, Operand, What};
use super::reduce::Partial;
use super::source::Source;
use super::value::ArrayValue;
use super::window::Cut;

/// Bytes of a band: a few of them stay in the cache of a core.
const BAND: usize = 1 << 17;
/// A band begins at a multiple of this many rows of the whole array, so that sums can take eight rows at once.
const ROWS: usize = 8;

/// One operation of a fused one.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Stage {
    pub(super) op: ArrayOp,
    pub(super) inputs: Vec<Origin>,
}

/// Where a stage's input comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Origin {
    /// An input of the task.
    Input(usize),
    /// The result of an earlier stage.
    Stage(usize),
}

/// Number of inputs of the whole.
pub(super) fn arity(stages: &[Stage]) -> usize {
    let inputs = stages.iter().flat_map(|stage| &stage.inputs);
    inputs.filter_map(|origin| if let Origin::Input(n) = origin { Some(n + 1) } else { None }).max().unwrap_or(0)
}

/// `first`, then `next`, which takes its result as input number `place`.
///
/// They stay apart where `next` waits for many: the tasks before it shall run side by side. A reduction stays the end of
/// its task, so that it can go band by band.
pub(super) fn fuse(first: &ArrayOp, next: &ArrayOp, place: usize) -> Option<ArrayOp> {
    let (before, after) = (first.what.arity(), next.what.arity());
    let waits = after > 1 && (before > 1 || !matches!(next.what, What::Binary(_) | What::Custom(_) | What::Fused(_)));
    let is_apart = matches!(first.what, What::Write(_)) || is_combined(next, place);
    if waits || is_apart || place >= after {
        return None;
    }
    let mut stages = stages_of(first);
    if let (What::Slice { cuts, kept }, true) = (&next.what, is_chain_from_source(&stages)) {
        push_down(&mut stages, cuts);
        if kept.iter().all(|kept| *kept) {
            return Some(assembled(stages));
        }
        let cuts = cuts.iter().map(|cut| Cut::run(0..cut.count)).collect();
        let op = ArrayOp { what: What::Slice { cuts, kept: kept.clone() }, ..next.clone() };
        let inputs = vec![Origin::Stage(stages.len() - 1)];
        stages.push(Stage { op, inputs });
        return Some(assembled(stages));
    }
    for stage in &mut stages {
        for origin in &mut stage.inputs {
            if let Origin::Input(n) = origin {
                *n += place;
            }
        }
    }
    let own = stages.len();
    for mut stage in stages_of(next) {
        for origin in &mut stage.inputs {
            *origin = match *origin {
                Origin::Input(n) if n == place => Origin::Stage(own - 1),
                Origin::Input(n) if n > place => Origin::Input(n + before - 1),
                Origin::Input(n) => Origin::Input(n),
                Origin::Stage(n) => Origin::Stage(n + own),
            };
        }
        stages.push(stage);
    }
    Some(assembled(stages))
}

/// Whether input number `place` goes into shares that are put together.
fn is_combined(op: &ArrayOp, place: usize) -> bool {
    match &op.what {
        What::Combine { .. } => true,
        What::Fused(stages) => {
            let takes = |stage: &Stage| stage.inputs.contains(&Origin::Input(place));
            stages.iter().any(|stage| matches!(stage.op.what, What::Combine { .. }) && takes(stage))
        }
        _ => false,
    }
}

fn stages_of(op: &ArrayOp) -> Vec<Stage> {
    match &op.what {
        What::Fused(stages) => stages.clone(),
        what => vec![Stage { op: op.clone(), inputs: (0..what.arity()).map(Origin::Input).collect() }],
    }
}

/// Whether it is a source followed by operations on each element.
fn is_chain_from_source(stages: &[Stage]) -> bool {
    let Some((source, rest)) = stages.split_first() else { return false };
    let is_next = |(place, stage): (usize, &Stage)| {
        matches!(stage.op.what, What::Unary(_)) && stage.inputs == [Origin::Stage(place)]
    };
    matches!(source.op.what, What::Make { .. }) && rest.iter().enumerate().all(is_next)
}

/// Makes only the elements that a slice takes: the others are not read, or thrown, at all.
fn push_down(stages: &mut [Stage], cuts: &[Cut]) {
    let Some(What::Make { source, window, .. }) = stages.first_mut().map(|stage| &mut stage.op.what) else { return };
    let before: usize = window.iter().map(|cut| cut.count).product();
    if let (Source::Line { .. }, [cut]) = (&*source, cuts) {
        window[0] = window[0].then(*cut);
    } else {
        window.iter_mut().zip(cuts).for_each(|(cut, further)| *cut = cut.then(*further));
    }
    let after: usize = window.iter().map(|cut| cut.count).product();
    let share = |amount: u64| (u128::from(amount) * after as u128 / before.max(1) as u128) as u64;
    for Stage { op, .. } in stages {
        (op.bytes, op.scratch, op.flops) =
            (share(op.bytes), share(op.scratch), op.flops * after as f64 / before.max(1) as f64);
    }
}

fn assembled(stages: Vec<Stage>) -> ArrayOp {
    if let [only] = stages.as_slice() {
        return only.op.clone();
    }
    let bytes = stages.last().map_or(0, |stage| stage.op.bytes);
    let flops = stages.iter().map(|stage| stage.op.flops).sum();
    let (kind, scratch) = (kind(&stages), scratch(&stages));
    ArrayOp { what: What::Fused(stages), kind, bytes, scratch, flops }
}

/// The names of the stages, the middle left out of long ones.
fn kind(stages: &[Stage]) -> Kind {
    let mut names: Vec<&str> = stages.iter().map(|stage| stage.op.kind.0).collect();
    names.dedup();
    if let [first, .., last] = names[..]
        && names.len() > 4
    {
        return Kind::named(&format!("{first}+...+{last}"));
    }
    Kind::named(&names.join("+"))
}

/// Peak of what the stages hold beside the task's inputs and its result \[bytes\].
fn scratch(stages: &[Stage]) -> u64 {
    if let Some((source, row)) = banded(stages) {
        // a band, what a stage makes of it, and the numbers on the way to a sum
        let band = band_rows(row) * row * 8;
        return (4 * band) as u64 + source.op.scratch + stages.last().map_or(0, |last| last.op.scratch);
    }
    let last_use = |place: usize| {
        stages.iter().rposition(|stage| stage.inputs.contains(&Origin::Stage(place))).unwrap_or(stages.len())
    };
    let ends: Vec<usize> = (0..stages.len()).map(last_use).collect();
    let held = |at: usize| {
        let in_place = matches!(stages[at].op.what, What::Unary(unary) if unary.is_in_place());
        let is_kept = |place: usize| ends[place] > at || (ends[place] == at && !in_place);
        let kept = (0..=at).filter(|&place| is_kept(place) && place + 1 < stages.len());
        kept.map(|place| stages[place].op.bytes).sum::<u64>() + stages[at].op.scratch
    };
    (0..stages.len()).map(held).max().unwrap_or(0)
}

/// Runs the stages one after the other.
pub(super) fn run(stages: &[Stage], inputs: &[Operand<'_>]) -> Result<ArrayValue, TaskError> {
    if banded(stages).is_some() {
        return run_banded(stages);
    }
    let mut made: Vec<Option<ArrayValue>> = Vec::with_capacity(stages.len());
    for (at, stage) in stages.iter().enumerate() {
        // what no later stage uses is used up, unless this one takes it twice
        let is_last = |place: usize, input: usize| {
            stages[at + 1..].iter().all(|later| !later.inputs.contains(&Origin::Stage(place)))
                && !stage.inputs[input + 1..].contains(&Origin::Stage(place))
        };
        let mut taken: Vec<Option<ArrayValue>> = Vec::new();
        for (input, origin) in stage.inputs.iter().enumerate() {
            taken.push(match origin {
                Origin::Stage(place) if is_last(*place, input) && stage.inputs.len() == 1 => made[*place].take(),
                _ => None,
            });
        }
        let missing = || TaskError::Input { input: at, expected: "a value", found: "nothing".to_owned() };
        let operands: Vec<Operand<'_>> = (stage.inputs.iter().zip(taken))
            .map(|(origin, taken)| match (taken, origin) {
                (Some(value), _) => Ok(Operand::Owned(value)),
                (None, Origin::Input(n)) => {
                    inputs.get(*n).map(|input| Operand::Shared(input.value())).ok_or_else(missing)
                }
                (None, Origin::Stage(n)) => made[*n].as_ref().map(Operand::Shared).ok_or_else(missing),
            })
            .collect::<Result<_, _>>()?;
        let value = stage.op.what.run(operands)?;
        made.push(Some(value));
        for (input, origin) in stage.inputs.iter().enumerate() {
            if let Origin::Stage(place) = origin
                && is_last(*place, input)
            {
                made[*place] = None;
            }
        }
    }
    made.pop().flatten().ok_or_else(|| TaskError::Input { input: 0, expected: "a stage", found: "none".to_owned() })
}

/// If the stages are a source, operations on each element, and a reduction, they can go band by band: the source and the
/// elements of a row \[elements\].
fn banded(stages: &[Stage]) -> Option<(&Stage, usize)> {
    let (last, chain) = stages.split_last()?;
    let What::Make { window, .. } = &chain.first()?.op.what else { return None };
    let is_reduction = matches!(last.op.what, What::Reduce { .. }) && last.inputs == [Origin::Stage(chain.len() - 1)];
    let is_local = |(place, stage): (usize, &Stage)| {
        let is_elementwise = match &stage.op.what {
            What::Unary(_) => true,
            What::Custom(custom) => custom.is_elementwise && custom.arity == 1,
            _ => false,
        };
        is_elementwise && stage.inputs == [Origin::Stage(place)]
    };
    let is_banded = is_reduction && chain[1..].iter().enumerate().all(is_local);
    is_banded.then(|| (&chain[0], window[1..].iter().map(|cut| cut.count).product()))
}

/// Rows of a band.
fn band_rows(row: usize) -> usize {
    (BAND / (8 * row.max(1))).max(1).next_multiple_of(ROWS)
}

/// Makes and reduces a band of rows at a time: a chunk of any size passes through the cache.
fn run_banded(stages: &[Stage]) -> Result<ArrayValue, TaskError> {
    let (last, chain) = stages.split_last().expect("banded() saw a reduction");
    let (What::Make { source, dtype, window }, What::Reduce { fold, axis, first }) = (&chain[0].op.what, &last.op.what)
    else {
        unreachable!("banded() saw a source and a reduction");
    };
    let rows = window[0].count;
    let row = window[1..].iter().map(|cut| cut.count).product();
    let mut shape: Vec<usize> = window.iter().map(|cut| cut.count).collect();
    shape.remove(*axis);
    let mut whole = Partial::new(*fold, shape);
    let (along, height) = (*axis == 0, band_rows(row));
    let mut from = 0;
    while from < rows {
        let begins = if along { (*first as usize + from) % ROWS } else { 0 };
        let to = (from + height - begins).min(rows);
        let mut window = window.clone();
        window[0] = window[0].then(Cut::run(from..to));
        let band = made(source, (*dtype, &window), &chain[1..])?;
        if along {
            push(&mut whole, first + from as u64, row, &band);
        } else {
            whole.append_cells(Partial::of(*fold, *axis, *first, &band));
        }
        from = to;
    }
    Ok(ArrayValue::Partial(whole.done()))
}

fn made(source: &Source, (dtype, window): (Dtype, &[Cut]), chain: &[Stage]) -> Result<Block, TaskError> {
    let mut value = ArrayValue::Block(source.make(dtype, window)?);
    for stage in chain {
        value = stage.op.what.run(vec![Operand::Owned(value)])?;
    }
    match value {
        ArrayValue::Block(block) => Ok(block),
        other => Err(TaskError::Input { input: 0, expected: "a chunk", found: other.what() }),
    }
}

/// Takes the rows of a band into a reduction along axis 0.
fn push(whole: &mut Partial, first: u64, width: usize, band: &Block) {
    each!(band, array => {
        let array = array.as_standard_layout();
        whole.push_rows(first, width, array.as_slice().expect("an array in row order"));
    });
}
