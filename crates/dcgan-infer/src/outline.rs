//! What a model's graph is made of, as far as it tells why an engine refuses it.

use std::collections::{BTreeMap, BTreeSet};

use prost::Message;

/// Names of the element types that generators rarely have and engines rarely know, by ONNX's numbers for them.
const RARE_ELEMENTS: [(i32, &str); 9] = [
    (11, "float64"),
    (14, "complex64"),
    (15, "complex128"),
    (16, "bfloat16"),
    (17, "float8e4m3fn"),
    (18, "float8e4m3fnuz"),
    (19, "float8e5m2"),
    (20, "float8e5m2fnuz"),
    (23, "float4e2m1"),
];

/// Domains whose operators ONNX and ONNX Runtime define.
const KNOWN_DOMAINS: [&str; 6] =
    ["", "ai.onnx", "ai.onnx.ml", "ai.onnx.training", "ai.onnx.preview.training", "com.microsoft"];

/// The fields of ONNX's messages that are read here; prost skips all others.
#[derive(Clone, PartialEq, Message)]
struct ModelProto {
    #[prost(int64, tag = "1")]
    ir_version: i64,
    #[prost(message, optional, tag = "7")]
    graph: Option<GraphProto>,
    #[prost(message, repeated, tag = "8")]
    opset_import: Vec<OperatorSetIdProto>,
    #[prost(message, repeated, tag = "25")]
    functions: Vec<FunctionProto>,
}

#[derive(Clone, PartialEq, Message)]
struct OperatorSetIdProto {
    #[prost(bytes = "vec", tag = "1")]
    domain: Vec<u8>,
    #[prost(int64, tag = "2")]
    version: i64,
}

#[derive(Clone, PartialEq, Message)]
struct FunctionProto {
    #[prost(bytes = "vec", tag = "10")]
    domain: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
struct GraphProto {
    #[prost(message, repeated, tag = "1")]
    node: Vec<NodeProto>,
    #[prost(message, repeated, tag = "5")]
    initializer: Vec<TensorProto>,
    #[prost(message, repeated, tag = "11")]
    input: Vec<ValueInfoProto>,
    #[prost(message, repeated, tag = "12")]
    output: Vec<ValueInfoProto>,
}

#[derive(Clone, PartialEq, Message)]
struct NodeProto {
    #[prost(bytes = "vec", tag = "4")]
    op_type: Vec<u8>,
    #[prost(bytes = "vec", tag = "7")]
    domain: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
struct TensorProto {
    #[prost(int32, tag = "2")]
    data_type: i32,
}

#[derive(Clone, PartialEq, Message)]
struct ValueInfoProto {
    #[prost(message, optional, tag = "2")]
    r#type: Option<TypeProto>,
}

#[derive(Clone, PartialEq, Message)]
struct TypeProto {
    #[prost(message, optional, tag = "1")]
    tensor: Option<TensorTypeProto>,
}

#[derive(Clone, PartialEq, Message)]
struct TensorTypeProto {
    #[prost(int32, tag = "1")]
    elem_type: i32,
}

/// A model, from afar.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Outline {
    /// The version of the file's format, 0 if it has none.
    pub ir_version: i64,
    /// The version of ONNX's own operators, 0 if it names none.
    pub opset: i64,
    /// Types of its weights, inputs and outputs that few engines compute in.
    pub rare_elements: BTreeSet<&'static str>,
    /// Operators, `domain.Name`, that neither ONNX, nor ONNX Runtime, nor the file itself defines.
    pub custom_operators: BTreeSet<String>,
}

impl Outline {
    /// The outline of a `.onnx` file; an empty one if it is damaged.
    pub(crate) fn of(bytes: &[u8]) -> Self {
        let ModelProto { ir_version, graph, opset_import, functions } =
            ModelProto::decode(bytes).unwrap_or_default();
        let graph = graph.unwrap_or_default();
        let opsets: BTreeMap<_, _> =
            opset_import.iter().map(|set| (text(&set.domain), set.version)).collect();
        let opset = opsets.get("").or(opsets.get("ai.onnx")).copied().unwrap_or(0);
        let own: BTreeSet<_> = functions.iter().map(|function| text(&function.domain)).collect();
        let is_custom = |domain: &String| !KNOWN_DOMAINS.contains(&domain.as_str()) && !own.contains(domain);
        let operators = graph.node.iter().map(|node| (text(&node.domain), text(&node.op_type)));
        let custom = operators.filter(|(domain, _)| is_custom(domain));
        let values = graph.input.iter().chain(&graph.output);
        let declared = values.filter_map(|value| Some(value.r#type.as_ref()?.tensor.as_ref()?.elem_type));
        let elements = graph.initializer.iter().map(|tensor| tensor.data_type).chain(declared);
        let rare = |element: i32| RARE_ELEMENTS.into_iter().find(|(number, _)| *number == element);
        Self {
            ir_version,
            opset,
            rare_elements: elements.filter_map(rare).map(|(_, name)| name).collect(),
            custom_operators: custom.map(|(domain, name)| format!("{domain}.{name}")).collect(),
        }
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_versions_and_foreign_operators_are_told() {
        let node = |domain: &str, name: &str| NodeProto { op_type: name.into(), domain: domain.into() };
        let tensor = |data_type| TensorProto { data_type };
        let value = |elem_type| ValueInfoProto {
            r#type: Some(TypeProto { tensor: Some(TensorTypeProto { elem_type }) }),
        };
        let graph = GraphProto {
            node: vec![
                node("", "Tanh"),
                node("com.microsoft", "Gelu"),
                node("own", "Layer"),
                node("my.x", "Foo"),
            ],
            initializer: vec![tensor(1), tensor(11)],
            input: vec![value(10)],
            output: vec![value(16), ValueInfoProto::default()],
        };
        let set = |domain: &str, version| OperatorSetIdProto { domain: domain.into(), version };
        let model = ModelProto {
            ir_version: 8,
            graph: Some(graph),
            opset_import: vec![set("my.x", 1), set("", 17)],
            functions: vec![FunctionProto { domain: "own".into() }],
        };
        let outline = Outline::of(&model.encode_to_vec());
        assert_eq!((outline.ir_version, outline.opset), (8, 17));
        assert_eq!(outline.rare_elements, BTreeSet::from(["float64", "bfloat16"]));
        assert_eq!(outline.custom_operators, BTreeSet::from(["my.x.Foo".to_owned()]));
        assert_eq!(Outline::of(b"\xff"), Outline::default());
    }
}
