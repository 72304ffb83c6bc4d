//! Ctrl-C and SIGTERM: the first asks for an early end, the second for an end without products. SIGXFSZ ends nothing.

use std::sync::Arc;
use std::thread;

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use super::failure::ABORTED;
use super::tell;
use crate::graph::Cancel;

/// Listens to signals for as long as the process lives.
///
/// The first lets the run end early with products that fit each other. The second gives the run up: tasks that run are
/// waited for, no other starts, and nothing is left of the products. The third ends the process where it stands. SIGHUP
/// is left alone, so that `nohup` works.
pub(super) fn cancel_on_signals() -> Cancel {
    let cancel = Cancel::default();
    let handle = cancel.clone();
    let listening = Signals::new([SIGINT, SIGTERM]).and_then(|mut signals| {
        thread::Builder::new().name("signals".to_owned()).spawn(move || {
            for _ in signals.forever() {
                heed(&handle);
            }
        })
    });
    if let Err(error) = listening {
        tracing::debug!("Ctrl-C ends the process at once: {error}");
    }
    cancel
}

/// Lets a write beyond the greatest length of a file (`ulimit -f`) be an error like that of a full disk: the signal that
/// the system sends with it would end the process where it stands, with files half-written.
pub(super) fn meet_size_limits() {
    // nobody looks at the flag: the write tells
    if let Err(error) = signal_hook::flag::register(libc::SIGXFSZ, Arc::default()) {
        tracing::debug!("a file that grows too long ends the process: {error}");
    }
}

fn heed(cancel: &Cancel) {
    if cancel.is_aborted() {
        std::process::exit(i32::from(ABORTED));
    }
    if cancel.is_requested() {
        tell("aborting: waiting for the tasks that run (again to end at once, which leaves temporary files)");
        cancel.abort();
    } else {
        tell("interrupted: ending after this pass with what is consistent (again to give up everything)");
        cancel.request();
    }
}
