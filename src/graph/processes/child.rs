//! The parent's side of one child.

use std::borrow::Cow;
use std::ffi::OsString;
use std::io::{self, ErrorKind};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::PathBuf;
use std::process::{self, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::frame::{self, Inbox, Order, Reply, Request};
use crate::graph::Cancel;

/// How often a waiting parent looks whether the run was asked to end early.
const GLANCE: Duration = Duration::from_millis(50);
/// How long an idle child may take to end when the link is closed.
const GRACE: Duration = Duration::from_secs(2);

/// How a child is started: a program that calls [`super::serve`] for the same operations.
#[derive(Debug, Clone)]
pub struct WorkerCommand {
    /// The program.
    pub program: PathBuf,
    /// Its arguments.
    pub arguments: Vec<OsString>,
}

impl WorkerCommand {
    /// This program itself with these arguments; as it was when it started, even if its file has been replaced since.
    pub fn own<A: Into<OsString>>(arguments: impl IntoIterator<Item = A>) -> Self {
        let running = PathBuf::from("/proc/self/exe");
        let by_name = || std::env::args_os().next().map(PathBuf::from).unwrap_or_default();
        let program = if running.exists() { running } else { std::env::current_exe().unwrap_or_else(|_| by_name()) };
        Self { program, arguments: arguments.into_iter().map(Into::into).collect() }
    }
}

/// A child that runs one task at a time.
///
/// The link is a socket in the place of its standard input; it is in a process group of its own, so that Ctrl-C at the
/// terminal reaches the parent alone, which decides.
#[derive(Debug)]
pub(super) struct Child {
    process: process::Child,
    link: UnixStream,
    inbox: Inbox,
    is_busy: bool,
}

impl Child {
    pub(super) fn start(command: &WorkerCommand) -> io::Result<Self> {
        let (link, far_end) = UnixStream::pair()?;
        link.set_read_timeout(Some(GLANCE))?;
        let process = process::Command::new(&command.program)
            .args(&command.arguments)
            .stdin(Stdio::from(OwnedFd::from(far_end)))
            .stdout(Stdio::null())
            .process_group(0)
            .spawn()?;
        Ok(Self { process, link, inbox: Inbox::default(), is_busy: false })
    }

    /// Has a task run.
    ///
    /// # Errors
    /// How the child ended, if it did; it cannot be asked again then.
    pub(super) fn ask(&mut self, request: &Request, cancel: &Cancel) -> Result<Reply, String> {
        self.is_busy = true;
        let mut is_told = request.is_cancelled;
        let answered = frame::send(&self.link, &Order::Run(Cow::Borrowed(request))).and_then(|()| {
            loop {
                match self.inbox.receive(&self.link) {
                    Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                        if cancel.is_aborted() {
                            return Err(io::Error::other("the run was aborted"));
                        }
                        if !is_told && cancel.is_requested() {
                            frame::send(&self.link, &Order::Cancel)?;
                            is_told = true;
                        }
                    }
                    received => return received,
                }
            }
        });
        match answered {
            Ok(Some(reply)) => {
                self.is_busy = false;
                Ok(reply)
            }
            Ok(None) => Err(self.end()),
            // a link that breaks when the child dies
            Err(error) if matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset) => Err(self.end()),
            Err(error) => Err(format!("was ended: {error}")),
        }
    }

    /// Waits for the end of a child that has closed its link, and tells how it ended.
    fn end(&mut self) -> String {
        let until = Instant::now() + GRACE;
        loop {
            match self.process.try_wait() {
                Ok(Some(status)) => return how(status),
                Ok(None) if Instant::now() < until => thread::sleep(Duration::from_millis(1)),
                _ => return "closed its link".to_owned(),
            }
        }
    }
}

/// How a process ended, in words.
fn how(status: ExitStatus) -> String {
    match (status.signal(), status.code()) {
        (Some(signal), _) => format!("was killed by signal {signal}{}", name_of(signal)),
        (None, Some(code)) => format!("ended with exit code {code}"),
        (None, None) => "ended".to_owned(),
    }
}

fn name_of(signal: i32) -> &'static str {
    match signal {
        libc::SIGKILL => " (SIGKILL: by hand, or by the system when memory ran out)",
        libc::SIGSEGV => " (SIGSEGV)",
        libc::SIGABRT => " (SIGABRT)",
        libc::SIGBUS => " (SIGBUS)",
        libc::SIGTERM => " (SIGTERM)",
        libc::SIGILL => " (SIGILL)",
        libc::SIGINT => " (SIGINT)",
        _ => "",
    }
}

impl Drop for Child {
    /// Sees the child out: an idle one ends by itself, a busy one is not waited for.
    fn drop(&mut self) {
        let _ = self.link.shutdown(std::net::Shutdown::Both);
        if !self.is_busy {
            let _ = self.end();
        }
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
