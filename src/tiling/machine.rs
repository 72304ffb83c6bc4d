//! What a machine can do, as constants that forecasts are made of.

use serde::{Deserialize, Serialize};

/// Constants of a machine; the table `[machine]` of the configuration. `deconv tune` measures them.
///
/// Rates of memory count bytes read plus bytes written, in GB/s of 10^9 bytes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Machine {
    /// Where the constants come from, in words.
    pub origin: String,
    /// Cores when it was measured.
    pub cores: usize,
    /// Complex transforms of so many points, one after the other: `[points, GFlop/s]`, `5 n log2 n` operations each, from
    /// short ones that stay in the cache of a core to long ones that leave it.
    pub fft: Vec<(u64, f64)>,
    /// Copying within the cache of a core \[GB/s\].
    pub cached_gbs: f64,
    /// Copying beyond every cache by one worker \[GB/s\].
    pub memory_gbs: f64,
    /// The same by all cores together \[GB/s\].
    pub memory_all_gbs: f64,
    /// Turning columns of 128 bytes upright out of rows of so many bytes: `[bytes of a row, GB/s]`.
    pub columns: Vec<(u64, f64)>,
    /// Writing new values of so many bytes while old ones are given back: `[bytes, GB/s]`. Large ones go back to the system, and
    /// their pages come anew each time.
    pub values: Vec<(u64, f64)>,
    /// A task of the graph beyond its work: building, ordering, scheduling \[us\].
    pub task_us: f64,
    /// An input of a task beyond the first \[us\].
    pub edge_us: f64,
    /// Writing scratch files \[GB/s\].
    pub scratch_write_gbs: f64,
    /// Reading scratch files back \[GB/s\].
    pub scratch_read_gbs: f64,
    /// Reading an image \[GB/s\].
    pub input_gbs: f64,
}

/// Bytes in a gigabyte as rates have it.
pub(super) const GB: f64 = 1e9;

impl Machine {
    /// Checks that every rate is a positive, finite number and every table ascends.
    ///
    /// # Errors
    /// The key, and what is wrong with it.
    pub fn check(&self) -> Result<(), String> {
        let Self { cached_gbs, memory_gbs, memory_all_gbs, task_us, edge_us, .. } = *self;
        let rates = [
            ("cached_gbs", cached_gbs),
            ("memory_gbs", memory_gbs),
            ("memory_all_gbs", memory_all_gbs),
            ("task_us", task_us),
            ("edge_us", edge_us),
            ("scratch_write_gbs", self.scratch_write_gbs),
            ("scratch_read_gbs", self.scratch_read_gbs),
            ("input_gbs", self.input_gbs),
        ];
        if let Some((key, rate)) = rates.into_iter().find(|(_, rate)| !(*rate > 0.0 && rate.is_finite())) {
            return Err(format!("machine.{key} = {rate}: expected a positive number"));
        }
        for (key, table) in [("fft", &self.fft), ("columns", &self.columns), ("values", &self.values)] {
            let ascends = table.windows(2).all(|pair| pair[0].0 < pair[1].0);
            let positive = table.iter().all(|(at, rate)| *at > 0 && *rate > 0.0 && rate.is_finite());
            if table.is_empty() || !ascends || !positive {
                return Err(format!("machine.{key}: expected pairs [size, rate], sizes ascending, all positive"));
            }
        }
        if self.cores == 0 { Err("machine.cores = 0: expected 1 or more".to_owned()) } else { Ok(()) }
    }

    /// Time of one complex transform of so many points \[s\].
    pub(super) fn fft_seconds(&self, points: usize) -> f64 {
        let n = points.max(2) as f64;
        5.0 * n * n.log2() / (GB * between(&self.fft, n))
    }

    /// Rate of a worker beside `workers - 1` others, all beyond the caches \[bytes/s\].
    pub(super) fn memory(&self, workers: usize) -> f64 {
        GB * self.memory_gbs.min(self.memory_all_gbs / workers.max(1) as f64)
    }

    /// Rate at which columns are turned upright out of rows of so many bytes \[bytes/s\].
    pub(super) fn turning(&self, row_bytes: usize) -> f64 {
        GB * between(&self.columns, row_bytes as f64)
    }

    /// Rate at which values of so many bytes are written anew \[bytes/s\].
    pub(super) fn renewal(&self, bytes: u64) -> f64 {
        GB * between(&self.values, bytes as f64)
    }
}

/// Reads a table of `(size, rate)` between its entries, straight over the logarithm of the size; the ends go on level.
fn between(table: &[(u64, f64)], size: f64) -> f64 {
    let at = table.partition_point(|(entry, _)| (*entry as f64) < size);
    match (at.checked_sub(1).map(|before| table[before]), table.get(at)) {
        (Some((low, from)), Some(&(high, to))) => {
            let part = (size / low as f64).ln() / (high as f64 / low as f64).ln();
            from + (to - from) * part
        }
        (Some((_, rate)), None) | (None, Some(&(_, rate))) => rate,
        (None, None) => f64::INFINITY,
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A machine of round numbers, slow with wide rows and large values.
    pub(in crate::tiling) fn machine() -> Machine {
        Machine {
            origin: "round numbers".to_owned(),
            cores: 2,
            fft: vec![(256, 8.0), (16384, 8.0), (262_144, 4.0)],
            cached_gbs: 40.0,
            memory_gbs: 10.0,
            memory_all_gbs: 16.0,
            columns: vec![(128, 8.0), (1024, 8.0), (16384, 2.0)],
            values: vec![(65536, 8.0), (16 << 20, 8.0), (64 << 20, 2.0)],
            task_us: 1.0,
            edge_us: 0.05,
            scratch_write_gbs: 0.5,
            scratch_read_gbs: 1.0,
            input_gbs: 1.5,
        }
    }

    #[test]
    fn table_is_read_between_its_entries_and_level_beyond_its_ends() {
        let table = [(100, 1.0), (10_000, 3.0)];
        assert_eq!(between(&table, 1000.0), 2.0);
        assert_eq!([between(&table, 5.0), between(&table, 100.0), between(&table, 1e9)], [1.0, 1.0, 3.0]);
    }

    #[test]
    fn workers_share_what_the_memory_gives() {
        assert_eq!([1, 2, 4].map(|workers| machine().memory(workers)), [10.0e9, 8.0e9, 4.0e9]);
    }

    #[test]
    fn constants_that_are_none_are_refused_by_name() {
        assert_eq!(machine().check(), Ok(()));
        let wrong = [
            Machine { memory_gbs: 0.0, ..machine() },
            Machine { input_gbs: f64::NAN, ..machine() },
            Machine { fft: vec![], ..machine() },
            Machine { values: vec![(9, 1.0), (4, 1.0)], ..machine() },
            Machine { cores: 0, ..machine() },
        ];
        let keys = ["memory_gbs", "input_gbs", "fft", "values", "cores"];
        for (machine, key) in wrong.iter().zip(keys) {
            let message = machine.check().expect_err(key);
            assert!(message.contains(&format!("machine.{key}")), "{message}");
        }
    }
}
