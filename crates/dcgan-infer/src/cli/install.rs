//! `dcgan-infer install`.

use clap::Args;
use dcgan_infer::install::{self, InstallConfig};

use super::say;

/// Fetch ONNX Runtime from its PyPI package, with pip, into the per-user cache
///
/// The library goes to `onnxruntime` inside the folder that the environment variable DCGAN_CACHE_DIR names or, where
/// that is not set, inside `dcgan` of the user's cache folder (`$XDG_CACHE_HOME` or `~/.cache` on Linux).
#[derive(Debug, Args)]
pub struct InstallArgs {
    /// Version of ONNX Runtime: 1.32 for its newest patch, 1.32.0 for exactly that
    #[arg(long, value_name = "VERSION", default_value = install::DEFAULT_VERSION, value_parser = version)]
    version: String,
    /// Fetch it even if this version is there already
    #[arg(long)]
    force: bool,
}

impl InstallArgs {
    pub fn run(self) -> anyhow::Result<()> {
        let config = InstallConfig { version: self.version, force: self.force, ..InstallConfig::in_cache()? };
        let library = install::install(&config)?;
        say::result(&format!("ONNX Runtime is installed: {}", library.display()), "where ONNX Runtime is")
    }
}

fn version(text: &str) -> Result<String, install::InstallError> {
    install::check_version(text)?;
    Ok(text.to_owned())
}
