//! What the process and its worker processes have taken; children that were lost or have ended are not counted.

use std::fs;
use std::path::{Path, PathBuf};

/// CPU time so far \[s\].
pub(super) fn cpu_seconds() -> f64 {
    processes().iter().filter_map(|process| clock(&process.join("stat"))).sum()
}

/// The most that each of them held so far, together \[bytes\]: no less than they held at any one time.
pub(super) fn peak_memory() -> u64 {
    processes().iter().filter_map(|process| peak(&process.join("status"))).sum()
}

/// The folders in which the system tells of this process and of those that any of its threads has started.
fn processes() -> Vec<PathBuf> {
    let threads = fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let lists = threads.filter_map(|thread| fs::read_to_string(thread.path().join("children")).ok());
    let children = lists.flat_map(|list| list.split_whitespace().map(str::to_owned).collect::<Vec<_>>());
    std::iter::once("self".to_owned()).chain(children).map(|name| Path::new("/proc").join(name)).collect()
}

fn clock(stat: &Path) -> Option<f64> {
    let stat = fs::read_to_string(stat).ok()?;
    // the name in parentheses may hold blanks; utime and stime are the 12th and 13th fields after it
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks: f64 = fields.get(11)?.parse::<f64>().ok()? + fields.get(12)?.parse::<f64>().ok()?;
    Some(ticks / 100.0)
}

fn peak(status: &Path) -> Option<u64> {
    let status = fs::read_to_string(status).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn children_count_as_long_as_they_run() {
        let alone = peak_memory();
        assert!(alone > 1 << 20 && cpu_seconds() >= 0.0, "{alone}");
        let mut child = Command::new("sleep").arg("20").spawn().expect("a child");
        let folder = Path::new("/proc").join(child.id().to_string());
        assert!(processes().contains(&folder), "{folder:?}");
        // it has hardly a page yet when it is just begun
        let mut tries = 0..500;
        while peak(&folder.join("status")).is_none_or(|bytes| bytes < 100_000) {
            assert!(tries.next().is_some(), "a program that sleeps holds more than 100 kB");
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        child.kill().and_then(|()| child.wait()).expect("ended");
        assert!(!processes().contains(&folder), "{folder:?}");
    }
}
