//! A batch size that a Reshape in the graph holds.

use prost::Message;

/// The fields of ONNX's messages that are read here; prost skips all others.
#[derive(Clone, PartialEq, Message)]
struct ModelProto {
    #[prost(message, optional, tag = "7")]
    graph: Option<GraphProto>,
}

#[derive(Clone, PartialEq, Message)]
struct GraphProto {
    #[prost(message, repeated, tag = "1")]
    node: Vec<NodeProto>,
    #[prost(message, repeated, tag = "5")]
    initializer: Vec<TensorProto>,
}

#[derive(Clone, PartialEq, Message)]
struct NodeProto {
    #[prost(bytes = "vec", repeated, tag = "1")]
    input: Vec<Vec<u8>>,
    #[prost(bytes = "vec", repeated, tag = "2")]
    output: Vec<Vec<u8>>,
    #[prost(bytes = "vec", tag = "4")]
    op_type: Vec<u8>,
    #[prost(message, repeated, tag = "5")]
    attribute: Vec<AttributeProto>,
}

#[derive(Clone, PartialEq, Message)]
struct AttributeProto {
    #[prost(message, optional, tag = "5")]
    t: Option<TensorProto>,
}

#[derive(Clone, PartialEq, Message)]
struct TensorProto {
    #[prost(int64, repeated, tag = "7")]
    int64_data: Vec<i64>,
    #[prost(bytes = "vec", tag = "8")]
    name: Vec<u8>,
    #[prost(bytes = "vec", tag = "9")]
    raw_data: Vec<u8>,
}

impl TensorProto {
    /// The first of the numbers of a shape, which are of 64 bits.
    fn first(&self) -> Option<i64> {
        let raw = || self.raw_data.first_chunk().map(|bytes| i64::from_le_bytes(*bytes));
        self.int64_data.first().copied().or_else(raw)
    }
}

/// The first size, above 0, of the first constant shape that a Reshape of a `.onnx` file's graph has: a batch size, unless
/// it reshapes weights.
pub(super) fn batch(bytes: &[u8]) -> Option<usize> {
    let graph = ModelProto::decode(bytes).ok()?.graph?;
    let size = |reshape: &NodeProto| {
        let [data, name] = &reshape.input[..] else { return None };
        let initializer = |name: &Vec<u8>| graph.initializer.iter().find(|tensor| tensor.name == *name);
        let constant = || {
            let node = graph.node.iter().find(|node| node.output.contains(name))?;
            (node.op_type == b"Constant").then(|| node.attribute.iter().find_map(|value| value.t.as_ref()))?
        };
        let is_of_weights = initializer(data).is_some();
        let shape = initializer(name).or_else(constant).filter(|_| !is_of_weights)?;
        shape.first().and_then(|size| usize::try_from(size).ok()).filter(|size| *size > 0)
    };
    graph.node.iter().filter(|node| node.op_type == b"Reshape").find_map(size)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_batch_of_a_constant_shape_is_found() {
        let fixtures = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
        for (name, expected) in [
            ("baked1", Some(1)),
            ("baked4", Some(4)),
            ("baked100", Some(100)),
            ("described", None),
            ("strangers/dynamo_maps", None),
        ] {
            let bytes = std::fs::read(fixtures.join(format!("{name}.onnx"))).unwrap();
            assert_eq!(batch(&bytes), expected, "{name}");
        }
        assert_eq!(batch(b"no model"), None);
    }
}
