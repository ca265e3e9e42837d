//! A network's layers computed from their definitions, in `f64`: BatchNorm as it is, nothing folded.

use std::thread;

use crate::network::{BatchNorm, Convolution, Linear, Network, Operation};

/// What leaves a network.
#[derive(Clone, Debug, PartialEq)]
pub struct Values {
    /// The output's name.
    pub name: &'static str,
    /// Shape of one sample.
    pub shape: Vec<usize>,
    /// The samples one after the other, each row-major.
    pub values: Vec<f64>,
}

/// A value on its way through the layers: shape and elements of one sample.
type Sample = (Vec<usize>, Vec<f64>);

/// The outputs for `count` inputs, which follow each other in `inputs`.
pub(super) fn run(network: &Network, inputs: &[f32], count: usize) -> Vec<Values> {
    let samples: Vec<_> = inputs.chunks(network.input.iter().product::<usize>().max(1)).take(count).collect();
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let parts = samples.chunks(samples.len().div_ceil(threads).max(1));
    let outputs = thread::scope(|scope| {
        let work = |part: &[&[f32]]| part.iter().map(|input| run_one(network, input)).collect::<Vec<_>>();
        let running: Vec<_> = parts.map(|part| scope.spawn(move || work(part))).collect();
        let join = |thread: thread::ScopedJoinHandle<Vec<_>>| thread.join().expect("a sample was computed");
        running.into_iter().flat_map(join).collect::<Vec<_>>()
    });
    let names = network.layers.iter().filter_map(|layer| layer.output);
    let collect = |(index, name): (usize, &'static str)| Values {
        name,
        shape: outputs.first().map_or(Vec::new(), |sample: &Vec<Sample>| sample[index].0.clone()),
        values: outputs.iter().flat_map(|sample| sample[index].1.iter().copied()).collect(),
    };
    names.enumerate().map(collect).collect()
}

/// The values of one sample that leave the network.
fn run_one(network: &Network, input: &[f32]) -> Vec<Sample> {
    let mut outputs = Vec::new();
    let mut value = (network.input.clone(), input.iter().map(|value| f64::from(*value)).collect());
    for layer in &network.layers {
        value = apply(&layer.operation, value);
        if layer.output.is_some() {
            outputs.push(value.clone());
        }
    }
    outputs
}

fn apply(operation: &Operation, (shape, values): Sample) -> Sample {
    let each = |values: Vec<f64>, f: &dyn Fn(f64) -> f64| values.into_iter().map(f).collect::<Vec<_>>();
    match operation {
        Operation::Linear(layer) => (vec![layer.bias.len()], linear(layer, &values)),
        Operation::Reshape(target) => (target.clone(), values),
        Operation::ConvTranspose(layer) => conv_transpose(layer, &shape, &values),
        Operation::Conv(layer) => conv(layer, &shape, &values),
        Operation::BatchNorm(layer) => (shape, batch_norm(layer, values)),
        // NaN has to stay NaN, so that it is noticed.
        Operation::Relu => (shape, each(values, &|x| if x < 0.0 { 0.0 } else { x })),
        Operation::LeakyRelu(slope) => {
            let slope = f64::from(*slope);
            (shape, each(values, &|x| if x < 0.0 { slope * x } else { x }))
        }
        Operation::Tanh => (shape, each(values, &f64::tanh)),
        Operation::Sigmoid => (shape, each(values, &|x| 1.0 / (1.0 + (-x).exp()))),
    }
}

fn linear(layer: &Linear, x: &[f64]) -> Vec<f64> {
    let row = |weights: ndarray::ArrayView1<f32>| weights.iter().zip(x).map(|(w, x)| f64::from(*w) * x).sum();
    let sums = layer.weight.outer_iter().map(row);
    sums.zip(&layer.bias).map(|(sum, bias): (f64, &f32)| sum + f64::from(*bias)).collect()
}

fn batch_norm(layer: &BatchNorm, mut x: Vec<f64>) -> Vec<f64> {
    let area = (x.len() / layer.weight.len().max(1)).max(1);
    for (channel, map) in x.chunks_mut(area).enumerate() {
        let part = |values: &[f32]| f64::from(values[channel]);
        let deviation = (part(&layer.variance) + f64::from(layer.eps)).sqrt();
        let normal = |x: f64| (x - part(&layer.mean)) / deviation * part(&layer.weight) + part(&layer.bias);
        map.iter_mut().for_each(|x| *x = normal(*x));
    }
    x
}

/// Each input pixel adds its multiple of the kernel to the output.
fn conv_transpose(layer: &Convolution, shape: &[usize], x: &[f64]) -> Sample {
    let (inputs, outputs, kernel, _) = layer.weight.dim();
    let (height, width, taps) = (shape[1], shape[2], kernel * kernel);
    let side = |size: usize| (size - 1) * layer.stride + kernel - 2 * layer.padding;
    let (rows, columns) = (side(height), side(width));
    let weight: Vec<f32> = layer.weight.iter().copied().collect(); // [in, out * k * k]
    // [out * k * k, H * W]
    let spread = products(outputs * taps, inputs, x, |row, c| weight[c * outputs * taps + row]);
    let mut y = vec![0.0; outputs * rows * columns];
    for (row, values) in spread.chunks(height * width).enumerate() {
        let (map, tap) = (&mut y[row / taps * rows * columns..][..rows * columns], row % taps);
        for (pixel, value) in values.iter().enumerate() {
            let down = pixel / width * layer.stride + tap / kernel;
            let across = pixel % width * layer.stride + tap % kernel;
            let (down, across) = (down.wrapping_sub(layer.padding), across.wrapping_sub(layer.padding));
            if down < rows && across < columns {
                map[down * columns + across] += value;
            }
        }
    }
    add_bias(&mut y, layer.bias.as_deref(), rows * columns);
    (vec![outputs, rows, columns], y)
}

/// Each output pixel is the kernel over a patch of the input.
fn conv(layer: &Convolution, shape: &[usize], x: &[f64]) -> Sample {
    let (outputs, inputs, kernel, _) = layer.weight.dim();
    let (height, width, taps) = (shape[1], shape[2], kernel * kernel);
    let side = |size: usize| (size + 2 * layer.padding - kernel) / layer.stride + 1;
    let (rows, columns) = (side(height), side(width));
    let mut patches = Vec::with_capacity(inputs * taps * rows * columns); // [in * k * k, H' * W']
    for (c, tap) in (0..inputs).flat_map(|c| (0..taps).map(move |tap| (c, tap))) {
        patches.extend((0..rows * columns).map(|pixel| {
            let down = (pixel / columns * layer.stride + tap / kernel).wrapping_sub(layer.padding);
            let across = (pixel % columns * layer.stride + tap % kernel).wrapping_sub(layer.padding);
            if down < height && across < width { x[(c * height + down) * width + across] } else { 0.0 }
        }));
    }
    let weight: Vec<f32> = layer.weight.iter().copied().collect(); // [out, in * k * k]
    let depth = inputs * taps;
    let mut y = products(outputs, depth, &patches, |row, d| weight[row * depth + d]);
    add_bias(&mut y, layer.bias.as_deref(), rows * columns);
    (vec![outputs, rows, columns], y)
}

fn add_bias(y: &mut [f64], bias: Option<&[f32]>, area: usize) {
    for (map, bias) in y.chunks_mut(area).zip(bias.into_iter().flatten()) {
        map.iter_mut().for_each(|y| *y += f64::from(*bias));
    }
}

/// `[rows, depth]`, given by its elements, times `x [depth, width]`.
fn products(rows: usize, depth: usize, x: &[f64], weight: impl Fn(usize, usize) -> f32) -> Vec<f64> {
    const BLOCK: usize = 4;
    let width = x.len() / depth;
    let mut y = vec![0.0; rows * width];
    for (block, y) in y.chunks_mut(BLOCK * width).enumerate() {
        let height = y.len() / width;
        let element = |d: usize, i: usize| if i < height { weight(block * BLOCK + i, d) } else { 0.0 };
        let strip = (0..depth).map(|d| [0, 1, 2, 3].map(|i| f64::from(element(d, i))));
        let strip: Vec<[f64; BLOCK]> = strip.collect();
        for column in (0..width).step_by(BLOCK) {
            let sums = if column + BLOCK <= width {
                let lines = x.chunks_exact(width).map(|line| line[column..].first_chunk().copied());
                sums(&strip, lines.map(Option::unwrap_or_default))
            } else {
                let element = |line: &[f64], j: usize| line.get(column + j).copied().unwrap_or_default();
                sums(&strip, x.chunks_exact(width).map(|line| [0, 1, 2, 3].map(|j| element(line, j))))
            };
            for (line, sums) in y.chunks_mut(width).zip(sums) {
                line[column..].iter_mut().zip(sums).for_each(|(y, sum)| *y = sum);
            }
        }
    }
    y
}

/// The sums over the depth of all products of four and four numbers: as many as the registers hold.
fn sums(strip: &[[f64; 4]], lines: impl Iterator<Item = [f64; 4]>) -> [[f64; 4]; 4] {
    let mut sums = [[0.0; 4]; 4];
    for (weights, line) in strip.iter().zip(lines) {
        for (sums, weight) in sums.iter_mut().zip(weights) {
            sums.iter_mut().zip(line).for_each(|(sum, x)| *sum += weight * x);
        }
    }
    sums
}
