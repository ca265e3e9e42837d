//! Files of published datasets, fetched over HTTP where they are missing.
//!
//! A file appears under its name only when it is whole and has its published checksum. Until then its bytes
//! are in `NAME.part`, from where the next attempt, or the next run, goes on.

use std::fs::File;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use ureq::http::Uri;

mod checksum;
mod error;
mod event;
mod part;
mod server;

pub use error::{DownloadError, Failure};
pub use event::DownloadEvent;

pub(crate) use checksum::md5_of;
use error::Remedy;
use part::Part;
use server::Server;

/// What to do where the files of a published dataset are missing.
#[derive(Clone, Debug, PartialEq, Eq, clap::Args)]
pub struct DownloadConfig {
    /// Fail where the dataset is missing, instead of downloading it
    #[arg(long, alias = "no_download")]
    pub no_download: bool,
    /// Folder of a mirror to download `cifar10` or `mnist` from [default: where they are published]
    ///
    /// The same files are expected there. Proxies are taken from ALL_PROXY, HTTPS_PROXY or HTTP_PROXY, the
    /// first one that is set, but not for the hosts in NO_PROXY.
    #[arg(
        long,
        alias = "download_url",
        value_name = "URL",
        value_parser = folder_url,
        conflicts_with = "no_download"
    )]
    pub download_url: Option<String>,
    /// How long a server may send nothing.
    #[arg(skip = Duration::from_secs(30))]
    pub stall_timeout: Duration,
    /// How often in a row a file is tried again with nothing new of it.
    #[arg(skip = 4_u32)]
    pub retries: u32,
    /// How long to wait before the first of them; before each further one, twice as long.
    #[arg(skip = Duration::from_secs(1))]
    pub retry_delay: Duration,
}

impl Default for DownloadConfig {
    /// Downloads from where a dataset is published; 30 seconds for a server that sends nothing, four retries.
    fn default() -> Self {
        Self {
            no_download: false,
            download_url: None,
            stall_timeout: Duration::from_secs(30),
            retries: 4,
            retry_delay: Duration::from_secs(1),
        }
    }
}

/// Files of a dataset, and where they are published.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    /// The folder of the files, an HTTP or HTTPS URL.
    pub url: &'a str,
    /// The files, in the order that they are fetched in.
    pub files: &'a [RemoteFile<'a>],
}

/// A file that is published together with its checksum.
#[derive(Clone, Copy, Debug)]
pub struct RemoteFile<'a> {
    /// Its name, there and here.
    pub name: &'a str,
    /// Its length: a bound for what a server may send.
    pub bytes: u64,
    /// Its MD5 sum, 32 hexadecimal digits.
    pub md5: &'a str,
}

/// Fetches those files of `source` that are not in `folder`, and checks those that are.
///
/// # Errors
/// When a file cannot be fetched or written, or one that is there has another checksum. What came of a file
/// is kept for the next time.
pub fn fetch(
    source: &Source,
    folder: &Path,
    config: &DownloadConfig,
    report: &mut dyn FnMut(DownloadEvent),
) -> Result<(), DownloadError> {
    let base = config.download_url.as_deref().unwrap_or(source.url).trim_end_matches('/');
    for file in source.files {
        let target = folder.join(file.name);
        if target.exists() {
            check(file, &target)?;
        } else {
            let url = format!("{base}/{}", file.name);
            Download::new(file, url, &target, config, report)?.run(&target, config)?;
        }
    }
    Ok(())
}

fn check(file: &RemoteFile, path: &Path) -> Result<(), DownloadError> {
    let sum = dcgan_core::input::check(path).and_then(|()| md5_of(&mut File::open(path)?));
    let found = sum.unwrap_or_else(|reason| format!("none ({reason})"));
    if found == file.md5 {
        return Ok(());
    }
    Err(DownloadError::Existing { path: path.to_owned(), expected: file.md5.to_owned(), found })
}

/// A file on its way.
struct Download<'a> {
    file: &'a RemoteFile<'a>,
    url: String,
    server: Server,
    part: Part,
    /// Whether the bytes that are there came in more than one answer.
    in_parts: bool,
    report: &'a mut dyn FnMut(DownloadEvent),
    reported: Option<Instant>,
}

impl<'a> Download<'a> {
    fn new(
        file: &'a RemoteFile<'a>,
        url: String,
        target: &Path,
        config: &DownloadConfig,
        report: &'a mut dyn FnMut(DownloadEvent),
    ) -> Result<Self, DownloadError> {
        let server = Server::new(&url, config.stall_timeout);
        let part = Part::open(target)?;
        Ok(Self { file, url, server, in_parts: part.len() > 0, part, report, reported: None })
    }

    fn run(mut self, target: &Path, config: &DownloadConfig) -> Result<(), DownloadError> {
        let finished = self.all(config).and_then(|()| self.part.finish(target));
        if let Err(failure) = finished {
            let useless = matches!(failure, Failure::Checksum { .. });
            if useless || self.part.len() == 0 {
                self.part.discard();
            }
            return Err(DownloadError::Failed { url: self.url, failure, kept: self.part.len() });
        }
        (self.report)(DownloadEvent::Done { file: self.file.name.to_owned() });
        Ok(())
    }

    /// Tries until the file is whole and right, or until there is no hope.
    fn all(&mut self, config: &DownloadConfig) -> Result<(), Failure> {
        let (mut restarted, mut fruitless, mut most) = (false, 0, self.part.len());
        loop {
            let Err(failure) = self.attempt() else { return Ok(()) };
            fruitless = if self.part.len() > most { 0 } else { fruitless + 1 };
            most = most.max(self.part.len());
            match failure.remedy() {
                Remedy::Resume if fruitless <= config.retries => {
                    thread::sleep(config.retry_delay * 2_u32.saturating_pow(fruitless.saturating_sub(1)));
                }
                Remedy::Restart if !restarted => {
                    restarted = true;
                    self.part.restart(None)?;
                }
                _ => return Err(failure),
            }
        }
    }

    fn attempt(&mut self) -> Result<(), Failure> {
        let expected = self.file.bytes;
        if self.part.len() > expected {
            self.part.restart(None)?;
        }
        if self.part.len() < expected {
            self.receive()?;
        }
        let found = self.part.md5()?;
        if found == self.file.md5 {
            return Ok(());
        }
        Err(Failure::Checksum { expected: self.file.md5.to_owned(), found, in_parts: self.in_parts })
    }

    /// Receives what is missing.
    fn receive(&mut self) -> Result<(), Failure> {
        let (had, expected) = (self.part.len(), self.file.bytes);
        self.tell(true);
        let mut answer = self.server.get(&self.url, had, self.part.tag(), expected)?;
        self.in_parts = answer.from > 0;
        if answer.from == 0 {
            self.part.restart(answer.tag.as_ref())?;
            self.tell(had > 0);
        }
        let mut buffer = vec![0; 1 << 16];
        loop {
            let received = self.part.len();
            let count = answer.read(&mut buffer, received, expected)?;
            if count == 0 && received < expected {
                return Err(Failure::Cut { received, expected });
            }
            if count == 0 {
                return Ok(());
            }
            if received + count as u64 > expected {
                self.part.restart(None)?;
                return Err(Failure::Length { expected, found: "a longer one".to_owned() });
            }
            self.part.append(&buffer[..count])?;
            self.tell(false);
        }
    }

    /// Tells how much is there: now, or else about ten times a second, and at the end.
    fn tell(&mut self, now: bool) {
        let (received, total) = (self.part.len(), self.file.bytes);
        let due = self.reported.is_none_or(|last| last.elapsed() >= Duration::from_millis(100));
        if now || due || received == total {
            self.reported = Some(Instant::now());
            let file = self.file.name.to_owned();
            (self.report)(DownloadEvent::Progress { file, received, total: Some(total) });
        }
    }
}

/// Parses the URL of a folder, and says what was expected instead of another text.
fn folder_url(text: &str) -> Result<String, String> {
    let uri = text.parse::<Uri>().ok();
    let fits = uri.is_some_and(|uri| {
        matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some() && uri.query().is_none()
    });
    if fits {
        return Ok(text.to_owned());
    }
    Err("expected the URL of a folder, such as https://example.org/datasets/".to_owned())
}
