//! The messages' bytes against bytes written by hand: a wrong field number or wire type shows here.
//!
//! A field starts with `number << 3 | wire type`; wire type 0 is a number, 2 counted bytes, 5 four bytes.

use std::fmt::Debug;

use dcgan_onnx::attribute_proto::AttributeType;
use dcgan_onnx::tensor_proto::{DataLocation, DataType};
use dcgan_onnx::tensor_shape_proto::{Dimension, dimension};
use dcgan_onnx::{
    AttributeProto, FunctionProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, SparseTensorProto,
    StringStringEntryProto, TensorProto, TensorShapeProto, TypeProto, ValueInfoProto, type_proto,
};
use prost::Message;

/// Encodes to exactly these bytes, and is read back from them.
fn assert_wire<M: Message + Default + PartialEq + Debug>(message: &M, bytes: &[u8]) {
    assert_eq!(message.encode_to_vec(), bytes);
    assert_eq!(&M::decode(bytes).unwrap(), message);
}

fn text(text: &str) -> Option<String> {
    Some(text.to_owned())
}

#[test]
fn model() {
    let model = ModelProto {
        ir_version: Some(8),
        producer_name: text("p"),
        producer_version: text("v"),
        domain: text("d"),
        model_version: Some(3),
        doc_string: text("s"),
        graph: Some(GraphProto::default()),
        opset_import: vec![OperatorSetIdProto { domain: text(""), version: Some(13) }],
        metadata_props: vec![StringStringEntryProto { key: text("k"), value: text("w") }],
        functions: vec![FunctionProto { name: text("f"), node: Vec::new(), domain: text("d") }],
    };
    let bytes = b"\x08\x08\x12\x01p\x1a\x01v\x22\x01d\x28\x03\x32\x01s\x3a\x00\
        \x42\x04\x0a\x00\x10\x0d\x72\x06\x0a\x01k\x12\x01w\
        \xca\x01\x06\x0a\x01f\x52\x01d";
    assert_wire(&model, bytes);
}

#[test]
fn graph_and_node() {
    let node = NodeProto {
        input: vec!["x".to_owned(), "w".to_owned()],
        output: vec!["y".to_owned()],
        name: text("n"),
        op_type: text("Op"),
        attribute: vec![AttributeProto::default()],
        doc_string: text("s"),
        domain: text("d"),
    };
    assert_wire(&node, b"\x0a\x01x\x0a\x01w\x12\x01y\x1a\x01n\x22\x02Op\x2a\x00\x32\x01s\x3a\x01d");
    let graph = GraphProto {
        node: vec![NodeProto::default()],
        name: text("g"),
        initializer: vec![TensorProto::default()],
        doc_string: text("s"),
        input: vec![ValueInfoProto::default()],
        output: vec![ValueInfoProto::default()],
        value_info: vec![ValueInfoProto::default()],
        sparse_initializer: vec![SparseTensorProto {
            values: Some(TensorProto::default()),
            indices: Some(TensorProto::default()),
        }],
    };
    let bytes = b"\x0a\x00\x12\x01g\x2a\x00\x52\x01s\x5a\x00\x62\x00\x6a\x00\x7a\x04\x0a\x00\x12\x00";
    assert_wire(&graph, bytes);
}

#[test]
fn attribute() {
    let attribute = AttributeProto {
        name: text("a"),
        f: Some(1.0),
        // A value of 0 that is set is written: its absence would mean another thing.
        i: Some(0),
        s: Some(b"s".to_vec()),
        t: Some(TensorProto::default()),
        g: Some(GraphProto::default()),
        floats: vec![1.0, 2.0],
        ints: vec![1, -1],
        strings: vec![b"b".to_vec()],
        tensors: vec![TensorProto::default()],
        graphs: vec![GraphProto::default()],
        doc_string: text("c"),
        r#type: Some(AttributeType::Ints.into()),
        sparse_tensor: Some(SparseTensorProto::default()),
        sparse_tensors: vec![SparseTensorProto::default()],
    };
    let bytes = b"\x0a\x01a\x15\x00\x00\x80\x3f\x18\x00\x22\x01s\x2a\x00\x32\x00\
        \x3d\x00\x00\x80\x3f\x3d\x00\x00\x00\x40\
        \x40\x01\x40\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\
        \x4a\x01b\x52\x00\x5a\x00\x6a\x01c\xa0\x01\x07\
        \xb2\x01\x00\xba\x01\x00";
    assert_wire(&attribute, bytes);
}

#[test]
fn tensor() {
    let tensor = TensorProto {
        dims: vec![2, 300],
        data_type: Some(DataType::Int64.into()),
        float_data: vec![1.0],
        int32_data: vec![5, 6],
        string_data: vec![b"s".to_vec()],
        int64_data: vec![7],
        name: text("w"),
        raw_data: Some(vec![0, 255]),
        double_data: vec![1.0],
        uint64_data: vec![8],
        doc_string: text("d"),
        external_data: vec![StringStringEntryProto::default()],
        data_location: Some(DataLocation::External.into()),
    };
    let bytes = b"\x08\x02\x08\xac\x02\x10\x07\x22\x04\x00\x00\x80\x3f\x2a\x02\x05\x06\x32\x01s\
        \x3a\x01\x07\x42\x01w\x4a\x02\x00\xff\x52\x08\x00\x00\x00\x00\x00\x00\xf0\x3f\x5a\x01\x08\
        \x62\x01d\x6a\x00\x70\x01";
    assert_wire(&tensor, bytes);
}

#[test]
fn value_with_its_type() {
    let batch = dimension::Value::DimParam("N".to_owned());
    let size = dimension::Value::DimValue(64);
    let dim = [Some(batch), Some(size), None].map(|value| Dimension { value });
    let shape = Some(TensorShapeProto { dim: dim.to_vec() });
    let tensor = type_proto::Tensor { elem_type: Some(DataType::Float.into()), shape };
    let value = ValueInfoProto {
        name: text("z"),
        r#type: Some(TypeProto { value: Some(type_proto::Value::TensorType(tensor)) }),
        doc_string: text("d"),
    };
    let bytes = b"\x0a\x01z\x12\x11\x0a\x0f\x08\x01\x12\x0b\
        \x0a\x03\x12\x01N\x0a\x02\x08\x40\x0a\x00\x1a\x01d";
    assert_wire(&value, bytes);
}

#[test]
fn fields_of_later_versions_are_skipped() {
    // Field 26 (configuration) of ModelProto and field 16 (metadata_props) of GraphProto.
    let bytes = b"\x08\x0a\x3a\x06\x12\x01g\x82\x01\x00\xd2\x01\x00";
    let model = ModelProto::decode(bytes.as_slice()).unwrap();
    assert_eq!(model.ir_version(), 10);
    assert_eq!(model.graph.unwrap().name(), "g");
}
