//! The parts that a dataset is published in.

/// Which images of a published dataset are meant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Split {
    /// Those to train on
    #[default]
    Train,
    /// Those to test with
    Test,
}

impl Split {
    /// Its name, `train` or `test`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Test => "test",
        }
    }
}
