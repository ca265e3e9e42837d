//! What a model of features takes: images of its own size, order of dimensions and range of values.

use std::path::Path;

use half::f16;
use ort::session::Session;
use ort::value::{DynValue, Tensor};

use super::error::FeatureError;
use super::model::FeatureConfig;
use crate::generator::interface::{describe, tensor};
use crate::generator::layout::is_channels;
use crate::generator::tensor::Element;
use crate::generator::{Layout, ValueRange};

/// The largest fixed batch and side that are believed: memory is allocated by what a file says.
const MAX_BATCH: usize = 4096;
const MAX_SIDE: usize = 4096;

/// The model's input, and how an image becomes one.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct FeatureInput {
    element: Element,
    pub layout: Layout,
    /// Channels, height and width.
    pub image: [usize; 3],
    /// The one number of images that the model takes at once, if it was exported for a single one.
    pub fixed_batch: Option<usize>,
    pub range: ValueRange,
    /// What is subtracted from each channel; nothing where it is empty.
    pub mean: Vec<f32>,
    /// What each channel is divided by after that.
    pub std: Vec<f32>,
}

impl FeatureInput {
    /// What a session takes; `side` is that of images for an input that takes any.
    pub(super) fn of(
        session: &Session,
        path: &Path,
        config: &FeatureConfig,
        side: usize,
    ) -> Result<Self, FeatureError> {
        const EXPECTED: &str =
            "one input, f32, f16 or u8 [N, C, H, W] or [N, H, W, C] with C 1 or 3, N, H and W up to 4096";
        let refused = || FeatureError::Interface {
            path: path.to_owned(),
            expected: EXPECTED,
            found: describe(session.inputs()),
        };
        let [only] = session.inputs() else { return Err(refused()) };
        let (element, shape) = tensor(only).ok_or_else(refused)?;
        // What is open is 0.
        let size = |size: i64| usize::try_from(size).unwrap_or(0);
        let [batch, a, b, c] = *shape else { return Err(refused()) };
        let sizes = [a, b, c].map(size);
        let layouts =
            [Layout::Nchw, Layout::Nhwc].map(|layout| is_channels(layout.image(sizes)[0]).then_some(layout));
        let layout = match layouts {
            [Some(layout), None] | [None, Some(layout)] => layout,
            _ => return Err(refused()),
        };
        let [channels, height, width] = layout.image(sizes);
        let side = |declared| side_of(declared, path, config, side);
        let image = [channels, side(height)?, side(width)?];
        if size(batch) > MAX_BATCH || image[1..].iter().any(|side| *side > MAX_SIDE) {
            return Err(refused());
        }
        let fixed_batch = Some(size(batch)).filter(|batch| *batch > 0);
        let (mean, std) = (config.mean.clone(), config.std.clone());
        let range = range(element, path, config)?;
        check_channels("--feature-mean", &mean, channels, path)?;
        check_channels("--feature-std", &std, channels, path)?;
        Ok(Self { element, layout, image, fixed_batch, range, mean, std })
    }

    /// The images that go through the model with `count` of them: a fixed batch stays what it is.
    pub(super) fn rows(&self, count: usize) -> usize {
        self.fixed_batch.unwrap_or(count)
    }

    /// Images `[C, H, W]` of values from 0 to 255 as the model takes them; zeros fill a fixed batch up.
    pub(super) fn tensor(&self, images: &[Vec<f32>]) -> ort::Result<DynValue> {
        let [a, b, c] = self.layout.shape(self.image);
        let shape = vec![self.rows(images.len()), a, b, c];
        let mut values = Vec::with_capacity(shape.iter().product());
        images.iter().for_each(|image| self.append(image, &mut values));
        values.resize(shape.iter().product(), 0.0);
        Ok(match self.element {
            Element::F32 => Tensor::from_array((shape, values))?.into_dyn(),
            Element::F16 => {
                let values: Vec<f16> = values.into_iter().map(f16::from_f32).collect();
                Tensor::from_array((shape, values))?.into_dyn()
            }
            Element::U8 => {
                let values: Vec<u8> = values.into_iter().map(|value| value.round() as u8).collect();
                Tensor::from_array((shape, values))?.into_dyn()
            }
        })
    }

    /// Appends an image in the model's order.
    fn append(&self, image: &[f32], values: &mut Vec<f32>) {
        let [channels, height, width] = self.image;
        let plane = height * width;
        let value = |channel: usize, at: usize| self.value(image[channel * plane + at], channel);
        match self.layout {
            Layout::Nchw => {
                (0..channels).for_each(|channel| values.extend((0..plane).map(|at| value(channel, at))))
            }
            Layout::Nhwc => {
                (0..plane).for_each(|at| values.extend((0..channels).map(|channel| value(channel, at))))
            }
        }
    }

    /// A value from 0 to 255 in the model's range, less the channel's mean, over its standard deviation.
    ///
    /// PyTorch equivalent, for the range 0,1: `Normalize(mean, std)(ToTensor()(image))`.
    fn value(&self, byte: f32, channel: usize) -> f32 {
        let of = |list: &[f32], none| list.get(channel).or(list.last()).copied().unwrap_or(none);
        let value = self.range.denormalize(byte / 127.5 - 1.0);
        (value - of(&self.mean, 0.0)) / of(&self.std, 1.0)
    }
}

/// A side of the images: the declared one, or, where that is open (0), the one that is asked for.
fn side_of(declared: usize, path: &Path, config: &FeatureConfig, own: usize) -> Result<usize, FeatureError> {
    match (declared, config.size) {
        (0, asked) => Ok(asked.unwrap_or(own)),
        (declared, Some(asked)) if asked != declared => Err(FeatureError::Setting {
            path: path.to_owned(),
            reason: format!("takes images of side {declared}, --feature-size says {asked}: leave it out"),
        }),
        (declared, _) => Ok(declared),
    }
}

/// The range of the model's values. Bytes have one of their own.
fn range(element: Element, path: &Path, config: &FeatureConfig) -> Result<ValueRange, FeatureError> {
    let is_said = config.range.is_some() || !config.mean.is_empty() || !config.std.is_empty();
    match element {
        Element::U8 if is_said => Err(FeatureError::Setting {
            path: path.to_owned(),
            reason: "takes bytes, from 0 to 255: leave --feature-range, --feature-mean and --feature-std out"
                .to_owned(),
        }),
        Element::U8 => Ok(ValueRange::BYTES),
        Element::F32 | Element::F16 => Ok(config.range.unwrap_or(ValueRange::UNIT)),
    }
}

/// A list is of no channel, of each, or one for all.
fn check_channels(flag: &str, list: &[f32], channels: usize, path: &Path) -> Result<(), FeatureError> {
    match list.len() {
        0 | 1 => Ok(()),
        found if found == channels => Ok(()),
        found => Err(FeatureError::Setting {
            path: path.to_owned(),
            reason: format!(
                "takes images of {channels} channels: expected as many numbers in {flag}, or one, found {found}"
            ),
        }),
    }
}
