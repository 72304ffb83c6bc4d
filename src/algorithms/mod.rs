//! The registry of deconvolvers: what each is called, what it can be told, and its inner loop.
//!
//! An algorithm is one file and one line in [`ALGORITHMS`]; flags, help, `deconv list`, the configuration's tables and
//! the contract tests follow from the table.

mod clean;
pub mod convex;
mod hybrid;
pub mod lucy;
mod param;
mod stop;
pub mod wiener;

pub use clean::{
    AspParams, AutoThreshold, Blob, CellRows, CleanParams, Component, Contrast, Control, FloorBuilder, FloorMap,
    FloorRows, Grid, Levels, LocalRms, Member, Minor, MinorCycle, MinorRules, MinorView, MultiscaleParams, Next,
    PEAK_RISE, Patch, Psfs, Refitting, Retry, RmsMap, RmsMethod, SCALES_DEPTH, Scale, ScaleShape, Shortfall, Sight,
    Signs, Step, Steps, TABLE_ROWS, TILE_DEPTH, TILE_MARGIN, Table, TileChoice, TileRank, TileRules, View, Widths,
    Window, clean_together, normal_table, refit, table_blocks, table_columns, table_reach, table_rows,
};
pub use param::{Limits, PARAMS, Param, ParamKind};
pub use stop::{CycleState, KeptState, Phase, PlaneStats, StopReason, StopRules, Worse};

/// How an algorithm is run.
#[derive(Clone, Copy)]
pub enum Kind {
    /// Minor cycles between exact residuals.
    Clean(Minor),
    /// One estimate of the whole plane.
    Direct(Direct),
}

/// A method that estimates the whole plane at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direct {
    /// Wiener-Hunt.
    Wiener,
    /// The convex solver.
    Convex,
    /// Richardson-Lucy.
    RichardsonLucy,
}

/// An entry of the registry.
pub struct Algorithm {
    /// Value of `--algorithm`.
    pub name: &'static str,
    /// One line for `deconv list`.
    pub summary: &'static str,
    /// How it is run.
    pub kind: Kind,
    /// What cleans the bright sources before, of whose residual a direct method then makes the rest of the model.
    pub first: Option<Minor>,
    /// Tables of the configuration that it reads; the flags of other tables are errors.
    pub tables: &'static [&'static str],
    /// Keys of these tables that change nothing here; their flags are errors too.
    pub ignores: &'static [&'static str],
    /// Keys that it reads of tables that it does not read otherwise.
    pub also: &'static [(&'static str, &'static str)],
}

impl Algorithm {
    /// The minor cycles that it runs, first or alone.
    pub fn minor(&self) -> Option<Minor> {
        if let Kind::Clean(minor) = self.kind { Some(minor) } else { self.first }
    }

    /// Whether a parameter can change what the algorithm does.
    pub fn reads(&self, param: &Param) -> bool {
        (self.tables.contains(&param.table) && !self.ignores.contains(&param.key))
            || self.also.contains(&(param.table, param.key))
    }
}

/// Every algorithm, the default first.
pub static ALGORITHMS: &[Algorithm] = &[
    clean::MULTISCALE,
    clean::CLEAN,
    clean::ASP,
    clean::CLARK,
    clean::HOGBOM,
    convex::CONVEX,
    hybrid::HYBRID,
    wiener::WIENER,
    hybrid::HYBRID_WIENER,
    lucy::RICHARDSON_LUCY,
];

/// The algorithm of the given name.
pub fn find(name: &str) -> Option<&'static Algorithm> {
    ALGORITHMS.iter().find(|algorithm| algorithm.name == name)
}
