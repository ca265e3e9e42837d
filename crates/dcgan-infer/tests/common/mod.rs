//! What the test binaries share.

// Each binary uses its part.
#![allow(dead_code)]

pub mod fakes;
#[cfg(feature = "evaluate")]
pub mod features;
pub mod samples;
#[cfg(feature = "serve")]
pub mod server;
pub mod strangers;

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use assert_cmd::Command;
use dcgan_infer::install::{self, InstallConfig};
use dcgan_infer::library::OnnxRuntime;
use tempfile::TempDir;

/// The small committed generator, trained on drawn shapes: latents of 100 numbers, colour images of 32x32.
pub fn model() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models/shapes32.onnx")
}

/// The large committed generator, trained on CIFAR-10: latents of 100 numbers, colour images of 64x64.
pub fn photos() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models/dcgan64-cifar10.onnx")
}

/// A tiny model of `tests/fixtures/make.py`.
pub fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

/// ONNX Runtime's library, fetched once for all tests of the workspace; of the processes that come here at once,
/// one fetches.
pub fn onnxruntime() -> &'static Path {
    static LIBRARY: OnceLock<PathBuf> = OnceLock::new();
    LIBRARY.get_or_init(|| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("onnxruntime");
        let config = InstallConfig { folder, version: install::DEFAULT_VERSION.to_owned(), force: false };
        install::install(&config).unwrap_or_else(|error| {
            panic!("the tests need ONNX Runtime, which cannot be installed: {:#}", anyhow::Error::new(error))
        })
    })
}

/// Whether the tests that need a machine without ONNX Runtime cannot run.
pub fn system_has_onnxruntime() -> bool {
    let has = OnnxRuntime::open_system().is_ok();
    if has {
        eprintln!("skipped: this system has an ONNX Runtime of its own");
    }
    has
}

/// A folder of the test's own, in which `dcgan-infer` runs with nothing installed and nothing configured.
pub struct Sandbox {
    folder: TempDir,
}

impl Sandbox {
    pub fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a temporary folder") }
    }

    /// A path inside the sandbox.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Where ONNX Runtime lies in the sandbox's cache.
    pub fn cached_library(&self) -> PathBuf {
        dcgan_infer::cache::library_path(&self.path("cache/onnxruntime"))
    }

    /// The program, with the sandbox as working folder and cache.
    pub fn dcgan_infer(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_dcgan-infer"));
        command.current_dir(self.folder.path()).env("DCGAN_CACHE_DIR", self.path("cache"));
        for variable in ["ORT_DYLIB_PATH", "COLUMNS", "LD_LIBRARY_PATH"] {
            command.env_remove(variable);
        }
        command
    }

    /// The program with the committed model and an engine that is there in every build.
    pub fn draw(&self) -> Command {
        self.draw_with(&model())
    }

    /// The program with a model and an engine that is there in every build.
    pub fn draw_with(&self, model: &Path) -> Command {
        let mut command = self.dcgan_infer();
        command.arg("--model").arg(model);
        if cfg!(not(feature = "tract")) {
            command.env("ORT_DYLIB_PATH", onnxruntime());
        }
        command
    }

    /// The program with the committed model, and whatever engine it finds.
    pub fn sample(&self) -> Command {
        let mut command = self.dcgan_infer();
        command.arg("--model").arg(model());
        command
    }

    /// Runs a command that has to fail with this exit code, and gives what it wrote to stderr.
    pub fn stderr_of_failure(&self, command: &mut Command, code: i32) -> String {
        let assert = command.assert().code(code).stdout("");
        String::from_utf8(assert.get_output().stderr.clone()).expect("messages are UTF-8")
    }
}
