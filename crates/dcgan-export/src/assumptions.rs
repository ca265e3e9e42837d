//! Settings of a network that a PyTorch state dict does not hold, and the flags that give them.

use crate::dcgan_layout::RESIZE;
use crate::error::ExportError;
use crate::network::{Convolution, Layer, Network, Operation};

/// Settings of a PyTorch module that its state dict does not hold, where they are not the defaults.
///
/// ```
/// use dcgan_export::Assumptions;
/// let pytorch_gan = Assumptions { batchnorm_eps: Some(0.8), leaky_slope: Some(0.2) };
/// assert_ne!(pytorch_gan, Assumptions::default());
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, clap::Args)]
#[command(next_help_heading = "Settings that a PyTorch state dict does not hold")]
pub struct Assumptions {
    /// BatchNorm's `eps`, above 0 and at most 1; 1e-5 by default
    #[arg(long, alias = "batchnorm_eps", value_name = "EPS", value_parser = eps)]
    #[arg(allow_negative_numbers = true)]
    pub batchnorm_eps: Option<f32>,
    /// LeakyReLU's slope below 0, from 0 to 1; 0.2 by default. A generator has ReLU by default, and LeakyReLU in its place
    /// with this flag
    #[arg(long, alias = "leaky_slope", value_name = "SLOPE", value_parser = slope)]
    #[arg(allow_negative_numbers = true)]
    pub leaky_slope: Option<f32>,
}

impl Assumptions {
    /// Refuses the settings of a network whose file describes it.
    pub(crate) fn refuse_all(&self) -> Result<(), ExportError> {
        let refused = |flag| {
            let reason = "it is for PyTorch state dicts, a checkpoint of dcgan-train describes its network: leave it out";
            Err(ExportError::Config { flag, reason: reason.to_owned() })
        };
        match self {
            Self { batchnorm_eps: Some(_), .. } => refused(EPS_FLAG),
            Self { leaky_slope: Some(_), .. } => refused(SLOPE_FLAG),
            _ => Ok(()),
        }
    }

    /// Puts the settings into a network that has the defaults, and [`Network::assumptions`].
    pub(crate) fn apply(&self, mut network: Network) -> Result<Network, ExportError> {
        let refused = |flag| move |reason| ExportError::Config { flag, reason };
        if let Some(eps) = self.batchnorm_eps {
            check_eps(eps).and_then(|eps| set_eps(&mut network.layers, eps)).map_err(refused(EPS_FLAG))?;
        }
        if let Some(slope) = self.leaky_slope {
            check_slope(slope)
                .and_then(|slope| set_slope(&mut network.layers, slope))
                .map_err(refused(SLOPE_FLAG))?;
        }
        network.assumptions = Some(summary(&network.layers));
        Ok(network)
    }
}

const EPS_FLAG: &str = "--batchnorm-eps";
const SLOPE_FLAG: &str = "--leaky-slope";

fn eps(text: &str) -> Result<f32, String> {
    text.parse().map_err(|_| format!("{text} is not a number")).and_then(check_eps)
}

fn slope(text: &str) -> Result<f32, String> {
    text.parse().map_err(|_| format!("{text} is not a number")).and_then(check_slope)
}

fn check_eps(found: f32) -> Result<f32, String> {
    if found > 0.0 && found <= 1.0 {
        Ok(found)
    } else {
        Err(format!("{found:?} is not above 0 and at most 1: give the eps of BatchNorm2d"))
    }
}

fn check_slope(found: f32) -> Result<f32, String> {
    if (0.0..=1.0).contains(&found) {
        Ok(found)
    } else {
        Err(format!("{found:?} is not from 0 to 1: give the negative_slope of LeakyReLU"))
    }
}

/// Sets the eps of every BatchNorm, of which there has to be one.
fn set_eps(layers: &mut [Layer], eps: f32) -> Result<(), String> {
    let mut norms = 0;
    for layer in layers {
        if let Operation::BatchNorm(norm) = &mut layer.operation {
            norm.eps = eps;
            norms += 1;
        }
    }
    if norms > 0 { Ok(()) } else { Err("the network has no BatchNorm: leave it out".to_owned()) }
}

/// Sets the slope of every ReLU and LeakyReLU, of which there has to be one.
fn set_slope(layers: &mut [Layer], slope: f32) -> Result<(), String> {
    let mut activations = 0;
    for layer in layers {
        if let Operation::Relu | Operation::LeakyRelu(_) = &layer.operation {
            layer.operation = if slope == 0.0 { Operation::Relu } else { Operation::LeakyRelu(slope) };
            activations += 1;
        }
    }
    if activations > 0 {
        Ok(())
    } else {
        Err("the network has no LeakyReLU and no ReLU: leave it out".to_owned())
    }
}

/// What of these layers a state dict does not hold, as in `stride 2, padding 1 (main.0: stride 1, padding 0), BatchNorm
/// eps 1e-5, ReLU, tanh`.
fn summary(layers: &[Layer]) -> String {
    let mut parts = vec![geometry(layers)];
    for layer in layers {
        let part = match &layer.operation {
            Operation::BatchNorm(norm) => format!("BatchNorm eps {:?}", norm.eps),
            Operation::Relu => "ReLU".to_owned(),
            Operation::LeakyRelu(slope) => format!("LeakyReLU slope {slope:?}"),
            Operation::Tanh => "tanh".to_owned(),
            Operation::Sigmoid => "sigmoid".to_owned(),
            Operation::Linear(_)
            | Operation::Reshape(_)
            | Operation::ConvTranspose(_)
            | Operation::Conv(_) => {
                continue;
            }
        };
        if !parts.contains(&part) {
            parts.push(part);
        }
    }
    parts.join(", ")
}

/// Stride and padding of the convolutions, by name where they are not those of most.
fn geometry(layers: &[Layer]) -> String {
    let convolution = |layer: &Layer| match &layer.operation {
        Operation::Conv(conv) | Operation::ConvTranspose(conv) => Some((layer.name.clone(), moves(conv))),
        _ => None,
    };
    let others = layers.iter().filter_map(convolution).filter(|(_, moves)| *moves != RESIZE);
    let others: String = others.map(|(name, moves)| format!(" ({name}: {})", said(moves))).collect();
    format!("{}{others}", said(RESIZE))
}

fn moves(conv: &Convolution) -> (usize, usize) {
    (conv.stride, conv.padding)
}

fn said((stride, padding): (usize, usize)) -> String {
    format!("stride {stride}, padding {padding}")
}
