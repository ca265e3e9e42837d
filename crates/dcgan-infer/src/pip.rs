//! pip as a downloader: it knows the user's index, proxy and certificates, and which wheel fits the machine.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The programs that may be Python, in the order in which they are tried.
const PYTHONS: [&str; 2] = ["python3", "python"];

/// pip did not deliver.
#[derive(Debug, thiserror::Error)]
pub enum PipError {
    /// No Python on the `PATH`.
    #[error(
        "found neither python3 nor python on the PATH: install Python with pip, or fetch ONNX Runtime yourself and \
         name its library with --onnxruntime"
    )]
    NoPython,
    /// A Python that has no pip.
    #[error(
        "{python} has no pip: install it (`{python} -m ensurepip`, or the system's package python3-pip), or fetch \
         ONNX Runtime yourself and name its library with --onnxruntime"
    )]
    NoPip {
        /// The program that was run.
        python: &'static str,
    },
    /// Python cannot be run.
    #[error("cannot run {python}")]
    Run {
        /// The program.
        python: &'static str,
        /// What the operating system said.
        source: io::Error,
    },
    /// pip failed.
    #[error(
        "pip found no {requirement} for this machine; check the network, pip's settings and the version. \
         pip said: {said}"
    )]
    Download {
        /// What pip was asked for.
        requirement: String,
        /// The end of what it wrote.
        said: String,
    },
    /// pip reported success but left no wheel.
    #[error("pip left no wheel of {requirement} in {}", folder.display())]
    NoWheel {
        /// What pip was asked for.
        requirement: String,
        /// Where it was to go.
        folder: PathBuf,
    },
}

/// Downloads the wheel of `onnxruntime` of a version, or of its newest patch, into a folder.
pub(crate) fn download(version: &str, folder: &Path) -> Result<PathBuf, PipError> {
    let requirement = format!("onnxruntime=={version}.*");
    let (python, output) = run_python(&requirement, folder)?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(match said.contains("No module named pip") {
            true => PipError::NoPip { python },
            false => PipError::Download { requirement, said: last_lines(&said, 5) },
        });
    }
    let mut files = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    files
        .find(|path| path.extension().is_some_and(|extension| extension == "whl"))
        .ok_or_else(|| PipError::NoWheel { requirement, folder: folder.to_owned() })
}

fn run_python(requirement: &str, folder: &Path) -> Result<(&'static str, Output), PipError> {
    for python in PYTHONS {
        match pip_download(python, requirement, folder).output() {
            Ok(output) => return Ok((python, output)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(source) => return Err(PipError::Run { python, source }),
        }
    }
    Err(PipError::NoPython)
}

fn pip_download(python: &str, requirement: &str, folder: &Path) -> Command {
    let mut command = Command::new(python);
    command.args(["-m", "pip", "download", "--no-deps", "--only-binary=:all:"]);
    // The library inside is the same for every Python: a fixed one makes this work with any, old or new.
    command.args(["--implementation", "cp", "--python-version", "3.13", "--abi", "cp313"]);
    command.args(["--quiet", "--no-input", "--disable-pip-version-check", "--progress-bar", "off"]);
    command.arg("--dest").arg(folder).arg(requirement);
    command
}

fn last_lines(text: &str, count: usize) -> String {
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    lines[lines.len().saturating_sub(count)..].join("; ")
}
