//! The CUDA kernels, compiled for the CPU, against the CPU's own and against definitions.
//!
//! What links a map of one size to one of another is checked on every layer of every architecture.

#![cfg(target_os = "linux")]

use dcgan_core::rng::Rng;
use dcgan_train::arch::{Arch, Architecture, ForArchitecture};
use dcgan_train::augment::{Augmentation, Policy};
use dcgan_train::cuda::augment::Changes;
use dcgan_train::cuda::conv::Direction;
use dcgan_train::cuda::launch::{self, Channels};
use dcgan_train::cuda::{Floats, KERNELS, Machine, Product, SOURCE};
use dcgan_train::kernels::activation::{self, Activation};
use dcgan_train::kernels::augment::{self, ImagesShape};
use dcgan_train::kernels::batch_norm::{self, Moments, Norm};
use dcgan_train::kernels::conv::{self, ConvShape, Kept, Method, Weight};
use dcgan_train::kernels::norm;
use dfdx::prelude::*;
use emulator::Emulated;

mod emulator;

const ACTIVATIONS: [Activation; 3] = [Activation::Relu, Activation::LeakyRelu, Activation::Tanh];

fn random(count: usize, seed: u64) -> Vec<f32> {
    let mut rng = Rng::new(seed);
    (0..count).map(|_| rng.normal() as f32).collect()
}

fn floats(values: &[f32]) -> Floats<Emulated> {
    let mut floats = Storage::<f32>::try_alloc_len(&Cpu::default(), values.len()).unwrap();
    floats.copy_from_slice(values);
    floats
}

/// Compares in terms of the largest expected value.
fn assert_close(found: &[f32], expected: &[f32], tolerance: f32, what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    let largest = expected.iter().fold(0.0f32, |most, value| most.max(value.abs()));
    let error = found.iter().zip(expected).fold(0.0f32, |most, (a, b)| most.max((a - b).abs()));
    assert!(largest > 0.0 && error <= tolerance * largest, "{what}: off by {error}, largest {largest}");
}

/// The convolutions of an architecture's discriminator, which are those of its generator from their other side.
fn shapes(arch: Arch, batch: usize) -> Vec<ConvShape> {
    struct Shapes(usize);
    impl ForArchitecture for Shapes {
        type Output = Vec<ConvShape>;
        fn run<A: Architecture>(self, _: &'static str) -> Self::Output {
            let narrow = A::WIDTHS.iter().rev().copied();
            let layers = [A::CHANNELS].into_iter().chain(narrow.clone()).zip(narrow).enumerate();
            let shape = |(layer, (channels, outputs))| ConvShape {
                channels,
                outputs,
                side: A::SIDE >> layer,
                batch: self.0,
            };
            layers.map(shape).collect()
        }
    }
    arch.run(Shapes(batch))
}

/// Both directions, forward and backward, of one convolution against the CPU's direct kernels.
fn convolutions_agree(shape: ConvShape) {
    let device = Cpu::default();
    let [large, small, weight] =
        [shape.large(), shape.small(), shape.weight()].map(|count| random(count, count as u64));
    let kept = Kept::default();
    let filter = Weight { values: &weight, kept: &kept };
    let to_small = conv::forward(shape, Method::Direct, &large, filter);
    let to_large = conv::input_gradient(shape, Method::Direct, &small, filter);
    // Not zeros: gradients are added.
    let mut of_weight = vec![1.0; weight.len()];
    conv::weight_gradient(shape, Method::Direct, &large, &small, &mut of_weight);

    let [large, small, weight] = [&large, &small, &weight].map(|values| floats(values));
    for (direction, input, gradient, forward, backward) in [
        (Direction::Down, &large, &small, &to_small, &to_large),
        (Direction::Up, &small, &large, &to_large, &to_small),
    ] {
        let what = format!("{direction:?}, {shape:?}");
        let found = direction.forward::<Emulated>(&device, shape, input, &weight).unwrap();
        assert_close(&found, forward, 3e-6, &format!("{what}, forward"));
        let found = direction.input_gradient::<Emulated>(&device, shape, gradient, &weight).unwrap();
        assert_close(&found, backward, 3e-6, &format!("{what}, input"));
        let mut sum = floats(&vec![1.0; shape.weight()]);
        direction.weight_gradient::<Emulated>(&device, shape, [input, gradient], &mut sum).unwrap();
        assert_close(&sum, &of_weight, 3e-6, &format!("{what}, weight"));
    }
}

#[test]
fn convolutions_of_every_architecture_are_the_cpus() {
    if !emulator::is_here() {
        return;
    }
    for arch in Arch::ALL {
        for batch in [1, 3] {
            shapes(*arch, batch).into_iter().for_each(convolutions_agree);
        }
    }
}

#[test]
fn convolutions_of_odd_sizes_are_the_cpus() {
    if !emulator::is_here() {
        return;
    }
    // The smallest side, sides that are no powers of two, more than one block of threads, batches of all kinds.
    for [channels, outputs, side, batch] in [[1, 1, 2, 1], [2, 3, 6, 5], [5, 3, 10, 17], [3, 2, 8, 130]] {
        convolutions_agree(ConvShape { channels, outputs, side, batch });
    }
}

#[test]
fn products_are_the_definition_whatever_is_transposed() {
    let device = Cpu::default();
    let [rows, columns, depth] = [3, 5, 4];
    let (a, b, c) = (random(rows * depth, 1), random(depth * columns, 2), random(rows * columns, 3));
    for [a_transposed, b_transposed, add] in (0..8).map(|bits| [1, 2, 4].map(|bit| bits & bit != 0)) {
        let product = Product { rows, columns, depth, a_transposed, b_transposed, add };
        let value = |row: usize, column: usize| {
            let at = |d: usize| {
                let a_at = if a_transposed { d * rows + row } else { row * depth + d };
                let b_at = if b_transposed { column * depth + d } else { d * columns + column };
                a[a_at] * b[b_at]
            };
            let old = if add { c[row * columns + column] } else { 0.0 };
            old + (0..depth).map(at).sum::<f32>()
        };
        let expected: Vec<f32> = (0..rows * columns).map(|at| value(at / columns, at % columns)).collect();
        let mut found = floats(&c);
        Emulated::multiply(&device, product, &floats(&a), &floats(&b), &mut found).unwrap();
        assert_close(&found, &expected, 1e-6, &format!("{product:?}"));
    }
}

/// Maps of `channels` rows, BatchNorm's parameters, and a gradient.
fn norm_inputs(channels: usize, row: usize) -> [Vec<f32>; 4] {
    let maps = random(channels * row, 1).into_iter().map(|x| 2.0 * x + 5.0).collect();
    [maps, random(channels, 2), random(channels, 3), random(channels * row, 4)]
}

#[test]
fn batch_norm_and_its_gradient_are_the_cpus() {
    if !emulator::is_here() {
        return;
    }
    let device = Cpu::default();
    // Fewer floats than threads, more than a thread carries on at once, and a row that ends in neither.
    for (channels, row) in [(3, 7), (5, 33), (2, 256), (3, 1500), (2, 40_003)] {
        for activation in ACTIVATIONS {
            let what = |part| format!("{activation:?}, rows of {row}, {part}");
            let [maps, scale, bias, direction] = norm_inputs(channels, row);
            let parameters = Norm { scale: &scale, bias: &bias };
            let (expected, moments) = batch_norm::train(&maps, parameters, activation);
            let [maps_at, scale_at, bias_at] = [&maps, &scale, &bias].map(|values| floats(values));
            let [found, mean, variance] =
                launch::norm_train::<Emulated>(&device, [&maps_at, &scale_at, &bias_at], activation).unwrap();
            assert_close(&found, &expected, 2e-6, &what("values"));
            assert_close(&mean, &moments.mean, 1e-6, &what("means"));
            assert_close(&variance, &moments.variance, 1e-6, &what("variances"));

            let channels =
                Channels::<Emulated> { scale: &scale_at, bias: &bias_at, mean: &mean, variance: &variance };
            let mut expected = direction.clone();
            let (for_scale, for_bias) =
                batch_norm::gradient(&maps, parameters, &moments, activation, &mut expected);
            let mut found = floats(&direction);
            // Not zeros: gradients are added.
            let [mut scale_sum, mut bias_sum] =
                [floats(&vec![1.0; scale.len()]), floats(&vec![1.0; bias.len()])];
            let sums = [&mut scale_sum, &mut bias_sum];
            launch::norm_gradient(&device, &maps_at, &channels, activation, &mut found, sums).unwrap();
            assert_close(&found, &expected, 2e-5, &what("gradient"));
            let more = |values: Vec<f32>| values.into_iter().map(|value| value + 1.0).collect::<Vec<_>>();
            assert_close(&scale_sum, &more(for_scale), 1e-5, &what("gradient of the scale"));
            assert_close(&bias_sum, &more(for_bias), 1e-5, &what("gradient of the bias"));
        }
    }
}

#[test]
fn batch_norm_with_given_statistics_is_the_cpus() {
    if !emulator::is_here() {
        return;
    }
    let [maps, scale, bias, _] = norm_inputs(5, 301);
    let (mean, variance) = (random(5, 5), vec![0.5, 1.0, 2.0, 1e-6, 30.0]);
    let [maps_at, scale_at, bias_at, mean_at, variance_at] =
        [&maps, &scale, &bias, &mean, &variance].map(|values| floats(values));
    let moments = Moments { mean, variance };
    let channels =
        Channels::<Emulated> { scale: &scale_at, bias: &bias_at, mean: &mean_at, variance: &variance_at };
    for activation in ACTIVATIONS {
        let expected = batch_norm::infer(&maps, Norm { scale: &scale, bias: &bias }, &moments, activation);
        let found = launch::norm_infer(&Cpu::default(), &maps_at, &channels, activation).unwrap();
        assert_close(&found, &expected, 2e-6, &format!("{activation:?}"));
    }
}

#[test]
fn activations_are_the_cpus_and_what_is_no_number_stays_so() {
    if !emulator::is_here() {
        return;
    }
    let device = Cpu::default();
    let mut inputs = random(1001, 1);
    inputs.extend([0.0, -0.0, 20.0, -20.0]);
    for activation in ACTIVATIONS {
        let mut expected = inputs.clone();
        activation::activate(&mut expected, activation);
        let mut found = floats(&inputs);
        launch::activate::<Emulated>(&device, activation, &mut found).unwrap();
        assert_close(&found, &expected, 3e-7, &format!("{activation:?}"));

        let direction = random(inputs.len(), 2);
        let mut gradient = floats(&direction);
        launch::activation_gradient::<Emulated>(&device, activation, &floats(&expected), &mut gradient)
            .unwrap();
        let values = expected;
        let mut expected = direction;
        activation::activation_gradient(&values, activation, &mut expected);
        assert_close(&gradient, &expected, 3e-7, &format!("{activation:?}"));

        let mut none = floats(&[f32::NAN; 3]);
        launch::activate::<Emulated>(&device, activation, &mut none).unwrap();
        assert!(none.iter().all(|value| value.is_nan()), "{activation:?}");
    }
}

#[test]
fn biases_and_sums_are_the_definition() {
    if !emulator::is_here() {
        return;
    }
    let device = Cpu::default();
    for (rows, row) in [(1, 1), (7, 3), (3, 300), (300, 5), (2, 1025)] {
        let (values, bias) = (random(rows * row, 1), random(rows, 2));
        let mut found = floats(&values);
        launch::add_bias::<Emulated>(&device, &mut found, &floats(&bias)).unwrap();
        let expected: Vec<f32> =
            values.iter().enumerate().map(|(at, value)| value + bias[at / row]).collect();
        assert_eq!(found[..], expected, "{rows} rows of {row}");

        let mut totals = floats(&bias);
        launch::add_row_sums::<Emulated>(&device, &floats(&values), &mut totals).unwrap();
        let sum = |row: &[f32]| row.iter().map(|value| f64::from(*value)).sum::<f64>();
        let expected: Vec<f32> =
            values.chunks(row).zip(&bias).map(|(row, old)| (sum(row) + f64::from(*old)) as f32).collect();
        assert_close(&totals, &expected, 3e-7, &format!("{rows} rows of {row}"));
    }
}

#[test]
fn squares_of_any_number_of_floats_are_summed() {
    if !emulator::is_here() {
        return;
    }
    for count in [1, 255, 257, 8192, 200_001] {
        let values = random(count, 1);
        let partial = launch::partial_squares::<Emulated>(&Cpu::default(), &floats(&values)).unwrap();
        let (found, expected) =
            (partial.iter().map(|sum| f64::from(*sum)).sum::<f64>(), norm::sum_of_squares(&values));
        assert!((found - expected).abs() <= 1e-7 * expected, "{count}: {found}, not {expected}");
    }
}

#[test]
fn changes_to_images_and_their_gradient_are_the_cpus() {
    if !emulator::is_here() {
        return;
    }
    let device = Cpu::default();
    for (channels, side, batch) in [(3, 16, 7), (1, 8, 1), (2, 24, 33)] {
        let shape = ImagesShape { channels, side, batch };
        for (color, translation, cutout) in
            [(true, true, true), (true, false, false), (false, true, false), (false, false, true)]
        {
            let policy = Policy { color, translation, cutout };
            let drawn = Augmentation::draw(policy, side, batch, &mut Rng::new(batch as u64));
            let changes = Changes::<Emulated>::new(&device, shape, &drawn).unwrap();
            let [images, gradient] = [1, 2].map(|seed| random(channels * side * side * batch, seed));
            let found = changes.forward(&device, &floats(&images)).unwrap();
            let expected = augment::forward(shape, &images, &drawn);
            assert_close(&found, &expected, 1e-6, &format!("{policy}, {shape:?}"));
            let found = changes.backward(&device, &floats(&gradient)).unwrap();
            let expected = augment::backward(shape, &gradient, &drawn);
            assert_close(&found, &expected, 1e-6, &format!("{policy}, {shape:?}, gradient"));
        }
    }
}

#[test]
fn every_kernel_of_the_source_is_named() {
    let defined: Vec<&str> =
        SOURCE.split("__global__ void ").skip(1).filter_map(|text| text.split('(').next()).collect();
    let mut sorted = defined.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, KERNELS);
}

#[test]
#[should_panic = "floats of a kernel's argument"]
fn memory_of_another_size_is_refused() {
    let shape = ConvShape { channels: 2, outputs: 3, side: 4, batch: 5 };
    let (large, mut patches) = (floats(&vec![0.0; shape.large()]), floats(&[0.0; 7]));
    launch::gather_patches::<Emulated>(&Cpu::default(), shape, &large, &mut patches).unwrap();
}

#[test]
#[should_panic = "floats of the matrices"]
fn matrices_of_another_size_are_refused() {
    let product =
        Product { rows: 2, columns: 3, depth: 4, a_transposed: false, b_transposed: false, add: false };
    product.column_major([8, 12, 7]);
}
