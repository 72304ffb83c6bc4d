//! What parent and child say to each other: frames of a length and a message in postcard's form.

use std::borrow::Cow;
use std::ffi::OsString;
use std::io::{self, ErrorKind, Read, Write};
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::remote::RemoteError;

/// No message is longer: large values go through files \[bytes\].
const LONGEST: usize = 1 << 30;
/// Bytes read at once.
const PIECE: usize = 1 << 16;

/// What a child is told.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Order<'r> {
    /// To run a task.
    Run(Cow<'r, Request>),
    /// That the task under way was asked to end early.
    Cancel,
}

/// A task to run.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Request {
    /// The operation, written down.
    pub(super) op: Vec<u8>,
    /// Values of the dependencies, in their order.
    pub(super) inputs: Vec<Input>,
    /// The file for the result; without one the result comes with the reply.
    pub(super) output: Option<OsString>,
    /// Whether the run was asked to end early before the task began.
    pub(super) is_cancelled: bool,
}

/// A value as the codec wrote it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Input {
    /// The bytes themselves.
    Bytes(Vec<u8>),
    /// Where they stand: name of the file, first byte, length.
    File(OsString, u64, u64),
}

/// What a child answers to a request.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Reply {
    /// The task has ended well.
    Done(Done),
    /// Its operation returned an error.
    Failed(RemoteError),
    /// The input of this place could not be read, or the result not be written (no place).
    NoValue(Option<usize>, FileError),
    /// It panicked with this message.
    Panicked(String),
}

/// What a file system said.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct FileError {
    code: Option<i32>,
    message: String,
}

impl From<io::Error> for FileError {
    fn from(error: io::Error) -> Self {
        Self { code: error.raw_os_error(), message: error.to_string() }
    }
}

impl From<FileError> for io::Error {
    fn from(FileError { code, message }: FileError) -> Self {
        code.map_or_else(|| Self::other(message), Self::from_raw_os_error)
    }
}

/// A task that has ended well; times are taken in the child.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Done {
    /// The result, unless it was written to a file.
    pub(super) value: Option<Vec<u8>>,
    /// Taking the inputs from files.
    pub(super) read: Duration,
    /// The operation.
    pub(super) run: Duration,
    /// Writing the result.
    pub(super) write: Duration,
}

/// Sends a message.
pub(super) fn send<M: Serialize>(mut to: impl Write, message: &M) -> io::Result<()> {
    let mut bytes = vec![0; 4];
    bytes = postcard::to_extend(message, bytes).map_err(io::Error::other)?;
    let len = bytes.len() - 4;
    if len > LONGEST {
        return Err(io::Error::new(ErrorKind::InvalidInput, format!("a message of {len} bytes")));
    }
    bytes[..4].copy_from_slice(&(len as u32).to_le_bytes());
    to.write_all(&bytes)
}

/// What was received and not yet used.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    bytes: Vec<u8>,
}

impl Inbox {
    /// The next message; `None` when the other side has closed the link.
    ///
    /// A read that times out (`WouldBlock`) loses nothing: the next call goes on from there.
    pub(super) fn receive<M: DeserializeOwned>(&mut self, mut from: impl Read) -> io::Result<Option<M>> {
        loop {
            if let Some(message) = self.whole()? {
                return Ok(Some(message));
            }
            let held = self.bytes.len();
            self.bytes.resize(held + PIECE, 0);
            let read = from.read(&mut self.bytes[held..]);
            self.bytes.truncate(held + *read.as_ref().unwrap_or(&0));
            match read {
                Ok(0) => return Ok(None),
                Err(error) if error.kind() == ErrorKind::ConnectionReset => return Ok(None),
                Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error),
                _ => {}
            }
        }
    }

    /// A message that has come whole.
    fn whole<M: DeserializeOwned>(&mut self) -> io::Result<Option<M>> {
        let Some(head) = self.bytes.first_chunk() else { return Ok(None) };
        let len = u32::from_le_bytes(*head) as usize;
        if len > LONGEST {
            return Err(io::Error::new(ErrorKind::InvalidData, "what came is not a message"));
        }
        let Some(message) = self.bytes.get(4..4 + len) else { return Ok(None) };
        let message = postcard::from_bytes(message).map_err(|error| io::Error::new(ErrorKind::InvalidData, error))?;
        self.bytes.drain(..4 + len);
        Ok(Some(message))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives its bytes a few at a time, and a time-out before each.
    struct Drops(Vec<Vec<u8>>, bool);

    impl Read for Drops {
        fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
            self.1 = !self.1;
            if self.1 {
                return Err(ErrorKind::WouldBlock.into());
            }
            let Some(drop) = self.0.pop() else { return Ok(0) };
            to[..drop.len()].copy_from_slice(&drop);
            Ok(drop.len())
        }
    }

    #[test]
    fn message_that_comes_in_drops_is_received_whole() {
        let mut bytes = Vec::new();
        send(&mut bytes, &Order::Cancel).unwrap();
        send(&mut bytes, &"second").unwrap();
        let mut drops = Drops(bytes.chunks(3).map(<[u8]>::to_vec).rev().collect(), false);
        let mut inbox = Inbox::default();
        let mut timeouts = 0;
        let first = loop {
            match inbox.receive::<Order<'static>>(&mut drops) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => timeouts += 1,
                other => break other.unwrap(),
            }
        };
        assert!(matches!(first, Some(Order::Cancel)) && timeouts > 0);
        let second = std::iter::from_fn(|| Some(inbox.receive::<String>(&mut drops))).find_map(Result::ok);
        assert_eq!(second.flatten().as_deref(), Some("second"));
    }

    #[test]
    fn noise_is_not_taken_for_a_message() {
        let error = Inbox::default().receive::<Order<'static>>(&[255; 8][..]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidData);
        assert!(Inbox::default().receive::<Order<'static>>(&[][..]).unwrap().is_none());
    }
}
