//! What can go wrong in an export, and what a model of the wrong structure violates.

use dcgan_core::description::DescriptionError;
use dcgan_core::memory::OutOfMemory;

/// A checkpoint could not be made into an ONNX model.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// A number of stages that no network has. A checkpoint read from a file never has this fault.
    #[error("the architecture has {found} stages, expected 1 to 8")]
    Stages {
        /// The length of the spec's `widths`.
        found: usize,
    },
    /// A tensor is missing or of another shape. A checkpoint that describes itself never has this fault once read.
    #[error(
        "tensor {tensor} is {found}, the architecture expects {expected}: \
         save the state dict of an unchanged DCGAN"
    )]
    Tensor {
        /// Its name in the state dict.
        tensor: String,
        /// Type and shape that go with the other tensors.
        expected: String,
        /// Type and shape in the file.
        found: String,
    },
    /// A BatchNorm without running statistics.
    #[error(
        "layer {layer} has no running_mean and running_var: without running statistics (track_running_stats=False, \
         InstanceNorm2d, or no normalisation) it is not the BatchNorm2d in eval() that the architecture expects"
    )]
    Statistics {
        /// Its name in the state dict.
        layer: String,
    },
    /// A weight that PyTorch computes in a way other than spectral and weight normalisation, or that has no norm.
    #[error(
        "tensor {tensor} is parametrised and cannot be folded: {reason}; save the state dict after \
         torch.nn.utils.parametrize.remove_parametrizations, prune.remove or their like made it a plain weight"
    )]
    Parametrization {
        /// Its name in the state dict.
        tensor: String,
        /// What was expected and found.
        reason: String,
    },
    /// Images that are neither gray nor of three colours.
    #[error("tensor {tensor} is for images of {found} channels, expected 1 or 3")]
    Channels {
        /// The weight that makes or takes the image.
        tensor: String,
        /// Its channels.
        found: usize,
    },
    /// A tensor that no layer of the network has a place for.
    #[error(
        "tensor {tensor}, {found}, belongs to no layer of the DCGAN that the other tensors make up: \
         save the state dict of that network alone"
    )]
    Surplus {
        /// Its name in the state dict.
        tensor: String,
        /// Its type and shape.
        found: String,
    },
    /// A state dict of another kind of network.
    #[error(
        "the state dict has the tensors {first} ..., expected those of a DCGAN: fc, tconv1, bn1, tconv2 ... of a \
         generator, conv1, conv2, bn2 ... fc of a discriminator, or main.0, main.1 ... of PyTorch's DCGAN example"
    )]
    Naming {
        /// The first names.
        first: String,
    },
    /// A layer that cannot take what the one before it makes: a network built by hand can have this fault.
    #[error("layer {layer} ({operation}) cannot take a sample of shape {input:?}: correct its sizes")]
    Layer {
        /// Its name.
        layer: String,
        /// What it is, with its sizes.
        operation: String,
        /// Shape of one sample before it.
        input: Vec<usize>,
    },
    /// A running variance that cannot be one: negative, or not finite.
    #[error(
        "tensor {tensor} has the variance {found} in channel {channel}, expected a finite number of 0 or more: \
         the checkpoint is damaged, export an earlier one"
    )]
    Variance {
        /// Its name in the state dict.
        tensor: String,
        /// The output channel of the convolution before it.
        channel: usize,
        /// The running variance.
        found: f32,
    },
    /// A weight of the model is infinite or not a number.
    #[error(
        "initialiser {tensor} would have {found} at position {position}, expected a finite number: \
         the weights or BatchNorm's statistics are too extreme to be folded, export an earlier checkpoint"
    )]
    NotFinite {
        /// Its name in the model.
        tensor: String,
        /// Where, in row-major order.
        position: usize,
        /// What stands there.
        found: f32,
    },
    /// A weight of the model is too large for 16 bits.
    #[error(
        "initialiser {tensor} would have {found} at position {position}, beyond 65504, the largest number of f16: \
         export it with --precision f32"
    )]
    Overflow {
        /// Its name in the model.
        tensor: String,
        /// Where, in row-major order.
        position: usize,
        /// The weight.
        found: f32,
    },
    /// A choice that no file can have.
    #[error("{flag}: {reason}")]
    Config {
        /// The flag that says it.
        flag: &'static str,
        /// What was found and what to choose.
        reason: String,
    },
    /// Protobuf readers refuse files beyond 2 GiB.
    #[error("the model takes {found} bytes, an ONNX file holds at most {limit}: use a smaller architecture")]
    TooLarge {
        /// Size of the encoded model.
        found: usize,
        /// What readers accept.
        limit: usize,
    },
    /// The network is too large for this process.
    #[error(transparent)]
    Memory(#[from] OutOfMemory),
    /// What the file would say of itself has no form as text.
    #[error("the file cannot describe itself")]
    Description(#[from] DescriptionError),
    /// The finished model fails its own checks.
    #[error("the model is unsound and was not written, a fault of dcgan-export that should be reported")]
    Unsound(#[from] CheckError),
}

/// What a model of the wrong structure violates.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CheckError {
    /// A field that every model needs is not set.
    #[error("the model does not set {field}")]
    Missing {
        /// The field's name in `onnx.proto`.
        field: &'static str,
    },
    /// Two values share a name.
    #[error("value {value} is defined twice, expected unique names")]
    Duplicate {
        /// The name.
        value: String,
    },
    /// A node uses a value that nothing before it defines.
    #[error("node {node} uses {value}, which no input, initialiser or earlier node defines")]
    Undefined {
        /// The node's name.
        node: String,
        /// The value's name.
        value: String,
    },
    /// An initialiser that no node uses.
    #[error("initialiser {initializer} is used by no node")]
    Unused {
        /// Its name.
        initializer: String,
    },
    /// An initialiser whose bytes are not those of its shape and type.
    #[error("initialiser {initializer} has {found} bytes of raw_data, its type {expected}")]
    Data {
        /// Its name.
        initializer: String,
        /// Type and shape, with the bytes they need.
        expected: String,
        /// Length of its raw data.
        found: usize,
    },
    /// An operator, or a set of attributes, that this form of graph does not have.
    #[error("node {node} ({operator}): {reason}")]
    Node {
        /// The node's name.
        node: String,
        /// Its operator.
        operator: String,
        /// What was expected and found.
        reason: String,
    },
    /// The file says another range of the image's values than its type has.
    #[error("metadata {key} is {found:?}, expected {expected:?} for an output of {element}")]
    Metadata {
        /// The entry's key.
        key: &'static str,
        /// Its value.
        found: String,
        /// What the output's type needs.
        expected: &'static str,
        /// The output's element type.
        element: &'static str,
    },
    /// A value that enters or leaves the graph has another type than it should.
    #[error("{value} is declared as {declared}, expected {expected}")]
    Declared {
        /// The value's name.
        value: String,
        /// Its declared type.
        declared: String,
        /// What the graph computes, or what runtimes need.
        expected: String,
    },
}
