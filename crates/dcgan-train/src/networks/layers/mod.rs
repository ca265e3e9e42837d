//! The layers of the two networks, each typed by its sizes, and how they are stacked.
//!
//! A stack is a pair: a layer and the rest. The output of one has to be the input of the next, or the
//! program does not compile:
//!
//! ```
//! use dcgan_train::networks::layers::{Down, Layer, Stem};
//! use dcgan_train::backend::cpu::CpuBackend;
//!
//! type Narrowing = (Stem<3, 8, 16, 8, CpuBackend>, Down<8, 16, 8, 4, CpuBackend>);
//! let stack = Narrowing::build(&dfdx::tensor::Cpu::default());
//! # assert!(stack.is_ok());
//! ```
//!
//! Channels that do not meet (8 and 9):
//!
//! ```compile_fail,E0599
//! # use dcgan_train::networks::layers::{Down, Layer, Stem};
//! # use dcgan_train::backend::cpu::CpuBackend;
//! type Narrowing = (Stem<3, 8, 16, 8, CpuBackend>, Down<9, 16, 8, 4, CpuBackend>);
//! let stack = Narrowing::build(&dfdx::tensor::Cpu::default());
//! ```
//!
//! Sides that do not meet (8 and 16):
//!
//! ```compile_fail,E0599
//! # use dcgan_train::networks::layers::{Down, Layer, Stem};
//! # use dcgan_train::backend::cpu::CpuBackend;
//! type Narrowing = (Stem<3, 8, 16, 8, CpuBackend>, Down<8, 16, 16, 8, CpuBackend>);
//! let stack = Narrowing::build(&dfdx::tensor::Cpu::default());
//! ```
//!
//! A convolution whose output is not half its input (16 and 4):
//!
//! ```compile_fail,E0080
//! # use dcgan_train::networks::layers::{Layer, Stem};
//! # use dcgan_train::backend::cpu::CpuBackend;
//! let stack = Stem::<3, 8, 16, 4, CpuBackend>::build(&dfdx::tensor::Cpu::default());
//! ```

mod batch_norm;
mod down;
mod head;
mod layer;
mod project;
mod spectral;
mod stem;
mod to_image;
mod up;

pub use batch_norm::BatchNorm;
pub use down::Down;
pub use head::Head;
pub use layer::{FIRST_CONVOLUTION, Layer, Visitor};
pub use project::Project;
pub use spectral::Spectral;
pub use stem::Stem;
pub use to_image::ToImage;
pub use up::Up;
