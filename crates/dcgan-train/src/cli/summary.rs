//! A network as a table of its layers, as Keras' `summary()` and torchinfo print it.

use std::fmt::{self, Display, Formatter};

use dcgan_core::NetworkSpec;
use dcgan_core::spec::Layer;
use serde::Serialize;

/// The layers of a network with their sizes, and the totals.
///
/// [`Display`] writes a table for people, [`Serialize`] the same numbers for programs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Summary {
    #[serde(flatten)]
    spec: NetworkSpec,
    /// Shape of one sample that goes in.
    input: Vec<usize>,
    layers: Vec<Row>,
    /// Trained values of all layers.
    parameters: usize,
    /// Multiply-adds of all layers for one image.
    multiply_adds: usize,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
struct Row {
    #[serde(flatten)]
    layer: Layer,
    parameters: usize,
    multiply_adds: usize,
}

impl Summary {
    /// The summary of a network.
    pub fn new(spec: NetworkSpec) -> Self {
        let row = |layer: Layer| Row {
            parameters: layer.parameters(),
            multiply_adds: layer.multiply_adds(),
            layer,
        };
        let layers: Vec<_> = spec.layers().into_iter().map(row).collect();
        Self {
            input: spec.input(),
            parameters: layers.iter().map(|row| row.parameters).sum(),
            multiply_adds: layers.iter().map(|row| row.multiply_adds).sum(),
            layers,
            spec,
        }
    }

    fn arch(&self) -> &str {
        match &self.spec {
            NetworkSpec::Generator(spec) => &spec.arch,
            NetworkSpec::Discriminator(spec) => &spec.arch,
        }
    }
}

impl Display for Summary {
    fn fmt(&self, f: &mut Formatter) -> fmt::Result {
        writeln!(f, "{} {}, input {}", self.arch(), self.spec.kind(), shape(&self.input))?;
        let titles = ["layer", "type", "output", "parameters", "multiply-adds"].map(str::to_owned);
        let layers = self.layers.iter().map(|Row { layer, parameters, multiply_adds }| {
            let kind = layer.operation.name().to_owned();
            [layer.name.clone(), kind, shape(&layer.output), count(*parameters), count(*multiply_adds)]
        });
        let total =
            ["total".into(), String::new(), String::new(), count(self.parameters), count(self.multiply_adds)];
        let rows: Vec<[String; 5]> = [titles].into_iter().chain(layers).chain([total]).collect();
        let width = |column: usize| rows.iter().map(|row| row[column].len()).max().unwrap_or(0);
        let [name, kind, output, parameters, multiply_adds] = [0, 1, 2, 3, 4].map(width);
        for [a, b, c, d, e] in &rows {
            writeln!(f, "{a:name$}  {b:kind$}  {c:output$}  {d:>parameters$}  {e:>multiply_adds$}")?;
        }
        Ok(())
    }
}

/// As in `512x4x4`.
fn shape(shape: &[usize]) -> String {
    shape.iter().map(usize::to_string).collect::<Vec<_>>().join("x")
}

/// As in `1,234,567`; empty for 0.
fn count(number: usize) -> String {
    if number == 0 {
        return String::new();
    }
    let digits = number.to_string();
    let mut grouped = String::new();
    for (index, digit) in digits.char_indices() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use dcgan_core::GeneratorSpec;

    use super::*;

    /// 2 latents to 1x4x4 (linear: 3 * 16 parameters), then one kernel of 4x4 at 16 pixels.
    #[test]
    fn a_small_generator_is_a_table_of_its_layers() {
        let spec = GeneratorSpec { arch: "tiny".into(), latent: 2, widths: vec![1], channels: 1 };
        let summary = Summary::new(NetworkSpec::Generator(spec));
        let expected = "\
tiny generator, input 2
layer    type             output  parameters  multiply-adds
fc       Linear           16              48             32
reshape  Reshape          1x4x4                            
tconv1   ConvTranspose2d  1x8x8           16            256
tanh     Tanh             1x8x8                            
total                                     64            288
";
        assert_eq!(summary.to_string(), expected);
        let json = serde_json::to_value(&summary).unwrap();
        assert_eq!((&json["network"], &json["parameters"]), (&"generator".into(), &64.into()));
        let layer = &json["layers"][2];
        assert_eq!((&layer["type"], &layer["stride"]), (&"ConvTranspose2d".into(), &2.into()));
        assert_eq!(layer["multiply_adds"], 256);
    }

    #[test]
    fn counts_have_commas() {
        assert_eq!([0, 7, 999, 1000, 1_234_567].map(count), ["", "7", "999", "1,000", "1,234,567"]);
    }
}
