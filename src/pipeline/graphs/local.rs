//! The local rms in the graph.

use std::collections::BTreeMap;

use super::{Kept, PlaneKeys, Wiring, key};
use crate::algorithms::LocalRms;
use crate::graph::Key;
use crate::pipeline::ops::{DeconvOp, MapRms, Rows, Source, SumCells, SurveyNoise};

/// What weighs the search in a plane.
#[derive(Clone)]
pub struct LocalWeights {
    /// How the local rms is taken.
    pub ask: LocalRms,
    /// The file that tells it, its plane, and what it is divided by; else the residual does.
    pub map: Option<(Source, usize, f32)>,
    /// What the file told: it is read once.
    pub made: Option<Kept>,
}

impl Wiring {
    /// Weighs the search for the peak by the local rms, in the planes that have one.
    pub fn weighed_by(self, local: BTreeMap<usize, LocalWeights>) -> Self {
        Self { local, ..self }
    }

    /// Whether the search in a plane is weighed by the local rms.
    pub(super) fn is_local(&self, plane: usize) -> bool {
        self.local.contains_key(&plane)
    }

    /// The local rms of a plane's residual, if it is asked for.
    pub(super) fn local_rms(&mut self, plane: usize, keys: &PlaneKeys) -> Option<Key> {
        let LocalWeights { ask, map, made } = self.local.get(&plane)?.clone();
        if let Some(made) = made {
            return Some(self.give("held-local-rms", plane, 0, &made));
        }
        let slabs = self.cut.slabs();
        let read = |(index, rows): (usize, &Rows)| {
            let (source, of, _) = map.as_ref()?;
            Some(self.read(key("read-rms", plane, index), (source, *of), *rows))
        };
        let maps: Vec<Key> = slabs.iter().enumerate().filter_map(read).collect();
        let seen = if maps.is_empty() { &keys.residual } else { &maps };
        let scale = map.as_ref().map_or(1.0, |(_, _, scale)| *scale);
        let nx = self.cut.shape.1;
        let sum = |(index, (residual, dirty)): (usize, (&Key, &Key))| {
            let op = DeconvOp::SumCells(SumCells { cell: ask.cell(), nx, scale });
            self.task(key("local-sums", plane, index), op, vec![residual.clone(), dirty.clone()])
        };
        let sums = seen.iter().zip(&keys.dirty).enumerate().map(sum).collect();
        let op = DeconvOp::MapRms(MapRms { ask, shape: self.cut.shape });
        Some(self.task(key("local-rms", plane, 0), op, sums))
    }

    /// Counts what a map of the noise tells of a plane, slab by slab; `map` and `dirty` are files with their planes.
    pub fn noise_survey(&mut self, plane: usize, map: (&Source, usize), dirty: (&Source, usize)) -> Vec<Key> {
        let slabs = self.cut.slabs().into_iter().enumerate();
        let survey = |(index, rows): (usize, Rows)| {
            let map = self.read(key("look-rms", plane, index), map, rows);
            let dirty = self.read(key("look-dirty", plane, index), dirty, rows);
            self.task(key("survey-noise", plane, index), DeconvOp::SurveyNoise(SurveyNoise), vec![map, dirty])
        };
        slabs.map(survey).collect()
    }
}
