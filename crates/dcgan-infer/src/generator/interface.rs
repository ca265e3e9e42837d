//! What a model takes and gives, read off its inputs and outputs.

use dcgan_core::metadata;
use ort::session::Session;
use ort::value::{Outlet, TensorElementType, ValueType};

use super::layout::{Layout, Undecided, is_channels};
use super::tensor::Element;
use super::{GeneratorConfig, GeneratorError, RangeSource, ValueRange};
use crate::model_file::ModelFile;

/// Longest latent and largest fixed batch that are believed: memory is allocated by what a file says.
pub(crate) const MAX_LATENT: i64 = 65_536;
/// The most numbers of one input that are believed.
pub(super) const MAX_INPUT: usize = 1 << 24;
/// Largest height and width that are believed.
const MAX_SIDE: usize = 8192;

/// Names of outputs that hold the images, where there are others too.
const IMAGE_OUTPUTS: [&str; 2] = [metadata::OUTPUT, "output"];

/// The model's input: latents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Input {
    pub element: Element,
    pub latent: usize,
    /// Whether each number of a latent is a map of 1x1: `[N, latent, 1, 1]`.
    has_maps: bool,
    /// The one batch size that the model takes, if it was exported for a single one.
    pub fixed_batch: Option<usize>,
}

/// The output that holds the images.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Output {
    pub name: String,
    pub element: Element,
    /// The shape that it is declared with, without the batch; `None` where that is open.
    pub shape: Option<[usize; 3]>,
}

/// An error without the file's name.
pub(crate) enum Problem {
    Interface(&'static str, String),
    Setting(String),
}

impl Problem {
    pub(crate) fn of(self, file: &ModelFile) -> GeneratorError {
        let path = file.path().to_owned();
        match self {
            Self::Interface(expected, found) => GeneratorError::Interface { path, expected, found },
            Self::Setting(reason) => GeneratorError::Setting { path, reason },
        }
    }
}

impl Input {
    pub(crate) fn of(session: &Session, file: &ModelFile, config: &GeneratorConfig) -> Result<Self, Problem> {
        const EXPECTED: &str = "one input, f32 or f16 [N, latent] or [N, latent, 1, 1], latent up to 65536 and N x \
                                latent up to 16777216";
        let refused = || rare(session.inputs(), EXPECTED);
        let [only] = session.inputs() else { return Err(refused()) };
        let (element, shape) = tensor(only).ok_or_else(refused)?;
        let (batch, latent, has_maps) = match *shape {
            [batch, latent] => (batch, latent, false),
            [batch, latent, -1 | 1, -1 | 1] => (batch, latent, true),
            _ => return Err(refused()),
        };
        if element == Element::U8 || batch > MAX_LATENT || latent > MAX_LATENT {
            return Err(refused());
        }
        let latent = match usize::try_from(latent) {
            Ok(latent @ 1..) => declared_latent(latent, config)?,
            Ok(0) => return Err(refused()),
            Err(_) => open_latent(file, config, session)?,
        };
        let fixed_batch = usize::try_from(batch).ok().filter(|batch| *batch > 0);
        match fixed_batch.unwrap_or(1) * latent {
            ..=MAX_INPUT => Ok(Self { element, latent, has_maps, fixed_batch }),
            _ => Err(refused()),
        }
    }

    /// The size of the batch that so many latents are in: a fixed one stays what it is.
    pub(crate) fn batch(&self, latents: usize) -> usize {
        self.fixed_batch.unwrap_or(latents)
    }

    /// The shape of an input of so many latents.
    pub(crate) fn shape(&self, latents: usize) -> Vec<usize> {
        let shape = [self.batch(latents), self.latent, 1, 1];
        shape[..if self.has_maps { 4 } else { 2 }].to_vec()
    }
}

fn declared_latent(declared: usize, config: &GeneratorConfig) -> Result<usize, Problem> {
    match config.latent_size {
        Some(asked) if asked != declared => Err(Problem::Setting(format!(
            "takes latents of {declared} numbers, --latent-size says {asked}: leave it out"
        ))),
        _ => Ok(declared),
    }
}

/// The latent size that the input's shape does not tell.
fn open_latent(file: &ModelFile, config: &GeneratorConfig, session: &Session) -> Result<usize, Problem> {
    let said = || file.metadata(metadata::LATENT_SIZE)?.parse().ok();
    let believed = |size: &usize| (1..=MAX_LATENT as usize).contains(size);
    config.latent_size.or_else(said).filter(believed).ok_or_else(|| {
        Problem::Setting(format!(
            "does not say how long its latents are ({}): say it with --latent-size",
            describe(session.inputs())
        ))
    })
}

impl Output {
    pub(crate) fn of(session: &Session, config: &GeneratorConfig) -> Result<Self, Problem> {
        let outlet = choose(session.outputs(), config)?;
        let (element, shape) = tensor(outlet).ok_or_else(|| rare(session.outputs(), IMAGES))?;
        let sizes: Vec<_> = shape.iter().map(|size| usize::try_from(*size).ok()).collect();
        let shape = match sizes[..] {
            [_, Some(a), Some(b), Some(c)] => Some([a, b, c]),
            // Nothing is known of the shape, or a part of it: running the model tells.
            [] | [_, _, _, _] => None,
            _ => return Err(no_images(describe(session.outputs()))),
        };
        Ok(Self { name: outlet.name().to_owned(), element, shape })
    }
}

/// The output that is asked for, the only one, or the one with a telling name.
fn choose<'a>(outlets: &'a [Outlet], config: &GeneratorConfig) -> Result<&'a Outlet, Problem> {
    let named = |name: &str| outlets.iter().find(|outlet| outlet.name() == name);
    match (&config.output, outlets) {
        _ if outlets.iter().any(|outlet| outlet.name().is_empty()) => {
            Err(no_images("one without name".to_owned()))
        }
        (_, []) => Err(no_images("none".to_owned())),
        (Some(name), _) => named(name).ok_or_else(|| {
            Problem::Setting(format!(
                "has no output {name:?}, --model-output names one of {}",
                describe(outlets)
            ))
        }),
        (None, [only]) => Ok(only),
        (None, _) => IMAGE_OUTPUTS.into_iter().find_map(named).ok_or_else(|| {
            Problem::Setting(format!(
                "has several outputs, {}: name the one that holds the images with --model-output",
                describe(outlets)
            ))
        }),
    }
}

/// The layout of images of this shape, without the batch: the one that is asked for, or the only one that is possible.
pub(crate) fn layout(shape: [usize; 3], config: &GeneratorConfig) -> Result<Layout, Problem> {
    let found = || format!("images of {shape:?}");
    let layout = match (config.layout, Layout::of(shape)) {
        (Some(asked), _) => asked,
        (None, Ok(layout)) => layout,
        (None, Err(Undecided::Neither)) => return Err(no_images(found())),
        (None, Err(Undecided::Both)) => {
            return Err(Problem::Setting(format!(
                "gives {}, whose channels may be the first or the last of these: say it with --layout nchw or \
                 --layout nhwc",
                found()
            )));
        }
    };
    let [channels, height, width] = layout.image(shape);
    if config.layout.is_some() && !is_channels(channels) {
        return Err(Problem::Setting(format!(
            "gives {}, which are {channels} channels in --layout {layout}, expected 1 or 3: leave it out, or name \
             the other one",
            found()
        )));
    }
    match [height, width].iter().all(|side| (1..=MAX_SIDE).contains(side)) {
        true => Ok(layout),
        false => Err(no_images(found())),
    }
}

/// The range of the output's values, and who says it.
pub(crate) fn value_range(
    element: Element,
    file: &ModelFile,
    config: &GeneratorConfig,
) -> Result<(ValueRange, RangeSource), Problem> {
    match (config.value_range, file.metadata(metadata::VALUE_RANGE), element) {
        (Some(range), _, _) => Ok((range, RangeSource::Config)),
        (None, Some(said), _) => said.parse().map(|range| (range, RangeSource::File)).map_err(|error| {
            Problem::Setting(format!(
                "has an entry {} that is no range ({error}): say which it is with --value-range",
                metadata::VALUE_RANGE
            ))
        }),
        (None, None, Element::U8) => Ok((ValueRange::BYTES, RangeSource::Type)),
        (None, None, _) => Ok((ValueRange::SIGNED, RangeSource::Assumed)),
    }
}

/// What the output has to be.
const IMAGES: &str =
    "an output, f32, f16 or u8 [N, C, H, W] or [N, H, W, C] with C 1 or 3, H and W up to 8192";

fn no_images(found: String) -> Problem {
    Problem::Interface(IMAGES, found)
}

/// Inputs or outputs of another kind, with what to do if it is their type alone that is rare.
fn rare(outlets: &[Outlet], expected: &'static str) -> Problem {
    let is_rare = |outlet: &Outlet| match outlet.dtype() {
        ValueType::Tensor { ty, .. } => {
            let name = ty.to_string();
            Element::of(*ty).is_none() && (name.starts_with('f') || name.starts_with("bf"))
        }
        _ => false,
    };
    let advice = if outlets.iter().any(is_rare) { "; export it in float32" } else { "" };
    Problem::Interface(expected, format!("{}{advice}", describe(outlets)))
}

/// Type and shape of a tensor of numbers that are understood, an unknown size as -1.
pub(crate) fn tensor(outlet: &Outlet) -> Option<(Element, &[i64])> {
    match outlet.dtype() {
        ValueType::Tensor { ty, shape, .. } => Element::of(*ty).map(|element| (element, &shape[..])),
        _ => None,
    }
}

/// Names, types and shapes, for people.
pub(crate) fn describe(outlets: &[Outlet]) -> String {
    let each = outlets.iter().map(|outlet| match outlet.dtype() {
        ValueType::Tensor { ty: TensorElementType::Undefined, .. } => format!("{} of no type", outlet.name()),
        ValueType::Tensor { ty, shape, .. } => format!("{} {ty} {shape:?}", outlet.name()),
        other => format!("{} {other:?}", outlet.name()),
    });
    if outlets.is_empty() { "none".to_owned() } else { each.collect::<Vec<_>>().join(", ") }
}
