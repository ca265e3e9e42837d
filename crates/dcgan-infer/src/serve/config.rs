//! How the server is to behave.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use crate::generator::{GeneratorConfig, MAX_BATCH};

/// How to serve. The default is right for one machine's own use: nothing but this machine reaches it.
#[derive(Clone, Debug)]
pub struct ServeConfig {
    /// Address or name to listen on.
    pub host: String,
    /// Port to listen on; 0 is any free one.
    pub port: u16,
    /// Latents that go through a model at once, of as many requests as they come from.
    pub max_batch: NonZeroUsize,
    /// How long a latent waits for others to fill its batch, while the model is idle.
    pub max_delay: Duration,
    /// Latents that wait for a model at most; a request beyond is answered 503.
    pub queue: NonZeroUsize,
    /// Images, or frames, of one request at most.
    pub max_images: NonZeroUsize,
    /// Bytes of a request's body at most.
    pub max_body: usize,
    /// Connections at a time. On a few more, health checks and metrics are answered, and anything else with 503.
    pub max_connections: usize,
    /// Bytes of request bodies and answers in memory at once. A request beyond is answered 503, unless it and its
    /// answer are smaller than what half of these bytes is for each connection.
    pub buffers: usize,
    /// How long a request's head, its body, and its images may each take, and how long a client may take no byte of an
    /// answer.
    pub timeout: Duration,
    /// How long requests that were accepted may go on after the server was told to stop.
    pub grace: Duration,
    /// What clients have to send as `Authorization: Bearer KEY`; nothing if `None`.
    pub api_key: Option<String>,
    /// Host names that requests may be for, besides `localhost`, `host` and addresses. On a loopback address a request
    /// for another name is answered 403; elsewhere only where names are given.
    pub allowed_hosts: Vec<String>,
    /// How often the models' files are looked at for changes; never if `None`.
    pub reload: Option<Duration>,
    /// The program `dcgan-infer`, which loads each model first in a process of its own ([`Probe`]): a model that never
    /// finishes or crashes the engine is refused. With `None` it hangs or ends this process.
    ///
    /// [`Probe`]: crate::doctor::Probe
    pub program: Option<PathBuf>,
    /// How long that process may take.
    pub trial_timeout: Duration,
}

impl Default for ServeConfig {
    fn default() -> Self {
        Self {
            host: "127.0.0.1".to_owned(),
            port: 8080,
            max_batch: MAX_BATCH,
            max_delay: Duration::from_micros(500),
            queue: NonZeroUsize::new(1024).unwrap(),
            max_images: NonZeroUsize::new(256).unwrap(),
            max_body: 16 << 20,
            max_connections: 512,
            buffers: 512 << 20,
            timeout: Duration::from_secs(30),
            grace: Duration::from_secs(30),
            api_key: None,
            allowed_hosts: Vec::new(),
            reload: Some(Duration::from_millis(500)),
            program: None,
            trial_timeout: Duration::from_secs(60),
        }
    }
}

/// A model to serve, and the name that it has in addresses.
///
/// ```
/// use dcgan_infer::serve::ModelSource;
/// let source: ModelSource = "faces=models/g.onnx".parse()?;
/// assert_eq!((source.name.as_str(), source.path.as_path()), ("faces", "models/g.onnx".as_ref()));
/// assert_eq!("models/g.onnx".parse::<ModelSource>()?.name, "g");
/// # Ok::<(), dcgan_infer::serve::SourceError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct ModelSource {
    /// The name: letters, digits, `.`, `_` and `-`.
    pub name: String,
    /// The `.onnx` file.
    pub path: PathBuf,
    /// What its file does not say.
    pub about: GeneratorConfig,
}

/// A text names no model.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a .onnx file, or NAME=FILE with a name of letters, digits, ., _ and -, found {0:?}")]
pub struct SourceError(String);

impl FromStr for ModelSource {
    type Err = SourceError;

    /// `NAME=FILE`, or a file that is called by its own name, without the extension. A file that exists is taken whole,
    /// whatever stands in its name.
    fn from_str(text: &str) -> Result<Self, SourceError> {
        let named = text.split_once('=').filter(|(name, path)| is_name(name) && !path.is_empty());
        let named = named.filter(|_| !Path::new(text).is_file());
        let (name, path) = match named {
            Some((name, path)) => (name.to_owned(), path),
            None => {
                let stem = Path::new(text).file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
                let name = stem.replace(|letter| !is_letter(letter), "_");
                (name, text)
            }
        };
        match is_name(&name) {
            true => Ok(Self { name, path: path.into(), about: GeneratorConfig::default() }),
            false => Err(SourceError(text.to_owned())),
        }
    }
}

fn is_letter(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || "._-".contains(letter)
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(is_letter)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stands_before_the_file_or_is_the_files_own() {
        for (text, name, path) in [
            ("g.onnx", "g", "g.onnx"),
            ("a/b c.onnx", "b_c", "a/b c.onnx"),
            ("x=a=b.onnx", "x", "a=b.onnx"),
            ("./a=b.onnx", "a_b", "./a=b.onnx"),
        ] {
            let source: ModelSource = text.parse().unwrap();
            assert_eq!((source.name.as_str(), source.path.to_str().unwrap()), (name, path), "{text}");
        }
        for text in ["", "/", ".."] {
            assert!(text.parse::<ModelSource>().is_err(), "{text}");
        }
    }
}
