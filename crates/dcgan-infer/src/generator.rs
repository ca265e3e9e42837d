//! An exported generator: latents in, images out.

use std::fs::File;
use std::io;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use dcgan_core::{input, metadata};
use ndarray::{Array2, Array4, ArrayView2, ArrayViewMut4, Axis, s};
use ort::session::Session;
use ort::value::{Outlet, TensorElementType, TensorRef, ValueType};

use crate::engine::Engine;

/// Latents that go through the model at once: 16 took the least time an image of the powers of two up to 64, in both
/// engines. Larger batches leave the processor's cache, smaller ones waste the time of tract.
pub const MAX_BATCH: NonZeroUsize = NonZeroUsize::new(16).unwrap();

/// Longest latent and largest fixed batch that are believed: memory is allocated by what a file says.
const MAX_LATENT: i64 = 65_536;
/// Largest height and width that are believed.
const MAX_SIDE: i64 = 8192;

/// A generator read from a `.onnx` file, ready to run.
#[derive(Debug)]
pub struct Generator {
    path: PathBuf,
    session: Session,
    interface: Interface,
    batch: NonZeroUsize,
}

/// The shapes of the model's input `[N, latent]` and output `[N, C, H, W]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Interface {
    latent: usize,
    image: [usize; 3],
    /// The one batch size that the model takes, if it was exported for a single one.
    fixed_batch: Option<usize>,
}

/// A generator could not be opened or run.
#[derive(Debug, thiserror::Error)]
pub enum GeneratorError {
    /// The file cannot be read.
    #[error("cannot read model {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// The engine does not understand the file.
    #[error(
        "{} is no whole ONNX model that this engine can run: it may be truncated, or of another kind; \
         dcgan-export writes such models",
        path.display()
    )]
    Model {
        /// The file.
        path: PathBuf,
        /// What the engine said.
        source: ort::Error,
    },
    /// An ONNX model, but no generator.
    #[error("{} is no DCGAN generator: expected {expected}, found {found}", path.display())]
    Interface {
        /// The file.
        path: PathBuf,
        /// What a generator has.
        expected: &'static str,
        /// What the model has.
        found: String,
    },
    /// Latents of another length than the model's.
    #[error("{} takes latents of {expected} numbers, these have {found}", path.display())]
    Latent {
        /// The file.
        path: PathBuf,
        /// The model's latent size.
        expected: usize,
        /// The number of columns of the latents.
        found: usize,
    },
    /// The engine failed while it ran the model.
    #[error("{} does not run", path.display())]
    Run {
        /// The file.
        path: PathBuf,
        /// What the engine said.
        source: ort::Error,
    },
}

impl Generator {
    /// Opens a model: one f32 input `[N, latent]` and one f32 output `[N, C, H, W]` with 1 or 3 channels,
    /// values in [-1, 1].
    ///
    /// # Errors
    /// [`GeneratorError`] if the file cannot be read, is no whole ONNX model, or one of another form.
    ///
    /// # Aborts
    /// tract panics at some models with damaged bytes inside, such as a node that names no tensor, and its panic
    /// cannot leave the C interface that `ort` speaks with it. ONNX Runtime returns an error for them.
    pub fn open(engine: &Engine, path: &Path) -> Result<Self, GeneratorError> {
        check_readable(path)?;
        let session = start_session(engine, path)
            .map_err(|source| GeneratorError::Model { path: path.to_owned(), source })?;
        let interface = interface(&session).map_err(|(expected, found)| GeneratorError::Interface {
            path: path.to_owned(),
            expected,
            found,
        })?;
        Ok(Self { path: path.to_owned(), session, interface, batch: MAX_BATCH })
    }

    /// The same generator with another number of latents that go through the model at once than [`MAX_BATCH`]: it
    /// decides over speed and memory, not over the images. A model exported for one batch size keeps to that.
    pub fn with_batch(self, batch: NonZeroUsize) -> Self {
        Self { batch, ..self }
    }

    /// Length of a latent vector.
    pub fn latent_size(&self) -> usize {
        self.interface.latent
    }

    /// Channels, height and width of an image.
    pub fn image_shape(&self) -> [usize; 3] {
        self.interface.image
    }

    /// The images of latents `[N, latent]`: `[N, C, H, W]` in [-1, 1]. An image depends on its own latent alone.
    ///
    /// PyTorch equivalent: `generator.eval()(z)`, under `torch.no_grad()`.
    ///
    /// # Errors
    /// [`GeneratorError::Latent`] for latents of another length, [`GeneratorError::Run`] if the engine fails.
    pub fn sample(&mut self, z: ArrayView2<f32>) -> Result<Array4<f32>, GeneratorError> {
        let Interface { latent, image: [channels, height, width], fixed_batch } = self.interface;
        if z.ncols() != latent {
            let (path, found) = (self.path.clone(), z.ncols());
            return Err(GeneratorError::Latent { path, expected: latent, found });
        }
        let batch = fixed_batch.unwrap_or(self.batch.get());
        let mut images = Array4::zeros((z.nrows(), channels, height, width));
        for (z, images) in z.axis_chunks_iter(Axis(0), batch).zip(images.axis_chunks_iter_mut(Axis(0), batch))
        {
            self.run(z, images).map_err(|source| GeneratorError::Run { path: self.path.clone(), source })?;
        }
        Ok(images)
    }

    /// Runs one batch, at most as long as the model takes. A fixed batch is filled up with zeros.
    fn run(&mut self, z: ArrayView2<f32>, mut images: ArrayViewMut4<f32>) -> ort::Result<()> {
        let rows = self.interface.fixed_batch.unwrap_or(z.nrows());
        let mut input = Array2::zeros((rows, z.ncols()));
        input.slice_mut(s![..z.nrows(), ..]).assign(&z);
        let outputs = self.session.run(ort::inputs![TensorRef::from_array_view(&input)?])?;
        let output = outputs[0].try_extract_array::<f32>()?;
        let [channels, height, width] = self.interface.image;
        if output.shape() != [rows, channels, height, width] {
            let found = output.shape();
            return Err(ort::Error::new(format!(
                "for {rows} latents it returned a tensor of shape {found:?}, its output is declared as \
                 [N, {channels}, {height}, {width}]"
            )));
        }
        images.assign(&output.slice(s![..z.nrows(), .., .., ..]));
        Ok(())
    }
}

/// Checks that a model's file is there and can be read, before an engine is started for it.
///
/// # Errors
/// [`GeneratorError::Read`] in the operating system's words; engines have ways of their own.
pub fn check_readable(path: &Path) -> Result<(), GeneratorError> {
    let readable = input::check(path).and_then(|()| File::open(path));
    readable.map(drop).map_err(|source| GeneratorError::Read { path: path.to_owned(), source })
}

fn start_session(engine: &Engine, path: &Path) -> ort::Result<Session> {
    let mut builder = Session::builder(&engine.environment)?;
    if let Some(threads) = engine.threads {
        builder = builder.with_intra_threads(threads.get())?;
    }
    builder.commit_from_file(path)
}

/// Reads the shapes off the model, or says what was expected and what found.
fn interface(session: &Session) -> Result<Interface, (&'static str, String)> {
    const INPUT: &str = "one input, f32 [N, latent], N up to 65536 and latent up to 65536";
    const OUTPUT: &str = "one output, f32 [N, C, H, W] with C 1 or 3, H and W up to 8192";
    let (batch, latent) = match sole_shape(session.inputs()) {
        Some(&[batch @ ..=MAX_LATENT, latent @ 1..=MAX_LATENT]) => (batch, latent as usize),
        _ => return Err((INPUT, describe(session.inputs()))),
    };
    let image = match sole_shape(session.outputs()) {
        Some(&[_, channels @ (1 | 3), height @ 1..=MAX_SIDE, width @ 1..=MAX_SIDE]) => {
            [channels, height, width].map(|size| size as usize)
        }
        _ => return Err((OUTPUT, describe(session.outputs()))),
    };
    check_value_range(session)?;
    Ok(Interface { latent, image, fixed_batch: usize::try_from(batch).ok().filter(|batch| *batch > 0) })
}

/// The shape of the only tensor, an unknown size as -1.
fn sole_shape(outlets: &[Outlet]) -> Option<&[i64]> {
    match outlets {
        [only] => match only.dtype() {
            ValueType::Tensor { ty: TensorElementType::Float32, shape, .. } => Some(shape),
            _ => None,
        },
        _ => None,
    }
}

fn describe(outlets: &[Outlet]) -> String {
    let each = outlets.iter().map(|outlet| match outlet.dtype() {
        ValueType::Tensor { ty, shape, .. } => format!("{} {ty} {shape:?}", outlet.name()),
        other => format!("{} {other:?}", outlet.name()),
    });
    if outlets.is_empty() { "none".to_owned() } else { each.collect::<Vec<_>>().join(", ") }
}

/// A file that says nothing of its range ends in tanh, as every generator here does. tract does not pass a
/// file's metadata on.
fn check_value_range(session: &Session) -> Result<(), (&'static str, String)> {
    let range = session.metadata().ok().and_then(|metadata| metadata.custom(metadata::VALUE_RANGE));
    match range {
        Some(range) if range != metadata::VALUE_RANGE_SIGNED => {
            Err(("values in [-1, 1]", format!("{} {range}", metadata::VALUE_RANGE)))
        }
        _ => Ok(()),
    }
}
