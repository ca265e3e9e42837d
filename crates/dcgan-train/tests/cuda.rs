//! The CUDA kernels, compiled for the CPU, against the CPU's own and against definitions.
//!
//! What links a map of one size to one of another is checked on every layer of every architecture.

#![cfg(target_os = "linux")]

use dcgan_core::rng::Rng;
use dcgan_core::spec::{BATCH_NORM_EPS, LEAKY_SLOPE};
use dcgan_kernels::activation::{self, Activation};
use dcgan_kernels::augment::{ImagesShape, backward, forward};
use dcgan_kernels::batch_norm::{self, Moments, Norm};
use dcgan_kernels::conv::{self, ConvShape, Method, Weight, WeightCache};
use dcgan_kernels::norm;
use dcgan_train::architecture;
use dcgan_train::backend::cpu::CpuBackend;
use dcgan_train::backend::cuda::augment::Changes;
use dcgan_train::backend::cuda::batch_norm::{self as cuda_norm, Channels};
use dcgan_train::backend::cuda::conv::Direction;
use dcgan_train::backend::cuda::gpu::{Kind, View, ViewMut};
use dcgan_train::backend::cuda::launch;
use dcgan_train::backend::cuda::memory::{Factor, Scratch};
use dcgan_train::backend::cuda::{CudaBackend, Floats, Gpu, KERNELS, Product, SOURCE};
use dcgan_train::backend::operations::{Backend, DeviceScalars, RecordedLoss, Target};
use dcgan_train::gan::augment::{self, Policy};
use dcgan_train::gan::loss::GeneratorLoss;
use dcgan_train::gan::{Gan, GanConfig};
use dcgan_train::networks::arch::{Arch, Architecture, ForArchitecture};
use dcgan_train::networks::batch::{images_from_bytes, random_latents};
use dfdx::prelude::*;
use emulator::{Emulated, Emulating};
use half::bf16;

mod emulator;

/// With factors in 16 bits.
type Halved = Emulating<true>;

const ACTIVATIONS: [Activation; 3] = [Activation::Relu, Activation::LeakyRelu(LEAKY_SLOPE), Activation::Tanh];

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

/// A convolution of `[large, small, weight]` by the CPU's direct kernels: large to small, small to large, and the weight's
/// gradient beside ones.
fn by_the_cpu(shape: ConvShape, [large, small, weight]: &[Vec<f32>; 3]) -> [Vec<f32>; 3] {
    let cache = WeightCache::default();
    let filter = Weight { values: weight, cache: &cache };
    let to_small = conv::forward(shape, Method::Direct, large, filter);
    let to_large = conv::input_gradient(shape, Method::Direct, small, filter);
    // Not zeros: gradients are added.
    let mut of_weight = vec![1.0; weight.len()];
    conv::weight_gradient(shape, Method::Direct, large, small, &mut of_weight);
    [to_small, to_large, of_weight]
}

/// Both directions, forward and backward, of one convolution against the CPU's direct kernels.
fn convolutions_agree(shape: ConvShape) {
    let device = Cpu::default();
    let operands = [shape.large(), shape.small(), shape.weight()].map(|count| random(count, count as u64));
    let [to_small, to_large, of_weight] = by_the_cpu(shape, &operands);
    let [large, small, weight] = operands.map(|values| floats(&values));
    let weight = View::of::<Emulated>(&device, &weight);
    for (direction, input, gradient, forward, backward) in [
        (Direction::Down, &large, &small, &to_small, &to_large),
        (Direction::Up, &small, &large, &to_large, &to_small),
    ] {
        let what = format!("{direction:?}, {shape:?}");
        let found = direction.forward::<Emulated>(&device, shape, input, weight).unwrap();
        assert_close(&found, forward, 3e-6, &format!("{what}, forward"));
        let found = direction.input_gradient::<Emulated>(&device, shape, gradient, weight).unwrap();
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
        let ([a, b], mut found) = ([&a, &b].map(|values| floats(values)), floats(&c));
        let [a, b] = [&a, &b].map(|factor| View::of::<Emulated>(&device, factor));
        let result = ViewMut::of::<Emulated>(&device, &mut found);
        Emulated::multiply(&device, product, a, b, result).unwrap();
        assert_close(&found, &expected, 1e-6, &format!("{product:?}"));
    }
}

/// Values that are numbers of 16 bits.
fn halves(count: usize, seed: u64) -> Vec<f32> {
    random(count, seed).into_iter().map(|value| bf16::from_f32(value).to_f32()).collect()
}

#[test]
fn numbers_are_rounded_to_16_bits_as_anywhere() {
    if !emulator::is_here() {
        return;
    }
    let mut values = random(1000, 1);
    // To the even one of two that are as near, to the next power of two, beyond the largest, below the smallest.
    let bits = [
        0x3f80_8000,
        0x3f81_8000,
        0x3fff_ffff,
        0x7f7f_ffff,
        0x0000_0001,
        0x8000_7fff,
        0x7f80_0001,
        0xffff_ffff,
    ];
    values.extend(bits.map(f32::from_bits));
    values.extend([0.0, -0.0, f32::INFINITY, f32::NEG_INFINITY, f32::NAN]);
    let device = Cpu::default();
    let mut rounded = Scratch::<Emulated>::new(&device, values.len(), Kind::Bf16).unwrap();
    let floats = floats(&values);
    launch::round::<Emulated>(&device, View::of::<Emulated>(&device, &floats), rounded.view_mut()).unwrap();
    let found = emulator::floats_of(rounded.view().address, values.len(), Kind::Bf16);
    for (found, value) in found.iter().zip(&values) {
        let expected = bf16::from_f32(*value).to_f32();
        assert!(found.to_bits() == expected.to_bits(), "{value}: {found}, not {expected}");
    }
}

/// Where factors and patches are such numbers already, nothing is lost; the products that are summed to the large map are
/// rounded, and lose up to 1 / 256.
#[test]
fn convolutions_in_16_bits_are_the_cpus() {
    if !emulator::is_here() {
        return;
    }
    let device = Cpu::default();
    for [channels, outputs, side, batch] in [[3, 8, 8, 5], [16, 5, 4, 33], [1, 1, 2, 1]] {
        let shape = ConvShape { channels, outputs, side, batch };
        let operands =
            [shape.large(), shape.small(), shape.weight()].map(|count| halves(count, count as u64));
        let [to_small, to_large, of_weight] = by_the_cpu(shape, &operands);
        let [large, small, weight] = operands.map(|values| floats(&values));
        let weight = Factor::<_, Halved>::new(&device, weight).unwrap();
        let weight = weight.view(&device);
        assert_eq!(weight.kind, Kind::Bf16);
        let found = Direction::Down.forward::<Halved>(&device, shape, &large, weight).unwrap();
        assert_close(&found, &to_small, 3e-6, &format!("{shape:?}, to small"));
        let found = Direction::Up.forward::<Halved>(&device, shape, &small, weight).unwrap();
        assert_close(&found, &to_large, 1.0 / 128.0, &format!("{shape:?}, to large"));
        let mut sum = floats(&vec![1.0; shape.weight()]);
        Direction::Down.weight_gradient::<Halved>(&device, shape, [&large, &small], &mut sum).unwrap();
        assert_close(&sum, &of_weight, 3e-6, &format!("{shape:?}, weight"));
    }
}

#[test]
fn images_of_bytes_are_the_cpus() {
    struct Check(usize);
    impl ForArchitecture for Check {
        type Output = ();
        fn run<A: Architecture>(self, name: &'static str) {
            let device = Cpu::default();
            let count = self.0 * A::CHANNELS * A::SIDE * A::SIDE;
            let bytes: Vec<u8> = (0..count).map(|at| (at * 7919 / 13) as u8).collect();
            let found = images_from_bytes::<A, CudaBackend<Emulated>>(&device, &bytes).unwrap();
            let expected = images_from_bytes::<A, CpuBackend>(&device, &bytes).unwrap();
            assert_eq!(found.as_vec(), expected.as_vec(), "{name}, {} images", self.0);
        }
    }
    if emulator::is_here() {
        Arch::ALL.iter().for_each(|arch| [1, 3].into_iter().for_each(|batch| arch.run(Check(batch))));
    }
}

/// Of any number of logits, also of some that are beyond where a sigmoid ends in `f32`.
#[test]
fn losses_of_logits_are_dfdxs() {
    if !emulator::is_here() {
        return;
    }
    let device = Cpu::default();
    for count in [1, 7, 300] {
        for target in [
            GeneratorLoss::NonSaturating.target(0.9),
            GeneratorLoss::Minimax.target(0.9),
            Target::towards(0.1),
        ] {
            let mut values: Vec<f32> = random(count, 1).into_iter().map(|x| 8.0 * x).collect();
            if count > 1 {
                values[count / 2] *= 100.0;
            }
            let logits = device.tensor_from_vec(values, (Const::<1>, count));
            let (found, expected) =
                (judged::<CudaBackend<Emulated>>(&logits, target), judged::<CpuBackend>(&logits, target));
            for (found, expected) in found.0.iter().zip(expected.0) {
                assert!(
                    (found - expected).abs() <= 1e-6 * expected.abs(),
                    "{target:?}: {found}, not {expected}"
                );
            }
            assert_close(&found.1, &expected.1, 1e-5, &format!("{target:?}, the gradient"));
        }
    }
}

/// Loss, as a number and as a tensor, and mean probability; the gradient of the logits.
fn judged<B: Backend<Device = Cpu>>(
    logits: &Tensor<(Const<1>, usize), f32, Cpu>,
    target: Target,
) -> ([f64; 3], Vec<f32>) {
    let mut scalars = B::DeviceScalars::default();
    let RecordedLoss { loss, value, probability } =
        scalars.cross_entropy(logits.leaky_trace(), target).unwrap();
    let tensor = f64::from(loss.as_vec()[0]);
    let gradient = loss.backward().get(logits).as_vec();
    let numbers = scalars.read(&Cpu::default()).unwrap();
    ([numbers.get(&value), tensor, numbers.get(&probability)], gradient)
}

/// Half as many digits, and the same training: other numbers, but near those of 32 bits.
#[test]
fn factors_in_16_bits_train_nearly_alike() {
    if !emulator::is_here() {
        return;
    }
    let [exact, rounded] = [losses::<CudaBackend<Emulated>>(), losses::<CudaBackend<Halved>>()];
    assert_ne!(exact, rounded);
    for (exact, rounded) in exact.iter().zip(&rounded) {
        assert!((exact - rounded).abs() <= 0.03 * exact.abs(), "{exact}, in 16 bits {rounded}");
    }
}

/// Those of both networks in six steps.
fn losses<B: Backend<Device = Cpu>>() -> Vec<f32> {
    architecture!(Tiny: 5 => 8 6 4 => 3);
    let (device, mut rng) = (Cpu::default(), Rng::new(9));
    let mut gan = Gan::<Tiny, B>::new(&device, GanConfig::default(), 4).unwrap();
    let mut step = || {
        let bytes: Vec<u8> = (0..16 * 3 * 32 * 32).map(|_| rng.bits() as u8).collect();
        let real = images_from_bytes::<Tiny, B>(&device, &bytes).unwrap();
        let latents = [(); 2].map(|()| random_latents::<Tiny, B>(&device, &mut rng, 16).unwrap());
        let stats = gan.step(real, latents).unwrap();
        [stats.loss_d, stats.loss_g]
    };
    (0..6).flat_map(|_| step()).collect()
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
            let parameters = Norm { scale: &scale, bias: &bias, eps: BATCH_NORM_EPS };
            let (expected, moments) = batch_norm::train(&maps, parameters, activation);
            let [maps_at, scale_at, bias_at] = [&maps, &scale, &bias].map(|values| floats(values));
            let [found, mean, variance, unbiased] =
                cuda_norm::norm_train::<Emulated>(&device, [&maps_at, &scale_at, &bias_at], activation)
                    .unwrap();
            assert_close(&found, &expected, 2e-6, &what("values"));
            assert_close(&mean, &moments.mean, 1e-6, &what("means"));
            assert_close(&variance, &moments.variance, 1e-6, &what("variances"));
            let factor = row as f32 / (row as f32 - 1.0);
            let expected_unbiased: Vec<f32> =
                moments.variance.iter().map(|variance| variance * factor).collect();
            assert_close(&unbiased, &expected_unbiased, 1e-6, &what("unbiased variances"));

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
            cuda_norm::norm_gradient(&device, &maps_at, &channels, activation, &mut found, sums).unwrap();
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
        let expected = batch_norm::infer(
            &maps,
            Norm { scale: &scale, bias: &bias, eps: BATCH_NORM_EPS },
            &moments,
            activation,
        );
        let found = cuda_norm::norm_infer(&Cpu::default(), &maps_at, &channels, activation).unwrap();
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
        let mut sums = floats(&[1.0; launch::PARTS + 2]);
        let device = Cpu::default();
        let place = ViewMut::of::<Emulated>(&device, &mut sums).part(1, launch::PARTS);
        launch::add_squares::<Emulated>(&device, &floats(&values), place).unwrap();
        assert_eq!([sums[0], sums[launch::PARTS + 1]], [1.0; 2], "its neighbours");
        let sum: f64 = sums[1..=launch::PARTS].iter().map(|sum| f64::from(*sum)).sum();
        let (found, expected) = (sum - launch::PARTS as f64, norm::sum_of_squares(&values));
        assert!((found - expected).abs() <= 3e-7 * (expected + 256.0), "{count}: {found}, not {expected}");
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
            let drawn = augment::draw(policy, side, batch, &mut Rng::new(batch as u64));
            let changes = Changes::<Emulated>::new(&device, shape, &drawn).unwrap();
            let [images, gradient] = [1, 2].map(|seed| random(channels * side * side * batch, seed));
            let found = changes.forward(&device, &floats(&images)).unwrap();
            let expected = forward(shape, &images, &drawn);
            assert_close(&found, &expected, 1e-6, &format!("{policy}, {shape:?}"));
            let found = changes.backward(&device, &floats(&gradient)).unwrap();
            let expected = backward(shape, &gradient, &drawn);
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
#[should_panic = "numbers of a kernel's arguments"]
fn memory_of_another_size_is_refused() {
    let shape = ConvShape { channels: 2, outputs: 3, side: 4, batch: 5 };
    let (large, mut patches) = (floats(&vec![0.0; shape.large()]), floats(&[0.0; 7]));
    let device = Cpu::default();
    let (large, patches) =
        (View::of::<Emulated>(&device, &large), ViewMut::of::<Emulated>(&device, &mut patches));
    launch::gather_patches::<Emulated>(&device, shape, large, patches).unwrap();
}

#[test]
#[should_panic = "floats of the matrices"]
fn matrices_of_another_size_are_refused() {
    let product =
        Product { rows: 2, columns: 3, depth: 4, a_transposed: false, b_transposed: false, add: false };
    product.column_major([8, 12, 7]);
}
