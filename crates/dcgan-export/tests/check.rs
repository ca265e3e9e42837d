//! Sound models pass, each kind of fault is found and named; so are checkpoints that cannot be exported.

mod common;

use common::{generator, spec};
use dcgan_core::{Checkpoint, NetworkSpec, TensorData};
use dcgan_export::config::{Batch, Layout, OutputFormat, Precision};
use dcgan_export::{ExportConfig, ModelProto, check, export, render};
use dcgan_onnx::tensor_proto::DataType;
use dcgan_onnx::tensor_shape_proto::dimension;
use dcgan_onnx::{AttributeProto, GraphProto, NodeProto, TensorProto, TypeProto, type_proto};

fn tiny() -> Checkpoint {
    generator(&spec("tiny", 3, &[4, 2], 1), 1)
}

fn model() -> ModelProto {
    export(&tiny(), &ExportConfig::default()).unwrap()
}

/// What [`check`] says of the tiny model after a change to its graph.
fn fault(change: impl FnOnce(&mut GraphProto)) -> String {
    let mut model = model();
    change(model.graph.as_mut().unwrap());
    // Rendering has to cope with any graph.
    render(&model);
    check(&model).expect_err("the change is a fault").to_string()
}

/// What [`export`] says of the tiny checkpoint after a change.
fn refusal(change: impl FnOnce(&mut Checkpoint)) -> String {
    let mut checkpoint = tiny();
    change(&mut checkpoint);
    export(&checkpoint, &ExportConfig::default()).expect_err("the change is a fault").to_string()
}

/// The attribute of the first transposed convolution.
fn attribute<'a>(graph: &'a mut GraphProto, name: &str) -> &'a mut AttributeProto {
    graph.node[2].attribute.iter_mut().find(|attribute| attribute.name() == name).unwrap()
}

/// One dimension of the declared image.
fn output_dim(graph: &mut GraphProto, index: usize) -> &mut Option<dimension::Value> {
    let Some(TypeProto { value: Some(type_proto::Value::TensorType(tensor)) }) = &mut graph.output[0].r#type
    else {
        panic!("the image is a tensor")
    };
    &mut tensor.shape.as_mut().unwrap().dim[index].value
}

fn assert_contains(message: &str, part: &str) {
    assert!(message.contains(part), "{message:?} does not say {part:?}");
}

#[test]
fn what_every_model_needs_is_missed() {
    assert_eq!(check(&model()), Ok(()));
    let fault = |change: fn(&mut ModelProto)| {
        let mut model = model();
        change(&mut model);
        render(&model);
        check(&model).unwrap_err().to_string()
    };
    assert_contains(&fault(|model| model.ir_version = None), "does not set ir_version");
    assert_contains(&fault(|model| model.opset_import.clear()), "does not set opset_import");
    assert_contains(&fault(|model| model.graph = None), "does not set graph");
}

#[test]
fn values_are_defined_once_and_before_their_use() {
    assert_contains(&fault(|graph| graph.node.swap(2, 3)), "node relu1 uses tconv1_out, which no");
    assert_contains(&fault(|graph| drop(graph.node.remove(0))), "node reshape uses fc_out");
    assert_contains(
        &fault(|graph| graph.node[3].output[0] = "fc_out".into()),
        "value fc_out is defined twice",
    );
    let twice = fault(|graph| graph.initializer.push(graph.initializer[0].clone()));
    assert_contains(&twice, "value fc.weight is defined twice");
}

#[test]
fn initialisers_are_used_and_whole() {
    let unused = fault(|graph| {
        let mut surplus = graph.initializer[0].clone();
        surplus.name = Some("ema".to_owned());
        graph.initializer.push(surplus);
    });
    assert_contains(&unused, "initialiser ema is used by no node");
    let short = fault(|graph| graph.initializer[0].raw_data.as_mut().unwrap().truncate(767));
    assert_contains(&short, "fc.weight has 767 bytes of raw_data, its type FLOAT [64, 3] needs 768");
    let other = fault(|graph| graph.initializer[0].data_type = Some(DataType::Float16.into()));
    assert_contains(&other, "its type FLOAT16 [64, 3] needs 384");
    let huge = fault(|graph| graph.initializer[0].dims = vec![i64::MAX, i64::MAX]);
    assert_contains(&huge, "fc.weight has 768 bytes");
}

#[test]
fn operators_have_all_their_attributes_and_no_others() {
    assert_contains(&fault(|graph| graph.node[3].op_type = Some("Selu".into())), "node relu1 (Selu)");
    assert_contains(&fault(|graph| drop(graph.node[2].attribute.pop())), "node tconv1 (ConvTranspose): its");
    let surplus = fault(|graph| {
        graph.node[2].attribute.push(AttributeProto { name: Some("auto_pad".into()), ..Default::default() });
    });
    assert_contains(&surplus, "auto_pad");
    assert_contains(&fault(|graph| attribute(graph, "pads").ints.truncate(2)), "expected 4 integers");
    assert_contains(&fault(|graph| graph.node[0].attribute[0].i = Some(0)), "transB is not 1");
}

#[test]
fn shapes_go_together() {
    let kernel = fault(|graph| attribute(graph, "kernel_shape").ints = vec![3, 4]);
    assert_contains(&kernel, "kernel_shape[0] is 3, expected 4");
    // A stride of 1 makes a map of 5 rows, not 8; the next layer doubles them.
    let stride = fault(|graph| attribute(graph, "strides").ints = vec![1, 2]);
    assert_contains(&stride, "image is declared as FLOAT [N, 1, 16, 16], expected FLOAT [N, 1, 10, 16]");
    let pads = fault(|graph| attribute(graph, "pads").ints = vec![i64::MAX; 4]);
    assert_contains(&pads, "leave no pixel");
    assert_contains(&fault(|graph| attribute(graph, "group").i = Some(0)), "no output channels");
    let absurd = fault(|graph| {
        for name in ["pads", "strides", "dilations"] {
            attribute(graph, name).ints.fill(i64::MIN);
        }
    });
    assert_contains(&absurd, "leave no pixel");
    let target = fault(|graph| graph.initializer[2].raw_data.as_mut().unwrap()[0] = 0);
    assert_contains(&target, "node reshape (Reshape): the target is");
    let inputs = fault(|graph| graph.node[3].input.push("z".into()));
    assert_contains(&inputs, "node relu1 (Relu): 2 inputs, expected 1");
    let outputs = fault(|graph| graph.node[3].output.push("mask".into()));
    assert_contains(&outputs, "node relu1 (Relu): 2 outputs, expected 1");
}

#[test]
fn what_brings_the_image_into_its_form_goes_together() {
    let config = ExportConfig {
        fold_batchnorm: false,
        batch: Batch::Fixed(2),
        precision: Precision::F16,
        output_format: OutputFormat::Uint8,
        layout: Layout::Nhwc,
        ..ExportConfig::default()
    };
    let model = export(&tiny(), &config).unwrap();
    assert_eq!(check(&model), Ok(()));
    let fault = |change: fn(&mut GraphProto)| {
        let mut model = model.clone();
        change(model.graph.as_mut().unwrap());
        render(&model);
        check(&model).expect_err("the change is a fault").to_string()
    };
    fn node<'a>(graph: &'a mut GraphProto, name: &str) -> &'a mut NodeProto {
        graph.node.iter_mut().find(|node| node.name() == name).unwrap()
    }
    fn constant<'a>(graph: &'a mut GraphProto, name: &str) -> &'a mut TensorProto {
        graph.initializer.iter_mut().find(|tensor| tensor.name() == name).unwrap()
    }
    let mixed = fault(|graph| node(graph, "fc").input[0] = "z".into());
    assert_contains(&mixed, "node fc (Gemm): fc.weight is FLOAT16 [64, 3], expected FLOAT");
    let twice = fault(|graph| node(graph, "image_uint8").attribute[0].i = Some(1));
    assert_contains(&twice, "image is declared as UINT8 [2, 16, 16, 1], expected FLOAT [2, 16, 16, 1]");
    assert_contains(
        &fault(|graph| node(graph, "z_f16").attribute[0].i = Some(7)),
        "to is 7, expected that of",
    );
    let perm = fault(|graph| node(graph, "image_nhwc").attribute[0].ints[3] = 2);
    assert_contains(&perm, "node image_nhwc (Transpose): perm is [0, 2, 3, 2], expected the numbers 0 to 3");
    assert_contains(
        &fault(|graph| node(graph, "image_nhwc").attribute[0].ints.truncate(3)),
        "numbers 0 to 3",
    );
    let order = fault(|graph| node(graph, "image_nhwc").attribute[0].ints = vec![0, 1, 2, 3]);
    assert_contains(&order, "image is declared as UINT8 [2, 16, 16, 1], expected UINT8 [2, 1, 16, 16]");
    let number = fault(|graph| {
        let node = node(graph, "image_nhwc");
        node.input[0] = "image_scaled.number".into();
    });
    assert_contains(&number, "node image_nhwc (Transpose): its input has no dimensions");
    let vector = fault(|graph| constant(graph, "image_scaled.number").dims = vec![1]);
    assert_contains(&vector, "node image_scaled (Mul): image_scaled.number has 1 dimensions, expected 0");
    let batch = fault(|graph| constant(graph, "reshape.shape").raw_data.as_mut().unwrap()[0] = 3);
    assert_contains(&batch, "the target is [3, 4, 4, 4], expected 2 or -1 in front");
    let zero = fault(|graph| {
        let Some(TypeProto { value: Some(type_proto::Value::TensorType(tensor)) }) =
            &mut graph.input[0].r#type
        else {
            panic!("z is a tensor")
        };
        tensor.shape.as_mut().unwrap().dim[0].value = Some(dimension::Value::DimValue(0));
    });
    assert_contains(&zero, "FLOAT [0, 3], expected a tensor whose first dimension has a name or a size");
    let statistics = fault(|graph| {
        let mean = constant(graph, "bn1.running_mean");
        mean.dims = vec![1];
        mean.raw_data.as_mut().unwrap().truncate(2);
    });
    assert_contains(&statistics, "node bn1 (BatchNormalization): bn1.running_mean is 1, expected 2");
    assert_contains(&fault(|graph| node(graph, "bn1").input.push("bn1.bias".into())), "6 inputs, expected 5");
}

#[test]
fn the_output_is_what_the_graph_computes() {
    let size = fault(|graph| *output_dim(graph, 3) = Some(dimension::Value::DimValue(64)));
    assert_contains(&size, "image is declared as FLOAT [N, 1, 16, 64], expected FLOAT [N, 1, 16, 16]");
    let nameless = fault(|graph| *output_dim(graph, 0) = None);
    assert_contains(
        &nameless,
        "FLOAT [?, 1, 16, 16], expected a tensor whose first dimension has a name or a size",
    );
    let other = fault(|graph| *output_dim(graph, 0) = Some(dimension::Value::DimParam("M".into())));
    assert_contains(&other, "declared as FLOAT [M, 1, 16, 16], expected FLOAT [N, 1, 16, 16]");
    assert_contains(&fault(|graph| graph.output[0].r#type = None), "no tensor with a shape");
}

#[test]
fn weights_that_cannot_be_folded_are_named() {
    let filled = |changes: &[(&str, f32)]| {
        refusal(|checkpoint| {
            for (name, value) in changes {
                let values = TensorData::F32(checkpoint.f32(name).mapv(|_| *value));
                checkpoint.tensors.insert((*name).to_owned(), values);
            }
        })
    };
    let negative = filled(&[("bn1.running_var", -0.5)]);
    assert_contains(
        &negative,
        "tensor bn1.running_var has the variance -0.5 in channel 0, expected a finite",
    );
    assert_contains(&filled(&[("bn1.running_var", f32::NAN)]), "has the variance NaN in channel 0");
    assert_contains(&filled(&[("bn1.running_var", f32::INFINITY)]), "has the variance inf in channel 0");
    // Each of them a float, their quotient too large for one.
    let overflow = filled(&[("bn1.weight", 1e38), ("bn1.running_var", 0.0)]);
    assert_contains(&overflow, "initialiser tconv1.weight would have");
    let mean = filled(&[("bn1.running_mean", f32::INFINITY)]);
    assert_contains(&mean, "initialiser tconv1.bias would have -inf at position 0");
    assert_contains(&filled(&[("fc.bias", f32::NAN)]), "initialiser fc.bias would have NaN at position 0");
    assert_contains(&filled(&[("tconv2.weight", f32::INFINITY)]), "initialiser tconv2.weight would have inf");
}

#[test]
fn a_checkpoint_that_is_not_whole_is_refused() {
    let missing = refusal(|checkpoint| drop(checkpoint.tensors.remove("bn1.bias")));
    assert_contains(&missing, "tensor bn1.bias is missing, the architecture expects F32 [2]");
    let shape = refusal(|checkpoint| {
        let values = TensorData::from_values(&[2], vec![0.0; 2]);
        checkpoint.tensors.insert("fc.bias".into(), values);
    });
    assert_contains(&shape, "tensor fc.bias is F32 [2], the architecture expects F32 [64]");
    let stages = refusal(|checkpoint| {
        checkpoint.spec = NetworkSpec::Generator(spec("none", 3, &[], 1));
    });
    assert_contains(&stages, "0 stages, expected 1 to 8");
}
