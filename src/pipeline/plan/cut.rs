//! How many planes at a time, and how they are cut: the tuner is asked, and its choice checked.

use super::{Means, PLANES_AT_ONCE, Plan, PlanError, forecast};
use crate::algorithms::{Kind, Minor};
use crate::pipeline::config::{Auto, Bytes, ChunkRows, RunConfig, SchedulerChoice};
use crate::pipeline::graphs::Cut;
use crate::tiling::{Caution, Choice, Chunks, Footprint, Load, Task, Wish, cautions, halo, tune};

/// Kernels, tables and lists of scales follow the beam, which is measured after the plan: 0.1 % were missing at 4096 \[percent\].
const SCALES_PERCENT: u64 = 2;

/// What of a configuration takes more memory than it must.
pub(in crate::pipeline) fn lighter(config: &RunConfig) -> Vec<&'static str> {
    let chunk = (config.compute.chunk != Auto::Auto).then_some("leave --chunk at auto");
    let processes = (config.compute.scheduler == SchedulerChoice::Processes).then_some("take --scheduler threads");
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = (config.compute.threads > cores).then_some("take fewer --threads");
    chunk.into_iter().chain(processes).chain(threads).collect()
}

impl Plan {
    /// Chooses the batch and the chunks so that the forecast keeps to the memory.
    pub(super) fn cut_to_memory(mut self) -> Result<Self, PlanError> {
        self.apply(1);
        let one = self.forecast.peak_bytes;
        if one > self.memory {
            let (ny, nx) = self.cut.shape;
            let mut less = lighter(&self.config);
            if self.has_scales() {
                less.push("take --algorithm clean");
            }
            return Err(PlanError::Memory {
                needed: Bytes(one).told_upwards(),
                allowed: Bytes(self.memory),
                ny,
                nx,
                less,
            });
        }
        let most = (self.means().values() / Means { memory: one, ..self.means() }.values().max(1)).min(PLANES_AT_ONCE)
            as usize;
        let batch = most.clamp(1, self.planes.len());
        if batch > 1 {
            self.apply(batch);
        }
        let found = self.cautions().into_iter().map(|caution| caution.to_string());
        self.warnings.extend(found);
        Ok(self)
    }

    fn has_scales(&self) -> bool {
        matches!(self.algorithm().kind, Kind::Clean(Minor::Multiscale | Minor::Asp))
    }

    /// What values may take beyond the forecast \[percent\].
    pub(super) fn unforeseen_percent(&self) -> u64 {
        if self.has_scales() { SCALES_PERCENT } else { 0 }
    }

    fn apply(&mut self, batch: usize) {
        self.batch = batch;
        self.chunks = self.choose_chunks(self.wish());
        self.cut_like(self.chunks.chosen.chunks);
    }

    fn wish(&self) -> Wish {
        match self.config.compute.chunk {
            Auto::Auto => Wish::Auto,
            Auto::Given(ChunkRows::Full) => Wish::Full,
            Auto::Given(ChunkRows::Rows(rows)) => Wish::Rows(rows.get()),
        }
    }

    /// Asks the tuner; leaves the plan cut like one of the candidates.
    fn choose_chunks(&mut self, wish: Wish) -> Choice {
        let machine = self.config.machine.clone();
        let (shape, layout) = (self.cut.shape, self.kernel.layout);
        let (planes, workers, memory) = (self.batch, self.workers, self.memory);
        let task = Task { shape, layout, planes, workers, memory, machine: &machine };
        tune(&task, wish, |chunks| {
            self.cut_like(chunks);
            Footprint { peak_bytes: self.forecast.peak_bytes, spilled_bytes: self.forecast.spilled_bytes }
        })
    }

    /// Cuts the planes, and forecasts what that takes.
    fn cut_like(&mut self, chunks: Chunks) {
        let Chunks { slab, block } = chunks;
        self.cut = Cut { shape: self.cut.shape, slab, block };
        self.kernel.layout.block = block;
        let forecast = forecast::forecast(self);
        let peak_bytes = self.means().holding(forecast.peak_bytes / 100 * (100 + self.unforeseen_percent()));
        self.forecast = super::Forecast { peak_bytes, ..forecast };
    }

    /// What to warn of, for chunks that the user chose; the halo of the auto-mask whoever chose.
    fn cautions(&self) -> Vec<Caution> {
        let super::Forecast { load, pass, finish, .. } = self.forecast;
        let (chunks, slab) = (self.chunks.chosen, self.cut.slab);
        let pixels = 4 * (slab * self.cut.shape.1) as u64;
        let spectrum = 8 * (slab * self.kernel.layout.half()) as u64;
        let load = Load {
            rows: slab,
            ny: self.cut.shape.0,
            tasks: load.max(pass).max(finish),
            task_seconds: chunks.pass.task_seconds,
            chunk_bytes: pixels + spectrum,
            workers: self.workers,
            memory: self.values(),
        };
        let of_chunks = if self.wish() == Wish::Auto { Vec::new() } else { cautions(&load) };
        let has_mask = matches!(self.algorithm().kind, Kind::Clean(_)) && self.config.clean.has_auto_mask();
        let dilate = if has_mask && slab < self.cut.shape.0 { self.config.clean.mask_dilate } else { 0 };
        of_chunks.into_iter().chain(halo(slab, dilate)).collect()
    }
}
