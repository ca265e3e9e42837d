//! An exported generator: latents in, images out.
//!
//! It may come from `dcgan-export` or from any other program: the input is `[N, latent]` or `[N, latent, 1, 1]`, the
//! output `[N, C, H, W]` or `[N, H, W, C]` with one or three channels, of floats or bytes, whatever their names. What
//! a file leaves open, a [`GeneratorConfig`] says:
//!
//! | what | is read from | else |
//! |---|---|---|
//! | latent size | the input's shape, then the metadata `dcgan.latent_size` | has to be said |
//! | which output | its being the only one, then the name `image`, then `output` | has to be said |
//! | order of dimensions | where the shape has a 1 or a 3, in the run at load if the shape is open | has to be said |
//! | value range | the metadata `dcgan.value_range` | 0 to 255 for bytes, -1 to 1 for floats |

mod error;
pub(crate) mod interface;
pub(crate) mod layout;
mod parallel;
mod range;
pub(crate) mod refusal;
mod reshape;
pub(crate) mod session;
pub(crate) mod tensor;
mod trial;

use std::num::NonZeroUsize;
use std::path::Path;

use dcgan_core::memory;
use ndarray::{Array4, ArrayView2, ArrayView3, ArrayView4, ArrayViewD, ArrayViewMut4, Axis, Zip, s};
use ort::session::Session;

use self::interface::{Input, Output};
use self::session::start_sessions;
use crate::engine::Engine;
use crate::model_file::ModelFile;

pub use self::error::GeneratorError;
pub use self::layout::Layout;
pub use self::range::{RangeError, RangeSource, ValueRange};
pub use self::refusal::advice;
pub use self::session::Device;
pub use self::trial::Dependence;

/// Latents that go through the model at once: 16 took the least time an image of the powers of two up to 64, in both
/// engines. Larger batches leave the processor's cache, smaller ones waste the time of tract.
pub const MAX_BATCH: NonZeroUsize = NonZeroUsize::new(16).unwrap();
/// The longest latent that is believed.
pub const MAX_LATENT: usize = interface::MAX_LATENT as usize;

/// What to know of a model that its file does not say. The default is right for files of `dcgan-export`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct GeneratorConfig {
    /// Length of a latent vector, for an input that leaves it open.
    pub latent_size: Option<usize>,
    /// Name of the output that holds the images, where there are several.
    pub output: Option<String>,
    /// Order of an image's dimensions, where the shape fits both.
    pub layout: Option<Layout>,
    /// Values that stand for black and white; the file's own range gives way to it.
    pub value_range: Option<ValueRange>,
}

/// A generator read from a `.onnx` file, ready to run.
#[derive(Debug)]
pub struct Generator {
    file: ModelFile,
    engine: String,
    device: Device,
    /// One at least.
    sessions: Vec<Session>,
    form: Form,
    range: RangeSource,
    batch: NonZeroUsize,
    hidden_batch: Option<NonZeroUsize>,
    dependence: Option<Dependence>,
}

/// What goes into a model and what comes out.
#[derive(Debug)]
struct Form {
    input: Input,
    output: Output,
    layout: Layout,
    image: [usize; 3],
    range: ValueRange,
}

impl Generator {
    /// Opens a model that says all that there is to know of it, such as one of `dcgan-export`.
    ///
    /// # Errors
    /// As [`ModelFile::read`] and [`Generator::new`].
    ///
    /// # Aborts
    /// As [`Generator::new`].
    pub fn open(engine: &Engine, path: &Path) -> Result<Self, GeneratorError> {
        Self::new(engine, ModelFile::read(path)?, &GeneratorConfig::default())
    }

    /// Opens a model and draws three images: one alone, and the same one beside another. They show the shape of an output
    /// that leaves it open, a batch size that only the graph holds ([`hidden_batch`](Self::hidden_batch)), and whether
    /// images depend on more than their latents ([`dependence`](Self::dependence)).
    ///
    /// # Errors
    /// [`GeneratorError`] if the engine cannot run the file, if it is of another form, if it leaves something open
    /// that `config` does not say, or if an image has NaN or infinite values.
    ///
    /// # Aborts
    /// tract panics at some models with damaged bytes inside, such as a node that names no tensor, here or in
    /// [`Generator::sample`], and its panic cannot leave the C interface that `ort` speaks with it. A panic hook that
    /// ends the process runs before. ONNX Runtime returns an error for them.
    pub fn new(engine: &Engine, file: ModelFile, config: &GeneratorConfig) -> Result<Self, GeneratorError> {
        Self::in_sessions(engine, file, config, NonZeroUsize::MIN)
    }

    /// The same in several sessions, each with its part of the engine's threads, that draw parts of what is asked for at
    /// once. For two images and more that is faster than one session whose threads work on each layer together and wait
    /// for each other; each takes the memory of one. [`Engine::sessions`] says how many are worth it. On a GPU there is one.
    ///
    /// # Errors
    /// As [`Generator::new`].
    ///
    /// # Aborts
    /// As [`Generator::new`].
    pub fn in_sessions(
        engine: &Engine,
        file: ModelFile,
        config: &GeneratorConfig,
        sessions: NonZeroUsize,
    ) -> Result<Self, GeneratorError> {
        let (mut sessions, device) =
            start_sessions(engine, &file, sessions).map_err(|error| error.of_reshape(&file))?;
        let mut input = Input::of(&sessions[0], &file, config).map_err(|problem| problem.of(&file))?;
        let output = Output::of(&sessions[0], config).map_err(|problem| problem.of(&file))?;
        let layout = |shape| interface::layout(shape, config).map_err(|problem| problem.of(&file));
        output.shape.map(layout).transpose()?;
        let (values, range) =
            interface::value_range(output.element, &file, config).map_err(|problem| problem.of(&file))?;
        let trial = trial::run(&mut sessions[0], &input, &output, values).map_err(|source| {
            let (path, engine) = (file.path().to_owned(), engine.name().to_owned());
            GeneratorError::Run { path, engine, source }
        })?;
        if !trial.is_finite {
            return Err(GeneratorError::NotFinite { path: file.path().to_owned() });
        }
        let layout = layout(trial.shape)?;
        input.fixed_batch = input.fixed_batch.or(trial.hidden_batch);
        let form = Form { input, output, layout, image: layout.image(trial.shape), range: values };
        Ok(Self {
            engine: engine.name().to_owned(),
            device,
            sessions,
            form,
            range,
            batch: MAX_BATCH,
            hidden_batch: trial.hidden_batch.and_then(NonZeroUsize::new),
            dependence: trial.dependence,
            file: file.without_bytes(),
        })
    }

    /// The same generator with another number of latents that go through the model at once than [`MAX_BATCH`]: it
    /// decides over speed and memory, not over the images. A model exported for one batch size keeps to that.
    pub fn with_batch(self, batch: NonZeroUsize) -> Self {
        Self { batch, ..self }
    }

    /// The one number of latents that the model takes at once, if it was exported for a single one: as its input
    /// declares, or as only its graph holds.
    pub fn fixed_batch(&self) -> Option<NonZeroUsize> {
        self.form.input.fixed_batch.and_then(NonZeroUsize::new)
    }

    /// The [`fixed_batch`](Self::fixed_batch) if the model's input declares any batch size, and only its graph holds this
    /// one.
    pub fn hidden_batch(&self) -> Option<NonZeroUsize> {
        self.hidden_batch
    }

    /// What its images depend on besides their latents; `None` for a generator as it should be.
    pub fn dependence(&self) -> Option<Dependence> {
        self.dependence
    }

    /// The file that it was read from.
    pub fn path(&self) -> &Path {
        self.file.path()
    }

    /// The engine's [name](Engine::name).
    pub fn engine(&self) -> &str {
        &self.engine
    }

    /// The name of the model's input.
    pub fn input_name(&self) -> &str {
        self.sessions[0].inputs()[0].name()
    }

    /// The name of the output that holds the images.
    pub fn output_name(&self) -> &str {
        &self.form.output.name
    }

    /// What it is computed on.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// Length of a latent vector.
    pub fn latent_size(&self) -> usize {
        self.form.input.latent
    }

    /// Channels, height and width of an image.
    pub fn image_shape(&self) -> [usize; 3] {
        self.form.image
    }

    /// The values that stand for black and white in the model's output, and who says so.
    pub fn value_range(&self) -> (ValueRange, RangeSource) {
        (self.form.range, self.range)
    }

    /// Sessions that it draws in.
    pub fn sessions(&self) -> usize {
        self.sessions.len()
    }

    /// The images of latents `[N, latent]`: `[N, C, H, W]`, the model's [range](Self::value_range) as [-1, 1]. An image
    /// depends on its own latent alone, unless the model has a [`dependence`](Self::dependence). Values may be NaN or
    /// infinite for extreme latents: [`not_finite`] finds them.
    ///
    /// PyTorch equivalent: `generator.eval()(z)`, under `torch.no_grad()`.
    ///
    /// # Errors
    /// [`GeneratorError::Latent`] for latents of another length, [`GeneratorError::Run`] if the engine fails.
    pub fn sample(&mut self, z: ArrayView2<f32>) -> Result<Array4<f32>, GeneratorError> {
        let latent = self.form.input.latent;
        if z.ncols() != latent {
            let (path, found) = (self.path().to_owned(), z.ncols());
            return Err(GeneratorError::Latent { path, expected: latent, found });
        }
        let share = z.nrows().div_ceil(self.sessions.len()).clamp(1, self.batch.get());
        let batch = self.form.input.fixed_batch.unwrap_or(share);
        let mut images = self.blank(z.nrows())?;
        let parts = z.axis_chunks_iter(Axis(0), batch).zip(images.axis_chunks_iter_mut(Axis(0), batch));
        let needed = z.nrows().div_ceil(batch).clamp(1, self.sessions.len());
        let form = &self.form;
        parallel::run(&mut self.sessions[..needed], parts, |session, (z, images)| {
            form.draw(session, z, images)
        })
        .map_err(|source| GeneratorError::Run {
            path: self.file.path().to_owned(),
            engine: self.engine.clone(),
            source,
        })?;
        Ok(images)
    }
}

impl Generator {
    /// So many images to be drawn: `[N, C, H, W]`.
    fn blank(&self, count: usize) -> Result<Array4<f32>, GeneratorError> {
        let [channels, height, width] = self.form.image;
        let length = (count * channels).checked_mul(height * width);
        let values = memory::try_zeroed(format_args!("{count} images of {width}x{height}"), length)
            .map_err(|source| GeneratorError::Memory { path: self.path().to_owned(), source })?;
        Ok(Array4::from_shape_vec((count, channels, height, width), values).expect("as many values"))
    }
}

impl Form {
    /// Draws one batch, at most as long as the model takes.
    fn draw(
        &self,
        session: &mut Session,
        z: ArrayView2<f32>,
        mut images: ArrayViewMut4<f32>,
    ) -> ort::Result<()> {
        let (layout, range) = (self.layout, self.range);
        let rows = self.input.batch(z.nrows());
        let [a, b, c] = layout.shape(self.image);
        run(session, &self.input, &self.output, z, |output| {
            if output.shape() != [rows, a, b, c] {
                return Err(other_shape(rows, output.shape(), Some([a, b, c])));
            }
            let output = layout.to_nchw(output).map_err(ort::Error::wrap)?;
            let output = output.slice(s![..z.nrows(), .., .., ..]);
            Zip::from(&mut images).and(&output).for_each(|pixel, value| *pixel = range.normalize(*value));
            Ok(())
        })
    }
}

/// Runs the model and hands its output, of four dimensions, to `read`.
fn run<T>(
    session: &mut Session,
    input: &Input,
    output: &Output,
    z: ArrayView2<f32>,
    read: impl FnOnce(ArrayViewD<f32>) -> ort::Result<T>,
) -> ort::Result<T> {
    let latents = tensor::from_latents(z, input.element, input.shape(z.nrows()))?;
    let outputs = session.run(ort::inputs![latents])?;
    let missing = || ort::Error::new(format!("it returned no {}", output.name));
    let value = tensor::to_f32(outputs.get(&output.name).ok_or_else(missing)?, output.element)?;
    if value.ndim() != 4 {
        let found = value.shape();
        return Err(ort::Error::new(format!(
            "it returned a tensor of shape {found:?}, expected four dimensions"
        )));
    }
    read(value.view())
}

/// An error that tells the shape of the output for so many latents.
fn other_shape(rows: usize, found: &[usize], image: Option<[usize; 3]>) -> ort::Error {
    let expected = match image {
        Some([a, b, c]) => format!("{:?}", [rows, a, b, c]),
        None => format!("a batch of {rows}"),
    };
    ort::Error::new(format!(
        "for {rows} latents it returned a tensor of shape {found:?}, expected {expected}"
    ))
}

/// The places of the images `[N, C, H, W]` that have NaN or infinite values.
pub fn not_finite(images: ArrayView4<f32>) -> Vec<usize> {
    let is_broken = |image: ArrayView3<f32>| image.iter().any(|value| !value.is_finite());
    images.outer_iter().enumerate().filter(|(_, image)| is_broken(*image)).map(|(place, _)| place).collect()
}
