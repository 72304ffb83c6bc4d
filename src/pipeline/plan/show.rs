//! The plan in words, for `--dry-run`.

use std::fmt;

use super::{Forecast, Plan, is_circular, shape_of};
use crate::fft::Layout;
use crate::pipeline::config::Bytes;
use crate::tiling::Choice;

impl Plan {
    /// The candidates with their forecasts, the one chosen, and why.
    fn write_reasons(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Choice { chosen, candidates, reason } = &self.chunks;
        for candidate in candidates {
            let why = if candidate == chosen { format!(" <- {reason}") } else { String::new() };
            writeln!(f, "            - {candidate}{why}")?;
        }
        writeln!(f, "            - constants of the machine: {}", self.config.machine.origin)
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (ny, nx) = self.cut.shape;
        let (py, px) = shape_of(self.inputs.psf.0.geometry());
        writeln!(f, "algorithm   {}", self.config.algorithm)?;
        writeln!(f, "dirty       {}: {} planes of {ny} x {nx} pixels", self.inputs.dirty.0.spec(), self.planes.len())?;
        writeln!(
            f,
            "psf         {}: {} planes of {py} x {px} pixels",
            self.inputs.psf.0.spec(),
            self.inputs.psf.0.planes()
        )?;
        for line in self.grid_lines() {
            writeln!(f, "            {line}")?;
        }
        let covers = |n: usize, p: usize| if p + 1 >= 2 * n { "all" } else { "part" };
        writeln!(
            f,
            "            reaches {} of the image's rows and {} of its columns",
            covers(ny, py),
            covers(nx, px)
        )?;
        let Layout { ly, lx, .. } = self.kernel.layout;
        let boundary = if is_circular(&self.config) { "circular" } else { "linear" };
        writeln!(f, "transform   {ly} x {lx} ({boundary} convolution)")?;
        writeln!(
            f,
            "chunks      {} slabs of {} rows, {} blocks of {} columns",
            self.cut.slabs().len(),
            self.cut.slab,
            self.kernel.layout.blocks(),
            self.cut.block
        )?;
        self.write_reasons(f)?;
        self.write_tiles(f)?;
        writeln!(f, "planes      {} at a time", self.batch)?;
        let Forecast { peak_bytes, spilled_bytes, loaded_bytes, load, pass, finish, .. } = self.forecast;
        writeln!(
            f,
            "tasks       {load} to load, {pass} a pass, {finish} to restore and write (per {} planes)",
            self.batch
        )?;
        writeln!(f, "memory      {} forecast at the peak, {} allowed", Bytes(peak_bytes), Bytes(self.memory))?;
        if spilled_bytes > 0 {
            let (written, read) = (Bytes(spilled_bytes), Bytes(loaded_bytes));
            writeln!(f, "scratch     {written} written and {read} read, each cycle or iteration counted once")?;
        }
        write!(f, "workers     {}", self.workers)?;
        for warning in &self.warnings {
            write!(f, "\nwarning: {warning}")?;
        }
        Ok(())
    }
}
