//! The number format of matrix products.

/// What matrix products compute in; all else is in `f32`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Precision {
    /// 32-bit floats
    #[default]
    F32,
    /// TF32, on GPUs only: 10-bit mantissa, sums in f32
    Tf32,
    /// bfloat16, on GPUs only: 7-bit mantissa, sums in f32
    Bf16,
}

impl Precision {
    /// Its name, such as `tf32`.
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::Tf32 => "tf32",
            Self::Bf16 => "bf16",
        }
    }
}
