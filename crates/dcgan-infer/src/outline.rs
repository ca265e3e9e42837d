//! What a model's graph is made of, as far as it tells why an engine refuses it.

use std::collections::{BTreeMap, BTreeSet};

use dcgan_onnx::Message;
use dcgan_onnx::skeleton::{ModelProto, ValueInfoProto, text};
use dcgan_onnx::tensor_proto::DataType;

/// Names of the element types that generators rarely have and engines rarely know.
const RARE_ELEMENTS: [(DataType, &str); 9] = [
    (DataType::Double, "float64"),
    (DataType::Complex64, "complex64"),
    (DataType::Complex128, "complex128"),
    (DataType::Bfloat16, "bfloat16"),
    (DataType::Float8e4m3fn, "float8e4m3fn"),
    (DataType::Float8e4m3fnuz, "float8e4m3fnuz"),
    (DataType::Float8e5m2, "float8e5m2"),
    (DataType::Float8e5m2fnuz, "float8e5m2fnuz"),
    (DataType::Float4e2m1, "float4e2m1"),
];

/// Domains whose operators ONNX and ONNX Runtime define.
const KNOWN_DOMAINS: [&str; 6] =
    ["", "ai.onnx", "ai.onnx.ml", "ai.onnx.training", "ai.onnx.preview.training", "com.microsoft"];

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
        let mut model = ModelProto::decode(bytes).unwrap_or_default();
        let graph = model.graph.take().unwrap_or_default();
        let opsets: BTreeMap<_, _> =
            model.opset_import.iter().map(|set| (text(set.domain()), set.version())).collect();
        let opset = opsets.get("").or(opsets.get("ai.onnx")).copied().unwrap_or(0);
        let own: BTreeSet<_> = model.functions.iter().map(|function| text(function.domain())).collect();
        let is_custom = |domain: &String| !KNOWN_DOMAINS.contains(&domain.as_str()) && !own.contains(domain);
        let operators = graph.node.iter().map(|node| (text(node.domain()), text(node.op_type())));
        let custom = operators.filter(|(domain, _)| is_custom(domain));
        let values = graph.input.iter().chain(&graph.output);
        let elements = graph.initializer.iter().map(|tensor| tensor.data_type());
        let elements = elements.chain(values.filter_map(ValueInfoProto::elem_type));
        let rare = |element: i32| RARE_ELEMENTS.into_iter().find(|(rare, _)| *rare as i32 == element);
        Self {
            ir_version: model.ir_version(),
            opset,
            rare_elements: elements.filter_map(rare).map(|(_, name)| name).collect(),
            custom_operators: custom.map(|(domain, name)| format!("{domain}.{name}")).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use dcgan_onnx::skeleton::{
        FunctionProto, GraphProto, NodeProto, OperatorSetIdProto, TensorProto, TypeProto, type_proto,
    };

    use super::*;

    #[test]
    fn types_versions_and_foreign_operators_are_told() {
        let node = |domain: &str, name: &str| NodeProto {
            op_type: Some(name.into()),
            domain: Some(domain.into()),
            ..NodeProto::default()
        };
        let tensor = |data_type| TensorProto { data_type: Some(data_type), ..TensorProto::default() };
        let value = |elem_type| {
            let tensor = type_proto::Tensor { elem_type: Some(elem_type), shape: None };
            let r#type = Some(TypeProto { value: Some(type_proto::Value::TensorType(tensor)) });
            ValueInfoProto { r#type, ..ValueInfoProto::default() }
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
            ..GraphProto::default()
        };
        let set = |domain: &str, version| OperatorSetIdProto {
            domain: Some(domain.into()),
            version: Some(version),
        };
        let model = ModelProto {
            ir_version: Some(8),
            graph: Some(graph),
            opset_import: vec![set("my.x", 1), set("", 17)],
            functions: vec![FunctionProto { domain: Some("own".into()), ..FunctionProto::default() }],
            ..ModelProto::default()
        };
        let outline = Outline::of(&model.encode_to_vec());
        assert_eq!((outline.ir_version, outline.opset), (8, 17));
        assert_eq!(outline.rare_elements, BTreeSet::from(["float64", "bfloat16"]));
        assert_eq!(outline.custom_operators, BTreeSet::from(["my.x.Foo".to_owned()]));
        assert_eq!(Outline::of(b"\xff"), Outline::default());
    }
}
