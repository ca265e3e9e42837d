//! The native engine, the CUDA one and the portable one, dfdx's own operations, agree on random inputs.

use std::collections::BTreeMap;

use dcgan_core::TensorData;
use dcgan_core::rng::Rng;
use dcgan_train::architecture;
use dcgan_train::backend::cpu::CpuBackend;
use dcgan_train::backend::operations::{Backend, Grads, MapShape, RequiresGrad};
use dcgan_train::backend::reference::ReferenceBackend;
use dcgan_train::gan::{Gan, GanConfig};
use dcgan_train::networks::arch::{Arch, Architecture, ForArchitecture};
use dcgan_train::networks::batch::{images_from_bytes, images_to_array, latents_from_array, random_latents};
use dcgan_train::networks::layers::{Down, Head, Layer, Project, Up};
use dcgan_train::networks::sampler::sample;
use dcgan_train::networks::state_dict::{self, StateDict};
use dfdx::prelude::*;

#[cfg(target_os = "linux")]
mod emulator;

type Reference = ReferenceBackend<Cpu>;
#[cfg(target_os = "linux")]
type Cuda = dcgan_train::backend::cuda::CudaBackend<emulator::Emulated>;
architecture!(Tiny: 5 => 8 6 4 => 3);
architecture!(
    /// Wide enough for Winograd's schemes.
    Wide: 5 => 32 24 16 => 3
);

fn assert_close(found: &[f32], expected: &[f32], what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    let largest = expected.iter().fold(0.0f32, |most, value| most.max(value.abs()));
    let error = found.iter().zip(expected).fold(0.0f32, |most, (a, b)| most.max((a - b).abs()));
    assert!(error <= 1e-5 * largest, "{what}: off by {error}, largest {largest}");
}

fn assert_states_close(found: &StateDict, expected: &StateDict) {
    for (name, expected) in expected {
        match (&found[name], expected) {
            // Such as a bias that starts at zero.
            (found, expected) if found == expected => {}
            (TensorData::F32(found), TensorData::F32(expected)) => {
                assert_close(found.as_slice().unwrap(), expected.as_slice().unwrap(), name);
            }
            (found, expected) => assert_eq!(found, expected, "{name}"),
        }
    }
}

/// Output, input gradient, parameter gradients and new state of a layer with random values.
fn pass<B: Backend<Device = Cpu>, L: Layer<B>>(
    shape: L::Input,
) -> (Vec<f32>, Vec<f32>, StateDict, StateDict) {
    let (device, mut rng) = (Cpu::default(), Rng::new(shape.num_elements() as u64));
    let mut layer: L = dcgan_train::networks::init::initialised::<B, L>(&device, 3, 0).unwrap();
    let mut draw = |count: usize| (0..count).map(|_| rng.normal() as f32).collect::<Vec<_>>();
    let x = device.tensor_from_vec(draw(shape.num_elements()), shape);
    let y = layer
        .train(x.clone().traced(Grads::<B>::leaky()), RequiresGrad { parameters: true, input: true })
        .unwrap();
    let values = y.as_vec();
    // A random direction, so that no two gradients are alike.
    let direction = device.tensor_from_vec(draw(values.len()), *y.shape());
    let flat = (y * direction).reshape_like(&(values.len(),));
    let mut grads = flat.sum::<Rank0, Axis<0>>().backward();
    let gradients = state_dict::gradients::<B, L>(&mut layer, &mut grads).unwrap();
    (values, grads.get(&x).as_vec(), gradients, state_dict::state_dict::<B, L>(&mut layer))
}

fn agree<B: Backend<Device = Cpu>, A: Layer<B>, R: Layer<Reference, Input = A::Input>>(shape: A::Input) {
    let (found, expected) = (pass::<B, A>(shape), pass::<Reference, R>(shape));
    for values in [&expected.0, &expected.1] {
        assert!(
            values.iter().filter(|value| value.abs() > 1e-6).count() > values.len() / 4,
            "almost all zero"
        );
    }
    assert_close(&found.0, &expected.0, "output");
    assert_close(&found.1, &expected.1, "input gradient");
    assert_states_close(&found.2, &expected.2);
    assert_states_close(&found.3, &expected.3);
}

#[test]
fn convolutions_agree_at_any_batch() {
    for batch in [1, 2, 7, 16, 33] {
        agree::<CpuBackend, Down<3, 5, 8, 4, CpuBackend>, Down<3, 5, 8, 4, Reference>>((
            Const, Const, Const, batch,
        ));
        agree::<CpuBackend, Down<17, 9, 4, 2, CpuBackend>, Down<17, 9, 4, 2, Reference>>((
            Const, Const, Const, batch,
        ));
        agree::<CpuBackend, Down<17, 18, 8, 4, CpuBackend>, Down<17, 18, 8, 4, Reference>>((
            Const, Const, Const, batch,
        ));
        agree::<CpuBackend, Down<17, 18, 4, 2, CpuBackend>, Down<17, 18, 4, 2, Reference>>((
            Const, Const, Const, batch,
        ));
    }
}

#[test]
fn transposed_convolutions_agree_at_any_batch() {
    for batch in [1, 2, 7, 16, 33] {
        agree::<CpuBackend, Up<5, 3, 4, 8, CpuBackend>, Up<5, 3, 4, 8, Reference>>((
            Const, Const, Const, batch,
        ));
        agree::<CpuBackend, Up<9, 17, 2, 4, CpuBackend>, Up<9, 17, 2, 4, Reference>>((
            Const, Const, Const, batch,
        ));
        agree::<CpuBackend, Up<18, 17, 4, 8, CpuBackend>, Up<18, 17, 4, 8, Reference>>((
            Const, Const, Const, batch,
        ));
        agree::<CpuBackend, Up<18, 17, 2, 4, CpuBackend>, Up<18, 17, 2, 4, Reference>>((
            Const, Const, Const, batch,
        ));
    }
}

/// The CUDA engine, its kernels on the CPU.
#[cfg(target_os = "linux")]
#[test]
fn the_cuda_engine_agrees_at_any_batch() {
    if !emulator::is_here() {
        return;
    }
    for batch in [1, 2, 7] {
        agree::<Cuda, Down<3, 5, 8, 4, Cuda>, Down<3, 5, 8, 4, Reference>>((Const, Const, Const, batch));
        agree::<Cuda, Down<17, 9, 4, 2, Cuda>, Down<17, 9, 4, 2, Reference>>((Const, Const, Const, batch));
        agree::<Cuda, Up<5, 3, 4, 8, Cuda>, Up<5, 3, 4, 8, Reference>>((Const, Const, Const, batch));
        agree::<Cuda, Up<9, 17, 2, 4, Cuda>, Up<9, 17, 2, 4, Reference>>((Const, Const, Const, batch));
        agree::<Cuda, Head<3, 4, 48, Cuda>, Head<3, 4, 48, Reference>>((Const, Const, Const, batch));
        agree::<Cuda, Project<7, 3, 4, 48, Cuda>, Project<7, 3, 4, 48, Reference>>((Const, batch));
    }
}

#[test]
fn what_is_not_wanted_is_not_computed() {
    leaves_out_what_is_not_wanted::<CpuBackend>();
    #[cfg(target_os = "linux")]
    if emulator::is_here() {
        leaves_out_what_is_not_wanted::<Cuda>();
    }
}

fn leaves_out_what_is_not_wanted<B: Backend<Device = Cpu>>() {
    let device = Cpu::default();
    let mut layer =
        dcgan_train::networks::init::initialised::<B, Down<3, 4, 8, 4, B>>(&device, 0, 0).unwrap();
    let shape: MapShape<3, 8> = (Const, Const, Const, 2);
    let x = device.tensor_from_vec((0..384).map(|i| (i % 7) as f32).collect(), shape);
    for requires_grad in [RequiresGrad::PARAMETERS, RequiresGrad::INPUT] {
        let y = layer.train(x.clone().traced(Grads::<B>::leaky()), requires_grad).unwrap();
        let mut grads = y.square().sum::<Rank0, Axes4<0, 1, 2, 3>>().backward();
        let gradients = state_dict::gradients::<B, _>(&mut layer, &mut grads).unwrap();
        grads.get_or_alloc_mut(&x).unwrap();
        let is_zero =
            |data: &TensorData| matches!(data, TensorData::F32(values) if values.iter().all(|v| *v == 0.0));
        assert_eq!(gradients.values().all(is_zero), !requires_grad.parameters, "{requires_grad:?}");
        assert_eq!(
            grads.get(&x).as_vec().iter().all(|v| *v == 0.0),
            !requires_grad.input,
            "{requires_grad:?}"
        );
    }
}

/// Twenty steps of a network, with batches of several sizes, among them 1 and a last short one.
fn train<A: Architecture>(threads: usize) -> [StateDict; 2] {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    pool.install(|| {
        let (device, mut rng) = (Cpu::default(), Rng::new(9));
        let mut gan = Gan::<A, CpuBackend>::new(&device, GanConfig::default(), 4).unwrap();
        for batch in [6, 16, 1, 33, 3].into_iter().cycle().take(20) {
            let bytes: Vec<u8> =
                (0..batch * A::CHANNELS * A::SIDE * A::SIDE).map(|_| rng.bits() as u8).collect();
            let real = images_from_bytes::<A, CpuBackend>(&device, &bytes).unwrap();
            let latents =
                [(); 2].map(|()| random_latents::<A, CpuBackend>(&device, &mut rng, batch).unwrap());
            gan.step(real, latents).unwrap();
        }
        [gan.generator_state(), gan.discriminator_state()]
    })
}

fn any_number_of_threads_gives_the_same<A: Architecture>() {
    let one = train::<A>(1);
    assert!(one.iter().flat_map(StateDict::values).all(|data| match data {
        TensorData::F32(values) => values.iter().all(|value| value.is_finite()),
        TensorData::Count(count) => *count > 0,
    }));
    assert!(one == train::<A>(2), "two threads give other weights");
    assert!(one == train::<A>(3), "three threads give other weights");
}

#[test]
fn any_number_of_threads_gives_the_same_bits() {
    any_number_of_threads_gives_the_same::<Tiny>();
}

#[test]
fn any_number_of_threads_gives_the_same_bits_by_winograd() {
    any_number_of_threads_gives_the_same::<Wide>();
}

/// What an engine keeps of a weight must not outlive it: networks that have been trained compute what new ones
/// with the same values do.
#[test]
fn a_changed_weight_is_the_one_that_counts() {
    a_changed_weight_counts::<Wide, CpuBackend>();
    #[cfg(target_os = "linux")]
    if emulator::is_here() {
        a_changed_weight_counts::<Tiny, Cuda>();
    }
}

fn a_changed_weight_counts<A: Architecture, B: Backend<Device = Cpu>>() {
    let (device, mut rng) = (Cpu::default(), Rng::new(2));
    let [bytes, more] = [(); 2].map(|()| (0..16 * 3 * 32 * 32).map(|_| rng.bits() as u8).collect::<Vec<_>>());
    let latents = [(); 3].map(|()| random_latents::<A, B>(&device, &mut rng, 16).unwrap());
    let [first, second, third] = latents;
    let images = |bytes| images_from_bytes::<A, B>(&device, bytes).unwrap();
    let mut trained = Gan::<A, B>::new(&device, GanConfig::default(), 4).unwrap();
    trained.step(images(&bytes), [first, second]).unwrap();
    let states = [trained.generator_state(), trained.discriminator_state()];
    let mut new =
        Gan::<A, B>::from_state_dicts(&device, GanConfig::default(), &states[0], &states[1]).unwrap();
    let [found, expected] = [&mut trained, &mut new].map(|gan| {
        let (mut grads, _) = gan.discriminator_gradients(images(&more), third.clone()).unwrap();
        state_dict::gradients::<B, _>(gan.networks().1, &mut grads).unwrap()
    });
    assert!(found == expected);
}

/// Every architecture draws the same image of a latent whatever else is in the batch.
#[test]
fn an_image_depends_on_its_own_latent_alone() {
    struct Check;
    impl ForArchitecture for Check {
        type Output = ();
        fn run<A: Architecture>(self, name: &'static str) {
            let device = Cpu::default();
            let gan = Gan::<A, CpuBackend>::new(&device, GanConfig::default(), 1).unwrap();
            let latents = dcgan_core::latent::latents(5, 3, A::LATENT);
            let all = sample::<A, CpuBackend>(gan.generator(), &device, latents.view()).unwrap();
            assert_eq!(all.dim(), (3, A::CHANNELS, A::SIDE, A::SIDE), "{name}");
            let alone = latents.slice(ndarray::s![2..3, ..]);
            let alone = sample::<A, CpuBackend>(gan.generator(), &device, alone).unwrap();
            let error =
                (&all.slice(ndarray::s![2..3, .., .., ..]) - &alone).fold(0.0f32, |m, e| m.max(e.abs()));
            let largest = alone.fold(0.0f32, |m, e| m.max(e.abs()));
            assert!(largest > 0.0 && error <= 1e-6 * largest, "{name}: off by {error} of {largest}");
        }
    }
    Arch::ALL.iter().for_each(|arch| arch.run(Check));
}

#[test]
fn images_go_to_tensors_and_back_upright() {
    let device = Cpu::default();
    let bytes: Vec<u8> = (0..2 * 3 * 32 * 32).map(|i| (i * 31 % 256) as u8).collect();
    let images = images_from_bytes::<Tiny, CpuBackend>(&device, &bytes).unwrap();
    let array = images_to_array::<Tiny, CpuBackend>(&images);
    let expected: Vec<u8> = array.iter().map(|value| dcgan_core::pixels::to_u8(*value)).collect();
    assert_eq!(expected, bytes);
    // Image 1, channel 2, row 3, column 4 of [N, C, S, S] is at [2, 3, 4, 1] of [C, S, S, N].
    assert_eq!(images[[2, 3, 4, 1]], array[[1, 2, 3, 4]]);
    let latents = dcgan_core::latent::latents(0, 2, 5);
    let tensor = latents_from_array::<Tiny, CpuBackend>(&device, latents.view()).unwrap();
    assert_eq!(tensor[[4, 1]], latents[[1, 4]]);
}

/// Builds an architecture's networks, whose state dicts have to be the lists of their specs.
struct Built;

impl ForArchitecture for Built {
    type Output = [BTreeMap<String, Vec<usize>>; 2];

    fn run<A: Architecture>(self, _: &'static str) -> Self::Output {
        let mut gan = Gan::<A, CpuBackend>::new(&Cpu::default(), GanConfig::default(), 0).unwrap();
        [gan.generator_state(), gan.discriminator_state()].map(|state| {
            let shape = |data: &TensorData| match data {
                TensorData::F32(values) => values.shape().to_vec(),
                TensorData::Count(_) => Vec::new(),
            };
            state.iter().map(|(name, data)| (name.clone(), shape(data))).collect()
        })
    }
}

#[test]
fn the_types_of_every_architecture_are_the_layers_of_its_specs() {
    for arch in Arch::ALL {
        let listed = arch.specs().map(|spec| {
            spec.tensors().into_iter().map(|tensor| (tensor.name, tensor.shape)).collect::<BTreeMap<_, _>>()
        });
        assert_eq!(arch.run(Built), listed, "{}", arch.name());
    }
}
