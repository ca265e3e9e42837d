//! The tensors of an ONNX graph by name, and how one that is inside becomes an output.

use std::collections::HashSet;

use dcgan_onnx::skeleton::{GraphProto, ModelProto, ValueInfoProto, text};
use dcgan_onnx::{DecodeError, Message};

/// The tensors that the nodes of a graph give.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Tensors {
    /// The graph's outputs, in its order.
    pub outputs: Vec<String>,
    /// All others, in the order of the nodes.
    pub inner: Vec<String>,
}

impl Tensors {
    /// Those of a model.
    pub(super) fn of(model: &[u8]) -> Result<Self, DecodeError> {
        let graph = ModelProto::decode(model)?.graph.unwrap_or_default();
        let outputs: Vec<_> = graph.output.iter().map(|output| text(output.name())).collect();
        let known: HashSet<_> = outputs.iter().cloned().collect();
        let inner = graph.node.iter().flat_map(|node| &node.output).map(|name| text(name));
        let inner = inner.filter(|name| !name.is_empty() && !known.contains(name)).collect();
        Ok(Self { outputs, inner })
    }

    /// Up to `count` names, those first that are most like `name`.
    pub(super) fn nearest(&self, name: &str, count: usize) -> Vec<&str> {
        let mut names: Vec<&str> = self.outputs.iter().chain(&self.inner).map(String::as_str).collect();
        let likeness = |other: &str| strsim::jaro_winkler(name, other);
        // Stable: among equals, outputs come before what is inside.
        names.sort_by(|a, b| likeness(b).total_cmp(&likeness(a)));
        names.truncate(count);
        names
    }
}

/// What makes the tensor `name` an output of a model when it follows the model's bytes. An engine finds out its type and
/// shape.
pub(super) fn another_output(name: &str) -> Vec<u8> {
    let output = vec![ValueInfoProto { name: Some(name.into()), ..ValueInfoProto::default() }];
    let graph = GraphProto { output, ..GraphProto::default() };
    ModelProto { graph: Some(graph), ..ModelProto::default() }.encode_to_vec()
}

#[cfg(test)]
mod tests {
    use dcgan_onnx::skeleton::NodeProto;

    use super::*;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    /// `a` and `b` are inside, `c` is the output.
    fn model() -> Vec<u8> {
        let node = |outputs: &[&str]| NodeProto {
            output: outputs.iter().map(|name| name.as_bytes().to_vec()).collect(),
            ..NodeProto::default()
        };
        let graph =
            GraphProto { node: vec![node(&["a"]), node(&["b", ""]), node(&["c"])], ..GraphProto::default() };
        let inner = ModelProto { graph: Some(graph), ..ModelProto::default() };
        [inner.encode_to_vec(), another_output("c")].concat()
    }

    #[test]
    fn an_inner_tensor_becomes_an_output_and_all_else_stays() {
        let tensors = |outputs, inner| Tensors { outputs: names(outputs), inner: names(inner) };
        assert_eq!(Tensors::of(&model()), Ok(tensors(&["c"], &["a", "b"])));
        assert_eq!(Tensors::of(&[model(), another_output("b")].concat()), Ok(tensors(&["c", "b"], &["a"])));
    }

    #[test]
    fn the_nearest_names_come_first() {
        let tensors = Tensors { outputs: names(&["logits"]), inner: names(&["conv_1", "pool_3", "conv_2"]) };
        assert_eq!(tensors.nearest("pool3", 1), ["pool_3"]);
        assert_eq!(tensors.nearest("", 9), ["logits", "conv_1", "pool_3", "conv_2"]);
    }
}
