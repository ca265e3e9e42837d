//! Runs a decoded ONNX model by the definitions of its operators, slowly and in f64.

use std::collections::HashMap;

use dcgan_export::ModelProto;
use dcgan_export::onnx::{NodeProto, TensorProto};

/// Values in row-major order.
#[derive(Clone, Debug)]
pub struct Array {
    pub shape: Vec<usize>,
    pub values: Vec<f64>,
}

/// The model's only output for its only input.
pub fn run(model: &ModelProto, input: Array) -> Array {
    let graph = model.graph.as_ref().unwrap();
    let constants = graph.initializer.iter().map(|tensor| (tensor.name().to_owned(), constant(tensor)));
    let mut values: HashMap<String, Array> = constants.collect();
    values.insert(graph.input[0].name().to_owned(), input);
    for node in &graph.node {
        let inputs: Vec<_> = node.input.iter().map(|name| &values[name]).collect();
        let output = match (node.op_type(), inputs.as_slice()) {
            ("Gemm", [x, weight, bias]) => gemm(node, x, weight, bias),
            ("Reshape", [x, target]) => reshape(x, target),
            ("ConvTranspose", [x, weight]) => conv_transpose(node, x, weight, None),
            ("ConvTranspose", [x, weight, bias]) => conv_transpose(node, x, weight, Some(bias)),
            ("Relu", [x]) => map(x, |x| x.max(0.0)),
            ("Tanh", [x]) => map(x, f64::tanh),
            (operator, inputs) => panic!("{operator} of {} inputs", inputs.len()),
        };
        values.insert(node.output[0].clone(), output);
    }
    values.remove(graph.output[0].name()).unwrap()
}

/// ONNX's numbers for the element types: 1 is float, 7 is int64.
fn constant(tensor: &TensorProto) -> Array {
    let bytes = tensor.raw_data();
    let values = match tensor.data_type() {
        1 => bytes.chunks(4).map(|b| f64::from(f32::from_le_bytes(b.try_into().unwrap()))).collect(),
        7 => bytes.chunks(8).map(|b| i64::from_le_bytes(b.try_into().unwrap()) as f64).collect(),
        other => panic!("element type {other}"),
    };
    Array { shape: tensor.dims.iter().map(|dim| *dim as usize).collect(), values }
}

fn map(x: &Array, f: impl Fn(f64) -> f64) -> Array {
    Array { shape: x.shape.clone(), values: x.values.iter().map(|x| f(*x)).collect() }
}

fn gemm(node: &NodeProto, x: &Array, weight: &Array, bias: &Array) -> Array {
    assert_eq!(int(node, "transB"), 1);
    let (inputs, outputs) = (weight.shape[1], weight.shape[0]);
    assert_eq!(x.shape[1], inputs);
    let element = |n: usize, o: usize| {
        let products = (0..inputs).map(|i| x.values[n * inputs + i] * weight.values[o * inputs + i]);
        products.sum::<f64>() + bias.values[o]
    };
    let values = (0..x.shape[0]).flat_map(|n| (0..outputs).map(move |o| (n, o)));
    Array { shape: vec![x.shape[0], outputs], values: values.map(|(n, o)| element(n, o)).collect() }
}

fn reshape(x: &Array, target: &Array) -> Array {
    let known: f64 = target.values.iter().filter(|dim| **dim >= 0.0).product();
    let rest = x.values.len() / known as usize;
    let dim = |dim: &f64| if *dim < 0.0 { rest } else { *dim as usize };
    let shape: Vec<_> = target.values.iter().map(dim).collect();
    assert_eq!(shape.iter().product::<usize>(), x.values.len());
    Array { shape, values: x.values.clone() }
}

/// By output pixel: the sum over all kernel positions that an input pixel reaches it from.
fn conv_transpose(node: &NodeProto, x: &Array, weight: &Array, bias: Option<&Array>) -> Array {
    assert_eq!(int(node, "group"), 1);
    let (strides, pads) = (ints(node, "strides"), ints(node, "pads"));
    let (dilations, kernel) = (ints(node, "dilations"), ints(node, "kernel_shape"));
    let (batch, inputs, outputs) = (x.shape[0], x.shape[1], weight.shape[1]);
    let side = |axis: usize| {
        let (size, span) = (x.shape[2 + axis] as i64, dilations[axis] * (kernel[axis] - 1) + 1);
        (size - 1) * strides[axis] + span - pads[axis] - pads[axis + 2]
    };
    // The input row or column that kernel position `k` carries to output position `at`.
    let source = |axis: usize, at: i64, k: i64| {
        let offset = at + pads[axis] - k * dilations[axis];
        let from = offset / strides[axis];
        let reaches = offset >= 0 && offset % strides[axis] == 0 && from < x.shape[2 + axis] as i64;
        reaches.then_some(from as usize)
    };
    let pixel = |n: usize, o: usize, row: i64, column: i64| {
        let mut sum = bias.map_or(0.0, |bias| bias.values[o]);
        for (i, k) in (0..kernel[0]).filter_map(|k| Some((source(0, row, k)?, k as usize))) {
            for (j, l) in (0..kernel[1]).filter_map(|l| Some((source(1, column, l)?, l as usize))) {
                sum += (0..inputs)
                    .map(|c| {
                        let value = x.values[((n * inputs + c) * x.shape[2] + i) * x.shape[3] + j];
                        let at = ((c * outputs + o) * weight.shape[2] + k) * weight.shape[3] + l;
                        value * weight.values[at]
                    })
                    .sum::<f64>();
            }
        }
        sum
    };
    let (height, width) = (side(0), side(1));
    let mut values = Vec::new();
    for (n, o) in (0..batch).flat_map(|n| (0..outputs).map(move |o| (n, o))) {
        for row in 0..height {
            values.extend((0..width).map(|column| pixel(n, o, row, column)));
        }
    }
    Array { shape: vec![batch, outputs, height as usize, width as usize], values }
}

fn int(node: &NodeProto, name: &str) -> i64 {
    node.attribute.iter().find(|attribute| attribute.name() == name).unwrap().i.unwrap()
}

fn ints(node: &NodeProto, name: &str) -> Vec<i64> {
    node.attribute.iter().find(|attribute| attribute.name() == name).unwrap().ints.clone()
}
