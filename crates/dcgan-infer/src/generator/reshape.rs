//! A batch size that a Reshape in the graph holds.

use dcgan_onnx::{Message, ModelProto, NodeProto};

/// The first size, above 0, of the first constant shape that a Reshape of a `.onnx` file's graph has: a batch size, unless
/// it reshapes weights.
pub(super) fn batch(bytes: &[u8]) -> Option<usize> {
    let graph = ModelProto::decode(bytes).ok()?.graph?;
    let size = |reshape: &NodeProto| {
        let [data, name] = &reshape.input[..] else { return None };
        let initializer = |name: &str| graph.initializer.iter().find(|tensor| tensor.name() == name);
        let constant = || {
            let node = graph.node.iter().find(|node| node.output.contains(name))?;
            (node.op_type() == "Constant")
                .then(|| node.attribute.iter().find_map(|value| value.t.as_ref()))?
        };
        let is_of_weights = initializer(data).is_some();
        let shape = initializer(name).or_else(constant).filter(|_| !is_of_weights)?;
        shape.integers().first().and_then(|size| usize::try_from(*size).ok()).filter(|size| *size > 0)
    };
    graph.node.iter().filter(|node| node.op_type() == "Reshape").find_map(size)
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
