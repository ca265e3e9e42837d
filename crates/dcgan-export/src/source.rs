//! Weights as networks: which layout a state dict has is read from its names, all sizes from its shapes.

use dcgan_core::{StateDict, Weights};

use crate::assumptions::Assumptions;
use crate::error::ExportError;
use crate::network::Network;
use crate::parametrization::{refuse_foreign, weight_names};
use crate::tensors::Tensors;
use crate::{dcgan_layout, pytorch_example};

/// How a kind of network names its tensors.
struct Naming {
    /// What it has and the kinds after it do not.
    anchor: Anchor,
    build: fn(&mut Tensors) -> Result<Network, ExportError>,
}

enum Anchor {
    /// A tensor.
    Tensor(&'static str),
    /// A layer with a weight, parametrised or not.
    Weight(&'static str),
}

const NAMINGS: [Naming; 5] = [
    Naming { anchor: Anchor::Weight("tconv1"), build: dcgan_layout::imported_generator },
    Naming { anchor: Anchor::Weight("conv1"), build: dcgan_layout::imported_discriminator },
    Naming { anchor: Anchor::Tensor("main.1.running_mean"), build: pytorch_example::generator },
    Naming { anchor: Anchor::Weight("main.2"), build: pytorch_example::discriminator },
    // A generator whose BatchNorm has no running statistics, to be refused as one.
    Naming { anchor: Anchor::Weight("main.3"), build: pytorch_example::generator },
];

impl Network {
    /// The network of a file that [`Weights::load`] has read.
    ///
    /// # Errors
    /// As [`Network::of_checkpoint`] and [`Network::of_state_dict`], and [`ExportError::Config`] if any of `assumptions` is
    /// set for a checkpoint, which describes its network.
    pub fn of_weights(weights: Weights, assumptions: &Assumptions) -> Result<Self, ExportError> {
        match weights {
            Weights::Checkpoint(checkpoint) => {
                assumptions.refuse_all()?;
                Self::of_checkpoint(&checkpoint)
            }
            Weights::StateDict(state) => Self::of_state_dict(state, assumptions),
        }
    }

    /// The network of a PyTorch state dict with the names that dcgan-train's checkpoints have too, or with those
    /// of PyTorch's DCGAN example. All names may have a common prefix.
    ///
    /// Weights of `spectral_norm` and `weight_norm`, of `torch.nn.utils` or of its `parametrizations`, are folded as in
    /// `eval()`; spectral normalisation is expected with its default `dim`.
    ///
    /// The sizes are those of the tensors. A state dict does not hold strides, paddings, activations and BatchNorm's
    /// epsilon: every convolution has stride 2 and padding 1, but for the example's between a 1x1 and a 4x4 map; the
    /// others are PyTorch's and the example's defaults, or those of `assumptions`. [`Network::assumptions`] lists them.
    ///
    /// # Errors
    /// [`ExportError`] names the tensor that does not fit, its shape and the one expected, or the setting that the network
    /// has no layer for.
    pub fn of_state_dict(mut state: StateDict, assumptions: &Assumptions) -> Result<Self, ExportError> {
        refuse_foreign(&state)?;
        let found = NAMINGS.iter().find_map(|naming| Some((naming, naming.prefix(&state)?)));
        let (naming, prefix) = found.ok_or_else(|| {
            let names: Vec<_> = state.tensors.keys().take(3).map(String::as_str).collect();
            ExportError::Naming { first: names.join(", ") }
        })?;
        remove_average_counter(&mut state, &prefix);
        let mut tensors = Tensors::with_prefix(&prefix, state);
        let network = (naming.build)(&mut tensors)?;
        tensors.finish()?;
        assumptions.apply(network)
    }
}

impl Naming {
    /// What stands before the anchor in a state dict that has it.
    fn prefix(&self, state: &StateDict) -> Option<String> {
        let before = |name: &String| match self.anchor {
            Anchor::Tensor(tensor) => name.strip_suffix(tensor).map(str::to_owned),
            Anchor::Weight(layer) => {
                let weight = |tensor| name.strip_suffix(tensor)?.strip_suffix('.')?.strip_suffix(layer);
                weight_names().find_map(weight).map(str::to_owned)
            }
        };
        let is_whole = |prefix: &String| prefix.is_empty() || prefix.ends_with('.');
        state.tensors.keys().filter_map(before).find(is_whole)
    }
}

/// Removes the `n_averaged` of PyTorch's `AveragedModel`, which stands beside the `module.` of its names.
fn remove_average_counter(state: &mut StateDict, prefix: &str) {
    let is_counter = |name: &str| {
        name.strip_suffix("n_averaged").is_some_and(|outer| prefix.starts_with(&format!("{outer}module.")))
    };
    state.tensors.retain(|name, _| !is_counter(name));
}
