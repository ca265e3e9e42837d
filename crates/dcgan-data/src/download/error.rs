//! Why a file could not be downloaded, and what may help.

use std::io::{self, ErrorKind};
use std::path::PathBuf;
use std::time::Duration;

use ureq::http::StatusCode;

/// A file could not be downloaded. Each message is complete: it contains its cause, so there is no `source`.
#[derive(Debug, thiserror::Error)]
pub enum DownloadError {
    /// The server does not give it.
    #[error("cannot download {url}: {failure}{}", kept_note(*kept))]
    Failed {
        /// The file's URL.
        url: String,
        /// What went wrong, the last time it was tried.
        failure: Failure,
        /// Bytes that are kept for the next run.
        kept: u64,
    },
    /// It cannot be written.
    #[error("cannot write {}: {reason}", path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// What the operating system said.
        reason: io::Error,
    },
    /// Two processes would write the same file.
    #[error("another process is downloading {}: start again when it has ended", path.display())]
    Busy {
        /// The file.
        path: PathBuf,
    },
    /// A file of this name is there, and it is not this one.
    #[error(
        "{}: expected a file with the MD5 checksum {expected}, found {found}: it is damaged or another one; \
         remove it to have it downloaded",
        path.display()
    )]
    Existing {
        /// The file.
        path: PathBuf,
        /// The published checksum.
        expected: String,
        /// That of the file.
        found: String,
    },
}

fn kept_note(kept: u64) -> String {
    match kept {
        0 => String::new(),
        _ => format!(" ({kept} bytes are kept, the next run goes on from there)"),
    }
}

/// What went wrong with one request.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// There is no network, no such host, nobody who listens, or nobody to trust.
    #[error("the server cannot be reached: {0}")]
    Unreachable(String),
    /// The server has no such file, or it cannot give it now.
    #[error("the server answered {0}")]
    Status(StatusCode),
    /// Nothing came for a while.
    #[error("the server sent nothing for {} s", .0.as_secs_f64())]
    Stalled(Duration),
    /// The connection ended early.
    #[error("the connection ended after {received} of {expected} bytes")]
    Cut {
        /// Bytes that are there.
        received: u64,
        /// Bytes of the whole file.
        expected: u64,
    },
    /// The server's file has another length.
    #[error(
        "expected a file of {expected} bytes, the server has {found}: another file, or a page that asks to \
         log in"
    )]
    Length {
        /// Bytes of the file that is wanted.
        expected: u64,
        /// What the server has, for people.
        found: String,
    },
    /// The server's file has another content.
    #[error("expected a file with the MD5 checksum {expected}, received {found}: damaged, or another file")]
    Checksum {
        /// The published checksum.
        expected: String,
        /// That of the bytes that came.
        found: String,
        /// Whether they came in parts, which may not belong together.
        in_parts: bool,
    },
    /// What was to be continued is not there any more.
    #[error("the server's file changed while it was downloaded")]
    Changed,
    /// The bytes cannot be written.
    #[error("cannot write {}: {reason}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        reason: io::Error,
    },
}

/// What may help against a [`Failure`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Remedy {
    /// Going on after a while.
    Resume,
    /// Beginning again.
    Restart,
    /// Nothing that a program can do.
    None,
}

impl Failure {
    pub(super) fn remedy(&self) -> Remedy {
        match self {
            Self::Stalled(_) | Self::Cut { .. } => Remedy::Resume,
            Self::Status(status)
                if status.is_server_error()
                    || [StatusCode::REQUEST_TIMEOUT, StatusCode::TOO_MANY_REQUESTS].contains(status) =>
            {
                Remedy::Resume
            }
            Self::Changed | Self::Checksum { in_parts: true, .. } => Remedy::Restart,
            _ => Remedy::None,
        }
    }
}

/// Whether an error of a connection means that it broke: it was there, and another may hold.
pub(super) fn is_broken(error: &io::Error) -> bool {
    use ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, Interrupted, UnexpectedEof};
    matches!(error.kind(), BrokenPipe | ConnectionAborted | ConnectionReset | Interrupted | UnexpectedEof)
}
