//! Every combination of the options, run by the interpreter, against PyTorch's layers written out from their
//! definitions; what each file says of itself; and what no file can have.

mod common;
mod reference;

use std::collections::BTreeSet;

use common::{decoded, discriminator, generator, spec};
use dcgan_core::rng::Rng;
use dcgan_core::{Checkpoint, GeneratorSpec, TensorData, pixels};
use dcgan_export::config::{BATCHES, Batch, Layout, OPSETS, OutputFormat, Precision};
use dcgan_export::interpreter::{self, Array, Element, Limits};
use dcgan_export::{ExportConfig, ModelProto, check, export};
use dcgan_onnx::tensor_proto::DataType;
use dcgan_onnx::{Message, TensorShapeProto, ValueInfoProto, tensor_shape_proto::dimension, type_proto};
use reference::reference;

/// Images that are computed, and the size of the fixed batches.
const COUNT: usize = 3;
/// 11 bits of mantissa, through five layers.
const F16_TOLERANCE: f64 = 0.01;

fn network() -> GeneratorSpec {
    spec("tiny", 5, &[8, 6, 4], 3)
}

/// The only output for the only input.
fn run(model: &ModelProto, shape: &[usize], values: &[f32]) -> Array {
    let input = Array::floats(shape, values.to_vec());
    interpreter::run(model, &[input], Limits::default()).unwrap().remove(0)
}

/// Every combination of the options.
fn configs() -> Vec<ExportConfig> {
    let mut configs = vec![ExportConfig::default()];
    let mut vary = |choices: &[&dyn Fn(&mut ExportConfig)]| {
        let varied = configs.iter().flat_map(|config| {
            choices.iter().map(|choose| {
                let mut config = config.clone();
                choose(&mut config);
                config
            })
        });
        configs = varied.collect();
    };
    vary(&[&|c| c.fold_batchnorm = true, &|c| c.fold_batchnorm = false]);
    vary(&[&|c| c.batch = Batch::Dynamic, &|c| c.batch = Batch::Fixed(COUNT)]);
    vary(&[&|c| c.precision = Precision::F32, &|c| c.precision = Precision::F16]);
    vary(&[&|c| c.output_format = OutputFormat::F32, &|c| c.output_format = OutputFormat::Uint8]);
    vary(&[&|c| c.layout = Layout::Nchw, &|c| c.layout = Layout::Nhwc]);
    configs
}

/// The type that an input or output is declared with: element, batch and the other dimensions.
fn declared(value: &ValueInfoProto) -> (DataType, dimension::Value, Vec<usize>) {
    let Some(type_proto::Value::TensorType(tensor)) = value.r#type.as_ref().and_then(|t| t.value.as_ref())
    else {
        panic!("{value:?} is a tensor")
    };
    let Some(TensorShapeProto { dim }) = &tensor.shape else { panic!("{value:?} has a shape") };
    let dims = dim.iter().map(|dim| dim.value.clone().unwrap());
    let size = |dim| match dim {
        dimension::Value::DimValue(size) => size as usize,
        dimension::Value::DimParam(name) => panic!("{name} is no batch"),
    };
    let mut dims = dims.collect::<Vec<_>>().into_iter();
    let batch = dims.next().unwrap();
    (DataType::try_from(tensor.elem_type()).unwrap(), batch, dims.map(size).collect())
}

fn assert_declares(model: &ModelProto, config: &ExportConfig) {
    let graph = model.graph.as_ref().unwrap();
    let batch = match config.batch {
        Batch::Dynamic => dimension::Value::DimParam("N".to_owned()),
        Batch::Fixed(size) => dimension::Value::DimValue(size as i64),
    };
    let (element, range) = match config.output_format {
        OutputFormat::F32 => (DataType::Float, "-1,1"),
        OutputFormat::Uint8 => (DataType::Uint8, "0,255"),
    };
    let shape = match config.layout {
        Layout::Nchw => vec![3, 32, 32],
        Layout::Nhwc => vec![32, 32, 3],
    };
    assert_eq!(declared(&graph.input[0]), (DataType::Float, batch.clone(), vec![5]));
    assert_eq!(declared(&graph.output[0]), (element, batch, shape));
    let said = model.metadata_props.iter().find(|entry| entry.key() == "dcgan.value_range").unwrap();
    assert_eq!(said.value(), range);
}

/// The images of the network in the config's layout.
fn expected(checkpoint: &Checkpoint, z: &[f32], layout: Layout) -> Vec<f64> {
    let z: Vec<_> = z.iter().copied().map(f64::from).collect();
    let images = z.chunks(network().latent).map(|z| reference(&network(), checkpoint, z));
    let order = |image: Vec<f64>| match layout {
        Layout::Nchw => image,
        Layout::Nhwc => {
            let area = image.len() / 3;
            (0..image.len()).map(|index| image[index % 3 * area + index / 3]).collect()
        }
    };
    images.flat_map(order).collect()
}

#[test]
fn every_combination_computes_the_network_and_says_what_it_gives() {
    let checkpoint = generator(&network(), 11);
    let mut rng = Rng::new(12);
    let z: Vec<f32> = (0..COUNT * network().latent).map(|_| rng.normal() as f32).collect();
    for config in configs() {
        let model = decoded(&export(&checkpoint, &config).unwrap());
        assert_declares(&model, &config);
        let images = run(&model, &[COUNT, network().latent], &z);
        assert_eq!(images.shape[1..], declared(&model.graph.as_ref().unwrap().output[0]).2);
        // The level of a byte is off by half at most.
        let (unit, half) = match config.output_format {
            OutputFormat::F32 => (1.0, 0.0),
            OutputFormat::Uint8 => (127.5, 0.5),
        };
        let level = |value: f64| if unit == 1.0 { value } else { (value + 1.0) * unit };
        let expected = expected(&checkpoint, &z, config.layout).into_iter().map(level);
        let pairs = images.values.iter().zip(expected);
        let errors = pairs.map(|(found, expected)| (f64::from(*found) - expected).abs());
        let worst = errors.fold(0.0, f64::max);
        let tolerance = if config.precision == Precision::F32 { 1e-5 } else { F16_TOLERANCE };
        assert!(worst < half + tolerance * unit, "{config:?}: the largest difference is {worst}");
    }
}

/// Opsets differ in nothing but their number: what is written means the same in all of them.
#[test]
fn every_opset_has_the_same_graph_and_the_version_of_the_format_that_came_with_it() {
    let checkpoint = generator(&network(), 11);
    for config in configs() {
        let graph = export(&checkpoint, &config).unwrap().graph;
        for (opset, ir_version) in (9..).zip([4, 5, 6, 7, 8, 8, 8, 8, 8, 8]) {
            assert!(OPSETS.contains(&opset));
            let model = export(&checkpoint, &ExportConfig { opset, ..config.clone() }).unwrap();
            assert_eq!((model.opset_import[0].version(), model.ir_version()), (opset, ir_version));
            assert_eq!(model.graph, graph);
        }
    }
}

/// The scaling of a file with bytes alone: its graph from behind tanh on.
fn scaling(precision: Precision) -> ModelProto {
    let config = ExportConfig { output_format: OutputFormat::Uint8, precision, ..ExportConfig::default() };
    let mut model = decoded(&export(&generator(&network(), 1), &config).unwrap());
    let graph = model.graph.as_mut().unwrap();
    let tanh = graph.node.iter().position(|node| node.op_type() == "Tanh").unwrap();
    let cast = usize::from(precision == Precision::F16);
    graph.input[0].name = Some(graph.node[tanh + cast].output[0].clone());
    graph.node.drain(..=tanh + cast);
    model
}

/// Half to even, half up by adding 0.5, and a scaling that rounds once differ from [`pixels::to_u8`] in some of these.
#[test]
fn bytes_are_those_of_the_pictures_for_each_value_about_each_rounding() {
    let near = |middle: f32| {
        let bits = middle.to_bits();
        (bits.saturating_sub(300)..bits + 300).map(f32::from_bits)
    };
    let boundaries = (0..=255u16).map(|byte| f32::from(byte) / 127.5 - 1.0 + 0.5 / 127.5);
    let mut values: Vec<f32> = boundaries.chain([-1.0, 1.0]).flat_map(near).collect();
    // 65793 / 2^24 * 127.5 is the largest f32 below 0.5.
    values.extend([0.0, -0.0, 65_793.0 / 16_777_216.0 - 1.0]);
    values.retain(|value| value.abs() <= 1.0);
    let count = values.len();
    for precision in [Precision::F32, Precision::F16] {
        let bytes = run(&scaling(precision), &[1, 1, 1, count], &values);
        assert_eq!(bytes.element, Element::U8);
        for (value, byte) in values.iter().zip(bytes.values) {
            assert_eq!(byte, f32::from(pixels::to_u8(*value)), "{value:?}");
        }
    }
}

/// Tanh of a runtime may go a little beyond 1, and bytes must not wrap around there.
#[test]
fn bytes_do_not_wrap_around() {
    let values = [-1.000_001, -1.003, 1.000_001, 1.003];
    let bytes = run(&scaling(Precision::F32), &[1, 1, 1, 4], &values);
    assert_eq!(bytes.values, [0.0, 0.0, 255.0, 255.0]);
}

#[test]
fn batch_norm_keeps_the_checkpoints_tensors() {
    let checkpoint = generator(&network(), 11);
    let config = ExportConfig { fold_batchnorm: false, ..ExportConfig::default() };
    let graph = decoded(&export(&checkpoint, &config).unwrap()).graph.unwrap();
    let node = graph.node.iter().find(|node| node.name() == "bn2").unwrap();
    let epsilon = node.attribute.iter().find(|attribute| attribute.name() == "epsilon").unwrap();
    assert_eq!((node.op_type(), epsilon.f()), ("BatchNormalization", 1e-5));
    for part in &node.input[1..] {
        let tensor = graph.initializer.iter().find(|tensor| tensor.name() == part).unwrap();
        let bytes: Vec<u8> = checkpoint.f32(part).iter().flat_map(|value| value.to_le_bytes()).collect();
        assert_eq!(tensor.raw_data(), bytes, "{part}");
    }
    assert_eq!(node.input[1..], ["bn2.weight", "bn2.bias", "bn2.running_mean", "bn2.running_var"]);
}

#[test]
fn the_same_options_give_the_same_bytes_and_others_give_others() {
    let bytes = |config: &ExportConfig| export(&generator(&network(), 11), config).unwrap().encode_to_vec();
    let files: BTreeSet<_> = configs().iter().map(bytes).collect();
    assert_eq!(files.len(), 32);
    assert!(configs().iter().map(bytes).all(|again| files.contains(&again)));
}

#[test]
fn a_weight_that_f16_cannot_hold_is_named() {
    let message = |value: f32, fold_batchnorm| {
        let mut checkpoint = generator(&network(), 11);
        let mut weight = checkpoint.f32("bn1.bias").clone();
        weight[1] = value;
        checkpoint.tensors.insert("bn1.bias".to_owned(), TensorData::F32(weight));
        let config = ExportConfig { precision: Precision::F16, fold_batchnorm, ..ExportConfig::default() };
        export(&checkpoint, &config).map_err(|error| error.to_string()).err()
    };
    let too_large = |initializer, value| {
        Some(format!(
            "initialiser {initializer} would have {value} at position 1, beyond 65504, the largest number of f16: \
             export it with --precision f32"
        ))
    };
    // 65519 rounds to 65504, 65520 to infinity.
    assert_eq!([message(65_519.0, false), message(-65_519.0, false)], [None, None]);
    assert_eq!(message(65_520.0, false), too_large("bn1.bias", 65_520.0));
    assert_eq!(message(-1e6, false), too_large("bn1.bias", -1e6));
    let folded = message(1e6, true).unwrap();
    assert!(
        folded.starts_with("initialiser tconv1.bias would have ") && folded.contains("--precision f32"),
        "{folded}"
    );
}

#[test]
fn a_variance_is_checked_where_it_is_not_folded_too() {
    let mut checkpoint = generator(&network(), 11);
    let variance = TensorData::from_values(&[6], vec![1.0, 1.0, 1.0, -1e-6, 1.0, 1.0]);
    checkpoint.tensors.insert("bn1.running_var".to_owned(), variance);
    let config = ExportConfig { fold_batchnorm: false, ..ExportConfig::default() };
    let error = export(&checkpoint, &config).unwrap_err().to_string();
    assert!(error.contains("bn1.running_var has the variance -0.000001 in channel 3"), "{error}");
}

#[test]
fn what_no_file_can_have_is_refused_with_what_there_is_to_choose() {
    let checkpoint = generator(&network(), 11);
    let message = |config| export(&checkpoint, &config).unwrap_err().to_string();
    let opset = |opset| message(ExportConfig { opset, ..Default::default() });
    let batch = |size| message(ExportConfig { batch: Batch::Fixed(size), ..Default::default() });
    let range = "is not one of 9 to 18, which all runtimes share: choose one of them, 13 if in doubt";
    assert_eq!([opset(8), opset(19)], [format!("--opset: 8 {range}"), format!("--opset: 19 {range}")]);
    let range = "is not a number from 1 to 65536: choose one, or dynamic for batches of any size";
    assert_eq!([batch(0), batch(65_537)], [format!("--batch: 0 {range}"), format!("--batch: 65537 {range}")]);
    assert!(
        export(&checkpoint, &ExportConfig { batch: Batch::Fixed(*BATCHES.end()), ..Default::default() })
            .is_ok()
    );
}

#[test]
fn a_discriminator_takes_the_options_of_its_weights_and_refuses_those_of_an_image() {
    let config = ExportConfig {
        fold_batchnorm: false,
        batch: Batch::Fixed(2),
        precision: Precision::F16,
        ..ExportConfig::default()
    };
    let graph = export(&discriminator(), &config).unwrap().graph.unwrap();
    let outputs: Vec<_> = graph.output.iter().map(declared).collect();
    let logit = (DataType::Float, dimension::Value::DimValue(2), vec![1]);
    assert_eq!(outputs, [logit.clone(), logit]);
    let message = |config| export(&discriminator(), &config).unwrap_err().to_string();
    let bytes = message(ExportConfig { output_format: OutputFormat::Uint8, ..Default::default() });
    assert_eq!(bytes, "--output-format: a discriminator gives no image: leave it out");
    let layout = message(ExportConfig { layout: Layout::Nhwc, ..Default::default() });
    assert_eq!(layout, "--layout: a discriminator gives no image: leave it out");
}

/// A file whose metadata says another range than its bytes have would be drawn wrong.
#[test]
fn a_range_that_is_not_the_types_is_found() {
    for (output_format, wrong, message) in [
        (
            OutputFormat::Uint8,
            "-1,1",
            "dcgan.value_range is \"-1,1\", expected \"0,255\" for an output of UINT8",
        ),
        (
            OutputFormat::F32,
            "0,255",
            "dcgan.value_range is \"0,255\", expected \"-1,1\" for an output of FLOAT",
        ),
    ] {
        let config = ExportConfig { output_format, ..ExportConfig::default() };
        let mut model = export(&generator(&network(), 11), &config).unwrap();
        assert_eq!(check(&model), Ok(()));
        let entry = model.metadata_props.iter_mut().find(|entry| entry.key() == "dcgan.value_range");
        entry.unwrap().value = Some(wrong.to_owned());
        assert_eq!(check(&model).unwrap_err().to_string(), format!("metadata {message}"));
    }
}
