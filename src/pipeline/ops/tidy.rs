//! The last steps of multiscale CLEAN: points beside sources are taken out, the others fitted anew, and what the model holds
//! below the noise is taken away.

use std::collections::BTreeSet;
use std::sync::Arc;

use ndarray::Array2;
use serde::{Deserialize, Serialize};

use super::clean::join;
use super::{OpError, Rows, Value, Work};
use crate::algorithms::{Component, Refitting, Step, Steps, refit};
use crate::graph::{Cost, Meta, TaskContext};
use crate::images::{BeamShape, Image, Mask};
use crate::kernels::list::ActiveList;

/// Where the restored image stands out: at `least` and, if that is asked, by itself; inputs: the slabs of the restored image
/// that hold the rows and those around them.
///
/// A pixel does not stand out by itself on the steep side of a brighter one: where the beam around this one holds the pixel at
/// `side` of its peak or more, and the pixel has less than this share of its brightness. What CLEAN takes there makes up for
/// errors of the points on the source. Of a source of the width of the beam `side` of 0.13 leaves what lies within 0.86
/// widths of its peak.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Standing {
    /// The rows.
    pub rows: Rows,
    /// First of the rows that are given.
    pub first: usize,
    /// The clean beam.
    pub beam: BeamShape,
    /// Least brightness \[Jy/beam\].
    pub least: f32,
    /// Share of a brighter pixel; 0 asks nothing.
    pub side: f32,
}

impl Standing {
    /// Pixels from a peak to where its side ends, at the most.
    pub fn reach(beam: &BeamShape, side: f32) -> usize {
        if side <= 0.0 { 0 } else { (0.5 * beam.widths().0 * (-f64::from(side).log2()).sqrt()).ceil() as usize }
    }

    /// Offsets of the pixels on the side of a beam.
    fn offsets(&self) -> Vec<(isize, isize)> {
        let reach = Self::reach(&self.beam, self.side) as isize;
        let all = (-reach..=reach).flat_map(|dy| (-reach..=reach).map(move |dx| (dy, dx)));
        all.filter(|(dy, dx)| self.beam.value(*dy as f64, *dx as f64) >= f64::from(self.side)).collect()
    }
}

impl Work for Standing {
    const KIND: &'static str = "standing";

    fn cost(&self, inputs: &[Meta]) -> Cost {
        let bytes: u64 = inputs.iter().map(|meta| meta.bytes).sum();
        Cost { flops: 4.0 * bytes as f64, output_bytes: bytes / 4, scratch_bytes: bytes }
    }

    fn run(&self, inputs: &[Arc<Value>], _context: &TaskContext) -> Result<Value, OpError> {
        let slabs: Vec<_> = inputs.iter().map(|slab| slab.restored().pixels()).collect();
        let rows: Vec<_> = slabs.iter().flat_map(|slab| slab.rows()).collect();
        let (nx, offsets) = (slabs[0].ncols(), self.offsets());
        let share = self.side;
        let is_up = |y: usize, x: usize| {
            let own = rows[y][x].abs();
            let is_side = |(dy, dx): &(isize, isize)| {
                let (Some(y), Some(x)) = (y.checked_add_signed(*dy), x.checked_add_signed(*dx)) else { return false };
                y < rows.len() && x < nx && share * rows[y][x].abs() > own
            };
            own >= self.least && !offsets.iter().any(is_side)
        };
        let flags = self.rows.range().flat_map(|y| (0..nx).map(move |x| (y - self.first, x)));
        let flags = flags.map(|(y, x)| is_up(y, x)).collect();
        let mask = Mask::from_flags((self.rows.len(), nx), flags).expect("there is a flag for each pixel");
        Ok(Value::Allowed(Some(mask)))
    }
}

/// Takes points out where the restored image does not stand out; inputs: what was found, the slab's rows of where it does.
/// Gives what is to be added: points of opposite flux.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TakeOut {
    /// The slab's rows.
    pub rows: Rows,
    /// Slabs of the plane.
    pub slabs: usize,
    /// Number of the points among the scales.
    pub number: usize,
}

impl Work for TakeOut {
    const KIND: &'static str = "take-out";

    fn cost(&self, inputs: &[Meta]) -> Cost {
        Cost { flops: inputs[0].bytes as f64, output_bytes: share(inputs[0].bytes / 16, self.slabs), scratch_bytes: 0 }
    }

    fn run(&self, inputs: &[Arc<Value>], _context: &TaskContext) -> Result<Value, OpError> {
        let Value::Allowed(Some(standing)) = &*inputs[1] else { unreachable!("a mask is wired here") };
        let is_out = |at: &&Component| {
            self.rows.range().contains(&at.y) && !standing.allows(at.y - self.rows.first, at.x) && at.flux != 0.0
        };
        let found = points(&inputs[0], self.number).iter().filter(is_out);
        let components = found.map(|at| Component { flux: -at.flux, ..*at }).collect();
        Ok(Value::Steps(steps(self.number, components)))
    }
}

/// What of the points of a plane one of so many slabs is taken to have: four times its share at the most \[bytes\].
fn share(bytes: u64, slabs: usize) -> u64 {
    bytes.min(4 * bytes / slabs as u64)
}

/// The points among what was found.
fn points(found: &Value, number: usize) -> &[Component] {
    found.steps().0.get(number).map_or(&[][..], |step| &step.components)
}

/// The places next to a point; beyond the image's top and left they are far away.
fn beside(at: &Component) -> impl Iterator<Item = (usize, usize)> {
    let place = |dy: usize, dx: usize| ((at.y + dy).wrapping_sub(1), (at.x + dx).wrapping_sub(1));
    (0..3).flat_map(move |dy| (0..3).map(move |dx| place(dy, dx)))
}

/// Points as what was found.
fn steps(number: usize, components: Vec<Component>) -> Steps {
    let mut steps = vec![Step::default(); number + 1];
    steps[number].components = components;
    Steps(steps)
}

/// The residual in a slab at the points that were found, also at those that were taken out, and at the pixels next to them
/// where the restored image stands out by itself and the user lets components stand; inputs: what was found, the slabs of
/// the residual, of where the image does, and of where they may.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AtPoints {
    /// The slab's rows.
    pub rows: Rows,
    /// Slabs of the plane.
    pub slabs: usize,
    /// Number of the points among the scales.
    pub number: usize,
}

impl Work for AtPoints {
    const KIND: &'static str = "at-points";

    fn cost(&self, inputs: &[Meta]) -> Cost {
        Cost { flops: inputs[0].bytes as f64, output_bytes: share(inputs[0].bytes / 2, self.slabs), scratch_bytes: 0 }
    }

    fn run(&self, inputs: &[Arc<Value>], _context: &TaskContext) -> Result<Value, OpError> {
        let residual = inputs[1].residual().pixels();
        let Value::Allowed(Some(standing)) = &*inputs[2] else { unreachable!("a mask is wired here") };
        let is_up = |(y, x): &(usize, usize)| {
            let is_in = self.rows.range().contains(y) && *x < residual.ncols();
            let mut masks = std::iter::once(standing).chain(inputs[3].allowed());
            is_in && masks.all(|mask| mask.allows(y - self.rows.first, *x))
        };
        let mut places = BTreeSet::new();
        for at in points(&inputs[0], self.number) {
            places.insert((at.y, at.x));
            if at.flux != 0.0 {
                places.extend(beside(at).filter(is_up));
            }
        }
        let mut list = ActiveList::default();
        for (y, x) in places.into_iter().filter(|(y, _)| self.rows.range().contains(y)) {
            list.push((y, x), residual[(y - self.rows.first, x)], 1.0);
        }
        Ok(Value::Active(list))
    }
}

/// Fits the points anew next to which others were taken out; inputs: the residual at the points of each slab, what was taken
/// out, the PSF.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Refit {
    /// Number of the points among the scales.
    pub number: usize,
    /// Points this far apart belong together \[pixels\].
    pub gap: f64,
    /// What may be left at a point \[Jy/beam\].
    pub most: f64,
}

impl Work for Refit {
    const KIND: &'static str = "refit";

    fn cost(&self, inputs: &[Meta]) -> Cost {
        let bytes: u64 = inputs[..inputs.len() - 1].iter().map(|meta| meta.bytes).sum();
        // a guess: clusters of a hundred points
        Cost { flops: 1000.0 * bytes as f64, output_bytes: 2 * bytes, scratch_bytes: 8 * bytes }
    }

    fn run(&self, inputs: &[Arc<Value>], context: &TaskContext) -> Result<Value, OpError> {
        let [lists @ .., taken, psf] = inputs else { unreachable!("the PSF comes last") };
        let rules = Refitting { taken: points(taken, self.number), gap: self.gap, most: self.most };
        let step = refit(&join(lists), &rules, psf.psf(), &context.cancel);
        Ok(Value::Steps(steps(self.number, step.components)))
    }
}

/// Takes away what a model holds where it stands below a level at the resolution of the beam and components may stand;
/// inputs: the slab of the model, of the model at that resolution, and of where they may.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Trim {
    /// The level \[Jy/beam\].
    pub level: f32,
}

impl Work for Trim {
    const KIND: &'static str = "trim";

    fn cost(&self, inputs: &[Meta]) -> Cost {
        Cost { flops: inputs[0].bytes as f64, output_bytes: inputs[0].bytes, scratch_bytes: 0 }
    }

    fn run(&self, inputs: &[Arc<Value>], _context: &TaskContext) -> Result<Value, OpError> {
        let mut model = inputs[0].model().pixels().clone();
        let allowed = inputs[2].allowed().as_ref();
        for ((at, pixel), seen) in model.indexed_iter_mut().zip(inputs[1].residual().pixels()) {
            if seen.abs() < self.level && allowed.is_none_or(|allowed| allowed.allows(at.0, at.1)) {
                *pixel = 0.0;
            }
        }
        Ok(Value::Model(Image::new(model)))
    }
}

/// What was taken away of a model, as points of opposite flux; inputs: the slab before, and after.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Trimmed {
    /// The slab's rows.
    pub rows: Rows,
    /// Number of the points among the scales.
    pub number: usize,
}

impl Work for Trimmed {
    const KIND: &'static str = "trimmed";

    fn cost(&self, inputs: &[Meta]) -> Cost {
        Cost { flops: inputs[0].bytes as f64, output_bytes: inputs[0].bytes, scratch_bytes: 0 }
    }

    fn run(&self, inputs: &[Arc<Value>], _context: &TaskContext) -> Result<Value, OpError> {
        let (before, after): (&Array2<f32>, _) = (inputs[0].model().pixels(), inputs[1].model().pixels());
        let all = before.indexed_iter().zip(after).filter(|((_, before), after)| before != after);
        let point = |(((y, x), before), after): (((usize, usize), &f32), &f32)| Component {
            y: y + self.rows.first,
            x,
            flux: after - before,
        };
        Ok(Value::Steps(steps(self.number, all.map(point).collect())))
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    const BEAM: BeamShape = BeamShape { a: 0.3, b: 0.0, c: 0.3 };

    fn at(y: usize, x: usize, flux: f32) -> Component {
        Component { y, x, flux }
    }

    fn run(op: &impl Work, inputs: Vec<Value>) -> Value {
        let inputs: Vec<_> = inputs.into_iter().map(Arc::new).collect();
        op.run(&inputs, &TaskContext::default()).unwrap()
    }

    /// A source of brightness 1 at (8, 8), and one of `faint` four pixels beside it, whose beam is at 0.008 there.
    fn sky(faint: f32) -> Array2<f32> {
        let seen = |y: usize, x: usize, cx: f64| BEAM.value(y as f64 - 8.0, x as f64 - cx) as f32;
        Array2::from_shape_fn((16, 16), |(y, x)| seen(y, x, 8.0) + faint * seen(y, x, 12.0))
    }

    fn standing(image: &Array2<f32>, rows: Rows, given: Rows, side: f32) -> Mask {
        let op = Standing { rows, first: given.first, beam: BEAM, least: 0.001, side };
        let slab = image.slice(ndarray::s![given.first..given.last, ..]).to_owned();
        let half = slab.nrows() / 2;
        let slabs = [slab.slice(ndarray::s![..half, ..]).to_owned(), slab.slice(ndarray::s![half.., ..]).to_owned()];
        let given = slabs.map(|slab| Value::Restored(Image::new(slab))).into();
        run(&op, given).allowed().clone().unwrap()
    }

    #[test]
    fn the_side_of_a_source_does_not_stand_out_and_a_source_on_it_does() {
        let whole = Rows { first: 0, last: 16 };
        let alone = standing(&sky(0.0), whole, whole, 0.13);
        // 0.13 of the peak is 2.6 pixels away
        let held: Vec<bool> = (8..13).map(|x| alone.allows(8, x)).collect();
        assert_eq!(held, [true, true, true, false, false]);
        assert!(standing(&sky(0.0), whole, whole, 0.0).allows(8, 12), "bright enough");
        assert!(!standing(&sky(0.0), whole, whole, 0.0).allows(8, 14), "below the least");
        assert!(standing(&sky(0.2), whole, whole, 0.13).allows(8, 12));
    }

    #[test]
    fn what_stands_out_is_the_same_in_slabs() {
        let (image, whole) = (sky(0.2), Rows { first: 0, last: 16 });
        let all = standing(&image, whole, whole, 0.13);
        let around = Standing::reach(&BEAM, 0.13);
        for (first, last) in [(0_usize, 5), (5, 9), (9, 16)] {
            let given = Rows { first: first.saturating_sub(around), last: (last + around).min(16) };
            let part = standing(&image, Rows { first, last }, given, 0.13);
            (first..last).for_each(|y| assert_eq!(part.row(y - first), all.row(y), "row {y}"));
        }
    }

    #[test]
    fn points_that_do_not_stand_out_are_taken_out_and_the_others_are_looked_at() {
        let rows = Rows { first: 4, last: 8 };
        let found = || Value::Steps(steps(1, vec![at(2, 0, 9.0), at(4, 1, 0.5), at(5, 3, -0.2), at(7, 0, 0.0)]));
        let up = Array2::from_shape_fn((4, 5), |(y, x)| f32::from(u8::from(y < 2 && x < 3)));
        let standing = || Value::Allowed(Some(Mask::from_pixels(&up)));
        let out = run(&TakeOut { rows, slabs: 1, number: 1 }, vec![found(), standing()]);
        assert_eq!(points(&out, 1), [at(5, 3, 0.2)]);
        let residual = Array2::from_shape_fn((4, 5), |(y, x)| (10 * (y + 4) + x) as f32);
        let residual = || Value::Residual(Image::new(residual.clone()));
        let list =
            run(&AtPoints { rows, slabs: 1, number: 1 }, vec![found(), residual(), standing(), Value::Allowed(None)]);
        // the places of points, taken out or not, and the pixels beside the others that stand out
        assert_eq!(list.active().value, [40.0, 41.0, 42.0, 50.0, 51.0, 52.0, 53.0, 70.0]);
        assert_eq!((list.active().y[7], list.active().x[7]), (7, 0));
        let user = Mask::from_pixels(&Array2::from_shape_fn((4, 5), |(_, x)| f32::from(u8::from(x != 2))));
        let list = run(
            &AtPoints { rows, slabs: 1, number: 1 },
            vec![found(), residual(), standing(), Value::Allowed(Some(user))],
        );
        assert_eq!(list.active().value, [40.0, 41.0, 50.0, 51.0, 53.0, 70.0]);
    }

    #[test]
    fn many_slabs_declare_no_more_for_their_points_than_a_few() {
        let (rows, found) = (Rows { first: 0, last: 4 }, [Meta { bytes: 1 << 20 }]);
        for slabs in [1, 4, 256] {
            let ask = [
                TakeOut { rows, slabs, number: 1 }.cost(&found).output_bytes * 16,
                AtPoints { rows, slabs, number: 1 }.cost(&found).output_bytes * 2,
            ];
            assert!(ask.iter().all(|bytes| slabs as u64 * bytes <= 4 << 20), "{slabs} slabs: {ask:?}");
        }
    }

    #[test]
    fn a_model_loses_what_is_below_the_level_and_that_is_listed() {
        let model = || Value::Model(Image::new(array![[1.0, -0.5, 0.0], [0.25, 2.0, -3.0]]));
        let seen = || Value::Residual(Image::new(array![[0.9, -1.1, 0.2], [0.99, 1.0, -5.0]]));
        let user = Mask::from_pixels(&array![[0.0, 1.0, 1.0], [1.0, 1.0, 1.0]]);
        let inside = run(&Trim { level: 1.0 }, vec![model(), seen(), Value::Allowed(Some(user))]);
        assert_eq!(inside.model().pixels(), array![[1.0, -0.5, 0.0], [0.0, 2.0, -3.0]]);
        let after = run(&Trim { level: 1.0 }, vec![model(), seen(), Value::Allowed(None)]);
        assert_eq!(after.model().pixels(), array![[0.0, -0.5, 0.0], [0.0, 2.0, -3.0]]);
        let listed = run(&Trimmed { rows: Rows { first: 7, last: 9 }, number: 0 }, vec![model(), after]);
        assert_eq!(points(&listed, 0), [at(7, 0, -1.0), at(8, 0, -0.25)]);
    }
}
