//! The changes to images alone.

use dcgan_kernels::augment::Transform;
use dcgan_train::backend::cpu::CpuBackend;
use dcgan_train::backend::operations::Backend;
use dcgan_train::backend::reference::ReferenceBackend;
use dcgan_train::gan::augment::Policy;
use dfdx::prelude::*;

use crate::changes;
use crate::pytorch::Reference;

/// `[N, C, S, S]` as `[C, S, S, N]`.
fn images(file: &Reference, name: &str) -> Tensor<(Const<3>, Const<16>, Const<16>, usize), f32, Cpu> {
    let values = file.f32(name).view().permuted_axes(vec![1, 2, 3, 0]);
    let shape = (Const, Const, Const, values.shape()[3]);
    Cpu::default().tensor_from_vec(values.iter().copied().collect(), shape)
}

fn largest_difference(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).fold(0.0, |most, (a, b)| most.max((a - b).abs()))
}

fn augmentation_is_pytorchs<B: Backend<Device = Cpu>>() {
    let file = Reference::load("options_reference");
    for policy in ["color", "translation", "cutout", "color,translation,cutout"] {
        let Policy { color, translation, cutout } = policy.parse().unwrap();
        let mut all = changes(&file, "operation", 0, 16);
        for change in &mut all.0 {
            let Transform { brightness, saturation, contrast, shift, cut } = change.clone();
            *change = Transform {
                brightness: if color { brightness } else { 0.0 },
                saturation: if color { saturation } else { 1.0 },
                contrast: if color { contrast } else { 1.0 },
                shift: if translation { shift } else { [0; 2] },
                cut: if cutout { cut } else { [0..0, 0..0] },
            };
        }
        let (x, direction) = (images(&file, "operation.x"), images(&file, "operation.direction"));
        let loss = |x: Tensor<_, f32, Cpu, _>| {
            let y = B::augment(x, &all).unwrap();
            let values = y.as_vec();
            ((y * direction.clone()).sum::<Rank0, Axes4<0, 1, 2, 3>>(), values)
        };
        let (sum, y) = loss(x.leaky_trace());
        let expected = images(&file, &format!("operation.{policy}.y")).as_vec();
        assert!(largest_difference(&y, &expected) < 1e-5, "{policy}: {}", largest_difference(&y, &expected));
        let gradient = sum.backward().get(&x).as_vec();
        let expected = images(&file, &format!("operation.{policy}.gradient")).as_vec();
        let difference = largest_difference(&gradient, &expected);
        assert!(difference < 1e-5, "{policy}: the gradient is off by {difference}");
    }
}

#[test]
fn images_are_changed_as_pytorch_does_and_gradients_go_back() {
    augmentation_is_pytorchs::<CpuBackend>();
    augmentation_is_pytorchs::<ReferenceBackend<Cpu>>();
    #[cfg(target_os = "linux")]
    if crate::emulator::is_here() {
        augmentation_is_pytorchs::<crate::Cuda>();
    }
}

/// The changes are affine: a whole step in one value shows the slope.
#[test]
fn the_gradient_of_changed_images_is_their_slope() {
    let file = Reference::load("options_reference");
    let all = changes(&file, "operation", 0, 16);
    let (x, direction) = (images(&file, "operation.x"), images(&file, "operation.direction").as_vec());
    let loss = |values: Vec<f32>| -> f64 {
        let x = Cpu::default().tensor_from_vec(values, *x.shape());
        let y = CpuBackend::augment(x, &all).unwrap().as_vec();
        y.iter().zip(&direction).map(|(y, w)| f64::from(*y) * f64::from(*w)).sum()
    };
    let y = CpuBackend::augment(x.leaky_trace(), &all).unwrap();
    let weights = Cpu::default().tensor_from_vec(direction.clone(), *x.shape());
    let gradient = (y * weights).sum::<Rank0, Axes4<0, 1, 2, 3>>().backward().get(&x).as_vec();
    for at in (0..gradient.len()).step_by(97) {
        let moved = |step: f32| {
            let mut values = x.as_vec();
            values[at] += step;
            loss(values)
        };
        let slope = (moved(1.0) - moved(-1.0)) / 2.0;
        assert!(
            (slope - f64::from(gradient[at])).abs() < 1e-4,
            "{at}: {}, the slope is {slope}",
            gradient[at]
        );
    }
}
