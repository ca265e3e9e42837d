//! Weights as networks: which layout a state dict has is read from its names, all sizes from its shapes.

use dcgan_core::{StateDict, Weights};

use crate::error::ExportError;
use crate::network::Network;
use crate::tensors::Tensors;
use crate::{example, own};

/// How a kind of network names its tensors.
struct Naming {
    /// A tensor that it has and the other kinds have not.
    anchor: &'static str,
    build: fn(&mut Tensors) -> Result<Network, ExportError>,
}

const NAMINGS: [Naming; 6] = [
    Naming { anchor: "tconv1.weight", build: own::imported_generator },
    Naming { anchor: "conv1.weight", build: own::imported_discriminator },
    Naming { anchor: "conv1.weight_orig", build: own::imported_discriminator },
    Naming { anchor: "main.1.running_mean", build: example::generator },
    Naming { anchor: "main.2.weight", build: example::discriminator },
    Naming { anchor: "main.2.weight_orig", build: example::discriminator },
];

impl Network {
    /// The network of a file that [`Weights::load`] has read.
    ///
    /// # Errors
    /// As [`Network::of_checkpoint`] and [`Network::of_state_dict`].
    pub fn of_weights(weights: Weights) -> Result<Self, ExportError> {
        match weights {
            Weights::Checkpoint(checkpoint) => Self::of_checkpoint(&checkpoint),
            Weights::StateDict(state) => Self::of_state_dict(state),
        }
    }

    /// The network of a PyTorch state dict with the names that dcgan-train's checkpoints have too, or with those
    /// of PyTorch's DCGAN example. All names may have a common prefix.
    ///
    /// A discriminator's weights may be normalised by `torch.nn.utils.spectral_norm`: the division becomes a part of them.
    ///
    /// The sizes are those of the tensors. What a state dict does not hold cannot be checked: every
    /// convolution is taken for one of stride 2 and padding 1, but for the example's between a 1x1 and a 4x4
    /// map; LeakyReLU's slope for 0.2 and BatchNorm's epsilon for 1e-5.
    ///
    /// # Errors
    /// [`ExportError`] names the tensor that does not fit, its shape and the one expected.
    pub fn of_state_dict(state: StateDict) -> Result<Self, ExportError> {
        let found = NAMINGS.iter().find_map(|naming| Some((naming, naming.prefix(&state)?)));
        let (naming, prefix) = found.ok_or_else(|| {
            let names: Vec<_> = state.tensors.keys().take(3).map(String::as_str).collect();
            ExportError::Naming { first: names.join(", ") }
        })?;
        let mut tensors = Tensors::with_prefix(&prefix, state);
        let network = (naming.build)(&mut tensors)?;
        tensors.finish()?;
        Ok(network)
    }
}

impl Naming {
    /// What stands before the anchor in a state dict that has it.
    fn prefix(&self, state: &StateDict) -> Option<String> {
        let before = |name: &String| name.strip_suffix(self.anchor).map(str::to_owned);
        let is_whole = |prefix: &String| prefix.is_empty() || prefix.ends_with('.');
        state.tensors.keys().filter_map(before).find(is_whole)
    }
}
