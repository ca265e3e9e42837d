//! Runs a decoded ONNX model by the definitions of its operators: a second opinion on what was written.
//!
//! It shares no code with the writer, and reads the file as any runtime does. Floats are computed in `f32`, as
//! runtimes compute them; a `FLOAT16` value is rounded to one after each operator. It is made for DCGANs, in any of
//! the forms that they are exported in, and takes files of any origin: an operator that it does not know, sizes that
//! do not go together, and work beyond the [`Limits`] are errors.

mod array;
mod attributes;
mod convolution;
mod elementwise;
mod matmul;
mod shape;

use std::borrow::Cow;
use std::collections::HashMap;

pub use array::{Array, Element};

use array::Budget;
use attributes::Attributes;
use dcgan_onnx::{GraphProto, ModelProto, NodeProto};

/// A model could not be run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RunError {
    /// The file's graph is missing or lacks something that every graph has.
    #[error("the model cannot be run: {reason}")]
    Model {
        /// What was expected and found.
        reason: String,
    },
    /// A constant that cannot be read.
    #[error("initialiser {name}: {reason}")]
    Constant {
        /// Its name.
        name: String,
        /// What was expected and found.
        reason: String,
    },
    /// An operator that is not known here, or inputs and attributes that do not go together.
    #[error("node {node} ({operator}): {reason}")]
    Node {
        /// The node's name.
        node: String,
        /// Its operator.
        operator: String,
        /// What was expected and found.
        reason: String,
    },
}

/// What a run may cost: more is refused before it is begun, so that a damaged or hostile file takes no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Elements of all values together, those of constants too; each takes four bytes.
    pub elements: usize,
    /// Multiplications of all operators together.
    pub products: u64,
}

impl Default for Limits {
    /// 2^30 elements and 2^40 products: enough for the largest network of this pipeline.
    fn default() -> Self {
        Self { elements: 1 << 30, products: 1 << 40 }
    }
}

/// The values of all outputs of a model, in their order, for those of its inputs.
///
/// `inputs` are given in the order of the graph's inputs that are no initialisers.
///
/// # Errors
/// [`RunError`] names the node or the constant.
pub fn run(model: &ModelProto, inputs: &[Array], limits: Limits) -> Result<Vec<Array>, RunError> {
    let fault = |reason: String| RunError::Model { reason };
    let graph = model.graph.as_ref().ok_or_else(|| fault("it has no graph".to_owned()))?;
    let onnx = model.opset_import.iter().find(|set| matches!(set.domain(), "" | "ai.onnx"));
    let opset = onnx.map(|set| set.version()).ok_or_else(|| fault("it has no opset of ONNX".to_owned()))?;
    let mut budget = Budget::new(limits);
    let mut values = constants(graph, &mut budget)?;
    feed(graph, inputs, &mut values)?;
    let last_uses = last_uses(graph);
    for (position, node) in graph.node.iter().enumerate() {
        let output = run_node(node, opset, &values, &mut budget)?;
        // Large maps are not kept longer than they are needed.
        let is_done = |name: &str| last_uses.get(name).is_none_or(|last| *last <= position);
        for name in node.input.iter().filter(|name| is_done(name)) {
            values.remove(name.as_str());
        }
        if !is_done(&node.output[0]) {
            values.insert(&node.output[0], Cow::Owned(output));
        }
    }
    let mut output = |name: &str| {
        let value = values.get(name).ok_or_else(|| format!("no node computes its output {name}"))?;
        // One value may leave the graph under any number of outputs.
        budget.elements(&value.shape)?;
        Ok(value.clone().into_owned())
    };
    graph.output.iter().map(|value| output(value.name()).map_err(fault)).collect()
}

/// Values by name.
type Values<'a> = HashMap<&'a str, Cow<'a, Array>>;

fn constants<'a>(graph: &'a GraphProto, budget: &mut Budget) -> Result<Values<'a>, RunError> {
    let mut values = Values::new();
    for tensor in &graph.initializer {
        let array = array::decode(tensor, budget)
            .map_err(|reason| RunError::Constant { name: tensor.name().to_owned(), reason })?;
        values.insert(tensor.name(), Cow::Owned(array));
    }
    Ok(values)
}

fn feed<'a>(graph: &'a GraphProto, inputs: &'a [Array], values: &mut Values<'a>) -> Result<(), RunError> {
    // Before IR version 4 initialisers stood among the inputs, and some exporters still write them there.
    let names: Vec<_> = graph.input.iter().map(|value| value.name()).collect();
    let names: Vec<_> = names.into_iter().filter(|name| !values.contains_key(name)).collect();
    if names.len() != inputs.len() {
        let reason = format!("it takes {} inputs {names:?}, {} were given", names.len(), inputs.len());
        return Err(RunError::Model { reason });
    }
    values.extend(names.into_iter().zip(inputs.iter().map(Cow::Borrowed)));
    Ok(())
}

/// The position of the last node that uses a value; outputs of the graph are used after all nodes.
fn last_uses(graph: &GraphProto) -> HashMap<&str, usize> {
    let uses = graph.node.iter().enumerate();
    let uses = uses.flat_map(|(position, node)| node.input.iter().map(move |name| (name.as_str(), position)));
    let outputs = graph.output.iter().map(|value| (value.name(), usize::MAX));
    uses.chain(outputs).collect()
}

fn run_node(node: &NodeProto, opset: i64, values: &Values, budget: &mut Budget) -> Result<Array, RunError> {
    let fault = |reason: String| RunError::Node {
        node: node.name().to_owned(),
        operator: node.op_type().to_owned(),
        reason,
    };
    if !matches!(node.domain(), "" | "ai.onnx") {
        return Err(fault(format!("operators of {} are not known here", node.domain())));
    }
    if node.output.len() != 1 {
        return Err(fault(format!("{} outputs, expected 1", node.output.len())));
    }
    // An empty name stands for an optional input that is left out.
    let named = node.input.iter().map(|name| match name.as_str() {
        "" => Ok(None),
        name => values.get(name).map(|value| Some(&**value)).ok_or(name),
    });
    let inputs: Vec<_> = named
        .collect::<Result<_, _>>()
        .map_err(|name| fault(format!("it uses {name}, which nothing before it computes")))?;
    let attributes = Attributes::new(&node.attribute, opset);
    compute(node.op_type(), &inputs, &attributes, budget).map_err(fault)
}

fn compute(
    operator: &str,
    inputs: &[Option<&Array>],
    attributes: &Attributes,
    budget: &mut Budget,
) -> Result<Array, String> {
    match (operator, inputs) {
        ("Gemm", [Some(a), Some(b), rest @ ..]) => matmul::gemm(a, b, optional(rest)?, attributes, budget),
        ("Conv", [Some(x), Some(w), rest @ ..]) => {
            convolution::conv(x, w, optional(rest)?, attributes, budget)
        }
        ("ConvTranspose", [Some(x), Some(w), rest @ ..]) => {
            convolution::conv_transpose(x, w, optional(rest)?, attributes, budget)
        }
        ("BatchNormalization", [Some(x), Some(scale), Some(bias), Some(mean), Some(variance)]) => {
            elementwise::batch_norm(x, [*scale, *bias, *mean, *variance], attributes, budget)
        }
        ("Reshape", [Some(x), Some(target)]) => shape::reshape(x, target, attributes, budget),
        ("Flatten", [Some(x)]) => shape::flatten(x, attributes, budget),
        ("Transpose", [Some(x)]) => shape::transpose(x, attributes, budget),
        ("Unsqueeze" | "Squeeze", [Some(x), rest @ ..]) => {
            shape::squeeze(operator, x, optional(rest)?, attributes, budget)
        }
        ("Clip", [Some(x), bounds @ ..]) => elementwise::clip(x, bounds, attributes, budget),
        ("Cast", [Some(x)]) => elementwise::cast(x, attributes, budget),
        ("Add" | "Sub" | "Mul" | "Div" | "Min" | "Max", [Some(a), Some(b)]) => {
            elementwise::binary(operator, a, b, budget)
        }
        (_, [Some(x)]) => elementwise::unary(operator, x, attributes, budget),
        _ => Err(format!("with {} inputs it is not known here", inputs.len())),
    }
}

/// The one optional input after those that an operator needs.
fn optional<'a>(rest: &[Option<&'a Array>]) -> Result<Option<&'a Array>, String> {
    match rest {
        [] => Ok(None),
        [one] => Ok(*one),
        more => Err(format!("{} inputs too many", more.len() - 1)),
    }
}
