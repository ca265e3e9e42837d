//! What a download tells while it goes on.

use std::fmt::{self, Display, Formatter};

use indicatif::HumanBytes;

/// How far a file of a dataset is; as text, a line for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DownloadEvent {
    /// It arrives: told up to ten times a second.
    Progress {
        /// The file's name.
        file: String,
        /// Bytes that are there, those of an earlier run included.
        received: u64,
        /// Bytes of the whole file, where they are known.
        total: Option<u64>,
    },
    /// It is there, whole and checked.
    Done {
        /// The file's name.
        file: String,
    },
}

impl Display for DownloadEvent {
    fn fmt(&self, f: &mut Formatter) -> fmt::Result {
        match self {
            Self::Progress { file, received, total: None } => {
                write!(f, "downloading {file}: {}", HumanBytes(*received))
            }
            Self::Progress { file, received, total: Some(total) } => {
                let percent = received.saturating_mul(100) / (*total).max(1);
                let (received, total) = (HumanBytes(*received), HumanBytes(*total));
                write!(f, "downloading {file}: {received} of {total} ({percent} %)")
            }
            Self::Done { file } => write!(f, "downloaded {file}"),
        }
    }
}
