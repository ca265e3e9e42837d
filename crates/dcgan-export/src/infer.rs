//! What each operator makes of the types of its inputs.

use std::ops::RangeInclusive;

use dcgan_onnx::tensor_proto::DataType;
use dcgan_onnx::{AttributeProto, GraphProto, NodeProto};

use crate::error::CheckError;
use crate::types::{Dim, TensorType, Types, product};

/// The operators of an exported network, each with all the attributes it must have: runtimes disagree
/// on the defaults of absent ones, and get others (`output_shape`, `auto_pad`) wrong.
pub(crate) const OPERATORS: [(&str, &[&str]); 14] = [
    ("Gemm", &["transB"]),
    ("Reshape", &[]),
    ("ConvTranspose", &["dilations", "group", "kernel_shape", "pads", "strides"]),
    ("Conv", &["dilations", "group", "kernel_shape", "pads", "strides"]),
    ("BatchNormalization", &["epsilon"]),
    ("Relu", &[]),
    ("LeakyRelu", &["alpha"]),
    ("Tanh", &[]),
    ("Sigmoid", &[]),
    ("Add", &[]),
    ("Mul", &[]),
    ("Floor", &[]),
    ("Cast", &["to"]),
    ("Transpose", &["perm"]),
];

/// The type of a node's output, `types` being those of its inputs and `graph` where constants lie.
///
/// # Errors
/// [`CheckError::Node`] if the inputs or attributes do not go together, or the operator is not one of
/// [`OPERATORS`].
pub(crate) fn output_type(
    node: &NodeProto,
    types: &Types,
    graph: &GraphProto,
) -> Result<TensorType, CheckError> {
    let call = Call { node, types, graph };
    let shape = match node.op_type() {
        "Gemm" => call.gemm(),
        "Reshape" => call.reshape(),
        "ConvTranspose" => call.conv_transpose(),
        "Conv" => call.conv(),
        "BatchNormalization" => call.batch_norm(),
        "Relu" | "LeakyRelu" | "Tanh" | "Sigmoid" | "Floor" | "Cast" => call.elementwise(),
        "Add" | "Mul" => call.with_scalar(),
        "Transpose" => call.transpose(),
        _ => Err("this operator is not one of an exported network".to_owned()),
    };
    let output = shape.and_then(|shape| Ok(TensorType { element: call.output_element()?, shape }));
    output.map_err(|reason| node_error(node, reason))
}

/// A fault of a node.
pub(crate) fn node_error(node: &NodeProto, reason: String) -> CheckError {
    CheckError::Node { node: node.name().to_owned(), operator: node.op_type().to_owned(), reason }
}

/// How a kernel moves along one axis of an image.
struct Window {
    kernel: i64,
    stride: i64,
    dilation: i64,
    /// Before and after the image.
    pads: [i64; 2],
}

/// A node with what its inputs are.
struct Call<'a> {
    node: &'a NodeProto,
    types: &'a Types,
    graph: &'a GraphProto,
}

impl Call<'_> {
    fn elementwise(&self) -> Result<Vec<Dim>, String> {
        self.input_count(1..=1)?;
        self.floats(0).map(<[Dim]>::to_vec)
    }

    /// A tensor and one number for all its elements.
    fn with_scalar(&self) -> Result<Vec<Dim>, String> {
        self.input_count(2..=2)?;
        let [] = self.rank(1)?;
        self.floats(0).map(<[Dim]>::to_vec)
    }

    /// Output dimension `i` is input dimension `perm[i]`.
    fn transpose(&self) -> Result<Vec<Dim>, String> {
        self.input_count(1..=1)?;
        let (shape, perm) = (self.floats(0)?, &self.attribute("perm")?.ints);
        let last = shape.len().checked_sub(1).ok_or("its input has no dimensions")?;
        let mut sorted = perm.clone();
        sorted.sort_unstable();
        if !sorted.iter().copied().eq(0..=last as i64) {
            return Err(format!("perm is {perm:?}, expected the numbers 0 to {last} in any order"));
        }
        Ok(perm.iter().map(|from| shape[*from as usize].clone()).collect())
    }

    /// The type that a Cast names, or else that of the first input.
    fn output_element(&self) -> Result<DataType, String> {
        if self.node.op_type() != "Cast" {
            return Ok(self.element());
        }
        let to = self.int("to")?;
        let known = i32::try_from(to).ok().and_then(|to| DataType::try_from(to).ok());
        known
            .filter(|to| matches!(to, DataType::Float | DataType::Float16 | DataType::Uint8))
            .ok_or_else(|| format!("to is {to}, expected that of FLOAT, FLOAT16 or UINT8"))
    }

    /// Element type of the first input.
    fn element(&self) -> DataType {
        let first = self.node.input.first().and_then(|name| self.types.get(name));
        first.map_or(DataType::Undefined, |first| first.element)
    }

    /// `[N, in]` and `[out, in]` to `[N, out]`.
    fn gemm(&self) -> Result<Vec<Dim>, String> {
        self.input_count(3..=3)?;
        let [batch, inputs] = self.rank(0)?;
        let [outputs, weight_inputs] = self.rank(1)?;
        if self.int("transB")? != 1 {
            return Err("transB is not 1, the weight is expected as [out, in]".to_owned());
        }
        same("the weight's second dimension", weight_inputs, inputs)?;
        let [bias] = self.rank(2)?;
        same("the bias", bias, outputs)?;
        Ok(vec![batch.clone(), outputs.clone()])
    }

    /// `[N, dims...]` to the target `[N or -1, dims...]`, which has to leave the batch as it is.
    fn reshape(&self) -> Result<Vec<Dim>, String> {
        self.input_count(2..=2)?;
        let (batch, sample) = self.floats(0)?.split_first().ok_or("the input has no batch")?;
        let features = product(sample).map(Dim::Fixed).ok_or("the input has no size")?;
        let target = self.integer_constant(1)?;
        let rest = match target.split_first() {
            Some((first, rest)) if *first == -1 || *batch == Dim::Fixed(*first) => rest,
            _ => {
                return Err(format!(
                    "the target is {target:?}, expected {batch} or -1 in front, and nowhere else -1"
                ));
            }
        };
        let rest: Vec<_> = rest.iter().copied().map(Dim::Fixed).collect();
        let elements = product(&rest).ok_or_else(|| format!("the target {target:?} has no size"))?;
        same("the target's size", &Dim::Fixed(elements), &features)?;
        Ok([batch.clone()].into_iter().chain(rest).collect())
    }

    /// `[N, in, H, W]` and `[in, out / group, kH, kW]` to `[N, out, H', W']`.
    fn conv_transpose(&self) -> Result<Vec<Dim>, String> {
        self.input_count(2..=3)?;
        let [batch, channels, height, width] = self.rank(0)?;
        let [inputs, per_group, weight_height, weight_width] = self.rank(1)?;
        same("the weight's first dimension", inputs, channels)?;
        let [down, across] = self.windows([weight_height, weight_width])?;
        let (height, width) = (upsampled(height, down)?, upsampled(width, across)?);
        let outputs = self.output_channels(per_group)?;
        Ok(vec![batch.clone(), outputs, Dim::Fixed(height), Dim::Fixed(width)])
    }

    /// `[N, in, H, W]` and `[out, in / group, kH, kW]` to `[N, out, H', W']`.
    fn conv(&self) -> Result<Vec<Dim>, String> {
        self.input_count(2..=3)?;
        let [batch, channels, height, width] = self.rank(0)?;
        let [outputs, per_group, weight_height, weight_width] = self.rank(1)?;
        let inputs = fixed(per_group)?.checked_mul(self.int("group")?).map(Dim::Fixed);
        same("the weight's second dimension", &inputs.ok_or("its group is too large")?, channels)?;
        let [down, across] = self.windows([weight_height, weight_width])?;
        let (height, width) = (downsampled(height, down)?, downsampled(width, across)?);
        self.optional_bias(outputs)?;
        Ok(vec![batch.clone(), outputs.clone(), Dim::Fixed(height), Dim::Fixed(width)])
    }

    /// `[N, C, H, W]` and four times `[C]` to `[N, C, H, W]`.
    fn batch_norm(&self) -> Result<Vec<Dim>, String> {
        self.input_count(5..=5)?;
        let maps: &[Dim; 4] = self.rank(0)?;
        for index in 1..5 {
            let [channels] = self.rank(index)?;
            same(&self.node.input[index], channels, &maps[1])?;
        }
        Ok(maps.to_vec())
    }

    /// The channels that a transposed convolution makes, which its bias has to have too.
    fn output_channels(&self, per_group: &Dim) -> Result<Dim, String> {
        let channels = fixed(per_group)?.checked_mul(self.int("group")?).filter(|channels| *channels > 0);
        let outputs = channels.map(Dim::Fixed).ok_or("its group leaves no output channels")?;
        self.optional_bias(&outputs)?;
        Ok(outputs)
    }

    /// A bias as the third input has a value for each output channel.
    fn optional_bias(&self, outputs: &Dim) -> Result<(), String> {
        if self.node.input.len() == 3 {
            let [bias] = self.rank(2)?;
            same("the bias", bias, outputs)?;
        }
        Ok(())
    }

    /// How the kernel, of the weight's height and width, moves down and across.
    fn windows(&self, [weight_height, weight_width]: [&Dim; 2]) -> Result<[Window; 2], String> {
        let [height, width] = self.ints("kernel_shape")?;
        same("kernel_shape[0]", &Dim::Fixed(height), weight_height)?;
        same("kernel_shape[1]", &Dim::Fixed(width), weight_width)?;
        let [stride_down, stride_across] = self.ints("strides")?;
        let [dilation_down, dilation_across] = self.ints("dilations")?;
        let [top, left, bottom, right] = self.ints("pads")?;
        Ok([
            Window { kernel: height, stride: stride_down, dilation: dilation_down, pads: [top, bottom] },
            Window { kernel: width, stride: stride_across, dilation: dilation_across, pads: [left, right] },
        ])
    }

    fn input_count(&self, expected: RangeInclusive<usize>) -> Result<(), String> {
        let found = self.node.input.len();
        let (least, most) = (expected.start(), expected.end());
        if expected.contains(&found) {
            Ok(())
        } else if least == most {
            Err(format!("{found} inputs, expected {least}"))
        } else {
            Err(format!("{found} inputs, expected {least} to {most}"))
        }
    }

    /// The shape of an input of `R` dimensions.
    fn rank<const R: usize>(&self, index: usize) -> Result<&[Dim; R], String> {
        let shape = self.floats(index)?;
        let error = || format!("{} has {} dimensions, expected {R}", self.node.input[index], shape.len());
        shape.try_into().map_err(|_| error())
    }

    /// The shape of an input that has to hold floats, as wide as those of the first input.
    fn floats(&self, index: usize) -> Result<&[Dim], String> {
        let name = &self.node.input[index];
        let found = self.types.get(name).ok_or_else(|| format!("the type of {name} is unknown"))?;
        match (found.is_float(), self.element()) {
            (true, first) if found.element == first => Ok(&found.shape),
            (true, first) => Err(format!("{name} is {found}, expected {}", first.as_str_name())),
            _ => Err(format!("{name} is {found}, expected FLOAT or FLOAT16")),
        }
    }

    /// The values of an input that has to be an integer constant.
    fn integer_constant(&self, index: usize) -> Result<Vec<i64>, String> {
        let name = &self.node.input[index];
        let tensor = self.graph.initializer.iter().find(|tensor| tensor.name() == name);
        let tensor = tensor.filter(|tensor| tensor.data_type() == DataType::Int64 as i32);
        let tensor = tensor.ok_or_else(|| format!("{name} is no INT64 initialiser"))?;
        let (values, _) = tensor.raw_data().as_chunks::<8>();
        Ok(values.iter().map(|bytes| i64::from_le_bytes(*bytes)).collect())
    }

    fn int(&self, name: &str) -> Result<i64, String> {
        self.attribute(name)?.i.ok_or_else(|| format!("attribute {name} is no integer"))
    }

    fn ints<const L: usize>(&self, name: &str) -> Result<[i64; L], String> {
        let values = &self.attribute(name)?.ints;
        let error = || format!("attribute {name} is {values:?}, expected {L} integers");
        values.as_slice().try_into().map_err(|_| error())
    }

    fn attribute(&self, name: &str) -> Result<&AttributeProto, String> {
        let found = self.node.attribute.iter().find(|attribute| attribute.name() == name);
        found.ok_or_else(|| format!("attribute {name} is missing"))
    }
}

/// The side of a transposed convolution's output. PyTorch equivalent: the formula of `H_out` in the
/// documentation of `ConvTranspose2d`, without `output_padding`.
fn upsampled(size: &Dim, window: Window) -> Result<i64, String> {
    let Window { kernel, stride, dilation, pads } = window;
    let [size, stride, dilation, kernel] = [fixed(size)?, stride, dilation, kernel].map(i128::from);
    let cropped: i128 = pads.into_iter().map(i128::from).sum();
    // Any file can be rendered, so the sum must not overflow even on the most absurd attributes.
    let side = ((size - 1) * stride - cropped + 1).saturating_add(dilation * (kernel - 1));
    let side = i64::try_from(side).ok().filter(|side| *side > 0);
    side.ok_or_else(|| "its attributes leave no pixel of the output".to_owned())
}

/// The side of a convolution's output. PyTorch equivalent: the formula of `H_out` in the documentation of
/// `Conv2d`.
fn downsampled(size: &Dim, window: Window) -> Result<i64, String> {
    let Window { kernel, stride, dilation, pads } = window;
    let [size, stride, dilation, kernel] = [fixed(size)?, stride, dilation, kernel].map(i128::from);
    let padding: i128 = pads.into_iter().map(i128::from).sum();
    let room = (size + padding - 1).saturating_sub(dilation * (kernel - 1));
    let side = if room >= 0 && stride > 0 { i64::try_from(room / stride + 1).ok() } else { None };
    side.ok_or_else(|| "its attributes leave no pixel of the output".to_owned())
}

fn fixed(dim: &Dim) -> Result<i64, String> {
    match dim {
        Dim::Fixed(value) => Ok(*value),
        Dim::Named(_) => Err(format!("a dimension is {dim}, expected a number")),
    }
}

fn same(what: &str, found: &Dim, expected: &Dim) -> Result<(), String> {
    if found == expected { Ok(()) } else { Err(format!("{what} is {found}, expected {expected}")) }
}
