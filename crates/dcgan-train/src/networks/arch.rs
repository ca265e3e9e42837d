//! The architectures: networks as types, and the table of those that the programs know.
//!
//! To add one, add a line to the table at the end.

use dcgan_core::spec::BASE_SIDE;
use dcgan_core::{DiscriminatorSpec, GeneratorSpec, NetworkSpec};
use dcgan_kernels::conv::ConvShape;
use dfdx::shapes::Shape;

use crate::backend::operations::{Backend, FeatureShape};
use crate::networks::layers::Layer;

/// A pair of networks whose sizes are known to the compiler.
pub trait Architecture: 'static {
    /// Length of the latent vector.
    const LATENT: usize;
    /// Channels of the generator's maps, from the 4x4 one on; the discriminator's are the same in reverse.
    const WIDTHS: &'static [usize];
    /// Channels of the images.
    const CHANNELS: usize;
    /// Side of the images.
    const SIDE: usize = BASE_SIDE << Self::WIDTHS.len();

    /// Shape of a batch of latents, `[LATENT, N]`.
    type Latents: Shape;
    /// Shape of a batch of images, `[CHANNELS, SIDE, SIDE, N]`.
    type Images: Shape;
    /// From latents to images.
    type Generator<B: Backend>: Layer<B, Input = Self::Latents, Output = Self::Images>;
    /// From images to logits.
    type Discriminator<B: Backend>: Layer<B, Input = Self::Images, Output = FeatureShape<1>>;

    /// The shape of `batch` latents.
    fn latents(batch: usize) -> Self::Latents;
    /// The shape of `batch` images.
    fn images(batch: usize) -> Self::Images;

    /// The convolutions of the discriminator for one image, from its last one on; the generator's are their transposes.
    fn convolutions() -> Vec<ConvShape> {
        let inputs = Self::WIDTHS[1..].iter().chain([&Self::CHANNELS]);
        let shape = |((outputs, channels), stage): ((&usize, &usize), u32)| ConvShape {
            channels: *channels,
            outputs: *outputs,
            side: BASE_SIDE << stage,
            batch: 1,
        };
        Self::WIDTHS.iter().zip(inputs).zip(1..).map(shape).collect()
    }

    /// The generator as data, under a name.
    fn generator(name: &str) -> GeneratorSpec {
        GeneratorSpec {
            arch: name.into(),
            latent: Self::LATENT,
            widths: Self::WIDTHS.to_vec(),
            channels: Self::CHANNELS,
        }
    }

    /// The discriminator as data, under a name; without spectral normalisation.
    fn discriminator(name: &str) -> DiscriminatorSpec {
        let widths = Self::WIDTHS.iter().rev().copied().collect();
        DiscriminatorSpec { arch: name.into(), widths, channels: Self::CHANNELS, spectral_norm: false }
    }
}

/// Declares a type that is an [`Architecture`]: `Name: latent => widths of the generator's stages => image channels`.
///
/// There is a stage for each width, and each doubles the side from 4 on. The compiler computes the sides and the features
/// of the linear layers.
///
/// ```
/// use dcgan_train::{architecture, backend::cpu::CpuBackend, gan::{Gan, GanConfig}, networks::arch::Architecture};
///
/// architecture!(Small: 100 => 64 32 16 => 3);
/// assert_eq!(Small::SIDE, 32);
/// let gan = Gan::<Small, CpuBackend>::new(&Default::default(), GanConfig::default(), 0);
/// # assert!(gan.is_ok());
/// ```
#[macro_export]
macro_rules! architecture {
    ($(#[$attribute:meta])* $visibility:vis $name:ident: $latent:literal => $first:literal $($width:literal)* => $channels:literal) => {
        $(#[$attribute])*
        $visibility struct $name;

        impl $crate::networks::arch::Architecture for $name {
            const LATENT: usize = $latent;
            const WIDTHS: &'static [usize] = &[$first $(, $width)*];
            const CHANNELS: usize = $channels;

            type Latents = $crate::backend::operations::FeatureShape<$latent>;
            type Images = $crate::backend::operations::MapShape<$channels, { 4 << [$first $(, $width)*].len() }>;
            type Generator<B: $crate::backend::operations::Backend> = (
                $crate::networks::layers::Project<$latent, $first, 4, { $first * 16 }, B>,
                $crate::generator_stages!(B, 4, $first $($width)* => $channels),
            );
            type Discriminator<B: $crate::backend::operations::Backend> = $crate::discriminator_stages!(
                B, 4, $crate::networks::layers::Head<$first, 4, { $first * 16 }, B>, $first $($width)* => $channels
            );

            fn latents(batch: usize) -> Self::Latents {
                (::dfdx::shapes::Const, batch)
            }

            fn images(batch: usize) -> Self::Images {
                (::dfdx::shapes::Const, ::dfdx::shapes::Const, ::dfdx::shapes::Const, batch)
            }
        }
    };
}

/// The generator's stages from the map of this side on: `backend, side, widths => image channels`.
#[doc(hidden)]
#[macro_export]
macro_rules! generator_stages {
    ($backend:ty, $side:expr, $last:literal => $channels:literal) => {
        $crate::networks::layers::ToImage<$last, $channels, { $side }, { $side * 2 }, $backend>
    };
    ($backend:ty, $side:expr, $width:literal $next:literal $($rest:literal)* => $channels:literal) => {
        (
            $crate::networks::layers::Up<$width, $next, { $side }, { $side * 2 }, $backend>,
            $crate::generator_stages!($backend, $side * 2, $next $($rest)* => $channels),
        )
    };
}

/// The discriminator's stages, put in front of the layers that follow the map of this side:
/// `backend, side, layers, widths => image channels`, the widths in the generator's order.
#[doc(hidden)]
#[macro_export]
macro_rules! discriminator_stages {
    ($backend:ty, $side:expr, $following:ty, $last:literal => $channels:literal) => {
        ($crate::networks::layers::Stem<$channels, $last, { $side * 2 }, { $side }, $backend>, $following)
    };
    ($backend:ty, $side:expr, $following:ty, $width:literal $next:literal $($rest:literal)* => $channels:literal) => {
        $crate::discriminator_stages!(
            $backend, $side * 2,
            ($crate::networks::layers::Down<$next, $width, { $side * 2 }, { $side }, $backend>, $following),
            $next $($rest)* => $channels
        )
    };
}

/// A computation that is compiled for each architecture of the table.
pub trait ForArchitecture {
    /// Its result.
    type Output;

    /// The computation, for architecture `A` under this name.
    fn run<A: Architecture>(self, name: &'static str) -> Self::Output;
}

macro_rules! table {
    ($($name:literal $type:ident: $latent:literal => $($width:literal)+ => $channels:literal, $about:literal;)*) => {
        $(architecture!(#[doc = $about] pub $type: $latent => $($width)+ => $channels);)*

        /// The architectures that the programs know, by name.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
        pub enum Arch {
            $(#[doc = $about] #[value(name = $name)] $type,)*
        }

        impl Arch {
            /// All architectures, in the order of the table.
            pub const ALL: &[Self] = &[$(Self::$type),*];

            /// The name, such as `dcgan64`.
            pub fn name(self) -> &'static str {
                match self { $(Self::$type => $name,)* }
            }

            /// The generator and the discriminator as data.
            pub fn specs(self) -> [NetworkSpec; 2] {
                match self {
                    $(Self::$type => [
                        NetworkSpec::Generator($type::generator($name)),
                        NetworkSpec::Discriminator($type::discriminator($name)),
                    ],)*
                }
            }

            /// Runs a computation with this architecture's types.
            pub fn run<F: ForArchitecture>(self, computation: F) -> F::Output {
                match self { $(Self::$type => computation.run::<$type>($name),)* }
            }
        }
    };
}

table! {
    "dcgan64" Dcgan64: 100 => 512 256 128 64 => 3, "64x64, colour: the reference network";
    "dcgan64-small" Dcgan64Small: 100 => 128 64 32 16 => 3, "64x64, colour, a quarter of the widths";
    "dcgan32" Dcgan32: 100 => 256 128 64 => 3, "32x32, colour";
    "dcgan32-small" Dcgan32Small: 100 => 64 32 16 => 3, "32x32, colour, a quarter of the widths";
    "dcgan32-gray" Dcgan32Gray: 100 => 256 128 64 => 1, "32x32, gray";
}
