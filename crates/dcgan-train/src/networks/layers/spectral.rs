//! Spectral normalisation of a layer's weight (Miyato et al., 2018); a backend does the arithmetic.

use dfdx::prelude::*;

use super::layer::Visitor;
use crate::backend::operations::{Array, Backend, DeviceResult, Filter, RequiresGrad};

/// The vectors that estimate the largest singular value of a weight, seen as a matrix with a row for each element
/// of `U` and a column for each of `V`.
///
/// PyTorch equivalent: `torch.nn.utils.spectral_norm(module)`, with its one power iteration before each training
/// forward pass; `weight_u` and `weight_v` are these vectors, and `weight_orig` the weight before the division.
pub struct Spectral<U: Shape, V: Shape, B: Backend> {
    u: Array<U, B>,
    v: Array<V, B>,
}

impl<U: ConstShape, V: ConstShape, B: Backend> Spectral<U, V, B> {
    /// Vectors of zeros, to be initialised or loaded.
    pub(super) fn build(device: &B::Device) -> DeviceResult<Self, B> {
        Ok(Self { u: device.try_zeros()?, v: device.try_zeros()? })
    }

    /// A power iteration, and then as [`infer`](Self::infer); on the tape of `x`, which it returns.
    #[allow(clippy::type_complexity)] // a pair of tensors
    pub(super) fn train<W: Shape, X: Shape, T: Tape<f32, B::Device>>(
        &mut self,
        x: Array<X, B, T>,
        weight: &Array<W, B>,
        requires_grad: RequiresGrad,
    ) -> DeviceResult<(Array<X, B, T>, Array<W, B>), B> {
        B::power_iteration(weight, &mut self.u, &mut self.v)?;
        B::spectral(x, weight, &self.u, &self.v, requires_grad)
    }

    /// The weight, divided by the estimate that the vectors make of its largest singular value.
    #[allow(clippy::type_complexity)] // as above
    pub(super) fn infer<W: Shape, X: Shape>(
        &self,
        x: Array<X, B>,
        weight: &Array<W, B>,
    ) -> DeviceResult<(Array<X, B>, Array<W, B>), B> {
        B::spectral(x, weight, &self.u, &self.v, RequiresGrad::NONE)
    }

    fn visit<Vis: Visitor<B>>(&mut self, layer: &str, visitor: &mut Vis) -> Result<(), Vis::Error> {
        visitor.statistic(&format!("{layer}.weight_u"), &mut self.u)?;
        // PyTorch's is flat. A tensor of another shape shares the storage: there is nothing that could fail.
        let mut flat = self.v.clone().reshape_like(&(V::NUMEL,));
        visitor.statistic(&format!("{layer}.weight_v"), &mut flat)?;
        self.v = flat.reshape_like(&V::default());
        Ok(())
    }
}

/// Shows a visitor a layer's weight, under the names that it has with these vectors or without them.
pub(super) fn visit<W: Shape, U: ConstShape, V: ConstShape, B: Backend, Vis: Visitor<B>>(
    spectral: &mut Option<Spectral<U, V, B>>,
    layer: &str,
    weight: &mut Array<W, B>,
    visitor: &mut Vis,
) -> Result<(), Vis::Error> {
    match spectral {
        Some(spectral) => {
            visitor.parameter(&format!("{layer}.weight_orig"), weight)?;
            spectral.visit(layer, visitor)
        }
        None => visitor.parameter(&format!("{layer}.weight"), weight),
    }
}

/// A convolution's weight `[O, C, 4, 4]`, normalised spectrally or not.
pub(super) struct Kernel<const O: usize, const C: usize, B: Backend> {
    filter: Filter<O, C, B>,
    spectral: Option<Spectral<Rank1<O>, Rank3<C, 4, 4>, B>>,
}

impl<const O: usize, const C: usize, B: Backend> Kernel<O, C, B> {
    pub(super) fn build(device: &B::Device) -> DeviceResult<Self, B> {
        Ok(Self { filter: Filter::build(device)?, spectral: None })
    }

    pub(super) fn normalise(&mut self) -> DeviceResult<(), B> {
        self.spectral = Some(Spectral::build(self.filter.values().device())?);
        Ok(())
    }

    /// What `convolve` makes of `x` and the filter to use in training.
    pub(super) fn train<X: Shape, T: Tape<f32, B::Device>, Y>(
        &mut self,
        x: Array<X, B, T>,
        requires_grad: RequiresGrad,
        convolve: impl FnOnce(Array<X, B, T>, &Filter<O, C, B>) -> DeviceResult<Y, B>,
    ) -> DeviceResult<Y, B> {
        let Some(spectral) = &mut self.spectral else { return convolve(x, &self.filter) };
        let (x, weight) = spectral.train(x, self.filter.values(), requires_grad)?;
        convolve(x, &Filter::new(weight))
    }

    /// What `convolve` makes of `x` and the filter to use in sampling.
    pub(super) fn infer<X: Shape, Y>(
        &self,
        x: Array<X, B>,
        convolve: impl FnOnce(Array<X, B>, &Filter<O, C, B>) -> DeviceResult<Y, B>,
    ) -> DeviceResult<Y, B> {
        let Some(spectral) = &self.spectral else { return convolve(x, &self.filter) };
        let (x, weight) = spectral.infer(x, self.filter.values())?;
        convolve(x, &Filter::new(weight))
    }

    pub(super) fn visit<V: Visitor<B>>(&mut self, layer: &str, visitor: &mut V) -> Result<(), V::Error> {
        visit(&mut self.spectral, layer, self.filter.values_mut(), visitor)
    }
}
