//! The graphs of a run: loading, one CLEAN pass, restoring and writing. Each is complete before it runs.
//!
//! A graph of several planes goes through [`crate::graph::optimise`], the same in the plan and in the run; for a single plane
//! the passes find nothing, and at 8192 x 8192 in slabs of 32 rows they would take 85 ms of CPU, as long as the plan takes:
//! - *deduplicate* is what changes them. Planes that share a PSF share what depends on it alone: the rows of the restoring
//!   beam (`beam-rows`), and for Wiener-Hunt the modes (`mode-survey`, `usable`, `ceiling`) and the zeros that the solver
//!   begins with.
//! - *cull* and *aliases* find nothing that was wired in vain.
//! - *push down* has nothing to push: rows are read by region, as each user wants them.
//! - *fuse* leaves all tasks apart. Operations on pixels are written as one pass already (`prepare` divides and finds the
//!   blanks, `combine` scales and adds, `restore` transforms back and adds); what is left of chains is a read with its only
//!   user, and these stay apart so that a profile shows the files and a failed read is told as one.

mod convex;
mod floor;
mod given;
mod kept;
mod local;
mod lucy;
mod masks;
mod natural;
mod pieces;
mod psf;
mod response;
mod sampling;
mod scale_tiles;
mod scales;
mod score;
mod tidy;
mod tiles;
mod treated;
mod varying;
mod wiener;

use std::collections::{BTreeMap, HashMap};

use super::ops::{
    AddComponents, Allow, Convolve, DeconvOp, Deliver, FieldRows, GaussianRows, Kernel, ListComponents, MinorPass,
    Noise, Pool, PoolRows, Prepare, Product, Rank, ReadRows, Residual, Restore, Rows, Select, Source, Statistics,
    Survey, Tally, TallyRows, Value, constant,
};
use crate::algorithms::{Grid, Minor, MinorRules, Shortfall, Signs, View};
use crate::fft::{Layout, linear_size};
use crate::graph::{Key, TaskGraph};
use crate::images::{BeamShape, PsfPeak, sample_step};
use crate::pipeline::plan::MaskFile;
use crate::pipeline::record::{Pooling, Shrink};
pub use convex::{Reweigh, Sparse, SparseCut, SparseFacts, SparseKeys, SparseMeasured, SparseSeen};
use kept::Passes;
pub use kept::{Kept, Lent, Shelf};
pub use local::LocalWeights;
pub use natural::{NaturalKeys, NoiseKeys, NoisePlane, Transfers};
pub use pieces::PlaneKeys;
pub use scales::{Family, FamilyCut, Numbered, ScalesCut, Taking, spacing};
pub use tiles::TiledStep;
pub use treated::Treatment;
pub use varying::{Seen, VaryingKernel, nearest};
pub use wiener::{Asked, Solver, SolverKeys};

/// Values of consecutive slabs or blocks.
pub type Slabs = Vec<Kept>;

/// How planes are cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cut {
    /// Shape of a plane, `(ny, nx)`.
    pub shape: (usize, usize),
    /// Rows of a slab.
    pub slab: usize,
    /// Columns of a block.
    pub block: usize,
}

impl Cut {
    /// The slabs of a plane.
    pub fn slabs(&self) -> Vec<Rows> {
        Rows::cut(self.shape.0, self.slab)
    }

    /// Bytes of a slab of `f32`.
    pub fn bytes(&self, rows: Rows) -> u64 {
        4 * (rows.len() * self.shape.1) as u64
    }
}

/// A kernel's transform, and which of its pixels an image can meet.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct KernelCut {
    /// The transform.
    pub layout: Layout,
    /// Rows that are kept.
    pub rows: Rows,
    /// Columns that are kept.
    pub columns: Rows,
    /// The kernel's peak.
    pub peak: PsfPeak,
}

impl KernelCut {
    /// The transform that convolves planes cut like this with a PSF that peaks there; its blocks are those of the cut.
    pub fn new(peak: PsfPeak, cut: Cut, is_circular: bool) -> Self {
        let (ny, nx) = cut.shape;
        let reach = peak.reach(ny, nx);
        let length = |n: usize, reach: usize| if is_circular { n } else { linear_size(n, reach) };
        // a plane that repeats meets all of a PSF, however far from its peak
        let (rows, columns) = if is_circular { (0..peak.shape.0, 0..peak.shape.1) } else { peak.kept(ny, nx) };
        Self {
            layout: Layout { ly: length(ny, reach.0), lx: length(nx, reach.1), block: cut.block },
            rows: rows.into(),
            columns: columns.into(),
            peak,
        }
    }
}

/// A minor cycle to be wired.
#[derive(Debug, Clone, Copy)]
pub struct MinorCut {
    /// Which loop.
    pub minor: Minor,
    /// How far it goes.
    pub rules: MinorRules,
}

/// Keys of a plane's statistics.
pub struct Measured {
    /// The statistics.
    pub statistics: Key,
    /// What weighs the search for the peak: the noise, and the map of floors where the PSF falls short.
    pub weights: Vec<Key>,
}

/// A graph in the making. Keys are `layer(plane, slab or block)`; a layer's name begins with the operation's kind.
pub struct Wiring {
    graph: TaskGraph<DeconvOp>,
    /// Values of earlier graphs and their keys, each once, by what tells them apart.
    given: HashMap<usize, (Key, Kept)>,
    cut: Cut,
    /// The planes that tasks were wired for: the first, and whether there is another.
    planes: (Option<u32>, bool),
    /// Signs that count in the search for the peak.
    signs: Signs,
    /// The local rms of planes that are weighed by it.
    local: BTreeMap<usize, LocalWeights>,
}

/// The files of a plane.
pub struct PlaneFiles<'a> {
    /// The dirty image and its plane.
    pub dirty: (&'a Source, usize),
    /// The files of the mask and their planes.
    pub masks: Vec<(&'a MaskFile, usize)>,
    /// Border without components \[percent\].
    pub border: f64,
    /// What divides the dirty image: the PSF's peak, or 1.
    pub scale: f32,
}

fn key(layer: &str, plane: usize, index: usize) -> Key {
    Key::new(layer, [plane as u32, index as u32])
}

impl Wiring {
    /// An empty graph over planes that are cut like this.
    pub fn new(cut: Cut) -> Self {
        let (planes, local) = ((None, false), BTreeMap::new());
        Self { graph: TaskGraph::new(), given: HashMap::new(), cut, planes, signs: Signs::Both, local }
    }

    /// Looks for peaks of these signs.
    pub fn for_signs(self, signs: Signs) -> Self {
        Self { signs, ..self }
    }

    /// The graph of these targets, with what it is given, as it would be run.
    pub fn into_graph(self, targets: &[Key]) -> TaskGraph<DeconvOp> {
        self.lend(targets, &Shelf::default()).graph
    }

    /// The graph of these targets, to be run; it is lent all that is remembered.
    pub fn lend(self, targets: &[Key], shelf: &Shelf) -> Lent {
        // in the order of the keys, so that the same graph is always the same
        let given: BTreeMap<Key, Kept> = self.given.into_values().collect();
        let passes = if self.planes.1 { Passes::All } else { Passes::None };
        Lent::new((self.graph, passes), given, targets, shelf)
    }

    fn task(&mut self, key: Key, op: DeconvOp, inputs: Vec<Key>) -> Key {
        let plane = key.index()[0];
        self.planes.1 |= *self.planes.0.get_or_insert(plane) != plane;
        self.graph.insert(key.clone(), op, inputs).expect("layers and indices name a task once");
        key
    }

    /// Gives a value that an earlier graph made; its key, which is another one if it was given before.
    pub fn give(&mut self, layer: &str, plane: usize, index: usize, kept: &Kept) -> Key {
        let entry = self.given.entry(kept.place());
        entry.or_insert_with(|| (key(layer, plane, index), kept.clone())).0.clone()
    }

    /// Gives the values of a plane's slabs or blocks.
    pub fn give_all(&mut self, layer: &str, plane: usize, slabs: &[Kept]) -> Vec<Key> {
        slabs.iter().enumerate().map(|(index, kept)| self.give(layer, plane, index, kept)).collect()
    }

    /// Reads rows of a plane of a file.
    fn read(&mut self, key: Key, file: (&Source, usize), rows: Rows) -> Key {
        let op = DeconvOp::ReadRows(ReadRows { source: file.0.clone(), plane: file.1, rows });
        self.task(key, op, vec![])
    }

    /// Reads and prepares a plane: dirty rows, where components may stand, a model of zeros and its residual.
    pub fn plane(&mut self, plane: usize, files: &PlaneFiles<'_>) -> PlaneKeys {
        let nothing = Kept::new(constant(Value::Step(<_>::default()), &"step-none"));
        let nothing = self.give("step-none", plane, 0, &nothing);
        let mut keys = PlaneKeys::default();
        for (index, rows) in self.cut.slabs().into_iter().enumerate() {
            let raw = self.read(key("read-dirty", plane, index), files.dirty, rows);
            let op = DeconvOp::Prepare(Prepare { scale: files.scale });
            let dirty = self.task(key("prepare", plane, index), op, vec![raw]);
            let mut inputs = vec![dirty.clone()];
            inputs.extend(self.mask_files(plane, index, &files.masks));
            let is_out = files.masks.iter().map(|(file, _)| file.is_out).collect();
            let op = DeconvOp::Allow(Allow { rows, shape: self.cut.shape, border: files.border, is_out });
            keys.allowed.push(self.task(key("allow", plane, index), op, inputs));
            keys.model.push(self.components(plane, index, rows, vec![nothing.clone()]));
            keys.residual.push(self.residual_slab(
                plane,
                index,
                &Layout { ly: 1, lx: 1, block: 1 },
                vec![dirty.clone()],
            ));
            keys.dirty.push(dirty);
        }
        keys.mask = keys.allowed.clone();
        keys
    }

    fn components(&mut self, plane: usize, index: usize, rows: Rows, inputs: Vec<Key>) -> Key {
        let op = DeconvOp::AddComponents(AddComponents { rows, nx: self.cut.shape.1 });
        self.task(key("model", plane, index), op, inputs)
    }

    fn residual_slab(&mut self, plane: usize, index: usize, layout: &Layout, inputs: Vec<Key>) -> Key {
        let op = DeconvOp::Residual(Residual { layout: *layout, rows: self.cut.slabs()[index], shape: self.cut.shape });
        self.task(key("residual", plane, index), op, inputs)
    }

    /// Row transforms of an image's slabs.
    pub fn field_rows(&mut self, layer: &str, plane: usize, slabs: &[Key], layout: &Layout) -> Vec<Key> {
        let rows = self.cut.slabs();
        slabs
            .iter()
            .zip(rows)
            .enumerate()
            .map(|(index, (slab, rows))| {
                let op = DeconvOp::FieldRows(FieldRows { layout: *layout, rows });
                self.task(key(layer, plane, index), op, vec![slab.clone()])
            })
            .collect()
    }

    /// Column stages of a convolution: `image` are row transforms; `kernel` a kept transfer (a block each) or row
    /// transforms.
    pub fn columns(&mut self, at: (&str, usize), layout: &Layout, image: &[Key], kernel: (Kernel, &[Key])) -> Vec<Key> {
        let (kind, keys) = kernel;
        (0..layout.blocks())
            .map(|block| {
                let mut inputs = image.to_vec();
                match kind {
                    Kernel::Transfer => inputs.push(keys[block].clone()),
                    Kernel::Rows => inputs.extend_from_slice(keys),
                }
                let (ny, slabs) = (self.cut.shape.0, image.len());
                let op = DeconvOp::Convolve(Convolve { layout: *layout, block, ny, slabs, kernel: kind });
                self.task(key(at.0, at.1, block), op, inputs)
            })
            .collect()
    }

    /// The exact residual of a model.
    pub fn residual(&mut self, plane: usize, keys: &PlaneKeys, layout: &Layout, kernel: (Kernel, &[Key])) -> Vec<Key> {
        let rows = self.field_rows("rows-model", plane, &keys.model, layout);
        let blocks = self.columns(("columns-psf", plane), layout, &rows, kernel);
        keys.dirty
            .iter()
            .enumerate()
            .map(|(index, dirty)| {
                let inputs = std::iter::once(dirty).chain(&blocks).cloned().collect();
                self.residual_slab(plane, index, layout, inputs)
            })
            .collect()
    }

    /// Statistics of a plane's residual; `shortfall` where the PSF does not reach every pixel.
    pub fn statistics(&mut self, plane: usize, keys: &PlaneKeys, shortfall: Option<Shortfall>) -> Measured {
        let step = sample_step(self.cut.shape);
        let slabs: Vec<_> = self.cut.slabs().into_iter().enumerate().collect();
        let surveys = slabs
            .iter()
            .map(|(index, rows)| {
                let inputs = vec![keys.residual[*index].clone(), keys.dirty[*index].clone()];
                self.task(key("survey", plane, *index), DeconvOp::Survey(Survey { rows: *rows, step }), inputs)
            })
            .collect();
        let mut weights = vec![self.task(key("noise", plane, 0), DeconvOp::Noise(Noise), surveys)];
        if let Some(shortfall) = shortfall {
            weights.push(self.floor(plane, (keys, &weights[0]), shortfall));
        }
        weights.extend(self.local_rms(plane, keys));
        let mut inputs = weights.clone();
        for (index, rows) in slabs {
            let slab = [&keys.residual, &keys.mask, &keys.allowed].map(|slabs| slabs[index].clone());
            let (shape, signs) = (self.cut.shape, self.signs);
            let op = DeconvOp::Rank(Rank { rows, shape, grid: Grid::ALL, signs });
            // without a map of floors or a local rms nothing is weighed, and nothing waits for the noise of the whole plane
            let weighed = if weights.len() > 1 { &weights[..] } else { &[] };
            let all = slab.into_iter().chain(weighed.iter().cloned()).collect();
            inputs.push(self.task(key("rank", plane, index), op, all));
        }
        let op = DeconvOp::Statistics(Statistics { floor: shortfall.is_some() });
        Measured { statistics: self.task(key("statistics", plane, 0), op, inputs), weights }
    }

    /// The components of a plane's model, slab by slab.
    pub fn components_of(&mut self, plane: usize, model: &[Key]) -> Vec<Key> {
        let slabs = self.cut.slabs().into_iter().zip(model).enumerate();
        let list = |(index, (rows, slab)): (usize, (Rows, &Key))| {
            let op = DeconvOp::ListComponents(ListComponents { first: rows.first });
            self.task(key("components", plane, index), op, vec![slab.clone()])
        };
        slabs.map(list).collect()
    }

    /// Flux and number of components of a plane's model.
    pub fn tally(&mut self, plane: usize, model: &[Key]) -> Key {
        let rows = self
            .each_slab(("tally-rows", plane), |index, _| (DeconvOp::TallyRows(TallyRows), vec![model[index].clone()]));
        self.task(key("tally", plane, 0), DeconvOp::Tally(Tally), rows)
    }

    /// A minor cycle on the given residual, where the given mask allows: what it found; `around` are the weights of the
    /// search and the PSFs.
    pub fn minor(&mut self, plane: usize, keys: &PlaneKeys, around: (&[Key], Seen<'_>), cycle: MinorCut) -> Key {
        let ((weights, (psfs, grid)), MinorCut { minor, rules }) = (around, cycle);
        let mut inputs = match minor.cycle().view() {
            View::Plane => {
                let bounds = keys.allowed.iter().filter(|_| minor == Minor::Asp);
                keys.residual.iter().chain(&keys.mask).chain(bounds).cloned().collect()
            }
            View::List => self.selections(plane, keys, weights, rules.floor),
        };
        inputs.extend_from_slice(psfs);
        let (slabs, grid) = (keys.residual.len(), grid.cloned());
        let op = DeconvOp::MinorPass(MinorPass { minor, rules, slabs, grid });
        self.task(key("minor", plane, 0), op, inputs)
    }

    fn selections(&mut self, plane: usize, keys: &PlaneKeys, weights: &[Key], floor: f32) -> Vec<Key> {
        let shape = self.cut.shape;
        self.cut
            .slabs()
            .into_iter()
            .enumerate()
            .map(|(index, rows)| {
                let slab = [&keys.residual[index], &keys.mask[index]];
                let inputs = slab.into_iter().chain(weights).cloned().collect();
                let op = DeconvOp::Select(Select { rows, shape, grid: Grid::ALL, signs: self.signs, floor });
                self.task(key("select", plane, index), op, inputs)
            })
            .collect()
    }

    /// The model with a step's components added.
    pub fn add_components(&mut self, plane: usize, model: &[Key], step: &Key) -> Vec<Key> {
        let slabs = self.cut.slabs();
        model
            .iter()
            .zip(slabs)
            .enumerate()
            .map(|(index, (model, rows))| self.components(plane, index, rows, vec![step.clone(), model.clone()]))
            .collect()
    }

    /// The restored image.
    pub fn restored(&mut self, plane: usize, keys: &PlaneKeys, layout: &Layout, beam: (BeamShape, usize)) -> Vec<Key> {
        let blocks = self.at_beam(plane, &keys.model, layout, beam);
        self.cut
            .slabs()
            .into_iter()
            .enumerate()
            .map(|(index, rows)| {
                let inputs = std::iter::once(&keys.residual[index]).chain(&blocks).cloned().collect();
                let op = DeconvOp::Restore(Restore { layout: *layout, rows, shape: self.cut.shape });
                self.task(key("restore", plane, index), op, inputs)
            })
            .collect()
    }

    /// A model convolved with a Gaussian that reaches so far, block by block.
    fn at_beam(&mut self, plane: usize, model: &[Key], layout: &Layout, beam: (BeamShape, usize)) -> Vec<Key> {
        let (shape, reach) = beam;
        let kernel: Vec<Key> = Rows::cut(2 * reach + 1, self.cut.slab)
            .into_iter()
            .enumerate()
            .map(|(index, rows)| {
                let shape = (shape.a, shape.b, shape.c);
                let op = DeconvOp::GaussianRows(GaussianRows { layout: *layout, rows, reach, shape });
                self.task(key("beam-rows", plane, index), op, vec![])
            })
            .collect();
        let rows = self.field_rows("rows-restore", plane, model, layout);
        self.columns(("columns-beam", plane), layout, &rows, (Kernel::Rows, &kernel))
    }

    /// Writes a plane of a product; `blank` writes nothing but blanks.
    pub fn deliver(&mut self, product: &Product, plane: usize, keys: (&[Key], &[Key]), blank: bool) -> Vec<Key> {
        let (dirty, image) = keys;
        self.cut
            .slabs()
            .into_iter()
            .enumerate()
            .map(|(index, rows)| {
                let op = DeconvOp::Deliver(Deliver { product: product.clone(), plane, rows, blank });
                self.task(key(product.layer(), plane, index), op, vec![dirty[index].clone(), image[index].clone()])
            })
            .collect()
    }

    /// A small version of an image for the preview.
    pub fn pool(&mut self, at: (&str, usize), how: (usize, Pooling), slabs: (&[Key], &[Key])) -> Key {
        let ((layer, plane), (factor, pooling)) = (at, how);
        let shrink = Shrink { full: self.cut.shape, factor, pooling };
        let rows = self.cut.slabs().into_iter().zip(slabs.0.iter().zip(slabs.1)).enumerate();
        let pooled = rows
            .map(|(index, (rows, (dirty, slab)))| {
                let op = DeconvOp::PoolRows(PoolRows { first: rows.first, shrink, peak: None });
                self.task(key(&format!("pool-rows-{layer}"), plane, index), op, vec![dirty.clone(), slab.clone()])
            })
            .collect();
        self.task(key(&format!("pool-{layer}"), plane, 0), DeconvOp::Pool(Pool { shrink }), pooled)
    }
}
