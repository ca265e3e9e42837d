//! State dicts as people have them: parametrised, wrapped, with settings of their own.

mod common;

use common::pytorch::{difference, exported, network, state};
use common::{decoded, generator, spec};
use dcgan_core::{StateDict, TensorData, Weights};
use dcgan_export::{Assumptions, ExportConfig, ExportError, Network, export_network};

/// Spectral normalisation of both of PyTorch's kinds, in every layout; weight normalisation likewise, of every `dim`;
/// BatchNorm without weight and bias, with biases where the others have none.
const FOLDED: [&str; 15] = [
    "spectral_linear_discriminator",
    "spectral_example_discriminator",
    "spectral_linear_generator",
    "spectral_example_generator",
    "parametrized_spectral_linear_generator",
    "parametrized_spectral_example_generator",
    "parametrized_spectral_linear_discriminator",
    "parametrized_spectral_example_discriminator",
    "weight_norm_linear_generator",
    "weight_norm_example_discriminator",
    "parametrized_weight_norm_example_generator",
    "parametrized_weight_norm_linear_discriminator",
    "without_affine_linear_generator",
    "without_affine_linear_discriminator",
    "without_affine_example_discriminator",
];

#[test]
fn parametrised_weights_are_folded_as_pytorch_computes_them() {
    for name in FOLDED {
        for fold_batchnorm in [true, false] {
            let config = ExportConfig { fold_batchnorm, ..Default::default() };
            let difference = difference(&exported(state(name), &config), name);
            assert!(difference <= 1e-6, "{name}, folded {fold_batchnorm}: off by {difference}");
        }
    }
}

fn assuming(batchnorm_eps: Option<f32>, leaky_slope: Option<f32>) -> Assumptions {
    Assumptions { batchnorm_eps, leaky_slope }
}

#[test]
fn settings_are_those_given() {
    for (name, assumptions) in [
        ("eps_example_generator", assuming(Some(0.8), None)),
        ("leaky_linear_generator", assuming(Some(0.8), Some(0.3))),
        ("leaky_example_generator", assuming(None, Some(0.3))),
        ("leaky_linear_discriminator", assuming(Some(0.8), Some(0.05))),
        ("leaky_example_discriminator", assuming(Some(0.8), Some(0.05))),
        ("example_generator", assuming(Some(1e-5), Some(0.0))),
        ("linear_discriminator", assuming(None, Some(0.2))),
    ] {
        for fold_batchnorm in [true, false] {
            let config = ExportConfig { fold_batchnorm, ..Default::default() };
            let network = Network::of_state_dict(state(name), &assumptions).unwrap();
            let difference = difference(&decoded(&export_network(network, &config).unwrap()), name);
            assert!(difference <= 1e-5, "{name}, folded {fold_batchnorm}: off by {difference}");
        }
    }
    // What the flags are for: without them these are other networks, and no error can tell.
    for name in ["eps_example_generator", "leaky_linear_generator", "leaky_linear_discriminator"] {
        let difference = difference(&exported(state(name), &ExportConfig::default()), name);
        assert!(difference > 0.02, "{name}: off by {difference}");
    }
}

#[test]
fn a_setting_without_a_layer_or_out_of_range_is_refused() {
    let refusal = |state: StateDict, assumptions| match Network::of_state_dict(state, &assumptions) {
        Err(ExportError::Config { flag, reason }) => format!("{flag}: {reason}"),
        other => panic!("{other:?}"),
    };
    // A single stage: tanh comes behind its only convolution.
    let single = || StateDict { tensors: generator(&spec("a", 2, &[2], 1), 1).tensors };
    let eps = refusal(single(), assuming(Some(0.8), None));
    assert_eq!(eps, "--batchnorm-eps: the network has no BatchNorm: leave it out");
    let slope = refusal(single(), assuming(None, Some(0.2)));
    assert_eq!(slope, "--leaky-slope: the network has no LeakyReLU and no ReLU: leave it out");
    let eps = refusal(state("example_generator"), assuming(Some(0.0), None));
    assert!(eps.starts_with("--batchnorm-eps: 0.0 is not above 0"), "{eps}");
    let slope = refusal(state("example_discriminator"), assuming(None, Some(f32::NAN)));
    assert!(slope.starts_with("--leaky-slope: NaN is not from 0 to 1"), "{slope}");
    let ours = generator(&spec("a", 2, &[2, 1], 1), 1);
    for assumptions in [assuming(Some(1e-5), None), assuming(None, Some(0.2))] {
        let result = Network::of_weights(Weights::Checkpoint(ours.clone()), &assumptions);
        assert!(matches!(result, Err(ExportError::Config { .. })), "{result:?}");
    }
}

fn refusal(name: &str, change: impl FnOnce(&mut StateDict)) -> String {
    let mut state = state(name);
    change(&mut state);
    Network::of_state_dict(state, &Assumptions::default()).expect_err("the change is a fault").to_string()
}

fn assert_contains(message: &str, part: &str) {
    assert!(message.contains(part), "{message:?} does not say {part:?}");
}

fn zeros(shape: &[usize]) -> TensorData {
    TensorData::from_values(shape, vec![0.0; shape.iter().product()])
}

/// [`refusal`] after a tensor got other names.
fn renamed(name: &str, from: &str, to: &[&str]) -> String {
    refusal(name, |state| {
        let data = state.tensors.remove(from).unwrap();
        state.tensors.extend(to.iter().map(|to| ((*to).to_owned(), data.clone())));
    })
}

/// The names are those that PyTorch 2.15 gives.
#[test]
fn other_parametrisations_are_named() {
    for (to, named) in [
        // Of prune, which also makes `weight_orig`, and of a spectral norm that is copied around.
        (&["main.3.weight_orig", "main.3.weight_mask"][..], "main.3.weight_mask"),
        (&["main.3.weight_orig"], "main.3.weight_orig"),
        (&["main.3.module.weight_bar"], "main.3.module.weight_bar"),
        (&["main.3.weight_g"], "main.3.weight_g"),
        // Without tensors of its own, of `orthogonal`, of two in a row, and of another tensor.
        (&["main.3.parametrizations.weight.original"], "main.3.parametrizations.weight.original"),
        (
            &["main.3.parametrizations.weight.original", "main.3.parametrizations.weight.0.base"],
            "main.3.parametrizations.weight.0.base",
        ),
        (
            &["main.3.parametrizations.weight.original0", "main.3.parametrizations.weight.1._u"],
            "main.3.parametrizations.weight.1._u",
        ),
        (
            &["main.3.weight", "main.3.parametrizations.bias.original"],
            "main.3.parametrizations.bias.original",
        ),
    ] {
        let message = renamed("example_generator", "main.3.weight", to);
        assert_contains(&message, &format!("tensor {named} is parametrised and cannot be folded"));
        assert_contains(&message, "expected spectral_norm or weight_norm; save the state dict after");
    }
}

#[test]
fn a_parametrised_weight_that_is_not_whole_is_named() {
    let original = "tconv1.parametrizations.weight.original";
    let name = "parametrized_spectral_linear_generator";
    let changed = |tensor: &'static str, data| {
        refusal(name, move |state| drop(state.tensors.insert(tensor.to_owned(), data)))
    };
    // `u` has an element for each output channel, 4 of 6 to 4; `v` for each of the others.
    let u = changed("tconv1.parametrizations.weight.0._u", zeros(&[6]));
    assert_contains(&u, "weight.0._u is F32 [6], the architecture expects F32 [4]");
    let v = changed("tconv1.parametrizations.weight.0._v", zeros(&[64]));
    assert_contains(&v, "weight.0._v is F32 [64], the architecture expects F32 [96]");
    let norm = changed("tconv1.parametrizations.weight.0._v", zeros(&[96]));
    assert_contains(&norm, &format!("tensor {original} is parametrised and cannot be folded: its norm is 0"));
    let missing = refusal(name, |state| drop(state.tensors.remove("tconv1.parametrizations.weight.0._u")));
    assert_contains(&missing, "tensor tconv1.parametrizations.weight.0._u is missing");
    let twice = changed("tconv1.weight", zeros(&[6, 4, 4, 4]));
    assert_contains(&twice, "tensor tconv1.weight, F32 [6, 4, 4, 4], belongs to no layer");
    let name = "weight_norm_linear_generator";
    for shape in [&[4, 1, 1, 1][..], &[6, 4, 1, 1], &[6], &[6, 1, 1]] {
        let g = refusal(name, |state| drop(state.tensors.insert("tconv1.weight_g".to_owned(), zeros(shape))));
        assert_contains(
            &g,
            &format!("tensor tconv1.weight_g is F32 {shape:?}, the architecture expects F32 []"),
        );
    }
    let directions = zeros(&[6, 4, 4, 4]);
    let norm = refusal(name, |state| drop(state.tensors.insert("tconv1.weight_v".to_owned(), directions)));
    assert_contains(&norm, "tensor tconv1.weight_v is parametrised and cannot be folded: its norm is 0");
}

/// `DataParallel`, `torch.compile` and `AveragedModel` put names before the module's, each in any order.
#[test]
fn wrappers_of_a_module_are_seen_through() {
    for name in ["example_generator", "parametrized_spectral_linear_discriminator"] {
        let expected = network(state(name));
        for (prefix, counter) in [
            ("module.", None),
            ("_orig_mod.", None),
            ("module._orig_mod.", None),
            ("netG._orig_mod.module.", None),
            ("module.", Some("n_averaged")),
            ("module._orig_mod.", Some("n_averaged")),
            ("ema.module.", Some("ema.n_averaged")),
        ] {
            let named = state(name).tensors.into_iter().map(|(name, data)| (format!("{prefix}{name}"), data));
            let counter = counter.map(|name| (name.to_owned(), TensorData::Count(12)));
            let wrapped = StateDict { tensors: named.chain(counter).collect() };
            assert_eq!(network(wrapped), expected, "{prefix}");
        }
    }
}

/// As in the files of training programs, and of `ema_pytorch`.
#[test]
fn several_networks_in_one_file_are_refused() {
    let twice = refusal("example_generator", |state| {
        let tensors = std::mem::take(&mut state.tensors);
        for prefix in ["ema_model.", "online_model."] {
            let named = tensors.iter().map(|(name, data)| (format!("{prefix}{name}"), data.clone()));
            state.tensors.extend(named);
        }
    });
    assert_contains(&twice, "tensor online_model.main.0.weight, F32 [7, 6, 4, 4], belongs to no layer");
    let counter = refusal("example_generator", |state| {
        state.tensors.insert("n_averaged".to_owned(), TensorData::Count(1));
    });
    assert_contains(&counter, "tensor n_averaged, a counter, belongs to no layer");
}

/// In evaluation mode PyTorch does not ask how many batches the statistics are from.
#[test]
fn the_count_of_batches_changes_nothing() {
    let mut changed = state("example_generator");
    for (name, data) in &mut changed.tensors {
        if name.ends_with("num_batches_tracked") {
            *data = TensorData::Count(0);
        }
    }
    assert_eq!(network(changed), network(state("example_generator")));
}
