//! `dcgan-train`: trains a DCGAN, and draws samples of a checkpoint.

use std::process::ExitCode;

use dcgan_kernels::recycler::Recycler;

mod cli;

/// A step's maps come and go in large blocks.
#[global_allocator]
static ALLOCATOR: Recycler = Recycler::new();

fn main() -> ExitCode {
    cli::main()
}
