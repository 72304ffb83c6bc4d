//! The child's side: takes tasks from its standard input, which is a socket, until the parent closes it.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::Instant;

use serde::de::DeserializeOwned;

use super::frame::{self, Done, Inbox, Input, Order, Reply, Request};
use super::remote::RemoteError;
use crate::graph::engine::panic_message;
use crate::graph::{Cancel, Codec, Op, Stored, TaskContext};

/// Runs the tasks that a parent sends, as one child of [`super::Processes`], until the parent has no more.
///
/// `hint` tells what to do about an error of an operation. When the parent dies, this process ends at once.
///
/// # Errors
/// When standard input is not the link to a parent, or the link breaks.
pub fn serve<O>(hint: fn(&O::Error) -> Option<String>) -> io::Result<()>
where
    O: Op + DeserializeOwned + 'static,
{
    let codec = O::codec().ok_or_else(|| io::Error::other("the operations have no codec"))?;
    let link = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    link.peer_addr()?;
    let (sender, tasks) = mpsc::channel();
    let is_busy = Arc::new(AtomicBool::new(false));
    let listener = Listener { link: link.try_clone()?, sender, is_busy: Arc::clone(&is_busy) };
    thread::Builder::new().name("listener".into()).spawn(move || listener.listen())?;
    // in a thread of its own, so that what operations keep for their thread is dropped before the process ends
    let worker = Worker::<O> { link, codec, hint, is_busy };
    let worker = thread::Builder::new().name("worker".into()).spawn(move || worker.work(&tasks))?;
    worker.join().unwrap_or_else(|_| Err(io::Error::other("the worker panicked outside a task")))
}

/// Hears orders while a task runs.
struct Listener {
    link: UnixStream,
    sender: Sender<(Request, Cancel)>,
    is_busy: Arc<AtomicBool>,
}

impl Listener {
    fn listen(self) {
        let mut inbox = Inbox::default();
        let mut cancel = Cancel::default();
        while let Ok(Some(order)) = inbox.receive::<Order<'static>>(&self.link) {
            match order {
                Order::Cancel => cancel.request(),
                Order::Run(request) => {
                    let request = request.into_owned();
                    cancel = Cancel::default();
                    if request.is_cancelled {
                        cancel.request();
                    }
                    self.is_busy.store(true, Ordering::SeqCst);
                    if self.sender.send((request, cancel.clone())).is_err() {
                        return;
                    }
                }
            }
        }
        if self.is_busy.load(Ordering::SeqCst) {
            // nobody waits for the end of the task, which may be far
            std::process::exit(1);
        }
    }
}

/// Runs tasks one after the other.
struct Worker<O: Op> {
    link: UnixStream,
    codec: Codec<O::Value>,
    hint: fn(&O::Error) -> Option<String>,
    is_busy: Arc<AtomicBool>,
}

impl<O: Op + DeserializeOwned> Worker<O> {
    fn work(self, tasks: &Receiver<(Request, Cancel)>) -> io::Result<()> {
        while let Ok((request, cancel)) = tasks.recv() {
            let ended = catch_unwind(AssertUnwindSafe(|| self.run(request, TaskContext { cancel })));
            let reply = match ended {
                Ok(Ok(done)) => Reply::Done(done),
                Ok(Err(failure)) => failure,
                Err(payload) => Reply::Panicked(panic_message(payload.as_ref())),
            };
            self.is_busy.store(false, Ordering::SeqCst);
            frame::send(&self.link, &reply)?;
        }
        Ok(())
    }

    /// Runs a task; what goes wrong is told as the reply.
    fn run(&self, request: Request, context: TaskContext) -> Result<Done, Reply> {
        let Request { op, inputs, output, .. } = request;
        let begin = Instant::now();
        let op: O = postcard::from_bytes(&op).map_err(|error| {
            // a file that the operation names cannot be opened here, or parent and child are not the same program
            Reply::Failed(RemoteError::new(format!("the operation cannot be read by the worker: {error}")))
        })?;
        let inputs = self.read_all(inputs)?;
        let read = begin.elapsed();
        let value = op.run(&inputs, &context).map_err(|error| {
            let hint = (self.hint)(&error);
            Reply::Failed(RemoteError::of(&error, hint))
        })?;
        drop(inputs);
        let run = begin.elapsed().saturating_sub(read);
        let value = self.write(&value, output).map_err(|error| Reply::NoValue(None, error.into()))?;
        Ok(Done { value, read, run, write: begin.elapsed().saturating_sub(read + run) })
    }

    /// Reads the inputs; one that stands in several places is read once.
    fn read_all(&self, inputs: Vec<Input>) -> Result<Vec<Arc<O::Value>>, Reply> {
        let mut values: Vec<Arc<O::Value>> = Vec::with_capacity(inputs.len());
        for (place, input) in inputs.iter().enumerate() {
            let value = match inputs[..place].iter().position(|earlier| earlier == input) {
                Some(earlier) => Arc::clone(&values[earlier]),
                None => self.read(input).map_err(|error| Reply::NoValue(Some(place), error.into()))?,
            };
            values.push(value);
        }
        Ok(values)
    }

    fn read(&self, input: &Input) -> io::Result<Arc<O::Value>> {
        let stored = match input {
            Input::Bytes(bytes) => Stored::of_bytes(bytes.clone()),
            Input::File(path, start, len) => {
                let path = PathBuf::from(path);
                Stored::new(Arc::new(File::open(&path)?), Arc::new(path))?.part(*start, *len)?
            }
        };
        (self.codec.read)(&stored).map(Arc::new)
    }

    /// Writes a result to its file; without one its bytes are returned.
    fn write(&self, value: &O::Value, output: Option<OsString>) -> io::Result<Option<Vec<u8>>> {
        let Some(path) = output else {
            let mut bytes = Vec::new();
            return (self.codec.write)(value, &mut bytes).map(|()| Some(bytes));
        };
        let mut file = io::BufWriter::with_capacity(1 << 16, File::create(path)?);
        (self.codec.write)(value, &mut file)?;
        file.flush().map(|()| None)
    }
}
