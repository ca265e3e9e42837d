//! What was written, against what it was made of: a file that computes another network is never left behind.
//!
//! Two ways to the same values, that share no code: the file's bytes are decoded and run by the
//! [`interpreter`], and the network's layers, with BatchNorm as it was trained, are computed from
//! their definitions in `f64`.

mod difference;
mod reference;

use dcgan_core::latent;
use dcgan_onnx::tensor_proto::DataType;
use dcgan_onnx::{Message, ModelProto};

use crate::interpreter::{self, Array, Limits, RunError};
use crate::network::{Network, NetworkKind};
use crate::types::{Dim, TensorType};

pub use difference::Difference;

/// The batches that a file of any batch is tried at.
const BATCHES: [usize; 3] = [1, 2, 7];
/// Samples that are different; more of them are the same again.
const SAMPLES: usize = 7;
/// The largest fixed batch that is run as it is.
const FIXED: usize = 16;
/// Seed of the first sample: neither it nor its successors are ones that people draw with.
const SEED: u64 = 0x5EED_0000;

/// A written file does not compute what it should.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// The bytes are no ONNX file.
    #[error("the written file cannot be read back")]
    Decode(#[from] dcgan_onnx::DecodeError),
    /// The graph does not run.
    #[error("the written file does not run")]
    Run(#[from] RunError),
    /// An output of another type or size.
    #[error("output {output} is {found} at batch {batch}, expected {expected}")]
    Output {
        /// Its name.
        output: String,
        /// The batch it was tried at.
        batch: usize,
        /// Type and size of what it has.
        found: String,
        /// Type and size of what it should have.
        expected: String,
    },
    /// Values too far from the network's own.
    #[error(
        "output {output} differs from the checkpoint's own arithmetic by {found} at batch {batch}, \
         the limit is {limit}: if the precision is f16, the weights may need f32"
    )]
    Difference {
        /// Its name.
        output: String,
        /// The batch it was tried at.
        batch: usize,
        /// The largest difference; infinite where either has NaN.
        found: f64,
        /// What is allowed.
        limit: f64,
    },
}

/// How far a file may be from its network.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tolerance {
    /// Of values in `f32`, absolute or, beyond 1, relative.
    pub float: f64,
    /// Of values that a network of `f16` computes, likewise.
    pub half: f64,
    /// Of bytes, beside the difference that `half` makes before they are rounded.
    pub levels: f64,
}

impl Default for Tolerance {
    /// 1e-4, 0.05 for `f16`, one level of 255.
    ///
    /// An `f16` has 11 bits: each of some ten layers rounds by up to 5e-4 of its values, and what BatchNorm with small
    /// variances multiplies is multiplied with its error.
    fn default() -> Self {
        Self { float: 1e-4, half: 0.05, levels: 1.0 }
    }
}

impl Tolerance {
    fn limit(&self, bytes: bool, half: bool) -> f64 {
        let float = if half { self.half } else { self.float };
        // 255 levels from -1 to 1.
        if bytes { self.levels + if half { 127.5 * float } else { 0.0 } } else { float }
    }
}

/// Compares a file's bytes with the network that they were made of, BatchNorm unfolded, at batches 1, 2 and 7, or at
/// the one batch that the file takes, of which no more than 16 are run. The difference that came nearest to its limit.
///
/// # Errors
/// [`VerifyError`] names the output and the batch.
pub fn verify(bytes: &[u8], network: &Network, tolerance: &Tolerance) -> Result<Difference, VerifyError> {
    let mut model = ModelProto::decode(bytes)?;
    let batches = match fixed_batch(&model) {
        None => BATCHES.to_vec(),
        Some(batch @ ..=FIXED) => vec![batch],
        Some(batch) => {
            loosen(&mut model, batch);
            vec![FIXED]
        }
    };
    let half = uses_half(&model);
    // A fixed batch may be of fewer.
    let samples = batches.iter().copied().max().unwrap_or(SAMPLES).min(SAMPLES);
    let inputs = inputs(network, samples);
    let expected = reference::run(network, &inputs, samples);
    let outputs: Vec<_> =
        model.graph.iter().flat_map(|graph| &graph.output).map(|value| value.name()).collect();
    let mut worst = Difference::default();
    for batch in batches {
        let shape: Vec<_> = [batch].into_iter().chain(network.input.iter().copied()).collect();
        let count = shape.iter().product();
        let input = Array::floats(&shape, inputs.iter().copied().cycle().take(count).collect());
        let found = interpreter::run(&model, &[input], Limits::default())?;
        for (name, found) in outputs.iter().zip(&found) {
            worst = worst.worse(difference::of(name, found, &expected, batch, half, tolerance)?);
        }
    }
    Ok(worst)
}

/// What goes into the network, sample after sample: latents, or images.
fn inputs(network: &Network, samples: usize) -> Vec<f32> {
    let normal = latent::latents(SEED, samples, network.input.iter().product());
    match network.kind {
        NetworkKind::Generator => normal.into_iter().collect(),
        NetworkKind::Discriminator => normal.into_iter().map(f32::tanh).collect(),
    }
}

/// The batch of a file that takes no other.
fn fixed_batch(model: &ModelProto) -> Option<usize> {
    let input = TensorType::of_value(model.graph.as_ref()?.input.first()?)?;
    match input.shape.first()? {
        Dim::Fixed(batch) => usize::try_from(*batch).ok(),
        Dim::Named(_) => None,
    }
}

/// A large fixed batch would take minutes: the targets that say it are made to take any.
fn loosen(model: &mut ModelProto, batch: usize) {
    let constants = model.graph.iter_mut().flat_map(|graph| &mut graph.initializer);
    for data in constants.filter(|tensor| tensor.data_type() == DataType::Int64 as i32) {
        let first = data.raw_data.as_mut().and_then(|data| data.first_chunk_mut::<8>());
        if let Some(first) = first.filter(|first| i64::from_le_bytes(**first) == batch as i64) {
            *first = (-1_i64).to_le_bytes();
        }
    }
}

fn uses_half(model: &ModelProto) -> bool {
    let mut constants = model.graph.iter().flat_map(|graph| &graph.initializer);
    constants.any(|tensor| tensor.data_type() == DataType::Float16 as i32)
}

/// The network's own output for the latents of consecutive seeds: images `[count, C, S, S]`, row-major.
///
/// It is computed in `f64` from the layers as they are in the checkpoint.
pub fn images(network: &Network, first_seed: u64, count: usize) -> Vec<f64> {
    let latents = latent::latents(first_seed, count, network.input.iter().product());
    let outputs = reference::run(network, latents.as_slice().unwrap_or_default(), count);
    outputs.into_iter().next_back().map(|output| output.values).unwrap_or_default()
}
