//! Images that are given: read instead of computed.

use super::{Kept, Layout, PlaneKeys, Source, Value, Wiring, constant, key};
use crate::algorithms::Step;
use crate::graph::Key;
use crate::pipeline::components::Group;
use crate::pipeline::ops::{AddListed, DeconvOp, Prepare, Remainder, Sum, TakeModel, ZeroModel};
use crate::pipeline::plan::GivenModel;

impl Wiring {
    /// Rows of an image in Jy/beam, divided by `scale`, with their blanks.
    pub fn prepared(&mut self, plane: usize, file: (&Source, usize), scale: f32) -> Vec<Key> {
        let slabs: Vec<_> = self.cut.slabs().into_iter().enumerate().collect();
        slabs
            .into_iter()
            .map(|(index, rows)| {
                let raw = self.read(key("read-dirty", plane, index), file, rows);
                self.task(key("prepare", plane, index), DeconvOp::Prepare(Prepare { scale }), vec![raw])
            })
            .collect()
    }

    /// A model of nothing.
    pub fn empty_model(&mut self, plane: usize) -> Vec<Key> {
        let nx = self.cut.shape.1;
        let slabs = self.cut.slabs().into_iter().enumerate();
        let zero =
            |(index, rows)| self.task(key("zero", plane, index), DeconvOp::ZeroModel(ZeroModel { rows, nx }), vec![]);
        slabs.map(zero).collect()
    }

    /// Rows of a model that was given, as an image or as a list; 0 where they, or the `dirty` rows, are blank.
    pub fn model_of(&mut self, plane: usize, model: &GivenModel, dirty: &[Key]) -> Vec<Key> {
        match model {
            GivenModel::Image(given) => self.given_model(plane, (&given.source, given.planes[plane]), dirty),
            GivenModel::List(listing) => self.listed_model(plane, &listing.planes[plane], dirty),
        }
    }

    /// Rows of a model of listed components; 0 where the `dirty` rows are blank.
    fn listed_model(&mut self, plane: usize, groups: &[Group], dirty: &[Key]) -> Vec<Key> {
        let give = |(number, group): (usize, &Group)| {
            let step = Step { components: group.1.clone(), ..Step::default() };
            let kept = Kept::new(constant(Value::Step(step.clone()), &step));
            self.give("held-list", plane, number, &kept)
        };
        let steps: Vec<Key> = groups.iter().enumerate().map(give).collect();
        let nothing = Kept::new(constant(Value::Step(<_>::default()), &"step-none"));
        let nothing = self.give("step-none", plane, 0, &nothing);
        let slabs: Vec<_> = self.cut.slabs().into_iter().zip(dirty).enumerate().collect();
        let nx = self.cut.shape.1;
        slabs
            .into_iter()
            .map(|(index, (rows, dirty))| {
                let mut model = self.components(plane, index, rows, vec![nothing.clone()]);
                for (number, (step, (shape, _))) in steps.iter().zip(groups).enumerate() {
                    let op = DeconvOp::AddListed(AddListed { rows, nx, shape: *shape });
                    let inputs = vec![step.clone(), model];
                    model = self.task(key(&format!("listed{number}"), plane, index), op, inputs);
                }
                self.task(key("take", plane, index), DeconvOp::TakeModel(TakeModel), vec![model, dirty.clone()])
            })
            .collect()
    }

    /// Rows of a model of a file; 0 where they, or the `dirty` rows, are blank.
    pub fn given_model(&mut self, plane: usize, file: (&Source, usize), dirty: &[Key]) -> Vec<Key> {
        let slabs: Vec<_> = self.cut.slabs().into_iter().zip(dirty).enumerate().collect();
        slabs
            .into_iter()
            .map(|(index, (rows, dirty))| {
                let raw = self.read(key("read-model", plane, index), file, rows);
                self.task(key("take", plane, index), DeconvOp::TakeModel(TakeModel), vec![raw, dirty.clone()])
            })
            .collect()
    }

    /// Rows of a residual in the place of the dirty ones, blank where these are.
    pub fn remainder(&mut self, plane: usize, keys: &PlaneKeys) -> Vec<Key> {
        let rows = keys.residual.iter().zip(&keys.dirty).enumerate();
        rows.map(|(index, (residual, dirty))| {
            let inputs = vec![residual.clone(), dirty.clone()];
            self.task(key("remainder", plane, index), DeconvOp::Remainder(Remainder), inputs)
        })
        .collect()
    }

    /// Rows of two models together.
    pub fn sum(&mut self, plane: usize, one: &[Key], other: &[Key]) -> Vec<Key> {
        let rows = one.iter().zip(other).enumerate();
        rows.map(|(index, (one, other))| {
            self.task(key("sum", plane, index), DeconvOp::Sum(Sum), vec![one.clone(), other.clone()])
        })
        .collect()
    }

    /// Dirty rows, or rows of a residual that was read like them, as a residual.
    pub fn untouched(&mut self, plane: usize, dirty: &[Key]) -> Vec<Key> {
        let nothing = Layout { ly: 1, lx: 1, block: 1 };
        let rows = dirty.iter().enumerate();
        rows.map(|(index, dirty)| self.residual_slab(plane, index, &nothing, vec![dirty.clone()])).collect()
    }
}
