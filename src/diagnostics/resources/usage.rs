//! What this process and those that it started have taken so far.

use std::fs;

use sysinfo::{Pid, ProcessRefreshKind, ProcessesToUpdate, System};

/// Sums over the process and its children.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Usage {
    /// Resident memory now \[bytes\].
    pub(super) rss_bytes: u64,
    /// CPU time so far \[s\].
    pub(super) cpu_seconds: f64,
    /// Read from files so far, from the disk or from the system's cache \[bytes\].
    pub(super) read_bytes: u64,
    /// Written to files so far \[bytes\].
    pub(super) written_bytes: u64,
}

/// Asks the system; what it does not tell is 0.
pub(super) struct Meter {
    system: System,
    own: Pid,
}

impl Meter {
    pub(super) fn new() -> Self {
        Self { system: System::new(), own: Pid::from_u32(std::process::id()) }
    }

    /// `None` where the system tells nothing of the own process.
    pub(super) fn read(&mut self) -> Option<Usage> {
        let mut pids = children();
        pids.push(self.own);
        let what = ProcessRefreshKind::nothing().with_memory().with_cpu().without_tasks();
        self.system.refresh_processes_specifics(ProcessesToUpdate::Some(&pids), true, what);
        self.system.process(self.own)?;
        let usages = pids.iter().filter_map(|pid| {
            let process = self.system.process(*pid)?;
            let (read_bytes, written_bytes) = transferred(*pid);
            let (rss_bytes, cpu_seconds) = (process.memory(), process.accumulated_cpu_time() as f64 / 1000.0);
            Some(Usage { rss_bytes, cpu_seconds, read_bytes, written_bytes })
        });
        Some(usages.fold(Usage::default(), |sum, part| Usage {
            rss_bytes: sum.rss_bytes + part.rss_bytes,
            cpu_seconds: sum.cpu_seconds + part.cpu_seconds,
            read_bytes: sum.read_bytes + part.read_bytes,
            written_bytes: sum.written_bytes + part.written_bytes,
        }))
    }
}

/// Processes that any thread of this one has started and that still run; none where the system does not tell.
fn children() -> Vec<Pid> {
    let Ok(threads) = fs::read_dir("/proc/self/task") else { return Vec::new() };
    let lists = threads.flatten().filter_map(|thread| fs::read_to_string(thread.path().join("children")).ok());
    lists.flat_map(|list| list.split_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<_>>()).collect()
}

/// Bytes that a process has read and written, through whatever the system keeps in memory.
fn transferred(pid: Pid) -> (u64, u64) {
    let text = fs::read_to_string(format!("/proc/{pid}/io")).unwrap_or_default();
    let number = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        line.and_then(|rest| rest.trim().parse().ok()).unwrap_or(0)
    };
    (number("rchar:"), number("wchar:"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_and_children_are_counted() {
        let mut meter = Meter::new();
        let before = meter.read().expect("the own process");
        let folder = tempfile::tempdir().expect("a folder");
        let (path, bytes) = (folder.path().join("file"), vec![1u8; 1 << 20]);
        fs::write(&path, &bytes).expect("written");
        assert_eq!(fs::read(&path).expect("read"), bytes);
        let mut child = std::process::Command::new("sleep").arg("5").spawn().expect("a child");
        let after = meter.read().expect("the own process");
        assert!(children().contains(&Pid::from_u32(child.id())), "{:?}", children());
        child.kill().and_then(|()| child.wait()).expect("ended");
        assert!(after.read_bytes - before.read_bytes >= 1 << 20, "{before:?} {after:?}");
        assert!(after.written_bytes - before.written_bytes >= 1 << 20, "{before:?} {after:?}");
        assert!(after.rss_bytes > 100_000 && after.cpu_seconds >= before.cpu_seconds);
    }
}
