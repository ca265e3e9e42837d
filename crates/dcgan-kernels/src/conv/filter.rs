//! A weight between its own layout, `[O, C, 4, 4]`, and the planes of a Winograd scheme, `[P * P, O, 4 C]`.
//!
//! Tap `(t, u)` of phase `(r, q)` is the weight's `(2t + r, 2u + q)`. Lanes are neighbouring phase channels:
//! four phases of four channels.

use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::sync::OnceLock;

use rayon::prelude::*;

use super::planes::Planes;
use super::scheme::{F22, F42, Scheme, both_ways};
use super::shape::ConvShape;
use crate::shared::Shared;
use crate::simd::{Kernel, LANES, Level, Simd, lanes, load, store_new};
use crate::uninit::filled;

/// Channels whose four phases fill a vector, and the floats of their weight.
const CHANNELS: usize = LANES / 4;
const GROUP: usize = CHANNELS * 16;

/// The planes of a weight under each scheme, computed when they are first needed.
///
/// They hold for as long as the weight does not change: a training step uses them up to six times.
#[derive(Debug, Default)]
pub struct WeightCache {
    f22: OnceLock<Vec<f32>>,
    f42: OnceLock<Vec<f32>>,
}

impl WeightCache {
    /// The planes under F(2,2).
    pub(super) fn f22(&self, shape: ConvShape, weight: &[f32]) -> &[f32] {
        self.f22.get_or_init(|| planes::<2, 3, F22>(shape, weight))
    }

    /// The planes under F(4,2).
    pub(super) fn f42(&self, shape: ConvShape, weight: &[f32]) -> &[f32] {
        self.f42.get_or_init(|| planes::<4, 5, F42>(shape, weight))
    }
}

/// Planes `[P * P, O, 4 C]`: `B g B^T`.
fn planes<const M: usize, const P: usize, F: Scheme<M, P>>(shape: ConvShape, weight: &[f32]) -> Vec<f32> {
    let (layout, level) = (layout(shape), Level::current());
    let fill = |planes: &mut [MaybeUninit<f32>]| {
        let to = Shared::new_memory(planes);
        weight.par_chunks_exact(shape.channels * 16).enumerate().for_each(|(output, weight)| {
            level.run(ToPlanes::<M, P, F> { output, weight, layout, to, scheme: PhantomData });
        });
    };
    // SAFETY: each output's task writes its row in every plane.
    unsafe { filled(layout.len(P * P), fill) }
}

/// The adjoint of [`planes`]: adds `B^T u B` to a weight's gradient.
pub(super) fn add_from_planes<const M: usize, const P: usize, F: Scheme<M, P>>(
    shape: ConvShape,
    level: Level,
    planes: &[f32],
    weight: &mut [f32],
) {
    let layout = layout(shape);
    weight.par_chunks_exact_mut(shape.channels * 16).enumerate().for_each(|(output, weight)| {
        level.run(FromPlanes::<M, P, F> { output, weight, layout, planes, scheme: PhantomData });
    });
}

/// How the planes of a weight lie in memory.
pub(super) fn layout(shape: ConvShape) -> Planes {
    Planes::whole(shape.outputs, 4 * shape.channels)
}

struct ToPlanes<'a, const M: usize, const P: usize, F> {
    output: usize,
    /// `[C, 4, 4]`.
    weight: &'a [f32],
    layout: Planes,
    to: Shared<'a>,
    scheme: PhantomData<F>,
}

impl<const M: usize, const P: usize, F: Scheme<M, P>> Kernel for ToPlanes<'_, M, P, F> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let row = self.weight.len() / 4;
        for (group, weight) in self.weight.chunks(GROUP).enumerate() {
            let [[t00, t01], [t10, t11]] = taps(weight);
            let taps = [[simd.load(&t00), simd.load(&t01)], [simd.load(&t10), simd.load(&t11)]];
            let values = both_ways::<S, F::Weight, P, 2>(simd, taps);
            let (column, count) = (group * LANES, weight.len() / 4);
            for (position, value) in values.into_iter().flatten().enumerate() {
                let at = self.layout.at(position, self.output, column);
                // SAFETY: this output's row, in every plane, is this task's alone.
                let to = unsafe { self.to.new_range(at, count) };
                simd.prefetch(to, row);
                store_new(value, to);
            }
        }
    }
}

struct FromPlanes<'a, const M: usize, const P: usize, F> {
    output: usize,
    /// `[C, 4, 4]`.
    weight: &'a mut [f32],
    layout: Planes,
    planes: &'a [f32],
    scheme: PhantomData<F>,
}

impl<const M: usize, const P: usize, F: Scheme<M, P>> Kernel for FromPlanes<'_, M, P, F> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let row = self.weight.len() / 4;
        for (group, weight) in self.weight.chunks_mut(GROUP).enumerate() {
            let (column, count) = (group * LANES, weight.len() / 4);
            let mut values = [[simd.splat(0.0); P]; P];
            for (position, value) in values.iter_mut().flatten().enumerate() {
                let at = self.layout.at(position, self.output, column);
                simd.prefetch(self.planes, at + row);
                *value = load(simd, &self.planes[at..][..count]);
            }
            let [[t00, t01], [t10, t11]] = both_ways::<S, F::WeightAdjoint, 2, P>(simd, values);
            add_taps([[lanes(t00), lanes(t01)], [lanes(t10), lanes(t11)]], weight);
        }
    }
}

/// The taps `[2, 2, lane]` of up to four channels `[C, 4, 4]`.
#[inline(always)]
fn taps(weight: &[f32]) -> [[[f32; LANES]; 2]; 2] {
    let mut taps = [[[0.0; LANES]; 2]; 2];
    for (channel, kernel) in weight.as_chunks::<16>().0.iter().enumerate() {
        for (k, value) in kernel.iter().enumerate() {
            let (y, x) = (k / 4, k % 4);
            taps[y / 2][x / 2][4 * channel + 2 * (y % 2) + x % 2] = *value;
        }
    }
    taps
}

/// The adjoint of [`taps`].
#[inline(always)]
fn add_taps(taps: [[[f32; LANES]; 2]; 2], weight: &mut [f32]) {
    for (channel, kernel) in weight.as_chunks_mut::<16>().0.iter_mut().enumerate() {
        for (k, value) in kernel.iter_mut().enumerate() {
            let (y, x) = (k / 4, k % 4);
            *value += taps[y / 2][x / 2][4 * channel + 2 * (y % 2) + x % 2];
        }
    }
}
