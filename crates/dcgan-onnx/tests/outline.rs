//! Outlines of files written by hand.

use std::io::Cursor;

use dcgan_onnx::{GraphProto, ModelProto, Outline, Value};
use prost::Message;

fn read(bytes: &[u8]) -> Result<Outline, String> {
    Outline::read(Cursor::new(bytes)).map_err(|error| error.to_string())
}

/// A field of counted bytes, of a number below 16 and fewer than 128 of them.
fn field(number: u8, content: &[u8]) -> Vec<u8> {
    assert!(number < 16 && content.len() < 128);
    [&[number << 3 | 2, content.len() as u8], content].concat()
}

fn message(fields: &[&[u8]]) -> Vec<u8> {
    fields.concat()
}

/// By hand: IR version 10, two operator sets, an operator of another domain with a tensor as attribute, an operator of
/// a branch, an initialiser in another file that is an input too, a packed shape, a control character.
fn foreign() -> Vec<u8> {
    let constant = message(&[b"\x08\x02", b"\x10\x0b", &field(9, &[0; 16])]);
    let custom = message(&[&field(4, b"Foo"), &field(7, b"my.x"), &field(5, &field(5, &constant))]);
    let branch = message(&[&field(4, b"If"), &field(5, &field(6, &field(1, &field(4, b"Abs"))))]);
    let location = message(&[&field(1, b"location"), &field(2, b"w.bin")]);
    let weight =
        message(&[&field(1, &[3, 5]), b"\x10\x01", &field(8, b"w"), &field(13, &location), b"\x70\x01"]);
    let shape = message(&[&field(1, &field(2, b"N")), &field(1, b""), &field(1, b"\x08\x40")]);
    let tensor = field(1, &message(&[b"\x08\x0a", &field(2, &shape)]));
    let input = message(&[&field(1, b"x"), &field(2, &tensor)]);
    let graph = message(&[
        &field(1, &custom)[..],
        &field(1, &branch),
        &field(5, &weight),
        &field(11, &field(1, b"w")),
        &field(11, &input),
    ]);
    // The graph is longer than one byte can say.
    let (low, high) = (graph.len() as u8 | 0x80, (graph.len() >> 7) as u8);
    message(&[
        b"\x08\x0a",
        &[7 << 3 | 2, low, high],
        &graph,
        &field(8, b"\x10\x0d"),
        &field(8, &message(&[&field(1, b"my.x"), b"\x10\x02"])),
        &field(14, &message(&[&field(1, b"k"), &field(2, b"a\x1b[2J")])),
    ])
}

#[test]
fn a_foreign_file_is_outlined() {
    let outline = read(&foreign()).unwrap();
    assert_eq!(outline.ir_version, Some(10));
    assert_eq!(outline.opsets, [(String::new(), 13), ("my.x".to_owned(), 2)]);
    let nodes: Vec<_> = outline.nodes.iter().map(|(name, count)| (name.as_str(), *count)).collect();
    assert_eq!(nodes, [("Abs", 1), ("If", 1), ("my.x.Foo", 1)]);
    assert_eq!(outline.inputs, [Value { name: "x".to_owned(), kind: "FLOAT16 [N, ?, 64]".to_owned() }]);
    let constants = &outline.constants;
    assert_eq!((constants.tensors, constants.parameters, constants.bytes), (2, 15 + 2, 16));
    assert_eq!(constants.external.get("w.bin"), Some(&1));
    assert_eq!(outline.metadata, [("k".to_owned(), "a\x1b[2J".to_owned())]);
}

#[test]
fn every_truncation_is_an_error_or_an_older_end() {
    let bytes = foreign();
    let whole = (0..bytes.len()).filter(|end| read(&bytes[..*end]).is_ok()).count();
    // Behind the graph, and behind each operator set: what comes after is optional.
    assert_eq!(whole, 3);
}

#[test]
fn what_is_no_model_is_named() {
    let error = |bytes: &[u8]| read(bytes).unwrap_err();
    assert!(error(b"").contains("no ir_version"));
    assert!(error(b"\x08\x08").contains("no graph"));
    assert!(error(b"\x89PNG\r\n\x1a\n").contains("at byte 0, "));
    assert!(error(b"# A text\nof lines").contains("at byte "));
    assert!(error(b"\x08\x08\x3a\xff\xff\xff\xff\x7f").contains("bytes of field 7 are said to follow, 0 do"));
}

#[test]
fn graphs_nested_without_end_are_an_error() {
    let mut graph = GraphProto::default().encode_to_vec();
    for _ in 0..100 {
        let mut attribute = Vec::new();
        prost::encoding::bytes::encode(6, &graph, &mut attribute);
        let mut node = Vec::new();
        prost::encoding::bytes::encode(5, &attribute, &mut node);
        graph.clear();
        prost::encoding::bytes::encode(1, &node, &mut graph);
    }
    let mut bytes = vec![8, 8];
    prost::encoding::bytes::encode(7, &graph, &mut bytes);
    assert!(read(&bytes).unwrap_err().contains("nested more than 32 deep"));
    assert!(ModelProto::decode(bytes.as_slice()).is_err(), "prost has a bound of its own");
}
