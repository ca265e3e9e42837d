//! The memory that an export takes, counted before it is taken.

use std::thread;

use dcgan_core::memory;

use crate::error::ExportError;
use crate::network::{Layer, Network, Operation};

/// Copies of the weights at once: the network, as it is and folded, the model, its bytes, those read back, the model decoded
/// from them, its constants, and a layer's weights at a time in both ways of computing it.
const COPIES: usize = 8;
/// The most samples that are computed at once to verify a file.
const SAMPLES: usize = 16;

impl Network {
    /// Checks that the system has the memory for the weights and for computing a few samples: a file of a megabyte may
    /// describe feature maps of hundreds of gigabytes.
    ///
    /// # Errors
    /// [`ExportError::Memory`], and [`ExportError::Layer`] as [`Network::shapes`].
    pub(crate) fn check_memory(&self) -> Result<(), ExportError> {
        let threads = thread::available_parallelism().map_or(1, usize::from).min(SAMPLES);
        let bytes = self.bytes(&self.shapes()?, threads);
        Ok(memory::check("the weights and feature maps of the network", bytes)?)
    }

    /// What `shapes` behind the layers, computed in so many threads, take.
    fn bytes(&self, shapes: &[Vec<usize>], threads: usize) -> Option<usize> {
        let (mut weights, mut largest) = (0_usize, 0);
        let inputs = [&self.input].into_iter().chain(shapes);
        for ((layer, input), output) in self.layers.iter().zip(inputs).zip(shapes) {
            weights = weights.checked_add(layer.parameters())?;
            let maps = product(input)?.checked_add(product(output)?)?;
            let columns = layer.columns(input, output)?;
            // In f64, a sample a thread; or in f32, with the columns of one sample at a time.
            let definition = maps.checked_add(columns)?.checked_mul(threads)?.checked_mul(size_of::<f64>())?;
            let interpreted =
                maps.checked_mul(SAMPLES)?.checked_add(columns)?.checked_mul(size_of::<f32>())?;
            largest = largest.max(definition).max(interpreted);
        }
        weights.checked_mul(COPIES * size_of::<f32>())?.checked_add(largest)
    }
}

impl Layer {
    /// Numbers of the state dict.
    fn parameters(&self) -> usize {
        match &self.operation {
            Operation::Linear(linear) => linear.weight.len(),
            Operation::ConvTranspose(conv) | Operation::Conv(conv) => conv.weight.len(),
            Operation::BatchNorm(norm) => 4 * norm.weight.len(),
            _ => 0,
        }
    }

    /// Elements of the matrix of patches between a sample of the shape `input` and its `output`.
    fn columns(&self, input: &[usize], output: &[usize]) -> Option<usize> {
        match (&self.operation, input, output) {
            (Operation::Conv(conv), [inputs, ..], [_, area @ ..])
            | (Operation::ConvTranspose(conv), [_, area @ ..], [inputs, ..]) => {
                let (_, _, height, width) = conv.weight.dim();
                product(&[*inputs, height, width])?.checked_mul(product(area)?)
            }
            _ => Some(0),
        }
    }
}

fn product(shape: &[usize]) -> Option<usize> {
    shape.iter().try_fold(1_usize, |product, length| product.checked_mul(*length))
}

#[cfg(test)]
mod tests {
    use ndarray::Array4;

    use super::*;
    use crate::network::{Convolution, NetworkKind};

    /// By hand: `[2, 3, 3]` to `[5, 6, 6]` by a kernel of 4, of 18 and 180 elements, with 5 * 16 rows of 9 columns.
    #[test]
    fn the_bytes_are_those_of_the_largest_layer_and_of_all_weights() {
        let weight = Array4::zeros((2, 5, 4, 4));
        let conv = Convolution { weight, bias: None, stride: 2, padding: 1 };
        let network = Network {
            kind: NetworkKind::Generator,
            arch: "one".into(),
            record: None,
            checkpoint: None,
            assumptions: None,
            input: vec![2, 3, 3],
            layers: vec![Layer::new("a", Operation::ConvTranspose(conv)), Layer::new("b", Operation::Relu)],
        };
        let shapes = network.shapes().unwrap();
        assert_eq!(shapes[0], [5, 6, 6]);
        assert_eq!(network.bytes(&shapes, 4), Some(160 * 8 * 4 + (18 + 180 + 720) * 4 * 8));
        // The ReLU has no columns and more samples: 360 elements of 16.
        assert_eq!(network.bytes(&shapes, 1), Some(160 * 8 * 4 + 360 * 16 * 4));
        assert_eq!(network.bytes(&[vec![usize::MAX, 2], vec![1]], 1), None);
    }
}
