//! The architectures: networks as types, and the table of those that the programs know.
//!
//! To add one, add a line to the table at the end.

use dcgan_core::spec::BASE_SIDE;
use dcgan_core::{DiscriminatorSpec, GeneratorSpec};
use dfdx::shapes::{Const, Shape};

use crate::engine::{Engine, FeatureShape, MapShape};
use crate::layers::{Down, Head, Layer, Project, Stem, ToImage, Up};

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
    type Generator<E: Engine>: Layer<E, Input = Self::Latents, Output = Self::Images>;
    /// From images to logits.
    type Discriminator<E: Engine>: Layer<E, Input = Self::Images, Output = FeatureShape<1>>;

    /// The shape of `batch` latents.
    fn latents(batch: usize) -> Self::Latents;
    /// The shape of `batch` images.
    fn images(batch: usize) -> Self::Images;

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

/// Three stages, images of 32x32: latents of `Z` numbers, maps of `A`, `B` and `C` channels.
///
/// `F` has to be `A * 16`, the values of the first map, which stable Rust cannot compute in a type.
///
/// ```
/// use dcgan_train::{arch::Three, gan::{Gan, GanConfig}, native::Native};
/// let gan = Gan::<Three<100, 64, 1024, 32, 16, 3>, Native>::new(&Default::default(), GanConfig::default(), 0);
/// # assert!(gan.is_ok());
/// ```
///
/// Another number does not compile:
///
/// ```compile_fail,E0080
/// # use dcgan_train::{arch::Three, gan::{Gan, GanConfig}, native::Native};
/// let gan = Gan::<Three<100, 64, 1000, 32, 16, 3>, Native>::new(&Default::default(), GanConfig::default(), 0);
/// ```
pub struct Three<
    const Z: usize,
    const A: usize,
    const F: usize,
    const B: usize,
    const C: usize,
    const CHANNELS: usize,
>;

/// Four stages, images of 64x64: latents of `Z` numbers, maps of `A`, `B`, `C` and `D` channels.
///
/// `F` has to be `A * 16`, as in [`Three`].
pub struct Four<
    const Z: usize,
    const A: usize,
    const F: usize,
    const B: usize,
    const C: usize,
    const D: usize,
    const CHANNELS: usize,
>;

impl<const Z: usize, const A: usize, const F: usize, const B: usize, const C: usize, const CHANNELS: usize>
    Architecture for Three<Z, A, F, B, C, CHANNELS>
{
    const LATENT: usize = Z;
    const WIDTHS: &'static [usize] = &[A, B, C];
    const CHANNELS: usize = CHANNELS;

    type Latents = FeatureShape<Z>;
    type Images = MapShape<CHANNELS, 32>;
    type Generator<E: Engine> =
        (Project<Z, A, 4, F, E>, (Up<A, B, 4, 8, E>, (Up<B, C, 8, 16, E>, ToImage<C, CHANNELS, 16, 32, E>)));
    type Discriminator<E: Engine> =
        (Stem<CHANNELS, C, 32, 16, E>, (Down<C, B, 16, 8, E>, (Down<B, A, 8, 4, E>, Head<A, 4, F, E>)));

    fn latents(batch: usize) -> Self::Latents {
        (Const, batch)
    }

    fn images(batch: usize) -> Self::Images {
        (Const, Const, Const, batch)
    }
}

impl<
    const Z: usize,
    const A: usize,
    const F: usize,
    const B: usize,
    const C: usize,
    const D: usize,
    const CHANNELS: usize,
> Architecture for Four<Z, A, F, B, C, D, CHANNELS>
{
    const LATENT: usize = Z;
    const WIDTHS: &'static [usize] = &[A, B, C, D];
    const CHANNELS: usize = CHANNELS;

    type Latents = FeatureShape<Z>;
    type Images = MapShape<CHANNELS, 64>;
    type Generator<E: Engine> = (
        Project<Z, A, 4, F, E>,
        (Up<A, B, 4, 8, E>, (Up<B, C, 8, 16, E>, (Up<C, D, 16, 32, E>, ToImage<D, CHANNELS, 32, 64, E>))),
    );
    type Discriminator<E: Engine> = (
        Stem<CHANNELS, D, 64, 32, E>,
        (Down<D, C, 32, 16, E>, (Down<C, B, 16, 8, E>, (Down<B, A, 8, 4, E>, Head<A, 4, F, E>))),
    );

    fn latents(batch: usize) -> Self::Latents {
        (Const, batch)
    }

    fn images(batch: usize) -> Self::Images {
        (Const, Const, Const, batch)
    }
}

/// A computation that is compiled for each architecture of the table.
pub trait ForArchitecture {
    /// Its result.
    type Output;

    /// The computation, for architecture `A` under this name.
    fn run<A: Architecture>(self, name: &'static str) -> Self::Output;
}

macro_rules! table {
    ($($name:literal $variant:ident = $architecture:ty, $about:literal;)*) => {
        /// The architectures that the programs know, by name.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
        pub enum Arch {
            $(#[doc = $about] #[value(name = $name)] $variant,)*
        }

        impl Arch {
            /// All of them, in the order of the table.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// Its name, such as `dcgan64`.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// Runs a computation with this architecture's types.
            pub fn run<F: ForArchitecture>(self, computation: F) -> F::Output {
                match self { $(Self::$variant => computation.run::<$architecture>($name),)* }
            }
        }
    };
}

table! {
    "dcgan64" Dcgan64 = Four<100, 512, 8192, 256, 128, 64, 3>, "64x64, colour: the reference network";
    "dcgan64-small" Dcgan64Small = Four<100, 128, 2048, 64, 32, 16, 3>, "64x64, colour, a quarter of the widths";
    "dcgan32" Dcgan32 = Three<100, 256, 4096, 128, 64, 3>, "32x32, colour";
    "dcgan32-small" Dcgan32Small = Three<100, 64, 1024, 32, 16, 3>, "32x32, colour, a quarter of the widths";
    "dcgan32-gray" Dcgan32Gray = Three<100, 256, 4096, 128, 64, 1>, "32x32, gray";
}
