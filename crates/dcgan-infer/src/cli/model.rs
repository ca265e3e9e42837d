//! The flags that say what a model's file leaves open.

use clap::{Args, ValueEnum};
use dcgan_infer::GeneratorConfig;
use dcgan_infer::generator::{Layout, MAX_LATENT, ValueRange};

#[derive(Debug, Args)]
#[command(next_help_heading = "For a model that does not say it itself")]
pub struct ModelArgs {
    /// Length of a latent vector, for an input of any size
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=MAX_LATENT as i64))]
    latent_size: Option<u32>,
    /// Output that holds the images, by default the only one, or the one called `image` or `output`
    #[arg(long, value_name = "NAME")]
    model_output: Option<String>,
    /// Order of an image's dimensions, PyTorch's (nchw) or TensorFlow's (nhwc), by default the one in which there are 1
    /// or 3 channels
    #[arg(long, value_name = "ORDER")]
    layout: Option<LayoutName>,
    /// Values that stand for black and white, by default what the file says, or else 0,255 for bytes and -1,1 for
    /// floats
    #[arg(long, value_name = "LOW,HIGH", allow_hyphen_values = true)]
    value_range: Option<ValueRange>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum LayoutName {
    Nchw,
    Nhwc,
}

impl From<ModelArgs> for GeneratorConfig {
    fn from(args: ModelArgs) -> Self {
        Self {
            latent_size: args.latent_size.map(|size| size as usize),
            output: args.model_output,
            layout: args.layout.map(|layout| match layout {
                LayoutName::Nchw => Layout::Nchw,
                LayoutName::Nhwc => Layout::Nhwc,
            }),
            value_range: args.value_range,
        }
    }
}
