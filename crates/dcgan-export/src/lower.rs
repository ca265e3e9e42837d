//! Convolutions between a 1x1 map and a larger one as what they are, matrix products.
//!
//! The arithmetic is the same, but every runtime has a fast and tested Gemm, while a transposed convolution of
//! stride 1 without padding is off the beaten track of many.

use ndarray::Array2;

use crate::network::{Convolution, Layer, Linear, Network, Operation};

/// The same network with a Linear layer in the place of each convolution that takes, or makes, a map of 1x1.
pub(crate) fn lower(network: Network) -> Network {
    let mut layers: Vec<Layer> = Vec::with_capacity(network.layers.len());
    for layer in network.layers {
        let before = layers.pop();
        layers.extend(match before {
            Some(before) => lower_pair(before, layer),
            None => vec![layer],
        });
    }
    Network { layers, ..network }
}

/// Two layers in sequence, as two others where that is simpler.
fn lower_pair(before: Layer, layer: Layer) -> Vec<Layer> {
    match (&before.operation, &layer.operation) {
        (Operation::Reshape(from), Operation::ConvTranspose(conv)) if is_pixel(from) && conv.padding == 0 => {
            let (_, outputs, height, width) = conv.weight.dim();
            let shape = Operation::Reshape(vec![outputs, height, width]);
            let linear = Operation::Linear(spread(conv));
            vec![
                Layer { name: layer.name, output: None, operation: linear },
                Layer { name: before.name, output: layer.output, operation: shape },
            ]
        }
        (Operation::Conv(conv), Operation::Reshape(to))
            if to[..] == [conv.weight.dim().0] && conv.padding == 0 =>
        {
            let shape = Operation::Reshape(vec![conv.weight.len() / conv.weight.dim().0]);
            let linear = Operation::Linear(gather(conv));
            vec![
                Layer { name: layer.name, output: None, operation: shape },
                Layer { name: before.name, output: layer.output, operation: linear },
            ]
        }
        _ => vec![before, layer],
    }
}

/// `[C, 1, 1]`.
fn is_pixel(shape: &[usize]) -> bool {
    matches!(shape, [_, 1, 1])
}

/// `[in, out, k, k]`, of which a single input pixel reaches every part, to `[out * k * k, in]`.
fn spread(conv: &Convolution) -> Linear {
    let (inputs, outputs, height, width) = conv.weight.dim();
    let weight = conv.weight.to_shape((inputs, outputs * height * width)).expect("as many elements");
    let bias = conv.bias.clone().unwrap_or_else(|| vec![0.0; outputs]);
    let bias = bias.into_iter().flat_map(|bias| std::iter::repeat_n(bias, height * width)).collect();
    Linear { weight: weight.t().as_standard_layout().into_owned(), bias }
}

/// `[out, in, k, k]`, which covers the whole of a k x k map, to `[out, in * k * k]`.
fn gather(conv: &Convolution) -> Linear {
    let outputs = conv.weight.dim().0;
    let weight: Array2<f32> =
        conv.weight.to_shape((outputs, conv.weight.len() / outputs)).expect("as many elements").into_owned();
    let bias = conv.bias.clone().unwrap_or_else(|| vec![0.0; outputs]);
    Linear { weight, bias }
}
